//! What the lanes of a vector hold: units of one clip, or clips of one unit.

use crate::aligned::Aligned;
use crate::simd::Simd;

/// How rows of numbers lie in vectors. A row of `width` numbers takes `vectors(width)` vectors, one after the other.
pub(crate) trait Arrangement: Copy + Send + 'static {
    /// Rows are of one clip, whatever the lanes.
    const ONE_CLIP: bool;

    /// Clips that are played at once, with vectors of `lanes`.
    fn clips(lanes: usize) -> usize;

    /// Vectors in a row of `width` numbers.
    fn vectors(width: usize, lanes: usize) -> usize;

    /// Numbers that a row of `width` numbers takes.
    #[inline(always)]
    fn row_len(width: usize, lanes: usize) -> usize {
        Self::vectors(width, lanes) * lanes
    }

    /// Numbers that a packed weight takes: one for each lane, or one for all of them.
    fn weight_len(lanes: usize) -> usize;

    /// The weight at the beginning of `packed`, in every lane where it belongs.
    fn weight<S: Simd>(simd: S, packed: &[f32]) -> S::V;

    /// Number `index` of a row, in every lane.
    fn value<S: Simd>(simd: S, row: &[f32], index: usize) -> S::V;

    /// Where number `index` of a row lies for clip `clip`.
    fn place(index: usize, clip: usize, lanes: usize) -> usize;

    /// Packs weights of vector `vector` of a row of `width` numbers; `weight` gives that of one number of the row. Lanes
    /// beyond the row get zeros, so that what they hold stays finite.
    fn pack(vector: usize, width: usize, lanes: usize, packed: &mut Vec<f32>, weight: impl Fn(usize) -> f32) {
        let len = Self::weight_len(lanes);
        packed.extend((vector * len..(vector + 1) * len).map(|index| if index < width { weight(index) } else { 0.0 }));
    }

    /// A row of `width` numbers.
    fn row(width: usize, lanes: usize, number: impl Fn(usize) -> f32) -> Aligned {
        let mut row = Aligned::zeros(Self::row_len(width, lanes));
        for index in 0..width {
            for clip in 0..Self::clips(lanes) {
                row[Self::place(index, clip, lanes)] = number(index);
            }
        }
        row
    }
}

/// One clip: a vector holds neighbouring numbers of a row.
#[derive(Clone, Copy)]
pub(crate) struct Units;

/// As many clips as a vector has lanes: a vector holds one number of a row, of each clip.
#[derive(Clone, Copy)]
pub(crate) struct Clips;

impl Arrangement for Units {
    const ONE_CLIP: bool = true;

    #[inline(always)]
    fn clips(_: usize) -> usize {
        1
    }

    #[inline(always)]
    fn vectors(width: usize, lanes: usize) -> usize {
        width.div_ceil(lanes)
    }

    #[inline(always)]
    fn weight_len(lanes: usize) -> usize {
        lanes
    }

    #[inline(always)]
    fn weight<S: Simd>(simd: S, packed: &[f32]) -> S::V {
        simd.load(packed)
    }

    #[inline(always)]
    fn value<S: Simd>(simd: S, row: &[f32], index: usize) -> S::V {
        simd.splat(row[index])
    }

    #[inline(always)]
    fn place(index: usize, _: usize, _: usize) -> usize {
        index
    }
}

impl Arrangement for Clips {
    const ONE_CLIP: bool = false;

    #[inline(always)]
    fn clips(lanes: usize) -> usize {
        lanes
    }

    #[inline(always)]
    fn vectors(width: usize, _: usize) -> usize {
        width
    }

    #[inline(always)]
    fn weight_len(_: usize) -> usize {
        1
    }

    #[inline(always)]
    fn weight<S: Simd>(simd: S, packed: &[f32]) -> S::V {
        simd.splat(packed[0])
    }

    #[inline(always)]
    fn value<S: Simd>(simd: S, row: &[f32], index: usize) -> S::V {
        simd.load(&row[index * S::LANES..])
    }

    #[inline(always)]
    fn place(index: usize, clip: usize, lanes: usize) -> usize {
        index * lanes + clip
    }
}
