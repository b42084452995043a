//! What came out, with what made it.

mod store;

use std::path::PathBuf;

use audio::device::{DeviceInfo, ProcessMode};
use presets::draw::{Drawn, Metadata};
use serde::{Deserialize, Serialize};

use crate::message::ResolvedSetting;
use crate::probe::Summary;
use crate::strict::Strict;
use crate::task::{AudioSettings, Deliver, FileFormat, Source};

pub use store::{FILE_NAME, ManifestError, Read, merge, read, records, write};

/// What a worker reports of a finished task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rendered {
    /// One entry a file, in the order of the task's outputs.
    pub files: Vec<RenderedFile>,
    /// Every device that was part of it, in order of tracks, busses and master.
    pub devices: Vec<DeviceRecord>,
    /// The largest difference between the sum of the stems and the premaster, full scale being 1, where both were
    /// written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stems_differ: Option<f64>,
    /// Everything that a careful user would want to know: resampling, clipping, adapted channels.
    pub warnings: Vec<String>,
    /// What it took.
    pub timings: Timings,
    /// How far the process went to be like every other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strict: Option<Strict>,
}

/// One written file, measured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RenderedFile {
    /// Where it is.
    pub path: PathBuf,
    /// Size in bytes.
    pub bytes: u64,
    /// BLAKE3 of the file, in hex.
    pub blake3: String,
    /// Frames.
    pub frames: u64,
    /// Channels.
    pub channels: u16,
    /// Latency that was removed in front of it, in frames.
    pub latency_removed: u64,
    /// Integrated loudness in LUFS (ITU-R BS.1770); absent where it is too short or silent to have one.
    pub loudness_lufs: Option<f64>,
    /// Highest absolute sample in dBFS; absent where all are 0.
    pub peak_dbfs: Option<f64>,
    /// True peak in dBTP; absent where all samples are 0.
    pub true_peak_dbtp: Option<f64>,
    /// Highest short-term loudness (3 s) in LUFS; absent where it is too short or silent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub short_term_lufs: Option<f64>,
    /// Highest momentary loudness (400 ms) in LUFS; likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub momentary_lufs: Option<f64>,
    /// Loudness range in LU; likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range_lu: Option<f64>,
    /// Root of the mean square in dBFS; absent where all samples are 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rms_dbfs: Option<f64>,
    /// Mean of the channel whose mean is farthest from 0, full scale being 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dc_offset: Option<f64>,
    /// What was done to it once it was known to its end; absent where nothing was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished: Option<FinishRecord>,
    /// No sample reaches -90 dBFS.
    pub silent: bool,
    /// Samples beyond full scale that an integer format could not hold.
    pub clipped_samples: u64,
}

/// What was done to a file once it was known to its end.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FinishRecord {
    /// Gain over the whole in dB.
    pub gain_db: f64,
    /// The most that a limiter turned down, in dB; absent where none worked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limiter_reduction_db: Option<f64>,
    /// Frames of silence that were cut away in front.
    pub trimmed_start_frames: u64,
    /// Frames of silence that were cut away behind.
    pub trimmed_end_frames: u64,
}

/// One device of a render.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeviceRecord {
    /// The track, bus or `master` that it stands in; of a tone, `tone`.
    pub place: String,
    /// Who it is.
    pub info: DeviceInfo,
    /// How it was told to treat time; offline where absent.
    #[serde(default, skip_serializing_if = "is_default")]
    pub mode: ProcessMode,
    /// Reported latency in frames.
    pub latency: u64,
    /// What was set, as the device understood it.
    pub settings: Vec<ResolvedSetting>,
    /// What it did to the sound that nobody sees from its settings, such as gains that it reckoned from a file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
    /// What probing has shown of this very binary with these very settings, if it was probed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Summary>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// What a task took: seconds of wall-clock time, and what its worker did for it that others may have done already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Timings {
    /// Loading, configuring and activating devices, reading input.
    pub load: f64,
    /// Processing.
    pub render: f64,
    /// Encoding and publishing.
    pub write: f64,
    /// Id of the process that rendered it, as the system's logs name it; 0 in manifests that do not say.
    #[serde(default, skip_serializing_if = "is_default")]
    pub process: u32,
    /// Model files that were parsed for it. A worker keeps what it has parsed for its later tasks.
    #[serde(default, skip_serializing_if = "is_default")]
    pub models_parsed: u64,
}

/// One line of `manifest.jsonl`: one file with everything that made it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// [`crate::FORMAT_VERSION`].
    pub tonemill: u32,
    /// Path of the file, relative to the manifest's folder where it lies below it.
    pub path: String,
    /// The task's key.
    pub key: String,
    /// The task's label.
    pub label: String,
    /// What renders: [`crate::ENGINE`].
    pub engine: String,
    /// BLAKE3 of the job file, in hex.
    pub job_blake3: String,
    /// Which sound of the render.
    pub deliver: Deliver,
    /// How it is encoded.
    pub format: FileFormat,
    /// Rate and block size.
    pub audio: AudioSettings,
    /// The job's seed.
    pub seed: u64,
    /// Name of the tone, where an input went through one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tone: Option<String>,
    /// Which draw of the tone it is, from 0; absent where nothing was drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub draw: Option<u64>,
    /// What was drawn.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drawn: Vec<Drawn>,
    /// What the job says of the input.
    #[serde(default, skip_serializing_if = "Metadata::is_empty")]
    pub metadata: Metadata,
    /// The measured file.
    pub file: RenderedFile,
    /// Every file that it depends on.
    pub sources: Vec<Source>,
    /// Every device that was part of it.
    pub devices: Vec<DeviceRecord>,
    /// The largest difference between the sum of the session's stems and its premaster, full scale being 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stems_differ: Option<f64>,
    /// What a careful user would want to know.
    pub warnings: Vec<String>,
    /// What the task took.
    pub timings: Timings,
    /// Attempts that the task took.
    pub attempts: u32,
    /// How far the worker process went to be like every other; absent in manifests that do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strict: Option<Strict>,
}
