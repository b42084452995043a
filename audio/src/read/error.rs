//! Why a recording cannot be read.

use std::io;

use super::MAX_CHANNELS;

/// A recording that cannot be read. Trying again does not help until somebody changes the file.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {name}: {problem}")]
pub struct ReadError {
    /// The path, or what stands in for it.
    pub name: String,
    /// What is wrong.
    #[source]
    pub problem: ReadProblem,
}

/// What is wrong with a recording. Each message says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadProblem {
    /// Nothing of that name exists.
    #[error("there is no such file. Check the path; relative paths start at the job file's folder")]
    Missing,
    /// It is a directory, a pipe or a device.
    #[error("it is not a regular file. Name an audio file")]
    NotAFile,
    /// The system refuses to read it.
    #[error("the system refuses: {0}. Check its permissions and the disk")]
    Unreadable(io::Error),
    /// It holds no bytes.
    #[error("it is empty (0 bytes). Export or copy it again")]
    Empty,
    /// Its content is of another kind.
    #[error("it is {looks_like}, whatever its name says. WAV, FLAC, MP3 and Ogg Vorbis are read")]
    NotAudio {
        /// What it looks like: "a MIDI file".
        looks_like: &'static str,
    },
    /// It is an audio file of a kind that is not read.
    #[error("{what} is not read. Convert it to WAV with 16, 24 or 32-bit samples, or to FLAC")]
    Unsupported {
        /// The coding or feature.
        what: String,
    },
    /// It ends before its header says.
    #[error(
        "it is truncated: the header promises {promised} {unit}, the file holds {present}. Copy or export it again"
    )]
    Truncated {
        /// How much the header promises.
        promised: u64,
        /// How much there is.
        present: u64,
        /// `frames` or `bytes`.
        unit: &'static str,
    },
    /// It ends before its end marker.
    #[error("it is truncated: {missing}. Copy or export it again")]
    EndMissing {
        /// What was looked for.
        missing: &'static str,
    },
    /// Its content contradicts itself.
    #[error("it is damaged: {what}. Copy or export it again")]
    Damaged {
        /// What does not fit.
        what: String,
    },
    /// The header states zero channels.
    #[error("its header states 0 channels. Export it again")]
    NoChannels,
    /// There are more channels than any recording has.
    #[error("its header states {channels} channels, at most {max} are read. Split it", max = MAX_CHANNELS)]
    TooManyChannels {
        /// What the header states.
        channels: u64,
    },
    /// The rate is not one that sound is sampled at.
    #[error("its header states a sample rate of {sample_rate} Hz, outside 1000..1536000. Export it again")]
    Rate {
        /// What the header states.
        sample_rate: u64,
    },
    /// There is no sound in it.
    #[error("it holds no audio (0 frames). Export it again")]
    NoFrames,
    /// A sample is NaN or infinite.
    #[error("channel {channel} holds a sample that is not a finite number at frame {frame}. Export it again")]
    NonFinite {
        /// Channel, from 0.
        channel: usize,
        /// Frame, from 0.
        frame: usize,
    },
}

impl ReadProblem {
    pub(super) fn from_io(error: io::Error) -> ReadProblem {
        match error.kind() {
            io::ErrorKind::NotFound => ReadProblem::Missing,
            io::ErrorKind::UnexpectedEof => ReadProblem::EndMissing { missing: "it ends in the middle of a structure" },
            _ => ReadProblem::Unreadable(error),
        }
    }

    pub(super) fn damaged(what: impl Into<String>) -> ReadProblem {
        ReadProblem::Damaged { what: what.into() }
    }
}
