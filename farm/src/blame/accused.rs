//! Who can be held to account for a task: its devices, under the settings that they stand in.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

use jobs::message::Phase;
use jobs::task::{Render, Task};
use presets::{DeviceKind, Link, PluginFile};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Hex digits of what stands for the settings of a chain.
const PRESET_DIGITS: usize = 32;

/// The longest device name in bytes that a position record is sure to hold whole.
const WHOLE_NAME: usize = 255 - 4;

/// What strikes are held against. Another build of the plugin, or a changed preset, is another pair and starts without any.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Pair {
    /// BLAKE3 of the plugin's binary, in hex; of a built-in device, its name and the engine.
    pub plugin: String,
    /// Half of the BLAKE3 of the preset's name and the settings of its chain, in hex. Files count by their content. Where a
    /// tone draws its settings, all draws are one preset.
    pub preset: String,
}

/// A device of a task, with the pair that its strikes are held against.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accused {
    /// What strikes are held against.
    #[serde(flatten)]
    pub pair: Pair,
    /// The device by its id and its plugin's path, as it is called before it is loaded.
    pub device: String,
    /// The device by its own name, where it came so far as to say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The preset by its name: the tone's, or in a session the track's or bus's that the chain stands on.
    pub tone: String,
}

impl fmt::Display for Accused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "\"{name}\", {}, with the preset \"{}\"", self.device, self.tone),
            None => write!(f, "{} with the preset \"{}\"", self.device, self.tone),
        }
    }
}

impl Accused {
    /// Whether a word given by hand means its plugin: the device's name or id, the plugin's path or file name, or the
    /// beginning of the binary's hash, 8 digits at least.
    pub fn is_plugin(&self, word: &str) -> bool {
        let (id, path) = match self.device.split_once(" (") {
            Some((id, path)) => (Some(id), path.trim_end_matches(')')),
            None => (None, self.device.as_str()),
        };
        let file = path.rsplit('/').next();
        let stem = file.and_then(|file| file.rsplit_once('.')).map(|(stem, _)| stem);
        let is = |known: Option<&str>| known.is_some_and(|known| known.eq_ignore_ascii_case(word));
        is(self.name.as_deref())
            || [Some(self.device.as_str()), id, Some(path), file, stem].into_iter().any(is)
            || (word.len() >= 8 && self.pair.plugin.starts_with(&word.to_ascii_lowercase()))
    }

    fn is_builtin(&self) -> bool {
        self.pair.plugin.starts_with(BUILTIN)
    }
}

/// Begins what stands for a built-in device instead of a hash.
const BUILTIN: &str = "builtin:";

/// Every device of a task, each pair once.
pub fn of(task: &Task) -> Vec<Accused> {
    let contents: HashMap<&str, &str> =
        task.sources.iter().map(|source| (source.path.as_str(), source.blake3.as_str())).collect();
    let drawn = task.item.as_ref().is_some_and(|item| !item.drawn.is_empty());
    let mut found: Vec<Accused> = Vec::new();
    for (tone, chain) in chains(&task.render) {
        let mut preset = None;
        for setup in presets::devices(chain) {
            let plugin = match setup.device.kind() {
                DeviceKind::Builtin(name) => format!("{BUILTIN}{name} {}", jobs::ENGINE),
                DeviceKind::Plugin(_, PluginFile { plugin, .. }) => {
                    contents.get(plugin.as_str()).map_or_else(|| plugin.clone(), |hash| (*hash).to_owned())
                }
            };
            let preset = preset.get_or_insert_with(|| preset_hash(tone, chain, drawn, &contents)).clone();
            let (pair, device) = (Pair { plugin, preset }, setup.device.label());
            if !found.iter().any(|known| known.pair == pair && known.device == device) {
                found.push(Accused { pair, device, name: None, tone: tone.to_owned() });
            }
        }
    }
    found
}

/// The chains of a render with the names of their presets.
fn chains(render: &Render) -> Vec<(&str, &Vec<Link>)> {
    match render {
        Render::Tone(tone) => vec![(tone.tone.as_str(), &tone.chain)],
        Render::Session(session) => {
            let strips = session.tracks.iter().map(|track| &track.chain);
            let strips = strips.chain(session.busses.iter().map(|bus| &bus.chain));
            session.names().zip(strips).chain([("master", &session.master.chain)]).collect()
        }
    }
}

fn preset_hash(tone: &str, chain: &[Link], drawn: bool, contents: &HashMap<&str, &str>) -> String {
    let mut settings = if drawn {
        // A million draws are not a million presets: which devices stand in the chain is what they share.
        Value::from(presets::devices(chain).iter().map(|setup| setup.device.label()).collect::<Vec<_>>())
    } else {
        serde_json::to_value(chain).expect("a chain is plain data")
    };
    put_contents(&mut settings, contents);
    let text = serde_json::to_string(&(tone, settings)).expect("a chain is plain data");
    blake3::hash(text.as_bytes()).to_hex()[..PRESET_DIGITS].to_owned()
}

/// Puts the hash of its content for each path of a file: where files lie is no setting.
fn put_contents(value: &mut Value, contents: &HashMap<&str, &str>) {
    match value {
        Value::String(text) => {
            if let Some(hash) = contents.get(text.as_str()) {
                (*hash).clone_into(text);
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| put_contents(value, contents)),
        Value::Object(members) => members.values_mut().for_each(|value| put_contents(value, contents)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Those of a task's devices that are to blame where `device` was at work, as the worker last said. The memory of a process is
/// one, so that where nobody was at work, or a built-in device, no plugin of the task is above suspicion.
pub fn at_work(all: Vec<Accused>, device: Option<&str>, names: &Names) -> Vec<Accused> {
    let is_meant = |accused: &Accused| device.is_some_and(|device| names.mean(device, &accused.device));
    let (meant, others): (Vec<Accused>, Vec<Accused>) = all.into_iter().partition(is_meant);
    if meant.iter().any(|accused| !accused.is_builtin()) {
        let name = device.filter(|device| meant.iter().all(|accused| accused.device != *device));
        return meant.into_iter().map(|accused| Accused { name: name.map(str::to_owned), ..accused }).collect();
    }
    let (builtin, plugins): (Vec<Accused>, Vec<Accused>) = others.into_iter().partition(Accused::is_builtin);
    match (plugins.is_empty(), meant.is_empty()) {
        (false, _) => plugins,
        (true, false) => meant,
        (true, true) => builtin,
    }
}

/// The plugins among a task's devices: whoever may have damaged the memory of its process.
pub fn plugins(all: Vec<Accused>) -> Vec<Accused> {
    all.into_iter().filter(|accused| !accused.is_builtin()).collect()
}

/// What the devices of a worker call themselves. While one is loaded the worker names it by its id and path, and from then on
/// by its own name.
#[derive(Debug, Default)]
pub struct Names {
    loading: Option<String>,
    known: BTreeMap<String, BTreeSet<String>>,
}

impl Names {
    /// Learns from what the worker says that it does.
    pub fn on_phase(&mut self, phase: Phase, device: Option<&str>) {
        match (phase, device) {
            (Phase::Load, _) => self.loading = device.map(str::to_owned),
            (Phase::Configure, Some(name)) => {
                if let Some(label) = self.loading.take() {
                    self.known.entry(name.to_owned()).or_default().insert(label);
                }
            }
            _ => {}
        }
    }

    /// Whether `device`, a name of either kind, is the one that is called `label` while it is loaded.
    fn mean(&self, device: &str, label: &str) -> bool {
        let is_cut = device.len() >= WHOLE_NAME;
        let named = self.known.iter().filter(|(name, _)| *name == device || (is_cut && name.starts_with(device)));
        device == label || named.into_iter().any(|(_, labels)| labels.contains(label))
    }
}
