//! How the last run on an output folder ended, kept in its state folder for `tonemill status`.

use std::io::{ErrorKind, Write};
use std::path::Path;
use std::time::SystemTime;

use farm::Summary;
use jobs::whole;
use serde::{Deserialize, Serialize};

use crate::Trouble;

/// The version of the file.
const VERSION: u32 = 1;

/// The file's name in a state folder.
const FILE_NAME: &str = "last-run.json";

/// How a run ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct LastRun {
    version: u32,
    /// When it ended, in milliseconds since 1970.
    pub(crate) ended: u64,
    /// The job's name.
    pub(crate) job: String,
    /// The tasks of the job.
    pub(crate) tasks: usize,
    /// Tasks that were done before.
    pub(crate) kept: usize,
    /// What became of the others.
    pub(crate) summary: Summary,
}

impl LastRun {
    /// A run that ends now.
    pub(crate) fn now(job: &str, kept: usize, left: usize, summary: &Summary) -> LastRun {
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let ended = u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX);
        let (job, summary) = (job.to_owned(), summary.clone());
        LastRun { version: VERSION, ended, job, tasks: kept + left, kept, summary }
    }

    /// Writes it to a state folder.
    pub(crate) fn write(&self, state: &Path) -> std::io::Result<()> {
        whole::write(&state.join(FILE_NAME), |file| {
            serde_json::to_writer_pretty(&mut *file, self)?;
            file.write_all(b"\n")
        })
    }

    /// Reads that of a state folder; `None` where no run has ended there.
    pub(crate) fn read(state: &Path) -> Result<Option<LastRun>, Trouble> {
        let path = state.join(FILE_NAME);
        let cannot = |error: &dyn std::fmt::Display| Trouble::system(format!("cannot read {}", path.display()), error);
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(cannot(&error)),
        };
        let last: LastRun = serde_json::from_slice(&text).map_err(|error| cannot(&error))?;
        if last.version != VERSION {
            return Err(cannot(&format!("it has version {}, and this build reads version {VERSION}", last.version)));
        }
        Ok(Some(last))
    }
}
