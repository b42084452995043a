//! JAMS: annotations in JSON, each a list of observations with time and duration in seconds.
//!
//! After the schema of JAMS 0.3 (<https://jams.readthedocs.io>). What is known here are times; everything else stays as
//! it is and where it is.

use serde_json::{Map, Number, Value};

use super::{AnnotationProblem, TimeChange};

/// Whole numbers of at least this are ticks, not seconds, where a note is as long: half a minute, or a sixty-fourth at
/// Guitar Pro's 960 ticks a quarter.
const LONG_NOTE: f64 = 30.0;

/// Makes the file of a part of the audio.
pub(super) fn cut(bytes: &[u8], change: &TimeChange) -> Result<Vec<u8>, AnnotationProblem> {
    let (mut root, names) = read(bytes)?;
    for (index, annotation) in annotations_mut(&mut root)?.iter_mut().enumerate() {
        let place = format!("annotations[{index}]");
        let Value::Object(annotation) = annotation else { return Err(wrong(place, "is not an object")) };
        cut_annotation(annotation, &place, change)?;
    }
    if let Some(Value::Object(metadata)) = root.get_mut("file_metadata")
        && let Some(duration) = metadata.get_mut("duration")
    {
        match (change.seconds(), duration.as_f64()) {
            (Some(seconds), _) => *duration = number(seconds),
            (None, Some(seconds)) => *duration = number((seconds - change.start_seconds()).max(0.0)),
            (None, None) => {}
        }
    }
    let pretty = bytes.contains(&b'\n');
    let text = if pretty { serde_json::to_string_pretty(&root) } else { serde_json::to_string(&root) };
    Ok(names.back(text.map_err(AnnotationProblem::Json)?).into_bytes())
}

/// Observations of one annotation: the times of what counts instants, and its values.
pub(super) struct Observations {
    pub namespace: String,
    pub observations: Vec<(f64, Value)>,
}

/// What the annotations of a file observe, in namespaces that `wanted` names.
pub(super) fn observations(
    bytes: &[u8],
    wanted: impl Fn(&str) -> bool,
) -> Result<Vec<Observations>, AnnotationProblem> {
    let (mut root, _) = read(bytes)?;
    let mut found = Vec::new();
    for (index, annotation) in annotations_mut(&mut root)?.iter_mut().enumerate() {
        let namespace = annotation.get("namespace").and_then(Value::as_str).unwrap_or_default().to_owned();
        if !wanted(&namespace) {
            continue;
        }
        let place = format!("annotations[{index}].data");
        let observations = match annotation.get_mut("data").map(Value::take) {
            Some(Value::Array(list)) => list
                .into_iter()
                .enumerate()
                .map(|(at, mut observation)| {
                    let time = seconds(observation.get("time"), || format!("{place}[{at}].time"))?;
                    Ok((time, observation.get_mut("value").map(Value::take).unwrap_or_default()))
                })
                .collect::<Result<_, _>>()?,
            Some(Value::Object(mut dense)) => {
                let Some(Value::Array(times)) = dense.remove("time") else {
                    return Err(wrong(format!("{place}.time"), "is not a list"));
                };
                let values = match dense.remove("value") {
                    Some(Value::Array(values)) => values,
                    _ => Vec::new(),
                };
                let values = values.into_iter().chain(std::iter::repeat(Value::Null));
                let timed = times.iter().enumerate().zip(values);
                timed
                    .map(|((at, time), value)| Ok((seconds(Some(time), || format!("{place}.time[{at}]"))?, value)))
                    .collect::<Result<_, _>>()?
            }
            _ => return Err(wrong(place, "is neither a list nor an object")),
        };
        found.push(Observations { namespace, observations });
    }
    Ok(found)
}

fn cut_annotation(
    annotation: &mut Map<String, Value>,
    place: &str,
    change: &TimeChange,
) -> Result<(), AnnotationProblem> {
    let tablature = annotation.get("namespace").and_then(Value::as_str) == Some("note_tab");
    match annotation.get_mut("data") {
        Some(Value::Array(list)) => {
            if tablature && counts_ticks(list) {
                return Err(AnnotationProblem::Ticks { place: place.to_owned() });
            }
            let mut kept = Vec::with_capacity(list.len());
            for (at, mut observation) in std::mem::take(list).into_iter().enumerate() {
                let Value::Object(fields) = &mut observation else {
                    return Err(wrong(format!("{place}.data[{at}]"), "is not an object"));
                };
                let place = |field: &str| format!("{place}.data[{at}].{field}");
                let start = seconds(fields.get("time"), || place("time"))?;
                let length = duration(fields.get("duration"), || place("duration"))?;
                let Some((start, end)) = stretch(change, start, length) else { continue };
                put(fields, "time", start);
                put(fields, "duration", end - start);
                if tablature
                    && let Some(Value::Array(effects)) = fields.get_mut("value").and_then(|v| v.get_mut("effects"))
                {
                    effects.retain_mut(|effect| cut_effect(effect, change));
                }
                kept.push(observation);
            }
            *list = kept;
        }
        Some(Value::Object(dense)) => cut_dense(dense, place, change)?,
        None => {}
        Some(_) => return Err(wrong(format!("{place}.data"), "is neither a list nor an object")),
    }
    // The stretch that the annotation speaks of. Many files leave it out.
    if let Some(length) = annotation.get("duration").and_then(Value::as_f64) {
        let start = annotation.get("time").and_then(Value::as_f64).unwrap_or(0.0);
        let (start, end) = stretch(change, start, length).unwrap_or((0.0, 0.0));
        put(annotation, "time", start);
        put(annotation, "duration", end - start);
    } else if let Some(start) = annotation.get("time").and_then(Value::as_f64) {
        put(annotation, "time", (start - change.start_seconds()).max(0.0));
    }
    Ok(())
}

/// Data that stands in columns instead of rows.
fn cut_dense(dense: &mut Map<String, Value>, place: &str, change: &TimeChange) -> Result<(), AnnotationProblem> {
    let Some(Value::Array(times)) = dense.get("time") else {
        return Err(wrong(format!("{place}.data.time"), "is not a list"));
    };
    let count = times.len();
    let lengths = match dense.get("duration") {
        Some(Value::Array(lengths)) => Some(lengths),
        _ => None,
    };
    let mut stretches = Vec::with_capacity(count);
    for (at, time) in times.iter().enumerate() {
        let start = seconds(Some(time), || format!("{place}.data.time[{at}]"))?;
        let length = lengths.and_then(|lengths| lengths.get(at));
        let length = duration(length, || format!("{place}.data.duration[{at}]"))?;
        stretches.push(stretch(change, start, length));
    }
    for (name, column) in dense.iter_mut() {
        let Value::Array(column) = column else { continue };
        if column.len() != count {
            return Err(wrong(format!("{place}.data.{name}"), "has not as many entries as there are times"));
        }
        let rows = std::mem::take(column).into_iter().zip(&stretches);
        *column = rows
            .filter_map(|(value, stretch)| {
                let (start, end) = (*stretch)?;
                Some(match name.as_str() {
                    "time" => number(start),
                    "duration" => number(end - start),
                    _ => value,
                })
            })
            .collect();
    }
    Ok(())
}

/// A technique within a note of tablature, which has times of its own. Whether it is part of the take.
fn cut_effect(effect: &mut Value, change: &TimeChange) -> bool {
    let Value::Object(effect) = effect else { return true };
    let Some(start) = effect.get("time").and_then(Value::as_f64) else { return true };
    let length = effect.get("duration").and_then(Value::as_f64).unwrap_or(0.0);
    let Some((start, end)) = stretch(change, start, length) else { return false };
    put(effect, "time", start);
    if effect.contains_key("duration") {
        put(effect, "duration", end - start);
    }
    true
}

/// Whether the notes of tablature count ticks. SynthTab's do; its files state no duration of their audio either.
fn counts_ticks(list: &[Value]) -> bool {
    let numbers = |field: &'static str| list.iter().filter_map(move |note| note.get(field)?.as_f64());
    let whole = numbers("time").chain(numbers("duration")).all(|number| number.fract() == 0.0);
    whole && numbers("duration").any(|length| length >= LONG_NOTE)
}

fn stretch(change: &TimeChange, start: f64, length: f64) -> Option<(f64, f64)> {
    // An instant stays one; a duration that is not positive says nothing.
    if length > 0.0 { change.stretch(start, start + length) } else { change.instant(start).map(|at| (at, at)) }
}

/// A time that must be there.
fn seconds(value: Option<&Value>, place: impl Fn() -> String) -> Result<f64, AnnotationProblem> {
    value.and_then(Value::as_f64).ok_or_else(|| wrong(place(), "is not a number"))
}

/// A duration, which is 0 where it is not stated.
fn duration(value: Option<&Value>, place: impl Fn() -> String) -> Result<f64, AnnotationProblem> {
    match value {
        None | Some(Value::Null) => Ok(0.0),
        value => seconds(value, place),
    }
}

/// Sets a field to seconds, unless that is what it says already.
fn put(fields: &mut Map<String, Value>, name: &str, seconds: f64) {
    if fields.get(name).and_then(Value::as_f64) != Some(seconds) {
        fields.insert(name.to_owned(), number(seconds));
    }
}

/// Seconds to a billionth, so that subtractions leave no trace.
fn number(seconds: f64) -> Value {
    Number::from_f64((seconds * 1e9).round() / 1e9).map_or(Value::Null, Value::Number)
}

fn wrong(place: String, what: &'static str) -> AnnotationProblem {
    AnnotationProblem::Jams { place, what }
}

fn annotations_mut(root: &mut Value) -> Result<&mut Vec<Value>, AnnotationProblem> {
    match root.get_mut("annotations") {
        Some(Value::Array(annotations)) => Ok(annotations),
        _ => Err(wrong("annotations".to_owned(), "is not a list")),
    }
}

/// The names of what JSON has no number for, and what stands for them meanwhile.
struct Names(String);

const NAMES: [&str; 3] = ["NaN", "-Infinity", "Infinity"];

impl Names {
    /// Puts the names back.
    fn back(&self, mut text: String) -> String {
        if text.contains(&self.0) {
            for name in NAMES {
                text = text.replace(&format!("\"{}{name}\"", self.0), name);
            }
        }
        text
    }
}

/// Reads JSON as Python writes it, which knows `NaN` and `Infinity`; confidences are often that.
fn read(bytes: &[u8]) -> Result<(Value, Names), AnnotationProblem> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut mark = "no number: ".to_owned();
    while bytes.windows(mark.len()).any(|window| window == mark.as_bytes()) {
        mark.insert(0, '-');
    }
    let mut text = Vec::with_capacity(bytes.len());
    let (mut at, mut quoted) = (0, false);
    while at < bytes.len() {
        let byte = bytes[at];
        if quoted && byte == b'\\' {
            text.extend_from_slice(&bytes[at..(at + 2).min(bytes.len())]);
            at += 2;
            continue;
        }
        quoted ^= byte == b'"';
        match NAMES.iter().find(|name| !quoted && bytes[at..].starts_with(name.as_bytes())) {
            Some(name) => {
                text.extend_from_slice(format!("\"{mark}{name}\"").as_bytes());
                at += name.len();
            }
            None => {
                text.push(byte);
                at += 1;
            }
        }
    }
    let root = serde_json::from_slice(&text).map_err(AnnotationProblem::Json)?;
    Ok((root, Names(mark)))
}
