//! `limiter`: keeps the true peak under a ceiling, looking ahead.

use std::ops::Range;

use audio::Buffer;
use audio::device::{DeviceError, Setup, Tail};
use audio::limit::{Limiter as Limiting, Limiting as Settings};

use crate::builtin::{Channels, Engine, Model, Values};
use crate::control::{Control, Unit};

const CONTROLS: &[Control] = &[
    Control::new("Ceiling", Unit::Decibels, -24.0, 0.0, -1.0),
    Control::new("Release", Unit::Milliseconds, 1.0, 5000.0, 100.0),
    // The latency follows from it.
    Control::new("Lookahead", Unit::Milliseconds, 0.5, 50.0, 5.0).fixed(),
];

/// Ceiling is a true peak in dBTP, Release the time in which the gain recovers by 63 %. Both channels get one gain, so that
/// the image stays in place.
pub(crate) struct Limiter;

impl Model for Limiter {
    fn controls(&self) -> &'static [Control] {
        CONTROLS
    }

    fn channels(&self, inputs: usize, _outputs: Option<usize>) -> Channels {
        Channels::same(inputs)
    }

    fn engine(&self, setup: Setup, channels: Channels, values: &Values) -> Result<Box<dyn Engine>, DeviceError> {
        let settings = Settings {
            ceiling_dbtp: values.get(0),
            release_seconds: values.get(1) / 1000.0,
            lookahead_seconds: values.get(2) / 1000.0,
        };
        Ok(Box::new(LimiterEngine(Limiting::new(channels.outputs, setup.sample_rate, settings))))
    }
}

struct LimiterEngine(Limiting);

impl Engine for LimiterEngine {
    fn set(&mut self, index: usize, value: f64) {
        match index {
            0 => self.0.set_ceiling(value),
            1 => self.0.set_release(value / 1000.0),
            // Fixed while active.
            _ => {}
        }
    }

    fn render(&mut self, audio: &mut Buffer, frames: Range<usize>) {
        self.0.process(audio, frames);
    }

    fn reset(&mut self) {
        self.0.reset();
    }

    fn latency(&self) -> u64 {
        self.0.latency() as u64
    }

    fn tail(&self) -> Tail {
        Tail::Frames(0)
    }
}
