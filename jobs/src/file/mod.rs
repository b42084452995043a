//! The shape of a job that people write.
//!
//! [`read`] gives a [`JobFile`]: everything that the file says, with places, and every mistake that the file alone
//! shows. What it names (presets, recordings, plugins) is looked at by [`crate::plan::build`], which tells the file's
//! own mistakes together with those. Inputs, presets and assets are relative to the file that names them; outputs to
//! the working directory, or to what the command gives instead.

mod also;
mod annotations;
mod automation;
mod chain;
mod deliver;
mod encoding;
pub(crate) mod inputs;
mod levels;
mod midi;
mod output;
mod package;
mod quality;
mod routing;
mod schema;
mod session;
pub(crate) mod songs;
mod strip;
pub(crate) mod tones;

use std::path::{Path, PathBuf};

use audio::SampleRate;
use presets::document::{Collector, Document, Fields, Mistakes, Node};
use presets::sandbox::Grants;

pub use annotations::AnnotationPlace;
pub use automation::{ControllerForm, LaneForm, LaneTarget, ParameterName, PointForm};
pub use deliver::{Delivery, DeliveryKind, Heard};
pub use encoding::FileRules;
pub use inputs::{ChannelChoice, Cut, InputForm, NoiseForm, Recordings, SegmentsForm};
pub use levels::LevelRules;
pub use midi::{MidiForm, TrackChoice};
pub(crate) use output::MOST_SECONDS;
pub use output::{Collision, OutputRules};
pub use package::PackageRules;
pub use schema::schema;
pub use session::{BusForm, MasterForm, SessionForm, SourceForm, TempoForm, TrackForm};
pub use songs::{SongList, SongsForm};
pub use tones::{Draws, ToneForm, TonesForm};

use crate::task::{AudioSettings, Checks};

/// Fields at the top of a job file that the format has a place for.
const LATER: &[&str] = &["annotations"];

/// A job as its file says it.
#[derive(Clone, Debug, PartialEq)]
pub struct JobFile {
    /// The file, as the caller named it.
    pub path: PathBuf,
    /// The folder that inputs and presets start from.
    pub folder: PathBuf,
    /// BLAKE3 of the file, in hex.
    pub blake3: String,
    /// Name for people and for `{job}`.
    pub name: String,
    /// What random draws will start from.
    pub seed: u64,
    /// Rate and block size of everything that is rendered.
    pub audio: AudioSettings,
    /// What is rendered; `None` only where `mistakes` says why.
    pub work: Option<Work>,
    /// What is written; `None` only where `mistakes` says why.
    pub output: Option<OutputRules>,
    /// What is looked at in what comes out.
    pub checks: Checks,
    /// What plugins may touch beside the files that are named elsewhere.
    pub grants: Grants,
    /// What is wrong with the file itself.
    pub mistakes: Mistakes,
}

/// What a job renders.
#[derive(Clone, Debug, PartialEq)]
pub enum Work {
    /// Every input through every tone.
    Tones(TonesForm),
    /// One session.
    Session(SessionForm),
    /// One session for many songs.
    Songs(SongsWork),
}

/// One session for many songs.
#[derive(Clone, Debug, PartialEq)]
pub struct SongsWork {
    /// The songs.
    pub songs: SongsForm,
    /// The session, with values in braces.
    pub session: Node,
}

/// Reads the session of one song, filled.
pub(crate) fn session(node: &Node, folder: &Path, collector: &Collector) -> Option<SessionForm> {
    session::decode(node, folder, collector)
}

/// Reads a job file. Fails only where nothing of it can be used; other mistakes travel in the [`JobFile`].
pub fn read(path: &Path) -> Result<JobFile, Mistakes> {
    let collector = Collector::new();
    match Document::read(path, &collector) {
        Some(document) => decode(&document, path, collector),
        None => Err(collector.into_mistakes()),
    }
}

/// Takes a job out of a file that is read already.
pub fn decode(document: &Document, path: &Path, collector: Collector) -> Result<JobFile, Mistakes> {
    let folder = path.parent().unwrap_or(Path::new("")).to_owned();
    let stem = path.file_stem().map_or_else(String::new, |s| s.to_string_lossy().into_owned());
    let decoded = body(&document.root, &folder, stem, &collector);
    let mistakes = collector.into_mistakes();
    let Some((name, seed, audio, work, output, checks, grants)) = decoded else { return Err(mistakes) };
    let blake3 = blake3::hash(&document.bytes).to_hex().to_string();
    Ok(JobFile { path: path.to_owned(), folder, blake3, name, seed, audio, work, output, checks, grants, mistakes })
}

type Body = (String, u64, AudioSettings, Option<Work>, Option<OutputRules>, Checks, Grants);

fn body(root: &Node, folder: &Path, stem: String, collector: &Collector) -> Option<Body> {
    let fields = Fields::of("a job", root, collector)?;
    presets::file::check_version(&fields, u64::from(crate::FORMAT_VERSION), collector);
    let name = fields.text("name").map_or(stem, |n| n.value);
    fields.text("description");
    let seed = fields.whole("seed", 0..=u64::MAX).unwrap_or(0);
    let audio = fields.get("audio").map_or_else(AudioSettings::standard, |node| audio_settings(node, collector));
    let has = |field: &str| fields.entries().iter().any(|e| e.key.value == field);
    let session = fields.get("session");
    let work = if session.is_some() || has("session") {
        for other in ["inputs", "tones"] {
            if fields.get(other).is_some() {
                let message = format!("{other} and session are two kinds of job");
                collector.mistake_with(fields.place_of(other), message, "Write each into a file of its own.");
            }
        }
        if fields.get("draws").is_some() {
            let help = "Remove it. Draws are for jobs with inputs and tones.";
            collector.mistake_with(fields.place_of("draws"), "a session draws nothing", help);
        }
        match (fields.get("songs"), session) {
            (None, node) => node.and_then(|node| session::decode(node, folder, collector)).map(Work::Session),
            (Some(songs), node) => songs::decode(songs, folder, collector)
                .and_then(|songs| Some(Work::Songs(SongsWork { songs, session: node?.clone() }))),
        }
    } else if has("inputs") || has("tones") {
        tones::decode(&fields, folder, collector).map(Work::Tones)
    } else {
        for field in ["inputs", "tones", "draws"] {
            fields.get(field);
        }
        let help = "Write inputs and tones, or a session.";
        collector.mistake_with(fields.place(), "a job needs something to render", help);
        None
    };
    let help = "Write output: { path: \"out/{name}.wav\" }.";
    let output = fields.require("output", help).and_then(|node| output::decode(node, work.as_ref(), collector));
    let checks = match fields.get("quality") {
        Some(node) => quality::decode(node, work.as_ref(), audio, collector),
        None => quality::standard(work.as_ref()),
    };
    let grants = presets::sandbox::decode(&fields, folder, collector);
    fields.later(LATER);
    fields.finish();
    Some((name, seed, audio, work, output, checks, grants))
}

fn audio_settings(node: &Node, collector: &Collector) -> AudioSettings {
    let standard = AudioSettings::standard();
    let Some(fields) = Fields::of("audio", node, collector) else { return standard };
    let sample_rate = fields.whole("sample_rate", 8_000..=384_000);
    let block_size = fields.whole("block_size", 1..=65_536);
    fields.finish();
    AudioSettings {
        sample_rate: sample_rate.map_or(standard.sample_rate, |hz| SampleRate(hz as u32)),
        block_size: block_size.map_or(standard.block_size, |frames| frames as u32),
    }
}

impl AudioSettings {
    /// What a job that says nothing renders at: 48 kHz in blocks of 512 frames.
    pub fn standard() -> AudioSettings {
        AudioSettings { sample_rate: SampleRate(48_000), block_size: 512 }
    }
}

#[cfg(test)]
mod tests;
