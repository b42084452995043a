//! What a job writes, and where.

use presets::document::{Collector, Fields, Kind, Located, Node, choice, closest, seconds};
use serde::{Deserialize, Serialize};

use super::Work;
use crate::task::{Container, Depth, FileFormat, Length};
use crate::template::Template;

/// Most seconds that an output may have: a day.
const MOST_SECONDS: f64 = 86_400.0;
/// How long a tail may be where the job does not say.
const TAIL: f64 = 10.0;
const LATER: &[&str] = &["loudness", "ceiling", "also", "annotations"];

/// What is written, and where.
#[derive(Clone, Debug, PartialEq)]
pub struct OutputRules {
    /// The path, with its extension.
    pub path: Located<Template>,
    /// How files are encoded.
    pub format: FileFormat,
    /// How long they are.
    pub length: Length,
    /// What happens where a file stands already.
    pub collision: Collision,
    /// Which sounds.
    pub deliver: Vec<Delivery>,
}

/// What happens where a file of an output's name stands already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Collision {
    /// It stays if this job made it from the same things; if it made it from others, it is made again.
    #[default]
    Skip,
    /// It is replaced.
    Overwrite,
    /// The new file gets a number behind its name.
    Increment,
    /// Nothing is rendered.
    Error,
}

/// A kind of sound that a render gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The finished sound.
    Mix,
    /// The sum before the master chain.
    Premaster,
    /// Each track or bus that feeds the master directly.
    Stems,
    /// Each track.
    Tracks,
}

const DELIVERIES: &[(&str, Delivery)] = &[
    ("mix", Delivery::Mix),
    ("premaster", Delivery::Premaster),
    ("stems", Delivery::Stems),
    ("tracks", Delivery::Tracks),
];

pub(super) fn decode(node: &Node, work: Option<&Work>, collector: &Collector) -> Option<OutputRules> {
    let fields = Fields::of("output", node, collector)?;
    fields.require("path", "Write path: \"out/{name}.wav\".");
    let written = fields.text("path");
    let container = fields.choice("format", &[("wav", Container::Wav), ("flac", Container::Flac)]);
    let depth = fields.get("bits").and_then(|node| bits(node, collector));
    let length = fields.get("length").and_then(|node| length(node, collector)).unwrap_or(Length::Match);
    let collisions = [
        ("skip", Collision::Skip),
        ("overwrite", Collision::Overwrite),
        ("increment", Collision::Increment),
        ("error", Collision::Error),
    ];
    let collision = fields.choice("collision", &collisions).unwrap_or_default();
    let deliver = fields.get("deliver").map_or_else(|| vec![Delivery::Mix], |n| deliver(n, work, collector));
    fields.later(LATER);
    fields.finish();
    let (path, container) = path(written?, container, collector)?;
    check_placeholders(&path, work, &deliver, collector);
    let depth = match depth {
        Some(Located { value: Depth::Float32, place }) if container == Container::Flac => {
            collector.mistake_with(&place, "FLAC holds no 32-bit floating point", "Write bits: 24, or a path in .wav.");
            Depth::Int24
        }
        depth => depth.map_or(Depth::Int24, |d| d.value),
    };
    Some(OutputRules { path, format: FileFormat { container, depth }, length, collision, deliver })
}

fn bits(node: &Node, collector: &Collector) -> Option<Located<Depth>> {
    if node.scalar().is_some_and(|s| s.text == "32") {
        collector.mistake_with(&node.place, "bits = 32 is not known", "Did you mean 32f (floating point)?");
        return None;
    }
    let depths = [("16", Depth::Int16), ("24", Depth::Int24), ("32f", Depth::Float32)];
    choice("bits", node, &depths, collector).map(|depth| Located::new(depth, node.place.clone()))
}

fn length(node: &Node, collector: &Collector) -> Option<Length> {
    if node.map().is_some() {
        let fields = Fields::of("length", node, collector)?;
        let limit = fields.require("tail", "Write length: { tail: 5 s }.");
        let limit = limit.and_then(|node| seconds("tail", node, 0.0..=MOST_SECONDS, collector));
        fields.finish();
        return Some(Length::Tail { limit: limit? });
    }
    let written = node.scalar().map_or("", |s| s.text.as_str());
    match written {
        "match" => Some(Length::Match),
        "tail" => Some(Length::Tail { limit: TAIL }),
        word if word.starts_with(|c: char| c.is_ascii_alphabetic()) => {
            let help = match closest(word, ["match", "tail"]) {
                Some(close) => format!("Did you mean {close}?"),
                None => "Write match, tail, { tail: 5 s }, or a time such as 10 s.".to_owned(),
            };
            collector.mistake_with(&node.place, format!("length = {} is not known", node.shown()), help);
            None
        }
        _ => {
            let length = seconds("length", node, 0.0..=MOST_SECONDS, collector)?;
            if length == 0.0 {
                collector.mistake_with(
                    &node.place,
                    "length = 0 leaves nothing to hear",
                    "Write match, tail or a time.",
                );
                return None;
            }
            Some(Length::Seconds(length))
        }
    }
}

fn deliver(node: &Node, work: Option<&Work>, collector: &Collector) -> Vec<Delivery> {
    let items = match &node.kind {
        Kind::List(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    if items.is_empty() {
        collector.mistake_with(&node.place, "deliver is empty", "Write deliver: [mix].");
    }
    let mut found = Vec::new();
    for item in items {
        if let Some(entry) = item.map().and_then(<[_]>::first) {
            let message = format!("{} in deliver is not part of this version", entry.key.value);
            collector.mistake_with(&entry.key.place, message, "Remove it.");
            continue;
        }
        if item.scalar().is_some_and(|s| s.text == "instrumental") {
            collector.mistake_with(&item.place, "instrumental is not part of this version", "Remove it.");
            continue;
        }
        let Some(one) = choice("deliver", item, DELIVERIES, collector) else { continue };
        if found.contains(&one) {
            collector.mistake_with(&item.place, format!("{} stands twice", item.shown()), "Remove one of the two.");
        } else if matches!(work, Some(Work::Tones(_))) && one != Delivery::Mix {
            let message = format!("deliver = {} is for sessions; a tone gives one sound", item.shown());
            collector.mistake_with(&item.place, message, "Write deliver: [mix], or remove it.");
        } else {
            found.push(one);
        }
    }
    found
}

/// The path with an extension, and the container that it stands for.
fn path(
    written: Located<String>,
    format: Option<Container>,
    collector: &Collector,
) -> Option<(Located<Template>, Container)> {
    let Located { value, place } = written;
    let refuse = |error: &dyn std::fmt::Display| {
        collector.mistake(&place, format!("path = \"{value}\" is not a path for files: {error}"));
        None
    };
    let template = match Template::parse(&value) {
        Ok(template) => template,
        Err(error) => return refuse(&error),
    };
    if value.ends_with('/') {
        return refuse(&"it ends in a folder. Write a file name behind it, such as {name}.wav");
    }
    let extension = template.extension().map(str::to_ascii_lowercase);
    let from_extension = match extension.as_deref() {
        Some("wav") => Some(Container::Wav),
        Some("flac") => Some(Container::Flac),
        _ => None,
    };
    let container = match (from_extension, format) {
        (Some(container), None) => container,
        (Some(container), Some(format)) if container == format => container,
        (Some(_), Some(_)) => {
            let message = format!("path = \"{value}\" does not end as format says");
            collector.mistake_with(&place, message, "Remove format, or change the path's extension.");
            return None;
        }
        (None, Some(format)) => {
            let extension = if format == Container::Wav { "wav" } else { "flac" };
            let longer = Template::parse(&format!("{value}.{extension}")).expect("an extension keeps a template whole");
            return Some((Located::new(longer, place), format));
        }
        (None, None) => {
            let message = match extension {
                Some(extension) => format!("path = \"{value}\" ends in .{extension}, which is not written"),
                None => format!("path = \"{value}\" does not say which format to write"),
            };
            collector.mistake_with(&place, message, "End it in .wav or .flac, or write format: wav or flac.");
            return None;
        }
    };
    Some((Located::new(template, place), container))
}

/// Tells placeholders that nothing fills, and paths that several sounds would share.
fn check_placeholders(path: &Located<Template>, work: Option<&Work>, deliver: &[Delivery], collector: &Collector) {
    let template = &path.value;
    let mut known = vec!["job", "name"];
    match work {
        Some(Work::Tones(form)) => {
            known.extend(["tone", "input", "group"]);
            // A capture fills the path only where every input has it.
            let mut captures = form.inputs.iter().map(|input| input.files.value.captures());
            let first = captures.next().unwrap_or_default();
            let rest: Vec<_> = captures.collect();
            for input in &form.inputs {
                if let Some(name) = input.files.value.captures().into_iter().find(|name| known.contains(name)) {
                    let message = format!("the capture {{{name}}} has the name of a placeholder");
                    collector.mistake_with(&input.files.place, message, "Give it another name.");
                }
            }
            known.extend(first.into_iter().filter(|name| rest.iter().all(|other| other.contains(name))));
        }
        Some(Work::Session(_)) => {}
        None => return,
    }
    for name in template.placeholders() {
        if name == "draw" {
            collector.mistake_with(&path.place, "{draw} is not part of this version", "Remove it.");
        } else if !known.contains(&name) {
            let help = match closest(name, known.iter().copied()) {
                Some(close) => format!("Did you mean {{{close}}}?"),
                None => format!("There are {{{}}}.", known.join("}, {")),
            };
            collector.mistake_with(&path.place, format!("nothing fills {{{name}}} in the path"), help);
        }
    }
    let several = deliver.len() > 1 || deliver.iter().any(|d| matches!(d, Delivery::Stems | Delivery::Tracks));
    if several && !template.placeholders().any(|name| name == "name") {
        let message = "several sounds would be written to one path";
        let help = "Put {name} into it: it becomes mix, premaster, stem-NAME or track-NAME.";
        collector.mistake_with(&path.place, message, help);
    }
}
