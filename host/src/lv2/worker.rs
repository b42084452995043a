//! Work that a plugin wants done outside of its `run` (`worker:schedule`), done at once and in order.
//!
//! What is asked for during a run is done as soon as that run is over, and the answers follow at once: nothing is
//! rendered while work is under way, so a render does not depend on how fast it goes.

use std::collections::VecDeque;
use std::ffi::{c_int, c_void};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::abi::{Handle, WORKER_ERROR_UNKNOWN, WORKER_SUCCESS, WorkerInterface};

/// Most rounds of work after one run. A plugin whose answers ask for ever more work goes on in the next block.
const MOST_ROUNDS: usize = 1024;

/// Room that is made for requests and answers at first.
const ROOM: usize = 64;

/// Data for `work` or for `work_response`; begins at a multiple of eight, since plugins read structs from it.
struct Data {
    words: Vec<u64>,
    size: u32,
}

impl Data {
    fn as_ptr(&self) -> *const c_void {
        if self.size == 0 { std::ptr::null() } else { self.words.as_ptr().cast() }
    }
}

/// Data that waits, first come first served, and the memory of what has gone, to be used again.
struct Line {
    waiting: VecDeque<Data>,
    spare: Vec<Vec<u64>>,
}

impl Default for Line {
    fn default() -> Line {
        Line { waiting: VecDeque::with_capacity(ROOM), spare: Vec::with_capacity(ROOM) }
    }
}

impl Line {
    /// # Safety
    /// `size` bytes are at `data`, or none if it is null.
    unsafe fn push(&mut self, size: u32, data: *const c_void) {
        let mut words = self.spare.pop().unwrap_or_default();
        words.clear();
        words.resize((size as usize).div_ceil(8), 0);
        if !data.is_null() {
            // SAFETY: as the caller promises, and there is room for as many.
            unsafe { std::ptr::copy_nonoverlapping(data.cast::<u8>(), words.as_mut_ptr().cast(), size as usize) };
        }
        self.waiting.push_back(Data { words, size });
    }

    /// Takes back the memory of what is done with.
    fn keep(&mut self, data: Data) {
        if self.spare.len() < ROOM {
            self.spare.push(data.words);
        }
    }
}

/// What a plugin asked its worker, and what that answered.
#[derive(Default)]
pub(super) struct Queue {
    requests: Mutex<Line>,
    responses: Mutex<Line>,
}

fn lock(queue: &Mutex<Line>) -> MutexGuard<'_, Line> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Queue {
    /// Whether something is left to be done or to be told.
    pub(super) fn is_busy(&self) -> bool {
        !lock(&self.requests).waiting.is_empty() || !lock(&self.responses).waiting.is_empty()
    }

    /// Forgets everything, as when the instance is gone.
    pub(super) fn clear(&self) {
        lock(&self.requests).waiting.clear();
        lock(&self.responses).waiting.clear();
    }

    /// Does all that was asked for; the answers are kept.
    ///
    /// # Safety
    /// `handle` is an instance that `worker` belongs to, and no other call into it is under way.
    pub(super) unsafe fn work(&self, handle: Handle, worker: &WorkerInterface) {
        let Some(work) = worker.work else { return lock(&self.requests).waiting.clear() };
        loop {
            // The lock is not held during the work, which may ask for more.
            let Some(request) = lock(&self.requests).waiting.pop_front() else { break };
            let responses = std::ptr::from_ref(&self.responses).cast_mut().cast();
            // SAFETY: as the caller promises; the data and the responses outlive the call.
            unsafe { work(handle, respond, responses, request.size, request.as_ptr()) };
            lock(&self.requests).keep(request);
        }
    }

    /// Does all that was asked for during a run, and tells the answers.
    ///
    /// # Safety
    /// As for [`work`](Queue::work), and a run of the instance has just ended.
    pub(super) unsafe fn finish_run(&self, handle: Handle, worker: &WorkerInterface) {
        for _ in 0..MOST_ROUNDS {
            // SAFETY: as the caller promises.
            unsafe { self.work(handle, worker) };
            loop {
                // Nor is it held while the plugin hears the answer, which may ask for more.
                let Some(response) = lock(&self.responses).waiting.pop_front() else { break };
                if let Some(tell) = worker.work_response {
                    // SAFETY: as the caller promises; the data outlives the call.
                    unsafe { tell(handle, response.size, response.as_ptr()) };
                }
                lock(&self.responses).keep(response);
            }
            if !self.is_busy() {
                break;
            }
        }
        if let Some(end) = worker.end_run {
            // SAFETY: as the caller promises.
            unsafe { end(handle) };
        }
    }
}

/// `LV2_Worker_Schedule::schedule_work`. Plugins may call it in a run, while they are restored, and from anywhere else.
pub(super) unsafe extern "C" fn schedule(handle: *mut c_void, size: u32, data: *const c_void) -> c_int {
    if size > 0 && data.is_null() {
        return WORKER_ERROR_UNKNOWN;
    }
    // SAFETY: the handle leads to a queue, which lives as long as the features that were made with it.
    let queue = unsafe { &*handle.cast::<Queue>() };
    // SAFETY: the plugin passes that many bytes, or null and 0.
    unsafe { lock(&queue.requests).push(size, data) };
    WORKER_SUCCESS
}

unsafe extern "C" fn respond(handle: *mut c_void, size: u32, data: *const c_void) -> c_int {
    if size > 0 && data.is_null() {
        return WORKER_ERROR_UNKNOWN;
    }
    // SAFETY: the handle leads to the responses, which the caller of `work` keeps in place.
    let responses = unsafe { &*handle.cast::<Mutex<Line>>() };
    // SAFETY: the plugin passes that many bytes, or null and 0.
    unsafe { lock(responses).push(size, data) };
    WORKER_SUCCESS
}
