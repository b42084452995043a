//! Writing recordings: WAV with 16, 24 and 32-bit float samples, FLAC with 16 and 24.
//!
//! A [`Writer`] takes blocks as they are rendered and never holds more than one. The same samples and seed give the
//! same bytes, however they are split into blocks: nothing in a file tells when or where it was written.

mod broadcast;
mod flac;
mod quantize;
mod wav;

use std::fs::File;
use std::io;

pub use broadcast::Broadcast;

use crate::format::{Container, Depth, FileFormat};
use crate::measure::Levels;
use crate::{Buffer, SampleRate};
use quantize::Quantizer;

/// Writes one file.
#[derive(Debug)]
pub struct Writer {
    sink: Sink,
    quantizer: Option<Quantizer>,
    channels: u16,
    frames: u64,
    clipped: u64,
    integers: Vec<i32>,
    floats: Vec<f32>,
}

#[derive(Debug)]
enum Sink {
    Wav(Box<wav::WavFile>),
    Flac(Box<flac::FlacFile>),
}

/// What a finished file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// Frames.
    pub frames: u64,
    /// Samples beyond full scale that an integer format could not hold; they stand at its limit. Always 0 for float.
    pub clipped_samples: u64,
}

/// Why a file cannot be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The system refuses. With [`io::ErrorKind::StorageFull`], trying again helps once there is space.
    #[error("the system refuses to write: {0}")]
    Io(#[from] io::Error),
    /// The container has no such samples.
    #[error("FLAC holds no 32-bit float samples. Choose 24 bits, or WAV")]
    FloatInFlac,
    /// The container cannot hold that many channels.
    #[error("{channels} channels cannot be written; 1 to 8 can")]
    Channels {
        /// Channels asked for.
        channels: u16,
    },
    /// The container cannot state the rate.
    #[error("a sample rate of {} Hz cannot be written to {container:?}; 1 to {highest} Hz can", sample_rate.0)]
    Rate {
        /// Rate asked for.
        sample_rate: SampleRate,
        /// Container asked for.
        container: Container,
        /// The highest rate that it can state.
        highest: u32,
    },
    /// A block has another channel count than the file.
    #[error("a block of {block} channels was given to a file of {file}")]
    ChannelMismatch {
        /// Channels of the block.
        block: usize,
        /// Channels of the file.
        file: u16,
    },
    /// A sample is NaN or infinite.
    #[error("channel {channel} is not a finite number at frame {frame}")]
    NonFinite {
        /// Channel, from 0.
        channel: usize,
        /// Frame of the file, from 0.
        frame: u64,
    },
    /// A text has no place in a Broadcast Wave file.
    #[error("the {field} of the Broadcast Wave file {problem}")]
    Broadcast {
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// Only WAV can be Broadcast Wave.
    #[error("FLAC has no Broadcast Wave chunk. Choose WAV")]
    BroadcastInFlac,
    /// The container cannot state the length.
    #[error("FLAC holds at most 68,719,476,735 frames. Write WAV, or shorter files")]
    TooLong,
}

impl Writer {
    /// Starts a file. `file` is empty, or will be; nothing else writes to it meanwhile. `dither_seed` decides the
    /// dither where samples lose bits; see [`write`](Writer::write).
    ///
    /// Not synced and not renamed: whoever publishes the file does both.
    pub fn create(
        file: File,
        format: FileFormat,
        sample_rate: SampleRate,
        channels: u16,
        dither_seed: u64,
    ) -> Result<Writer, WriteError> {
        Writer::create_broadcast(file, format, sample_rate, channels, dither_seed, None)
    }

    /// Starts a file as [`create`](Writer::create) does, and a Broadcast Wave file, which is WAV, where that is given.
    pub fn create_broadcast(
        file: File,
        format: FileFormat,
        sample_rate: SampleRate,
        channels: u16,
        dither_seed: u64,
        broadcast: Option<Broadcast>,
    ) -> Result<Writer, WriteError> {
        if !(1..=8).contains(&channels) {
            return Err(WriteError::Channels { channels });
        }
        let container = format.container;
        let highest = match container {
            Container::Wav => u32::MAX / (u32::from(channels) * 4),
            Container::Flac => (1 << 20) - 1,
        };
        if sample_rate.0 == 0 || sample_rate.0 > highest {
            return Err(WriteError::Rate { sample_rate, container, highest });
        }
        if let Some(broadcast) = &broadcast {
            broadcast.check()?;
        }
        // Only where needed: a device cannot be cut, and is not a file to refuse for that.
        if file.metadata()?.len() > 0 {
            file.set_len(0)?;
        }
        let bits = match format.depth {
            Depth::Int16 => Some(16),
            Depth::Int24 => Some(24),
            Depth::Float32 => None,
        };
        let sink = match (container, bits) {
            (Container::Wav, _) => {
                let header = wav::Header { depth: format.depth, sample_rate, channels, broadcast, levels: None };
                Sink::Wav(Box::new(wav::WavFile::create(file, header)?))
            }
            (Container::Flac, _) if broadcast.is_some() => return Err(WriteError::BroadcastInFlac),
            (Container::Flac, Some(bits)) => {
                Sink::Flac(Box::new(flac::FlacFile::create(file, bits, sample_rate, channels)?))
            }
            (Container::Flac, None) => return Err(WriteError::FloatInFlac),
        };
        let quantizer = bits.map(|bits| Quantizer::new(bits, dither_seed));
        Ok(Writer { sink, quantizer, channels, frames: 0, clipped: 0, integers: Vec::new(), floats: Vec::new() })
    }

    /// Appends a block.
    ///
    /// Float samples are written as they are. For integers, a sample that the depth can hold exactly is written so: a
    /// 16-bit recording passes unchanged and digital silence stays silent. Every other sample gets triangular dither
    /// of one step either way, drawn from the seed, the channel and the frame's number. (Dithering the exact ones too
    /// would make the noise floor steadier where exact samples occur by chance among others, at the price of
    /// changing what needs no change.) Samples beyond full scale are set to the limit and counted.
    ///
    /// After an error the file is unusable.
    pub fn write(&mut self, block: &Buffer) -> Result<(), WriteError> {
        if block.channel_count() != usize::from(self.channels) {
            return Err(WriteError::ChannelMismatch { block: block.channel_count(), file: self.channels });
        }
        for (channel, samples) in block.channels().enumerate() {
            if let Some(frame) = samples.iter().position(|s| !s.is_finite()) {
                return Err(WriteError::NonFinite { channel, frame: self.frames + frame as u64 });
            }
        }
        match &self.quantizer {
            Some(quantizer) => {
                self.clipped += quantizer.interleave(block, self.frames, &mut self.integers);
                match &mut self.sink {
                    Sink::Wav(file) => file.write_integers(&self.integers)?,
                    Sink::Flac(file) => file.write(&self.integers)?,
                }
            }
            None => {
                self.floats.clear();
                self.floats.resize(block.frames() * block.channel_count(), 0.0);
                for (channel, samples) in block.channels().enumerate() {
                    for (frame, &sample) in samples.iter().enumerate() {
                        self.floats[frame * block.channel_count() + channel] = sample;
                    }
                }
                match &mut self.sink {
                    Sink::Wav(file) => file.write_floats(&self.floats)?,
                    Sink::Flac(_) => unreachable!("FLAC is always quantized"),
                }
            }
        }
        self.frames += block.frames() as u64;
        Ok(())
    }

    /// States how loud the file is. A Broadcast Wave file says so in its header; others have no place for it.
    pub fn set_levels(&mut self, levels: Levels) {
        if let Sink::Wav(file) = &mut self.sink {
            file.set_levels(levels);
        }
    }

    /// Completes the header and hands everything to the system. A file that was dropped without this is incomplete.
    pub fn finish(self) -> Result<Written, WriteError> {
        match self.sink {
            Sink::Wav(file) => file.finish(self.frames)?,
            Sink::Flac(file) => file.finish(self.frames)?,
        }
        Ok(Written { frames: self.frames, clipped_samples: self.clipped })
    }
}

/// Replaces `into` by the samples' low bytes, `width` of each, the lowest first.
fn little_endian(samples: &[i32], width: usize, into: &mut Vec<u8>) {
    into.clear();
    into.reserve(samples.len() * width);
    for sample in samples {
        into.extend_from_slice(&sample.to_le_bytes()[..width]);
    }
}
