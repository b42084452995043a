//! What the graph owes to the frame and to the bit: paths that line up, devices at their own time, levels as stated.

mod device;
mod levels;
mod lines;
mod random;
mod time;

use audio::SampleRate;
use audio::stream::Memory;
use audio::{Buffer, Device};
use score::{Curve, TempoMap};
use tonemill_mix::{Graph, Slot, Source, Strip, StripId, Tap, TapEnd, TapPoint, Watch};

pub(crate) const RATE: SampleRate = SampleRate(48_000);

struct Unwatched;

impl Watch for Unwatched {
    fn entering(&mut self, _: &str, _: u64) {}
    fn advanced(&mut self, _: u64, _: u64) {}
}

/// What the taps hand out.
pub(crate) fn render(strips: Vec<Strip>, tempo: &TempoMap, block: usize, taps: &[Tap]) -> Vec<Buffer> {
    let mut graph = Graph::new(strips, tempo.clone(), RATE, block).unwrap();
    let mut out: Vec<Buffer> = taps.iter().map(|tap| Buffer::new(graph.channels(tap), 0)).collect();
    let sink = |index: usize, block: &Buffer| {
        out[index].append(block);
        Ok::<(), ()>(())
    };
    assert_eq!(graph.render(taps, &mut Unwatched, sink).unwrap(), Vec::<String>::new());
    out
}

pub(crate) fn tap(strip: usize, point: TapPoint, frames: u64) -> Tap {
    Tap { strip: StripId(strip), point, end: TapEnd::At(frames) }
}

pub(crate) fn slot(device: impl Device + 'static, in_channels: usize, block: usize) -> Slot {
    use audio::device::{Adaptation, Setup};
    let name = device.info().name.clone();
    let setup = Setup { sample_rate: RATE, max_block: block };
    Slot::activate(name, vec![Box::new(device)], Adaptation::AsIs, in_channels, setup).unwrap()
}

pub(crate) fn recording(buffer: Buffer) -> Source {
    Source::Recording(Box::new(Memory::new(buffer)))
}

/// An impulse at one frame of each channel.
pub(crate) fn impulse(channels: usize, frames: usize, at: usize) -> Buffer {
    let mut buffer = Buffer::new(channels, frames);
    buffer.channels_mut().for_each(|channel| channel[at] = 1.0);
    buffer
}

pub(crate) fn one() -> Curve {
    Curve::constant(1.0)
}

/// Every sample's bits.
pub(crate) fn bits(buffer: &Buffer) -> Vec<Vec<u32>> {
    buffer.channels().map(|channel| channel.iter().map(|sample| sample.to_bits()).collect()).collect()
}

/// 120 in 4/4, then after 150 frames 100, after 390 frames 3/4 and after 630 frames 200 quarter notes a minute.
pub(crate) fn changing_tempo() -> TempoMap {
    let mut track = vec![0, 0xff, 0x51, 3];
    track.extend(&500_000u32.to_be_bytes()[1..]);
    track.extend([3, 0xff, 0x51, 3]);
    track.extend(&600_000u32.to_be_bytes()[1..]);
    track.extend([4, 0xff, 0x58, 4, 3, 2, 24, 8]);
    track.extend([4, 0xff, 0x51, 3]);
    track.extend(&300_000u32.to_be_bytes()[1..]);
    track.extend([0, 0xff, 0x2f, 0]);
    let mut file = b"MThd\0\0\0\x06\0\0\0\x01\x01\xe0MTrk".to_vec();
    file.extend((track.len() as u32).to_be_bytes());
    file.extend(track);
    TempoMap::from_bytes("changing", &file).unwrap()
}
