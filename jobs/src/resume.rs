//! What a run has to do, given what stands already. Decides only; nothing here writes.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::file::Collision;
use crate::manifest::Record;
use crate::paths;
use crate::plan::Plan;
use crate::plan::{Outline, OutputOutline};
use crate::task::Task;

/// What is done about one task.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// All its files stand and were made from the same things.
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
/// without living to record it: they are ours too.
///
/// Under `increment` all files of a task take one number, the lowest that is free for all of them, so a second run
/// renders everything beside the first.
pub fn decide(plan: &Plan, records: &[Record], started: &HashSet<PathBuf>, standing: &dyn Standing) -> Vec<Decision> {
    let root = &plan.header.output_root;
    let records: HashMap<&str, &Record> = records.iter().map(|r| (r.path.as_str(), r)).collect();
    let record = |path: &Path| records.get(paths::relative(path, root).as_str()).copied();
    let mut taken: HashSet<PathBuf> = match plan.header.collision {
        Collision::Increment => plan.tasks.outlines().flat_map(|task| task.outputs).map(|output| output.path).collect(),
        Collision::Skip | Collision::Overwrite | Collision::Error => HashSet::new(),
    };
    let decide = |task: Outline| {
        let outputs = &task.outputs;
        let first = |wanted: &dyn Fn(&Path) -> bool| {
            outputs.iter().map(|o| &o.path).find(|path| standing.size(path).is_some() && wanted(path)).cloned()
        };
        let same = |output: &OutputOutline| {
            let size = standing.size(&output.path);
            size.is_some() && record(&output.path).is_some_and(|r| r.key == task.key && Some(r.file.bytes) == size)
        };
        match plan.header.collision {
            Collision::Overwrite => Decision::Render(None),
            // What an interrupted run of this very job has made or begun is no collision: the run goes on.
            Collision::Error if !outputs.is_empty() && outputs.iter().all(same) => Decision::Skip,
            Collision::Error => match first(&|path| !started.contains(path)) {
                Some(path) => Decision::Refuse(Refusal::Stands { path }),
                None => Decision::Render(None),
            },
            Collision::Skip => {
                if outputs.iter().all(same) {
                    return Decision::Skip;
                }
                match first(&|path| record(path).is_none() && !started.contains(path)) {
                    Some(path) => Decision::Refuse(Refusal::NotOurs { path }),
                    None => Decision::Render(None),
                }
            }
            Collision::Increment => match first(&|_| true) {
                None => Decision::Render(None),
                Some(_) => Decision::Render(Some(free_number(outputs, &mut taken, standing))),
            },
        }
    };
    plan.tasks.outlines().map(decide).collect()
}

/// The lowest number from 2 that is free for all of them.
fn free_number(outputs: &[OutputOutline], taken: &mut HashSet<PathBuf>, standing: &dyn Standing) -> u32 {
    let under = |number: u32| outputs.iter().map(move |output| with_number(&output.path, number));
    let free = |number: &u32| under(*number).all(|path| standing.size(&path).is_none() && !taken.contains(&path));
    let number = (2..).find(free).expect("some number is free");
    taken.extend(under(number));
    number
}

/// Puts a number behind the names of all files that a task writes.
pub(crate) fn numbered(task: &mut Task, number: u32) {
    let outputs = task.outputs.iter_mut().map(|output| &mut output.path);
    let paths = outputs.chain(task.annotations.iter_mut().map(|annotation| &mut annotation.path));
    paths.for_each(|path| *path = with_number(path, number));
}

/// `out/a.wav` as `out/a-2.wav`.
fn with_number(path: &Path, number: u32) -> PathBuf {
    let stem = path.file_stem().map_or_else(String::new, |s| s.to_string_lossy().into_owned());
    let extension = path.extension().map_or_else(String::new, |e| format!(".{}", e.to_string_lossy()));
    path.with_file_name(format!("{stem}-{number}{extension}"))
}

#[cfg(test)]
mod tests;
