//! Mono wave files of 32-bit floats, which is all that the reference cases have.

use std::path::Path;

/// The samples of a file.
pub fn read(path: &Path) -> Vec<f32> {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert_eq!((&bytes[..4], &bytes[8..12]), (b"RIFF".as_slice(), b"WAVE".as_slice()), "{}", path.display());
    let mut rest = &bytes[12..];
    loop {
        let (id, size) = (&rest[..4], u32::from_le_bytes(rest[4..8].try_into().unwrap()) as usize);
        let body = &rest[8..8 + size];
        match id {
            b"fmt " => {
                assert!(matches!(body[0], 3 | 0xfe), "{}: not floats", path.display());
                assert_eq!((body[2], body[14]), (1, 32), "{}: not mono floats", path.display());
            }
            b"data" => return body.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect(),
            _ => {}
        }
        rest = &rest[8 + size.next_multiple_of(2)..];
    }
}
