//! What a worker leaves: devices to destroy after its answer, the position of its last call, half files.

use farm::{Cause, Exit, FarmEvent, SignalName, journal};
use jobs::message::Phase;
use libtest_mimic::Trial;
use rustix::process::Signal;
use std::time::Duration;

use crate::stage::{Stage, failed_attempts, read};

pub fn trials() -> Vec<Trial> {
    crate::trials![
        a_worker_that_dies_while_settling_costs_no_task_and_is_warned_of,
        a_worker_that_hangs_while_settling_is_killed_and_a_fresh_one_goes_on,
        the_position_names_device_and_time_of_the_report,
        the_position_of_an_earlier_task_is_not_blamed,
        half_files_are_gone_after_a_run,
        half_files_are_gone_after_a_stopped_run,
    ]
}

fn warnings(events: &[FarmEvent]) -> Vec<&str> {
    let texts = events.iter().filter_map(|event| match event {
        FarmEvent::Warning { text } => Some(text.as_str()),
        _ => None,
    });
    texts.collect()
}

fn ends(events: &[FarmEvent]) -> Vec<(&Exit, u32)> {
    let ends = events.iter().filter_map(|event| match event {
        FarmEvent::WorkerEnded { exit, answered, .. } => Some((exit, *answered)),
        _ => None,
    });
    ends.collect()
}

fn signal(name: &str) -> Exit {
    Exit::Signal(SignalName(name.into()))
}

fn a_worker_that_dies_while_settling_costs_no_task_and_is_warned_of() {
    let mut stage = Stage::new();
    stage.workers = 1;
    // Also after the last task, where nothing is left to be handed out.
    let (summary, events) = stage.run(&["die-after", "ok", "die-after"]);
    assert_eq!((summary.finished, summary.failed.len(), summary.attempts), (3, 0, 3));
    assert_eq!(failed_attempts(&events).len(), 0);
    assert_eq!(ends(&events), [(&signal("SIGABRT"), 1), (&signal("SIGABRT"), 2)]);
    let warnings = warnings(&events);
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    for warning in warnings {
        assert!(warning.starts_with("the device \"Guest\" ended the process with "), "{warning}");
        assert!(warning.contains("SIGABRT"), "{warning}");
    }
    assert!((0..3).all(|number| read(&stage.output(number)) == format!("key {number}")));
    assert_eq!(journal::read_all(&stage.state()).unwrap().finished.len(), 3);
}

fn a_worker_that_hangs_while_settling_is_killed_and_a_fresh_one_goes_on() {
    let mut stage = Stage::new();
    stage.workers = 1;
    stage.limits.stall = Duration::from_secs(2);
    let (summary, events) = stage.run(&["hang-after", "ok"]);
    assert_eq!((summary.finished, summary.failed.len(), summary.attempts), (2, 0, 2));
    assert_eq!(failed_attempts(&events).len(), 0);
    assert_eq!(ends(&events), [(&signal("SIGKILL"), 1), (&Exit::Status(0), 1)]);
    let warnings = warnings(&events);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].starts_with("the device \"Guest\" did not come back while it was destroyed"), "{warnings:?}");
}

fn the_position_names_device_and_time_of_the_report() {
    let mut stage = Stage::new();
    stage.limits.attempts = 1;
    let (summary, _) = stage.run(&["segv-in-effect 12400", "hang-in-effect 700"]);
    for (task, seconds) in [(0, 12.4), (1, 0.7)] {
        let mishap = &summary.failed.iter().find(|report| report.task == task).unwrap().mishap;
        assert_eq!((mishap.phase, mishap.device.as_deref()), (Some(Phase::Process), Some("Effect")), "{mishap}");
        assert_eq!(mishap.at_seconds, Some(seconds), "{mishap}");
        assert_eq!(matches!(mishap.cause, Cause::Crashed { .. }), task == 0, "{mishap}");
    }
}

fn the_position_of_an_earlier_task_is_not_blamed() {
    let mut stage = Stage::new();
    stage.workers = 1;
    stage.limits.attempts = 1;
    let (summary, events) = stage.run(&["in-effect 12400", "segv"]);
    assert_eq!((summary.finished, summary.failed.len()), (1, 1));
    assert_eq!(ends(&events), [(&signal("SIGSEGV"), 1)], "both were rendered in one process");
    let mishap = &summary.failed[0].mishap;
    assert_eq!((mishap.device.as_deref(), mishap.at_seconds), (Some("Guest"), Some(1.0)));
}

fn half_files_are_gone_after_a_run() {
    let mut stage = Stage::new();
    stage.limits.attempts = 1;
    // The end of the run looks for what is left.
    let (summary, _) = stage.run(&["segv-half-written", "ok", "hang-half-written", "refuse-half-written"]);
    assert_eq!((summary.finished, summary.failed.len()), (1, 3));
    let exist: Vec<bool> = (0..4).map(|number| stage.output(number).exists()).collect();
    assert_eq!(exist, [false, true, false, false]);
}

fn half_files_are_gone_after_a_stopped_run() {
    let mut stage = Stage::new();
    stage.limits.drain = Duration::from_secs(3600);
    let mut farm = stage.farm(&["hang-half-written", "ok"]);
    farm.wait_for(|event| matches!(event, FarmEvent::Progress { task: 0, done: 1500, .. }));
    assert_eq!(stage.half_files(), 1);
    farm.signal(Signal::INT);
    farm.wait_for(|event| matches!(event, FarmEvent::Draining { .. }));
    farm.signal(Signal::INT);
    let summary = farm.summary();
    assert!(summary.failed.is_empty() && summary.remaining >= 1);
    stage.assert_nothing_is_left();
}
