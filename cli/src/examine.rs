//! Finding out about devices for the plan, in a worker.

use std::path::PathBuf;

use farm::Cause;
use jobs::message::{Examination, FromWorker, ToWorker};
use jobs::plan::{ExamineError, Examiner, IdError};
use jobs::task::AudioSettings;
use presets::DeviceSetup;
use presets::document::{did_you_mean, similar};
use presets::folders::Folders;

use crate::workers::Asking;

/// Examines devices in a worker process, one at a time.
pub(crate) struct InWorker<'a> {
    pub(crate) asking: &'a mut Asking,
}

impl Examiner for InWorker<'_> {
    fn locate_id(&mut self, id: &str) -> Result<PathBuf, IdError> {
        let mut files = Vec::new();
        let mut ids = Vec::new();
        for folder in Folders::standard().by_folder() {
            for path in folder {
                // A file that cannot be listed cannot be the one that is meant, as far as anybody can tell.
                let Ok(FromWorker::Listed { plugins }) = self.asking.ask(ToWorker::List { path: path.clone() }) else {
                    continue;
                };
                if plugins.iter().any(|plugin| plugin.id == id) {
                    files.push(path);
                }
                ids.extend(plugins.into_iter().map(|plugin| plugin.id));
            }
            // The first plugin folder that has it decides, as with file names.
            if !files.is_empty() {
                break;
            }
        }
        match files.len() {
            0 => {
                let similar = similar(id, ids.iter().map(String::as_str), 3).into_iter().map(str::to_owned).collect();
                Err(IdError::Unknown { similar })
            }
            1 => Ok(files.remove(0)),
            _ => Err(IdError::Several { files }),
        }
    }

    fn examine(
        &mut self,
        setup: &DeviceSetup,
        audio: AudioSettings,
        signal: Option<usize>,
    ) -> Result<Examination, ExamineError> {
        let died = |reason: String| Err(ExamineError::Died { reason });
        match self.asking.ask(ToWorker::Examine { setup: Box::new(setup.clone()), audio, signal }) {
            Ok(FromWorker::Examined(examination)) => Ok(*examination),
            Ok(_) => died("the worker answered something else".to_owned()),
            Err(mishap) => match &mishap.cause {
                Cause::Refused { failure } => Err(ExamineError::Refused { reason: failure.reason.clone() }),
                Cause::StartFailed { .. } => Err(ExamineError::Refused { reason: mishap.to_string() }),
                _ => died(mishap.to_string()),
            },
        }
    }
}

/// What an id without a file means, in words.
pub(crate) fn words(id: &str, error: &IdError) -> String {
    match error {
        IdError::Unknown { similar } if similar.is_empty() => format!("no plugin has the id \"{id}\""),
        IdError::Unknown { similar } => format!("no plugin has the id \"{id}\". {}", did_you_mean(similar)),
        IdError::Several { files } => {
            let files: Vec<String> = files.iter().map(|path| path.display().to_string()).collect();
            format!("several files hold a plugin with the id \"{id}\": {}. Write the path of one", files.join(", "))
        }
    }
}
