//! LV2 fixtures.

use std::path::{Path, PathBuf};

use audio::device::DeviceError;
use audio::{Buffer, Device, EventBody};
use tempfile::TempDir;
use tonemill_fixtures::lv2 as fixtures;

use super::{Stage, id};

/// A bundle in a folder that goes away with it.
pub fn bundle() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let bundle = fixtures::bundle(folder.path(), "fixtures");
    (folder, bundle)
}

pub fn load(bundle: &Path, name: &str) -> Result<Box<dyn Device>, DeviceError> {
    tonemill_host::lv2::load(bundle, Some(&fixtures::uri(name)))
}

/// The plugin of that name, with the folder that it lies in.
pub fn fixture(name: &str) -> (TempDir, Box<dyn Device>) {
    let (folder, bundle) = bundle();
    let device = load(&bundle, name).unwrap();
    (folder, device)
}

pub fn set(name: &str, device: &dyn Device, value: f64) -> EventBody {
    EventBody::Parameter { id: id(device, name), value }
}

/// What a parameter showed, in order.
pub fn shown(stage: &Stage, name: &str) -> Vec<(u32, f64)> {
    stage.reports(id(&*stage.device, name))
}

pub fn constant(buffer: &Buffer) -> f32 {
    let first = buffer.channel(0)[0];
    assert!(buffer.channel(0).iter().all(|sample| *sample == first), "the sound is constant");
    first
}
