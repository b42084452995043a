//! Chance that can be repeated.

use std::time::{SystemTime, UNIX_EPOCH};

/// Draws numbers from a seed: that in `TONEMILL_SEED`, or a new one. A test that fails prints it.
#[derive(Debug)]
pub struct Random {
    seed: u64,
    state: u64,
}

impl Default for Random {
    fn default() -> Random {
        Random::new()
    }
}

impl Random {
    /// A generator for one test.
    ///
    /// # Panics
    /// If `TONEMILL_SEED` is no number.
    pub fn new() -> Random {
        let given = std::env::var("TONEMILL_SEED").ok();
        let given = given.map(|text| text.parse().unwrap_or_else(|_| panic!("TONEMILL_SEED is no number: {text}")));
        let clock = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.subsec_nanos().into());
        let seed = given.unwrap_or_else(clock);
        Random { seed, state: seed }
    }

    /// What it draws from.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// A number from 0 that is less than `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        // Sebastiano Vigna's SplitMix64: every seed is as good as another, also 0 and 1.
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end.max(1)
    }

    /// One of these, if there is any.
    pub fn one_of<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        of.get(self.below(of.len() as u64) as usize)
    }
}

impl Drop for Random {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the seed was {}: set TONEMILL_SEED to repeat", self.seed);
        }
    }
}
