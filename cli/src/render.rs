//! Planning a job and rendering what is left of it.

use std::collections::HashSet;
use std::fs::File;
use std::io::BufWriter;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use farm::{FarmEvent, Limits, Run, StopReason, Summary};
use jobs::plan::{Options, Plan};
use jobs::quarantine::{OutputRoot, STATE};
use jobs::queue::{Left, Queue};
use jobs::resume::{self, Decision, Disk};

use crate::args::{PlanArguments, ProcessArguments, RenderArguments};
use crate::blame;
use crate::data_set::{self, Wanted};
use crate::estimate::Outlook;
use crate::examine::InWorker;
use crate::failed::FailedPlans;
use crate::frozen;
use crate::last::LastRun;
use crate::manifest::Known;
use crate::show::{self, Show};
use crate::verdicts::Verdicts;
use crate::workers::{self, Asking};
use crate::{Status, Trouble};

/// How many files in the way are named at most.
const MOST_REFUSALS: usize = 20;

/// `tonemill render`.
pub(crate) fn render(arguments: &RenderArguments) -> Result<Status, Trouble> {
    let plan = match (frozen::is_plan(&arguments.job), &arguments.out) {
        (false, out) => prepare(&arguments.job, out.as_deref(), &arguments.process)?,
        (true, None) => frozen::read(&arguments.job)?,
        (true, Some(_)) => {
            return Err(Trouble::input("a plan says where its files lie, so --out cannot move them. Leave --out away"));
        }
    };
    let data_set = Wanted::of(&plan)?;
    let verdicts = Verdicts::of(&plan);
    verdicts.enforce(arguments.strict)?;
    let workers = workers::count(arguments.workers);
    let state = plan.header.output_root.join(STATE);
    // Bad input leaves no trace, not even the folder for the lock.
    let first = left(&plan, &Known::read(&plan, &verdicts)?)?;
    // What stands is looked at again under the lock: another run may just have ended.
    let lock =
        if state.is_dir() || !first.is_empty() { Some(farm::lock(&state).map_err(Trouble::input)?) } else { None };
    let mut known = Known::read(&plan, &verdicts)?;
    let left = left(&plan, &known)?;
    let kept = plan.tasks.len() - left.len();
    if left.is_empty() {
        // What an interrupted run has finished may stand in its journal alone.
        known.write_if_changed()?;
        if arguments.json {
            let line = serde_json::json!({ "event": "summary", "kept": kept });
            crate::print_text(&format!("{line}\n"))?;
        }
        eprintln!("{} done already; nothing was rendered.", show::count(kept, "task"));
        return Ok(data_set.map_or(Status::Done, |wanted| wanted.conclude(Status::Done, 0, arguments.json)));
    }
    if let Some(outlook) = Outlook::of(&plan) {
        outlook.tell();
        if arguments.json {
            show::event("estimate", &outlook);
        }
        outlook.warn_of_room(&plan.header.output_root, standing(&plan, &left, &known));
    }
    let held = blame::read(blame::states(&plan.header.output_root))?;
    let to_do = left.len();
    let workers = workers.min(to_do);
    let mut show = Show::new(&left, arguments.json, workers);
    let mut failed = FailedPlans::of(&plan, &state);
    let run = Run {
        tasks: left,
        workers,
        command: workers::command(&arguments.process)?,
        limits: Limits {
            failures_in_a_row: arguments.failures.max_failures_in_a_row,
            ..workers::limits(&arguments.process)
        },
        state: state.clone(),
        ledger: held.ledger,
        reproduce: Some(failed.reproduce()),
    };
    let lock = lock.expect("it was taken, for there is something to render");
    crate::interrupt::leave_to_the_farm();
    let mut tell = |event: &FarmEvent| {
        // What a report names is there when the report is told.
        let warning = failed.event(event).map(|text| FarmEvent::Warning { text });
        show.event(event);
        warning.iter().for_each(|warning| show.event(warning));
    };
    let summary = farm::run_holding(run, &lock, &mut tell).map_err(Trouble::input)?;
    if let Err(error) = LastRun::now(&plan.header.job, kept, to_do, &summary).write(&state) {
        eprintln!("warning: `tonemill status` will not know of this run: {error}");
    }
    known.add_finished()?;
    match known.write() {
        Ok(manifest) => show.end(&summary, kept, Some(&manifest)),
        // The disk may be full. Nothing is lost: the journal has what is finished, and the next run makes the manifest of it.
        Err(trouble) if summary.stopped.is_some() => {
            show.end(&summary, kept, None);
            eprintln!("warning: {}; the next run writes it", trouble.words);
        }
        Err(trouble) => return Err(trouble),
    }
    let status = status(&summary);
    crate::interrupt::end_at_once();
    let undone = to_do - summary.finished as usize;
    Ok(data_set.map_or(status, |wanted| wanted.conclude(status, undone, arguments.json)))
}

/// Bytes of the files of a plan that stand and stay.
fn standing(plan: &Plan, left: &Queue, known: &Known<'_>) -> u64 {
    if known.records().is_empty() {
        return 0;
    }
    let left: HashSet<u32> = left.left().iter().map(|left| left.index).collect();
    let kept = (0..).zip(plan.tasks.outlines()).filter(|(index, _)| !left.contains(index));
    let kept: HashSet<String> = kept.map(|(_, task)| task.key).collect();
    known.records().iter().filter(|record| kept.contains(&record.key)).map(|record| record.file.bytes).sum()
}

/// The tasks of a plan that are left to do, with the outputs that they get.
fn left(plan: &Plan, known: &Known<'_>) -> Result<Queue, Trouble> {
    let decisions = resume::decide(plan, known.records(), known.begun(), &Disk);
    let root = OutputRoot::from(plan.header.output_root.clone());
    let mut left = Vec::new();
    let mut refused = Vec::new();
    for (index, decision) in (0..).zip(decisions) {
        match decision {
            Decision::Skip => {}
            Decision::Render(number) => left.push(Left { index, number }),
            Decision::Refuse(refusal) => refused.push(refusal.to_string()),
        }
    }
    if refused.is_empty() {
        return Ok(Queue::new(Arc::clone(&plan.tasks), left, root));
    }
    let more = refused.len().saturating_sub(MOST_REFUSALS);
    refused.truncate(MOST_REFUSALS);
    if more > 0 {
        refused.push(format!("... and {more} more"));
    }
    refused.push("Nothing was rendered".to_owned());
    Err(Trouble::input(refused.join("\n")))
}

/// What a run's end means for the command's.
pub(crate) fn status(summary: &Summary) -> Status {
    match summary.stopped {
        // Another machine may do what failed on this one.
        Some(StopReason::Asked | StopReason::Hurried | StopReason::FailuresInARow { .. }) => Status::Interrupted,
        Some(_) if summary.remaining > 0 || summary.failed.is_empty() => Status::Interrupted,
        _ if !summary.failed.is_empty() || summary.quarantined > 0 => Status::SomeFailed,
        _ => Status::Done,
    }
}

/// `tonemill plan`.
pub(crate) fn plan(arguments: &PlanArguments) -> Result<Status, Trouble> {
    let plan = prepare(&arguments.job, arguments.out.as_deref(), &arguments.process)?;
    Wanted::of(&plan)?;
    if let Some(outlook) = Outlook::of(&plan) {
        outlook.tell();
    }
    match &arguments.output {
        Some(path) => {
            let cannot = |error| Trouble::system(format!("cannot write {}", path.display()), error);
            let file = File::create(path).map_err(cannot)?;
            let mut file = BufWriter::new(file);
            plan.write(&mut file).and_then(|()| file.flush()).map_err(cannot)?;
            Ok(Status::Done)
        }
        None => {
            let mut text = Vec::new();
            plan.write(&mut text).map_err(|error| Trouble::system("cannot word the plan", error))?;
            crate::print_text(&String::from_utf8_lossy(&text))
        }
    }
}

/// Reads and plans a job.
fn prepare(job: &Path, out: Option<&Path>, process: &ProcessArguments) -> Result<Plan, Trouble> {
    let mut job = jobs::file::read(job).map_err(|mistakes| Trouble::mistakes(&mistakes))?;
    data_set::check(&mut job);
    let options = Options { output_base: out.map(Path::to_owned), ..Options::standard() };
    let mut asking = Asking::new(process)?;
    asking.require_worker()?;
    let plan = jobs::plan::build(&job, &options, &mut InWorker { asking: &mut asking })
        .map_err(|mistakes| Trouble::mistakes(&mistakes))?;
    for warning in &plan.header.warnings {
        eprintln!("warning: {warning}");
    }
    Ok(plan)
}
