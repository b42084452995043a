//! Any unit of musical time into any other.

use audio::SampleRate;

use crate::{Division, Position, TempoMap, Unit};

/// Turns positions from one unit into another: beats, bars, seconds, frames and, where a MIDI file says what they are,
/// ticks.
///
/// Conversions go through the tempo changes exactly: one multiplication from the change before. Beats and seconds agree
/// back and forth within a billionth over days of music; a frame turned into beats, bars or seconds gives the same frame
/// again. Frames and ticks are the nearest to a time.
///
/// ```
/// use audio::SampleRate;
/// use tonemill_score::{Clock, Position, TempoMap};
/// let map = TempoMap::fixed(120.0).unwrap();
/// let clock = Clock::new(&map, SampleRate(48_000));
/// assert_eq!(clock.frame("9.1".parse().unwrap()), Ok(768_000));
/// assert_eq!(clock.bars(Position::Seconds(16.25)), Ok(Position::Bars { bar: 9, beat: 1.5 }));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Clock<'a> {
    map: &'a TempoMap,
    sample_rate: SampleRate,
    division: Option<Division>,
}

/// A position that the music does not have.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PositionError {
    /// It is negative, no number, or a bar 0.
    #[error("there is no position {0} in any music: positions are finite and count from the start, bars from 1")]
    Impossible(Position),
    /// Its bar has fewer beats.
    #[error("{position} is beyond its bar, which has {beats} beats of a 1/{denominator} note")]
    BeyondBar {
        /// The position.
        position: Position,
        /// The beats that there are; fewer than the meter says where the next meter begins within the bar.
        beats: f64,
        /// The beat's unit: 8 in 6/8.
        denominator: u16,
    },
    /// Ticks, and no MIDI file that says how long they are.
    #[error(
        "{0} is in ticks, and there is no MIDI file to say how long a tick is. Write beats (32b), bars (9.1), seconds \
         (12.5s) or frames (48000f)"
    )]
    NoDivision(Position),
}

/// Beats nearer than this are the same when bars are counted; it absorbs the rounding of a conversion.
const SAME: f64 = 1e-9;

impl<'a> Clock<'a> {
    /// A clock without ticks.
    pub fn new(map: &'a TempoMap, sample_rate: SampleRate) -> Clock<'a> {
        Clock { map, sample_rate, division: None }
    }

    /// Also understands ticks.
    #[must_use]
    pub fn with_division(self, division: Division) -> Clock<'a> {
        Clock { division: Some(division), ..self }
    }

    /// Quarter notes from the start.
    pub fn beat(&self, position: Position) -> Result<f64, PositionError> {
        possible(position)?;
        match position {
            Position::Beats(beat) => Ok(beat),
            Position::Bars { bar, beat } => self.beat_in_bar(bar, beat),
            Position::Seconds(_) | Position::Frames(_) => Ok(self.map.beat_at_seconds(self.seconds(position)?)),
            Position::Ticks(tick) => match self.division(position)? {
                Division::Quarter(ticks) => Ok(tick as f64 / f64::from(ticks)),
                division @ Division::Seconds { .. } => {
                    Ok(self.map.beat_at_seconds(division.seconds_at_tick(tick, self.map)))
                }
            },
        }
    }

    /// Seconds from the start.
    pub fn seconds(&self, position: Position) -> Result<f64, PositionError> {
        possible(position)?;
        match position {
            Position::Beats(_) | Position::Bars { .. } => Ok(self.map.seconds_at_beat(self.beat(position)?)),
            Position::Seconds(seconds) => Ok(seconds),
            Position::Frames(frame) => Ok(self.sample_rate.seconds(frame)),
            Position::Ticks(tick) => Ok(self.division(position)?.seconds_at_tick(tick, self.map)),
        }
    }

    /// The nearest frame.
    pub fn frame(&self, position: Position) -> Result<u64, PositionError> {
        match position {
            Position::Frames(frame) => Ok(frame),
            other => Ok(self.sample_rate.frames(self.seconds(other)?)),
        }
    }

    /// The nearest tick.
    pub fn tick(&self, position: Position) -> Result<u64, PositionError> {
        match position {
            Position::Ticks(tick) => Ok(tick),
            other => match self.division(other)? {
                // Not by way of seconds, which would round.
                Division::Quarter(ticks) => Ok((self.beat(other)? * f64::from(ticks)).round() as u64),
                division => Ok(division.tick_at_seconds(self.seconds(other)?, self.map)),
            },
        }
    }

    /// The bar and beat, as [`Position::Bars`]. What lies within a billionth of a beat in front of a bar line is on it.
    pub fn bars(&self, position: Position) -> Result<Position, PositionError> {
        if let Position::Bars { .. } = position {
            self.beat(position)?;
            return Ok(position);
        }
        let beat = self.beat(position)?;
        let bar = self.map.bar_within(beat, SAME);
        let within = ((beat - bar.start) * f64::from(bar.denominator) / 4.0).max(0.0);
        Ok(Position::Bars { bar: bar.number.max(0).unsigned_abs() + 1, beat: 1.0 + within })
    }

    /// The same position in another unit.
    pub fn to(&self, unit: Unit, position: Position) -> Result<Position, PositionError> {
        match unit {
            Unit::Beats => self.beat(position).map(Position::Beats),
            Unit::Bars => self.bars(position),
            Unit::Seconds => self.seconds(position).map(Position::Seconds),
            Unit::Frames => self.frame(position).map(Position::Frames),
            Unit::Ticks => self.tick(position).map(Position::Ticks),
        }
    }

    fn division(&self, position: Position) -> Result<Division, PositionError> {
        self.division.ok_or(PositionError::NoDivision(position))
    }

    fn beat_in_bar(&self, bar: u32, beat: f64) -> Result<f64, PositionError> {
        let position = Position::Bars { bar, beat };
        let number = i32::try_from(bar - 1).map_err(|_| PositionError::Impossible(position))?;
        let start = self.map.beat_at_bar(number);
        let (length, denominator) = self.map.bar_length(number);
        let unit = 4.0 / f64::from(denominator);
        let within = (beat - 1.0) * unit;
        if within > length - SAME {
            return Err(PositionError::BeyondBar { position, beats: length / unit, denominator });
        }
        Ok(start + within)
    }
}

fn possible(position: Position) -> Result<(), PositionError> {
    let possible = match position {
        Position::Beats(value) | Position::Seconds(value) => value.is_finite() && value >= 0.0,
        Position::Bars { bar, beat } => bar >= 1 && beat.is_finite() && beat >= 1.0,
        Position::Frames(_) | Position::Ticks(_) => true,
    };
    possible.then_some(()).ok_or(PositionError::Impossible(position))
}
