//! Where the bits of a draw come from.
//!
//! A draw is a hash of what it is for: seed, item, draw number, device, parameter. There is no generator that moves on
//! from one to the next, so no draw depends on how many others there are, on their order or on who asks.

/// Keeps these hashes apart from all others, and those of later versions from these.
const VERSION: &[u8; 32] = b"tonemill random draws, version 1";

/// Words that one hash gives.
const WORDS: usize = 4;

/// One draw of one item: seed, item and draw number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskKey([u8; 32]);

/// One thing that is drawn, whatever the item: a device and a parameter of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DrawKey([u8; 24]);

/// The random words of one draw for one thing.
#[derive(Clone, Copy, Debug)]
pub struct Random {
    task: TaskKey,
    key: DrawKey,
}

impl TaskKey {
    /// The key of draw number `draw` of `item`.
    pub fn new(seed: u64, item: &str, draw: u64) -> TaskKey {
        TaskKey(framed(b'T', &[&seed.to_le_bytes(), item.as_bytes(), &draw.to_le_bytes()]))
    }
}

impl DrawKey {
    /// The key of a parameter of the device at `path`.
    pub fn new(path: &str, parameter: &str) -> DrawKey {
        let long = framed(b'P', &[path.as_bytes(), parameter.as_bytes()]);
        // What is left keeps different things apart as surely, and a draw is then one block of the hash.
        let mut key = [0; 24];
        key.copy_from_slice(&long[..24]);
        DrawKey(key)
    }
}

/// A hash of parts of any length. Each stands behind its length, so that no two lists of parts give the same bytes.
fn framed(kind: u8, parts: &[&[u8]]) -> [u8; 32] {
    let mut bytes = Vec::with_capacity(1 + parts.iter().map(|part| 8 + part.len()).sum::<usize>());
    bytes.push(kind);
    for part in parts {
        bytes.extend((part.len() as u64).to_le_bytes());
        bytes.extend_from_slice(part);
    }
    *blake3::keyed_hash(VERSION, &bytes).as_bytes()
}

impl Random {
    /// The words of one thing in one draw.
    pub fn new(task: TaskKey, key: DrawKey) -> Random {
        Random { task, key }
    }

    /// Word number `index`; there are as many as anybody asks for.
    pub fn word(&self, index: usize) -> u64 {
        // Task, thing and block number have fixed lengths; no key is 32 bytes of anything else.
        let mut bytes = [0; 64];
        bytes[..32].copy_from_slice(&self.task.0);
        bytes[32..56].copy_from_slice(&self.key.0);
        bytes[56..].copy_from_slice(&((index / WORDS) as u64).to_le_bytes());
        let hash = blake3::keyed_hash(VERSION, &bytes);
        let at = index % WORDS * 8;
        let mut word = [0; 8];
        word.copy_from_slice(&hash.as_bytes()[at..at + 8]);
        u64::from_le_bytes(word)
    }

    /// Number `index` of those that lie evenly in 0 to below 1, in steps of 2^-53.
    pub fn unit(&self, index: usize) -> f64 {
        (self.word(index) >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// An even draw among `count` things, counted from 0; 0 where there is none. Off by 2^-64 of the count at most.
    pub fn below(&self, count: u64) -> u64 {
        ((u128::from(self.word(0)) * u128::from(count)) >> 64) as u64
    }

    /// How late a candidate of this weight is; the one that is earliest wins. It wins as often as its weight is part of
    /// all weights, and another candidate beside it changes only the draws that the other wins.
    pub fn lateness(&self, weight: f64) -> f64 {
        // In 2^-53 to 1, so that the logarithm is finite.
        let unit = ((self.word(0) >> 11) + 1) as f64 * (1.0 / (1u64 << 53) as f64);
        -libm::log(unit) / weight
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn random(seed: u64, item: &str, draw: u64, path: &str, parameter: &str) -> Random {
        Random::new(TaskKey::new(seed, item, draw), DrawKey::new(path, parameter))
    }

    #[test]
    fn a_draw_is_what_it_was_when_this_version_began() {
        // Worked out by a script of its own from the description above, with the BLAKE3 module of Python.
        let draw = random(425, "take 1", 3, "drive", "Drive");
        let words = [draw.word(0), draw.word(3), draw.word(4)];
        assert_eq!(words, [0x9b19_2e53_838c_1e28, 0x55d2_e1a8_7a21_8b8f, 0x9ff4_d7ca_636e_6f51]);
    }

    #[test]
    fn no_part_can_be_taken_for_another() {
        let mut seen = HashSet::new();
        for (item, path, parameter) in
            [("a", "b", "c"), ("ab", "", "c"), ("a", "bc", ""), ("", "ab", "c"), ("abc", "", "")]
        {
            for (seed, draw) in [(0, 1), (1, 0), (1, 1), (256, 0), (0, 256)] {
                assert!(seen.insert(random(seed, item, draw, path, parameter).word(0)));
            }
        }
        assert_ne!(DrawKey::new("a\u{8}", "b"), DrawKey::new("a", "\u{8}b"));
    }

    #[test]
    fn words_of_one_draw_differ_and_units_lie_below_one() {
        let draw = random(1, "x", 0, "gain", "Gain");
        let words: HashSet<u64> = (0..1000).map(|index| draw.word(index)).collect();
        assert_eq!(words.len(), 1000);
        assert!((0..1000).all(|index| (0.0..1.0).contains(&draw.unit(index))));
    }

    #[test]
    fn even_numbers_are_even() {
        let count = 20_000;
        let mut units: Vec<f64> = (0..count).map(|n| random(7, "item", n, "p", "q").unit(0)).collect();
        units.sort_by(f64::total_cmp);
        let distance =
            units.iter().enumerate().map(|(n, u)| (u - (n as f64 + 0.5) / count as f64).abs()).fold(0.0, f64::max);
        // 1.95 / sqrt(n) is passed by one fair sample of a thousand.
        assert!(distance < 1.95 / (count as f64).sqrt(), "{distance}");
        let mut hits = [0; 7];
        (0..count).for_each(|n| hits[random(7, "item", n, "p", "q").below(7) as usize] += 1);
        assert!(hits.iter().all(|hits| (2600..3115).contains(hits)), "{hits:?}");
        assert_eq!(random(7, "item", 0, "p", "q").below(0), 0);
    }
}
