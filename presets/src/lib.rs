//! Which devices with which settings, as plain data.
//!
//! A [`Preset`] is an ordered chain of [`DeviceSetup`]s. These types are the resolved form that travels in plans and to
//! workers; [`mod@file`] (the shape people write) and [`spec`] (the one-line form of the command line) become it.
//! [`folders`] finds the plugin files that they name, and [`document`] reads what people write, with positions.

pub mod builtin;
pub mod document;
pub mod file;
pub mod folders;
mod setup;
pub mod spec;

pub use setup::{Asset, ChannelPolicy, DeviceSetup, DeviceSpec, Preset, Setting, Value};
