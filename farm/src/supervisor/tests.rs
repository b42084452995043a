//! The decisions, in virtual time.

use std::collections::BTreeMap;

use jobs::manifest::{Rendered, Timings};
use jobs::message::Failure;
use serde_json::json;

use super::*;
use crate::exit::SignalName;

mod blaming;
mod care;
mod settling;
mod stopping;

fn seconds(seconds: u64) -> Time {
    Time::from_secs(seconds)
}

/// A task as plans hold them, at 1000 Hz so that frames are easily read as seconds.
fn task(number: u32) -> Task {
    serde_json::from_value(json!({
        "number": number,
        "label": format!("label {number}"),
        "key": format!("key {number}"),
        "audio": { "sample_rate": 1000, "block_size": 64 },
        "render": { "tone": { "input": { "file": "/in.wav" }, "tone": "t", "chain": [] } },
        "outputs": [{
            "path": format!("/out/{number}.wav"),
            "deliver": "mix",
            "format": { "container": "wav", "depth": "24" },
            "length": "match",
        }],
        "sources": [],
    }))
    .unwrap()
}

fn rendered() -> Box<Rendered> {
    Box::new(Rendered {
        files: vec![],
        devices: vec![],
        stems_differ: None,
        input: None,
        annotations: Vec::new(),
        warnings: vec![],
        timings: Timings::default(),
        strict: None,
        sandbox: None,
    })
}

fn refusal(retry: bool, stop_run: bool) -> FromWorker {
    let reason = "it cannot be. Do something.".into();
    FromWorker::Failed(Failure { phase: Phase::Write, device: None, at_seconds: None, reason, retry, stop_run })
}

fn signal(name: &str) -> Exit {
    Exit::Signal(SignalName(name.into()))
}

/// A run whose outside is this test.
struct Bench {
    supervisor: Supervisor,
    now: Time,
    /// Started and not ended, with whether it was killed.
    alive: BTreeMap<WorkerId, bool>,
    /// Which program each worker is.
    classes: BTreeMap<WorkerId, Class>,
    /// What each worker was sent, oldest first.
    sent: BTreeMap<WorkerId, Vec<ToWorker>>,
    entries: Vec<Entry>,
    held: Vec<crate::blame::Entry>,
    told: Vec<FarmEvent>,
}

impl Bench {
    fn new(tasks: u32, workers: usize, limits: Limits) -> Bench {
        Bench::of(Supervisor::new((0..tasks).map(task).collect(), workers, limits))
    }

    fn of(supervisor: Supervisor) -> Bench {
        let (alive, classes, sent) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let now = Time::ZERO;
        let mut bench = Bench { supervisor, now, alive, classes, sent, entries: vec![], held: vec![], told: vec![] };
        bench.event(Event::Begin);
        bench
    }

    fn event(&mut self, event: Event) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            for action in self.supervisor.handle(self.now, event) {
                match action {
                    Action::Start(worker, class) => {
                        self.classes.insert(worker, class);
                        assert!(self.alive.insert(worker, false).is_none(), "{worker:?} was started twice");
                        events.push_back(Event::Started { worker, pid: 1000 + worker.0 });
                    }
                    Action::Send(worker, message) => {
                        assert_eq!(self.alive.get(&worker), Some(&false), "{worker:?} gets {message:?}");
                        self.sent.entry(worker).or_default().push(message);
                    }
                    Action::Kill(worker) => {
                        let killed = self.alive.get_mut(&worker).expect("only what lives is killed");
                        assert!(!std::mem::replace(killed, true), "{worker:?} is killed twice");
                    }
                    Action::Write(entry) => self.entries.push(*entry),
                    Action::Blame(entry) => self.held.push(*entry),
                    Action::Tell(event) => self.told.push(event),
                }
            }
        }
    }

    fn at(&mut self, time: Time) -> &mut Bench {
        assert!(time >= self.now);
        while let Some(next) = self.supervisor.deadline().filter(|next| *next <= time) {
            self.now = next.max(self.now);
            self.event(Event::Tick);
        }
        self.now = time;
        self
    }

    fn says(&mut self, worker: u32, message: FromWorker) {
        self.event(Event::Said { worker: WorkerId(worker), message: Box::new(message) });
    }

    fn ready(&mut self, worker: u32) {
        self.says(worker, FromWorker::Ready { engine: jobs::ENGINE.into(), sandbox: jobs::sandbox::Level::Off });
    }

    fn phase(&mut self, worker: u32, phase: Phase) {
        self.says(worker, FromWorker::Phase { phase, device: Some("Amp".into()) });
    }

    fn progress(&mut self, worker: u32, done: u64) {
        self.says(worker, FromWorker::Progress { done, total: 60_000 });
    }

    fn finishes(&mut self, worker: u32) {
        self.says(worker, FromWorker::Finished { rendered: rendered() });
    }

    /// Finishes, destroys its devices and is ready again. Until then it is handed nothing.
    fn completes(&mut self, worker: u32) {
        let sent = |bench: &Bench| bench.sent[&WorkerId(worker)].len();
        let before = sent(self);
        self.finishes(worker);
        self.phase(worker, Phase::Destroy);
        assert_eq!(sent(self), before, "{worker} was sent {:?}", self.last_sent(worker));
        self.ready(worker);
        assert_eq!(sent(self), before + 1, "{worker} is left waiting");
    }

    fn ends(&mut self, worker: u32, exit: Exit) {
        self.ends_at(worker, exit, None);
    }

    fn ends_at(&mut self, worker: u32, exit: Exit, position: Option<(u64, String)>) {
        let worker = WorkerId(worker);
        assert!(self.alive.remove(&worker).is_some(), "{worker:?} does not live");
        let remains = Remains { stderr: vec!["last words".into()], log: None, position, ..Remains::default() };
        self.event(Event::Ended { worker, exit, remains });
    }

    /// The process dies of being killed, which the farm must have done.
    fn dies_killed(&mut self, worker: u32) {
        assert!(self.is_killed(worker), "nobody killed {worker}");
        self.ends(worker, signal("SIGKILL"));
    }

    fn is_killed(&self, worker: u32) -> bool {
        self.alive.get(&WorkerId(worker)) == Some(&true)
    }

    /// The task and attempt that a worker was handed last.
    fn handed(&self, worker: u32) -> (u32, u32) {
        match self.last_sent(worker) {
            Some(ToWorker::Render { attempt, task, .. }) => (task.number, *attempt),
            other => panic!("worker {worker} was sent {other:?}"),
        }
    }

    fn last_sent(&self, worker: u32) -> Option<&ToWorker> {
        self.sent.get(&WorkerId(worker)).and_then(|messages| messages.last())
    }

    fn reports(&self) -> Vec<&Report> {
        let reports = self.told.iter().filter_map(|event| match event {
            FarmEvent::AttemptFailed { report } => Some(&**report),
            _ => None,
        });
        reports.collect()
    }

    fn warnings(&self) -> Vec<&str> {
        let texts = self.told.iter().filter_map(|event| match event {
            FarmEvent::Warning { text } => Some(text.as_str()),
            _ => None,
        });
        texts.collect()
    }

    fn last_report(&self) -> &Report {
        self.reports().last().expect("an attempt failed")
    }

    /// The run's end, at which nothing must be left.
    fn summary(self) -> Summary {
        assert!(self.alive.is_empty(), "{:?} still live", self.alive);
        assert!(self.supervisor.is_over());
        assert_eq!(self.supervisor.deadline(), None);
        self.supervisor.into_summary("journal".into())
    }
}

#[test]
fn one_worker_renders_all_tasks_in_order_and_leaves() {
    let mut bench = Bench::new(3, 1, Limits::default());
    bench.ready(1);
    for number in 0..3 {
        assert_eq!(bench.handed(1), (number, 1));
        bench.completes(1);
    }
    assert_eq!(bench.last_sent(1), Some(&ToWorker::Exit));
    assert!(!bench.supervisor.is_over(), "a process is left");
    bench.ends(1, Exit::Status(0));
    let events: Vec<String> = bench.entries.iter().map(|e| format!("{e:?}")).collect();
    assert_eq!(events.len(), 6);
    for pair in bench.entries.chunks(2) {
        assert!(
            matches!(pair, [Entry::Started { task: a, .. }, Entry::Finished { task: b, .. }] if a == b),
            "{pair:?}"
        );
    }
    let summary = bench.summary();
    assert_eq!((summary.finished, summary.remaining, summary.attempts, summary.stopped), (3, 0, 3, None));
}

#[test]
fn no_more_workers_are_started_than_allowed_or_needed() {
    assert_eq!(Bench::new(5, 2, Limits::default()).alive.len(), 2);
    assert_eq!(Bench::new(1, 8, Limits::default()).alive.len(), 1);
    assert_eq!(Bench::new(3, 0, Limits::default()).alive.len(), 1);
    let bench = Bench::new(0, 4, Limits::default());
    assert_eq!(bench.summary().finished, 0);
}

#[test]
fn a_crash_is_tried_again_in_fresh_processes_and_then_reported() {
    let mut bench = Bench::new(1, 1, Limits::default());
    for attempt in 1..=3 {
        bench.ready(attempt);
        assert_eq!(bench.handed(attempt), (0, attempt));
        let last = matches!(bench.last_sent(attempt), Some(ToWorker::Render { last: true, .. }));
        assert_eq!(last, attempt == 3, "the worker knows whether another attempt may follow");
        bench.phase(attempt, Phase::Process);
        bench.progress(attempt, 12_400);
        bench.ends(attempt, signal("SIGSEGV"));
        let report = bench.last_report();
        assert_eq!((report.attempt, report.of, report.retried), (attempt, 3, attempt < 3));
        assert_eq!(report.mishap.cause, Cause::Crashed { signal: SignalName("SIGSEGV".into()) });
        assert_eq!((report.mishap.phase, report.mishap.at_seconds), (Some(Phase::Process), Some(12.4)));
        assert_eq!(
            (report.mishap.device.as_deref(), &report.mishap.stderr[..]),
            (Some("Amp"), &["last words".into()][..])
        );
    }
    assert!(matches!(bench.told.last(), Some(FarmEvent::Failed { report }) if report.attempt == 3));
    let summary = bench.summary();
    assert_eq!((summary.finished, summary.failed.len(), summary.remaining, summary.attempts), (0, 1, 0, 3));
}

#[test]
fn a_crash_touches_no_other_task() {
    let mut bench = Bench::new(3, 2, Limits::default());
    bench.ready(1);
    bench.ready(2);
    bench.ends(1, signal("SIGABRT"));
    // The retry goes to a process of its own; the healthy worker goes on with what is fresh.
    bench.ready(3);
    assert_eq!(bench.handed(3), (0, 2));
    bench.completes(2);
    assert_eq!(bench.handed(2), (2, 1));
    bench.completes(2);
    bench.completes(3);
    bench.ends(2, Exit::Status(0));
    bench.ends(3, Exit::Status(0));
    let summary = bench.summary();
    assert_eq!((summary.finished, summary.failed.len(), summary.attempts), (3, 0, 4));
}

#[test]
fn a_used_worker_leaves_rather_than_take_a_task_that_failed_before() {
    let mut bench = Bench::new(2, 1, Limits::default());
    bench.ready(1);
    bench.ends(1, signal("SIGSEGV"));
    // The retry is first, alone in worker 2, which may go on to the fresh task.
    bench.ready(2);
    assert_eq!(bench.handed(2), (0, 2));
    bench.completes(2);
    assert_eq!(bench.handed(2), (1, 1));
    // That one fails by refusal: the process survives but must not be used again.
    bench.says(2, refusal(true, false));
    assert_eq!(bench.last_sent(2), Some(&ToWorker::Exit));
    assert!(bench.reports().len() == 1, "it is reported when the process has ended");
    bench.ends(2, Exit::Status(0));
    assert_eq!(bench.last_report().previous, Some(0));
    bench.ready(3);
    assert_eq!(bench.handed(3), (1, 2));
    bench.completes(3);
    bench.ends(3, Exit::Status(0));
    assert_eq!(bench.summary().finished, 2);
}

#[test]
fn leaving_without_an_answer_is_a_failure_even_with_status_0() {
    let mut bench = Bench::new(1, 1, Limits { attempts: 1, ..Limits::default() });
    bench.ready(1);
    bench.phase(1, Phase::Load);
    bench.event(Event::Closed { worker: WorkerId(1) });
    bench.ends(1, Exit::Status(0));
    let report = bench.last_report();
    assert_eq!(report.mishap.cause, Cause::Left { status: 0 });
    assert_eq!((report.mishap.phase, report.mishap.at_seconds), (Some(Phase::Load), None));
    assert_eq!(bench.summary().failed.len(), 1);
}

#[test]
fn a_kill_from_outside_is_told_from_a_crash() {
    let mut bench = Bench::new(1, 1, Limits::default());
    bench.ready(1);
    bench.ends(1, signal("SIGKILL"));
    assert_eq!(bench.last_report().mishap.cause, Cause::KilledFromOutside { signal: SignalName("SIGKILL".into()) });
    assert!(bench.last_report().retried);
}

#[test]
fn loading_may_take_the_load_limit_and_processing_only_the_stall_limit() {
    let mut bench = Bench::new(1, 1, Limits::default());
    bench.at(seconds(1)).ready(1);
    bench.phase(1, Phase::Load);
    bench.at(seconds(120));
    assert!(!bench.is_killed(1));
    bench.phase(1, Phase::Process);
    bench.at(seconds(140)).progress(1, 500);
    bench.at(seconds(169)).progress(1, 500);
    assert!(!bench.is_killed(1));
    bench.at(seconds(170));
    assert!(bench.is_killed(1));
    bench.dies_killed(1);
    let mishap = &bench.last_report().mishap;
    assert_eq!((&mishap.cause, mishap.at_seconds), (&Cause::Hung { seconds: 30.0 }, Some(0.5)));
}

#[test]
fn a_hang_in_loading_ends_after_the_load_limit() {
    let mut bench = Bench::new(1, 1, Limits::default());
    bench.at(seconds(1)).ready(1);
    bench.phase(1, Phase::Load);
    bench.at(seconds(121));
    bench.dies_killed(1);
    assert_eq!(bench.last_report().mishap.cause, Cause::Hung { seconds: 120.0 });
    assert!(bench.last_report().retried);
}

#[test]
fn slow_but_advancing_survives_for_hours() {
    let mut bench = Bench::new(1, 1, Limits::default());
    bench.ready(1);
    bench.phase(1, Phase::Process);
    for step in 1..1000 {
        bench.at(seconds(29 * step)).progress(1, step);
    }
    bench.completes(1);
    bench.ends(1, Exit::Status(0));
    assert_eq!(bench.summary().finished, 1);
}

#[test]
fn what_a_killed_worker_still_says_is_ignored() {
    let mut bench = Bench::new(1, 1, Limits::default());
    bench.ready(1);
    bench.phase(1, Phase::Process);
    bench.at(seconds(30));
    assert!(bench.is_killed(1));
    bench.finishes(1);
    bench.says(1, refusal(false, true));
    bench.dies_killed(1);
    assert!(matches!(bench.last_report().mishap.cause, Cause::Hung { .. }));
    bench.ready(2);
    assert_eq!(bench.handed(2), (0, 2));
    // Not even after its end, and not after its successor began.
    bench.finishes(1);
    assert_eq!(bench.supervisor.finished, 0);
    bench.completes(2);
    bench.ends(2, Exit::Status(0));
    let summary = bench.summary();
    assert_eq!((summary.finished, summary.attempts), (1, 2));
}

#[test]
fn an_answer_before_a_crash_counts() {
    let mut bench = Bench::new(1, 1, Limits::default());
    bench.ready(1);
    bench.finishes(1);
    bench.ends(1, signal("SIGSEGV"));
    assert!(bench.reports().is_empty());
    assert_eq!(bench.summary().finished, 1);
}

#[test]
fn a_worker_that_dies_before_it_began_its_next_task_points_at_the_one_before() {
    let mut bench = Bench::new(2, 1, Limits::default());
    bench.ready(1);
    bench.completes(1);
    bench.ends(1, signal("SIGSEGV"));
    let report = bench.last_report();
    assert_eq!((report.task, report.previous, report.mishap.phase, report.retried), (1, Some(0), None, true));
    bench.ready(2);
    assert_eq!(bench.handed(2), (1, 2));
    bench.completes(2);
    bench.ends(2, Exit::Status(0));
    assert_eq!(bench.summary().finished, 2);
}

#[test]
fn what_can_never_succeed_is_not_tried_again() {
    let mut bench = Bench::new(1, 1, Limits::default());
    bench.ready(1);
    bench.says(1, refusal(false, false));
    bench.ends(1, Exit::Status(0));
    let summary = bench.summary();
    assert_eq!((summary.failed.len(), summary.attempts), (1, 1));
    assert!(!summary.failed[0].retried);
}

#[test]
fn a_worker_that_does_not_leave_is_killed_after_the_leave_limit() {
    let mut bench = Bench::new(1, 1, Limits::default());
    bench.ready(1);
    bench.completes(1);
    bench.at(seconds(4));
    assert!(!bench.is_killed(1));
    bench.at(seconds(5));
    bench.dies_killed(1);
    assert!(bench.reports().is_empty());
    assert_eq!(bench.summary().finished, 1);
}

#[test]
fn a_worker_makes_room_after_its_share() {
    let mut bench = Bench::new(5, 1, Limits { recycle_after: 2, ..Limits::default() });
    for worker in 1..=3 {
        bench.ready(worker);
        for _ in 0..2.min(5 - 2 * (worker - 1)) {
            bench.completes(worker);
        }
        assert_eq!(bench.last_sent(worker), Some(&ToWorker::Exit));
        bench.ends(worker, Exit::Status(0));
    }
    assert_eq!(bench.summary().finished, 5);
}

#[test]
fn words_that_make_no_sense_end_the_worker() {
    let mut bench = Bench::new(1, 1, Limits::default());
    bench.ready(1);
    bench.event(Event::Garbled { worker: WorkerId(1), problem: "not JSON".into() });
    bench.dies_killed(1);
    assert_eq!(bench.last_report().mishap.cause, Cause::Protocol { problem: "not JSON".into() });
    bench.ready(2);
    bench.says(2, FromWorker::Listed { plugins: vec![] });
    bench.dies_killed(2);
    assert_eq!(bench.last_report().mishap.cause, Cause::Protocol { problem: "\"listed\" for a render".into() });
    assert_eq!(bench.last_report().attempt, 2);
}

#[test]
fn a_process_that_only_closes_its_connection_is_killed() {
    let mut bench = Bench::new(1, 1, Limits { attempts: 1, ..Limits::default() });
    bench.ready(1);
    bench.event(Event::Closed { worker: WorkerId(1) });
    bench.at(seconds(5));
    bench.dies_killed(1);
    assert!(matches!(bench.last_report().mishap.cause, Cause::Protocol { .. }));
    assert_eq!(bench.summary().failed.len(), 1);
}

#[test]
fn one_failed_start_costs_nothing() {
    let mut bench = Bench::new(1, 1, Limits::default());
    bench.at(seconds(120));
    bench.dies_killed(1);
    bench.at(seconds(121)).ready(2);
    assert_eq!(bench.handed(2), (0, 1));
    bench.completes(2);
    bench.ends(2, Exit::Status(0));
    let summary = bench.summary();
    assert_eq!((summary.finished, summary.attempts, summary.stopped), (1, 1, None));
}

#[test]
fn a_worker_of_another_version_is_refused() {
    let mut bench = Bench::new(1, 1, Limits::default());
    bench.says(1, FromWorker::Ready { engine: "tonemill 0.0.0".into(), sandbox: jobs::sandbox::Level::Off });
    bench.dies_killed(1);
    assert_eq!(bench.supervisor.begun, [(0, false)]);
    let Some(FarmEvent::StartFailed { mishap }) = bench.told.last() else { panic!("{:?}", bench.told) };
    assert!(mishap.to_string().contains("it is tonemill 0.0.0 and not"), "{mishap}");
}

/// A small generator, so that a failing run is named by one number.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        // The constants are Knuth's for MMIX; the high bits are the random ones.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }
}

#[test]
fn whatever_workers_do_every_task_is_settled_and_every_attempt_has_its_number() {
    for seed in 0..2000 {
        let mut random = Random(seed);
        let (tasks, slots) = (random.below(12), 1 + random.below(4));
        let limits = Limits {
            attempts: 1 + u32::try_from(random.below(3)).unwrap(),
            recycle_after: 1 + u32::try_from(random.below(3)).unwrap(),
            ..Limits::default()
        };
        let mut bench = Bench::new(u32::try_from(tasks).unwrap(), slots, limits.clone());
        let mut asked = 0;
        for step in 0.. {
            assert!(step < 5000, "seed {seed}: the run does not end");
            assert!(bench.alive.len() <= slots, "seed {seed}: too many workers");
            if bench.supervisor.is_over() {
                break;
            }
            let choices: Vec<(WorkerId, bool)> = bench.alive.iter().map(|(id, killed)| (*id, *killed)).collect();
            let Some(&(id, killed)) = choices.get(random.below(choices.len().max(1))) else {
                let next = bench.supervisor.deadline().expect("without workers only time can help");
                bench.at(next);
                continue;
            };
            match random.below(14) {
                0..=3 => bench.ready(id.0),
                4 | 5 => bench.phase(id.0, [Phase::Load, Phase::Process, Phase::Write][random.below(3)]),
                6 => bench.progress(id.0, step),
                7 | 8 => bench.finishes(id.0),
                9 => bench.says(id.0, refusal(random.below(2) == 0, random.below(30) == 0)),
                10 => bench.event(Event::Closed { worker: id }),
                11 if random.below(40) == 0 && asked < 3 => {
                    asked += 1;
                    bench.event(Event::StopAsked);
                }
                11 => bench.at(bench.now + seconds(random.below(40) as u64)).event(Event::Tick),
                _ if killed => bench.dies_killed(id.0),
                _ => bench.ends(id.0, if random.below(2) == 0 { signal("SIGSEGV") } else { Exit::Status(0) }),
            }
        }
        check_attempts(&bench, seed, limits.attempts);
        let given_up = bench.told.iter().filter(|e| matches!(e, FarmEvent::Failed { .. })).count();
        let finished = bench.entries.iter().filter(|e| matches!(e, Entry::Finished { .. })).count();
        let summary = bench.summary();
        assert_eq!((summary.finished as usize, summary.failed.len()), (finished, given_up), "seed {seed}");
        assert_eq!(finished + given_up + summary.remaining as usize, tasks, "seed {seed}");
        assert!(summary.remaining == 0 || summary.stopped.is_some(), "seed {seed}: tasks were forgotten");
    }
}

/// Attempts at a task are numbered 1, 2, 3 without a gap, never two at once, and none follows its success.
fn check_attempts(bench: &Bench, seed: u64, most: u32) {
    let mut last: BTreeMap<u32, (u32, bool)> = BTreeMap::new();
    for entry in &bench.entries {
        match entry {
            Entry::Begun { .. } => panic!("seed {seed}: the supervisor says nothing of its run"),
            Entry::Started { task, attempt, .. } => {
                let (before, open) = last.insert(*task, (*attempt, true)).unwrap_or_default();
                assert!(!open, "seed {seed}: task {task} is attempted twice at once");
                assert_eq!(*attempt, before + 1, "seed {seed}");
                assert!(*attempt <= most, "seed {seed}");
            }
            Entry::Finished { task, attempts, .. } => {
                assert_eq!(last.insert(*task, (u32::MAX - 1, false)), Some((*attempts, true)), "seed {seed}");
            }
            Entry::Failed { report } => {
                let settled = last.insert(report.task, (report.attempt, false));
                assert_eq!(settled, Some((report.attempt, true)), "seed {seed}");
            }
        }
    }
}
