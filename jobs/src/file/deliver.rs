//! Which sounds of a render are written.

use presets::document::{Collector, Fields, Kind, Located, Node, choice, closest, text};

use super::Work;
use super::encoding::{FileRules, file_rules};
use super::levels::LevelRules;

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
            (rules.levels, rules.match_dry, rules.finish.trim) = (LevelRules::default(), None, None);
        }
        rules
    }

    /// Whether it may be several files.
    pub(super) fn is_many(&self) -> bool {
        use DeliveryKind::{Busses, Dry, Stems, Tracks};
        matches!(self, Stems { .. } | Busses | Tracks | Dry)
    }
}

pub(super) fn decode(node: &Node, work: Option<&Work>, base: &FileRules, collector: &Collector) -> Vec<Delivery> {
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
    let at = fields.get("at").and_then(|node| choice("at", node, &[("premaster", false), ("master", true)], collector));
    let named = kind(&entry.key.value);
    let file = file_rules(&fields, Some(&named.as_ref().unwrap_or(&DeliveryKind::Mix).base(base)), collector);
    let elsewhere = |field: &'static str, of: &str| {
        if fields.get(field).is_some() {
            let message = format!("{field} says nothing about {}", entry.key.value);
            collector.mistake_with(fields.place_of(field), message, format!("Remove it; it is for {of}."));
        }
    };
    if named.is_some() {
        elsewhere("premaster", "a mix of some tracks");
    }
    if !matches!(named, Some(DeliveryKind::Stems { .. })) {
        elsewhere("at", "stems");
    }
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
    let kind = match (named, heard) {
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
        let name = text(what, item, collector)?;
        Some(Located::new(name, item.place.clone()))
    };
    items.iter().filter_map(name).collect()
}
