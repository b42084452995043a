//! Layers that play frame by frame: LSTM, GRU, dense, convolution and what stands between them, for one clip or for many.
//!
//! A file's parser describes a network as a [`Sequence`] of [`Layer`]s, whose weights are plain rows: the order of PyTorch's
//! LSTM and GRU and of `.nam` files. [`network`] makes a [`Network`](crate::Network) of it that plays one clip, [`batch`] a
//! [`Batch`] that plays many clips at once. What is packed into vectors and how is settled there, for the widest vectors of
//! the machine; [`Sequence`] knows nothing of it. A `.nam` LSTM of L cells is L times [`Layer::Lstm`], each made by
//! [`Lstm::new`] from the numbers as they stand in the file, then [`Layer::Dense`] for the head: [`Layers`] plays them.
//!
//! One source serves both. A *row* is what one layer hands to the next at one frame. In the arrangement [`Units`] the lanes
//! of a vector hold neighbouring units of one clip, weights are loaded and inputs spread; in the arrangement [`Clips`] they
//! hold the same unit of different clips, weights are spread and inputs loaded. Layers are loops over both.
//!
//! Recurrent layers are bound by latency in the first arrangement and by arithmetic in the second. Their activations are
//! quotients of polynomials whose divisions are shared, see [`ratio`].

mod arrangement;
mod batch;
mod chain;
mod conv;
mod dense;
mod gates;
mod gru;
mod layer;
mod lstm;
mod pointwise;
mod ratio;
mod recurrent;
mod sequence;
mod single;

pub use batch::Batch;
pub(crate) use batch::batch;
pub(crate) use chain::BLOCK;
pub(crate) use layer::{Conv, Dense, Function, Gru, Layer, Lstm};
pub(crate) use sequence::Sequence;
pub(crate) use single::{Layers, network};

#[cfg(test)]
mod tests;
