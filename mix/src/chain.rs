//! Devices in series.

use audio::device::ProcessError;
use audio::{Buffer, Event, Transport};
use score::TempoMap;

use crate::graph::Watch;
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
        self.slots.iter().map(Slot::latency).sum()
    }

    /// Channels that come out where `channels` go in.
    pub fn out_channels(&self, channels: usize) -> usize {
        self.slots.last().map_or(channels, Slot::out_channels)
    }

    /// Processes the block that starts at graph frame `frame` in place. `events` go to the first device. The error names
    /// the device.
    pub(crate) fn process(
        &mut self,
        signal: &mut Buffer,
        events: &[Event],
        transport: &Transport,
        frame: u64,
        watch: &mut dyn Watch,
    ) -> Result<(), (String, ProcessError)> {
        for (index, slot) in self.slots.iter_mut().enumerate() {
            watch.entering(slot.name(), frame);
            let events = if index == 0 { events } else { &[] };
            slot.process(signal, events, transport).map_err(|error| (slot.name().to_owned(), error))?;
        }
        Ok(())
    }

    /// Lets the first device, an instrument, play a block of silence that goes nowhere; see [`Slot::play_silence`].
    pub(crate) fn preroll(
        &mut self,
        tempo: &TempoMap,
        steady: u64,
        before: u64,
        watch: &mut dyn Watch,
    ) -> Result<(), (String, ProcessError)> {
        let Some(slot) = self.slots.first_mut() else { return Ok(()) };
        watch.entering(slot.name(), 0);
        slot.play_silence(tempo, steady, before).map_err(|error| (slot.name().to_owned(), error))
    }

    pub(crate) fn slots_mut(&mut self) -> impl Iterator<Item = &mut Slot> {
        self.slots.iter_mut()
    }

    /// Takes the devices out, to be deactivated.
    pub fn into_slots(self) -> Vec<Slot> {
        self.slots
    }
}
