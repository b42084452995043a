//! Reading recordings: WAV, FLAC, MP3 and Ogg Vorbis.
//!
//! [`read`] gives the whole recording, [`probe`] its shape alone, cheaply enough for every file of a large job.
//! What a file is, its content decides; its name does not matter. A file that holds less than it promises is an
//! error, never a short recording. Encoder delay and padding of MP3 and Vorbis are removed, so frame 0 is the
//! first frame that was encoded.

mod error;
mod flac;
mod sniff;
mod symphonic;
mod wav;

use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::path::Path;

pub use error::{ReadError, ReadProblem};
use sniff::Kind;

use crate::{Buffer, SampleRate};

/// A recording with what its file said about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Recording {
    /// The sound; at least one channel and one frame, every sample finite. Integers are scaled so that full scale is 1.
    pub buffer: Buffer,
    /// Frames a second, 1,000 to 1,536,000.
    pub sample_rate: SampleRate,
    /// Significant bits of a stored sample; `None` where the coding has no such number (MP3, Vorbis).
    pub bits: Option<u16>,
}

/// The outline of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Frames, at least 1.
    pub frames: u64,
    /// Channels, at least 1.
    pub channels: u16,
    /// Frames a second.
    pub sample_rate: SampleRate,
}

/// Most channels that a recording may have.
pub const MAX_CHANNELS: u16 = 64;

/// Reads a whole recording.
pub fn read(path: &Path) -> Result<Recording, ReadError> {
    let name = path.display().to_string();
    open(path).and_then(read_from).map_err(|problem| ReadError { name, problem })
}

/// Reads a recording that is in memory already. `name` stands in for the path in an error.
pub fn read_bytes(name: &str, bytes: impl AsRef<[u8]> + Send + Sync + 'static) -> Result<Recording, ReadError> {
    let length = bytes.as_ref().len() as u64;
    let source = Source::new(Cursor::new(bytes), length);
    read_from(source).map_err(|problem| ReadError { name: name.to_owned(), problem })
}

/// Finds out a recording's shape, and whether the file is complete, without decoding more than that needs.
///
/// WAV costs a look at the chunk headers. FLAC costs a look at the header and the last frame, whose number and
/// checksum prove that the end is there; only where that proves nothing is the file decoded. MP3 and Vorbis packets
/// are counted, not decoded. Damage in the middle of a file, and samples that are not finite, are
/// found by [`read`] alone.
pub fn probe(path: &Path) -> Result<Shape, ReadError> {
    let name = path.display().to_string();
    open(path).and_then(probe_source).map_err(|problem| ReadError { name, problem })
}

/// Likewise [`probe`], for a recording that is in memory already.
pub fn probe_bytes(name: &str, bytes: impl AsRef<[u8]> + Send + Sync + 'static) -> Result<Shape, ReadError> {
    let length = bytes.as_ref().len() as u64;
    let source = Source::new(Cursor::new(bytes), length);
    probe_source(source).map_err(|problem| ReadError { name: name.to_owned(), problem })
}

/// Seekable bytes of known length, which end there even if there are more.
struct Source<S> {
    inner: S,
    length: u64,
    position: u64,
}

impl<S> Source<S> {
    fn new(inner: S, length: u64) -> Source<S> {
        Source { inner, length, position: 0 }
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

fn open(path: &Path) -> Result<Source<File>, ReadProblem> {
    let file = File::open(path).map_err(ReadProblem::from_io)?;
    let metadata = file.metadata().map_err(ReadProblem::from_io)?;
    // A pipe or a device would have no length, and reading it twice would give different bytes.
    if !metadata.is_file() {
        return Err(ReadProblem::NotAFile);
    }
    Ok(Source::new(file, metadata.len()))
}

fn read_from<S: Read + Seek + Send + Sync + 'static>(mut source: Source<S>) -> Result<Recording, ReadProblem> {
    let recording = match sniff::kind(&mut source)? {
        Kind::Wav => wav::read(&mut source)?,
        kind => symphonic::read(source, kind)?,
    };
    require_finite(&recording.buffer)?;
    Ok(recording)
}

fn probe_source<S: Read + Seek + Send + Sync + 'static>(mut source: Source<S>) -> Result<Shape, ReadProblem> {
    match sniff::kind(&mut source)? {
        Kind::Wav => wav::probe(&mut source),
        Kind::Flac => match flac::probe(&mut source)? {
            Some(shape) => Ok(shape),
            None => symphonic::probe(source, Kind::Flac),
        },
        kind => symphonic::probe(source, kind),
    }
}

/// Checks what every format's header must satisfy.
fn checked_shape(frames: u64, channels: u64, sample_rate: u64) -> Result<Shape, ReadProblem> {
    let channels = match u16::try_from(channels) {
        Ok(0) => return Err(ReadProblem::NoChannels),
        Ok(count @ 1..=MAX_CHANNELS) => count,
        _ => return Err(ReadProblem::TooManyChannels { channels }),
    };
    let sample_rate = match u32::try_from(sample_rate) {
        Ok(rate @ 1_000..=1_536_000) => SampleRate(rate),
        _ => return Err(ReadProblem::Rate { sample_rate }),
    };
    if frames == 0 {
        return Err(ReadProblem::NoFrames);
    }
    Ok(Shape { frames, channels, sample_rate })
}

fn require_finite(buffer: &Buffer) -> Result<(), ReadProblem> {
    for (channel, samples) in buffer.channels().enumerate() {
        if let Some(frame) = samples.iter().position(|s| !s.is_finite()) {
            return Err(ReadProblem::NonFinite { channel, frame });
        }
    }
    Ok(())
}
