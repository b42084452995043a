//! One render, complete in itself.

use std::path::PathBuf;

use audio::SampleRate;
pub use audio::format::{Container, Depth, FileFormat};
use presets::DeviceSetup;
use serde::{Deserialize, Serialize};

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
            Render::Tone(tone) => tone.chain.iter().collect(),
            Render::Session(session) => {
                let tracks = session.tracks.iter().flat_map(|track| &track.chain);
                let busses = session.busses.iter().flat_map(|bus| &bus.chain);
                tracks.chain(busses).chain(&session.master).collect()
            }
        }
    }
}

/// One recording through one chain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToneRender {
    /// The recording.
    pub input: PathBuf,
    /// Name of the tone.
    pub tone: String,
    /// The devices, first to last.
    pub chain: Vec<DeviceSetup>,
}

/// Tracks, busses and a master.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SessionRender {
    /// Where tempo and meter come from.
    pub tempo: Tempo,
    /// The tracks in the order written. Muted tracks, and those silenced by another's solo, are left out by the plan.
    pub tracks: Vec<Track>,
    /// The busses in an order in which each stands after all that feed it.
    pub busses: Vec<Bus>,
    /// The chain behind the sum.
    pub master: Vec<DeviceSetup>,
    /// Gain behind the master chain, in dB.
    pub master_gain_db: f64,
}

/// Where tempo and meter come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tempo {
    /// The tempo and meter map of this MIDI file.
    Midi(PathBuf),
    /// One tempo in quarter notes a minute throughout, in 4/4. MIDI notes keep their ticks and follow it.
    Fixed(f64),
}

/// One track.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Track {
    /// Name, unique among tracks and busses.
    pub name: String,
    /// Where its sound comes from.
    pub source: TrackSource,
    /// The devices; of a MIDI track the first takes the notes.
    pub chain: Vec<DeviceSetup>,
    /// Level, pan and routing.
    pub strip: Strip,
}

/// Where a track's sound comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrackSource {
    /// A recording from the session's first frame.
    Audio {
        /// The file.
        file: PathBuf,
    },
    /// Notes of a MIDI file.
    Midi {
        /// The file.
        file: PathBuf,
        /// Which of its events.
        select: MidiSelect,
    },
}

/// Which events of a MIDI file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MidiSelect {
    /// Only this track of the file, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub track: Option<u16>,
    /// Only this channel, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<u8>,
}

/// One bus.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bus {
    /// Name, unique among tracks and busses.
    pub name: String,
    /// Its devices.
    pub chain: Vec<DeviceSetup>,
    /// Level, pan and routing.
    pub strip: Strip,
}

/// Level, pan and routing of a track or bus, behind its chain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Strip {
    /// Level in dB.
    pub gain_db: f64,
    /// -100 is left, 100 is right. Stereo signals are balanced, mono signals panned at constant power.
    pub pan: f64,
    /// The bus that it goes to; the master where none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bus: Option<String>,
    /// Copies to busses, taken behind level and pan.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sends: Vec<Send>,
}

/// A copy of a signal to a bus.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Send {
    /// The bus.
    pub bus: String,
    /// Level of the copy in dB.
    pub gain_db: f64,
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
    /// How long it is.
    pub length: Length,
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
}

/// How long an output is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Length {
    /// As many frames as the input; of a session, to the end of its last recording, note or MIDI track.
    Match,
    /// On until the sound stays below -90 dBFS for half a second, at most this many seconds more.
    Tail {
        /// Most seconds behind the input's end.
        limit: f64,
    },
    /// This many seconds, whatever the input.
    Seconds(f64),
}

/// One file that a result depends on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// Its part: `input`, `midi`, `preset`, `asset`, `state`, `plugin`.
    pub role: String,
    /// Where it was found; `embedded:NAME` for files that are part of the program.
    pub path: String,
    /// BLAKE3 in hex. Of a plugin that is a directory, of the names and contents of all its files in order.
    pub blake3: String,
}

/// The temporary name beside `path` under which a file is written before it is complete.
pub fn partial_path(path: &std::path::Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".partial");
    path.with_file_name(name)
}
