//! Who an entry of a chain is to its draws.
//!
//! A name that somebody gave stands for itself, wherever the entry is moved. Without one, an entry is what it is and the
//! how-manyeth of its like in its list; so a device that is put in front of it, or an alternative beside it, leaves its draws alone.

use std::collections::HashSet;
use std::path::Path;

use crate::draw::below;
use crate::{Asset, DeviceKind, DeviceSetup, PluginFile};

/// Words that stand for entries without a name, so no entry is called so.
pub(super) const RESERVED: &[&str] =
    &["draws", "one_of", "some_of", "shuffle", "chain", "parallel", "wet", "bypass", "preset"];

/// The paths that are given out.
#[derive(Debug, Default)]
pub(super) struct Paths(HashSet<String>);

impl Paths {
    /// The path of an entry below another: what it is, and its number where others are the same.
    pub fn below(&mut self, parent: &str, what: &str) -> String {
        let whole = if parent.is_empty() { what.to_owned() } else { format!("{parent}/{what}") };
        let mut path = whole.clone();
        let mut number = 1;
        while !self.0.insert(path.clone()) {
            number += 1;
            path = format!("{whole} ({number})");
        }
        path
    }

    /// The path of an entry that has a name; `None` where another has it.
    pub fn named(&mut self, name: &str) -> Option<String> {
        self.0.insert(name.to_owned()).then(|| name.to_owned())
    }
}

/// What a device is: its format and name, with the files that it plays. Files count as they are written below the
/// preset's folder, so that a folder can be moved whole.
pub(super) fn of_device(setup: &DeviceSetup, folder: &Path) -> String {
    let mut text = match setup.device.kind() {
        DeviceKind::Builtin(name) => format!("builtin:{name}"),
        DeviceKind::Plugin(format, PluginFile { plugin, id }) => {
            let id = id.as_ref().map_or_else(String::new, |id| format!("#{id}"));
            format!("{}:{plugin}{id}", format.word())
        }
    };
    for (role, asset) in &setup.assets {
        let file = match asset {
            Asset::File(path) => below(path, folder),
            Asset::Embedded(name) => format!("embedded:{name}"),
        };
        text += &format!(" {role}={file}");
    }
    for (role, path) in [("state", &setup.state), ("preset", &setup.preset)] {
        if let Some(path) = path {
            text += &format!(" {role}={}", below(path, folder));
        }
    }
    text
}
