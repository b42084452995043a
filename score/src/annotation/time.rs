//! Which part of a source a take is.

use audio::SampleRate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the frames of a take came out of those of its source: first cut, then resampled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TimeChange {
    /// The frame of the source at which the take begins.
    pub source_start: u64,
    /// Frames of the source that were taken, counted at its own rate; absent where all up to its end were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frames: Option<u64>,
    /// The rate of the source.
    pub rate_in: SampleRate,
    /// The rate of the take.
    pub rate_out: SampleRate,
}

impl TimeChange {
    /// The whole of a source at its own rate.
    pub fn none(rate: SampleRate) -> TimeChange {
        TimeChange { source_start: 0, frames: None, rate_in: rate, rate_out: rate }
    }

    /// Whether the take is the source, frame by frame.
    pub fn is_nothing(&self) -> bool {
        !self.is_cut() && self.rate_in == self.rate_out
    }

    /// Whether the take begins behind the start of the source or has a length of its own.
    pub fn is_cut(&self) -> bool {
        self.source_start > 0 || self.frames.is_some()
    }

    /// When the take begins, in seconds of the source.
    pub fn start_seconds(&self) -> f64 {
        self.rate_in.seconds(self.source_start)
    }

    /// When it ends; infinite where it goes on to the end of the source.
    pub fn end_seconds(&self) -> f64 {
        self.end_frame().map_or(f64::INFINITY, |end| self.rate_in.seconds(end))
    }

    /// How long the take is, in seconds, if it has a length of its own.
    pub fn seconds(&self) -> Option<f64> {
        self.frames.map(|frames| self.rate_in.seconds(frames))
    }

    fn end_frame(&self) -> Option<u64> {
        self.frames.map(|frames| self.source_start.saturating_add(frames))
    }

    /// Where an instant of the source lies in the take, in seconds; `None` if it is no part of it. Its nearest frame
    /// decides.
    pub(super) fn instant(&self, seconds: f64) -> Option<f64> {
        let frame = (seconds * self.rate_in.hz()).round();
        let inside = frame >= self.source_start as f64 && self.end_frame().is_none_or(|end| frame < end as f64);
        inside.then(|| (seconds - self.start_seconds()).max(0.0))
    }

    /// What of a stretch of the source lies in the take: start and end in seconds. Stretches shorter than a frame count
    /// as instants.
    pub(super) fn stretch(&self, start: f64, end: f64) -> Option<(f64, f64)> {
        let hz = self.rate_in.hz();
        if (end * hz).round() <= (start * hz).round() {
            let at = self.instant(start)?;
            return Some((at, at + (end - start).max(0.0)));
        }
        let inside = (end * hz).round() > self.source_start as f64
            && self.end_frame().is_none_or(|last| (start * hz).round() < last as f64);
        inside.then(|| {
            let zero = self.start_seconds();
            ((start - zero).max(0.0), end.min(self.end_seconds()) - zero)
        })
    }
}

/// What a number that means a time counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TimeUnit {
    Seconds,
    Milliseconds,
    /// 100 ns, as HTK's label files count.
    Htk,
    /// Frames of the audio.
    Frames,
}

impl TimeUnit {
    /// How many make a second of sound at a rate.
    pub fn per_second(self, rate: SampleRate) -> f64 {
        match self {
            TimeUnit::Seconds => 1.0,
            TimeUnit::Milliseconds => 1e3,
            TimeUnit::Htk => 1e7,
            TimeUnit::Frames => rate.hz(),
        }
    }
}
