//! Sound as data.
//!
//! The story in order: [`units`] gives numbers their meaning, [`Buffer`] holds planar samples, [`event`] and
//! [`transport`] say what happens at which frame, and [`device`] holds the two traits that every plugin format
//! and every built-in stands behind. `host`, `devices` and `mix` meet only here.

pub mod buffer;
pub mod device;
pub mod event;
pub mod format;
pub mod transport;
pub mod units;

pub use buffer::Buffer;
pub use device::{Block, Device, Processor};
pub use event::{Event, EventBody};
pub use transport::Transport;
pub use units::{Decibels, SampleRate};
