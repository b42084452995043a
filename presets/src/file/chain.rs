//! A chain's list, and devices in one line.

use std::path::Path;

use super::PlacedDevice;
use super::entry;
use crate::builtin;
use crate::document::{Collector, Kind, Node, closest};
use crate::spec;

/// Reads devices: a list of them, or one alone. What cannot be read is left out, with a mistake.
pub fn chain(node: &Node, folder: &Path, collector: &Collector) -> Vec<PlacedDevice> {
    match &node.kind {
        Kind::List(items) => items.iter().filter_map(|item| device(item, folder, collector)).collect(),
        _ => device(node, folder, collector).into_iter().collect(),
    }
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
