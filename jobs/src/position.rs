//! The position file: which device works on which frame.
//!
//! A worker overwrites it before each call into a device. It lies in the worker's scratch folder and outlives the
//! process, so that a crash or a hang is blamed on the device that was at work, at its time in the audio.

/// Environment variable that names the file.
pub const VARIABLE: &str = "TONEMILL_POSITION";

/// Longest record in bytes.
pub const MAX_RECORD: usize = 8 + 1 + 255;

/// Writes a record: the frame, the name's length, the name (cut at 255 bytes). Gives it with its length.
pub fn encode(frame: u64, device: &str) -> ([u8; MAX_RECORD], usize) {
    let mut record = [0; MAX_RECORD];
    let name = &device.as_bytes()[..device.floor_char_boundary(255)];
    record[..8].copy_from_slice(&frame.to_le_bytes());
    record[8] = name.len() as u8;
    record[9..9 + name.len()].copy_from_slice(name);
    (record, 9 + name.len())
}

/// A record that says nothing. The farm writes it over what was said of the task before.
pub const NOTHING: [u8; 9] = [0; 9];

/// Reads a record; `None` if there is none yet, it says nothing, or it is torn.
pub fn decode(record: &[u8]) -> Option<(u64, String)> {
    let frame = u64::from_le_bytes(record.get(..8)?.try_into().ok()?);
    let length = usize::from(*record.get(8)?);
    if record[..9] == NOTHING {
        return None;
    }
    let name = std::str::from_utf8(record.get(9..9 + length)?).ok()?;
    Some((frame, name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_reads_back_whatever_stood_behind_it() {
        let (mut record, _) = encode(7, "a rather long device name");
        let (shorter, length) = encode(u64::MAX, "Größe");
        record[..length].copy_from_slice(&shorter[..length]);
        assert_eq!(decode(&record), Some((u64::MAX, "Größe".to_owned())));
        assert_eq!(decode(&record[..10]), None);
        assert_eq!(decode(&[]), None);
        record[..NOTHING.len()].copy_from_slice(&NOTHING);
        assert_eq!(decode(&record), None);
    }

    #[test]
    fn a_long_name_is_cut_at_a_character() {
        let (record, length) = encode(0, &"ä".repeat(200));
        assert_eq!(decode(&record[..length]).unwrap().1, "ä".repeat(127));
    }
}
