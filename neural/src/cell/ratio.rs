//! tanh and sigmoid as quotients whose division is left to the caller.
//!
//! A recurrent unit multiplies sigmoids with tanhs. Kept as numerators and denominators, an LSTM's five functions need two
//! divisions and a GRU's three need two. The polynomials are least-maximum fits of `tanh(x) = x P(x^2) / Q(x^2)`, by
//! iteratively reweighted least squares over 0 to the bound; beyond it the function is within the stated error of 1.

use crate::simd::{Simd, polynomial};

/// tanh over a common range, to some precision.
pub(crate) trait Tanh: Copy + Send + 'static {
    /// Numerator and denominator of tanh(x). The denominator is 1 to 600, so that several may be multiplied.
    fn ratio<S: Simd>(simd: S, x: S::V) -> (S::V, S::V);
}

/// Within 4e-7 of tanh, everywhere: rounding.
#[derive(Clone, Copy)]
pub(crate) struct Exact;

/// Within 1e-4 of tanh, with two thirds of the arithmetic.
#[derive(Clone, Copy)]
pub(crate) struct Fast;

impl Tanh for Exact {
    #[inline(always)]
    fn ratio<S: Simd>(simd: S, x: S::V) -> (S::V, S::V) {
        const P: [f32; 5] = [1.0, 0.137_808_77, 0.004_002_862_6, 3.147_094_7e-5, 5.037_465_2e-8];
        const Q: [f32; 6] = [1.0, 0.471_142_08, 0.027_716_916, 0.000_419_735_62, 1.608_606e-6, 7.299_716e-10];
        rational(simd, x, 9.02, P, Q)
    }
}

impl Tanh for Fast {
    #[inline(always)]
    fn ratio<S: Simd>(simd: S, x: S::V) -> (S::V, S::V) {
        const P: [f32; 3] = [0.999_810_16, 0.101_723_16, 0.000_654_944_4];
        const Q: [f32; 3] = [1.0, 0.434_504_1, 0.012_639_186];
        rational(simd, x, 5.0, P, Q)
    }
}

#[inline(always)]
fn rational<S: Simd, const P: usize, const Q: usize>(
    simd: S,
    x: S::V,
    bound: f32,
    p: [f32; P],
    q: [f32; Q],
) -> (S::V, S::V) {
    let x = simd.min(simd.max(x, simd.splat(-bound)), simd.splat(bound));
    let square = simd.mul(x, x);
    (simd.mul(polynomial(simd, square, p), x), polynomial(simd, square, q))
}

/// Numerator and denominator of sigmoid(2 x) = (1 + tanh(x)) / 2. Halving the argument is left to the weights, where it
/// costs nothing and is exact.
#[inline(always)]
pub(crate) fn sigmoid_of_half<S: Simd, T: Tanh>(simd: S, x: S::V) -> (S::V, S::V) {
    let (above, below) = T::ratio(simd, x);
    let half = simd.splat(0.5);
    (simd.mul_add(half, above, simd.mul(half, below)), below)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::{Path, Task};

    /// Replaces each number by its tanh, then by its sigmoid.
    struct Both<'a, T>(T, [&'a mut [f32]; 2]);

    impl<T: Tanh> Task for Both<'_, T> {
        type Output = ();

        #[inline(always)]
        fn run<S: Simd>(self, simd: S) {
            let [tanh, sigmoid] = self.1;
            for x in tanh.chunks_exact_mut(S::LANES) {
                let (above, below) = T::ratio(simd, simd.load(x));
                simd.store(simd.div(above, below), x);
            }
            for x in sigmoid.chunks_exact_mut(S::LANES) {
                let (above, below) = sigmoid_of_half::<S, T>(simd, simd.mul(simd.load(x), simd.splat(0.5)));
                simd.store(simd.div(above, below), x);
            }
        }
    }

    /// The largest errors of tanh and sigmoid.
    fn worst(path: Path, tanh: impl Tanh) -> [f64; 2] {
        let mut x: Vec<f32> = (-400_000..400_000).map(|step| step as f32 * 5e-5).collect();
        x.extend([0.0, 1e-30, -1e-40, 1e-4, 7.9, 1e3, -1e3, 1e9, f32::MAX, f32::MIN, f32::INFINITY, f32::NEG_INFINITY]);
        x.resize(x.len().next_multiple_of(16), 0.0);
        let (mut hyperbolic, mut logistic) = (x.clone(), x.clone());
        path.run(Both(tanh, [&mut hyperbolic, &mut logistic]));
        let error = |y: &[f32], exact: fn(f64) -> f64| {
            let errors = x.iter().zip(y).map(|(x, y)| (exact(f64::from(*x)) - f64::from(*y)).abs());
            errors.fold(0.0, |worst: f64, error| if error <= worst { worst } else { error })
        };
        [error(&hyperbolic, f64::tanh), error(&logistic, |x| 1.0 / (1.0 + (-x).exp()))]
    }

    #[test]
    fn exact_functions_are_exact_to_rounding_on_every_path() {
        for path in Path::available() {
            let worst = worst(path, Exact);
            assert!(worst[0] <= 4e-7 && worst[1] <= 4e-7, "{path}: {worst:?}");
        }
    }

    #[test]
    fn fast_functions_are_within_a_ten_thousandth_on_every_path() {
        for path in Path::available() {
            let worst = worst(path, Fast);
            assert!(worst[0] <= 1e-4 && worst[1] <= 1e-4, "{path}: {worst:?}");
        }
    }
}
