//! Loudness after ITU-R BS.1770-4, and its range after EBU Tech 3342.
//!
//! Everything is made from the energy of the K-weighted sound in steps of 100 ms: 4 steps are a momentary block, 30 a
//! short-term one.

use std::f64::consts::PI;

use crate::SampleRate;

/// The K-weighting: a shelf for the head's effect, then a high-pass.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weighting {
    shelf: [f64; 3],
    shelf_feedback: [f64; 2],
    pass_feedback: [f64; 2],
}

/// What `W` channels side by side have of the filter's memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory<const W: usize> {
    shelf: [[f64; W]; 2],
    pass: [[f64; W]; 2],
}

/// Sums over a stretch of one channel.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Sums {
    /// Of the weighted samples' squares.
    pub energy: f64,
    /// Of the samples.
    pub samples: f64,
    /// Of the samples' squares.
    pub squares: f64,
}

impl Weighting {
    /// The filter at a rate; `None` at rates so low that the shelf has no place.
    pub fn new(sample_rate: SampleRate) -> Option<Weighting> {
        if sample_rate.0 < 4_000 {
            return None;
        }
        // The recommendation states coefficients at 48 kHz. The analogue prototypes that give them, and with them those of
        // every other rate: B. De Man, Evaluation of implementations of the EBU R128 loudness measurement, 2018.
        let (frequency, gain, q) = (1_681.974_450_955_533, 3.999_843_853_973_347, 0.707_175_236_955_419_6);
        let k = (PI * frequency / sample_rate.hz()).tan();
        let high = 10f64.powf(gain / 20.0);
        let band = high.powf(0.499_666_774_154_541_6);
        let scale = 1.0 + k / q + k * k;
        let shelf = [
            (high + band * k / q + k * k) / scale,
            2.0 * (k * k - high) / scale,
            (high - band * k / q + k * k) / scale,
        ];
        let shelf_feedback = [2.0 * (k * k - 1.0) / scale, (1.0 - k / q + k * k) / scale];
        let (frequency, q) = (38.135_470_876_024_44, 0.500_327_037_323_877_3);
        let k = (PI * frequency / sample_rate.hz()).tan();
        let scale = 1.0 + k / q + k * k;
        let pass_feedback = [2.0 * (k * k - 1.0) / scale, (1.0 - k / q + k * k) / scale];
        Some(Weighting { shelf, shelf_feedback, pass_feedback })
    }

    /// Takes a stretch of `W` channels, all of one length.
    pub fn add<const W: usize>(&self, memory: &mut Memory<W>, channels: [&[f32]; W]) -> [Sums; W] {
        let frames = channels[0].len();
        let channels = channels.map(|channel| &channel[..frames]);
        let ([b0, b1, b2], [a1, a2], [c1, c2]) = (self.shelf, self.shelf_feedback, self.pass_feedback);
        let Memory { shelf: [mut s1, mut s2], pass: [mut p1, mut p2] } = *memory;
        let (mut energy, mut sum, mut squares) = ([0.0; W], [0.0; W], [0.0; W]);
        #[expect(clippy::needless_range_loop, reason = "one index goes through several channels")]
        for frame in 0..frames {
            let x: [f64; W] = std::array::from_fn(|lane| channels[lane][frame].into());
            for lane in 0..W {
                let x = x[lane];
                sum[lane] += x;
                squares[lane] += x * x;
                let y = b0 * x + s1[lane];
                s1[lane] = (b1 * x + s2[lane]) - a1 * y;
                s2[lane] = b2 * x - a2 * y;
                // The high-pass has the numerator 1, -2, 1.
                let z = y + p1[lane];
                p1[lane] = (p2[lane] - (y + y)) - c1 * z;
                p2[lane] = y - c2 * z;
                energy[lane] += z * z;
            }
        }
        // In silence the memory fades until its numbers are too small for fast arithmetic. Stretches are short enough for
        // it to be stopped long before.
        let still = |value: f64| if value.abs() < 1e-30 { 0.0 } else { value };
        *memory = Memory { shelf: [s1.map(still), s2.map(still)], pass: [p1.map(still), p2.map(still)] };
        std::array::from_fn(|lane| Sums { energy: energy[lane], samples: sum[lane], squares: squares[lane] })
    }
}

impl<const W: usize> Default for Memory<W> {
    fn default() -> Memory<W> {
        Memory { shelf: [[0.0; W]; 2], pass: [[0.0; W]; 2] }
    }
}

/// What the steps of a whole recording amount to. Absent where it is too short, or too quiet for the gates.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Loudness {
    pub integrated: Option<f64>,
    pub short_term: Option<f64>,
    pub momentary: Option<f64>,
    pub range: Option<f64>,
}

const ABSOLUTE_GATE: f64 = -70.0;

impl Loudness {
    /// From the mean energy, summed over channels, of successive steps of 100 ms.
    pub fn of(steps: &[f64]) -> Loudness {
        let (momentary, short_term) = (blocks(steps, 4), blocks(steps, 30));
        let highest =
            |blocks: &[f64]| blocks.iter().copied().max_by(f64::total_cmp).map(lufs).filter(|l| l.is_finite());
        Loudness {
            integrated: mean(&gated(&momentary, -10.0)).map(lufs),
            short_term: highest(&short_term),
            momentary: highest(&momentary),
            range: range(gated(&short_term, -20.0)),
        }
    }

    /// The integrated loudness alone.
    fn integrated(steps: &[f64]) -> Option<f64> {
        mean(&gated(&blocks(steps, 4), -10.0)).map(lufs)
    }
}

/// The mean energies of so many steps each, one block a step further than the other.
fn blocks(steps: &[f64], length: usize) -> Vec<f64> {
    steps.windows(length).map(|steps| steps.iter().sum::<f64>() / length as f64).collect()
}

/// The gain in dB that brings successive steps to an integrated loudness; `None` where they have none. It is more than the
/// difference of the two where a gain lifts blocks over the absolute gate, or drops them below it.
pub(crate) fn gain_to(steps: &[f64], target: f64) -> Option<f64> {
    let at = |gain: f64| {
        let factor = 10f64.powf(gain / 10.0);
        Loudness::integrated(&steps.iter().map(|step| step * factor).collect::<Vec<f64>>())
    };
    let mut gain = target - at(0.0)?;
    let (mut nearest, mut best, mut share) = (f64::INFINITY, gain, 1.0);
    for _ in 0..PASSES {
        // All of it may fall below the gate.
        let Some(reached) = at(gain) else { break };
        let missing = target - reached;
        if missing.abs() < nearest {
            (nearest, best) = (missing.abs(), gain);
        } else {
            // One more block counts or not, and no gain may reach the target: smaller steps come nearer to it.
            share *= 0.5;
        }
        if nearest < EXACT {
            break;
        }
        gain += share * missing;
    }
    Some(best)
}

/// Steps towards a loudness at most, and how near to it is reached, in LU.
const PASSES: usize = 24;
const EXACT: f64 = 1e-9;

/// Loudness of a mean energy.
fn lufs(energy: f64) -> f64 {
    10.0 * energy.log10() - 0.691
}

fn energy(lufs: f64) -> f64 {
    10f64.powf((lufs + 0.691) / 10.0)
}

fn mean(energies: &[f64]) -> Option<f64> {
    (!energies.is_empty()).then(|| energies.iter().sum::<f64>() / energies.len() as f64)
}

/// The blocks that reach the absolute gate and the one that lies `relative` LU from the mean of those.
fn gated(blocks: &[f64], relative: f64) -> Vec<f64> {
    let above = |blocks: &[f64], gate: f64| blocks.iter().copied().filter(|&block| block >= gate).collect::<Vec<f64>>();
    let loud = above(blocks, energy(ABSOLUTE_GATE));
    let gate = mean(&loud).map(|mean| mean * 10f64.powf(relative / 10.0));
    gate.map(|gate| above(&loud, gate)).unwrap_or_default()
}

/// From the 10th to the 95th of a hundred blocks by loudness.
fn range(mut blocks: Vec<f64>) -> Option<f64> {
    blocks.sort_by(f64::total_cmp);
    let last = blocks.len().checked_sub(1)?;
    let at = |share: f64| blocks[(last as f64 * share).round() as usize];
    Some(lufs(at(0.95)) - lufs(at(0.1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filter_at_48_khz_has_the_coefficients_of_the_recommendation() {
        // BS.1770-4, tables 1 and 2.
        let weighting = Weighting::new(SampleRate(48_000)).unwrap();
        let close = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-9);
        assert!(close(&weighting.shelf, &[1.535_124_859_586_97, -2.691_696_189_406_38, 1.198_392_810_852_85]));
        assert!(close(&weighting.shelf_feedback, &[-1.690_659_293_182_41, 0.732_480_774_215_85]));
        assert!(close(&weighting.pass_feedback, &[-1.990_047_454_833_98, 0.990_072_250_366_21]));
    }

    #[test]
    fn channels_side_by_side_are_weighted_as_alone() {
        let weighting = Weighting::new(SampleRate(44_100)).unwrap();
        let wave = |f: f32| (0..1_000).map(|n| (n as f32 * f).sin()).collect::<Vec<f32>>();
        let (a, b) = (wave(0.1), wave(0.37));
        let both = weighting.add(&mut Memory::default(), [&a, &b]);
        assert_eq!(both, [&a, &b].map(|channel| weighting.add(&mut Memory::default(), [channel])[0]));
    }

    #[test]
    fn the_memory_comes_to_rest_in_silence() {
        let weighting = Weighting::new(SampleRate(48_000)).unwrap();
        let mut memory = Memory::default();
        weighting.add(&mut memory, [&[1.0]]);
        let silence = vec![0.0; 4_800];
        for _ in 0..30 {
            weighting.add(&mut memory, [&silence]);
        }
        assert_eq!((memory.shelf, memory.pass), ([[0.0]; 2], [[0.0]; 2]));
    }

    #[test]
    fn the_gain_to_a_loudness_counts_the_blocks_that_it_lifts_over_the_gate() {
        // A swell from silence, as a slide on a guitar is: each dB brings further blocks over -70 LUFS.
        let swell: Vec<f64> = (0..200).map(|step| energy(-100.0 + 0.4 * f64::from(step))).collect();
        let loud: Vec<f64> = (0..60).map(|_| energy(-69.0)).chain((0..60).map(|_| energy(-75.0))).collect();
        for (steps, target) in [(&swell, -24.0), (&swell, -60.0), (&loud, -24.0), (&loud, -70.0)] {
            let gain = gain_to(steps, target).unwrap();
            let raised: Vec<f64> = steps.iter().map(|step| step * 10f64.powf(gain / 10.0)).collect();
            let reached = Loudness::of(&raised).integrated.unwrap();
            assert!((reached - target).abs() < 0.05, "{reached} for {target}");
            if target == -24.0 {
                let plain = target - Loudness::of(steps).integrated.unwrap();
                assert!((gain - plain).abs() > 0.05, "the gate makes a difference: {gain} and {plain}");
            }
        }
        assert_eq!(gain_to(&[energy(-80.0); 50], -24.0), None);
        assert_eq!(gain_to(&[energy(-30.0); 3], -24.0), None);
    }

    #[test]
    fn blocks_below_the_gates_do_not_count() {
        // BS.1770's own cases in miniature: loud steps beside steps more than 10 LU lower, and beside silence.
        let (loud, low) = (energy(-20.0), energy(-36.0));
        let steps = |low: f64| [vec![loud; 100], vec![low; 100]].concat();
        for quiet in [0.0, low] {
            let whole = Loudness::of(&steps(quiet)).integrated.unwrap();
            // Blocks across the border count as far as they are loud.
            assert!((-20.3..-20.0).contains(&whole), "{whole}");
        }
        assert_eq!(Loudness::of(&[energy(-71.0); 100]).integrated, None);
        let nothing = Loudness { integrated: None, short_term: None, momentary: None, range: None };
        assert_eq!(Loudness::of(&[0.0; 100]), nothing);
        assert_eq!(Loudness::of(&[loud; 3]), nothing);
        let four = Loudness::of(&[loud; 4]);
        assert!((four.integrated.unwrap() + 20.0).abs() < 1e-9 && four.momentary.is_some());
        assert_eq!((four.short_term, four.range), (None, None));
        // EBU Tech 3342, case 1: 20 s at -20 and 20 s at -30 LUFS have a range of 10 LU.
        let both = Loudness::of(&[vec![energy(-20.0); 200], vec![energy(-30.0); 200]].concat());
        assert!((both.range.unwrap() - 10.0).abs() < 1e-6, "{both:?}");
        assert!((both.short_term.unwrap() + 20.0).abs() < 1e-9);
    }
}
