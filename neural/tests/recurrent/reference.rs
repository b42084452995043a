//! The networks of both kinds of file, one frame at a time in 64 bits, straight from the files' tensors.

use serde_json::Value;

/// A network with its history.
pub struct Reference {
    layers: Vec<Layer>,
    input_gain: f64,
    output_gain: f64,
    skip: bool,
}

type Matrix = Vec<Vec<f64>>;

/// One layer: its kind, its tensors as the file has them, and what it remembers.
enum Layer {
    /// PyTorch: a row for each gate's unit, gates i f g o.
    TorchLstm {
        input: Matrix,
        hidden: Matrix,
        bias: [Vec<f64>; 2],
        h: Vec<f64>,
        c: Vec<f64>,
    },
    /// PyTorch: gates r z n.
    TorchGru {
        input: Matrix,
        hidden: Matrix,
        bias: [Vec<f64>; 2],
        h: Vec<f64>,
    },
    /// PyTorch: a row for each output.
    TorchLinear {
        weight: Matrix,
        bias: Vec<f64>,
    },
    /// Keras: a row for each input, gates i f c o.
    KerasLstm {
        kernel: Matrix,
        recurrent: Matrix,
        bias: Vec<f64>,
        h: Vec<f64>,
        c: Vec<f64>,
    },
    /// Keras: gates z r h, biases of the input and of the recurrent part.
    KerasGru {
        kernel: Matrix,
        recurrent: Matrix,
        bias: Matrix,
        h: Vec<f64>,
    },
    /// Keras: a row for each input.
    KerasDense {
        kernel: Matrix,
        bias: Vec<f64>,
    },
    /// Keras: `kernel[tap][input within its group][output]`.
    Conv1d {
        kernel: Vec<Matrix>,
        bias: Vec<f64>,
        dilation: usize,
        groups: usize,
        heard: Matrix,
    },
    /// Keras: `kernel[tap][feature][filter in][filter out]`.
    Conv2d {
        kernel: Vec<Vec<Matrix>>,
        bias: Vec<f64>,
        dilation: usize,
        stride: usize,
        same: bool,
        heard: Matrix,
    },
    BatchNorm {
        gamma: Vec<f64>,
        beta: Vec<f64>,
        mean: Vec<f64>,
        variance: Vec<f64>,
        epsilon: f64,
    },
    Prelu {
        slopes: Vec<f64>,
    },
    Activation(String),
}

fn numbers(value: &Value) -> Vec<f64> {
    // As 32 bits: that is what a file's numbers are.
    list(value).iter().map(|number| f64::from(number.as_f64().expect("a number") as f32)).collect()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

fn matrix(value: &Value) -> Matrix {
    list(value).iter().map(numbers).collect()
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn decibels(value: &Value) -> f64 {
    10f64.powf(value.as_f64().unwrap_or(0.0) / 20.0)
}

impl Reference {
    pub fn new(file: &Value) -> Self {
        if file.get("model_data").is_some() { Self::torch(file) } else { Self::keras(file) }
    }

    fn torch(file: &Value) -> Self {
        let (sizes, tensors) = (&file["model_data"], &file["state_dict"]);
        let mut layers = Vec::new();
        for layer in 0..sizes["num_layers"].as_u64().unwrap() {
            let tensor = |name: &str| &tensors[format!("rec.{name}_l{layer}")];
            let (input, hidden) = (matrix(tensor("weight_ih")), matrix(tensor("weight_hh")));
            let bias = [numbers(tensor("bias_ih")), numbers(tensor("bias_hh"))];
            let zeros = vec![0.0; hidden[0].len()];
            layers.push(match sizes["unit_type"].as_str().unwrap() {
                "LSTM" => Layer::TorchLstm { input, hidden, bias, h: zeros.clone(), c: zeros },
                _ => Layer::TorchGru { input, hidden, bias, h: zeros },
            });
        }
        let bias = if sizes["bias_fl"] == true { numbers(&tensors["lin.bias"]) } else { vec![0.0] };
        layers.push(Layer::TorchLinear { weight: matrix(&tensors["lin.weight"]), bias });
        Self { layers, input_gain: 1.0, output_gain: 1.0, skip: sizes["skip"] == 1 }
    }

    fn keras(file: &Value) -> Self {
        let mut layers = Vec::new();
        for layer in list(&file["layers"]) {
            let weights = list(&layer["weights"]);
            let width = list(&layer["shape"]).last().unwrap().as_u64().unwrap() as usize;
            let size = |name: &str| match &layer[name] {
                Value::Array(list) => list[0].as_u64().unwrap() as usize,
                size => size.as_u64().unwrap_or(1) as usize,
            };
            let bias = |index: usize, len: usize| weights.get(index).map_or(vec![0.0; len], numbers);
            match layer["type"].as_str().unwrap() {
                "lstm" => layers.push(Layer::KerasLstm {
                    kernel: matrix(&weights[0]),
                    recurrent: matrix(&weights[1]),
                    bias: bias(2, 4 * width),
                    h: vec![0.0; width],
                    c: vec![0.0; width],
                }),
                "gru" => layers.push(Layer::KerasGru {
                    kernel: matrix(&weights[0]),
                    recurrent: matrix(&weights[1]),
                    bias: weights.get(2).map_or(vec![vec![0.0; 3 * width]; 2], matrix),
                    h: vec![0.0; width],
                }),
                "dense" | "time-distributed-dense" => {
                    layers.push(Layer::KerasDense { kernel: matrix(&weights[0]), bias: bias(1, width) });
                }
                "conv1d" => layers.push(Layer::Conv1d {
                    kernel: list(&weights[0]).iter().map(matrix).collect(),
                    bias: bias(1, width),
                    dilation: size("dilation"),
                    groups: size("groups"),
                    heard: Vec::new(),
                }),
                "conv2d" => layers.push(Layer::Conv2d {
                    kernel: list(&weights[0]).iter().map(|tap| list(tap).iter().map(matrix).collect()).collect(),
                    bias: bias(1, width),
                    dilation: size("dilation"),
                    stride: size("strides"),
                    same: layer["padding"] == "same",
                    heard: Vec::new(),
                }),
                "batchnorm" | "batchnorm2d" => {
                    let affine = weights.len() == 4;
                    let mean = numbers(&weights[weights.len() - 2]);
                    layers.push(Layer::BatchNorm {
                        gamma: if affine { numbers(&weights[0]) } else { vec![1.0; mean.len()] },
                        beta: if affine { numbers(&weights[1]) } else { vec![0.0; mean.len()] },
                        mean,
                        variance: numbers(weights.last().unwrap()),
                        epsilon: layer["epsilon"].as_f64().unwrap(),
                    });
                }
                "prelu" => layers.push(Layer::Prelu { slopes: numbers(&weights[0][0]) }),
                "activation" => {}
                other => panic!("the reference does not know {other}"),
            }
            let recurrent = matches!(layer["type"].as_str(), Some("lstm" | "gru"));
            match layer["activation"].as_str() {
                None | Some("") => {}
                Some(_) if recurrent => {}
                Some(name) => layers.push(Layer::Activation(name.to_owned())),
            }
        }
        Self {
            layers,
            input_gain: decibels(&file["in_gain"]),
            output_gain: decibels(&file["out_gain"]),
            skip: file["in_skip"] == 1,
        }
    }

    /// What comes out for `x`.
    pub fn frame(&mut self, x: f32, knobs: &[f32]) -> f64 {
        let x = f64::from(x) * self.input_gain;
        let mut row: Vec<f64> = std::iter::once(x).chain(knobs.iter().map(|knob| f64::from(*knob))).collect();
        for layer in &mut self.layers {
            row = layer.frame(row);
        }
        assert_eq!(row.len(), 1, "a network ends in one number");
        (row[0] + if self.skip { x } else { 0.0 }) * self.output_gain
    }
}

/// `sum of row[k] * weights[k]`
fn dot(row: &[f64], weights: &[f64]) -> f64 {
    assert_eq!(row.len(), weights.len());
    row.iter().zip(weights).map(|(x, weight)| x * weight).sum()
}

/// `sum of row[k] * matrix[k][column]`
fn column(row: &[f64], matrix: &Matrix, column: usize) -> f64 {
    assert_eq!(row.len(), matrix.len());
    row.iter().zip(matrix).map(|(x, weights)| x * weights[column]).sum()
}

fn lstm_frame(h: &mut [f64], c: &mut [f64], gate: impl Fn(usize) -> f64) {
    let units = h.len();
    let gates: Vec<f64> = (0..4 * units).map(gate).collect();
    for unit in 0..units {
        let [i, f, g, o] = std::array::from_fn(|k| gates[k * units + unit]);
        c[unit] = sigmoid(f) * c[unit] + sigmoid(i) * g.tanh();
        h[unit] = sigmoid(o) * c[unit].tanh();
    }
}

fn gru_frame(h: &mut [f64], r: &[f64], z: &[f64], n_input: &[f64], n_hidden: &[f64]) {
    for unit in 0..h.len() {
        let n = (n_input[unit] + sigmoid(r[unit]) * n_hidden[unit]).tanh();
        let z = sigmoid(z[unit]);
        h[unit] = (1.0 - z) * n + z * h[unit];
    }
}

impl Layer {
    fn frame(&mut self, row: Vec<f64>) -> Vec<f64> {
        match self {
            Self::TorchLstm { input, hidden, bias, h, c } => {
                let before = h.clone();
                lstm_frame(h, c, |k| dot(&row, &input[k]) + bias[0][k] + dot(&before, &hidden[k]) + bias[1][k]);
                h.clone()
            }
            Self::TorchGru { input, hidden, bias, h } => {
                let from_input: Vec<f64> = input.iter().zip(&bias[0]).map(|(w, b)| dot(&row, w) + b).collect();
                let from_hidden: Vec<f64> = hidden.iter().zip(&bias[1]).map(|(w, b)| dot(h, w) + b).collect();
                let units = h.len();
                let sum: Vec<f64> = from_input.iter().zip(&from_hidden).map(|(a, b)| a + b).collect();
                let n = 2 * units;
                gru_frame(h, &sum[..units], &sum[units..n], &from_input[n..], &from_hidden[n..]);
                h.clone()
            }
            Self::TorchLinear { weight, bias } => weight.iter().zip(bias).map(|(w, b)| dot(&row, w) + *b).collect(),
            Self::KerasLstm { kernel, recurrent, bias, h, c } => {
                let before = h.clone();
                lstm_frame(h, c, |k| column(&row, kernel, k) + column(&before, recurrent, k) + bias[k]);
                h.clone()
            }
            Self::KerasGru { kernel, recurrent, bias, h } => {
                let units = h.len();
                let from_input: Vec<f64> = (0..3 * units).map(|k| column(&row, kernel, k) + bias[0][k]).collect();
                let from_hidden: Vec<f64> = (0..3 * units).map(|k| column(h, recurrent, k) + bias[1][k]).collect();
                let sum: Vec<f64> = from_input.iter().zip(&from_hidden).map(|(a, b)| a + b).collect();
                let n = 2 * units;
                gru_frame(h, &sum[units..n], &sum[..units], &from_input[n..], &from_hidden[n..]);
                h.clone()
            }
            Self::KerasDense { kernel, bias } => {
                bias.iter().enumerate().map(|(k, bias)| column(&row, kernel, k) + bias).collect()
            }
            Self::Conv1d { kernel, bias, dilation, groups, heard } => {
                let (inputs, outputs) = (row.len() / *groups, bias.len() / *groups);
                heard.push(row);
                let mut sums = bias.clone();
                for (tap, weights) in kernel.iter().enumerate() {
                    let ago = (kernel.len() - 1 - tap) * *dilation;
                    let Some(frame) = heard.len().checked_sub(1 + ago) else { continue };
                    for (output, sum) in sums.iter_mut().enumerate() {
                        let group = output / outputs;
                        *sum += column(&heard[frame][group * inputs..(group + 1) * inputs], weights, output);
                    }
                }
                sums
            }
            Self::Conv2d { kernel, bias, dilation, stride, same, heard } => {
                let (width, filters_in, filters_out) = (kernel[0].len(), kernel[0][0].len(), bias.len());
                let features_in = row.len() / filters_in;
                let (features_out, before) = if *same {
                    let features_out = features_in.div_ceil(*stride);
                    (features_out, ((features_out - 1) * *stride + width).saturating_sub(features_in) / 2)
                } else {
                    ((features_in - width + 1).div_ceil(*stride), 0)
                };
                heard.push(row);
                let mut sums = bias.repeat(features_out);
                for (tap, weights) in kernel.iter().enumerate() {
                    let ago = (kernel.len() - 1 - tap) * *dilation;
                    let Some(frame) = heard.len().checked_sub(1 + ago) else { continue };
                    for (index, sum) in sums.iter_mut().enumerate() {
                        for (place, weights) in weights.iter().enumerate() {
                            let feature = (index / filters_out * *stride + place) as isize - before as isize;
                            if feature >= 0 && (feature as usize) < features_in {
                                let row = &heard[frame][feature as usize * filters_in..][..filters_in];
                                *sum += column(row, weights, index % filters_out);
                            }
                        }
                    }
                }
                sums
            }
            Self::BatchNorm { gamma, beta, mean, variance, epsilon } => row
                .iter()
                .enumerate()
                .map(|(k, x)| {
                    let k = k % gamma.len();
                    gamma[k] * (x - mean[k]) / (variance[k] + *epsilon).sqrt() + beta[k]
                })
                .collect(),
            Self::Prelu { slopes } => {
                row.iter().enumerate().map(|(k, x)| if *x > 0.0 { *x } else { x * slopes[k % slopes.len()] }).collect()
            }
            Self::Activation(name) => match name.as_str() {
                "tanh" => row.iter().map(|x| x.tanh()).collect(),
                "sigmoid" => row.iter().map(|x| sigmoid(*x)).collect(),
                "relu" => row.iter().map(|x| x.max(0.0)).collect(),
                "elu" => row.iter().map(|x| if *x > 0.0 { *x } else { x.exp_m1() }).collect(),
                "softmax" => {
                    let sum: f64 = row.iter().map(|x| x.exp()).sum();
                    row.iter().map(|x| x.exp() / sum).collect()
                }
                other => panic!("the reference does not know {other}"),
            },
        }
    }
}
