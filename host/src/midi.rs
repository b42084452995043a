//! Events as MIDI messages, for the plugins that know no other.

use audio::{EventBody, Expression};

/// A channel message; `None` if MIDI has no words for the event, or if it is a longer message.
pub(crate) fn written(body: &EventBody) -> Option<[u8; 3]> {
    Some(match body {
        // A velocity of 0 would mean a note's end.
        EventBody::NoteOn { channel, key, velocity, .. } => {
            [0x90 | (channel & 15), key & 127, seven_bits(*velocity, 1.0)]
        }
        EventBody::NoteOff { channel, key, velocity, .. } => {
            [0x80 | (channel & 15), key & 127, seven_bits(*velocity, 0.0)]
        }
        // The one expression that MIDI has.
        EventBody::Expression { channel, key, expression: Expression::Pressure, value, .. } => {
            [0xa0 | (channel & 15), key & 127, seven_bits(*value, 0.0)]
        }
        EventBody::Midi { bytes } => *bytes,
        _ => return None,
    })
}

fn seven_bits(level: f64, least: f64) -> u8 {
    (level * 127.0).round().clamp(least, 127.0) as u8
}

/// How many bytes a message of this status has; 0 of one whose end is told otherwise, or that is none.
pub(crate) fn length(status: u8) -> usize {
    match status {
        0xc0..=0xdf | 0xf1 | 0xf3 => 2,
        0x80..=0xef | 0xf2 => 3,
        0xf6 | 0xf8..=0xff => 1,
        _ => 0,
    }
}

/// Understands a channel message; `None` for other kinds.
pub(crate) fn read(bytes: [u8; 3]) -> Option<EventBody> {
    let (channel, key, velocity) = (bytes[0] & 15, bytes[1] & 127, f64::from(bytes[2] & 127) / 127.0);
    match bytes[0] & 0xf0 {
        0x90 if velocity > 0.0 => Some(EventBody::NoteOn { channel, key, velocity, note: None }),
        0x80 | 0x90 => Some(EventBody::NoteOff { channel, key, velocity, note: None }),
        0xa0..=0xe0 => Some(EventBody::Midi { bytes }),
        _ => None,
    }
}
