//! A folder of test files, and an examiner that knows a few devices.

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use audio::device::{BusInfo, DeviceInfo, Parameter, ParameterFlags, ParameterId, Ports};
use presets::folders::Folders;
use presets::{DeviceKind, DeviceSetup, PluginFile, PluginFormat, Value};

use crate::fetch::{Fetcher, LocalOnly};
use crate::file;
use crate::message::{Examination, ExaminedParameter, ResolvedSetting, SettingProblem};
use crate::plan::{ExamineError, Examiner, FindError, Header, Options, Plan, build};
use crate::probe::{Latency, TrueLatency};
use crate::task::{AudioSettings, Task};

pub struct Bench {
    folder: tempfile::TempDir,
    root: PathBuf,
    pub examined: Rc<Cell<usize>>,
    /// Who brings what lies in object stores; nobody unless set.
    pub fetcher: Rc<dyn Fetcher>,
}

impl Bench {
    pub fn new() -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        fs::create_dir(root.join("plugins")).unwrap();
        Bench { folder, root, examined: Rc::default(), fetcher: Rc::new(LocalOnly) }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        debug_assert!(self.folder.path().exists());
        self.root.join(name)
    }

    /// A path below the folder, as text.
    pub fn below(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap().to_str().unwrap().to_owned()
    }

    pub fn write(&self, name: &str, text: &str) {
        self.write_bytes(name, text.as_bytes());
    }

    pub fn write_bytes(&self, name: &str, bytes: &[u8]) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// A 16-bit recording that counts up.
    pub fn wav(&self, name: &str, channels: u16, frames: u16) {
        self.write_bytes(name, &wav(channels, frames));
    }

    /// A song with one note in each track that is not called "Tempo".
    pub fn midi(&self, name: &str, tracks: &[&str]) {
        let mut bytes = b"MThd\0\0\0\x06\0\x01".to_vec();
        bytes.extend((tracks.len() as u16).to_be_bytes());
        bytes.extend([0, 96]);
        for track in tracks {
            let mut body = vec![0, 0xff, 3, track.len() as u8];
            body.extend(track.as_bytes());
            if *track != "Tempo" {
                body.extend([0, 0x91, 60, 100, 96, 0x81, 60, 0]);
            }
            body.extend([0, 0xff, 0x2f, 0]);
            bytes.extend(b"MTrk");
            bytes.extend((body.len() as u32).to_be_bytes());
            bytes.extend(body);
        }
        self.write_bytes(name, &bytes);
    }

    pub fn plan(&self, job: &str) -> Result<Planned, String> {
        self.plan_into(job, Some(self.root.clone()))
    }

    /// Plans, with the folder's own name taken out of what is told.
    pub fn plan_into(&self, job: &str, output_base: Option<PathBuf>) -> Result<Planned, String> {
        self.write("job.yaml", job);
        let folders = PluginFormat::ALL.map(|format| (format, Folders::new(format, [self.path("plugins")])));
        let options = Options { output_base, folders: folders.into(), fetcher: self.fetcher.clone() };
        let root = format!("{}/", self.root.display());
        let words = |mistakes: presets::document::Mistakes| mistakes.to_string().replace(&root, "");
        let job = file::read(&self.path("job.yaml")).map_err(words)?;
        let mut table = Table { plugins: self.path("plugins"), examined: self.examined.clone() };
        let plan = build(&job, &options, &mut table).map_err(words)?;
        Ok(Planned { header: plan.header.clone(), tasks: plan.tasks.iter().collect(), plan })
    }
}

/// A plan, and what is in it as values.
#[derive(Debug)]
pub struct Planned {
    pub header: Header,
    pub tasks: Vec<Task>,
    pub plan: Plan,
}

pub fn wav(channels: u16, frames: u16) -> Vec<u8> {
    let data: Vec<u8> = (0..frames * channels).flat_map(|n| n.to_le_bytes()).collect();
    let mut bytes = b"RIFF".to_vec();
    bytes.extend((36 + data.len() as u32).to_le_bytes());
    bytes.extend(b"WAVEfmt \x10\0\0\0\x01\0");
    bytes.extend(channels.to_le_bytes());
    bytes.extend(48_000u32.to_le_bytes());
    bytes.extend((48_000 * 2 * u32::from(channels)).to_le_bytes());
    bytes.extend((2 * channels).to_le_bytes());
    bytes.extend(b"\x10\0data");
    bytes.extend((data.len() as u32).to_le_bytes());
    bytes.extend(data);
    bytes
}

/// Knows `gain`, `cabinet`, `nam`, `reverb`, `soundfont`, and plugins by their file's name: `Fuzz` is mono and adapts to
/// nothing, `Wide` is stereo and adapts to nothing, `Crash` dies, `Arm` is refused.
struct Table {
    plugins: PathBuf,
    examined: Rc<Cell<usize>>,
}

/// The class id of `Fuzz` as VST3.
pub const FUZZ_CLASS: &str = "5653544D4441706D6461207069616E6F";

impl Examiner for Table {
    /// `Fuzz` was measured at 48 kHz: 100 frames, of which it says nothing.
    fn latency(&mut self, setup: &DeviceSetup, audio: AudioSettings) -> Option<Latency> {
        let DeviceKind::Plugin(_, file) = setup.device.kind() else { return None };
        let measured = TrueLatency::Frames { frames: 99.8, earliest: 98, inverted: false, share: 1.0 };
        let known = file.plugin.contains("Fuzz") && audio.sample_rate.0 == 48_000;
        known.then_some(Latency { reported: 0, measured, right: Some(false) })
    }

    fn find(&mut self, format: PluginFormat, written: &PluginFile) -> Result<PluginFile, FindError> {
        let file = |plugin: PathBuf, id: &str| PluginFile { plugin: plugin.display().to_string(), id: Some(id.into()) };
        match (format, written.plugin.as_str()) {
            (PluginFormat::Clap, "test.fuzz" | "Fuzz Face") => Ok(file(self.plugins.join("Fuzz.clap"), "test.fuzz")),
            (PluginFormat::Clap, "test.twice") => {
                let candidates = ["/a.clap", "/b, c.clap"].map(|path| file(path.into(), "test.twice"));
                Err(FindError::Several { candidates: candidates.into() })
            }
            (PluginFormat::Vst3, id) if id.eq_ignore_ascii_case(FUZZ_CLASS) => {
                Ok(file(self.plugins.join("Fuzz.vst3"), FUZZ_CLASS))
            }
            (PluginFormat::Clap, "test.fuz") => {
                Err(FindError::Unknown { similar: vec!["test.fuzz".into()], broken: 0 })
            }
            (PluginFormat::Clap, "Lost/Found" | "test.lost") => {
                Err(FindError::Unknown { similar: Vec::new(), broken: 2 })
            }
            (PluginFormat::Clap, "Fuzz/Wah") => Ok(file(self.plugins.join("Fuzz.clap"), "test.fuzz")),
            (PluginFormat::Clap, "Fuz") => Err(FindError::Unknown { similar: vec!["Fuzz Face".into()], broken: 0 }),
            _ => Err(FindError::Unknown { similar: Vec::new(), broken: 0 }),
        }
    }

    fn examine(
        &mut self,
        setup: &DeviceSetup,
        _audio: AudioSettings,
        signal: Option<usize>,
    ) -> Result<Examination, ExamineError> {
        self.examined.set(self.examined.get() + 1);
        let name = match setup.device.kind() {
            DeviceKind::Builtin(name) => name.to_owned(),
            DeviceKind::Plugin(_, file) => Path::new(&file.plugin).file_stem().unwrap().to_str().unwrap().to_owned(),
        };
        let asked = signal.and_then(|n| crate::channels::request(n, setup.channels).inputs).unwrap_or(2);
        let (inputs, outputs, parameters) = match name.as_str() {
            "gain" => (asked, asked, vec![parameter(0, "Gain", -60.0, 24.0)]),
            "reverb" => (asked, asked, vec![parameter(0, "Mix", 0.0, 100.0)]),
            "cabinet" | "nam" => (asked, asked, Vec::new()),
            "soundfont" => (0, 2, vec![parameter(0, "Program", 0.0, 127.0)]),
            "Fuzz" => (1, 1, fuzz_parameters()),
            "Wide" => (2, 2, Vec::new()),
            "Spread" => (1, 2, Vec::new()),
            "Crash" => return Err(ExamineError::Died { reason: "it crashed with SIGSEGV".into() }),
            "Arm" => {
                let reason = "the file is built for aarch64, this machine is x86_64. Install the x86_64 build".into();
                return Err(ExamineError::Refused { reason });
            }
            other => panic!("the table does not know {other}"),
        };
        let settings = setup.params.iter().map(|s| set(&parameters, &s.parameter, &s.value)).collect();
        let bus = |channels| BusInfo { name: String::new(), channels, main: true };
        let busses = |channels: usize| if channels == 0 { Vec::new() } else { vec![bus(channels)] };
        let parameters = parameters.into_iter().map(|parameter| ExaminedParameter {
            value: parameter.default,
            parameter,
            text: None,
            minimum_text: None,
            maximum_text: None,
        });
        Ok(Examination {
            info: DeviceInfo {
                format: "test".into(),
                id: format!("test.{}", name.to_lowercase()),
                version: "1".into(),
                vendor: String::new(),
                instrument: inputs == 0,
                name: name.clone(),
            },
            ports: Ports {
                inputs: busses(inputs),
                outputs: busses(outputs),
                note_input: name == "soundfont",
                note_output: false,
            },
            parameters: parameters.collect(),
            latency: 0,
            settings,
            files: Vec::new(),
            texts: Vec::new(),
            referenced: Vec::new(),
            about: Vec::new(),
            remarks: Vec::new(),
            problems: if setup.preset.is_some() { vec!["it loads no preset files".into()] } else { Vec::new() },
        })
    }
}

fn fuzz_parameters() -> Vec<Parameter> {
    let mut meter = parameter(13, "Meter", 0.0, 1.0);
    meter.flags.read_only = true;
    let mut bypass = parameter(16, "Bypass", 0.0, 1.0);
    bypass.flags.bypass = true;
    vec![
        parameter(11, "Drive", 0.0, 1.0),
        parameter(12, "Tone", 0.0, 10.0),
        meter,
        parameter(14, "Level", 0.0, 1.0),
        parameter(15, "Level", 0.0, 1.0),
        bypass,
    ]
}

fn parameter(id: u32, name: &str, minimum: f64, maximum: f64) -> Parameter {
    let (name, group) = (name.to_owned(), String::new());
    let flags = ParameterFlags { automatable: true, ..ParameterFlags::default() };
    Parameter { id: ParameterId(id), name, group, minimum, maximum, default: minimum, flags }
}

fn set(parameters: &[Parameter], name: &str, value: &Value) -> Result<ResolvedSetting, SettingProblem> {
    let by_id = name.strip_prefix('#').and_then(|id| id.parse().ok());
    let same = |p: &&Parameter| by_id.map_or(p.name.eq_ignore_ascii_case(name), |id: u32| p.id.0 == id);
    let found: Vec<_> = parameters.iter().filter(same).collect();
    let parameter = match found.as_slice() {
        [] => {
            let names = parameters.iter().map(|p| p.name.as_str());
            let similar = presets::document::similar(name, names, 2).into_iter().map(str::to_owned).collect();
            return Err(SettingProblem::Unknown { similar });
        }
        [one] => one,
        many => return Err(SettingProblem::Ambiguous { ids: many.iter().map(|p| p.id.0).collect() }),
    };
    if parameter.flags.read_only {
        return Err(SettingProblem::ReadOnly);
    }
    let value = match value {
        Value::Number(number) => *number,
        Value::Text(text) => {
            let (number, unit) = text.split_once(' ').unwrap_or((text, ""));
            let factor = match unit {
                "" | "dB" => 1.0,
                "%" => 0.01,
                _ => f64::NAN,
            };
            let value = number.parse().unwrap_or(f64::NAN) * factor;
            if !value.is_finite() {
                return Err(SettingProblem::Unreadable { examples: vec!["0 %".into(), "100 %".into()] });
            }
            value
        }
    };
    let (minimum, maximum) = (parameter.minimum, parameter.maximum);
    if !(minimum..=maximum).contains(&value) {
        let text = (name == "Gain").then(|| ("-60 dB".to_owned(), "24 dB".to_owned()));
        return Err(SettingProblem::OutOfRange { minimum, maximum, range_text: text });
    }
    Ok(ResolvedSetting { id: parameter.id.0, name: parameter.name.clone(), value: Value::Number(value), text: None })
}
