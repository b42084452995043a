//! The offline graph.
//!
//! A [`Graph`] is a list of strips, each after all that feed it: tracks play a recording or notes, busses sum what
//! other strips send them, and each strip has a [`Chain`] of devices, a level and a pan. Every path to every sum is
//! delayed so that all arrive together, and what a [`Tap`] hands out begins with the first frame of the music: all
//! latency is removed. The graph knows devices only by their traits, so it is tested without plugins.

mod chain;
mod delay;
mod graph;
mod slot;
mod strip;
mod tap;

pub use chain::Chain;
pub use graph::{Graph, GraphError, RenderError, Watch};
pub use slot::{RehearsalError, Slot, Turn, opening_frames, plausible_latency};
pub use strip::{Level, Source, Strip, StripId};
pub use tap::{Tap, TapEnd, TapPoint};
