//! Confining the processes that load plugins, as data: what is asked for, what is open, and how far it went.
//!
//! The farm writes a [`Confinement`] into each worker's scratch folder and names the file in [`VARIABLE`]. The worker
//! confines itself before it loads anything, once and for life, and says in its first message which [`Level`] it
//! reached. Who needs a path that is not open needs a fresh worker.

mod needs;

use std::fmt;
use std::path::{Path, PathBuf};

use presets::PluginFormat;
use presets::folders::Folders;
pub use presets::sandbox::Grants;
use serde::{Deserialize, Serialize};

/// The variable that names the file with a worker's [`Confinement`]; a worker without it runs free.
pub const VARIABLE: &str = "TONEMILL_SANDBOX";

/// The variable that names barriers, with commas between them, that a worker is to go without, to find out which one is
/// in a plugin's way. The level says so.
pub const WITHOUT: &str = "TONEMILL_SANDBOX_WITHOUT";

/// Deepest folder below a plugin folder or bundle in which links are followed.
const MOST_DEPTH: usize = 8;

/// How much confinement is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wanted {
    /// As much as the system has.
    #[default]
    Auto,
    /// All of it; a worker that cannot have it leaves.
    Strict,
    /// None.
    Off,
}

/// What a worker is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confinement {
    /// How much is asked for.
    pub wanted: Wanted,
    /// What is open beside what every worker needs.
    pub grants: Grants,
}

impl Confinement {
    /// None.
    pub fn off() -> Confinement {
        Confinement { wanted: Wanted::Off, grants: Grants::default() }
    }
}

/// One kind of confinement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Barrier {
    /// Only files that are granted can be opened: Landlock.
    Files,
    /// Files that are not granted cannot be emptied either: Landlock of Linux 6.2.
    Truncation,
    /// No process outside gets signals: Landlock of Linux 6.12.
    Signals,
    /// No sockets, no tracing, no changes to the system: seccomp.
    Calls,
}

impl Barrier {
    /// All of them with the words of files and variables.
    pub const ALL: [(Barrier, &str); 4] = [
        (Barrier::Files, "files"),
        (Barrier::Truncation, "truncation"),
        (Barrier::Signals, "signals"),
        (Barrier::Calls, "calls"),
    ];
}

/// How far a worker is confined.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Behind every barrier.
    Full,
    /// Behind all but these: the system has none of the kind, or refuses it.
    Partial {
        /// What is missing.
        missing: Vec<Barrier>,
    },
    /// Not at all: that was asked for.
    Off,
}

impl Level {
    /// The level that is reached with these missing.
    pub fn without(missing: Vec<Barrier>) -> Level {
        if missing.is_empty() { Level::Full } else { Level::Partial { missing } }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = |barrier: &Barrier| match barrier {
            Barrier::Files => "other files can be opened",
            Barrier::Truncation => "other files can be emptied",
            Barrier::Signals => "other processes can be sent signals",
            Barrier::Calls => "sockets can be opened",
        };
        match self {
            Level::Full => f.write_str("full"),
            Level::Off => f.write_str("off"),
            Level::Partial { missing } => {
                write!(f, "partial: {}", missing.iter().map(word).collect::<Vec<_>>().join(", "))
            }
        }
    }
}

/// The folders that plugins are searched in: every plugin may read all of them, since what belongs to one may lie in
/// another.
pub fn plugin_folders() -> Grants {
    let mut grants = Grants::default();
    for folder in PluginFormat::ALL.iter().flat_map(|format| Folders::standard(*format).list().to_vec()) {
        // One that is not there has nothing to read.
        if let Ok(folder) = folder.canonicalize() {
            follow_links(&mut grants, &folder, MOST_DEPTH);
            add(&mut grants, folder);
        }
    }
    grants
}

/// Opens what the links in a folder lead to: bundles have their samples elsewhere.
fn follow_links(grants: &mut Grants, folder: &Path, depth: usize) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_symlink() => {
                let target = entry.path().canonicalize().ok();
                // A link to all of the home folder is nothing that a plugin brings.
                if let Some(target) = target.filter(|target| target.is_file() || !is_too_wide(target)) {
                    add(grants, target);
                }
            }
            Ok(kind) if kind.is_dir() && depth > 0 => follow_links(grants, &entry.path(), depth - 1),
            _ => {}
        }
    }
}

/// What opens a file to be read: its folder, since files belong together that lie together. A folder that is a plugin as
/// a whole opens itself alone. In the home folder, or above it, a file opens nothing beside itself.
pub fn let_read(grants: &mut Grants, path: &Path) {
    let real = path.canonicalize().ok();
    // A link is followed before anything is held against what is granted; what lies beside the link may be needed too.
    for path in real.iter().map(PathBuf::as_path).chain(std::path::absolute(path).ok().as_deref()) {
        let folder = if path.is_dir() { Some(path) } else { path.parent() };
        let open = folder.filter(|folder| !is_too_wide(folder)).unwrap_or(path);
        if let Ok(open) = open.canonicalize() {
            if path.is_dir() {
                follow_links(grants, &open, MOST_DEPTH);
            }
            add(grants, open);
        }
    }
}

/// Opens one file and nothing beside it.
pub fn let_read_alone(grants: &mut Grants, path: &Path) {
    if let Ok(path) = path.canonicalize() {
        add(grants, path);
    }
}

/// Opens a folder that is written to, and makes it if it is not there: only what is there can be opened.
pub fn let_write(grants: &mut Grants, folder: &Path) {
    // Where it cannot be made, whoever writes there tells why.
    let _ = std::fs::create_dir_all(folder);
    if let Ok(folder) = folder.canonicalize()
        && folder.to_str().is_some()
    {
        grants.let_write(folder);
    }
}

/// Whether a folder holds what is nobody's business: the user's home, or all homes.
pub fn is_too_wide(folder: &Path) -> bool {
    let home = std::env::var_os("HOME").map(PathBuf::from).filter(|home| home.is_absolute());
    let home = home.map(|home| home.canonicalize().unwrap_or(home));
    folder.parent().is_none() || home.is_some_and(|home| home.starts_with(folder))
}

fn add(grants: &mut Grants, path: PathBuf) {
    // What has no Unicode name cannot be named in a job either.
    if path.to_str().is_some() {
        grants.let_read(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_says_what_is_missing() {
        assert_eq!(Level::without(vec![]), Level::Full);
        let partial = Level::without(vec![Barrier::Truncation, Barrier::Signals]);
        assert_eq!(partial.to_string(), "partial: other files can be emptied, other processes can be sent signals");
        let json = r#"{"partial":{"missing":["truncation","signals"]}}"#;
        assert_eq!(serde_json::to_string(&partial).unwrap(), json);
        assert_eq!(serde_json::from_str::<Level>(json).unwrap(), partial);
    }

    #[test]
    fn a_file_opens_its_folder_unless_that_is_the_home_folder() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        std::fs::write(root.join("take.wav"), "").unwrap();
        std::fs::create_dir(root.join("plugin.vst3")).unwrap();
        let opened = |path: &Path| {
            let mut grants = Grants::default();
            let_read(&mut grants, path);
            grants.read.into_iter().collect::<Vec<_>>()
        };
        assert_eq!(opened(&root.join("take.wav")), [root.as_path()]);
        assert_eq!(opened(&root.join("plugin.vst3")), [root.join("plugin.vst3")]);
        assert_eq!(opened(&root.join("none")), [root.as_path()]);
        let home = std::env::var_os("HOME").map(PathBuf::from).expect("tests have a home");
        assert!(is_too_wide(&home) && is_too_wide(Path::new("/")) && !is_too_wide(&home.join("x")));
    }

    #[cfg(unix)]
    #[test]
    fn a_bundle_opens_the_files_that_links_in_it_lead_to() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        std::fs::create_dir_all(root.join("kit.lv2/samples")).unwrap();
        std::fs::create_dir(root.join("sounds")).unwrap();
        std::fs::write(root.join("sounds/kit.sf2"), "").unwrap();
        std::os::unix::fs::symlink(root.join("sounds/kit.sf2"), root.join("kit.lv2/samples/kit.sf2")).unwrap();
        let mut grants = Grants::default();
        let_read(&mut grants, &root.join("kit.lv2"));
        assert_eq!(grants.read.into_iter().collect::<Vec<_>>(), [root.join("kit.lv2"), root.join("sounds/kit.sf2")]);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_opens_what_it_leads_to_and_what_lies_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        for name in ["here", "there"] {
            std::fs::create_dir(root.join(name)).unwrap();
        }
        std::fs::write(root.join("there/x.clap"), "").unwrap();
        std::os::unix::fs::symlink(root.join("there/x.clap"), root.join("here/x.clap")).unwrap();
        let mut grants = Grants::default();
        let_read(&mut grants, &root.join("here/x.clap"));
        assert_eq!(grants.read.into_iter().collect::<Vec<_>>(), [root.join("here"), root.join("there")]);
    }
}
