//! `kill -9` at any moment: nothing that is finished is lost, no half file has a final name, and what was not under way is
//! not rendered again.

use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::Signal;
use tonemill_tests::{
    FixtureJob, Marker, Place, Random, Tree, Watcher, end_of, files_below, journals, wait_for_mark, workers_of,
};

/// Workers at once.
const WORKERS: usize = 2;

/// Rounds of a test: those in `TONEMILL_ROUNDS`, or few.
fn rounds() -> usize {
    std::env::var("TONEMILL_ROUNDS").map_or(20, |text| text.parse().expect("TONEMILL_ROUNDS is a number"))
}

/// Undisturbed output of a job, made in a place of its own.
fn undisturbed(job: &FixtureJob) -> Tree {
    let place = Place::new();
    job.write(&place);
    place.run(&["render", "job.yaml"]).expect(0);
    let tree = Tree::of(&place.path("out"));
    tree.expect_manifest(&place.path("out"));
    tree
}

#[derive(Clone, Copy, Debug)]
enum Victim {
    Worker,
    Farm,
    All,
}

#[test]
fn a_loop_of_kills_ends_with_the_tree_of_an_undisturbed_run_and_renders_only_what_was_under_way_again() {
    let job = FixtureJob::of_gains(12, 48_000 * 4, 3);
    let tasks = 36;
    let clean = undisturbed(&job);
    assert_eq!(clean.len(), tasks);
    let place = Place::new();
    job.write(&place);
    let out = place.path("out");
    let mut random = Random::new();
    let (mut killed_workers, mut killed_farms, mut completed) = (0, 0, 0);
    let mut watcher = Watcher::new(out.clone());
    let mut whole = 0;
    for round in 0..rounds() {
        let marker = Marker::new(&format!("kill-{round}"));
        let mut command = place.command(&["render", "job.yaml", "--workers", &WORKERS.to_string()]);
        marker.put_on(&mut command);
        let mut farm = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(20 + random.below(700)));
        let victim = [Victim::Worker, Victim::Farm, Victim::All][random.below(3) as usize];
        let workers = workers_of(&out);
        match victim {
            Victim::Worker => {
                if let Some(worker) = random.one_of(&workers) {
                    Marker::signal(*worker, Signal::KILL);
                    killed_workers += 1;
                }
                // What comes behind the death of a worker is disturbed too, save in some rounds.
                if random.below(4) > 0 {
                    std::thread::sleep(Duration::from_millis(random.below(300)));
                    Marker::signal(farm.id(), Signal::KILL);
                    killed_farms += 1;
                }
            }
            Victim::Farm => {
                Marker::signal(farm.id(), Signal::KILL);
                killed_farms += 1;
            }
            Victim::All => {
                killed_farms += 1;
                killed_workers += workers.len();
                workers.iter().chain([&farm.id()]).for_each(|pid| Marker::signal(*pid, Signal::KILL));
            }
        }
        let status = end_of(&mut farm);
        assert!(matches!(status.code(), None | Some(0)), "round {round}: {status}");
        marker.wait_until_all_are_gone();
        let tree = Tree::of(&out);
        tree.expect_part_of(&clean);
        if tree == clean && round + 1 < rounds() {
            // All is done: from here on a kill would find nothing under way.
            place.run(&["render", "job.yaml"]).expect(0);
            expect_bounds(&place, tasks, killed_workers, killed_farms);
            completed += 1;
            whole += expect_whole(watcher);
            std::fs::remove_dir_all(&out).unwrap();
            watcher = Watcher::new(out.clone());
            (killed_workers, killed_farms) = (0, 0);
        }
    }
    place.run(&["render", "job.yaml"]).expect(0);
    let tree = Tree::of(&out);
    tree.expect_same(&clean);
    tree.expect_manifest(&out);
    expect_bounds(&place, tasks, killed_workers, killed_farms);
    let before = journals::count(&out);
    place.run(&["render", "job.yaml"]).expect(0).says(&["36 tasks done already; nothing was rendered."]);
    assert_eq!(journals::count(&out), before, "a second run renders nothing");
    whole += expect_whole(watcher);
    eprintln!("{} rounds, {completed} times completed, {whole} whole files seen, seed {}", rounds(), random.seed());
}

/// What was begun is at most each task once, and again where a kill or a failure came between.
fn expect_bounds(place: &Place, tasks: usize, killed_workers: usize, killed_farms: usize) {
    let count = journals::count(&place.path("out"));
    assert!(count.finished <= tasks + killed_workers + killed_farms, "{count:?}");
    let under_way = killed_workers + killed_farms * WORKERS;
    assert!(count.started <= tasks + under_way, "{count:?}, {killed_workers} workers and {killed_farms} farms killed");
    assert!(count.failed <= killed_workers, "a kill of the farm is nobody's failure: {count:?}");
}

fn expect_whole(watcher: Watcher) -> usize {
    let seen = watcher.finish();
    assert_eq!(seen.incomplete, Vec::<String>::new(), "files that were not whole under their final names");
    assert!(seen.whole > 0, "the watcher has seen something");
    seen.whole
}

/// Every point that a process comes by in a render, who stops there, and the how-manieth time: where it can be, neither
/// the first nor the last, so that something stands and something is left.
const POINTS: &[(&str, &str, u32)] = &[
    ("sound.write.before", "worker", 2),
    ("sound.sync.before", "worker", 2),
    ("sound.sync.after", "worker", 2),
    ("rename.before", "worker", 2),
    ("rename.after", "worker", 2),
    ("folder-sync.after", "worker", 2),
    ("journal.line.before", "farm", 1),
    ("journal.line.before", "farm", 4),
    ("journal.line.after", "farm", 4),
    ("journal.sync.before", "farm", 2),
    ("journal.sync.after", "farm", 2),
    // The manifest.
    ("write.before", "farm", 1),
    ("sync.before", "farm", 1),
    ("sync.after", "farm", 1),
    ("rename.before", "farm", 1),
    ("rename.after", "farm", 1),
    ("folder-sync.after", "farm", 1),
];

/// Starts a run that stops at a point, waits until it does and kills one of its processes. Gives how it ended.
fn run_and_kill_at(place: &Place, (point, who, count): (&str, &str, u32), victim: &str) -> ExitStatus {
    // It lies where a worker may write.
    let mark = place.write("out/.tonemill/struck/.keep", "").with_file_name("mark");
    let marker = Marker::new(&format!("{point}-{who}-{victim}"));
    let mut command = place.command(&["render", "job.yaml", "--workers", "2"]);
    command.env("TONEMILL_FAILPOINT", format!("{point}={who}:{count}")).env("TONEMILL_FAILPOINT_MARK", &mark);
    marker.put_on(&mut command);
    let mut farm = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let stopped = wait_for_mark(&mark, &mut farm);
    assert_eq!(stopped == farm.id(), who == "farm");
    Marker::signal(if victim == "worker" { stopped } else { farm.id() }, Signal::KILL);
    let status = end_of(&mut farm);
    marker.wait_until_all_are_gone();
    status
}

#[test]
fn a_kill_before_or_after_any_step_leaves_no_half_file_and_the_next_run_completes() {
    let job = FixtureJob::of_gains(3, 4800, 2);
    let clean = undisturbed(&job);
    for at @ (point, who, _) in POINTS {
        for victim in ["worker", "farm"] {
            if victim == "worker" && *who == "farm" {
                continue;
            }
            let what = format!("{victim} killed while a {who} is at {point}");
            let place = Place::new();
            job.write(&place);
            // What planning writes for itself is no output: it is there before.
            place.run(&["plan", "job.yaml"]).expect(0);
            let out = place.path("out");
            let watcher = Watcher::new(out.clone());
            let status = run_and_kill_at(&place, *at, victim);
            // A worker's death is cured by the farm, its own only by the next run.
            assert_eq!(status.code(), if victim == "worker" { Some(0) } else { None }, "{what}");
            Tree::of(&out).expect_part_of(&clean);
            place.run(&["render", "job.yaml"]).expect(0);
            let tree = Tree::of(&out);
            tree.expect_same(&clean);
            tree.expect_manifest(&out);
            let again = place.run(&["render", "job.yaml"]).expect(0);
            again.says(&["6 tasks done already; nothing was rendered."]);
            let seen = watcher.finish();
            assert_eq!(seen.incomplete, Vec::<String>::new(), "{what}");
            let count = journals::count(&out);
            let most = if victim == "worker" { 7 } else { 6 + WORKERS };
            assert!((6..=most).contains(&count.started), "{what}: {count:?}");
        }
    }
}

#[test]
fn a_line_that_a_kill_tore_costs_its_own_task_at_most() {
    let job = FixtureJob::of_gains(3, 4800, 2);
    let place = Place::new();
    job.write(&place);
    let out = place.path("out");
    assert_eq!(run_and_kill_at(&place, ("journal.line.after", "farm", 9), "farm").code(), None);
    let is_journal = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().starts_with("journal");
    let torn: Vec<_> = files_below(&out.join(".tonemill")).into_iter().filter(is_journal).collect();
    assert_eq!(torn.len(), 1, "{torn:?}");
    let bytes = std::fs::read(&torn[0]).unwrap();
    std::fs::write(&torn[0], &bytes[..bytes.len() - 20]).unwrap();
    place.run(&["render", "job.yaml"]).expect(0);
    let count = journals::count(&out);
    assert!(count.torn == 1 && count.finished <= 7 && count.started <= 6 + WORKERS + 1, "{count:?}");
    let tree = Tree::of(&out);
    tree.expect_same(&undisturbed(&job));
    tree.expect_manifest(&out);
}
