//! What a chain is made of before it is drawn.

use std::sync::Arc;

use crate::document::Place;
use crate::draw::{Condition, DrawKey, SlotId, Subject};

/// One entry of a chain.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    /// Who it is to its draws, and in words.
    pub path: Arc<str>,
    /// Where it stands.
    pub place: Place,
    /// Whether it stands at all.
    pub gate: Gate,
    /// What it puts into the chain.
    pub kind: EntryKind,
}

/// What an entry puts into the chain.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum EntryKind {
    /// The device of this number.
    Device(usize),
    /// Its entries in order; nothing where there are none.
    Chain(Vec<Entry>),
    /// One of several.
    OneOf(Group),
    /// Some of several.
    SomeOf {
        group: Group,
        /// Fewest and most of them.
        count: (usize, usize),
        /// What says how many.
        key: DrawKey,
        /// Their order is drawn too.
        shuffle: bool,
    },
    /// All of several, in an order that is drawn.
    Shuffle(Group),
    /// Chains beside each other.
    Parallel(Vec<Branch>),
    /// A chain beside the signal as it is.
    Wet { share: Level, entries: Vec<Entry> },
}

/// Entries that a draw chooses among.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Group {
    pub slot: SlotId,
    pub alternatives: Vec<Alternative>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Alternative {
    pub weight: f64,
    /// What says whether it comes.
    pub key: DrawKey,
    /// What says where it comes.
    pub order: DrawKey,
    pub entry: Entry,
}

/// One of several chains beside each other.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Branch {
    pub level: Level,
    pub invert: bool,
    pub entries: Vec<Entry>,
}

/// How loud something is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Level {
    /// This factor.
    Factor(f64),
    /// The level in dB that this slot gives.
    Decibels(SlotId),
    /// The share in percent that this slot gives.
    Percent(SlotId),
    /// The factor that this slot gives.
    Drawn(SlotId),
}

/// Whether an entry stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Gate {
    /// What must hold for it.
    pub when: Option<Condition>,
    /// How often it stands.
    pub probability: Option<Chance>,
    /// When it is left out all the same.
    pub bypass: Bypass,
}

/// Something that comes so often.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Chance {
    pub slot: SlotId,
    pub probability: f64,
}

/// When an entry is left out.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Bypass {
    #[default]
    Never,
    Always,
    /// Where all of these hold.
    Where(Option<Condition>, Option<Chance>),
}

impl Entry {
    /// Everything that its conditions ask about.
    pub fn subjects<'e>(&'e self, found: &mut Vec<(&'e str, &'e Subject, &'e Place)>) {
        self.gate.when.iter().for_each(|when| when.subjects(found));
        if let Bypass::Where(Some(condition), _) = &self.gate.bypass {
            condition.subjects(found);
        }
        match &self.kind {
            EntryKind::Device(_) => {}
            EntryKind::Chain(entries) | EntryKind::Wet { entries, .. } => {
                entries.iter().for_each(|entry| entry.subjects(found));
            }
            EntryKind::OneOf(group) | EntryKind::SomeOf { group, .. } | EntryKind::Shuffle(group) => {
                group.alternatives.iter().for_each(|alternative| alternative.entry.subjects(found));
            }
            EntryKind::Parallel(branches) => {
                branches.iter().flat_map(|branch| &branch.entries).for_each(|entry| entry.subjects(found));
            }
        }
    }
}
