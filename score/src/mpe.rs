//! MIDI polyphonic expression: channels that each carry one note become expressions of notes.
//!
//! After "MIDI Polyphonic Expression", version 1.0 (MIDI Association): a lower zone has channel 0 as its master and the
//! channels above it as members, an upper zone channel 15 and those below it. Registered parameter 6 on a master says how
//! many members there are, registered parameter 0 on any member how far the bends of all of them reach.

use audio::Expression;

const LOWER: usize = 0;
const UPPER: usize = 1;
/// Semitones that a member's bend reaches unless a song says otherwise.
const REACH: f64 = 48.0;
const CENTRE: u16 = 8_192;
/// The registered parameter that says how many members a zone has.
const MEMBERS: [Option<u8>; 2] = [Some(0), Some(6)];

/// The zones of one port and what their channels stand at.
pub(crate) struct Mpe {
    /// Members and the reach of their bends in semitones.
    zones: [Zone; 2],
    /// A song has said which zones there are.
    configured: bool,
    channels: [Member; 16],
}

#[derive(Clone, Copy)]
struct Zone {
    members: u8,
    semitones: u8,
    cents: u8,
}

#[derive(Clone)]
struct Member {
    bend: u16,
    pressure: u8,
    brightness: Option<u8>,
    /// The registered parameter that data entries go to, as far as it is chosen.
    parameter: [Option<u8>; 2],
    /// Notes that sound, with their keys.
    notes: Vec<(u32, u8)>,
}

/// One note changes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Change {
    pub key: u8,
    pub note: u32,
    pub expression: Expression,
    pub value: f64,
}

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// It goes on as it is.
    Pass,
    /// It is understood, and in the changes.
    Taken,
    /// A member channel has no use for it.
    Ignored,
}

impl Mpe {
    pub fn new() -> Mpe {
        let zone = |members| Zone { members, semitones: REACH as u8, cents: 0 };
        let member = Member { bend: CENTRE, pressure: 0, brightness: None, parameter: [None; 2], notes: Vec::new() };
        Mpe { zones: [zone(15), zone(0)], configured: false, channels: std::array::from_fn(|_| member.clone()) }
    }

    /// The channel that a channel's notes are on.
    pub fn master(&self, channel: u8) -> u8 {
        match self.zone(channel) {
            Some(LOWER) => 0,
            Some(_) => 15,
            None => channel,
        }
    }

    /// A note begins; gives what its channel stands at beside the neutral.
    pub fn begin(&mut self, channel: u8, key: u8, note: u32) -> Vec<Change> {
        let Some(zone) = self.zone(channel) else { return Vec::new() };
        let member = &mut self.channels[usize::from(channel)];
        member.notes.push((note, key));
        let reach = self.zones[zone].reach();
        let change = |expression, value| Change { key, note, expression, value };
        let tuning = (member.bend != CENTRE).then(|| change(Expression::Tuning, tuning(member.bend, reach)));
        let pressure = (member.pressure != 0).then(|| change(Expression::Pressure, part(member.pressure)));
        let brightness = member.brightness.map(|value| change(Expression::Brightness, part(value)));
        [tuning, pressure, brightness].into_iter().flatten().collect()
    }

    /// A note ends.
    pub fn end(&mut self, channel: u8, note: u32) {
        self.channels[usize::from(channel)].notes.retain(|&(other, _)| other != note);
    }

    /// A channel message other than a note.
    pub fn message(&mut self, bytes: [u8; 3], changes: &mut Vec<Change>) -> Heard {
        let [status, first, second] = bytes;
        let channel = status & 15;
        let Some(zone) = self.zone(channel) else { return self.master_message(bytes) };
        let reach = self.zones[zone].reach();
        let member = &mut self.channels[usize::from(channel)];
        let mut all = |expression, value| {
            changes.extend(member.notes.iter().map(|&(note, key)| Change { key, note, expression, value }));
        };
        match (status >> 4, first) {
            (0xe, _) => {
                member.bend = u16::from(second) << 7 | u16::from(first);
                all(Expression::Tuning, tuning(member.bend, reach));
            }
            (0xd, _) => {
                member.pressure = first;
                all(Expression::Pressure, part(first));
            }
            (0xb, 74) => {
                member.brightness = Some(second);
                all(Expression::Brightness, part(second));
            }
            (0xa, _) => {
                let of_key = member.notes.iter().filter(|&&(_, key)| key == first);
                changes.extend(of_key.map(|&(note, key)| Change {
                    key,
                    note,
                    expression: Expression::Pressure,
                    value: part(second),
                }));
            }
            (0xb, 98..=101) => choose(&mut member.parameter, first, second),
            // Channel 15 may be a member so far, and still found a zone of its own.
            (0xb, 6) if member.parameter == MEMBERS && channel == 15 && second <= 15 => self.configure(UPPER, second),
            (0xb, 6 | 38) if member.parameter == [Some(0); 2] => {
                let zone_reach = &mut self.zones[zone];
                match first {
                    6 => (zone_reach.semitones, zone_reach.cents) = (second, 0),
                    _ => zone_reach.cents = second,
                }
                self.bend_again(zone, changes);
            }
            _ => return Heard::Ignored,
        }
        Heard::Taken
    }

    /// A message of a master, or of a channel outside all zones.
    fn master_message(&mut self, [status, first, second]: [u8; 3]) -> Heard {
        let channel = usize::from(status & 15);
        let parameter = &mut self.channels[channel].parameter;
        match (status >> 4, first) {
            (0xb, 98..=101) => choose(parameter, first, second),
            (0xb, 6) if *parameter == MEMBERS && second <= 15 && (channel == 0 || channel == 15) => {
                self.configure(if channel == 0 { LOWER } else { UPPER }, second);
                return Heard::Taken;
            }
            _ => {}
        }
        Heard::Pass
    }

    /// A zone gets so many members; the other one gives way.
    fn configure(&mut self, zone: usize, members: u8) {
        if !std::mem::replace(&mut self.configured, true) {
            self.zones[LOWER].members = 0;
        }
        self.zones[zone] = Zone { members, semitones: REACH as u8, cents: 0 };
        let other = &mut self.zones[1 - zone];
        other.members = other.members.min(14u8.saturating_sub(members));
    }

    /// The reach of a zone's bends changed.
    fn bend_again(&self, zone: usize, changes: &mut Vec<Change>) {
        let reach = self.zones[zone].reach();
        for (channel, member) in self.channels.iter().enumerate() {
            if self.zone(channel as u8) == Some(zone) && member.bend != CENTRE {
                changes.extend(member.notes.iter().map(|&(note, key)| Change {
                    key,
                    note,
                    expression: Expression::Tuning,
                    value: tuning(member.bend, reach),
                }));
            }
        }
    }

    /// The zone that a channel is a member of.
    fn zone(&self, channel: u8) -> Option<usize> {
        if (1..=self.zones[LOWER].members).contains(&channel) {
            Some(LOWER)
        } else if channel < 15 && channel + self.zones[UPPER].members >= 15 {
            Some(UPPER)
        } else {
            None
        }
    }
}

impl Zone {
    fn reach(self) -> f64 {
        f64::from(self.semitones) + f64::from(self.cents) / 100.0
    }
}

/// Controllers 98 to 101 choose what data entries go to; the first two choose parameters that MPE knows nothing of.
fn choose(parameter: &mut [Option<u8>; 2], controller: u8, value: u8) {
    match controller {
        101 => parameter[0] = Some(value),
        100 => parameter[1] = Some(value),
        _ => *parameter = [None; 2],
    }
}

/// Semitones, within what notes can be tuned by.
fn tuning(bend: u16, reach: f64) -> f64 {
    ((f64::from(bend) - f64::from(CENTRE)) / f64::from(CENTRE) * reach).clamp(-120.0, 120.0)
}

fn part(value: u8) -> f64 {
    f64::from(value) / 127.0
}
