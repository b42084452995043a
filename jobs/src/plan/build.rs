//! From job to plan: the order of looking, and what all kinds of job share.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use presets::document::{Collector, Document, Located, Mistakes, Node, Place};
use presets::file::{Expand, PlacedLink, PlacedPreset, expand};
use presets::template::{self, ToneTemplate};
use presets::url::is_url;

use super::devices::Devices;
use super::estimate::Estimating;
use super::examiner::Examiner;
use super::sources::Files;
use super::tasks::{Batch, Tasks};
use super::written::Outputs;
use super::{Header, Options, Plan, package, session, songs, tones};
use crate::fetch::{self, Fetcher};
use crate::file::tones::inline;
use crate::file::{JobFile, OutputRules, SongList, SongsForm, SongsWork, Work};
use crate::glob::Glob;
use crate::paths;
use crate::task::{Annotation, AudioSettings, Checks, Item, Output, Render, Source, Task};

/// Tasks that are packed together. More of them would leave the processor's cache before they are packed.
const BATCH: usize = 256;

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
    tasks: Tasks,
    /// Those that are still to be packed, without their keys.
    pending: Vec<Task>,
    /// The batch before those.
    packing: Option<JoinHandle<Batch>>,
    /// Tasks that were packed or are being.
    handed: usize,
    outputs: Outputs,
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
    let root = job.output.as_ref().map(|rules| presets::url::join(&base, rules.file.path.value.root()));
    let root = root.map(|root| paths::clean(&root).unwrap_or(root));
    let mut builder = Builder {
        job,
        collector,
        files: Files::new(options.fetcher.clone()),
        devices: Devices::new(&options.folders, job.audio, examiner),
        base,
        presets: Presets::default(),
        tasks: Tasks::default(),
        pending: Vec::new(),
        packing: None,
        handed: 0,
        outputs: Outputs::default(),
        estimating: Estimating::default(),
    };
    if let (Some(_), Some(rules)) = (&options.output_base, &job.output)
        && is_fixed(Path::new(rules.file.path.value.written()))
    {
        let message = "the path is absolute, so --out cannot move it";
        builder.collector.mistake_with(&rules.file.path.place, message, "Make it relative, or leave --out away.");
    }
    if let (Some(root), Some(rules)) = (&root, &job.output)
        && is_url(root)
    {
        let place = &rules.file.path.place;
        if let Some(refusal) = options.fetcher.refusal() {
            builder.collector.mistake(place, format!("cannot write to {}: {refusal}", root.display()));
        }
        if let Some(package) = &rules.package {
            let message = "a data set is made of files on this machine, and these outputs lie in an object store";
            builder.collector.mistake_with(&package.place, message, "Write to a folder, or take package out.");
        }
    }
    builder.devices.grant(&job.grants);
    match &job.work {
        Some(Work::Tones(form)) => tones::plan(&mut builder, form),
        Some(Work::Session(form)) => session::plan(&mut builder, form),
        Some(Work::Songs(work)) => songs::plan(&mut builder, work),
        None => {}
    }
    builder.pack();
    await_packing(&mut builder.packing, &mut builder.tasks);
    let Builder { collector, devices, files, base, tasks, outputs, estimating, .. } = builder;
    if let Some(rules) = &job.output {
        let patterns = patterns(job);
        let among = |folder: &Path| patterns.iter().any(|pattern| folder.starts_with(&pattern.clean));
        let is_read = |path: &Path| patterns.iter().find(|pattern| pattern.reads(path, job)).map(Pattern::shown);
        outputs.finish(&tasks, &rules.file.path.place, &among, &is_read, &collector);
    }
    let mut sandbox = files.into_reads();
    sandbox.extend(&devices.grants);
    // What a plugin's own files name often starts at the job.
    if job.path.is_file() {
        crate::sandbox::let_read(&mut sandbox, &job.path);
    }
    let warnings = devices.warnings;
    let rules = job.output.as_ref().and_then(|rules| rules.package.as_ref());
    let package = rules.zip(root.as_deref()).and_then(|(rules, root)| package::plan(rules, &base, root, &collector));
    let (estimate, efforts) = estimating.finish();
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
            estimate: Some(estimate),
            package,
            sandbox,
        },
        tasks: Arc::new(tasks),
        efforts,
    })
}

/// A pattern of the job that reads inputs.
struct Pattern<'a> {
    glob: &'a Glob,
    /// The pattern's own folder, which may hold points.
    fixed: PathBuf,
    /// That folder without them, as the paths of outputs are.
    clean: PathBuf,
}

fn patterns(job: &JobFile) -> Vec<Pattern<'_>> {
    let globs: Vec<&Glob> = match &job.work {
        Some(Work::Tones(form)) => form.inputs.iter().flat_map(|input| input.globs()).map(|glob| &glob.value).collect(),
        Some(Work::Songs(SongsWork { songs: SongsForm { list: SongList::Files(files), .. }, .. })) => {
            files.iter().map(|files| &files.value).collect()
        }
        _ => Vec::new(),
    };
    let folder = job_folder(job);
    let pattern = |glob| {
        let fixed = Glob::folder(glob, folder);
        let clean = paths::clean(&fixed).ok()?;
        Some(Pattern { glob, fixed, clean })
    };
    globs.into_iter().filter(|glob| glob.is_pattern()).filter_map(pattern).collect()
}

fn job_folder(job: &JobFile) -> &Path {
    if job.folder.as_os_str().is_empty() { Path::new(".") } else { &job.folder }
}

impl Pattern<'_> {
    /// Whether it finds a path, or searches the very folder that it lies in.
    fn reads(&self, path: &Path, job: &JobFile) -> bool {
        let among = path.parent() == Some(self.clean.as_path());
        let below = path.strip_prefix(&self.clean).ok();
        let finds = |below: &Path| self.glob.matches(&self.fixed.join(below), job_folder(job)).is_some();
        among || below.is_some_and(finds)
    }

    fn shown(&self) -> String {
        format!("\"{}\"", self.glob.written())
    }
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
        let path = there(path, place, &*self.files.fetcher, &self.collector)?;
        let document = document(&path, place, &*self.files.fetcher, &self.collector)?;
        template::decode(&document.root, &path, &mut self.opener(), &self.collector)
    }

    /// Likewise one that stands in the job itself.
    pub fn inline_template(&self, preset: &Node) -> Option<ToneTemplate> {
        template::decode_inline(preset, &inline(&self.job.folder), &mut self.opener(), &self.collector)
    }

    fn opener(&self) -> impl FnMut(&Located<PathBuf>) -> Option<Document> {
        |preset| {
            let fetcher = &*self.files.fetcher;
            let path = there(&preset.value, &preset.place, fetcher, &self.collector)?;
            document(&path, &preset.place, fetcher, &self.collector)
        }
    }

    /// A chain with every preset that it names in its place. `None` where one is missing; the mistake is told.
    pub fn links_of(&mut self, chain: Vec<PlacedLink>) -> Option<Vec<PlacedLink>> {
        let Builder { presets, collector, files, .. } = self;
        let mut open =
            |preset: &Located<PathBuf>| presets.open(&preset.value, &preset.place, &*files.fetcher, collector);
        expand(chain, &mut Expand { open: &mut open, collector })
    }

    /// Adds a task.
    pub fn task(&mut self, label: String, render: Render, outputs: Vec<Output>, sources: Vec<Source>, beside: Beside) {
        let Beside { item, annotations, checks, frames, channels } = beside;
        let number = (self.handed + self.pending.len()) as u32;
        let (audio, key, run) = (self.audio(), String::new(), String::new());
        let task = Task { number, label, key, audio, render, outputs, sources, item, annotations, checks, run };
        if let Some(rules) = self.rules() {
            let Builder { outputs, tasks, pending, packing, collector, .. } = self;
            let mut label = |number: u32| {
                await_packing(packing, tasks);
                match pending.first() {
                    Some(first) if number >= first.number => pending[(number - first.number) as usize].label.clone(),
                    _ => tasks.get(number as usize).label,
                }
            };
            outputs.add(&task, &mut label, &rules.file.path.place, collector);
        }
        self.estimating.add(&task, frames, channels);
        self.pending.push(task);
        if self.pending.len() == BATCH {
            self.pack();
        }
    }

    /// Lets what was added since the last time be packed, while planning goes on.
    fn pack(&mut self) {
        await_packing(&mut self.packing, &mut self.tasks);
        let tasks = std::mem::take(&mut self.pending);
        self.handed += tasks.len();
        let complete = |task: &mut Task| task.key = super::key::key(task);
        self.packing = Some(std::thread::spawn(move || Batch::pack(tasks, complete)));
    }
}

/// Takes over what is being packed.
fn await_packing(packing: &mut Option<JoinHandle<Batch>>, tasks: &mut Tasks) {
    if let Some(packing) = packing.take() {
        tasks.append(packing.join().expect("packing does not panic"));
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
    fn open(
        &mut self,
        path: &Path,
        place: &Place,
        fetcher: &dyn Fetcher,
        collector: &Collector,
    ) -> Option<PlacedPreset> {
        let path = there(path, place, fetcher, collector)?;
        let read =
            |path: &PathBuf| presets::file::decode(&document(path, place, fetcher, collector)?.root, path, collector);
        self.read.entry(path).or_insert_with_key(read).clone()
    }
}

/// A preset file's tidy path; tells where there is no such file.
fn there(path: &Path, place: &Place, fetcher: &dyn Fetcher, collector: &Collector) -> Option<PathBuf> {
    if is_url(path) {
        return match fetcher.fetch(path) {
            Ok(_) => Some(presets::url::tidy(path)),
            Err(error) => {
                collector.mistake(place, format!("cannot use a preset: {error}"));
                None
            }
        };
    }
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

/// A preset file as a tree.
fn document(path: &Path, place: &Place, fetcher: &dyn Fetcher, collector: &Collector) -> Option<Document> {
    if !is_url(path) {
        return Document::read(path, collector);
    }
    match fetch::read(fetcher, path) {
        Ok(bytes) => Document::parse(&path.display().to_string(), bytes, collector),
        Err(error) => {
            collector.mistake(place, format!("cannot read a preset: {error}"));
            None
        }
    }
}

/// Whether a path means the same in every folder.
fn is_fixed(path: &Path) -> bool {
    path.is_absolute() || is_url(path)
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
