//! Where plugins lie, and which file a written name means. Nothing here loads a plugin.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use crate::document::{did_you_mean, similar};

/// Deepest folder below a plugin folder that is looked into.
const MOST_DEPTH: usize = 8;

/// The folders that plugins are searched for in, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Folders {
    folders: Vec<PathBuf>,
}

/// What a written name means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Located {
    /// This file, or directory that is a plugin; absolute.
    File(PathBuf),
    /// No file has the name, and it looks like a CLAP id: whoever can list plugins knows where it lies.
    Id,
}

/// Why a written name means no plugin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LocateError {
    /// The path leads nowhere.
    #[error("there is no plugin file {}.{}", path.display(), spaced(&did_you_mean(similar)))]
    NoFile {
        /// The path, as it was looked for first.
        path: PathBuf,
        /// File names beside it that come close.
        similar: Vec<String>,
    },
    /// No plugin folder has a file of that name.
    #[error("no plugin file is called \"{name}\".{} {}", spaced(&did_you_mean(similar)), searched(folders))]
    NotFound {
        /// As written.
        name: String,
        /// File names that come close.
        similar: Vec<String>,
        /// Where it was searched for.
        folders: Vec<PathBuf>,
    },
    /// Several in one plugin folder have it.
    #[error("several plugin files are called \"{name}\": {}. Write the path of one", listed(found))]
    Several {
        /// As written.
        name: String,
        /// All of them.
        found: Vec<PathBuf>,
    },
}

impl Folders {
    /// These folders alone.
    pub fn new(folders: impl IntoIterator<Item = PathBuf>) -> Folders {
        Folders { folders: folders.into_iter().collect() }
    }

    /// Those of `CLAP_PATH`, then those that the operating system's plugins are installed in.
    pub fn standard() -> Folders {
        let listed = std::env::var_os("CLAP_PATH");
        let home = std::env::var_os("HOME").map(PathBuf::from);
        let mut folders: Vec<PathBuf> = listed.iter().flat_map(std::env::split_paths).collect();
        folders.extend(installed(home.as_deref()));
        folders.retain(|f| !f.as_os_str().is_empty());
        Folders { folders }
    }

    /// The folders, in the order they are searched.
    pub fn list(&self) -> &[PathBuf] {
        &self.folders
    }

    /// Every plugin file in them, each once; folder by folder, sorted within each.
    pub fn plugins(&self) -> Vec<PathBuf> {
        self.by_folder().concat()
    }

    /// The plugin files of each folder, sorted, in the order the folders are searched; a file is listed once.
    pub fn by_folder(&self) -> Vec<Vec<PathBuf>> {
        let mut seen = BTreeSet::new();
        let files_of = |folder: &PathBuf| {
            let mut here = Vec::new();
            collect(folder, 0, &mut here);
            here.sort();
            here.retain(|path| seen.insert(real(path)));
            here
        };
        self.folders.iter().map(files_of).collect()
    }

    /// Which plugin `written` means: a path that starts at `folder` or at the working directory, the name of a file in
    /// the plugin folders (`.clap` may be left out), or an id. The first plugin folder that has the name decides, so
    /// that `CLAP_PATH` can stand in for what is installed.
    pub fn locate(&self, written: &str, folder: &Path) -> Result<Located, LocateError> {
        let is_path = written.contains(std::path::is_separator);
        let starts = [folder, Path::new("")];
        for start in starts {
            let path = start.join(written);
            if is_plugin(&path) || (is_path && path.is_file()) {
                return Ok(Located::File(absolute(&inner(path))));
            }
        }
        if is_path {
            let path = folder.join(written);
            return Err(LocateError::NoFile { similar: neighbours(&path), path });
        }
        let folders = self.by_folder();
        let called = |files: &Vec<PathBuf>| -> Vec<PathBuf> {
            files.iter().filter(|p| is_called(p, written)).cloned().collect()
        };
        let found = folders.iter().map(called).find(|found| !found.is_empty()).unwrap_or_default();
        match found.as_slice() {
            [one] => Ok(Located::File(absolute(one))),
            [] if looks_like_id(written) => Ok(Located::Id),
            [] => {
                let names: BTreeSet<&str> = folders.iter().flatten().filter_map(|p| p.file_stem()?.to_str()).collect();
                let similar = similar(without_extension(written), names, 3).into_iter().map(str::to_owned).collect();
                Err(LocateError::NotFound { name: written.to_owned(), similar, folders: self.folders.clone() })
            }
            many => {
                let found = many.iter().map(|p| absolute(p)).collect();
                Err(LocateError::Several { name: written.to_owned(), found })
            }
        }
    }
}

/// Where plugins are installed, as the CLAP specification and distributions have it.
fn installed(home: Option<&Path>) -> Vec<PathBuf> {
    let in_home = |rest: &str| home.map(|h| h.join(rest));
    if cfg!(target_os = "macos") {
        let user = in_home("Library/Audio/Plug-Ins/CLAP");
        return user.into_iter().chain(["/Library/Audio/Plug-Ins/CLAP".into()]).collect();
    }
    if cfg!(windows) {
        let below = |variable: &str, rest: &str| std::env::var_os(variable).map(|v| Path::new(&v).join(rest));
        let common = below("COMMONPROGRAMFILES", "CLAP");
        return common.into_iter().chain(below("LOCALAPPDATA", "Programs\\Common\\CLAP")).collect();
    }
    let mut folders: Vec<PathBuf> = in_home(".clap").into_iter().collect();
    folders.push("/usr/lib/clap".into());
    folders.push("/usr/local/lib/clap".into());
    folders.push("/usr/lib64/clap".into());
    // Debian keeps libraries of each architecture in a folder of their own.
    folders.push(format!("/usr/lib/{}-linux-gnu/clap", std::env::consts::ARCH).into());
    folders
}

fn collect(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if is_clap(&path) && (path.is_file() || is_bundle(&path)) {
            found.push(path);
        } else if path.is_dir() && depth < MOST_DEPTH {
            let before = found.len();
            collect(&path, depth + 1, found);
            // A directory of that name without a plugin file in it may still be one that the loader understands.
            if is_clap(&path) && found.len() == before {
                found.push(path);
            }
        }
    }
}

/// A directory that is a plugin as a whole, as on macOS.
fn is_bundle(path: &Path) -> bool {
    path.join("Contents").is_dir()
}

fn is_clap(path: &Path) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case("clap"))
}

fn is_plugin(path: &Path) -> bool {
    is_clap(path) && path.exists()
}

/// The one plugin file in a directory that is no bundle; else the path itself. Debian's `ProM.clap` is such a
/// directory.
fn inner(path: PathBuf) -> PathBuf {
    if !path.is_dir() || is_bundle(&path) {
        return path;
    }
    let mut found = Vec::new();
    collect(&path, 0, &mut found);
    match <[PathBuf; 1]>::try_from(found) {
        Ok([one]) => one,
        Err(_) => path,
    }
}

fn is_called(path: &Path, written: &str) -> bool {
    let name = path.file_name().and_then(OsStr::to_str);
    name == Some(written) || (path.file_stem().and_then(OsStr::to_str) == Some(written) && is_clap(path))
}

/// Ids are written in reverse, like a domain: `com.zamaudio.ZamTube`.
fn looks_like_id(written: &str) -> bool {
    let parts: Vec<&str> = written.split('.').collect();
    let word = |p: &&str| !p.is_empty() && p.chars().all(|c| c.is_alphanumeric() || "-_:+".contains(c));
    parts.len() >= 2 && parts.iter().all(word) && !is_clap(Path::new(written))
}

fn without_extension(written: &str) -> &str {
    written.strip_suffix(".clap").unwrap_or(written)
}

fn neighbours(path: &Path) -> Vec<String> {
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
    let entries = path.parent().and_then(|p| fs::read_dir(p).ok()).into_iter().flatten().flatten();
    let names: Vec<String> = entries.filter_map(|e| e.file_name().into_string().ok()).collect();
    similar(name, names.iter().map(String::as_str), 3).into_iter().map(str::to_owned).collect()
}

fn real(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

fn absolute(path: &Path) -> PathBuf {
    real(&std::path::absolute(path).unwrap_or_else(|_| path.to_owned()))
}

fn listed(paths: &[PathBuf]) -> String {
    paths.iter().map(|p| p.display().to_string()).collect::<Vec<_>>().join(", ")
}

fn searched(folders: &[PathBuf]) -> String {
    match folders {
        [] => "There are no plugin folders: set CLAP_PATH".to_owned(),
        _ => format!("Searched {}; CLAP_PATH adds folders", listed(folders)),
    }
}

fn spaced(sentence: &str) -> String {
    if sentence.is_empty() { String::new() } else { format!(" {sentence}") }
}

#[cfg(test)]
mod tests;
