//! Activation functions, applied in place to a row of frames.

use crate::Activations;
use crate::simd::{self, Simd, Task};

/// Applies an expression to each register of frames. A closure would be compiled on its own, without the instructions of the
/// path that it is for.
macro_rules! each {
    ($simd:ident, $frames:ident, $x:ident => $value:expr) => {
        for frames in $frames.chunks_exact_mut(S::LANES) {
            let $x = $simd.load(frames);
            $simd.store($value, frames);
        }
    };
}

/// An activation function with its parameters.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Activation {
    Identity,
    Tanh,
    /// The rational function that goes by this name in files, whatever activations are asked for.
    FastTanh,
    HardTanh,
    Relu,
    LeakyRelu(f32),
    /// A slope for each channel, or one for all.
    PRelu(Vec<f32>),
    Sigmoid,
    Silu,
    HardSwish,
    LeakyHardTanh {
        min: f32,
        max: f32,
        min_slope: f32,
        max_slope: f32,
    },
    Softsign,
}

impl Activation {
    /// The function that stands for this one where coarser ones are asked for. As in the reference, a gate's sigmoid stays exact.
    pub fn under(&self, activations: Activations) -> Activation {
        match (self, activations) {
            (Activation::Tanh, Activations::Fast) => Activation::FastTanh,
            _ => self.clone(),
        }
    }

    /// Whether a layer of so many channels has a parameter for each.
    pub fn fits(&self, channels: usize) -> bool {
        match self {
            Activation::PRelu(slopes) => slopes.len() == 1 || slopes.len() == channels,
            _ => true,
        }
    }

    /// Applies the function to whole registers of one channel's frames; what is left over stays as it is.
    #[inline(always)]
    pub fn apply<S: Simd>(&self, simd: S, channel: usize, frames: &mut [f32]) {
        let zero = simd.splat(0.0);
        let one = simd.splat(1.0);
        match self {
            Activation::Identity => {}
            Activation::Tanh => each!(simd, frames, x => simd::tanh(simd, x)),
            Activation::FastTanh => each!(simd, frames, x => simd::fast_tanh(simd, x)),
            Activation::HardTanh => each!(simd, frames, x => simd.min(simd.max(x, simd.splat(-1.0)), one)),
            Activation::Relu => each!(simd, frames, x => simd.max(x, zero)),
            Activation::LeakyRelu(slope) => leaky(simd, *slope, frames),
            Activation::PRelu(slopes) => leaky(simd, slopes[if slopes.len() == 1 { 0 } else { channel }], frames),
            Activation::Sigmoid => each!(simd, frames, x => simd::sigmoid(simd, x)),
            Activation::Silu => each!(simd, frames, x => simd.mul(x, simd::sigmoid(simd, x))),
            Activation::HardSwish => each!(simd, frames, x => {
                let gate = simd.min(simd.max(simd.add(x, simd.splat(3.0)), zero), simd.splat(6.0));
                simd.mul(simd.mul(x, gate), simd.splat(1.0 / 6.0))
            }),
            Activation::LeakyHardTanh { min, max, min_slope, max_slope } => each!(simd, frames, x => {
                let (min, max) = (simd.splat(*min), simd.splat(*max));
                let below = simd.mul_add(simd.sub(x, min), simd.splat(*min_slope), min);
                let above = simd.mul_add(simd.sub(x, max), simd.splat(*max_slope), max);
                simd.select_less(x, min, below, simd.select_less(max, x, above, x))
            }),
            Activation::Softsign => each!(simd, frames, x => simd.div(x, simd.add(one, simd.abs(x)))),
        }
    }
}

#[inline(always)]
fn leaky<S: Simd>(simd: S, slope: f32, frames: &mut [f32]) {
    let (zero, slope) = (simd.splat(0.0), simd.splat(slope));
    each!(simd, frames, x => simd.select_less(zero, x, x, simd.mul(slope, x)))
}

/// An activation of one row of a block.
pub(crate) struct Activate<'a>(pub &'a Activation, pub usize, pub &'a mut [f32]);

impl Task for Activate<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        self.0.apply(simd, self.1, self.2);
    }
}
