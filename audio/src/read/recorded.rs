//! A recording that is read in pieces, whatever its format.

use std::ops::Range;

use super::source::{Bytes, Source};
use super::{Kind, ReadError, ReadProblem, Recording, Shape, shape, sniff, symphonic, wav};
use crate::Buffer;
use crate::stream::Stream;

/// Turns the bytes of a file into samples, in order.
pub(super) trait Decode: Send {
    /// Puts the next samples into the frames `to` of `into`. Fails where the file ends before.
    fn fill(&mut self, into: &mut Buffer, to: Range<usize>) -> Result<(), ReadProblem>;

    /// Passes over the next frames, of which there are so many, without decoding them. Gives false, and stays where it is,
    /// where the format does not say where its frames lie.
    fn skip(&mut self, frames: u64) -> Result<bool, ReadProblem>;

    /// Checks what is left to check once every frame was taken.
    fn finish(&mut self) -> Result<(), ReadProblem>;
}

/// A file with what decodes it.
pub(super) struct Recorded {
    name: String,
    pub shape: Shape,
    bits: Option<u16>,
    decode: Box<dyn Decode>,
    position: u64,
}

impl Recorded {
    pub fn open<S: Bytes>(name: String, source: Result<Source<S>, ReadProblem>) -> Result<Recorded, ReadError> {
        match source.and_then(decoder) {
            Ok((shape, bits, decode)) => Ok(Recorded { name, shape, bits, decode, position: 0 }),
            Err(problem) => Err(ReadError { name, problem }),
        }
    }

    /// Everything that is left, in one buffer.
    pub fn whole(mut self) -> Result<Recording, ReadError> {
        // A header can promise any number of frames, so memory is taken as they turn up.
        let at_once = 1 << 16;
        let mut buffer = Buffer::new(self.channels(), 0);
        let mut piece = Buffer::new(self.channels(), 0);
        while self.position < self.shape.frames {
            piece.resize((self.shape.frames - self.position).min(at_once) as usize);
            self.read(&mut piece)?;
            buffer.append(&piece);
        }
        Ok(Recording { buffer, sample_rate: self.shape.sample_rate, bits: self.bits })
    }

    fn next(&mut self, into: &mut Buffer) -> Result<(), ReadProblem> {
        let left = self.shape.frames - self.position;
        let count = usize::try_from(left).map_or(into.frames(), |left| left.min(into.frames()));
        self.decode.fill(into, 0..count)?;
        let bad = |samples: &[f32]| samples[..count].iter().position(|s| !s.is_finite());
        let first = into.channels().enumerate().filter_map(|(channel, s)| bad(s).map(|frame| (frame, channel))).min();
        if let Some((frame, channel)) = first {
            return Err(ReadProblem::NonFinite { channel, frame: self.position as usize + frame });
        }
        into.channels_mut().for_each(|samples| samples[count..].fill(0.0));
        self.position += count as u64;
        // Whoever takes the last frame learns whether the whole was sound, without asking for more.
        if count > 0 && self.position == self.shape.frames { self.decode.finish() } else { Ok(()) }
    }
}

impl Stream for Recorded {
    fn channels(&self) -> usize {
        self.shape.channels.into()
    }

    fn frames(&self) -> u64 {
        self.shape.frames
    }

    fn read(&mut self, into: &mut Buffer) -> Result<(), ReadError> {
        assert_eq!(into.channel_count(), self.channels(), "a piece has the stream's channels");
        self.next(into).map_err(|problem| ReadError { name: self.name.clone(), problem })
    }

    fn skip(&mut self, frames: u64) -> Result<(), ReadError> {
        let frames = frames.min(self.shape.frames - self.position);
        match self.decode.skip(frames) {
            Ok(true) => {
                self.position += frames;
                Ok(())
            }
            Ok(false) => {
                let mut dropped = Buffer::new(self.channels(), 0);
                let end = self.position + frames;
                while self.position < end {
                    dropped.resize((end - self.position).min(1 << 14) as usize);
                    self.read(&mut dropped)?;
                }
                Ok(())
            }
            Err(problem) => Err(ReadError { name: self.name.clone(), problem }),
        }
    }
}

/// A file's shape, the significant bits of its samples, and what gives them.
pub(super) type Opened = (Shape, Option<u16>, Box<dyn Decode>);

fn decoder<S: Bytes>(mut source: Source<S>) -> Result<Opened, ReadProblem> {
    let kind = sniff::kind(&mut source)?;
    if kind == Kind::Wav {
        return wav::open(source);
    }
    let shape = shape(&mut source, kind)?;
    let (bits, decode) = symphonic::decode(source, kind, shape)?;
    Ok((shape, bits, decode))
}
