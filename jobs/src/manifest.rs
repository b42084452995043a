//! What came out, with what made it.

mod store;

use std::path::{Path, PathBuf};

use audio::device::{DeviceInfo, ProcessMode};
pub use audio::offset::Offset;
pub use audio::quality::Flag;
use presets::draw::Drawn;
use serde::{Deserialize, Serialize};

use crate::message::ResolvedSetting;
use crate::probe::Summary;
use crate::quarantine;
use crate::sandbox::Level;
use crate::strict::Strict;
use crate::task::{AudioSettings, Deliver, Facts, FileFormat, Source, TimeChange};

pub use store::{FILE_NAME, ManifestError, Read, Writing, each, each_line, read, records, write};

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
    /// What was done to the take before the first device; absent of sessions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<InputRecord>,
    /// One entry an annotation, in the order of the task's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub annotations: Vec<AnnotationRecord>,
    /// Everything that a careful user would want to know: resampling, clipping, adapted channels.
    pub warnings: Vec<String>,
    /// What it took.
    pub timings: Timings,
    /// How far the process went to be like every other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strict: Option<Strict>,
    /// How far the process was confined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sandbox: Option<Level>,
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
    /// What is wrong with it, of what was looked at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<Flag>,
    /// It lies in the quarantine folder for its flags, which its path shows.
    #[serde(default, skip_serializing_if = "is_default")]
    pub quarantined: bool,
    /// How far it lies behind its dry take, where that was measured and could be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<Offset>,
}

/// What was done to a take before the first device.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct InputRecord {
    /// Gain in dB; 0 where none was asked for.
    pub gain_db: f64,
    /// RMS in dBFS of the noise that was laid under it; absent where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noise_rms_dbfs: Option<f64>,
    /// Its part of the recording, and both rates; absent where it is all of it at the render's rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<TimeChange>,
    /// Its loudness in LUFS as it went into the first device; absent where it is too short or silent to have one.
    pub loudness_lufs: Option<f64>,
    /// Its highest sample in dBFS, likewise; absent where all are 0.
    pub peak_dbfs: Option<f64>,
    /// Root of the mean square in dBFS, likewise.
    pub rms_dbfs: Option<f64>,
}

/// A file that belongs to a take, as it was written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AnnotationRecord {
    /// Where it is; in a manifest, relative to the manifest's folder where it lies below it.
    pub path: PathBuf,
    /// Where it was taken from.
    pub source: PathBuf,
    /// BLAKE3 of what was written, in hex.
    pub blake3: String,
    /// Its times were rewritten; otherwise it is a copy.
    pub rewritten: bool,
    /// What happened to the time of what it describes.
    pub change: TimeChange,
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
    /// Recordings that were decoded for it. A worker keeps the takes that it has made ready for its later tasks.
    #[serde(default, skip_serializing_if = "is_default")]
    pub inputs_decoded: u64,
    /// Devices that had played another task before, and are as good as fresh ones as a probe has found.
    #[serde(default, skip_serializing_if = "is_default")]
    pub devices_reused: u64,
}

/// One line of `manifest.jsonl`: one file with everything that made it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// [`crate::FORMAT_VERSION`].
    pub tonemill: u32,
    /// Path that the file was to have, relative to the manifest's folder where it lies below it; a file in quarantine lies
    /// elsewhere ([`Record::standing`]).
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
    /// Who the take is, where an input went through tones: the same for all tones and draws of it, and for it alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub take: Option<String>,
    /// The takes that never part, by one text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_group: Option<String>,
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
    #[serde(default, skip_serializing_if = "Facts::is_empty")]
    pub metadata: Facts,
    /// What was done to the take before the first device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<InputRecord>,
    /// Files that belong to the take, as they were written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub annotations: Vec<AnnotationRecord>,
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
    /// How far the worker process was confined; absent in manifests that do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sandbox: Option<Level>,
}

impl Record {
    /// Where its file stands, given the manifest's folder: below its quarantine if it lies there.
    pub fn standing(&self, folder: &Path) -> PathBuf {
        self.place(&folder.join(&self.path), folder)
    }

    /// Where a file of its task stands that was to stand at `path`: with its own file in quarantine.
    pub fn place(&self, path: &Path, folder: &Path) -> PathBuf {
        if self.file.quarantined { quarantine::quarantined(folder, path) } else { path.to_owned() }
    }
}
