//! Devices in series.

use crate::slot::Slot;

/// Devices in series. An empty chain gives what it takes.
#[derive(Default)]
pub struct Chain {
    slots: Vec<Slot>,
}

impl Chain {
    /// The devices in order. Each takes as many channels as the one before gives.
    pub fn new(slots: Vec<Slot>) -> Chain {
        Chain { slots }
    }

    /// Frames by which the whole chain delays.
    pub fn latency(&self) -> u64 {
        self.latency_before(self.slots.len())
    }

    /// Frames by which the devices in front of place `slot` delay together.
    pub fn latency_before(&self, slot: usize) -> u64 {
        self.slots.iter().take(slot).map(Slot::latency).sum()
    }

    /// Channels that come out where `channels` go in.
    pub fn out_channels(&self, channels: usize) -> usize {
        self.slots.last().map_or(channels, Slot::out_channels)
    }

    /// The devices in order.
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// Takes the devices out, to be deactivated.
    pub fn into_slots(self) -> Vec<Slot> {
        self.slots
    }
}
