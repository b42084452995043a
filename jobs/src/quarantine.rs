//! Where files lie that were flagged and are not to stand among the good ones.
//!
//! The quarantine is a folder in the state folder of an output folder. A file has the path below it that it would have
//! below the output folder, so that each path says the other.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The folder within an output folder that tonemill keeps its lock, journals, logs and quarantine in.
pub const STATE: &str = ".tonemill";

/// The folder within the state folder.
const QUARANTINE: &str = "quarantine";

/// An output folder, absolute. All tasks of a plan share one, so it is counted and not copied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "PathBuf", into = "PathBuf")]
pub struct OutputRoot(Arc<Path>);

impl OutputRoot {
    /// Where the file lies in quarantine that was to stand at `path`.
    pub fn quarantined(&self, path: &Path) -> PathBuf {
        quarantined(&self.0, path)
    }
}

impl From<PathBuf> for OutputRoot {
    fn from(path: PathBuf) -> OutputRoot {
        OutputRoot(path.into())
    }
}

impl From<OutputRoot> for PathBuf {
    fn from(root: OutputRoot) -> PathBuf {
        root.0.to_path_buf()
    }
}

/// Where the file lies in the quarantine of the output folder `root` that was to stand at `path`. A path that is not below
/// that folder, which no plan has, lies there with all its names.
pub fn quarantined(root: &Path, path: &Path) -> PathBuf {
    let below = path.strip_prefix(root).unwrap_or(path);
    let names = below.components().filter(|part| matches!(part, Component::Normal(_)));
    root.join(STATE).join(QUARANTINE).join(names.collect::<PathBuf>())
}

/// Where the file was to stand that lies in quarantine at `path`; `None` where it does not lie there. `state` is the
/// state folder.
pub fn asked(state: &Path, path: &Path) -> Option<PathBuf> {
    let below = path.strip_prefix(state.join(QUARANTINE)).ok()?;
    Some(state.parent()?.join(below))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_in_quarantine_and_the_one_asked_for_say_each_other() {
        let root = OutputRoot::from(PathBuf::from("/data/out"));
        let asked_for = Path::new("/data/out/clean/a-000.flac");
        let lies = root.quarantined(asked_for);
        assert_eq!(lies, Path::new("/data/out/.tonemill/quarantine/clean/a-000.flac"));
        assert_eq!(asked(Path::new("/data/out/.tonemill"), &lies).as_deref(), Some(asked_for));
        assert_eq!(asked(Path::new("/data/out/.tonemill"), asked_for), None);
    }

    #[test]
    fn a_path_from_elsewhere_stays_below_the_quarantine() {
        let lies = quarantined(Path::new("/data/out"), Path::new("/other/../a.wav"));
        assert_eq!(lies, Path::new("/data/out/.tonemill/quarantine/other/a.wav"));
    }
}
