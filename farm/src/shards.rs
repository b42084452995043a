//! Runs beside each other on one output: each has a state folder of its own below that of the output.
//!
//! A run of a part of a plan does not keep others away, so that two may even do the same part. Each holds the lock of its
//! own folder while it lives; a folder whose lock is free was left by a run that is over.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::FlockOperation;

use crate::lock::{Lock, LockError};
use crate::run::{FarmError, lock};

/// The folder of the runs' folders, in the output's state folder.
const RUNS: &str = "runs";

/// Runs of one process on one part are told apart by this at most.
const MOST_TRIES: u32 = 10_000;

/// How often a new folder's lock is tried again, and the pause before each time.
const MOST_WAITS: u32 = 200;
const WAIT: Duration = Duration::from_millis(10);

/// Makes a state folder for a run of this process, named after `what` it does, and takes it.
pub fn begin(state: &Path, what: &str) -> Result<(PathBuf, Lock), FarmError> {
    let wrap = |path: &Path| {
        let path = path.to_owned();
        move |source| FarmError::State { path, source }
    };
    let runs = state.join(RUNS);
    fs::create_dir_all(&runs).map_err(wrap(&runs))?;
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let host: String = host.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    let mut last = None;
    for number in 1..MOST_TRIES {
        let path = runs.join(format!("{what}-{host}-{}-{number}", std::process::id()));
        match fs::create_dir(&path) {
            Ok(()) => return hold(&path).map(|held| (path, held)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => last = Some(error),
            Err(error) => return Err(wrap(&path)(error)),
        }
    }
    Err(wrap(&runs)(last.unwrap_or_else(|| io::ErrorKind::AlreadyExists.into())))
}

/// Takes a folder that was just made. Whoever looks whether its run is over may have it for a moment, and may even remove
/// it as that of a run that left nothing.
fn hold(path: &Path) -> Result<Lock, FarmError> {
    for _ in 0..MOST_WAITS {
        match lock(path) {
            Err(FarmError::Lock(LockError::Held { .. })) => std::thread::sleep(WAIT),
            Err(FarmError::Lock(LockError::File { source, .. }) | FarmError::State { source, .. })
                if source.kind() == io::ErrorKind::NotFound => {}
            taken => return taken,
        }
    }
    lock(path)
}

/// The state folders of runs, in order of their beginning.
pub fn all(state: &Path) -> Result<Vec<PathBuf>, FarmError> {
    let runs = state.join(RUNS);
    let wrap = |source| FarmError::State { path: runs.clone(), source };
    let entries = match fs::read_dir(&runs) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(wrap)?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(wrap)?;
        let path = entry.path();
        // What is removed meanwhile was the folder of a run that is settled.
        if let Ok(meta) = fs::metadata(path.join("lock"))
            && meta.is_file()
        {
            found.push((meta.created().or_else(|_| meta.modified()).ok(), path));
        }
    }
    found.sort();
    Ok(found.into_iter().map(|(_, path)| path).collect())
}

/// Takes the folder of a run that is over; `None` while it lives.
pub fn take_over(run: &Path) -> Result<Option<Lock>, FarmError> {
    match Lock::take(run) {
        Ok(lock) => Ok(Some(lock)),
        Err(LockError::Held { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Keeps a manifest and the journals beside it together: who reads both shares it, who moves news from one to the other has
/// it alone, and others wait for a moment.
#[derive(Debug)]
pub struct Together {
    /// Closing it lets it go.
    _file: File,
}

impl Together {
    /// For reading.
    pub fn to_read(state: &Path) -> Result<Together, FarmError> {
        Together::take(state, FlockOperation::LockShared)
    }

    /// For writing.
    pub fn to_write(state: &Path) -> Result<Together, FarmError> {
        Together::take(state, FlockOperation::LockExclusive)
    }

    fn take(state: &Path, operation: FlockOperation) -> Result<Together, FarmError> {
        let path = state.join("together");
        let wrap = |source: io::Error| FarmError::State { path: path.clone(), source };
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(&path).map_err(wrap)?;
        rustix::io::retry_on_intr(|| rustix::fs::flock(&file, operation)).map_err(|error| wrap(error.into()))?;
        Ok(Together { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_on_one_output_have_folders_of_their_own_and_only_those_that_are_over_can_be_taken() {
        let state = tempfile::tempdir().unwrap();
        assert!(all(state.path()).unwrap().is_empty());
        let (first, lives) = begin(state.path(), "1-of-2").unwrap();
        let (second, _lives_too) = begin(state.path(), "1-of-2").unwrap();
        assert_ne!(first, second);
        let mut found = all(state.path()).unwrap();
        found.sort();
        assert_eq!(found, [first.clone(), second.clone()]);
        assert!(take_over(&first).unwrap().is_none());
        drop(lives);
        assert!(take_over(&first).unwrap().is_some());
        assert!(take_over(&second).unwrap().is_none());
    }
}
