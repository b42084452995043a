//! As Slakh2100 (Manilow et al., WASPAA 2019): a folder for each song, `SPLIT/TrackNNNNN`, with its mix, its stems and
//! `metadata.yaml`. What only Slakh's own renderer knows, such as General MIDI programs, is left `null`.

use std::collections::BTreeMap;
use std::fmt::Write;

use jobs::task::Deliver;
use serde_json::Value;

use super::{Placed, index};
use crate::entry::{Entry, extension};
use crate::error::PackageError;
use crate::gather::DataSet;
use crate::settings::MetadataFormat;
use crate::stage::Stage;

pub(super) fn write(set: &DataSet, stage: &mut Stage) -> Result<Vec<String>, PackageError> {
    let mut songs: BTreeMap<(&str, &str), Vec<usize>> = BTreeMap::new();
    for (index, entry) in set.entries.iter().enumerate() {
        songs.entry((&entry.label, &entry.task)).or_default().push(index);
    }
    let mut placed = vec![Placed::default(); set.entries.len()];
    let mut warnings = Vec::new();
    for (number, indices) in (1..).zip(songs.values()) {
        let stems: Vec<usize> = indices.iter().copied().filter(|index| stem(&set.entries[*index]).is_some()).collect();
        let mix = indices.iter().copied().find(|index| set.entries[*index].deliver == Deliver::Mix);
        let (Some(mix), false) = (mix, stems.is_empty()) else {
            return Err(PackageError::Unfit {
                layout: "slakh",
                holds: "songs with a mix and stems",
                help: "Have the job deliver both: deliver: [mix, stems]",
            });
        };
        let song = &set.entries[mix];
        // Slakh's folders are train, validation and test.
        let split = if &*song.split == "valid" { "validation" } else { &*song.split };
        let folder = format!("{split}/Track{number:05}");
        placed[mix].wet = stage.sound(&format!("{folder}/mix"), &song.wet)?;
        let midi: Vec<_> =
            song.annotations.iter().filter(|a| ["mid", "midi"].contains(&&*extension(&a.path))).collect();
        if let [only] = midi.as_slice() {
            let name = format!("{folder}/all_src.mid");
            stage.file(&name, &only.path, &only.blake3)?;
            placed[mix].annotations.push(name);
        } else {
            warnings.push(format!("{}: {} MIDI files, so that there is no all_src.mid", song.label, midi.len()));
        }
        let mut yaml = head(song);
        for (number, index) in stems.iter().enumerate() {
            let entry = &set.entries[*index];
            let id = format!("S{number:02}");
            placed[*index].wet = stage.sound(&format!("{folder}/stems/{id}"), &entry.wet)?;
            if let Some(dry) = &entry.dry {
                placed[*index].dry = Some(stage.sound(&format!("{folder}/dry/{id}"), dry)?);
            }
            describe(&mut yaml, &id, entry);
        }
        for index in indices.iter().filter(|index| **index != mix && !stems.contains(index)) {
            let entry = &set.entries[*index];
            placed[*index].wet = stage.sound(&format!("{folder}/other/{}", entry.key), &entry.wet)?;
        }
        stage.bytes(&format!("{folder}/metadata.yaml"), yaml.as_bytes())?;
    }
    index(set, &placed, MetadataFormat::Jsonl, stage)?;
    Ok(warnings)
}

fn stem(entry: &Entry) -> Option<&str> {
    match &entry.deliver {
        Deliver::Stem(name) | Deliver::MasterStem(name) => Some(name),
        _ => None,
    }
}

fn head(song: &Entry) -> String {
    let uuid = Value::from(song.task.get(..32).unwrap_or(&song.task));
    let name = Value::from(&*song.label);
    // JSON's texts are YAML's.
    format!("UUID: {uuid}\naudio_dir: stems\nmidi_dir: MIDI\nname: {name}\nnormalized: false\nstems:\n")
}

fn describe(yaml: &mut String, id: &str, entry: &Entry) {
    let name = stem(entry).unwrap_or_default();
    let instrument = entry.devices.instruments.iter().find(|(place, _)| place == name);
    let plugin = instrument.map_or(Value::Null, |(_, plugin)| Value::from(plugin.as_str()));
    let loudness = entry.measured.loudness_lufs.map_or(Value::Null, Value::from);
    let fields = [
        ("audio_rendered", Value::Bool(true)),
        ("inst_class", Value::from(name)),
        ("integrated_loudness", loudness),
        ("is_drum", Value::Null),
        ("midi_program_name", Value::Null),
        ("midi_saved", Value::Bool(false)),
        ("plugin_name", plugin),
        ("program_num", Value::Null),
    ];
    writeln!(yaml, "  {id}:").expect("memory takes all texts");
    for (field, value) in fields {
        writeln!(yaml, "    {field}: {value}").expect("memory takes all texts");
    }
}
