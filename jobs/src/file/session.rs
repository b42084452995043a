//! The second kind of job: tracks, busses and a master.

use std::path::{Path, PathBuf};

use presets::document::{Collector, Entry, Fields, Kind, Located, Node, Place, decibels, number, text, whole};

use super::chain::{self, ChainSource};
use super::routing;
use crate::task::{Send, Strip};

/// Levels that a strip takes, in dB.
const GAIN: std::ops::RangeInclusive<f64> = -120.0..=24.0;
const LATER_TRACK: &[&str] = &["automation", "sidechain", "annotations", "draws", "offset"];

/// Tracks, busses and a master, as written.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionForm {
    /// Where it begins.
    pub place: Place,
    /// Where tempo and meter come from.
    pub tempo: TempoForm,
    /// The tracks in the order written, muted ones too.
    pub tracks: Vec<TrackForm>,
    /// The busses, each after all that feed it.
    pub busses: Vec<BusForm>,
    /// The chain behind the sum.
    pub master: ChainSource,
    /// Gain behind the master chain, in dB.
    pub master_gain_db: f64,
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
}

/// One track, as written.
#[derive(Clone, Debug, PartialEq)]
pub struct TrackForm {
    /// Its name.
    pub name: Located<String>,
    /// Where its sound comes from; `None` only where a mistake says why.
    pub source: Option<SourceForm>,
    /// Instrument and effects.
    pub chain: ChainSource,
    /// Level, pan and routing.
    pub strip: Strip,
    /// Muted, or silenced by another's solo.
    pub muted: bool,
}

/// Where a track's sound comes from, as written.
#[derive(Clone, Debug, PartialEq)]
pub enum SourceForm {
    /// A recording.
    Audio(Located<PathBuf>),
    /// Notes.
    Midi {
        /// The file.
        file: Located<PathBuf>,
        /// Which track of the file.
        track: Option<Located<TrackChoice>>,
        /// Which channel, from 0.
        channel: Option<Located<u8>>,
    },
}

/// A track of a MIDI file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrackChoice {
    /// By its name.
    Name(String),
    /// By its place in the file, from 0; of most files, track 0 holds tempo and no notes.
    Index(u16),
}

/// One bus, as written.
#[derive(Clone, Debug, PartialEq)]
pub struct BusForm {
    /// Its name.
    pub name: Located<String>,
    /// Its devices.
    pub chain: ChainSource,
    /// Level, pan and routing.
    pub strip: Strip,
}

pub(super) fn decode(node: &Node, folder: &Path, collector: &Collector) -> Option<SessionForm> {
    let fields = Fields::of("a session", node, collector)?;
    let tempo = fields.get("tempo").map_or(TempoForm::Unsaid, |node| tempo(node, folder, collector));
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
    let (master, master_gain_db) = fields.get("master").map_or((Vec::new(), 0.0), |n| master(n, folder, collector));
    fields.later(&["automation", "markers", "annotations"]);
    fields.finish();
    if !tracks.is_empty() && tracks.iter().all(|t| t.muted) && tracks.len() == track_nodes.len() {
        let place = &tracks[0].name.place;
        collector.mistake_with(place, "every track is muted, so nothing would be heard", "Remove a mute.");
    }
    Some(SessionForm {
        place: node.place.clone(),
        tempo,
        tracks,
        busses: routing::sort(busses, collector),
        master,
        master_gain_db,
    })
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
    if node.map().is_some() {
        let file = Fields::of("tempo", node, collector).and_then(|fields| {
            fields.require("midi", "Write tempo: { midi: song.mid }.");
            let file = fields.text("midi");
            fields.finish();
            file
        });
        return file.map_or(TempoForm::Unsaid, |f| TempoForm::File(Located::new(folder.join(f.value), f.place)));
    }
    if node.scalar().is_some_and(|s| s.number().is_none()) {
        let message = format!("tempo = {} is not a tempo", node.shown());
        let help = "Write from_midi, quarter notes a minute such as 120, or { midi: FILE }.";
        collector.mistake_with(&node.place, message, help);
        return TempoForm::Unsaid;
    }
    number("tempo", node, 1.0..=1000.0, collector).map_or(TempoForm::Unsaid, TempoForm::Fixed)
}

/// Looks ahead, since one track's solo decides about the others. What is no truth value is told when its turn comes.
fn is_solo(track: &Node) -> bool {
    let solo = track.map().and_then(|fields| fields.iter().find(|e| e.key.value == "solo"));
    solo.and_then(|e| e.value.scalar()).and_then(|s| s.boolean()) == Some(true)
}

fn track(entry: &Entry, folder: &Path, busses: &[&str], any_solo: bool, collector: &Collector) -> Option<TrackForm> {
    let fields = Fields::of("a track", &entry.value, collector)?;
    let (audio, midi) = (fields.get("audio"), fields.get("midi"));
    let instrument = fields.get("instrument");
    let tone = fields.get("tone");
    let source = match (audio, midi) {
        (Some(node), None) => text("audio", node, collector)
            .map(|file| SourceForm::Audio(Located::new(folder.join(file), node.place.clone()))),
        (None, Some(node)) => midi_source(node, folder, collector),
        (Some(_), Some(_)) => {
            let message = format!("track {} has both audio and midi", entry.key.value);
            collector.mistake_with(fields.place_of("midi"), message, "Make two tracks of it.");
            None
        }
        (None, None) => {
            let written = fields.entries().iter().any(|e| e.key.value == "audio" || e.key.value == "midi");
            if !written {
                let message = format!("track {} has neither audio nor midi", entry.key.value);
                collector.mistake_with(&entry.key.place, message, "Write audio: FILE, or midi: FILE and instrument.");
            }
            None
        }
    };
    match (midi, instrument) {
        (Some(_), None) => {
            let message = format!("track {} has notes but no instrument", entry.key.value);
            collector.mistake_with(&entry.key.place, message, "Write instrument: PRESET.");
        }
        (None, Some(node)) if audio.is_some() => {
            let message = format!("track {} has an instrument but no notes", entry.key.value);
            collector.mistake_with(&node.place, message, "A recording goes through a tone: write tone instead.");
        }
        _ => {}
    }
    let mut devices = instrument.map_or_else(Vec::new, |n| chain::decode("instrument", n, folder, collector));
    devices.extend(tone.into_iter().flat_map(|n| chain::decode("tone", n, folder, collector)));
    let strip = strip(&fields, busses, collector);
    let mute = fields.boolean("mute").unwrap_or(false);
    let solo = fields.boolean("solo").unwrap_or(false);
    fields.later(LATER_TRACK);
    fields.finish();
    Some(TrackForm { name: entry.key.clone(), source, chain: devices, strip, muted: mute || (any_solo && !solo) })
}

fn midi_source(node: &Node, folder: &Path, collector: &Collector) -> Option<SourceForm> {
    if node.map().is_none() {
        let file = text("midi", node, collector)?;
        let file = Located::new(folder.join(file), node.place.clone());
        return Some(SourceForm::Midi { file, track: None, channel: None });
    }
    let fields = Fields::of("midi", node, collector)?;
    fields.require("file", "Write midi: { file: song.mid, track: Bass }.");
    let file = fields.text("file").map(|f| Located::new(folder.join(f.value), f.place));
    let track = fields.get("track").and_then(|node| {
        let choice = match node.scalar() {
            Some(scalar) if scalar.number().is_some() => {
                TrackChoice::Index(whole("track", node, 0..=65_535, collector)? as u16)
            }
            _ => TrackChoice::Name(text("track", node, collector)?),
        };
        Some(Located::new(choice, node.place.clone()))
    });
    let channel = fields.get("channel").and_then(|node| {
        let channel = whole("channel", node, 1..=16, collector)?;
        Some(Located::new(channel as u8 - 1, node.place.clone()))
    });
    fields.finish();
    Some(SourceForm::Midi { file: file?, track, channel })
}

fn bus(entry: &Entry, folder: &Path, busses: &[&str], collector: &Collector) -> Option<BusForm> {
    if matches!(entry.value.kind, Kind::Null { .. }) {
        let strip = Strip { gain_db: 0.0, pan: 0.0, bus: None, sends: Vec::new() };
        return Some(BusForm { name: entry.key.clone(), chain: Vec::new(), strip });
    }
    let fields = Fields::of("a bus", &entry.value, collector)?;
    let devices = fields.get("chain").map_or_else(Vec::new, |n| chain::decode("chain", n, folder, collector));
    let strip = strip(&fields, busses, collector);
    fields.later(&["mute", "solo", "automation", "sidechain"]);
    fields.finish();
    Some(BusForm { name: entry.key.clone(), chain: devices, strip })
}

fn master(node: &Node, folder: &Path, collector: &Collector) -> (ChainSource, f64) {
    let Some(fields) = Fields::of("the master", node, collector) else { return (Vec::new(), 0.0) };
    let devices = fields.get("chain").map_or_else(Vec::new, |n| chain::decode("chain", n, folder, collector));
    let gain = fields.decibels("gain", GAIN).unwrap_or(0.0);
    fields.later(&["loudness", "ceiling", "automation", "sidechain"]);
    fields.finish();
    (devices, gain)
}

/// Level, pan and routing, of a track or bus alike.
fn strip(fields: &Fields<'_>, busses: &[&str], collector: &Collector) -> Strip {
    let gain_db = fields.decibels("gain", GAIN).unwrap_or(0.0);
    let pan = fields.number("pan", -100.0..=100.0).unwrap_or(0.0);
    let bus = fields.text("bus").filter(|name| name.value != routing::MASTER);
    let bus = bus.filter(|name| routing::check_bus(&name.value, &name.place, busses, collector));
    let mut sends = Vec::new();
    if let Some(node) = fields.get("sends") {
        match &node.kind {
            Kind::Map(entries) => {
                for Entry { key, value } in entries {
                    let known = routing::check_bus(&key.value, &key.place, busses, collector);
                    let level = decibels(&format!("the send to {}", key.value), value, GAIN, collector);
                    if let Some(gain_db) = level.filter(|_| known) {
                        sends.push(Send { bus: key.value.clone(), gain_db });
                    }
                }
            }
            _ => {
                let message = format!("sends is {}", node.shown());
                collector.mistake_with(&node.place, message, "It takes levels by bus: sends: { plate: -12 dB }.");
            }
        }
    }
    Strip { gain_db, pan, bus: bus.map(|b| b.value), sends }
}
