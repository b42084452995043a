//! What stands in an output folder.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use farm::blame::Standing;
use farm::{Report, journal};
use jobs::manifest;
use jobs::plan::folder::PlanFolder;
use serde::Serialize;

use crate::args::StatusArguments;
use crate::blame;
use crate::last::LastRun;
use crate::show::count;
use crate::site::{manifest_of, nothing_known, state_of};
use crate::{Status, Trouble, shards};

/// How many failed tasks are shown to people.
const MOST_SHOWN: usize = 20;

/// All that is known.
#[derive(Serialize)]
struct Known<'a> {
    /// Tasks whose files stand, by the manifest and the journals.
    done: usize,
    /// Tasks that are not done, where a run has ended that knew how many there are.
    missing: Option<usize>,
    /// The last report of each task that was given up and is not done.
    failed: Vec<Report>,
    /// What is held against plugins.
    blame: Vec<&'a Standing>,
    last_run: Option<LastRun>,
}

/// `tonemill status`.
pub(crate) fn status(arguments: &StatusArguments) -> Result<Status, Trouble> {
    if PlanFolder::is_at(&arguments.out) {
        return shards::status(&arguments.out, arguments.json);
    }
    let out = &arguments.out;
    let state = state_of(out);
    if !state.is_dir() && !manifest_of(out).is_file() {
        return Err(Trouble::input(nothing_known(out)));
    }
    let held = blame::read(blame::states(&state)?)?;
    let last_run = LastRun::read(&state)?;
    let (done, failed) = tasks(out, last_run.as_ref())?;
    let missing = last_run.as_ref().map(|last| last.tasks.saturating_sub(done));
    let known = Known { done, missing, failed, blame: held.ledger.standings().collect(), last_run };
    if arguments.json {
        return crate::print_json(&known);
    }
    let mut words = format!("{} done", count(known.done, "task"));
    if let Some(missing) = known.missing {
        words += &format!(", {missing} missing");
    }
    words += ".\n";
    if let Some(last) = &known.last_run {
        let summary = &last.summary;
        words += &format!(
            "The last run, of {}, ended {}: {} rendered, {} failed, {} not rendered because of a quarantined plugin, {} left.\n",
            if last.job.is_empty() { "a job without a name" } else { &last.job },
            blame::time(last.ended),
            summary.finished,
            summary.failed.len(),
            summary.quarantined,
            summary.remaining
        );
        if let Some(reason) = &summary.stopped {
            words += &format!("It stopped early: {reason}\n");
        }
    }
    if !known.failed.is_empty() {
        words += &format!("Failed: {}.\n", count(known.failed.len(), "task"));
        known.failed.iter().take(MOST_SHOWN).for_each(|report| words += &format!("  {report}\n"));
        if known.failed.len() > MOST_SHOWN {
            words += &format!("  ... and {} more; --json shows all\n", known.failed.len() - MOST_SHOWN);
        }
    }
    words += &blame::words(&held, &format!("tonemill retry {}", out.display()));
    crate::print_text(&words)
}

/// How many tasks are done, and the reports of those that were given up.
fn tasks(out: &Path, last: Option<&LastRun>) -> Result<(usize, Vec<Report>), Trouble> {
    let mut done: BTreeSet<String> = BTreeSet::new();
    manifest::each(&manifest_of(out), |record| {
        done.insert(record.key);
    })
    .map_err(Trouble::input)?;
    let mut told = Vec::new();
    for state in blame::states(&state_of(out))? {
        for path in journal::paths(&state).map_err(Trouble::input)? {
            let each = journal::each(&path, |entry, _, _| match entry {
                journal::Entry::Finished { key, .. } => {
                    done.insert(key);
                }
                journal::Entry::Failed { report } => told.push(*report),
                journal::Entry::Begun { .. } | journal::Entry::Started { .. } => {}
            });
            each.map_err(Trouble::input)?;
        }
    }
    let reports = last.into_iter().flat_map(|last| last.summary.failed.iter().cloned());
    let mut failed: BTreeMap<String, Report> = BTreeMap::new();
    for report in reports.chain(told).filter(|report| !report.retried && !done.contains(&report.key)) {
        failed.insert(report.key.clone(), report);
    }
    let mut failed: Vec<Report> = failed.into_values().collect();
    failed.sort_by_key(|report| report.task);
    // Tasks of one content and several places share a key.
    let finished = last.map_or(0, |last| last.kept + last.summary.finished as usize);
    Ok((done.len().max(finished), failed))
}
