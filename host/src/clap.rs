//! CLAP hosting.
//!
//! The story in order: `binary` finds the shared object behind a path and checks what it is built for; `library`
//! opens it once and for all and reads what it offers; `callbacks` is the host as the plugin sees it; `extension`
//! collects what the plugin supports; `device` is the main-thread half with its `ports` and `parameters`, and
//! `processor` the other, with its `events`.
//!
//! Nothing is ever unloaded: several plugins crash when their library goes and comes back, so a process that has loaded
//! a plugin keeps its library to the end.

use std::path::Path;

use audio::Device;
use audio::device::{DeviceError, DeviceInfo};

mod binary;
mod callbacks;
mod device;
mod events;
mod extension;
mod library;
mod parameters;
mod ports;
mod processor;

use library::Library;

use crate::background;
use crate::choose::{choose, refusal};

/// Lists the plugins in a file, or in a directory that is one, without making an instance of any.
///
/// Loading a library runs its initialisers, so even this can crash.
pub fn list(path: &Path) -> Result<Vec<DeviceInfo>, DeviceError> {
    background::before_loading();
    let library = Library::open(path).map_err(|reason| refusal("clap", path, None, reason))?;
    Ok(library.offers.iter().map(|offer| offer.info.clone()).collect())
}

/// Brings a plugin to life, ready to take state and parameters.
///
/// `id` is the plugin's id, or its name where no two of the file share it; it may be left out where the file holds one
/// plugin. The calling thread becomes the plugin's main thread.
pub fn load(path: &Path, id: Option<&str>) -> Result<Box<dyn Device>, DeviceError> {
    let refuse = |reason| refusal("clap", path, id, reason);
    background::before_loading();
    let library = Library::open(path).map_err(refuse)?;
    let offers: Vec<&DeviceInfo> = library.offers.iter().map(|offer| &offer.info).collect();
    let offer = &library.offers[choose(&offers, id, |info, id| info.id == id).map_err(refuse)?];
    let device = device::ClapDevice::new(&library, offer)
        .map_err(|reason| refusal("clap", path, Some(&offer.info.name), reason))?;
    Ok(Box::new(device))
}
