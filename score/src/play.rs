//! From a song to what a device plays, frame by frame.

use std::collections::HashMap;

use audio::{EventBody, SampleRate};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::gap;
use crate::merge::{Merged, ends_first, merged};
use crate::mpe::{Heard, Mpe};
use crate::programs::{DRUMS, Programs};
use crate::{Part, PartError, Select, Song, TempoMap, ToChannels, TrackEventBody, Unmapped};

/// Something that happens at a frame.
#[derive(Clone, Debug, PartialEq)]
pub struct TimedEvent {
    /// Frames from the start of the song.
    pub frame: u64,
    /// What happens.
    pub body: EventBody,
}

/// What a device plays of a song, and how it came to be that.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Performance {
    /// What happens, in order.
    pub events: Vec<TimedEvent>,
    /// Where notes begin, in the order of the events.
    pub onsets: Vec<Onset>,
    /// What was changed or left out.
    pub report: PlayReport,
}

/// The beginning of a note that is played.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Onset {
    /// The frame nearest to it.
    pub frame: u64,
    /// The tick at which it stands.
    pub tick: u64,
    /// The track that it stands in, from 0.
    pub track: u16,
    /// The channel that it is played on, from 0.
    pub channel: u8,
    /// The key that is played, 0 to 127.
    pub key: u8,
    /// How hard, above 0 to 1.
    pub velocity: f64,
    /// The note's number in the file.
    pub note: u32,
}

/// A note of the file that is not played.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LostNote {
    /// Where it stands, in ticks.
    pub tick: u64,
    /// The track, from 0.
    pub track: u16,
    /// The channel, from 0.
    pub channel: u8,
    /// Its key as written.
    pub key: u8,
}

/// What a [`Part`] changed of the events that it selects, and what it left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct PlayReport {
    /// Notes that are played.
    pub notes: usize,
    /// Notes that transposition moves out of 0..127; left out.
    pub out_of_range: Vec<LostNote>,
    /// Notes whose keys the key map does not name; left out, where it says so.
    pub unmapped: Vec<LostNote>,
    /// Pressures on keys whose notes are left out; left out with them.
    pub lost_pressures: usize,
    /// Played notes with another key than written.
    pub keys_changed: usize,
    /// Played notes with another velocity than written.
    pub velocities_changed: usize,
    /// Notes, and other messages, on another channel than written.
    pub channels_changed: usize,
    /// Changes to programs that were not chosen; left out.
    pub program_changes_left_out: usize,
    /// Notes that end earlier, for the gap to the next one of their key.
    pub shortened: usize,
    /// Notes that end earlier, since the next of their key begins within them.
    pub overlaps_cut: usize,
    /// Messages on member channels of an MPE zone that mean nothing there; left out.
    pub mpe_ignored: usize,
    /// Messages that became expressions of notes, or configured their zone.
    pub mpe_taken: usize,
}

/// One event on its way.
pub(crate) struct Draft {
    pub tick: u64,
    pub frame: u64,
    pub track: u16,
    pub body: EventBody,
}

impl Song {
    /// What a device plays of the selected, in order, each event at the frame nearest to its time: [`Song::play`] without
    /// any change. Empty where nothing is selected.
    pub fn events(&self, select: Select, tempo: &TempoMap, sample_rate: SampleRate) -> Vec<TimedEvent> {
        self.perform(&Part::from(select), tempo, sample_rate).events
    }

    /// What a device plays of a part, in order, each event at the frame nearest to its time. Fails if the part has
    /// something out of range; a part that selects nothing gives nothing.
    ///
    /// Events of one tick keep the file's order within a track. Where several tracks have something at one tick, system
    /// exclusive messages, bank selects and programs go in front of all else, and beginnings of notes behind it. A note
    /// that ends where the same key begins anew ends first, so that the end does not silence the beginning. Every note
    /// that begins also ends.
    pub fn play(&self, part: &Part, tempo: &TempoMap, sample_rate: SampleRate) -> Result<Performance, PartError> {
        part.check()?;
        Ok(self.perform(part, tempo, sample_rate))
    }

    fn perform(&self, part: &Part, tempo: &TempoMap, sample_rate: SampleRate) -> Performance {
        let frame = |tick: u64| sample_rate.frames(self.seconds_at_tick(tick, tempo));
        let mut player = Player::new(part);
        let mut drafts = Vec::new();
        for simultaneous in merged(self).chunk_by(|a, b| a.tick == b.tick) {
            let at = frame(simultaneous[0].tick);
            let mut now = Vec::with_capacity(simultaneous.len());
            simultaneous.iter().for_each(|event| player.hear(event, at, &mut now));
            drafts.extend(ends_first(now, |draft| &draft.body));
        }
        let mut report = player.report;
        gap::make_room(&mut drafts, part, frame, sample_rate, &mut report);
        let onsets = drafts.iter().filter_map(Draft::onset).collect();
        let events = drafts.into_iter().map(|Draft { frame, body, .. }| TimedEvent { frame, body }).collect();
        Performance { events, onsets, report }
    }
}

impl Draft {
    fn onset(&self) -> Option<Onset> {
        let EventBody::NoteOn { channel, key, velocity, note } = self.body else { return None };
        let note = note.expect("the notes of a file have numbers");
        Some(Onset { frame: self.frame, tick: self.tick, track: self.track, channel, key, velocity, note })
    }
}

/// Hears a song from its start and says what a part makes of it.
struct Player<'a> {
    part: &'a Part,
    keys: Option<[Option<u8>; 128]>,
    programs: Programs,
    /// The zones of each port; empty where MPE is not decoded.
    zones: HashMap<u8, Mpe>,
    /// Notes that sound, with the channel and key that they are played on.
    sounding: HashMap<u32, (u8, u8)>,
    report: PlayReport,
}

impl<'a> Player<'a> {
    fn new(part: &'a Part) -> Player<'a> {
        let keys = part.key_map.as_ref().map(|map| {
            let kept = |key| (map.unmapped == Unmapped::Keep).then_some(key);
            let mut keys: [Option<u8>; 128] = std::array::from_fn(|key| kept(key as u8));
            map.keys.iter().for_each(|&(from, to)| keys[usize::from(from)] = Some(to));
            keys
        });
        Player {
            part,
            keys,
            programs: Programs::default(),
            zones: HashMap::new(),
            sounding: HashMap::new(),
            report: PlayReport::default(),
        }
    }

    fn hear(&mut self, event: &Merged<'_>, frame: u64, out: &mut Vec<Draft>) {
        let mut put = |body| out.push(Draft { tick: event.tick, frame, track: event.track, body });
        match *event.body {
            TrackEventBody::NoteOn { channel: written, key, velocity, note } => {
                let (channel, changes) = match self.mpe(event.port) {
                    Some(mpe) => (mpe.master(written), mpe.begin(written, key, note)),
                    None => (written, Vec::new()),
                };
                let program = self.programs.of(event.port, channel);
                let programs = &self.part.programs;
                let chosen = programs.is_empty() || programs.iter().any(|choice| choice.takes(program));
                if !chosen || !self.takes(event, Some(channel)) {
                    return;
                }
                let lost = LostNote { tick: event.tick, track: event.track, channel: written, key };
                let played = match self.key(channel, key) {
                    Ok(played) => played,
                    Err(Lost::OutOfRange) => return self.report.out_of_range.push(lost),
                    Err(Lost::Unmapped) => return self.report.unmapped.push(lost),
                };
                let to = self.to_channel(channel);
                let shaped = self.part.velocity.of(velocity);
                self.report.notes += 1;
                self.report.keys_changed += usize::from(played != key);
                self.report.velocities_changed += usize::from(shaped != f64::from(velocity));
                self.report.channels_changed += usize::from(to != written);
                self.sounding.insert(note, (to, played));
                put(EventBody::NoteOn { channel: to, key: played, velocity: shaped / 127.0, note: Some(note) });
                for change in changes {
                    let (expression, value) = (change.expression, change.value);
                    put(EventBody::Expression { channel: to, key: played, note: Some(note), expression, value });
                }
            }
            TrackEventBody::NoteOff { channel, velocity, note, .. } => {
                if let Some(mpe) = self.mpe(event.port) {
                    mpe.end(channel, note);
                }
                if let Some((channel, key)) = self.sounding.remove(&note) {
                    let velocity = f64::from(velocity) / 127.0;
                    put(EventBody::NoteOff { channel, key, velocity, note: Some(note) });
                }
            }
            TrackEventBody::Midi { bytes } => {
                let mut changes = Vec::new();
                let channel = bytes[0] & 15;
                let (heard, master) = match self.mpe(event.port) {
                    Some(mpe) => (mpe.message(bytes, &mut changes), mpe.master(channel)),
                    None => (Heard::Pass, channel),
                };
                for change in changes {
                    // The notes that a part does not play do not sound for it either.
                    if let Some(&(channel, key)) = self.sounding.get(&change.note) {
                        let (note, expression, value) = (Some(change.note), change.expression, change.value);
                        put(EventBody::Expression { channel, key, note, expression, value });
                    }
                }
                let takes = self.takes(event, Some(master));
                match heard {
                    Heard::Pass => {
                        self.programs.hear(event.port, bytes);
                        if takes && let Some(bytes) = self.message(event.port, bytes) {
                            put(EventBody::Midi { bytes });
                        }
                    }
                    Heard::Taken => self.report.mpe_taken += usize::from(takes),
                    Heard::Ignored => self.report.mpe_ignored += usize::from(takes),
                }
            }
            TrackEventBody::Sysex { ref bytes } => {
                if self.takes(event, None) {
                    put(EventBody::Sysex { bytes: bytes.clone() });
                }
            }
        }
    }

    /// A channel message that goes on, as it does.
    fn message(&mut self, port: u8, mut bytes: [u8; 3]) -> Option<[u8; 3]> {
        let channel = bytes[0] & 15;
        match bytes[0] >> 4 {
            0xa => match self.key(channel, bytes[1]) {
                Ok(key) => bytes[1] = key,
                Err(_) => {
                    self.report.lost_pressures += 1;
                    return None;
                }
            },
            0xc if !self.part.programs.is_empty() => {
                let program = self.programs.of(port, channel);
                if !self.part.programs.iter().any(|choice| choice.takes(program)) {
                    self.report.program_changes_left_out += 1;
                    return None;
                }
            }
            _ => {}
        }
        let to = self.to_channel(channel);
        self.report.channels_changed += usize::from(to != channel);
        bytes[0] = bytes[0] & 0xf0 | to;
        Some(bytes)
    }

    fn mpe(&mut self, port: u8) -> Option<&mut Mpe> {
        self.part.mpe.then(|| self.zones.entry(port).or_insert_with(Mpe::new))
    }

    fn takes(&self, event: &Merged<'_>, channel: Option<u8>) -> bool {
        let Part { tracks, ports, channels, .. } = self.part;
        (tracks.is_empty() || tracks.contains(&event.track))
            && (ports.is_empty() || ports.contains(&event.port))
            && (channels.is_empty() || channel.is_none_or(|channel| channels.contains(&channel)))
    }

    /// What a key becomes.
    fn key(&self, channel: u8, key: u8) -> Result<u8, Lost> {
        let key = match &self.keys {
            Some(keys) => keys[usize::from(key)].ok_or(Lost::Unmapped)?,
            None => key,
        };
        if channel == DRUMS && !self.part.transpose_drums {
            return Ok(key);
        }
        let moved = i16::from(key) + i16::from(self.part.transpose);
        u8::try_from(moved).ok().filter(|&key| key < 128).ok_or(Lost::OutOfRange)
    }

    fn to_channel(&self, channel: u8) -> u8 {
        match &self.part.to_channels {
            ToChannels::Keep => channel,
            ToChannels::All(to) => *to,
            ToChannels::Each(pairs) => pairs.iter().find(|pair| pair.0 == channel).map_or(channel, |pair| pair.1),
        }
    }
}

/// Why a key is not played.
enum Lost {
    OutOfRange,
    Unmapped,
}
