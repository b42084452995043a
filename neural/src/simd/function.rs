//! Activation functions on a register of lanes.

use super::Simd;

/// Beyond this the rational function below leaves the hyperbolic tangent, which is 1 there to 2e-7.
const TANH_CLAMP: f32 = 8.0;

/// Numerator over x, in powers of x squared: minimax for the relative error on ±8 with both constants 1, found by Lawson's
/// iteration. That the relative error is small keeps small signals unbiased through many layers.
const TANH_NUMERATOR: [f32; 4] = [1.0, 1.2930343e-01, 2.955795e-03, 1.1474973e-05];

/// Denominator in powers of x squared.
const TANH_DENOMINATOR: [f32; 5] = [1.0, 4.6263596e-01, 2.3835734e-02, 2.3931311e-04, 2.473187e-07];

/// The hyperbolic tangent, within 1e-6 everywhere.
#[inline(always)]
pub fn tanh<S: Simd>(simd: S, x: S::V) -> S::V {
    let x = simd.max(simd.min(x, simd.splat(TANH_CLAMP)), simd.splat(-TANH_CLAMP));
    let y = simd.mul(x, x);
    let numerator = polynomial(simd, y, TANH_NUMERATOR);
    let denominator = polynomial(simd, y, TANH_DENOMINATOR);
    simd.div(simd.mul(x, numerator), denominator)
}

/// The logistic function, within 1e-6 everywhere.
#[inline(always)]
pub fn sigmoid<S: Simd>(simd: S, x: S::V) -> S::V {
    let half = simd.splat(0.5);
    simd.mul_add(tanh(simd, simd.mul(x, half)), half, half)
}

/// The rational function that Neural Amp Modeler calls "Fasttanh". It is off the hyperbolic tangent by up to about 4e-4.
#[inline(always)]
pub fn fast_tanh<S: Simd>(simd: S, x: S::V) -> S::V {
    const A: f32 = 2.455_507_5;
    const B: f32 = 0.893_229_85;
    const C: f32 = 0.821_226_67;
    const D: f32 = 2.445_066_3;
    const E: f32 = 0.814_642_7;
    let magnitude = simd.abs(x);
    let y = simd.mul(x, x);
    let linear = simd.mul_add(simd.splat(A), magnitude, simd.splat(A));
    let rest = simd.mul_add(simd.splat(C), magnitude, simd.splat(B));
    let numerator = simd.mul(x, simd.mul_add(rest, y, linear));
    let bent = simd.abs(simd.mul_add(simd.mul(simd.splat(E), x), magnitude, x));
    let denominator = simd.mul_add(simd.add(simd.splat(D), y), bent, simd.splat(D));
    simd.div(numerator, denominator)
}

/// Horner's rule, the constant coefficient first.
#[inline(always)]
pub(crate) fn polynomial<S: Simd, const N: usize>(simd: S, y: S::V, coefficients: [f32; N]) -> S::V {
    let mut sum = simd.splat(coefficients[N - 1]);
    for coefficient in coefficients[..N - 1].iter().rev() {
        sum = simd.mul_add(sum, y, simd.splat(*coefficient));
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::{Path, Task};

    struct Apply<'a>(&'a mut [f32], u8);

    impl Task for Apply<'_> {
        type Output = ();

        #[inline(always)]
        fn run<S: Simd>(self, simd: S) {
            for chunk in self.0.chunks_exact_mut(S::LANES) {
                let x = simd.load(chunk);
                let y = match self.1 {
                    0 => tanh(simd, x),
                    1 => sigmoid(simd, x),
                    _ => fast_tanh(simd, x),
                };
                simd.store(y, chunk);
            }
        }
    }

    /// The largest error of a function on ±20 in small steps, and far outside.
    fn worst(path: Path, function: u8, exact: fn(f64) -> f64) -> f64 {
        let mut x: Vec<f32> = (-400_000..=400_000).map(|i| i as f32 * 5e-5).collect();
        x.extend([1e3, -1e3, 1e9, -1e9, 1e-30, -1e-30, 1e-40]);
        x.resize(x.len().next_multiple_of(64), 0.0);
        let mut y = x.clone();
        path.run(Apply(&mut y, function));
        x.iter().zip(&y).map(|(x, y)| (exact(*x as f64) - *y as f64).abs()).fold(0.0, f64::max)
    }

    #[test]
    fn tanh_and_sigmoid_are_within_a_millionth_on_every_path() {
        for path in Path::available() {
            assert!(worst(path, 0, f64::tanh) < 1e-6, "{path}: {}", worst(path, 0, f64::tanh));
            let logistic = |x: f64| 1.0 / (1.0 + (-x).exp());
            assert!(worst(path, 1, logistic) < 1e-6, "{path}: {}", worst(path, 1, logistic));
        }
    }

    #[test]
    fn fast_tanh_is_the_rational_function_on_every_path() {
        let rational = |x: f64| {
            let (a, y) = (x.abs(), x * x);
            let numerator = 2.45550750702956 + 2.45550750702956 * a + (0.893229853513558 + 0.821226666969744 * a) * y;
            x * numerator / (2.44506634652299 + (2.44506634652299 + y) * (x + 0.814642734961073 * x * a).abs())
        };
        for path in Path::available() {
            // At 1e9 the numerator leaves the range of a float; networks never get there.
            let mut x: Vec<f32> = (-160_000..160_000).map(|i| i as f32 * 5e-5).collect();
            let exact = x.clone();
            path.run(Apply(&mut x, 2));
            let error = exact.iter().zip(&x).map(|(x, y)| (rational(*x as f64) - *y as f64).abs()).fold(0.0, f64::max);
            assert!(error < 1e-6, "{path}: {error}");
        }
    }
}
