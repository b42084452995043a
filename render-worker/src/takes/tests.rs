use std::fs::File;
use std::path::{Path, PathBuf};

use audio::format::{Container, Depth, FileFormat};
use audio::measure::Meter;
use audio::write::Writer;
use jobs::task::{ChannelPick, NoiseKind, NoiseLevel, Segment, TakeLevel, TakeNoise, Target};

use super::*;

const RATE: SampleRate = SampleRate(48_000);

/// Three seconds of a tone that swells, another one on each channel.
fn recording(folder: &Path, container: Container, rate: SampleRate, channels: usize) -> PathBuf {
    let path = folder.join("take");
    let format = FileFormat { container, depth: Depth::Int24 };
    let mut writer = Writer::create(File::create(&path).unwrap(), format, rate, channels as u16, 0).unwrap();
    let sample = |channel: usize, n: usize| {
        let t = n as f64 / rate.hz();
        ((0.05 + 0.1 * t) * (t * 2_000.0 * (1.0 + channel as f64 / 3.0)).sin()) as f32
    };
    let frames = 3 * rate.0 as usize + 17;
    let channel = |channel: usize| (0..frames).map(|n| sample(channel, n)).collect();
    writer.write(&Buffer::from_channels((0..channels).map(channel).collect())).unwrap();
    writer.finish().unwrap();
    path
}

fn read(ready: &Ready) -> Buffer {
    let mut stream = ready.stream().unwrap();
    assert_eq!((stream.frames(), stream.channels()), (ready.frames, ready.channels));
    let (mut whole, mut piece) = (Buffer::new(ready.channels, 0), Buffer::new(ready.channels, 0));
    while whole.frames() < ready.frames as usize {
        piece.resize(1_009.min(ready.frames as usize - whole.frames()));
        stream.read(&mut piece).unwrap();
        whole.append(&piece);
    }
    whole
}

fn levels(buffer: &Buffer) -> Levels {
    let mut meter = Meter::new(buffer.channel_count(), RATE);
    meter.add(buffer);
    meter.finish()
}

fn played(take: &Take) -> Buffer {
    read(&Takes::new().ready(take, RATE).unwrap())
}

#[test]
fn a_part_is_the_same_frames_of_the_whole() {
    let folder = tempfile::tempdir().unwrap();
    for container in [Container::Wav, Container::Flac] {
        let whole = Take::whole(recording(folder.path(), container, RATE, 2));
        let all = played(&whole);
        let part = Take { segment: Some(Segment { start: 50_001, frames: 20_000 }), ..whole.clone() };
        let cut = played(&part);
        for (cut, all) in cut.channels().zip(all.channels()) {
            assert_eq!(cut, &all[50_001..70_001], "{container:?}");
        }
        let ready = Takes::new().ready(&part, RATE).unwrap();
        let change = ready.record.change.unwrap();
        assert_eq!(
            (change.source_start, change.frames, change.rate_in, change.rate_out),
            (50_001, Some(20_000), RATE, RATE)
        );
        assert_eq!(Takes::new().ready(&whole, RATE).unwrap().record.change, None);
    }
}

#[test]
fn a_part_behind_the_end_is_silent_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let whole = Take::whole(recording(folder.path(), Container::Wav, RATE, 1));
    let part = Take { segment: Some(Segment { start: 144_000, frames: 100 }), ..whole.clone() };
    let ready = Takes::new().ready(&part, RATE).unwrap();
    let (cut, all) = (read(&ready), played(&whole));
    assert_eq!(cut.channel(0)[..17], all.channel(0)[144_000..]);
    assert!(cut.channel(0)[17..].iter().all(|sample| *sample == 0.0));
    assert!(ready.warnings[0].contains("83 frames of its part lie behind its end"), "{:?}", ready.warnings);
}

#[test]
fn a_resampled_part_is_aligned_with_the_resampled_whole_and_equal_inside() {
    let folder = tempfile::tempdir().unwrap();
    let whole = Take::whole(recording(folder.path(), Container::Wav, SampleRate(44_100), 1));
    let all = played(&whole);
    // 147 frames at 44,100 Hz are 160 at 48,000: the part begins on a frame of both.
    let part = Take { segment: Some(Segment { start: 147 * 200, frames: 147 * 300 }), ..whole };
    let ready = Takes::new().ready(&part, RATE).unwrap();
    let cut = read(&ready);
    assert_eq!(cut.frames(), 160 * 300);
    let differs = |n: &usize| (cut.channel(0)[*n] - all.channel(0)[160 * 200 + n]).abs();
    // The tone begins and ends suddenly, which rings on in the filter.
    let inside = (4_000..cut.frames() - 4_000).map(|n| differs(&n)).fold(0.0, f32::max);
    assert!(inside < 2e-5, "inside they differ by {inside}");
    assert_eq!(ready.frames_at(SampleRate(44_100)), 147 * 300);
    assert!(ready.warnings[0].contains("resampled from 44100 Hz to 48000 Hz"), "{:?}", ready.warnings);
}

#[test]
fn channels_are_picked_of_a_part() {
    let folder = tempfile::tempdir().unwrap();
    let whole = Take::whole(recording(folder.path(), Container::Wav, RATE, 2));
    let all = played(&whole);
    let segment = Some(Segment { start: 1_000, frames: 500 });
    let right = played(&Take { segment, channels: ChannelPick::Right, ..whole.clone() });
    assert_eq!(right.channel_count(), 1);
    assert_eq!(right.channel(0), &all.channel(1)[1_000..1_500]);
    let mono = played(&Take { segment, channels: ChannelPick::Mono, ..whole });
    let mean = |n: usize| (f64::from(all.channel(0)[n]) + f64::from(all.channel(1)[n])) / 2.0;
    assert!((0..500).all(|n| mono.channel(0)[n] == mean(1_000 + n) as f32));
}

#[test]
fn a_take_is_brought_to_its_level_over_the_part_that_is_played() {
    let folder = tempfile::tempdir().unwrap();
    let whole = Take::whole(recording(folder.path(), Container::Wav, SampleRate(44_100), 1));
    for (target, level) in [
        (Target::Loudness(-20.0), (|l| l.loudness_lufs) as fn(&Levels) -> Option<f64>),
        (Target::Rms(-25.0), |l| l.rms_dbfs),
        (Target::Peak(-3.0), |l| l.peak_dbfs),
        (Target::TruePeak(-1.0), |l| l.true_peak_dbtp),
    ] {
        let segment = Some(Segment { start: 11_000, frames: 44_100 });
        let take = Take { segment, level: Some(TakeLevel::Target(target)), ..whole.clone() };
        let ready = Takes::new().ready(&take, RATE).unwrap();
        let reached = level(&levels(&read(&ready))).unwrap();
        assert!(target.words().contains(&format!("{}", reached.round())), "{target:?} became {reached}");
        assert!((reached - reached.round()).abs() < 1e-3, "{target:?} became {reached}");
        assert_eq!(level(&ready.levels), Some(reached));
        assert_ne!(ready.record.gain_db, 0.0);
    }
}

#[test]
fn a_gain_is_given_as_it_is_and_no_gain_changes_no_bit() {
    let folder = tempfile::tempdir().unwrap();
    let whole = Take::whole(recording(folder.path(), Container::Wav, RATE, 1));
    let (all, quiet) = (played(&whole), Take { level: Some(TakeLevel::Gain(-6.0)), ..whole.clone() });
    let ready = Takes::new().ready(&quiet, RATE).unwrap();
    let gain = 10f64.powf(-6.0 / 20.0);
    let expected: Vec<f32> = all.channel(0).iter().map(|sample| (f64::from(*sample) * gain) as f32).collect();
    assert_eq!(read(&ready).channel(0), expected);
    assert_eq!(ready.record.gain_db, -6.0);
    assert_eq!(played(&Take { level: Some(TakeLevel::Gain(0.0)), ..whole }), all);
}

#[test]
fn a_silent_take_gets_no_gain_and_no_noise_by_ratio_but_a_warning_of_each() {
    let folder = tempfile::tempdir().unwrap();
    let whole = recording(folder.path(), Container::Wav, RATE, 1);
    // Behind the end there is nothing.
    let take = Take {
        segment: Some(Segment { start: 1 << 20, frames: 48_000 }),
        level: Some(TakeLevel::Target(Target::Loudness(-20.0))),
        noise: Some(TakeNoise { kind: NoiseKind::White, level: NoiseLevel::Snr(40.0), seed: 1 }),
        ..Take::whole(whole)
    };
    let ready = Takes::new().ready(&take, RATE).unwrap();
    assert_eq!((ready.record.gain_db, ready.record.noise_rms_dbfs, ready.record.peak_dbfs), (0.0, None, None));
    assert_eq!(read(&ready).peak(), 0.0);
    let told = ready.warnings.join("\n");
    for words in ["a loudness of -20 LUFS was asked for", "no noise has a ratio to it"] {
        assert!(told.contains(words), "{told}");
    }
}

#[test]
fn noise_has_its_ratio_to_the_levelled_take() {
    let folder = tempfile::tempdir().unwrap();
    let whole = recording(folder.path(), Container::Wav, RATE, 2);
    let clean = Take { level: Some(TakeLevel::Target(Target::Rms(-20.0))), ..Take::whole(whole) };
    let noise = |seed| TakeNoise { kind: NoiseKind::Pink, level: NoiseLevel::Snr(30.0), seed };
    let noisy = Take { noise: Some(noise(1)), ..clean.clone() };
    let ready = Takes::new().ready(&noisy, RATE).unwrap();
    let (with, without) = (read(&ready), played(&clean));
    let difference = with.channels().zip(without.channels());
    let noise_only: Vec<Vec<f32>> = difference.map(|(a, b)| a.iter().zip(b).map(|(a, b)| a - b).collect()).collect();
    assert_ne!(noise_only[0], noise_only[1], "channels have noise of their own");
    let rms = levels(&Buffer::from_channels(noise_only)).rms_dbfs.unwrap();
    // Three seconds of pink noise vary by as much around their RMS.
    assert!((rms + 50.0).abs() < 0.5, "{rms}");
    assert!((ready.record.noise_rms_dbfs.unwrap() + 50.0).abs() < 1e-3);
    assert_eq!(played(&noisy), with, "it is the same again");
    assert_ne!(played(&Take { noise: Some(noise(2)), ..clean }), with);
}

#[test]
fn a_take_that_is_too_long_to_be_kept_sounds_the_same() {
    let folder = tempfile::tempdir().unwrap();
    for rate in [RATE, SampleRate(44_100)] {
        let whole = Take::whole(recording(folder.path(), Container::Flac, rate, 2));
        let treated = Take {
            segment: Some(Segment { start: 5_000, frames: 100_000 }),
            channels: ChannelPick::Swap,
            level: Some(TakeLevel::Target(Target::Loudness(-20.0))),
            noise: Some(TakeNoise { kind: NoiseKind::Pink, level: NoiseLevel::Snr(40.0), seed: 7 }),
            ..whole.clone()
        };
        for take in [whole, treated] {
            let mut streaming = Takes::keeping(0);
            let (kept, streamed) = (Takes::new().ready(&take, RATE).unwrap(), streaming.ready(&take, RATE).unwrap());
            assert!(matches!(streamed.sound, Sound::Read(_)));
            assert!(read(&kept) == read(&streamed), "{take:?}");
            assert_eq!(
                (&kept.record, &kept.warnings, kept.levels),
                (&streamed.record, &streamed.warnings, streamed.levels)
            );
            streaming.ready(&take, RATE).unwrap();
            assert_eq!(streaming.decoded(), 2);
        }
    }
}

#[test]
fn a_take_is_decoded_once_until_it_or_its_file_changes() {
    let folder = tempfile::tempdir().unwrap();
    let whole = Take::whole(recording(folder.path(), Container::Wav, RATE, 1));
    let mut takes = Takes::new();
    for _ in 0..20 {
        takes.ready(&whole, RATE).unwrap();
    }
    assert_eq!(takes.decoded(), 1);
    takes.ready(&whole, SampleRate(44_100)).unwrap();
    takes.ready(&Take { level: Some(TakeLevel::Gain(1.0)), ..whole.clone() }, RATE).unwrap();
    takes.ready(&whole, RATE).unwrap();
    assert_eq!(takes.decoded(), 3);
    recording(folder.path(), Container::Flac, RATE, 1);
    takes.ready(&whole, RATE).unwrap();
    assert_eq!(takes.decoded(), 4);
}

#[test]
fn a_file_that_is_no_recording_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("words.wav");
    for content in [None, Some("words")] {
        if let Some(words) = content {
            std::fs::write(&path, words).unwrap();
        }
        let error = Takes::new().ready(&Take::whole(path.clone()), RATE).unwrap_err();
        let BuildError::Task(failure) = error else { panic!("{error:?}") };
        assert!(failure.reason.contains("words.wav") && !failure.retry, "{failure:?}");
    }
}
