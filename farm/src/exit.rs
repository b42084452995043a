//! How a process ended.

use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use rustix::process::Signal;
use serde::{Deserialize, Serialize};

/// How a process ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exit {
    /// It left by itself with this status.
    Status(i32),
    /// A signal ended it.
    Signal(SignalName),
}

impl From<ExitStatus> for Exit {
    fn from(status: ExitStatus) -> Exit {
        match (status.code(), status.signal()) {
            (Some(code), _) => Exit::Status(code),
            (None, Some(number)) => Exit::Signal(SignalName::of(number)),
            // A process that was only stopped or continued is not reported as ended.
            (None, None) => unreachable!("an ended process has a status or a signal"),
        }
    }
}

impl Exit {
    /// A process that took no notice was killed.
    pub(crate) fn is_kill(&self) -> bool {
        matches!(self, Exit::Signal(signal) if signal.0 == "SIGKILL")
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Exit::Status(status) => write!(f, "status {status}"),
            Exit::Signal(name) => name.fmt(f),
        }
    }
}

/// A signal by its name (`SIGSEGV`), or as `signal 35` where it has none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SignalName(pub String);

impl SignalName {
    /// The name of a signal on this system.
    pub fn of(number: i32) -> SignalName {
        let known = [
            (Signal::ABORT, "SIGABRT"),
            (Signal::ALARM, "SIGALRM"),
            (Signal::BUS, "SIGBUS"),
            (Signal::FPE, "SIGFPE"),
            (Signal::HUP, "SIGHUP"),
            (Signal::ILL, "SIGILL"),
            (Signal::INT, "SIGINT"),
            (Signal::KILL, "SIGKILL"),
            (Signal::PIPE, "SIGPIPE"),
            (Signal::QUIT, "SIGQUIT"),
            (Signal::SEGV, "SIGSEGV"),
            (Signal::SYS, "SIGSYS"),
            (Signal::TERM, "SIGTERM"),
            (Signal::TRAP, "SIGTRAP"),
            (Signal::USR1, "SIGUSR1"),
            (Signal::USR2, "SIGUSR2"),
            (Signal::XCPU, "SIGXCPU"),
            (Signal::XFSZ, "SIGXFSZ"),
        ];
        let name = known.iter().find(|(signal, _)| signal.as_raw() == number).map(|(_, name)| (*name).to_owned());
        SignalName(name.unwrap_or_else(|| format!("signal {number}")))
    }

    /// Somebody else sends these; a program does not bring them upon itself by a defect.
    pub fn comes_from_outside(&self) -> bool {
        matches!(self.0.as_str(), "SIGKILL" | "SIGTERM" | "SIGINT" | "SIGHUP" | "SIGQUIT")
    }
}

impl fmt::Display for SignalName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_and_a_signal_are_told_apart() {
        assert_eq!(Exit::from(ExitStatus::from_raw(3 << 8)), Exit::Status(3));
        assert_eq!(Exit::from(ExitStatus::from_raw(0)), Exit::Status(0));
        assert_eq!(Exit::from(ExitStatus::from_raw(11)), Exit::Signal(SignalName("SIGSEGV".into())));
        assert_eq!(Exit::from(ExitStatus::from_raw(35)).to_string(), "signal 35");
    }
}
