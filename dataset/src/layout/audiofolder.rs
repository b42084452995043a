//! Hugging Face's AudioFolder: a folder for each split, with a table whose `*_file_name` columns name the files.

use super::{Placed, annotations, splits, table};
use crate::error::PackageError;
use crate::gather::DataSet;
use crate::settings::MetadataFormat;
use crate::stage::Stage;

pub(super) fn write(set: &DataSet, format: MetadataFormat, stage: &mut Stage) -> Result<(), PackageError> {
    let mut placed = Vec::with_capacity(set.entries.len());
    for entry in &set.entries {
        let split = &entry.split;
        let wet = stage.sound(&format!("{split}/wet/{}", entry.key), &entry.wet)?;
        let dry = match &entry.dry {
            Some(dry) => Some(stage.sound(&format!("{split}/dry/{}", entry.clip), dry)?),
            None => None,
        };
        placed.push(Placed { wet, dry, annotations: annotations(entry, &format!("{split}/annotations"), stage)? });
    }
    let table = table(set, &placed, |entry, placed| placed.columns_in(&format!("{}/", entry.split)));
    table.check(format)?;
    for split in splits(set) {
        stage.write(&format!("{split}/metadata.{}", format.word()), |file| table.write(Some(split), format, file))?;
    }
    Ok(())
}
