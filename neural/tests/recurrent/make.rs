//! Files with random weights.

use serde_json::{Value, json};

/// Numbers -1 to 1 from a seed.
pub struct Noise(u32);

impl Noise {
    pub fn new(seed: u32) -> Self {
        Self(seed.wrapping_mul(2_654_435_761).wrapping_add(12_345))
    }

    pub fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 8) as f32 / (1 << 23) as f32 - 1.0
    }

    /// Lists within lists of sizes `shape`, of numbers within `scale`.
    pub fn tensor(&mut self, shape: &[usize], scale: f32) -> Value {
        match shape.split_first() {
            None => json!(self.next() * scale),
            Some((len, inner)) => (0..*len).map(|_| self.tensor(inner, scale)).collect(),
        }
    }
}

/// A Proteus file. `unit` is `LSTM` or `GRU`.
pub fn guitarml(unit: &str, inputs: usize, layers: usize, hidden: usize, skip: u32, linear_bias: bool) -> Value {
    let mut noise = Noise::new((inputs + 10 * layers + 100 * hidden) as u32);
    let rows = hidden * if unit == "LSTM" { 4 } else { 3 };
    let scale = 2.0 / (hidden as f32).sqrt();
    let mut tensors = serde_json::Map::new();
    for layer in 0..layers {
        let inputs = if layer == 0 { inputs } else { hidden };
        tensors.insert(format!("rec.weight_ih_l{layer}"), noise.tensor(&[rows, inputs], 1.5 / (inputs as f32).sqrt()));
        tensors.insert(format!("rec.weight_hh_l{layer}"), noise.tensor(&[rows, hidden], scale));
        tensors.insert(format!("rec.bias_ih_l{layer}"), noise.tensor(&[rows], 0.5));
        tensors.insert(format!("rec.bias_hh_l{layer}"), noise.tensor(&[rows], 0.5));
    }
    tensors.insert("lin.weight".into(), noise.tensor(&[1, hidden], scale));
    if linear_bias {
        tensors.insert("lin.bias".into(), noise.tensor(&[1], 0.5));
    }
    json!({
        "model_data": {
            "model": "SimpleRNN", "input_size": inputs, "skip": skip, "output_size": 1, "unit_type": unit,
            "num_layers": layers, "hidden_size": hidden, "bias_fl": linear_bias,
        },
        "state_dict": tensors,
    })
}

/// An RTNeural file of `layers`, which takes `inputs` numbers.
pub fn rtneural(inputs: usize, layers: Vec<Value>) -> Value {
    json!({ "in_shape": [null, null, inputs], "layers": layers })
}

fn layer(kind: &str, activation: &str, width: usize, weights: Vec<Value>) -> Value {
    json!({ "type": kind, "activation": activation, "shape": [null, null, width], "weights": weights })
}

/// A layer with more fields.
fn with(mut layer: Value, fields: Value) -> Value {
    for (name, value) in fields.as_object().expect("fields") {
        layer[name] = value.clone();
    }
    layer
}

pub fn lstm(seed: u32, inputs: usize, hidden: usize) -> Value {
    let mut noise = Noise::new(seed);
    let scale = 2.0 / (hidden as f32).sqrt();
    let kernel = noise.tensor(&[inputs, 4 * hidden], 1.5 / (inputs as f32).sqrt());
    let weights = vec![kernel, noise.tensor(&[hidden, 4 * hidden], scale), noise.tensor(&[4 * hidden], 0.5)];
    layer("lstm", "", hidden, weights)
}

pub fn gru(seed: u32, inputs: usize, hidden: usize) -> Value {
    let mut noise = Noise::new(seed);
    let scale = 2.0 / (hidden as f32).sqrt();
    let kernel = noise.tensor(&[inputs, 3 * hidden], 1.5 / (inputs as f32).sqrt());
    let weights = vec![kernel, noise.tensor(&[hidden, 3 * hidden], scale), noise.tensor(&[2, 3 * hidden], 0.5)];
    layer("gru", "tanh", hidden, weights)
}

pub fn dense(seed: u32, inputs: usize, outputs: usize, activation: &str) -> Value {
    let mut noise = Noise::new(seed);
    let weights = vec![noise.tensor(&[inputs, outputs], 2.0 / (inputs as f32).sqrt()), noise.tensor(&[outputs], 0.5)];
    layer("dense", activation, outputs, weights)
}

pub fn conv1d(seed: u32, inputs: usize, outputs: usize, [taps, dilation, groups]: [usize; 3]) -> Value {
    let mut noise = Noise::new(seed);
    let scale = 2.0 / ((inputs * taps) as f32).sqrt();
    let weights = vec![noise.tensor(&[taps, inputs / groups, outputs], scale), noise.tensor(&[outputs], 0.5)];
    let sizes = json!({ "kernel_size": [taps], "dilation": [dilation], "groups": groups });
    with(layer("conv1d", "tanh", outputs, weights), sizes)
}

/// `[features, filters]` in and out, taps and features that a kernel covers.
pub fn conv2d(seed: u32, from: [usize; 2], to: [usize; 2], kernel: [usize; 2], stride: usize, padding: &str) -> Value {
    let mut noise = Noise::new(seed);
    let weights = vec![noise.tensor(&[kernel[0], kernel[1], from[1], to[1]], 0.6), noise.tensor(&[to[1]], 0.5)];
    json!({
        "type": "conv2d", "activation": "", "shape": [null, null, to[0], to[1]], "weights": weights, "padding": padding,
        "kernel_size_time": kernel[0], "kernel_size_feature": kernel[1], "dilation": 2, "strides": stride,
        "num_filters_in": from[1], "num_features_in": from[0], "num_filters_out": to[1],
    })
}

pub fn batchnorm(seed: u32, width: usize, affine: bool) -> Value {
    let mut noise = Noise::new(seed);
    let mut weights = Vec::new();
    if affine {
        weights.extend([noise.tensor(&[width], 2.0), noise.tensor(&[width], 1.0)]);
    }
    weights.push(noise.tensor(&[width], 0.5));
    weights.push((0..width).map(|_| json!(noise.next().abs() + 0.1)).collect());
    with(layer("batchnorm", "", width, weights), json!({ "epsilon": 0.01 }))
}

pub fn batchnorm2d(seed: u32, features: usize, filters: usize) -> Value {
    let shape = json!({
        "type": "batchnorm2d", "shape": [null, null, features, filters],
        "num_filters_in": filters, "num_features_in": features,
    });
    with(batchnorm(seed, filters, true), shape)
}

/// With a slope for each number, or one for all.
pub fn prelu(seed: u32, width: usize, slopes: usize) -> Value {
    layer("prelu", "", width, vec![Noise::new(seed).tensor(&[1, slopes], 1.0)])
}

pub fn activation(name: &str, width: usize) -> Value {
    layer("activation", name, width, Vec::new())
}
