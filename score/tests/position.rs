//! Positions as people write them.

use proptest::prelude::*;
use tonemill_score::Position;

fn read(text: &str) -> Position {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

fn refused(text: &str) -> String {
    match text.parse::<Position>() {
        Ok(position) => panic!("{text:?} was read as {position:?}"),
        Err(error) => error.problem.to_string(),
    }
}

#[test]
fn every_unit_is_read() {
    for (text, position) in [
        ("0b", Position::Beats(0.0)),
        ("32b", Position::Beats(32.0)),
        (" 32.25 b ", Position::Beats(32.25)),
        ("1.1", Position::Bars { bar: 1, beat: 1.0 }),
        ("9.1", Position::Bars { bar: 9, beat: 1.0 }),
        ("9.10", Position::Bars { bar: 9, beat: 10.0 }),
        ("9.2.5", Position::Bars { bar: 9, beat: 2.5 }),
        ("120.6.125", Position::Bars { bar: 120, beat: 6.125 }),
        ("12.5s", Position::Seconds(12.5)),
        ("12.5 s", Position::Seconds(12.5)),
        ("0s", Position::Seconds(0.0)),
        ("1:02.5", Position::Seconds(62.5)),
        ("90:00", Position::Seconds(5_400.0)),
        ("1:00:02.25", Position::Seconds(3_602.25)),
        ("48000f", Position::Frames(48_000)),
        ("18446744073709551615f", Position::Frames(u64::MAX)),
        ("960t", Position::Ticks(960)),
    ] {
        assert_eq!(read(text), position, "{text}");
    }
}

#[test]
fn a_text_that_is_no_position_is_told_what_is_wrong_with_it() {
    for (text, problem) in [
        ("", "it is empty"),
        ("  ", "it is empty"),
        ("32", "it has no unit"),
        ("-1s", "positions count from the start of the music and have no sign"),
        ("+1b", "positions count from the start of the music and have no sign"),
        ("0.1", "bars and beats count from 1"),
        ("9.0", "bars and beats count from 1"),
        ("9.0.5", "bars and beats count from 1"),
        ("9.", "\"\" is not a number of beats"),
        (".1", "\"\" is not a number of bars"),
        ("9.1.5.2", "\"1.5.2\" is not a number of beats"),
        ("s", "\"\" is not a number of seconds"),
        ("1.s", "\"1.\" is not a number of seconds"),
        ("1.5f", "frames are whole numbers"),
        ("1.5t", "ticks are whole numbers"),
        ("18446744073709551616f", "frames are whole numbers"),
        ("5x", "\"x\" is no unit"),
        ("5ms", "\"ms\" is no unit"),
        ("1e3s", "\"1e3\" is not a number of seconds"),
        ("bar 9.1", "\"bar 9\" is not a number of bars"),
        ("nan", "\"nan\" is no unit"),
        ("1:60", "there are only 60 seconds in a minute and 60 minutes in an hour"),
        ("1:60:00", "there are only 60 seconds in a minute and 60 minutes in an hour"),
        ("1.5:00", "\"1.5\" is not a number of minutes"),
        ("1:", "\"\" is not a number of seconds"),
        ("1:2:3:4", "\"1:2:3:4\" is not a number of hours, minutes and seconds"),
    ] {
        assert_eq!(refused(text), problem, "{text:?}");
    }
    assert_eq!(
        "32".parse::<Position>().unwrap_err().to_string(),
        "cannot read \"32\" as a position: it has no unit. A position is in beats (32b), bars and beats (9.1 or 9.2.5, \
         the start is 1.1), seconds (12.5s or 1:02.5), frames (48000f) or ticks (960t)"
    );
}

#[test]
fn positions_travel_as_their_text() {
    assert_eq!(serde_json::to_string(&Position::Bars { bar: 9, beat: 2.5 }).unwrap(), "\"9.2.5\"");
    assert_eq!(serde_json::from_str::<Position>("\"1:02.5\"").unwrap(), Position::Seconds(62.5));
    assert!(serde_json::from_str::<Position>("\"9\"").unwrap_err().to_string().contains("it has no unit"));
}

fn positions() -> impl Strategy<Value = Position> {
    prop_oneof![
        (0.0..1e9f64).prop_map(Position::Beats),
        (1u32.., 1.0..300.0f64).prop_map(|(bar, beat)| Position::Bars { bar, beat }),
        (1u32..500, 1u32..16).prop_map(|(bar, beat)| Position::Bars { bar, beat: f64::from(beat) }),
        (0.0..1e9f64).prop_map(Position::Seconds),
        any::<u64>().prop_map(Position::Frames),
        any::<u64>().prop_map(Position::Ticks),
    ]
}

proptest! {
    #[test]
    fn what_a_position_writes_reads_as_the_same(position in positions()) {
        prop_assert_eq!(read(&position.to_string()), position);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[0-9.: bsftxé+-]{0,8}") {
        if let Ok(position) = text.parse::<Position>() {
            prop_assert_eq!(read(&position.to_string()), position);
        }
    }
}
