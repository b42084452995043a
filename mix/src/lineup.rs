//! Which strips make a graph, and when the music arrives where.

use crate::edge::fits;
use crate::level::Level;
use crate::strip::{FeedPoint, Source, Strip, StripId, Target};

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
    /// A strip keys a device of one that does not come after it.
    #[error("{from} cannot key a device of {to}: a strip keys devices of strips that stand after it")]
    KeyOrder {
        /// The strip whose signal it is.
        from: String,
        /// The strip that it names.
        to: String,
    },
    /// A strip takes an output bus of one that does not come before it.
    #[error("{strip} cannot take an output of {of}: a strip takes outputs of strips that stand before it")]
    OutputOrder {
        /// The strip that takes.
        strip: String,
        /// The strip that it names.
        of: String,
    },
    /// A chain has fewer devices than something needs.
    #[error("{strip} has no device in place {slot} of its chain, counted from 0; it has {devices}")]
    NoSlot {
        /// The strip.
        strip: String,
        /// The place that was named.
        slot: usize,
        /// How many devices there are.
        devices: usize,
    },
    /// A device has no such input beside its main one.
    #[error("{device} in {strip} has no input {bus} that could be keyed, the main one being 0; it has {busses} in all")]
    NoInput {
        /// The strip.
        strip: String,
        /// The device.
        device: String,
        /// The bus that was named.
        bus: usize,
        /// How many inputs there are.
        busses: usize,
    },
    /// A device has no such output beside its main one.
    #[error("{device} in {strip} has no output {bus} to take, the main one being 0; it has {busses} in all")]
    NoOutput {
        /// The strip.
        strip: String,
        /// The device.
        device: String,
        /// The bus that was named.
        bus: usize,
        /// How many outputs there are.
        busses: usize,
    },
    /// A mixer strip takes one or two channels.
    #[error("{strip}: its chain gives {channels} channels; a strip with level and pan takes one or two")]
    Channels {
        /// The strip.
        strip: String,
        /// What its chain gives.
        channels: usize,
    },
    /// A sum, or an input that is keyed, has other channels than what goes there, and neither is mono.
    #[error("{from} gives {given} channels to {to}, which takes {taken}; only mono fits all")]
    Feed {
        /// The strip that feeds.
        from: String,
        /// The strip, or the device and its strip.
        to: String,
        /// What is given.
        given: usize,
        /// What is taken.
        taken: usize,
    },
}

/// What is known of a strip before anything plays.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Place {
    /// Frames by which the music is late where it enters the chain.
    pub(crate) arrival: u64,
    pub(crate) in_channels: usize,
    /// Channels behind the chain.
    pub(crate) chain_channels: usize,
    /// Channels behind the level.
    pub(crate) out_channels: usize,
}

impl Place {
    /// Channels of what a strip gives at a point.
    pub(crate) fn channels(&self, point: FeedPoint) -> usize {
        match point {
            FeedPoint::PreFader => self.chain_channels,
            FeedPoint::PostFader => self.out_channels,
        }
    }
}

/// Lines strips up. The music arrives at a strip when the latest of what it needs has: what feeds it, the output that it
/// takes, and what keys its devices, less the latency of the devices before these. So a key never waits for longer than
/// it must, and a recording whose key is late is simply played later; nothing within a chain is ever held back.
pub(crate) fn line_up(strips: &[Strip]) -> Result<Vec<Place>, GraphError> {
    let mut places = vec![Place::default(); strips.len()];
    for (index, strip) in strips.iter().enumerate() {
        let in_channels = match &strip.source {
            Source::Recording(stream) => stream.channels(),
            Source::Events(_) => 0,
            Source::Sum(channels) => *channels,
            Source::Output { of, bus } => {
                let channels = output_channels(strips, strip, index, *of, *bus)?;
                let late = places[of.0].arrival + strips[of.0].chain.latency_before(1);
                places[index].arrival = places[index].arrival.max(late);
                channels
            }
        };
        let place = &mut places[index];
        place.in_channels = in_channels;
        place.chain_channels = strip.chain.out_channels(in_channels);
        place.out_channels = place.chain_channels;
        if let Level::Stereo { .. } = strip.level {
            if !(1..=2).contains(&place.chain_channels) {
                return Err(GraphError::Channels { strip: strip.name.clone(), channels: place.chain_channels });
            }
            place.out_channels = 2;
        }
        let (place, late) = (*place, place.arrival + strip.chain.latency());
        for (slot, _) in &strip.automation {
            slot_of(strip, *slot)?;
        }
        for feed in &strip.feeds {
            let given = place.channels(feed.point);
            let before = check_feed(strips, index, feed.to, feed.target, given)?;
            let arrival = &mut places[feed.to.0].arrival;
            *arrival = (*arrival).max(late.saturating_sub(before));
        }
    }
    Ok(places)
}

fn name(strips: &[Strip], id: StripId) -> String {
    strips.get(id.0).map_or_else(|| format!("strip {}", id.0), |strip| strip.name.clone())
}

fn slot_of(strip: &Strip, slot: usize) -> Result<&crate::Slot, GraphError> {
    let devices = strip.chain.slots().len();
    strip.chain.slots().get(slot).ok_or_else(|| GraphError::NoSlot { strip: strip.name.clone(), slot, devices })
}

/// Channels of the output bus that a strip takes.
fn output_channels(
    strips: &[Strip],
    strip: &Strip,
    index: usize,
    of: StripId,
    bus: usize,
) -> Result<usize, GraphError> {
    if of.0 >= index {
        return Err(GraphError::OutputOrder { strip: strip.name.clone(), of: name(strips, of) });
    }
    let slot = slot_of(&strips[of.0], 0)?;
    let mut outputs = slot.outputs();
    let busses = outputs.len();
    let no_output = || GraphError::NoOutput { strip: name(strips, of), device: slot.name().to_owned(), bus, busses };
    outputs.nth(bus).filter(|_| bus > 0).ok_or_else(no_output)
}

/// Whether what `from` gives can go there. Gives the latency between where the music enters that strip and the point.
fn check_feed(strips: &[Strip], from: usize, to: StripId, target: Target, given: usize) -> Result<u64, GraphError> {
    let giver = || strips[from].name.clone();
    let later = strips.get(to.0).filter(|_| to.0 > from);
    match target {
        Target::Sum => {
            let Some(Strip { source: Source::Sum(taken), name: taker, .. }) = later else {
                return Err(GraphError::Order { from: giver(), to: name(strips, to) });
            };
            if !fits(given, *taken) {
                return Err(GraphError::Feed { from: giver(), to: taker.clone(), given, taken: *taken });
            }
            Ok(0)
        }
        Target::Key { slot, bus } => {
            let Some(strip) = later else {
                return Err(GraphError::KeyOrder { from: giver(), to: name(strips, to) });
            };
            let device = slot_of(strip, slot)?;
            let mut inputs = device.inputs();
            let busses = inputs.len();
            let Some(taken) = inputs.nth(bus).filter(|_| bus > 0) else {
                let (strip, device) = (strip.name.clone(), device.name().to_owned());
                return Err(GraphError::NoInput { strip, device, bus, busses });
            };
            if !fits(given, taken) {
                let to = format!("{} in {}", device.name(), strip.name);
                return Err(GraphError::Feed { from: giver(), to, given, taken });
            }
            Ok(strip.chain.latency_before(slot))
        }
    }
}
