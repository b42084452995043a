//! `gain`: the same signal, louder or softer.

use std::ops::Range;

use audio::device::{DeviceError, Setup, Tail};
use audio::{Buffer, Decibels};

use crate::builtin::{Channels, Engine, Model, Values, stretch};
use crate::control::{Control, Edge, Unit};
use crate::smooth::Smoothed;

const LOWEST: f64 = -120.0;
const CONTROLS: &[Control] = &[Control::new("Gain", Unit::Decibels, LOWEST, 24.0, 0.0).edge(Edge::Lowest("-inf dB"))];

/// The factor of a level; the lowest one is silence.
pub(crate) fn factor(decibels: f64, lowest: f64) -> f64 {
    if decibels <= lowest { 0.0 } else { Decibels(decibels).gain() }
}

pub(crate) struct Gain;

impl Model for Gain {
    fn controls(&self) -> &'static [Control] {
        CONTROLS
    }

    fn channels(&self, inputs: usize, _outputs: Option<usize>) -> Channels {
        Channels::same(inputs)
    }

    fn engine(&self, setup: Setup, _channels: Channels, values: &Values) -> Result<Box<dyn Engine>, DeviceError> {
        let gain = Smoothed::new(factor(values.get(0), LOWEST), setup.sample_rate.hz());
        Ok(Box::new(GainEngine { gain }))
    }
}

struct GainEngine {
    gain: Smoothed,
}

impl Engine for GainEngine {
    fn set(&mut self, _index: usize, value: f64) {
        self.gain.set(factor(value, LOWEST));
    }

    fn render(&mut self, audio: &mut Buffer, frames: Range<usize>) {
        apply(&mut self.gain, audio, frames);
    }

    fn reset(&mut self) {
        self.gain.reset();
    }

    fn tail(&self) -> Tail {
        Tail::Frames(0)
    }
}

/// Multiplies all channels with a smoothed factor.
pub(crate) fn apply(gain: &mut Smoothed, audio: &mut Buffer, frames: Range<usize>) {
    if gain.is_still() {
        gain.touch();
        let factor = gain.current();
        if factor == 1.0 {
            return;
        }
        for channel in audio.channels_mut() {
            channel[frames.clone()].iter_mut().for_each(|s| *s = (f64::from(*s) * factor) as f32);
        }
        return;
    }
    let (left, mut right) = stretch(audio, frames);
    for (frame, sample) in left.iter_mut().enumerate() {
        let factor = gain.next();
        *sample = (f64::from(*sample) * factor) as f32;
        if let Some(right) = &mut right {
            right[frame] = (f64::from(right[frame]) * factor) as f32;
        }
    }
}
