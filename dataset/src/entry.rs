//! What a data set consists of.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use audio::read::Shape;
use jobs::manifest::{DeviceRecord, RenderedFile};
use jobs::task::Deliver;
use serde_json::Value;

/// One rendered file, with its dry sound where it has one.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its name in the data set: unique, without `/` and points.
    pub key: String,
    /// Path of the rendered file in the output folder, as the manifest has it.
    pub path: String,
    /// The rendered sound.
    pub wet: Sound,
    /// What went into it, as recorded.
    pub dry: Option<Sound>,
    /// The dry sound's name in the data set. Entries made of the same sound share it.
    pub dry_key: Option<String>,
    /// What the manifest measured of the rendered sound.
    pub measured: RenderedFile,
    /// Which sound of the render.
    pub deliver: Deliver,
    /// The render's label, which the files of one render share.
    pub label: String,
    /// The render's key.
    pub task: String,
    /// Name of the recording or song for people.
    pub input: String,
    /// The recordings and MIDI files that it was made of, by hash, with their names.
    pub inputs: BTreeMap<String, String>,
    /// Name of the folder that the recording lies in.
    pub folder: Option<String>,
    /// Its source group.
    pub group: String,
    /// The tone; absent for sessions.
    pub tone: Option<String>,
    /// Number of the draw, where there are several of a tone.
    pub draw: Option<u64>,
    /// Its split.
    pub split: String,
    /// Licences of all that it was made of; `unknown` for assets that state none.
    pub licences: BTreeSet<String>,
    /// What the job said of its input.
    pub metadata: BTreeMap<String, Value>,
    /// What belongs to the sound: MIDI, JAMS, chords, beats.
    pub annotations: Vec<Attached>,
    /// The devices with their settings.
    pub devices: Vec<DeviceRecord>,
}

/// A file of sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sound {
    /// Where it is.
    pub path: PathBuf,
    /// BLAKE3 in hex.
    pub blake3: String,
    /// Frames, channels and rate.
    pub shape: Shape,
}

/// A file that belongs to a sound.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Attached {
    /// Where it is.
    pub path: PathBuf,
    /// BLAKE3 in hex.
    pub blake3: String,
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

    /// The settings of all devices by `device/parameter`, as numbers or texts.
    pub fn parameters(&self) -> serde_json::Map<String, Value> {
        let mut names: BTreeMap<&str, usize> = BTreeMap::new();
        let mut parameters = serde_json::Map::new();
        for device in &self.devices {
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
