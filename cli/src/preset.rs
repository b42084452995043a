//! Devices with their settings as files.

mod capture;
mod show;
mod staged;

use crate::args::PresetCommand;
use crate::{Status, Trouble};

/// `tonemill preset`.
pub(crate) fn preset(command: &PresetCommand) -> Result<Status, Trouble> {
    match command {
        PresetCommand::Capture(arguments) => capture::capture(arguments),
        PresetCommand::Show { file, json, process } => show::show(file, *json, process),
    }
}
