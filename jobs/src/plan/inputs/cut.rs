//! Which part of a recording is played: without the silence at its ends, cut by time or by beats.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use audio::Buffer;
use audio::sounding::{Sounding, SoundingScan};
use audio::stream::{self, Stream};
use presets::document::Located;
use score::annotation::Beats;
use score::segment::{Segment, by_beats, by_length};

use super::Recording;
use crate::fetch::{self, Fetcher};
use crate::file::{Cut, SegmentsForm};
use crate::paths;

/// Frames that are looked at at a time.
const BLOCK: usize = 16_384;

/// What is wrong with a part, and what to do.
pub(super) type Words = (String, String);

/// From the first sound of a recording to the end of its last.
pub(super) fn sounding(recording: &Recording, sounding: &Sounding, fetcher: &dyn Fetcher) -> Result<Range<u64>, Words> {
    let shown = paths::shown(&recording.path);
    let refuse = |error: audio::read::ReadError| (format!("cannot use {shown}: {}", error.problem), String::new());
    let local = fetch::local(fetcher, &recording.path);
    let local = local.map_err(|error| (format!("cannot use {shown}: {error}"), String::new()))?;
    let (mut stream, rate) = stream::open(&local.path).map_err(refuse)?;
    let mut scan = SoundingScan::new(sounding, rate);
    let mut block = Buffer::new(stream.channels(), BLOCK);
    let mut left = stream.frames();
    while left > 0 {
        block.resize(left.min(BLOCK as u64) as usize);
        stream.read(&mut block).map_err(refuse)?;
        scan.add(&block);
        left -= block.frames() as u64;
    }
    scan.finish().ok_or_else(|| {
        let message =
            format!("no sound of {shown} counts above {} dB, so nothing of it is left", sounding.threshold_db);
        (message, "Lower trim, or take the recording out of the inputs.".to_owned())
    })
}

/// The parts of `within`, as frames of the recording. `texts` fills the path of what says where its beats are.
pub(super) fn segments(
    form: &Located<SegmentsForm>,
    recording: &Recording,
    within: &Range<u64>,
    folder: &Path,
    texts: &BTreeMap<String, String>,
    fetcher: &dyn Fetcher,
) -> Result<Vec<Segment>, Words> {
    let SegmentsForm { cut, last } = &form.value;
    let (rate, frames) = (recording.shape.sample_rate, within.end - within.start);
    let shown = || paths::shown(&recording.path);
    let of_take = |error: score::segment::SegmentError| (format!("{}: {error}", shown()), String::new());
    let found = match cut {
        Cut::Length { length, hop } => {
            by_length(frames, rate.frames(*length).max(1), rate.frames(*hop).max(1), *last).map_err(of_take)?
        }
        Cut::Beats { count, bars, of } => {
            let Some(path) = of.value.fill_as_they_are(texts) else {
                return Err(unfilled("of", &of.value, texts, &shown()));
            };
            let path = presets::url::join(folder, path);
            let beats_shown = paths::shown(&paths::clean(&path).unwrap_or_else(|_| path.clone()));
            let bytes = fetch::read(fetcher, &path).map_err(|error| match error.kind() {
                std::io::ErrorKind::NotFound => {
                    (format!("{} has no beats: there is no file {beats_shown}", shown()), super::facts::near(&path))
                }
                _ => (format!("cannot use {beats_shown}: the system refuses: {error}"), String::new()),
            })?;
            let of_beats = |error: score::annotation::AnnotationError| (error.to_string(), String::new());
            let beats = Beats::read(Path::new(&beats_shown), &bytes, rate).map_err(of_beats)?;
            let times =
                if *bars { beats.require_bars(Path::new(&beats_shown)).map_err(of_beats)? } else { &beats.beats };
            let start = rate.seconds(within.start);
            let times: Vec<f64> = times.iter().map(|time| time - start).collect();
            by_beats(frames, rate, &times, *count, *last).map_err(of_take)?
        }
    };
    Ok(found.into_iter().map(|part| Segment { start: within.start + part.start, ..part }).collect())
}

/// What is told of a path that not everything fills.
pub(super) fn unfilled(
    name: &str,
    template: &crate::template::Template,
    texts: &BTreeMap<String, String>,
    shown: &str,
) -> Words {
    let known: Vec<&str> = texts.keys().map(String::as_str).collect();
    let missing = template.placeholders().find(|placeholder| !texts.contains_key(*placeholder)).unwrap_or_default();
    let help = crate::file::inputs::placeholder_help(missing, &known);
    (format!("{shown}: nothing fills {{{missing}}} in {name}"), help)
}
