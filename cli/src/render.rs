//! Planning a job and rendering what is left of it.

use std::collections::HashSet;
use std::fs::File;
use std::io::BufWriter;
use std::io::Write;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use farm::{Carrier, FarmEvent, Limits, Run, StopReason, Summary};
use jobs::ledger::Name;
use jobs::plan::{Options, Outline, Plan};
use jobs::quarantine::OutputRoot;
use jobs::queue::{Left, Queue};
use jobs::resume::{self, Decision};

use crate::args::{PlanArguments, ProcessArguments, RenderArguments};
use crate::blame;
use crate::data_set::{self, Wanted};
use crate::estimate::Outlook;
use crate::examine::InWorker;
use crate::failed::FailedPlans;
use crate::frozen;
use crate::last::LastRun;
use crate::manifest::Known;
use crate::objects::{Objects, Work};
use crate::sandbox;
use crate::show::{self, Show};
use crate::site::Site;
use crate::verdicts::Verdicts;
use crate::workers::{self, Asking};
use crate::{Status, Trouble, shards};

/// How many files in the way are named at most.
const MOST_REFUSALS: usize = 20;

/// `tonemill render`.
pub(crate) fn render(arguments: &RenderArguments) -> Result<Status, Trouble> {
    let objects = Objects::new(&arguments.cache);
    let plan = match (frozen::is_plan(&arguments.job), &arguments.out) {
        (false, out) => prepare(&arguments.job, out.as_deref(), &objects, &arguments.process)?,
        // A worker is asked how far it is confined while the plan is read; what comes of it is told below.
        (true, None) => std::thread::scope(|scope| {
            scope.spawn(|| sandbox::ask(&arguments.process));
            frozen::read(&arguments.job, &*objects.fetcher())
        })?,
        (true, Some(_)) => {
            return Err(Trouble::input("a plan says where its files lie, so --out cannot move them. Leave --out away"));
        }
    };
    workers::check(&plan, &arguments.process)?;
    sandbox::look(&arguments.process)?;
    let data_set = Wanted::of(&plan)?;
    let mut verdicts = Verdicts::new();
    let workers = workers::count(arguments.workers);
    let site = Site::of(&plan, &objects, arguments.state.as_deref())?;
    let state = site.state().to_owned();
    // Bad input leaves no trace, not even the folder for the lock.
    let all = 0..plan.tasks.len();
    let first = left(&plan, all.clone(), &Known::read(&plan, &site, false)?)?;
    verdicts.look_up(first.iter());
    verdicts.enforce(arguments.strict)?;
    // What stands is looked at again under the lock: another run may just have ended.
    let lock =
        if state.is_dir() || !first.is_empty() { Some(farm::lock(&state).map_err(Trouble::not_begun)?) } else { None };
    site.look()?;
    let mut known = Known::read(&plan, &site, lock.is_some())?;
    known.sweep()?;
    let left = left(&plan, all, &known)?;
    let kept = plan.tasks.len() - left.len();
    if left.is_empty() {
        // What an interrupted run has finished may stand in its journal alone.
        if lock.is_some() {
            known.write_if_changed(&mut verdicts)?;
        }
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
        // A store has room; what is on its way there has little need of it.
        if site.shelf().is_none() {
            outlook.warn_of_room(&plan.header.output_root, standing(&plan, &left, &known));
        }
    }
    let held = blame::read(blame::states(&state)?)?;
    let to_do = left.len();
    let workers = workers.min(to_do);
    let mut command = workers::command(&arguments.process)?;
    sandbox::open_plan(&mut command, &plan.header);
    let carrier = carrier(&objects, &plan, &site, &left, workers)?;
    sandbox::open_carried(&mut command, &objects, &site)?;
    if site.shelf().is_some() {
        eprintln!("State of this run: {}", state.display());
    }
    let mut show = Show::new(&left, arguments.json, workers);
    let mut failed = FailedPlans::of(&plan, &state);
    let run = Run {
        tasks: left,
        workers,
        command,
        limits: Limits {
            failures_in_a_row: arguments.failures.max_failures_in_a_row,
            ..workers::limits(&arguments.process)
        },
        state: state.clone(),
        ledger: held.ledger,
        reproduce: Some(failed.reproduce()),
        warm: verdicts.warm(&arguments.process),
    };
    let lock = lock.expect("it was taken, for there is something to render");
    crate::interrupt::leave_to_the_farm();
    let mut tell = |event: &FarmEvent| {
        // What a report names is there when the report is told.
        let warning = failed.event(event).map(|text| FarmEvent::Warning { text });
        show.event(event);
        warning.iter().for_each(|warning| show.event(warning));
    };
    let summary = farm::run_carrying(run, &lock, carrier, &mut tell).map_err(Trouble::not_begun)?;
    if let Err(error) = LastRun::now(&plan.header.job, kept, to_do, &summary).write(&state) {
        eprintln!("warning: `tonemill status` will not know of this run: {error}");
    }
    known.read_again()?;
    match known.write(&mut verdicts) {
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

/// Who carries the files of these tasks that lie in object stores.
fn carrier(
    objects: &Objects,
    plan: &Plan,
    site: &Site,
    left: &Queue,
    workers: usize,
) -> Result<Option<Arc<dyn Carrier>>, Trouble> {
    let (shelf, staging, stood) = (site.shelf(), site.clear_staging()?, site.standing());
    objects.carrier(Work { plan, left, workers, shelf, staging, stood })
}

/// Bytes of the files of a plan that stand and stay.
fn standing(plan: &Plan, left: &Queue, known: &Known<'_>) -> u64 {
    let left: HashSet<usize> = left.left().iter().map(|left| left.index as usize).collect();
    let bytes = |index: usize, task: Outline| {
        let names = task.outputs.iter().map(|output| Name::of(&output.path, &plan.header.output_root));
        let kept = names.filter(|_| !left.contains(&index));
        kept.filter_map(|name| known.ledger().get(name)).map(|entry| entry.bytes).sum::<u64>()
    };
    if known.ledger().is_empty() { 0 } else { plan.tasks.each_outline(bytes).into_iter().sum() }
}

/// The tasks of a plan in a range that are left to do, with the outputs that they get.
pub(crate) fn left(plan: &Plan, range: Range<usize>, known: &Known<'_>) -> Result<Queue, Trouble> {
    let decisions = resume::decide(plan, known.ledger(), known.site());
    let root = OutputRoot::from(plan.header.output_root.clone());
    let mut left = Vec::new();
    let mut refused = Vec::new();
    for (index, decision) in (0..).zip(decisions).filter(|(index, _)| range.contains(&(*index as usize))) {
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
        Some(
            StopReason::Asked | StopReason::TimeAlmostUp | StopReason::Hurried | StopReason::FailuresInARow { .. },
        ) => Status::Interrupted,
        Some(_) if summary.remaining > 0 || summary.failed.is_empty() => Status::Interrupted,
        _ if !summary.failed.is_empty() || summary.quarantined > 0 => Status::SomeFailed,
        _ => Status::Done,
    }
}

/// `tonemill plan`.
pub(crate) fn plan(arguments: &PlanArguments) -> Result<Status, Trouble> {
    let objects = Objects::new(&arguments.cache);
    let plan = prepare(&arguments.job, arguments.out.as_deref(), &objects, &arguments.process)?;
    workers::check(&plan, &arguments.process)?;
    Wanted::of(&plan)?;
    if let Some(outlook) = Outlook::of(&plan) {
        outlook.tell();
    }
    match &arguments.output {
        Some(path) if !frozen::is_plan(path) => shards::freeze(&plan, path),
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
fn prepare(job: &Path, out: Option<&Path>, objects: &Objects, process: &ProcessArguments) -> Result<Plan, Trouble> {
    let mut job = jobs::file::read(job).map_err(|mistakes| Trouble::mistakes(&mistakes))?;
    data_set::check(&mut job);
    let fetcher = objects.fetcher();
    let options = Options { output_base: out.map(Path::to_owned), fetcher, ..Options::standard() };
    let mut asking = Asking::new(process)?;
    asking.fetcher = objects.fetcher();
    asking.require_worker()?;
    let plan = jobs::plan::build(&job, &options, &mut InWorker { asking: &mut asking })
        .map_err(|mistakes| Trouble::mistakes(&mistakes))?;
    for warning in &plan.header.warnings {
        eprintln!("warning: {warning}");
    }
    Ok(plan)
}
