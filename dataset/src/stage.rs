//! A data set being put together, which stands whole or not at all.
//!
//! Everything is written into a folder of another name beside the final one, which takes its place at the end. That
//! folder carries a mark that the process holds locked, so that what a killed process left is told from what another one
//! is at work on, and from folders that are somebody else's.

use std::collections::{BTreeSet, HashMap};
use std::fs::{self, File, TryLockError};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use audio::format::{Container, Depth, FileFormat};
use jobs::task::partial_path;
use jobs::whole;

use crate::entry::Sound;
use crate::error::PackageError;

/// The mark of a folder that is ours.
const MARK: &str = ".tonemill-package";

/// Dropped before it is finished, it leaves nothing behind.
pub(crate) struct Stage {
    target: PathBuf,
    root: PathBuf,
    mark: Option<File>,
    copy: bool,
    /// What stands already, and what it was made of.
    placed: HashMap<String, (Arc<Path>, Arc<str>)>,
    folders: BTreeSet<PathBuf>,
    /// Files so far.
    pub files: u64,
    /// Bytes of all files so far.
    pub bytes: u64,
    /// Files that are links to files that are there already.
    pub linked: u64,
}

fn system(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> PackageError {
    let path = path.to_owned();
    move |source| PackageError::System { doing, path, source }
}

/// Takes the lock of a folder's mark, which nobody else may hold.
fn lock(mark: &File, root: &Path) -> Result<(), PackageError> {
    mark.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => PackageError::Partial {
            folder: root.to_owned(),
            problem: "is being written by another tonemill. Wait until it has ended",
        },
        TryLockError::Error(error) => system("lock", root)(error),
    })
}

impl Stage {
    pub fn begin(target: &Path, copy: bool) -> Result<Stage, PackageError> {
        let target = std::path::absolute(target).map_err(system("find", target))?;
        let target: PathBuf = target.components().collect();
        if fs::symlink_metadata(&target).is_ok() {
            let is_empty = fs::read_dir(&target).is_ok_and(|mut entries| entries.next().is_none());
            if !is_empty {
                return Err(PackageError::Occupied { folder: target });
            }
        }
        let root = partial_path(&target);
        if fs::symlink_metadata(&root).is_ok() {
            let problem = "is the folder that it would be put together in, and not one that tonemill made. Remove it";
            let mark =
                File::open(root.join(MARK)).map_err(|_| PackageError::Partial { folder: root.clone(), problem })?;
            lock(&mark, &root)?;
            fs::remove_dir_all(&root).map_err(system("remove what an interrupted run left in", &root))?;
        }
        fs::create_dir_all(&root).map_err(system("make", &root))?;
        let mark = File::create(root.join(MARK)).map_err(system("write", &root.join(MARK)))?;
        lock(&mark, &root)?;
        Ok(Stage {
            target,
            root,
            mark: Some(mark),
            copy,
            placed: HashMap::new(),
            folders: BTreeSet::new(),
            files: 0,
            bytes: 0,
            linked: 0,
        })
    }

    /// The place of a new file, its folders made. `None` where the same content stands there already.
    fn place(&mut self, name: &str, from: &Arc<Path>, blake3: &Arc<str>) -> Result<Option<PathBuf>, PackageError> {
        if let Some((other, content)) = self.placed.get(name) {
            if content == blake3 {
                return Ok(None);
            }
            let help = "Name files apart in the job's output path, or with --template";
            let (one, other) = (other.to_path_buf(), from.to_path_buf());
            return Err(PackageError::Collision { name: name.to_owned(), one, other, help });
        }
        self.placed.insert(name.to_owned(), (from.clone(), blake3.clone()));
        let path = self.root.join(name);
        let folder = path.parent().expect("it lies in the root").to_owned();
        if !self.folders.contains(&folder) {
            fs::create_dir_all(&folder).map_err(system("make", &folder))?;
            self.folders.insert(folder);
        }
        Ok(Some(path))
    }

    fn count(&mut self, path: &Path) -> Result<(), PackageError> {
        self.files += 1;
        self.bytes += fs::metadata(path).map_err(system("look at", path))?.len();
        Ok(())
    }

    /// Puts a file in, as a link where that can be.
    pub fn file(&mut self, name: &str, from: &Arc<Path>, blake3: &Arc<str>) -> Result<(), PackageError> {
        let Some(path) = self.place(name, from, blake3)? else { return Ok(()) };
        // A hard link to a symbolic one would be a symbolic link again, and lead nowhere once the data set is moved.
        let real = fs::canonicalize(from).map_err(system("find", from))?;
        // Another disk, a file system without links, or one more than it takes: a copy serves as well.
        if !self.copy && fs::hard_link(&real, &path).is_ok() {
            self.linked += 1;
        } else {
            fs::copy(&real, &path).map_err(system("copy", from))?;
            File::open(&path).and_then(|file| file.sync_all()).map_err(system("write", &path))?;
        }
        self.count(&path)
    }

    /// Puts a sound in under a name without extension, which it gets.
    pub fn sound(&mut self, name: &str, sound: &Sound) -> Result<String, PackageError> {
        let name = format!("{name}.{}", sound.extension());
        self.file(&name, &sound.path, &sound.blake3)?;
        Ok(name)
    }

    /// Puts a sound in as WAV. What is stored otherwise is written anew with the same samples.
    pub fn wav(&mut self, name: &str, sound: &Sound) -> Result<String, PackageError> {
        if sound.extension() == "wav" {
            return self.sound(name, sound);
        }
        let name = format!("{name}.wav");
        let Some(path) = self.place(&name, &sound.path, &sound.blake3)? else { return Ok(name) };
        let recording = audio::read::read(&sound.path)
            .map_err(|source| PackageError::Sound { path: sound.path.to_path_buf(), source })?;
        let depth = match recording.bits {
            Some(bits) if bits <= 16 => Depth::Int16,
            Some(bits) if bits <= 24 => Depth::Int24,
            _ => Depth::Float32,
        };
        let format = FileFormat { container: Container::Wav, depth };
        let file = File::create(&path).map_err(system("write", &path))?;
        let written = file.try_clone().map_err(system("write", &path)).and_then(|handle| {
            let channels = sound.shape.channels;
            // No sample loses bits, so no dither is drawn and the seed is of no consequence.
            audio::write::Writer::create(handle, format, recording.sample_rate, channels, 0)
                .and_then(|mut writer| writer.write(&recording.buffer).and_then(|()| writer.finish()))
                .map_err(|source| PackageError::Write { path: path.clone(), source })
        });
        written?;
        file.sync_all().map_err(system("write", &path))?;
        self.count(&path)?;
        Ok(name)
    }

    /// Puts a file of these bytes in.
    pub fn bytes(&mut self, name: &str, bytes: &[u8]) -> Result<(), PackageError> {
        self.write(name, |file| file.write_all(bytes))
    }

    /// Puts a file in that `fill` writes.
    pub fn write(
        &mut self,
        name: &str,
        fill: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
    ) -> Result<(), PackageError> {
        let path = self.place(name, &Path::new(name).into(), &"".into())?;
        let path = path.expect("what is generated has a name of its own");
        whole::complete(&path, fill).map_err(system("write", &path))?;
        self.count(&path)
    }

    /// Gives the data set its name.
    pub fn finish(mut self) -> Result<(), PackageError> {
        // Links and names are safe once their folders are. Windows opens no folders.
        let sync = |folder: &PathBuf| match cfg!(unix) {
            true => File::open(folder).and_then(|folder| folder.sync_all()).map_err(system("write", folder)),
            false => Ok(()),
        };
        self.folders.iter().try_for_each(sync)?;
        let mark = self.root.join(MARK);
        self.mark = None;
        fs::remove_file(&mark).map_err(system("remove", &mark))?;
        sync(&self.root)?;
        whole::name(&self.root, &self.target).map_err(|source| match source.kind() {
            io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists => {
                PackageError::Occupied { folder: self.target.clone() }
            }
            _ => PackageError::System { doing: "name", path: self.target.clone(), source },
        })
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // After `finish` it is not there any more; and what else could be said was said by what went wrong.
        let _ = fs::remove_dir_all(&self.root);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::Bench;

    #[test]
    fn a_data_set_stands_under_its_name_at_the_end_and_not_before() {
        let bench = Bench::new();
        let target = bench.path("set");
        let mut stage = Stage::begin(&target, false).unwrap();
        stage.bytes("deep/in/a.txt", b"a").unwrap();
        assert!(!target.exists());
        stage.finish().unwrap();
        assert_eq!(bench.files("set"), ["deep/in/a.txt"]);
        assert!(!bench.path("set.partial").exists());
    }

    #[test]
    fn what_is_not_finished_leaves_nothing() {
        let bench = Bench::new();
        let mut stage = Stage::begin(&bench.path("set"), false).unwrap();
        stage.bytes("a.txt", b"a").unwrap();
        drop(stage);
        assert_eq!(bench.files(""), [""; 0]);
    }

    #[test]
    fn an_interrupted_run_is_cleared_away_and_nothing_else_is() {
        let bench = Bench::new();
        let target = bench.path("set");
        bench.write("set.partial/.tonemill-package", "");
        bench.write("set.partial/half", "");
        Stage::begin(&target, false).unwrap().finish().unwrap();
        assert_eq!(bench.files("set"), [""; 0]);
        // An empty folder is as good as none.
        Stage::begin(&target, false).unwrap().finish().unwrap();
        bench.write("set/mine", "");
        assert!(matches!(Stage::begin(&target, false), Err(PackageError::Occupied { .. })));
        bench.write("other.partial/mine", "");
        assert!(matches!(Stage::begin(&bench.path("other"), false), Err(PackageError::Partial { .. })));
        assert!(bench.path("other.partial/mine").exists());
    }

    #[test]
    fn two_at_once_do_not_write_the_same_data_set() {
        let bench = Bench::new();
        let first = Stage::begin(&bench.path("set"), false).unwrap();
        assert!(matches!(Stage::begin(&bench.path("set"), false), Err(PackageError::Partial { .. })));
        first.finish().unwrap();
    }

    #[test]
    fn a_file_is_linked_or_copied_and_stays_where_it_was() {
        let bench = Bench::new();
        let from: Arc<Path> = bench.write("rendered", "sound").into();
        let hash: Arc<str> = "hash".into();
        for (copy, linked) in [(false, 1), (true, 0)] {
            let mut stage = Stage::begin(&bench.path(&format!("set-{copy}")), copy).unwrap();
            stage.file("a", &from, &hash).unwrap();
            stage.file("a", &from, &hash).unwrap();
            assert_eq!((stage.files, stage.linked, stage.bytes), (1, linked, 5));
            let other = stage.file("a", &bench.path("other").into(), &"other hash".into());
            assert!(matches!(other, Err(PackageError::Collision { .. })));
            stage.finish().unwrap();
            assert_eq!(fs::read(bench.path(&format!("set-{copy}/a"))).unwrap(), b"sound");
        }
        assert!(from.exists());
    }

    #[test]
    #[cfg(unix)]
    fn a_file_behind_a_symbolic_link_stands_there_itself() {
        let bench = Bench::new();
        bench.write("real/take", "sound");
        let link = bench.path("link");
        std::os::unix::fs::symlink(bench.path("real/take"), &link).unwrap();
        for copy in [false, true] {
            let target = bench.path(&format!("set-{copy}"));
            let mut stage = Stage::begin(&target, copy).unwrap();
            stage.file("a", &link.as_path().into(), &"hash".into()).unwrap();
            stage.finish().unwrap();
            assert!(fs::symlink_metadata(target.join("a")).unwrap().is_file());
        }
        fs::remove_file(bench.path("real/take")).unwrap();
        assert_eq!(fs::read(bench.path("set-false/a")).unwrap(), b"sound");
    }
}
