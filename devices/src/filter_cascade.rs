//! Second-order filters in series, computed side by side.
//!
//! A filter waits for itself: each frame needs what the frame before left. So several of a series run in the lanes of
//! one register, each a few frames behind the one before it, for both channels at once. Every filter does the same
//! arithmetic for every frame, whatever else runs beside it: blocks leave no trace, and neither does the machine, as
//! nothing is fused or reordered.
//!
//! What comes out of a filter reaches the next one by moving up the lanes, never through memory: to read a register that
//! was written in parts, a machine waits until all of them have left for the cache.

use std::cell::Cell;
use std::ops::Range;

use audio::Buffer;
use neural::simd::{Path, Simd, Task};

use crate::builtin::stretch;
use crate::filter::Coefficients;

/// One filter and what it remembers of two channels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Section {
    pub coefficients: Coefficients,
    first: [f64; 2],
    second: [f64; 2],
}

impl Section {
    pub fn new() -> Section {
        Section { coefficients: Coefficients::IDLE, first: [0.0; 2], second: [0.0; 2] }
    }

    pub fn reset(&mut self) {
        (self.first, self.second) = ([0.0; 2], [0.0; 2]);
    }
}

/// How often, in frames, what has decayed is set to 0.
const CALM_EVERY: u64 = 64;

/// Filters stretches of sound, counting frames.
#[derive(Debug)]
pub(crate) struct Cascade {
    path: Path,
    /// Frames since the beginning.
    frame: u64,
}

impl Cascade {
    pub fn new() -> Cascade {
        Cascade { path: Path::best(), frame: 0 }
    }

    /// Begins to count anew.
    pub fn reset(&mut self) {
        self.frame = 0;
    }

    /// Has the sound pass through the sections that `which` names, in that order. Everything that passes through the
    /// filters of this cascade is counted, so call it for every stretch, even if there are none to pass.
    pub fn process(&mut self, sections: &mut [Section], which: &[usize], audio: &mut Buffer, frames: Range<usize>) {
        let length = frames.len() as u64;
        for group in which.chunks(TOGETHER) {
            let (left, right) = stretch(audio, frames.clone());
            self.path.run(Pass { sections, group, left, right, start: self.frame });
        }
        self.frame += length;
    }
}

/// One stretch through at most as many filters as run side by side.
struct Pass<'a> {
    sections: &'a mut [Section],
    group: &'a [usize],
    left: &'a mut [f32],
    right: Option<&'a mut [f32]>,
    start: u64,
}

impl Task for Pass<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Pass { sections, group, left, right, start } = self;
        // What goes in and what comes out stand in one place, a few frames apart.
        let left = Cell::from_mut(left).as_slice_of_cells();
        // A mono signal passes on both sides.
        let right = right.map_or(left, |right| Cell::from_mut(right).as_slice_of_cells());
        if left.len() < BEHIND {
            one_by_one(sections, group, left, right, start);
        } else {
            Lanes::new(simd, sections, group, start).pass(left, right);
        }
    }
}

/// Filters side by side.
const TOGETHER: usize = 4;

/// Both channels of each.
const LANES: usize = 2 * TOGETHER;

/// Frames by which each filter is behind the one before it, so that none waits for what the one before it is about to give.
const APART: usize = 2;

/// Frames by which the last filter is behind the first.
const BEHIND: usize = (TOGETHER - 1) * APART;

/// Whether the filter in place `place` is calmed after the frame `frame`.
fn is_calmed(frame: u64, place: usize) -> bool {
    (frame + (place * APART) as u64) % CALM_EVERY == CALM_EVERY - 1
}

/// A decaying filter ends in exact silence, not in denormal numbers, which are slow.
#[inline(always)]
fn calm(value: f64) -> f64 {
    if value.abs() < 1e-30 { 0.0 } else { value }
}

/// One frame of both sides.
#[inline(always)]
fn pair(left: &Cell<f32>, right: &Cell<f32>) -> [f64; 2] {
    [f64::from(left.get()), f64::from(right.get())]
}

/// What the lanes do, for stretches too short for them.
fn one_by_one(sections: &mut [Section], group: &[usize], left: &[Cell<f32>], right: &[Cell<f32>], start: u64) {
    for (frame, (left, right)) in (start..).zip(left.iter().zip(right)) {
        let mut x = pair(left, right);
        for (place, index) in group.iter().enumerate() {
            let Section { coefficients: c, first, second } = &mut sections[*index];
            for channel in 0..2 {
                let (s, t) = (first[channel], second[channel]);
                let d = x[channel] - t;
                x[channel] = c.direct * x[channel] + (c.first * s + c.second * t);
                first[channel] = c.stay * s + c.push * d;
                second[channel] = (t + c.push * s) + c.pull * d;
                if is_calmed(frame, place) {
                    (first[channel], second[channel]) = (calm(first[channel]), calm(second[channel]));
                }
            }
        }
        left.set(x[0] as f32);
        right.set(x[1] as f32);
    }
}

/// Filters side by side: both channels of the first, of the second and so on. The lanes of those that a group lacks let
/// everything through.
///
/// In step `t` of a stretch filter `k` has its frame `t - k APART`. Those that have none yet see silence, and their memory
/// is put in its place when their first frame comes; it is taken out again behind their last.
struct Lanes<'a, S: Simd> {
    simd: S,
    sections: &'a mut [Section],
    group: &'a [usize],
    stay: S::D,
    push: S::D,
    pull: S::D,
    direct: S::D,
    from_first: S::D,
    from_second: S::D,
    memory: Memory<S>,
    /// Frames since the beginning, of the first filter.
    frame: u64,
}

/// What changes from step to step.
struct Memory<S: Simd> {
    first: S::D,
    second: S::D,
    /// What came out in the last steps, the oldest first.
    given: [S::D; APART],
}

impl<S: Simd> Clone for Memory<S> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}

impl<S: Simd> Copy for Memory<S> {}

impl<'a, S: Simd> Lanes<'a, S> {
    #[inline(always)]
    fn new(simd: S, sections: &'a mut [Section], group: &'a [usize], frame: u64) -> Self {
        let mut coefficients = [Coefficients::IDLE; TOGETHER];
        for (to, index) in coefficients.iter_mut().zip(group) {
            *to = sections[*index].coefficients;
        }
        let of = |pick: fn(&Coefficients) -> f64| -> [f64; LANES] {
            std::array::from_fn(|lane| pick(&coefficients[lane / 2]))
        };
        let silence = simd.load_doubles(&[0.0; LANES]);
        Lanes {
            simd,
            stay: simd.load_doubles(&of(|c| c.stay)),
            push: simd.load_doubles(&of(|c| c.push)),
            pull: simd.load_doubles(&of(|c| c.pull)),
            direct: simd.load_doubles(&of(|c| c.direct)),
            from_first: simd.load_doubles(&of(|c| c.first)),
            from_second: simd.load_doubles(&of(|c| c.second)),
            memory: Memory { first: silence, second: silence, given: [silence; APART] },
            sections,
            group,
            frame,
        }
    }

    /// A stretch through all filters.
    #[inline(always)]
    fn pass(mut self, left: &[Cell<f32>], right: &[Cell<f32>]) {
        let frames = left.len();
        for place in 0..TOGETHER - 1 {
            self.join(place);
            for at in place * APART..(place + 1) * APART {
                self.step_and_calm(pair(&left[at], &right[at]));
            }
        }
        self.join(TOGETHER - 1);
        let mut at = 0;
        while at < frames - BEHIND {
            let until_calm = (CALM_EVERY - self.frame % CALM_EVERY) as usize;
            let end = (at + until_calm).min(frames - BEHIND);
            let mut memory = self.memory;
            let ins = left[at + BEHIND..end + BEHIND].iter().zip(&right[at + BEHIND..end + BEHIND]);
            for ((left_in, right_in), (left, right)) in ins.zip(left[at..end].iter().zip(&right[at..end])) {
                let out = self.step(&mut memory, pair(left_in, right_in));
                left.set(out[0] as f32);
                right.set(out[1] as f32);
            }
            self.memory = memory;
            self.go_on((end - at) as u64);
            at = end;
        }
        for place in 0..TOGETHER {
            self.leave(place);
            if place < TOGETHER - 1 {
                for at in frames - BEHIND + place * APART..frames - BEHIND + (place + 1) * APART {
                    let out = self.step_and_calm([0.0; 2]);
                    left[at].set(out[0] as f32);
                    right[at].set(out[1] as f32);
                }
            }
        }
    }

    /// One frame in each lane. Takes what goes into the first filter and gives what comes out of the last.
    #[inline(always)]
    fn step(&self, memory: &mut Memory<S>, pair: [f64; 2]) -> [f64; 2] {
        let Lanes { simd, stay, push, pull, direct, from_first, from_second, .. } = *self;
        let (add, mul) = (S::add_doubles, S::mul_doubles);
        let (s, t) = (memory.first, memory.second);
        let x = simd.push_pair(pair, memory.given[0]);
        let d = simd.sub_doubles(x, t);
        let kept = add(simd, mul(simd, from_first, s), mul(simd, from_second, t));
        let out = add(simd, mul(simd, direct, x), kept);
        memory.first = add(simd, mul(simd, stay, s), mul(simd, push, d));
        memory.second = add(simd, add(simd, t, mul(simd, push, s)), mul(simd, pull, d));
        for later in 1..APART {
            memory.given[later - 1] = memory.given[later];
        }
        memory.given[APART - 1] = out;
        simd.last_pair(out)
    }

    /// One step, where it is not one of many.
    #[inline(always)]
    fn step_and_calm(&mut self, pair: [f64; 2]) -> [f64; 2] {
        let mut memory = self.memory;
        let out = self.step(&mut memory, pair);
        self.memory = memory;
        self.go_on(1);
        out
    }

    /// Counts steps, which end at the latest where filters are calmed.
    #[inline(always)]
    fn go_on(&mut self, steps: u64) {
        self.frame += steps;
        if self.frame.is_multiple_of(CALM_EVERY) {
            self.change_memory(|first, second| {
                (*first, *second) = (first.map(calm), second.map(calm));
            });
        }
    }

    /// A filter gets its first frame next.
    #[inline(always)]
    fn join(&mut self, place: usize) {
        let Some(index) = self.group.get(place) else { return };
        let section = self.sections[*index];
        self.change_memory(|first, second| {
            first[2 * place..2 * place + 2].copy_from_slice(&section.first);
            second[2 * place..2 * place + 2].copy_from_slice(&section.second);
        });
    }

    /// A filter has had its last frame.
    #[inline(always)]
    fn leave(&mut self, place: usize) {
        let Some(index) = self.group.get(place) else { return };
        let section = &mut self.sections[*index];
        let (mut first, mut second) = ([0.0; LANES], [0.0; LANES]);
        self.simd.store_doubles(self.memory.first, &mut first);
        self.simd.store_doubles(self.memory.second, &mut second);
        section.first.copy_from_slice(&first[2 * place..2 * place + 2]);
        section.second.copy_from_slice(&second[2 * place..2 * place + 2]);
    }

    #[inline(always)]
    fn change_memory(&mut self, change: impl FnOnce(&mut [f64; LANES], &mut [f64; LANES])) {
        let (mut first, mut second) = ([0.0; LANES], [0.0; LANES]);
        self.simd.store_doubles(self.memory.first, &mut first);
        self.simd.store_doubles(self.memory.second, &mut second);
        change(&mut first, &mut second);
        self.memory.first = self.simd.load_doubles(&first);
        self.memory.second = self.simd.load_doubles(&second);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::Shape;

    /// What some filters make of noise that ends in silence, cut into stretches of these lengths in turn.
    fn filtered(path: Path, filters: usize, channels: usize, cuts: &[usize]) -> Vec<Vec<u32>> {
        const FRAMES: usize = 2_000;
        let mut state = 7u32;
        let mut noise = |frame: usize| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            if frame < 1_000 { state as f32 / u32::MAX as f32 - 0.5 } else { 0.0 }
        };
        let channels = (0..channels).map(|_| (0..FRAMES).map(&mut noise).collect()).collect();
        let mut audio = Buffer::from_channels(channels);
        let mut sections = vec![Section::new(); filters];
        for (index, section) in sections.iter_mut().enumerate() {
            let shape = Shape::Bell { gain: 5.0 - 3.0 * index as f64 };
            section.coefficients = Coefficients::new(shape, 90.0 * (index + 1) as f64, 0.9, 48_000.0);
        }
        let which: Vec<usize> = (0..filters).collect();
        let mut cascade = Cascade { path, frame: 0 };
        let (mut at, mut cuts) = (0, cuts.iter().cycle());
        while at < FRAMES {
            let end = FRAMES.min(at + cuts.next().expect("there is a cut"));
            cascade.process(&mut sections, &which, &mut audio, at..end);
            at = end;
        }
        audio.channels().map(|channel| channel.iter().map(|sample| sample.to_bits()).collect()).collect()
    }

    #[test]
    fn neither_the_machine_nor_the_cut_leaves_a_trace() {
        for filters in [1, 2, 4, 7] {
            for channels in [1, 2] {
                let one_by_one = filtered(Path::best(), filters, channels, &[1]);
                assert!(one_by_one.iter().all(|channel| channel[500] != 0));
                for path in Path::available() {
                    for cuts in [&[2_000][..], &[BEHIND], &[BEHIND - 1, BEHIND + 1], &[64], &[3, 512, 1, 65]] {
                        let other = filtered(path, filters, channels, cuts);
                        assert!(other == one_by_one, "{filters} filters, {channels} channels, {path}, cuts {cuts:?}");
                    }
                }
            }
        }
    }
}
