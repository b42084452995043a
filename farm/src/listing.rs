//! Many plugin files listed at once, each in a process of its own.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use jobs::catalogue::{Broken, Fault, Found};
use jobs::hash::Hashes;
use jobs::message::{FromWorker, PluginFormat, ToWorker};

use crate::client::Client;
use crate::limits::Limits;
use crate::programs::Programs;
use crate::report::{Cause, Mishap};
use crate::run::FarmError;

/// How long a process may take to leave once its file is listed: nothing depends on how it leaves.
const LEAVE: Duration = Duration::from_secs(1);

/// A plugin file to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// What it is.
    pub format: PluginFormat,
    /// Where it is.
    pub path: PathBuf,
    /// BLAKE3 of the content that is known already; a file that still has it is not listed.
    pub known: Option<String>,
}

/// What came of looking at a plugin file.
#[derive(Clone, Debug, PartialEq)]
pub enum Looked {
    /// Its content is what is known already. No worker was asked.
    Unchanged,
    /// A worker was asked.
    Listed {
        /// BLAKE3 of the content; absent where it cannot be read, and then no worker was asked.
        blake3: Option<String>,
        /// What it holds, or why that is not known.
        found: Found,
    },
}

/// How plugin files are listed.
#[derive(Clone, Debug)]
pub struct Listing {
    /// The workers to start, each for the files that it serves.
    pub command: Programs,
    /// How many processes work at once, at least 1.
    pub workers: usize,
    /// Most time for each file.
    pub limit: Duration,
    /// What the system's libraries look like, as [`jobs::catalogue::libraries::look`] tells.
    pub libraries: String,
    /// The folder for logs and scratch.
    pub state: PathBuf,
}

/// Why not all files were looked at.
#[derive(Debug, thiserror::Error)]
pub enum ListingError {
    /// The farm itself cannot work.
    #[error(transparent)]
    Farm(#[from] FarmError),
    /// No worker can be started, which is no file's fault.
    #[error(transparent)]
    Start(#[from] Box<Mishap>),
}

/// Looks at files in any order and tells of each by its place among the candidates. A file that crashes, hangs or is
/// refused is told like any other. If no worker can be started, or once `is_stopped` says so, those that are left are not
/// looked at.
pub fn list(
    candidates: &[Candidate],
    listing: &Listing,
    is_stopped: &(dyn Fn() -> bool + Sync),
    on_looked: &mut dyn FnMut(usize, Looked),
) -> Result<(), ListingError> {
    let (next, stopped) = (AtomicUsize::new(0), AtomicBool::new(false));
    let workers = listing.workers.clamp(1, candidates.len().max(1));
    let (tell, told) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..workers {
            let (tell, next, stopped) = (tell.clone(), &next, &stopped);
            scope.spawn(move || {
                let mut client = None;
                while !stopped.load(Ordering::Relaxed) && !is_stopped() {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(candidate) = candidates.get(index) else { return };
                    let looked = look(candidate, listing, &mut client);
                    stopped.fetch_or(looked.is_err(), Ordering::Relaxed);
                    tell.send((index, looked)).expect("its receiver waits for all senders to be gone");
                }
            });
        }
        drop(tell);
        let mut ended = Ok(());
        for (index, looked) in told {
            match looked {
                Ok(looked) => on_looked(index, looked),
                Err(error) if ended.is_ok() => ended = Err(error),
                // The first one's words do for all.
                Err(_) => {}
            }
        }
        ended
    })
}

/// Looks at one file; the client is made with the first that a worker is asked about.
fn look(candidate: &Candidate, listing: &Listing, client: &mut Option<Client>) -> Result<Looked, ListingError> {
    let Candidate { format, path, known } = candidate;
    let broken = |fault, reason| {
        let command = &listing.command;
        let worker = command.command(command.of_file(path)).program.display().to_string();
        let (limit_seconds, libraries) = (listing.limit.as_secs_f64(), listing.libraries.clone());
        Found::Broken(Broken { fault, reason, worker, limit_seconds, libraries })
    };
    if path.to_str().is_none() {
        let found = broken(Fault::Unreadable, "its path is not Unicode. Rename it".to_owned());
        return Ok(Looked::Listed { blake3: None, found });
    }
    let blake3 = match Hashes::default().of(path) {
        Ok(blake3) if Some(&blake3) == known.as_ref() => return Ok(Looked::Unchanged),
        Ok(blake3) => blake3,
        Err(reason) => {
            let found = broken(Fault::Unreadable, format!("it cannot be read: {reason}"));
            return Ok(Looked::Listed { blake3: None, found });
        }
    };
    let client = match client {
        Some(client) => client,
        None => {
            // What one plugin leaves behind in a process must not change what the next one says.
            let limits = Limits { load: listing.limit, leave: LEAVE, recycle_after: 1, ..Limits::default() };
            client.insert(Client::new(listing.command.clone(), limits, listing.state.clone())?)
        }
    };
    let found = match client.ask(ToWorker::List { format: *format, path: path.clone() }) {
        Ok(FromWorker::Listed { plugins }) => Found::Plugins(plugins),
        Ok(_) => broken(Fault::Garbled, "the worker answered something else".to_owned()),
        Err(mishap) => match fault(&mishap.cause) {
            Some(fault) => broken(fault, reason(&mishap)),
            None => return Err(mishap.into()),
        },
    };
    Ok(Looked::Listed { blake3: Some(blake3), found })
}

/// What a mishap says of the file; `None` where it says nothing.
fn fault(cause: &Cause) -> Option<Fault> {
    match cause {
        Cause::Refused { .. } => Some(Fault::Refused),
        Cause::Crashed { .. } => Some(Fault::Crashed),
        Cause::Left { .. } => Some(Fault::Left),
        Cause::Hung { .. } | Cause::TooLong { .. } => Some(Fault::Hung),
        Cause::KilledFromOutside { .. } | Cause::Memory { .. } | Cause::OutOfMemory { .. } => Some(Fault::Killed),
        Cause::Protocol { .. } => Some(Fault::Garbled),
        Cause::StartFailed { .. } => None,
    }
}

fn reason(mishap: &Mishap) -> String {
    match &mishap.cause {
        Cause::Refused { failure } => failure.reason.clone(),
        _ => mishap.to_string(),
    }
}
