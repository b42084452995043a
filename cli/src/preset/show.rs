//! What a preset file holds.

mod lv2;

use std::path::{Path, PathBuf};

use audio::device::{DeviceInfo, TextSetting};
use jobs::message::Examination;
use jobs::plan::freeze;
use presets::document::{Collector, Document, Located};
use presets::file::{Expand, PlacedDevice, PlacedLink, expand};
use presets::vstpreset::{self, VstPreset};
use presets::{DeviceSetup, Value};
use serde::Serialize;

use crate::args::ProcessArguments;
use crate::plugins::{in_words, marks, who};
use crate::show::count;
use crate::workers::Asking;
use crate::{Status, Trouble, examine, print_json, print_text};

/// `tonemill preset show`.
pub(super) fn show(path: &Path, json: bool, process: &ProcessArguments) -> Result<Status, Trouble> {
    let shown = path.display();
    let is_called = |extension: &str| path.extension().is_some_and(|e| e.eq_ignore_ascii_case(extension));
    if is_called("ttl") || path.join("manifest.ttl").is_file() {
        return lv2::show(path, json, process);
    }
    let bytes = std::fs::read(path).map_err(|error| Trouble::system(format!("cannot read {shown}"), error))?;
    if presets::lv2preset::is_state(&bytes) {
        return lv2::show(path, json, process);
    }
    if vstpreset::is_vstpreset(&bytes) || is_called("vstpreset") {
        let file = vst_preset(path, &bytes).map_err(|error| Trouble::input(format!("{shown}: {error}")))?;
        return if json { print_json(&file) } else { print_text(&file.to_string()) };
    }
    let is_text = |text: &str| !text.contains(|c: char| c.is_control() && !"\n\r\t\u{85}".contains(c));
    match std::str::from_utf8(&bytes) {
        Ok(text) if is_text(text) => tone_preset(path, bytes, json, process),
        _ if is_called("yaml") || is_called("yml") || is_called("json") => tone_preset(path, bytes, json, process),
        _ => Err(Trouble::input(format!(
            "{shown} is neither a tone preset nor a .vstpreset nor of LV2. If it is the state of a plugin, only that plugin can read \
             it: name it in a preset's device with state: {shown}, or try it with \
             tonemill apply IN OUT --device clap:PLUGIN@state={shown}"
        ))),
    }
}

/// What is told of a `.vstpreset`.
#[derive(Serialize)]
struct VstPresetShown {
    path: PathBuf,
    class: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    plugin_name: Option<String>,
    chunks: Vec<ChunkShown>,
}

#[derive(Serialize)]
struct ChunkShown {
    id: String,
    /// What the id stands for, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'static str>,
    bytes: usize,
}

fn vst_preset(path: &Path, bytes: &[u8]) -> Result<VstPresetShown, vstpreset::VstPresetError> {
    let preset = VstPreset::read(bytes)?;
    let (class, chunks) = vstpreset::chunks(bytes)?;
    let chunk = |chunk: vstpreset::Chunk<'_>| {
        let content = vstpreset::content(&chunk.id);
        ChunkShown { id: chunk.id, content, bytes: chunk.data.len() }
    };
    let chunks = chunks.into_iter().map(chunk).collect();
    Ok(VstPresetShown { path: path.to_owned(), class, plugin_name: preset.plugin_name(), chunks })
}

impl std::fmt::Display for VstPresetShown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{} (VST3 preset)\n  class    {}", self.path.display(), self.class)?;
        if let Some(name) = &self.plugin_name {
            writeln!(f, "  plugin   {name}")?;
        }
        writeln!(f, "  {}", count(self.chunks.len(), "chunk"))?;
        for ChunkShown { id, content, bytes } in &self.chunks {
            writeln!(f, "    {id:<8} {bytes:>10} bytes  {}", content.unwrap_or("unknown"))?;
        }
        Ok(())
    }
}

/// What is told of a tone preset.
#[derive(Serialize)]
struct PresetShown {
    path: PathBuf,
    name: String,
    devices: Vec<DeviceShown>,
}

#[derive(Serialize)]
struct DeviceShown {
    #[serde(flatten)]
    info: DeviceInfo,
    /// The chains beside others that it stands in, outermost first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    within: Vec<BranchShown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<FileShown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    preset: Option<FileShown>,
    /// In frames at 48000 Hz.
    latency: u64,
    parameters: Vec<ParameterShown>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    texts: Vec<TextSetting>,
}

#[derive(Clone, Serialize)]
struct BranchShown {
    /// Which of the chains, from 1.
    number: usize,
    /// How many there are.
    of: usize,
    /// On what comes out of it.
    factor: f64,
}

#[derive(Serialize)]
struct FileShown {
    path: PathBuf,
    bytes: u64,
    blake3: String,
}

#[derive(Serialize)]
struct ParameterShown {
    id: u32,
    name: String,
    value: f64,
    text: Option<String>,
    /// The preset sets it.
    set: bool,
    marks: Vec<&'static str>,
}

/// Shows the devices that can be examined, and then everything that is wrong.
fn tone_preset(path: &Path, bytes: Vec<u8>, json: bool, process: &ProcessArguments) -> Result<Status, Trouble> {
    let collector = Collector::new();
    let document = Document::parse(&path.display().to_string(), bytes, &collector);
    let preset = document.and_then(|document| presets::file::decode(&document.root, path, &collector));
    let mut open = |preset: &Located<PathBuf>| presets::file::read(&preset.value, &collector);
    let preset = preset.and_then(|preset| {
        let chain = expand(preset.chain, &mut Expand { open: &mut open, collector: &collector })?;
        Some((preset.name, chain))
    });
    let (name, chain) = collector.finish(preset).map_err(Trouble::input)?;
    let mut asking = Asking::new(process)?;
    asking.require_worker()?;
    let collector = Collector::new();
    let mut placed = Vec::new();
    placed_devices(&chain, &[], &mut placed);
    let devices = placed.into_iter().filter_map(|(within, placed)| device(placed, within, &mut asking, &collector));
    let shown = PresetShown { path: path.to_owned(), name, devices: devices.collect() };
    if json { print_json(&shown) } else { print_text(&shown.to_string()) }?;
    collector.finish(Some(Status::Done)).map_err(Trouble::input)
}

/// The devices of a chain, each with the branches that it stands in, outermost first.
fn placed_devices<'a>(
    chain: &'a [PlacedLink],
    within: &[BranchShown],
    into: &mut Vec<(Vec<BranchShown>, &'a PlacedDevice)>,
) {
    for link in chain {
        match link {
            PlacedLink::Device(device) => into.push((within.to_vec(), device)),
            PlacedLink::Parallel(fork) => {
                for (number, branch) in fork.branches.iter().enumerate() {
                    let here = BranchShown { number: number + 1, of: fork.branches.len(), factor: branch.gain };
                    placed_devices(&branch.chain, &[within, &[here]].concat(), into);
                }
            }
            PlacedLink::Preset(preset) => unreachable!("{} is expanded", preset.value.display()),
        }
    }
}

fn device(
    placed: &PlacedDevice,
    within: Vec<BranchShown>,
    asking: &mut Asking,
    collector: &Collector,
) -> Option<DeviceShown> {
    let mut setup = placed.setup.clone();
    asking.grant(&placed.grants);
    let examination = match examine::look(&mut setup, &placed.folder, asking) {
        Ok(examination) => examination,
        Err(words) => {
            collector.mistake(&placed.place, words);
            return None;
        }
    };
    freeze(&mut setup, &examination, placed, collector);
    let file = |path: &Option<PathBuf>, place| {
        let path = path.as_ref()?;
        FileShown::of(path).map_err(|error| collector.mistake(place, format!("{}: {error}", path.display()))).ok()
    };
    let (state, preset) = (file(&setup.state, &placed.state), file(&setup.preset, &placed.preset));
    let Examination { info, latency, parameters, texts, .. } = examination;
    let shown = |p: jobs::message::ExaminedParameter| ParameterShown {
        id: p.parameter.id.0,
        set: sets(&setup, p.parameter.id.0),
        name: p.parameter.name,
        value: p.value,
        text: p.text,
        marks: marks(p.parameter.flags),
    };
    let parameters = parameters.into_iter().map(shown).collect();
    Some(DeviceShown { info, within, state, preset, latency, parameters, texts })
}

/// Whether a frozen setup sets a parameter.
fn sets(setup: &DeviceSetup, id: u32) -> bool {
    let name = format!("#{id}");
    setup.params.iter().any(|s| s.parameter == name && matches!(s.value, Value::Number(_)))
}

impl FileShown {
    fn of(path: &Path) -> Result<FileShown, String> {
        let blake3 = jobs::hash::Hashes::default().of(path)?;
        let bytes = std::fs::metadata(path).map_err(|error| error.to_string())?.len();
        Ok(FileShown { path: path.to_owned(), bytes, blake3 })
    }
}

impl std::fmt::Display for PresetShown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{} ({}), {}", self.name, self.path.display(), count(self.devices.len(), "device"))?;
        for device in &self.devices {
            write!(f, "{}", who(&device.info))?;
            for BranchShown { number, of, factor } in &device.within {
                writeln!(f, "  {:<8} {number} of {of} beside each other, times {factor}", "branch")?;
            }
            for (label, file) in [("state", &device.state), ("preset", &device.preset)] {
                if let Some(FileShown { path, bytes, blake3 }) = file {
                    writeln!(f, "  {label:<8} {} ({bytes} bytes, BLAKE3 {blake3})", path.display())?;
                }
            }
            writeln!(f, "  latency  {} frames at 48000 Hz", device.latency)?;
            let set = device.parameters.iter().filter(|p| p.set).count();
            writeln!(f, "  {}, {set} set by the preset", count(device.parameters.len(), "parameter"))?;
            for p in &device.parameters {
                let set = p.set.then_some("set");
                let marks: Vec<&str> = set.into_iter().chain(p.marks.iter().copied()).collect();
                let line =
                    format!("    #{:<10} {:<28} {:<24} {}", p.id, p.name, in_words(p.value, &p.text), marks.join(", "));
                writeln!(f, "{}", line.trim_end())?;
            }
            for text in &device.texts {
                let value = text.value.as_ref().map_or_else(|| "a text".to_owned(), |value| format!("\"{value}\""));
                writeln!(f, "    #{:<10} {:<28} {value}", text.id.0, text.name)?;
            }
        }
        Ok(())
    }
}
