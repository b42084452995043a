//! VST3 hosting.
//!
//! The story in order: `binary` finds the shared object in a bundle, `system` loads it, and `module` keeps it open and
//! reads what it offers. `instance` makes a plugin's two halves, the component and its `controller`, and takes them
//! apart again in the order that VST3 has. What the plugin sees of the host is `context` (where it begins), `handler`
//! (what it reports) and `connection` (the wire between its halves), with `message`, `stream` and `run_loop` for what
//! they pass. `device` is the main-thread half with its `busses` and `parameters`, and `processor` the other, with its
//! `changes`, the `order` of those that MIDI controllers bring, and `events`.
//!
//! No editor is ever opened.

use std::path::Path;

use audio::Device;
use audio::device::{DeviceError, DeviceInfo};

mod binary;
mod busses;
mod changes;
mod com;
mod connection;
mod context;
mod controller;
mod device;
mod events;
mod handler;
#[cfg(all(test, target_os = "linux"))]
mod hostchecker;
mod instance;
mod message;
mod module;
mod moduleinfo;
mod order;
mod parameters;
mod processor;
mod run_loop;
mod stream;
mod system;
mod text;

use module::Module;

use crate::background;
use crate::choose::{choose, refusal};

/// Lists the plugins in a bundle or a single file, without making an instance of any.
///
/// Loading a library runs its initialisers, so even this can crash.
pub fn list(path: &Path) -> Result<Vec<DeviceInfo>, DeviceError> {
    background::before_loading();
    let module = Module::open(path).map_err(|reason| refusal("vst3", path, None, reason))?;
    Ok(module.offers.iter().map(|offer| offer.info.clone()).collect())
}

/// Brings a plugin to life, ready to take state and parameters.
///
/// `id` is the plugin's class id (32 hexadecimal digits), or its name where no two of the file share it; it may be left
/// out where the file holds one plugin. The calling thread becomes the plugin's main thread.
pub fn load(path: &Path, id: Option<&str>) -> Result<Box<dyn Device>, DeviceError> {
    let refuse = |reason| refusal("vst3", path, id, reason);
    background::before_loading();
    let module = Module::open(path).map_err(refuse)?;
    let offers: Vec<&DeviceInfo> = module.offers.iter().map(|offer| &offer.info).collect();
    let index = choose(&offers, id, |info, written| text::is_class_id(&info.id, written)).map_err(refuse)?;
    let offer = &module.offers[index];
    let device = device::Vst3Device::new(&module, offer);
    let device = device.map_err(|reason| refusal("vst3", path, Some(&offer.info.name), reason))?;
    Ok(Box::new(device))
}
