//! Scalars that mean something: numbers, levels, times, choices. Each reader tells the collector what is wrong.

use std::ops::RangeInclusive;

use super::mistakes::Collector;
use super::node::{Kind, Node, Scalar, parse_number};
use super::similar::closest;

/// Text: any scalar, as written.
pub fn text(name: &str, node: &Node, collector: &Collector) -> Option<String> {
    let scalar = scalar(name, node, "a text", collector)?;
    if scalar.text.is_empty() {
        collector.mistake(&node.place, format!("{name} is empty"));
        return None;
    }
    Some(scalar.text.clone())
}

/// `true` or `false`.
pub fn boolean(name: &str, node: &Node, collector: &Collector) -> Option<bool> {
    let scalar = scalar(name, node, "true or false", collector)?;
    let value = scalar.boolean();
    if value.is_none() {
        let meant = match scalar.text.to_lowercase().as_str() {
            "yes" | "on" | "y" | "1" | "true" => "Did you mean true?",
            "no" | "off" | "n" | "0" | "false" => "Did you mean false?",
            _ => "",
        };
        collector.mistake_with(&node.place, format!("{name} = {} is neither true nor false", node.shown()), meant);
    }
    value
}

/// One of several words.
pub fn choice<T: Copy>(name: &str, node: &Node, choices: &[(&str, T)], collector: &Collector) -> Option<T> {
    let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
    let scalar = scalar(name, node, &any_of(&words), collector)?;
    if let Some((_, value)) = choices.iter().find(|(word, _)| *word == scalar.text) {
        return Some(*value);
    }
    let help = match closest(&scalar.text, words.iter().copied()) {
        Some(word) => format!("Did you mean {word}?"),
        None => format!("Write {}.", any_of(&words)),
    };
    collector.mistake_with(&node.place, format!("{name} = {} is not known", node.shown()), help);
    None
}

/// A number within a range.
pub fn number(name: &str, node: &Node, range: RangeInclusive<f64>, collector: &Collector) -> Option<f64> {
    let scalar = scalar(name, node, "a number", collector)?;
    let Some(value) = scalar.number() else {
        let help = with_point(&scalar.text).map_or(String::new(), |n| format!("Did you mean {n}?"));
        collector.mistake_with(&node.place, format!("{name} = {} is not a number", node.shown()), help);
        return None;
    };
    within(name, node, value, range, "", collector)
}

/// A whole number within a range.
pub fn whole(name: &str, node: &Node, range: RangeInclusive<u64>, collector: &Collector) -> Option<u64> {
    let scalar = scalar(name, node, "a whole number", collector)?;
    let digits = scalar.plain && scalar.text.bytes().all(|b| b.is_ascii_digit());
    let exact: Option<u64> = scalar.text.parse().ok().filter(|_| digits);
    if let Some(value) = exact.filter(|v| range.contains(v)) {
        return Some(value);
    }
    let (low, high) = (*range.start() as f64, *range.end() as f64);
    match scalar.number() {
        Some(value) if value.fract() != 0.0 => {
            let nearest = value.round().clamp(low, high);
            let message = format!("{name} = {} is not a whole number", scalar.text);
            collector.mistake_with(&node.place, message, format!("Did you mean {nearest}?"));
            None
        }
        // `1e3` and `+5` are whole too; beyond 2^53 only plain digits are exact.
        Some(value) if !digits && (low..=high).contains(&value) && value < 9e15 => Some(value as u64),
        Some(_) => {
            let message = format!("{name} = {} is outside {}..{}", scalar.text, range.start(), range.end());
            collector.mistake(&node.place, message);
            None
        }
        None => {
            collector.mistake(&node.place, format!("{name} = {} is not a whole number", node.shown()));
            None
        }
    }
}

/// A level: `-6 dB`, or the number alone.
pub fn decibels(name: &str, node: &Node, range: RangeInclusive<f64>, collector: &Collector) -> Option<f64> {
    let scalar = scalar(name, node, "a level such as -6 dB", collector)?;
    let (value, unit) = split_unit(&scalar.text);
    match value {
        Some(value) if unit.is_empty() || unit.eq_ignore_ascii_case("db") => {
            within(name, node, value, range, " dB", collector)
        }
        _ => {
            let help = match with_point(&scalar.text) {
                Some(number) => format!("Did you mean {number} dB?"),
                None => "Write a level such as -6 dB.".to_owned(),
            };
            collector.mistake_with(&node.place, format!("{name} = {} is not a level in decibels", node.shown()), help);
            None
        }
    }
}

/// A share: `30 %`, or the number alone. Gives the number in front of the sign.
pub fn percent(name: &str, node: &Node, range: RangeInclusive<f64>, collector: &Collector) -> Option<f64> {
    let scalar = scalar(name, node, "a share such as 30 %", collector)?;
    let (value, unit) = split_unit(&scalar.text);
    match value {
        Some(value) if unit.is_empty() || unit == "%" => within(name, node, value, range, " %", collector),
        _ => {
            let message = format!("{name} = {} is not a share", node.shown());
            collector.mistake_with(&node.place, message, "Write a share such as 30 %.");
            None
        }
    }
}

/// A time with its unit, in seconds: `5 s`, `250 ms`, `1.5 min`.
pub fn seconds(name: &str, node: &Node, range: RangeInclusive<f64>, collector: &Collector) -> Option<f64> {
    let scalar = scalar(name, node, "a time such as 5 s", collector)?;
    let (value, unit) = split_unit(&scalar.text);
    let factor = match unit {
        "s" | "sec" | "seconds" => Some(1.0),
        "ms" => Some(0.001),
        "min" => Some(60.0),
        _ => None,
    };
    match (value, factor) {
        (Some(value), Some(factor)) => within(name, node, value * factor, range, " s", collector),
        (Some(_), None) if unit.is_empty() => {
            let help = format!("Write {} s or {} ms.", scalar.text, scalar.text);
            collector.mistake_with(&node.place, format!("{name} = {} has no unit", scalar.text), help);
            None
        }
        _ => {
            let message = format!("{name} = {} is not a time", node.shown());
            collector.mistake_with(&node.place, message, "Write a time such as 5 s, 250 ms or 1.5 min.");
            None
        }
    }
}

/// The scalar of a node; says what was wanted where it is none.
fn scalar<'n>(name: &str, node: &'n Node, wanted: &str, collector: &Collector) -> Option<&'n Scalar> {
    match &node.kind {
        Kind::Scalar(scalar) => Some(scalar),
        Kind::Null { .. } => {
            collector.mistake_with(&node.place, format!("{name} has no value"), format!("It takes {wanted}."));
            None
        }
        Kind::List(_) | Kind::Map(_) => {
            collector.mistake_with(&node.place, format!("{name} is {}", node.shown()), format!("It takes {wanted}."));
            None
        }
    }
}

fn within(
    name: &str,
    node: &Node,
    value: f64,
    range: RangeInclusive<f64>,
    unit: &str,
    collector: &Collector,
) -> Option<f64> {
    if range.contains(&value) {
        return Some(value);
    }
    let shown = node.scalar().map_or(String::new(), |s| s.text.clone());
    let message = match (range.start().is_finite(), range.end().is_finite()) {
        (_, true) => format!("{name} = {shown} is outside {}..{}{unit}", range.start(), range.end()),
        _ => format!("{name} = {shown} is below {}{unit}", range.start()),
    };
    collector.mistake_with(&node.place, message, without_point(value, range, unit));
    None
}

/// Asks whether the decimal point was forgotten: 900 within -120..24 was 9.00. Empty where that explains nothing.
pub fn without_point(value: f64, range: RangeInclusive<f64>, unit: &str) -> String {
    if value.fract() != 0.0 {
        return String::new();
    }
    (1..=3)
        .map(|places| (places, value / 10f64.powi(places)))
        .find(|(_, smaller)| range.contains(smaller))
        .map_or(String::new(), |(places, smaller)| format!("Did you mean {smaller:.*}{unit}?", places as usize))
}

/// A number written with a decimal comma, as it should be.
fn with_point(text: &str) -> Option<String> {
    let (whole, fraction) = text.split_once(',')?;
    let (fraction, _) = fraction.split_once(' ').unwrap_or((fraction, ""));
    let number = format!("{whole}.{fraction}");
    parse_number(&number).map(|_| number)
}

/// A number and what stands behind it.
pub(crate) fn split_unit(text: &str) -> (Option<f64>, &str) {
    let text = text.trim();
    let end = text.find(|c: char| !(c.is_ascii_digit() || "+-.".contains(c))).unwrap_or(text.len());
    // An exponent belongs to the number: `1e3`.
    let end = if parse_number(text).is_some() { text.len() } else { end };
    let (number, unit) = text.split_at(end);
    (parse_number(number), unit.trim())
}

fn any_of(words: &[&str]) -> String {
    match words {
        [first @ .., last] if !first.is_empty() => format!("{} or {last}", first.join(", ")),
        _ => words.concat(),
    }
}

/// Words one after the other.
pub(crate) fn list_of(words: &[&str]) -> String {
    words.join(", ")
}
