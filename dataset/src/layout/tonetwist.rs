//! As ToneTwist AFx (Comunita et al., 2025): `DEVICE/trainval|test/CONTROLS/CONTROLS.CLIP.target.wav`, and the inputs as
//! `dry/trainval|test/CLIP.input.wav`.
//!
//! There, controls are a letter and a number for each knob. Here the number of the draw stands for them, `D7`, and each
//! device's README.md says which settings that is: names of files cannot hold every parameter of a chain.

use std::collections::{BTreeMap, BTreeSet};

use super::{Placed, index};
use crate::entry::{Entry, extension, key_of};
use crate::error::PackageError;
use crate::gather::DataSet;
use crate::settings::MetadataFormat;
use crate::split::TEST;
use crate::stage::Stage;

pub(super) fn write(set: &DataSet, stage: &mut Stage) -> Result<Vec<String>, PackageError> {
    let unfit = |entry: &&Entry| entry.tone.is_none() || entry.dry.is_none();
    if set.entries.iter().any(|entry| unfit(&entry)) {
        return Err(PackageError::Unfit {
            layout: "tonetwist",
            holds: "recordings through tones, each with its dry sound",
            help: "Package sessions as slakh, audiofolder or folders, and leave --no-dry away",
        });
    }
    let mut placed = Vec::with_capacity(set.entries.len());
    let mut settings: BTreeMap<String, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
    for entry in &set.entries {
        let (Some(tone), Some(dry), clip) = (&entry.tone, &entry.dry, &entry.clip) else { continue };
        let part = if &*entry.split == TEST { "test" } else { "trainval" };
        // `dry` is where the inputs lie.
        let tone = if tone.eq_ignore_ascii_case("dry") { "dry-tone".to_owned() } else { key_of(tone) };
        let controls = format!("D{}", entry.draw.unwrap_or(0));
        let wet = stage.wav(&format!("{tone}/{part}/{controls}/{controls}.{clip}.target"), &entry.wet)?;
        let dry = stage.wav(&format!("dry/{part}/{clip}.input"), dry)?;
        let mut annotations = Vec::new();
        for attached in &entry.annotations {
            let name = format!("dry/{part}/{clip}.{}", extension(&attached.path));
            stage.file(&name, &attached.path, &attached.blake3)?;
            annotations.push(name);
        }
        let parameters = entry.devices.parameters.clone();
        settings.entry(tone).or_default().entry(controls).or_default().insert(parameters);
        placed.push(Placed { wet, dry: Some(dry), annotations });
    }
    let mut warnings = Vec::new();
    for (tone, controls) in &settings {
        let mut text = format!("# {tone}\n\n## Settings\n\n| Controls | Settings |\n|---|---|\n");
        for (controls, parameters) in controls {
            for parameters in parameters {
                text += &format!("| {controls} | `{}` |\n", parameters.replace('|', "\\|"));
            }
            if parameters.len() > 1 {
                warnings.push(format!(
                    "{tone}: {controls} stands for {} different settings, one for each recording",
                    parameters.len()
                ));
            }
        }
        stage.bytes(&format!("{tone}/README.md"), text.as_bytes())?;
    }
    index(set, &placed, MetadataFormat::Jsonl, stage)?;
    Ok(warnings)
}
