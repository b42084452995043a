//! Where something stands in the music, in the unit that its writer thinks in.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A position in the music, counted from its start. [`Clock`](crate::Clock) turns one unit into another.
///
/// | text | meaning |
/// |---|---|
/// | `32b` | quarter notes from 0 |
/// | `9.1`, `9.2.5` | bar and beat, both from 1: bar 9, beat 2.5. The start is `1.1` |
/// | `12.5s`, `1:02.5`, `1:00:00` | seconds; minutes and seconds; hours, minutes and seconds |
/// | `48000f` | frames at the rate of the job |
/// | `960t` | ticks of the MIDI file |
///
/// ```
/// use tonemill_score::Position;
/// let position: Position = "9.2.5".parse().unwrap();
/// assert_eq!(position, Position::Bars { bar: 9, beat: 2.5 });
/// assert_eq!(position.to_string(), "9.2.5");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub enum Position {
    /// Quarter notes, from 0.
    Beats(f64),
    /// A place in a bar as musicians count.
    Bars {
        /// The bar, from 1.
        bar: u32,
        /// The beat within it in the meter's written unit (an eighth in 6/8), from 1; 2.5 is halfway from the second to
        /// the third.
        beat: f64,
    },
    /// Seconds, from 0.
    Seconds(f64),
    /// Frames, from 0.
    Frames(u64),
    /// Ticks of a MIDI file, from 0.
    Ticks(u64),
}

/// The kinds of [`Position`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unit {
    /// Quarter notes.
    Beats,
    /// Bars and beats of the meter.
    Bars,
    /// Seconds.
    Seconds,
    /// Frames.
    Frames,
    /// Ticks.
    Ticks,
}

/// A text that is no position.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "cannot read {text:?} as a position: {problem}. A position is in beats (32b), bars and beats (9.1 or 9.2.5, the \
     start is 1.1), seconds (12.5s or 1:02.5), frames (48000f) or ticks (960t)"
)]
pub struct ParsePositionError {
    /// What was read.
    pub text: String,
    /// What is wrong with it.
    pub problem: PositionMistake,
}

/// What is wrong with a text that should be a position.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PositionMistake {
    /// There is nothing.
    #[error("it is empty")]
    Empty,
    /// It has a sign.
    #[error("positions count from the start of the music and have no sign")]
    Signed,
    /// A number alone.
    #[error("it has no unit")]
    NoUnit,
    /// What stands in front of the unit is no plain decimal number.
    #[error("{number:?} is not a number of {unit}")]
    Number {
        /// What stands there.
        number: String,
        /// Of what it should be a number.
        unit: &'static str,
    },
    /// Frames and ticks cannot be halved.
    #[error("{unit} are whole numbers")]
    Whole {
        /// Frames or ticks.
        unit: &'static str,
    },
    /// A bar or beat 0.
    #[error("bars and beats count from 1")]
    FromOne,
    /// More than 59 seconds beside minutes, or minutes beside hours.
    #[error("there are only 60 seconds in a minute and 60 minutes in an hour")]
    Sixty,
    /// It ends in something that is no unit.
    #[error("{0:?} is no unit")]
    Unit(String),
}

impl FromStr for Position {
    type Err = ParsePositionError;

    fn from_str(text: &str) -> Result<Position, ParsePositionError> {
        parse(text.trim()).map_err(|problem| ParsePositionError { text: text.to_owned(), problem })
    }
}

fn parse(text: &str) -> Result<Position, PositionMistake> {
    if text.is_empty() {
        return Err(PositionMistake::Empty);
    }
    if text.starts_with(['-', '+']) {
        return Err(PositionMistake::Signed);
    }
    if text.contains(':') {
        return clock_time(text);
    }
    let digits = |c: char| c.is_ascii_digit() || c == '.';
    let number = text.trim_end_matches(|c: char| !digits(c));
    let unit = text[number.len()..].trim_start();
    let of = |unit| decimal(number).ok_or_else(|| PositionMistake::Number { number: number.to_owned(), unit });
    let whole = |unit| match number.parse::<u64>() {
        Ok(whole) if number.bytes().all(|b| b.is_ascii_digit()) => Ok(whole),
        _ => of(unit).and(Err(PositionMistake::Whole { unit })),
    };
    match unit {
        "" => bars(text),
        "b" => Ok(Position::Beats(of("beats")?)),
        "s" => Ok(Position::Seconds(of("seconds")?)),
        "f" => Ok(Position::Frames(whole("frames")?)),
        "t" => Ok(Position::Ticks(whole("ticks")?)),
        other => Err(PositionMistake::Unit(other.to_owned())),
    }
}

fn bars(text: &str) -> Result<Position, PositionMistake> {
    let (bar, beat) = text.split_once('.').ok_or(PositionMistake::NoUnit)?;
    let number = |number: &str, unit| PositionMistake::Number { number: number.to_owned(), unit };
    let plain = !bar.is_empty() && bar.bytes().all(|b| b.is_ascii_digit());
    let bar = bar.parse().ok().filter(|_| plain).ok_or_else(|| number(bar, "bars"))?;
    let beat = decimal(beat).ok_or_else(|| number(beat, "beats"))?;
    if bar == 0 || beat < 1.0 {
        return Err(PositionMistake::FromOne);
    }
    Ok(Position::Bars { bar, beat })
}

/// `1:02.5` or `1:00:02.5`.
fn clock_time(text: &str) -> Result<Position, PositionMistake> {
    let mut total = 0.0;
    let parts: Vec<&str> = text.split(':').collect();
    let units = ["hours", "minutes", "seconds"];
    let Some(skipped) = units.len().checked_sub(parts.len()) else {
        return Err(PositionMistake::Number { number: text.to_owned(), unit: "hours, minutes and seconds" });
    };
    for (n, (part, unit)) in parts.iter().zip(&units[skipped..]).enumerate() {
        let last = n + 1 == parts.len();
        let value = decimal(part).filter(|value| last || value.fract() == 0.0);
        let value = value.ok_or_else(|| PositionMistake::Number { number: (*part).to_owned(), unit })?;
        if n > 0 && value >= 60.0 {
            return Err(PositionMistake::Sixty);
        }
        total = total * 60.0 + value;
    }
    Ok(Position::Seconds(total))
}

/// Digits with at most one point among them, which neither begins nor ends the number.
fn decimal(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let closed = text.starts_with(|c: char| c.is_ascii_digit()) && text.ends_with(|c: char| c.is_ascii_digit());
    text.parse().ok().filter(|value: &f64| plain && closed && value.is_finite())
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Position::Beats(beats) => write!(f, "{beats}b"),
            Position::Bars { bar, beat } => write!(f, "{bar}.{beat}"),
            Position::Seconds(seconds) => write!(f, "{seconds}s"),
            Position::Frames(frames) => write!(f, "{frames}f"),
            Position::Ticks(ticks) => write!(f, "{ticks}t"),
        }
    }
}

impl Position {
    /// What it is counted in.
    pub fn unit(&self) -> Unit {
        match self {
            Position::Beats(_) => Unit::Beats,
            Position::Bars { .. } => Unit::Bars,
            Position::Seconds(_) => Unit::Seconds,
            Position::Frames(_) => Unit::Frames,
            Position::Ticks(_) => Unit::Ticks,
        }
    }
}

impl TryFrom<String> for Position {
    type Error = ParsePositionError;

    fn try_from(text: String) -> Result<Position, ParsePositionError> {
        text.parse()
    }
}

impl From<Position> for String {
    fn from(position: Position) -> String {
        position.to_string()
    }
}
