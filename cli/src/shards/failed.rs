//! What failed of a plan folder, as the journals of its parts tell.

use std::collections::BTreeMap;
use std::path::Path;

use farm::Report;
use farm::journal::Entry;
use jobs::task::Task;

use crate::{Status, Trouble};

/// The last report of each task that failed, by its key.
pub(super) struct Failed(BTreeMap<String, Report>);

impl Failed {
    /// Reads them from a state folder.
    pub(super) fn read(state: &Path) -> Result<Failed, Trouble> {
        let mut failed = BTreeMap::new();
        let mut states = vec![state.join("settled"), state.to_owned()];
        states.extend(farm::shards::all(state).map_err(Trouble::input)?);
        for state in states {
            for path in farm::journal::paths(&state).map_err(Trouble::input)? {
                let each = farm::journal::each(&path, |entry, _, _| {
                    if let Entry::Failed { report } = entry {
                        failed.insert(report.key.clone(), *report);
                    }
                });
                each.map_err(Trouble::input)?;
            }
        }
        Ok(Failed(failed))
    }

    /// Why a task failed, if it did.
    pub(super) fn report(&self, key: &str) -> Option<&Report> {
        self.0.get(key)
    }

    /// What it means that these tasks are missing: another run is worth its while if only one of them has not failed for good.
    pub(super) fn status(&self, missing: impl Iterator<Item = Task>) -> Status {
        let mut status = Status::Done;
        for task in missing {
            if !self.report(&task.key).is_some_and(is_final) {
                return Status::Interrupted;
            }
            status = Status::SomeFailed;
        }
        status
    }
}

/// Whether no attempt was to follow; a run may have ended before one did.
fn is_final(report: &Report) -> bool {
    let may_follow = report.mishap.retryable && report.attempt < report.of && !report.quarantined;
    !report.retried && !may_follow
}
