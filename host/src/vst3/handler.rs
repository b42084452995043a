//! What a plugin's controller reports to the host. A call only notes something down; it is acted on between blocks.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use vst3::Steinberg::Linux::IRunLoop;
use vst3::Steinberg::Vst::*;
use vst3::Steinberg::*;
use vst3::{Class, ComPtr, ComWrapper};

use super::run_loop::{RunLoop, offers_run_loop};

/// Most parameters that wait to be told to the processor. No plugin has as many.
const MOST_EDITS: usize = 1 << 16;

/// What the plugin cannot have without being deactivated and activated again.
pub(super) const NEEDS_RESTART: RestartFlags =
    RestartFlags_::kLatencyChanged | RestartFlags_::kIoChanged | RestartFlags_::kReloadComponent;

/// What was noted down, and what both halves of a device share.
#[derive(Default)]
pub(super) struct Notices {
    edits: Mutex<Edits>,
    /// Values that the processor had or gave out, for the controller.
    reports: Mutex<Edits>,
    /// `RestartFlags`, joined.
    restart: AtomicI32,
    /// The plugin is another once it is deactivated: its latency or its busses change.
    pub(super) changes_when_inactive: AtomicBool,
    /// Background work that a state's restoration started, by its number.
    restoring: Mutex<BTreeSet<u64>>,
    next_progress: AtomicU64,
    /// Values, texts or programs changed from within.
    pub(super) values_changed: AtomicBool,
    /// The plugin gave its parameters values of its own: those that were sent before say nothing any more.
    pub(super) values_replaced: AtomicBool,
    /// The component is active and its processor out.
    pub(super) active: AtomicBool,
    /// Frames processed since the instance was made.
    pub(super) frames: AtomicU64,
    /// The system time of the last block, in nanoseconds; it grows with every one.
    system_time: AtomicU64,
}

/// Parameter changes that the processor has not seen, in the order of their first mention; of each parameter the last.
#[derive(Default)]
struct Edits {
    list: Vec<(u32, f64)>,
    /// Where in the list each parameter stands.
    places: HashMap<u32, usize>,
}

impl Edits {
    fn put(&mut self, id: u32, value: f64) -> bool {
        match self.places.get(&id) {
            Some(place) => self.list[*place].1 = value,
            None if self.list.len() < MOST_EDITS => {
                self.places.insert(id, self.list.len());
                self.list.push((id, value));
            }
            None => return false,
        }
        true
    }

    /// Moves everything into `taken`, which is empty and whose room is used for what comes next.
    fn take(&mut self, taken: &mut Vec<(u32, f64)>) {
        std::mem::swap(&mut self.list, taken);
        self.places.clear();
    }
}

impl Notices {
    /// Notes a normalised value for the processor. `false` if it is no number or there are too many.
    pub(super) fn edit(&self, id: u32, value: f64) -> bool {
        value.is_finite() && self.edits().put(id, value.clamp(0.0, 1.0))
    }

    /// Moves what waits for the processor into `taken`, which is empty.
    pub(super) fn take_edits(&self, taken: &mut Vec<(u32, f64)>) {
        self.edits().take(taken);
    }

    /// Notes a normalised value for the controller. Those that are too many are left out: an editor would show old
    /// values, and nobody opens one.
    pub(super) fn report(&self, id: u32, value: f64) {
        self.reports.lock().unwrap_or_else(PoisonError::into_inner).put(id, value);
    }

    /// Moves what waits for the controller into `taken`, which is empty.
    pub(super) fn take_reports(&self, taken: &mut Vec<(u32, f64)>) {
        self.reports.lock().unwrap_or_else(PoisonError::into_inner).take(taken);
    }

    /// The system time of a block in nanoseconds. It follows the frames, and grows with every call.
    pub(super) fn tick(&self, steady_frame: u64, sample_rate: f64) -> i64 {
        let by_frames = (steady_frame as f64 * 1e9 / sample_rate) as u64;
        let before = self.system_time.load(Ordering::Acquire);
        let now = by_frames.max(before + 1);
        self.system_time.store(now, Ordering::Release);
        i64::try_from(now).unwrap_or(i64::MAX)
    }

    /// Forgets what waits for the processor: a state has replaced it.
    pub(super) fn forget_edits(&self) {
        *self.edits() = Edits::default();
    }

    /// Whether anything waits for the processor.
    pub(super) fn has_edits(&self) -> bool {
        !self.edits().list.is_empty()
    }

    fn edits(&self) -> MutexGuard<'_, Edits> {
        self.edits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes those of `flags` that the plugin has raised.
    pub(super) fn take_restart(&self, flags: RestartFlags) -> RestartFlags {
        self.restart.fetch_and(!flags, Ordering::AcqRel) & flags
    }

    /// Raises flags on the plugin's behalf.
    pub(super) fn ask_restart(&self, flags: RestartFlags) {
        self.restart.fetch_or(flags, Ordering::AcqRel);
        if flags & NEEDS_RESTART != 0 {
            self.changes_when_inactive.store(true, Ordering::Release);
        }
    }

    /// Whether a state is still being restored in the background.
    pub(super) fn is_restoring(&self) -> bool {
        !self.restoring.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }
}

/// The object that the controller is given.
struct Handler {
    notices: Arc<Notices>,
    run_loop: Arc<RunLoop>,
}

impl Class for Handler {
    type Interfaces = (
        IComponentHandler,
        IComponentHandler2,
        IComponentHandlerBusActivation,
        IComponentHandlerSystemTime,
        IProgress,
        IUnitHandler,
        IUnitHandler2,
        IRunLoop,
    );
}

/// A handler that writes into `notices`.
pub(super) fn handler(notices: Arc<Notices>, run_loop: Arc<RunLoop>) -> ComPtr<IComponentHandler> {
    ComWrapper::new(Handler { notices, run_loop }).to_com_ptr().expect("a handler has its interface")
}

impl IComponentHandlerTrait for Handler {
    unsafe fn beginEdit(&self, _: ParamID) -> tresult {
        kResultOk
    }

    /// The value goes to the processor with the next block. The controller is told nothing in turn: it knows, and one
    /// that edits again whenever it is told would never end.
    unsafe fn performEdit(&self, id: ParamID, value: ParamValue) -> tresult {
        self.notices.values_changed.store(true, Ordering::Release);
        if self.notices.edit(id, value) { kResultOk } else { kInvalidArgument }
    }

    unsafe fn endEdit(&self, _: ParamID) -> tresult {
        kResultOk
    }

    unsafe fn restartComponent(&self, flags: i32) -> tresult {
        self.notices.ask_restart(flags);
        kResultOk
    }
}

impl IComponentHandler2Trait for Handler {
    /// Nobody is asked to save anything.
    unsafe fn setDirty(&self, _: TBool) -> tresult {
        kResultOk
    }

    unsafe fn requestOpenEditor(&self, _: FIDString) -> tresult {
        kNotImplemented
    }

    /// Edits arrive together anyway: those of one moment reach the processor in one block.
    unsafe fn startGroupEdit(&self) -> tresult {
        kResultOk
    }

    unsafe fn finishGroupEdit(&self) -> tresult {
        kResultOk
    }
}

impl IComponentHandlerBusActivationTrait for Handler {
    /// Which busses carry a signal is the graph's decision.
    unsafe fn requestBusActivation(&self, _: MediaType, _: BusDirection, _: i32, _: TBool) -> tresult {
        kNotImplemented
    }
}

impl IComponentHandlerSystemTimeTrait for Handler {
    unsafe fn getSystemTime(&self, time: *mut i64) -> tresult {
        if time.is_null() {
            return kInvalidArgument;
        }
        let now = self.notices.system_time.load(Ordering::Acquire);
        // SAFETY: the plugin passes a place for one number, and it is not null.
        unsafe { time.write_unaligned(i64::try_from(now).unwrap_or(i64::MAX)) };
        kResultOk
    }
}

impl IProgressTrait for Handler {
    unsafe fn start(&self, kind: IProgress_::ProgressType, _: *const tchar, id: *mut IProgress_::ID) -> tresult {
        if id.is_null() {
            return kInvalidArgument;
        }
        let number = self.notices.next_progress.fetch_add(1, Ordering::AcqRel) + 1;
        // Work for the user interface changes no sound.
        if kind == IProgress_::ProgressType_::AsyncStateRestoration {
            self.notices.restoring.lock().unwrap_or_else(PoisonError::into_inner).insert(number);
        }
        // SAFETY: the plugin passes a place for one number, and it is not null.
        unsafe { id.write_unaligned(number) };
        kResultOk
    }

    unsafe fn update(&self, _: IProgress_::ID, _: ParamValue) -> tresult {
        kResultOk
    }

    unsafe fn finish(&self, id: IProgress_::ID) -> tresult {
        self.notices.restoring.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        kResultOk
    }
}

impl IUnitHandlerTrait for Handler {
    /// Which unit is selected matters to editors only.
    unsafe fn notifyUnitSelection(&self, _: UnitID) -> tresult {
        kResultOk
    }

    unsafe fn notifyProgramListChange(&self, _: ProgramListID, _: i32) -> tresult {
        self.notices.ask_restart(RestartFlags_::kParamTitlesChanged);
        kResultOk
    }
}

impl IUnitHandler2Trait for Handler {
    /// Which bus belongs to which unit is asked for whenever it is needed.
    unsafe fn notifyUnitByBusChange(&self) -> tresult {
        kResultOk
    }
}

offers_run_loop!(Handler);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_edits_of_one_parameter_the_last_is_kept_in_the_first_ones_place() {
        let notices = Arc::new(Notices::default());
        let handler = handler(notices.clone(), Arc::default());
        // SAFETY: the handler is valid and takes plain numbers.
        unsafe {
            for value in 0..100_000 {
                handler.performEdit(7, f64::from(value) / 100_000.0);
                handler.performEdit(8, 2.0);
            }
            assert_eq!(handler.performEdit(9, f64::NAN), kInvalidArgument);
        }
        let mut taken = Vec::new();
        notices.take_edits(&mut taken);
        assert_eq!(taken, [(7, 0.99999), (8, 1.0)]);
        assert!(!notices.has_edits());
    }

    #[test]
    fn only_a_states_restoration_keeps_it_busy() {
        let notices = Arc::new(Notices::default());
        let handler = handler(notices.clone(), Arc::default());
        let progress = handler.cast::<IProgress>().unwrap();
        let (mut first, mut second) = (0, 0);
        // SAFETY: the handler is valid; the pointers lead to the variables above.
        unsafe {
            progress.start(1, std::ptr::null(), &mut first);
            assert!(!notices.is_restoring());
            progress.start(0, std::ptr::null(), &mut second);
            assert!(notices.is_restoring() && first != second);
            progress.finish(first);
            assert!(notices.is_restoring());
            progress.finish(second);
            progress.finish(second);
        }
        assert!(!notices.is_restoring());
    }

    #[test]
    fn the_system_time_grows_with_every_block_wherever_the_frames_begin_anew() {
        let notices = Notices::default();
        let frames = [0, 512, 512, 1024, 0, 1, 48_000, 0].into_iter();
        let times: Vec<i64> = frames.map(|frame| notices.tick(frame, 48_000.0)).collect();
        assert!(times.is_sorted_by(|before, after| before < after), "{times:?}");
        assert_eq!(times[6], 1_000_000_000, "it follows the frames where it can");
    }

    #[test]
    fn restart_flags_are_joined_and_taken_apart() {
        let notices = Arc::new(Notices::default());
        let handler = handler(notices.clone(), Arc::default());
        // SAFETY: the handler is valid and takes plain numbers.
        unsafe {
            handler.restartComponent(RestartFlags_::kLatencyChanged);
            handler.restartComponent(RestartFlags_::kParamValuesChanged | RestartFlags_::kIoChanged);
        }
        let both = RestartFlags_::kLatencyChanged | RestartFlags_::kIoChanged;
        assert_eq!(notices.take_restart(both), both);
        assert_eq!(notices.take_restart(both), 0);
        assert_eq!(notices.take_restart(RestartFlags_::kParamValuesChanged), RestartFlags_::kParamValuesChanged);
    }
}
