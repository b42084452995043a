//! How fast networks play on one core, in multiples of real time at 48 kHz, and what share of the machine's arithmetic they use.
//!
//! `cargo bench -p tonemill-neural --bench speed [-- [fast] [PATH...]]`, a path being avx512, avx2, neon, portable or all. Each
//! figure is the best of many short runs, as other work on the machine only ever slows one down.

use std::hint::black_box;
use std::time::{Duration, Instant};

use neural::nam::Model;
use neural::simd::{Path, Simd, Task};
use neural::{Activations, Network};
use serde_json::{Value, json};

/// Frames a call.
const BLOCK: usize = 512;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let fast = arguments.iter().any(|argument| argument == "fast");
    let named: Vec<&String> = arguments.iter().filter(|argument| *argument != "fast").collect();
    let paths: Vec<Path> = match named.as_slice() {
        [] => vec![Path::best()],
        [all] if *all == "all" => Path::available(),
        names => names.iter().map(|name| path(name)).collect(),
    };
    let activations = if fast { Activations::Fast } else { Activations::Exact };
    let mut kept = Vec::new();
    for path in paths {
        let peak = peak(path);
        println!("{path}, {activations:?} activations: {:.1} billion multiply-adds a second at most", peak / 1e9);
        println!(
            "{:<14}{:>12}{:>16}{:>12}{:>10}{:>14}",
            "model", "x real time", "multiply-adds", "GEMM limit", "share", "KiB a clip"
        );
        for (name, model, multiply_adds) in models() {
            let model = Model::parse(model.to_string().as_bytes()).expect("the model is well made");
            let speed = speed(&mut *model.network_on(path, activations));
            let limit = peak / (multiply_adds as f64 * 48_000.0);
            let share = 100.0 * speed / limit;
            let memory = memory(|| model.network_on(path, activations), &mut kept);
            let memory = memory.map_or("unknown".to_owned(), |kib| kib.to_string());
            println!("{name:<14}{speed:>12.1}{multiply_adds:>16}{limit:>12.1}{share:>9.1}%{memory:>14}");
        }
        println!();
    }
}

fn path(name: &str) -> Path {
    let found = Path::available().into_iter().find(|path| path.to_string() == *name);
    found.unwrap_or_else(|| panic!("this machine has no path {name}; it has {:?}", Path::available()))
}

/// KiB of memory that a further network of a model takes, where the system tells. All that are made for it are `kept`, so
/// that none takes what another gave back.
fn memory(make: impl Fn() -> Box<dyn Network>, kept: &mut Vec<Box<dyn Network>>) -> Option<u64> {
    let resident = || -> Option<u64> {
        let pages: u64 = std::fs::read_to_string("/proc/self/statm").ok()?.split(' ').nth(1)?.parse().ok()?;
        Some(pages * 4)
    };
    const CLIPS: usize = 32;
    let mut play = || {
        let mut network = make();
        network.process(&[0.1; BLOCK], &mut [0.0; BLOCK]);
        kept.push(network);
    };
    play();
    let before = resident()?;
    (0..CLIPS).for_each(|_| play());
    Some(resident()?.saturating_sub(before) / CLIPS as u64)
}

/// Seconds of sound played in a second.
fn speed(network: &mut dyn Network) -> f64 {
    let input: Vec<f32> = (0..BLOCK).map(|i| 0.3 * (i as f32 * 0.05).sin()).collect();
    let mut output = vec![0.0; BLOCK];
    let start = Instant::now();
    let mut best = f64::MAX;
    while start.elapsed() < Duration::from_millis(1500) {
        const BLOCKS: usize = 8;
        let run = Instant::now();
        for _ in 0..BLOCKS {
            network.process(black_box(&input), black_box(&mut output));
        }
        best = best.min(run.elapsed().as_secs_f64() / (BLOCKS * BLOCK) as f64);
    }
    1.0 / (48_000.0 * best)
}

/// Independent chains of multiply-adds, enough to keep every unit busy.
struct Chains(u32);

impl Task for Chains {
    type Output = f32;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> f32 {
        let (a, b) = (simd.splat(black_box(0.999)), simd.splat(black_box(0.001)));
        let mut chains = [simd.splat(0.5); 12];
        for _ in 0..self.0 {
            for chain in &mut chains {
                *chain = simd.mul_add(*chain, a, b);
            }
        }
        let mut sum = simd.splat(0.0);
        for chain in chains {
            sum = simd.add(sum, chain);
        }
        let mut lanes = [0.0; 64];
        simd.store(sum, &mut lanes);
        black_box(lanes[0]);
        S::LANES as f32
    }
}

/// Multiply-adds a second that the machine does at most.
fn peak(path: Path) -> f64 {
    let start = Instant::now();
    let mut best = 0.0f64;
    while start.elapsed() < Duration::from_millis(1500) {
        let rounds = 20_000;
        let run = Instant::now();
        let lanes = path.run(Chains(rounds));
        best = best.max(f64::from(lanes) * 12.0 * f64::from(rounds) / run.elapsed().as_secs_f64());
    }
    best
}

/// Names, models with random weights, and the multiply-adds that each frame takes.
fn models() -> Vec<(&'static str, Value, usize)> {
    let short = [1, 2, 4, 8, 16, 32, 64];
    let long = [128, 256, 512, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512];
    let standard = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];
    vec![
        a1("standard", 16, 8, &standard, &standard),
        a1("lite", 12, 6, &short, &long),
        a1("feather", 8, 4, &short, &long),
        a1("nano", 4, 2, &short, &long),
        a2("a2 full", 8),
        a2("a2 small", 3),
        lstm("lstm 1x16", 1, 16),
        lstm("lstm 2x24", 2, 24),
    ]
}

fn a1(name: &'static str, first: usize, second: usize, near: &[usize], far: &[usize]) -> (&'static str, Value, usize) {
    let array = |inputs: usize, channels: usize, head: usize, bias: bool, dilations: &[usize]| {
        json!({"input_size": inputs, "condition_size": 1, "head_size": head, "channels": channels, "kernel_size": 3,
               "dilations": dilations, "activation": "Tanh", "gated": false, "head_bias": bias})
    };
    let config = json!({"layers": [array(1, first, second, false, near), array(first, second, 1, true, far)],
                        "head": null, "head_scale": 0.02});
    let layers = |channels: usize, count: usize| count * (4 * channels * channels + channels);
    let multiply_adds = first + layers(first, near.len()) + first * second // the first array and its head
        + first * second + layers(second, far.len()) + second;
    let biases = 2 * first * near.len() + 2 * second * far.len() + 2;
    (name, file("WaveNet", config, multiply_adds + biases), multiply_adds)
}

fn a2(name: &'static str, channels: usize) -> (&'static str, Value, usize) {
    let mut taps = [6; 23];
    (taps[14], taps[15]) = (15, 15);
    let dilations = [1, 3, 7, 17, 41, 101, 239, 1, 3, 7, 17, 41, 101, 239, 1, 13, 1, 3, 7, 17, 41, 101, 239];
    let config = json!({"layers": [{"input_size": 1, "condition_size": 1,
        "head": {"out_channels": 1, "kernel_size": 16, "bias": true}, "channels": channels, "kernel_sizes": taps,
        "dilations": dilations, "activation": {"type": "LeakyReLU", "negative_slope": 0.01}}],
        "head": null, "head_scale": 0.01});
    let layers: usize = taps.iter().map(|taps| (taps + 1) * channels * channels + channels).sum();
    let multiply_adds = channels + layers + 16 * channels;
    (name, file("WaveNet", config, multiply_adds + 2 * channels * 23 + 2), multiply_adds)
}

fn lstm(name: &'static str, layers: usize, hidden: usize) -> (&'static str, Value, usize) {
    let config = json!({"input_size": 1, "hidden_size": hidden, "num_layers": layers});
    let cells: usize = (0..layers).map(|layer| 4 * hidden * (if layer == 0 { 1 } else { hidden } + hidden)).sum();
    let multiply_adds = cells + hidden;
    (name, file("LSTM", config, multiply_adds + 6 * hidden * layers + 1), multiply_adds)
}

fn file(architecture: &str, config: Value, count: usize) -> Value {
    let mut state = 1u32;
    let weights: Vec<f64> = (0..count)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (f64::from(state >> 8) / f64::from(1 << 24) - 0.5) * 0.5
        })
        .collect();
    json!({"version": "0.7.0", "architecture": architecture, "config": config, "weights": weights, "sample_rate": 48000})
}
