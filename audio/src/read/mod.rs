//! Reading recordings: WAV, FLAC, MP3 and Ogg Vorbis.
//!
//! [`open`] gives a recording in pieces, [`read`] all of it, [`probe`] its shape alone, cheaply enough for every file of
//! a large job.
//! What a file is, its content decides; its name does not matter. A file that holds less than it promises is an
//! error, never a short recording. Encoder delay and padding of MP3 and Vorbis are removed, so frame 0 is the
//! first frame that was encoded.

mod error;
mod flac;
mod recorded;
mod sniff;
mod source;
mod symphonic;
mod wav;

use std::fs::File;
use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;

pub use error::{ReadError, ReadProblem};
use recorded::Recorded;
use sniff::Kind;
use source::{Bytes, Shared, Source};

use crate::stream::Stream;
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

/// Opens a recording, to be read in pieces, and gives its sample rate. What is held of it does not grow with its length.
///
/// Like [`probe`], finds out that the file is complete, and how long it is, before anything is read. What only the sound
/// itself shows, such as a wrong checksum or a sample that is not finite, fails the [`Stream::read`] that comes upon it;
/// frames are counted from the recording's start.
pub fn open(path: &Path) -> Result<(Box<dyn Stream>, SampleRate), ReadError> {
    let recorded = Recorded::open(path.display().to_string(), file(path))?;
    let rate = recorded.shape.sample_rate;
    Ok((Box::new(recorded), rate))
}

/// Likewise [`open`], for a recording that is in memory already. `name` stands in for the path in an error.
pub fn open_bytes(
    name: &str,
    bytes: impl AsRef<[u8]> + Send + Sync + 'static,
) -> Result<(Box<dyn Stream>, SampleRate), ReadError> {
    let recorded = Recorded::open(name.to_owned(), Ok(memory(bytes)))?;
    let rate = recorded.shape.sample_rate;
    Ok((Box::new(recorded), rate))
}

/// Reads a whole recording: [`open`], and every piece.
pub fn read(path: &Path) -> Result<Recording, ReadError> {
    Recorded::open(path.display().to_string(), file(path)).and_then(Recorded::whole)
}

/// Reads a whole recording that is in memory already. `name` stands in for the path in an error.
pub fn read_bytes(name: &str, bytes: impl AsRef<[u8]> + Send + Sync + 'static) -> Result<Recording, ReadError> {
    Recorded::open(name.to_owned(), Ok(memory(bytes))).and_then(Recorded::whole)
}

/// Finds out a recording's shape, and whether the file is complete, without decoding more than that needs.
///
/// WAV costs a look at the chunk headers. FLAC costs a look at the header and the last frame, whose number and
/// checksum prove that the end is there; only where that proves nothing is the file decoded. MP3 and Vorbis packets
/// are counted, not decoded. Damage in the middle of a file, and samples that are not finite, are
/// found by [`read`] alone.
pub fn probe(path: &Path) -> Result<Shape, ReadError> {
    let name = path.display().to_string();
    file(path).and_then(|mut source| probe_source(&mut source)).map_err(|problem| ReadError { name, problem })
}

/// Likewise [`probe`], for a recording that is in memory already.
pub fn probe_bytes(name: &str, bytes: impl AsRef<[u8]> + Send + Sync + 'static) -> Result<Shape, ReadError> {
    probe_source(&mut memory(bytes)).map_err(|problem| ReadError { name: name.to_owned(), problem })
}

fn file(path: &Path) -> Result<Source<File>, ReadProblem> {
    let file = File::open(path).map_err(ReadProblem::from_io)?;
    let metadata = file.metadata().map_err(ReadProblem::from_io)?;
    // A pipe or a device would have no length, and reading it twice would give different bytes.
    if !metadata.is_file() {
        return Err(ReadProblem::NotAFile);
    }
    Ok(Source::new(file, metadata.len()))
}

fn memory<B: AsRef<[u8]> + Send + Sync + 'static>(bytes: B) -> Source<Cursor<Shared<B>>> {
    let length = bytes.as_ref().len() as u64;
    Source::new(Cursor::new(Shared(Arc::new(bytes))), length)
}

fn probe_source<S: Bytes>(source: &mut Source<S>) -> Result<Shape, ReadProblem> {
    let kind = sniff::kind(source)?;
    shape(source, kind)
}

fn shape<S: Bytes>(source: &mut Source<S>, kind: Kind) -> Result<Shape, ReadProblem> {
    match kind {
        Kind::Wav => wav::probe(source),
        Kind::Flac => match flac::probe(source)? {
            Some(shape) => Ok(shape),
            None => symphonic::probe(source, kind),
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
