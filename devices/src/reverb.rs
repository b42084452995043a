//! `reverb`: a room about the signal.
//!
//! The network in [`fdn`](crate::fdn) is our own: `fundsp`, which has one too, brings some thirty crates and blocks of 64
//! frames that would have to be hidden again, and its decay is set for the network as a whole, not per line.

use std::ops::Range;

use audio::Buffer;
use audio::device::{DeviceError, Setup, Tail};

use crate::builtin::{Channels, Engine, Model, Values, stretch};
use crate::control::{Control, Unit};
use crate::fdn::{Network, Room};
use crate::smooth::Smoothed;

const LONGEST_PRE_DELAY_MS: f64 = 250.0;

const CONTROLS: &[Control] = &[
    Control::new("Decay", Unit::Seconds, 0.1, 20.0, 1.8),
    Control::new("Size", Unit::Percent, 0.0, 100.0, 60.0).fixed(),
    Control::new("Damping", Unit::Percent, 0.0, 100.0, 40.0),
    Control::new("Pre-Delay", Unit::Milliseconds, 0.0, LONGEST_PRE_DELAY_MS, 12.0).fixed(),
    Control::new("Mix", Unit::Percent, 0.0, 100.0, 20.0),
];

/// Decay is the time in which low frequencies fall by 60 dB. Mix goes from the input alone to the room alone in a
/// straight line; steady noise is as loud in the room as outside.
pub(crate) struct Reverb;

impl Model for Reverb {
    fn controls(&self) -> &'static [Control] {
        CONTROLS
    }

    fn channels(&self, inputs: usize, outputs: Option<usize>) -> Channels {
        Channels::widening(inputs, outputs)
    }

    fn engine(&self, setup: Setup, _channels: Channels, values: &Values) -> Result<Box<dyn Engine>, DeviceError> {
        let rate = setup.sample_rate.hz();
        let room = Room { decay: values.get(0), size: values.get(1) / 100.0, damping: values.get(2) / 100.0 };
        let longest = (LONGEST_PRE_DELAY_MS / 1000.0 * rate).ceil() as usize + 1;
        let mut engine = ReverbEngine {
            rate,
            room,
            network: Network::new(rate, room),
            before: vec![[0.0; 2]; longest],
            position: 0,
            pre_delay: 0,
            mix: Smoothed::new(values.get(4) / 100.0, rate),
        };
        engine.set(3, values.get(3));
        Ok(Box::new(engine))
    }
}

struct ReverbEngine {
    rate: f64,
    room: Room,
    network: Network,
    before: Vec<[f32; 2]>,
    position: usize,
    pre_delay: usize,
    mix: Smoothed,
}

impl Engine for ReverbEngine {
    fn set(&mut self, index: usize, value: f64) {
        match index {
            0 => self.room.decay = value,
            1 => self.room.size = value / 100.0,
            2 => self.room.damping = value / 100.0,
            3 => self.pre_delay = (value / 1000.0 * self.rate).round() as usize,
            _ => self.mix.set(value / 100.0),
        }
        if index <= 2 {
            self.network.furnish(self.room);
        }
    }

    fn render(&mut self, audio: &mut Buffer, frames: Range<usize>) {
        let (left, mut right) = stretch(audio, frames);
        for (frame, sample) in left.iter_mut().enumerate() {
            let mono = right.is_none();
            let other = right.as_ref().map_or(*sample, |right| right[frame]);
            self.before[self.position] = [*sample, other];
            let length = self.before.len();
            let [a, b] = self.before[(self.position + length - self.pre_delay) % length];
            self.position = (self.position + 1) % length;
            let (wet_left, wet_right) = self.network.process(a, b);
            let mix = self.mix.next();
            let mixed = |dry: f32, wet: f32| (f64::from(dry) * (1.0 - mix) + f64::from(wet) * mix) as f32;
            if mono {
                // Two sides that have nothing in common add up by power.
                *sample = mixed(*sample, (wet_left + wet_right) * std::f32::consts::FRAC_1_SQRT_2);
            }
            if let Some(right) = &mut right {
                *sample = mixed(*sample, wet_left);
                right[frame] = mixed(other, wet_right);
            }
        }
    }

    fn reset(&mut self) {
        self.network.reset();
        self.before.fill([0.0; 2]);
        self.position = 0;
        self.mix.reset();
    }

    /// Until full scale is 120 dB down, which takes twice the decay.
    fn tail(&self) -> Tail {
        if self.mix.current() == 0.0 && self.mix.is_still() {
            return Tail::Frames(0);
        }
        Tail::Frames(
            (2.0 * self.room.decay * self.rate).ceil() as u64 + self.pre_delay as u64 + (0.2 * self.rate) as u64,
        )
    }
}
