//! Second-order filters.
//!
//! The responses are those of R. Bristow-Johnson's "Audio EQ Cookbook". The structure is the trapezoidal state variable
//! filter of A. Simper ("Linear Trapezoidal Integrated State Variable Filter", Cytomic, 2013), which has the same
//! transfer functions but stays calm while its coefficients move. All in 64 bits: low frequencies at high sample rates
//! lose too much in 32.

use std::f64::consts::PI;

/// Highest frequency that a filter is tuned to, relative to the sample rate. Higher ones are held here.
const HIGHEST: f64 = 0.49;

/// What a filter does at its frequency. Gains are in decibels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Shape {
    LowCut,
    HighCut,
    Bell { gain: f64 },
    LowShelf { gain: f64 },
    HighShelf { gain: f64 },
}

/// Coefficients of one filter, which keeps two numbers, the integrators. With `x` coming in, `s` and `t` kept and
/// `d = x - t`:
///
/// ```text
/// out = direct x + first s + second t
/// s becomes stay s + push d
/// t becomes (t + push s) + pull d
/// ```
///
/// Multiplied out from the filter's definition, which needs nearly twice as many operations.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Coefficients {
    pub stay: f64,
    pub push: f64,
    pub pull: f64,
    pub direct: f64,
    pub first: f64,
    pub second: f64,
}

impl Coefficients {
    /// Lets everything through as it is.
    pub const IDLE: Coefficients =
        Coefficients { stay: 0.0, push: 0.0, pull: 0.0, direct: 1.0, first: 0.0, second: 0.0 };

    pub fn new(shape: Shape, frequency: f64, quality: f64, sample_rate: f64) -> Coefficients {
        let warped = (PI * (frequency / sample_rate).min(HIGHEST)).tan();
        let amplitude = |gain: f64| 10f64.powf(gain / 40.0);
        let damping = 1.0 / quality;
        let (g, k, m) = match shape {
            Shape::LowCut => (warped, damping, [1.0, -damping, -1.0]),
            Shape::HighCut => (warped, damping, [0.0, 0.0, 1.0]),
            Shape::Bell { gain } => {
                let a = amplitude(gain);
                let k = damping / a;
                (warped, k, [1.0, k * (a * a - 1.0), 0.0])
            }
            Shape::LowShelf { gain } => {
                let a = amplitude(gain);
                (warped / a.sqrt(), damping, [1.0, damping * (a - 1.0), a * a - 1.0])
            }
            Shape::HighShelf { gain } => {
                let a = amplitude(gain);
                (warped * a.sqrt(), damping, [a * a, damping * (1.0 - a) * a, 1.0 - a * a])
            }
        };
        let a0 = 1.0 / (1.0 + g * (g + k));
        let (a1, a2) = (g * a0, g * g * a0);
        Coefficients {
            stay: 2.0 * a0 - 1.0,
            push: 2.0 * a1,
            pull: 2.0 * a2,
            direct: m[0] + m[1] * a1 + m[2] * a2,
            first: m[1] * a0 + m[2] * a1,
            second: m[2] - m[1] * a1 - m[2] * a2,
        }
    }
}

/// A first-order low pass whose 3 dB point is exact, by the bilinear transform.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct OnePole {
    g: f64,
    state: f64,
}

impl OnePole {
    pub fn tune(&mut self, frequency: f64, sample_rate: f64) {
        let warped = (PI * (frequency / sample_rate).min(HIGHEST)).tan();
        self.g = warped / (1.0 + warped);
    }

    #[inline]
    pub fn low(&mut self, input: f64) -> f64 {
        let v = (input - self.state) * self.g;
        let low = v + self.state;
        self.state = if (low + v).abs() < 1e-30 { 0.0 } else { low + v };
        low
    }

    pub fn reset(&mut self) {
        self.state = 0.0;
    }
}
