//! Where plugins lie, and which file a written name means. Nothing here loads a plugin.
//!
//! A plugin is a file whose name ends in its format's extension, or a directory with such a name. What a directory
//! holds is looked at for CLAP alone: Debian's `ProM.clap` is a directory around a plugin file. A `.vst3` directory is
//! one plugin as a whole, whatever lies in it; an LV2 bundle is any directory
//! with a manifest.

mod installed;

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

use crate::PluginFormat;
use crate::document::{did_you_mean, similar};

/// Deepest folder below a plugin folder that is looked into.
const MOST_DEPTH: usize = 8;

/// The folders that plugins of one format are searched for in, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folders {
    format: PluginFormat,
    folders: Vec<PathBuf>,
}

/// What a written name means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Located {
    /// This file, or directory that is a plugin; absolute.
    File(PathBuf),
    /// No file has the name, and it looks like an id: whoever can list plugins knows where it lies.
    Id,
}

/// Why a written name means no plugin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LocateError {
    /// The path leads nowhere.
    #[error("there is no {} plugin {}.{}", format.name(), path.display(), spaced(&did_you_mean(similar)))]
    NoFile {
        /// What was searched for.
        format: PluginFormat,
        /// The path, as it was looked for first.
        path: PathBuf,
        /// File names beside it that come close.
        similar: Vec<String>,
    },
    /// The path leads to a plugin of another format.
    #[error("{} is a {} plugin. Write {}: in front of it", path.display(), is.name(), is.word())]
    OtherFormat {
        /// The path.
        path: PathBuf,
        /// The format that its name tells.
        is: PluginFormat,
    },
    /// No plugin folder has a file of that name.
    #[error("no {} plugin is called \"{name}\".{} {}", format.name(), spaced(&did_you_mean(similar)), searched(*format, folders))]
    NotFound {
        /// What was searched for.
        format: PluginFormat,
        /// As written.
        name: String,
        /// File names that come close.
        similar: Vec<String>,
        /// Where it was searched for.
        folders: Vec<PathBuf>,
    },
    /// Several in one plugin folder have it.
    #[error("several {} plugins are called \"{name}\": {}. Write the path of one", format.name(), listed(found))]
    Several {
        /// What was searched for.
        format: PluginFormat,
        /// As written.
        name: String,
        /// All of them.
        found: Vec<PathBuf>,
    },
}

impl Folders {
    /// These folders alone.
    pub fn new(format: PluginFormat, folders: impl IntoIterator<Item = PathBuf>) -> Folders {
        Folders { format, folders: folders.into_iter().collect() }
    }

    /// Those of the format's variable, `CLAP_PATH`, `VST3_PATH` or `LV2_PATH`, then those that the operating system's plugins are
    /// installed in.
    pub fn standard(format: PluginFormat) -> Folders {
        Folders::from_environment(format, |variable| std::env::var_os(variable))
    }

    fn from_environment(format: PluginFormat, variable: impl Fn(&str) -> Option<OsString>) -> Folders {
        let listed = variable(format.variable());
        let mut folders: Vec<PathBuf> = listed.iter().flat_map(std::env::split_paths).collect();
        folders.extend(installed::folders(format, variable));
        folders.retain(|f| !f.as_os_str().is_empty());
        Folders { format, folders }
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
            self.collect(folder, 0, &mut here);
            here.sort();
            here.retain(|path| seen.insert(real(path)));
            here
        };
        self.folders.iter().map(files_of).collect()
    }

    /// Which plugin `written` means: a path that starts at `folder` or at the working directory, the name of a file in
    /// the plugin folders (its extension may be left out), or an id. The first plugin folder that has the name decides,
    /// so that those of the variable can stand in for what is installed.
    pub fn locate(&self, written: &str, folder: &Path) -> Result<Located, LocateError> {
        let format = self.format;
        if format.is_uri(written) {
            return Ok(Located::Id);
        }
        let is_path = written.contains(std::path::is_separator);
        let starts = [folder, Path::new("")];
        for start in starts {
            let path = start.join(written);
            if !path.exists() {
                continue;
            }
            if let Some(is) = format_of(&path).filter(|is| *is != format) {
                return Err(LocateError::OtherFormat { path, is });
            }
            if self.is_named_like_one(&path) || (is_path && self.may_be_file() && path.is_file()) {
                return Ok(Located::File(absolute(&self.inner(path))));
            }
        }
        if is_path {
            let path = folder.join(written);
            return Err(LocateError::NoFile { format, similar: neighbours(&path), path });
        }
        let folders = self.by_folder();
        let called = |files: &Vec<PathBuf>| -> Vec<PathBuf> {
            files.iter().filter(|p| is_called(p, written)).cloned().collect()
        };
        let found = folders.iter().map(called).find(|found| !found.is_empty()).unwrap_or_default();
        match found.as_slice() {
            [one] => Ok(Located::File(absolute(one))),
            [] if format.is_like_id(written) => Ok(Located::Id),
            [] => {
                let names: BTreeSet<&str> = folders.iter().flatten().filter_map(|p| p.file_stem()?.to_str()).collect();
                let plain = match format_of(Path::new(written)) {
                    Some(named) => &written[..written.len() - named.extension().len() - 1],
                    None => written,
                };
                let similar = similar(plain, names, 3).into_iter().map(str::to_owned).collect();
                Err(LocateError::NotFound { format, name: written.to_owned(), similar, folders: self.folders.clone() })
            }
            many => {
                let found = many.iter().map(|p| absolute(p)).collect();
                Err(LocateError::Several { format, name: written.to_owned(), found })
            }
        }
    }

    fn collect(&self, folder: &Path, depth: usize, found: &mut Vec<PathBuf>) {
        let Ok(entries) = fs::read_dir(folder) else { return };
        for entry in entries.flatten() {
            let path = entry.path();
            let named = self.is_named_like_one(&path);
            if named && ((self.may_be_file() && path.is_file()) || self.is_whole(&path)) {
                found.push(path);
            } else if path.is_dir() && depth < MOST_DEPTH {
                let before = found.len();
                self.collect(&path, depth + 1, found);
                // A directory of that name without a plugin file in it may still be one that the loader understands.
                if named && found.len() == before {
                    found.push(path);
                }
            }
        }
    }

    fn is_named_like_one(&self, path: &Path) -> bool {
        // LV2 knows a bundle by its manifest, whatever it is called.
        format_of(path) == Some(self.format) || (self.format == PluginFormat::Lv2 && self.is_whole(path))
    }

    /// Whether a directory of a plugin's name is the plugin as a whole.
    fn is_whole(&self, path: &Path) -> bool {
        match self.format {
            // A bundle, as on macOS.
            PluginFormat::Clap => path.join("Contents").is_dir(),
            PluginFormat::Vst3 => path.is_dir(),
            PluginFormat::Lv2 => path.join("manifest.ttl").is_file(),
        }
    }

    /// Whether a single file can be a plugin.
    fn may_be_file(&self) -> bool {
        self.format != PluginFormat::Lv2
    }

    /// The one plugin file in a directory that is not the plugin as a whole; else the path itself.
    fn inner(&self, path: PathBuf) -> PathBuf {
        if !path.is_dir() || self.is_whole(&path) {
            return path;
        }
        let mut found = Vec::new();
        self.collect(&path, 0, &mut found);
        match <[PathBuf; 1]>::try_from(found) {
            Ok([one]) => one,
            Err(_) => path,
        }
    }
}

/// The format whose extension a name has.
fn format_of(path: &Path) -> Option<PluginFormat> {
    let extension = path.extension()?;
    PluginFormat::ALL.into_iter().find(|format| extension.eq_ignore_ascii_case(format.extension()))
}

fn is_called(path: &Path, written: &str) -> bool {
    [path.file_name(), path.file_stem()].contains(&Some(OsStr::new(written)))
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

fn searched(format: PluginFormat, folders: &[PathBuf]) -> String {
    match folders {
        [] => format!("There are no plugin folders: set {}", format.variable()),
        _ => format!("Searched {}; {} adds folders", listed(folders), format.variable()),
    }
}

fn spaced(sentence: &str) -> String {
    if sentence.is_empty() { String::new() } else { format!(" {sentence}") }
}

#[cfg(test)]
mod tests;
