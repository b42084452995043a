//! What stops a run, and what becomes of it then.

use super::*;

#[test]
fn stopping_lets_running_attempts_finish_and_begins_no_other() {
    let mut bench = Bench::new(4, 3, Limits::default());
    bench.ready(1);
    bench.ready(2);
    bench.event(Event::StopAsked);
    // The third was still starting; its task is not touched.
    assert!(bench.is_killed(3) && !bench.is_killed(1) && !bench.is_killed(2));
    assert!(matches!(bench.told.last(), Some(FarmEvent::Draining { reason: StopReason::Asked, running: 2, .. })));
    bench.dies_killed(3);
    bench.completes(1);
    assert_eq!(bench.last_sent(1), Some(&ToWorker::Exit));
    bench.ends(1, Exit::Status(0));
    bench.ends(2, signal("SIGSEGV"));
    let report = bench.last_report();
    assert!(!report.retried && report.mishap.retryable);
    let summary = bench.summary();
    assert_eq!((summary.finished, summary.failed.len(), summary.remaining), (1, 0, 3));
    assert_eq!(summary.stopped, Some(StopReason::Asked));
}

#[test]
fn the_drain_limit_ends_what_takes_longer() {
    let mut bench = Bench::new(1, 1, Limits::default());
    bench.ready(1);
    bench.phase(1, Phase::Write);
    bench.event(Event::StopAsked);
    bench.at(seconds(29));
    assert!(!bench.is_killed(1));
    bench.at(seconds(30));
    assert!(matches!(bench.told.last(), Some(FarmEvent::Interrupted { task: 0, .. })), "{:?}", bench.told.last());
    bench.dies_killed(1);
    assert!(bench.reports().is_empty(), "nothing is said against the task");
    let summary = bench.summary();
    assert_eq!((summary.remaining, summary.stopped), (1, Some(StopReason::Asked)));
}

#[test]
fn asking_twice_kills_at_once() {
    let mut bench = Bench::new(5, 3, Limits::default());
    bench.ready(1);
    bench.ready(2);
    bench.ready(3);
    bench.says(2, refusal(true, false));
    bench.event(Event::StopAsked);
    bench.event(Event::StopAsked);
    bench.event(Event::StopAsked);
    for worker in 1..=3 {
        bench.dies_killed(worker);
    }
    // What had failed before the kill is still reported.
    assert_eq!(bench.reports().len(), 1);
    let summary = bench.summary();
    assert_eq!((summary.finished, summary.failed.len(), summary.remaining), (0, 0, 5));
}

#[test]
fn a_full_disk_stops_the_run_and_is_no_strike_against_the_task() {
    let mut bench = Bench::new(4, 2, Limits { attempts: 1, ..Limits::default() });
    bench.ready(1);
    bench.ready(2);
    bench.says(1, refusal(true, true));
    bench.ends(1, Exit::Status(0));
    assert!(bench.told.iter().any(|e| matches!(e, FarmEvent::Draining { reason: StopReason::Refused { .. }, .. })));
    bench.says(2, refusal(true, true));
    bench.ends(2, Exit::Status(0));
    let summary = bench.summary();
    assert_eq!((summary.finished, summary.failed.len(), summary.remaining), (0, 0, 4));
    let words = summary.stopped.unwrap().to_string();
    assert_eq!(words, "it cannot be. Do something. Run the same job again to continue it.");
}

#[test]
fn workers_that_never_start_stop_the_run_after_three_tries() {
    let mut bench = Bench::new(2, 1, Limits::default());
    bench.ends(1, Exit::Status(127));
    assert!(bench.alive.is_empty(), "there is a pause");
    bench.at(seconds(1)).ends(2, signal("SIGSEGV"));
    bench.at(seconds(2));
    bench.alive.remove(&WorkerId(3));
    bench.event(Event::NotStarted { worker: WorkerId(3), reason: "no such file".into() });
    let summary = bench.summary();
    assert_eq!((summary.attempts, summary.remaining, summary.failed.len()), (0, 2, 0));
    assert_eq!(
        summary.stopped.unwrap().to_string(),
        "no worker could be started: no such file. Run the same job again to continue it."
    );
}

#[test]
fn failures_in_a_row_on_three_devices_stop_the_run() {
    let run = |devices: [&str; 4]| {
        let mut bench = Bench::new(4, 1, Limits { failures_in_a_row: 4, attempts: 1, ..Limits::default() });
        for (worker, device) in (1..).zip(devices) {
            bench.ready(worker);
            bench.says(worker, FromWorker::Phase { phase: Phase::Load, device: Some(device.into()) });
            bench.ends(worker, signal("SIGSEGV"));
        }
        bench.summary()
    };
    assert_eq!(run(["Amp", "Amp", "Amp", "Amp"]).stopped, None, "one device is at fault");
    assert_eq!(run(["Amp", "Amp", "Amp", "Reverb"]).stopped, None, "two devices are at fault");
    let stopped = run(["Amp", "Amp", "Echo", "Reverb"]).stopped;
    assert!(matches!(stopped, Some(StopReason::FailuresInARow { count: 4, .. })), "{stopped:?}");
}

#[test]
fn a_success_or_what_fails_everywhere_does_not_count_as_a_row() {
    let mut bench = Bench::new(4, 1, Limits { failures_in_a_row: 2, attempts: 1, ..Limits::default() });
    bench.ready(1);
    bench.ends(1, signal("SIGSEGV"));
    bench.ready(2);
    bench.completes(2);
    bench.says(2, refusal(false, false));
    bench.ends(2, Exit::Status(0));
    bench.ready(3);
    bench.ends(3, signal("SIGSEGV"));
    let summary = bench.summary();
    assert_eq!((summary.finished, summary.failed.len(), summary.stopped), (1, 3, None));
}

#[test]
fn a_journal_that_cannot_be_written_stops_the_run() {
    let mut bench = Bench::new(2, 1, Limits::default());
    bench.ready(1);
    bench.event(Event::JournalFailed { problem: "no space".into() });
    bench.event(Event::JournalFailed { problem: "no space".into() });
    bench.completes(1);
    bench.ends(1, Exit::Status(0));
    let summary = bench.summary();
    assert_eq!((summary.finished, summary.remaining), (1, 1));
    assert_eq!(summary.stopped, Some(StopReason::Journal { problem: "no space".into() }));
}
