//! Why a MIDI file cannot be used.

use std::io;

/// A MIDI file that cannot be used. Trying again does not help until somebody changes the file.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {name}: {problem}")]
pub struct ScoreError {
    /// The path, or what stands in for it.
    pub name: String,
    /// What is wrong.
    #[source]
    pub problem: ScoreProblem,
}

/// What is wrong with a MIDI file. Each message says what to do. Tracks and ticks count from 0.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScoreProblem {
    /// Nothing of that name exists.
    #[error("there is no such file. Check the path; relative paths start at the job file's folder")]
    Missing,
    /// It is a directory, a pipe or a device.
    #[error("it is not a regular file. Name a MIDI file")]
    NotAFile,
    /// The system refuses to read it.
    #[error("the system refuses: {0}. Check its permissions and the disk")]
    Unreadable(io::Error),
    /// It holds no bytes.
    #[error("it is empty (0 bytes). Export or copy it again")]
    Empty,
    /// Its content is of another kind.
    #[error("it is not a Standard MIDI File: it does not start with \"MThd\". Name a .mid file")]
    NotMidi,
    /// It ends before its header says.
    #[error("it is truncated: {missing}. Copy or export it again")]
    Truncated {
        /// What is promised and missing.
        missing: String,
    },
    /// Its content contradicts the format.
    #[error("it is damaged in track {track}, at byte {offset} of the file: {what}. Export it again")]
    Damaged {
        /// The track.
        track: usize,
        /// Offset in the file.
        offset: usize,
        /// What does not fit.
        what: &'static str,
    },
    /// A format that does not exist.
    #[error("its header states format {0}; only 0, 1 and 2 can be played. Export it again")]
    UnknownFormat(u16),
    /// The header states no usable unit of time.
    #[error("its header states a time division of {0:#06x}, which has no ticks. Export it again")]
    Division(u16),
    /// There are no tracks.
    #[error("it holds no tracks. Export it again")]
    NoTracks,
    /// There is nothing to play.
    #[error("it holds {tracks} tracks and not one note. Export it again, with its notes")]
    NoNotes {
        /// Tracks that there are.
        tracks: usize,
    },
    /// A tempo of 0 microseconds a quarter note: infinitely fast.
    #[error("track {track} sets a tempo of 0 microseconds a quarter note at tick {tick}. Correct that tempo event")]
    ZeroTempo {
        /// The track.
        track: usize,
        /// Ticks from the start.
        tick: u64,
    },
    /// A time signature that no bar fits.
    #[error("track {track} sets a meter of {numerator}/2^{power} at tick {tick}. Correct that time signature")]
    Meter {
        /// The track.
        track: usize,
        /// Ticks from the start.
        tick: u64,
        /// Beats in a bar as stated.
        numerator: u8,
        /// The beat's unit as stated, as a power of two.
        power: u8,
    },
}

impl ScoreProblem {
    pub(crate) fn from_io(error: io::Error) -> ScoreProblem {
        match error.kind() {
            io::ErrorKind::NotFound => ScoreProblem::Missing,
            _ => ScoreProblem::Unreadable(error),
        }
    }
}
