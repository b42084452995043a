//! What is said between host and plugin as objects: properties (`patch`) and musical time (`time:Position`).
//!
//! Messages are written into one object that keeps its room, so that nothing is allocated while processing.

use audio::{EventBody, Transport};

use super::atom::{self, Object};
use super::names::*;
use super::property::{Property, ValueType};
use super::urid::KNOWN;
use crate::midi;

/// What a plugin says that a property is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Said<'a> {
    Number(f64),
    Text(&'a str),
}

fn set(message: &mut Object, property: &Property, kind: u32, value: &[u8]) {
    let known = &*KNOWN;
    message.begin(known.patch_set).put(known.patch_property, known.urid, &property.key.to_ne_bytes()).put(
        known.patch_value,
        kind,
        value,
    );
}

/// Writes the message that sets a property to a number.
pub(super) fn set_number(message: &mut Object, property: &Property, value: f64) {
    let known = &*KNOWN;
    let whole = value.round();
    match property.kind {
        ValueType::Bool => set(message, property, known.bool, &i32::from(value > 0.0).to_ne_bytes()),
        ValueType::Int => set(message, property, known.int, &(whole as i32).to_ne_bytes()),
        ValueType::Long => set(message, property, known.long, &(whole as i64).to_ne_bytes()),
        ValueType::Float => set(message, property, known.float, &(value as f32).to_ne_bytes()),
        _ => set(message, property, known.double, &value.to_ne_bytes()),
    }
}

/// Writes the message that sets a property to a text or a path, which ends with a NUL.
pub(super) fn set_text(message: &mut Object, property: &Property, value: &[u8]) {
    let known = &*KNOWN;
    let kind = match property.kind {
        ValueType::Path => known.path,
        ValueType::Uri => known.uri,
        _ => known.string,
    };
    set(message, property, kind, value);
}

/// Understands what a plugin says about its properties: `patch:Set` of one, `patch:Put` of several.
pub(super) fn heard(properties: &[Property], kind: u32, body: &[u8], mut each: impl FnMut(usize, Said<'_>)) {
    let known = &*KNOWN;
    let Some((message, parts)) = atom::object(kind, body) else { return };
    let mut say = |key: u32, kind: u32, value: &[u8]| {
        let Some(place) = properties.iter().position(|property| property.key == key) else { return };
        let property = &properties[place];
        if property.kind.is_number() {
            if let Some(value) = atom::number(kind, value) {
                each(place, Said::Number(value));
            }
        } else if property.kind.is_text()
            && let Some(text) = atom::text(kind, value)
        {
            each(place, Said::Text(text));
        }
    };
    if message == known.patch_set {
        let (mut property, mut value) = (None, None);
        for (key, kind, body) in parts {
            if key == known.patch_property && body.len() >= 4 {
                property = Some(u32::from_ne_bytes(body[..4].try_into().expect("four bytes")));
            } else if key == known.patch_value {
                value = Some((kind, body));
            }
        }
        if let (Some(property), Some((kind, value))) = (property, value) {
            say(property, kind, value);
        }
    } else if message == known.patch_put {
        for (key, kind, body) in parts {
            if key == known.patch_body
                && let Some((_, properties)) = atom::object(kind, body)
            {
                properties.for_each(|(key, kind, value)| say(key, kind, value));
            }
        }
    }
}

/// What a MIDI message from a plugin means.
pub(super) fn read_midi(bytes: &[u8]) -> Option<EventBody> {
    match bytes {
        [0xf0, ..] => Some(EventBody::Sysex { bytes: bytes.into() }),
        [status, ..] if bytes.len() >= midi::length(*status) => {
            let byte = |at| bytes.get(at).copied().unwrap_or(0);
            midi::read([*status, byte(1), byte(2)])
        }
        _ => None,
    }
}

/// Position in the bar, in beats as the metre counts them.
fn bar_beat(now: &Transport) -> f64 {
    (now.beat - now.bar_start) * f64::from(now.denominator) / 4.0
}

fn speed(now: &Transport) -> f32 {
    if now.playing { 1.0 } else { 0.0 }
}

/// Writes musical time.
pub(super) fn position(message: &mut Object, now: &Transport) {
    let known = &*KNOWN;
    message
        .begin(known.time_position)
        .put(known.time_frame, known.long, &now.frame.to_ne_bytes())
        .put(known.time_speed, known.float, &speed(now).to_ne_bytes())
        .put(known.time_bar, known.long, &i64::from(now.bar).to_ne_bytes())
        .put(known.time_bar_beat, known.float, &(bar_beat(now) as f32).to_ne_bytes())
        .put(known.time_beat, known.double, &(now.beat * f64::from(now.denominator) / 4.0).to_ne_bytes())
        .put(known.time_beat_unit, known.int, &i32::from(now.denominator).to_ne_bytes())
        .put(known.time_beats_per_bar, known.float, &f32::from(now.numerator).to_ne_bytes())
        .put(known.time_beats_per_minute, known.float, &(now.tempo as f32).to_ne_bytes())
        .put(known.time_frames_per_second, known.float, &(now.sample_rate.hz() as f32).to_ne_bytes());
}

/// Musical time as the values of controls that are designated for it.
pub(super) fn designated(now: &Transport) -> [(&'static str, f64); 7] {
    [
        (TIME_SPEED, speed(now).into()),
        (TIME_BAR, now.bar.into()),
        (TIME_BAR_BEAT, bar_beat(now)),
        (TIME_BEAT_UNIT, now.denominator.into()),
        (TIME_BEATS_PER_BAR, now.numerator.into()),
        (TIME_BEATS_PER_MINUTE, now.tempo),
        (TIME_FRAMES_PER_SECOND, now.sample_rate.hz()),
    ]
}
