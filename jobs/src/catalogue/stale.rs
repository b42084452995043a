//! Whether what is known of a plugin file still holds.

use super::{Broken, Entry, Fault, Found, Stamp};

/// Under what terms files are listed now.
#[derive(Clone, Debug, PartialEq)]
pub struct Terms<'a> {
    /// [`crate::ENGINE`].
    pub engine: &'a str,
    /// The worker program.
    pub worker: &'a str,
    /// How long a file may take, in seconds.
    pub limit_seconds: f64,
    /// [`super::libraries::look`].
    pub libraries: &'a str,
    /// Everything is listed, whatever is known.
    pub again: bool,
}

/// What is to be done about a plugin file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing: what is known holds.
    Keep,
    /// It looks different from outside, so its content is to be compared. What is known holds if it still has this hash.
    Compare {
        /// BLAKE3 of the content that is known.
        blake3: String,
    },
    /// It is to be listed.
    List,
}

/// What is to be done about a plugin file that looks like `stamp`.
pub fn decide(known: Option<&Entry>, stamp: &Stamp, terms: &Terms<'_>) -> Step {
    let Some(known) = known else { return Step::List };
    if terms.again || known.engine != terms.engine || may_succeed_now(&known.found, terms) {
        return Step::List;
    }
    if known.stamp == *stamp { Step::Keep } else { Step::Compare { blake3: known.blake3.clone() } }
}

/// Whether a file that could not be listed is worth another try though it is the same: where another worker tries, where
/// it hung and gets more time, and where it was refused and the system's libraries are others now.
fn may_succeed_now(found: &Found, terms: &Terms<'_>) -> bool {
    match found {
        Found::Plugins(_) => false,
        Found::Broken(Broken { fault, worker, limit_seconds, libraries, .. }) => {
            worker != terms.worker
                || !fault.is_lasting()
                || (*fault == Fault::Hung && *limit_seconds < terms.limit_seconds)
                || (*fault == Fault::Refused && libraries != terms.libraries)
        }
    }
}
