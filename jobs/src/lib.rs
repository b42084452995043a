//! Job file, plan, task, messages and manifest, as data.
//!
//! The story in order: a job file becomes a [`plan::Plan`] of [`task::Task`]s with every mistake reported together;
//! a task travels to a worker as a [`message::ToWorker`], comes back as [`message::FromWorker`], and each of its files
//! becomes a line of the manifest ([`manifest::Record`]). What plugins there are stands in the [`catalogue`], and
//! [`probe`] says what a device is worth relying on.

pub mod catalogue;
pub mod channels;
pub mod failpoint;
pub mod fetch;
pub mod file;
pub mod frame;
pub mod glob;
pub mod hash;
pub mod ledger;
pub mod manifest;
pub mod message;
pub mod paths;
pub mod plan;
pub mod position;
pub mod probe;
pub mod quarantine;
pub mod queue;
pub mod resume;
pub mod sandbox;
pub mod strict;
pub mod task;
pub mod template;
pub mod whole;

/// The version of job, preset, plan and manifest files that this build reads and writes.
pub const FORMAT_VERSION: u32 = 1;

/// Names what renders: part of every task's key, so that another engine renders again.
pub const ENGINE: &str = concat!("tonemill ", env!("CARGO_PKG_VERSION"));
