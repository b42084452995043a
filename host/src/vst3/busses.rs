//! A plugin's busses and how many channels they have.

use audio::device::{BusInfo, Ports};
use vst3::ComPtr;
use vst3::Steinberg::Vst::SpeakerArr::*;
use vst3::Steinberg::Vst::*;
use vst3::Steinberg::*;

use super::text;

/// Most busses of a direction. A plugin that claims more has miscounted.
const MOST_BUSSES: i32 = 256;

/// A plugin's busses as they are now.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Layout {
    pub(super) ports: Ports,
    inputs: Vec<Bus>,
    outputs: Vec<Bus>,
    event_inputs: i32,
    event_outputs: i32,
    /// Channels of the first event input, at least 1.
    pub(super) event_channels: u8,
}

#[derive(Clone, Debug, PartialEq)]
struct Bus {
    arrangement: SpeakerArrangement,
    main: bool,
}

const INPUT: BusDirection = BusDirections_::kInput as BusDirection;
const OUTPUT: BusDirection = BusDirections_::kOutput as BusDirection;
const AUDIO: MediaType = MediaTypes_::kAudio as MediaType;
const EVENT: MediaType = MediaTypes_::kEvent as MediaType;

/// The two faces of a component that know its busses.
pub(super) struct Faces<'a> {
    pub(super) component: &'a ComPtr<IComponent>,
    pub(super) processor: &'a ComPtr<IAudioProcessor>,
}

impl Faces<'_> {
    /// Reads all busses. Fails where the plugin contradicts itself.
    pub(super) fn read(&self) -> Result<Layout, String> {
        let (inputs, input_busses) = self.direction(INPUT)?;
        let (outputs, output_busses) = self.direction(OUTPUT)?;
        let (event_inputs, event_outputs) = (self.count(EVENT, INPUT)?, self.count(EVENT, OUTPUT)?);
        let ports = Ports {
            inputs: input_busses,
            outputs: output_busses,
            note_input: event_inputs > 0,
            note_output: event_outputs > 0,
        };
        // DPF's plugins complain of being asked for a bus that they do not have.
        let event_channels = if event_inputs > 0 { self.event_channels() } else { 16 };
        Ok(Layout { ports, inputs, outputs, event_inputs, event_outputs, event_channels })
    }

    fn event_channels(&self) -> u8 {
        // SAFETY: this fills plain data of which every bit pattern is valid; the component is initialised.
        let info = unsafe {
            let mut info: vst3::Steinberg::Vst::BusInfo = std::mem::zeroed();
            (self.component.getBusInfo(EVENT, INPUT, 0, &mut info) == kResultOk).then_some(info)
        };
        info.map_or(16, |info| info.channelCount.clamp(1, 16) as u8)
    }

    fn count(&self, media: MediaType, direction: BusDirection) -> Result<i32, String> {
        // SAFETY: the component is initialised.
        let count = unsafe { self.component.getBusCount(media, direction) };
        if (0..=MOST_BUSSES).contains(&count) {
            Ok(count)
        } else {
            Err(format!("it claims to have {count} busses of one direction, which cannot be"))
        }
    }

    fn direction(&self, direction: BusDirection) -> Result<(Vec<Bus>, Vec<BusInfo>), String> {
        let (mut busses, mut infos) = (Vec::new(), Vec::new());
        for index in 0..self.count(AUDIO, direction)? {
            // SAFETY: this fills plain data of which every bit pattern is valid; the component is initialised.
            let (info, arrangement) = unsafe {
                let mut info: vst3::Steinberg::Vst::BusInfo = std::mem::zeroed();
                let told = self.component.getBusInfo(AUDIO, direction, index, &mut info);
                let mut arrangement = kEmpty;
                let arranged = self.processor.getBusArrangement(direction, index, &mut arrangement);
                ((told == kResultOk).then_some(info), (arranged == kResultOk).then_some(arrangement))
            };
            let info = info.ok_or_else(|| format!("it does not describe its audio bus {index}"))?;
            let claimed = usize::try_from(info.channelCount).unwrap_or(0).min(64);
            let arrangement = match arrangement {
                Some(known) if known != kEmpty || claimed == 0 => known,
                _ => candidates(claimed)[0],
            };
            let channels = arrangement.count_ones() as usize;
            let main = index == 0 && info.busType == BusTypes_::kMain as BusType && channels > 0;
            busses.push(Bus { arrangement, main });
            infos.push(BusInfo { name: text::from_utf16(&info.name), channels, main });
        }
        Ok((busses, infos))
    }

    /// Asks for arrangements. Whether the plugin took them, or adapted them, shows when the busses are read again.
    fn arrange(&self, inputs: &[Bus], outputs: &[Bus]) -> bool {
        let arrangements = |busses: &[Bus]| busses.iter().map(|bus| bus.arrangement).collect::<Vec<_>>();
        let (mut inputs, mut outputs) = (arrangements(inputs), arrangements(outputs));
        let (input_count, output_count) = (inputs.len() as i32, outputs.len() as i32);
        // Plugins want a pointer even to no arrangements.
        inputs.push(kEmpty);
        outputs.push(kEmpty);
        // SAFETY: the component is initialised and inactive; each pointer leads to as many arrangements as is said.
        let taken = unsafe {
            self.processor.setBusArrangements(inputs.as_mut_ptr(), input_count, outputs.as_mut_ptr(), output_count)
        };
        taken == kResultTrue
    }

    /// Says once more what the arrangements are, as plugins expect before they are set up. Call while inactive.
    pub(super) fn confirm(&self, layout: &Layout) {
        self.arrange(&layout.inputs, &layout.outputs);
    }

    /// Asks for channel counts of the main busses. Call while inactive.
    pub(super) fn request(&self, layout: &Layout, inputs: Option<usize>, outputs: Option<usize>) {
        let ports = &layout.ports;
        let inputs = inputs.filter(|&count| ports.main_inputs() > 0 && count != ports.main_inputs());
        let outputs = outputs.filter(|&count| ports.main_outputs() > 0 && count != ports.main_outputs());
        // What was asked for, and failing that the input alone: an effect may have a fixed number of outputs.
        let attempts = [(inputs, outputs), (inputs, None)];
        for (inputs, outputs) in attempts.into_iter().filter(|(i, o)| i.is_some() || o.is_some()) {
            let of = |count: Option<usize>| {
                count.map_or_else(|| vec![None], |n| candidates(n).into_iter().map(Some).collect())
            };
            let (input_ways, output_ways) = (of(inputs), of(outputs));
            for way in 0..input_ways.len().max(output_ways.len()) {
                let mut wanted = layout.clone();
                if let Some(arrangement) = input_ways[way.min(input_ways.len() - 1)] {
                    wanted.inputs[0].arrangement = arrangement;
                }
                if let Some(arrangement) = output_ways[way.min(output_ways.len() - 1)] {
                    wanted.outputs[0].arrangement = arrangement;
                }
                if self.arrange(&wanted.inputs, &wanted.outputs) {
                    return;
                }
                // Refused, or adapted to something near it. Adapted may be all that was wanted.
                let fits = |wanted: Option<usize>, got: usize| wanted.is_none_or(|wanted| wanted == got);
                let got = self.read().map(|layout| layout.ports);
                if got.is_ok_and(|got| fits(inputs, got.main_inputs()) && fits(outputs, got.main_outputs())) {
                    return;
                }
            }
        }
        // A plugin that was asked for what it cannot do may have been left half way.
        self.confirm(layout);
    }

    /// Switches the busses on or off: the main input and those that are `used`, all outputs, all event busses. A plugin
    /// may want another input on by itself, but one that listens to what is not connected hears silence, and mda's
    /// TalkBox then gives nothing else. Call while inactive.
    pub(super) fn activate(&self, layout: &Layout, used: &[usize]) {
        let set = |media, direction, index: usize, active: bool| {
            // A plugin that does not know the function has its busses always on.
            // SAFETY: the component is initialised and inactive; the bus exists.
            unsafe { self.component.activateBus(media, direction, index as i32, active.into()) };
        };
        for (index, bus) in layout.inputs.iter().enumerate() {
            set(AUDIO, INPUT, index, bus.main || used.contains(&index));
        }
        for index in 0..layout.outputs.len() {
            set(AUDIO, OUTPUT, index, true);
        }
        for index in 0..layout.event_inputs as usize {
            set(EVENT, INPUT, index, true);
        }
        for index in 0..layout.event_outputs as usize {
            set(EVENT, OUTPUT, index, true);
        }
    }
}

/// Arrangements of so many channels, the commonest first.
fn candidates(channels: usize) -> Vec<SpeakerArrangement> {
    match channels {
        0 => vec![kEmpty],
        1 => vec![kMono],
        2 => vec![kStereo],
        3 => vec![k30Cine, k30Music],
        4 => vec![k40Music, k40Cine, kAmbi1stOrderACN],
        5 => vec![k50],
        6 => vec![k51, k60Cine],
        7 => vec![k61Cine, k70Cine],
        8 => vec![k71Cine, k71Music, k80Cine],
        // The first so many speakers; hosts have no better name for them either.
        more => vec![u64::MAX >> (64 - more.min(64))],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_candidate_has_the_channels_that_it_is_for() {
        for channels in 0..=64 {
            for arrangement in candidates(channels) {
                assert_eq!(arrangement.count_ones() as usize, channels);
            }
        }
    }
}
