//! LSTM: four gates a unit, side by side in registers.

use super::arrangement::Arrangement;
use super::gates::{Sums, load};
use super::layer::Lstm;
use super::ratio::{Tanh, sigmoid_of_half};
use super::recurrent::{Numbers, RecurrentStage, Unit, factor};
use crate::simd::{Path, Simd};

const GATES: usize = 4;

/// Gates `i`, `f`, `g`, `o`, and a memory.
pub(super) struct LstmUnit;

/// A layer at work.
pub(super) fn stage<A: Arrangement, T: Tanh>(path: Path, _: A, _: T, lstm: &Lstm) -> RecurrentStage<A, T, LstmUnit> {
    let of_gate = |gate: usize| &lstm.bias[gate * lstm.hidden..][..lstm.hidden];
    RecurrentStage::new(
        path,
        &Numbers {
            inputs: lstm.inputs,
            hidden: lstm.hidden,
            matrix: &lstm.matrix,
            biases: (0..GATES).map(|gate| of_gate(gate).iter().map(|bias| factor(gate) * bias).collect()).collect(),
            start_hidden: &lstm.start_hidden,
            start_cell: &lstm.start_cell,
        },
    )
}

impl Unit for LstmUnit {
    const GATES: usize = GATES;

    #[inline(always)]
    fn step<S: Simd, A: Arrangement, T: Tanh>(
        simd: S,
        (inputs, hidden): (usize, usize),
        [weights, biases]: [&[f32]; 2],
        [input, before]: [&[f32]; 2],
        cell: &mut [f32],
        output: &mut [f32],
    ) {
        let column = GATES * A::weight_len(S::LANES);
        let states = cell.chunks_exact_mut(S::LANES).zip(output.chunks_exact_mut(S::LANES));
        let packed = weights.chunks_exact(column * (inputs + hidden)).zip(biases.chunks_exact(column));
        for ((weights, bias), (cell, output)) in packed.zip(states) {
            let (from_input, from_before) = weights.split_at(column * inputs);
            let mut sums = Sums::<S, GATES>::new(simd, load::<S, A, GATES>(simd, bias));
            sums.add::<A>(simd, from_input, input);
            sums.add::<A>(simd, from_before, before);
            let [i, f, g, o] = sums.total(simd);
            let (i_above, i_below) = sigmoid_of_half::<S, T>(simd, i);
            let (f_above, f_below) = sigmoid_of_half::<S, T>(simd, f);
            let (g_above, g_below) = T::ratio(simd, g);
            let (o_above, o_below) = sigmoid_of_half::<S, T>(simd, o);
            // f c + i g, and then o tanh(c), each over one denominator.
            let ig_below = simd.mul(i_below, g_below);
            let kept = simd.mul(simd.mul(simd.load(cell), f_above), ig_below);
            let sum = simd.mul_add(simd.mul(i_above, g_above), f_below, kept);
            let c = simd.div(sum, simd.mul(f_below, ig_below));
            simd.store(c, cell);
            let (c_above, c_below) = T::ratio(simd, c);
            simd.store(simd.div(simd.mul(o_above, c_above), simd.mul(o_below, c_below)), output);
        }
    }
}
