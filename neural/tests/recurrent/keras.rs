//! What Keras computes: `keras.json`, made by `write_keras.py` beside it.

use neural::Activations;
use neural::simd::Path;
use serde_json::Value;

use crate::{error, model};

#[test]
fn networks_sound_as_keras_computes_them() {
    let cases: Vec<Value> =
        serde_json::from_str(include_str!("keras.json")).expect("the file that write_keras.py made");
    assert_eq!(cases.len(), 4);
    for case in &cases {
        let model = model(&case["file"]);
        let rows: Vec<Vec<f32>> = serde_json::from_value(case["input"].clone()).expect("rows of numbers");
        let expected: Vec<f64> = serde_json::from_value(case["output"].clone()).expect("numbers");
        for path in Path::available() {
            let mut network = model.network_on(path, Activations::Exact);
            let mut output = vec![f32::NAN; rows.len()];
            for (row, y) in rows.iter().zip(&mut output) {
                row[1..].iter().enumerate().for_each(|(index, knob)| network.set_control(index, *knob));
                network.process(&row[..1], std::slice::from_mut(y));
            }
            // Both sides compute in 32 bits; a wrong order of gates or taps would be off by hundredths.
            let error = error(&output, &expected);
            assert!(error <= 2e-6, "{} on {path}: {error:e}", case["name"]);
        }
    }
}
