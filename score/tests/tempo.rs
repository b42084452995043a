//! The tempo map against times worked out by hand.

mod common;

use audio::SampleRate;
use common::{meter, smf, tempo, track};
use tonemill_score::{Bar, InvalidTempo, Song, TempoMap};

const RATE: SampleRate = SampleRate(48_000);
const NOTE: [u8; 3] = [0x90, 60, 100];
const OFF: [u8; 3] = [0x80, 60, 0];

/// 480 ticks a quarter. 4/4 at 120 for 2 bars (4 s), then at beat 8 3/4 at 90 for 1 bar (2 s), then at beat 11
/// 6/8 at 60 (quarters; 3 quarters a bar).
fn changing() -> Song {
    let (at_120, at_90, at_60) = (tempo(500_000), tempo(666_667), tempo(1_000_000));
    let conductor = track(
        &[
            (0, &at_120),
            (0, &meter(4, 2)),
            (3_840, &at_90),
            (3_840, &meter(3, 2)),
            (5_280, &at_60),
            (5_280, &meter(6, 3)),
        ],
        5_280,
    );
    let notes = track(&[(0, &NOTE), (480, &OFF), (5_280, &NOTE), (6_720, &OFF)], 6_720);
    Song::from_bytes("changing", &smf(1, 480, &[conductor, notes])).unwrap()
}

fn assert_near(actual: f64, expected: f64) {
    assert!((actual - expected).abs() < 1e-9, "{actual} is not {expected}");
}

#[test]
fn beats_fall_at_their_times_and_times_on_their_beats() {
    let song = changing();
    let map = song.tempo_map();
    for (beat, seconds) in [
        (-2.0, -1.0),
        (0.0, 0.0),
        (1.0, 0.5),
        (8.0, 4.0),
        (9.5, 4.0 + 1.5 * 0.666_667),
        (11.0, 4.0 + 3.0 * 0.666_667),
        (14.0, 4.0 + 3.0 * 0.666_667 + 3.0),
    ] {
        assert_near(map.seconds_at_beat(beat), seconds);
        assert_near(map.beat_at_seconds(seconds), beat);
    }
    assert_eq!(map.frame_at_beat(8.0, RATE), 192_000);
    assert_near(map.beat_at_frame(192_000, RATE), 8.0);
    assert_near(map.tempo_at_beat(7.99), 120.0);
    assert_near(map.tempo_at_beat(8.0), 60.0 / 0.666_667);
    // Tick 5280 at 6.000001 s is nearest to frame 288000.
    assert_eq!(song.events(Default::default(), map, RATE)[2].frame, 288_000);
    assert_near(song.end_seconds(map), 9.000_001);
    assert_eq!(song.end_frame(map, RATE), 432_000);
    assert_eq!(song.tick_at_seconds(4.0, map), 3_840);
}

#[test]
fn bars_are_counted_through_meter_changes() {
    let song = changing();
    let map = song.tempo_map();
    let bar = |number, start, numerator, denominator| Bar { number, start, numerator, denominator };
    assert_eq!(map.bar_at_beat(0.0), bar(0, 0.0, 4, 4));
    assert_eq!(map.bar_at_beat(7.9), bar(1, 4.0, 4, 4));
    assert_eq!(map.bar_at_beat(8.0), bar(2, 8.0, 3, 4));
    assert_eq!(map.bar_at_beat(11.0), bar(3, 11.0, 6, 8));
    assert_eq!(map.bar_at_beat(17.5), bar(5, 17.0, 6, 8));
    assert_eq!(map.bar_at_beat(-0.5), bar(-1, -4.0, 4, 4));
    for number in [-1, 0, 1, 2, 3, 4, 100] {
        assert_eq!(map.bar_at_beat(map.beat_at_bar(number)).number, number);
    }
    assert_eq!(map.beat_at_bar(4), 14.0);
}

#[test]
fn a_meter_change_within_a_bar_starts_a_bar() {
    let notes = track(&[(0, &NOTE), (5 * 96, &meter(5, 3)), (10 * 96, &OFF)], 10 * 96);
    let map = TempoMap::from_bytes("cut", &smf(0, 96, &[notes])).unwrap();
    assert_eq!(map.bar_at_beat(4.5), Bar { number: 1, start: 4.0, numerator: 4, denominator: 4 });
    assert_eq!(map.bar_at_beat(5.0), Bar { number: 2, start: 5.0, numerator: 5, denominator: 8 });
    assert_eq!(map.bar_at_beat(7.5), Bar { number: 3, start: 7.5, numerator: 5, denominator: 8 });
}

#[test]
fn the_transport_says_where_the_music_stands() {
    let song = changing();
    let map = song.tempo_map();
    let start = map.transport_at(0, RATE);
    assert_eq!(start, audio::Transport::start(RATE));
    let later = map.transport_at(192_000 + 16_000, RATE);
    assert_near(later.beat, 8.0 + (1.0 / 3.0) / 0.666_667);
    assert_near(later.tempo, 60.0 / 0.666_667);
    assert_eq!((later.bar, later.bar_start, later.numerator, later.denominator), (2, 8.0, 3, 4));
    let before = map.transport_at(-24_000, RATE);
    assert_near(before.beat, -1.0);
    assert_eq!((before.bar, before.bar_start, before.tempo), (-1, -4.0, 120.0));
}

#[test]
fn blocks_that_end_at_changes_have_one_tempo_and_one_meter() {
    let song = changing();
    let map = song.tempo_map();
    assert_eq!(map.next_change_after(-5, RATE), Some(192_000));
    assert_eq!(map.next_change_after(191_999, RATE), Some(192_000));
    // 6.000001 s is 0.048 frames behind frame 288000, so the change holds from the next one.
    assert_eq!(map.next_change_after(192_000, RATE), Some(288_001));
    assert_eq!(map.next_change_after(288_001, RATE), None);
    for rate in [44_100, 48_000, 96_000, 11_025].map(SampleRate) {
        let mut frame = 0;
        while let Some(next) = map.next_change_after(frame, rate) {
            let (first, last) = (map.transport_at(frame, rate), map.transport_at(next as i64 - 1, rate));
            assert_eq!((first.tempo, first.numerator), (last.tempo, last.numerator));
            let behind = map.transport_at(next as i64, rate);
            assert_ne!((first.tempo, first.numerator), (behind.tempo, behind.numerator));
            frame = next as i64;
        }
    }
}

#[test]
fn a_bar_line_is_reached_exactly_whatever_the_tempo() {
    // A third of a second a beat has no exact number; the transport must not stand in front of its own bar.
    for tempo in [93.0, 120.0, 133.37, 180.0, 233.3] {
        let map = TempoMap::fixed(tempo).unwrap();
        for bar in 0..2_000 {
            let frame = map.frame_at_beat(map.beat_at_bar(bar), SampleRate(44_100));
            for frame in [frame, frame + 1] {
                let transport = map.transport_at(frame as i64, SampleRate(44_100));
                assert!(transport.beat >= transport.bar_start && transport.beat < transport.bar_start + 4.0 + 1e-6);
            }
        }
    }
}

#[test]
fn a_fixed_tempo_moves_ticks_but_not_bars() {
    let song = changing();
    let map = TempoMap::fixed(60.0).unwrap();
    assert_eq!(song.events(Default::default(), &map, RATE)[2].frame, 11 * 48_000);
    assert_eq!(song.end_seconds(&map), 14.0);
    assert_eq!(map.next_change_after(0, RATE), None);
    for wrong in [0.0, -120.0, f64::NAN, f64::INFINITY, 20_000.0] {
        assert!(matches!(TempoMap::fixed(wrong), Err(InvalidTempo(_))));
    }
}

#[test]
fn of_several_tempos_at_one_tick_the_last_holds_and_any_track_may_set_one() {
    let first = track(&[(0, &tempo(250_000)), (0, &tempo(500_000)), (96, &NOTE), (192, &OFF)], 192);
    let second = track(&[(96, &tempo(1_000_000))], 96);
    let song = Song::from_bytes("tempos", &smf(1, 96, &[first, second])).unwrap();
    assert_eq!(song.end_seconds(song.tempo_map()), 0.5 + 1.0);
}

#[test]
fn film_frames_are_seconds_whatever_the_tempo() {
    // 25 frames a second of 40 ticks: a tick is a millisecond. 29 stands for 30000/1001.
    for (division, per_second) in
        [(0xe7_28u16, 1_000.0), (0xe8_04, 96.0), (0xe3_02, 60_000.0 / 1_001.0), (0xe2_50, 2_400.0)]
    {
        let notes = track(&[(0, &tempo(250_000)), (960, &NOTE), (1_920, &OFF)], 1_920);
        let song = Song::from_bytes("film", &smf(0, division, &[notes])).unwrap();
        for map in [song.tempo_map(), &TempoMap::fixed(33.0).unwrap()] {
            assert_near(song.seconds_at_tick(960, map), 960.0 / per_second);
            assert_eq!(song.tick_at_seconds(960.0 / per_second, map), 960);
        }
        assert_near(song.tempo_map().transport_at(48_000, RATE).beat, 4.0);
    }
}

#[test]
fn one_hour_of_thousands_of_changes_stays_exact() {
    // 7200 beats whose tempo alternates between 400 and 600 ms: 3600 s in all.
    let changes: Vec<(u32, [u8; 6])> =
        (0..7_200).map(|n| (n * 96, tempo(if n % 2 == 0 { 400_000 } else { 600_000 }))).collect();
    let mut events: Vec<(u32, &[u8])> = changes.iter().map(|(tick, event)| (*tick, &event[..])).collect();
    events.push((7_199 * 96, &NOTE));
    let song = Song::from_bytes("hour", &smf(0, 96, &[track(&events, 7_200 * 96)])).unwrap();
    let map = song.tempo_map();
    assert_near(song.end_seconds(map), 3_600.0);
    assert_near(map.beat_at_seconds(3_600.0), 7_200.0);
    for tick in (0..7_200 * 96).step_by(7_919) {
        assert_eq!(song.tick_at_seconds(song.seconds_at_tick(tick, map), map), tick);
        // From the nearest frame back, a tick of more than two milliseconds is still found.
        let frame = RATE.frames(song.seconds_at_tick(tick, map));
        assert_eq!(song.tick_at_seconds(RATE.seconds(frame), map), tick);
    }
}
