//! A farm that is asked to stop, or killed.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::Duration;

use farm::{FarmEvent, StopReason, journal};
use libtest_mimic::Trial;
use rustix::process::Signal;

use crate::stage::{Stage, read};

pub fn trials() -> Vec<Trial> {
    crate::trials![
        the_first_signal_lets_running_attempts_finish,
        the_drain_limit_ends_what_does_not_finish,
        the_second_signal_kills_at_once,
        a_killed_farm_leaves_no_worker_and_the_next_one_continues,
        killing_the_farm_at_many_moments_loses_no_finished_task,
    ]
}

fn is_progress(event: &FarmEvent) -> bool {
    matches!(event, FarmEvent::Progress { .. })
}

fn the_first_signal_lets_running_attempts_finish() {
    for signal in [Signal::INT, Signal::TERM] {
        let mut stage = Stage::new();
        stage.workers = 1;
        let mut farm = stage.farm(&["ok 1000", "ok"]);
        farm.wait_for(is_progress);
        farm.signal(signal);
        let summary = farm.summary();
        assert_eq!((summary.finished, summary.failed.len(), summary.remaining), (1, 0, 1));
        assert_eq!(summary.stopped, Some(StopReason::Asked));
        assert!(stage.output(0).exists() && !stage.output(1).exists());
        stage.assert_nothing_is_left();
    }
}

fn the_drain_limit_ends_what_does_not_finish() {
    let mut stage = Stage::new();
    stage.limits.drain = Duration::from_secs(1);
    let mut farm = stage.farm(&["hang", "hang", "ok"]);
    farm.wait_for(is_progress);
    farm.signal(Signal::INT);
    let summary = farm.summary();
    assert_eq!((summary.finished, summary.failed.len(), summary.remaining), (0, 0, 3));
    stage.assert_nothing_is_left();
}

fn the_second_signal_kills_at_once() {
    let mut stage = Stage::new();
    stage.limits.drain = Duration::from_secs(3600);
    let mut farm = stage.farm(&["hang", "hang", "ok"]);
    farm.wait_for(is_progress);
    farm.signal(Signal::INT);
    farm.wait_for(|event| matches!(event, FarmEvent::Draining { .. }));
    farm.signal(Signal::TERM);
    let summary = farm.summary();
    assert_eq!((summary.finished, summary.remaining, summary.stopped), (0, 3, Some(StopReason::Asked)));
    stage.assert_nothing_is_left();
}

fn a_killed_farm_leaves_no_worker_and_the_next_one_continues() {
    let stage = Stage::new();
    let mut farm = stage.farm(&["ok", "hang", "hang"]);
    // Which worker is ready first is open: the three may be reached in any order.
    let reached = RefCell::new(BTreeSet::new());
    farm.wait_for(|event| {
        if let FarmEvent::Finished { task: task @ 0, .. } | FarmEvent::Progress { task: task @ 1..=2, .. } = event {
            reached.borrow_mut().insert(*task);
        }
        reached.borrow().len() == 3
    });
    assert_eq!(stage.marked().len(), 2);
    farm.child.kill().unwrap();
    farm.child.wait().unwrap();
    stage.wait_until_all_are_dead();

    let journal = journal::read_all(&stage.state()).unwrap();
    assert_eq!(journal.finished.iter().map(|finished| finished.task).collect::<Vec<_>>(), [0]);
    assert!((0..3).all(|number| journal.started_outputs.contains(&stage.output(number))));
    // Neither the lock nor the scratch folders that it left hold anybody up.
    assert_eq!(stage.run(&["ok", "ok", "ok"]).0.finished, 3);
}

fn killing_the_farm_at_many_moments_loses_no_finished_task() {
    let stage = Stage::new();
    let labels = ["ok 5"; 24];
    for round in 0..7_u64 {
        let mut farm = stage.farm(&labels);
        if round == 3 {
            // However slow the machine is, one round gets far enough to mean something.
            farm.wait_for(|event| matches!(event, FarmEvent::Finished { .. }));
        } else {
            std::thread::sleep(Duration::from_millis(round * 40));
        }
        farm.child.kill().unwrap();
        farm.child.wait().unwrap();
        stage.wait_until_all_are_dead();
        let journal = journal::read_all(&stage.state()).unwrap();
        for finished in &journal.finished {
            let output = stage.output(finished.task as usize);
            assert_eq!(read(&output), finished.key, "round {round}");
        }
        for number in (0..labels.len()).filter(|number| stage.output(*number).exists()) {
            let output = stage.output(number);
            assert!(journal.started_outputs.contains(&output), "round {round}: {output:?} is not known as our own");
        }
    }
    assert!(
        !journal::read_all(&stage.state()).unwrap().finished.is_empty(),
        "no round got far enough to mean anything"
    );
    // Half files of the killed ones are gone too, since the last run began every task.
    assert_eq!(stage.run(&labels).0.finished, 24);
}
