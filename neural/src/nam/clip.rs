//! A model at work on one clip.

use std::sync::Arc;

use super::engine::{Engine, restart};
use super::part::Part;
use crate::rows::{BLOCK, Rows};
use crate::simd::Path;
use crate::{Activations, Network};

/// Plays one clip, in blocks of a size of its own however long the calls are.
pub(super) struct Clip {
    part: Arc<Part>,
    path: Path,
    activations: Activations,
    variant: Vec<usize>,
    engine: Box<dyn Engine>,
    input: Rows,
    output: Rows,
}

impl Clip {
    pub fn new(part: Arc<Part>, path: Path, activations: Activations) -> Clip {
        let variant = part.variant(1.0);
        let mut engine = part.engine(&variant, path, activations);
        restart(&mut *engine, part.outputs());
        let (input, output) = (Rows::new(1, 0), Rows::new(part.outputs(), 0));
        Clip { part, path, activations, variant, engine, input, output }
    }
}

impl Network for Clip {
    fn process(&mut self, input: &[f32], output: &mut [f32]) {
        assert_eq!(input.len(), output.len(), "as many frames out as in");
        for (input, output) in input.chunks(BLOCK).zip(output.chunks_mut(BLOCK)) {
            let frames = input.len();
            self.input.row_mut(0)[..frames].copy_from_slice(input);
            self.engine.play(&self.input, &mut self.output, frames);
            output.copy_from_slice(&self.output.row(0)[..frames]);
        }
    }

    fn reset(&mut self) {
        restart(&mut *self.engine, self.part.outputs());
    }

    fn set_control(&mut self, index: usize, value: f32) {
        if index != 0 || !self.part.has_sizes() {
            return;
        }
        let variant = self.part.variant(f64::from(value.clamp(0.0, 1.0)));
        if variant != self.variant {
            self.engine = self.part.engine(&variant, self.path, self.activations);
            self.variant = variant;
            restart(&mut *self.engine, self.part.outputs());
        }
    }
}
