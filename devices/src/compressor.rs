//! `compressor`: turns down what exceeds a threshold.
//!
//! A feed-forward design in decibels after D. Giannoulis, M. Massberg, J. Reiss, "Digital Dynamic Range Compressor
//! Design" (JAES 60/6, 2012): the static curve with a quadratic knee gives the wanted reduction, which then follows with
//! its attack or release time constant.

use std::ops::Range;

use audio::device::{DeviceError, Setup, Tail};
use audio::{Buffer, Decibels};

use crate::builtin::{Channels, Engine, Model, Values, stretch};
use crate::control::{Control, Unit};
use crate::smooth::Smoothed;

const CONTROLS: &[Control] = &[
    Control::new("Threshold", Unit::Decibels, -60.0, 0.0, -18.0),
    Control::new("Ratio", Unit::Ratio, 1.0, 100.0, 2.0),
    Control::new("Attack", Unit::Milliseconds, 0.05, 250.0, 10.0),
    Control::new("Release", Unit::Milliseconds, 5.0, 5000.0, 120.0),
    Control::new("Knee", Unit::Decibels, 0.0, 24.0, 6.0),
    Control::new("Makeup", Unit::Decibels, -24.0, 36.0, 0.0),
    Control::new("Mix", Unit::Percent, 0.0, 100.0, 100.0),
];

/// The detector sees the peak of both channels, so that the image stays in place; or that of the sidechain, if a signal
/// comes in there. Attack and Release are the times to
/// cover 63 % of a step in decibels. Mix blends the untouched signal in.
pub(crate) struct Compressor;

impl Model for Compressor {
    fn controls(&self) -> &'static [Control] {
        CONTROLS
    }

    fn channels(&self, inputs: usize, _outputs: Option<usize>) -> Channels {
        Channels::same(inputs)
    }

    fn has_sidechain(&self) -> bool {
        true
    }

    fn engine(&self, setup: Setup, _channels: Channels, values: &Values) -> Result<Box<dyn Engine>, DeviceError> {
        let rate = setup.sample_rate.hz();
        let mut engine = CompressorEngine {
            rate,
            curve: Curve { threshold: 0.0, slope: 0.0, knee: 0.0 },
            attack: 0.0,
            release: 0.0,
            makeup: Smoothed::new(1.0, rate),
            mix: Smoothed::new(1.0, rate),
            reduction: 0.0,
        };
        (0..CONTROLS.len()).for_each(|index| engine.set(index, values.get(index)));
        Ok(Box::new(engine))
    }
}

/// The static curve.
#[derive(Clone, Copy)]
struct Curve {
    threshold: f64,
    /// What remains of each decibel above the threshold, less one: 0 at 1:1, -1 at infinity.
    slope: f64,
    knee: f64,
}

impl Curve {
    /// The change of level in decibels, 0 or below, for a level in decibels.
    #[inline]
    fn reduction(&self, level: f64) -> f64 {
        let over = level - self.threshold;
        if 2.0 * over <= -self.knee {
            0.0
        } else if 2.0 * over < self.knee {
            self.slope * (over + self.knee / 2.0).powi(2) / (2.0 * self.knee)
        } else {
            self.slope * over
        }
    }
}

/// The part of a distance that is left after one frame, for a time constant.
pub(crate) fn keep(milliseconds: f64, rate: f64) -> f64 {
    (-1000.0 / (milliseconds * rate)).exp()
}

struct CompressorEngine {
    rate: f64,
    curve: Curve,
    attack: f64,
    release: f64,
    makeup: Smoothed,
    mix: Smoothed,
    /// In decibels, 0 or below.
    reduction: f64,
}

impl Engine for CompressorEngine {
    fn set(&mut self, index: usize, value: f64) {
        match index {
            0 => self.curve.threshold = value,
            1 => self.curve.slope = 1.0 / value - 1.0,
            2 => self.attack = keep(value, self.rate),
            3 => self.release = keep(value, self.rate),
            4 => self.curve.knee = value,
            5 => self.makeup.set(Decibels(value).gain()),
            _ => self.mix.set(value / 100.0),
        }
    }

    fn render(&mut self, audio: &mut Buffer, frames: Range<usize>) {
        self.run(audio, None, frames);
    }

    fn render_keyed(&mut self, audio: &mut Buffer, key: &Buffer, frames: Range<usize>) {
        self.run(audio, Some(key), frames);
    }

    fn reset(&mut self) {
        self.reduction = 0.0;
        self.makeup.reset();
        self.mix.reset();
    }

    fn tail(&self) -> Tail {
        Tail::Frames(0)
    }
}

impl CompressorEngine {
    fn run(&mut self, audio: &mut Buffer, key: Option<&Buffer>, frames: Range<usize>) {
        let start = frames.start;
        let (left, mut right) = stretch(audio, frames);
        for (frame, sample) in left.iter_mut().enumerate() {
            let peak = f64::from(match key {
                Some(key) => peak(key, start + frame),
                None => sample.abs().max(right.as_ref().map_or(0.0, |right| right[frame].abs())),
            });
            let wanted = if peak > 0.0 { self.curve.reduction(20.0 * peak.log10()) } else { 0.0 };
            let keep = if wanted < self.reduction { self.attack } else { self.release };
            self.reduction = wanted + keep * (self.reduction - wanted);
            // Released to within a billionth of a decibel is released.
            if self.reduction > -1e-9 {
                self.reduction = 0.0;
            }
            let mix = self.mix.next();
            let gain = self.makeup.next() * Decibels(self.reduction).gain() * mix + (1.0 - mix);
            *sample = (f64::from(*sample) * gain) as f32;
            if let Some(right) = &mut right {
                right[frame] = (f64::from(right[frame]) * gain) as f32;
            }
        }
    }
}

/// The highest sample of a frame over all channels.
pub(crate) fn peak(key: &Buffer, frame: usize) -> f32 {
    key.channels().fold(0.0, |peak, samples| samples[frame].abs().max(peak))
}
