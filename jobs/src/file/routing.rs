//! Which bus feeds which: names, unknown busses, rings, order.

use presets::document::{Collector, Entry, Place, did_you_mean, similar};

use super::session::BusForm;

/// The name that stands for the sum behind all busses.
pub(super) const MASTER: &str = "master";

/// Tells names that tracks and busses share, or that mean the master.
pub(super) fn check_names(tracks: &[Entry], busses: &[Entry], collector: &Collector) {
    for Entry { key, .. } in tracks.iter().chain(busses) {
        if key.value == MASTER {
            let message = "no track or bus can be called master";
            collector.mistake_with(&key.place, message, "Settings of the master stand beside tracks: master: {}.");
        }
    }
    for bus in busses {
        if let Some(track) = tracks.iter().find(|t| t.key.value == bus.key.value) {
            let message = format!("bus {} has the name of the track in line {}", bus.key.value, track.key.place.line);
            collector.mistake_with(&bus.key.place, message, "Rename one of them.");
        }
    }
}

/// Whether a bus of that name exists; tells it where not.
pub(super) fn check_bus(name: &str, place: &Place, busses: &[&str], collector: &Collector) -> bool {
    if busses.contains(&name) {
        return true;
    }
    let help = match (similar(name, busses.iter().copied(), 2).as_slice(), busses) {
        ([], []) => format!("The session has no busses: add busses: {{ {name}: {{ chain: [] }} }}."),
        ([], busses) => format!("The busses are {}.", busses.join(", ")),
        (close, _) => did_you_mean(close),
    };
    collector.mistake_with(place, format!("there is no bus \"{name}\""), help);
    false
}

/// Puts each bus after all that feed it, in the order written where that is free. A ring is told with its whole path,
/// and its busses keep the order written.
pub(super) fn sort(busses: Vec<BusForm>, collector: &Collector) -> Vec<BusForm> {
    let targets: Vec<Vec<usize>> = busses
        .iter()
        .map(|bus| {
            let names = bus.strip.bus.iter().chain(bus.strip.sends.iter().map(|s| &s.bus));
            names.filter_map(|name| busses.iter().position(|b| b.name.value == *name)).collect()
        })
        .collect();
    let mut waiting: Vec<usize> = (0..busses.len()).collect();
    let mut order = Vec::with_capacity(busses.len());
    while !waiting.is_empty() {
        let feeds = |to: usize| waiting.iter().any(|from| targets[*from].contains(&to));
        let Some(at) = waiting.iter().position(|bus| !feeds(*bus)) else {
            let ring = ring(&targets, &waiting);
            let names: Vec<&str> = ring.iter().map(|i| busses[*i].name.value.as_str()).collect();
            let message = format!("busses feed each other in a ring: {} -> {}", names.join(" -> "), names[0]);
            collector.mistake_with(&busses[ring[0]].name.place, message, "Remove one bus or send of it.");
            order.append(&mut waiting);
            break;
        };
        order.push(waiting.remove(at));
    }
    let mut busses: Vec<Option<BusForm>> = busses.into_iter().map(Some).collect();
    order.into_iter().filter_map(|index| busses[index].take()).collect()
}

/// The busses of one ring, starting with the first written, among busses that all have someone feeding them.
fn ring(targets: &[Vec<usize>], waiting: &[usize]) -> Vec<usize> {
    let feeder = |to: usize| *waiting.iter().find(|from| targets[**from].contains(&to)).expect("each is fed");
    // Going from bus to feeder never ends, so after as many steps as there are busses it goes round the ring.
    let inside = waiting.iter().fold(waiting[0], |at, _| feeder(at));
    let mut ring = vec![inside];
    let mut at = feeder(inside);
    while at != inside {
        ring.push(at);
        at = feeder(at);
    }
    ring.reverse();
    let first = ring.iter().enumerate().min_by_key(|(_, bus)| **bus).map_or(0, |(index, _)| index);
    ring.rotate_left(first);
    ring
}
