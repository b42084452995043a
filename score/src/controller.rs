//! A controller of a song as the course of a value.

use audio::SampleRate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::merge::merged;
use crate::{Curve, CurvePoint, Shape, Song, TempoMap, TrackEventBody};

/// A controller of a song, and the range of values that it drives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ControllerMap {
    /// Which controller.
    pub controller: Controller,
    /// On which channel, from 0.
    pub channel: u8,
    /// Only in these tracks, from 0; empty for all.
    #[serde(default)]
    pub tracks: Vec<u16>,
    /// The value at the controller's lowest, in the unit of what it drives.
    pub low: f64,
    /// The value at its highest; it may be the lower one.
    pub high: f64,
    /// The way from the one to the other.
    #[serde(default)]
    pub scale: Scale,
}

/// What can drive a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Controller {
    /// A controller of 7 bits, 0 to 127.
    Control(u8),
    /// A controller of 14 bits: the coarse one, 0 to 31, and the fine one that is 32 higher. A coarse value takes back
    /// the fine one to 0, as MIDI has it.
    Fine(u8),
    /// The pitch bend; its middle is the middle of the range.
    Bend,
    /// The pressure of the channel.
    Pressure,
}

/// The way from a range's lowest to its highest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// Each step adds the same.
    #[default]
    Linear,
    /// Each step multiplies by the same, as suits frequencies and times. Both ends have one sign and are not 0.
    Exponential,
}

/// A controller that drives nothing.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ControllerError {
    /// There is no such controller or channel.
    #[error("there is no {0:?} on channel {1}: controllers go from 0 to 127, those of 14 bits to 31, channels to 15")]
    Unknown(Controller, u8),
    /// An end of the range is no finite number that a sample could hold.
    #[error("a range of {0} to {1} is not finite")]
    NotFinite(f64, f64),
    /// An exponential range touches 0 or changes sign.
    #[error("an exponential range cannot go from {0} to {1}: both must have one sign and be away from 0")]
    Exponential(f64, f64),
}

impl ControllerMap {
    /// Fails if something in it is out of range.
    pub fn check(&self) -> Result<(), ControllerError> {
        let known = match self.controller {
            Controller::Control(number) => number < 128,
            Controller::Fine(number) => number < 32,
            Controller::Bend | Controller::Pressure => true,
        };
        let ends = [self.low, self.high];
        let away = |value: &f64| value.abs() >= f64::from(f32::MIN_POSITIVE);
        if !known || self.channel > 15 {
            Err(ControllerError::Unknown(self.controller, self.channel))
        } else if !ends.iter().all(|end| end.abs() <= f64::from(f32::MAX)) {
            Err(ControllerError::NotFinite(self.low, self.high))
        } else if self.scale == Scale::Exponential && !(ends.iter().all(away) && (self.low > 0.0) == (self.high > 0.0))
        {
            Err(ControllerError::Exponential(self.low, self.high))
        } else {
            Ok(())
        }
    }

    /// The value at a part of the way, 0 to 1.
    fn value(&self, part: f64) -> f64 {
        let (low, high) = (self.low, self.high);
        if part >= 1.0 {
            return high;
        }
        match self.scale {
            Scale::Linear => low + (high - low) * part,
            Scale::Exponential => low * (high / low).powf(part),
        }
    }

    /// The part of the way that a message sets, if it does. `coarse` is what a fine controller builds on.
    fn part(&self, [status, first, second]: [u8; 3], coarse: &mut u8) -> Option<f64> {
        let kind = status >> 4;
        match self.controller {
            Controller::Control(number) if kind == 0xb && first == number => Some(f64::from(second) / 127.0),
            Controller::Fine(number) if kind == 0xb && first == number => {
                *coarse = second;
                Some(fourteen(second, 0) / 16_383.0)
            }
            Controller::Fine(number) if kind == 0xb && first == number + 32 => {
                Some(fourteen(*coarse, second) / 16_383.0)
            }
            // There is one step less above the middle than below it.
            Controller::Bend if kind == 0xe => Some(match fourteen(second, first) - 8_192.0 {
                down @ ..=0.0 => 0.5 + down / 16_384.0,
                up => 0.5 + up / 16_382.0,
            }),
            Controller::Pressure if kind == 0xd => Some(f64::from(first) / 127.0),
            _ => None,
        }
    }
}

fn fourteen(high: u8, low: u8) -> f64 {
    f64::from(u16::from(high) << 7 | u16::from(low))
}

impl Song {
    /// The values that a controller sets, by frame, nearest to its time. Of several at one frame the last counts, so that
    /// both halves of a fine value at one tick are one; a value that repeats the one before is left out. Empty where the
    /// controller is not used.
    pub fn cc_events(
        &self,
        map: &ControllerMap,
        tempo: &TempoMap,
        sample_rate: SampleRate,
    ) -> Result<Vec<(u64, f64)>, ControllerError> {
        map.check()?;
        let mut coarse = 0;
        let mut values: Vec<(u64, f64)> = Vec::new();
        for event in merged(self) {
            let TrackEventBody::Midi { bytes } = *event.body else { continue };
            let wanted = map.tracks.is_empty() || map.tracks.contains(&event.track);
            if !wanted || bytes[0] & 15 != map.channel {
                continue;
            }
            let Some(part) = map.part(bytes, &mut coarse) else { continue };
            let frame = sample_rate.frames(self.seconds_at_tick(event.tick, tempo));
            let value = map.value(part);
            match values.last_mut() {
                Some(last) if last.0 == frame => last.1 = value,
                _ => values.push((frame, value)),
            }
        }
        values.dedup_by(|next, last| next.1 == last.1);
        Ok(values)
    }

    /// Likewise as a curve that holds each value until the next; in front of the first it has the first. `None` where the
    /// controller is not used.
    pub fn cc_curve(
        &self,
        map: &ControllerMap,
        tempo: &TempoMap,
        sample_rate: SampleRate,
    ) -> Result<Option<Curve>, ControllerError> {
        let values = self.cc_events(map, tempo, sample_rate)?;
        let points = values.into_iter().map(|(frame, value)| CurvePoint { frame, value, shape: Shape::Hold });
        let points: Vec<CurvePoint> = points.collect();
        Ok((!points.is_empty()).then(|| Curve::new(points).expect("values are finite and sorted by frame")))
    }
}
