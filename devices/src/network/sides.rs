//! Two channels apart, in one engine: both sides of a signal through one model, each with a history of its own.

use std::ops::Range;

use audio::Buffer;
use audio::device::{DeviceError, Tail};
use neural::Network;
use neural::rnn::Batch;

use super::{Start, start};
use crate::builtin::{Engine, Values};

/// Starts two networks of one model that play together, at the session's rate, without gains.
pub(crate) fn start_pair(mut batch: Batch, count: usize, values: &Values, start: Start) -> Box<dyn Engine> {
    for index in 0..count {
        for clip in 0..batch.clips() {
            batch.set_control(clip, index, values.get(start.controls + index) as f32);
        }
    }
    let scratch = [0, 1].map(|_| vec![0.0; start.setup.max_block]);
    Box::new(Pair { batch, controls: start.controls, scratch, remarks: start.remarks })
}

/// Starts two networks of one model one beside the other, each with all that stands round it.
pub(crate) fn start_each(
    networks: [Box<dyn Network>; 2],
    count: usize,
    values: &Values,
    with: Start,
) -> Result<Box<dyn Engine>, DeviceError> {
    let side = Buffer::new(1, with.setup.max_block);
    let [left, right] = networks;
    let players = [start(left, count, values, with.clone())?, start(right, count, values, with)?];
    Ok(Box::new(Each { players, side }))
}

struct Pair {
    batch: Batch,
    controls: usize,
    scratch: [Vec<f32>; 2],
    remarks: Vec<String>,
}

impl Engine for Pair {
    fn set(&mut self, index: usize, value: f64) {
        let Some(index) = index.checked_sub(self.controls) else { return };
        (0..self.batch.clips()).for_each(|clip| self.batch.set_control(clip, index, value as f32));
    }

    fn render(&mut self, audio: &mut Buffer, frames: Range<usize>) {
        let mut sides = audio.channels_mut().map(|samples| &mut samples[frames.clone()]);
        let mut side = || sides.next().expect("there are two channels");
        let mut outputs = [side(), side()];
        for (input, output) in self.scratch.iter_mut().zip(&outputs) {
            input[..output.len()].copy_from_slice(output);
        }
        let inputs = self.scratch.each_ref().map(|input| &input[..frames.len()]);
        self.batch.process(&inputs, &mut outputs);
    }

    fn reset(&mut self) {
        self.batch.reset();
    }

    /// A recurrent network may remember for ever.
    fn tail(&self) -> Tail {
        Tail::Unknown
    }

    fn remarks(&self) -> Vec<String> {
        self.remarks.clone()
    }
}

struct Each {
    players: [Box<dyn Engine>; 2],
    /// One channel on its way.
    side: Buffer,
}

impl Engine for Each {
    fn set(&mut self, index: usize, value: f64) {
        self.players.iter_mut().for_each(|player| player.set(index, value));
    }

    fn render(&mut self, audio: &mut Buffer, frames: Range<usize>) {
        for (player, channel) in self.players.iter_mut().zip(audio.channels_mut()) {
            let samples = &mut channel[frames.clone()];
            self.side.channel_mut(0)[..samples.len()].copy_from_slice(samples);
            player.render(&mut self.side, 0..samples.len());
            samples.copy_from_slice(&self.side.channel(0)[..samples.len()]);
        }
    }

    fn reset(&mut self) {
        self.players.iter_mut().for_each(|player| player.reset());
    }

    fn latency(&self) -> u64 {
        self.players[0].latency()
    }

    fn tail(&self) -> Tail {
        self.players[0].tail()
    }

    fn remarks(&self) -> Vec<String> {
        self.players[0].remarks()
    }
}
