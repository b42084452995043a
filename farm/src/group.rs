//! Control groups that keep each worker, with all that it starts, below its limit: the system itself ends what goes beyond, at once,
//! and tells whose processes it has ended for want of memory.
//!
//! They are made where this process may make some: below its own memory group of the first version, or of the second version if that
//! was delegated to it and holds nobody else. Where that is not so, nobody has to do without a limit: then what workers hold is
//! looked at again and again. Files that a worker writes into a file system in memory count as its memory.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::memory::{Version, field, group_of};

/// How the names of our groups begin; the number of the farm's process and one of their own follow.
const PREFIX: &str = "tonemill-";

/// What a process is refused at once is hardly ever more, in bytes.
const LAST_STEP: u64 = 4 << 20;

/// Makes a group for each worker.
#[derive(Debug)]
pub(crate) struct Groups {
    version: Version,
    parent: PathBuf,
    limit: Option<u64>,
    made: u32,
    /// Groups whose processes were not all gone yet when they were to be removed.
    left: Vec<PathBuf>,
}

/// The group of one worker.
#[derive(Debug)]
pub(crate) struct Group {
    version: Version,
    path: PathBuf,
}

impl Groups {
    /// With a limit for each group in bytes, if there is to be one; `None` where none can be made.
    pub fn find(limit: Option<u64>) -> Option<Groups> {
        let (version, parent) =
            group_of(&read("/proc/self/cgroup".as_ref())?, &read("/proc/self/mountinfo".as_ref())?)?;
        remove_left_behind(&parent);
        match version {
            // Else what is round the farm would not hold for its workers.
            Version::First => read(&parent.join("memory.use_hierarchy")).filter(|text| text.trim() == "1").map(drop)?,
            Version::Second => make_room(&parent)?,
        }
        let mut groups = Groups { version, parent, limit, made: 0, left: Vec::new() };
        // Whether it works is found out before a worker depends on it.
        let tried = groups.make()?;
        groups.remove(tried);
        groups.left.is_empty().then_some(groups)
    }

    /// Puts a worker that was just started into a group of its own. `None` where that fails: then it is watched alone.
    pub fn take(&mut self, pid: u32) -> Option<Group> {
        let group = self.make()?;
        if fs::write(group.path.join("cgroup.procs"), pid.to_string()).is_err() {
            self.remove(group);
            return None;
        }
        Some(group)
    }

    /// Bytes that each group may hold.
    pub fn limit(&self) -> Option<u64> {
        self.limit
    }

    fn make(&mut self) -> Option<Group> {
        self.made += 1;
        let path = self.parent.join(format!("{PREFIX}{}-{}", std::process::id(), self.made));
        fs::create_dir(&path).ok()?;
        let group = Group { version: self.version, path };
        if self.limit.is_some_and(|limit| group.limit(limit).is_err()) {
            self.remove(group);
            return None;
        }
        Some(group)
    }

    /// Removes the group of a worker that has ended.
    pub fn remove(&mut self, group: Group) {
        self.left.push(group.path);
        // What the worker has started was killed with it, and may be gone only now.
        self.left.retain(|path| fs::remove_dir(path).is_err_and(|error| error.kind() != io::ErrorKind::NotFound));
    }
}

impl Drop for Groups {
    fn drop(&mut self) {
        // What remains holds a process that has left its worker's group of processes; the next run looks again.
        self.left.iter().for_each(|path| drop(fs::remove_dir(path)));
    }
}

impl Group {
    fn limit(&self, bytes: u64) -> io::Result<()> {
        let write = |name: &str, text: String| fs::write(self.path.join(name), text);
        // Swapping is no more memory than there is; not every system counts it.
        let swap = |name: &str, text: String| match write(name, text) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            written => written,
        };
        match self.version {
            Version::First => {
                write("memory.limit_in_bytes", bytes.to_string())?;
                swap("memory.memsw.limit_in_bytes", bytes.to_string())
            }
            Version::Second => {
                write("memory.max", bytes.to_string())?;
                write("memory.oom.group", "1".to_owned())?;
                swap("memory.swap.max", "0".to_owned())
            }
        }
    }

    /// Whether the system has ended a process of it for want of memory, here or anywhere.
    pub fn ran_out(&self) -> bool {
        let file = match self.version {
            Version::First => "memory.oom_control",
            Version::Second => "memory.events",
        };
        self.counts(file, "oom_kill")
    }

    /// Whether it has held as much as it may. A limit round it may be met before that.
    pub fn is_full(&self) -> bool {
        let number = |file: &str| read(&self.path.join(file)).and_then(|text| text.trim().parse::<u64>().ok());
        match self.version {
            // Counts of refusals leave out some; the most that it held does not, but for what was asked for last.
            Version::First => number("memory.max_usage_in_bytes")
                .zip(number("memory.limit_in_bytes"))
                .is_some_and(|(most, limit)| most.saturating_add(LAST_STEP) >= limit),
            Version::Second => self.counts("memory.events", "oom"),
        }
    }

    fn counts(&self, file: &str, event: &str) -> bool {
        read(&self.path.join(file)).and_then(|text| field(&text, event)).is_some_and(|times| times > 0)
    }
}

/// A group of the second version that limits others may hold no process itself: moves this process and its own into one
/// beside them. `None` where somebody else is in it, or it was not delegated.
fn make_room(parent: &Path) -> Option<()> {
    let has_memory = |name: &str| Some(read(&parent.join(name))?.split_whitespace().any(|word| word == "memory"));
    if !has_memory("cgroup.controllers")? {
        return None;
    }
    if has_memory("cgroup.subtree_control")? {
        return Some(());
    }
    let own = std::process::id();
    let inside: BTreeSet<u32> =
        read(&parent.join("cgroup.procs"))?.split_whitespace().map(str::parse).collect::<Result<_, _>>().ok()?;
    if !inside.iter().all(|pid| *pid == own || parent_of(*pid) == Some(own)) {
        return None;
    }
    let beside = parent.join(format!("{PREFIX}{own}-0"));
    fs::create_dir(&beside).ok()?;
    for pid in inside {
        fs::write(beside.join("cgroup.procs"), pid.to_string()).ok()?;
    }
    fs::write(parent.join("cgroup.subtree_control"), "+memory").ok()
}

/// Removes groups of farms that are gone, where nobody is in them.
fn remove_left_behind(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let farm = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.split('-').next());
        if farm.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            // It stays where somebody is in it.
            let _removed = fs::remove_dir(entry.path());
        }
    }
}

/// The process that a process belongs to.
fn parent_of(pid: u32) -> Option<u32> {
    let stat = read(format!("/proc/{pid}/stat").as_ref())?;
    // The name stands in parentheses, and may hold anything.
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

fn read(path: &Path) -> Option<String> {
    fs::read_to_string(path).ok()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// Where groups cannot be made, nothing can be said of them.
    fn groups(limit: u64) -> Option<Groups> {
        let groups = Groups::find(Some(limit));
        if groups.is_none() {
            eprintln!("skipped: this process may make no control groups that limit memory");
        }
        groups
    }

    #[test]
    fn what_goes_beyond_its_limit_is_ended_at_once_and_all_else_goes_on() {
        let Some(mut groups) = groups(64 << 20) else { return };
        let run = |script: &str, groups: &mut Groups| {
            // It waits for a line before it begins, as workers wait for a request.
            let mut shell = Command::new("sh");
            shell.args(["-c", &format!("read go; {script}")]).stdin(std::process::Stdio::piped());
            let mut shell = shell.spawn().unwrap();
            let group = groups.take(shell.id()).expect("it was tried");
            std::io::Write::write_all(&mut shell.stdin.take().unwrap(), b"go\n").unwrap();
            let status = shell.wait().unwrap();
            assert_eq!(group.ran_out(), group.is_full());
            let ran_out = group.ran_out();
            let path = group.path.clone();
            groups.remove(group);
            assert!(!path.exists());
            (status.success(), ran_out)
        };
        assert_eq!(run("head -c 1000000 /dev/zero | tail -n 1 | wc -c >/dev/null", &mut groups), (true, false));
        assert_eq!(run("exec tail -n 1 /dev/zero", &mut groups), (false, true));
    }

    #[test]
    fn a_process_knows_its_parent() {
        let mut child = Command::new("sleep").arg("1000").spawn().unwrap();
        let parent = parent_of(child.id());
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(parent, Some(std::process::id()));
    }
}
