//! Events as the bytes of a Standard MIDI File.

use std::sync::Arc;

use crate::Division;
use crate::parse::Body;

/// One event without its time.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Written {
    Channel([u8; 3]),
    /// With its leading F0 and closing F7.
    Sysex(Arc<[u8]>),
    Escape(Arc<[u8]>),
    Meta(u8, Arc<[u8]>),
}

impl From<[u8; 3]> for Written {
    fn from(bytes: [u8; 3]) -> Written {
        Written::Channel(bytes)
    }
}

impl From<&Body> for Written {
    fn from(body: &Body) -> Written {
        match body {
            Body::Channel(bytes) => Written::Channel(*bytes),
            Body::Sysex(bytes) => Written::Sysex(bytes.clone()),
            Body::Escape(bytes) => Written::Escape(bytes.clone()),
            Body::Tempo(tempo) => Written::tempo(*tempo),
            Body::Meter { numerator, denominator, notation } => Written::meter((*numerator, *denominator, *notation)),
            Body::Name(name) => Written::Meta(0x03, name.as_bytes().into()),
            Body::Port(port) => Written::Meta(0x21, [*port].into()),
            Body::Meta { kind, data } => Written::Meta(*kind, data.clone()),
            Body::End => Written::Meta(0x2f, [].into()),
        }
    }
}

impl Written {
    /// Microseconds a quarter note.
    pub fn tempo(tempo: u32) -> Written {
        Written::Meta(0x51, tempo.to_be_bytes()[1..].into())
    }

    /// Beats in a bar, their unit, and how they are noted.
    pub fn meter((numerator, denominator, notation): (u8, u16, [u8; 2])) -> Written {
        let power = denominator.trailing_zeros() as u8;
        Written::Meta(0x58, [numerator, power, notation[0], notation[1]].into())
    }

    fn bytes(&self, out: &mut Vec<u8>) {
        let (head, data): (&[u8], &[u8]) = match self {
            Written::Channel(bytes) => {
                // Programs and channel pressure have one byte of data.
                let count = if matches!(bytes[0] >> 4, 0xc | 0xd) { 2 } else { 3 };
                return out.extend_from_slice(&bytes[..count]);
            }
            Written::Sysex(bytes) => (&[0xf0], &bytes[1..]),
            Written::Escape(bytes) => (&[0xf7], bytes),
            Written::Meta(kind, data) => (&[0xff, *kind], data),
        };
        out.extend_from_slice(head);
        number(out, data.len() as u64);
        out.extend_from_slice(data);
    }
}

/// The content of a track of events in order, whose end is at a tick or with its last event.
pub(super) fn track(events: &[(u64, Written)], end: u64) -> Vec<u8> {
    let mut out = Vec::new();
    let mut now = 0;
    let end = events.last().map_or(end, |(last, _)| end.max(*last));
    let events = events.iter().map(|(tick, event)| (*tick, event));
    for (tick, event) in events.chain([(end, &Written::Meta(0x2f, [].into()))]) {
        while tick - now > LARGEST {
            // A time no number can hold, from the joined pieces of a file: silence is put between.
            number(&mut out, LARGEST);
            Written::Meta(0x01, [].into()).bytes(&mut out);
            now += LARGEST;
        }
        number(&mut out, tick - now);
        event.bytes(&mut out);
        now = tick;
    }
    out
}

/// The largest number of the four bytes that a time may have.
const LARGEST: u64 = 0x0fff_ffff;

/// A variable-length number.
fn number(out: &mut Vec<u8>, number: u64) {
    for shift in [21, 14, 7] {
        if number >> shift != 0 {
            out.push((number >> shift) as u8 & 0x7f | 0x80);
        }
    }
    out.push(number as u8 & 0x7f);
}

/// A file of tracks.
pub(super) fn file(format: u16, division: Division, tracks: &[Vec<u8>]) -> Vec<u8> {
    let division = match division {
        Division::Quarter(ticks) => ticks,
        Division::Seconds { ticks, seconds: 1_001 } => film(29, ticks / 30_000),
        Division::Seconds { ticks, .. } => {
            // Any of the three rates that divides it is the same length of tick, if the rest fits into a byte.
            let rate = [25, 24, 30].into_iter().find(|rate| ticks % rate == 0 && ticks / rate < 256);
            let rate = rate.expect("ticks that were read are so many of a film's frame");
            film(rate as u8, ticks / rate)
        }
    };
    let mut out = b"MThd\0\0\0\x06".to_vec();
    for word in [format, tracks.len() as u16, division] {
        out.extend_from_slice(&word.to_be_bytes());
    }
    for track in tracks {
        out.extend_from_slice(b"MTrk");
        out.extend_from_slice(&(track.len() as u32).to_be_bytes());
        out.extend_from_slice(track);
    }
    out
}

/// A division that counts film frames a second, and ticks in each.
fn film(rate: u8, ticks: u32) -> u16 {
    u16::from_be_bytes([rate.wrapping_neg(), ticks as u8])
}
