//! How a device answers: its impulse response out of noise, and by how much it comes late.
//!
//! What goes in and what comes out are divided by each other as spectra. For anything linear that gives the impulse
//! response itself; what is not linear leaves its traces spread over all of it. One number says whether a delay means
//! anything: how much of what comes out is made of what goes in by the response around its highest point alone.

use std::ops::Range;

use realfft::RealFftPlanner;
use realfft::num_complex::Complex;

use crate::SampleRate;

/// Half the width of what counts as around the highest point, in seconds. Cabinets and low tone controls ring for some
/// milliseconds; of a reverb's second little more than a tenth lies in here.
const AROUND: f64 = 0.005;

/// The least share of the sound that must come from there to make it a delay.
const LEAST_SHARE: f64 = 0.5;

/// A response has begun where it reaches this part of its highest point: -20 dB.
const BEGUN: f64 = 0.1;

/// Added to every bin of the divisor, as a part of its mean: noise has next to nothing at some frequencies.
const FLOOR: f64 = 1e-4;

/// When sound comes out of a device.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Arrival {
    /// The highest point of the response, in frames and parts of them.
    pub frames: f64,
    /// The frame at which the response has begun. Filters take some frames from here to their highest point; those with
    /// linear phase as many as their latency.
    pub earliest: u64,
    /// The highest point is negative.
    pub inverted: bool,
    /// The share of the output that the response around its highest point makes of the input, 0 to 1.
    pub share: f64,
}

/// Why there is no moment at which sound comes out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum NoArrival {
    /// One of the two is silent.
    Silent,
    /// What comes out is spread over time, or has nothing to do with what goes in. This share of it is made by the
    /// response around its highest point.
    Spread(f64),
}

/// The impulse response that makes `output` of `input`, as long as they are; both begin at the same frame. Exact, but
/// for the floor, where the device is linear and `output` holds all of its answer. `None` where one of them is silent
/// or not finite.
pub fn response(input: &[f32], output: &[f32]) -> Option<Vec<f64>> {
    let frames = input.len().min(output.len());
    let mut spectra = Spectra::new(frames);
    let (from, mut to) = (spectra.of(&wide(&input[..frames])), spectra.of(&wide(&output[..frames])));
    let mean = |bins: &[Complex<f64>]| bins.iter().map(Complex::norm_sqr).sum::<f64>() / bins.len() as f64;
    let (power, answered) = (mean(&from), mean(&to));
    if !(power.is_finite() && answered.is_finite() && power > 0.0 && answered > 0.0) {
        return None;
    }
    for (to, from) in to.iter_mut().zip(&from) {
        *to = *to * from.conj() / (from.norm_sqr() + FLOOR * power);
    }
    Some(spectra.back(to, frames))
}

/// When `output` comes, as an answer to the noise that is `input`.
pub fn arrival(input: &[f32], output: &[f32], rate: SampleRate) -> Result<Arrival, NoArrival> {
    let response = response(input, output).ok_or(NoArrival::Silent)?;
    let higher = |best: usize, at: usize| if response[at].abs() > response[best].abs() { at } else { best };
    let peak = (0..response.len()).fold(0, higher);
    let height = response[peak].abs();
    if height == 0.0 {
        return Err(NoArrival::Silent);
    }
    let around = rate.frames(AROUND) as usize;
    let near = peak.saturating_sub(around)..(peak + around + 1).min(response.len());
    let share = share(input, output, &response, near.clone());
    if share < LEAST_SHARE {
        return Err(NoArrival::Spread(share));
    }
    let begun = near.into_iter().find(|at| response[*at].abs() >= BEGUN * height);
    let earliest = begun.expect("the peak itself is that high") as u64;
    Ok(Arrival { frames: peak as f64 + between(&response, peak), earliest, inverted: response[peak] < 0.0, share })
}

/// How much of `output` is what this part of the response makes of `input`: their correlation, squared.
fn share(input: &[f32], output: &[f32], response: &[f64], part: Range<usize>) -> f64 {
    let frames = response.len();
    let mut spectra = Spectra::new(frames);
    let mut alone = vec![0.0; frames];
    alone[part.clone()].copy_from_slice(&response[part]);
    let mut made = spectra.of(&alone);
    made.iter_mut().zip(spectra.of(&wide(&input[..frames]))).for_each(|(made, from)| *made *= from);
    let made = spectra.back(made, frames);
    let output = wide(&output[..frames]);
    let together: f64 = made.iter().zip(&output).map(|(made, given)| made * given).sum();
    let energies = energy(&made) * energy(&output);
    if energies > 0.0 { together * together / energies } else { 0.0 }
}

/// Transforms of sounds with room for an answer of the same length behind them.
pub(crate) struct Spectra {
    planner: RealFftPlanner<f64>,
    size: usize,
}

impl Spectra {
    pub fn new(frames: usize) -> Spectra {
        Spectra { planner: RealFftPlanner::new(), size: (2 * frames).next_power_of_two() }
    }

    /// Samples that the transforms span.
    pub fn size(&self) -> usize {
        self.size
    }

    pub fn of(&mut self, samples: &[f64]) -> Vec<Complex<f64>> {
        let plan = self.planner.plan_fft_forward(self.size);
        let mut padded = samples.to_vec();
        padded.resize(self.size, 0.0);
        let mut bins = plan.make_output_vec();
        plan.process(&mut padded, &mut bins).expect("the buffers have the plan's lengths");
        bins
    }

    pub fn back(&mut self, mut bins: Vec<Complex<f64>>, frames: usize) -> Vec<f64> {
        // Of a real signal the first and the last bin are real; rounding leaves something else there.
        bins[0].im = 0.0;
        bins.last_mut().expect("a spectrum has bins").im = 0.0;
        let plan = self.planner.plan_fft_inverse(self.size);
        let mut samples = plan.make_output_vec();
        plan.process(&mut bins, &mut samples).expect("the buffers have the plan's lengths");
        samples.truncate(frames);
        samples.iter_mut().for_each(|sample| *sample /= self.size as f64);
        samples
    }
}

fn wide(samples: &[f32]) -> Vec<f64> {
    samples.iter().map(|sample| f64::from(*sample)).collect()
}

/// Where the highest point lies between frames, as a part of one: that of a parabola through it and its neighbours.
fn between(response: &[f64], peak: usize) -> f64 {
    if peak == 0 || peak + 1 >= response.len() {
        return 0.0;
    }
    let [before, here, after] = [peak - 1, peak, peak + 1].map(|at| response[at] * response[peak].signum());
    let bend = before - 2.0 * here + after;
    if bend < 0.0 { 0.5 * (before - after) / bend } else { 0.0 }
}

fn energy(samples: &[f64]) -> f64 {
    samples.iter().map(|s| s * s).sum()
}

#[cfg(test)]
mod tests {
    use std::f64::consts::{PI, TAU};

    use super::*;

    const RATE: SampleRate = SampleRate(48_000);

    /// Half a second of noise, then a quarter of silence for what comes late.
    fn noise() -> Vec<f32> {
        let mut state = 0x9e37_79b9_7f4a_7c15u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
        };
        let mut all: Vec<f32> = (0..24_000).map(|_| 0.5 * next()).collect();
        all.resize(36_000, 0.0);
        all
    }

    fn delayed(input: &[f32], frames: usize) -> Vec<f32> {
        let mut output = vec![0.0; frames];
        output.extend_from_slice(&input[..input.len() - frames]);
        output
    }

    /// `input` through a finite impulse response.
    fn through(input: &[f32], taps: &[f64]) -> Vec<f32> {
        let at =
            |n: usize| taps.iter().enumerate().take(n + 1).map(|(k, tap)| tap * f64::from(input[n - k])).sum::<f64>();
        (0..input.len()).map(|n| at(n) as f32).collect()
    }

    /// One pole, minus 3 dB at `hertz`.
    fn low_pass(input: &[f32], hertz: f64) -> Vec<f32> {
        let keep = (-TAU * hertz / RATE.hz()).exp();
        let mut last = 0.0;
        let mut next = |sample: &f32| {
            last = keep * last + (1.0 - keep) * f64::from(*sample);
            last as f32
        };
        input.iter().map(&mut next).collect()
    }

    #[test]
    fn a_delay_is_found_to_the_frame_whatever_its_polarity_and_level() {
        let input = noise();
        for frames in [0, 1, 2, 63, 64, 480, 4_096, 11_999] {
            for factor in [1.0, -1.0, 1e-4, -30.0] {
                let output: Vec<f32> = delayed(&input, frames).iter().map(|s| factor * s).collect();
                let found = arrival(&input, &output, RATE).unwrap();
                assert!((found.frames - frames as f64).abs() < 0.02, "{frames} x {factor}: {found:?}");
                assert_eq!((found.earliest, found.inverted), (frames as u64, factor < 0.0), "{frames} x {factor}");
                assert!(found.share > 0.99, "{found:?}");
            }
        }
    }

    #[test]
    fn a_delay_between_frames_is_found_to_a_fifth_of_one() {
        let input = noise();
        for delay in [16.25, 20.5, 31.75] {
            let sinc = |k: usize| match PI * (k as f64 - delay) {
                0.0 => 1.0,
                x => x.sin() / x,
            };
            let taps: Vec<f64> = (0..64).map(sinc).collect();
            let found = arrival(&input, &through(&input, &taps), RATE).unwrap();
            assert!((found.frames - delay).abs() < 0.2, "{delay}: {found:?}");
        }
    }

    #[test]
    fn a_delay_is_found_behind_filters() {
        let input = noise();
        for (hertz, slack) in [(8_000.0, 1.0), (1_000.0, 1.0), (100.0, 1.0)] {
            let found = arrival(&input, &low_pass(&delayed(&input, 300), hertz), RATE).unwrap();
            assert!((found.frames - 300.0).abs() <= slack, "{hertz} Hz: {found:?}");
            assert!((299..=300).contains(&found.earliest), "{hertz} Hz: {found:?}");
        }
        // A linear-phase low-pass of 129 taps at 3 kHz is late by 64 frames, and begins before that.
        let tap = |k: usize| {
            let x = k as f64 - 64.0;
            let window = 0.5 + 0.5 * (PI * x / 65.0).cos();
            window * if x == 0.0 { 0.125 } else { (PI * 0.125 * x).sin() / (PI * x) }
        };
        let taps: Vec<f64> = (0..129).map(tap).collect();
        let found = arrival(&input, &through(&input, &taps), RATE).unwrap();
        assert!((found.frames - 64.0).abs() < 0.1, "{found:?}");
        assert!(found.earliest < 64, "{found:?}");
    }

    #[test]
    fn distortion_hides_no_delay() {
        let input = noise();
        let output: Vec<f32> = delayed(&input, 77).iter().map(|s| (20.0 * s).tanh()).collect();
        let found = arrival(&input, &output, RATE).unwrap();
        assert!((found.frames - 77.0).abs() < 0.1, "{found:?}");
    }

    #[test]
    fn a_dry_signal_with_echoes_arrives_with_its_dry_part() {
        let input = noise();
        let output: Vec<f32> = input.iter().zip(delayed(&input, 9_600)).map(|(dry, echo)| dry + 0.5 * echo).collect();
        let found = arrival(&input, &output, RATE).unwrap();
        assert!(found.frames.abs() < 0.02 && (0.7..0.9).contains(&found.share), "{found:?}");
    }

    #[test]
    fn reverb_pitch_shift_and_another_sound_have_no_arrival() {
        let input = noise();
        // A decay of 60 dB a second, of noise.
        let tail: Vec<f64> = noise()[..6_000]
            .iter()
            .enumerate()
            .map(|(n, s)| f64::from(*s) * (-6.9 * n as f64 / 48_000.0).exp())
            .collect();
        let reverb = through(&input, &tail);
        assert!(matches!(arrival(&input, &reverb, RATE), Err(NoArrival::Spread(share)) if share < 0.3));
        // A semitone up.
        let shifted: Vec<f32> = (0..input.len())
            .map(|n| {
                let at = n as f64 * 1.059_463;
                let (low, part) = (at as usize, (at % 1.0) as f32);
                let sample = |k: usize| input.get(k).copied().unwrap_or(0.0);
                sample(low) * (1.0 - part) + sample(low + 1) * part
            })
            .collect();
        assert!(matches!(arrival(&input, &shifted, RATE), Err(NoArrival::Spread(share)) if share < 0.3));
        let hum: Vec<f32> = (0..input.len()).map(|n| (TAU * 50.0 * n as f64 / 48_000.0).sin() as f32).collect();
        assert!(matches!(arrival(&input, &hum, RATE), Err(NoArrival::Spread(_))));
    }

    #[test]
    fn silence_has_no_arrival() {
        let input = noise();
        let silence = vec![0.0; input.len()];
        assert_eq!(arrival(&input, &silence, RATE), Err(NoArrival::Silent));
        assert_eq!(arrival(&silence, &input, RATE), Err(NoArrival::Silent));
        assert_eq!(arrival(&[], &[], RATE), Err(NoArrival::Silent));
        assert_eq!(arrival(&input, &[f32::NAN].repeat(input.len()), RATE), Err(NoArrival::Silent));
    }

    #[test]
    fn a_response_comes_back_out_of_noise() {
        let input = noise();
        let taps = [0.0, 0.5, -0.25, 0.0, 0.125];
        let found = response(&input, &through(&input, &taps)).unwrap();
        for (at, tap) in taps.iter().enumerate() {
            assert!((found[at] - tap).abs() < 1e-3, "{at}: {} for {tap}", found[at]);
        }
        assert!(found[5..].iter().all(|tap| tap.abs() < 2e-3));
    }
}
