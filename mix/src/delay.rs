//! A whole-frame delay, for lining up paths of different latency.

use audio::Buffer;

/// Delays a signal by a fixed number of frames, silent before its start. One of no frames copies nothing.
pub(crate) struct DelayLine {
    /// One ring a channel, as long as the delay.
    rings: Vec<Vec<f32>>,
    /// Where the oldest frame stands in each ring.
    position: usize,
    delayed: Buffer,
}

impl DelayLine {
    pub(crate) fn new(channels: usize, frames: usize) -> DelayLine {
        DelayLine { rings: vec![vec![0.0; frames]; channels], position: 0, delayed: Buffer::new(channels, 0) }
    }

    /// Takes in a block, which has this line's channels, and gives as many delayed frames.
    pub(crate) fn pass<'a>(&'a mut self, block: &'a Buffer) -> &'a Buffer {
        let length = self.rings.first().map_or(0, Vec::len);
        if length == 0 {
            return block;
        }
        let frames = block.frames();
        self.delayed.resize(frames);
        // What stands in the ring comes first, and behind it, where the block is longer, its own beginning.
        let (held, passing) = (frames.min(length), frames.saturating_sub(length));
        let before_end = held.min(length - self.position);
        for ((to, from), ring) in self.delayed.channels_mut().zip(block.channels()).zip(&mut self.rings) {
            let (first, second) = to[..held].split_at_mut(before_end);
            first.copy_from_slice(&ring[self.position..self.position + before_end]);
            second.copy_from_slice(&ring[..held - before_end]);
            to[held..].copy_from_slice(&from[..passing]);
            let (first, second) = from[passing..].split_at(before_end);
            ring[self.position..self.position + before_end].copy_from_slice(first);
            ring[..held - before_end].copy_from_slice(second);
        }
        self.position = (self.position + held) % length;
        &self.delayed
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
            for block in [1usize, 7, 64, 2, 128, 99, 100, 101, 5] {
                let samples = (next..next + block).map(|n| (n + 1) as f32).collect();
                next += block;
                let block = Buffer::from_channels(vec![samples]);
                out.extend_from_slice(line.pass(&block).channel(0));
            }
            assert_eq!(out.len(), next);
            for (n, &sample) in out.iter().enumerate() {
                let expected = if n < delay { 0.0 } else { (n - delay + 1) as f32 };
                assert_eq!(sample, expected, "delay {delay}, frame {n}");
            }
        }
    }
}
