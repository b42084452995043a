//! Numbers that carry their unit.

use serde::{Deserialize, Serialize};

/// A sample rate in frames per second, 1 to 1,536,000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct SampleRate(pub u32);

impl SampleRate {
    /// The rate in hertz.
    pub fn hz(self) -> f64 {
        f64::from(self.0)
    }

    /// How many seconds `frames` last.
    pub fn seconds(self, frames: u64) -> f64 {
        frames as f64 / self.hz()
    }

    /// The frame nearest to `seconds`; negative times give 0.
    pub fn frames(self, seconds: f64) -> u64 {
        (seconds * self.hz()).round().max(0.0) as u64
    }
}

/// A level relative to full scale or to another level, in decibels of amplitude.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct Decibels(pub f64);

impl Decibels {
    /// No change of level.
    pub const UNITY: Decibels = Decibels(0.0);

    /// The factor that samples are multiplied with. Minus infinity gives 0.
    pub fn gain(self) -> f64 {
        if self.0 == 0.0 { 1.0 } else { 10f64.powf(self.0 / 20.0) }
    }

    /// The level of an amplitude; 0 gives minus infinity.
    pub fn from_gain(gain: f64) -> Decibels {
        Decibels(20.0 * gain.abs().log10())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decibels_and_gain_are_inverse() {
        for db in [-120.0, -6.02, 0.0, 24.0] {
            assert!((Decibels::from_gain(Decibels(db).gain()).0 - db).abs() < 1e-9);
        }
        assert_eq!(Decibels(f64::NEG_INFINITY).gain(), 0.0);
    }

    #[test]
    fn frames_round_to_the_nearest() {
        assert_eq!(SampleRate(48_000).frames(1.000_01), 48_000);
        assert_eq!(SampleRate(44_100).frames(-1.0), 0);
    }
}
