//! Sound that is put aside until its whole length is known.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::measure::{Levels, Meter};
use crate::{Buffer, SampleRate};

/// Takes a rendered output as it comes, measures it, and gives it back from any frame on.
///
/// Little stays in memory: what is long goes into a file without a name in a folder of the caller's, which is gone with the
/// spool, or with the process however that ends.
#[derive(Debug)]
pub struct Spool {
    folder: PathBuf,
    channels: usize,
    sample_rate: SampleRate,
    frames: u64,
    meter: Meter,
    /// Everything up to `kept_from`, frame after frame as 32-bit floats.
    file: Option<File>,
    kept_from: u64,
    /// The bytes behind that.
    kept: Vec<u8>,
}

/// Why sound could not be put aside.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// The system refuses. With [`io::ErrorKind::StorageFull`], trying again helps once there is space.
    #[error("cannot put sound aside in {}: {source}", folder.display())]
    Io {
        /// The folder.
        folder: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A sample is NaN or infinite.
    #[error("channel {channel} is not a finite number at frame {frame}")]
    NonFinite {
        /// Channel, from 0.
        channel: usize,
        /// Frame, from 0.
        frame: u64,
    },
}

/// Bytes that no file is made for.
const IN_MEMORY: usize = 8 << 20;

/// Bytes that are written to a file at once.
const AT_ONCE: usize = 1 << 18;

impl Spool {
    /// Starts a spool. The folder exists; nothing is made there before there is much to put aside.
    pub fn new(folder: &Path, channels: usize, sample_rate: SampleRate) -> Spool {
        Spool {
            folder: folder.to_owned(),
            channels,
            sample_rate,
            frames: 0,
            meter: Meter::new(channels, sample_rate),
            file: None,
            kept_from: 0,
            kept: Vec::new(),
        }
    }

    /// Channels of every block.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Frames a second.
    pub fn sample_rate(&self) -> SampleRate {
        self.sample_rate
    }

    /// Frames put aside so far.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// What has measured everything so far.
    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    /// The levels of everything so far.
    pub fn levels(&self) -> Levels {
        self.meter.clone().finish()
    }

    /// Appends a block, which has the spool's channels. After an error the spool is of no use any more.
    pub fn add(&mut self, block: &Buffer) -> Result<(), SpoolError> {
        assert_eq!(block.channel_count(), self.channels, "blocks of a spool have one channel count");
        let bad = |samples: &[f32]| samples.iter().position(|s| !s.is_finite());
        let first = block.channels().enumerate().filter_map(|(channel, s)| bad(s).map(|frame| (frame, channel))).min();
        if let Some((frame, channel)) = first {
            return Err(SpoolError::NonFinite { channel, frame: self.frames + frame as u64 });
        }
        self.meter.add(block);
        let start = self.kept.len();
        self.kept.resize(start + block.frames() * self.frame_bytes(), 0);
        for (channel, samples) in block.channels().enumerate() {
            let places = self.kept[start..].chunks_exact_mut(4).skip(channel).step_by(self.channels);
            places.zip(samples).for_each(|(to, sample)| to.copy_from_slice(&sample.to_le_bytes()));
        }
        self.frames += block.frames() as u64;
        let most = if self.file.is_some() { AT_ONCE } else { IN_MEMORY };
        if self.kept.len() > most {
            self.put_away().map_err(|source| self.refused(source))?;
        }
        Ok(())
    }

    /// Moves what is kept in memory to the file.
    fn put_away(&mut self) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(tempfile::tempfile_in(&self.folder)?),
        };
        file.seek(SeekFrom::Start(self.kept_from))?;
        file.write_all(&self.kept)?;
        self.kept_from += self.kept.len() as u64;
        self.kept.clear();
        self.kept.shrink_to(AT_ONCE * 2);
        Ok(())
    }

    /// Fills `into` with the frames from `start` on, and with silence behind the last.
    pub fn read(&mut self, start: u64, into: &mut Buffer) -> Result<(), SpoolError> {
        assert_eq!(into.channel_count(), self.channels, "blocks of a spool have one channel count");
        let frame_bytes = self.frame_bytes();
        let count = self.frames.saturating_sub(start).min(into.frames() as u64) as usize;
        let mut bytes = vec![0; count * frame_bytes];
        self.fill(start * frame_bytes as u64, &mut bytes).map_err(|source| self.refused(source))?;
        for (channel, samples) in into.channels_mut().enumerate() {
            let stored = bytes.chunks_exact(4).skip(channel).step_by(self.channels);
            for (to, bytes) in samples.iter_mut().zip(stored) {
                *to = f32::from_le_bytes(bytes.try_into().expect("a sample has four bytes"));
            }
            samples[count..].fill(0.0);
        }
        Ok(())
    }

    /// Gets bytes that exist.
    fn fill(&mut self, start: u64, bytes: &mut [u8]) -> io::Result<()> {
        let in_file = (self.kept_from.saturating_sub(start)).min(bytes.len() as u64) as usize;
        let (filed, kept) = bytes.split_at_mut(in_file);
        if let (Some(file), false) = (&mut self.file, filed.is_empty()) {
            file.seek(SeekFrom::Start(start))?;
            file.read_exact(filed)?;
        }
        if !kept.is_empty() {
            let from = (start + in_file as u64 - self.kept_from) as usize;
            kept.copy_from_slice(&self.kept[from..from + kept.len()]);
        }
        Ok(())
    }

    fn frame_bytes(&self) -> usize {
        self.channels * 4
    }

    fn refused(&self, source: io::Error) -> SpoolError {
        SpoolError::Io { folder: self.folder.clone(), source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(start: u64, frames: usize) -> Buffer {
        let channel = |c: u64| (0..frames as u64).map(|n| ((start + n) * 2 + c) as f32 * 1e-7).collect();
        Buffer::from_channels(vec![channel(0), channel(1)])
    }

    #[test]
    fn what_was_put_aside_comes_back_from_any_frame_on() {
        let folder = tempfile::tempdir().unwrap();
        // 16 MB in all: eight in memory at first, then a file and a rest.
        for frames in [0, 1_000, 2_000_000] {
            let mut spool = Spool::new(folder.path(), 2, SampleRate(48_000));
            let mut at = 0;
            while at < frames {
                let count = (frames - at).min(4_099);
                spool.add(&block(at, count as usize)).unwrap();
                at += count;
            }
            assert_eq!((spool.frames(), spool.file.is_some()), (frames, frames > 1_048_576));
            assert!(spool.kept.len() <= IN_MEMORY && spool.kept.capacity() <= 2 * IN_MEMORY);
            for start in [0, 1, 999, 1_048_570, 1_990_000, 1_999_999, 2_000_000, 3_000_000] {
                let mut out = Buffer::from_channels(vec![vec![9.0; 5_000]; 2]);
                spool.read(start, &mut out).unwrap();
                let present = frames.saturating_sub(start).min(5_000) as usize;
                let mut expected = block(start, present);
                expected.resize(5_000);
                assert!(out == expected, "{frames} frames, from {start}");
            }
            // The file has no name that could be left behind.
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        }
    }

    #[test]
    fn what_cannot_be_put_aside_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = Spool::new(&folder.path().join("missing"), 2, SampleRate(48_000));
        spool.add(&block(0, 100)).unwrap();
        let mut bad = block(0, 100);
        bad.channel_mut(1)[7] = f32::NAN;
        assert!(matches!(spool.add(&bad), Err(SpoolError::NonFinite { channel: 1, frame: 107 })));
        let error = spool.add(&block(0, 1_048_576)).unwrap_err();
        assert!(error.to_string().contains("missing"), "{error}");
    }
}
