//! The processing half of a plugin.

use std::cell::RefCell;
use std::sync::atomic::Ordering;

use audio::device::{ProcessError, Tail, require_finite};
use audio::{Block, Buffer, Processor};
use clack_extensions::tail::{PluginTail, TailLength};
use clack_host::plugin::PluginInstanceError;
use clack_host::process::{StartedPluginAudioProcessor, StoppedPluginAudioProcessor};
use clap_sys::audio_buffer::clap_audio_buffer;
use clap_sys::plugin::clap_plugin;
use clap_sys::process::{CLAP_PROCESS_CONTINUE, CLAP_PROCESS_SLEEP, clap_process, clap_process_status};

use super::callbacks::Host;
use super::events::{Input, Output, transport};
use super::extension;
use super::parameters::Cookies;
use super::ports::{Layout, NoteInput};
use crate::denormals::Denormals;
use crate::role::AudioRole;

type ProcessFunction = unsafe extern "C" fn(*const clap_plugin, *const clap_process) -> clap_process_status;

/// An active plugin that processes.
///
/// The audio buffers that the plugin sees are put together here rather than by clack, whose version 0.2 marks the
/// wrong channels as constant, can leave a pointer dangling when a third port is added, and gives plugins without
/// audio ports blocks of 0 frames.
pub(super) struct ClapProcessor {
    /// In a cell because asking for the tail takes it mutably.
    started: RefCell<StartedPluginAudioProcessor<Host>>,
    process: ProcessFunction,
    tail: Option<PluginTail>,
    inputs: Busses,
    outputs: Busses,
    max_block: usize,
    notes: Option<NoteInput>,
    events: Input,
    cookies: Cookies,
    /// Something could not be said in the plugin's dialect, and that was noted.
    noted_unsaid: bool,
}

impl ClapProcessor {
    /// Starts processing. Gives the stopped processor back if the plugin refuses.
    pub(super) fn start(
        stopped: StoppedPluginAudioProcessor<Host>,
        process: ProcessFunction,
        layout: &Layout,
        max_block: usize,
        cookies: Cookies,
    ) -> Result<ClapProcessor, StoppedPluginAudioProcessor<Host>> {
        let _role = AudioRole::take();
        let started = stopped.start_processing().map_err(|e| e.into_stopped_processor())?;
        let channels = |busses: &[audio::device::BusInfo]| busses.iter().map(|bus| bus.channels).collect::<Vec<_>>();
        Ok(ClapProcessor {
            tail: extension::find(started.shared_plugin_handle().as_raw_ptr()),
            started: RefCell::new(started),
            process,
            inputs: Busses::new(&channels(&layout.ports.inputs), &layout.inputs),
            outputs: Busses::new(&channels(&layout.ports.outputs), &layout.outputs),
            max_block,
            notes: layout.notes,
            events: Input::default(),
            cookies,
            noted_unsaid: false,
        })
    }

    /// Stops processing.
    pub(super) fn stop(self) -> StoppedPluginAudioProcessor<Host> {
        let _role = AudioRole::take();
        self.started.into_inner().stop_processing()
    }
}

impl Processor for ClapProcessor {
    fn process(&mut self, block: &mut Block<'_>) -> Result<(), ProcessError> {
        assert!((1..=self.max_block).contains(&block.frames), "a block has 1 to max_block frames");
        let started = self.started.get_mut();
        if !self.events.fill(block.events, self.notes, &self.cookies) && !self.noted_unsaid {
            self.noted_unsaid = true;
            let words = "it takes no MIDI: notes or controllers that were sent to it are left out";
            started.access_shared_handler(|shared| shared.note("warning", words));
        }
        // What a plugin forgets to write is silence, not what the last block left there.
        block.outputs.iter_mut().for_each(Buffer::clear);
        self.inputs.point_into(block.inputs, block.frames);
        self.outputs.point_into(block.outputs, block.frames);

        let already = block.produced.len();
        let transport = transport(block.transport);
        let mut output = Output::new(block.produced, block.frames as u32);
        let (in_events, out_events) = (self.events.as_raw(), output.as_raw());
        let call = clap_process {
            steady_time: i64::try_from(block.transport.steady_frame).unwrap_or(i64::MAX),
            frames_count: block.frames as u32,
            transport: &transport,
            audio_inputs: self.inputs.ports.as_ptr(),
            audio_outputs: self.outputs.ports.as_mut_ptr(),
            audio_inputs_count: self.inputs.ports.len() as u32,
            audio_outputs_count: self.outputs.ports.len() as u32,
            in_events: &in_events,
            out_events: &out_events,
        };
        let plugin = started.plugin_handle().as_raw_ptr();
        let status = {
            let _role = AudioRole::take();
            let _denormals = Denormals::off();
            // SAFETY: `process` is the plugin's own function. The plugin is active and processing as long as `started`
            // exists, and the device's main-thread half is not in use meanwhile by the contract of `audio::device`.
            // Every pointer in `call` leads to something above that outlives the call; `point_into` made sure that
            // each channel holds as many frames as the call says.
            unsafe { (self.process)(plugin, &call) }
        };
        started.access_shared_handler(|shared| shared.frames.fetch_add(block.frames as u64, Ordering::Relaxed));

        let produced = &mut block.produced[already..];
        if !produced.is_sorted_by_key(|event| event.frame) {
            produced.sort_by_key(|event| event.frame);
        }
        if !(CLAP_PROCESS_CONTINUE..=CLAP_PROCESS_SLEEP).contains(&status) {
            return Err(ProcessError::Failed);
        }
        require_finite(block.outputs)
    }

    fn reset(&mut self) {
        let _role = AudioRole::take();
        self.started.get_mut().reset();
    }

    fn tail(&self) -> Tail {
        let Some(tail) = &self.tail else { return Tail::Unknown };
        let _role = AudioRole::take();
        match tail.get(&self.started.borrow_mut().plugin_handle()) {
            TailLength::Finite(frames) => Tail::Frames(frames.into()),
            TailLength::Infinite => Tail::Infinite,
        }
    }
}

/// The ports of one direction, as the plugin sees them.
struct Busses {
    ports: Vec<clap_audio_buffer>,
    /// Behind each port, the pointers to its channels; `ports` points in here.
    channels: Vec<Vec<*mut f32>>,
    /// The port of each bus.
    order: Vec<usize>,
}

// SAFETY: the pointers in `ports` lead into `channels`, which moves along without its heap memory moving; those in
// `channels` are used only during a call of `process` that has just set them.
unsafe impl Send for Busses {}

impl Busses {
    /// For busses with these channel counts, behind the ports of this order.
    fn new(channel_counts: &[usize], order: &[usize]) -> Busses {
        let mut counts = vec![0; channel_counts.len()];
        for (bus, port) in order.iter().enumerate() {
            counts[*port] = channel_counts[bus];
        }
        let mut channels: Vec<Vec<*mut f32>> = counts.iter().map(|count| vec![std::ptr::null_mut(); *count]).collect();
        let port = |pointers: &mut Vec<*mut f32>| clap_audio_buffer {
            data32: pointers.as_mut_ptr(),
            data64: std::ptr::null_mut(),
            channel_count: pointers.len() as u32,
            latency: 0,
            constant_mask: 0,
        };
        let ports = channels.iter_mut().map(port).collect();
        Busses { ports, channels, order: order.to_vec() }
    }

    /// Makes the ports point into a block's buffers.
    ///
    /// # Panics
    /// If the buffers are not those of the busses: a plugin would read and write where nothing is.
    fn point_into(&mut self, buffers: &mut [Buffer], frames: usize) {
        assert_eq!(buffers.len(), self.order.len(), "a block has one buffer a bus");
        for (buffer, port) in buffers.iter_mut().zip(&self.order) {
            let pointers = &mut self.channels[*port];
            assert_eq!(buffer.channel_count(), pointers.len(), "a buffer has its bus's channels");
            assert_eq!(buffer.frames(), frames, "a buffer has the block's frames");
            for (pointer, samples) in pointers.iter_mut().zip(buffer.channels_mut()) {
                *pointer = samples.as_mut_ptr();
            }
            // Plugins may swap the pointers they are given, and they mark their constant channels here.
            self.ports[*port].data32 = pointers.as_mut_ptr();
            self.ports[*port].constant_mask = 0;
        }
    }
}

/// Why a plugin refused to be activated, in words.
pub(super) fn words(error: PluginInstanceError) -> String {
    match error {
        PluginInstanceError::ActivationFailed => "the plugin refused this sample rate or block size".into(),
        other => other.to_string(),
    }
}
