//! How workers are cared for: how much memory they may take, how long they live, what ends them, and which program they are.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tonemill_tests::{Place, Ran, Trixie, built, fixtures, sine, tonemill};

fn tone(name: &str, file: &Path, id: &str, more: &str) -> String {
    let file = file.display();
    format!("  - {{ name: {name}, chain: [{{ clap: \"{file}\", id: org.tonemill.fixture.{id}{more} }}] }}\n")
}

fn fixture_tone(name: &str, id: &str) -> String {
    tone(name, &fixtures(), id, "")
}

/// A job that puts some recordings of this many frames through tones.
fn job(place: &Place, recordings: usize, frames: usize, tones: &str) {
    for n in 0..recordings {
        place.wav(&format!("di/take{n:03}.wav"), 48_000, &vec![sine(48_000, 110.0 + n as f64, 0.5, frames); 2]);
    }
    let text = format!(
        "tonemill: 1\ninputs: {{ di: {{ files: \"di/{{id}}.wav\" }} }}\ntones:\n{tones}output: {{ path: \"out/{{tone}}/{{id}}.wav\", \
         bits: 32f }}\n"
    );
    place.write("job.yaml", text);
}

/// The processes that a manifest names.
fn processes(manifest: &[Value]) -> BTreeSet<u64> {
    manifest.iter().map(|line| line["timings"]["process"].as_u64().expect("it says its process")).collect()
}

/// Every event of a kind among the lines that `--json` gives.
fn events(ran: &Ran, kind: &str) -> Vec<Value> {
    let lines = ran.out.lines().map(|line| serde_json::from_str::<Value>(line).expect("an event is JSON"));
    lines.filter(|event| event["event"] == kind).collect()
}

#[test]
fn a_worker_that_takes_more_memory_than_it_may_fails_its_own_task_and_no_other() {
    let place = Place::new();
    job(&place, 2, 4800, &(fixture_tone("balloon", "balloon") + &fixture_tone("fine", "gain")));
    let ran = place.run(&["render", "job.yaml", "--workers", "2", "--memory", "400MB", "--json"]).expect(10);
    assert_eq!(place.sound_files("out").len(), 2, "{}", ran.err);
    assert_eq!(place.sound_files("out/fine").len(), 2);
    let failed = events(&ran, "failed");
    assert_eq!(failed.len(), 2, "{}", ran.err);
    for report in failed {
        let cause = &report["report"]["cause"];
        assert_eq!((&cause["kind"], &cause["limit"]), (&"memory".into(), &400_000_000.into()), "{report}");
        assert!(cause["bytes"].as_u64().unwrap() >= 400_000_000, "{report}");
        assert_eq!(report["report"]["device"], "Fixture Balloon", "{report}");
        assert_eq!(report["report"]["attempt"], 3, "{report}");
    }
    ran.says(&["\"Fixture Balloon\" took", "--memory"]);
}

/// A control group of the first version, as root can make one; removed at the end.
struct Group(PathBuf);

impl Group {
    /// `None`, and a word on standard error, where none can be made.
    fn new(controller: &str, limit: (&str, &str)) -> Option<Group> {
        let path = Path::new("/sys/fs/cgroup").join(controller).join(format!("tonemill-test-{}", std::process::id()));
        let group = Group(path);
        let made = std::fs::create_dir(&group.0).and_then(|()| std::fs::write(group.0.join(limit.0), limit.1));
        match made {
            Ok(()) => Some(group),
            Err(error) => {
                eprintln!("skipped: no control group can be made: {}: {error}", group.0.display());
                None
            }
        }
    }

    /// Runs the command of a place within it.
    fn run(&self, place: &Place, arguments: &[&str]) -> Ran {
        let plain = place.command(arguments);
        let mut command = Command::new("sh");
        let join = format!("echo $$ > '{}' && exec \"$@\"", self.0.join("cgroup.procs").display());
        command.args(["-c", &join, "sh"]).arg(plain.get_program()).args(plain.get_args());
        command.current_dir(plain.get_current_dir().expect("a place is a folder"));
        command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.output().expect("the shell starts").into()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // It stays where a process has not left it yet, and harms nobody.
        let _ = std::fs::remove_dir(&self.0);
    }
}

#[test]
fn a_worker_that_the_system_kills_for_want_of_memory_is_said_to_be() {
    let place = Place::new();
    let Some(group) = Group::new("memory", ("memory.limit_in_bytes", "400M")) else { return };
    job(&place, 1, 4800, &(fixture_tone("balloon", "balloon") + &fixture_tone("fine", "gain")));
    let ran = group.run(&place, &["render", "job.yaml", "--workers", "1", "--json", "--memory", "4GB"]).expect(10);
    let failed = events(&ran, "failed");
    assert_eq!(failed.len(), 1, "{}", ran.err);
    assert_eq!(failed[0]["report"]["cause"]["kind"], "out_of_memory", "{}", failed[0]);
    ran.says(&["the system killed the worker since memory ran out"]);
    assert_eq!(place.sound_files("out/fine").len(), 1);
}

#[test]
fn a_quota_of_processor_time_bounds_the_workers() {
    let place = Place::new();
    // One processor's worth in each period of a tenth of a second.
    let Some(group) = Group::new("cpu", ("cpu.cfs_quota_us", "100000")) else { return };
    job(&place, 6, 480, &fixture_tone("t", "gain"));
    group.run(&place, &["render", "job.yaml"]).expect(0).says(&["with 1 worker:"]);
}

#[test]
fn what_stays_below_the_memory_that_it_may_take_is_left_alone() {
    let place = Place::new();
    job(&place, 1, 4800, &fixture_tone("balloon", "balloon"));
    place.run(&["render", "job.yaml", "--memory", "1500MB"]).expect(0);
    assert_eq!(place.sound_files("out").len(), 1);
}

#[test]
fn a_worker_that_grows_makes_room_for_a_fresh_one() {
    let place = Place::new();
    // Each instance loses 4 MiB.
    job(&place, 8, 480, &fixture_tone("leak", "leak"));
    place.run(&["render", "job.yaml", "--workers", "1"]).expect(0);
    assert_eq!(processes(&place.manifest("out/manifest.jsonl")).len(), 1, "it may grow by that much");
    std::fs::remove_dir_all(place.path("out")).unwrap();
    place.run(&["render", "job.yaml", "--workers", "1", "--recycle-growth", "10MB"]).expect(0);
    let manifest = place.manifest("out/manifest.jsonl");
    assert_eq!(manifest.len(), 8);
    let processes = processes(&manifest).len();
    assert!((2..8).contains(&processes), "{processes} processes");
}

#[test]
fn a_worker_lives_for_as_many_tasks_as_it_is_given() {
    let place = Place::new();
    job(&place, 9, 480, &fixture_tone("t", "gain"));
    place.run(&["render", "job.yaml", "--workers", "1", "--recycle", "2"]).expect(0);
    assert_eq!(processes(&place.manifest("out/manifest.jsonl")).len(), 5);
}

#[test]
fn whoever_does_not_advance_is_ended_and_whoever_is_slow_is_not() {
    let place = Place::new();
    let mut tones = fixture_tone("load", "hang-on-load");
    tones += &fixture_tone("process", "hang-on-process");
    tones += &fixture_tone("destroy", "hang-on-destroy");
    tones += &fixture_tone("slow-load", "slow-load");
    // A second of sound takes four to come.
    tones += &fixture_tone("slow-process", "slow-process");
    tones += &fixture_tone("slow-destroy", "slow-destroy");
    job(&place, 1, 48_000, &tones);
    let limits = ["--load-timeout", "10", "--stall-timeout", "3"];
    let ran = place.run(&[&["render", "job.yaml", "--json"][..], &limits].concat()).expect(10);
    let done = place.sound_files("out");
    let done: Vec<&str> = done.keys().map(|path| path.iter().next().unwrap().to_str().unwrap()).collect();
    // What hangs while it is destroyed has given its sound before.
    assert_eq!(done, ["destroy", "slow-destroy", "slow-load", "slow-process"], "{}", ran.err);
    let phases: BTreeSet<String> = events(&ran, "failed")
        .iter()
        .map(|report| {
            assert_eq!(report["report"]["cause"]["kind"], "hung", "{report}");
            report["report"]["phase"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(phases, BTreeSet::from(["load".to_owned(), "process".to_owned()]), "{}", ran.err);
}

#[test]
fn a_task_that_takes_longer_than_any_may_is_ended_although_it_advances() {
    let place = Place::new();
    // Four minutes at 40 ms a block.
    job(&place, 1, 48_000 * 60, &(fixture_tone("slow", "slow-process") + &fixture_tone("fine", "gain")));
    let ran = place.run(&["render", "job.yaml", "--task-timeout", "8", "--json"]).expect(10);
    let failed = events(&ran, "failed");
    assert_eq!(failed.len(), 1, "{}", ran.err);
    assert_eq!(failed[0]["report"]["cause"]["kind"], "too_long", "{}", failed[0]);
    assert_eq!(place.sound_files("out/fine").len(), 1);
}

/// A program that starts a worker in an environment that says so.
fn launcher(place: &Place, marks: &Path) -> PathBuf {
    let (worker, marks) = (built().join("tonemill-worker"), marks.display());
    let script = format!("#!/bin/sh\necho launched >> '{marks}'\nexec '{}' \"$@\"\n", worker.display());
    let path = place.write("launcher", script);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// A copy of the plugins that misbehave, in a folder of its own.
fn other_plugins(place: &Place) -> PathBuf {
    let path = place.write("other/fixtures.clap", "");
    std::fs::copy(fixtures(), &path).unwrap();
    path
}

#[test]
fn plugins_below_a_folder_are_loaded_by_the_worker_that_is_named_for_it() {
    let place = Place::new();
    let (marks, other) = (place.path("marks"), other_plugins(&place));
    let worker = format!("other={}", launcher(&place, &marks).display());
    job(&place, 2, 480, &(fixture_tone("plain", "gain") + &tone("other", &other, "gain", "")));
    let launched = || std::fs::read_to_string(&marks).unwrap_or_default().lines().count();

    place.run(&["render", "job.yaml", "--workers", "1", "--worker", &worker]).expect(0);
    assert_eq!(place.sound_files("out").len(), 4);
    // Once to be examined, once to render both tasks.
    assert_eq!(launched(), 2);
    let spec = format!("clap:{}#org.tonemill.fixture.gain", other.display());
    place.run(&["plugins", "show", &spec, "--worker", &worker]).expect(0);
    assert_eq!(launched(), 3);
    let mut scan = place.command(&["plugins", "scan", "--worker", &worker]);
    Ran::from(scan.env("CLAP_PATH", place.path("other")).output().unwrap()).expect(0);
    assert_eq!(launched(), 4);
    place.run(&["plugins", "probe", &spec, "--worker", &worker]).expect(0);
    assert!(launched() > 4);

    let before = launched();
    let spec = format!("clap:{}#org.tonemill.fixture.gain", fixtures().display());
    place.run(&["plugins", "show", &spec, "--worker", &worker]).expect(0);
    assert_eq!(launched(), before, "a plugin from elsewhere is not its concern");
}

#[test]
fn a_task_whose_plugins_ask_for_two_workers_is_a_mistake_before_anything_is_rendered() {
    let place = Place::new();
    let other = other_plugins(&place);
    let launcher = launcher(&place, &place.path("marks"));
    let worker = format!("other={}", launcher.display());
    let device = |file: &Path| format!("{{ clap: \"{}\", id: org.tonemill.fixture.gain }}", file.display());
    job(&place, 1, 480, &format!("  - {{ name: t, chain: [{}, {}] }}\n", device(&fixtures()), device(&other)));
    let ran = place.run(&["render", "job.yaml", "--worker", &worker]).expect(2);
    ran.says(&["take000", "is served by the worker", "one process renders a task whole"]);
    assert!(!place.path("out").exists());
    // Where one program serves both, nothing is in the way.
    let both = launcher.display().to_string();
    place.run(&["render", "job.yaml", "--worker", &worker, "--worker", &both]).expect(0);
    assert_eq!(place.sound_files("out").len(), 1);
}

#[test]
fn a_worker_or_a_folder_that_is_not_there_is_told() {
    let place = Place::new();
    job(&place, 1, 480, &fixture_tone("t", "gain"));
    place.run(&["render", "job.yaml", "--worker", "nowhere"]).expect(2).says(&["there is no worker program nowhere"]);
    let worker = format!("nowhere={}", tonemill().display());
    place.run(&["render", "job.yaml", "--worker", &worker]).expect(2).says(&["there is no folder nowhere"]);
}

#[test]
fn plugins_of_two_systems_render_in_one_run() {
    let place = Place::new();
    let Some(trixie) = Trixie::new(&place) else { return };
    if !Path::new("/usr/lib/clap/ZamTube.clap").exists() {
        eprintln!("skipped: zam-plugins is not installed; scripts/test brings it");
        return;
    }
    let new = trixie.folder("clap");
    let tones = format!(
        "  - {{ name: native, chain: [{{ clap: /usr/lib/clap/ZamTube.clap, channels: dual_mono }}] }}\n  - {{ name: foreign, chain: \
         [{{ clap: {}/MVerb.clap }}] }}\n",
        new.display()
    );
    job(&place, 2, 24_000, &tones);
    // This system's libraries are too old for that plugin, so that it needs the other worker.
    let alone = place.run(&["plan", "job.yaml", "-o", "plan.jsonl"]);
    assert_ne!(alone.status, Some(0), "the test shows nothing where one worker loads both: {}", alone.err);
    let worker = format!("{}={}", new.display(), trixie.worker().display());
    place.run(&["render", "job.yaml", "--worker", &worker, "--workers", "2"]).expect(0);
    assert_eq!(place.sound_files("out").len(), 4);
    for line in place.manifest("out/manifest.jsonl") {
        assert_eq!(line["file"]["silent"], false, "{line}");
    }
}

#[test]
fn there_are_as_many_workers_as_processors_that_the_command_may_use() {
    let place = Place::new();
    job(&place, 6, 480, &fixture_tone("t", "gain"));
    let mut command = Command::new("taskset");
    command.args(["-c", "0"]).arg(tonemill()).args(["render", "job.yaml"]).current_dir(place.path("."));
    command.env("TONEMILL_CACHE", place.cache());
    let ran: Ran = match command.output() {
        Ok(output) => output.into(),
        Err(error) => {
            eprintln!("skipped: taskset does not start: {error}");
            return;
        }
    };
    ran.expect(0).says(&["with 1 worker:"]);
    assert_eq!(processes(&place.manifest("out/manifest.jsonl")).len(), 1);
}
