//! Proteus and GuitarML JSON: the sizes and tensors of the PyTorch module `SimpleRNN` of Wright's "Real-time guitar amplifier
//! emulation with deep learning" (2020): a stack of LSTM or GRU layers, one linear layer, and the input added to its output.

use super::node::Node;
use super::{Kind, Model, WIDEST, knob};
use crate::ModelError;
use crate::cell::{Dense, Gru, Layer, Lstm, Sequence};

/// Most layers of a stack.
const DEEPEST: usize = 16;

pub(super) fn read(root: &Node) -> Result<Model, ModelError> {
    let sizes = root.need("model_data")?;
    let tensors = root.need("state_dict")?;
    let module = sizes.need("model")?;
    if module.text()? != "SimpleRNN" {
        return Err(module.unsupported("module", module.text()?));
    }
    let inputs = sizes.need("input_size")?.count(1..=WIDEST)?;
    let hidden = sizes.need("hidden_size")?.count(1..=WIDEST)?;
    let depth = sizes.field("num_layers").map_or(Ok(1), |node| node.count(1..=DEEPEST))?;
    sizes.field("output_size").map_or(Ok(1), |node| node.count(1..=1))?;
    // The module adds its first `skip` inputs to as many outputs, and there is one output.
    let skip = sizes.field("skip").map_or(Ok(1), |node| node.count(0..=1))? == 1;
    // Only the linear layer can lack its bias.
    let linear_bias = sizes.field("bias_fl").map_or(Ok(true), |node| node.flag())?;

    let unit = sizes.need("unit_type")?;
    let (gates, layer): (usize, fn(Tensors) -> Layer) = match unit.text()? {
        "LSTM" => (4, lstm),
        "GRU" => (3, gru),
        other => return Err(unit.unsupported("unit type", other)),
    };
    let mut layers = Vec::new();
    for index in 0..depth {
        let (inputs, rows) = (if index == 0 { inputs } else { hidden }, gates * hidden);
        let tensor = |name: &str, shape: &[usize]| tensors.need(&format!("rec.{name}_l{index}"))?.tensor(shape);
        layers.push(layer(Tensors {
            inputs,
            hidden,
            input_weights: tensor("weight_ih", &[rows, inputs])?,
            hidden_weights: tensor("weight_hh", &[rows, hidden])?,
            input_bias: tensor("bias_ih", &[rows])?,
            hidden_bias: tensor("bias_hh", &[rows])?,
        }));
    }
    let matrix = tensors.need("lin.weight")?.tensor(&[1, hidden])?;
    let bias = if linear_bias { tensors.need("lin.bias")?.tensor(&[1])? } else { vec![0.0] };
    layers.push(Layer::Dense(Dense { inputs: hidden, matrix, bias }));

    // Whatever else has weights would be left out of the sound.
    let tensor_count = 4 * depth + 1 + usize::from(linear_bias);
    let found = tensors.object()?.len();
    if found != tensor_count {
        return Err(tensors.invalid(format!("there are {found} tensors, and {tensor_count} by model_data")));
    }

    let stack = if depth == 1 { String::new() } else { format!("{depth} x ") };
    let architecture = format!("{stack}{} {hidden}, Dense 1", unit.text()?);
    let controls = knobs(inputs - 1).into_iter().map(|name| knob(name, 0.5)).collect();
    Ok(Model {
        kind: Kind::GuitarMl,
        name: None,
        // None of the programs writes it; 44.1 kHz is their custom but for some files of 48 kHz.
        sample_rate: None,
        metadata: sizes.object()?.clone(),
        architecture,
        sequence: Sequence { skip, ..Sequence::new(layers, controls) },
    })
}

/// The programs that play such files call one knob "Drive" (Proteus), and two "Drive" and "Tone" (TS-M1N3).
fn knobs(count: usize) -> Vec<String> {
    match count {
        1 => vec!["Drive".into()],
        2 => vec!["Drive".into(), "Tone".into()],
        _ => (1..=count).map(|index| format!("Knob {index}")).collect(),
    }
}

/// Tensors of one recurrent layer, gates in rows.
struct Tensors {
    inputs: usize,
    hidden: usize,
    input_weights: Vec<f32>,
    hidden_weights: Vec<f32>,
    input_bias: Vec<f32>,
    hidden_bias: Vec<f32>,
}

impl Tensors {
    /// Rows of inputs, then units.
    fn matrix(&self) -> Vec<f32> {
        let rows = self.input_weights.chunks_exact(self.inputs).zip(self.hidden_weights.chunks_exact(self.hidden));
        rows.flat_map(|(inputs, units)| inputs.iter().chain(units)).copied().collect()
    }
}

fn lstm(tensors: Tensors) -> Layer {
    Layer::Lstm(Lstm {
        inputs: tensors.inputs,
        hidden: tensors.hidden,
        matrix: tensors.matrix(),
        bias: tensors.input_bias.iter().zip(&tensors.hidden_bias).map(|(a, b)| a + b).collect(),
        start_hidden: vec![0.0; tensors.hidden],
        start_cell: vec![0.0; tensors.hidden],
    })
}

fn gru(tensors: Tensors) -> Layer {
    Layer::Gru(Gru {
        inputs: tensors.inputs,
        hidden: tensors.hidden,
        matrix: tensors.matrix(),
        input_bias: tensors.input_bias,
        hidden_bias: tensors.hidden_bias,
    })
}
