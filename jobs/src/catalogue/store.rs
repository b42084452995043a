//! The catalogue as a file in the user's cache folder.
//!
//! A cache is a convenience: one that cannot be read holds nothing, and one that cannot be written is worth a warning.
//! Two commands may run at once. Each puts its own changes into whatever stands there then, under a lock, so that
//! neither loses what the other has found.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Catalogue, Changes, Entry};
use crate::whole;

/// The catalogue's name in its folder.
pub const FILE_NAME: &str = "plugins.json";

/// The variable that names another folder than the user's cache folder.
pub const FOLDER_VARIABLE: &str = "TONEMILL_CACHE";

/// Why a catalogue cannot be used, or cannot be kept. What is done goes on without it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The system refuses to read it.
    #[error("the plugin catalogue {path} cannot be read, so plugins are listed anew: {source}")]
    Read {
        /// The catalogue.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not what was written.
    #[error("the plugin catalogue {path} is damaged, so plugins are listed anew: {source}")]
    Damaged {
        /// The catalogue.
        path: PathBuf,
        /// What does not fit.
        source: serde_json::Error,
    },
    /// Another build wrote it.
    #[error("the plugin catalogue {path} has version {version}, this build reads version {known}; plugins are listed anew", known = crate::FORMAT_VERSION)]
    Version {
        /// The catalogue.
        path: PathBuf,
        /// Its version.
        version: u64,
    },
    /// The system refuses to write it.
    #[error("the plugin catalogue {path} cannot be written, so plugins will be listed again the next time: {source}. {variable} names another folder", variable = FOLDER_VARIABLE)]
    Write {
        /// The catalogue.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Where the catalogue lies: in the folder that [`FOLDER_VARIABLE`] names, else in the user's cache folder; `None`
/// where the environment names no home.
pub fn standard_path() -> Option<PathBuf> {
    cache_folder().map(|folder| folder.join(FILE_NAME))
}

/// The folder for what was found out once and is of use to later commands; it need not exist. `None` where neither
/// `TONEMILL_CACHE` nor the user's own folders are set.
pub fn cache_folder() -> Option<PathBuf> {
    folder(|variable| std::env::var_os(variable))
}

fn folder(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(own) = set(FOLDER_VARIABLE) {
        return Some(own);
    }
    let caches = if cfg!(target_os = "macos") {
        set("HOME").map(|home| home.join("Library/Caches"))
    } else if cfg!(windows) {
        set("LOCALAPPDATA")
    } else {
        // The XDG specification has relative paths ignored.
        set("XDG_CACHE_HOME").filter(|p| p.is_absolute()).or_else(|| set("HOME").map(|home| home.join(".cache")))
    };
    caches.map(|caches| caches.join("tonemill"))
}

/// The file's first word, which is read before all else.
#[derive(Deserialize)]
struct Version {
    tonemill: u64,
}

#[derive(Deserialize)]
struct Read {
    entries: Vec<Entry>,
}

#[derive(Serialize)]
struct Written<'a> {
    tonemill: u32,
    entries: Vec<&'a Entry>,
}

/// Reads a catalogue. One that does not exist, or is of no use, holds nothing; the error says why.
pub fn read(path: &Path) -> (Catalogue, Option<StoreError>) {
    match fs::read(path) {
        Ok(bytes) => match parse(path, &bytes) {
            Ok(catalogue) => (catalogue, None),
            Err(error) => (Catalogue::default(), Some(error)),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => (Catalogue::default(), None),
        Err(source) => (Catalogue::default(), Some(StoreError::Read { path: path.to_owned(), source })),
    }
}

pub(super) fn parse(path: &Path, bytes: &[u8]) -> Result<Catalogue, StoreError> {
    let damaged = |source| StoreError::Damaged { path: path.to_owned(), source };
    let Version { tonemill: version } = serde_json::from_slice(bytes).map_err(damaged)?;
    if version != u64::from(crate::FORMAT_VERSION) {
        return Err(StoreError::Version { path: path.to_owned(), version });
    }
    let Read { entries } = serde_json::from_slice(bytes).map_err(damaged)?;
    Ok(entries.into_iter().collect())
}

/// Puts changes into the catalogue that stands there now, which others may have changed since it was read. Where there
/// are none, nothing is written.
pub fn update(path: &Path, changes: &Changes) -> Result<(), StoreError> {
    if changes.is_empty() {
        return Ok(());
    }
    update_locked(path, changes).map_err(|source| StoreError::Write { path: path.to_owned(), source })
}

fn update_locked(path: &Path, changes: &Changes) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    // The catalogue itself is replaced as a whole, so it cannot be what is locked. The lock ends with this function,
    // or with the process.
    let lock = File::options().create(true).append(true).open(path.with_extension("lock"))?;
    lock.lock()?;
    // That it was of no use was told when it was read first.
    let (mut catalogue, _useless) = read(path);
    catalogue.apply(changes);
    whole::write(path, |file| {
        // A path that is no Unicode cannot be written; such a file is listed each time.
        let entries = catalogue.entries().filter(|entry| entry.path.to_str().is_some()).collect();
        serde_json::to_writer(&mut *file, &Written { tonemill: crate::FORMAT_VERSION, entries })?;
        file.write_all(b"\n")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn the_folder_is_the_variables_or_the_users_cache() {
        let of = |set: &[(&str, &str)]| {
            folder(|name| set.iter().find(|(n, _)| *n == name).map(|(_, value)| OsString::from(value)))
        };
        let (own, xdg, home) = (("TONEMILL_CACHE", "/own"), ("XDG_CACHE_HOME", "/xdg"), ("HOME", "/home/me"));
        assert_eq!(of(&[own, xdg, home]), Some("/own".into()));
        assert_eq!(of(&[("TONEMILL_CACHE", ""), xdg, home]), Some("/xdg/tonemill".into()));
        assert_eq!(of(&[("XDG_CACHE_HOME", "relative"), home]), Some("/home/me/.cache/tonemill".into()));
        assert_eq!(of(&[home]), Some("/home/me/.cache/tonemill".into()));
        assert_eq!(of(&[]), None);
    }
}
