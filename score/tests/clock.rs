//! Beats, bars, seconds, frames and ticks into one another, against maps worked out by hand and over random ones.

mod common;

use audio::SampleRate;
use common::{meter, smf, tempo, track};
use proptest::prelude::*;
use tonemill_score::{
    Bar, Change, ChangeProblem, ChangesError, Clock, Division, InvalidTempo, Position, PositionError, TempoMap, Unit,
};

const RATE: SampleRate = SampleRate(48_000);

fn at(text: &str) -> Position {
    text.parse().unwrap()
}

fn tempos(list: &[(&str, f64)]) -> Vec<(Position, f64)> {
    list.iter().map(|&(text, bpm)| (at(text), bpm)).collect()
}

fn meters(list: &[(&str, u16, u16)]) -> Vec<(Position, u16, u16)> {
    list.iter().map(|&(text, n, d)| (at(text), n, d)).collect()
}

fn map(tempo: &[(&str, f64)], meter: &[(&str, u16, u16)]) -> TempoMap {
    TempoMap::from_changes(&tempos(tempo), &meters(meter)).unwrap()
}

fn assert_near(actual: f64, expected: f64, what: &str) {
    assert!((actual - expected).abs() < 1e-9, "{what}: {actual} is not {expected}");
}

/// Bars 1 and 2 in 4/4 at 120 (beats 0 to 8, 4 s), bars 3 and 4 in 3/4 at 90 (beats 8 to 14, 4 s), then 6/8 at 60
/// quarters (3 beats and 3 s a bar).
fn worked_out() -> TempoMap {
    map(&[("1.1", 120.0), ("3.1", 90.0), ("5.1", 60.0)], &[("1.1", 4, 4), ("3.1", 3, 4), ("5.1", 6, 8)])
}

#[test]
fn positions_agree_with_a_map_worked_out_by_hand() {
    let map = worked_out();
    let clock = Clock::new(&map, RATE).with_division(Division::Quarter(480));
    for (bars, beats, seconds, frame, tick) in [
        ("1.1", 0.0, 0.0, 0, 0),
        ("1.2", 1.0, 0.5, 24_000, 480),
        ("1.4.5", 3.5, 1.75, 84_000, 1_680),
        ("2.1", 4.0, 2.0, 96_000, 1_920),
        ("3.1", 8.0, 4.0, 192_000, 3_840),
        ("3.2.5", 9.5, 5.0, 240_000, 4_560),
        ("4.3", 13.0, 4.0 + 5.0 * 60.0 / 90.0, 352_000, 6_240),
        ("5.1", 14.0, 8.0, 384_000, 6_720),
        ("5.2", 14.5, 8.5, 408_000, 6_960),
        ("5.6.5", 16.75, 10.75, 516_000, 8_040),
        ("7.4", 21.5, 15.5, 744_000, 10_320),
    ] {
        for position in [
            at(bars),
            Position::Beats(beats),
            Position::Seconds(seconds),
            Position::Frames(frame),
            Position::Ticks(tick),
        ] {
            let what = format!("{position} at {bars}");
            assert_near(clock.beat(position).unwrap(), beats, &what);
            assert_near(clock.seconds(position).unwrap(), seconds, &what);
            assert_eq!(clock.frame(position), Ok(frame), "{what}");
            assert_eq!(clock.tick(position), Ok(tick), "{what}");
            let (Position::Bars { bar, beat }, Position::Bars { bar: expected_bar, beat: expected_beat }) =
                (clock.bars(position).unwrap(), at(bars))
            else {
                panic!("bars are bars")
            };
            assert_eq!(bar, expected_bar, "{what}");
            assert_near(beat, expected_beat, &what);
        }
    }
    assert_eq!(clock.to(Unit::Frames, at("3.1")), Ok(Position::Frames(192_000)));
    assert_eq!(clock.to(Unit::Bars, at("384000f")), Ok(at("5.1")));
    assert_eq!(clock.to(Unit::Ticks, at("1:00")), Ok(Position::Ticks(480 * 66)));
}

#[test]
fn a_meter_that_begins_within_a_bar_cuts_it_short() {
    // Bar 2 is cut behind two of its four beats; bar 3 is the first in 3/4, and bar 5 the first in 6/8.
    let map = map(&[], &[("0b", 4, 4), ("6b", 3, 4), ("12b", 6, 8)]);
    let clock = Clock::new(&map, RATE);
    for (bars, beats) in [("2.2.5", 5.5), ("3.1", 6.0), ("4.3", 11.0), ("5.1", 12.0), ("5.6", 14.5), ("6.1", 15.0)] {
        assert_eq!(clock.beat(at(bars)), Ok(beats));
        assert_eq!(clock.bars(Position::Beats(beats)), Ok(at(bars)));
    }
    let cut = clock.beat(at("2.3")).unwrap_err();
    assert_eq!(cut, PositionError::BeyondBar { position: at("2.3"), beats: 2.0, denominator: 4 });
    assert_eq!(cut.to_string(), "2.3 is beyond its bar, which has 2 beats of a 1/4 note");
    assert!(matches!(clock.beat(at("1.5")), Err(PositionError::BeyondBar { beats: 4.0, .. })));
    assert!(matches!(clock.frame(at("9.7")), Err(PositionError::BeyondBar { beats: 6.0, denominator: 8, .. })));
    assert!(clock.beat(at("9.6.9")).is_ok());
}

#[test]
fn ticks_of_film_frames_have_their_own_time() {
    // 25 frames a second of 40 ticks: a tick is a millisecond at whatever tempo.
    let film =
        smf(0, 0xe7_28, &[track(&[(0, &tempo(250_000)), (2_000, &tempo(1_000_000)), (3_000, &meter(3, 2))], 3_000)]);
    let map = TempoMap::from_bytes("film", &film).unwrap();
    let clock = Clock::new(&map, RATE).with_division(Division::Seconds { ticks: 1_000, seconds: 1 });
    assert_eq!(clock.frame(at("1500t")), Ok(72_000));
    assert_eq!(clock.tick(at("1.5s")), Ok(1_500));
    // 240 a minute for 2 s makes 8 beats, then one a second; at 3 s, which is beat 9, bar 4 begins in 3/4.
    assert_near(clock.beat(at("2000t")).unwrap(), 8.0, "the change");
    assert_near(clock.beat(at("2500t")).unwrap(), 8.5, "behind it");
    assert_eq!(clock.bars(at("3000t")), Ok(at("4.1")));
    assert_eq!(clock.tick(at("4.1")), Ok(3_000));
    let ntsc = Clock::new(&map, RATE).with_division(Division::Seconds { ticks: 60_000, seconds: 1_001 });
    assert_eq!(ntsc.frame(at("60000t")), Ok(1_001 * 48_000));
    assert_eq!(ntsc.tick(Position::Frames(1_001 * 48)), Ok(60));
}

#[test]
fn positions_that_no_music_has_are_refused() {
    let map = TempoMap::default();
    let clock = Clock::new(&map, RATE);
    assert_eq!(clock.frame(at("960t")), Err(PositionError::NoDivision(at("960t"))));
    assert_eq!(clock.tick(at("1b")), Err(PositionError::NoDivision(at("1b"))));
    assert!(clock.tick(at("1b")).unwrap_err().to_string().contains("there is no MIDI file"));
    for impossible in [
        Position::Beats(-1.0),
        Position::Beats(f64::NAN),
        Position::Seconds(f64::INFINITY),
        Position::Bars { bar: 0, beat: 1.0 },
        Position::Bars { bar: 1, beat: 0.5 },
        Position::Bars { bar: u32::MAX, beat: 1.0 },
    ] {
        assert!(matches!(clock.frame(impossible), Err(PositionError::Impossible(_))), "{impossible}");
    }
    assert_eq!(clock.frame(Position::Frames(u64::MAX)), Ok(u64::MAX));
}

#[test]
fn changes_may_be_written_in_different_units() {
    // Two bars of 4/4 at 120 last 4 s; 6/8 begins there, so that bar 4 is at beat 11; at 60 from there it is at 5.5 s.
    let expected = map(&[("0b", 120.0), ("11b", 60.0), ("14b", 30.0)], &[("0b", 4, 4), ("8b", 6, 8), ("17b", 5, 4)]);
    let mixed = map(&[("0s", 120.0), ("4.1", 60.0), ("8.5s", 30.0)], &[("1.1", 4, 4), ("4s", 6, 8), ("14.5s", 5, 4)]);
    assert_eq!(mixed, expected);
    assert_eq!(expected.tempos().collect::<Vec<_>>(), [(0.0, 0.0, 120.0), (11.0, 5.5, 60.0), (14.0, 8.5, 30.0)]);
    let bar = |number, start, numerator, denominator| Bar { number, start, numerator, denominator };
    assert_eq!(expected.meters().collect::<Vec<_>>(), [bar(0, 0.0, 4, 4), bar(2, 8.0, 6, 8), bar(5, 17.0, 5, 4)]);
    // A place that only the meter before it makes.
    let long = map(&[("0b", 120.0), ("3.7", 60.0)], &[("0b", 4, 4), ("3.1", 7, 4)]);
    assert_eq!(long.tempos().nth(1), Some((14.0, 7.0, 60.0)));
    assert_eq!(TempoMap::from_changes(&[], &[]), Ok(TempoMap::default()));
    assert_eq!(TempoMap::from_changes(&tempos(&[("0b", 93.0)]), &[]).unwrap(), TempoMap::fixed(93.0).unwrap());
}

#[test]
fn a_wrong_change_is_named() {
    let wrong = |tempo: &[(&str, f64)], meter: &[(&str, u16, u16)]| {
        TempoMap::from_changes(&tempos(tempo), &meters(meter)).expect_err("it is refused")
    };
    assert_eq!(
        wrong(&[("0b", 120.0), ("8b", 20_000.0)], &[]),
        ChangesError {
            change: Change::Tempo,
            entry: 1,
            at: at("8b"),
            problem: ChangeProblem::Tempo(InvalidTempo(20_000.0))
        }
    );
    for (error, text) in [
        (
            wrong(&[("0b", 120.0), ("8b", 0.0)], &[]),
            "the tempo change at 8b: a tempo of 0 quarter notes a minute is outside 1..10000",
        ),
        (
            wrong(&[("1s", 120.0)], &[]),
            "the tempo change at 1s: it is the first and not at the start. Say what holds from the start, at 0b",
        ),
        (
            wrong(&[("0b", 120.0), ("3.1", 90.0), ("4s", 60.0)], &[]),
            "the tempo change at 4s: it does not stand behind the one before it, at 3.1. Sort them, and have one at a \
             place",
        ),
        (
            wrong(&[], &[("0b", 4, 4), ("8b", 3, 4), ("4b", 3, 4)]),
            "the meter change at 4b: it does not stand behind the one before it, at 8b. Sort them, and have one at a \
             place",
        ),
        (
            wrong(&[("0b", 120.0), ("48000f", 90.0)], &[]),
            "the tempo change at 48000f: tempo and meter change at beats (32b), bars (9.1) or seconds (12.5s), not at \
             frames or ticks",
        ),
        (
            wrong(&[("0b", 120.0), ("2.5", 90.0)], &[("0b", 3, 4), ("6b", 2, 4)]),
            "the tempo change at 2.5: 2.5 is beyond its bar, which has 3 beats of a 1/4 note",
        ),
        (
            wrong(&[], &[("1.1", 4, 6)]),
            "the meter change at 1.1: a meter of 4/6 is none: 1 to 255 beats, of a note whose part is a power of two up \
             to 256",
        ),
    ] {
        assert_eq!(error.to_string(), text);
    }
    assert!(matches!(wrong(&[], &[("1.1", 0, 4)]).problem, ChangeProblem::Meter(0, 4)));
    assert!(matches!(wrong(&[], &[("1.1", 256, 4)]).problem, ChangeProblem::Meter(256, 4)));
    assert!(matches!(wrong(&[("0b", f64::NAN)], &[]).problem, ChangeProblem::Tempo(_)));
}

/// A map of up to twelve tempos and meters at random beats, on a grid or off it.
fn maps() -> impl Strategy<Value = TempoMap> {
    let beats = || {
        let gap = prop_oneof![(1..64u32).prop_map(|n| f64::from(n) / 4.0), 0.01..40.0f64];
        prop::collection::vec(gap, 0..12).prop_map(|gaps| {
            let mut at = 0.0;
            std::iter::once(0.0)
                .chain(gaps.into_iter().map(move |gap| {
                    at += gap;
                    at
                }))
                .collect::<Vec<f64>>()
        })
    };
    let meters = (beats(), prop::collection::vec((1..16u16, 0..5u32), 12));
    (beats(), prop::collection::vec(20.0..400.0f64, 12), meters).prop_map(|(at, bpms, (bars, kinds))| {
        let tempos: Vec<_> = at.into_iter().zip(bpms).map(|(at, bpm)| (Position::Beats(at), bpm)).collect();
        let meters: Vec<_> =
            bars.into_iter().zip(kinds).map(|(at, (n, power))| (Position::Beats(at), n, 1 << power)).collect();
        TempoMap::from_changes(&tempos, &meters).unwrap()
    })
}

fn rates() -> impl Strategy<Value = SampleRate> {
    prop_oneof![Just(11_025), Just(44_100), Just(48_000), Just(96_000), Just(192_000)].prop_map(SampleRate)
}

proptest! {
    #[test]
    fn beats_become_seconds_and_the_same_beats_again(map in maps(), rate in rates(), beat in 0.0..2_000.0f64) {
        let clock = Clock::new(&map, rate);
        let seconds = clock.to(Unit::Seconds, Position::Beats(beat)).unwrap();
        prop_assert!((clock.beat(seconds).unwrap() - beat).abs() < 1e-9);
        let bars = clock.bars(Position::Beats(beat)).unwrap();
        prop_assert!((clock.beat(bars).unwrap() - beat).abs() < 2e-9, "{}", bars);
        let later = clock.seconds(Position::Beats(beat + 0.01)).unwrap();
        prop_assert!(Position::Seconds(later) != seconds && later > clock.seconds(seconds).unwrap());
    }

    #[test]
    fn a_frame_becomes_any_unit_and_the_same_frame_again(map in maps(), rate in rates(), frame in 0..400_000_000u64) {
        let clock = Clock::new(&map, rate);
        for unit in [Unit::Beats, Unit::Bars, Unit::Seconds, Unit::Frames] {
            let other = clock.to(unit, Position::Frames(frame)).unwrap();
            prop_assert_eq!(clock.frame(other), Ok(frame), "{}", other);
        }
    }

    #[test]
    fn a_tick_becomes_any_unit_and_the_same_tick_again(
        map in maps(), division in 1..2_000u16, tick in 0..1_000_000u64,
    ) {
        for division in [Division::Quarter(division), Division::Seconds { ticks: 30_000, seconds: 1_001 }] {
            let clock = Clock::new(&map, SampleRate(192_000)).with_division(division);
            // A tick lasts two frames and more at these tempos, so that a frame finds it again.
            for unit in [Unit::Beats, Unit::Bars, Unit::Seconds, Unit::Ticks, Unit::Frames] {
                let other = clock.to(unit, Position::Ticks(tick)).unwrap();
                prop_assert_eq!(clock.tick(other), Ok(tick), "{}", other);
            }
        }
    }

    #[test]
    fn every_whole_beat_of_every_bar_is_found_again(map in maps(), bar in 1..200u32) {
        let clock = Clock::new(&map, RATE);
        let mut beat = 1.0;
        loop {
            let position = Position::Bars { bar, beat };
            match clock.beat(position) {
                Ok(beats) => {
                    let Position::Bars { bar: found, beat: near } = clock.bars(Position::Beats(beats)).unwrap() else {
                        panic!("bars are bars")
                    };
                    prop_assert_eq!(found, bar);
                    prop_assert!((near - beat).abs() < 1e-7);
                }
                Err(PositionError::BeyondBar { beats, .. }) => {
                    prop_assert!(beats <= beat - 1.0 + 1e-6 && beats > beat - 2.0);
                    break;
                }
                Err(other) => panic!("{other}"),
            }
            beat += 1.0;
        }
    }
}
