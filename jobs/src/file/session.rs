//! The second kind of job: tracks, busses and a master.

use std::path::{Path, PathBuf};

use presets::document::{Collector, Entry, Fields, Kind, Located, Node, Place, number, text};
use presets::file::PlacedLink;
use score::Position;

use super::automation::{self, ControllerForm, LaneForm};
use super::chain;
use super::levels::{LevelRules, level_rules};
use super::midi::{self, MidiForm};
use super::{routing, strip};
use crate::task::{ChannelPick, Fader, Strip};

const LATER_TRACK: &[&str] = &["annotations", "draws"];

/// Tracks, busses and a master, as written.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionForm {
    /// Where it begins.
    pub place: Place,
    /// Where tempo and meter come from.
    pub tempo: TempoForm,
    /// The tracks in the order written, muted ones too.
    pub tracks: Vec<TrackForm>,
    /// The busses in the order written.
    pub busses: Vec<BusForm>,
    /// What stands behind the sum.
    pub master: MasterForm,
}

/// What stands behind the sum, as written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MasterForm {
    /// Its devices.
    pub chain: Vec<PlacedLink>,
    /// Level behind the chain.
    pub fader: Fader,
    /// What moves.
    pub lanes: Vec<LaneForm>,
    /// The level that finished mixes are brought to.
    pub levels: LevelRules,
}

/// Where tempo and meter come from, as written.
#[derive(Clone, Debug, PartialEq)]
pub enum TempoForm {
    /// Nothing is said: from the MIDI file if there is one, else 120.
    Unsaid,
    /// From the one MIDI file that the tracks use.
    FromMidi(Located<()>),
    /// From this MIDI file.
    File(Located<PathBuf>),
    /// Quarter notes a minute.
    Fixed(f64),
    /// Changes of the tempo, and of the meter.
    Map {
        /// Quarter notes a minute from a position on.
        tempos: Vec<(Located<Position>, f64)>,
        /// Beats in a bar and what a beat is, from a position on.
        meters: Vec<(Located<Position>, u16, u16)>,
    },
    /// Devices hear of no tempo of the music's.
    Ignore,
}

/// One track, as written.
#[derive(Clone, Debug, PartialEq)]
pub struct TrackForm {
    /// Its name.
    pub name: Located<String>,
    /// Where its sound comes from; `None` only where a mistake says why.
    pub source: Option<SourceForm>,
    /// Instrument and effects.
    pub chain: Vec<PlacedLink>,
    /// Level, pan and routing.
    pub strip: Strip,
    /// What moves.
    pub lanes: Vec<LaneForm>,
    /// Parameters that follow MIDI controllers.
    pub controllers: Vec<ControllerForm>,
    /// When it starts.
    pub offset: Option<Located<Position>>,
    /// Muted, or silenced by another's solo.
    pub muted: bool,
    /// Left out where there is nothing to play.
    pub optional: bool,
}

/// Where a track's sound comes from, as written.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "there is one a track, while a job is planned")]
pub enum SourceForm {
    /// A recording.
    Audio {
        /// The file.
        file: Located<PathBuf>,
        /// Which of its channels are heard.
        channels: ChannelPick,
    },
    /// Notes.
    Midi(MidiForm),
    /// A further output of another track's instrument.
    Output {
        /// The track.
        of: Located<String>,
        /// The output bus, from 1.
        bus: usize,
    },
}

/// One bus, as written.
#[derive(Clone, Debug, PartialEq)]
pub struct BusForm {
    /// Its name.
    pub name: Located<String>,
    /// Its devices.
    pub chain: Vec<PlacedLink>,
    /// Level, pan and routing.
    pub strip: Strip,
    /// What moves.
    pub lanes: Vec<LaneForm>,
}

pub(super) fn decode(node: &Node, folder: &Path, collector: &Collector) -> Option<SessionForm> {
    let fields = Fields::of("a session", node, collector)?;
    let tempo = fields.get("tempo").map_or(TempoForm::Unsaid, |node| tempo(node, folder, collector));
    let tempo = with_meter(tempo, &fields, collector);
    let tracks = fields.require("tracks", "Write tracks: { NAME: { audio: FILE } }.");
    let track_nodes = tracks.map_or(&[][..], |node| named("tracks", node, collector));
    let bus_nodes = fields.get("busses").map_or(&[][..], |node| named("busses", node, collector));
    if tracks.is_some_and(|node| node.map().is_some_and(<[Entry]>::is_empty)) {
        let help = "Write tracks: { NAME: { audio: FILE } }.";
        collector.mistake_with(fields.place_of("tracks"), "the session has no track", help);
    }
    routing::check_names(track_nodes, bus_nodes, collector);
    let bus_names: Vec<&str> = bus_nodes.iter().map(|e| e.key.value.as_str()).collect();
    let solo = track_nodes.iter().any(|e| is_solo(&e.value));
    let tracks: Vec<TrackForm> =
        track_nodes.iter().filter_map(|entry| track(entry, folder, &bus_names, solo, collector)).collect();
    let busses = bus_nodes.iter().filter_map(|entry| bus(entry, folder, &bus_names, collector)).collect();
    let master = fields.get("master").map_or_else(MasterForm::default, |n| master(n, folder, collector));
    fields.later(&["markers", "annotations"]);
    fields.finish();
    if !tracks.is_empty() && tracks.iter().all(|t| t.muted) && tracks.len() == track_nodes.len() {
        let place = &tracks[0].name.place;
        collector.mistake_with(place, "every track is muted, so nothing would be heard", "Remove a mute.");
    }
    Some(SessionForm { place: node.place.clone(), tempo, tracks, busses, master })
}

/// The entries of a map from names to tracks or busses.
fn named<'n>(what: &str, node: &'n Node, collector: &Collector) -> &'n [Entry] {
    match &node.kind {
        Kind::Map(entries) => entries,
        _ => {
            let message = format!("{what} is {}", node.shown());
            collector.mistake_with(&node.place, message, "It takes a map from names: bass: { audio: bass.wav }.");
            &[]
        }
    }
}

fn tempo(node: &Node, folder: &Path, collector: &Collector) -> TempoForm {
    if node.scalar().is_some_and(|s| s.text == "from_midi") {
        return TempoForm::FromMidi(Located::new((), node.place.clone()));
    }
    if node.scalar().is_some_and(|s| s.text == "ignore") {
        return TempoForm::Ignore;
    }
    if let Kind::List(items) = &node.kind {
        let tempos = items.iter().filter_map(|item| {
            let [at, tempo] = pair("tempo", "[1.1, 120]", item, collector)?;
            let at = automation::position("tempo", at, collector);
            Some((at?, number("tempo", tempo, 1.0..=1000.0, collector)?))
        });
        return TempoForm::Map { tempos: tempos.collect(), meters: Vec::new() };
    }
    if node.map().is_some() {
        let file = Fields::of("tempo", node, collector).and_then(|fields| {
            fields.require("midi", "Write tempo: { midi: song.mid }.");
            let file = fields.text("midi");
            fields.finish();
            file
        });
        return file.map_or(TempoForm::Unsaid, |f| {
            TempoForm::File(Located::new(presets::url::join(folder, f.value), f.place))
        });
    }
    if node.scalar().is_some_and(|s| s.number().is_none()) {
        let message = format!("tempo = {} is not a tempo", node.shown());
        let help = "Write from_midi, ignore, quarter notes a minute such as 120, changes such as [[1.1, 120], [9.1, 132]], or { midi: FILE }.";
        collector.mistake_with(&node.place, message, help);
        return TempoForm::Unsaid;
    }
    number("tempo", node, 1.0..=1000.0, collector).map_or(TempoForm::Unsaid, TempoForm::Fixed)
}

/// Puts the session's meter beside its tempo.
fn with_meter(tempo: TempoForm, fields: &Fields<'_>, collector: &Collector) -> TempoForm {
    let Some(node) = fields.get("meter") else { return tempo };
    let start = || Located::new(Position::Beats(0.0), node.place.clone());
    let meters: Vec<_> = match &node.kind {
        Kind::List(items) => items
            .iter()
            .filter_map(|item| {
                let [at, written] = pair("meter", "[9.1, 3/4]", item, collector)?;
                let at = automation::position("meter", at, collector);
                let (beats, unit) = automation::meter(written, collector)?;
                Some((at?, beats, unit))
            })
            .collect(),
        _ => automation::meter(node, collector).map(|(beats, unit)| (start(), beats, unit)).into_iter().collect(),
    };
    match tempo {
        TempoForm::Map { tempos, .. } => TempoForm::Map { tempos, meters },
        TempoForm::Fixed(tempo) => TempoForm::Map { tempos: vec![(start(), tempo)], meters },
        other => {
            let help = "Write the tempo too, such as tempo: 120, or remove the meter.";
            collector.mistake_with(
                &node.place,
                "the meter comes with the tempo of a MIDI file, or with a written one",
                help,
            );
            other
        }
    }
}

/// The two parts of a pair such as `example`.
fn pair<'n>(what: &str, example: &str, node: &'n Node, collector: &Collector) -> Option<&'n [Node; 2]> {
    if let Kind::List(items) = &node.kind
        && let Ok(pair) = items.as_slice().try_into()
    {
        return Some(pair);
    }
    collector.mistake_with(&node.place, format!("a change of {what} is {}", node.shown()), format!("Write {example}."));
    None
}

/// Looks ahead, since one track's solo decides about the others. What is no truth value is told when its turn comes.
fn is_solo(track: &Node) -> bool {
    let solo = track.map().and_then(|fields| fields.iter().find(|e| e.key.value == "solo"));
    solo.and_then(|e| e.value.scalar()).and_then(|s| s.boolean()) == Some(true)
}

fn track(entry: &Entry, folder: &Path, busses: &[&str], any_solo: bool, collector: &Collector) -> Option<TrackForm> {
    let name = &entry.key.value;
    let fields = Fields::of("a track", &entry.value, collector)?;
    let instrument = fields.get("instrument");
    let tone = fields.get("tone");
    let source = source(name, &entry.key.place, &fields, instrument.is_some(), folder, collector);
    match (&source, instrument) {
        (Some(SourceForm::Midi(_)), None) if !fields.entries().iter().any(|e| e.key.value == "instrument") => {
            let message = format!("track {name} has notes but no instrument");
            collector.mistake_with(&entry.key.place, message, "Write instrument: PRESET.");
        }
        // What is media may be either, song by song.
        (Some(SourceForm::Audio { .. }), Some(node)) if fields.get("media").is_none() => {
            let message = format!("track {name} has an instrument but no notes");
            collector.mistake_with(&node.place, message, "A recording goes through a tone: write tone instead.");
        }
        (Some(SourceForm::Output { .. }), Some(node)) => {
            let message = format!("track {name} has an instrument and another's output");
            collector.mistake_with(&node.place, message, "Remove one of the two.");
        }
        _ => {}
    }
    let plays = matches!(source, Some(SourceForm::Midi(_)) | None);
    if !plays && fields.get("media").is_none() && fields.get("controllers").is_some() {
        let message = format!("track {name} has no notes, and so no MIDI controllers");
        collector.mistake_with(fields.place_of("controllers"), message, "Write automation instead.");
    }
    let mut devices = Vec::new();
    if let Some(node) = instrument {
        let instrument = chain::decode("instrument", node, folder, collector);
        devices.extend(instrument.into_iter().filter(|_| plays));
    }
    devices.extend(tone.into_iter().flat_map(|n| chain::decode("tone", n, folder, collector)));
    let strip = strip::strip(&fields, busses, collector);
    let sends: Vec<&str> = strip.sends.iter().map(|send| send.bus.as_str()).collect();
    let lanes = automation::lanes(&fields, &sends, collector);
    let controllers = automation::controllers(&fields, collector);
    let offset = fields.get("offset").and_then(|node| automation::position("offset", node, collector));
    let mute = fields.boolean("mute").unwrap_or(false);
    let solo = fields.boolean("solo").unwrap_or(false);
    let optional = fields.boolean("optional").unwrap_or(false);
    fields.later(LATER_TRACK);
    fields.finish();
    let muted = mute || (any_solo && !solo);
    let name = entry.key.clone();
    Some(TrackForm { name, source, chain: devices, strip, lanes, controllers, offset, muted, optional })
}

/// Where a track's sound comes from; the mistake is told where that is not clear.
fn source(
    name: &str,
    place: &Place,
    fields: &Fields<'_>,
    instrument: bool,
    folder: &Path,
    collector: &Collector,
) -> Option<SourceForm> {
    const SOURCES: [&str; 4] = ["audio", "midi", "media", "from"];
    let found = SOURCES.map(|source| (source, fields.get(source)));
    let channels = fields.choice("channels", midi::PICKS).unwrap_or_default();
    let mut written = found.iter().filter_map(|(source, node)| Some((*source, (*node)?)));
    let Some((kind, node)) = written.next() else {
        if !fields.entries().iter().any(|e| SOURCES.contains(&e.key.value.as_str())) {
            let message = format!("track {name} has neither audio nor midi");
            collector.mistake_with(place, message, "Write audio: FILE, or midi: FILE and instrument.");
        }
        return None;
    };
    if let Some((second, _)) = written.next() {
        let message = format!("track {name} has both {kind} and {second}");
        collector.mistake_with(fields.place_of(second), message, "Make two tracks of it.");
        return None;
    }
    if !matches!(kind, "audio" | "media") && fields.get("channels").is_some() {
        let message = format!("channels are those of a recording, and track {name} has none");
        let help = "Of notes, write midi: { file: song.mid, channel: 10 }.";
        collector.mistake_with(fields.place_of("channels"), message, help);
    }
    match kind {
        "from" => output_of(node, collector),
        "midi" => midi::decode(node, folder, collector).map(SourceForm::Midi),
        kind => {
            let file = text(kind, node, collector)?;
            let is_midi = kind == "media" && midi::is_midi(&file);
            let file = Located::new(presets::url::join(folder, file), node.place.clone());
            if is_midi && !instrument {
                let message = format!("track {name} plays {}, and has no instrument", node.shown());
                collector.mistake_with(&node.place, message, "Write instrument: PRESET.");
                return None;
            }
            Some(if is_midi { SourceForm::Midi(MidiForm::all(file)) } else { SourceForm::Audio { file, channels } })
        }
    }
}

/// `{ track: drums, output: 2 }`
fn output_of(node: &Node, collector: &Collector) -> Option<SourceForm> {
    let fields = Fields::of("from", node, collector)?;
    let help = "Write from: { track: drums, output: 1 }.";
    fields.require("track", help);
    let of = fields.text("track");
    let bus = fields.require("output", help).and_then(|node| automation::bus_number("output", node, collector));
    fields.finish();
    Some(SourceForm::Output { of: of?, bus: bus? })
}

fn bus(entry: &Entry, folder: &Path, busses: &[&str], collector: &Collector) -> Option<BusForm> {
    let name = entry.key.clone();
    if matches!(entry.value.kind, Kind::Null { .. }) {
        return Some(BusForm { name, chain: Vec::new(), strip: Strip::default(), lanes: Vec::new() });
    }
    let fields = Fields::of("a bus", &entry.value, collector)?;
    let chain = fields.get("chain").map_or_else(Vec::new, |n| chain::decode("chain", n, folder, collector));
    let strip = strip::strip(&fields, busses, collector);
    let sends: Vec<&str> = strip.sends.iter().map(|send| send.bus.as_str()).collect();
    let lanes = automation::lanes(&fields, &sends, collector);
    fields.later(&["mute", "solo"]);
    fields.finish();
    Some(BusForm { name, chain, strip, lanes })
}

fn master(node: &Node, folder: &Path, collector: &Collector) -> MasterForm {
    let Some(fields) = Fields::of("the master", node, collector) else { return MasterForm::default() };
    let chain = fields.get("chain").map_or_else(Vec::new, |n| chain::decode("chain", n, folder, collector));
    let fader = strip::fader(&fields, collector);
    let lanes = automation::lanes(&fields, &[], collector);
    let levels = level_rules(&fields, collector);
    fields.finish();
    MasterForm { chain, fader, lanes, levels }
}
