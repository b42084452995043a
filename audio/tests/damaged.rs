//! Damaged files of every format are read or refused, and never bring the reader down.

mod files;

use std::panic::{AssertUnwindSafe, catch_unwind};

use tonemill_audio::read::{probe_bytes, read_bytes};

/// SplitMix64: small, seedable and the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((x ^ x >> 31) % end as u64) as usize
    }
}

#[test]
fn a_file_cut_at_any_point_is_refused() {
    for (name, whole) in files::of_every_kind(9_000) {
        let shape = probe_bytes(&name, whole.clone()).unwrap();
        assert_eq!(read_bytes(&name, whole.clone()).unwrap().buffer.frames() as u64, shape.frames, "{name}");
        let step = whole.len() / 150 + 1;
        let cuts = (1..whole.len()).step_by(step).chain([whole.len() - 1]);
        for length in cuts {
            // An MP3 frame that lost only ancillary bits of its end may decode in full; its header promises no bytes.
            let cut = whole[..length].to_vec();
            let read = read_bytes(&name, cut.clone());
            assert!(read.is_err(), "{name} cut to {length} of {} bytes was read", whole.len());
            assert!(probe_bytes(&name, cut).is_err(), "{name} cut to {length} of {} bytes was probed", whole.len());
        }
    }
}

#[test]
fn a_flac_file_that_was_changed_anywhere_in_its_sound_is_refused() {
    let mut random = Random(425);
    for (name, whole) in files::of_every_kind(9_000).into_iter().filter(|(name, _)| name.starts_with("Flac")) {
        for _ in 0..200 {
            let mut changed = whole.clone();
            let at = 42 + random.below(whole.len() - 42);
            changed[at] ^= 1 << random.below(8);
            let outcome = read_bytes(&name, changed);
            assert!(outcome.is_err(), "{name} with a bit flipped at byte {at} was read");
        }
    }
}

#[test]
fn no_change_of_bytes_brings_the_reader_down() {
    let seed =
        std::env::var("TONEMILL_TEST_SEED").map_or(20_250_601, |seed| seed.parse().expect("the seed is a number"));
    let rounds =
        std::env::var("TONEMILL_TEST_ROUNDS").map_or(400, |rounds| rounds.parse().expect("a number of rounds"));
    println!("TONEMILL_TEST_SEED={seed}");
    let mut random = Random(seed);
    let files = files::of_every_kind(9_000);
    for round in 0..rounds {
        for (name, whole) in &files {
            let mut bytes = whole.clone();
            for _ in 0..1 + random.below(8) {
                // Half of the changes hit the headers, where they do most.
                let end = if random.below(2) == 0 { bytes.len().min(200) } else { bytes.len() };
                let at = random.below(end);
                match random.below(5) {
                    0 => bytes[at] = random.below(256) as u8,
                    1 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][random.below(5)],
                    2 => bytes[at..].iter_mut().take(4).for_each(|byte| *byte = 0xff),
                    3 => drop(bytes.drain(at..(at + random.below(64)).min(bytes.len()))),
                    _ => bytes.splice(at..at, (0..random.below(16)).map(|_| 0x55)).for_each(drop),
                }
                if bytes.is_empty() {
                    break;
                }
            }
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                let probed = probe_bytes(name, bytes.clone());
                let read = read_bytes(name, bytes.clone());
                if let Ok(recording) = &read {
                    let buffer = &recording.buffer;
                    assert!(buffer.frames() > 0 && buffer.channel_count() > 0 && buffer.peak().is_finite());
                    if let Ok(shape) = probed {
                        assert_eq!(shape.frames, buffer.frames() as u64, "probe and read agree");
                    }
                }
            }));
            if outcome.is_err() {
                let folder = std::env::temp_dir().join(format!("tonemill-damaged-{seed}-{round}"));
                std::fs::write(&folder, &bytes).unwrap();
                panic!("{name} brought the reader down in round {round} of seed {seed}; kept in {}", folder.display());
            }
        }
    }
}
