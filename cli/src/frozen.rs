//! Frozen plans, to be rendered as they are.

use std::collections::HashSet;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use jobs::ENGINE;
use jobs::hash::Hashes;
use jobs::plan::Plan;
use jobs::task::Task;

use crate::Trouble;

/// Whether a path is that of a plan rather than of a job.
pub(crate) fn is_plan(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("jsonl"))
}

/// Reads a plan, made by this very build.
pub(crate) fn open(path: &Path) -> Result<Plan, Trouble> {
    let shown = path.display();
    let file = File::open(path).map_err(|error| Trouble::system(format!("cannot read {shown}"), error))?;
    let plan = Plan::read(BufReader::new(file)).map_err(|error| Trouble::input(format!("{shown}: {error}")))?;
    if plan.header.engine != ENGINE {
        let engine = &plan.header.engine;
        let words = format!("{shown} was made by {engine}, and this is {ENGINE}. Make the plan anew");
        return Err(Trouble::input(words));
    }
    Ok(plan)
}

/// Reads a plan, whose files must be what they were when it was made.
pub(crate) fn read(path: &Path) -> Result<Plan, Trouble> {
    let plan = open(path)?;
    require_sources(path, plan.tasks.iter())?;
    Ok(plan)
}

/// Fails where a file that tasks of a plan depend on is not what it was.
pub(crate) fn require_sources(path: &Path, tasks: impl Iterator<Item = Task>) -> Result<(), Trouble> {
    let shown = path.display();
    let mut hashes = Hashes::default();
    let mut seen = HashSet::new();
    for source in tasks.flat_map(|task| task.sources) {
        // What is part of the program is what it was, since the program is.
        if source.path.starts_with("embedded:") || !seen.insert((source.path.clone(), source.blake3.clone())) {
            continue;
        }
        let now = hashes
            .of(Path::new(&source.path))
            .map_err(|error| Trouble::system(format!("{shown} needs {}, which cannot be read", source.path), error))?;
        if now != source.blake3 {
            let words = format!("{} has changed since {shown} was made. Make the plan anew", source.path);
            return Err(Trouble::input(words));
        }
    }
    Ok(())
}
