//! LV2 hosting.
//!
//! The story in order: a `bundle` is a directory with Turtle in it, read by `turtle` with the `names` of LV2; from that
//! come the description of a `plugin`, with its `port`s, their `words`, and the `property`s that are set by message.
//! `library` opens the shared object, whose C interface is `abi`. An `instance` is made with `features`: numbers for URIs
//! (`urid`), a `worker`, `log`, and `paths` for files. Its `state` is saved and restored, or comes from a `preset`;
//! `files` are those that it works with. `core` is what both halves of a device share, with its `buffers`, `busses`,
//! `atom`s and the `message`s made of them; `device` is the main-thread half, and `processor` the other.
//!
//! No editor is ever opened, and no library of the system's is needed.

use std::path::Path;

use audio::Device;
use audio::device::{DeviceError, DeviceInfo};
use presets::lv2preset::Lv2Preset;

mod abi;
mod atom;
mod base64;
mod buffers;
mod bundle;
mod busses;
mod core;
mod device;
mod features;
mod files;
mod instance;
mod library;
mod log;
mod message;
mod names;
mod paths;
mod plugin;
mod port;
mod preset;
mod processor;
mod property;
mod state;
mod turtle;
mod urid;
mod words;
mod worker;

use bundle::Bundle;

use crate::background;
use crate::choose::{choose, refusal};

/// Lists the plugins in a bundle. Reads Turtle only; no library is opened.
pub fn list(bundle: &Path) -> Result<Vec<DeviceInfo>, DeviceError> {
    let refuse = |reason| refusal("lv2", bundle, None, reason);
    let mut read = Bundle::open(bundle).map_err(refuse)?;
    let uris = read.plugins();
    uris.iter().map(|uri| read.describe(uri).map(|plugin| plugin.info).map_err(refuse)).collect()
}

/// Reads the presets in a `.ttl` file or in a bundle, or a state that was saved before. No library is opened.
pub fn presets(path: &Path) -> Result<Vec<Lv2Preset>, DeviceError> {
    let reason = |reason| DeviceError::State(format!("{}: {reason}", path.display()));
    preset::contents(path).map_err(reason)
}

/// Brings a plugin to life, ready to take state and parameters.
///
/// `uri` is the plugin's URI, or its name where no two of the bundle share it; it may be left out where the bundle holds
/// one plugin. The calling thread becomes the plugin's main thread.
pub fn load(bundle: &Path, uri: Option<&str>) -> Result<Box<dyn Device>, DeviceError> {
    let refuse = |reason| refusal("lv2", bundle, uri, reason);
    background::before_loading();
    let mut read = Bundle::open(bundle).map_err(refuse)?;
    let uris = read.plugins();
    let uri = match uri {
        Some(uri) if uris.iter().any(|known| known == uri) => uri.to_owned(),
        _ => {
            // Only the names of all of them, in files of their own, tell which one is meant.
            let offers = list(bundle)?;
            let offers: Vec<&DeviceInfo> = offers.iter().collect();
            offers[choose(&offers, uri, |info, id| info.id == id).map_err(refuse)?].id.clone()
        }
    };
    let device =
        device::Lv2Device::new(&mut read, &uri).map_err(|reason| refusal("lv2", bundle, Some(&uri), reason))?;
    Ok(Box::new(device))
}
