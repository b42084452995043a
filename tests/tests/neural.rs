//! Neural amps and pedals through the command: files, gains, knobs, rates, and what is told of them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::{Value, json};
use tonemill_tests::{Place, read_wav, repository, sine};

const FLOAT: &str = "{ path: \"out/{tone}/{id}.wav\", bits: 32f }";

/// Renders every take in `di/` through the tones given as YAML list items.
fn job(place: &Place, tones: &str) {
    let text =
        format!("tonemill: 1\ninputs:\n  di: {{ files: \"di/{{id}}.wav\" }}\ntones:\n{tones}\noutput: {FLOAT}\n");
    place.write("job.yaml", text);
}

/// A model that multiplies with a factor.
fn times(factor: f64, rate: u32, metadata: Value) -> String {
    json!({
        "version": "0.5.4", "architecture": "Linear", "config": { "receptive_field": 1, "bias": false },
        "weights": [factor], "sample_rate": rate, "metadata": metadata,
    })
    .to_string()
}

/// A small WaveNet with weights drawn from a seed.
fn wavenet(seed: u32) -> String {
    let channels = 2;
    let dilations = [1, 2, 4, 8];
    let layer = channels * channels * 3 + channels + channels + channels * channels + channels;
    let count = channels + dilations.len() * layer + channels + 1 + 1;
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    let mut draw = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(state >> 8) / 8_388_608.0 - 1.0
    };
    let mut weights: Vec<f64> = (0..count).map(|_| 0.7 * draw()).collect();
    weights[count - 1] = 0.1;
    json!({
        "version": "0.5.4", "architecture": "WaveNet", "sample_rate": 48_000, "weights": weights,
        "config": {
            "layers": [{
                "input_size": 1, "condition_size": 1, "head_size": 1, "channels": channels, "kernel_size": 3,
                "dilations": dilations, "activation": "Tanh", "gated": false, "head_bias": true,
            }],
            "head": null, "head_scale": 0.1,
        },
    })
    .to_string()
}

/// A pedal whose output is its input plus half its knob, "Offset".
fn pedal() -> String {
    json!({
        "in_shape": [null, null, 2], "metadata": { "name": "Plus", "PARAM1": "Offset" },
        "layers": [{
            "type": "dense", "activation": "", "shape": [null, null, 1], "weights": [[[1.0], [0.5]], [0.0]],
        }],
    })
    .to_string()
}

fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// Beside the checkout, or where `TONEMILL_SHARED` says.
fn shared() -> Option<PathBuf> {
    let folder = std::env::var_os("TONEMILL_SHARED").map_or_else(|| repository().join("../shared"), PathBuf::from);
    let found = Some(folder.join("nam")).filter(|folder| folder.join("expected/own_chump.wav").exists());
    if found.is_none() {
        eprintln!("skipped: there is no {}/nam with the reference's own output", folder.display());
    }
    found
}

#[test]
fn the_shipped_amp_sounds_as_the_reference_plays_it() {
    let Some(shared) = shared() else { return };
    let place = Place::new();
    let input = shared.join("input_48k.wav").display().to_string();
    place.run(&["apply", &input, "out.wav", "--bits", "32f", "--device", "nam:embedded:chump"]).expect(0);
    let expected = read_wav(&shared.join("expected/own_chump.wav")).remove(0);
    let off = largest_difference(&read_wav(&place.path("out.wav"))[0], &expected);
    assert!(off <= 2e-5, "{off}");
    // A file plays as the amp that is part of the program does.
    std::fs::copy(repository().join("devices/assets/chump.nam"), place.path("a.nam")).unwrap();
    place.run(&["apply", &input, "file.wav", "--bits", "32f", "--device", "nam:a.nam"]).expect(0);
    assert_eq!(read_wav(&place.path("file.wav")), read_wav(&place.path("out.wav")));
}

#[test]
fn a_stereo_take_needs_a_policy_and_dual_mono_plays_each_side_by_itself() {
    let place = Place::new();
    let (left, right) = (sine(48_000, 220.0, 0.3, 9600), sine(48_000, 330.0, 0.1, 9600));
    place.wav("di/both.wav", 48_000, &[left.clone(), right]);
    job(&place, "  - { name: amp, chain: [{ nam: embedded:chump }] }");
    place.run(&["render", "job.yaml"]).expect(2).says(&["job.yaml:", "dual_mono"]);
    place.wav("left/a.wav", 48_000, &[left]);
    job(&place, "  - { name: amp, chain: [{ nam: embedded:chump, channels: dual_mono }] }");
    place.run(&["render", "job.yaml"]).expect(0);
    place.run(&["apply", "left/a.wav", "left.wav", "--bits", "32f", "--device", "nam:embedded:chump"]).expect(0);
    let both = read_wav(&place.path("out/amp/both.wav"));
    assert_eq!(both.len(), 2);
    assert_eq!(both[0], read_wav(&place.path("left.wav"))[0]);
    assert!(largest_difference(&both[0], &both[1]) > 1e-3);

    // A recurrent model plays both sides together.
    place.write("plus.json", pedal());
    job(&place, "  - { name: pedal, chain: [{ rnn: plus.json, offset: 0.5, channels: dual_mono }] }");
    place.run(&["render", "job.yaml"]).expect(0);
    place.run(&["apply", "left/a.wav", "left.wav", "--bits", "32f", "--device", "rnn:plus.json@Offset=0.5"]).expect(0);
    let both = read_wav(&place.path("out/pedal/both.wav"));
    assert_eq!(both[0], read_wav(&place.path("left.wav"))[0]);
    assert!(largest_difference(&both[0], &both[1]) > 1e-3);
    let manifest = place.manifest("out/manifest.jsonl");
    let line = manifest.iter().find(|line| line["path"] == "pedal/both.wav").unwrap();
    assert_eq!(line["warnings"], json!(["tone: rnn: each channel is played apart"]));
}

#[test]
fn calibrated_gains_are_in_the_sound_and_in_the_manifest() {
    let place = Place::new();
    let take = sine(48_000, 440.0, 0.25, 9600);
    place.wav("di/take.wav", 48_000, std::slice::from_ref(&take));
    let levels = json!({ "loudness": -30.0, "input_level_dbu": 18.5, "output_level_dbu": 12.0 });
    place.write("tones/amps/unity.nam", times(1.0, 48_000, levels));
    place.write(
        "tones/calibrated.yaml",
        "tonemill: 1\nchain:\n  - { nam: amps/unity.nam, input: calibrated, interface: 12.5 dBu, output: normalized, on_missing: error }\n",
    );
    place.write("tones/raw.yaml", "tonemill: 1\nchain: [{ nam: amps/unity.nam }]\n");
    job(&place, "  - tones/*.yaml");
    place.run(&["render", "job.yaml"]).expect(0);
    assert_eq!(read_wav(&place.path("out/raw/take.wav"))[0], take);
    let gain = 10f32.powf((-6.0 + 12.0) / 20.0);
    let expected: Vec<f32> = take.iter().map(|sample| sample * gain).collect();
    assert!(largest_difference(&read_wav(&place.path("out/calibrated/take.wav"))[0], &expected) < 1e-6);
    let manifest = place.manifest("out/manifest.jsonl");
    let line = |tone: &str| manifest.iter().find(|line| line["path"] == format!("{tone}/take.wav")).unwrap();
    assert_eq!(
        line("calibrated")["devices"][0]["remarks"],
        json!([
            "input -6 dB: the interface's 12.5 dBu at full scale against the model's 18.5 dBu",
            "output +12 dB: to -18 dB from the model's loudness of -30 dB",
        ])
    );
    assert!(line("raw")["devices"][0].get("remarks").is_none());
    let hash = blake3::hash(&std::fs::read(place.path("tones/amps/unity.nam")).unwrap()).to_hex().to_string();
    let sources = line("raw")["sources"].as_array().unwrap();
    assert!(sources.iter().any(|source| source["role"] == "asset" && source["blake3"] == hash), "{sources:?}");
}

#[test]
fn another_model_in_the_same_file_is_another_task() {
    let place = Place::new();
    place.wav("di/take.wav", 48_000, &[sine(48_000, 440.0, 0.25, 480)]);
    place.write("amp.nam", times(1.0, 48_000, Value::Null));
    job(&place, "  - { name: amp, chain: [{ nam: amp.nam }] }");
    place.run(&["render", "job.yaml"]).expect(0);
    let first = place.sound_files("out");
    place.run(&["render", "job.yaml"]).expect(0).says(&["nothing was rendered"]);
    place.write("amp.nam", times(0.5, 48_000, Value::Null));
    place.run(&["render", "job.yaml"]).expect(0);
    assert!(place.sound_files("out") != first);
}

#[test]
fn what_is_wrong_with_a_model_is_told_before_anything_renders() {
    let place = Place::new();
    place.wav("di/take.wav", 48_000, &[sine(48_000, 440.0, 0.25, 480)]);
    place.write("plain.nam", times(1.0, 48_000, Value::Null));
    place.write("slow.nam", times(1.0, 44_100, Value::Null));
    place.write("nan.nam", times(1.0, 48_000, Value::Null).replace("[1.0]", "[NaN]"));
    place.write("notes.nam", "these are notes");
    place.write("plus.json", pedal());
    for (device, words) in [
        (
            "{ nam: plain.nam, input: calibrated, on_missing: error }",
            &["input_level_dbu", "on_missing", "plain.nam"][..],
        ),
        ("{ nam: slow.nam, resample: refuse }", &["44100 Hz", "48000 Hz", "resample"]),
        ("{ nam: nan.nam }", &["nan.nam", "not a number"]),
        ("{ nam: notes.nam }", &["notes.nam", "the file is not JSON"]),
        ("{ rnn: plain.nam }", &["plain.nam", "a model of Neural Amp Modeler", "write nam in place of rnn"]),
        ("{ nam: plus.json }", &["plus.json", "a recurrent model", "write rnn in place of nam"]),
        ("{ nam: none.nam }", &["job.yaml:5:", "there is no model file none.nam"]),
        ("{ nam: plain.nam, input: calibratd }", &["job.yaml:5:", "calibratd"]),
        ("{ nam: plain.nam, knob: 3 }", &["job.yaml:5:", "no parameter \"knob\""]),
        ("rnn", &["rnn:PATH"]),
    ] {
        job(&place, &format!("  - {{ name: amp, chain: [{device}] }}"));
        place.run(&["render", "job.yaml"]).expect(2).says(words);
        assert!(!place.path("out").exists(), "nothing is rendered after bad input: {device}");
    }
}

#[test]
fn the_knobs_of_a_pedal_are_parameters() {
    let place = Place::new();
    let take = sine(48_000, 440.0, 0.25, 4800);
    place.wav("di/take.wav", 48_000, std::slice::from_ref(&take));
    place.write("plus.json", pedal());
    job(
        &place,
        "  - { name: up, chain: [{ rnn: plus.json, offset: 0.5 }] }\n  - { name: flat, chain: [{ rnn: plus.json }] }",
    );
    place.run(&["render", "job.yaml"]).expect(0);
    assert!(largest_difference(&read_wav(&place.path("out/flat/take.wav"))[0], &take) < 1e-6);
    let raised: Vec<f32> = take.iter().map(|sample| sample + 0.25).collect();
    assert!(largest_difference(&read_wav(&place.path("out/up/take.wav"))[0], &raised) < 1e-6);
    let manifest = place.manifest("out/manifest.jsonl");
    let up = manifest.iter().find(|line| line["path"] == "up/take.wav").unwrap();
    assert_eq!(up["devices"][0]["settings"][0]["name"], "Offset");
    assert_eq!(up["devices"][0]["remarks"], json!(["no sample rate in the file: played at the session's 48000 Hz"]));
}

#[test]
fn a_model_of_another_rate_keeps_every_sound_on_its_frame() {
    let place = Place::new();
    let mut take = vec![0.0; 9600];
    for at in [0usize, 1000, 4801, 9599] {
        take[at] = 0.5;
    }
    place.wav("di/clicks.wav", 48_000, std::slice::from_ref(&take));
    let tone = sine(48_000, 1000.0, 0.5, 9600);
    place.wav("di/tone.wav", 48_000, std::slice::from_ref(&tone));
    place.write("slow.nam", times(1.0, 44_100, Value::Null));
    job(&place, "  - { name: amp, chain: [{ nam: slow.nam }] }");
    place.run(&["render", "job.yaml"]).expect(0);
    let clicks = read_wav(&place.path("out/amp/clicks.wav")).remove(0);
    assert_eq!(clicks.len(), take.len());
    for at in [0usize, 1000, 4801, 9599] {
        let near = at.saturating_sub(200)..(at + 200).min(9600);
        let loudest = near.max_by(|a, b| clicks[*a].total_cmp(&clicks[*b])).unwrap();
        assert_eq!(loudest, at);
    }
    let out = read_wav(&place.path("out/amp/tone.wav")).remove(0);
    assert!(largest_difference(&out[500..9100], &tone[500..9100]) < 3e-5);
    let manifest = place.manifest("out/manifest.jsonl");
    let device = &manifest[0]["devices"][0];
    assert!(device["latency"].as_u64().unwrap() > 0);
    assert_eq!(device["latency"], manifest[0]["file"]["latency_removed"]);
    assert_eq!(device["remarks"], json!(["resampled round the model: 48000 Hz to 44100 Hz and back"]));
}

#[test]
fn a_model_tells_of_itself() {
    let place = Place::new();
    let about = json!({
        "name": "Unity", "modeled_by": "somebody", "gear_type": "amp", "tone_type": "clean", "loudness": -30.5,
        "input_level_dbu": 18.3, "license": "CC0",
    });
    place.write("amp.nam", times(1.0, 44_100, about));
    let shown = place.run(&["plugins", "show", "nam:amp.nam"]).expect(0).out;
    for words in
        ["Unity", "somebody", "Linear", "0.5.4", "44100 Hz", "-30.5 dB", "18.3 dBu", "CC0", "On missing", "12 dBu"]
    {
        assert!(shown.contains(words), "{words} is not told:\n{shown}");
    }
    assert!(shown.contains("resampled round the model"), "{shown}");
    let json: Value =
        serde_json::from_str(&place.run(&["plugins", "show", "nam:amp.nam", "--json"]).expect(0).out).unwrap();
    let facts = json["about"].as_array().unwrap();
    assert!(facts.contains(&json!({ "name": "modelled by", "value": "somebody" })), "{facts:?}");
    place.write("plus.json", pedal());
    let shown = place.run(&["plugins", "show", "rnn:plus.json"]).expect(0).out;
    for words in ["Plus", "RTNeural", "Dense 1", "Offset"] {
        assert!(shown.contains(words), "{words} is not told:\n{shown}");
    }
    let listed = place.run(&["plugins", "list", "--format", "builtin"]).expect(0).out;
    assert!(
        ["nam", "rnn"].iter().all(|name| listed.lines().any(|line| line.split_whitespace().nth(2) == Some(name))),
        "{listed}"
    );
    let probed = place.run(&["plugins", "probe", "nam:amp.nam"]).expect(0);
    assert!(probed.out.contains("nam"), "{}", probed.out);
}

#[test]
fn fifty_amps_and_four_cabinets_are_two_hundred_files_and_each_worker_parses_an_amp_once() {
    let place = Place::new();
    place.wav("di/guitar.wav", 48_000, &[sine(48_000, 196.0, 0.4, 24_000)]);
    for cabinet in 0..4 {
        let response = (0..480).map(|n| ((n * (cabinet + 3)) as f32).sin() * (-(n as f32) / 60.0).exp()).collect();
        place.wav(&format!("tones/ir/{cabinet}.wav"), 48_000, &[response]);
    }
    for amp in 0..50 {
        place.write(&format!("tones/amps/{amp}.nam"), wavenet(amp));
        for cabinet in 0..4 {
            let chain = format!("[{{ nam: amps/{amp}.nam }}, {{ cabinet: ir/{cabinet}.wav }}]");
            // Cabinet after cabinet, so that every amp comes back after all the others.
            place.write(&format!("tones/{cabinet}-{amp}.yaml"), format!("tonemill: 1\nchain: {chain}\n"));
        }
    }
    job(&place, "  - tones/*.yaml");
    place.run(&["render", "job.yaml", "--workers", "2"]).expect(0);
    let files = place.sound_files("out");
    assert_eq!(files.len(), 200);
    let different: BTreeSet<&Vec<u8>> = files.values().collect();
    assert_eq!(different.len(), 200, "no two tones sound the same");
    // By process: the amps that it played, and how many files it parsed for that.
    let mut workers: BTreeMap<u64, (BTreeSet<String>, u64)> = BTreeMap::new();
    for line in place.manifest("out/manifest.jsonl") {
        assert_eq!(
            (&line["file"]["frames"], &line["file"]["silent"], &line["attempts"]),
            (&json!(24_000), &json!(false), &json!(1)),
            "{}",
            line["path"]
        );
        let (amps, parsed) = workers.entry(line["timings"]["process"].as_u64().unwrap()).or_default();
        let mut sources = line["sources"].as_array().unwrap().iter().filter_map(|source| source["path"].as_str());
        amps.insert(sources.find(|path| path.ends_with(".nam")).unwrap().to_owned());
        *parsed += line["timings"]["models_parsed"].as_u64().unwrap_or(0);
    }
    for (process, (amps, parsed)) in &workers {
        assert_eq!(*parsed, amps.len() as u64, "worker {process} played {} amps", amps.len());
    }
    let all: u64 = workers.values().map(|(_, parsed)| parsed).sum();
    assert!(all < 200, "{} workers parsed {all} files and shared none", workers.len());
}
