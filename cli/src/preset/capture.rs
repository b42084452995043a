//! A device as it is, as a tone preset.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use jobs::message::{Captured, Examination, ExaminedParameter, FromWorker, StateFile, ToWorker};
use jobs::task::AudioSettings;
use presets::{Asset, DeviceKind, DeviceSetup, DeviceSpec, PluginFile, Preset, Setting, Value, spec};

use super::staged::{self, Staged};
use crate::args::CaptureArguments;
use crate::show::count;
use crate::workers::{self, Asking};
use crate::{Status, Trouble, examine};

/// `tonemill preset capture`: the state first, then the preset that names it; both or neither.
pub(super) fn capture(arguments: &CaptureArguments) -> Result<Status, Trouble> {
    let text = &arguments.spec;
    let written = spec::parse(text, Path::new("")).map_err(|error| Trouble::input(format!("{text}: {error}")))?;
    let files = Files::of(arguments)?;
    let mut asking = Asking::new(&arguments.process)?;
    let mut setup = written.clone();
    examine::locate(&mut setup, Path::new(""), &mut asking).map_err(Trouble::input)?;
    let state = Staged::new(files.state.clone());
    let captured = ask(&mut setup, &state, &mut asking)?;
    let Captured { examination, state: saved } = &captured;

    let (params, texts) = settings(examination, saved.is_some());
    let mut preset = DeviceSetup { params, state: None, preset: None, ..setup.clone() };
    // Everything that a preset of the device's own set is in the state too, if there is one.
    (preset.state, preset.preset) = match saved {
        Some(_) => (Some(state.partial.clone()), None),
        None => (None, setup.preset.clone()),
    };
    let mut differences = prove(&preset, examination, &mut asking)?;
    if !differences.is_empty() && saved.is_some() {
        // Some parameters, such as those that choose a program, set others when they are set.
        let alone = DeviceSetup { params: Vec::new(), ..preset.clone() };
        let left = prove(&alone, examination, &mut asking)?;
        if left.len() < differences.len() {
            eprintln!(
                "warning: not all parameters keep their values when they are set one after the other, so the preset \
                 names the state alone"
            );
            (preset, differences) = (alone, left);
        }
    }
    differences.iter().for_each(|difference| eprintln!("warning: {difference}"));

    name_as_written(&mut preset.device, &written.device, &files.folder);
    preset.state = saved.as_ref().map(|_| files.seen_from_preset(&files.state)).transpose()?;
    preset.preset = preset.preset.as_deref().map(|path| files.seen_from_preset(path)).transpose()?;
    for asset in preset.assets.values_mut() {
        if let Asset::File(path) = asset {
            *path = files.seen_from_preset(path)?;
        }
    }
    let settings = preset.params.len();
    let preset = Preset { name: files.name.clone(), chain: vec![preset.into()] };
    let text = presets::file::yaml(&preset, |_, setting| texts[setting].clone()).map_err(Trouble::input)?;
    let file = Staged::new(files.preset.clone());
    file.write(text.as_bytes()).map_err(|error| cannot_write(&files.preset, &error))?;
    files.require_free(arguments.force)?;
    let staged = if saved.is_some() { vec![state, file] } else { vec![file] };
    staged::publish(&staged).map_err(|(path, error)| cannot_write(&path, &error))?;

    let info = &examination.info;
    let state = match saved {
        Some(StateFile { bytes, .. }) => format!("its state of {bytes} bytes in {}", files.state_shown.display()),
        None => "no state, for it has none".to_owned(),
    };
    eprintln!("{}: {} ({}), {}, {state}", arguments.output.display(), info.name, info.id, count(settings, "parameter"));
    Ok(Status::Done)
}

/// Where everything goes; all paths are absolute.
struct Files {
    preset: PathBuf,
    state: PathBuf,
    /// The state as the reader of a message knows it.
    state_shown: PathBuf,
    folder: PathBuf,
    name: String,
}

impl Files {
    fn of(arguments: &CaptureArguments) -> Result<Files, Trouble> {
        let output = &arguments.output;
        if !output.extension().is_some_and(|e| e.eq_ignore_ascii_case("yaml") || e.eq_ignore_ascii_case("yml")) {
            let shown = output.display();
            return Err(Trouble::input(format!("{shown}: a tone preset is written as YAML. Give it the ending .yaml")));
        }
        let format = arguments.spec.split_once(':').map_or("", |(format, _)| format);
        // VST3 plugins share a format for their states; others' states are nobody's but their own.
        let extension = if format == "vst3" { "vstpreset" } else { "state" };
        let state_shown = arguments.state.clone().unwrap_or_else(|| output.with_extension(extension));
        let (preset, state) = (absolute(output)?, absolute(&state_shown)?);
        if preset == state {
            return Err(Trouble::input(format!("{} cannot be both the preset and the state", output.display())));
        }
        let stem = output.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
        let name = arguments.name.clone().unwrap_or(stem);
        if name.is_empty() {
            return Err(Trouble::input("--name is empty. Give the preset a name, or leave it out"));
        }
        let folder = preset.parent().unwrap_or(Path::new("")).to_owned();
        let files = Files { preset, state, state_shown, folder, name };
        files.require_free(arguments.force)?;
        Ok(files)
    }

    /// Fails if something stands where a file is to be written, unless it may be replaced.
    fn require_free(&self, force: bool) -> Result<(), Trouble> {
        for path in [&self.preset, &self.state] {
            let shown = path.display();
            match std::fs::symlink_metadata(path) {
                Ok(meta) if meta.is_dir() => return Err(Trouble::input(format!("{shown} is a folder"))),
                Ok(_) if !force => {
                    return Err(Trouble::input(format!(
                        "{shown} stands already. Choose another name, or replace it with --force"
                    )));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// A file as the preset names it: relative to the preset's folder, unless all they share is the root.
    fn seen_from_preset(&self, path: &Path) -> Result<PathBuf, Trouble> {
        let path = absolute(path)?;
        let (parts, folder): (Vec<_>, Vec<_>) = (path.components().collect(), self.folder.components().collect());
        let shared = parts.iter().zip(&folder).take_while(|(a, b)| a == b).count();
        if shared < 2 {
            return Ok(path);
        }
        Ok(std::iter::repeat_n(Path::new(".."), folder.len() - shared)
            .chain(parts[shared..].iter().map(Path::new))
            .collect())
    }
}

/// The absolute path of a file in a folder that exists, free of links up to the file itself.
fn absolute(path: &Path) -> Result<PathBuf, Trouble> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let name = path.file_name().ok_or_else(|| Trouble::input(format!("{} names no file", path.display())))?;
    match folder.canonicalize() {
        Ok(folder) => Ok(folder.join(name)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(Trouble::input(format!("there is no folder {}. Make it first", folder.display())))
        }
        Err(error) => Err(Trouble::system(folder.display(), error)),
    }
}

/// The device with everything applied, and its state in the staged file. The device's settings become ids and numbers.
fn ask(setup: &mut DeviceSetup, state: &Staged, asking: &mut Asking) -> Result<Captured, Trouble> {
    let request = ToWorker::Capture {
        setup: Box::new(setup.clone()),
        audio: AudioSettings::standard(),
        state: state.partial.clone(),
    };
    let captured = match asking.ask(request) {
        Ok(FromWorker::Captured(captured)) => *captured,
        Ok(_) => return Err(Trouble::input("the worker answered something else")),
        Err(mishap) => return Err(Trouble::input(workers::words(&mishap))),
    };
    examine::freeze(setup, &captured.examination)?;
    Ok(captured)
}

/// Every parameter that people set, as it is, and its value in the device's own words. Those that are not for people's
/// eyes, and the one that switches the device off, are the state's business, unless there is none.
fn settings(examination: &Examination, has_state: bool) -> (Vec<Setting>, Vec<Option<String>>) {
    let mut named: HashMap<&str, usize> = HashMap::new();
    for p in &examination.parameters {
        *named.entry(&p.parameter.name).or_default() += 1;
    }
    let mut settings = Vec::new();
    let mut texts = Vec::new();
    for ExaminedParameter { parameter, value, text, .. } in &examination.parameters {
        let flags = parameter.flags;
        let aside = (flags.hidden || flags.bypass) && (has_state || *value == parameter.default);
        if flags.read_only || aside {
            continue;
        }
        if !(parameter.minimum..=parameter.maximum).contains(value) {
            let (name, minimum, maximum) = (&parameter.name, parameter.minimum, parameter.maximum);
            eprintln!(
                "warning: {name} is {value}, outside its own {minimum}..{maximum}, so the preset does not set it"
            );
            continue;
        }
        // What begins like an id would be taken for one.
        let by_name = named[parameter.name.as_str()] == 1
            && !parameter.name.trim().is_empty()
            && !parameter.name.starts_with('#');
        let name = if by_name { parameter.name.clone() } else { format!("#{}", parameter.id.0) };
        let remark = match (by_name, text) {
            (true, text) => text.clone(),
            (false, Some(text)) => Some(format!("{}: {text}", parameter.name)),
            (false, None) => Some(parameter.name.clone()),
        };
        settings.push(Setting { parameter: name, value: Value::Number(*value) });
        texts.push(remark);
    }
    for text in examination.texts.iter().filter(|text| !text.read_only) {
        if let Some(value) = &text.value {
            let id = format!("#{}", text.id.0);
            settings.push(Setting { parameter: id, value: Value::Text(value.clone()) });
            texts.push(Some(text.name.clone()));
        }
    }
    (settings, texts)
}

/// Applies the preset to a fresh device and compares it with the one that was captured. What does not come back is
/// worth a warning: nobody would find it out by reading the preset.
fn prove(setup: &DeviceSetup, captured: &Examination, asking: &mut Asking) -> Result<Vec<String>, Trouble> {
    let mut setup = setup.clone();
    let refused = |words: String| Trouble::input(format!("the captured preset cannot be applied: {words}"));
    let again = examine::look(&mut setup, Path::new(""), asking).map_err(refused)?;
    examine::freeze(&mut setup, &again).map_err(|trouble| refused(trouble.words))?;
    let values: HashMap<u32, f64> = again.parameters.iter().map(|p| (p.parameter.id.0, p.value)).collect();
    let mut differences = Vec::new();
    for p in captured.parameters.iter().filter(|p| !p.parameter.flags.read_only) {
        let (name, value) = (&p.parameter.name, p.value);
        match values.get(&p.parameter.id.0) {
            Some(back) if back.to_bits() == value.to_bits() => {}
            Some(back) => differences.push(format!("{name} is {value}, and comes back as {back} with the preset")),
            None => differences.push(format!("{name} is {value}, and is gone with the preset")),
        }
    }
    for text in captured.texts.iter().filter(|text| !text.read_only) {
        let back = again.texts.iter().find(|again| again.id == text.id).and_then(|again| again.value.as_ref());
        if let Some(value) = text.value.as_ref().filter(|value| back != Some(*value)) {
            let back = back.map_or_else(String::new, |back| format!(", and comes back as \"{back}\" with the preset"));
            differences.push(format!("{} is \"{value}\"{back}", text.name));
        }
    }
    if again.latency != captured.latency {
        let (now, back) = (captured.latency, again.latency);
        differences.push(format!("the latency is {now} frames, and comes back as {back} with the preset"));
    }
    Ok(differences)
}

/// Gives the plugin the name that was written: what names a plugin here names it on another machine too. A path
/// becomes absolute, since it would start at another folder in the preset.
fn name_as_written(device: &mut DeviceSpec, written: &DeviceSpec, folder: &Path) {
    let (DeviceKind::Plugin(_, PluginFile { plugin: name, .. }), Some((_, file))) =
        (written.kind(), device.plugin_mut())
    else {
        return;
    };
    // A file of that name in the working directory or beside the preset goes before those in the plugin folders.
    let is_path = name.contains(std::path::is_separator) || Path::new(name).exists() || folder.join(name).exists();
    if !is_path {
        name.clone_into(&mut file.plugin);
    }
}

fn cannot_write(path: &Path, error: &io::Error) -> Trouble {
    Trouble::system(format!("cannot write {}", path.display()), error)
}
