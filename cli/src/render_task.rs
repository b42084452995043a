//! One task of a plan, alone: to look into a failure.

use std::path::{Path, PathBuf};

use jobs::fetch::{Fetcher, Local};
use jobs::message::{FromWorker, ToWorker};
use jobs::plan::Plan;
use jobs::quarantine::OutputRoot;
use jobs::task::{Source, Task};
use presets::url::is_url;

use crate::args::RenderTaskArguments;
use crate::frozen;
use crate::objects::Objects;
use crate::workers::{self, Asking};
use crate::{Status, Trouble};

/// Names the scratch folder of a process that has a worker's environment already.
const HERE: &str = "TONEMILL_IN_PROCESS";

/// `tonemill render-task`.
pub(crate) fn render_task(arguments: &RenderTaskArguments) -> Result<Status, Trouble> {
    let (path, number) = place(&arguments.task)?;
    let objects = Objects::new(&arguments.cache);
    let plan = frozen::open(&path)?;
    let task = plan.tasks.iter().find(|task| task.number == number).ok_or_else(|| {
        let count = crate::show::count(plan.tasks.len(), "task");
        Trouble::input(format!("{} has no task {number}; it has {count}", path.display()))
    })?;
    if let Err(trouble) = frozen::check_sources(task.sources.iter().cloned(), &path, &*objects.fetcher()) {
        eprintln!("warning: {}; what failed may not fail again", trouble.words);
    }
    let mut task = moved(task, &plan, arguments.out.as_deref())?;
    // They stay on this machine as long as this is held.
    let _held = brought(&mut task, &*objects.fetcher())?;
    if arguments.in_process { here(task) } else { in_worker(task, arguments) }
}

/// Brings what a task reads from object stores to this machine, and has the task read it here.
fn brought(task: &mut Task, fetcher: &dyn Fetcher) -> Result<Vec<Local>, Trouble> {
    let (mut held, mut refused) = (Vec::new(), None);
    let sources = &mut task.sources;
    let mut bring = |path: &mut PathBuf| {
        if is_url(path) {
            match fetcher.fetch(path) {
                Ok(local) => {
                    // A worker may read what is among the sources.
                    let same = |source: &&mut Source| Path::new(&source.path) == *path;
                    let sources = sources.iter_mut().filter(same);
                    sources.for_each(|source| source.path = local.path.display().to_string());
                    path.clone_from(&local.path);
                    held.push(local);
                }
                Err(error) => refused = Some(error),
            }
        }
    };
    task.render.for_each_file(&mut bring);
    task.annotations.iter_mut().for_each(|annotation| bring(&mut annotation.source));
    refused.map_or(Ok(held), |error| Err(Trouble::input(error)))
}

/// The plan and the number in `PLAN#N`.
fn place(text: &str) -> Result<(PathBuf, u32), Trouble> {
    let parts = text.rsplit_once('#').and_then(|(plan, number)| Some((plan, number.parse().ok()?)));
    match parts {
        Some((plan, number)) if !plan.is_empty() => Ok((PathBuf::from(plan), number)),
        _ => Err(Trouble::input(format!("\"{text}\" is not PLAN#N, such as out.jsonl#37: a plan and a task's number"))),
    }
}

/// The task with other places for its files: nothing that stands is replaced, save what an earlier call has left in the folder
/// that it goes to by itself.
fn moved(mut task: Task, plan: &Plan, out: Option<&Path>) -> Result<Task, Trouble> {
    let root = &plan.header.output_root;
    let absolute = |path: &Path| std::path::absolute(path).map_err(|error| Trouble::system(path.display(), error));
    let is_file = |path: &Path| {
        let asked = task.outputs.first().and_then(|output| output.path.extension());
        path.extension().is_some_and(|extension| asked == Some(extension)) && !path.is_dir()
    };
    let folder = match out {
        Some(file) if is_file(file) => {
            let [output] = &mut task.outputs[..] else {
                return Err(Trouble::input("the task writes several files: give a folder with --out"));
            };
            let file = absolute(file)?;
            output.path.clone_from(&file);
            let folder = file.parent().map_or_else(|| root.clone(), Path::to_owned);
            task.annotations.clear();
            folder
        }
        given => {
            let folder = match given {
                Some(folder) => absolute(folder)?,
                None => beside(root, task.number),
            };
            let outputs = task.outputs.iter_mut().map(|output| &mut output.path);
            for path in outputs.chain(task.annotations.iter_mut().map(|annotation| &mut annotation.path)) {
                let below =
                    path.strip_prefix(root).map_or_else(|_| path.file_name().map(PathBuf::from), |p| Some(p.into()));
                *path = folder.join(below.unwrap_or_default());
            }
            folder
        }
    };
    if let Some(standing) = out.and(task.paths().find(|path| path.exists())) {
        let words = format!("{} stands already. Move it away, or give another --out", standing.display());
        return Err(Trouble::input(words));
    }
    if task.checks.may_quarantine() {
        task.checks.output_root = Some(OutputRoot::from(folder));
    }
    Ok(task)
}

/// The folder beside an output folder for one task of it.
fn beside(root: &Path, number: u32) -> PathBuf {
    // Where an output folder lies in an object store, it is the working directory that this goes to.
    let root = if is_url(root) { Path::new(root.file_name().unwrap_or_default()) } else { root };
    let mut name = root.file_name().unwrap_or_default().to_owned();
    name.push(format!(".task-{number}"));
    root.with_file_name(name)
}

fn in_worker(task: Task, arguments: &RenderTaskArguments) -> Result<Status, Trouble> {
    let mut asking = Asking::new(&arguments.process)?;
    match asking.ask(ToWorker::Render { attempt: 1, last: true, warm: Vec::new(), task: Box::new(task) }) {
        Ok(answer) => concluded(Some(answer)),
        Err(mishap) => Err(Trouble { words: workers::words(&mishap), status: Status::SomeFailed }),
    }
}

/// Renders in this process. It is executed anew with a worker's environment first, so that plugins find the same as there.
fn here(task: Task) -> Result<Status, Trouble> {
    let Some(scratch) = std::env::var_os(HERE).map(PathBuf::from) else { return Err(with_environment()) };
    render_worker::prepare_here();
    let told = |message: &FromWorker| {
        if let FromWorker::Phase { phase, device } = message {
            let device = device.as_ref().map_or_else(String::new, |device| format!(" \"{device}\""));
            eprintln!("{phase:?}{device}");
        }
    };
    let answer = render_worker::render_here(task, told).map_err(|error| Trouble::system("cannot render here", error));
    if let Err(error) = std::fs::remove_dir_all(&scratch) {
        eprintln!("warning: {} cannot be removed: {error}", scratch.display());
    }
    concluded(answer?)
}

/// Executes this program again with the environment of a worker. Returns only where that fails.
fn with_environment() -> Trouble {
    use std::os::unix::process::CommandExt;

    let cannot = |error| Trouble::system("cannot render in this process as a worker would", error);
    // The process stays the same one, and whoever finds a folder of one that has ended removes it.
    let scratch = std::env::temp_dir().join(format!("tonemill-{}-task", std::process::id()));
    let environment = match farm::WorkerCommand::environment_here(&scratch) {
        Ok(environment) => environment,
        Err(error) => return cannot(error),
    };
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => return cannot(error),
    };
    let mut command = std::process::Command::new(program);
    cannot(command.args(std::env::args_os().skip(1)).envs(environment).env(HERE, &scratch).exec())
}

fn concluded(answer: Option<FromWorker>) -> Result<Status, Trouble> {
    let failed = |words: String| Err(Trouble { words, status: Status::SomeFailed });
    match answer {
        Some(FromWorker::Finished { rendered }) => {
            rendered.warnings.iter().for_each(|warning| eprintln!("warning: {warning}"));
            for file in &rendered.files {
                eprintln!("{}: {} frames, {} channels", file.path.display(), file.frames, file.channels);
            }
            eprintln!("The task was rendered without a failure.");
            Ok(Status::Done)
        }
        Some(FromWorker::Failed(failure)) => failed(failure.reason),
        _ => failed("the worker gave no answer".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_named_by_its_plan_and_number() {
        assert_eq!(place("a#b/plan.jsonl#37").unwrap(), (PathBuf::from("a#b/plan.jsonl"), 37));
        for wrong in ["plan.jsonl", "plan.jsonl#", "#3", "plan.jsonl#-1"] {
            assert!(place(wrong).unwrap_err().words.contains("PLAN#N"), "{wrong}");
        }
    }

    #[test]
    fn its_files_go_beside_the_output_folder() {
        assert_eq!(beside(Path::new("/data/out"), 37), Path::new("/data/out.task-37"));
    }
}
