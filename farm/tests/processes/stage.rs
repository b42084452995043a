//! What the tests share: tasks, a marked worker command, a farm in a process of its own, and a look for leftovers.

use std::io::{BufRead, BufReader, Lines};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use farm::blame::Ledger;
use farm::{FarmError, FarmEvent, Limits, Report, Run, Summary, WorkerCommand};
use jobs::task::Task;
use rustix::process::{Pid, Signal};
use serde_json::json;

/// Set in every worker and its descendants, to one value a test.
const MARK: &str = "TONEMILL_TEST_MARK";

/// No step takes this long unless it hangs.
pub const GUARD: Duration = Duration::from_secs(120);

/// A folder, and a mark for everything that is started on it.
pub struct Stage {
    folder: PathBuf,
    /// Removes the folder; absent in a farm's process, whose test owns it.
    _owned: Option<tempfile::TempDir>,
    pub workers: usize,
    pub limits: Limits,
    pub habit: &'static str,
}

impl Stage {
    pub fn new() -> Stage {
        let owned = tempfile::tempdir().expect("a folder can be made");
        let stage = Stage::on(owned.path().to_owned());
        Stage { _owned: Some(owned), ..stage }
    }

    fn on(folder: PathBuf) -> Stage {
        // Limits that end a hang soon, and are still long for a machine that is busy with something else.
        let limits = Limits { stall: Duration::from_secs(3), load: Duration::from_secs(5), ..Limits::default() };
        Stage { folder, _owned: None, workers: 2, limits, habit: "" }
    }

    pub fn state(&self) -> PathBuf {
        self.folder.join("state")
    }

    fn mark(&self) -> String {
        self.folder.display().to_string()
    }

    pub fn output(&self, number: usize) -> PathBuf {
        self.folder.join(format!("{number}.wav"))
    }

    pub fn command(&self) -> WorkerCommand {
        let mut command = WorkerCommand::new(std::env::current_exe().expect("it runs"));
        command.args.push("be-a-worker".into());
        command.env.push((MARK.into(), self.mark().into()));
        command.env.push((crate::worker::HABIT.into(), self.habit.into()));
        command
    }

    pub fn tasks(&self, labels: &[&str]) -> Vec<Task> {
        let task = |(number, label): (usize, &&str)| {
            serde_json::from_value(json!({
                "number": number,
                "label": label,
                "key": format!("key {number}"),
                "audio": { "sample_rate": 1000, "block_size": 64 },
                "render": { "tone": { "input": { "file": "/in.wav" }, "tone": "t", "chain": [] } },
                "outputs": [{
                    "path": self.output(number),
                    "deliver": "mix",
                    "format": { "container": "wav", "depth": "24" },
                    "length": "match",
                }],
                "sources": [],
            }))
            .expect("a task")
        };
        labels.iter().enumerate().map(task).collect()
    }

    pub fn prepare(&self, labels: &[&str]) -> Run {
        let (tasks, command) = (self.tasks(labels), self.command());
        Run {
            tasks: tasks.into_iter().collect(),
            workers: self.workers,
            command: command.into(),
            limits: self.limits.clone(),
            state: self.state(),
            ledger: Ledger::default(),
            reproduce: None,
            warm: farm::Warm::default(),
        }
    }

    pub fn try_run(&self, labels: &[&str]) -> Result<(Summary, Vec<FarmEvent>), FarmError> {
        let mut events = Vec::new();
        let summary = farm::run(self.prepare(labels), &mut |event| events.push(event.clone()))?;
        Ok((summary, events))
    }

    /// Runs to the end, after which nothing may be left but what belongs there.
    pub fn run(&self, labels: &[&str]) -> (Summary, Vec<FarmEvent>) {
        let done = self.try_run(labels).expect("the run begins");
        self.assert_nothing_is_left();
        done
    }

    pub fn assert_nothing_is_left(&self) {
        assert_eq!(self.marked(), Vec::<i32>::new(), "processes are left");
        let scratch: Vec<_> = std::fs::read_dir(self.state().join("scratch")).expect("it exists").collect();
        assert!(scratch.is_empty(), "{scratch:?}");
        assert_eq!(self.half_files(), 0, "files are left under temporary names");
    }

    /// Files under temporary names.
    pub fn half_files(&self) -> usize {
        let entries = std::fs::read_dir(&self.folder).expect("it exists");
        let name = |entry: std::io::Result<std::fs::DirEntry>| entry.expect("it can be read").file_name();
        entries.map(name).filter(|name| name.to_string_lossy().ends_with(".partial")).count()
    }

    /// Every living process that carries this stage's mark. A zombie has no environment any more.
    pub fn marked(&self) -> Vec<i32> {
        let wanted = format!("{MARK}={}", self.mark());
        let carries = |pid: &i32| {
            let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environment.split(|byte| *byte == 0).any(|variable| variable == wanted.as_bytes())
        };
        let entries = std::fs::read_dir("/proc").expect("Linux has it");
        let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        pids.filter(carries).collect()
    }

    /// Waits until no marked process lives.
    pub fn wait_until_all_are_dead(&self) {
        let begun = Instant::now();
        while !self.marked().is_empty() {
            assert!(begun.elapsed() < GUARD, "processes are left: {:?}", self.marked());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Starts a farm in a process of its own.
    pub fn farm(&self, labels: &[&str]) -> Farm {
        let mut child = Command::new(std::env::current_exe().expect("it runs"))
            .arg("be-a-farm")
            .arg(&self.folder)
            .arg(self.workers.to_string())
            .arg(self.limits.drain.as_secs().to_string())
            .args(labels)
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program exists");
        let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        Farm { child, lines }
    }
}

/// What `be-a-farm` does: events as lines, and the summary as the last one.
pub fn be_a_farm(args: &[String]) {
    let [folder, workers, drain, labels @ ..] = args else { panic!("called with {args:?}") };
    let mut stage = Stage::on(folder.into());
    stage.workers = workers.parse().expect("a number");
    stage.limits = Limits { drain: Duration::from_secs(drain.parse().expect("seconds")), ..Limits::default() };
    let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
    let run = stage.prepare(&labels);
    let summary = farm::run(run, &mut |event| println!("{}", serde_json::to_string(event).expect("it serialises")));
    println!("{}", serde_json::to_string(&summary.expect("the run begins")).expect("it serialises"));
}

/// A farm in a process of its own.
pub struct Farm {
    pub child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Farm {
    pub fn signal(&self, signal: Signal) {
        rustix::process::kill_process(Pid::from_child(&self.child), signal).expect("it lives");
    }

    /// Reads events until one is wanted.
    pub fn wait_for(&mut self, wanted: impl Fn(&FarmEvent) -> bool) {
        for line in self.lines.by_ref() {
            let line = line.expect("it can be read");
            let event: FarmEvent = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
            if wanted(&event) {
                return;
            }
        }
        panic!("the farm ended first");
    }

    /// Reads to the end.
    pub fn summary(mut self) -> Summary {
        let last = self.lines.by_ref().map(|line| line.expect("it can be read")).last().expect("there is a summary");
        assert!(self.child.wait().expect("it is a child").success());
        serde_json::from_str(&last).unwrap_or_else(|error| panic!("{error}: {last}"))
    }
}

pub fn failed_attempts(events: &[FarmEvent]) -> Vec<&Report> {
    let reports = events.iter().filter_map(|event| match event {
        FarmEvent::AttemptFailed { report } => Some(&**report),
        _ => None,
    });
    reports.collect()
}

pub fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
