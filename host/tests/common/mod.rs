//! Rendering a device in tests.
#![allow(dead_code, reason = "each test program uses a part")]

pub mod child;
pub mod lv2;
pub mod scratch;
pub mod trixie;

use audio::device::{Block, DeviceError, ParameterId, ProcessError, Setup};
use audio::{Buffer, Device, Event, EventBody, Processor, SampleRate, Transport};

pub const RATE: SampleRate = SampleRate(48_000);

pub fn fixture(id: &str) -> Box<dyn Device> {
    try_fixture(id).unwrap()
}

pub fn try_fixture(id: &str) -> Result<Box<dyn Device>, DeviceError> {
    tonemill_host::clap::load(&tonemill_fixtures::path(), Some(&format!("{}{id}", tonemill_fixtures::PREFIX)))
}

/// A VST3 fixture. The library is a single-file plugin as it lies there; bundles are for tests of files.
pub fn vst3(name: &str) -> Box<dyn Device> {
    try_vst3(name).unwrap()
}

pub fn try_vst3(name: &str) -> Result<Box<dyn Device>, DeviceError> {
    tonemill_host::vst3::load(&tonemill_fixtures::path(), Some(&tonemill_fixtures::vst3::class_id(name)))
}

/// The id of the one parameter of that name.
pub fn id(device: &dyn Device, name: &str) -> ParameterId {
    let named: Vec<_> = device.parameters().into_iter().filter(|parameter| parameter.name == name).collect();
    assert_eq!(named.len(), 1, "one parameter is called {name}");
    named[0].id
}

/// Different numbers on every channel and frame.
pub fn ramp(channels: usize, frames: usize) -> Buffer {
    let value = |channel: usize, frame: usize| ((frame * 7 + channel * 3) % 1000) as f32 / 1000.0 - 0.5;
    let channel = |channel| (0..frames).map(|frame| value(channel, frame)).collect();
    Buffer::from_channels((0..channels).map(channel).collect())
}

pub fn at(frame: u32, body: EventBody) -> Event {
    Event { frame, body }
}

/// An active device that is fed block by block.
pub struct Stage {
    pub device: Box<dyn Device>,
    processor: Option<Box<dyn Processor>>,
    pub produced: Vec<Event>,
    /// The music at the next block. Only its frames advance by themselves.
    pub transport: Transport,
    block: usize,
}

impl Stage {
    pub fn new(device: Box<dyn Device>, block: usize) -> Stage {
        Stage::at_rate(device, RATE, block)
    }

    pub fn at_rate(mut device: Box<dyn Device>, rate: SampleRate, block: usize) -> Stage {
        let processor = device.activate(Setup { sample_rate: rate, max_block: block }).unwrap();
        Stage { device, processor: Some(processor), produced: Vec::new(), transport: Transport::start(rate), block }
    }

    pub fn processor(&mut self) -> &mut dyn Processor {
        self.processor.as_deref_mut().unwrap()
    }

    /// Renders all busses of the input; frames of `events` count from its start, as do those of what is produced.
    pub fn run(&mut self, inputs: &[Buffer], frames: usize, events: &[Event]) -> Result<Vec<Buffer>, ProcessError> {
        let ports = self.device.ports();
        let mut whole: Vec<Buffer> = ports.outputs.iter().map(|bus| Buffer::new(bus.channels, 0)).collect();
        let mut start = 0;
        while start < frames {
            let length = self.block.min(frames - start);
            let cut = |channel: &[f32]| channel[start..start + length].to_vec();
            let part = |buffer: &Buffer| Buffer::from_channels(buffer.channels().map(cut).collect());
            let mut ins: Vec<Buffer> = inputs.iter().map(part).collect();
            // What was in the output before must not shine through.
            let dirty = |channels| Buffer::from_channels(vec![vec![f32::NAN; length]; channels]);
            let mut outs: Vec<Buffer> = ports.outputs.iter().map(|bus| dirty(bus.channels)).collect();
            let within = |event: &&Event| (start..start + length).contains(&(event.frame as usize));
            let shift = |event: &Event| at(event.frame - start as u32, event.body.clone());
            let events: Vec<Event> = events.iter().filter(within).map(shift).collect();
            let (transport, mut produced) = (self.transport.clone(), Vec::new());
            self.processor().process(&mut Block {
                frames: length,
                inputs: &mut ins,
                outputs: &mut outs,
                events: &events,
                produced: &mut produced,
                transport: &transport,
            })?;
            self.produced.extend(produced.into_iter().map(|event| at(event.frame + start as u32, event.body)));
            whole.iter_mut().zip(&outs).for_each(|(whole, part)| whole.append(part));
            start += length;
            self.transport.steady_frame += length as u64;
            self.transport.frame += length as i64;
        }
        Ok(whole)
    }

    /// Renders an effect's main bus.
    pub fn effect(&mut self, input: &Buffer, events: &[Event]) -> Result<Buffer, ProcessError> {
        let outputs = self.run(std::slice::from_ref(input), input.frames(), events)?;
        Ok(outputs.into_iter().next().unwrap())
    }

    /// Renders an effect with no input but its main one, pumping after each block.
    pub fn pumped(&mut self, input: &Buffer) -> Result<Buffer, ProcessError> {
        let mut whole = Buffer::new(input.channel_count(), 0);
        for start in (0..input.frames()).step_by(self.block) {
            let end = (start + self.block).min(input.frames());
            let part = input.channels().map(|channel| channel[start..end].to_vec()).collect();
            whole.append(&self.effect(&Buffer::from_channels(part), &[])?);
            self.device.pump();
        }
        Ok(whole)
    }

    /// The values that a parameter was reported to have, with their frames.
    pub fn reports(&self, id: ParameterId) -> Vec<(u32, f64)> {
        let of = |event: &Event| match event.body {
            EventBody::Parameter { id: reported, value } if reported == id => Some((event.frame, value)),
            _ => None,
        };
        self.produced.iter().filter_map(of).collect()
    }

    pub fn stop(mut self) -> Box<dyn Device> {
        self.device.deactivate(self.processor.take().unwrap());
        self.device
    }
}
