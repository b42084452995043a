//! A task's key: what decides its content, and nothing else.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use presets::{Asset, Link};
use serde::Serialize;

use crate::ENGINE;
use crate::hash::of_text;
use crate::task::{Annotation, AudioSettings, Checks, FlagPolicy, Output, Render, Task, Tempo, TrackSource};

#[derive(Serialize)]
struct Content<'a> {
    engine: &'a str,
    audio: AudioSettings,
    render: &'a Render,
    outputs: Vec<Output>,
    sources: Vec<(&'a str, &'a str)>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    annotations: Vec<Annotation>,
    #[serde(skip_serializing_if = "Checks::is_nothing")]
    checks: Checks,
}

/// The key of a task. Each path in it counts as the hash of what lies there.
pub(super) fn key(task: &Task) -> String {
    let Task { audio, render, outputs, sources, annotations, checks, .. } = task;
    let hashes: HashMap<&Path, &str> = sources.iter().map(|s| (Path::new(&s.path), s.blake3.as_str())).collect();
    let mut render = render.clone();
    let substitute = Substitute { hashes };
    substitute.render(&mut render);
    let follow = |annotation: &Annotation| {
        let mut source = annotation.source.clone();
        substitute.path(&mut source);
        Annotation { source, path: PathBuf::new(), ..annotation.clone() }
    };
    let content = Content {
        engine: ENGINE,
        audio: *audio,
        render: &render,
        // Where they lie is not what they hold.
        outputs: outputs.iter().map(|output| Output { path: PathBuf::new(), ..output.clone() }).collect(),
        sources: sources.iter().map(|s| (s.role.as_str(), s.blake3.as_str())).collect(),
        annotations: annotations.iter().map(follow).collect(),
        // What becomes of a flagged file, and where it would be put aside, is not what it holds.
        checks: Checks { output_root: None, policy: FlagPolicy::default(), ..checks.clone() },
    };
    of_text(&serde_json::to_string(&content).expect("a render's maps have texts for keys"))
}

struct Substitute<'a> {
    hashes: HashMap<&'a Path, &'a str>,
}

impl Substitute<'_> {
    fn path(&self, path: &mut PathBuf) {
        let hash = self.hashes.get(path.as_path()).expect("every path of a render is one of its sources");
        *path = PathBuf::from(hash);
    }

    fn render(&self, render: &mut Render) {
        match render {
            Render::Tone(tone) => {
                tone.tone.clear();
                self.path(&mut tone.input.file);
                self.chain(&mut tone.chain);
            }
            Render::Session(session) => {
                if let Tempo::Midi(path) = &mut session.tempo {
                    self.path(path);
                }
                for track in &mut session.tracks {
                    match &mut track.source {
                        TrackSource::Audio { file, .. } | TrackSource::Midi { file, .. } => self.path(file),
                        TrackSource::Output { .. } => {}
                    }
                    self.chain(&mut track.chain);
                }
                session.busses.iter_mut().for_each(|bus| self.chain(&mut bus.chain));
                self.chain(&mut session.master.chain);
            }
        }
    }

    fn chain(&self, chain: &mut [Link]) {
        presets::for_each_device(chain, &mut |setup| {
            if let Some((_, file)) = setup.device.plugin_mut() {
                let mut path = PathBuf::from(&file.plugin);
                self.path(&mut path);
                file.plugin = path.to_string_lossy().into_owned();
            }
            let assets = setup.assets.values_mut().filter_map(|asset| match asset {
                Asset::File(path) => Some(path),
                Asset::Embedded(_) => None,
            });
            let own = setup.state.iter_mut().chain(&mut setup.preset).chain(&mut setup.referenced);
            assets.chain(own).for_each(|path| self.path(path));
        });
    }
}
