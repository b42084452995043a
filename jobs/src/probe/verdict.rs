//! The verdict about one device, as it is kept and shown.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::drawable::WithheldParameter;
use super::measured::{Fault, Layout, Mishap};
use crate::strict::Strict;
use crate::task::AudioSettings;

/// What measuring has shown of one device: of one binary, with one set of settings, at one rate and block size, by one
/// engine. In whatever is absent nothing was shown, mostly since an earlier step failed; [`Findings::mishaps`] says why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Verdict {
    /// [`crate::FORMAT_VERSION`].
    pub tonemill: u32,
    /// By which recipe: [`super::RECIPE`].
    #[serde(default)]
    pub recipe: u32,
    /// What measured: [`crate::ENGINE`].
    pub engine: String,
    /// The device.
    pub device: Identity,
    /// Rate and block size.
    pub audio: AudioSettings,
    /// How far the processes went to be alike; absent where none told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strict: Option<Strict>,
    /// What was found.
    #[serde(flatten)]
    pub findings: Findings,
}

/// Which device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Identity {
    /// `clap`, `vst3`, `builtin`, ...
    pub format: String,
    /// The identity within the format; empty where it could not be loaded and nobody named it.
    pub id: String,
    /// Name for people.
    pub name: String,
    /// Version as the plugin words it; may be empty.
    pub version: String,
    /// BLAKE3, in hex, of the plugin's file or of all files of its bundle; of a built-in, of the engine's name.
    pub binary_blake3: String,
    /// BLAKE3, in hex, of everything that is set on it: state, preset, assets, parameters, mode.
    pub settings_blake3: String,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Findings {
    /// It could be loaded and processed.
    pub loads: bool,
    /// Steps that crashed, hung or were refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mishaps: Vec<Mishap>,
    /// Takes notes and makes sound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instrument: Option<bool>,
    /// Something came out of its main output; absent where it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sounds: Option<bool>,
    /// Highest sample in dBFS; absent for silence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_dbfs: Option<f64>,
    /// Notes and other messages that it gave.
    #[serde(default)]
    pub notes_given: u64,
    /// What ended its sound early.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
    /// Its sound went beyond +60 dBFS.
    #[serde(default)]
    pub runaway: bool,
    /// How late its sound comes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<Latency>,
    /// How long it sounds on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tail: Option<Tail>,
    /// Two fresh instances in one process sounded equal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equal_in_process: Option<bool>,
    /// Fresh instances in fresh processes sounded equal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equal_in_processes: Option<bool>,
    /// Reset, and given the state of another instance that had not played, it sounded like a fresh one, also after a different job.
    /// Workers use such a device again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reset_safe: Option<bool>,
    /// What another block size changed; absent where it does not sound equal in fresh processes anyway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocks: Option<Blocks>,
    /// Channel layouts that it takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layouts: Option<Vec<Layout>>,
    /// What its state carries over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<State>,
    /// Its parameters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Parameters>,
    /// Bytes that it printed on standard output.
    #[serde(default)]
    pub prints_bytes: u64,
    /// The beginning of the first line that it printed there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prints_first: Option<String>,
    /// Threads that it started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threads: Option<u32>,
    /// Milliseconds until it was ready to process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load_ms: Option<f64>,
    /// Seconds of sound for each second of processor time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times_real_time: Option<f64>,
    /// What instances take of memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Memory>,
}

/// How late a device's sound comes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Latency {
    /// Frames, as it reports.
    pub reported: u64,
    /// As measured.
    pub measured: TrueLatency,
    /// The reported latency lies where the measured sound begins or is highest, or between; absent for models of other
    /// equipment, whose delay is part of their sound, and where that could not
    /// be measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub right: Option<bool>,
}

/// Latency as measured.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TrueLatency {
    /// Impulse and noise came out once and in one place.
    Frames {
        /// The highest point of its answer, in frames and parts of them.
        frames: f64,
        /// Where its answer begins: 20 dB below that.
        earliest: u64,
        /// The highest point is negative.
        inverted: bool,
        /// The share of what came out that came there, 0 to 1.
        share: f64,
    },
    /// It makes sound of notes, or of nothing.
    NothingGoesIn,
    /// Nothing came out.
    Silent,
    /// What came out is spread over time, as of a reverb, or is another sound, as of a pitch shifter.
    Spread {
        /// The largest share of what came out that came in one place.
        share: f64,
    },
    /// Impulse and noise came out at different times.
    Disagreeing {
        /// The frame at which the answer to the noise is highest.
        noise: f64,
        /// The frame at which the answer to the impulse is highest.
        impulse: u64,
    },
    /// It comes so late, and reports nothing, that it seems meant: an echo.
    Echo {
        /// The frame.
        frames: f64,
    },
}

/// How long a device sounds on after its input ends.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Tail {
    /// As it reports.
    pub reported: ToldTail,
    /// Seconds until it was 60 dB below its peak; absent where that was longer than anybody listened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// How long was listened, where it went on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub longer_than_seconds: Option<f64>,
}

/// A tail as reported.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ToldTail {
    /// At most this many seconds.
    Seconds(f64),
    /// It never ends.
    Infinite,
    /// It does not say.
    Unknown,
}

/// What the block size changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Blocks {
    /// All block sizes gave the same bits.
    pub equal: bool,
    /// The highest difference beside the sound's peak, in dB; absent where there is none, or where it cannot be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub difference_db: Option<f64>,
    /// The sizes that were compared.
    pub sizes: Vec<u32>,
}

/// What a state carries over to another instance.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct State {
    /// Its size in bytes; absent where there is none beside the parameters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// The other instance sounded equal, also with other values of its parameters. Absent where fresh instances differ
    /// anyway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equal_sound: Option<bool>,
    /// The other instance saved the same bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equal_bytes: Option<bool>,
    /// It refused a state of its own.
    #[serde(default)]
    pub refused: bool,
}

/// Parameters, and which of them a random draw may touch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Parameters {
    /// All of them.
    pub count: usize,
    /// Those that may be drawn.
    pub drawable: usize,
    /// The others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub withheld: Vec<WithheldParameter>,
}

/// What instances take of memory, in resident bytes. Small figures mean little: the system deals in pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Memory {
    /// Each one that is alive.
    pub instance_bytes: u64,
    /// What each one leaves behind when it is destroyed.
    pub leak_bytes: u64,
}

/// What the manifest repeats of a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// See [`Verdict::deterministic`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deterministic: Option<bool>,
    /// See [`Findings::reset_safe`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reset_safe: Option<bool>,
    /// Measured latency in frames, where it could be measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub true_latency: Option<f64>,
}

impl Findings {
    /// The same in, the same out: in every process and by every fresh instance. Absent where it was not shown.
    pub fn deterministic(&self) -> Option<bool> {
        match (self.equal_in_process, self.equal_in_processes) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (Some(true), Some(true)) => Some(true),
            _ => None,
        }
    }

    /// Whether a step took its process with it.
    pub fn crashed(&self) -> bool {
        self.mishaps.iter().any(|mishap| mishap.fatal)
    }

    /// Measured latency in frames, where there is such a thing.
    pub fn true_latency(&self) -> Option<f64> {
        match self.latency?.measured {
            TrueLatency::Frames { frames, .. } => Some(frames),
            _ => None,
        }
    }
}

impl Verdict {
    /// See [`Findings::deterministic`].
    pub fn deterministic(&self) -> Option<bool> {
        self.findings.deterministic()
    }

    /// What the manifest repeats.
    pub fn summary(&self) -> Summary {
        let Findings { reset_safe, .. } = self.findings;
        Summary { deterministic: self.deterministic(), reset_safe, true_latency: self.findings.true_latency() }
    }
}

/// The JSON Schema of a verdict.
pub fn schema() -> Value {
    schemars::schema_for!(Verdict).to_value()
}
