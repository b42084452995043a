//! What a plugin wants done on the main thread, between blocks.
//!
//! Timers run by the time of the music, not by the clock on the wall: a timer is due when that many frames have been
//! processed since, so a render does the same on a slow machine as on a fast one. While no sound passes, as when a
//! plugin loads its samples, each pump counts as [`IDLE_STEP_MS`] milliseconds, so that timers go on firing. File
//! descriptors cannot be tamed that way: they are polled without waiting, and a plugin whose sound depends on when its
//! data arrives is not deterministic.

use std::cell::{Cell, RefCell};

use clack_extensions::timer::TimerId;

/// Time that passes in a pump without sound.
const IDLE_STEP_MS: f64 = 10.0;

/// A plugin's timers and their clock.
#[derive(Default)]
pub(super) struct Timers {
    running: RefCell<Vec<Timer>>,
    next_id: Cell<u32>,
    now_ms: Cell<f64>,
    frames_seen: Cell<u64>,
}

#[derive(Clone, Copy)]
struct Timer {
    id: TimerId,
    period_ms: f64,
    due_ms: f64,
}

impl Timers {
    pub(super) fn add(&self, period_ms: u32) -> TimerId {
        let id = TimerId(self.next_id.get());
        self.next_id.set(id.0 + 1);
        let period_ms = f64::from(period_ms.max(1));
        self.running.borrow_mut().push(Timer { id, period_ms, due_ms: self.now_ms.get() + period_ms });
        id
    }

    /// Whether there was one.
    pub(super) fn remove(&self, id: TimerId) -> bool {
        let mut running = self.running.borrow_mut();
        let before = running.len();
        running.retain(|timer| timer.id != id);
        running.len() < before
    }

    /// Moves the clock to where `frames` frames have been processed.
    pub(super) fn advance(&self, frames: u64, sample_rate: Option<f64>) {
        let passed = frames - self.frames_seen.replace(frames);
        let step = match sample_rate {
            Some(rate) if passed > 0 => passed as f64 * 1000.0 / rate,
            _ => IDLE_STEP_MS,
        };
        self.now_ms.set(self.now_ms.get() + step);
    }

    /// The timer that is due longest, the older one of two; it is then due again one period from now. Missed periods
    /// are left out, so that a long block does not cause a flood.
    pub(super) fn take_due(&self) -> Option<TimerId> {
        let now = self.now_ms.get();
        let mut running = self.running.borrow_mut();
        let due = running.iter_mut().filter(|timer| timer.due_ms <= now);
        let timer = due.min_by(|a, b| a.due_ms.total_cmp(&b.due_ms).then(a.id.cmp(&b.id)))?;
        timer.due_ms = now + timer.period_ms;
        Some(timer.id)
    }
}

/// A file descriptor that a plugin wants watched.
#[cfg(unix)]
#[derive(Clone, Copy)]
pub(super) struct Descriptor {
    pub(super) fd: std::os::fd::RawFd,
    pub(super) flags: clack_extensions::posix_fd::FdFlags,
}

/// Those of `watched` that are ready, with what they are ready for, without waiting.
#[cfg(unix)]
pub(super) fn ready(watched: &[Descriptor]) -> Vec<Descriptor> {
    use clack_extensions::posix_fd::FdFlags;

    let asked = |descriptor: &Descriptor| {
        let mut events = 0;
        if descriptor.flags.contains(FdFlags::READ) {
            events |= libc::POLLIN;
        }
        if descriptor.flags.contains(FdFlags::WRITE) {
            events |= libc::POLLOUT;
        }
        libc::pollfd { fd: descriptor.fd, events, revents: 0 }
    };
    let mut polled: Vec<libc::pollfd> = watched.iter().map(asked).collect();
    // SAFETY: the pointer and the count are those of one vector, which `poll` fills in and does not keep. That a
    // descriptor may have been closed by the plugin is reported in its entry, not a fault.
    let count = unsafe { libc::poll(polled.as_mut_ptr(), polled.len() as libc::nfds_t, 0) };
    if count <= 0 {
        return Vec::new();
    }
    let answered = |(descriptor, polled): (&Descriptor, &libc::pollfd)| {
        let mut flags = FdFlags::empty();
        flags.set(FdFlags::READ, polled.revents & (libc::POLLIN | libc::POLLHUP) != 0);
        flags.set(FdFlags::WRITE, polled.revents & libc::POLLOUT != 0);
        flags.set(FdFlags::ERROR, polled.revents & (libc::POLLERR | libc::POLLNVAL) != 0);
        let flags = flags & (descriptor.flags | FdFlags::ERROR);
        (!flags.is_empty()).then_some(Descriptor { fd: descriptor.fd, flags })
    };
    watched.iter().zip(&polled).filter_map(answered).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_follow_the_frames_and_miss_no_beat_twice() {
        let timers = Timers::default();
        let (slow, fast) = (timers.add(20), timers.add(10));
        timers.advance(480, Some(48_000.0));
        assert_eq!((timers.take_due(), timers.take_due()), (Some(fast), None));
        // Both are due at 20 ms; the older goes first.
        timers.advance(960, Some(48_000.0));
        assert_eq!((timers.take_due(), timers.take_due(), timers.take_due()), (Some(slow), Some(fast), None));
        // A second at once is one call each, not a hundred.
        timers.advance(48_960, Some(48_000.0));
        assert_eq!((timers.take_due(), timers.take_due(), timers.take_due()), (Some(fast), Some(slow), None));
        assert!(timers.remove(slow) && !timers.remove(slow));
    }

    #[test]
    fn without_sound_every_pump_is_a_step() {
        let timers = Timers::default();
        let id = timers.add(30);
        let fired = (0..6).filter(|_| {
            timers.advance(0, None);
            timers.take_due() == Some(id)
        });
        assert_eq!(fired.count(), 2);
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_is_ready_to_read_only_when_something_was_written() {
        use std::io::Write;
        use std::os::fd::AsRawFd;

        use clack_extensions::posix_fd::FdFlags;

        let (reader, mut writer) = std::io::pipe().unwrap();
        let watched = [Descriptor { fd: reader.as_raw_fd(), flags: FdFlags::READ }];
        assert!(ready(&watched).is_empty());
        writer.write_all(b"x").unwrap();
        let found = ready(&watched);
        assert_eq!((found.len(), found[0].fd, found[0].flags), (1, reader.as_raw_fd(), FdFlags::READ));
    }
}
