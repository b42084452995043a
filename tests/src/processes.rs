//! Processes that a test has started, themselves or through others: found, signalled, waited for.

use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// Nothing takes this long unless it hangs.
const GUARD: Duration = Duration::from_secs(300);

/// A variable in the environment of all that is started under it.
#[derive(Debug)]
pub struct Marker {
    value: String,
}

impl Marker {
    const NAME: &str = "TONEMILL_TEST_MARK";

    /// One that no other test has.
    pub fn new(test: &str) -> Marker {
        Marker { value: format!("{test}-{}", std::process::id()) }
    }

    /// Marks what a command starts.
    pub fn put_on(&self, command: &mut Command) {
        command.env(Self::NAME, &self.value);
    }

    /// Marked processes that are alive.
    pub fn alive(&self) -> Vec<u32> {
        alive_with(&format!("{}={}\0", Self::NAME, self.value))
    }

    /// Sends a signal to a process. One that is gone already takes none.
    pub fn signal(pid: u32, signal: Signal) {
        let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).expect("a process has a number");
        match kill_process(pid, signal) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => {}
            Err(error) => panic!("{pid:?} cannot be sent {signal:?}: {error}"),
        }
    }

    /// Waits until no marked process is left.
    ///
    /// # Panics
    /// If one stays.
    pub fn wait_until_all_are_gone(&self) {
        let started = Instant::now();
        while !self.alive().is_empty() {
            assert!(started.elapsed() < GUARD, "orphans: {:?}", self.alive());
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Marker {
    fn drop(&mut self) {
        // A test that failed leaves nothing running either.
        self.alive().into_iter().for_each(|pid| Marker::signal(pid, Signal::KILL));
    }
}

/// Worker processes that render into an output folder, and what they have started. Those that look at plugins while a
/// job is planned are not among them.
pub fn workers_of(out: &Path) -> Vec<u32> {
    alive_with(&format!("{}/.tonemill/scratch/", out.display()))
}

/// Waits for the end of a command that ends by itself.
///
/// # Panics
/// If it hangs.
pub fn end_of(child: &mut Child) -> ExitStatus {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            return status;
        }
        assert!(started.elapsed() < GUARD, "the command does not end");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Waits until a process has stopped at a failpoint and left its mark. Gives its id.
///
/// # Panics
/// If the command that was started with the failpoint ends and nobody came by.
pub fn wait_for_mark(mark: &Path, command: &mut Child) -> u32 {
    let started = Instant::now();
    loop {
        let text = std::fs::read_to_string(mark).unwrap_or_default();
        if let Some(pid) = text.strip_suffix('\n') {
            return pid.parse().expect("a mark holds a process id");
        }
        let ended = command.try_wait().expect("a child can be waited for");
        assert!(ended.is_none() || mark.exists(), "nobody came by the failpoint: {ended:?}");
        assert!(started.elapsed() < GUARD, "nobody comes by the failpoint");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Processes that carry this text in their environment and are alive: zombies count as dead.
pub fn alive_with(marker: &str) -> Vec<u32> {
    let processes = std::fs::read_dir("/proc").expect("/proc is there").flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let marked = pids.filter(|pid| {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let dead = status.contains("State:\tZ");
        !dead && environment.windows(marker.len()).any(|window| window == marker.as_bytes())
    });
    marked.filter(|pid| *pid != std::process::id()).collect()
}
