//! The layouts: where the files of a data set lie, and what stands beside them.

mod audiofolder;
mod egdb;
mod folders;
mod musicongen;
mod slakh;
mod tonetwist;
mod webdataset;

use std::collections::BTreeSet;

use serde_json::Value;

use crate::entry::Entry;
use crate::error::PackageError;
use crate::gather::DataSet;
use crate::settings::{Layout, MetadataFormat, Settings, TEMPLATE};
use crate::stage::Stage;
use crate::table::{Files, Table};

/// Writes all files of a data set save its card. Gives what a careful user would want to know.
pub(crate) fn write(set: &DataSet, settings: &Settings, stage: &mut Stage) -> Result<Vec<String>, PackageError> {
    let template = settings.template.as_deref().unwrap_or(TEMPLATE);
    match settings.layout {
        Layout::Audiofolder => {
            audiofolder::write(set, settings.metadata.unwrap_or_default(), stage).map(|()| Vec::new())
        }
        Layout::Webdataset => {
            webdataset::write(set, settings.shard_size.unwrap_or_default(), stage).map(|()| Vec::new())
        }
        Layout::Folders => folders::write(set, template, MetadataFormat::Jsonl, stage).map(|()| Vec::new()),
        Layout::Parquet => folders::write(set, template, MetadataFormat::Parquet, stage).map(|()| Vec::new()),
        Layout::Egdb => egdb::write(set, stage),
        Layout::Slakh => slakh::write(set, stage),
        Layout::Musicongen => musicongen::write(set, stage),
        Layout::Tonetwist => tonetwist::write(set, stage),
    }
}

/// The splits that have entries, by name.
pub(crate) fn splits(set: &DataSet) -> BTreeSet<&str> {
    set.entries.iter().map(|entry| &*entry.split).collect()
}

/// Where the files of an entry were put.
#[derive(Clone, Debug, Default)]
struct Placed {
    wet: String,
    dry: Option<String>,
    annotations: Vec<String>,
}

impl Placed {
    /// Its columns in a table.
    fn columns(&self) -> Files {
        let annotations = (!self.annotations.is_empty()).then(|| Value::from(self.annotations.clone()).to_string());
        vec![
            ("wet_file_name", Some(self.wet.clone())),
            ("dry_file_name", self.dry.clone()),
            ("annotations", annotations),
        ]
    }

    /// Its columns in a table that lies in this folder.
    fn columns_in(&self, folder: &str) -> Files {
        let below = |name: &String| name.strip_prefix(folder).unwrap_or(name).to_owned();
        let annotations = self.annotations.iter().map(below).collect();
        Placed { wet: below(&self.wet), dry: self.dry.as_ref().map(below), annotations }.columns()
    }
}

/// Puts the annotations of an entry into `folder/KEY/`.
fn annotations(entry: &Entry, folder: &str, stage: &mut Stage) -> Result<Vec<String>, PackageError> {
    let mut names = Vec::new();
    for attached in &entry.annotations {
        let name = format!("{folder}/{}/{}", entry.key, attached.name());
        stage.file(&name, &attached.path, &attached.blake3)?;
        names.push(name);
    }
    Ok(names)
}

/// The table of all entries and their files as `metadata.EXT` at the top.
fn index(set: &DataSet, placed: &[Placed], format: MetadataFormat, stage: &mut Stage) -> Result<(), PackageError> {
    let table = table(set, placed, |_, placed| placed.columns());
    stage.write(&format!("metadata.{}", format.word()), |file| table.write(None, format, file))
}

fn table<'a>(set: &'a DataSet, placed: &'a [Placed], columns: impl Fn(&Entry, &Placed) -> Files + 'a) -> Table<'a> {
    Table::new(&set.entries, move |number, entry| columns(entry, &placed[number]))
}
