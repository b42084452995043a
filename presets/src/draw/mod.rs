//! Random draws.
//!
//! A preset may say of a parameter how it is drawn rather than what it is. The story in order: a [`Random`] is the hash of
//! what a draw is for, a [`Distribution`] makes a number of it, a [`Slot`] is one thing that is drawn with all that can come of it,
//! a [`Pool`] the files that one is drawn from, and a [`Condition`] what must be known or drawn for an entry of a chain to
//! stand. [`crate::template`] puts them together.

mod condition;
mod distribution;
mod metadata;
mod normal;
mod pool;
pub(crate) mod read;
mod slot;
mod source;

pub(crate) use condition::Seen;
pub use condition::{Condition, ConditionError, Operand, Subject, Test};
pub use distribution::Distribution;
pub use metadata::{Datum, Metadata};
pub use normal::Normal;
pub(crate) use pool::file_name;
pub use pool::{Broken, Pool, PoolFile};
pub use slot::{Choice, Drawn, DrawnValue, Outcome, Scale, Slot, SlotId, Values};
pub(crate) use slot::{Source, Telling, below};
pub use source::{DrawKey, Random, TaskKey};
