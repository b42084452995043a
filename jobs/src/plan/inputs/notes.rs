//! What belongs to a take and follows it.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use audio::SampleRate;
use presets::document::{Collector, Located};
use presets::url::is_url;
use score::annotation::carry;
use score::segment::Segment;

use super::facts::near;
use super::{Recording, Told, cut};
use crate::fetch;
use crate::file::AnnotationPlace;
use crate::paths;
use crate::plan::build::Builder;
use crate::plan::outputs;
use crate::task::{Annotation, Output, Source, TimeChange};
use crate::template::Template;

/// A file that belongs to a recording.
pub(in crate::plan) struct Note {
    /// The file, in the role `annotation`.
    pub source: Source,
    /// What its copies end in, without the point in front. A second file of one extension has a number: `2.txt`.
    extension: String,
}

/// The files that belong to a recording, by the job's patterns. `None` where one is missing, which is told.
pub(super) fn find(
    builder: &mut Builder<'_>,
    patterns: &[Located<Template>],
    recording: &Recording,
    texts: &BTreeMap<String, String>,
    told: &mut Told,
) -> Option<Rc<[Note]>> {
    let mut notes: Vec<Note> = Vec::with_capacity(patterns.len());
    let mut whole = true;
    for Located { value: template, place } in patterns {
        let shown = || paths::shown(&recording.path);
        let collector = &builder.collector;
        let Some(path) = template.fill_as_they_are(texts) else {
            told.annotations.tell(place, || cut::unfilled("annotations", template, texts, &shown()), collector);
            whole = false;
            continue;
        };
        let path = presets::url::join(&builder.job.folder, path);
        let path = paths::clean(&path).unwrap_or(path);
        if !is_file(&path, builder) {
            let words = || (format!("{} has no annotation {}", shown(), paths::shown(&path)), near(&path));
            told.annotations.tell(place, words, collector);
            whole = false;
            continue;
        }
        let own = Collector::new();
        let source = builder.files.source("annotation", &path, place, &own);
        told.annotations.take(own, collector);
        let Some(source) = source else {
            whole = false;
            continue;
        };
        let extension = path.extension().map_or_else(String::new, |e| e.to_string_lossy().into_owned());
        let of_path = |note: &&Note| {
            let other =
                Path::new(&note.source.path).extension().map_or_else(String::new, |e| e.to_string_lossy().into_owned());
            other.eq_ignore_ascii_case(&extension)
        };
        let extension = match notes.iter().filter(of_path).count() {
            0 => extension,
            before if extension.is_empty() => (before + 1).to_string(),
            before => format!("{}.{extension}", before + 1),
        };
        notes.push(Note { source, extension });
    }
    whole.then(|| notes.into())
}

fn is_file(path: &Path, builder: &Builder<'_>) -> bool {
    if is_url(path) { fetch::exists(&*builder.files.fetcher, path) } else { path.is_file() }
}

/// What happens to the time of what describes a recording, where this part of it comes out at that rate.
pub(in crate::plan) fn change(recording: &Recording, segment: Option<Segment>, rate_out: SampleRate) -> TimeChange {
    TimeChange {
        source_start: segment.map_or(0, |segment| segment.start),
        frames: segment.map(|segment| segment.frames),
        rate_in: recording.shape.sample_rate,
        rate_out,
    }
}

/// Tells which of these files cannot follow what is played, each once: what is refused of one part is of all.
pub(super) fn check(
    builder: &Builder<'_>,
    patterns: &[Located<Template>],
    notes: &[Note],
    change: &TimeChange,
    checked: &mut HashSet<(PathBuf, bool)>,
    told: &mut Told,
) {
    if change.is_nothing() {
        return;
    }
    for (note, Located { place, .. }) in notes.iter().zip(patterns) {
        let path = PathBuf::from(&note.source.path);
        if !checked.insert((path.clone(), change.is_cut())) {
            continue;
        }
        let shown = paths::shown(&path);
        let problem = match fetch::read(&*builder.files.fetcher, &path) {
            Ok(bytes) => carry(Path::new(&shown), &bytes, change).err().map(|error| error.to_string()),
            Err(error) => Some(format!("cannot use {shown}: the system refuses: {error}")),
        };
        if let Some(problem) = problem {
            told.annotations.tell(place, || (problem, String::new()), &builder.collector);
        }
    }
}

/// Where the files that belong to a take are written beside one of its outputs. `values` fills output paths. `None` where
/// one has no place, which is told.
pub(in crate::plan) fn beside(
    builder: &Builder<'_>,
    notes: &[Note],
    change: &TimeChange,
    output: &Output,
    values: &BTreeMap<&str, &str>,
) -> Option<Vec<Annotation>> {
    let rules = builder.rules()?;
    let place = |note: &Note| match &rules.annotations {
        AnnotationPlace::Off => None,
        AnnotationPlace::Beside => {
            let path = output.path.with_extension(&note.extension);
            outputs::fits(&path, &rules.file.path.place, &builder.collector).then_some(path)
        }
        AnnotationPlace::Path(template) => {
            let mut values = values.clone();
            values.insert("ext", &note.extension);
            outputs::filled(template, &builder.base, &values, &builder.collector)
        }
    };
    let annotation = |note: &Note| {
        let path = place(note)?;
        Some(Annotation { source: PathBuf::from(&note.source.path), path, change: *change })
    };
    match rules.annotations {
        AnnotationPlace::Off => Some(Vec::new()),
        _ => notes.iter().map(annotation).collect(),
    }
}
