//! A plugin's audio and note ports as busses.

use audio::device::{BusInfo, Ports};
use clack_extensions::audio_ports::{AudioPortFlags, AudioPortInfoBuffer};
use clack_extensions::audio_ports_config::{AudioPortsConfigBuffer, MainPortInfo};
use clack_extensions::configurable_audio_ports::{AudioPortRequest, AudioPortRequestDetails};
use clack_extensions::note_ports::{NoteDialects, NotePortInfoBuffer};
use clack_host::plugin::{InactivePluginMainThreadHandle, PluginMainThreadHandle};

use super::extension::Extensions;

/// More of either is taken for a plugin's mistake.
const MOST_PORTS: u32 = 256;
const MOST_CHANNELS: u32 = 1024;

/// How a plugin's ports answer to the busses of [`Ports`].
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Layout {
    pub(super) ports: Ports,
    /// The port behind each input bus. Ports keep their order, but that a main port comes first.
    pub(super) inputs: Vec<usize>,
    /// The port behind each output bus.
    pub(super) outputs: Vec<usize>,
    /// Where notes go, if it takes any.
    pub(super) notes: Option<NoteInput>,
}

/// The note port that everything is sent to, and in which dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoteInput {
    pub(super) port: u16,
    /// Notes travel as CLAP note events; otherwise as MIDI.
    pub(super) clap_notes: bool,
    /// Controllers, bends and the like can travel as MIDI.
    pub(super) midi: bool,
}

/// Reads the ports as they are now. Fails with words if the plugin contradicts itself, since a wrong count would lead
/// it to write where nothing is.
pub(super) fn read(
    plugin: &PluginMainThreadHandle,
    extensions: &Extensions,
    instrument: bool,
) -> Result<Layout, String> {
    // An effect that forgot to say which port is its main one means the first. An instrument's unmarked input is a
    // side input.
    let (inputs, input_order) = read_busses(plugin, extensions, true, !instrument)?;
    let (outputs, output_order) = read_busses(plugin, extensions, false, true)?;
    let (notes, note_output) = read_notes(plugin, extensions);
    let ports = Ports { inputs, outputs, note_input: notes.is_some(), note_output };
    Ok(Layout { ports, inputs: input_order, outputs: output_order, notes })
}

fn read_busses(
    plugin: &PluginMainThreadHandle,
    extensions: &Extensions,
    is_input: bool,
    first_is_main: bool,
) -> Result<(Vec<BusInfo>, Vec<usize>), String> {
    let direction = if is_input { "input" } else { "output" };
    let Some(audio_ports) = &extensions.audio_ports else { return Ok(Default::default()) };
    let count = audio_ports.count(plugin, is_input);
    if count > MOST_PORTS {
        return Err(format!("it claims to have {count} audio {direction} ports"));
    }
    let mut busses = Vec::new();
    for index in 0..count {
        let mut buffer = AudioPortInfoBuffer::new();
        let info = audio_ports.get(plugin, index, is_input, &mut buffer);
        let info = info.ok_or_else(|| format!("it does not describe audio {direction} port {index} of {count}"))?;
        if info.channel_count > MOST_CHANNELS {
            return Err(format!("its audio {direction} port {index} claims to have {} channels", info.channel_count));
        }
        busses.push(BusInfo {
            name: String::from_utf8_lossy(info.name).into_owned(),
            channels: info.channel_count as usize,
            main: info.flags.contains(AudioPortFlags::IS_MAIN),
        });
    }
    let mut order: Vec<usize> = (0..busses.len()).collect();
    let marked = busses.iter().position(|bus| bus.main);
    let main = marked.or((first_is_main && !busses.is_empty()).then_some(0));
    for (index, bus) in busses.iter_mut().enumerate() {
        bus.main = main == Some(index);
    }
    if let Some(main) = main {
        // CLAP wants the main port first; a plugin that has it elsewhere is put in order.
        order[..=main].rotate_right(1);
        busses[..=main].rotate_right(1);
    }
    Ok((busses, order))
}

fn read_notes(plugin: &PluginMainThreadHandle, extensions: &Extensions) -> (Option<NoteInput>, bool) {
    let Some(note_ports) = &extensions.note_ports else { return (None, false) };
    let mut input = None;
    for index in 0..note_ports.count(plugin, true).min(MOST_PORTS) {
        let mut buffer = NotePortInfoBuffer::new();
        let Some(info) = note_ports.get(plugin, index, true, &mut buffer) else { continue };
        let clap_notes = info.supported_dialects.contains(NoteDialects::CLAP);
        let midi = info.supported_dialects.intersects(NoteDialects::MIDI | NoteDialects::MIDI_MPE);
        if clap_notes || midi {
            input = Some(NoteInput { port: index as u16, clap_notes, midi });
            break;
        }
    }
    (input, note_ports.count(plugin, false) > 0)
}

/// Asks for channel counts of the main ports, by whichever extension the plugin has. Whether it worked shows when the
/// ports are read again.
pub(super) fn request(
    plugin: &mut InactivePluginMainThreadHandle,
    extensions: &Extensions,
    layout: &Layout,
    inputs: Option<usize>,
    outputs: Option<usize>,
) {
    let ports = &layout.ports;
    let inputs = inputs.filter(|&count| ports.main_inputs() > 0 && count != ports.main_inputs());
    let outputs = outputs.filter(|&count| ports.main_outputs() > 0 && count != ports.main_outputs());
    if inputs.is_none() && outputs.is_none() {
        return;
    }
    if let Some(configurable) = &extensions.configurable_audio_ports {
        let mut requests = Vec::new();
        if let Some(count) = inputs {
            requests.push(AudioPortRequest::new(true, layout.inputs[0] as u32, details(count)));
        }
        if let Some(count) = outputs {
            requests.push(AudioPortRequest::new(false, layout.outputs[0] as u32, details(count)));
        }
        if configurable.can_apply_configuration(plugin, &requests)
            && configurable.apply_configuration(plugin, &requests)
        {
            return;
        }
    }
    if let Some(configs) = &extensions.audio_ports_config {
        let channels = |main: Option<MainPortInfo>| main.map_or(0, |main| main.channel_count as usize);
        let wanted_inputs = inputs.unwrap_or(ports.main_inputs());
        let wanted_outputs = outputs.unwrap_or(ports.main_outputs());
        for index in 0..configs.count(plugin).min(MOST_PORTS) {
            let mut buffer = AudioPortsConfigBuffer::new();
            let Some(config) = configs.get(plugin, index, &mut buffer) else { continue };
            let fits = channels(config.main_input) == wanted_inputs && channels(config.main_output) == wanted_outputs;
            // A configuration that is refused leaves the plugin as it was; the next that fits may be taken.
            if fits && configs.select(plugin, config.id).is_ok() {
                return;
            }
        }
    }
}

fn details(channels: usize) -> AudioPortRequestDetails<'static> {
    match channels {
        1 => AudioPortRequestDetails::mono(),
        2 => AudioPortRequestDetails::stereo(),
        other => AudioPortRequestDetails::untyped(u32::try_from(other).unwrap_or(u32::MAX)),
    }
}
