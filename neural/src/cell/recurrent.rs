//! What LSTM and GRU share: weights packed gate by gate, and frames one after the other.

use std::any::Any;
use std::marker::PhantomData;

use super::arrangement::Arrangement;
use super::chain::{History, Lanes, Stage};
use super::ratio::Tanh;
use crate::aligned::Aligned;
use crate::simd::{Path, Simd, Task};

/// What sets one kind of unit apart.
pub(super) trait Unit: Send + 'static {
    /// Weights that a number which is heard has in each unit. Of all but the third, sigmoids are taken, with half their
    /// argument.
    const GATES: usize;

    /// One frame: the rows that come in now and went out before make the row that goes out now. `packed` are weights and
    /// biases.
    fn step<S: Simd, A: Arrangement, T: Tanh>(
        simd: S,
        sizes: (usize, usize),
        packed: [&[f32]; 2],
        heard: [&[f32]; 2],
        cell: &mut [f32],
        output: &mut [f32],
    );
}

/// The numbers of a layer as its file's reader leaves them.
pub(super) struct Numbers<'a> {
    pub inputs: usize,
    pub hidden: usize,
    /// Rows of `inputs + hidden` numbers: all units of one gate, then of the next.
    pub matrix: &'a [f32],
    /// For each bias, a number for each unit.
    pub biases: Vec<Vec<f32>>,
    pub start_hidden: &'a [f32],
    /// Empty where units have no memory but their output.
    pub start_cell: &'a [f32],
}

/// What the sums of gate `gate` are multiplied by: sigmoids take half their argument.
pub(super) fn factor(gate: usize) -> f32 {
    if gate == 2 { 1.0 } else { 0.5 }
}

/// A recurrent layer at work.
pub(super) struct RecurrentStage<A, T, U> {
    path: Path,
    lanes: usize,
    inputs: usize,
    hidden: usize,
    /// For each vector of units, for each input, then for each unit of the frame before, the gates' weights.
    weights: Aligned,
    /// For each vector of units, its biases.
    bias: Aligned,
    output: History,
    cell: History,
    kind: PhantomData<(A, T, U)>,
}

impl<A: Arrangement, T: Tanh, U: Unit> RecurrentStage<A, T, U> {
    pub fn new(path: Path, numbers: &Numbers) -> Self {
        let lanes = path.run(Lanes);
        let Numbers { inputs, hidden, matrix, ref biases, start_hidden, start_cell } = *numbers;
        let columns = inputs + hidden;
        let (mut weights, mut bias) = (Vec::new(), Vec::new());
        for vector in 0..A::vectors(hidden, lanes) {
            for numbers in biases {
                A::pack(vector, hidden, lanes, &mut bias, |unit| numbers[unit]);
            }
            for column in 0..columns {
                for gate in 0..U::GATES {
                    A::pack(vector, hidden, lanes, &mut weights, |unit| {
                        factor(gate) * matrix[(gate * hidden + unit) * columns + column]
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
            output: History::new(A::row(hidden, lanes, |unit| start_hidden[unit])),
            cell: History::new(A::row(start_cell.len(), lanes, |unit| start_cell[unit])),
            kind: PhantomData,
        }
    }
}

impl<A: Arrangement, T: Tanh, U: Unit> Stage for RecurrentStage<A, T, U> {
    fn process(&mut self, input: &[f32], output: &mut [f32], frames: usize) {
        let Self { path, weights, bias, output: last, cell, .. } = self;
        let (sizes, clip) = ((self.inputs, self.hidden), Clip { input, output, last: last.now(), cell: cell.now() });
        path.run(Play::<A, T, U, 1> { sizes, packed: [weights, bias], clips: [clip], frames, kind: PhantomData });
    }

    fn process_both(&mut self, other: &mut dyn Stage, inputs: [&[f32]; 2], outputs: [&mut [f32]; 2], frames: usize) {
        let other = (other as &mut dyn Any).downcast_mut::<Self>().expect("the other clip is played by the same layer");
        let Self { path, weights, bias, output: last, cell, .. } = self;
        let [first, second] = outputs;
        let clips = [
            Clip { input: inputs[0], output: first, last: last.now(), cell: cell.now() },
            Clip { input: inputs[1], output: second, last: other.output.now(), cell: other.cell.now() },
        ];
        let sizes = (self.inputs, self.hidden);
        path.run(Play::<A, T, U, 2> { sizes, packed: [weights, bias], clips, frames, kind: PhantomData });
    }

    fn reset(&mut self, lane: Option<usize>) {
        self.output.reset(lane, self.lanes);
        self.cell.reset(lane, self.lanes);
    }
}

/// What a layer plays of one clip, or of as many as lie in the lanes.
struct Clip<'a> {
    input: &'a [f32],
    output: &'a mut [f32],
    /// The row that went out before the first frame.
    last: &'a mut [f32],
    cell: &'a mut [f32],
}

/// `N` clips, frame after frame: while one waits for its results, the other is computed.
struct Play<'a, A, T, U, const N: usize> {
    sizes: (usize, usize),
    packed: [&'a [f32]; 2],
    clips: [Clip<'a>; N],
    frames: usize,
    kind: PhantomData<(A, T, U)>,
}

impl<A: Arrangement, T: Tanh, U: Unit, const N: usize> Task for Play<'_, A, T, U, N> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { sizes, packed, mut clips, frames, .. } = self;
        let (in_row, out_row) = (A::row_len(sizes.0, S::LANES), A::row_len(sizes.1, S::LANES));
        for frame in 0..frames {
            for Clip { input, output, last, cell } in &mut clips {
                let (played, output) = output.split_at_mut(frame * out_row);
                let before = if frame == 0 { &**last } else { &played[(frame - 1) * out_row..] };
                let input = &input[frame * in_row..][..in_row];
                U::step::<S, A, T>(simd, sizes, packed, [input, before], cell, &mut output[..out_row]);
            }
        }
        if frames > 0 {
            for Clip { output, last, .. } in clips {
                last.copy_from_slice(&output[(frames - 1) * out_row..frames * out_row]);
            }
        }
    }
}
