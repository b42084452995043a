//! What was used last is kept, up to so many bytes.

use std::io;
use std::time::SystemTime;

use audio::SampleRate;
use jobs::task::Take;

/// What a ready take depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    /// The take in words: its numbers are no keys themselves.
    take: String,
    rate: SampleRate,
    /// Size and time of the last change: a file that was replaced meanwhile is another one.
    bytes: u64,
    changed: Option<SystemTime>,
}

impl Key {
    pub(super) fn of(take: &Take, rate: SampleRate) -> io::Result<Key> {
        let metadata = std::fs::metadata(&take.file)?;
        let take = serde_json::to_string(take)?;
        Ok(Key { take, rate, bytes: metadata.len(), changed: metadata.modified().ok() })
    }
}

/// Values with what they take, the one that was used last at the end. There are few, so they are searched in turn.
pub(super) struct Cache<T> {
    kept: Vec<(Key, T, u64)>,
    most: u64,
}

impl<T> Cache<T> {
    pub(super) fn new(most: u64) -> Cache<T> {
        Cache { kept: Vec::new(), most }
    }

    /// The most bytes that it keeps.
    pub(super) fn most(&self) -> u64 {
        self.most
    }

    pub(super) fn get(&mut self, key: &Key) -> Option<&T> {
        let at = self.kept.iter().position(|(known, ..)| known == key)?;
        self.kept[at..].rotate_left(1);
        self.kept.last().map(|(_, value, _)| value)
    }

    /// Keeps a value in place of those that were not used for longest, as far as room must be made; nothing changes where
    /// there can be none.
    pub(super) fn put(&mut self, key: Key, value: T, bytes: u64) {
        if bytes > self.most {
            return;
        }
        self.kept.push((key, value, bytes));
        let mut total: u64 = self.kept.iter().map(|(.., bytes)| bytes).sum();
        let mut gone = 0;
        while total > self.most {
            total -= self.kept[gone].2;
            gone += 1;
        }
        self.kept.drain(..gone);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Key {
        Key { take: name.to_owned(), rate: SampleRate(48_000), bytes: 1, changed: None }
    }

    #[test]
    fn what_was_not_used_for_longest_makes_room() {
        let mut cache = Cache::new(100);
        cache.put(key("a"), 1, 40);
        cache.put(key("b"), 2, 40);
        assert_eq!(cache.get(&key("a")), Some(&1));
        cache.put(key("c"), 3, 40);
        assert_eq!(cache.get(&key("b")), None);
        assert_eq!(["a", "c"].map(|name| cache.get(&key(name)).copied()), [Some(1), Some(3)]);
        cache.put(key("d"), 4, 100);
        assert_eq!(["a", "c", "d"].map(|name| cache.get(&key(name)).copied()), [None, None, Some(4)]);
    }

    #[test]
    fn what_takes_more_than_all_room_is_not_kept_and_drives_nothing_out() {
        let mut cache = Cache::new(100);
        cache.put(key("a"), 1, 100);
        cache.put(key("b"), 2, 101);
        assert_eq!(["a", "b"].map(|name| cache.get(&key(name)).copied()), [Some(1), None]);
    }

    #[test]
    fn a_file_that_was_changed_is_another_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("take.wav");
        std::fs::write(&path, b"one").unwrap();
        let rate = SampleRate(48_000);
        let take = Take::whole(path.clone());
        let first = Key::of(&take, rate).unwrap();
        assert_eq!(Key::of(&take, rate).unwrap(), first);
        assert_ne!(Key::of(&take, SampleRate(44_100)).unwrap(), first);
        std::fs::write(&path, b"another").unwrap();
        assert_ne!(Key::of(&take, rate).unwrap(), first);
    }
}
