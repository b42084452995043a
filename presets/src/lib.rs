//! Which devices with which settings, as plain data.
//!
//! A [`Preset`] is an ordered chain of [`DeviceSetup`]s. These types are the resolved form that travels in plans and to
//! workers; [`file`] (the shape people write) and [`spec`] (the one-line form of the command line) become it.

mod setup;

pub use setup::{Asset, ChannelPolicy, DeviceSetup, DeviceSpec, Preset, Setting, Value};
