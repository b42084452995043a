//! RIFF WAVE, RF64 and BW64.
//!
//! Read here and not through a decoder library, since the libraries at hand take a file whose data chunk ends early
//! for a shorter recording.

use std::io::{BufReader, Read, Seek, SeekFrom};
use std::ops::Range;

use super::recorded::{Decode, Opened};
use super::source::{Bytes, Source};
use super::{ReadProblem, Shape, checked_shape};
use crate::Buffer;

/// Where the samples lie and how they are stored.
struct Layout {
    shape: Shape,
    encoding: Encoding,
    /// Bytes of one stored sample.
    width: usize,
    /// Significant bits of one sample.
    bits: u16,
    /// Offset of the first sample in the file.
    start: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Integer,
    Float,
}

pub(super) fn probe<S: Read + Seek>(source: &mut Source<S>) -> Result<Shape, ReadProblem> {
    layout(source).map(|layout| layout.shape)
}

pub(super) fn open<S: Bytes>(mut source: Source<S>) -> Result<Opened, ReadProblem> {
    let layout = layout(&mut source)?;
    source.seek(SeekFrom::Start(layout.start)).map_err(ReadProblem::from_io)?;
    let (shape, bits) = (layout.shape, layout.bits);
    Ok((shape, Some(bits), Box::new(Samples { source, layout, bytes: Vec::new() })))
}

/// The samples of one file.
struct Samples<S> {
    source: Source<S>,
    layout: Layout,
    bytes: Vec<u8>,
}

/// Frames that are decoded at once.
const AT_ONCE: usize = 4096;

impl<S: Bytes> Decode for Samples<S> {
    fn fill(&mut self, into: &mut Buffer, to: Range<usize>) -> Result<(), ReadProblem> {
        let Layout { encoding, width, .. } = self.layout;
        let frame_bytes = into.channel_count() * width;
        let mut at = to.start;
        while at < to.end {
            let count = (to.end - at).min(AT_ONCE);
            // The layout was checked against the file's length; a file that was cut since then ends too early here.
            self.bytes.resize(count * frame_bytes, 0);
            self.source.read_exact(&mut self.bytes).map_err(ReadProblem::from_io)?;
            for (channel, samples) in into.channels_mut().enumerate() {
                let stored = self.bytes.chunks_exact(frame_bytes).map(|frame| &frame[channel * width..][..width]);
                decode(stored, encoding, width, &mut samples[at..at + count]);
            }
            at += count;
        }
        Ok(())
    }

    fn skip(&mut self, frames: u64) -> Result<bool, ReadProblem> {
        let frame_bytes = self.layout.width as u64 * u64::from(self.layout.shape.channels);
        let bytes = i64::try_from(frames * frame_bytes).expect("the frames lie within a file");
        self.source.seek(SeekFrom::Current(bytes)).map_err(ReadProblem::from_io)?;
        Ok(true)
    }

    fn finish(&mut self) -> Result<(), ReadProblem> {
        Ok(())
    }
}

/// Gives the samples of one channel. The widths that reach here are those that [`format`] lets through.
fn decode<'a>(stored: impl Iterator<Item = &'a [u8]>, encoding: Encoding, width: usize, into: &mut [f32]) {
    // Shifted to the top of 32 bits, integers of all widths share one scale.
    let integer = |bytes: [u8; 4]| i32::from_le_bytes(bytes) as f32 / 2_147_483_648.0;
    let pairs = into.iter_mut().zip(stored);
    match (encoding, width) {
        // 8-bit WAV is unsigned, all wider integers are signed.
        (Encoding::Integer, 1) => pairs.for_each(|(to, b)| *to = integer([0, 0, 0, b[0] ^ 0x80])),
        (Encoding::Integer, 2) => pairs.for_each(|(to, b)| *to = integer([0, 0, b[0], b[1]])),
        (Encoding::Integer, 3) => pairs.for_each(|(to, b)| *to = integer([0, b[0], b[1], b[2]])),
        (Encoding::Integer, _) => pairs.for_each(|(to, b)| *to = integer([b[0], b[1], b[2], b[3]])),
        (Encoding::Float, 4) => pairs.for_each(|(to, b)| *to = f32::from_le_bytes([b[0], b[1], b[2], b[3]])),
        (Encoding::Float, _) => pairs.for_each(|(to, b)| {
            *to = f64::from_le_bytes(b.try_into().expect("a 64-bit sample has eight bytes")) as f32
        }),
    }
}

/// What the `fmt ` chunk says.
struct Format {
    encoding: Encoding,
    width: usize,
    bits: u16,
    channels: u16,
    sample_rate: u32,
}

fn layout<S: Read + Seek>(source: &mut Source<S>) -> Result<Layout, ReadProblem> {
    let length = source.length;
    let mut file = BufReader::with_capacity(1024, source);
    let riff = read_array::<12>(&mut file)?;
    let large = &riff[..4] != b"RIFF";
    let mut large_data_size = None;
    let mut format = None;
    let mut at = 12;
    loop {
        if at + 8 > length {
            return Err(match format {
                Some(_) => ReadProblem::EndMissing { missing: "no data chunk was reached before the file's end" },
                None => ReadProblem::EndMissing { missing: "no format chunk was reached before the file's end" },
            });
        }
        let header = read_array::<8>(&mut file)?;
        let size = u64::from(u32::from_le_bytes([header[4], header[5], header[6], header[7]]));
        at += 8;
        match &header[..4] {
            b"ds64" if large => {
                let sizes = read_array::<16>(&mut file)?;
                large_data_size = Some(u64::from_le_bytes(sizes[8..].try_into().expect("eight bytes")));
                skip(&mut file, size.saturating_sub(16) + size % 2)?;
            }
            b"fmt " => {
                let mut body = vec![0; size.min(40) as usize];
                file.read_exact(&mut body).map_err(ReadProblem::from_io)?;
                format = Some(self::format(&body)?);
                skip(&mut file, size - body.len() as u64 + size % 2)?;
            }
            b"data" => {
                let format =
                    format.ok_or_else(|| ReadProblem::damaged("the format chunk does not precede the data"))?;
                // Programs that write to a pipe cannot go back to fill in the size; all ones then means "to the end".
                let size = match (size, large_data_size) {
                    (0xffff_ffff, Some(size)) => size,
                    (0xffff_ffff, None) => length - at,
                    (size, _) => size,
                };
                return finish(format, at, size, length);
            }
            _ => skip(&mut file, size + size % 2)?,
        }
        at += size + size % 2;
    }
}

fn finish(format: Format, start: u64, size: u64, length: u64) -> Result<Layout, ReadProblem> {
    let frame_bytes = u64::from(format.channels) * format.width as u64;
    let promised = size / frame_bytes.max(1);
    let shape = checked_shape(promised, format.channels.into(), format.sample_rate.into())?;
    let present = (length - start) / frame_bytes;
    if present < promised {
        return Err(ReadProblem::Truncated { promised, present, unit: "frames" });
    }
    Ok(Layout { shape, encoding: format.encoding, width: format.width, bits: format.bits, start })
}

fn format(body: &[u8]) -> Result<Format, ReadProblem> {
    if body.len() < 16 {
        return Err(ReadProblem::damaged(format!("its format chunk has {} bytes, 16 is the least", body.len())));
    }
    let u16_at = |at: usize| u16::from_le_bytes([body[at], body[at + 1]]);
    let mut tag = u16_at(0);
    let channels = u16_at(2);
    let sample_rate = u32::from_le_bytes([body[4], body[5], body[6], body[7]]);
    let block_align = u16_at(12);
    let mut bits = u16_at(14);
    if channels == 0 {
        return Err(ReadProblem::NoChannels);
    }
    // WAVE_FORMAT_EXTENSIBLE: valid bits at 18, the real tag in the first two bytes of the GUID at 24.
    if tag == 0xfffe {
        if body.len() < 40 {
            return Err(ReadProblem::damaged("its extensible format chunk is shorter than 40 bytes"));
        }
        let container_bits = bits;
        bits = match u16_at(18) {
            0 => container_bits,
            valid => valid.min(container_bits),
        };
        tag = u16_at(24);
    }
    let width = usize::from(block_align / channels);
    let encoding = match (tag, width) {
        (1, 1..=4) => Encoding::Integer,
        (3, 4 | 8) => Encoding::Float,
        (1 | 3, _) => {
            return Err(ReadProblem::damaged(format!("{bits}-bit samples of {width} bytes each do not exist in WAV")));
        }
        _ => return Err(ReadProblem::Unsupported { what: coding_name(tag) }),
    };
    if block_align % channels != 0 || bits == 0 || usize::from(bits) > width * 8 {
        return Err(ReadProblem::damaged(format!(
            "{channels} channels of {bits}-bit samples do not make frames of {block_align} bytes"
        )));
    }
    Ok(Format { encoding, width, bits, channels, sample_rate })
}

fn coding_name(tag: u16) -> String {
    match tag {
        0x02 => "WAV with Microsoft ADPCM coding".to_owned(),
        0x06 => "WAV with A-law coding".to_owned(),
        0x07 => "WAV with mu-law coding".to_owned(),
        0x11 => "WAV with IMA ADPCM coding".to_owned(),
        0x55 => "WAV with MP3 coding".to_owned(),
        _ => format!("WAV with the coding {tag:#06x}"),
    }
}

fn read_array<const N: usize>(file: &mut impl Read) -> Result<[u8; N], ReadProblem> {
    let mut bytes = [0; N];
    file.read_exact(&mut bytes).map_err(ReadProblem::from_io)?;
    Ok(bytes)
}

fn skip(file: &mut impl Seek, bytes: u64) -> Result<(), ReadProblem> {
    let offset = i64::try_from(bytes).map_err(|_| ReadProblem::damaged("a chunk is larger than any file"))?;
    file.seek_relative(offset).map_err(ReadProblem::from_io)
}
