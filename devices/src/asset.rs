//! Where a device's files come from.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;

use audio::device::DeviceError;
use presets::Asset;

use crate::embedded;
use crate::suggest::suggestion;

/// The asset of a role, or the embedded one that stands in for it.
pub(crate) fn of_role(assets: &BTreeMap<String, Asset>, role: &str, default: &str) -> Asset {
    assets.get(role).cloned().unwrap_or_else(|| Asset::Embedded(default.to_owned()))
}

/// Words for an asset, as presets write it.
pub(crate) fn name(asset: &Asset) -> String {
    match asset {
        Asset::File(path) => path.display().to_string(),
        Asset::Embedded(name) => format!("embedded:{name}"),
    }
}

/// Why an asset cannot be used.
pub(crate) fn error(asset: &Asset, reason: impl Into<String>) -> DeviceError {
    DeviceError::Asset { path: name(asset), reason: reason.into() }
}

/// All of an asset's bytes.
pub(crate) fn read(asset: &Asset) -> Result<Cow<'static, [u8]>, DeviceError> {
    match asset {
        Asset::File(path) => read_file(path).map(Cow::Owned).map_err(|reason| error(asset, reason)),
        Asset::Embedded(name) => embedded(name).map(Cow::Borrowed),
    }
}

fn read_file(path: &PathBuf) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|cause| cause.to_string())
}

/// The bytes of an embedded asset.
pub(crate) fn embedded(name: &str) -> Result<&'static [u8], DeviceError> {
    embedded::get(name).ok_or_else(|| {
        let reason = format!("nothing of that name is part of this program{}", suggestion(name, embedded::NAMES));
        error(&Asset::Embedded(name.to_owned()), reason)
    })
}
