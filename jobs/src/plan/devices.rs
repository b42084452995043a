//! Devices of a plan: found, examined, their settings made numbers.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use presets::document::{Collector, Place, did_you_mean, without_point};
use presets::file::{PlacedDevice, PlacedLink};
use presets::folders::Folders;
use presets::{Asset, Branch, ChannelPolicy, DeviceKind, DeviceSetup, Link, PluginFile, PluginFormat, Setting, Value};

use super::examiner::{ExamineError, Examiner, locate};
use super::sources::{Files, Sources};
use crate::channels::{ChannelError, channels, may_begin, plan_step};
use crate::message::{Examination, ResolvedSetting, SettingProblem};
use crate::probe::TrueLatency;
use crate::sandbox::Grants;
use crate::task::{AudioSettings, Source};

/// What is known of the devices of a planning.
pub(super) struct Devices<'a> {
    folders: &'a BTreeMap<PluginFormat, Folders>,
    examiner: &'a mut dyn Examiner,
    audio: AudioSettings,
    /// By format, plugin as written and the folder that a path starts from.
    located: HashMap<(PluginFormat, PluginFile, PathBuf), Result<PluginFile, String>>,
    /// By setup and signal, written as JSON: a setup holds numbers that cannot be compared for a map.
    examined: HashMap<String, Examined>,
    pub warnings: Vec<String>,
    /// What presets and the job let plugins touch.
    pub grants: Grants,
}

/// What came of looking at a device.
pub(super) type Examined = Rc<Result<Examination, ExamineError>>;

/// A chain, ready for a plan.
#[derive(Clone, Debug)]
pub(super) struct Frozen {
    pub chain: Vec<Link>,
    pub sources: Sources,
    /// Channels behind it; `None` where a device could not be examined.
    pub channels: Option<usize>,
    /// What was found out about each of [`presets::devices`], and the channels in front of it.
    pub known: Vec<(Examined, Option<usize>)>,
}

/// What comes up while a chain is frozen.
pub(super) struct Found<'a> {
    pub sources: Sources,
    pub known: Vec<(Examined, Option<usize>)>,
    pub files: &'a mut Files,
    pub collector: &'a Collector,
}

/// What stands in front of a chain.
#[derive(Clone, Copy, Debug)]
pub(super) struct Signal<'a> {
    /// Its channels, 0 for notes; `None` where that is not known.
    pub channels: Option<usize>,
    /// What it is, for messages: "data/x.wav", "bus plate".
    pub of: &'a str,
}

impl<'a> Devices<'a> {
    pub fn new(
        folders: &'a BTreeMap<PluginFormat, Folders>,
        audio: AudioSettings,
        examiner: &'a mut dyn Examiner,
    ) -> Devices<'a> {
        let (located, examined) = (HashMap::new(), HashMap::new());
        Devices { folders, examiner, audio, located, examined, warnings: Vec::new(), grants: Grants::default() }
    }

    /// Freezes a chain in which every preset is expanded. `None` where it has a mistake; later devices are looked at all
    /// the same.
    pub fn chain(
        &mut self,
        links: &[PlacedLink],
        signal: Signal<'_>,
        files: &mut Files,
        collector: &Collector,
    ) -> Option<Frozen> {
        let before = collector.len();
        let mut found = Found { sources: Sources::default(), known: Vec::new(), files, collector };
        let (chain, channels) = self.links(links, signal, &mut found);
        let Found { sources, known, .. } = found;
        (collector.len() == before).then_some(Frozen { chain, sources, channels, known })
    }

    /// Freezes links. Gives them with the channels behind them, where these are known.
    fn links(&mut self, links: &[PlacedLink], signal: Signal<'_>, found: &mut Found<'_>) -> (Vec<Link>, Option<usize>) {
        let mut channels = signal.channels;
        let mut frozen = Vec::with_capacity(links.len());
        for (index, link) in links.iter().enumerate() {
            let notes = index == 0 && signal.channels == Some(0);
            let here = Signal { channels, of: signal.of };
            match link {
                PlacedLink::Device(device) => {
                    let (setup, behind) = self.device(device, here, notes, found);
                    frozen.extend(setup.map(Link::from));
                    channels = behind;
                }
                PlacedLink::Parallel(fork) => {
                    if notes {
                        let message =
                            format!("chains beside each other take no notes, and {} is made of notes", here.of);
                        found.collector.mistake_with(&fork.place, message, "Put an instrument first.");
                        channels = None;
                    }
                    let branches = fork.branches.iter().map(|branch| {
                        let (chain, behind) = self.links(&branch.chain, Signal { channels, ..here }, found);
                        (Branch { gain: branch.gain, chain }, behind)
                    });
                    let (parallel, behind): (Vec<Branch>, Vec<Option<usize>>) = branches.unzip();
                    channels = sum(&behind, &fork.place, here.of, found.collector);
                    frozen.push(Link::Parallel { parallel });
                }
                PlacedLink::Preset(preset) => unreachable!("{} is expanded", preset.value.display()),
            }
        }
        (frozen, channels)
    }

    /// Freezes a device. Gives it with the channels behind it; nothing of either where it has a mistake.
    pub fn device(
        &mut self,
        device: &PlacedDevice,
        signal: Signal<'_>,
        notes: bool,
        found: &mut Found<'_>,
    ) -> (Option<DeviceSetup>, Option<usize>) {
        let Some(mut setup) = self.resolve(device, found.files, &mut found.sources, found.collector) else {
            return (None, None);
        };
        let collector = found.collector;
        let examined = self.examine(&setup, signal.channels);
        let behind = match examined.as_ref() {
            Ok(examination) => {
                check_sidechain(examination, device, collector);
                freeze(&mut setup, examination, device, collector);
                self.measured(&mut setup, &examination.info.name, device, collector);
                self.follow(&mut setup, examination, device, found.files, &mut found.sources, collector);
                step(examination, device, signal.channels, notes, signal.of, collector)
            }
            Err(ExamineError::Refused { reason }) => {
                collector.mistake(&device.place, format!("{} cannot be used: {reason}", words(&device.setup)));
                None
            }
            Err(ExamineError::Died { reason }) => {
                let warning = format!(
                    "{}: {} could not be examined: {reason}. Its settings are not checked; tasks that use it may fail.",
                    device.place,
                    words(&device.setup),
                );
                self.warn(warning);
                None
            }
        };
        found.known.push((examined, signal.channels));
        (Some(setup), behind)
    }

    /// What these values of a parameter of `setup` mean to the device, which has `in_channels` in front of it.
    pub fn settings(
        &mut self,
        setup: &DeviceSetup,
        in_channels: Option<usize>,
        parameter: &str,
        values: &[Value],
    ) -> Vec<Result<ResolvedSetting, SettingProblem>> {
        let setting = |value: &Value| Setting { parameter: parameter.to_owned(), value: value.clone() };
        let asked = DeviceSetup { params: values.iter().map(setting).collect(), ..setup.clone() };
        match self.examine(&asked, in_channels).as_ref() {
            Ok(examination) => examination.settings.clone(),
            Err(_) => Vec::new(),
        }
    }

    /// The setup with absolute paths, and the files that it names.
    pub fn resolve(
        &mut self,
        device: &PlacedDevice,
        files: &mut Files,
        sources: &mut Sources,
        collector: &Collector,
    ) -> Option<DeviceSetup> {
        self.grant(&device.grants);
        let mut setup = device.setup.clone();
        let mut whole = true;
        if let Some((format, file)) = setup.device.plugin_mut() {
            match self.locate(format, file, &device.folder) {
                Ok(()) => match files.source("plugin", Path::new(&file.plugin), &device.place, collector) {
                    Some(source) => {
                        file.plugin = source.path.clone();
                        sources.add(source);
                    }
                    None => whole = false,
                },
                Err(words) => {
                    collector.mistake(&device.place, words);
                    whole = false;
                }
            }
        }
        for (role, asset) in &mut setup.assets {
            let place = device.assets.get(role).unwrap_or(&device.place);
            match asset {
                Asset::File(path) => match files.other("asset", &format!("{role} file"), path, place, collector) {
                    Some((absolute, source)) => {
                        *path = absolute;
                        sources.add(source);
                    }
                    None => whole = false,
                },
                // Its bytes are part of the program and change with it, so name and engine stand for them.
                Asset::Embedded(name) => {
                    let path = format!("embedded:{name}");
                    let blake3 = crate::hash::of_text(&format!("{} {path}", crate::ENGINE));
                    sources.add(Source { role: "asset".to_owned(), path, blake3 });
                }
            }
        }
        let own = [("state", &mut setup.state, &device.state), ("preset", &mut setup.preset, &device.preset)];
        for (role, path, place) in own {
            let Some(path) = path else { continue };
            match files.other(role, &format!("{role} file"), path, place, collector) {
                Some((absolute, source)) => {
                    *path = absolute;
                    sources.add(source);
                }
                None => whole = false,
            }
        }
        whole.then_some(setup)
    }

    /// Adds the files that the device's state or preset refers to. One that is not there is only told: the state may name
    /// what the device does without.
    fn follow(
        &mut self,
        setup: &mut DeviceSetup,
        examination: &Examination,
        device: &PlacedDevice,
        files: &mut Files,
        sources: &mut Sources,
        collector: &Collector,
    ) {
        let (there, missing): (Vec<_>, Vec<_>) = setup.referenced.drain(..).partition(|path| path.is_file());
        for path in there {
            if let Some(source) = files.referenced(&path, &device.place, collector) {
                setup.referenced.push(path);
                sources.add(source);
            }
        }
        let name = &examination.info.name;
        for path in missing {
            let path = path.display();
            self.warn(format!("{}: the state of {name} refers to {path}, and there is no such file", device.place));
        }
    }

    /// Sets the latency that probing has shown, where the preset asks for that.
    fn measured(&mut self, setup: &mut DeviceSetup, name: &str, device: &PlacedDevice, collector: &Collector) {
        let Some(place) = &device.measured else { return };
        let Some(latency) = self.examiner.latency(setup, self.audio) else {
            let AudioSettings { sample_rate, block_size } = self.audio;
            let message = format!(
                "the latency of {name} has not been measured with these settings at {} Hz in blocks of {block_size}",
                sample_rate.0
            );
            collector.mistake_with(place, message, "Probe it with tonemill plugins probe, or write the frames.");
            return;
        };
        match latency.measured {
            // What it says lies within its answer, and is what its maker means.
            _ if latency.right == Some(true) => setup.latency = Some(latency.reported),
            TrueLatency::Frames { frames, .. } => setup.latency = Some(frames.max(0.0).round() as u64),
            other => {
                let why = match other {
                    TrueLatency::NothingGoesIn => "nothing goes in",
                    TrueLatency::Silent => "nothing comes out",
                    TrueLatency::Echo { .. } => "what comes out looks like an echo",
                    _ => "what comes out is spread over time",
                };
                let message = format!("the latency of {name} could not be measured: {why}");
                collector.mistake_with(place, message, "Write the frames, or leave latency away.");
            }
        }
    }

    /// Lets devices touch more than the files that they name.
    pub fn grant(&mut self, grants: &Grants) {
        if !self.grants.cover(grants) {
            self.grants.extend(grants);
            self.examiner.grant(&self.grants);
        }
    }

    pub fn warn(&mut self, warning: String) {
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    /// Makes of a plugin as written its file, and its id where that or its name was written.
    fn locate(&mut self, format: PluginFormat, file: &mut PluginFile, folder: &Path) -> Result<(), String> {
        let key = (format, file.clone(), folder.to_owned());
        if let Some(known) = self.located.get(&key) {
            *file = known.clone()?;
            return Ok(());
        }
        let nowhere = Folders::new(format, []);
        let folders = self.folders.get(&format).unwrap_or(&nowhere);
        let located = locate(format, file, folder, folders, self.examiner).map(|()| file.clone());
        self.located.insert(key, located.clone());
        located.map(drop)
    }

    /// What examination says of a setup, which is looked at once.
    pub fn examine(&mut self, setup: &DeviceSetup, signal: Option<usize>) -> Examined {
        let key = serde_json::to_string(&(setup, signal)).expect("a setup's maps have texts for keys");
        if let Some(known) = self.examined.get(&key) {
            return known.clone();
        }
        let examined = Rc::new(self.examiner.examine(setup, self.audio, signal));
        self.examined.insert(key, examined.clone());
        examined
    }
}

/// The device in words.
fn words(setup: &DeviceSetup) -> String {
    match setup.device.kind() {
        DeviceKind::Builtin(name) => name.to_owned(),
        DeviceKind::Plugin(_, PluginFile { plugin, id }) => match id {
            Some(id) if id != plugin => format!("{plugin} ({id})"),
            _ => plugin.clone(),
        },
    }
}

/// Makes the settings of `setup` ids and plain values, as its examination understood them, notes the files that its state
/// refers to, and tells whatever the device found wrong with them or with its state. `device` says where each stands.
pub fn freeze(setup: &mut DeviceSetup, examination: &Examination, device: &PlacedDevice, collector: &Collector) {
    let name = &examination.info.name;
    for problem in &examination.problems {
        collector.mistake(&device.place, format!("{name}: {problem}"));
    }
    if examination.settings.len() != setup.params.len() {
        let (answers, asked) = (examination.settings.len(), setup.params.len());
        collector.mistake(&device.place, format!("{name} was asked for {asked} settings and answered {answers}"));
        return;
    }
    if let Some((_, PluginFile { id, .. })) = setup.device.plugin_mut() {
        id.get_or_insert_with(|| examination.info.id.clone());
    }
    setup.referenced = examination.referenced.clone();
    let mut set: Vec<u32> = Vec::new();
    for (index, result) in examination.settings.iter().enumerate() {
        let place = device.params.get(index).unwrap_or(&device.place);
        let setting = &mut setup.params[index];
        match result {
            Ok(ResolvedSetting { id, name: parameter, value, .. }) => {
                if set.contains(id) {
                    let message = format!("{} sets \"{parameter}\" of {name} a second time", setting.parameter);
                    collector.mistake_with(place, message, "Remove one of the two.");
                }
                set.push(*id);
                *setting = Setting { parameter: format!("#{id}"), value: value.clone() };
            }
            Err(problem) => tell(setting, problem, examination, place, collector),
        }
    }
}

/// Words for a setting that the device does not take.
pub(super) fn tell(
    setting: &Setting,
    problem: &SettingProblem,
    examination: &Examination,
    place: &Place,
    collector: &Collector,
) {
    let device = &examination.info.name;
    let parameter = &setting.parameter;
    let value = match &setting.value {
        Value::Number(number) => number.to_string(),
        Value::Text(text) => format!("\"{text}\""),
    };
    let (message, help) = match problem {
        SettingProblem::Unknown { similar } => {
            let help = match did_you_mean(similar) {
                none if none.is_empty() => all_parameters(examination),
                help => help,
            };
            (format!("{device} has no parameter \"{parameter}\""), help)
        }
        SettingProblem::Ambiguous { ids } => {
            let ids: Vec<String> = ids.iter().map(|id| format!("\"#{id}\"")).collect();
            let message = format!("{device} has several parameters called \"{parameter}\"");
            (message, format!("Write the id of one instead: {}.", ids.join(" or ")))
        }
        SettingProblem::ReadOnly => {
            (format!("\"{parameter}\" of {device} only reports and cannot be set"), "Remove it.".to_owned())
        }
        SettingProblem::OutOfRange { minimum, maximum, range_text } => {
            let words = match range_text {
                Some((low, high)) => format!(" ({low} to {high})"),
                None => String::new(),
            };
            let help = match setting.value {
                Value::Number(number) => without_point(number, *minimum..=*maximum, ""),
                Value::Text(_) => String::new(),
            };
            (format!("{parameter} = {value} of {device} is outside {minimum}..{maximum}{words}"), help)
        }
        SettingProblem::Unreadable { examples } => {
            let examples: Vec<String> = examples.iter().map(|e| format!("\"{e}\"")).collect();
            let help = match examples.as_slice() {
                [] => "Write a number.".to_owned(),
                examples => format!("Write a number, or a text such as {}.", examples.join(" or ")),
            };
            (format!("{parameter} = {value} is nothing that {device} can read"), help)
        }
    };
    collector.mistake_with(place, message, help);
}

fn all_parameters(examination: &Examination) -> String {
    const MOST: usize = 12;
    let settable =
        || examination.parameters.iter().filter(|p| !p.parameter.flags.hidden && !p.parameter.flags.read_only);
    let texts = || examination.texts.iter().filter(|text| !text.read_only).map(|text| text.name.as_str());
    let names: Vec<&str> = settable().map(|p| p.parameter.name.as_str()).chain(texts()).take(MOST).collect();
    match settable().count() + texts().count() {
        0 => "It has no parameters to set.".to_owned(),
        count if count > MOST => format!("Its parameters are {} and {} more.", names.join(", "), count - MOST),
        _ => format!("Its parameters are {}.", names.join(", ")),
    }
}

/// Tells where a device has no such input as its sidechain is to go into.
fn check_sidechain(examination: &Examination, device: &PlacedDevice, collector: &Collector) {
    let Some(sidechain) = &device.setup.sidechain else { return };
    let inputs = &examination.ports.inputs;
    if sidechain.input < inputs.len() {
        return;
    }
    let name = &examination.info.name;
    let message = match inputs.len().saturating_sub(1) {
        0 => format!("{name} has no sidechain input"),
        1 => format!("{name} has one sidechain input, not {}", sidechain.input),
        count => format!("{name} has {count} sidechain inputs, not {}", sidechain.input),
    };
    collector.mistake_with(&device.sidechain, message, "Remove it, or use a device that has one.");
}

/// The channels behind chains that are summed; tells where they have counts of which neither is mono.
pub(super) fn sum(behind: &[Option<usize>], place: &Place, of: &str, collector: &Collector) -> Option<usize> {
    let counts: Option<Vec<usize>> = behind.iter().copied().collect();
    let counts = counts?;
    let most = counts.iter().copied().max()?;
    if let Some(other) = counts.iter().find(|count| **count != 1 && **count != most) {
        let (few, many) = (channels(*other), channels(most));
        let message = format!("chains beside each other in {of} end in {few} and in {many}; only mono fits all");
        collector.mistake_with(place, message, "Let all end in as many, or in one.");
        return None;
    }
    Some(most)
}

/// The channels behind a device; tells where it cannot stand there.
fn step(
    examination: &Examination,
    device: &PlacedDevice,
    signal: Option<usize>,
    notes: bool,
    of: &str,
    collector: &Collector,
) -> Option<usize> {
    let (name, ports) = (&examination.info.name, &examination.ports);
    if notes && !may_begin(ports) {
        let message = format!("{name} takes no notes, and {of} is made of notes");
        collector.mistake_with(&device.place, message, "Put an instrument first.");
        return None;
    }
    match plan_step(signal?, ports.main_inputs(), ports.main_outputs(), device.setup.channels) {
        Ok(step) => Some(step.channels),
        Err(error @ (ChannelError::NoOutput | ChannelError::NoInput)) => {
            collector.mistake(&device.place, format!("{name} cannot stand here, in {of}: {error}"));
            None
        }
        Err(ChannelError::Mismatch { signal, device: takes, possible }) => {
            let message = format!("{name} takes {}, and the signal of {of} has {signal} there", channels(takes));
            let policies: Vec<&str> = possible.iter().map(|p| policy_word(*p)).collect();
            let help = match policies.as_slice() {
                [] => "No channel policy bridges that: use another device.".to_owned(),
                policies => format!("Say what to do: channels: {}.", policies.join(" or channels: ")),
            };
            collector.mistake_with(&device.channels, message, help);
            None
        }
    }
}

fn policy_word(policy: ChannelPolicy) -> &'static str {
    presets::spec::POLICIES.iter().find(|(_, p)| *p == policy).map_or("", |(word, _)| word)
}
