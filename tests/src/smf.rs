//! A reader of MIDI files that shares nothing with the product's, which is checked against it.

use std::collections::HashMap;

/// One note of a file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Note {
    /// Ticks from the start.
    pub tick: u64,
    /// Seconds from the start, by the file's tempos.
    pub seconds: f64,
    /// Seconds from the start to its end.
    pub end: f64,
    /// From 0; General MIDI's drums are on 9.
    pub channel: u8,
    /// 0 to 127; 60 is the middle C.
    pub key: u8,
    /// 1 to 127.
    pub velocity: u8,
    /// What its channel plays with, from 0.
    pub program: u8,
    /// Controllers 7 and 11 at its start, together a factor from 0 to 1.
    pub level: f64,
    /// Where in the file its velocity stands.
    pub at: usize,
}

enum Said {
    Tempo(u64),
    Program(u8, u8),
    Control(u8, u8, u8),
    /// Channel, key, velocity, and where that stands.
    On(u8, u8, u8, usize),
    Off(u8, u8),
}

/// The notes of a file, in order of their time. Panics where the file is none, or counts in frames of film.
pub fn notes(bytes: &[u8]) -> Vec<Note> {
    assert_eq!(&bytes[..4], b"MThd");
    let division = u64::from(u16::from_be_bytes([bytes[12], bytes[13]]));
    assert!(division < 0x8000, "ticks are parts of a quarter note");
    let mut said: Vec<(u64, Said)> = Vec::new();
    let mut rest = &bytes[14..];
    while rest.len() >= 8 {
        let length = u32::from_be_bytes(rest[4..8].try_into().expect("four bytes")) as usize;
        if &rest[..4] == b"MTrk" {
            let end = bytes.len() - rest.len() + 8 + length;
            track(&rest[8..8 + length], end, &mut said);
        }
        rest = &rest[8 + length..];
    }
    // Of one tick, what sets something comes before the notes, and ends before beginnings.
    said.sort_by_key(|(tick, said)| {
        let rank = match said {
            Said::Tempo(_) | Said::Program(..) | Said::Control(..) => 0,
            Said::Off(..) => 1,
            Said::On(..) => 2,
        };
        (*tick, rank)
    });
    let mut notes: Vec<Note> = Vec::new();
    let mut sounding: HashMap<(u8, u8), Vec<usize>> = HashMap::new();
    let (mut programs, mut levels) = ([0; 16], [[100u8, 127]; 16]);
    // Microseconds times ticks a quarter note, so that nothing is rounded until the end.
    let (mut at, mut elapsed, mut quarter) = (0, 0u64, 500_000);
    for (tick, said) in said {
        elapsed += (tick - at) * quarter;
        at = tick;
        let seconds = elapsed as f64 / (division * 1_000_000) as f64;
        match said {
            Said::Tempo(microseconds) => quarter = microseconds,
            Said::Program(channel, program) => programs[usize::from(channel)] = program,
            Said::Control(channel, 7, value) => levels[usize::from(channel)][0] = value,
            Said::Control(channel, 11, value) => levels[usize::from(channel)][1] = value,
            Said::Control(..) => {}
            Said::On(channel, key, velocity, at) => {
                sounding.entry((channel, key)).or_default().push(notes.len());
                let [volume, expression] = levels[usize::from(channel)].map(|value| f64::from(value) / 127.0);
                let (program, level) = (programs[usize::from(channel)], volume * expression);
                notes.push(Note { tick, seconds, end: f64::MAX, channel, key, velocity, program, level, at });
            }
            Said::Off(channel, key) => {
                if let Some(waiting) = sounding.get_mut(&(channel, key)).filter(|waiting| !waiting.is_empty()) {
                    notes[waiting.remove(0)].end = seconds;
                }
            }
        }
    }
    notes
}

/// The messages of a track that ends at the byte `end` of its file.
fn track(mut bytes: &[u8], end: usize, said: &mut Vec<(u64, Said)>) {
    let (mut tick, mut running) = (0, 0);
    while !bytes.is_empty() {
        tick += length(&mut bytes);
        if bytes[0] >= 0x80 {
            running = bytes[0];
            bytes = &bytes[1..];
        }
        let channel = running & 15;
        let (taken, what) = match running {
            0xff => {
                let kind = bytes[0];
                bytes = &bytes[1..];
                let count = length(&mut bytes) as usize;
                let tempo = (kind == 0x51).then(|| bytes[..3].iter().fold(0, |all, byte| all << 8 | u64::from(*byte)));
                (count, tempo.map(Said::Tempo))
            }
            0xf0 | 0xf7 => (length(&mut bytes) as usize, None),
            0x80..=0x8f => (2, Some(Said::Off(channel, bytes[0]))),
            0x90..=0x9f if bytes[1] == 0 => (2, Some(Said::Off(channel, bytes[0]))),
            0x90..=0x9f => (2, Some(Said::On(channel, bytes[0], bytes[1], end - bytes.len() + 1))),
            0xb0..=0xbf => (2, Some(Said::Control(channel, bytes[0], bytes[1]))),
            0xc0..=0xcf => (1, Some(Said::Program(channel, bytes[0]))),
            0xd0..=0xdf => (1, None),
            _ => (2, None),
        };
        said.extend(what.map(|what| (tick, what)));
        bytes = &bytes[taken..];
    }
}

/// A number of seven bits a byte.
fn length(bytes: &mut &[u8]) -> u64 {
    let mut value = 0;
    loop {
        let byte = bytes[0];
        *bytes = &bytes[1..];
        value = value << 7 | u64::from(byte & 0x7f);
        if byte < 0x80 {
            return value;
        }
    }
}
