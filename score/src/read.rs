//! From a file to a song.

use std::collections::{BTreeMap, VecDeque};
use std::io::Read;
use std::path::Path;

use crate::division::film_seconds;
use crate::parse::{self, Body};
use crate::song::Pattern;
use crate::{Division, Repairs, ScoreError, ScoreProblem, Song, TempoMap, Track, TrackEvent, TrackEventBody};

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
}

impl TempoMap {
    /// Likewise [`read`](TempoMap::read), with what a tick of the file is.
    pub fn read_with_division(path: &Path) -> Result<(TempoMap, Division), ScoreError> {
        let name = path.display().to_string();
        let read = |bytes: Vec<u8>| {
            let mut file = parse::file(&bytes)?;
            in_sequence(&mut file);
            Ok((tempo_map(file.division, file.tracks.iter().flatten()), file.division))
        };
        load(path).and_then(read).map_err(|problem| ScoreError { name, problem })
    }

    /// Reads tempo and meter of a file, which needs no notes for that.
    pub fn read(path: &Path) -> Result<TempoMap, ScoreError> {
        let name = path.display().to_string();
        load(path).and_then(|bytes| map(&bytes)).map_err(|problem| ScoreError { name, problem })
    }

    /// Likewise [`read`](TempoMap::read), for a file that is in memory already.
    pub fn from_bytes(name: &str, bytes: &[u8]) -> Result<TempoMap, ScoreError> {
        map(bytes).map_err(|problem| ScoreError { name: name.to_owned(), problem })
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

fn map(bytes: &[u8]) -> Result<TempoMap, ScoreProblem> {
    let mut file = parse::file(bytes)?;
    in_sequence(&mut file);
    Ok(tempo_map(file.division, file.tracks.iter().flatten()))
}

fn song(bytes: &[u8]) -> Result<Song, ScoreProblem> {
    let mut file = parse::file(bytes)?;
    let patterns = in_sequence(&mut file);
    let end = file.tracks.iter().flatten().map(|event| event.tick).max().unwrap_or(0);
    let parse::Skipped { escapes, unfinished } = file.skipped;
    let mut repairs = Repairs { escapes, unfinished_sysex: unfinished, ..Repairs::default() };
    let mut next_note = 0;
    let tracks: Vec<Track> = file
        .tracks
        .iter()
        .enumerate()
        .map(|(number, events)| {
            let end = patterns.get(number).map_or(end, |pattern| pattern.end);
            track(events, end, &mut next_note, &mut repairs)
        })
        .collect();
    if tracks.iter().all(|track| track.notes == 0) {
        return Err(ScoreProblem::NoNotes { tracks: tracks.len() });
    }
    let tempo_map = tempo_map(file.division, file.tracks.iter().flatten());
    Ok(Song { division: file.division, tempo_map, tracks, end, patterns, repairs })
}

/// Lays the patterns of a format 2 file one behind the other. Each begins with the tempo and meter that hold where
/// nothing is said, so that none inherits those of the one before it.
fn in_sequence(file: &mut parse::File) -> Vec<Pattern> {
    if file.format != 2 {
        return Vec::new();
    }
    let mut start = 0;
    let mut patterns = Vec::with_capacity(file.tracks.len());
    for events in &mut file.tracks {
        let tempo_map = tempo_map(file.division, events.iter());
        events.iter_mut().for_each(|event| event.tick += start);
        let end = events.last().map_or(start, |event| event.tick);
        let said = [Body::Tempo(500_000), Body::Meter { numerator: 4, denominator: 4, notation: Body::USUAL_NOTATION }];
        events.splice(0..0, said.map(|body| parse::Event { tick: start, body }));
        patterns.push(Pattern { start, end, tempo_map });
        start = end;
    }
    patterns
}

/// Pairs a track's ons and offs, the oldest note of a key first. An off without a note that sounds is dropped; a note
/// without an off ends at `end`.
fn track(events: &[parse::Event], end: u64, next_note: &mut u32, repairs: &mut Repairs) -> Track {
    let mut track = Track { name: None, port: 0, channels: Vec::new(), notes: 0, events: Vec::new() };
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
                        let note = notes.pop_front();
                        repairs.stray_ends += usize::from(note.is_none());
                        note.map(|note| TrackEventBody::NoteOff { channel, key, velocity, note })
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
            Body::Port(port) => {
                track.port = *port;
                None
            }
            Body::Tempo(_) | Body::Meter { .. } | Body::Meta { .. } | Body::Escape(_) | Body::End => None,
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
        repairs.unended_notes += notes.len();
        track.events.extend(notes.into_iter().map(|note| {
            let body = TrackEventBody::NoteOff { channel, key, velocity: RELEASE, note };
            TrackEvent { tick: end, body }
        }));
    }
    track.channels.sort_unstable();
    track
}

/// Tempo and meter stand in the first track by custom; wherever they stand, they hold for all.
pub(crate) fn tempo_map<'a>(division: Division, events: impl Iterator<Item = &'a parse::Event>) -> TempoMap {
    let mut tempos = Vec::new();
    let mut meters = Vec::new();
    for event in events {
        match event.body {
            Body::Tempo(microseconds) => tempos.push((event.tick, microseconds)),
            Body::Meter { numerator, denominator, .. } => meters.push((event.tick, numerator, denominator)),
            _ => {}
        }
    }
    tempos.sort_by_key(|&(tick, _)| tick);
    meters.sort_by_key(|&(tick, ..)| tick);
    match division {
        Division::Quarter(ticks) => {
            let beat = |tick: u64| tick as f64 / f64::from(ticks);
            TempoMap::new(
                tempos.into_iter().map(|(tick, tempo)| (beat(tick), tempo)),
                meters.into_iter().map(|(tick, n, d)| (beat(tick), n, d)),
            )
        }
        Division::Seconds { ticks, seconds } => {
            let film_seconds = |tick: u64| film_seconds(tick, ticks, seconds);
            TempoMap::new_in_seconds(
                tempos.into_iter().map(|(tick, tempo)| (film_seconds(tick), tempo)),
                meters.into_iter().map(|(tick, n, d)| (film_seconds(tick), n, d)),
            )
        }
    }
}
