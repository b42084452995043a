//! One active instance of a device.

use audio::device::{BusInfo, DeviceError, Ports, Processor, Setup};
use audio::{Buffer, Device};

/// A device with its processor and its buffers.
pub(crate) struct Active {
    pub(crate) device: Box<dyn Device>,
    pub(crate) processor: Option<Box<dyn Processor>>,
    pub(crate) inputs: Vec<Buffer>,
    pub(crate) outputs: Vec<Buffer>,
    pub(crate) latency: u64,
}

impl Active {
    /// Activates a device and lets it settle.
    pub(crate) fn new(mut device: Box<dyn Device>, setup: Setup) -> Result<Active, DeviceError> {
        let processor = device.activate(setup)?;
        let ports = device.ports();
        let (inputs, outputs) = (buffers(&ports.inputs, setup), buffers(&ports.outputs, setup));
        let latency = plausible_latency(device.latency(), setup)?;
        let mut active = Active { device, processor: Some(processor), inputs, outputs, latency };
        active.settle(setup)?;
        Ok(active)
    }

    /// Deactivates it and activates it again, with what it has learnt since.
    pub(crate) fn restart(&mut self, setup: Setup) -> Result<(), DeviceError> {
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

    /// Grants what it asks for and waits until it is ready.
    pub(crate) fn settle(&mut self, setup: Setup) -> Result<(), DeviceError> {
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
