//! Plan folders: rendering a part, putting the parts together, looking at what there is.

mod merge;
mod run;
mod status;
mod verify;

use std::path::{Path, PathBuf};

use jobs::plan::Plan;
use jobs::plan::folder::PlanFolder;

pub(crate) use merge::{MergeArguments, merge};
pub(crate) use run::{RunArguments, run};
pub(crate) use status::status;
pub(crate) use verify::{VerifyArguments, verify};

use crate::estimate::Outlook;
use crate::{Status, Trouble, frozen, show};

/// Writes a plan as a folder.
pub(crate) fn freeze(plan: &Plan, path: &Path) -> Result<Status, Trouble> {
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
    Ok(folder)
}
