//! A map's fields, taken by name.

use std::cell::RefCell;
use std::ops::RangeInclusive;

use super::mistakes::Collector;
use super::node::{Entry, Kind, Located, Node, Place, quoted};
use super::quantity;
use super::similar::similar;

/// Takes the fields of one map. Each field that is asked for counts as known, so that [`finish`](Fields::finish) can
/// name the others with what may have been meant.
#[derive(Debug)]
pub struct Fields<'n> {
    what: &'n str,
    place: &'n Place,
    entries: &'n [Entry],
    known: RefCell<Vec<&'static str>>,
    later: RefCell<Vec<&'static str>>,
    collector: &'n Collector,
}

impl<'n> Fields<'n> {
    /// The fields of `node`; `what` names it with its article: "a track". `None`, and a mistake, where it is no map.
    pub fn of(what: &'n str, node: &'n Node, collector: &'n Collector) -> Option<Fields<'n>> {
        match &node.kind {
            Kind::Map(entries) => Some(Fields {
                what,
                place: &node.place,
                entries,
                known: RefCell::default(),
                later: RefCell::default(),
                collector,
            }),
            _ => {
                collector.mistake_with(
                    &node.place,
                    format!("{what} is {} here", node.shown()),
                    "It takes fields: name: value.",
                );
                None
            }
        }
    }

    /// Where the map begins.
    pub fn place(&self) -> &'n Place {
        self.place
    }

    /// All fields in the order written, known or not.
    pub fn entries(&self) -> &'n [Entry] {
        self.entries
    }

    /// Where the name of a field stands; the map's own place if it is missing.
    pub fn place_of(&self, name: &str) -> &'n Place {
        self.entries.iter().find(|e| e.key.value == name).map_or(self.place, |e| &e.key.place)
    }

    /// A field's value. `null` counts as left out; nothing behind the colon is a mistake.
    pub fn get(&self, name: &'static str) -> Option<&'n Node> {
        if !self.known.borrow().contains(&name) {
            self.known.borrow_mut().push(name);
        }
        let entry = self.entries.iter().find(|e| e.key.value == name)?;
        match entry.value.kind {
            Kind::Null { written: true } => None,
            Kind::Null { written: false } => {
                let help = "Give it one, or remove the line.";
                self.collector.mistake_with(&entry.key.place, format!("{name} has no value"), help);
                None
            }
            _ => Some(&entry.value),
        }
    }

    /// A field that must be there; `help` says what to write.
    pub fn require(&self, name: &'static str, help: &str) -> Option<&'n Node> {
        let missing = !self.entries.iter().any(|e| e.key.value == name && e.value.kind != Kind::Null { written: true });
        let found = self.get(name);
        if missing {
            self.collector.mistake_with(self.place, format!("{} needs {name}", self.what), help);
        }
        found
    }

    /// Recognises fields that the format has a place for but this version does not do.
    pub fn later(&self, names: &[&'static str]) {
        self.later.borrow_mut().extend(names);
        for entry in self.entries.iter().filter(|e| names.contains(&e.key.value.as_str())) {
            let message = format!("{} is not part of this version", entry.key.value);
            self.collector.mistake_with(&entry.key.place, message, "Remove it.");
        }
    }

    /// A text.
    pub fn text(&self, name: &'static str) -> Option<Located<String>> {
        let node = self.get(name)?;
        Some(Located::new(quantity::text(name, node, self.collector)?, node.place.clone()))
    }

    /// A number within a range.
    pub fn number(&self, name: &'static str, range: RangeInclusive<f64>) -> Option<f64> {
        quantity::number(name, self.get(name)?, range, self.collector)
    }

    /// A whole number within a range.
    pub fn whole(&self, name: &'static str, range: RangeInclusive<u64>) -> Option<u64> {
        quantity::whole(name, self.get(name)?, range, self.collector)
    }

    /// A level in decibels.
    pub fn decibels(&self, name: &'static str, range: RangeInclusive<f64>) -> Option<f64> {
        quantity::decibels(name, self.get(name)?, range, self.collector)
    }

    /// `true` or `false`.
    pub fn boolean(&self, name: &'static str) -> Option<bool> {
        quantity::boolean(name, self.get(name)?, self.collector)
    }

    /// One of several words.
    pub fn choice<T: Copy>(&self, name: &'static str, choices: &[(&str, T)]) -> Option<T> {
        quantity::choice(name, self.get(name)?, choices, self.collector)
    }

    /// Tells every field that nobody asked for.
    pub fn finish(self) {
        self.finish_beside(|_| false);
    }

    /// Likewise, except those that `taken` says were read in another way.
    pub fn finish_beside(self, taken: impl Fn(&str) -> bool) {
        let known = self.known.into_inner();
        let later = self.later.into_inner();
        for Entry { key, .. } in self.entries {
            let name = key.value.as_str();
            if known.contains(&name) || later.contains(&name) || taken(name) {
                continue;
            }
            let close = similar(name, known.iter().copied(), 2);
            let help = match close.as_slice() {
                [] => format!("Its fields are {}.", quantity::list_of(&known)),
                close => super::did_you_mean(close),
            };
            self.collector.mistake_with(&key.place, format!("{} has no field {}", self.what, quoted(name)), help);
        }
    }
}
