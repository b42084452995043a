//! No bytes bring the parser down, and real songs load whole.

mod common;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use audio::{EventBody, SampleRate};
use common::{meter, smf, tempo, track};
use tonemill_score::{Gap, Overlaps, Part, Select, Song, TimedEvent, ToChannels};

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

/// What holds for the events of any song: they are in order, and every note that begins ends, once.
fn check(events: &[TimedEvent]) {
    assert!(events.is_sorted_by_key(|event| event.frame));
    let mut sounding = HashMap::new();
    for event in events {
        match event.body {
            EventBody::NoteOn { channel, key, velocity, note } => {
                assert!(velocity > 0.0 && velocity <= 1.0);
                assert_eq!(sounding.insert(note, (channel, key)), None);
            }
            EventBody::NoteOff { channel, key, note, .. } => {
                assert_eq!(sounding.remove(&note), Some((channel, key)));
            }
            _ => {}
        }
    }
    assert!(sounding.is_empty());
}

fn check_song(song: &Song) {
    let rate = SampleRate(48_000);
    let map = song.tempo_map();
    check(&song.events(Select::default(), map, rate));
    let mut frame = 0;
    for _ in 0..1_000 {
        let transport = map.transport_at(frame, rate);
        assert!(transport.tempo > 0.0 && transport.beat >= transport.bar_start);
        match map.next_change_after(frame, rate) {
            Some(next) => {
                assert!(next as i64 > frame);
                frame = next as i64;
            }
            None => break,
        }
    }
    for track in 0..song.tracks().len() {
        check(&song.events(Select { track: Some(track as u16), channel: None }, map, rate));
    }
    let notes: usize = song.tracks().iter().map(|track| track.notes).sum();
    let mut played = 0;
    for part in song.parts() {
        let performance = song.play(&part.part(), map, rate).unwrap();
        check(&performance.events);
        assert_eq!((performance.onsets.len(), performance.report.notes), (part.notes, part.notes));
        assert!(part.first_tick <= part.last_tick && part.last_tick <= song.end_tick());
        played += part.notes;
    }
    assert_eq!(played, notes, "every note is in exactly one part");
    let changed = Part {
        transpose: 80,
        min_note_gap: Some(Gap::Ticks(7)),
        overlaps: Overlaps::Cut,
        to_channels: ToChannels::All(3),
        mpe: true,
        ..Part::default()
    };
    let performance = song.play(&changed, map, rate).unwrap();
    check(&performance.events);
    assert_eq!(performance.report.notes + performance.report.out_of_range.len(), notes);
    for number in 0..song.patterns() {
        let pattern = song.pattern(number).unwrap();
        check(&pattern.events(Select::default(), pattern.tempo_map(), rate));
        assert_eq!(pattern.tracks()[0].notes, song.tracks()[number].notes);
    }
}

#[test]
fn no_change_of_bytes_brings_the_parser_down() {
    let notes = |channel: u8| {
        let events: Vec<(u32, [u8; 3])> = (0..60u32)
            .flat_map(|n| {
                [
                    (n * 24, [0x90 | channel, 40 + (n * 7 % 30) as u8, 90]),
                    (n * 24 + 23, [0x80 | channel, 40 + (n * 7 % 30) as u8, 0]),
                ]
            })
            .collect();
        let events: Vec<(u32, &[u8])> = events.iter().map(|(tick, event)| (*tick, &event[..])).collect();
        track(&events, 60 * 24)
    };
    let conductor = track(&[(0, &tempo(500_000)), (0, &meter(4, 2)), (96, &tempo(300_000)), (192, &meter(7, 3))], 192);
    let changing = track(
        &[
            (0, &[0xb0, 0, 1]),
            (0, &[0xc0, 7]),
            (10, &[0xe1, 0, 0x50]),
            (10, &[0xf0, 4, 1, 2, 3, 0xf7]),
            (20, &[0xc0, 9]),
            (30, &[0xff, 0x21, 1, 1]),
        ],
        30,
    );
    let whole = smf(1, 96, &[conductor, notes(0), notes(9), changing]);
    check_song(&Song::from_bytes("whole", &whole).unwrap());

    let seed =
        std::env::var("TONEMILL_TEST_SEED").map_or(20_250_601, |seed| seed.parse().expect("the seed is a number"));
    let rounds =
        std::env::var("TONEMILL_TEST_ROUNDS").map_or(5_000, |rounds| rounds.parse().expect("a number of rounds"));
    println!("TONEMILL_TEST_SEED={seed}");
    let mut random = Random(seed);
    let (mut read, mut refused) = (0, 0);
    for _ in 0..rounds {
        let mut bytes = whole.clone();
        bytes[9] = [1, 1, 0, 2][random.below(4)];
        for _ in 0..1 + random.below(3) {
            let end = if random.below(2) == 0 { bytes.len().min(90) } else { bytes.len() };
            let at = random.below(end);
            match random.below(12) {
                0 => bytes[at] = random.below(256) as u8,
                1 => bytes[at] = [0, 1, 0x2f, 0x51, 0x58, 0x7f, 0x80, 0xf0, 0xf7, 0xff][random.below(10)],
                2 => bytes[at..].iter_mut().take(4).for_each(|byte| *byte = 0xff),
                3 => drop(bytes.drain(at..(at + random.below(9)).min(bytes.len()))),
                4 => drop(bytes.splice(at..at, (0..random.below(9)).map(|_| 0x81))),
                _ => bytes[at] ^= 1 << random.below(7),
            }
            if bytes.is_empty() {
                break;
            }
        }
        match Song::from_bytes("changed", &bytes) {
            Ok(song) => {
                check_song(&song);
                read += 1;
            }
            Err(error) => {
                assert!(!error.to_string().is_empty());
                refused += 1;
            }
        }
    }
    println!("{read} changed files were read, {refused} refused");
    assert!(read > 0 && refused > 0);
}

/// Every MIDI file below a folder.
fn midi_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(midi_files(&path));
        } else if path.extension().is_some_and(|e| e == "mid") {
            found.push(path);
        }
    }
    found.sort();
    found
}

#[test]
fn real_songs_load_whole_and_any_part_of_them_is_refused() {
    let Some(folder) = std::env::var_os("TONEMILL_TEST_MUSIC") else {
        eprintln!("skipped: set TONEMILL_TEST_MUSIC to a folder of MIDI files to load them all");
        return;
    };
    let files = midi_files(Path::new(&folder));
    assert!(!files.is_empty(), "there are MIDI files below TONEMILL_TEST_MUSIC");
    for path in files {
        let song = Song::read(&path).unwrap();
        check_song(&song);
        let notes: usize = song.tracks().iter().map(|track| track.notes).sum();
        println!(
            "{}: {} tracks, {notes} notes, {:.1} s",
            path.display(),
            song.tracks().len(),
            song.end_seconds(song.tempo_map())
        );
        let bytes = std::fs::read(&path).unwrap();
        // Bytes behind the last track are no part of the music; the last quarter of a file never is all of that.
        for part in 1..8 {
            assert!(Song::from_bytes("part", &bytes[..bytes.len() * part / 8]).is_err(), "{} cut", path.display());
        }
    }
}
