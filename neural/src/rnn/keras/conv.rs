//! Convolutions as Keras has them, over frames, and over frames and features. Both become one kind of layer here: what a
//! number out does not hear has the weight zero.

use super::super::WIDEST;
use super::super::node::Node;
use super::weights::Weights;
use crate::ModelError;
use crate::cell::{Conv, Layer};

/// Most frames from one tap to the next.
const FARTHEST: usize = 1 << 16;
/// Most weights, and most numbers that are remembered.
const LARGEST: usize = 1 << 20;

/// Weights on their way into a layer.
struct Kernel {
    inputs: usize,
    outputs: usize,
    taps: usize,
    dilation: usize,
    weights: Vec<f32>,
}

impl Kernel {
    /// Zeros, if `node` does not ask for too many.
    fn new(node: &Node, inputs: usize, outputs: usize, taps: usize, dilation: usize) -> Result<Self, ModelError> {
        let sizes = [("weights", inputs * outputs * taps), ("remembered numbers", (taps - 1) * dilation * inputs)];
        if let Some((what, size)) = sizes.into_iter().find(|(_, size)| *size > LARGEST) {
            return Err(node.too_many(what, size, LARGEST));
        }
        Ok(Self { inputs, outputs, taps, dilation, weights: vec![0.0; inputs * outputs * taps] })
    }

    fn weight(&mut self, output: usize, tap: usize, input: usize) -> &mut f32 {
        &mut self.weights[(output * self.taps + tap) * self.inputs + input]
    }

    fn layer(self, bias: Vec<f32>) -> Layer {
        assert_eq!(bias.len(), self.outputs, "each output has a bias");
        Layer::Conv(Conv {
            inputs: self.inputs,
            kernel: self.taps,
            dilation: self.dilation,
            weights: self.weights,
            bias,
        })
    }
}

/// A causal convolution; the first tap of Keras's kernel is the earliest frame's.
pub fn conv1d(node: &Node, inputs: usize, outputs: usize) -> Result<Layer, ModelError> {
    let weights = Weights::of(node)?;
    let biased = weights.has_bias(2)?;
    let taps = node.need("kernel_size")?.count(1..=WIDEST)?;
    let dilation = node.need("dilation")?.count(1..=FARTHEST)?;
    let groups = node.field("groups").map_or(Ok(1), |node| node.count(1..=WIDEST))?;
    // Frames that are left out would change the rate.
    node.field("strides").map_or(Ok(1), |node| node.count(1..=1))?;
    if !inputs.is_multiple_of(groups) || !outputs.is_multiple_of(groups) {
        return Err(node
            .need("groups")?
            .invalid(format!("{groups} groups do not divide {inputs} inputs and {outputs} outputs")));
    }
    let mut kernel = Kernel::new(node, inputs, outputs, taps, dilation)?;
    let (group_inputs, group_outputs) = (inputs / groups, outputs / groups);
    let tensor = weights.tensor(0, &[taps, group_inputs, outputs])?;
    for (index, value) in tensor.into_iter().enumerate() {
        let (tap, input, output) = (index / outputs / group_inputs, index / outputs % group_inputs, index % outputs);
        *kernel.weight(output, tap, output / group_outputs * group_inputs + input) = value;
    }
    let bias = if biased { weights.tensor(1, &[outputs])? } else { vec![0.0; outputs] };
    Ok(kernel.layer(bias))
}

/// A convolution over frames, causal, and features, of which each has several filters. A row has the filters side by side.
pub fn conv2d(node: &Node, inputs: usize, outputs: usize) -> Result<Layer, ModelError> {
    let weights = Weights::of(node)?;
    let biased = weights.has_bias(2)?;
    let size = |name: &str, greatest: usize| node.need(name)?.count(1..=greatest);
    let (taps, width) = (size("kernel_size_time", WIDEST)?, size("kernel_size_feature", WIDEST)?);
    let (dilation, stride) = (size("dilation", FARTHEST)?, size("strides", WIDEST)?);
    let (filters_in, features_in) = (size("num_filters_in", WIDEST)?, size("num_features_in", WIDEST)?);
    let filters_out = size("num_filters_out", WIDEST)?;
    // As TensorFlow counts features out, and zeros before the first one.
    let padding = node.need("padding")?;
    let (features_out, before) = match padding.text()? {
        "valid" if width <= features_in => ((features_in - width) / stride + 1, 0),
        "valid" => {
            return Err(node
                .need("kernel_size_feature")?
                .invalid(format!("{width} is more than the {features_in} features")));
        }
        "same" => {
            let features_out = features_in.div_ceil(stride);
            (features_out, ((features_out - 1) * stride + width).saturating_sub(features_in) / 2)
        }
        other => return Err(padding.unsupported("padding", other)),
    };
    if (filters_in * features_in, filters_out * features_out) != (inputs, outputs) {
        let own = (filters_in * features_in, filters_out * features_out);
        let reason =
            format!("{inputs} numbers in and {outputs} out do not fit {} and {} by filters and features", own.0, own.1);
        return Err(node.need("shape")?.invalid(reason));
    }
    let mut kernel = Kernel::new(node, inputs, outputs, taps, dilation)?;
    let tensor = weights.tensor(0, &[taps, width, filters_in, filters_out])?;
    for (index, value) in tensor.into_iter().enumerate() {
        let (filter_out, index) = (index % filters_out, index / filters_out);
        let (filter_in, index) = (index % filters_in, index / filters_in);
        let (place, tap) = (index % width, index / width);
        for feature_out in 0..features_out {
            let heard = (feature_out * stride + place).checked_sub(before).filter(|feature| *feature < features_in);
            if let Some(feature_in) = heard {
                let (output, input) = (feature_out * filters_out + filter_out, feature_in * filters_in + filter_in);
                *kernel.weight(output, tap, input) = value;
            }
        }
    }
    let bias = if biased { weights.tensor(1, &[filters_out])? } else { vec![0.0; filters_out] };
    Ok(kernel.layer(bias.repeat(features_out)))
}
