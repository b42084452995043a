//! The device traits over VST3, seen through plugins of known behaviour, which watch their host.

#[path = "../common/mod.rs"]
mod common;

mod automation;
mod busses;
mod edits;
#[cfg(target_os = "linux")]
mod files;
mod life;
mod notes;
mod parameters;
mod states;
mod talk;
mod time;
mod which;
