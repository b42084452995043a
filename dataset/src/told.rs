//! What a manifest line tells beyond its record.
//!
//! A [`Record`](jobs::manifest::Record) holds what every render has. Jobs that draw tones for a list of items say more
//! on the same line, all of it optional: the item's metadata, its group, the tone, the draw's number, the annotations.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use jobs::manifest::{ManifestError, Record};
use serde::Deserialize;
use serde_json::Value;

/// What a line tells beyond its record.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub(crate) struct Told {
    /// Name of the tone.
    #[serde(default)]
    pub tone: Option<String>,
    /// Number of the draw.
    #[serde(default)]
    pub draw: Option<u64>,
    /// What the job said of the item.
    #[serde(default)]
    pub metadata: BTreeMap<String, Value>,
    /// Files that belong to the sound, relative to the output folder.
    #[serde(default)]
    pub annotations: Vec<Annotation>,
}

/// A file that belongs to a sound: its path, or an object with it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
pub(crate) enum Annotation {
    /// The path alone.
    Path(PathBuf),
    /// The path among other things.
    Described {
        /// The path.
        path: PathBuf,
    },
}

impl Annotation {
    pub fn path(&self) -> &Path {
        match self {
            Annotation::Path(path) | Annotation::Described { path } => path,
        }
    }
}

/// What the lines of a manifest tell, by the path of their record. A torn last line tells nothing.
pub(crate) fn read(manifest: &Path) -> Result<HashMap<String, Told>, ManifestError> {
    #[derive(Deserialize)]
    struct Line {
        path: String,
        #[serde(flatten)]
        told: Told,
    }
    let path = || manifest.to_owned();
    let bytes = fs::read(manifest).map_err(|source| ManifestError::Read { path: path(), source })?;
    let mut lines = HashMap::new();
    for (index, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        match serde_json::from_slice::<Line>(line) {
            Ok(Line { path, told }) => drop(lines.insert(path, told)),
            Err(_) if line.trim_ascii().is_empty() || !line.ends_with(b"\n") => {}
            Err(source) => return Err(ManifestError::Line { path: path(), line: index + 1, source }),
        }
    }
    Ok(lines)
}

/// The tone of a record: as told, else as its label has it, `take, "Tone"`.
pub(crate) fn tone(record: &Record, told: &Told) -> Option<String> {
    let labelled = || {
        let (_, quoted) = record.label.split_once(", \"")?;
        quoted.rsplit_once('"').map(|(tone, _)| tone.to_owned())
    };
    told.tone.clone().or_else(|| is_tone(record).then(labelled).flatten())
}

/// Whether a record is of one recording through one chain.
pub(crate) fn is_tone(record: &Record) -> bool {
    let inputs = record.sources.iter().filter(|source| source.role == "input").count();
    let midi = record.sources.iter().any(|source| source.role == "midi");
    inputs == 1 && !midi && record.devices.iter().all(|device| device.place == "tone")
}
