//! The first kind of job: every input through every tone.

use std::path::Path;

use presets::document::{Collector, Entry, Fields, Kind, Located, Node, text};
use presets::file::{PlacedLink, PlacedPreset, decode_inline, link};
use presets::{DeviceKind, PluginFile};

use super::chain::is_path;
use crate::glob::Glob;

/// Every input through every tone.
#[derive(Clone, Debug, PartialEq)]
pub struct TonesForm {
    /// Where the inputs are.
    pub inputs: Vec<InputForm>,
    /// The tones.
    pub tones: Vec<ToneForm>,
}

/// Some inputs.
#[derive(Clone, Debug, PartialEq)]
pub struct InputForm {
    /// The name of their group; empty where it has none.
    pub group: String,
    /// Which files they are.
    pub files: Located<Glob>,
}

/// One tone, or several.
#[derive(Clone, Debug, PartialEq)]
pub enum ToneForm {
    /// Preset files.
    Files(Located<Glob>),
    /// A preset that stands in the job itself.
    Inline(Located<PlacedPreset>),
}

pub(super) fn decode(fields: &Fields<'_>, folder: &Path, collector: &Collector) -> Option<TonesForm> {
    let inputs = fields.require("inputs", "Name recordings: inputs: \"data/*.wav\".");
    let tones = fields.require("tones", "Name presets: tones: [\"presets/*.yaml\"].");
    let inputs = inputs.map(|node| decode_inputs(node, collector));
    let tones = tones.map(|node| decode_tones(node, folder, collector));
    Some(TonesForm { inputs: inputs?, tones: tones? })
}

fn decode_inputs(node: &Node, collector: &Collector) -> Vec<InputForm> {
    let mut inputs = Vec::new();
    match &node.kind {
        Kind::Map(groups) => {
            for group in groups {
                let files = match &group.value.kind {
                    Kind::Map(_) => group_files(&group.value, collector),
                    _ => globs("files", &group.value, collector),
                };
                inputs.extend(files.into_iter().map(|files| InputForm { group: group.key.value.clone(), files }));
            }
        }
        _ => inputs.extend(
            globs("inputs", node, collector).into_iter().map(|files| InputForm { group: String::new(), files }),
        ),
    }
    if inputs.is_empty() && collector.is_empty() {
        collector.mistake_with(&node.place, "inputs names no files", "Name recordings: inputs: \"data/*.wav\".");
    }
    inputs
}

fn group_files(node: &Node, collector: &Collector) -> Vec<Located<Glob>> {
    let Some(fields) = Fields::of("a group of inputs", node, collector) else { return Vec::new() };
    let files = fields.require("files", "Name recordings: files: \"data/*.wav\".");
    let files = files.map_or_else(Vec::new, |node| globs("files", node, collector));
    fields.later(&["annotations"]);
    fields.finish();
    files
}

/// One pattern or a list of them.
pub(super) fn globs(name: &str, node: &Node, collector: &Collector) -> Vec<Located<Glob>> {
    match &node.kind {
        Kind::List(items) => items.iter().filter_map(|item| glob(name, item, collector)).collect(),
        _ => glob(name, node, collector).into_iter().collect(),
    }
}

fn glob(name: &str, node: &Node, collector: &Collector) -> Option<Located<Glob>> {
    let written = text(name, node, collector)?;
    match Glob::parse(&written) {
        Ok(glob) => Some(Located::new(glob, node.place.clone())),
        Err(error) => {
            collector.mistake(&node.place, format!("{name} = {} is not a pattern: {error}", node.shown()));
            None
        }
    }
}

fn decode_tones(node: &Node, folder: &Path, collector: &Collector) -> Vec<ToneForm> {
    let items = match &node.kind {
        Kind::List(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    if items.is_empty() {
        collector.mistake_with(&node.place, "tones is empty", "Name presets: tones: [\"presets/*.yaml\"].");
    }
    items.iter().filter_map(|item| tone(item, folder, collector)).collect()
}

fn tone(node: &Node, folder: &Path, collector: &Collector) -> Option<ToneForm> {
    let has = |entries: &[Entry], field: &str| entries.iter().any(|e| e.key.value == field);
    match &node.kind {
        Kind::Scalar(scalar) if is_path(&scalar.text) => glob("tones", node, collector).map(ToneForm::Files),
        Kind::Map(entries) if has(entries, "chain") && !has(entries, "wet") => {
            if !entries.iter().any(|e| e.key.value == "name") {
                let message = "a preset that stands in the job needs a name";
                collector.mistake_with(&node.place, message, "Write name: NAME; {tone} in the output path takes it.");
            }
            let preset = decode_inline(node, &folder.join("tone"), collector)?;
            Some(ToneForm::Inline(Located::new(preset, node.place.clone())))
        }
        _ => {
            let link = link(node, folder, collector)?;
            let PlacedLink::Device(device) = &link else {
                let help = "Write { name: NAME, chain: [...] }; {tone} in the output path takes the name.";
                collector.mistake_with(&node.place, "a tone of several chains needs a name", help);
                return None;
            };
            let name = match device.setup.device.kind() {
                DeviceKind::Builtin(name) => name.to_owned(),
                DeviceKind::Plugin(_, PluginFile { plugin, .. }) => {
                    Path::new(plugin).file_stem().map_or_else(|| plugin.clone(), |s| s.to_string_lossy().into_owned())
                }
            };
            let preset = PlacedPreset { name, chain: vec![link] };
            Some(ToneForm::Inline(Located::new(preset, node.place.clone())))
        }
    }
}
