//! Whether the stems of a session sum to its premaster.

use std::collections::VecDeque;

use audio::Buffer;
use jobs::task::{Deliver, Render, Task};

/// Holds the stems of a session against its premaster, frame by frame, as both are written.
pub(crate) struct StemSum {
    /// By output, what it counts as: 1 for the premaster, -1 for a stem, 0 for what is neither; and how far it is.
    outputs: Vec<(f64, u64)>,
    /// The premaster less all stems from `first` on, as far as the one that is furthest.
    open: VecDeque<[f64; 2]>,
    first: u64,
    most: f64,
}

impl StemSum {
    /// The stems of a mix differ from their sum by the rounding of single precision; twice this counts as more.
    pub(crate) const MOST: f64 = 1e-6;

    /// Watches a task that gives its premaster and the stem of all that goes into it.
    pub(crate) fn of(task: &Task) -> Option<StemSum> {
        let Render::Session(session) = &task.render else { return None };
        let strips = session.tracks.iter().map(|t| (&t.name, &t.strip));
        let strips = strips.chain(session.busses.iter().map(|b| (&b.name, &b.strip)));
        let direct: Vec<&String> = strips.filter(|(_, strip)| strip.bus.is_none()).map(|(name, _)| name).collect();
        let mut wanted: Vec<Option<&String>> = direct.iter().map(|name| Some(*name)).collect();
        wanted.push(None);
        let mut outputs = vec![(0.0, 0); task.outputs.len()];
        for part in wanted {
            let counts = |deliver: &Deliver| match (part, deliver) {
                (None, Deliver::Premaster) => true,
                (Some(name), Deliver::Stem(stem)) => stem == name,
                _ => false,
            };
            // What is written twice counts once.
            let found = task.outputs.iter().position(|output| counts(&output.deliver))?;
            outputs[found].0 = if part.is_none() { 1.0 } else { -1.0 };
        }
        Some(StemSum { outputs, open: VecDeque::new(), first: 0, most: 0.0 })
    }

    /// The next frames of an output.
    pub(crate) fn add(&mut self, index: usize, block: &Buffer) {
        let (sign, done) = self.outputs[index];
        if sign == 0.0 {
            return;
        }
        let start = (done - self.first) as usize;
        self.open.resize(self.open.len().max(start + block.frames()), [0.0; 2]);
        for (channel, samples) in block.channels().enumerate().take(2) {
            for (sum, sample) in self.open.range_mut(start..).zip(samples) {
                sum[channel] += sign * f64::from(*sample);
            }
        }
        self.outputs[index].1 += block.frames() as u64;
        let counted = self.outputs.iter().filter(|(sign, _)| *sign != 0.0);
        let complete = counted.map(|(_, done)| *done).min().unwrap_or(0);
        for frame in self.open.drain(..(complete - self.first) as usize) {
            self.most = frame.iter().fold(self.most, |most, side| most.max(side.abs()));
        }
        self.first = complete;
    }

    /// The largest difference of a sample, full scale being 1.
    pub(crate) fn difference(&self) -> f64 {
        self.open.iter().flatten().fold(self.most, |most, side| most.max(side.abs()))
    }
}
