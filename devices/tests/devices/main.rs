//! The built-in devices as their users meet them: through the device traits, with measurements.

extern crate tonemill_devices as devices;

mod cabinet;
mod common;
mod contract;
mod delay_reverb;
mod drive;
mod dynamics;
mod eq;
mod level;
mod library;
mod limiter;
mod neural;
mod rig;
mod soundfont;
mod spectrum;
