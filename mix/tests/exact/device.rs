//! A device that shows when it was told what.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use audio::device::{
    BusInfo, DeviceError, DeviceInfo, Parameter, ParameterId, Ports, ProcessError, Processor, Requests, Setup, Tail,
};
use audio::{Block, Device, Event, EventBody, Transport};

/// What a call brought.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    pub frames: usize,
    pub transport: Transport,
    pub events: Vec<Event>,
}

/// Gives `latency` frames late what comes in, times its parameter 0, times a factor that depends on the frame of the
/// music, and half of what its second input hears on top. A note is an impulse on all outputs. Further outputs give
/// multiples of the first. Channels that the input lacks repeat its last.
#[derive(Clone)]
pub struct Probe {
    info: DeviceInfo,
    inputs: Vec<usize>,
    outputs: Vec<usize>,
    latency: usize,
    reported: u64,
    pub calls: Arc<Mutex<Vec<Call>>>,
    /// Whether the music's frame colours the sound.
    coloured: bool,
}

impl Probe {
    pub fn new(inputs: &[usize], outputs: &[usize], latency: usize) -> Probe {
        let text = |s: &str| s.to_owned();
        let info = DeviceInfo {
            format: text("test"),
            id: text("probe"),
            name: format!("late by {latency}"),
            vendor: String::new(),
            version: String::new(),
            instrument: inputs.is_empty(),
        };
        let (inputs, outputs) = (inputs.to_vec(), outputs.to_vec());
        Probe { info, inputs, outputs, latency, reported: latency as u64, calls: Arc::default(), coloured: false }
    }

    pub fn coloured(mut self) -> Probe {
        self.coloured = true;
        self
    }

    pub fn reporting(mut self, latency: u64) -> Probe {
        self.reported = latency;
        self
    }
}

impl Device for Probe {
    fn info(&self) -> &DeviceInfo {
        &self.info
    }
    fn ports(&self) -> Ports {
        let busses = |channels: &[usize]| -> Vec<BusInfo> {
            let bus = |(index, &channels)| BusInfo { name: format!("bus {index}"), channels, main: index == 0 };
            channels.iter().enumerate().map(bus).collect()
        };
        Ports { inputs: busses(&self.inputs), outputs: busses(&self.outputs), note_input: true, note_output: false }
    }
    fn parameters(&self) -> Vec<Parameter> {
        Vec::new()
    }
    fn value(&self, id: ParameterId) -> Result<f64, DeviceError> {
        Err(DeviceError::NoSuchParameter(id))
    }
    fn text(&self, _: ParameterId, _: f64) -> Option<String> {
        None
    }
    fn parse(&self, _: ParameterId, _: &str) -> Option<f64> {
        None
    }
    fn set_value(&mut self, id: ParameterId, _: f64) -> Result<(), DeviceError> {
        Err(DeviceError::NoSuchParameter(id))
    }
    fn save_state(&mut self) -> Result<Vec<u8>, DeviceError> {
        Ok(Vec::new())
    }
    fn load_state(&mut self, _: &[u8]) -> Result<(), DeviceError> {
        Ok(())
    }
    fn request_channels(&mut self, _: Option<usize>, _: Option<usize>) -> Ports {
        self.ports()
    }
    fn activate(&mut self, _: Setup) -> Result<Box<dyn Processor>, DeviceError> {
        let ring = |_| std::iter::repeat_n(0.0, self.latency).collect();
        let rings = (0..self.outputs.iter().sum()).map(ring).collect();
        Ok(Box::new(Playing { probe: self.clone(), value: 1.0, rings, expected: None }))
    }
    fn latency(&self) -> u64 {
        self.reported
    }
    fn pump(&mut self) -> Requests {
        Requests::default()
    }
    fn deactivate(&mut self, _: Box<dyn Processor>) {}
}

struct Playing {
    probe: Probe,
    value: f32,
    rings: Vec<VecDeque<f32>>,
    /// The next steady frame.
    expected: Option<u64>,
}

impl Processor for Playing {
    fn process(&mut self, block: &mut Block<'_>) -> Result<(), ProcessError> {
        let steady = block.transport.steady_frame;
        assert!(self.expected.is_none_or(|expected| expected == steady), "time goes on without a gap");
        self.expected = Some(steady + block.frames as u64);
        assert!(block.inputs.iter().chain(&*block.outputs).all(|buffer| buffer.frames() == block.frames));
        let transport = block.transport.clone();
        if transport.playing {
            let call = Call { frames: block.frames, transport, events: block.events.to_vec() };
            self.probe.calls.lock().unwrap().push(call);
        }
        let mut events = block.events.iter().peekable();
        for frame in 0..block.frames {
            let mut note = 0.0;
            while let Some(event) = events.next_if(|event| event.frame as usize == frame) {
                match event.body {
                    EventBody::Parameter { value, .. } => self.value = value as f32,
                    EventBody::NoteOn { key, .. } => note += f32::from(key) / 128.0,
                    _ => {}
                }
            }
            let music = block.transport.frame + frame as i64;
            let colour = if self.probe.coloured { 1.0 + music.rem_euclid(97) as f32 / 128.0 } else { 1.0 };
            let mut ring = self.rings.iter_mut();
            for (bus, output) in block.outputs.iter_mut().enumerate() {
                for channel in 0..output.channel_count() {
                    let heard = |bus: usize| match block.inputs.get(bus).filter(|input| input.channel_count() > 0) {
                        Some(input) => input.channel(channel.min(input.channel_count() - 1))[frame],
                        None => 0.0,
                    };
                    let sound = (heard(0) * self.value + note + 0.5 * heard(1)) * colour * (bus + 1) as f32;
                    let ring = ring.next().unwrap();
                    ring.push_back(sound);
                    output.channel_mut(channel)[frame] = ring.pop_front().unwrap();
                }
            }
        }
        assert_eq!(events.next(), None, "every event lies within its block");
        // What inputs hold afterwards is nobody's business.
        block.inputs.iter_mut().flat_map(|input| input.channels_mut()).for_each(|channel| channel.fill(1e9));
        Ok(())
    }
    fn reset(&mut self) {}
    fn tail(&self) -> Tail {
        Tail::Frames(0)
    }
}
