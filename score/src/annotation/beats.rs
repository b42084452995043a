//! When the beats and bars of a recording fall.

use std::path::Path;

use audio::SampleRate;
use serde_json::Value;

use super::columns::{Layout, Table};
use super::npy::Array;
use super::{AnnotationError, AnnotationProblem, Kind, jams};
use crate::{Division, TempoMap, parse, read};

/// The most beats that one annotation may have; a day of music at 600 a minute has fewer.
pub const MOST_BEATS: usize = 1_000_000;

/// The beats of a recording, in seconds, rising.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Beats {
    /// Every beat.
    pub beats: Vec<f64>,
    /// Those that begin a bar; empty where the annotation does not say.
    pub bars: Vec<f64>,
}

impl Beats {
    /// Takes beats out of an annotation, whose content is `bytes`; the name of `path` says what it is. `rate` is that of
    /// the recording, which counts where times are frames.
    ///
    /// MIDI gives the beats of its meter up to its end, as written: six in a bar of 6/8. JAMS gives those of its first
    /// `beat` or `beat_position` annotation. Lists of beats (`.txt`, `.csv`, `.lab`, `.npy`) give their times; those that
    /// are numbered 1 in the second column begin bars.
    pub fn read(path: &Path, bytes: &[u8], rate: SampleRate) -> Result<Beats, AnnotationError> {
        let beats = match Kind::of(path) {
            Kind::Midi => midi(bytes),
            Kind::Jams => from_jams(bytes),
            Kind::Labels => lines(bytes, Layout::Labels, rate),
            Kind::Lines => lines(bytes, Layout::Lines, rate),
            Kind::Separated => lines(bytes, Layout::Separated, rate),
            Kind::Array => array(bytes),
            Kind::GuitarPro | Kind::Other => Err(AnnotationProblem::NoBeats(
                "it is of a kind whose beats are not known. Name a MIDI or JAMS file, or beats as .txt, .csv, .lab or .npy",
            )),
        };
        beats.and_then(Beats::checked).map_err(|problem| AnnotationError::new(path, problem))
    }

    /// The beats that begin bars, or why there are none.
    pub fn require_bars(&self, path: &Path) -> Result<&[f64], AnnotationError> {
        if self.bars.is_empty() {
            return Err(AnnotationError::new(path, AnnotationProblem::NoBars));
        }
        Ok(&self.bars)
    }

    /// From beats in any order, each with whether it begins a bar.
    fn of(beats: impl IntoIterator<Item = (f64, bool)>) -> Beats {
        let beats: Vec<(f64, bool)> = beats.into_iter().collect();
        let mut bars: Vec<f64> = beats.iter().filter(|(_, first)| *first).map(|(time, _)| *time).collect();
        let mut beats: Vec<f64> = beats.into_iter().map(|(time, _)| time).collect();
        for times in [&mut beats, &mut bars] {
            times.sort_by(f64::total_cmp);
            times.dedup();
        }
        Beats { beats, bars }
    }

    fn checked(self) -> Result<Beats, AnnotationProblem> {
        match self.beats.len() {
            0 => Err(AnnotationProblem::NoBeats("there is not one in it. Name another annotation, or cut by length")),
            count if count > MOST_BEATS => Err(AnnotationProblem::TooManyBeats),
            _ => Ok(self),
        }
    }
}

fn midi(bytes: &[u8]) -> Result<Beats, AnnotationProblem> {
    let file = parse::file(bytes).map_err(AnnotationProblem::Midi)?;
    if file.format == 2 {
        return Err(AnnotationProblem::Patterns(file.tracks.len()));
    }
    let map = read::tempo_map(file.division, file.tracks.iter().flatten());
    let end = file.tracks.iter().flatten().map(|event| event.tick).max().unwrap_or(0);
    let end = match file.division {
        Division::Quarter(ticks) => end as f64 / f64::from(ticks),
        division => map.beat_at_seconds(division.seconds_at_tick(end, &map)),
    };
    written_beats(&map, end)
}

/// Every beat of a meter up to a beat in quarter notes.
fn written_beats(map: &TempoMap, end: f64) -> Result<Beats, AnnotationProblem> {
    let mut beats = Vec::new();
    let mut number = 0;
    loop {
        let start = map.beat_at_bar(number);
        if start > end {
            return Ok(Beats::of(beats));
        }
        let (length, unit) = map.bar_length(number);
        let step = 4.0 / f64::from(unit);
        // A bar that the next meter cuts short has only the beats that fit.
        let count = ((length / step - 1e-6).ceil()).max(1.0) as usize;
        for beat in 0..count {
            let at = start + beat as f64 * step;
            if at <= end {
                beats.push((map.seconds_at_beat(at), beat == 0));
            }
        }
        if beats.len() > MOST_BEATS {
            return Err(AnnotationProblem::TooManyBeats);
        }
        number += 1;
    }
}

fn from_jams(bytes: &[u8]) -> Result<Beats, AnnotationProblem> {
    let found = jams::observations(bytes, |namespace| matches!(namespace, "beat" | "beat_position"))?;
    let Some(first) = found.into_iter().next() else {
        return Err(AnnotationProblem::NoBeats(
            "none of its annotations is of the namespace beat or beat_position. Name another annotation",
        ));
    };
    let number = |value: &Value| match first.namespace.as_str() {
        "beat" => value.as_f64(),
        _ => value.get("position").and_then(Value::as_f64),
    };
    Ok(Beats::of(first.observations.iter().map(|(time, value)| (*time, number(value) == Some(1.0)))))
}

fn lines(bytes: &[u8], layout: Layout, rate: SampleRate) -> Result<Beats, AnnotationProblem> {
    let table = Table::of(bytes, layout);
    let begins = |label: &[u8]| {
        let label = String::from_utf8_lossy(label).to_lowercase();
        matches!(label.as_str(), "downbeat" | "db" | "bar") || label.parse() == Ok(1.0)
    };
    let instants = table.instants(bytes, rate)?;
    Ok(Beats::of(instants.into_iter().map(|(time, label)| (time, label.is_some_and(begins)))))
}

fn array(bytes: &[u8]) -> Result<Beats, AnnotationProblem> {
    let array = Array::of(bytes)?;
    let stretches = array.stretches()?;
    Ok(Beats::of(array.rows().map(|row| (row[0], !stretches && row.get(1) == Some(&1.0)))))
}
