//! A plan as a folder, any part of which can be rendered anywhere.
//!
//! `plan.json` holds the header and names chunk files, each with its hash; a chunk holds some thousand tasks as lines,
//! compressed. Nothing in it ever changes: the same job on the same files gives the same folder, byte by byte. Its tasks
//! are shared out by what they cost: part `i` of `n` is a run of neighbours, so that tasks of one tone stay together.

use std::fs::{self, File};
use std::io::{self, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::tasks::BLOCK;
use super::{Efforts, Header, Plan, Tasks};
use crate::hash::of_text;
use crate::task::partial_path;
use crate::whole;

/// The file that says what the others are.
pub const INDEX: &str = "plan.json";

/// The folder of the chunks.
const CHUNKS: &str = "chunks";

/// Blocks of a chunk: 4,096 tasks.
const CHUNK_BLOCKS: usize = 64;

/// Which part of a plan: `number` of `of`, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    number: u32,
    of: u32,
}

impl Shard {
    /// All of it.
    pub const WHOLE: Shard = Shard { number: 1, of: 1 };

    /// Part `number` of `of`; `None` unless 1 <= number <= of.
    pub fn new(number: u32, of: u32) -> Option<Shard> {
        (1..=of).contains(&number).then_some(Shard { number, of })
    }

    /// Whether it is all there is.
    pub fn is_whole(self) -> bool {
        self.of == 1
    }
}

impl std::fmt::Display for Shard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

/// Why a plan folder cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The system refuses.
    #[error("cannot {what} {path}: {source}", path = .path.display())]
    System {
        /// What was tried.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Something else stands there.
    #[error("{path} stands already and is not this plan. A plan never changes: give another folder, or move it away", path = .0.display())]
    Taken(PathBuf),
    /// A file is not what it should be.
    #[error("{path} is damaged: {problem}. Make the plan anew", path = .path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
        /// What does not fit.
        problem: String,
    },
    /// Another build wrote it.
    #[error(
        "the plan {path} has version {version}, this build reads version {known}. Make the plan anew",
        path = .path.display(), known = crate::FORMAT_VERSION
    )]
    Version {
        /// Where.
        path: PathBuf,
        /// Its version.
        version: u64,
    },
}

/// A plan in a folder.
#[derive(Clone, Debug)]
pub struct PlanFolder {
    path: PathBuf,
    index: Index,
}

/// What `plan.json` holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Index {
    tonemill: u32,
    /// BLAKE3 of all that follows, in hex.
    blake3: String,
    header: Header,
    chunks: Vec<Chunk>,
}

impl Index {
    /// Whether another plan has the same tasks; probing may have found other costs since.
    fn does_the_same(&self, other: &Index) -> bool {
        let tasks = |chunk: &Chunk| (chunk.blake3.clone(), chunk.tasks);
        self.header == other.header && self.chunks.iter().map(tasks).eq(other.chunks.iter().map(tasks))
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Chunk {
    /// Its path below the folder.
    file: String,
    /// Its BLAKE3, in hex.
    blake3: String,
    tasks: u32,
    /// Seconds of processor time that each of its blocks is reckoned to take.
    seconds: Vec<f64>,
}

/// Some tasks of a plan that follow each other.
#[derive(Clone, Debug)]
pub struct Part {
    /// The plan, of which only the tasks round that part are there.
    pub plan: Plan,
    /// Which of those are the part.
    pub range: Range<usize>,
}

impl PlanFolder {
    /// Writes a plan as a folder, whole or not at all. `device_seconds` gives what each of its estimate's devices takes for a
    /// second of audio. The same plan may stand there already; it stays then, with the costs that were known when it was made.
    pub fn write(path: &Path, plan: &Plan, device_seconds: &[f64]) -> Result<PlanFolder, FolderError> {
        let partial = partial_path(path);
        let made = wrap("write", &partial, make(&partial, plan, device_seconds))?;
        let place = || -> Result<PlanFolder, FolderError> {
            match PlanFolder::open(path) {
                Ok(stands) if stands.index.does_the_same(&made) => {
                    wrap("remove", &partial, fs::remove_dir_all(&partial))?;
                    return Ok(stands);
                }
                Ok(_) => return Err(FolderError::Taken(path.to_owned())),
                // An empty folder gives way.
                Err(_) => {}
            }
            match whole::name(&partial, path) {
                Err(error)
                    if matches!(error.kind(), io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::NotADirectory) =>
                {
                    Err(FolderError::Taken(path.to_owned()))
                }
                named => wrap("make", path, named).map(|()| PlanFolder { path: path.to_owned(), index: made }),
            }
        };
        place().inspect_err(|_| {
            // The error at hand says more than that this failed too.
            let _ = fs::remove_dir_all(&partial);
        })
    }

    /// Whether a path is that of a plan folder.
    pub fn is_at(path: &Path) -> bool {
        path.join(INDEX).is_file()
    }

    /// Opens one. Its chunks are looked at when they are needed.
    pub fn open(path: &Path) -> Result<PlanFolder, FolderError> {
        let file = path.join(INDEX);
        let text = wrap("read", &file, fs::read_to_string(&file))?;
        let damaged = |problem: String| FolderError::Damaged { path: file.clone(), problem };
        #[derive(Deserialize)]
        struct Version {
            tonemill: u64,
        }
        let version: Version = serde_json::from_str(&text).map_err(|error| damaged(error.to_string()))?;
        if version.tonemill != u64::from(crate::FORMAT_VERSION) {
            return Err(FolderError::Version { path: path.to_owned(), version: version.tonemill });
        }
        let index: Index = serde_json::from_str(&text).map_err(|error| damaged(error.to_string()))?;
        if index.blake3 != hash(&index.header, &index.chunks) {
            return Err(damaged("it does not have the hash that it states".to_owned()));
        }
        let tasks: u64 = index.chunks.iter().map(|chunk| u64::from(chunk.tasks)).sum();
        let whole = |(number, chunk): (usize, &Chunk)| {
            let last = number + 1 == index.chunks.len();
            chunk.seconds.len() == (chunk.tasks as usize).div_ceil(BLOCK)
                && (last || chunk.tasks as usize == BLOCK * CHUNK_BLOCKS)
                && chunk.seconds.iter().all(|seconds| seconds.is_finite() && *seconds >= 0.0)
        };
        if tasks != u64::from(index.header.tasks) || !index.chunks.iter().enumerate().all(whole) {
            return Err(damaged("its chunks do not come to what it promises".to_owned()));
        }
        Ok(PlanFolder { path: path.to_owned(), index })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What all tasks share.
    pub fn header(&self) -> &Header {
        &self.index.header
    }

    /// Seconds of processor time that all of it is reckoned to take.
    pub fn seconds(&self) -> f64 {
        self.index.chunks.iter().flat_map(|chunk| &chunk.seconds).sum()
    }

    /// All of it.
    pub fn whole(&self) -> Result<Plan, FolderError> {
        self.part(Shard::WHOLE).map(|part| part.plan)
    }

    /// One part of it.
    pub fn part(&self, shard: Shard) -> Result<Part, FolderError> {
        let range = self.range(shard);
        let mut tasks = Tasks::default();
        let mut first = 0;
        let mut skipped = 0;
        for chunk in &self.index.chunks {
            let end = first + chunk.tasks as usize;
            if end <= range.start {
                skipped = end;
            } else if first < range.end {
                self.read(chunk, &mut tasks)?;
            }
            first = end;
        }
        let range = range.start - skipped..range.end - skipped;
        let plan = Plan { header: self.index.header.clone(), tasks: Arc::new(tasks), efforts: Efforts::default() };
        Ok(Part { plan, range })
    }

    fn read(&self, chunk: &Chunk, tasks: &mut Tasks) -> Result<(), FolderError> {
        let path = self.path.join(&chunk.file);
        let bytes = wrap("read", &path, fs::read(&path))?;
        let damaged = |problem: &str| FolderError::Damaged { path: path.clone(), problem: problem.to_owned() };
        if blake3::hash(&bytes).to_hex().as_str() != chunk.blake3 {
            return Err(damaged("it does not have the hash that plan.json states"));
        }
        let (mut rest, mut left) = (bytes.as_slice(), chunk.tasks as usize);
        while left > 0 {
            let count = left.min(BLOCK);
            tasks.push_frame(&mut rest, count).ok_or_else(|| damaged("it holds no tasks"))?;
            left -= count;
        }
        if rest.is_empty() { Ok(()) } else { Err(damaged("it holds more than it promises")) }
    }

    /// Which tasks a part has. Every task is in one part, and parts cost about the same.
    pub fn range(&self, shard: Shard) -> Range<usize> {
        let whole = self.seconds();
        let cut = |number: u32| match number {
            0 => 0,
            _ if number == shard.of => self.index.header.tasks as usize,
            _ => self.task_at(whole * f64::from(number) / f64::from(shard.of)),
        };
        cut(shard.number - 1)..cut(shard.number)
    }

    /// The task that is due when so many seconds are worked off.
    fn task_at(&self, seconds: f64) -> usize {
        let (mut passed, mut task) = (0.0, 0);
        for chunk in &self.index.chunks {
            for (block, cost) in chunk.seconds.iter().enumerate() {
                let tasks = (chunk.tasks as usize - block * BLOCK).min(BLOCK);
                if passed + cost > seconds {
                    return task + ((seconds - passed) / cost * tasks as f64).round() as usize;
                }
                passed += cost;
                task += tasks;
            }
        }
        task
    }
}

fn make(folder: &Path, plan: &Plan, device_seconds: &[f64]) -> io::Result<Index> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder.join(CHUNKS))?;
    let mut costs = plan.efforts.seconds(device_seconds);
    let mut left = plan.tasks.len();
    let mut frames = plan.tasks.frames().peekable();
    let mut chunks = Vec::new();
    while frames.peek().is_some() {
        let mut bytes = Vec::new();
        frames.by_ref().take(CHUNK_BLOCKS).for_each(|frame| bytes.extend_from_slice(&frame));
        let tasks = left.min(CHUNK_BLOCKS * BLOCK);
        left -= tasks;
        let block = |first: usize| (first..tasks.min(first + BLOCK)).map(|_| costs.next().unwrap_or(1.0)).sum::<f64>();
        // Digits that nobody needs would differ between machines.
        let seconds = (0..tasks).step_by(BLOCK).map(block).map(|cost| (cost * 1e3).round() / 1e3).collect();
        let file = format!("{CHUNKS}/{:05}.jsonl.zst", chunks.len());
        whole::complete(&folder.join(&file), |to| to.write_all(&bytes))?;
        let blake3 = blake3::hash(&bytes).to_hex().to_string();
        chunks.push(Chunk { file, blake3, tasks: tasks as u32, seconds });
    }
    let header = plan.header.clone();
    let index = Index { tonemill: crate::FORMAT_VERSION, blake3: hash(&header, &chunks), header, chunks };
    whole::complete(&folder.join(INDEX), |to| {
        serde_json::to_writer(&mut *to, &index)?;
        to.write_all(b"\n")
    })?;
    File::open(folder.join(CHUNKS))?.sync_all()?;
    File::open(folder)?.sync_all()?;
    Ok(index)
}

fn hash(header: &Header, chunks: &[Chunk]) -> String {
    of_text(&serde_json::to_string(&(header, chunks)).expect("plain data with texts for keys"))
}

fn wrap<T>(what: &'static str, path: &Path, result: io::Result<T>) -> Result<T, FolderError> {
    result.map_err(|source| FolderError::System { what, path: path.to_owned(), source })
}

#[cfg(test)]
mod tests;
