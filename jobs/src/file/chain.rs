//! What stands where a chain is expected: a preset's path, a device, a list of links, or a preset in place.

use std::path::Path;

use presets::document::{Collector, Kind, Located, Node, text};
use presets::file::{PlacedLink, decode_inline, is_spec, link};

/// Reads what stands behind `instrument`, `tone` or `chain`. In a list, each text may be a preset's path too.
pub(super) fn decode(name: &str, node: &Node, folder: &Path, collector: &Collector) -> Vec<PlacedLink> {
    match &node.kind {
        Kind::List(items) => items.iter().flat_map(|item| one(name, item, folder, collector)).collect(),
        _ => one(name, node, folder, collector),
    }
}

fn one(name: &str, node: &Node, folder: &Path, collector: &Collector) -> Vec<PlacedLink> {
    let has = |field: &str| node.map().is_some_and(|entries| entries.iter().any(|e| e.key.value == field));
    match &node.kind {
        Kind::Scalar(scalar) if is_path(&scalar.text) => text(name, node, collector)
            .map(|path| PlacedLink::Preset(Located::new(presets::url::join(folder, path), node.place.clone())))
            .into_iter()
            .collect(),
        // Only the name's folder counts for the devices in it, so any name will do.
        Kind::Map(_) if has("chain") && !has("wet") => {
            decode_inline(node, &presets::url::join(folder, name), collector).map_or_else(Vec::new, |p| p.chain)
        }
        Kind::List(_) => presets::file::chain(node, folder, collector),
        _ => link(node, folder, collector).into_iter().collect(),
    }
}

/// Whether a text is a preset's path rather than a device: neither a specification nor a built-in's bare name.
pub(super) fn is_path(text: &str) -> bool {
    !is_spec(text) && presets::builtin::builtin(text).is_none()
}
