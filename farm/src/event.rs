//! What the farm tells while it runs, and what it says at the end.

use std::fmt;
use std::path::PathBuf;

use jobs::manifest::Rendered;
use jobs::message::{Failure, Phase};
use serde::{Deserialize, Serialize};

use crate::blame::{Accused, Standing, Strike};
use crate::exit::Exit;
use crate::report::{Mishap, Report};

/// Names a worker process within one run, from 1. Never given twice, so what a killed worker still says is nobody else's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WorkerId(pub u32);

/// One thing that happened, in order. Serialises as one JSON object whose `event` names the kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum FarmEvent {
    /// A worker process was started.
    WorkerStarted {
        /// Which.
        worker: WorkerId,
        /// Its process.
        pid: u32,
    },
    /// A worker process ended, as planned or not.
    WorkerEnded {
        /// Which.
        worker: WorkerId,
        /// How.
        exit: Exit,
        /// Requests that it answered.
        answered: u32,
    },
    /// No worker could be started; another try follows, or the run stops.
    StartFailed {
        /// Why.
        mishap: Box<Mishap>,
    },
    /// A worker was handed a task.
    Started {
        /// The task's number.
        task: u32,
        /// The task's label.
        label: String,
        /// Which attempt, from 1.
        attempt: u32,
        /// Who does it.
        worker: WorkerId,
    },
    /// A task's worker does something else now.
    Phase {
        /// The task's number.
        task: u32,
        /// What.
        phase: Phase,
        /// With which device.
        device: Option<String>,
    },
    /// A task advances.
    Progress {
        /// The task's number.
        task: u32,
        /// Frames done.
        done: u64,
        /// Frames in all, as far as is known.
        total: u64,
    },
    /// A task is done, and its journal line is written.
    Finished {
        /// The task's number.
        task: u32,
        /// The task's label.
        label: String,
        /// The task's key.
        key: String,
        /// Attempts that it took.
        attempts: u32,
        /// What came out.
        rendered: Box<Rendered>,
    },
    /// An attempt failed. [`Report::retried`] says whether the task is tried again.
    AttemptFailed {
        /// Everything about it.
        report: Box<Report>,
    },
    /// A task is queued for another attempt.
    Retrying {
        /// The task's number.
        task: u32,
        /// The task's label.
        label: String,
        /// The attempt to come.
        attempt: u32,
    },
    /// A task is given up for this run.
    Failed {
        /// Its last attempt.
        report: Box<Report>,
    },
    /// A failure is held against a device.
    Struck {
        /// Everything about it.
        strike: Box<Strike>,
    },
    /// A plugin is quarantined with a preset: tasks that use both are not rendered from here on.
    Quarantined {
        /// What is held against it.
        standing: Box<Standing>,
    },
    /// A task is not rendered, because a plugin of it is quarantined.
    PassedOver {
        /// The task's number.
        task: u32,
        /// The task's label.
        label: String,
        /// The task's key.
        key: String,
        /// Which plugin, with which preset.
        against: Box<Accused>,
    },
    /// An attempt was broken off because the run ends; nothing is said against the task.
    Interrupted {
        /// The task's number.
        task: u32,
        /// The task's label.
        label: String,
    },
    /// No further attempts begin; running ones may finish.
    Draining {
        /// Why.
        reason: StopReason,
        /// Attempts under way.
        running: u32,
        /// Seconds that they have.
        seconds: f64,
    },
    /// All workers are being killed.
    Killing {
        /// Why.
        reason: StopReason,
    },
    /// Something beside the tasks went wrong: a log or a scratch folder.
    Warning {
        /// What, in words.
        text: String,
    },
}

/// Why a run ends before all is done. Running the job again continues it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum StopReason {
    /// Somebody asked for it, by SIGINT or SIGTERM.
    Asked,
    /// The time that this machine was given for is almost up (SIGUSR1).
    TimeAlmostUp,
    /// Somebody asked again, or running attempts took longer than the drain limit.
    Hurried,
    /// A worker said that everything else would fail likewise: the disk is full, or a folder cannot be written.
    Refused {
        /// Its words.
        failure: Failure,
    },
    /// Workers cannot be started.
    NoWorkers {
        /// The last try.
        mishap: Box<Mishap>,
    },
    /// Attempts failed on several devices in a row: the machine seems to be at fault.
    FailuresInARow {
        /// How many.
        count: u32,
        /// The last of them.
        last: Box<Report>,
    },
    /// The journal cannot be written.
    Journal {
        /// What went wrong.
        problem: String,
    },
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StopReason::Asked => f.write_str("stopping was asked for")?,
            StopReason::TimeAlmostUp => f.write_str("the time for this run is almost up")?,
            StopReason::Hurried => f.write_str("the remaining work was broken off")?,
            StopReason::Refused { failure } => f.write_str(failure.reason.trim_end().trim_end_matches('.'))?,
            StopReason::NoWorkers { mishap } => {
                // A mishap of this kind already begins with these words.
                match mishap.cause {
                    crate::report::Cause::StartFailed { .. } => write!(f, "{mishap}")?,
                    _ => write!(f, "no worker could be started: {mishap}")?,
                }
                if let Some(line) = mishap.stderr.last() {
                    write!(f, " (its last words: {line})")?;
                }
            }
            StopReason::FailuresInARow { count, last } => {
                write!(f, "{count} attempts in a row failed, on different devices, so this machine seems at fault; ")?;
                write!(f, "the last: {}", last.mishap)?;
                f.write_str(
                    ". Nothing of it is held against a plugin. If the plugins are at fault and not the machine, ",
                )?;
                f.write_str("give --max-failures-in-a-row 0")?;
            }
            StopReason::Journal { problem } => write!(f, "the journal cannot be written: {problem}")?,
        }
        f.write_str(". Run the same job again to continue it.")
    }
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Tasks whose files all stand.
    pub finished: u32,
    /// The last report of each task that was given up, in the order in which they were.
    pub failed: Vec<Report>,
    /// Tasks that were not rendered because a plugin of theirs is quarantined.
    #[serde(default)]
    pub quarantined: u32,
    /// Tasks that were not begun or broken off; 0 unless the run was stopped.
    pub remaining: u32,
    /// Attempts at all tasks.
    pub attempts: u32,
    /// Why the run ended early, if it did. The first reason counts.
    pub stopped: Option<StopReason>,
    /// The journal that was written.
    pub journal: PathBuf,
}
