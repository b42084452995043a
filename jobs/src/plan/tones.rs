//! Tasks of a job that takes every input through every tone.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use audio::read::Shape;
use presets::document::{Located, Place, did_you_mean, similar};
use presets::file::PlacedLink;

use super::build::Builder;
use super::devices::Signal;
use super::outputs;
use super::sources::{Sources, names_in};
use crate::file::{InputForm, ToneForm, TonesForm};
use crate::glob::Glob;
use crate::paths;
use crate::task::{Deliver, Render, Source, ToneRender};

struct Input {
    path: PathBuf,
    stem: String,
    group: String,
    captures: BTreeMap<String, String>,
    shape: Shape,
    source: Source,
}

struct Tone {
    /// What `{tone}` becomes: a file's name tells presets apart better than the name in it.
    tag: String,
    name: String,
    chain: Vec<PlacedLink>,
}

pub(super) fn plan(builder: &mut Builder<'_>, form: &TonesForm) {
    let inputs: Vec<Input> = form.inputs.iter().flat_map(|input| find_inputs(builder, input)).collect();
    let tones: Vec<Tone> = form.tones.iter().flat_map(|tone| find_tones(builder, tone)).collect();
    for tone in &tones {
        let mut frozen = HashMap::new();
        if inputs.is_empty() {
            // Without inputs there is a mistake already; the devices' own are told beside it.
            let signal = Signal { channels: None, of: "the input" };
            builder.devices.chain(&tone.chain, signal, &mut builder.files, &builder.collector);
        }
        for input in &inputs {
            let channels = usize::from(input.shape.channels);
            let chain = frozen.entry(channels).or_insert_with(|| {
                let of = paths::shown(&input.path);
                let signal = Signal { channels: Some(channels), of: &of };
                builder.devices.chain(&tone.chain, signal, &mut builder.files, &builder.collector)
            });
            let (Some(chain), Some(rules)) = (chain, builder.rules()) else { continue };
            let mut values: BTreeMap<&str, &str> = BTreeMap::new();
            values.extend(input.captures.iter().map(|(name, text)| (name.as_str(), text.as_str())));
            let fixed = [
                ("job", builder.job.name.as_str()),
                ("name", "mix"),
                ("tone", &tone.tag),
                ("input", &input.stem),
                ("group", &input.group),
            ];
            values.extend(fixed);
            let (file, length) = (&rules.deliver.first().map_or(&rules.file, |d| &d.file), rules.length);
            let collector = &builder.collector;
            let Some(output) = outputs::output(file, length, &builder.base, &values, Deliver::Mix, collector) else {
                continue;
            };
            let mut sources = Sources::default();
            sources.add(input.source.clone());
            sources.extend(&chain.sources);
            let render = Render::Tone(ToneRender {
                input: input.path.clone(),
                tone: tone.name.clone(),
                chain: chain.chain.clone(),
            });
            let label = format!("{}, \"{}\"", input.stem, tone.name);
            builder.task(label, render, vec![output], sources.into_vec());
        }
    }
}

fn find_inputs(builder: &mut Builder<'_>, form: &InputForm) -> Vec<Input> {
    let Located { value: glob, place } = &form.files;
    let found = find(builder, glob, place, "recording");
    let mut inputs = Vec::new();
    for found in found {
        let Some((path, shape, source)) = builder.files.recording(&found.path, place, &builder.collector) else {
            continue;
        };
        let stem = path.file_stem().map_or_else(String::new, |s| s.to_string_lossy().into_owned());
        inputs.push(Input { path, stem, group: form.group.clone(), captures: found.captures, shape, source });
    }
    inputs
}

fn find_tones(builder: &mut Builder<'_>, form: &ToneForm) -> Vec<Tone> {
    match form {
        ToneForm::Inline(Located { value, .. }) => {
            let Some(chain) = builder.links_of(value.chain.clone()) else { return Vec::new() };
            vec![Tone { tag: value.name.clone(), name: value.name.clone(), chain }]
        }
        ToneForm::Files(Located { value: glob, place }) => {
            let mut tones = Vec::new();
            for found in find(builder, glob, place, "preset") {
                let Some(preset) = builder.preset(&found.path, place) else { continue };
                let tag = found.path.file_stem().map_or_else(String::new, |s| s.to_string_lossy().into_owned());
                tones.push(Tone { tag, name: preset.name, chain: preset.chain });
            }
            tones
        }
    }
}

/// What a pattern finds, starting at the job's folder. Nothing found is a mistake.
pub(super) fn find(builder: &Builder<'_>, glob: &Glob, place: &Place, what: &str) -> Vec<crate::glob::Match> {
    let collector = &builder.collector;
    let folder = glob.folder(&builder.job.folder);
    if !glob.is_pattern() {
        // A plain path is looked at where its kind is known; a missing one is told there.
        let path = builder.job.folder.join(glob.written());
        return vec![crate::glob::Match { path, captures: BTreeMap::new() }];
    }
    match glob.find(&builder.job.folder) {
        Ok(found) if found.is_empty() => {
            let folder = if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder };
            let shown = folder.display();
            let help = if folder.is_dir() {
                let names = names_in(&folder);
                let close = similar(glob.written(), names.iter().map(String::as_str), 3);
                match (close.as_slice(), names.as_slice()) {
                    (_, []) => format!("The folder {shown} is empty."),
                    ([], [name, ..]) => format!("The folder {shown} has {} entries, such as {name}.", names.len()),
                    (close, _) => did_you_mean(close),
                }
            } else {
                format!("There is no folder {shown}. Patterns start at this file's folder.")
            };
            collector.mistake_with(place, format!("\"{}\" finds no {what}", glob.written()), help);
            Vec::new()
        }
        Ok(found) => found,
        Err((folder, error)) => {
            let message = format!("cannot look into {}: {error}", folder.display());
            collector.mistake_with(place, message, "Check its permissions.");
            Vec::new()
        }
    }
}
