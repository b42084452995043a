//! One process that renders one task at a time and may die.
//!
//! [`run`] is the whole life of a worker: it guards its streams, confines itself, says that it is ready, and answers requests until it
//! is told to leave or its farm is gone. A request becomes devices in `configure` and `build`, sound in `render`,
//! and files in `publish`; every step that a plugin could spoil is announced before it is taken. What goes into a tone comes
//! from `takes`, what comes out is held against it in `dry` and `flagged`, and `annotations` follow.

mod annotations;
mod asked;
mod build;
mod capture;
mod configure;
mod desk;
mod dry;
mod examine;
mod flagged;
mod guard;
mod here;
mod probe;
mod publish;
mod render;
mod report;
mod sandbox;
mod stems;
mod strict;
mod sync;
mod takes;
mod warm;

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use audio::device::DeviceInfo;
use jobs::message::{Failure, FromWorker, Phase, ToWorker};

pub use crate::here::{prepare_here, render_here};
use crate::report::Reporter;

/// Serves requests on standard input, which must be a socket, until told to leave. This is the whole of a worker
/// program's `main`. Fails only if the process was not started as a worker.
pub fn run() -> ExitCode {
    strict::execute_again_with_fixed_addresses();
    let socket = match guard::take_over() {
        Ok(socket) => socket,
        Err(error) => {
            eprintln!("this is a worker process of tonemill; it is started by the farm, not by hand: {error}");
            return ExitCode::from(2);
        }
    };
    // No thread has started yet, and nobody else's code has run.
    if let Err(words) = sandbox::confine() {
        eprintln!("{words}");
        return ExitCode::from(2);
    }
    let mut reporter = Reporter::new(socket);
    match serve(&mut reporter) {
        // Leaving by exit runs no destructor of a plugin's globals that dlclose would; the libraries stay loaded.
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the worker lost its farm: {error}");
            ExitCode::from(1)
        }
    }
}

/// The built-in devices, as a worker of this program lists them. No plugin is loaded.
pub fn builtin() -> Vec<DeviceInfo> {
    devices::list()
}

fn serve(reporter: &mut Reporter) -> io::Result<()> {
    let mut kept = render::Kept::new();
    loop {
        reporter.send(&FromWorker::Ready { engine: jobs::ENGINE.to_owned(), sandbox: sandbox::level() })?;
        let request = reporter.receive()?;
        let Some(request) = request else { return Ok(()) };
        // A panic is our own mistake. The process may be in any state then, so it says so and ends.
        let answered = catch_unwind(AssertUnwindSafe(|| match request {
            ToWorker::Render { task, last, warm, .. } => {
                render::render(&task, last, &warm, &mut kept, reporter).map(|()| true)
            }
            ToWorker::Examine { setup, audio, signal } => {
                examine::examine(&setup, audio, signal, reporter).map(|()| true)
            }
            ToWorker::Capture { setup, audio, state } => {
                capture::capture(&setup, audio, &state, reporter).map(|()| true)
            }
            ToWorker::Probe { setup, audio, script } => probe::probe(&setup, audio, &script, reporter).map(|()| true),
            ToWorker::List { format, path } => examine::list(format, &path, reporter).map(|()| true),
            ToWorker::ReadPresets { path } => examine::read_presets(&path, reporter).map(|()| true),
            ToWorker::ListBuiltin => examine::list_builtin(reporter).map(|()| true),
            ToWorker::Exit => Ok(false),
        }));
        match answered {
            Ok(Ok(true)) => {}
            Ok(Ok(false)) => return Ok(()),
            Ok(Err(error)) => return Err(error),
            Err(_) => {
                reporter.send(&FromWorker::Failed(Failure {
                    phase: Phase::Process,
                    device: None,
                    at_seconds: None,
                    reason: "tonemill itself made a mistake; please report it with the worker's log".to_owned(),
                    retry: false,
                    stop_run: false,
                }))?;
                return Ok(());
            }
        }
    }
}
