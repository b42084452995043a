//! Which sounds a song asks for, and which of its notes each of them plays.

use std::collections::{BTreeMap, HashMap};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::merge::merged;
use crate::{Part, Program, Song, TrackEventBody};

/// The channel, from 0, on which General MIDI has drums: musicians call it 10.
pub(crate) const DRUMS: u8 = 9;

/// What each channel of each port plays with.
#[derive(Default)]
pub(crate) struct Programs {
    chosen: HashMap<(u8, u8), Choice>,
}

#[derive(Clone, Copy, Default)]
struct Choice {
    bank: u16,
    program: Program,
}

impl Programs {
    /// Takes note of bank selects and programs.
    pub fn hear(&mut self, port: u8, [status, first, second]: [u8; 3]) {
        let choice = self.chosen.entry((port, status & 15)).or_default();
        match (status >> 4, first) {
            (0xb, 0) => choice.bank = choice.bank & 0x7f | u16::from(second) << 7,
            (0xb, 32) => choice.bank = choice.bank & !0x7f | u16::from(second),
            (0xc, program) => choice.program = Program { bank: choice.bank, program },
            _ => {}
        }
    }

    /// What a channel plays with; program 0 of bank 0 until it chooses.
    pub fn of(&self, port: u8, channel: u8) -> Program {
        self.chosen.get(&(port, channel)).map_or(Program::default(), |choice| choice.program)
    }
}

/// The notes of one channel that one program plays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SongPart {
    /// The MIDI port, from 0.
    pub port: u8,
    /// The channel, from 0.
    pub channel: u8,
    /// The program that is chosen as they begin.
    pub program: Program,
    /// They are on the drum channel of General MIDI, number 9 from 0, where keys are instruments.
    pub drums: bool,
    /// How many there are, at least 1.
    pub notes: usize,
    /// The tracks that they stand in, from 0, in order.
    pub tracks: Vec<u16>,
    /// The lowest and the highest key, 0 to 127.
    pub keys: (u8, u8),
    /// Where the first begins, in ticks.
    pub first_tick: u64,
    /// Where the last to end ends, in ticks.
    pub last_tick: u64,
}

impl SongPart {
    /// What plays exactly these notes, with all controllers of their channel.
    pub fn part(&self) -> Part {
        Part {
            ports: vec![self.port],
            channels: vec![self.channel],
            programs: vec![self.program.into()],
            ..Part::default()
        }
    }
}

impl Song {
    /// The parts of a song that each want an instrument: one for each port, channel and program that notes begin with, in
    /// that order. Every note is in exactly one. Channels are as written, also where they are those of MPE.
    pub fn parts(&self) -> Vec<SongPart> {
        let mut programs = Programs::default();
        let mut parts: BTreeMap<(u8, u8, Program), SongPart> = BTreeMap::new();
        let mut sounding: HashMap<u32, (u8, u8, Program)> = HashMap::new();
        for event in merged(self) {
            match *event.body {
                TrackEventBody::Midi { bytes } => programs.hear(event.port, bytes),
                TrackEventBody::NoteOn { channel, key, note, .. } => {
                    let program = programs.of(event.port, channel);
                    let which = (event.port, channel, program);
                    sounding.insert(note, which);
                    let part = parts.entry(which).or_insert_with(|| SongPart {
                        port: event.port,
                        channel,
                        program,
                        drums: channel == DRUMS,
                        notes: 0,
                        tracks: Vec::new(),
                        keys: (key, key),
                        first_tick: event.tick,
                        last_tick: event.tick,
                    });
                    part.notes += 1;
                    part.keys = (part.keys.0.min(key), part.keys.1.max(key));
                    if let Err(place) = part.tracks.binary_search(&event.track) {
                        part.tracks.insert(place, event.track);
                    }
                }
                TrackEventBody::NoteOff { note, .. } => {
                    if let Some(part) = sounding.remove(&note).and_then(|which| parts.get_mut(&which)) {
                        part.last_tick = part.last_tick.max(event.tick);
                    }
                }
                TrackEventBody::Sysex { .. } => {}
            }
        }
        parts.into_values().collect()
    }
}
