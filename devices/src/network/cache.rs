//! Models that were parsed already.
//!
//! A worker renders many tasks with few models, and reading a large one takes longer than a short render. A file is read
//! again each time, which is quick, and compared byte for byte with what was parsed: there is no clock and no hash to trust.

use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use audio::device::DeviceError;
use presets::Asset;

use crate::asset;

/// Most bytes of files that are kept, the one used last aside.
const MOST_BYTES: usize = 64 << 20;

/// Files that were parsed, of all kinds.
static PARSED: AtomicU64 = AtomicU64::new(0);

/// How many model files this process has parsed so far. A file that several devices play, at once or one after the other,
/// counts once for as long as it stays among those that are kept.
pub fn parsed_models() -> u64 {
    PARSED.load(Ordering::Relaxed)
}

/// Parsed models of one kind, the one used last at the end.
pub(crate) struct Cache<M> {
    kept: Mutex<Vec<Entry<M>>>,
    most: usize,
}

struct Entry<M> {
    bytes: Cow<'static, [u8]>,
    model: Arc<M>,
}

impl<M> Cache<M> {
    pub const fn new() -> Cache<M> {
        Cache { kept: Mutex::new(Vec::new()), most: MOST_BYTES }
    }

    /// The model in a file, parsed now if it was not before.
    pub fn get<E: std::fmt::Display>(
        &self,
        from: &Asset,
        parse: impl FnOnce(&[u8]) -> Result<M, E>,
    ) -> Result<Arc<M>, DeviceError> {
        let bytes = asset::read(from)?;
        // Entries come and go whole, so one that panicked while it parsed left nothing half done.
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = match kept.iter().position(|entry| entry.bytes == bytes) {
            Some(index) => kept.remove(index),
            None => {
                PARSED.fetch_add(1, Ordering::Relaxed);
                let model = parse(&bytes).map_err(|cause| asset::error(from, cause.to_string()))?;
                Entry { bytes, model: Arc::new(model) }
            }
        };
        let model = Arc::clone(&entry.model);
        kept.push(entry);
        let mut bytes: usize = kept.iter().map(|entry| entry.bytes.len()).sum();
        while bytes > self.most && kept.len() > 1 {
            bytes -= kept.remove(0).bytes.len();
        }
        Ok(model)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parses a file to its length, and counts.
    fn length(cache: &Cache<usize>, path: &std::path::Path, parsed: &mut usize) -> Arc<usize> {
        let parse = |bytes: &[u8]| {
            *parsed += 1;
            Ok::<_, String>(bytes.len())
        };
        cache.get(&Asset::File(path.to_owned()), parse).unwrap()
    }

    #[test]
    fn two_readers_of_one_file_share_a_model_and_a_changed_file_is_parsed_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.nam");
        std::fs::write(&path, "one").unwrap();
        let (cache, mut parsed) = (Cache::new(), 0);
        let first = length(&cache, &path, &mut parsed);
        assert!(Arc::ptr_eq(&first, &length(&cache, &path, &mut parsed)));
        assert_eq!(parsed, 1);
        // As long as before, and as old for all that a clock can tell.
        std::fs::write(&path, "two").unwrap();
        assert!(!Arc::ptr_eq(&first, &length(&cache, &path, &mut parsed)));
        assert_eq!(parsed, 2);
    }

    #[test]
    fn what_was_not_used_for_longest_is_given_up_first() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache { kept: Mutex::new(Vec::new()), most: 10 };
        let mut parsed = 0;
        let path = |name: &str| folder.path().join(name);
        for (name, bytes) in [("a", "aaaa"), ("b", "bbbb"), ("c", "cccc"), ("large", "0123456789abcdef")] {
            std::fs::write(path(name), bytes).unwrap();
        }
        for name in ["a", "b", "a", "c"] {
            length(&cache, &path(name), &mut parsed);
        }
        assert_eq!(parsed, 3);
        length(&cache, &path("a"), &mut parsed);
        assert_eq!(parsed, 3);
        length(&cache, &path("b"), &mut parsed);
        assert_eq!(parsed, 4);
        length(&cache, &path("large"), &mut parsed);
        length(&cache, &path("large"), &mut parsed);
        assert_eq!(parsed, 5);
    }

    #[test]
    fn what_cannot_be_parsed_names_its_file_and_is_not_kept() {
        let cache: Cache<()> = Cache::new();
        for _ in 0..2 {
            let error = cache.get(&Asset::Embedded("chump".to_owned()), |_| Err("no such thing")).unwrap_err();
            assert_eq!(error.to_string(), "cannot use embedded:chump: no such thing");
        }
    }
}
