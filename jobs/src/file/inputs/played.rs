//! What of a recording is played: channels, parts, level, and noise under it.

use audio::sounding::Sounding;
use presets::document::{Collector, Fields, Kind, Located, Node, Scalar, closest, decibels, seconds, whole};
use score::segment::ShortLast;

use super::super::encoding::TRIM_DB;
use super::super::levels::{level as level_in, normalize};
use super::super::midi::PICKS;
use super::super::output::MOST_SECONDS;
use super::template;
use crate::task::{ChannelPick, NoiseKind, NoiseLevel, TakeLevel, Target};
use crate::template::Template;

/// Most beats or bars of a segment.
pub(super) const MOST_BEATS: u64 = 100_000;
/// Shortest segment and hop: a frame at the lowest rate takes less.
const LEAST_SECONDS: f64 = 0.001;
/// The range of levels in dBu: beyond what circuits take, either way.
const DBU: std::ops::RangeInclusive<f64> = -60.0..=60.0;

/// Some channels of a recording, played as one take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ChannelChoice {
    /// What a word stands for.
    Word(&'static str, ChannelPick),
    /// One, from 1.
    Number(u16),
    /// Each as a take of its own.
    Each,
}

/// Which parts of recordings are played.
#[derive(Clone, Debug, PartialEq)]
pub struct SegmentsForm {
    /// Where they begin and end.
    pub cut: Cut,
    /// What becomes of a short last one.
    pub last: ShortLast,
}

/// Where segments begin and end.
#[derive(Clone, Debug, PartialEq)]
pub enum Cut {
    /// By time.
    Length {
        /// Seconds of each.
        length: f64,
        /// Seconds from the start of one to that of the next.
        hop: f64,
    },
    /// By the beats of the music.
    Beats {
        /// How many beats or bars each has.
        count: usize,
        /// They are bars.
        bars: bool,
        /// The file that says where the beats of a recording are.
        of: Located<Template>,
    },
}

/// Noise under each take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NoiseForm {
    /// What it sounds like.
    pub kind: NoiseKind,
    /// How loud it is.
    pub level: NoiseLevel,
}

/// `channels: mono`, `channels: 2`, `channels: [sum, each]`.
pub(super) fn channels(node: &Node, collector: &Collector) -> Option<Located<Vec<ChannelChoice>>> {
    let choices: Vec<ChannelChoice> = match &node.kind {
        Kind::List(items) if items.is_empty() => {
            collector.mistake_with(
                &node.place,
                "channels is empty",
                "Write mono, a number, each, or some: [sum, each].",
            );
            return None;
        }
        Kind::List(items) => items.iter().filter_map(|item| channel(item, collector)).collect(),
        _ => channel(node, collector).into_iter().collect(),
    };
    Some(Located::new(choices, node.place.clone()))
}

fn channel(node: &Node, collector: &Collector) -> Option<ChannelChoice> {
    let word = node.scalar().map_or("", |scalar| scalar.text.as_str());
    match word {
        "each" => return Some(ChannelChoice::Each),
        "sum" => return Some(ChannelChoice::Word("sum", ChannelPick::Mono)),
        _ => {}
    }
    if let Some((word, pick)) = PICKS.iter().find(|(known, _)| *known == word) {
        return Some(ChannelChoice::Word(word, *pick));
    }
    if word.starts_with(|c: char| c.is_ascii_alphabetic()) {
        let help = match closest(word, PICKS.iter().map(|(word, _)| *word).chain(["each", "sum"])) {
            Some(close) => format!("Did you mean {close}?"),
            None => "Write mono, left, right, stereo, a number from 1, each, or some of them: [sum, each].".to_owned(),
        };
        collector.mistake_with(&node.place, format!("channels = {} is not known", node.shown()), help);
        return None;
    }
    let most = u64::from(audio::read::MAX_CHANNELS);
    whole("channels", node, 1..=most, collector).map(|number| ChannelChoice::Number(number as u16))
}

/// `segments: { length: 10 s, hop: 5 s }`, `segments: { bars: 4, of: "data/beats/{id}.txt" }`.
pub(super) fn segments(node: &Node, collector: &Collector) -> Option<Located<SegmentsForm>> {
    let before = collector.len();
    let fields = Fields::of("segments", node, collector)?;
    let time = |name: &'static str| {
        fields.get(name).and_then(|node| seconds(name, node, LEAST_SECONDS..=MOST_SECONDS, collector))
    };
    let (length, hop) = (time("length"), time("hop"));
    let (bars, beats) = (fields.whole("bars", 1..=MOST_BEATS), fields.whole("beats", 1..=MOST_BEATS));
    let of = fields.get("of").and_then(|node| template("of", node, collector));
    let lasts = [("keep", ShortLast::Keep), ("drop", ShortLast::Drop), ("pad", ShortLast::Pad)];
    let last = fields.choice("last", &lasts).unwrap_or_default();
    let places = ["hop", "of"].map(|name| fields.place_of(name).clone());
    fields.finish();
    if collector.len() > before {
        return None;
    }
    let cut = match (length, bars, beats) {
        (Some(length), None, None) => {
            if of.is_some() {
                let message = "of names beats, and these segments are cut by length";
                collector.mistake_with(&places[1], message, "Remove it, or write bars: 4 instead of length.");
            }
            Cut::Length { length, hop: hop.unwrap_or(length) }
        }
        (None, Some(count), None) | (None, None, Some(count)) => {
            if hop.is_some() {
                let message = "hop is for segments by length; those of beats and bars follow each other";
                collector.mistake_with(&places[0], message, "Remove it.");
            }
            let Some(of) = of else {
                let help = "Name the file of each recording: of: \"data/beats/{id}.txt\".";
                collector.mistake_with(&node.place, "segments of beats or bars need of", help);
                return None;
            };
            Cut::Beats { count: count as usize, bars: bars.is_some(), of }
        }
        _ => {
            let help = "Write segments: { length: 10 s }, { bars: 4, of: FILE } or { beats: 8, of: FILE }.";
            collector.mistake_with(&node.place, "segments takes one of length, bars and beats", help);
            return None;
        }
    };
    Some(Located::new(SegmentsForm { cut, last }, node.place.clone()))
}

/// `trim: true`, the level below which there is silence, or `trim: { below: -60 dB, hold: 1 s }`.
pub(super) fn trim(node: &Node, collector: &Collector) -> Option<Located<Sounding>> {
    let plain =
        |threshold_db| Sounding { threshold_db, hold_seconds: 0.0, shortest_seconds: 0.0, lead_in_seconds: 0.0 };
    let range = -120.0..=-20.0;
    let sounding = match (node.scalar().and_then(Scalar::boolean), node.map()) {
        (Some(true), _) => plain(TRIM_DB),
        (Some(false), _) => return None,
        (None, None) => plain(decibels("trim", node, range, collector)?),
        (None, Some(_)) => {
            let fields = Fields::of("trim", node, collector)?;
            let time = |name: &'static str| {
                let seconds = fields.get(name).and_then(|node| seconds(name, node, 0.0..=60.0, collector));
                seconds.unwrap_or(0.0)
            };
            let sounding = Sounding {
                threshold_db: fields.decibels("below", range).unwrap_or(TRIM_DB),
                hold_seconds: time("hold"),
                shortest_seconds: time("shortest"),
                lead_in_seconds: time("lead_in"),
            };
            fields.finish();
            sounding
        }
    };
    Some(Located::new(sounding, node.place.clone()))
}

/// `level: { gain: -3 dB }`, `{ normalize: -20 LUFS }` or `{ calibrate: { from: 12 dBu, to: 18.5 dBu } }`.
pub(super) fn level(node: &Node, collector: &Collector) -> Option<TakeLevel> {
    let before = collector.len();
    let fields = Fields::of("level", node, collector)?;
    let gain = fields.decibels("gain", -120.0..=24.0).map(TakeLevel::Gain);
    let target = fields.get("normalize").and_then(|node| self::target(node, collector)).map(TakeLevel::Target);
    let calibrated = fields.get("calibrate").and_then(|node| calibrate(node, collector)).map(TakeLevel::Gain);
    fields.finish();
    let mut found = [gain, target, calibrated].into_iter().flatten();
    match (found.next(), found.next()) {
        (Some(level), None) => Some(level),
        _ if collector.len() > before => None,
        _ => {
            let help = "Write one of gain: -3 dB, normalize: -20 LUFS and calibrate: { from: 12 dBu, to: 18.5 dBu }.";
            collector.mistake_with(&node.place, "level takes one level", help);
            None
        }
    }
}

/// A level by its unit, or by its name: `{ rms: -20 dBFS }`.
fn target(node: &Node, collector: &Collector) -> Option<Target> {
    if node.map().is_some() {
        return normalize(node, collector);
    }
    let range = -70.0..=0.0;
    let word = node.scalar().map_or("", |scalar| scalar.text.trim());
    let level = |unit| level_in("normalize", node, unit, range.clone(), collector);
    if word.ends_with("LUFS") {
        level("LUFS").map(Target::Loudness)
    } else if word.ends_with("dBFS") {
        level("dBFS").map(Target::Peak)
    } else if word.ends_with("dBTP") {
        level("dBTP").map(Target::TruePeak)
    } else {
        let message = format!("normalize = {} is no level with its unit", node.shown());
        let help = "Write -20 LUFS (loudness), -12 dBFS (peak), -1 dBTP (true peak) or { rms: -20 dBFS }.";
        collector.mistake_with(&node.place, message, help);
        None
    }
}

/// The gain between what full scale stands for in the recordings and what it stands for in the tones.
fn calibrate(node: &Node, collector: &Collector) -> Option<f64> {
    let fields = Fields::of("calibrate", node, collector)?;
    let help = "Write calibrate: { from: 12 dBu, to: 18.5 dBu }: what full scale stands for in the recordings, and in the tones.";
    let (from, to) = (fields.require("from", help), fields.require("to", help));
    let from = from.and_then(|node| level_in("from", node, "dBu", DBU, collector));
    let to = to.and_then(|node| level_in("to", node, "dBu", DBU, collector));
    fields.finish();
    Some(from? - to?)
}

/// `noise: { kind: pink, snr: 40 dB }`, `noise: { kind: hum, hertz: 50, level: -70 dBFS }`.
pub(super) fn noise(node: &Node, collector: &Collector) -> Option<NoiseForm> {
    let before = collector.len();
    let fields = Fields::of("noise", node, collector)?;
    fields.require("kind", "Write kind: white, pink or hum.");
    let kind = fields.choice("kind", &[("white", "white"), ("pink", "pink"), ("hum", "hum")]);
    let (hertz, harmonics) = (fields.whole("hertz", 10..=1_000), fields.whole("harmonics", 1..=100));
    let snr = fields.decibels("snr", -40.0..=140.0).map(NoiseLevel::Snr);
    let level = fields.get("level").and_then(|node| level_in("level", node, "dBFS", -140.0..=0.0, collector));
    let place = |name| fields.place_of(name).clone();
    let of_hum = hertz.map(|_| place("hertz")).or(harmonics.map(|_| place("harmonics")));
    fields.finish();
    if collector.len() > before {
        return None;
    }
    let kind = match kind? {
        "hum" => NoiseKind::Hum { hertz: hertz.unwrap_or(50) as u32, harmonics: harmonics.unwrap_or(10) as u32 },
        kind => {
            if let Some(place) = of_hum {
                let message = format!("hertz and harmonics are those of hum, and this is {kind} noise");
                collector.mistake_with(&place, message, "Remove them, or write kind: hum.");
            }
            if kind == "pink" { NoiseKind::Pink } else { NoiseKind::White }
        }
    };
    match (snr, level.map(NoiseLevel::Rms)) {
        (Some(level), None) | (None, Some(level)) => Some(NoiseForm { kind, level }),
        _ => {
            let help = "Write snr: 40 dB (below the take), or level: -70 dBFS.";
            collector.mistake_with(&node.place, "noise takes either snr or level", help);
            None
        }
    }
}
