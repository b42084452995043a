//! GRU: gates `r` and `z` and two halves of `n` a unit, side by side in registers.

use super::arrangement::Arrangement;
use super::gates::{Sums, load};
use super::layer::Gru;
use super::ratio::{Tanh, sigmoid_of_half};
use super::recurrent::{Numbers, RecurrentStage, Unit, factor};
use crate::simd::{Path, Simd};

const GATES: usize = 3;

/// Gates `r`, `z`, `n`; the output is all the memory.
pub(super) struct GruUnit;

/// A layer at work. Its biases are those of `r`, `z`, the input's part of `n` and its recurrent part.
pub(super) fn stage<A: Arrangement, T: Tanh>(path: Path, _: A, _: T, gru: &Gru) -> RecurrentStage<A, T, GruUnit> {
    let hidden = gru.hidden;
    let both = gru.input_bias.iter().zip(&gru.hidden_bias).map(|(input, hidden)| input + hidden);
    let both: Vec<f32> = both.collect();
    let sigmoids = (0..2).map(|gate| both[gate * hidden..][..hidden].iter().map(|bias| factor(gate) * bias).collect());
    let halves = [&gru.input_bias, &gru.hidden_bias].map(|biases| biases[2 * hidden..].to_vec());
    RecurrentStage::new(
        path,
        &Numbers {
            inputs: gru.inputs,
            hidden,
            matrix: &gru.matrix,
            biases: sigmoids.chain(halves).collect(),
            start_hidden: &vec![0.0; hidden],
            start_cell: &[],
        },
    )
}

impl Unit for GruUnit {
    const GATES: usize = GATES;

    #[inline(always)]
    fn step<S: Simd, A: Arrangement, T: Tanh>(
        simd: S,
        (inputs, hidden): (usize, usize),
        [weights, biases]: [&[f32]; 2],
        [input, before]: [&[f32]; 2],
        _: &mut [f32],
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
}
