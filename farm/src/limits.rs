//! How long things may take, and how often they are tried.

use std::time::Duration;

/// How long things may take, and how often they are tried.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Most time in which no further frame is rendered. Slow rendering is no reason to end a worker, standing still is.
    pub stall: Duration,
    /// Most time for each step before the first block: starting the worker, and loading, configuring or activating one
    /// device. Samplers read gigabytes here.
    pub load: Duration,
    /// Most time for encoding and publishing a task's files.
    pub write: Duration,
    /// Most time for a whole attempt, however well it advances; none if absent.
    pub total: Option<Duration>,
    /// Most attempts at one task in a run, at least 1.
    pub attempts: u32,
    /// After a request to stop: how long running attempts may go on.
    pub drain: Duration,
    /// After a worker was asked to leave, or closed its connection: how long its process may go on.
    pub leave: Duration,
    /// After this many requests a worker makes room for a fresh one, since plugins leave things behind. At least 1.
    pub recycle_after: u32,
    /// A worker that holds this many bytes more between two tasks than after its first makes room for a fresh one, since
    /// plugins leak; never if absent.
    pub growth: Option<u64>,
    /// Most bytes that a worker may hold with all that it starts. One that holds more is killed, and its task has failed.
    pub memory: Option<u64>,
    /// This many failed attempts in a row, on at least three different devices, stop the run: the machine is to blame
    /// then. Failures that would repeat anywhere do not count. 0 never stops it.
    pub failures_in_a_row: u32,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            stall: Duration::from_secs(30),
            load: Duration::from_secs(120),
            write: Duration::from_secs(600),
            total: None,
            attempts: 3,
            drain: Duration::from_secs(30),
            leave: Duration::from_secs(5),
            recycle_after: 1000,
            growth: Some(512 << 20),
            memory: None,
            failures_in_a_row: 20,
        }
    }
}
