//! One render, complete in itself.

mod files;
mod item;
mod session;

use std::path::{Path, PathBuf};

use audio::SampleRate;
pub use audio::finish::{Ceiling, CeilingBy, Fade, Finish, Target, Trim};
pub use audio::format::{Container, Depth, FileFormat};
pub use audio::stream::ChannelPick;
pub use audio::write::Broadcast;
pub use files::files_of;
pub use item::{
    Annotation, Checks, Facts, FlagPolicy, Gate, Item, MatchBy, NoiseKind, NoiseLevel, Segment, Take, TakeLevel,
    TakeNoise, TimeChange,
};
use presets::{DeviceKind, DeviceSetup, Link};
use serde::{Deserialize, Serialize};
pub use session::{
    Bus, Controller, Fader, Lane, Master, Moves, PanLaw, Send, SessionRender, Strip, Tempo, Track, TrackSource,
};

/// One render that gives one or several files. Holds all that its result depends on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// Position in the plan, from 0.
    pub number: u32,
    /// Name for people: the input's and the tone's, or the session's.
    pub label: String,
    /// BLAKE3, in hex, of everything that decides the content: the render, the hashes of all [`sources`](Task::sources),
    /// the outputs' formats, and the engine. Paths, the number and the label are not part of it.
    pub key: String,
    /// Rate and block size.
    pub audio: AudioSettings,
    /// What is rendered.
    pub render: Render,
    /// What is written.
    pub outputs: Vec<Output>,
    /// Every file that the result depends on.
    pub sources: Vec<Source>,
    /// What it is one of, where inputs go through tones. For people and for data sets; the key does not hold it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<Item>,
    /// Files that belong to the take, and are written beside the outputs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub annotations: Vec<Annotation>,
    /// What is looked at in what comes out.
    #[serde(default, skip_serializing_if = "Checks::is_nothing")]
    pub checks: Checks,
    /// Which run of a farm renders it: part of all temporary names, so that two that do the same task at once never write
    /// to one file. Plans leave it empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub run: String,
}

/// Digits of a run's name.
pub const RUN_DIGITS: usize = 8;

impl Task {
    /// Where it writes: its outputs, then what follows its take.
    pub fn paths(&self) -> impl Iterator<Item = &std::path::Path> {
        let outputs = self.outputs.iter().map(|output| &output.path);
        outputs.chain(self.annotations.iter().map(|annotation| &annotation.path)).map(PathBuf::as_path)
    }

    /// The temporary names of all that it writes.
    pub fn partial_paths(&self) -> impl Iterator<Item = PathBuf> {
        let outputs = self.outputs.iter().map(|output| self.output_partial(&output.path));
        outputs.chain(self.annotations.iter().map(|annotation| self.annotation_partial(&annotation.path)))
    }

    /// The temporary name of an output.
    pub fn output_partial(&self, path: &std::path::Path) -> PathBuf {
        output_partial(path, &self.run)
    }

    /// The temporary name of an annotation. Tasks of one take may write it to one path, and do so at once.
    pub fn annotation_partial(&self, path: &std::path::Path) -> PathBuf {
        annotation_partial(path, self.number, &self.run)
    }
}

/// Rate and block size: part of a render's identity, since some plugins sound different under another block size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct AudioSettings {
    /// Frames a second of everything that is rendered.
    pub sample_rate: SampleRate,
    /// Frames in a block, 1 to 65,536.
    pub block_size: u32,
}

/// What is rendered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Render {
    /// One recording through one chain.
    Tone(ToneRender),
    /// Tracks, busses and a master.
    Session(SessionRender),
}

impl Render {
    /// Every device of it, in the order of [`crate::manifest::Rendered::devices`].
    pub fn devices(&self) -> Vec<&DeviceSetup> {
        match self {
            Render::Tone(tone) => presets::devices(&tone.chain),
            Render::Session(session) => {
                let tracks = session.tracks.iter().map(|track| &track.chain);
                let chains = tracks.chain(session.busses.iter().map(|bus| &bus.chain));
                chains.chain([&session.master.chain]).flat_map(|chain| presets::devices(chain)).collect()
            }
        }
    }

    /// The files that its plugins lie in, device by device; built-in devices have none.
    pub fn plugin_files(&self) -> impl Iterator<Item = &Path> {
        self.devices().into_iter().filter_map(plugin_file)
    }
}

/// The file that a device's plugin lies in.
pub(crate) fn plugin_file(setup: &DeviceSetup) -> Option<&Path> {
    match setup.device.kind() {
        DeviceKind::Builtin(_) => None,
        DeviceKind::Plugin(_, file) => Some(Path::new(&file.plugin)),
    }
}

/// One recording through one chain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToneRender {
    /// What is played.
    pub input: Take,
    /// Name of the tone; empty where the take stays dry.
    pub tone: String,
    /// What it goes through, first to last.
    pub chain: Vec<Link>,
}

/// One file to write.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Output {
    /// Where, absolute.
    pub path: PathBuf,
    /// Which sound.
    pub deliver: Deliver,
    /// How it is encoded.
    pub format: FileFormat,
    /// Its rate, where it is not the render's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample_rate: Option<SampleRate>,
    /// How long it is.
    pub length: Length,
    /// What is done to it once it is known to its end.
    #[serde(default, skip_serializing_if = "Finish::is_nothing")]
    pub finish: Finish,
    /// By which level it is made as loud as its dry take, before the ceiling; only where [`Finish::target`] is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub match_dry: Option<MatchBy>,
    /// The Broadcast Wave chunk to put in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bext: Option<Broadcast>,
}

/// Which sound of a render.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deliver {
    /// The finished sound: of a tone its chain's output, of a session the master's.
    Mix,
    /// The sum before the master chain.
    Premaster,
    /// What one track or bus gives, behind its strip. Those that feed the master directly sum to the premaster.
    Stem(String),
    /// Likewise, behind the master's fader but not through the master's devices.
    MasterStem(String),
    /// What enters a track's effects: the recording itself, or what the instrument plays.
    Dry(String),
    /// A mix of its own without some tracks or busses. The sources play once for it and all others; busses and master
    /// have further instances. What is left out still keys sidechains, so that the rest sounds as it does in the mix.
    Without {
        /// Tracks and busses that are not heard.
        without: Vec<String>,
        /// The sum before the master chain rather than the finished sound.
        #[serde(default, skip_serializing_if = "is_false")]
        premaster: bool,
    },
}

fn is_false(value: &bool) -> bool {
    !value
}

/// How long an output is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Length {
    /// As many frames as the input; of a session, to the end of its last recording, note or MIDI track.
    Match,
    /// On until the sound stays below a level for half a second, at most this many seconds more.
    Tail {
        /// Most seconds behind the input's end.
        limit: f64,
        /// The level in dBFS; -90 where absent.
        #[serde(default = "silence", skip_serializing_if = "is_silence")]
        below_db: f64,
    },
    /// This many seconds, whatever the input.
    Seconds(f64),
}

fn silence() -> f64 {
    audio::measure::SILENCE_DBFS
}

fn is_silence(level: &f64) -> bool {
    *level == silence()
}

/// One file that a result depends on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Source {
    /// Its part: `input`, `midi`, `preset`, `asset`, `state`, `plugin`, `annotation`.
    pub role: String,
    /// Where it was found; `embedded:NAME` for files that are part of the program.
    pub path: String,
    /// BLAKE3 in hex. Of a plugin that is a directory, of the names and contents of all its files in order.
    pub blake3: String,
}

/// The temporary name of an output that a run writes.
pub fn output_partial(path: &std::path::Path, run: &str) -> PathBuf {
    if run.is_empty() { partial_path(path) } else { partial_path(&behind(path, run)) }
}

/// The temporary name of an annotation that the task `number` of a run writes.
pub fn annotation_partial(path: &std::path::Path, number: u32, run: &str) -> PathBuf {
    output_partial(&behind(path, &number.to_string()), run)
}

/// `a.wav` as `a.wav.word`.
fn behind(path: &std::path::Path, word: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{word}"));
    path.with_file_name(name)
}

/// The temporary name beside `path` under which a file is written before it is complete.
pub fn partial_path(path: &std::path::Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".partial");
    path.with_file_name(name)
}
