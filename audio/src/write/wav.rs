//! RIFF WAVE, and RF64 where a file outgrows it.

use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};

use super::Broadcast;
use crate::SampleRate;
use crate::format::Depth;
use crate::measure::Levels;

#[derive(Debug)]
pub(super) struct WavFile {
    file: BufWriter<File>,
    header: Header,
    bytes: Vec<u8>,
}

impl WavFile {
    pub(super) fn create(file: File, header: Header) -> io::Result<WavFile> {
        let mut file = BufWriter::with_capacity(1 << 18, file);
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&header.bytes(0))?;
        Ok(WavFile { file, header, bytes: Vec::new() })
    }

    pub(super) fn set_levels(&mut self, levels: Levels) {
        self.header.levels = Some(levels);
    }

    pub(super) fn write_integers(&mut self, samples: &[i32]) -> io::Result<()> {
        super::little_endian(samples, self.header.width().into(), &mut self.bytes);
        self.file.write_all(&self.bytes)
    }

    pub(super) fn write_floats(&mut self, samples: &[f32]) -> io::Result<()> {
        self.bytes.clear();
        self.bytes.extend(samples.iter().flat_map(|s| s.to_le_bytes()));
        self.file.write_all(&self.bytes)
    }

    pub(super) fn finish(mut self, frames: u64) -> io::Result<()> {
        if self.header.data_bytes(frames) % 2 == 1 {
            self.file.write_all(&[0])?;
        }
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(&self.header.bytes(frames))?;
        self.file.flush()
    }
}

/// Everything in front of the samples. Its length depends neither on their number nor on the levels, so it can be written before the
/// number of frames is known, and again after.
#[derive(Clone, Debug)]
pub(super) struct Header {
    pub depth: Depth,
    pub sample_rate: SampleRate,
    pub channels: u16,
    pub broadcast: Option<Broadcast>,
    /// What a Broadcast Wave file says of its loudness.
    pub levels: Option<Levels>,
}

impl Header {
    fn width(&self) -> u16 {
        match self.depth {
            Depth::Int16 => 2,
            Depth::Int24 => 3,
            Depth::Float32 => 4,
        }
    }

    fn data_bytes(&self, frames: u64) -> u64 {
        frames * u64::from(self.channels) * u64::from(self.width())
    }

    fn bytes(&self, frames: u64) -> Vec<u8> {
        let float = self.depth == Depth::Float32;
        let align = self.channels * self.width();
        let mut format = Vec::new();
        // More than two channels need the extensible form; its mask of 0 claims no speaker for any of them.
        let extensible = self.channels > 2;
        let tag: u16 = if float { 3 } else { 1 };
        format.extend_from_slice(&if extensible { 0xfffe } else { tag }.to_le_bytes());
        format.extend_from_slice(&self.channels.to_le_bytes());
        format.extend_from_slice(&self.sample_rate.0.to_le_bytes());
        format.extend_from_slice(&(self.sample_rate.0 * u32::from(align)).to_le_bytes());
        format.extend_from_slice(&align.to_le_bytes());
        format.extend_from_slice(&(self.width() * 8).to_le_bytes());
        if extensible {
            format.extend_from_slice(&22u16.to_le_bytes());
            format.extend_from_slice(&(self.width() * 8).to_le_bytes());
            format.extend_from_slice(&0u32.to_le_bytes());
            format.extend_from_slice(&tag.to_le_bytes());
            // The rest of KSDATAFORMAT_SUBTYPE_PCM and of its IEEE_FLOAT sibling.
            format.extend_from_slice(b"\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71");
        } else if float {
            format.extend_from_slice(&0u16.to_le_bytes());
        }

        let data = self.data_bytes(frames);
        let fact = if float { 12 } else { 0 };
        let broadcast = self.broadcast.as_ref().map(|b| b.chunk(self.levels.as_ref())).unwrap_or_default();
        // WAVE, the chunk reserved for ds64, bext, fmt, fact, data with its padding byte.
        let riff = 4 + 36 + broadcast.len() as u64 + 8 + format.len() as u64 + fact + 8 + data + data % 2;
        let large = riff > u64::from(u32::MAX);
        // In RF64 (EBU Tech 3306), 32-bit sizes that do not fit are all ones, and the true ones stand in ds64, which
        // takes the place of a JUNK chunk of the same size.
        let size = |size: u64| if large { u32::MAX } else { size as u32 }.to_le_bytes();
        let mut out = Vec::new();
        out.extend_from_slice(if large { b"RF64" } else { b"RIFF" });
        out.extend_from_slice(&size(riff));
        out.extend_from_slice(b"WAVE");
        out.extend_from_slice(if large { b"ds64" } else { b"JUNK" });
        out.extend_from_slice(&28u32.to_le_bytes());
        for value in [riff, data, frames] {
            out.extend_from_slice(&if large { value } else { 0 }.to_le_bytes());
        }
        out.extend_from_slice(&0u32.to_le_bytes());
        out.extend_from_slice(&broadcast);
        out.extend_from_slice(b"fmt ");
        out.extend_from_slice(&(format.len() as u32).to_le_bytes());
        out.extend_from_slice(&format);
        if float {
            out.extend_from_slice(b"fact\x04\0\0\0");
            out.extend_from_slice(&size(frames));
        }
        out.extend_from_slice(b"data");
        out.extend_from_slice(&size(data));
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read;

    fn header(depth: Depth, channels: u16) -> Header {
        Header { depth, sample_rate: SampleRate(48_000), channels, broadcast: None, levels: None }
    }

    #[test]
    fn the_header_keeps_its_length_whatever_the_number_of_frames() {
        for depth in [Depth::Int16, Depth::Int24, Depth::Float32] {
            for channels in 1..=8 {
                let header = header(depth, channels);
                let length = header.bytes(0).len();
                for frames in [1, 1 << 20, 1 << 32, 1 << 40] {
                    assert_eq!(header.bytes(frames).len(), length);
                }
            }
        }
    }

    #[test]
    fn a_file_turns_into_rf64_with_the_first_frame_that_riff_cannot_count() {
        let header = header(Depth::Int16, 1);
        // 4 + 36 + 8 + 16 + 8 bytes stand between the RIFF size and the data.
        let most = (u64::from(u32::MAX) - 72) / 2;
        let plain = header.bytes(most);
        assert_eq!(&plain[..8], b"RIFF\xfe\xff\xff\xff");
        assert_eq!(&plain[12..16], b"JUNK");
        let large = header.bytes(most + 1);
        assert_eq!(&large[..16], b"RF64\xff\xff\xff\xffWAVEds64");
        assert_eq!(large[20..28], (72 + (most + 1) * 2).to_le_bytes());
        assert_eq!(large[28..36], ((most + 1) * 2).to_le_bytes());
        assert_eq!(large[36..44], (most + 1).to_le_bytes());
        assert_eq!(&large[large.len() - 8..], b"data\xff\xff\xff\xff");
    }

    #[test]
    fn a_large_file_has_its_broadcast_chunk_behind_the_sizes() {
        let broadcast = Broadcast { description: "long".to_owned(), ..Broadcast::default() };
        let header = Header { broadcast: Some(broadcast), ..header(Depth::Int16, 1) };
        let (plain, large) = (header.bytes(1), header.bytes(1 << 32));
        assert_eq!(plain.len(), large.len());
        assert_eq!((&large[..4], &large[12..16], &large[48..52]), (&b"RF64"[..], &b"ds64"[..], &b"bext"[..]));
        assert_eq!(large[20..28], (large.len() as u64 - 8 + (2 << 32)).to_le_bytes());
        assert_eq!(plain[4..8], (plain.len() as u32 - 8 + 2).to_le_bytes());
        assert_eq!(&large[56..60], b"long");
    }

    #[test]
    fn a_file_of_five_gibibytes_is_whole_for_a_reader_and_not_one_byte_shorter() {
        // The samples are a hole in a sparse file: nothing is written but the header.
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("large.wav");
        let header = header(Depth::Float32, 2);
        let frames = 5 * (1 << 30) / 8;
        let bytes = header.bytes(frames);
        let length = bytes.len() as u64 + header.data_bytes(frames);
        let mut file = File::create(&path).unwrap();
        file.write_all(&bytes).unwrap();
        file.set_len(length).unwrap();
        assert_eq!(read::probe(&path).unwrap().frames, frames);
        file.set_len(length - 1).unwrap();
        let problem = read::probe(&path).unwrap_err().problem;
        assert!(matches!(problem, read::ReadProblem::Truncated { promised, .. } if promised == frames), "{problem}");
    }
}
