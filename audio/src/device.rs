//! The two traits that every instrument and effect stands behind.
//!
//! A [`Device`] is the half that lives on the main thread: it is described, given parameters and state, activated.
//! Activation gives a [`Processor`], the half that turns blocks of sound into blocks of sound; it goes back to the
//! device to deactivate. Both halves may run on one thread but never at once: whoever holds them calls
//! [`Device::pump`] only between blocks.
//!
//! The order of calls is: build (format-specific) -> [`Device::load_state`], [`Device::set_value`] ->
//! [`Device::request_channels`] -> [`Device::activate`] -> [`Device::latency`] -> [`Processor::process`] and
//! [`Device::pump`] in turn -> [`Device::deactivate`] -> drop.

use std::any::Any;

use serde::{Deserialize, Serialize};

use crate::{Buffer, Event, SampleRate, Transport};

/// Identifies a parameter within its device; stable over sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct ParameterId(pub u32);

/// Who a device is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceInfo {
    /// `clap`, `vst3`, `lv2` or `builtin`.
    pub format: String,
    /// The identity within the format, as the plugin states it.
    pub id: String,
    /// Name for people.
    pub name: String,
    /// Who made it; may be empty.
    pub vendor: String,
    /// Version as the plugin words it; may be empty.
    pub version: String,
    /// Takes notes and makes sound.
    pub instrument: bool,
}

/// One audio bus of a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BusInfo {
    /// Name for people; may be empty.
    pub name: String,
    /// Channels in this bus.
    pub channels: usize,
    /// The bus that the signal of a chain passes through. At most one a direction, always the first.
    pub main: bool,
}

/// The audio and note connections of a device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ports {
    /// Audio busses in; the main one first if there is one.
    pub inputs: Vec<BusInfo>,
    /// Audio busses out; the main one first if there is one.
    pub outputs: Vec<BusInfo>,
    /// Takes notes.
    pub note_input: bool,
    /// Gives notes.
    pub note_output: bool,
}

impl Ports {
    /// Channels of the main input, 0 if there is none.
    pub fn main_inputs(&self) -> usize {
        self.inputs.first().filter(|b| b.main).map_or(0, |b| b.channels)
    }

    /// Channels of the main output, 0 if there is none.
    pub fn main_outputs(&self) -> usize {
        self.outputs.first().filter(|b| b.main).map_or(0, |b| b.channels)
    }
}

/// One parameter of a device. Values are plain: in the device's own unit, `minimum` to `maximum`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Parameter {
    /// Stable identity.
    pub id: ParameterId,
    /// Name for people. Not necessarily unique within a device.
    pub name: String,
    /// Path of the group that it belongs to, `/` between levels; may be empty.
    pub group: String,
    /// Lowest plain value.
    pub minimum: f64,
    /// Highest plain value.
    pub maximum: f64,
    /// Plain value of a fresh device.
    pub default: f64,
    /// What kind of control it is.
    pub flags: ParameterFlags,
}

/// What kind of control a parameter is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParameterFlags {
    /// Only whole values mean something.
    pub stepped: bool,
    /// Not for people's eyes, and never drawn at random.
    pub hidden: bool,
    /// Reports something; cannot be set.
    pub read_only: bool,
    /// Switches the whole device off. A bypass is on at its maximum; LV2's `enabled` switches off at its minimum.
    pub bypass: bool,
    /// May change while processing.
    pub automatable: bool,
}

/// A setting that is a text rather than a number, such as a name. Nothing automates it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextSetting {
    /// Stable identity; no parameter of the device has the same.
    pub id: ParameterId,
    /// Name for people.
    pub name: String,
    /// What it holds; `None` where the device has not said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Reports something; cannot be set.
    pub read_only: bool,
}

/// One thing that a device tells of itself or of the file that it plays, for people: a name and what stands under it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// What it is about: `sample rate`.
    pub name: String,
    /// What there is to say, with its unit: `48000 Hz`.
    pub value: String,
}

/// What is done to the signal at a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adaptation {
    /// Nothing.
    AsIs,
    /// The one channel feeds both inputs.
    Duplicate,
    /// Each channel goes through an instance of its own.
    DualMono,
    /// The channels' mean feeds the one input.
    Downmix,
}

/// Under which conditions a device processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setup {
    /// Frames a second.
    pub sample_rate: SampleRate,
    /// Most frames in one block, at least 1. Every block but the last has this many, unless it is split at an event.
    pub max_block: usize,
}

/// How a device is told to treat time.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ProcessMode {
    /// There is all the time it needs: best quality, nothing skipped.
    #[default]
    Offline,
    /// As if somebody listened. For devices that render wrongly, or not at all, when told that nobody does.
    Realtime,
}

/// How long a device sounds on after its input ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// At most this many frames; 0 where it stops at once.
    Frames(u64),
    /// It never falls silent by itself.
    Infinite,
    /// The device does not say.
    Unknown,
}

/// What a device asked for since the last pump.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Requests {
    /// It wants to be deactivated and activated again; its latency or ports may change with that.
    pub restart: bool,
    /// Its parameters, their values or texts changed from within.
    pub parameters: bool,
    /// Background work that must be done before recording, such as loading samples, is known to be unfinished.
    pub busy: bool,
}

/// Why a device could not do what it was asked.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum DeviceError {
    /// It could not be brought to life.
    #[error("cannot load {device}: {reason}")]
    Load {
        /// What was asked for, with its format and path.
        device: String,
        /// What went wrong and what to do.
        reason: String,
    },
    /// It has no parameter of that id.
    #[error("there is no parameter with the id {}", .0.0)]
    NoSuchParameter(ParameterId),
    /// A value lies outside a parameter's range.
    #[error("{name} = {value} is outside {minimum}..{maximum}")]
    OutOfRange {
        /// The parameter.
        name: String,
        /// What it was to be set to.
        value: f64,
        /// Lowest plain value.
        minimum: f64,
        /// Highest plain value.
        maximum: f64,
    },
    /// A state was refused.
    #[error("the state was refused: {0}")]
    State(String),
    /// It keeps no state that could be saved: its parameters are all there is.
    #[error("{0} has no state to save")]
    Stateless(String),
    /// An asset, such as an impulse response or a SoundFont, cannot be used.
    #[error("cannot use {path}: {reason}")]
    Asset {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// It refused to start processing.
    #[error("it cannot be activated: {0}")]
    Activate(String),
}

/// Why a block could not be processed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ProcessError {
    /// The device reported failure.
    #[error("the device reported an error while processing")]
    Failed,
    /// A sample is not a number or infinite.
    #[error("output {bus}, channel {channel}: the sample at frame {frame} of the block is not finite")]
    NonFinite {
        /// Output bus.
        bus: usize,
        /// Channel of that bus.
        channel: usize,
        /// Frame within the block.
        frame: usize,
    },
}

/// The main-thread half of an instrument or effect.
pub trait Device {
    /// Who it is.
    fn info(&self) -> &DeviceInfo;

    /// Its connections as they are now. Constant while active.
    fn ports(&self) -> Ports;

    /// Its parameters, in the device's own order.
    fn parameters(&self) -> Vec<Parameter>;

    /// The current plain value.
    fn value(&self, id: ParameterId) -> Result<f64, DeviceError>;

    /// How the device words a plain value ("-6.0 dB"); `None` if it has no words for it.
    fn text(&self, id: ParameterId, value: f64) -> Option<String>;

    /// The plain value that the device reads out of its own kind of text; `None` if it cannot.
    fn parse(&self, id: ParameterId, text: &str) -> Option<f64>;

    /// Sets a plain value. Call while inactive; while active, parameters travel as events.
    fn set_value(&mut self, id: ParameterId, value: f64) -> Result<(), DeviceError>;

    /// Its settings that are texts.
    fn texts(&self) -> Vec<TextSetting> {
        Vec::new()
    }

    /// Sets one of its [`texts`](Device::texts), which has no NUL in it. Call while inactive.
    fn set_text(&mut self, id: ParameterId, _text: &str) -> Result<(), DeviceError> {
        Err(DeviceError::NoSuchParameter(id))
    }

    /// Everything needed to make another instance sound like this one. [`DeviceError::Stateless`] where there is nothing
    /// beside the parameters.
    fn save_state(&mut self) -> Result<Vec<u8>, DeviceError>;

    /// Takes over a state that [`save_state`](Device::save_state) gave. Call while inactive.
    fn load_state(&mut self, state: &[u8]) -> Result<(), DeviceError>;

    /// Loads one of the device's own presets from a file, where it can. Call while inactive.
    fn load_preset(&mut self, path: &std::path::Path) -> Result<(), DeviceError> {
        Err(DeviceError::State(format!("{} loads no preset files: {}", self.info().name, path.display())))
    }

    /// What files it takes by role, beside its state: a SoundFont, an impulse response.
    fn file_roles(&self) -> Vec<String> {
        Vec::new()
    }

    /// Has it work with a file in one of its [`file_roles`](Device::file_roles). Call while inactive.
    fn set_file(&mut self, role: &str, path: &std::path::Path) -> Result<(), DeviceError> {
        let reason = format!("{} takes no {role}; name a state or preset file instead", self.info().name);
        Err(DeviceError::Asset { path: path.display().to_string(), reason })
    }

    /// Files, by absolute path, that its state or preset refers to beside those of [`set_file`](Device::set_file), and
    /// those that its preset was read from beside its own. Where one changes, the sound may.
    fn referenced_files(&self) -> Vec<std::path::PathBuf> {
        Vec::new()
    }

    /// Asks for channel counts of the main input and output; `None` leaves one as it is. Gives what the device
    /// settled on, which may be what it had before. Call while inactive.
    fn request_channels(&mut self, inputs: Option<usize>, outputs: Option<usize>) -> Ports;

    /// Asks one instance to play two channels, each as an instance of its own would, to the bit; tells whether it will. For
    /// devices that play two channels together in less time. Call while inactive, after
    /// [`request_channels`](Device::request_channels) has settled on one channel in and out.
    fn play_apart(&mut self) -> bool {
        false
    }

    /// Chooses the mode that the next activation processes in; it is offline until then. Call while inactive. Devices
    /// that make no difference ignore it.
    fn set_mode(&mut self, _mode: ProcessMode) {}

    /// Says whether a signal comes in on an input other than the main one, such as a sidechain. Some devices sound
    /// otherwise with silence there than with nothing; unless told, they have nothing. Call while inactive. Devices
    /// that make no difference ignore it.
    fn use_input(&mut self, _bus: usize, _used: bool) {}

    /// Makes it ready to process under `setup`.
    fn activate(&mut self, setup: Setup) -> Result<Box<dyn Processor>, DeviceError>;

    /// Frames by which the output is late. Valid only while active.
    fn latency(&self) -> u64;

    /// What it does to the sound that nobody sees from its parameters, such as a gain that it reckoned from a file, a
    /// sentence each. Valid only while active.
    fn remarks(&self) -> Vec<String> {
        Vec::new()
    }

    /// What there is to tell of it beside its parameters: who made the file that it plays, for which sample rate.
    fn about(&self) -> Vec<Fact> {
        Vec::new()
    }

    /// Runs what the device wants done on the main thread: callbacks, timers, file descriptors. Call between blocks
    /// only, and after loading until [`Requests::busy`] is false.
    fn pump(&mut self) -> Requests;

    /// Waits until nothing goes on in it beside the calls to it, such as the loading of sounds on threads of its own.
    /// There is a limit to it. The devices that have nothing of the kind need not say so. Call while it is active and
    /// before what is played counts.
    fn settle(&mut self) {}

    /// Takes the processor back and ends processing.
    fn deactivate(&mut self, processor: Box<dyn Processor>);
}

/// The processing half of an active device.
pub trait Processor: Any + Send {
    /// Processes one block. Fails with [`ProcessError::NonFinite`] if the device returns NaN or infinity on its main
    /// output; the block's content is then what the device wrote.
    fn process(&mut self, block: &mut Block<'_>) -> Result<(), ProcessError>;

    /// Forgets all sound that is under way, as after a long silence.
    fn reset(&mut self);

    /// How long it sounds on, as far as it knows now.
    fn tail(&self) -> Tail;

    /// Where it could not do what the music asked since it was activated, such as notes for which it has no sound, a
    /// sentence each.
    fn incidents(&self) -> Vec<String> {
        Vec::new()
    }
}

/// One call's worth of sound.
pub struct Block<'a> {
    /// Frames to process, 1 to [`Setup::max_block`].
    pub frames: usize,
    /// One buffer a bus of [`Ports::inputs`], each with that bus's channels and exactly `frames` frames. What they
    /// hold after the call is unspecified.
    pub inputs: &'a mut [Buffer],
    /// One buffer a bus of [`Ports::outputs`], likewise; overwritten whole.
    pub outputs: &'a mut [Buffer],
    /// What happens in the block, sorted by frame.
    pub events: &'a [Event],
    /// What the device gave out: notes and parameter changes. Appended to.
    pub produced: &'a mut Vec<Event>,
    /// The music at the block's first frame.
    pub transport: &'a Transport,
}

/// Fails if a main output holds a sample that is not finite. For implementers of [`Processor::process`].
pub fn require_finite(outputs: &[Buffer]) -> Result<(), ProcessError> {
    let Some(main) = outputs.first() else { return Ok(()) };
    for (channel, samples) in main.channels().enumerate() {
        // Infinity and NaN have all bits of the exponent set. That is found without branches, and with comparisons that the
        // compiler can do in the registers of any machine.
        const EXPONENT: u32 = 0x7f80_0000;
        if samples.iter().fold(0, |any, s| any | u32::from(s.to_bits() & EXPONENT == EXPONENT)) == 0 {
            continue;
        }
        if let Some(frame) = samples.iter().position(|s| !s.is_finite()) {
            return Err(ProcessError::NonFinite { bus: 0, channel, frame });
        }
    }
    Ok(())
}
