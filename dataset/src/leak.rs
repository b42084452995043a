//! What stands in two splits though it must not.

use std::collections::BTreeMap;
use std::fmt;

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
}

impl fmt::Display for Leak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            Leaked::Group(group) => write!(f, "the group {group}")?,
            Leaked::Input { name, blake3 } => write!(f, "the input {name} (BLAKE3 {}...)", short(blake3))?,
            Leaked::Output { blake3 } => write!(f, "one and the same rendered sound (BLAKE3 {}...)", short(blake3))?,
        }
        let splits: Vec<String> = self.splits.iter().map(|(split, key)| format!("{split} ({key})")).collect();
        write!(f, " is in {}", splits.join(" and "))
    }
}

/// The beginning of a hash, which tells people enough.
pub(crate) fn short(blake3: &str) -> &str {
    blake3.get(..12).unwrap_or(blake3)
}

/// Everything that stands in several splits: groups, then inputs, then outputs.
pub fn leaks(entries: &[Entry]) -> Vec<Leak> {
    let mut seen: BTreeMap<Leaked, BTreeMap<String, String>> = BTreeMap::new();
    for entry in entries {
        let inputs = entry.inputs.keys().map(|blake3| {
            // One content may come under several names; the first tells enough.
            Leaked::Input { blake3: blake3.clone(), name: String::new() }
        });
        let own = [Leaked::Group(entry.group.clone()), Leaked::Output { blake3: entry.wet.blake3.clone() }];
        for what in own.into_iter().chain(inputs) {
            let splits = seen.entry(what).or_default();
            splits.entry(entry.split.clone()).or_insert_with(|| entry.key.clone());
        }
    }
    let mut leaks: Vec<Leak> =
        seen.into_iter().filter(|(_, splits)| splits.len() > 1).map(|(what, splits)| Leak { what, splits }).collect();
    for leak in &mut leaks {
        if let Leaked::Input { blake3, name } = &mut leak.what {
            *name = entries.iter().find_map(|entry| entry.inputs.get(blake3)).cloned().unwrap_or_default();
        }
    }
    leaks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::entry;

    #[test]
    fn nothing_leaks_where_every_source_has_its_split() {
        let entries = [entry("a", "x", "train"), entry("a", "y", "train"), entry("b", "x", "test")];
        assert_eq!(leaks(&entries), []);
    }

    #[test]
    fn a_group_in_two_splits_is_named_with_them() {
        let mut entries = vec![entry("a", "x", "train"), entry("b", "x", "test")];
        entries[1].group = entries[0].group.clone();
        let leaks = leaks(&entries);
        assert_eq!(leaks.len(), 1);
        assert_eq!(leaks[0].to_string(), "the group a is in test (b-x) and train (a-x)");
    }

    #[test]
    fn an_input_under_two_names_is_seen_by_its_content() {
        let mut entries = vec![entry("a", "x", "train"), entry("b", "x", "test")];
        let (hash, name) = entries[0].inputs.first_key_value().map(|(h, n)| (h.clone(), n.clone())).unwrap();
        entries[1].inputs = BTreeMap::from([(hash, "another.wav".to_owned())]);
        let leaks = leaks(&entries);
        assert_eq!(leaks.len(), 1);
        assert!(matches!(&leaks[0].what, Leaked::Input { name: told, .. } if *told == name), "{}", leaks[0]);
    }

    #[test]
    fn the_same_sound_in_two_splits_is_seen() {
        let mut entries = vec![entry("a", "x", "train"), entry("b", "x", "test")];
        entries[1].wet.blake3 = entries[0].wet.blake3.clone();
        let leaks = leaks(&entries);
        assert!(matches!(leaks.as_slice(), [Leak { what: Leaked::Output { .. }, .. }]), "{leaks:?}");
    }
}
