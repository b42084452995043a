//! Text as VST3 writes it: UTF-16 in arrays of fixed size, and 8-bit characters for what predates it.

use std::ffi::c_char;

/// Text up to the first zero or the array's end; what is no UTF-16 is replaced.
pub(super) fn from_utf16(units: &[u16]) -> String {
    let end = units.iter().position(|unit| *unit == 0).unwrap_or(units.len());
    String::from_utf16_lossy(&units[..end]).trim().to_owned()
}

/// Text up to the first zero or the array's end; what is no UTF-8 is replaced.
pub(super) fn from_chars(chars: &[c_char]) -> String {
    let bytes: Vec<u8> = chars.iter().take_while(|c| **c != 0).map(|c| *c as u8).collect();
    String::from_utf8_lossy(&bytes).trim().to_owned()
}

/// Fills an array with text and a closing zero; what does not fit is left out.
pub(super) fn to_utf16(text: &str, array: &mut [u16]) {
    array.fill(0);
    let room = array.len().saturating_sub(1);
    for (to, from) in array[..room].iter_mut().zip(text.encode_utf16()) {
        *to = from;
    }
}

/// A class id's 16 bytes as 32 hexadecimal digits. On Windows the bytes of the first two numbers are swapped in
/// memory, as in a GUID; the digits are the same everywhere.
pub(super) fn class_id(bytes: &[c_char; 16]) -> String {
    const SWAPPED: [usize; 16] = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
    let at = |index: usize| bytes[if cfg!(windows) { SWAPPED[index] } else { index }] as u8;
    (0..16).map(|index| format!("{:02X}", at(index))).collect()
}

/// Whether a text that somebody wrote means the class id `id`: in either case, with or without dashes and braces.
pub(super) fn is_class_id(id: &str, written: &str) -> bool {
    let digits = written.chars().filter(|c| !matches!(c, '-' | '{' | '}')).map(|c| c.to_ascii_uppercase());
    digits.eq(id.chars())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_ends_at_the_zero_or_with_the_array() {
        assert_eq!(from_utf16(&[72, 105, 0, 33]), "Hi");
        assert_eq!(from_utf16(&[72, 105]), "Hi");
        assert_eq!(from_utf16(&[0xd800, 72, 0]), "\u{fffd}H");
        assert_eq!(from_chars(&[72, 105, 0, 33].map(|c: u8| c as c_char)), "Hi");
    }

    #[test]
    fn text_that_is_too_long_still_ends_with_a_zero() {
        let mut array = [7; 4];
        to_utf16("Höhe", &mut array);
        assert_eq!(array, [72, 246, 104, 0]);
        to_utf16("a", &mut array);
        assert_eq!(array, [97, 0, 0, 0]);
    }

    #[test]
    fn a_class_id_is_known_however_it_is_written() {
        let id = class_id(&vst3::uid(0x5653544D, 0x4441706D, 0x64612070, 0x69616E6F));
        assert_eq!(id, "5653544D4441706D6461207069616E6F");
        assert!(is_class_id(&id, &id.to_lowercase()));
        let guid = format!("{{{}-{}-{}-{}-{}}}", &id[..8], &id[8..12], &id[12..16], &id[16..20], &id[20..]);
        assert!(is_class_id(&id, &guid));
        assert!(!is_class_id(&id, "Piano"));
        assert!(!is_class_id(&id, &id[1..]));
    }
}
