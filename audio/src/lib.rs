//! Sound as data.
//!
//! The story in order: [`units`] gives numbers their meaning, [`Buffer`] holds planar samples, [`event`] and
//! [`transport`] say what happens at which frame, and [`device`] holds the two traits that every plugin format
//! and every built-in stands behind. `host`, `devices` and `mix` meet only here.
//!
//! Around these, [`read`] brings recordings in, [`resample`] gives them the rate of a job, [`measure`] says how loud
//! they are, [`response`] when what went into a device comes out, and [`write`](mod@write) puts them into files of a [`format`](mod@format).

pub mod buffer;
pub mod device;
pub mod event;
mod flac_crc;
pub mod format;
pub mod measure;
pub mod read;
pub mod resample;
pub mod response;
pub mod transport;
pub mod units;
pub mod write;

pub use buffer::Buffer;
pub use device::{Block, Device, Processor};
pub use event::{Event, EventBody, Expression};
pub use transport::Transport;
pub use units::{Decibels, SampleRate};
