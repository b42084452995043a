//! Built-in instruments and effects behind the device traits.
//!
//! The story in order: each device states a table of controls (`control`) and an engine that turns frames into frames;
//! `builtin` makes an [`audio::Device`] of that, the same way for all. [`list`] says which there are and [`create`] makes
//! one. What they need on a machine without any file is [`embedded`].
//!
//! Every device gives the same samples whatever the block size (`nam` and `rnn` to rounding), starts without ramps, forgets
//! everything on reset and uses no random numbers.
//!
//! ```
//! # use tonemill_devices as devices;
//! use std::collections::BTreeMap;
//!
//! use audio::device::ParameterId;
//!
//! let mut gain = devices::create("gain", &BTreeMap::new())?;
//! let decibels = gain.parse(ParameterId(0), "-6 dB").expect("gain reads decibels");
//! gain.set_value(ParameterId(0), decibels)?;
//! assert_eq!(gain.text(ParameterId(0), decibels).as_deref(), Some("-6 dB"));
//! # Ok::<(), audio::device::DeviceError>(())
//! ```

use std::collections::BTreeMap;

use audio::Device;
use audio::device::{DeviceError, DeviceInfo};
use presets::Asset;

mod asset;
mod builtin;
mod cabinet;
mod chorus;
mod compressor;
mod control;
mod convolve;
mod delay;
mod drive;
pub mod embedded;
mod eq;
mod fdn;
mod filter;
mod filter_cascade;
mod font;
mod gain;
mod gate;
mod impulse;
mod kaiser;
mod lane;
mod limiter;
mod nam;
mod network;
mod oversample;
mod pan;
mod reverb;
mod rnn;
mod smooth;
mod soundfont;
mod suggest;

use builtin::{Builtin, Model};

pub use network::parsed_models;

/// The files that the cabinet, the SoundFont player and the neural devices work with stand under these roles.
const IMPULSE_ROLE: &str = "ir";
const SOUNDFONT_ROLE: &str = "soundfont";
const MODEL_ROLE: &str = "model";

/// What takes the place of a file that was not given.
const DEFAULT_IMPULSE: &str = "cabinet-4x12";
const DEFAULT_SOUNDFONT: &str = "tonemill";
const DEFAULT_AMP: &str = "chump";

const NAMES: &[&str] = &[
    "gain",
    "pan",
    "soundfont",
    "cabinet",
    "eq",
    "compressor",
    "gate",
    "delay",
    "drive",
    "reverb",
    "nam",
    "rnn",
    "limiter",
];

/// Who a built-in is.
fn info(name: &str) -> DeviceInfo {
    DeviceInfo {
        format: "builtin".to_owned(),
        id: name.to_owned(),
        name: name.to_owned(),
        vendor: "tonemill".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        instrument: name == "soundfont",
    }
}

/// All built-in devices. Their id is the name that [`create`] takes.
pub fn list() -> Vec<DeviceInfo> {
    NAMES.iter().map(|name| info(name)).collect()
}

/// Makes a built-in device.
///
/// `assets` holds its files by role: `ir` for `cabinet`, `soundfont` for `soundfont`, `model` for `nam` and `rnn`; where one
/// is missing, the embedded default takes its place, which `rnn` does not have. Fails with [`DeviceError::Load`] if there is no
/// such device, it has no use for an asset or lacks one, with [`DeviceError::Asset`] if a file cannot be used.
pub fn create(name: &str, assets: &BTreeMap<String, Asset>) -> Result<Box<dyn Device>, DeviceError> {
    let refuse = |reason: String| DeviceError::Load { device: format!("builtin:{name}"), reason };
    if !NAMES.contains(&name) {
        let hint = suggest::suggestion(name, NAMES);
        return Err(refuse(format!("there is no built-in device of that name{hint}")));
    }
    let roles: &[&str] = match name {
        "cabinet" => &[IMPULSE_ROLE],
        "soundfont" => &[SOUNDFONT_ROLE],
        "nam" | "rnn" => &[MODEL_ROLE],
        _ => &[],
    };
    if let Some(role) = assets.keys().find(|role| !roles.contains(&role.as_str())) {
        let hint = match roles {
            [] => "; it works with no files".to_owned(),
            roles => suggest::suggestion(role, roles),
        };
        return Err(refuse(format!("it has no asset of the role {role:?}{hint}")));
    }
    let model: Box<dyn Model> = match name {
        "gain" => Box::new(gain::Gain),
        "pan" => Box::new(pan::Pan),
        "soundfont" => Box::new(soundfont::Player::new(&asset::of_role(assets, SOUNDFONT_ROLE, DEFAULT_SOUNDFONT))?),
        "cabinet" => Box::new(cabinet::Cabinet::new(asset::of_role(assets, IMPULSE_ROLE, DEFAULT_IMPULSE))?),
        "eq" => Box::new(eq::Eq),
        "compressor" => Box::new(compressor::Compressor),
        "limiter" => Box::new(limiter::Limiter),
        "gate" => Box::new(gate::Gate),
        "delay" => Box::new(delay::Delay),
        "drive" => Box::new(drive::Drive),
        "nam" => Box::new(nam::Nam::new(asset::of_role(assets, MODEL_ROLE, DEFAULT_AMP))?),
        "rnn" => Box::new(rnn::Rnn::new(assets.get(MODEL_ROLE).ok_or_else(|| network::no_file(name, MODEL_ROLE))?)?),
        _ => Box::new(reverb::Reverb),
    };
    Ok(Box::new(Builtin::new(info(name), model)))
}
