//! How this command starts workers.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use farm::{Cause, Client, Limits, Mishap, Programs, WorkerCommand};
use jobs::fetch::{Fetcher, LocalOnly};
use jobs::message::{FromWorker, ToWorker};
use jobs::plan::Plan;
use jobs::sandbox::{Grants, Wanted};
use jobs::task::Task;
use presets::PluginFormat;

use crate::args::{ProcessArguments, ScanArguments};
use crate::sandbox;
use crate::scan::{Scanned, Scanner};
use crate::{Trouble, guard};

/// The worker programs with their arguments: this program itself, unless another is named, and those for the plugins of
/// some folders.
pub(crate) fn command(arguments: &ProcessArguments) -> Result<Programs, Trouble> {
    let mut standard = None;
    let mut folders = Vec::new();
    for text in &arguments.worker {
        match text.split_once('=').filter(|_| !Path::new(text).is_file()) {
            None if standard.is_some() => {
                return Err(Trouble::input(format!(
                    "--worker {text}: there is another --worker for all plugins already. Put the folder in front that this \
                     one is for: --worker FOLDER={text}"
                )));
            }
            None => standard = Some(program(Path::new(text))?),
            Some((folder, path)) => {
                if !Path::new(folder).is_dir() {
                    return Err(Trouble::input(format!("--worker {text}: there is no folder {folder}")));
                }
                let folder = std::path::absolute(folder).map_err(|error| Trouble::system(folder, error))?;
                folders.push((folder, program(Path::new(path))?));
            }
        }
    }
    let standard = match standard {
        Some(standard) => standard,
        None => {
            let own = std::env::current_exe();
            own.map_err(|error| Trouble::system("cannot find this program to start it as a worker", error))?
        }
    };
    let worker = |program| worker(program, arguments.sandbox);
    let mut programs = Programs::from(worker(standard));
    folders.into_iter().for_each(|(folder, program)| programs.serve(&folder, worker(program)));
    Ok(programs)
}

fn program(path: &Path) -> Result<PathBuf, Trouble> {
    if !path.is_file() {
        return Err(Trouble::input(format!("there is no worker program {}", path.display())));
    }
    std::path::absolute(path).map_err(|error| Trouble::system(path.display(), error))
}

fn worker(program: PathBuf, wanted: Wanted) -> WorkerCommand {
    let mut command = WorkerCommand::new(program);
    command.confinement = sandbox::confinement(wanted, &command.program);
    command.args.push("worker".into());
    command.env.push((guard::VARIABLE.into(), guard::mark().into()));
    command
}

/// Fails where the plugins of a task need different workers.
pub(crate) fn check(plan: &Plan, arguments: &ProcessArguments) -> Result<(), Trouble> {
    /// How many tasks are named at most.
    const MOST: usize = 20;
    let programs = command(arguments)?;
    if !programs.differ() {
        return Ok(());
    }
    let mixed = |task: Task| programs.check(&task).err().map(|mixed| format!("{}: {mixed}", task.label));
    let mut mistakes: Vec<String> = plan.tasks.iter().filter_map(mixed).take(MOST + 1).collect();
    if mistakes.is_empty() {
        return Ok(());
    }
    if mistakes.len() > MOST {
        mistakes[MOST] = "... and more".to_owned();
    }
    mistakes.push("Nothing was rendered".to_owned());
    Err(Trouble::input(mistakes.join("\n")))
}

/// The limits that the arguments set.
pub(crate) fn limits(arguments: &ProcessArguments) -> Limits {
    // Whoever takes nearly all that there is brings down the machine, or has others killed.
    let most = || farm::memory::available().map(|available| available / 10 * 9);
    Limits {
        stall: Duration::from_secs_f64(arguments.stall_timeout),
        load: Duration::from_secs_f64(arguments.load_timeout),
        total: arguments.task_timeout.map(Duration::from_secs_f64),
        recycle_after: arguments.recycle.get(),
        growth: Some(arguments.recycle_growth.0),
        memory: arguments.memory.map(|size| size.0).or_else(most),
        ..Limits::default()
    }
}

/// How many workers work at once, unless told otherwise: one a processor.
pub(crate) fn count(asked: Option<NonZeroUsize>) -> usize {
    let processors = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    asked.map_or_else(processors, NonZeroUsize::get)
}

/// A worker to ask, and what is known of the plugins that there are.
pub(crate) struct Asking {
    // In this order: the worker ends first; then nothing uses the folder.
    client: Client,
    folder: WorkFolder,
    process: ProcessArguments,
    scanner: Option<Scanner>,
    plugins: HashMap<PluginFormat, Scanned>,
    /// Who brings files of devices that lie in object stores.
    pub(crate) fetcher: Rc<dyn Fetcher>,
}

impl Asking {
    pub(crate) fn new(arguments: &ProcessArguments) -> Result<Asking, Trouble> {
        sandbox::look(arguments)?;
        let folder = WorkFolder::new();
        let state = folder.path().to_owned();
        let client = Client::new(command(arguments)?, limits(arguments), state).map_err(Trouble::input)?;
        let (process, plugins) = (arguments.clone(), HashMap::new());
        Ok(Asking { client, folder, process, scanner: None, plugins, fetcher: Rc::new(LocalOnly) })
    }

    /// The folder for whatever lasts no longer than this.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Fails if no worker can be started: that is no mistake of any file.
    pub(crate) fn require_worker(&mut self) -> Result<(), Trouble> {
        match self.ask(ToWorker::ListBuiltin) {
            Err(mishap) if matches!(mishap.cause, Cause::StartFailed { .. }) => Err(Trouble::input(mishap)),
            // Whatever else is wrong shows with the devices.
            _ => Ok(()),
        }
    }

    pub(crate) fn ask(&mut self, request: ToWorker) -> Result<FromWorker, Box<Mishap>> {
        self.client.ask(request)
    }

    /// Lets devices touch more than what requests name.
    pub(crate) fn grant(&mut self, grants: &Grants) {
        self.client.grant(grants);
    }

    /// All plugin files of a format; the catalogue is brought up to date for it with the first call.
    pub(crate) fn plugins(&mut self, format: PluginFormat) -> Result<&Scanned, Trouble> {
        let scanned = match self.plugins.remove(&format) {
            Some(known) => known,
            None => {
                let process = &self.process;
                let scanner = self.scanner.get_or_insert_with(|| Scanner::new(process, &ScanArguments::default()));
                scanner.scan(&[format])?
            }
        };
        Ok(self.plugins.entry(format).or_insert(scanned))
    }
}

/// A temporary folder for logs and scratch, which is removed at the end.
pub(crate) struct WorkFolder(PathBuf);

impl WorkFolder {
    /// One that no other part of this process has. Whoever uses it makes it.
    pub(crate) fn new() -> WorkFolder {
        static MADE: AtomicU32 = AtomicU32::new(0);
        remove_left_behind();
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        WorkFolder(std::env::temp_dir().join(format!("tonemill-{}-{number}", std::process::id())))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for WorkFolder {
    fn drop(&mut self) {
        match std::fs::remove_dir_all(&self.0) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                eprintln!("cannot remove {}: {error}", self.0.display());
            }
            _ => {}
        }
    }
}

/// What went wrong in a worker, with the last lines that it printed.
pub(crate) fn words(mishap: &Mishap) -> String {
    let mut words = mishap.reason();
    for line in &mishap.stderr {
        words += &format!("\n    | {line}");
    }
    words
}

/// Removes folders of processes that were killed before they could.
fn remove_left_behind() {
    for entry in std::fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| name.strip_prefix("tonemill-")?.split('-').next()?.parse::<u32>().ok());
        if pid.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists()) && Path::new("/proc/self").exists() {
            // Another process may be removing it too, or it may be somebody else's: neither matters.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}
