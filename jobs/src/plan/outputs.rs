//! Output paths: unique, apart from everything that is read, in folders that can be written.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use presets::document::{Collector, Place};

use super::tasks::Tasks;
use crate::file::{FileRules, LevelRules};
use crate::paths;
use crate::task::{Deliver, Finish, Length, Output, Task};

/// Longest name of a file in bytes: what common file systems take, less what the temporary name has more.
const MOST_NAME: usize = 255 - ".partial".len();
/// Mistakes of one kind that are told one by one.
const MOST_TOLD: usize = 5;

/// Fills the path of one output.
pub(super) fn output(
    rules: &FileRules,
    length: Length,
    base: &Path,
    values: &BTreeMap<&str, &str>,
    deliver: Deliver,
    collector: &Collector,
) -> Option<Output> {
    // A placeholder that nothing fills was told when the job was read.
    let path = rules.path.value.fill(values)?;
    let place = &rules.path.place;
    let path = match paths::clean(&base.join(&path)) {
        Ok(path) => path,
        Err(error) => {
            collector.mistake(place, format!("path = \"{path}\" cannot be resolved: {error}"));
            return None;
        }
    };
    let name = path.file_name().map_or(0, |n| n.len());
    if name > MOST_NAME {
        let message = format!("{} has a name of {name} bytes; at most {MOST_NAME} can be written", paths::shown(&path));
        collector.mistake_with(place, message, "Shorten the path's last part.");
        return None;
    }
    let LevelRules { target, ceiling } = rules.levels;
    Some(Output {
        path,
        deliver,
        format: rules.format,
        sample_rate: rules.sample_rate,
        length,
        finish: Finish { target, ceiling, ..rules.finish },
        match_dry: None,
        bext: rules.bext.clone(),
    })
}

/// The outputs of a plan, each held against the others as it comes, and at the end against what is read and the disk.
pub(super) struct Outputs {
    /// Task by path, which is kept as its hash: there may be a million.
    writers: HashMap<u128, u32>,
    folders: HashMap<PathBuf, Folder>,
    read: HashMap<String, Option<PathBuf>>,
    shared: Limited,
    standing: Limited,
}

/// A folder that outputs lie in.
struct Folder {
    /// Where it really is; `None` where it is still to be made, so that nothing stands in it.
    real: Option<PathBuf>,
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
    pub fn add(&mut self, task: &Task, label: &dyn Fn(u32) -> String, place: &Place, collector: &Collector) {
        for source in &task.sources {
            if !self.read.contains_key(&source.path) {
                let real = Path::new(&source.path).canonicalize().ok();
                self.read.insert(source.path.clone(), real);
            }
        }
        for path in task.paths() {
            let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { continue };
            if !self.folders.contains_key(folder) {
                self.folders.insert(folder.to_owned(), Folder { real: folder.canonicalize().ok() });
            }
            let real = match &self.folders[folder].real {
                Some(real) => {
                    if path.is_dir() {
                        let message = format!("{} is a folder", paths::shown(path));
                        self.standing.tell(place, message, "Change the path, or move the folder away.", collector);
                    }
                    path.canonicalize().unwrap_or_else(|_| real.join(name))
                }
                None => path.to_owned(),
            };
            if let Some(other) = self.writers.insert(hash(&real), task.number) {
                let other = if other == task.number { task.label.clone() } else { label(other) };
                let who = if other == task.label {
                    format!("two sounds of {other}")
                } else {
                    format!("{other} and {}", task.label)
                };
                let message = format!("{who} would be written to one path, {}", paths::shown(path));
                let help = "Put what tells them apart into the path: {tone}, {input}, {name} or a capture.";
                self.shared.tell(place, message, help, collector);
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
            let message = format!("{} would be replaced, and it is read", paths::shown(Path::new(path)));
            overwritten.tell(place, message, "Write to another folder.", collector);
        }
        let mut read_again = Limited::new("outputs would lie among the inputs");
        if self.folders.keys().any(|folder| may_be_read(folder)) {
            let all = tasks.outlines().flat_map(|task| task.outputs).map(|output| output.path);
            for path in all.filter(|path| !written.iter().any(|other| Path::new(other) == path)) {
                if let Some(pattern) = is_read(&path) {
                    let message = format!("{} would lie among the inputs of {pattern}", paths::shown(&path));
                    read_again.tell(place, message, "Write to another folder.", collector);
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

/// What stands for a path: no two of a plan share it by chance.
fn hash(path: &Path) -> u128 {
    let hash = blake3::hash(path.as_os_str().as_encoded_bytes());
    u128::from_le_bytes(hash.as_bytes()[..16].try_into().expect("16 of 32 bytes"))
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

/// Tells a few mistakes of one kind, then how many more there are.
struct Limited {
    what: &'static str,
    count: usize,
}

impl Limited {
    fn new(what: &'static str) -> Limited {
        Limited { what, count: 0 }
    }

    fn tell(&mut self, place: &Place, message: String, help: &str, collector: &Collector) {
        self.count += 1;
        if self.count <= MOST_TOLD {
            collector.mistake_with(place, message, help);
        }
    }

    fn close(self, place: &Place, collector: &Collector) {
        if self.count > MOST_TOLD {
            collector.mistake(place, format!("{} more {}", self.count - MOST_TOLD, self.what));
        }
    }
}
