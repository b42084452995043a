//! The main-thread half of a plugin.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use audio::device::{
    DeviceError, DeviceInfo, Parameter, ParameterFlags, ParameterId, Ports, ProcessMode, Requests, Setup, TextSetting,
};
use audio::{Device, Processor, SampleRate};

use super::abi::Descriptor;
use super::atom::Object;
use super::bundle::Bundle;
use super::core::{Active, Core, FIRST_PROPERTY, Text};
use super::features::{self, Features, Lengths};
use super::instance::Instance;
use super::names::*;
use super::paths::Paths;
use super::plugin::Description;
use super::port::{Direction, Kind, Port, exact};
use super::processor::{Lv2Processor, Shared};
use super::property::{Property, ValueType};
use super::state::{State, Value};
use super::turtle::{Graph, Node};
use super::worker::Queue;
use super::{busses, files, library, preset};
use crate::background;
use crate::length::longest_block;

/// The conditions that an instance is made under before anybody says which.
const USUAL: Setup = Setup { sample_rate: SampleRate(48_000), max_block: 512 };

/// A plugin instance.
pub(super) struct Lv2Device {
    plugin: Arc<Description>,
    bundle: PathBuf,
    descriptor: &'static Descriptor,
    shared: Shared,
    paths: Arc<Paths>,
    /// What each new instance is given: the plugin's default state or one that was loaded.
    state: Option<State>,
    /// The conditions that the instance was made under.
    made_for: (f64, Lengths),
    /// Files that the preset was read from, beside the one that was named.
    preset_files: Vec<PathBuf>,
    used_inputs: Vec<usize>,
    mode: ProcessMode,
}

impl Lv2Device {
    /// Makes an instance. Fails with what went wrong and what to do.
    pub(super) fn new(bundle: &mut Bundle, uri: &str) -> Result<Lv2Device, String> {
        let plugin = Arc::new(bundle.describe(uri)?);
        require_offered(&plugin)?;
        let binary = bundle.binary(uri)?;
        let (queue, paths) = (Arc::new(Queue::default()), Arc::new(Paths::default()));
        let name = &plugin.info.name;
        let lengths = Lengths::new(&plugin.required, USUAL.max_block);
        let rate = USUAL.sample_rate.hz();
        let offer = Features::new(name, &plugin.required, rate, lengths, &queue, &paths);
        let descriptor = library::descriptor(&binary, bundle.path(), uri, &offer)?;
        let subject = Node::Iri(uri.to_owned());
        let default = preset::state_of(&bundle.graph, &subject, uri, name);
        let core = Core {
            layout: busses::layout(&plugin),
            instance: None,
            controls: plugin.ports.iter().map(|port| port.range(rate).2 as f32).collect(),
            properties: plugin.properties.iter().map(|property| (property.default, false)).collect(),
            files: Default::default(),
            texts: vec![Text::default(); plugin.properties.len()],
            message: Object::new(),
            active: None,
            plugin: plugin.clone(),
        };
        let mut device = Lv2Device {
            plugin,
            bundle: bundle.path().to_owned(),
            descriptor,
            shared: Shared(Arc::new(Mutex::new(core))),
            paths,
            state: (!default.properties.is_empty()).then_some(default),
            made_for: (rate, lengths),
            preset_files: Vec::new(),
            used_inputs: Vec::new(),
            mode: ProcessMode::Offline,
        };
        device.make(rate, lengths)?;
        Ok(device)
    }

    /// Puts a fresh instance in place of the one that is there.
    fn make(&mut self, rate: f64, lengths: Lengths) -> Result<(), String> {
        let mut core = self.shared.lock();
        // Some plugins cannot stand a second instance of themselves.
        core.let_go();
        let queue = Arc::new(Queue::default());
        let features = Features::new(&self.plugin.info.name, &self.plugin.required, rate, lengths, &queue, &self.paths);
        let mut instance = Instance::new(self.descriptor, &self.bundle, rate, features)?;
        if let Some(state) = &self.state {
            instance.restore(&state.properties)?;
        }
        core.instance = Some(instance);
        // Whatever was told to the last instance this one does not know yet.
        core.files.values_mut().for_each(|(_, pending)| *pending = true);
        core.texts.iter_mut().for_each(|text| text.pending = text.set);
        for ((value, pending), property) in core.properties.iter_mut().zip(&self.plugin.properties) {
            *pending = property.writable && *value != property.default;
        }
        // Controls that go by the sample rate keep their place within their range.
        let plugin = core.plugin.clone();
        for port in plugin.ports.iter().filter(|port| port.by_rate) {
            core.controls[port.index as usize] *= (rate / self.made_for.0) as f32;
        }
        self.made_for = (rate, lengths);
        Ok(())
    }

    fn rate(&self) -> f64 {
        self.made_for.0
    }

    fn port(&self, id: ParameterId) -> Option<&Port> {
        self.plugin.ports.get(id.0 as usize).filter(|port| is_parameter(port))
    }

    fn property(&self, id: ParameterId) -> Option<(usize, &Property)> {
        let index = id.0.checked_sub(FIRST_PROPERTY)? as usize;
        let property = self.plugin.properties.get(index).filter(|property| property.kind.is_number())?;
        Some((index, property))
    }

    /// Takes over a state.
    fn take(&mut self, state: State) -> Result<(), DeviceError> {
        let own = &self.plugin.info;
        if state.plugin != own.id {
            let named = |name: &str, uri: &str| format!("\"{name}\" ({uri})");
            let (other, own) = (named(&state.name, &state.plugin), named(&own.name, &own.id));
            return Err(DeviceError::State(format!("it was saved by {other}, and this is {own}")));
        }
        self.paths.put_files(&state.files).map_err(|e| DeviceError::State(format!("its files cannot be kept: {e}")))?;
        let before = self.state.replace(state);
        if let Err(reason) = self.restore() {
            self.state = before;
            return Err(DeviceError::State(reason));
        }
        let state = self.state.as_ref().expect("it was put there just now");
        let mut core = self.shared.lock();
        // What was set by message is replaced by what the state says.
        core.files.clear();
        core.texts.iter_mut().for_each(|text| *text = Text::default());
        for (index, property) in self.plugin.properties.iter().enumerate() {
            let kept = state.properties.iter().find(|kept| kept.key == property.uri);
            let number = kept.and_then(|kept| {
                let kind = super::urid::map(&kept.kind);
                super::atom::number(kind, &kept.value.bytes(kind))
            });
            core.properties[index] = (number.unwrap_or(property.default), false);
            if let (true, Some(Value::Text(text))) = (property.kind.is_text(), kept.map(|kept| &kept.value)) {
                core.texts[index] = Text::of(text, false);
            }
        }
        for port in self.plugin.ports.iter().filter(|port| port.direction == Direction::Input) {
            if let Some(value) = state.controls.get(&port.symbol) {
                core.controls[port.index as usize] = *value;
            }
        }
        Ok(())
    }

    /// Has the instance restore the state that it is to have; or one that is made for it, where the state lacks a number
    /// that was changed: a plugin would keep that one as it is, and nobody else knows what it was at first.
    fn restore(&mut self) -> Result<(), String> {
        let Some(state) = &self.state else { return Ok(()) };
        let mut core = self.shared.lock();
        let is_lost = |(property, (value, _)): (&Property, &(f64, bool))| {
            property.writable
                && property.kind.is_number()
                && *value != property.default
                && !state.properties.iter().any(|kept| kept.key == property.uri)
        };
        if self.plugin.properties.iter().zip(&core.properties).any(is_lost) {
            drop(core);
            let (rate, lengths) = self.made_for;
            return self.make(rate, lengths);
        }
        core.instance.as_mut().map_or(Ok(()), |instance| instance.restore(&state.properties))
    }
}

/// Whether a port is a parameter.
fn is_parameter(port: &Port) -> bool {
    match (port.kind, port.direction) {
        (Kind::Control, _) => !port.is_the_hosts(),
        // A control signal stands still at a value that can be set.
        (Kind::Cv, Direction::Input) => true,
        _ => false,
    }
}

/// Fails unless everything that the plugin cannot do without is offered.
fn require_offered(plugin: &Description) -> Result<(), String> {
    match features::missing(&plugin.required).as_slice() {
        [] => {}
        [feature] if *feature == INSTANCE_ACCESS => {
            return Err("it cannot work without its own editor (instance-access)".into());
        }
        missing => return Err(format!("it requires what this host does not offer: {}", missing.join(", "))),
    }
    let missing = features::missing_options(&plugin.required_options);
    if !missing.is_empty() {
        return Err(format!("it requires options that this host does not pass: {}", missing.join(", ")));
    }
    match plugin.ports.iter().find(|port| port.kind == Kind::Unknown && !port.optional) {
        None => Ok(()),
        Some(port) => {
            Err(format!("its port \"{}\" ({}) is of a kind that this host does not know", port.name, port.symbol))
        }
    }
}

impl Device for Lv2Device {
    fn info(&self) -> &DeviceInfo {
        &self.plugin.info
    }

    fn ports(&self) -> Ports {
        self.shared.lock().layout.ports.clone()
    }

    fn parameters(&self) -> Vec<Parameter> {
        let of_port = |port: &Port| {
            let (minimum, maximum, default) = port.range(self.rate());
            let output = port.direction == Direction::Output;
            Parameter {
                id: ParameterId(port.index),
                name: port.name.clone(),
                group: port.group_name.clone(),
                minimum,
                maximum,
                default,
                flags: ParameterFlags {
                    stepped: port.stepped,
                    // What the music sets is not for people to set.
                    hidden: port.hidden || port.designation.as_ref().is_some_and(|name| name.starts_with(TIME)),
                    read_only: output,
                    bypass: port.is_designated(ENABLED),
                    automatable: port.automatable && !output,
                },
            }
        };
        let of_property = |(index, property): (usize, &Property)| Parameter {
            id: ParameterId(FIRST_PROPERTY + index as u32),
            name: property.label.clone(),
            group: String::new(),
            minimum: property.minimum,
            maximum: property.maximum,
            default: property.default,
            flags: ParameterFlags {
                stepped: matches!(property.kind, ValueType::Bool | ValueType::Int | ValueType::Long),
                read_only: !property.writable,
                automatable: property.writable,
                ..ParameterFlags::default()
            },
        };
        let ports = self.plugin.ports.iter().filter(|port| is_parameter(port)).map(of_port);
        let properties = self.plugin.properties.iter().enumerate().filter(|(_, property)| property.kind.is_number());
        ports.chain(properties.map(of_property)).collect()
    }

    fn value(&self, id: ParameterId) -> Result<f64, DeviceError> {
        let core = self.shared.lock();
        if let Some((index, _)) = self.property(id) {
            return Ok(core.properties[index].0);
        }
        let port = self.port(id).ok_or(DeviceError::NoSuchParameter(id))?;
        // A meter may show minus infinity, or nothing that is a number.
        let value = Some(core.controls[port.index as usize]).filter(|value| value.is_finite());
        Ok(value.map_or(port.default, exact))
    }

    fn text(&self, id: ParameterId, value: f64) -> Option<String> {
        let words = match self.property(id) {
            Some((_, property)) => &property.words,
            None => &self.port(id)?.words,
        };
        Some(words.text(value))
    }

    fn parse(&self, id: ParameterId, text: &str) -> Option<f64> {
        match self.property(id) {
            Some((_, property)) => property.words.parse(text),
            None => self.port(id)?.words.parse(text),
        }
    }

    fn set_value(&mut self, id: ParameterId, value: f64) -> Result<(), DeviceError> {
        let refuse = |name: &str, minimum: f64, maximum: f64| {
            Err(DeviceError::OutOfRange { name: name.to_owned(), value, minimum, maximum })
        };
        if let Some((index, property)) = self.property(id) {
            if !property.writable {
                return Err(DeviceError::NoSuchParameter(id));
            }
            if !(property.minimum..=property.maximum).contains(&value) {
                return refuse(&property.label, property.minimum, property.maximum);
            }
            self.shared.lock().properties[index] = (value, true);
            return Ok(());
        }
        let settable = self.port(id).filter(|port| port.direction == Direction::Input);
        let port = settable.ok_or(DeviceError::NoSuchParameter(id))?;
        let (minimum, maximum, _) = port.range(self.rate());
        if !(minimum..=maximum).contains(&value) {
            return refuse(&port.name, minimum, maximum);
        }
        self.shared.lock().controls[port.index as usize] = value as f32;
        Ok(())
    }

    fn texts(&self) -> Vec<TextSetting> {
        let core = self.shared.lock();
        let all = self.plugin.properties.iter().zip(&core.texts).enumerate();
        let texts = all.filter(|(_, (property, _))| property.kind.is_text());
        let setting = |(index, (property, text)): (usize, (&Property, &Text))| TextSetting {
            id: ParameterId(FIRST_PROPERTY + index as u32),
            name: property.label.clone(),
            value: text.value().map(str::to_owned),
            read_only: !property.writable,
        };
        texts.map(setting).collect()
    }

    fn set_text(&mut self, id: ParameterId, text: &str) -> Result<(), DeviceError> {
        let index = id.0.checked_sub(FIRST_PROPERTY).map(|index| index as usize);
        let settable = |property: &Property| property.writable && property.kind.is_text();
        let index = index.filter(|index| self.plugin.properties.get(*index).is_some_and(settable));
        let index = index.ok_or(DeviceError::NoSuchParameter(id))?;
        // What stands behind a NUL the plugin would not see.
        let text = text.split('\0').next().unwrap_or_default();
        self.shared.lock().texts[index] = Text::of(text, true);
        Ok(())
    }

    /// The state as JSON; see `state`.
    fn save_state(&mut self) -> Result<Vec<u8>, DeviceError> {
        let name = self.plugin.info.name.clone();
        if !self.shared.lock().instance.as_ref().is_some_and(Instance::has_state) {
            return Err(DeviceError::Stateless(name));
        }
        // What it computes of what it was given last may be among what it saves.
        background::settle(&name);
        // What was set by message the plugin knows only after a run.
        let pending = {
            let core = self.shared.lock();
            core.active.is_none() && core.is_pending()
        };
        if pending {
            let (rate, lengths) = self.made_for;
            let mut core = self.shared.lock();
            core.begin(lengths, rate, &self.used_inputs, &self.paths).map_err(DeviceError::State)?;
            core.stop();
        }
        let mut core = self.shared.lock();
        let mut state = State::of(&self.plugin.info.id, &name);
        let inputs = self.plugin.ports.iter().filter(|p| is_parameter(p) && p.direction == Direction::Input);
        state.controls = inputs.map(|port| (port.symbol.clone(), core.controls[port.index as usize])).collect();
        self.paths.begin();
        if let Some(instance) = &mut core.instance {
            state.properties = instance.save().map_err(DeviceError::State)?;
        }
        state.files =
            self.paths.take_files().map_err(|e| DeviceError::State(format!("its files cannot be read: {e}")))?;
        Ok(state.write())
    }

    /// Takes what `save_state` gave, or a preset in Turtle.
    fn load_state(&mut self, bytes: &[u8]) -> Result<(), DeviceError> {
        let (uri, name) = (&self.plugin.info.id, &self.plugin.info.name);
        let state = if State::is_like(bytes) {
            State::read(bytes)
        } else {
            let mut graph = Graph::default();
            // Nobody says where it lay; what it names relative to that is looked for in the bundle.
            let base = format!("{}/", super::turtle::iri_of(&self.bundle));
            let parsed = graph.parse(bytes, &base);
            let words = |e| format!("it is neither an LV2 state of this program nor a preset in Turtle: {e}");
            parsed.map_err(words).and_then(|()| preset::find(&graph, uri, name))
        };
        self.take(state.map_err(DeviceError::State)?)?;
        self.preset_files.clear();
        Ok(())
    }

    fn load_preset(&mut self, path: &Path) -> Result<(), DeviceError> {
        let refuse = |reason: String| DeviceError::State(format!("{}: {reason}", path.display()));
        let (state, files) = preset::load(path, &self.plugin.info.id, &self.plugin.info.name).map_err(refuse)?;
        self.take(state).map_err(|e| match e {
            DeviceError::State(reason) => refuse(reason),
            other => other,
        })?;
        self.preset_files = files;
        Ok(())
    }

    fn file_roles(&self) -> Vec<String> {
        let is_file = |property: &&Property| property.writable && property.kind == ValueType::Path;
        self.plugin.properties.iter().filter(is_file).map(|property| property.label.clone()).collect()
    }

    fn set_file(&mut self, role: &str, path: &Path) -> Result<(), DeviceError> {
        let path =
            &std::path::absolute(path).map_err(|e| DeviceError::Asset { path: role.into(), reason: e.to_string() })?;
        if !path.is_file() {
            let reason = "there is no such file".to_owned();
            return Err(DeviceError::Asset { path: path.display().to_string(), reason });
        }
        let asset = |reason: String| DeviceError::Asset { path: path.display().to_string(), reason };
        if let Some(index) = files::property(&self.plugin, role) {
            self.shared.lock().files.insert(index, (path.clone(), true));
            return Ok(());
        }
        let kept = files::set_kept(&mut self.shared.lock(), &self.paths, role, path).map_err(DeviceError::State)?;
        if kept.is_some() {
            self.state = kept;
            return Ok(());
        }
        let name = &self.plugin.info.name;
        let roles = self.file_roles().iter().map(|role| format!("\"{role}\"")).collect::<Vec<_>>().join(", ");
        Err(asset(match roles.as_str() {
            "" => format!("{name} takes no files"),
            roles => format!("{name} takes no file \"{role}\". It takes {roles}"),
        }))
    }

    fn referenced_files(&self) -> Vec<PathBuf> {
        let core = self.shared.lock();
        let state = self.state.iter().flat_map(|state| files::referenced(state, &core, &self.bundle));
        let mut all: Vec<PathBuf> = state.chain(self.preset_files.iter().cloned()).collect();
        all.sort();
        all.dedup();
        all
    }

    /// LV2 plugins have the ports that they have.
    fn request_channels(&mut self, _: Option<usize>, _: Option<usize>) -> Ports {
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
        let refuse = DeviceError::Activate;
        if self.shared.lock().active.is_some() {
            return Err(refuse("it is active already".into()));
        }
        longest_block(&setup)?;
        let lengths = Lengths::new(&self.plugin.required, setup.max_block);
        let rate = setup.sample_rate.hz();
        if self.made_for != (rate, lengths) || self.shared.lock().instance.is_none() {
            self.make(rate, lengths).map_err(refuse)?;
        }
        let mut core = self.shared.lock();
        let freewheeling = if self.mode == ProcessMode::Offline { 1.0 } else { 0.0 };
        for port in self.plugin.ports.iter().filter(|port| port.is_designated(FREE_WHEELING)) {
            core.controls[port.index as usize] = freewheeling;
        }
        core.begin(lengths, rate, &self.used_inputs, &self.paths).map_err(refuse)?;
        Ok(Box::new(Lv2Processor::new(&self.shared, &self.plugin.info.name, setup.max_block)))
    }

    fn latency(&self) -> u64 {
        let core = self.shared.lock();
        core.active.as_ref().map_or(0, |active| core.reported_latency() + active.lengths.fixed.unwrap_or(0) as u64)
    }

    fn pump(&mut self) -> Requests {
        let mut core = self.shared.lock();
        let latency = core.reported_latency();
        let changed = |active: &mut Active| std::mem::replace(&mut active.latency, latency) != latency;
        let restart = core.active.as_mut().is_some_and(changed);
        Requests { restart, ..Requests::default() }
    }

    fn settle(&mut self) {
        background::settle(&self.plugin.info.name);
    }

    fn deactivate(&mut self, processor: Box<dyn Processor>) {
        drop(processor);
        self.shared.lock().stop();
    }
}
