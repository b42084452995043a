//! Makes, sets and runs devices.

use std::collections::BTreeMap;

use assert_no_alloc::{AllocDisabler, assert_no_alloc};
use audio::device::{DeviceInfo, Parameter, ParameterId, Setup, Tail};
use audio::{Block, Buffer, Device, Event, EventBody, Processor, SampleRate, Transport};
use presets::Asset;

/// Ends the test where processing allocates.
#[global_allocator]
static ALLOCATOR: AllocDisabler = AllocDisabler;

pub const RATE: SampleRate = SampleRate(48_000);

/// Something that happens at a frame of a render.
pub type Timed = (usize, EventBody);

/// Every built-in but those that play neural networks. What a network makes of silence, an impulse or a split block is its
/// file's affair and exact to rounding only; those devices have tests of their own.
pub fn listed() -> Vec<DeviceInfo> {
    devices::list().into_iter().filter(|info| !["nam", "rnn"].contains(&info.id.as_str())).collect()
}

pub fn create(name: &str) -> Box<dyn Device> {
    devices::create(name, &BTreeMap::new()).expect("the device exists")
}

pub fn create_with(name: &str, role: &str, asset: Asset) -> Box<dyn Device> {
    devices::create(name, &BTreeMap::from([(role.to_owned(), asset)])).expect("the asset can be used")
}

pub fn parameter(device: &dyn Device, name: &str) -> Parameter {
    device.parameters().into_iter().find(|p| p.name == name).unwrap_or_else(|| panic!("there is no {name}"))
}

pub fn id(device: &dyn Device, name: &str) -> ParameterId {
    parameter(device, name).id
}

/// Sets parameters by their texts.
pub fn set(device: &mut dyn Device, values: &[(&str, &str)]) {
    for (name, text) in values {
        let id = id(device, name);
        let value = device.parse(id, text).unwrap_or_else(|| panic!("{name} does not read {text:?}"));
        device.set_value(id, value).expect("the value is in range");
    }
}

pub fn made(name: &str, values: &[(&str, &str)]) -> Box<dyn Device> {
    let mut device = create(name);
    set(&mut *device, values);
    device
}

/// A parameter change as an event.
pub fn change(device: &dyn Device, name: &str, text: &str) -> EventBody {
    let id = id(device, name);
    EventBody::Parameter { id, value: device.parse(id, text).expect("the device reads its own text") }
}

/// An active device, ready to render again and again.
pub struct Run {
    pub processor: Box<dyn Processor>,
    pub latency: u64,
    outputs: usize,
    block: usize,
    at: usize,
}

pub fn activate(device: &mut dyn Device, inputs: usize, block: usize, rate: SampleRate) -> Run {
    device.request_channels((inputs > 0).then_some(inputs), None);
    start(device, block, rate)
}

/// Likewise, with the channels that the device has already.
pub fn start(device: &mut dyn Device, block: usize, rate: SampleRate) -> Run {
    let processor = device.activate(Setup { sample_rate: rate, max_block: block }).expect("it can be activated");
    let outputs = device.ports().main_outputs();
    Run { processor, latency: device.latency(), outputs, block, at: 0 }
}

impl Run {
    /// Renders as many frames as `input` has. Processing itself must not allocate.
    pub fn render(&mut self, input: &Buffer, events: &[Timed]) -> Buffer {
        let mut output = Buffer::new(self.outputs, 0);
        let mut produced = Vec::new();
        let mut done = 0;
        while done < input.frames() {
            let frames = self.block.min(input.frames() - done);
            let here = |(frame, _): &&Timed| (done..done + frames).contains(frame);
            let event = |(frame, body): &Timed| Event { frame: (frame - done) as u32, body: body.clone() };
            let events: Vec<Event> = events.iter().filter(here).map(event).collect();
            let part = |channel: &[f32]| channel[done..done + frames].to_vec();
            let mut inputs = Vec::new();
            if input.channel_count() > 0 {
                inputs.push(Buffer::from_channels(input.channels().map(part).collect()));
            }
            let mut outputs = [Buffer::new(self.outputs, frames)];
            let transport = Transport { frame: self.at as i64, ..Transport::start(RATE) };
            let mut block = Block {
                frames,
                inputs: &mut inputs,
                outputs: &mut outputs,
                events: &events,
                produced: &mut produced,
                transport: &transport,
            };
            assert_no_alloc(|| self.processor.process(&mut block)).expect("the block is processed");
            output.append(&outputs[0]);
            done += frames;
            self.at += frames;
        }
        output
    }

    pub fn tail_frames(&self) -> u64 {
        match self.processor.tail() {
            Tail::Frames(frames) => frames,
            other => panic!("the tail is {other:?}"),
        }
    }
}

/// One whole render of a fresh device in blocks of 512.
pub fn render(device: &mut dyn Device, input: &Buffer, events: &[Timed]) -> Buffer {
    activate(device, input.channel_count(), 512, RATE).render(input, events)
}

/// No channels, but frames: what an instrument gets.
pub fn nothing(frames: usize) -> Buffer {
    let mut buffer = Buffer::new(0, 0);
    buffer.resize(frames);
    buffer
}

pub fn mono(samples: impl IntoIterator<Item = f32>) -> Buffer {
    Buffer::from_channels(vec![samples.into_iter().collect()])
}

pub fn stereo(left: Vec<f32>, right: Vec<f32>) -> Buffer {
    Buffer::from_channels(vec![left, right])
}

/// A sine of a frequency relative to [`RATE`].
pub fn sine(hertz: f64, amplitude: f64, frames: usize) -> Vec<f32> {
    let step = std::f64::consts::TAU * hertz / RATE.hz();
    (0..frames).map(|n| (amplitude * (step * n as f64).sin()) as f32).collect()
}

/// White noise of the given peak; the same for the same seed.
pub fn noise(seed: u32, amplitude: f32, frames: usize) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((state >> 8) as f32 / 8_388_608.0 - 1.0) * amplitude
    };
    (0..frames).map(|_| next()).collect()
}

pub fn impulse(frames: usize) -> Vec<f32> {
    let mut samples = vec![0.0; frames];
    samples[0] = 1.0;
    samples
}

/// Root mean square in decibels of full scale.
pub fn level(samples: &[f32]) -> f64 {
    let power: f64 = samples.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / samples.len() as f64;
    10.0 * power.log10()
}

pub fn note_on(key: u8, velocity: f64) -> EventBody {
    EventBody::NoteOn { channel: 0, key, velocity, note: None }
}

pub fn note_off(key: u8) -> EventBody {
    EventBody::NoteOff { channel: 0, key, velocity: 0.5, note: None }
}
