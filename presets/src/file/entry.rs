//! A device that is written as a map.
//!
//! The map names its device in one of three ways: `builtin: NAME`; a plugin format with the plugin, `clap: PLUGIN`,
//! `vst3: PLUGIN` or `lv2: PLUGIN`; or a built-in's bare name with its main value behind it (`{ gain: -6 dB }`, `{ cabinet: v30.wav }`).
//! Beside a built-in, every further field is a file in one of its roles or a parameter; a plugin's parameters stand
//! below `params`, and files below `files`, since their names are its own.

use std::collections::BTreeMap;
use std::path::Path;

use super::PlacedDevice;
use crate::builtin::{self, Builtin, Main};
use crate::document::{Collector, Entry, Fields, Kind, Located, Node, Place, choice, closest, text};
use crate::draw::read::{FORMS, is_draw};
use crate::spec::{FORMATS, MODES, POLICIES, asset};
use crate::{Asset, ChannelPolicy, DeviceSpec, PluginFile, PluginFormat, Setting, Sidechain, Value};

/// Entries of a chain that draw at random. Who reads a chain without draws refuses them.
const DRAWN_ENTRIES: &[&str] = &["one_of", "some_of", "shuffle"];
/// Fields of a device by which draws decide whether it stands, likewise.
const LATER: &[&str] = &["weight", "probability", "when"];

/// Where draws belong.
pub(super) const NO_DRAWS: &str = "Write one constant value; draws are for the tones of a job with inputs.";

/// Most frames that a device may be said to be late.
const MOST_LATENCY: u64 = 10_000_000;

/// A draw that stands where a value of a device is expected.
#[derive(Clone, Debug)]
pub(crate) struct DrawnField {
    /// What it sets.
    pub target: Target,
    /// The parameter's name, the file's role, `state` or `preset`.
    pub name: String,
    /// The draw.
    pub node: Node,
}

/// What of a device a draw sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The parameter at this place of `params`.
    Parameter(usize),
    /// The file in this role.
    Asset(String),
    /// The state.
    State,
    /// The device's own preset.
    Preset,
}

/// The parts of a device as they are found.
struct Parts<'c> {
    device: PlacedDevice,
    /// Where draws go; `None` where they are refused.
    drawn: Option<Vec<DrawnField>>,
    collector: &'c Collector,
}

/// Reads the map `node`, whose fields are `entries`. Draws are refused.
pub(super) fn device(node: &Node, entries: &[Entry], folder: &Path, collector: &Collector) -> Option<PlacedDevice> {
    read(node, entries, folder, None, collector).map(|(device, _)| device)
}

/// Likewise, with the draws that stand in it. A drawn parameter is 0 in the device itself, a drawn file is missing.
pub(crate) fn drawn_device(
    node: &Node,
    entries: &[Entry],
    folder: &Path,
    collector: &Collector,
) -> Option<(PlacedDevice, Vec<DrawnField>)> {
    read(node, entries, folder, Some(Vec::new()), collector)
}

fn read(
    node: &Node,
    entries: &[Entry],
    folder: &Path,
    drawn: Option<Vec<DrawnField>>,
    collector: &Collector,
) -> Option<(PlacedDevice, Vec<DrawnField>)> {
    let has = |name: &str| entries.iter().find(|e| e.key.value == name);
    if let Some(draw) = entries.iter().find(|e| DRAWN_ENTRIES.contains(&e.key.value.as_str())) {
        return refuse(&draw.key, collector);
    }
    if let Some(entry) = has("builtin") {
        let name = text("builtin", &entry.value, collector)?;
        let found = known_builtin(&name, &entry.value.place, collector)?;
        let mut parts = Parts::new(found.name, entry.value.place.clone(), folder, drawn, collector);
        parts.builtin_fields(node, found, entry);
        return Some(parts.read());
    }
    let mut plugins = PluginFormat::ALL.into_iter().filter_map(|format| Some((format, has(format.word())?)));
    if let Some((format, entry)) = plugins.next() {
        if let Some((_, second)) = plugins.next() {
            return two_devices(entry, second, collector);
        }
        return plugin(format, node, entry, folder, drawn, collector);
    }
    let mut named = entries.iter().filter_map(|e| builtin::builtin(&e.key.value).map(|b| (e, b)));
    let Some((entry, found)) = named.next() else {
        let names = || builtin::names().chain(FORMATS.iter().copied());
        let guess = entries.iter().find_map(|e| Some((e, closest(&e.key.value, names())?)));
        let (place, help) = match guess {
            Some((entry, name)) => (&entry.key.place, format!("Did you mean \"{name}\"?")),
            None => (&node.place, "Name it with builtin: NAME, clap: PLUGIN, vst3: PLUGIN or lv2: PLUGIN.".to_owned()),
        };
        collector.mistake_with(place, "this names no device", help);
        return None;
    };
    if let Some((second, _)) = named.next() {
        return two_devices(entry, second, collector);
    }
    let mut parts = Parts::new(found.name, entry.key.place.clone(), folder, drawn, collector);
    parts.main_value(found, entry);
    parts.builtin_fields(node, found, entry);
    Some(parts.read())
}

fn plugin(
    format: PluginFormat,
    node: &Node,
    entry: &Entry,
    folder: &Path,
    drawn: Option<Vec<DrawnField>>,
    collector: &Collector,
) -> Option<(PlacedDevice, Vec<DrawnField>)> {
    let plugin = text(format.word(), &entry.value, collector)?;
    let what = format!("a {} device", format.word());
    let fields = Fields::of(&what, node, collector)?;
    fields.get(format.word());
    let id = fields.text("id").map(|id| id.value);
    let mut parts = Parts::new("", entry.value.place.clone(), folder, drawn, collector);
    parts.device.setup.device = format.device(PluginFile { plugin, id });
    parts.common(&fields);
    if let Some(mode) = fields.choice("mode", MODES) {
        parts.device.setup.mode = mode;
    }
    parts.files(&fields);
    fields.later(LATER);
    fields.finish();
    Some(parts.read())
}

fn two_devices<T>(first: &Entry, second: &Entry, collector: &Collector) -> Option<T> {
    let message = format!("{} and {} are two devices in one entry", first.key.value, second.key.value);
    collector.mistake_with(&second.key.place, message, "Write each as an entry of its own.");
    None
}

impl<'c> Parts<'c> {
    fn new(
        builtin: &str,
        place: Place,
        folder: &Path,
        drawn: Option<Vec<DrawnField>>,
        collector: &'c Collector,
    ) -> Parts<'c> {
        let setup = crate::spec::bare(DeviceSpec::Builtin { name: builtin.to_owned() });
        Parts { device: PlacedDevice::at(setup, folder, place), drawn, collector }
    }

    fn read(self) -> (PlacedDevice, Vec<DrawnField>) {
        (self.device, self.drawn.unwrap_or_default())
    }

    /// Takes the draw of a map where draws are taken; else it is a mistake. `false` where the map is none.
    fn draw(&mut self, target: Target, name: &str, node: &Node) -> bool {
        let Some(entries) = node.map() else { return false };
        match &mut self.drawn {
            // Nothing else that is a map can stand there, so whatever is wrong with it is told as of a draw.
            Some(drawn) => drawn.push(DrawnField { target, name: name.to_owned(), node: node.clone() }),
            None => match entries.iter().find(|entry| FORMS.contains(&entry.key.value.as_str())) {
                Some(form) => drop(refuse::<()>(&form.key, self.collector)),
                None => return false,
            },
        }
        true
    }

    /// What stands behind a built-in's bare name.
    fn main_value(&mut self, found: &Builtin, entry: &Entry) {
        match (&entry.value.kind, found.main) {
            (Kind::Null { .. }, _) => {}
            (Kind::Map(inner), _) if !is_draw(inner) => {
                for inner in inner {
                    self.setting_or_asset(found, &inner.key, &inner.value);
                }
            }
            (_, Main::Parameter(name)) => self.setting(name, &entry.value),
            (_, Main::Asset(role)) => self.asset(role, &entry.value),
            (_, Main::Nothing) => {
                let message = format!("{} = {} sets nothing", found.name, entry.value.shown());
                let help = format!("Name what it sets: {{ {}: {{ Mix: 30 % }} }}.", found.name);
                self.collector.mistake_with(&entry.value.place, message, help);
            }
        }
    }

    /// What stands beside a built-in's name: the fields of every device, files, parameters.
    fn builtin_fields(&mut self, node: &Node, found: &Builtin, named: &Entry) {
        let Some(fields) = Fields::of("a device", node, self.collector) else { return };
        const COMMON: &[&str] = &["params", "state", "preset", "channels", "sidechain", "latency"];
        self.common(&fields);
        fields.later(LATER);
        for entry in fields.entries() {
            let name = entry.key.value.as_str();
            if name == "mode" {
                // Built-in devices take no shortcuts in real time, so what was expected of it would not happen.
                let message = format!("mode makes no difference to {}", found.name);
                let help = "Built-in devices render the same in each. Remove it.";
                self.collector.mistake_with(&entry.key.place, message, help);
                continue;
            }
            if !std::ptr::eq(entry, named) && !COMMON.contains(&name) && !LATER.contains(&name) {
                self.setting_or_asset(found, &entry.key, &entry.value);
            }
        }
    }

    fn common(&mut self, fields: &Fields<'_>) {
        if let Some(node) = fields.get("params") {
            match &node.kind {
                Kind::Map(entries) => entries.iter().for_each(|e| self.setting(&e.key.value, &e.value)),
                _ => self.collector.mistake_with(
                    &node.place,
                    format!("params is {}", node.shown()),
                    "It takes a map: params: { Drive: 4 }.",
                ),
            }
        }
        if fields.get("state").is_some_and(|node| self.draw(Target::State, "state", node)) {
            self.device.state = fields.place_of("state").clone();
        } else if let Some(path) = fields.text("state") {
            self.device.setup.state = Some(crate::url::join(&self.device.folder, path.value));
            self.device.state = path.place;
        }
        if fields.get("preset").is_some_and(|node| self.draw(Target::Preset, "preset", node)) {
            self.device.preset = fields.place_of("preset").clone();
        } else if let Some(path) = fields.text("preset") {
            self.device.setup.preset = Some(crate::url::join(&self.device.folder, path.value));
            self.device.preset = path.place;
        }
        if let Some(node) = fields.get("channels") {
            let policy = choice("channels", node, POLICIES, self.collector);
            self.device.setup.channels = policy.unwrap_or(ChannelPolicy::Error);
            self.device.channels = node.place.clone();
        }
        if let Some(node) = fields.get("sidechain") {
            self.device.setup.sidechain = sidechain(node, self.collector);
            self.device.sidechain = node.place.clone();
        }
        match fields.get("latency") {
            Some(node) if node.scalar().is_some_and(|scalar| scalar.text == "measured") => {
                self.device.measured = Some(node.place.clone());
            }
            _ => self.device.setup.latency = fields.whole("latency", 0..=MOST_LATENCY),
        }
    }

    /// Files of a plugin, by its own names for them.
    fn files(&mut self, fields: &Fields<'_>) {
        let Some(node) = fields.get("files") else { return };
        let Kind::Map(entries) = &node.kind else {
            let help = "It takes a map: files: { SoundFont: piano.sf2 }.";
            self.collector.mistake_with(&node.place, format!("files is {}", node.shown()), help);
            return;
        };
        for entry in entries {
            if self.draw_asset(&entry.key.value, &entry.value) {
                continue;
            }
            if let Some(written) = text(&entry.key.value, &entry.value, self.collector) {
                let found = Asset::File(crate::url::join(&self.device.folder, written));
                self.put_asset(&entry.key.value, found, entry.value.place.clone());
            }
        }
    }

    fn setting_or_asset(&mut self, found: &Builtin, key: &Located<String>, value: &Node) {
        match found.assets.iter().find(|role| **role == key.value) {
            Some(role) => self.asset(role, value),
            None => self.setting(&key.value, value),
        }
    }

    fn setting(&mut self, name: &str, node: &Node) {
        let place = node.place.clone();
        if self.device.setup.params.iter().any(|s| s.parameter == name) {
            self.collector.mistake_with(&place, format!("{name} is set twice"), "Remove one of the two.");
            return;
        }
        let value = match &node.kind {
            Kind::Scalar(scalar) => match (scalar.number(), scalar.boolean()) {
                (Some(number), _) => Value::Number(number),
                // Switches are numbers to every plugin format.
                (None, Some(on)) => Value::Number(if on { 1.0 } else { 0.0 }),
                (None, None) => Value::Text(scalar.text.clone()),
            },
            Kind::Map(_) if self.draw(Target::Parameter(self.device.params.len()), name, node) => {
                if self.drawn.is_none() {
                    return;
                }
                Value::Number(0.0)
            }
            Kind::Null { .. } => {
                self.collector.mistake_with(&node.place, format!("{name} has no value"), "Give it one, or remove it.");
                return;
            }
            Kind::List(_) | Kind::Map(_) => {
                let help = "A parameter takes a number, or a text that the device reads.";
                self.collector.mistake_with(&node.place, format!("{name} is {}", node.shown()), help);
                return;
            }
        };
        self.device.setup.params.push(Setting { parameter: name.to_owned(), value });
        self.device.params.push(place);
    }

    fn asset(&mut self, role: &str, node: &Node) {
        if self.draw_asset(role, node) {
            return;
        }
        let Some(written) = text(role, node, self.collector) else { return };
        match asset(&written, &self.device.folder) {
            Ok(found) => {
                self.put_asset(role, found, node.place.clone());
            }
            Err(problem) => self.collector.mistake(&node.place, format!("{role} = {} {problem}", node.shown())),
        }
    }

    /// Takes the draw of a file. `false` where it is none.
    fn draw_asset(&mut self, role: &str, node: &Node) -> bool {
        let twice = self.device.assets.contains_key(role);
        let drawn = self.draw(Target::Asset(role.to_owned()), role, node);
        if drawn && twice {
            self.collector.mistake_with(&node.place, format!("{role} is set twice"), "Remove one of the two.");
        } else if drawn {
            self.device.assets.insert(role.to_owned(), node.place.clone());
        }
        drawn
    }

    fn put_asset(&mut self, role: &str, found: Asset, place: Place) {
        let places: &mut BTreeMap<String, Place> = &mut self.device.assets;
        if places.insert(role.to_owned(), place.clone()).is_some() {
            self.collector.mistake_with(&place, format!("{role} is set twice"), "Remove one of the two.");
        }
        self.device.setup.assets.insert(role.to_owned(), found);
    }
}

/// `sidechain: vox`, or a map of `from`, `gain`, `at` and `input`.
fn sidechain(node: &Node, collector: &Collector) -> Option<Sidechain> {
    if node.map().is_none() {
        let from = text("sidechain", node, collector)?;
        return Some(Sidechain { from, gain_db: 0.0, pre_fader: false, input: 1 });
    }
    let fields = Fields::of("a sidechain", node, collector)?;
    fields.require("from", "Name a track or bus: sidechain: { from: vox }.");
    let from = fields.text("from");
    let gain_db = fields.decibels("gain", -120.0..=24.0).unwrap_or(0.0);
    let pre_fader = fields.choice("at", &[("pre", true), ("post", false)]).unwrap_or(false);
    let input = fields.whole("input", 1..=255).unwrap_or(1) as usize;
    fields.finish();
    Some(Sidechain { from: from?.value, gain_db, pre_fader, input })
}

fn known_builtin(name: &str, place: &Place, collector: &Collector) -> Option<&'static Builtin> {
    let found = builtin::builtin(name);
    if found.is_none() {
        collector.mistake(place, crate::spec::no_builtin(name));
    }
    found
}

fn refuse<T>(draw: &Located<String>, collector: &Collector) -> Option<T> {
    let message = format!("{} draws at random, and nothing is drawn here", draw.value);
    collector.mistake_with(&draw.place, message, NO_DRAWS);
    None
}
