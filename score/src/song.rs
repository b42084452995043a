//! A MIDI file as tracks of notes and messages.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use audio::{EventBody, SampleRate};

use crate::parse::{self, Body, Division};
use crate::{ScoreError, ScoreProblem, TempoMap};

/// A MIDI file of format 0 or 1.
#[derive(Clone, Debug)]
pub struct Song {
    division: Division,
    tracks: Vec<Track>,
    tempo_map: TempoMap,
    end: u64,
}

/// One track of a file.
#[derive(Clone, Debug)]
pub struct Track {
    /// Its name; `None` if it has none or an empty one. Of a format 0 file, the song's.
    pub name: Option<String>,
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

/// Which events of a file. A message without channel, such as a system exclusive, belongs to every channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Select {
    /// Only this track, from 0.
    pub track: Option<u16>,
    /// Only this channel, from 0.
    pub channel: Option<u8>,
}

/// Something that happens at a frame.
#[derive(Clone, Debug, PartialEq)]
pub struct TimedEvent {
    /// Frames from the start of the song.
    pub frame: u64,
    /// What happens.
    pub body: EventBody,
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

/// The release velocity of a note whose end states none (MIDI 1.0 detailed specification, note off).
const RELEASE: u8 = 64;

impl Song {
    /// Reads a file. A file without notes is an error; for one that only keeps time, see [`TempoMap::read`].
    pub fn read(path: &Path) -> Result<Song, ScoreError> {
        let name = path.display().to_string();
        load(path).and_then(|bytes| song(&bytes)).map_err(|problem| ScoreError { name, problem })
    }

    /// Reads a file that is in memory already. `name` stands in for the path in an error.
    pub fn from_bytes(name: &str, bytes: &[u8]) -> Result<Song, ScoreError> {
        song(bytes).map_err(|problem| ScoreError { name: name.to_owned(), problem })
    }

    /// The file's own tempo and meter.
    pub fn tempo_map(&self) -> &TempoMap {
        &self.tempo_map
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
        match self.division {
            Division::Quarter(ticks) => tempo.seconds_at_beat(tick as f64 / f64::from(ticks)),
            division @ Division::Seconds { .. } => division.seconds(tick),
        }
    }

    /// The tick nearest to a time under a tempo map; times before the start give 0.
    pub fn tick_at_seconds(&self, seconds: f64, tempo: &TempoMap) -> u64 {
        let ticks = match self.division {
            Division::Quarter(ticks) => tempo.beat_at_seconds(seconds) * f64::from(ticks),
            Division::Seconds { ticks, seconds: per } => seconds * f64::from(ticks) / f64::from(per),
        };
        ticks.round().max(0.0) as u64
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

    /// What a device plays, in order, each event at the frame nearest to its time.
    ///
    /// Events of one tick keep the file's order, track by track, but for one case: a note that ends where the same key
    /// begins anew ends first, so that the end does not silence the beginning. Empty where nothing is selected.
    pub fn events(&self, select: Select, tempo: &TempoMap, sample_rate: SampleRate) -> Vec<TimedEvent> {
        let tracks = self.tracks.iter().enumerate();
        let tracks = tracks.filter(|(number, _)| select.track.is_none_or(|track| usize::from(track) == *number));
        let events = tracks.flat_map(|(_, track)| &track.events);
        let mut events: Vec<&TrackEvent> = events
            .filter(|event| select.channel.is_none_or(|one| event.body.channel().is_none_or(|c| c == one)))
            .collect();
        events.sort_by_key(|event| event.tick);
        let mut timed = Vec::with_capacity(events.len());
        for simultaneous in events.chunk_by(|a, b| a.tick == b.tick) {
            let frame = sample_rate.frames(self.seconds_at_tick(simultaneous[0].tick, tempo));
            timed.extend(
                ends_first(simultaneous).into_iter().map(|event| TimedEvent { frame, body: event.body.timed() }),
            );
        }
        timed
    }
}

/// Moves each note's end that stands behind a beginning of the same key, and belongs to an earlier note, in front of it.
fn ends_first<'a>(events: &[&'a TrackEvent]) -> Vec<&'a TrackEvent> {
    if events.len() == 1 {
        return events.to_vec();
    }
    let mut begun = HashSet::new();
    let mut struck = HashSet::new();
    let mut late: HashMap<(u8, u8), Vec<&TrackEvent>> = HashMap::new();
    let mut late_notes = HashSet::new();
    for event in events {
        match event.body {
            TrackEventBody::NoteOn { channel, key, note, .. } => {
                begun.insert(note);
                struck.insert((channel, key));
            }
            TrackEventBody::NoteOff { channel, key, note, .. }
                if struck.contains(&(channel, key)) && !begun.contains(&note) =>
            {
                late.entry((channel, key)).or_default().push(event);
                late_notes.insert(note);
            }
            _ => {}
        }
    }
    let mut order = Vec::with_capacity(events.len());
    for &event in events {
        match event.body {
            TrackEventBody::NoteOff { note, .. } if late_notes.contains(&note) => continue,
            TrackEventBody::NoteOn { channel, key, .. } => {
                order.extend(late.remove(&(channel, key)).unwrap_or_default());
            }
            _ => {}
        }
        order.push(event);
    }
    order
}

impl TrackEventBody {
    fn channel(&self) -> Option<u8> {
        match *self {
            TrackEventBody::NoteOn { channel, .. } | TrackEventBody::NoteOff { channel, .. } => Some(channel),
            TrackEventBody::Midi { bytes } => Some(bytes[0] & 15),
            TrackEventBody::Sysex { .. } => None,
        }
    }

    fn timed(&self) -> EventBody {
        let part = |velocity: u8| f64::from(velocity) / 127.0;
        match *self {
            TrackEventBody::NoteOn { channel, key, velocity, note } => {
                EventBody::NoteOn { channel, key, velocity: part(velocity), note: Some(note) }
            }
            TrackEventBody::NoteOff { channel, key, velocity, note } => {
                EventBody::NoteOff { channel, key, velocity: part(velocity), note: Some(note) }
            }
            TrackEventBody::Midi { bytes } => EventBody::Midi { bytes },
            TrackEventBody::Sysex { ref bytes } => EventBody::Sysex { bytes: bytes.clone() },
        }
    }
}

impl TempoMap {
    /// Reads tempo and meter of a file, which needs no notes for that.
    pub fn read(path: &Path) -> Result<TempoMap, ScoreError> {
        let name = path.display().to_string();
        let file = load(path).and_then(|bytes| parse::file(&bytes));
        file.map(|file| tempo_map(&file)).map_err(|problem| ScoreError { name, problem })
    }

    /// Likewise [`read`](TempoMap::read), for a file that is in memory already.
    pub fn from_bytes(name: &str, bytes: &[u8]) -> Result<TempoMap, ScoreError> {
        let file = parse::file(bytes);
        file.map(|file| tempo_map(&file)).map_err(|problem| ScoreError { name: name.to_owned(), problem })
    }
}

fn load(path: &Path) -> Result<Vec<u8>, ScoreProblem> {
    let mut file = std::fs::File::open(path).map_err(ScoreProblem::from_io)?;
    let metadata = file.metadata().map_err(ScoreProblem::from_io)?;
    if !metadata.is_file() {
        return Err(ScoreProblem::NotAFile);
    }
    // A look at the first bytes keeps a recording of gigabytes out of memory.
    let mut bytes = Vec::new();
    file.by_ref().take(12).read_to_end(&mut bytes).map_err(ScoreProblem::from_io)?;
    if !bytes.is_empty() && !bytes.starts_with(b"MThd") && bytes.get(8..12) != Some(b"RMID") {
        return Err(ScoreProblem::NotMidi);
    }
    file.read_to_end(&mut bytes).map_err(ScoreProblem::from_io)?;
    Ok(bytes)
}

fn song(bytes: &[u8]) -> Result<Song, ScoreProblem> {
    let file = parse::file(bytes)?;
    let end = file.tracks.iter().flatten().map(|event| event.tick).max().unwrap_or(0);
    let mut next_note = 0;
    let tracks: Vec<Track> = file.tracks.iter().map(|events| track(events, end, &mut next_note)).collect();
    if tracks.iter().all(|track| track.notes == 0) {
        return Err(ScoreProblem::NoNotes { tracks: tracks.len() });
    }
    Ok(Song { division: file.division, tempo_map: tempo_map(&file), tracks, end })
}

/// Pairs a track's ons and offs, the oldest note of a key first. An off without a note that sounds is dropped; a note
/// without an off ends at `end`.
fn track(events: &[parse::Event], end: u64, next_note: &mut u32) -> Track {
    let mut track = Track { name: None, channels: Vec::new(), notes: 0, events: Vec::new() };
    let mut sounding: BTreeMap<(u8, u8), VecDeque<u32>> = BTreeMap::new();
    for event in events {
        let body = match &event.body {
            Body::Channel([status, key, velocity]) if matches!(status >> 4, 8 | 9) => {
                let (channel, key, velocity) = (status & 15, *key, *velocity);
                let notes = sounding.entry((channel, key)).or_default();
                match (status >> 4, velocity) {
                    (9, 1..) => {
                        let note = *next_note;
                        *next_note = note.wrapping_add(1);
                        track.notes += 1;
                        notes.push_back(note);
                        Some(TrackEventBody::NoteOn { channel, key, velocity, note })
                    }
                    (kind, _) => {
                        // An on of velocity 0 is an off that says nothing of its release.
                        let velocity = if kind == 9 { RELEASE } else { velocity };
                        notes.pop_front().map(|note| TrackEventBody::NoteOff { channel, key, velocity, note })
                    }
                }
            }
            Body::Channel(bytes) => Some(TrackEventBody::Midi { bytes: *bytes }),
            Body::Sysex(bytes) => Some(TrackEventBody::Sysex { bytes: bytes.clone() }),
            Body::Name(name) => {
                if track.name.is_none() && !name.is_empty() {
                    track.name = Some(name.clone());
                }
                None
            }
            Body::Tempo(_) | Body::Meter { .. } | Body::End => None,
        };
        let Some(body) = body else { continue };
        if let Some(channel) = body.channel()
            && !track.channels.contains(&channel)
        {
            track.channels.push(channel);
        }
        track.events.push(TrackEvent { tick: event.tick, body });
    }
    for ((channel, key), notes) in sounding {
        track.events.extend(notes.into_iter().map(|note| {
            let body = TrackEventBody::NoteOff { channel, key, velocity: RELEASE, note };
            TrackEvent { tick: end, body }
        }));
    }
    track.channels.sort_unstable();
    track
}

/// Tempo and meter stand in the first track by custom; wherever they stand, they hold for all.
fn tempo_map(file: &parse::File) -> TempoMap {
    let mut tempos = Vec::new();
    let mut meters = Vec::new();
    for event in file.tracks.iter().flatten() {
        match event.body {
            Body::Tempo(microseconds) => tempos.push((event.tick, microseconds)),
            Body::Meter { numerator, denominator } => meters.push((event.tick, numerator, denominator)),
            _ => {}
        }
    }
    tempos.sort_by_key(|&(tick, _)| tick);
    meters.sort_by_key(|&(tick, ..)| tick);
    match file.division {
        Division::Quarter(ticks) => {
            let beat = |tick: u64| tick as f64 / f64::from(ticks);
            TempoMap::new(
                tempos.into_iter().map(|(tick, tempo)| (beat(tick), tempo)),
                meters.into_iter().map(|(tick, n, d)| (beat(tick), n, d)),
            )
        }
        division @ Division::Seconds { .. } => TempoMap::new_in_seconds(
            tempos.into_iter().map(|(tick, tempo)| (division.seconds(tick), tempo)),
            meters.into_iter().map(|(tick, n, d)| (division.seconds(tick), n, d)),
        ),
    }
}

impl Division {
    /// Seconds that ticks last, where the division is in seconds.
    fn seconds(self, tick: u64) -> f64 {
        match self {
            Division::Seconds { ticks, seconds } => tick as f64 * f64::from(seconds) / f64::from(ticks),
            Division::Quarter(_) => unreachable!("ticks of a quarter note have no seconds of their own"),
        }
    }
}
