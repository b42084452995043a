//! Output paths: unique, apart from everything that is read, in folders that can be written.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use presets::document::{Collector, Place};

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
        match_dry: rules.match_dry.as_ref().map(|by| by.value),
        bext: rules.bext.clone(),
    })
}

/// Checks the outputs of all tasks against each other, against what is read, and against the disk. `is_read` says why a
/// path would be read as an input, where it would.
pub(super) fn check(tasks: &[Task], place: &Place, is_read: &dyn Fn(&Path) -> Option<String>, collector: &Collector) {
    let mut writers: HashMap<&Path, &Task> = HashMap::new();
    let mut shared = Limited::new("outputs share a path");
    let mut overwritten = Limited::new("outputs would replace what is read");
    let mut read_again = Limited::new("outputs would lie among the inputs");
    let sources: HashSet<PathBuf> = tasks.iter().flat_map(|t| &t.sources).map(|s| real(Path::new(&s.path))).collect();
    let mut folders = BTreeSet::new();
    for (task, output) in tasks.iter().flat_map(|t| t.outputs.iter().map(move |o| (t, o))) {
        let path = output.path.as_path();
        let shown = paths::shown(path);
        if let Some(other) = writers.insert(path, task) {
            let who = match (other.label.as_str(), task.label.as_str()) {
                (a, b) if a == b => format!("two sounds of {a}"),
                (a, b) => format!("{a} and {b}"),
            };
            let help = "Put what tells them apart into the path: {tone}, {input}, {name} or a capture.";
            shared.tell(place, format!("{who} would be written to one path, {shown}"), help, collector);
        }
        if sources.contains(&real(path)) {
            let message = format!("{shown} would be replaced, and it is read");
            overwritten.tell(place, message, "Write to another folder.", collector);
        } else if let Some(pattern) = is_read(path) {
            let message = format!("{shown} would lie among the inputs of {pattern}");
            read_again.tell(place, message, "Write to another folder.", collector);
        }
        if path.is_dir() {
            collector.mistake_with(place, format!("{shown} is a folder"), "Change the path, or move the folder away.");
        }
        folders.extend(path.parent());
    }
    for list in [shared, overwritten, read_again] {
        list.close(place, collector);
    }
    let mut checked = BTreeSet::new();
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

fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
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
