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

/// Coefficients of one filter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Coefficients {
    a: [f64; 3],
    m: [f64; 3],
}

impl Coefficients {
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
        let a1 = 1.0 / (1.0 + g * (g + k));
        Coefficients { a: [a1, g * a1, g * g * a1], m }
    }
}

/// What one filter remembers of one channel.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Memory {
    s: [f64; 2],
}

impl Memory {
    #[inline]
    pub fn process(&mut self, c: &Coefficients, input: f64) -> f64 {
        let v3 = input - self.s[1];
        let v1 = c.a[0] * self.s[0] + c.a[1] * v3;
        let v2 = self.s[1] + c.a[1] * self.s[0] + c.a[2] * v3;
        // A decaying filter ends in exact silence, not in denormal numbers, which are slow.
        let calm = |s: f64| if s.abs() < 1e-30 { 0.0 } else { s };
        self.s = [calm(2.0 * v1 - self.s[0]), calm(2.0 * v2 - self.s[1])];
        c.m[0] * input + c.m[1] * v1 + c.m[2] * v2
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
