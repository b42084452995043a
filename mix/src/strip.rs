//! One row of the mixer.

use audio::Buffer;
use score::TimedEvent;

use crate::chain::Chain;
use crate::delay::DelayLine;

/// Position of a strip in its graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StripId(pub usize);

/// Where a strip's sound comes from.
pub enum Source {
    /// A recording at the graph's rate, from the first frame on; silence after it.
    Recording(Buffer),
    /// Events for the first device of the chain, sorted by frame.
    Events(Vec<TimedEvent>),
    /// The sum of what other strips feed it, in this many channels.
    Sum(usize),
}

/// Level and pan behind a chain.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Level {
    /// As the chain gives it, in as many channels.
    Direct,
    /// Scaled and placed in the stereo field.
    Stereo {
        /// Factor.
        gain: f64,
        /// -1 is left, 1 is right. Mono signals are panned at constant power (-3 dB in the middle), stereo signals
        /// balanced: the far side is turned down, the near one stays.
        pan: f64,
    },
}

/// One row of the mixer: a source, a chain, a level, and the strips that it feeds.
pub struct Strip {
    pub(crate) name: String,
    pub(crate) source: Source,
    pub(crate) chain: Chain,
    pub(crate) level: Level,
    pub(crate) feeds: Vec<(StripId, f64)>,
}

impl Strip {
    /// A strip that feeds nothing yet.
    pub fn new(name: impl Into<String>, source: Source, chain: Chain, level: Level) -> Strip {
        Strip { name: name.into(), source, chain, level, feeds: Vec::new() }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Also sends its output, behind the level, to a later strip.
    #[must_use]
    pub fn feeding(mut self, strip: StripId, gain: f64) -> Strip {
        self.feeds.push((strip, gain));
        self
    }

    /// Frames of its own material.
    pub(crate) fn source_frames(&self) -> u64 {
        match &self.source {
            Source::Recording(buffer) => buffer.frames() as u64,
            Source::Events(events) => events.last().map_or(0, |event| event.frame + 1),
            Source::Sum(_) => 0,
        }
    }

    /// Channels that enter the chain.
    pub(crate) fn in_channels(&self) -> usize {
        match &self.source {
            Source::Recording(buffer) => buffer.channel_count(),
            Source::Events(_) => 0,
            Source::Sum(channels) => *channels,
        }
    }

    /// Channels behind chain and level.
    pub(crate) fn out_channels(&self) -> usize {
        match self.level {
            Level::Direct => self.chain.out_channels(self.in_channels()),
            Level::Stereo { .. } => 2,
        }
    }
}

/// An edge of the graph.
pub(crate) struct Edge {
    pub(crate) from: usize,
    pub(crate) gain: f32,
    pub(crate) delay: DelayLine,
}

/// Applies a level: `signal` becomes `out`. A stereo level takes one or two channels.
pub(crate) fn apply(level: Level, signal: &mut Buffer, out: &mut Buffer) {
    let Level::Stereo { gain, pan } = level else {
        std::mem::swap(signal, out);
        return;
    };
    out.resize(signal.frames());
    let (left, right) = if signal.channel_count() == 1 {
        let angle = (pan + 1.0) * std::f64::consts::FRAC_PI_4;
        (gain * angle.cos(), gain * angle.sin())
    } else {
        (gain * (1.0 - pan.max(0.0)), gain * (1.0 + pan.min(0.0)))
    };
    let last = signal.channel_count() - 1;
    for (side, factor) in [left as f32, right as f32].into_iter().enumerate() {
        let from = signal.channel(side.min(last));
        out.channel_mut(side).iter_mut().zip(from).for_each(|(to, from)| *to = factor * from);
    }
}
