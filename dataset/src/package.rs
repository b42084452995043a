//! The whole way from an output folder to a data set.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Serialize;

use crate::error::{Left, PackageError};
use crate::gather::{DataSet, gather};
use crate::settings::Settings;
use crate::stage::Stage;
use crate::{card, layout};

/// What was made.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// Rendered files in it: what readers call samples.
    pub entries: usize,
    /// What is in each split.
    pub splits: BTreeMap<String, Count>,
    /// Those of them that the quality gate has flagged.
    pub flagged: usize,
    /// What was rendered and is not in it.
    pub left: Left,
    /// Licences of the assets, each once.
    pub licences: BTreeSet<String>,
    /// Files written or linked.
    pub files: u64,
    /// Bytes of these.
    pub bytes: u64,
    /// Files that are links to files that are there already and take no room of their own.
    pub linked: u64,
    /// What a careful user would want to know.
    pub warnings: Vec<String>,
}

/// What is in a split.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Count {
    /// Source groups.
    pub groups: usize,
    /// Rendered files.
    pub entries: usize,
    /// Seconds of these.
    pub seconds: f64,
}

/// Makes a data set of what was rendered into `out`, in the folder `to`, which must not be there or be empty.
///
/// Files are linked where that can be, else copied; what was rendered stays as it is. `to` stands whole or not at all.
pub fn package(out: &Path, to: &Path, settings: &Settings) -> Result<Summary, PackageError> {
    settings.check()?;
    // First what costs nothing: hashing takes its time.
    let mut stage = Stage::begin(to, settings.copy)?;
    let set = gather(out, settings)?;
    let mut warnings = set.warnings.clone();
    warnings.extend(layout::write(&set, settings, &mut stage)?);
    card::write(&set, settings, &mut stage)?;
    let summary = Summary {
        entries: set.entries.len(),
        splits: count(&set),
        flagged: set.entries.iter().filter(|entry| !entry.measured.flags.is_empty()).count(),
        left: set.left,
        licences: set.licences.all().into_iter().map(str::to_owned).collect(),
        files: stage.files,
        bytes: stage.bytes,
        linked: stage.linked,
        warnings,
    };
    stage.finish()?;
    Ok(summary)
}

fn count(set: &DataSet) -> BTreeMap<String, Count> {
    let mut counts: BTreeMap<String, (BTreeSet<&str>, Count)> = BTreeMap::new();
    for entry in &set.entries {
        let (groups, count) = counts.entry(entry.split.to_string()).or_default();
        groups.insert(&entry.group);
        *count =
            Count { groups: groups.len(), entries: count.entries + 1, seconds: count.seconds + entry.wet.seconds() };
    }
    counts.into_iter().map(|(split, (_, count))| (split, count)).collect()
}

#[cfg(test)]
mod tests;
