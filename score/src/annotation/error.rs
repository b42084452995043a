//! Why an annotation cannot follow its audio.

use std::path::Path;

use crate::ScoreProblem;

/// An annotation that cannot be used. Trying again does not help until somebody changes the file or the job.
#[derive(Debug, thiserror::Error)]
#[error("the annotation {name} {problem}")]
pub struct AnnotationError {
    /// The path of the file.
    pub name: String,
    /// What is wrong.
    #[source]
    pub problem: AnnotationProblem,
}

impl AnnotationError {
    pub(super) fn new(path: &Path, problem: AnnotationProblem) -> AnnotationError {
        AnnotationError { name: path.display().to_string(), problem }
    }
}

/// What is wrong with an annotation. Each message says what to do; lines count from 1.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AnnotationProblem {
    /// Guitar Pro files are not rewritten.
    #[error(
        "is a Guitar Pro file, which is copied but never cut, and the take is a part of its source. Export it as MIDI, \
         or take whole files"
    )]
    GuitarPro,
    /// A file of a kind that has no times that are known.
    #[error(
        "is of a kind that is copied but never cut, and the take is a part of its source. Known are MIDI, JAMS, .lab, \
         and beats as .txt, .csv or .npy; convert it, leave it out, or take whole files"
    )]
    UnknownKind,
    /// A MIDI file that cannot be read.
    #[error("cannot be cut: {0}")]
    Midi(#[source] ScoreProblem),
    /// A MIDI file of format 2.
    #[error(
        "is a MIDI file of format 2, whose {0} patterns have no place in time, so it cannot be cut. Export it as format 1"
    )]
    Patterns(usize),
    /// No JSON.
    #[error("is not the JSON that a JAMS file is: {0}. Export it again")]
    Json(#[source] serde_json::Error),
    /// JSON that is no JAMS.
    #[error("is not a JAMS file as they are known: {place} {what}. Correct it, or leave it out")]
    Jams {
        /// Where in the file: `annotations[2].data[5].time`.
        place: String,
        /// What does not fit.
        what: &'static str,
    },
    /// A JAMS annotation whose notes count ticks.
    #[error(
        "counts the notes of {place} in ticks instead of seconds, and does not say where in its audio they begin, so it \
         cannot be cut. Convert them to seconds, or take whole files"
    )]
    Ticks {
        /// The annotation: `annotations[2]`.
        place: String,
    },
    /// A line that is not understood.
    #[error("cannot be read at line {line}: {what}. Correct the line, or leave the file out")]
    Line {
        /// Its number, from 1.
        line: usize,
        /// What does not fit.
        what: &'static str,
    },
    /// Times in a unit that is not known.
    #[error(
        "holds whole numbers up to {largest} for times, which may be frames or milliseconds. Write seconds, or begin \
         with a line of names such as `time`, `sample` or `ms`"
    )]
    UnknownUnit {
        /// The largest.
        largest: f64,
    },
    /// No array of times.
    #[error("is not an array of times as they are known: {0}. Save it as float32 or float64 of shape (n,) or (n, 2)")]
    Npy(String),
    /// There is nothing that tells beats.
    #[error("has no beats: {0}")]
    NoBeats(&'static str),
    /// Beats without bars.
    #[error("does not say which of its beats begin a bar. Number the beats of each bar from 1, or cut by beats")]
    NoBars,
    /// More than any piece of music has.
    #[error("has more than {most} beats. Check its tempo and its end", most = super::MOST_BEATS)]
    TooManyBeats,
}
