//! The tracks of a song as one stream of events.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};

use audio::EventBody;

use crate::{Song, TrackEventBody};

/// One event of a song and the track that it stands in.
#[derive(Clone, Copy)]
pub(crate) struct Merged<'a> {
    pub tick: u64,
    pub track: u16,
    pub port: u8,
    pub body: &'a TrackEventBody,
}

/// Everything that happens, by tick. Each track keeps its own order. Where several tracks have something at one tick,
/// they take turns so that what prepares a note stands in front of it: system exclusive messages, bank selects, programs,
/// everything else, and notes that begin; in doubt the earlier track goes first.
pub(crate) fn merged(song: &Song) -> Vec<Merged<'_>> {
    let mut all = Vec::new();
    for (number, track) in song.tracks.iter().enumerate() {
        all.extend(track.events.iter().map(|event| Merged {
            tick: event.tick,
            track: number as u16,
            port: track.port,
            body: &event.body,
        }));
    }
    all.sort_by_key(|event| event.tick);
    let mut order = Vec::with_capacity(all.len());
    for simultaneous in all.chunk_by(|a, b| a.tick == b.tick) {
        let mut tracks: Vec<_> =
            simultaneous.chunk_by(|a, b| a.track == b.track).map(|t| t.iter().peekable()).collect();
        if tracks.len() == 1 {
            order.extend_from_slice(simultaneous);
            continue;
        }
        let mut heads: BinaryHeap<_> =
            tracks.iter_mut().enumerate().filter_map(|(n, t)| t.peek().map(|e| Reverse((turn(e.body), n)))).collect();
        while let Some(Reverse((_, number))) = heads.pop() {
            let track = &mut tracks[number];
            order.extend(track.next());
            heads.extend(track.peek().map(|event| Reverse((turn(event.body), number))));
        }
    }
    order
}

/// Whose turn it is among tracks that have something at one tick; the lowest comes first.
fn turn(body: &TrackEventBody) -> u8 {
    match body {
        TrackEventBody::Sysex { .. } => 0,
        TrackEventBody::Midi { bytes: [0xb0..=0xbf, 0 | 32, _] } => 1,
        TrackEventBody::Midi { bytes: [0xc0..=0xcf, ..] } => 2,
        TrackEventBody::Midi { .. } | TrackEventBody::NoteOff { .. } => 3,
        TrackEventBody::NoteOn { .. } => 4,
    }
}

/// Among events of one tick, moves each note's end that stands behind a beginning of the same key, and belongs to an
/// earlier note, in front of it.
pub(crate) fn ends_first<T>(events: Vec<T>, body: impl Fn(&T) -> &EventBody) -> Vec<T> {
    if events.len() == 1 {
        return events;
    }
    let mut begun = HashSet::new();
    let mut struck = HashSet::new();
    let mut late_notes = HashSet::new();
    for event in &events {
        match *body(event) {
            EventBody::NoteOn { channel, key, note, .. } => {
                begun.insert(note);
                struck.insert((channel, key));
            }
            EventBody::NoteOff { channel, key, note, .. }
                if struck.contains(&(channel, key)) && !begun.contains(&note) =>
            {
                late_notes.insert(note);
            }
            _ => {}
        }
    }
    if late_notes.is_empty() {
        return events;
    }
    let mut late: HashMap<(u8, u8), Vec<T>> = HashMap::new();
    let mut rest = Vec::with_capacity(events.len());
    for event in events {
        match *body(&event) {
            EventBody::NoteOff { channel, key, note, .. } if late_notes.contains(&note) => {
                late.entry((channel, key)).or_default().push(event);
            }
            _ => rest.push(event),
        }
    }
    let mut order = Vec::with_capacity(rest.len() + late_notes.len());
    for event in rest {
        if let EventBody::NoteOn { channel, key, .. } = *body(&event) {
            order.extend(late.remove(&(channel, key)).unwrap_or_default());
        }
        order.push(event);
    }
    order
}
