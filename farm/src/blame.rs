//! Who is to blame: strikes against plugins, and when they are quarantined.
//!
//! A crash, a leaving without an answer or a hang is a strike against the device at work: the plugin's binary together with
//! the preset that it stood in ([`Pair`]). Three strikes in at least two processes quarantine the pair, and tasks that use it
//! are passed over, in this run and in later ones, until somebody lifts that. What comes from outside - a kill, a full disk, a
//! worker that cannot start - is no strike.
//!
//! Damage to memory may kill the next task of the same process. So where a task fails behind another one, nobody is struck
//! until it was tried alone: where it fails again it is its own device's doing, and where it passes, the task before is
//! suspect.
//!
//! A [`Ledger`] sums up entries; [`read`] and [`append`] keep them in state folders. Nothing here is about the quarantine folder
//! of files that a quality gate has flagged ([`jobs::quarantine`]).

mod accused;
mod ledger;
mod store;

pub use accused::{Accused, Names, Pair, at_work, of, plugins};
pub use ledger::{Entry, Ledger, PROCESSES, STRIKES, Standing, Strike, Why};
pub use store::{BLAME_VERSION, BlameError, FILE_NAME, Held, append, read, take_over};

use jobs::message::Phase;

use crate::report::{Cause, Mishap};

/// Whether a failure is held against a device at all.
pub fn is_strike(mishap: &Mishap) -> bool {
    match &mishap.cause {
        Cause::Crashed { .. } | Cause::Left { .. } | Cause::Protocol { .. } => true,
        // A disk that does not take a file in is nobody's fault here, nor is a recording that cannot be read.
        Cause::Hung { .. } => !matches!(mishap.phase, None | Some(Phase::Write)),
        // How much memory there is, is the machine's.
        Cause::Memory { .. } | Cause::OutOfMemory { .. } => false,
        Cause::TooLong { .. } | Cause::KilledFromOutside { .. } | Cause::Refused { .. } | Cause::StartFailed { .. } => {
            false
        }
    }
}

#[cfg(test)]
mod tests;
