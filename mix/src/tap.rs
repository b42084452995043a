//! Where sound leaves the graph.

use crate::strip::StripId;

/// A point of the graph whose sound is handed out, free of latency.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tap {
    /// The strip.
    pub strip: StripId,
    /// Before or behind it.
    pub point: TapPoint,
    /// When it ends.
    pub end: TapEnd,
}

/// A point of a strip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TapPoint {
    /// What the strip's own source gives, before the chain: the dry recording, the output bus of an instrument. Of a
    /// strip that sums, the same as [`Input`](TapPoint::Input); of one that plays events, nothing: no channels.
    Source,
    /// What enters the chain: of a strip that sums, the sum.
    Input,
    /// Behind the device in this place of the chain.
    Behind(usize),
    /// Behind the whole chain, before the level.
    PreFader,
    /// Behind chain and level.
    Output,
}

/// When a tap ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TapEnd {
    /// After this many frames.
    At(u64),
    /// Once the sound has stayed below an amplitude for half a second, not before `least` and not after `most` frames.
    /// Taps of one rendering that end like this end together, at the same frame, when all of them are silent: so stems
    /// add up to their sum to the last frame.
    Silence {
        /// The amplitude.
        below: f32,
        /// Fewest frames.
        least: u64,
        /// Most frames.
        most: u64,
    },
}

/// What is left of a tap while rendering.
pub(crate) struct Running {
    pub(crate) tap: Tap,
    /// Frames of latency that are still to be thrown away.
    pub(crate) discard: u64,
    pub(crate) done: u64,
    quiet: u64,
    quiet_needed: u64,
}

impl Running {
    pub(crate) fn new(tap: Tap, discard: u64, sample_rate: audio::SampleRate) -> Running {
        Running { tap, discard, done: 0, quiet: 0, quiet_needed: sample_rate.frames(0.5) }
    }

    pub(crate) fn most(&self) -> u64 {
        match self.tap.end {
            TapEnd::At(frames) => frames,
            TapEnd::Silence { most, .. } => most,
        }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.done >= self.most()
    }

    /// Whether silence could end it here.
    fn may_end(&self) -> bool {
        match self.tap.end {
            TapEnd::At(_) => true,
            TapEnd::Silence { least, most, .. } => {
                self.done >= most || (self.done >= least && self.quiet >= self.quiet_needed)
            }
        }
    }

    /// Once silence could end all of them, fixes the frame at which they end: the furthest that one of them has come.
    /// Those with more latency get there a little later.
    pub(crate) fn end_in_silence(all: &mut [Running]) {
        let waits = |r: &&mut Running| matches!(r.tap.end, TapEnd::Silence { .. });
        if !all.iter().all(Running::may_end) {
            return;
        }
        let end = all.iter_mut().filter(waits).map(|r| r.done).max().unwrap_or(0);
        for running in all.iter_mut().filter(waits) {
            running.tap.end = TapEnd::At(end.min(running.most()));
        }
    }

    /// Which frames of a block are handed out: `start..end`, possibly none.
    pub(crate) fn take(&mut self, block: &audio::Buffer) -> std::ops::Range<usize> {
        let frames = block.frames() as u64;
        let skip = self.discard.min(frames);
        self.discard -= skip;
        let count = (frames - skip).min(self.most() - self.done);
        let range = skip as usize..(skip + count) as usize;
        if let TapEnd::Silence { below, .. } = self.tap.end {
            let loud = range.clone().rev().find(|&n| block.channels().any(|c| c[n].abs() >= below));
            match loud {
                Some(n) => self.quiet = (range.end - 1 - n) as u64,
                None => self.quiet += count,
            }
        }
        self.done += count;
        range
    }
}
