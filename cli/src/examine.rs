//! Finding out about devices for the plan, in a worker.

use std::path::Path;

use farm::Cause;
use jobs::catalogue::search;
use jobs::hash::Hashes;
use jobs::message::{Examination, FromWorker, ToWorker};
use jobs::plan::{ExamineError, Examiner, FindError};
use jobs::probe::Latency;
use jobs::sandbox::Grants;
use jobs::task::AudioSettings;
use presets::document::{Collector, Place};
use presets::file::PlacedDevice;
use presets::folders::Folders;
use presets::url::is_url;
use presets::{DeviceSetup, PluginFile, PluginFormat};

use crate::Trouble;
use crate::apply::{COMMAND_LINE, told};
use crate::verdicts;
use crate::workers::{self, Asking};

/// Examines devices in a worker process, one at a time.
pub(crate) struct InWorker<'a> {
    pub(crate) asking: &'a mut Asking,
}

impl Examiner for InWorker<'_> {
    fn find(&mut self, format: PluginFormat, written: &PluginFile) -> Result<PluginFile, FindError> {
        match self.asking.plugins(format) {
            Ok(scanned) => search::find(format, &scanned.offers(), written).map_err(|error| match error {
                FindError::Unknown { similar, .. } => FindError::Unknown { similar, broken: scanned.broken().count() },
                other => other,
            }),
            Err(trouble) => Err(FindError::Unlisted { reason: trouble.words }),
        }
    }

    fn grant(&mut self, grants: &Grants) {
        self.asking.grant(grants);
    }

    fn examine(
        &mut self,
        setup: &DeviceSetup,
        audio: AudioSettings,
        signal: Option<usize>,
    ) -> Result<Examination, ExamineError> {
        let died = |reason: String| Err(ExamineError::Died { reason });
        // The worker reads no object store: what lies in one is on this machine as long as it looks at it.
        let (mut setup, mut held) = (setup.clone(), Vec::new());
        let mut refused = None;
        jobs::task::files_of(&mut setup, &mut |path| {
            if is_url(path) {
                match self.asking.fetcher.fetch(path) {
                    Ok(local) => {
                        path.clone_from(&local.path);
                        held.push(local);
                    }
                    Err(error) => refused = Some(error.to_string()),
                }
            }
        });
        if let Some(reason) = refused {
            return Err(ExamineError::Refused { reason });
        }
        match self.asking.ask(ToWorker::Examine { setup: Box::new(setup), audio, signal }) {
            Ok(FromWorker::Examined(examination)) => Ok(*examination),
            Ok(_) => died("the worker answered something else".to_owned()),
            Err(mishap) if matches!(mishap.cause, Cause::Refused { .. } | Cause::StartFailed { .. }) => {
                Err(ExamineError::Refused { reason: mishap.reason() })
            }
            Err(mishap) => died(mishap.reason()),
        }
    }

    fn latency(&mut self, setup: &DeviceSetup, audio: AudioSettings) -> Option<Latency> {
        let mut store = verdicts::store().ok()?;
        verdicts::of(setup, audio, &mut Hashes::default(), &mut store)?.findings.latency
    }
}

/// Puts the file that a device's plugin lies in, and its id if that or its name was written, into the setup. Names
/// start at `folder`, that of the file they are written in.
pub(crate) fn locate(setup: &mut DeviceSetup, folder: &Path, asking: &mut Asking) -> Result<(), String> {
    let Some((format, file)) = setup.device.plugin_mut() else { return Ok(()) };
    jobs::plan::locate(format, file, folder, &Folders::standard(format), &mut InWorker { asking })
}

/// Finds a device's plugin and brings it to life in a worker, with all that is set on it.
pub(crate) fn look(setup: &mut DeviceSetup, folder: &Path, asking: &mut Asking) -> Result<Examination, String> {
    locate(setup, folder, asking)?;
    let audio = AudioSettings::standard();
    match asking.ask(ToWorker::Examine { setup: Box::new(setup.clone()), audio, signal: None }) {
        Ok(FromWorker::Examined(examination)) => Ok(*examination),
        Ok(_) => Err("the worker answered something else".to_owned()),
        Err(mishap) => Err(workers::words(&mishap)),
    }
}

/// Makes the settings of a device of the command line ids and numbers, or tells what the device found wrong with them.
pub(crate) fn freeze(setup: &mut DeviceSetup, examination: &Examination) -> Result<(), Trouble> {
    let collector = Collector::new();
    let placed = PlacedDevice::at(setup.clone(), Path::new(""), Place::file(COMMAND_LINE));
    jobs::plan::freeze(setup, examination, &placed, &collector);
    collector.finish(Some(())).map_err(|mistakes| told(&mistakes))
}
