//! A network that plays one clip.

use super::Sequence;
use super::arrangement::{Arrangement, Units};
use super::chain::{BLOCK, Chain, Lanes};
use super::layer::Layer;
use super::ratio::{Exact, Fast};
use super::sequence::within;
use crate::simd::Path;
use crate::{Activations, Control, Network};

/// Layers at work on one clip, with as many numbers in and out as they have.
pub(crate) struct Layers {
    chain: Chain,
    in_row: usize,
    out_row: usize,
}

impl Layers {
    /// `layers`, of which there is at least one.
    pub fn new(path: Path, layers: &[Layer], activations: Activations) -> Self {
        let (Some(first), Some(last)) = (layers.first(), layers.last()) else { panic!("there is a layer") };
        let lanes = path.run(Lanes);
        let (in_row, out_row) = (Units::row_len(first.inputs(), lanes), Units::row_len(last.outputs(), lanes));
        let chain = match activations {
            Activations::Exact => Chain::new(path, Units, Exact, layers),
            Activations::Fast => Chain::new(path, Units, Fast, layers),
        };
        Self { chain, in_row, out_row }
    }

    /// Plays at most [`BLOCK`] frames: `fill` writes what goes in at a frame, `take` gets what comes out of it.
    pub fn block(
        &mut self,
        frames: usize,
        mut fill: impl FnMut(usize, &mut [f32]),
        mut take: impl FnMut(usize, &[f32]),
    ) {
        for (frame, row) in self.chain.input().chunks_exact_mut(self.in_row).take(frames).enumerate() {
            fill(frame, row);
        }
        for (frame, row) in self.chain.process(frames).chunks_exact(self.out_row).take(frames).enumerate() {
            take(frame, row);
        }
    }

    /// Returns to the first state.
    pub fn reset(&mut self) {
        self.chain.reset(None);
    }
}

/// `sequence` at work on one clip. A control that is set beyond its range takes the nearest value in it.
pub(crate) fn network(path: Path, sequence: &Sequence, activations: Activations) -> Box<dyn Network> {
    let mut single = Single {
        layers: Layers::new(path, &sequence.layers, activations),
        controls: sequence.controls.clone(),
        input_gain: sequence.input_gain,
        output_gain: sequence.output_gain,
        skip: sequence.skip,
    };
    for (index, control) in sequence.controls.iter().enumerate() {
        single.set_control(index, control.default);
    }
    Box::new(single)
}

struct Single {
    layers: Layers,
    controls: Vec<Control>,
    input_gain: f32,
    output_gain: f32,
    skip: bool,
}

impl Single {
    /// Plays at most a block.
    fn block(&mut self, input: &[f32], output: &mut [f32]) {
        let (input_gain, output_gain, skip) = (self.input_gain, self.output_gain, self.skip);
        let sound = |frame: usize| input[frame] * input_gain;
        let fill = |frame: usize, row: &mut [f32]| row[0] = sound(frame);
        self.layers.block(output.len(), fill, |frame, row| {
            let past = if skip { sound(frame) } else { 0.0 };
            output[frame] = (row[0] + past) * output_gain;
        });
    }
}

impl Network for Single {
    fn process(&mut self, input: &[f32], output: &mut [f32]) {
        assert_eq!(input.len(), output.len(), "as much comes out as goes in");
        for (input, output) in input.chunks(BLOCK).zip(output.chunks_mut(BLOCK)) {
            self.block(input, output);
        }
    }

    fn reset(&mut self) {
        self.layers.reset();
    }

    fn set_control(&mut self, index: usize, value: f32) {
        let value = within(&self.controls[index], value);
        let row_len = self.layers.in_row;
        for row in self.layers.chain.input().chunks_exact_mut(row_len) {
            row[1 + index] = value;
        }
    }
}
