//! GRU: gates `r` and `z` and two halves of `n` a unit, side by side in registers.

use std::marker::PhantomData;

use super::aligned::Aligned;
use super::arrangement::Arrangement;
use super::chain::{History, Lanes, Stage};
use super::gates::{Sums, load};
use super::layer::Gru;
use super::ratio::{Tanh, sigmoid_of_half};
use crate::simd::{Path, Simd, Task};

const GATES: usize = 3;

pub(super) struct GruStage<A, T> {
    path: Path,
    lanes: usize,
    inputs: usize,
    hidden: usize,
    /// For each vector of units, for each input, then for each unit of the frame before, the gates' weights.
    weights: Aligned,
    /// For each vector of units, the biases of `r`, `z`, the input's part of `n` and its recurrent part.
    bias: Aligned,
    output: History,
    kind: PhantomData<(A, T)>,
}

impl<A: Arrangement, T: Tanh> GruStage<A, T> {
    pub fn new(path: Path, _: A, _: T, gru: &Gru) -> Self {
        let lanes = path.run(Lanes);
        let (inputs, hidden) = (gru.inputs, gru.hidden);
        let columns = inputs + hidden;
        // The sigmoids of `r` and `z` take half their argument.
        let factor = |gate: usize| if gate == 2 { 1.0 } else { 0.5 };
        let (mut weights, mut bias) = (Vec::new(), Vec::new());
        for vector in 0..A::vectors(hidden, lanes) {
            for gate in 0..2 {
                A::pack(vector, hidden, lanes, &mut bias, |unit| {
                    factor(gate) * (gru.input_bias[gate * hidden + unit] + gru.hidden_bias[gate * hidden + unit])
                });
            }
            A::pack(vector, hidden, lanes, &mut bias, |unit| gru.input_bias[2 * hidden + unit]);
            A::pack(vector, hidden, lanes, &mut bias, |unit| gru.hidden_bias[2 * hidden + unit]);
            for column in 0..columns {
                for gate in 0..GATES {
                    A::pack(vector, hidden, lanes, &mut weights, |unit| {
                        factor(gate) * gru.matrix[(gate * hidden + unit) * columns + column]
                    });
                }
            }
        }
        Self {
            path,
            lanes,
            inputs,
            hidden,
            weights: Aligned::from(&*weights),
            bias: Aligned::from(&*bias),
            output: History::new(A::row(hidden, lanes, |_| 0.0)),
            kind: PhantomData,
        }
    }
}

impl<A: Arrangement, T: Tanh> Stage for GruStage<A, T> {
    fn process(&mut self, input: &[f32], output: &mut [f32], frames: usize) {
        self.path.run(Play { stage: self, input, output, frames });
    }

    fn reset(&mut self, lane: Option<usize>) {
        self.output.reset(lane, self.lanes);
    }

    fn keep(&mut self) {
        self.output.keep();
    }
}

struct Play<'a, A, T> {
    stage: &'a mut GruStage<A, T>,
    input: &'a [f32],
    output: &'a mut [f32],
    frames: usize,
}

impl<A: Arrangement, T: Tanh> Task for Play<'_, A, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { stage, input, output, frames } = self;
        let sizes = (stage.inputs, stage.hidden);
        let (in_row, out_row) = (A::row_len(sizes.0, S::LANES), A::row_len(sizes.1, S::LANES));
        let packed: [&[f32]; 2] = [&stage.weights, &stage.bias];
        let last = stage.output.now();
        for (frame, input) in input.chunks_exact(in_row).take(frames).enumerate() {
            let (played, output) = output.split_at_mut(frame * out_row);
            let before = if frame == 0 { &*last } else { &played[(frame - 1) * out_row..] };
            step::<S, A, T>(simd, sizes, packed, [input, before], &mut output[..out_row]);
        }
        if frames > 0 {
            last.copy_from_slice(&output[(frames - 1) * out_row..frames * out_row]);
        }
    }
}

/// One frame: the rows that come in now and went out before make the row that goes out now.
#[inline(always)]
fn step<S: Simd, A: Arrangement, T: Tanh>(
    simd: S,
    (inputs, hidden): (usize, usize),
    [weights, biases]: [&[f32]; 2],
    [input, before]: [&[f32]; 2],
    output: &mut [f32],
) {
    let one = A::weight_len(S::LANES);
    let column = GATES * one;
    let zero = simd.splat(0.0);
    let states = before.chunks_exact(S::LANES).zip(output.chunks_exact_mut(S::LANES));
    let packed = weights.chunks_exact(column * (inputs + hidden)).zip(biases.chunks_exact(column + one));
    for ((weights, bias), (output_before, output)) in packed.zip(states) {
        let (from_input, from_before) = weights.split_at(column * inputs);
        let [r_bias, z_bias, n_bias, recurrent_bias] = load::<S, A, { GATES + 1 }>(simd, bias);
        let mut heard = Sums::<S, GATES>::new(simd, [r_bias, z_bias, n_bias]);
        heard.add::<A>(simd, from_input, input);
        let heard = heard.total(simd);
        let mut sums = Sums::<S, GATES>::new(simd, [zero, zero, recurrent_bias]);
        sums.add::<A>(simd, from_before, before);
        let [r, z, n] = sums.total(simd);
        let (r_above, r_below) = sigmoid_of_half::<S, T>(simd, simd.add(r, heard[0]));
        let (z_above, z_below) = sigmoid_of_half::<S, T>(simd, simd.add(z, heard[1]));
        let n = simd.mul_add(simd.div(r_above, r_below), n, heard[2]);
        let (n_above, n_below) = T::ratio(simd, n);
        // (1 - z) n + z h, over one denominator.
        let kept = simd.mul(simd.mul(z_above, simd.load(output_before)), n_below);
        let sum = simd.mul_add(simd.sub(z_below, z_above), n_above, kept);
        simd.store(simd.div(sum, simd.mul(n_below, z_below)), output);
    }
}
