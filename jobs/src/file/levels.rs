//! The level that a sound is brought to.

use presets::document::{Collector, Fields, Located, Node, choice};

use crate::task::{Ceiling, CeilingBy, MatchBy, Target};

/// The levels by which a sound can be matched to its dry take.
const LEVELS: [(&str, MatchBy); 4] =
    [("loudness", MatchBy::Loudness), ("rms", MatchBy::Rms), ("peak", MatchBy::Peak), ("true_peak", MatchBy::TruePeak)];

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

/// `match: dry`, or `match: { dry: rms }`. Stands in place of a level.
pub(super) fn match_dry(fields: &Fields<'_>, levels: &LevelRules, collector: &Collector) -> Option<Located<MatchBy>> {
    let node = fields.get("match")?;
    if levels.target.is_some() {
        let message = "match and a level of its own are two levels for one sound";
        collector.mistake_with(fields.place_of("match"), message, "Remove one of the two.");
        return None;
    }
    let by = if node.map().is_some() {
        let fields = Fields::of("match", node, collector)?;
        fields.require("dry", "Write match: { dry: rms }.");
        let by = fields.choice("dry", &LEVELS);
        fields.finish();
        by?
    } else {
        choice("match", node, &[("dry", MatchBy::Loudness)], collector)?
    };
    Some(Located::new(by, fields.place_of("match").clone()))
}

/// `normalize: { peak: -1 dBFS }`
pub(super) fn normalize(node: &Node, collector: &Collector) -> Option<Target> {
    let before = collector.len();
    let fields = Fields::of("normalize", node, collector)?;
    let level =
        |name: &'static str, unit| fields.get(name).and_then(|node| level(name, node, unit, -70.0..=0.0, collector));
    let found = [
        level("peak", "dBFS").map(Target::Peak),
        level("true_peak", "dBTP").map(Target::TruePeak),
        level("rms", "dBFS").map(Target::Rms),
    ];
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
pub(super) fn level(
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
