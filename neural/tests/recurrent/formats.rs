//! Every feature of the formats, with random weights.

use neural::simd::Path;
use serde_json::{Value, json};

use crate::make::{self, activation, batchnorm, batchnorm2d, conv1d, conv2d, dense, gru, lstm, prelu, rtneural};
use crate::{TOLERANCE, error, expected, model, play, signal};

/// Sizes that programs come in, and others.
const SIZES: [usize; 14] = [1, 2, 7, 8, 12, 16, 17, 20, 24, 32, 33, 40, 64, 80];

fn holds(what: &str, file: &Value) {
    let model = model(file);
    let knobs: Vec<f32> = (0..model.controls().len()).map(|index| 0.15 + 0.2 * index as f32).collect();
    let input = signal(3, 700);
    let expected = expected(file, &knobs, &input);
    assert!(expected.iter().any(|y| y.abs() > 1e-3), "{what} is silent and shows nothing");
    for path in Path::available() {
        let error = error(&play(&model, path, &knobs, &input), &expected);
        assert!(error <= TOLERANCE, "{what} on {path}: {error:e}");
    }
}

#[test]
fn guitarml_files_of_every_size_sound_as_the_reference() {
    for unit in ["LSTM", "GRU"] {
        for hidden in SIZES {
            holds(&format!("{unit} {hidden}"), &make::guitarml(unit, 1, 1, hidden, 1, true));
        }
        for inputs in 2..=5 {
            holds(&format!("{unit}, {inputs} inputs"), &make::guitarml(unit, inputs, 1, 20, 1, true));
        }
        for layers in 2..=4 {
            holds(&format!("{layers} x {unit}"), &make::guitarml(unit, 2, layers, 24, 0, true));
        }
        holds(&format!("{unit} without bias"), &make::guitarml(unit, 1, 1, 9, 0, false));
    }
}

#[test]
fn rtneural_files_of_every_size_sound_as_the_reference() {
    for hidden in SIZES {
        holds(&format!("LSTM {hidden}"), &rtneural(1, vec![lstm(1, 1, hidden), dense(2, hidden, 1, "")]));
        holds(&format!("GRU {hidden}"), &rtneural(1, vec![gru(1, 1, hidden), dense(2, hidden, 1, "")]));
    }
    for inputs in 2..=4 {
        holds(&format!("{inputs} inputs"), &rtneural(inputs, vec![lstm(4, inputs, 12), dense(5, 12, 1, "")]));
        holds(&format!("{inputs} inputs"), &rtneural(inputs, vec![gru(4, inputs, 12), dense(5, 12, 1, "")]));
    }
    let stacked = vec![lstm(1, 1, 10), gru(2, 10, 17), lstm(3, 17, 6), dense(4, 6, 3, "tanh"), dense(5, 3, 1, "")];
    holds("a stack of all", &rtneural(1, stacked));
    holds("a unit that is the output", &rtneural(1, vec![gru(1, 1, 1)]));
}

#[test]
fn layers_without_bias_sound_as_the_reference() {
    let mut file = rtneural(1, vec![lstm(1, 1, 5), gru(2, 5, 6), conv1d(3, 6, 4, [2, 1, 1]), dense(4, 4, 1, "")]);
    for layer in file["layers"].as_array_mut().unwrap() {
        layer["weights"].as_array_mut().unwrap().pop();
    }
    holds("layers without bias", &file);
}

#[test]
fn every_activation_sounds_as_the_reference() {
    for name in ["", "tanh", "sigmoid", "relu", "elu", "softmax"] {
        for width in [1, 3, 16, 19] {
            let inside = rtneural(1, vec![dense(1, 1, width, name), dense(2, width, 1, "")]);
            holds(&format!("dense {width} with {name}"), &inside);
            let alone = vec![dense(1, 1, width, ""), activation(name, width), dense(2, width, 1, "")];
            holds(&format!("{name} of {width}"), &rtneural(1, alone));
        }
    }
}

#[test]
fn every_layer_without_recurrence_sounds_as_the_reference() {
    for taps_dilation_groups in [[1, 1, 1], [3, 1, 1], [2, 7, 1], [3, 2, 2], [5, 100, 4]] {
        let layers = vec![dense(1, 1, 8, "tanh"), conv1d(2, 8, 12, taps_dilation_groups), dense(3, 12, 1, "")];
        holds(&format!("conv1d {taps_dilation_groups:?}"), &rtneural(1, layers));
    }
    holds("one tap a frame", &rtneural(1, vec![conv1d(2, 1, 1, [9, 3, 1])]));
    for affine in [true, false] {
        let layers = vec![dense(1, 1, 18, ""), batchnorm(2, 18, affine), dense(3, 18, 1, "")];
        holds(&format!("batchnorm, affine {affine}"), &rtneural(1, layers));
    }
    for slopes in [1, 18] {
        let layers = vec![dense(1, 1, 18, ""), prelu(2, 18, slopes), dense(3, 18, 1, "")];
        holds(&format!("prelu of {slopes}"), &rtneural(1, layers));
    }
    let mut named = rtneural(1, vec![dense(1, 1, 4, "relu"), dense(2, 4, 1, "")]);
    named["layers"][0]["type"] = json!("time-distributed-dense");
    holds("time-distributed-dense", &named);
}

#[test]
fn convolutions_over_features_sound_as_the_reference() {
    for (padding, stride, features) in
        [("valid", 1, 3), ("valid", 2, 2), ("same", 1, 5), ("same", 2, 3), ("same", 3, 2)]
    {
        let layers = vec![
            conv2d(1, [5, 1], [features, 2], [3, 3], stride, padding),
            batchnorm2d(2, features, 2),
            activation("tanh", 2),
            dense(3, 2 * features, 1, ""),
        ];
        let mut file = rtneural(5, layers);
        file["in_shape"] = json!([null, null, 5, 1]);
        file["layers"][2]["shape"] = json!([null, null, features, 2]);
        holds(&format!("conv2d {padding} {stride}"), &file);
    }
}

#[test]
fn gains_and_the_way_past_the_layers_are_honoured() {
    for skip in [0, 1] {
        for (input, output) in [(0.0, 0.0), (6.0, 0.0), (0.0, -4.5), (-12.0, 9.0)] {
            let mut file = rtneural(2, vec![lstm(1, 2, 12), dense(2, 12, 1, "")]);
            file["in_skip"] = json!(skip);
            file["in_gain"] = json!(input);
            file["out_gain"] = json!(output);
            holds(&format!("skip {skip}, gains {input} and {output} dB"), &file);
        }
        holds(&format!("skip {skip}"), &make::guitarml("LSTM", 2, 1, 16, skip, true));
    }
}
