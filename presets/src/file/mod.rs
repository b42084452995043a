//! The shape of a preset that people write.
//!
//! [`read`] gives a [`PlacedPreset`]: the preset with the place of everything that can turn out to be wrong only later,
//! when its devices are looked at. [`load`] gives the [`Preset`] alone. [`yaml`] writes one.
//!
//! ```
//! # use tonemill_presets as presets;
//! use presets::document::{Collector, Document};
//!
//! let text = "tonemill: 1\nname: Quiet\nchain:\n  - { gain: -6 dB }\n";
//! let collector = Collector::new();
//! let document = Document::parse("quiet.yaml", text, &collector).unwrap();
//! let preset = presets::file::decode(&document.root, "quiet.yaml".as_ref(), &collector);
//! let preset = collector.finish(preset).unwrap();
//! let preset = presets::Preset { name: preset.name, chain: presets::file::links(preset.chain) };
//! assert_eq!(presets::devices(&preset.chain)[0].params[0].parameter, "Gain");
//! ```

mod chain;
mod entry;
mod expand;
mod schema;
mod write;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub(crate) use chain::{LEVELS, factor, is_file};
pub use chain::{chain, device, is_spec, link};
pub use entry::Target;
pub(crate) use entry::{DrawnField, drawn_device};
pub use expand::{Expand, expand, links};
pub use schema::{definitions, schema, tone_definitions};
pub use write::{WriteError, yaml};

use crate::document::{Collector, Document, Fields, Kind, Located, Mistakes, Node, Place};
use crate::sandbox::{self, Grants};
use crate::{DeviceSetup, Preset};

/// The version of preset files that this build reads.
pub const VERSION: u64 = 1;

/// A preset with the places of what it says.
#[derive(Clone, Debug, PartialEq)]
pub struct PlacedPreset {
    /// Name for people.
    pub name: String,
    /// What the signal goes through, first to last.
    pub chain: Vec<PlacedLink>,
}

/// One link of a chain as it is written.
#[derive(Clone, Debug, PartialEq)]
pub enum PlacedLink {
    /// One device.
    Device(Box<PlacedDevice>),
    /// Another preset's whole chain. [`expand`] puts it in place.
    Preset(Located<PathBuf>),
    /// Chains beside each other.
    Parallel(PlacedParallel),
}

/// Chains beside each other.
#[derive(Clone, Debug, PartialEq)]
pub struct PlacedParallel {
    /// Where they stand.
    pub place: Place,
    /// The chains.
    pub branches: Vec<PlacedBranch>,
}

/// One of several chains beside each other.
#[derive(Clone, Debug, PartialEq)]
pub struct PlacedBranch {
    /// Where it stands.
    pub place: Place,
    /// Factor on what comes out of it.
    pub gain: f64,
    /// Its links; none where it gives the signal as it is.
    pub chain: Vec<PlacedLink>,
}

impl From<PlacedDevice> for PlacedLink {
    fn from(device: PlacedDevice) -> PlacedLink {
        PlacedLink::Device(Box::new(device))
    }
}

/// A device with the places of what is set on it.
#[derive(Clone, Debug, PartialEq)]
pub struct PlacedDevice {
    /// The device as written: plugin names are not yet searched for, paths stand below the file's folder.
    pub setup: DeviceSetup,
    /// The folder that paths in it start from.
    pub folder: PathBuf,
    /// Where the device is named.
    pub place: Place,
    /// Where each of `setup.params` stands, in order.
    pub params: Vec<Place>,
    /// Where each of `setup.assets` stands.
    pub assets: BTreeMap<String, Place>,
    /// Where the state is named; the device's own place if none is.
    pub state: Place,
    /// Where the device's own preset is named, likewise.
    pub preset: Place,
    /// Where the channel policy stands, likewise.
    pub channels: Place,
    /// Where the sidechain stands, likewise.
    pub sidechain: Place,
    /// Where it is said that the device is as late as its probing has shown, if it is.
    pub measured: Option<Place>,
    /// What it may touch beside the files that it names: what its preset grants.
    pub grants: Grants,
}

impl PlacedDevice {
    /// A device of which everything stands at one place, as those of the command line do.
    pub fn at(setup: DeviceSetup, folder: &Path, place: Place) -> PlacedDevice {
        PlacedDevice {
            folder: folder.to_owned(),
            params: vec![place.clone(); setup.params.len()],
            assets: setup.assets.keys().map(|role| (role.clone(), place.clone())).collect(),
            state: place.clone(),
            preset: place.clone(),
            channels: place.clone(),
            sidechain: place.clone(),
            measured: None,
            grants: Grants::default(),
            place,
            setup,
        }
    }
}

/// Reads a preset file. `None` where nothing of it can be used; a preset that comes back may have mistakes too.
pub fn read(path: &Path, collector: &Collector) -> Option<PlacedPreset> {
    decode(&Document::read(path, collector)?.root, path, collector)
}

/// Reads a preset file that has no mistake, with the presets that it names.
pub fn load(path: &Path) -> Result<Preset, Mistakes> {
    let collector = Collector::new();
    let mut open = |preset: &Located<PathBuf>| read(&preset.value, &collector);
    let preset = read(path, &collector).and_then(|preset| {
        let chain = expand(preset.chain, &mut Expand { open: &mut open, collector: &collector })?;
        Some(Preset { name: preset.name, chain: links(chain) })
    });
    collector.finish(preset)
}

/// Takes a preset out of a file that is read already. `path` gives the default name, and the folder that the paths
/// in it start from.
pub fn decode(root: &Node, path: &Path, collector: &Collector) -> Option<PlacedPreset> {
    let fields = Fields::of("a preset", root, collector)?;
    check_version(&fields, VERSION, collector);
    let preset = body(&fields, path, collector);
    fields.finish();
    preset
}

/// Takes a preset that stands within another file: as [`decode`], without a version.
pub fn decode_inline(node: &Node, file: &Path, collector: &Collector) -> Option<PlacedPreset> {
    let fields = Fields::of("a preset", node, collector)?;
    let preset = body(&fields, file, collector);
    fields.finish();
    preset
}

fn body(fields: &Fields<'_>, path: &Path, collector: &Collector) -> Option<PlacedPreset> {
    let name = name(fields, path);
    if fields.get("draws").is_some() {
        let message = "a preset draws at random, and nothing is drawn here";
        collector.mistake_with(fields.place_of("draws"), message, entry::NO_DRAWS);
    }
    let folder = path.parent().unwrap_or(Path::new(""));
    let grants = sandbox::decode(fields, folder, collector);
    let mut chain = chain(chain_node(fields, collector)?, folder, collector);
    grant(&mut chain, &grants);
    Some(PlacedPreset { name, chain })
}

/// Lets every device of a chain touch what its preset grants.
fn grant(chain: &mut [PlacedLink], grants: &Grants) {
    for link in chain {
        match link {
            PlacedLink::Device(device) => device.grants.extend(grants),
            PlacedLink::Parallel(fork) => {
                fork.branches.iter_mut().for_each(|branch| grant(&mut branch.chain, grants));
            }
            PlacedLink::Preset(_) => {}
        }
    }
}

/// The name of a preset, beside what else it says to people.
pub(crate) fn name(fields: &Fields<'_>, path: &Path) -> String {
    let stem = path.file_stem().map_or_else(String::new, |s| s.to_string_lossy().into_owned());
    for remark in ["description", "author", "license"] {
        fields.text(remark);
    }
    fields.text("name").map_or(stem, |n| n.value)
}

/// The list of a preset's chain.
pub(crate) fn chain_node<'n>(fields: &Fields<'n>, collector: &Collector) -> Option<&'n Node> {
    let node = fields.require("chain", "List its devices: chain: [{ gain: -6 dB }].")?;
    if !matches!(node.kind, Kind::List(_)) {
        let message = format!("chain is {}", node.shown());
        collector.mistake_with(&node.place, message, "List its devices: chain: [{ gain: -6 dB }].");
        return None;
    }
    Some(node)
}

/// Checks the field `tonemill` of a file against the version that this build reads.
pub fn check_version(fields: &Fields<'_>, version: u64, collector: &Collector) {
    let help = format!("Begin the file with tonemill: {version}.");
    let Some(node) = fields.require("tonemill", &help) else { return };
    let written = node.scalar().and_then(|s| s.number());
    if written != Some(version as f64) {
        let message = format!("tonemill = {} is not a version that this build reads", node.shown());
        collector.mistake_with(&node.place, message, format!("It reads version {version}."));
    }
}

#[cfg(test)]
mod tests;
