//! Rendering strips block by block.

use audio::device::{DeviceError, ProcessError, Setup};
use audio::{Buffer, Event, SampleRate};
use score::TempoMap;

use crate::chain::Chain;
use crate::delay::DelayLine;
use crate::slot::{Slot, Turn, opening_frames};
use crate::strip::{self, Edge, Level, Source, Strip, StripId};
use crate::tap::{Running, Tap, TapPoint};

/// Follows a render from outside.
pub trait Watch {
    /// A device is about to process the block that starts at this frame; called before each such call, so it is cheap.
    fn entering(&mut self, device: &str, frame: u64);

    /// A block is done everywhere. `done` and `total` count frames of the longest tap.
    fn advanced(&mut self, done: u64, total: u64);
}

/// Why strips make no graph.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// A strip feeds one that does not come after it, or that sums nothing.
    #[error("{from} cannot feed {to}: a strip feeds sums that stand after it")]
    Order {
        /// The strip that feeds.
        from: String,
        /// The strip that it names.
        to: String,
    },
    /// A mixer strip takes one or two channels.
    #[error("{strip}: its chain gives {channels} channels; a strip with level and pan takes one or two")]
    Channels {
        /// The strip.
        strip: String,
        /// What its chain gives.
        channels: usize,
    },
    /// A sum has other channels than what feeds it.
    #[error("{from} gives {given} channels to {to}, which sums {summed}")]
    Feed {
        /// The strip that feeds.
        from: String,
        /// The strip that sums.
        to: String,
        /// What is given.
        given: usize,
        /// What is summed.
        summed: usize,
    },
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

/// A strip with its working memory.
struct Node {
    strip: Strip,
    edges: Vec<Edge>,
    /// Frames by which the music is late where it enters the chain.
    arrival: u64,
    input: Buffer,
    output: Buffer,
    /// The part of a block between two tempo changes, when there is one within a block.
    part: Buffer,
    /// The next event, or the next frame of the recording.
    cursor: usize,
    events: Vec<Event>,
}

/// Strips, each after all that feed it.
pub struct Graph {
    nodes: Vec<Node>,
    tempo: TempoMap,
    sample_rate: SampleRate,
    block: usize,
}

impl Graph {
    /// Lines the strips up: every path to every sum is delayed to the latest. `block` is the most frames a device gets
    /// at once, as it was activated with.
    pub fn new(
        strips: Vec<Strip>,
        tempo: TempoMap,
        sample_rate: SampleRate,
        block: usize,
    ) -> Result<Graph, GraphError> {
        let mut nodes: Vec<Node> = Vec::with_capacity(strips.len());
        for (index, strip) in strips.iter().enumerate() {
            let channels = strip.chain.out_channels(strip.in_channels());
            if strip.level != Level::Direct && !(1..=2).contains(&channels) {
                return Err(GraphError::Channels { strip: strip.name.clone(), channels });
            }
            for &(StripId(to), _) in &strip.feeds {
                let order = || GraphError::Order {
                    from: strip.name.clone(),
                    to: strips.get(to).map_or_else(|| format!("strip {to}"), |s| s.name.clone()),
                };
                let Some(Strip { source: Source::Sum(summed), name, .. }) = strips.get(to) else { return Err(order()) };
                if to <= index {
                    return Err(order());
                }
                if strip.out_channels() != *summed {
                    let (given, summed) = (strip.out_channels(), *summed);
                    return Err(GraphError::Feed { from: strip.name.clone(), to: name.clone(), given, summed });
                }
            }
        }
        for (index, strip) in strips.into_iter().enumerate() {
            let feeding = |node: &Node| -> Vec<f64> {
                let feeds = node.strip.feeds.iter();
                feeds.filter(|(to, _)| to.0 == index).map(|(_, gain)| *gain).collect()
            };
            let late = |node: &Node| node.arrival + node.strip.chain.latency();
            let arrival = nodes.iter().filter(|n| !feeding(n).is_empty()).map(late).max().unwrap_or(0);
            let mut edges = Vec::new();
            for (from, node) in nodes.iter().enumerate() {
                for gain in feeding(node) {
                    let delay = DelayLine::new(strip.in_channels(), (arrival - late(node)) as usize);
                    edges.push(Edge { from, gain: gain as f32, delay });
                }
            }
            let input = Buffer::new(strip.in_channels(), block);
            let output = Buffer::new(strip.out_channels(), block);
            let part = Buffer::default();
            nodes.push(Node { strip, edges, arrival, input, output, part, cursor: 0, events: Vec::new() });
        }
        Ok(Graph { nodes, tempo, sample_rate, block })
    }

    /// Frames of the longest recording or list of events.
    pub fn source_frames(&self) -> u64 {
        self.nodes.iter().map(|n| n.strip.source_frames()).max().unwrap_or(0)
    }

    /// Channels that a tap hands out.
    pub fn channels(&self, tap: &Tap) -> usize {
        let strip = &self.nodes[tap.strip.0].strip;
        match tap.point {
            TapPoint::Input => strip.in_channels(),
            TapPoint::Output => strip.out_channels(),
        }
    }

    /// Frames of latency that are removed in front of a tap.
    pub fn latency(&self, tap: &Tap) -> u64 {
        let node = &self.nodes[tap.strip.0];
        match tap.point {
            TapPoint::Input => node.arrival,
            TapPoint::Output => node.arrival + node.strip.chain.latency(),
        }
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
        let mut cut = Buffer::default();
        let opening = self.opening_frames();
        let preroll = self.preroll(&mut notes, watch)?;
        while running.iter().any(|r| !r.is_done()) {
            for index in 0..self.nodes.len() {
                let (before, rest) = self.nodes.split_at_mut(index);
                rest[0].advance(before, frame, preroll, self.block, &self.tempo, self.sample_rate, watch)?;
            }
            for (index, run) in running.iter_mut().enumerate().filter(|(_, r)| !r.is_done()) {
                let node = &self.nodes[run.tap.strip.0];
                let block = if run.tap.point == TapPoint::Input { &node.input } else { &node.output };
                let range = run.take(block);
                if range == (0..block.frames()) {
                    sink(index, block).map_err(RenderError::Sink)?;
                } else if !range.is_empty() {
                    copy(block, range, &mut cut);
                    sink(index, &cut).map_err(RenderError::Sink)?;
                }
            }
            Running::end_in_silence(&mut running);
            let mut unsettled = Vec::new();
            for (index, node) in self.nodes.iter_mut().enumerate() {
                let slots = node.pump(frame, frame < opening, &mut notes)?;
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
        let is_instrument = |node: &Node| matches!(node.strip.source, Source::Events(_));
        if !self.nodes.iter().any(is_instrument) {
            return Ok(0);
        }
        let frames = self.opening_frames();
        let mut unsettled = Vec::new();
        for (index, node) in self.nodes.iter_mut().enumerate().filter(|(_, node)| is_instrument(node)) {
            for steady in (0..frames).step_by(self.block) {
                let played = node.strip.chain.preroll(&self.tempo, steady, frames, watch);
                played.map_err(|(device, source)| RenderError::Process {
                    place: node.strip.name.clone(),
                    device,
                    frame: 0,
                    source,
                })?;
                unsettled.extend(node.pump(0, true, notes)?.into_iter().map(|slot| (StripId(index), slot)));
            }
            // What they were set to some notice only now, and compute their sound anew.
            node.strip.chain.slots_mut().take(1).for_each(Slot::settle);
        }
        settled(unsettled)?;
        Ok(frames)
    }

    /// Takes the chains out by strip, to be deactivated.
    pub fn into_chains(self) -> Vec<Chain> {
        self.nodes.into_iter().map(|node| node.strip.chain).collect()
    }
}

impl Node {
    /// Makes one block of `frames` at graph frame `frame` from the strips before. `preroll` frames went before the first.
    #[expect(clippy::too_many_arguments, reason = "what a block needs of the graph, whose nodes are borrowed apart")]
    fn advance<E>(
        &mut self,
        before: &[Node],
        frame: u64,
        preroll: u64,
        frames: usize,
        tempo: &TempoMap,
        sample_rate: SampleRate,
        watch: &mut dyn Watch,
    ) -> Result<(), RenderError<E>> {
        self.fill_input(before, frames);
        let music = frame as i64 - self.arrival as i64;
        let end = music + frames as i64;
        let mut start = music;
        let mut signal = std::mem::take(&mut self.part);
        self.output.resize(frames);
        loop {
            let change = tempo.next_change_after(start, sample_rate).map_or(i64::MAX, |frame| frame as i64);
            let stop = end.min(change);
            let whole = start == music && stop == end;
            let range = (start - music) as usize..(stop - music) as usize;
            copy(&self.input, range.clone(), &mut signal);
            self.collect_events(start, stop);
            let mut transport = tempo.transport_at(start, sample_rate);
            let at = frame + range.start as u64;
            transport.steady_frame = preroll + at;
            let chain = &mut self.strip.chain;
            chain.process(&mut signal, &self.events, &transport, at, watch).map_err(|(device, source)| {
                RenderError::Process { place: self.strip.name.clone(), device, frame: at, source }
            })?;
            if whole {
                strip::apply(self.strip.level, &mut signal, &mut self.output);
                break;
            }
            let mut levelled = Buffer::new(self.strip.out_channels(), range.len());
            strip::apply(self.strip.level, &mut signal, &mut levelled);
            for (to, from) in self.output.channels_mut().zip(levelled.channels()) {
                to[range.clone()].copy_from_slice(from);
            }
            if stop == end {
                break;
            }
            start = stop;
        }
        self.part = signal;
        Ok(())
    }

    fn fill_input(&mut self, before: &[Node], frames: usize) {
        self.input.resize(frames);
        match &self.strip.source {
            Source::Recording(recording) => {
                let start = self.cursor.min(recording.frames());
                let stop = (self.cursor + frames).min(recording.frames());
                for (to, from) in self.input.channels_mut().zip(recording.channels()) {
                    to[..stop - start].copy_from_slice(&from[start..stop]);
                    to[stop - start..].fill(0.0);
                }
                self.cursor += frames;
            }
            Source::Events(_) => {}
            Source::Sum(_) => {
                self.input.clear();
                for edge in &mut self.edges {
                    edge.delay.add_to(&before[edge.from].output, edge.gain, &mut self.input);
                }
            }
        }
    }

    /// Gathers the events of the music's frames `start..stop`.
    fn collect_events(&mut self, start: i64, stop: i64) {
        self.events.clear();
        let Source::Events(events) = &self.strip.source else { return };
        while let Some(event) = events.get(self.cursor).filter(|event| (event.frame as i64) < stop) {
            let frame = (event.frame as i64 - start).max(0) as u32;
            self.events.push(Event { frame, body: event.body.clone() });
            self.cursor += 1;
        }
    }

    /// Runs what the devices want done between blocks. Gives those that have not settled, which only the render's
    /// `opening` can cure.
    fn pump<E>(&mut self, frame: u64, opening: bool, notes: &mut Vec<String>) -> Result<Vec<usize>, RenderError<E>> {
        let mut unsettled = Vec::new();
        for (index, slot) in self.strip.chain.slots_mut().enumerate() {
            let turn = slot.pump(opening).map_err(|source| RenderError::Restart {
                place: self.strip.name.clone(),
                device: slot.name().to_owned(),
                frame,
                source,
            })?;
            match turn {
                Some(Turn::Unsettled) => unsettled.push(index),
                Some(Turn::Told(note)) if !notes.contains(&note) => notes.push(note),
                Some(Turn::Told(_)) | None => {}
            }
        }
        Ok(unsettled)
    }
}

/// Fails if there are devices that did not settle.
fn settled<E>(unsettled: Vec<(StripId, usize)>) -> Result<(), RenderError<E>> {
    if unsettled.is_empty() { Ok(()) } else { Err(RenderError::Unsettled(unsettled)) }
}

/// Copies a range of frames into a buffer that takes the shape.
fn copy(from: &Buffer, range: std::ops::Range<usize>, to: &mut Buffer) {
    if to.channel_count() != from.channel_count() {
        *to = Buffer::new(from.channel_count(), range.len());
    }
    to.resize(range.len());
    for (to, from) in to.channels_mut().zip(from.channels()) {
        to.copy_from_slice(&from[range.clone()]);
    }
}
