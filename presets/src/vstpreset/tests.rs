use proptest::prelude::*;

use super::*;

const CLASS: &str = "56535444474153647261676F6E666C79";

/// A file with these entries behind eight bytes of data at byte 48.
fn file(entries: &[(&[u8; 4], i64, i64)]) -> Vec<u8> {
    let mut bytes = [b"VST3", &1i32.to_le_bytes()[..], CLASS.as_bytes(), &56i64.to_le_bytes(), b"01234567"].concat();
    bytes.extend([&b"List"[..], &(entries.len() as i32).to_le_bytes()].concat());
    for (id, offset, size) in entries {
        bytes.extend([&id[..], &offset.to_le_bytes(), &size.to_le_bytes()].concat());
    }
    bytes
}

fn refused(bytes: &[u8]) -> String {
    VstPreset::read(bytes).unwrap_err().to_string()
}

#[test]
fn a_file_is_read_as_the_format_has_it() {
    let preset = VstPreset::read(&file(&[(b"Cont", 53, 3), (b"Comp", 48, 5), (b"Prog", 56, 0)])).unwrap();
    let content = [preset.component.as_deref(), preset.controller.as_deref(), preset.program.as_deref()];
    assert_eq!(content, [Some(&b"01234"[..]), Some(b"567"), Some(b"")]);
    assert_eq!((preset.class.as_str(), &preset.info), (CLASS, &None));
    assert_eq!(preset.plugin_name(), None);
}

#[test]
fn a_file_is_written_as_the_format_has_it() {
    let preset = VstPreset {
        class: CLASS.to_lowercase(),
        component: Some(b"01234".to_vec()),
        controller: Some(b"567".to_vec()),
        ..VstPreset::default()
    };
    assert_eq!(preset.write(), file(&[(b"Comp", 48, 5), (b"Cont", 53, 3)]));
}

#[test]
fn what_hosts_add_or_leave_behind_is_passed_over() {
    let mut bytes = file(&[(b"Comp", 48, 2), (b"Own\xff", 52, 4), (b"Nil1", 0, 0)]);
    bytes.extend(b"left behind");
    let (class, chunks) = chunks(&bytes).unwrap();
    let ids: Vec<(&str, usize)> = chunks.iter().map(|c| (c.id.as_str(), c.data.len())).collect();
    assert_eq!((class.as_str(), ids), (CLASS, vec![("Comp", 2), ("Own\\xff", 4), ("Nil1", 0)]));
    assert_eq!(VstPreset::read(&bytes).unwrap().component.as_deref(), Some(&b"01"[..]));
    let info = VstPreset::read(&file(&[(b"Info", 48, 8)])).unwrap().info;
    assert_eq!(info.as_deref(), Some("01234567"));
}

#[test]
fn what_is_wrong_with_a_file_is_said() {
    assert_eq!(refused(b""), "it does not begin with VST3, so it is no VST3 preset");
    assert_eq!(refused(b"CcnK..."), "it does not begin with VST3, so it is no VST3 preset");
    let whole = file(&[(b"Comp", 48, 8)]);
    assert_eq!(refused(&whole[..47]), "the file is truncated: it ends after 47 bytes, and the header alone takes 48");
    let cut = "the file is truncated or damaged: its chunk list is said to be at byte 56, and it has 60 bytes";
    assert_eq!(refused(&whole[..60]), cut);
    let cut = "the file is truncated or damaged: its chunk list is said to have 1 entries, and there is room for 0";
    assert_eq!(refused(&whole[..whole.len() - 1]), cut);
    let changed = |at: usize, with: &[u8]| {
        let mut bytes = whole.clone();
        bytes[at..at + with.len()].copy_from_slice(with);
        refused(&bytes)
    };
    assert_eq!(changed(4, &[2]), "its format version is 2; only version 1 is known");
    let class = format!("its class id is \"{}\\n\", not 32 hexadecimal digits", &CLASS[..31]);
    assert_eq!(changed(39, b"\n"), class);
    assert_eq!(changed(56, b"l"), "it is damaged: there is no chunk list at byte 56");
    for offset in [-1, 0, 47, i64::MAX, i64::MIN] {
        let message = changed(40, &offset.to_le_bytes());
        assert!(message.contains(&format!("said to be at byte {offset},")), "{message}");
    }
    for count in [-1, 2, i32::MAX, i32::MIN] {
        let message = changed(60, &count.to_le_bytes());
        assert!(message.contains(&format!("said to have {count} entries")), "{message}");
    }
}

#[test]
fn chunks_that_cannot_be_are_refused_by_name() {
    let ranges = [(48, -1), (-1, 8), (47, 2), (48, 1000), (i64::MAX, 1), (48, i64::MAX), (85, 0), (i64::MIN, i64::MIN)];
    for (offset, size) in ranges {
        let message = refused(&file(&[(b"Comp", offset, size)]));
        let expected = format!("it is damaged: chunk Comp is said to be {size} bytes at byte {offset}, outside");
        assert!(message.starts_with(&expected), "{message}");
    }
    let overlap = refused(&file(&[(b"Comp", 50, 4), (b"Cont", 48, 3)]));
    assert_eq!(overlap, "it is damaged: chunk Cont and chunk Comp overlap");
    let list = refused(&file(&[(b"Comp", 48, 9)]));
    assert_eq!(list, "it is damaged: chunk Comp and the chunk list overlap");
    let twice = refused(&file(&[(b"Comp", 48, 2), (b"Comp", 50, 2)]));
    assert_eq!(twice, "it is damaged: it has two chunks Comp");
}

#[test]
fn what_is_written_reads_the_same() {
    let data = || prop::option::of(prop::collection::vec(any::<u8>(), 0..300));
    let strategy = ("[0-9A-F]{32}", data(), data(), data(), prop::option::of("\\PC{0,40}"));
    proptest!(|((class, component, controller, program, info) in strategy)| {
        let preset = VstPreset { class, component, controller, program, info };
        prop_assert!(is_vstpreset(&preset.write()));
        prop_assert_eq!(VstPreset::read(&preset.write()).unwrap(), preset);
    });
}

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

/// What holds for whatever is read: no more comes out than went in.
fn check(bytes: &[u8]) -> bool {
    match VstPreset::read(bytes) {
        Ok(preset) => {
            let sizes =
                [&preset.component, &preset.controller, &preset.program].map(|c| c.as_ref().map_or(0, Vec::len));
            assert!(sizes.iter().sum::<usize>() <= bytes.len());
            assert_eq!(VstPreset::read(&preset.write()).as_ref(), Ok(&preset));
            true
        }
        Err(error) => {
            assert!(!error.to_string().is_empty());
            false
        }
    }
}

#[test]
fn no_change_of_bytes_brings_the_reader_down() {
    let preset = VstPreset {
        class: CLASS.to_owned(),
        component: Some((0..60).collect()),
        controller: Some(vec![7; 9]),
        program: Some(Vec::new()),
        info: Some(meta_info("Dragonfly Hall")),
    };
    let whole = preset.write();
    for length in 0..whole.len() {
        assert!(!check(&whole[..length]), "cut to {length} of {} bytes it was read", whole.len());
    }
    let number =
        |variable, default| std::env::var(variable).map_or(default, |number| number.parse().expect("it is a number"));
    let seed = number("TONEMILL_TEST_SEED", 20_250_601);
    println!("TONEMILL_TEST_SEED={seed}");
    let mut random = Random(seed);
    let (mut read, mut refused) = (0, 0);
    let list = whole.len() - LIST_HEAD - 4 * ENTRY;
    for _ in 0..number("TONEMILL_TEST_ROUNDS", 20_000) {
        let mut bytes = whole.clone();
        for _ in 0..1 + random.below(3) {
            // Header and list are where changes do most.
            let at = match random.below(3) {
                0 => random.below(bytes.len()),
                1 => random.below(bytes.len().min(HEADER)),
                _ => bytes.len().min(list + random.below(LIST_HEAD + 4 * ENTRY)).saturating_sub(1),
            };
            match random.below(6) {
                0 => bytes[at] = random.below(256) as u8,
                1 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][random.below(5)],
                2 => bytes[at..].iter_mut().take(8).for_each(|byte| *byte = 0xff),
                3 => drop(bytes.drain(at..(at + random.below(30)).min(bytes.len()))),
                4 => drop(bytes.splice(at..at, (0..random.below(30)).map(|_| 0x30))),
                _ => bytes[at] ^= 1 << random.below(8),
            }
            if bytes.is_empty() {
                break;
            }
        }
        if check(&bytes) { read += 1 } else { refused += 1 }
    }
    println!("{read} changed files were read, {refused} refused");
    assert!(read > 0 && refused > 0);
}
