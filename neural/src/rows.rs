//! Channels of sound side by side, each a row of frames that remembers what came before.

use crate::aligned::Aligned;

/// Frames that networks play at a time: what a layer touches stays in the nearest caches.
pub(crate) const BLOCK: usize = 512;

/// Frames past the end of a block that kernels may overwrite: they work in whole tiles of lanes.
const SLACK: usize = 128;

/// Frames in a cache line.
const LINE: usize = 16;

/// Rows of frames. The present block of each begins at the same place, with at least `history` past frames before it; what
/// stands behind the block is for kernels to scribble on.
pub(crate) struct Rows {
    data: Aligned,
    count: usize,
    stride: usize,
    history: usize,
    start: usize,
    /// The largest value of `start`.
    last_start: usize,
}

impl Rows {
    /// Silent rows that remember `history` frames.
    pub fn new(count: usize, history: usize) -> Rows {
        let padded = history.next_multiple_of(LINE);
        // Room for as many frames again as are remembered, so that moving them back happens once in a while and not each block.
        let last_start = 2 * padded;
        // An odd number of cache lines, so that rows spread over all sets of the cache.
        let lines = (last_start + BLOCK + SLACK) / LINE;
        let stride = (lines | 1) * LINE;
        Rows { data: Aligned::zeros(count * stride), count, stride, history: padded, start: padded, last_start }
    }

    /// Floats that rows of these sizes keep.
    pub fn size(count: usize, history: usize) -> usize {
        count.saturating_mul(history.saturating_mul(2).saturating_add(BLOCK + SLACK + 3 * LINE))
    }

    pub fn count(&self) -> usize {
        self.count
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.data.fill(0.0);
        self.start = self.history;
    }

    /// Silences the present block and what kernels may read behind it.
    pub fn silence(&mut self, frames: usize) {
        for row in 0..self.count {
            self.row_mut(row)[..frames + SLACK].fill(0.0);
        }
    }

    /// Makes the frame after the present `frames` the first of the present block.
    pub fn advance(&mut self, frames: usize) {
        self.start += frames;
        if self.start > self.last_start {
            for row in self.data.chunks_exact_mut(self.stride) {
                row.copy_within(self.start - self.history..self.start, 0);
            }
            self.start = self.history;
        }
    }

    /// The present block of a row and all behind it.
    pub fn row(&self, row: usize) -> &[f32] {
        let from = row * self.stride;
        &self.data[from + self.start..from + self.stride]
    }

    /// The present block of a row and all behind it.
    pub fn row_mut(&mut self, row: usize) -> &mut [f32] {
        let from = row * self.stride;
        &mut self.data[from + self.start..from + self.stride]
    }

    /// All rows and where the present block begins, for kernels.
    pub fn view(&self) -> View<'_> {
        View { data: &self.data, stride: self.stride, start: self.start }
    }

    /// All rows and where the present block begins, for kernels.
    pub fn view_mut(&mut self) -> ViewMut<'_> {
        ViewMut { data: &mut self.data, stride: self.stride, start: self.start }
    }
}

/// [`Rows`] to read.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    data: &'a [f32],
    stride: usize,
    start: usize,
}

impl<'a> View<'a> {
    /// `frames` frames of a row, from frame `at` of the present block on, seen `lookback` frames earlier.
    #[inline(always)]
    pub fn tile(self, row: usize, at: usize, lookback: usize, frames: usize) -> &'a [f32] {
        &self.data[row * self.stride + self.start + at - lookback..][..frames]
    }
}

/// [`Rows`] to write.
pub(crate) struct ViewMut<'a> {
    data: &'a mut [f32],
    stride: usize,
    start: usize,
}

impl ViewMut<'_> {
    /// `frames` frames of a row, from frame `at` of the present block on.
    #[inline(always)]
    pub fn tile(&mut self, row: usize, at: usize, frames: usize) -> &mut [f32] {
        &mut self.data[row * self.stride + self.start + at..][..frames]
    }
}
