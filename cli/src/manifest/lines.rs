//! The lines of manifests and journals, read again where their places are known.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use farm::journal::{self, Finished};
use jobs::ledger::{Entry, Name, Place};
use jobs::manifest::Record;
use jobs::quarantine::{self, STATE};

/// The number of the file that is the manifest.
pub(super) const MANIFEST: u32 = 0;

/// A line's place.
pub(super) fn place(file: u32, offset: u64, length: u32) -> Place {
    Place { file, offset, length }
}

/// Files by their numbers; the first is the manifest, the others are journals.
#[derive(Default)]
pub(super) struct Lines {
    files: Vec<(PathBuf, std::sync::OnceLock<io::Result<File>>)>,
}

impl Lines {
    /// Gives a file its number.
    pub(super) fn add(&mut self, path: PathBuf) -> u32 {
        self.files.push((path, std::sync::OnceLock::new()));
        u32::try_from(self.files.len() - 1).expect("nobody has so many journals")
    }

    /// A line with its end.
    pub(super) fn read(&self, at: Place) -> io::Result<Vec<u8>> {
        let (path, file) = &self.files[at.file as usize];
        let named =
            |error: &io::Error| io::Error::new(error.kind(), format!("cannot read {}: {error}", path.display()));
        let file = file.get_or_init(|| File::open(path)).as_ref().map_err(named)?;
        let mut line = vec![0; at.length as usize];
        file.read_exact_at(&mut line, at.offset).map_err(|error| named(&error))?;
        Ok(line)
    }

    /// The finished task in a journal's line.
    pub(super) fn finished(&self, at: Place) -> io::Result<Finished> {
        let changed = || {
            let path = self.files[at.file as usize].0.display();
            io::Error::other(format!("{path} has changed while it was read. Run the same command again"))
        };
        journal::finished(&self.read(at)?).ok_or_else(changed)
    }

    /// Where a file was written, and its hash in hex; `None` where its line cannot be read any more.
    pub(super) fn written(&self, entry: &Entry, folder: &Path) -> Option<(PathBuf, String)> {
        if entry.at.file == MANIFEST {
            let record: Record = serde_json::from_slice(&self.read(entry.at).ok()?).ok()?;
            return Some((record.standing(folder), record.file.blake3));
        }
        let files = self.finished(entry.at).ok()?.rendered.files;
        let state = folder.join(STATE);
        let asked = |path: &Path| quarantine::asked(&state, path).unwrap_or_else(|| path.to_owned());
        let file = files.into_iter().find(|file| Name::of(&asked(&file.path), folder) == entry.name)?;
        Some((file.path, file.blake3))
    }

    /// Whether a file's content is the one that was written.
    pub(super) fn holds(&self, entry: &Entry, folder: &Path) -> bool {
        let Some((path, blake3)) = self.written(entry, folder) else { return false };
        let mut hasher = blake3::Hasher::new();
        let read = File::open(path).and_then(|file| hasher.update_reader(file).map(|_| ()));
        read.is_ok() && hasher.finalize().to_hex().as_str() == blake3
    }
}
