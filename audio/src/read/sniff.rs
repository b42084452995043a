//! What kind of file it is, by its first bytes.

use std::io::{Read, Seek, SeekFrom};

use super::ReadProblem;
use super::source::Source;

/// Kinds of audio file that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Wav,
    Flac,
    Mp3,
    Ogg,
}

/// Finds the kind and goes back to the start.
pub(super) fn kind<S: Read + Seek>(source: &mut Source<S>) -> Result<Kind, ReadProblem> {
    if source.length == 0 {
        return Err(ReadProblem::Empty);
    }
    // FLAC behind an ID3 tag exists; the tag says how long it is.
    let mut head = head(source, 0)?;
    if head.starts_with(b"ID3") && head.len() >= 10 {
        let size = head[6..10].iter().fold(0u64, |n, &b| n << 7 | u64::from(b & 0x7f));
        let behind = self::head(source, 10 + size)?;
        if behind.starts_with(b"fLaC") {
            head = behind;
        }
    }
    // An ID3v1 tag of 128 bytes behind the sound, which FLAC should not have either, looks like a damaged frame.
    if head.starts_with(b"fLaC") && source.length >= 128 && self::head(source, source.length - 128)?.starts_with(b"TAG")
    {
        source.length -= 128;
    }
    source.seek(SeekFrom::Start(0)).map_err(ReadProblem::from_io)?;
    of(&head).map_err(|looks_like| ReadProblem::NotAudio { looks_like })
}

fn head<S: Read + Seek>(source: &mut Source<S>, at: u64) -> Result<Vec<u8>, ReadProblem> {
    let mut head = Vec::new();
    source.seek(SeekFrom::Start(at)).map_err(ReadProblem::from_io)?;
    source.by_ref().take(512).read_to_end(&mut head).map_err(ReadProblem::from_io)?;
    Ok(head)
}

fn of(head: &[u8]) -> Result<Kind, &'static str> {
    let form = head.get(8..12).unwrap_or_default();
    match head {
        [b'R', b'I', b'F', b'F', ..] | [b'R', b'F', b'6', b'4', ..] | [b'B', b'W', b'6', b'4', ..] => match form {
            b"WAVE" => Ok(Kind::Wav),
            b"RMID" => Err("a MIDI file"),
            b"sfbk" => Err("a SoundFont"),
            b"WEBP" => Err("an image"),
            b"AVI " => Err("a video"),
            _ => Err("a RIFF file that holds no WAVE audio"),
        },
        [b'F', b'O', b'R', b'M', ..] => match form {
            b"AIFF" | b"AIFC" => Err("an AIFF file"),
            _ => Err("an IFF file that holds no AIFF audio"),
        },
        _ if head.starts_with(b"fLaC") => Ok(Kind::Flac),
        _ if head.starts_with(b"OggS") => Ok(Kind::Ogg),
        _ if head.starts_with(b"ID3") => Ok(Kind::Mp3),
        // The sync word of MPEG audio layer III; the reserved version is refused.
        [0xff, second, ..] if second & 0xe6 == 0xe2 && second & 0x18 != 0x08 => Ok(Kind::Mp3),
        _ if head.starts_with(b"MThd") => Err("a MIDI file"),
        _ if form.starts_with(b"ftyp") || head.get(4..8) == Some(b"ftyp") => Err("an MP4 file"),
        [0x1a, 0x45, 0xdf, 0xa3, ..] => Err("a Matroska or WebM file"),
        _ if head.starts_with(b"wvpk") => Err("a WavPack file"),
        _ if head.starts_with(b"caff") => Err("a CAF file"),
        _ if head.starts_with(b"MAC ") => Err("a Monkey's Audio file"),
        _ if head.starts_with(b"\x89PNG") || head.starts_with(b"\xff\xd8\xff") => Err("an image"),
        _ if head.starts_with(b"PK\x03\x04") => Err("a ZIP archive"),
        _ if head.starts_with(b"%PDF") => Err("a PDF document"),
        _ if head.starts_with(b"\x7fELF") => Err("a program or library"),
        _ if is_text(head) => Err("a text file"),
        _ if head.iter().all(|&b| b == 0) => Err("all zero bytes at its start"),
        _ => Err("of no known audio format"),
    }
}

fn is_text(head: &[u8]) -> bool {
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        // The window may cut the last character.
        Err(error) if error.valid_up_to() + 4 > head.len() => "",
        Err(_) => return false,
    };
    text.chars().all(|c| !c.is_control() || c.is_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_known_by_its_first_bytes() {
        assert_eq!(of(b"RIFF\x24\0\0\0WAVEfmt "), Ok(Kind::Wav));
        assert_eq!(of(b"RF64\xff\xff\xff\xffWAVEds64"), Ok(Kind::Wav));
        assert_eq!(of(b"fLaC\0\0\0\x22"), Ok(Kind::Flac));
        assert_eq!(of(b"\xff\xfb\x90\x64"), Ok(Kind::Mp3));
        assert_eq!(of(b"OggS\0\x02"), Ok(Kind::Ogg));
    }

    #[test]
    fn other_content_is_named() {
        assert_eq!(of(b"MThd\0\0\0\x06"), Err("a MIDI file"));
        assert_eq!(of(b"title: not a recording\n"), Err("a text file"));
        assert_eq!(of(b"RIFF\0\0\0\0sfbkLIST"), Err("a SoundFont"));
        assert_eq!(of(b"FORM\0\0\0\0AIFCFVER"), Err("an AIFF file"));
        assert_eq!(of(b"\0\0\0\0"), Err("all zero bytes at its start"));
        assert_eq!(of(b"R"), Err("a text file"));
    }
}
