//! Prints the levels of a recording: `cargo run --release --example measure -- song.wav`.

use std::path::Path;

use tonemill_audio::Buffer;
use tonemill_audio::measure::Meter;
use tonemill_audio::read::open;

fn main() {
    let path = std::env::args().nth(1).expect("name a recording");
    let (mut stream, rate) = open(Path::new(&path)).unwrap_or_else(|error| panic!("{error}"));
    let mut meter = Meter::new(stream.channels(), rate);
    let mut left = stream.frames();
    while left > 0 {
        let mut block = Buffer::new(stream.channels(), left.min(4_096) as usize);
        stream.read(&mut block).unwrap_or_else(|error| panic!("{error}"));
        meter.add(&block);
        left -= block.frames() as u64;
    }
    println!("{:#?}", meter.finish());
}
