//! The frozen plan: a job with every file found, every device examined, every setting a number; one task a render.
//!
//! [`build`] makes it out of a [`JobFile`] and tells every mistake at once. Nothing is rendered for it. The same job on
//! the same files gives the same plan, byte by byte.

mod build;
mod devices;
mod draws;
mod dry;
mod estimate;
mod examiner;
pub mod folder;
mod inputs;
mod key;
mod limited;
mod moves;
mod outputs;
mod package;
mod pools;
mod rendition;
mod session;
mod songs;
mod sources;
mod tasks;
mod tones;
mod written;

use std::collections::BTreeMap;
use std::io::{self, BufRead, Write};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use presets::PluginFormat;
use presets::document::Mistakes;
use presets::folders::Folders;
use serde::{Deserialize, Serialize};

pub use devices::freeze;
pub use estimate::{DeviceTime, Efforts, Estimate, Estimating, FLAC_SHARE};
pub use examiner::{ExamineError, Examiner, FindError, locate};
pub use package::Package;
pub use tasks::{Outline, OutputOutline, Tasks};

use crate::fetch::{Fetcher, LocalOnly};
use crate::file::{Collision, JobFile};
use crate::sandbox::Grants;

/// A job, ready to run. Two are equal if they do the same.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What all tasks share.
    pub header: Header,
    /// The renders, in the order they are numbered. Those of one tone stand together.
    pub tasks: Arc<Tasks>,
    /// How much work each of them is, where that is known.
    pub efforts: Efforts,
}

/// The first line of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// [`crate::FORMAT_VERSION`].
    pub tonemill: u32,
    /// [`crate::ENGINE`].
    pub engine: String,
    /// The job's name.
    pub job: String,
    /// BLAKE3 of the job file, in hex.
    pub job_blake3: String,
    /// The job's seed.
    pub seed: u64,
    /// What happens where a file stands already.
    pub collision: Collision,
    /// The folder that all outputs lie in, absolute: the manifest's place.
    pub output_root: PathBuf,
    /// How many tasks follow.
    pub tasks: u32,
    /// What a careful user would want to know before it runs.
    pub warnings: Vec<String>,
    /// What is expected to come out; absent in plans that do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimate: Option<Estimate>,
    /// The data set that is made of it all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package: Option<Package>,
    /// What its tasks read, and what the job and its presets let plugins touch beside.
    #[serde(default, skip_serializing_if = "Grants::is_empty")]
    pub sandbox: Grants,
}

/// What a plan depends on beside the job.
#[derive(Clone, Debug)]
pub struct Options {
    /// The folder that relative output paths start from; the working directory where none is given.
    pub output_base: Option<PathBuf>,
    /// Where the plugins of each format are searched.
    pub folders: BTreeMap<PluginFormat, Folders>,
    /// Who brings what lies in object stores.
    pub fetcher: Rc<dyn Fetcher>,
}

impl Options {
    /// The working directory and the folders that plugins are installed in, and no object store.
    pub fn standard() -> Options {
        let folders = PluginFormat::ALL.map(|format| (format, Folders::standard(format)));
        Options { output_base: None, folders: BTreeMap::from(folders), fetcher: Rc::new(LocalOnly) }
    }
}

/// Plans a job, or tells every mistake of it, of the presets it uses, and of the files and devices they name.
pub fn build(job: &JobFile, options: &Options, examiner: &mut dyn Examiner) -> Result<Plan, Mistakes> {
    build::build(job, options, examiner)
}

/// Why a plan cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The system refuses.
    #[error("cannot read the plan: {0}")]
    Read(#[from] io::Error),
    /// A line is not what it should be.
    #[error("line {line} of the plan is damaged: {source}. Make the plan anew")]
    Line {
        /// Which, from 1.
        line: usize,
        /// What does not fit.
        source: serde_json::Error,
    },
    /// Another build wrote it.
    #[error("the plan has version {0}, this build reads version {version}. Make the plan anew", version = crate::FORMAT_VERSION)]
    Version(u64),
    /// Lines are missing, or there are too many.
    #[error("the plan promises {promised} tasks and holds {found}. Make the plan anew")]
    Count {
        /// As its header says.
        promised: u32,
        /// As they are.
        found: usize,
    },
}

impl PartialEq for Plan {
    fn eq(&self, other: &Plan) -> bool {
        self.header == other.header && self.tasks == other.tasks
    }
}

impl Plan {
    /// Writes it as JSON lines: the header, then a task a line.
    pub fn write(&self, mut to: impl Write) -> io::Result<()> {
        writeln!(to, "{}", serde_json::to_string(&self.header)?)?;
        self.tasks.write(&mut to)
    }

    /// Reads what [`write`](Plan::write) wrote.
    pub fn read(mut from: impl BufRead) -> Result<Plan, PlanError> {
        #[derive(Deserialize)]
        struct Version {
            tonemill: u64,
        }
        let mut first = String::new();
        from.read_line(&mut first)?;
        let damaged = |line| move |source| PlanError::Line { line, source };
        let version: Version = serde_json::from_str(&first).map_err(damaged(1))?;
        if version.tonemill != u64::from(crate::FORMAT_VERSION) {
            return Err(PlanError::Version(version.tonemill));
        }
        let header: Header = serde_json::from_str(&first).map_err(damaged(1))?;
        let tasks = Tasks::read_lines(from, |index, source| PlanError::Line { line: index + 2, source })?;
        if tasks.len() as u64 != u64::from(header.tasks) {
            return Err(PlanError::Count { promised: header.tasks, found: tasks.len() });
        }
        Ok(Plan { header, tasks: Arc::new(tasks), efforts: Efforts::default() })
    }
}

#[cfg(test)]
mod tests;
