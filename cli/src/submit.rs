//! `tonemill submit`: hands a plan to an engine that renders its parts on several machines.
//!
//! An engine only has to start `tonemill run PLAN --shard I/N` somewhere, as often as it takes. Nothing is lost whatever it
//! does meanwhile: parts that are killed, repeated or done twice come to the same files.

#[cfg(feature = "k8s")]
mod k8s;
mod slurm;

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand};
use jobs::plan::folder::PlanFolder;

use crate::args::{CacheArguments, FailureArguments, PlanArguments, ProcessArguments};
use crate::{Status, Trouble, frozen, render};

#[derive(Debug, Subcommand)]
pub(crate) enum SubmitCommand {
    /// Render on a Slurm cluster: an array of jobs, one a part, and a job that puts the parts together
    Slurm(slurm::SlurmArguments),
    /// Print an Indexed Job for Kubernetes; such a job has not yet been run on a cluster
    #[cfg(feature = "k8s")]
    K8s(k8s::K8sArguments),
}

/// What is shared out, and how.
#[derive(Debug, Args)]
struct PartsArguments {
    /// The job file, YAML or JSON, or a plan folder
    job: PathBuf,
    /// Make the plan folder of a job here [default: the job's name with -plan behind it, in the current folder]
    #[arg(long, value_name = "DIR")]
    plan: Option<PathBuf>,
    /// Plan for output below this folder instead of the current one
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Render in this many parts [default: parts of about 20 minutes by the plan's estimate, at most 1000]
    #[arg(long, value_name = "N")]
    shards: Option<NonZeroU32>,
    /// Processors of each part; it renders in as many worker processes
    #[arg(long, value_name = "N", default_value = "4")]
    cpus: NonZeroU32,
    /// Memory of each part, such as 800M or 16G, in units of 1024 [default: what the site gives]
    #[arg(long, value_name = "SIZE", value_parser = memory)]
    memory: Option<Memory>,
    /// Options of `tonemill run` that tell how workers are run, such as --worker and --strict; planning follows them too
    #[arg(last = true, value_name = "OPTIONS")]
    run: Vec<String>,
}

/// The options of `tonemill run` that can be handed on.
#[derive(Debug, Parser)]
#[command(no_binary_name = true, disable_help_flag = true)]
struct HandedOn {
    #[command(flatten)]
    cache: CacheArguments,
    #[command(flatten)]
    process: ProcessArguments,
    /// Refuse devices that were not probed, or that probing has not shown to be deterministic
    #[arg(long = "strict")]
    _strict: bool,
    #[command(flatten)]
    _failures: FailureArguments,
}

/// Seconds that a part takes if it is left to us: long against starting it, short against what a kill costs.
const PART_SECONDS: f64 = 20.0 * 60.0;

/// Most parts if it is left to us. Slurm's arrays end there unless a site says otherwise (`MaxArraySize`).
const MOST_PARTS: u32 = 1000;

/// How often an engine starts a part again at most. What is done stays done, so that this many interruptions make a part late
/// and nothing else; but a part that crashes whenever it is started must come to an end.
const MOST_RESTARTS: u32 = 20;

/// An amount of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Memory {
    number: u32,
    /// `M`, `G` or `T`.
    unit: char,
}

fn memory(text: &str) -> Result<Memory, String> {
    let unit = text.chars().last().filter(|unit| ['M', 'G', 'T'].contains(unit));
    let memory = unit.and_then(|unit| Some(Memory { number: text[..text.len() - 1].parse().ok()?, unit }));
    memory.filter(|memory| memory.number > 0).ok_or_else(|| "give a whole number and M, G or T, such as 16G".to_owned())
}

/// A plan folder and its parts.
#[derive(Debug)]
struct Parts {
    folder: PlanFolder,
    /// Where the folder is, for whoever runs elsewhere.
    path: String,
    count: u32,
    /// How long each takes by the estimate.
    seconds: f64,
}

/// `tonemill submit`.
pub(crate) fn submit(command: &SubmitCommand) -> Result<Status, Trouble> {
    match command {
        SubmitCommand::Slurm(arguments) => slurm::submit(arguments),
        #[cfg(feature = "k8s")]
        SubmitCommand::K8s(arguments) => k8s::print(arguments),
    }
}

impl PartsArguments {
    /// The plan folder, made if there is a job instead, and the number of its parts.
    fn parts(&self) -> Result<Parts, Trouble> {
        // A mistake is told now rather than by every part.
        let HandedOn { cache, process, .. } = HandedOn::try_parse_from(&self.run).map_err(|error| {
            Trouble::input(format!("what stands behind -- is handed to `tonemill run`: {}", error.to_string().trim()))
        })?;
        let path = if PlanFolder::is_at(&self.job) {
            if self.plan.is_some() || self.out.is_some() {
                let words = format!("{} is a plan already: leave --plan and --out away", self.job.display());
                return Err(Trouble::input(words));
            }
            self.job.clone()
        } else {
            let named = || {
                let mut name = self.job.file_stem().unwrap_or_default().to_owned();
                name.push("-plan");
                PathBuf::from(name)
            };
            let path = self.plan.clone().unwrap_or_else(named);
            if let Some(file) = [&self.job, &path].into_iter().find(|path| frozen::is_plan(path)) {
                let words = format!("{} would be a plan in one file, and parts need a plan folder", file.display());
                return Err(Trouble::input(words));
            }
            let (job, out, output) = (self.job.clone(), self.out.clone(), Some(path.clone()));
            render::plan(&PlanArguments { job, out, output, cache, process })?;
            path
        };
        let folder = PlanFolder::open(&path).map_err(Trouble::input)?;
        frozen::check_engine(folder.header(), &path)?;
        let whole = path.canonicalize().map_err(|error| Trouble::system(path.display(), error))?;
        let (seconds, tasks) = (folder.seconds() / f64::from(self.cpus.get()), folder.header().tasks);
        let count = self.shards.map_or_else(|| sensible(seconds, tasks), NonZeroU32::get);
        Ok(Parts { path: text(&whole)?.to_owned(), folder, count, seconds: seconds / f64::from(count) })
    }
}

impl Parts {
    /// What people call it, of letters, digits and dashes: names of jobs allow little else.
    fn name(&self) -> String {
        let kept = |letter: char| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '-' };
        let name: String = self.folder.header().job.chars().map(kept).take(40).collect();
        format!("tonemill-{}", name.trim_matches('-')).trim_matches('-').to_owned()
    }

    /// How many there are and how long each takes, in words.
    fn words(&self, cpus: NonZeroU32) -> String {
        let parts = if self.count == 1 { "1 part".to_owned() } else { format!("{} parts", self.count) };
        let processors = if cpus.get() == 1 { "1 processor".to_owned() } else { format!("{cpus} processors") };
        format!("{parts} of about {:.1} min on {processors}", self.seconds / 60.0)
    }
}

/// How many parts there are where nobody says it.
fn sensible(seconds: f64, tasks: u32) -> u32 {
    let parts = (seconds / PART_SECONDS).ceil().min(f64::from(MOST_PARTS)) as u32;
    parts.min(tasks).max(1)
}

/// A path as text, for files that others read.
fn text(path: &Path) -> Result<&str, Trouble> {
    match path.to_str().filter(|text| !text.contains(|letter: char| letter.is_control())) {
        Some(text) => Ok(text),
        None => Err(Trouble::input(format!(
            "{path:?} cannot stand in a script: it is not UTF-8, or has control characters"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_take_twenty_minutes_as_far_as_there_are_tasks() {
        assert_eq!(sensible(0.0, 0), 1);
        assert_eq!(sensible(1.0, 60), 1);
        assert_eq!(sensible(1200.0, 60), 1);
        assert_eq!(sensible(1201.0, 60), 2);
        assert_eq!(sensible(36_000.0, 60), 30);
        assert_eq!(sensible(36_000.0, 7), 7);
        assert_eq!(sensible(1e12, 4_000_000), 1000);
    }

    #[test]
    fn memory_is_a_number_and_a_unit() {
        assert_eq!(memory("16G"), Ok(Memory { number: 16, unit: 'G' }));
        for wrong in ["", "G", "16", "0G", "-1G", "1.5G", "16Gi", "16é"] {
            assert!(memory(wrong).is_err(), "{wrong}");
        }
    }
}
