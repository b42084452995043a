//! How this command starts workers.

use std::path::{Path, PathBuf};
use std::time::Duration;

use farm::{Cause, Client, Limits, Mishap, WorkerCommand};
use jobs::message::{FromWorker, ToWorker};

use crate::Trouble;
use crate::args::ProcessArguments;

/// The worker program with its arguments: this program itself, unless another is named.
pub(crate) fn command(arguments: &ProcessArguments) -> Result<WorkerCommand, Trouble> {
    let program = match &arguments.worker {
        Some(path) if !path.is_file() => {
            return Err(Trouble::input(format!("there is no worker program {}", path.display())));
        }
        Some(path) => std::path::absolute(path).map_err(|error| Trouble::system(path.display(), error))?,
        None => std::env::current_exe()
            .map_err(|error| Trouble::system("cannot find this program to start it as a worker", error))?,
    };
    let mut command = WorkerCommand::new(program);
    command.args.push("worker".into());
    Ok(command)
}

/// The limits that the arguments set.
pub(crate) fn limits(arguments: &ProcessArguments) -> Limits {
    Limits {
        stall: Duration::from_secs_f64(arguments.stall_timeout),
        load: Duration::from_secs_f64(arguments.load_timeout),
        ..Limits::default()
    }
}

/// A worker to ask, in a folder of its own that is removed at the end.
pub(crate) struct Asking {
    client: Option<Client>,
    folder: PathBuf,
}

impl Asking {
    pub(crate) fn new(arguments: &ProcessArguments) -> Result<Asking, Trouble> {
        remove_left_behind();
        let folder = std::env::temp_dir().join(format!("tonemill-{}", std::process::id()));
        let client = Client::new(command(arguments)?, limits(arguments), folder.clone()).map_err(Trouble::input)?;
        Ok(Asking { client: Some(client), folder })
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
        self.client.as_mut().expect("it is there until it is dropped").ask(request)
    }
}

/// Removes folders of processes that were killed before they could.
fn remove_left_behind() {
    for entry in std::fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| name.strip_prefix("tonemill-")?.parse::<u32>().ok());
        if pid.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists()) && Path::new("/proc/self").exists() {
            // Another process may be removing it too, or it may be somebody else's: neither matters.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        // The worker ends first; then nothing uses the folder.
        drop(self.client.take());
        if let Err(error) = std::fs::remove_dir_all(&self.folder) {
            eprintln!("cannot remove {}: {error}", self.folder.display());
        }
    }
}
