//! Causal convolution over frames.

use super::arrangement::Arrangement;
use super::chain::{BLOCK, History, Stage};
use super::dense::Sums;
use super::layer::Conv;
use crate::aligned::Aligned;
use crate::simd::Path;

pub(super) struct ConvStage<A> {
    sums: Sums<A>,
    dilation: usize,
    /// The rows before the next frame that its sums reach.
    past: History,
    /// Those and a block's.
    rows: Aligned,
}

impl<A: Arrangement> ConvStage<A> {
    pub fn new(path: Path, _: A, conv: &Conv) -> Self {
        let sums: Sums<A> = Sums::new(path, conv.inputs, conv.kernel, &conv.weights, &conv.bias);
        let past = (conv.kernel - 1) * conv.dilation;
        Self {
            dilation: conv.dilation,
            past: History::new(Aligned::zeros(past * sums.in_row())),
            rows: Aligned::zeros((past + BLOCK) * sums.in_row()),
            sums,
        }
    }
}

impl<A: Arrangement> Stage for ConvStage<A> {
    fn process(&mut self, input: &[f32], output: &mut [f32], frames: usize) {
        let past = self.past.now();
        let new = frames * self.sums.in_row();
        let all = past.len() + new;
        self.rows[..past.len()].copy_from_slice(past);
        self.rows[past.len()..all].copy_from_slice(&input[..new]);
        self.sums.play(&self.rows, self.dilation, output, frames);
        past.copy_from_slice(&self.rows[new..all]);
    }

    fn reset(&mut self, lane: Option<usize>) {
        self.past.reset(lane, self.sums.lanes());
    }
}
