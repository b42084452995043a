//! Every feature of the format, in small networks with random weights, against the slow reference: on every path, in calls of
//! every length, from the first frame on.

use neural::Activations;
use neural::nam::Model;
use neural::simd::Path;
use serde_json::{Value, json};

use crate::own::{array, model, wavenet};
use crate::reference::heard;

/// Louder than most, so that activations are driven beyond their middles.
fn input(frames: usize) -> Vec<f32> {
    let mut state = 7u32;
    (0..frames)
        .map(|t| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let noise = (state >> 8) as f32 / (1 << 24) as f32 - 0.5;
            1.5 * (t as f32 * 0.03).sin() + noise
        })
        .collect()
}

fn check_at(name: &str, model: &Value, size: f32) {
    let parsed = Model::parse(model.to_string().as_bytes()).unwrap_or_else(|error| panic!("{name}: {error}"));
    let input = input(700);
    // A whole number of the blocks in which networks are warmed up; the longest look back of a test is far shorter.
    let expected = heard(model, &input, f64::from(size), 512);
    let peak = expected.iter().fold(1.0, |peak: f64, y| peak.max(y.abs()));
    assert!(expected.iter().any(|y| y.abs() > 1e-3), "{name} is silent");
    for path in Path::available() {
        let mut network = parsed.network_on(path, Activations::Exact);
        network.set_control(0, size);
        for call in [1, 63, 64, 512, 4096] {
            network.reset();
            let mut output = vec![0.0; input.len()];
            network.process(&[], &mut []);
            for (input, output) in input.chunks(call).zip(output.chunks_mut(call)) {
                assert_no_alloc::assert_no_alloc(|| network.process(input, output));
            }
            for (t, (y, exact)) in output.iter().zip(&expected).enumerate() {
                let error = (f64::from(*y) - exact).abs();
                assert!(error <= 2e-5 * peak, "{name} on {path}, calls of {call}, frame {t}: {y} is not {exact}");
            }
        }
    }
}

fn check(name: &str, architecture: &str, config: Value) {
    check_at(name, &model(architecture, config, name.len() as u32), 1.0);
}

#[test]
fn wavenets_of_every_width_agree() {
    for channels in [1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 16, 17] {
        let first = array(json!({"channels": channels, "head_size": 3, "gated": false, "head_bias": false}));
        let second = array(json!({"channels": 3, "input_size": channels, "dilations": [1, 40], "gated": false}));
        check(&format!("{channels} channels"), "WaveNet", wavenet(vec![first, second]));
    }
}

#[test]
fn every_activation_agrees() {
    let activations = [
        json!("Tanh"),
        json!("Fasttanh"),
        json!("Hardtanh"),
        json!({"type": "Hardtanh", "min_val": -1.0, "max_val": 1.0}),
        json!("ReLU"),
        json!("LeakyReLU"),
        json!({"type": "LeakyReLU", "negative_slope": 0.3}),
        json!("PReLU"),
        json!({"type": "PReLU", "negative_slope": 0.2}),
        json!({"type": "PReLU", "negative_slopes": [0.1, 0.2, -0.3, 0.4]}),
        json!("Sigmoid"),
        json!("SiLU"),
        json!("Hardswish"),
        json!("LeakyHardtanh"),
        json!({"type": "LeakyHardTanh", "min_val": -0.4, "max_val": 0.6, "min_slope": 0.1, "max_slope": 0.2}),
        json!("Softsign"),
    ];
    for activation in &activations {
        check(&format!("{activation}"), "WaveNet", wavenet(vec![array(json!({"activation": activation}))]));
        let gate = json!({"gating_mode": "gated", "secondary_activation": activation});
        check(&format!("gate {activation}"), "WaveNet", wavenet(vec![array(gate)]));
    }
    let each = json!({"activation": [activations[0], activations[4], activations[9]]});
    check("one activation for each layer", "WaveNet", wavenet(vec![array(each)]));
}

#[test]
fn gated_and_blended_layers_agree() {
    for settings in [
        json!({"gated": true}),
        json!({"gated": true, "secondary_activation": "ReLU"}),
        json!({"gating_mode": "gated"}),
        json!({"gating_mode": "blended", "secondary_activation": "Hardswish"}),
        json!({"gating_mode": ["none", "blended", "gated"], "secondary_activation": [null, "ReLU", "Tanh"]}),
        json!({"gating_mode": "none", "secondary_activation": ""}),
        json!({"gating_mode": "blended", "bottleneck": 3, "channels": 6}),
    ] {
        check(&settings.to_string(), "WaveNet", wavenet(vec![array(settings)]));
    }
}

#[test]
fn grouped_and_bottlenecked_convolutions_agree() {
    for settings in [
        json!({"groups_input": 2}),
        json!({"groups_input": 4}),
        json!({"bottleneck": 2}),
        json!({"bottleneck": 8, "groups_input": 4}),
        json!({"layer1x1": {"active": true, "groups": 2}}),
        json!({"layer1x1": {"active": false, "groups": 1}}),
        json!({"head1x1": {"active": true, "out_channels": 6, "groups": 2}}),
        json!({"head1x1": {"active": false, "out_channels": 6, "groups": 2}}),
        json!({"bottleneck": 6, "layer1x1": {"active": true, "groups": 2},
               "head1x1": {"active": true, "out_channels": 3, "groups": 3}, "gating_mode": "gated"}),
    ] {
        check(&settings.to_string(), "WaveNet", wavenet(vec![array(settings)]));
    }
}

#[test]
fn modulation_at_every_place_agrees() {
    let places = [
        "conv_pre_film",
        "conv_post_film",
        "input_mixin_pre_film",
        "input_mixin_post_film",
        "activation_pre_film",
        "activation_post_film",
        "layer1x1_post_film",
        "head1x1_post_film",
    ];
    for mode in ["none", "gated", "blended"] {
        let all = |settings: &Value| {
            let mut array = array(json!({"gating_mode": mode, "bottleneck": 6,
                "head1x1": {"active": true, "out_channels": 2, "groups": 1}}));
            places.iter().for_each(|place| array[*place] = settings.clone());
            array
        };
        for place in places {
            for film in [json!({"active": true, "shift": true, "groups": 1}), json!({"shift": false}), json!(false)] {
                let mut array = all(&json!(false));
                array[place] = film.clone();
                check(&format!("{mode}: {place} {film}"), "WaveNet", wavenet(vec![array]));
            }
        }
        check(&format!("{mode}: all"), "WaveNet", wavenet(vec![all(&json!({"active": true, "shift": true}))]));
    }
}

#[test]
fn conditions_made_by_every_kind_of_network_agree() {
    let given = |architecture: &str, config: Value| {
        let mut array = array(json!({"condition_size": 2, "groups_input_mixin": 2, "gating_mode": "gated",
            "conv_pre_film": {"groups": 2}, "activation_post_film": {"shift": false, "groups": 2}}));
        array["input_mixin_pre_film"] = json!({"shift": true});
        let mut config_around = wavenet(vec![array]);
        config_around["condition_dsp"] = model(architecture, config, 5);
        check(&format!("condition by {architecture}"), "WaveNet", config_around);
    };
    given("WaveNet", wavenet(vec![array(json!({"head_size": 2}))]));
    given("LSTM", json!({"input_size": 1, "hidden_size": 3, "num_layers": 1, "out_channels": 2}));
    given(
        "ConvNet",
        json!({"channels": 3, "dilations": [1, 2], "batchnorm": false, "activation": "ReLU", "out_channels": 2}),
    );
    given("Linear", json!({"receptive_field": 5, "bias": true, "out_channels": 2}));
}

#[test]
fn heads_of_every_kind_agree() {
    let head = json!({"head_size": "absent", "head_bias": "absent",
        "head": {"out_channels": 1, "kernel_size": 16, "bias": true}});
    check("taps in the head", "WaveNet", wavenet(vec![array(head)]));
    let head = json!({"head": {"out_channels": 4, "kernel_size": 3, "bias": false, "head_dilation": 7},
        "head_size": "absent", "head_bias": "absent"});
    let arrays = vec![array(head), array(json!({"input_size": 4, "kernel_size": "absent", "kernel_sizes": [2, 6, 1]}))];
    check("a dilated head between arrays", "WaveNet", wavenet(arrays.clone()));
    let mut config = wavenet(vec![array(json!({"head_size": 3}))]);
    config["head"] = json!({"channels": 5, "out_channels": 1, "kernel_sizes": [3, 1, 4], "activation": "Softsign"});
    check("a head after all layers", "WaveNet", config);
}

#[test]
fn recurrent_convolutional_and_linear_networks_agree() {
    for (layers, hidden) in [(1, 1), (1, 3), (1, 16), (2, 24), (3, 17)] {
        let config = json!({"input_size": 1, "hidden_size": hidden, "num_layers": layers});
        check(&format!("LSTM {layers}x{hidden}"), "LSTM", config);
    }
    for (channels, groups, activation) in [(1, 1, "Tanh"), (5, 1, "ReLU"), (16, 1, "Tanh")] {
        let config = json!({"channels": channels, "dilations": [1, 2, 4, 8], "batchnorm": false, "groups": groups,
            "activation": activation});
        check(&format!("ConvNet of {channels}"), "ConvNet", config);
    }
    for frames in [1, 2, 100, 300] {
        for bias in [false, true] {
            check(&format!("Linear of {frames}"), "Linear", json!({"receptive_field": frames, "bias": bias}));
        }
    }
}

#[test]
fn normalised_convolutions_agree() {
    let config = json!({"channels": 3, "dilations": [1, 4], "batchnorm": true, "activation": "Tanh"});
    let mut model = model("ConvNet", config, 3);
    // Variances must be positive: they stand after the convolution's weights and the means.
    let weights = model["weights"].as_array_mut().unwrap();
    for first in [6 + 3, 6 + 13 + 18 + 3] {
        (first..first + 3).for_each(|i| weights[i] = json!(0.5 + weights[i].as_f64().unwrap().abs()));
        weights[first + 9] = json!(1e-5);
    }
    check_at("normalised", &model, 1.0);
}

#[test]
fn every_size_of_a_slimmable_wavenet_agrees() {
    let slim = json!({"method": "slice_channels_uniform", "kwargs": {"allowed_channels": [1, 3, 4]}});
    let first = json!({"head_size": 5, "slimmable": slim, "gating_mode": "blended", "bottleneck": 2,
        "activation_pre_film": {"shift": true}, "layer1x1_post_film": {"shift": true}});
    let second = json!({"input_size": 4, "channels": 5, "slimmable": {"method": "slice_channels_uniform"}});
    let model = model("WaveNet", wavenet(vec![array(first), array(second)]), 11);
    let controls = Model::parse(model.to_string().as_bytes()).unwrap().controls();
    assert_eq!((controls.len(), controls[0].name.as_str(), controls[0].default), (1, "Size", 1.0));
    for size in [0.0, 0.1, 0.25, 0.34, 0.5, 0.7, 0.9, 1.0] {
        check_at(&format!("size {size}"), &model, size);
    }
}

#[test]
fn what_cannot_be_cut_down_is_played_in_full_and_has_no_size() {
    let slim = json!({"method": "slice_channels_uniform"});
    for (name, value) in [
        ("conv_post_film", json!({"groups": 2})),
        ("layer1x1_post_film", json!({"shift": false, "groups": 4})),
        ("layer1x1", json!({"active": true, "groups": 2})),
        ("head1x1", json!({"active": true, "out_channels": 4, "groups": 2})),
        ("groups_input", json!(2)),
        ("groups_input_mixin", json!(2)),
    ] {
        // Four channels of condition, so that groups have something to be grouped over.
        let condition = model("WaveNet", wavenet(vec![array(json!({"head_size": 4}))]), 5);
        let mut around = wavenet(vec![array(json!({"condition_size": 4, "slimmable": slim, name: value}))]);
        around["condition_dsp"] = condition;
        let model = model("WaveNet", around, 12);
        assert!(Model::parse(model.to_string().as_bytes()).unwrap().controls().is_empty(), "{name}");
        check_at(name, &model, 1.0);
    }
}

#[test]
fn every_size_of_a_container_agrees() {
    let small = model("LSTM", json!({"input_size": 1, "hidden_size": 3, "num_layers": 1}), 1);
    let large = model("WaveNet", wavenet(vec![array(json!({}))]), 2);
    let config = json!({"submodels": [{"max_value": 0.5, "model": small}, {"max_value": 1.0, "model": large}]});
    let model = json!({"version": "0.7.0", "architecture": "SlimmableContainer", "config": config, "weights": [],
        "sample_rate": 1000});
    for size in [0.0, 0.49, 0.5, 1.0] {
        check_at(&format!("container at {size}"), &model, size);
    }
}

#[test]
fn the_amp_of_our_own_agrees() {
    let model: Value = serde_json::from_str(include_str!("../../../devices/assets/chump.nam")).unwrap();
    // It looks back 1020 frames in all: the start of what is heard after 1024 is that of a network warmed up.
    let input = input(3000);
    let expected = heard(&model, &input, 1.0, 1024);
    let parsed = Model::parse(model.to_string().as_bytes()).unwrap();
    for path in Path::available() {
        let mut output = vec![0.0; input.len()];
        parsed.network_on(path, Activations::Exact).process(&input, &mut output);
        let error = output.iter().zip(&expected).map(|(y, exact)| (f64::from(*y) - exact).abs()).fold(0.0, f64::max);
        assert!(error <= 2e-5, "{path}: {error}");
    }
}
