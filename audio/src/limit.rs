//! A look-ahead limiter that keeps the true peak under a ceiling.
//!
//! For each gap between two samples, the interpolation of [`measure`](crate::measure) tells how high the sound rises there,
//! and with that the gain that it needs. The gain is the lowest that anything within the look-ahead needs, recovers
//! exponentially, and is averaged three times, so that it has reached its lowest when the peak comes and has no corner.
//! One curve holds for all channels.
//!
//! A gain that moves changes the shape of a peak a little, so a second, shorter stage takes what the first leaves above the
//! ceiling. What it leaves in turn is less than a thousandth of a decibel, by the tests of this module.
//!
//! Gains are whole numbers of 2^-40. Averages of them are exact, so nothing drifts over hours, and sound that needs no
//! limiting passes bit for bit.

use std::collections::VecDeque;
use std::ops::Range;

use crate::true_peak::{Between, peak};
use crate::{Buffer, Decibels, SampleRate};

/// How a [`Limiter`] works.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limiting {
    /// The highest true peak of the output, in dBTP.
    pub ceiling_dbtp: f64,
    /// How long before a peak the gain begins to fall. 0.5 to 50 ms; what lies outside is taken for the nearest.
    pub lookahead_seconds: f64,
    /// How long the gain takes to recover by 63 %. From 1 ms on.
    pub release_seconds: f64,
}

impl Limiting {
    /// The usual way to keep under a ceiling: 5 ms ahead, 100 ms of release.
    pub fn under(ceiling_dbtp: f64) -> Limiting {
        Limiting { ceiling_dbtp, lookahead_seconds: 0.005, release_seconds: 0.1 }
    }
}

/// Keeps the true peak under a ceiling. The output is late by [`latency`](Limiter::latency) and otherwise the input, times
/// a gain of at most 1. The split into blocks does not change a bit of it.
#[derive(Clone, Debug)]
pub struct Limiter {
    sample_rate: SampleRate,
    first: Stage,
    second: Stage,
    /// Gains of the first stage on their way through the second.
    gains: VecDeque<u64>,
    least: f64,
}

impl Limiter {
    /// Starts a limiter whose past is silence.
    pub fn new(channels: usize, sample_rate: SampleRate, limiting: Limiting) -> Limiter {
        let frames = |seconds: f64| (seconds * sample_rate.hz()).round().max(3.0) as usize;
        let first = Stage::new(channels, sample_rate, frames(limiting.lookahead_seconds.clamp(0.000_5, 0.05)));
        let second = Stage::new(channels, sample_rate, frames(0.001));
        let mut gains = VecDeque::with_capacity(second.latency + PIECE);
        gains.resize(second.latency, ONE);
        let mut limiter = Limiter { sample_rate, first, second, gains, least: 1.0 };
        limiter.set_ceiling(limiting.ceiling_dbtp);
        limiter.set_release(limiting.release_seconds);
        limiter
    }

    /// Frames by which the output is late.
    pub fn latency(&self) -> usize {
        self.first.latency + self.second.latency
    }

    /// Changes the ceiling, in dBTP, for what comes in from now on.
    pub fn set_ceiling(&mut self, dbtp: f64) {
        for stage in [&mut self.first, &mut self.second] {
            stage.ceiling = Decibels(dbtp).gain();
        }
    }

    /// Changes the release for what comes in from now on.
    pub fn set_release(&mut self, seconds: f64) {
        let recovery = 1.0 - (-1.0 / (seconds.max(0.001) * self.sample_rate.hz())).exp();
        for stage in [&mut self.first, &mut self.second] {
            stage.recovery = (recovery * (1u64 << 32) as f64) as u64;
        }
    }

    /// Limits some frames of a block in place. The block has the limiter's channels, and its samples are finite.
    pub fn process(&mut self, block: &mut Buffer, frames: Range<usize>) {
        let mut start = frames.start;
        while start < frames.end {
            let end = frames.end.min(start + PIECE);
            self.first.process(block, start..end);
            self.gains.extend(&self.first.gains);
            self.second.process(block, start..end);
            for second in &self.second.gains {
                let first = self.gains.pop_front().expect("the queue holds as many gains as the second stage frames");
                self.least = self.least.min(fraction(first) * fraction(*second));
            }
            start = end;
        }
    }

    /// The most that any frame was lowered so far, in dB: 0 where nothing was.
    pub fn reduction_db(&self) -> f64 {
        Decibels::from_gain(1.0 / self.least).0
    }

    /// Forgets all sound under way and the reduction so far.
    pub fn reset(&mut self) {
        self.first.reset();
        self.second.reset();
        self.gains.iter_mut().for_each(|gain| *gain = ONE);
        self.least = 1.0;
    }
}

/// A gain of 1.
const ONE: u64 = 1 << 40;

/// Most frames that are worked on at once.
const PIECE: usize = 1024;

/// Frames whose peaks are looked for together.
const GROUP: usize = 16;

fn fraction(gain: u64) -> f64 {
    gain as f64 / ONE as f64
}

/// One limiter, exact where its gain rests.
#[derive(Clone, Debug)]
struct Stage {
    between: Between,
    ceiling: f64,
    /// The part of the way back to 1 that a frame makes, in 2^-32.
    recovery: u64,
    latency: usize,
    /// For each channel the last `latency` samples, and during a piece that piece.
    past: Vec<Vec<f32>>,
    lowest: Lowest,
    /// Gain before the averages.
    recovering: u64,
    averages: [Average; 3],
    /// The gains of the last piece, as they were applied.
    gains: Vec<u64>,
}

impl Stage {
    /// A stage whose gain falls over `fall` frames.
    fn new(channels: usize, sample_rate: SampleRate, fall: usize) -> Stage {
        let between = Between::new(sample_rate);
        // Processing must not take memory, so there is room for a piece behind the past from the start.
        let room = |latency: usize| {
            let mut past = Vec::with_capacity(latency + PIECE);
            past.resize(latency, 0.0);
            past
        };
        // The gain rests at its lowest for as long as the peak's interpolation is wide.
        let hold = between.side();
        let averages = [fall.div_ceil(3), (fall + 1) / 3, fall / 3 + 2].map(Average::new);
        let fall = averages.iter().map(|average| average.past.len() - 1).sum::<usize>() + 1;
        let latency = between.side() + hold + fall - 1;
        Stage {
            ceiling: 1.0,
            recovery: 0,
            latency,
            past: (0..channels).map(|_| room(latency)).collect(),
            lowest: Lowest::new(fall + 2 * hold),
            recovering: ONE,
            averages,
            gains: Vec::with_capacity(PIECE),
            between,
        }
    }

    fn process(&mut self, block: &mut Buffer, frames: Range<usize>) {
        for (past, samples) in self.past.iter_mut().zip(block.channels()) {
            past.extend_from_slice(&samples[frames.clone()]);
        }
        self.gains.clear();
        for start in (0..frames.len()).step_by(GROUP) {
            let levels = self.levels(start..frames.len().min(start + GROUP));
            for level in &levels[..frames.len().min(start + GROUP) - start] {
                let gain = self.gain(f64::from(*level));
                self.gains.push(gain);
            }
        }
        for (past, samples) in self.past.iter_mut().zip(block.channels_mut()) {
            for ((to, &from), &gain) in samples[frames.clone()].iter_mut().zip(&*past).zip(&self.gains) {
                *to = if gain == ONE { from } else { (f64::from(from) * fraction(gain)) as f32 };
            }
            past.drain(..frames.len());
        }
    }

    /// How high the sound rises at each of these frames, late by one side of the interpolation, and in the gap behind it. 0
    /// where that is not above the ceiling.
    fn levels(&self, frames: Range<usize>) -> [f32; GROUP] {
        let mut levels = [0.0f32; GROUP];
        let (side, margin) = (self.between.side(), self.between.margin());
        for past in &self.past {
            let samples = &past[self.latency + frames.start - margin..self.latency + frames.end];
            let mut gaps = [0.0; GROUP];
            let gaps = &mut gaps[..frames.len()];
            self.between.peaks(samples, peak(samples), gaps, self.ceiling as f32);
            for ((level, gap), sample) in levels.iter_mut().zip(gaps).zip(&samples[side.saturating_sub(1)..]) {
                *level = level.max(*gap).max(sample.abs());
            }
        }
        levels
    }

    /// Takes the next level and gives the gain of the frame that now leaves.
    fn gain(&mut self, level: f64) -> u64 {
        let needed = if level > self.ceiling { (self.ceiling / level * ONE as f64) as u64 } else { ONE };
        let lowest = self.lowest.next(needed);
        let way = ONE - self.recovering;
        // At least one step, so that it arrives.
        let step = ((u128::from(way) * u128::from(self.recovery)) >> 32) as u64;
        self.recovering = (self.recovering + step.max(1)).min(lowest);
        self.averages.iter_mut().fold(self.recovering, |gain, average| average.next(gain))
    }

    fn reset(&mut self) {
        self.past.iter_mut().for_each(|past| past.fill(0.0));
        self.lowest.candidates.clear();
        self.lowest.count = 0;
        self.recovering = ONE;
        for average in &mut self.averages {
            average.past.fill(ONE);
            average.sum = ONE * average.past.len() as u64;
        }
        self.gains.clear();
    }
}

/// The lowest of the last numbers.
#[derive(Clone, Debug)]
struct Lowest {
    length: usize,
    count: u64,
    /// Those that may still be the lowest, rising, each with its place.
    candidates: VecDeque<(u64, u64)>,
}

impl Lowest {
    fn new(length: usize) -> Lowest {
        Lowest { length, count: 0, candidates: VecDeque::with_capacity(length + 1) }
    }

    fn next(&mut self, value: u64) -> u64 {
        while self.candidates.back().is_some_and(|&(_, last)| last >= value) {
            self.candidates.pop_back();
        }
        self.candidates.push_back((self.count, value));
        if self.candidates[0].0 + self.length as u64 <= self.count {
            self.candidates.pop_front();
        }
        self.count += 1;
        self.candidates[0].1
    }
}

/// The mean of the last gains, rounded down; before the first, all were 1.
#[derive(Clone, Debug)]
struct Average {
    past: Vec<u64>,
    at: usize,
    sum: u64,
}

impl Average {
    fn new(length: usize) -> Average {
        Average { past: vec![ONE; length], at: 0, sum: ONE * length as u64 }
    }

    fn next(&mut self, gain: u64) -> u64 {
        let length = self.past.len();
        self.sum = self.sum - self.past[self.at] + gain;
        self.past[self.at] = gain;
        self.at = if self.at + 1 == length { 0 } else { self.at + 1 };
        // Most of the time nothing is limited, and a division is slow.
        if self.sum == ONE * length as u64 { ONE } else { self.sum / length as u64 }
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;
    use crate::measure::Meter;

    fn limited(buffer: &Buffer, rate: u32, limiting: Limiting) -> (Buffer, f64) {
        let mut limiter = Limiter::new(buffer.channel_count(), SampleRate(rate), limiting);
        let mut out = buffer.clone();
        out.resize(buffer.frames() + limiter.latency());
        let frames = out.frames();
        limiter.process(&mut out, 0..frames);
        let kept = out.channels().map(|samples| samples[limiter.latency()..].to_vec()).collect();
        (Buffer::from_channels(kept), limiter.reduction_db())
    }

    fn true_peak(buffer: &Buffer, rate: u32) -> f64 {
        let mut meter = Meter::new(buffer.channel_count(), SampleRate(rate));
        meter.add(buffer);
        meter.finish().true_peak_dbtp.unwrap_or(f64::NEG_INFINITY)
    }

    fn mono(frames: usize, sample: impl FnMut(usize) -> f64) -> Buffer {
        Buffer::from_channels(vec![(0..frames).map(sample).map(|s| s as f32).collect()])
    }

    fn noise(seed: u32) -> impl FnMut() -> f64 {
        let mut state = seed;
        move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            f64::from(state) / f64::from(u32::MAX) * 2.0 - 1.0
        }
    }

    #[test]
    fn nothing_rises_more_than_a_thousandth_of_a_decibel_above_the_ceiling() {
        let seed: u32 =
            std::env::var("TONEMILL_TEST_SEED").map_or(20_250_601, |seed| seed.parse().expect("the seed is a number"));
        println!("TONEMILL_TEST_SEED={seed}");
        for rate in [44_100, 48_000, 96_000, 192_000] {
            let mut signals: Vec<(String, Buffer)> = Vec::new();
            let frames = rate as usize / 2;
            for gain in [1.0, 4.0, 20.0] {
                let mut random = noise(seed);
                signals.push((format!("noise of {gain}"), mono(frames, |_| gain * random())));
                let mut random = noise(seed ^ 77);
                let bursts = mono(frames, |n| if n / 700 % 3 == 0 { gain * random() } else { 0.01 * random() });
                signals.push((format!("bursts of {gain}"), bursts));
                let mut random = noise(seed ^ 99);
                let clicks = mono(frames, |_| if random() > 0.995 { gain * random() } else { 0.3 * random() });
                signals.push((format!("clicks of {gain}"), clicks));
                signals.push((format!("an impulse of {gain}"), mono(5_000, |n| if n == 2_500 { gain } else { 0.0 })));
                signals.push((format!("a step to {gain}"), mono(5_000, |n| if n > 2_500 { gain } else { 0.0 })));
                signals.push((
                    format!("a square of {gain}"),
                    mono(frames, |n| if n / 37 % 2 == 0 { gain } else { -gain }),
                ));
                for frequency in [0.001, 0.01, 0.11, 0.2499, 0.25, 0.3333, 0.45, 0.49] {
                    let sine = |n: usize| gain * (TAU * (frequency * n as f64 + 0.125)).sin();
                    signals.push((format!("a sine at {frequency} of {gain}"), mono(frames, sine)));
                    let begins = |n: usize| if n < 3_000 { 0.0 } else { sine(n) };
                    signals.push((format!("the onset of a sine at {frequency} of {gain}"), mono(6_000, begins)));
                }
            }
            let mut worst = f64::NEG_INFINITY;
            for (name, signal) in &signals {
                for (ceiling_dbtp, lookahead_seconds, release_seconds) in
                    [(-1.0, 0.005, 0.1), (-6.0, 0.001, 0.01), (-1.0, 0.000_5, 0.001), (-12.0, 0.02, 0.5)]
                {
                    let limiting = Limiting { ceiling_dbtp, lookahead_seconds, release_seconds };
                    let (out, reduction) = limited(signal, rate, limiting);
                    let over = true_peak(&out, rate) - ceiling_dbtp;
                    worst = worst.max(over);
                    assert!(over < 0.001, "{name} at {rate} Hz, {limiting:?}: {over} dB above the ceiling");
                    let needed = true_peak(signal, rate) - ceiling_dbtp;
                    assert!(
                        reduction >= 0.0 && (needed > 0.01) == (reduction > 0.001),
                        "{name}: {reduction}, {needed}"
                    );
                    // It does not lower more than it must, either.
                    assert!(needed < 0.0 || reduction < needed + 1.0, "{name}: {reduction} dB for {needed} dB");
                }
            }
            println!("{rate} Hz: at most {worst} dB above the ceiling");
        }
    }

    #[test]
    fn what_stays_under_the_ceiling_passes_bit_for_bit_and_late_by_the_latency() {
        let mut random = noise(1);
        let quiet = mono(10_000, |_| 0.4 * random());
        for rate in [44_100, 96_000, 192_000] {
            let (out, reduction) = limited(&quiet, rate, Limiting::under(-0.5));
            assert!(out == quiet, "{rate}");
            assert_eq!(reduction, 0.0);
        }
        assert_eq!(Limiter::new(1, SampleRate(48_000), Limiting::under(-1.0)).latency(), 240 + 31 + 48 + 31);
    }

    #[test]
    fn blocks_of_any_size_give_the_same_bits_and_a_reset_forgets() {
        let mut random = noise(2);
        let channels = (0..2).map(|_| (0..9_000).map(|_| 3.0 * random() as f32).collect());
        let loud = Buffer::from_channels(channels.collect());
        let mut limiter = Limiter::new(2, SampleRate(44_100), Limiting::under(-3.0));
        let mut whole = loud.clone();
        limiter.process(&mut whole, 0..9_000);
        for size in [1, 15, 16, 64, 777, 4_096] {
            limiter.reset();
            assert_eq!(limiter.reduction_db(), 0.0);
            let mut out = loud.clone();
            for start in (0..9_000).step_by(size) {
                limiter.process(&mut out, start..9_000.min(start + size));
            }
            assert!(out == whole, "blocks of {size}");
        }
    }

    #[test]
    fn channels_are_lowered_by_one_gain() {
        let left = |n: usize| (TAU * 0.01 * n as f64).sin() * if n > 5_000 { 4.0 } else { 0.5 };
        let (left, right) = (mono(20_000, left), mono(20_000, |n| 0.25 + 0.1 * (TAU * 0.003 * n as f64).cos()));
        let both = Buffer::from_channels(vec![left.channel(0).to_vec(), right.channel(0).to_vec()]);
        let (out, reduction) = limited(&both, 48_000, Limiting::under(-1.0));
        assert!((reduction - 13.04).abs() < 0.1, "{reduction}");
        for n in (0..20_000).filter(|&n| left.channel(0)[n].abs() > 0.2) {
            let gain = |channel: usize| out.channel(channel)[n] / both.channel(channel)[n];
            assert!((gain(0) - gain(1)).abs() < 1e-5, "frame {n}: {} and {}", gain(0), gain(1));
        }
    }

    #[test]
    fn the_gain_moves_without_a_click() {
        // A tone of 100 Hz under a loud second of it: what the moving gain adds far above the tone is a click.
        let rate = 48_000;
        let level = |n: usize| if (48_000..96_000).contains(&n) { 4.0 } else { 0.5 };
        // The tone fades between its levels, so that it has no click of its own.
        let smooth = |n: usize| {
            let around = (0..2_400)
                .map(|k| level((n + k).saturating_sub(1_200)) * (TAU / 2.0 * k as f64 / 2_400.0).sin().powi(2));
            around.sum::<f64>() / 1_200.0
        };
        let tone = mono(3 * rate as usize, |n| smooth(n) * (TAU * 100.0 / f64::from(rate) * n as f64).sin());
        let (out, reduction) = limited(&tone, rate, Limiting::under(-1.0));
        assert!(reduction > 12.0, "{reduction}");
        let rough = |samples: &[f32]| {
            let mut d: Vec<f64> = samples.iter().map(|&s| s.into()).collect();
            for _ in 0..4 {
                d = d.windows(2).map(|w| w[1] - w[0]).collect();
            }
            d.iter().fold(0.0f64, |most, s| most.max(s.abs()))
        };
        // Four differences leave 3e-8 of the tone itself, 1e-7 of 32-bit rounding and all of a click.
        let rough = rough(&out.channel(0)[..out.frames() - 500]);
        println!("at most {} dBFS", 20.0 * rough.log10());
        assert!(rough < 2e-6, "a click of {} dBFS", 20.0 * rough.log10());
    }
}
