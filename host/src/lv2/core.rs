//! What both halves of a device share: the instance, the values of its controls, and what it is connected to.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use audio::device::ParameterId;
use audio::{Event, EventBody, Transport};

use super::atom::{self, Object};
use super::buffers::{Buffer, Buffers};
use super::busses::Layout;
use super::features::Lengths;
use super::instance::Instance;
use super::names::*;
use super::plugin::Description;
use super::port::{Direction, Kind};
use super::property::{Property, ValueType};
use super::urid::{KNOWN, map};
use crate::midi;

/// The id of the first property that is a parameter; those of control ports are their indices.
pub(super) const FIRST_PROPERTY: u32 = 1 << 16;

/// Most blocks of silence before the first, while the plugin has something to load.
const MOST_SETTLING: usize = 64;

/// What the main thread and the audio thread take turns with.
pub(super) struct Core {
    pub(super) plugin: Arc<Description>,
    pub(super) layout: Layout,
    pub(super) instance: Option<Instance>,
    /// The values of control and CV ports, by index.
    pub(super) controls: Box<[f32]>,
    /// Values of the properties, and whether the plugin is yet to be told.
    pub(super) properties: Vec<(f64, bool)>,
    /// Files that were set, by property, and whether the plugin is yet to be told.
    pub(super) files: BTreeMap<usize, (PathBuf, bool)>,
    pub(super) active: Option<Active>,
}

/// What there is while the device is active.
pub(super) struct Active {
    pub(super) lengths: Lengths,
    pub(super) rate: f64,
    pub(super) buffers: Buffers,
    /// What each output showed last.
    reported: Box<[f32]>,
    /// The music as the plugin knows it.
    told: Option<Transport>,
    /// Frames of the present block that have come in, where blocks have a fixed length.
    pub(super) filled: usize,
    /// What came out with the last block of fixed length, and is not due yet.
    pub(super) held: Vec<Event>,
    /// The latency that was reported when it was activated.
    pub(super) latency: u64,
}

impl Core {
    pub(super) fn is_pending(&self) -> bool {
        self.properties.iter().any(|(_, pending)| *pending) || self.files.values().any(|(_, pending)| *pending)
    }

    /// The value of the port that reports the latency.
    pub(super) fn reported_latency(&self) -> u64 {
        let port = self.plugin.ports.iter().find(|port| port.latency);
        port.map_or(0, |port| self.controls[port.index as usize].clamp(0.0, 1e9).round() as u64)
    }

    /// Connects and activates the instance. What the plugin is to load is loaded, and its latency known, when this
    /// returns.
    pub(super) fn start(&mut self, lengths: Lengths, rate: f64, used_inputs: &[usize]) {
        let unused: Vec<u32> = self
            .layout
            .inputs
            .iter()
            .enumerate()
            .skip(1)
            .filter(|(bus, _)| !used_inputs.contains(bus))
            .flat_map(|(_, ports)| ports.iter().copied())
            .collect();
        let buffers = Buffers::new(&self.plugin, lengths.max_block, |port| !unused.contains(&port));
        self.active = Some(Active {
            lengths,
            rate,
            buffers,
            reported: self.controls.clone(),
            told: None,
            filled: 0,
            held: Vec::new(),
            latency: 0,
        });
        self.connect();
        let Some(instance) = &mut self.instance else { return };
        instance.activate();
        let has_latency = self.plugin.ports.iter().any(|port| port.latency);
        if has_latency || self.is_pending() || self.is_busy() {
            self.ask_for_properties();
            self.settle();
        }
    }

    /// Runs over silence until the plugin has nothing left to load, and begins afresh.
    ///
    /// What plugins are told by message they load in a run, and some report their latency only in one.
    pub(super) fn settle(&mut self) {
        let Some(frames) = self.active.as_ref().map(|active| active.lengths.max_block) else { return };
        let mut waits = self.is_pending() || self.is_busy();
        for _ in 0..MOST_SETTLING {
            self.run(frames, &mut Vec::new());
            // The run after the last work is the first that shows what it led to.
            if !std::mem::replace(&mut waits, self.is_busy()) {
                break;
            }
        }
        self.restart();
        let latency = self.reported_latency();
        if let Some(active) = &mut self.active {
            active.latency = latency;
            active.reported.copy_from_slice(&self.controls);
        }
    }

    /// Whether the plugin has something to do before it can sound as it should.
    fn is_busy(&self) -> bool {
        self.instance.as_ref().is_some_and(Instance::is_busy)
    }

    /// Begins afresh.
    pub(super) fn restart(&mut self) {
        if let Some(instance) = &mut self.instance {
            instance.deactivate();
            instance.activate();
        }
        if let Some(active) = &mut self.active {
            (active.told, active.filled) = (None, 0);
            active.held.clear();
            for buffer in &mut active.buffers.0 {
                match buffer {
                    Buffer::Samples(samples) => samples.as_mut_slice().fill(0.0),
                    Buffer::Input(input) => input.clear(),
                    Buffer::Output(_) | Buffer::None => {}
                }
            }
        }
    }

    pub(super) fn stop(&mut self) {
        if let Some(instance) = &mut self.instance {
            instance.deactivate();
        }
        self.active = None;
    }

    fn connect(&mut self) {
        if let (Some(active), Some(instance)) = (&mut self.active, &mut self.instance) {
            active.buffers.connect(instance, &self.plugin, &mut self.controls);
        }
    }

    /// The sequences that go in and for which `wanted` holds.
    fn sequences(&mut self, wanted: impl Fn(&super::port::Port) -> bool) -> impl Iterator<Item = &mut atom::Input> {
        let buffers = self.active.as_mut().map_or(&mut [][..], |active| active.buffers.0.as_mut_slice());
        let ports = self.plugin.ports.iter().zip(buffers);
        ports.filter(move |(port, _)| wanted(port)).filter_map(|(_, buffer)| match buffer {
            Buffer::Input(input) => Some(input),
            _ => None,
        })
    }

    /// The port that messages about properties go to.
    fn messages(&self) -> Option<u32> {
        let inputs = || self.plugin.ports.iter().filter(|port| port.is(Kind::Atom, Direction::Input));
        inputs().find(|port| port.patch).or_else(|| inputs().next()).map(|port| port.index)
    }

    fn send(&mut self, frame: u32, message: &Object) {
        let Some(port) = self.messages() else { return };
        if let Some(input) = self.active.as_mut().and_then(|active| active.buffers.input(port)) {
            input.push(frame, KNOWN.object, message.as_bytes());
        }
    }

    fn ask_for_properties(&mut self) {
        if self.plugin.properties.iter().any(|property| property.kind.is_number()) {
            self.send(0, &Object::of_type(KNOWN.patch_get));
        }
    }

    /// Tells the plugin what was set since it was last told.
    fn tell_properties(&mut self, frame: u32) {
        if !self.is_pending() {
            return;
        }
        for index in 0..self.properties.len() {
            if std::mem::take(&mut self.properties[index].1) {
                let message = set(&self.plugin.properties[index], self.properties[index].0);
                self.send(frame, &message);
            }
        }
        let files: Vec<(usize, PathBuf)> = self
            .files
            .iter_mut()
            .filter_map(|(index, (path, pending))| std::mem::take(pending).then(|| (*index, path.clone())))
            .collect();
        for (index, path) in files {
            let mut value = path.into_os_string().into_encoded_bytes();
            value.push(0);
            let message = set_to(&self.plugin.properties[index].uri, KNOWN.path, &value);
            self.send(frame, &message);
        }
    }

    /// Tells the plugin where in the music it is, if it cannot know by itself.
    pub(super) fn tell_time(&mut self, now: &Transport) {
        let Some(active) = &mut self.active else { return };
        let frame = active.filled as u32;
        let follows = active.told.as_ref().is_some_and(|before| {
            let passed = now.steady_frame.saturating_sub(before.steady_frame) as i64;
            let expected = if before.playing { before.frame + passed } else { before.frame };
            (now.playing, now.tempo, now.numerator, now.denominator, now.frame)
                == (before.playing, before.tempo, before.numerator, before.denominator, expected)
        });
        active.told = Some(now.clone());
        let values = designated(now);
        for port in self.plugin.ports.iter().filter(|port| port.is(Kind::Control, Direction::Input)) {
            let Some(designation) = &port.designation else { continue };
            if let Some((_, value)) = values.iter().find(|(name, _)| name == designation) {
                self.controls[port.index as usize] = *value as f32;
            }
        }
        if !follows {
            let position = position(now);
            self.sequences(|port| port.time).for_each(|input| {
                input.push(frame, KNOWN.time_position, position.as_bytes());
            });
        }
    }

    /// Takes over one event; `frame` counts from the start of the plugin's block. Gives whether it could be said.
    pub(super) fn take(&mut self, frame: u32, body: &EventBody) -> bool {
        match body {
            EventBody::Parameter { id, value } => self.change(frame, *id, *value),
            EventBody::Sysex { bytes } => self.send_midi(frame, bytes),
            body => match midi::written(body) {
                Some(bytes) => {
                    let length = midi::length(bytes[0]);
                    length > 0 && self.send_midi(frame, &bytes[..length])
                }
                None => false,
            },
        }
    }

    fn send_midi(&mut self, frame: u32, bytes: &[u8]) -> bool {
        let first = self.sequences(|port| port.midi).next();
        first.map(|input| input.push(frame, KNOWN.midi_event, bytes)).is_some()
    }

    /// A parameter takes a value.
    fn change(&mut self, frame: u32, id: ParameterId, value: f64) -> bool {
        if let Some(index) = id.0.checked_sub(FIRST_PROPERTY) {
            let index = index as usize;
            let Some(property) = self.plugin.properties.get(index).filter(|property| property.kind.is_number()) else {
                return false;
            };
            let value = value.clamp(property.minimum, property.maximum);
            let message = set(property, value);
            self.properties[index] = (value, false);
            self.send(frame, &message);
            return true;
        }
        let rate = self.active.as_ref().map_or(1.0, |active| active.rate);
        match self.plugin.ports.get(id.0 as usize) {
            Some(port) if port.direction == Direction::Input && matches!(port.kind, Kind::Control | Kind::Cv) => {
                let (minimum, maximum, _) = port.range(rate);
                self.controls[port.index as usize] = value.clamp(minimum, maximum) as f32;
                true
            }
            _ => false,
        }
    }

    /// Runs the plugin over what has been put in place, and takes what it gives out; frames count from the start of
    /// this run.
    pub(super) fn run(&mut self, frames: usize, produced: &mut Vec<Event>) {
        self.tell_properties(0);
        let (Some(active), Some(instance)) = (&mut self.active, &mut self.instance) else { return };
        for (port, buffer) in self.plugin.ports.iter().zip(&mut active.buffers.0) {
            match buffer {
                Buffer::Samples(samples) if port.is(Kind::Cv, Direction::Input) => {
                    samples.as_mut_slice()[..frames].fill(self.controls[port.index as usize]);
                }
                // What a plugin forgets to write is silence, not what the last block left there.
                Buffer::Samples(samples) if port.direction == Direction::Output => {
                    samples.as_mut_slice()[..frames].fill(0.0);
                }
                Buffer::Output(output) => output.clear(),
                _ => {}
            }
        }
        active.buffers.connect_inputs(instance);
        // SAFETY: `connect` connected all ports, to room for the longest block, and `frames` is at most that.
        unsafe { instance.run(frames as u32) };
        self.read_out(frames, produced);
    }

    fn read_out(&mut self, frames: usize, produced: &mut Vec<Event>) {
        let Some(active) = &mut self.active else { return };
        let last = frames.saturating_sub(1) as i64;
        let already = produced.len();
        for (port, buffer) in self.plugin.ports.iter().zip(&mut active.buffers.0) {
            let index = port.index as usize;
            match buffer {
                Buffer::Input(input) => input.clear(),
                Buffer::Output(output) => {
                    for (frame, kind, body) in output.events() {
                        let frame = frame.clamp(0, last) as u32;
                        if kind == KNOWN.midi_event {
                            produced.extend(read_midi(body).map(|body| Event { frame, body }));
                        } else {
                            heard(&self.plugin.properties, kind, body, |index, value| {
                                if self.properties[index].0 != value {
                                    self.properties[index].0 = value;
                                    let id = ParameterId(FIRST_PROPERTY + index as u32);
                                    produced.push(Event { frame, body: EventBody::Parameter { id, value } });
                                }
                            });
                        }
                    }
                }
                _ if port.is(Kind::Control, Direction::Output) && !port.is_the_hosts() => {
                    let value = self.controls[index];
                    if value.to_bits() != active.reported[index].to_bits() && value.is_finite() {
                        active.reported[index] = value;
                        let body = EventBody::Parameter { id: ParameterId(port.index), value: value.into() };
                        produced.push(Event { frame: 0, body });
                    }
                }
                _ => {}
            }
        }
        produced[already..].sort_by_key(|event| event.frame);
    }
}

fn set_to(property: &str, kind: u32, value: &[u8]) -> Object {
    let known = &*KNOWN;
    Object::of_type(known.patch_set).with(known.patch_property, known.urid, &map(property).to_ne_bytes()).with(
        known.patch_value,
        kind,
        value,
    )
}

/// The message that sets a property to a number.
fn set(property: &Property, value: f64) -> Object {
    let known = &*KNOWN;
    let whole = value.round();
    match property.kind {
        ValueType::Bool => set_to(&property.uri, known.bool, &i32::from(value > 0.0).to_ne_bytes()),
        ValueType::Int => set_to(&property.uri, known.int, &(whole as i32).to_ne_bytes()),
        ValueType::Long => set_to(&property.uri, known.long, &(whole as i64).to_ne_bytes()),
        ValueType::Float => set_to(&property.uri, known.float, &(value as f32).to_ne_bytes()),
        ValueType::Double | ValueType::Path => set_to(&property.uri, known.double, &value.to_ne_bytes()),
    }
}

/// Understands what a plugin says about its properties: `patch:Set` of one, `patch:Put` of several.
fn heard(properties: &[Property], kind: u32, body: &[u8], mut each: impl FnMut(usize, f64)) {
    let known = &*KNOWN;
    let Some((message, parts)) = atom::object(kind, body) else { return };
    let mut say = |key: u32, kind: u32, value: &[u8]| {
        let place = properties.iter().position(|property| property.kind.is_number() && map(&property.uri) == key);
        if let (Some(place), Some(value)) = (place, atom::number(kind, value)) {
            each(place, value);
        }
    };
    if message == known.patch_set {
        let (mut property, mut value) = (None, None);
        for (key, kind, body) in parts {
            if key == known.patch_property && body.len() >= 4 {
                property = Some(u32::from_ne_bytes(body[..4].try_into().expect("four bytes")));
            } else if key == known.patch_value {
                value = Some((kind, body));
            }
        }
        if let (Some(property), Some((kind, value))) = (property, value) {
            say(property, kind, value);
        }
    } else if message == known.patch_put {
        for (key, kind, body) in parts {
            if key == known.patch_body
                && let Some((_, properties)) = atom::object(kind, body)
            {
                properties.for_each(|(key, kind, value)| say(key, kind, value));
            }
        }
    }
}

fn read_midi(bytes: &[u8]) -> Option<EventBody> {
    match bytes {
        [0xf0, ..] => Some(EventBody::Sysex { bytes: bytes.into() }),
        [status, ..] if bytes.len() >= midi::length(*status) => {
            let byte = |at| bytes.get(at).copied().unwrap_or(0);
            midi::read([*status, byte(1), byte(2)])
        }
        _ => None,
    }
}

/// Position in the bar, in beats as the metre counts them.
fn bar_beat(now: &Transport) -> f64 {
    (now.beat - now.bar_start) * f64::from(now.denominator) / 4.0
}

fn speed(now: &Transport) -> f32 {
    if now.playing { 1.0 } else { 0.0 }
}

/// Musical time as an atom.
fn position(now: &Transport) -> Object {
    let known = &*KNOWN;
    Object::of_type(known.time_position)
        .with(known.time_frame, known.long, &now.frame.to_ne_bytes())
        .with(known.time_speed, known.float, &speed(now).to_ne_bytes())
        .with(known.time_bar, known.long, &i64::from(now.bar).to_ne_bytes())
        .with(known.time_bar_beat, known.float, &(bar_beat(now) as f32).to_ne_bytes())
        .with(known.time_beat, known.double, &(now.beat * f64::from(now.denominator) / 4.0).to_ne_bytes())
        .with(known.time_beat_unit, known.int, &i32::from(now.denominator).to_ne_bytes())
        .with(known.time_beats_per_bar, known.float, &f32::from(now.numerator).to_ne_bytes())
        .with(known.time_beats_per_minute, known.float, &(now.tempo as f32).to_ne_bytes())
        .with(known.time_frames_per_second, known.float, &(now.sample_rate.hz() as f32).to_ne_bytes())
}

/// Musical time as the values of controls that are designated for it.
fn designated(now: &Transport) -> [(&'static str, f64); 7] {
    [
        (TIME_SPEED, speed(now).into()),
        (TIME_BAR, now.bar.into()),
        (TIME_BAR_BEAT, bar_beat(now)),
        (TIME_BEAT_UNIT, now.denominator.into()),
        (TIME_BEATS_PER_BAR, now.numerator.into()),
        (TIME_BEATS_PER_MINUTE, now.tempo),
        (TIME_FRAMES_PER_SECOND, now.sample_rate.hz()),
    ]
}
