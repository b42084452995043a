//! What moves the parameters of a chain.

use std::collections::BTreeMap;

use audio::device::ParameterId;
use audio::{EventBody, SampleRate};
use jobs::message::Phase;
use jobs::task::Moves;
use mix::Strip;
use presets::Link;
use score::{Song, TempoMap, TimedEvent};

use super::chain::Shape;
use super::connect::change;
use super::layout::Span;
use crate::build::{BuildError, refusal};

/// On a ramp, a parameter is set anew once in so many frames of the music, whatever the blocks are.
const RAMP_GRID: u64 = 32;

/// Sends the devices of a chain that stands at `span` what moves their parameters.
pub(super) fn automate(
    strips: &mut BTreeMap<usize, Strip>,
    span: Span,
    chain: &[Link],
    moves: &Moves,
    song: Option<&(Song, TempoMap, u64)>,
    rate: SampleRate,
) -> Result<(), BuildError> {
    let shape = Shape::of(chain);
    let mut send = |device: usize, events: Vec<TimedEvent>| {
        let (part, slot) = shape.device(device).ok_or_else(|| {
            refusal(Phase::Configure, None, format!("there is no device {device} in the chain, counted from 0"))
        })?;
        change(strips, span.head + part, |strip| strip.automating(slot, events));
        Ok::<(), BuildError>(())
    };
    for lane in &moves.lanes {
        send(lane.device, lane.curve.events(ParameterId(lane.parameter), RAMP_GRID))?;
    }
    for controller in &moves.controllers {
        let Some((song, map, offset)) = song else { continue };
        let id = ParameterId(controller.parameter);
        let values = song.cc_events(&controller.map, map, rate);
        let values = values.map_err(|error| refusal(Phase::Configure, None, error))?;
        let event = |(frame, value)| TimedEvent { frame: frame + offset, body: EventBody::Parameter { id, value } };
        send(controller.device, values.into_iter().map(event).collect())?;
    }
    Ok(())
}
