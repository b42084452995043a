//! Nothing that a worker has started outlives this command, however it ends.
//!
//! The farm kills a worker with its whole process group, and a worker asks the system to be killed when its farm dies. What a
//! plugin has started would stay then: nobody is left to kill the group. So a process of this same program watches from a
//! session of its own. It holds the other end of a pipe, which closes when this command has ended in whatever way, and then
//! kills every process whose environment says that it comes from here.

use std::io::Read;
use std::process::{Command, ExitCode, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The variable that every worker of this process has, and whatever it starts inherits.
pub(crate) const VARIABLE: &str = "TONEMILL_FARM";

/// The word that hidden subcommand has for this.
pub(crate) const WORD: &str = "guard";

/// Looks that are taken at most, and the pause between two: what is being killed may start others once more.
const LOOKS: usize = 100;
const PAUSE: Duration = Duration::from_millis(20);

/// What the variable holds in workers of this process. With the first call, the watching begins.
pub(crate) fn mark() -> String {
    static MARK: OnceLock<String> = OnceLock::new();
    let begin = || {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mark = format!("{}-{:x}", std::process::id(), now.as_nanos());
        if let Err(error) = watch(&mark) {
            eprintln!("warning: processes that plugins start may outlive this command if it is killed: {error}");
        }
        mark
    };
    MARK.get_or_init(begin).clone()
}

#[cfg(target_os = "linux")]
fn watch(mark: &str) -> std::io::Result<()> {
    // It has nothing of this process but the pipe: whoever reads what this command prints must not wait for it.
    let child = Command::new(std::env::current_exe()?)
        .args([WORD, mark])
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    // The pipe stays open until this process ends.
    static CHILD: OnceLock<std::process::Child> = OnceLock::new();
    CHILD.get_or_init(|| child);
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn watch(_mark: &str) -> std::io::Result<()> {
    Ok(())
}

/// The life of the process that watches.
pub(crate) fn guard(mark: &str) -> ExitCode {
    // An interruption from the terminal is for the others.
    let _own = rustix::process::setsid();
    let mut pipe = std::io::stdin();
    let mut byte = [0];
    // Nobody writes: the end comes when nobody could any more.
    while matches!(pipe.read(&mut byte), Ok(1)) {}
    let wanted = format!("{VARIABLE}={mark}");
    let mut seen_none = false;
    for _ in 0..LOOKS {
        let left = marked(wanted.as_bytes());
        // A process that is just executing its program has no environment for a moment, so one look is not enough.
        if left.is_empty() && seen_none {
            return ExitCode::SUCCESS;
        }
        seen_none = left.is_empty();
        for pid in left {
            // It may have ended by now.
            let _gone = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
        std::thread::sleep(PAUSE);
    }
    ExitCode::FAILURE
}

/// Processes that have a variable. One that has ended and waits to be looked after has no environment any more.
fn marked(wanted: &[u8]) -> Vec<rustix::process::Pid> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let has = |pid: &i32| {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|variable| variable == wanted)
    };
    pids.filter(has).filter_map(rustix::process::Pid::from_raw).collect()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_by_its_variable_and_not_by_a_part_of_it() {
        let mut child = Command::new("sleep").arg("60").env(VARIABLE, "12-ab").spawn().unwrap();
        let pid = child.id().cast_signed();
        let found = |mark: &str| marked(format!("{VARIABLE}={mark}").as_bytes()).iter().any(|p| p.as_raw_pid() == pid);
        // It has no environment until it executes its program.
        let known = (0..500).any(|_| {
            std::thread::sleep(PAUSE);
            found("12-ab")
        });
        let others = found("12-a") || found("12-abc");
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(known && !others);
        assert!(!found("12-ab"));
    }
}
