//! Why a data set cannot be made.

use std::fmt;
use std::io;
use std::path::PathBuf;

use jobs::manifest::ManifestError;

use crate::leak::Leak;
use crate::licence::AssetLicence;
use crate::settings::UnusedSetting;

/// Why a data set cannot be made. Nothing of it stands then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PackageError {
    /// The folder holds no finished render.
    #[error("{folder} holds no finished render: there is no {FILE} with files in it. Name a job's output folder", FILE = jobs::manifest::FILE_NAME)]
    NoRender {
        /// The folder.
        folder: PathBuf,
    },
    /// The manifest cannot be read.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// Files of the manifest are not there, or not as they were.
    #[error("{} as the manifest says:\n{}", files_are_not(.0.len()), lines(.0))]
    Stale(Vec<Stale>),
    /// Some dry sounds are not there, or not as they were.
    #[error("{} as when it was rendered:\n{}\nRestore them, or leave the dry sounds out with --no-dry", files_are_not(.0.len()), lines(.0))]
    StaleInput(Vec<Stale>),
    /// The records were rendered with different seeds.
    #[error("the render has several seeds ({0}). Say which one the splits take, with --seed")]
    Seeds(String),
    /// Some entries lack the field that tells groups apart.
    #[error("{field} tells no group of {entry}{}. There are {known}", and_others(*.others))]
    NoGroup {
        /// The field.
        field: String,
        /// One that lacks it.
        entry: String,
        /// How many others lack it too.
        others: usize,
        /// The fields that one could name.
        known: String,
    },
    /// A tone to hold out is none of the render's.
    #[error("there is no tone \"{tone}\" to hold out. There are {known}")]
    NoTone {
        /// The tone.
        tone: String,
        /// Those that there are.
        known: String,
    },
    /// Tones are to be held out for a split that there is none of.
    #[error(
        "tones are held out for the split test, and there is none among {splits}. Add one: --split train=0.8,test=0.2"
    )]
    NoTest {
        /// The splits that there are.
        splits: String,
    },
    /// Nothing is left.
    #[error("nothing is left for the data set. Of what was rendered: {0}")]
    Empty(Left),
    /// A setting is for other layouts.
    #[error(transparent)]
    Unused(#[from] UnusedSetting),
    /// Something stands in several splits.
    #[error(
        "{} between splits:\n{}\nGroup what belongs together, with --group-by",
        leaks(.0.len()),
        lines(.0)
    )]
    Leaks(Vec<Leak>),
    /// Some assets stand under licences that are not allowed.
    #[error(
        "{} under licences that are not allowed ({allowed}):\n{}\nAllow them with --licence-allow too, replace them, or state their licence in a file beside them, such as NAME.license",
        assets_stand(.refused.len()),
        lines(.refused)
    )]
    Licences {
        /// The assets.
        refused: Vec<AssetLicence>,
        /// What is allowed.
        allowed: String,
    },
    /// The template is none, or does not tell the files apart.
    #[error("the template \"{template}\" {problem}")]
    Template {
        /// As written.
        template: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Two different files have one place in the layout.
    #[error("{one} and {other} would both be {name}. {help}")]
    Collision {
        /// Their name in the data set.
        name: String,
        /// One of them.
        one: PathBuf,
        /// The other.
        other: PathBuf,
        /// What to do.
        help: &'static str,
    },
    /// The render has nothing that the layout holds.
    #[error("the layout {layout} holds {holds}, and this render has none. {help}")]
    Unfit {
        /// The layout.
        layout: &'static str,
        /// What it holds.
        holds: &'static str,
        /// What to do.
        help: &'static str,
    },
    /// A table would be read wrongly.
    #[error(
        "the column {column} would be read as {one} in the split {first} and as {other} in {second}, so that no table of both can be had. Write --metadata parquet, which says what its columns are"
    )]
    Types {
        /// The column.
        column: String,
        /// What it is taken for in one split.
        one: &'static str,
        /// That split.
        first: String,
        /// What it is taken for in another.
        other: &'static str,
        /// That split.
        second: String,
    },
    /// The folder to write holds something.
    #[error("{folder} is there already and not empty. Name a new folder, or remove it first")]
    Occupied {
        /// The folder.
        folder: PathBuf,
    },
    /// Another process writes this data set now, or a folder of its temporary name is somebody else's.
    #[error("{folder} {problem}")]
    Partial {
        /// The folder in which the data set is put together.
        folder: PathBuf,
        /// What is the matter with it.
        problem: &'static str,
    },
    /// A sound cannot be read.
    #[error("cannot read {path}: {source}")]
    Sound {
        /// The file.
        path: PathBuf,
        /// Why.
        source: audio::read::ReadError,
    },
    /// A sound cannot be written.
    #[error("cannot write {path}: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: audio::write::WriteError,
    },
    /// The system refuses.
    #[error("cannot {doing} {path}: {source}")]
    System {
        /// What was tried.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Files that were rendered and are not in the data set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Left {
    /// Those in quarantine.
    pub quarantined: usize,
    /// Those that are flagged, or whose dry take is, where these were to be left out.
    pub flagged: usize,
    /// Those of held-out tones whose sources are in other splits than `test`.
    pub held_back: usize,
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            (self.quarantined, "in quarantine"),
            (self.flagged, "flagged"),
            (self.held_back, "of held-out tones and of groups outside test"),
        ];
        let told: Vec<String> =
            parts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
        if told.is_empty() {
            return f.write_str("dry takes alone");
        }
        f.write_str(&told.join(", "))
    }
}

/// A file that is not as the manifest says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stale {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub problem: String,
}

impl fmt::Display for Stale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.problem)
    }
}

impl fmt::Display for AssetLicence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.path.display(), self.role, self.licence)
    }
}

/// How many of a list are told one by one.
const MOST: usize = 20;

/// Each of a list on a line of its own, the first ones of a long list.
fn lines<T: fmt::Display>(list: &[T]) -> String {
    let mut lines: Vec<String> = list.iter().take(MOST).map(|item| format!("  {item}")).collect();
    if list.len() > MOST {
        lines.push(format!("  and {} more", list.len() - MOST));
    }
    lines.join("\n")
}

fn files_are_not(count: usize) -> String {
    if count == 1 { "1 file is not".to_owned() } else { format!("{count} files are not") }
}

fn leaks(count: usize) -> String {
    if count == 1 { "1 thing leaks".to_owned() } else { format!("{count} things leak") }
}

fn assets_stand(count: usize) -> String {
    if count == 1 { "1 asset stands".to_owned() } else { format!("{count} assets stand") }
}

fn and_others(count: usize) -> String {
    match count {
        0 => String::new(),
        1 => " and 1 other".to_owned(),
        _ => format!(" and {count} others"),
    }
}

/// Names as a sentence lists them.
pub(crate) fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.into_iter().collect();
    let mut text = names.iter().take(MOST).copied().collect::<Vec<_>>().join(", ");
    if names.len() > MOST {
        text += &format!(" and {} more", names.len() - MOST);
    }
    if text.is_empty() { "none".to_owned() } else { text }
}
