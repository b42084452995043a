//! A part of a MIDI file.
//!
//! The part begins with the tick nearest to the frame at which the take does. Where that is not the same moment, the
//! first quarter note is a little longer or shorter, by at most half a tick, so that all behind it is where it was in
//! the sound. A file always begins with a bar: one that the cut opens in its middle is a short one in front of the
//! next, which begins where it did.

use std::collections::{BTreeMap, HashMap, VecDeque};

use super::{AnnotationProblem, TimeChange};
use crate::parse::{self, Body, Event};
use crate::{Division, TempoMap};

mod held;
mod write;

use held::Held;

/// Makes the file of a part of the audio.
pub(super) fn cut(bytes: &[u8], change: &TimeChange) -> Result<Vec<u8>, AnnotationProblem> {
    let mut file = parse::file(bytes).map_err(AnnotationProblem::Midi)?;
    if file.format == 2 {
        return Err(AnnotationProblem::Patterns(file.tracks.len()));
    }
    let tempo_map = crate::read::tempo_map(file.division, file.tracks.iter().flatten());
    let tick = |seconds| file.division.tick_at_seconds(seconds, &tempo_map);
    let start = tick(change.start_seconds());
    let end = if change.frames.is_some() { tick(change.end_seconds()).max(start) } else { u64::MAX };

    let mut held = Held::default();
    let mut clock = Clock::default();
    let mut tracks: Vec<Part> = Vec::with_capacity(file.tracks.len());
    for track in &mut file.tracks {
        clock.take(track);
        tracks.push(Part::of(track, start, end));
    }
    // Channels are common to all tracks, so what holds at the start is what any of them said last.
    for (_, number, event) in in_order(&file.tracks, start) {
        held.hear(number, event);
    }
    let conductor = clock.part(start, end, change, file.division, &tempo_map);
    let mut out = Vec::with_capacity(tracks.len());
    for (number, (part, events)) in tracks.iter().zip(&file.tracks).enumerate() {
        let mut written = Vec::new();
        written.extend(held.descriptions(number));
        if number == 0 {
            // Sorted in below, by tick.
            written.extend(conductor.iter().cloned());
        }
        written.extend(held.messages(number));
        written.extend(part.begun.iter().map(|&body| (0, body.into())));
        written.extend(part.inside.iter().map(|&index| (events[index].tick - start, (&events[index].body).into())));
        written.extend(part.ended.iter().map(|&body| (end - start, body.into())));
        written.sort_by_key(|(tick, _)| *tick);
        let last = events.last().map_or(0, |event| event.tick);
        out.push(write::track(&written, last.clamp(start, end) - start));
    }
    Ok(write::file(file.format, file.division, &out))
}

/// Everything in front of a tick, by tick, with its track.
fn in_order(tracks: &[Vec<Event>], start: u64) -> Vec<(u64, usize, &Body)> {
    let mut all: Vec<(u64, usize, &Body)> = tracks
        .iter()
        .enumerate()
        .flat_map(|(number, track)| {
            let count = track.partition_point(|event| event.tick < start);
            track[..count].iter().map(move |event| (event.tick, number, &event.body))
        })
        .collect();
    all.sort_by_key(|(tick, ..)| *tick);
    all
}

/// What of a track lies in the part: notes that began before it, numbers of its events, and notes that end behind it.
#[derive(Default)]
struct Part {
    begun: Vec<[u8; 3]>,
    inside: Vec<usize>,
    ended: Vec<[u8; 3]>,
}

/// The number of the event that began a note, `None` in front of the part, and its velocity.
type Begun = (Option<usize>, u8);

/// The release velocity of a note whose end the cut makes (MIDI 1.0 detailed specification, note off).
const RELEASE: u8 = 64;

impl Part {
    fn of(events: &[Event], start: u64, end: u64) -> Part {
        let mut part = Part::default();
        // The beginnings of notes that sound, the oldest of a key first; those in front of the part have no number.
        let mut sounding: BTreeMap<(u8, u8), VecDeque<Begun>> = BTreeMap::new();
        let mut ends_of_begun = HashMap::new();
        for (index, event) in events.iter().enumerate() {
            if event.tick >= end {
                // Ends of notes count at the very end; whatever else happens there is no part of it.
                break;
            }
            let Body::Channel([status, key, velocity]) = event.body else {
                if event.tick >= start && is_inside(&event.body) {
                    part.inside.push(index);
                }
                continue;
            };
            let channel = status & 15;
            match (status >> 4, velocity) {
                (9, 1..) => {
                    let inside = event.tick >= start;
                    sounding.entry((channel, key)).or_default().push_back((inside.then_some(index), velocity));
                    if inside {
                        part.inside.push(index);
                    }
                }
                (8 | 9, _) => {
                    let note = sounding.get_mut(&(channel, key)).and_then(VecDeque::pop_front);
                    match note {
                        // An end without a beginning says nothing.
                        None => {}
                        // It ended before the part, or with its first tick.
                        Some((None, _)) if event.tick <= start => {}
                        Some((None, velocity)) => {
                            ends_of_begun.insert(index, [0x90 | channel, key, velocity]);
                            part.inside.push(index);
                        }
                        Some((Some(_), _)) => part.inside.push(index),
                    }
                }
                // All notes off and what implies it (MIDI 1.0, channel mode messages).
                (0xb, _) if key == 120 || key >= 123 => {
                    let inside = event.tick >= start;
                    for (&(of, key), notes) in sounding.iter_mut().filter(|((of, _), _)| *of == channel) {
                        for (number, velocity) in notes.drain(..) {
                            if inside && number.is_none() {
                                // It sounds until here, so it begins as well.
                                part.begun.push([0x90 | of, key, velocity]);
                            }
                        }
                    }
                    if inside {
                        part.inside.push(index);
                    }
                }
                _ if event.tick >= start => part.inside.push(index),
                _ => {}
            }
        }
        // In the order of their ends, which is as good as any at one tick.
        let mut begun: Vec<_> = ends_of_begun.into_iter().collect();
        begun.sort_by_key(|(index, _)| *index);
        part.begun.extend(begun.into_iter().map(|(_, on)| on));
        for ((channel, key), notes) in sounding {
            for (number, velocity) in notes {
                if number.is_none() {
                    part.begun.push([0x90 | channel, key, velocity]);
                }
                if end < u64::MAX {
                    part.ended.push([0x80 | channel, key, RELEASE]);
                }
            }
        }
        part
    }
}

/// Whether an event stays where it stands. Tempo and meter are written anew, the end of the track by itself, and a time
/// code's start (meta event 0x54) is only true of a whole file.
fn is_inside(body: &Body) -> bool {
    !matches!(body, Body::End | Body::Tempo(_) | Body::Meter { .. } | Body::Meta { kind: 0x54, .. })
}

/// Beats in a bar, their unit, and how they are noted.
type Meter = (u8, u16, [u8; 2]);

/// Tempo and meter of all tracks, which hold for all.
#[derive(Default)]
struct Clock {
    tempos: Vec<(u64, u32)>,
    meters: Vec<(u64, Meter)>,
}

impl Clock {
    fn take(&mut self, track: &[Event]) {
        for event in track {
            match event.body {
                Body::Tempo(tempo) => self.tempos.push((event.tick, tempo)),
                Body::Meter { numerator, denominator, notation } => {
                    self.meters.push((event.tick, (numerator, denominator, notation)));
                }
                _ => {}
            }
        }
    }

    /// Tempo and meter of a part.
    fn part(
        mut self,
        start: u64,
        end: u64,
        change: &TimeChange,
        division: Division,
        map: &TempoMap,
    ) -> Vec<(u64, write::Written)> {
        self.tempos.sort_by_key(|(tick, _)| *tick);
        self.meters.sort_by_key(|(tick, _)| *tick);
        // One that repeats what holds begins no bar.
        self.meters
            .dedup_by(|later, earlier| later.0 > earlier.0 && (later.1.0, later.1.1) == (earlier.1.0, earlier.1.1));
        let mut tempos = during(&self.tempos, start, end);
        let mut meters = during(&self.meters, start, end);
        if let Division::Quarter(quarter) = division {
            let tempo = tempos.first().map_or(500_000, |(_, tempo)| *tempo);
            let ticks = tempos.get(1).map_or(u64::from(quarter), |(tick, _)| u64::from(quarter).min(*tick));
            // What lies between the frame at which the take begins and its first tick.
            let off = map.beat_at_seconds(change.start_seconds()) * f64::from(quarter) - start as f64;
            let stretched = (f64::from(tempo) * (ticks as f64 - off) / ticks as f64).round();
            let stretched = stretched.clamp(1.0, f64::from(0x00ff_ffff)) as u32;
            if stretched != tempo {
                tempos.splice(0..tempos.len().min(1), [(0, stretched), (ticks, tempo)]);
                tempos.dedup_by(|later, earlier| {
                    later.0 == earlier.0 && {
                        *earlier = *later;
                        true
                    }
                });
            }
            let beat = start as f64 / f64::from(quarter);
            let bar = map.bar_at_beat(beat);
            let (length, _) = map.bar_length(bar.number);
            let next = ((bar.start + length) * f64::from(quarter)).round() as u64;
            let opened = beat - bar.start > 1e-6;
            if opened && next > start && next < end {
                let meter = meters.first().map_or((4, 4, Body::USUAL_NOTATION), |(_, meter)| *meter);
                let (numerator, denominator, notation) = meter;
                // What is left of the bar. Where that is no whole number of beats, the next bar cuts it short; it must only
                // differ, since a meter that repeats what holds begins no bar.
                let left = (bar.start + length - beat) * f64::from(denominator) / 4.0;
                let left = match (left - 1e-6).ceil() as u8 {
                    left if left == numerator => numerator.checked_add(1).unwrap_or(1),
                    left => left.max(1),
                };
                meters.splice(0..meters.len().min(1), [(0, (left, denominator, notation))]);
                if meters.get(1).is_none_or(|(tick, _)| *tick > next - start) {
                    meters.insert(1, (next - start, meter));
                }
            }
        }
        let mut written: Vec<(u64, write::Written)> = Vec::new();
        written.extend(tempos.into_iter().map(|(tick, tempo)| (tick, write::Written::tempo(tempo))));
        written.extend(meters.into_iter().map(|(tick, meter)| (tick, write::Written::meter(meter))));
        written
    }
}

/// What holds at the start of a part and what changes in it, from its start.
fn during<T: Copy>(changes: &[(u64, T)], start: u64, end: u64) -> Vec<(u64, T)> {
    let first = changes.partition_point(|(tick, _)| *tick <= start);
    let inside = changes[first..].iter().take_while(|(tick, _)| *tick < end);
    let holds = first.checked_sub(1).map(|last| (0, changes[last].1));
    holds.into_iter().chain(inside.map(|(tick, value)| (tick - start, *value))).collect()
}
