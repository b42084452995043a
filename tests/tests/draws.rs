//! Random draws through the real binary: the same whatever else is rendered, and told where they cannot be.

use std::collections::BTreeMap;

use serde_json::Value;
use tonemill_tests::{Place, fixtures, read_wav, sine};

const RATE: u32 = 48_000;

/// A folder with two takes and two impulse responses.
fn place() -> Place {
    let place = Place::new();
    for (name, frequency) in [("a", 440.0), ("b", 220.0)] {
        place.wav(&format!("di/{name}.wav"), RATE, &[sine(RATE, frequency, 0.4, 9_600)]);
    }
    for (name, level) in [("one", 0.5), ("two", 0.25), ("three", 0.125)] {
        place.wav(&format!("ir/{name}.wav"), RATE, &[vec![level, 0.0, 0.1, 0.0]]);
    }
    place
}

/// A chain with plain draws, one in the plugin's own unit, a pool, and devices that stand now and then.
fn chain() -> String {
    let fixture = fixtures().display().to_string();
    format!(
        "
  - {{ clap: {fixture}, id: org.tonemill.fixture.gain, channels: duplicate, params: {{ Gain: {{ uniform: [-12 dB, -3 dB] }} }} }}
  - one_of:
      - {{ weight: 2, drive: {{ Drive: {{ uniform: [3 dB, 12 dB] }} }} }}
      - {{ eq: {{ Peak 1 Gain: {{ int: [-6, 6] }} }} }}
      - bypass
  - {{ wet: {{ uniform: [20 %, 60 %] }}, chain: [{{ delay: {{ Mix: {{ normalised: {{ uniform: [0.1, 0.4] }} }} }} }}] }}
  - {{ cabinet: {{ pool: \"../ir/*.wav\" }}, probability: 0.7 }}
"
    )
}

fn tone(place: &Place, name: &str, chain: &str) {
    place.write(&format!("tones/{name}.yaml"), format!("tonemill: 1\nchain:{chain}"));
}

fn job(place: &Place, inputs: &str, draws: u32) {
    place.write(
        "job.yaml",
        format!(
            "tonemill: 1\nseed: 425\ninputs: {inputs}\ntones: [\"tones/*.yaml\"]\ndraws: {draws}\noutput: {{ path: \"out/{{tone}}/{{input}}-{{draw}}.wav\", bits: 32f }}\n"
        ),
    );
}

/// What made each file, by its path: its hash and what was drawn.
fn made(place: &Place, folder: &str) -> BTreeMap<String, (Value, Value)> {
    let lines = place.manifest(&format!("{folder}/manifest.jsonl"));
    let made = |line: &Value| {
        (line["path"].as_str().unwrap().to_owned(), (line["file"]["blake3"].clone(), line["drawn"].clone()))
    };
    lines.iter().map(made).collect()
}

#[test]
fn neither_workers_nor_the_order_of_inputs_change_a_byte_or_a_draw() {
    let place = place();
    tone(&place, "drawn", &chain());
    job(&place, "[di/a.wav, di/b.wav]", 6);
    place.run(&["render", "job.yaml", "--workers", "1"]).expect(0);
    let (sound, first) = (place.sound_files("out"), made(&place, "out"));
    assert_eq!(sound.len(), 12);
    let mut hashes: Vec<&Value> = first.values().map(|(hash, _)| hash).collect();
    hashes.sort_by_key(|hash| hash.to_string());
    hashes.dedup();
    assert_eq!(hashes.len(), 12, "each draw sounds different");
    std::fs::remove_dir_all(place.path("out")).unwrap();
    job(&place, "[di/b.wav, di/a.wav]", 6);
    place.run(&["render", "job.yaml", "--workers", "3"]).expect(0);
    assert_eq!(made(&place, "out"), first);
    assert_eq!(place.sound_files("out"), sound);
}

#[test]
fn more_inputs_tones_and_draws_leave_every_other_file_as_it_was() {
    let place = place();
    tone(&place, "drawn", &chain());
    job(&place, "di/*.wav", 3);
    place.run(&["render", "job.yaml"]).expect(0);
    let before = made(&place, "out");
    place.wav("di/0.wav", RATE, &[sine(RATE, 330.0, 0.4, 4_800)]);
    tone(&place, "also", "\n  - { gain: { uniform: [-6 dB, 3 dB] } }\n");
    job(&place, "di/*.wav", 4);
    std::fs::remove_dir_all(place.path("out")).unwrap();
    place.run(&["render", "job.yaml"]).expect(0);
    let after = made(&place, "out");
    assert_eq!((before.len(), after.len()), (6, 24));
    for (path, made) in &before {
        assert_eq!(after[path], *made, "{path}");
    }
}

#[test]
fn the_manifest_says_what_was_drawn_and_the_sound_has_it() {
    let place = place();
    let fixture = fixtures().display().to_string();
    tone(
        &place,
        "soft",
        &format!(
            "\n  - {{ clap: {fixture}, id: org.tonemill.fixture.gain, channels: duplicate, params: {{ Gain: {{ uniform: [-20 dB, -3 dB] }} }} }}\n"
        ),
    );
    place.write(
        "job.yaml",
        "tonemill: 1\ninputs: { di: \"di/{id}.wav\" }\ntones: tones/soft.yaml\ndraws: 5\noutput: { path: \"out/{id}-{draw}.wav\", bits: 32f }\n",
    );
    place.run(&["render", "job.yaml"]).expect(0);
    let lines = place.manifest("out/manifest.jsonl");
    assert_eq!(lines.len(), 10);
    for (index, line) in lines.iter().enumerate() {
        assert_eq!((line["tone"].as_str(), line["draw"].as_u64()), (Some("soft"), Some(index as u64 % 5)));
        let id = if index < 5 { "a" } else { "b" };
        assert_eq!(line["metadata"], serde_json::json!({ "group": "di", "id": id }));
        let drawn = &line["drawn"][0];
        assert_eq!(drawn["parameter"], "Gain");
        let level: f64 = drawn["value"].as_str().unwrap().strip_suffix(" dB").unwrap().parse().unwrap();
        assert!((-20.0..=-3.0).contains(&level));
        let set = line["devices"][0]["settings"][0]["value"].as_f64().unwrap();
        assert!((set - level).abs() < 1e-9, "{set} is set of {level}");
        let dry = read_wav(&place.path(&format!("di/{id}.wav")));
        let wet = read_wav(&place.path(&format!("out/{}", line["path"].as_str().unwrap())));
        let factor = 10f64.powf(level / 20.0);
        assert_eq!(wet[0].len(), dry[0].len());
        let far = dry[0].iter().zip(&wet[0]).map(|(d, w)| (f64::from(*d) * factor - f64::from(*w)).abs());
        // The gain glides to its value within the first block.
        let far = far.skip(4_800).fold(0.0, f64::max);
        assert!(far < 1e-5, "{far} beside {level} dB");
    }
}

#[test]
fn a_plan_renders_again_to_the_same_bytes() {
    let place = place();
    tone(&place, "drawn", &chain());
    job(&place, "di/*.wav", 3);
    place.run(&["plan", "job.yaml", "-o", "plan.jsonl"]).expect(0);
    place.run(&["render", "job.yaml"]).expect(0);
    let sound = place.sound_files("out");
    std::fs::remove_dir_all(place.path("out")).unwrap();
    // What the presets say no longer counts.
    std::fs::remove_dir_all(place.path("tones")).unwrap();
    place.run(&["render", "plan.jsonl"]).expect(0);
    assert_eq!(place.sound_files("out"), sound);
}

#[test]
fn what_cannot_be_drawn_is_told_with_line_and_column_and_nothing_renders() {
    let place = place();
    for (entry, words) in [
        ("{ gain: { uniform: [-6 dB, 90 dB] } }", "tones/x.yaml:3:13: Gain = \"90 dB\" of gain is outside"),
        ("{ drive: { Colour: { uniform: [0, 1] } } }", "tones/x.yaml:3:24: drive has no parameter \"Colour\""),
        ("{ cabinet: { pool: \"../irs/*.wav\" } }", "tones/x.yaml:3:24: \"../irs/*.wav\" finds no file to draw from"),
    ] {
        tone(&place, "x", &format!("\n  - {entry}\n"));
        job(&place, "di/*.wav", 2);
        place.run(&["render", "job.yaml"]).expect(2).says(&[words]);
        assert!(!place.path("out").exists(), "for {entry}");
    }
}

#[test]
fn a_session_refuses_draws() {
    let place = place();
    place.write("x.yaml", "tonemill: 1\nchain:\n  - { gain: { uniform: [-6 dB, 3 dB] } }\n");
    place.write(
        "job.yaml",
        "tonemill: 1\ndraws: 2\nsession:\n  tracks: { g: { audio: di/a.wav, tone: x.yaml } }\noutput: { path: out/mix.wav }\n",
    );
    place.run(&["render", "job.yaml"]).expect(2).says(&[
        "job.yaml:2:1: a session draws nothing.",
        "x.yaml:3:15: uniform draws at random, and nothing is drawn here.",
    ]);
}
