//! One place of a chain: a device, or one instance a channel, and what fits the signal to it.

use audio::device::{Adaptation, BusInfo, DeviceError, Ports, ProcessError, Processor, Setup, Tail};
use audio::{Block, Buffer, Device, Event, Transport};
use score::TempoMap;

/// A device with its processor and its buffers.
struct Active {
    device: Box<dyn Device>,
    processor: Option<Box<dyn Processor>>,
    inputs: Vec<Buffer>,
    outputs: Vec<Buffer>,
    latency: u64,
}

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
        for mut device in devices {
            let processor = device.activate(setup)?;
            let ports = device.ports();
            let (inputs, outputs) = (buffers(&ports.inputs, setup), buffers(&ports.outputs, setup));
            let latency = plausible_latency(device.latency(), setup)?;
            let mut active = Active { device, processor: Some(processor), inputs, outputs, latency };
            active.settle(setup)?;
            instances.push(active);
        }
        Ok(Slot { name, adaptation, instances, setup, produced: Vec::new(), in_channels, rehearsed: false })
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
        let mut transport = tempo.transport_at(steady as i64 - before as i64, self.setup.sample_rate);
        (transport.steady_frame, transport.playing) = (steady, false);
        self.process(&mut Buffer::new(self.in_channels, self.setup.max_block), &[], &transport)
    }

    /// Waits until nothing goes on in the devices beside the calls to them.
    pub fn settle(&mut self) {
        self.instances.iter_mut().for_each(|active| active.device.settle());
    }

    /// The device's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Frames by which this slot delays.
    pub fn latency(&self) -> u64 {
        self.instances.iter().map(|i| i.latency).max().unwrap_or(0)
    }

    /// What its device does to the sound that nobody sees from its parameters.
    pub fn remarks(&self) -> Vec<String> {
        self.instances[0].device.remarks()
    }

    /// Channels that it gives.
    pub fn out_channels(&self) -> usize {
        match self.adaptation {
            Adaptation::DualMono => self.instances.len(),
            _ => self.instances[0].device.ports().main_outputs(),
        }
    }

    /// Processes `signal` in place; its channels become those that the slot gives.
    pub fn process(
        &mut self,
        signal: &mut Buffer,
        events: &[Event],
        transport: &Transport,
    ) -> Result<(), ProcessError> {
        let frames = signal.frames();
        let Slot { instances, adaptation, produced, in_channels, .. } = self;
        for (index, active) in instances.iter_mut().enumerate() {
            for buffer in active.inputs.iter_mut().skip(1) {
                buffer.resize(frames);
                buffer.clear();
            }
            active.outputs.iter_mut().for_each(|buffer| buffer.resize(frames));
            if let Some(main) = active.inputs.first_mut() {
                main.resize(frames);
                if *in_channels > 0 {
                    fit(signal, index, *adaptation, main);
                } else {
                    main.clear();
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
        // The device's buffer and the signal's change places: no sample is copied.
        if *adaptation == Adaptation::DualMono {
            for (index, active) in instances.iter().enumerate() {
                signal.channel_mut(index).copy_from_slice(active.outputs[0].channel(0));
            }
        } else if let Some(main) = instances[0].outputs.first_mut() {
            if signal.channel_count() == main.channel_count() {
                std::mem::swap(signal, main);
            } else {
                *signal = main.clone();
            }
        }
        Ok(())
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

impl Active {
    fn restart(&mut self, setup: Setup) -> Result<(), DeviceError> {
        let main = |ports: &Ports| (ports.main_inputs(), ports.main_outputs());
        let before = main(&self.device.ports());
        self.device.deactivate(self.processor.take().expect("an active device has its processor"));
        self.processor = Some(self.device.activate(setup)?);
        self.latency = plausible_latency(self.device.latency(), setup)?;
        let ports = self.device.ports();
        let after = main(&ports);
        // What stands around it was made for the channels that it had.
        if before != after {
            return Err(DeviceError::Activate(format!(
                "it changed its channels from {} in and {} out to {} in and {} out of its own accord",
                before.0, before.1, after.0, after.1
            )));
        }
        (self.inputs, self.outputs) = (buffers(&ports.inputs, setup), buffers(&ports.outputs, setup));
        Ok(())
    }

    fn settle(&mut self, setup: Setup) -> Result<(), DeviceError> {
        // Some plugins ask for a restart each time they are activated; a few honoured requests serve every honest one.
        let mut restarts = 0;
        loop {
            let requests = self.device.pump();
            if requests.restart && restarts < 4 {
                restarts += 1;
                self.restart(setup)?;
            } else if requests.busy {
                std::thread::sleep(std::time::Duration::from_millis(1));
            } else {
                self.device.settle();
                return Ok(());
            }
        }
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

fn buffers(busses: &[BusInfo], setup: Setup) -> Vec<Buffer> {
    busses.iter().map(|bus| Buffer::new(bus.channels, setup.max_block)).collect()
}

/// Most seconds that a device may be late. The longest known look ahead by a few; what claims more has miscounted, and
/// as many frames would have to be rendered before the first one that counts.
const MOST_LATENCY_SECONDS: u64 = 60;

/// The latency that a device reports, in frames. Fails if no device can be so late.
pub fn plausible_latency(frames: u64, setup: Setup) -> Result<u64, DeviceError> {
    let seconds = frames / u64::from(setup.sample_rate.0).max(1);
    if seconds < MOST_LATENCY_SECONDS {
        return Ok(frames);
    }
    Err(DeviceError::Activate(format!(
        "it claims a latency of {frames} frames, which is {seconds} s. At most {MOST_LATENCY_SECONDS} s can be removed"
    )))
}

/// Fills the main input of instance `index` from the signal.
fn fit(signal: &Buffer, index: usize, adaptation: Adaptation, main: &mut Buffer) {
    match adaptation {
        Adaptation::AsIs => {
            for (to, from) in main.channels_mut().zip(signal.channels()) {
                to.copy_from_slice(from);
            }
        }
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
