//! What a device is worth relying on, found out by measuring.
//!
//! The story in order: a [`Script`] is one worker process's share of the measuring; its answer is [`Measured`], or a
//! [`Mishap`] where it took its process with it. [`judge`] makes [`Findings`] of all of them, a pure function. Findings
//! about one device, of one binary with one set of settings, are a [`Verdict`]; a [`Store`] keeps them under a [`Key`].

mod drawable;
mod judge;
mod key;
mod measured;
mod store;
mod verdict;

pub use drawable::{Withheld, WithheldParameter, withheld};
pub use judge::judge;
pub use key::{Key, as_set};
pub use measured::{
    Comparison, Fault, Held, Late, Layout, Measured, Mishap, Outcomes, Prints, Script, Sound, Survey, TailSpan, Trip,
};
pub use store::{FOLDER, Store, StoreError};
pub use verdict::{
    Blocks, Findings, Identity, Latency, Memory, Parameters, State, Summary, Tail, ToldTail, TrueLatency, Verdict,
    schema,
};

/// How verdicts are found. Those of another recipe may promise what this one would not, and are none.
pub const RECIPE: u32 = 2;

/// The block sizes that are compared with one another, beside the one that is asked for.
pub const OTHER_BLOCKS: [u32; 2] = [64, 1000];
