//! The normal distribution, cut at both ends.

use std::f64::consts::SQRT_2;

/// A normal distribution of which only `low` to `high` is drawn from. One even number gives one value, by the inverse of
/// the distribution: it rises with that number, so two draws that share the number stay comparable.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normal {
    mean: f64,
    deviation: f64,
    low: f64,
    high: f64,
    /// How much lies below `low`.
    below: f64,
    /// How much lies between.
    mass: f64,
    /// The tail that is drawn from lies above the mean, and is turned over so that small masses keep their digits.
    turned: bool,
}

impl Normal {
    /// The distribution of this mean and standard deviation between two ends. The deviation is above 0 and `low` below `high`.
    pub fn new(mean: f64, deviation: f64, low: f64, high: f64) -> Normal {
        let turned = low > mean;
        let end = |value: f64| (if turned { mean - value } else { value - mean }) / deviation;
        let (from, to) = if turned { (end(high), end(low)) } else { (end(low), end(high)) };
        let below = cumulative(from);
        Normal { mean, deviation, low, high, below, mass: cumulative(to) - below, turned }
    }

    /// Which part of the whole distribution lies between the ends.
    pub fn mass(&self) -> f64 {
        self.mass
    }

    /// The lowest and highest value.
    pub fn ends(&self) -> (f64, f64) {
        (self.low, self.high)
    }

    /// The value of an even number in 0..1.
    pub fn at(&self, unit: f64) -> f64 {
        let unit = if self.turned { 1.0 - unit } else { unit };
        let deviations = quantile(self.below + unit * self.mass);
        let deviations = if self.turned { -deviations } else { deviations };
        (self.mean + self.deviation * deviations).clamp(self.low, self.high)
    }
}

/// How much of the standard normal distribution lies below `x`.
fn cumulative(x: f64) -> f64 {
    0.5 * libm::erfc(-x / SQRT_2)
}

/// The place below which `part` of the standard normal distribution lies, to about 1e-16 of itself, after M. J. Wichura,
/// "Algorithm AS 241: The Percentage Points of the Normal Distribution", Applied Statistics 37 (1988), 477-484.
#[allow(clippy::excessive_precision)] // The digits are the paper's.
fn quantile(part: f64) -> f64 {
    const MIDDLE: Ratio = (
        [
            3.387_132_872_796_366_608_0,
            133.141_667_891_784_377_45,
            1_971.590_950_306_551_442_7,
            13_731.693_765_509_461_125,
            45_921.953_931_549_871_457,
            67_265.770_927_008_700_853,
            33_430.575_583_588_128_105,
            2_509.080_928_730_122_672_7,
        ],
        [
            1.0,
            42.313_330_701_600_911_252,
            687.187_007_492_057_908_30,
            5_394.196_021_424_751_107_7,
            21_213.794_301_586_595_867,
            39_307.895_800_092_710_610,
            28_729.085_735_721_942_674,
            5_226.495_278_852_854_561_0,
        ],
    );
    const NEAR: Ratio = (
        [
            1.423_437_110_749_683_577_34,
            4.630_337_846_156_545_295_90,
            5.769_497_221_460_691_405_50,
            3.647_848_324_763_204_605_04,
            1.270_458_252_452_368_382_58,
            2.417_807_251_774_506_117_70e-1,
            2.272_384_498_926_918_458_33e-2,
            7.745_450_142_783_414_076_40e-4,
        ],
        [
            1.0,
            2.053_191_626_637_758_821_87,
            1.676_384_830_183_803_849_40,
            6.897_673_349_851_000_045_50e-1,
            1.481_039_764_274_800_745_90e-1,
            1.519_866_656_361_645_719_66e-2,
            5.475_938_084_995_344_946_00e-4,
            1.050_750_071_644_416_843_24e-9,
        ],
    );
    const FAR: Ratio = (
        [
            6.657_904_643_501_103_777_20,
            5.463_784_911_164_114_369_90,
            1.784_826_539_917_291_335_80,
            2.965_605_718_285_048_912_30e-1,
            2.653_218_952_657_612_309_30e-2,
            1.242_660_947_388_078_438_60e-3,
            2.711_555_568_743_487_578_15e-5,
            2.010_334_399_292_288_132_65e-7,
        ],
        [
            1.0,
            5.998_322_065_558_879_376_90e-1,
            1.369_298_809_227_358_053_10e-1,
            1.487_536_129_085_061_485_25e-2,
            7.868_691_311_456_132_591_00e-4,
            1.846_318_317_510_054_681_80e-5,
            1.421_511_758_316_445_888_70e-7,
            2.044_263_103_389_939_785_64e-15,
        ],
    );
    let part = part.clamp(f64::MIN_POSITIVE, 1.0 - f64::EPSILON / 2.0);
    let off = part - 0.5;
    if off.abs() <= 0.425 {
        return off * ratio(&MIDDLE, 0.180_625 - off * off);
    }
    let root = (-libm::log(part.min(1.0 - part))).sqrt();
    let size = if root <= 5.0 { ratio(&NEAR, root - 1.6) } else { ratio(&FAR, root - 5.0) };
    size.copysign(off)
}

/// Two polynomials by their coefficients, from the constant one up.
type Ratio = ([f64; 8], [f64; 8]);

fn ratio((above, below): &Ratio, x: f64) -> f64 {
    let at = |coefficients: &[f64; 8]| coefficients.iter().rev().fold(0.0, |sum, c| sum * x + c);
    at(above) / at(below)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quantile_is_the_inverse_of_the_distribution() {
        let mut part = 1e-12;
        while part < 1.0 {
            let back = cumulative(quantile(part));
            assert!((back / part - 1.0).abs() < 1e-13, "{part} came back as {back}");
            part = if part < 0.01 { part * 1.7 } else { part + 0.003 };
        }
        // Tables of the distribution give 1.959963984540054 for 97.5 %.
        assert!((quantile(0.975) - 1.959_963_984_540_054).abs() < 1e-14);
        assert!(quantile(0.0).is_finite() && quantile(1.0).is_finite());
    }

    #[test]
    fn values_rise_from_one_end_to_the_other_on_both_sides_of_the_mean() {
        for normal in
            [Normal::new(0.0, 1.0, -1.0, 2.0), Normal::new(5.0, 2.0, 9.0, 11.0), Normal::new(5.0, 2.0, -1.0, 2.0)]
        {
            let (low, high) = normal.ends();
            let values: Vec<f64> = (0..=1000).map(|n| normal.at(f64::from(n) / 1000.0)).collect();
            assert!(values.windows(2).all(|pair| pair[0] < pair[1]), "{normal:?}");
            assert!((values[0] - low).abs() < 1e-9 && (values[1000] - high).abs() < 1e-9, "{normal:?}");
        }
    }

    #[test]
    fn the_mean_of_a_cut_distribution_is_that_of_theory() {
        // Of the part of a standard normal distribution above 1: density(1) / mass above 1 = 1.525135276160981.
        let tail = Normal::new(0.0, 1.0, 1.0, 40.0);
        let steps = 200_000;
        let mean = (0..steps).map(|n| tail.at((f64::from(n) + 0.5) / f64::from(steps))).sum::<f64>() / f64::from(steps);
        assert!((mean - 1.525_135_276).abs() < 1e-4, "{mean}");
    }
}
