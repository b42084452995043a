//! How one file is written: its path, its encoding, its ends and what it says of itself.

use audio::SampleRate;
use presets::document::{Collector, Fields, Located, Node, Scalar, choice, decibels, seconds};

use super::levels::{LevelRules, level_rules, match_dry};
use super::output::MOST_SECONDS;
use crate::task::{Broadcast, Container, Depth, Fade, FileFormat, Finish, MatchBy, Trim};
use crate::template::Template;

/// Below this there is silence where a job trims and says no level, in dBFS.
pub(super) const TRIM_DB: f64 = -60.0;

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
    /// By which level they are made as loud as the dry take, where no level is given.
    pub match_dry: Option<Located<MatchBy>>,
    /// The Broadcast Wave chunk.
    pub bext: Option<Broadcast>,
}

/// How files are written, from the fields of `output` or of one sound of it, which starts from what is written there.
pub(super) fn file_rules(fields: &Fields<'_>, base: Option<&FileRules>, collector: &Collector) -> Option<FileRules> {
    let written = fields.text("path");
    let container = fields.choice("format", &[("wav", Container::Wav), ("flac", Container::Flac)]);
    let depth = fields.get("bits").and_then(|node| bits(node, collector));
    let sample_rate = fields.whole("sample_rate", 8_000..=384_000).map(|hz| SampleRate(hz as u32));
    let seconds =
        |name: &'static str| fields.get(name).and_then(|node| seconds(name, node, 0.0..=MOST_SECONDS, collector));
    // Within, there is nothing where it is switched off.
    let trim = fields.get("trim").map(|node| trim(node, collector));
    let fade = |name| seconds(name).map(|seconds| Fade { seconds, shape: Default::default() });
    let (fade_in, fade_out) = (fade("fade_in"), fade("fade_out"));
    let levels = level_rules(fields, collector);
    let match_dry = match_dry(fields, &levels, collector);
    let bext = fields.get("bext").map(|node| bext(node, collector));
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
    if container == Container::Flac && matches!(bext, Some(Some(_))) {
        let message = "FLAC holds no Broadcast Wave chunk";
        collector.mistake_with(fields.place_of("bext"), message, "Remove bext, or write a path in .wav.");
    }
    let bext = bext.unwrap_or_else(|| base.and_then(|base| base.bext.clone()));
    let finish = Finish {
        trim: trim.unwrap_or_else(|| base.and_then(|base| base.finish.trim)),
        fade_in: fade_in.or(base.and_then(|base| base.finish.fade_in)),
        fade_out: fade_out.or(base.and_then(|base| base.finish.fade_out)),
        ..Finish::default()
    };
    Some(FileRules {
        path,
        format,
        sample_rate: sample_rate.or(base.and_then(|base| base.sample_rate)),
        finish,
        levels: match (base, &match_dry) {
            (None, _) => levels,
            // What is matched has no level of its own.
            (Some(base), Some(_)) => LevelRules { target: None, ..levels.or(base.levels) },
            (Some(base), None) => levels.or(base.levels),
        },
        match_dry: match_dry
            .or_else(|| base.and_then(|base| base.match_dry.clone()).filter(|_| levels.target.is_none())),
        bext: bext.filter(|_| container == Container::Wav),
    })
}

/// `trim: true`, or the level below which there is silence.
fn trim(node: &Node, collector: &Collector) -> Option<Trim> {
    let threshold_db = match node.scalar().and_then(Scalar::boolean) {
        Some(true) => TRIM_DB,
        Some(false) => return None,
        None => decibels("trim", node, -120.0..=-20.0, collector)?,
    };
    Some(Trim { threshold_db, lead_in_seconds: 0.0, lead_out_seconds: 0.0 })
}

/// `bext: true`, or its texts.
fn bext(node: &Node, collector: &Collector) -> Option<Broadcast> {
    if let Some(wanted) = node.scalar().and_then(Scalar::boolean) {
        return wanted.then(Broadcast::default);
    }
    let fields = Fields::of("bext", node, collector)?;
    let mut bext = Broadcast::default();
    let mut text = |name: &'static str, of: fn(&mut Broadcast) -> &mut String| {
        let Some(written) = fields.text(name) else { return };
        // Alone, so that each mistake is told, and where it is.
        let mut alone = Broadcast::default();
        of(&mut alone).clone_from(&written.value);
        if let Err(error) = alone.check() {
            collector.mistake(&written.place, error.to_string());
        }
        *of(&mut bext) = written.value;
    };
    text("description", |bext| &mut bext.description);
    text("originator", |bext| &mut bext.originator);
    text("reference", |bext| &mut bext.originator_reference);
    text("date", |bext| &mut bext.date);
    text("time", |bext| &mut bext.time);
    text("coding_history", |bext| &mut bext.coding_history);
    bext.time_reference = fields.whole("time_reference", 0..=u64::MAX).unwrap_or(0);
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
