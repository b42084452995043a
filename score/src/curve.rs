//! A value that changes over the frames of the music.

use audio::EventBody;
use audio::device::ParameterId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::TimedEvent;

/// How a curve runs from a point to the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// The value stays until the next point.
    #[default]
    Hold,
    /// In a straight line.
    Linear,
    /// By the same factor every frame: a straight line in decibels or octaves. Both ends have one sign and are not 0.
    Exponential,
}

/// One point of a curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CurvePoint {
    /// Frames from the start of the music.
    pub frame: u64,
    /// The value from this frame on, in whatever unit the curve has.
    pub value: f64,
    /// How the curve runs from here to the next point; says nothing at the last one.
    #[serde(default)]
    pub shape: Shape,
}

/// A value at every frame of the music.
///
/// In front of the first point it has that point's value, behind the last one that one's. Where several points stand at
/// one frame, the last of them holds from there: a step. What a frame has depends on the points alone, never on how the
/// music is cut into blocks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "Vec<CurvePoint>", into = "Vec<CurvePoint>")]
pub struct Curve {
    /// At least one; frames never fall.
    points: Vec<CurvePoint>,
}

/// Points that make no curve. Points count from 0.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum CurveError {
    /// There are none.
    #[error("a curve needs at least one point")]
    Empty,
    /// A value is no number, infinite, or beyond what samples can hold.
    #[error("point {point} has the value {value}, which is not a finite number that a sample could hold")]
    NotFinite {
        /// The point.
        point: usize,
        /// What it has.
        value: f64,
    },
    /// A point stands in front of the one before it.
    #[error(
        "point {point} at frame {frame} stands in front of the point before it, at frame {before}. Sort the points"
    )]
    Unsorted {
        /// The point.
        point: usize,
        /// Where it stands.
        frame: u64,
        /// Where the one before it stands.
        before: u64,
    },
    /// An exponential part touches 0 or changes sign.
    #[error(
        "an exponential curve cannot run from {from} (point {point}) to {to}: both must have one sign and be away from \
         0. Begin or end a little beside 0, or make it linear"
    )]
    Exponential {
        /// The point that it begins at.
        point: usize,
        /// The value there.
        from: f64,
        /// The value of the next point.
        to: f64,
    },
}

/// What a curve does over a run of frames: everything needed for a value, found once.
#[derive(Clone, Copy)]
enum Run {
    Constant(f64),
    /// `frames` is the whole length of the part, counted from the point at `start`.
    Linear {
        start: i64,
        frames: f64,
        from: f64,
        rise: f64,
    },
    Exponential {
        start: i64,
        frames: f64,
        from: f64,
        octaves: f64,
        lowest: f64,
        highest: f64,
    },
}

impl Curve {
    /// One value throughout. It is finite.
    pub fn constant(value: f64) -> Curve {
        debug_assert!(value.is_finite());
        Curve { points: vec![CurvePoint { frame: 0, value, shape: Shape::Hold }] }
    }

    /// A curve through points, which are sorted by frame; values are finite and at most `f32::MAX` in size. Exponential
    /// parts run between values of one sign of at least `f32::MIN_POSITIVE` in size.
    pub fn new(points: Vec<CurvePoint>) -> Result<Curve, CurveError> {
        if points.is_empty() {
            return Err(CurveError::Empty);
        }
        for (point, &CurvePoint { value, .. }) in points.iter().enumerate() {
            // A NaN is in no range.
            if !(-f64::from(f32::MAX)..=f64::from(f32::MAX)).contains(&value) {
                return Err(CurveError::NotFinite { point, value });
            }
        }
        for (point, pair) in points.windows(2).enumerate() {
            let (from, to) = (pair[0], pair[1]);
            if to.frame < from.frame {
                return Err(CurveError::Unsorted { point: point + 1, frame: to.frame, before: from.frame });
            }
            let away = |value: f64| value.abs() >= f64::from(f32::MIN_POSITIVE);
            let possible = away(from.value) && away(to.value) && (from.value > 0.0) == (to.value > 0.0);
            if from.shape == Shape::Exponential && to.frame > from.frame && !possible {
                return Err(CurveError::Exponential { point, from: from.value, to: to.value });
            }
        }
        Ok(Curve { points })
    }

    /// Its points.
    pub fn points(&self) -> &[CurvePoint] {
        &self.points
    }

    /// The value at a frame. At a point's frame it is exactly that point's.
    pub fn at(&self, frame: i64) -> f64 {
        self.run(frame).0.at(frame)
    }

    /// Its value if it has but one.
    pub fn constant_value(&self) -> Option<f64> {
        let first = self.points[0].value;
        self.points.iter().all(|point| point.value == first).then_some(first)
    }

    /// One value for each frame from `start` on: [`at`](Curve::at), rounded to a sample. Where they are all the same,
    /// that value is returned and nothing is written.
    pub fn fill(&self, start: i64, out: &mut [f32]) -> Option<f32> {
        let end = start.saturating_add(out.len() as i64);
        let (first, mut until) = self.run(start);
        if let Run::Constant(value) = first {
            let same = loop {
                match until {
                    Some(next) if next < end => match self.run(next) {
                        (Run::Constant(other), behind) if other as f32 == value as f32 => until = behind,
                        _ => break false,
                    },
                    _ => break true,
                }
            };
            if same {
                return Some(value as f32);
            }
        }
        let (mut at, mut rest) = (start, out);
        while !rest.is_empty() {
            let (run, until) = self.run(at);
            let frames = until.map_or(rest.len(), |until| rest.len().min(until.saturating_sub(at) as usize));
            let (now, later) = rest.split_at_mut(frames);
            run.fill(at, now);
            rest = later;
            at += frames as i64;
        }
        None
    }

    /// The curve as changes of a device's parameter: its value at frame 0, then one change at each point and, where it
    /// rises or falls, one at every frame that is a multiple of `grid` (0 counts as 1). None repeats the value before
    /// it. Frames count from the start of the music, so that blocks make no difference.
    pub fn events(&self, id: ParameterId, grid: u64) -> Vec<TimedEvent> {
        let grid = grid.max(1);
        let mut events: Vec<TimedEvent> = Vec::new();
        let mut last = None;
        let mut put = |frame: u64, value: f64| {
            if last != Some(value) {
                events.push(TimedEvent { frame, body: EventBody::Parameter { id, value } });
                last = Some(value);
            }
        };
        let mut frame = 0u64;
        loop {
            let (run, until) = self.run(frame as i64);
            put(frame, run.at(frame as i64));
            let Some(until) = until.map(|until| until as u64) else { return events };
            if !matches!(run, Run::Constant(_)) {
                let mut at = (frame / grid + 1) * grid;
                while at < until {
                    put(at, run.at(at as i64));
                    at += grid;
                }
            }
            frame = until;
        }
    }

    /// What the curve does at a frame, and the first frame at which it does something else.
    fn run(&self, frame: i64) -> (Run, Option<i64>) {
        let position = |point: &CurvePoint| i64::try_from(point.frame).unwrap_or(i64::MAX);
        let next = self.points.partition_point(|point| position(point) <= frame);
        let until = self.points.get(next).map(position);
        if next == 0 {
            return (Run::Constant(self.points[0].value), until);
        }
        let point = self.points[next - 1];
        let Some(to) = self.points.get(next) else { return (Run::Constant(point.value), None) };
        let (start, frames, from) = (position(&point), (to.frame - point.frame) as f64, point.value);
        let run = match point.shape {
            Shape::Linear if to.value != from => Run::Linear { start, frames, from, rise: to.value - from },
            Shape::Exponential if to.value != from => {
                let (lowest, highest) = (from.min(to.value), from.max(to.value));
                Run::Exponential { start, frames, from, octaves: (to.value / from).log2(), lowest, highest }
            }
            _ => Run::Constant(from),
        };
        (run, until)
    }
}

impl TryFrom<Vec<CurvePoint>> for Curve {
    type Error = CurveError;

    fn try_from(points: Vec<CurvePoint>) -> Result<Curve, CurveError> {
        Curve::new(points)
    }
}

impl From<Curve> for Vec<CurvePoint> {
    fn from(curve: Curve) -> Vec<CurvePoint> {
        curve.points
    }
}

impl Run {
    #[inline]
    fn at(self, frame: i64) -> f64 {
        match self {
            Run::Constant(value) => value,
            Run::Linear { start, frames, from, rise } => linear((frame - start) as f64 / frames, from, rise),
            Run::Exponential { start, frames, from, octaves, lowest, highest } => {
                exponential((frame - start) as f64 / frames, from, octaves, lowest, highest)
            }
        }
    }

    /// Exactly what [`at`](Run::at) gives for each frame, in loops that the compiler turns into vector instructions.
    fn fill(self, first: i64, out: &mut [f32]) {
        // Within a piece a frame's number fits 32 bits, which convert fast.
        const PIECE: usize = 1 << 16;
        for (piece, out) in out.chunks_mut(PIECE).enumerate() {
            let first = first + (piece * PIECE) as i64;
            match self {
                Run::Constant(value) => out.fill(value as f32),
                Run::Linear { start, frames, from, rise } => {
                    let begin = (first - start) as f64;
                    for (n, out) in out.iter_mut().enumerate() {
                        *out = linear((begin + f64::from(n as i32)) / frames, from, rise) as f32;
                    }
                }
                Run::Exponential { start, frames, from, octaves, lowest, highest } => {
                    let begin = (first - start) as f64;
                    for (n, out) in out.iter_mut().enumerate() {
                        let part = (begin + f64::from(n as i32)) / frames;
                        *out = exponential(part, from, octaves, lowest, highest) as f32;
                    }
                }
            }
        }
    }
}

#[inline]
fn linear(part: f64, from: f64, rise: f64) -> f64 {
    from + rise * part
}

/// Rounding never carries a value beyond the ends.
#[inline]
fn exponential(part: f64, from: f64, octaves: f64, lowest: f64, highest: f64) -> f64 {
    (from * exp2(octaves * part)).max(lowest).min(highest)
}

/// Two to the power `x`, for sizes of `x` below 1,000, within 4e-16 of the true value in relation to it. The library's
/// own is a call for each number and differs from machine to machine.
#[inline]
fn exp2(x: f64) -> f64 {
    // At this size a float's last bit is worth 1, so that the sum holds the nearest whole number in its low bits.
    const WHOLE: f64 = 6_755_399_441_055_744.0;
    /// One over the factorials from 0 to 12: the series of e to the power of at most half of ln 2 ends there.
    const SERIES: [f64; 13] = [
        1.0,
        1.0,
        1.0 / 2.0,
        1.0 / 6.0,
        1.0 / 24.0,
        1.0 / 120.0,
        1.0 / 720.0,
        1.0 / 5_040.0,
        1.0 / 40_320.0,
        1.0 / 362_880.0,
        1.0 / 3_628_800.0,
        1.0 / 39_916_800.0,
        1.0 / 479_001_600.0,
    ];
    let rounded = x + WHOLE;
    let rest = (x - (rounded - WHOLE)) * std::f64::consts::LN_2;
    let mut sum = SERIES[12];
    for term in SERIES[..12].iter().rev() {
        sum = sum * rest + term;
    }
    f64::from_bits((rounded.to_bits() << 52).wrapping_add(1.0f64.to_bits())) * sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_power_of_two_is_as_near_as_floats_can_be() {
        let mut worst = 0.0f64;
        for n in -260_000..=260_000 {
            let x = f64::from(n) / 1_000.0 + 1e-5;
            worst = worst.max((exp2(x) / x.exp2() - 1.0).abs());
        }
        assert!(worst < 5e-16, "{worst:e}");
        for n in -254..=254 {
            assert_eq!(exp2(f64::from(n)), 2f64.powi(n));
        }
    }
}
