//! What is held against whom: strikes, and from the third on a quarantine.
//!
//! Entries are only ever added, and an entry that lifts others names each of them. So entries of several machines give the
//! same in any order, and clocks decide nothing.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::accused::{Accused, Pair};

/// This many strikes quarantine a plugin with a preset.
pub const STRIKES: usize = 3;

/// The strikes come from at least so many processes: one process that went wrong is no proof.
pub const PROCESSES: usize = 2;

/// One failure that a device has to answer for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Strike {
    /// Names this entry among all.
    pub id: String,
    /// When, in milliseconds since 1970.
    pub at: u64,
    /// Names the process that failed.
    pub process: String,
    /// Whom it is held against.
    pub against: Accused,
    /// It was not at work: another task crashed behind it in the same process, and passed alone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub suspected: bool,
    /// What happened, as a part of a sentence.
    pub what: String,
    /// The number of the task that failed.
    pub task: u32,
    /// Its label.
    pub label: String,
    /// Its key.
    pub key: String,
    /// The command that renders that task alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reproduce: Option<String>,
}

/// One change of what is held against somebody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Entry {
    /// A strike.
    Strike(Strike),
    /// Tasks that use the pair are not rendered from here on.
    Quarantined {
        /// Names this entry among all.
        id: String,
        /// When, in milliseconds since 1970.
        at: u64,
        /// Which.
        against: Accused,
    },
    /// Entries that count no more.
    Lifted {
        /// Names this entry among all.
        id: String,
        /// When, in milliseconds since 1970.
        at: u64,
        /// Whose they are.
        against: Accused,
        /// Which.
        entries: Vec<String>,
        /// Why.
        why: Why,
    },
}

/// Why entries count no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// Somebody asked for it.
    ByHand,
    /// So many different devices failed in a row that the machine was at fault.
    MachineAtFault,
}

/// What is held against one pair.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Whom.
    pub against: Accused,
    /// Why, oldest first.
    pub strikes: Vec<Strike>,
    /// Since when it is quarantined, in milliseconds since 1970; absent where it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quarantined: Option<u64>,
    /// The entries that say so.
    #[serde(skip)]
    entries: Vec<String>,
}

/// What is held against everybody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    standings: BTreeMap<Pair, Standing>,
}

impl Ledger {
    /// Sums entries up, in whatever order they come.
    pub fn of(entries: Vec<Entry>) -> Ledger {
        let lifted = entries.iter().filter_map(|entry| match entry {
            Entry::Lifted { entries, .. } => Some(entries.iter().cloned()),
            Entry::Strike(_) | Entry::Quarantined { .. } => None,
        });
        let lifted: BTreeSet<String> = lifted.flatten().collect();
        // Two folders may both have an entry while it moves from one to the other.
        let mut seen = BTreeSet::new();
        let mut ledger = Ledger::default();
        for entry in entries {
            match entry {
                Entry::Strike(strike) if !lifted.contains(&strike.id) && seen.insert(strike.id.clone()) => {
                    ledger.add(strike);
                }
                Entry::Quarantined { id, at, against } if !lifted.contains(&id) => ledger.quarantine(id, at, &against),
                Entry::Strike(_) | Entry::Quarantined { .. } | Entry::Lifted { .. } => {}
            }
        }
        for standing in ledger.standings.values_mut() {
            standing.strikes.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
            // The line that says so may be torn, or machines have struck one after the other without knowing.
            if standing.quarantined.is_none() && standing.is_proven() {
                standing.quarantined = standing.strikes.last().map(|strike| strike.at);
            }
        }
        ledger
    }

    /// What is held against each, in the order of the pairs.
    pub fn standings(&self) -> impl Iterator<Item = &Standing> {
        self.standings.values()
    }

    /// What is held against one, if anything is.
    pub fn standing(&self, pair: &Pair) -> Option<&Standing> {
        self.standings.get(pair)
    }

    /// Whether tasks that use the pair are not rendered.
    pub fn is_quarantined(&self, pair: &Pair) -> bool {
        self.standings.get(pair).is_some_and(|standing| standing.quarantined.is_some())
    }

    /// Whether any pair is quarantined.
    pub fn quarantines_any(&self) -> bool {
        self.standings.values().any(|standing| standing.quarantined.is_some())
    }

    /// Holds a strike; true where it is the one that calls for a quarantine.
    pub fn strike(&mut self, strike: Strike) -> bool {
        let pair = strike.against.pair.clone();
        self.add(strike);
        let standing = &self.standings[&pair];
        standing.quarantined.is_none() && standing.is_proven()
    }

    /// Quarantines a pair.
    pub fn quarantine(&mut self, id: String, at: u64, against: &Accused) {
        let standing = self.standing_mut(against);
        standing.quarantined = Some(standing.quarantined.map_or(at, |before| before.min(at)));
        standing.entries.push(id);
    }

    /// Lifts all that is held against a pair. Gives the entries that count no more; none where nothing was held.
    pub fn lift(&mut self, pair: &Pair) -> Vec<String> {
        self.standings.remove(pair).map_or_else(Vec::new, |standing| standing.into_entries())
    }

    /// Lifts these entries alone. Gives those of them that a pair had, with whom they were held against.
    pub fn lift_entries(&mut self, lifted: &BTreeSet<String>) -> Vec<(Accused, Vec<String>)> {
        let mut changed = Vec::new();
        self.standings.retain(|_, standing| {
            let before = standing.clone().into_entries();
            standing.strikes.retain(|strike| !lifted.contains(&strike.id));
            standing.entries.retain(|id| !lifted.contains(id));
            let gone: Vec<String> = before.into_iter().filter(|id| lifted.contains(id)).collect();
            if !gone.is_empty() {
                changed.push((standing.against.clone(), gone));
            }
            if standing.entries.is_empty() && !standing.is_proven() {
                standing.quarantined = None;
            }
            !standing.strikes.is_empty() || standing.quarantined.is_some()
        });
        changed
    }

    fn add(&mut self, strike: Strike) {
        let standing = self.standing_mut(&strike.against);
        if standing.against.name.is_none() {
            standing.against.name.clone_from(&strike.against.name);
        }
        standing.strikes.push(strike);
    }

    fn standing_mut(&mut self, against: &Accused) -> &mut Standing {
        self.standings.entry(against.pair.clone()).or_insert_with(|| Standing {
            against: against.clone(),
            strikes: Vec::new(),
            quarantined: None,
            entries: Vec::new(),
        })
    }
}

impl Standing {
    fn is_proven(&self) -> bool {
        let processes: BTreeSet<&str> = self.strikes.iter().map(|strike| strike.process.as_str()).collect();
        self.strikes.len() >= STRIKES && processes.len() >= PROCESSES
    }

    /// The names of all entries that it is made of.
    fn into_entries(self) -> Vec<String> {
        self.strikes.into_iter().map(|strike| strike.id).chain(self.entries).collect()
    }
}
