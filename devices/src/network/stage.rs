//! One change of sample rate, sample by sample and without a shift in time.
//!
//! Each output is a sum of the inputs around its own instant, weighted by a windowed sinc. The rates stand in a ratio of
//! whole numbers, so there are only so many places that an output can have between two inputs, and a row of weights is
//! kept for each. What an output is depends on neither calls nor blocks.

use std::f64::consts::PI;

use crate::kaiser::kaiser;

/// Half the filter's length, in periods of the lower rate.
const HALF_PERIODS: u64 = 80;
/// The middle of the transition, in parts of the lower rate. With the length and window below, the passband ends at 0.456
/// of the lower rate (20.1 kHz of 44.1) and the stopband begins at half of it.
const CUTOFF: f64 = 0.4778;
/// Shape of the Kaiser window for 110 dB: 0.1102 (A - 8.7), J. F. Kaiser, 1974.
const BETA: f64 = 0.1102 * (110.0 - 8.7);
/// Most weights that are kept: 16 MB. Rates in use need a hundredth of it.
const MOST_WEIGHTS: u64 = 4 << 20;

/// A change of rate under way.
pub(super) struct Stage {
    weights: Vec<f32>,
    taps: usize,
    half: i64,
    /// Inputs an output as a fraction in lowest terms.
    step: u64,
    parts: u64,
    /// Where the next output stands: behind input `base` by `phase` of `parts`.
    base: i64,
    phase: u64,
    /// The inputs that are still needed, the first of which has this number.
    first: i64,
    held: Vec<f32>,
    opening: Opening,
}

/// What [`Stage::reset`] goes back to.
#[derive(Clone, Copy)]
struct Opening {
    base: i64,
    phase: u64,
    first: i64,
    zeros: usize,
}

/// Two rates in lowest terms.
pub(super) fn lowest_terms(from: u32, to: u32) -> (u64, u64) {
    let (mut a, mut b) = (from, to);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    (u64::from(from / a), u64::from(to / a))
}

/// How many inputs on either side an output needs.
pub(super) fn half(from: u32, to: u32) -> u64 {
    let (step, parts) = lowest_terms(from, to);
    (HALF_PERIODS * step.max(parts)).div_ceil(parts)
}

impl Stage {
    /// From one rate to another; both are above 0. The first input that comes has the number `input`, the first output the
    /// number `output`: output `n` stands where input `n * from / to` does. At most `most` inputs come at a time. `None` where
    /// the ratio is of too large numbers.
    pub fn new(from: u32, to: u32, input: i64, output: i64, most: usize) -> Option<Stage> {
        let (step, parts) = lowest_terms(from, to);
        let half = half(from, to);
        if parts.saturating_mul(2 * half) > MOST_WEIGHTS {
            return None;
        }
        let at = output * step as i64;
        let (base, phase) = (at.div_euclid(parts as i64), at.rem_euclid(parts as i64) as u64);
        let half = half as i64;
        let first = input.min(base - half + 1);
        let opening = Opening { base, phase, first, zeros: (input - first) as usize };
        let mut stage = Stage {
            weights: weights(step, parts, half),
            taps: 2 * half as usize,
            half,
            step,
            parts,
            base,
            phase,
            first,
            held: Vec::with_capacity(4 * half as usize + most + 64),
            opening,
        };
        stage.reset();
        Some(stage)
    }

    /// Takes the next inputs and gives every output that they complete.
    pub fn push(&mut self, input: &[f32], mut give: impl FnMut(f32)) {
        self.held.extend_from_slice(input);
        while self.base + self.half < self.first + self.held.len() as i64 {
            let from = (self.base - self.half + 1 - self.first) as usize;
            let row = self.phase as usize * self.taps;
            give(dot(&self.weights[row..row + self.taps], &self.held[from..from + self.taps]));
            self.phase += self.step;
            self.base += (self.phase / self.parts) as i64;
            self.phase %= self.parts;
        }
        let done = (self.base - self.half + 1 - self.first).clamp(0, self.held.len() as i64);
        self.held.drain(..done as usize);
        self.first += done;
    }

    /// Back to before the first input, with silence before it.
    pub fn reset(&mut self) {
        let Opening { base, phase, first, zeros } = self.opening;
        (self.base, self.phase, self.first) = (base, phase, first);
        self.held.clear();
        self.held.resize(zeros, 0.0);
    }
}

/// A row of weights for each place that an output can have between two inputs. Each row sums to 1, so that a constant comes
/// out as it went in.
fn weights(step: u64, parts: u64, half: i64) -> Vec<f32> {
    // In periods of the input; where the output's rate is the lower one, the filter is that much longer.
    let stretch = (step as f64 / parts as f64).max(1.0);
    let (reach, cutoff) = (HALF_PERIODS as f64 * stretch, CUTOFF / stretch);
    let mut weights = Vec::with_capacity(parts as usize * 2 * half as usize);
    for phase in 0..parts {
        let place = phase as f64 / parts as f64 + (half - 1) as f64;
        let row: Vec<f64> = (0..2 * half).map(|tap| kernel(place - tap as f64, reach, cutoff)).collect();
        let sum: f64 = row.iter().sum();
        weights.extend(row.iter().map(|weight| (weight / sum) as f32));
    }
    weights
}

fn kernel(distance: f64, reach: f64, cutoff: f64) -> f64 {
    let along = distance / reach;
    if along.abs() >= 1.0 {
        return 0.0;
    }
    let angle = 2.0 * PI * cutoff * distance;
    let sinc = if angle == 0.0 { 1.0 } else { angle.sin() / angle };
    sinc * kaiser(along, BETA)
}

/// In lanes, so that the compiler can use vectors.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 16;
    let mut lanes = [0.0f32; LANES];
    let (a, a_rest) = a.as_chunks::<LANES>();
    let (b, b_rest) = b.as_chunks::<LANES>();
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            lanes[lane] += a[lane] * b[lane];
        }
    }
    lanes.iter().sum::<f32>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f32>()
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;

    /// A tone at one rate, brought to the other, over a second.
    fn through(hertz: f64, from: u32, to: u32) -> Vec<f32> {
        let tone: Vec<f32> = (0..from).map(|n| (TAU * hertz * f64::from(n) / f64::from(from)).sin() as f32).collect();
        let mut out = Vec::new();
        Stage::new(from, to, 0, 0, 512).unwrap().push(&tone, |sample| out.push(sample));
        out
    }

    /// What stands between 0.25 and 0.75 s, with its instants in seconds.
    fn middle(out: &[f32], rate: u32) -> impl Iterator<Item = (f64, f64)> {
        let range = rate as usize / 4..rate as usize * 3 / 4;
        range.map(move |n| (n as f64 / f64::from(rate), f64::from(out[n])))
    }

    const PAIRS: [(u32, u32); 6] =
        [(48_000, 44_100), (44_100, 48_000), (96_000, 48_000), (48_000, 96_000), (96_000, 44_100), (44_100, 192_000)];

    #[test]
    fn tones_to_20_kilohertz_come_out_as_they_went_in_where_they_were() {
        for (from, to) in PAIRS {
            for hertz in [0.0, 50.0, 997.0, 12_345.0, 20_000.0] {
                let expected = |at: f64| (TAU * hertz * at).sin();
                let out = through(hertz, from, to);
                let worst = middle(&out, to).map(|(at, y)| (y - expected(at)).abs()).fold(0.0, f64::max);
                assert!(worst < 3e-5, "{hertz} Hz from {from} to {to}: off by {worst}");
            }
        }
    }

    #[test]
    fn what_the_lower_rate_cannot_hold_lies_100_decibels_down() {
        for (from, to) in PAIRS.into_iter().filter(|(from, to)| to < from) {
            let half = f64::from(to) / 2.0;
            for hertz in [half, half * 1.02, f64::from(from) / 2.0 - 100.0] {
                let out = through(hertz, from, to);
                let power: f64 = middle(&out, to).map(|(_, y)| y * y).sum::<f64>() / f64::from(to / 2);
                let level = 10.0 * (power * 2.0).log10();
                assert!(level < -100.0, "{hertz} Hz from {from} to {to} comes through at {level} dB");
            }
        }
    }

    #[test]
    fn images_above_the_lower_rates_half_lie_100_decibels_down() {
        for (from, to) in PAIRS.into_iter().filter(|(from, to)| to > from) {
            let hertz = f64::from(from) * 0.45;
            let image = f64::from(from) - hertz;
            if image >= f64::from(to) / 2.0 {
                continue;
            }
            let out = through(hertz, from, to);
            let (s, c) = middle(&out, to).fold((0.0, 0.0), |(s, c), (at, y)| {
                (s + y * (TAU * image * at).sin(), c + y * (TAU * image * at).cos())
            });
            let level = 20.0 * (s.hypot(c) / f64::from(to / 4)).log10();
            assert!(level < -100.0, "an image at {image} Hz from {from} to {to}: {level} dB");
        }
    }

    #[test]
    fn calls_of_any_length_give_the_same_samples_to_the_bit() {
        let input: Vec<f32> = (0..5000).map(|n| ((n * n) as f32 * 0.37).sin()).collect();
        for (from, to) in PAIRS {
            let mut whole = Vec::new();
            Stage::new(from, to, 0, -7, 5000).unwrap().push(&input, |sample| whole.push(sample));
            for block in [1, 63, 512] {
                let mut stage = Stage::new(from, to, 0, -7, block).unwrap();
                let mut parts = Vec::new();
                input.chunks(block).for_each(|chunk| stage.push(chunk, |sample| parts.push(sample)));
                assert!(parts == whole, "{from} to {to} in blocks of {block}");
                stage.reset();
                let mut again = Vec::new();
                input.chunks(block).for_each(|chunk| stage.push(chunk, |sample| again.push(sample)));
                assert!(again == whole, "{from} to {to} after a reset");
            }
        }
    }

    #[test]
    fn rates_in_no_small_ratio_are_refused() {
        assert!(Stage::new(48_000, 44_101, 0, 0, 512).is_none());
        assert!(Stage::new(44_100, 50_000, 0, 0, 512).is_some());
    }
}
