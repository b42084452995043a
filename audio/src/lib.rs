//! Sound as data.
//!
//! The story in order: [`units`] gives numbers their meaning, [`Buffer`] holds planar samples, [`event`] and
//! [`transport`] say what happens at which frame, and [`device`] holds the two traits that every plugin format
//! and every built-in stands behind. `host`, `devices` and `mix` meet only here.
//!
//! Around these, [`read`] brings recordings in, whole or as a [`stream`], [`resample`] gives them the rate of a job,
//! [`measure`] says how loud they are, [`response`] when what went into a device comes out. What was rendered waits in a
//! [`spool`] where its whole length must be known, [`finish`] and [`limit`] make it as loud as asked, and
//! [`write`](mod@write) puts it into files of a [`format`](mod@format).
//!
//! For data sets, [`sounding`] finds where a take begins and ends, [`level`] the gain that it gets, [`noise`] is laid
//! under it, [`offset`] says by how much what came out is late, and [`quality`] what is wrong with it.

pub mod buffer;
pub mod device;
pub mod event;
pub mod finish;
mod flac_crc;
pub mod format;
pub mod level;
pub mod limit;
mod loudness;
pub mod measure;
pub mod noise;
pub mod offset;
pub mod quality;
pub mod read;
pub mod resample;
pub mod response;
pub mod sounding;
pub mod spool;
pub mod stream;
pub mod transport;
mod true_peak;
pub mod units;
pub mod write;

pub use buffer::Buffer;
pub use device::{Block, Device, Processor};
pub use event::{Event, EventBody, Expression};
pub use stream::Stream;
pub use transport::Transport;
pub use units::{Decibels, SampleRate};
