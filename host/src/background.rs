//! What plugins do on threads of their own.
//!
//! Some compute or load their sounds there after they were made or told something: padthv1 plays from memory that nobody
//! has written yet if it is played at once, and goes on writing where it was destroyed meanwhile. No format has a word
//! for it, so the threads are watched from outside, where the system shows them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::note::note;

/// Time between two looks.
const INTERVAL: Duration = Duration::from_millis(3);
/// As many looks in a row must find nothing at work.
const QUIET_LOOKS: u32 = 2;
/// A thread that runs for more than this share of the time is at work; one that wakes up now and then is not.
const BUSY_SHARE: f64 = 0.25;
/// Most time that is waited: a thread may never rest.
const MOST: Duration = Duration::from_secs(10);

/// A thread as the system shows it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Seen {
    /// It runs, or would if it got a processor, or waits for a disk.
    runs: bool,
    /// Processor time that it has had, in nanoseconds.
    time_ns: u64,
}

type Look = BTreeMap<u32, Seen>;

/// The threads that are no plugin's: those that there were before the first plugin was loaded.
fn own() -> &'static BTreeSet<u32> {
    static OWN: OnceLock<BTreeSet<u32>> = OnceLock::new();
    OWN.get_or_init(|| threads().into_iter().collect())
}

/// Says that a plugin is about to be loaded, so that its threads can be told from those that there are.
pub(crate) fn before_loading() {
    own();
}

/// Waits until no thread of any plugin is at work. `name` is the plugin's that is waited for, in case it never rests.
pub(crate) fn settle(name: &str) {
    let own = own();
    let others = || -> Look { look().into_iter().filter(|(id, _)| !own.contains(id)).collect() };
    if !wait(others, || std::thread::sleep(INTERVAL), Instant::now) {
        let words = format!("its threads are still at work after {} s; what they do may come too late", MOST.as_secs());
        note(name, "warning", &words);
    }
}

/// Whether all rested before the longest wait was over.
fn wait(mut look: impl FnMut() -> Look, mut pause: impl FnMut(), now: impl Fn() -> Instant) -> bool {
    let began = now();
    let (mut before, mut quiet) = (look(), 0);
    if before.is_empty() {
        return true;
    }
    let mut then = began;
    while quiet < QUIET_LOOKS {
        if now() - began > MOST {
            return false;
        }
        pause();
        let (seen, at) = (look(), now());
        let most_ns = (at - then).as_nanos() as f64 * BUSY_SHARE;
        let is_at_work = |(id, seen): (&u32, &Seen)| {
            let ran = seen.time_ns.saturating_sub(before.get(id).map_or(0, |before| before.time_ns));
            seen.runs || ran as f64 > most_ns
        };
        quiet = if seen.iter().any(is_at_work) { 0 } else { quiet + 1 };
        (before, then) = (seen, at);
    }
    true
}

/// All threads of this process but the one that asks; nothing where the system does not show them.
#[cfg(target_os = "linux")]
fn look() -> Look {
    // SAFETY: `gettid` takes and touches nothing.
    let this = unsafe { libc::gettid() } as u32;
    threads().into_iter().filter(|id| *id != this).filter_map(|id| Some((id, seen(id)?))).collect()
}

/// All threads of this process.
#[cfg(target_os = "linux")]
fn threads() -> Vec<u32> {
    let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    threads.filter_map(|thread| thread.file_name().to_str()?.parse().ok()).collect()
}

/// Other systems are not asked.
#[cfg(not(target_os = "linux"))]
fn look() -> Look {
    Look::new()
}

/// Other systems are not asked.
#[cfg(not(target_os = "linux"))]
fn threads() -> Vec<u32> {
    Vec::new()
}

/// `None` if the thread has just ended.
#[cfg(target_os = "linux")]
fn seen(id: u32) -> Option<Seen> {
    let read = |what: &str| std::fs::read_to_string(format!("/proc/self/task/{id}/{what}")).ok();
    let stat = read("stat")?;
    // The name before it may hold anything, parentheses too; proc_pid_stat(5).
    let state = stat.rsplit_once(") ")?.1.chars().next()?;
    // Kernels without it leave what was caught running at a look.
    let time = read("schedstat").and_then(|text| text.split(' ').next()?.parse().ok());
    Some(Seen { runs: matches!(state, 'R' | 'D'), time_ns: time.unwrap_or(0) })
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    const REST: Seen = Seen { runs: false, time_ns: 0 };

    /// How often is looked at threads that do this at each look, and whether they rested.
    fn looks(what: impl Fn(u32) -> Vec<Seen>) -> (u32, bool) {
        let (count, start) = (Cell::new(0), Instant::now());
        let look = || {
            count.set(count.get() + 1);
            (7..).zip(what(count.get())).collect()
        };
        let rested = wait(look, || {}, || start + INTERVAL * count.get());
        (count.get(), rested)
    }

    #[test]
    fn without_threads_nothing_is_waited_for_and_resting_ones_cost_two_looks() {
        assert_eq!(looks(|_| Vec::new()), (1, true));
        assert_eq!(looks(|_| vec![REST; 3]), (3, true));
    }

    #[test]
    fn a_thread_that_runs_between_looks_is_waited_for_and_one_that_only_wakes_up_is_not() {
        let interval = INTERVAL.as_nanos() as u64;
        let ran =
            |share: u64| move |look: u32| vec![Seen { time_ns: u64::from(look.min(20)) * interval / share, ..REST }];
        assert_eq!(looks(ran(1)), (22, true));
        assert_eq!(looks(ran(10)), (3, true));
        assert_eq!(looks(|look| vec![REST, Seen { runs: look == 2, ..REST }]), (4, true));
    }

    #[test]
    fn a_thread_that_never_rests_is_given_up() {
        assert!(!looks(|_| vec![Seen { runs: true, ..REST }]).1);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_thread_is_seen_at_work_and_at_rest() {
        use std::sync::mpsc;
        before_loading();
        let (go_on, wait) = mpsc::channel::<()>();
        let (tell, told) = mpsc::channel();
        let worker = std::thread::spawn(move || {
            let end = Instant::now() + Duration::from_millis(150);
            while Instant::now() < end {
                std::hint::spin_loop();
            }
            tell.send(Instant::now()).unwrap();
            wait.recv().unwrap();
        });
        settle("thread");
        let ended = told.try_recv().expect("it has done its work");
        assert!(ended <= Instant::now());
        settle("resting thread");
        go_on.send(()).unwrap();
        worker.join().unwrap();
    }
}
