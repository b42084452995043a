//! Whether a file is still the one that was looked at.

use std::io;
use std::path::Path;
use std::time::UNIX_EPOCH;

/// A file's size and the time of its last change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    length: u64,
    nanoseconds: u128,
}

impl Stamp {
    /// Bytes that it is written in.
    pub(super) const BYTES: usize = 24;

    /// That of the file as it is now.
    pub fn of(path: &Path) -> io::Result<Stamp> {
        let meta = path.metadata()?;
        let nanoseconds = meta.modified()?.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
        Ok(Stamp { length: meta.len(), nanoseconds })
    }

    pub(super) fn bytes(self) -> [u8; Stamp::BYTES] {
        let mut bytes = [0; Stamp::BYTES];
        bytes[..8].copy_from_slice(&self.length.to_le_bytes());
        bytes[8..].copy_from_slice(&self.nanoseconds.to_le_bytes());
        bytes
    }
}
