//! What the host costs around a plugin: the whole graph against a bare loop of `process()` calls in C style.
//!
//! `cargo bench -p tonemill-host --bench overhead -- PLUGIN ID [SECONDS]` prints both as CPU time an audio second and
//! their ratio. With `--only bare|graph` it runs one of them once, for instruction counts by callgrind.

use std::path::Path;

use audio::device::{Adaptation, Setup};
use audio::stream::Memory;
use audio::{Buffer, SampleRate};
use mix::{Chain, Graph, Level, Slot, Source, Strip, StripId, Tap, TapEnd, TapPoint, Watch};
use score::TempoMap;
use tonemill_host as host;

mod clap;
mod vst3;

const RATE: SampleRate = SampleRate(48_000);
const BLOCK: usize = 512;

fn main() {
    // Cargo passes --bench; the rest is ours.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let mut words = arguments.iter().filter(|a| !a.starts_with("--only="));
    let (Some(path), Some(id)) = (words.next(), words.next()) else {
        println!("overhead: give a plugin file and an id; scripts/bench does");
        return;
    };
    let seconds: usize = words.next().map_or(20, |s| s.parse().expect("seconds are a whole number"));
    let only = arguments.iter().find_map(|a| a.strip_prefix("--only="));
    match only {
        Some("bare") => drop(bare(path, id, seconds)),
        Some("graph") => drop(graph(path, id, seconds)),
        _ => compare(path, id, seconds),
    }
}

/// Alternates both, so that a machine that changes its speed changes both alike.
fn compare(path: &str, id: &str, seconds: usize) {
    let mut pairs: Vec<(f64, f64)> = (0..7)
        .map(|_| {
            let a = bare(path, id, seconds);
            (a, graph(path, id, seconds))
        })
        .collect();
    pairs.sort_by(|a, b| (a.1 / a.0).total_cmp(&(b.1 / b.0)));
    let (bare, graph) = pairs[pairs.len() / 2];
    let speed = seconds as f64 / bare;
    println!(
        "{id}: bare {:.3} ms, graph {:.3} ms CPU an audio second, {speed:.0}x real time, overhead {:+.2} % (median of 7 pairs; {:+.2} to {:+.2} %)",
        1e3 * bare / seconds as f64,
        1e3 * graph / seconds as f64,
        100.0 * (graph / bare - 1.0),
        100.0 * (pairs[0].1 / pairs[0].0 - 1.0),
        100.0 * (pairs[6].1 / pairs[6].0 - 1.0),
    );
}

/// CPU seconds of this process.
fn cpu() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a value of the right type that lives through the call.
    let failed = unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    assert_eq!(failed, 0, "the CPU clock can be read");
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

/// A second of noise that repeats.
fn noise() -> Vec<f32> {
    let mut state = 1u32;
    (0..RATE.0 as usize / BLOCK * BLOCK)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 24) as f32 - 0.5
        })
        .collect()
}

fn is_vst3(path: &str) -> bool {
    path.ends_with(".vst3")
}

/// The smallest loop that is a host at all.
fn bare(path: &str, id: &str, seconds: usize) -> f64 {
    if is_vst3(path) { vst3::bare(path, id, seconds) } else { clap::bare(path, id, seconds) }
}

/// The channels of a bus, as C sees them.
struct Channels {
    samples: Vec<Vec<f32>>,
    pointers: Vec<*mut f32>,
}

impl Channels {
    fn new(channels: usize) -> Channels {
        let mut samples = vec![vec![0f32; BLOCK]; channels];
        let pointers = samples.iter_mut().map(|channel| channel.as_mut_ptr()).collect();
        Channels { samples, pointers }
    }
}

struct Unwatched;

impl Watch for Unwatched {
    fn entering(&mut self, _: &str, _: u64) {}
    fn advanced(&mut self, _: u64, _: u64) {}
}

fn graph(path: &str, id: &str, seconds: usize) -> f64 {
    let load = if is_vst3(path) { host::vst3::load } else { host::clap::load };
    let mut device = load(Path::new(path), Some(id)).expect("the plugin loads");
    let channels = device.ports().main_inputs();
    device.request_channels(Some(channels), Some(channels));
    let name = device.info().name.clone();
    let setup = Setup { sample_rate: RATE, max_block: BLOCK };
    let slot = Slot::activate(name, vec![device], Adaptation::AsIs, channels, setup).expect("the plugin activates");
    let take = noise().repeat(seconds);
    let frames = (seconds * RATE.0 as usize / BLOCK * BLOCK) as u64;
    let source = Source::Recording(Box::new(Memory::new(Buffer::from_channels(vec![take; channels]))));
    let strip = Strip::new("tone", source, Chain::new(vec![slot]), Level::Direct);
    let mut graph = Graph::new(vec![strip], TempoMap::default(), RATE, BLOCK).expect("one strip makes a graph");
    let tap = Tap { strip: StripId(0), point: TapPoint::Output, end: TapEnd::At(frames) };
    let started = cpu();
    graph.render(&[tap], &mut Unwatched, |_, _| Ok::<(), ()>(())).expect("it renders");
    let spent = cpu() - started;
    graph.into_chains().into_iter().flat_map(Chain::into_slots).for_each(|slot| drop(slot.deactivate()));
    spent
}
