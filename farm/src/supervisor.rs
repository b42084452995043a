//! Decides. An event comes in with its time, actions come out; nothing here touches a process, a file or a clock.
//!
//! Each of a fixed number of slots holds at most one worker process. A worker is started *for* a task, is handed one
//! task after the other, and leaves when there is none for it, when it has answered its share, or when an attempt
//! failed in it: what happened in that process must not touch another task. An attempt that fails is reported when its
//! process has ended, since only then all that it printed is known. A task that failed begins again as the first task
//! of a fresh process.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jobs::message::{FromWorker, Phase, ToWorker};
use jobs::queue::Queue;
use jobs::task::{AudioSettings, Task};

use crate::blame::Names;
use crate::event::{FarmEvent, StopReason, Summary, WorkerId};
use crate::exit::Exit;
use crate::journal::Entry;
use crate::limits::Limits;
use crate::programs::{Class, Programs};
use crate::report::{Cause, Mishap, Report};
use crate::watch::{Time, Watch};
use care::{Held, cause_of};

mod blaming;
mod care;
mod ending;
mod failing;

use blaming::Before;
pub(crate) use blaming::Blaming;
use failing::Ended;

/// After this many failed starts in a row no worker will ever start.
const FAILED_STARTS: u32 = 3;

/// Pause after a failed start, times the failures so far: a process limit may be reached for a moment only.
const START_PAUSE: Duration = Duration::from_millis(200);

/// What happened outside.
#[derive(Debug)]
pub(crate) enum Event {
    /// The run begins.
    Begin,
    /// The process that was asked for runs.
    Started { worker: WorkerId, pid: u32 },
    /// The process that was asked for cannot be started.
    NotStarted { worker: WorkerId, reason: String },
    /// A worker sent a message.
    Said { worker: WorkerId, message: Box<FromWorker> },
    /// A worker sent what is no message. Nothing more is read from it.
    Garbled { worker: WorkerId, problem: String },
    /// A worker's connection ended; its process may go on.
    Closed { worker: WorkerId },
    /// A worker's process has ended, and everything that it said before has been handed in.
    Ended { worker: WorkerId, exit: Exit, remains: Remains },
    /// A worker holds so many bytes of memory with all that it started.
    Memory { worker: WorkerId, bytes: u64 },
    /// Somebody asked the run to stop.
    StopAsked,
    /// Whoever gave this machine will take it back soon.
    TimeAlmostUp,
    /// A journal line could not be written.
    JournalFailed { problem: String },
    /// The time that [`Supervisor::deadline`] named has come.
    Tick,
}

/// What a process leaves behind.
#[derive(Debug, Default)]
pub(crate) struct Remains {
    /// The last lines that it printed.
    pub stderr: Vec<String>,
    /// Where all that it printed is kept, if it is.
    pub log: Option<PathBuf>,
    /// The frame and the device that it was last at work on, if it said so.
    pub position: Option<(u64, String)>,
    /// The system killed a process for want of memory when this one was killed.
    pub out_of_memory: bool,
    /// The limit in bytes for whose sake the system killed it, where its control group had one.
    pub over_limit: Option<u64>,
}

/// What is to be done now, in order.
#[derive(Debug, PartialEq)]
pub(crate) enum Action {
    /// Start a process of this class; answered by [`Event::Started`] or [`Event::NotStarted`].
    Start(WorkerId, Class),
    /// Send a message to a worker.
    Send(WorkerId, ToWorker),
    /// Kill a worker's whole process group; its end follows as [`Event::Ended`].
    Kill(WorkerId),
    /// Write a journal line.
    Write(Box<Entry>),
    /// Write down what is held against a device.
    Blame(Box<crate::blame::Entry>),
    /// Tell whoever watches.
    Tell(FarmEvent),
}

/// The state of a run.
#[derive(Debug)]
pub(crate) struct Supervisor {
    limits: Limits,
    programs: Option<Programs>,
    slots: usize,
    tasks: Queue,
    /// Attempts begun, by task, and whether one of them has finished.
    begun: Vec<(u32, bool)>,
    /// Tasks not yet begun, and tasks that need another attempt, by index.
    fresh: VecDeque<usize>,
    retries: VecDeque<usize>,
    workers: BTreeMap<WorkerId, Worker>,
    last_worker: u32,
    failed_starts: u32,
    /// No worker is started before this.
    start_from: Time,
    mode: Mode,
    times_asked: u32,
    /// Failed attempts since the last finished one, and the devices to blame.
    in_a_row: u32,
    blamed: BTreeSet<String>,
    blaming: Blaming,
    finished: u32,
    failed: Vec<Report>,
    stopped: Option<StopReason>,
    actions: Vec<Action>,
}

#[derive(Debug, PartialEq)]
enum Mode {
    Running,
    Draining { until: Time },
    Killing,
}

#[derive(Debug)]
struct Worker {
    stage: Stage,
    answered: u32,
    /// The task that it rendered before.
    before: Option<Before>,
    /// What its devices call themselves.
    names: Names,
    class: Class,
    held: Held,
}

#[derive(Debug)]
enum Stage {
    /// Started for a task, not ready yet.
    Starting { index: usize, until: Time },
    /// Owes an answer.
    Rendering(Attempt),
    /// Has answered, and destroys its devices before it is ready again.
    Settling { device: Option<String>, until: Time },
    /// Owes an answer but has closed its connection: most likely it is dying.
    Silent { attempt: Attempt, until: Time },
    /// Was asked to leave, until then, or was killed.
    Ending { debt: Debt, until: Option<Time> },
}

/// What is settled when a process that is ending has ended.
#[derive(Debug)]
enum Debt {
    Nothing,
    Start { index: usize, cause: Cause },
    Attempt { attempt: Attempt, cause: Cause },
}

#[derive(Debug)]
struct Attempt {
    index: usize,
    task: Identity,
    number: u32,
    watch: Watch,
}

/// What is told of a task.
#[derive(Clone, Debug)]
struct Identity {
    number: u32,
    label: String,
    key: String,
    audio: AudioSettings,
}

impl Identity {
    fn of(task: &Task) -> Identity {
        Identity { number: task.number, label: task.label.clone(), key: task.key.clone(), audio: task.audio }
    }
}

impl Supervisor {
    /// Takes over the tasks in the order in which they shall begin.
    pub fn new(tasks: Queue, slots: usize, limits: Limits) -> Supervisor {
        Supervisor {
            limits,
            programs: None,
            slots: slots.max(1),
            begun: vec![(0, false); tasks.len()],
            fresh: (0..tasks.len()).collect(),
            tasks,
            retries: VecDeque::new(),
            workers: BTreeMap::new(),
            last_worker: 0,
            failed_starts: 0,
            start_from: Time::ZERO,
            mode: Mode::Running,
            times_asked: 0,
            in_a_row: 0,
            blamed: BTreeSet::new(),
            blaming: Blaming::default(),
            finished: 0,
            failed: Vec::new(),
            stopped: None,
            actions: Vec::new(),
        }
    }

    /// Begins with what is held against devices already.
    pub fn with_blame(self, blaming: Blaming) -> Supervisor {
        Supervisor { blaming, ..self }
    }

    /// Takes in an event. Times never go back.
    pub fn handle(&mut self, now: Time, event: Event) -> Vec<Action> {
        self.look_again();
        match event {
            Event::Begin | Event::Tick => {}
            Event::Started { worker, pid } => self.tell(FarmEvent::WorkerStarted { worker, pid }),
            Event::NotStarted { worker, reason } => self.on_not_started(now, worker, reason),
            Event::Said { worker, message } => self.on_said(now, worker, *message),
            Event::Garbled { worker, problem } => self.on_nonsense(worker, problem),
            Event::Closed { worker } => self.on_closed(now, worker),
            Event::Ended { worker, exit, remains } => self.on_ended(now, worker, exit, remains),
            Event::Memory { worker, bytes } => self.on_memory(worker, bytes),
            Event::StopAsked => {
                self.times_asked += 1;
                match self.times_asked {
                    1 => self.stop(now, StopReason::Asked),
                    _ => self.hurry(),
                }
            }
            Event::TimeAlmostUp => self.stop(now, StopReason::TimeAlmostUp),
            Event::JournalFailed { problem } => self.stop(now, StopReason::Journal { problem }),
        }
        self.end_what_is_overdue(now);
        self.fill_slots(now);
        std::mem::take(&mut self.actions)
    }

    /// When [`Event::Tick`] is needed next; none while only the outside can change anything.
    pub fn deadline(&self) -> Option<Time> {
        let workers = self.workers.values().filter_map(|worker| match &worker.stage {
            Stage::Starting { until, .. } | Stage::Silent { until, .. } | Stage::Settling { until, .. } => Some(*until),
            Stage::Rendering(attempt) => Some(attempt.watch.deadline(&self.limits)),
            Stage::Ending { until, .. } => *until,
        });
        let drain = match self.mode {
            Mode::Draining { until } if !self.workers.is_empty() => Some(until),
            Mode::Draining { .. } | Mode::Running | Mode::Killing => None,
        };
        let start = (self.may_start() && self.workers.len() < self.slots).then_some(self.start_from);
        workers.chain(drain).chain(start).min()
    }

    /// The tasks that were begun and not finished.
    pub fn unfinished_tasks(&self) -> impl Iterator<Item = Task> {
        let unfinished = |(_, (begun, finished)): &(usize, &(u32, bool))| *begun > 0 && !finished;
        self.begun.iter().enumerate().filter(unfinished).map(|(index, _)| self.tasks.get(index))
    }

    /// No worker runs, and none will.
    pub fn is_over(&self) -> bool {
        self.workers.is_empty() && !self.may_start()
    }

    /// What would be reported as failed if this worker ended now: the name of its log.
    pub fn log_name(&self, worker: WorkerId) -> Option<String> {
        let attempt = match &self.workers.get(&worker)?.stage {
            Stage::Rendering(attempt) | Stage::Silent { attempt, .. } => attempt,
            Stage::Ending { debt: Debt::Attempt { attempt, .. }, .. } => attempt,
            Stage::Starting { .. } | Stage::Ending { debt: Debt::Start { .. }, .. } => {
                return Some(format!("worker-{}.txt", worker.0));
            }
            Stage::Settling { .. } | Stage::Ending { debt: Debt::Nothing, .. } => return None,
        };
        Some(format!("{}-{}.txt", attempt.task.number, attempt.number))
    }

    /// How the run ended. Call when it [is over](Self::is_over).
    pub fn into_summary(self, journal: PathBuf) -> Summary {
        let quarantined = self.blaming.passed();
        let settled = self.finished as usize + self.failed.len() + quarantined as usize;
        Summary {
            finished: self.finished,
            remaining: u32::try_from(self.tasks.len() - settled).expect("task numbers are 32 bits wide"),
            failed: self.failed,
            quarantined,
            attempts: self.begun.iter().map(|(begun, _)| begun).sum(),
            stopped: self.stopped,
            journal,
        }
    }

    fn may_start(&self) -> bool {
        self.mode == Mode::Running && !(self.fresh.is_empty() && self.retries.is_empty())
    }

    fn tell(&mut self, event: FarmEvent) {
        self.actions.push(Action::Tell(event));
    }

    fn fill_slots(&mut self, now: Time) {
        while self.workers.len() < self.slots && now >= self.start_from && self.may_start() {
            let Some(index) = self.take_any(now) else { return };
            self.last_worker += 1;
            let id = WorkerId(self.last_worker);
            let stage = Stage::Starting { index, until: now.saturating_add(self.limits.load) };
            let class = self.class_of(index);
            let (names, held) = (Names::default(), Held::default());
            self.workers.insert(id, Worker { stage, answered: 0, before: None, names, class, held });
            self.actions.push(Action::Start(id, class));
        }
    }

    fn on_not_started(&mut self, now: Time, id: WorkerId, reason: String) {
        let Some(worker) = self.workers.remove(&id) else { return };
        if let Stage::Starting { index, .. } = worker.stage {
            self.start_failed(now, index, Cause::StartFailed { reason }, Remains::default());
        }
    }

    fn start_failed(&mut self, now: Time, index: usize, cause: Cause, remains: Remains) {
        // Not the task's fault: it goes back to where it was taken from.
        match self.begun[index].0 {
            0 => self.fresh.push_front(index),
            _ => self.retries.push_front(index),
        }
        self.failed_starts += 1;
        self.start_from = now.saturating_add(START_PAUSE * self.failed_starts);
        let mishap = Box::new(Mishap {
            retryable: cause.is_retryable(),
            cause,
            phase: None,
            device: None,
            at_seconds: None,
            block: None,
            stderr: remains.stderr,
            log: remains.log,
        });
        self.tell(FarmEvent::StartFailed { mishap: mishap.clone() });
        if self.failed_starts >= FAILED_STARTS {
            self.stop(now, StopReason::NoWorkers { mishap });
        }
    }

    fn on_said(&mut self, now: Time, id: WorkerId, message: FromWorker) {
        let Some(worker) = self.workers.get_mut(&id) else { return };
        if let FromWorker::Phase { phase, device } = &message {
            worker.names.on_phase(*phase, device.as_deref());
        }
        match (&mut worker.stage, message) {
            // Whatever it still says, it has been given up, or is leaving.
            (Stage::Ending { .. } | Stage::Silent { .. }, _) => {}
            (Stage::Starting { index, .. }, FromWorker::Ready { engine, .. }) if engine == jobs::ENGINE => {
                let index = *index;
                self.failed_starts = 0;
                // Its plugin may have been quarantined since the worker was started for it.
                if self.passes_over(index) { self.hand_next(now, id) } else { self.begin(now, id, index) }
            }
            (Stage::Starting { .. }, FromWorker::Ready { engine, .. }) => self
                .on_nonsense(id, format!("it is {engine} and not {}; give a worker of the same version", jobs::ENGINE)),
            (Stage::Settling { device, until }, FromWorker::Phase { device: next, .. }) => {
                *device = next;
                *until = now.saturating_add(self.limits.stall);
            }
            (Stage::Settling { .. }, FromWorker::Ready { .. }) => self.hand_next(now, id),
            (Stage::Settling { .. }, FromWorker::Failed(failure)) => self.on_nonsense(id, failure.reason),
            (Stage::Settling { .. }, other) => self.on_nonsense(id, format!("{} after its answer", kind(&other))),
            (Stage::Rendering(attempt), FromWorker::Phase { phase, device }) => {
                attempt.watch.on_phase(now, phase, device.clone());
                let task = attempt.task.number;
                self.tell(FarmEvent::Phase { task, phase, device });
            }
            (Stage::Rendering(attempt), FromWorker::Progress { done, total }) => {
                attempt.watch.on_progress(now, done);
                let task = attempt.task.number;
                self.tell(FarmEvent::Progress { task, done, total });
            }
            (Stage::Rendering(attempt), FromWorker::Finished { rendered }) => {
                let attempts = attempt.number;
                let Identity { number: task, label, key, .. } = attempt.task.clone();
                let index = attempt.index;
                self.begun[index].1 = true;
                worker.answered += 1;
                worker.before = Some(Before { index, number: task });
                self.finished += 1;
                self.in_a_row = 0;
                self.blamed.clear();
                let entry = Entry::Finished {
                    task,
                    label: label.clone(),
                    key: key.clone(),
                    attempts,
                    rendered: rendered.clone(),
                };
                self.actions.push(Action::Write(Box::new(entry)));
                self.tell(FarmEvent::Finished { task, label, key, attempts, rendered });
                let until = now.saturating_add(self.limits.stall);
                self.set_stage(id, Stage::Settling { device: None, until });
                self.acquit(now, index);
            }
            (Stage::Rendering(_), FromWorker::Failed(failure)) => {
                worker.answered += 1;
                self.take_leave(now, id, |attempt| Debt::Attempt { attempt, cause: Cause::Refused { failure } });
            }
            (Stage::Starting { .. }, other) => self.on_nonsense(id, format!("{} before it was ready", kind(&other))),
            (Stage::Rendering(_), other) => self.on_nonsense(id, format!("{} for a render", kind(&other))),
        }
    }

    fn begin(&mut self, now: Time, id: WorkerId, index: usize) {
        let task = self.tasks.get(index);
        self.begun[index].0 += 1;
        let attempt = self.begun[index].0;
        let identity = Identity::of(&task);
        let Identity { number, label, key, .. } = identity.clone();
        let outputs = task.paths().map(Path::to_owned).collect();
        self.actions.push(Action::Write(Box::new(Entry::Started { task: number, key, attempt, outputs })));
        let last = attempt >= self.limits.attempts;
        self.actions.push(Action::Send(id, ToWorker::Render { attempt, last, warm: Vec::new(), task: Box::new(task) }));
        self.tell(FarmEvent::Started { task: number, label, attempt, worker: id });
        self.set_stage(
            id,
            Stage::Rendering(Attempt { index, task: identity, number: attempt, watch: Watch::new(now) }),
        );
    }

    fn may_go_on(&self, id: WorkerId) -> bool {
        self.mode == Mode::Running && !self.is_worn(id) && self.serves_next(id)
    }

    /// Gives a worker that is ready again its next task, or lets it go.
    fn hand_next(&mut self, now: Time, id: WorkerId) {
        // A task to be tried again is not for a process in which another was rendered.
        match self.may_go_on(id).then(|| self.take_fresh(now)).flatten() {
            Some(index) => self.begin(now, id, index),
            None => self.take_leave(now, id, |_| Debt::Nothing),
        }
    }

    /// Asks a worker to leave; what it owes is settled when it has.
    fn take_leave(&mut self, now: Time, id: WorkerId, debt: impl FnOnce(Attempt) -> Debt) {
        self.actions.push(Action::Send(id, ToWorker::Exit));
        let until = Some(now.saturating_add(self.limits.leave));
        if let Stage::Rendering(attempt) = self.set_stage(id, Stage::Ending { debt: Debt::Nothing, until }) {
            self.set_stage(id, Stage::Ending { debt: debt(attempt), until });
        }
    }

    fn set_stage(&mut self, id: WorkerId, stage: Stage) -> Stage {
        let worker = self.workers.get_mut(&id).expect("a worker is kept until its process has ended");
        std::mem::replace(&mut worker.stage, stage)
    }

    fn on_nonsense(&mut self, id: WorkerId, problem: String) {
        let Some(worker) = self.workers.get(&id) else { return };
        match worker.stage {
            Stage::Starting { .. } => self.kill(id, Cause::StartFailed { reason: problem }),
            Stage::Rendering(_) | Stage::Silent { .. } => self.kill(id, Cause::Protocol { problem }),
            Stage::Settling { .. } => {
                let text = format!("a worker is replaced: {problem}; the task that it rendered is finished");
                self.tell(FarmEvent::Warning { text });
                self.kill(id, Cause::Protocol { problem });
            }
            Stage::Ending { .. } => {}
        }
    }

    /// Kills a worker; what it owes has failed for this cause.
    fn kill(&mut self, id: WorkerId, cause: Cause) {
        self.actions.push(Action::Kill(id));
        let debt = match self.set_stage(id, Stage::Ending { debt: Debt::Nothing, until: None }) {
            Stage::Starting { index, .. } => Debt::Start { index, cause },
            Stage::Rendering(attempt) | Stage::Silent { attempt, .. } => Debt::Attempt { attempt, cause },
            Stage::Settling { .. } => Debt::Nothing,
            Stage::Ending { debt, .. } => debt,
        };
        self.set_stage(id, Stage::Ending { debt, until: None });
    }

    fn on_closed(&mut self, now: Time, id: WorkerId) {
        let Some(worker) = self.workers.get_mut(&id) else { return };
        let soon = now.saturating_add(self.limits.leave);
        match &mut worker.stage {
            Stage::Starting { until, .. } | Stage::Settling { until, .. } => *until = soon.min(*until),
            Stage::Rendering(_) => {
                let gone = Stage::Ending { debt: Debt::Nothing, until: None };
                if let Stage::Rendering(attempt) = std::mem::replace(&mut worker.stage, gone) {
                    worker.stage = Stage::Silent { attempt, until: soon };
                }
            }
            Stage::Silent { .. } | Stage::Ending { .. } => {}
        }
    }

    fn on_ended(&mut self, now: Time, id: WorkerId, exit: Exit, remains: Remains) {
        let Some(worker) = self.workers.remove(&id) else { return };
        self.tell(FarmEvent::WorkerEnded { worker: id, exit: exit.clone(), answered: worker.answered });
        let ended = Ended { id, before: worker.before, names: worker.names };
        match worker.stage {
            Stage::Starting { index, .. } => {
                let reason = format!("its process ended with {exit} before it was ready");
                self.start_failed(now, index, Cause::StartFailed { reason }, remains);
            }
            Stage::Rendering(attempt) | Stage::Silent { attempt, .. } => {
                let cause = cause_of(&exit, &remains, &worker.held);
                self.attempt_failed(now, ended, attempt, cause, remains);
            }
            Stage::Settling { device, .. } => self.warn_of_settling(device, &format!("ended the process with {exit}")),
            Stage::Ending { debt: Debt::Attempt { attempt, cause }, .. } => {
                self.attempt_failed(now, ended, attempt, cause, remains);
            }
            Stage::Ending { debt: Debt::Start { index, cause }, .. } => self.start_failed(now, index, cause, remains),
            Stage::Ending { debt: Debt::Nothing, .. } => {}
        }
    }

    /// A device did harm while it was destroyed. Its task is finished all the same.
    fn warn_of_settling(&mut self, device: Option<String>, what: &str) {
        let device = device.map_or_else(|| "a device".to_owned(), |name| format!("the device \"{name}\""));
        let text = format!("{device} {what} while it was destroyed; its files were finished before");
        self.tell(FarmEvent::Warning { text });
    }
}

/// Names a message that comes where it makes no sense.
fn kind(message: &FromWorker) -> &'static str {
    match message {
        FromWorker::Ready { .. } => "\"ready\"",
        FromWorker::Phase { .. } => "\"phase\"",
        FromWorker::Progress { .. } => "\"progress\"",
        FromWorker::Finished { .. } => "\"finished\"",
        FromWorker::Failed(_) => "\"failed\"",
        FromWorker::Examined(_) => "\"examined\"",
        FromWorker::Captured(_) => "\"captured\"",
        FromWorker::Probed(_) => "\"probed\"",
        FromWorker::Listed { .. } => "\"listed\"",
        FromWorker::Presets { .. } => "\"presets\"",
    }
}

#[cfg(test)]
mod tests;
