//! A task rendered in the calling process, without a farm: what a debugger can be attached to.

use std::io;
use std::os::unix::net::UnixStream;

use jobs::frame::{read_frame, write_frame};
use jobs::message::{FromWorker, ToWorker};
use jobs::task::Task;

use crate::report::Reporter;
use crate::{serve, strict};

/// Gives this process what a worker has, as far as only the process itself can: fixed addresses, for which the program is
/// executed anew once. Call before anything else that lasts.
pub fn prepare_here() {
    strict::execute_again_with_fixed_addresses();
}

/// Renders a task on the calling thread, in the way a worker does, and returns its answer: [`FromWorker::Finished`] or
/// [`FromWorker::Failed`]. What it says meanwhile goes to `told` before it goes on. A plugin that crashes ends this process.
pub fn render_here(task: Task, told: fn(&FromWorker)) -> io::Result<Option<FromWorker>> {
    let (own, mut other) = UnixStream::pair()?;
    let farm = std::thread::Builder::new().name("farm".into()).spawn(move || -> io::Result<Option<FromWorker>> {
        let mut waiting = Some(ToWorker::Render { attempt: 1, last: true, warm: Vec::new(), task: Box::new(task) });
        let mut answer = None;
        while let Some(message) = read_frame::<FromWorker>(&mut other).map_err(io::Error::other)? {
            match message {
                // The second time its devices are destroyed, too.
                FromWorker::Ready { .. } => {
                    write_frame(&mut other, &waiting.take().unwrap_or(ToWorker::Exit)).map_err(io::Error::other)?;
                }
                FromWorker::Finished { .. } | FromWorker::Failed(_) => answer = Some(message),
                _ => {}
            }
        }
        Ok(answer)
    })?;
    let served = serve(&mut Reporter::telling(own, told));
    let answer = farm.join().expect("that thread does not panic");
    served.and(answer)
}
