//! The worker's side of the conversation.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use jobs::frame::{FrameError, read_frame, write_frame};
use jobs::message::{FromWorker, Phase, ToWorker};

/// How often progress is told at most.
const PROGRESS_EVERY: Duration = Duration::from_millis(100);

/// Speaks with the farm, and keeps the position file: which device works on which frame, written before each call into
/// a device. It outlives the process, so a crash is blamed on the device that was at work.
pub(crate) struct Reporter {
    socket: UnixStream,
    position: Option<File>,
    progress_told: Instant,
    /// Who else is told, on this thread.
    told: Option<fn(&FromWorker)>,
    /// The first failure to speak while rendering; the render ends at its next chance.
    lost: Option<io::Error>,
}

impl Reporter {
    pub(crate) fn new(socket: UnixStream) -> Reporter {
        let position = std::env::var_os(jobs::position::VARIABLE).and_then(|path| File::create(path).ok());
        Reporter { socket, position, progress_told: Instant::now(), told: None, lost: None }
    }

    /// Likewise, and tells `told` everything, too.
    pub(crate) fn telling(socket: UnixStream, told: fn(&FromWorker)) -> Reporter {
        Reporter { told: Some(told), ..Reporter::new(socket) }
    }

    pub(crate) fn send(&mut self, message: &FromWorker) -> io::Result<()> {
        if let Some(told) = self.told {
            told(message);
        }
        write_frame(&mut self.socket, message).map_err(lost)
    }

    /// The next request; `None` when the farm has closed the conversation.
    pub(crate) fn receive(&mut self) -> io::Result<Option<ToWorker>> {
        read_frame(&mut self.socket).map_err(lost)
    }

    /// Says what comes next.
    pub(crate) fn phase(&mut self, phase: Phase, device: Option<&str>) -> io::Result<()> {
        self.send(&FromWorker::Phase { phase, device: device.map(str::to_owned) })
    }

    /// Fails if the farm could not be reached while rendering.
    pub(crate) fn require_farm(&mut self) -> io::Result<()> {
        self.lost.take().map_or(Ok(()), Err)
    }
}

fn lost(error: FrameError) -> io::Error {
    match error {
        FrameError::Connection(error) => error,
        other => io::Error::new(io::ErrorKind::InvalidData, other),
    }
}

impl mix::Watch for Reporter {
    fn entering(&mut self, device: &str, frame: u64) {
        if let Some(file) = &self.position {
            let (record, length) = jobs::position::encode(frame, device);
            // The file only helps to word a failure; a render does not fail for it.
            let _ = file.write_at(&record[..length], 0);
        }
    }

    fn advanced(&mut self, done: u64, total: u64) {
        if self.progress_told.elapsed() < PROGRESS_EVERY {
            return;
        }
        self.progress_told = Instant::now();
        if let Err(error) = self.send(&FromWorker::Progress { done, total }) {
            self.lost.get_or_insert(error);
        }
    }
}
