//! What a run has to do, given what stands already. Decides only; nothing here writes.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::file::Collision;
use crate::ledger::{Entry, KeyHash, Ledger, Name};
use crate::plan::{Outline, Plan};
use crate::quarantine;
use crate::task::{FlagPolicy, Task};

/// What is done about one task.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// All its files stand, be it in quarantine, and were made from the same things.
    Skip,
    /// It is rendered, into its own files or, where these are taken, into those with this number behind their names.
    Render(Option<u32>),
    /// It cannot be rendered without losing something.
    Refuse(Refusal),
}

/// Why a task is not rendered. Trying again does not help until the file or the job changes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A file of that name stands that this job has not written.
    #[error(
        "{} stands already and was not written by this job. Move it away, or choose collision: overwrite or collision: increment",
        .path.display()
    )]
    NotOurs {
        /// The file.
        path: PathBuf,
    },
    /// A file of that name stands, and the job says that none may.
    #[error("{} stands already, and the job says collision: error. Move it away, or choose another policy", .path.display())]
    Stands {
        /// The file.
        path: PathBuf,
    },
}

/// What stands on disk.
pub trait Standing: Sync {
    /// The size of the file at a path in bytes; `None` where nothing stands.
    fn size(&self, path: &Path) -> Option<u64>;
}

/// The disk itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Disk;

impl Standing for Disk {
    fn size(&self, path: &Path) -> Option<u64> {
        // A link that leads nowhere stands in the way all the same.
        fs::metadata(path).or_else(|_| fs::symlink_metadata(path)).ok().map(|meta| meta.len())
    }
}

/// One decision a task, in order. What an earlier run of this job began and may have published without living to record it
/// is ours too, and so are the annotations beside it.
///
/// A file in quarantine is as good as one under its name, as long as the job would put it there again. Under `increment`
/// all files of a task take one number, the lowest that is free for all of them, so a second run renders everything
/// beside the first.
pub fn decide(plan: &Plan, ledger: &Ledger, standing: &dyn Standing) -> Vec<Decision> {
    let before = Before { root: &plan.header.output_root, ledger, standing };
    if plan.header.collision != Collision::Increment {
        return plan.tasks.each_outline(|_, task| before.decide(&task, plan.header.collision));
    }
    // One after the other, since what one takes the next cannot have.
    let mut taken = plan.tasks.outlines().flat_map(Outline::into_paths).collect();
    plan.tasks.outlines().map(|task| before.number(&task, &mut taken)).collect()
}

/// Puts a number behind the names of all files that a task writes.
pub(crate) fn numbered(task: &mut Task, number: u32) {
    let outputs = task.outputs.iter_mut().map(|output| &mut output.path);
    let paths = outputs.chain(task.annotations.iter_mut().map(|annotation| &mut annotation.path));
    paths.for_each(|path| *path = with_number(path, number));
}

/// The paths of a task's annotations.
fn notes(task: &Outline) -> impl Iterator<Item = &PathBuf> {
    task.annotations.iter().map(|annotation| &annotation.path)
}

/// What there is before a run.
struct Before<'a> {
    root: &'a Path,
    ledger: &'a Ledger,
    standing: &'a dyn Standing,
}

impl<'a> Before<'a> {
    /// What is done about a task whose files have one name each.
    fn decide(&self, task: &Outline, collision: Collision) -> Decision {
        let begun = |path: &Path| self.ledger.is_begun(self.name(path));
        match collision {
            Collision::Overwrite | Collision::Increment => Decision::Render(None),
            Collision::Error if !task.outputs.is_empty() && self.stands(task) => Decision::Skip,
            // What an interrupted run of this very job has made or begun is no collision: the run goes on.
            Collision::Error => match self.in_the_way(task, begun) {
                Some(path) => Decision::Refuse(Refusal::Stands { path }),
                None => Decision::Render(None),
            },
            Collision::Skip if self.stands(task) => Decision::Skip,
            Collision::Skip => match self.in_the_way(task, |path| self.entry(path).is_some() || begun(path)) {
                Some(path) => Decision::Refuse(Refusal::NotOurs { path }),
                None => Decision::Render(None),
            },
        }
    }

    /// What is done about a task whose files take a number where their names are given away; `taken` are those that are.
    fn number(&self, task: &Outline, taken: &mut HashSet<PathBuf>) -> Decision {
        let free = self.is_free(task.paths());
        Decision::Render((!free).then(|| self.free_number(task, taken)))
    }

    fn name(&self, path: &Path) -> Name {
        Name::of(path, self.root)
    }

    fn entry(&self, path: &Path) -> Option<&'a Entry> {
        self.ledger.get(self.name(path))
    }

    /// Whether all that a task gives stands already.
    fn stands(&self, task: &Outline) -> bool {
        let key = KeyHash::of(&task.key);
        task.outputs.iter().all(|output| {
            self.entry(&output.path)
                .is_some_and(|entry| entry.key == key && is_fit(entry, task) && self.stands_as(entry, &output.path))
        }) && self.has_annotations(task)
    }

    /// Whether a file stands as its entry says, or was taken out of quarantine by someone who has looked at it.
    fn stands_as(&self, entry: &Entry, path: &Path) -> bool {
        let holds = |path: &Path| self.standing.size(path) == Some(entry.bytes);
        (entry.quarantined && holds(&quarantine::quarantined(self.root, path))) || holds(path)
    }

    /// Whether each of a task's annotations was written for it and stands.
    fn has_annotations(&self, task: &Outline) -> bool {
        let entry = task.outputs.first().and_then(|output| self.entry(&output.path));
        let stands = |place: &Path| {
            let known = entry.is_some_and(|entry| entry.notes.contains(&self.name(place)));
            known && self.standing.size(place).is_some()
        };
        notes(task).all(|path| stands(path) || stands(&quarantine::quarantined(self.root, path)))
    }

    /// The first file in a task's way that is not ours. Its annotations are if one of its outputs is.
    fn in_the_way(&self, task: &Outline, is_ours: impl Fn(&Path) -> bool) -> Option<PathBuf> {
        let stands = |path: &&PathBuf| self.standing.size(path).is_some();
        let strange = |path: &&PathBuf| stands(path) && !is_ours(path);
        let outputs = || task.outputs.iter().map(|output| &output.path);
        let theirs = outputs().find(strange);
        let own = outputs().any(|path| is_ours(path));
        theirs.or_else(|| notes(task).filter(|_| !own).find(stands)).cloned()
    }

    /// Whether nothing stands at any of these paths, or where their quarantine would be.
    fn is_free<'p>(&self, mut paths: impl Iterator<Item = &'p Path>) -> bool {
        let stands = |path: &Path| self.standing.size(path).is_some();
        paths.all(|path| !stands(path) && !stands(&quarantine::quarantined(self.root, path)))
    }

    /// The lowest number from 2 that is free for all that a task writes.
    fn free_number(&self, task: &Outline, taken: &mut HashSet<PathBuf>) -> u32 {
        let under = |number: u32| task.paths().map(|path| with_number(path, number)).collect::<Vec<_>>();
        let free = |number: &u32| {
            let paths = under(*number);
            !paths.iter().any(|path| taken.contains(path)) && self.is_free(paths.iter().map(PathBuf::as_path))
        };
        let number = (2..).find(free).expect("some number is free");
        taken.extend(under(number));
        number
    }
}

/// Whether what was found wrong with a file would have it lie where it does, under the task's policy.
fn is_fit(entry: &Entry, task: &Outline) -> bool {
    match task.checks.policy {
        _ if entry.quarantined => task.checks.may_quarantine(),
        FlagPolicy::Keep => true,
        FlagPolicy::Retry | FlagPolicy::Quarantine | FlagPolicy::Fail => !entry.flagged,
    }
}

/// `out/a.wav` as `out/a-2.wav`.
fn with_number(path: &Path, number: u32) -> PathBuf {
    let stem = path.file_stem().map_or_else(String::new, |s| s.to_string_lossy().into_owned());
    let extension = path.extension().map_or_else(String::new, |e| format!(".{}", e.to_string_lossy()));
    path.with_file_name(format!("{stem}-{number}{extension}"))
}

#[cfg(test)]
mod tests;
