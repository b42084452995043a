//! How a worker process is started.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use jobs::sandbox::{Confinement, Wanted};

/// The variable that tells a worker the process id of its farm. A worker asks the system to be killed when its parent
/// dies, then compares: if the parent died before it could ask, the ids differ, and it leaves.
pub const PARENT_VARIABLE: &str = "TONEMILL_PARENT";

/// The program that becomes a worker, with its arguments and what is added to the farm's own environment.
///
/// The worker's end of the connection is its standard input. Before it loads any plugin it moves that to a private
/// descriptor, points standard input at `/dev/null` and standard output at standard error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerCommand {
    /// The program. A name without a slash is looked for in `PATH`.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Variables that are set for it; they win over those that the farm sets.
    pub env: Vec<(OsString, OsString)>,
    /// How it is to confine itself. Its scratch folder is open beside what this grants.
    pub confinement: Confinement,
}

/// The file in a scratch folder that says how its worker is to confine itself.
const CONFINEMENT: &str = "sandbox.json";

/// The folders of a scratch home, and the variables that point at them.
pub(crate) const SCRATCH_FOLDERS: [(&str, &str); 7] = [
    ("HOME", "home"),
    ("XDG_CONFIG_HOME", "home/.config"),
    ("XDG_DATA_HOME", "home/.local/share"),
    ("XDG_STATE_HOME", "home/.local/state"),
    ("XDG_CACHE_HOME", "home/.cache"),
    ("XDG_RUNTIME_DIR", "runtime"),
    ("TMPDIR", "tmp"),
];

impl WorkerCommand {
    /// A command without arguments, whose workers run free.
    pub fn new(program: impl Into<PathBuf>) -> WorkerCommand {
        WorkerCommand { program: program.into(), args: Vec::new(), env: Vec::new(), confinement: Confinement::off() }
    }

    /// What a worker's environment has, for a process that renders without a farm, with the folders that it names made in
    /// `scratch`.
    pub fn environment_here(scratch: &Path) -> std::io::Result<Vec<(OsString, OsString)>> {
        for (_, folder) in SCRATCH_FOLDERS {
            std::fs::create_dir_all(scratch.join(folder))?;
        }
        let mut environment = WorkerCommand::new("").environment(scratch, 0);
        environment.retain(|(variable, _)| variable != PARENT_VARIABLE);
        Ok(environment)
    }

    /// Everything that is set for a worker with this scratch folder, in order; later ones win.
    pub(crate) fn environment(&self, scratch: &Path, parent: u32) -> Vec<(OsString, OsString)> {
        let mut all: Vec<(OsString, OsString)> = vec![
            (PARENT_VARIABLE.into(), parent.to_string().into()),
            // Plugins that make windows while loading must not need a display.
            ("QT_QPA_PLATFORM".into(), "offscreen".into()),
        ];
        if std::env::var_os(jobs::strict::VARIABLE).is_none_or(|value| value != "off") {
            // Fresh memory always holds the same bytes, so that a plugin that forgets to clear its own sounds the same
            // in every process, whatever ran before.
            all.push(("GLIBC_TUNABLES".into(), "glibc.malloc.perturb=255:glibc.malloc.tcache_count=0".into()));
        }
        all.push((jobs::position::VARIABLE.into(), scratch.join(crate::run::POSITION).into()));
        for (variable, folder) in SCRATCH_FOLDERS {
            all.push((variable.into(), scratch.join(folder).into()));
        }
        if self.confinement.wanted != Wanted::Off {
            all.push((jobs::sandbox::VARIABLE.into(), scratch.join(CONFINEMENT).into()));
        }
        all.extend(self.env.iter().cloned());
        all
    }

    /// Writes down how a worker with this scratch folder is to confine itself.
    pub(crate) fn confine(&self, scratch: &Path) -> io::Result<()> {
        if self.confinement.wanted == Wanted::Off {
            return Ok(());
        }
        let mut confinement = self.confinement.clone();
        confinement.grants.let_write(scratch.canonicalize()?);
        std::fs::write(scratch.join(CONFINEMENT), serde_json::to_vec(&confinement)?)
    }
}
