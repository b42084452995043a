//! Linear predictors made to measure.

use std::f64::consts::PI;

/// Most coefficients of a predictor, as the streamable subset allows up to 48 kHz (RFC 9639, 7).
pub(super) const MAX_ORDER: usize = 12;

/// A predictor in whole numbers: the next sample is the sum of `coefficients` times the samples before it, the latest
/// first, shifted right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Predictor {
    pub coefficients: Vec<i32>,
    pub shift: u32,
    /// Bits of a coefficient.
    pub precision: u32,
}

impl Predictor {
    /// What the predictor misses of each sample behind the first ones.
    pub(super) fn residuals(&self, samples: &[i32]) -> Vec<i64> {
        // With the number of coefficients known when compiling, the innermost loop is unrolled.
        match self.coefficients.len() {
            1 => self.residuals_of::<1>(samples),
            2 => self.residuals_of::<2>(samples),
            3 => self.residuals_of::<3>(samples),
            4 => self.residuals_of::<4>(samples),
            5 => self.residuals_of::<5>(samples),
            6 => self.residuals_of::<6>(samples),
            7 => self.residuals_of::<7>(samples),
            8 => self.residuals_of::<8>(samples),
            9 => self.residuals_of::<9>(samples),
            10 => self.residuals_of::<10>(samples),
            11 => self.residuals_of::<11>(samples),
            12 => self.residuals_of::<12>(samples),
            _ => unreachable!("a predictor has 1 to 12 coefficients"),
        }
    }

    fn residuals_of<const ORDER: usize>(&self, samples: &[i32]) -> Vec<i64> {
        let latest_first: [i32; ORDER] = self.coefficients[..].try_into().expect("the order was looked up");
        let mut coefficients = latest_first.map(i64::from);
        coefficients.reverse();
        let miss = |(before, &this): (&[i32], &i32)| {
            let before: &[i32; ORDER] = before.try_into().expect("windows have their length");
            let sum: i64 = (0..ORDER).map(|n| coefficients[n] * i64::from(before[n])).sum();
            i64::from(this) - (sum >> self.shift)
        };
        samples.windows(ORDER).zip(&samples[ORDER..]).map(miss).collect()
    }
}

/// The parts of a block that predictors are made from, weighted.
///
/// One window falls off late, for the best average over the block; one falls off from its middle on, which keeps pure
/// tones apart; two cover a half each, for sounds that set in or fade within the block.
pub(super) struct Windows(Vec<Window>);

struct Window {
    /// The first sample that it covers.
    start: usize,
    weights: Vec<f64>,
    /// Sum of the squared weights.
    energy: f64,
}

impl Windows {
    pub(super) fn new(samples: usize) -> Windows {
        let half = samples / 2;
        let window = |start: usize, length: usize, tapered: f64| {
            let weights = tukey(length, tapered);
            let energy = weights.iter().map(|w| w * w).sum();
            Window { start, weights, energy }
        };
        let windows = [(0, samples, 0.5), (0, samples, 1.0), (0, half, 0.5), (half, samples - half, 0.5)];
        Windows(windows.into_iter().map(|(start, length, tapered)| window(start, length, tapered)).collect())
    }
}

/// Predictors of samples of so many bits, one for each window at most: those that promise the fewest bits there.
pub(super) fn candidates(samples: &[i32], bits: u32, windows: &Windows) -> Vec<Predictor> {
    let precision = precision(samples.len(), bits);
    let mut found = Vec::new();
    for window in &windows.0 {
        let most = MAX_ORDER.min(window.weights.len().saturating_sub(1));
        if most == 0 {
            continue;
        }
        let steps = levinson(&autocorrelation(&samples[window.start..], &window.weights, most));
        let cost = |(index, (_, error)): (usize, &(Vec<f64>, f64))| {
            let order = index + 1;
            // However good the prediction, rounding it to whole numbers adds a twelfth.
            let each = 0.5 * (error / window.energy + 1.0 / 12.0).log2();
            each * (samples.len() - order) as f64 + (order as u32 * (bits + precision)) as f64
        };
        let best = steps.iter().enumerate().min_by(|a, b| cost(*a).total_cmp(&cost(*b)));
        let predictor = best.and_then(|(_, (coefficients, _))| quantize(coefficients, precision));
        found.extend(predictor.filter(|predictor| !found.contains(predictor)));
    }
    found
}

/// Bits of a coefficient. Up to 16-bit samples gain nothing from fine ones; wider ones with little noise do.
fn precision(samples: usize, bits: u32) -> u32 {
    match (bits, samples) {
        (..=17, ..=384) => 8,
        (..=17, ..=1152) => 10,
        (..=17, ..=2304) => 11,
        (..=17, _) => 13,
        (_, ..=384) => 13,
        _ => 15,
    }
}

/// Flat in the middle half, falling to both ends along a cosine.
fn tukey(length: usize, tapered: f64) -> Vec<f64> {
    let edge = (tapered / 2.0 * length as f64).floor() as usize;
    let mut window = vec![1.0; length];
    for n in 0..edge {
        let value = 0.5 - 0.5 * (PI * n as f64 / edge as f64).cos();
        window[n] = value;
        window[length - 1 - n] = value;
    }
    window
}

fn autocorrelation(samples: &[i32], weights: &[f64], most: usize) -> Vec<f64> {
    let windowed: Vec<f64> = samples.iter().zip(weights).map(|(&s, w)| f64::from(s) * w).collect();
    let correlation = |lag: usize| {
        // Four sums side by side: one would wait for each addition to finish before the next.
        let mut sums = [0.0; 4];
        for (now, later) in windowed.chunks_exact(4).zip(windowed[lag..].chunks_exact(4)) {
            for (sum, (a, b)) in sums.iter_mut().zip(now.iter().zip(later)) {
                *sum += a * b;
            }
        }
        let done = (windowed.len() - lag) / 4 * 4;
        let rest: f64 = windowed[done..].iter().zip(&windowed[done + lag..]).map(|(a, b)| a * b).sum();
        sums.iter().sum::<f64>() + rest
    };
    (0..=most).map(correlation).collect()
}

/// The Levinson-Durbin recursion: for each order from 1 the coefficients and the energy of what they miss.
fn levinson(correlation: &[f64]) -> Vec<(Vec<f64>, f64)> {
    let mut coefficients: Vec<f64> = Vec::new();
    let mut error = correlation[0];
    let mut steps = Vec::new();
    for order in 0..correlation.len() - 1 {
        // Nothing is left over: silence, or a sound predicted to the limit of the arithmetic.
        if error <= 0.0 {
            break;
        }
        let explained: f64 = coefficients.iter().enumerate().map(|(n, c)| c * correlation[order - n]).sum();
        let reflection = (correlation[order + 1] - explained) / error;
        let mirrored: Vec<f64> = coefficients.iter().rev().map(|c| c * reflection).collect();
        coefficients.iter_mut().zip(mirrored).for_each(|(c, m)| *c -= m);
        coefficients.push(reflection);
        error *= 1.0 - reflection * reflection;
        steps.push((coefficients.clone(), error.max(0.0)));
    }
    steps
}

/// Rounds coefficients to whole numbers of `precision` bits, handing each rounding error on to the next. `None` where
/// they are too large for any shift.
fn quantize(coefficients: &[f64], precision: u32) -> Option<Predictor> {
    let largest = coefficients.iter().fold(0.0f64, |most, c| most.max(c.abs()));
    if !(largest > 0.0 && largest.is_finite()) {
        return None;
    }
    // The largest shift of at most 15 under which the largest coefficient fits.
    let limit = f64::from(1 << (precision - 1)) - 1.0;
    let shift = (0..=15).rev().find(|&shift| largest * f64::from(1 << shift) <= limit)?;
    let mut error = 0.0;
    let rounded = coefficients.iter().map(|c| {
        let wanted = c * f64::from(1 << shift) + error;
        let value = wanted.round_ties_even().clamp(-limit - 1.0, limit);
        error = wanted - value;
        value as i32
    });
    Some(Predictor { coefficients: rounded.collect(), shift, precision })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sine_is_predicted_to_within_its_rounding() {
        let samples: Vec<i32> = (0..4096).map(|n| ((n as f64 * 0.03).sin() * 6e6).round() as i32).collect();
        let best = candidates(&samples, 24, &Windows::new(4096))
            .iter()
            .map(|p| p.residuals(&samples).into_iter().map(i64::abs).max().unwrap())
            .min();
        assert!(best.is_some_and(|most| most < 3_000), "{best:?}");
    }

    #[test]
    fn silence_and_single_samples_have_no_predictor() {
        assert_eq!(candidates(&[0; 4096], 24, &Windows::new(4096)), []);
        assert_eq!(candidates(&[5], 24, &Windows::new(1)), []);
    }
}
