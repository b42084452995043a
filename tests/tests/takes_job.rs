//! A data set from a list of recordings to what trainers read: channels, segments, levels, annotations and splits of one job.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::{Value, json};
use tonemill_tests::{Place, midi, read_wav, real, repository, sine, smf};

const RATE: u32 = 48_000;
/// Frames of a segment: half a second.
const PART: usize = 24_000;

const JOB: &str = "tonemill: 1
seed: 3
inputs:
  hex:
    list: takes.csv
    annotations: [\"notes/{id}.mid\", \"notes/{id}.lab\"]
    group_by: player
    channels: [sum, each]
    segments: { length: 500 ms, last: drop }
    level: { normalize: -20 LUFS }
    noise: { kind: white, snr: 40 dB }
tones:
- { name: Soft, chain: [{ gain: { uniform: [-6 dB, -3 dB] } }, { drive: { drive: 9 dB } }] }
draws: 2
output:
  path: \"out/{player}/{id}-{channel}-{segment}-{tone}-{draw}.wav\"
  bits: 24
  match: dry
  also: { dry: \"out/dry/{id}-{channel}-{segment}.wav\" }
  package: { as: webdataset, to: set, split: { train: 0.5, test: 0.5 } }
";

/// A note a quarter of a second long at each quarter, of rising keys, at 120 beats a minute.
fn notes() -> Vec<u8> {
    let mut track = Vec::new();
    for key in 60..66 {
        track.extend([0, 0x90, key, 100, 48, 0x80, key, 0]);
    }
    track.extend([0, 0xff, 0x2f, 0]);
    midi(0, 96, &[&track])
}

/// Two recordings of two players, each of three strings and somewhat more than two segments.
fn place() -> Place {
    let place = Place::new();
    for (take, id) in ["one", "two"].into_iter().enumerate() {
        let string =
            |n: usize| sine(RATE, 110.0 * (1.0 + (take + 2 * n) as f64), 0.2 + 0.1 * n as f64, 2 * PART + 9_000);
        place.wav(&format!("di/{id}.wav"), RATE, &[string(0), string(1), string(2)]);
        place.write(&format!("notes/{id}.mid"), notes());
        place.write(&format!("notes/{id}.lab"), "0.0 0.6 first\n0.6 1.1 second\n");
    }
    place.write("takes.csv", "file,id,player,mood\ndi/one.wav,one,ann,calm\ndi/two.wav,two,ben,\"wild, loud\"\n");
    place.write("job.yaml", JOB);
    place
}

fn peak(path: &std::path::Path) -> f32 {
    read_wav(path).concat().iter().fold(0.0, |peak, sample| sample.abs().max(peak))
}

#[test]
fn a_list_of_recordings_becomes_takes_with_their_levels_notes_and_places() {
    let place = place();
    place.run(&["render", "job.yaml", "--workers", "2"]).expect(0).says(&["Data set: "]);
    let lines = place.manifest("out/manifest.jsonl");
    // Two recordings, four channel choices, two segments: dry, and two draws.
    assert_eq!(lines.len(), 2 * 4 * 2 * 3);
    let takes: BTreeSet<&str> = lines.iter().map(|line| line["take"].as_str().unwrap()).collect();
    assert_eq!(takes.len(), 16, "{takes:?}");
    for line in &lines {
        let (path, file) = (line["path"].as_str().unwrap(), &line["file"]);
        assert_eq!((&file["frames"], &file["channels"]), (&json!(PART), &json!(1)), "{path}");
        assert_eq!(line["source_group"], line["metadata"]["player"], "{path}");
        assert_eq!(line["metadata"]["mood"], if line["metadata"]["id"] == "one" { "calm" } else { "wild, loud" });
        let input = &line["input"];
        assert!((input["loudness_lufs"].as_f64().unwrap() + 20.0).abs() < 0.1, "{path}: {input}");
        assert!((input["noise_rms_dbfs"].as_f64().unwrap() - input["rms_dbfs"].as_f64().unwrap() + 40.0).abs() < 0.1);
        if line["tone"].is_string() {
            assert!((file["loudness_lufs"].as_f64().unwrap() + 20.0).abs() < 0.1, "{path} is as loud as its dry take");
        }
        // What follows a take begins with it.
        let second = line["metadata"]["segment"] == 1 || line["metadata"]["segment"] == "001";
        let annotations = line["annotations"].as_array().unwrap();
        assert_eq!(annotations.len(), 2, "{path}");
        for annotation in annotations {
            let content = std::fs::read(place.path("out").join(annotation["path"].as_str().unwrap())).unwrap();
            assert_eq!(blake3::hash(&content).to_hex().as_str(), annotation["blake3"].as_str().unwrap());
            assert_eq!(annotation["rewritten"], true, "{path}");
            assert_eq!(annotation["change"]["source_start"], if second { PART } else { 0 });
            if annotation["path"].as_str().unwrap().ends_with(".mid") {
                let keys: Vec<u8> = smf::notes(&content).iter().map(|note| note.key).collect();
                assert_eq!(keys, if second { [62, 63] } else { [60, 61] }, "{path}");
            } else {
                let text = String::from_utf8(content).unwrap();
                let words: Vec<&str> = text.split_whitespace().collect();
                let wanted = if second { "0.0 0.1 first 0.1 0.5 second" } else { "0.0 0.5 first" };
                let same = |(one, other): (&&str, &str)| {
                    one.parse::<f64>().map_or(*one == other, |n| (n - other.parse::<f64>().unwrap()).abs() < 1e-6)
                };
                let wanted: Vec<&str> = wanted.split(' ').collect();
                assert_eq!(words.len(), wanted.len(), "{path}: {text}");
                assert!(words.iter().zip(wanted).all(same), "{path}: {text}");
            }
        }
    }
    // The sum of the strings is none of them, and each string is one of its own.
    let sounds: BTreeSet<String> =
        lines.iter().map(|line| line["file"]["blake3"].as_str().unwrap().to_owned()).collect();
    assert_eq!(sounds.len(), lines.len());
    assert!(peak(&place.path("out/dry/one-sum-000.wav")) > 0.05);

    // Nothing changes when it is run again with a recording more, but for what that one brings.
    let before: BTreeMap<_, _> = place.sound_files("out");
    place.wav("di/more.wav", RATE, &vec![sine(RATE, 330.0, 0.3, PART); 3]);
    for kind in ["mid", "lab"] {
        place.write(&format!("notes/more.{kind}"), std::fs::read(place.path(&format!("notes/one.{kind}"))).unwrap());
    }
    let list = std::fs::read_to_string(place.path("takes.csv")).unwrap();
    place.write("takes.csv", list.replace("di/one.wav", "di/more.wav,more,cid,calm\ndi/one.wav"));
    place.run(&["render", "job.yaml"]).expect(0).says(&["48 kept as they were"]);
    let after = place.sound_files("out");
    // Four channel choices of one segment, dry and two draws, each with its two notes.
    assert_eq!(after.len(), before.len() + 4 * 3 * 3);
    assert!(before.iter().all(|(path, bytes)| after[path] == *bytes));
}

#[test]
fn the_result_of_a_job_is_read_by_the_webdataset_package() {
    let place = place();
    place.run(&["render", "job.yaml"]).expect(0);
    let Some(python) = real("TONEMILL_REAL_PYTHON") else { return };
    let mut command = Command::new(python.join("bin/python"));
    command.arg(repository().join("tests/python/read_data_set.py")).arg("webdataset").arg(place.path("set"));
    command.env("HF_HOME", place.path("hub")).env("HF_HUB_OFFLINE", "1").env("HF_DATASETS_OFFLINE", "1");
    let output = command.output().expect("Python starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found: Value = serde_json::from_slice(&output.stdout).expect("the script prints JSON");
    let mut players: BTreeMap<&str, &str> = BTreeMap::new();
    let mut wet = 0;
    for (split, samples) in found["samples"].as_object().unwrap() {
        for sample in samples.as_array().unwrap() {
            for sound in ["dry.wav", "wet.wav"] {
                assert_eq!(
                    (&sample[sound]["frames"], &sample[sound]["rate"]),
                    (&json!(PART), &json!(RATE)),
                    "{sample}"
                );
            }
            let player = sample["json"]["group"].as_str().unwrap();
            assert_eq!(*players.entry(player).or_insert(split), split, "{player} lies in one split");
            wet += 1;
        }
        assert_eq!(found["rows"][split], samples.as_array().unwrap().len());
    }
    assert_eq!((wet, players.len()), (32, 2));
}
