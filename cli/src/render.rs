//! Planning a job and rendering what is left of it.

use std::fs::File;
use std::io::BufWriter;
use std::io::Write;
use std::path::Path;

use farm::{Run, StopReason, Summary};
use jobs::plan::{Options, Plan};
use jobs::quarantine::{OutputRoot, STATE};
use jobs::resume::{self, Decision, Disk};
use jobs::task::Task;

use crate::args::{PlanArguments, ProcessArguments, RenderArguments};
use crate::examine::InWorker;
use crate::frozen;
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
        return Ok(Status::Done);
    }
    let workers = workers.min(left.len());
    let mut show = Show::new(&left, arguments.json, workers);
    let run = Run {
        tasks: left.clone(),
        workers,
        command: workers::command(&arguments.process)?,
        limits: workers::limits(&arguments.process),
        state,
    };
    let lock = lock.expect("it was taken, for there is something to render");
    crate::interrupt::leave_to_the_farm();
    let summary = farm::run_holding(run, &lock, &mut |event| show.event(event)).map_err(Trouble::input)?;
    known.add_finished(&left)?;
    let manifest = known.write()?;
    show.end(&summary, kept, &manifest);
    Ok(status(&summary))
}

/// The tasks of a plan that are left to do, with the outputs that they get.
fn left(plan: &Plan, known: &Known<'_>) -> Result<Vec<Task>, Trouble> {
    let decisions = resume::decide(plan, known.records(), known.begun(), &Disk);
    let root = OutputRoot::from(plan.header.output_root.clone());
    let mut left = Vec::new();
    let mut refused = Vec::new();
    for (task, decision) in plan.tasks.iter().zip(decisions) {
        match decision {
            Decision::Skip => {}
            Decision::Render { outputs, annotations } => {
                let mut task = Task { outputs, annotations, ..task.clone() };
                task.checks.output_root = task.checks.may_quarantine().then(|| root.clone());
                left.push(task);
            }
            Decision::Refuse(refusal) => refused.push(refusal.to_string()),
        }
    }
    if refused.is_empty() {
        return Ok(left);
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
        Some(StopReason::Asked | StopReason::Hurried) => Status::Interrupted,
        Some(_) if summary.remaining > 0 || summary.failed.is_empty() => Status::Interrupted,
        _ if !summary.failed.is_empty() => Status::SomeFailed,
        _ => Status::Done,
    }
}

/// `tonemill plan`.
pub(crate) fn plan(arguments: &PlanArguments) -> Result<Status, Trouble> {
    let plan = prepare(&arguments.job, arguments.out.as_deref(), &arguments.process)?;
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
    let job = jobs::file::read(job).map_err(|mistakes| Trouble::mistakes(&mistakes))?;
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
