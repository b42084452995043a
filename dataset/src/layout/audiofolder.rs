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
        let dry = match (&entry.dry, &entry.dry_key) {
            (Some(dry), Some(key)) => Some(stage.sound(&format!("{split}/dry/{key}"), dry)?),
            _ => None,
        };
        placed.push(Placed { wet, dry, annotations: annotations(entry, &format!("{split}/annotations"), stage)? });
    }
    let table = table(set, &placed, |entry, placed| placed.columns_in(&format!("{}/", entry.split)));
    table.check(format)?;
    for split in splits(set) {
        stage.bytes(&format!("{split}/metadata.{}", format.word()), &table.split(split, format))?;
    }
    Ok(())
}
