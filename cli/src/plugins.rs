//! What devices there are, and what they offer.

use std::path::{Path, PathBuf};

use audio::device::DeviceInfo;
use farm::Cause;
use jobs::message::{Examination, FromWorker, ToWorker};
use jobs::task::AudioSettings;
use presets::folders::{Folders, Located};
use presets::{DeviceSpec, spec};
use serde::Serialize;

use crate::args::{PluginsCommand, ProcessArguments};
use crate::examine::{InWorker, words};
use crate::show::count;
use crate::workers::Asking;
use crate::{Status, Trouble, print_json, print_text};

/// `tonemill plugins`.
pub(crate) fn plugins(command: &PluginsCommand) -> Result<Status, Trouble> {
    match command {
        PluginsCommand::List { json, process } => list(*json, process),
        PluginsCommand::Show { spec, json, process } => show(spec, *json, process),
    }
}

/// One row of the list.
#[derive(Serialize)]
struct Listed {
    /// The plugin's file; absent for built-ins.
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<PathBuf>,
    info: DeviceInfo,
}

fn list(json: bool, process: &ProcessArguments) -> Result<Status, Trouble> {
    let mut asking = Asking::new(process)?;
    let mut rows = Vec::new();
    let mut refused = Vec::new();
    match asking.ask(ToWorker::ListBuiltin) {
        Ok(FromWorker::Listed { plugins }) => rows.extend(plugins.into_iter().map(|info| Listed { path: None, info })),
        Ok(_) => return Err(Trouble::input("the worker answered something else")),
        Err(mishap) => return Err(Trouble::input(mishap)),
    }
    for path in Folders::standard().plugins() {
        match asking.ask(ToWorker::List { path: path.clone() }) {
            Ok(FromWorker::Listed { plugins }) => {
                rows.extend(plugins.into_iter().map(|info| Listed { path: Some(path.clone()), info }));
            }
            Ok(_) => refused.push(format!("{}: the worker answered something else", path.display())),
            Err(mishap) => refused.push(match &mishap.cause {
                Cause::Refused { failure } => failure.reason.clone(),
                _ => format!("{}: {mishap}", path.display()),
            }),
        }
    }
    for words in &refused {
        eprintln!("{words}");
    }
    if json {
        return print_json(&rows);
    }
    let mut text = String::new();
    for Listed { path, info } in &rows {
        let kind = if info.instrument { "instrument" } else { "effect" };
        let file =
            path.as_deref().and_then(Path::file_name).map_or_else(String::new, |f| f.to_string_lossy().into_owned());
        text += &format!("{:<8} {:<11} {:<32} {:<44} {file}\n", info.format, kind, info.name, info.id);
    }
    text += &format!("{}\n", count(rows.len(), "device"));
    print_text(&text)
}

fn show(text: &str, json: bool, process: &ProcessArguments) -> Result<Status, Trouble> {
    let mut setup = spec::parse(text, Path::new("")).map_err(|error| Trouble::input(format!("{text}: {error}")))?;
    let mut asking = Asking::new(process)?;
    if let DeviceSpec::Clap { plugin, id } = &mut setup.device {
        match Folders::standard().locate(plugin, Path::new("")).map_err(Trouble::input)? {
            Located::File(path) => *plugin = path.display().to_string(),
            Located::Id => {
                use jobs::plan::Examiner;
                let path = InWorker { asking: &mut asking }
                    .locate_id(plugin)
                    .map_err(|error| Trouble::input(words(plugin, &error)))?;
                *id = Some(std::mem::replace(plugin, path.display().to_string()));
            }
        }
    }
    let audio = AudioSettings::standard();
    let examination = match asking.ask(ToWorker::Examine { setup: Box::new(setup), audio, signal: None }) {
        Ok(FromWorker::Examined(examination)) => examination,
        Ok(_) => return Err(Trouble::input("the worker answered something else")),
        Err(mishap) => match &mishap.cause {
            Cause::Refused { failure } => return Err(Trouble::input(&failure.reason)),
            _ => return Err(Trouble::input(mishap)),
        },
    };
    if json { print_json(&examination) } else { print_text(&table(&examination)) }
}

/// An examination for people.
fn table(examination: &Examination) -> String {
    let Examination { info, ports, latency, parameters, .. } = examination;
    let kind = if info.instrument { "instrument" } else { "effect" };
    let mut text = format!("{} ({}, {kind})\n  id       {}\n", info.name, info.format, info.id);
    for (label, value) in [("vendor", &info.vendor), ("version", &info.version)] {
        if !value.is_empty() {
            text += &format!("  {label:<8} {value}\n");
        }
    }
    let busses = |busses: &[audio::device::BusInfo]| -> String {
        let one = |bus: &audio::device::BusInfo| match bus.name.as_str() {
            "" => bus.channels.to_string(),
            name => format!("{} ({name})", bus.channels),
        };
        if busses.is_empty() { "none".to_owned() } else { busses.iter().map(one).collect::<Vec<_>>().join(", ") }
    };
    text += &format!("  in       {}{}\n", busses(&ports.inputs), if ports.note_input { ", notes" } else { "" });
    text += &format!("  out      {}{}\n", busses(&ports.outputs), if ports.note_output { ", notes" } else { "" });
    text += &format!("  latency  {latency} frames at 48000 Hz\n");
    text += &format!("  {}\n", count(parameters.len(), "parameter"));
    for p in parameters {
        let words = |text: &Option<String>, value: f64| match text {
            Some(text) => format!("{value} ({})", text.trim()),
            None => value.to_string(),
        };
        let parameter = &p.parameter;
        let flags = parameter.flags;
        let marks: Vec<&str> = [
            (flags.stepped, "stepped"),
            (flags.hidden, "hidden"),
            (flags.read_only, "read-only"),
            (flags.bypass, "bypass"),
        ]
        .into_iter()
        .filter_map(|(set, word)| set.then_some(word))
        .collect();
        text += &format!(
            "    #{:<10} {:<28} {:<24} {} to {}{}{}\n",
            parameter.id.0,
            parameter.name,
            words(&p.text, p.value),
            words(&p.minimum_text, parameter.minimum),
            words(&p.maximum_text, parameter.maximum),
            if marks.is_empty() { "" } else { "  " },
            marks.join(", "),
        );
    }
    text
}
