//! The main-thread half of a plugin.

use std::any::Any;
use std::cell::RefCell;
use std::ffi::CString;
use std::path::Path;
use std::sync::atomic::Ordering;

use audio::device::{DeviceError, DeviceInfo, Parameter, ParameterId, Ports, ProcessMode, Requests, Setup};
use audio::{Device, Event, Processor};
use clack_extensions::preset_discovery::preset_data::Location;
use clack_extensions::render::RenderMode;
use clack_extensions::timer::TimerId;
use clack_host::events::io::{InputEvents, OutputEvents};
use clack_host::host::HostInfo;
use clack_host::plugin::PluginInstance;
use clack_host::process::PluginAudioConfiguration;
use clack_host::utils::ClapId;

use super::callbacks::{AudioThread, Host, MainThread, Shared};
use super::events::{Input, Output};
use super::extension::Extensions;
use super::library::{Library, Offer};
use super::parameters::{self, Cookies};
use super::ports::{self, Layout};
use super::processor::{self, ClapProcessor};
use crate::length::longest_block;
use crate::{background, chance};

/// A plugin instance.
pub(super) struct ClapDevice {
    info: DeviceInfo,
    extensions: Extensions,
    /// In a cell because asking the plugin anything takes it mutably.
    instance: RefCell<PluginInstance<Host>>,
    parameters: Vec<Parameter>,
    cookies: Cookies,
    layout: Layout,
    mode: ProcessMode,
    /// The sample rate while active.
    sample_rate: Option<f64>,
}

impl ClapDevice {
    /// Makes and initialises an instance. Fails with what went wrong and what to do.
    pub(super) fn new(library: &Library, offer: &Offer) -> Result<ClapDevice, String> {
        chance::begin_anew();
        let host = HostInfo::new("tonemill", "tonemill", env!("CARGO_PKG_REPOSITORY"), env!("CARGO_PKG_VERSION"))
            .expect("no zero byte in the host's own name");
        let name = offer.info.name.clone();
        let mut instance = PluginInstance::<Host>::new(
            |()| Shared::new(name),
            |shared| MainThread::new(shared),
            &library.entry,
            &offer.id,
            &host,
        )
        .map_err(|e| match e {
            clack_host::plugin::PluginInstanceError::InstantiationFailed => {
                "the plugin failed to initialise. What it printed may say why".to_string()
            }
            clack_host::plugin::PluginInstanceError::PluginNotFound => {
                "its library lists the plugin but does not make one. It may need a licence or a display".to_string()
            }
            e => e.to_string(),
        })?;
        let extensions = Extensions::of(instance.raw_instance());
        let layout = ports::read(&instance.plugin_handle(), &extensions, offer.info.instrument)?;
        let mut device = ClapDevice {
            info: offer.info.clone(),
            extensions,
            instance: RefCell::new(instance),
            parameters: Vec::new(),
            cookies: Cookies::default(),
            layout,
            mode: ProcessMode::default(),
            sample_rate: None,
        };
        device.read_parameters();
        Ok(device)
    }

    fn shared<T>(&self, access: impl FnOnce(&Shared<'_>) -> T) -> T {
        self.instance.borrow().access_shared_handler(access)
    }

    fn main_thread<T>(&self, access: impl FnOnce(&MainThread<'_>) -> T) -> T {
        self.instance.borrow().access_handler(|main| access(main))
    }

    fn known(&self, id: ParameterId) -> Result<&Parameter, DeviceError> {
        self.parameters.iter().find(|parameter| parameter.id == id).ok_or(DeviceError::NoSuchParameter(id))
    }

    fn read_parameters(&mut self) {
        if let Some(params) = &self.extensions.params {
            let handle = self.instance.get_mut().plugin_handle();
            self.parameters = parameters::read(&handle, params, &self.cookies);
        }
    }

    /// Reads again what the plugin said has changed.
    fn refresh(&mut self) {
        if self.main_thread(|main| main.stale_parameters.take()) {
            self.read_parameters();
        }
        // Ports are constant while active; they are read when it is activated again.
        if self.sample_rate.is_none() && self.main_thread(|main| main.stale_ports.take()) {
            // A plugin that contradicts itself now is refused when it is to be activated.
            if let Ok(layout) = self.read_ports() {
                self.layout = layout;
            }
        }
    }

    fn read_ports(&mut self) -> Result<Layout, String> {
        ports::read(&self.instance.get_mut().plugin_handle(), &self.extensions, self.info.instrument)
    }

    /// Hands parameter changes over and takes those that the plugin has. Call while inactive.
    fn flush(&mut self, input: &Input) {
        let Some(params) = &self.extensions.params else { return };
        let mut produced: Vec<Event> = Vec::new();
        let mut output = Output::new(&mut produced, 1);
        let (from, mut to) = (input.as_raw(), output.as_raw());
        // SAFETY: the list was made just now of an input that outlives this function.
        let from = unsafe { InputEvents::from_raw(&from) };
        // SAFETY: the list was made just now of an output that outlives the call below.
        let to = unsafe { OutputEvents::from_raw_mut(&mut to) };
        let mut handle = self.instance.get_mut().inactive_plugin_handle().expect("values are set while inactive");
        params.flush(&mut handle, from, to);
        if !produced.is_empty() {
            self.main_thread(|main| main.changed_values.set(true));
        }
    }

    /// Tells the plugin the mode that was chosen; called while inactive.
    fn apply_mode(&mut self) {
        let Some(render) = &self.extensions.render else { return };
        let handle = self.instance.get_mut().plugin_handle();
        let (mode, refusal) = match self.mode {
            // Such a plugin talks to hardware, and is run as it is.
            ProcessMode::Offline if render.has_realtime_requirement(&handle) => return,
            ProcessMode::Offline => (RenderMode::Offline, "it refuses offline mode and renders as in real time"),
            ProcessMode::Realtime => (RenderMode::Realtime, "it refuses real-time mode"),
        };
        if render.set(&handle, mode).is_err() {
            self.shared(|shared| shared.note("warning", refusal));
        }
    }
}

impl Device for ClapDevice {
    fn info(&self) -> &DeviceInfo {
        &self.info
    }

    fn ports(&self) -> Ports {
        self.layout.ports.clone()
    }

    fn parameters(&self) -> Vec<Parameter> {
        self.parameters.clone()
    }

    fn value(&self, id: ParameterId) -> Result<f64, DeviceError> {
        let default = self.known(id)?.default;
        let params = self.extensions.params.as_ref().ok_or(DeviceError::NoSuchParameter(id))?;
        let value = params.get_value(&self.instance.borrow_mut().plugin_handle(), ClapId::new(id.0));
        // A meter may show minus infinity, or nothing that is a number.
        value.map(|value| if value.is_finite() { value } else { default }).ok_or(DeviceError::NoSuchParameter(id))
    }

    fn text(&self, id: ParameterId, value: f64) -> Option<String> {
        self.known(id).ok()?;
        let params = self.extensions.params.as_ref()?;
        let mut buffer = [0; 1024];
        let mut instance = self.instance.borrow_mut();
        let text = params.value_to_text(&instance.plugin_handle(), ClapId::new(id.0), value, &mut buffer).ok()?;
        Some(String::from_utf8_lossy(text).into_owned())
    }

    fn parse(&self, id: ParameterId, text: &str) -> Option<f64> {
        self.known(id).ok()?;
        let params = self.extensions.params.as_ref()?;
        let text = CString::new(text).ok()?;
        let mut instance = self.instance.borrow_mut();
        let value = params.text_to_value(&instance.plugin_handle(), ClapId::new(id.0), &text)?;
        value.is_finite().then_some(value)
    }

    fn set_value(&mut self, id: ParameterId, value: f64) -> Result<(), DeviceError> {
        self.known(id)?;
        let input = Input::of_parameter(id, value, &self.cookies);
        self.flush(&input);
        self.refresh();
        Ok(())
    }

    fn save_state(&mut self) -> Result<Vec<u8>, DeviceError> {
        let state = self.extensions.state.as_ref();
        let state = state.ok_or_else(|| DeviceError::Stateless(self.info.name.clone()))?;
        let mut bytes = Vec::new();
        let saved = state.save(&self.instance.get_mut().plugin_handle(), &mut bytes);
        saved.map_err(|_| DeviceError::State(format!("{} could not save it", self.info.name)))?;
        Ok(bytes)
    }

    fn load_state(&mut self, mut state: &[u8]) -> Result<(), DeviceError> {
        let extension = self.extensions.state.as_ref();
        let extension = extension.ok_or_else(|| DeviceError::State(format!("{} takes no state", self.info.name)))?;
        let length = state.len();
        let loaded = extension.load(&self.instance.get_mut().plugin_handle(), &mut state);
        self.refresh();
        loaded.map_err(|_| {
            let name = &self.info.name;
            DeviceError::State(format!("{name} could not read its {length} bytes. Was it saved by another plugin?"))
        })
    }

    fn load_preset(&mut self, path: &Path) -> Result<(), DeviceError> {
        let refuse = |reason: String| DeviceError::State(format!("{}: {reason}", path.display()));
        let extension = self.extensions.preset_load.as_ref();
        let extension = extension.ok_or_else(|| refuse(format!("{} loads no preset files", self.info.name)))?;
        let file = path.canonicalize().map_err(|e| refuse(format!("the preset cannot be read: {e}")))?;
        let file = CString::new(file.as_os_str().as_encoded_bytes())
            .map_err(|_| refuse("its path holds a zero byte".into()))?;
        self.instance.get_mut().access_handler(|main| main.preset_error.take());
        let handle = self.instance.get_mut().plugin_handle();
        let loaded = extension.load_from_location(&handle, Location::File { path: &file }, None);
        self.refresh();
        // Some plugins claim success although they have reported an error.
        match (loaded, self.main_thread(|main| main.preset_error.take())) {
            (Ok(()), None) => Ok(()),
            (_, Some(words)) if !words.is_empty() => Err(refuse(words)),
            _ => Err(refuse(format!("{} could not load the preset and does not say why", self.info.name))),
        }
    }

    fn request_channels(&mut self, inputs: Option<usize>, outputs: Option<usize>) -> Ports {
        if let Some(mut handle) = self.instance.get_mut().inactive_plugin_handle() {
            ports::request(&mut handle, &self.extensions, &self.layout, inputs, outputs);
            self.main_thread(|main| main.stale_ports.set(true));
            self.refresh();
        }
        self.ports()
    }

    fn set_mode(&mut self, mode: ProcessMode) {
        self.mode = mode;
    }

    fn activate(&mut self, setup: Setup) -> Result<Box<dyn Processor>, DeviceError> {
        let refuse = DeviceError::Activate;
        if self.sample_rate.is_some() {
            return Err(refuse("it is active already".into()));
        }
        let max_block = longest_block(&setup)?;
        let process = self.instance.get_mut().raw_instance().process;
        let process = process.ok_or_else(|| refuse("the plugin has no process function".into()))?;
        self.apply_mode();
        self.refresh();
        self.layout = self.read_ports().map_err(refuse)?;

        let configuration = PluginAudioConfiguration {
            sample_rate: setup.sample_rate.hz(),
            min_frames_count: 1,
            max_frames_count: max_block,
        };
        self.shared(|shared| shared.restart.store(false, Ordering::Release));
        let instance = self.instance.get_mut();
        let stopped = instance.activate(|shared, _| AudioThread::new(shared), configuration);
        let stopped = stopped.map_err(|e| refuse(processor::words(e)))?;
        let cookies = self.cookies.clone();
        let started = ClapProcessor::start(stopped, process, &self.layout, setup.max_block, cookies);
        let processor = started.map_err(|stopped| {
            self.instance.get_mut().deactivate(stopped);
            refuse("the plugin refused to start processing".into())
        })?;
        self.sample_rate = Some(setup.sample_rate.hz());
        self.shared(|shared| shared.active.store(true, Ordering::Release));
        Ok(Box::new(processor))
    }

    fn latency(&self) -> u64 {
        let Some(latency) = &self.extensions.latency else { return 0 };
        if self.sample_rate.is_none() {
            return 0;
        }
        u64::from(latency.get(&self.instance.borrow_mut().plugin_handle()))
    }

    fn settle(&mut self) {
        background::settle(&self.info.name);
    }

    fn pump(&mut self) -> Requests {
        self.pump_timers();
        #[cfg(unix)]
        self.pump_descriptors();
        if self.shared(|shared| shared.callback.swap(false, Ordering::AcqRel)) {
            self.instance.get_mut().call_on_main_thread_callback();
        }
        if self.shared(|shared| shared.flush.swap(false, Ordering::AcqRel)) && self.sample_rate.is_none() {
            self.flush(&Input::default());
        }
        self.refresh();
        Requests {
            restart: self.shared(|shared| shared.restart.swap(false, Ordering::AcqRel)),
            parameters: self.main_thread(|main| main.changed_values.take()),
            busy: self.shared(|shared| shared.callback.load(Ordering::Acquire)),
        }
    }

    fn deactivate(&mut self, processor: Box<dyn Processor>) {
        let processor: Box<dyn Any> = processor;
        let processor = processor.downcast::<ClapProcessor>().expect("a processor goes back to its own device");
        self.shared(|shared| shared.active.store(false, Ordering::Release));
        self.instance.get_mut().deactivate(processor.stop());
        self.sample_rate = None;
        self.refresh();
    }
}

impl ClapDevice {
    fn pump_timers(&mut self) {
        let frames = self.shared(|shared| shared.frames.load(Ordering::Relaxed));
        let rate = self.sample_rate;
        self.main_thread(|main| main.timers.borrow_mut().advance(main.clock.borrow_mut().step(frames, rate)));
        while let Some(id) = self.main_thread(|main| main.timers.borrow_mut().take_due()) {
            let Some(timer) = &self.extensions.timer else { break };
            timer.on_timer(&self.instance.get_mut().plugin_handle(), TimerId(id));
        }
    }

    #[cfg(unix)]
    fn pump_descriptors(&mut self) {
        use clack_extensions::posix_fd::FdFlags;

        let Some(posix_fd) = &self.extensions.posix_fd else { return };
        let watched = self.main_thread(|main| main.descriptors.borrow().clone());
        if watched.is_empty() {
            return;
        }
        for ready in crate::pump::ready(&watched) {
            // The one before may have had it taken off the list.
            if self.main_thread(|main| main.descriptors.borrow().iter().any(|known| known.fd == ready.fd)) {
                let mut flags = FdFlags::empty();
                flags.set(FdFlags::READ, ready.read);
                flags.set(FdFlags::WRITE, ready.write);
                flags.set(FdFlags::ERROR, ready.error);
                posix_fd.on_fd(&self.instance.get_mut().plugin_handle(), ready.fd, flags);
            }
        }
    }
}
