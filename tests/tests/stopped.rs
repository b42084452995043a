//! Runs that are asked to stop at any time, and two runs at once: no process stays behind, and nobody is in another's way.

use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;
use tonemill_tests::{FixtureJob, Marker, Place, Random, Tree, end_of, files_below, fixture_tone};

/// Rounds of a test: those in `TONEMILL_ROUNDS`, or few.
fn rounds() -> u64 {
    std::env::var("TONEMILL_ROUNDS").map_or(8, |text| text.parse().expect("TONEMILL_ROUNDS is a number"))
}

fn start(marker: &Marker, command: &mut Command) -> Child {
    marker.put_on(command);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the command starts")
}

fn partials(place: &Place) -> Vec<PathBuf> {
    let is_partial = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "partial");
    files_below(&place.path("out")).into_iter().filter(is_partial).collect()
}

/// Signals at random moments. What hangs or has started processes of its own is in the job as told.
fn interrupt_at_random(tones: &str, is_hanging: bool) {
    let healthy = FixtureJob::of_gains(6, 48_000 * 2, 2);
    let job = FixtureJob { tones: healthy.tones.clone() + tones, ..healthy };
    let place = Place::new();
    job.write(&place);
    let mut random = Random::new();
    for round in 0..rounds() {
        let marker = Marker::new(&format!("stop-{is_hanging}-{round}"));
        let mut farm =
            start(&marker, &mut place.command(&["render", "job.yaml", "--workers", "2", "--stall-timeout", "600"]));
        std::thread::sleep(Duration::from_millis(random.below(900)));
        let drains = place.path("out/.tonemill").exists();
        let mut signal = || [Signal::INT, Signal::TERM][random.below(2) as usize];
        Marker::signal(farm.id(), signal());
        // What hangs would be waited for until the drain's deadline.
        let twice = is_hanging || round % 2 == 1;
        if twice {
            let second = signal();
            std::thread::sleep(Duration::from_millis(random.below(200)));
            Marker::signal(farm.id(), second);
        }
        let status = end_of(&mut farm);
        let early = !drains && matches!(status.signal(), Some(2 | 15));
        assert!(early || matches!(status.code(), Some(75 | 0)), "round {round}: {status}");
        marker.wait_until_all_are_gone();
        assert_eq!(partials(&place), Vec::<PathBuf>::new(), "round {round}: half files");
        if status.code() == Some(0) {
            std::fs::remove_dir_all(place.path("out")).unwrap();
        }
    }
}

#[test]
fn signals_at_any_time_leave_no_process_and_no_half_file_though_plugins_start_processes() {
    interrupt_at_random(&fixture_tone("forks", "fork", ""), false);
}

#[test]
fn a_second_signal_at_any_time_ends_what_hangs_with_all_that_it_has_started() {
    let file = tonemill_tests::fixtures().display().to_string();
    let chain = ["fork", "hang-on-process"].map(|id| format!("{{ clap: \"{file}\", id: org.tonemill.fixture.{id} }}"));
    interrupt_at_random(&format!("  - {{ name: a-hangs, chain: [{}] }}\n", chain.join(", ")), true);
}

#[test]
fn processes_that_plugins_start_end_with_their_worker_though_the_run_goes_well() {
    let place = Place::new();
    let tones = fixture_tone("forks", "fork", "");
    FixtureJob { tones, ..FixtureJob::of_gains(4, 4800, 0) }.write(&place);
    let marker = Marker::new("forks");
    let mut farm = start(&marker, &mut place.command(&["render", "job.yaml", "--workers", "2"]));
    assert_eq!(end_of(&mut farm).code(), Some(0));
    assert_eq!(marker.alive(), Vec::<u32>::new(), "the farm waits until all are gone");
    assert_eq!(Tree::of(&place.path("out")).len(), 4);
}

#[test]
fn what_plugins_have_started_ends_with_a_command_that_is_killed() {
    let file = tonemill_tests::fixtures().display().to_string();
    let chain = ["fork", "hang-on-process"].map(|id| format!("{{ clap: \"{file}\", id: org.tonemill.fixture.{id} }}"));
    let place = Place::new();
    let tones = format!("  - {{ name: hangs, chain: [{}] }}\n", chain.join(", "));
    FixtureJob { tones, ..FixtureJob::of_gains(1, 4800, 0) }.write(&place);
    let marker = Marker::new("left");
    let mut farm = start(&marker, &mut place.command(&["render", "job.yaml", "--stall-timeout", "600"]));
    while partials(&place).is_empty() {
        assert!(farm.try_wait().unwrap().is_none(), "the run ended");
        std::thread::sleep(Duration::from_millis(5));
    }
    // The command, its worker, and what the plugin has started.
    assert!(marker.alive().len() >= 3, "{:?}", marker.alive());
    Marker::signal(farm.id(), Signal::KILL);
    end_of(&mut farm);
    marker.wait_until_all_are_gone();
}

#[test]
fn a_second_run_is_refused_by_name_and_a_killed_one_holds_nobody_up() {
    let place = Place::new();
    let tones = fixture_tone("hangs", "hang-on-process", "");
    FixtureJob { tones, ..FixtureJob::of_gains(1, 4800, 0) }.write(&place);
    let marker = Marker::new("second");
    let mut first = start(&marker, &mut place.command(&["render", "job.yaml", "--stall-timeout", "600"]));
    while partials(&place).is_empty() {
        assert!(first.try_wait().unwrap().is_none(), "the first run ended");
        std::thread::sleep(Duration::from_millis(5));
    }
    let held = format!("another run is at work on this output (process {} on ", first.id());
    place.run(&["render", "job.yaml"]).expect(2).says(&[&held]);
    assert!(first.try_wait().unwrap().is_none(), "the first run goes on");
    Marker::signal(first.id(), Signal::KILL);
    end_of(&mut first);
    marker.wait_until_all_are_gone();
    let lock = std::fs::read_to_string(place.path("out/.tonemill/lock")).unwrap();
    assert!(lock.starts_with(&first.id().to_string()), "the lock of the dead stands: {lock}");
    let tones = fixture_tone("hangs", "gain", "");
    FixtureJob { tones, ..FixtureJob::of_gains(1, 4800, 0) }.write(&place);
    place.run(&["render", "job.yaml"]).expect(0);
    assert_eq!(Tree::of(&place.path("out")).len(), 1);
}
