//! The gain that brings a recording to a level, or to that of another.
//!
//! Nothing is changed here: a gain is a number that is written down beside what it is applied to.

use serde::{Deserialize, Serialize};

use crate::Decibels;
use crate::finish::Target;
use crate::measure::Levels;

/// By which of their levels two recordings are made alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MatchBy {
    /// Integrated loudness.
    #[default]
    Loudness,
    /// Root of the mean square.
    Rms,
    /// Highest sample.
    Peak,
    /// True peak.
    TruePeak,
}

/// The gain that brings what was measured to a target; `None` where it has no such level: it is silent, or for loudness
/// too short or below -70 LUFS.
pub fn gain_to(target: Target, levels: &Levels) -> Option<Decibels> {
    let (wanted, by) = match target {
        Target::Loudness(wanted) => (wanted, MatchBy::Loudness),
        Target::Rms(wanted) => (wanted, MatchBy::Rms),
        Target::Peak(wanted) => (wanted, MatchBy::Peak),
        Target::TruePeak(wanted) => (wanted, MatchBy::TruePeak),
    };
    level(by, levels).map(|level| Decibels(wanted - level))
}

/// The gain that makes a wet recording as loud as its dry one; `None` where one of them has no such level.
pub fn gain_to_match(wet: &Levels, dry: &Levels, by: MatchBy) -> Option<Decibels> {
    Some(Decibels(level(by, dry)? - level(by, wet)?))
}

/// The target that makes another recording as loud as the one that was measured; `None` where it has no such level.
pub fn target_of(by: MatchBy, levels: &Levels) -> Option<Target> {
    let level = level(by, levels)?;
    Some(match by {
        MatchBy::Loudness => Target::Loudness(level),
        MatchBy::Rms => Target::Rms(level),
        MatchBy::Peak => Target::Peak(level),
        MatchBy::TruePeak => Target::TruePeak(level),
    })
}

fn level(by: MatchBy, levels: &Levels) -> Option<f64> {
    match by {
        MatchBy::Loudness => levels.loudness_lufs,
        MatchBy::Rms => levels.rms_dbfs,
        MatchBy::Peak => levels.peak_dbfs,
        MatchBy::TruePeak => levels.true_peak_dbtp,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Meter;
    use crate::{Buffer, SampleRate};

    /// A second of a tone that swells, and its levels at a gain.
    fn levels(gain: f64) -> Levels {
        let sample = |n: usize| (gain * n as f64 / 48_000.0 * (n as f64 * 0.13).sin()) as f32;
        let mut meter = Meter::new(1, SampleRate(48_000));
        meter.add(&Buffer::from_channels(vec![(0..48_000).map(sample).collect()]));
        meter.finish()
    }

    const ALL: [MatchBy; 4] = [MatchBy::Loudness, MatchBy::Rms, MatchBy::Peak, MatchBy::TruePeak];

    #[test]
    fn the_gain_brings_a_recording_to_its_target() {
        for (target, by) in [
            (Target::Loudness(-24.0), MatchBy::Loudness),
            (Target::Rms(-20.0), MatchBy::Rms),
            (Target::Peak(-3.0), MatchBy::Peak),
            (Target::TruePeak(-1.0), MatchBy::TruePeak),
        ] {
            let gain = gain_to(target, &levels(0.2)).unwrap().gain();
            let reached = gain_to(target, &levels(0.2 * gain)).unwrap().0;
            assert!(reached.abs() < 1e-3, "{target:?} is missed by {reached} dB");
            assert_eq!(level(by, &levels(0.0)), None);
            assert_eq!(gain_to(target, &levels(0.0)), None);
        }
    }

    #[test]
    fn wet_becomes_as_loud_as_dry_by_every_level() {
        for by in ALL {
            let gain = gain_to_match(&levels(0.5), &levels(0.05), by).unwrap().0;
            assert!((gain + 20.0).abs() < 1e-3, "{by:?}: {gain}");
            assert_eq!(gain_to_match(&levels(0.0), &levels(0.5), by), None);
            assert_eq!(gain_to_match(&levels(0.5), &levels(0.0), by), None);
            let target = target_of(by, &levels(0.05)).unwrap();
            assert_eq!(gain_to(target, &levels(0.5)), gain_to_match(&levels(0.5), &levels(0.05), by));
            assert_eq!(target_of(by, &levels(0.0)), None);
        }
    }
}
