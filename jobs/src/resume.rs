//! What a run has to do, given what stands already. Decides only; nothing here writes.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::file::Collision;
use crate::manifest::Record;
use crate::paths;
use crate::plan::Plan;
use crate::quarantine;
use crate::task::{Annotation, FlagPolicy, Output, Task};

/// What is done about one task.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// All its files stand, be it in quarantine, and were made from the same things.
    Skip,
    /// It is rendered, into these files: the task's own, or numbered ones.
    Render {
        /// What it gives.
        outputs: Vec<Output>,
        /// What is written beside that.
        annotations: Vec<Annotation>,
    },
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
pub trait Standing {
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

/// One decision a task, in order. `started` names files that an earlier run of this job began and may have published
/// without living to record it: they are ours too, and so are the annotations beside them.
///
/// A file in quarantine is as good as one under its name, as long as the job would put it there again. Under `increment`
/// all files of a task take one number, the lowest that is free for all of them, so a second run renders everything
/// beside the first.
pub fn decide(plan: &Plan, records: &[Record], started: &HashSet<PathBuf>, standing: &dyn Standing) -> Vec<Decision> {
    let paths = plan.tasks.iter().flat_map(|task| task.outputs.iter().map(|o| &o.path).chain(notes(task)));
    let taken = match plan.header.collision {
        Collision::Increment => paths.cloned().collect(),
        _ => HashSet::new(),
    };
    let mut before = Before {
        root: &plan.header.output_root,
        records: records.iter().map(|r| (r.path.as_str(), r)).collect(),
        started,
        standing,
        taken,
    };
    plan.tasks.iter().map(|task| before.decide(task, plan.header.collision)).collect()
}

/// The paths of a task's annotations.
fn notes(task: &Task) -> impl Iterator<Item = &PathBuf> {
    task.annotations.iter().map(|annotation| &annotation.path)
}

/// What there is before a run.
struct Before<'a> {
    root: &'a Path,
    /// By path.
    records: HashMap<&'a str, &'a Record>,
    started: &'a HashSet<PathBuf>,
    standing: &'a dyn Standing,
    /// Paths that are given away, where numbers are.
    taken: HashSet<PathBuf>,
}

impl<'a> Before<'a> {
    fn decide(&mut self, task: &Task, collision: Collision) -> Decision {
        let render = || Decision::Render { outputs: task.outputs.clone(), annotations: task.annotations.clone() };
        match collision {
            Collision::Overwrite => render(),
            Collision::Error if !task.outputs.is_empty() && self.stands(task) => Decision::Skip,
            // What an interrupted run of this very job has made or begun is no collision: the run goes on.
            Collision::Error => match self.in_the_way(task, |path| self.started.contains(path)) {
                Some(path) => Decision::Refuse(Refusal::Stands { path }),
                None => render(),
            },
            Collision::Skip if self.stands(task) => Decision::Skip,
            Collision::Skip => {
                match self.in_the_way(task, |path| self.record(path).is_some() || self.started.contains(path)) {
                    Some(path) => Decision::Refuse(Refusal::NotOurs { path }),
                    None => render(),
                }
            }
            Collision::Increment if self.is_free(&task.outputs, &task.annotations) => render(),
            Collision::Increment => self.numbered(task),
        }
    }

    fn record(&self, path: &Path) -> Option<&'a Record> {
        self.records.get(paths::relative(path, self.root).as_str()).copied()
    }

    /// Whether all that a task gives stands already.
    fn stands(&self, task: &Task) -> bool {
        task.outputs.iter().all(|output| {
            self.record(&output.path).is_some_and(|record| {
                record.key == task.key && self.is_fit(record, task) && self.stands_as(record, &output.path)
            })
        }) && self.has_annotations(task)
    }

    /// Whether what was found wrong with a file would have it lie where it does, under the task's policy.
    fn is_fit(&self, record: &Record, task: &Task) -> bool {
        match task.checks.policy {
            _ if record.file.quarantined => task.checks.may_quarantine(),
            FlagPolicy::Keep => true,
            FlagPolicy::Retry | FlagPolicy::Quarantine | FlagPolicy::Fail => record.file.flags.is_empty(),
        }
    }

    /// Whether a file stands as its record says, or was taken out of quarantine by someone who has looked at it.
    fn stands_as(&self, record: &Record, path: &Path) -> bool {
        let holds = |path: &Path| self.standing.size(path) == Some(record.file.bytes);
        holds(&record.place(path, self.root)) || holds(path)
    }

    /// Whether each of a task's annotations was written for it and stands.
    fn has_annotations(&self, task: &Task) -> bool {
        let record = task.outputs.first().and_then(|output| self.record(&output.path));
        let written = |path: &PathBuf| {
            let places = [path.clone(), quarantine::quarantined(self.root, path)];
            let known = &record?.annotations;
            let mut stand = places.iter().filter(|place| {
                let name = paths::relative(place, self.root);
                known.iter().any(|annotation| annotation.path == Path::new(&name))
            });
            stand.find(|place| self.standing.size(place).is_some()).map(|_| ())
        };
        notes(task).all(|path| written(path).is_some())
    }

    /// The first file in a task's way that is not ours. Its annotations are if one of its outputs is.
    fn in_the_way(&self, task: &Task, is_ours: impl Fn(&Path) -> bool) -> Option<PathBuf> {
        let stands = |path: &&PathBuf| self.standing.size(path).is_some();
        let strange = |path: &&PathBuf| stands(path) && !is_ours(path);
        let outputs = || task.outputs.iter().map(|output| &output.path);
        let theirs = outputs().find(strange);
        let own = outputs().any(|path| is_ours(path));
        theirs.or_else(|| notes(task).filter(|_| !own).find(stands)).cloned()
    }

    /// Whether nothing stands where these would be written.
    fn is_free(&self, outputs: &[Output], annotations: &[Annotation]) -> bool {
        let paths = outputs.iter().map(|o| &o.path).chain(annotations.iter().map(|a| &a.path));
        let stands = |path: &Path| self.standing.size(path).is_some();
        paths.into_iter().all(|path| !stands(path) && !stands(&quarantine::quarantined(self.root, path)))
    }

    /// The outputs and annotations under the lowest number from 2 that is free for all of them.
    fn numbered(&mut self, task: &Task) -> Decision {
        let under = |number: u32| {
            let outputs = task.outputs.iter().map(|o| Output { path: with_number(&o.path, number), ..o.clone() });
            let annotations =
                task.annotations.iter().map(|a| Annotation { path: with_number(&a.path, number), ..a.clone() });
            (outputs.collect::<Vec<_>>(), annotations.collect::<Vec<_>>())
        };
        let free = |(outputs, annotations): &(Vec<Output>, Vec<Annotation>)| {
            let mut paths = outputs.iter().map(|o| &o.path).chain(annotations.iter().map(|a| &a.path));
            paths.all(|path| !self.taken.contains(path)) && self.is_free(outputs, annotations)
        };
        let (outputs, annotations) = (2..).map(under).find(free).expect("some number is free");
        self.taken.extend(outputs.iter().map(|o| o.path.clone()).chain(annotations.iter().map(|a| a.path.clone())));
        Decision::Render { outputs, annotations }
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
