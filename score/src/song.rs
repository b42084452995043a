//! A MIDI file as tracks of notes and messages.

use std::sync::Arc;

use audio::SampleRate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Division, TempoMap};

/// A MIDI file.
///
/// The tracks of formats 0 and 1 play together. Those of format 2 are patterns, each with tempo and meter of its own;
/// they play one after the other, in the file's order, each from 120 quarter notes a minute in 4/4 unless it says
/// otherwise. [`Song::pattern`] gives one of them alone.
#[derive(Clone, Debug)]
pub struct Song {
    pub(crate) division: Division,
    pub(crate) tracks: Vec<Track>,
    pub(crate) tempo_map: TempoMap,
    pub(crate) end: u64,
    pub(crate) patterns: Vec<Pattern>,
    pub(crate) repairs: Repairs,
}

/// Where a track of a format 2 file lies among the others.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    pub start: u64,
    pub end: u64,
    /// Its own, from its start.
    pub tempo_map: TempoMap,
}

/// What was mended or left out as a file was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Repairs {
    /// Ends of notes that had not begun; left out.
    pub stray_ends: usize,
    /// Notes that never end; they end with the song, or with their pattern.
    pub unended_notes: usize,
    /// Escaped bytes that are no system exclusive message, such as real-time messages; left out.
    pub escapes: usize,
    /// System exclusive messages that never end; left out.
    pub unfinished_sysex: usize,
}

/// One track of a file.
#[derive(Clone, Debug)]
pub struct Track {
    /// Its name; `None` if it has none or an empty one. Of a format 0 file, the song's.
    pub name: Option<String>,
    /// The MIDI port that it plays on, from 0. Files say so only where they have more than sixteen channels.
    pub port: u8,
    /// Channels that its messages use, from 0, in order.
    pub channels: Vec<u8>,
    /// How many notes it has.
    pub notes: usize,
    /// What happens, in order. Every note that begins also ends.
    pub events: Vec<TrackEvent>,
}

/// Something that happens at a tick.
#[derive(Clone, Debug, PartialEq)]
pub struct TrackEvent {
    /// Ticks from the start.
    pub tick: u64,
    /// What happens.
    pub body: TrackEventBody,
}

/// What happens in a track. `note` numbers the notes of a file, so that an off finds its on.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the variants are MIDI's messages, their fields its data bytes")]
pub enum TrackEventBody {
    /// A note begins; `velocity` is 1 to 127.
    NoteOn { channel: u8, key: u8, velocity: u8, note: u32 },
    /// A note ends; `velocity` is that of the release.
    NoteOff { channel: u8, key: u8, velocity: u8, note: u32 },
    /// Any other channel message; unused bytes are 0.
    Midi { bytes: [u8; 3] },
    /// A system exclusive message with its leading F0 and closing F7.
    Sysex { bytes: Arc<[u8]> },
}

/// No track, or more than one, has a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrackNotFound {
    /// No track has it.
    #[error("there is no track {name:?}; the file has {}", .tracks.join(", "))]
    Unknown {
        /// The name asked for.
        name: String,
        /// The tracks that there are, in words.
        tracks: Vec<String>,
    },
    /// Several tracks have it.
    #[error("several tracks are called {name:?}: {}. Choose one by its number", .tracks.join(", "))]
    Ambiguous {
        /// The name asked for.
        name: String,
        /// Those tracks, in words.
        tracks: Vec<String>,
    },
}

impl Song {
    /// The file's own tempo and meter.
    pub fn tempo_map(&self) -> &TempoMap {
        &self.tempo_map
    }

    /// What was mended or left out as the file was read.
    pub fn repairs(&self) -> Repairs {
        self.repairs
    }

    /// How many patterns it has: the tracks of a format 2 file. 0 for a file whose tracks play together.
    pub fn patterns(&self) -> usize {
        self.patterns.len()
    }

    /// One pattern of a format 2 file as a song of one track, which begins at tick 0 and has its own tempo map. `None`
    /// if there is no such pattern. It may be without notes.
    pub fn pattern(&self, number: usize) -> Option<Song> {
        let pattern = self.patterns.get(number)?;
        let mut track = self.tracks[number].clone();
        track.events.iter_mut().for_each(|event| event.tick -= pattern.start);
        Some(Song {
            division: self.division,
            tracks: vec![track],
            tempo_map: pattern.tempo_map.clone(),
            end: pattern.end - pattern.start,
            patterns: Vec::new(),
            repairs: self.repairs,
        })
    }

    /// Its tracks.
    pub fn tracks(&self) -> &[Track] {
        &self.tracks
    }

    /// The number of the track with a name. Case and surrounding space do not matter unless several tracks differ in
    /// nothing else.
    pub fn find_track(&self, name: &str) -> Result<u16, TrackNotFound> {
        let with = |same: &dyn Fn(&str) -> bool| -> Vec<usize> {
            (0..self.tracks.len()).filter(|&n| self.tracks[n].name.as_deref().is_some_and(same)).collect()
        };
        let mut found = with(&|other| other == name);
        if found.is_empty() {
            found = with(&|other| other.to_lowercase() == name.trim().to_lowercase());
        }
        let name = name.to_owned();
        match found[..] {
            [one] => Ok(one as u16),
            [] => {
                let tracks = (0..self.tracks.len()).map(|n| self.describe(n)).collect();
                Err(TrackNotFound::Unknown { name, tracks })
            }
            _ => {
                let tracks = found.into_iter().map(|n| self.describe(n)).collect();
                Err(TrackNotFound::Ambiguous { name, tracks })
            }
        }
    }

    /// A track in words: `2 "Bass" (channel 2, 310 notes)`. Channels count from 1 there, as musicians do.
    pub fn describe(&self, track: usize) -> String {
        let Track { name, channels, notes, .. } = &self.tracks[track];
        let name = name.as_ref().map(|name| format!(" {name:?}")).unwrap_or_default();
        let channels = match channels[..] {
            [] => String::new(),
            [one] => format!("channel {}, ", one + 1),
            _ => {
                let list: Vec<String> = channels.iter().map(|channel| (channel + 1).to_string()).collect();
                format!("channels {}, ", list.join(" and "))
            }
        };
        format!("{track}{name} ({channels}{notes} {})", if *notes == 1 { "note" } else { "notes" })
    }

    /// When a tick falls under a tempo map, in seconds. A file that counts film frames instead of quarter notes (SMPTE
    /// division) has times of its own, which no tempo changes.
    pub fn seconds_at_tick(&self, tick: u64, tempo: &TempoMap) -> f64 {
        self.division.seconds_at_tick(tick, tempo)
    }

    /// The tick nearest to a time under a tempo map; times before the start give 0.
    pub fn tick_at_seconds(&self, seconds: f64, tempo: &TempoMap) -> u64 {
        self.division.tick_at_seconds(seconds, tempo)
    }

    /// What its ticks are.
    pub fn division(&self) -> Division {
        self.division
    }

    /// The end of the longest track in ticks.
    pub fn end_tick(&self) -> u64 {
        self.end
    }

    /// The end of the longest track in seconds.
    pub fn end_seconds(&self, tempo: &TempoMap) -> f64 {
        self.seconds_at_tick(self.end, tempo)
    }

    /// The end of the longest track in frames.
    pub fn end_frame(&self, tempo: &TempoMap, sample_rate: SampleRate) -> u64 {
        sample_rate.frames(self.end_seconds(tempo))
    }
}

impl TrackEventBody {
    /// The channel that it belongs to.
    pub(crate) fn channel(&self) -> Option<u8> {
        match *self {
            TrackEventBody::NoteOn { channel, .. } | TrackEventBody::NoteOff { channel, .. } => Some(channel),
            TrackEventBody::Midi { bytes } => Some(bytes[0] & 15),
            TrackEventBody::Sysex { .. } => None,
        }
    }
}
