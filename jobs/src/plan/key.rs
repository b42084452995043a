//! A task's key: what decides its content, and nothing else.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::ENGINE;
use crate::hash::of_text;
use crate::task::{Annotation, AudioSettings, Checks, FlagPolicy, Output, Render, Task};

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
        if let Render::Tone(tone) = render {
            tone.tone.clear();
        }
        render.for_each_file(&mut |path| self.path(path));
    }
}
