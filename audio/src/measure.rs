//! Loudness and peaks of what was rendered.
//!
//! Loudness and true peak are those of ITU-R BS.1770-4, by the `ebur128` crate. True peak interpolates fourfold, twofold
//! from 96 kHz on and not at all from 192 kHz on, and is the larger part of the cost: a minute of stereo at 48 kHz takes
//! about 70 ms together.

use ebur128::{Channel, EbuR128, Mode};

use crate::{Buffer, Decibels, SampleRate};

/// Measures sound as it passes by, block by block. The split into blocks does not change the result.
#[derive(Debug)]
pub struct Meter {
    channels: usize,
    loudness: Option<EbuR128>,
    true_peak: Option<EbuR128>,
    peak: f32,
}

/// What was measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Levels {
    /// Integrated loudness in LUFS; absent for less than 400 ms of sound and for what the gate takes for silence
    /// (below -70 LUFS).
    pub loudness_lufs: Option<f64>,
    /// Highest absolute sample in dBFS; absent where all samples are 0.
    pub peak_dbfs: Option<f64>,
    /// True peak in dBTP, at least the sample peak; absent where all samples are 0.
    pub true_peak_dbtp: Option<f64>,
    /// No sample reaches -90 dBFS.
    pub silent: bool,
}

/// Below this level in dBFS, sound counts as silence.
pub const SILENCE_DBFS: f64 = -90.0;

impl Meter {
    /// Starts measuring. All channels weigh the same, since files of more than two state no speaker positions.
    pub fn new(channels: usize, sample_rate: SampleRate) -> Meter {
        // The crate refuses 0 channels, more than 64, and rates below 16 Hz; what is left then is the sample peak.
        let meter = |mode| {
            let mut meter = EbuR128::new(u32::try_from(channels).ok()?, sample_rate.0, mode).ok()?;
            meter.set_channel_map(&vec![Channel::Center; channels]).ok()?;
            Some(meter)
        };
        Meter { channels, loudness: meter(Mode::I), true_peak: meter(Mode::TRUE_PEAK), peak: 0.0 }
    }

    /// Takes the next block, whose samples are finite.
    ///
    /// # Panics
    /// If the block has another number of channels than the meter.
    pub fn add(&mut self, block: &Buffer) {
        assert_eq!(block.channel_count(), self.channels, "a meter measures blocks of one channel count");
        if block.frames() == 0 {
            return;
        }
        self.peak = self.peak.max(block.peak());
        let planes: Vec<&[f32]> = block.channels().collect();
        for meter in self.loudness.iter_mut().chain(&mut self.true_peak) {
            meter.add_frames_planar_f32(&planes).expect("the block has the meter's channels");
        }
    }

    /// Ends measuring.
    pub fn finish(mut self) -> Levels {
        // The interpolation looks ahead by half its filter's 49 taps; silence brings out what is still inside.
        // It is kept from the loudness meter, whose last gating block it would dilute.
        let silence = vec![[0.0f32; 64]; self.channels];
        let planes: Vec<&[f32]> = silence.iter().map(|channel| channel.as_slice()).collect();
        let peak = f64::from(self.peak);
        let mut true_peak = peak;
        if let Some(meter) = &mut self.true_peak {
            meter.add_frames_planar_f32(&planes).expect("the silence has the meter's channels");
            for channel in 0..self.channels as u32 {
                true_peak = true_peak.max(meter.true_peak(channel).expect("the channel exists and is metered"));
            }
        }
        let loudness = self.loudness.map(|meter| meter.loudness_global().expect("the meter was made for it"));
        Levels {
            loudness_lufs: loudness.filter(|l| l.is_finite()),
            peak_dbfs: (peak > 0.0).then(|| Decibels::from_gain(peak).0),
            true_peak_dbtp: (peak > 0.0).then(|| Decibels::from_gain(true_peak).0),
            silent: peak < Decibels(SILENCE_DBFS).gain(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;

    fn sine(level_db: f64, frequency: f64, phase: f64, seconds: f64, channels: usize) -> Buffer {
        let gain = Decibels(level_db).gain();
        let sample = |n: usize| (gain * (TAU * frequency * n as f64 / 48_000.0 + phase).sin()) as f32;
        let channel: Vec<f32> = (0..(seconds * 48_000.0) as usize).map(sample).collect();
        Buffer::from_channels(vec![channel; channels])
    }

    fn levels(buffer: &Buffer) -> Levels {
        let mut meter = Meter::new(buffer.channel_count(), SampleRate(48_000));
        meter.add(buffer);
        meter.finish()
    }

    #[test]
    fn the_reference_tone_has_its_defined_loudness() {
        // EBU Tech 3341, case 1: a stereo sine of 1000 Hz at -23 dBFS peak for 20 s reads -23.0 LUFS, within 0.1.
        let stereo = levels(&sine(-23.0, 1_000.0, 0.0, 20.0, 2));
        assert!((stereo.loudness_lufs.unwrap() + 23.0).abs() < 0.1, "{stereo:?}");
        let mono = levels(&sine(-23.0, 1_000.0, 0.0, 20.0, 1));
        assert!((mono.loudness_lufs.unwrap() + 26.01).abs() < 0.1, "{mono:?}");
        assert!((stereo.peak_dbfs.unwrap() + 23.0).abs() < 0.001);
        assert!(!stereo.silent);
    }

    #[test]
    fn true_peak_finds_what_lies_between_samples() {
        // EBU Tech 3341, case 16: a quarter of the rate at 45 degrees, amplitude 0.5: -6.0 dBTP, +0.2/-0.4.
        let levels = levels(&sine(Decibels::from_gain(0.5).0, 12_000.0, TAU / 8.0, 1.0, 2));
        assert!((levels.peak_dbfs.unwrap() + 9.03).abs() < 0.01, "{levels:?}");
        assert!((-6.42..=-5.82).contains(&levels.true_peak_dbtp.unwrap()), "{levels:?}");
    }

    #[test]
    fn a_peak_at_the_very_last_frame_counts_in_full() {
        let mut buffer = Buffer::new(1, 48_000);
        buffer.channel_mut(0)[47_998..].fill(0.5);
        let at_end = levels(&buffer);
        let mut longer = buffer.clone();
        longer.resize(48_200);
        assert_eq!(at_end.true_peak_dbtp, levels(&longer).true_peak_dbtp);
        assert!(at_end.true_peak_dbtp > at_end.peak_dbfs);
    }

    #[test]
    fn blocks_of_any_size_give_the_same_levels() {
        let buffer = sine(-12.0, 440.0, 0.3, 2.0, 2);
        let whole = levels(&buffer);
        for size in [1usize, 63, 512, 4_800] {
            let mut meter = Meter::new(2, SampleRate(48_000));
            for start in (0..buffer.frames()).step_by(size) {
                let end = (start + size).min(buffer.frames());
                meter.add(&Buffer::from_channels(buffer.channels().map(|c| c[start..end].to_vec()).collect()));
            }
            assert_eq!(meter.finish(), whole, "blocks of {size}");
        }
    }

    #[test]
    fn silence_and_short_sounds_have_no_loudness() {
        let nothing = Levels { loudness_lufs: None, peak_dbfs: None, true_peak_dbtp: None, silent: true };
        assert_eq!(levels(&Buffer::new(2, 48_000)), nothing);
        assert_eq!(levels(&Buffer::new(2, 0)), nothing);
        let short = levels(&sine(-6.0, 1_000.0, 0.0, 0.39, 1));
        assert_eq!(short.loudness_lufs, None);
        assert!(short.peak_dbfs.is_some() && !short.silent);
    }

    #[test]
    fn silence_ends_at_minus_90_dbfs() {
        let constant = |db: f64| Buffer::from_channels(vec![vec![Decibels(db).gain() as f32; 100]]);
        assert!(levels(&constant(-90.1)).silent);
        assert!(!levels(&constant(-89.9)).silent);
    }

    #[test]
    fn a_rate_that_has_no_loudness_still_has_a_peak() {
        let mut meter = Meter::new(1, SampleRate(10));
        meter.add(&Buffer::from_channels(vec![vec![0.5]]));
        let levels = meter.finish();
        assert_eq!((levels.loudness_lufs, levels.peak_dbfs), (None, Some(Decibels::from_gain(0.5).0)));
    }
}
