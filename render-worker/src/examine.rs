//! Answering what devices are.

use std::io;
use std::path::Path;

use audio::Device;
use audio::device::Setup;
use jobs::message::{Examination, ExaminedParameter, Failure, FromWorker, Phase};
use jobs::task::AudioSettings;
use presets::{DeviceSetup, PluginFormat};

use crate::configure;
use crate::report::Reporter;

/// Brings one device to life, applies its settings, activates it once, and tells all about it.
pub(crate) fn examine(
    setup: &DeviceSetup,
    audio: AudioSettings,
    signal: Option<usize>,
    reporter: &mut Reporter,
) -> io::Result<()> {
    let Some((device, examination)) = look(setup, audio, signal, reporter)? else { return Ok(()) };
    reporter.phase(Phase::Destroy, Some(&examination.info.name))?;
    drop(device);
    reporter.send(&FromWorker::Examined(Box::new(examination)))
}

/// The device itself and what there is to tell about it. `None` where it cannot be brought to life, which is then told
/// already.
pub(crate) fn look(
    setup: &DeviceSetup,
    audio: AudioSettings,
    signal: Option<usize>,
    reporter: &mut Reporter,
) -> io::Result<Option<(Box<dyn Device>, Examination)>> {
    let label = setup.device.label();
    reporter.phase(Phase::Load, Some(&label))?;
    let mut device = match configure::create(setup) {
        Ok(device) => device,
        Err(error) => return refuse(reporter, Phase::Load, &label, &error.to_string()).map(|()| None),
    };
    let name = device.info().name.clone();
    reporter.phase(Phase::Configure, Some(&name))?;
    let mut problems = Vec::new();
    if let Err(error) = configure::restore(device.as_mut(), setup) {
        problems.push(error.to_string());
    }
    let settable = configure::Settable::of(device.as_ref());
    let mut settings = Vec::with_capacity(setup.params.len());
    for setting in &setup.params {
        let resolved = configure::resolve(device.as_ref(), &settable, setting);
        if let Ok(resolved) = &resolved
            && let Err(error) = configure::apply(device.as_mut(), resolved)
        {
            problems.push(error.to_string());
        }
        settings.push(resolved);
    }
    if let Some(signal) = signal {
        let request = jobs::channels::request(signal, setup.channels);
        device.request_channels(request.inputs, request.outputs);
    }
    reporter.phase(Phase::Activate, Some(&name))?;
    let (mut latency, mut remarks) = (0, Vec::new());
    let conditions = Setup { sample_rate: audio.sample_rate, max_block: audio.block_size as usize };
    match device.activate(conditions) {
        Ok(processor) => {
            (latency, remarks) = (device.latency(), device.remarks());
            problems.extend(mix::plausible_latency(latency, conditions).err().map(|error| error.to_string()));
            device.pump();
            device.deactivate(processor);
        }
        Err(error) => problems.push(error.to_string()),
    }
    let parameters = examined(device.as_ref(), device.parameters());
    let info = device.info().clone();
    let (ports, files) = (device.ports(), device.file_roles());
    let (texts, referenced) = (device.texts(), device.referenced_files());
    let about = device.about();
    let examination =
        Examination { info, ports, parameters, latency, settings, problems, files, texts, referenced, about, remarks };
    Ok(Some((device, examination)))
}

fn examined(device: &dyn Device, parameters: Vec<audio::device::Parameter>) -> Vec<ExaminedParameter> {
    let one = |parameter: audio::device::Parameter| {
        // Meters may be at minus infinity, which no message can say.
        let value = device.value(parameter.id).ok().filter(|value| value.is_finite()).unwrap_or(parameter.default);
        let text = |value| device.text(parameter.id, value);
        ExaminedParameter {
            value,
            text: text(value),
            minimum_text: text(parameter.minimum),
            maximum_text: text(parameter.maximum),
            parameter,
        }
    };
    parameters.into_iter().map(one).collect()
}

/// Lists the plugins of a file.
pub(crate) fn list(format: PluginFormat, path: &Path, reporter: &mut Reporter) -> io::Result<()> {
    let label = path.display().to_string();
    reporter.phase(Phase::Load, Some(&label))?;
    match configure::list(format, path) {
        Ok(plugins) => reporter.send(&FromWorker::Listed { plugins }),
        Err(error) => refuse(reporter, Phase::Load, &label, &error.to_string()),
    }
}

/// Reads the presets of LV2 plugins in a file.
pub(crate) fn read_presets(path: &Path, reporter: &mut Reporter) -> io::Result<()> {
    let label = path.display().to_string();
    reporter.phase(Phase::Load, Some(&label))?;
    match host::lv2::presets(path) {
        Ok(presets) => reporter.send(&FromWorker::Presets { presets }),
        Err(error) => refuse(reporter, Phase::Load, &label, &error.to_string()),
    }
}

/// Lists the built-in devices.
pub(crate) fn list_builtin(reporter: &mut Reporter) -> io::Result<()> {
    reporter.send(&FromWorker::Listed { plugins: crate::builtin() })
}

/// Says that a request fails at a device, and that no further attempt can cure that.
pub(crate) fn refuse(reporter: &mut Reporter, phase: Phase, device: &str, reason: &str) -> io::Result<()> {
    reporter.send(&FromWorker::Failed(Failure {
        phase,
        device: Some(device.to_owned()),
        at_seconds: None,
        reason: reason.to_owned(),
        retry: false,
        stop_run: false,
    }))
}
