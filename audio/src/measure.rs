//! Loudness and peaks of what was rendered.
//!
//! Loudness is that of ITU-R BS.1770-4 and EBU R 128, its range that of EBU Tech 3342, the true peak that of BS.1770-4,
//! annex 2. Beside its peaks, a [`Meter`] keeps one number for each 100 ms: 288 KB an hour.

use crate::loudness::{self, Loudness, Memory, Sums, Weighting};
use crate::true_peak::{Between, Scan};
use crate::{Buffer, Decibels, SampleRate};

/// Measures sound as it passes by, block by block. The split into blocks does not change the result.
#[derive(Clone, Debug)]
pub struct Meter {
    weighting: Option<Weighting>,
    between: Between,
    channels: Vec<Channel>,
    pairs: Vec<Memory<2>>,
    single: Memory<1>,
    /// Sound that does not fill a step of 100 ms yet.
    step: Buffer,
    filled: usize,
    frames: u64,
    energies: Vec<f64>,
}

/// What is known of one channel.
#[derive(Clone, Debug)]
struct Channel {
    scan: Scan,
    samples: f64,
    squares: f64,
}

/// What was measured. All levels of a whole recording, over all its channels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Levels {
    /// Integrated loudness in LUFS; absent for less than 400 ms of sound and for what the gate takes for silence
    /// (below -70 LUFS).
    pub loudness_lufs: Option<f64>,
    /// Highest short-term loudness (3 s) in LUFS; absent for less than 3 s and for digital silence.
    pub short_term_lufs: Option<f64>,
    /// Highest momentary loudness (400 ms) in LUFS; absent for less than 400 ms and for digital silence.
    pub momentary_lufs: Option<f64>,
    /// Loudness range in LU; absent for less than 3 s and for what the gate takes for silence.
    pub range_lu: Option<f64>,
    /// Highest absolute sample in dBFS; absent where all samples are 0.
    pub peak_dbfs: Option<f64>,
    /// True peak in dBTP, at least the sample peak; absent where all samples are 0.
    pub true_peak_dbtp: Option<f64>,
    /// Root of the mean square over all samples of all channels in dBFS, where a square wave of full scale has 0 and a sine
    /// -3.01; absent where all samples are 0.
    pub rms_dbfs: Option<f64>,
    /// Mean of the channel whose mean is farthest from 0, full scale being 1; absent where there are no samples.
    pub dc_offset: Option<f64>,
    /// No sample reaches -90 dBFS.
    pub silent: bool,
}

/// Below this level in dBFS, sound counts as silence.
pub const SILENCE_DBFS: f64 = -90.0;

impl Meter {
    /// Starts measuring. All channels weigh the same, since files of more than two state no speaker positions. Below
    /// 4,000 Hz there is no loudness.
    pub fn new(channels: usize, sample_rate: SampleRate) -> Meter {
        let between = Between::new(sample_rate);
        let channel = Channel { scan: Scan::new(&between), samples: 0.0, squares: 0.0 };
        Meter {
            weighting: Weighting::new(sample_rate),
            channels: vec![channel; channels],
            pairs: vec![Memory::default(); channels / 2],
            single: Memory::default(),
            step: Buffer::new(channels, (sample_rate.0 as usize + 5) / 10),
            filled: 0,
            frames: 0,
            energies: Vec::new(),
            between,
        }
    }

    /// Takes the next block, whose samples are finite.
    ///
    /// # Panics
    /// If the block has another number of channels than the meter.
    pub fn add(&mut self, block: &Buffer) {
        assert_eq!(block.channel_count(), self.channels.len(), "a meter measures blocks of one channel count");
        self.frames += block.frames() as u64;
        let mut at = 0;
        while at < block.frames() {
            let count = (self.step.frames().max(1) - self.filled).min(block.frames() - at);
            for (to, from) in self.step.channels_mut().zip(block.channels()) {
                to[self.filled..self.filled + count].copy_from_slice(&from[at..at + count]);
            }
            (at, self.filled) = (at + count, self.filled + count);
            if self.filled == self.step.frames() {
                let energy = self.pass();
                self.energies.push(energy / self.filled as f64);
                self.filled = 0;
            }
        }
    }

    /// Measures the step as far as it is filled. Gives the energy that it holds.
    fn pass(&mut self) -> f64 {
        let frames = self.filled;
        let samples: Vec<&[f32]> = self.step.channels().map(|samples| &samples[..frames]).collect();
        let mut sums = Vec::with_capacity(samples.len());
        match &self.weighting {
            Some(weighting) => {
                // Two channels at once cost hardly more than one.
                for (memory, pair) in self.pairs.iter_mut().zip(samples.chunks_exact(2)) {
                    sums.extend(weighting.add(memory, [pair[0], pair[1]]));
                }
                if let [last] = samples.chunks_exact(2).remainder() {
                    sums.extend(weighting.add(&mut self.single, [last]));
                }
            }
            None => sums.extend(samples.iter().map(|samples| {
                let sum = |of: fn(f64) -> f64| samples.iter().map(|&s| of(s.into())).sum();
                Sums { energy: 0.0, samples: sum(|s| s), squares: sum(|s| s * s) }
            })),
        }
        for ((channel, samples), sums) in self.channels.iter_mut().zip(samples).zip(&sums) {
            channel.scan.add(&self.between, samples);
            channel.samples += sums.samples;
            channel.squares += sums.squares;
        }
        sums.iter().map(|sums| sums.energy).sum()
    }

    /// The gain in dB that brings what was measured so far to an integrated loudness; `None` where it has none: it is shorter
    /// than 400 ms or below -70 LUFS. Exact where blocks pass the gate by that gain.
    pub fn gain_to_loudness(&self, lufs: f64) -> Option<f64> {
        loudness::gain_to(&self.energies, lufs)
    }

    /// Ends measuring.
    pub fn finish(mut self) -> Levels {
        // The last step is not full and has no loudness.
        self.pass();
        let (frames, count) = (self.frames as f64, self.channels.len() as f64);
        let (mut peak, mut true_peak, mut squares) = (0.0f32, 0.0f32, 0.0);
        let mut dc_offset = None;
        for channel in self.channels {
            let peaks = channel.scan.finish(&self.between);
            (peak, true_peak) = (peak.max(peaks.0), true_peak.max(peaks.1));
            squares += channel.squares;
            let mean = channel.samples / frames;
            if self.frames > 0 && dc_offset.is_none_or(|offset: f64| mean.abs() > offset.abs()) {
                dc_offset = Some(mean);
            }
        }
        let level = |gain: f64| (gain > 0.0).then(|| Decibels::from_gain(gain).0);
        let loudness = Loudness::of(&self.energies);
        Levels {
            loudness_lufs: loudness.integrated,
            short_term_lufs: loudness.short_term,
            momentary_lufs: loudness.momentary,
            range_lu: loudness.range,
            peak_dbfs: level(peak.into()),
            true_peak_dbtp: level(true_peak.into()),
            rms_dbfs: level((squares / (frames * count)).sqrt()),
            dc_offset,
            silent: f64::from(peak) < Decibels(SILENCE_DBFS).gain(),
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
        let nothing = Levels {
            loudness_lufs: None,
            short_term_lufs: None,
            momentary_lufs: None,
            range_lu: None,
            peak_dbfs: None,
            true_peak_dbtp: None,
            rms_dbfs: None,
            dc_offset: None,
            silent: true,
        };
        assert_eq!(levels(&Buffer::new(2, 480_000)), Levels { dc_offset: Some(0.0), ..nothing });
        assert_eq!(levels(&Buffer::new(2, 0)), nothing);
        assert_eq!(levels(&Buffer::new(0, 480_000)), nothing);
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

    #[test]
    fn rms_and_offset_are_those_of_all_samples() {
        let sine = levels(&sine(0.0, 1_000.0, 0.0, 1.05, 2));
        assert!((sine.rms_dbfs.unwrap() + 3.0103).abs() < 1e-4 && sine.dc_offset.unwrap().abs() < 1e-9, "{sine:?}");
        let lopsided = levels(&Buffer::from_channels(vec![vec![0.25; 1_000], vec![-0.5; 1_000]]));
        assert_eq!(lopsided.dc_offset, Some(-0.5));
        let expected = 10.0 * ((0.25f64.powi(2) + 0.5f64.powi(2)) / 2.0).log10();
        assert!((lopsided.rms_dbfs.unwrap() - expected).abs() < 1e-9);
    }

    /// Something like music: noise that swells, a few tones and a click.
    fn music(channels: usize, rate: u32, frames: usize) -> Buffer {
        let mut noise = 1u32;
        let mut channel = |offset: f64| {
            let sample = |n: usize| {
                noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let t = n as f64 / f64::from(rate);
                let swell = 0.5 + 0.5 * (TAU * t / 3.7).sin();
                let tones = (TAU * (110.0 + offset) * t).sin() + 0.3 * (TAU * 9_000.0 * t).sin();
                let click = if n == frames / 3 { 0.9 } else { 0.0 };
                (swell * (0.2 * tones + 0.2 * (f64::from(noise) / f64::from(u32::MAX) - 0.5)) + click) as f32
            };
            (0..frames).map(sample).collect()
        };
        Buffer::from_channels((0..channels).map(|c| channel(c as f64 * 31.0)).collect())
    }

    #[test]
    fn an_independent_meter_agrees_at_every_rate_and_channel_count() {
        use ebur128::{Channel, EbuR128, Mode};
        for rate in [8_000, 44_100, 48_000, 88_200, 96_000, 192_000] {
            for channels in [1, 2, 3] {
                let buffer = music(channels, rate, rate as usize * 7 + 123);
                let mut meter = Meter::new(channels, SampleRate(rate));
                meter.add(&buffer);
                let ours = meter.finish();

                let mode = Mode::I | Mode::S | Mode::M | Mode::LRA | Mode::TRUE_PEAK;
                let mut theirs = EbuR128::new(channels as u32, rate, mode).unwrap();
                theirs.set_channel_map(&vec![Channel::Center; channels]).unwrap();
                let (mut momentary, mut short_term) = (f64::NEG_INFINITY, f64::NEG_INFINITY);
                for start in (0..buffer.frames()).step_by(rate as usize / 10) {
                    let end = buffer.frames().min(start + rate as usize / 10);
                    let planes: Vec<&[f32]> = buffer.channels().map(|c| &c[start..end]).collect();
                    theirs.add_frames_planar_f32(&planes).unwrap();
                    if end - start == rate as usize / 10 {
                        momentary = theirs.loudness_momentary().unwrap().max(momentary);
                        short_term = theirs.loudness_shortterm().unwrap().max(short_term);
                    }
                }
                let peak = (0..channels).map(|c| theirs.true_peak(c as u32).unwrap()).fold(0.0, f64::max);
                let what = format!("{channels} channels at {rate} Hz: {ours:?}");
                for (name, ours, theirs, tolerance) in [
                    ("integrated", ours.loudness_lufs, theirs.loudness_global().unwrap(), 1e-6),
                    ("momentary", ours.momentary_lufs, momentary, 1e-6),
                    ("short-term", ours.short_term_lufs, short_term, 1e-6),
                    // Theirs takes steps of a second for the range, as an older edition of EBU Tech 3342 allows.
                    ("range", ours.range_lu, theirs.loudness_range().unwrap(), 1.0),
                    // Theirs has a shorter filter, which finds a little less at high frequencies.
                    ("true peak", ours.true_peak_dbtp, Decibels::from_gain(peak).0, 0.1),
                ] {
                    let apart = (ours.unwrap() - theirs).abs();
                    assert!(apart < tolerance, "{name}, {apart} from {theirs}; {what}");
                }
            }
        }
    }
}
