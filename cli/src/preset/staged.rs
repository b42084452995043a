//! Several files that get their final names together.

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;

use jobs::task::partial_path;
use jobs::whole;

/// A file that is complete under another name before it gets its own. Dropped before that, it leaves nothing behind.
pub(super) struct Staged {
    path: PathBuf,
    /// Its name until then, beside its own.
    pub(super) partial: PathBuf,
}

impl Staged {
    /// Nothing is written yet. `path` is absolute.
    pub(super) fn new(path: PathBuf) -> Staged {
        Staged { partial: partial_path(&path), path }
    }

    /// Writes its content and brings it to the disk.
    pub(super) fn write(&self, bytes: &[u8]) -> io::Result<()> {
        whole::complete(&self.partial, |file| file.write_all(bytes))
    }

    /// What stood under its name, kept until all is done.
    fn before(&self) -> PathBuf {
        partial_path(&partial_path(&self.path))
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        // Mostly they are not there; and what else could be said of one that stays was said by what went wrong.
        for left in [self.partial.clone(), self.before()] {
            let _ = fs::remove_file(left);
        }
    }
}

/// Gives the files their names, in order. If one cannot have its own, those before it stand as they did.
pub(super) fn publish(files: &[Staged]) -> Result<(), (PathBuf, io::Error)> {
    for (count, file) in files.iter().enumerate() {
        if let Err(error) = name(file) {
            files[..count].iter().rev().for_each(take_back);
            return Err((file.path.clone(), error));
        }
    }
    Ok(())
}

fn name(file: &Staged) -> io::Result<()> {
    // One that a killed process has left says nothing about what stands there now.
    missing_is_fine(fs::remove_file(file.before()))?;
    missing_is_fine(fs::copy(&file.path, file.before()).map(|_| ()))?;
    whole::name(&file.partial, &file.path)
}

fn missing_is_fine(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

fn take_back(file: &Staged) {
    // The error that led here is told; this is the best that can be done about it.
    let _ = if file.before().exists() { fs::rename(file.before(), &file.path) } else { fs::remove_file(&file.path) };
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("staged-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = entries.collect();
        names.sort();
        names
    }

    #[test]
    fn files_get_their_names_together_or_stand_as_they_did() {
        let folder = folder("together");
        fs::write(folder.join("old"), "before").unwrap();
        let stage = |names: &[&str]| -> Vec<Staged> {
            let stage = |name: &&str| {
                let staged = Staged::new(folder.join(name));
                staged.write(b"after").unwrap();
                staged
            };
            names.iter().map(stage).collect()
        };
        // A folder takes no file's place.
        fs::create_dir_all(folder.join("folder/inner")).unwrap();
        let (path, _) = publish(&stage(&["old", "new", "folder"])).unwrap_err();
        assert_eq!(path, folder.join("folder"));
        assert_eq!(fs::read(folder.join("old")).unwrap(), b"before");
        assert_eq!(names(&folder), ["folder", "old"]);
        publish(&stage(&["old", "new"])).unwrap();
        assert_eq!(names(&folder), ["folder", "new", "old"]);
        assert_eq!(fs::read(folder.join("old")).unwrap(), b"after");
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn what_is_not_published_is_gone() {
        let folder = folder("gone");
        Staged::new(folder.join("a")).write(b"content").unwrap();
        assert_eq!(names(&folder), [""; 0]);
        fs::remove_dir_all(folder).unwrap();
    }
}
