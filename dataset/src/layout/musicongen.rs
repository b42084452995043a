//! As MusiConGen (Lan et al., ISMIR 2024) is trained: a folder for each clip with `no_vocal.wav`, `tags.json`, `chord.lab`
//! and `beats.npy`, and for each split AudioCraft's list of clips, `egs/SPLIT/data.jsonl`.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Placed, index};
use crate::entry::{Entry, extension};
use crate::error::{PackageError, listed};
use crate::gather::DataSet;
use crate::settings::MetadataFormat;
use crate::stage::Stage;

pub(super) fn write(set: &DataSet, stage: &mut Stage) -> Result<Vec<String>, PackageError> {
    let mut placed = Vec::with_capacity(set.entries.len());
    let mut lines: Vec<(&str, String)> = Vec::new();
    let (mut chordless, mut beatless) = (BTreeSet::new(), BTreeSet::new());
    for entry in &set.entries {
        let folder = format!("clip/{}/{}", entry.split, entry.key);
        // MusiConGen finds the others by the name of this one, which must be a WAV file.
        let wet = stage.wav(&format!("{folder}/no_vocal"), &entry.wet)?;
        let dry = match &entry.dry {
            Some(dry) => Some(stage.wav(&format!("{folder}/dry"), dry)?),
            None => None,
        };
        let tags = tags(entry, &wet);
        stage.bytes(&format!("{folder}/tags.json"), tags.to_string().as_bytes())?;
        let mut annotations = Vec::new();
        for attached in &entry.annotations {
            let name = match extension(&attached.path).as_str() {
                "lab" => format!("{folder}/chord.lab"),
                "npy" => format!("{folder}/beats.npy"),
                _ => format!("{folder}/{}", attached.name()),
            };
            stage.file(&name, &attached.path, &attached.blake3)?;
            annotations.push(name);
        }
        if !annotations.iter().any(|name| name.ends_with("/chord.lab")) {
            chordless.insert(entry.key.as_str());
        }
        if !annotations.iter().any(|name| name.ends_with("/beats.npy")) {
            beatless.insert(entry.key.as_str());
        }
        let line = json!({
            "path": wet,
            "duration": entry.wet.seconds(),
            "sample_rate": entry.wet.shape.sample_rate.0,
            "bpm": tags["bpm"],
            "amplitude": entry.measured.peak_dbfs.map_or(0.0, |peak| audio::Decibels(peak).gain()),
            "weight": null,
            "info_path": null,
        });
        lines.push((&entry.split, line.to_string()));
        placed.push(Placed { wet, dry, annotations });
    }
    for split in super::splits(set) {
        let of_split = lines.iter().filter(|(of, _)| *of == split);
        let text: String = of_split.map(|(_, line)| format!("{line}\n")).collect();
        stage.bytes(&format!("egs/{split}/data.jsonl"), text.as_bytes())?;
    }
    index(set, &placed, MetadataFormat::Jsonl, stage)?;
    let lack = |what: &str, keys: BTreeSet<&str>| {
        (!keys.is_empty()).then(|| format!("MusiConGen trains on {what}, which these lack: {}", listed(keys)))
    };
    Ok([lack("chord.lab", chordless), lack("beats.npy", beatless)].into_iter().flatten().collect())
}

/// What MusiConGen reads of a clip. What the job's metadata does not say is empty, as in its own files.
fn tags(entry: &Entry, path: &str) -> Value {
    let text = |name: &str| match entry.metadata.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "),
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    };
    let or = |name: &str, other: &str| {
        let text = text(name);
        if text.is_empty() { other.to_owned() } else { text }
    };
    let bpm = entry.metadata.get("bpm").filter(|bpm| bpm.is_number()).cloned().unwrap_or_else(|| text("bpm").into());
    let moods = entry.metadata.get("moods").filter(|moods| moods.is_array()).cloned().unwrap_or_else(|| json!([]));
    let tone = entry.tone.as_deref().unwrap_or_default();
    json!({
        "key": text("key"),
        "artist": text("artist"),
        "sample_rate": entry.wet.shape.sample_rate.0,
        "file_extension": "wav",
        "description": or("description", tone),
        "keywords": text("keywords"),
        "duration": entry.wet.seconds(),
        "bpm": bpm,
        "genre": text("genre"),
        "title": or("title", &entry.input),
        "name": entry.key,
        "instrument": or("instrument", "Mix"),
        "moods": moods,
        "path": path,
    })
}
