//! What this process looks like from outside: threads, memory, and what it prints.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::os::fd::OwnedFd;

use jobs::probe::Prints;

/// Bytes of the first line that are kept.
const FIRST_LINE: usize = 120;

/// Threads of this process; 0 where the system does not list them.
pub(super) fn threads() -> u32 {
    std::fs::read_dir("/proc/self/task").map_or(0, |tasks| tasks.count() as u32)
}

/// Resident bytes of this process; 0 where the system does not tell.
pub(super) fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0);
    pages * rustix::param::page_size() as u64
}

/// Seconds of processor time of this process, all its threads together.
pub(super) fn processor_seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

/// Catches what is printed on standard output, which leads to standard error otherwise. Whatever becomes of it, standard
/// output leads to where it led before.
pub(super) struct Caught {
    file: File,
    before: OwnedFd,
}

impl Caught {
    /// Begins to catch, into a file in the temporary folder.
    pub(super) fn begin() -> io::Result<Caught> {
        let path = std::env::temp_dir().join(format!("printed-{}", std::process::id()));
        let file = File::options().create(true).truncate(true).read(true).write(true).open(&path)?;
        // It is ours alone, and goes with this process however that ends.
        std::fs::remove_file(&path)?;
        let before = rustix::io::fcntl_dupfd_cloexec(io::stdout(), 0)?;
        rustix::stdio::dup2_stdout(&file)?;
        Ok(Caught { file, before })
    }

    /// Stops, and says what was printed.
    pub(super) fn end(mut self) -> io::Result<Prints> {
        self.restore()?;
        let bytes = self.file.metadata()?.len();
        io::Seek::rewind(&mut self.file)?;
        let mut line = Vec::new();
        io::Read::take(BufReader::new(&self.file), FIRST_LINE as u64).read_until(b'\n', &mut line)?;
        let line: String = String::from_utf8_lossy(&line).chars().filter(|c| !c.is_control()).collect();
        Ok(Prints { bytes, first: (bytes > 0).then_some(line) })
    }

    fn restore(&self) -> io::Result<()> {
        host::process::flush_printed();
        Ok(rustix::stdio::dup2_stdout(&self.before)?)
    }
}

impl Drop for Caught {
    fn drop(&mut self) {
        // Without standard output a worker goes on: nobody reads it but people.
        let _restored = self.restore();
    }
}
