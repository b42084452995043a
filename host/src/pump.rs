//! What a plugin wants done on the main thread, between blocks.
//!
//! Timers run by the time of the music, not by the clock on the wall: a timer is due when that many frames have been
//! processed since, so a render does the same on a slow machine as on a fast one. While no sound passes, as when a
//! plugin loads its samples, each pump counts as [`IDLE_STEP_MS`] milliseconds, so that timers go on firing. File
//! descriptors cannot be tamed that way: they are polled without waiting, and a plugin whose sound depends on when its
//! data arrives is not deterministic.

/// Time that passes in a pump without sound.
const IDLE_STEP_MS: f64 = 10.0;

/// How much time passes from one pump to the next.
#[derive(Default)]
pub(crate) struct Clock {
    frames_seen: u64,
}

impl Clock {
    /// Milliseconds since the last call, when `frames` frames have been processed in all.
    pub(crate) fn step(&mut self, frames: u64, sample_rate: Option<f64>) -> f64 {
        let passed = frames - std::mem::replace(&mut self.frames_seen, frames);
        match sample_rate {
            Some(rate) if passed > 0 => passed as f64 * 1000.0 / rate,
            _ => IDLE_STEP_MS,
        }
    }
}

/// A plugin's timers.
#[derive(Default)]
pub(crate) struct Timers {
    running: Vec<Timer>,
    next_id: u32,
    now_ms: f64,
}

#[derive(Clone, Copy)]
struct Timer {
    id: u32,
    period_ms: f64,
    due_ms: f64,
}

impl Timers {
    pub(crate) fn add(&mut self, period_ms: u32) -> u32 {
        let id = self.next_id;
        self.next_id += 1;
        let period_ms = f64::from(period_ms.max(1));
        self.running.push(Timer { id, period_ms, due_ms: self.now_ms + period_ms });
        id
    }

    /// Whether there was one.
    pub(crate) fn remove(&mut self, id: u32) -> bool {
        let before = self.running.len();
        self.running.retain(|timer| timer.id != id);
        self.running.len() < before
    }

    /// Lets this much time pass.
    pub(crate) fn advance(&mut self, step_ms: f64) {
        self.now_ms += step_ms;
    }

    /// The timer that is due longest, the older one of two; it is then due again one period from now. Missed periods
    /// are left out, so that a long block does not cause a flood.
    pub(crate) fn take_due(&mut self) -> Option<u32> {
        let now = self.now_ms;
        let due = self.running.iter_mut().filter(|timer| timer.due_ms <= now);
        let timer = due.min_by(|a, b| a.due_ms.total_cmp(&b.due_ms).then(a.id.cmp(&b.id)))?;
        timer.due_ms = now + timer.period_ms;
        Some(timer.id)
    }
}

/// A file descriptor that a plugin wants watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Descriptor {
    pub(crate) fd: i32,
    pub(crate) read: bool,
    pub(crate) write: bool,
    pub(crate) error: bool,
}

/// Those of `watched` that are ready, with what they are ready for, without waiting. Errors are always told.
#[cfg(unix)]
pub(crate) fn ready(watched: &[Descriptor]) -> Vec<Descriptor> {
    let asked = |descriptor: &Descriptor| {
        let mut events = 0;
        if descriptor.read {
            events |= libc::POLLIN;
        }
        if descriptor.write {
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
        let is = |bits| polled.revents & bits != 0;
        let answer = Descriptor {
            fd: descriptor.fd,
            read: descriptor.read && is(libc::POLLIN | libc::POLLHUP),
            write: descriptor.write && is(libc::POLLOUT),
            error: is(libc::POLLERR | libc::POLLNVAL),
        };
        (answer.read || answer.write || answer.error).then_some(answer)
    };
    watched.iter().zip(&polled).filter_map(answered).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_follow_the_frames_and_miss_no_beat_twice() {
        let (mut clock, mut timers) = (Clock::default(), Timers::default());
        let mut to = |timers: &mut Timers, frames| timers.advance(clock.step(frames, Some(48_000.0)));
        let (slow, fast) = (timers.add(20), timers.add(10));
        to(&mut timers, 480);
        assert_eq!((timers.take_due(), timers.take_due()), (Some(fast), None));
        // Both are due at 20 ms; the older goes first.
        to(&mut timers, 960);
        assert_eq!((timers.take_due(), timers.take_due(), timers.take_due()), (Some(slow), Some(fast), None));
        // A second at once is one call each, not a hundred.
        to(&mut timers, 48_960);
        assert_eq!((timers.take_due(), timers.take_due(), timers.take_due()), (Some(fast), Some(slow), None));
        assert!(timers.remove(slow) && !timers.remove(slow));
    }

    #[test]
    fn without_sound_every_pump_is_a_step() {
        let (mut clock, mut timers) = (Clock::default(), Timers::default());
        let id = timers.add(30);
        let fired = (0..6).filter(|_| {
            timers.advance(clock.step(0, None));
            timers.take_due() == Some(id)
        });
        assert_eq!(fired.count(), 2);
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_is_ready_to_read_only_when_something_was_written() {
        use std::io::Write;
        use std::os::fd::AsRawFd;

        let (reader, mut writer) = std::io::pipe().unwrap();
        let watched = [Descriptor { fd: reader.as_raw_fd(), read: true, write: false, error: false }];
        assert!(ready(&watched).is_empty());
        writer.write_all(b"x").unwrap();
        assert_eq!(ready(&watched), watched);
    }
}
