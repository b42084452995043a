//! `tonemill merge`: one manifest of what all parts have rendered.

use std::path::PathBuf;

use clap::Args;
use jobs::plan::folder::PlanFolder;
use jobs::quarantine::STATE;

use super::failed::Failed;
use crate::data_set::Wanted;
use crate::manifest::Known;
use crate::site::Site;
use crate::verdicts::Verdicts;
use crate::{Status, Trouble, render, show};

#[derive(Debug, Args)]
pub(crate) struct MergeArguments {
    /// The plan folder
    plan: PathBuf,
    /// Print what was found as JSON on standard output
    #[arg(long)]
    json: bool,
}

/// `tonemill merge`.
pub(crate) fn merge(arguments: &MergeArguments) -> Result<Status, Trouble> {
    let folder = super::open(&arguments.plan)?;
    put_together(&folder, Status::Done, arguments.json)
}

/// Likewise after a run of all of it, which ended with `status`.
pub(super) fn after(folder: &PlanFolder, status: Status, json: bool) -> Result<Status, Trouble> {
    match farm::lock(&folder.header().output_root.join(STATE)) {
        // Another run is at work on the output; whoever ends last puts together what is there.
        Err(farm::FarmError::Lock(farm::LockError::Held { .. })) => Ok(status),
        Err(error) => Err(Trouble::input(error)),
        Ok(lock) => {
            drop(lock);
            put_together(folder, status, json)
        }
    }
}

fn put_together(folder: &PlanFolder, status: Status, json: bool) -> Result<Status, Trouble> {
    let plan = folder.whole().map_err(Trouble::input)?;
    let data_set = Wanted::of(&plan)?;
    let _lock = farm::lock(&plan.header.output_root.join(STATE)).map_err(Trouble::input)?;
    let site = Site::on_disk(&plan);
    let mut known = Known::read(&plan, &site, true)?;
    known.sweep()?;
    let left = render::left(&plan, 0..plan.tasks.len(), &known)?;
    let missing = left.len();
    // Before the journals are settled with the manifest.
    let found = if left.is_empty() {
        Status::Done
    } else {
        Failed::read(&plan.header.output_root.join(STATE))?.status(left.iter())
    };
    match known.damaged() {
        [] => {}
        [first, ..] => eprintln!(
            "warning: {} of journals were torn and left out, the first of them line {} of {}",
            show::count(known.damaged().len(), "line"),
            first.line,
            first.path.display()
        ),
    }
    if known.differing() > 0 {
        let files = show::count(known.differing(), "file");
        eprintln!("warning: {files} came out differently when rendered twice: their plugins are not deterministic");
    }
    let differing = known.differing();
    let manifest = known.write(&mut Verdicts::new())?;
    let done = plan.tasks.len() - missing;
    if json {
        let about = serde_json::json!({
            "tasks": plan.tasks.len(), "done": done, "missing": missing, "differing": differing, "manifest": manifest,
        });
        show::event("merged", &about);
    }
    eprintln!("{}: {done} done, {missing} missing.", show::count(plan.tasks.len(), "task"));
    eprintln!("Manifest: {}", manifest.display());
    if missing > 0 {
        eprintln!("What is missing: tonemill status {}", folder.path().display());
    }
    let status = if let Status::Done = status { found } else { status };
    Ok(data_set.map_or(status, |wanted| wanted.conclude(status, missing, json)))
}
