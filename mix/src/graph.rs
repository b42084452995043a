//! Rendering strips block by block.

use audio::device::{DeviceError, ProcessError, Setup};
use audio::read::ReadError;
use audio::{Buffer, SampleRate};
use score::{Curve, TempoMap, TimedEvent};

use crate::chain::Chain;
use crate::edge::{Edge, Pick};
use crate::lineup::{GraphError, Place, line_up};
use crate::node::{Intake, Node, RestartFault};
use crate::slot::opening_frames;
use crate::stage::{self, Clock, Fault, Stage};
use crate::strip::{FeedPoint, Source, Strip, StripId, Target};
use crate::tap::{Running, Tap};

/// Follows a render from outside.
pub trait Watch {
    /// A device is about to process the block that starts at this frame; called before each such call, so it is cheap.
    fn entering(&mut self, device: &str, frame: u64);

    /// A block is done everywhere. `done` and `total` count frames of the longest tap.
    fn advanced(&mut self, done: u64, total: u64);
}

/// Why a render stopped.
#[derive(Debug, thiserror::Error)]
pub enum RenderError<E> {
    /// A device failed.
    #[error("{device} in {place}: {source}")]
    Process {
        /// The strip.
        place: String,
        /// The device.
        device: String,
        /// Frame of the block's start, counted from the start of the render.
        frame: u64,
        /// What it reported.
        source: ProcessError,
    },
    /// A recording could not be read on.
    #[error("{place}: {source}")]
    Read {
        /// The strip.
        place: String,
        /// Frame of the block's start, counted from the start of the render.
        frame: u64,
        /// What went wrong.
        source: ReadError,
    },
    /// A device that asked for a restart could not be activated again.
    #[error("{device} in {place} could not be restarted: {source}")]
    Restart {
        /// The strip.
        place: String,
        /// The device.
        device: String,
        /// Frame of the block's start, counted from the start of the render.
        frame: u64,
        /// What it reported.
        source: DeviceError,
    },
    /// Devices turned out to be later than they said, or asked for a restart, when the sound had barely begun. Build
    /// the graph again of fresh devices, [rehearse](crate::Slot::rehearse) these, and begin again. Does not happen with
    /// devices that are rehearsed.
    #[error("devices did not settle before the first block")]
    Unsettled(Vec<(StripId, usize)>),
    /// Whoever takes the sound could not.
    #[error(transparent)]
    Sink(E),
}

/// Strips, each after all that feed it.
pub struct Graph {
    nodes: Vec<Node>,
    tempo: TempoMap,
    sample_rate: SampleRate,
    block: usize,
}

impl Graph {
    /// Lines the strips up: every path to every sum, and to every device that is keyed, is delayed to the latest.
    /// `block` is the most frames a device gets at once, as it was activated with.
    pub fn new(
        strips: Vec<Strip>,
        tempo: TempoMap,
        sample_rate: SampleRate,
        block: usize,
    ) -> Result<Graph, GraphError> {
        Ok(Graph { nodes: nodes(strips, block)?, tempo, sample_rate, block })
    }

    /// Frames of the longest recording or list of events.
    pub fn source_frames(&self) -> u64 {
        self.nodes.iter().map(|node| node.source_frames).max().unwrap_or(0)
    }

    /// Channels that a tap hands out.
    ///
    /// # Panics
    /// If there is no such strip, or no such device in its chain; so do all that take taps.
    pub fn channels(&self, tap: &Tap) -> usize {
        self.nodes[tap.strip.0].channels(tap.point)
    }

    /// Frames of latency that are removed in front of a tap.
    pub fn latency(&self, tap: &Tap) -> u64 {
        self.nodes[tap.strip.0].late(tap.point)
    }

    /// Renders until every tap has ended. `sink` gets the tap's index and its next frames, one call a block at most,
    /// beginning with the first frame of the music. Gives sentences about what devices did that a user should know.
    pub fn render<E>(
        &mut self,
        taps: &[Tap],
        watch: &mut dyn Watch,
        mut sink: impl FnMut(usize, &Buffer) -> Result<(), E>,
    ) -> Result<Vec<String>, RenderError<E>> {
        let mut running: Vec<Running> =
            taps.iter().map(|tap| Running::new(*tap, self.latency(tap), self.sample_rate)).collect();
        let total = running.iter().map(Running::most).max().unwrap_or(0);
        let mut notes = Vec::new();
        let mut frame = 0;
        let mut part = Buffer::default();
        let opening = self.opening_frames();
        taps.iter().for_each(|tap| self.nodes[tap.strip.0].keep(tap.point));
        let preroll = self.preroll(&mut notes, watch)?;
        while running.iter().any(|r| !r.is_done()) {
            for index in 0..self.nodes.len() {
                let (before, rest) = self.nodes.split_at_mut(index);
                let clock = Clock { tempo: &self.tempo, sample_rate: self.sample_rate, preroll };
                let made = rest[0].advance(before, frame, self.block, clock, watch);
                made.map_err(|fault| RenderError::of(fault, &rest[0].name, frame))?;
            }
            for (index, run) in running.iter_mut().enumerate().filter(|(_, r)| !r.is_done()) {
                let block = self.nodes[run.tap.strip.0].at(run.tap.point);
                let range = run.take(block);
                if range == (0..block.frames()) {
                    sink(index, block).map_err(RenderError::Sink)?;
                } else if !range.is_empty() {
                    stage::cut(block, range, &mut part);
                    sink(index, &part).map_err(RenderError::Sink)?;
                }
            }
            Running::end_in_silence(&mut running);
            let mut unsettled = Vec::new();
            for (index, node) in self.nodes.iter_mut().enumerate() {
                let slots = node.pump(frame < opening, &mut notes);
                let slots = slots.map_err(|fault| RenderError::restart(fault, &node.name, frame))?;
                unsettled.extend(slots.into_iter().map(|slot| (StripId(index), slot)));
            }
            settled(unsettled)?;
            frame += self.block as u64;
            watch.advanced(running.iter().map(|r| r.done).max().unwrap_or(0), total);
        }
        Ok(notes)
    }

    /// Frames at the beginning in which devices may still ask to begin again.
    fn opening_frames(&self) -> u64 {
        opening_frames(Setup { sample_rate: self.sample_rate, max_block: self.block })
    }

    /// Lets every instrument play silence, which nobody hears: some lose the notes of their first block, while they
    /// fetch what they need. Gives its frames, by which time has gone on for all devices.
    fn preroll<E>(&mut self, notes: &mut Vec<String>, watch: &mut dyn Watch) -> Result<u64, RenderError<E>> {
        let is_instrument = |node: &Node| matches!(node.intake, Intake::Events);
        if !self.nodes.iter().any(is_instrument) {
            return Ok(0);
        }
        let frames = self.opening_frames();
        let mut unsettled = Vec::new();
        for (index, node) in self.nodes.iter_mut().enumerate().filter(|(_, node)| is_instrument(node)) {
            for steady in (0..frames).step_by(self.block) {
                if let Some(stage) = node.stages.first_mut() {
                    let played = stage.preroll(&self.tempo, steady, frames, watch);
                    played.map_err(|fault| RenderError::of(fault, &node.name, 0))?;
                }
                let slots = node.pump(true, notes);
                let slots = slots.map_err(|fault| RenderError::restart(fault, &node.name, 0))?;
                unsettled.extend(slots.into_iter().map(|slot| (StripId(index), slot)));
            }
            // What they were set to some notice only now, and compute their sound anew.
            node.stages.iter_mut().take(1).for_each(|stage| stage.slot.settle());
        }
        settled(unsettled)?;
        Ok(frames)
    }

    /// Takes the chains out by strip, to be deactivated.
    pub fn into_chains(self) -> Vec<Chain> {
        self.nodes.into_iter().map(Node::into_chain).collect()
    }
}

impl<E> RenderError<E> {
    fn of(fault: Fault, place: &str, frame: u64) -> RenderError<E> {
        let place = place.to_owned();
        match fault {
            Fault::Read(source) => RenderError::Read { place, frame, source },
            Fault::Process { device, frame, source } => RenderError::Process { place, device, frame, source },
        }
    }

    fn restart(fault: RestartFault, place: &str, frame: u64) -> RenderError<E> {
        RenderError::Restart { place: place.to_owned(), device: fault.device, frame, source: fault.source }
    }
}

/// Strips as they render, lined up and connected.
fn nodes(strips: Vec<Strip>, block: usize) -> Result<Vec<Node>, GraphError> {
    let places = line_up(&strips)?;
    let mut into: Vec<Vec<(Target, Edge)>> = strips.iter().map(|_| Vec::new()).collect();
    let mut nodes: Vec<Node> = Vec::with_capacity(strips.len());
    let before = |strip: &Strip, target| match target {
        Target::Sum => 0,
        Target::Key { slot, .. } => strip.chain.latency_before(slot),
    };
    for (index, (strip, place)) in strips.iter().zip(&places).enumerate() {
        let late = place.arrival + strip.chain.latency();
        for feed in &strip.feeds {
            let to = feed.to.0;
            let delay = places[to].arrival + before(&strips[to], feed.target) - late;
            let pick = match feed.point {
                FeedPoint::PreFader => Pick::PreFader,
                FeedPoint::PostFader => Pick::PostFader,
            };
            let edge = Edge::new(index, pick, feed.gain.clone(), place.channels(feed.point), delay, block);
            into[to].push((feed.target, edge));
        }
        if let Source::Output { of, bus } = strip.source {
            let delay = place.arrival - places[of.0].arrival - strips[of.0].chain.latency_before(1);
            let edge = Edge::new(of.0, Pick::Bus(bus), Curve::constant(1.0), place.in_channels, delay, block);
            into[index].push((Target::Sum, edge));
        }
    }
    for ((strip, place), edges) in strips.into_iter().zip(places).zip(into) {
        let (sums, keys): (Vec<_>, Vec<_>) = edges.into_iter().partition(|(target, _)| *target == Target::Sum);
        let sums = sums.into_iter().map(|(_, edge)| edge).collect();
        let source_frames = strip.source_frames();
        let (intake, notes) = match strip.source {
            Source::Recording(stream) => (Intake::Recording(stream), Vec::new()),
            Source::Events(events) => (Intake::Events, events),
            Source::Sum(_) => (Intake::Sum(sums), Vec::new()),
            Source::Output { of, bus } => {
                nodes[of.0].stages[0].take_output(bus, place.in_channels, block);
                (Intake::Sum(sums), Vec::new())
            }
        };
        let stages = stages(strip.chain, place, strip.automation, notes, keys, block);
        nodes.push(Node::new(strip.name, place, source_frames, intake, stages, strip.level, block));
    }
    Ok(nodes)
}

/// A chain's devices, each with its own time and what it is sent.
fn stages(
    chain: Chain,
    place: Place,
    automation: Vec<(usize, Vec<TimedEvent>)>,
    notes: Vec<TimedEvent>,
    keys: Vec<(Target, Edge)>,
    block: usize,
) -> Vec<Stage> {
    let slots = chain.into_slots();
    // Parameters come before the notes of their frame: the sort keeps this order.
    let mut events: Vec<Vec<TimedEvent>> = slots.iter().map(|_| Vec::new()).collect();
    for (slot, sent) in automation {
        events[slot].extend(sent);
    }
    if let Some(first) = events.first_mut() {
        first.extend(notes);
    }
    let (mut late, mut channels) = (place.arrival, place.in_channels);
    let mut stages = Vec::with_capacity(slots.len());
    for (slot, mut events) in slots.into_iter().zip(events) {
        events.sort_by_key(|event| event.frame);
        let (latency, given) = (slot.latency(), slot.out_channels());
        stages.push(Stage::new(slot, late, channels, events, block));
        (late, channels) = (late + latency, given);
    }
    for (target, edge) in keys {
        let Target::Key { slot, bus } = target else { continue };
        stages[slot].key(bus, edge, block);
    }
    stages
}

/// Fails if there are devices that did not settle.
fn settled<E>(unsettled: Vec<(StripId, usize)>) -> Result<(), RenderError<E>> {
    if unsettled.is_empty() { Ok(()) } else { Err(RenderError::Unsettled(unsettled)) }
}
