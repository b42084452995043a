//! What a mix costs: stereo tracks with gain, pan, four bands of the built-in equaliser and one send each, a bus and a
//! master whose loudness and true peak are measured.
//!
//! `cargo bench -p tonemill-mix --bench session [-- TRACKS [SECONDS]]` prints how many times faster than real time that is
//! on one core. What counts is the time that the thread has the processor, which other work on the machine lengthens little,
//! and the best of several runs, as it never shortens one. The kinds of mix take turns, so that a slow minute slows all.

use std::collections::BTreeMap;

use audio::device::{Adaptation, ParameterId, Setup};
use audio::measure::Meter;
use audio::read::ReadError;
use audio::{Buffer, SampleRate, Stream};
use rustix::time::{ClockId, clock_gettime};
use score::{Curve, TempoMap};
use tonemill_mix::{Chain, FeedPoint, Graph, Level, Slot, Source, Strip, StripId, Tap, TapEnd, TapPoint, Watch};

const RATE: SampleRate = SampleRate(48_000);
const BLOCK: usize = 512;
const RUNS: usize = 15;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let number = |index: usize, default| match arguments.get(index) {
        Some(word) => word.parse().expect("the number is whole"),
        None => default,
    };
    let (tracks, seconds) = (number(0, 24), number(1, 20));
    let kinds = [
        ("gain, pan and send alone", false, false),
        ("with the equalisers", true, false),
        ("with the equalisers and the master's meter", true, true),
    ];
    let mut best = [f64::MAX; 3];
    for _ in 0..RUNS {
        for ((_, equalised, metered), best) in kinds.iter().zip(&mut best) {
            *best = best.min(run(tracks, seconds as u64, *equalised, *metered));
        }
    }
    for ((what, ..), best) in kinds.iter().zip(best) {
        println!("  {tracks} stereo tracks, {what}: {:.0}x real time", seconds as f64 / best);
    }
}

/// Seconds for which this thread has had the processor.
fn processor_seconds() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// A second of noise that repeats.
struct Noise {
    sound: Buffer,
    at: usize,
    frames: u64,
}

impl Noise {
    fn new(seed: u32, frames: u64) -> Noise {
        let mut state = seed;
        let mut channel = || {
            (0..RATE.0 as usize / BLOCK * BLOCK)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    ((state >> 8) as f32 / (1 << 24) as f32 - 0.5) * 0.2
                })
                .collect()
        };
        Noise { sound: Buffer::from_channels(vec![channel(), channel()]), at: 0, frames }
    }
}

impl Stream for Noise {
    fn channels(&self) -> usize {
        2
    }

    fn frames(&self) -> u64 {
        self.frames
    }

    fn read(&mut self, into: &mut Buffer) -> Result<(), ReadError> {
        let end = self.at + into.frames();
        for (to, from) in into.channels_mut().zip(self.sound.channels()) {
            to.copy_from_slice(&from[self.at..end]);
        }
        self.at = end % self.sound.frames();
        Ok(())
    }
}

struct Unwatched;

impl Watch for Unwatched {
    fn entering(&mut self, _: &str, _: u64) {}
    fn advanced(&mut self, _: u64, _: u64) {}
}

fn equaliser() -> Slot {
    let mut device = devices::create("eq", &BTreeMap::new()).expect("there is an equaliser");
    for (name, value) in
        [("Low Shelf Gain", 3.0), ("Peak 1 Gain", -4.0), ("Peak 2 Gain", 2.5), ("High Shelf Gain", -2.0)]
    {
        let parameters = device.parameters();
        let index = parameters.iter().position(|parameter| parameter.name == name).expect("it has four bands");
        device.set_value(ParameterId(index as u32), value).expect("the gain is in range");
    }
    device.request_channels(Some(2), Some(2));
    let setup = Setup { sample_rate: RATE, max_block: BLOCK };
    Slot::activate("eq".to_owned(), vec![device], Adaptation::AsIs, 2, setup).expect("it activates")
}

/// Seconds of the processor that a mix of so many seconds takes.
fn run(tracks: usize, seconds: u64, equalised: bool, metered: bool) -> f64 {
    let frames = seconds * u64::from(RATE.0);
    let (bus, master) = (StripId(tracks), StripId(tracks + 1));
    let one = || Curve::constant(1.0);
    let mut strips: Vec<Strip> = (0..tracks)
        .map(|track| {
            let source = Source::Recording(Box::new(Noise::new(track as u32, frames)));
            let slots = if equalised { vec![equaliser()] } else { Vec::new() };
            let level = Level::stereo(0.7, track as f64 / tracks as f64 - 0.5);
            Strip::new(format!("track {track}"), source, Chain::new(slots), level)
                .feeding(master, one(), FeedPoint::PostFader)
                .feeding(bus, Curve::constant(0.25), FeedPoint::PostFader)
        })
        .collect();
    strips.push(Strip::new("bus", Source::Sum(2), Chain::default(), Level::stereo(1.0, 0.0)).feeding(
        master,
        one(),
        FeedPoint::PostFader,
    ));
    strips.push(Strip::new("master", Source::Sum(2), Chain::default(), Level::stereo(0.5, 0.0)));
    let mut graph = Graph::new(strips, TempoMap::default(), RATE, BLOCK).expect("the strips make a graph");
    let tap = Tap { strip: master, point: TapPoint::Output, end: TapEnd::At(frames) };
    let mut meter = Meter::new(2, RATE);
    let mut peak = 0f32;
    let started = processor_seconds();
    let sink = |_: usize, block: &Buffer| {
        if metered {
            meter.add(block);
        } else {
            peak = peak.max(block.channel(0)[0]);
        }
        Ok::<(), ()>(())
    };
    graph.render(&[tap], &mut Unwatched, sink).expect("it renders");
    let levels = meter.finish();
    let spent = processor_seconds() - started;
    assert!(peak > 0.0 || levels.loudness_lufs.is_some(), "there is sound");
    spent
}
