//! A tempo map from what a person writes down.

use audio::SampleRate;

use crate::{Clock, InvalidTempo, Position, PositionError, TempoMap, Unit};

/// Changes of tempo or meter that make no map.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("the {change} at {at}: {problem}")]
pub struct ChangesError {
    /// In which list.
    pub change: Change,
    /// Which entry of it, from 0.
    pub entry: usize,
    /// Where that entry stands.
    pub at: Position,
    /// What is wrong.
    #[source]
    pub problem: ChangeProblem,
}

/// The two lists of [`TempoMap::from_changes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The first.
    Tempo,
    /// The second.
    Meter,
}

/// What is wrong with a change of tempo or meter.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ChangeProblem {
    /// Nothing is said of the time in front of it.
    #[error("it is the first and not at the start. Say what holds from the start, at 0b")]
    NotAtStart,
    /// It is in frames or ticks.
    #[error("tempo and meter change at beats (32b), bars (9.1) or seconds (12.5s), not at frames or ticks")]
    Unit,
    /// It stands in front of the entry before it, or at the same place.
    #[error("it does not stand behind the one before it, at {0}. Sort them, and have one at a place")]
    Unsorted(Position),
    /// The music has no such place.
    #[error(transparent)]
    Position(PositionError),
    /// Its tempo is impossible.
    #[error(transparent)]
    Tempo(InvalidTempo),
    /// Its meter is impossible.
    #[error("a meter of {0}/{1} is none: 1 to 255 beats, of a note whose part is a power of two up to 256")]
    Meter(u16, u16),
}

/// Places nearer than this many beats are one.
const SAME: f64 = 1e-9;

impl TempoMap {
    /// From changes of tempo (quarter notes a minute, 1 to 10,000) and of meter (beats in a bar, 1 to 255, and their unit,
    /// a power of two up to 256).
    ///
    /// Positions are in beats, bars or seconds, and may be mixed; those in bars count the bars that the changes before
    /// them make, and a meter that begins within a bar cuts it short. Each list rises strictly and begins at the start;
    /// an empty one means 120 quarter notes a minute or 4/4.
    pub fn from_changes(tempos: &[(Position, f64)], meters: &[(Position, u16, u16)]) -> Result<TempoMap, ChangesError> {
        let mut map = TempoMap::default();
        let mut last: [Option<(f64, Position)>; 2] = [None, None];
        let (mut tempo, mut meter) = (0, 0);
        // The map holds up to the nearer of the two changes that are due, so that this one's place is known.
        while tempo < tempos.len() || meter < meters.len() {
            let next = |change, entry: usize, at: Option<Position>| {
                at.map(|at| place(&map, at).map_err(|problem| ChangesError { change, entry, at, problem })).transpose()
            };
            let tempo_beat = next(Change::Tempo, tempo, tempos.get(tempo).map(|t| t.0));
            let meter_beat = next(Change::Meter, meter, meters.get(meter).map(|m| m.0));
            // What has no place yet may get one by the other change: a long bar by its meter.
            let tempo_first = match (&tempo_beat, &meter_beat) {
                (Ok(Some(tempo)), Ok(Some(meter))) => tempo < meter,
                (Ok(Some(_)), _) => true,
                (Err(_), Ok(None) | Err(_)) => true,
                _ => false,
            };
            if tempo_first {
                let beat = tempo_beat?.expect("a tempo is due");
                let (at, bpm) = tempos[tempo];
                let fail = |problem| ChangesError { change: Change::Tempo, entry: tempo, at, problem };
                follows(&mut last[0], beat, at).map_err(fail)?;
                map.change_tempo(beat, bpm).map_err(|error| fail(ChangeProblem::Tempo(error)))?;
                tempo += 1;
            } else {
                let beat = meter_beat?.expect("a meter is due");
                let (at, numerator, denominator) = meters[meter];
                let fail = |problem| ChangesError { change: Change::Meter, entry: meter, at, problem };
                follows(&mut last[1], beat, at).map_err(fail)?;
                if !(1..=255).contains(&numerator) || !denominator.is_power_of_two() || denominator > 256 {
                    return Err(fail(ChangeProblem::Meter(numerator, denominator)));
                }
                map.change_meter(beat, numerator, denominator);
                meter += 1;
            }
        }
        Ok(map)
    }
}

/// The beat of a change under the changes before it.
fn place(map: &TempoMap, at: Position) -> Result<f64, ChangeProblem> {
    match at.unit() {
        Unit::Frames | Unit::Ticks => Err(ChangeProblem::Unit),
        // No frames come in, so that the rate makes no difference.
        Unit::Beats | Unit::Bars | Unit::Seconds => {
            Clock::new(map, SampleRate(48_000)).beat(at).map_err(ChangeProblem::Position)
        }
    }
}

fn follows(last: &mut Option<(f64, Position)>, beat: f64, at: Position) -> Result<(), ChangeProblem> {
    match *last {
        None if beat > SAME => return Err(ChangeProblem::NotAtStart),
        Some((before, position)) if beat <= before + SAME => return Err(ChangeProblem::Unsorted(position)),
        _ => *last = Some((beat, at)),
    }
    Ok(())
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Change::Tempo => "tempo change",
            Change::Meter => "meter change",
        })
    }
}
