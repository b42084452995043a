//! How much memory there is, and how much of it a worker holds.
//!
//! What a process holds is its resident set: pages that it reserved and never touched count nothing, as plugins reserve
//! gigabytes of addresses. A process that a worker started counts too.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often it is looked at what a worker holds, where that is limited.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Descendants that are looked at, at most: a worker that starts a thousand is not to slow the farm down.
const MOST_PROCESSES: usize = 64;

/// What a process holds just now, as [`Look::held`].
pub(crate) fn held(pid: u32) -> Option<u64> {
    Look::at(pid)?.held()
}

/// A process that is looked at again and again, before each of its tasks: what the system says of it stays open.
#[derive(Debug)]
pub(crate) struct Look {
    pid: u32,
    /// How much is in memory.
    statm: File,
    /// The folder of its threads.
    threads: File,
    /// What its first thread has started; systems can be built without.
    children: Option<File>,
}

impl Look {
    /// At a process; `None` where there is no such process, or no `/proc`.
    pub fn at(pid: u32) -> Option<Look> {
        let open = |what: &str| File::open(format!("/proc/{pid}/{what}")).ok();
        let children = open(&format!("task/{pid}/children"));
        Some(Look { pid, statm: open("statm")?, threads: open("task")?, children })
    }

    /// Bytes that the process and all that it started hold; `None` where it has ended. Pages that several of them share
    /// count for each.
    pub fn held(&self) -> Option<u64> {
        let mut text = [0; 128];
        let length = self.statm.read_at(&mut text, 0).ok()?;
        let held = resident_of(std::str::from_utf8(&text[..length]).ok()?)?;
        // A folder has a link for its name, one for itself, and one for each folder in it.
        let alone = rustix::fs::fstat(&self.threads).is_ok_and(|stat| stat.st_nlink == 3);
        let none = |children: &File| children.read_at(&mut text, 0).is_ok_and(|length| length == 0);
        if alone && self.children.as_ref().is_none_or(none) {
            return Some(held);
        }
        Some(held.saturating_add(started(self.pid)))
    }
}

/// Bytes that all that a process has started hold.
fn started(pid: u32) -> u64 {
    let mut held: u64 = 0;
    let mut waiting = children(pid);
    let mut looked_at = 0;
    while let Some(child) = waiting.pop()
        && looked_at < MOST_PROCESSES
    {
        looked_at += 1;
        held = held.saturating_add(resident(child).unwrap_or(0));
        waiting.extend(children(child));
    }
    held
}

/// Bytes of a process that are in memory.
fn resident(pid: u32) -> Option<u64> {
    resident_of(&fs::read_to_string(format!("/proc/{pid}/statm")).ok()?)
}

fn resident_of(statm: &str) -> Option<u64> {
    let pages: u64 = statm.split(' ').nth(1)?.parse().ok()?;
    Some(pages.saturating_mul(rustix::param::page_size() as u64))
}

/// What all threads of a process have started and not yet waited for.
fn children(pid: u32) -> Vec<u32> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let lists = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<u32>>()).collect()
}

/// Processes that the system has killed so far for want of memory, anywhere on the machine. The count rises before the
/// process dies.
pub(crate) fn killed_by_system() -> Option<u64> {
    field(&fs::read_to_string("/proc/vmstat").ok()?, "oom_kill")
}

/// Bytes of memory that this process may use with all that it starts: those of the machine, or fewer where a control group
/// says so. `None` where the system does not tell.
pub fn available() -> Option<u64> {
    let installed = fs::read_to_string("/proc/meminfo").ok().and_then(|text| installed(&text));
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let limits = limit_files(&groups, &mounts);
    let limits = limits.iter().filter_map(|path| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok());
    limits.chain(installed).min()
}

fn installed(meminfo: &str) -> Option<u64> {
    field(meminfo, "MemTotal:").map(|kilobytes| kilobytes.saturating_mul(1024))
}

/// Which of the two kinds of control groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    /// With a tree for each controller.
    First,
    /// With one tree.
    Second,
}

/// The folder of the group that limits the memory of a process: the first file of [`limit_files`] that is there.
pub(crate) fn group_of(groups: &str, mounts: &str) -> Option<(Version, PathBuf)> {
    limit_files(groups, mounts).into_iter().find_map(|file| {
        let version = if file.ends_with("memory.max") { Version::Second } else { Version::First };
        let folder = file.parent()?;
        // The root of a tree of the second version has no limit of its own.
        let counts = folder.join("cgroup.procs").exists() && (version == Version::Second || file.exists());
        counts.then(|| (version, folder.to_owned()))
    })
}

/// The number behind a word that begins a line.
pub(crate) fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name).filter(|rest| rest.starts_with([' ', '\t'])));
    line?.split_whitespace().next()?.parse().ok()
}

/// The files that may limit the memory of a process: those of its control group and of all groups round it, of either
/// version of control groups. A group without a limit says `max`, or a number beyond all machines.
fn limit_files(groups: &str, mounts: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(group)) = (parts.next(), parts.next(), parts.next()) else { continue };
        let (kind, option, file) = match controllers {
            "" => ("cgroup2", "", "memory.max"),
            _ if controllers.split(',').any(|controller| controller == "memory") => {
                ("cgroup", "memory", "memory.limit_in_bytes")
            }
            _ => continue,
        };
        let Some((root, mount)) = mounted(mounts, kind, option) else { continue };
        // The mount may show a part of the tree only, as it does in containers.
        let Ok(below) = Path::new(group).strip_prefix(&root) else {
            files.push(mount.join(file));
            continue;
        };
        files.extend(
            mount.join(below).ancestors().take_while(|path| path.starts_with(&mount)).map(|path| path.join(file)),
        );
    }
    files
}

/// The part of a tree of control groups that is mounted, and where.
fn mounted(mounts: &str, kind: &str, option: &str) -> Option<(PathBuf, PathBuf)> {
    mounts.lines().find_map(|line| {
        let (mount, rest) = line.split_once(" - ")?;
        let mut rest = rest.split(' ');
        let is_it = rest.next() == Some(kind)
            && (option.is_empty() || rest.nth(1).is_some_and(|options| options.split(',').any(|one| one == option)));
        let mut fields = mount.split(' ').skip(3);
        is_it.then(|| Some((fields.next()?.into(), fields.next()?.into())))?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_this_process_holds_grows_with_what_it_touches() {
        let look = Look::at(std::process::id()).unwrap();
        let before = look.held().unwrap();
        let touched = std::hint::black_box(vec![1u8; 64 << 20]);
        let after = look.held().unwrap();
        assert!(after >= before + (48 << 20), "{before} and then {after}");
        drop(touched);
        assert!(look.held().unwrap() <= available().unwrap());
        assert!(Look::at(u32::MAX).is_none());
    }

    #[test]
    fn a_process_that_was_started_counts() {
        let mut child = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
        let children = children(std::process::id());
        let held = started(std::process::id());
        let childs = resident(child.id()).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(children.contains(&child.id()), "{children:?}");
        assert!(childs > 0 && held >= childs, "{held} of which {childs}");
    }

    /// A shell has one thread, as a worker has.
    #[test]
    fn what_a_process_of_one_thread_has_started_counts_from_then_on_and_no_longer_than_it_lives() {
        use std::io::{BufRead, BufReader};
        use std::process::{Command, Stdio};
        let script = "read go; sleep 1000 & echo $!; read go; kill $!; wait $!; echo gone; read go";
        let mut shell =
            Command::new("sh").args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (mut to, mut from) = (shell.stdin.take().unwrap(), BufReader::new(shell.stdout.take().unwrap()));
        let mut next = || {
            use std::io::Write;
            to.write_all(b"\n").unwrap();
            let mut line = String::new();
            from.read_line(&mut line).unwrap();
            line.trim().to_owned()
        };
        let look = Look::at(shell.id()).unwrap();
        let beside = || look.held().unwrap() - resident(shell.id()).unwrap();
        assert_eq!(beside(), 0);
        let sleeps: u32 = next().parse().unwrap();
        let held = (beside(), resident(sleeps).unwrap());
        assert_eq!(next(), "gone");
        let then = beside();
        drop(to);
        shell.wait().unwrap();
        assert!(held.0 > 0 && held.1 > 0, "{held:?}");
        assert_eq!(then, 0);
        assert_eq!(look.held(), None, "it has ended");
    }

    #[test]
    fn the_limits_of_all_groups_round_a_process_count() {
        let mounts = "35 24 0:30 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n\
                      36 24 0:31 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
                      37 24 0:32 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n";
        let files = |groups: &str, mounts: &str| -> Vec<String> {
            limit_files(groups, mounts).iter().map(|path| path.display().to_string()).collect()
        };
        assert_eq!(
            files("4:memory:/a/b\n1:cpu:/a\n0::/c\n", mounts),
            [
                "/sys/fs/cgroup/memory/a/b/memory.limit_in_bytes",
                "/sys/fs/cgroup/memory/a/memory.limit_in_bytes",
                "/sys/fs/cgroup/memory/memory.limit_in_bytes",
                "/sys/fs/cgroup/unified/c/memory.max",
                "/sys/fs/cgroup/unified/memory.max",
            ]
        );
        let within = "35 24 0:30 /docker/1 /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
        assert_eq!(files("0::/docker/1\n", within), ["/sys/fs/cgroup/memory.max"]);
        assert_eq!(files("0::/elsewhere\n", within), ["/sys/fs/cgroup/memory.max"]);
        assert!(files("0::/\n", "").is_empty());
    }

    #[test]
    fn words_that_only_begin_alike_are_no_field() {
        assert_eq!(field("oom_kill_all 3\noom_kill 7\n", "oom_kill"), Some(7));
        assert_eq!(installed("MemTotal:       16384 kB\nMemFree: 1 kB\n"), Some(16 << 20));
        assert_eq!(field("oom_kill many\n", "oom_kill"), None);
    }
}
