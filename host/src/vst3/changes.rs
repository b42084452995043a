//! Parameter changes of a block, as plugins read and write them.
//!
//! VST3 has a plugin draw a straight line from one point of a parameter to the next. Here a parameter takes a value at
//! a frame and keeps it; so the old value is repeated one frame before the new one, and the line is a step.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use vst3::Steinberg::Vst::*;
use vst3::Steinberg::*;
use vst3::{Class, ComPtr, ComWrapper};

/// Most parameters that change in one block.
const MOST_QUEUES: usize = 1 << 16;
/// Most points of one parameter in one block.
const MOST_POINTS: usize = 1 << 16;

/// The changes of one block. Its queues are kept from block to block.
#[derive(Default)]
pub(super) struct Changes {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    queues: Vec<(ComWrapper<Queue>, ComPtr<IParamValueQueue>)>,
    used: usize,
    /// Which of the used queues is a parameter's.
    places: HashMap<u32, usize>,
}

// SAFETY: the pointers are to queues, whose content is behind locks and whose reference counts are thread-safe.
unsafe impl Send for State {}

/// One parameter's points, sorted by frame, one a frame.
#[derive(Default)]
struct Queue {
    content: Mutex<(ParamID, Vec<(i32, ParamValue)>)>,
}

impl Class for Changes {
    type Interfaces = (IParameterChanges,);
}

impl Class for Queue {
    type Interfaces = (IParamValueQueue,);
}

impl Changes {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a block.
    pub(super) fn clear(&self) {
        let mut state = self.state();
        state.used = 0;
        state.places.clear();
    }

    /// Adds a normalised value. `false` if there is no room.
    pub(super) fn put(&self, id: ParamID, frame: i32, value: ParamValue) -> bool {
        let place = self.state().queue(id);
        place.is_some_and(|place| self.state().queues[place].0.put(frame, value).is_some())
    }

    /// Whether the parameter has points already, and the frame of the last.
    pub(super) fn last_frame(&self, id: ParamID) -> Option<i32> {
        let state = self.state();
        let place = state.places.get(&id)?;
        let content = state.queues[*place].0.content();
        content.1.last().map(|(frame, _)| *frame)
    }

    /// All points, parameter by parameter in the order that they were mentioned.
    pub(super) fn drain(&self, mut each: impl FnMut(ParamID, i32, ParamValue)) {
        let state = self.state();
        for (queue, _) in &state.queues[..state.used] {
            let content = queue.content();
            content.1.iter().for_each(|(frame, value)| each(content.0, *frame, *value));
        }
    }
}

impl State {
    fn queue(&mut self, id: ParamID) -> Option<usize> {
        if let Some(place) = self.places.get(&id) {
            return Some(*place);
        }
        if self.used == MOST_QUEUES {
            return None;
        }
        if self.used == self.queues.len() {
            let queue = ComWrapper::new(Queue::default());
            let face = queue.to_com_ptr().expect("a queue has its interface");
            self.queues.push((queue, face));
        }
        let place = self.used;
        self.used += 1;
        self.places.insert(id, place);
        let mut content = self.queues[place].0.content();
        content.0 = id;
        content.1.clear();
        Some(place)
    }
}

impl Queue {
    fn content(&self) -> MutexGuard<'_, (ParamID, Vec<(i32, ParamValue)>)> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a point where it belongs, or replaces the one of its frame. Gives its index.
    fn put(&self, frame: i32, value: ParamValue) -> Option<usize> {
        let points = &mut self.content().1;
        match points.binary_search_by_key(&frame, |(known, _)| *known) {
            Ok(index) => {
                points[index].1 = value;
                Some(index)
            }
            Err(index) if points.len() < MOST_POINTS => {
                points.insert(index, (frame, value));
                Some(index)
            }
            Err(_) => None,
        }
    }
}

impl IParameterChangesTrait for Changes {
    unsafe fn getParameterCount(&self) -> i32 {
        self.state().used as i32
    }

    unsafe fn getParameterData(&self, index: i32) -> *mut IParamValueQueue {
        let state = self.state();
        let index = usize::try_from(index).ok().filter(|index| *index < state.used);
        index.map_or(std::ptr::null_mut(), |index| state.queues[index].1.as_ptr())
    }

    unsafe fn addParameterData(&self, id: *const ParamID, index: *mut i32) -> *mut IParamValueQueue {
        if id.is_null() {
            return std::ptr::null_mut();
        }
        let mut state = self.state();
        // SAFETY: the plugin passes the id of one parameter, and it is not null.
        let Some(place) = state.queue(unsafe { *id }) else { return std::ptr::null_mut() };
        if !index.is_null() {
            // SAFETY: the plugin passes a place for one number, and it is not null.
            unsafe { index.write_unaligned(place as i32) };
        }
        state.queues[place].1.as_ptr()
    }
}

impl IParamValueQueueTrait for Queue {
    unsafe fn getParameterId(&self) -> ParamID {
        self.content().0
    }

    unsafe fn getPointCount(&self) -> i32 {
        self.content().1.len() as i32
    }

    unsafe fn getPoint(&self, index: i32, frame: *mut i32, value: *mut ParamValue) -> tresult {
        let content = self.content();
        let Some(point) = usize::try_from(index).ok().and_then(|index| content.1.get(index)) else {
            return kResultFalse;
        };
        if !frame.is_null() {
            // SAFETY: the plugin passes a place for one number, and it is not null.
            unsafe { frame.write_unaligned(point.0) };
        }
        if !value.is_null() {
            // SAFETY: likewise.
            unsafe { value.write_unaligned(point.1) };
        }
        kResultOk
    }

    unsafe fn addPoint(&self, frame: i32, value: ParamValue, index: *mut i32) -> tresult {
        if !value.is_finite() {
            return kInvalidArgument;
        }
        let Some(place) = self.put(frame, value.clamp(0.0, 1.0)) else { return kOutOfMemory };
        if !index.is_null() {
            // SAFETY: the plugin passes a place for one number, and it is not null.
            unsafe { index.write_unaligned(place as i32) };
        }
        kResultOk
    }
}

/// Adds a value that holds from `frame` on; `before` is what the parameter had until then.
pub(super) fn step(changes: &Changes, id: ParamID, frame: i32, before: ParamValue, value: ParamValue) -> bool {
    let held = frame - 1;
    let needs_hold = held >= 0 && before != value && changes.last_frame(id).is_none_or(|last| last < held);
    (!needs_hold || changes.put(id, held, before)) && changes.put(id, frame, value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(changes: &Changes) -> Vec<(ParamID, i32, f64)> {
        let mut all = Vec::new();
        changes.drain(|id, frame, value| all.push((id, frame, value)));
        all
    }

    #[test]
    fn each_parameter_has_one_queue_and_each_frame_one_point() {
        let changes = ComWrapper::new(Changes::default());
        let face = changes.to_com_ptr::<IParameterChanges>().unwrap();
        let (mut frame, mut value, mut index) = (0, 0.0, -1);
        for _ in 0..2 {
            changes.clear();
            assert!(
                changes.put(9, 5, 0.5) && changes.put(7, 0, 0.1) && changes.put(9, 5, 0.6) && changes.put(9, 2, 0.2)
            );
            // SAFETY: all pointers lead to the variables above; queues are valid as long as the changes.
            unsafe {
                assert_eq!(face.getParameterCount(), 2);
                let queue = vst3::ComRef::from_raw(face.getParameterData(0)).unwrap();
                assert_eq!((queue.getParameterId(), queue.getPointCount()), (9, 2));
                assert_eq!(queue.getPoint(1, &mut frame, &mut value), kResultOk);
                assert_eq!((frame, value), (5, 0.6));
                assert_eq!(queue.getPoint(2, &mut frame, &mut value), kResultFalse);
                assert_eq!(queue.getPoint(-1, &mut frame, &mut value), kResultFalse);
                assert!(face.getParameterData(2).is_null() && face.getParameterData(-1).is_null());
                let added = vst3::ComRef::from_raw(face.addParameterData(&7, &mut index)).unwrap();
                assert_eq!(index, 1);
                assert_eq!(added.addPoint(3, 7.0, &mut index), kResultOk);
                assert_eq!(added.addPoint(3, f64::NAN, std::ptr::null_mut()), kInvalidArgument);
                assert!(face.addParameterData(std::ptr::null(), &mut index).is_null());
            }
            assert_eq!(points(&changes), [(9, 2, 0.2), (9, 5, 0.6), (7, 0, 0.1), (7, 3, 1.0)]);
        }
    }

    #[test]
    fn a_step_holds_the_old_value_up_to_the_frame_before() {
        let changes = Changes::default();
        assert!(step(&changes, 1, 0, 0.0, 0.5));
        assert!(step(&changes, 1, 1, 0.5, 0.6));
        assert!(step(&changes, 1, 10, 0.6, 0.2));
        assert!(step(&changes, 1, 11, 0.2, 0.2));
        assert!(step(&changes, 1, 20, 0.2, 0.2));
        assert_eq!(points(&changes), [(1, 0, 0.5), (1, 1, 0.6), (1, 9, 0.6), (1, 10, 0.2), (1, 11, 0.2), (1, 20, 0.2)]);
    }
}
