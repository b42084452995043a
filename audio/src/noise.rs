//! Noise that is laid under a signal: white, pink, and the hum of the mains.
//!
//! Every number is a function of the seed, the channel and the frame, so that neither blocks nor anything that ran
//! before changes it. White noise and hum are so directly. Pink noise is white noise behind a filter that has run for
//! half a second before frame 0.

use std::f64::consts::TAU;

use serde::{Deserialize, Serialize};

use crate::measure::Levels;
use crate::{Buffer, Decibels, SampleRate};

/// What noise sounds like.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum NoiseKind {
    /// The same power in every hertz. Nearly normally distributed, and never beyond 3.5 times its RMS.
    White,
    /// The same power in every octave: -3.01 dB an octave, within half a decibel from 20 Hz to 20 kHz, or to nine tenths
    /// of half the rate where that is lower.
    Pink,
    /// The mains and its harmonics, of which number n has 1/n of the first one's amplitude and a phase of its own. The
    /// same on all channels. Harmonics at or above half the sample rate are left out.
    Hum {
        /// The frequency of the mains: 50 or 60.
        hertz: u32,
        /// How many there are, the first included, 1 to 100.
        harmonics: u32,
    },
}

/// How loud noise is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum NoiseLevel {
    /// Its RMS in dBFS.
    Rms(f64),
    /// The signal's RMS over the noise's, in dB.
    Snr(f64),
}

impl NoiseLevel {
    /// The RMS of the noise in dBFS beside a signal; `None` for a ratio to silence, which has no level.
    pub fn rms_dbfs(self, signal: &Levels) -> Option<f64> {
        match self {
            NoiseLevel::Rms(dbfs) => Some(dbfs),
            NoiseLevel::Snr(db) => signal.rms_dbfs.map(|rms| rms - db),
        }
    }
}

/// Noise from frame 0 on.
#[derive(Clone, Debug)]
pub struct Noise {
    source: Source,
    /// The factor that gives the RMS asked for.
    gain: f64,
    frame: u64,
}

#[derive(Clone, Debug)]
enum Source {
    White(Vec<u64>),
    Pink(Vec<Pink>),
    Hum { rate: u64, hertz: u64, harmonics: Vec<(f64, f64)> },
}

/// Frames that pink noise's filter runs before frame 0, in seconds.
const WARM_UP: f64 = 0.5;

impl Noise {
    /// Noise of an RMS on so many channels, which are independent but for hum.
    pub fn new(kind: NoiseKind, seed: u64, channels: usize, rate: SampleRate, rms_dbfs: f64) -> Noise {
        let seeds = (0..channels as u64).map(|channel| mix(seed ^ mix(channel)));
        let (source, rms) = match kind {
            NoiseKind::White => (Source::White(seeds.collect()), 1.0),
            NoiseKind::Pink => {
                let filter = PinkFilter::new(rate);
                let rms = filter.rms(rate);
                (Source::Pink(seeds.map(|seed| Pink::new(filter.clone(), seed, rate)).collect()), rms)
            }
            NoiseKind::Hum { hertz, harmonics } => {
                let below = |n: &u32| u64::from(*n) * u64::from(hertz) * 2 < u64::from(rate.0);
                let harmonics: Vec<(f64, f64)> = (1..=harmonics.clamp(1, 100))
                    .filter(below)
                    .map(|n| (1.0 / f64::from(n), unit(mix(seed ^ mix(u64::from(n))))))
                    .collect();
                let power: f64 = harmonics.iter().map(|(amplitude, _)| amplitude * amplitude / 2.0).sum();
                (Source::Hum { rate: rate.0.into(), hertz: hertz.into(), harmonics }, power.sqrt())
            }
        };
        let gain = if rms > 0.0 { Decibels(rms_dbfs).gain() / rms } else { 0.0 };
        Noise { source, gain, frame: 0 }
    }

    /// Adds the next frames of noise to a block, which has as many channels as the noise.
    ///
    /// # Panics
    /// If it has another number of channels.
    pub fn add_to(&mut self, block: &mut Buffer) {
        let (gain, first, frames) = (self.gain, self.frame, block.frames() as u64);
        let add = |samples: &mut [f32], noise: &mut dyn FnMut(u64) -> f64| {
            for (sample, frame) in samples.iter_mut().zip(first..) {
                *sample = (f64::from(*sample) + gain * noise(frame)) as f32;
            }
        };
        let fits =
            |channels: usize| assert_eq!(block.channel_count(), channels, "noise has the channels of its signal");
        match &mut self.source {
            Source::White(seeds) => {
                fits(seeds.len());
                for (samples, seed) in block.channels_mut().zip(seeds) {
                    add(samples, &mut |frame| white(*seed, frame));
                }
            }
            Source::Pink(channels) => {
                fits(channels.len());
                for (samples, pink) in block.channels_mut().zip(channels) {
                    add(samples, &mut |_| pink.next());
                }
            }
            Source::Hum { rate, hertz, harmonics } => {
                let hum = |frame: u64| {
                    // In whole numbers, so that the phase is as exact after a day as at the start.
                    let phase = |n: u64| (frame % *rate * (n * *hertz) % *rate) as f64 / *rate as f64;
                    let tone = |(n, (amplitude, at)): (u64, &(f64, f64))| amplitude * (TAU * (phase(n) + at)).sin();
                    (1..).zip(harmonics.iter()).map(tone).sum::<f64>()
                };
                for samples in block.channels_mut() {
                    add(samples, &mut |frame| hum(frame));
                }
            }
        }
        self.frame += frames;
    }
}

/// A number of white noise, of mean 0 and RMS 1: the sum of four even ones, which is close to normal and needs no
/// function whose last digit depends on the machine.
fn white(seed: u64, frame: u64) -> f64 {
    let bits = mix(seed.wrapping_add(frame.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
    let sum: u64 = (0..4).map(|part| bits >> (16 * part) & 0xffff).sum();
    // Four even numbers of width 1 have a variance of 4/12.
    let even = (sum as f64 - 2.0 * 65_535.0) / 65_536.0;
    even * 3f64.sqrt()
}

/// The finalizer of SplitMix64 (Steele, Lea and Flood, 2014).
fn mix(mut bits: u64) -> u64 {
    bits = bits.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ bits >> 31
}

/// From 0 to below 1.
fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1u64 << 53) as f64
}

/// One channel of pink noise.
#[derive(Clone, Debug)]
struct Pink {
    filter: PinkFilter,
    seed: u64,
    frame: u64,
}

impl Pink {
    fn new(filter: PinkFilter, seed: u64, rate: SampleRate) -> Pink {
        let mut pink = Pink { filter, seed, frame: 0 };
        (0..rate.frames(WARM_UP)).for_each(|_| {
            pink.next();
        });
        pink
    }

    fn next(&mut self) -> f64 {
        self.frame += 1;
        self.filter.next(white(self.seed, self.frame))
    }
}

/// A slope of -3 dB an octave out of first-order shelves, one an octave: each falls by 6 dB, over half of its octave.
#[derive(Clone, Debug)]
struct PinkFilter {
    shelves: Vec<Shelf>,
    last: f64,
}

/// `y = x - zero x1 + pole y1`
#[derive(Clone, Debug)]
struct Shelf {
    zero: f64,
    pole: f64,
    input: f64,
    output: f64,
}

/// How much of the frame before each is added, which lowers the highest octave alone: shelves fall by less and less there,
/// since the spectrum of anything sampled meets its own image at half the rate. Found by trial; the slope is within a
/// quarter of a decibel with it, and rises by one and a half without.
const SMOOTHING: f64 = 0.08;

/// The lowest pole in hertz. Below it, pink noise is white.
const LOWEST: f64 = 8.0;

impl PinkFilter {
    fn new(rate: SampleRate) -> PinkFilter {
        // Up to the sample rate, since shelves above half of it still bend the slope below.
        let octaves = (rate.hz() / LOWEST).log2().ceil().max(1.0) as i32;
        let at = |hertz: f64| (-TAU * hertz / rate.hz()).exp();
        let shelf = |octave: i32| {
            let pole = LOWEST * 2f64.powi(octave);
            Shelf { pole: at(pole), zero: at(pole * 2f64.sqrt()), input: 0.0, output: 0.0 }
        };
        PinkFilter { shelves: (0..octaves).map(shelf).collect(), last: 0.0 }
    }

    fn next(&mut self, sample: f64) -> f64 {
        let smooth = (sample + SMOOTHING * self.last) / (1.0 + SMOOTHING);
        self.last = sample;
        self.shelves.iter_mut().fold(smooth, |input, shelf| {
            let output = input - shelf.zero * shelf.input + shelf.pole * shelf.output;
            (shelf.input, shelf.output) = (input, output);
            output
        })
    }

    /// The RMS of what comes out for white noise of 1: the energy of its impulse response.
    fn rms(&self, rate: SampleRate) -> f64 {
        let mut filter = self.clone();
        let response = (0..rate.frames(WARM_UP)).map(|frame| filter.next(if frame == 0 { 1.0 } else { 0.0 }));
        response.map(|sample| sample * sample).sum::<f64>().sqrt()
    }
}

#[cfg(test)]
mod tests {
    use realfft::RealFftPlanner;

    use super::*;
    use crate::measure::Meter;

    const RATE: SampleRate = SampleRate(48_000);

    fn sound(kind: NoiseKind, seed: u64, channels: usize, rate: SampleRate, blocks: &[usize]) -> Buffer {
        let mut noise = Noise::new(kind, seed, channels, rate, -20.0);
        let mut whole = Buffer::new(channels, 0);
        for &frames in blocks {
            let mut block = Buffer::new(channels, frames);
            noise.add_to(&mut block);
            whole.append(&block);
        }
        whole
    }

    fn rms(samples: &[f32]) -> f64 {
        (samples.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / samples.len() as f64).sqrt()
    }

    /// Power in each bin, meaned over windows of 16,384 frames.
    fn spectrum(samples: &[f32]) -> Vec<f64> {
        const SIZE: usize = 16_384;
        let plan = RealFftPlanner::<f64>::new().plan_fft_forward(SIZE);
        let mut mean = vec![0.0; SIZE / 2 + 1];
        let mut bins = plan.make_output_vec();
        for window in samples.windows(SIZE).step_by(SIZE / 2) {
            let hann = |n: usize| 0.5 - 0.5 * (TAU * n as f64 / SIZE as f64).cos();
            let mut shaped: Vec<f64> = window.iter().enumerate().map(|(n, s)| f64::from(*s) * hann(n)).collect();
            plan.process(&mut shaped, &mut bins).unwrap();
            mean.iter_mut().zip(&bins).for_each(|(mean, bin)| *mean += bin.norm_sqr());
        }
        mean
    }

    /// The mean power a bin between two frequencies, in dB.
    fn band(spectrum: &[f64], rate: SampleRate, low: f64, high: f64) -> f64 {
        let bin = |hertz: f64| (hertz / rate.hz() * 16_384.0).round() as usize;
        let bins = &spectrum[bin(low)..=bin(high).min(spectrum.len() - 1)];
        10.0 * (bins.iter().sum::<f64>() / bins.len() as f64).log10()
    }

    const KINDS: [NoiseKind; 3] = [NoiseKind::White, NoiseKind::Pink, NoiseKind::Hum { hertz: 50, harmonics: 12 }];

    #[test]
    fn noise_is_the_same_however_it_is_cut_into_blocks() {
        for kind in KINDS {
            let whole = sound(kind, 7, 2, RATE, &[5_000]);
            assert_eq!(sound(kind, 7, 2, RATE, &[1, 0, 511, 512, 3_000, 976]), whole, "{kind:?}");
            assert_ne!(sound(kind, 8, 2, RATE, &[5_000]), whole, "{kind:?}");
        }
    }

    #[test]
    fn noise_has_the_level_asked_for() {
        for kind in KINDS {
            for rate in [8_000, 44_100, 48_000, 192_000] {
                let rate = SampleRate(rate);
                let noise = sound(kind, 1, 1, rate, &[rate.0 as usize * 10]);
                let level = Decibels::from_gain(rms(noise.channel(0))).0;
                // Of pink noise, the slowest octaves have only some hundred swings in ten seconds.
                assert!((level + 20.0).abs() < 0.3, "{kind:?} at {rate:?}: {level} dBFS");
            }
        }
    }

    #[test]
    fn noise_is_added_to_what_is_there() {
        let noise = sound(NoiseKind::White, 3, 1, RATE, &[100]);
        let mut signal = Buffer::from_channels(vec![vec![0.25; 100]]);
        Noise::new(NoiseKind::White, 3, 1, RATE, -20.0).add_to(&mut signal);
        assert!(signal.channel(0).iter().zip(noise.channel(0)).all(|(sum, noise)| (sum - 0.25 - noise).abs() < 1e-6));
    }

    #[test]
    fn channels_of_noise_are_independent_and_those_of_hum_are_not() {
        for kind in [NoiseKind::White, NoiseKind::Pink] {
            let stereo = sound(kind, 5, 2, RATE, &[480_000]);
            let (left, right) = (stereo.channel(0), stereo.channel(1));
            let together: f64 = left.iter().zip(right).map(|(l, r)| f64::from(*l) * f64::from(*r)).sum();
            let alike = together / 480_000.0 / (rms(left) * rms(right));
            assert!(alike.abs() < 0.05, "{kind:?}: {alike}");
        }
        let hum = sound(KINDS[2], 5, 2, RATE, &[4_800]);
        assert_eq!(hum.channel(0), hum.channel(1));
    }

    #[test]
    fn white_noise_is_flat() {
        let spectrum = spectrum(sound(NoiseKind::White, 11, 1, RATE, &[480_000 * 3]).channel(0));
        let mean = band(&spectrum, RATE, 20.0, 23_900.0);
        for octave in 0..10 {
            let low = 20.0 * 2f64.powi(octave);
            let level = band(&spectrum, RATE, low, low * 2.0);
            // A band of 20 Hz holds seven bins of some 170 windows.
            assert!((level - mean).abs() < 0.6, "{low} Hz: {level} of {mean}");
        }
    }

    #[test]
    fn pink_noise_falls_by_three_decibels_an_octave() {
        for rate in [44_100, 48_000, 96_000] {
            let rate = SampleRate(rate);
            // What the filter does to each frequency, without the chance of noise.
            let mut filter = PinkFilter::new(rate);
            let response: Vec<f64> = (0..rate.0).map(|n| filter.next(if n == 0 { 1.0 } else { 0.0 })).collect();
            let level = |hertz: f64| {
                let (mut re, mut im) = (0.0, 0.0);
                for (n, sample) in response.iter().enumerate() {
                    let angle = TAU * hertz * n as f64 / rate.hz();
                    (re, im) = (re + sample * angle.cos(), im + sample * angle.sin());
                }
                10.0 * (re * re + im * im).log10() + 10.0 * hertz.log10()
            };
            let middle = level(1_000.0);
            let highest = (0.45 * rate.hz()).min(20_000.0);
            for step in 0..=40 {
                let hertz = 20.0 * (highest / 20.0).powf(f64::from(step) / 40.0);
                let off = level(hertz) - middle;
                assert!(off.abs() < 0.5, "{hertz} Hz at {rate:?}: {off} dB off the slope");
            }
        }
        let spectrum = spectrum(sound(NoiseKind::Pink, 11, 1, RATE, &[480_000 * 3]).channel(0));
        let octave = |low: f64| band(&spectrum, RATE, low, low * 2.0);
        for low in [160.0, 640.0, 2_560.0, 10_240.0] {
            let falls = octave(low / 2.0) - octave(low);
            assert!((falls - 3.01).abs() < 0.5, "{low} Hz: {falls} dB");
        }
    }

    #[test]
    fn hum_has_its_harmonics_and_nothing_else() {
        for hertz in [50, 60] {
            let hum = sound(NoiseKind::Hum { hertz, harmonics: 5 }, 2, 1, RATE, &[48_000]);
            let power = |frequency: f64| {
                let (mut re, mut im) = (0.0, 0.0);
                for (n, sample) in hum.channel(0).iter().enumerate() {
                    let angle = TAU * frequency * n as f64 / 48_000.0;
                    (re, im) = (re + f64::from(*sample) * angle.cos(), im + f64::from(*sample) * angle.sin());
                }
                10.0 * (re * re + im * im).log10()
            };
            let first = power(hertz.into());
            for n in 2..=5 {
                let below = first - power(f64::from(n * hertz));
                assert!((below - 20.0 * f64::from(n).log10()).abs() < 0.01, "{n} x {hertz} Hz: {below} dB");
            }
            assert!(first - power(f64::from(6 * hertz)) > 100.0);
            assert!(first - power(f64::from(hertz) * 1.5) > 100.0);
        }
    }

    #[test]
    fn hum_beyond_half_the_rate_is_left_out() {
        let low = SampleRate(240);
        assert_eq!(
            sound(NoiseKind::Hum { hertz: 50, harmonics: 100 }, 2, 1, low, &[240]),
            sound(NoiseKind::Hum { hertz: 50, harmonics: 2 }, 2, 1, low, &[240]),
        );
        let none = sound(NoiseKind::Hum { hertz: 50, harmonics: 2 }, 2, 1, SampleRate(80), &[80]);
        assert_eq!(none.peak(), 0.0);
    }

    #[test]
    fn a_ratio_is_to_the_signal_and_silence_has_none() {
        let levels = |sample: f32| {
            let mut meter = Meter::new(1, RATE);
            meter.add(&Buffer::from_channels(vec![vec![sample; 100]]));
            meter.finish()
        };
        let loud = NoiseLevel::Snr(40.0).rms_dbfs(&levels(0.1)).unwrap();
        assert!((loud + 60.0).abs() < 1e-5, "{loud}");
        assert_eq!(NoiseLevel::Snr(40.0).rms_dbfs(&levels(0.0)), None);
        assert_eq!(NoiseLevel::Rms(-70.0).rms_dbfs(&levels(0.0)), Some(-70.0));
    }
}
