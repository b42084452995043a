//! Compares the embedded SoundFont with the one that it was cut from, note by note.
//!
//! ```text
//! cargo run --release -p tonemill-devices --example compare-soundfonts -- FluidR3_GM.sf2
//! ```
//!
//! Prints for each program and key how far pitch and level lie apart, and fails where that is more than a cut by fewer
//! samples explains.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use audio::device::{ParameterId, Setup};
use audio::{Block, Buffer, Event, EventBody, SampleRate, Transport};
use presets::Asset;

#[expect(dead_code, reason = "the tests measure more")]
#[path = "../tests/devices/spectrum.rs"]
mod spectrum;

const RATE: SampleRate = SampleRate(48_000);
const FRAMES: usize = 48_000;

/// How much further off its key than the original a note may be.
const CENTS: f64 = 12.0;

/// How far levels may lie apart: the samples of the original differ by as much from one to the next.
const DECIBELS: f64 = 7.0;

/// One second of a note, both channels.
fn note(asset: &Asset, program: u8, channel: u8, key: u8) -> Buffer {
    let assets = BTreeMap::from([("soundfont".to_owned(), asset.clone())]);
    let mut device = tonemill_devices::create("soundfont", &assets).expect("the SoundFont can be read");
    device.set_value(ParameterId(0), f64::from(program)).expect("programs go to 127");
    let setup = Setup { sample_rate: RATE, max_block: FRAMES };
    let mut processor = device.activate(setup).expect("the program is there");
    let body = EventBody::NoteOn { channel, key, velocity: 0.8, note: None };
    let mut outputs = [Buffer::new(2, FRAMES)];
    let mut block = Block {
        frames: FRAMES,
        inputs: &mut [],
        outputs: &mut outputs,
        events: &[Event { frame: 0, body }],
        produced: &mut Vec::new(),
        transport: &Transport::start(RATE),
    };
    processor.process(&mut block).expect("the block is processed");
    let [output] = outputs;
    output
}

/// Both sides' power in decibels.
fn level(buffer: &Buffer) -> f64 {
    let power: f64 = buffer.channels().flatten().map(|s| f64::from(*s).powi(2)).sum();
    10.0 * (power / buffer.frames() as f64).max(1e-20).log10()
}

fn main() -> ExitCode {
    let Some(path) = std::env::args().nth(1) else {
        eprintln!("usage: compare-soundfonts ORIGINAL.sf2");
        return ExitCode::FAILURE;
    };
    let (original, cut) = (Asset::File(PathBuf::from(path)), Asset::Embedded("tonemill".to_owned()));
    let mut good = true;
    println!("program  key    level, change    pitch, change");
    for (program, keys) in [(0, 24..=105), (26, 40..=80), (27, 40..=80), (33, 28..=60), (48, 31..=90)] {
        for key in keys {
            let (a, b) = (note(&original, program, 0, key), note(&cut, program, 0, key));
            let near = 440.0 * 2f64.powf((f64::from(key) - 69.0) / 12.0);
            let pitch = |buffer: &Buffer| spectrum::pitch(&buffer.channel(0)[6000..30_000], near, RATE.hz());
            let (from, to) = (pitch(&a), pitch(&b));
            let (louder, higher) = (level(&b) - level(&a), spectrum::cents(to, from));
            let (off, cut_off) = (spectrum::cents(from, near), spectrum::cents(to, near));
            let mark = if louder.abs() > DECIBELS || cut_off.abs() > off.abs() + CENTS { "  <--" } else { "" };
            good &= mark.is_empty();
            println!("{program:7} {key:4} {:8.1} {louder:+6.1} dB {off:+8.1} {higher:+6.1} cents{mark}", level(&a));
        }
    }
    for key in 35..=59 {
        let (a, b) = (note(&original, 0, 9, key), note(&cut, 0, 9, key));
        let louder = level(&b) - level(&a);
        let left_out = level(&b) < -100.0;
        let mark = if louder.abs() > DECIBELS && !left_out { "  <--" } else { "" };
        good &= mark.is_empty();
        let words = if left_out { "left out".to_owned() } else { format!("{louder:+6.1} dB{mark}") };
        println!("  drums {key:4} {:8.1} {words}", level(&a));
    }
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
