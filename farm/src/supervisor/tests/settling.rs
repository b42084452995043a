//! Between an answer and the next task, and what the position of the last call tells.

use super::*;

#[test]
fn a_worker_is_handed_nothing_before_it_is_ready_again() {
    let mut bench = Bench::new(2, 1, Limits::default());
    bench.ready(1);
    bench.finishes(1);
    assert_eq!(bench.supervisor.finished, 1, "the answer counts at once");
    bench.at(seconds(29)).phase(1, Phase::Destroy);
    bench.at(seconds(58)).phase(1, Phase::Destroy);
    bench.at(seconds(87));
    assert_eq!((bench.handed(1), bench.is_killed(1)), ((0, 1), false));
    bench.ready(1);
    assert_eq!(bench.handed(1), (1, 1));
    bench.completes(1);
    bench.ends(1, Exit::Status(0));
    assert!(bench.warnings().is_empty());
    assert_eq!(bench.summary().finished, 2);
}

#[test]
fn a_worker_that_dies_while_settling_costs_no_task_and_is_warned_of() {
    let mut bench = Bench::new(2, 1, Limits { attempts: 1, ..Limits::default() });
    bench.ready(1);
    bench.finishes(1);
    bench.phase(1, Phase::Destroy);
    bench.event(Event::Closed { worker: WorkerId(1) });
    bench.ends(1, signal("SIGSEGV"));
    assert_eq!(bench.warnings().len(), 1);
    assert!(bench.warnings()[0].starts_with("the device \"Amp\" ended the process with "), "{:?}", bench.warnings());
    // The last task's devices are watched just as well.
    bench.ready(2);
    assert_eq!(bench.handed(2), (1, 1));
    bench.finishes(2);
    bench.ends(2, signal("SIGABRT"));
    assert_eq!(bench.warnings().len(), 2);
    assert!(bench.warnings()[1].starts_with("a device ended the process with "), "{:?}", bench.warnings());
    assert!(bench.reports().is_empty());
    let summary = bench.summary();
    assert_eq!((summary.finished, summary.failed.len(), summary.attempts), (2, 0, 2));
}

#[test]
fn a_worker_that_hangs_while_settling_is_killed_after_the_stall_limit_and_a_fresh_one_goes_on() {
    let mut bench = Bench::new(2, 1, Limits { attempts: 1, ..Limits::default() });
    bench.ready(1);
    bench.finishes(1);
    bench.at(seconds(10)).phase(1, Phase::Destroy);
    bench.at(seconds(39));
    assert!(!bench.is_killed(1));
    bench.at(seconds(40));
    assert!(bench.is_killed(1));
    // Too late: it is given up.
    bench.ready(1);
    assert_eq!(bench.handed(1), (0, 1));
    bench.dies_killed(1);
    assert_eq!(bench.warnings().len(), 1);
    assert!(bench.warnings()[0].starts_with("the device \"Amp\" did not come back"), "{:?}", bench.warnings());
    bench.ready(2);
    assert_eq!(bench.handed(2), (1, 1));
    bench.completes(2);
    bench.ends(2, Exit::Status(0));
    assert!(bench.reports().is_empty());
    assert_eq!(bench.summary().finished, 2);
}

#[test]
fn a_settling_worker_that_only_closes_its_connection_is_killed_after_the_leave_limit() {
    let mut bench = Bench::new(1, 1, Limits::default());
    bench.ready(1);
    bench.finishes(1);
    bench.event(Event::Closed { worker: WorkerId(1) });
    bench.at(seconds(4));
    assert!(!bench.is_killed(1));
    bench.at(seconds(5));
    bench.dies_killed(1);
    assert_eq!(bench.warnings().len(), 1);
    assert_eq!(bench.summary().finished, 1);
}

#[test]
fn words_that_make_no_sense_while_settling_end_the_worker_and_cost_no_task() {
    let says: [(FromWorker, &str); 3] = [
        (FromWorker::Finished { rendered: rendered() }, "\"finished\" after its answer"),
        (FromWorker::Progress { done: 1, total: 2 }, "\"progress\" after its answer"),
        (refusal(true, true), "it cannot be. Do something."),
    ];
    for (message, words) in says {
        let mut bench = Bench::new(2, 1, Limits { attempts: 1, ..Limits::default() });
        bench.ready(1);
        bench.finishes(1);
        bench.says(1, message);
        bench.dies_killed(1);
        assert!(matches!(bench.warnings()[..], [text] if text.contains(words)), "{:?}", bench.warnings());
        bench.ready(2);
        assert_eq!(bench.handed(2), (1, 1));
        bench.completes(2);
        bench.ends(2, Exit::Status(0));
        assert!(bench.reports().is_empty());
        let summary = bench.summary();
        assert_eq!((summary.finished, summary.attempts, summary.stopped), (2, 2, None));
    }
}

#[test]
fn a_stop_lets_a_settling_worker_come_to_its_end_and_leave() {
    let mut bench = Bench::new(2, 1, Limits::default());
    bench.ready(1);
    bench.finishes(1);
    bench.event(Event::StopAsked);
    assert!(matches!(bench.told.last(), Some(FarmEvent::Draining { running: 0, .. })), "{:?}", bench.told.last());
    assert!(!bench.is_killed(1));
    bench.ready(1);
    assert_eq!(bench.last_sent(1), Some(&ToWorker::Exit));
    bench.ends(1, Exit::Status(0));
    let summary = bench.summary();
    assert_eq!((summary.finished, summary.remaining), (1, 1));
}

#[test]
fn a_hurried_stop_kills_a_settling_worker_and_blames_nobody() {
    let mut bench = Bench::new(1, 1, Limits::default());
    bench.ready(1);
    bench.finishes(1);
    bench.event(Event::StopAsked);
    bench.event(Event::StopAsked);
    bench.dies_killed(1);
    assert!(bench.warnings().is_empty());
    assert!(!bench.told.iter().any(|event| matches!(event, FarmEvent::Interrupted { .. })));
    assert_eq!(bench.summary().finished, 1);
}

#[test]
fn the_position_of_the_last_call_names_device_and_time() {
    let mut bench = Bench::new(1, 1, Limits { attempts: 2, ..Limits::default() });
    for worker in 1..=2 {
        bench.ready(worker);
        bench.phase(worker, Phase::Process);
        bench.progress(worker, 12_000);
        if worker == 1 {
            bench.ends_at(worker, signal("SIGSEGV"), Some((12_430, "Reverb".into())));
        } else {
            bench.at(seconds(30));
            assert!(bench.is_killed(worker));
            bench.ends_at(worker, signal("SIGKILL"), Some((12_430, "Reverb".into())));
        }
        let mishap = &bench.last_report().mishap;
        assert_eq!((mishap.device.as_deref(), mishap.at_seconds), (Some("Reverb"), Some(12.43)));
        assert_eq!(matches!(mishap.cause, Cause::Hung { .. }), worker == 2);
    }
    assert_eq!(bench.summary().failed.len(), 1);
}

#[test]
fn outside_processing_the_position_says_nothing() {
    let mut bench = Bench::new(1, 1, Limits { attempts: 1, ..Limits::default() });
    bench.ready(1);
    bench.phase(1, Phase::Write);
    bench.ends_at(1, signal("SIGSEGV"), Some((12_430, "Reverb".into())));
    let mishap = &bench.last_report().mishap;
    assert_eq!((mishap.device.as_deref(), mishap.at_seconds), (Some("Amp"), None));
}
