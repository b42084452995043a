//! The worker's side of the conversation.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use jobs::frame::{FrameError, encode_frame, read_frame};
use jobs::message::{FromWorker, Phase, ToWorker};

/// How often progress is told at most.
const PROGRESS_EVERY: Duration = Duration::from_millis(100);

/// Speaks with the farm, and keeps the position file: which device works on which frame, written before each call into
/// a device. It outlives the process, so a crash is blamed on the device that was at work.
pub(crate) struct Reporter {
    socket: UnixStream,
    position: Option<File>,
    /// Nothing that this task prepares can be spoiled by others' code or files.
    safe: bool,
    /// Frames that go with the next one.
    kept: Vec<u8>,
    progress_told: Instant,
    /// Who else is told, on this thread.
    told: Option<fn(&FromWorker)>,
    /// The first failure to speak while rendering; the render ends at its next chance.
    lost: Option<io::Error>,
}

impl Reporter {
    pub(crate) fn new(socket: UnixStream) -> Reporter {
        let position = std::env::var_os(jobs::position::VARIABLE).and_then(|path| File::create(path).ok());
        let kept = Vec::new();
        Reporter { socket, position, safe: false, kept, progress_told: Instant::now(), told: None, lost: None }
    }

    /// Likewise, and tells `told` everything, too.
    pub(crate) fn telling(socket: UnixStream, told: fn(&FromWorker)) -> Reporter {
        Reporter { told: Some(told), ..Reporter::new(socket) }
    }

    pub(crate) fn send(&mut self, message: &FromWorker) -> io::Result<()> {
        if let Some(told) = self.told {
            told(message);
        }
        let frame = encode_frame(message).map_err(lost)?;
        if self.kept.is_empty() {
            return self.socket.write_all(&frame);
        }
        self.kept.extend(frame);
        let sent = self.socket.write_all(&self.kept);
        self.kept.clear();
        sent
    }

    /// Says of what was asked for whether every device is a built-in that reads no file. To bring one of these to life
    /// takes microseconds, and each message wakes the farm, so that these steps are told together, before the first block.
    pub(crate) fn prepares_safely(&mut self, safe: bool) {
        self.safe = safe;
    }

    /// The next request; `None` when the farm has closed the conversation.
    pub(crate) fn receive(&mut self) -> io::Result<Option<ToWorker>> {
        self.safe = false;
        read_frame(&mut self.socket).map_err(lost)
    }

    /// Says what comes next.
    pub(crate) fn phase(&mut self, phase: Phase, device: Option<&str>) -> io::Result<()> {
        let message = FromWorker::Phase { phase, device: device.map(str::to_owned) };
        if self.safe && matches!(phase, Phase::Load | Phase::Configure | Phase::Activate) && self.told.is_none() {
            self.kept.extend(encode_frame(&message).map_err(lost)?);
            return Ok(());
        }
        self.send(&message)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A reporter, and the farm's end.
    fn pair() -> (Reporter, UnixStream) {
        let (ours, farm) = UnixStream::pair().unwrap();
        farm.set_nonblocking(true).unwrap();
        (Reporter::new(ours), farm)
    }

    /// What has arrived.
    fn heard(farm: &mut UnixStream) -> Vec<Phase> {
        let mut phases = Vec::new();
        loop {
            match read_frame(farm) {
                Ok(Some(FromWorker::Phase { phase, .. })) => phases.push(phase),
                Err(FrameError::Connection(error)) if error.kind() == io::ErrorKind::WouldBlock => return phases,
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn a_step_is_told_before_it_is_taken() {
        let (mut reporter, mut farm) = pair();
        for phase in [Phase::Load, Phase::Configure, Phase::Activate, Phase::Process, Phase::Write, Phase::Destroy] {
            reporter.phase(phase, Some("a plugin")).unwrap();
            assert_eq!(heard(&mut farm), [phase]);
        }
    }

    #[test]
    fn steps_that_nothing_can_spoil_are_told_in_order_with_the_first_that_something_can() {
        let (mut reporter, mut farm) = pair();
        reporter.prepares_safely(true);
        for phase in [Phase::Load, Phase::Configure, Phase::Activate] {
            reporter.phase(phase, Some("Gain")).unwrap();
        }
        assert_eq!(heard(&mut farm), []);
        reporter.phase(Phase::Process, None).unwrap();
        assert_eq!(heard(&mut farm), [Phase::Load, Phase::Configure, Phase::Activate, Phase::Process]);
        reporter.phase(Phase::Write, None).unwrap();
        assert_eq!(heard(&mut farm), [Phase::Write]);
    }

    #[test]
    fn what_is_asked_for_next_may_be_spoiled_again() {
        let (mut reporter, mut farm) = pair();
        reporter.prepares_safely(true);
        jobs::frame::write_frame(&mut farm, &ToWorker::Exit).unwrap();
        assert!(matches!(reporter.receive(), Ok(Some(ToWorker::Exit))));
        reporter.phase(Phase::Load, Some("a plugin")).unwrap();
        assert_eq!(heard(&mut farm), [Phase::Load]);
    }
}
