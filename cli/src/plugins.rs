//! What devices there are, and what they offer.

mod list;

use std::path::Path;

use audio::device::{DeviceInfo, Fact, ParameterFlags, TextSetting};
use jobs::message::Examination;
use presets::spec;
use serde::Serialize;

use crate::args::{PluginsCommand, ProcessArguments};
use crate::examine;
use crate::show::count;
use crate::workers::Asking;
use crate::{Status, Trouble, print_json, print_text};

/// `tonemill plugins`.
pub(crate) fn plugins(command: &PluginsCommand) -> Result<Status, Trouble> {
    match command {
        PluginsCommand::Scan { format, again, json, scan, process } => {
            list::scan(format.as_deref(), *again, *json, scan, process)
        }
        PluginsCommand::List(arguments) => list::list(arguments),
        PluginsCommand::Probe(arguments) => crate::probe::probe(arguments),
        PluginsCommand::Show { spec, json, process } => show(spec, *json, process),
    }
}

fn show(text: &str, json: bool, process: &ProcessArguments) -> Result<Status, Trouble> {
    let mut setup = spec::parse(text, Path::new("")).map_err(|error| Trouble::input(format!("{text}: {error}")))?;
    let mut asking = Asking::new(process)?;
    let examination = examine::look(&mut setup, Path::new(""), &mut asking).map_err(Trouble::input)?;
    let frozen = examine::freeze(&mut setup, &examination);
    let verdict = frozen.is_ok().then(|| crate::probe::stored(&setup)).flatten();
    if json {
        let shown = Shown { examination: &examination, verdict: verdict.as_ref() };
        print_json(&shown)?;
    } else {
        let mention = verdict.as_ref().map_or_else(String::new, crate::probe::mention);
        print_text(&(table(&examination) + &mention))?;
    }
    frozen.map(|()| Status::Done)
}

/// What is told of a device for programs.
#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    examination: &'a Examination,
    /// What probing has shown of it, if it was probed.
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<&'a jobs::probe::Verdict>,
}

/// Who a device is, for people.
pub(crate) fn who(info: &DeviceInfo) -> String {
    let kind = if info.instrument { "instrument" } else { "effect" };
    let mut text = format!("{} ({}, {kind})\n  id       {}\n", info.name, info.format, info.id);
    for (label, value) in [("vendor", &info.vendor), ("version", &info.version)] {
        if !value.is_empty() {
            text += &format!("  {label:<8} {value}\n");
        }
    }
    text
}

/// A plain value with the device's own words for it.
pub(crate) fn in_words(value: f64, text: &Option<String>) -> String {
    match text {
        Some(text) => format!("{value} ({})", text.trim()),
        None => value.to_string(),
    }
}

/// What kind of control a parameter is, where that is worth a word.
pub(crate) fn marks(flags: ParameterFlags) -> Vec<&'static str> {
    let marks = [
        (flags.stepped, "stepped"),
        (flags.hidden, "hidden"),
        (flags.read_only, "read-only"),
        (flags.bypass, "bypass"),
    ];
    marks.into_iter().filter_map(|(set, word)| set.then_some(word)).collect()
}

/// An examination for people.
fn table(examination: &Examination) -> String {
    let Examination { info, ports, latency, parameters, files, texts, about, remarks, .. } = examination;
    let mut text = who(info);
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
    if !files.is_empty() {
        text += &format!("  files    {}\n", files.join(", "));
    }
    let widest = about.iter().map(|fact| fact.name.chars().count()).max().unwrap_or(0);
    if !about.is_empty() {
        text += "  file\n";
    }
    for Fact { name, value } in about {
        text += &format!("    {name:<widest$}  {value}\n");
    }
    for remark in remarks {
        text += &format!("  remark   {remark}\n");
    }
    text += &format!("  {}\n", count(parameters.len(), "parameter"));
    for p in parameters {
        let parameter = &p.parameter;
        let marks = marks(parameter.flags);
        text += &format!(
            "    #{:<10} {:<28} {:<24} {} to {}{}{}\n",
            parameter.id.0,
            parameter.name,
            in_words(p.value, &p.text),
            in_words(parameter.minimum, &p.minimum_text),
            in_words(parameter.maximum, &p.maximum_text),
            if marks.is_empty() { "" } else { "  " },
            marks.join(", "),
        );
    }
    for TextSetting { id, name, value, read_only } in texts {
        let value = value.as_ref().map_or_else(|| "a text".to_owned(), |value| format!("\"{value}\""));
        let line = format!("    #{:<10} {name:<28} {value:<24} {}", id.0, if *read_only { "read-only" } else { "" });
        text += &format!("{}\n", line.trim_end());
    }
    text
}
