//! What happens at which frame of a block.

use crate::device::ParameterId;

/// Something that happens at one frame.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Frame within the block, from 0 to one less than the block's frames. Events of a block are sorted by it;
    /// those of one frame keep their order.
    pub frame: u32,
    /// What happens.
    pub body: EventBody,
}

/// Identifies one sounding note from its on to its off, where the source has such numbers.
pub type NoteId = u32;

/// The kinds of event.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each variant's line explains its fields")]
pub enum EventBody {
    /// A key goes down. `velocity` is 0 to 1 and above 0; `key` and `channel` are MIDI's, from 0.
    NoteOn { channel: u8, key: u8, velocity: f64, note: Option<NoteId> },
    /// A key is released. `velocity` is the release velocity, 0 to 1.
    NoteOff { channel: u8, key: u8, velocity: f64, note: Option<NoteId> },
    /// A parameter takes a plain value.
    Parameter { id: ParameterId, value: f64 },
    /// A channel message other than a note: controller, bend, pressure, program. Unused bytes are 0.
    Midi { bytes: [u8; 3] },
    /// A system exclusive message with its leading F0 and closing F7.
    Sysex { bytes: std::sync::Arc<[u8]> },
}
