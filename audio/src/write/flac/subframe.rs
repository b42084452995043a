//! One channel of one frame (RFC 9639, 9.2).

use super::bits::BitWriter;
use super::predict::{self, Predictor, Windows};
use super::rice::Rice;

/// A channel's samples in the shortest form that was found.
pub(super) struct Subframe {
    /// Samples without the low zeros that all of them share.
    samples: Vec<i32>,
    /// Bits of such a sample.
    width: u32,
    /// How many zeros those were.
    wasted: u32,
    coding: Coding,
}

enum Coding {
    /// All samples are the same.
    Constant,
    /// Samples as they are.
    Verbatim,
    /// Differences of this order, and what codes them.
    Fixed(usize, Rice),
    /// A predictor made for the block, and what codes its residuals.
    Linear(Predictor, Rice),
}

impl Subframe {
    /// Codes samples of so many bits. The windows are those of as many samples.
    pub(super) fn best(samples: &[i32], bits: u32, windows: &Windows) -> Subframe {
        let used = samples.iter().fold(0, |all, s| all | s);
        // 32 zeros are a constant, whose value needs its bits.
        let wasted = if used == 0 { 0 } else { used.trailing_zeros() };
        let samples: Vec<i32> = samples.iter().map(|s| s >> wasted).collect();
        let width = bits - wasted;
        let mut best = Subframe { samples, width, wasted, coding: Coding::Verbatim };
        if best.samples.iter().all(|&s| s == best.samples[0]) {
            best.coding = Coding::Constant;
            return best;
        }
        let mut least = best.bits();
        for coding in fixed(&best.samples).into_iter().chain(linear(&best.samples, width, windows)) {
            let before = std::mem::replace(&mut best.coding, coding);
            if best.bits() < least {
                least = best.bits();
            } else {
                best.coding = before;
            }
        }
        best
    }

    /// Exactly how many bits [`write`](Subframe::write) appends.
    pub(super) fn bits(&self) -> u64 {
        let width = u64::from(self.width);
        8 + u64::from(self.wasted)
            + match &self.coding {
                Coding::Constant => width,
                Coding::Verbatim => self.samples.len() as u64 * width,
                Coding::Fixed(order, rice) => *order as u64 * width + rice.bits(),
                Coding::Linear(predictor, rice) => {
                    let order = predictor.coefficients.len() as u64;
                    order * width + 9 + order * u64::from(predictor.precision) + rice.bits()
                }
            }
    }

    pub(super) fn write(&self, bits: &mut BitWriter) {
        let kind = match &self.coding {
            Coding::Constant => 0,
            Coding::Verbatim => 1,
            Coding::Fixed(order, _) => 8 + *order as u32,
            Coding::Linear(predictor, _) => 31 + predictor.coefficients.len() as u32,
        };
        bits.put(kind << 1 | u32::from(self.wasted > 0), 8);
        if self.wasted > 0 {
            bits.put_unary(self.wasted - 1);
        }
        let stored = match &self.coding {
            Coding::Constant => 1,
            Coding::Verbatim => self.samples.len(),
            Coding::Fixed(order, _) => *order,
            Coding::Linear(predictor, _) => predictor.coefficients.len(),
        };
        for &sample in &self.samples[..stored] {
            bits.put_signed(sample, self.width);
        }
        match &self.coding {
            Coding::Constant | Coding::Verbatim => {}
            Coding::Fixed(_, rice) => rice.write(bits),
            Coding::Linear(predictor, rice) => {
                bits.put(predictor.precision - 1, 4);
                bits.put(predictor.shift, 5);
                for &coefficient in &predictor.coefficients {
                    bits.put_signed(coefficient, predictor.precision);
                }
                rice.write(bits);
            }
        }
    }
}

/// The differences of the order, 0 to 4, that leaves the smallest numbers.
fn fixed(samples: &[i32]) -> Option<Coding> {
    let mut differences: Vec<i64> = samples.iter().map(|&s| s.into()).collect();
    let mut best: Option<(u64, usize, Vec<i64>)> = None;
    for order in 0..=4.min(samples.len() - 1) {
        if order > 0 {
            differences = differences.windows(2).map(|pair| pair[1] - pair[0]).collect();
        }
        // The first samples are stored whatever the order, so the sums are over the same ones.
        let skip = 4usize.saturating_sub(order).min(differences.len());
        let sum = differences[skip..].iter().map(|d| d.unsigned_abs()).sum();
        if best.as_ref().is_none_or(|(least, ..)| sum < *least) {
            best = Some((sum, order, differences.clone()));
        }
    }
    let (_, order, differences) = best?;
    Some(Coding::Fixed(order, Rice::best(&differences, order)?))
}

fn linear(samples: &[i32], width: u32, windows: &Windows) -> impl Iterator<Item = Coding> {
    predict::candidates(samples, width, windows).into_iter().filter_map(move |predictor| {
        let rice = Rice::best(&predictor.residuals(samples), predictor.coefficients.len())?;
        Some(Coding::Linear(predictor, rice))
    })
}
