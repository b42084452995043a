//! What lies between samples.
//!
//! ITU-R BS.1770-4, annex 2: a peak of the sound is looked for at four times the sample rate, from 96 kHz on at twice and
//! from 192 kHz on not at all. The filter is a sinc under a Kaiser window, 32 samples wide. The annex shows one of 12 as an
//! example, but that loses up to a decibel of what hits and hiss hold between samples, where more than the lower half of the
//! band counts.

use std::f64::consts::PI;

use crate::SampleRate;

/// Outputs that are worked out together, so that the compiler can fill the widest registers of any machine.
const LANES: usize = 8;

/// Interpolates between the samples of one channel.
#[derive(Clone, Debug)]
pub(crate) struct Between {
    phases: Phases,
    /// No value between samples is larger than the largest of the samples that it is made from by more than this factor.
    bound: f32,
    /// Likewise for the part of it that all but the nearest samples contribute.
    rest: f32,
}

/// The filter's taps, by distance from the gap between two samples, each as often as there are lanes.
///
/// The filter is symmetric, so what stands at a quarter and at three quarters of a gap is the sum and the difference of one
/// part that takes the sums of opposite samples and one that takes their differences.
#[derive(Clone, Debug)]
enum Phases {
    None,
    Half(Box<Taps>),
    Quarters { sums: Box<Taps>, differences: Box<Taps>, half: Box<Taps> },
}

type Taps = [[f32; LANES]; SIDE];

/// Samples on either side of a gap that count.
const SIDE: usize = 16;

impl Between {
    pub fn new(sample_rate: SampleRate) -> Between {
        let twice = match sample_rate.0 {
            0..96_000 => false,
            96_000..192_000 => true,
            _ => return Between { phases: Phases::None, bound: 1.0, rest: 0.0 },
        };
        // The weight of a sample that lies `distance` samples away.
        let tap = |distance: f64| {
            let sinc = (PI * distance).sin() / (PI * distance);
            let within = 1.0 - (distance / SIDE as f64).powi(2);
            sinc * bessel(KAISER * within.sqrt()) / bessel(KAISER)
        };
        let near = |i: usize| tap(i as f64 + 0.25);
        let half = |i: usize| tap(i as f64 + 0.5);
        let far = |i: usize| tap(i as f64 + 0.75);
        let lanes =
            |value: &dyn Fn(usize) -> f64| -> Box<Taps> { Box::new(std::array::from_fn(|i| [value(i) as f32; LANES])) };
        // What the taps from one distance on can amount to, and a little more for what rounding adds.
        let amount = |from: usize| {
            let sum = |of: &dyn Fn(usize) -> f64| (from..SIDE).map(of).sum::<f64>();
            let middle = sum(&|i| 2.0 * half(i).abs());
            let most = if twice { middle } else { middle.max(sum(&|i| near(i).abs() + far(i).abs())) };
            (most * 1.000_01) as f32
        };
        let phases = if twice {
            Phases::Half(lanes(&half))
        } else {
            Phases::Quarters {
                sums: lanes(&|i| (near(i) + far(i)) / 2.0),
                differences: lanes(&|i| (near(i) - far(i)) / 2.0),
                half: lanes(&half),
            }
        };
        Between { phases, bound: amount(0), rest: amount(NEAR) }
    }

    /// Samples on either side of a gap that count; 0 where nothing lies between.
    pub fn side(&self) -> usize {
        if matches!(self.phases, Phases::None) { 0 } else { SIDE }
    }

    /// Samples beside the gaps that [`peaks`](Between::peaks) needs: as many more samples than gaps.
    pub fn margin(&self) -> usize {
        (2 * self.side()).saturating_sub(1)
    }

    /// Whether no gap between samples that reach up to `highest` exceeds `floor`.
    pub fn is_below(&self, highest: f32, floor: f32) -> bool {
        highest * self.bound <= floor
    }

    /// The largest absolute value within each of successive gaps, or 0 where it does not exceed `floor`. The first lies
    /// behind the sample of the index `side() - 1`; `samples` has [`margin`](Between::margin) more than `gaps`. Without
    /// anything between, all are 0. `highest` is no less than any of the samples.
    pub fn peaks(&self, samples: &[f32], highest: f32, gaps: &mut [f32], floor: f32) {
        assert_eq!(samples.len(), gaps.len() + self.margin(), "each gap has its samples");
        gaps.fill(0.0);
        if self.is_below(highest, floor) {
            return;
        }
        // Most gaps are known to stay below the floor once the nearest samples are added up.
        let rest = highest * self.rest;
        match &self.phases {
            Phases::None => {}
            Phases::Half(taps) => each(samples, gaps, |samples, out| {
                let near = halves::<0, NEAR>(taps, samples, [0.0; LANES]);
                if peak(&near) + rest > floor {
                    *out = halves::<NEAR, SIDE>(taps, samples, near).map(f32::abs);
                }
            }),
            Phases::Quarters { sums, differences, half } => each(samples, gaps, |samples, out| {
                let taps = [&**sums, differences, half];
                let near = quarters::<0, NEAR>(taps, samples, [[0.0; LANES]; 3]);
                if peak(&highest_quarters(near)) + rest > floor {
                    *out = highest_quarters(quarters::<NEAR, SIDE>(taps, samples, near));
                }
            }),
        }
        gaps.iter_mut().for_each(|gap| *gap = if *gap > floor { *gap } else { 0.0 });
    }
}

/// Adds up the samples of some distances, for the middle of each gap.
#[inline(always)]
fn halves<const FROM: usize, const TO: usize>(
    taps: &Taps,
    samples: &[f32; WIDE],
    mut middle: [f32; LANES],
) -> [f32; LANES] {
    #[expect(clippy::needless_range_loop, reason = "a distance is more than a place among the taps")]
    for i in FROM..TO {
        let (before, behind) = pair(samples, i);
        for lane in 0..LANES {
            middle[lane] += taps[i][lane] * (before[lane] + behind[lane]);
        }
    }
    middle
}

/// Likewise for the parts that the quarters are made of, and the middle.
#[inline(always)]
fn quarters<const FROM: usize, const TO: usize>(
    [sums, differences, half]: [&Taps; 3],
    samples: &[f32; WIDE],
    [mut even, mut odd, mut middle]: [[f32; LANES]; 3],
) -> [[f32; LANES]; 3] {
    for i in FROM..TO {
        let (before, behind) = pair(samples, i);
        for lane in 0..LANES {
            let (sum, difference) = (before[lane] + behind[lane], before[lane] - behind[lane]);
            even[lane] += sums[i][lane] * sum;
            odd[lane] += differences[i][lane] * difference;
            middle[lane] += half[i][lane] * sum;
        }
    }
    [even, odd, middle]
}

/// The highest of the three values in each gap.
#[inline(always)]
fn highest_quarters([even, odd, middle]: [[f32; LANES]; 3]) -> [f32; LANES] {
    std::array::from_fn(|lane| {
        // The larger of |even + odd| and |even - odd|.
        let (quarters, middle) = (even[lane].abs() + odd[lane].abs(), middle[lane].abs());
        if quarters > middle { quarters } else { middle }
    })
}

/// Samples on either side that are added up first.
const NEAR: usize = 6;

/// The window's shape: side lobes 90 dB down.
const KAISER: f64 = 9.0;

/// The modified Bessel function of the first kind of order 0, by its power series.
fn bessel(x: f64) -> f64 {
    let mut term = 1.0;
    (1..64).fold(1.0, |sum, k| {
        term *= (x / 2.0 / f64::from(k)).powi(2);
        sum + term
    })
}

/// The samples before and behind successive gaps, the i-th in distance.
#[inline(always)]
fn pair(samples: &[f32; WIDE], i: usize) -> ([f32; LANES], [f32; LANES]) {
    let at = |start: usize| samples[start..start + LANES].try_into().expect("as many as there are lanes");
    (at(SIDE - 1 - i), at(SIDE + i))
}

/// Samples that a group of gaps is made from.
const WIDE: usize = LANES + 2 * SIDE - 1;

/// Goes through the gaps, which are all 0, in groups of lanes. The last group is filled up with silence.
#[inline(always)]
fn each(samples: &[f32], gaps: &mut [f32], work: impl Fn(&[f32; WIDE], &mut [f32; LANES])) {
    let (groups, rest) = gaps.as_chunks_mut::<LANES>();
    let whole = groups.len() * LANES;
    for (index, group) in groups.iter_mut().enumerate() {
        work(samples[index * LANES..][..WIDE].try_into().expect("as many as a group is made from"), group);
    }
    if !rest.is_empty() {
        let (mut last, mut out) = ([0.0; WIDE], [0.0; LANES]);
        last[..samples.len() - whole].copy_from_slice(&samples[whole..]);
        work(&last, &mut out);
        rest.copy_from_slice(&out[..rest.len()]);
    }
}

/// The largest absolute sample, of samples that are numbers.
#[inline]
pub(crate) fn peak(samples: &[f32]) -> f32 {
    let (groups, rest) = samples.as_chunks::<LANES>();
    let mut peaks = groups.iter().fold([0.0; LANES], |peaks, group| larger(peaks, *group));
    if !rest.is_empty() {
        let mut last = [0.0; LANES];
        last[..rest.len()].copy_from_slice(rest);
        peaks = larger(peaks, last);
    }
    let [a, b, c, d, e, f, g, h] = peaks;
    let of = |a: f32, b: f32| if a > b { a } else { b };
    of(of(of(a, e), of(b, f)), of(of(c, g), of(d, h)))
}

#[inline(always)]
fn larger(peaks: [f32; LANES], samples: [f32; LANES]) -> [f32; LANES] {
    std::array::from_fn(|lane| {
        let sample = samples[lane].abs();
        if sample > peaks[lane] { sample } else { peaks[lane] }
    })
}

/// The highest true peak of one channel, piece by piece.
#[derive(Clone, Debug)]
pub(crate) struct Scan {
    /// The end of the piece before, then the piece.
    samples: Vec<f32>,
    /// The highest sample of each group of those.
    peaks: Vec<f32>,
    peak: f32,
    sample_peak: f32,
}

/// Gaps that are looked at together.
const GROUP: usize = 16;

impl Scan {
    pub fn new(between: &Between) -> Scan {
        Scan { samples: vec![0.0; between.margin()], peaks: Vec::new(), peak: 0.0, sample_peak: 0.0 }
    }

    /// Takes the next piece.
    pub fn add(&mut self, between: &Between, piece: &[f32]) {
        let margin = between.margin();
        self.samples.truncate(margin);
        self.samples.extend_from_slice(piece);
        self.peaks.clear();
        self.peaks.extend(self.samples.chunks(GROUP).map(peak));
        self.sample_peak = self.sample_peak.max(peak(&self.peaks));
        self.peak = self.peak.max(self.sample_peak);
        if margin == 0 {
            return self.samples.clear();
        }
        let mut gaps = [0.0; GROUP];
        for (group, at) in (0..piece.len()).step_by(GROUP).enumerate() {
            // A group of gaps is made from the samples of a few groups.
            let reach = self.peaks.len().min(group + 1 + margin.div_ceil(GROUP));
            let highest = self.peaks[group..reach].iter().fold(0.0, |a: f32, &b| if b > a { b } else { a });
            if between.is_below(highest, self.peak) {
                continue;
            }
            let count = GROUP.min(piece.len() - at);
            between.peaks(&self.samples[at..at + count + margin], highest, &mut gaps[..count], self.peak);
            self.peak = self.peak.max(peak(&gaps[..count]));
        }
        self.samples.copy_within(piece.len().., 0);
    }

    /// The highest sample and the highest peak, which is no less. Silence follows what was added.
    pub fn finish(mut self, between: &Between) -> (f32, f32) {
        self.add(between, &vec![0.0; between.margin()]);
        (self.sample_peak, self.peak)
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;

    #[test]
    fn a_sine_between_samples_is_found_where_it_is() {
        for (rate, steps) in [(48_000, &[0.25, 0.5, 0.75][..]), (96_000, &[0.5])] {
            let between = Between::new(SampleRate(rate));
            // Within 0.01 dB up to four fifths of the band.
            for (frequency, tolerance) in [(0.01, 1e-4), (0.1, 1e-4), (0.3, 1e-4), (0.4, 1e-3)] {
                let wave = |t: f64| (TAU * frequency * t).sin();
                let samples: Vec<f32> = (0..200).map(|n| wave(f64::from(n)) as f32).collect();
                let mut gaps = vec![0.0; samples.len() - between.margin()];
                between.peaks(&samples, 1.0, &mut gaps, 0.0);
                for (index, &gap) in gaps.iter().enumerate() {
                    let at = (index + SIDE - 1) as f64;
                    let expected = steps.iter().map(|s| wave(at + s).abs()).fold(0.0, f64::max);
                    assert!((f64::from(gap) - expected).abs() < tolerance, "{rate} Hz, {frequency}, {index}: {gap}");
                }
            }
        }
    }

    #[test]
    fn no_gap_exceeds_the_bound_and_a_worst_case_comes_close() {
        for rate in [44_100, 96_000] {
            let between = Between::new(SampleRate(rate));
            // Signs that follow those of the middle taps.
            let side = SIDE as i32;
            let sign = |distance: f64| if (PI * distance).sin() / distance > 0.0 { 1.0 } else { -1.0 };
            let samples: Vec<f32> = (0..2 * side).map(|n| sign(f64::from(n - side) + 0.5)).collect();
            let mut gaps = [0.0];
            between.peaks(&samples, 1.0, &mut gaps, 0.0);
            assert!(gaps[0] <= between.bound && gaps[0] > 0.99 * between.bound, "{} {}", gaps[0], between.bound);
            // The floor decides what is told, and nothing else.
            let highest = gaps[0];
            between.peaks(&samples, 1.0, &mut gaps, highest * 0.999);
            assert_eq!(gaps[0], highest);
            between.peaks(&samples, 1.0, &mut gaps, highest);
            assert_eq!(gaps[0], 0.0);
        }
    }
}
