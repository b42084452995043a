//! `drive`: a bent curve, at eight times the sample rate.

use std::ops::Range;

use audio::device::{DeviceError, Setup, Tail};
use audio::{Buffer, Decibels};

use crate::builtin::{Channels, Engine, Model, Values};
use crate::control::{Control, Unit};
use crate::filter::OnePole;
use crate::oversample::{History, LATENCY, Oversampler};
use crate::smooth::Smoothed;

const CONTROLS: &[Control] = &[
    Control::new("Drive", Unit::Decibels, 0.0, 60.0, 12.0),
    Control::new("Tone", Unit::Percent, 0.0, 100.0, 50.0),
    Control::new("Level", Unit::Decibels, -60.0, 24.0, 0.0),
    Control::choice("Shape", &["Tanh", "Hard", "Asymmetric"], 0).fixed(),
    Control::new("Mix", Unit::Percent, 0.0, 100.0, 100.0),
];

const TANH: usize = 0;
const HARD: usize = 1;

/// How far off its centre the asymmetric curve is worked.
const BIAS: f32 = 0.4;

/// Where the asymmetric curve's constant part is taken out.
const BLOCK_HZ: f64 = 8.0;

/// Tone tilts the sound about this frequency, by up to this much on either side.
const TILT_HZ: f64 = 800.0;
const TILT_DB: f64 = 6.0;

/// Every shape leaves quiet signals as they are (slope 1) and stays within -1 to 1 before Tone and Level. Drive is the
/// gain before the curve, with no compensation after it. Tone at 50 % is flat, below it darker, above it brighter. The
/// untouched signal that Mix blends in is delayed by the same latency.
pub(crate) struct Drive;

impl Model for Drive {
    fn controls(&self) -> &'static [Control] {
        CONTROLS
    }

    fn channels(&self, inputs: usize, _outputs: Option<usize>) -> Channels {
        Channels::same(inputs)
    }

    fn engine(&self, setup: Setup, channels: Channels, values: &Values) -> Result<Box<dyn Engine>, DeviceError> {
        let rate = setup.sample_rate.hz();
        let side = || {
            let mut side = Side {
                oversampler: Oversampler::new(),
                dry: History::new(LATENCY + 1),
                tilt: OnePole::default(),
                block: OnePole::default(),
            };
            side.tilt.tune(TILT_HZ, rate);
            side.block.tune(BLOCK_HZ, rate);
            side
        };
        let smoothed = || Smoothed::new(1.0, rate);
        let mut engine = DriveEngine {
            rate,
            sides: (0..channels.outputs).map(|_| side()).collect(),
            shape: TANH,
            drive: smoothed(),
            low: smoothed(),
            high: smoothed(),
            level: smoothed(),
            mix: smoothed(),
        };
        (0..CONTROLS.len()).for_each(|index| engine.set(index, values.get(index)));
        Ok(Box::new(engine))
    }
}

struct Side {
    oversampler: Oversampler,
    dry: History,
    tilt: OnePole,
    block: OnePole,
}

struct DriveEngine {
    rate: f64,
    sides: Vec<Side>,
    shape: usize,
    drive: Smoothed,
    low: Smoothed,
    high: Smoothed,
    level: Smoothed,
    mix: Smoothed,
}

#[inline]
fn bend(shape: usize, x: f32) -> f32 {
    match shape {
        TANH => x.tanh(),
        HARD => x.clamp(-1.0, 1.0),
        _ => {
            let rest = BIAS.tanh();
            // Scaled so that the slope at zero is 1; the wider half then ends at 1.6 and is held at 1.
            let slope = 1.0 - rest * rest;
            (((x + BIAS).tanh() - rest) / slope).clamp(-1.0, 1.0)
        }
    }
}

impl Engine for DriveEngine {
    fn set(&mut self, index: usize, value: f64) {
        match index {
            0 => self.drive.set(Decibels(value).gain()),
            1 => {
                let tilt = (value - 50.0) / 50.0 * TILT_DB;
                self.low.set(Decibels(-tilt).gain());
                self.high.set(Decibels(tilt).gain());
            }
            2 => self.level.set(Decibels(value).gain()),
            3 => self.shape = value as usize,
            _ => self.mix.set(value / 100.0),
        }
    }

    fn render(&mut self, audio: &mut Buffer, frames: Range<usize>) {
        let shape = self.shape;
        for frame in frames {
            let (drive, level, mix) = (self.drive.next(), self.level.next(), self.mix.next());
            let (low_gain, high_gain) = (self.low.next(), self.high.next());
            for (channel, side) in audio.channels_mut().zip(&mut self.sides) {
                let dry = channel[frame];
                side.dry.push(dry);
                let driven = (f64::from(dry) * drive) as f32;
                let mut wet = f64::from(side.oversampler.process(driven, |x| bend(shape, x)));
                if shape != TANH && shape != HARD {
                    wet -= side.block.low(wet);
                }
                if low_gain != 1.0 || high_gain != 1.0 {
                    let low = side.tilt.low(wet);
                    wet = low * low_gain + (wet - low) * high_gain;
                }
                let dry = f64::from(side.dry.samples()[0]);
                channel[frame] = (dry * (1.0 - mix) + wet * level * mix) as f32;
            }
        }
    }

    fn reset(&mut self) {
        for side in &mut self.sides {
            side.oversampler.reset();
            side.dry.reset();
            side.tilt.reset();
            side.block.reset();
        }
        for value in [&mut self.drive, &mut self.low, &mut self.high, &mut self.level, &mut self.mix] {
            value.reset();
        }
    }

    fn latency(&self) -> u64 {
        LATENCY as u64
    }

    /// Both filters run out after twice the latency; the asymmetric curve's constant part fades within 0.3 s.
    fn tail(&self) -> Tail {
        let fade = if self.shape == TANH || self.shape == HARD { 0.0 } else { 0.3 * self.rate };
        Tail::Frames(2 * LATENCY as u64 + fade.ceil() as u64)
    }
}
