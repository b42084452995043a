//! A device in one line, for the command line: `builtin:NAME[@Param=value,...]`, `clap:PLUGIN[#ID][@Param=value,...]`,
//! and `vst3:` and `lv2:` likewise. A URI of an LV2 plugin is written whole, its `#` included. `nam:FILE[@...]` and
//! `rnn:FILE[@...]` are the built-in devices of those names with the model that they play.
//!
//! A backslash before `,`, `=`, `@`, `#` or another backslash takes that character as it is. Behind the `@`, `channels`,
//! `mode`, `state` and `preset` mean what they mean in a preset file, a built-in's file roles (`ir`, `soundfont`, `model`) name
//! files, as does `file.NAME` for a plugin's; a parameter with one of those names is reached by its id.
//!
//! ```
//! # use tonemill_presets as presets;
//! let setup = presets::spec::parse("builtin:gain@Gain=-6 dB", "".as_ref()).unwrap();
//! assert_eq!(presets::spec::display(&setup), "builtin:gain@Gain=-6 dB");
//! ```

use std::fmt::Write as _;
use std::path::Path;

use audio::device::ProcessMode;

use crate::builtin;
use crate::document::{Scalar, closest};
use crate::{Asset, ChannelPolicy, DeviceKind, DeviceSetup, DeviceSpec, PluginFile, PluginFormat, Setting, Value};

/// The formats that a specification may begin with.
pub const FORMATS: &[&str] = &["builtin", "clap", "vst3", "lv2", "nam", "rnn"];

/// Those among them that are built-in devices, named by the model that they play.
pub const MODEL_FORMATS: &[&str] = &["nam", "rnn"];

/// How devices are written, for messages.
pub(crate) const FORMS: &str = "builtin:NAME, clap:PLUGIN, vst3:PLUGIN, lv2:PLUGIN, nam:FILE or rnn:FILE";

/// What stands before a plugin's name for a file.
const FILE: &str = "file.";

/// The channel policies by the words that files use.
pub const POLICIES: &[(&str, ChannelPolicy)] = &[
    ("error", ChannelPolicy::Error),
    ("duplicate", ChannelPolicy::Duplicate),
    ("dual_mono", ChannelPolicy::DualMono),
    ("downmix", ChannelPolicy::Downmix),
];

/// The processing modes by the words that files use.
pub const MODES: &[(&str, ProcessMode)] = &[("offline", ProcessMode::Offline), ("realtime", ProcessMode::Realtime)];

/// Why a specification cannot be read. The command shows it behind the text itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// It does not begin with a format.
    #[error("\"{0}\" does not say what kind of device it is. Write {forms}", forms = FORMS)]
    NoFormat(String),
    /// Nothing stands behind the colon.
    #[error("\"{0}\" names no device. Write {forms}", forms = FORMS)]
    NoName(String),
    /// No built-in has that name.
    #[error("{0}")]
    NoBuiltin(String),
    /// A setting has no `=`.
    #[error("\"{0}\" sets nothing. Write Param=value, and a comma between two")]
    NoValue(String),
    /// A parameter is set twice.
    #[error("{0} is set twice. Remove one of the two")]
    Twice(String),
    /// The channel policy is not known.
    #[error("channels = {0} is not known. Write error, duplicate, dual_mono or downmix")]
    Policy(String),
    /// The processing mode is not known.
    #[error("mode = {0} is not known. Write offline or realtime")]
    Mode(String),
    /// A built-in device is given a processing mode.
    #[error("mode makes no difference to {0}: built-in devices render the same in each. Remove it")]
    BuiltinMode(String),
    /// An asset is named in a way that cannot be.
    #[error("{role} = {written} {problem}")]
    Asset {
        /// The role.
        role: String,
        /// What was written.
        written: String,
        /// What is wrong with it.
        problem: &'static str,
    },
}

/// Reads a specification. Paths of files start at `folder`; a plugin's name stays as written.
pub fn parse(text: &str, folder: &Path) -> Result<DeviceSetup, SpecError> {
    let (format, rest) = text.split_once(':').ok_or_else(|| SpecError::NoFormat(text.to_owned()))?;
    let (head, settings) = match split(rest, '@') {
        (head, Some(settings)) => (head, settings),
        (head, None) => (head, ""),
    };
    let named = |part: &str| match unescape(part) {
        name if name.trim().is_empty() => Err(SpecError::NoName(text.to_owned())),
        name => Ok(name),
    };
    let device = match (format, PluginFormat::from_word(format)) {
        (_, Some(format)) => {
            let (plugin, id) = match format.is_uri(&unescape(head)) {
                true => (head, None),
                false => split(head, '#'),
            };
            format.device(PluginFile { plugin: named(plugin)?, id: id.map(named).transpose()? })
        }
        ("builtin", _) => {
            let name = named(head)?;
            match builtin::builtin(&name) {
                Some(found) => DeviceSpec::Builtin { name: found.name.to_owned() },
                None => return Err(SpecError::NoBuiltin(no_builtin(&name))),
            }
        }
        (name, _) if MODEL_FORMATS.contains(&name) => DeviceSpec::Builtin { name: name.to_owned() },
        _ => return Err(SpecError::NoFormat(text.to_owned())),
    };
    let mut setup = bare(device);
    if MODEL_FORMATS.contains(&format) {
        let written = named(head)?;
        let found = asset(&written, folder).map_err(|problem| SpecError::Asset {
            role: format.to_owned(),
            written: written.clone(),
            problem,
        })?;
        setup.assets.insert(builtin::MODEL.to_owned(), found);
    }
    let mut rest = Some(settings).filter(|s| !s.is_empty());
    while let Some(some) = rest {
        let (one, more) = split(some, ',');
        set(&mut setup, one, folder)?;
        rest = more;
    }
    Ok(setup)
}

fn set(setup: &mut DeviceSetup, written: &str, folder: &Path) -> Result<(), SpecError> {
    let (name, Some(value)) = split(written, '=') else { return Err(SpecError::NoValue(unescape(written))) };
    let (name, value) = (unescape(name).trim().to_owned(), unescape(value).trim().to_owned());
    if name.is_empty() || value.is_empty() {
        return Err(SpecError::NoValue(unescape(written)));
    }
    let is_plugin = matches!(setup.device.kind(), DeviceKind::Plugin(..));
    let roles = match setup.device.kind() {
        DeviceKind::Builtin(name) => builtin::builtin(name).map_or(&[][..], |b| b.assets),
        DeviceKind::Plugin(..) => &[],
    };
    match name.as_str() {
        "state" => setup.state = Some(crate::url::join(folder, value)),
        "preset" => setup.preset = Some(crate::url::join(folder, value)),
        "channels" => {
            let policy = POLICIES.iter().find(|(word, _)| *word == value);
            setup.channels = policy.ok_or(SpecError::Policy(value))?.1;
        }
        "mode" => {
            if let DeviceKind::Builtin(name) = setup.device.kind() {
                return Err(SpecError::BuiltinMode(name.to_owned()));
            }
            let mode = MODES.iter().find(|(word, _)| *word == value);
            setup.mode = mode.ok_or(SpecError::Mode(value))?.1;
        }
        role if roles.contains(&role) => match asset(&value, folder) {
            Ok(_) if setup.assets.contains_key(role) => return Err(SpecError::Twice(name)),
            Ok(found) => drop(setup.assets.insert(name, found)),
            Err(problem) => return Err(SpecError::Asset { role: name, written: value, problem }),
        },
        name if is_plugin && name.strip_prefix(FILE).is_some_and(|role| !role.is_empty()) => {
            let role = name[FILE.len()..].to_owned();
            if setup.assets.insert(role, Asset::File(crate::url::join(folder, value))).is_some() {
                return Err(SpecError::Twice(name.to_owned()));
            }
        }
        _ if setup.params.iter().any(|s| s.parameter == name) => return Err(SpecError::Twice(name)),
        _ => {
            let scalar = Scalar { text: value, plain: true };
            let value = scalar.number().map_or(Value::Text(scalar.text), Value::Number);
            setup.params.push(Setting { parameter: name, value });
        }
    }
    Ok(())
}

/// Writes a device in one line, so that [`parse`] reads the same device again.
pub fn display(setup: &DeviceSetup) -> String {
    let model = setup.assets.get(builtin::MODEL);
    let mut text = match setup.device.kind() {
        DeviceKind::Builtin(name) if MODEL_FORMATS.contains(&name) && model.is_some() => {
            format!("{name}:{}", model.map_or_else(String::new, |model| escape(&written(model))))
        }
        DeviceKind::Builtin(name) => format!("builtin:{}", escape(name)),
        DeviceKind::Plugin(format, PluginFile { plugin, id }) => {
            let id = id.as_ref().map_or_else(String::new, |id| format!("#{}", escape(id)));
            // A URI stands as it is, so that it can be read and copied.
            let plugin = match (format.is_uri(plugin), id.is_empty()) {
                (true, true) => escape(plugin).replace("\\#", "#"),
                _ => escape(plugin),
            };
            format!("{}:{plugin}{id}", format.word())
        }
    };
    let is_plugin = matches!(setup.device.kind(), DeviceKind::Plugin(..));
    let mut parts = Vec::new();
    for (role, asset) in &setup.assets {
        let mark = if is_plugin { FILE } else { "" };
        // A neural device's model stands in front.
        if is_plugin || role != builtin::MODEL {
            parts.push((format!("{mark}{role}"), written(asset)));
        }
    }
    for (name, path) in [("state", &setup.state), ("preset", &setup.preset)] {
        parts.extend(path.as_ref().map(|p| (name.to_owned(), p.display().to_string())));
    }
    for setting in &setup.params {
        parts.push((
            setting.parameter.clone(),
            match &setting.value {
                Value::Number(number) => number.to_string(),
                Value::Text(text) => text.clone(),
            },
        ));
    }
    if setup.channels != ChannelPolicy::default() {
        let word = POLICIES.iter().find(|(_, p)| *p == setup.channels).map_or("", |(word, _)| word);
        parts.push(("channels".to_owned(), word.to_owned()));
    }
    if setup.mode != ProcessMode::default() {
        let word = MODES.iter().find(|(_, m)| *m == setup.mode).map_or("", |(word, _)| word);
        parts.push(("mode".to_owned(), word.to_owned()));
    }
    for (index, (name, value)) in parts.iter().enumerate() {
        let mark = if index == 0 { '@' } else { ',' };
        write!(text, "{mark}{}={}", escape(name), escape(value)).expect("a String takes all that is written");
    }
    text
}

/// A device with nothing set on it.
pub fn bare(device: DeviceSpec) -> DeviceSetup {
    DeviceSetup {
        device,
        params: Vec::new(),
        state: None,
        preset: None,
        assets: Default::default(),
        referenced: Vec::new(),
        channels: ChannelPolicy::default(),
        mode: ProcessMode::default(),
        sidechain: None,
        latency: None,
    }
}

/// An asset as [`asset`] reads it.
fn written(asset: &Asset) -> String {
    match asset {
        Asset::File(path) => path.display().to_string(),
        Asset::Embedded(name) => format!("embedded:{name}"),
    }
}

/// What an asset's name means: a file below `folder`, or `embedded:NAME`.
pub(crate) fn asset(written: &str, folder: &Path) -> Result<Asset, &'static str> {
    match written.strip_prefix("embedded:") {
        Some("") => Err("names nothing. Write embedded:NAME"),
        Some(name) => Ok(Asset::Embedded(name.to_owned())),
        None => Ok(Asset::File(crate::url::join(folder, written))),
    }
}

/// Words for a built-in that does not exist.
pub(crate) fn no_builtin(name: &str) -> String {
    let help = match closest(name, builtin::names()) {
        Some(close) => format!("Did you mean \"{close}\"?"),
        None => format!("There are {}.", builtin::names().collect::<Vec<_>>().join(", ")),
    };
    format!("there is no built-in device \"{name}\". {help}")
}

const SPECIAL: &[char] = &[',', '=', '@', '#', '\\'];

/// Splits at the first `mark` that no backslash stands before.
fn split(text: &str, mark: char) -> (&str, Option<&str>) {
    let mut escaped = false;
    for (index, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            // Only before a special character is it an escape: a path of Windows stays readable.
            '\\' => escaped = text[index + 1..].starts_with(SPECIAL),
            c if c == mark => return (&text[..index], Some(&text[index + c.len_utf8()..])),
            _ => {}
        }
    }
    (text, None)
}

fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match rest.peek() {
            Some(next) if c == '\\' && SPECIAL.contains(next) => plain.extend(rest.next()),
            _ => plain.push(c),
        }
    }
    plain
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if SPECIAL.contains(&c) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

#[cfg(test)]
mod tests;
