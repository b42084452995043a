//! Numbers that begin on a cache line, so that no vector straddles two.

use std::ops::{Deref, DerefMut};

/// Bytes in a cache line, and in the widest vector.
const LINE: usize = 64;

/// A slice of its own that begins at a multiple of 64 bytes.
pub(crate) struct Aligned {
    numbers: Vec<f32>,
    start: usize,
    len: usize,
}

impl Aligned {
    /// `len` zeros.
    pub fn zeros(len: usize) -> Self {
        let numbers = vec![0.0f32; len + LINE / size_of::<f32>()];
        // The vector never grows, so what it holds never moves.
        let start = numbers.as_ptr().align_offset(LINE).min(LINE / size_of::<f32>());
        Self { numbers, start, len }
    }
}

impl From<&[f32]> for Aligned {
    fn from(numbers: &[f32]) -> Self {
        let mut aligned = Self::zeros(numbers.len());
        aligned.copy_from_slice(numbers);
        aligned
    }
}

impl Deref for Aligned {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.numbers[self.start..self.start + self.len]
    }
}

impl DerefMut for Aligned {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.numbers[self.start..self.start + self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_begin_on_a_cache_line() {
        for len in [0, 1, 15, 16, 17, 1000] {
            let aligned = Aligned::zeros(len);
            assert_eq!(aligned.len(), len);
            assert_eq!(aligned.as_ptr() as usize % LINE, 0, "for {len}");
        }
    }
}
