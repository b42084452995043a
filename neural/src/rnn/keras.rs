//! RTNeural and AIDA-X JSON: a Keras network layer by layer.
//!
//! Each layer has `type`, `shape` (its output's, of which the last number counts), `activation` (empty for none) and `weights`,
//! as Keras gives them: matrices with a row for each input, gates side by side. AIDA-X adds `in_skip` (the input is added to
//! the output), `in_gain` and `out_gain` in dB, and `metadata`.

mod conv;
mod plain;
mod recurrent;
mod weights;

use super::node::Node;
use super::{Kind, Model, WIDEST, knob};
use crate::ModelError;
use crate::cell::{Function, Layer, Sequence};
use weights::Weights;

/// Most layers of a file.
const DEEPEST: usize = 256;

pub(super) fn read(root: &Node) -> Result<Model, ModelError> {
    let inputs = width(&root.need("in_shape")?)?;
    let list = root.need("layers")?;
    let nodes = list.list()?;
    if nodes.is_empty() || nodes.len() > DEEPEST {
        return Err(list.unexpected(format!("1 to {DEEPEST} layers")));
    }
    let (mut layers, mut names, mut next) = (Vec::new(), Vec::new(), inputs);
    for node in &nodes {
        let first = layers.len();
        names.push(layer(node, next, &mut layers)?);
        next = layers[first..].last().map_or(next, Layer::outputs);
    }
    if next != 1 {
        return Err(list.invalid(format!("the last layer gives {next} numbers, where one is played")));
    }
    if layers.is_empty() {
        return Err(list.invalid("none of the layers does anything"));
    }

    let decibels = |name: &str| -> Result<f32, ModelError> {
        let Some(node) = root.field(name) else { return Ok(1.0) };
        let gain = 10.0f32.powf(node.number()? / 20.0);
        if gain.is_finite() { Ok(gain) } else { Err(node.unexpected("a gain in dB")) }
    };
    let (input_gain, output_gain) = (decibels("in_gain")?, decibels("out_gain")?);
    let skip = root.field("in_skip").map_or(Ok(0), |node| node.count(0..=1))? == 1;
    let metadata = root.field("metadata");
    let about = |name: &str| metadata.as_ref().and_then(|node| node.field(name));
    let controls = knobs(metadata.as_ref(), inputs - 1)?.into_iter().map(|name| knob(name, 0.0)).collect();
    Ok(Model {
        kind: Kind::RtNeural,
        name: about("name").map(|node| node.text().map(str::to_owned)).transpose()?.filter(|name| !name.is_empty()),
        sample_rate: about("samplerate")
            .or_else(|| about("sample_rate"))
            .or_else(|| root.field("samplerate"))
            .map(|node| node.sample_rate())
            .transpose()?,
        metadata: metadata.as_ref().map(|node| node.object().cloned()).transpose()?.unwrap_or_default(),
        architecture: names.join(", "),
        sequence: Sequence { input_gain, output_gain, skip, ..Sequence::new(layers, controls) },
    })
}

/// AIDA-X calls its knobs PARAM1 and PARAM2. Where the metadata names them as such, those names are theirs.
fn knobs(metadata: Option<&Node>, count: usize) -> Result<Vec<String>, ModelError> {
    let name = |index: usize| {
        let key = format!("PARAM{index}");
        let named = metadata.and_then(|node| node.field(&key).or_else(|| node.field(&key.to_lowercase())));
        named.map_or(Ok(key), |node| node.text().map(str::to_owned))
    };
    (1..=count).map(name).collect()
}

/// The numbers a frame of a Keras shape, such as `[null, null, 16]`; a fourth size multiplies.
fn width(shape: &Node) -> Result<usize, ModelError> {
    let sizes = shape.list()?;
    let counted = if sizes.len() == 4 { &sizes[2..] } else { &sizes[sizes.len().saturating_sub(1)..] };
    let mut width = 1usize;
    for size in counted {
        width = width.saturating_mul(size.count(1..=WIDEST)?);
    }
    if counted.is_empty() || width > WIDEST {
        return Err(shape.unexpected(format!("a shape of 1 to {WIDEST} numbers")));
    }
    Ok(width)
}

/// Adds the layer at `node`, and its activation if it has one; gives its name in short.
fn layer(node: &Node, inputs: usize, layers: &mut Vec<Layer>) -> Result<String, ModelError> {
    let kind = node.need("type")?;
    let shape = node.need("shape")?;
    let outputs = width(&shape)?;
    let function = node.field("activation").map_or(Ok(None), |node| function(&node))?;
    if matches!(kind.text()?, "batchnorm" | "batchnorm2d" | "prelu" | "activation") && inputs != outputs {
        return Err(shape.invalid(format!("{outputs} numbers do not fit the {inputs} that come in")));
    }
    let (name, layer) = match kind.text()? {
        "lstm" => (format!("LSTM {outputs}"), recurrent::lstm(&Weights::of(node)?, inputs, outputs)?),
        "gru" => (format!("GRU {outputs}"), recurrent::gru(&Weights::of(node)?, inputs, outputs)?),
        "dense" | "time-distributed-dense" => {
            (format!("Dense {outputs}"), plain::dense(&Weights::of(node)?, inputs, outputs)?)
        }
        "conv1d" => (format!("Conv1D {outputs}"), conv::conv1d(node, inputs, outputs)?),
        "conv2d" => (format!("Conv2D {outputs}"), conv::conv2d(node, inputs, outputs)?),
        "batchnorm" => ("BatchNorm".into(), plain::batch_norm(node, inputs, inputs)?),
        "batchnorm2d" => {
            let filters = node.need("num_filters_in")?.count(1..=inputs)?;
            ("BatchNorm".into(), plain::batch_norm(node, inputs, filters)?)
        }
        "prelu" => ("PReLU".into(), plain::prelu(&Weights::of(node)?, inputs)?),
        "activation" => {
            layers.extend(function.map(|function| Layer::Activation { function, width: outputs }));
            return Ok(function.map_or("linear".into(), |function| format!("{function:?}")));
        }
        other => return Err(kind.unsupported("layer type", other)),
    };
    // Recurrent layers have tanh and sigmoids inside, whatever the field says.
    let inside = matches!(layer, Layer::Lstm(_) | Layer::Gru(_));
    layers.push(layer);
    match function {
        None => Ok(name),
        Some(Function::Tanh) if inside => Ok(name),
        Some(_) if inside => {
            let field = node.need("activation")?;
            Err(field.unsupported("activation of a recurrent layer", field.text()?))
        }
        Some(function) => {
            layers.push(Layer::Activation { function, width: outputs });
            Ok(format!("{name} {function:?}"))
        }
    }
}

fn function(node: &Node) -> Result<Option<Function>, ModelError> {
    Ok(match node.text()? {
        "" | "linear" => None,
        "tanh" => Some(Function::Tanh),
        "sigmoid" => Some(Function::Sigmoid),
        "relu" => Some(Function::Relu),
        "elu" => Some(Function::Elu),
        "softmax" => Some(Function::Softmax),
        other => return Err(node.unsupported("activation", other)),
    })
}
