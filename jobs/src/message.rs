//! What the farm and a worker say to each other.
//!
//! Each message is a frame: its length as four bytes, little endian, then that many bytes of JSON. The worker speaks
//! first with [`FromWorker::Ready`]. One request is under way at a time; its answer ends it.

use std::path::{Path, PathBuf};

use audio::device::{DeviceInfo, Fact, Parameter, Ports, TextSetting};
use presets::lv2preset::Lv2Preset;
use presets::{DeviceSetup, Value};
use serde::{Deserialize, Serialize};

pub use presets::PluginFormat;

pub use crate::frame::{FrameBuffer, FrameError, encode_frame, read_frame, write_frame};
use crate::manifest::Rendered;
use crate::probe::{Measured, Script};
use crate::sandbox::Level;
use crate::task::{AudioSettings, Task, plugin_file};

/// Longest frame that either side accepts, in bytes.
pub const MAX_FRAME: u32 = 64 << 20;

/// Requests to a worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToWorker {
    /// Render one task. Answered by [`FromWorker::Finished`] or [`FromWorker::Failed`].
    Render {
        /// Which attempt at it this is, from 1.
        attempt: u32,
        /// No other attempt follows in this run, however this one ends.
        #[serde(default)]
        last: bool,
        /// Its devices, numbered as [`crate::task::Render::devices`] does, that may be kept after it and used again in place of fresh
        /// ones that are set likewise: those of which a verdict says that this changes nothing.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        warm: Vec<u32>,
        /// The task.
        task: Box<Task>,
    },
    /// Bring one device to life, apply its settings and say what it is. Answered by [`FromWorker::Examined`].
    Examine {
        /// The device with all its settings.
        setup: Box<DeviceSetup>,
        /// Conditions to activate it under.
        audio: AudioSettings,
        /// Channels of the signal in front of it, 0 for the notes of an instrument: the device is asked for the channels
        /// that [`crate::channels::request`] says. Where absent, it stays as it comes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signal: Option<usize>,
    },
    /// Bring one device to life, apply its settings, and keep its state in a file. Answered by
    /// [`FromWorker::Captured`].
    Capture {
        /// The device with all its settings.
        setup: Box<DeviceSetup>,
        /// Conditions to activate it under.
        audio: AudioSettings,
        /// Where its state is written, complete or not at all. What stands there is replaced.
        state: PathBuf,
    },
    /// Measure one device in this process. Answered by [`FromWorker::Probed`].
    Probe {
        /// The device with all its settings.
        setup: Box<DeviceSetup>,
        /// Conditions to measure it under.
        audio: AudioSettings,
        /// What is measured.
        script: Script,
    },
    /// List the plugins in a file without making any. Answered by [`FromWorker::Listed`].
    List {
        /// What it is.
        format: PluginFormat,
        /// A plugin file, or a directory that is one.
        path: PathBuf,
    },
    /// Read the presets of LV2 plugins in a file or bundle. Answered by [`FromWorker::Presets`].
    ReadPresets {
        /// A `.ttl` file, a bundle, or a state that was saved before.
        path: PathBuf,
    },
    /// List the built-in devices. Answered by [`FromWorker::Listed`].
    ListBuiltin,
    /// Leave now, with status 0.
    Exit,
}

impl ToWorker {
    /// The plugin file that has to be loaded for it first; none where it needs no plugin.
    pub fn plugin_file(&self) -> Option<&Path> {
        match self {
            ToWorker::Render { task, .. } => task.render.plugin_files().next(),
            ToWorker::Examine { setup, .. } | ToWorker::Capture { setup, .. } | ToWorker::Probe { setup, .. } => {
                plugin_file(setup)
            }
            ToWorker::List { path, .. } | ToWorker::ReadPresets { path } => Some(path.as_path()),
            ToWorker::ListBuiltin | ToWorker::Exit => None,
        }
    }
}

/// What a worker says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FromWorker {
    /// The process waits for a request: when it has started, and again after each answer, once the devices of the last
    /// request are destroyed.
    Ready {
        /// [`crate::ENGINE`] of the worker's build; the farm refuses another than its own.
        engine: String,
        /// How far the process is confined.
        sandbox: Level,
    },
    /// Something else is being done now. Sent before anything that might not come back.
    Phase {
        /// What.
        phase: Phase,
        /// With which device, where it is about one; its name or, before it has one, what was asked for.
        device: Option<String>,
    },
    /// Blocks advance. Sent at most every tenth of a second while rendering.
    Progress {
        /// Frames of the longest output that are done.
        done: u64,
        /// Frames of the longest output, as far as it is known.
        total: u64,
    },
    /// A task is done and all its files stand under their final names.
    Finished {
        /// Everything about the result that the manifest repeats.
        rendered: Box<Rendered>,
    },
    /// A request failed in a way that the worker survives.
    Failed(Failure),
    /// The answer to [`ToWorker::Examine`].
    Examined(Box<Examination>),
    /// The answer to [`ToWorker::Capture`].
    Captured(Box<Captured>),
    /// The answer to [`ToWorker::Probe`].
    Probed(Box<Measured>),
    /// The answer to [`ToWorker::List`] and [`ToWorker::ListBuiltin`].
    Listed {
        /// What the file holds.
        plugins: Vec<DeviceInfo>,
    },
    /// The answer to [`ToWorker::ReadPresets`].
    Presets {
        /// What the file holds, at least one.
        presets: Vec<Lv2Preset>,
    },
}

/// What a worker is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Bringing a device to life.
    Load,
    /// Applying assets, state and parameters.
    Configure,
    /// Activating a device.
    Activate,
    /// Asking a device for its state.
    Save,
    /// Processing blocks.
    Process,
    /// Encoding and publishing files.
    Write,
    /// Deactivating and destroying a device.
    Destroy,
}

/// Why a request failed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// During what.
    pub phase: Phase,
    /// With which device, where it is about one.
    pub device: Option<String>,
    /// Position in the audio in seconds, where blocks were under way.
    pub at_seconds: Option<f64>,
    /// What happened and what to do, in words.
    pub reason: String,
    /// Whether another attempt may succeed. Wrong input stays wrong; a full disk may be emptied.
    pub retry: bool,
    /// The disk is full, or the folder cannot be written: everything else would fail likewise, so the run stops.
    #[serde(default)]
    pub stop_run: bool,
}

/// One device, examined.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Examination {
    /// Who it is.
    pub info: DeviceInfo,
    /// Its connections.
    pub ports: Ports,
    /// Its parameters with their current values.
    pub parameters: Vec<ExaminedParameter>,
    /// Latency in frames under the conditions asked for.
    pub latency: u64,
    /// One result for each of the setup's `params`, in order.
    pub settings: Vec<Result<ResolvedSetting, SettingProblem>>,
    /// What else is wrong with the setup: assets, state.
    pub problems: Vec<String>,
    /// What a plugin calls the files that it takes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
    /// Its settings that are texts, with what they hold now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub texts: Vec<TextSetting>,
    /// Files that its state or preset refers to, by absolute path.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub referenced: Vec<PathBuf>,
    /// What there is to tell of it beside its parameters, such as what the file that it plays says of itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub about: Vec<Fact>,
    /// What it does to the sound under the conditions asked for that nobody sees from its parameters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
}

impl Examination {
    /// Whether the device took everything that was set.
    pub fn is_sound(&self) -> bool {
        self.problems.is_empty() && self.settings.iter().all(Result::is_ok)
    }
}

/// One device with its state on disk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Captured {
    /// What it is, with everything applied. Where anything is wrong with the setup, no state was written.
    pub examination: Examination,
    /// The file with its state; absent where it has none beside its parameters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<StateFile>,
}

/// A state as a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateFile {
    /// Its size.
    pub bytes: u64,
    /// BLAKE3 of its content, in hex.
    pub blake3: String,
}

/// A parameter with what it shows now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExaminedParameter {
    /// What it is.
    pub parameter: Parameter,
    /// Plain value after all settings were applied.
    pub value: f64,
    /// That value in the device's words.
    pub text: Option<String>,
    /// The lowest value in the device's words.
    pub minimum_text: Option<String>,
    /// The highest value in the device's words.
    pub maximum_text: Option<String>,
}

/// One setting as the device understood it. The manifest repeats it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ResolvedSetting {
    /// The parameter's id.
    pub id: u32,
    /// The parameter's name.
    pub name: String,
    /// Plain value; of a setting that is a text, that text.
    pub value: Value,
    /// The value in the device's own words.
    pub text: Option<String>,
}

/// Why a setting cannot be applied.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SettingProblem {
    /// No parameter has that name or id.
    Unknown {
        /// Names that come close, the closest first.
        similar: Vec<String>,
    },
    /// Several parameters have that name.
    Ambiguous {
        /// Their ids.
        ids: Vec<u32>,
    },
    /// The parameter only reports.
    ReadOnly,
    /// The number is outside the range.
    OutOfRange {
        /// Lowest plain value.
        minimum: f64,
        /// Highest plain value.
        maximum: f64,
        /// Both in the device's words, where it has some.
        range_text: Option<(String, String)>,
    },
    /// The device cannot read the text.
    Unreadable {
        /// What its texts look like: those of the lowest and the highest value.
        examples: Vec<String>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_travels_to_a_worker_and_back_with_every_bit() {
        use proptest::prelude::*;
        proptest!(|(bits in any::<u64>())| {
            let value = f64::from_bits(bits);
            prop_assume!(value.is_finite());
            let setting = ResolvedSetting { id: 0, name: "Drive".to_owned(), value: Value::Number(value), text: None };
            let wire = encode_frame(&setting).unwrap();
            let back: ResolvedSetting = read_frame(&mut wire.as_slice()).unwrap().unwrap();
            let Value::Number(back) = back.value else { panic!("a number became a text") };
            prop_assert_eq!(back.to_bits(), bits);
        });
    }
}
