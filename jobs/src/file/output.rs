//! What a job writes, and where.

use audio::SampleRate;
use presets::document::{Collector, Fields, Kind, Located, Node, choice, closest, seconds};
use serde::{Deserialize, Serialize};

use super::Work;
use crate::task::{Broadcast, Ceiling, CeilingBy, Container, Depth, Fade, FileFormat, Finish, Length, Target, Trim};
use crate::template::Template;

/// Most seconds that an output may have: a day.
const MOST_SECONDS: f64 = 86_400.0;
/// How long a tail may be where the job does not say.
const TAIL: f64 = 10.0;
/// Below this there is silence where a job trims and says no level, in dBFS.
const TRIM_DB: f64 = -60.0;
const LATER: &[&str] = &["also", "annotations"];

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
}

/// How files are written.
#[derive(Clone, Debug, PartialEq)]
pub struct FileRules {
    /// The path, with its extension.
    pub path: Located<Template>,
    /// How files are encoded.
    pub format: FileFormat,
    /// Their rate, where it is not the render's.
    pub sample_rate: Option<SampleRate>,
    /// Trimming and fades.
    pub finish: Finish,
    /// The level that they are brought to.
    pub levels: LevelRules,
    /// The Broadcast Wave chunk.
    pub bext: Option<Broadcast>,
}

/// The level that a sound is brought to, as written.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LevelRules {
    /// The level.
    pub target: Option<Target>,
    /// The true peak that it keeps below.
    pub ceiling: Option<Ceiling>,
}

impl LevelRules {
    /// These, and where they say nothing, those.
    pub fn or(self, other: LevelRules) -> LevelRules {
        LevelRules { target: self.target.or(other.target), ceiling: self.ceiling.or(other.ceiling) }
    }
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

/// Sounds of a render that are written.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    /// Which.
    pub kind: DeliveryKind,
    /// How they are written.
    pub file: FileRules,
}

/// A kind of sound that a render gives.
#[derive(Clone, Debug, PartialEq)]
pub enum DeliveryKind {
    /// The finished sound.
    Mix,
    /// The sum before the master chain.
    Premaster,
    /// Each track or bus that feeds the master directly, before the master or behind its fader.
    Stems {
        /// Behind the master's fader.
        master: bool,
    },
    /// Each bus.
    Busses,
    /// Each track.
    Tracks,
    /// What enters each track's effects.
    Dry,
    /// A mix of some tracks and busses.
    Submix {
        /// What `{name}` becomes.
        name: Located<String>,
        /// Which are heard.
        heard: Heard,
        /// Before the master chain.
        premaster: bool,
    },
}

/// Which tracks and busses are heard.
#[derive(Clone, Debug, PartialEq)]
pub enum Heard {
    /// All but these.
    Without(Vec<Located<String>>),
    /// These alone.
    Only(Vec<Located<String>>),
}

const WORDS: &[&str] = &["mix", "premaster", "stems", "busses", "tracks", "dry"];

fn kind(word: &str) -> Option<DeliveryKind> {
    Some(match word {
        "mix" => DeliveryKind::Mix,
        "premaster" => DeliveryKind::Premaster,
        "stems" => DeliveryKind::Stems { master: false },
        "busses" => DeliveryKind::Busses,
        "tracks" => DeliveryKind::Tracks,
        "dry" => DeliveryKind::Dry,
        _ => return None,
    })
}

impl DeliveryKind {
    /// What it takes over of what is written for all sounds. Parts of a mix keep their levels and their beginnings, so
    /// that they sum to it, unless they say otherwise themselves.
    fn base(&self, rules: &FileRules) -> FileRules {
        let mut rules = rules.clone();
        if !matches!(self, DeliveryKind::Mix | DeliveryKind::Submix { premaster: false, .. }) {
            (rules.levels, rules.finish.trim) = (LevelRules::default(), None);
        }
        rules
    }

    /// Whether it may be several files.
    fn is_many(&self) -> bool {
        use DeliveryKind::{Busses, Dry, Stems, Tracks};
        matches!(self, Stems { .. } | Busses | Tracks | Dry)
    }
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
    fields.later(LATER);
    fields.finish();
    let file = file?;
    let deliver = match deliver {
        Some(node) => self::deliver(node, work, &file, collector),
        None => vec![Delivery { kind: DeliveryKind::Mix, file: file.clone() }],
    };
    check_placeholders(work, &deliver, collector);
    Some(OutputRules { file, length, collision, deliver })
}

/// How files are written, from the fields of `output` or of one sound of it, which starts from what is written there.
fn file_rules(fields: &Fields<'_>, base: Option<&FileRules>, collector: &Collector) -> Option<FileRules> {
    let written = fields.text("path");
    let container = fields.choice("format", &[("wav", Container::Wav), ("flac", Container::Flac)]);
    let depth = fields.get("bits").and_then(|node| bits(node, collector));
    let sample_rate = fields.whole("sample_rate", 8_000..=384_000).map(|hz| SampleRate(hz as u32));
    let seconds =
        |name: &'static str| fields.get(name).and_then(|node| seconds(name, node, 0.0..=MOST_SECONDS, collector));
    let trim_db = fields.get("trim").and_then(|node| trim(node, collector));
    let fade = |name| seconds(name).map(|seconds| Fade { seconds, shape: Default::default() });
    let trim = trim_db.map(|threshold_db| Trim { threshold_db, lead_in_seconds: 0.0, lead_out_seconds: 0.0 });
    let own = Finish { trim, fade_in: fade("fade_in"), fade_out: fade("fade_out"), ..Finish::default() };
    let levels = level_rules(fields, collector);
    let bext = fields.get("bext").and_then(|node| bext(node, collector));
    let (path, container) = match (written, base) {
        (Some(written), _) => path(written, container, collector)?,
        (None, Some(base)) => match container {
            Some(container) if container != base.format.container => {
                let stem = base.path.value.written().rsplit_once('.').map_or("", |(stem, _)| stem);
                let longer = format!("{stem}.{}", extension(container));
                let path = Template::parse(&longer).expect("an extension keeps a template whole");
                (Located::new(path, base.path.place.clone()), container)
            }
            _ => (base.path.clone(), base.format.container),
        },
        (None, None) => return None,
    };
    let depth = match depth {
        Some(Located { value: Depth::Float32, place }) if container == Container::Flac => {
            collector.mistake_with(&place, "FLAC holds no 32-bit floating point", "Write bits: 24, or a path in .wav.");
            Depth::Int24
        }
        Some(depth) => depth.value,
        None => match base.map(|base| base.format.depth) {
            Some(Depth::Float32) if container == Container::Flac => Depth::Int24,
            depth => depth.unwrap_or(Depth::Int24),
        },
    };
    let format = FileFormat { container, depth };
    let bext = bext.or_else(|| base.and_then(|base| base.bext.clone())).filter(|_| container == Container::Wav);
    let Some(base) = base else { return Some(FileRules { path, format, sample_rate, finish: own, levels, bext }) };
    let finish = Finish {
        trim: own.trim.or(base.finish.trim),
        fade_in: own.fade_in.or(base.finish.fade_in),
        fade_out: own.fade_out.or(base.finish.fade_out),
        ..Finish::default()
    };
    let (sample_rate, levels) = (sample_rate.or(base.sample_rate), levels.or(base.levels));
    Some(FileRules { path, format, sample_rate, finish, levels, bext })
}

/// `loudness`, `normalize`, `ceiling` and `ceiling_by`.
pub(super) fn level_rules(fields: &Fields<'_>, collector: &Collector) -> LevelRules {
    let loudness = fields.get("loudness").and_then(|node| level("loudness", node, "LUFS", -70.0..=0.0, collector));
    let normalize = fields.get("normalize").and_then(|node| normalize(node, collector));
    if let (Some(_), Some(_)) = (loudness, normalize) {
        let message = "loudness and normalize are two levels for one sound";
        collector.mistake_with(fields.place_of("normalize"), message, "Remove one of the two.");
    }
    let ceiling = fields.get("ceiling").and_then(|node| level("ceiling", node, "dBTP", -60.0..=0.0, collector));
    let by = fields.choice("ceiling_by", &[("scale", CeilingBy::Scale), ("limit", CeilingBy::Limit)]);
    if by.is_some() && ceiling.is_none() && fields.get("ceiling").is_none() {
        let message = "ceiling_by stands without a ceiling";
        collector.mistake_with(fields.place_of("ceiling_by"), message, "Write ceiling: -1 dBTP too.");
    }
    let ceiling = ceiling.map(|dbtp| Ceiling { dbtp, by: by.unwrap_or_default() });
    LevelRules { target: loudness.map(Target::Loudness).or(normalize), ceiling }
}

/// `normalize: { peak: -1 dBFS }`
fn normalize(node: &Node, collector: &Collector) -> Option<Target> {
    let fields = Fields::of("normalize", node, collector)?;
    let level =
        |name: &'static str, unit| fields.get(name).and_then(|node| level(name, node, unit, -70.0..=0.0, collector));
    let found = [
        level("peak", "dBFS").map(Target::Peak),
        level("true_peak", "dBTP").map(Target::TruePeak),
        level("rms", "dBFS").map(Target::Rms),
    ];
    let before = collector.len();
    let place = fields.place().clone();
    fields.finish();
    let mut found = found.into_iter().flatten();
    match (found.next(), found.next()) {
        (Some(target), None) => Some(target),
        _ if collector.len() > before => None,
        _ => {
            let help = "Write normalize: { peak: -1 dBFS }, { true_peak: -1 dBTP } or { rms: -20 dBFS }.";
            collector.mistake_with(&place, "normalize takes one level", help);
            None
        }
    }
}

/// A level with its unit: `-14 LUFS`; a number alone counts in that unit.
fn level(
    name: &str,
    node: &Node,
    unit: &str,
    range: std::ops::RangeInclusive<f64>,
    collector: &Collector,
) -> Option<f64> {
    let text = node.scalar().map_or("", |s| s.text.trim());
    let number = text.strip_suffix(unit).unwrap_or(text).trim_end();
    match number.parse::<f64>() {
        Ok(value) if range.contains(&value) => Some(value),
        Ok(_) => {
            let message = format!("{name} = {text} is outside {}..{} {unit}", range.start(), range.end());
            collector.mistake(&node.place, message);
            None
        }
        Err(_) => {
            let help = format!("Write a level such as {name}: {} {unit}.", range.start().max(-14.0));
            collector.mistake_with(&node.place, format!("{name} = {} is no level in {unit}", node.shown()), help);
            None
        }
    }
}

/// `trim: true`, or the level below which there is silence.
fn trim(node: &Node, collector: &Collector) -> Option<f64> {
    match node.scalar().and_then(presets::document::Scalar::boolean) {
        Some(true) => Some(TRIM_DB),
        Some(false) => None,
        None => presets::document::decibels("trim", node, -120.0..=-20.0, collector),
    }
}

/// `bext: true`, or its texts.
fn bext(node: &Node, collector: &Collector) -> Option<Broadcast> {
    if let Some(wanted) = node.scalar().and_then(presets::document::Scalar::boolean) {
        return wanted.then(Broadcast::default);
    }
    let fields = Fields::of("bext", node, collector)?;
    let text = |name: &'static str, most: usize| {
        let Some(written) = fields.text(name) else { return String::new() };
        if !written.value.is_ascii() || written.value.len() > most {
            let message = format!("{name} of bext takes at most {most} ASCII characters");
            collector.mistake_with(&written.place, message, "Shorten it, or write it without accents.");
        }
        written.value
    };
    let bext = Broadcast {
        description: text("description", 256),
        originator: text("originator", 32),
        originator_reference: text("reference", 32),
        date: text("date", 10),
        time: text("time", 8),
        time_reference: fields.whole("time_reference", 0..=u64::MAX).unwrap_or(0),
        coding_history: text("coding_history", 1000),
    };
    fields.finish();
    Some(bext)
}

fn extension(container: Container) -> &'static str {
    if container == Container::Wav { "wav" } else { "flac" }
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

fn deliver(node: &Node, work: Option<&Work>, base: &FileRules, collector: &Collector) -> Vec<Delivery> {
    let items = match &node.kind {
        Kind::List(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    if items.is_empty() {
        collector.mistake_with(&node.place, "deliver is empty", "Write deliver: [mix].");
    }
    let mut found: Vec<Delivery> = Vec::new();
    for item in items {
        let Some(one) = delivery(item, base, collector) else { continue };
        if found.contains(&one) {
            collector.mistake_with(&item.place, format!("{} stands twice", item.shown()), "Remove one of the two.");
        } else if matches!(work, Some(Work::Tones(_))) && one.kind != DeliveryKind::Mix {
            let message = format!("deliver = {} is for sessions; a tone gives one sound", item.shown());
            collector.mistake_with(&item.place, message, "Write deliver: [mix], or remove it.");
        } else {
            found.push(one);
        }
    }
    found
}

/// A word, or a name with what it is: `stems`, `{ stems: { loudness: -20 LUFS } }`, `{ instrumental: { without: [vox] } }`.
fn delivery(item: &Node, base: &FileRules, collector: &Collector) -> Option<Delivery> {
    let Some(entries) = item.map() else {
        let word = item.scalar().map_or("", |s| s.text.as_str());
        let Some(kind) = kind(word) else {
            let help = match closest(word, WORDS.iter().copied()) {
                Some(close) => format!("Did you mean {close}?"),
                None => format!(
                    "Write {}, or a mix of your own: {{ {}: {{ without: [vox] }} }}.",
                    WORDS.join(", "),
                    if word.is_empty() { "instrumental" } else { word }
                ),
            };
            collector.mistake_with(&item.place, format!("deliver = {} is not known", item.shown()), help);
            return None;
        };
        let file = kind.base(base);
        return Some(Delivery { kind, file });
    };
    let [entry] = entries else {
        let message = "each sound of deliver stands in a map of its own";
        collector.mistake_with(&item.place, message, "Write - instrumental: { without: [vox] }.");
        return None;
    };
    let fields = Fields::of("a sound", &entry.value, collector)?;
    let (without, only) = (fields.get("without"), fields.get("only"));
    let premaster = fields.boolean("premaster").unwrap_or(false);
    let at = fields
        .get("at")
        .and_then(|node| presets::document::choice("at", node, &[("premaster", false), ("master", true)], collector));
    let named = kind(&entry.key.value).unwrap_or(DeliveryKind::Mix);
    let file = file_rules(&fields, Some(&named.base(base)), collector);
    fields.finish();
    let heard = match (without, only) {
        (Some(node), None) => Some(Heard::Without(names("without", node, collector))),
        (None, Some(node)) => Some(Heard::Only(names("only", node, collector))),
        (None, None) => None,
        (Some(_), Some(node)) => {
            collector.mistake_with(&node.place, "without and only stand together", "Remove one of the two.");
            return None;
        }
    };
    let kind = match (kind(&entry.key.value), heard) {
        (None, Some(heard)) => DeliveryKind::Submix { name: entry.key.clone(), heard, premaster },
        (Some(DeliveryKind::Stems { .. }), None) => DeliveryKind::Stems { master: at.unwrap_or(false) },
        (Some(kind), None) => kind,
        (Some(_), Some(_)) => {
            let message = format!("{} is made of everything", entry.key.value);
            collector.mistake_with(&entry.key.place, message, "Give the mix of some tracks a name of its own.");
            return None;
        }
        (None, None) => {
            let message = format!("nothing says what \"{}\" is made of", entry.key.value);
            collector.mistake_with(&entry.key.place, message, "Write without: [TRACKS] or only: [TRACKS].");
            return None;
        }
    };
    Some(Delivery { kind, file: file? })
}

fn names(what: &str, node: &Node, collector: &Collector) -> Vec<Located<String>> {
    let items = match &node.kind {
        Kind::List(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    let name = |item: &Node| {
        let name = presets::document::text(what, item, collector)?;
        Some(Located::new(name, item.place.clone()))
    };
    items.iter().filter_map(name).collect()
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
    let ending = template.extension().map(str::to_ascii_lowercase);
    let from_extension = match ending.as_deref() {
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
            let longer = Template::parse(&format!("{value}.{}", extension(format)))
                .expect("an extension keeps a template whole");
            return Some((Located::new(longer, place), format));
        }
        (None, None) => {
            let message = match ending {
                Some(ending) => format!("path = \"{value}\" ends in .{ending}, which is not written"),
                None => format!("path = \"{value}\" does not say which format to write"),
            };
            collector.mistake_with(&place, message, "End it in .wav or .flac, or write format: wav or flac.");
            return None;
        }
    };
    Some((Located::new(template, place), container))
}

/// Tells placeholders that nothing fills, and paths that several sounds would share.
fn check_placeholders(work: Option<&Work>, deliver: &[Delivery], collector: &Collector) {
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
        // What each song has is known once they are found.
        Some(Work::Songs(_)) | None => known.clear(),
    }
    let mut paths: Vec<&Located<Template>> = Vec::new();
    for delivery in deliver {
        if !paths.contains(&&delivery.file.path) {
            paths.push(&delivery.file.path);
        }
    }
    for path in paths {
        for name in path.value.placeholders() {
            if name == "draw" {
                collector.mistake_with(&path.place, "{draw} is not part of this version", "Remove it.");
            } else if !known.is_empty() && !known.contains(&name) {
                let help = match closest(name, known.iter().copied()) {
                    Some(close) => format!("Did you mean {{{close}}}?"),
                    None => format!("There are {{{}}}.", known.join("}, {")),
                };
                collector.mistake_with(&path.place, format!("nothing fills {{{name}}} in the path"), help);
            }
        }
        let mut written = deliver.iter().filter(|delivery| delivery.file.path == *path);
        let several = written.clone().count() > 1 || written.any(|delivery| delivery.kind.is_many());
        if several && !path.value.placeholders().any(|name| name == "name") {
            let message = "several sounds would be written to one path";
            let help = "Put {name} into it: it becomes mix, premaster, stem-NAME, track-NAME or the name of a mix of your own.";
            collector.mistake_with(&path.place, message, help);
        }
    }
}
