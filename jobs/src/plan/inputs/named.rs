//! The recordings of a group, as patterns find them and lists name them.

use std::path::{Path, PathBuf};

use presets::document::{Located, Place};

use super::facts::near;
use super::list;
use crate::fetch;
use crate::file::{InputForm, Recordings};
use crate::paths;
use crate::plan::build::Builder;
use crate::plan::tones;
use crate::task::Facts;

/// A recording that a pattern finds or a list names.
pub(super) struct Named {
    /// Where it is.
    pub path: PathBuf,
    /// Who it is within its group.
    pub identity: String,
    /// Where it is named.
    pub place: Place,
    /// What that says of it.
    pub facts: Facts,
}

/// What patterns find or a list names, in order.
pub(super) fn find(builder: &mut Builder<'_>, form: &InputForm) -> Vec<Named> {
    let Located { value: path, place } = match &form.recordings {
        Recordings::Files(globs) => return globs.iter().flat_map(|glob| found(builder, glob)).collect(),
        Recordings::List(list) => list,
    };
    let bytes = match fetch::read(&*builder.files.fetcher, path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let shown = paths::shown(&paths::clean(path).unwrap_or_else(|_| path.clone()));
            builder.collector.mistake_with(place, format!("there is no list {shown}"), near(path));
            return Vec::new();
        }
        Err(error) => {
            let message = format!("cannot read the list {}: {error}", path.display());
            builder.collector.mistake_with(place, message, "Check that it is a file, and its permissions.");
            return Vec::new();
        }
    };
    let file = Place::file(path.display().to_string());
    let at = |line, column| Place { line, column, ..file.clone() };
    let rows = match list::read(path, &bytes) {
        Ok(rows) => rows,
        Err(fault) => {
            builder.collector.mistake_with(&at(fault.line, fault.column), fault.message, fault.help);
            return Vec::new();
        }
    };
    let folder = path.parent().unwrap_or(Path::new(""));
    let row = |row: list::Row| Named {
        path: presets::url::join(folder, &row.file),
        identity: identity(Path::new(&row.file)),
        place: at(row.line, row.column),
        facts: row.facts,
    };
    rows.into_iter().map(row).collect()
}

/// What one pattern finds.
fn found(builder: &Builder<'_>, glob: &Located<crate::glob::Glob>) -> Vec<Named> {
    let Located { value: glob, place } = glob;
    let root = glob.folder(&builder.job.folder);
    let named = |found: crate::glob::Match| Named {
        identity: identity(found.path.strip_prefix(&root).unwrap_or(&found.path)),
        path: found.path,
        place: place.clone(),
        facts: found.captures.into_iter().map(|(name, text)| (name, text.into())).collect(),
    };
    tones::find(builder, glob, place, "recording").into_iter().map(named).collect()
}

/// A path as it tells recordings apart: the same on every system.
fn identity(path: &Path) -> String {
    let parts: Vec<_> = path.components().filter(|part| *part != std::path::Component::CurDir).collect();
    parts.iter().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}
