//! What plays one network, block by block, without knowing of files or controls.

use crate::activation::Activation;
use crate::conv::{Conv, Pass};
use crate::rows::{Rows, View, ViewMut};
use crate::simd::Path;

/// A network at work.
pub(crate) trait Engine: Send {
    /// Plays the present block of one row of input, at most [`BLOCK`](crate::rows::BLOCK) frames, into the output's rows.
    fn play(&mut self, input: &Rows, output: &mut Rows, frames: usize);

    /// Returns to the state before the first frame, not warmed up.
    fn clear(&mut self);

    /// How many frames of silence come before the first frame that is heard.
    fn warm_up(&self) -> usize;
}

/// Warms an engine up from the state before its first frame.
pub(super) fn restart(engine: &mut dyn Engine, outputs: usize) {
    engine.clear();
    let (silence, mut output) = (Rows::new(1, 0), Rows::new(outputs, 0));
    // The reference warms up in whole blocks of its host; its own renderer's have 64 frames.
    let mut left = engine.warm_up().next_multiple_of(64);
    while left > 0 {
        let frames = left.min(crate::rows::BLOCK);
        engine.play(&silence, &mut output, frames);
        left -= frames;
    }
}

/// A convolution without anything before or after it.
pub(super) fn convolve(path: Path, conv: &Conv, source: View, target: ViewMut, frames: usize) {
    path.run(Pass {
        conv,
        source,
        mixed: None,
        residual: None,
        target,
        activation: &Activation::Identity,
        sum: None,
        frames,
    });
}
