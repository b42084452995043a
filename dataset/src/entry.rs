//! What a data set consists of.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use audio::read::Shape;
use jobs::manifest::{DeviceRecord, Flag, Record};
use jobs::task::{Deliver, Facts};
use presets::draw::Drawn;
use serde_json::Value;

/// One rendered file, with its dry sound where it has one. What many entries say alike they share.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its name in the data set: unique, without `/` and points.
    pub key: String,
    /// Path of the rendered file in the output folder, as the manifest has it.
    pub path: Arc<str>,
    /// The rendered sound.
    pub wet: Sound,
    /// What went into it: the dry take that the job wrote, else the recording.
    pub dry: Option<Sound>,
    /// The take's name in the data set, which all entries made of it share.
    pub clip: Arc<str>,
    /// What the manifest measured of the rendered sound.
    pub measured: Measured,
    /// Which sound of the render.
    pub deliver: Deliver,
    /// The render's label, which the files of one render share.
    pub label: Arc<str>,
    /// The render's key.
    pub task: Arc<str>,
    /// Name of the recording or song for people.
    pub input: Arc<str>,
    /// The recordings and MIDI files that it was made of, by hash, with their names.
    pub inputs: Arc<BTreeMap<String, String>>,
    /// Everything that is somebody's work and went into it.
    pub assets: Arc<Vec<Arc<Asset>>>,
    /// Name of the folder that the recording lies in.
    pub folder: Option<Arc<str>>,
    /// Who the take is, as the job has it.
    pub take: Option<Arc<str>>,
    /// Its source group.
    pub group: Arc<str>,
    /// The tone; absent for sessions.
    pub tone: Option<Arc<str>>,
    /// Number of the draw, where there are several of a tone.
    pub draw: Option<u64>,
    /// What was drawn.
    pub drawn: Vec<Drawn>,
    /// Its split.
    pub split: Arc<str>,
    /// Licences of all that it was made of; `unknown` for assets that state none.
    pub licences: Arc<BTreeSet<String>>,
    /// What the job said of its input.
    pub metadata: Arc<Facts>,
    /// What belongs to the sound: MIDI, JAMS, chords, beats.
    pub annotations: Vec<Attached>,
    /// What its devices are and how they were set.
    pub devices: Arc<Devices>,
}

/// What the manifest measured of a rendered sound, and what was done to its level.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measured {
    /// Integrated loudness in LUFS.
    pub loudness_lufs: Option<f64>,
    /// Highest absolute sample in dBFS.
    pub peak_dbfs: Option<f64>,
    /// True peak in dBTP.
    pub true_peak_dbtp: Option<f64>,
    /// Latency that was removed in front of it, in frames.
    pub latency_removed: u64,
    /// No sample reaches -90 dBFS.
    pub silent: bool,
    /// Samples beyond full scale that an integer format could not hold.
    pub clipped_samples: u64,
    /// Frames that it lies behind its dry take, where that was measured.
    pub offset_frames: Option<i64>,
    /// Gain in dB before the first device; absent of sessions.
    pub input_gain_db: Option<f64>,
    /// RMS in dBFS of the noise that lies under it.
    pub noise_rms_dbfs: Option<f64>,
    /// Gain in dB over the whole, behind the last device.
    pub output_gain_db: f64,
    /// What is wrong with it, of what was looked at.
    pub flags: Vec<Flag>,
}

impl Measured {
    pub(crate) fn of(record: &Record) -> Measured {
        let (file, input) = (&record.file, record.input.as_ref());
        Measured {
            loudness_lufs: file.loudness_lufs,
            peak_dbfs: file.peak_dbfs,
            true_peak_dbtp: file.true_peak_dbtp,
            latency_removed: file.latency_removed,
            silent: file.silent,
            clipped_samples: file.clipped_samples,
            offset_frames: file.offset.map(|offset| offset.frames),
            input_gain_db: input.map(|input| input.gain_db),
            noise_rms_dbfs: input.and_then(|input| input.noise_rms_dbfs),
            output_gain_db: file.finished.as_ref().map_or(0.0, |finished| finished.gain_db),
            flags: file.flags.clone(),
        }
    }
}

/// A file of sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sound {
    /// Where it is.
    pub path: Arc<Path>,
    /// BLAKE3 in hex.
    pub blake3: Arc<str>,
    /// Frames, channels and rate.
    pub shape: Shape,
}

/// A file that belongs to a sound.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Attached {
    /// Where it is.
    pub path: Arc<Path>,
    /// BLAKE3 in hex.
    pub blake3: Arc<str>,
}

/// Somebody's work that goes into a sound: a recording, a MIDI file, a model, an impulse response.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Asset {
    /// Its part: `input`, `midi`, `asset`.
    pub role: String,
    /// Where it was found, or `embedded:NAME`.
    pub path: PathBuf,
    /// BLAKE3 in hex.
    pub blake3: String,
}

impl Asset {
    /// Its file name.
    pub(crate) fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }
}

/// The devices of a render, as far as data sets tell of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Devices {
    /// The settings of all as one JSON object of numbers and texts by `device/parameter`.
    pub parameters: String,
    /// Name, version and format of each.
    pub makers: BTreeSet<String>,
    /// The instruments: the track or bus that each stands in, and its name.
    pub instruments: Vec<(String, String)>,
}

impl Devices {
    pub(crate) fn of(devices: &[DeviceRecord]) -> Devices {
        let named = |device: &DeviceRecord| {
            let info = &device.info;
            format!("{} {} ({})", info.name, info.version, info.format).replace("  ", " ")
        };
        let instruments = devices.iter().filter(|device| device.info.instrument);
        Devices {
            parameters: Value::from(parameters(devices)).to_string(),
            makers: devices.iter().map(named).collect(),
            instruments: instruments.map(|device| (device.place.clone(), device.info.name.clone())).collect(),
        }
    }
}

fn parameters(devices: &[DeviceRecord]) -> serde_json::Map<String, Value> {
    let mut names: BTreeMap<&str, usize> = BTreeMap::new();
    let mut parameters = serde_json::Map::new();
    for device in devices {
        let count = names.entry(&device.info.name).or_default();
        *count += 1;
        // Two of a kind are told apart by their number.
        let name = if *count == 1 { device.info.name.clone() } else { format!("{} {count}", device.info.name) };
        for setting in &device.settings {
            let value = match &setting.value {
                presets::Value::Number(number) => Value::from(*number),
                presets::Value::Text(text) => Value::from(text.as_str()),
            };
            parameters.insert(format!("{name}/{}", setting.name), value);
        }
    }
    parameters
}

impl Attached {
    /// Its file name.
    pub fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }
}

impl Sound {
    /// Its file extension, in small letters.
    pub fn extension(&self) -> String {
        extension(&self.path)
    }

    /// Its length in seconds.
    pub fn seconds(&self) -> f64 {
        self.shape.sample_rate.seconds(self.shape.frames)
    }
}

impl Entry {
    /// What the deliverable is called: `mix`, `stem vox`.
    pub fn delivered(&self) -> String {
        delivered(&self.deliver)
    }

    /// Its licences as one SPDX expression.
    pub fn licence(&self) -> String {
        let of = |licence: &String| {
            let choice = self.licences.len() > 1 && licence.contains(" OR ");
            if choice { format!("({licence})") } else { licence.clone() }
        };
        self.licences.iter().map(of).collect::<Vec<_>>().join(" AND ")
    }

    /// What the job or the render says of its input under a name, as text.
    pub(crate) fn fact(&self, name: &str) -> Option<String> {
        match self.metadata.get(name) {
            Some(Value::String(text)) => return Some(text.clone()),
            Some(value) if !value.is_null() => return Some(value.to_string()),
            _ => {}
        }
        match name {
            "input" => Some(self.input.to_string()),
            "folder" => self.folder.as_deref().map(str::to_owned),
            "tone" => self.tone.as_deref().map(str::to_owned),
            _ => None,
        }
    }
}

/// What a deliverable is called.
pub(crate) fn delivered(deliver: &Deliver) -> String {
    match deliver {
        Deliver::Mix => "mix".to_owned(),
        Deliver::Premaster => "premaster".to_owned(),
        Deliver::Stem(name) => format!("stem {name}"),
        Deliver::MasterStem(name) => format!("master stem {name}"),
        Deliver::Dry(name) => format!("dry {name}"),
        Deliver::Without { without, .. } => format!("without {}", without.join(", ")),
    }
}

/// A file's extension in small letters; empty where it has none.
pub(crate) fn extension(path: &Path) -> String {
    path.extension().map_or_else(String::new, |e| e.to_string_lossy().to_ascii_lowercase())
}

/// A file's name without its extension.
pub(crate) fn stem(path: &Path) -> String {
    path.file_stem().map_or_else(String::new, |s| s.to_string_lossy().into_owned())
}

/// A name as it can be part of a key: without `/`, points, blanks and what file systems refuse. WebDataset ends a key at
/// the first point, ToneTwist's loader splits names at them.
pub(crate) fn key_of(name: &str) -> String {
    let fit = |c: char| if c == '.' || c.is_whitespace() { '_' } else { c };
    let name: String = jobs::template::file_name(name).chars().map(fit).collect();
    if name.is_empty() { "_".to_owned() } else { name }
}
