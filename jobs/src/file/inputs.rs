//! The recordings of a job: where they are, what is known of them, what belongs to them, and what of them is played.

mod played;
mod schema;

use std::path::{Path, PathBuf};

use audio::sounding::Sounding;
use presets::document::{Collector, Fields, Kind, Located, Node, Place, closest, text};

pub use played::{ChannelChoice, Cut, NoiseForm, SegmentsForm};
pub(super) use schema::definitions;

use super::tones::globs;
use crate::glob::{Glob, is_name};
use crate::task::TakeLevel;
use crate::template::Template;

const FILES_HELP: &str = "Name recordings: inputs: \"data/*.wav\".";

/// Recordings of one group, and what is done with them.
#[derive(Clone, Debug, PartialEq)]
pub struct InputForm {
    /// The name of their group; empty where it has none.
    pub group: String,
    /// Where the group stands.
    pub place: Place,
    /// Which files they are.
    pub recordings: Recordings,
    /// Files beside each recording whose fields are known of it.
    pub metadata: Vec<Located<Template>>,
    /// Files that belong to each recording and follow what is played of it.
    pub annotations: Vec<Located<Template>>,
    /// What must be known of each recording, and says which of them never part.
    pub group_by: Option<Located<String>>,
    /// Which of their channels are played, each choice by itself.
    pub channels: Option<Located<Vec<ChannelChoice>>>,
    /// Which parts of them are played.
    pub segments: Option<Located<SegmentsForm>>,
    /// Silence at both ends is no part of them.
    pub trim: Option<Located<Sounding>>,
    /// The level that each take is brought to.
    pub level: Option<TakeLevel>,
    /// What is laid under each take.
    pub noise: Option<NoiseForm>,
}

/// Where recordings are.
#[derive(Clone, Debug, PartialEq)]
pub enum Recordings {
    /// What patterns find.
    Files(Vec<Located<Glob>>),
    /// What a list names: CSV, or JSON lines.
    List(Located<PathBuf>),
}

impl InputForm {
    /// Recordings that patterns find, played as they are.
    fn plain(group: String, place: Place, files: Vec<Located<Glob>>) -> InputForm {
        InputForm {
            group,
            place,
            recordings: Recordings::Files(files),
            metadata: Vec::new(),
            annotations: Vec::new(),
            group_by: None,
            channels: None,
            segments: None,
            trim: None,
            level: None,
            noise: None,
        }
    }

    /// The patterns that find recordings; none where a list names them.
    pub fn globs(&self) -> &[Located<Glob>] {
        match &self.recordings {
            Recordings::Files(globs) => globs,
            Recordings::List(_) => &[],
        }
    }

    /// What patterns capture of every recording; `None` where a list names what is known.
    fn captured(&self) -> Option<Vec<&str>> {
        let Recordings::Files(globs) = &self.recordings else { return None };
        let mut captures = globs.iter().map(|glob| glob.value.captures());
        let first = captures.next().unwrap_or_default();
        let rest: Vec<_> = captures.collect();
        Some(first.into_iter().filter(|name| rest.iter().all(|other| other.contains(name))).collect())
    }

    /// Whether what is known of a recording shows only where lists and files beside it are read.
    pub fn is_open(&self) -> bool {
        matches!(self.recordings, Recordings::List(_)) || !self.metadata.is_empty()
    }

    /// What fills an output path for every take, where the job alone says so.
    fn fills(&self) -> Option<Vec<&str>> {
        let mut names = self.captured().filter(|_| !self.is_open())?;
        for own in self.own() {
            names.push(own);
        }
        Some(names)
    }

    /// What its channels and segments fill.
    pub fn own(&self) -> impl Iterator<Item = &'static str> {
        let channel = self.channels.as_ref().map(|_| "channel");
        channel.into_iter().chain(self.segments.as_ref().map(|_| "segment"))
    }
}

/// What fills output paths for every take of all these; `None` where that shows only while planning. `known` are the
/// placeholders of all jobs of this kind, after which no capture may be called.
pub(super) fn fills<'f>(inputs: &'f [InputForm], known: &[&str], collector: &Collector) -> Option<Vec<&'f str>> {
    for input in inputs {
        for glob in input.globs() {
            let own = |name: &&str| known.contains(name) || input.own().any(|own| own == *name);
            if let Some(name) = glob.value.captures().into_iter().find(own) {
                let message = format!("the capture {{{name}}} has the name of a placeholder");
                collector.mistake_with(&glob.place, message, "Give it another name.");
            }
        }
    }
    let mut all = inputs.iter().map(InputForm::fills);
    let first = all.next()??;
    let rest: Option<Vec<_>> = all.collect();
    let rest = rest?;
    Some(first.into_iter().filter(|name| rest.iter().all(|other| other.contains(name))).collect())
}

/// Reads `inputs`.
pub(super) fn decode(node: &Node, folder: &Path, collector: &Collector) -> Vec<InputForm> {
    let before = collector.len();
    let mut inputs = Vec::new();
    match &node.kind {
        Kind::Map(groups) => {
            let field = |name: &str| ["files", "list", "metadata", "annotations", "segments"].contains(&name);
            if let Some(group) = groups.iter().find(|group| field(&group.key.value) && group.value.map().is_none()) {
                let message = format!("inputs has no field {}: its fields are groups of recordings", group.key.value);
                let help = "Write the fields into a group with a name: inputs: { di: { files: \"data/*.wav\" } }.";
                collector.mistake_with(&group.key.place, message, help);
                return inputs;
            }
            for group in groups {
                let (name, place) = (group.key.value.clone(), group.key.place.clone());
                inputs.extend(match &group.value.kind {
                    Kind::Map(_) => self::group(name, place, &group.value, folder, collector),
                    _ => patterns("files", &group.value, collector).map(|f| InputForm::plain(name, place, f)),
                });
            }
        }
        _ => {
            let files = patterns("inputs", node, collector);
            inputs.extend(files.map(|files| InputForm::plain(String::new(), node.place.clone(), files)));
        }
    }
    if inputs.is_empty() && collector.len() == before {
        collector.mistake_with(&node.place, "inputs names no files", FILES_HELP);
    }
    inputs
}

/// Patterns, at least one.
fn patterns(name: &str, node: &Node, collector: &Collector) -> Option<Vec<Located<Glob>>> {
    let before = collector.len();
    let found = globs(name, node, collector);
    if found.is_empty() && collector.len() == before {
        collector.mistake_with(&node.place, format!("{name} names no files"), FILES_HELP);
    }
    Some(found).filter(|found| !found.is_empty())
}

fn group(group: String, place: Place, node: &Node, folder: &Path, collector: &Collector) -> Option<InputForm> {
    let fields = Fields::of("a group of inputs", node, collector)?;
    let (files, list) = (fields.get("files"), fields.get("list"));
    let has = |field: &str| fields.entries().iter().any(|e| e.key.value == field);
    let recordings = match (files, list) {
        (Some(node), None) => patterns("files", node, collector).map(Recordings::Files),
        (None, Some(node)) => self::list(node, folder, collector).map(Recordings::List),
        (Some(_), Some(_)) => {
            let message = "files and list are two ways to name recordings";
            collector.mistake_with(fields.place_of("list"), message, "Write each into a group of its own.");
            None
        }
        (None, None) if has("files") || has("list") => None,
        (None, None) => {
            let help = "Name recordings: files: \"data/*.wav\", or list: takes.csv.";
            collector.mistake_with(fields.place(), "a group of inputs needs files or a list", help);
            None
        }
    };
    let templates =
        |name: &'static str| fields.get(name).map_or_else(Vec::new, |node| templates(name, node, collector));
    let mut form = InputForm {
        metadata: templates("metadata"),
        annotations: templates("annotations"),
        group_by: fields.text("group_by"),
        channels: fields.get("channels").and_then(|node| played::channels(node, collector)),
        segments: fields.get("segments").and_then(|node| played::segments(node, collector)),
        trim: fields.get("trim").and_then(|node| played::trim(node, collector)),
        level: fields.get("level").and_then(|node| played::level(node, collector)),
        noise: fields.get("noise").and_then(|node| played::noise(node, collector)),
        ..InputForm::plain(group, place, Vec::new())
    };
    fields.finish();
    form.recordings = recordings?;
    check_patterns(&form, collector);
    Some(form)
}

/// The path of a list.
fn list(node: &Node, folder: &Path, collector: &Collector) -> Option<Located<PathBuf>> {
    let written = text("list", node, collector)?;
    let extension = Path::new(&written).extension().map(|e| e.to_string_lossy().to_ascii_lowercase());
    if !matches!(extension.as_deref(), Some("csv" | "jsonl" | "ndjson")) {
        let help = "Name a .csv whose first line names its columns, or a .jsonl with an object a line.";
        collector.mistake_with(&node.place, format!("list = {} is no list that is read", node.shown()), help);
        return None;
    }
    Some(Located::new(presets::url::join(folder, written), node.place.clone()))
}

/// One path with placeholders or a list of them.
fn templates(name: &str, node: &Node, collector: &Collector) -> Vec<Located<Template>> {
    match &node.kind {
        Kind::List(items) => items.iter().filter_map(|item| template(name, item, collector)).collect(),
        _ => template(name, node, collector).into_iter().collect(),
    }
}

/// The path of a file beside each recording.
pub(super) fn template(name: &str, node: &Node, collector: &Collector) -> Option<Located<Template>> {
    let written = text(name, node, collector)?;
    match Template::parse(&written) {
        Ok(template) => Some(Located::new(template, node.place.clone())),
        Err(error) => {
            collector.mistake(&node.place, format!("{name} = {} is not a path for files: {error}", node.shown()));
            None
        }
    }
}

/// Tells what nothing fills or nobody knows, where the job alone shows it.
fn check_patterns(form: &InputForm, collector: &Collector) {
    let Some(captured) = form.captured() else { return };
    let known: Vec<&str> = ["input", "group"].into_iter().chain(captured).collect();
    let check = |name: &str, template: &Located<Template>, known: &[&str]| {
        for placeholder in template.value.placeholders().filter(|name| !known.contains(name)) {
            let message = format!("nothing fills {{{placeholder}}} in {name}");
            collector.mistake_with(&template.place, message, placeholder_help(placeholder, known));
        }
    };
    form.metadata.iter().for_each(|template| check("metadata", template, &known));
    if !form.metadata.is_empty() {
        return;
    }
    if let Some(Located { value: SegmentsForm { cut: Cut::Beats { of, .. }, .. }, .. }) = &form.segments {
        check("of", of, &known);
    }
    let channel = form.channels.as_ref().map(|_| "channel");
    let with_channel: Vec<&str> = known.iter().copied().chain(channel).collect();
    form.annotations.iter().for_each(|template| check("annotations", template, &with_channel));
    if let Some(Located { value: name, place }) = form.group_by.as_ref().filter(|by| !known.contains(&&*by.value)) {
        let message = format!("group_by = \"{name}\", and that is not known of the recordings");
        let help = match closest(name, known.iter().copied()) {
            Some(close) => format!("Did you mean {close}?"),
            None if is_name(name) => {
                format!("Capture it: files: \"data/{{{name}}}/*.wav\", or name a list or metadata.")
            }
            None => "Name a capture, a column of a list or a field of metadata.".to_owned(),
        };
        collector.mistake_with(place, message, help);
    }
}

/// What to write instead of a placeholder that nothing fills.
pub(crate) fn placeholder_help(name: &str, known: &[&str]) -> String {
    match closest(name, known.iter().copied()) {
        Some(close) => format!("Did you mean {{{close}}}?"),
        None => format!("There are {{{}}}.", known.join("}, {")),
    }
}
