//! Files that are not played, and why.

use neural::rnn::Model;
use neural::{Activations, FileKind, ModelError};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::make::{activation, batchnorm, conv1d, conv2d, dense, gru, guitarml, lstm, prelu, rtneural};

fn whole() -> Value {
    rtneural(2, vec![lstm(1, 2, 3), gru(2, 3, 2), conv1d(3, 2, 2, [2, 1, 1]), dense(4, 2, 1, "")])
}

fn refusal(bytes: &[u8]) -> ModelError {
    match Model::parse(bytes) {
        Err(error) => error,
        Ok(_) => panic!("read: {:.300}", String::from_utf8_lossy(bytes)),
    }
}

/// What is said of `file` when the value at `pointer` is `value` (or not there, if that is null).
#[track_caller]
fn said(mut file: Value, pointer: &str, value: Value, message: &str) {
    let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
    let parent = file.pointer_mut(parent).expect("something that can be damaged");
    match (parent, value) {
        (Value::Array(list), Value::Null) => drop(list.remove(key.parse().expect("an index"))),
        (Value::Array(list), value) if key == "-" => list.push(value),
        (Value::Array(list), value) => list[key.parse::<usize>().expect("an index")] = value,
        (Value::Object(fields), Value::Null) => drop(fields.remove(key).expect("a field that can be missing")),
        (Value::Object(fields), value) => drop(fields.insert(key.to_owned(), value)),
        (other, _) => panic!("{other} cannot be damaged"),
    }
    assert_eq!(refusal(file.to_string().as_bytes()).to_string(), message);
}

#[test]
fn weights_of_other_sizes_are_refused_with_their_place() {
    said(
        whole(),
        "/layers/0/weights/0/0/-",
        json!(1),
        "layers[0].weights[0][0] holds 13 numbers, where 12 are expected",
    );
    said(whole(), "/layers/0/weights/1/2", Value::Null, "layers[0].weights[1] holds 2 numbers, where 3 are expected");
    said(
        whole(),
        "/layers/1/weights/2/1/0",
        Value::Null,
        "layers[1].weights[2][1] holds 5 numbers, where 6 are expected",
    );
    said(whole(), "/layers/1/weights/2/0", json!(0.5), "layers[1].weights[2][0] is 0.5, where a list is expected");
    said(
        whole(),
        "/layers/0/weights/-",
        json!([]),
        "layers[0].weights is a list of 4, where a list of 3, or of 2 without biases is expected",
    );
    said(whole(), "/layers/2/weights/0/1", Value::Null, "layers[2].weights[0] holds 1 numbers, where 2 are expected");
    said(whole(), "/layers/3/weights", Value::Null, "layers[3].weights is missing");
    let file = || guitarml("GRU", 2, 2, 3, 1, true);
    said(
        file(),
        "/state_dict/rec.weight_hh_l1/4/1",
        Value::Null,
        "state_dict.rec.weight_hh_l1[4] holds 2 numbers, where 3 are expected",
    );
    said(file(), "/state_dict/rec.bias_ih_l0", Value::Null, "state_dict.rec.bias_ih_l0 is missing");
    said(file(), "/model_data/num_layers", json!(3), "state_dict.rec.weight_ih_l2 is missing");
    said(file(), "/model_data/num_layers", json!(1), "state_dict: there are 10 tensors, and 6 by model_data");
    said(
        file(),
        "/model_data/unit_type",
        json!("LSTM"),
        "state_dict.rec.weight_ih_l0 holds 9 numbers, where 12 are expected",
    );
}

#[test]
fn weights_that_are_no_numbers_are_refused() {
    let place = "layers[3].weights[0][1][0]";
    said(whole(), "/layers/3/weights/0/1/0", json!("1"), &format!("{place} is \"1\", where a number is expected"));
    said(whole(), "/layers/3/weights/0/1/0", json!(1e39), &format!("{place} is not a finite 32-bit number"));
    // Python writes NaN like this, and it is not JSON.
    let text = whole().to_string();
    for name in ["NaN", "Infinity", "-Infinity"] {
        let damaged = text.replacen("[[", &format!("\n[[{name},"), 1);
        let column = if name.starts_with('-') { 4 } else { 3 };
        assert_eq!(
            refusal(damaged.as_bytes()).to_string(),
            format!(
                "line 2, column {column}: not a number (NaN or Infinity). The model did not train properly; export it again"
            )
        );
    }
    let large = text.replacen("[[", "[[1e999,", 1);
    assert!(matches!(refusal(large.as_bytes()), ModelError::Json(_)));
    let mut variance = rtneural(1, vec![batchnorm(1, 1, true)]);
    variance["layers"][0]["weights"][3] = json!([-1.0]);
    assert_eq!(
        refusal(variance.to_string().as_bytes()).to_string(),
        "layers[0].weights: a variance is not positive with epsilon"
    );
}

#[test]
fn what_is_not_played_is_refused_by_name() {
    said(whole(), "/layers/1/type", json!("attention"), "layers[1].type: layer type \"attention\" is not supported");
    said(whole(), "/layers/3/activation", json!("gelu"), "layers[3].activation: activation \"gelu\" is not supported");
    said(
        whole(),
        "/layers/0/activation",
        json!("relu"),
        "layers[0].activation: activation of a recurrent layer \"relu\" is not supported",
    );
    said(whole(), "/layers/2/strides", json!([2]), "layers[2].strides is [2], where the whole number 1 is expected");
    said(whole(), "/in_skip", json!(2), "in_skip is 2, where the whole number 0 to 1 is expected");
    let file = || guitarml("LSTM", 1, 1, 3, 1, true);
    said(file(), "/model_data/unit_type", json!("RNN"), "model_data.unit_type: unit type \"RNN\" is not supported");
    said(
        file(),
        "/model_data/model",
        json!("GatedConvNet"),
        "model_data.model: module \"GatedConvNet\" is not supported",
    );
    said(
        file(),
        "/model_data/output_size",
        json!(2),
        "model_data.output_size is 2, where the whole number 1 is expected",
    );
    said(file(), "/model_data/skip", json!(2), "model_data.skip is 2, where the whole number 0 to 1 is expected");
    let features = rtneural(2, vec![conv2d(1, [2, 1], [1, 1], [1, 2], 1, "valid")]);
    said(features, "/layers/0/padding", json!("reflect"), "layers[0].padding: padding \"reflect\" is not supported");
}

#[test]
fn sizes_that_do_not_fit_are_refused() {
    said(whole(), "/layers", json!([]), "layers is [], where 1 to 256 layers is expected");
    said(whole(), "/layers/3", Value::Null, "layers: the last layer gives 2 numbers, where one is played");
    said(rtneural(1, vec![activation("", 1)]), "/x", json!(1), "layers: none of the layers does anything");
    said(whole(), "/in_shape", json!([]), "in_shape is [], where a shape of 1 to 1024 numbers is expected");
    said(whole(), "/in_shape/2", json!(0), "in_shape[2] is 0, where the whole number 1 to 1024 is expected");
    said(whole(), "/in_shape/2", json!(3), "layers[0].weights[0] holds 2 numbers, where 3 are expected");
    let huge = json!(4_000_000_000u64);
    let message = "layers[0].shape[2] is 4000000000, where the whole number 1 to 1024 is expected";
    said(whole(), "/layers/0/shape/2", huge.clone(), message);
    let message = "layers[2].dilation[0] is 4000000000, where the whole number 1 to 65536 is expected";
    said(whole(), "/layers/2/dilation", huge.clone(), &message.replace("[0] is 4000000000", " is 4000000000"));
    let file = || guitarml("LSTM", 1, 1, 3, 1, true);
    for field in ["hidden_size", "input_size"] {
        let message = format!("model_data.{field} is 4000000000, where the whole number 1 to 1024 is expected");
        said(file(), &format!("/model_data/{field}"), huge.clone(), &message);
    }
    said(
        file(),
        "/model_data/num_layers",
        json!(0),
        "model_data.num_layers is 0, where the whole number 1 to 16 is expected",
    );
    let narrow = rtneural(1, vec![dense(1, 1, 4, ""), prelu(2, 4, 4), dense(3, 4, 1, "")]);
    said(narrow, "/layers/1/shape/2", json!(3), "layers[1].shape: 3 numbers do not fit the 4 that come in");
    // Large layers whose weights are not there cost no memory before that is seen.
    let far = rtneural(1, vec![dense(1, 1, 1024, ""), conv1d(2, 1, 1, [1, 1, 1])]);
    let mut file = far;
    file["layers"][1]["kernel_size"] = json!([1024]);
    file["layers"][1]["dilation"] = json!([65536]);
    assert_eq!(
        refusal(file.to_string().as_bytes()).to_string(),
        "the number of remembered numbers of layers[1] is 68652367872, more than the 1048576 that is played"
    );
}

#[test]
fn what_is_no_model_is_refused() {
    for text in ["", "{", "[1, 2", "{\"layers\": }", "\u{feff}{}"] {
        assert!(matches!(refusal(text.as_bytes()), ModelError::Json(_)), "{text:?}");
    }
    for text in ["{}", "[]", "3", "null"] {
        assert!(matches!(refusal(text.as_bytes()), ModelError::NotAModel(_)), "{text:?}");
    }
    let nam = r#"{"version": "0.5.4", "architecture": "LSTM", "weights": []}"#;
    assert!(matches!(refusal(nam.as_bytes()), ModelError::OtherKind(FileKind::Nam)));
    let deep = format!("{{\"layers\":{}", "[".repeat(1 << 20));
    assert!(matches!(refusal(deep.as_bytes()), ModelError::Json(_)));
    let mut large = whole().to_string().into_bytes();
    large.resize((16 << 20) + 1, b' ');
    assert!(matches!(refusal(&large), ModelError::TooLarge { bytes, .. } if bytes == large.len()));
}

/// Every number, text and list of a file is at some place; `edit` changes the one with this index.
fn at_index<'a>(value: &'a mut Value, index: &mut usize) -> Option<&'a mut Value> {
    if *index == 0 {
        return Some(value);
    }
    *index -= 1;
    match value {
        Value::Array(list) => list.iter_mut().find_map(|value| at_index(value, index)),
        Value::Object(fields) => fields.values_mut().find_map(|value| at_index(value, index)),
        _ => None,
    }
}

/// So many random cases, or as many times that as `TONEMILL_FUZZ` says: `TONEMILL_FUZZ=100 cargo test -p tonemill-neural
/// damage` is a long search for files that break a parser.
fn cases(count: u32) -> ProptestConfig {
    let times =
        std::env::var("TONEMILL_FUZZ").map_or(1, |times| times.parse().expect("TONEMILL_FUZZ is a whole number"));
    ProptestConfig::with_cases(count * times)
}

/// Either an error, or a network that plays.
fn refused_or_played(bytes: &[u8]) {
    match Model::parse(bytes) {
        Err(error) => assert!(!error.to_string().is_empty()),
        Ok(model) => {
            let mut output = [0.0; 8];
            model.network(Activations::Exact).process(&[0.5; 8], &mut output);
            let mut batch = model.batch(Activations::Exact, 1);
            batch.process(&[&[0.5; 8]], &mut [&mut output]);
        }
    }
}

fn samples() -> Vec<Value> {
    let mut features =
        rtneural(2, vec![conv2d(1, [2, 1], [2, 1], [2, 2], 1, "same"), prelu(2, 2, 1), dense(3, 2, 1, "elu")]);
    features["in_shape"] = json!([null, null, 2, 1]);
    features["metadata"] = json!({ "name": "a", "samplerate": "48000" });
    features["in_gain"] = json!(3);
    vec![whole(), guitarml("GRU", 2, 2, 2, 1, true), features]
}

#[test]
fn files_with_damaged_bytes_are_refused_or_played_without_a_panic() {
    for whole in samples().iter().map(Value::to_string) {
        assert!(Model::parse(whole.as_bytes()).is_ok());
        let edits = prop::collection::vec((0..whole.len(), prop::option::of(any::<u8>()), 0..8usize), 1..6);
        proptest!(cases(1000), |(edits in edits)| {
            let mut bytes = whole.as_bytes().to_vec();
            for (at, new, drop) in edits {
                let at = at.min(bytes.len());
                bytes.drain(at..(at + drop).min(bytes.len()));
                bytes.splice(at..at, new);
            }
            refused_or_played(&bytes);
        });
    }
}

#[test]
fn files_with_damaged_values_are_refused_or_played_without_a_panic() {
    let value = prop_oneof![
        Just(json!(null)),
        Just(json!([])),
        Just(json!({})),
        Just(json!([[1]])),
        Just(json!("lstm")),
        Just(json!("softmax")),
        Just(json!(true)),
        any::<f64>().prop_map(|number| json!(number)),
        any::<u64>().prop_map(|number| json!(number)),
        (-2..70i64).prop_map(|number| json!(number)),
    ];
    for whole in samples() {
        let edits = prop::collection::vec((0..200usize, value.clone()), 1..3);
        proptest!(cases(1000), |(edits in edits)| {
            let mut file = whole.clone();
            for (mut index, value) in edits {
                if let Some(place) = at_index(&mut file, &mut index) {
                    *place = value;
                }
            }
            refused_or_played(file.to_string().as_bytes());
        });
    }
}
