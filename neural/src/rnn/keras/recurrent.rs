//! LSTM and GRU as Keras has them.

use super::weights::Weights;
use crate::ModelError;
use crate::cell::{Gru, Layer, Lstm};

/// Kernel (inputs rows) and recurrent kernel (units rows) of `gates` gates side by side, as one row for each gate's unit.
/// `order` has Keras's place of each gate.
fn rows(weights: &Weights, inputs: usize, hidden: usize, order: &[usize]) -> Result<Vec<f32>, ModelError> {
    let across = order.len() * hidden;
    let kernel = weights.tensor(0, &[inputs, across])?;
    let recurrent = weights.tensor(1, &[hidden, across])?;
    let mut matrix = Vec::with_capacity(across * (inputs + hidden));
    for gate in order {
        for unit in 0..hidden {
            let column = gate * hidden + unit;
            matrix.extend(kernel.iter().skip(column).step_by(across));
            matrix.extend(recurrent.iter().skip(column).step_by(across));
        }
    }
    Ok(matrix)
}

/// Keras's gates are i f c o, in the order of this house.
pub fn lstm(weights: &Weights, inputs: usize, hidden: usize) -> Result<Layer, ModelError> {
    let bias = if weights.has_bias(3)? { weights.tensor(2, &[4 * hidden])? } else { vec![0.0; 4 * hidden] };
    Ok(Layer::Lstm(Lstm {
        inputs,
        hidden,
        matrix: rows(weights, inputs, hidden, &[0, 1, 2, 3])?,
        bias,
        start_hidden: vec![0.0; hidden],
        start_cell: vec![0.0; hidden],
    }))
}

/// Keras's gates are z r h, here r z n. The bias has two rows: the input's and the recurrent one (`reset_after`).
pub fn gru(weights: &Weights, inputs: usize, hidden: usize) -> Result<Layer, ModelError> {
    let order = [1, 0, 2];
    let bias = if weights.has_bias(3)? { weights.tensor(2, &[2, 3 * hidden])? } else { vec![0.0; 6 * hidden] };
    let ordered = |bias: &[f32]| order.iter().flat_map(|gate| &bias[gate * hidden..][..hidden]).copied().collect();
    Ok(Layer::Gru(Gru {
        inputs,
        hidden,
        matrix: rows(weights, inputs, hidden, &order)?,
        input_bias: ordered(&bias[..3 * hidden]),
        hidden_bias: ordered(&bias[3 * hidden..]),
    }))
}
