//! The offline graph.
//!
//! A [`Graph`] is a list of strips, each after all that feed it: tracks play a recording or notes, busses sum what
//! other strips send them, and each strip has a [`Chain`] of devices and a [`Level`]. Strips may also key devices of
//! later ones, or play what further outputs of an instrument give. Every path to every sum and every key is delayed so that
//! all arrive together; every device, curve and event lives at its own time in the music; and what a [`Tap`] hands out
//! begins with the first frame of the music: all latency is removed. The graph knows devices only by their traits, so
//! it is tested without plugins.
//!
//! Since strips only ever lead to later ones, there are no cycles.

mod active;
mod chain;
mod delay;
mod edge;
mod graph;
mod level;
mod lineup;
mod node;
mod slot;
mod stage;
mod strip;
mod tap;

pub use active::plausible_latency;
pub use chain::Chain;
pub use graph::{Graph, RenderError, Watch};
pub use level::{Level, PanLaw};
pub use lineup::GraphError;
pub use slot::{RehearsalError, Slot, Turn, opening_frames};
pub use strip::{FeedPoint, Source, Strip, StripId};
pub use tap::{Tap, TapEnd, TapPoint};
