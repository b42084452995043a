//! A folder of objects by their content, which never holds more bytes than it may.
//!
//! `content/` has a file for each content, named by its BLAKE3; `urls/` says which content an object had when it was last
//! seen; `partial/` is where objects arrive, under names that nobody reads. Whoever uses a file holds a shared lock on it,
//! and only what nobody holds is removed, that which was used longest ago first. All that changes what there is happens
//! under one lock, so that several processes may share a cache; `size` is what they have agreed it holds at most.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::SystemTime;

use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

/// The share of its bound that a cache is emptied to, so that it is not looked through for every file.
const EMPTIED_TO: f64 = 0.9;

/// A cache.
#[derive(Debug)]
pub(crate) struct Cache {
    folder: PathBuf,
    bound: u64,
}

/// A file of the cache, which stays as long as this does.
#[derive(Debug)]
pub struct Held {
    path: PathBuf,
    blake3: String,
    bytes: u64,
    _lock: File,
}

impl Held {
    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// BLAKE3 of its content, in hex.
    pub fn blake3(&self) -> &str {
        &self.blake3
    }

    /// Its size.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// What an object was when it was last seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stamp {
    /// Its size.
    pub bytes: u64,
    /// What the store calls its version.
    pub etag: Option<String>,
    /// When it was put, in seconds.
    pub modified: i64,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    tonemill_cache: u32,
    url: String,
    #[serde(flatten)]
    stamp: Stamp,
    blake3: String,
}

/// Version of what is in the folder.
const VERSION: u32 = 1;

/// A file that is arriving. It has its whole size from the start.
#[derive(Debug)]
pub(crate) struct Partial {
    path: PathBuf,
    pub file: File,
    bytes: u64,
}

/// Why there is no room.
#[derive(Debug)]
pub(crate) enum NoRoom {
    TooLarge,
    Full,
    System(io::Error),
}

impl From<io::Error> for NoRoom {
    fn from(error: io::Error) -> NoRoom {
        NoRoom::System(error)
    }
}

impl Cache {
    /// A cache in a folder, which is made.
    pub fn open(folder: PathBuf, bound: u64) -> io::Result<Cache> {
        for name in ["content", "urls", "partial"] {
            fs::create_dir_all(folder.join(name))?;
        }
        Ok(Cache { folder, bound })
    }

    /// The folder of all contents.
    pub fn content_folder(&self) -> PathBuf {
        self.folder.join("content")
    }

    pub fn bound(&self) -> u64 {
        self.bound
    }

    /// The file of a content, if it is there.
    pub fn held(&self, blake3: &str, extension: Option<&str>) -> io::Result<Option<Held>> {
        let path = self.content(blake3, extension);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        flock(&file, FlockOperation::LockShared)?;
        // It may have been removed between opening and locking.
        let meta = file.metadata()?;
        if fs::metadata(&path).is_ok_and(|standing| standing.ino() == meta.ino()) {
            file.set_modified(SystemTime::now())?;
            return Ok(Some(Held { path, blake3: blake3.to_owned(), bytes: meta.len(), _lock: file }));
        }
        Ok(None)
    }

    /// The content that an object had when it was last seen, if it was like this.
    pub fn content_of(&self, url: &str, stamp: &Stamp) -> Option<String> {
        let bytes = fs::read(self.entry(url)).ok()?;
        // One that cannot be read says as little as none.
        let entry: Entry = serde_json::from_slice(&bytes).ok()?;
        (entry.tonemill_cache == VERSION && entry.url == url && entry.stamp == *stamp).then_some(entry.blake3)
    }

    /// Notes the content of an object.
    pub fn note(&self, url: &str, stamp: Stamp, blake3: &str) -> io::Result<()> {
        let entry = Entry { tonemill_cache: VERSION, url: url.to_owned(), stamp, blake3: blake3.to_owned() };
        let path = self.entry(url);
        fs::create_dir_all(path.parent().expect("entries lie in folders"))?;
        // Nobody who makes room takes it for what a dead process has left.
        let _lock = self.lock()?;
        let partial = path.with_extension("partial");
        fs::write(&partial, serde_json::to_vec(&entry)?)?;
        fs::rename(&partial, &path)
    }

    /// Makes room for a file of this size.
    pub fn reserve(&self, bytes: u64) -> Result<Partial, NoRoom> {
        if bytes > self.bound {
            return Err(NoRoom::TooLarge);
        }
        let _lock = self.lock()?;
        let mut size = self.size();
        if size.is_none_or(|size| size.saturating_add(bytes) > self.bound) {
            let left = self.empty(bytes)?;
            size = Some(left);
            if left.saturating_add(bytes) > self.bound {
                self.put_size(left)?;
                return Err(NoRoom::Full);
            }
        }
        let path = self.partial_path();
        let file = OpenOptions::new().write(true).read(true).create_new(true).open(&path)?;
        flock(&file, FlockOperation::LockExclusive).map_err(io::Error::from)?;
        file.set_len(bytes)?;
        self.put_size(size.unwrap_or(0).saturating_add(bytes))?;
        Ok(Partial { path, file, bytes })
    }

    /// Gives a file that has arrived its name.
    pub fn keep(&self, partial: Partial, blake3: &str, extension: Option<&str>) -> io::Result<Held> {
        let path = self.content(blake3, extension);
        fs::create_dir_all(path.parent().expect("contents lie in folders"))?;
        let _lock = self.lock()?;
        if let Some(held) = self.held(blake3, extension)? {
            self.drop_partial(&partial)?;
            return Ok(held);
        }
        let Partial { path: from, file, bytes } = partial;
        fs::rename(&from, &path)?;
        flock(&file, FlockOperation::LockShared)?;
        Ok(Held { path, blake3: blake3.to_owned(), bytes, _lock: file })
    }

    /// Gives up a file that was arriving.
    pub fn give_up(&self, partial: &Partial) -> io::Result<()> {
        let _lock = self.lock()?;
        self.drop_partial(partial)
    }

    fn drop_partial(&self, partial: &Partial) -> io::Result<()> {
        fs::remove_file(&partial.path)?;
        match self.size() {
            Some(size) => self.put_size(size.saturating_sub(partial.bytes)),
            None => Ok(()),
        }
    }

    /// Removes what was used longest ago until another so many bytes fit well. Gives what is left.
    fn empty(&self, room: u64) -> io::Result<u64> {
        let mut total = 0;
        for path in files_below(&self.folder.join("partial"))? {
            let Ok(file) = File::open(&path) else { continue };
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                // Whoever it was for is gone.
                Ok(()) => fs::remove_file(&path)?,
                Err(_) => total += file.metadata()?.len(),
            }
        }
        let mut files = Vec::new();
        for path in files_below(&self.folder.join("content"))? {
            let Ok(meta) = fs::metadata(&path) else { continue };
            total += meta.len();
            files.push((meta.modified()?, meta.len(), path));
        }
        files.sort();
        let target = ((self.bound as f64 * EMPTIED_TO) as u64).saturating_sub(room);
        for (_, bytes, path) in files {
            if total <= target {
                break;
            }
            let Ok(file) = File::open(&path) else { continue };
            if flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
                fs::remove_file(&path)?;
                total -= bytes;
            }
        }
        for path in files_below(&self.folder.join("urls"))? {
            let entry = fs::read(&path).ok().and_then(|bytes| serde_json::from_slice::<Entry>(&bytes).ok());
            let extension =
                |entry: &Entry| crate::Url::parse(&entry.url).and_then(|url| url.extension().map(str::to_owned));
            if !entry.is_some_and(|entry| self.content(&entry.blake3, extension(&entry).as_deref()).exists()) {
                fs::remove_file(&path)?;
            }
        }
        Ok(total)
    }

    fn content(&self, blake3: &str, extension: Option<&str>) -> PathBuf {
        let name = extension.map_or_else(|| blake3.to_owned(), |extension| format!("{blake3}.{extension}"));
        self.folder.join("content").join(&blake3[..2]).join(name)
    }

    fn entry(&self, url: &str) -> PathBuf {
        let name = blake3::hash(url.as_bytes()).to_hex().to_string();
        self.folder.join("urls").join(&name[..2]).join(name + ".json")
    }

    fn partial_path(&self) -> PathBuf {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        self.folder.join("partial").join(format!("{host}-{}-{number}", std::process::id()))
    }

    fn lock(&self) -> io::Result<File> {
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(self.folder.join("lock"))?;
        flock(&file, FlockOperation::LockExclusive)?;
        Ok(file)
    }

    /// What it holds at most; `None` where nobody knows.
    fn size(&self) -> Option<u64> {
        fs::read_to_string(self.folder.join("size")).ok()?.trim().parse().ok()
    }

    fn put_size(&self, size: u64) -> io::Result<()> {
        // Torn by a crash, it is no number, and what there is gets counted.
        let mut file = File::create(self.folder.join("size"))?;
        writeln!(file, "{size}")
    }
}

fn files_below(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() { folders.push(entry.path()) } else { files.push(entry.path()) }
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(cache: &Cache, content: &[u8]) -> Result<Held, NoRoom> {
        let mut partial = cache.reserve(content.len() as u64)?;
        partial.file.write_all(content)?;
        Ok(cache.keep(partial, &blake3::hash(content).to_hex(), Some("wav"))?)
    }

    fn there(cache: &Cache, content: &[u8]) -> bool {
        cache.held(&blake3::hash(content).to_hex(), Some("wav")).unwrap().is_some()
    }

    fn bytes(folder: &Path) -> u64 {
        ["content", "partial"]
            .iter()
            .flat_map(|name| files_below(&folder.join(name)).unwrap())
            .map(|path| fs::metadata(path).unwrap().len())
            .sum()
    }

    #[test]
    fn what_was_used_longest_ago_goes_first_and_what_is_in_use_never() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path().to_owned(), 100).unwrap();
        let held = put(&cache, &[1; 40]).unwrap();
        drop(put(&cache, &[2; 40]).unwrap());
        // The second is the newer one, but the first is in use.
        let third = put(&cache, &[3; 40]).unwrap();
        assert!(there(&cache, &[1; 40]) && !there(&cache, &[2; 40]) && there(&cache, &[3; 40]));
        assert!(matches!(put(&cache, &[4; 40]), Err(NoRoom::Full)));
        assert!(matches!(put(&cache, &[4; 101]), Err(NoRoom::TooLarge)));
        assert_eq!(fs::read(held.path()).unwrap(), [1; 40]);
        drop((held, third));
        drop(put(&cache, &[4; 100]).unwrap());
        assert_eq!(bytes(folder.path()), 100);
    }

    #[test]
    fn what_a_process_left_half_is_cleared_away_when_there_is_need() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path().to_owned(), 100).unwrap();
        let left = cache.reserve(80).unwrap();
        assert!(matches!(put(&cache, &[1; 40]), Err(NoRoom::Full)), "somebody is at work on it");
        drop(left);
        put(&cache, &[1; 40]).unwrap();
        assert_eq!(bytes(folder.path()), 40);
    }

    #[test]
    fn an_object_that_looks_otherwise_is_another_one() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path().to_owned(), 100).unwrap();
        let stamp = Stamp { bytes: 4, etag: Some("a".into()), modified: 7 };
        cache.note("s3://b/a.wav", stamp.clone(), "00").unwrap();
        assert_eq!(cache.content_of("s3://b/a.wav", &stamp).as_deref(), Some("00"));
        assert_eq!(cache.content_of("s3://b/a.wav", &Stamp { etag: Some("b".into()), ..stamp.clone() }), None);
        assert_eq!(cache.content_of("s3://b/b.wav", &stamp), None);
    }

    #[test]
    fn many_threads_never_hold_more_than_the_bound_together() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Cache::open(folder.path().to_owned(), 1000).unwrap();
        std::thread::scope(|scope| {
            for thread in 0..8u8 {
                scope.spawn(move || {
                    let cache = open();
                    for n in 0..40u8 {
                        // One that finds no room while seven others hold theirs comes again.
                        if let Err(NoRoom::System(error)) = put(&cache, &[thread, n].repeat(50)) {
                            panic!("{error}");
                        }
                        let standing: u64 = bytes_or_less(&cache.folder);
                        assert!(standing <= 1000, "{standing}");
                    }
                });
            }
        });
        assert!(bytes(folder.path()) <= 1000);
    }

    /// Files may go while they are counted.
    fn bytes_or_less(folder: &Path) -> u64 {
        let files = files_below(&folder.join("content")).unwrap();
        files.iter().filter_map(|path| Some(fs::metadata(path).ok()?.len())).sum()
    }
}
