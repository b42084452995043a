//! How long a block may be.

use audio::device::{DeviceError, Setup};

/// Most frames in one block that any plugin is asked to take.
const LONGEST: usize = 1 << 24;

/// The longest block of a setup. Fails where that is none.
pub(crate) fn longest_block(setup: &Setup) -> Result<u32, DeviceError> {
    let frames = setup.max_block;
    if (1..=LONGEST).contains(&frames) {
        Ok(frames as u32)
    } else {
        Err(DeviceError::Activate(format!("a block of {frames} frames: 1 to {LONGEST} are allowed")))
    }
}
