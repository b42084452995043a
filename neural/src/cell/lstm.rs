//! LSTM: four gates a unit, side by side in registers.

use std::marker::PhantomData;

use super::aligned::Aligned;
use super::arrangement::Arrangement;
use super::chain::{History, Lanes, Stage};
use super::gates::{Sums, load};
use super::layer::Lstm;
use super::ratio::{Tanh, sigmoid_of_half};
use crate::simd::{Path, Simd, Task};

const GATES: usize = 4;

pub(super) struct LstmStage<A, T> {
    path: Path,
    lanes: usize,
    inputs: usize,
    hidden: usize,
    /// For each vector of units, for each input, then for each unit of the frame before, the gates' weights.
    weights: Aligned,
    /// For each vector of units, the gates' biases.
    bias: Aligned,
    output: History,
    cell: History,
    kind: PhantomData<(A, T)>,
}

impl<A: Arrangement, T: Tanh> LstmStage<A, T> {
    pub fn new(path: Path, _: A, _: T, lstm: &Lstm) -> Self {
        let lanes = path.run(Lanes);
        let (inputs, hidden) = (lstm.inputs, lstm.hidden);
        let columns = inputs + hidden;
        // The sigmoids of `i`, `f` and `o` take half their argument.
        let factor = |gate: usize| if gate == 2 { 1.0 } else { 0.5 };
        let (mut weights, mut bias) = (Vec::new(), Vec::new());
        for vector in 0..A::vectors(hidden, lanes) {
            for gate in 0..GATES {
                A::pack(vector, hidden, lanes, &mut bias, |unit| factor(gate) * lstm.bias[gate * hidden + unit]);
            }
            for column in 0..columns {
                for gate in 0..GATES {
                    A::pack(vector, hidden, lanes, &mut weights, |unit| {
                        factor(gate) * lstm.matrix[(gate * hidden + unit) * columns + column]
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
            output: History::new(A::row(hidden, lanes, |unit| lstm.start_hidden[unit])),
            cell: History::new(A::row(hidden, lanes, |unit| lstm.start_cell[unit])),
            kind: PhantomData,
        }
    }
}

impl<A: Arrangement, T: Tanh> Stage for LstmStage<A, T> {
    fn process(&mut self, input: &[f32], output: &mut [f32], frames: usize) {
        self.path.run(Play { stage: self, input, output, frames });
    }

    fn reset(&mut self, lane: Option<usize>) {
        self.output.reset(lane, self.lanes);
        self.cell.reset(lane, self.lanes);
    }

    fn keep(&mut self) {
        self.output.keep();
        self.cell.keep();
    }
}

struct Play<'a, A, T> {
    stage: &'a mut LstmStage<A, T>,
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
        let (last, cell) = (stage.output.now(), stage.cell.now());
        for (frame, input) in input.chunks_exact(in_row).take(frames).enumerate() {
            let (played, output) = output.split_at_mut(frame * out_row);
            let before = if frame == 0 { &*last } else { &played[(frame - 1) * out_row..] };
            step::<S, A, T>(simd, sizes, packed, [input, before], cell, &mut output[..out_row]);
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
