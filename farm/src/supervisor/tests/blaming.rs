//! Whom failures are held against, and what becomes of the tasks that wait.

use super::*;
use crate::blame::{self, Ledger, Strike};
use crate::reproduce::Reproduce;

/// A task with these plugins in a row: each a letter that its path, its id and its hash are made of.
fn task_with(number: u32, tone: &str, plugins: &[&str]) -> Task {
    let file = |plugin: &str| format!("/{plugin}.clap");
    let link = |plugin: &&str| json!({ "device": { "format": "clap", "plugin": file(plugin), "id": plugin } });
    let source =
        |plugin: &&str| json!({ "role": "plugin", "path": file(plugin), "blake3": format!("hash of {plugin}") });
    let mut task = task(number);
    task.render = serde_json::from_value(json!({
        "tone": { "input": { "file": "/in.wav" }, "tone": tone, "chain": plugins.iter().map(link).collect::<Vec<_>>() }
    }))
    .unwrap();
    task.sources = serde_json::from_value(plugins.iter().map(source).collect()).unwrap();
    task
}

/// A run of tasks, each with the plugins of its tone.
fn run(tones: &[(&str, &[&str])], workers: usize, limits: Limits, ledger: Ledger) -> Bench {
    let tasks = (0..).zip(tones).map(|(number, (tone, plugins))| task_with(number, tone, plugins));
    let reproduce = Some(Reproduce::Plan("plan.jsonl".into()));
    let blaming = Blaming::new(ledger, "run".into(), 1_000_000, reproduce);
    Bench::of(Supervisor::new(tasks.collect(), workers, limits).with_blame(blaming))
}

impl Bench {
    /// Loads a plugin, as workers say it, and begins to process with it.
    fn loads(&mut self, worker: u32, plugin: &str) {
        let label = format!("{plugin} (/{plugin}.clap)");
        self.says(worker, FromWorker::Phase { phase: Phase::Load, device: Some(label) });
        let name = Some(format!("The {plugin}"));
        self.says(worker, FromWorker::Phase { phase: Phase::Configure, device: name });
    }

    fn processes(&mut self, worker: u32) {
        self.says(worker, FromWorker::Phase { phase: Phase::Process, device: None });
    }

    /// Dies at work with a plugin.
    fn crashes_in(&mut self, worker: u32, plugin: &str) {
        self.loads(worker, plugin);
        self.processes(worker);
        self.ends_at(worker, signal("SIGSEGV"), Some((12_000, format!("The {plugin}"))));
    }

    fn strikes(&self) -> Vec<&Strike> {
        let strikes = self.held.iter().filter_map(|entry| match entry {
            blame::Entry::Strike(strike) => Some(strike),
            _ => None,
        });
        strikes.collect()
    }

    fn struck(&self) -> Vec<&str> {
        self.strikes().iter().map(|strike| strike.against.pair.plugin.as_str()).collect()
    }

    fn quarantined(&self) -> Vec<&str> {
        let quarantined = self.held.iter().filter_map(|entry| match entry {
            blame::Entry::Quarantined { against, .. } => Some(against.pair.plugin.as_str()),
            _ => None,
        });
        quarantined.collect()
    }

    fn passed_over(&self) -> Vec<u32> {
        let passed = self.told.iter().filter_map(|event| match event {
            FarmEvent::PassedOver { task, .. } => Some(*task),
            _ => None,
        });
        passed.collect()
    }
}

#[test]
fn the_third_strike_quarantines_and_tasks_that_wait_are_passed_over() {
    let (bad, good) = (("bad", &["b", "g"][..]), ("good", &["g"][..]));
    let mut bench = run(&[bad, bad, bad, good], 1, Limits::default(), Ledger::default());
    for worker in 1..=3 {
        bench.ready(worker);
        assert_eq!(bench.handed(worker), (0, worker));
        bench.loads(worker, "g");
        bench.crashes_in(worker, "b");
    }
    assert_eq!(bench.struck(), ["hash of b"; 3], "the other plugin of the chain was not at work");
    assert_eq!(bench.quarantined(), ["hash of b"]);
    assert_eq!(bench.passed_over(), [1, 2]);
    let report = bench.last_report();
    assert!(report.quarantined && !report.retried);
    assert_eq!(
        report.to_string(),
        "task 0 (label 0) stopped: the device \"The b\" crashed (SIGSEGV) while processing at 12.0 s (block 187), attempt 3 \
         of 3. Its plugin is quarantined with this preset: no task with both is rendered until `tonemill retry` lifts that. \
         To reproduce it: tonemill render-task plan.jsonl#0 --in-process"
    );
    let strike = bench.strikes()[2];
    assert_eq!(strike.against.to_string(), "\"The b\", b (/b.clap), with the preset \"bad\"");
    assert_eq!(strike.what, "the device \"The b\" crashed (SIGSEGV) while processing at 12.0 s (block 187)");
    assert_eq!((strike.at, strike.process.as_str(), strike.task), (1_000_000, "run-worker-3", 0));
    bench.ready(4);
    assert_eq!(bench.handed(4), (3, 1), "the plugin that was in the same chain goes on with another preset");
    bench.completes(4);
    bench.ends(4, Exit::Status(0));
    let summary = bench.summary();
    assert_eq!((summary.finished, summary.failed.len(), summary.quarantined, summary.remaining), (1, 1, 2, 0));
}

#[test]
fn a_later_run_passes_over_what_an_earlier_one_has_quarantined() {
    let mut first = run(&[("bad", &["b"])], 1, Limits::default(), Ledger::default());
    for worker in 1..=3 {
        first.ready(worker);
        first.crashes_in(worker, "b");
    }
    let ledger = Ledger::of(first.held);
    let mut second = run(&[("bad", &["b"]), ("bad", &["b2"])], 1, Limits::default(), ledger.clone());
    assert_eq!(second.passed_over(), [0]);
    second.ready(1);
    assert_eq!(second.handed(1), (1, 1), "another binary starts without strikes");
    let third = run(&[("bad", &["b"]), ("bad", &["b"])], 2, Limits::default(), ledger);
    let summary = third.summary();
    assert_eq!((summary.quarantined, summary.attempts, summary.remaining), (2, 0, 0), "no worker was started");
}

#[test]
fn many_tasks_are_passed_over_in_several_steps() {
    let mut first = run(&[("bad", &["b"])], 1, Limits::default(), Ledger::default());
    for worker in 1..=3 {
        first.ready(worker);
        first.crashes_in(worker, "b");
    }
    let tones = vec![("bad", &["b"][..]); 1000];
    let mut bench = run(&tones, 1, Limits::default(), Ledger::of(first.held));
    let passed = bench.passed_over().len();
    assert!(passed < 1000, "other events come to their turn");
    let same = bench.now;
    while let Some(next) = bench.supervisor.deadline() {
        assert_eq!(next, same, "the rest is looked at without waiting");
        bench.event(Event::Tick);
    }
    assert_eq!(bench.summary().quarantined, 1000);
}

#[test]
fn a_task_that_a_worker_was_started_for_is_looked_at_again_when_it_is_ready() {
    let bad: (&str, &[&str]) = ("bad", &["b"]);
    let mut bench = run(&[bad, bad, bad, bad], 4, Limits::default(), Ledger::default());
    for worker in 1..=3 {
        bench.ready(worker);
        bench.crashes_in(worker, "b");
    }
    bench.ready(4);
    assert_eq!(bench.last_sent(4), Some(&ToWorker::Exit));
    assert!(bench.passed_over().contains(&3));
}

#[test]
fn damage_that_kills_the_next_task_is_the_doing_of_the_one_before() {
    let mut bench = run(&[("dirty", &["d"]), ("victim", &["v"])], 1, Limits::default(), Ledger::default());
    bench.ready(1);
    bench.loads(1, "d");
    bench.completes(1);
    assert_eq!(bench.handed(1), (1, 1));
    bench.crashes_in(1, "v");
    assert!(bench.strikes().is_empty(), "nobody is struck before the task was tried alone");
    bench.ready(2);
    assert_eq!(bench.handed(2), (1, 2));
    bench.loads(2, "v");
    bench.completes(2);
    let [strike] = bench.strikes()[..] else { panic!("{:?}", bench.held) };
    assert_eq!(strike.against.pair.plugin, "hash of d");
    assert!(strike.suspected);
    assert_eq!((strike.task, strike.process.as_str()), (1, "run-worker-1"));
    assert_eq!(strike.what, "the device \"The v\" crashed (SIGSEGV) while processing at 12.0 s (block 187)");
}

#[test]
fn a_task_that_fails_alone_as_well_is_struck_for_both() {
    let mut bench = run(&[("good", &["g"]), ("bad", &["b"])], 1, Limits::default(), Ledger::default());
    bench.ready(1);
    bench.loads(1, "g");
    bench.completes(1);
    bench.crashes_in(1, "b");
    bench.ready(2);
    bench.crashes_in(2, "b");
    assert_eq!(bench.struck(), ["hash of b"; 2]);
    let processes: Vec<&str> = bench.strikes().iter().map(|strike| strike.process.as_str()).collect();
    assert_eq!(processes, ["run-worker-1", "run-worker-2"]);
}

#[test]
fn what_comes_from_outside_is_no_strike() {
    let mut bench = run(&[("t", &["p"])], 1, Limits { attempts: 9, ..Limits::default() }, Ledger::default());
    for (worker, exit) in (1..).zip(["SIGKILL", "SIGTERM", "SIGKILL"]) {
        bench.ready(worker);
        bench.loads(worker, "p");
        bench.processes(worker);
        bench.ends(worker, signal(exit));
    }
    bench.ready(4);
    bench.phase(4, Phase::Write);
    bench.at(seconds(600)).dies_killed(4);
    assert_eq!(bench.last_report().mishap.cause, Cause::Hung { seconds: 600.0 });
    bench.ends(5, signal("SIGSEGV"));
    bench.at(seconds(700)).ready(6);
    bench.says(6, refusal(true, true));
    bench.ends(6, Exit::Status(0));
    assert!(
        bench.held.is_empty(),
        "kills, a disk that hangs, a worker that does not start, a full disk: {:?}",
        bench.held
    );
}

#[test]
fn a_kill_from_outside_leaves_it_open_whether_the_task_before_is_suspect() {
    let mut bench = run(&[("dirty", &["d"]), ("victim", &["v"])], 1, Limits::default(), Ledger::default());
    bench.ready(1);
    bench.loads(1, "d");
    bench.completes(1);
    bench.crashes_in(1, "v");
    bench.ready(2);
    bench.ends(2, signal("SIGKILL"));
    assert!(bench.held.is_empty(), "{:?}", bench.held);
    bench.ready(3);
    assert_eq!(bench.handed(3), (1, 3));
    bench.completes(3);
    assert_eq!(bench.struck(), ["hash of d"]);
}

#[test]
fn hangs_and_leaving_are_strikes_against_whoever_was_being_loaded() {
    let mut bench = run(&[("t", &["a", "b"])], 1, Limits::default(), Ledger::default());
    bench.ready(1);
    bench.loads(1, "a");
    bench.says(1, FromWorker::Phase { phase: Phase::Load, device: Some("b (/b.clap)".into()) });
    bench.at(seconds(120)).dies_killed(1);
    bench.ready(2);
    bench.loads(2, "a");
    bench.says(2, FromWorker::Phase { phase: Phase::Load, device: Some("b (/b.clap)".into()) });
    bench.ends(2, Exit::Status(0));
    assert_eq!(bench.struck(), ["hash of b"; 2]);
    let whats: Vec<&str> = bench.strikes().iter().map(|strike| strike.what.as_str()).collect();
    assert_eq!(
        whats,
        [
            "the device \"b (/b.clap)\" did not advance for 120 s while loading",
            "the device \"b (/b.clap)\" ended the process with status 0 and no answer while loading"
        ]
    );
}

#[test]
fn where_nobody_was_at_work_every_plugin_of_the_task_is_struck() {
    let mut bench = run(&[("t", &["a", "b"])], 1, Limits::default(), Ledger::default());
    bench.ready(1);
    bench.loads(1, "a");
    bench.loads(1, "b");
    bench.phase(1, Phase::Write);
    bench.ends(1, signal("SIGABRT"));
    assert_eq!(bench.struck(), ["hash of a", "hash of b"]);
}

#[test]
fn a_machine_that_fails_everything_holds_nothing_against_plugins() {
    let tones: [(&str, &[&str]); 5] = [("t", &["a"]), ("t", &["a"]), ("t", &["b"]), ("t", &["c"]), ("t", &["d"])];
    let mut bench = run(&tones, 1, Limits { failures_in_a_row: 7, ..Limits::default() }, Ledger::default());
    for (worker, plugin) in (1..).zip(["a", "a", "a", "b", "b", "b", "c"]) {
        bench.ready(worker);
        bench.crashes_in(worker, plugin);
    }
    assert_eq!(bench.passed_over(), [1]);
    assert_eq!(bench.quarantined().len(), 2);
    let ledger = Ledger::of(bench.held.clone());
    assert_eq!(ledger, Ledger::default(), "all of it is lifted");
    let summary = bench.summary();
    assert!(matches!(summary.stopped, Some(StopReason::FailuresInARow { count: 7, .. })), "{:?}", summary.stopped);
    // The tasks whose attempts are used up have failed; whatever was passed over remains.
    assert_eq!((summary.failed.len(), summary.quarantined, summary.remaining), (2, 0, 3));
}

#[test]
fn one_broken_plugin_in_all_tasks_is_quarantined_and_stops_nothing() {
    let tones: Vec<String> = (0..30).map(|n| format!("tone {n}")).collect();
    let tones: Vec<(&str, &[&str])> = tones.iter().map(|tone| (tone.as_str(), &["b"][..])).collect();
    let mut bench = run(&tones, 1, Limits::default(), Ledger::default());
    for worker in 1..=90 {
        bench.ready(worker);
        bench.crashes_in(worker, "b");
    }
    let summary = bench.summary();
    assert_eq!((summary.failed.len(), summary.stopped), (30, None));
}
