//! Showing what the farm does: a bar on a terminal, plain lines elsewhere, JSON lines for programs.

mod flags;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use farm::{FarmEvent, Summary};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jobs::catalogue::Found;
use jobs::manifest::Rendered;
use jobs::queue::Queue;

use flags::Flagged;

use crate::sandbox::Confined;

/// Steps of the bar for one task.
const STEPS: u64 = 1000;

/// Consumes the farm's events.
pub(crate) struct Show {
    bar: Option<ProgressBar>,
    json: bool,
    started: Instant,
    tasks: usize,
    finished: usize,
    failed: usize,
    workers: usize,
    files: usize,
    bytes: u64,
    /// Seconds of audio that were written, each task's longest file once.
    audio_seconds: f64,
    flagged: Flagged,
    /// Warnings that were told, and how often one of them came again.
    warned: HashSet<String>,
    warned_again: usize,
    confined: Confined,
    /// Frames a second that all tasks render at.
    rate: f64,
    /// How far each running task is, in steps.
    running: HashMap<u32, u64>,
    /// How many tasks were not rendered, by the quarantined plugin that they use.
    passed: BTreeMap<String, usize>,
}

impl Show {
    pub(crate) fn new(left: &Queue, json: bool, workers: usize) -> Show {
        let bar = bar(left.len() as u64 * STEPS);
        Show {
            bar,
            json,
            started: Instant::now(),
            tasks: left.len(),
            finished: 0,
            failed: 0,
            workers,
            files: 0,
            bytes: 0,
            audio_seconds: 0.0,
            flagged: Flagged::default(),
            warned: HashSet::new(),
            warned_again: 0,
            confined: Confined::default(),
            rate: left.get(0).audio.sample_rate.hz(),
            running: HashMap::new(),
            passed: BTreeMap::new(),
        }
    }

    /// Takes one event.
    pub(crate) fn event(&mut self, event: &FarmEvent) {
        if self.json {
            // Whoever reads events may stop reading; the render goes on.
            let line = serde_json::to_string(event).expect("an event is plain data");
            let _ = writeln!(std::io::stdout(), "{line}");
        }
        match event {
            FarmEvent::Progress { task, done, total } => {
                self.running.insert(*task, (done * STEPS).checked_div(*total).unwrap_or(0).min(STEPS - 1));
            }
            FarmEvent::Finished { task, label, attempts, rendered, .. } => {
                self.finish(*task, label, *attempts, rendered)
            }
            FarmEvent::AttemptFailed { report } if report.retried => self.line(&report.to_string()),
            FarmEvent::Failed { report } => {
                self.failed += 1;
                self.running.remove(&report.task);
                self.line(&report.to_string());
                for line in &report.mishap.stderr {
                    self.line(&format!("    | {line}"));
                }
            }
            FarmEvent::Struck { strike } if strike.suspected => self.line(&format!(
                "suspect: {} ran before task {} ({}), which failed behind it and passed alone",
                strike.against, strike.task, strike.label
            )),
            FarmEvent::Quarantined { standing } => self.line(&format!(
                "quarantined plugin: {}, after {}; tasks with both are not rendered",
                standing.against,
                count(standing.strikes.len(), "strike")
            )),
            FarmEvent::PassedOver { against, .. } => *self.passed.entry(against.to_string()).or_default() += 1,
            FarmEvent::Interrupted { task, label } => {
                self.running.remove(task);
                self.line(&format!("{label}: broken off"));
            }
            FarmEvent::Draining { reason, running, .. } => {
                self.line(&format!(
                    "stopping: {reason} {running} running tasks may finish; interrupt again to end at once"
                ));
            }
            FarmEvent::Killing { reason } => self.line(&format!("ending at once: {reason}")),
            FarmEvent::StartFailed { mishap } => self.line(&format!("warning: {mishap}")),
            FarmEvent::Warning { text } => self.line(&format!("warning: {text}")),
            _ => {}
        }
        if let Some(bar) = &self.bar {
            let passed: usize = self.passed.values().sum();
            let done = (self.finished + self.failed + passed) as u64 * STEPS + self.running.values().sum::<u64>();
            bar.set_position(done);
            let failed = if self.failed > 0 { format!(", {} failed", self.failed) } else { String::new() };
            bar.set_message(format!("{} of {}{failed}, {}", self.finished, self.tasks, self.rate()));
        }
    }

    fn finish(&mut self, task: u32, label: &str, attempts: u32, rendered: &Rendered) {
        self.finished += 1;
        self.confined.add(rendered.sandbox.as_ref());
        self.running.remove(&task);
        self.files += rendered.files.len();
        self.bytes += rendered.files.iter().map(|file| file.bytes).sum::<u64>();
        let frames = rendered.files.iter().map(|file| file.frames).max().unwrap_or(0);
        let seconds = frames as f64 / self.rate;
        self.audio_seconds += seconds;
        rendered.files.iter().for_each(|file| self.flagged.add(file));
        if self.bar.is_none() {
            let files = count(rendered.files.len(), "file");
            let again = if attempts > 1 { format!(", attempt {attempts}") } else { String::new() };
            let place = self.finished + self.failed;
            let took = rendered.timings.load + rendered.timings.render + rendered.timings.write;
            self.line(&format!(
                "[{place}/{}] {label}: {files}, {seconds:.1} s of audio in {took:.2} s{again}",
                self.tasks
            ));
        }
        for warning in &rendered.warnings {
            // What was told of one file of a data set need not be told of all others; the manifest has it of each.
            if self.warned.insert(warning.clone()) {
                self.line(&format!("warning: {label}: {warning}"));
            } else {
                self.warned_again += 1;
            }
        }
    }

    /// Prints a line above the bar, or as it is.
    fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| eprintln!("{text}")),
            // With one call, its end included. Whoever reads it may have left; the render goes on.
            None => drop(std::io::stderr().write_all(format!("{text}\n").as_bytes())),
        }
    }

    fn rate(&self) -> String {
        format!("{:.0}x real time", self.audio_seconds / self.started.elapsed().as_secs_f64().max(1e-3))
    }

    /// Closes with a summary.
    pub(crate) fn end(&self, summary: &Summary, kept: usize, manifest: Option<&Path>) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        if self.json {
            let line = serde_json::json!({ "event": "summary", "kept": kept, "summary": summary, "manifest": manifest, "flagged": self.flagged });
            let _ = writeln!(std::io::stdout(), "{line}");
        }
        let mut parts = vec![format!("{} rendered", summary.finished)];
        if kept > 0 {
            parts.push(format!("{kept} kept as they were"));
        }
        if !summary.failed.is_empty() {
            parts.push(format!("{} failed", summary.failed.len()));
        }
        if summary.quarantined > 0 {
            parts.push(format!("{} not rendered because of a quarantined plugin", summary.quarantined));
        }
        if summary.remaining > 0 {
            parts.push(format!("{} left", summary.remaining));
        }
        eprintln!("{}: {}.", count(self.tasks + kept, "task"), parts.join(", "));
        if self.files > 0 {
            eprintln!(
                "{} ({}), {:.1} s of audio in {:.1} s with {}: {}.",
                count(self.files, "file"),
                size(self.bytes),
                self.audio_seconds,
                self.started.elapsed().as_secs_f64(),
                count(self.workers, "worker"),
                self.rate(),
            );
        }
        if summary.quarantined > 0 {
            for (against, tasks) in &self.passed {
                eprintln!("Quarantined plugin: {against}: {}.", count(*tasks, "task"));
            }
            eprintln!("`tonemill status` on the output folder says why, `tonemill retry` lifts it.");
        }
        if let Some(words) = self.flagged.words() {
            eprintln!("{words}");
        }
        if let Some(words) = self.confined.words() {
            eprintln!("{words}");
        }
        if self.warned_again > 0 {
            let again = count(self.warned_again, "further time");
            eprintln!("Warnings came {again} with the same words; the manifest has them of each file.");
        }
        if let Some(manifest) = manifest {
            eprintln!("Manifest: {}", manifest.display());
        }
        if let Some(reason) = &summary.stopped {
            eprintln!("Stopped early: {reason}");
        }
    }
}

/// Prints an event of this command's own for programs, beside those of the farm.
pub(crate) fn event(name: &str, about: &impl serde::Serialize) {
    let mut line = serde_json::json!({ "event": name });
    let about = serde_json::to_value(about).expect("an event is plain data");
    if let (serde_json::Value::Object(line), serde_json::Value::Object(about)) = (&mut line, about) {
        line.extend(about);
    }
    // Whoever reads events may stop reading; the render goes on.
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Shows how far a scan is: a bar on a terminal; elsewhere a line a file, where that is asked for.
pub(crate) struct ScanShow {
    bar: Option<ProgressBar>,
    lines: bool,
    files: usize,
    done: usize,
    broken: usize,
}

impl ScanShow {
    pub(crate) fn new(files: usize, lines: bool) -> ScanShow {
        let bar = bar(files as u64);
        let show = ScanShow { bar, lines, files, done: 0, broken: 0 };
        show.advance();
        show
    }

    /// A file was looked at and is what it was.
    pub(crate) fn unchanged(&mut self) {
        self.done += 1;
        self.advance();
    }

    /// A file was listed.
    pub(crate) fn listed(&mut self, name: &str, found: &Found) {
        self.done += 1;
        let told = match found {
            Found::Plugins(plugins) => count(plugins.len(), "plugin"),
            Found::Broken(broken) => {
                self.broken += 1;
                format!("broken: {}", broken.reason)
            }
        };
        if self.lines && self.bar.is_none() {
            eprintln!("[{}/{}] {name}: {told}", self.done, self.files);
        }
        self.advance();
    }

    fn advance(&self) {
        let Some(bar) = &self.bar else { return };
        bar.set_position(self.done as u64);
        let broken = if self.broken > 0 { format!(", {} broken", self.broken) } else { String::new() };
        bar.set_message(format!("{} of {}{broken}", self.done, count(self.files, "plugin file")));
    }

    pub(crate) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// A bar of so many steps, where standard error is a terminal.
fn bar(steps: u64) -> Option<ProgressBar> {
    std::io::stderr().is_terminal().then(|| {
        let bar = ProgressBar::with_draw_target(Some(steps), ProgressDrawTarget::stderr());
        let template = "{wide_bar} {percent:>3} %  {msg}  {elapsed} (about {eta} left)";
        bar.set_style(ProgressStyle::with_template(template).expect("the template is sound"));
        bar.enable_steady_tick(Duration::from_millis(200));
        bar
    })
}

/// A count with its noun.
pub(crate) fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// Bytes as people read them.
pub(crate) fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} bytes"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.2} GB", bytes as f64 / 1e9),
    }
}
