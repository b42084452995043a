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
use crate::spec::{FORMATS, MODES, POLICIES, asset};
use crate::{Asset, ChannelPolicy, DeviceSpec, PluginFile, PluginFormat, Setting, Sidechain, Value};

/// Fields that draw at random. The format has a place for them; this version sets constants only.
const DRAWS: &[&str] = &["uniform", "log_uniform", "normal", "integer", "choice", "one_of", "pool", "draw"];
/// Fields of a device that the format has a place for.
const LATER: &[&str] = &["weight", "probability"];

/// Most frames that a device may be said to be late.
const MOST_LATENCY: u64 = 10_000_000;

/// The parts of a device as they are found.
struct Parts<'c> {
    device: PlacedDevice,
    collector: &'c Collector,
}

/// Reads the map `node`, whose fields are `entries`.
pub(super) fn device(node: &Node, entries: &[Entry], folder: &Path, collector: &Collector) -> Option<PlacedDevice> {
    let has = |name: &str| entries.iter().find(|e| e.key.value == name);
    if let Some(draw) = entries.iter().find(|e| DRAWS.contains(&e.key.value.as_str())) {
        return refuse(&draw.key, collector);
    }
    if let Some(entry) = has("builtin") {
        let name = text("builtin", &entry.value, collector)?;
        let found = known_builtin(&name, &entry.value.place, collector)?;
        let mut parts = Parts::new(found.name, entry.value.place.clone(), folder, collector);
        parts.builtin_fields(node, found, entry);
        return Some(parts.device);
    }
    let mut plugins = PluginFormat::ALL.into_iter().filter_map(|format| Some((format, has(format.word())?)));
    if let Some((format, entry)) = plugins.next() {
        if let Some((_, second)) = plugins.next() {
            return two_devices(entry, second, collector);
        }
        return plugin(format, node, entry, folder, collector);
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
    let mut parts = Parts::new(found.name, entry.key.place.clone(), folder, collector);
    parts.main_value(found, entry);
    parts.builtin_fields(node, found, entry);
    Some(parts.device)
}

fn plugin(
    format: PluginFormat,
    node: &Node,
    entry: &Entry,
    folder: &Path,
    collector: &Collector,
) -> Option<PlacedDevice> {
    let plugin = text(format.word(), &entry.value, collector)?;
    let what = format!("a {} device", format.word());
    let fields = Fields::of(&what, node, collector)?;
    fields.get(format.word());
    let id = fields.text("id").map(|id| id.value);
    let mut parts = Parts::new("", entry.value.place.clone(), folder, collector);
    parts.device.setup.device = format.device(PluginFile { plugin, id });
    parts.common(&fields);
    if let Some(mode) = fields.choice("mode", MODES) {
        parts.device.setup.mode = mode;
    }
    parts.files(&fields);
    fields.later(LATER);
    fields.finish();
    Some(parts.device)
}

fn two_devices<T>(first: &Entry, second: &Entry, collector: &Collector) -> Option<T> {
    let message = format!("{} and {} are two devices in one entry", first.key.value, second.key.value);
    collector.mistake_with(&second.key.place, message, "Write each as an entry of its own.");
    None
}

impl<'c> Parts<'c> {
    fn new(builtin: &str, place: Place, folder: &Path, collector: &'c Collector) -> Parts<'c> {
        let setup = crate::spec::bare(DeviceSpec::Builtin { name: builtin.to_owned() });
        Parts { device: PlacedDevice::at(setup, folder, place), collector }
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
        if let Some(path) = fields.text("state") {
            self.device.setup.state = Some(self.device.folder.join(path.value));
            self.device.state = path.place;
        }
        if let Some(path) = fields.text("preset") {
            self.device.setup.preset = Some(self.device.folder.join(path.value));
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
            if let Some(entries) = entry.value.map().filter(|e| is_draw(e)) {
                refuse::<()>(&entries[0].key, self.collector);
            } else if let Some(written) = text(&entry.key.value, &entry.value, self.collector) {
                let found = Asset::File(self.device.folder.join(written));
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
        let value = match &node.kind {
            Kind::Scalar(scalar) => match (scalar.number(), scalar.boolean()) {
                (Some(number), _) => Value::Number(number),
                // Switches are numbers to every plugin format.
                (None, Some(on)) => Value::Number(if on { 1.0 } else { 0.0 }),
                (None, None) => Value::Text(scalar.text.clone()),
            },
            Kind::Map(entries) if is_draw(entries) => {
                refuse::<()>(&entries[0].key, self.collector);
                return;
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
        let place = node.place.clone();
        let same = |s: &Setting| s.parameter == name;
        if self.device.setup.params.iter().any(same) {
            self.collector.mistake_with(&place, format!("{name} is set twice"), "Remove one of the two.");
            return;
        }
        self.device.setup.params.push(Setting { parameter: name.to_owned(), value });
        self.device.params.push(place);
    }

    fn asset(&mut self, role: &str, node: &Node) {
        if let Some(entries) = node.map().filter(|e| is_draw(e)) {
            refuse::<()>(&entries[0].key, self.collector);
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

    fn put_asset(&mut self, role: &str, found: Asset, place: Place) {
        if self.device.setup.assets.insert(role.to_owned(), found).is_some() {
            self.collector.mistake_with(&place, format!("{role} is set twice"), "Remove one of the two.");
        }
        let assets: &mut BTreeMap<String, Place> = &mut self.device.assets;
        assets.insert(role.to_owned(), place);
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

fn is_draw(entries: &[Entry]) -> bool {
    !entries.is_empty() && entries.iter().all(|e| DRAWS.contains(&e.key.value.as_str()))
}

fn refuse<T>(draw: &Located<String>, collector: &Collector) -> Option<T> {
    let message = format!("{} draws at random, and draws are not part of this version", draw.value);
    collector.mistake_with(&draw.place, message, "Write one constant value.");
    None
}
