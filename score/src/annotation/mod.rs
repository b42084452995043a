//! Annotations follow the audio that they describe.
//!
//! A take is cut out of a recording and brought to another sample rate; what says where its notes and beats are must say
//! so of the take. [`carry`] copies an annotation where nothing in it changes, rewrites it where it does, and refuses
//! what it cannot rewrite, so that no file ever stands beside audio that it does not fit. [`Beats`] is what annotations
//! are asked for where takes are cut by beats or bars.

mod beats;
mod cells;
mod columns;
mod error;
mod jams;
mod midi;
mod npy;
mod time;

use std::path::Path;

pub use beats::{Beats, MOST_BEATS};
pub use error::{AnnotationError, AnnotationProblem};
pub use time::TimeChange;

/// An annotation of a take, made from that of its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Carried {
    /// The file fits as it is, byte for byte.
    Copied,
    /// The file's content for the take. MIDI comes out as a plain Standard MIDI File.
    Rewritten(Vec<u8>),
}

/// What an annotation's name says that it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Midi,
    Jams,
    /// Lines of times and what is there.
    Labels,
    /// Likewise; mostly beats.
    Lines,
    /// Likewise with separators that programs choose, and often a first line of names.
    Separated,
    Array,
    GuitarPro,
    Other,
}

impl Kind {
    fn of(path: &Path) -> Kind {
        let extension = path.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default();
        match extension.as_str() {
            "mid" | "midi" | "smf" | "kar" | "rmi" => Kind::Midi,
            "jams" => Kind::Jams,
            "lab" => Kind::Labels,
            "txt" | "beats" => Kind::Lines,
            "csv" | "tsv" => Kind::Separated,
            "npy" => Kind::Array,
            "gp" | "gp3" | "gp4" | "gp5" | "gpx" | "gtp" => Kind::GuitarPro,
            _ => Kind::Other,
        }
    }
}

/// Makes the annotation of a take out of that of its source, whose content is `bytes`. The name of `path` says what it
/// is; nothing is read from there.
///
/// MIDI counts musical time, which no sample rate changes. Where it is cut, tempo, meter, programs, controllers and
/// pitch bend hold at the new start as they did there, and notes that sound across an edge begin or end at it. JAMS,
/// labels (`.lab`, in seconds or in HTK's 100 ns) and beats (`.txt`, `.csv`, `.npy`) are shifted and cut, whatever else
/// they hold; times in seconds stay as they are when only the rate changes, those in frames are scaled. Instants count
/// to the frame nearest to them, so that takes that follow each other share none and lose none.
///
/// Fails where a file does not hold what its name says, where the unit of its times is unknown, and for Guitar Pro and
/// every other kind of file if the take is not the whole source.
pub fn carry(path: &Path, bytes: &[u8], change: &TimeChange) -> Result<Carried, AnnotationError> {
    if change.is_nothing() {
        return Ok(Carried::Copied);
    }
    let cut = change.is_cut();
    let carried = match Kind::of(path) {
        Kind::Midi | Kind::Jams | Kind::GuitarPro | Kind::Other if !cut => Ok(Carried::Copied),
        Kind::Midi => midi::cut(bytes, change).map(Carried::Rewritten),
        Kind::Jams => jams::cut(bytes, change).map(Carried::Rewritten),
        Kind::Labels => columns::carry(bytes, columns::Layout::Labels, change),
        Kind::Lines => columns::carry(bytes, columns::Layout::Lines, change),
        Kind::Separated => columns::carry(bytes, columns::Layout::Separated, change),
        Kind::Array => npy::carry(bytes, change),
        Kind::GuitarPro => Err(AnnotationProblem::GuitarPro),
        Kind::Other => Err(AnnotationProblem::UnknownKind),
    };
    carried.map_err(|problem| AnnotationError::new(path, problem))
}
