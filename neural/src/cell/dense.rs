//! Weighted sums of one frame or several.

use std::marker::PhantomData;

use super::arrangement::Arrangement;
use super::chain::{Lanes, Stage};
use super::layer::Dense;
use crate::aligned::Aligned;
use crate::simd::{Path, Simd, Task};

/// Frames that share a load of the weights.
const TOGETHER: usize = 4;

/// Packed weights of sums over `taps` rows of `inputs` numbers.
pub(super) struct Sums<A> {
    path: Path,
    lanes: usize,
    inputs: usize,
    outputs: usize,
    taps: usize,
    /// For each vector of outputs, for each tap, for each input.
    weights: Aligned,
    bias: Aligned,
    kind: PhantomData<A>,
}

impl<A: Arrangement> Sums<A> {
    /// `weights` has, for each output, for each tap, `inputs` numbers.
    pub fn new(path: Path, inputs: usize, taps: usize, weights: &[f32], bias: &[f32]) -> Self {
        let lanes = path.run(Lanes);
        let outputs = bias.len();
        let (mut packed, mut packed_bias) = (Vec::new(), Vec::new());
        for vector in 0..A::vectors(outputs, lanes) {
            A::pack(vector, outputs, lanes, &mut packed_bias, |output| bias[output]);
            for column in 0..taps * inputs {
                A::pack(vector, outputs, lanes, &mut packed, |output| weights[output * taps * inputs + column]);
            }
        }
        let (weights, bias) = (Aligned::from(&*packed), Aligned::from(&*packed_bias));
        Self { path, lanes, inputs, outputs, taps, weights, bias, kind: PhantomData }
    }

    /// Lanes of a vector.
    pub fn lanes(&self) -> usize {
        self.lanes
    }

    /// Numbers in a row that goes in.
    pub fn in_row(&self) -> usize {
        A::row_len(self.inputs, self.lanes)
    }

    /// Plays `frames` frames. The first tap of frame 0 is the first row of `rows`, the next tap is `dilation` rows later.
    pub fn play(&self, rows: &[f32], dilation: usize, output: &mut [f32], frames: usize) {
        self.path.run(Play { sums: self, rows, dilation, output, frames });
    }
}

struct Play<'a, A> {
    sums: &'a Sums<A>,
    rows: &'a [f32],
    dilation: usize,
    output: &'a mut [f32],
    frames: usize,
}

impl<A: Arrangement> Task for Play<'_, A> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { sums, rows, dilation, output, frames } = self;
        let (in_row, out_row) = (A::row_len(sums.inputs, S::LANES), A::row_len(sums.outputs, S::LANES));
        for first in (0..frames).step_by(TOGETHER) {
            if frames - first >= TOGETHER {
                let output = &mut output[first * out_row..];
                step::<S, A, TOGETHER>(simd, sums, &rows[first * in_row..], dilation, output);
            } else {
                for frame in first..frames {
                    let output = &mut output[frame * out_row..];
                    step::<S, A, 1>(simd, sums, &rows[frame * in_row..], dilation, output);
                }
            }
        }
    }
}

/// `F` frames.
#[inline(always)]
fn step<S: Simd, A: Arrangement, const F: usize>(
    simd: S,
    of: &Sums<A>,
    rows: &[f32],
    dilation: usize,
    output: &mut [f32],
) {
    let one = A::weight_len(S::LANES);
    let (in_row, out_row) = (A::row_len(of.inputs, S::LANES), A::row_len(of.outputs, S::LANES));
    let packed = of.weights.chunks_exact(one * of.inputs * of.taps).zip(of.bias.chunks_exact(one));
    for (vector, (weights, bias)) in packed.enumerate() {
        let mut sums = [A::weight(simd, bias); F];
        for (tap, weights) in weights.chunks_exact(one * of.inputs).enumerate() {
            let inputs: [&[f32]; F] = std::array::from_fn(|frame| &rows[(frame + tap * dilation) * in_row..][..in_row]);
            for (index, weight) in weights.chunks_exact(one).enumerate() {
                let weight = A::weight(simd, weight);
                for frame in 0..F {
                    sums[frame] = simd.mul_add(weight, A::value(simd, inputs[frame], index), sums[frame]);
                }
            }
        }
        for (frame, sum) in sums.into_iter().enumerate() {
            simd.store(sum, &mut output[frame * out_row + vector * S::LANES..]);
        }
    }
}

pub(super) struct DenseStage<A>(Sums<A>);

impl<A: Arrangement> DenseStage<A> {
    pub fn new(path: Path, _: A, dense: &Dense) -> Self {
        Self(Sums::new(path, dense.inputs, 1, &dense.matrix, &dense.bias))
    }
}

impl<A: Arrangement> Stage for DenseStage<A> {
    fn process(&mut self, input: &[f32], output: &mut [f32], frames: usize) {
        self.0.play(input, 1, output, frames);
    }

    fn reset(&mut self, _: Option<usize>) {}
}

/// Lanes of the widest vector.
const WIDEST: usize = 16;

/// One weighted sum. Of one clip, the inputs lie in the lanes, where [`Sums`] would fill one lane of each vector; there are as
/// many partial sums as lanes, which then join in halves. Clips together take the very same partial sums, so that a clip
/// sounds the same to the bit whether it plays alone or beside others.
pub(super) struct DotStage<A> {
    path: Path,
    /// Packed as the arrangement has it, filled up with zeros to whole vectors of inputs.
    weights: Aligned,
    inputs: usize,
    bias: f32,
    kind: PhantomData<A>,
}

impl<A: Arrangement> DotStage<A> {
    /// `dense` has one output.
    pub fn new(path: Path, _: A, dense: &Dense) -> Self {
        let mut weights = dense.matrix.clone();
        weights.resize(dense.inputs.next_multiple_of(path.run(Lanes)), 0.0);
        let (inputs, bias) = (dense.inputs, dense.bias[0]);
        Self { path, weights: Aligned::from(&*weights), inputs, bias, kind: PhantomData }
    }
}

impl<A: Arrangement> Stage for DotStage<A> {
    fn process(&mut self, input: &[f32], output: &mut [f32], frames: usize) {
        self.path.run(Dot { stage: self, input, output, frames });
    }

    fn reset(&mut self, _: Option<usize>) {}
}

struct Dot<'a, A> {
    stage: &'a DotStage<A>,
    input: &'a [f32],
    output: &'a mut [f32],
    frames: usize,
}

impl<A: Arrangement> Task for Dot<'_, A> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let DotStage { weights, inputs, bias, .. } = self.stage;
        let row = A::row_len(*inputs, S::LANES);
        let rows = self.input.chunks_exact(row).zip(self.output.chunks_exact_mut(S::LANES));
        for (row, output) in rows.take(self.frames) {
            if A::ONE_CLIP {
                output[0] = across(simd, row, weights) + bias;
            } else {
                let sum = down(simd, row, weights);
                simd.store(simd.add(sum, simd.splat(*bias)), output);
            }
        }
    }
}

/// One clip's row, times the weights.
#[inline(always)]
fn across<S: Simd>(simd: S, row: &[f32], weights: &[f32]) -> f32 {
    let mut sum = simd.splat(0.0);
    for (x, weight) in row.chunks_exact(S::LANES).zip(weights.chunks_exact(S::LANES)) {
        sum = simd.mul_add(simd.load(x), simd.load(weight), sum);
    }
    let mut lanes = [0.0f32; WIDEST];
    simd.store(sum, &mut lanes);
    let mut half = S::LANES / 2;
    while half > 0 {
        for lane in 0..half {
            lanes[lane] += lanes[lane + half];
        }
        half /= 2;
    }
    lanes[0]
}

/// The same of as many clips as there are lanes, a vector for each lane of one clip's.
#[inline(always)]
fn down<S: Simd>(simd: S, row: &[f32], weights: &[f32]) -> S::V {
    let mut sums = [simd.splat(0.0); WIDEST];
    let (rows, weights) = (row.chunks(S::LANES * S::LANES), weights.chunks_exact(S::LANES));
    for (clips, weights) in rows.zip(weights) {
        for ((x, weight), sum) in clips.chunks_exact(S::LANES).zip(weights).zip(&mut sums) {
            *sum = simd.mul_add(simd.load(x), simd.splat(*weight), *sum);
        }
    }
    let mut half = S::LANES / 2;
    while half > 0 {
        for lane in 0..half {
            sums[lane] = simd.add(sums[lane], sums[lane + half]);
        }
        half /= 2;
    }
    sums[0]
}
