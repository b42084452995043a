//! Music as data.
//!
//! The story in order: [`Song`] is a MIDI file taken apart into [`Track`]s; [`TempoMap`] turns its ticks into beats,
//! bars, seconds and frames, be the tempo the file's own, another file's, written down or fixed; [`Song::play`] gives
//! what a device plays of a [`Part`], frame by frame, with a report of what was changed or left out. [`Song::parts`] says
//! which instruments a song asks for. What is wrong with a file, a [`ScoreError`] says.
//!
//! A [`Position`] is a place in the music in the unit that its writer thinks in, and [`Clock`] turns one unit into
//! another. A [`Curve`] is a value that changes over the frames of the music; [`Song::cc_curve`] makes one of a MIDI
//! controller. What else is known of a recording, an [`annotation`], follows it where it is cut, and
//! a [`segment`] is where.

pub mod annotation;
mod changes;
mod clock;
mod controller;
mod curve;
mod division;
mod error;
mod gap;
mod merge;
mod mpe;
mod parse;
mod part;
mod play;
mod position;
mod programs;
mod read;
pub mod segment;
mod song;
mod tempo;

pub use changes::{Change, ChangeProblem, ChangesError};
pub use clock::{Clock, PositionError};
pub use controller::{Controller, ControllerError, ControllerMap, Scale};
pub use curve::{Curve, CurveError, CurvePoint, Shape};
pub use division::Division;
pub use error::{ScoreError, ScoreProblem};
pub use part::{
    Gap, KeyMap, Overlaps, Part, PartError, Program, ProgramChoice, Select, ToChannels, Unmapped, Velocity,
    VelocityCurve,
};
pub use play::{LostNote, Onset, Performance, PlayReport, TimedEvent};
pub use position::{ParsePositionError, Position, PositionMistake, Unit};
pub use programs::SongPart;
pub use song::{Repairs, Song, Track, TrackEvent, TrackEventBody, TrackNotFound};
pub use tempo::{Bar, InvalidTempo, TempoMap};
