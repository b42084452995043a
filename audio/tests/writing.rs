//! Written files hold exactly what was given, and other programs agree.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};

use tonemill_audio::format::{Container, Depth, FileFormat};
use tonemill_audio::read::{self, ReadProblem};
use tonemill_audio::write::{WriteError, Writer, Written};
use tonemill_audio::{Buffer, SampleRate};

const FORMATS: [FileFormat; 5] = [
    FileFormat { container: Container::Wav, depth: Depth::Int16 },
    FileFormat { container: Container::Wav, depth: Depth::Int24 },
    FileFormat { container: Container::Wav, depth: Depth::Float32 },
    FLAC_16,
    FLAC_24,
];
const FLAC_16: FileFormat = FileFormat { container: Container::Flac, depth: Depth::Int16 };
const FLAC_24: FileFormat = FileFormat { container: Container::Flac, depth: Depth::Int24 };

/// Something like music, every sample a multiple of a 16-bit step: a decaying chord with a little noise.
fn chord(channels: usize, frames: usize) -> Buffer {
    let mut noise = 1u32;
    let mut channel = |offset: f64| {
        let sample = |frame: usize| {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let t = frame as f64 / 44_100.0;
            let partials = [110.0, 164.8, 220.0, 331.1, 554.4, 1_310.0];
            let sum: f64 = partials.iter().map(|f| ((f + offset) * t * std::f64::consts::TAU).sin()).sum();
            let value = 0.12 * sum * (-(t % 1.5) * 2.0).exp() + f64::from(noise >> 16) / 65_536.0 * 0.002;
            ((value * 32_768.0).round() / 32_768.0) as f32
        };
        (0..frames).map(sample).collect()
    };
    Buffer::from_channels((0..channels).map(|c| channel(c as f64 * 0.7)).collect())
}

fn part(buffer: &Buffer, from: usize, to: usize) -> Buffer {
    Buffer::from_channels(buffer.channels().map(|c| c[from..to].to_vec()).collect())
}

fn write(path: &Path, format: FileFormat, rate: u32, buffer: &Buffer, block: usize) -> Written {
    let file = File::create(path).unwrap();
    let mut writer = Writer::create(file, format, SampleRate(rate), buffer.channel_count() as u16, 425).unwrap();
    for start in (0..buffer.frames()).step_by(block) {
        writer.write(&part(buffer, start, (start + block).min(buffer.frames()))).unwrap();
    }
    writer.finish().unwrap()
}

/// Whether libFLAC's own program is there to compare with.
fn has_flac() -> bool {
    let found = Command::new("flac").arg("--version").stdout(Stdio::null()).status().is_ok_and(|s| s.success());
    if !found {
        eprintln!("skipped: the program `flac` is not installed, so only the crate's own reader checked the files");
    }
    found
}

#[test]
fn what_is_written_is_read_back_bit_by_bit_in_every_format() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    for format in FORMATS {
        for channels in [1, 2, 3, 8] {
            for (frames, rate) in [
                (1, 44_100),
                (2, 48_000),
                (15, 96_000),
                (4_095, 44_100),
                (4_096, 48_000),
                (4_097, 44_101),
                (9_000, 96_000),
            ] {
                let buffer = chord(channels, frames);
                let written = write(&path, format, rate, &buffer, 512);
                assert_eq!(written, Written { frames: frames as u64, clipped_samples: 0 });
                let recording = read::read(&path).unwrap();
                let what = format!("{format:?} of {channels} channels, {frames} frames at {rate} Hz");
                assert!(recording.buffer == buffer, "{what}");
                assert_eq!(recording.sample_rate, SampleRate(rate), "{what}");
                let shape = read::probe(&path).unwrap();
                assert_eq!((shape.frames, shape.channels), (frames as u64, channels as u16), "{what}");
            }
        }
    }
}

#[test]
fn flac_programs_find_the_files_sound_and_decode_the_same() {
    if !has_flac() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (path, decoded) = (folder.path().join("file.flac"), folder.path().join("file.wav"));
    for format in [FLAC_16, FLAC_24] {
        for channels in [1, 2] {
            for (frames, rate) in
                [(0, 48_000), (1, 44_100), (17, 44_100), (4_096, 96_000), (50_000, 48_000), (5_000, 123_457)]
            {
                let what = format!("{format:?} of {channels} channels, {frames} frames at {rate} Hz");
                // Between two 16-bit steps, so that 24-bit files use all their bits.
                let mut buffer = chord(channels, frames);
                buffer.channels_mut().flatten().for_each(|s| *s *= 0.7);
                write(&path, format, rate, &buffer, 480);
                // The header states 0 frames where there are none, which the program calls unknown and warns of.
                let flags: &[&str] = if frames == 0 { &["-t"] } else { &["-t", "-w"] };
                let output = Command::new("flac").args(flags).arg(&path).output().unwrap();
                assert!(output.status.success(), "{what}: {}", String::from_utf8_lossy(&output.stderr));
                let output = Command::new("flac").args(["-d", "-f", "-o"]).arg(&decoded).arg(&path).output().unwrap();
                assert!(output.status.success(), "{what}: {}", String::from_utf8_lossy(&output.stderr));
                if frames > 0 {
                    let (ours, theirs) = (read::read(&path).unwrap(), read::read(&decoded).unwrap());
                    assert!(ours.buffer == theirs.buffer, "{what}");
                    assert_eq!(theirs.buffer.frames(), frames, "{what}");
                }
            }
        }
    }
}

#[test]
fn flac_of_unknown_length_or_with_foreign_tags_is_read_and_probed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file.flac");
    let buffer = chord(2, 10_000);
    write(&path, FLAC_16, 44_100, &buffer, 512);
    let plain = std::fs::read(&path).unwrap();
    let mut unknown = plain.clone();
    // The number of frames in STREAMINFO, and its checksum.
    unknown[21] &= 0xf0;
    unknown[22..42].fill(0);
    let tagged_in_front = [b"ID3\x03\0\0\0\0\0\x0a", &[0; 10][..], &plain].concat();
    let tagged_behind = [&plain[..], b"TAG", &[0x20; 125]].concat();
    for (name, file) in [("unknown", unknown), ("ID3v2", tagged_in_front), ("ID3v1", tagged_behind)] {
        assert!(read::read_bytes(name, file.clone()).unwrap().buffer == buffer, "{name}");
        assert_eq!(read::probe_bytes(name, file).unwrap().frames, 10_000, "{name}");
    }
}

#[test]
fn sounds_at_the_limits_of_a_format_survive_flac() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file.flac");
    let frames = 10_000;
    let mut noise = 1u32;
    let mut random = || {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        noise
    };
    let whole: Vec<f32> = (0..frames).map(|_| (random() as i32 >> 16) as f32 / 32_768.0).collect();
    let extremes: Vec<f32> =
        (0..frames).map(|_| if random() >> 31 == 0 { -1.0 } else { 32_767.0 / 32_768.0 }).collect();
    let square = (0..frames).map(|n| if n / 50 % 2 == 0 { -1.0 } else { 32_767.0 / 32_768.0 }).collect::<Vec<f32>>();
    let opposite = square.iter().map(|s| -1.0 / 32_768.0 - s).collect::<Vec<f32>>();
    let mut click = vec![0.0; frames];
    click[5_000] = -1.0;
    let steps = (0..frames).map(|n| if n < 4_096 { 0.25 } else { -0.5 }).collect::<Vec<f32>>();
    for (name, channels) in [
        ("noise of full scale", vec![whole.clone(), whole.iter().map(|s| -s / 2.0).collect()]),
        ("both extremes at random", vec![extremes.clone(), square.clone()]),
        ("opposite extremes", vec![square, opposite]),
        ("one click in silence", vec![click.clone(), click]),
        ("constant blocks", vec![steps.clone(), steps.iter().map(|s| -s).collect()]),
        ("silence beside noise", vec![vec![0.0; frames], whole]),
    ] {
        let buffer = Buffer::from_channels(channels);
        for format in [FLAC_16, FLAC_24] {
            // Halving would need a 17th bit in some of them.
            let fits = format == FLAC_24 || buffer.channels().flatten().all(|s| (s * 32_768.0).fract() == 0.0);
            if !fits {
                continue;
            }
            write(&path, format, 48_000, &buffer, 777);
            assert!(read::read(&path).unwrap().buffer == buffer, "{name} as {format:?}");
            // Noise cannot be compressed, but hardly grows either.
            let bits = if format == FLAC_16 { 16 } else { 24 };
            assert!(path.metadata().unwrap().len() < frames as u64 * 2 * bits / 8 + 200, "{name} as {format:?}");
            if has_flac() {
                let output = Command::new("flac").args(["-t", "-w"]).arg(&path).output().unwrap();
                assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
            }
        }
    }
}

#[test]
fn any_sound_survives_flac() {
    let seed =
        std::env::var("TONEMILL_TEST_SEED").map_or(20_250_601, |seed| seed.parse().expect("the seed is a number"));
    let rounds = std::env::var("TONEMILL_TEST_ROUNDS").map_or(60, |rounds| rounds.parse().expect("a number of rounds"));
    println!("TONEMILL_TEST_SEED={seed}");
    let mut state: u64 = seed;
    let mut below = |end: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % end
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file.flac");
    for round in 0..rounds {
        let format = [FLAC_16, FLAC_24][below(2) as usize];
        let full = if format == FLAC_16 { 32_768 } else { 8_388_608 };
        let (channels, frames) = (1 + below(3) as usize, 1 + below(9_000) as usize);
        // Each channel is a string of pieces of very different kinds.
        let mut channel = || {
            let mut samples: Vec<f32> = Vec::new();
            while samples.len() < frames {
                let (kind, length, size) = (below(6), 1 + below(3_000), 1 + (full >> below(24)).min(full - 1));
                let frequency = below(3_000) as f64 / 1_000.0;
                let dc = below(size as u64) as i64;
                samples.extend((0..length).map(|n| {
                    let value = match kind {
                        0 => 0,
                        1 => dc,
                        2 => below(2 * size as u64) as i64 - size,
                        3 => ((n as f64 * frequency).sin() * size as f64) as i64,
                        4 => ((n as i64 * dc) % (2 * size)) - size,
                        _ => [-full, full - 1][below(2) as usize],
                    };
                    value.clamp(-full, full - 1) as f32 / full as f32
                }));
            }
            samples.truncate(frames);
            samples
        };
        let buffer = Buffer::from_channels((0..channels).map(|_| channel()).collect());
        write(&path, format, 44_100, &buffer, 1 + below(5_000) as usize);
        let what = format!("round {round} of seed {seed}, {format:?}, {channels} channels, {frames} frames");
        let back = read::read(&path).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert!(back.buffer == buffer, "{what}");
    }
}

#[test]
fn flac_files_are_within_five_percent_of_libflacs_size() {
    if !has_flac() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (ours, wav, theirs) = (folder.path().join("a.flac"), folder.path().join("b.wav"), folder.path().join("b.flac"));
    // Clean tones are where an encoder with coarse predictors falls behind most.
    let tones = |frequency: f64| {
        let decay = |n: usize| (-(n as f64 % 30_000.0) / 9_000.0).exp();
        let tone = |n: usize| (frequency * n as f64).sin() + 0.5 * (2.003 * frequency * n as f64).sin();
        (0..200_000).map(|n| (0.3 * tone(n) * decay(n)) as f32).collect()
    };
    let mut noisy = chord(2, 200_000);
    noisy.channels_mut().flatten().for_each(|s| *s *= 0.7);
    let clean = Buffer::from_channels(vec![tones(0.031), tones(0.047)]);
    for (name, stereo) in [("noisy chords", noisy), ("clean tones", clean)] {
        let mono = Buffer::from_channels(vec![stereo.channel(0).to_vec()]);
        for (format, wav_depth) in [(FLAC_16, Depth::Int16), (FLAC_24, Depth::Int24)] {
            for buffer in [&mono, &stereo] {
                write(&ours, format, 44_100, buffer, 512);
                write(&wav, FileFormat { container: Container::Wav, depth: wav_depth }, 44_100, buffer, 512);
                for level in ["-5", "-8"] {
                    let output = Command::new("flac")
                        .args([level, "-f", "-s", "--no-padding", "--no-seektable", "-o"])
                        .arg(&theirs)
                        .arg(&wav)
                        .output()
                        .unwrap();
                    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
                    let (a, b) = (ours.metadata().unwrap().len() as f64, theirs.metadata().unwrap().len() as f64);
                    let what = format!("{name}, {:?}, {} channels", format.depth, buffer.channel_count());
                    println!("{what}: {:+.2} % of flac {level}", (a / b - 1.0) * 100.0);
                    assert!(a < b * 1.05, "{what}: {a} bytes, flac {level}: {b}");
                }
            }
        }
    }
}

#[test]
fn blocks_of_any_size_give_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let mut buffer = chord(2, 5_000);
    buffer.channels_mut().flatten().for_each(|s| *s *= 0.9);
    for format in FORMATS {
        let mut files = [1, 64, 511, 4_096, 5_000].map(|block| {
            let path = folder.path().join(format!("{block}"));
            write(&path, format, 48_000, &buffer, block);
            std::fs::read(path).unwrap()
        });
        assert!(files.iter().all(|file| *file == files[0]), "{format:?}");
        files[0].clear();
    }
}

#[test]
fn the_seed_decides_the_dither_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file.wav");
    let buffer = Buffer::from_channels(vec![vec![0.123_456_7; 1_000]]);
    let bytes = |format: FileFormat, seed: u64| {
        let mut writer = Writer::create(File::create(&path).unwrap(), format, SampleRate(48_000), 1, seed).unwrap();
        writer.write(&buffer).unwrap();
        writer.finish().unwrap();
        std::fs::read(&path).unwrap()
    };
    assert_eq!(bytes(FORMATS[0], 1), bytes(FORMATS[0], 1));
    assert_ne!(bytes(FORMATS[0], 1), bytes(FORMATS[0], 2));
    assert_eq!(bytes(FORMATS[2], 1), bytes(FORMATS[2], 2));
}

#[test]
fn a_file_of_no_frames_is_valid_and_a_reader_says_that_it_is_empty() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    for format in FORMATS {
        assert_eq!(write(&path, format, 48_000, &Buffer::new(2, 0), 1).frames, 0);
        let problem = read::read(&path).unwrap_err().problem;
        assert!(matches!(problem, ReadProblem::NoFrames), "{format:?}: {problem}");
    }
}

#[test]
fn clipped_samples_are_counted_in_integer_files_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    let buffer = Buffer::from_channels(vec![vec![0.5, 1.25, -1.25, 1.0], vec![2.0, 0.0, 0.0, -1.0]]);
    for format in FORMATS {
        let expected = if format.depth == Depth::Float32 { 0 } else { 3 };
        assert_eq!(write(&path, format, 48_000, &buffer, 3).clipped_samples, expected, "{format:?}");
        let back = read::read(&path).unwrap().buffer;
        let peak = if format.depth == Depth::Float32 { 2.0 } else { 1.0 };
        assert_eq!(back.peak(), peak, "{format:?}");
    }
}

#[test]
fn what_cannot_be_written_is_refused() {
    let file = || tempfile::tempfile().unwrap();
    let rate = SampleRate(48_000);
    let float_flac = FileFormat { container: Container::Flac, depth: Depth::Float32 };
    assert!(matches!(Writer::create(file(), float_flac, rate, 1, 0), Err(WriteError::FloatInFlac)));
    assert!(matches!(Writer::create(file(), FLAC_16, rate, 0, 0), Err(WriteError::Channels { channels: 0 })));
    assert!(matches!(Writer::create(file(), FLAC_16, rate, 9, 0), Err(WriteError::Channels { channels: 9 })));
    let high = SampleRate(1 << 20);
    assert!(matches!(Writer::create(file(), FLAC_16, high, 1, 0), Err(WriteError::Rate { highest: 1_048_575, .. })));
    assert!(matches!(Writer::create(file(), FORMATS[0], SampleRate(0), 1, 0), Err(WriteError::Rate { .. })));

    let mut writer = Writer::create(file(), FLAC_24, rate, 2, 0).unwrap();
    writer.write(&Buffer::new(2, 100)).unwrap();
    assert!(matches!(writer.write(&Buffer::new(1, 1)), Err(WriteError::ChannelMismatch { block: 1, file: 2 })));
    let mut bad = Buffer::new(2, 3);
    bad.channel_mut(1)[2] = f32::INFINITY;
    assert!(matches!(writer.write(&bad), Err(WriteError::NonFinite { channel: 1, frame: 102 })));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_reported_at_the_latest_when_finishing() {
    for format in FORMATS {
        // /dev/full takes no byte.
        let file = File::options().write(true).open("/dev/full").unwrap();
        let result = Writer::create(file, format, SampleRate(48_000), 1, 0).and_then(|mut writer| {
            writer.write(&chord(1, 100))?;
            writer.finish()
        });
        let Err(WriteError::Io(error)) = result else { panic!("{format:?}: {result:?}") };
        assert_eq!(error.kind(), std::io::ErrorKind::StorageFull, "{format:?}");
    }
}
