//! The weights of a WaveNet, packed for playing.

use super::super::weights::{Dense, Reader};
use super::config::{Array, Config, Gating, Layer};
use crate::activation::Activation;
use crate::conv::Conv;

/// A WaveNet ready to be played, without the network that makes its condition.
pub(super) struct Net {
    pub arrays: Vec<NetArray>,
    /// The activation before each convolution after all layers, and the convolution.
    pub post: Vec<(Activation, Conv)>,
    pub outputs: usize,
    pub lookback: usize,
}

pub(super) struct NetArray {
    pub channels: usize,
    pub conditions: usize,
    pub rechannel: Conv,
    pub layers: Vec<NetLayer>,
    /// From the sum of the layers to the next array, or to the output.
    pub head: Conv,
    pub head_inputs: usize,
}

pub(super) struct NetLayer {
    /// The dilated convolution. The condition is mixed in where nothing comes between.
    pub conv: Conv,
    /// The condition's own way into the layer, where a modulation comes between.
    pub mixin: Option<Conv>,
    pub activation: Activation,
    pub gating: Gating,
    pub secondary: Activation,
    /// Rows after gating.
    pub bottleneck: usize,
    /// Rows before gating.
    pub gated: usize,
    pub to_next: Option<Conv>,
    pub to_head: Option<Conv>,
    pub films: [Option<NetFilm>; 8],
}

/// A modulation: from the condition to a scale for each row, then to a shift for each where there is one.
pub(super) struct NetFilm {
    pub conv: Conv,
    pub rows: usize,
    pub shift: bool,
}

impl Net {
    /// The weights must be as many as the configuration counts, and the configuration must have been checked.
    pub fn new(config: &Config, weights: &[f32]) -> Net {
        let mut reader = Reader::new(weights);
        // The scale comes last in the weights; it is multiplied into the last convolution before the head.
        let scale = weights[weights.len() - 1];
        let last = config.arrays.len() - 1;
        let arrays = config
            .arrays
            .iter()
            .enumerate()
            .map(|(i, array)| NetArray::new(array, &mut reader, (i == last).then_some(scale)));
        let arrays = arrays.collect();
        let mut post = Vec::new();
        for piece in config.post() {
            let activation = config.head.as_ref().expect("convolutions after the layers").activation.clone();
            post.push((activation, plain(&reader.dense(piece), 1)));
        }
        Net { arrays, post, outputs: config.outputs(), lookback: config.lookback() }
    }
}

impl NetArray {
    fn new(array: &Array, reader: &mut Reader, scale: Option<f32>) -> NetArray {
        let rechannel = plain(&reader.dense(array.rechannel()), 1);
        let layers = array.layers.iter().map(|layer| NetLayer::new(array, layer, reader)).collect();
        let mut head = reader.dense(array.head());
        if let Some(scale) = scale {
            head.scale(scale);
        }
        NetArray {
            channels: array.channels,
            conditions: array.conditions,
            rechannel,
            layers,
            head: plain(&head, array.head_dilation),
            head_inputs: array.head_inputs(),
        }
    }
}

impl NetLayer {
    fn new(array: &Array, layer: &Layer, reader: &mut Reader) -> NetLayer {
        let dense = reader.dense(array.conv(layer));
        let mixin = reader.dense(array.mixin(layer));
        let to_next = array.to_next().map(|piece| plain(&reader.dense(piece), 1));
        let to_head = array.to_head().map(|piece| plain(&reader.dense(piece), 1));
        let mut films = array.films(layer).map(|piece| {
            let conv = plain(&reader.dense(piece?), 1);
            let rows = conv.outputs();
            Some(NetFilm { conv, rows, shift: false })
        });
        for (film, settings) in films.iter_mut().zip(array.films) {
            if let (Some(film), Some(settings)) = (film, settings)
                && settings.shift
            {
                (film.rows, film.shift) = (film.rows / 2, true);
            }
        }
        let apart = films[1..4].iter().any(Option::is_some);
        let mix = |output, input| mixin.weight(output, input, 0);
        let piece = dense.piece;
        let shape = (piece.inputs, piece.outputs, piece.taps, layer.dilation);
        let mixed = if apart { 0 } else { array.conditions };
        let weight = |output, input, tap| dense.weight(output, input, tap);
        NetLayer {
            conv: Conv::new(shape, weight, dense.bias.clone(), (mixed, &mix)),
            mixin: apart.then(|| plain(&mixin, 1)),
            activation: layer.activation.clone(),
            gating: layer.gating,
            secondary: layer.secondary.clone(),
            bottleneck: array.bottleneck,
            gated: layer.gated(array.bottleneck),
            to_next,
            to_head,
            films,
        }
    }

    /// Whether all of the layer is its convolution, its activation, and the way to the next layer.
    pub fn is_plain(&self) -> bool {
        self.gating == Gating::None && self.to_head.is_none() && self.films.iter().all(Option::is_none)
    }
}

/// A convolution with nothing mixed in.
pub(in crate::nam) fn plain(dense: &Dense, dilation: usize) -> Conv {
    let piece = dense.piece;
    let weight = |output, input, tap| dense.weight(output, input, tap);
    Conv::new((piece.inputs, piece.outputs, piece.taps, dilation), weight, dense.bias.clone(), (0, &|_, _| 0.0))
}
