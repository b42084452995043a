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

    /// What comes through, for the frames of the music from `music` on.
    fn pass<'a>(&'a mut self, before: &'a [Node], music: i64) -> Through<'a> {
        let signal = self.delay.pass(before[self.from].signal(self.pick));
        Through { signal, gain: now(&self.gain, music, &mut self.gains[..signal.frames()]) }
    }
}

/// One block of what comes through an edge.
struct Through<'a> {
    signal: &'a Buffer,
    gain: Now<'a>,
}

impl Through<'_> {
    /// Adds it, or puts it in the place of what stands there, as the `first` into a sum does.
    fn mix(&self, first: bool, sum: &mut Buffer) {
        let (given, taken) = (self.signal.channel_count(), sum.channel_count());
        if taken == 1 && given > 1 {
            let share = 1.0 / given as f64;
            for (index, from) in self.signal.channels().enumerate() {
                lay(from, self.gain, share, first && index == 0, sum.channel_mut(0));
            }
        } else {
            for (index, to) in sum.channels_mut().enumerate() {
                lay(self.channel(index), self.gain, 1.0, first, to);
            }
        }
    }

    /// What goes into one of several channels: a mono signal goes into all.
    fn channel(&self, index: usize) -> &[f32] {
        self.signal.channel(index.min(self.signal.channel_count() - 1))
    }
}

/// Whether a signal of `given` channels can go where `taken` are taken.
pub(crate) fn fits(given: usize, taken: usize) -> bool {
    given == taken || (given == 1 && taken > 0) || (taken == 1 && given > 0)
}

/// Edges that are summed in one go.
const TOGETHER: usize = 4;

/// Fills `sum` with what comes through the edges for the frames of the music from `music` on, and with silence if there
/// are none.
pub(crate) fn sum(edges: &mut [Edge], before: &[Node], music: i64, sum: &mut Buffer) {
    if edges.is_empty() {
        sum.clear();
    }
    let mut first = true;
    let (groups, rest) = edges.as_chunks_mut::<TOGETHER>();
    for group in groups {
        let group = group.each_mut().map(|edge| edge.pass(before, music));
        if !lay_together(&group, first, sum) {
            for (index, through) in group.iter().enumerate() {
                through.mix(first && index == 0, sum);
            }
        }
        first = false;
    }
    for edge in rest {
        edge.pass(before, music).mix(first, sum);
        first = false;
    }
}

/// Adds several signals in their order, if none of them moves in level. Each sum is then read and written once rather than
/// once a signal, which takes longer than to add: the sums are the same to the bit.
fn lay_together(group: &[Through; TOGETHER], first: bool, sum: &mut Buffer) -> bool {
    let mut factors = [0.0; TOGETHER];
    for (factor, through) in factors.iter_mut().zip(group) {
        let Now::Still(gain) = through.gain else { return false };
        if through.signal.channel_count() > sum.channel_count() {
            return false;
        }
        *factor = gain as f32;
    }
    for (index, to) in sum.channels_mut().enumerate() {
        let [a, b, c, d] = group.each_ref().map(|through| through.channel(index));
        let signals = a.iter().zip(b).zip(c).zip(d);
        for (to, (((a, b), c), d)) in to.iter_mut().zip(signals) {
            let begun = factors[0] * a;
            let begun = if first { begun } else { *to + begun };
            *to = begun + factors[1] * b + factors[2] * c + factors[3] * d;
        }
    }
    true
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
