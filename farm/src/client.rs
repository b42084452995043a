//! One worker for questions: what a device is, what a plugin file holds.

use std::path::PathBuf;
use std::thread::JoinHandle;

use jobs::message::{FromWorker, Phase, ToWorker, encode_frame};
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::capture::Capture;
use crate::command::WorkerCommand;
use crate::event::WorkerId;
use crate::exit::Exit;
use crate::limits::Limits;
use crate::process::{Happening, Order, Process};
use crate::report::{Cause, Mishap};
use crate::run::{FarmError, prepare_state, read_position, write_log};
use crate::scratch::Scratch;
use crate::watch::{Time, Watch};

/// Happenings that may wait to be handled; beyond them, the worker waits.
const WAITING: usize = 64;

/// Asks a worker process one question at a time.
///
/// The process is started with the first question and serves further ones. After a failed question the next one gets a
/// fresh process. Dropping the client ends the process; so does the end of this process, however it ends.
#[derive(Debug)]
pub struct Client {
    questions: Option<mpsc::UnboundedSender<Question>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Question {
    request: ToWorker,
    answer: oneshot::Sender<Result<FromWorker, Box<Mishap>>>,
}

impl Client {
    /// Prepares to ask; starts no process yet. `state` is the folder for logs and scratch; a run may use it too.
    pub fn new(command: WorkerCommand, limits: Limits, state: PathBuf) -> Result<Client, FarmError> {
        let state = prepare_state(&state)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(FarmError::Runtime)?;
        let (questions, asked) = mpsc::unbounded_channel();
        let keeper = Keeper { command, limits, state, began: Instant::now(), live: None, started: 0 };
        // A thread of its own: the system kills a worker when the thread that started it ends, and callers' may.
        let thread = std::thread::Builder::new()
            .name("farm client".into())
            .spawn(move || keeper.serve(&runtime, asked))
            .map_err(FarmError::Runtime)?;
        Ok(Client { questions: Some(questions), thread: Some(thread) })
    }

    /// Sends a request and waits for its answer: [`FromWorker::Examined`], [`FromWorker::Captured`],
    /// [`FromWorker::Probed`], [`FromWorker::Listed`], [`FromWorker::Presets`] or, of a render, [`FromWorker::Finished`]. Anything else is a mishap;
    /// [`FromWorker::Failed`] comes as [`Cause::Refused`].
    pub fn ask(&mut self, request: ToWorker) -> Result<FromWorker, Box<Mishap>> {
        let (answer, answered) = oneshot::channel();
        let questions = self.questions.as_ref().expect("it is there until the client is dropped");
        questions.send(Question { request, answer }).expect("its thread serves until the client is dropped");
        answered.blocking_recv().expect("its thread answers every question")
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        drop(self.questions.take());
        if let Some(thread) = self.thread.take() {
            // A panic there has been printed, and has killed the worker; to panic while dropping would abort.
            let _panicked = thread.join();
        }
    }
}

/// Keeps the process, on the client's own thread.
struct Keeper {
    command: WorkerCommand,
    limits: Limits,
    state: PathBuf,
    began: Instant,
    live: Option<Live>,
    started: u32,
}

/// A process that is ready.
struct Live {
    orders: mpsc::UnboundedSender<Order>,
    happenings: mpsc::Receiver<(WorkerId, Happening)>,
    scratch: Scratch,
    answered: u32,
    name: String,
}

/// What ended the wait for a message.
enum Waited {
    Said(Box<FromWorker>),
    Failed(Cause),
    Ended(Exit, Capture),
}

impl Keeper {
    fn serve(mut self, runtime: &Runtime, mut asked: mpsc::UnboundedReceiver<Question>) {
        runtime.block_on(async {
            while let Some(Question { request, answer }) = asked.recv().await {
                let result = self.answer(&request).await;
                // Whoever asked may have gone away.
                let _gone = answer.send(result);
            }
            self.let_go().await;
        });
    }

    fn now(&self) -> Time {
        self.began.elapsed()
    }

    async fn answer(&mut self, request: &ToWorker) -> Result<FromWorker, Box<Mishap>> {
        let before = self.live.as_ref().map_or(0, |live| live.answered);
        let result = self.answer_once(request).await;
        match &result {
            // Its trouble comes of an earlier request, for it had not yet begun with this one.
            Err(mishap) if before > 0 && mishap.phase.is_none() && mishap.cause.is_retryable() => {
                self.answer_once(request).await
            }
            _ => result,
        }
    }

    async fn answer_once(&mut self, request: &ToWorker) -> Result<FromWorker, Box<Mishap>> {
        let mut watch = Watch::new(self.now());
        let mut live = match self.live.take() {
            Some(live) => live,
            None => self.start().await?,
        };
        match encode_frame(request) {
            Ok(frame) => {
                live.order(Order::Forget);
                live.order(Order::Send(frame));
            }
            Err(error) => {
                self.live = Some(live);
                return Err(mishap(Cause::Protocol { problem: error.to_string() }, &watch));
            }
        }
        // After an answer, a worker destroys its devices and then says that it is ready again.
        let mut settling = live.answered > 0;
        loop {
            let cause = match self.wait(&mut live, &watch).await {
                Waited::Said(message) => match *message {
                    FromWorker::Phase { .. } if settling => continue,
                    FromWorker::Ready { .. } if settling => {
                        settling = false;
                        watch = Watch::new(self.now());
                        continue;
                    }
                    // It speaks of the request before, whose answer was good: this one is for a fresh process.
                    _ if settling => {
                        live.order(Order::Kill);
                        Cause::Protocol { problem: "it spoke before it was ready again".into() }
                    }
                    FromWorker::Phase { phase, device } => {
                        watch.on_phase(self.now(), phase, device);
                        continue;
                    }
                    FromWorker::Progress { done, .. } => {
                        watch.on_progress(self.now(), done);
                        continue;
                    }
                    FromWorker::Failed(failure) => {
                        live.order(Order::Send(encode_frame(&ToWorker::Exit).expect("a short message")));
                        Cause::Refused { failure }
                    }
                    FromWorker::Ready { .. } => {
                        live.order(Order::Kill);
                        Cause::Protocol { problem: "\"ready\" for an answer".into() }
                    }
                    answer @ (FromWorker::Examined(_)
                    | FromWorker::Captured(_)
                    | FromWorker::Probed(_)
                    | FromWorker::Listed { .. }
                    | FromWorker::Presets { .. }
                    | FromWorker::Finished { .. }) => {
                        live.answered += 1;
                        self.live = Some(live);
                        if self.live.as_ref().is_some_and(|live| live.answered >= self.limits.recycle_after) {
                            self.let_go().await;
                        }
                        return Ok(answer);
                    }
                },
                Waited::Failed(cause) => {
                    live.order(Order::Kill);
                    cause
                }
                Waited::Ended(exit, capture) => {
                    let mut mishap = mishap(Cause::of_exit(&exit), &watch);
                    if watch.phase == Some(Phase::Process)
                        && let Some((_, device)) = read_position(live.scratch.path())
                    {
                        mishap.device = Some(device);
                    }
                    return Err(self.bury(live, mishap, &capture));
                }
            };
            let capture = self.see_off(&mut live).await;
            return Err(self.bury(live, mishap(cause, &watch), &capture));
        }
    }

    /// Starts a process and waits until it is ready.
    async fn start(&mut self) -> Result<Live, Box<Mishap>> {
        let watch = Watch::new(self.now());
        self.started += 1;
        // Several clients of one process may share a state folder.
        let name = format!("ask-{:?}-{}", std::thread::current().id(), self.started);
        let name: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
        let failed = |reason: String| mishap(Cause::StartFailed { reason }, &watch);
        let scratch = Scratch::make(&self.state, &name)
            .map_err(|error| failed(format!("its scratch folder cannot be made: {error}")))?;
        let process = match Process::start(&self.command, scratch.path()) {
            Ok(process) => process,
            Err(reason) => {
                let mut mishap = failed(reason);
                mishap.stderr.extend(scratch.remove().err());
                return Err(mishap);
            }
        };
        let (orders, taken) = mpsc::unbounded_channel();
        let (tell, happenings) = mpsc::channel(WAITING);
        tokio::spawn(process.attend(WorkerId(self.started), taken, tell));
        let mut live = Live { orders, happenings, scratch, answered: 0, name };
        let (reason, capture) = match self.wait(&mut live, &watch).await {
            Waited::Said(message) => match *message {
                FromWorker::Ready { engine } if engine == jobs::ENGINE => return Ok(live),
                FromWorker::Ready { engine } => {
                    (format!("it is {engine} and not {}; give a worker of the same version", jobs::ENGINE), None)
                }
                _ => ("it spoke before it was ready".to_owned(), None),
            },
            Waited::Failed(Cause::Protocol { problem }) => (problem, None),
            Waited::Failed(_) => {
                let limit = self.limits.load.as_secs_f64();
                (format!("its process was not ready after {limit:.0} s"), None)
            }
            Waited::Ended(exit, capture) => {
                (format!("its process ended with {exit} before it was ready"), Some(capture))
            }
        };
        let capture = match capture {
            Some(capture) => capture,
            None => {
                live.order(Order::Kill);
                self.see_off(&mut live).await
            }
        };
        Err(self.bury(live, failed(reason), &capture))
    }

    /// Waits for the next message, or for what makes waiting longer useless.
    async fn wait(&self, live: &mut Live, watch: &Watch) -> Waited {
        let mut closed_until = None;
        loop {
            let limit = watch.deadline(&self.limits);
            let until = closed_until.map_or(limit, |closed: Time| closed.min(limit));
            tokio::select! {
                happening = live.next() => match happening {
                    Happening::Said(message) => return Waited::Said(message),
                    Happening::Garbled(problem) => return Waited::Failed(Cause::Protocol { problem }),
                    // Most likely it is dying.
                    Happening::Closed => closed_until = Some(self.now().saturating_add(self.limits.leave)),
                    Happening::Ended(exit, capture) => return Waited::Ended(exit, capture),
                },
                () = tokio::time::sleep_until(self.began + until) => {
                    let silent = || Cause::Protocol { problem: "it closed its connection, and its process went on".into() };
                    return Waited::Failed(watch.overdue(self.now(), &self.limits).unwrap_or_else(silent));
                }
            }
        }
    }

    /// Waits for the end of a process that was told to leave or killed; kills it if it does not leave.
    async fn see_off(&self, live: &mut Live) -> Capture {
        let killing = tokio::time::sleep(self.limits.leave);
        tokio::pin!(killing);
        let mut killed = false;
        loop {
            tokio::select! {
                happening = live.next() => if let Happening::Ended(_, capture) = happening {
                    return capture;
                },
                () = &mut killing, if !killed => {
                    killed = true;
                    live.order(Order::Kill);
                }
            }
        }
    }

    /// Completes a report with what a dead process has left, and removes its scratch folder.
    fn bury(&self, live: Live, mut mishap: Box<Mishap>, capture: &Capture) -> Box<Mishap> {
        let log = format!("{}-{}.txt", std::process::id(), live.name);
        mishap.stderr = capture.last_lines();
        match write_log(&self.state, &log, capture) {
            Ok(log) => mishap.log = log,
            Err(problem) => mishap.stderr.push(problem),
        }
        mishap.stderr.extend(live.scratch.remove().err());
        mishap
    }

    /// Asks the process to leave, if there is one, and sees it off.
    async fn let_go(&mut self) {
        let Some(mut live) = self.live.take() else { return };
        live.order(Order::Send(encode_frame(&ToWorker::Exit).expect("a short message")));
        self.see_off(&mut live).await;
        // Nobody waits for an answer that could carry this; the next run removes what is left.
        let _left = live.scratch.remove();
    }
}

impl Live {
    fn order(&self, order: Order) {
        // A process that has just ended takes no orders; its end is among the happenings.
        let _ended = self.orders.send(order);
    }

    async fn next(&mut self) -> Happening {
        self.happenings.recv().await.expect("a process's end is its last happening").1
    }
}

fn mishap(cause: Cause, watch: &Watch) -> Box<Mishap> {
    let (phase, device, at_seconds): (Option<Phase>, _, _) = match &cause {
        Cause::Refused { failure } => (Some(failure.phase), failure.device.clone(), failure.at_seconds),
        _ => (watch.phase, watch.device.clone(), None),
    };
    let retryable = cause.is_retryable();
    Box::new(Mishap { cause, phase, device, at_seconds, block: None, stderr: Vec::new(), log: None, retryable })
}
