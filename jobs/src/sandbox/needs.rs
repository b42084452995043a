//! What a request to a worker must find open.

use std::path::Path;

use presets::{Asset, DeviceKind, DeviceSetup};

use super::{Grants, let_read, let_read_alone, let_write};
use crate::message::ToWorker;
use crate::probe::Script;

impl ToWorker {
    /// The files and folders that it names. Folders that are written to are made where they are missing.
    pub fn needs(&self) -> Grants {
        let mut needs = Grants::default();
        match self {
            ToWorker::Render { task, .. } => {
                // What is embedded is part of the program.
                let files = task.sources.iter().map(|source| Path::new(&source.path)).filter(|path| path.is_absolute());
                files.for_each(|path| let_read(&mut needs, path));
                task.paths().filter_map(Path::parent).for_each(|folder| let_write(&mut needs, folder));
            }
            ToWorker::Examine { setup, .. } => device(&mut needs, setup),
            ToWorker::Capture { setup, state, .. } => {
                device(&mut needs, setup);
                state.parent().into_iter().for_each(|folder| let_write(&mut needs, folder));
            }
            ToWorker::Probe { setup, script, .. } => {
                device(&mut needs, setup);
                let (keep, against) = script.files();
                keep.and_then(Path::parent).into_iter().for_each(|folder| let_write(&mut needs, folder));
                against.into_iter().for_each(|file| let_read_alone(&mut needs, file));
            }
            ToWorker::List { path, .. } | ToWorker::ReadPresets { path } => let_read(&mut needs, path),
            ToWorker::ListBuiltin | ToWorker::Exit => {}
        }
        needs
    }
}

fn device(needs: &mut Grants, setup: &DeviceSetup) {
    if let DeviceKind::Plugin(_, file) = setup.device.kind() {
        let_read(needs, Path::new(&file.plugin));
    }
    let assets = setup.assets.values().filter_map(|asset| match asset {
        Asset::File(path) => Some(path),
        Asset::Embedded(_) => None,
    });
    assets.chain(&setup.state).chain(&setup.preset).for_each(|path| let_read(needs, path));
    // A state names what it likes; only that is opened, and nothing beside it.
    setup.referenced.iter().for_each(|path| let_read_alone(needs, path));
}

impl Script {
    /// The sound that it keeps, and those that it compares with.
    fn files(&self) -> (Option<&Path>, Vec<&Path>) {
        match self {
            Script::Survey { keep } => (Some(keep), Vec::new()),
            Script::Play { keep, against } => (keep.as_deref(), against.iter().map(|path| path.as_path()).collect()),
            Script::Twice { against } | Script::Reset { against } | Script::State { against } => (None, vec![against]),
            Script::Layouts | Script::Memory => (None, Vec::new()),
        }
    }
}
