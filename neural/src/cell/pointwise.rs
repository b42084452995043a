//! What is done to each number of a row by itself, and softmax.

use std::marker::PhantomData;

use super::arrangement::Arrangement;
use super::chain::{Lanes, Stage};
use super::layer::Function;
use super::ratio::{Tanh, sigmoid_of_half};
use crate::aligned::Aligned;
use crate::simd::{Path, Simd, Task};

/// What is done to each vector of a row.
enum Work {
    /// `scale * x + shift`.
    Affine { scale: Aligned, shift: Aligned },
    /// `max(x, 0) + slope * min(x, 0)`.
    Prelu { slopes: Aligned },
    /// A function other than softmax.
    Function(Function),
}

/// Anything that one number of a row is enough for.
pub(super) struct PointwiseStage<T> {
    path: Path,
    row: usize,
    work: Work,
    kind: PhantomData<T>,
}

impl<T: Tanh> PointwiseStage<T> {
    /// `scale * x + shift`.
    pub fn affine<A: Arrangement>(path: Path, _: A, _: T, scale: &[f32], shift: &[f32]) -> Self {
        let row = |numbers: &[f32]| A::row(numbers.len(), path.run(Lanes), |index| numbers[index]);
        Self::new::<A>(path, scale.len(), Work::Affine { scale: row(scale), shift: row(shift) })
    }

    /// `x` where positive, `slope * x` where not.
    pub fn prelu<A: Arrangement>(path: Path, _: A, _: T, slopes: &[f32]) -> Self {
        let row = A::row(slopes.len(), path.run(Lanes), |index| slopes[index]);
        Self::new::<A>(path, slopes.len(), Work::Prelu { slopes: row })
    }

    /// A function other than softmax.
    pub fn function<A: Arrangement>(path: Path, _: A, _: T, function: Function, width: usize) -> Self {
        assert_ne!(function, Function::Softmax, "softmax needs the whole row");
        Self::new::<A>(path, width, Work::Function(function))
    }

    fn new<A: Arrangement>(path: Path, width: usize, work: Work) -> Self {
        Self { path, row: A::row_len(width, path.run(Lanes)), work, kind: PhantomData }
    }
}

impl<T: Tanh> Stage for PointwiseStage<T> {
    fn process(&mut self, input: &[f32], output: &mut [f32], frames: usize) {
        let (input, output) = (&input[..frames * self.row], &mut output[..frames * self.row]);
        if let Work::Function(Function::Elu) = self.work {
            // Rare enough in effects that the exponential of the standard library will do.
            for (x, y) in input.iter().zip(output) {
                *y = if *x > 0.0 { *x } else { x.exp_m1() };
            }
        } else {
            self.path.run(Play { stage: self, input, output });
        }
    }

    fn reset(&mut self, _: Option<usize>) {}
}

struct Play<'a, T> {
    stage: &'a PointwiseStage<T>,
    input: &'a [f32],
    output: &'a mut [f32],
}

impl<T: Tanh> Task for Play<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let row = self.stage.row;
        for (input, output) in self.input.chunks_exact(row).zip(self.output.chunks_exact_mut(row)) {
            for at in (0..row).step_by(S::LANES) {
                simd.store(self.stage.work.on::<S, T>(simd, at, simd.load(&input[at..])), &mut output[at..]);
            }
        }
    }
}

impl Work {
    /// The vector at `at` of a row.
    #[inline(always)]
    fn on<S: Simd, T: Tanh>(&self, simd: S, at: usize, x: S::V) -> S::V {
        let zero = simd.splat(0.0);
        match self {
            Work::Affine { scale, shift } => simd.mul_add(simd.load(&scale[at..]), x, simd.load(&shift[at..])),
            Work::Prelu { slopes } => simd.mul_add(simd.load(&slopes[at..]), simd.min(x, zero), simd.max(x, zero)),
            Work::Function(Function::Tanh) => {
                let (above, below) = T::ratio(simd, x);
                simd.div(above, below)
            }
            Work::Function(Function::Sigmoid) => {
                let (above, below) = sigmoid_of_half::<S, T>(simd, simd.mul(x, simd.splat(0.5)));
                simd.div(above, below)
            }
            Work::Function(Function::Relu) => simd.max(x, zero),
            Work::Function(Function::Elu | Function::Softmax) => unreachable!("neither is played in vectors"),
        }
    }
}

/// `exp(x)` over the sum of all `exp(x)` of a row.
pub(super) struct SoftmaxStage<A> {
    width: usize,
    lanes: usize,
    kind: PhantomData<A>,
}

impl<A: Arrangement> SoftmaxStage<A> {
    pub fn new(path: Path, _: A, width: usize) -> Self {
        Self { width, lanes: path.run(Lanes), kind: PhantomData }
    }
}

impl<A: Arrangement> Stage for SoftmaxStage<A> {
    fn process(&mut self, input: &[f32], output: &mut [f32], frames: usize) {
        let row = A::row_len(self.width, self.lanes);
        for (input, output) in input.chunks_exact(row).zip(output.chunks_exact_mut(row)).take(frames) {
            for clip in 0..A::clips(self.lanes) {
                let places = (0..self.width).map(|index| A::place(index, clip, self.lanes));
                // Less the greatest, so that no exponential overflows.
                let greatest = places.clone().map(|place| input[place]).fold(f32::NEG_INFINITY, f32::max);
                let mut sum = 0.0;
                for place in places.clone() {
                    output[place] = (input[place] - greatest).exp();
                    sum += output[place];
                }
                places.for_each(|place| output[place] /= sum);
            }
        }
    }

    fn reset(&mut self, _: Option<usize>) {}
}
