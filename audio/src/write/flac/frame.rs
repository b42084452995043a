//! One FLAC frame (RFC 9639, 9).

use super::BLOCK;
use super::bits::BitWriter;
use super::predict::Windows;
use super::subframe::Subframe;
use crate::flac_crc::{crc8, crc16};

/// What all frames of a file share.
#[derive(Clone, Copy, Debug)]
pub(super) struct Format {
    /// Bits of a sample: 16 or 24.
    pub bits: u32,
    pub sample_rate: u32,
}

/// Encodes up to [`BLOCK`] frames of sound, given by channel. The windows are those of as many.
pub(super) fn encode(format: Format, number: u64, channels: &[Vec<i32>], windows: &Windows) -> Vec<u8> {
    let (assignment, subframes) = match channels {
        [left, right] => stereo(format.bits, left, right, windows),
        _ => (channels.len() as u32 - 1, channels.iter().map(|c| Subframe::best(c, format.bits, windows)).collect()),
    };
    let mut bits = BitWriter::default();
    header(&mut bits, format, number, channels[0].len(), assignment);
    for subframe in subframes {
        subframe.write(&mut bits);
    }
    bits.align();
    let checksum = crc16(bits.bytes());
    bits.put(checksum.into(), 16);
    bits.into_bytes()
}

/// The shortest of left and right, left and difference, difference and right, mean and difference.
fn stereo(bits: u32, left: &[i32], right: &[i32], windows: &Windows) -> (u32, Vec<Subframe>) {
    let mean: Vec<i32> = left.iter().zip(right).map(|(l, r)| (l + r) >> 1).collect();
    let difference: Vec<i32> = left.iter().zip(right).map(|(l, r)| l - r).collect();
    let [left, right, mean] = [left, right, &mean].map(|samples| Subframe::best(samples, bits, windows));
    let difference = Subframe::best(&difference, bits + 1, windows);
    let (l, r, m, d) = (left.bits(), right.bits(), mean.bits(), difference.bits());
    let least = (l + r).min(l + d).min(d + r).min(m + d);
    if least == l + r {
        (1, vec![left, right])
    } else if least == m + d {
        (10, vec![mean, difference])
    } else if least == l + d {
        (8, vec![left, difference])
    } else {
        (9, vec![difference, right])
    }
}

fn header(bits: &mut BitWriter, format: Format, number: u64, frames: usize, assignment: u32) {
    // The sync code of a stream whose blocks have one size.
    bits.put(0xfff8, 16);
    let (size_code, size_bits) = match frames {
        BLOCK => (12, 0),
        1..=256 => (6, 8),
        _ => (7, 16),
    };
    bits.put(size_code, 4);
    let (rate_code, rate, rate_bits) = rate_code(format.sample_rate);
    bits.put(rate_code, 4);
    bits.put(assignment, 4);
    bits.put(if format.bits == 16 { 4 } else { 6 }, 3);
    bits.put(0, 1);
    for byte in coded_number(number) {
        bits.put(byte.into(), 8);
    }
    bits.put(frames as u32 - 1, size_bits);
    bits.put(rate, rate_bits);
    let checksum = crc8(bits.bytes());
    bits.put(checksum.into(), 8);
}

/// How a frame states the sample rate: its code, and the number behind the header with its width. Rates that no code
/// fits stand in the file's header alone.
fn rate_code(rate: u32) -> (u32, u32, u32) {
    match rate {
        88_200 => (1, 0, 0),
        176_400 => (2, 0, 0),
        192_000 => (3, 0, 0),
        8_000 => (4, 0, 0),
        16_000 => (5, 0, 0),
        22_050 => (6, 0, 0),
        24_000 => (7, 0, 0),
        32_000 => (8, 0, 0),
        44_100 => (9, 0, 0),
        48_000 => (10, 0, 0),
        96_000 => (11, 0, 0),
        _ if rate.is_multiple_of(1_000) && rate < 256_000 => (12, rate / 1_000, 8),
        _ if rate < 65_536 => (13, rate, 16),
        _ if rate.is_multiple_of(10) && rate < 655_360 => (14, rate / 10, 16),
        _ => (0, 0, 0),
    }
}

/// A number coded as in UTF-8, up to 36 bits.
fn coded_number(number: u64) -> Vec<u8> {
    if number < 0x80 {
        return vec![number as u8];
    }
    let followers = (1..=6).find(|n| number < 1 << (5 * n + 6)).expect("a file has fewer than 2^36 frames");
    let mut bytes = vec![(0xff00u32 >> (followers + 1)) as u8 | (number >> (6 * followers)) as u8];
    bytes.extend((0..followers).rev().map(|n| 0x80 | (number >> (6 * n)) as u8 & 0x3f));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_coded_as_in_utf_8_and_beyond() {
        for number in [0x80u64, 0x7ff, 0x800, 0xfffd, 0x10_ffff] {
            let character = char::from_u32(number as u32).unwrap();
            assert_eq!(coded_number(number), character.to_string().as_bytes());
        }
        assert_eq!(coded_number(0x7f), [0x7f]);
        assert_eq!(coded_number((1 << 31) - 1), [0xfd, 0xbf, 0xbf, 0xbf, 0xbf, 0xbf]);
        assert_eq!(coded_number((1 << 36) - 1), [0xfe, 0xbf, 0xbf, 0xbf, 0xbf, 0xbf, 0xbf]);
    }
}
