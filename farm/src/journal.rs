//! What has happened, on disk: enough to continue after any kind of end.
//!
//! Each run writes its own file `journal-<n>.jsonl` and only ever appends, one line a change of state, one call a line.
//! A line carries a checksum of its own text, so that a torn one is known as such; a reader skips it and loses no
//! other. Lines are synced by a thread of their own, at once where some time has passed since the last sync, several at once
//! if they come faster: a line that is not on disk when the power fails costs one task rendered again, never a file.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jobs::failpoint;
use jobs::manifest::Rendered;
use jobs::task::{RUN_DIGITS, annotation_partial, output_partial};
use serde::{Deserialize, Serialize};

use crate::report::Report;
use crate::sealed::{self, Line};

/// The version of the journal's lines.
pub const JOURNAL_VERSION: u32 = 1;

/// From the end of one sync until the next begins at the earliest. Each takes the disk from the workers, which sync their files;
/// of tasks that last milliseconds, some are rendered again where the power fails.
const SYNC_PAUSE: Duration = Duration::from_millis(10);

/// One change of state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Entry {
    /// A run begins; the first line of its journal.
    Begun {
        /// The run's name, which is part of its temporary names.
        run: String,
        /// The machine.
        host: String,
        /// The farm's process.
        pid: u32,
    },
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
        report: Box<Report>,
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

/// Lines of a journal that are held at once, at most; and so few that no thread is worth its start.
const AT_ONCE: usize = 2048;
const FEW: usize = 128;

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
    let mut journal = Journal { started_outputs: settled_outputs(state)?, ..Journal::default() };
    for path in paths(state)? {
        journal.take_in(state, &path)?;
    }
    Ok(journal)
}

/// The journals of a state folder that no manifest has taken over yet, oldest first.
pub fn paths(state: &Path) -> Result<Vec<PathBuf>, JournalError> {
    Ok(journals(state)?.into_iter().map(|(_, path)| path).collect())
}

/// Reads a journal line by line, so that a long one need not be held: each entry with its line's first byte and length.
/// Gives the lines that were torn or damaged, and therefore left out.
pub fn each(path: &Path, mut take: impl FnMut(Entry, u64, u32)) -> Result<Vec<Damage>, JournalError> {
    let wrap = |source| JournalError::File { path: path.to_owned(), source };
    let mut from = BufReader::with_capacity(1 << 18, File::open(path).map_err(wrap)?);
    let (mut number, mut offset, mut damaged) = (0, 0, Vec::new());
    loop {
        let lines = next_lines(&mut from).map_err(wrap)?;
        if lines.is_empty() {
            return Ok(damaged);
        }
        for (line, read) in lines.iter().zip(read_lines(&lines)) {
            number += 1;
            match read {
                Line::Entry(entry) => take(*entry, offset, u32::try_from(line.len()).unwrap_or(u32::MAX)),
                Line::Newer(version) => return Err(JournalError::Newer { path: path.to_owned(), version }),
                Line::Damaged => damaged.push(Damage { path: path.to_owned(), line: number }),
            }
            offset += line.len() as u64;
        }
    }
}

/// The next lines with their ends, up to [`AT_ONCE`]; none at the end.
fn next_lines(from: &mut impl BufRead) -> io::Result<Vec<Vec<u8>>> {
    let mut lines = Vec::new();
    while lines.len() < AT_ONCE {
        let mut line = Vec::new();
        if from.read_until(b'\n', &mut line)? == 0 {
            break;
        }
        lines.push(line);
    }
    Ok(lines)
}

/// What lines turn out to be, in order, on as many threads as the machine has.
fn read_lines(lines: &[Vec<u8>]) -> Vec<Line<Entry>> {
    let read = |lines: &[Vec<u8>]| lines.iter().map(|line| sealed::read(line, JOURNAL_VERSION)).collect::<Vec<_>>();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    if threads == 1 || lines.len() < FEW {
        return read(lines);
    }
    std::thread::scope(|scope| {
        let parts = lines.chunks(lines.len().div_ceil(threads));
        let reading: Vec<_> = parts.map(|part| scope.spawn(move || read(part))).collect();
        reading.into_iter().flat_map(|reading| reading.join().expect("reading does not panic")).collect()
    })
}

/// The finished task in a line of a journal.
pub fn finished(line: &[u8]) -> Option<Finished> {
    match sealed::read::<Entry>(line, JOURNAL_VERSION) {
        Line::Entry(entry) => match *entry {
            Entry::Finished { task, label, key, attempts, rendered } => {
                Some(Finished { task, label, key, attempts, rendered: *rendered })
            }
            _ => None,
        },
        _ => None,
    }
}

/// Sets the journals aside: a manifest that is on the disk holds all that they have finished.
pub fn settle(state: &Path) -> Result<(), JournalError> {
    settle_into(state, state)
}

/// Likewise those of a run beside others, among the journals of the output's state folder.
pub fn settle_into(run: &Path, state: &Path) -> Result<(), JournalError> {
    let folder = state.join(SETTLED);
    let moving = journals(run)?;
    if moving.is_empty() {
        return Ok(());
    }
    let wrap = |path: &Path| {
        let path = path.to_owned();
        move |source| JournalError::File { path, source }
    };
    std::fs::create_dir_all(&folder).map_err(wrap(&folder))?;
    for (next, (own, path)) in (next_number(state)?..).zip(moving) {
        // Journals of the state folder itself keep their numbers, which nobody else has.
        let taken = if run == state { own } else { next };
        std::fs::rename(&path, folder.join(format!("journal-{taken}.jsonl"))).map_err(wrap(&path))?;
    }
    Ok(())
}

/// A number that no journal of a state folder has.
fn next_number(state: &Path) -> Result<u64, JournalError> {
    let used = [journals(state)?, journals(&state.join(SETTLED))?];
    Ok(used.iter().filter_map(|found| found.last()).map(|(last, _)| last + 1).max().unwrap_or(1))
}

/// Reads the journals that were set aside: every file that any attempt of theirs may have written.
pub fn settled_outputs(state: &Path) -> Result<BTreeSet<PathBuf>, JournalError> {
    let mut settled = Journal::default();
    for path in paths(&state.join(SETTLED))? {
        settled.take_in(state, &path)?;
    }
    Ok(settled.started_outputs)
}

impl Journal {
    fn take_in(&mut self, state: &Path, path: &Path) -> Result<(), JournalError> {
        let damaged = each(path, |entry, _, _| self.add(state, entry))?;
        self.damaged.extend(damaged);
        Ok(())
    }

    fn add(&mut self, state: &Path, entry: Entry) {
        match entry {
            Entry::Begun { .. } => {}
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
            Entry::Failed { report } => self.failed.push(*report),
        }
    }
}

/// Removes what the attempts of runs that are over have left under temporary names, as the journals of their state folder
/// say. Gives what cannot be removed, in words.
pub fn sweep(state: &Path) -> Result<Vec<String>, JournalError> {
    let mut half: BTreeSet<PathBuf> = BTreeSet::new();
    for path in paths(state)? {
        let mut run = String::new();
        each(&path, |entry, _, _| match entry {
            Entry::Begun { run: begun, .. } => run = begun,
            Entry::Started { task, outputs, .. } => half.extend(half_files(&outputs, task, &run)),
            // What is finished left nothing. Files in quarantine are not found like this, and looked for in vain.
            Entry::Finished { task, rendered, .. } => {
                let files = rendered.files.iter().map(|file| &file.path);
                let notes = rendered.annotations.iter().map(|note| &note.path);
                for name in half_files(files.chain(notes), task, &run) {
                    half.remove(&name);
                }
            }
            Entry::Failed { .. } => {}
        })?;
    }
    let remove = |half: PathBuf| match std::fs::remove_file(&half) {
        Err(error) if !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Some(format!("the half-written {} cannot be removed: {error}", half.display()))
        }
        _ => None,
    };
    Ok(half.into_iter().filter_map(remove).collect())
}

/// The temporary names under which a task of a run may have left its files.
fn half_files<'a>(paths: impl IntoIterator<Item = &'a PathBuf>, task: u32, run: &str) -> impl Iterator<Item = PathBuf> {
    paths.into_iter().flat_map(move |path| [output_partial(path, run), annotation_partial(path, task, run)])
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
    run: String,
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
        let mut number = next_number(state)?;
        loop {
            let path = state.join(format!("journal-{number}.jsonl"));
            match OpenOptions::new().append(true).create_new(true).open(&path) {
                Ok(file) => {
                    let mut writer = Writer::begin(path.clone(), file)?;
                    let begun = Entry::Begun { run: writer.run.clone(), host: host(), pid: std::process::id() };
                    return match writer.put(&begun) {
                        Ok(()) => Ok(writer),
                        Err(source) => Err(JournalError::File { path, source }),
                    };
                }
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
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let unique = format!("{} {} {now:?} {}", host(), std::process::id(), path.display());
        let run = sealed::checksum(&unique)[..RUN_DIGITS].to_owned();
        Ok(Writer { path, run, file, length: 0, seq: 0, syncing: Some(Syncing { wake, thread }), problem })
    }

    /// The run's name: new with each journal.
    pub fn run(&self) -> &str {
        &self.run
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
        self.put(entry).map_err(|error| self.fail(format!("{}: {error}", self.path.display())))
    }

    fn put(&mut self, entry: &Entry) -> io::Result<()> {
        let body = Body { version: JOURNAL_VERSION, seq: self.seq, entry };
        let line = sealed::seal(&serde_json::to_string(&body)?);
        failpoint::reach("journal.line.before");
        // One call, and no second one for a rest: a line that does not fit is taken back whole.
        let written = match self.file.write(line.as_bytes()) {
            Ok(count) if count == line.len() => Ok(()),
            Ok(_) => Err(io::Error::from(io::ErrorKind::StorageFull)),
            Err(error) => Err(error),
        };
        if let Err(error) = written {
            return Err(match self.file.set_len(self.length) {
                Ok(()) => error,
                Err(second) => {
                    let words = format!("{error}; its last line could not be taken back: {second}");
                    io::Error::new(error.kind(), words)
                }
            });
        }
        failpoint::reach("journal.line.after");
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
            // It need not wait for further lines.
            thread.thread().unpark();
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

/// This machine's name.
fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

fn sync_when_woken(file: &File, woken: &mpsc::Receiver<()>, problem: &Mutex<Option<String>>) {
    while woken.recv().is_ok() {
        // One sync serves all lines that were written before it.
        while woken.try_recv().is_ok() {}
        failpoint::reach("journal.sync.before");
        if let Err(error) = file.sync_data() {
            let words = format!("it cannot be synced to disk: {error}");
            problem.lock().expect("nobody panics with it").get_or_insert(words);
            return;
        }
        failpoint::reach("journal.sync.after");
        // Meanwhile whoever writes a line need not wake anybody.
        std::thread::park_timeout(SYNC_PAUSE);
    }
}

#[cfg(test)]
mod tests;
