//! `tonemill run`: one part of a plan folder.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use farm::{FarmEvent, Limits, Run};
use jobs::plan::folder::{PlanFolder, Shard};
use jobs::quarantine::STATE;

use crate::args::{CacheArguments, FailureArguments, ProcessArguments};
use crate::blame;
use crate::failed::FailedPlans;
use crate::manifest::{self, Known};
use crate::objects::{Objects, Work};
use crate::render;
use crate::show::{self, Show};
use crate::site::Site;
use crate::verdicts::Verdicts;
use crate::{Status, Trouble, frozen, sandbox, workers};

/// Says how many parts there are, where an engine only says which one this is.
const PARTS: &str = "TONEMILL_SHARDS";

#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    /// The plan folder, as `tonemill plan JOB -o DIR` makes it
    plan: PathBuf,
    /// Render part I of N, from 1/N to N/N [default: as the variables of Slurm or Kubernetes say, else all]
    #[arg(long, value_name = "I/N", value_parser = shard)]
    shard: Option<Shard>,
    /// How many worker processes render at once [default: one a processor]
    #[arg(long, value_name = "N")]
    workers: Option<std::num::NonZeroUsize>,
    /// After an interruption or SIGUSR1, let running tasks go on for this many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 30.0, value_parser = crate::args::seconds)]
    drain: f64,
    /// Print events as JSON lines on standard output
    #[arg(long)]
    json: bool,
    /// Refuse devices that were not probed, or that probing has not shown to be deterministic
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    failures: FailureArguments,
    #[command(flatten)]
    cache: CacheArguments,
    #[command(flatten)]
    process: ProcessArguments,
}

fn shard(text: &str) -> Result<Shard, String> {
    let numbers = text.split_once('/').and_then(|(number, of)| Some((number.parse().ok()?, of.parse().ok()?)));
    let shard = numbers.and_then(|(number, of)| Shard::new(number, of));
    shard.ok_or_else(|| "give I/N, such as 3/8, from 1/8 to 8/8".to_owned())
}

/// Which part the environment names: that of a Slurm array's element, or of an indexed job of Kubernetes.
fn of_environment(variable: impl Fn(&str) -> Option<String>) -> Result<Option<Shard>, String> {
    let number = |name: &str| match variable(name) {
        Some(text) => text.parse::<u32>().map(Some).map_err(|_| format!("{name}={text} is no number")),
        None => Ok(None),
    };
    let (slurm, kubernetes) = (number("SLURM_ARRAY_TASK_ID")?, number("JOB_COMPLETION_INDEX")?);
    let parts = number(PARTS)?;
    let (index, of) = match (slurm, kubernetes) {
        (Some(id), _) => {
            let first = number("SLURM_ARRAY_TASK_MIN")?.unwrap_or(0);
            // An array of some elements only, as one that is sent again, counts these alone: then the number is told.
            let of = parts.map_or_else(|| number("SLURM_ARRAY_TASK_COUNT"), |parts| Ok(Some(parts)))?;
            let first = if parts.is_some() { first.min(1) } else { first };
            (id.checked_sub(first), of)
        }
        (None, Some(index)) => (Some(index), parts),
        (None, None) => return Ok(None),
    };
    let Some(of) = of else {
        return Err(format!(
            "which of how many parts this is cannot be told: set {PARTS} to their number, or give --shard"
        ));
    };
    let shard = index.and_then(|index| Shard::new(index.checked_add(1)?, of));
    let wrong = || format!("the part that the environment names is not among {of} ({PARTS} or SLURM_ARRAY_TASK_COUNT)");
    shard.map(Some).ok_or_else(wrong)
}

/// `tonemill run`.
pub(crate) fn run(arguments: &RunArguments) -> Result<Status, Trouble> {
    let folder = super::open(&arguments.plan)?;
    let variable = |name: &str| std::env::var(name).ok();
    let named = || of_environment(variable).map_err(Trouble::input);
    let shard = arguments.shard.map_or_else(named, |shard| Ok(Some(shard)))?.unwrap_or(Shard::WHOLE);
    let (status, news) = render(arguments, &folder, shard)?;
    // Parts of several are put together when all are done. This is all of it.
    if shard.is_whole() && news { super::merge::after(&folder, status, arguments.json) } else { Ok(status) }
}

/// Renders what is left of a part. Gives whether there is anything that the manifest does not say yet, too.
fn render(arguments: &RunArguments, folder: &PlanFolder, shard: Shard) -> Result<(Status, bool), Trouble> {
    let part = folder.part(shard).map_err(Trouble::input)?;
    let plan = &part.plan;
    let state = plan.header.output_root.join(STATE);
    let site = Site::on_disk(plan);
    let mut known = Known::read(plan, &site, false)?;
    known.sweep()?;
    let left = render::left(plan, part.range.clone(), &known)?;
    let news = known.has_news();
    drop(known);
    let kept = part.range.len() - left.len();
    if left.is_empty() {
        if arguments.json {
            show::event("summary", &serde_json::json!({ "kept": kept, "shard": shard.to_string() }));
        }
        eprintln!("part {shard}: {} done already; nothing was rendered.", show::count(kept, "task"));
        return Ok((Status::Done, news));
    }
    sandbox::look(&arguments.process)?;
    let objects = Objects::new(&arguments.cache);
    frozen::check_sources(left.iter().flat_map(|task| task.sources), &arguments.plan, &*objects.fetcher())?;
    let mut verdicts = Verdicts::new();
    verdicts.look_up(left.iter());
    verdicts.enforce(arguments.strict)?;
    eprintln!("part {shard}: {} to render.", show::count(left.len(), "task"));
    let workers = workers::count(arguments.workers).min(left.len());
    let mut show = Show::new(&left, arguments.json, workers);
    let mut programs = workers::command(&arguments.process)?;
    sandbox::open_plan(&mut programs, &plan.header);
    let work = Work { plan, left: &left, workers, shelf: None, staging: site.staging(), stood: site.standing() };
    let carrier = objects.carrier(work)?;
    sandbox::open_carried(&mut programs, &objects, &site)?;
    let what = shard.to_string().replace('/', "-of-");
    let (own, lock) = farm::shards::begin(&state, &what).map_err(Trouble::not_begun)?;
    let mut failed = FailedPlans::of(plan, &state);
    let limits = Limits {
        drain: Duration::from_secs_f64(arguments.drain),
        failures_in_a_row: arguments.failures.max_failures_in_a_row,
        ..workers::limits(&arguments.process)
    };
    let ledger = blame::read(blame::states(&state)?)?.ledger;
    let reproduce = Some(failed.reproduce());
    let warm = verdicts.warm(&arguments.process);
    let run = Run { tasks: left, workers, command: programs, limits, state: own, ledger, reproduce, warm };
    crate::interrupt::leave_to_the_farm();
    let mut tell = |event: &FarmEvent| {
        let warning = failed.event(event).map(|text| FarmEvent::Warning { text });
        show.event(event);
        warning.iter().for_each(|warning| show.event(warning));
    };
    let summary = farm::run_carrying(run, &lock, carrier, &mut tell).map_err(Trouble::not_begun)?;
    if let Err(trouble) = manifest::write_index(&summary.journal, &plan.header.output_root) {
        eprintln!("warning: {}; the journal itself is read instead", trouble.words);
    }
    show.end(&summary, kept, None);
    crate::interrupt::end_at_once();
    Ok((render::status(&summary), true))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> Result<Option<String>, String> {
        let variable = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, v)| (*v).to_owned());
        Ok(of_environment(variable)?.map(|shard| shard.to_string()))
    }

    #[test]
    fn a_part_is_named_from_1() {
        assert_eq!(shard("3/8").unwrap().to_string(), "3/8");
        for wrong in ["0/8", "9/8", "3", "a/b", "1/0", "-1/2", ""] {
            assert!(shard(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn slurm_and_kubernetes_say_which_part_this_is() {
        assert_eq!(of(&[]), Ok(None));
        let array = |id, min, count| {
            of(&[("SLURM_ARRAY_TASK_ID", id), ("SLURM_ARRAY_TASK_MIN", min), ("SLURM_ARRAY_TASK_COUNT", count)])
        };
        assert_eq!(array("0", "0", "4"), Ok(Some("1/4".to_owned())));
        assert_eq!(array("4", "1", "4"), Ok(Some("4/4".to_owned())));
        assert!(array("7", "1", "4").is_err());
        let again = [("SLURM_ARRAY_TASK_ID", "3"), ("SLURM_ARRAY_TASK_MIN", "3"), ("SLURM_ARRAY_TASK_COUNT", "1")];
        assert_eq!(of(&[&again[..], &[(PARTS, "8")]].concat()), Ok(Some("3/8".to_owned())));
        assert_eq!(of(&[("JOB_COMPLETION_INDEX", "7"), (PARTS, "8")]), Ok(Some("8/8".to_owned())));
        let untold = of(&[("JOB_COMPLETION_INDEX", "7")]).unwrap_err();
        assert!(untold.contains(PARTS) && untold.contains("--shard"), "{untold}");
    }
}
