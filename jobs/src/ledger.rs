//! What is known of the files that stand, in little: enough to decide what is left of a million of them.
//!
//! A manifest line and a journal line have thousands of bytes, an [`Entry`] some sixty and the [`Place`] where the rest
//! stands. An index file keeps the entries of one manifest or journal, so that nobody has to read it whole for them; one
//! that does not fit its file any more is as good as none.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

use crate::hash::short;
use crate::manifest::{AnnotationRecord, Record, RenderedFile};
use crate::paths;
use crate::whole;

mod stamp;

pub use stamp::Stamp;

/// A path relative to its output folder, by its hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(u128);

impl Name {
    /// The name of a path that lies in the output folder `root`.
    pub fn of(path: &Path, root: &Path) -> Name {
        Name::relative(&paths::relative(path, root))
    }

    /// The name of a path as manifests write it.
    pub fn relative(path: &str) -> Name {
        Name(short(path.as_bytes()))
    }
}

/// A task's key by its hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeyHash(u128);

impl KeyHash {
    /// That of a key.
    pub fn of(key: &str) -> KeyHash {
        KeyHash(short(key.as_bytes()))
    }
}

/// Where a line stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Place {
    /// Which of the files that were read.
    pub file: u32,
    /// Its first byte.
    pub offset: u64,
    /// Its bytes, with its end.
    pub length: u32,
}

/// A file that was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The path that it was to have.
    pub name: Name,
    /// The task's key.
    pub key: KeyHash,
    /// Its size.
    pub bytes: u64,
    /// The first bytes of its hash, to tell two files of one name apart.
    pub content: [u8; 8],
    /// It lies in quarantine.
    pub quarantined: bool,
    /// Something was found wrong with it.
    pub flagged: bool,
    /// The annotations that were written with it, by where they lie.
    pub notes: Box<[Name]>,
    /// The line that tells all of it.
    pub at: Place,
}

impl Entry {
    /// The entry of a manifest's record.
    pub fn of_record(record: &Record, at: Place) -> Entry {
        let Record { path, key, file, annotations, .. } = record;
        let note = |note: &AnnotationRecord| Name::relative(&note.path.to_string_lossy());
        Entry::of(Name::relative(path), key, file, annotations.iter().map(note), at)
    }

    /// The entry of a file that was to have this name.
    pub fn of(name: Name, key: &str, file: &RenderedFile, notes: impl Iterator<Item = Name>, at: Place) -> Entry {
        Entry {
            name,
            key: KeyHash::of(key),
            bytes: file.bytes,
            content: content(&file.blake3),
            quarantined: file.quarantined,
            flagged: !file.flags.is_empty(),
            notes: notes.collect(),
            at,
        }
    }
}

/// The first bytes of a hash in hex.
fn content(blake3: &str) -> [u8; 8] {
    let digits = |at: usize| blake3.get(2 * at..2 * at + 2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
    std::array::from_fn(|at| digits(at).unwrap_or(0))
}

/// What is known of an output folder.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    entries: HashMap<Name, Entry>,
    begun: HashSet<Name>,
}

impl Ledger {
    /// Takes a file in, in place of an older one of its name.
    pub fn insert(&mut self, entry: Entry) {
        self.entries.insert(entry.name, entry);
    }

    /// Forgets a file.
    pub fn remove(&mut self, name: Name) -> Option<Entry> {
        self.entries.remove(&name)
    }

    /// The file that was to have a name.
    pub fn get(&self, name: Name) -> Option<&Entry> {
        self.entries.get(&name)
    }

    /// All of them, in no order.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Some run began to write it, and may have published it without living to record it.
    pub fn begin(&mut self, name: Name) {
        self.begun.insert(name);
    }

    /// Whether some run began to write it: if it stands, it is ours.
    pub fn is_begun(&self, name: Name) -> bool {
        self.begun.contains(&name)
    }

    /// What was begun, in order of the hashes.
    pub fn begun(&self) -> Vec<Name> {
        let mut begun: Vec<Name> = self.begun.iter().copied().collect();
        begun.sort_unstable();
        begun
    }
}

/// First bytes of an index file: what it is, and its version.
const MAGIC: &[u8; 8] = b"tm-idx1\n";

/// What an index file holds of a manifest or a journal.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Index {
    /// The files that were written, in order.
    pub entries: Vec<Entry>,
    /// What else was begun.
    pub begun: Vec<Name>,
}

impl Index {
    /// Writes it for the file at `of`, which must not change any more.
    pub fn write(&self, path: &Path, of: &Path) -> io::Result<()> {
        let stamp = Stamp::of(of)?;
        whole::write(path, |to| {
            let mut hasher = blake3::Hasher::new();
            let mut put = |bytes: &[u8]| {
                hasher.update(bytes);
                to.write_all(bytes)
            };
            put(MAGIC)?;
            put(&stamp.bytes())?;
            put(&(self.entries.len() as u64).to_le_bytes())?;
            put(&(self.begun.len() as u64).to_le_bytes())?;
            let mut bytes = Vec::new();
            for entry in &self.entries {
                bytes.clear();
                encode(entry, &mut bytes);
                put(&bytes)?;
            }
            self.begun.iter().try_for_each(|name| put(&name.0.to_le_bytes()))?;
            let sum = hasher.finalize();
            to.write_all(sum.as_bytes())
        })
    }

    /// Reads one that was written for the file at `of` as it is now; `None` where there is no such. The entries get `file`
    /// for their place.
    pub fn read(path: &Path, of: &Path, file: u32) -> Option<Index> {
        let mut bytes = Vec::new();
        File::open(path).and_then(|mut from| from.read_to_end(&mut bytes)).ok()?;
        let (body, sum) = bytes.split_at_checked(bytes.len().checked_sub(blake3::OUT_LEN)?)?;
        if blake3::hash(body).as_bytes() != sum {
            return None;
        }
        let mut from = Cursor(body);
        if from.take(MAGIC.len())? != MAGIC || from.take(Stamp::BYTES)? != Stamp::of(of).ok()?.bytes() {
            return None;
        }
        let (entries, begun) = (from.u64()?, from.u64()?);
        let index = Index {
            entries: (0..entries).map(|_| decode(&mut from, file)).collect::<Option<_>>()?,
            begun: (0..begun).map(|_| from.name()).collect::<Option<_>>()?,
        };
        from.0.is_empty().then_some(index)
    }

    /// Removes an index file, if there is one.
    pub fn remove(path: &Path) -> io::Result<()> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

const QUARANTINED: u8 = 1;
const FLAGGED: u8 = 2;

fn encode(entry: &Entry, to: &mut Vec<u8>) {
    let Entry { name, key, bytes, content, quarantined, flagged, notes, at } = entry;
    to.extend(name.0.to_le_bytes());
    to.extend(key.0.to_le_bytes());
    to.extend(bytes.to_le_bytes());
    to.extend(content);
    to.extend(at.offset.to_le_bytes());
    to.extend(at.length.to_le_bytes());
    to.push(u8::from(*quarantined) * QUARANTINED + u8::from(*flagged) * FLAGGED);
    to.extend((notes.len() as u32).to_le_bytes());
    notes.iter().for_each(|note| to.extend(note.0.to_le_bytes()));
}

fn decode(from: &mut Cursor<'_>, file: u32) -> Option<Entry> {
    let (name, key, bytes) = (from.name()?, KeyHash(from.name()?.0), from.u64()?);
    let content = from.take(8)?.try_into().ok()?;
    let (offset, length) = (from.u64()?, from.u32()?);
    let flags = from.take(1)?[0];
    let notes = from.u32()?;
    let notes = (0..notes).map(|_| from.name()).collect::<Option<_>>()?;
    let at = Place { file, offset, length };
    let (quarantined, flagged) = (flags & QUARANTINED > 0, flags & FLAGGED > 0);
    Some(Entry { name, key, bytes, content, quarantined, flagged, notes, at })
}

/// Bytes that are left to read.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    fn u64(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }

    fn name(&mut self) -> Option<Name> {
        Some(Name(u128::from_le_bytes(self.take(16)?.try_into().ok()?)))
    }
}

#[cfg(test)]
mod tests;
