//! A strip while it renders.

use audio::device::DeviceError;
use audio::read::ReadError;
use audio::{Buffer, Stream};

use crate::chain::Chain;
use crate::edge::{self, Edge, Pick};
use crate::graph::Watch;
use crate::level::{Fader, Level};
use crate::lineup::Place;
use crate::slot::Turn;
use crate::stage::{Clock, Fault, Stage};
use crate::tap::TapPoint;

/// What enters a chain.
pub(crate) enum Intake {
    Recording(Box<dyn Stream>),
    /// Nothing: the first device plays events.
    Events,
    Sum(Vec<Edge>),
}

/// A strip with its working memory.
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) place: Place,
    /// Frames by which the chain delays.
    pub(crate) latency: u64,
    pub(crate) source_frames: u64,
    pub(crate) intake: Intake,
    pub(crate) stages: Vec<Stage>,
    fader: Fader,
    input: Buffer,
    /// What comes out, if the level changes anything.
    output: Option<Buffer>,
    /// Points whose signal devices overwrite, for taps.
    kept: Vec<(TapPoint, Buffer)>,
    /// The part of a recording's block behind the beginning of the music.
    beginning: Buffer,
}

/// A device could not be activated again.
pub(crate) struct RestartFault {
    pub(crate) device: String,
    pub(crate) source: DeviceError,
}

impl Node {
    pub(crate) fn new(
        name: String,
        place: Place,
        source_frames: u64,
        intake: Intake,
        stages: Vec<Stage>,
        level: Level,
        block: usize,
    ) -> Node {
        let fader = Fader::new(level, place.chain_channels, block);
        let output = (!fader.is_transparent()).then(|| Buffer::new(place.out_channels, block));
        Node {
            name,
            place,
            latency: stages.iter().map(|stage| stage.slot.latency()).sum(),
            source_frames,
            intake,
            stages,
            fader,
            input: Buffer::new(place.in_channels, block),
            output,
            kept: Vec::new(),
            beginning: Buffer::new(place.in_channels, 0),
        }
    }

    /// Channels at a point.
    pub(crate) fn channels(&self, point: TapPoint) -> usize {
        match point {
            TapPoint::Source | TapPoint::Input => self.place.in_channels,
            TapPoint::Behind(slot) => self.stages[slot].slot.out_channels(),
            TapPoint::PreFader => self.place.chain_channels,
            TapPoint::Output => self.place.out_channels,
        }
    }

    /// Frames by which the music is late at a point.
    pub(crate) fn late(&self, point: TapPoint) -> u64 {
        match point {
            TapPoint::Source | TapPoint::Input => self.place.arrival,
            TapPoint::Behind(slot) => self.stages[slot].late + self.stages[slot].slot.latency(),
            TapPoint::PreFader | TapPoint::Output => self.place.arrival + self.latency,
        }
    }

    /// Has the signal of a point kept over each block, if a device would overwrite it.
    pub(crate) fn keep(&mut self, point: TapPoint) {
        let point = self.distinct(point);
        let overwritten = matches!(point, TapPoint::Input | TapPoint::Behind(_));
        if overwritten && self.kept.iter().all(|(kept, _)| *kept != point) {
            self.kept.push((point, Buffer::default()));
        }
    }

    /// One name for each point that has several.
    fn distinct(&self, point: TapPoint) -> TapPoint {
        match point {
            TapPoint::Source | TapPoint::Input if self.stages.is_empty() => TapPoint::PreFader,
            TapPoint::Source => TapPoint::Input,
            TapPoint::Behind(slot) if slot + 1 == self.stages.len() => TapPoint::PreFader,
            point => point,
        }
    }

    /// The signal at a point in the current block. One that devices overwrite has been [kept](Node::keep).
    pub(crate) fn at(&self, point: TapPoint) -> &Buffer {
        match self.distinct(point) {
            TapPoint::PreFader => self.signal(Pick::PreFader),
            TapPoint::Output => self.signal(Pick::PostFader),
            point => {
                let kept = self.kept.iter().find(|(kept, _)| *kept == point);
                &kept.expect("a tapped point is kept").1
            }
        }
    }

    /// What goes from here to others in the current block.
    pub(crate) fn signal(&self, pick: Pick) -> &Buffer {
        let chain = || self.stages.iter().rev().find_map(|stage| stage.reshaped.as_ref()).unwrap_or(&self.input);
        match pick {
            Pick::PreFader => chain(),
            Pick::PostFader => self.output.as_ref().unwrap_or_else(chain),
            Pick::Bus(bus) => {
                let taken = self.stages[0].taken.iter().find(|(taken, _)| *taken == bus);
                &taken.expect("what another strip takes is kept").1
            }
        }
    }

    /// Makes the block of `frames` at graph frame `frame` from the strips before.
    pub(crate) fn advance(
        &mut self,
        before: &[Node],
        frame: u64,
        frames: usize,
        clock: Clock,
        watch: &mut dyn Watch,
    ) -> Result<(), Fault> {
        self.fill_input(before, frame as i64 - self.place.arrival as i64, frames).map_err(Fault::Read)?;
        let Node { stages, input, kept, .. } = self;
        let mut keep = |point: TapPoint, signal: &Buffer| {
            if let Some((_, buffer)) = kept.iter_mut().find(|(kept, _)| *kept == point) {
                buffer.clone_from(signal);
            }
        };
        keep(TapPoint::Input, input);
        let mut signal = input;
        for (index, stage) in stages.iter_mut().enumerate() {
            let music = frame as i64 - stage.late as i64;
            for key in &mut stage.keys {
                key.signal.resize(frames);
                edge::sum(&mut key.edges, before, music, &mut key.signal);
            }
            signal = stage.process(signal, frame, clock, watch)?;
            keep(TapPoint::Behind(index), signal);
        }
        if let Some(output) = &mut self.output {
            output.resize(frames);
            self.fader.apply(signal, frame as i64 - (self.place.arrival + self.latency) as i64, output);
        }
        Ok(())
    }

    /// Fills the input with what belongs to the music's frames from `music` on.
    fn fill_input(&mut self, before: &[Node], music: i64, frames: usize) -> Result<(), ReadError> {
        self.input.resize(frames);
        match &mut self.intake {
            Intake::Events => {}
            Intake::Sum(edges) => edge::sum(edges, before, music, &mut self.input),
            Intake::Recording(stream) if music >= 0 => stream.read(&mut self.input)?,
            Intake::Recording(stream) => {
                // The music begins later, or within this block.
                self.input.clear();
                let silent = music.unsigned_abs().min(frames as u64) as usize;
                if silent < frames {
                    self.beginning.resize(frames - silent);
                    stream.read(&mut self.beginning)?;
                    for (to, from) in self.input.channels_mut().zip(self.beginning.channels()) {
                        to[silent..].copy_from_slice(from);
                    }
                }
            }
        }
        Ok(())
    }

    /// Runs what the devices want done between blocks. Gives those that have not settled, which only the render's
    /// `opening` can cure.
    pub(crate) fn pump(&mut self, opening: bool, notes: &mut Vec<String>) -> Result<Vec<usize>, RestartFault> {
        let mut unsettled = Vec::new();
        for (index, stage) in self.stages.iter_mut().enumerate() {
            let slot = &mut stage.slot;
            let turn = slot.pump(opening).map_err(|source| RestartFault { device: slot.name().to_owned(), source })?;
            match turn {
                Some(Turn::Unsettled) => unsettled.push(index),
                Some(Turn::Told(note)) if !notes.contains(&note) => notes.push(note),
                Some(Turn::Told(_)) | None => {}
            }
        }
        Ok(unsettled)
    }

    /// Takes the devices out.
    pub(crate) fn into_chain(self) -> Chain {
        Chain::new(self.stages.into_iter().map(|stage| stage.slot).collect())
    }
}
