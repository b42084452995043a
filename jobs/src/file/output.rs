//! What a job writes, and where.

use presets::document::{Collector, Fields, Located, Node, Place, closest, seconds};
use serde::{Deserialize, Serialize};

use super::Work;
use super::also;
use super::annotations::{self, AnnotationPlace};
use super::deliver::{self, Delivery, DeliveryKind};
use super::encoding::{FileRules, file_rules};
use super::inputs;
use super::package::{self, PackageRules};
use crate::task::Length;
use crate::template::Template;

/// Most seconds that a render may last: a day.
pub(crate) const MOST_SECONDS: f64 = 86_400.0;
/// A frame at the lowest rate takes less.
const LEAST_SECONDS: f64 = 0.001;
/// How long a tail may be where the job does not say.
const TAIL: f64 = 10.0;

/// What is written, and where.
#[derive(Clone, Debug, PartialEq)]
pub struct OutputRules {
    /// How files are written unless a sound says otherwise.
    pub file: FileRules,
    /// How long they are.
    pub length: Length,
    /// What happens where a file stands already.
    pub collision: Collision,
    /// Which sounds.
    pub deliver: Vec<Delivery>,
    /// How the dry takes are written as files of their own, where they are.
    pub dry: Option<FileRules>,
    /// The data set that is made of it all.
    pub package: Option<PackageRules>,
    /// Where what belongs to a take is written.
    pub annotations: AnnotationPlace,
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

pub(super) fn decode(node: &Node, work: Option<&Work>, collector: &Collector) -> Option<OutputRules> {
    let fields = Fields::of("output", node, collector)?;
    fields.require("path", "Write path: \"out/{name}.wav\".");
    let length = fields.get("length").and_then(|node| length(node, collector)).unwrap_or(Length::Match);
    let collisions = [
        ("skip", Collision::Skip),
        ("overwrite", Collision::Overwrite),
        ("increment", Collision::Increment),
        ("error", Collision::Error),
    ];
    let collision = fields.choice("collision", &collisions).unwrap_or_default();
    let file = file_rules(&fields, None, collector);
    let deliver = fields.get("deliver");
    let also = fields.get("also");
    let package = fields.get("package").and_then(|node| package::decode(node, collector));
    let annotations = fields.get("annotations").map(|node| annotations::decode(node, work, collector));
    let annotations = annotations.unwrap_or_default();
    fields.finish();
    let file = file?;
    let deliver = match deliver {
        Some(node) => deliver::decode(node, work, &file, collector),
        None => vec![Delivery { kind: DeliveryKind::Mix, file: file.clone() }],
    };
    let dry = also.and_then(|node| also::decode(node, work, &file, collector));
    check_placeholders(work, &deliver, dry.as_ref(), &annotations, collector);
    check_matches(work, &deliver, collector);
    Some(OutputRules { file, length, collision, deliver, dry, package, annotations })
}

/// Tells sounds that are to be matched to a dry take, of which sessions have none.
fn check_matches(work: Option<&Work>, deliver: &[Delivery], collector: &Collector) {
    if !matches!(work, Some(Work::Session(_) | Work::Songs(_))) {
        return;
    }
    let mut told: Vec<&Place> = Vec::new();
    for Located { place, .. } in deliver.iter().filter_map(|delivery| delivery.file.match_dry.as_ref()) {
        if !told.contains(&place) {
            let message = "match compares with a dry take, and a session has none";
            collector.mistake_with(place, message, "Write loudness or normalize.");
            told.push(place);
        }
    }
}

fn length(node: &Node, collector: &Collector) -> Option<Length> {
    if node.map().is_some() {
        let fields = Fields::of("length", node, collector)?;
        let limit = fields.require("tail", "Write length: { tail: 5 s }.");
        let limit = limit.and_then(|node| seconds("tail", node, 0.0..=MOST_SECONDS, collector));
        let below_db = fields.decibels("until", -140.0..=-20.0).unwrap_or(audio::measure::SILENCE_DBFS);
        fields.finish();
        return Some(Length::Tail { limit: limit?, below_db });
    }
    let written = node.scalar().map_or("", |s| s.text.as_str());
    match written {
        "match" => Some(Length::Match),
        "tail" => Some(Length::Tail { limit: TAIL, below_db: audio::measure::SILENCE_DBFS }),
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
            if length < LEAST_SECONDS {
                collector.mistake_with(
                    &node.place,
                    format!("length = {} leaves nothing to hear", node.shown()),
                    "Write match, tail or a time.",
                );
                return None;
            }
            Some(Length::Seconds(length))
        }
    }
}

/// Tells placeholders that nothing fills, and paths that several sounds would share.
fn check_placeholders(
    work: Option<&Work>,
    deliver: &[Delivery],
    dry: Option<&FileRules>,
    annotations: &AnnotationPlace,
    collector: &Collector,
) {
    let mut known = vec!["job", "name"];
    match work {
        Some(Work::Tones(form)) => {
            known.extend(["tone", "input", "group", "draw"]);
            match inputs::fills(&form.inputs, &known, collector) {
                Some(names) => known.extend(names),
                // What lists and files beside the recordings say is known once they are read.
                None => known.clear(),
            }
        }
        Some(Work::Session(_)) => {}
        // What each song has is known once they are found.
        Some(Work::Songs(_)) | None => known.clear(),
    }
    let mut paths: Vec<&Located<Template>> = Vec::new();
    for file in deliver.iter().map(|delivery| &delivery.file).chain(dry) {
        if !paths.contains(&&file.path) {
            paths.push(&file.path);
        }
    }
    let check = |path: &Located<Template>, known: &[&str]| {
        for name in path.value.placeholders().filter(|name| !known.is_empty() && !known.contains(name)) {
            let message = format!("nothing fills {{{name}}} in the path");
            collector.mistake_with(&path.place, message, inputs::placeholder_help(name, known));
        }
    };
    if let AnnotationPlace::Path(path) = annotations {
        let extension = (!known.is_empty()).then_some("ext");
        check(path, &known.iter().copied().chain(extension).collect::<Vec<_>>());
    }
    for path in paths {
        check(path, &known);
        let mut written = deliver.iter().filter(|delivery| delivery.file.path == *path);
        let several = written.clone().count() > 1 || written.any(|delivery| delivery.kind.is_many());
        if several && !path.value.placeholders().any(|name| name == "name") {
            let message = "several sounds would be written to one path";
            let help = "Put {name} into it: it becomes mix, premaster, stem-NAME, track-NAME or the name of a mix of your own.";
            collector.mistake_with(&path.place, message, help);
        }
    }
}
