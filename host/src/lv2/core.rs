//! What both halves of a device share: the instance, the values of its controls, and what it is connected to.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use audio::device::ParameterId;
use audio::{Event, EventBody, Transport};

use super::atom::Object;
use super::buffers::{Buffer, Buffers};
use super::busses::Layout;
use super::features::Lengths;
use super::files;
use super::instance::Instance;
use super::message::{self, Said};
use super::paths::Paths;
use super::plugin::Description;
use super::port::{Direction, Kind};
use super::urid::KNOWN;
use crate::midi;

/// The id of the first property that is a parameter; those of control ports are their indices.
pub(super) const FIRST_PROPERTY: u32 = 1 << 16;

/// Frames of the buffers that no sound ever enters.
const UNUSED_BLOCK: usize = 512;

/// Most blocks of silence before the first, while the plugin has something to load.
const MOST_SETTLING: usize = 64;

/// Room that a text has from the start for what the plugin says of it.
const TEXT_ROOM: usize = 1 << 10;

/// What a property that is a text holds, as far as it is known.
#[derive(Clone, Debug, Default)]
pub(super) struct Text {
    value: String,
    known: bool,
    /// It was set by message; a fresh instance must be told again.
    pub(super) set: bool,
    /// The plugin is yet to be told.
    pub(super) pending: bool,
}

impl Text {
    /// One that the plugin has already, or is to be told.
    pub(super) fn of(value: &str, told: bool) -> Text {
        Text { value: value.to_owned(), known: true, set: told, pending: told }
    }

    pub(super) fn value(&self) -> Option<&str> {
        self.known.then_some(&self.value)
    }

    /// Takes over what the plugin says. Takes no memory where there is room.
    fn hear(&mut self, said: &str) {
        self.known = true;
        if self.value != said {
            self.value.clear();
            self.value.push_str(said);
        }
    }
}

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
    /// The texts, by property; those of other properties stay empty.
    pub(super) texts: Vec<Text>,
    /// The message that is being written.
    pub(super) message: Object,
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
    /// The latency that the plugin reported when it was last asked whether it is another.
    pub(super) latency: u64,
}

impl Core {
    pub(super) fn is_pending(&self) -> bool {
        self.properties.iter().any(|(_, pending)| *pending)
            || self.texts.iter().any(|text| text.pending)
            || self.files.values().any(|(_, pending)| *pending)
    }

    /// Whether the plugin can be asked for texts, which nobody knows before it says them.
    fn has_texts_to_tell(&self) -> bool {
        let answers = self.plugin.ports.iter().any(|port| port.is(Kind::Atom, Direction::Output) && port.patch);
        answers && self.plugin.properties.iter().any(|property| property.kind.is_text())
    }

    /// The value of the port that reports the latency.
    pub(super) fn reported_latency(&self) -> u64 {
        let port = self.plugin.ports.iter().find(|port| port.latency);
        port.map_or(0, |port| self.controls[port.index as usize].clamp(0.0, 1e9).round() as u64)
    }

    /// Begins to process. What the plugin is to load is loaded, and its latency known, when this returns. Fails where it
    /// refuses a file that it is to load; it is inactive then.
    pub(super) fn begin(
        &mut self,
        lengths: Lengths,
        rate: f64,
        used_inputs: &[usize],
        paths: &Paths,
    ) -> Result<(), String> {
        let told: Vec<usize> =
            self.files.iter().filter(|(_, (_, pending))| *pending).map(|(index, _)| *index).collect();
        self.start(lengths, rate, used_inputs);
        if !told.is_empty()
            && let Err(reason) = files::confirm(self, paths)
        {
            self.stop();
            // It is to be told again when it begins again.
            self.files.iter_mut().for_each(|(index, (_, pending))| *pending = told.contains(index));
            return Err(reason);
        }
        Ok(())
    }

    /// Connects and activates the instance, and lets it load what it has been told of.
    fn start(&mut self, lengths: Lengths, rate: f64, used_inputs: &[usize]) {
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
        for (text, property) in self.texts.iter_mut().zip(&self.plugin.properties) {
            if property.kind.is_text() {
                text.value.reserve(TEXT_ROOM.saturating_sub(text.value.len()));
            }
        }
        let has_latency = self.plugin.ports.iter().any(|port| port.latency);
        let waits = has_latency || self.is_pending() || self.is_busy() || self.has_texts_to_tell();
        let told = self.is_pending();
        // What was set is told first, so that the answers know of it.
        self.tell_properties();
        self.ask_for_properties();
        if waits {
            self.settle(told);
        }
    }

    /// Runs over silence until the plugin has nothing left to load, and begins afresh. `told` says whether it was told of
    /// something that it may have to load.
    ///
    /// What plugins are told by message they load in a run, and some report their latency only in one.
    pub(super) fn settle(&mut self, told: bool) {
        let Some(frames) = self.active.as_ref().map(|active| active.lengths.max_block) else { return };
        let mut waits = told || self.is_busy();
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

    /// Destroys the instance, if there is one.
    ///
    /// Some plugins, swh's filters among them, make when they are activated what they destroy in the end, and crash where
    /// they never were active; so they are, for once.
    pub(super) fn let_go(&mut self) {
        if let Some(instance) = &mut self.instance
            && !instance.was_active()
        {
            let mut buffers = Buffers::new(&self.plugin, UNUSED_BLOCK, |_| true);
            buffers.connect(instance, &self.plugin, &mut self.controls);
            instance.activate();
            instance.deactivate();
            // The plugin knows the buffers' addresses until it is gone.
            self.instance = None;
        }
        self.instance = None;
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

    /// The port that messages about properties go to.
    fn messages(&self) -> Option<u32> {
        let inputs = || self.plugin.ports.iter().filter(|port| port.is(Kind::Atom, Direction::Input));
        inputs().find(|port| port.patch).or_else(|| inputs().next()).map(|port| port.index)
    }

    /// Sends the message that was written.
    fn send(&mut self, frame: u32) {
        let Some(port) = self.messages() else { return };
        if let Some(input) = self.active.as_mut().and_then(|active| active.buffers.input(port)) {
            input.push(frame, KNOWN.object, self.message.as_bytes());
        }
    }

    fn ask_for_properties(&mut self) {
        if self.plugin.properties.iter().any(|property| property.kind.is_number() || property.kind.is_text()) {
            self.message.begin(KNOWN.patch_get);
            self.send(0);
        }
    }

    /// Tells the plugin what was set since it was last told.
    fn tell_properties(&mut self) {
        if !self.is_pending() {
            return;
        }
        let plugin = self.plugin.clone();
        for (index, property) in plugin.properties.iter().enumerate() {
            let (value, pending) = &mut self.properties[index];
            if std::mem::take(pending) {
                message::set_number(&mut self.message, property, *value);
                self.send(0);
            }
            let text = &mut self.texts[index];
            if std::mem::take(&mut text.pending) {
                let value = [text.value.as_bytes(), b"\0"].concat();
                message::set_text(&mut self.message, property, &value);
                self.send(0);
            }
            if let Some((path, pending)) = self.files.get_mut(&index)
                && std::mem::take(pending)
            {
                let value = [path.as_os_str().as_encoded_bytes(), b"\0"].concat();
                message::set_text(&mut self.message, property, &value);
                self.send(0);
            }
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
        let values = message::designated(now);
        for port in self.plugin.ports.iter().filter(|port| port.is(Kind::Control, Direction::Input)) {
            let Some(designation) = &port.designation else { continue };
            if let Some((_, value)) = values.iter().find(|(name, _)| name == designation) {
                self.controls[port.index as usize] = *value as f32;
            }
        }
        if !follows {
            message::position(&mut self.message, now);
            for (port, buffer) in self.plugin.ports.iter().zip(&mut active.buffers.0) {
                if let (true, Buffer::Input(input)) = (port.time, buffer) {
                    input.push(frame, KNOWN.object, self.message.as_bytes());
                }
            }
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
        let Some(active) = &mut self.active else { return false };
        for (port, buffer) in self.plugin.ports.iter().zip(&mut active.buffers.0) {
            if let (true, Buffer::Input(input)) = (port.midi, buffer) {
                input.push(frame, KNOWN.midi_event, bytes);
                return true;
            }
        }
        false
    }

    /// A parameter takes a value.
    fn change(&mut self, frame: u32, id: ParameterId, value: f64) -> bool {
        if let Some(index) = id.0.checked_sub(FIRST_PROPERTY) {
            let index = index as usize;
            let properties = self.plugin.properties.get(index);
            let Some(property) = properties.filter(|property| property.writable && property.kind.is_number()) else {
                return false;
            };
            let value = value.clamp(property.minimum, property.maximum);
            message::set_number(&mut self.message, property, value);
            self.properties[index] = (value, false);
            self.send(frame);
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
                            produced.extend(message::read_midi(body).map(|body| Event { frame, body }));
                            continue;
                        }
                        message::heard(&self.plugin.properties, kind, body, |index, said| match said {
                            Said::Number(value) if self.properties[index].0 != value => {
                                self.properties[index].0 = value;
                                let id = ParameterId(FIRST_PROPERTY + index as u32);
                                produced.push(Event { frame, body: EventBody::Parameter { id, value } });
                            }
                            Said::Number(_) => {}
                            Said::Text(said) => self.texts[index].hear(said),
                        });
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
        sort(&mut produced[already..]);
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        self.let_go();
    }
}

/// Puts events in order of their frames; those of one frame keep theirs. What is in order already, as it nearly always
/// is, takes no memory for it.
pub(super) fn sort(events: &mut [Event]) {
    if !events.is_sorted_by_key(|event| event.frame) {
        events.sort_by_key(|event| event.frame);
    }
}
