//! The bytes of a recording, from a file or from memory.

use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::sync::Arc;

/// Bytes that can be gone through more than once.
pub(super) trait Bytes: Read + Seek + Send + Sync + Sized + 'static {
    /// The same bytes, to go through again. Only one of the two may be used from here on, since they may share their
    /// position.
    fn again(&self) -> io::Result<Self>;
}

impl Bytes for File {
    fn again(&self) -> io::Result<File> {
        // By handle and not by name, under which there may be another file by now.
        self.try_clone()
    }
}

/// Bytes in memory that several readers hold.
pub(super) struct Shared<B>(pub Arc<B>);

impl<B: AsRef<[u8]>> AsRef<[u8]> for Shared<B> {
    fn as_ref(&self) -> &[u8] {
        (*self.0).as_ref()
    }
}

impl<B: AsRef<[u8]> + Send + Sync + 'static> Bytes for Cursor<Shared<B>> {
    fn again(&self) -> io::Result<Self> {
        Ok(Cursor::new(Shared(Arc::clone(&self.get_ref().0))))
    }
}

/// Seekable bytes of known length, which end there even if there are more.
pub(super) struct Source<S> {
    inner: S,
    pub length: u64,
    position: u64,
}

impl<S> Source<S> {
    pub fn new(inner: S, length: u64) -> Source<S> {
        Source { inner, length, position: 0 }
    }
}

impl<S: Bytes> Source<S> {
    /// The same bytes from their start; see [`Bytes::again`].
    pub fn again(&self) -> io::Result<Source<S>> {
        let mut again = Source::new(self.inner.again()?, self.length);
        again.seek(SeekFrom::Start(0))?;
        Ok(again)
    }
}

impl<S: Read> Read for Source<S> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.length.saturating_sub(self.position)).unwrap_or(usize::MAX);
        let end = left.min(into.len());
        let count = self.inner.read(&mut into[..end])?;
        self.position += count as u64;
        Ok(count)
    }
}

impl<S: Seek> Seek for Source<S> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
            SeekFrom::End(offset) => self.length.checked_add_signed(offset),
        };
        let target = target.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        self.position = self.inner.seek(SeekFrom::Start(target))?;
        Ok(self.position)
    }
}
