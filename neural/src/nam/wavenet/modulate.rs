//! What happens between a layer's convolutions: modulation, gating, blending.

use super::config::Gating;
use crate::activation::Activation;
use crate::rows::{View, ViewMut};
use crate::simd::{Simd, Task};

/// Frames that are worked on at a time: whole registers of every instruction set.
const TILE: usize = 64;

/// Scales each row, and shifts it where there are twice as many rows of modulation.
pub(super) struct Modulate<'a> {
    pub rows: usize,
    pub target: ViewMut<'a>,
    /// A scale for each row, then the shifts.
    pub modulation: View<'a>,
    pub shift: bool,
    pub frames: usize,
}

impl Task for Modulate<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        for row in 0..self.rows {
            for at in (0..self.frames).step_by(TILE) {
                let target = self.target.tile(row, at, TILE);
                let scale = self.modulation.tile(row, at, 0, TILE);
                let shift = self.shift.then(|| self.modulation.tile(self.rows + row, at, 0, TILE));
                for lane in (0..TILE).step_by(S::LANES) {
                    let (x, scale) = (simd.load(&target[lane..]), simd.load(&scale[lane..]));
                    let y = match shift {
                        Some(shift) => simd.mul_add(x, scale, simd.load(&shift[lane..])),
                        None => simd.mul(x, scale),
                    };
                    simd.store(y, &mut target[lane..]);
                }
            }
        }
    }
}

/// Adds rows to rows.
pub(super) struct Add<'a> {
    pub rows: usize,
    pub target: ViewMut<'a>,
    pub source: View<'a>,
    pub frames: usize,
}

impl Task for Add<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        for row in 0..self.rows {
            for at in (0..self.frames).step_by(TILE) {
                let (target, source) = (self.target.tile(row, at, TILE), self.source.tile(row, at, 0, TILE));
                for lane in (0..TILE).step_by(S::LANES) {
                    let sum = simd.add(simd.load(&target[lane..]), simd.load(&source[lane..]));
                    simd.store(sum, &mut target[lane..]);
                }
            }
        }
    }
}

/// Activates rows, and makes one set of doubled ones: the first half stays.
pub(super) struct Gate<'a> {
    /// Rows after gating.
    pub rows: usize,
    pub target: ViewMut<'a>,
    pub gating: Gating,
    pub activation: &'a Activation,
    pub secondary: &'a Activation,
    pub frames: usize,
}

impl Task for Gate<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        let mut before = [0.0; TILE];
        let mut gate = [0.0; TILE];
        for row in 0..self.rows {
            for at in (0..self.frames).step_by(TILE) {
                if self.gating != Gating::None {
                    gate.copy_from_slice(self.target.tile(self.rows + row, at, TILE));
                    self.secondary.apply(simd, row, &mut gate);
                }
                let target = self.target.tile(row, at, TILE);
                before.copy_from_slice(target);
                self.activation.apply(simd, row, target);
                for lane in (0..TILE).step_by(S::LANES) {
                    let (x, gate) = (simd.load(&target[lane..]), simd.load(&gate[lane..]));
                    let y = match self.gating {
                        Gating::None => x,
                        Gating::Gated => simd.mul(x, gate),
                        Gating::Blended => {
                            let before = simd.load(&before[lane..]);
                            simd.mul_add(gate, simd.sub(x, before), before)
                        }
                    };
                    simd.store(y, &mut target[lane..]);
                }
            }
        }
    }
}
