//! One place of a chain: a device, or one instance a channel, and what fits the signal to it.

use audio::device::{Adaptation, DeviceError, ProcessError, Setup, Tail};
use audio::{Block, Buffer, Device, Event, Transport};
use score::TempoMap;

use crate::active::Active;

/// What a device did between two blocks, where whoever plays it should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    /// In the opening it asked for a restart, or reports another latency than when it was activated. To restart it now
    /// would cost sound; to go on would leave it late. Begin again with fresh devices and [`rehearse`](Slot::rehearse).
    Unsettled,
    /// A sentence for the user.
    Told(String),
}

/// One place of a chain.
pub struct Slot {
    name: String,
    adaptation: Adaptation,
    instances: Vec<Active>,
    setup: Setup,
    produced: Vec<Event>,
    in_channels: usize,
    rehearsed: bool,
    /// Where somebody knows better than the devices.
    latency: Option<u64>,
}

impl Slot {
    /// Activates `devices` (one, or for [`Adaptation::DualMono`] one a channel of the signal) and lets them settle: a
    /// device that asks for a restart gets it, and one that is busy is pumped until it is ready. That has no limit of
    /// its own; whoever watches the process sets one. `in_channels` is 0 for instruments.
    ///
    /// `entering` is called with the device's name before each step that might not come back.
    pub fn activate(
        name: String,
        devices: Vec<Box<dyn Device>>,
        adaptation: Adaptation,
        in_channels: usize,
        setup: Setup,
    ) -> Result<Slot, DeviceError> {
        let mut instances = Vec::new();
        for device in devices {
            instances.push(Active::new(device, setup)?);
        }
        Ok(Slot {
            name,
            adaptation,
            instances,
            setup,
            produced: Vec::new(),
            in_channels,
            rehearsed: false,
            latency: None,
        })
    }

    /// Has the devices play a moment of silence and restarts them, so that they are as fresh, and know what they only
    /// learn while they play: the latency of a setting that reaches them with the first block, or one that they work
    /// out then. Not for every device, because in some the silence leaves traces.
    pub fn rehearse(&mut self, tempo: &TempoMap) -> Result<(), RehearsalError> {
        let frames = opening_frames(self.setup);
        for steady in (0..frames).step_by(self.setup.max_block) {
            self.play_silence(tempo, steady, frames)?;
            // What it asks for is granted at the end.
            for active in &mut self.instances {
                active.device.pump();
            }
        }
        for active in &mut self.instances {
            active.restart(self.setup)?;
            active.settle(self.setup)?;
        }
        self.rehearsed = true;
        Ok(())
    }

    /// Plays the block of silence that begins with frame `steady` of `before`, all of which come before the music.
    pub fn play_silence(&mut self, tempo: &TempoMap, steady: u64, before: u64) -> Result<(), ProcessError> {
        self.play_silence_and(&[], tempo, steady, before)
    }

    /// Likewise, with what is sent to the device in this block.
    pub(crate) fn play_silence_and(
        &mut self,
        events: &[Event],
        tempo: &TempoMap,
        steady: u64,
        before: u64,
    ) -> Result<(), ProcessError> {
        let mut transport = tempo.transport_at(steady as i64 - before as i64, self.setup.sample_rate);
        (transport.steady_frame, transport.playing) = (steady, false);
        self.process(&mut Buffer::new(self.in_channels, self.setup.max_block), events, &transport)
    }

    /// Waits until nothing goes on in the devices beside the calls to them.
    pub fn settle(&mut self) {
        self.instances.iter_mut().for_each(|active| active.device.settle());
    }

    /// The device's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Frames by which this slot delays: what [`set_latency`](Slot::set_latency) said, else what the devices report.
    pub fn latency(&self) -> u64 {
        self.latency.unwrap_or_else(|| self.reported_latency())
    }

    /// What the devices report, the latest of several instances.
    pub fn reported_latency(&self) -> u64 {
        self.instances.iter().map(|i| i.latency).max().unwrap_or(0)
    }

    /// Has the graph count on this latency, such as a measured one, whatever the devices report. They are still watched: one that
    /// reports another latency while it plays than before is told.
    pub fn set_latency(&mut self, frames: u64) {
        self.latency = Some(frames);
    }

    /// Channels of each audio input, the main one first.
    pub(crate) fn inputs(&self) -> impl ExactSizeIterator<Item = usize> {
        self.instances[0].inputs.iter().map(Buffer::channel_count)
    }

    /// Channels of each audio output, the main one first.
    pub(crate) fn outputs(&self) -> impl ExactSizeIterator<Item = usize> {
        self.instances[0].outputs.iter().map(Buffer::channel_count)
    }

    /// What output `bus` of the first instance gave for the last block, to take.
    pub(crate) fn output_mut(&mut self, bus: usize) -> &mut Buffer {
        &mut self.instances[0].outputs[bus]
    }

    /// What its device does to the sound that nobody sees from its parameters.
    pub fn remarks(&self) -> Vec<String> {
        self.instances[0].device.remarks()
    }

    /// Where its devices could not do what the music asked, a sentence each. What several instances have to say alike is
    /// said once.
    pub fn incidents(&self) -> Vec<String> {
        let mut incidents: Vec<String> = Vec::new();
        for processor in self.instances.iter().filter_map(|active| active.processor.as_ref()) {
            let new = processor.incidents().into_iter().filter(|words| !incidents.contains(words)).collect::<Vec<_>>();
            incidents.extend(new);
        }
        incidents
    }

    /// Channels that it gives.
    pub fn out_channels(&self) -> usize {
        match self.adaptation {
            Adaptation::DualMono => self.instances.len(),
            _ => self.instances[0].device.ports().main_outputs(),
        }
    }

    /// Processes `signal` in place; its channels become those that the slot gives. Inputs other than the main one are
    /// silent.
    pub fn process(
        &mut self,
        signal: &mut Buffer,
        events: &[Event],
        transport: &Transport,
    ) -> Result<(), ProcessError> {
        self.play(signal, &[], events, transport)?;
        if let (Some(main), false) = (self.instances[0].outputs.first(), self.adaptation == Adaptation::DualMono)
            && main.channel_count() != signal.channel_count()
        {
            *signal = Buffer::new(main.channel_count(), main.frames());
        }
        self.give(signal);
        Ok(())
    }

    /// Has the devices play to `signal`, whose samples may be gone afterwards, and to `keys`: what comes in on which
    /// other bus. [`give`](Slot::give) has what they gave.
    pub(crate) fn play(
        &mut self,
        signal: &mut Buffer,
        keys: &[(usize, &Buffer)],
        events: &[Event],
        transport: &Transport,
    ) -> Result<(), ProcessError> {
        let frames = signal.frames();
        let Slot { instances, adaptation, produced, in_channels, .. } = self;
        for (index, active) in instances.iter_mut().enumerate() {
            for (bus, buffer) in active.inputs.iter_mut().enumerate().skip(1) {
                buffer.resize(frames);
                match keys.iter().find(|(to, _)| *to == bus) {
                    Some((_, key)) => copy(key, buffer),
                    None => buffer.clear(),
                }
            }
            active.outputs.iter_mut().for_each(|buffer| buffer.resize(frames));
            if let Some(main) = active.inputs.first_mut() {
                if *in_channels == 0 {
                    main.resize(frames);
                    main.clear();
                } else if *adaptation == Adaptation::AsIs
                    && main.channel_count() == signal.channel_count()
                    && !active.outputs.is_empty()
                {
                    // The signal is about to be overwritten: it changes places with the device's buffer, so that no
                    // sample is copied.
                    std::mem::swap(signal, main);
                } else {
                    main.resize(frames);
                    fit(signal, index, *adaptation, main);
                }
            }
            produced.clear();
            let processor = active.processor.as_mut().expect("an active device has its processor");
            processor.process(&mut Block {
                frames,
                inputs: &mut active.inputs,
                outputs: &mut active.outputs,
                events,
                produced,
                transport,
            })?;
        }
        Ok(())
    }

    /// Hands out what came out of [`play`](Slot::play): `out`, of the slot's channels, changes places with the device's
    /// buffer. A device without outputs leaves it as it was.
    pub(crate) fn give(&mut self, out: &mut Buffer) {
        if self.adaptation == Adaptation::DualMono {
            for (index, active) in self.instances.iter().enumerate() {
                out.channel_mut(index).copy_from_slice(active.outputs[0].channel(0));
            }
        } else if let Some(main) = self.instances[0].outputs.first_mut() {
            std::mem::swap(out, main);
        }
    }

    /// Runs the devices' main-thread work between blocks. `opening` says that the render has barely begun and can begin
    /// again.
    pub fn pump(&mut self, opening: bool) -> Result<Option<Turn>, DeviceError> {
        let mut turn = None;
        for active in &mut self.instances {
            let asks = active.device.pump().restart;
            let before = active.latency;
            if opening {
                let unchanged = active.device.latency() == before;
                if !self.rehearsed && (asks || !unchanged) {
                    return Ok(Some(Turn::Unsettled));
                }
                // It says once more what it said in the rehearsal, and all is made for that.
                if unchanged {
                    continue;
                }
            }
            let told = active.device.latency();
            if asks {
                active.restart(self.setup)?;
            }
            let after = if asks { std::mem::replace(&mut active.latency, before) } else { told };
            if !asks && before == after {
                continue;
            }
            turn = Some(Turn::Told(if before == after {
                format!("{} was restarted on its own request", self.name)
            } else {
                format!("{} changed its latency from {before} to {after} frames while rendering", self.name)
            }));
        }
        Ok(turn)
    }

    /// What the devices produced with the last block: notes, parameter changes. Of several instances, the last one's.
    pub fn produced(&self) -> &[Event] {
        &self.produced
    }

    /// Has all instances forget the sound that is under way.
    pub fn reset(&mut self) {
        self.instances.iter_mut().filter_map(|active| active.processor.as_mut()).for_each(|p| p.reset());
    }

    /// How long it sounds on, as far as it knows now: what the first instance says.
    pub fn tail(&self) -> Tail {
        self.instances[0].processor.as_ref().map_or(Tail::Unknown, |processor| processor.tail())
    }

    /// Ends processing and gives the devices back, to be destroyed one by one.
    pub fn deactivate(self) -> Vec<Box<dyn Device>> {
        self.instances
            .into_iter()
            .map(|mut active| {
                active.device.deactivate(active.processor.take().expect("an active device has its processor"));
                active.device
            })
            .collect()
    }
}

/// Why a rehearsal failed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum RehearsalError {
    /// The device failed while it played.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// It could not be restarted.
    #[error(transparent)]
    Restart(#[from] DeviceError),
}

/// How long a render is barely begun, in seconds, rounded up to whole blocks.
const OPENING_SECONDS: f64 = 0.1;

/// Frames, whole blocks of them, in which a render can still begin again, and for which devices play silence before it.
pub fn opening_frames(setup: Setup) -> u64 {
    ((OPENING_SECONDS * setup.sample_rate.hz()).ceil() as u64).next_multiple_of(setup.max_block as u64)
}

/// Copies a buffer into one of the same shape.
fn copy(from: &Buffer, to: &mut Buffer) {
    to.channels_mut().zip(from.channels()).for_each(|(to, from)| to.copy_from_slice(from));
}

/// Fills the main input of instance `index` from the signal.
fn fit(signal: &Buffer, index: usize, adaptation: Adaptation, main: &mut Buffer) {
    match adaptation {
        Adaptation::AsIs => copy(signal, main),
        Adaptation::Duplicate => main.channels_mut().for_each(|to| to.copy_from_slice(signal.channel(0))),
        Adaptation::DualMono => main.channel_mut(0).copy_from_slice(signal.channel(index)),
        Adaptation::Downmix => {
            let share = 1.0 / signal.channel_count() as f32;
            let to = main.channel_mut(0);
            to.fill(0.0);
            for from in signal.channels() {
                to.iter_mut().zip(from).for_each(|(to, from)| *to += share * from);
            }
        }
    }
}
