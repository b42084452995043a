//! Causal convolution of rows of sound, with everything that a layer does to its result while it is still near.
//!
//! Lanes hold consecutive frames. A tile of frames is computed for up to eight outputs at once in registers, so each input
//! frame loaded serves all of them and each weight serves the whole tile.

use crate::activation::Activation;
use crate::rows::{View, ViewMut};
use crate::simd::{Simd, Task};

/// Outputs that share the registers at most.
const WIDEST: usize = 8;

/// The weights of a convolution, packed for the kernel. Immutable, shared by all networks of a model.
pub(crate) struct Conv {
    inputs: usize,
    outputs: usize,
    /// How many frames each tap looks back.
    lookbacks: Vec<usize>,
    /// Rows of a second source, without history, that is mixed in.
    mixed: usize,
    /// For each group of outputs, for each tap, for each input: a weight for each output of the group. Then those of the
    /// second source.
    weights: Vec<f32>,
    bias: Vec<f32>,
}

impl Conv {
    /// A convolution with `weight(output, input, tap)`, the oldest tap first, `dilation` frames apart.
    pub fn new(
        (inputs, outputs, taps, dilation): (usize, usize, usize, usize),
        weight: impl Fn(usize, usize, usize) -> f32,
        bias: Vec<f32>,
        (mixed, mix): (usize, &dyn Fn(usize, usize) -> f32),
    ) -> Conv {
        let lookbacks: Vec<usize> = (0..taps).map(|tap| dilation * (taps - 1 - tap)).collect();
        let mut weights = Vec::with_capacity(outputs * (inputs * taps + mixed));
        for (first, width) in groups(outputs) {
            let group = first..first + width;
            for tap in 0..taps {
                for input in 0..inputs {
                    weights.extend(group.clone().map(|output| weight(output, input, tap)));
                }
            }
            for input in 0..mixed {
                weights.extend(group.clone().map(|output| mix(output, input)));
            }
        }
        Conv { inputs, outputs, lookbacks, mixed, weights, bias }
    }

    pub fn inputs(&self) -> usize {
        self.inputs
    }

    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Frames of the past that the convolution reads.
    pub fn history(&self) -> usize {
        self.lookbacks[0]
    }
}

/// Splits outputs into the fewest groups of at most [`WIDEST`], as even as can be: first output and width of each.
fn groups(outputs: usize) -> impl Iterator<Item = (usize, usize)> {
    let count = outputs.div_ceil(WIDEST).max(1);
    (0..count).map(move |group| {
        let first = outputs * group / count;
        (first, outputs * (group + 1) / count - first)
    })
}

/// One convolution of one block.
pub(crate) struct Pass<'a> {
    pub conv: &'a Conv,
    pub source: View<'a>,
    /// The second source, where the convolution has one.
    pub mixed: Option<View<'a>>,
    /// Rows that are added to the result, before the activation.
    pub residual: Option<View<'a>>,
    pub target: ViewMut<'a>,
    pub activation: &'a Activation,
    /// Rows to which the result is added, after the activation.
    pub sum: Option<ViewMut<'a>>,
    pub frames: usize,
}

impl Task for Pass<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        let terms = self.conv.inputs * self.conv.lookbacks.len() + self.conv.mixed;
        let mut weights = self.conv.weights.as_slice();
        for (first, width) in groups(self.conv.outputs) {
            let (group, rest) = weights.split_at(terms * width);
            weights = rest;
            // How many registers of frames make a tile: as many as leave room for one input tile and one weight.
            match (width, S::REGISTERS >= 32) {
                (8, true) => self.group::<S, 8, 8, 3>(simd, first, 0, group),
                (7, true) => self.group::<S, 7, 7, 3>(simd, first, 0, group),
                (6, true) => self.group::<S, 6, 6, 4>(simd, first, 0, group),
                (5, true) => self.group::<S, 5, 5, 4>(simd, first, 0, group),
                (4, true) => self.group::<S, 4, 4, 4>(simd, first, 0, group),
                (3, true) => self.group::<S, 3, 3, 4>(simd, first, 0, group),
                (2, true) => self.group::<S, 2, 2, 4>(simd, first, 0, group),
                (_, true) => self.group::<S, 1, 1, 8>(simd, first, 0, group),
                // In sixteen registers, two by four load less for each multiply-add than one by eight. Three by four fill them all,
                // and are a quarter slower.
                (8, false) => {
                    self.group::<S, 8, 4, 2>(simd, first, 0, group);
                    self.group::<S, 8, 4, 2>(simd, first, 4, group);
                }
                (7, false) => {
                    self.group::<S, 7, 4, 2>(simd, first, 0, group);
                    self.group::<S, 7, 3, 3>(simd, first, 4, group);
                }
                (6, false) => self.group::<S, 6, 6, 2>(simd, first, 0, group),
                (5, false) => self.group::<S, 5, 5, 2>(simd, first, 0, group),
                (4, false) => self.group::<S, 4, 4, 3>(simd, first, 0, group),
                (3, false) => self.group::<S, 3, 3, 3>(simd, first, 0, group),
                (2, false) => self.group::<S, 2, 2, 4>(simd, first, 0, group),
                (_, false) => self.group::<S, 1, 1, 6>(simd, first, 0, group),
            }
        }
    }
}

impl Pass<'_> {
    /// `O` outputs of the group of `W` that begins with output `first`, from its output `part` on, in tiles of `T` registers
    /// of frames, and of single registers for what is left.
    #[inline(always)]
    fn group<S: Simd, const W: usize, const O: usize, const T: usize>(
        &mut self,
        simd: S,
        first: usize,
        part: usize,
        weights: &[f32],
    ) {
        let (weights, _) = weights.as_chunks::<W>();
        let mut at = 0;
        while at + (T - 1) * S::LANES < self.frames {
            self.tile::<S, W, O, T>(simd, first, part, weights, at);
            at += T * S::LANES;
        }
        while at < self.frames {
            self.tile::<S, W, O, 1>(simd, first, part, weights, at);
            at += S::LANES;
        }
    }

    /// The same outputs of `T` registers of frames from frame `at` on.
    #[inline(always)]
    fn tile<S: Simd, const W: usize, const O: usize, const T: usize>(
        &mut self,
        simd: S,
        first: usize,
        part: usize,
        weights: &[[f32; W]],
        at: usize,
    ) {
        let tile = T * S::LANES;
        let first = first + part;
        let own =
            |weights: &[f32; W]| -> [f32; O] { *weights[part..].first_chunk().expect("the part lies in the group") };
        let bias: &[f32; O] = self.conv.bias[first..].first_chunk().expect("a bias for each output");
        let mut sums = [[simd.splat(0.0); T]; O];
        for (sums, bias) in sums.iter_mut().zip(bias) {
            *sums = [simd.splat(*bias); T];
        }
        if let Some(residual) = self.residual {
            for (o, sums) in sums.iter_mut().enumerate() {
                add::<S, T>(simd, sums, residual.tile(first + o, at, 0, tile));
            }
        }
        let (conv, mixed) = weights.split_at(self.conv.inputs * self.conv.lookbacks.len());
        for (&lookback, weights) in self.conv.lookbacks.iter().zip(conv.chunks_exact(self.conv.inputs)) {
            for (input, weights) in weights.iter().enumerate() {
                let frames = self.source.tile(input, at, lookback, tile);
                multiply::<S, O, T>(simd, &mut sums, &own(weights), frames);
            }
        }
        if let Some(source) = self.mixed {
            for (input, weights) in mixed.iter().enumerate() {
                multiply::<S, O, T>(simd, &mut sums, &own(weights), source.tile(input, at, 0, tile));
            }
        }
        for (o, sums) in sums.iter().enumerate() {
            let target = self.target.tile(first + o, at, tile);
            for (t, sum) in sums.iter().enumerate() {
                simd.store(*sum, &mut target[t * S::LANES..]);
            }
        }
        self.finish(simd, first, O, at, tile);
    }

    /// What is done with a finished tile: a loop over memory, which is in the nearest cache, so that the code of every
    /// activation stands once for each width and not once for each register.
    #[inline(always)]
    fn finish<S: Simd>(&mut self, simd: S, first: usize, outputs: usize, at: usize, tile: usize) {
        for output in first..first + outputs {
            let target = self.target.tile(output, at, tile);
            self.activation.apply(simd, output, target);
            if let Some(sum) = &mut self.sum {
                let sum = sum.tile(output, at, tile);
                for (sum, target) in sum.chunks_exact_mut(S::LANES).zip(target.chunks_exact(S::LANES)) {
                    simd.store(simd.add(simd.load(sum), simd.load(target)), sum);
                }
            }
        }
    }
}

/// Adds a tile of frames.
#[inline(always)]
fn add<S: Simd, const T: usize>(simd: S, sums: &mut [S::V; T], frames: &[f32]) {
    for (t, sum) in sums.iter_mut().enumerate() {
        *sum = simd.add(*sum, simd.load(&frames[t * S::LANES..]));
    }
}

/// Adds a tile of one input's frames, times the input's weight for each output.
#[inline(always)]
fn multiply<S: Simd, const O: usize, const T: usize>(
    simd: S,
    sums: &mut [[S::V; T]; O],
    weights: &[f32; O],
    frames: &[f32],
) {
    let mut tile = [simd.splat(0.0); T];
    for (t, register) in tile.iter_mut().enumerate() {
        *register = simd.load(&frames[t * S::LANES..]);
    }
    for (sums, weight) in sums.iter_mut().zip(weights) {
        let weight = simd.splat(*weight);
        for (sum, frames) in sums.iter_mut().zip(&tile) {
            *sum = simd.mul_add(weight, *frames, *sum);
        }
    }
}
