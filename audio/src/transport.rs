//! Where in the music a block stands.

use crate::SampleRate;

/// Musical time at a block's first frame. Tempo and meter are constant within one block: whoever drives devices
/// splits blocks where they change.
#[derive(Clone, Debug, PartialEq)]
pub struct Transport {
    /// Frames since the start of the render, never going back; includes frames that latency removal discards.
    pub steady_frame: u64,
    /// Position in the music in frames; negative while a delayed path has not reached the start.
    pub frame: i64,
    /// The rate that frames count in.
    pub sample_rate: SampleRate,
    /// Whether the song runs.
    pub playing: bool,
    /// Quarter notes a minute, above 0.
    pub tempo: f64,
    /// Position in quarter notes.
    pub beat: f64,
    /// Quarter-note position of the start of the current bar.
    pub bar_start: f64,
    /// Number of the current bar, from 0.
    pub bar: i32,
    /// Beats in a bar as written: 6 in 6/8.
    pub numerator: u16,
    /// The written beat's unit: 8 in 6/8.
    pub denominator: u16,
}

impl Transport {
    /// The start of music at 120 beats a minute in 4/4.
    pub fn start(sample_rate: SampleRate) -> Transport {
        Transport {
            steady_frame: 0,
            frame: 0,
            sample_rate,
            playing: true,
            tempo: 120.0,
            beat: 0.0,
            bar_start: 0.0,
            bar: 0,
            numerator: 4,
            denominator: 4,
        }
    }

    /// Position in seconds.
    pub fn seconds(&self) -> f64 {
        self.frame as f64 / self.sample_rate.hz()
    }
}
