//! What is known of a recording.

use std::collections::BTreeMap;
use std::path::Path;

use presets::document::{Place, did_you_mean, similar};
use presets::draw::{Datum, Metadata};
use presets::url::is_url;
use serde_json::Value;

use super::{Recording, list};
use crate::fetch::{self, Fetcher};
use crate::paths;
use crate::plan::sources::names_in;
use crate::task::Facts;

/// Longest fact in bytes of JSON. Facts stand beside every file that is made of a recording.
pub(super) const MOST_FACT: usize = 16_384;

/// The fields of a file beside a recording, or what is wrong with it, and where.
pub(super) fn sidecar(
    path: &Path,
    place: &Place,
    recording: &dyn Fn() -> String,
    fetcher: &dyn Fetcher,
) -> Result<serde_json::Map<String, Value>, (Place, String, String)> {
    let clean = paths::clean(path).unwrap_or_else(|_| path.to_owned());
    let bytes = fetch::read(fetcher, &clean).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            let message = format!("{} has no metadata {}", recording(), paths::shown(&clean));
            (place.clone(), message, near(&clean))
        }
        _ => {
            let message = format!("cannot read {}: {error}", paths::shown(&clean));
            (place.clone(), message, "Check that it is a file, and its permissions.".to_owned())
        }
    })?;
    let file = Place::file(path.display().to_string());
    let help = || "Write an object: {\"player\": \"p1\"}.".to_owned();
    match serde_json::from_slice(&bytes) {
        Ok(Value::Object(mut fields)) => {
            fields.retain(|_, value| !value.is_null());
            Ok(fields)
        }
        Ok(other) => Err((file, format!("this metadata is {}, and no object with fields", list::kind(&other)), help())),
        Err(error) => {
            let at = Place { line: error.line() as u32, column: error.column() as u32, ..file };
            Err((at, format!("this metadata is no JSON: {}", list::reason(&error)), help()))
        }
    }
}

/// Files of a name that comes close to one that is missing, as help.
pub(super) fn near(path: &Path) -> String {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if is_url(folder) {
        return "Check its name.".to_owned();
    }
    if !folder.is_dir() {
        return format!("There is no folder {} either. Paths start at the job's folder.", paths::shown(folder));
    }
    let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let names = names_in(folder);
    let close = similar(&name, names.iter().map(String::as_str), 3);
    if close.is_empty() { "Paths start at the job's folder.".to_owned() } else { did_you_mean(&close) }
}

pub(super) fn is_long(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
        Value::String(text) => text.len() > MOST_FACT,
        other => other.to_string().len() > MOST_FACT,
    }
}

/// A text, number or boolean as it fills a placeholder.
pub(super) fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::Bool(boolean) => Some(boolean.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => Some(text.clone()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// What fills the paths of what is read beside a recording.
pub(super) fn texts(recording: &Recording, facts: &Facts) -> BTreeMap<String, String> {
    let mut texts: BTreeMap<String, String> =
        facts.iter().filter_map(|(name, value)| Some((name.clone(), text_of(value)?))).collect();
    texts.entry("input".to_owned()).or_insert_with(|| recording.stem.clone());
    texts.entry("group".to_owned()).or_insert_with(|| recording.group.clone());
    texts
}

/// What draws can ask for: texts, numbers, and yes or no.
pub(super) fn drawable(facts: &Facts) -> Metadata {
    let datum = |value: &Value| match value {
        Value::Bool(boolean) => Some(Datum::Boolean(*boolean)),
        Value::Number(number) => number.as_f64().map(Datum::Number),
        Value::String(text) => Some(Datum::Text(text.clone())),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    };
    facts.iter().filter_map(|(name, value)| Some((name.clone(), datum(value)?))).collect()
}
