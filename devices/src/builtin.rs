//! The one implementation of the device traits that every built-in shares.
//!
//! A built-in states its table of controls, the channels that it takes, and how to start an [`Engine`]. Parameters,
//! their texts, state, channel negotiation and the splitting of blocks at events happen here, once.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use audio::device::{
    BusInfo, DeviceError, DeviceInfo, Fact, Parameter, ParameterId, Ports, ProcessError, Requests, Setup, Tail,
    require_finite,
};
use audio::{Block, Buffer, Device, EventBody, Processor};
use serde::{Deserialize, Serialize};

use crate::control::Control;

/// What sets one built-in apart from the others.
pub(crate) trait Model {
    /// Its table of parameters, the same for as long as it lives.
    fn controls(&self) -> &[Control];

    /// The nearest to `inputs` and `outputs` channels that it can do; `outputs` is `None` where nobody asked.
    fn channels(&self, inputs: usize, outputs: Option<usize>) -> Channels;

    /// Whether two channels can be played by one engine as by two, where it takes one channel otherwise.
    fn plays_apart(&self) -> bool {
        false
    }

    /// Starts the half that makes sound.
    fn engine(&self, setup: Setup, channels: Channels, values: &Values) -> Result<Box<dyn Engine>, DeviceError>;

    /// Takes notes.
    fn is_instrument(&self) -> bool {
        false
    }

    /// Has a second, stereo input that its detector can hear instead of the signal.
    fn has_sidechain(&self) -> bool {
        false
    }

    /// What there is to tell of the file that it plays.
    fn about(&self) -> Vec<Fact> {
        Vec::new()
    }
}

/// Channels of the main busses. An instrument has no input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Channels {
    pub inputs: usize,
    pub outputs: usize,
}

impl Channels {
    /// As many out as in, one or two.
    pub fn same(inputs: usize) -> Channels {
        let channels = inputs.clamp(1, 2);
        Channels { inputs: channels, outputs: channels }
    }

    /// As many out as in, or from mono to stereo where that is asked for.
    pub fn widening(inputs: usize, outputs: Option<usize>) -> Channels {
        let inputs = inputs.clamp(1, 2);
        Channels { inputs, outputs: outputs.unwrap_or(inputs).clamp(inputs, 2) }
    }
}

/// The half that makes sound. It sees neither blocks nor events: only stretches of frames, and what changes between.
pub(crate) trait Engine: Send {
    /// Takes over a value of the table from the next frame on.
    fn set(&mut self, index: usize, value: f64);

    /// Takes a note or another message that is no parameter.
    fn receive(&mut self, _event: &EventBody) {}

    /// Renders in place; the input stands in `audio`, a mono one on both sides where the output is stereo.
    fn render(&mut self, audio: &mut Buffer, frames: Range<usize>);

    /// Likewise, with what the sidechain hears; only of models that have one.
    fn render_keyed(&mut self, audio: &mut Buffer, _key: &Buffer, frames: Range<usize>) {
        self.render(audio, frames);
    }

    /// Forgets all sound under way. Values stay.
    fn reset(&mut self);

    /// Frames by which the output is late.
    fn latency(&self) -> u64 {
        0
    }

    /// How long it sounds on.
    fn tail(&self) -> Tail;

    /// What it does to the sound that nobody sees from the values, a sentence each.
    fn remarks(&self) -> Vec<String> {
        Vec::new()
    }

    /// Where it could not do what the music asked, a sentence each.
    fn incidents(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Current plain values, seen by both halves of a device.
pub(crate) struct Values {
    controls: Box<[Control]>,
    bits: Vec<AtomicU64>,
}

impl Values {
    fn new(controls: &[Control]) -> Values {
        let bits = controls.iter().map(|c| AtomicU64::new(c.default.to_bits())).collect();
        Values { controls: controls.into(), bits }
    }

    /// The value at a place of the table.
    pub fn get(&self, index: usize) -> f64 {
        f64::from_bits(self.bits[index].load(Ordering::Relaxed))
    }

    fn find(&self, id: ParameterId) -> Result<(usize, &Control), DeviceError> {
        let index = id.0 as usize;
        self.controls.get(index).map(|c| (index, c)).ok_or(DeviceError::NoSuchParameter(id))
    }

    /// Gives the place in the table and the value as it is kept.
    fn set(&self, id: ParameterId, value: f64) -> Result<(usize, f64), DeviceError> {
        let (index, control) = self.find(id)?;
        let value = control.accept(value)?;
        self.bits[index].store(value.to_bits(), Ordering::Relaxed);
        Ok((index, value))
    }
}

/// A state as it is written: JSON, so that people can read it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    version: u32,
    device: String,
    values: BTreeMap<String, f64>,
}

const STATE_VERSION: u32 = 1;

/// A built-in on the main thread.
pub(crate) struct Builtin {
    info: DeviceInfo,
    model: Box<dyn Model>,
    values: Arc<Values>,
    channels: Channels,
    /// A signal comes in on the sidechain.
    keyed: bool,
    latency: u64,
    remarks: Vec<String>,
}

/// The place of the sidechain among the input busses.
const SIDECHAIN: usize = 1;

impl Builtin {
    pub fn new(info: DeviceInfo, model: Box<dyn Model>) -> Builtin {
        let values = Arc::new(Values::new(model.controls()));
        let channels = model.channels(2, None);
        Builtin { info, model, values, channels, keyed: false, latency: 0, remarks: Vec::new() }
    }
}

impl Device for Builtin {
    fn info(&self) -> &DeviceInfo {
        &self.info
    }

    fn ports(&self) -> Ports {
        let bus = |channels| match channels {
            0 => Vec::new(),
            channels => vec![BusInfo { name: "Main".to_owned(), channels, main: true }],
        };
        let mut inputs = bus(self.channels.inputs);
        if self.model.has_sidechain() {
            inputs.push(BusInfo { name: "Sidechain".to_owned(), channels: 2, main: false });
        }
        Ports {
            inputs,
            outputs: bus(self.channels.outputs),
            note_input: self.model.is_instrument(),
            note_output: false,
        }
    }

    fn parameters(&self) -> Vec<Parameter> {
        self.model.controls().iter().enumerate().map(|(index, control)| control.describe(index)).collect()
    }

    fn value(&self, id: ParameterId) -> Result<f64, DeviceError> {
        self.values.find(id).map(|(index, _)| self.values.get(index))
    }

    fn text(&self, id: ParameterId, value: f64) -> Option<String> {
        self.values.find(id).ok().map(|(_, control)| control.text(value))
    }

    fn parse(&self, id: ParameterId, text: &str) -> Option<f64> {
        self.values.find(id).ok().and_then(|(_, control)| control.parse(text))
    }

    fn set_value(&mut self, id: ParameterId, value: f64) -> Result<(), DeviceError> {
        self.values.set(id, value).map(|_| ())
    }

    fn save_state(&mut self) -> Result<Vec<u8>, DeviceError> {
        let named = |(index, control): (usize, &Control)| (control.name.clone().into_owned(), self.values.get(index));
        let values = self.model.controls().iter().enumerate().map(named).collect();
        let state = State { version: STATE_VERSION, device: self.info.id.clone(), values };
        serde_json::to_vec_pretty(&state).map_err(|error| DeviceError::State(error.to_string()))
    }

    /// Values that the state does not name take their default. Nothing changes if any of it is refused.
    fn load_state(&mut self, state: &[u8]) -> Result<(), DeviceError> {
        let state: State = serde_json::from_slice(state)
            .map_err(|error| DeviceError::State(format!("it is no state of a built-in device: {error}")))?;
        if state.version != STATE_VERSION {
            let reason = format!("its version is {}, this program reads version {STATE_VERSION}", state.version);
            return Err(DeviceError::State(reason));
        }
        if state.device != self.info.id {
            return Err(DeviceError::State(format!("it belongs to {}, not to {}", state.device, self.info.id)));
        }
        let fresh = Values::new(self.model.controls());
        for (name, value) in state.values {
            let Some(index) = self.model.controls().iter().position(|c| c.name == name) else {
                return Err(DeviceError::State(format!("{} has no parameter {name:?}", self.info.id)));
            };
            fresh.set(ParameterId(index as u32), value)?;
        }
        self.values = Arc::new(fresh);
        Ok(())
    }

    fn request_channels(&mut self, inputs: Option<usize>, outputs: Option<usize>) -> Ports {
        self.channels = self.model.channels(inputs.unwrap_or(self.channels.inputs), outputs);
        self.ports()
    }

    fn use_input(&mut self, bus: usize, used: bool) {
        if bus == SIDECHAIN && self.model.has_sidechain() {
            self.keyed = used;
        }
    }

    fn play_apart(&mut self) -> bool {
        if self.model.plays_apart() {
            self.channels = Channels { inputs: 2, outputs: 2 };
        }
        self.model.plays_apart()
    }

    fn activate(&mut self, setup: Setup) -> Result<Box<dyn Processor>, DeviceError> {
        if setup.sample_rate.0 < 8_000 {
            let reason = format!("{} frames a second are too few, 8000 is the least", setup.sample_rate.0);
            return Err(DeviceError::Activate(reason));
        }
        let engine = self.model.engine(setup, self.channels, &self.values)?;
        (self.latency, self.remarks) = (engine.latency(), engine.remarks());
        let (values, instrument) = (Arc::clone(&self.values), self.model.is_instrument());
        Ok(Box::new(Runner { engine, values, instrument, keyed: self.keyed }))
    }

    fn latency(&self) -> u64 {
        self.latency
    }

    fn remarks(&self) -> Vec<String> {
        self.remarks.clone()
    }

    fn about(&self) -> Vec<Fact> {
        self.model.about()
    }

    fn pump(&mut self) -> Requests {
        Requests::default()
    }

    fn deactivate(&mut self, processor: Box<dyn Processor>) {
        drop(processor);
        (self.latency, self.remarks) = (0, Vec::new());
    }
}

/// A built-in while it processes.
struct Runner {
    engine: Box<dyn Engine>,
    values: Arc<Values>,
    instrument: bool,
    keyed: bool,
}

impl Processor for Runner {
    /// Also fails, with [`ProcessError::Failed`], if an event names a parameter that is not there or a value outside
    /// its range: whoever sends events has the table to check against.
    fn process(&mut self, block: &mut Block<'_>) -> Result<(), ProcessError> {
        let output = &mut block.outputs[0];
        match block.inputs.first_mut() {
            None => output.clear(),
            // Nobody looks at the input afterwards: the sound changes places with what it takes the place of.
            Some(input) if input.channel_count() == output.channel_count() => std::mem::swap(input, output),
            Some(input) => {
                for (channel, samples) in output.channels_mut().enumerate() {
                    samples.copy_from_slice(input.channel(channel.min(input.channel_count() - 1)));
                }
            }
        }
        let key = block.inputs.get(SIDECHAIN).filter(|_| self.keyed);
        let render = |engine: &mut dyn Engine, output: &mut Buffer, frames| match key {
            Some(key) => engine.render_keyed(output, key, frames),
            None => engine.render(output, frames),
        };
        let mut done = 0;
        for event in block.events {
            let frame = (event.frame as usize).min(block.frames);
            let parameter = match event.body {
                EventBody::Parameter { id, value } => Some((id, value)),
                _ if self.instrument => None,
                _ => continue,
            };
            if frame > done {
                render(self.engine.as_mut(), output, done..frame);
                done = frame;
            }
            match parameter {
                Some((id, value)) => {
                    let (index, value) = self.values.set(id, value).map_err(|_| ProcessError::Failed)?;
                    self.engine.set(index, value);
                }
                None => self.engine.receive(&event.body),
            }
        }
        if done < block.frames {
            render(self.engine.as_mut(), output, done..block.frames);
        }
        require_finite(block.outputs)
    }

    fn reset(&mut self) {
        self.engine.reset();
    }

    fn tail(&self) -> Tail {
        self.engine.tail()
    }

    fn incidents(&self) -> Vec<String> {
        self.engine.incidents()
    }
}

/// The samples of a mono or stereo stretch.
pub(crate) fn stretch(audio: &mut Buffer, frames: Range<usize>) -> (&mut [f32], Option<&mut [f32]>) {
    let mut channels = audio.channels_mut();
    let first = &mut channels.next().expect("a built-in has at least one channel")[frames.clone()];
    (first, channels.next().map(|c| &mut c[frames]))
}
