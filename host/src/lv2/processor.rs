//! The processing half of a plugin.
//!
//! A block is cut where a control changes, since controls hold for a run as a whole; the first frame of the new run is
//! that of the change. A plugin that needs blocks of one length gets them whatever the host's blocks are: frames are
//! gathered until there are enough, so what comes out is late by one such block, which is part of the latency.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use audio::device::{ProcessError, Tail, require_finite};
use audio::{Block, Event, EventBody, Processor};

use super::core::{Core, FIRST_PROPERTY, sort};

/// What both halves of a device hold. They take turns, so the lock is always free.
#[derive(Clone)]
pub(super) struct Shared(pub(super) Arc<Mutex<Core>>);

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, Core> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An active plugin that processes.
pub(super) struct Lv2Processor {
    shared: Shared,
    name: String,
    max_block: usize,
    /// Something could not be said in the plugin's words, and that was noted.
    noted_unsaid: bool,
}

impl Lv2Processor {
    pub(super) fn new(shared: &Shared, name: &str, max_block: usize) -> Lv2Processor {
        Lv2Processor { shared: shared.clone(), name: name.to_owned(), max_block, noted_unsaid: false }
    }
}

impl Processor for Lv2Processor {
    fn process(&mut self, block: &mut Block<'_>) -> Result<(), ProcessError> {
        assert!((1..=self.max_block).contains(&block.frames), "a block has 1 to max_block frames");
        let mut core = self.shared.lock();
        let core = &mut *core;
        core.tell_time(block.transport);
        let already = block.produced.len();
        let (mut at, mut next, mut all) = (0, 0, true);
        while at < block.frames {
            let active = core.active.as_ref().expect("a processor exists only while its device is active");
            let (fixed, filled) = (active.lengths.fixed, active.filled);
            let whole = fixed.is_some() || active.lengths.coarse;
            let end = match fixed {
                Some(fixed) => block.frames.min(at + fixed - filled),
                None => block.frames,
            };
            // What happens from here up to the end, or up to the next change of a control.
            let mut end = end;
            while let Some(event) = block.events.get(next) {
                let frame = event.frame as usize;
                if frame >= end {
                    break;
                }
                if frame > at && !whole && cuts(event) {
                    end = frame;
                    break;
                }
                all &= core.take((filled + frame - at) as u32, &event.body);
                next += 1;
            }
            copy_in(core, block, at, end, filled);
            match fixed {
                None => {
                    let before = block.produced.len();
                    core.run(end - at, block.produced);
                    shift(&mut block.produced[before..], at as u32, 0);
                    copy_out(core, block, at, end, 0);
                }
                Some(fixed) => {
                    copy_out(core, block, at, end, filled);
                    let active = core.active.as_mut().expect("it is active");
                    let due = active.held.iter().take_while(|event| (event.frame as usize) < filled + end - at).count();
                    let before = block.produced.len();
                    block.produced.extend(active.held.drain(..due));
                    shift(&mut block.produced[before..], at as u32, filled as u32);
                    active.filled += end - at;
                    if active.filled == fixed {
                        active.filled = 0;
                        let mut held = std::mem::take(&mut active.held);
                        core.run(fixed, &mut held);
                        core.active.as_mut().expect("it is active").held = held;
                    }
                }
            }
            at = end;
        }
        sort(&mut block.produced[already..]);
        if !all && !self.noted_unsaid {
            self.noted_unsaid = true;
            let words = "it does not take some of the events that were sent to it: they are left out";
            crate::note::note(&self.name, "warning", words);
        }
        require_finite(block.outputs)
    }

    fn reset(&mut self) {
        self.shared.lock().restart();
    }

    /// LV2 has no words for it.
    fn tail(&self) -> Tail {
        Tail::Unknown
    }
}

/// Whether an event is the change of a control.
fn cuts(event: &Event) -> bool {
    matches!(event.body, EventBody::Parameter { id, .. } if id.0 < FIRST_PROPERTY)
}

fn shift(events: &mut [Event], later: u32, earlier: u32) {
    events.iter_mut().for_each(|event| event.frame = (event.frame + later).saturating_sub(earlier));
}

/// Frames `at..end` of the block go to where `filled` says in the plugin's.
fn copy_in(core: &mut Core, block: &Block<'_>, at: usize, end: usize, filled: usize) {
    let (layout, active) = (&core.layout, core.active.as_mut().expect("it is active"));
    assert_eq!(block.inputs.len(), layout.inputs.len(), "a block has one buffer a bus");
    for (ports, buffer) in layout.inputs.iter().zip(block.inputs.iter()) {
        for (port, from) in ports.iter().zip(buffer.channels()) {
            if let Some(to) = active.buffers.samples(*port) {
                to.as_mut_slice()[filled..filled + end - at].copy_from_slice(&from[at..end]);
            }
        }
    }
}

/// Frames of the plugin's block, from `filled` on, become frames `at..end`.
fn copy_out(core: &mut Core, block: &mut Block<'_>, at: usize, end: usize, filled: usize) {
    let (layout, active) = (&core.layout, core.active.as_mut().expect("it is active"));
    assert_eq!(block.outputs.len(), layout.outputs.len(), "a block has one buffer a bus");
    for (ports, buffer) in layout.outputs.iter().zip(block.outputs.iter_mut()) {
        for (port, to) in ports.iter().zip(buffer.channels_mut()) {
            match active.buffers.samples(*port) {
                Some(from) => to[at..end].copy_from_slice(&from.as_slice()[filled..filled + end - at]),
                None => to[at..end].fill(0.0),
            }
        }
    }
}
