//! Looks at both ends of a FLAC file, which suffices to know its shape and that nothing is missing behind.
//!
//! Field layout after RFC 9639.

use std::io::{Read, Seek, SeekFrom};

use super::source::Source;
use super::{ReadProblem, Shape, checked_shape};
use crate::flac_crc::{crc8, crc16};

/// How far in front of the end the last frame may begin. The largest frame of 65,535 frames by 8 channels of 32 bits
/// is larger, but no encoder writes it; such files are decoded instead.
const TAIL: u64 = 1 << 18;

/// The shape, if the last frame of the file proves that the file is complete; else `None`.
pub(super) fn probe<S: Read + Seek>(source: &mut Source<S>) -> Result<Option<Shape>, ReadProblem> {
    let mut head = [0; 42];
    source.seek(SeekFrom::Start(0)).map_err(ReadProblem::from_io)?;
    source.read_exact(&mut head).map_err(ReadProblem::from_io)?;
    let (marker, info) = (&head[..4], &head[8..]);
    if marker != b"fLaC" || head[4] & 0x7f != 0 {
        source.seek(SeekFrom::Start(0)).map_err(ReadProblem::from_io)?;
        return Ok(None);
    }
    let block_size = u64::from(u16::from_be_bytes([info[2], info[3]]));
    let packed = u64::from_be_bytes(info[10..18].try_into().expect("eight bytes"));
    let sample_rate = packed >> 44;
    let channels = (packed >> 41 & 7) + 1;
    let promised = packed & ((1 << 36) - 1);

    let start = source.length.saturating_sub(TAIL);
    source.seek(SeekFrom::Start(start)).map_err(ReadProblem::from_io)?;
    let mut tail = Vec::new();
    source.read_to_end(&mut tail).map_err(ReadProblem::from_io)?;
    let present = last_frame_end(&tail, block_size);
    source.seek(SeekFrom::Start(0)).map_err(ReadProblem::from_io)?;
    match present {
        // A stream whose encoder could not go back states 0 frames: unknown.
        Some(end) if promised == 0 || promised == end => checked_shape(end, channels, sample_rate).map(Some),
        _ => Ok(None),
    }
}

/// Refuses a file that ends with its metadata: the decoder would miss a frame there without knowing how many.
pub(super) fn require_audio<S: Read + Seek>(source: &mut Source<S>) -> Result<(), ReadProblem> {
    let mut marker = [0; 4];
    source.seek(SeekFrom::Start(0)).map_err(ReadProblem::from_io)?;
    source.read_exact(&mut marker).map_err(ReadProblem::from_io)?;
    let mut promised = 0;
    let mut at = 4;
    // Behind an ID3 tag, which FLAC should not have, the decoder's own words must do.
    if &marker != b"fLaC" {
        source.seek(SeekFrom::Start(0)).map_err(ReadProblem::from_io)?;
        return Ok(());
    }
    loop {
        let mut header = [0; 4];
        source.seek(SeekFrom::Start(at)).map_err(ReadProblem::from_io)?;
        source.read_exact(&mut header).map_err(ReadProblem::from_io)?;
        if at == 4 {
            let mut info = [0; 34];
            source.read_exact(&mut info).map_err(ReadProblem::from_io)?;
            promised = u64::from_be_bytes(info[10..18].try_into().expect("eight bytes")) & ((1 << 36) - 1);
        }
        at += 4 + u64::from(u32::from_be_bytes([0, header[1], header[2], header[3]]));
        if header[0] & 0x80 != 0 {
            break;
        }
    }
    source.seek(SeekFrom::Start(0)).map_err(ReadProblem::from_io)?;
    match promised {
        _ if at != source.length => Ok(()),
        0 => Err(ReadProblem::NoFrames),
        promised => Err(ReadProblem::Truncated { promised, present: 0, unit: "frames" }),
    }
}

/// How many frames lie before the end of the last FLAC frame, if one ends exactly at the end of `tail`.
fn last_frame_end(tail: &[u8], block_size: u64) -> Option<u64> {
    (0..tail.len().saturating_sub(6)).rev().find_map(|at| {
        let frame = &tail[at..];
        let is_sync = frame[0] == 0xff && frame[1] & 0xfe == 0xf8;
        if !is_sync {
            return None;
        }
        let end = header_end(frame, block_size)?;
        (crc16(frame) == 0).then_some(end)
    })
}

/// Reads a frame header: the frames that lie before this FLAC frame's end. `None` unless it is one.
fn header_end(frame: &[u8], block_size: u64) -> Option<u64> {
    let variable = frame[1] & 1 == 1;
    let (size_code, rate_code) = (frame[2] >> 4, frame[2] & 15);
    let (number, used) = coded_number(frame.get(4..)?)?;
    let mut at = 4 + used;
    let size = match size_code {
        1 => 192,
        2..=5 => 576 << (size_code - 2),
        6 => u64::from(*frame.get(at)?) + 1,
        7 => u64::from(u16::from_be_bytes([*frame.get(at)?, *frame.get(at + 1)?])) + 1,
        8..=15 => 256 << (size_code - 8),
        _ => return None,
    };
    at += match size_code {
        6 => 1,
        7 => 2,
        _ => 0,
    };
    at += match rate_code {
        12 => 1,
        13 | 14 => 2,
        15 => return None,
        _ => 0,
    };
    if crc8(frame.get(..=at)?) != 0 {
        return None;
    }
    let start = if variable { number } else { number.checked_mul(block_size)? };
    start.checked_add(size)
}

/// A number coded as in UTF-8, up to 36 bits, and how many bytes it takes.
fn coded_number(bytes: &[u8]) -> Option<(u64, usize)> {
    let first = *bytes.first()?;
    let used = match first.leading_ones() {
        0 => return Some((first.into(), 1)),
        ones @ 2..=7 => ones as usize,
        _ => return None,
    };
    let mut number = u64::from(first) & ((1u64 << (7 - used)) - 1);
    for &byte in bytes.get(1..used)? {
        if byte & 0xc0 != 0x80 {
            return None;
        }
        number = number << 6 | u64::from(byte & 0x3f);
    }
    Some((number, used))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coded_numbers_are_read_to_their_full_width() {
        assert_eq!(coded_number(&[0x7f]), Some((127, 1)));
        assert_eq!(coded_number(&[0xc2, 0x80]), Some((128, 2)));
        assert_eq!(coded_number(&[0xfe, 0xbf, 0xbf, 0xbf, 0xbf, 0xbf, 0xbf]), Some(((1 << 36) - 1, 7)));
        assert_eq!(coded_number(&[0x80]), None);
        assert_eq!(coded_number(&[0xc2]), None);
    }
}
