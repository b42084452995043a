//! Distributions of numbers.

use super::normal::Normal;
use super::source::Random;

/// How a number is drawn. Every form has ends, and stays within them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Distribution {
    /// Everything between two ends is as likely.
    Uniform {
        /// The lower end.
        low: f64,
        /// The upper end, above the lower one.
        high: f64,
    },
    /// Every ratio between two ends is as likely: as many values from 100 to 200 as from 1000 to 2000.
    LogUniform {
        /// The lower end, above 0.
        low: f64,
        /// The upper end, above the lower one.
        high: f64,
    },
    /// Around a mean, cut at both ends.
    Normal(Normal),
    /// A whole number, both ends included.
    Int {
        /// The lowest.
        low: i64,
        /// The highest.
        high: i64,
    },
    /// One of the values in steps of equal size, both ends included.
    Steps {
        /// The lowest.
        low: f64,
        /// The highest.
        high: f64,
        /// How many steps lie between them; one less than there are values.
        steps: u32,
    },
}

impl Distribution {
    /// The number that these random bits mean.
    pub fn draw(&self, random: &Random) -> f64 {
        match *self {
            Distribution::Uniform { low, high } => (low + random.unit(0) * (high - low)).min(high),
            Distribution::LogUniform { low, high } => {
                let (from, to) = (libm::log(low), libm::log(high));
                libm::exp(from + random.unit(0) * (to - from)).clamp(low, high)
            }
            Distribution::Normal(normal) => normal.at(random.unit(0)),
            Distribution::Int { low, high } => (low + random.below((high - low) as u64 + 1) as i64) as f64,
            Distribution::Steps { steps, .. } => self.step(random.below(u64::from(steps) + 1)),
        }
    }

    /// The lowest and the highest number that can come.
    pub fn ends(&self) -> (f64, f64) {
        match *self {
            Distribution::Uniform { low, high }
            | Distribution::LogUniform { low, high }
            | Distribution::Steps { low, high, .. } => (low, high),
            Distribution::Normal(normal) => normal.ends(),
            Distribution::Int { low, high } => (low as f64, high as f64),
        }
    }

    /// How many numbers can come; `None` where they lie everywhere between the ends.
    pub fn count(&self) -> Option<u64> {
        match *self {
            Distribution::Int { low, high } => Some((high - low) as u64 + 1),
            Distribution::Steps { steps, .. } => Some(u64::from(steps) + 1),
            _ => None,
        }
    }

    /// Number `index` of those that can come, from the lowest; the lowest where they cannot be counted.
    pub fn step(&self, index: u64) -> f64 {
        match *self {
            Distribution::Int { low, .. } => (low + index as i64) as f64,
            // From the ends rather than by adding up, so that steps of 0.1 reach 0.3 and the upper end.
            Distribution::Steps { low, high, steps } => low + (high - low) * (index as f64 / f64::from(steps)),
            _ => self.ends().0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::{DrawKey, TaskKey};
    use proptest::prelude::*;

    fn sample(distribution: Distribution, count: u64) -> Vec<f64> {
        let key = DrawKey::new("device", "parameter");
        let mut values: Vec<f64> =
            (0..count).map(|n| distribution.draw(&Random::new(TaskKey::new(11, "item", n), key))).collect();
        values.sort_by(f64::total_cmp);
        values
    }

    /// The largest distance between the distribution of a sorted sample and the one that it should have, in units of
    /// what chance alone gives: above 1.95 for one fair sample of a thousand.
    fn distance(sample: &[f64], below: impl Fn(f64) -> f64) -> f64 {
        let count = sample.len() as f64;
        let gaps = sample.iter().enumerate().map(|(n, value)| (below(*value) - (n as f64 + 0.5) / count).abs());
        gaps.fold(0.0, f64::max) * count.sqrt()
    }

    #[test]
    fn every_distribution_is_the_one_that_it_says() {
        let uniform = sample(Distribution::Uniform { low: -6.0, high: 3.0 }, 20_000);
        assert!(distance(&uniform, |v| (v + 6.0) / 9.0) < 1.95);
        let log = sample(Distribution::LogUniform { low: 80.0, high: 8000.0 }, 20_000);
        assert!(distance(&log, |v| (v / 80.0).ln() / 100f64.ln()) < 1.95);
        let normal = sample(Distribution::Normal(Normal::new(5.0, 2.0, 0.0, 8.0)), 20_000);
        let whole = |v: f64| 0.5 * libm::erfc(-(v - 5.0) / 2.0 / 2f64.sqrt());
        assert!(distance(&normal, |v| (whole(v) - whole(0.0)) / (whole(8.0) - whole(0.0))) < 1.95);
        // And the measure can fail: a uniform sample is not taken for a logarithmic one.
        assert!(distance(&uniform, |v| ((v + 7.0).ln() / 10f64.ln()).clamp(0.0, 1.0)) > 5.0);
    }

    #[test]
    fn whole_numbers_and_steps_come_evenly_and_reach_both_ends() {
        for (distribution, values) in [
            (Distribution::Int { low: -2, high: 3 }, vec![-2.0, -1.0, 0.0, 1.0, 2.0, 3.0]),
            (Distribution::Steps { low: 0.0, high: 0.5, steps: 5 }, vec![0.0, 0.1, 0.2, 0.3, 0.4, 0.5]),
        ] {
            let sample = sample(distribution, 12_000);
            for value in &values {
                let hits = sample.iter().filter(|v| *v == value).count();
                // 2000 expected, with a deviation of 41.
                assert!((1800..2200).contains(&hits), "{value} of {distribution:?} came {hits} times");
            }
            assert_eq!(distribution.count(), Some(values.len() as u64));
            assert_eq!((0..values.len() as u64).map(|n| distribution.step(n)).collect::<Vec<_>>(), values);
        }
    }

    proptest! {
        #[test]
        fn no_number_lies_outside_the_ends(low in -1e6..1e6f64, size in 1e-6..1e6f64, mean in -3.0..4.0f64, item in ".*", draw: u64) {
            let random = Random::new(TaskKey::new(draw, &item, draw), DrawKey::new("", ""));
            let high = low + size;
            let above = low.abs() + 1e-9;
            for distribution in [
                Distribution::Uniform { low, high },
                Distribution::LogUniform { low: above, high: above + size },
                Distribution::Normal(Normal::new(low + mean * size, size, low, high)),
                Distribution::Steps { low, high, steps: 7 },
                Distribution::Int { low: low as i64, high: high as i64 },
            ] {
                let value = distribution.draw(&random);
                let (least, most) = distribution.ends();
                prop_assert!((least..=most).contains(&value), "{value} of {distribution:?}");
            }
        }
    }
}
