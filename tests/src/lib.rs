//! Whole-product tests: what they share.
//!
//! Every test here runs the real binary as its users do, in a folder of its own.

mod disk;
pub mod journals;
mod processes;
mod random;
pub mod s3;
pub mod smf;
mod tones;
mod tree;
mod watcher;

pub use disk::Disk;
pub use processes::{Marker, alive_with, end_of, wait_for_mark, workers_of};
pub use random::Random;
pub use tones::{FixtureJob, fixture_tone};
pub use tree::Tree;
pub use watcher::{Seen, Watcher};

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Folder of the built programs and libraries, beside which the tests themselves are built.
pub fn built() -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    let deps = test.parent().expect("a test lies in deps/");
    deps.parent().expect("deps/ lies in the profile's folder").to_owned()
}

/// The command under test.
pub fn tonemill() -> PathBuf {
    let program = built().join("tonemill");
    assert!(program.exists(), "{} is not built; run cargo build --workspace first", program.display());
    program
}

/// The plugin file with the plugins that misbehave.
pub fn fixtures() -> PathBuf {
    tonemill_fixtures::path()
}

/// The repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the repository").to_owned()
}

/// What the environment brings of real plugins or music, if it does; says so on standard error if not.
pub fn real(variable: &str) -> Option<PathBuf> {
    let path = std::env::var_os(variable).map(PathBuf::from).filter(|path| path.exists());
    if path.is_none() {
        eprintln!("skipped: {variable} names no folder; scripts/test brings it");
    }
    path
}

/// Debian 13's plugins, and a worker that runs on its C library.
pub struct Trixie {
    /// The folder that holds a folder for each plugin format.
    plugins: PathBuf,
    worker: PathBuf,
}

impl Trixie {
    /// Makes the worker in a place. `None`, and a word on standard error, where there is no such system.
    pub fn new(place: &Place) -> Option<Trixie> {
        let trixie = real("TONEMILL_REAL_TRIXIE")?;
        let worker = place.path("worker");
        let script = repository().join("scripts/real/retarget.sh");
        let retarget = Command::new(script).arg(built().join("tonemill-worker")).arg(&trixie).arg(&worker).status();
        assert!(retarget.expect("the script starts").success(), "the worker cannot be retargeted");
        Some(Trixie { plugins: trixie.join("root/usr/lib"), worker })
    }

    /// The folder of one format's plugins: `clap` or `vst3`.
    pub fn folder(&self, format: &str) -> PathBuf {
        self.plugins.join(format)
    }

    /// The worker that runs on its C library.
    pub fn worker(&self) -> &Path {
        &self.worker
    }

    /// Runs the command in a place to its end, with these plugins.
    pub fn run(&self, place: &Place, arguments: &[&str]) -> Ran {
        let mut command = place.command(arguments);
        command.arg("--worker").arg(&self.worker);
        command.env("CLAP_PATH", self.folder("clap")).env("VST3_PATH", self.folder("vst3"));
        command.output().expect("the command starts").into()
    }
}

/// A folder to run the command in, and another for its cache; removed at the end.
pub struct Place {
    folder: tempfile::TempDir,
    cache: tempfile::TempDir,
}

/// What one run of the command gave.
#[derive(Debug)]
pub struct Ran {
    /// Exit status; `None` if a signal ended it.
    pub status: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Ran {
        Ran {
            status: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Ran {
    /// Fails the test unless the run ended with this status.
    #[track_caller]
    pub fn expect(self, status: i32) -> Ran {
        assert_eq!(self.status, Some(status), "standard error:\n{}\nstandard output:\n{}", self.err, self.out);
        self
    }

    /// Fails the test unless standard error holds every one of these.
    #[track_caller]
    pub fn says(self, words: &[&str]) -> Ran {
        for word in words {
            assert!(self.err.contains(word), "standard error does not say {word:?}:\n{}", self.err);
        }
        self
    }
}

impl Default for Place {
    fn default() -> Place {
        Place::new()
    }
}

impl Place {
    /// An empty folder.
    pub fn new() -> Place {
        let folder = || tempfile::tempdir().expect("a temporary folder can be made");
        Place { folder: folder(), cache: folder() }
    }

    /// The folder that the command keeps its plugin catalogue in; no other test has it.
    pub fn cache(&self) -> &Path {
        self.cache.path()
    }

    /// A path in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file, and the folders that it lies in.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a file lies in a folder")).expect("folders can be made");
        std::fs::write(&path, content).expect("a file can be written");
        path
    }

    /// Writes a 32-bit float WAV.
    pub fn wav(&self, name: &str, rate: u32, channels: &[Vec<f32>]) -> PathBuf {
        let spec = hound::WavSpec {
            channels: channels.len() as u16,
            sample_rate: rate,
            bits_per_sample: 32,
            sample_format: hound::SampleFormat::Float,
        };
        let path = self.write(name, "");
        let mut writer = hound::WavWriter::create(&path, spec).expect("a WAV can be made");
        for frame in 0..channels.first().map_or(0, Vec::len) {
            channels.iter().for_each(|channel| writer.write_sample(channel[frame]).expect("a sample can be written"));
        }
        writer.finalize().expect("a WAV can be ended");
        path
    }

    /// The command, to be run in this folder.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(tonemill());
        command.args(arguments).current_dir(self.folder.path());
        command.env("CLAP_PATH", self.folder.path()).env("VST3_PATH", self.folder.path());
        command.env("LV2_PATH", self.folder.path());
        command.env("TONEMILL_CACHE", self.cache());
        command
    }

    /// Runs the command in this folder to its end.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        self.command(arguments).output().expect("the command starts").into()
    }

    /// Every file below a folder with its bytes, save the state that tonemill keeps for itself and the manifest.
    pub fn sound_files(&self, folder: &str) -> BTreeMap<PathBuf, Vec<u8>> {
        let root = self.path(folder);
        let files = files_below(&root).into_iter();
        files
            .map(|path| (path.strip_prefix(&root).expect("it lies below").to_owned(), path))
            .filter(|(name, _)| !name.starts_with(".tonemill") && name != Path::new("manifest.jsonl"))
            .map(|(name, path)| (name, std::fs::read(path).expect("a file can be read")))
            .collect()
    }

    /// The lines of a manifest.
    pub fn manifest(&self, name: &str) -> Vec<serde_json::Value> {
        let text = std::fs::read_to_string(self.path(name)).expect("there is a manifest");
        text.lines().map(|line| serde_json::from_str(line).expect("a manifest line is JSON")).collect()
    }
}

/// A fixture plugin as the command line names it, with settings behind it.
pub fn fixture(id: &str, settings: &str) -> String {
    let mark = if settings.is_empty() { "" } else { "@" };
    format!("clap:{}#org.tonemill.fixture.{id}{mark}{settings}", fixtures().display())
}

/// Every file below a folder, sorted.
pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}

/// Reads a WAV of any depth as planar samples.
pub fn read_wav(path: &Path) -> Vec<Vec<f32>> {
    let mut reader = hound::WavReader::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let spec = reader.spec();
    let samples: Vec<f32> = match spec.sample_format {
        hound::SampleFormat::Float => reader.samples::<f32>().map(|s| s.expect("a whole sample")).collect(),
        hound::SampleFormat::Int => {
            let scale = 1.0 / (1i64 << (spec.bits_per_sample - 1)) as f32;
            reader.samples::<i32>().map(|s| s.expect("a whole sample") as f32 * scale).collect()
        }
    };
    let channels = usize::from(spec.channels);
    (0..channels).map(|c| samples.iter().skip(c).step_by(channels).copied().collect()).collect()
}

/// The frames at which samples are not silent.
pub fn loud(samples: &[f32]) -> Vec<usize> {
    (0..samples.len()).filter(|n| samples[*n].abs() > 1e-6).collect()
}

/// A sine of this frequency in hertz and amplitude.
pub fn sine(rate: u32, frequency: f64, amplitude: f64, frames: usize) -> Vec<f32> {
    let turn = std::f64::consts::TAU * frequency / f64::from(rate);
    (0..frames).map(|n| (amplitude * (turn * n as f64).sin()) as f32).collect()
}

/// One MIDI file with the given header fields and track bodies.
pub fn midi(format: u16, division: u16, tracks: &[&[u8]]) -> Vec<u8> {
    let mut bytes = b"MThd\0\0\0\x06".to_vec();
    for field in [format, tracks.len() as u16, division] {
        bytes.extend(field.to_be_bytes());
    }
    for track in tracks {
        bytes.extend(b"MTrk");
        bytes.extend((track.len() as u32).to_be_bytes());
        bytes.extend(*track);
    }
    bytes
}
