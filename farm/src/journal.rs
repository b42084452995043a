//! What has happened, on disk: enough to continue after any kind of end.
//!
//! Each run writes its own file `journal-<n>.jsonl` and only ever appends, one line a change of state, one call a line.
//! A line carries a checksum of its own text, so that a torn one is known as such; a reader skips it and loses no
//! other. Lines are synced by a thread of their own as soon as the disk allows, several at once if they come faster:
//! a line that is not on disk when the power fails costs one task rendered again, never a file.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;

use jobs::manifest::Rendered;
use serde::{Deserialize, Serialize};

use crate::report::Report;
use crate::sealed::{self, Line};

/// The version of the journal's lines.
pub const JOURNAL_VERSION: u32 = 1;

/// One change of state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Entry {
    /// An attempt is about to begin, and may write these files. Written before the worker hears of it.
    Started {
        /// The task's number.
        task: u32,
        /// The task's key.
        key: String,
        /// Which attempt, from 1.
        attempt: u32,
        /// The files that it may write.
        outputs: Vec<PathBuf>,
    },
    /// All files of a task stand under their final names.
    Finished {
        /// The task's number.
        task: u32,
        /// The task's label.
        label: String,
        /// The task's key.
        key: String,
        /// Attempts that it took.
        attempts: u32,
        /// Everything about the result that the manifest repeats.
        rendered: Box<Rendered>,
    },
    /// An attempt failed.
    Failed {
        /// Everything about it.
        report: Report,
    },
}

/// Why a journal cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file or its folder.
    #[error("cannot use the journal {path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It was written by a later version.
    #[error(
        "the journal {path} was written by a newer version of tonemill (format {version}, this one reads {JOURNAL_VERSION}). \
         Continue with that version, or give another output folder."
    )]
    Newer {
        /// Which.
        path: PathBuf,
        /// Its version.
        version: u32,
    },
}

/// The folder for journals whose news a manifest has taken over.
const SETTLED: &str = "settled";

/// What the journals of a state folder say together: of settled ones only which files are our own, since a manifest holds
/// the rest.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Journal {
    /// Every file that any attempt may have written, finished or not: one of these that exists is our own.
    pub started_outputs: BTreeSet<PathBuf>,
    /// Every finished task, oldest first; the same key may appear again.
    pub finished: Vec<Finished>,
    /// Who wrote each file last: the index of a finished task, or `None` where an attempt was begun and not finished. A
    /// file in quarantine is named by the path that it was to have.
    pub last_writers: BTreeMap<PathBuf, Option<usize>>,
    /// Every failed attempt, oldest first.
    pub failed: Vec<Report>,
    /// Lines that were torn or damaged, and therefore left out.
    pub damaged: Vec<Damage>,
}

/// A finished task.
#[derive(Clone, Debug, PartialEq)]
pub struct Finished {
    /// The task's number in the plan of its time.
    pub task: u32,
    /// The task's label.
    pub label: String,
    /// The task's key.
    pub key: String,
    /// Attempts that it took.
    pub attempts: u32,
    /// Everything about the result that the manifest repeats.
    pub rendered: Rendered,
}

/// A line that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The file.
    pub path: PathBuf,
    /// The line, from 1.
    pub line: usize,
}

#[derive(Serialize)]
struct Body<'a> {
    version: u32,
    seq: u64,
    #[serde(flatten)]
    entry: &'a Entry,
}

/// Reads all journals of a state folder, oldest first. A folder without any gives an empty one.
pub fn read_all(state: &Path) -> Result<Journal, JournalError> {
    let mut journal = Journal::default();
    for (_, path) in journals(&state.join(SETTLED))? {
        let bytes = std::fs::read(&path).map_err(|source| JournalError::File { path: path.clone(), source })?;
        let mut settled = Journal::default();
        settled.take_in(state, &path, &bytes)?;
        journal.started_outputs.append(&mut settled.started_outputs);
    }
    for (_, path) in journals(state)? {
        let bytes = std::fs::read(&path).map_err(|source| JournalError::File { path: path.clone(), source })?;
        journal.take_in(state, &path, &bytes)?;
    }
    Ok(journal)
}

/// Sets the journals aside: a manifest that is on the disk holds all that they have finished.
pub fn settle(state: &Path) -> Result<(), JournalError> {
    let folder = state.join(SETTLED);
    for (number, path) in journals(state)? {
        let moved = std::fs::create_dir_all(&folder)
            .and_then(|()| std::fs::rename(&path, folder.join(format!("journal-{number}.jsonl"))));
        moved.map_err(|source| JournalError::File { path, source })?;
    }
    Ok(())
}

impl Journal {
    fn take_in(&mut self, state: &Path, path: &Path, bytes: &[u8]) -> Result<(), JournalError> {
        for (number, line) in sealed::lines(bytes, JOURNAL_VERSION).enumerate() {
            match line {
                Line::Entry(entry) => self.add(state, *entry),
                Line::Newer(version) => return Err(JournalError::Newer { path: path.to_owned(), version }),
                Line::Damaged => self.damaged.push(Damage { path: path.to_owned(), line: number + 1 }),
            }
        }
        Ok(())
    }

    fn add(&mut self, state: &Path, entry: Entry) {
        match entry {
            Entry::Started { outputs, .. } => {
                self.last_writers.extend(outputs.iter().map(|path| (path.clone(), None)));
                self.started_outputs.extend(outputs);
            }
            Entry::Finished { task, label, key, attempts, rendered } => {
                let index = Some(self.finished.len());
                let asked = |lies: &Path| jobs::quarantine::asked(state, lies).unwrap_or_else(|| lies.to_owned());
                self.last_writers.extend(rendered.files.iter().map(|file| (asked(&file.path), index)));
                self.finished.push(Finished { task, label, key, attempts, rendered: *rendered });
            }
            Entry::Failed { report } => self.failed.push(report),
        }
    }
}

/// The journals of a folder with their numbers, in order.
fn journals(state: &Path) -> Result<Vec<(u64, PathBuf)>, JournalError> {
    let wrap = |source| JournalError::File { path: state.to_owned(), source };
    let entries = match std::fs::read_dir(state) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(wrap(error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(wrap)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let number = name.strip_prefix("journal-").and_then(|rest| rest.strip_suffix(".jsonl"));
        if let Some(number) = number.and_then(|digits| digits.parse().ok()) {
            found.push((number, path));
        }
    }
    found.sort();
    Ok(found)
}

/// A journal being written.
#[derive(Debug)]
pub(crate) struct Writer {
    path: PathBuf,
    file: File,
    length: u64,
    seq: u64,
    syncing: Option<Syncing>,
    problem: Arc<Mutex<Option<String>>>,
}

#[derive(Debug)]
struct Syncing {
    wake: mpsc::Sender<()>,
    thread: JoinHandle<()>,
}

impl Writer {
    /// Begins the next journal of a state folder.
    pub fn create(state: &Path) -> Result<Writer, JournalError> {
        let used = [journals(state)?, journals(&state.join(SETTLED))?];
        let mut number = used.iter().filter_map(|found| found.last()).map(|(last, _)| last + 1).max().unwrap_or(1);
        loop {
            let path = state.join(format!("journal-{number}.jsonl"));
            match OpenOptions::new().append(true).create_new(true).open(&path) {
                Ok(file) => return Writer::begin(path, file),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
                Err(source) => return Err(JournalError::File { path, source }),
            }
        }
    }

    fn begin(path: PathBuf, file: File) -> Result<Writer, JournalError> {
        let wrap = |source| JournalError::File { path: path.clone(), source };
        let state = path.parent().expect("a journal lies in its state folder");
        File::open(state).and_then(|folder| folder.sync_all()).map_err(wrap)?;
        let other = file.try_clone().map_err(wrap)?;
        let problem = Arc::new(Mutex::new(None));
        let (wake, woken) = mpsc::channel();
        let shared = Arc::clone(&problem);
        let thread = std::thread::Builder::new()
            .name("journal sync".into())
            .spawn(move || sync_when_woken(&other, &woken, &shared))
            .map_err(wrap)?;
        Ok(Writer { path, file, length: 0, seq: 0, syncing: Some(Syncing { wake, thread }), problem })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends one line. After a failure, of this line or of an earlier one's sync, nothing more is written.
    pub fn append(&mut self, entry: &Entry) -> Result<(), String> {
        if let Some(problem) = self.problem() {
            return Err(problem);
        }
        let body = Body { version: JOURNAL_VERSION, seq: self.seq, entry };
        let body = serde_json::to_string(&body).map_err(|error| self.fail(error.to_string()))?;
        let line = sealed::seal(&body);
        // One call, and no second one for a rest: a line that does not fit is taken back whole.
        let written = match self.file.write(line.as_bytes()) {
            Ok(count) if count == line.len() => Ok(()),
            Ok(_) => Err(io::Error::from(io::ErrorKind::StorageFull)),
            Err(error) => Err(error),
        };
        if let Err(error) = written {
            let mut words = format!("{}: {error}", self.path.display());
            if let Err(second) = self.file.set_len(self.length) {
                words = format!("{words}; its last line could not be taken back: {second}");
            }
            return Err(self.fail(words));
        }
        self.length += line.len() as u64;
        self.seq += 1;
        let syncing = self.syncing.as_ref().expect("it syncs until it is closed");
        // The thread leaves only after a failure, which the next call reports.
        let _gone = syncing.wake.send(());
        Ok(())
    }

    /// Waits until everything is on disk.
    pub fn close(mut self) -> Result<PathBuf, String> {
        self.finish();
        match self.problem() {
            Some(problem) => Err(problem),
            None => Ok(self.path.clone()),
        }
    }

    fn finish(&mut self) {
        if let Some(Syncing { wake, thread }) = self.syncing.take() {
            drop(wake);
            thread.join().expect("the sync thread does not panic");
        }
    }

    fn fail(&self, problem: String) -> String {
        self.problem.lock().expect("nobody panics with it").get_or_insert(problem).clone()
    }

    fn problem(&self) -> Option<String> {
        self.problem.lock().expect("nobody panics with it").clone()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.finish();
    }
}

fn sync_when_woken(file: &File, woken: &mpsc::Receiver<()>, problem: &Mutex<Option<String>>) {
    while woken.recv().is_ok() {
        // One sync serves all lines that were written before it.
        while woken.try_recv().is_ok() {}
        if let Err(error) = file.sync_data() {
            let words = format!("it cannot be synced to disk: {error}");
            problem.lock().expect("nobody panics with it").get_or_insert(words);
            return;
        }
    }
}

#[cfg(test)]
mod tests;
