//! `gate`: turns down what stays below a threshold.

use std::ops::Range;

use audio::device::{DeviceError, Setup, Tail};
use audio::{Buffer, Decibels};

use crate::builtin::{Channels, Engine, Model, Values, stretch};
use crate::compressor::{keep, peak};
use crate::control::{Control, Edge, Unit};

const FULL_RANGE: f64 = -90.0;

const CONTROLS: &[Control] = &[
    Control::new("Threshold", Unit::Decibels, -90.0, 0.0, -50.0),
    Control::new("Attack", Unit::Milliseconds, 0.05, 100.0, 1.0),
    Control::new("Hold", Unit::Milliseconds, 0.0, 2000.0, 40.0),
    Control::new("Release", Unit::Milliseconds, 5.0, 4000.0, 120.0),
    Control::new("Range", Unit::Decibels, FULL_RANGE, 0.0, FULL_RANGE).edge(Edge::Lowest("-inf dB")),
];

/// An open gate closes this far below the threshold, so that a decaying note does not chatter.
const HYSTERESIS: f64 = 3.0;

/// How fast the detector forgets a peak. Slower than the period of a low E (24 ms) would hold the gate open needlessly,
/// faster would see through between its peaks; the hold covers the rest.
const DETECTOR_MS: f64 = 10.0;

/// The detector sees the peak of both channels, or of the sidechain, if a signal comes in there. Range is the level of what is turned down. Open, the signal passes bit
/// by bit. Attack is the time from closed to open in a straight line, Release the time from open down to the range (of
/// 90 dB at its lowest, where silence follows) along a straight line in decibels. A render starts with the gate closed.
pub(crate) struct Gate;

impl Model for Gate {
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
        let mut engine = GateEngine {
            settings: [0, 1, 2, 3, 4].map(|index| values.get(index)),
            rate,
            forget: keep(DETECTOR_MS, rate),
            open_at: 0.0,
            close_at: 0.0,
            rise: 0.0,
            fall: 0.0,
            floor: 0.0,
            hold: 0,
            level: 0.0,
            held: 0,
            open: false,
            gain: 0.0,
            fresh: true,
        };
        engine.prepare();
        engine.reset();
        Ok(Box::new(engine))
    }
}

struct GateEngine {
    settings: [f64; 5],
    rate: f64,
    forget: f64,
    open_at: f64,
    close_at: f64,
    rise: f64,
    fall: f64,
    floor: f64,
    hold: u64,
    level: f64,
    held: u64,
    open: bool,
    gain: f64,
    /// Nothing has sounded yet: what is set now holds from frame 0.
    fresh: bool,
}

impl GateEngine {
    fn prepare(&mut self) {
        let [threshold, attack, hold, release, range] = self.settings;
        let frames = |milliseconds: f64| (milliseconds / 1000.0 * self.rate).round().max(1.0);
        self.open_at = Decibels(threshold).gain();
        self.close_at = Decibels(threshold - HYSTERESIS).gain();
        let lowest = Decibels(range).gain();
        self.floor = if range <= FULL_RANGE { 0.0 } else { lowest };
        self.rise = (1.0 - self.floor) / frames(attack);
        self.fall = lowest.powf(1.0 / frames(release));
        self.hold = (hold / 1000.0 * self.rate).round() as u64;
    }

    fn run(&mut self, audio: &mut Buffer, key: Option<&Buffer>, frames: Range<usize>) {
        self.fresh = false;
        let start = frames.start;
        let (left, mut right) = stretch(audio, frames);
        for (frame, sample) in left.iter_mut().enumerate() {
            let peak = match key {
                Some(key) => peak(key, start + frame),
                None => sample.abs().max(right.as_ref().map_or(0.0, |right| right[frame].abs())),
            };
            let gain = self.step(f64::from(peak));
            *sample = (f64::from(*sample) * gain) as f32;
            if let Some(right) = &mut right {
                right[frame] = (f64::from(right[frame]) * gain) as f32;
            }
        }
    }

    #[inline]
    fn step(&mut self, peak: f64) -> f64 {
        self.level = (self.level * self.forget).max(peak);
        if self.level >= self.open_at {
            self.open = true;
            self.held = self.hold;
        } else if self.open && self.level < self.close_at {
            if self.held == 0 {
                self.open = false;
            } else {
                self.held -= 1;
            }
        }
        if self.open {
            self.gain = (self.gain + self.rise).min(1.0);
        } else if self.gain > self.floor {
            self.gain = (self.gain * self.fall).max(self.floor);
            // Below the lowest range is silence.
            if self.gain < 10f64.powf(FULL_RANGE / 20.0) * 0.999 {
                self.gain = self.floor;
            }
        } else {
            self.gain = self.floor;
        }
        self.gain
    }
}

impl Engine for GateEngine {
    fn set(&mut self, index: usize, value: f64) {
        self.settings[index] = value;
        self.prepare();
        if self.fresh {
            self.reset();
        }
    }

    fn render(&mut self, audio: &mut Buffer, frames: Range<usize>) {
        self.run(audio, None, frames);
    }

    fn render_keyed(&mut self, audio: &mut Buffer, key: &Buffer, frames: Range<usize>) {
        self.run(audio, Some(key), frames);
    }

    fn reset(&mut self) {
        self.level = 0.0;
        self.held = 0;
        self.open = false;
        self.gain = self.floor;
        self.fresh = true;
    }

    fn tail(&self) -> Tail {
        Tail::Frames(0)
    }
}
