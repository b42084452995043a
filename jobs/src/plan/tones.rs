//! Tasks of a job that takes every input through every tone.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use audio::SampleRate;
use presets::DeviceKind;
use presets::document::{Located, Place, did_you_mean, similar};
use presets::template::{DrawContext, ToneTemplate};
use presets::url::is_url;

use super::build::Builder;
use super::devices::Signal;
use super::draws::{Hands, Tone};
use super::inputs::{self, Input};
use super::rendition::{Names, Rendition};
use super::sources::names_in;
use crate::file::tones::MOST_DRAWS;
use crate::file::{Draws, ToneForm, TonesForm};
use crate::glob::Glob;
use crate::paths;

/// Most tasks of a job.
const MOST_TASKS: u64 = 10_000_000;

/// Bytes of decoded sound that a block of inputs comes to at most: half of what a worker keeps.
const MOST_BLOCK: u64 = 128 << 20;

pub(super) fn plan(builder: &mut Builder<'_>, form: &TonesForm) {
    let (inputs, fit) = inputs::find(builder, form);
    let mut tones: Vec<Tone> = form.tones.iter().flat_map(|tone| find_tones(builder, tone)).collect();
    let seed = builder.job.seed;
    let channels = inputs.first().map(Input::channels);
    for tone in &mut tones {
        tone.prepare(seed, channels, &mut hands(builder));
    }
    let counts = counts(builder, form, &tones, inputs.len());
    for block in blocks(&inputs, builder.audio().sample_rate) {
        if let Some(rules) = builder.rules().and_then(|rules| rules.dry.as_ref()).filter(|_| fit) {
            block.iter().for_each(|input| super::dry::plan(builder, rules, input));
        }
        for (tone, count) in tones.iter_mut().zip(&counts) {
            if tone.whole && fit && *count > 0 {
                block.iter().for_each(|input| draw(builder, tone, input, *count));
            }
        }
    }
    tones.iter_mut().for_each(|tone| tone.examine_rest(&mut hands(builder)));
}

/// Inputs whose sound a worker keeps at hand together. All tones play a block before the next begins, so that each input is
/// decoded once, and what a tone needs is loaded once a block.
fn blocks(inputs: &[Input], rate: SampleRate) -> impl Iterator<Item = &[Input]> {
    let mut rest = inputs;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = |input: &&Input| {
            bytes += input.frames(rate) * input.channels() as u64 * 4;
            bytes <= MOST_BLOCK
        };
        let count = rest.iter().take_while(fits).count().clamp(1, rest.len().max(1));
        let (block, behind) = rest.split_at_checked(count)?;
        rest = behind;
        Some(block)
    })
}

/// The tasks of one input and one tone.
fn draw(builder: &mut Builder<'_>, tone: &mut Tone, input: &Input, count: u64) {
    let recording = &input.recording;
    // A text that no other group, input and tone give together.
    let item = serde_json::to_string(&(&recording.group, &input.identity(), &tone.tag)).expect("texts are JSON");
    let shown = paths::shown(&recording.path);
    let drawn = tone.template().has_draws();
    for number in 0..count {
        let context = DrawContext { seed: builder.job.seed, item: &item, draw: number, metadata: &input.metadata };
        let signal = Signal { channels: Some(input.channels()), of: &shown };
        let resolved = tone.resolve(&context, signal, &mut hands(builder));
        let (Some((resolved, used, behind)), Some(rules)) = (resolved, builder.rules()) else { continue };
        let file = &rules.deliver.first().map_or(&rules.file, |delivery| &delivery.file);
        let label = match count {
            1 => format!("{}, \"{}\"", input.label, tone.name),
            _ => format!("{}, \"{}\", draw {number}", input.label, tone.name),
        };
        let rendition = Rendition {
            names: Names { name: "mix", tone: &tone.tag, draw: number },
            tone: Some(&tone.name),
            draw: drawn.then_some(number),
            drawn: tone.template().drawn(&resolved),
            chain: resolved.chain,
            used,
            channels: behind.unwrap_or(input.channels()),
            length: rules.length,
            checks: builder.job.checks.clone(),
            label,
        };
        rendition.add(builder, input, file);
    }
}

fn hands<'h, 'd>(builder: &'h mut Builder<'d>) -> Hands<'h, 'd> {
    Hands { devices: &mut builder.devices, files: &mut builder.files, collector: &builder.collector }
}

/// How often each input goes through each tone; nothing where that cannot be.
fn counts(builder: &mut Builder<'_>, form: &TonesForm, tones: &[Tone], inputs: usize) -> Vec<u64> {
    let of = |tone: &Tone| match form.draws.as_ref().map(|draws| draws.value) {
        _ if !tone.template().has_draws() => 1,
        None => 1,
        Some(Draws::Count(count)) => count,
        Some(Draws::Grid) => tone.template().combinations(),
    };
    let counts: Vec<u64> = tones.iter().map(of).collect();
    let none = vec![0; tones.len()];
    let collector = &builder.collector;
    if let Some(Located { value, place }) = &form.draws {
        let known = !tones.is_empty() && tones.iter().all(|tone| tone.whole);
        if known && !tones.iter().any(|tone| tone.template().has_draws()) {
            builder
                .devices
                .warn(format!("{place}: no tone draws anything, so each input goes through each tone once."));
        } else if known && *value == Draws::Grid && counts.iter().all(|count| *count == 1) {
            let help = "Write grid: [1, 2, 5] in a preset, or how often: draws: 8.";
            collector.mistake_with(place, "draws = grid, and no tone has a grid of several values", help);
        }
        if let Some((tone, count)) = tones.iter().zip(&counts).find(|(_, count)| **count > MOST_DRAWS) {
            let message =
                format!("the grids of \"{}\" have {count} combinations; at most {MOST_DRAWS} are drawn", tone.name);
            collector.mistake_with(place, message, "Take larger steps, or write how often: draws: 8.");
            return none;
        }
        let tasks = counts.iter().fold(0u64, |sum, count| sum.saturating_add(count.saturating_mul(inputs as u64)));
        if tasks > MOST_TASKS {
            let message = format!("these are {tasks} renders; a job takes at most {MOST_TASKS}");
            collector.mistake_with(place, message, "Write fewer draws, or several jobs.");
            return none;
        }
    }
    if counts.iter().any(|count| *count > 1)
        && let Some(rules) = builder.rules()
    {
        let path = &rules.deliver.first().map_or(&rules.file, |delivery| &delivery.file).path;
        if !path.value.placeholders().any(|name| name == "draw") {
            let message = "several draws would be written to one path";
            collector.mistake_with(&path.place, message, "Put {draw} into it: it becomes 000, 001 and so on.");
            return none;
        }
    }
    counts
}

fn find_tones(builder: &mut Builder<'_>, form: &ToneForm) -> Vec<Tone> {
    match form {
        ToneForm::Inline { preset, alone } => {
            let before = builder.collector.len();
            let Some(mut template) = builder.inline_template(preset) else { return Vec::new() };
            let whole = builder.collector.len() == before;
            if *alone {
                template.name = device_name(&template);
            }
            vec![Tone::new(template.name.clone(), template, whole)]
        }
        ToneForm::Files(Located { value: glob, place }) => {
            let mut tones = Vec::new();
            for found in find(builder, glob, place, "preset") {
                let before = builder.collector.len();
                let Some(template) = builder.template(&found.path, place) else { continue };
                let whole = builder.collector.len() == before;
                let tag = found.path.file_stem().map_or_else(String::new, |s| s.to_string_lossy().into_owned());
                tones.push(Tone::new(tag, template, whole));
            }
            tones
        }
    }
}

/// What a tone of one device alone is called.
fn device_name(template: &ToneTemplate) -> String {
    let Some(device) = template.devices().first() else { return template.name.clone() };
    match device.device.setup.device.kind() {
        DeviceKind::Builtin(name) => name.to_owned(),
        DeviceKind::Plugin(_, file) => {
            let stem = Path::new(&file.plugin).file_stem();
            stem.map_or_else(|| file.plugin.clone(), |stem| stem.to_string_lossy().into_owned())
        }
    }
}

/// What a pattern finds, starting at the job's folder. Nothing found is a mistake.
pub(super) fn find(builder: &Builder<'_>, glob: &Glob, place: &Place, what: &str) -> Vec<crate::glob::Match> {
    let collector = &builder.collector;
    let folder = glob.folder(&builder.job.folder);
    if !glob.is_pattern() {
        // A plain path is looked at where its kind is known; a missing one is told there.
        let path = presets::url::join(&builder.job.folder, glob.written());
        return vec![crate::glob::Match { path, captures: BTreeMap::new() }];
    }
    match glob.find(&builder.job.folder, &*builder.files.fetcher) {
        Ok(found) if found.is_empty() => {
            let folder = if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder };
            let shown = folder.display();
            let help = if is_url(&folder) {
                format!("No object below {shown} has such a name.")
            } else if folder.is_dir() {
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
            collector.mistake_with(place, message, if is_url(&folder) { "" } else { "Check its permissions." });
            Vec::new()
        }
    }
}
