//! As EGDB (Chen et al., "Towards Automatic Transcription of Polyphonic Electric Guitar Music", ICASSP 2022): a folder
//! `audio_TONE` for each tone, `audio_DI` for the recordings and `audio_label` for their MIDI, one WAV file a clip under
//! one name in each.

use std::collections::{BTreeMap, BTreeSet};

use super::{Placed, index};
use crate::entry::{Entry, extension, key_of};
use crate::error::PackageError;
use crate::gather::DataSet;
use crate::settings::MetadataFormat;
use crate::stage::Stage;

pub(super) fn write(set: &DataSet, stage: &mut Stage) -> Result<Vec<String>, PackageError> {
    let clips: Vec<&Entry> = set.entries.iter().filter(|entry| entry.tone.is_some()).collect();
    if clips.len() < set.entries.len() {
        return Err(PackageError::Unfit {
            layout: "egdb",
            holds: "recordings through tones",
            help: "Package sessions as slakh, audiofolder or folders",
        });
    }
    let mut draws: BTreeMap<String, BTreeSet<Option<u64>>> = BTreeMap::new();
    for entry in &clips {
        draws.entry(tone(entry)).or_default().insert(entry.draw);
    }
    let mut placed = Vec::with_capacity(clips.len());
    let mut lists: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    let mut unlabelled = BTreeSet::new();
    for entry in &clips {
        let clip = entry.clip.to_string();
        let tone = tone(entry);
        // EGDB has one file of each clip and tone. Several draws of a tone are as many tones.
        let folder = match entry.draw {
            Some(draw) if draws[&tone].len() > 1 => format!("audio_{tone}-{draw}"),
            _ => format!("audio_{tone}"),
        };
        let wet = stage.wav(&format!("{folder}/{clip}"), &entry.wet)?;
        let dry = match &entry.dry {
            Some(dry) => Some(stage.wav(&format!("audio_DI/{clip}"), dry)?),
            None => None,
        };
        let mut annotations = Vec::new();
        for attached in &entry.annotations {
            // EGDB's own labels are MIDI, named .midi.
            let kind = extension(&attached.path);
            let kind = if kind == "mid" { "midi".to_owned() } else { kind };
            let name = format!("audio_label/{clip}.{kind}");
            stage.file(&name, &attached.path, &attached.blake3)?;
            annotations.push(name);
        }
        if !annotations.iter().any(|name| name.ends_with(".midi")) {
            unlabelled.insert(clip.clone());
        }
        lists.entry(&entry.split).or_default().insert(clip);
        placed.push(Placed { wet, dry, annotations });
    }
    for (split, clips) in &lists {
        let text: String = clips.iter().map(|clip| format!("{clip}\n")).collect();
        stage.bytes(&format!("split_{split}.txt"), text.as_bytes())?;
    }
    index(set, &placed, MetadataFormat::Jsonl, stage)?;
    if unlabelled.is_empty() {
        return Ok(Vec::new());
    }
    let clips = crate::error::listed(unlabelled.iter().map(String::as_str));
    Ok(vec![format!("without a MIDI label, which EGDB has for every clip: {clips}")])
}

fn tone(entry: &Entry) -> String {
    let tone = key_of(entry.tone.as_deref().unwrap_or_default());
    // `audio_DI` and `audio_label` are taken.
    if ["di", "label"].contains(&tone.to_lowercase().as_str()) { format!("{tone}-tone") } else { tone }
}
