//! Who looks at devices for the planner. The command does it through worker processes; tests do it by table.

use std::path::PathBuf;

use presets::DeviceSetup;

use crate::message::Examination;
use crate::task::AudioSettings;

/// Looks at devices, so that the planner loads none.
pub trait Examiner {
    /// The file that holds the CLAP plugin with this id.
    fn locate_id(&mut self, id: &str) -> Result<PathBuf, IdError>;

    /// Brings a device to life with all its settings and says what it is. `signal` is the channel count in front of it,
    /// 0 for the notes of an instrument, `None` where it is not known; the device is asked for the channels that
    /// [`crate::channels::request`] says. Called once for each distinct setup and signal.
    fn examine(
        &mut self,
        setup: &DeviceSetup,
        audio: AudioSettings,
        signal: Option<usize>,
    ) -> Result<Examination, ExamineError>;
}

/// Why an id leads to no file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// No plugin has it.
    #[error("no plugin has the id")]
    Unknown {
        /// Ids that come close, the closest first.
        similar: Vec<String>,
    },
    /// Several files hold a plugin with it.
    #[error("several plugin files hold the id")]
    Several {
        /// Those files.
        files: Vec<PathBuf>,
    },
}

/// Why a device was not examined.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExamineError {
    /// It cannot be used: a mistake of the job.
    #[error("{reason}")]
    Refused {
        /// What is wrong and what to do.
        reason: String,
    },
    /// It crashed or hung: tasks that use it go on, and fail by themselves if it does so again.
    #[error("{reason}")]
    Died {
        /// What happened.
        reason: String,
    },
}
