//! What a model tells about itself.

use neural::Control;
use neural::rnn::Kind;
use serde_json::json;

use crate::make::{dense, gru, guitarml, lstm, rtneural};
use crate::model;

fn names(controls: &[Control]) -> Vec<&str> {
    assert!(controls.iter().all(|control| (control.min, control.max) == (0.0, 1.0)));
    controls.iter().map(|control| control.name.as_str()).collect()
}

#[test]
fn guitarml_knobs_have_the_names_that_its_programs_give_them() {
    let knobs = |inputs: usize| model(&guitarml("LSTM", inputs, 1, 4, 1, true));
    assert_eq!(names(knobs(1).controls()), [""; 0]);
    assert_eq!(names(knobs(2).controls()), ["Drive"]);
    assert_eq!(names(knobs(3).controls()), ["Drive", "Tone"]);
    assert_eq!(names(knobs(4).controls()), ["Knob 1", "Knob 2", "Knob 3"]);
    assert_eq!(knobs(2).controls()[0].default, 0.5);
}

#[test]
fn rtneural_knobs_have_aida_names_or_those_of_the_metadata() {
    let mut file = rtneural(3, vec![lstm(1, 3, 4), dense(2, 4, 1, "")]);
    assert_eq!(names(model(&file).controls()), ["PARAM1", "PARAM2"]);
    assert_eq!(model(&file).controls()[0].default, 0.0);
    file["metadata"] = json!({ "PARAM2": "Tone", "name": "TS" });
    assert_eq!(names(model(&file).controls()), ["PARAM1", "Tone"]);
}

#[test]
fn metadata_and_sample_rate_are_the_files() {
    let mut file = rtneural(1, vec![gru(1, 1, 12), dense(2, 12, 3, "tanh"), dense(3, 3, 1, "")]);
    let plain = model(&file);
    assert_eq!((plain.kind(), plain.name(), plain.sample_rate()), (Kind::RtNeural, None, None));
    assert!(plain.metadata().is_empty());
    assert_eq!(plain.architecture(), "GRU 12, Dense 3 Tanh, Dense 1");
    // AIDA-X writes the rate as a text.
    for (rate, hz) in [(json!("48000"), 48_000.0), (json!(44_100), 44_100.0), (json!(96_000.0), 96_000.0)] {
        file["metadata"] = json!({ "name": "Tweaker", "samplerate": rate, "author": "a" });
        let model = model(&file);
        assert_eq!((model.name(), model.sample_rate()), (Some("Tweaker"), Some(hz)));
        assert_eq!(model.metadata()["author"], "a");
    }
    let proteus = model(&guitarml("GRU", 1, 3, 8, 1, true));
    assert_eq!((proteus.kind(), proteus.name(), proteus.sample_rate()), (Kind::GuitarMl, None, None));
    assert_eq!(proteus.architecture(), "3 x GRU 8, Dense 1");
    assert_eq!(proteus.metadata()["hidden_size"], 8);
}
