//! Starts, watches, retries and ends workers; keeps the journal.
//!
//! The story in order: [`run`] takes the tasks of a plan and the [`Programs`] that serve them. A pure state machine decides (events
//! with their times come in, actions go out) and a thin part on one thread does: it starts processes, carries frames,
//! kills, waits. What happens comes out as [`FarmEvent`]s, which a terminal, a log or a web page consume alike, and as
//! lines of the [`journal`], from which the next run learns what is left to do. A failed attempt becomes a [`Report`],
//! and where a device has to answer for it, a strike in [`blame`].
//! Before a run, a [`Client`] asks a worker what devices are, so that this process never loads a plugin; [`list`] asks
//! many what plugin files hold.
//!
//! The contract with a worker, beside [`jobs::message`]:
//!
//! - It may execute itself anew first, to have its memory at fixed addresses.
//! - Its standard input is the connection. At once, before anything else runs in it, it moves that to a private
//!   descriptor which is closed on exec, points standard input at `/dev/null`, and standard output at standard error.
//! - It asks the system to be killed when its parent dies, then leaves if its parent's id is not that in
//!   [`PARENT_VARIABLE`].
//! - It leads a process group of its own, which is killed whole. Its end, not the end of its connection, is what counts;
//!   an end without an answer is a crash whatever the status.

pub mod blame;
mod capture;
mod carry;
mod client;
mod command;
mod event;
mod exit;
mod group;
pub mod journal;
mod limits;
mod listing;
mod lock;
pub mod memory;
mod process;
mod programs;
mod report;
mod reproduce;
mod run;
mod scratch;
mod sealed;
pub mod shards;
mod supervisor;
mod warm;
mod watch;

pub use carry::{Brought, Carrier};
pub use client::Client;
pub use command::{PARENT_VARIABLE, WorkerCommand};
pub use event::{FarmEvent, StopReason, Summary, WorkerId};
pub use exit::{Exit, SignalName};
pub use journal::Journal;
pub use limits::Limits;
pub use listing::{Candidate, Listing, ListingError, Looked, list};
pub use lock::{Lock, LockError};
pub use programs::{Class, Mixed, Programs};
pub use report::{Cause, Mishap, Report};
pub use reproduce::Reproduce;
pub use run::{FarmError, Run, lock, run, run_carrying, run_holding};
pub use warm::Warm;
