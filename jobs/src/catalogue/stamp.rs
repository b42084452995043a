//! What a plugin file looks like from outside.

use std::fs::{self, Metadata};
use std::io;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::hash;

/// What can be told of a file without reading it. Where it is the same, so is the content, as far as anybody can tell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// Bytes; of a directory, those of all files in it.
    pub size: u64,
    /// When it was changed, in nanoseconds since 1970; of a directory, its latest file.
    pub mtime_ns: i64,
    /// Of a directory, BLAKE3 of the name, size and time of each file in it: one that is put back to an older version
    /// need not have another size, nor the latest time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tree: Option<String>,
}

impl Stamp {
    /// Looks at a file, or at all files of a directory. Links are followed.
    pub fn of(path: &Path) -> io::Result<Stamp> {
        let metadata = fs::metadata(path)?;
        if !metadata.is_dir() {
            return Ok(Stamp { size: metadata.len(), mtime_ns: mtime_ns(&metadata)?, tree: None });
        }
        let mut tree = blake3::Hasher::new();
        let mut stamp = Stamp { size: 0, mtime_ns: i64::MIN, tree: None };
        for file in hash::files_in(path)? {
            let metadata = fs::metadata(&file)?;
            let (name, size, mtime) = (hash::name_in(path, &file), metadata.len(), mtime_ns(&metadata)?);
            // The length stands in front, so that no two directories give the same bytes.
            tree.update(&(name.len() as u64).to_le_bytes()).update(name.as_bytes());
            tree.update(&size.to_le_bytes()).update(&mtime.to_le_bytes());
            stamp.size = stamp.size.saturating_add(size);
            stamp.mtime_ns = stamp.mtime_ns.max(mtime);
        }
        stamp.tree = Some(tree.finalize().to_hex().to_string());
        Ok(stamp)
    }
}

fn mtime_ns(metadata: &Metadata) -> io::Result<i64> {
    Ok(since_1970(metadata.modified()?))
}

/// Nanoseconds since 1970, negative before; the nearest that there is where a file claims a time beyond 2262.
fn since_1970(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_nanos()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |nanoseconds| -nanoseconds),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_stamp_changes_with_size_and_time_and_not_by_looking() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.clap");
        fs::write(&path, "one").unwrap();
        let first = Stamp::of(&path).unwrap();
        assert_eq!((first.size, &first.tree), (3, &None));
        assert_eq!(Stamp::of(&path).unwrap(), first);
        File::options().append(true).open(&path).unwrap().set_modified(UNIX_EPOCH + Duration::from_secs(1)).unwrap();
        let touched = Stamp::of(&path).unwrap();
        assert_eq!(touched, Stamp { mtime_ns: 1_000_000_000, ..first.clone() });
        fs::write(&path, "longer").unwrap();
        assert_eq!(Stamp::of(&path).unwrap().size, 6);
        assert!(Stamp::of(&folder.path().join("missing")).is_err());
    }

    #[test]
    fn a_bundles_stamp_changes_with_any_of_its_files_even_an_older_one_of_the_same_size() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join("X.vst3").join(name);
        let set = |name: &str, seconds: u64| {
            let file = File::options().append(true).open(at(name)).unwrap();
            file.set_modified(UNIX_EPOCH + Duration::from_secs(seconds)).unwrap();
        };
        fs::create_dir_all(at("Contents/x86_64-linux")).unwrap();
        let (binary, info) = ("Contents/x86_64-linux/X.so", "Contents/moduleinfo.json");
        fs::write(at(binary), "new").unwrap();
        fs::write(at(info), "{}").unwrap();
        set(binary, 20);
        set(info, 30);
        let before = Stamp::of(&at("")).unwrap();
        assert_eq!((before.size, before.mtime_ns), (5, 30_000_000_000));
        fs::write(at(binary), "old").unwrap();
        set(binary, 10);
        let after = Stamp::of(&at("")).unwrap();
        assert_eq!((after.size, after.mtime_ns), (before.size, before.mtime_ns));
        assert_ne!(after, before);
        set(binary, 20);
        assert_eq!(Stamp::of(&at("")).unwrap(), before);
        fs::rename(at(info), at("Contents/Moduleinfo.json")).unwrap();
        assert_ne!(Stamp::of(&at("")).unwrap(), before, "names count");
    }

    #[test]
    fn times_at_the_ends_of_all_time_are_numbers_too() {
        assert_eq!(since_1970(UNIX_EPOCH - Duration::from_nanos(5)), -5);
        assert_eq!(since_1970(UNIX_EPOCH + Duration::from_secs(1 << 40)), i64::MAX);
        assert_eq!(since_1970(UNIX_EPOCH - Duration::from_secs(1 << 40)), i64::MIN);
    }
}
