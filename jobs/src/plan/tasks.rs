//! The tasks of a plan, packed.
//!
//! A data set has a million of them, which differ in a few numbers. They are kept as the lines of the plan file, so many to a
//! compressed block, and become [`Task`]s one at a time. A task of a plan costs some 150 bytes like this, and several thousand
//! as a value.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, BufRead, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::task::{Checks, Source, Task};

/// Tasks of a block: what a task costs hardly falls beyond, and what taking a single one out costs rises.
pub(super) const BLOCK: usize = 64;

/// Bytes of a block that is not packed, at most; a task has some thousands.
const MOST_BYTES: usize = 1 << 30;

/// How hard blocks are compressed: the fastest way there is does for what repeats itself like this.
const LEVEL: i32 = 1;

/// Tasks in order, from number 0.
#[derive(Default)]
pub struct Tasks {
    packed: Vec<Packed>,
    /// The lines of the last block, which is not full.
    open: Lines,
    count: usize,
    /// The block that [`get`](Tasks::get) looked into last.
    last: Mutex<Option<(usize, Lines)>>,
}

/// The lines of a block, each of which is found at once: a task is looked for far more often than a block is unpacked.
#[derive(Clone, Default, PartialEq, Eq)]
struct Lines {
    text: Vec<u8>,
    /// Where each line's end stands.
    ends: Vec<usize>,
}

/// [`BLOCK`] lines.
#[derive(Clone, PartialEq, Eq)]
struct Packed {
    bytes: Box<[u8]>,
    /// Their length when they are not compressed.
    length: usize,
}

/// What of a task decides whether it is still to be done.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Outline {
    /// [`Task::number`].
    pub number: u32,
    /// [`Task::label`].
    pub label: String,
    /// [`Task::key`].
    pub key: String,
    /// The files that it writes.
    pub outputs: Vec<OutputOutline>,
    /// The files that follow its take.
    #[serde(default)]
    pub annotations: Vec<OutputOutline>,
    /// [`Task::checks`].
    #[serde(default)]
    pub checks: Checks,
}

impl Outline {
    /// Where it writes: its outputs, then what follows its take.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.outputs.iter().chain(&self.annotations).map(|file| file.path.as_path())
    }

    /// Likewise, by value.
    pub fn into_paths(self) -> impl Iterator<Item = PathBuf> {
        self.outputs.into_iter().chain(self.annotations).map(|file| file.path)
    }
}

/// Where a file is written.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct OutputOutline {
    /// Its path, absolute.
    pub path: PathBuf,
}

impl Tasks {
    /// Puts a task behind the others.
    pub fn push(&mut self, task: &Task) {
        self.open.push(|text| write_task(task, text));
        self.close_block();
    }

    /// Likewise a batch that was packed aside.
    pub(super) fn append(&mut self, batch: Batch) {
        let Batch { packed, rest, .. } = batch;
        assert!(self.open.ends.is_empty() || packed.is_empty(), "whole blocks come behind whole blocks");
        self.count += packed.len() * BLOCK;
        self.packed.extend(packed);
        rest.iter().for_each(|task| self.push(task));
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Likewise the line of a plan file, if it is that of a task.
    pub(super) fn push_line(&mut self, line: &str) -> serde_json::Result<()> {
        serde_json::from_str::<Task>(line)?;
        self.open.push(|text| text.extend_from_slice(line.as_bytes()));
        self.close_block();
        Ok(())
    }

    fn close_block(&mut self) {
        self.count += 1;
        if self.count.is_multiple_of(BLOCK) {
            self.packed.push(Packed::of(&self.open.text));
            self.open.clear();
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The task at `index`. Quick where tasks are taken in their order.
    ///
    /// # Panics
    ///
    /// Where there are not so many.
    pub fn get(&self, index: usize) -> Task {
        let (block, place) = (index / BLOCK, index % BLOCK);
        assert!(index < self.count, "there is no task {index} among {}", self.count);
        if block == self.packed.len() {
            return task(self.open.line(place));
        }
        let mut last = self.last.lock().expect("nobody panics with it");
        if last.as_ref().is_none_or(|(known, _)| *known != block) {
            *last = Some((block, self.packed[block].lines()));
        }
        let (_, lines) = last.as_ref().expect("it was just unpacked");
        task(lines.line(place))
    }

    /// All of them, one at a time.
    pub fn iter(&self) -> impl Iterator<Item = Task> {
        self.read(task)
    }

    /// What decides of each whether it is still to be done.
    pub fn outlines(&self) -> impl Iterator<Item = Outline> {
        self.read(|line| serde_json::from_slice(line).expect(OWN))
    }

    fn read<T>(&self, read: impl Fn(&[u8]) -> T) -> impl Iterator<Item = T> {
        self.blocks().flat_map(move |lines| lines.iter().map(&read).collect::<Vec<T>>())
    }

    /// What `look` makes of each task's outline, in order, on as many threads as the machine has.
    pub fn each_outline<T: Send>(&self, look: impl Fn(usize, Outline) -> T + Sync) -> Vec<T> {
        self.each(look)
    }

    /// Every source that a task names, once, in the order of the tasks.
    pub fn sources(&self) -> Vec<Source> {
        #[derive(Deserialize)]
        struct Reading {
            sources: Vec<Source>,
        }
        let first: Mutex<BTreeMap<Source, usize>> = Mutex::default();
        self.each(|index, task: Reading| {
            let mut first = first.lock().expect("nobody panics with it");
            for source in task.sources {
                first.entry(source).and_modify(|known| *known = index.min(*known)).or_insert(index);
            }
        });
        let mut sources: Vec<_> = first.into_inner().expect("nobody panics with it").into_iter().collect();
        sources.sort_by_key(|(_, index)| *index);
        sources.into_iter().map(|(source, _)| source).collect()
    }

    /// What `look` makes of a part of each task.
    fn each<P: DeserializeOwned, T: Send>(&self, look: impl Fn(usize, P) -> T + Sync) -> Vec<T> {
        let blocks = self.packed.len() + 1;
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(blocks);
        let share = blocks.div_ceil(threads);
        let look_at = |block: usize| {
            let lines = self.packed.get(block).map_or_else(|| self.open.clone(), Packed::lines);
            let part =
                |(place, line): (usize, &[u8])| look(block * BLOCK + place, serde_json::from_slice(line).expect(OWN));
            lines.iter().enumerate().map(part).collect::<Vec<T>>()
        };
        let part = |first: usize| (first..blocks.min(first + share)).flat_map(&look_at).collect::<Vec<T>>();
        std::thread::scope(|scope| {
            let part = &part;
            let looking: Vec<_> = (0..blocks).step_by(share).map(|first| scope.spawn(move || part(first))).collect();
            looking.into_iter().flat_map(|looking| looking.join().expect("looking does not panic")).collect()
        })
    }

    /// The blocks as they are packed, each a whole zstd frame that says its length. All but the last hold [`BLOCK`] tasks.
    pub(super) fn frames(&self) -> impl Iterator<Item = Cow<'_, [u8]>> {
        let last = (!self.open.ends.is_empty()).then(|| Cow::Owned(Packed::of(&self.open.text).bytes.into_vec()));
        self.packed.iter().map(|packed| Cow::Borrowed(&*packed.bytes)).chain(last)
    }

    /// Takes the next block of `count` tasks over, as [`frames`](Tasks::frames) gives it: the first bytes of `from`, which
    /// are taken away. What it holds must have been looked at before it was packed. `None` where it is no such block.
    pub(super) fn push_frame(&mut self, from: &mut &[u8], count: usize) -> Option<()> {
        use zstd::zstd_safe::{find_frame_compressed_size, get_frame_content_size};
        let length = get_frame_content_size(from).ok()??;
        let length = usize::try_from(length).ok().filter(|length| *length <= MOST_BYTES)?;
        let (bytes, rest) = from.split_at_checked(find_frame_compressed_size(from).ok()?)?;
        let packed = Packed { bytes: bytes.into(), length };
        if !self.open.ends.is_empty() || count > BLOCK {
            return None;
        }
        if count == BLOCK {
            self.packed.push(packed);
        } else {
            self.open = Lines::of(zstd::bulk::decompress(bytes, length).ok()?);
        }
        self.count += count;
        *from = rest;
        Some(())
    }

    fn blocks(&self) -> impl Iterator<Item = Lines> {
        self.packed.iter().map(Packed::lines).chain([self.open.clone()])
    }

    /// Writes all lines.
    pub(super) fn write(&self, to: &mut impl Write) -> io::Result<()> {
        self.blocks().try_for_each(|lines| to.write_all(&lines.text))
    }

    /// Reads the lines that are left. What is told of one that is damaged counts them from 0.
    pub(super) fn read_lines<E>(from: impl BufRead, damaged: impl Fn(usize, serde_json::Error) -> E) -> Result<Tasks, E>
    where
        E: From<io::Error>,
    {
        let mut tasks = Tasks::default();
        for (index, line) in from.lines().enumerate() {
            tasks.push_line(&line?).map_err(|error| damaged(index, error))?;
        }
        Ok(tasks)
    }
}

/// Why what was packed can be unpacked.
const OWN: &str = "a plan's lines are looked at before they are packed";

fn task(line: &[u8]) -> Task {
    serde_json::from_slice(line).expect(OWN)
}

fn write_task(task: &Task, text: &mut Vec<u8>) {
    serde_json::to_writer(text, task).expect("a task's maps have texts for keys, and memory takes all");
}

impl Lines {
    /// Those of a text, each with its end.
    fn of(text: Vec<u8>) -> Lines {
        let ends = text.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(end, _)| end).collect();
        Lines { text, ends }
    }

    /// Puts one behind the others.
    fn push(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.text);
        self.ends.push(self.text.len());
        self.text.push(b'\n');
    }

    fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
    }

    /// A line without its end.
    fn line(&self, place: usize) -> &[u8] {
        let from = place.checked_sub(1).map_or(0, |before| self.ends[before] + 1);
        &self.text[from..self.ends[place]]
    }

    fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.ends.len()).map(|place| self.line(place))
    }
}

impl Packed {
    fn of(lines: &[u8]) -> Packed {
        let bytes = zstd::bulk::compress(lines, LEVEL).expect("memory takes what is compressed");
        Packed { bytes: bytes.into(), length: lines.len() }
    }

    fn lines(&self) -> Lines {
        Lines::of(zstd::bulk::decompress(&self.bytes, self.length).expect("it was compressed here"))
    }
}

/// Tasks in packed form, to be put behind others.
pub(super) struct Batch {
    packed: Vec<Packed>,
    /// Those that fill no block.
    rest: Vec<Task>,
    /// Those that do, which are freed where they were made: another thread would wait for the memory that belongs to it.
    _spent: Vec<Task>,
}

impl Batch {
    /// Packs tasks, each once it is `completed`, on as many threads as the machine has.
    pub fn pack(mut tasks: Vec<Task>, complete: impl Fn(&mut Task) + Sync) -> Batch {
        let mut rest = tasks.split_off(tasks.len() / BLOCK * BLOCK);
        rest.iter_mut().for_each(&complete);
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let share = (tasks.len() / BLOCK).div_ceil(threads).max(1) * BLOCK;
        let pack = |tasks: &mut [Task]| {
            let pack = |block: &mut [Task]| {
                let mut text = Vec::new();
                for task in block {
                    complete(task);
                    write_task(task, &mut text);
                    text.push(b'\n');
                }
                Packed::of(&text)
            };
            tasks.chunks_mut(BLOCK).map(pack).collect::<Vec<_>>()
        };
        let packed = std::thread::scope(|scope| {
            let packing: Vec<_> = tasks.chunks_mut(share).map(|tasks| scope.spawn(|| pack(tasks))).collect();
            packing.into_iter().flat_map(|packing| packing.join().expect("packing does not panic")).collect()
        });
        Batch { packed, rest, _spent: tasks }
    }
}

impl Clone for Tasks {
    fn clone(&self) -> Tasks {
        let Tasks { packed, open, count, .. } = self;
        Tasks { packed: packed.clone(), open: open.clone(), count: *count, last: Mutex::default() }
    }
}

impl PartialEq for Tasks {
    fn eq(&self, other: &Tasks) -> bool {
        self.open == other.open && self.packed == other.packed
    }
}

impl fmt::Debug for Tasks {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_list().entries(self.iter()).finish()
    }
}

impl FromIterator<Task> for Tasks {
    fn from_iter<I: IntoIterator<Item = Task>>(tasks: I) -> Tasks {
        let mut packed = Tasks::default();
        tasks.into_iter().for_each(|task| packed.push(&task));
        packed
    }
}

#[cfg(test)]
mod tests;
