//! The shipped jobs: what a fresh machine renders.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use tonemill_tests::{Place, files_below, read_wav, repository};

fn shipped(name: &str) -> PathBuf {
    repository().join("jobs/examples").join(name)
}

#[test]
fn every_shipped_session_with_stems_gives_such_that_sum_to_the_premaster() {
    let place = Place::new();
    // What the jobs read stands beside them, or in the presets that come with tonemill.
    for folder in ["jobs/examples", "presets/library"] {
        for file in files_below(&repository().join(folder)) {
            let name = file.strip_prefix(repository()).unwrap().to_str().unwrap().to_owned();
            place.write(&name, std::fs::read(&file).unwrap());
        }
    }
    let mut rendered = Vec::new();
    for job in files_below(&place.path("jobs/examples")) {
        let Ok(text) = std::fs::read_to_string(&job) else { continue };
        if job.extension().is_none_or(|extension| extension != "yaml") || !text.contains("stems") {
            continue;
        }
        // Samples that lose nothing.
        let text: String =
            text.lines().filter(|line| line.trim() != "bits: 24").map(|line| format!("{line}\n")).collect();
        std::fs::write(&job, text.replace("\noutput:\n", "\noutput:\n  bits: 32f\n")).unwrap();
        place.run(&["render", job.to_str().unwrap()]).expect(0);
        let name = job.file_stem().unwrap().to_str().unwrap().to_owned();
        let manifest = place.manifest(&format!("out/{name}/manifest.jsonl"));
        let labels: BTreeSet<&str> = manifest.iter().map(|line| line["label"].as_str().unwrap()).collect();
        for label in labels {
            let lines = || manifest.iter().filter(|line| line["label"] == label);
            stems_sum(&place.path(&format!("out/{name}")), &lines().collect::<Vec<_>>(), label);
            rendered.push(label.to_owned());
        }
    }
    assert!(rendered.len() >= 3, "the song and the two songs of the console: {rendered:?}");
}

/// Fails unless the stems among these lines of a manifest sum to the premaster, and all of it sounds and is whole.
fn stems_sum(folder: &Path, lines: &[&serde_json::Value], label: &str) {
    for line in lines {
        assert_eq!(line["file"]["silent"], false, "{label}: {}", line["path"]);
        assert_eq!(line["file"]["clipped_samples"], 0, "{label}: {}", line["path"]);
        assert!(line["stems_differ"].as_f64().unwrap() <= 1e-6, "{label}: {}", line["stems_differ"]);
    }
    let sound = |line: &serde_json::Value| read_wav(&folder.join(line["path"].as_str().unwrap()));
    let premaster = lines.iter().find(|line| line["deliver"] == "premaster");
    let premaster = sound(premaster.unwrap_or_else(|| panic!("{label} has no premaster")));
    let stems: Vec<_> = lines.iter().filter(|line| line["deliver"].get("stem").is_some()).collect();
    assert!(stems.len() >= 3, "{label}");
    let mut sum = vec![vec![0f64; premaster[0].len()]; 2];
    for stem in stems {
        for (to, from) in sum.iter_mut().zip(sound(stem)) {
            // Stems end when they are silent, so some are shorter.
            to.iter_mut().zip(from).for_each(|(to, from)| *to += f64::from(from));
        }
    }
    let misses = sum.iter().flatten().zip(premaster.iter().flatten()).map(|(sum, all)| (sum - f64::from(*all)).abs());
    let worst = misses.fold(0.0, f64::max);
    assert!(worst <= 1e-6, "the stems of {label} miss the premaster by {worst}");
}

#[test]
fn the_shipped_tones_differ_and_keep_the_guitars_length() {
    let place = Place::new();
    place.run(&["render", shipped("tones.yaml").to_str().unwrap()]).expect(0);
    let manifest = place.manifest("out/tones/manifest.jsonl");
    assert_eq!(manifest.len(), 4);
    let hashes: BTreeSet<&str> = manifest.iter().map(|l| l["file"]["blake3"].as_str().unwrap()).collect();
    assert_eq!(hashes.len(), 4);
    let frames: BTreeSet<u64> = manifest.iter().map(|l| l["file"]["frames"].as_u64().unwrap()).collect();
    assert_eq!(frames.len(), 1, "{frames:?}");
}

#[test]
fn apply_takes_one_recording_through_a_chain_or_a_preset() {
    let place = Place::new();
    let take = tonemill_tests::sine(48_000, 440.0, 0.5, 9600);
    place.wav("in.wav", 48_000, std::slice::from_ref(&take));
    place.run(&["apply", "in.wav", "out.wav", "--bits", "32f", "--device", "builtin:gain@Gain=-6 dB"]).expect(0);
    let out = read_wav(&place.path("out.wav"));
    let factor = 10f32.powf(-6.0 / 20.0);
    assert!(out[0].iter().zip(&take).all(|(out, take)| (out - factor * take).abs() < 1e-6));
    let preset = repository().join("presets/library/guitar/crunch.yaml");
    place.run(&["apply", "in.wav", "crunch.flac", "--tone", preset.to_str().unwrap()]).expect(0);
    assert!(place.path("crunch.flac").exists());
    place.run(&["apply", "in.wav", "x.wav", "--device", "builtin:gain@Gian=1"]).expect(2).says(&["Gian", "Gain"]);
    place.run(&["apply", "missing.wav", "x.wav", "--device", "builtin:gain"]).expect(2).says(&["missing.wav"]);
    let left: Vec<String> =
        std::fs::read_dir(place.path("")).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(left.len(), 3, "nothing else is left behind: {left:?}");
}

#[test]
fn plugins_are_listed_and_shown_without_loading_them_here() {
    let place = Place::new();
    let fixtures = tonemill_tests::fixtures();
    std::fs::copy(&fixtures, place.path("many.clap")).unwrap();
    let listed: serde_json::Value =
        serde_json::from_str(&place.run(&["plugins", "list", "--json"]).expect(0).out).unwrap();
    let ids: Vec<&str> = listed.as_array().unwrap().iter().filter_map(|row| row["info"]["id"].as_str()).collect();
    assert!(ids.contains(&"soundfont") && ids.contains(&"org.tonemill.fixture.gain"), "{ids:?}");
    let shown = place.run(&["plugins", "show", "clap:org.tonemill.fixture.gain"]).expect(0).out;
    assert!(shown.contains("Gain") && shown.contains("dB"), "{shown}");
    place.run(&["plugins", "show", "clap:org.tonemill.fixture.crash-on-load"]).expect(2).says(&["crashed (SIG"]);
}

#[test]
fn schemas_and_plans_are_printed() {
    let place = Place::new();
    for what in ["job", "preset"] {
        let schema: serde_json::Value = serde_json::from_str(&place.run(&["schema", what]).expect(0).out).unwrap();
        assert!(schema["properties"].get("tonemill").is_some() || schema.get("oneOf").is_some(), "{schema}");
    }
    let job = shipped("tones.yaml");
    let first = place.run(&["plan", job.to_str().unwrap()]).expect(0).out;
    let lines: Vec<serde_json::Value> = first.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["tasks"], 4);
    assert_eq!(lines.len(), 5);
    assert_eq!(first, place.run(&["plan", job.to_str().unwrap()]).expect(0).out, "the same job gives the same plan");
    assert!(!place.path("out").exists());
}
