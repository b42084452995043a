//! Whole runs with workers that misbehave.

use farm::{Cause, FarmError, FarmEvent, Limits, LockError, SignalName, StopReason, journal};
use jobs::message::Phase;
use libtest_mimic::Trial;
use std::time::{Duration, Instant};

use crate::stage::{GUARD, Stage, failed_attempts, read};

pub fn trials() -> Vec<Trial> {
    crate::trials![
        healthy_tasks_all_finish_and_the_journal_says_so,
        one_process_renders_many_tasks,
        each_kind_of_death_fails_only_its_own_task_and_is_named,
        a_crash_that_does_not_repeat_is_healed_by_a_fresh_process,
        hangs_in_loading_and_processing_are_ended,
        slow_but_advancing_survives_longer_than_the_stall_limit,
        unreadable_words_end_the_worker,
        a_closed_connection_is_not_taken_for_death_and_ends_the_worker,
        much_output_fills_neither_pipe_nor_memory_and_its_end_is_reported,
        descendants_die_with_their_worker,
        a_descendant_that_escaped_and_holds_the_pipe_holds_nothing_up,
        a_worker_that_never_leaves_is_killed,
        a_full_disk_stops_the_run_and_everything_remains,
        workers_that_cannot_start_stop_the_run_with_their_last_words,
        a_second_run_on_the_same_output_is_refused,
        a_log_is_written_for_failed_attempts_only,
        workers_live_in_a_scratch_home_of_their_own,
        a_panic_of_the_watcher_leaves_no_process,
    ]
}

fn healthy_tasks_all_finish_and_the_journal_says_so() {
    let stage = Stage::new();
    let labels = ["ok"; 30];
    let (summary, events) = stage.run(&labels);
    assert_eq!((summary.finished, summary.failed.len(), summary.remaining, summary.attempts), (30, 0, 0, 30));
    assert_eq!(summary.stopped, None);
    assert!((0..30).all(|number| read(&stage.output(number)) == format!("key {number}")));
    let journal = journal::read_all(&stage.state()).unwrap();
    let mut keys: Vec<&str> = journal.finished.iter().map(|finished| finished.key.as_str()).collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!((keys.len(), journal.finished.len(), journal.damaged.len()), (30, 30, 0));
    assert!((0..30).all(|number| journal.started_outputs.contains(&stage.output(number))));
    let begun = events.iter().position(|event| matches!(event, FarmEvent::Started { task: 7, .. })).unwrap();
    let done = events.iter().position(|event| matches!(event, FarmEvent::Finished { task: 7, .. })).unwrap();
    assert!(begun < done);
    assert!(events[begun..done].iter().any(|event| matches!(event, FarmEvent::Progress { task: 7, done: 1000, .. })));
}

fn one_process_renders_many_tasks() {
    let mut stage = Stage::new();
    stage.workers = 1;
    stage.limits.recycle_after = 10;
    let (summary, events) = stage.run(&["ok"; 25]);
    assert_eq!(summary.finished, 25);
    let started = events.iter().filter(|event| matches!(event, FarmEvent::WorkerStarted { .. })).count();
    assert_eq!(started, 3);
}

fn each_kind_of_death_fails_only_its_own_task_and_is_named() {
    let stage = Stage::new();
    let (summary, events) = stage.run(&["ok", "segv", "ok", "abort", "exit 0", "ok", "exit 3", "kill", "ok", "refuse"]);
    assert_eq!((summary.finished, summary.failed.len(), summary.remaining), (4, 6, 0));
    let signal = |name: &str| SignalName(name.into());
    let expected = [
        (1, Cause::Crashed { signal: signal("SIGSEGV") }),
        (3, Cause::Crashed { signal: signal("SIGABRT") }),
        (4, Cause::Left { status: 0 }),
        (6, Cause::Left { status: 3 }),
        (7, Cause::KilledFromOutside { signal: signal("SIGKILL") }),
    ];
    for (task, cause) in expected {
        let reports: Vec<_> = failed_attempts(&events).into_iter().filter(|report| report.task == task).collect();
        assert_eq!(reports.len(), 3, "task {task}");
        for (attempt, report) in (1..).zip(reports) {
            assert_eq!((&report.mishap.cause, report.attempt), (&cause, attempt));
            assert_eq!((report.mishap.phase, report.mishap.at_seconds), (Some(Phase::Process), Some(1.0)));
            assert_eq!(report.mishap.device.as_deref(), Some("Guest"));
            assert!(report.mishap.stderr[0].contains(" in process "), "{:?}", report.mishap.stderr);
        }
    }
    let refused = summary.failed.iter().find(|report| report.task == 9).unwrap();
    assert_eq!(refused.attempt, 1);
    assert!(
        refused.to_string().starts_with("task 9 (refuse) stopped: while writing: the fake cannot do this."),
        "{refused}"
    );
    assert!(!stage.output(1).exists() && stage.output(8).exists());
    assert_eq!(journal::read_all(&stage.state()).unwrap().failed.len(), 16);
}

fn a_crash_that_does_not_repeat_is_healed_by_a_fresh_process() {
    let stage = Stage::new();
    let (summary, events) = stage.run(&["segv-once", "ok"]);
    assert_eq!((summary.finished, summary.failed.len(), summary.attempts), (2, 0, 3));
    let finished = events.iter().find(|event| matches!(event, FarmEvent::Finished { task: 0, .. })).unwrap();
    assert!(matches!(finished, FarmEvent::Finished { attempts: 2, .. }));
}

fn hangs_in_loading_and_processing_are_ended() {
    let mut stage = Stage::new();
    stage.limits.attempts = 1;
    let (summary, events) = stage.run(&["hang", "hang-load", "ok"]);
    assert_eq!((summary.finished, summary.failed.len()), (1, 2));
    for report in failed_attempts(&events) {
        let (phase, least) = if report.task == 0 { (Phase::Process, 3.0) } else { (Phase::Load, 5.0) };
        assert_eq!(report.mishap.phase, Some(phase));
        assert!(matches!(report.mishap.cause, Cause::Hung { seconds } if seconds >= least), "{report}");
    }
}

fn slow_but_advancing_survives_longer_than_the_stall_limit() {
    let stage = Stage::new();
    let (summary, events) = stage.run(&["slow 45"]);
    assert_eq!((summary.finished, summary.attempts), (1, 1), "{:?}", failed_attempts(&events));
}

fn unreadable_words_end_the_worker() {
    let mut stage = Stage::new();
    stage.limits.attempts = 1;
    let (summary, _) = stage.run(&["garbage", "oversize", "half", "ok"]);
    assert_eq!((summary.finished, summary.failed.len()), (1, 3));
    let cause = |task| &summary.failed.iter().find(|report| report.task == task).unwrap().mishap.cause;
    assert!(matches!(cause(0), Cause::Protocol { problem } if problem.contains("no known message")), "{:?}", cause(0));
    assert!(matches!(cause(1), Cause::Protocol { problem } if problem.contains("4294967295")), "{:?}", cause(1));
    assert_eq!(cause(2), &Cause::Left { status: 0 });
}

fn a_closed_connection_is_not_taken_for_death_and_ends_the_worker() {
    let mut stage = Stage::new();
    stage.limits = Limits { attempts: 1, leave: Duration::from_secs(1), ..stage.limits };
    let (summary, _) = stage.run(&["close", "ok"]);
    assert_eq!((summary.finished, summary.failed.len()), (1, 1));
    assert!(matches!(&summary.failed[0].mishap.cause, Cause::Protocol { problem } if problem.contains("went on")));
}

fn much_output_fills_neither_pipe_nor_memory_and_its_end_is_reported() {
    let mut stage = Stage::new();
    stage.limits.attempts = 1;
    let (summary, _) = stage.run(&["babble"]);
    let mishap = &summary.failed[0].mishap;
    assert_eq!(mishap.cause, Cause::Crashed { signal: SignalName("SIGABRT".into()) });
    assert_eq!(mishap.stderr.last().unwrap(), "the last of the babble");
    let log = read(mishap.log.as_ref().unwrap());
    assert!(log.len() < 600_000 && log.contains("bytes are left out here"), "{} bytes", log.len());
}

fn descendants_die_with_their_worker() {
    let mut stage = Stage::new();
    stage.limits.attempts = 1;
    let begun = Instant::now();
    let (summary, _) = stage.run(&["heir", "ok"]);
    assert_eq!((summary.finished, summary.failed.len()), (1, 1));
    assert!(begun.elapsed() < GUARD, "the descendant was waited for");
}

fn a_descendant_that_escaped_and_holds_the_pipe_holds_nothing_up() {
    let mut stage = Stage::new();
    stage.limits.attempts = 1;
    let begun = Instant::now();
    let (summary, _) = stage.try_run(&["escaped-heir", "ok"]).unwrap();
    assert!(begun.elapsed() < GUARD, "the descendant was waited for");
    assert_eq!((summary.finished, summary.failed.len()), (1, 1));
    // It left the group on purpose, which only a stronger confinement can prevent: this test ends it.
    let escaped = stage.marked();
    assert_eq!(escaped.len(), 1, "{escaped:?}");
    let pid = rustix::process::Pid::from_raw(escaped[0]).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    stage.wait_until_all_are_dead();
}

fn a_worker_that_never_leaves_is_killed() {
    let mut stage = Stage::new();
    stage.habit = "never leaves";
    stage.limits.leave = Duration::from_secs(1);
    let (summary, events) = stage.run(&["ok", "ok"]);
    assert_eq!((summary.finished, summary.failed.len()), (2, 0));
    let killed = |event: &&FarmEvent| matches!(event, FarmEvent::WorkerEnded { exit: farm::Exit::Signal(name), .. } if name.0 == "SIGKILL");
    assert!(events.iter().any(|event| killed(&event)));
}

fn a_full_disk_stops_the_run_and_everything_remains() {
    let mut stage = Stage::new();
    stage.workers = 1;
    let (summary, _) = stage.run(&["ok", "full", "ok", "ok"]);
    assert_eq!((summary.finished, summary.failed.len(), summary.remaining), (1, 0, 3));
    assert!(matches!(summary.stopped, Some(StopReason::Refused { .. })));
}

fn workers_that_cannot_start_stop_the_run_with_their_last_words() {
    let mut stage = Stage::new();
    for (habit, words) in [
        ("leaves at once", "status 7"),
        ("other version", "tonemill 0.0.0 and not"),
        ("never ready", "not ready after"),
    ] {
        stage.habit = habit;
        stage.limits.load = Duration::from_secs(if habit == "never ready" { 1 } else { 60 });
        let (summary, _) = stage.run(&["ok"; 3]);
        assert_eq!((summary.attempts, summary.remaining), (0, 3));
        let reason = summary.stopped.unwrap().to_string();
        assert!(reason.contains(words), "{reason}");
        assert_eq!(reason.contains("(its last words: this worker does not like the weather)"), words == "status 7");
    }
    let mut run = stage.prepare(&["ok"]);
    run.command = farm::WorkerCommand::new("/nowhere/a-worker").into();
    let summary = farm::run(run, &mut |_| ()).unwrap();
    let reason = summary.stopped.unwrap().to_string();
    assert!(reason.starts_with("no worker could be started: /nowhere/a-worker: No such file or directory"), "{reason}");
    stage.assert_nothing_is_left();
}

fn a_second_run_on_the_same_output_is_refused() {
    let stage = Stage::new();
    let mut refused = None;
    let first = farm::run(stage.prepare(&["ok"]), &mut |event| {
        if matches!(event, FarmEvent::Started { .. }) {
            refused = Some(stage.try_run(&["ok"]));
        }
    });
    assert_eq!(first.unwrap().finished, 1);
    match refused {
        Some(Err(FarmError::Lock(LockError::Held { holder, .. }))) => {
            assert!(holder.starts_with(&std::process::id().to_string()), "{holder}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(stage.run(&["ok"]).0.finished, 1);
}

fn a_log_is_written_for_failed_attempts_only() {
    let mut stage = Stage::new();
    stage.workers = 1;
    stage.limits.attempts = 2;
    let (summary, _) = stage.run(&["ok", "abort", "ok"]);
    let logs = stage.state().join("logs");
    let mut names: Vec<_> = std::fs::read_dir(&logs).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["1-1.txt", "1-2.txt"]);
    assert_eq!(summary.failed[0].mishap.log.as_ref(), Some(&logs.join("1-2.txt")));
    assert!(read(&logs.join("1-2.txt")).starts_with("abort in process "));
}

fn workers_live_in_a_scratch_home_of_their_own() {
    let stage = Stage::new();
    let mut environments = Vec::new();
    farm::run(stage.prepare(&["slow 2", "slow 2"]), &mut |event| {
        if matches!(event, FarmEvent::Progress { .. }) {
            // A process may end between being found and being looked at.
            let looked_at =
                stage.marked().into_iter().map(|pid| std::fs::read_to_string(format!("/proc/{pid}/environ")));
            environments.extend(looked_at.flatten().filter(|environment| !environment.is_empty()));
        }
    })
    .unwrap();
    let scratch = stage.state().join("scratch");
    assert!(!environments.is_empty());
    for environment in environments {
        let value = |name: &str| environment.split('\0').filter_map(|v| v.split_once('=')).rfind(|(n, _)| *n == name);
        for name in ["HOME", "TMPDIR", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"] {
            let (_, folder) = value(name).unwrap_or_else(|| panic!("{name} is missing"));
            assert!(std::path::Path::new(folder).starts_with(&scratch), "{name}={folder}");
        }
        assert_eq!(value("QT_QPA_PLATFORM"), Some(("QT_QPA_PLATFORM", "offscreen")));
        assert_eq!(value(farm::PARENT_VARIABLE).unwrap().1, std::process::id().to_string());
    }
    stage.assert_nothing_is_left();
}

fn a_panic_of_the_watcher_leaves_no_process() {
    let stage = Stage::new();
    let run = || {
        farm::run(stage.prepare(&["hang", "hang"]), &mut |event| {
            assert!(!matches!(event, FarmEvent::Progress { .. }), "the watcher gives up on purpose");
        })
    };
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run));
    assert!(panicked.is_err());
    assert_eq!(stage.marked(), Vec::<i32>::new());
}
