//! Outputs come out trimmed, faded and as loud as asked, and say where that could not be.

use std::convert::Infallible;
use std::f64::consts::TAU;

use tonemill_audio::finish::{Ceiling, CeilingBy, Fade, FadeShape, Finish, Finished, Target, Trim};
use tonemill_audio::spool::Spool;
use tonemill_audio::{Buffer, SampleRate};

const RATE: SampleRate = SampleRate(48_000);

fn finished(buffer: &Buffer, finish: &Finish) -> (Buffer, Finished) {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = Spool::new(folder.path(), buffer.channel_count(), RATE);
    spool.add(buffer).unwrap();
    let mut out = Buffer::new(buffer.channel_count(), 0);
    let finished = finish
        .finish(&mut spool, |block| {
            out.append(block);
            Ok::<(), Infallible>(())
        })
        .unwrap();
    assert_eq!(finished.frames, out.frames() as u64);
    let cut = finished.trimmed_start_frames + finished.trimmed_end_frames;
    assert_eq!(finished.frames + cut, buffer.frames() as u64);
    (out, finished)
}

/// Plucked chords with an accent now and then, whose peaks stand some 14 dB above their loudness.
fn song(seconds: usize) -> Buffer {
    let mut noise = 7u32;
    let mut channel = |offset: f64| {
        let sample = |n: usize| {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let t = n as f64 / RATE.hz();
            let beat = t % 0.5;
            let accent = if (t / 0.5) as usize % 8 == 5 { 2.0 } else { 1.0 };
            let partials = [110.0, 164.8, 220.0, 331.1, 554.4];
            let chord: f64 = partials.iter().map(|f| (TAU * (f + offset) * t).sin()).sum();
            let hit = (f64::from(noise) / f64::from(u32::MAX) - 0.5) * (-beat * 60.0).exp();
            (accent * (0.05 * chord * (-beat * 3.0).exp() + 0.3 * hit)) as f32
        };
        (0..seconds * 48_000).map(sample).collect()
    };
    Buffer::from_channels(vec![channel(0.0), channel(0.7)])
}

#[test]
fn nothing_asked_for_changes_not_a_bit() {
    let song = song(3);
    assert!(Finish::default().is_nothing());
    let (out, finished) = finished(&song, &Finish::default());
    assert!(out == song);
    assert_eq!((finished.gain_db, finished.limiter_reduction_db, finished.warnings.len()), (0.0, None, 0));
}

#[test]
fn every_target_is_met() {
    let song = song(8);
    for target in [Target::Loudness(-20.0), Target::Peak(-3.0), Target::TruePeak(-2.0), Target::Rms(-30.0)] {
        let finish = Finish { target: Some(target), gain_db: 77.0, ..Finish::default() };
        let (_, finished) = finished(&song, &finish);
        let (level, wanted) = match target {
            Target::Loudness(wanted) => (finished.levels.loudness_lufs, wanted),
            Target::Peak(wanted) => (finished.levels.peak_dbfs, wanted),
            Target::TruePeak(wanted) => (finished.levels.true_peak_dbtp, wanted),
            Target::Rms(wanted) => (finished.levels.rms_dbfs, wanted),
        };
        assert!((level.unwrap() - wanted).abs() < 1e-3, "{target:?}: {finished:?}");
        assert_eq!(finished.warnings, [""; 0]);
    }
}

#[test]
fn a_ceiling_by_scale_wins_over_the_target_and_says_by_how_much() {
    let ceiling = Some(Ceiling { dbtp: -1.0, by: CeilingBy::Scale });
    let finish = Finish { target: Some(Target::Loudness(-10.0)), ceiling, ..Finish::default() };
    let (_, finished) = finished(&song(8), &finish);
    assert!((finished.levels.true_peak_dbtp.unwrap() + 1.0).abs() < 1e-3, "{finished:?}");
    let missing = -10.0 - finished.levels.loudness_lufs.unwrap();
    assert!(missing > 1.0, "{finished:?}");
    let expected = format!("a loudness of -10 LUFS was missed by {missing:.1} LU, to stay under -1 dBTP");
    assert_eq!(finished.warnings, [expected]);
    assert_eq!(finished.limiter_reduction_db, None);
}

#[test]
fn a_ceiling_by_limiter_keeps_the_target() {
    for wanted in [-28.0, -20.0, -16.0, -14.0, -11.0] {
        let ceiling = Some(Ceiling { dbtp: -1.0, by: CeilingBy::Limit });
        let fade_out = Some(Fade { seconds: 2.0, shape: FadeShape::Smooth });
        let finish = Finish { target: Some(Target::Loudness(wanted)), ceiling, fade_out, ..Finish::default() };
        let (_, finished) = finished(&song(12), &finish);
        assert!((finished.levels.loudness_lufs.unwrap() - wanted).abs() < 0.1, "{finished:?}");
        assert!(finished.levels.true_peak_dbtp.unwrap() < -0.95, "{finished:?}");
        assert_eq!(finished.warnings, [""; 0]);
        assert_eq!(finished.limiter_reduction_db.is_some(), wanted > -25.0, "{finished:?}");
    }
}

#[test]
fn a_loudness_that_no_limiter_can_reach_is_told() {
    let ceiling = Some(Ceiling { dbtp: -12.0, by: CeilingBy::Limit });
    let finish = Finish { target: Some(Target::Loudness(-4.0)), ceiling, ..Finish::default() };
    let (_, finished) = finished(&song(6), &finish);
    assert!(finished.levels.true_peak_dbtp.unwrap() < -11.95, "{finished:?}");
    assert!(finished.limiter_reduction_db.unwrap() > 10.0, "{finished:?}");
    assert!(finished.warnings[0].starts_with("a loudness of -4 LUFS was missed by "), "{finished:?}");
}

#[test]
fn limited_sound_stays_in_its_place_and_keeps_its_length() {
    let mut clicks = Buffer::new(1, 30_000);
    for at in [0, 12_345, 29_999] {
        clicks.channel_mut(0)[at] = 2.0;
    }
    let ceiling = Some(Ceiling { dbtp: -6.0, by: CeilingBy::Limit });
    let (out, finished) = finished(&clicks, &Finish { ceiling, ..Finish::default() });
    for n in 0..30_000 {
        assert_eq!(out.channel(0)[n] > 0.4, clicks.channel(0)[n] > 0.0, "frame {n}");
    }
    assert!((finished.limiter_reduction_db.unwrap() - 12.04).abs() < 0.1, "{finished:?}");
    assert!(finished.levels.true_peak_dbtp.unwrap() < -5.95);
}

#[test]
fn a_fixed_gain_is_lowered_to_fit_under_a_ceiling() {
    let ceiling = Some(Ceiling { dbtp: -1.0, by: CeilingBy::Scale });
    let (_, finished) = finished(&song(3), &Finish { gain_db: 40.0, ceiling, ..Finish::default() });
    assert!((finished.levels.true_peak_dbtp.unwrap() + 1.0).abs() < 1e-3, "{finished:?}");
    assert!(finished.warnings[0].ends_with("dB lower than asked for, to stay under -1 dBTP"), "{finished:?}");
}

#[test]
fn silence_is_trimmed_to_the_frame_with_what_shall_stay_around() {
    let mut buffer = Buffer::new(2, 100_000);
    buffer.channel_mut(0)[40_000] = 0.5;
    buffer.channel_mut(1)[60_000] = -0.01;
    // Below the threshold.
    buffer.channel_mut(1)[90_000] = 0.000_9;
    let trim = |lead_in_seconds, lead_out_seconds| {
        let trim = Some(Trim { threshold_db: -60.0, lead_in_seconds, lead_out_seconds });
        finished(&buffer, &Finish { trim, ..Finish::default() })
    };
    let (out, finished) = trim(0.0, 0.0);
    assert_eq!((finished.trimmed_start_frames, finished.trimmed_end_frames), (40_000, 39_999));
    assert_eq!((out.channel(0)[0], out.channel(1)[20_000], out.frames()), (0.5, -0.01, 20_001));
    let (out, finished) = trim(0.5, 0.1);
    assert_eq!((finished.trimmed_start_frames, finished.trimmed_end_frames), (16_000, 39_999 - 4_800));
    assert_eq!(out.channel(0)[24_000], 0.5);
    // There is no more than there is.
    let (_, finished) = trim(10.0, 10.0);
    assert_eq!((finished.trimmed_start_frames, finished.trimmed_end_frames), (0, 0));
}

#[test]
fn trimmed_sound_does_not_come_back_behind_the_end() {
    // What lies behind the cut is loud enough to move the limiter, were it still there.
    let mut buffer = song(2);
    buffer.channel_mut(0)[0] = 0.0;
    let mut with_rest = buffer.clone();
    with_rest.resize(200_000);
    with_rest.channel_mut(0)[150_000] = 0.000_5;
    let finish = Finish {
        trim: Some(Trim { threshold_db: -60.0, lead_in_seconds: 1.0, lead_out_seconds: 0.0 }),
        ceiling: Some(Ceiling { dbtp: -20.0, by: CeilingBy::Limit }),
        ..Finish::default()
    };
    let (plain, _) = finished(&buffer, &finish);
    let (cut, _) = finished(&with_rest, &finish);
    assert!(plain == cut);
}

#[test]
fn fades_run_from_silence_to_silence_over_the_trimmed_sound() {
    let mut buffer = Buffer::new(1, 30_000);
    buffer.channel_mut(0)[10_000..20_000].fill(0.8);
    for (shape, half) in [(FadeShape::Linear, 0.5), (FadeShape::Sine, 0.5f32.sqrt()), (FadeShape::Smooth, 0.5)] {
        let fade = Some(Fade { seconds: 0.05, shape });
        let trim = Some(Trim { threshold_db: -60.0, lead_in_seconds: 0.0, lead_out_seconds: 0.0 });
        let (out, _) = finished(&buffer, &Finish { trim, fade_in: fade, fade_out: fade, ..Finish::default() });
        let samples = out.channel(0);
        assert_eq!(samples.len(), 10_000);
        assert_eq!((samples[0], samples[9_999]), (0.0, 0.0), "{shape:?}");
        for (at, expected) in [(1_200, 0.8 * half), (8_799, 0.8 * half), (2_400, 0.8), (7_599, 0.8)] {
            assert!((samples[at] - expected).abs() < 1e-6, "{shape:?} at {at}: {}", samples[at]);
        }
        assert!(samples[..2_400].is_sorted() && samples[7_600..].iter().rev().is_sorted(), "{shape:?}");
    }
    // A fade is no longer than the sound.
    let fade = Some(Fade { seconds: 100.0, shape: FadeShape::Linear });
    let (out, _) = finished(&buffer, &Finish { fade_in: fade, ..Finish::default() });
    assert!((out.channel(0)[15_000] - 0.4).abs() < 1e-6);
}

#[test]
fn silent_and_short_outputs_get_no_gain_and_say_so() {
    let all = Finish {
        target: Some(Target::Loudness(-14.0)),
        ceiling: Some(Ceiling { dbtp: -1.0, by: CeilingBy::Limit }),
        trim: Some(Trim { threshold_db: -60.0, lead_in_seconds: 0.0, lead_out_seconds: 0.0 }),
        ..Finish::default()
    };
    let (out, done) = finished(&Buffer::new(2, 50_000), &all);
    assert_eq!((out.frames(), out.peak(), done.gain_db), (50_000, 0.0, 0.0));
    let trimmed = "nothing rises above -60 dBFS, so no silence was trimmed";
    assert_eq!(done.warnings, [trimmed, "it is silent, so it was given no gain"]);

    let short = Buffer::from_channels(vec![vec![0.25; 1_000]]);
    let (out, done) = finished(&short, &all);
    assert!(out == short);
    let reason = "but it has none: it is shorter than 400 ms or below -70 LUFS";
    assert_eq!(done.warnings, [format!("a loudness of -14 LUFS was asked for, {reason}")]);

    let (out, done) = finished(&Buffer::new(2, 0), &all);
    assert_eq!((out.frames(), done.frames), (0, 0));
}
