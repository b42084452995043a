//! Inference of neural amp and effect models, for rendering offline: exact from the first sample on, and as fast as the
//! arithmetic allows on one core. The crate knows nothing of devices, jobs or files on disk: bytes in, sound out.
//!
//! A file becomes a model ([`nam::Model`], [`rnn::Model`]): parsed and checked once, immutable, cheap to share. A model makes
//! [`Network`]s: each plays one clip and keeps its own history.

pub mod nam;
pub mod rnn;
pub mod simd;

mod activation;
mod aligned;
mod cell;
mod conv;
mod error;
mod rows;

pub use error::{FileKind, ModelError};

/// How activation functions such as tanh are computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Activations {
    /// Within 1e-6 of the exact function, everywhere.
    #[default]
    Exact,
    /// Cheaper and coarser, where the network's own training forgives it.
    Fast,
}

/// A value from outside that a network is conditioned on, such as a drive knob.
#[derive(Clone, Debug, PartialEq)]
pub struct Control {
    /// What the file calls it, or what its kind of file calls it by custom, such as "Gain".
    pub name: String,
    /// The least value that the network was trained for.
    pub min: f32,
    /// The greatest value that the network was trained for.
    pub max: f32,
    /// The value in force until another is set.
    pub default: f32,
}

/// A model at work on one clip: mono, at the model's own sample rate, any number of frames a call.
pub trait Network: Send {
    /// Plays `input` into `output` (same length, any length, 0 included). How a clip is cut into calls changes its result by
    /// rounding at most.
    fn process(&mut self, input: &[f32], output: &mut [f32]);

    /// Returns to the state of a network just made: history cleared, prewarmed as the file's kind asks, controls kept.
    fn reset(&mut self);

    /// Sets control `index`, in the control's own range, from the next frame on. Networks without controls have none to set.
    fn set_control(&mut self, index: usize, value: f32);
}
