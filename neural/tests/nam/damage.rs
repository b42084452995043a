//! Files that cannot be played: one clear error each, and never a panic.

use neural::nam::Model;
use neural::{Activations, FileKind, ModelError};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::own::{array, model, wavenet};

fn error(bytes: &[u8]) -> String {
    match Model::parse(bytes) {
        Ok(model) => panic!("parsed as {model:?}"),
        Err(error) => error.to_string(),
    }
}

fn refused(file: &Value, says: &str) {
    let error = error(file.to_string().as_bytes());
    assert!(error.contains(says), "\"{error}\" does not say \"{says}\"");
}

/// A small good file, changed.
fn changed(change: impl FnOnce(&mut Value)) -> Value {
    let mut file = model("WaveNet", wavenet(vec![array(json!({}))]), 1);
    change(&mut file);
    file
}

#[test]
fn versions_outside_those_understood_are_refused() {
    for version in ["0.4.9", "0.7.1", "0.8.0", "1.0.0", "0.5", "0.5.0.1", "0.5.x", "", "+0.5.0", "-0.6.0"] {
        refused(&changed(|file| file["version"] = version.into()), "version");
    }
    refused(&changed(|file| file["version"] = 5.into()), "version");
    for version in ["0.5.0", "0.5.4", "0.6.0", "0.6.12", "0.7.0"] {
        Model::parse(changed(|file| file["version"] = version.into()).to_string().as_bytes()).unwrap();
    }
}

#[test]
fn what_might_change_the_sound_and_is_not_known_is_refused_by_name() {
    refused(&changed(|file| file["architecture"] = "CatNet".into()), "CatNet");
    refused(&changed(|file| file["config"]["oversampling"] = 2.into()), "config.oversampling");
    refused(&changed(|file| file["config"]["layers"][0]["dropout"] = 2.into()), "config.layers[0].dropout");
    refused(&changed(|file| file["config"]["layers"][0]["activation"] = "Mish".into()), "Mish");
    let bounded = json!({"type": "Hardtanh", "min_val": -2.0, "max_val": 1.0});
    refused(&changed(|file| file["config"]["layers"][0]["activation"] = bounded), "min_val");
    let beta = json!({"type": "SiLU", "beta": 2.0});
    refused(&changed(|file| file["config"]["layers"][0]["activation"] = beta), "activation.beta");
    refused(&changed(|file| file["config"]["layers"][0]["gating_mode"] = "mixed".into()), "mixed");
    let slim = json!({"method": "prune"});
    refused(&changed(|file| file["config"]["layers"][0]["slimmable"] = slim), "prune");
    let film = json!({"active": true, "order": 2});
    refused(&changed(|file| file["config"]["layers"][0]["conv_pre_film"] = film), "conv_pre_film.order");
    refused(&changed(|file| file["config"]["in_channels"] = 2.into()), "2");
    let head = |inputs: Value| json!({"in_channels": inputs, "channels": 2, "out_channels": 1, "kernel_sizes": [1], "activation": "Tanh"});
    refused(&changed(|file| file["config"]["head"] = head(json!(2))), "head.in_channels");
    refused(&changed(|file| file["config"]["head"] = head(json!("1"))), "head.in_channels");
}

#[test]
fn members_at_the_top_that_mean_nothing_are_told() {
    let file = changed(|file| file["notes"] = "hello".into());
    assert_eq!(Model::parse(file.to_string().as_bytes()).unwrap().unread(), ["notes"]);
}

#[test]
fn weights_that_do_not_fit_are_refused_with_both_numbers() {
    let count = changed(|_| {})["weights"].as_array().unwrap().len();
    let fewer = changed(|file| drop(file["weights"].as_array_mut().unwrap().pop()));
    refused(&fewer, &count.to_string());
    refused(&fewer, &(count - 1).to_string());
    refused(&changed(|file| file["weights"].as_array_mut().unwrap().push(0.into())), &(count + 1).to_string());
    refused(&changed(|file| file["weights"] = json!([])), &count.to_string());
    refused(&changed(|file| file["weights"] = "none".into()), "weights");
    refused(&changed(|file| file["weights"][3] = "none".into()), "weights[3]");
    refused(&changed(|file| drop(file.as_object_mut().unwrap().remove("weights"))), "weights is missing");
}

#[test]
fn weights_that_are_no_numbers_are_refused() {
    refused(&changed(|file| file["weights"][7] = 1e39.into()), "weights[7]");
    for word in ["NaN", "Infinity", "-Infinity"] {
        let text = changed(|file| file["weights"][7] = "here".into()).to_string().replace("\"here\"", word);
        assert!(
            matches!(Model::parse(text.as_bytes()), Err(ModelError::NotANumber { .. })),
            "{}",
            error(text.as_bytes())
        );
    }
}

#[test]
fn sizes_that_cannot_be_are_refused() {
    refused(&changed(|file| file["config"]["layers"] = json!([])), "layers");
    for (name, value) in [
        ("channels", json!(0)),
        ("channels", json!(-1)),
        ("channels", json!(1.5)),
        ("channels", json!(1e18)),
        ("dilations", json!([])),
        ("dilations", json!([0])),
        ("dilations", json!([1e15])),
        ("dilations", json!(vec![1_048_576; 200])),
        ("kernel_size", json!(0)),
        ("kernel_size", json!(4_000_000)),
        ("bottleneck", json!(0)),
        ("head_size", json!(0)),
        ("condition_size", json!(3)),
        ("input_size", json!(3)),
        ("groups_input", json!(3)),
    ] {
        refused(
            &changed(|file| file["config"]["layers"][0][name] = value),
            if name == "dilations" { "" } else { name },
        );
    }
    let huge = json!({"input_size": 1, "hidden_size": 1024, "num_layers": 256});
    let file = json!({"version": "0.5.4", "architecture": "LSTM", "config": huge, "weights": []});
    refused(&file, "hidden_size");
    let none = json!({"input_size": 1, "hidden_size": 3, "num_layers": 0});
    let file = json!({"version": "0.5.4", "architecture": "LSTM", "config": none, "weights": []});
    refused(&file, "num_layers");
    let container = json!({"submodels": []});
    let file = json!({"version": "0.7.0", "architecture": "SlimmableContainer", "config": container, "weights": []});
    refused(&file, "no models");
}

#[test]
fn deep_and_huge_files_are_refused() {
    error(&b"[".repeat(1_000_000));
    error(&b"{\"a\":".repeat(1_000_000));
    assert!(error(&vec![b' '; (64 << 20) + 1]).contains("bytes"));
    let mut many = b"[".to_vec();
    many.extend(b"{},".repeat(2_000_000));
    many.extend(b"{}]");
    assert!(error(&many).contains("values"), "{}", error(&many));
    for text in ["", "null", "[]", "3", "{}", "{\"version\":\"0.5.0\",\"version\":\"0.5.0\"}", "\u{feff}{}"] {
        error(text.as_bytes());
    }
}

#[test]
fn networks_within_networks_take_no_more_together_than_one_may() {
    let far = json!({"dilations": [1_000_000], "kernel_size": 2});
    let nested = |inner: Option<Value>| {
        let mut config = wavenet(vec![array(far.clone())]);
        config["condition_dsp"] = inner.into();
        model("WaveNet", config, 1)
    };
    let two = nested(Some(nested(None)));
    Model::parse(two.to_string().as_bytes()).unwrap();
    refused(&nested(Some(two)), "frames looked back of all networks up to config is 3000000");

    // Groups make much of few weights: eight million numbers of thirty thousand.
    let grouped = json!({"channels": 512, "groups_input": 512, "kernel_size": 1, "dilations": vec![1; 16],
        "layer1x1": {"active": true, "groups": 512}});
    let layers = array(grouped);
    let part = |bound: f64| json!({"max_value": bound, "model": model("WaveNet", wavenet(vec![layers.clone()]), 1)});
    let submodels: Vec<Value> = (1..=3).map(|number| part(f64::from(number) / 3.0)).collect();
    let container = |submodels: &[Value]| json!({"version": "0.7.0", "architecture": "SlimmableContainer", "weights": [], "config": {"submodels": submodels}});
    Model::parse(container(&submodels[2..]).to_string().as_bytes()).unwrap();
    refused(&container(&submodels), "number of weights of all networks up to config.submodels[1]");
}

#[test]
fn a_file_without_a_sample_rate_is_played_and_says_so() {
    let file = changed(|file| drop(file.as_object_mut().unwrap().remove("sample_rate")));
    assert_eq!(Model::parse(file.to_string().as_bytes()).unwrap().sample_rate(), None);
    for rate in [json!(0), json!("48k"), json!(-44100), json!(1e9)] {
        refused(&changed(|file| file["sample_rate"] = rate), "sample_rate");
    }
}

#[test]
fn recurrent_models_are_told_from_damaged_files() {
    for text in [r#"{"in_shape": [null, 1], "layers": []}"#, r#"{"model_data": {}, "state_dict": {}}"#] {
        let error = Model::parse(text.as_bytes()).unwrap_err();
        assert!(matches!(error, ModelError::OtherKind(FileKind::Recurrent)), "{error}");
    }
}

/// Parses, and plays what is parsed.
fn survives(bytes: &[u8]) {
    if let Ok(model) = Model::parse(bytes) {
        let mut output = [0.0; 70];
        let mut network = model.network(Activations::Exact);
        network.process(&[0.5; 70], &mut output);
        for size in [0.0, 0.5] {
            model.controls().iter().enumerate().for_each(|(index, _)| network.set_control(index, size));
            network.process(&[0.5; 70], &mut output);
        }
    }
}

/// Files in which every feature occurs.
fn files() -> Vec<String> {
    let film = json!({"active": true, "shift": true, "groups": 1});
    let mut full = array(json!({"gating_mode": ["none", "blended", "gated"], "channels": 2, "condition_size": 1,
        "secondary_activation": [null, "ReLU", {"type": "LeakyHardtanh", "min_val": -0.4}],
        "head1x1": {"active": true, "out_channels": 2, "groups": 1}, "kernel_size": "absent", "kernel_sizes": [1, 2, 3]}));
    for place in ["conv_pre_film", "input_mixin_pre_film", "activation_post_film", "head1x1_post_film"] {
        full[place] = film.clone();
    }
    let mut around = wavenet(vec![full]);
    around["condition_dsp"] = model("Linear", json!({"receptive_field": 2, "bias": true}), 1);
    let mut slim = array(json!({"channels": 2, "slimmable": {"method": "slice_channels_uniform", "kwargs": {}}}));
    slim["activation_post_film"] = film;
    let lstm = model("LSTM", json!({"input_size": 1, "hidden_size": 1, "num_layers": 1}), 1);
    let config = json!({"submodels": [{"max_value": 1.0, "model": lstm}]});
    let convnet = json!({"channels": 2, "dilations": [1, 2], "batchnorm": true, "activation": "Tanh"});
    let container = json!({"version": "0.7.0", "architecture": "SlimmableContainer", "config": config, "weights": []});
    [model("WaveNet", around, 1), model("WaveNet", wavenet(vec![slim]), 1), model("ConvNet", convnet, 1), container]
        .iter()
        .map(Value::to_string)
        .collect()
}

#[test]
fn no_changed_byte_and_no_missing_end_makes_the_parser_panic() {
    for file in files() {
        let bytes = file.as_bytes();
        for at in 0..bytes.len() {
            survives(&bytes[..at]);
            for byte in [b'0', b'9', b'-', b'"', b'[', b'}', b',', b'e', 0xff, bytes[at] ^ 1] {
                let mut changed = bytes.to_vec();
                changed[at] = byte;
                if let Ok(model) = Model::parse(&changed) {
                    assert!(!model.version().is_empty());
                }
            }
        }
    }
}

/// Members and values that files have, to be put where they do not belong.
fn pieces() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "null",
            "true",
            "false",
            "0",
            "1",
            "2",
            "-1",
            "1e9",
            "1e400",
            "0.5",
            "[]",
            "{}",
            "\"\"",
            "\"Tanh\"",
            "[1,2]",
            "\"gated\"",
            "\"WaveNet\"",
            "[[[1]]]",
            "4096",
            "1048576",
            "\"head\"",
            "\"condition_dsp\":",
            ",",
            "\u{e9}",
        ])
        .prop_map(str::to_owned),
        "[ -~]{0,6}",
    ]
}

/// So many random cases, or as many times that as `TONEMILL_FUZZ` says: `TONEMILL_FUZZ=100 cargo test -p tonemill-neural
/// damage` is a long search for files that break a parser.
fn cases(count: u32) -> ProptestConfig {
    let times =
        std::env::var("TONEMILL_FUZZ").map_or(1, |times| times.parse().expect("TONEMILL_FUZZ is a whole number"));
    ProptestConfig::with_cases(count * times)
}

proptest! {
    #![proptest_config(cases(3000))]

    #[test]
    fn no_mixture_of_pieces_makes_the_parser_panic(
        which in 0usize..4,
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<bool>(), 0usize..12, pieces()), 1..6),
    ) {
        let mut file = files().swap_remove(which);
        for (at, whole, cut, piece) in edits {
            let commas: Vec<usize> = file.match_indices([',', ':']).map(|(at, _)| at + 1).collect();
            if file.is_empty() || commas.is_empty() {
                break;
            }
            // Either a whole value is replaced, or a few letters are.
            let from = if whole { commas[at.index(commas.len())] } else { at.index(file.len()) };
            let from = (0..=from).rev().find(|from| file.is_char_boundary(*from)).unwrap();
            let rest = &file[from..];
            let length = if whole { rest.find([',', '}', ']']).unwrap_or(rest.len()) } else { cut.min(rest.len()) };
            let to = (from + length..=file.len()).find(|to| file.is_char_boundary(*to)).unwrap();
            file.replace_range(from..to, &piece);
        }
        survives(file.as_bytes());
    }

    #[test]
    fn no_bytes_make_the_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        survives(&bytes);
    }
}
