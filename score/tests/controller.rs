//! Controllers of a song as values over time.

mod common;

use audio::SampleRate;
use common::{smf, tempo, track};
use tonemill_score::{Controller, ControllerError, ControllerMap, Scale, Song, TempoMap};

const RATE: SampleRate = SampleRate(48_000);

/// At 120 until tick 96, then at 60: 96 ticks are 24000 frames, then 48000.
fn song() -> Song {
    let first = track(
        &[
            (0, &[0xb0, 1, 0][..]),
            (0, &[0x90, 60, 1]),
            (48, &[0xb0, 1, 127]),
            (48, &[0xb1, 1, 5]),
            (48, &[0xe0, 0, 0x40]),
            (96, &tempo(1_000_000)),
            (96, &[0xb0, 1, 127]),
            (96, &[0xb0, 33, 127]),
            (144, &[0xb0, 1, 64]),
            (144, &[0xd0, 127]),
            (144, &[0xe0, 0x7f, 0x7f]),
            (192, &[0xe0, 0, 0]),
        ],
        192,
    );
    let second = track(&[(192, &[0xb0, 1, 32][..])], 192);
    Song::from_bytes("song", &smf(1, 96, &[first, second])).unwrap()
}

fn map(controller: Controller, low: f64, high: f64, scale: Scale) -> ControllerMap {
    ControllerMap { controller, channel: 0, tracks: Vec::new(), low, high, scale }
}

fn values(map: &ControllerMap) -> Vec<(u64, f64)> {
    let song = song();
    song.cc_events(map, song.tempo_map(), RATE).unwrap()
}

fn assert_values(map: &ControllerMap, expected: &[(u64, f64)]) {
    let values = values(map);
    assert_eq!(values.len(), expected.len(), "{values:?}");
    for (value, expected) in values.iter().zip(expected) {
        assert!(value.0 == expected.0 && (value.1 - expected.1).abs() < 1e-9, "{values:?}");
    }
}

#[test]
fn a_controller_drives_a_value_over_its_range() {
    let plain = map(Controller::Control(1), -10.0, 20.0, Scale::Linear);
    assert_values(
        &plain,
        &[(0, -10.0), (12_000, 20.0), (48_000, -10.0 + 30.0 * 64.0 / 127.0), (72_000, -10.0 + 30.0 * 32.0 / 127.0)],
    );
    let one_track = ControllerMap { tracks: vec![1], ..plain.clone() };
    assert_values(&one_track, &[(72_000, -10.0 + 30.0 * 32.0 / 127.0)]);
    assert_values(&ControllerMap { channel: 1, ..plain.clone() }, &[(12_000, -10.0 + 30.0 * 5.0 / 127.0)]);
    // Downwards, and by a factor.
    let sweep = map(Controller::Control(1), 20_000.0, 20.0, Scale::Exponential);
    let at = |part: f64| 20_000.0 * 0.001f64.powf(part);
    assert_values(&sweep, &[(0, 20_000.0), (12_000, 20.0), (48_000, at(64.0 / 127.0)), (72_000, at(32.0 / 127.0))]);
    // At another tempo the same values stand elsewhere.
    let fixed = TempoMap::fixed(120.0).unwrap();
    let frames: Vec<u64> = song().cc_events(&plain, &fixed, RATE).unwrap().iter().map(|value| value.0).collect();
    assert_eq!(frames, [0, 12_000, 36_000, 48_000]);
}

#[test]
fn both_halves_of_a_fine_controller_make_one_value() {
    let of = |value: u32| f64::from(value) / 16_383.0;
    assert_values(
        &map(Controller::Fine(1), 0.0, 1.0, Scale::Linear),
        &[(0, 0.0), (12_000, of(127 << 7)), (24_000, 1.0), (48_000, of(64 << 7)), (72_000, of(32 << 7))],
    );
}

#[test]
fn bend_and_pressure_drive_values_too() {
    assert_values(&map(Controller::Bend, -1.0, 1.0, Scale::Linear), &[(12_000, 0.0), (48_000, 1.0), (72_000, -1.0)]);
    assert_values(&map(Controller::Pressure, 0.0, 3.0, Scale::Linear), &[(48_000, 3.0)]);
}

#[test]
fn a_controller_becomes_a_curve_that_holds() {
    let song = song();
    let pressure = map(Controller::Pressure, 0.5, 3.0, Scale::Exponential);
    let curve = song.cc_curve(&pressure, song.tempo_map(), RATE).unwrap().unwrap();
    assert_eq!(curve.constant_value(), Some(3.0));
    let curve = song.cc_curve(&map(Controller::Bend, 0.0, 1.0, Scale::Linear), song.tempo_map(), RATE);
    let curve = curve.unwrap().unwrap();
    assert_eq!([0, 47_999, 48_000, 71_999, 72_000].map(|frame| curve.at(frame)), [0.5, 0.5, 1.0, 1.0, 0.0]);
    let unused = map(Controller::Control(99), 0.0, 1.0, Scale::Linear);
    assert_eq!(song.cc_curve(&unused, song.tempo_map(), RATE), Ok(None));
}

#[test]
fn a_controller_that_can_drive_nothing_is_refused() {
    for (wrong, problem) in [
        (map(Controller::Control(128), 0.0, 1.0, Scale::Linear), ControllerError::Unknown(Controller::Control(128), 0)),
        (map(Controller::Fine(32), 0.0, 1.0, Scale::Linear), ControllerError::Unknown(Controller::Fine(32), 0)),
        (
            ControllerMap { channel: 16, ..map(Controller::Bend, 0.0, 1.0, Scale::Linear) },
            ControllerError::Unknown(Controller::Bend, 16),
        ),
        (map(Controller::Bend, 0.0, 1.0, Scale::Exponential), ControllerError::Exponential(0.0, 1.0)),
        (map(Controller::Bend, -1.0, 1.0, Scale::Exponential), ControllerError::Exponential(-1.0, 1.0)),
        (map(Controller::Bend, 0.0, f64::INFINITY, Scale::Linear), ControllerError::NotFinite(0.0, f64::INFINITY)),
    ] {
        let song = song();
        assert_eq!(song.cc_events(&wrong, song.tempo_map(), RATE), Err(problem));
    }
    assert!(map(Controller::Bend, f64::NAN, 0.0, Scale::Linear).check().is_err());
}
