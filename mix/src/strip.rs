//! One row of the mixer.

use audio::Stream;
use score::{Curve, TimedEvent};

use crate::chain::Chain;
use crate::level::Level;

/// Position of a strip in its graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StripId(pub usize);

/// Where a strip's sound comes from.
pub enum Source {
    /// A recording at the graph's rate, from the first frame on; silence after it.
    Recording(Box<dyn Stream>),
    /// Events for the first device of the chain, sorted by frame.
    Events(Vec<TimedEvent>),
    /// The sum of what other strips feed it, in this many channels.
    Sum(usize),
    /// What another output bus than the first of the first device of an earlier strip gives: the snare of a drum
    /// machine.
    Output {
        /// The strip whose first device it is.
        of: StripId,
        /// The output bus, from 1 on.
        bus: usize,
    },
}

/// Where on its way through a strip a signal is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeedPoint {
    /// Behind the chain, before the level: neither fader nor pan nor mute change it.
    PreFader,
    /// Behind the level.
    PostFader,
}

/// Where what a strip gives away goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// A sum.
    Sum,
    /// An input bus of a device.
    Key { slot: usize, bus: usize },
}

/// What a strip gives to a later one.
pub(crate) struct Feed {
    pub(crate) to: StripId,
    pub(crate) target: Target,
    pub(crate) gain: Curve,
    pub(crate) point: FeedPoint,
}

/// One row of the mixer: a source, a chain, a level, and the strips that it feeds.
pub struct Strip {
    pub(crate) name: String,
    pub(crate) source: Source,
    pub(crate) chain: Chain,
    pub(crate) level: Level,
    pub(crate) feeds: Vec<Feed>,
    /// Parameter events by slot.
    pub(crate) automation: Vec<(usize, Vec<TimedEvent>)>,
}

impl Strip {
    /// A strip that feeds nothing yet.
    pub fn new(name: impl Into<String>, source: Source, chain: Chain, level: Level) -> Strip {
        Strip { name: name.into(), source, chain, level, feeds: Vec::new(), automation: Vec::new() }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Also sends its signal to a later strip that is a [`Source::Sum`]. `gain` is a factor over the frames of the music.
    ///
    /// A mono signal goes to every channel of the sum, and a mono sum gets the mean of a signal's channels. Other
    /// channel counts that differ make no graph.
    #[must_use]
    pub fn feeding(mut self, to: StripId, gain: Curve, point: FeedPoint) -> Strip {
        self.feeds.push(Feed { to, target: Target::Sum, gain, point });
        self
    }

    /// Also sends its signal to input bus `bus`, not the first, of the device in place `slot` of a later strip's chain: a
    /// sidechain. What several strips send there is summed. It meets the main signal at the device's input in the same
    /// frame of the music; whichever is later delays the other. Channels fit as with [`feeding`](Strip::feeding), and
    /// where there is one instance of the device a channel, each hears the same key.
    ///
    /// Whoever builds the device tells it beforehand with [`use_input`](audio::Device::use_input).
    #[must_use]
    pub fn keying(mut self, to: StripId, slot: usize, bus: usize, gain: Curve, point: FeedPoint) -> Strip {
        self.feeds.push(Feed { to, target: Target::Key { slot, bus }, gain, point });
        self
    }

    /// Sends parameter events, in frames of the music, to the device in place `slot` of the chain. They need no order,
    /// and of one frame they keep theirs, also over several calls; at a frame that has notes too, they come first.
    ///
    /// What stands at frame 0 holds from the device's first frame on, even where that lies before the music: a device
    /// behind a latent one need not ramp to it while the music begins.
    #[must_use]
    pub fn automating(mut self, slot: usize, events: Vec<TimedEvent>) -> Strip {
        self.automation.push((slot, events));
        self
    }

    /// Frames of its own material.
    pub(crate) fn source_frames(&self) -> u64 {
        match &self.source {
            Source::Recording(stream) => stream.frames(),
            Source::Events(events) => events.last().map_or(0, |event| event.frame + 1),
            Source::Sum(_) | Source::Output { .. } => 0,
        }
    }
}
