//! The main-thread half of a plugin.

use std::any::Any;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use audio::device::{
    BusInfo, DeviceError, DeviceInfo, Parameter, ParameterId, Ports, ProcessError, ProcessMode, Requests, Setup,
};
use audio::{Block, Buffer, Device, Processor, SampleRate, Transport};
use presets::vstpreset::{self, VstPreset};
use vst3::Steinberg::Vst::RestartFlags_::*;
use vst3::Steinberg::Vst::*;
use vst3::Steinberg::*;

use super::busses::{Faces, Layout};
use super::controller::Controller;
use super::handler::NEEDS_RESTART;
use super::instance::Instance;
use super::module::{Module, Offer};
use super::parameters::{Known, Table};
use super::processor::{Start, Vst3Processor};
use crate::background;
use crate::length::longest_block;
use crate::pump::Clock;

/// The parameter table of the moment. Both halves of a device hold it: the main thread replaces it when the plugin
/// says so, and the audio thread reads it. They take turns, so the lock is always free.
#[derive(Clone, Default)]
pub(super) struct Tables(Arc<Mutex<Arc<Table>>>);

impl Tables {
    pub(super) fn current(&self) -> Arc<Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn replace(&self, table: Table) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(table);
    }
}

/// The conditions until others are known.
const USUAL: Setup = Setup { sample_rate: SampleRate(48_000), max_block: 512 };

/// A plugin instance.
pub(super) struct Vst3Device {
    info: DeviceInfo,
    instance: Instance,
    tables: Tables,
    layout: Layout,
    /// Inputs that a signal comes in on, though the plugin has them off by itself.
    used_inputs: Vec<usize>,
    mode: ProcessMode,
    clock: Clock,
    /// The conditions of the last activation.
    setup: Option<Setup>,
    /// A state was loaded that the plugin may take over only when it processes, as the SDK's newer examples do.
    state_waits: bool,
    /// The plugin said while active that its busses are others; they are read once it is inactive.
    busses_changed: bool,
    /// The latency as it was found last.
    latency: u64,
    /// The latency that the last activation led to.
    activated_latency: u64,
    /// The latency was seen to change while it was active: what the plugin answers is how it is.
    latency_is_live: bool,
    /// The latency that a restart was asked for without the plugin's word: once is enough.
    restarted_for: Option<u64>,
    /// Values on their way to the controller; empty between pumps.
    reports: Vec<(u32, f64)>,
}

impl Vst3Device {
    /// Makes and initialises an instance. Fails with what went wrong and what to do.
    pub(super) fn new(module: &Arc<Module>, offer: &Offer) -> Result<Vst3Device, String> {
        let instance = Instance::new(module, offer)?;
        let layout = faces(&instance).read()?;
        let device = Vst3Device {
            info: offer.info.clone(),
            instance,
            tables: Tables::default(),
            layout,
            used_inputs: Vec::new(),
            latency: 0,
            activated_latency: 0,
            latency_is_live: false,
            restarted_for: None,
            mode: ProcessMode::Offline,
            clock: Clock::default(),
            setup: None,
            state_waits: false,
            busses_changed: false,
            reports: Vec::new(),
        };
        device.read_parameters();
        Ok(device)
    }

    fn is_active(&self) -> bool {
        self.instance.notices.active.load(Ordering::Acquire)
    }

    fn read_parameters(&self) {
        if let Some(controller) = &self.instance.controller {
            self.tables.replace(Table::read(controller, self.layout.ports.note_input));
        }
    }

    /// Calls `access` with a parameter and the controller that knows it.
    fn parameter<T>(&self, id: ParameterId, access: impl FnOnce(&Known, &Controller) -> T) -> Result<T, DeviceError> {
        let table = self.tables.current();
        match (table.get(id), &self.instance.controller) {
            (Some(known), Some(controller)) => Ok(access(known, controller)),
            _ => Err(DeviceError::NoSuchParameter(id)),
        }
    }

    /// Reads again what the plugin said has changed.
    fn refresh(&mut self) {
        let notices = &self.instance.notices;
        if notices.take_restart(kParamTitlesChanged | kMidiCCAssignmentChanged | kParamIDMappingChanged) != 0 {
            notices.values_changed.store(true, Ordering::Release);
            self.read_parameters();
        }
        if notices.take_restart(kParamValuesChanged) != 0 {
            notices.values_changed.store(true, Ordering::Release);
            notices.values_replaced.store(true, Ordering::Release);
        }
        if self.is_active() {
            // Busses are constant while active.
            return;
        }
        let busses_changed = std::mem::take(&mut self.busses_changed);
        if notices.take_restart(kIoChanged | kIoTitlesChanged | kReloadComponent) != 0 || busses_changed {
            // A plugin that contradicts itself now is refused when it is to be activated.
            if let Ok(layout) = faces(&self.instance).read() {
                self.layout = layout;
            }
            self.read_parameters();
        }
    }

    /// Takes over the busses as they are now. Parameters may depend on them.
    fn have(&mut self, layout: Layout) {
        if layout != self.layout {
            self.layout = layout;
            self.read_parameters();
        }
    }

    /// Tells the controller values that the component has or will have. The other values that a program brings with it
    /// are handed on to the component: in many plugins only the controller knows what is in a program.
    fn tell_controller(&self, values: &[(u32, f64)]) {
        let Some(controller) = self.instance.controller.as_ref().filter(|_| !values.is_empty()) else { return };
        let table = self.tables.current();
        let other_program = |(id, value): &(u32, f64)| {
            table.get(ParameterId(*id)).is_some_and(Known::is_program_change) && controller.value(*id) != *value
        };
        let before = if values.iter().any(other_program) { table.settable() } else { Vec::new() };
        let before: Vec<_> = before.into_iter().map(|id| (id, controller.value(id))).collect();
        values.iter().for_each(|(id, value)| controller.set(*id, *value));
        for (id, before) in before {
            let now = controller.value(id);
            if now != before && !values.iter().any(|(told, _)| *told == id) {
                // There is room for more values than a plugin may have parameters.
                self.instance.notices.edit(id, now);
            }
        }
    }

    /// Activates the component and starts processing.
    fn start(&mut self, setup: Setup) -> Result<Box<dyn Processor>, DeviceError> {
        let refuse = DeviceError::Activate;
        let max_block = longest_block(&setup)? as i32;
        self.refresh();
        faces(&self.instance).confirm(&self.layout);
        let layout = faces(&self.instance).read().map_err(refuse)?;
        self.have(layout);
        let ports = &self.layout.ports;
        if ports.inputs.iter().chain(&ports.outputs).all(|bus| bus.channels == 0)
            && !(ports.inputs.is_empty() && ports.outputs.is_empty())
        {
            return Err(refuse("none of its busses has a channel: it refuses every speaker arrangement".into()));
        }
        let process = self.prepare(setup.sample_rate, max_block)?;
        let Instance { component, processor, notices, .. } = &self.instance;
        let faces = faces(&self.instance);
        faces.activate(&self.layout, &self.used_inputs);
        // SAFETY: the component is set up and its busses are chosen.
        let answer = unsafe { component.setActive(1) };
        if answer != kResultOk && answer != kNotImplemented {
            // SAFETY: a plugin that half began is told to end.
            unsafe { component.setActive(0) };
            return Err(refuse("the plugin refused to become active".into()));
        }
        notices.active.store(true, Ordering::Release);
        // The latency is read after this, and the busses now: what the plugin says of them while it is activated asks
        // for no restart, unless they really are others.
        notices.take_restart(NEEDS_RESTART);
        notices.changes_when_inactive.store(false, Ordering::Release);
        if faces.read().is_ok_and(|now| now != self.layout) {
            notices.ask_restart(kIoChanged);
        }
        let started = Vst3Processor::start(Start {
            component,
            processor,
            controller: self.instance.controller.clone(),
            notices,
            tables: &self.tables,
            name: &self.info.name,
            setup: process,
            ports: &self.layout.ports,
            event_channels: self.layout.event_channels,
        });
        self.setup = Some(setup);
        self.latency = self.latency();
        self.activated_latency = self.latency;
        Ok(Box::new(started))
    }

    /// Says under which conditions it will process. Call while inactive.
    fn prepare(&self, sample_rate: SampleRate, max_block: i32) -> Result<ProcessSetup, DeviceError> {
        let refuse = DeviceError::Activate;
        let mut process = ProcessSetup {
            processMode: match self.mode {
                ProcessMode::Offline => ProcessModes_::kOffline as i32,
                ProcessMode::Realtime => ProcessModes_::kRealtime as i32,
            },
            symbolicSampleSize: self.sample_size()?,
            maxSamplesPerBlock: max_block,
            sampleRate: sample_rate.hz(),
        };
        // SAFETY: the component is initialised and inactive; the pointer leads to the struct above.
        let answer = unsafe { self.instance.processor.setupProcessing(&mut process) };
        if answer != kResultOk && answer != kNotImplemented {
            let help = match self.mode {
                ProcessMode::Offline => ". If it renders in real time only, set mode: realtime",
                ProcessMode::Realtime => "",
            };
            return Err(refuse(format!(
                "the plugin refuses to be set up for {} Hz and blocks of {max_block} frames{help}",
                sample_rate.hz()
            )));
        }
        Ok(process)
    }

    /// The precision that the plugin takes.
    fn sample_size(&self) -> Result<i32, DeviceError> {
        let sizes = [SymbolicSampleSizes_::kSample32 as i32, SymbolicSampleSizes_::kSample64 as i32];
        // SAFETY: the component is initialised.
        let takes = |size: &i32| unsafe { self.instance.processor.canProcessSampleSize(*size) } == kResultTrue;
        sizes.into_iter().find(takes).ok_or_else(|| {
            DeviceError::Activate("the plugin takes samples in neither single nor double precision".into())
        })
    }

    /// Hands waiting parameter changes to the component before its state is saved, in a block of silence that nobody
    /// hears and a short activation around it. Before a render they wait for the first block: many plugins, such as
    /// ZamTube, keep something of the silence over an activation, and would sound otherwise than fresh ones.
    fn deliver_edits(&mut self, setup: Setup) -> Result<(), DeviceError> {
        let frames = setup.max_block.min(USUAL.max_block);
        let mut processor = self.start(setup)?;
        let silence = |busses: &[BusInfo]| busses.iter().map(|bus| Buffer::new(bus.channels, frames)).collect();
        let (mut inputs, mut outputs): (Vec<_>, Vec<_>) =
            (silence(&self.layout.ports.inputs), silence(&self.layout.ports.outputs));
        let mut transport = Transport::start(setup.sample_rate);
        transport.playing = false;
        let processed = processor.process(&mut Block {
            frames,
            inputs: &mut inputs,
            outputs: &mut outputs,
            events: &[],
            produced: &mut Vec::new(),
            transport: &transport,
        });
        // What it asks for now, it gets when it is activated again. That its values are others now, whoever pumps next is
        // to hear.
        let changed = self.pump().parameters;
        self.deactivate(processor);
        self.instance.notices.values_changed.fetch_or(changed, Ordering::AcqRel);
        self.state_waits = false;
        match processed {
            // What sounds here is heard by nobody, so it need not be sound.
            Ok(()) | Err(ProcessError::NonFinite { .. }) => Ok(()),
            Err(error) => Err(DeviceError::State(error.to_string())),
        }
    }

    /// What of the plugin is to be another, for which it has to be activated again; nothing is said twice.
    fn wanted_restart(&mut self) -> RestartFlags {
        // LSP's plugins find out their latency when they process, and say so from a thread of theirs, at any time or too
        // late.
        let latency = self.latency();
        if std::mem::replace(&mut self.latency, latency) != latency {
            self.latency_is_live = true;
            if self.restarted_for.replace(latency) != Some(latency) {
                self.instance.notices.ask_restart(kLatencyChanged);
            }
        }
        let notices = &self.instance.notices;
        let mut restart = notices.take_restart(NEEDS_RESTART);
        // News of a latency that the plugin was activated with already came too late. It may be believed only where the
        // answer is known to be live: others, as VST3 has it, answer with the old latency until they are activated again.
        if self.latency_is_live && latency == self.activated_latency {
            restart &= !kLatencyChanged;
        }
        self.busses_changed |= restart & (kIoChanged | kReloadComponent) != 0;
        if restart == 0 && latency == self.activated_latency && !self.busses_changed && self.latency_is_live {
            notices.changes_when_inactive.store(false, Ordering::Release);
        }
        restart
    }

    /// What a preset is made for, if it is not for this plugin.
    fn require_own(&self, preset: &VstPreset) -> Result<(), DeviceError> {
        let own = &self.info.id;
        let replaced = &self.instance.module.replaced;
        if preset.class == *own || replaced.iter().any(|(old, new)| *old == preset.class && new == own) {
            return Ok(());
        }
        let named = |name: &str, class: &str| format!("\"{name}\" ({class})");
        let other = preset.plugin_name().map_or_else(|| preset.class.clone(), |name| named(&name, &preset.class));
        let own = named(&self.info.name, own);
        Err(DeviceError::State(format!("it was saved by {other}, and this is {own}")))
    }
}

fn faces(instance: &Instance) -> Faces<'_> {
    Faces { component: &instance.component, processor: &instance.processor }
}

impl Device for Vst3Device {
    fn info(&self) -> &DeviceInfo {
        &self.info
    }

    fn ports(&self) -> Ports {
        self.layout.ports.clone()
    }

    fn parameters(&self) -> Vec<Parameter> {
        self.tables.current().parameters()
    }

    fn value(&self, id: ParameterId) -> Result<f64, DeviceError> {
        self.parameter(id, |known, controller| known.plain(controller, controller.value(id.0)))
    }

    fn text(&self, id: ParameterId, value: f64) -> Option<String> {
        self.parameter(id, |known, controller| known.text(controller, value)).ok()?
    }

    fn parse(&self, id: ParameterId, text: &str) -> Option<f64> {
        self.parameter(id, |known, controller| known.parse(controller, text)).ok()?.filter(|value| value.is_finite())
    }

    fn set_value(&mut self, id: ParameterId, value: f64) -> Result<(), DeviceError> {
        let normalised = self.parameter(id, |known, controller| known.normalise(controller, value))?;
        self.tell_controller(&[(id.0, normalised)]);
        // Whatever the controller answered, this is what was asked for.
        if !self.instance.notices.edit(id.0, normalised) {
            return Err(DeviceError::State("too many parameters wait to be set".into()));
        }
        self.refresh();
        Ok(())
    }

    /// A preset file (`.vstpreset`) in memory, with the states of both halves.
    fn save_state(&mut self) -> Result<Vec<u8>, DeviceError> {
        if !self.is_active() && (self.state_waits || self.instance.notices.has_edits()) {
            self.deliver_edits(self.setup.unwrap_or(USUAL))?;
        }
        let component = self.instance.component_state();
        let controller = self.instance.controller.as_ref().and_then(Controller::state);
        if component.is_none() && controller.is_none() {
            return Err(DeviceError::Stateless(self.info.name.clone()));
        }
        let info = Some(vstpreset::meta_info(&self.info.name));
        Ok(VstPreset { class: self.info.id.clone(), component, controller, program: None, info }.write())
    }

    /// Takes a preset file's bytes, or those of the component's state alone.
    fn load_state(&mut self, state: &[u8]) -> Result<(), DeviceError> {
        let preset = if vstpreset::is_vstpreset(state) {
            let preset = VstPreset::read(state).map_err(|e| DeviceError::State(e.to_string()))?;
            self.require_own(&preset)?;
            preset
        } else {
            VstPreset { component: Some(state.to_vec()), ..VstPreset::default() }
        };
        let name = self.info.name.clone();
        let refuse = |part: &str, length: usize| {
            let words =
                format!("{name} could not read the {length} bytes of its {part}. Was it saved by another plugin?");
            Err(DeviceError::State(words))
        };
        if preset.component.is_none() && preset.controller.is_none() {
            return Err(DeviceError::State("it holds no state, at most one program's data".into()));
        }
        if self.setup.is_none() {
            // Some plugins, such as LSP's, divide by a sample rate that nobody has told them yet.
            self.prepare(USUAL.sample_rate, USUAL.max_block as i32)?;
        }
        if let Some(bytes) = &preset.component {
            // A plugin that refuses a state and is in it anyway has lost nothing: those that keep none beside what they
            // were made with refuse what they save themselves, DPF's without parameters among them.
            if !self.instance.load_component_state(bytes) && self.instance.component_state().as_ref() != Some(bytes) {
                return refuse("state", bytes.len());
            }
            if let Some(controller) = &self.instance.controller {
                controller.show_component_state(bytes);
            }
        }
        if let (Some(bytes), Some(controller)) = (&preset.controller, &self.instance.controller)
            && !controller.load_state(bytes)
        {
            return refuse("controller's state", bytes.len());
        }
        self.instance.notices.forget_edits();
        self.state_waits = true;
        self.refresh();
        Ok(())
    }

    fn load_preset(&mut self, path: &Path) -> Result<(), DeviceError> {
        let refuse = |reason: String| DeviceError::State(format!("{}: {reason}", path.display()));
        let bytes = std::fs::read(path).map_err(|e| refuse(format!("the preset cannot be read: {e}")))?;
        if !vstpreset::is_vstpreset(&bytes) {
            return Err(refuse("it is no VST3 preset file. Name a raw state under state instead".into()));
        }
        self.load_state(&bytes).map_err(|e| match e {
            DeviceError::State(reason) => refuse(reason),
            other => other,
        })
    }

    fn request_channels(&mut self, inputs: Option<usize>, outputs: Option<usize>) -> Ports {
        if !self.is_active() {
            let faces = faces(&self.instance);
            faces.request(&self.layout, inputs, outputs);
            // A plugin that contradicts itself now is refused when it is to be activated.
            if let Ok(layout) = faces.read() {
                self.have(layout);
            }
        }
        self.ports()
    }

    fn set_mode(&mut self, mode: ProcessMode) {
        self.mode = mode;
    }

    fn use_input(&mut self, bus: usize, used: bool) {
        self.used_inputs.retain(|known| *known != bus);
        if used {
            self.used_inputs.push(bus);
        }
    }

    fn activate(&mut self, setup: Setup) -> Result<Box<dyn Processor>, DeviceError> {
        if self.is_active() {
            return Err(DeviceError::Activate("it is active already".into()));
        }
        self.start(setup)
    }

    fn latency(&self) -> u64 {
        if !self.is_active() {
            return 0;
        }
        // SAFETY: the component is active.
        u64::from(unsafe { self.instance.processor.getLatencySamples() })
    }

    fn settle(&mut self) {
        background::settle(&self.info.name);
    }

    fn pump(&mut self) -> Requests {
        let frames = self.instance.notices.frames.load(Ordering::Relaxed);
        let rate = self.setup.filter(|_| self.is_active()).map(|setup| setup.sample_rate.hz());
        let step_ms = self.clock.step(frames, rate);
        self.instance.run_loop.pump(step_ms);
        // What the module as a whole registered runs with whichever of its instances is pumped.
        self.instance.module.run_loop.pump(step_ms);
        if let Some(connection) = &self.instance.connection {
            connection.pump();
        }
        self.instance.notices.take_reports(&mut self.reports);
        let reports = std::mem::take(&mut self.reports);
        self.tell_controller(&reports);
        self.reports = reports;
        self.reports.clear();
        self.refresh();
        let restart = if self.is_active() { self.wanted_restart() } else { 0 };
        let notices = &self.instance.notices;
        Requests {
            restart: restart != 0,
            parameters: notices.values_changed.swap(false, Ordering::AcqRel),
            busy: notices.is_restoring(),
        }
    }

    fn deactivate(&mut self, processor: Box<dyn Processor>) {
        let processor: Box<dyn Any> = processor;
        let processor = processor.downcast::<Vst3Processor>().expect("a processor goes back to its own device");
        processor.stop();
        self.instance.notices.active.store(false, Ordering::Release);
        // SAFETY: the component is active and does not process any more.
        unsafe { self.instance.component.setActive(0) };
        self.refresh();
    }
}
