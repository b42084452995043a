//! Feeds, sends and sidechains.

use std::collections::BTreeMap;

use audio::Decibels;
use jobs::task::{SessionRender, Strip as Settings};
use mix::{FeedPoint, Strip, StripId};
use presets::Link;
use score::Curve;

use super::chain::Shape;
use super::layout::{Layout, Span, links, settings};
use super::level::scaled;
use crate::build::BuildError;

/// Has strips feed and key each other as the session says.
pub(super) fn connect(
    session: &SessionRender,
    layout: &Layout,
    strips: &mut BTreeMap<usize, Strip>,
) -> Result<(), BuildError> {
    let count = session.tracks.len() + session.busses.len();
    let bus_number = |name: &str| layout.number(session, name);
    for number in 0..count {
        let Settings { bus, sends, .. } = settings(session, number);
        let target = bus.as_deref().map(bus_number).transpose()?;
        let mut feeds = vec![(target, Curve::constant(1.0), FeedPoint::PostFader)];
        for send in sends {
            let point = if send.pre_fader { FeedPoint::PreFader } else { FeedPoint::PostFader };
            let gain = scaled(send.gain.as_ref(), Decibels(send.gain_db).gain())?;
            feeds.push((Some(bus_number(&send.bus)?), gain, point));
        }
        let own = layout.places[number].tail;
        for (target, gain, point) in &feeds {
            let place = match target {
                Some(bus) => Some(layout.places[*bus].head),
                None => layout.base_master.map(|master| master.head),
            };
            if let Some(place) = place {
                feed(strips, own, place, gain, *point);
            }
        }
        for variant in layout.variants.iter().filter(|variant| !variant.without.contains(&number)) {
            let from = variant.copies.get(&number).map_or(own, |copy| copy.tail);
            for (target, gain, point) in &feeds {
                let place = match target {
                    // One that sounds the same is fed already.
                    Some(bus) => variant.copies.get(bus).map(|copy| copy.head),
                    None => Some(variant.master.head),
                };
                if let Some(place) = place {
                    feed(strips, from, place, gain, *point);
                }
            }
        }
    }
    for &(stem, place) in &layout.master_stems {
        feed(strips, layout.places[stem].tail, place, &Curve::constant(1.0), FeedPoint::PostFader);
    }
    for number in 0..count {
        let copies = layout.variants.iter().filter_map(|variant| variant.copies.get(&number).copied());
        let places: Vec<Span> = std::iter::once(layout.places[number]).chain(copies).collect();
        keys(session, layout, strips, links(session, number), &places)?;
    }
    let masters: Vec<Span> = layout.base_master.into_iter().chain(layout.variants.iter().map(|v| v.master)).collect();
    keys(session, layout, strips, &session.master.chain, &masters)
}

fn feed(strips: &mut BTreeMap<usize, Strip>, from: usize, to: usize, gain: &Curve, point: FeedPoint) {
    change(strips, from, |strip| strip.feeding(StripId(to), gain.clone(), point));
}

pub(super) fn change(strips: &mut BTreeMap<usize, Strip>, place: usize, change: impl FnOnce(Strip) -> Strip) {
    if let Some(strip) = strips.remove(&place) {
        strips.insert(place, change(strip));
    }
}

/// The sidechains of one chain, wherever it stands.
fn keys(
    session: &SessionRender,
    layout: &Layout,
    strips: &mut BTreeMap<usize, Strip>,
    chain: &[Link],
    places: &[Span],
) -> Result<(), BuildError> {
    let shape = Shape::of(chain);
    for (number, setup) in presets::devices(chain).into_iter().enumerate() {
        let (Some(sidechain), Some((part, slot))) = (&setup.sidechain, shape.device(number)) else { continue };
        let from = layout.places[layout.number(session, &sidechain.from)?].tail;
        let point = if sidechain.pre_fader { FeedPoint::PreFader } else { FeedPoint::PostFader };
        let gain = Curve::constant(Decibels(sidechain.gain_db).gain());
        for to in places {
            change(strips, from, |strip| {
                strip.keying(StripId(to.head + part), slot, sidechain.input, gain.clone(), point)
            });
        }
    }
    Ok(())
}
