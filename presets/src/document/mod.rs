//! Files that people write: YAML with positions, and the kit that turns it into typed values.
//!
//! The story in order: [`Document::read`] gives a tree of [`Node`]s, each with its [`Place`]; [`Fields`] takes a map's
//! fields by name and type; whatever is wrong goes to a [`Collector`], so that reading goes on and all mistakes are
//! told at once, as [`Mistakes`]. JSON is read likewise.

mod fields;
mod mistakes;
mod node;
mod quantity;
mod read;
mod similar;

pub use fields::Fields;
pub use mistakes::{Collector, Mistake, Mistakes};
pub use node::{Entry, Kind, Located, Node, Place, Scalar};
pub(crate) use node::{parse_number, quoted};
pub(crate) use quantity::split_unit;
pub use quantity::{boolean, choice, decibels, number, percent, seconds, text, whole, without_point};
pub use read::Document;
pub use similar::{closest, did_you_mean, similar};
