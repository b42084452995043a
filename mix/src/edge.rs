//! What leads from one strip into another, lined up and summed.

use audio::Buffer;
use score::Curve;

use crate::delay::DelayLine;
use crate::level::{Now, now};
use crate::node::Node;

/// Which signal of a strip is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pick {
    PreFader,
    PostFader,
    /// An output bus, not the first, of the first device.
    Bus(usize),
}

/// An edge of the graph.
pub(crate) struct Edge {
    from: usize,
    pick: Pick,
    gain: Curve,
    delay: DelayLine,
    /// Room for the gain of each frame.
    gains: Vec<f32>,
}

impl Edge {
    /// From a strip that gives `channels` there, held back by `delay` frames.
    pub(crate) fn new(from: usize, pick: Pick, gain: Curve, channels: usize, delay: u64, block: usize) -> Edge {
        Edge { from, pick, gain, delay: DelayLine::new(channels, delay as usize), gains: vec![0.0; block] }
    }

    /// Adds what comes through, or puts it in the place of what stands there, as the `first` into a sum does. `music` is
    /// the frame of the music that `sum` begins with.
    fn mix(&mut self, before: &[Node], music: i64, first: bool, sum: &mut Buffer) {
        let signal = self.delay.pass(before[self.from].signal(self.pick));
        let gain = now(&self.gain, music, &mut self.gains[..signal.frames()]);
        let (given, taken) = (signal.channel_count(), sum.channel_count());
        if taken == 1 && given > 1 {
            let share = 1.0 / given as f64;
            for (index, from) in signal.channels().enumerate() {
                lay(from, gain, share, first && index == 0, sum.channel_mut(0));
            }
        } else {
            for (index, to) in sum.channels_mut().enumerate() {
                lay(signal.channel(index.min(given - 1)), gain, 1.0, first, to);
            }
        }
    }
}

/// Whether a signal of `given` channels can go where `taken` are taken.
pub(crate) fn fits(given: usize, taken: usize) -> bool {
    given == taken || (given == 1 && taken > 0) || (taken == 1 && given > 0)
}

/// Fills `sum` with what comes through the edges, and with silence if there are none.
pub(crate) fn sum(edges: &mut [Edge], before: &[Node], music: i64, sum: &mut Buffer) {
    if edges.is_empty() {
        sum.clear();
    }
    for (index, edge) in edges.iter_mut().enumerate() {
        edge.mix(before, music, index == 0, sum);
    }
}

fn lay(from: &[f32], gain: Now, share: f64, first: bool, to: &mut [f32]) {
    let pairs = to.iter_mut().zip(from);
    match (gain, first) {
        (Now::Still(gain), true) if gain * share == 1.0 => to.copy_from_slice(from),
        (Now::Still(gain), first) => {
            let factor = (gain * share) as f32;
            if first {
                pairs.for_each(|(to, from)| *to = factor * from);
            } else {
                pairs.for_each(|(to, from)| *to += factor * from);
            }
        }
        (Now::Moving(gains), first) => {
            let share = share as f32;
            if first {
                pairs.zip(gains).for_each(|((to, from), gain)| *to = gain * share * from);
            } else {
                pairs.zip(gains).for_each(|((to, from), gain)| *to += gain * share * from);
            }
        }
    }
}
