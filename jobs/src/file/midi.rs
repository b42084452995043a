//! Which events of a MIDI file a track plays, and which channels of a recording.

use std::path::{Path, PathBuf};

use presets::document::{Collector, Entry, Fields, Kind, Located, Node, Place, number, seconds, text, whole};
use score::{Gap, KeyMap, Overlaps, Part, ProgramChoice, ToChannels, Unmapped, Velocity, VelocityCurve};

use crate::task::ChannelPick;

/// Which channels of a recording are heard, as written.
pub(super) const PICKS: &[(&str, ChannelPick)] = &[
    ("all", ChannelPick::All),
    ("mono", ChannelPick::Mono),
    ("left", ChannelPick::Left),
    ("right", ChannelPick::Right),
    ("stereo", ChannelPick::Stereo),
    ("swap", ChannelPick::Swap),
    ("mid", ChannelPick::Mid),
    ("side", ChannelPick::Side),
];

/// Notes of a MIDI file, as written.
#[derive(Clone, Debug, PartialEq)]
pub struct MidiForm {
    /// The file.
    pub file: Located<PathBuf>,
    /// Which track of the file.
    pub track: Option<Located<TrackChoice>>,
    /// Which events, beside that, and what is made of them.
    pub part: Part,
    /// Where what chooses notes stands, for messages.
    pub chosen: Place,
}

/// A track of a MIDI file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrackChoice {
    /// By its name.
    Name(String),
    /// By its place in the file, from 0; of most files, track 0 holds tempo and no notes.
    Index(u16),
}

impl MidiForm {
    /// All notes of a file.
    pub(super) fn all(file: Located<PathBuf>) -> MidiForm {
        let chosen = file.place.clone();
        MidiForm { file, track: None, part: Part::default(), chosen }
    }
}

/// Whether a file's name says that it holds notes.
pub(super) fn is_midi(name: &str) -> bool {
    let extension = Path::new(name).extension().map(|e| e.to_string_lossy().to_ascii_lowercase());
    extension.is_some_and(|e| matches!(e.as_str(), "mid" | "midi" | "rmi" | "kar"))
}

/// Reads what stands behind `midi`.
pub(super) fn decode(node: &Node, folder: &Path, collector: &Collector) -> Option<MidiForm> {
    if node.map().is_none() {
        let file = text("midi", node, collector)?;
        return Some(MidiForm::all(Located::new(presets::url::join(folder, file), node.place.clone())));
    }
    let fields = Fields::of("midi", node, collector)?;
    fields.require("file", "Write midi: { file: song.mid, track: Bass }.");
    let file = fields.text("file").map(|f| Located::new(presets::url::join(folder, f.value), f.place));
    let track = fields.get("track").and_then(|node| {
        let choice = match node.scalar() {
            Some(scalar) if scalar.number().is_some() => {
                TrackChoice::Index(whole("track", node, 0..=65_535, collector)? as u16)
            }
            _ => TrackChoice::Name(text("track", node, collector)?),
        };
        Some(Located::new(choice, node.place.clone()))
    });
    let mut part = Part {
        channels: fields.get("channel").map_or_else(Vec::new, |node| channels(node, collector)),
        programs: fields.get("programs").map_or_else(Vec::new, |node| programs(node, collector)),
        key_map: fields.get("keys").and_then(|node| keys(node, collector)),
        transpose: fields.get("transpose").and_then(|node| semitones(node, collector)).unwrap_or(0),
        transpose_drums: fields.boolean("transpose_drums").unwrap_or(false),
        velocity: fields.get("velocity").and_then(|node| velocity(node, collector)).unwrap_or_default(),
        overlaps: fields.choice("overlaps", &[("keep", Overlaps::Keep), ("cut", Overlaps::Cut)]).unwrap_or_default(),
        mpe: fields.boolean("mpe").unwrap_or(false),
        ..Part::default()
    };
    if let Some(unmapped) = fields.choice("unmapped", &[("keep", Unmapped::Keep), ("drop", Unmapped::Drop)]) {
        part.key_map.get_or_insert_with(KeyMap::default).unmapped = unmapped;
    }
    if let Some(channel) = fields.whole("to_channel", 1..=16) {
        part.to_channels = ToChannels::All(channel as u8 - 1);
    }
    part.min_note_gap = fields
        .get("min_note_gap")
        .and_then(|node| seconds("min_note_gap", node, 0.0..=10.0, collector))
        .map(Gap::Seconds);
    // What General MIDI calls programs are no instruments on the drum channel.
    if !part.programs.is_empty() && part.channels.is_empty() {
        part.channels = (0..16).filter(|channel| *channel != DRUMS).collect();
    }
    let chosen = ["programs", "channel", "track", "file"].into_iter().find(|name| fields.get(name).is_some());
    let chosen = chosen.and_then(|name| fields.get(name)).map_or(fields.place(), |node| &node.place).clone();
    fields.finish();
    Some(MidiForm { file: file?, track, part, chosen })
}

/// The drum channel of General MIDI, from 0.
const DRUMS: u8 = 9;

/// One or several, each one node.
fn several(node: &Node) -> &[Node] {
    match &node.kind {
        Kind::List(items) => items,
        _ => std::slice::from_ref(node),
    }
}

fn channels(node: &Node, collector: &Collector) -> Vec<u8> {
    let channel = |node| whole("channel", node, 1..=16, collector).map(|channel| channel as u8 - 1);
    several(node).iter().filter_map(channel).collect()
}

fn semitones(node: &Node, collector: &Collector) -> Option<i8> {
    let semitones = number("transpose", node, -127.0..=127.0, collector)?;
    if semitones.fract() != 0.0 {
        let message = format!("transpose = {} is not a whole number of semitones", node.shown());
        collector.mistake_with(&node.place, message, "Write one such as -12.");
        return None;
    }
    Some(semitones as i8)
}

/// Programs from 1, one by one or from one to another: `[1-8, 12]`.
fn programs(node: &Node, collector: &Collector) -> Vec<ProgramChoice> {
    let mut programs = Vec::new();
    for item in several(node) {
        let text = item.scalar().map_or("", |scalar| scalar.text.as_str());
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let number = |text: &str| text.trim().parse().ok().filter(|number| (1..=128u8).contains(number));
        match (number(first), number(last)) {
            (Some(first), Some(last)) if first <= last => {
                programs.extend((first..=last).map(|program| ProgramChoice { program: program - 1, bank: None }));
            }
            _ => {
                let message = format!("{} is no program", item.shown());
                collector.mistake_with(&item.place, message, "Programs go from 1 to 128: programs: [1-8, 12].");
            }
        }
    }
    programs
}

/// Keys by what they become: `{ 36: 35 }`.
fn keys(node: &Node, collector: &Collector) -> Option<KeyMap> {
    let Kind::Map(entries) = &node.kind else {
        collector.mistake_with(&node.place, format!("keys is {}", node.shown()), "Write keys: { 36: 35 }.");
        return None;
    };
    let pair = |entry: &Entry| {
        let Some(from) = entry.key.value.parse().ok().filter(|key| *key < 128u8) else {
            let message = format!("\"{}\" is no key", entry.key.value);
            collector.mistake_with(&entry.key.place, message, "Keys go from 0 to 127; 60 is the middle C.");
            return None;
        };
        Some((from, whole("a key", &entry.value, 0..=127, collector)? as u8))
    };
    Some(KeyMap { keys: entries.iter().filter_map(pair).collect(), unmapped: Unmapped::Keep })
}

/// One velocity for all, or a map of one course and its limits.
fn velocity(node: &Node, collector: &Collector) -> Option<Velocity> {
    if node.map().is_none() {
        let fixed = whole("velocity", node, 1..=127, collector)? as u8;
        return Some(Velocity { curve: VelocityCurve::Fixed(fixed), ..Velocity::default() });
    }
    let fields = Fields::of("velocity", node, collector)?;
    let gamma = fields.number("gamma", 0.01..=100.0).map(VelocityCurve::Gamma);
    let fixed = fields.whole("fixed", 1..=127).map(|fixed| VelocityCurve::Fixed(fixed as u8));
    let (scale, offset) = (fields.number("scale", 0.0..=127.0), fields.number("offset", -127.0..=127.0));
    let linear = (scale.is_some() || offset.is_some())
        .then(|| VelocityCurve::Linear { scale: scale.unwrap_or(1.0), offset: offset.unwrap_or(0.0) });
    let mut velocity = Velocity::default();
    velocity.minimum = fields.whole("minimum", 1..=127).map_or(velocity.minimum, |least| least as u8);
    velocity.maximum = fields.whole("maximum", 1..=127).map_or(velocity.maximum, |most| most as u8);
    let place = fields.place().clone();
    fields.finish();
    let mut courses = [gamma, fixed, linear].into_iter().flatten();
    velocity.curve = courses.next().unwrap_or_default();
    if courses.next().is_some() {
        collector.mistake_with(&place, "velocity has several courses", "Write gamma, fixed, or scale and offset.");
        return None;
    }
    Some(velocity)
}
