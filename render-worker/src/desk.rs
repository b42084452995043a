//! A session as strips of the graph.

mod assembly;
mod chain;
mod connect;
mod layout;
mod level;
mod moves;
mod play;

use std::collections::BTreeMap;

use jobs::message::Phase;
use jobs::task::{Output, SessionRender, ToneRender};
use mix::{Chain, Level, Source, Strip, StripId, TapPoint};
use score::TempoMap;

use crate::build::{BuildError, Builder, Built, Conditions, refusal};
use crate::report::Reporter;
use crate::sync::Pulse;
use crate::takes::Ready;
use assembly::Assembly;
use chain::Site;
use layout::Layout;

/// The strips of a task before they become a graph.
pub(crate) struct Desk {
    pub(crate) strips: Vec<Strip>,
    pub(crate) tempo: TempoMap,
    /// Frames that the material lasts.
    pub(crate) frames: u64,
    /// Where each output is taken, in their order.
    pub(crate) points: Vec<(StripId, TapPoint)>,
    pub(crate) built: Built,
}

/// One take through one chain, which gives so many outputs.
pub(crate) fn tone(
    tone: &ToneRender,
    ready: &Ready,
    pulse: Option<Pulse>,
    outputs: usize,
    conditions: Conditions<'_>,
    reporter: &mut Reporter,
) -> Result<Desk, BuildError> {
    let tempo = TempoMap::default();
    let mut builder = Builder { conditions, tempo: &tempo, built: Built::default() };
    let recording = ready.stream().map_err(|error| refusal(Phase::Load, None, error))?;
    let recording = match pulse {
        Some(pulse) => pulse.before(recording),
        None => recording,
    };
    let site = Site { head: 0, name: "tone" };
    let source = Source::Recording(recording);
    let strips = chain::strips(site, &tone.chain, source, ready.channels, Level::Direct, &mut builder, reporter)?;
    let points = vec![(StripId(strips.len() - 1), TapPoint::Output); outputs];
    Ok(Desk { strips, built: builder.built, tempo, frames: ready.frames, points })
}

/// Tracks, busses and a master, as many times as the outputs need them.
pub(crate) fn session(
    session: &SessionRender,
    outputs: &[Output],
    conditions: Conditions<'_>,
    reporter: &mut Reporter,
) -> Result<Desk, BuildError> {
    let tempo = play::tempo(&session.tempo)?;
    let layout = Layout::new(session, outputs)?;
    let mut sources = Vec::with_capacity(session.tracks.len());
    let mut frames = 0;
    let mut builder = Builder { conditions, tempo: &tempo, built: Built::default() };
    for track in &session.tracks {
        let played =
            play::played(track, session, &layout, &tempo, builder.conditions.audio.sample_rate, &mut builder.built)?;
        frames = frames.max(played.frames);
        sources.push(played);
    }
    let mut assembly = Assembly {
        session,
        layout: &layout,
        builder,
        records: BTreeMap::new(),
        strips: BTreeMap::new(),
        outputs: BTreeMap::new(),
    };
    // An instrument's further outputs have as many channels as it shows once it is built.
    let (outs, tracks): (Vec<_>, Vec<_>) =
        sources.into_iter().enumerate().partition(|(_, played)| matches!(played.source, Source::Output { .. }));
    for (index, played) in tracks.into_iter().chain(outs) {
        assembly.track(index, played, reporter)?;
    }
    for index in 0..session.busses.len() {
        assembly.bus(index, None, reporter)?;
    }
    if layout.base_master.is_some() {
        assembly.master(None, reporter)?;
    }
    for variant in 0..layout.variants.len() {
        for index in 0..session.busses.len() {
            if layout.variants[variant].copies.contains_key(&(session.tracks.len() + index)) {
                assembly.bus(index, Some(variant), reporter)?;
            }
        }
        assembly.master(Some(variant), reporter)?;
    }
    for &(stem, at) in &layout.master_stems {
        let strip = Strip::new(
            format!("{}, behind the master's fader", session.names().nth(stem).unwrap_or_default()),
            Source::Sum(2),
            Chain::default(),
            level::level(&session.master.fader)?,
        );
        assembly.strips.insert(at, strip);
    }
    let Assembly { builder: Builder { mut built, .. }, records, mut strips, .. } = assembly;
    built.devices = records.into_values().flatten().collect();
    connect::connect(session, &layout, &mut strips)?;
    let strips = strips.into_values().collect();
    let points = outputs.iter().map(|output| layout.point(session, &output.deliver)).collect::<Result<_, _>>()?;
    Ok(Desk { strips, tempo, frames, points, built })
}
