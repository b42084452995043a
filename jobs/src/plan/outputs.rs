//! Output paths: unique, apart from everything that is read, in folders that can be written.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use presets::document::{Collector, Located, Place};

use super::limited::Limited;
use crate::file::{FileRules, LevelRules};
use crate::paths;
use crate::task::{Annotation, Deliver, Finish, Length, Output, Task};
use crate::template::Template;

/// Longest name of a file in bytes: what common file systems take, less what the temporary name has more.
const MOST_NAME: usize = 255 - ".partial".len();

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
    let path = filled(&rules.path, base, values, collector)?;
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

/// The absolute path of a file to write. `None` where nothing fills a placeholder, which is told elsewhere.
pub(super) fn filled(
    template: &Located<Template>,
    base: &Path,
    values: &BTreeMap<&str, &str>,
    collector: &Collector,
) -> Option<PathBuf> {
    let Located { value: template, place } = template;
    let path = template.fill(values)?;
    match paths::clean(&base.join(&path)) {
        Ok(path) => fits(&path, place, collector).then_some(path),
        Err(error) => {
            collector.mistake(place, format!("path = \"{path}\" cannot be resolved: {error}"));
            None
        }
    }
}

/// Whether a file system takes a name; tells where it does not.
pub(super) fn fits(path: &Path, place: &Place, collector: &Collector) -> bool {
    let name = path.file_name().map_or(0, |n| n.len());
    if name > MOST_NAME {
        let message = format!("{} has a name of {name} bytes; at most {MOST_NAME} can be written", paths::shown(path));
        collector.mistake_with(place, message, "Shorten the path's last part.");
    }
    name <= MOST_NAME
}

/// Checks the outputs of all tasks against each other, against what is read, and against the disk. `is_read` says why a
/// path would be read as an input, where it would.
pub(super) fn check(tasks: &[Task], place: &Place, is_read: &dyn Fn(&Path) -> Option<String>, collector: &Collector) {
    let mut writers: HashMap<&Path, (&Task, Option<&Annotation>)> = HashMap::new();
    let mut shared = Limited::new("outputs share a path");
    let mut overwritten = Limited::new("outputs would replace what is read");
    let mut read_again = Limited::new("outputs would lie among the inputs");
    let sources: HashSet<PathBuf> = tasks.iter().flat_map(|t| &t.sources).map(|s| real(Path::new(&s.path))).collect();
    let mut folders = BTreeSet::new();
    for (task, path, annotation) in tasks.iter().flat_map(written) {
        let shown = paths::shown(path);
        if let Some((other, theirs)) = writers.insert(path, (task, annotation)) {
            // What belongs to a take is the same file for all its tones and draws, and may lie in one place.
            let same = |a: &Annotation, b: &Annotation| a.source == b.source && a.change == b.change;
            if annotation.zip(theirs).is_some_and(|(annotation, theirs)| same(annotation, theirs)) {
                continue;
            }
            let who = match (other.label.as_str(), task.label.as_str()) {
                (a, b) if a == b && annotation.or(theirs).is_some() => format!("two files of {a}"),
                (a, b) if a == b => format!("two sounds of {a}"),
                (a, b) => format!("{a} and {b}"),
            };
            let help = "Put what tells them apart into the path: {tone}, {input}, {name} or a capture.";
            let message = || format!("{who} would be written to one path, {shown}");
            shared.tell(place, || (message(), help.to_owned()), collector);
        }
        if sources.contains(&real(path)) {
            let message = || format!("{shown} would be replaced, and it is read");
            overwritten.tell(place, || (message(), "Write to another folder.".to_owned()), collector);
        } else if let Some(pattern) = is_read(path) {
            let message = || format!("{shown} would lie among the inputs of {pattern}");
            read_again.tell(place, || (message(), "Write to another folder.".to_owned()), collector);
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

/// Every file that a task writes; with what it belongs to a take by, where it is no sound.
fn written(task: &Task) -> impl Iterator<Item = (&Task, &Path, Option<&Annotation>)> {
    let sounds = task.outputs.iter().map(move |output| (task, output.path.as_path(), None));
    sounds.chain(task.annotations.iter().map(move |annotation| (task, annotation.path.as_path(), Some(annotation))))
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
