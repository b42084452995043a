//! One worker for questions: what a device is, what a plugin file holds.

use std::path::PathBuf;
use std::thread::JoinHandle;

use jobs::message::{FromWorker, Phase, ToWorker, encode_frame};
use jobs::sandbox::{Grants, Level, Wanted, let_read_alone};
use jobs::task::AudioSettings;
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::capture::Capture;
use crate::event::WorkerId;
use crate::exit::Exit;
use crate::limits::Limits;
use crate::memory::{self, LOOK_EVERY};
use crate::process::{Happening, Order, Process};
use crate::programs::{Class, Programs};
use crate::report::{Cause, Mishap};
use crate::run::{FarmError, prepare_state, read_position, write_log};
use crate::scratch::Scratch;
use crate::watch::{Time, Watch};

/// Happenings that may wait to be handled; beyond them, the worker waits.
const WAITING: usize = 64;

/// Asks a worker process one question at a time.
///
/// The process is started with the first question and serves further ones, for as long as they ask for the same program.
/// After a failed question the next one gets a fresh process. Dropping the client ends the process; so does the end of this process, however it ends.
#[derive(Debug)]
pub struct Client {
    questions: Option<mpsc::UnboundedSender<Question>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Question {
    request: Request,
    answer: oneshot::Sender<Result<Answer, Box<Mishap>>>,
}

#[derive(Debug)]
enum Request {
    Worker(Box<ToWorker>),
    /// Let further requests touch more than what they name.
    Grant(Grants),
    /// How far is a worker confined?
    Level,
}

#[derive(Debug)]
enum Answer {
    Worker(FromWorker),
    Granted,
    Level(Level),
}

impl Client {
    /// Prepares to ask; starts no process yet. `state` is the folder for logs and scratch; a run may use it too.
    pub fn new(programs: impl Into<Programs>, limits: Limits, state: PathBuf) -> Result<Client, FarmError> {
        let state = prepare_state(&state)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(FarmError::Runtime)?;
        let (questions, asked) = mpsc::unbounded_channel();
        let keeper = Keeper { programs: programs.into(), limits, state, began: Instant::now(), live: None, started: 0 };
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
    ///
    /// A process is confined once and for life. Where this one may not touch what the request names, a fresh one is asked.
    pub fn ask(&mut self, request: ToWorker) -> Result<FromWorker, Box<Mishap>> {
        match self.request(Request::Worker(Box::new(request)))? {
            Answer::Worker(answer) => Ok(answer),
            other => unreachable!("{other:?} to a request"),
        }
    }

    /// Lets requests from here on touch more than what they name.
    pub fn grant(&mut self, grants: &Grants) {
        self.request(Request::Grant(grants.clone())).expect("a grant is only written down");
    }

    /// How far the process is confined. One is started if there is none.
    pub fn level(&mut self) -> Result<Level, Box<Mishap>> {
        match self.request(Request::Level)? {
            Answer::Level(level) => Ok(level),
            other => unreachable!("{other:?} to the question for the level"),
        }
    }

    fn request(&mut self, request: Request) -> Result<Answer, Box<Mishap>> {
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
    programs: Programs,
    limits: Limits,
    state: PathBuf,
    began: Instant,
    live: Option<Live>,
    started: u32,
}

/// A process that is ready.
struct Live {
    class: Class,
    pid: u32,
    orders: mpsc::UnboundedSender<Order>,
    happenings: mpsc::Receiver<(WorkerId, Happening)>,
    scratch: Scratch,
    answered: u32,
    name: String,
    /// What it may touch.
    grants: Grants,
    level: Level,
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
                let result = match request {
                    Request::Worker(request) => self.answer(&request).await.map(Answer::Worker),
                    Request::Grant(grants) => {
                        self.programs.grant(&grants);
                        Ok(Answer::Granted)
                    }
                    Request::Level => self.level().await.map(Answer::Level),
                };
                // Whoever asked may have gone away.
                let _gone = answer.send(result);
            }
            self.let_go().await;
        });
    }

    fn now(&self) -> Time {
        self.began.elapsed()
    }

    /// The level of the process that is there, or of one that is started for it.
    async fn level(&mut self) -> Result<Level, Box<Mishap>> {
        let live = match self.live.take() {
            Some(live) => live,
            None => self.start(Class::STANDARD).await?,
        };
        Ok(self.live.insert(live).level.clone())
    }

    /// Sees a process off that may not touch what a request names.
    async fn open(&mut self, needs: &Grants) {
        self.programs.grant(needs);
        let programs = &self.programs;
        let closed = |live: &Live| !live.grants.cover(&programs.command(live.class).confinement.grants);
        if self.live.as_ref().is_some_and(closed) {
            self.let_go().await;
        }
    }

    async fn answer(&mut self, request: &ToWorker) -> Result<FromWorker, Box<Mishap>> {
        if self.programs.confinement().wanted != Wanted::Off {
            self.open(&request.needs()).await;
        }
        let answered = self.answer_or_again(request).await?;
        // A device may say only now which files its state refers to. It is asked again when it can open them.
        if let FromWorker::Examined(examination) = &answered
            && self.programs.confinement().wanted != Wanted::Off
        {
            let mut needs = Grants::default();
            examination.referenced.iter().for_each(|path| let_read_alone(&mut needs, path));
            if !self.programs.confinement().grants.cover(&needs) {
                self.open(&needs).await;
                return self.answer_or_again(request).await;
            }
        }
        Ok(answered)
    }

    async fn answer_or_again(&mut self, request: &ToWorker) -> Result<FromWorker, Box<Mishap>> {
        let class = self.programs.of_request(request);
        if self.live.as_ref().is_some_and(|live| live.class != class) {
            self.let_go().await;
        }
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
            None => self.start(self.programs.of_request(request)).await?,
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
                        && let Some((frame, device)) = read_position(live.scratch.path())
                    {
                        mishap.device = Some(device);
                        if let ToWorker::Render { task, .. } = request {
                            let AudioSettings { sample_rate, block_size } = task.audio;
                            mishap.at_seconds = Some(sample_rate.seconds(frame));
                            mishap.block = Some(frame / u64::from(block_size.max(1)));
                        }
                    }
                    return Err(self.bury(live, mishap, &capture));
                }
            };
            let capture = self.see_off(&mut live).await;
            return Err(self.bury(live, mishap(cause, &watch), &capture));
        }
    }

    /// Starts a process and waits until it is ready.
    async fn start(&mut self, class: Class) -> Result<Live, Box<Mishap>> {
        let watch = Watch::new(self.now());
        self.started += 1;
        // Several clients of one process may share a state folder.
        let name = format!("ask-{:?}-{}", std::thread::current().id(), self.started);
        let name: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
        let failed = |reason: String| mishap(Cause::StartFailed { reason }, &watch);
        let scratch = Scratch::make(&self.state, &name)
            .map_err(|error| failed(format!("its scratch folder cannot be made: {error}")))?;
        let process = match Process::start(self.programs.command(class), scratch.path()) {
            Ok(process) => process,
            Err(reason) => {
                let mut mishap = failed(reason);
                mishap.stderr.extend(scratch.remove().err());
                return Err(mishap);
            }
        };
        let pid = process.pid();
        let (orders, taken) = mpsc::unbounded_channel();
        let (tell, happenings) = mpsc::channel(WAITING);
        tokio::spawn(process.attend(WorkerId(self.started), taken, tell));
        let grants = self.programs.command(class).confinement.grants.clone();
        let mut live = Live { class, pid, orders, happenings, scratch, answered: 0, name, grants, level: Level::Off };
        let (reason, capture) = match self.wait(&mut live, &watch).await {
            Waited::Said(message) => match *message {
                FromWorker::Ready { engine, sandbox } if engine == jobs::ENGINE => {
                    live.level = sandbox;
                    return Ok(live);
                }
                FromWorker::Ready { engine, .. } => {
                    (format!("it is {engine} and not {}; give a worker of the same version", jobs::ENGINE), None)
                }
                _ => ("it spoke before it was ready".to_owned(), None),
            },
            Waited::Failed(Cause::Protocol { problem }) => (problem, None),
            Waited::Failed(Cause::Memory { .. }) => ("it took more memory than a worker may".to_owned(), None),
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
                () = tokio::time::sleep_until(self.began + until.min(self.next_look())) => {
                    if let Some(cause) = self.takes_too_much(live) {
                        return Waited::Failed(cause);
                    }
                    if self.now() < until {
                        continue;
                    }
                    let silent = || Cause::Protocol { problem: "it closed its connection, and its process went on".into() };
                    return Waited::Failed(watch.overdue(self.now(), &self.limits).unwrap_or_else(silent));
                }
            }
        }
    }

    /// When it is to be looked at again what a process holds.
    fn next_look(&self) -> Time {
        if self.limits.memory.is_some() { self.now().saturating_add(LOOK_EVERY) } else { Time::MAX }
    }

    fn takes_too_much(&self, live: &Live) -> Option<Cause> {
        let limit = self.limits.memory?;
        let bytes = memory::held(live.pid).filter(|bytes| *bytes > limit)?;
        Some(Cause::Memory { bytes, limit })
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
