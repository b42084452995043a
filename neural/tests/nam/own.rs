//! Models with random weights.

use serde_json::{Value, json};

use crate::reference::{Weights, play};

/// A model of an architecture and configuration, with as many weights as it takes, drawn from a seed. The rate is low so that
/// what is warmed up for half a second is short.
pub fn model(architecture: &str, config: Value, seed: u32) -> Value {
    let mut model =
        json!({"version": "0.7.0", "architecture": architecture, "config": config, "weights": [], "sample_rate": 1000});
    let mut weights = Weights::drawn(seed);
    play(&model, &vec![vec![0.0]], 1.0, &mut weights);
    model["weights"] = weights.values.into();
    model
}

/// One array of layers: what is given, and ordinary values for the rest.
pub fn array(given: Value) -> Value {
    let mut array = json!({"input_size": 1, "condition_size": 1, "head_size": 1, "channels": 4, "kernel_size": 3,
        "dilations": [1, 2, 5], "activation": "Tanh", "head_bias": true});
    for (name, value) in given.as_object().unwrap() {
        match value {
            Value::String(gone) if gone == "absent" => {
                array.as_object_mut().unwrap().remove(name);
            }
            value => array[name] = value.clone(),
        }
    }
    array
}

/// A WaveNet of these arrays.
pub fn wavenet(arrays: Vec<Value>) -> Value {
    json!({"layers": arrays, "head": null, "head_scale": 0.02})
}
