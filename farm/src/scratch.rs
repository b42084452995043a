//! A home for each worker, which goes when it goes.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::process::Pid;

use crate::command::SCRATCH_FOLDERS;

/// A folder that stands for one worker's home, runtime and temporary folders.
#[derive(Debug)]
pub(crate) struct Scratch {
    path: PathBuf,
}

impl Scratch {
    /// Makes the folder `scratch/<process>-<name>` of a state folder.
    pub fn make(state: &Path, name: &str) -> io::Result<Scratch> {
        let path = scratch_root(state).join(format!("{}-{name}", std::process::id()));
        for (_, folder) in SCRATCH_FOLDERS {
            fs::create_dir_all(path.join(folder))?;
        }
        // Whoever uses XDG_RUNTIME_DIR may refuse one that others can enter.
        fs::set_permissions(&path, Permissions::from_mode(0o700))?;
        fs::set_permissions(path.join("runtime"), Permissions::from_mode(0o700))?;
        Ok(Scratch { path })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Removes it with all that a worker left there.
    pub fn remove(self) -> Result<(), String> {
        remove(&self.path)
    }
}

/// Removes what processes that no longer exist have left: a killed farm cleans up nothing.
pub(crate) fn remove_left_behind(state: &Path) -> Result<(), String> {
    let root = scratch_root(state);
    let entries = match fs::read_dir(&root) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(format!("cannot read {}: {error}", root.display())),
    };
    for entry in entries {
        let path = entry.map_err(|error| format!("cannot read {}: {error}", root.display()))?.path();
        let owner = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.split_once('-'));
        let owner = owner.and_then(|(pid, _)| pid.parse().ok()).and_then(Pid::from_raw);
        // An owner of another user cannot be asked, but exists.
        let gone = |pid| rustix::process::test_kill_process(pid) == Err(rustix::io::Errno::SRCH);
        if owner.is_some_and(gone) {
            remove(&path)?;
        }
    }
    Ok(())
}

fn scratch_root(state: &Path) -> PathBuf {
    state.join("scratch")
}

fn remove(path: &Path) -> Result<(), String> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(format!("the scratch folder {} cannot be removed: {error}", path.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_dead_processes_left_is_removed() {
        let state = tempfile::tempdir().unwrap();
        let own = Scratch::make(state.path(), "1").unwrap();
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let dead = scratch_root(state.path()).join(format!("{}-1", child.id()));
        child.wait().unwrap();
        fs::create_dir_all(dead.join("home")).unwrap();
        fs::create_dir_all(scratch_root(state.path()).join("something else")).unwrap();
        remove_left_behind(state.path()).unwrap();
        assert!(own.path().join("home/.config").is_dir());
        assert!(!dead.exists());
        assert!(scratch_root(state.path()).join("something else").exists());
        own.remove().unwrap();
        assert_eq!(fs::read_dir(scratch_root(state.path())).unwrap().count(), 1);
    }
}
