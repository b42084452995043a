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
    /// One sounding note changes, alone among those of its channel. Without a number, `channel` and `key` say which.
    Expression { channel: u8, key: u8, note: Option<NoteId>, expression: Expression, value: f64 },
    /// A channel message other than a note: controller, bend, pressure, program. Unused bytes are 0.
    Midi { bytes: [u8; 3] },
    /// A system exclusive message with its leading F0 and closing F7.
    Sysex { bytes: std::sync::Arc<[u8]> },
}

/// What an [`EventBody::Expression`] changes of a note, in the units that CLAP uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Expression {
    /// Gain as a factor, 0 to 4; 1 leaves the note as it is.
    Volume,
    /// 0 is left, 0.5 the centre, 1 right.
    Pan,
    /// Semitones away from the key, -120 to 120.
    Tuning,
    /// Depth of vibrato, 0 to 1.
    Vibrato,
    /// What MIDI calls expression, 0 to 1.
    Expression,
    /// Timbre, 0 to 1.
    Brightness,
    /// Aftertouch of the one key, 0 to 1.
    Pressure,
}
