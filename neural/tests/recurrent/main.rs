//! Recurrent effects against a slow, plain reference that is written from the formats alone.

mod by_hand;
mod conduct;
mod damage;
mod describe;
mod formats;
mod keras;
mod make;
mod reference;

use assert_no_alloc::AllocDisabler;
use neural::Activations;
use neural::rnn::Model;
use neural::simd::Path;
use reference::Reference;
use serde_json::Value;

#[cfg(debug_assertions)]
#[global_allocator]
static ALLOCATOR: AllocDisabler = AllocDisabler;

/// The model of a file that is all right.
fn model(file: &Value) -> Model {
    Model::parse(file.to_string().as_bytes()).unwrap_or_else(|error| panic!("{error}: {file:.200}"))
}

/// A signal with quiet and loud passages, slow and fast, and a jump.
fn signal(seed: u32, frames: usize) -> Vec<f32> {
    let mut noise = make::Noise::new(seed);
    let pitch = 0.02 + 0.01 * (seed % 7) as f32;
    (0..frames)
        .map(|frame| {
            let (time, loudness) = (frame as f32, (frame as f32 * 0.002 + seed as f32).sin());
            loudness * (0.6 * (time * pitch).sin() + 0.3 * noise.next()) + if frame > frames / 2 { 0.1 } else { -0.1 }
        })
        .collect()
}

/// `input` through a fresh network, with knobs standing still.
fn play(model: &Model, path: Path, knobs: &[f32], input: &[f32]) -> Vec<f32> {
    let mut network = model.network_on(path, Activations::Exact);
    for (index, knob) in knobs.iter().enumerate() {
        network.set_control(index, *knob);
    }
    let mut output = vec![f32::NAN; input.len()];
    for (input, output) in input.chunks(512).zip(output.chunks_mut(512)) {
        network.process(input, output);
    }
    output
}

/// The same by the reference.
fn expected(file: &Value, knobs: &[f32], input: &[f32]) -> Vec<f64> {
    let mut reference = Reference::new(file);
    input.iter().map(|x| reference.frame(*x, knobs)).collect()
}

/// The greatest difference, relative to the peak where that exceeds 1.
fn error(output: &[f32], expected: &[f64]) -> f64 {
    assert_eq!(output.len(), expected.len());
    let peak = expected.iter().fold(1.0f64, |peak, y| peak.max(y.abs()));
    let difference = |(y, expected): (&f32, &f64)| {
        let difference = (f64::from(*y) - expected).abs();
        // A comparison with what is no number would never be an error.
        if difference.is_nan() { f64::INFINITY } else { difference }
    };
    output.iter().zip(expected).map(difference).fold(0.0, f64::max) / peak
}

/// The error that every implementation of these networks is held to.
const TOLERANCE: f64 = 2e-5;
