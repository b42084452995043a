//! The files of pools: found, and as much read of each as tells what it is and whether it can be used.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use presets::document::Collector;
use presets::draw::{Datum, Metadata, Pool, PoolFile};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::sources::Files;
use crate::fetch::{self, Local};
use crate::glob::Glob;

/// What a pool's pattern finds. A pattern that cannot be searched is told.
pub(super) fn list(pool: &Pool, files: &mut Files, collector: &Collector) -> Vec<PoolFile> {
    let glob = match Glob::parse(&pool.pattern) {
        Ok(glob) => glob,
        Err(error) => {
            collector.mistake(&pool.place, format!("pool = \"{}\" is not a pattern: {error}", pool.pattern));
            return Vec::new();
        }
    };
    let found = match glob.find(&pool.folder, &*files.fetcher) {
        Ok(found) => found,
        Err((folder, error)) => {
            let message = format!("cannot look into {}: {error}", folder.display());
            collector.mistake_with(&pool.place, message, "Check its permissions.");
            return Vec::new();
        }
    };
    let file = |found: crate::glob::Match| {
        let (mut metadata, broken) = match look(&found.path, files) {
            Ok(metadata) => (metadata, None),
            Err(reason) => (Metadata::new(), Some(reason)),
        };
        let stem = found.path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
        metadata.entry("file".to_owned()).or_insert(Datum::Text(stem));
        // What the pattern captures is what somebody named; it counts more than what a file says of itself.
        metadata.extend(found.captures.into_iter().map(|(name, text)| (name, Datum::Text(text))));
        PoolFile { path: found.path, metadata, broken }
    };
    found.into_iter().map(file).collect()
}

/// What a file says of itself, or why it cannot be used.
fn look(path: &Path, files: &mut Files) -> Result<Metadata, String> {
    let extension = path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    match extension.as_str() {
        "nam" => nam(&brought(path, files)?.path),
        "wav" | "flac" | "aif" | "aiff" | "mp3" | "ogg" => recording(path, files),
        _ => match brought(path, files)?.path.metadata() {
            Ok(known) if known.len() == 0 => Err("it is empty (0 bytes)".to_owned()),
            Ok(_) => Ok(Metadata::new()),
            Err(error) => Err(format!("the system refuses: {error}")),
        },
    }
}

fn brought(path: &Path, files: &Files) -> Result<Local, String> {
    fetch::local(&*files.fetcher, path).map_err(|error| error.to_string())
}

fn recording(path: &Path, files: &mut Files) -> Result<Metadata, String> {
    let shape = files.shape_of(path)?;
    let numbers = [("channels", f64::from(shape.channels)), ("sample_rate", f64::from(shape.sample_rate.0))];
    Ok(numbers.map(|(name, number)| (name.to_owned(), Datum::Number(number))).into())
}

/// The parts of a neural amp's file that are no weights. Whether these fit is found out where the amp is examined.
#[derive(Deserialize)]
struct Nam {
    architecture: String,
    #[serde(default)]
    sample_rate: Option<f64>,
    #[serde(default)]
    metadata: Option<serde_json::Map<String, Value>>,
    #[serde(rename = "config")]
    _config: IgnoredAny,
}

fn nam(path: &Path) -> Result<Metadata, String> {
    let file = File::open(path).map_err(|error| format!("the system refuses: {error}"))?;
    let nam: Nam = serde_json::from_reader(BufReader::new(file))
        .map_err(|error| format!("it is not a Neural Amp Modeler file: {error}"))?;
    let mut metadata = Metadata::new();
    for (name, value) in nam.metadata.unwrap_or_default() {
        let datum = match value {
            Value::Bool(boolean) => Datum::Boolean(boolean),
            Value::Number(number) => Datum::Number(number.as_f64().unwrap_or(f64::NAN)),
            Value::String(text) => Datum::Text(text),
            Value::Null | Value::Array(_) | Value::Object(_) => continue,
        };
        metadata.insert(name, datum);
    }
    metadata.insert("architecture".to_owned(), Datum::Text(nam.architecture));
    metadata.extend(nam.sample_rate.map(|rate| ("sample_rate".to_owned(), Datum::Number(rate))));
    Ok(metadata)
}
