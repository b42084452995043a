//! MIDI files made for tests, and what is played of them in words.

#![allow(dead_code, reason = "every test file uses some of these")]

use audio::EventBody;
use tonemill_score::TimedEvent;

/// A file of some tracks, each the content of its chunk.
pub fn smf(format: u16, division: u16, tracks: &[Vec<u8>]) -> Vec<u8> {
    let mut file = b"MThd\0\0\0\x06".to_vec();
    for word in [format, tracks.len() as u16, division] {
        file.extend_from_slice(&word.to_be_bytes());
    }
    for track in tracks {
        file.extend_from_slice(b"MTrk");
        file.extend_from_slice(&(track.len() as u32).to_be_bytes());
        file.extend_from_slice(track);
    }
    file
}

/// A track of events at ticks from the start, which rise, with its end.
pub fn track(events: &[(u32, &[u8])], end: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut now = 0;
    for &(tick, event) in events.iter().chain([&(end, &[0xff, 0x2f, 0][..])]) {
        let delta = tick - now;
        for shift in [21, 14, 7] {
            if delta >> shift != 0 {
                bytes.push((delta >> shift) as u8 | 0x80);
            }
        }
        bytes.push((delta & 0x7f) as u8);
        bytes.extend_from_slice(event);
        now = tick;
    }
    bytes
}

/// A tempo event.
pub fn tempo(microseconds: u32) -> [u8; 6] {
    let [_, a, b, c] = microseconds.to_be_bytes();
    [0xff, 0x51, 3, a, b, c]
}

/// A time signature of `numerator` over two to the `power`.
pub fn meter(numerator: u8, power: u8) -> [u8; 7] {
    [0xff, 0x58, 4, numerator, power, 24, 8]
}

/// A line for each event: its frame and what happens.
pub fn words(events: &[TimedEvent]) -> Vec<String> {
    let word = |event: &TimedEvent| match &event.body {
        EventBody::NoteOn { channel, key, velocity, note } => {
            format!("{} on {channel} {key} {:.0} #{}", event.frame, velocity * 127.0, note.unwrap())
        }
        EventBody::NoteOff { channel, key, velocity, note } => {
            format!("{} off {channel} {key} {:.0} #{}", event.frame, velocity * 127.0, note.unwrap())
        }
        EventBody::Midi { bytes: [a, b, c] } => format!("{} midi {a:02x} {b} {c}", event.frame),
        EventBody::Sysex { bytes } => format!("{} sysex {bytes:02x?}", event.frame),
        EventBody::Expression { channel, key, note, expression, value } => {
            format!("{} {expression:?} {channel} {key} {value:.3} #{}", event.frame, note.unwrap())
        }
        other => panic!("no such event comes from a file: {other:?}"),
    };
    events.iter().map(word).collect()
}
