//! Reading entries that hold entries.

use std::sync::Arc;

use super::entry::{Alternative, Branch, EntryKind, Group, Level};
use super::read::{Building, ReadEntry};
use crate::document::{Fields, Kind, Node, percent};
use crate::draw::read::{Read, Wants};
use crate::draw::{DrawKey, Scale, SlotId, Values};
use crate::file::{LEVELS, factor};

/// What a drawn level is in, and how far it may reach.
struct Scope {
    unit: &'static str,
    range: (f64, f64),
    help: &'static str,
}

const DECIBELS: Scope =
    Scope { unit: "dB", range: (*LEVELS.start(), *LEVELS.end()), help: "Draw levels between -120 dB and 24 dB." };
const PERCENT: Scope = Scope { unit: "%", range: (0.0, 100.0), help: "Draw shares between 0 % and 100 %." };
const FACTOR: Scope =
    Scope { unit: "", range: (-16.0, 16.0), help: "Draw factors between -16 and 16, without a unit." };

impl Building<'_> {
    /// What stands behind `word` in `node`, an entry that holds entries.
    pub fn group(&mut self, word: &str, node: &Node, path: &Arc<str>, name: Option<&str>) -> Option<EntryKind> {
        let fields = Fields::of("an entry", node, self.collector)?;
        let kind = match word {
            "one_of" => self.one_of(&fields, path, name),
            "some_of" => self.some_of(&fields, path, name),
            "shuffle" => self.shuffle(&fields, path, name),
            "parallel" => self.parallel(&fields, path),
            _ => self.chain(&fields, path),
        };
        fields.finish();
        kind
    }

    fn one_of(&mut self, fields: &Fields<'_>, path: &Arc<str>, name: Option<&str>) -> Option<EntryKind> {
        let node = fields.require("one_of", "List the alternatives: one_of: [{ gain: -6 dB }, bypass].")?;
        Some(EntryKind::OneOf(self.alternatives("one_of", node, path, name, true)?))
    }

    fn some_of(&mut self, fields: &Fields<'_>, path: &Arc<str>, name: Option<&str>) -> Option<EntryKind> {
        let node = fields.require("some_of", "List the alternatives: some_of: [chorus.yaml, delay.yaml].")?;
        let count = fields.require("count", "Write how many are taken: count: 2, or count: [0, 2].");
        let shuffle = fields.boolean("shuffle").unwrap_or(false);
        let group = self.alternatives("some_of", node, path, name, true)?;
        let most = group.alternatives.len() as u64;
        let whole = |node: &Node| crate::document::whole("count", node, 0..=most, self.collector);
        let count = count?;
        let (least, most) = match &count.kind {
            Kind::List(items) => {
                let [least, most] = items.as_slice() else {
                    let message = format!("count has {} numbers", items.len());
                    self.collector.mistake_with(&count.place, message, "Write count: 2, or count: [0, 2].");
                    return None;
                };
                (whole(least)?, whole(most)?)
            }
            _ => {
                let count = whole(count)?;
                (count, count)
            }
        };
        if least > most {
            let message = format!("count begins at {least} and ends at {most}, below it");
            self.collector.mistake_with(&count.place, message, format!("Write [{most}, {least}]."));
            return None;
        }
        let key = DrawKey::new(path, "count");
        Some(EntryKind::SomeOf { group, count: (least as usize, most as usize), key, shuffle })
    }

    fn shuffle(&mut self, fields: &Fields<'_>, path: &Arc<str>, name: Option<&str>) -> Option<EntryKind> {
        let node = fields.require("shuffle", "List the entries: shuffle: [chorus.yaml, delay.yaml].")?;
        Some(EntryKind::Shuffle(self.alternatives("shuffle", node, path, name, false)?))
    }

    fn alternatives(
        &mut self,
        word: &str,
        node: &Node,
        path: &Arc<str>,
        name: Option<&str>,
        weighted: bool,
    ) -> Option<Group> {
        let items = match &node.kind {
            Kind::List(items) if !items.is_empty() => items,
            Kind::List(_) => {
                self.collector.mistake_with(&node.place, format!("{word} is empty"), "List entries, or remove it.");
                return None;
            }
            _ => {
                let help = format!("List entries: {word}: [{{ gain: -6 dB }}, bypass].");
                self.collector.mistake_with(&node.place, format!("{word} is {}", node.shown()), help);
                return None;
            }
        };
        let mut alternatives = Vec::new();
        let mut words: Vec<String> = Vec::new();
        for item in items {
            let Some(ReadEntry { entry, weight, words: called }) = self.entry(item, path) else { continue };
            if let Some((_, place)) = weight.as_ref().filter(|_| !weighted) {
                self.collector.mistake_with(place, "all of these stand, so a weight means nothing", "Remove it.");
            }
            let again = words.iter().filter(|word| **word == called).count();
            words.push(if again == 0 { called } else { format!("{called} ({})", again + 1) });
            alternatives.push(Alternative {
                weight: weight.map_or(1.0, |(weight, _)| weight),
                key: DrawKey::new(&entry.path, "stands"),
                order: DrawKey::new(&entry.path, "order"),
                entry,
            });
        }
        if !alternatives.is_empty() && alternatives.iter().all(|a| a.weight == 0.0) {
            self.collector.mistake_with(&node.place, "every weight is 0", "Give one entry a weight above 0.");
        }
        let slot = self.group_slot(path, word, node, words);
        if let Some(name) = name {
            self.reader.names.push((name.to_owned(), slot));
        }
        Some(Group { slot, alternatives })
    }

    /// `{ parallel: [chain, ...], dry: LEVEL }`.
    fn parallel(&mut self, fields: &Fields<'_>, path: &Arc<str>) -> Option<EntryKind> {
        let node = fields.require("parallel", "List chains: parallel: [crunch.yaml, [{ gain: -6 dB }]].");
        let mut branches = Vec::new();
        if let Some(dry) = fields.get("dry") {
            let level = self.level(path, "dry", dry, &DECIBELS)?;
            branches.push(Branch { level, invert: false, entries: Vec::new() });
        }
        let node = node?;
        let items = match &node.kind {
            Kind::List(items) if !items.is_empty() => items,
            _ => {
                let help = "List chains: parallel: [crunch.yaml, [{ gain: -6 dB }]].";
                let shown = if matches!(node.kind, Kind::List(_)) { "empty".to_owned() } else { node.shown() };
                self.collector.mistake_with(&node.place, format!("parallel is {shown}"), help);
                return None;
            }
        };
        for (index, item) in items.iter().enumerate() {
            let path: Arc<str> = format!("{path}/{}", index + 1).into();
            branches.extend(self.branch(item, &path));
        }
        Some(EntryKind::Parallel(branches))
    }

    /// A list of entries, one entry, or `{ chain: [...], gain: LEVEL, invert: true }`, the level also as `factor: NUMBER`.
    fn branch(&mut self, node: &Node, path: &Arc<str>) -> Option<Branch> {
        let has = |name: &str| node.map().is_some_and(|entries| entries.iter().any(|e| e.key.value == name));
        if !has("chain") || has("wet") {
            let entries = self.entries(node, path);
            return Some(Branch { level: Level::Factor(1.0), invert: false, entries });
        }
        let fields = Fields::of("a branch", node, self.collector)?;
        let entries = fields.get("chain").map_or_else(Vec::new, |node| self.entries(node, path));
        let (gain, plain) = (fields.get("gain"), fields.get("factor"));
        let invert = fields.boolean("invert").unwrap_or(false);
        if gain.is_some() && plain.is_some() {
            let message = "gain and factor both say how loud the branch is";
            self.collector.mistake_with(fields.place_of("factor"), message, "Remove one of the two.");
        }
        fields.finish();
        let level = match (gain, plain) {
            (_, Some(node)) => self.level(path, "factor", node, &FACTOR)?,
            (Some(node), None) => self.level(path, "gain", node, &DECIBELS)?,
            (None, None) => Level::Factor(1.0),
        };
        Some(Branch { level, invert, entries })
    }

    /// `{ chain: [...] }`, and `{ wet: SHARE, chain: [...] }`: that share of the chain, and the rest of the signal as it is.
    fn chain(&mut self, fields: &Fields<'_>, path: &Arc<str>) -> Option<EntryKind> {
        let entries = fields.get("chain").map_or_else(Vec::new, |node| self.entries(node, path));
        let Some(wet) = fields.get("wet") else { return Some(EntryKind::Chain(entries)) };
        Some(EntryKind::Wet { share: self.level(path, "wet", wet, &PERCENT)?, entries })
    }

    /// A level that is written, or one that is drawn.
    fn level(&mut self, path: &Arc<str>, name: &str, node: &Node, scope: &Scope) -> Option<Level> {
        if node.map().is_none() {
            let collector = self.collector;
            return Some(Level::Factor(match scope.unit {
                "dB" => factor(crate::document::decibels(name, node, LEVELS, collector)?),
                "%" => percent(name, node, 0.0..=100.0, collector)? / 100.0,
                _ => crate::document::number(name, node, scope.range.0..=scope.range.1, collector)?,
            }));
        }
        let slot = match self.reader.draw(path, name, node, Wants::Parameter)? {
            Read::Slot(slot) => slot,
            Read::Constant(_) => {
                self.collector.mistake_with(&node.place, "const is one value", "Write the value alone.");
                return None;
            }
        };
        self.fits(slot, name, node, scope)?;
        Some(match scope.unit {
            "dB" => Level::Decibels(slot),
            "%" => Level::Percent(slot),
            _ => Level::Drawn(slot),
        })
    }

    /// Whether every value that can come is such a level.
    fn fits(&self, slot: SlotId, name: &str, node: &Node, scope: &Scope) -> Option<()> {
        let (least, most) = scope.range;
        let fits = match &self.reader.slot(slot).values {
            Values::Numbers { low, high, scale } => {
                let unit = match scale {
                    Scale::Plain => true,
                    Scale::Unit(unit) => unit.eq_ignore_ascii_case(scope.unit),
                    Scale::Normalised => false,
                };
                unit && *low >= least && *high <= most
            }
            Values::Options(options) => options.iter().all(|option| match option.value() {
                Some(crate::Value::Number(number)) => (least..=most).contains(number),
                _ => false,
            }),
            Values::Pool(_) | Values::Entries(_) | Values::Stands => false,
        };
        if !fits {
            let help = format!("{} Options are written as numbers alone.", scope.help);
            self.collector.mistake_with(&node.place, format!("{name} is not such a level"), help);
        }
        fits.then_some(())
    }
}
