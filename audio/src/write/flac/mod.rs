//! FLAC (RFC 9639).
//!
//! Encoded here, since the encoders at hand write files of 24 bits that are a tenth and more larger than libFLAC's
//! where the sound is band-limited, as guitars through cabinets are: their predictors have coefficients too coarse for
//! it. Frames are of 4,096 frames of sound each, and of the streamable subset wherever the sample rate allows.

mod bits;
mod frame;
mod predict;
mod rice;
mod subframe;

use std::fmt;
use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};

use super::WriteError;
use crate::SampleRate;
use frame::Format;
use predict::Windows;

/// Frames of sound in one FLAC frame; all but the last have as many.
const BLOCK: usize = 4096;

pub(super) struct FlacFile {
    file: BufWriter<File>,
    format: Format,
    /// Sound that does not fill a frame yet, by channel.
    pending: Vec<Vec<i32>>,
    /// Those of a full frame.
    windows: Windows,
    /// FLAC frames written.
    number: u64,
    smallest: usize,
    largest: usize,
    checksum: md5::Context,
    bytes: Vec<u8>,
}

impl fmt::Debug for FlacFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FlacFile").field("format", &self.format).field("number", &self.number).finish_non_exhaustive()
    }
}

impl FlacFile {
    pub(super) fn create(
        file: File,
        bits: u32,
        sample_rate: SampleRate,
        channels: u16,
    ) -> Result<FlacFile, WriteError> {
        let mut file = FlacFile {
            file: BufWriter::with_capacity(1 << 18, file),
            format: Format { bits, sample_rate: sample_rate.0 },
            pending: vec![Vec::with_capacity(BLOCK); usize::from(channels)],
            windows: Windows::new(BLOCK),
            number: 0,
            smallest: 0,
            largest: 0,
            checksum: md5::Context::new(),
            bytes: Vec::new(),
        };
        file.write_header(0, [0; 16])?;
        Ok(file)
    }

    /// Appends samples, channel by channel within each frame.
    pub(super) fn write(&mut self, samples: &[i32]) -> Result<(), WriteError> {
        super::little_endian(samples, self.format.bits as usize / 8, &mut self.bytes);
        self.checksum.consume(&self.bytes);

        let channels = self.pending.len();
        let mut rest = samples;
        while !rest.is_empty() {
            let room = (BLOCK - self.pending[0].len()) * channels;
            let (now, later) = rest.split_at(room.min(rest.len()));
            for (channel, pending) in self.pending.iter_mut().enumerate() {
                pending.extend(now[channel..].iter().step_by(channels));
            }
            if self.pending[0].len() == BLOCK {
                self.write_frame()?;
            }
            rest = later;
        }
        Ok(())
    }

    pub(super) fn finish(mut self, frames: u64) -> Result<(), WriteError> {
        if frames >= 1 << 36 {
            return Err(WriteError::TooLong);
        }
        if !self.pending[0].is_empty() {
            self.write_frame()?;
        }
        let checksum = self.checksum.clone().finalize().0;
        self.write_header(frames, checksum)?;
        Ok(self.file.flush()?)
    }

    fn write_frame(&mut self) -> Result<(), WriteError> {
        let bytes = match self.pending[0].len() {
            BLOCK => frame::encode(self.format, self.number, &self.pending, &self.windows),
            last => frame::encode(self.format, self.number, &self.pending, &Windows::new(last)),
        };
        self.number += 1;
        self.smallest = if self.smallest == 0 { bytes.len() } else { self.smallest.min(bytes.len()) };
        self.largest = self.largest.max(bytes.len());
        self.file.write_all(&bytes)?;
        self.pending.iter_mut().for_each(Vec::clear);
        Ok(())
    }

    /// Writes the marker and the one metadata block, STREAMINFO (RFC 9639, 8.2), at the file's start. Without padding
    /// and seek table: outputs are not edited in place, and players find their way by the frames' numbers.
    fn write_header(&mut self, frames: u64, checksum: [u8; 16]) -> Result<(), WriteError> {
        let Format { bits, sample_rate } = self.format;
        let channels = self.pending.len() as u64;
        let packed = u64::from(sample_rate) << 44 | (channels - 1) << 41 | u64::from(bits - 1) << 36 | frames;
        let mut out = b"fLaC\x80\0\0\x22".to_vec();
        out.extend_from_slice(&(BLOCK as u16).to_be_bytes());
        out.extend_from_slice(&(BLOCK as u16).to_be_bytes());
        // A frame of 8 channels of 24 bits stays far below the 16 MiB that three bytes count.
        out.extend_from_slice(&(self.smallest as u32).to_be_bytes()[1..]);
        out.extend_from_slice(&(self.largest as u32).to_be_bytes()[1..]);
        out.extend_from_slice(&packed.to_be_bytes());
        out.extend_from_slice(&checksum);
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(&out)?;
        Ok(())
    }
}
