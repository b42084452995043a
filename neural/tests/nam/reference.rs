//! `.nam` networks in 64-bit floats, written from the format and for reading: whole signals at a time, no thought of speed.

use serde_json::Value;

/// Channels of frames.
pub type Sound = Vec<Vec<f64>>;

/// Weights in the order of the file, or drawn as they are asked for.
pub struct Weights {
    pub values: Vec<f64>,
    at: usize,
    draw: Option<u32>,
}

impl Weights {
    /// The weights of a model.
    pub fn of(model: &Value) -> Weights {
        let values = model["weights"].as_array().unwrap().iter().map(|value| f64::from(value.as_f64().unwrap() as f32));
        Weights { values: values.collect(), at: 0, draw: None }
    }

    /// Weights that are drawn when they are first needed.
    pub fn drawn(seed: u32) -> Weights {
        Weights { values: Vec::new(), at: 0, draw: Some(seed) }
    }

    fn take(&mut self, count: usize) -> Vec<f64> {
        if let Some(state) = &mut self.draw {
            while self.values.len() < self.at + count {
                *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let value = (f64::from(*state >> 8) / f64::from(1 << 24) - 0.5) * 1.2;
                self.values.push(f64::from(value as f32));
            }
        }
        self.at += count;
        self.values[self.at - count..self.at].to_vec()
    }

    /// Whether none is left.
    pub fn are_used_up(&self) -> bool {
        self.at == self.values.len()
    }
}

/// How a convolution lies in the weights, and how much of it is used: all but in networks that are cut down.
#[derive(Clone, Copy)]
struct Shape {
    inputs: usize,
    outputs: usize,
    used: (usize, usize),
    taps: usize,
    dilation: usize,
    groups: usize,
    bias: bool,
}

fn flat(inputs: usize, outputs: usize, groups: usize, bias: bool) -> Shape {
    Shape { inputs, outputs, used: (inputs, outputs), taps: 1, dilation: 1, groups, bias }
}

fn convolve(x: &Sound, shape: Shape, weights: &mut Weights) -> Sound {
    let Shape { inputs, outputs, used, taps, dilation, groups, bias } = shape;
    assert_eq!(x.len(), used.0);
    let matrix = weights.take(inputs / groups * outputs * taps);
    let bias = if bias { weights.take(outputs) } else { vec![0.0; outputs] };
    let (inputs_each, outputs_each) = (inputs / groups, outputs / groups);
    let mut y = Vec::new();
    for output in 0..used.1 {
        let mut row = vec![bias[output]; x[0].len()];
        for i in 0..inputs_each {
            let input = output / outputs_each * inputs_each + i;
            if input >= used.0 {
                continue;
            }
            for tap in 0..taps {
                let weight = matrix[(output * inputs_each + i) * taps + tap];
                let back = dilation * (taps - 1 - tap);
                for t in back..row.len() {
                    row[t] += weight * x[input][t - back];
                }
            }
        }
        y.push(row);
    }
    y
}

fn size(value: &Value, name: &str, default: usize) -> usize {
    value[name].as_u64().map_or(default, |number| number as usize)
}

fn list(value: &Value) -> Vec<usize> {
    value.as_array().unwrap().iter().map(|number| number.as_u64().unwrap() as usize).collect()
}

fn activate(activation: &Value, channel: usize, x: f64) -> f64 {
    let name = activation.as_str().unwrap_or_else(|| activation["type"].as_str().unwrap());
    let parameter = |name: &str, default: f64| activation[name].as_f64().unwrap_or(default);
    let leaky = |slope: f64| if x > 0.0 { x } else { slope * x };
    let logistic = 1.0 / (1.0 + (-x).exp());
    match name {
        "Tanh" => x.tanh(),
        "Fasttanh" => {
            let (a, y) = (x.abs(), x * x);
            let numerator = 2.45550750702956 + 2.45550750702956 * a + (0.893229853513558 + 0.821226666969744 * a) * y;
            x * numerator / (2.44506634652299 + (2.44506634652299 + y) * (x + 0.814642734961073 * x * a).abs())
        }
        "Hardtanh" => x.clamp(-1.0, 1.0),
        "ReLU" => x.max(0.0),
        "LeakyReLU" => leaky(parameter("negative_slope", 0.01)),
        "PReLU" => match activation["negative_slopes"].as_array() {
            Some(slopes) => leaky(slopes[channel].as_f64().unwrap()),
            None => leaky(parameter("negative_slope", 0.01)),
        },
        "Sigmoid" => logistic,
        "SiLU" => x * logistic,
        "Hardswish" => x * (x + 3.0).clamp(0.0, 6.0) / 6.0,
        "LeakyHardtanh" | "LeakyHardTanh" => {
            let (min, max) = (parameter("min_val", -1.0), parameter("max_val", 1.0));
            if x < min {
                (x - min) * parameter("min_slope", 0.01) + min
            } else if x > max {
                (x - max) * parameter("max_slope", 0.01) + max
            } else {
                x
            }
        }
        "Softsign" => x / (1.0 + x.abs()),
        other => panic!("{other}"),
    }
}

fn activate_all(activation: &Value, x: &mut Sound) {
    for (channel, row) in x.iter_mut().enumerate() {
        row.iter_mut().for_each(|x| *x = activate(activation, channel, *x));
    }
}

fn add(x: &mut Sound, y: &Sound) {
    for (x, y) in x.iter_mut().flatten().zip(y.iter().flatten()) {
        *x += y;
    }
}

fn modulate(x: &mut Sound, modulation: &Option<Sound>) {
    let Some(modulation) = modulation else { return };
    let rows = x.len();
    for (row, x) in x.iter_mut().enumerate() {
        for (t, x) in x.iter_mut().enumerate() {
            *x *= modulation[row][t];
            if modulation.len() > rows {
                *x += modulation[rows + row][t];
            }
        }
    }
}

/// One value for all layers, or one for each.
fn nth(value: &Value, i: usize) -> &Value {
    value.as_array().map_or(value, |values| &values[i])
}

/// How many channels an array has at a size.
fn width(array: &Value, chosen: f64) -> usize {
    let full = size(array, "channels", 0);
    if array["slimmable"].is_null() {
        return full;
    }
    let kwargs = &array["slimmable"]["kwargs"]["allowed_channels"];
    let allowed = if kwargs.is_null() { (1..=full).collect() } else { list(kwargs) };
    allowed[((chosen * allowed.len() as f64).floor() as usize).min(allowed.len() - 1)]
}

fn wavenet(config: &Value, x: &Sound, weights: &mut Weights, chosen: f64) -> Sound {
    let condition = match &config["condition_dsp"] {
        Value::Null => x.clone(),
        model => play(model, x, 1.0, &mut Weights::of(model)),
    };
    let arrays = config["layers"].as_array().unwrap();
    let widths: Vec<usize> = arrays.iter().map(|array| width(array, chosen)).collect();
    let mut signal = x.clone();
    let mut head: Option<Sound> = None;
    for (i, array) in arrays.iter().enumerate() {
        let (full, channels) = (size(array, "channels", 0), widths[i]);
        let full_bottleneck = size(array, "bottleneck", full);
        let bottleneck = (full_bottleneck * channels / full).max(1);
        let conditions = size(array, "condition_size", 0);
        let mut rechannel = flat(size(array, "input_size", 0), full, 1, false);
        rechannel.used = (signal.len(), channels);
        signal = convolve(&signal, rechannel, weights);
        for (layer, &dilation) in list(&array["dilations"]).iter().enumerate() {
            let mode = match &array["gating_mode"] {
                Value::Null if array["gated"] == true => "gated",
                Value::Null => "none",
                modes => nth(modes, layer).as_str().unwrap(),
            };
            let double = if mode == "none" { 1 } else { 2 };
            let (full_z, z) = (double * full_bottleneck, double * bottleneck);
            let kernels = if array["kernel_sizes"].is_null() { &array["kernel_size"] } else { &array["kernel_sizes"] };
            let taps = nth(kernels, layer).as_u64().unwrap() as usize;
            let to_next = array["layer1x1"]["active"].as_bool().unwrap_or(true);
            let to_head = array["head1x1"]["active"].as_bool().unwrap_or(false);
            let head_rows = size(&array["head1x1"], "out_channels", 0);
            // The weights come in another order than they are used, so each is read first.
            let start = weights.at;
            let conv = Shape {
                inputs: full,
                outputs: full_z,
                used: (channels, z),
                taps,
                dilation,
                groups: size(array, "groups_input", 1),
                bias: true,
            };
            let mut mixin = flat(conditions, full_z, size(array, "groups_input_mixin", 1), false);
            mixin.used.1 = z;
            let mut next = flat(full_bottleneck, full, size(&array["layer1x1"], "groups", 1), true);
            next.used = (bottleneck, channels);
            let mut out = flat(full_bottleneck, head_rows, size(&array["head1x1"], "groups", 1), true);
            out.used.0 = bottleneck;
            let mut places = Vec::new();
            for (shape, active) in [(conv, true), (mixin, true), (next, to_next), (out, to_head)] {
                places.push(weights.at);
                if active {
                    weights.take(shape.inputs / shape.groups * shape.outputs * shape.taps);
                    weights.take(if shape.bias { shape.outputs } else { 0 });
                }
            }
            let names = [
                ("conv_pre_film", full, channels),
                ("conv_post_film", full_z, z),
                ("input_mixin_pre_film", conditions, conditions),
                ("input_mixin_post_film", full_z, z),
                ("activation_pre_film", full_z, z),
                ("activation_post_film", full_bottleneck, bottleneck),
                ("layer1x1_post_film", full, channels),
                ("head1x1_post_film", head_rows, head_rows),
            ];
            let films: Vec<Option<Sound>> = names
                .iter()
                .map(|(name, full, used)| {
                    let film = &array[*name];
                    if !film.is_object() || film["active"] == false {
                        return None;
                    }
                    let twice = if film["shift"] == false { 1 } else { 2 };
                    let mut shape = flat(conditions, twice * full, size(film, "groups", 1), true);
                    shape.used.1 = twice * used;
                    Some(convolve(&condition, shape, weights))
                })
                .collect();
            let end = weights.at;
            assert_eq!(places[0], start);
            let mut at = |place: usize, x: &Sound, shape: Shape| {
                weights.at = places[place];
                convolve(x, shape, weights)
            };
            let mut input = signal.clone();
            modulate(&mut input, &films[0]);
            let mut rows = at(0, &input, conv);
            modulate(&mut rows, &films[1]);
            let mut mixed = condition.clone();
            modulate(&mut mixed, &films[2]);
            let mut mixed = at(1, &mixed, mixin);
            modulate(&mut mixed, &films[3]);
            add(&mut rows, &mixed);
            modulate(&mut rows, &films[4]);
            let second = rows.split_off(bottleneck);
            let before = rows.clone();
            activate_all(nth(&array["activation"], layer), &mut rows);
            let default = Value::from("Sigmoid");
            let secondary = match &array["secondary_activation"] {
                Value::Null => &default,
                _ if array["gating_mode"].is_null() => &default,
                secondary => nth(secondary, layer),
            };
            for (channel, second) in second.iter().enumerate() {
                for t in 0..second.len() {
                    let gate = activate(secondary, channel, second[t]);
                    let y = &mut rows[channel][t];
                    *y = if mode == "gated" { *y * gate } else { gate * *y + (1.0 - gate) * before[channel][t] };
                }
            }
            modulate(&mut rows, &films[5]);
            let mut for_head = if to_head { at(3, &rows, out) } else { rows.clone() };
            modulate(&mut for_head, &films[7]);
            match &mut head {
                Some(head) => add(head, &for_head),
                None => head = Some(for_head),
            }
            if to_next {
                let mut next = at(2, &rows, next);
                // As in the reference, which leaves this one out elsewhere.
                if mode == "blended" {
                    modulate(&mut next, &films[6]);
                }
                add(&mut signal, &next);
            }
            weights.at = end;
        }
        let rows = head.take().unwrap();
        let settings = &array["head"];
        let outputs = size(settings, "out_channels", size(array, "head_size", 0));
        let full_rows = if array["head1x1"]["active"] == true { rows.len() } else { full_bottleneck };
        let shape = Shape {
            inputs: full_rows,
            outputs,
            used: (rows.len(), widths.get(i + 1).copied().unwrap_or(outputs)),
            taps: size(settings, "kernel_size", 1),
            dilation: size(settings, "head_dilation", 1),
            groups: 1,
            bias: settings["bias"].as_bool().unwrap_or_else(|| array["head_bias"] == true),
        };
        head = Some(convolve(&rows, shape, weights));
    }
    let mut y = head.unwrap();
    let post = &config["head"];
    // The scale is the last weight, and is applied before what follows the layers.
    let mut after = Vec::new();
    if post.is_object() {
        let taps = list(&post["kernel_sizes"]);
        let mut inputs = y.len();
        for (i, &taps_each) in taps.iter().enumerate() {
            let outputs = size(post, if i + 1 == taps.len() { "out_channels" } else { "channels" }, 0);
            after.push((weights.at, Shape { taps: taps_each, ..flat(inputs, outputs, 1, true) }));
            weights.take(inputs * outputs * taps_each + outputs);
            inputs = outputs;
        }
    }
    let scale = weights.take(1)[0];
    let end = weights.at;
    y.iter_mut().flatten().for_each(|y| *y *= scale);
    for (at, shape) in after {
        activate_all(&post["activation"], &mut y);
        weights.at = at;
        y = convolve(&y, shape, weights);
    }
    weights.at = end;
    y
}

fn lstm(config: &Value, x: &Sound, weights: &mut Weights) -> Sound {
    let (layers, hidden) = (size(config, "num_layers", 0), size(config, "hidden_size", 0));
    let logistic = |x: f64| 1.0 / (1.0 + (-x).exp());
    let mut signal = x.clone();
    for _ in 0..layers {
        let columns = signal.len() + hidden;
        let (matrix, bias) = (weights.take(4 * hidden * columns), weights.take(4 * hidden));
        let (mut h, mut c) = (weights.take(hidden), weights.take(hidden));
        let mut states = vec![Vec::new(); hidden];
        for t in 0..x[0].len() {
            let inputs: Vec<f64> = signal.iter().map(|row| row[t]).chain(h.iter().copied()).collect();
            let gate = |row: usize| {
                let weights = &matrix[row * columns..(row + 1) * columns];
                bias[row] + weights.iter().zip(&inputs).map(|(weight, x)| weight * x).sum::<f64>()
            };
            for unit in 0..hidden {
                let [i, f, g, o] = [0, 1, 2, 3].map(|part| gate(part * hidden + unit));
                c[unit] = logistic(f) * c[unit] + logistic(i) * g.tanh();
                h[unit] = logistic(o) * c[unit].tanh();
                states[unit].push(h[unit]);
            }
        }
        signal = states;
    }
    convolve(&signal, flat(hidden, size(config, "out_channels", 1), 1, true), weights)
}

fn convnet(config: &Value, x: &Sound, weights: &mut Weights) -> Sound {
    let channels = size(config, "channels", 0);
    let batchnorm = config["batchnorm"] == true;
    let mut signal = x.clone();
    for dilation in list(&config["dilations"]) {
        let groups = size(config, "groups", 1);
        let shape = Shape { taps: 2, dilation, bias: !batchnorm, ..flat(signal.len(), channels, groups, false) };
        signal = convolve(&signal, shape, weights);
        if batchnorm {
            let [mean, variance, scale, offset] = [(); 4].map(|()| weights.take(channels));
            let least = weights.take(1)[0];
            for (channel, row) in signal.iter_mut().enumerate() {
                for x in row {
                    *x = (*x - mean[channel]) / (variance[channel] + least).sqrt() * scale[channel] + offset[channel];
                }
            }
        }
        activate_all(&config["activation"], &mut signal);
    }
    convolve(&signal, flat(channels, size(config, "out_channels", 1), 1, true), weights)
}

fn linear(config: &Value, x: &Sound, weights: &mut Weights) -> Sound {
    let response = weights.take(size(config, "receptive_field", 0));
    let offset = if config["bias"] == true { weights.take(1)[0] } else { 0.0 };
    let mut y = vec![vec![offset; x[0].len()]];
    for t in 0..x[0].len() {
        y[0][t] += response.iter().enumerate().take(t + 1).map(|(back, weight)| weight * x[0][t - back]).sum::<f64>();
    }
    y.resize(size(config, "out_channels", 1), vec![0.0; x[0].len()]);
    y
}

/// Plays a model from the state before its first frame, at a size from 0 to 1.
pub fn play(model: &Value, x: &Sound, chosen: f64, weights: &mut Weights) -> Sound {
    let config = &model["config"];
    match model["architecture"].as_str().unwrap() {
        "WaveNet" => wavenet(config, x, weights, chosen),
        "LSTM" => lstm(config, x, weights),
        "ConvNet" => convnet(config, x, weights),
        "Linear" => linear(config, x, weights),
        "SlimmableContainer" => {
            let models = config["submodels"].as_array().unwrap();
            let model = models.iter().find(|model| chosen < model["max_value"].as_f64().unwrap());
            let model = &model.unwrap_or(models.last().unwrap())["model"];
            play(model, x, 1.0, &mut Weights::of(model))
        }
        other => panic!("{other}"),
    }
}

/// The output from the first frame that is heard on, after `silence` frames.
pub fn heard(model: &Value, input: &[f32], chosen: f64, silence: usize) -> Vec<f64> {
    let mut x = vec![0.0; silence];
    x.extend(input.iter().map(|x| f64::from(*x)));
    let mut weights = Weights::of(model);
    let y = play(model, &vec![x], chosen, &mut weights);
    assert!(weights.are_used_up());
    y[0][silence..].to_vec()
}
