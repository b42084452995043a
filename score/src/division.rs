//! What a tick of a MIDI file is.

use crate::TempoMap;

/// The unit of time of a MIDI file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Division {
    /// Ticks in a quarter note, above 0.
    Quarter(u16),
    /// Ticks that count film frames (SMPTE): so many in so many seconds, both above 0. A fraction, since frames are not
    /// always a whole number of ticks a second. Such ticks have a time of their own, which no tempo changes.
    Seconds {
        /// Ticks.
        ticks: u32,
        /// The seconds that they last.
        seconds: u32,
    },
}

impl Division {
    /// When a tick falls under a tempo map, in seconds.
    pub fn seconds_at_tick(self, tick: u64, tempo: &TempoMap) -> f64 {
        match self {
            Division::Quarter(ticks) => tempo.seconds_at_beat(tick as f64 / f64::from(ticks)),
            Division::Seconds { ticks, seconds } => film_seconds(tick, ticks, seconds),
        }
    }

    /// The tick nearest to a time under a tempo map; times before the start give 0.
    pub fn tick_at_seconds(self, seconds: f64, tempo: &TempoMap) -> u64 {
        let tick = match self {
            Division::Quarter(ticks) => tempo.beat_at_seconds(seconds) * f64::from(ticks),
            Division::Seconds { ticks, seconds: per } => seconds * f64::from(ticks) / f64::from(per),
        };
        tick.round().max(0.0) as u64
    }
}

pub(crate) fn film_seconds(tick: u64, ticks: u32, seconds: u32) -> f64 {
    tick as f64 * f64::from(seconds) / f64::from(ticks)
}
