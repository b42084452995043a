//! What stands in two splits though it must not.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::hash::{Hash, Hasher};

use crate::entry::Entry;

/// Something that stands in several splits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leak {
    /// What it is.
    pub what: Leaked,
    /// The splits, each with one entry of it by key.
    pub splits: BTreeMap<String, String>,
}

/// What can leak.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Leaked {
    /// A source group.
    Group(String),
    /// A recording or MIDI file, by content.
    Input {
        /// BLAKE3 in hex.
        blake3: String,
        /// Its name.
        name: String,
    },
    /// Rendered sound, by content.
    Output {
        /// BLAKE3 in hex.
        blake3: String,
    },
    /// A tone that is held out.
    Tone(String),
}

impl fmt::Display for Leak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            Leaked::Group(group) => write!(f, "the group {group}")?,
            Leaked::Input { name, blake3 } => write!(f, "the input {name} (BLAKE3 {}...)", short(blake3))?,
            Leaked::Output { blake3 } => write!(f, "one and the same rendered sound (BLAKE3 {}...)", short(blake3))?,
            Leaked::Tone(tone) => write!(f, "the held-out tone {tone}")?,
        }
        let splits: Vec<String> = self.splits.iter().map(|(split, key)| format!("{split} ({key})")).collect();
        write!(f, " is in {}", splits.join(" and "))
    }
}

/// The beginning of a hash, which tells people enough.
pub(crate) fn short(blake3: &str) -> &str {
    blake3.get(..12).unwrap_or(blake3)
}

/// Everything that stands in several splits: groups, then inputs, then outputs, then those of the held-out tones.
pub fn leaks(entries: &[Entry], held_out: &[String]) -> Vec<Leak> {
    let mut first: HashMap<Part<'_>, (Part<'_>, &Entry)> = HashMap::new();
    let mut leaked: BTreeMap<Leaked, BTreeMap<String, String>> = BTreeMap::new();
    for entry in entries {
        let tone = entry.tone.as_deref().filter(|tone| held_out.iter().any(|held| held == tone));
        // Silence tells nobody anything, and all of one length is one content.
        let output = (!entry.measured.silent).then_some(Part::Output(&entry.wet.blake3));
        let own = [Some(Part::Group(&entry.group)), output, tone.map(Part::Tone)];
        let inputs = entry.inputs.iter().map(|(blake3, name)| Part::Input { blake3, name });
        for part in own.into_iter().flatten().chain(inputs) {
            let (known, other) = *first.entry(part).or_insert((part, entry));
            if other.split != entry.split {
                let splits = leaked.entry(known.into()).or_default();
                for entry in [other, entry] {
                    splits.entry(entry.split.to_string()).or_insert_with(|| entry.key.clone());
                }
            }
        }
    }
    leaked.into_iter().map(|(what, splits)| Leak { what, splits }).collect()
}

/// What can leak, as an entry has it.
#[derive(Clone, Copy)]
enum Part<'a> {
    Group(&'a str),
    Input { blake3: &'a str, name: &'a str },
    Output(&'a str),
    Tone(&'a str),
}

impl Part<'_> {
    /// What makes two of them the same: one content may come under several names.
    fn identity(&self) -> (u8, &str) {
        match *self {
            Part::Group(group) => (0, group),
            Part::Input { blake3, .. } => (1, blake3),
            Part::Output(blake3) => (2, blake3),
            Part::Tone(tone) => (3, tone),
        }
    }
}

impl PartialEq for Part<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }
}

impl Eq for Part<'_> {}

impl Hash for Part<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.identity().hash(state);
    }
}

impl From<Part<'_>> for Leaked {
    fn from(part: Part<'_>) -> Leaked {
        match part {
            Part::Group(group) => Leaked::Group(group.to_owned()),
            Part::Input { blake3, name } => Leaked::Input { blake3: blake3.to_owned(), name: name.to_owned() },
            Part::Output(blake3) => Leaked::Output { blake3: blake3.to_owned() },
            Part::Tone(tone) => Leaked::Tone(tone.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::entry;

    #[test]
    fn nothing_leaks_where_every_source_has_its_split() {
        let entries = [entry("a", "x", "train"), entry("a", "y", "train"), entry("b", "x", "test")];
        assert_eq!(leaks(&entries, &[]), []);
    }

    #[test]
    fn a_group_in_two_splits_is_named_with_them() {
        let mut entries = vec![entry("a", "x", "train"), entry("b", "x", "test")];
        entries[1].group = entries[0].group.clone();
        let leaks = leaks(&entries, &[]);
        assert_eq!(leaks.len(), 1);
        assert_eq!(leaks[0].to_string(), "the group a is in test (b-x) and train (a-x)");
    }

    #[test]
    fn an_input_under_two_names_is_seen_by_its_content() {
        let mut entries = vec![entry("a", "x", "train"), entry("b", "x", "test")];
        let (hash, name) = entries[0].inputs.first_key_value().map(|(h, n)| (h.clone(), n.clone())).unwrap();
        entries[1].inputs = BTreeMap::from([(hash, "another.wav".to_owned())]).into();
        let leaks = leaks(&entries, &[]);
        assert_eq!(leaks.len(), 1);
        assert!(matches!(&leaks[0].what, Leaked::Input { name: told, .. } if *told == name), "{}", leaks[0]);
    }

    #[test]
    fn the_same_sound_in_two_splits_is_seen() {
        let mut entries = vec![entry("a", "x", "train"), entry("b", "x", "test")];
        entries[1].wet.blake3 = entries[0].wet.blake3.clone();
        let leaks = leaks(&entries, &[]);
        assert!(matches!(leaks.as_slice(), [Leak { what: Leaked::Output { .. }, .. }]), "{leaks:?}");
        entries.iter_mut().for_each(|entry| entry.measured.silent = true);
        assert_eq!(super::leaks(&entries, &[]), [], "silence is no leak");
    }

    #[test]
    fn a_held_out_tone_is_seen_wherever_it_is_twice_and_another_is_not() {
        let entries =
            [entry("a", "x", "train"), entry("b", "x", "test"), entry("a", "y", "train"), entry("b", "y", "test")];
        let leaks = leaks(&entries, &["x".to_owned()]);
        assert_eq!(leaks.len(), 1);
        assert_eq!(leaks[0].to_string(), "the held-out tone x is in test (b-x) and train (a-x)");
    }
}
