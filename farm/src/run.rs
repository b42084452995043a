//! Does: carries out what the supervisor decides, on one thread, until the run is over.

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use jobs::message::{FromWorker, ToWorker, encode_frame};
use jobs::queue::Queue;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};

use crate::blame::{self, Ledger};
use crate::capture::Capture;
use crate::carry::{Carriage, Carried, Carrier, Outcome, SIGN_OF_LIFE};
use crate::event::{FarmEvent, StopReason, Summary, WorkerId};
use crate::group::{Group, Groups};
use crate::journal::{self, JournalError, Writer};
use crate::limits::Limits;
use crate::lock::{Lock, LockError};
use crate::memory::{self, LOOK_EVERY, Look};
use crate::process::{Happening, Order, Process};
use crate::programs::{Class, Programs};
use crate::reproduce::Reproduce;
use crate::scratch::{self, Scratch};
use crate::supervisor::{Action, Blaming, Event, Remains, Supervisor};
use crate::warm::Warm;

/// The position file's name in a worker's scratch folder.
pub(crate) const POSITION: &str = "position";

/// Happenings that may wait to be handled; beyond them, workers wait.
const WAITING: usize = 256;

/// Everything that a run needs.
#[derive(Clone, Debug)]
pub struct Run {
    /// What is to be done, in the order in which it shall begin.
    pub tasks: Queue,
    /// Worker processes at once; at least one is used.
    pub workers: usize,
    /// The workers to start, each for the tasks whose plugins it serves.
    pub command: Programs,
    /// How long things may take.
    pub limits: Limits,
    /// The folder for lock, journal, logs and scratch; made if it does not exist.
    pub state: PathBuf,
    /// What is held against devices when the run begins. What it adds goes to its own state folder.
    pub ledger: Ledger,
    /// Which command renders a failed task alone.
    pub reproduce: Option<Reproduce>,
    /// Devices that workers may use again for a later task.
    pub warm: Warm,
}

/// Why a run could not begin.
#[derive(Debug, thiserror::Error)]
pub enum FarmError {
    /// The state folder cannot be used.
    #[error("cannot use the folder {path}: {source}")]
    State {
        /// Which folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The state folder cannot be taken, most likely since another run holds it.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The journal cannot be begun.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The system refuses what waiting for processes and signals needs.
    #[error("cannot wait for processes and signals: {0}")]
    Runtime(#[source] io::Error),
}

impl FarmError {
    /// Whether the disk had no room, so that the same run may begin once there is some.
    pub fn is_want_of_room(&self) -> bool {
        let source = match self {
            FarmError::State { source, .. }
            | FarmError::Lock(LockError::File { source, .. })
            | FarmError::Journal(JournalError::File { source, .. }) => source,
            FarmError::Lock(_) | FarmError::Journal(_) | FarmError::Runtime(_) => return false,
        };
        matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
    }
}

/// Renders all tasks, and returns when no worker process is left. `on_event` is called on this thread, in order, and
/// should return soon.
///
/// From here on SIGINT and SIGTERM no longer end this process, also after the return, so that a manifest can be written
/// in peace: during a run, the first lets running attempts finish within the drain limit, and the second kills them. SIGUSR1
/// says that the time is almost up, as cluster engines do: it lets them finish likewise, however often it comes.
///
/// Fails only where nothing was begun. Whatever happens later is in the [`Summary`].
pub fn run(run: Run, on_event: &mut dyn FnMut(&FarmEvent)) -> Result<Summary, FarmError> {
    let lock = lock(&run.state)?;
    run_holding(run, &lock, on_event)
}

/// Takes a state folder, made if it does not exist, for this process. Fails with the holder's name if another has it.
pub fn lock(state: &Path) -> Result<Lock, FarmError> {
    Ok(Lock::take(&prepare_state(state)?)?)
}

/// As [`run`], for whoever holds the state folder's lock already, to read and write beside it what depends on the run.
pub fn run_holding(run: Run, lock: &Lock, on_event: &mut dyn FnMut(&FarmEvent)) -> Result<Summary, FarmError> {
    run_carrying(run, lock, None, on_event)
}

/// As [`run_holding`], for tasks whose files lie elsewhere.
pub fn run_carrying(
    mut run: Run,
    _lock: &Lock,
    carrier: Option<Arc<dyn Carrier>>,
    on_event: &mut dyn FnMut(&FarmEvent),
) -> Result<Summary, FarmError> {
    let state = prepare_state(&run.state)?;
    if let Err(text) = scratch::remove_left_behind(&state) {
        on_event(&FarmEvent::Warning { text });
    }
    for text in journal::sweep(&state)? {
        on_event(&FarmEvent::Warning { text });
    }
    let journal = Writer::create(&state)?;
    run.tasks.set_run(journal.run());
    let workers = run.workers.max(1);
    // Each worker's end is awaited on a blocking thread of its own; a few of the last ones may not be gone yet.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(workers.saturating_add(8))
        .build()
        .map_err(FarmError::Runtime)?;

    let (tell, happenings) = mpsc::channel(WAITING);
    let (carriage, carried) = Carriage::new(carrier);
    let mut doing = Doing {
        carriage,
        supervisor: Supervisor::new(run.tasks, workers, run.limits.clone())
            .serving(run.command.clone())
            .with_blame(blaming(run.ledger, run.reproduce)),
        programs: run.command,
        warm: run.warm,
        looks: run.limits.memory.is_some(),
        groups: Groups::find(run.limits.memory),
        killed_by_system: memory::killed_by_system(),
        state,
        journal,
        on_event,
        processes: HashMap::new(),
        tell,
        began: Instant::now(),
    };
    runtime.block_on(async {
        let interrupt = signal(SignalKind::interrupt()).map_err(FarmError::Runtime)?;
        let terminate = signal(SignalKind::terminate()).map_err(FarmError::Runtime)?;
        let time_almost_up = signal(SignalKind::user_defined1()).map_err(FarmError::Runtime)?;
        doing.go_on_until_over(happenings, carried, [interrupt, terminate, time_almost_up]).await;
        Ok::<(), FarmError>(())
    })?;

    doing.remove_half_files();
    let Doing { supervisor, journal, .. } = doing;
    let mut summary = supervisor.into_summary(journal.path().to_owned());
    if let Err(problem) = journal.close() {
        summary.stopped.get_or_insert(StopReason::Journal { problem });
    }
    Ok(summary)
}

/// What a run has to go by when it blames devices.
fn blaming(ledger: Ledger, reproduce: Option<Reproduce>) -> Blaming {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let began = u64::try_from(since_1970.as_millis()).expect("it is not the year 500 million");
    // Runs of several machines may share an output folder.
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let run = format!("{host}-{}-{:x}", std::process::id(), since_1970.as_nanos());
    Blaming::new(ledger, run, began, reproduce)
}

/// The folders that a run needs below the state folder; gives its absolute path, since workers get paths below it.
pub(crate) fn prepare_state(state: &Path) -> Result<PathBuf, FarmError> {
    let wrap = |source| FarmError::State { path: state.to_owned(), source };
    let state = std::path::absolute(state).map_err(wrap)?;
    for folder in ["logs", "scratch"] {
        std::fs::create_dir_all(state.join(folder)).map_err(wrap)?;
    }
    Ok(state)
}

struct Doing<'a> {
    carriage: Carriage,
    supervisor: Supervisor,
    programs: Programs,
    warm: Warm,
    /// It is looked at regularly what workers hold.
    looks: bool,
    /// Keeps workers below their limit, where the system lets it.
    groups: Option<Groups>,
    /// Processes that the system had killed for want of memory when it was last asked.
    killed_by_system: Option<u64>,
    state: PathBuf,
    journal: Writer,
    on_event: &'a mut dyn FnMut(&FarmEvent),
    processes: HashMap<WorkerId, Running>,
    tell: mpsc::Sender<(WorkerId, Happening)>,
    began: Instant,
}

struct Running {
    /// What it holds; none where the system does not tell.
    memory: Option<Look>,
    /// Its position file, once it was opened.
    position: Option<File>,
    orders: mpsc::UnboundedSender<Order>,
    scratch: Scratch,
    group: Option<Group>,
}

impl Doing<'_> {
    async fn go_on_until_over(
        &mut self,
        mut happenings: mpsc::Receiver<(WorkerId, Happening)>,
        mut carried: mpsc::UnboundedReceiver<Carried>,
        [mut interrupt, mut terminate, mut time_almost_up]: [Signal; 3],
    ) {
        let mut signs = tokio::time::interval(SIGN_OF_LIFE);
        signs.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut looks = tokio::time::interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut events = vec![Event::Begin];
        loop {
            self.take_in(events);
            if self.supervisor.is_over() {
                return;
            }
            let deadline = self.supervisor.deadline().map(|time| self.began + time);
            events = tokio::select! {
                Some(()) = interrupt.recv() => vec![Event::StopAsked],
                Some(()) = terminate.recv() => vec![Event::StopAsked],
                Some(()) = time_almost_up.recv() => vec![Event::TimeAlmostUp],
                Some((worker, happening)) = happenings.recv() => match self.carriage.pass(worker, happening) {
                    Some(happening) => self.events_of(worker, happening),
                    None => Vec::new(),
                },
                Some(done) = carried.recv() => self.events_of_carried(done),
                _ = signs.tick(), if self.carriage.is_busy() => {
                    let said = |(worker, sign)| Event::Said { worker, message: Box::new(sign) };
                    self.carriage.signs_of_life().into_iter().map(said).collect()
                }
                () = tokio::time::sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => vec![Event::Tick],
                _ = looks.tick(), if self.looks => self.look_at_memory(),
            };
        }
    }

    /// Hands events to the supervisor, carries its actions out, and hands in what comes of them.
    fn take_in(&mut self, events: Vec<Event>) {
        let mut events = VecDeque::from(events);
        while let Some(event) = events.pop_front() {
            for action in self.supervisor.handle(self.began.elapsed(), event) {
                events.extend(self.carry_out(action));
            }
        }
    }

    fn carry_out(&mut self, action: Action) -> Vec<Event> {
        let event = match action {
            Action::Start(worker, class) => Some(match self.start(worker, class) {
                Ok(pid) => Event::Started { worker, pid },
                Err(reason) => Event::NotStarted { worker, reason },
            }),
            Action::Send(worker, mut message) => {
                self.warm.allow(&mut message);
                let message = self.carriage.send(worker, message);
                message.and_then(|message| self.send(worker, message))
            }
            Action::Kill(worker) => {
                self.order(worker, Order::Kill);
                // Its end may have waited for what was carried.
                let later = self.carriage.give_up(worker);
                return later.into_iter().flat_map(|happening| self.events_of(worker, happening)).collect();
            }
            Action::Write(entry) => self.journal.append(&entry).err().map(|problem| Event::JournalFailed { problem }),
            Action::Blame(entry) => {
                let written = blame::append(&self.state, &entry);
                written.err().map(|error| Event::JournalFailed { problem: error.to_string() })
            }
            Action::Tell(event) => {
                (self.on_event)(&event);
                None
            }
        };
        event.into_iter().collect()
    }

    /// Sends a message to a worker's process.
    fn send(&mut self, worker: WorkerId, message: ToWorker) -> Option<Event> {
        // What a process printed for its last task is not this one's, nor is where it was at work.
        if matches!(message, ToWorker::Render { .. }) {
            self.order(worker, Order::Forget);
            self.forget_position(worker);
        }
        match encode_frame(&message) {
            Ok(frame) => {
                self.order(worker, Order::Send(frame));
                None
            }
            // The process would never hear of it, so that it must not be waited for.
            Err(error) => Some(Event::Garbled { worker, problem: error.to_string() }),
        }
    }

    /// What comes of something that was carried.
    fn events_of_carried(&mut self, done: Carried) -> Vec<Event> {
        match self.carriage.on_carried(done) {
            Some(Outcome::Send(worker, message)) => self.send(worker, message).into_iter().collect(),
            Some(Outcome::Said(worker, message, later)) => {
                let later = later.into_iter().flat_map(|happening| self.events_of(worker, happening));
                [Event::Said { worker, message }].into_iter().chain(later).collect()
            }
            None => Vec::new(),
        }
    }

    fn start(&mut self, worker: WorkerId, class: Class) -> Result<u32, String> {
        let scratch = Scratch::make(&self.state, &format!("worker-{}", worker.0))
            .map_err(|error| format!("its scratch folder cannot be made: {error}"))?;
        let process = match Process::start(self.programs.command(class), scratch.path()) {
            Ok(process) => process,
            Err(reason) => {
                self.warn_of(scratch.remove());
                return Err(reason);
            }
        };
        let pid = process.pid();
        // It waits for its first request, so that all that a plugin takes counts.
        let group = self.groups.as_mut().and_then(|groups| groups.take(pid));
        let (orders, taken) = mpsc::unbounded_channel();
        tokio::spawn(process.attend(worker, taken, self.tell.clone()));
        self.processes.insert(worker, Running { memory: Look::at(pid), position: None, orders, scratch, group });
        Ok(pid)
    }

    fn order(&mut self, worker: WorkerId, order: Order) {
        if let Some(process) = self.processes.get(&worker) {
            // A process that has just ended takes no orders; its end is on the way to the supervisor.
            let _ended = process.orders.send(order);
        }
    }

    /// Has the position file of a process that is about to be handed a task say nothing.
    fn forget_position(&mut self, worker: WorkerId) {
        let Some(process) = self.processes.get_mut(&worker) else { return };
        let path = process.scratch.path().join(POSITION);
        // It is kept open on both sides, so that this costs one small write a task.
        let file = match process.position.take() {
            Some(file) => Ok(file),
            None => File::options().write(true).open(&path),
        };
        let forgotten = file.and_then(|file| {
            file.write_all_at(&jobs::position::NOTHING, 0)?;
            process.position = Some(file);
            Ok(())
        });
        match forgotten {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                self.warn_of(Err(format!("the position file {} cannot be emptied: {error}", path.display())));
            }
            _ => {}
        }
    }

    fn events_of(&mut self, worker: WorkerId, happening: Happening) -> Vec<Event> {
        match happening {
            // What it holds between two tasks decides whether it gets another.
            Happening::Said(message) if matches!(*message, FromWorker::Ready { .. }) => {
                self.memory_of(worker).into_iter().chain([Event::Said { worker, message }]).collect()
            }
            other => vec![self.event_of(worker, other)],
        }
    }

    /// What all workers hold now.
    fn look_at_memory(&self) -> Vec<Event> {
        self.processes.keys().filter_map(|worker| self.memory_of(*worker)).collect()
    }

    fn memory_of(&self, worker: WorkerId) -> Option<Event> {
        let bytes = self.processes.get(&worker)?.memory.as_ref()?.held()?;
        Some(Event::Memory { worker, bytes })
    }

    /// Whether the system has killed a process for want of memory since it was last asked.
    fn system_ran_out_of_memory(&mut self) -> bool {
        let before = std::mem::replace(&mut self.killed_by_system, memory::killed_by_system());
        before < self.killed_by_system
    }

    fn event_of(&mut self, worker: WorkerId, happening: Happening) -> Event {
        match happening {
            Happening::Said(message) => Event::Said { worker, message },
            Happening::Garbled(problem) => Event::Garbled { worker, problem },
            Happening::Closed => Event::Closed { worker },
            Happening::Ended(exit, capture) => {
                let mut remains = self.remains(worker, &capture);
                let somebody = self.system_ran_out_of_memory();
                remains.out_of_memory = exit.is_kill() && somebody;
                if let Some(process) = self.processes.remove(&worker) {
                    if let (Some(group), Some(groups)) = (process.group, &mut self.groups) {
                        // The system says whose process it was.
                        remains.out_of_memory = exit.is_kill() && group.ran_out();
                        let full = remains.out_of_memory && group.is_full();
                        remains.over_limit = groups.limit().filter(|_| full);
                        groups.remove(group);
                    }
                    remains.position = read_position(process.scratch.path());
                    self.warn_of(process.scratch.remove());
                }
                Event::Ended { worker, exit, remains }
            }
        }
    }

    /// Removes what broken-off attempts have left under temporary names. No worker is left that could write there.
    fn remove_half_files(&mut self) {
        let mut problems = Vec::new();
        let partials = self.supervisor.unfinished_tasks().flat_map(|task| task.partial_paths().collect::<Vec<_>>());
        for partial in partials {
            match std::fs::remove_file(&partial) {
                Err(error) if !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                    problems.push(format!("the half-written {} cannot be removed: {error}", partial.display()));
                }
                _ => {}
            }
        }
        problems.into_iter().for_each(|text| self.warn_of(Err(text)));
    }

    /// What a failed attempt's process leaves; nothing of one that owes nothing.
    fn remains(&mut self, worker: WorkerId, capture: &Capture) -> Remains {
        let Some(name) = self.supervisor.log_name(worker) else { return Remains::default() };
        let written = write_log(&self.state, &name, capture);
        let log = written.unwrap_or_else(|text| {
            self.warn_of(Err(text));
            None
        });
        Remains { stderr: capture.last_lines(), log, ..Remains::default() }
    }

    fn warn_of(&mut self, result: Result<(), String>) {
        if let Err(text) = result {
            (self.on_event)(&FarmEvent::Warning { text });
        }
    }
}

/// Which frame and device a process was last at work on, if it said so.
pub(crate) fn read_position(scratch: &Path) -> Option<(u64, String)> {
    jobs::position::decode(&std::fs::read(scratch.join(POSITION)).ok()?)
}

/// Keeps what a process printed, if it printed anything, as `logs/<name>`.
pub(crate) fn write_log(state: &Path, name: &str, capture: &Capture) -> Result<Option<PathBuf>, String> {
    if capture.is_empty() {
        return Ok(None);
    }
    let path = state.join("logs").join(name);
    match std::fs::write(&path, capture.contents()) {
        Ok(()) => Ok(Some(path)),
        Err(error) => Err(format!("the log {} cannot be written: {error}", path.display())),
    }
}
