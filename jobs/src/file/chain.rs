//! What stands where a chain is expected: a preset's path, a device, a list of devices, or a preset in place.

use std::path::{Path, PathBuf};

use presets::document::{Collector, Kind, Located, Node, text};
use presets::file::{PlacedDevice, chain, decode_inline, device, is_spec};

/// The parts of a chain, in order.
pub type ChainSource = Vec<ChainPart>;

/// One part of a chain.
#[derive(Clone, Debug, PartialEq)]
pub enum ChainPart {
    /// All devices of this preset file.
    Preset(Located<PathBuf>),
    /// A device that stands in the job itself.
    Device(Box<PlacedDevice>),
}

/// Reads what stands behind `instrument`, `tone` or `chain`. In a list, each text may be a preset's path too.
pub(super) fn decode(name: &str, node: &Node, folder: &Path, collector: &Collector) -> ChainSource {
    match &node.kind {
        Kind::List(items) => items.iter().flat_map(|item| one(name, item, folder, collector)).collect(),
        _ => one(name, node, folder, collector),
    }
}

fn one(name: &str, node: &Node, folder: &Path, collector: &Collector) -> ChainSource {
    let devices = |devices: Vec<PlacedDevice>| devices.into_iter().map(|d| ChainPart::Device(Box::new(d))).collect();
    match &node.kind {
        Kind::Scalar(scalar) if is_path(&scalar.text) => text(name, node, collector)
            .map(|path| ChainPart::Preset(Located::new(folder.join(path), node.place.clone())))
            .into_iter()
            .collect(),
        // Only the name's folder counts for the devices in it, so any name will do.
        Kind::Map(entries) if entries.iter().any(|e| e.key.value == "chain") => {
            devices(decode_inline(node, &folder.join(name), collector).map_or_else(Vec::new, |p| p.chain))
        }
        Kind::List(_) => devices(chain(node, folder, collector)),
        _ => devices(device(node, folder, collector).into_iter().collect()),
    }
}

/// Whether a text is a preset's path rather than a device: neither a specification nor a built-in's bare name.
pub(super) fn is_path(text: &str) -> bool {
    !is_spec(text) && presets::builtin::builtin(text).is_none()
}
