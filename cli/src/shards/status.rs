//! `tonemill status`: what is done of a plan folder, and exactly what is not.

use std::path::Path;

use jobs::quarantine::STATE;
use serde::Serialize;

use super::failed::Failed;
use crate::manifest::Known;
use crate::site::Site;
use crate::{Status, Trouble, blame, render, show};

/// Failed tasks that are told with their reasons.
const MOST_TOLD: usize = 20;

/// A task that is not done.
#[derive(Debug, Serialize)]
struct Missing {
    number: u32,
    label: String,
    /// Why its last attempt failed, if one did.
    #[serde(skip_serializing_if = "Option::is_none")]
    failed: Option<String>,
}

/// `tonemill status`.
pub(crate) fn status(path: &Path, json: bool) -> Result<Status, Trouble> {
    let folder = super::open(path)?;
    let plan = folder.whole().map_err(Trouble::input)?;
    let site = Site::on_disk(&plan);
    let known = Known::read(&plan, &site, false)?;
    let left = render::left(&plan, 0..plan.tasks.len(), &known)?;
    let state = plan.header.output_root.join(STATE);
    let failed = Failed::read(&state)?;
    let runs = farm::shards::all(&state).map_err(Trouble::input)?;
    let mut at_work = Vec::new();
    for run in runs {
        if farm::shards::take_over(&run).map_err(Trouble::input)?.is_none() {
            at_work.push(run.file_name().unwrap_or_default().to_string_lossy().into_owned());
        }
    }
    let missing = left.iter().map(|task| {
        let report = failed.report(&task.key);
        Missing { number: task.number, label: task.label, failed: report.map(|report| report.mishap.to_string()) }
    });
    let missing: Vec<Missing> = missing.collect();
    let done = plan.tasks.len() - missing.len();
    let held = blame::read(blame::states(&state)?)?;
    if json {
        let held: Vec<_> = held.ledger.standings().collect();
        let about = serde_json::json!({
            "tasks": plan.tasks.len(), "done": done, "missing": missing, "at_work": at_work, "blame": held,
        });
        crate::print_json(&about)?;
    } else {
        let failures = missing.iter().filter(|task| task.failed.is_some()).count();
        let mut text = format!("{}: {done} done, {} missing", show::count(plan.tasks.len(), "task"), missing.len());
        if failures > 0 {
            text += &format!(", {failures} of them failed");
        }
        text += ".\n";
        if !missing.is_empty() {
            text += &format!("Missing: {}\n", ranges(missing.iter().map(|task| task.number)));
        }
        let told = missing.iter().filter_map(|task| Some((task, task.failed.as_ref()?)));
        for (task, reason) in told.take(MOST_TOLD) {
            text += &format!("  {} ({}): {reason}\n", task.number, task.label);
        }
        if failures > MOST_TOLD {
            text += &format!("  ... and {} more\n", failures - MOST_TOLD);
        }
        if !at_work.is_empty() {
            text += &format!("At work: {}\n", at_work.join(", "));
        }
        text += &blame::words(&held, &format!("tonemill retry {}", path.display()));
        crate::print_text(&text)?;
    }
    Ok(failed.status(left.iter()))
}

/// `0-3, 7, 9-10`.
fn ranges(numbers: impl Iterator<Item = u32>) -> String {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for number in numbers {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => runs.push((number, number)),
        }
    }
    let shown = |(first, last): &(u32, u32)| if first == last { first.to_string() } else { format!("{first}-{last}") };
    runs.iter().map(shown).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_told_as_ranges() {
        assert_eq!(ranges([0, 1, 2, 3, 7, 9, 10].into_iter()), "0-3, 7, 9-10");
        assert_eq!(ranges([].into_iter()), "");
    }
}
