//! `cabinet`: convolution with an impulse response.

use std::ops::Range;

use audio::device::{DeviceError, Setup, Tail};
use audio::{Buffer, SampleRate};
use presets::Asset;

use crate::asset;
use crate::builtin::{Channels, Engine, Model, Values};
use crate::control::{Control, Unit};
use crate::convolve::Convolver;
use crate::gain;
use crate::impulse::{self, Impulse};
use crate::smooth::Smoothed;

const CONTROLS: &[Control] = &[
    Control::new("Level", Unit::Decibels, -60.0, 24.0, 0.0),
    Control::new("Mix", Unit::Percent, 0.0, 100.0, 100.0),
    Control::switch("Normalize", true).fixed(),
    // The latency follows from it.
    Control::switch("Trim predelay", false).fixed(),
];

/// The rate at which a normalised response has an energy of 1.
const REFERENCE_RATE: f64 = 48_000.0;

/// A mono response applies to each channel by itself. A stereo one has its left side applied to the left channel and
/// its right side to the right; a mono input is heard through both, and the output is stereo. Responses of another
/// sample rate are resampled; the longest lasts 30 s.
///
/// Normalize scales the response so that its louder channel has an energy (sum of squares) of 1 at 48 kHz: white noise
/// of that rate comes out as loud as it went in. The gain at each frequency is then the same at every session rate.
/// Without it the response is used as it is.
///
/// Trim predelay takes the frames before the response comes within 1 dB of its peak, which are the way from the speaker to
/// the microphone and its own rise, for latency: so they are removed, and the sound comes when the input does. The sound
/// itself stays as it is, and so does the time between the sides of a stereo response. Without it there is no latency.
pub(crate) struct Cabinet {
    asset: Asset,
    impulse: Impulse,
}

impl Cabinet {
    pub fn new(asset: Asset) -> Result<Cabinet, DeviceError> {
        let impulse = impulse::read(&asset)?;
        Ok(Cabinet { asset, impulse })
    }

    /// The response as it is convolved with: one row an output channel.
    fn responses(&self, rate: SampleRate, channels: usize, normalize: bool) -> Result<Vec<Vec<f32>>, DeviceError> {
        let buffer =
            impulse::at_rate(&self.impulse, rate).map_err(|cause| asset::error(&self.asset, cause.to_string()))?;
        let energy = |channel: &[f32]| channel.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>();
        // Of the response as it was recorded: the session's rate must not change how loud it sounds.
        let loudest = self.impulse.buffer.channels().map(energy).fold(0.0, f64::max);
        let loudest = loudest * self.impulse.sample_rate.hz() / REFERENCE_RATE;
        let scale = if normalize { 1.0 / loudest.sqrt() } else { 1.0 };
        let row = |index: usize| {
            let channel = buffer.channel(index.min(buffer.channel_count() - 1));
            channel.iter().map(|s| (f64::from(*s) * scale) as f32).collect()
        };
        Ok((0..channels).map(row).collect())
    }
}

impl Model for Cabinet {
    fn controls(&self) -> &'static [Control] {
        CONTROLS
    }

    fn channels(&self, inputs: usize, _outputs: Option<usize>) -> Channels {
        match self.impulse.buffer.channel_count() {
            1 => Channels::same(inputs),
            _ => Channels { inputs: inputs.clamp(1, 2), outputs: 2 },
        }
    }

    fn engine(&self, setup: Setup, channels: Channels, values: &Values) -> Result<Box<dyn Engine>, DeviceError> {
        let rate = setup.sample_rate.hz();
        let responses = self.responses(setup.sample_rate, channels.outputs, values.get(2) >= 1.0)?;
        let predelay = if values.get(3) >= 1.0 { predelay(&responses) } else { 0 };
        Ok(Box::new(CabinetEngine {
            predelay,
            // What is mixed in from the input comes when the response does.
            waiting: vec![vec![0.0; predelay]; responses.len()],
            place: 0,
            frames: responses[0].len() as u64,
            convolvers: responses.iter().map(|response| Convolver::new(response)).collect(),
            level: Smoothed::new(gain::factor(values.get(0), f64::NEG_INFINITY), rate),
            mix: Smoothed::new(values.get(1) / 100.0, rate),
        }))
    }
}

/// Frames before a response arrives, of the channel in which it does so first. Round its peak a filter's response is so
/// flat that the sound arrives in the frames before it as much as in that.
fn predelay(responses: &[Vec<f32>]) -> usize {
    const NEAR_PEAK: f32 = 0.891;
    let arrival = |response: &Vec<f32>| {
        let peak = response.iter().map(|sample| sample.abs()).fold(0.0, f32::max);
        response.iter().position(|sample| sample.abs() >= NEAR_PEAK * peak).unwrap_or(0)
    };
    responses.iter().map(arrival).min().unwrap_or(0)
}

struct CabinetEngine {
    frames: u64,
    predelay: usize,
    /// By channel, what of the input is to be mixed in later, in a ring of the predelay's length.
    waiting: Vec<Vec<f32>>,
    place: usize,
    convolvers: Vec<Convolver>,
    level: Smoothed,
    mix: Smoothed,
}

impl Engine for CabinetEngine {
    /// Normalize and Trim predelay take effect at the next activation.
    fn set(&mut self, index: usize, value: f64) {
        match index {
            0 => self.level.set(gain::factor(value, f64::NEG_INFINITY)),
            1 => self.mix.set(value / 100.0),
            _ => {}
        }
    }

    fn render(&mut self, audio: &mut Buffer, frames: Range<usize>) {
        let (mut level, mut mix, mut place) = (self.level, self.mix, self.place);
        for ((channel, convolver), waiting) in audio.channels_mut().zip(&mut self.convolvers).zip(&mut self.waiting) {
            // Every channel walks the same way through the smoothed values.
            (level, mix, place) = (self.level, self.mix, self.place);
            for sample in &mut channel[frames.clone()] {
                let (level, mix) = (level.next(), mix.next());
                let wet = f64::from(convolver.process(*sample)) * level;
                if let Some(waiting) = waiting.get_mut(place) {
                    std::mem::swap(waiting, sample);
                    place = (place + 1) % self.predelay;
                }
                *sample = (f64::from(*sample) * (1.0 - mix) + wet * mix) as f32;
            }
        }
        (self.level, self.mix, self.place) = (level, mix, place);
    }

    fn reset(&mut self) {
        self.convolvers.iter_mut().for_each(Convolver::reset);
        self.waiting.iter_mut().for_each(|waiting| waiting.fill(0.0));
        self.place = 0;
        self.level.reset();
        self.mix.reset();
    }

    fn latency(&self) -> u64 {
        self.predelay as u64
    }

    fn tail(&self) -> Tail {
        Tail::Frames(self.frames - 1)
    }
}
