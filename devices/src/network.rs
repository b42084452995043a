//! What the devices that play a neural network share: their controls, and the engine round the network.

mod around;
mod cache;
mod sides;
mod stage;

use std::ops::Range;

use audio::Buffer;
use audio::device::{DeviceError, Fact, Setup, Tail};
use neural::{Activations, FileKind, ModelError, Network};

use crate::builtin::{Engine, Values};
use crate::control::{Control, Unit, plain_name};
use around::Around;

pub(crate) use cache::Cache;
pub use cache::parsed_models;
pub(crate) use sides::{start_each, start_pair};

/// What is done where a model's sample rate is not the session's.
pub(crate) const RESAMPLE: Control = Control::choice("Resample", &["around", "refuse"], 0).fixed();
/// How functions such as tanh are computed.
pub(crate) const ACTIVATIONS: Control = Control::choice("Activations", &["exact", "fast"], 0).fixed();

/// A device's own controls, then those of its model. Names that a file uses twice, or that the device has itself, get a
/// number.
pub(crate) fn table(own: &[Control], of_model: &[neural::Control]) -> Vec<Control> {
    let mut table = own.to_vec();
    for control in of_model {
        let written = if control.name.trim().is_empty() { "Knob" } else { control.name.trim() };
        let taken = |name: &str, table: &[Control]| table.iter().any(|c| plain_name(&c.name) == plain_name(name));
        let mut name = written.to_owned();
        let mut number = 2;
        while taken(&name, &table) {
            name = format!("{written} {number}");
            number += 1;
        }
        let [minimum, maximum, default] = [control.min, control.max, control.default].map(f64::from);
        table.push(Control {
            name: name.into(),
            ..Control::new("", Unit::Plain, minimum, maximum, default).group("Model")
        });
    }
    table
}

/// Words for a file that is not played, with the device that would play it if there is one.
pub(crate) fn advised(error: ModelError) -> String {
    match &error {
        ModelError::OtherKind(FileKind::Nam) => format!("{error}; write nam in place of rnn"),
        ModelError::OtherKind(FileKind::Recurrent) => format!("{error}; write rnn in place of nam"),
        _ => error.to_string(),
    }
}

/// The activations that are chosen at a place of the table.
pub(crate) fn activations(values: &Values, index: usize) -> Activations {
    if values.get(index) >= 1.0 { Activations::Fast } else { Activations::Exact }
}

/// What an engine starts with beside its network.
#[derive(Clone)]
pub(crate) struct Start {
    pub setup: Setup,
    /// The rate that the model was made for, in hertz.
    pub model_rate: f64,
    /// Whether another rate than the session's is refused.
    pub refuse: bool,
    /// Factors in front of the network and behind it.
    pub input: f64,
    pub output: f64,
    /// Where the model's controls begin in the table.
    pub controls: usize,
    /// What a careful user would want to know.
    pub remarks: Vec<String>,
}

impl Start {
    /// Whether the network plays at another rate than the session.
    pub fn is_resampled(&self) -> bool {
        self.model_rate != f64::from(self.setup.sample_rate.0)
    }
}

/// Starts a network with the values that its controls have.
pub(crate) fn start(
    mut network: Box<dyn Network>,
    count: usize,
    values: &Values,
    start: Start,
) -> Result<Box<dyn Engine>, DeviceError> {
    let resampled = start.is_resampled();
    let Start { setup, model_rate, refuse, input, output, controls, mut remarks } = start;
    let session = setup.sample_rate.0;
    let mut around = None;
    if resampled {
        if refuse {
            return Err(DeviceError::Activate(format!(
                "its model was made for {model_rate} Hz and the session has {session} Hz, which resample: refuse does not \
                 allow. Set audio: {{ sample_rate: {model_rate} }}, or resample: around"
            )));
        }
        if model_rate.fract() != 0.0 || !(1000.0..=1_536_000.0).contains(&model_rate) {
            return Err(DeviceError::Activate(format!(
                "its file states a sample rate of {model_rate} Hz, which no recording has. Correct the file"
            )));
        }
        around = Around::new(session, model_rate as u32, setup.max_block);
        if around.is_none() {
            return Err(DeviceError::Activate(format!(
                "its model was made for {model_rate} Hz, which stands in no ratio of small whole numbers to the session's \
                 {session} Hz. Render at {model_rate} Hz, or correct the file"
            )));
        }
        remarks.push(format!("resampled round the model: {session} Hz to {model_rate} Hz and back"));
    }
    for index in 0..count {
        network.set_control(index, values.get(controls + index) as f32);
    }
    let (input, output) = (input as f32, output as f32);
    let scratch = vec![0.0; setup.max_block];
    Ok(Box::new(Player { network, around, input, output, controls, scratch, remarks }))
}

/// A network at work on one channel.
struct Player {
    network: Box<dyn Network>,
    around: Option<Around>,
    input: f32,
    output: f32,
    controls: usize,
    scratch: Vec<f32>,
    remarks: Vec<String>,
}

impl Engine for Player {
    /// The device's own controls take effect at the next activation.
    fn set(&mut self, index: usize, value: f64) {
        let Some(index) = index.checked_sub(self.controls) else { return };
        match &mut self.around {
            None => self.network.set_control(index, value as f32),
            Some(around) => around.set(&mut *self.network, index, value as f32),
        }
    }

    fn render(&mut self, audio: &mut Buffer, frames: Range<usize>) {
        let samples = &mut audio.channel_mut(0)[frames];
        samples.iter_mut().for_each(|sample| *sample *= self.input);
        match &mut self.around {
            None => {
                let input = &mut self.scratch[..samples.len()];
                input.copy_from_slice(samples);
                self.network.process(input, samples);
            }
            Some(around) => around.process(&mut *self.network, samples),
        }
        samples.iter_mut().for_each(|sample| *sample *= self.output);
    }

    fn reset(&mut self) {
        if let Some(around) = &mut self.around {
            around.reset(&mut *self.network);
        }
        self.network.reset();
    }

    fn latency(&self) -> u64 {
        self.around.as_ref().map_or(0, Around::latency)
    }

    /// A network may hum for ever, and a recurrent one may remember for as long.
    fn tail(&self) -> Tail {
        Tail::Unknown
    }

    fn remarks(&self) -> Vec<String> {
        self.remarks.clone()
    }
}

/// A fact, where there is one.
pub(crate) fn fact(name: &str, value: Option<impl std::fmt::Display>) -> Option<Fact> {
    value.map(|value| Fact { name: name.to_owned(), value: value.to_string() })
}

/// What else a file says of itself in one word or number, under its own names, beside those that are `told` already.
pub(crate) fn other_facts<'a>(
    all: impl IntoIterator<Item = (&'a String, &'a serde_json::Value)>,
    told: &[&str],
) -> Vec<Fact> {
    use serde_json::Value;
    let mut facts = Vec::new();
    for (name, value) in all {
        let value = match value {
            _ if told.contains(&name.as_str()) => continue,
            Value::String(text) if !text.trim().is_empty() => text.trim().to_owned(),
            Value::Number(number) => number.to_string(),
            Value::Bool(is) => is.to_string(),
            _ => continue,
        };
        facts.push(Fact { name: name.clone(), value });
    }
    facts
}

/// Words for a device that has no use without a file.
pub(crate) fn no_file(name: &str, role: &str) -> DeviceError {
    let reason =
        format!("it plays a file, and none is given. Write {{ {name}: PATH }} or {name}:PATH ({role} is its role)");
    DeviceError::Load { device: format!("builtin:{name}"), reason }
}
