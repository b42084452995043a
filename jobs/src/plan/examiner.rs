//! Who looks at devices for the planner. The command does it through worker processes; tests do it by table.

use std::path::Path;

use presets::document::{did_you_mean, similar};
use presets::folders::{Folders, LocateError, Located};
use presets::{DeviceSetup, PluginFile, PluginFormat, spec};

use crate::catalogue::search::MOST_SIMILAR;
use crate::message::Examination;
use crate::probe::Latency;
use crate::sandbox::Grants;
use crate::task::AudioSettings;

/// Looks at devices, so that the planner loads none.
pub trait Examiner {
    /// The plugin whose id or name was written where no file is called so: its file, absolute, and its id. An id that
    /// was written beside the name tells plugins of one name apart.
    fn find(&mut self, format: PluginFormat, written: &PluginFile) -> Result<PluginFile, FindError>;

    /// Lets the devices that are examined from here on touch more than the files that they name.
    fn grant(&mut self, _grants: &Grants) {}

    /// Brings a device to life with all its settings and says what it is. `signal` is the channel count in front of it,
    /// 0 for the notes of an instrument, `None` where it is not known; the device is asked for the channels that
    /// [`crate::channels::request`] says. Called once for each distinct setup and signal.
    fn examine(
        &mut self,
        setup: &DeviceSetup,
        audio: AudioSettings,
        signal: Option<usize>,
    ) -> Result<Examination, ExamineError>;

    /// What probing has shown of the latency of a device whose plugin is found and whose settings are ids and numbers;
    /// `None` where it has not been probed like this.
    fn latency(&mut self, setup: &DeviceSetup, audio: AudioSettings) -> Option<Latency>;
}

/// Why an id or name leads to no plugin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FindError {
    /// No plugin has it.
    #[error("no plugin has the id or name")]
    Unknown {
        /// Names and ids that come close, the closest first.
        similar: Vec<String>,
        /// How many plugin files cannot be listed; it may be in one of them.
        broken: usize,
    },
    /// Several plugins have it.
    #[error("several plugins have the id or name")]
    Several {
        /// All of them, each with its id.
        candidates: Vec<PluginFile>,
    },
    /// Nobody can tell what plugins there are.
    #[error("{reason}")]
    Unlisted {
        /// Why, in words.
        reason: String,
    },
}

/// Puts the file that is meant, absolute, into `file`, and the plugin's id if its id or name was written. What is
/// written means a file of that path or name first, which starts at `folder` or lies in the plugin folders.
pub fn locate(
    format: PluginFormat,
    file: &mut PluginFile,
    folder: &Path,
    folders: &Folders,
    examiner: &mut dyn Examiner,
) -> Result<(), String> {
    let missed = match folders.locate(&file.plugin, folder) {
        Ok(Located::File(path)) => {
            file.plugin = unicode(&path)?;
            return Ok(());
        }
        Ok(Located::Id) => None,
        // What ends like a file of the format is the name of one; other names may hold a slash.
        Err(error @ (LocateError::NotFound { .. } | LocateError::NoFile { .. }))
            if !is_file_name(format, &file.plugin) =>
        {
            Some(error)
        }
        Err(error) => return Err(error.to_string()),
    };
    match examiner.find(format, file) {
        Ok(PluginFile { plugin, id }) => {
            // Free of links, like a file that was found by its name.
            file.plugin = unicode(&std::fs::canonicalize(&plugin).unwrap_or_else(|_| plugin.into()))?;
            file.id = file.id.take().or(id);
            Ok(())
        }
        Err(error) => Err(words(&error, format, &file.plugin, missed)),
    }
}

fn unicode(path: &Path) -> Result<String, String> {
    let text = path.to_str().map(str::to_owned);
    text.ok_or_else(|| format!("{} cannot be used: its name is not Unicode. Rename it", path.display()))
}

fn is_file_name(format: PluginFormat, written: &str) -> bool {
    Path::new(written).extension().is_some_and(|e| e.eq_ignore_ascii_case(format.extension()))
}

/// Why what was written leads to no plugin, and what to do. `missed` is what the search among file names said.
fn words(error: &FindError, format: PluginFormat, written: &str, missed: Option<LocateError>) -> String {
    let name = format.name();
    match error {
        FindError::Unknown { similar, broken } => {
            let mut words = unknown(similar, format, written, missed);
            if *broken > 0 {
                let files = if *broken == 1 { "1 file".to_owned() } else { format!("{broken} files") };
                let full_stop = if words.ends_with(['.', '?']) { "" } else { "." };
                words += &format!(
                    "{full_stop} {files} cannot be listed: tonemill plugins list --format {} says why",
                    format.word()
                );
            }
            words
        }
        FindError::Several { candidates } => {
            let spec = |candidate: &PluginFile| spec::display(&spec::bare(format.device(candidate.clone())));
            let specs: Vec<String> = candidates.iter().map(spec).collect();
            let how = match candidates.first() {
                Some(PluginFile { plugin, id: Some(id) }) => {
                    format!(". Write one of these, in a file as {}: \"{plugin}\" and id: \"{id}\"", format.word())
                }
                _ => String::new(),
            };
            format!("several {name} plugins are called \"{written}\": {}{how}", specs.join(", "))
        }
        FindError::Unlisted { reason } => {
            format!("which {name} plugin is called \"{written}\" cannot be found out: {reason}")
        }
    }
}

fn unknown(names: &[String], format: PluginFormat, written: &str, missed: Option<LocateError>) -> String {
    match missed {
        Some(LocateError::NotFound { format, name, similar: files, folders }) => {
            let all = files.iter().chain(names).map(String::as_str);
            let similar = similar(written, all, MOST_SIMILAR).into_iter().map(str::to_owned).collect();
            LocateError::NotFound { format, name, similar, folders }.to_string()
        }
        Some(other) => other.to_string(),
        None => {
            let help = match did_you_mean(names) {
                none if none.is_empty() => "List what there is: tonemill plugins list.".to_owned(),
                help => help,
            };
            format!("no {} plugin has the name or id \"{written}\". {help}", format.name())
        }
    }
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
