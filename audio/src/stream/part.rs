//! A part of a stream.

use super::Stream;
use crate::Buffer;
use crate::read::ReadError;

/// Some frames of a stream that begins with its first. Frames behind the stream's end are silent.
pub struct Part<S> {
    stream: S,
    /// Frames to pass over before the first.
    skip: u64,
    frames: u64,
    left: u64,
}

impl<S: Stream> Part<S> {
    /// Takes `frames` from `start` on. What lies before is passed over once the first are read.
    pub fn new(stream: S, start: u64, frames: u64) -> Part<S> {
        Part { stream, skip: start, frames, left: frames }
    }
}

impl<S: Stream> Stream for Part<S> {
    fn channels(&self) -> usize {
        self.stream.channels()
    }

    fn frames(&self) -> u64 {
        self.frames
    }

    fn read(&mut self, into: &mut Buffer) -> Result<(), ReadError> {
        self.stream.skip(std::mem::take(&mut self.skip))?;
        let whole = into.frames();
        let count = usize::try_from(self.left).map_or(whole, |left| left.min(whole));
        if count > 0 {
            into.resize(count);
            self.stream.read(into)?;
            into.resize(whole);
        } else {
            into.clear();
        }
        self.left -= count as u64;
        Ok(())
    }

    fn skip(&mut self, frames: u64) -> Result<(), ReadError> {
        let frames = frames.min(self.left);
        self.skip += frames;
        self.left -= frames;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Memory;
    use super::*;

    fn recording() -> Memory {
        Memory::new(Buffer::from_channels(vec![(0..100).map(|n| n as f32).collect()]))
    }

    fn read(stream: &mut impl Stream, frames: usize) -> Vec<f32> {
        let mut piece = Buffer::from_channels(vec![vec![9.0; frames]]);
        stream.read(&mut piece).unwrap();
        assert_eq!(piece.frames(), frames);
        piece.into_channels().remove(0)
    }

    #[test]
    fn a_part_is_the_frames_that_it_names_and_silence_behind_them() {
        for block in [1, 7, 10, 64] {
            let mut part = Part::new(recording(), 40, 10);
            assert_eq!((part.channels(), part.frames()), (1, 10));
            let read: Vec<f32> = (0..64 / block).flat_map(|_| read(&mut part, block)).collect();
            assert_eq!(&read[..10], (40..50).map(|n| n as f32).collect::<Vec<_>>(), "blocks of {block}");
            assert!(read[10..].iter().all(|sample| *sample == 0.0), "blocks of {block}");
        }
    }

    #[test]
    fn a_part_is_silent_behind_the_end_of_its_stream() {
        assert_eq!(read(&mut Part::new(recording(), 98, 4), 5), [98.0, 99.0, 0.0, 0.0, 0.0]);
        assert_eq!(read(&mut Part::new(recording(), 1_000, 4), 2), [0.0, 0.0]);
    }

    #[test]
    fn what_is_skipped_of_a_part_counts_as_read() {
        let mut part = Part::new(recording(), 10, 5);
        part.skip(3).unwrap();
        assert_eq!(read(&mut part, 4), [13.0, 14.0, 0.0, 0.0]);
        part.skip(100).unwrap();
        assert_eq!(read(&mut part, 1), [0.0]);
    }
}
