//! Which events of a song a device plays, and what is made of them first.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One track or channel of a song, as it is; the short form of a [`Part`]. A message without channel, such as a system
/// exclusive, belongs to every channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Select {
    /// Only this track, from 0.
    pub track: Option<u16>,
    /// Only this channel, from 0.
    pub channel: Option<u8>,
}

/// What one device plays of a song: which events, and what is made of them. [`Song::play`](crate::Song::play) does it.
///
/// In this order: MPE is decoded, events are selected, keys are mapped, transposed, velocities shaped, channels
/// rewritten; then ends of notes make room for the next note of their key. The default is everything, as it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Part {
    /// Only these tracks, from 0; empty for all.
    pub tracks: Vec<u16>,
    /// Only tracks on these MIDI ports, from 0; empty for all.
    pub ports: Vec<u8>,
    /// Only these channels, from 0; empty for all. A message without channel belongs to each. With `mpe`, the notes of a
    /// zone are on its master channel.
    pub channels: Vec<u8>,
    /// Only notes that begin while one of these programs is chosen on their channel; empty for all. Changes to other
    /// programs are left out, all other messages stay.
    pub programs: Vec<ProgramChoice>,
    /// Which key becomes which, as for a drum kit of another layout. For all notes of the part.
    pub key_map: Option<KeyMap>,
    /// Semitones up. Notes that leave 0..127 are left out and reported.
    pub transpose: i8,
    /// Transposes the drum channel, too, which is left alone otherwise.
    pub transpose_drums: bool,
    /// What velocities become.
    pub velocity: Velocity,
    /// What channels become.
    pub to_channels: ToChannels,
    /// How long before the next note of its key a note ends, at least. Without, an end at the very time of the next
    /// beginning only goes in front of it.
    pub min_note_gap: Option<Gap>,
    /// What becomes of a note that lasts beyond the next beginning of its key.
    pub overlaps: Overlaps,
    /// Turns the channels of MPE zones into expressions of single notes on the zone's master channel. Until the song
    /// configures zones, channel 0 is the master of all others, whose bends reach 48 semitones.
    pub mpe: bool,
}

/// A sound as a channel chooses it: the last program change and the bank selects in front of it. Orders by bank.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Program {
    /// Bank select, controller 0 times 128 plus controller 32: 0 to 16383.
    pub bank: u16,
    /// The program, from 0 to 127.
    pub program: u8,
}

/// A program in one bank or in any.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProgramChoice {
    /// The program, from 0 to 127.
    pub program: u8,
    /// Its bank as in [`Program::bank`]; `None` for any.
    #[serde(default)]
    pub bank: Option<u16>,
}

/// Which key becomes which.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct KeyMap {
    /// Pairs of a key and what it becomes, each 0 to 127, each key once.
    pub keys: Vec<(u8, u8)>,
    /// What becomes of all others.
    pub unmapped: Unmapped,
}

/// What becomes of keys that a map does not name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unmapped {
    /// They stay.
    #[default]
    Keep,
    /// They are left out and reported.
    Drop,
}

/// What velocities become. Those of releases stay.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Velocity {
    /// The course.
    pub curve: VelocityCurve,
    /// The least that comes out, 1 to 127.
    pub minimum: u8,
    /// The most that comes out, `minimum` to 127.
    pub maximum: u8,
}

/// A course of velocities, 1 to 127 in. What comes out is not rounded.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum VelocityCurve {
    /// As they are.
    #[default]
    AsWritten,
    /// All this one, 1 to 127.
    Fixed(u8),
    /// The part of 127 to this power, 0.01 to 100: below 1 is louder, above 1 softer in the middle.
    Gamma(f64),
    /// In a line.
    Linear {
        /// A factor, 0 to 127.
        scale: f64,
        /// Added behind it, -127 to 127.
        offset: f64,
    },
    /// In lines through these points, velocity in and out, 0 to 127, in rising order of the first; held beyond the ends.
    Points(Vec<(u8, u8)>),
}

/// What channels become.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ToChannels {
    /// As they are.
    #[default]
    Keep,
    /// All this one, from 0.
    All(u8),
    /// Pairs of a channel and what it becomes, from 0, each channel once; others stay.
    Each(Vec<(u8, u8)>),
}

/// A pause between two notes of one key. A note keeps at least half its length.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Gap {
    /// In seconds, 0 to 10.
    Seconds(f64),
    /// In ticks of the file.
    Ticks(u32),
}

/// What becomes of a note that lasts beyond the next beginning of its key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Overlaps {
    /// Both sound; each end carries the number of its own note.
    #[default]
    Keep,
    /// The first ends where the second begins, or by the gap earlier. For devices that know notes by their key alone.
    Cut,
}

/// A part that cannot be played.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PartError {
    /// A channel beyond the sixteenth.
    #[error("there is no channel {0}: they go from 0 to 15")]
    Channel(u8),
    /// A key or velocity beyond 127.
    #[error("{0} is no MIDI key or velocity: they go from 0 to 127")]
    Beyond127(u8),
    /// A program or bank that no message can choose.
    #[error("there is no program {} in bank {}: programs go from 0 to 127, banks from 0 to 16383", .0.program, .0.bank)]
    Program(Program),
    /// A key, channel or velocity that is said to become two things.
    #[error(
        "{0} stands twice in a map or in no rising order: name each once, points of a velocity curve in rising order"
    )]
    Twice(u8),
    /// Limits of velocity that leave nothing.
    #[error("velocities of {minimum} to {maximum} are none: the limits are 1 to 127, the lower one first")]
    Limits {
        /// The least.
        minimum: u8,
        /// The most.
        maximum: u8,
    },
    /// A velocity course that is out of range.
    #[error(
        "a velocity curve of {0:?} is out of range: gamma 0.01 to 100, scale 0 to 127, offset -127 to 127, at least one point"
    )]
    Curve(VelocityCurve),
    /// A gap that is no time.
    #[error("a gap of {0} s between notes is outside 0..10")]
    Gap(f64),
}

impl From<Select> for Part {
    fn from(select: Select) -> Part {
        Part {
            tracks: select.track.into_iter().collect(),
            channels: select.channel.into_iter().collect(),
            ..Part::default()
        }
    }
}

impl Default for Velocity {
    fn default() -> Velocity {
        Velocity { curve: VelocityCurve::AsWritten, minimum: 1, maximum: 127 }
    }
}

impl Velocity {
    /// What a velocity of 1 to 127 becomes, in 127ths; never 0.
    pub fn of(&self, velocity: u8) -> f64 {
        let written = f64::from(velocity);
        let curved = match &self.curve {
            VelocityCurve::AsWritten => written,
            VelocityCurve::Fixed(fixed) => f64::from(*fixed),
            VelocityCurve::Gamma(gamma) => 127.0 * (written / 127.0).powf(*gamma),
            VelocityCurve::Linear { scale, offset } => written * scale + offset,
            VelocityCurve::Points(points) => through(points, velocity),
        };
        curved.max(f64::from(self.minimum)).min(f64::from(self.maximum))
    }
}

/// The line through points at a velocity.
fn through(points: &[(u8, u8)], velocity: u8) -> f64 {
    let behind = points.partition_point(|point| point.0 <= velocity);
    let (from, to) = match (behind.checked_sub(1).map(|n| points[n]), points.get(behind)) {
        (Some(from), Some(to)) => (from, *to),
        (Some(point), None) => return f64::from(point.1),
        (None, Some(point)) => return f64::from(point.1),
        (None, None) => return f64::from(velocity),
    };
    let part = f64::from(velocity - from.0) / f64::from(to.0 - from.0);
    f64::from(from.1) + (f64::from(to.1) - f64::from(from.1)) * part
}

impl ProgramChoice {
    pub(crate) fn takes(self, program: Program) -> bool {
        self.program == program.program && self.bank.is_none_or(|bank| bank == program.bank)
    }
}

impl From<Program> for ProgramChoice {
    fn from(program: Program) -> ProgramChoice {
        ProgramChoice { program: program.program, bank: Some(program.bank) }
    }
}

impl Part {
    /// Fails if something in it is out of range. Tracks and ports that a song does not have are no error: they select
    /// nothing.
    pub fn check(&self) -> Result<(), PartError> {
        let targets: &[(u8, u8)] = match &self.to_channels {
            ToChannels::Keep => &[],
            ToChannels::All(channel) => &[(*channel, *channel)],
            ToChannels::Each(pairs) => pairs,
        };
        let channels = self.channels.iter().chain(targets.iter().flat_map(|(from, to)| [from, to]));
        channels.copied().find(|&channel| channel > 15).map_or(Ok(()), |channel| Err(PartError::Channel(channel)))?;
        for choice in &self.programs {
            let program = Program { program: choice.program, bank: choice.bank.unwrap_or(0) };
            if program.program > 127 || program.bank > 16_383 {
                return Err(PartError::Program(program));
            }
        }
        let keys = self.key_map.iter().flat_map(|map| &map.keys);
        let points: &[(u8, u8)] = match &self.velocity.curve {
            VelocityCurve::Points(points) => points,
            _ => &[],
        };
        for &(from, to) in keys.chain(points) {
            if from.max(to) > 127 {
                return Err(PartError::Beyond127(from.max(to)));
            }
        }
        once(targets)?;
        once(self.key_map.as_ref().map_or(&[], |map| &map.keys))?;
        if let Some(pair) = points.windows(2).find(|pair| pair[1].0 <= pair[0].0) {
            return Err(PartError::Twice(pair[1].0));
        }
        let Velocity { minimum, maximum, curve } = &self.velocity;
        if *minimum < 1 || maximum < minimum || *maximum > 127 {
            return Err(PartError::Limits { minimum: *minimum, maximum: *maximum });
        }
        let possible = match curve {
            VelocityCurve::AsWritten => true,
            VelocityCurve::Fixed(fixed) => (1..=127).contains(fixed),
            VelocityCurve::Gamma(gamma) => (0.01..=100.0).contains(gamma),
            VelocityCurve::Linear { scale, offset } => {
                (0.0..=127.0).contains(scale) && (-127.0..=127.0).contains(offset)
            }
            VelocityCurve::Points(points) => !points.is_empty(),
        };
        if !possible {
            return Err(PartError::Curve(curve.clone()));
        }
        match self.min_note_gap {
            Some(Gap::Seconds(seconds)) if !(0.0..=10.0).contains(&seconds) => Err(PartError::Gap(seconds)),
            _ => Ok(()),
        }
    }
}

fn once(pairs: &[(u8, u8)]) -> Result<(), PartError> {
    let mut seen = [false; 256];
    for &(from, _) in pairs {
        if std::mem::replace(&mut seen[usize::from(from)], true) {
            return Err(PartError::Twice(from));
        }
    }
    Ok(())
}
