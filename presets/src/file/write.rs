//! A preset as the text of a file.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use audio::device::ProcessMode;

use super::VERSION;
use crate::spec::{MODES, POLICIES};
use crate::{Asset, Branch, ChannelPolicy, DeviceKind, DeviceSetup, Link, PluginFile, Preset, Sidechain, Value};

/// Why a preset cannot be written.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum WriteError {
    /// A file of text cannot name such a file.
    #[error("{} is not valid UTF-8, so no preset can name it. Rename the file", .0.display())]
    Path(PathBuf),
    /// No number is written for it.
    #[error("{parameter} is {value}, which no preset can hold")]
    NotFinite {
        /// The parameter.
        parameter: String,
        /// Its value.
        value: f64,
    },
    /// What must have a name has none.
    #[error("the {0} has no name")]
    NoName(&'static str),
}

/// A preset as YAML that [`read`](super::read) understands as the same preset; paths stand as they are, so relative
/// ones start at the folder of the file that the text goes into. `remark` gives a comment for a setting, by the numbers
/// of its device and of the setting within it.
///
/// ```
/// # use tonemill_presets as presets;
/// let chain = vec![presets::spec::parse("builtin:gain@Gain=-6", "".as_ref()).unwrap().into()];
/// let preset = presets::Preset { name: "Quiet".into(), chain };
/// let text = presets::file::yaml(&preset, |_, _| Some("-6 dB".into())).unwrap();
/// assert_eq!(text, "tonemill: 1\nname: Quiet\nchain:\n  - builtin: gain\n    params:\n      Gain: -6  # -6 dB\n");
/// ```
pub fn yaml(preset: &Preset, remark: impl Fn(usize, usize) -> Option<String>) -> Result<String, WriteError> {
    let mut text = format!("tonemill: {VERSION}\n");
    text += &format!("name: {}\n", scalar(named("preset", &preset.name)?));
    text += if preset.chain.is_empty() { "chain: []\n" } else { "chain:\n" };
    let mut number = 0;
    for line in chain(&preset.chain, &mut number, &remark)? {
        writeln!(text, "  {line}").expect("a String takes all that is written");
    }
    Ok(text)
}

/// The lines of a list of links, the first device of which has the number `number`.
fn chain(
    links: &[Link],
    number: &mut usize,
    remark: &dyn Fn(usize, usize) -> Option<String>,
) -> Result<Vec<String>, WriteError> {
    let mut lines = Vec::new();
    for link in links {
        match link {
            Link::Device(setup) => {
                lines.extend(device(setup, |setting| remark(*number, setting))?);
                *number += 1;
            }
            Link::Parallel { parallel } => {
                lines.push("- parallel:".to_owned());
                for Branch { gain, chain: links } in parallel {
                    let gain = finite("the level of a branch", *gain)?;
                    lines.push(format!("    - factor: {gain}"));
                    lines.push(if links.is_empty() { "      chain: []" } else { "      chain:" }.to_owned());
                    lines.extend(chain(links, number, remark)?.into_iter().map(|line| format!("        {line}")));
                }
            }
        }
    }
    Ok(lines)
}

/// The lines of one device.
fn device(setup: &DeviceSetup, remark: impl Fn(usize) -> Option<String>) -> Result<Vec<String>, WriteError> {
    let mut lines = Vec::new();
    for (line, field) in fields(setup)?.iter().enumerate() {
        let mark = if line == 0 { "- " } else { "  " };
        lines.push(format!("{mark}{field}"));
    }
    if matches!(setup.device.kind(), DeviceKind::Plugin(..)) && !setup.assets.is_empty() {
        lines.push("  files:".to_owned());
        for (role, asset) in &setup.assets {
            if let Asset::File(path) = asset {
                lines.extend(entry(role, &scalar(written(path)?)));
            }
        }
    }
    if !setup.params.is_empty() {
        lines.push("  params:".to_owned());
    }
    for (index, setting) in setup.params.iter().enumerate() {
        let value = match &setting.value {
            Value::Number(value) => finite(&setting.parameter, *value)?,
            // Always quoted: as a plain scalar "5" would be a number.
            Value::Text(text) => quoted(text),
        };
        let remark = remark(index).map_or(String::new(), |remark| comment(&remark));
        lines.extend(entry(&setting.parameter, &format!("{value}{remark}")));
    }
    Ok(lines)
}

/// The lines of a field below another.
fn entry(name: &str, value: &str) -> Vec<String> {
    match key(name) {
        Key::Short(key) => vec![format!("    {key}{value}")],
        Key::Long(key) => vec![format!("    ? {key}"), format!("    : {value}")],
    }
}

fn finite(what: &str, value: f64) -> Result<String, WriteError> {
    match value.is_finite() {
        true => Ok(decimal(value)),
        false => Err(WriteError::NotFinite { parameter: what.to_owned(), value }),
    }
}

/// The fields of a device but its parameters, the one that names it first.
fn fields(setup: &DeviceSetup) -> Result<Vec<String>, WriteError> {
    let mut fields = Vec::new();
    fn put(fields: &mut Vec<String>, name: &str, value: &str) {
        fields.push(format!("{name}: {}", scalar(value)));
    }
    match setup.device.kind() {
        DeviceKind::Builtin(name) => put(&mut fields, "builtin", named("device", name)?),
        DeviceKind::Plugin(format, PluginFile { plugin, id }) => {
            put(&mut fields, format.word(), named("plugin", plugin)?);
            if let Some(id) = id {
                put(&mut fields, "id", named("id", id)?);
            }
        }
    }
    if setup.channels != ChannelPolicy::Error {
        let word = POLICIES.iter().find(|(_, policy)| *policy == setup.channels);
        put(&mut fields, "channels", word.expect("every policy has a word").0);
    }
    if setup.mode != ProcessMode::default() {
        let word = MODES.iter().find(|(_, mode)| *mode == setup.mode);
        put(&mut fields, "mode", word.expect("every mode has a word").0);
    }
    if let Some(latency) = setup.latency {
        fields.push(format!("latency: {latency}"));
    }
    if let Some(Sidechain { from, gain_db, pre_fader, input }) = &setup.sidechain {
        let at = if *pre_fader { "pre" } else { "post" };
        let (from, gain) = (scalar(from), decimal(*gain_db));
        fields.push(format!("sidechain: {{ from: {from}, gain: {gain}, at: {at}, input: {input} }}"));
    }
    let is_builtin = matches!(setup.device.kind(), DeviceKind::Builtin(_));
    for (role, asset) in setup.assets.iter().filter(|_| is_builtin) {
        match asset {
            Asset::Embedded(name) => put(&mut fields, role, &format!("embedded:{name}")),
            // So that it is not taken for one that is part of the program.
            Asset::File(path) if written(path)?.starts_with("embedded:") => {
                put(&mut fields, role, &format!("./{}", written(path)?));
            }
            Asset::File(path) => put(&mut fields, role, written(path)?),
        }
    }
    for (name, path) in [("state", &setup.state), ("preset", &setup.preset)] {
        if let Some(path) = path {
            put(&mut fields, name, written(path)?);
        }
    }
    Ok(fields)
}

fn named<'a>(what: &'static str, name: &'a str) -> Result<&'a str, WriteError> {
    if name.is_empty() { Err(WriteError::NoName(what)) } else { Ok(name) }
}

fn written(path: &Path) -> Result<&str, WriteError> {
    path.to_str().ok_or_else(|| WriteError::Path(path.to_owned()))
}

/// The shorter of a number's two ways, both of which read back to every bit of it.
fn decimal(value: f64) -> String {
    let plain = value.to_string();
    let scientific = format!("{value:e}");
    if plain.len() <= scientific.len().max(21) { plain } else { scientific }
}

/// Longest name that stands before a colon as it is: YAML allows 1024 characters there, escapes included.
const LONGEST_KEY: usize = 1000;

enum Key {
    /// With the colon behind it.
    Short(String),
    /// One that needs a line of its own.
    Long(String),
}

fn key(name: &str) -> Key {
    match scalar(name) {
        key if key.chars().count() <= LONGEST_KEY => Key::Short(format!("{key}: ")),
        key => Key::Long(key),
    }
}

/// A text as YAML: bare where nobody could take it for anything else.
fn scalar(text: &str) -> String {
    let inner = |c: char| c.is_ascii_alphanumeric() || " _-./()%+".contains(c);
    let word = text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.chars().all(inner) && !text.ends_with(' ');
    let meant = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    if word && !meant.iter().any(|meant| text.eq_ignore_ascii_case(meant)) { text.to_owned() } else { quoted(text) }
}

fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            c if is_invisible(c) => quoted.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// A comment behind a value, on the same line whatever the text holds; nothing for an empty text.
fn comment(text: &str) -> String {
    let visible: String = text.chars().map(|c| if is_invisible(c) { ' ' } else { c }).collect();
    match visible.trim() {
        "" => String::new(),
        text => format!("  # {text}"),
    }
}

/// Characters that YAML does not take as they are, or that end a line for some readers.
fn is_invisible(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::PluginFormat;
    use crate::Setting;
    use crate::document::{Collector, Document};
    use crate::spec::bare;

    fn read(text: &str) -> Result<Preset, String> {
        let collector = Collector::new();
        let document = Document::parse("written.yaml", text, &collector);
        let preset = document.and_then(|d| super::super::decode(&d.root, Path::new("written.yaml"), &collector));
        let forget = |preset: super::super::PlacedPreset| {
            let chain = super::super::links(preset.chain);
            Preset { name: preset.name, chain }
        };
        collector.finish(preset).map(forget).map_err(|mistakes| mistakes.to_string())
    }

    fn clap(plugin: &str) -> DeviceSetup {
        bare(PluginFormat::Clap.device(PluginFile { plugin: plugin.to_owned(), id: None }))
    }

    /// A chain of these devices, each within as many branches of its own as there are levels up to the first missing.
    fn forked(devices: Vec<DeviceSetup>, forks: &[Option<f64>]) -> Vec<Link> {
        let fork = |link: Link| {
            forks.iter().map_while(|gain| *gain).fold(link, |link, gain| {
                let beside = Branch { gain: -gain, chain: Vec::new() };
                Link::Parallel { parallel: vec![beside, Branch { gain, chain: vec![link] }] }
            })
        };
        devices.into_iter().map(|setup| fork(Link::from(setup))).collect()
    }

    /// Texts with everything that means something to YAML.
    fn texts() -> impl Strategy<Value = String> {
        let bits = "([\\PC]|[ \t\r\n\u{0}\u{7}\u{85}\u{a0}\u{2028}\u{feff}\u{ffff}\"'#:,&*!|>@`%?\\\\-]|: | #|true|null|~|<<|5|\\{|\\}|\\[|\\]){0,12}";
        prop_oneof![bits, Just(String::new()), "[a-z ]{0,40}", "[\u{e4}\"\n ]{1000,1100}", "a{990,1010}"]
    }

    #[test]
    fn whatever_is_written_reads_as_the_same_preset() {
        let value = prop_oneof![
            prop::num::f64::ANY.prop_filter("finite", |v| v.is_finite()).prop_map(Value::Number),
            (-9999i32..9999).prop_map(|n| Value::Number(f64::from(n) / 100.0)),
            texts().prop_map(Value::Text),
        ];
        let params = prop::collection::btree_map(texts(), (value, texts()), 0..6);
        let some = || texts().prop_filter("named", |text| !text.is_empty());
        let path = || prop::option::of(some().prop_map(PathBuf::from));
        let kind = (0..PluginFormat::ALL.len(), 0..MODES.len());
        let device = (kind, some(), prop::option::of(some()), path(), path(), 0..POLICIES.len(), params);
        let forks = prop::collection::vec(prop::option::of(-4.0..4.0f64), 3);
        proptest!(|(name in some(), devices in prop::collection::vec(device, 0..3), forks in forks)| {
            let mut remarks = Vec::new();
            let chain = devices.into_iter().map(|((format, mode), plugin, id, state, preset, policy, params)| {
                let mut setup = bare(PluginFormat::ALL[format].device(PluginFile { plugin, id }));
                setup.mode = MODES[mode].1;
                (setup.state, setup.preset, setup.channels) = (state, preset, POLICIES[policy].1);
                remarks.push(params.values().map(|(_, remark)| remark.clone()).collect::<Vec<_>>());
                let setting = |(parameter, (value, _))| Setting { parameter, value };
                setup.params = params.into_iter().map(setting).collect();
                setup
            });
            let chain: Vec<DeviceSetup> = chain.collect();
            let preset = Preset { chain: forked(chain, &forks), name };
            let text = yaml(&preset, |device, setting| Some(remarks[device][setting].clone())).unwrap();
            let back = read(&text).unwrap_or_else(|mistakes| panic!("{mistakes}\n{text}"));
            let bits = |preset: &Preset| -> Vec<u64> {
                let values = crate::devices(&preset.chain).into_iter().flat_map(|d| &d.params).map(|s| s.value.clone());
                values.map(|v| match v { Value::Number(n) => n.to_bits(), Value::Text(_) => 0 }).collect()
            };
            prop_assert_eq!(bits(&back), bits(&preset));
            prop_assert_eq!(back, preset, "{}", text);
        });
    }

    #[test]
    fn a_preset_is_written_as_people_write_it() {
        let mut setup = clap("ZamTube.clap");
        setup.channels = ChannelPolicy::DualMono;
        setup.state = Some("warm.state".into());
        setup.params = [("Tube Drive", 5.0), ("#7", -0.25), ("On", 1e300)]
            .map(|(name, value)| Setting { parameter: name.to_owned(), value: Value::Number(value) })
            .into();
        let preset = Preset { name: "Warm: 5\"".into(), chain: vec![setup.into()] };
        let remark = |_, setting| (setting == 0).then(|| "5.0\n#1 ".to_owned());
        let text = "tonemill: 1\nname: \"Warm: 5\\\"\"\nchain:\n  - clap: ZamTube.clap\n    channels: dual_mono\n    \
                    state: warm.state\n    params:\n      Tube Drive: 5  # 5.0 #1\n      \"#7\": -0.25\n      \"On\": 1e300\n";
        assert_eq!(yaml(&preset, remark).unwrap(), text);
    }

    #[test]
    fn files_of_a_built_in_are_written_beside_it() {
        let mut setup = crate::spec::parse("builtin:cabinet@ir=embedded:cabinet-4x12,Level=-3", Path::new("")).unwrap();
        let preset = |setup: &DeviceSetup| Preset { name: "c".into(), chain: vec![setup.clone().into()] };
        assert_eq!(read(&yaml(&preset(&setup), |_, _| None).unwrap()).unwrap(), preset(&setup));
        setup.assets.insert("ir".into(), Asset::File("embedded:x".into()));
        let back = read(&yaml(&preset(&setup), |_, _| None).unwrap()).unwrap();
        assert_eq!(crate::devices(&back.chain)[0].assets["ir"], Asset::File("./embedded:x".into()));
    }

    #[test]
    fn what_no_file_can_hold_is_refused() {
        let mut setup = clap("a.clap");
        setup.params.push(Setting { parameter: "Drive".into(), value: Value::Number(f64::NAN) });
        let refused = |name: &str, setup: &DeviceSetup| {
            yaml(&Preset { name: name.into(), chain: vec![setup.clone().into()] }, |_, _| None).unwrap_err().to_string()
        };
        assert_eq!(refused("x", &setup), "Drive is NaN, which no preset can hold");
        assert_eq!(refused("", &setup), "the preset has no name");
        assert_eq!(refused("x", &clap("")), "the plugin has no name");
    }

    #[cfg(unix)]
    #[test]
    fn a_file_name_that_is_no_text_is_refused() {
        use std::os::unix::ffi::OsStrExt;
        let mut setup = clap("a.clap");
        setup.state = Some(std::ffi::OsStr::from_bytes(b"st\xffte").into());
        let refused = yaml(&Preset { name: "x".into(), chain: vec![setup.into()] }, |_, _| None);
        assert!(matches!(refused, Err(WriteError::Path(_))), "{refused:?}");
    }
}
