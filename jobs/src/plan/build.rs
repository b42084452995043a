//! From job to plan: the order of looking, and what all kinds of job share.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use presets::document::{Collector, Document, Located, Mistakes, Node, Place};
use presets::file::{Expand, PlacedLink, PlacedPreset, expand};
use presets::template::{self, ToneTemplate};

use super::devices::Devices;
use super::estimate::Estimating;
use super::examiner::Examiner;
use super::sources::Files;
use super::{Header, Options, Plan, outputs, package, session, songs, tones};
use crate::file::tones::inline;
use crate::file::{JobFile, OutputRules, SongList, SongsForm, SongsWork, Work};
use crate::paths;
use crate::task::{Annotation, AudioSettings, Checks, Item, Output, Render, Source, Task};

/// What a task of a job with inputs has beside its render and outputs.
#[derive(Default)]
pub(super) struct Beside {
    pub item: Option<Item>,
    pub annotations: Vec<Annotation>,
    pub checks: Checks,
    /// How long its sources last, in frames at the render's rate.
    pub frames: u64,
    /// Channels that it sounds in.
    pub channels: u16,
}

/// Everything that planning has at hand.
pub(super) struct Builder<'a> {
    pub job: &'a JobFile,
    pub collector: Collector,
    pub files: Files,
    pub devices: Devices<'a>,
    /// The folder that relative output paths start from, absolute.
    pub base: PathBuf,
    presets: Presets,
    tasks: Vec<Task>,
    estimating: Estimating,
}

pub(super) fn build(job: &JobFile, options: &Options, examiner: &mut dyn Examiner) -> Result<Plan, Mistakes> {
    let collector = Collector::new();
    collector.extend(job.mistakes.clone());
    let place = Place::file(job.path.display().to_string());
    let base = options.output_base.clone().unwrap_or_default();
    let base = match std::path::absolute(if base.as_os_str().is_empty() { Path::new(".") } else { &base }) {
        Ok(base) => paths::clean(&base).unwrap_or(base),
        Err(error) => {
            collector.mistake(&place, format!("the working directory is not known: {error}"));
            return Err(collector.into_mistakes());
        }
    };
    let mut builder = Builder {
        job,
        collector,
        files: Files::default(),
        devices: Devices::new(&options.folders, job.audio, examiner),
        base,
        presets: Presets::default(),
        tasks: Vec::new(),
        estimating: Estimating::default(),
    };
    if let (Some(_), Some(rules)) = (&options.output_base, &job.output)
        && Path::new(rules.file.path.value.written()).is_absolute()
    {
        let message = "the path is absolute, so --out cannot move it";
        builder.collector.mistake_with(&rules.file.path.place, message, "Make it relative, or leave --out away.");
    }
    match &job.work {
        Some(Work::Tones(form)) => tones::plan(&mut builder, form),
        Some(Work::Session(form)) => session::plan(&mut builder, form),
        Some(Work::Songs(work)) => songs::plan(&mut builder, work),
        None => {}
    }
    let Builder { collector, devices, base, tasks, estimating, .. } = builder;
    if let Some(rules) = &job.output {
        outputs::check(&tasks, &rules.file.path.place, &|path| reads(job, path), &collector);
    }
    let warnings = devices.warnings;
    let root = job.output.as_ref().map(|rules| base.join(rules.file.path.value.root()));
    let root = root.map(|root| paths::clean(&root).unwrap_or(root));
    let rules = job.output.as_ref().and_then(|rules| rules.package.as_ref());
    let package = rules.zip(root.as_deref()).and_then(|(rules, root)| package::plan(rules, &base, root, &collector));
    collector.finish(root).map(|output_root| Plan {
        header: Header {
            tonemill: crate::FORMAT_VERSION,
            engine: crate::ENGINE.to_owned(),
            job: job.name.clone(),
            job_blake3: job.blake3.clone(),
            seed: job.seed,
            collision: job.output.as_ref().map_or_else(Default::default, |rules| rules.collision),
            output_root,
            tasks: tasks.len() as u32,
            warnings,
            estimate: Some(estimating.finish()),
            package,
        },
        tasks,
    })
}

/// The pattern of the job that reads `path` as an input, or searches the very folder that it lies in.
fn reads(job: &JobFile, path: &Path) -> Option<String> {
    let patterns: Vec<_> = match &job.work {
        Some(Work::Tones(form)) => form.inputs.iter().flat_map(|input| input.globs()).map(|glob| &glob.value).collect(),
        Some(Work::Songs(SongsWork { songs: SongsForm { list: SongList::Files(files), .. }, .. })) => {
            files.iter().map(|files| &files.value).collect()
        }
        _ => return None,
    };
    let folder = if job.folder.as_os_str().is_empty() { Path::new(".") } else { &job.folder };
    // The pattern's own folder may hold points; the path to compare with holds none.
    let matches = |glob: &&crate::glob::Glob| {
        let fixed = glob.folder(folder);
        let Ok(clean) = paths::clean(&fixed) else { return false };
        let among = path.parent() == Some(clean.as_path());
        let below = path.strip_prefix(&clean).ok();
        glob.is_pattern() && (among || below.is_some_and(|below| glob.matches(&fixed.join(below), folder).is_some()))
    };
    patterns.into_iter().find(matches).map(|glob| format!("\"{}\"", glob.written()))
}

impl<'a> Builder<'a> {
    pub fn rules(&self) -> Option<&'a OutputRules> {
        self.job.output.as_ref()
    }

    pub fn audio(&self) -> AudioSettings {
        self.job.audio
    }

    /// A preset file with its draws, and with the presets that it names in their places.
    pub fn template(&self, path: &Path, place: &Place) -> Option<ToneTemplate> {
        let path = there(path, place, &self.collector)?;
        let document = Document::read(&path, &self.collector)?;
        template::decode(&document.root, &path, &mut self.opener(), &self.collector)
    }

    /// Likewise one that stands in the job itself.
    pub fn inline_template(&self, preset: &Node) -> Option<ToneTemplate> {
        template::decode_inline(preset, &inline(&self.job.folder), &mut self.opener(), &self.collector)
    }

    fn opener(&self) -> impl FnMut(&Located<PathBuf>) -> Option<Document> {
        |preset| Document::read(&there(&preset.value, &preset.place, &self.collector)?, &self.collector)
    }

    /// A chain with every preset that it names in its place. `None` where one is missing; the mistake is told.
    pub fn links_of(&mut self, chain: Vec<PlacedLink>) -> Option<Vec<PlacedLink>> {
        let Builder { presets, collector, .. } = self;
        let mut open = |preset: &Located<PathBuf>| presets.open(&preset.value, &preset.place, collector);
        expand(chain, &mut Expand { open: &mut open, collector })
    }

    /// Adds a task.
    pub fn task(&mut self, label: String, render: Render, outputs: Vec<Output>, sources: Vec<Source>, beside: Beside) {
        let Beside { item, annotations, checks, frames, channels } = beside;
        let (number, audio, key) = (self.tasks.len() as u32, self.audio(), String::new());
        let mut task = Task { number, label, key, audio, render, outputs, sources, item, annotations, checks };
        task.key = super::key::key(&task);
        self.estimating.add(&task, frames, channels);
        self.tasks.push(task);
    }
}

/// The preset files of a planning.
#[derive(Default)]
struct Presets {
    /// By path; `None` where one cannot be used, which is told once.
    read: HashMap<PathBuf, Option<PlacedPreset>>,
}

impl Presets {
    /// A preset file, read once.
    fn open(&mut self, path: &Path, place: &Place, collector: &Collector) -> Option<PlacedPreset> {
        let path = there(path, place, collector)?;
        self.read.entry(path).or_insert_with_key(|path| presets::file::read(path, collector)).clone()
    }
}

/// A preset file's tidy path; tells where there is no such file.
fn there(path: &Path, place: &Place, collector: &Collector) -> Option<PathBuf> {
    let path = tidy(path);
    if !path.exists() {
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let names = super::sources::names_in(folder);
        let name = path.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
        let close = presets::document::similar(&name, names.iter().map(String::as_str), 3);
        let device = presets::document::closest(&name, presets::builtin::names());
        let help = match (close.is_empty(), device) {
            (false, _) => presets::document::did_you_mean(&close),
            (true, Some(device)) => format!("Did you mean the device \"builtin:{device}\"?"),
            (true, None) => "Paths start at this file's folder.".to_owned(),
        };
        let message = format!("there is no preset {}", paths::shown(&path));
        collector.mistake_with(place, message, help);
        return None;
    }
    Some(path)
}

/// `jobs/../presets/x.yaml` as a reader would write it. Only where no link stands in front of the points.
fn tidy(path: &Path) -> PathBuf {
    use std::path::Component;
    let mut tidy = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir
                if matches!(tidy.components().next_back(), Some(Component::Normal(_))) && !tidy.is_symlink() =>
            {
                tidy.pop();
            }
            other => tidy.push(other),
        }
    }
    tidy
}
