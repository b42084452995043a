//! The names of tracks and busses, and which busses there are.

use presets::document::{Collector, Entry, Place, did_you_mean, similar};

/// The name that stands for the sum behind all busses.
pub(super) const MASTER: &str = "master";

/// Tells names that are none, that tracks and busses share, or that mean the master.
pub(super) fn check_names(tracks: &[Entry], busses: &[Entry], collector: &Collector) {
    for Entry { key, .. } in tracks.iter().chain(busses) {
        if key.value.trim().is_empty() {
            collector.mistake_with(
                &key.place,
                "a track or bus has no name",
                "Give it one: messages and files call it by that.",
            );
        }
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
