//! A chain's list, chains beside each other, and devices in one line.

use std::path::Path;

use super::entry;
use super::{PlacedBranch, PlacedDevice, PlacedLink, PlacedParallel};
use crate::builtin;
use crate::document::{Collector, Fields, Kind, Located, Node, closest, percent};
use crate::spec;

/// Reads links: a list of them, or one alone. What cannot be read is left out, with a mistake.
pub fn chain(node: &Node, folder: &Path, collector: &Collector) -> Vec<PlacedLink> {
    match &node.kind {
        Kind::List(items) => items.iter().filter_map(|item| link(item, folder, collector)).collect(),
        _ => link(node, folder, collector).into_iter().collect(),
    }
}

/// Reads one link: a device, the path of a preset, `{ parallel: [...] }` or `{ wet: 30 %, chain: [...] }`. Paths start
/// at `folder`.
pub fn link(node: &Node, folder: &Path, collector: &Collector) -> Option<PlacedLink> {
    let has = |name: &str| node.map().is_some_and(|entries| entries.iter().any(|e| e.key.value == name));
    match &node.kind {
        Kind::Scalar(scalar) if is_file(&scalar.text) => {
            Some(PlacedLink::Preset(Located::new(crate::url::join(folder, &scalar.text), node.place.clone())))
        }
        Kind::Map(_) if has("parallel") => parallel(node, folder, collector),
        Kind::Map(_) if has("chain") => wet(node, folder, collector),
        _ => device(node, folder, collector).map(PlacedLink::from),
    }
}

/// Whether a text is the path of a preset file, not the name of a device.
pub(crate) fn is_file(text: &str) -> bool {
    let ends = [".yaml", ".yml", ".json"].iter().any(|extension| text.to_lowercase().ends_with(extension));
    !is_spec(text) && (ends || text.contains('/'))
}

/// `{ parallel: [chain, ...], dry: LEVEL }`.
fn parallel(node: &Node, folder: &Path, collector: &Collector) -> Option<PlacedLink> {
    let fields = Fields::of("an entry of parallel chains", node, collector)?;
    let dry = fields.decibels("dry", LEVELS).map(|level| {
        let place = fields.place_of("dry").clone();
        PlacedBranch { place, gain: factor(level), chain: Vec::new() }
    });
    let node = fields.get("parallel");
    fields.finish();
    let Kind::List(items) = &node?.kind else {
        let message = format!("parallel is {}", node?.shown());
        collector.mistake_with(&node?.place, message, "List chains: parallel: [crunch.yaml, [{ gain: -6 dB }]].");
        return None;
    };
    let chains = items.iter().filter_map(|item| branch(item, folder, collector));
    let branches: Vec<PlacedBranch> = dry.into_iter().chain(chains).collect();
    if items.is_empty() {
        collector.mistake_with(&node?.place, "parallel is empty", "List chains, or remove it.");
        return None;
    }
    Some(PlacedLink::Parallel(PlacedParallel { place: node?.place.clone(), branches }))
}

/// Levels of a branch in dB.
pub(crate) const LEVELS: std::ops::RangeInclusive<f64> = -120.0..=24.0;

/// A list of links, one link, or `{ chain: [...], gain: LEVEL, invert: true }`, the level also as `factor: NUMBER`.
fn branch(node: &Node, folder: &Path, collector: &Collector) -> Option<PlacedBranch> {
    let place = node.place.clone();
    let has_chain = node.map().is_some_and(|entries| entries.iter().any(|e| e.key.value == "chain"));
    let is_mixed = node.map().is_some_and(|entries| entries.iter().any(|e| e.key.value == "wet"));
    if !has_chain || is_mixed {
        return Some(PlacedBranch { place, gain: 1.0, chain: chain(node, folder, collector) });
    }
    let fields = Fields::of("a branch", node, collector)?;
    let chain = fields.get("chain").map_or_else(Vec::new, |node| chain(node, folder, collector));
    let level = fields.decibels("gain", LEVELS);
    let plain = fields.number("factor", -16.0..=16.0);
    let sign = if fields.boolean("invert").unwrap_or(false) { -1.0 } else { 1.0 };
    if level.is_some() && plain.is_some() {
        let message = "gain and factor both say how loud the branch is";
        collector.mistake_with(fields.place_of("factor"), message, "Remove one of the two.");
    }
    fields.finish();
    let gain = plain.unwrap_or_else(|| factor(level.unwrap_or(0.0)));
    Some(PlacedBranch { place, gain: sign * gain, chain })
}

/// `{ wet: SHARE, chain: [...] }`: that share of the chain, and the rest of the signal as it is.
fn wet(node: &Node, folder: &Path, collector: &Collector) -> Option<PlacedLink> {
    let fields = Fields::of("an entry with a chain", node, collector)?;
    let chain = fields.get("chain").map_or_else(Vec::new, |node| chain(node, folder, collector));
    let share = fields.require("wet", "Write how much of it is heard: { wet: 30 %, chain: [...] }.");
    let share = share.and_then(|node| percent("wet", node, 0.0..=100.0, collector));
    let (wet_place, chain_place) = (fields.place_of("wet").clone(), fields.place_of("chain").clone());
    fields.finish();
    let wet = share? / 100.0;
    let dry = PlacedBranch { place: wet_place, gain: 1.0 - wet, chain: Vec::new() };
    let branches = vec![dry, PlacedBranch { place: chain_place, gain: wet, chain }];
    Some(PlacedLink::Parallel(PlacedParallel { place: node.place.clone(), branches }))
}

/// The factor of a level in dB.
pub(crate) fn factor(level: f64) -> f64 {
    audio::Decibels(level).gain()
}

/// Reads one device: a map, a specification in one line, or the bare name of a built-in. Paths start at `folder`.
pub fn device(node: &Node, folder: &Path, collector: &Collector) -> Option<PlacedDevice> {
    match &node.kind {
        Kind::Map(entries) => entry::device(node, entries, folder, collector),
        Kind::Scalar(scalar) if is_spec(&scalar.text) => match spec::parse(&scalar.text, folder) {
            Ok(setup) => Some(PlacedDevice::at(setup, folder, node.place.clone())),
            Err(error) => {
                collector.mistake(&node.place, error.to_string());
                None
            }
        },
        Kind::Scalar(scalar) => {
            if let Some(found) = builtin::builtin(&scalar.text) {
                let setup = spec::bare(crate::DeviceSpec::Builtin { name: found.name.to_owned() });
                return Some(PlacedDevice::at(setup, folder, node.place.clone()));
            }
            let help = match closest(&scalar.text, builtin::names()) {
                Some(name) => format!("Did you mean \"{name}\"?"),
                None => format!("Write {}, or a map such as {{ gain: -6 dB }}.", spec::FORMS),
            };
            collector.mistake_with(&node.place, format!("{} is not a device", node.shown()), help);
            None
        }
        Kind::Null { .. } | Kind::List(_) => {
            let message = format!("a device is expected here, not {}", node.shown());
            collector.mistake_with(&node.place, message, "Write a map such as { gain: -6 dB }.");
            None
        }
    }
}

/// Whether a text is a device in one line, not the path of a preset: `builtin:gain`, `vst3:ZamTube`.
pub fn is_spec(text: &str) -> bool {
    spec::FORMATS.iter().any(|f| text.strip_prefix(f).is_some_and(|rest| rest.starts_with(':')))
}
