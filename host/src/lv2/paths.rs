//! The files that a plugin's state refers to.
//!
//! A file that lay somewhere before keeps its absolute path. What the plugin writes itself goes into a folder of the
//! device's own, which is gone when the device is; such a file is named relative to it, and its content travels within
//! the state.

use std::collections::BTreeMap;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tempfile::TempDir;

/// A device's own folder, made when it is first needed, and what is in it.
#[derive(Default)]
pub(super) struct Paths {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    folder: Option<(TempDir, PathBuf)>,
    /// Files that were named since [`Paths::begin`], relative to the folder.
    named: Vec<PathBuf>,
}

impl State {
    fn folder(&mut self) -> io::Result<PathBuf> {
        if self.folder.is_none() {
            let made = tempfile::Builder::new().prefix("tonemill-lv2-").tempdir()?;
            // Plugins resolve links, so their paths are compared with one that has none.
            let real = made.path().canonicalize()?;
            self.folder = Some((made, real));
        }
        Ok(self.folder.as_ref().expect("made above").1.clone())
    }
}

impl Paths {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a state: no file has been named yet.
    pub(super) fn begin(&self) {
        self.state().named.clear();
    }

    /// What a path is called in a state.
    pub(super) fn abstract_of(&self, path: &[u8]) -> Vec<u8> {
        let mut state = self.state();
        let own = state.folder.as_ref().and_then(|(_, folder)| {
            let path = path_of(path)?;
            let path = path.canonicalize().unwrap_or(path);
            path.strip_prefix(folder).ok().map(Path::to_owned)
        });
        match own {
            Some(own) => {
                let name = own.as_os_str().as_encoded_bytes().to_vec();
                state.named.push(own);
                name
            }
            None => path.to_vec(),
        }
    }

    /// The path that a state means.
    pub(super) fn absolute_of(&self, path: &[u8]) -> Option<Vec<u8>> {
        let named = path_of(path)?;
        if named.is_absolute() || path.is_empty() {
            return Some(path.to_vec());
        }
        let folder = self.state().folder().ok()?;
        Some(folder.join(within(&named)?).as_os_str().as_encoded_bytes().to_vec())
    }

    /// A path for a new file of the plugin's, with the folders above it.
    pub(super) fn make(&self, path: &[u8]) -> Option<Vec<u8>> {
        let name = within(&path_of(path)?)?;
        let mut state = self.state();
        let path = state.folder().ok()?.join(&name);
        std::fs::create_dir_all(path.parent()?).ok()?;
        state.named.push(name);
        Some(path.as_os_str().as_encoded_bytes().to_vec())
    }

    /// The content of the device's own files that were named since [`begin`](Paths::begin), by name.
    pub(super) fn take_files(&self) -> io::Result<BTreeMap<String, Vec<u8>>> {
        let mut state = self.state();
        let named = std::mem::take(&mut state.named);
        let Some((_, folder)) = &state.folder else { return Ok(BTreeMap::new()) };
        let mut files = BTreeMap::new();
        for name in named {
            let path = folder.join(&name);
            // A path may be asked for and then not be used.
            if path.is_file() {
                files.insert(name.to_string_lossy().into_owned(), std::fs::read(path)?);
            }
        }
        Ok(files)
    }

    /// Puts files into the device's own folder.
    pub(super) fn put_files(&self, files: &BTreeMap<String, Vec<u8>>) -> io::Result<()> {
        for (name, content) in files {
            let outside = || io::Error::new(io::ErrorKind::InvalidInput, format!("\"{name}\" leads out of the state"));
            let path = self.state().folder()?.join(within(Path::new(name)).ok_or_else(outside)?);
            if let Some(above) = path.parent() {
                std::fs::create_dir_all(above)?;
            }
            std::fs::write(path, content)?;
        }
        Ok(())
    }
}

fn path_of(bytes: &[u8]) -> Option<PathBuf> {
    #[cfg(unix)]
    return Some(PathBuf::from(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(bytes)));
    #[cfg(not(unix))]
    return std::str::from_utf8(bytes).ok().map(PathBuf::from);
}

/// A relative path that stays below its start.
fn within(path: &Path) -> Option<PathBuf> {
    let mut name = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(part) => name.push(part),
            Component::CurDir => {}
            _ => return None,
        }
    }
    (!name.as_os_str().is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_the_plugins_own_travels_and_another_keeps_its_path() {
        let (paths, other) = (Paths::default(), Paths::default());
        paths.begin();
        let made = paths.make(b"a/b.wav").unwrap();
        let made = path_of(&made).unwrap();
        std::fs::write(&made, b"content").unwrap();
        assert_eq!(paths.abstract_of(made.as_os_str().as_encoded_bytes()), b"a/b.wav");
        assert_eq!(paths.abstract_of(b"/usr/share/x.sf2"), b"/usr/share/x.sf2");
        let files = paths.take_files().unwrap();
        assert_eq!(files, BTreeMap::from([("a/b.wav".to_owned(), b"content".to_vec())]));
        other.put_files(&files).unwrap();
        let there = path_of(&other.absolute_of(b"a/b.wav").unwrap()).unwrap();
        assert_ne!(there, made);
        assert_eq!(std::fs::read(&there).unwrap(), b"content");
        drop(other);
        assert!(!there.exists());
    }

    #[test]
    fn no_file_is_written_outside_of_the_folder() {
        let paths = Paths::default();
        assert_eq!(paths.make(b"../x"), None);
        assert_eq!(paths.make(b"/etc/x"), None);
        assert_eq!(paths.make(b""), None);
        let files = BTreeMap::from([("../x".to_owned(), Vec::new())]);
        assert!(paths.put_files(&files).is_err());
    }
}
