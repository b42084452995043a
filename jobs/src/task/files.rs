//! Every path of a task, for whoever moves what lies there.

use std::path::PathBuf;

use presets::{Asset, DeviceSetup};

use super::{Render, Task, Tempo, TrackSource};

impl Render {
    /// Calls `change` with the path of every file that is read.
    pub fn for_each_file(&mut self, change: &mut dyn FnMut(&mut PathBuf)) {
        match self {
            Render::Tone(tone) => {
                change(&mut tone.input.file);
                presets::for_each_device(&mut tone.chain, &mut |setup| files_of(setup, change));
            }
            Render::Session(session) => {
                if let Tempo::Midi(path) = &mut session.tempo {
                    change(path);
                }
                for track in &mut session.tracks {
                    match &mut track.source {
                        TrackSource::Audio { file, .. } | TrackSource::Midi { file, .. } => change(file),
                        TrackSource::Output { .. } => {}
                    }
                    presets::for_each_device(&mut track.chain, &mut |setup| files_of(setup, change));
                }
                let chains = session.busses.iter_mut().map(|bus| &mut bus.chain).chain([&mut session.master.chain]);
                for chain in chains {
                    presets::for_each_device(chain, &mut |setup| files_of(setup, change));
                }
            }
        }
    }
}

impl Task {
    /// Calls `change` with the path of every file that a worker reads for it.
    pub fn for_each_file(&mut self, change: &mut dyn FnMut(&mut PathBuf)) {
        self.render.for_each_file(change);
        self.annotations.iter_mut().for_each(|annotation| change(&mut annotation.source));
    }

    /// Calls `change` with every path that it writes to.
    pub fn for_each_output(&mut self, change: &mut dyn FnMut(&mut PathBuf)) {
        self.outputs.iter_mut().for_each(|output| change(&mut output.path));
        self.annotations.iter_mut().for_each(|annotation| change(&mut annotation.path));
    }
}

/// Calls `change` with the path of every file that a device reads, its plugin first.
pub fn files_of(setup: &mut DeviceSetup, change: &mut dyn FnMut(&mut PathBuf)) {
    if let Some((_, file)) = setup.device.plugin_mut() {
        let mut path = PathBuf::from(&file.plugin);
        change(&mut path);
        file.plugin = path.to_string_lossy().into_owned();
    }
    let assets = setup.assets.values_mut().filter_map(|asset| match asset {
        Asset::File(path) => Some(path),
        Asset::Embedded(_) => None,
    });
    let own = setup.state.iter_mut().chain(&mut setup.preset).chain(&mut setup.referenced);
    assets.chain(own).for_each(change);
}
