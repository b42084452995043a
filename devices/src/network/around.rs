//! A network at a sample rate of its own within a session of another.
//!
//! The signal goes to the network's rate, through the network, and back. Both changes of rate leave every instant where it
//! is; what they need to know of the sound to come makes the whole late by a number of session frames that is always the
//! same, and that is reported. The network hears a little silence before the first frame, so that nothing of the filters'
//! beginnings is cut off and its own output for silence is there to begin with.

use std::collections::VecDeque;

use neural::Network;

use super::stage::{Stage, half, lowest_terms};

/// Most changes of controls that are kept without taking memory: more than a control can change on its way in.
const MOST_CHANGES: usize = 4096;

/// The way in and the way out.
pub(super) struct Around {
    inward: Stage,
    outward: Stage,
    latency: u64,
    /// The network's frames a session frame, in lowest terms.
    ratio: (u64, u64),
    /// Session frames that came, and the number of the network's next frame, which begins below 0.
    received: u64,
    next: i64,
    opening: i64,
    input: Vec<f32>,
    output: Vec<f32>,
    ready: VecDeque<f32>,
    /// Changes of controls for frames that have not reached the network yet.
    changes: VecDeque<Change>,
}

struct Change {
    frame: i64,
    index: usize,
    value: f32,
}

impl Around {
    /// Round a network of `model` Hz in a session of `session` Hz. `None` where the rates stand in no ratio of small numbers.
    pub fn new(session: u32, model: u32, max_block: usize) -> Option<Around> {
        let (down, up) = lowest_terms(session, model);
        let (half_in, half_out) = (half(session, model), half(model, session));
        // As many of the network's frames as lie in half of either filter.
        let opening = half_out.max((half_in * up).div_ceil(down)) as i64 + 1;
        let most = usize::try_from(max_block as u64 * up / down + 2 * (up / down) + 64).ok()?;
        let latency = half_in + half_out * down / up;
        let mut around = Around {
            inward: Stage::new(session, model, 0, -opening, max_block)?,
            outward: Stage::new(model, session, -opening, 0, most)?,
            latency,
            ratio: (up, down),
            received: 0,
            next: -opening,
            opening,
            input: Vec::with_capacity(most),
            output: Vec::with_capacity(most),
            ready: VecDeque::with_capacity(latency as usize + 2 * max_block + 64),
            changes: VecDeque::with_capacity(MOST_CHANGES),
        };
        around.begin();
        Some(around)
    }

    /// Session frames by which the output is late.
    pub fn latency(&self) -> u64 {
        self.latency
    }

    /// Sets a control of the network from the next session frame on, which reaches the network later.
    pub fn set(&mut self, network: &mut dyn Network, index: usize, value: f32) {
        if self.received == 0 {
            return network.set_control(index, value);
        }
        let (up, down) = self.ratio;
        let frame = (self.received * up).div_ceil(down) as i64;
        let same = |change: &&mut Change| change.frame == frame && change.index == index;
        match self.changes.iter_mut().rev().find(same) {
            Some(change) => change.value = value,
            None => self.changes.push_back(Change { frame, index, value }),
        }
    }

    /// Plays `samples` in place.
    pub fn process(&mut self, network: &mut dyn Network, samples: &mut [f32]) {
        let Around { inward, outward, input, output, ready, changes, next, .. } = self;
        input.clear();
        inward.push(samples, |sample| input.push(sample));
        output.resize(input.len(), 0.0);
        let mut done = 0;
        loop {
            while let Some(change) = changes.front().filter(|change| change.frame <= *next) {
                network.set_control(change.index, change.value);
                changes.pop_front();
            }
            if done == input.len() {
                break;
            }
            let left = input.len() - done;
            let frames = changes.front().map_or(left, |change| left.min((change.frame - *next) as usize));
            network.process(&input[done..done + frames], &mut output[done..done + frames]);
            done += frames;
            *next += frames as i64;
        }
        outward.push(output, |sample| ready.push_back(sample));
        for sample in samples.iter_mut() {
            *sample = ready.pop_front().expect("the latency covers what the filters wait for");
        }
        self.received += samples.len() as u64;
    }

    /// Back to the first frame. Changes on their way arrive at once; the network is left to the caller.
    pub fn reset(&mut self, network: &mut dyn Network) {
        for change in self.changes.drain(..) {
            network.set_control(change.index, change.value);
        }
        self.inward.reset();
        self.outward.reset();
        self.begin();
    }

    fn begin(&mut self) {
        (self.received, self.next) = (0, -self.opening);
        self.ready.clear();
        self.ready.extend(std::iter::repeat_n(0.0, self.latency as usize));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives its input plus its one control.
    struct Plus(f32);

    impl Network for Plus {
        fn process(&mut self, input: &[f32], output: &mut [f32]) {
            output.iter_mut().zip(input).for_each(|(y, x)| *y = x + self.0);
        }
        fn reset(&mut self) {}
        fn set_control(&mut self, _: usize, value: f32) {
            self.0 = value;
        }
    }

    const RATES: [(u32, u32); 6] =
        [(48_000, 44_100), (44_100, 48_000), (96_000, 48_000), (48_000, 96_000), (192_000, 44_100), (44_100, 96_000)];

    #[test]
    fn an_impulse_comes_out_where_it_was_once_the_latency_is_removed() {
        for (session, model) in RATES {
            for at in [0, 1, 777, 4095] {
                let mut around = Around::new(session, model, 512).unwrap();
                let mut samples = vec![0.0; 4096 + around.latency() as usize];
                samples[at] = 1.0;
                samples.chunks_mut(512).for_each(|chunk| around.process(&mut Plus(0.0), chunk));
                let loudest = (0..samples.len()).max_by(|a, b| samples[*a].total_cmp(&samples[*b])).unwrap();
                assert_eq!(loudest, at + around.latency() as usize, "{session} Hz round {model} Hz, frame {at}");
                // Symmetric, so not between frames either. What stood before the first frame is not there to compare.
                for side in 1..10.min(at + 1).min(samples.len() - loudest) {
                    let (before, after) = (samples[loudest - side], samples[loudest + side]);
                    assert!((before - after).abs() < 1e-5, "{session} round {model}: {before} and {after}");
                }
            }
        }
    }

    #[test]
    fn what_a_network_makes_of_silence_is_there_from_the_first_frame() {
        for (session, model) in RATES {
            let mut around = Around::new(session, model, 512).unwrap();
            let mut samples = vec![0.0; 4096];
            samples.chunks_mut(100).for_each(|chunk| around.process(&mut Plus(0.25), chunk));
            let heard = &samples[around.latency() as usize..];
            assert!(heard.iter().all(|y| (y - 0.25).abs() < 1e-5), "{session} round {model}");
        }
    }

    #[test]
    fn a_control_changes_at_its_frame_and_blocks_make_no_difference() {
        for (session, model) in RATES {
            let render = |block: usize| {
                let mut around = Around::new(session, model, block).unwrap();
                let mut network = Plus(0.0);
                let mut samples = vec![0.0; 4000];
                let (before, after) = samples.split_at_mut(1234);
                before.chunks_mut(block).for_each(|chunk| around.process(&mut network, chunk));
                around.set(&mut network, 0, 7.0);
                around.set(&mut network, 0, 1.0);
                after.chunks_mut(block).for_each(|chunk| around.process(&mut network, chunk));
                (samples, around.latency() as usize)
            };
            let (samples, latency) = render(512);
            // The network's first frame at or behind the change; the step rises in the middle between it and the one before.
            let frame = (1234 * u64::from(model)).div_ceil(u64::from(session)) as f64 - 0.5;
            let instant = frame * f64::from(session) / f64::from(model);
            let crossing = samples.iter().position(|y| *y > 0.5).unwrap() as f64 - latency as f64;
            assert!((crossing - instant - 0.5).abs() <= 0.75, "{session} round {model}: {crossing} for {instant}");
            for block in [1, 63, 4000] {
                assert!(render(block).0 == samples, "{session} round {model} in blocks of {block}");
            }
        }
    }

    #[test]
    fn a_reset_goes_back_to_the_first_frame() {
        let mut around = Around::new(48_000, 44_100, 512).unwrap();
        let input: Vec<f32> = (0..512).map(|n| (n as f32 * 0.1).sin()).collect();
        let (mut first, mut again) = (input.clone(), input);
        around.process(&mut Plus(0.1), &mut first);
        around.reset(&mut Plus(0.1));
        around.process(&mut Plus(0.1), &mut again);
        assert!(first == again);
    }
}
