//! Keeping a device's state.

use std::io;
use std::path::Path;

use audio::device::DeviceError;
use jobs::message::{Captured, FromWorker, Phase, StateFile};
use jobs::task::AudioSettings;
use presets::DeviceSetup;

use crate::report::Reporter;
use crate::{examine, publish};

/// Brings one device to life, applies its settings, and writes its state to a file. A device that has none beside its
/// parameters is told as it is. Where anything is wrong with the setup, that is told, and nothing is written.
pub(crate) fn capture(
    setup: &DeviceSetup,
    audio: AudioSettings,
    path: &Path,
    reporter: &mut Reporter,
) -> io::Result<()> {
    let Some((mut device, examination)) = examine::look(setup, audio, None, reporter)? else { return Ok(()) };
    let name = examination.info.name.clone();
    let mut bytes = None;
    if examination.is_sound() {
        reporter.phase(Phase::Save, Some(&name))?;
        match device.save_state() {
            Ok(state) => bytes = Some(state),
            Err(DeviceError::Stateless(_)) => {}
            Err(error) => return examine::refuse(reporter, Phase::Save, &name, &error.to_string()),
        }
    }
    // A device that dies now has left no file behind.
    reporter.phase(Phase::Destroy, Some(&name))?;
    drop(device);
    let mut state = None;
    if let Some(bytes) = bytes {
        reporter.phase(Phase::Write, None)?;
        if let Err(error) = publish::bytes(path, &bytes) {
            return examine::refuse(reporter, Phase::Write, &name, &error.to_string());
        }
        let blake3 = blake3::hash(&bytes).to_hex().to_string();
        state = Some(StateFile { bytes: bytes.len() as u64, blake3 });
    }
    reporter.send(&FromWorker::Captured(Box::new(Captured { examination, state })))
}
