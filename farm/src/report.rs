//! Why an attempt failed, as data and in words.

use std::fmt;
use std::path::PathBuf;

use jobs::message::{Failure, Phase};
use serde::{Deserialize, Serialize};

use crate::exit::{Exit, SignalName};

/// One failed attempt at a task. Displays as one line for people.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The task's number in the plan.
    pub task: u32,
    /// The task's label.
    pub label: String,
    /// The task's key.
    pub key: String,
    /// Which attempt, from 1.
    pub attempt: u32,
    /// Most attempts that the task gets in this run.
    pub of: u32,
    /// The task that the same process rendered before. Damage to memory that it did shows later, in its successor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<u32>,
    /// The task is tried again in this run.
    pub retried: bool,
    /// A plugin of the task is quarantined with its preset by now.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub quarantined: bool,
    /// The command that renders the task alone, where a plan has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reproduce: Option<String>,
    /// What happened.
    #[serde(flatten)]
    pub mishap: Mishap,
}

/// What went wrong in a worker, and where. Displays as a part of a sentence, without a full stop.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mishap {
    /// What happened.
    pub cause: Cause,
    /// During what, as the worker last said; absent before it said anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// With which device, as the worker last said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// Position in the audio in seconds that was reached for certain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_seconds: Option<f64>,
    /// Likewise the number of the block, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block: Option<u64>,
    /// The last lines that the process printed, the latest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stderr: Vec<String>,
    /// Where all that it printed is kept, if it printed anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<PathBuf>,
    /// Whether another attempt may succeed.
    pub retryable: bool,
}

impl std::error::Error for Mishap {}

/// What happened to an attempt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Cause {
    /// The process died of a signal that a defect raises.
    Crashed {
        /// Which.
        signal: SignalName,
    },
    /// The process left by itself without an answer, whatever its status.
    Left {
        /// Its exit status.
        status: i32,
    },
    /// Nothing advanced for the time allowed; the process was killed.
    Hung {
        /// How long nothing advanced.
        seconds: f64,
    },
    /// It advanced, but took longer than an attempt may; the process was killed.
    TooLong {
        /// How long it took.
        seconds: f64,
    },
    /// The process was killed, and not by the farm.
    KilledFromOutside {
        /// With which signal.
        signal: SignalName,
    },
    /// The worker held more memory than it may; it was killed.
    Memory {
        /// Bytes that it held.
        bytes: u64,
        /// Bytes that it may hold.
        limit: u64,
    },
    /// The system killed the worker, as it does where memory runs out, and counted such a death at that moment.
    OutOfMemory {
        /// Bytes that it held when it was last looked at, if it was.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        bytes: Option<u64>,
    },
    /// The worker survived and says why it cannot.
    Refused {
        /// What it says.
        failure: Failure,
    },
    /// The worker said what makes no sense; the process was killed.
    Protocol {
        /// What.
        problem: String,
    },
    /// No process could be started that is ready to work.
    StartFailed {
        /// Why.
        reason: String,
    },
}

impl Cause {
    /// What the end of a process that owed an answer means.
    pub fn of_exit(exit: &Exit) -> Cause {
        match exit {
            Exit::Status(status) => Cause::Left { status: *status },
            Exit::Signal(signal) if signal.comes_from_outside() => Cause::KilledFromOutside { signal: signal.clone() },
            Exit::Signal(signal) => Cause::Crashed { signal: signal.clone() },
        }
    }

    /// Whether another attempt may succeed.
    pub fn is_retryable(&self) -> bool {
        match self {
            Cause::Refused { failure } => failure.retry,
            // It would take just as long again.
            Cause::TooLong { .. } => false,
            Cause::Crashed { .. }
            | Cause::Left { .. }
            | Cause::Hung { .. }
            | Cause::KilledFromOutside { .. }
            | Cause::Memory { .. }
            | Cause::OutOfMemory { .. }
            | Cause::Protocol { .. }
            | Cause::StartFailed { .. } => true,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { task, label, attempt, of, mishap, .. } = self;
        write!(f, "task {task} ({label}) stopped: {mishap}, attempt {attempt} of {of}. ")?;
        f.write_str(match (self.retried, self.quarantined, mishap.retryable) {
            (true, ..) => "It is tried again in a fresh worker.",
            (_, true, _) => {
                "Its plugin is quarantined with this preset: no task with both is rendered until `tonemill retry` lifts that."
            }
            (.., true) => "Running the job again tries it again.",
            (.., false) => "Trying again will not help. Other tasks are not affected.",
        })?;
        if let Some(log) = &mishap.log {
            write!(f, " Log: {}.", log.display())?;
        }
        match &self.reproduce {
            Some(command) => write!(f, " To reproduce it: {command}"),
            None => Ok(()),
        }
    }
}

impl Mishap {
    /// What happened, as briefly as can be: where the worker survived and says why it cannot, its words alone.
    pub fn reason(&self) -> String {
        match &self.cause {
            Cause::Refused { failure } => failure.reason.clone(),
            _ => self.to_string(),
        }
    }
}

impl fmt::Display for Mishap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let who = match &self.device {
            Some(device) => format!("the device \"{device}\""),
            None => "the worker".to_owned(),
        };
        match &self.cause {
            Cause::Crashed { signal } => write!(f, "{who} crashed ({signal})")?,
            Cause::Left { status } => write!(f, "{who} ended the process with status {status} and no answer")?,
            Cause::Hung { seconds } => write!(f, "{who} did not advance for {seconds:.0} s")?,
            Cause::TooLong { seconds } => write!(f, "it was not done after {seconds:.0} s, the most that is allowed,")?,
            Cause::KilledFromOutside { signal } => {
                write!(f, "the worker was killed from outside ({signal})")?;
                if signal.0 == "SIGKILL" {
                    f.write_str(", as the system does when memory runs out,")?;
                }
            }
            // The system let it have no more.
            Cause::Memory { bytes, limit } if bytes <= limit => {
                write!(f, "{who} took all of the {} of memory that a worker may take (--memory),", size(*limit))?;
            }
            Cause::Memory { bytes, limit } => write!(
                f,
                "{who} took {} of memory, where a worker may take {} (--memory),",
                size(*bytes),
                size(*limit)
            )?,
            Cause::OutOfMemory { bytes } => {
                f.write_str("the system killed the worker since memory ran out")?;
                if let Some(bytes) = bytes {
                    write!(f, ", when it held {},", size(*bytes))?;
                }
            }
            // The worker's reason closes the sentence, since it may hold several.
            Cause::Refused { failure } => return write_refusal(f, self, &failure.reason),
            Cause::Protocol { problem } => write!(f, "the worker's words make no sense ({problem})")?,
            Cause::StartFailed { reason } => return write!(f, "no worker could be started: {reason}"),
        }
        match self.phase {
            Some(phase) => write!(f, " while {}", participle(phase))?,
            None => f.write_str(" before it began")?,
        }
        write_position(f, self)
    }
}

fn write_refusal(f: &mut fmt::Formatter<'_>, mishap: &Mishap, reason: &str) -> fmt::Result {
    if let Some(phase) = mishap.phase {
        write!(f, "while {}", participle(phase))?;
        if let Some(device) = &mishap.device {
            write!(f, " \"{device}\"")?;
        }
        write_position(f, mishap)?;
        f.write_str(": ")?;
    }
    f.write_str(reason.trim_end().trim_end_matches('.'))
}

/// Bytes as people read them.
fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000_000 => format!("{:.0} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

fn write_position(f: &mut fmt::Formatter<'_>, mishap: &Mishap) -> fmt::Result {
    match (mishap.at_seconds, mishap.block) {
        (Some(seconds), Some(block)) => write!(f, " at {seconds:.1} s (block {block})"),
        (Some(seconds), None) => write!(f, " at {seconds:.1} s"),
        (None, _) => Ok(()),
    }
}

fn participle(phase: Phase) -> &'static str {
    match phase {
        Phase::Load => "loading",
        Phase::Configure => "configuring",
        Phase::Activate => "activating",
        Phase::Save => "saving its state",
        Phase::Process => "processing",
        Phase::Write => "writing",
        Phase::Destroy => "unloading",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(cause: Cause, retried: bool) -> Report {
        Report {
            task: 37,
            label: "vocal, \"Warm Tape\"".into(),
            key: "k".into(),
            attempt: 2,
            of: 3,
            previous: None,
            retried,
            quarantined: false,
            reproduce: None,
            mishap: Mishap {
                retryable: cause.is_retryable(),
                cause,
                phase: Some(Phase::Process),
                device: Some("ZamTube".into()),
                at_seconds: Some(12.43),
                block: Some(1165),
                stderr: vec![],
                log: Some("out/logs/37-2.txt".into()),
            },
        }
    }

    fn signal(name: &str) -> SignalName {
        SignalName(name.into())
    }

    #[test]
    fn a_crash_names_device_signal_phase_time_attempt_and_log() {
        assert_eq!(
            report(Cause::Crashed { signal: signal("SIGSEGV") }, true).to_string(),
            "task 37 (vocal, \"Warm Tape\") stopped: the device \"ZamTube\" crashed (SIGSEGV) while processing at 12.4 s (block 1165), \
             attempt 2 of 3. It is tried again in a fresh worker. Log: out/logs/37-2.txt."
        );
    }

    #[test]
    fn every_cause_reads_as_a_sentence() {
        let words = |cause| report(cause, false).mishap.to_string();
        assert_eq!(
            words(Cause::Left { status: 0 }),
            "the device \"ZamTube\" ended the process with status 0 and no answer while processing at 12.4 s (block 1165)"
        );
        assert_eq!(
            words(Cause::Hung { seconds: 30.2 }),
            "the device \"ZamTube\" did not advance for 30 s while processing at 12.4 s (block 1165)"
        );
        assert_eq!(
            words(Cause::TooLong { seconds: 3600.0 }),
            "it was not done after 3600 s, the most that is allowed, while processing at 12.4 s (block 1165)"
        );
        assert_eq!(
            words(Cause::KilledFromOutside { signal: signal("SIGKILL") }),
            "the worker was killed from outside (SIGKILL), as the system does when memory runs out, while processing at \
             12.4 s (block 1165)"
        );
        assert_eq!(
            words(Cause::Memory { bytes: 8_212_000_000, limit: 512_400_000 }),
            "the device \"ZamTube\" took 8.2 GB of memory, where a worker may take 512 MB (--memory), while processing at \
             12.4 s (block 1165)"
        );
        assert_eq!(
            words(Cause::Memory { bytes: 512_400_000, limit: 512_400_000 }),
            "the device \"ZamTube\" took all of the 512 MB of memory that a worker may take (--memory), while processing at \
             12.4 s (block 1165)"
        );
        assert_eq!(
            words(Cause::OutOfMemory { bytes: Some(8_212_000_000) }),
            "the system killed the worker since memory ran out, when it held 8.2 GB, while processing at 12.4 s (block 1165)"
        );
        assert_eq!(
            words(Cause::Protocol { problem: "a frame of 3 bytes holds no known message".into() }),
            "the worker's words make no sense (a frame of 3 bytes holds no known message) while processing at 12.4 s (block 1165)"
        );
        assert_eq!(
            words(Cause::StartFailed { reason: "there is no /bin/nothing".into() }),
            "no worker could be started: there is no /bin/nothing"
        );
    }

    #[test]
    fn a_refusal_says_the_workers_own_words_and_that_trying_again_will_not_help() {
        let failure = Failure {
            phase: Phase::Process,
            device: Some("ZamTube".into()),
            at_seconds: Some(12.43),
            reason: "sample 3 of the output is not a number. Choose another drive.".into(),
            retry: false,
            stop_run: false,
        };
        assert_eq!(
            report(Cause::Refused { failure }, false).to_string(),
            "task 37 (vocal, \"Warm Tape\") stopped: while processing \"ZamTube\" at 12.4 s (block 1165): sample 3 of the output is not a \
             number. Choose another drive, attempt 2 of 3. Trying again will not help. Other tasks are not affected. Log: \
             out/logs/37-2.txt."
        );
    }

    #[test]
    fn a_report_survives_json() {
        let report = report(Cause::Crashed { signal: signal("SIGABRT") }, true);
        let text = serde_json::to_string(&report).unwrap();
        assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), report);
    }
}
