//! Plans of the tasks that failed, each with one task, so that it can be rendered alone later.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use farm::{FarmEvent, Reproduce};
use jobs::plan::{Header, Plan};
use jobs::whole;

/// The folder within a state folder.
const FOLDER: &str = "failed";

/// Keeps a plan of each task that fails, until it is rendered after all.
pub(crate) struct FailedPlans<'a> {
    plan: &'a Plan,
    /// The number of its first task: it may be a part of a plan.
    first: u32,
    kept: Reproduce,
    /// Names of the plans that lie there.
    known: HashSet<PathBuf>,
}

impl<'a> FailedPlans<'a> {
    /// Those in a state folder.
    pub(crate) fn of(plan: &'a Plan, state: &std::path::Path) -> FailedPlans<'a> {
        let folder = state.join(FOLDER);
        let known = std::fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        let first = plan.tasks.outlines().next().map_or(0, |task| task.number);
        FailedPlans { plan, first, kept: Reproduce::Kept(folder), known }
    }

    /// How reports name them.
    pub(crate) fn reproduce(&self) -> Reproduce {
        self.kept.clone()
    }

    /// Keeps the plan of a task that fails, and removes that of one that finishes. Gives a warning where that cannot be done.
    pub(crate) fn event(&mut self, event: &FarmEvent) -> Option<String> {
        match event {
            FarmEvent::AttemptFailed { report } => {
                let path = self.kept.plan(&report.key);
                if self.known.contains(&path) {
                    return None;
                }
                let task = self.plan.tasks.get((report.task - self.first) as usize);
                let header = Header { tasks: 1, ..self.plan.header.clone() };
                let small = Plan { header, tasks: Arc::new([task].into_iter().collect()), efforts: Default::default() };
                let written = whole::write(&path, |file| small.write(file));
                match written {
                    Ok(()) => {
                        self.known.insert(path);
                        None
                    }
                    Err(error) => Some(format!("the plan {} cannot be written: {error}", path.display())),
                }
            }
            FarmEvent::Finished { key, .. } if !self.known.is_empty() => {
                let path = self.kept.plan(key);
                let removed = self.known.remove(&path).then(|| std::fs::remove_file(&path));
                removed?.err().map(|error| format!("the plan {} cannot be removed: {error}", path.display()))
            }
            _ => None,
        }
    }
}
