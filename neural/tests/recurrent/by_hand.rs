//! Cells of one unit whose numbers can be followed on paper.
//!
//! Gates get their value from a bias: sigmoid(ln 3) = 3/4, sigmoid(0) = 1/2, sigmoid(-ln 3) = 1/4. All three differ, so that
//! no gate can be taken for another.

use neural::simd::Path;
use serde_json::{Value, json};

use crate::make::rtneural;
use crate::{model, play};

const LN3: f64 = 1.0986122886681098;

fn holds(file: &Value, input: &[f32], expected: &[f64]) {
    for path in Path::available() {
        let output = play(&model(file), path, &[], input);
        for (y, expected) in output.iter().zip(expected) {
            assert!((f64::from(*y) - expected).abs() < 1e-6, "{output:?} on {path}, where {expected:?} is expected");
        }
    }
}

fn dense() -> Value {
    json!({ "type": "dense", "activation": "", "shape": [null, null, 1], "weights": [[[2.0]], [1.0]] })
}

/// i = 3/4, f = 1/2, o = 1/4, g = tanh(x + 2 h); y = 2 h + 1.
///
/// Frame 0, x = 1/2: c = 3/4 tanh(1/2) = 0.3465879, h = 1/4 tanh(c) = 0.0833365, y = 1.1666730.
/// Frame 1, x = 0: c = 1/2 0.3465879 + 3/4 tanh(0.1666730) = 0.2971531, h = 1/4 tanh(c) = 0.0721765, y = 1.1443529.
#[test]
fn an_lstm_unit_does_what_paper_says() {
    let expected = [1.1666730123, 1.1443529311];
    let keras = json!({
        "type": "lstm", "activation": "", "shape": [null, null, 1],
        "weights": [[[0, 0, 1, 0]], [[0, 0, 2, 0]], [LN3, 0, 0, -LN3]],
    });
    holds(&rtneural(1, vec![keras, dense()]), &[0.5, 0.0], &expected);
    let torch = json!({
        "model_data": {
            "model": "SimpleRNN", "input_size": 1, "skip": 0, "output_size": 1, "unit_type": "LSTM", "num_layers": 1,
            "hidden_size": 1, "bias_fl": true,
        },
        "state_dict": {
            "rec.weight_ih_l0": [[0], [0], [1], [0]], "rec.weight_hh_l0": [[0], [0], [2], [0]],
            "rec.bias_ih_l0": [1, 0, 0.25, 1], "rec.bias_hh_l0": [LN3 - 1.0, 0, -0.25, -LN3 - 1.0],
            "lin.weight": [[2]], "lin.bias": [1],
        },
    });
    holds(&torch, &[0.5, 0.0], &expected);
}

/// r = 3/4, z = 1/4, n = tanh(x + 0.1 + r (2 h + 0.2)); y = 2 h + 1.
///
/// Frame 0, x = 1/2: n = tanh(0.75) = 0.6351490, h = 3/4 n = 0.4763617, y = 1.9527234.
/// Frame 1, x = 0: n = tanh(0.1 + 3/4 1.1527234) = 0.7463797, h = 3/4 n + 1/4 0.4763617 = 0.6788126, y = 2.3576252.
#[test]
fn a_gru_unit_does_what_paper_says() {
    let expected = [1.9527234286, 2.3576252305];
    let keras = json!({
        "type": "gru", "activation": "tanh", "shape": [null, null, 1],
        "weights": [[[0, 0, 1]], [[0, 0, 2]], [[-LN3, LN3, 0.1], [0, 0, 0.2]]],
    });
    holds(&rtneural(1, vec![keras, dense()]), &[0.5, 0.0], &expected);
    let torch = json!({
        "model_data": {
            "model": "SimpleRNN", "input_size": 1, "skip": 0, "output_size": 1, "unit_type": "GRU", "num_layers": 1,
            "hidden_size": 1, "bias_fl": true,
        },
        "state_dict": {
            "rec.weight_ih_l0": [[0], [0], [1]], "rec.weight_hh_l0": [[0], [0], [2]],
            "rec.bias_ih_l0": [0, 0, 0.1], "rec.bias_hh_l0": [LN3, -LN3, 0.2],
            "lin.weight": [[2]], "lin.bias": [1],
        },
    });
    holds(&torch, &[0.5, 0.0], &expected);
}

/// y = 1 x(t - 4) + 10 x(t - 2) + 100 x(t) + 0.5.
#[test]
fn a_convolution_hears_its_first_tap_first() {
    let conv = json!({
        "type": "conv1d", "activation": "", "shape": [null, null, 1], "kernel_size": [3], "dilation": [2],
        "weights": [[[[1.0]], [[10.0]], [[100.0]]], [0.5]],
    });
    let expected = [100.5, 0.5, 10.5, 0.5, 1.5, 0.5];
    holds(&rtneural(1, vec![conv]), &[1.0, 0.0, 0.0, 0.0, 0.0, 0.0], &expected);
}

/// 6.0206 dB is twice: y = (3 (2 x) + 2 x) / 2 = 4 x.
#[test]
fn gains_are_in_decibels_and_the_input_gain_goes_past_too() {
    let dense = json!({ "type": "dense", "activation": "", "shape": [null, null, 1], "weights": [[[3.0]], [0.0]] });
    let mut file = rtneural(1, vec![dense]);
    file["in_skip"] = json!(1);
    file["in_gain"] = json!(6.020599913);
    file["out_gain"] = json!(-6.020599913);
    holds(&file, &[1.0, -0.25], &[4.0, -1.0]);
}
