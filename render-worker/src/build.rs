//! Preset chains onto the graph.

use std::collections::BTreeSet;

use audio::device::{BusInfo, DeviceError, Setup};
use jobs::channels::{self, Adaptation, Request};
use jobs::manifest::DeviceRecord;
use jobs::message::{Failure, Phase, ResolvedSetting, SettingProblem};
use jobs::task::AudioSettings;
use mix::{Chain, Slot, StripId, Watch};
use presets::DeviceSetup;
use score::TempoMap;

use crate::configure;
use crate::report::Reporter;
use crate::warm::Warm;

/// Why something could not be built: the task is at fault, or the farm is gone.
#[derive(Debug)]
pub(crate) enum BuildError {
    Task(Failure),
    Farm(std::io::Error),
}

impl From<std::io::Error> for BuildError {
    fn from(error: std::io::Error) -> BuildError {
        BuildError::Farm(error)
    }
}

/// A failure of the task that no further attempt can cure.
pub(crate) fn refusal(phase: Phase, device: Option<&str>, reason: impl std::fmt::Display) -> BuildError {
    BuildError::Task(Failure {
        phase,
        device: device.map(str::to_owned),
        at_seconds: None,
        reason: reason.to_string(),
        retry: false,
        stop_run: false,
    })
}

/// What chains leave behind for the manifest.
#[derive(Default)]
pub(crate) struct Built {
    pub(crate) devices: Vec<DeviceRecord>,
    pub(crate) warnings: Vec<String>,
    /// Channels of each output bus of the last instrument, the first one too.
    pub(crate) outputs: Vec<usize>,
    /// Output busses beside the first that other tracks play, of the instrument that is built next.
    pub(crate) heard_outputs: BTreeSet<usize>,
}

/// What the devices of a task come to life under.
pub(crate) struct Conditions<'a> {
    pub(crate) audio: AudioSettings,
    /// Devices that an attempt before this one found unsettled: strip and place in the chain.
    pub(crate) unsettled: &'a BTreeSet<(StripId, usize)>,
    /// Devices of tasks before.
    pub(crate) warm: &'a mut Warm,
}

impl Conditions<'_> {
    pub(crate) fn setup(&self) -> Setup {
        Setup { sample_rate: self.audio.sample_rate, max_block: self.audio.block_size as usize }
    }
}

/// What every chain of a task is built with.
pub(crate) struct Builder<'a> {
    pub(crate) conditions: Conditions<'a>,
    pub(crate) tempo: &'a TempoMap,
    pub(crate) built: Built,
}

/// Brings a chain to life: every device loaded, configured, fitted to the signal, activated and settled. `channels`
/// enter it; an instrument's chain gets 0 and its first device takes notes.
pub(crate) fn chain(
    strip: StripId,
    place: &str,
    setups: &[&DeviceSetup],
    mut channels: usize,
    builder: &mut Builder,
    reporter: &mut Reporter,
) -> Result<Chain, BuildError> {
    let mut slots = Vec::with_capacity(setups.len());
    for (index, device) in setups.iter().enumerate() {
        let notes = index == 0 && channels == 0;
        let slot = slot((strip, index), place, device, channels, notes, builder, reporter)?;
        channels = slot.out_channels();
        slots.push(slot);
    }
    Ok(Chain::new(slots))
}

fn slot(
    at: (StripId, usize),
    place: &str,
    device_setup: &DeviceSetup,
    channels: usize,
    notes: bool,
    builder: &mut Builder,
    reporter: &mut Reporter,
) -> Result<Slot, BuildError> {
    let label = device_setup.device.label();
    let rehearsed = builder.conditions.unsettled.contains(&at);
    let policy = device_setup.channels;
    let request = channels::request(channels, policy);
    // What is not played as a probe plays it is not what the probe has found safe to use again.
    let may_be_warm = !rehearsed && device_setup.sidechain.is_none();
    let one = instance(device_setup, request, may_be_warm, &mut builder.conditions, reporter)?;
    let Instance { mut device, settings, mut keep } = one;
    let name = device.info().name.clone();
    let mut instances = 1;
    let mut adaptation = Adaptation::AsIs;
    if notes && !channels::may_begin(&device.ports()) {
        return Err(refusal(
            Phase::Configure,
            Some(&name),
            format!("{label} takes no notes, so it cannot play track {place}; put an instrument first in its chain"),
        ));
    }
    if notes && !device.ports().note_input {
        builder.built.warnings.push(format!("{place}: {name}: it takes no notes, and sounds by itself"));
    }
    let ports = device.ports();
    let step = channels::plan_step(channels, ports.main_inputs(), ports.main_outputs(), policy)
        .map_err(|error| refusal(Phase::Configure, Some(&name), error))?;
    if !notes {
        adaptation = step.adaptation;
        let words = match adaptation {
            Adaptation::AsIs => None,
            Adaptation::Duplicate => Some("the mono signal feeds every channel of its input"),
            Adaptation::DualMono => Some("each channel is played apart"),
            Adaptation::Downmix => Some("the channels' mean feeds its mono input"),
        };
        builder.built.warnings.extend(words.map(|words| format!("{place}: {name}: {words}")));
        if adaptation == Adaptation::DualMono {
            // What comes out is the same, so that the words above hold.
            if channels == 2 && device.play_apart() {
                adaptation = Adaptation::AsIs;
                keep = false;
            } else {
                instances = channels;
            }
        }
    }
    if notes {
        builder.built.outputs = ports.outputs.iter().map(|bus| bus.channels).collect();
        let others: Vec<&BusInfo> = ports
            .outputs
            .iter()
            .enumerate()
            .skip(1)
            .filter(|(bus, _)| !builder.built.heard_outputs.contains(bus))
            .map(|(_, info)| info)
            .collect();
        builder.built.warnings.extend(unheard(&others).map(|words| format!("{place}: {name}: {words}")));
    }
    let key = device_setup.sidechain.as_ref().map(|sidechain| sidechain.input);
    if let Some(input) = key {
        if input >= ports.inputs.len() {
            return Err(refusal(Phase::Configure, Some(&name), format!("it has no sidechain input {input}")));
        }
        device.use_input(input, true);
    }
    let info = device.info().clone();
    let mut devices = vec![device];
    while devices.len() < instances {
        let mut other = instance(device_setup, request, may_be_warm, &mut builder.conditions, reporter)?;
        if let Some(input) = key {
            other.device.use_input(input, true);
        }
        devices.push(other.device);
    }
    if keep {
        builder.conditions.warm.lend(at, device_setup, builder.conditions.audio, request, &settings);
    }
    reporter.phase(Phase::Activate, Some(&name))?;
    let in_channels = if notes { 0 } else { channels };
    let mut slot = Slot::activate(name.clone(), devices, adaptation, in_channels, builder.conditions.setup())
        .map_err(|error| refusal(Phase::Activate, Some(&name), error))?;
    if rehearsed {
        reporter.phase(Phase::Process, Some(&name))?;
        reporter.entering(&name, 0);
        slot.rehearse(builder.tempo).map_err(|error| refusal(Phase::Process, Some(&name), error))?;
    }
    let latency = slot.latency();
    let taken = device_setup.latency.filter(|taken| *taken != latency);
    if let Some(taken) = taken {
        slot.set_latency(taken);
    }
    let mode = device_setup.mode;
    let (place, mut remarks) = (place.to_owned(), slot.remarks());
    remarks.extend(taken.map(|taken| {
        format!("{taken} frames are removed for its latency, as its preset asks, not those that it reports")
    }));
    if rehearsed {
        remarks.push("rehearsed over silence: it is settled only once it has played".to_owned());
    }
    builder.built.devices.push(DeviceRecord { place, info, mode, latency, settings, remarks, verdict: None });
    Ok(slot)
}

/// A device that is about to be activated.
struct Instance {
    device: Box<dyn audio::Device>,
    settings: Vec<ResolvedSetting>,
    /// It is as a probe would play it, so that it may be kept after the task if a verdict says so.
    keep: bool,
}

/// One instance that was asked for its channels: one that is kept of a task before where there is one and it may be, else a
/// fresh one.
fn instance(
    setup: &DeviceSetup,
    request: Request,
    may_be_warm: bool,
    conditions: &mut Conditions<'_>,
    reporter: &mut Reporter,
) -> Result<Instance, BuildError> {
    if may_be_warm && let Some((device, settings)) = conditions.warm.take(setup, conditions.audio, request, reporter)? {
        return Ok(Instance { device, settings, keep: true });
    }
    let (mut device, settings) = configured(setup, reporter)?;
    let before = device.ports();
    let keep = device.request_channels(request.inputs, request.outputs) == before && may_be_warm;
    Ok(Instance { device, settings, keep })
}

/// Outputs of an instrument that no track takes.
fn unheard(others: &[&BusInfo]) -> Option<String> {
    const MOST_NAMED: usize = 6;
    let name = |bus: &&BusInfo| if bus.name.is_empty() { "one without a name".to_owned() } else { bus.name.clone() };
    let names: Vec<String> = others.iter().take(MOST_NAMED).map(name).collect();
    let more = if others.len() > MOST_NAMED { ", ..." } else { "" };
    (!names.is_empty()).then(|| format!("not all of its outputs are heard; not heard: {}{more}", names.join(", ")))
}

/// A device with its settings as it understood them.
pub(crate) type Configured = (Box<dyn audio::Device>, Vec<ResolvedSetting>);

/// One instance with its state, preset and parameters.
pub(crate) fn configured(setup: &DeviceSetup, reporter: &mut Reporter) -> Result<Configured, BuildError> {
    let label = setup.device.label();
    reporter.phase(Phase::Load, Some(&label))?;
    let mut device = configure::create(setup).map_err(|error| refusal(Phase::Load, Some(&label), error))?;
    let name = device.info().name.clone();
    let failed = |error: DeviceError| refusal(Phase::Configure, Some(&name), error);
    reporter.phase(Phase::Configure, Some(&name))?;
    configure::restore(device.as_mut(), setup).map_err(failed)?;
    let settable = (!setup.params.is_empty()).then(|| configure::Settable::of(device.as_ref()));
    let mut settings = Vec::with_capacity(setup.params.len());
    for setting in &setup.params {
        let settable = settable.as_ref().expect("there are settings");
        let resolved = configure::resolve(device.as_ref(), settable, setting)
            .map_err(|problem| refusal(Phase::Configure, Some(&name), describe(&setting.parameter, &problem)))?;
        configure::apply(device.as_mut(), &resolved).map_err(failed)?;
        settings.push(resolved);
    }
    Ok((device, settings))
}

/// A problem that the plan could not see, because the device died while it was examined.
fn describe(parameter: &str, problem: &SettingProblem) -> String {
    match problem {
        SettingProblem::Unknown { similar } if similar.is_empty() => format!("there is no parameter \"{parameter}\""),
        SettingProblem::Unknown { similar } => {
            format!("there is no parameter \"{parameter}\"; did you mean {}?", similar.join(", "))
        }
        SettingProblem::Ambiguous { ids } => {
            format!("several parameters are called \"{parameter}\"; name one by id: {ids:?}")
        }
        SettingProblem::ReadOnly => format!("the parameter \"{parameter}\" cannot be set"),
        SettingProblem::OutOfRange { minimum, maximum, .. } => {
            format!("the value of \"{parameter}\" is outside {minimum}..{maximum}")
        }
        SettingProblem::Unreadable { .. } => format!("the device cannot read the text given for \"{parameter}\""),
    }
}
