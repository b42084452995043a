//! Frozen plans, to be rendered as they are.

use std::collections::HashSet;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use jobs::ENGINE;
use jobs::fetch::Fetcher;
use jobs::hash::Hashes;
use jobs::plan::folder::PlanFolder;
use jobs::plan::{Header, Plan};
use jobs::task::Source;
use presets::url::is_url;

use crate::Trouble;

/// Whether a path is that of a plan rather than of a job.
pub(crate) fn is_plan(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("jsonl"))
}

/// Reads a plan, made by this very build.
pub(crate) fn open(path: &Path) -> Result<Plan, Trouble> {
    if PlanFolder::is_at(path) {
        let plan = PlanFolder::open(path).and_then(|folder| folder.whole()).map_err(Trouble::input)?;
        check_engine(&plan.header, path)?;
        return Ok(plan);
    }
    let shown = path.display();
    let file = File::open(path).map_err(|error| Trouble::system(format!("cannot read {shown}"), error))?;
    let plan = Plan::read(BufReader::new(file)).map_err(|error| Trouble::input(format!("{shown}: {error}")))?;
    check_engine(&plan.header, path)?;
    Ok(plan)
}

/// Fails where another build made a plan.
pub(crate) fn check_engine(header: &Header, path: &Path) -> Result<(), Trouble> {
    if header.engine == ENGINE {
        return Ok(());
    }
    let (shown, engine) = (path.display(), &header.engine);
    Err(Trouble::input(format!("{shown} was made by {engine}, and this is {ENGINE}. Make the plan anew")))
}

/// Reads a plan, whose files must be what they were when it was made.
/// What lies in object stores is looked at when its task begins.
pub(crate) fn read(path: &Path, fetcher: &dyn Fetcher) -> Result<Plan, Trouble> {
    let plan = open(path)?;
    check_sources(plan.tasks.sources().into_iter(), path, fetcher)?;
    Ok(plan)
}

/// Fails where one of the files that tasks of a plan need is not what it was when the plan was made.
pub(crate) fn check_sources(
    sources: impl Iterator<Item = Source>,
    path: &Path,
    fetcher: &dyn Fetcher,
) -> Result<(), Trouble> {
    let shown = path.display();
    let mut hashes = Hashes::default();
    let mut seen = HashSet::new();
    for source in sources {
        // What is part of the program is what it was, since the program is.
        if source.path.starts_with("embedded:") || !seen.insert((source.path.clone(), source.blake3.clone())) {
            continue;
        }
        if is_url(Path::new(&source.path)) {
            if let Some(refusal) = fetcher.refusal() {
                return Err(Trouble::input(format!("{shown} needs {}: {refusal}", source.path)));
            }
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
