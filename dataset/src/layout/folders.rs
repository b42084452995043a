//! Plain folders by a template, with one table of all files.

use std::collections::BTreeMap;

use jobs::template::Template;
use serde_json::Value;

use super::{Placed, annotations, index};
use crate::entry::Entry;
use crate::error::{PackageError, listed};
use crate::gather::DataSet;
use crate::settings::MetadataFormat;
use crate::stage::Stage;

/// What a template can hold besides the fields of the metadata.
const NAMES: [&str; 8] = ["split", "kind", "key", "input", "tone", "draw", "group", "deliver"];

pub(super) fn write(
    set: &DataSet,
    template: &str,
    format: MetadataFormat,
    stage: &mut Stage,
) -> Result<(), PackageError> {
    let wrong = |problem: String| PackageError::Template { template: template.to_owned(), problem };
    let parsed = Template::parse(template).map_err(|error| wrong(format!("is none: {error}")))?;
    if template.starts_with('/') || template.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err(wrong("leads out of the data set, or through a folder without a name".to_owned()));
    }
    let has_dry = set.entries.iter().any(|entry| entry.dry.is_some());
    if has_dry && !parsed.placeholders().any(|name| name == "kind") {
        return Err(wrong("does not tell wet from dry sounds: put {kind} in, or leave these out with --no-dry".into()));
    }
    let fill = |entry: &Entry, kind: &str, key: &str| {
        let values = values(entry, kind, key);
        let borrowed = values.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        parsed.fill(&borrowed).ok_or_else(|| {
            let lacking = parsed.placeholders().find(|name| !values.contains_key(*name)).unwrap_or_default();
            let known = listed(values.keys().map(String::as_str));
            wrong(format!("has {{{lacking}}}, which {} has no value for. There are {known}", entry.key))
        })
    };
    let mut placed = Vec::with_capacity(set.entries.len());
    for entry in &set.entries {
        let wet = stage.sound(&fill(entry, "wet", &entry.key)?, &entry.wet)?;
        let dry = match &entry.dry {
            Some(dry) => Some(stage.sound(&fill(entry, "dry", &entry.clip)?, dry)?),
            None => None,
        };
        placed.push(Placed { wet, dry, annotations: annotations(entry, "annotations", stage)? });
    }
    index(set, &placed, format, stage)
}

fn values(entry: &Entry, kind: &str, key: &str) -> BTreeMap<String, String> {
    let mut values: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in entry.metadata.iter() {
        let text = match value {
            Value::Null => continue,
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        values.insert(name.clone(), text);
    }
    let own = [
        Some(entry.split.to_string()),
        Some(kind.to_owned()),
        Some(key.to_owned()),
        Some(entry.input.to_string()),
        entry.tone.as_deref().map(str::to_owned),
        entry.draw.map(|draw| draw.to_string()),
        Some(entry.group.to_string()),
        Some(entry.delivered()),
    ];
    values.extend(NAMES.iter().zip(own).filter_map(|(name, value)| Some(((*name).to_owned(), value?))));
    values
}
