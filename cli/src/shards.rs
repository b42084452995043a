//! Plan folders: rendering a part, putting the parts together, looking at what there is.

mod failed;
mod merge;
mod run;
mod status;
mod verify;

use std::path::{Path, PathBuf};

use jobs::plan::folder::PlanFolder;
use jobs::plan::{Header, Plan};
use presets::url::is_url;

pub(crate) use merge::{MergeArguments, merge};
pub(crate) use run::{RunArguments, run};
pub(crate) use status::status;
pub(crate) use verify::{VerifyArguments, verify};

use crate::estimate::Outlook;
use crate::{Status, Trouble, frozen, show};

/// Writes a plan as a folder.
pub(crate) fn freeze(plan: &Plan, path: &Path) -> Result<Status, Trouble> {
    refuse_stores(&plan.header, path)?;
    let written = PlanFolder::write(path, plan, &Outlook::device_seconds(plan)).map_err(Trouble::input)?;
    let tasks = show::count(plan.tasks.len(), "task");
    eprintln!("Plan: {} ({tasks}, about {:.2} core hours).", path.display(), written.seconds() / 3600.0);
    Ok(Status::Done)
}

/// The output folder of a plan folder; any other path is one itself.
pub(crate) fn output_of(path: &Path) -> Result<PathBuf, Trouble> {
    if PlanFolder::is_at(path) { Ok(open(path)?.header().output_root.clone()) } else { Ok(path.to_owned()) }
}

/// Opens a plan folder that this build made.
fn open(path: &Path) -> Result<PlanFolder, Trouble> {
    if !PlanFolder::is_at(path) {
        let words = format!("{} is no plan folder. Make one: tonemill plan JOB -o {}", path.display(), path.display());
        return Err(Trouble::input(words));
    }
    let folder = PlanFolder::open(path).map_err(Trouble::input)?;
    frozen::check_engine(folder.header(), path)?;
    refuse_stores(folder.header(), path)?;
    Ok(folder)
}

/// Fails for outputs in an object store. What several machines know of each other lies beside their outputs in files with locks,
/// which no store has.
fn refuse_stores(header: &Header, path: &Path) -> Result<(), Trouble> {
    if !is_url(&header.output_root) {
        return Ok(());
    }
    let (path, root) = (path.display(), header.output_root.display());
    Err(Trouble::input(format!(
        "{path} would be a plan folder whose outputs lie in an object store, {root}: parts on several machines can only write \
         to a file system. Write to a folder (inputs may lie in a store), or render all of it with one command: \
         tonemill render JOB"
    )))
}
