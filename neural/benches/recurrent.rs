//! How many times faster than real time recurrent effects play on one core at 48 kHz, in calls of 512 frames, with accurate
//! activations: one clip, two and sixteen at once. `cargo bench -p tonemill-neural --bench recurrent`.
//!
//! Each row is the best of many short runs: on a machine with other work the best is what the arithmetic costs.

use std::hint::black_box;
use std::time::Instant;

use neural::Activations;
use neural::rnn::Model;
use neural::simd::Path;

const FRAMES: usize = 512;
const RUNS: usize = 400;

fn main() {
    println!(
        "{:14} {:10} {:>12} {:>12} {:>12} {:>7} {:>7}",
        "model", "path", "one clip", "2 clips", "16 clips", "ratio", "ratio"
    );
    for (name, unit, layers, hidden) in [
        ("LSTM 1x16", "LSTM", 1, 16),
        ("LSTM 2x24", "LSTM", 2, 24),
        ("LSTM 1x40", "LSTM", 1, 40),
        ("GRU 1x16", "GRU", 1, 16),
    ] {
        let model = Model::parse(file(unit, layers, hidden).as_bytes()).expect("a model that is made by the format");
        for path in Path::available() {
            let single = single(&model, path);
            let [pair, batch] = [2, 16].map(|clips| batch(&model, path, clips));
            let ratios = [pair, batch].map(|figure| figure / single);
            println!(
                "{name:14} {path:10} {single:11.0}x {pair:11.0}x {batch:11.0}x {:7.2} {:7.2}",
                ratios[0], ratios[1]
            );
        }
    }
}

fn single(model: &Model, path: Path) -> f64 {
    let mut network = model.network_on(path, Activations::Exact);
    let (input, mut output) = (noise(1), [0.0; FRAMES]);
    best(|| network.process(black_box(&input), black_box(&mut output)))
}

fn batch(model: &Model, path: Path, clips: usize) -> f64 {
    let mut batch = model.batch_on(path, Activations::Exact, clips);
    let inputs: Vec<_> = (0..clips as u32).map(noise).collect();
    let mut outputs = vec![[0.0; FRAMES]; clips];
    let inputs: Vec<&[f32]> = inputs.iter().map(|input| &input[..]).collect();
    let mut outputs: Vec<&mut [f32]> = outputs.iter_mut().map(|output| &mut output[..]).collect();
    clips as f64 * best(|| batch.process(black_box(&inputs), black_box(&mut outputs)))
}

/// Times real time of the fastest run.
fn best(mut run: impl FnMut()) -> f64 {
    let fastest = (0..RUNS).map(|_| {
        let start = Instant::now();
        run();
        start.elapsed().as_secs_f64()
    });
    FRAMES as f64 / 48_000.0 / fastest.fold(f64::INFINITY, f64::min)
}

fn noise(seed: u32) -> [f32; FRAMES] {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    std::array::from_fn(|_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32 - 0.5
    })
}

/// A GuitarML file with weights of no meaning.
fn file(unit: &str, layers: usize, hidden: usize) -> String {
    let gates = if unit == "LSTM" { 4 } else { 3 };
    let mut state = 1u32;
    let mut row = |len: usize| {
        let numbers: Vec<String> = (0..len)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                format!("{:.5}", ((state >> 8) as f32 / (1 << 24) as f32 - 0.5) * 0.6)
            })
            .collect();
        format!("[{}]", numbers.join(","))
    };
    let mut tensors = Vec::new();
    for layer in 0..layers {
        for (name, inputs) in [("ih", if layer == 0 { 1 } else { hidden }), ("hh", hidden)] {
            let rows: Vec<String> = (0..gates * hidden).map(|_| row(inputs)).collect();
            tensors.push(format!("\"rec.weight_{name}_l{layer}\":[{}]", rows.join(",")));
            tensors.push(format!("\"rec.bias_{name}_l{layer}\":{}", row(gates * hidden)));
        }
    }
    tensors.push(format!("\"lin.weight\":[{}],\"lin.bias\":[0]", row(hidden)));
    format!(
        r#"{{"model_data":{{"model":"SimpleRNN","input_size":1,"skip":1,"output_size":1,"unit_type":"{unit}","num_layers":{layers},"hidden_size":{hidden},"bias_fl":true}},"state_dict":{{{}}}}}"#,
        tensors.join(",")
    )
}
