//! A whole-frame delay, for lining up paths of different latency.

use audio::Buffer;

/// Delays a signal by a fixed number of frames, silent before its start.
pub(crate) struct DelayLine {
    /// One ring a channel, `frames` long.
    rings: Vec<Vec<f32>>,
    position: usize,
}

impl DelayLine {
    pub(crate) fn new(channels: usize, frames: usize) -> DelayLine {
        DelayLine { rings: vec![vec![0.0; frames]; channels], position: 0 }
    }

    /// Adds `gain` times the delayed signal to `sum`, and takes in the block. Both have this line's channels.
    pub(crate) fn add_to(&mut self, block: &Buffer, gain: f32, sum: &mut Buffer) {
        let length = self.rings.first().map_or(0, Vec::len);
        if length == 0 {
            for (to, from) in sum.channels_mut().zip(block.channels()) {
                to.iter_mut().zip(from).for_each(|(to, from)| *to += gain * from);
            }
            return;
        }
        for ((to, from), ring) in sum.channels_mut().zip(block.channels()).zip(&mut self.rings) {
            let mut position = self.position;
            for (to, &from) in to.iter_mut().zip(from) {
                *to += gain * std::mem::replace(&mut ring[position], from);
                position = if position + 1 == length { 0 } else { position + 1 };
            }
        }
        self.position = (self.position + block.frames()) % length;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_holds_back_exactly_its_frames_over_any_blocks() {
        for delay in [0, 1, 3, 64, 100] {
            let mut line = DelayLine::new(1, delay);
            let mut out = Vec::new();
            let mut next = 0;
            for block in [1usize, 7, 64, 2, 128] {
                let samples = (next..next + block).map(|n| (n + 1) as f32).collect();
                next += block;
                let mut sum = Buffer::new(1, block);
                line.add_to(&Buffer::from_channels(vec![samples]), 2.0, &mut sum);
                out.extend_from_slice(sum.channel(0));
            }
            for (n, &sample) in out.iter().enumerate() {
                let expected = if n < delay { 0.0 } else { 2.0 * (n - delay + 1) as f32 };
                assert_eq!(sample, expected, "delay {delay}, frame {n}");
            }
        }
    }
}
