//! Many short tasks while plugins misbehave, workers are killed every few seconds and the farm again and again: the output
//! is that of an undisturbed run. `scripts/chaos` runs the long form.

use std::fmt::Write;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tonemill_tests::{FixtureJob, Marker, Place, Random, Tree, Watcher, fixture_tone, journals, workers_of};

/// Workers at once.
const WORKERS: usize = 2;

/// How much of it there is.
struct Scale {
    takes: usize,
    /// Frames of each.
    frames: usize,
    /// Tones that behave.
    healthy: usize,
    /// Tones that strike, in turn by crash, abort, leaving, hanging and overflow of the stack.
    fitful: usize,
    /// How often each of these strikes. A third time would quarantine it.
    times: usize,
    farm_kills: usize,
    /// Least and most milliseconds between two kills of workers.
    worker_kills_every: (u64, u64),
}

/// Tones beside these that always do the same: two leak, one prints, one starts processes, and two always fail.
const FIXED: usize = 6;
const FAILING: usize = 2;

impl Scale {
    fn tasks(&self) -> usize {
        self.takes * (self.healthy + self.fitful + FIXED)
    }

    fn job(&self) -> FixtureJob {
        let mut job = FixtureJob::of_gains(self.takes, self.frames, self.healthy);
        let kinds = ["Crash", "Abort", "Exit", "Hang", "Overflow"];
        for n in 0..self.fitful {
            let more = format!(", params: {{ Kind: {}, Number: {n}, Times: {} }}", kinds[n % 5], self.times);
            job.tones += &fixture_tone(&format!("fitful{n}"), "fitful", &more);
        }
        for (name, id) in [
            ("leaks", "leak"),
            ("prints", "stdout"),
            ("leaks-too", "leak"),
            ("forks", "fork"),
            ("nan", "nan"),
            ("error", "error"),
        ] {
            job.tones += &fixture_tone(name, id, "");
        }
        job
    }
}

/// What happened.
#[derive(Debug, Default)]
struct Figures {
    runs: usize,
    farm_kills: usize,
    worker_kills: usize,
    strikes: usize,
    seen: usize,
    undisturbed: Duration,
    disturbed: Duration,
}

fn chaos(scale: &Scale) -> String {
    let job = scale.job();
    let mut figures = Figures::default();
    let mut random = Random::new();
    let began = Instant::now();
    let clean = {
        let place = Place::new();
        job.write(&place);
        // No folder to count strikes in is named: what is fitful behaves.
        place.run(&["render", "job.yaml", "--workers", &WORKERS.to_string()]).expect(10);
        Tree::of(&place.path("out"))
    };
    figures.undisturbed = began.elapsed();
    assert_eq!(clean.len(), scale.tasks() - FAILING * scale.takes);

    let place = Place::new();
    job.write(&place);
    let out = place.path("out");
    // It lies where a worker may write.
    let strikes = out.join(".tonemill/strikes");
    std::fs::create_dir_all(&strikes).unwrap();
    let watcher = Watcher::new(out.clone());
    let began = Instant::now();
    // Kills are spread over the time that the job takes; a life that is cut off takes some of its time twice.
    let life = figures.undisturbed.as_millis() as u64 / (scale.farm_kills as u64 + 1);
    loop {
        let mut command =
            place.command(&["render", "job.yaml", "--workers", &WORKERS.to_string(), "--stall-timeout", "4"]);
        command.env("TONEMILL_FIXTURE_STRIKES", &strikes).stdout(Stdio::null()).stderr(Stdio::null());
        let marker = Marker::new(&format!("chaos-{}", figures.runs));
        marker.put_on(&mut command);
        figures.runs += 1;
        assert!(figures.runs <= 3 * scale.farm_kills + 10, "it comes to no end: {figures:?}");
        let mut farm = command.spawn().unwrap();
        let started = Instant::now();
        let end = (figures.farm_kills < scale.farm_kills).then(|| Duration::from_millis(life / 2 + random.below(life)));
        let (least, most) = scale.worker_kills_every;
        let mut next = Duration::from_millis(least + random.below(most - least));
        let status = loop {
            if let Some(status) = farm.try_wait().unwrap() {
                break Some(status);
            }
            if end.is_some_and(|end| started.elapsed() > end) {
                Marker::signal(farm.id(), Signal::KILL);
                farm.wait().unwrap();
                figures.farm_kills += 1;
                break None;
            }
            if started.elapsed() > next {
                let workers = workers_of(&out);
                if let Some(worker) = random.one_of(&workers) {
                    Marker::signal(*worker, Signal::KILL);
                    figures.worker_kills += 1;
                }
                next = started.elapsed() + Duration::from_millis(least + random.below(most - least));
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        marker.wait_until_all_are_gone();
        match status.map(|status| status.code()) {
            // A farm that was killed, or that stopped since too much failed in a row, is started again.
            None | Some(Some(75)) => {}
            Some(Some(10)) if Tree::of(&out).len() == clean.len() => break,
            Some(Some(10)) => {}
            Some(other) => panic!("the run ended with {other:?}"),
        }
    }
    figures.disturbed = began.elapsed();

    let seen = watcher.finish();
    assert_eq!(seen.incomplete, Vec::<String>::new(), "files that were not whole under their final names");
    assert!(seen.whole >= clean.len(), "the watcher saw {} of {} files", seen.whole, clean.len());
    figures.seen = seen.whole;
    let tree = Tree::of(&out);
    tree.expect_same(&clean);
    tree.expect_manifest(&out);

    figures.strikes = std::fs::read_dir(&strikes).unwrap().count();
    assert_eq!(figures.strikes, scale.fitful * scale.times, "every fixture has struck as often as it should");
    assert_eq!(figures.farm_kills, scale.farm_kills);
    let count = journals::count(&out);
    let misbehaved = count.of(&["crashed", "left", "hung"]);
    assert!(misbehaved <= figures.strikes, "{count:?}, {figures:?}");
    let killed = count.of(&["killed_from_outside"]);
    assert!(killed <= figures.worker_kills, "{count:?}, {figures:?}");
    // Tasks that always fail are tried again by every run, and by nobody else.
    let refused = count.of(&["refused"]);
    assert!(refused <= FAILING * scale.takes * figures.runs, "{count:?}, {figures:?}");
    assert_eq!(misbehaved + killed + refused, count.failed, "no failure is unexplained: {count:?}");
    let sounding = scale.tasks() - FAILING * scale.takes;
    let kills = figures.worker_kills + figures.farm_kills;
    assert!(count.finished <= sounding + kills, "{count:?}, {figures:?}");
    let cut_off = figures.farm_kills * WORKERS;
    assert!(count.started <= sounding + count.failed + cut_off, "{count:?}, {figures:?}");
    report(scale, &figures, &count, &tree, random.seed())
}

fn report(scale: &Scale, figures: &Figures, count: &journals::Count, tree: &Tree, seed: u64) -> String {
    let mut text = String::new();
    let mut row = |name: &str, value: &dyn std::fmt::Display| {
        writeln!(text, "| {name} | {value} |").expect("a text takes all");
    };
    row("tasks", &scale.tasks());
    row("of them such that always fail", &(FAILING * scale.takes));
    row("runs of the farm", &figures.runs);
    row("farms killed", &figures.farm_kills);
    row("workers killed", &figures.worker_kills);
    row("crashes, hangs and sudden ends of fixtures", &figures.strikes);
    row("attempts begun", &count.started);
    row("tasks rendered", &count.finished);
    row("attempts that failed", &count.failed);
    row("files decoded by the watcher", &figures.seen);
    row("files that were not whole", &0);
    row("processes left", &0);
    row("files in the end", &tree.len());
    row("hash of the tree, of the undisturbed run too", &format!("`{}`", tree.hash()));
    row("undisturbed run", &format!("{:.0} s", figures.undisturbed.as_secs_f64()));
    row("disturbed runs", &format!("{:.0} s", figures.disturbed.as_secs_f64()));
    row("seed", &seed);
    text
}

#[test]
fn a_few_hundred_tasks_in_chaos_give_the_tree_of_an_undisturbed_run() {
    let scale = Scale {
        takes: 12,
        frames: 48_000,
        healthy: 10,
        fitful: 5,
        times: 1,
        farm_kills: 3,
        worker_kills_every: (300, 900),
    };
    println!("{}", chaos(&scale));
}

#[test]
#[ignore = "takes minutes; scripts/chaos runs it"]
fn ten_thousand_tasks_in_chaos_give_the_tree_of_an_undisturbed_run() {
    let scale = Scale {
        takes: 100,
        frames: 9600,
        healthy: 64,
        fitful: 30,
        times: 2,
        farm_kills: 20,
        worker_kills_every: (1000, 4000),
    };
    assert_eq!(scale.tasks(), 10_000);
    let table = chaos(&scale);
    match std::env::var_os("TONEMILL_CHAOS_REPORT") {
        Some(path) => std::fs::write(path, table).expect("the report can be written"),
        None => println!("{table}"),
    }
}
