//! The ledger on disk: `blame.jsonl` in a state folder.
//!
//! Lines are [sealed](crate::sealed) like a journal's and only ever appended, as things happen. The journals of a finished run
//! are set aside; this file stays, since later runs go by it.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::ledger::{Entry, Ledger};
use crate::journal::Damage;
use crate::sealed::{self, Line};

/// The version of the lines.
pub const BLAME_VERSION: u32 = 1;

/// The file's name in a state folder.
pub const FILE_NAME: &str = "blame.jsonl";

/// Why a ledger cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum BlameError {
    /// The system refuses.
    #[error("cannot use {path}: {source}", path = .path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It was written by a later version.
    #[error(
        "{path} was written by a newer version of tonemill (format {version}, this one reads {BLAME_VERSION}). Continue with \
         that version, or give another output folder.",
        path = .path.display()
    )]
    Newer {
        /// Which file.
        path: PathBuf,
        /// Its version.
        version: u32,
    },
}

/// What several state folders hold together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// The sum of all whole lines.
    pub ledger: Ledger,
    /// Lines that were torn or damaged, and therefore left out.
    pub damaged: Vec<Damage>,
}

/// Reads the ledgers of some state folders as one. A folder without any holds nothing against anybody.
pub fn read<P: AsRef<Path>>(states: impl IntoIterator<Item = P>) -> Result<Held, BlameError> {
    let (mut entries, mut damaged) = (Vec::new(), Vec::new());
    for state in states {
        let path = state.as_ref().join(FILE_NAME);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(source) => return Err(BlameError::File { path, source }),
        };
        for (index, line) in sealed::lines::<Entry>(&bytes, BLAME_VERSION).enumerate() {
            match line {
                Line::Entry(entry) => entries.push(*entry),
                Line::Newer(version) => return Err(BlameError::Newer { path, version }),
                Line::Damaged => damaged.push(Damage { path: path.clone(), line: index + 1 }),
            }
        }
    }
    Ok(Held { ledger: Ledger::of(entries), damaged })
}

#[derive(Serialize)]
struct Body<'a> {
    version: u32,
    #[serde(flatten)]
    entry: &'a Entry,
}

/// Appends an entry to a state folder's ledger, and returns when it is on the disk.
pub fn append(state: &Path, entry: &Entry) -> Result<(), BlameError> {
    let path = state.join(FILE_NAME);
    let body = serde_json::to_string(&Body { version: BLAME_VERSION, entry }).expect("an entry is plain data");
    write(&path, &sealed::seal(&body)).map_err(|source| BlameError::File { path, source })
}

/// Moves what the state folder of a run that is over holds to that of its output. An entry that both hold counts once.
pub fn take_over(run: &Path, state: &Path) -> io::Result<()> {
    let from = run.join(FILE_NAME);
    let lines = match std::fs::read_to_string(&from) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        lines => lines?,
    };
    if !lines.is_empty() {
        write(&state.join(FILE_NAME), &lines)?;
    }
    std::fs::remove_file(from)
}

fn write(path: &Path, line: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
    // Behind a line that was torn by a crash, a whole one begins on a line of its own.
    let torn = if ends_whole(&mut file)? { "" } else { "\n" };
    // One call, so that lines of two processes do not mix.
    let text = format!("{torn}{line}");
    match file.write(text.as_bytes())? {
        count if count == text.len() => file.sync_data(),
        _ => Err(io::ErrorKind::StorageFull.into()),
    }
}

fn ends_whole(file: &mut File) -> io::Result<bool> {
    let mut last = [b'\n'];
    if file.seek(SeekFrom::End(0))? > 0 {
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
    }
    Ok(last == *b"\n")
}
