//! One run at a time on one output.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;

/// Why a state folder cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another run holds it.
    #[error(
        "another run is at work on this output (process {holder}, by {path}). Wait for it or stop it, or choose another \
         output folder."
    )]
    Held {
        /// The lock file.
        path: PathBuf,
        /// Who holds it: a process id and the machine, or `unknown`.
        holder: String,
    },
    /// The lock file cannot be used.
    #[error("cannot use the lock {path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Holds a state folder until it is dropped, or the process ends in whatever way: the system releases the lock then, so
/// a file left behind holds nobody up.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

impl Lock {
    /// Takes the folder for this process.
    pub(crate) fn take(state: &Path) -> Result<Lock, LockError> {
        let path = state.join("lock");
        let wrap = |source: io::Error| LockError::File { path: path.clone(), source };
        let open = || OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = loop {
            let mut file = open().map_err(wrap)?;
            match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
                // Whoever held it a moment ago may have removed the whole folder: then this is nobody's lock.
                Ok(()) if is_at(&file, &path).map_err(wrap)? => break file,
                Ok(()) => {}
                Err(rustix::io::Errno::WOULDBLOCK) => {
                    let mut holder = String::new();
                    file.read_to_string(&mut holder).map_err(wrap)?;
                    let holder = match holder.trim() {
                        "" => "unknown".to_owned(),
                        known => known.to_owned(),
                    };
                    return Err(LockError::Held { path, holder });
                }
                Err(error) => return Err(wrap(error.into())),
            }
        };
        file.set_len(0).map_err(wrap)?;
        file.rewind().map_err(wrap)?;
        let machine = rustix::system::uname().nodename().to_string_lossy().into_owned();
        writeln!(file, "{} on {machine}", std::process::id()).map_err(wrap)?;
        Ok(Lock { file })
    }
}

/// Whether an open file is the one at a path.
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let opened = file.metadata()?;
    match std::fs::metadata(path) {
        Ok(there) => Ok((there.dev(), there.ino()) == (opened.dev(), opened.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // To close the file is not enough: a process that another thread is just starting shares it until it executes
        // its program. If this fails, closing still releases the lock a moment later.
        let _released = rustix::fs::flock(&self.file, FlockOperation::Unlock);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_taker_learns_who_holds_it_and_gets_it_afterwards() {
        let folder = tempfile::tempdir().unwrap();
        let first = Lock::take(folder.path()).unwrap();
        let refusal = Lock::take(folder.path()).unwrap_err();
        assert!(refusal.to_string().contains(&format!("process {} on ", std::process::id())), "{refusal}");
        drop(first);
        Lock::take(folder.path()).unwrap();
    }

    #[test]
    fn it_is_released_even_while_a_starting_process_shares_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let first = Lock::take(folder.path()).unwrap();
        let shared = first.file.try_clone().unwrap();
        drop(first);
        Lock::take(folder.path()).unwrap();
        drop(shared);
    }

    #[test]
    fn an_open_file_that_was_removed_is_not_at_its_path_any_more() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let file = File::create(&path).unwrap();
        assert!(is_at(&file, &path).unwrap());
        std::fs::remove_file(&path).unwrap();
        assert!(!is_at(&file, &path).unwrap());
        File::create(&path).unwrap();
        assert!(!is_at(&file, &path).unwrap(), "another file of the same name");
    }

    #[test]
    fn a_file_left_behind_holds_nobody_up() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("lock"), "4194304 on a machine with a very long name\n").unwrap();
        let lock = Lock::take(folder.path()).unwrap();
        let text = std::fs::read_to_string(folder.path().join("lock")).unwrap();
        assert!(text.starts_with(&format!("{} on ", std::process::id())), "{text}");
        assert_eq!(text.lines().count(), 1);
        drop(lock);
    }
}
