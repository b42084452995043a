//! Where what a session is made of stands in the graph.

use std::collections::BTreeMap;

use jobs::message::Phase;
use jobs::task::{Deliver, Output, SessionRender, Strip as Settings, TrackSource};
use mix::{StripId, TapPoint};
use presets::Link;

use super::chain::Shape;
use crate::build::{BuildError, refusal};

/// The strips of one chain: one, or as many as it is made of where it forks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    /// Where the signal enters.
    pub(super) head: usize,
    /// Where it leaves, behind which level and pan stand.
    pub(super) tail: usize,
}

/// Where each strip stands in the graph. Tracks and busses are numbered together, tracks first.
pub(super) struct Layout {
    /// By number, the places in the graph.
    pub(super) places: Vec<Span>,
    pub(super) base_master: Option<Span>,
    pub(super) variants: Vec<Variant>,
    /// Strips whose sound is wanted behind the master's fader, each with the place of that fader.
    pub(super) master_stems: Vec<(usize, usize)>,
}

/// A mix without some tracks and busses: further instances of what they would have gone into.
pub(super) struct Variant {
    pub(super) without: Vec<usize>,
    /// By number of the bus, the places of its copy.
    pub(super) copies: BTreeMap<usize, Span>,
    pub(super) master: Span,
}

impl Layout {
    pub(super) fn new(session: &SessionRender, outputs: &[Output]) -> Result<Layout, BuildError> {
        let wrong = |ring: Vec<String>| {
            refusal(
                Phase::Configure,
                None,
                format!("tracks and busses hear each other in a ring: {}", ring.join(" -> ")),
            )
        };
        let order = session.order().map_err(wrong)?;
        let mut next = 0;
        let mut place = |chain: &[Link]| {
            let head = next;
            next += Shape::of(chain).parts.len();
            Span { head, tail: next - 1 }
        };
        let mut places = vec![Span { head: 0, tail: 0 }; order.len()];
        order.iter().for_each(|number| places[*number] = place(links(session, *number)));
        let whole = |deliver: &Deliver| matches!(deliver, Deliver::Mix | Deliver::Premaster);
        let base_master = outputs.iter().any(|o| whole(&o.deliver)).then(|| place(&session.master.chain));
        let mut layout = Layout { places, base_master, variants: Vec::new(), master_stems: Vec::new() };
        for output in outputs {
            match &output.deliver {
                Deliver::Without { without, .. } => {
                    let without = layout.numbers(session, without)?;
                    if layout.variants.iter().any(|variant| variant.without == without) {
                        continue;
                    }
                    let mut copies = BTreeMap::new();
                    for number in order.iter().copied().filter(|number| *number >= session.tracks.len()) {
                        // A bus sounds otherwise where one that feeds it is missing, or sounds otherwise itself.
                        let differs =
                            feeders(session, number).any(|from| without.contains(&from) || copies.contains_key(&from));
                        if differs && !without.contains(&number) {
                            copies.insert(number, place(links(session, number)));
                        }
                    }
                    let master = place(&session.master.chain);
                    layout.variants.push(Variant { without, copies, master });
                }
                Deliver::MasterStem(name) => {
                    let number = layout.number(session, name)?;
                    if layout.master_stems.iter().all(|(stem, _)| *stem != number) {
                        layout.master_stems.push((number, place(&[]).head));
                    }
                }
                _ => {}
            }
        }
        Ok(layout)
    }

    pub(super) fn number(&self, session: &SessionRender, name: &str) -> Result<usize, BuildError> {
        let found = session.names().position(|known| known == name);
        found.ok_or_else(|| refusal(Phase::Configure, None, format!("there is no track or bus \"{name}\"")))
    }

    fn numbers(&self, session: &SessionRender, names: &[String]) -> Result<Vec<usize>, BuildError> {
        names.iter().map(|name| self.number(session, name)).collect()
    }

    /// Where an output is taken.
    pub(super) fn point(&self, session: &SessionRender, deliver: &Deliver) -> Result<(StripId, TapPoint), BuildError> {
        let master = || self.base_master.expect("it is laid out for those who take it");
        Ok(match deliver {
            Deliver::Mix => (StripId(master().tail), TapPoint::Output),
            Deliver::Premaster => (StripId(master().head), TapPoint::Input),
            Deliver::Stem(name) => (StripId(self.places[self.number(session, name)?].tail), TapPoint::Output),
            Deliver::MasterStem(name) => {
                let number = self.number(session, name)?;
                let found = self.master_stems.iter().find(|(stem, _)| *stem == number);
                (StripId(found.expect("it is laid out").1), TapPoint::Output)
            }
            Deliver::Dry(name) => {
                let number = self.number(session, name)?;
                let notes = matches!(session.tracks.get(number).map(|t| &t.source), Some(TrackSource::Midi { .. }));
                (StripId(self.places[number].head), if notes { TapPoint::Behind(0) } else { TapPoint::Source })
            }
            Deliver::Without { without, premaster } => {
                let without = self.numbers(session, without)?;
                let variant = self.variants.iter().find(|variant| variant.without == without);
                let master = variant.expect("it is laid out").master;
                match premaster {
                    true => (StripId(master.head), TapPoint::Input),
                    false => (StripId(master.tail), TapPoint::Output),
                }
            }
        })
    }
}

/// Level, pan and routing of a strip by its number.
pub(super) fn settings(session: &SessionRender, number: usize) -> &Settings {
    match session.tracks.get(number) {
        Some(track) => &track.strip,
        None => &session.busses[number - session.tracks.len()].strip,
    }
}

/// The chain of a strip by its number.
pub(super) fn links(session: &SessionRender, number: usize) -> &[Link] {
    match session.tracks.get(number) {
        Some(track) => &track.chain,
        None => &session.busses[number - session.tracks.len()].chain,
    }
}

/// The numbers of the strips that feed a bus.
fn feeders(session: &SessionRender, bus: usize) -> impl Iterator<Item = usize> {
    let name = session.busses[bus - session.tracks.len()].name.as_str();
    (0..session.tracks.len() + session.busses.len()).filter(move |number| {
        let settings = settings(session, *number);
        settings.bus.as_deref() == Some(name) || settings.sends.iter().any(|send| send.bus == name)
    })
}
