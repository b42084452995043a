//! Where a take sounds: silence at both ends is found as it passes by.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::{Buffer, Decibels, SampleRate};

/// What counts as sound, and what stays around it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sounding {
    /// What rises above this level, in dBFS, on any channel, is sound.
    pub threshold_db: f64,
    /// Sound goes on for so many seconds behind the last frame above the threshold, as a gate's hold: what falls silent
    /// for less is one sound.
    #[serde(default)]
    pub hold_seconds: f64,
    /// A sound whose frames above the threshold span less than this is none, such as the click of a plug.
    #[serde(default)]
    pub shortest_seconds: f64,
    /// Seconds that stay in front of the first sound, as far as there are any.
    #[serde(default)]
    pub lead_in_seconds: f64,
}

/// Looks for sound, block by block. The split into blocks does not change the result.
#[derive(Clone, Debug)]
pub struct SoundingScan {
    threshold: f32,
    hold: u64,
    shortest: u64,
    lead_in: u64,
    frames: u64,
    /// First frame of the sound that goes on, and its last so far.
    now: Option<(u64, u64)>,
    /// First frame of the first sound that counts, and the last of the last.
    found: Option<(u64, u64)>,
}

impl SoundingScan {
    /// Begins with frame 0.
    pub fn new(sounding: &Sounding, rate: SampleRate) -> SoundingScan {
        SoundingScan {
            threshold: Decibels(sounding.threshold_db).gain() as f32,
            hold: rate.frames(sounding.hold_seconds),
            shortest: rate.frames(sounding.shortest_seconds),
            lead_in: rate.frames(sounding.lead_in_seconds),
            frames: 0,
            now: None,
            found: None,
        }
    }

    /// Takes the next block.
    pub fn add(&mut self, block: &Buffer) {
        for at in 0..block.frames() {
            if block.channels().any(|samples| samples[at].abs() > self.threshold) {
                self.sound_at(self.frames + at as u64);
            }
        }
        self.frames += block.frames() as u64;
    }

    fn sound_at(&mut self, frame: u64) {
        let first = match self.now {
            Some((first, last)) if frame - last - 1 <= self.hold => first,
            _ => frame,
        };
        self.now = Some((first, frame));
        if frame - first + 1 >= self.shortest {
            self.found = Some((self.found.map_or(first, |(first, _)| first), frame));
        }
    }

    /// From the first sound, less the lead in, to the end of the last, with its hold; `None` if there is none.
    pub fn finish(self) -> Option<Range<u64>> {
        let (first, last) = self.found?;
        Some(first.saturating_sub(self.lead_in)..(last + 1).saturating_add(self.hold).min(self.frames))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: SampleRate = SampleRate(1_000);

    /// Ranges of sound in a take of 1000 frames.
    fn take(sounds: &[Range<usize>]) -> Vec<f32> {
        let mut samples = vec![0.000_9; 1_000];
        sounds.iter().for_each(|sound| samples[sound.clone()].fill(-0.1));
        samples
    }

    fn found(samples: &[f32], sounding: Sounding, block: usize) -> Option<Range<u64>> {
        let mut scan = SoundingScan::new(&sounding, RATE);
        samples
            .chunks(block)
            .for_each(|part| scan.add(&Buffer::from_channels(vec![vec![0.0; part.len()], part.to_vec()])));
        scan.finish()
    }

    const PLAIN: Sounding =
        Sounding { threshold_db: -60.0, hold_seconds: 0.0, shortest_seconds: 0.0, lead_in_seconds: 0.0 };

    #[test]
    fn sound_is_found_to_the_frame_in_blocks_of_any_size() {
        for block in [1, 63, 1_000] {
            assert_eq!(found(&take(&[300..500, 700..701]), PLAIN, block), Some(300..701));
            assert_eq!(found(&take(std::slice::from_ref(&(0..1_000))), PLAIN, block), Some(0..1_000));
            assert_eq!(found(&take(&[]), PLAIN, block), None);
        }
        assert_eq!(found(&[], PLAIN, 1), None);
    }

    #[test]
    fn hold_and_lead_in_stay_within_the_take() {
        let around = Sounding { hold_seconds: 0.1, lead_in_seconds: 0.05, ..PLAIN };
        assert_eq!(found(&take(std::slice::from_ref(&(300..500))), around, 64), Some(250..600));
        assert_eq!(found(&take(std::slice::from_ref(&(20..950))), around, 64), Some(0..1_000));
    }

    #[test]
    fn a_click_alone_is_no_sound_and_one_that_others_follow_is() {
        let clicks = Sounding { shortest_seconds: 0.02, hold_seconds: 0.01, ..PLAIN };
        assert_eq!(found(&take(&[10..12, 300..500, 900..919]), clicks, 64), Some(300..510));
        assert_eq!(found(&take(&[10..12, 22..30]), clicks, 64), Some(10..40), "ten frames apart, twenty in all");
        assert_eq!(found(&take(&[10..12, 23..30]), clicks, 64), None, "eleven frames apart");
    }
}
