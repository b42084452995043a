//! `pan`: places a mono signal between two speakers, or shifts the balance of a stereo one.

use std::f64::consts::{FRAC_PI_2, FRAC_PI_4};
use std::ops::Range;

use audio::Buffer;
use audio::device::{DeviceError, Setup, Tail};

use crate::builtin::{Channels, Engine, Model, Values, stretch};
use crate::control::{Control, Unit};
use crate::smooth::Smoothed;

const CONTROLS: &[Control] = &[Control::new("Pan", Unit::Pan, -100.0, 100.0, 0.0)];

/// The output is always stereo. A mono input is panned at constant power: 3 dB down on both sides in the centre. A
/// stereo input is balanced: unchanged in the centre, the side turned away from falls to silence along a quarter cosine.
pub(crate) struct Pan;

impl Model for Pan {
    fn controls(&self) -> &'static [Control] {
        CONTROLS
    }

    fn channels(&self, inputs: usize, _outputs: Option<usize>) -> Channels {
        Channels { inputs: inputs.clamp(1, 2), outputs: 2 }
    }

    fn engine(&self, setup: Setup, channels: Channels, values: &Values) -> Result<Box<dyn Engine>, DeviceError> {
        let mono = channels.inputs == 1;
        let [left, right] = sides(mono, values.get(0)).map(|gain| Smoothed::new(gain, setup.sample_rate.hz()));
        Ok(Box::new(PanEngine { mono, left, right }))
    }
}

/// The factors of the left and the right side.
fn sides(mono: bool, pan: f64) -> [f64; 2] {
    let pan = pan / 100.0;
    if mono {
        match pan {
            -1.0 => [1.0, 0.0],
            1.0 => [0.0, 1.0],
            _ => [((pan + 1.0) * FRAC_PI_4).cos(), ((pan + 1.0) * FRAC_PI_4).sin()],
        }
    } else {
        let away = if pan.abs() == 1.0 { 0.0 } else { (pan.abs() * FRAC_PI_2).cos() };
        if pan > 0.0 { [away, 1.0] } else { [1.0, away] }
    }
}

struct PanEngine {
    mono: bool,
    left: Smoothed,
    right: Smoothed,
}

impl Engine for PanEngine {
    fn set(&mut self, _index: usize, value: f64) {
        let [left, right] = sides(self.mono, value);
        self.left.set(left);
        self.right.set(right);
    }

    fn render(&mut self, audio: &mut Buffer, frames: Range<usize>) {
        let (left, right) = stretch(audio, frames);
        let right = right.expect("the output of pan is stereo");
        for (left, right) in left.iter_mut().zip(right) {
            *left = (f64::from(*left) * self.left.next()) as f32;
            *right = (f64::from(*right) * self.right.next()) as f32;
        }
    }

    fn reset(&mut self) {
        self.left.reset();
        self.right.reset();
    }

    fn tail(&self) -> Tail {
        Tail::Frames(0)
    }
}
