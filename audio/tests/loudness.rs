//! The meter, the limiter and the finished files agree with ffmpeg's meter.

use std::convert::Infallible;
use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};

use tonemill_audio::finish::{Ceiling, CeilingBy, Finish, Target};
use tonemill_audio::format::{Container, Depth, FileFormat};
use tonemill_audio::measure::{Levels, Meter};
use tonemill_audio::read;
use tonemill_audio::spool::Spool;
use tonemill_audio::write::Writer;
use tonemill_audio::{Buffer, SampleRate};

/// What ffmpeg measures.
#[derive(Debug)]
struct Theirs {
    loudness: f64,
    range: f64,
    true_peak: f64,
    momentary: f64,
    short_term: f64,
}

fn has_ffmpeg() -> bool {
    let found = Command::new("ffmpeg").arg("-version").stdout(Stdio::null()).status().is_ok_and(|s| s.success());
    if !found {
        eprintln!("skipped: the program `ffmpeg` is not installed, so the levels were not compared with its own");
    }
    found
}

fn theirs(path: &Path) -> Theirs {
    let output = Command::new("ffmpeg")
        .args(["-hide_banner", "-nostats", "-i"])
        .arg(path)
        .args(["-filter_complex", "ebur128=peak=true:dualmono=false:framelog=info", "-f", "null", "-"])
        .output()
        .unwrap();
    let log = String::from_utf8(output.stderr).unwrap();
    let number = |text: &str| text.trim().split(' ').next().and_then(|n| n.parse::<f64>().ok());
    // A filter that it makes only to learn its format may print a summary first.
    let (frames, summary) = log.rsplit_once("Summary:").unwrap_or_else(|| panic!("no summary in\n{log}"));
    let of = |name: &str| {
        summary.lines().find_map(|line| number(line.trim().strip_prefix(name)?)).unwrap_or_else(|| panic!("{summary}"))
    };
    // A line for each 100 ms: `M: -20.1 S: -22.0`, with no space where the number is wide.
    let highest = |name: &str| {
        let values = frames.lines().filter_map(|line| number(line.split_once(name)?.1));
        values.fold(f64::NEG_INFINITY, f64::max)
    };
    Theirs {
        loudness: of("I:"),
        range: of("LRA:"),
        true_peak: of("Peak:"),
        momentary: highest(" M:"),
        short_term: highest(" S:"),
    }
}

fn ours(path: &Path) -> Levels {
    let recording = read::read(path).unwrap();
    let mut meter = Meter::new(recording.buffer.channel_count(), recording.sample_rate);
    meter.add(&recording.buffer);
    meter.finish()
}

fn write(path: &Path, rate: u32, buffer: &Buffer) {
    let format = FileFormat { container: Container::Wav, depth: Depth::Float32 };
    let channels = buffer.channel_count() as u16;
    let mut writer = Writer::create(File::create(path).unwrap(), format, SampleRate(rate), channels, 0).unwrap();
    writer.write(buffer).unwrap();
    writer.finish().unwrap();
}

/// Music of a kind, different with each number: chords that swell and fall, hits, hiss.
fn song(number: u32, rate: u32, seconds: usize) -> Buffer {
    let mut noise = number + 1;
    let mut channel = |offset: f64| {
        let sample = |n: usize| {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let hiss = f64::from(noise) / f64::from(u32::MAX) - 0.5;
            let t = n as f64 / f64::from(rate);
            let beat = t % (0.3 + 0.07 * f64::from(number));
            let swell = 0.55 + 0.45 * (t * (0.3 + 0.1 * f64::from(number))).sin();
            let root = 65.0 * f64::from(number + 1) + offset;
            let chord: f64 = (1..6).map(|k| (std::f64::consts::TAU * root * f64::from(k) * 1.01 * t).sin()).sum();
            (swell * (0.08 * chord * (-beat * 2.0).exp() + 0.9 * hiss * (-beat * 40.0).exp()) + 0.004 * hiss) as f32
        };
        (0..seconds * rate as usize).map(sample).collect()
    };
    Buffer::from_channels(vec![channel(0.0), channel(0.9)])
}

#[test]
fn ffmpeg_measures_the_same() {
    if !has_ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("song.wav");
    for (number, rate) in [(0, 44_100), (1, 48_000), (2, 48_000), (3, 44_100), (4, 96_000)] {
        write(&path, rate, &song(number, rate, 60));
        let (ours, theirs) = (ours(&path), theirs(&path));
        for (name, ours, theirs, tolerance) in [
            ("integrated", ours.loudness_lufs, theirs.loudness, 0.1),
            // The percentiles of a short song fall between blocks, and the two round differently.
            ("range", ours.range_lu, theirs.range, 0.2),
            ("true peak", ours.true_peak_dbtp, theirs.true_peak, 0.1),
            ("momentary", ours.momentary_lufs, theirs.momentary, 0.1),
            ("short-term", ours.short_term_lufs, theirs.short_term, 0.1),
        ] {
            // It prints tenths, which are up to 0.05 off themselves.
            let apart = (ours.unwrap() - theirs).abs();
            assert!(apart < tolerance, "song {number} at {rate} Hz, {name}: {ours:?} and {theirs}");
        }
    }
}

#[test]
fn ffmpeg_finds_finished_songs_as_loud_as_asked_and_under_the_ceiling() {
    if !has_ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("song.wav");
    for number in 0..5 {
        for by in [CeilingBy::Scale, CeilingBy::Limit] {
            let wanted = if by == CeilingBy::Scale { -23.0 } else { -14.0 };
            let buffer = song(number, 48_000, 15);
            let mut spool = Spool::new(folder.path(), 2, SampleRate(48_000));
            spool.add(&buffer).unwrap();
            let ceiling = Some(Ceiling { dbtp: -1.0, by });
            let finish = Finish { target: Some(Target::Loudness(wanted)), ceiling, ..Finish::default() };
            let mut out = Buffer::new(2, 0);
            let finished = finish.finish(&mut spool, |block| {
                out.append(block);
                Ok::<(), Infallible>(())
            });
            let finished = finished.unwrap();
            write(&path, 48_000, &out);
            let theirs = theirs(&path);
            assert_eq!(finished.warnings, [""; 0]);
            assert!((theirs.loudness - wanted).abs() < 0.1, "song {number} by {by:?}: {theirs:?}, {finished:?}");
            assert!(theirs.true_peak < -0.89, "song {number} by {by:?}: {theirs:?}, {finished:?}");
        }
    }
}
