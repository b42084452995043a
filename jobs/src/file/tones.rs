//! The first kind of job: every input through every tone.

use std::path::{Path, PathBuf};

use presets::document::{Collector, Entry, Fields, Kind, Located, Node, closest, text, whole};
use presets::template::decode_inline;

use super::chain::is_path;
use super::inputs::{self, InputForm};
use crate::glob::Glob;

/// Most draws of one input through one tone.
pub(crate) const MOST_DRAWS: u64 = 1_000_000;

/// Fields of an entry that is made of several.
const SEVERAL: &[&str] = &["wet", "parallel", "one_of", "some_of", "shuffle"];

/// Every input through every tone.
#[derive(Clone, Debug, PartialEq)]
pub struct TonesForm {
    /// Where the inputs are.
    pub inputs: Vec<InputForm>,
    /// The tones.
    pub tones: Vec<ToneForm>,
    /// How often each input goes through each tone that draws something; once where the job does not say.
    pub draws: Option<Located<Draws>>,
}

/// How often an input goes through a tone that draws something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Draws {
    /// This often.
    Count(u64),
    /// Once for every combination of the tone's grids.
    Grid,
}

/// One tone, or several.
#[derive(Clone, Debug, PartialEq)]
pub enum ToneForm {
    /// Preset files.
    Files(Located<Glob>),
    /// A preset that stands in the job itself.
    Inline {
        /// The preset as it is written.
        preset: Node,
        /// It is a device alone, which the tone is called after.
        alone: bool,
    },
}

pub(super) fn decode(fields: &Fields<'_>, folder: &Path, collector: &Collector) -> Option<TonesForm> {
    let found = fields.require("inputs", "Name recordings: inputs: \"data/*.wav\".");
    let tones = fields.require("tones", "Name presets: tones: [\"presets/*.yaml\"].");
    let inputs = found.map(|node| inputs::decode(node, folder, collector));
    let tones = tones.map(|node| decode_tones(node, folder, collector));
    let draws = fields.get("draws").and_then(|node| decode_draws(node, collector));
    Some(TonesForm { inputs: inputs?, tones: tones?, draws })
}

/// `draws: 8`, or `draws: grid`.
fn decode_draws(node: &Node, collector: &Collector) -> Option<Located<Draws>> {
    let word = node.scalar().map_or("", |scalar| scalar.text.as_str());
    let draws = match word {
        "grid" => Draws::Grid,
        _ if word.starts_with(|c: char| c.is_ascii_alphabetic()) => {
            let help = match closest(word, ["grid"]) {
                Some(close) => format!("Did you mean {close}?"),
                None => "Write how often, draws: 8, or draws: grid.".to_owned(),
            };
            collector.mistake_with(&node.place, format!("draws = {} is not known", node.shown()), help);
            return None;
        }
        _ => Draws::Count(whole("draws", node, 1..=MOST_DRAWS, collector)?),
    };
    Some(Located::new(draws, node.place.clone()))
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
    let has = |field: &str| node.map().is_some_and(|entries| entries.iter().any(|e| e.key.value == field));
    let form = match &node.kind {
        Kind::Scalar(scalar) if is_path(&scalar.text) => return glob("tones", node, collector).map(ToneForm::Files),
        Kind::Map(_) if has("chain") && !has("wet") => {
            if !has("name") {
                let message = "a preset that stands in the job needs a name";
                collector.mistake_with(&node.place, message, "Write name: NAME; {tone} in the output path takes it.");
            }
            ToneForm::Inline { preset: node.clone(), alone: false }
        }
        Kind::Map(_) if SEVERAL.iter().any(|word| has(word)) => {
            let help = "Write { name: NAME, chain: [...] }; {tone} in the output path takes the name.";
            collector.mistake_with(&node.place, "a tone of several chains needs a name", help);
            return None;
        }
        _ => {
            let chain = Node { place: node.place.clone(), kind: Kind::List(vec![node.clone()]) };
            let entry = Entry { key: Located::new("chain".to_owned(), node.place.clone()), value: chain };
            let preset = Node { place: node.place.clone(), kind: Kind::Map(vec![entry]) };
            ToneForm::Inline { preset, alone: true }
        }
    };
    // For the mistakes in it. What the presets that it names are, planning says.
    if let ToneForm::Inline { preset, .. } = &form {
        decode_inline(preset, &inline(folder), &mut |_| None, collector);
    }
    Some(form)
}

/// What stands for the file of a preset in the job: only its folder counts.
pub(crate) fn inline(folder: &Path) -> PathBuf {
    folder.join("tone")
}
