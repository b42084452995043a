//! A job on a real Slurm: a controller and two nodes, started for each test by scripts/slurm/start, of which parts are killed.
//! At the end every file is there and is the one that an undisturbed run makes.
//!
//! Tasks sleep rather than reckon, so that the two nodes of one machine are as fast as two machines.
//!
//! Slurm needs root and Debian's packages; scripts/test brings them. Without them, what submits is tested without Slurm.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use tonemill_tests::{FixtureJob, Place, alive_with, files_below, fixture_tone, journals, repository};

/// Takes and tones of the job; each pair is a task.
const TAKES: usize = 8;
const TONES: usize = 6;
const TASKS: usize = TAKES * TONES;

/// Frames of a block, for each of which a task takes 40 ms.
const BLOCK: usize = 512;

/// Blocks of a short task (0.4 s) and of a long one (1.4 s).
const SHORT: usize = 10;
const LONG: usize = 35;

/// A quote, a space and a percent sign, each of which means something to a shell or to Slurm.
const PLAN: &str = "the night's plan 100%";

/// Where nothing has moved for this long, nothing will.
const HANG: Duration = Duration::from_secs(200);

struct Slurm {
    folder: tempfile::TempDir,
}

impl Slurm {
    /// Starts one. `None`, and a word on standard error, where there is none to start.
    fn start() -> Option<Slurm> {
        let installed =
            |name: &str| ["/usr/sbin", "/usr/bin"].iter().any(|folder| Path::new(folder).join(name).exists());
        if let Some(missing) = ["munged", "slurmctld", "slurmd", "sbatch"].into_iter().find(|name| !installed(name)) {
            eprintln!(
                "skipped: {missing} is not installed, so there is no Slurm; as root on Debian, scripts/slurm/setup brings it"
            );
            return None;
        }
        if !rootlike() {
            eprintln!("skipped: starting a Slurm needs root");
            return None;
        }
        let slurm = Slurm { folder: tempfile::tempdir().unwrap() };
        slurm.script("start", &[]);
        Some(slurm)
    }

    /// Runs one of the scripts in scripts/slurm on its folder.
    fn script(&self, name: &str, arguments: &[&str]) {
        let script = repository().join("scripts/slurm").join(name);
        let log = self.folder.path().with_extension("said");
        let said = || std::fs::File::options().create(true).append(true).open(&log).unwrap();
        // To a file: daemons keep what they are started with, and a pipe would never end.
        let mut command = Command::new(script);
        command.arg(self.folder.path()).args(arguments).stdin(Stdio::null()).stdout(said()).stderr(said());
        let status = command.status().unwrap();
        let text = std::fs::read_to_string(&log).unwrap();
        std::fs::remove_file(&log).unwrap();
        assert!(status.success(), "{name} {arguments:?}: {text}");
    }

    /// What every daemon has in its environment.
    fn mark(&self) -> String {
        format!("TONEMILL_SLURM={}\0", self.folder.path().display())
    }

    fn configuration(&self) -> String {
        self.folder.path().join("slurm.conf").display().to_string()
    }

    /// What one of Slurm's commands prints; empty where the controller is away.
    fn ask(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(arguments[0]);
        let output = command.args(&arguments[1..]).env("SLURM_CONF", self.configuration()).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The fields of a job or an element, as Slurm knows them.
    fn job(&self, id: &str) -> BTreeMap<String, String> {
        let text = self.ask(&["scontrol", "--oneliner", "show", "job", id]);
        let fields = text.split_whitespace().filter_map(|field| field.split_once('='));
        fields.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// Processes of its jobs that were started with this word.
    fn processes(&self, word: &str) -> Vec<u32> {
        let all = alive_with(&format!("SLURM_CONF={}", self.configuration()));
        let started = |pid: &u32| {
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            line.split(|byte| *byte == 0).skip(1).any(|argument| argument == word.as_bytes())
        };
        all.into_iter().filter(started).collect()
    }

    /// Waits until nothing renders any more.
    fn wait_until_renderers_are_gone(&self) {
        wait_until("the renderers are gone", || self.processes("run").is_empty().then_some(()));
    }

    /// Kills the daemon of this name: `slurmctld`, `slurmd.one` or `slurmd.two`.
    fn kill_daemon(&self, name: &str) {
        let pid = std::fs::read_to_string(self.folder.path().join(format!("{name}.pid"))).unwrap();
        kill(pid.trim().parse().unwrap());
    }

    /// Waits until a job has ended, and gives how.
    fn end_of(&self, id: &str) -> BTreeMap<String, String> {
        wait_until(&format!("job {id} has ended"), || {
            let job = self.job(id);
            let state = job.get("JobState")?;
            let over = ["COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL"].contains(&state.as_str());
            over.then(|| job.clone())
        })
    }
}

impl Drop for Slurm {
    fn drop(&mut self) {
        let stop = repository().join("scripts/slurm/stop");
        let stopped = Command::new(stop).arg(self.folder.path()).status();
        let marks = [format!("SLURM_CONF={}", self.configuration()), self.mark()];
        let left: Vec<u32> = marks.iter().flat_map(|mark| alive_with(mark)).collect();
        // A panic while another unwinds would hide why.
        if !std::thread::panicking() {
            assert!(stopped.is_ok_and(|status| status.success()), "scripts/slurm/stop has failed");
            assert!(left.is_empty(), "processes are left: {left:?}");
        }
    }
}

fn rootlike() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    status.lines().any(|line| line.strip_prefix("Uid:").is_some_and(|ids| ids.split_whitespace().nth(1) == Some("0")))
}

#[track_caller]
fn wait_until<T>(what: &str, mut happens: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(happened) = happens() {
            return happened;
        }
        assert!(began.elapsed() < HANG, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn kill(pid: u32) {
    let status = Command::new("kill").args(["-KILL", &pid.to_string()]).status().unwrap();
    assert!(status.success(), "{pid} cannot be killed");
}

/// A job of tasks that take a while each, and hardly any of the processor's time.
fn job(place: &Place, blocks: usize) {
    let tone = |n| fixture_tone(&format!("t{n}"), "slow-process", &format!(" }}, {{ gain: -{n} dB"));
    let tones = (0..TONES).map(tone).collect();
    FixtureJob { takes: TAKES, frames: BLOCK * blocks, tones, ending: "wav", output: ", bits: 16" }.write(place);
}

/// What was submitted.
struct Submitted {
    render: String,
    merge: String,
    plan: PathBuf,
}

/// Submits the job with what else is told, each part with one processor.
fn submit(slurm: &Slurm, place: &Place, more: &[&str]) -> Submitted {
    let mut command =
        place.command(&["submit", "slurm", "job.yaml", "--plan", PLAN, "--out", "cluster", "--cpus", "1"]);
    let output = command.args(more).env("SLURM_CONF", slurm.configuration()).output().unwrap();
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(output.status.success(), "{err}");
    let id = |word: &str| {
        let line = out.lines().find_map(|line| line.strip_prefix(word));
        line.unwrap_or_else(|| panic!("no {word} in {out:?}")).trim().to_owned()
    };
    Submitted { render: id("render "), merge: id("merge "), plan: place.path(PLAN) }
}

impl Submitted {
    fn element(&self, number: usize) -> String {
        format!("{}_{number}", self.render)
    }

    /// What the elements have written.
    fn logs(&self) -> String {
        let logs = files_below(&self.plan.join("slurm/logs")).into_iter();
        logs.map(|path| format!("{}:\n{}", path.display(), std::fs::read_to_string(&path).unwrap())).collect()
    }
}

/// Waits until so many files have come out.
#[track_caller]
fn wait_for_files(place: &Place, count: usize) {
    wait_until(&format!("{count} files have come out"), || (sounds(&place.path("cluster")) >= count).then_some(()));
}

fn sounds(folder: &Path) -> usize {
    files_below(folder).iter().filter(|path| path.extension().is_some_and(|extension| extension == "wav")).count()
}

/// How often rendering a task was begun, as all journals tell.
fn renders(place: &Place) -> usize {
    journals::count(&place.path("cluster/out")).started
}

/// Waits for the end of it all, and holds what came out against an undisturbed run. Gives how often rendering was begun.
#[track_caller]
fn everything_is_there(slurm: &Slurm, place: &Place, submitted: &Submitted) -> usize {
    let merged = slurm.end_of(&submitted.merge);
    let ended = ["JobState", "ExitCode"].map(|field| merged[field].as_str());
    assert_eq!(ended, ["COMPLETED", "0:0"], "{}", submitted.logs());
    slurm.wait_until_renderers_are_gone();
    place.run(&["render", "job.yaml", "--out", "alone", "--workers", "24"]).expect(0);
    let (cluster, alone) = (place.sound_files("cluster/out"), place.sound_files("alone/out"));
    assert_eq!(cluster.keys().collect::<Vec<_>>(), alone.keys().collect::<Vec<_>>(), "{}", submitted.logs());
    let different: Vec<_> =
        cluster.iter().filter(|(name, content)| alone[*name] != **content).map(|(n, _)| n).collect();
    assert!(different.is_empty(), "{different:?}\n{}", submitted.logs());
    assert_eq!(place.manifest("cluster/out/manifest.jsonl").len(), TASKS);
    let plan = submitted.plan.to_str().unwrap();
    place.run(&["verify", plan]).expect(0);
    place.run(&["status", plan]).expect(0);
    let begun = renders(place);
    let again = place.run(&["run", plan]).expect(0);
    assert_eq!(renders(place), begun, "what is done was rendered again: {}", again.err);
    begun
}

#[test]
fn a_killed_renderer_is_started_again_and_a_killed_worker_needs_no_requeue() {
    let Some(slurm) = Slurm::start() else { return };
    let place = Place::new();
    job(&place, SHORT);
    let submitted = submit(&slurm, &place, &["--shards", "4"]);
    wait_for_files(&place, TASKS / 8);
    let renderer = slurm.processes("run")[0];
    kill(renderer);
    wait_for_files(&place, TASKS / 4);
    let worker = wait_until("there is a worker", || slurm.processes("worker").first().copied());
    kill(worker);
    let begun = everything_is_there(&slurm, &place, &submitted);
    assert!(begun <= TASKS + 2, "{begun} renders of {TASKS} tasks, with two kills");
    let restarts: u32 = (1..=4).map(|n| slurm.job(&submitted.element(n))["Restarts"].parse::<u32>().unwrap()).sum();
    assert_eq!(restarts, 1, "{}", submitted.logs());
    assert!(submitted.logs().contains("signal 9 has ended tonemill (status 137)"), "{}", submitted.logs());
}

#[test]
fn what_a_lost_node_had_is_rendered_elsewhere_even_while_it_lives_on() {
    let Some(slurm) = Slurm::start() else { return };
    let place = Place::new();
    job(&place, LONG);
    let submitted = submit(&slurm, &place, &["--shards", "2"]);
    wait_for_files(&place, 4);
    let first = submitted.element(1);
    let lost = slurm.job(&first)["NodeList"].clone();
    let renderers = slurm.processes("run");
    // They know nothing of it and go on. Slurm gives the node up after SlurmdTimeout.
    slurm.kill_daemon(&format!("slurmd.{lost}"));
    let elsewhere = wait_until("the part has begun elsewhere", || {
        let job = slurm.job(&first);
        (job.get("Restarts")? == "1" && job.get("JobState")? == "RUNNING").then(|| job["NodeList"].clone())
    });
    assert_ne!(elsewhere, lost);
    let all = wait_until("both are at work", || Some(slurm.processes("run")).filter(|all| all.len() > renderers.len()));
    assert!(renderers.iter().all(|renderer| all.contains(renderer)), "the lost node has ended too early: {all:?}");
    slurm.script("node", &[&lost]);
    let begun = everything_is_there(&slurm, &place, &submitted);
    assert!(begun > TASKS, "nothing was rendered twice\n{}", submitted.logs());
    assert!(begun < 2 * TASKS, "{begun} renders of {TASKS} tasks: what was done was rendered again");
}

#[test]
fn a_killed_controller_costs_nothing() {
    let Some(slurm) = Slurm::start() else { return };
    let place = Place::new();
    job(&place, LONG);
    let submitted = submit(&slurm, &place, &["--shards", "4"]);
    // For some seconds a controller has jobs in its memory only, and would forget them.
    let (kept, told) = (slurm.folder.path().join("state/job_state"), SystemTime::now());
    wait_until("the controller has written its jobs down", || {
        (std::fs::metadata(&kept).ok()?.modified().unwrap() > told).then_some(())
    });
    slurm.kill_daemon("slurmctld");
    wait_for_files(&place, TASKS / 2);
    slurm.script("controller", &[]);
    let begun = everything_is_there(&slurm, &place, &submitted);
    assert_eq!(begun, TASKS, "{}", submitted.logs());
}

#[test]
fn a_part_whose_time_is_almost_up_ends_in_order_and_goes_on_later() {
    let Some(slurm) = Slurm::start() else { return };
    let place = Place::new();
    job(&place, LONG);
    // Told 57 seconds before its minute is over. Slurm looks every 30 seconds, and each part takes longer than that.
    let submitted = submit(&slurm, &place, &["--shards", "2", "--time", "1", "--sbatch=--signal=B:USR1@57"]);
    let begun = everything_is_there(&slurm, &place, &submitted);
    assert_eq!(begun, TASKS, "a task that was begun is ended\n{}", submitted.logs());
    let restarts = |n| slurm.job(&submitted.element(n))["Restarts"].parse::<u32>().unwrap();
    assert!(restarts(1) + restarts(2) > 0, "nothing ran out of time\n{}", submitted.logs());
}

#[test]
fn what_is_cancelled_stays_cancelled_and_its_rest_can_be_sent_again() {
    let Some(slurm) = Slurm::start() else { return };
    let place = Place::new();
    job(&place, SHORT);
    let submitted = submit(&slurm, &place, &["--shards", "2"]);
    wait_for_files(&place, 8);
    slurm.ask(&["scancel", &submitted.element(1)]);
    let cancelled = slurm.end_of(&submitted.element(1));
    assert_eq!((cancelled["JobState"].as_str(), cancelled["Restarts"].as_str()), ("CANCELLED", "0"));
    // The merge does not mind, and says that something is missing.
    let merged = slurm.end_of(&submitted.merge);
    assert_eq!(merged["ExitCode"], "75:0", "{}", submitted.logs());
    let status = place.run(&["status", PLAN]).expect(75);
    assert!(status.out.contains("missing"), "{}", status.out);
    slurm.wait_until_renderers_are_gone();
    // One element alone is still the first of two parts.
    let script = submitted.plan.join("slurm/render.sbatch");
    let id = slurm.ask(&["sbatch", "--parsable", "--array=1", script.to_str().unwrap()]).trim().to_owned();
    assert_eq!(slurm.end_of(&format!("{id}_1"))["ExitCode"], "0:0", "{}", submitted.logs());
    place.run(&["merge", PLAN]).expect(0);
    assert_eq!(place.manifest("cluster/out/manifest.jsonl").len(), TASKS);
}

#[test]
fn failed_tasks_are_the_elements_status_and_no_reason_to_start_it_again() {
    let Some(slurm) = Slurm::start() else { return };
    let place = Place::new();
    let tones = fixture_tone("bad", "nan", "") + &fixture_tone("good", "gain", "");
    FixtureJob { takes: 1, frames: 4800, tones, ending: "wav", output: "" }.write(&place);
    let submitted = submit(&slurm, &place, &["--shards", "1", "--memory", "100M", "--partition", "all"]);
    let element = slurm.end_of(&submitted.element(1));
    let told = ["JobState", "ExitCode", "Restarts"].map(|field| element[field].as_str());
    assert_eq!(told, ["FAILED", "10:0", "0"], "{}", submitted.logs());
    // The merge ends likewise: nothing is missing that another run could bring.
    assert_eq!(slurm.end_of(&submitted.merge)["ExitCode"], "10:0", "{}", submitted.logs());
    assert_eq!(place.manifest("cluster/out/manifest.jsonl").len(), 1);
}
