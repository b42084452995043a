//! Controllers that mean something only in their order.
//!
//! MIDI sends a number of fourteen bits, a registered parameter or a bank as several controllers, commonly at one
//! instant. A plugin hears of each as a parameter with a queue of its own, one point a frame; of one instant it takes the
//! queues in the order that they were made in, and of one queue the last value alone. So the queues are made in the order
//! that such controllers commonly come in, and whatever comes otherwise goes a frame later: into the next block, if there
//! is no frame left. Where the blocks begin makes no difference to it.

use std::collections::HashMap;

use vst3::Steinberg::Vst::{ParamID, ParamValue};

/// Controllers of one channel whose order among each other counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Group {
    channel: u8,
    kind: u8,
}

/// What a MIDI message is among those of its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    group: Group,
    /// Those of one instant commonly come with this rising.
    rank: u8,
    /// It does something whenever it arrives, rather than being at a level all the time.
    is_message: bool,
}

/// The group of bank and program.
const BANK: u8 = 0;
/// The group of registered and unregistered parameters and their data.
const DATA: u8 = 6;

impl Place {
    /// That of a change of a channel's program: behind its bank.
    pub(super) fn of_program(channel: u8) -> Place {
        Place { group: Group { channel, kind: BANK }, rank: 2, is_message: true }
    }

    /// That of a controller; `None` if it is a level of its own.
    pub(super) fn of_controller(channel: u8, number: u8) -> Option<Place> {
        let (kind, rank) = match number {
            // Which parameter is meant, the coarse part first, and then what becomes of it.
            99 | 101 => (DATA, 0),
            98 | 100 => (DATA, 1),
            6 => (DATA, 2),
            38 => (DATA, 3),
            96 => (DATA, 4),
            97 => (DATA, 5),
            // The coarse part of fourteen bits, and the fine part 32 above.
            0..=63 => (number & 31, number >> 5),
            // Modes: each controller stands for itself.
            120..=127 => (number, 0),
            _ => return None,
        };
        let is_message = [BANK, DATA].contains(&kind) || number >= 120;
        // Registered parameters and others share ranks, and neither replaces the other.
        Some(Place { group: Group { channel, kind }, rank, is_message })
    }
}

/// What a message brings its parameter to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    pub(super) frame: i32,
    pub(super) id: ParamID,
    pub(super) value: ParamValue,
    pub(super) is_message: bool,
}

/// What waits to be put into queues.
#[derive(Default)]
pub(super) struct Order {
    /// The last of each group.
    last: HashMap<Group, (i32, u8, ParamID)>,
    waiting: Vec<(u8, Point)>,
}

impl Order {
    /// Adds what is to come at a frame of the block; frames never go back.
    pub(super) fn put(&mut self, place: Place, frame: i32, id: ParamID, value: ParamValue) {
        let Place { group, rank, is_message } = place;
        let frame = match self.last.get(&group) {
            Some((last, before, same)) if *last >= frame => {
                // Of a level, the last value of a frame counts.
                let is_replaced = *same == id && !is_message;
                if *before < rank || is_replaced { *last } else { last + 1 }
            }
            _ => frame,
        };
        self.last.insert(group, (frame, rank, id));
        self.waiting.push((rank, Point { frame, id, value, is_message }));
    }

    /// Takes out what belongs into a block of so many frames, in the order that queues are to be made in.
    pub(super) fn take(&mut self, frames: i32, mut each: impl FnMut(Point)) {
        if !self.waiting.is_sorted_by_key(|(rank, _)| *rank) {
            self.waiting.sort_by_key(|(rank, _)| *rank);
        }
        self.waiting.retain(|(_, point)| {
            let is_due = point.frame < frames;
            if is_due {
                each(*point);
            }
            !is_due
        });
    }

    /// Ends a block of so many frames: what is left counts from the next one's start now.
    pub(super) fn end(&mut self, frames: i32) {
        self.last.retain(|_, (frame, ..)| *frame >= frames);
        self.last.values_mut().for_each(|(frame, ..)| *frame -= frames);
        self.waiting.iter_mut().for_each(|(_, point)| point.frame -= frames);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which controllers come in which frames of a block of 64, where the controllers of the first channel are the
    /// parameters of their numbers and its program is number 200.
    fn taken(told: &[(i32, u8)]) -> Vec<(i32, ParamID)> {
        let mut order = Order::default();
        for (frame, number) in told {
            let place = match number {
                200 => Place::of_program(0),
                number => Place::of_controller(0, *number).unwrap(),
            };
            order.put(place, *frame, (*number).into(), 0.5);
        }
        let mut taken = Vec::new();
        order.take(64, |point| taken.push((point.frame, point.id)));
        // Within a frame the order of the queues counts, which is that of the first points.
        let mut queues: Vec<ParamID> = Vec::new();
        taken.iter().for_each(|(_, id)| queues.extend((!queues.contains(id)).then_some(*id)));
        taken.sort_by_key(|(frame, id)| (*frame, queues.iter().position(|queue| queue == id)));
        taken
    }

    #[test]
    fn controllers_of_one_instant_stay_there_in_their_order() {
        let usual =
            [(10, 0), (10, 32), (10, 200), (10, 101), (10, 100), (10, 6), (10, 38), (20, 99), (20, 98), (20, 6)];
        let frames = |told: &[(i32, ParamID)], group: &[ParamID]| -> Vec<(i32, ParamID)> {
            told.iter().filter(|(_, id)| group.contains(id)).copied().collect()
        };
        let (got, wanted) = (taken(&usual), usual.map(|(frame, number)| (frame, ParamID::from(number))));
        for group in [&[0, 32, 200][..], &[101, 100, 99, 98, 6, 38]] {
            assert_eq!(frames(&got, group), frames(&wanted, group));
        }
        // Whatever was used before in the block, by which queues might have another order.
        assert_eq!(taken(&[(5, 33), (10, 1), (10, 33)]), [(5, 33), (10, 1), (10, 33)]);
    }

    #[test]
    fn what_comes_the_other_way_round_or_twice_is_a_frame_later() {
        assert_eq!(taken(&[(5, 6), (5, 101), (5, 100)]), [(5, 6), (6, 101), (6, 100)]);
        assert_eq!(taken(&[(5, 96), (5, 96)]), [(5, 96), (6, 96)]);
        assert_eq!(taken(&[(5, 33), (5, 1), (6, 33)]), [(5, 33), (6, 1), (6, 33)]);
        assert_eq!(taken(&[(5, 1), (5, 1)]), [(5, 1), (5, 1)], "the last value of a level replaces the one before");
        assert_eq!(Place::of_controller(0, 64), None);
    }

    #[test]
    fn what_has_no_frame_left_comes_first_in_the_next_block() {
        let mut order = Order::default();
        let data = Place::of_controller(3, 6).unwrap();
        for value in [0.1, 0.2, 0.3] {
            order.put(data, 0, 9, value);
        }
        let mut taken = Vec::new();
        for _ in 0..3 {
            order.take(1, |point| taken.push((point.frame, point.value)));
            order.end(1);
        }
        assert_eq!(taken, [(0, 0.1), (0, 0.2), (0, 0.3)]);
    }
}
