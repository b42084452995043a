//! Somebody who looks at every file that appears, while others write and are killed.

use std::collections::HashMap;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::files_below;

/// Least pause between two looks.
const PAUSE: Duration = Duration::from_millis(5);

/// Decodes each file that stands under a final name in a folder, as soon as it does, from first to last sample. A file
/// that is replaced is decoded again.
#[derive(Debug)]
pub struct Watcher {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Seen>,
}

/// What a watcher has seen.
#[derive(Debug, Default)]
pub struct Seen {
    /// Files that were decoded and whole.
    pub whole: usize,
    /// What was not, in words.
    pub incomplete: Vec<String>,
}

impl Watcher {
    /// Begins to watch an output folder, which need not be there yet.
    pub fn new(root: PathBuf) -> Watcher {
        let stop = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let (mut seen, mut known) = (Seen::default(), HashMap::new());
            loop {
                // What is there when the end is asked for is looked at too.
                let is_last = asked.load(Relaxed);
                let began = Instant::now();
                look(&root, &mut known, &mut seen);
                if is_last {
                    return seen;
                }
                // Looking must not take the machine from those who work.
                std::thread::sleep(PAUSE.max(began.elapsed()));
            }
        });
        Watcher { stop, thread }
    }

    /// Looks once more, and says what was seen.
    pub fn finish(self) -> Seen {
        self.stop.store(true, Relaxed);
        self.thread.join().expect("the watcher does not panic")
    }
}

/// Who stands under a name: another file has another inode, or another time of change.
type Identity = (u64, i64, i64, u64);

fn look(root: &Path, known: &mut HashMap<PathBuf, Identity>, seen: &mut Seen) {
    let state = root.join(".tonemill");
    for path in files_below(root) {
        let is_partial = path.extension().is_some_and(|extension| extension == "partial");
        if is_partial || path.starts_with(&state) {
            continue;
        }
        let Ok(before) = std::fs::metadata(&path) else { continue };
        if known.get(&path) == Some(&identity(&before)) {
            continue;
        }
        // What is opened stays the same file, even where another takes its name meanwhile.
        let Ok(mut file) = std::fs::File::open(&path) else { continue };
        let opened = file.metadata().expect("an open file has metadata");
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).expect("an open file can be read");
        match check(&path, bytes) {
            Ok(()) => seen.whole += 1,
            Err(problem) => seen.incomplete.push(format!("{}: {problem}", path.display())),
        }
        known.insert(path, identity(&opened));
    }
}

fn identity(metadata: &std::fs::Metadata) -> Identity {
    (metadata.ino(), metadata.mtime(), metadata.mtime_nsec(), metadata.len())
}

/// Whether a file is whole. Sound is decoded, where WAV's lengths must be those of the file and FLAC's checksum that of
/// the samples; of lines of JSON, each must be read.
fn check(path: &Path, bytes: Vec<u8>) -> Result<(), String> {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("jsonl") => {
            let text = String::from_utf8(bytes).map_err(|error| error.to_string())?;
            if !text.is_empty() && !text.ends_with('\n') {
                return Err("the last line has no end".to_owned());
            }
            let read = |line: &str| serde_json::from_str::<serde_json::Value>(line).map_err(|error| error.to_string());
            text.lines().try_for_each(|line| read(line).map(drop))
        }
        Some("wav" | "flac") => {
            if bytes.starts_with(b"RIFF") {
                let told = bytes.get(4..8).map(|field| u32::from_le_bytes(field.try_into().expect("four bytes")));
                if told.map(|told| u64::from(told) + 8) != Some(bytes.len() as u64) {
                    return Err(format!("{} bytes, and its header says {told:?} and 8", bytes.len()));
                }
            }
            audio::read::read_bytes(&path.display().to_string(), bytes).map(drop).map_err(|error| error.to_string())
        }
        _ => Err("no test expects such a file".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Place;

    #[test]
    fn a_watcher_tells_half_files_from_whole_ones() {
        let place = Place::new();
        let whole = std::fs::read(place.wav("out/a.wav", 8000, &[vec![0.5; 400]])).unwrap();
        let watcher = Watcher::new(place.path("out"));
        // Each appears at once, or the watcher might find it shorter still.
        let appear = |name: &str, content: &[u8]| {
            std::fs::rename(place.write("aside", content), place.path("out").join(name)).unwrap();
        };
        appear("half.wav.x.partial", &whole[..300]);
        appear("b.wav", &whole[..300]);
        appear("manifest.jsonl", b"{}\n{\"a\":");
        let seen = watcher.finish();
        assert_eq!((seen.whole, seen.incomplete.len()), (1, 2), "{seen:?}");
    }

    #[test]
    fn a_flac_with_a_damaged_sample_or_without_its_end_is_incomplete() {
        let guitar = std::fs::read(crate::repository().join("jobs/examples/data/guitar.flac")).unwrap();
        assert_eq!(check(Path::new("g.flac"), guitar.clone()), Ok(()));
        let mut damaged = guitar.clone();
        damaged[guitar.len() / 2] ^= 1;
        assert!(check(Path::new("g.flac"), damaged).is_err());
        assert!(check(Path::new("g.flac"), guitar[..guitar.len() - 1].to_vec()).is_err());
    }
}
