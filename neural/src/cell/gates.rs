//! The sums inside recurrent cells: `G` gates side by side in registers.

use super::arrangement::Arrangement;
use crate::simd::Simd;

/// Two running sums a gate: one alone would wait for its last addition each time.
pub(super) struct Sums<S: Simd, const G: usize> {
    even: [S::V; G],
    odd: [S::V; G],
}

impl<S: Simd, const G: usize> Sums<S, G> {
    /// Sums that begin at `start`.
    #[inline(always)]
    pub fn new(simd: S, start: [S::V; G]) -> Self {
        Self { even: start, odd: [simd.splat(0.0); G] }
    }

    /// Adds what the numbers of `row` weigh. `packed` has, for each of them, a weight for each gate.
    #[inline(always)]
    pub fn add<A: Arrangement>(&mut self, simd: S, packed: &[f32], row: &[f32]) {
        let column = G * A::weight_len(S::LANES);
        let mut pairs = packed.chunks_exact(2 * column);
        let mut index = 0;
        for packed in &mut pairs {
            let (first, second) = packed.split_at(column);
            add::<S, A, G>(simd, first, A::value(simd, row, index), &mut self.even);
            add::<S, A, G>(simd, second, A::value(simd, row, index + 1), &mut self.odd);
            index += 2;
        }
        if !pairs.remainder().is_empty() {
            add::<S, A, G>(simd, pairs.remainder(), A::value(simd, row, index), &mut self.even);
        }
    }

    /// What the gates sum up to.
    #[inline(always)]
    pub fn total(self, simd: S) -> [S::V; G] {
        let mut total = self.even;
        for (total, odd) in total.iter_mut().zip(self.odd) {
            *total = simd.add(*total, odd);
        }
        total
    }
}

#[inline(always)]
fn add<S: Simd, A: Arrangement, const G: usize>(simd: S, packed: &[f32], x: S::V, sums: &mut [S::V; G]) {
    let one = A::weight_len(S::LANES);
    for (gate, sum) in sums.iter_mut().enumerate() {
        *sum = simd.mul_add(A::weight(simd, &packed[gate * one..][..one]), x, *sum);
    }
}

/// The first `G` packed weights.
#[inline(always)]
pub(super) fn load<S: Simd, A: Arrangement, const G: usize>(simd: S, packed: &[f32]) -> [S::V; G] {
    let one = A::weight_len(S::LANES);
    let mut weights = [simd.splat(0.0); G];
    for (gate, weight) in weights.iter_mut().enumerate() {
        *weight = A::weight(simd, &packed[gate * one..][..one]);
    }
    weights
}
