//! The reference implementation's own output for real files, from the first frame on.
//!
//! The files stand beside the checkout, or where `TONEMILL_SHARED` says. The amp that tonemill ships is always there.

use std::path::{Path, PathBuf};

use neural::Activations;
use neural::nam::Model;
use neural::simd;

use crate::wav;

fn shared() -> PathBuf {
    match std::env::var_os("TONEMILL_SHARED") {
        Some(path) => path.into(),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"),
    }
    .join("nam")
}

/// The largest difference to the expected output, relative to its peak where that exceeds 1.
fn error(model: &Model, path: simd::Path, call: usize, input: &[f32], expected: &[f32]) -> f32 {
    let mut network = model.network_on(path, Activations::Exact);
    let mut output = vec![0.0; input.len()];
    for (input, output) in input.chunks(call).zip(output.chunks_mut(call)) {
        network.process(input, output);
    }
    let peak = expected.iter().fold(1f32, |peak, y| peak.max(y.abs()));
    output.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0f32, f32::max) / peak
}

fn agrees(model: &Path, input: &[f32], expected: &[f32]) {
    let name = model.display();
    let model = Model::parse(&std::fs::read(model).unwrap()).unwrap();
    for path in simd::Path::available() {
        for call in [512, 63] {
            let error = error(&model, path, call, input, expected);
            println!("{name} on {path} in calls of {call}: {error:.2e}");
            assert!(error <= 2e-5, "{name} on {path} in calls of {call}: {error}");
        }
    }
}

#[test]
fn every_shared_file_sounds_as_the_reference_plays_it() {
    let folder = shared();
    let expected = folder.join("expected");
    let Ok(entries) = std::fs::read_dir(&expected) else {
        println!("skipped: {} is not there", expected.display());
        return;
    };
    let input = wav::read(&folder.join("input_48k.wav"));
    let mut compared = 0;
    for entry in entries {
        let entry = entry.unwrap().path();
        let name = entry.file_stem().unwrap().to_str().unwrap();
        let model = match name {
            "own_chump" => folder.join("own/chump.nam"),
            _ => folder.join(name).with_extension("nam"),
        };
        agrees(&model, &input, &wav::read(&entry));
        compared += 1;
    }
    assert!(compared >= 6, "only {compared} expected outputs");
}

#[test]
fn the_amp_of_our_own_says_what_it_is() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../devices/assets/chump.nam");
    let model = Model::parse(&std::fs::read(path).unwrap()).unwrap();
    assert_eq!((model.version(), model.architecture(), model.sample_rate()), ("0.5.4", "WaveNet", Some(48_000.0)));
    assert_eq!(model.metadata().gear_type.as_deref(), Some("amp"));
    assert_eq!(model.metadata().loudness, None);
    assert!(model.unread().is_empty() && model.controls().is_empty());
}
