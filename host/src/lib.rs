//! CLAP, VST3 and LV2 plugins behind the device traits.
//!
//! [`clap::list`] says what a plugin file holds, [`clap::load`] brings one plugin to life as an
//! [`audio::Device`]. A plugin is a guest: whatever it hands over is checked before it is used, and nothing above this
//! crate sees a pointer. What a check cannot prevent, such as a crash, ends the process; so plugins are loaded in
//! worker processes only.

mod background;
mod binary;
pub mod chance;
mod choose;
pub mod clap;
mod denormals;
mod length;
pub mod lv2;
mod midi;
mod note;
pub mod process;
mod pump;
mod role;
#[allow(clippy::unnecessary_cast, reason = "the enumerations of VST3 are signed on Windows and unsigned elsewhere")]
pub mod vst3;
