//! What a worker holds, how long it is kept, and which program it is.

use super::*;
use crate::command::WorkerCommand;

const MEGABYTE: u64 = 1_000_000;

fn holds(bench: &mut Bench, worker: u32, megabytes: u64) {
    bench.event(Event::Memory { worker: WorkerId(worker), bytes: megabytes * MEGABYTE });
}

/// Finishes, and is ready again when it holds so much.
fn completes_holding(bench: &mut Bench, worker: u32, megabytes: u64) {
    bench.finishes(worker);
    holds(bench, worker, megabytes);
    bench.ready(worker);
}

fn limits() -> Limits {
    Limits { memory: Some(100 * MEGABYTE), growth: Some(10 * MEGABYTE), attempts: 2, ..Limits::default() }
}

#[test]
fn a_worker_that_holds_more_than_it_may_is_killed_once_and_its_task_is_tried_again() {
    let mut bench = Bench::new(2, 1, limits());
    bench.ready(1);
    bench.phase(1, Phase::Process);
    holds(&mut bench, 1, 100);
    assert!(!bench.is_killed(1), "it may hold that much");
    holds(&mut bench, 1, 101);
    assert!(bench.is_killed(1));
    holds(&mut bench, 1, 500);
    bench.dies_killed(1);
    let cause = Cause::Memory { bytes: 101 * MEGABYTE, limit: 100 * MEGABYTE };
    assert_eq!((&bench.last_report().mishap.cause, bench.last_report().retried), (&cause, true));
    bench.ready(2);
    assert_eq!(bench.handed(2), (0, 2));
    holds(&mut bench, 2, 200);
    bench.dies_killed(2);
    assert!(!bench.last_report().retried);
    bench.ready(3);
    assert_eq!(bench.handed(3), (1, 1), "other tasks go on");
    bench.completes(3);
    bench.ends(3, Exit::Status(0));
    let summary = bench.summary();
    assert_eq!((summary.finished, summary.failed.len()), (1, 1));
}

#[test]
fn too_much_memory_before_or_after_a_task_is_not_the_tasks_fault() {
    let mut bench = Bench::new(1, 1, limits());
    holds(&mut bench, 1, 200);
    bench.dies_killed(1);
    assert!(bench.reports().is_empty());
    bench.at(seconds(1)).ready(2);
    bench.finishes(2);
    bench.phase(2, Phase::Destroy);
    holds(&mut bench, 2, 200);
    bench.dies_killed(2);
    assert!(bench.warnings()[0].contains("\"Amp\" took more memory than a worker may"), "{:?}", bench.warnings());
    assert_eq!(bench.summary().finished, 1);
}

#[test]
fn a_worker_that_was_told_to_leave_and_grows_is_killed_for_what_it_owes() {
    let mut bench = Bench::new(1, 1, limits());
    bench.ready(1);
    bench.says(1, refusal(false, false));
    holds(&mut bench, 1, 200);
    bench.dies_killed(1);
    assert!(matches!(bench.last_report().mishap.cause, Cause::Refused { .. }), "{:?}", bench.last_report());
}

#[test]
fn a_worker_that_grew_since_its_first_task_makes_room() {
    let mut bench = Bench::new(5, 1, limits());
    bench.ready(1);
    // What it takes for its first task it keeps for the others.
    completes_holding(&mut bench, 1, 50);
    completes_holding(&mut bench, 1, 60);
    assert_eq!(bench.handed(1), (2, 1));
    completes_holding(&mut bench, 1, 61);
    assert_eq!(bench.last_sent(1), Some(&ToWorker::Exit));
    bench.ends(1, Exit::Status(0));
    bench.ready(2);
    completes_holding(&mut bench, 2, 61);
    assert_eq!(bench.handed(2), (4, 1), "it is measured by its own first task");
}

#[test]
fn what_is_seen_while_a_task_is_rendered_says_nothing_of_growth() {
    let mut bench = Bench::new(3, 1, limits());
    bench.ready(1);
    completes_holding(&mut bench, 1, 20);
    holds(&mut bench, 1, 90);
    completes_holding(&mut bench, 1, 20);
    assert_eq!(bench.handed(1), (2, 1));
}

#[test]
fn a_kill_that_the_system_counted_is_told_from_one_that_it_did_not() {
    for (out_of_memory, over_limit) in [(true, None), (false, None), (true, Some(100 * MEGABYTE))] {
        let mut bench = Bench::new(1, 1, Limits { attempts: 1, ..limits() });
        bench.ready(1);
        holds(&mut bench, 1, 90);
        assert!(bench.alive.remove(&WorkerId(1)).is_some());
        let remains = Remains { out_of_memory, over_limit, ..Remains::default() };
        bench.event(Event::Ended { worker: WorkerId(1), exit: signal("SIGKILL"), remains });
        let cause = match (out_of_memory, over_limit) {
            (_, Some(limit)) => Cause::Memory { bytes: limit, limit },
            (true, None) => Cause::OutOfMemory { bytes: Some(90 * MEGABYTE) },
            (false, None) => Cause::KilledFromOutside { signal: SignalName("SIGKILL".into()) },
        };
        assert_eq!(bench.last_report().mishap.cause, cause);
    }
}

/// Tasks whose plugins lie below `/new`, where so told, and elsewhere otherwise.
fn of_folders(new: &[bool], slots: usize) -> Bench {
    let mut programs = Programs::from(WorkerCommand::new("/standard"));
    programs.serve(Path::new("/new"), WorkerCommand::new("/other"));
    let tasks = new.iter().zip(0..).map(|(new, number)| {
        let mut value = serde_json::to_value(task(number)).unwrap();
        let plugin = if *new { "/new/a.clap" } else { "/old/a.clap" };
        value["render"]["tone"]["chain"] = json!([{ "device": { "format": "clap", "plugin": plugin, "id": "a" } }]);
        serde_json::from_value::<Task>(value).unwrap()
    });
    Bench::of(Supervisor::new(tasks.collect(), slots, Limits::default()).serving(programs))
}

#[test]
fn a_worker_of_another_program_makes_room_for_one_of_the_next_tasks() {
    let mut bench = of_folders(&[false, false, true, true, false], 1);
    let classes = |bench: &Bench| bench.classes.values().map(|class| *class == Class::STANDARD).collect::<Vec<_>>();
    bench.ready(1);
    bench.completes(1);
    bench.completes(1);
    assert_eq!(bench.last_sent(1), Some(&ToWorker::Exit));
    bench.ends(1, Exit::Status(0));
    assert_eq!(classes(&bench), [true, false]);
    bench.ready(2);
    assert_eq!(bench.handed(2), (2, 1));
    bench.completes(2);
    bench.completes(2);
    bench.ends(2, Exit::Status(0));
    bench.ready(3);
    bench.completes(3);
    bench.ends(3, Exit::Status(0));
    assert_eq!(classes(&bench), [true, false, true]);
    assert_eq!(bench.summary().finished, 5);
}

#[test]
fn a_task_that_is_tried_again_gets_its_own_program() {
    let mut bench = of_folders(&[true, false], 1);
    bench.ready(1);
    bench.ends(1, signal("SIGSEGV"));
    bench.ready(2);
    assert_eq!(bench.handed(2), (0, 2));
    assert_eq!(bench.classes[&WorkerId(1)], bench.classes[&WorkerId(2)]);
    assert_ne!(bench.classes[&WorkerId(2)], Class::STANDARD);
}
