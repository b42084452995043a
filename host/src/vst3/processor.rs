//! The processing half of a plugin.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use audio::device::{BusInfo, ParameterId, Ports, ProcessError, Tail, require_finite};
use audio::{Block, Buffer, Event, EventBody, Processor, Transport};
use vst3::Steinberg::Vst::ProcessContext_::StatesAndFlags_::*;
use vst3::Steinberg::Vst::RestartFlags_::kIoChanged;
use vst3::Steinberg::Vst::*;
use vst3::Steinberg::*;
use vst3::{ComPtr, ComWrapper};

use super::busses::Faces;
use super::changes::{self, Changes};
use super::controller::Controller;
use super::device::Tables;
use super::events::{self, EventList};
use super::handler::{NEEDS_RESTART, Notices};
use super::order::{Order, Place, Point};
use super::parameters::{Known, Table};
use crate::denormals::Denormals;
use crate::note::note;
use crate::role::AudioRole;

/// An active plugin that processes.
pub(super) struct Vst3Processor {
    /// Goes before the component, as in `Instance`.
    processor: ComPtr<IAudioProcessor>,
    component: ComPtr<IComponent>,
    controller: Option<Controller>,
    notices: Arc<Notices>,
    tables: Tables,
    name: String,
    setup: ProcessSetup,
    ports: Ports,
    event_channels: u8,
    inputs: Busses,
    outputs: Busses,
    input_changes: (ComWrapper<Changes>, ComPtr<IParameterChanges>),
    output_changes: (ComWrapper<Changes>, ComPtr<IParameterChanges>),
    input_events: (ComWrapper<EventList>, ComPtr<IEventList>),
    output_events: (ComWrapper<EventList>, ComPtr<IEventList>),
    /// The value that each parameter has, of those that were sent.
    sent: HashMap<ParamID, ParamValue>,
    edits: Vec<(ParamID, ParamValue)>,
    /// The order of controllers.
    order: Order,
    /// Something could not be said in VST3's words, and that was noted.
    noted_unsaid: bool,
}

// SAFETY: the objects are called by one thread at a time, as the contract of `audio::device` has it, and reference
// counts are thread-safe in VST3; the lists are behind locks. What `Busses` points to is explained there.
unsafe impl Send for Vst3Processor {}

/// What a processor is started with.
pub(super) struct Start<'a> {
    pub(super) component: &'a ComPtr<IComponent>,
    pub(super) processor: &'a ComPtr<IAudioProcessor>,
    pub(super) controller: Option<Controller>,
    pub(super) notices: &'a Arc<Notices>,
    pub(super) tables: &'a Tables,
    pub(super) name: &'a str,
    pub(super) setup: ProcessSetup,
    pub(super) ports: &'a Ports,
    /// Channels of the first event input.
    pub(super) event_channels: u8,
}

impl Vst3Processor {
    /// Starts processing.
    pub(super) fn start(start: Start<'_>) -> Vst3Processor {
        let doubles = start.setup.symbolicSampleSize == SymbolicSampleSizes_::kSample64 as i32;
        let frames = start.setup.maxSamplesPerBlock as usize;
        let changes = || {
            let changes = ComWrapper::new(Changes::default());
            let face = changes.to_com_ptr().expect("changes have their interface");
            (changes, face)
        };
        let events = || {
            let events = ComWrapper::new(EventList::default());
            let face = events.to_com_ptr().expect("a list has its interface");
            (events, face)
        };
        let processor = Vst3Processor {
            component: start.component.clone(),
            processor: start.processor.clone(),
            controller: start.controller,
            notices: start.notices.clone(),
            tables: start.tables.clone(),
            name: start.name.to_owned(),
            setup: start.setup,
            ports: start.ports.clone(),
            event_channels: start.event_channels,
            inputs: Busses::new(&start.ports.inputs, doubles.then_some(frames)),
            outputs: Busses::new(&start.ports.outputs, doubles.then_some(frames)),
            input_changes: changes(),
            output_changes: changes(),
            input_events: events(),
            output_events: events(),
            sent: HashMap::new(),
            edits: Vec::new(),
            order: Order::default(),
            noted_unsaid: false,
        };
        processor.set_processing(true);
        processor
    }

    fn set_processing(&self, processing: bool) {
        let _role = AudioRole::take();
        // Plugins that have nothing to do then answer kNotImplemented, or anything.
        // SAFETY: the component is active as long as this processor is out.
        unsafe { self.processor.setProcessing(processing.into()) };
    }

    /// Stops processing.
    pub(super) fn stop(self) {
        self.set_processing(false);
    }

    fn begin(&mut self) {
        self.input_changes.0.clear();
        self.output_changes.0.clear();
        self.input_events.0.clear();
        self.output_events.0.clear();
        if self.notices.values_replaced.swap(false, Ordering::AcqRel) {
            self.sent.clear();
        }
    }

    /// What changed outside of the blocks takes effect at the start of this one.
    ///
    /// VST3 would have plugins take it in a call without sound, too, before they process. But those that are built on
    /// DPF take nothing from such a call, and mda's take it and never recalculate what depends on it.
    fn take_edits(&mut self) {
        self.edits.clear();
        self.notices.take_edits(&mut self.edits);
        for (id, value) in &self.edits {
            self.input_changes.0.put(*id, 0, *value);
            self.sent.insert(*id, *value);
        }
    }

    /// Brings the controllers whose order counts to their parameters.
    fn take_controllers(&mut self, frames: i32) {
        let mut order = std::mem::take(&mut self.order);
        // There is room: nobody sends as many controllers.
        order.take(frames, |point| _ = self.control(point));
        order.end(frames);
        self.order = order;
    }

    /// Takes over a block's events. Gives whether all of them could be said in VST3's words.
    fn fill(&mut self, block: &[Event], transport: &Transport) -> bool {
        if block.is_empty() {
            return true;
        }
        debug_assert!(block.is_sorted_by_key(|event| event.frame), "events of a block are sorted by frame");
        let table = self.tables.current();
        let mut all = true;
        for Event { frame, body } in block {
            all &= match body {
                EventBody::Parameter { id, value } => match (table.get(*id), self.controller.clone()) {
                    (Some(known), Some(controller)) => {
                        let value = known.normalise(&controller, *value);
                        self.change(*frame, id.0, value)
                    }
                    _ => false,
                },
                _ if !self.ports.note_input => false,
                EventBody::Midi { bytes } if bytes[0] & 0xf0 == 0xc0 => {
                    let channel = bytes[0] & 15;
                    let program = table.program(channel, bytes[1] & 127);
                    program.is_some_and(|(id, value)| {
                        self.order.put(Place::of_program(channel), *frame as i32, id, value);
                        true
                    })
                }
                EventBody::Midi { bytes } if events::controller(*bytes).is_some() => {
                    self.controller(&table, *frame as i32, *bytes)
                }
                body => {
                    let beat = transport.beat + f64::from(*frame) * transport.tempo / 60.0 / self.setup.sampleRate;
                    self.input_events.0.put(*frame, beat, self.event_channels, body)
                }
            };
        }
        all
    }

    fn controller(&mut self, table: &Table, frame: i32, bytes: [u8; 3]) -> bool {
        let Some((channel, number, value)) = events::controller(bytes) else { return false };
        // Most plugins leave most controllers unassigned; that is their choice, and nothing is lost.
        let Some(id) = table.controller(channel, number) else { return true };
        match Place::of_controller(channel, number) {
            Some(place) => {
                self.order.put(place, frame, id, value);
                true
            }
            None => self.control(Point { frame, id, value, is_message: false }),
        }
    }

    /// A controller or a program moves a parameter.
    fn control(&mut self, Point { frame, id, value, is_message }: Point) -> bool {
        // A message that was held up to the frame before would be one more. Parameters that are nothing but controllers
        // begin at 0, which for a bend is all the way down: what was never sent is no level to hold.
        let is_only_midi = || self.tables.current().get(ParameterId(id)).is_none_or(Known::is_only_midi);
        if is_message || !self.sent.contains_key(&id) && is_only_midi() {
            self.sent.insert(id, value);
            self.notices.report(id, value);
            return self.input_changes.0.put(id, frame, value);
        }
        self.change(frame as u32, id, value)
    }

    /// A parameter takes a normalised value at a frame.
    fn change(&mut self, frame: u32, id: ParamID, value: ParamValue) -> bool {
        let known = self.sent.get(&id).copied();
        let before = known.or_else(|| self.controller.as_ref().map(|controller| controller.value(id))).unwrap_or(value);
        self.sent.insert(id, value);
        // The controller hears of it between blocks.
        self.notices.report(id, value);
        changes::step(&self.input_changes.0, id, frame as i32, before, value)
    }

    /// Calls the plugin with what has been put in place.
    fn call(&mut self, frames: usize, transport: &Transport) -> tresult {
        let system_time = self.notices.tick(transport.steady_frame, self.setup.sampleRate);
        let mut context = context(transport, system_time);
        let mut data = ProcessData {
            processMode: self.setup.processMode,
            symbolicSampleSize: self.setup.symbolicSampleSize,
            numSamples: frames as i32,
            numInputs: self.inputs.busses.len() as i32,
            numOutputs: self.outputs.busses.len() as i32,
            inputs: self.inputs.busses.as_mut_ptr(),
            outputs: self.outputs.busses.as_mut_ptr(),
            inputParameterChanges: self.input_changes.1.as_ptr(),
            outputParameterChanges: self.output_changes.1.as_ptr(),
            inputEvents: self.input_events.1.as_ptr(),
            outputEvents: self.output_events.1.as_ptr(),
            processContext: &mut context,
        };
        let _role = AudioRole::take();
        let _denormals = Denormals::off();
        // SAFETY: the component is active and processing as long as this processor is out, and the device's
        // main-thread half is not in use meanwhile by the contract of `audio::device`. Every pointer in `data` leads
        // to something that outlives the call, and each channel holds at least `frames` samples.
        unsafe { self.processor.process(&mut data) }
    }

    /// Takes what the plugin gave out over `frames` frames.
    fn finish(&mut self, frames: usize, produced: &mut Vec<Event>) {
        let last = (frames as i32 - 1).max(0);
        let already = produced.len();
        let table = self.tables.current();
        let frame = |at: i32| at.clamp(0, last) as u32;
        let sent = &mut self.sent;
        self.output_changes.0.drain(|id, at, value| {
            self.notices.report(id, value);
            sent.entry(id).and_modify(|sent| *sent = value);
            let id = ParameterId(id);
            if let (Some(known), Some(controller)) = (table.get(id), &self.controller) {
                let value = known.plain(controller, value);
                produced.push(Event { frame: frame(at), body: EventBody::Parameter { id, value } });
            }
        });
        self.output_events.0.drain(|at, body| produced.push(Event { frame: frame(at), body }));
        let produced = &mut produced[already..];
        if !produced.is_sorted_by_key(|event| event.frame) {
            produced.sort_by_key(|event| event.frame);
        }
    }
}

impl Processor for Vst3Processor {
    fn process(&mut self, block: &mut Block<'_>) -> Result<(), ProcessError> {
        let most = self.setup.maxSamplesPerBlock as usize;
        assert!((1..=most).contains(&block.frames), "a block has 1 to max_block frames");
        self.begin();
        self.take_edits();
        let frames = block.frames as i32;
        let all = self.fill(block.events, block.transport);
        self.take_controllers(frames);
        if !all && !self.noted_unsaid {
            self.noted_unsaid = true;
            let words = "it does not take some of the events that were sent to it: they are left out";
            note(&self.name, "warning", words);
        }
        // What a plugin forgets to write is silence, not what the last block left there.
        block.outputs.iter_mut().for_each(Buffer::clear);
        self.inputs.point_into(block.inputs, block.frames);
        self.outputs.point_into(block.outputs, block.frames);
        let result = self.call(block.frames, block.transport);
        self.outputs.copy_back(block.outputs);
        self.notices.frames.fetch_add(block.frames as u64, Ordering::Relaxed);
        self.finish(block.frames, block.produced);
        // A plugin that says "false" has processed; it commonly means that it was silent or bypassed.
        if result != kResultOk && result != kResultFalse {
            return Err(ProcessError::Failed);
        }
        require_finite(block.outputs)
    }

    fn reset(&mut self) {
        self.set_processing(false);
        // Many plugins clear their lines only when they are activated. One that has asked for a restart would have
        // another latency or other busses then, of which nobody above would know.
        if !self.notices.changes_when_inactive.load(Ordering::Acquire) {
            // SAFETY: the component is active as long as this processor is out, and nothing else calls it meanwhile.
            unsafe {
                self.component.setActive(0);
                self.component.setActive(1);
                // Each activation is followed by this question, whose answer is the same as before.
                self.processor.getLatencySamples();
            }
            // As after any activation, what the plugin says of it asks for no restart unless its busses really are others;
            // a latency that is, the next pump sees.
            self.notices.take_restart(NEEDS_RESTART);
            self.notices.changes_when_inactive.store(false, Ordering::Release);
            let faces = Faces { component: &self.component, processor: &self.processor };
            if faces.read().is_ok_and(|now| now.ports != self.ports) {
                self.notices.ask_restart(kIoChanged);
            }
        }
        self.set_processing(true);
    }

    fn tail(&self) -> Tail {
        let _role = AudioRole::take();
        // SAFETY: as in `reset`.
        match unsafe { self.processor.getTailSamples() } {
            frames if frames == kInfiniteTail => Tail::Infinite,
            frames => Tail::Frames(frames.into()),
        }
    }
}

/// Musical time as the plugin reads it.
fn context(from: &Transport, system_time: i64) -> ProcessContext {
    let playing = if from.playing { kPlaying } else { 0 };
    let flags = playing
        | kSystemTimeValid
        | kContTimeValid
        | kProjectTimeMusicValid
        | kBarPositionValid
        | kTempoValid
        | kTimeSigValid;
    ProcessContext {
        state: flags as u32,
        sampleRate: from.sample_rate.hz(),
        projectTimeSamples: from.frame,
        systemTime: system_time,
        continousTimeSamples: i64::try_from(from.steady_frame).unwrap_or(i64::MAX),
        projectTimeMusic: from.beat,
        barPositionMusic: from.bar_start,
        cycleStartMusic: 0.0,
        cycleEndMusic: 0.0,
        tempo: from.tempo,
        timeSigNumerator: from.numerator.into(),
        timeSigDenominator: from.denominator.into(),
        chord: Chord { keyNote: 0, rootNote: 0, chordMask: 0 },
        smpteOffsetSubframes: 0,
        frameRate: FrameRate { framesPerSecond: 0, flags: 0 },
        samplesToNextClock: 0,
    }
}

/// The busses of one direction, as the plugin sees them.
struct Busses {
    busses: Vec<AudioBusBuffers>,
    /// Behind each bus, the pointers to its channels; `busses` points in here.
    channels: Vec<Vec<*mut f32>>,
    /// Behind each bus, its samples in double precision and the pointers to them, for plugins that take no other.
    doubles: Option<Vec<Doubles>>,
}

struct Doubles {
    samples: Vec<Vec<f64>>,
    pointers: Vec<*mut f64>,
}

impl Busses {
    /// For these busses; `doubles` is the longest block, if the plugin takes double precision alone.
    fn new(infos: &[BusInfo], doubles: Option<usize>) -> Busses {
        let mut channels: Vec<Vec<*mut f32>> =
            infos.iter().map(|bus| vec![std::ptr::null_mut(); bus.channels]).collect();
        let double = |frames: usize| {
            let of = |bus: &BusInfo| Doubles {
                samples: vec![vec![0.0; frames]; bus.channels],
                pointers: vec![std::ptr::null_mut(); bus.channels],
            };
            infos.iter().map(of).collect::<Vec<_>>()
        };
        let mut doubles = doubles.map(double);
        let busses = channels.iter_mut().enumerate().map(|(index, pointers)| AudioBusBuffers {
            numChannels: pointers.len() as i32,
            silenceFlags: 0,
            __field0: match &mut doubles {
                None => AudioBusBuffers__type0 { channelBuffers32: pointers.as_mut_ptr() },
                Some(doubles) => AudioBusBuffers__type0 { channelBuffers64: doubles[index].pointers.as_mut_ptr() },
            },
        });
        let busses = busses.collect();
        Busses { busses, channels, doubles }
    }

    /// Makes the busses point into a block's buffers, or to a copy of them in double precision.
    ///
    /// # Panics
    /// If the buffers are not those of the busses: a plugin would read and write where nothing is.
    fn point_into(&mut self, buffers: &mut [Buffer], frames: usize) {
        assert_eq!(buffers.len(), self.busses.len(), "a block has one buffer a bus");
        for (index, buffer) in buffers.iter_mut().enumerate() {
            let pointers = &mut self.channels[index];
            assert_eq!(buffer.channel_count(), pointers.len(), "a buffer has its bus's channels");
            assert_eq!(buffer.frames(), frames, "a buffer has the block's frames");
            // Plugins may swap the pointers they are given, and they mark their silent channels here. No input is
            // marked silent: the mark is a mere permission to skip work.
            self.busses[index].silenceFlags = 0;
            match &mut self.doubles {
                None => {
                    for (pointer, samples) in pointers.iter_mut().zip(buffer.channels_mut()) {
                        *pointer = samples.as_mut_ptr();
                    }
                    self.busses[index].__field0.channelBuffers32 = pointers.as_mut_ptr();
                }
                Some(doubles) => {
                    let Doubles { samples, pointers } = &mut doubles[index];
                    for ((pointer, to), from) in pointers.iter_mut().zip(samples).zip(buffer.channels()) {
                        to.iter_mut().zip(from).for_each(|(to, from)| *to = f64::from(*from));
                        *pointer = to.as_mut_ptr();
                    }
                    self.busses[index].__field0.channelBuffers64 = pointers.as_mut_ptr();
                }
            }
        }
    }

    /// Takes over what was written in double precision.
    fn copy_back(&self, buffers: &mut [Buffer]) {
        for (doubles, buffer) in self.doubles.iter().flatten().zip(buffers) {
            for (to, from) in buffer.channels_mut().zip(&doubles.samples) {
                to.iter_mut().zip(from).for_each(|(to, from)| *to = *from as f32);
            }
        }
    }
}
