//! Output paths: unique, apart from everything that is read, in folders that can be written.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use presets::document::{Collector, Located, Place};

use crate::file::{FileRules, LevelRules};
use crate::paths;
use crate::task::{Deliver, Finish, Length, Output, RUN_DIGITS};
use crate::template::Template;

/// Longest name of a file in bytes: what common file systems take, less what the temporary name has more.
const MOST_NAME: usize = 255 - ".partial".len() - ".".len() - RUN_DIGITS;

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
    match paths::clean(&presets::url::join(base, &path)) {
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
