//! Raw measurements: what a worker answers, before anybody judges it.

use std::path::PathBuf;

use audio::device::{DeviceInfo, Parameter, Ports};
use audio::response::{Arrival, NoArrival};
use serde::{Deserialize, Serialize};

use crate::message::Phase;
use crate::strict::Strict;

/// One process's share of the measuring. What is to be shown in fresh processes is asked of fresh processes; the sound
/// to compare with lies in a file that the survey leaves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Script {
    /// Describe the device, play the stimulus through it once, keep that, and listen to its tail. Answered by
    /// [`Measured::Survey`].
    Survey {
        /// Where the sound is kept.
        keep: PathBuf,
    },
    /// Play the stimulus through a fresh instance and compare. Answered by [`Measured::Compared`], one a file.
    Play {
        /// Where the sound is kept, if it is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        keep: Option<PathBuf>,
        /// Sounds that were kept.
        against: Vec<PathBuf>,
    },
    /// Play it through two instances, one after the other. Answered by [`Measured::Compared`], one an instance.
    Twice {
        /// The sound that was kept.
        against: PathBuf,
    },
    /// Play it, then again after reset and state reload, and so after a different job; then, after each of these and after itself,
    /// something that begins at once, beside a fresh instance. Answered by [`Measured::Compared`], one each time.
    Reset {
        /// The sound that was kept.
        against: PathBuf,
    },
    /// Save the state and load it into another instance; whatever is played was not saved before. Answered by
    /// [`Measured::State`].
    State {
        /// The sound that was kept.
        against: PathBuf,
    },
    /// Ask for channel layouts. Answered by [`Measured::Layouts`].
    Layouts,
    /// Make many instances. Answered by [`Measured::Held`].
    Memory,
}

impl Script {
    /// What it does, for "crashed while ...".
    pub fn words(&self) -> &'static str {
        match self {
            Script::Survey { .. } => "playing it for the first time",
            Script::Play { .. } => "playing it in another process",
            Script::Twice { .. } => "playing two instances in one process",
            Script::Reset { .. } => "playing it again after a reset",
            Script::State { .. } => "carrying its state over",
            Script::Layouts => "trying channel layouts",
            Script::Memory => "making several instances",
        }
    }
}

/// The answer to a script.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measured {
    /// Of [`Script::Survey`].
    Survey(Box<Survey>),
    /// Of the scripts that play the stimulus again.
    Compared(Vec<Comparison>),
    /// Of [`Script::State`].
    State(Trip),
    /// Of [`Script::Layouts`].
    Layouts(Vec<Layout>),
    /// Of [`Script::Memory`].
    Held(Held),
}

/// A device, looked at and heard once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Survey {
    /// Who it is.
    pub info: DeviceInfo,
    /// Its connections as it comes.
    pub ports: Ports,
    /// Its parameters.
    pub parameters: Vec<Parameter>,
    /// How far the process went to be like every other.
    pub strict: Strict,
    /// Seconds until it was ready to process.
    pub load_seconds: f64,
    /// Threads that it started, the most at any moment that was looked at.
    pub threads: u32,
    /// What it printed on standard output.
    pub prints: Prints,
    /// Reported latency in frames.
    pub latency: u64,
    /// What came out.
    pub sound: Sound,
    /// When the noise came out.
    pub noise: Late,
    /// The frame after the impulse at which the answer to it is highest; absent where none came.
    pub impulse: Option<u64>,
    /// What it says of its tail after the stimulus.
    pub told_tail: super::ToldTail,
    /// How long it sounded on.
    pub tail: TailSpan,
}

/// What a device printed on standard output.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prints {
    /// How much.
    pub bytes: u64,
    /// The beginning of the first line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<String>,
}

/// What came out of a device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sound {
    /// Frames; fewer than those of the stimulus where something went wrong.
    pub frames: u64,
    /// Channels of its main output.
    pub channels: usize,
    /// BLAKE3, in hex, of every bit of it, and of the notes that it gave.
    pub blake3: String,
    /// Highest absolute sample; 0 for silence.
    pub peak: f32,
    /// Notes and other messages that it gave.
    pub notes: u64,
    /// What ended it early.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
    /// Seconds of processor time that the whole process took for it.
    pub cost_seconds: f64,
}

/// What ends a sound early.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// A sample is not a number, or infinite.
    NotFinite {
        /// Seconds from the beginning.
        at_seconds: f64,
    },
    /// The device reports failure, or was restarted into something else.
    Failed {
        /// Seconds from the beginning.
        at_seconds: f64,
    },
}

/// When noise came out of a device.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Late {
    /// It makes sound of notes, or of nothing: nothing goes through it.
    NothingGoesIn,
    /// What went in came out.
    Arrived {
        /// See [`Arrival::frames`].
        frames: f64,
        /// See [`Arrival::earliest`].
        earliest: u64,
        /// See [`Arrival::inverted`].
        inverted: bool,
        /// See [`Arrival::share`].
        share: f64,
    },
    /// Nothing came out.
    Silent,
    /// What came out is spread over time, or is another sound.
    Spread {
        /// See [`Arrival::share`].
        share: f64,
    },
}

impl From<Result<Arrival, NoArrival>> for Late {
    fn from(found: Result<Arrival, NoArrival>) -> Late {
        match found {
            Ok(Arrival { frames, earliest, inverted, share }) => Late::Arrived { frames, earliest, inverted, share },
            Err(NoArrival::Silent) => Late::Silent,
            Err(NoArrival::Spread(share)) => Late::Spread { share },
        }
    }
}

/// How long a device sounded on after its input ended.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TailSpan {
    /// Until it was 60 dB below its own peak, or below silence.
    Seconds(f64),
    /// Longer than anybody listened.
    LongerThan(f64),
    /// Nothing could be listened to: it was silent or at fault before.
    Nothing,
}

/// One sound beside one that was kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Equal in every bit.
    pub equal: bool,
    /// The highest difference of two samples, as a part of the kept sound's peak; absent where one of them ended early,
    /// has another shape, or is silent and the other is not.
    pub difference: Option<f64>,
}

/// What a state carried over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trip {
    /// Size of the state in bytes; absent where the device has none beside its parameters.
    pub bytes: Option<u64>,
    /// An instance into which the state was only loaded beside the kept sound.
    pub as_set: Option<Comparison>,
    /// With other values of its parameters, such an instance beside one that was only set to them.
    pub moved: Option<Comparison>,
    /// What an instance saves that has the state from another is the same, byte by byte, both times.
    pub bytes_equal: Option<bool>,
    /// A state was refused, in the device's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// Channels of the main input and output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Layout {
    /// In.
    pub inputs: usize,
    /// Out.
    pub outputs: usize,
}

/// What instances take of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Instances in each round.
    pub instances: u64,
    /// Resident bytes more with all instances of the first round alive than with one.
    pub alive: u64,
    /// Resident bytes more after the last round than after the first.
    pub left: u64,
    /// Rounds between these.
    pub rounds: u64,
}

/// A script that gave no answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Mishap {
    /// While doing what.
    pub during: String,
    /// In which phase, as the worker last said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// What happened, in words.
    pub what: String,
    /// The process died or had to be killed: a crash or a hang. Else the worker survived and says why it cannot.
    pub fatal: bool,
}

/// All that was measured of one device. Where a script was not asked for, since one before it shows that it cannot
/// succeed, its place is empty.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Outcomes {
    /// [`Script::Survey`].
    pub survey: Option<Result<Survey, Mishap>>,
    /// [`Script::Play`] as the survey was played.
    pub again: Option<Result<Vec<Comparison>, Mishap>>,
    /// [`Script::Play`] with the other block sizes, in the order of [`super::OTHER_BLOCKS`]. Each is compared with the
    /// survey and then with those before it.
    pub blocks: Vec<(u32, Result<Vec<Comparison>, Mishap>)>,
    /// [`Script::Twice`].
    pub twice: Option<Result<Vec<Comparison>, Mishap>>,
    /// [`Script::Reset`].
    pub reset: Option<Result<Vec<Comparison>, Mishap>>,
    /// [`Script::State`].
    pub state: Option<Result<Trip, Mishap>>,
    /// [`Script::Layouts`].
    pub layouts: Option<Result<Vec<Layout>, Mishap>>,
    /// [`Script::Memory`].
    pub memory: Option<Result<Held, Mishap>>,
}
