//! Settings onto devices.

use std::path::Path;

use audio::Device;
use audio::device::{DeviceError, DeviceInfo, Parameter, ParameterId, TextSetting};
use jobs::message::{ResolvedSetting, SettingProblem};
use presets::{Asset, DeviceKind, DeviceSetup, PluginFile, PluginFormat, Setting, Value};

/// Brings a device to life, in the mode that it is to process in and with nothing else set on it.
pub(crate) fn create(setup: &DeviceSetup) -> Result<Box<dyn Device>, DeviceError> {
    let mut device = match setup.device.kind() {
        DeviceKind::Builtin(name) => devices::create(name, &setup.assets)?,
        DeviceKind::Plugin(format, PluginFile { plugin, id }) => {
            let load = match format {
                PluginFormat::Clap => host::clap::load,
                PluginFormat::Vst3 => host::vst3::load,
                PluginFormat::Lv2 => host::lv2::load,
            };
            load(plugin.as_ref(), id.as_deref())?
        }
    };
    device.set_mode(setup.mode);
    Ok(device)
}

/// Lists the plugins in a file without making any.
pub(crate) fn list(format: PluginFormat, path: &Path) -> Result<Vec<DeviceInfo>, DeviceError> {
    match format {
        PluginFormat::Clap => host::clap::list(path),
        PluginFormat::Vst3 => host::vst3::list(path),
        PluginFormat::Lv2 => host::lv2::list(path),
    }
}

/// Loads the state, the device's own preset and a plugin's files, in this order.
pub(crate) fn restore(device: &mut dyn Device, setup: &DeviceSetup) -> Result<(), DeviceError> {
    if let Some(path) = &setup.state {
        let state = std::fs::read(path)
            .map_err(|error| DeviceError::Asset { path: path.display().to_string(), reason: error.to_string() })?;
        device.load_state(&state)?;
    }
    if let Some(path) = &setup.preset {
        device.load_preset(path)?;
    }
    // A built-in got its files when it was made. Those of a plugin replace what its state says.
    let DeviceKind::Plugin(..) = setup.device.kind() else { return Ok(()) };
    for (role, asset) in &setup.assets {
        match asset {
            Asset::File(path) => device.set_file(role, path)?,
            Asset::Embedded(name) => {
                let reason = format!("a plugin reads {role} from a file on disk alone");
                return Err(DeviceError::Asset { path: format!("embedded:{name}"), reason });
            }
        }
    }
    Ok(())
}

/// What can be set on a device.
pub(crate) struct Settable {
    parameters: Vec<Parameter>,
    texts: Vec<TextSetting>,
}

impl Settable {
    /// Asks the device for them.
    pub(crate) fn of(device: &dyn Device) -> Settable {
        Settable { parameters: device.parameters(), texts: device.texts() }
    }
}

/// Finds out what a setting means to a device: which parameter and which plain value, or which text.
pub(crate) fn resolve(
    device: &dyn Device,
    settable: &Settable,
    setting: &Setting,
) -> Result<ResolvedSetting, SettingProblem> {
    let parameters = settable.parameters.iter().map(Named::Parameter);
    let named: Vec<Named<'_>> = parameters.chain(settable.texts.iter().map(Named::Text)).collect();
    let parameter = match find(&named, &setting.parameter)? {
        Named::Text(TextSetting { read_only: true, .. }) => return Err(SettingProblem::ReadOnly),
        Named::Text(TextSetting { id, name, .. }) => {
            let value = match &setting.value {
                Value::Text(text) => text.clone(),
                Value::Number(number) => number.to_string(),
            };
            return Ok(ResolvedSetting { id: id.0, name: name.clone(), value: Value::Text(value), text: None });
        }
        Named::Parameter(parameter) => parameter,
    };
    if parameter.flags.read_only {
        return Err(SettingProblem::ReadOnly);
    }
    let id = parameter.id;
    let ends = [parameter.minimum, parameter.maximum].map(|value| device.text(id, value));
    let value = match &setting.value {
        Value::Number(number) => *number,
        Value::Text(text) => device
            .parse(id, text)
            .or_else(|| text.trim().parse().ok())
            .ok_or_else(|| SettingProblem::Unreadable { examples: ends.iter().flatten().cloned().collect() })?,
    };
    // Ranges come through single precision in many plugins, so that 0.1 may be a little more than their 0.1.
    let slack = 1e-6 * (parameter.maximum - parameter.minimum).abs();
    if !(parameter.minimum - slack..=parameter.maximum + slack).contains(&value) {
        let [low, high] = ends;
        return Err(SettingProblem::OutOfRange {
            minimum: parameter.minimum,
            maximum: parameter.maximum,
            range_text: low.zip(high),
        });
    }
    let value = value.clamp(parameter.minimum, parameter.maximum);
    let text = device.text(id, value);
    Ok(ResolvedSetting { id: id.0, name: parameter.name.clone(), value: Value::Number(value), text })
}

/// Applies a resolved setting.
pub(crate) fn apply(device: &mut dyn Device, setting: &ResolvedSetting) -> Result<(), DeviceError> {
    let id = ParameterId(setting.id);
    match &setting.value {
        Value::Number(value) => device.set_value(id, *value),
        Value::Text(text) => device.set_text(id, text),
    }
}

/// Something that can be set, by its name.
#[derive(Clone, Copy)]
enum Named<'a> {
    Parameter(&'a Parameter),
    Text(&'a TextSetting),
}

impl<'a> Named<'a> {
    fn id(self) -> ParameterId {
        match self {
            Named::Parameter(parameter) => parameter.id,
            Named::Text(text) => text.id,
        }
    }

    fn name(self) -> &'a str {
        match self {
            Named::Parameter(parameter) => &parameter.name,
            Named::Text(text) => &text.name,
        }
    }

    fn group(self) -> &'a str {
        match self {
            Named::Parameter(parameter) => &parameter.group,
            Named::Text(_) => "",
        }
    }

    /// Whether people set it.
    fn is_for_people(self) -> bool {
        match self {
            Named::Parameter(parameter) => !parameter.flags.hidden && !parameter.flags.read_only,
            Named::Text(text) => !text.read_only,
        }
    }
}

/// A parameter or text by `#ID`, by name as written, by name whatever its case and separators, or by an id in digits.
fn find<'a>(all: &[Named<'a>], wanted: &str) -> Result<Named<'a>, SettingProblem> {
    let by_id = |text: &str| {
        let id = text.parse().ok()?;
        all.iter().copied().find(|named| named.id() == ParameterId(id))
    };
    if let Some(named) = wanted.strip_prefix('#').and_then(by_id) {
        return Ok(named);
    }
    let plain = fold(wanted);
    let tests: [&dyn Fn(Named<'_>) -> bool; 3] = [&|n| n.name() == wanted, &|n| fold(n.name()) == plain, &|n| {
        !n.group().is_empty() && fold(&format!("{}/{}", n.group(), n.name())) == plain
    }];
    for test in tests {
        let mut matching = all.iter().copied().filter(|named| test(*named));
        match (matching.next(), matching.next()) {
            (Some(one), None) => return Ok(one),
            (None, _) => {}
            (Some(_), Some(_)) => {
                let ids = all.iter().filter(|named| test(**named)).map(|named| named.id().0).collect();
                return Err(SettingProblem::Ambiguous { ids });
            }
        }
    }
    by_id(wanted).ok_or_else(|| SettingProblem::Unknown { similar: similar(all, &plain) })
}

/// A name without case and separators, so that `high_cut` finds "High Cut".
fn fold(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, ' ' | '_' | '-')).flat_map(char::to_lowercase).collect()
}

/// The names closest to `wanted`, at most three.
fn similar(all: &[Named<'_>], wanted: &str) -> Vec<String> {
    let mut ranked: Vec<(f64, &str)> = all
        .iter()
        .filter(|named| named.is_for_people())
        .map(|named| {
            let name = fold(named.name());
            let contained = !wanted.is_empty() && (name.contains(wanted) || wanted.contains(&name));
            let likeness = strsim::jaro_winkler(&name, wanted);
            (if contained { likeness.max(0.9) } else { likeness }, named.name())
        })
        .filter(|(likeness, _)| *likeness > 0.7)
        .collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
    ranked.dedup_by(|a, b| a.1 == b.1);
    ranked.into_iter().take(3).map(|(_, name)| name.to_owned()).collect()
}
