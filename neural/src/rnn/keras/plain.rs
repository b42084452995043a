//! Layers without memory as Keras has them.

use super::super::node::Node;
use super::weights::Weights;
use crate::ModelError;
use crate::cell::{Dense, Layer};

/// Weighted sums.
pub fn dense(weights: &Weights, inputs: usize, outputs: usize) -> Result<Layer, ModelError> {
    let bias = if weights.has_bias(2)? { weights.tensor(1, &[outputs])? } else { vec![0.0; outputs] };
    let kernel = weights.tensor(0, &[inputs, outputs])?;
    let matrix = (0..outputs).flat_map(|output| kernel.iter().skip(output).step_by(outputs)).copied().collect();
    Ok(Layer::Dense(Dense { inputs, matrix, bias }))
}

/// gamma, beta, mean and variance, or the latter two: `gamma (x - mean) / sqrt(variance + epsilon) + beta`, over again for
/// each `filters` numbers of a row.
pub fn batch_norm(node: &Node, width: usize, filters: usize) -> Result<Layer, ModelError> {
    let weights = Weights::of(node)?;
    let epsilon = node.need("epsilon")?.number()?;
    if !width.is_multiple_of(filters) {
        return Err(node
            .need("num_filters_in")?
            .invalid(format!("{filters} does not divide the {width} numbers that come in")));
    }
    let tensor = |index: usize| weights.tensor(index, &[filters]);
    let (gamma, beta, mean, variance) = match weights.tensors.len() {
        4 => (tensor(0)?, tensor(1)?, tensor(2)?, tensor(3)?),
        2 => (vec![1.0; filters], vec![0.0; filters], tensor(0)?, tensor(1)?),
        _ => return Err(weights.list.unexpected("a list of 4 (gamma, beta, mean, variance) or 2 (mean, variance)")),
    };
    let scale: Vec<f32> =
        gamma.iter().zip(&variance).map(|(gamma, variance)| gamma / (variance + epsilon).sqrt()).collect();
    if scale.iter().any(|scale| !scale.is_finite()) {
        return Err(weights.list.invalid("a variance is not positive with epsilon"));
    }
    let shift: Vec<f32> = beta.iter().zip(&mean).zip(&scale).map(|((beta, mean), scale)| beta - mean * scale).collect();
    Ok(Layer::Affine { scale: scale.repeat(width / filters), shift: shift.repeat(width / filters) })
}

/// Slopes in a list of one, one for each number or one for all of them.
pub fn prelu(weights: &Weights, width: usize) -> Result<Layer, ModelError> {
    let [tensor] = weights.tensors.as_slice() else { return Err(weights.list.unexpected("a list of 1")) };
    let slopes = match tensor.list()?.as_slice() {
        [row] if row.list()?.len() == 1 => tensor.tensor(&[1, 1])?.repeat(width),
        _ => tensor.tensor(&[1, width])?,
    };
    Ok(Layer::Prelu { slopes })
}
