//! What a worker does before any plugin can be loaded.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};

/// Names the process that must be the parent; a worker whose parent has changed leaves at once.
const PARENT: &str = "TONEMILL_PARENT";

/// Takes the socket from standard input to a private descriptor, so that nothing a plugin prints or reads can touch it:
/// standard input becomes empty, standard output becomes standard error. Asks the system to end this process when its
/// farm dies.
pub(crate) fn take_over() -> io::Result<UnixStream> {
    // The duplicate is closed on exec: no grandchild holds the conversation open.
    let socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    socket.peer_addr()?;
    let parent = std::env::var(PARENT).ok().and_then(|text| text.parse::<i32>().ok());
    #[cfg(target_os = "linux")]
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // The parent may have died before the signal was asked for.
    if parent.is_some() && parent != getppid().map(Pid::as_raw_pid) {
        return Err(io::Error::other("the process that started it is gone"));
    }
    rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
    rustix::stdio::dup2_stdout(io::stderr())?;
    Ok(socket)
}
