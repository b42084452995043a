//! Which devices with which settings, as plain data.
//!
//! A [`Preset`] is an ordered chain of [`Link`]s: devices ([`DeviceSetup`]), and chains beside each other. These types are
//! the resolved form that travels in plans and to workers; [`mod@file`] (the shape people write) and [`spec`] (the one-line
//! form of the command line) become it. A [`template`] is a preset in which things are drawn at random, and [`draw`] says
//! how. [`folders`] finds the plugin files that they name, [`document`] reads what people write, with positions, and
//! [`vstpreset`] is the preset file that VST3 plugins share, and [`lv2preset`] what those of LV2 plugins hold.

pub mod builtin;
pub mod document;
pub mod draw;
pub mod file;
pub mod folders;
pub mod lv2preset;
mod plugin;
pub mod sandbox;
mod setup;
pub mod spec;
pub mod template;
pub mod url;
pub mod vstpreset;

pub use plugin::{DeviceKind, PluginFile, PluginFormat};
pub use setup::{
    Asset, Branch, ChannelPolicy, DeviceSetup, DeviceSpec, Link, Preset, Setting, Sidechain, Value, devices,
    for_each_device,
};
