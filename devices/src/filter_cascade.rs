//! Second-order filters in series, computed side by side.
//!
//! A filter waits for itself: each frame needs what the frame before left. So several of a series run in the lanes of
//! one register, each a few frames behind the one before it, for both channels at once. Every filter does the same
//! arithmetic for every frame, whatever else runs beside it: blocks leave no trace, and neither does the machine, as
//! nothing is fused or reordered.

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
    fn run<S: Simd>(self, _: S) {
        let Pass { sections, group, left, right, start } = self;
        if left.len() < BEHIND {
            one_by_one(sections, group, left, right, start);
            return;
        }
        let mut lanes = Lanes::load(sections, group);
        match right {
            Some(right) => lanes.pass::<true>(left, right, start),
            // What stands on the other side is neither read nor written.
            None => lanes.pass::<false>(left, &mut [], start),
        }
        lanes.store(sections, group);
    }
}

/// Filters side by side.
const TOGETHER: usize = 4;

/// Both channels of each.
const LANES: usize = 2 * TOGETHER;

/// Frames by which each filter is behind the one before it. What passes from one to the next goes through memory, and by
/// then has arrived there.
const APART: usize = 8;

/// Frames by which the last filter is behind the first.
const BEHIND: usize = (TOGETHER - 1) * APART;

/// Whether the filter in place `place` is calmed after the frame `frame`.
#[inline(always)]
fn is_calmed(frame: u64, place: usize) -> bool {
    (frame + (place * APART) as u64) % CALM_EVERY == CALM_EVERY - 1
}

/// A decaying filter ends in exact silence, not in denormal numbers, which are slow.
#[inline(always)]
fn calm(value: f64) -> f64 {
    if value.abs() < 1e-30 { 0.0 } else { value }
}

/// What the lanes do, for stretches too short for them.
fn one_by_one(sections: &mut [Section], group: &[usize], left: &mut [f32], mut right: Option<&mut [f32]>, start: u64) {
    for at in 0..left.len() {
        let mut x = [f64::from(left[at]), right.as_ref().map_or(0.0, |right| f64::from(right[at]))];
        for (place, index) in group.iter().enumerate() {
            let Section { coefficients: c, first, second } = &mut sections[*index];
            for channel in 0..2 {
                let (s, t) = (first[channel], second[channel]);
                let d = x[channel] - t;
                x[channel] = c.direct * x[channel] + (c.first * s + c.second * t);
                first[channel] = c.stay * s + c.push * d;
                second[channel] = (t + c.push * s) + c.pull * d;
                if is_calmed(start + at as u64, place) {
                    (first[channel], second[channel]) = (calm(first[channel]), calm(second[channel]));
                }
            }
        }
        left[at] = x[0] as f32;
        if let Some(right) = &mut right {
            right[at] = x[1] as f32;
        }
    }
}

/// Filters side by side: both channels of the first, of the second and so on. The lanes of those that a group lacks let
/// everything through.
struct Lanes {
    stay: [f64; LANES],
    push: [f64; LANES],
    pull: [f64; LANES],
    direct: [f64; LANES],
    from_first: [f64; LANES],
    from_second: [f64; LANES],
    kept: Kept,
}

#[derive(Clone, Copy)]
struct Kept {
    first: [f64; LANES],
    second: [f64; LANES],
}

/// What goes into the lanes in the steps to come: row `t` modulo the rows in step `t`. Behind the lanes' own places stands
/// what the last filter gave.
///
/// Aligned as the registers are, so that no load reaches over two lines of the cache.
#[repr(align(64))]
struct Line([[f64; 16]; 2 * APART]);

const ROW: usize = 2 * APART - 1;

impl Lanes {
    #[inline(always)]
    fn load(sections: &[Section], group: &[usize]) -> Lanes {
        let of = |lane: usize| group.get(lane / 2).map(|index| (&sections[*index], lane % 2));
        let number = |idle: f64, pick: fn(&Coefficients) -> f64| {
            std::array::from_fn(|lane| of(lane).map_or(idle, |(section, _)| pick(&section.coefficients)))
        };
        Lanes {
            stay: number(0.0, |c| c.stay),
            push: number(0.0, |c| c.push),
            pull: number(0.0, |c| c.pull),
            direct: number(1.0, |c| c.direct),
            from_first: number(0.0, |c| c.first),
            from_second: number(0.0, |c| c.second),
            kept: Kept {
                first: std::array::from_fn(|lane| of(lane).map_or(0.0, |(section, channel)| section.first[channel])),
                second: std::array::from_fn(|lane| of(lane).map_or(0.0, |(section, channel)| section.second[channel])),
            },
        }
    }

    #[inline(always)]
    fn store(&self, sections: &mut [Section], group: &[usize]) {
        for lane in 0..2 * group.len() {
            let section = &mut sections[group[lane / 2]];
            section.first[lane % 2] = self.kept.first[lane];
            section.second[lane % 2] = self.kept.second[lane];
        }
    }

    /// A stretch through all filters. In step `t` filter `k` has the frame `t - k APART`; at both ends of the stretch some
    /// have none, and stay as they are.
    #[inline(always)]
    fn pass<const STEREO: bool>(&mut self, left: &mut [f32], right: &mut [f32], start: u64) {
        let frames = left.len();
        let right = if STEREO { &mut right[..frames] } else { right };
        let mut line = Line([[0.0; 16]; 2 * APART]);
        let line = &mut line.0;
        for at in 0..APART {
            line[at][0] = f64::from(left[at]);
            line[at][1] = if STEREO { f64::from(right[at]) } else { 0.0 };
        }
        let mut at = 0;
        while at < frames + BEHIND {
            let until_calm = (CALM_EVERY - (start + at as u64) % CALM_EVERY) as usize;
            let has = |step: usize, place: usize| step >= place * APART && step - place * APART < frames;
            if at >= BEHIND && at + APART < frames {
                let end = (at + until_calm).min(frames - APART);
                let mut kept = self.kept;
                for step in at..end {
                    let (now, next) = (step & ROW, (step + APART) & ROW);
                    let x: [f64; LANES] = std::array::from_fn(|lane| line[now][lane]);
                    let (out, after) = self.step(&x, &kept);
                    kept = after;
                    line[next][2..2 + LANES].copy_from_slice(&out);
                    line[next][0] = f64::from(left[step + APART]);
                    left[step - BEHIND] = out[LANES - 2] as f32;
                    if STEREO {
                        line[next][1] = f64::from(right[step + APART]);
                        right[step - BEHIND] = out[LANES - 1] as f32;
                    }
                }
                self.kept = kept;
                at = end;
            } else {
                let x: [f64; LANES] = std::array::from_fn(|lane| line[at & ROW][lane]);
                let (out, after) = self.step(&x, &self.kept);
                for lane in (0..LANES).filter(|lane| has(at, lane / 2)) {
                    (self.kept.first[lane], self.kept.second[lane]) = (after.first[lane], after.second[lane]);
                }
                let next = (at + APART) & ROW;
                line[next][2..2 + LANES].copy_from_slice(&out);
                line[next][0] = left.get(at + APART).map_or(0.0, |sample| f64::from(*sample));
                line[next][1] = right.get(at + APART).map_or(0.0, |sample| f64::from(*sample));
                if at >= BEHIND {
                    left[at - BEHIND] = out[LANES - 2] as f32;
                    if STEREO {
                        right[at - BEHIND] = out[LANES - 1] as f32;
                    }
                }
                at += 1;
            }
            if (start + at as u64).is_multiple_of(CALM_EVERY) {
                for lane in (0..LANES).filter(|lane| has(at - 1, lane / 2)) {
                    self.kept.first[lane] = calm(self.kept.first[lane]);
                    self.kept.second[lane] = calm(self.kept.second[lane]);
                }
            }
        }
    }

    /// One frame in each lane. Gives what comes out and what is remembered then.
    #[inline(always)]
    fn step(&self, x: &[f64; LANES], kept: &Kept) -> ([f64; LANES], Kept) {
        let mut out = [0.0; LANES];
        let mut after = *kept;
        for lane in 0..LANES {
            let (s, t) = (kept.first[lane], kept.second[lane]);
            let d = x[lane] - t;
            out[lane] = self.direct[lane] * x[lane] + (self.from_first[lane] * s + self.from_second[lane] * t);
            after.first[lane] = self.stay[lane] * s + self.push[lane] * d;
            after.second[lane] = (t + self.push[lane] * s) + self.pull[lane] * d;
        }
        (out, after)
    }
}
