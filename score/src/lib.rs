//! Music as data.
//!
//! The story in order: [`Song`] is a MIDI file taken apart into [`Track`]s; [`TempoMap`] turns its ticks into beats,
//! bars, seconds and frames, be the tempo the file's own, another file's or fixed; [`Song::events`] gives what a device
//! plays, frame by frame. What is wrong with a file, a [`ScoreError`] says.

mod error;
mod parse;
mod song;
mod tempo;

pub use error::{ScoreError, ScoreProblem};
pub use song::{Select, Song, TimedEvent, Track, TrackEvent, TrackEventBody, TrackNotFound};
pub use tempo::{Bar, InvalidTempo, TempoMap};
