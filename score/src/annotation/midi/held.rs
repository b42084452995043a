//! What the messages of a file have set when a part of it begins.

use std::collections::BTreeMap;

use super::write::Written;
use crate::parse::Body;

/// What holds, and which track said so.
#[derive(Default)]
pub(super) struct Held {
    /// Names, ports and whatever else describes a track, by kind.
    descriptions: BTreeMap<(usize, u8), Written>,
    /// System exclusive messages of each track, in order: they set up instruments.
    sysex: Vec<(usize, Written)>,
    /// Ports that the tracks play on.
    ports: BTreeMap<usize, u8>,
    channels: BTreeMap<(u8, u8), Channel>,
}

/// What a channel's messages have set.
#[derive(Default)]
struct Channel {
    /// Ordered so that banks stand in front of their program.
    settings: BTreeMap<Setting, (usize, [u8; 3])>,
    /// The parameter that data entry goes to.
    selected: Option<Parameter>,
    /// What went to registered and other parameters, such as the range of pitch bend, in order.
    parameters: BTreeMap<Parameter, (usize, Vec<[u8; 3]>)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Setting {
    Bank(u8),
    Program,
    /// Omni, or one note at a time: pairs of which one holds.
    Mode(u8),
    Controller(u8),
    Bend,
    Pressure,
    KeyPressure(u8),
}

/// Controller numbers of its two halves with their values; 0xff while a half is not said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Parameter {
    registered: bool,
    high: u8,
    low: u8,
}

impl Held {
    /// Takes what a track says in front of the part.
    pub fn hear(&mut self, track: usize, body: &Body) {
        match body {
            Body::Port(port) => {
                self.ports.insert(track, *port);
                self.descriptions.insert((track, 0x21), body.into());
            }
            Body::Name(_) => {
                // The first holds; later ones are remarks.
                self.descriptions.entry((track, 0x03)).or_insert_with(|| body.into());
            }
            // Number, copyright, instrument, program and device, and the last key signature. Lyrics and marks belong to
            // their moment.
            Body::Meta { kind: kind @ (0x00 | 0x02 | 0x04 | 0x08 | 0x09 | 0x59), .. } => {
                self.descriptions.insert((track, *kind), body.into());
            }
            Body::Sysex(_) => self.sysex.push((track, body.into())),
            Body::Channel(bytes) => {
                let port = self.ports.get(&track).copied().unwrap_or(0);
                self.channels.entry((port, bytes[0] & 15)).or_default().hear(track, *bytes);
            }
            Body::Tempo(_) | Body::Meter { .. } | Body::Meta { .. } | Body::Escape(_) | Body::End => {}
        }
    }

    /// What describes a track, at its first tick.
    pub fn descriptions(&self, track: usize) -> impl Iterator<Item = (u64, Written)> {
        self.descriptions.range((track, 0)..=(track, u8::MAX)).map(|(_, written)| (0, written.clone()))
    }

    /// The messages that set again what a track has set.
    pub fn messages(&self, track: usize) -> impl Iterator<Item = (u64, Written)> {
        let sysex = self.sysex.iter().filter(move |(of, _)| *of == track).map(|(_, written)| (0, written.clone()));
        let channels = self.channels.iter().flat_map(move |((_, number), channel)| channel.messages(*number, track));
        sysex.chain(channels.map(|bytes| (0, bytes.into())))
    }
}

impl Channel {
    fn hear(&mut self, track: usize, bytes: [u8; 3]) {
        let [status, first, value] = bytes;
        let setting = match (status >> 4, first) {
            (0xa, key) => Setting::KeyPressure(key),
            (0xb, 0 | 32) => Setting::Bank(first),
            (0xb, 6 | 38 | 96 | 97) => return self.enter(track, bytes),
            (0xb, 98..=101) => return self.select(first, value),
            (0xb, 121) => return self.reset(),
            (0xb, 124 | 125) => Setting::Mode(124),
            (0xb, 126 | 127) => Setting::Mode(126),
            // Sounds off, notes off, and local control, which is no matter of the music.
            (0xb, 120 | 122 | 123) => return,
            (0xb, controller) => Setting::Controller(controller),
            (0xc, _) => Setting::Program,
            (0xd, _) => Setting::Pressure,
            (0xe, _) => Setting::Bend,
            _ => return,
        };
        self.settings.insert(setting, (track, bytes));
    }

    fn select(&mut self, controller: u8, value: u8) {
        let registered = controller >= 100;
        let none = Parameter { registered, high: 0xff, low: 0xff };
        let mut parameter = self.selected.filter(|selected| selected.registered == registered).unwrap_or(none);
        match controller {
            99 | 101 => parameter.high = value,
            _ => parameter.low = value,
        }
        self.selected = Some(parameter);
    }

    fn enter(&mut self, track: usize, bytes: [u8; 3]) {
        // Both halves at 127 select nothing.
        let Some(parameter) = self.selected.filter(|p| p.high < 0x80 && p.low < 0x80 && (p.high, p.low) != (127, 127))
        else {
            return;
        };
        let (by, entries) = self.parameters.entry(parameter).or_insert_with(|| (track, Vec::new()));
        *by = track;
        match bytes[1] {
            6 => entries.clear(),
            38 => entries.retain(|entry| entry[1] != 38),
            _ => {}
        }
        entries.push(bytes);
    }

    /// Reset all controllers: what MIDI's recommended practice 015 names; volume, pan, banks and programs stay.
    fn reset(&mut self) {
        self.settings.retain(|setting, _| {
            !matches!(
                setting,
                Setting::Controller(1 | 11 | 33 | 43 | 64..=69)
                    | Setting::Bend
                    | Setting::Pressure
                    | Setting::KeyPressure(_)
            )
        });
        self.selected = None;
    }

    fn messages(&self, number: u8, track: usize) -> Vec<[u8; 3]> {
        let mut messages: Vec<[u8; 3]> =
            self.settings.values().filter(|(by, _)| *by == track).map(|(_, bytes)| *bytes).collect();
        let select = |parameter: &Parameter| {
            let (high, low) = if parameter.registered { (101, 100) } else { (99, 98) };
            [[0xb0 | number, high, parameter.high], [0xb0 | number, low, parameter.low]]
                .into_iter()
                .filter(|[.., value]| *value < 0x80)
        };
        let mut left = None;
        for (parameter, (by, entries)) in &self.parameters {
            if *by == track {
                messages.extend(select(parameter));
                messages.extend(entries);
                left = Some(*parameter);
            }
        }
        if left.is_some() && left != self.selected {
            // Data that follows goes where it went before, or nowhere.
            let nowhere = Parameter { registered: true, high: 127, low: 127 };
            messages.extend(select(&self.selected.unwrap_or(nowhere)));
        }
        messages
    }
}
