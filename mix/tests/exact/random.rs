//! Random graphs, with and without latency: the same bits.

use audio::device::ParameterId;
use audio::{Buffer, EventBody};
use score::{Curve, CurvePoint, Shape, TimedEvent};
use tonemill_mix::{Chain, FeedPoint, Level, PanLaw, Source, Strip, StripId, Tap, TapPoint};

use crate::device::Probe;
use crate::{bits, changing_tempo, recording, render, slot, tap};

const FRAMES: u64 = 1500;

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }
    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
    /// -1 to 1.
    fn value(&mut self) -> f64 {
        self.below(2001) as f64 / 1000.0 - 1.0
    }
    fn curve(&mut self) -> Curve {
        match self.below(4) {
            0 => Curve::constant(1.0),
            1 => Curve::constant(self.value()),
            _ => {
                let mut frames: Vec<u64> = (0..3).map(|_| self.below(1200) as u64).collect();
                frames.sort_unstable();
                let shapes = [Shape::Hold, Shape::Linear];
                let point = |frame| CurvePoint { frame, value: self.value(), shape: shapes[self.below(2)] };
                Curve::new(frames.into_iter().map(point).collect()).unwrap()
            }
        }
    }
    fn sound(&mut self, channels: usize) -> Buffer {
        let frames = 200 + self.below(1000);
        Buffer::from_channels((0..channels).map(|_| (0..frames).map(|_| self.value() as f32).collect()).collect())
    }
    fn events(&mut self, notes: bool) -> Vec<TimedEvent> {
        let count = self.below(5);
        let mut events: Vec<TimedEvent> = (0..count)
            .map(|_| {
                let frame = if self.chance(20) { 0 } else { self.below(1300) as u64 };
                let key = self.below(127) as u8;
                let body = match notes {
                    true => EventBody::NoteOn { channel: 0, key, velocity: 1.0, note: None },
                    false => EventBody::Parameter { id: ParameterId(0), value: self.value() },
                };
                TimedEvent { frame, body }
            })
            .collect();
        events.sort_by_key(|event| event.frame);
        events
    }
}

/// What a strip is, as far as others need to know to connect with it.
struct Known {
    sum: bool,
    slots: usize,
    /// Slots whose second input may be keyed.
    keyable: Vec<usize>,
    /// Channels of the first device's second output.
    second: Option<usize>,
}

/// The graph of a seed, and taps everywhere. The latencies of its devices are real, or all 0.
fn graph(seed: u64, late: bool, block: usize) -> (Vec<Strip>, Vec<Tap>) {
    let mut random = Random(seed);
    let count = 3 + random.below(6);
    let mut known: Vec<Known> = Vec::new();
    let mut strips = Vec::new();
    for index in 0..count {
        let earlier: Vec<usize> = (0..index).filter(|i| known[*i].second.is_some()).collect();
        let kind = if index + 1 == count { 2 } else { random.below(if earlier.is_empty() { 3 } else { 4 }) };
        let (source, mut channels) = match kind {
            0 => {
                let channels = 1 + random.below(2);
                (recording(random.sound(channels)), channels)
            }
            1 => (Source::Events(random.events(true)), 0),
            2 => {
                let channels = 1 + random.below(2);
                (Source::Sum(channels), channels)
            }
            _ => {
                let of = earlier[random.below(earlier.len())];
                (Source::Output { of: StripId(of), bus: 1 }, known[of].second.unwrap())
            }
        };
        let devices = random.below(4).max(usize::from(kind == 1));
        let (mut slots, mut keyable, mut second) = (Vec::new(), Vec::new(), None);
        for place in 0..devices {
            let latency = [0, 1, 31, 64, 65, 480][random.below(6)];
            let given = if channels == 2 { 2 } else { 1 + random.below(2) };
            let (mut inputs, mut outputs) = (vec![channels], vec![given]);
            if channels == 0 {
                inputs.clear();
            } else if random.chance(60) {
                inputs.push(1 + random.below(2));
                keyable.push(place);
            }
            if place == 0 && random.chance(60) {
                outputs.push(1 + random.below(2));
                second = Some(outputs[1]);
            }
            let probe = Probe::new(&inputs, &outputs, if late { latency } else { 0 }).coloured();
            slots.push(slot(probe, channels, block));
            channels = given;
        }
        let law = [PanLaw::Minus3, PanLaw::Minus45, PanLaw::Minus6, PanLaw::Zero][random.below(4)];
        let mute = random.chance(30).then(|| random.curve());
        let level = match random.below(3) {
            0 => Level::Direct,
            1 => Level::Gain { gain: random.curve(), mute },
            _ => Level::Stereo { gain: random.curve(), mute, pan: random.curve(), law },
        };
        let mut strip = Strip::new(format!("strip {index}"), source, Chain::new(slots), level);
        for place in 0..devices {
            if random.chance(50) {
                strip = strip.automating(place, random.events(false));
            }
        }
        known.push(Known { sum: kind == 2, slots: devices, keyable, second });
        strips.push(strip);
    }
    let strips = strips.into_iter().enumerate().map(|(index, mut strip)| {
        for (to, known) in known.iter().enumerate().skip(index + 1) {
            let point = |random: &mut Random| [FeedPoint::PreFader, FeedPoint::PostFader][random.below(2)];
            if known.sum && (to + 1 == count || random.chance(40)) {
                let point = point(&mut random);
                strip = strip.feeding(StripId(to), random.curve(), point);
            }
            if !known.keyable.is_empty() && random.chance(50) {
                let slot = known.keyable[random.below(known.keyable.len())];
                let point = point(&mut random);
                strip = strip.keying(StripId(to), slot, 1, random.curve(), point);
            }
        }
        strip
    });
    let strips: Vec<Strip> = strips.collect();
    let mut taps = Vec::new();
    for (index, known) in known.iter().enumerate() {
        let points = [TapPoint::Source, TapPoint::Input, TapPoint::PreFader, TapPoint::Output];
        let behind = (0..known.slots).map(TapPoint::Behind);
        taps.extend(points.into_iter().chain(behind).map(|point| tap(index, point, FRAMES)));
    }
    (strips, taps)
}

#[test]
fn a_graph_with_latencies_gives_the_bits_of_the_graph_without_them_at_every_point_and_block_size() {
    let tempo = changing_tempo();
    let mut keyed = 0;
    for seed in 0..150 {
        let (strips, taps) = graph(seed, false, 64);
        let plain: Vec<_> = render(strips, &tempo, 64, &taps).iter().map(bits).collect();
        keyed += usize::from(plain.iter().flatten().flatten().any(|bits| *bits != 0));
        for block in [32, 37, 64, 512, 4096] {
            let (strips, taps) = graph(seed, true, block);
            let out = render(strips, &tempo, block, &taps);
            for ((tap, out), plain) in taps.iter().zip(&out).zip(&plain) {
                assert!(bits(out) == *plain, "seed {seed}, blocks of {block}: {tap:?} differs");
            }
        }
    }
    assert!(keyed > 100, "only {keyed} graphs sounded");
}
