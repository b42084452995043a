//! The data set that a plan ends in.

use std::path::{Path, PathBuf};

use presets::document::Collector;
use serde::{Deserialize, Serialize};

use crate::file::PackageRules;
use crate::paths;

/// The data set that is made once all tasks are done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Package {
    /// Where it lies, absolute.
    pub to: PathBuf,
    /// What is asked of it, as the job says it.
    pub settings: serde_json::Value,
}

/// Finds its place, which may hold neither the outputs nor anything else that a job writes.
pub(super) fn plan(rules: &PackageRules, base: &Path, root: &Path, collector: &Collector) -> Option<Package> {
    let place = &rules.to.place;
    let to = match paths::clean(&base.join(&rules.to.value)) {
        Ok(to) => to,
        Err(error) => {
            collector.mistake(place, format!("to = \"{}\" cannot be resolved: {error}", rules.to.value.display()));
            return None;
        }
    };
    if root.starts_with(&to) {
        let message = format!("the data set would take the place of {}, which the job writes to", paths::shown(root));
        collector.mistake_with(place, message, "Name another folder.");
        return None;
    }
    Some(Package { to, settings: rules.object() })
}
