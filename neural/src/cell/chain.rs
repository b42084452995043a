//! Layers at work, one after the other, a block of frames at a time.

use std::any::Any;

use super::arrangement::Arrangement;
use super::conv::ConvStage;
use super::dense::{DenseStage, DotStage};
use super::layer::{Function, Layer};
use super::pointwise::{PointwiseStage, SoftmaxStage};
use super::ratio::Tanh;
use super::{gru, lstm};
use crate::aligned::Aligned;
use crate::simd::{Path, Simd, Task};

/// Frames that go through a layer before the next layer gets them: enough to make a call cheap, few enough for the cache.
pub(crate) const BLOCK: usize = 64;

/// A layer at work, with its history.
pub(super) trait Stage: Send + Any {
    /// Plays `frames` rows of `input` into as many of `output`.
    fn process(&mut self, input: &[f32], output: &mut [f32], frames: usize);

    /// Plays two clips. `other` is the same layer with the other clip's history; each clip sounds as it does alone.
    fn process_both(&mut self, other: &mut dyn Stage, inputs: [&[f32]; 2], outputs: [&mut [f32]; 2], frames: usize) {
        let [first, second] = outputs;
        self.process(inputs[0], first, frames);
        other.process(inputs[1], second, frames);
    }

    /// Forgets what was played, in every lane or in one.
    fn reset(&mut self, lane: Option<usize>);
}

/// Asks for the lanes of a path's vectors.
pub(super) struct Lanes;

impl Task for Lanes {
    type Output = usize;

    #[inline(always)]
    fn run<S: Simd>(self, _: S) -> usize {
        S::LANES
    }
}

/// Rows that a stage remembers, and how they were at first.
pub(super) struct History {
    now: Aligned,
    start: Aligned,
}

impl History {
    pub fn new(start: Aligned) -> Self {
        Self { now: Aligned::from(&*start), start }
    }

    pub fn now(&mut self) -> &mut [f32] {
        &mut self.now
    }

    pub fn reset(&mut self, lane: Option<usize>, lanes: usize) {
        match lane {
            None => self.now.copy_from_slice(&self.start),
            Some(lane) => {
                for (now, start) in self.now.iter_mut().zip(&*self.start).skip(lane).step_by(lanes) {
                    *now = *start;
                }
            }
        }
    }
}

/// Stages with the rows between them. The first row is the caller's to fill.
pub(super) struct Chain {
    stages: Vec<Box<dyn Stage>>,
    /// `rows[k]` goes into stage `k`; one more for what comes out.
    rows: Vec<Aligned>,
}

impl Chain {
    pub fn new<A: Arrangement, T: Tanh>(path: Path, arrangement: A, tanh: T, layers: &[Layer]) -> Self {
        let lanes = path.run(Lanes);
        let widths = layers.first().map(Layer::inputs).into_iter().chain(layers.iter().map(Layer::outputs));
        Self {
            rows: widths.map(|width| Aligned::zeros(BLOCK * A::row_len(width, lanes))).collect(),
            stages: layers.iter().map(|layer| stage(path, arrangement, tanh, layer)).collect(),
        }
    }

    /// [`BLOCK`] rows of what goes in.
    pub fn input(&mut self) -> &mut [f32] {
        self.rows.first_mut().expect("there is one more row than stages")
    }

    /// The rows that came out last.
    pub fn output(&self) -> &[f32] {
        self.rows.last().expect("there is one more row than stages")
    }

    /// Plays the first `frames` rows, at most [`BLOCK`]; gives the rows that come out.
    pub fn process(&mut self, frames: usize) -> &[f32] {
        for (k, stage) in self.stages.iter_mut().enumerate() {
            let (before, after) = self.rows.split_at_mut(k + 1);
            stage.process(&before[k], &mut after[0], frames);
        }
        self.output()
    }

    /// Plays the first `frames` rows of two clips, of which each has a chain of the same layers. A recurrent layer waits for its
    /// own results most of the time, in which it plays the other clip.
    pub fn process_both(pair: &mut [Chain; 2], frames: usize) {
        let [first, second] = pair;
        let stages = first.stages.iter_mut().zip(&mut second.stages);
        for (k, (stage, other)) in stages.enumerate() {
            let (before, after) = first.rows.split_at_mut(k + 1);
            let (other_before, other_after) = second.rows.split_at_mut(k + 1);
            let outputs: [&mut [f32]; 2] = [&mut after[0], &mut other_after[0]];
            stage.process_both(&mut **other, [&before[k], &other_before[k]], outputs, frames);
        }
    }

    pub fn reset(&mut self, lane: Option<usize>) {
        self.stages.iter_mut().for_each(|stage| stage.reset(lane));
    }
}

fn stage<A: Arrangement, T: Tanh>(path: Path, arrangement: A, tanh: T, layer: &Layer) -> Box<dyn Stage> {
    match layer {
        Layer::Lstm(layer) => Box::new(lstm::stage(path, arrangement, tanh, layer)),
        Layer::Gru(layer) => Box::new(gru::stage(path, arrangement, tanh, layer)),
        Layer::Dense(dense) if dense.bias.len() == 1 => Box::new(DotStage::new(path, arrangement, dense)),
        Layer::Dense(dense) => Box::new(DenseStage::new(path, arrangement, dense)),
        Layer::Conv(conv) => Box::new(ConvStage::new(path, arrangement, conv)),
        Layer::Affine { scale, shift } => Box::new(PointwiseStage::affine(path, arrangement, tanh, scale, shift)),
        Layer::Prelu { slopes } => Box::new(PointwiseStage::prelu(path, arrangement, tanh, slopes)),
        Layer::Activation { function: Function::Softmax, width } => {
            Box::new(SoftmaxStage::new(path, arrangement, *width))
        }
        Layer::Activation { function, width } => {
            Box::new(PointwiseStage::function(path, arrangement, tanh, *function, *width))
        }
    }
}
