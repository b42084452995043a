//! Strips as they come to life.

use std::collections::{BTreeMap, BTreeSet};

use jobs::manifest::DeviceRecord;
use jobs::message::Phase;
use jobs::task::{Fader, Moves, SessionRender, TrackSource};
use mix::{Source, Strip};
use presets::Link;
use score::{Song, TempoMap};

use super::chain::{self, Site};
use super::layout::{Layout, Span};
use super::level::level;
use super::moves::automate;
use super::play::Played;
use crate::build::{BuildError, Builder, refusal};
use crate::report::Reporter;

/// A session on its way to a graph.
pub(super) struct Assembly<'a> {
    pub(super) session: &'a SessionRender,
    pub(super) layout: &'a Layout,
    pub(super) builder: Builder<'a>,
    /// By variant (the first is the mix itself) and number, so that they stand in the order of tracks, busses, master.
    pub(super) records: BTreeMap<(usize, usize), Vec<DeviceRecord>>,
    /// By place.
    pub(super) strips: BTreeMap<usize, Strip>,
    /// By place of the first strip, channels of each output bus of its instrument.
    pub(super) outputs: BTreeMap<usize, Vec<usize>>,
}

/// What a track, a bus or the master is made of beside its source.
struct Made<'a> {
    name: &'a str,
    span: Span,
    chain: &'a [Link],
    moves: &'a Moves,
    fader: &'a Fader,
    record: (usize, usize),
}

impl Assembly<'_> {
    pub(super) fn track(&mut self, index: usize, played: Played, reporter: &mut Reporter) -> Result<(), BuildError> {
        let track = &self.session.tracks[index];
        let span = self.layout.places[index];
        let channels = match &played.source {
            Source::Recording(recording) => recording.channels(),
            Source::Output { of, bus } => {
                let channels = self.outputs.get(&of.0).and_then(|outputs| outputs.get(*bus));
                *channels.ok_or_else(|| {
                    let reason =
                        format!("track {}: the instrument has no output {bus} beside its first one", track.name);
                    refusal(Phase::Configure, None, reason)
                })?
            }
            _ => 0,
        };
        let heard: BTreeSet<usize> = self
            .session
            .tracks
            .iter()
            .filter_map(|other| match &other.source {
                TrackSource::Output { of, bus } if *of == track.name => Some(*bus),
                _ => None,
            })
            .collect();
        self.builder.built.heard_outputs = heard;
        let made = Made {
            name: &track.name,
            span,
            chain: &track.chain,
            moves: &track.moves,
            fader: &track.strip.fader,
            record: (0, index),
        };
        self.make(made, played.source, channels, played.song.as_ref(), reporter)?;
        if channels == 0 {
            self.outputs.insert(span.head, std::mem::take(&mut self.builder.built.outputs));
        }
        Ok(())
    }

    pub(super) fn bus(
        &mut self,
        index: usize,
        variant: Option<usize>,
        reporter: &mut Reporter,
    ) -> Result<(), BuildError> {
        let bus = &self.session.busses[index];
        let number = self.session.tracks.len() + index;
        let span = match variant {
            None => self.layout.places[number],
            Some(variant) => self.layout.variants[variant].copies[&number],
        };
        let record = (variant.map_or(0, |v| v + 1), number);
        let (moves, fader) = (&bus.moves, &bus.strip.fader);
        let made = Made { name: &bus.name, span, chain: &bus.chain, moves, fader, record };
        self.make(made, Source::Sum(2), 2, None, reporter)
    }

    pub(super) fn master(&mut self, variant: Option<usize>, reporter: &mut Reporter) -> Result<(), BuildError> {
        let master = &self.session.master;
        let span = match variant {
            None => self.layout.base_master.expect("it is built where it is laid out"),
            Some(variant) => self.layout.variants[variant].master,
        };
        let record = (variant.map_or(0, |v| v + 1), usize::MAX);
        let (moves, fader) = (&master.moves, &master.fader);
        let made = Made { name: "master", span, chain: &master.chain, moves, fader, record };
        self.make(made, Source::Sum(2), 2, None, reporter)
    }

    fn make(
        &mut self,
        made: Made<'_>,
        source: Source,
        channels: usize,
        song: Option<&(Song, TempoMap, u64)>,
        reporter: &mut Reporter,
    ) -> Result<(), BuildError> {
        let Made { name, span, chain, moves, fader, record } = made;
        let site = Site { head: span.head, name };
        let strips = chain::strips(site, chain, source, channels, level(fader)?, &mut self.builder, reporter)?;
        self.strips.extend((span.head..).zip(strips));
        self.records.insert(record, std::mem::take(&mut self.builder.built.devices));
        automate(&mut self.strips, span, chain, moves, song, self.builder.conditions.audio.sample_rate)
    }
}
