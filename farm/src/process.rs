//! Does what concerns one worker process: starts it, carries messages, kills it, waits for its end.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use jobs::message::{FrameBuffer, FromWorker};
use rustix::pipe::PipeFlags;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::pipe::Receiver;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::capture::Capture;
use crate::command::WorkerCommand;
use crate::event::WorkerId;
use crate::exit::Exit;

/// Bytes that are read at once.
const CHUNK: usize = 16 << 10;

/// Most reads of what a dead process left in a socket or pipe, both of which hold less. An escaped descendant that goes
/// on writing must not hold up the end.
const LAST_READS: usize = 256;

/// What a process is told.
#[derive(Debug)]
pub(crate) enum Order {
    /// Send these bytes, a whole frame.
    Send(Vec<u8>),
    /// What was printed so far belongs to nobody who could still fail.
    Forget,
    /// Kill the whole group.
    Kill,
}

/// Where a process gets its orders from. It is killed when the other end is gone.
pub(crate) type Orders = mpsc::UnboundedReceiver<Order>;

/// What a process does.
#[derive(Debug)]
pub(crate) enum Happening {
    /// It sent a message.
    Said(Box<FromWorker>),
    /// It sent what is no message.
    Garbled(String),
    /// Its connection ended.
    Closed,
    /// It ended. Nothing follows.
    Ended(Exit, Capture),
}

/// A running process. Dropping it kills its group and waits for its end, so that no way out of the farm leaves one.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    group: Pid,
    reaped: bool,
    socket: UnixStream,
    printed: Receiver,
}

impl Process {
    /// Starts a process that will be killed by the system when the calling *thread* ends, if it asks for that. Call
    /// within a tokio runtime that runs on a thread which stays.
    pub fn start(command: &WorkerCommand, scratch: &Path) -> Result<Process, String> {
        let wrap = |error: io::Error| format!("{}: {error}", command.program.display());
        command.confine(scratch).map_err(wrap)?;
        let (ours, theirs) = StdUnixStream::pair().map_err(wrap)?;
        ours.set_nonblocking(true).map_err(wrap)?;
        let (printed, print_to) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC).map_err(|e| wrap(e.into()))?;
        let also_print_to = print_to.try_clone().map_err(wrap)?;
        let child = Command::new(&command.program)
            .args(&command.args)
            .envs(command.environment(scratch, std::process::id()))
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(also_print_to)
            .stderr(print_to)
            .process_group(0)
            .spawn()
            .map_err(wrap)?;
        let group = Pid::from_child(&child);
        // From here on the process must not be forgotten, whatever fails.
        let mut child = Guarded(Some((child, group)));
        let socket = UnixStream::from_std(ours).map_err(wrap)?;
        let printed = Receiver::from_owned_fd(printed).map_err(wrap)?;
        let (child, group) = child.0.take().expect("it was just put in");
        Ok(Process { child, group, reaped: false, socket, printed })
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Carries orders in and happenings out until the process has ended; its end is the last happening. Ends early,
    /// killing the process, if nobody listens any more.
    pub async fn attend(mut self, id: WorkerId, mut orders: Orders, tell: mpsc::Sender<(WorkerId, Happening)>) {
        let mut ended = end_of(self.group);
        let mut capture = Capture::default();
        let mut inbox = Inbox::default();
        let mut outbox: Vec<u8> = Vec::new();
        let mut printing = true;
        let mut bytes = [0; CHUNK];
        let mut printed = [0; CHUNK];
        let (mut reader, mut writer) = self.socket.split();
        // Nothing in here waits for the worker alone: one that does not read while it prints still gets killed.
        loop {
            tokio::select! {
                order = orders.recv() => match order {
                    Some(Order::Send(frame)) => outbox.extend(frame),
                    Some(Order::Forget) => capture.clear(),
                    Some(Order::Kill) => kill_group(self.group),
                    None => return,
                },
                count = reader.read(&mut bytes), if inbox.open => {
                    for happening in inbox.take(count.map(|count| &bytes[..count])) {
                        if tell.send((id, happening)).await.is_err() {
                            return;
                        }
                    }
                }
                count = writer.write(&outbox), if !outbox.is_empty() => match count {
                    Ok(count) => drop(outbox.drain(..count)),
                    // It closed its end; reading tells, or its death does.
                    Err(_) => outbox.clear(),
                },
                count = self.printed.read(&mut printed), if printing => match count {
                    Ok(count @ 1..) => capture.push(&printed[..count]),
                    Ok(0) | Err(_) => printing = false,
                },
                _ = &mut ended => break,
            }
        }

        // The process is dead but not yet reaped, so its number, which names the group too, cannot be anyone else's:
        // this is the moment to end what it has started.
        kill_group(self.group);
        // What it had said and printed before is complete in the socket and the pipe. Whoever else may still hold the
        // other ends is not waited for.
        for _ in 0..LAST_READS {
            if !inbox.open {
                break;
            }
            let arrived = match last_read(&self.socket, &mut bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                other => other.map(|count| &bytes[..count]),
            };
            for happening in inbox.take(arrived) {
                if tell.send((id, happening)).await.is_err() {
                    return;
                }
            }
        }
        for _ in 0..LAST_READS {
            match last_read(&self.printed, &mut printed) {
                Ok(count @ 1..) => capture.push(&printed[..count]),
                Ok(0) | Err(_) => break,
            }
        }
        let exit = match self.reap() {
            Ok(exit) => exit,
            // Only somebody in this process who waits for any child could have taken it.
            Err(error) => {
                capture.push(format!("\nthe process's exit status is unknown: {error}\n").as_bytes());
                Exit::Status(-1)
            }
        };
        // When nobody listens any more there is nobody to tell.
        let _listening = tell.send((id, Happening::Ended(exit, capture))).await;
    }

    fn reap(&mut self) -> io::Result<Exit> {
        self.reaped = true;
        self.child.wait().map(Exit::from)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.reaped {
            kill_group(self.group);
            // Without a status there is nothing to do with it either.
            let _status = self.reap();
        }
    }
}

/// Ends a process whose [`Process`] was never made.
struct Guarded(Option<(Child, Pid)>);

impl Drop for Guarded {
    fn drop(&mut self) {
        if let Some((child, group)) = &mut self.0 {
            kill_group(*group);
            let _status = child.wait();
        }
    }
}

/// Reads what is there, without waiting. The runtime's own way would first ask what it has heard of the descriptor, and
/// the news of a death may come before that of the last words.
fn last_read(from: &impl AsFd, bytes: &mut [u8]) -> io::Result<usize> {
    Ok(rustix::io::retry_on_intr(|| rustix::io::read(from, &mut *bytes))?)
}

/// Kills every process of a group that is still there.
fn kill_group(group: Pid) {
    // It fails where all are dead or belong to somebody else by now (set-user-id programs), which changes nothing.
    let _gone = rustix::process::kill_process_group(group, Signal::KILL);
}

/// Resolves when the process is dead, and leaves it to be reaped. On a thread of its own, since to be woken without
/// reaping needs a blocking wait or a newer system than many clusters run.
fn end_of(pid: Pid) -> JoinHandle<()> {
    tokio::task::spawn_blocking(move || {
        let wait = || rustix::process::waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
        // Any other failure than an interruption means that there is no such child, so it has ended.
        let _status = rustix::io::retry_on_intr(wait);
    })
}

/// Turns what is read into happenings.
#[derive(Debug)]
struct Inbox {
    frames: FrameBuffer,
    open: bool,
}

impl Default for Inbox {
    fn default() -> Inbox {
        Inbox { frames: FrameBuffer::default(), open: true }
    }
}

impl Inbox {
    fn take(&mut self, arrived: io::Result<&[u8]>) -> Vec<Happening> {
        let bytes = match arrived {
            Ok([]) | Err(_) => {
                self.open = false;
                return vec![Happening::Closed];
            }
            Ok(bytes) => bytes,
        };
        self.frames.extend(bytes);
        let mut happenings = Vec::new();
        loop {
            match self.frames.next_frame() {
                Ok(Some(message)) => happenings.push(Happening::Said(Box::new(message))),
                Ok(None) => return happenings,
                Err(error) => {
                    // Where the next frame begins is unknown from here on.
                    self.open = false;
                    happenings.push(Happening::Garbled(error.to_string()));
                    return happenings;
                }
            }
        }
    }
}
