//! What a plan writes: each file in a place of its own, apart from everything that is read, in folders that can be written.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use presets::document::{Collector, Place};
use presets::url::is_url;

use super::limited::Limited;
use super::tasks::{Outline, Tasks};
use crate::hash::short;
use crate::paths;
use crate::task::{Annotation, Task};

/// The outputs of a plan, each held against the others as it comes, and at the end against what is read and the disk.
pub(super) struct Outputs {
    /// Task by path, which is kept as its hash: there may be a million.
    writers: HashMap<u128, Writer>,
    /// Where each folder that outputs lie in really is; `None` where it is still to be made, so that nothing stands in it.
    folders: HashMap<PathBuf, Option<PathBuf>>,
    read: HashMap<String, Option<PathBuf>>,
    shared: Limited,
    standing: Limited,
}

/// Who writes a path.
#[derive(Clone, Copy)]
struct Writer {
    task: u32,
    /// What stands for the file that follows a take, where it is one; 0 for a sound.
    annotation: u64,
}

impl Default for Outputs {
    fn default() -> Outputs {
        Outputs {
            writers: HashMap::new(),
            folders: HashMap::new(),
            read: HashMap::new(),
            shared: Limited::new("outputs share a path"),
            standing: Limited::new("outputs are folders"),
        }
    }
}

impl Outputs {
    /// Takes in what a task writes and reads. `label` says what one before it is called.
    pub fn add(&mut self, task: &Task, label: &mut dyn FnMut(u32) -> String, place: &Place, collector: &Collector) {
        for source in &task.sources {
            if !self.read.contains_key(&source.path) {
                let real = Path::new(&source.path).canonicalize().ok();
                self.read.insert(source.path.clone(), real);
            }
        }
        let outputs = task.outputs.iter().map(|output| (output.path.as_path(), 0));
        let follow = task.annotations.iter().map(|annotation| (annotation.path.as_path(), identity(annotation)));
        for (path, annotation) in outputs.chain(follow) {
            let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { continue };
            if !self.folders.contains_key(folder) {
                self.folders.insert(folder.to_owned(), folder.canonicalize().ok());
            }
            let real = match &self.folders[folder] {
                Some(real) => {
                    if path.is_dir() {
                        let message = || format!("{} is a folder", paths::shown(path));
                        let help = "Change the path, or move the folder away.";
                        self.standing.tell(place, || (message(), help.to_owned()), collector);
                    }
                    path.canonicalize().unwrap_or_else(|_| real.join(name))
                }
                None => path.to_owned(),
            };
            let writer = Writer { task: task.number, annotation };
            if let Some(other) = self.writers.insert(hash(&real), writer) {
                // What belongs to a take is the same file for all its tones and draws, and may lie in one place.
                if annotation != 0 && annotation == other.annotation {
                    continue;
                }
                self.shared.tell(place, || (shared(task, writer, other, label, path), SHARED.to_owned()), collector);
            }
        }
    }

    /// Tells what would be lost, and folders that cannot be written. `is_read` says why a path would be read as an input,
    /// where it would; `may_be_read` whether that can be of any path in a folder.
    pub fn finish(
        self,
        tasks: &Tasks,
        place: &Place,
        may_be_read: &dyn Fn(&Path) -> bool,
        is_read: &dyn Fn(&Path) -> Option<String>,
        collector: &Collector,
    ) {
        let mut overwritten = Limited::new("outputs would replace what is read");
        let mut written: Vec<&str> = Vec::new();
        for (path, real) in &self.read {
            if self.writers.contains_key(&hash(real.as_deref().unwrap_or(Path::new(path)))) {
                written.push(path);
            }
        }
        written.sort_unstable();
        for path in &written {
            let message = || format!("{} would be replaced, and it is read", paths::shown(Path::new(path)));
            overwritten.tell(place, || (message(), "Write to another folder.".to_owned()), collector);
        }
        let mut read_again = Limited::new("outputs would lie among the inputs");
        if self.folders.keys().any(|folder| may_be_read(folder)) {
            let all = tasks.outlines().flat_map(Outline::into_paths);
            for path in all.filter(|path| !written.iter().any(|other| Path::new(other) == path)) {
                if let Some(pattern) = is_read(&path) {
                    let message = || format!("{} would lie among the inputs of {pattern}", paths::shown(&path));
                    read_again.tell(place, || (message(), "Write to another folder.".to_owned()), collector);
                }
            }
        }
        for list in [self.shared, self.standing, overwritten, read_again] {
            list.close(place, collector);
        }
        let mut checked = BTreeSet::new();
        let folders: BTreeSet<&PathBuf> = self.folders.keys().collect();
        for folder in folders {
            // Folders that are still to be made are as writable as the nearest one that stands.
            if is_url(folder) {
                continue;
            }
            let Some(existing) = folder.ancestors().find(|f| fs::symlink_metadata(f).is_ok()) else { continue };
            if checked.insert(existing)
                && let Err(problem) = writable(existing)
            {
                let message = format!("cannot write to {}: {problem}", paths::shown(existing));
                collector.mistake_with(place, message, "Change its permissions, or write elsewhere with --out.");
            }
        }
    }
}

const SHARED: &str = "Put what tells them apart into the path: {tone}, {input}, {name} or a capture.";

/// Who would write to one path.
fn shared(task: &Task, writer: Writer, other: Writer, label: &mut dyn FnMut(u32) -> String, path: &Path) -> String {
    let theirs = if other.task == task.number { task.label.clone() } else { label(other.task) };
    let who = match (theirs.as_str(), task.label.as_str()) {
        (a, b) if a == b && writer.annotation.max(other.annotation) != 0 => format!("two files of {a}"),
        (a, b) if a == b => format!("two sounds of {a}"),
        (a, b) => format!("{a} and {b}"),
    };
    format!("{who} would be written to one path, {}", paths::shown(path))
}

/// What an annotation holds: those of one text are the same file.
fn identity(annotation: &Annotation) -> u64 {
    let written = serde_json::to_vec(&(&annotation.source, &annotation.change)).expect("a path and numbers are JSON");
    (short(&written) as u64).max(1)
}

/// What stands for a path.
fn hash(path: &Path) -> u128 {
    short(path.as_os_str().as_encoded_bytes())
}

/// Whether files can be made in a folder. The superuser always may, whatever the folder's mode says.
fn writable(folder: &Path) -> Result<(), String> {
    if !folder.is_dir() {
        return Err("it is not a folder".to_owned());
    }
    #[cfg(unix)]
    {
        use rustix::fs::{Access, access};
        access(folder, Access::WRITE_OK | Access::EXEC_OK)
            .map_err(|error| std::io::Error::from(error).kind().to_string())
    }
    #[cfg(not(unix))]
    {
        match fs::metadata(folder) {
            Ok(meta) if meta.permissions().readonly() => Err("it is read-only".to_owned()),
            Ok(_) => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    }
}
