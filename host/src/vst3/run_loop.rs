//! Timers and file descriptors that a plugin wants served on the main thread.
//!
//! A plugin that finds no run loop starts a message thread of its own, and a render then depends on which thread wins.
//! Registrations may come from any thread; the calls back are made by whoever pumps, and never while the list is
//! locked, since plugins register and unregister from within them.

use std::sync::{Mutex, MutexGuard, PoisonError};

use vst3::ComPtr;
use vst3::Steinberg::Linux::*;
use vst3::Steinberg::*;

use super::com::owned;
use crate::pump::{Descriptor, Timers};

/// What is registered, and the clock.
#[derive(Default)]
pub(super) struct RunLoop {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    timers: Timers,
    timer_handlers: Vec<(u32, ComPtr<ITimerHandler>)>,
    event_handlers: Vec<(i32, ComPtr<IEventHandler>)>,
}

// SAFETY: the handlers are called by the pumping thread only; other threads no more than put them in the list or take
// them out, which counts references, and VST3 has reference counts be thread-safe.
unsafe impl Send for State {}

impl RunLoop {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls what is due after so much time.
    pub(super) fn pump(&self, step_ms: f64) {
        self.state().timers.advance(step_ms);
        while let Some(handler) = self.take_due() {
            // SAFETY: the handler is the plugin's own object, held by a reference; this is the main thread.
            unsafe { handler.onTimer() };
        }
        #[cfg(unix)]
        self.pump_descriptors();
    }

    fn take_due(&self) -> Option<ComPtr<ITimerHandler>> {
        let mut state = self.state();
        let id = state.timers.take_due()?;
        state.timer_handlers.iter().find(|(known, _)| *known == id).map(|(_, handler)| handler.clone())
    }

    #[cfg(unix)]
    fn pump_descriptors(&self) {
        let watch = |(fd, _): &(i32, _)| Descriptor { fd: *fd, read: true, write: false, error: true };
        let watched: Vec<Descriptor> = self.state().event_handlers.iter().map(watch).collect();
        if watched.is_empty() {
            return;
        }
        for ready in crate::pump::ready(&watched) {
            // The one before may have had it taken off the list.
            let found = self.state().event_handlers.iter().find(|(fd, _)| *fd == ready.fd).map(|(_, h)| h.clone());
            if let Some(handler) = found {
                // SAFETY: as in `pump`.
                unsafe { handler.onFDIsSet(ready.fd) };
            }
        }
    }

    /// Forgets everything that is registered. For the plugin's end.
    pub(super) fn clear(&self) {
        let state = std::mem::take(&mut *self.state());
        // Releasing a handler may come back here, so the list is no longer locked.
        drop(state);
    }

    /// `IRunLoop::registerTimer`.
    pub(super) fn add_timer(&self, handler: *mut ITimerHandler, milliseconds: u64) -> tresult {
        let Some(handler) = owned(handler) else { return kInvalidArgument };
        let mut state = self.state();
        let id = state.timers.add(u32::try_from(milliseconds).unwrap_or(u32::MAX));
        state.timer_handlers.push((id, handler));
        kResultOk
    }

    /// `IRunLoop::unregisterTimer`.
    pub(super) fn remove_timer(&self, handler: *mut ITimerHandler) -> tresult {
        let mut state = self.state();
        let (removed, kept) =
            std::mem::take(&mut state.timer_handlers).into_iter().partition(|(_, h)| h.as_ptr() == handler);
        state.timer_handlers = kept;
        let removed: Vec<(u32, ComPtr<ITimerHandler>)> = removed;
        for (id, _) in &removed {
            state.timers.remove(*id);
        }
        drop(state);
        if removed.is_empty() { kInvalidArgument } else { kResultOk }
    }

    /// `IRunLoop::registerEventHandler`.
    pub(super) fn add_descriptor(&self, handler: *mut IEventHandler, fd: i32) -> tresult {
        let Some(handler) = owned(handler) else { return kInvalidArgument };
        if fd < 0 || !cfg!(unix) {
            return kInvalidArgument;
        }
        self.state().event_handlers.push((fd, handler));
        kResultOk
    }

    /// `IRunLoop::unregisterEventHandler`.
    pub(super) fn remove_descriptor(&self, handler: *mut IEventHandler) -> tresult {
        let mut state = self.state();
        let (removed, kept) =
            std::mem::take(&mut state.event_handlers).into_iter().partition(|(_, h)| h.as_ptr() == handler);
        state.event_handlers = kept;
        drop(state);
        let removed: Vec<(i32, ComPtr<IEventHandler>)> = removed;
        if removed.is_empty() { kInvalidArgument } else { kResultOk }
    }
}

/// Has an object with a field `run_loop` offer it as the interface that plugins ask for. The interface and the objects
/// are of different crates, so that one implementation cannot serve all objects.
macro_rules! offers_run_loop {
    ($object:ty) => {
        impl ::vst3::Steinberg::Linux::IRunLoopTrait for $object {
            unsafe fn registerEventHandler(
                &self,
                handler: *mut ::vst3::Steinberg::Linux::IEventHandler,
                fd: ::vst3::Steinberg::Linux::FileDescriptor,
            ) -> ::vst3::Steinberg::tresult {
                self.run_loop.add_descriptor(handler, fd)
            }

            unsafe fn unregisterEventHandler(
                &self,
                handler: *mut ::vst3::Steinberg::Linux::IEventHandler,
            ) -> ::vst3::Steinberg::tresult {
                self.run_loop.remove_descriptor(handler)
            }

            unsafe fn registerTimer(
                &self,
                handler: *mut ::vst3::Steinberg::Linux::ITimerHandler,
                milliseconds: ::vst3::Steinberg::Linux::TimerInterval,
            ) -> ::vst3::Steinberg::tresult {
                self.run_loop.add_timer(handler, milliseconds)
            }

            unsafe fn unregisterTimer(
                &self,
                handler: *mut ::vst3::Steinberg::Linux::ITimerHandler,
            ) -> ::vst3::Steinberg::tresult {
                self.run_loop.remove_timer(handler)
            }
        }
    };
}

pub(super) use offers_run_loop;
