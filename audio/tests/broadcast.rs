//! Broadcast Wave files say what they were told and how loud they are, as other programs read it.

use std::fs::File;
use std::process::Command;

use tonemill_audio::format::{Container, Depth, FileFormat};
use tonemill_audio::measure::{Levels, Meter};
use tonemill_audio::read;
use tonemill_audio::write::{Broadcast, WriteError, Writer};
use tonemill_audio::{Buffer, SampleRate};

const WAV: FileFormat = FileFormat { container: Container::Wav, depth: Depth::Int24 };

fn broadcast() -> Broadcast {
    Broadcast {
        description: "Night train, mix".to_owned(),
        originator: "tonemill".to_owned(),
        originator_reference: "XXTNM0425".to_owned(),
        date: "2025-06-01".to_owned(),
        time: "12:34:56".to_owned(),
        time_reference: (5 << 32) + 17,
        coding_history: "A=PCM,F=48000,W=24,M=stereo,T=tonemill\nA=second".to_owned(),
    }
}

/// Writes four seconds of two tones, and gives the file's path and its levels.
fn write(folder: &std::path::Path, broadcast: Broadcast) -> (std::path::PathBuf, Levels) {
    let path = folder.join("file.wav");
    let tone = |f: f32| (0..192_000).map(|n| 0.3 * (n as f32 * f).sin()).collect();
    let buffer = Buffer::from_channels(vec![tone(0.05), tone(0.13)]);
    let mut meter = Meter::new(2, SampleRate(48_000));
    meter.add(&buffer);
    let levels = meter.finish();
    let file = File::create(&path).unwrap();
    let mut writer = Writer::create_broadcast(file, WAV, SampleRate(48_000), 2, 0, Some(broadcast)).unwrap();
    writer.write(&buffer).unwrap();
    writer.set_levels(levels);
    writer.finish().unwrap();
    (path, levels)
}

/// The body of a RIFF chunk.
fn chunk<'a>(bytes: &'a [u8], name: &[u8]) -> &'a [u8] {
    let mut at = 12;
    loop {
        let size = u32::from_le_bytes(bytes[at + 4..at + 8].try_into().unwrap()) as usize;
        if &bytes[at..at + 4] == name {
            return &bytes[at + 8..at + 8 + size];
        }
        at += 8 + size + size % 2;
    }
}

#[test]
fn every_field_stands_where_the_standard_puts_it() {
    let folder = tempfile::tempdir().unwrap();
    let (path, levels) = write(folder.path(), broadcast());
    let bytes = std::fs::read(&path).unwrap();
    let bext = chunk(&bytes, b"bext");
    let text = |from: usize, width: usize| String::from_utf8(bext[from..from + width].to_vec()).unwrap();
    let trimmed = |from: usize, width: usize| text(from, width).trim_end_matches('\0').to_owned();
    // EBU Tech 3285, 2.3: the structure of the chunk.
    assert_eq!(trimmed(0, 256), "Night train, mix");
    assert_eq!(trimmed(256, 32), "tonemill");
    assert_eq!(trimmed(288, 32), "XXTNM0425");
    assert_eq!((text(320, 10), text(330, 8)), ("2025-06-01".to_owned(), "12:34:56".to_owned()));
    let u32_at = |at: usize| u32::from_le_bytes(bext[at..at + 4].try_into().unwrap());
    assert_eq!((u32_at(338), u32_at(342)), (17, 5));
    assert_eq!(bext[346..348], [2, 0]);
    assert!(bext[348..412].iter().all(|&b| b == 0), "no UMID");
    let level = |at: usize| f64::from(i16::from_le_bytes(bext[at..at + 2].try_into().unwrap())) / 100.0;
    for (at, expected) in [
        (412, levels.loudness_lufs),
        (414, levels.range_lu),
        (416, levels.true_peak_dbtp),
        (418, levels.momentary_lufs),
        (420, levels.short_term_lufs),
    ] {
        assert!((level(at) - expected.unwrap()).abs() <= 0.005, "at {at}: {} and {expected:?}", level(at));
    }
    assert!(bext[422..602].iter().all(|&b| b == 0), "reserved");
    assert_eq!(&bext[602..], b"A=PCM,F=48000,W=24,M=stereo,T=tonemill\r\nA=second\r\n");
    assert_eq!(read::read(&path).unwrap().buffer.frames(), 192_000);
}

#[test]
fn loudness_that_was_not_measured_is_unknown_and_the_sound_stays_the_same() {
    let folder = tempfile::tempdir().unwrap();
    for history in ["", "odd", "even"] {
        let path = folder.path().join("file.wav");
        let broadcast = Broadcast { coding_history: history.to_owned(), ..Broadcast::default() };
        let file = File::create(&path).unwrap();
        let mut writer = Writer::create_broadcast(file, WAV, SampleRate(48_000), 1, 0, Some(broadcast)).unwrap();
        writer.write(&Buffer::from_channels(vec![vec![0.5; 101]])).unwrap();
        writer.finish().unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let riff = u32::from_le_bytes(bytes[4..8].try_into().unwrap()) as usize;
        assert_eq!(riff + 8, bytes.len());
        assert_eq!(chunk(&bytes, b"bext")[412..422], [0xff, 0x7f].repeat(5));
        assert_eq!(read::read(&path).unwrap().buffer.channel(0), [0.5; 101]);
    }
}

#[test]
fn ffprobe_reads_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let (path, _) = write(folder.path(), broadcast());
    let probe = Command::new("ffprobe").args(["-v", "error", "-show_entries", "format_tags"]).arg(&path).output();
    let Ok(output) = probe else {
        eprintln!("skipped: the program `ffprobe` is not installed, so only the test's own parser checked the files");
        return;
    };
    // The program calls the description a comment.
    let tags = String::from_utf8(output.stdout).unwrap();
    for expected in [
        "TAG:comment=Night train, mix",
        "TAG:encoded_by=tonemill",
        "TAG:originator_reference=XXTNM0425",
        "TAG:date=2025-06-01",
        "TAG:creation_time=12:34:56",
        "TAG:time_reference=21474836497",
        "TAG:coding_history=A=PCM,F=48000,W=24,M=stereo,T=tonemill",
    ] {
        assert!(tags.contains(expected), "{expected} is missing from\n{tags}");
    }
}

#[test]
fn texts_that_do_not_fit_are_refused_by_name() {
    let refused = |change: fn(&mut Broadcast)| {
        let mut broadcast = broadcast();
        change(&mut broadcast);
        let file = tempfile::tempfile().unwrap();
        let result = Writer::create_broadcast(file, WAV, SampleRate(48_000), 1, 0, Some(broadcast));
        result.expect_err("it is refused").to_string()
    };
    let the = "of the Broadcast Wave file";
    assert_eq!(
        refused(|b| b.description = "x".repeat(257)),
        format!("the description {the} has 257 characters, 256 fit")
    );
    assert_eq!(
        refused(|b| b.originator = "Zo\u{eb}".to_owned()),
        format!("the originator {the} holds 'ë', only printable ASCII fits")
    );
    assert_eq!(
        refused(|b| b.date = "1.6.2025".to_owned()),
        format!("the date {the} is \"1.6.2025\", not of the form yyyy-mm-dd")
    );
    assert!(refused(|b| b.time = "12:34".to_owned()).contains("hh:mm:ss"));
    assert!(refused(|b| b.coding_history = "a\tb".to_owned()).contains("coding history"));
    let flac = FileFormat { container: Container::Flac, depth: Depth::Int24 };
    let file = tempfile::tempfile().unwrap();
    let result = Writer::create_broadcast(file, flac, SampleRate(48_000), 1, 0, Some(broadcast()));
    assert!(matches!(result, Err(WriteError::BroadcastInFlac)));
}
