//! What plugin files hold, kept so that none is loaded to find out twice.
//!
//! The story in order: a plugin file has a [`Stamp`], which costs no more than looking at it; [`decide`] says from it
//! whether what is known still holds; what a worker found becomes an [`Entry`]; and [`store`] keeps the entries in the
//! user's cache folder. [`search`] answers questions about what there is: words, doubles, and which plugin a name means.

pub mod libraries;
pub mod search;
mod stale;
pub mod stamp;
pub mod store;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use audio::device::DeviceInfo;
use presets::PluginFormat;
use serde::{Deserialize, Serialize};

pub use stale::{Step, Terms, decide};
pub use stamp::Stamp;

/// What is known of one plugin file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// What it is.
    pub format: PluginFormat,
    /// Where it is: a file, or a directory that is a plugin; absolute.
    pub path: PathBuf,
    /// What it looked like from outside when its content was last compared.
    #[serde(flatten)]
    pub stamp: Stamp,
    /// BLAKE3 of its content, in hex.
    pub blake3: String,
    /// When a worker listed it, in milliseconds since 1970.
    pub listed_ms: u64,
    /// [`crate::ENGINE`] of the build that listed it.
    pub engine: String,
    /// What came of that.
    #[serde(flatten)]
    pub found: Found,
}

/// What listing a plugin file gave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Found {
    /// The plugins that it holds.
    Plugins(Vec<DeviceInfo>),
    /// It cannot be listed.
    Broken(Broken),
}

/// Why a plugin file cannot be listed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Broken {
    /// The kind of fault.
    pub fault: Fault,
    /// What happened, in words.
    pub reason: String,
    /// The worker program that tried: one for another libc may succeed.
    pub worker: String,
    /// How long it could take, in seconds: with more time it may succeed.
    pub limit_seconds: f64,
    /// [`libraries::look`] when it was tried: with a library more it may succeed. Builds before this knew none.
    #[serde(default)]
    pub libraries: String,
}

/// What kind of fault keeps a plugin file from being listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// It cannot be loaded: another machine's, no plugin at all, a library that is missing.
    Refused,
    /// It crashed the process.
    Crashed,
    /// It ended the process.
    Left,
    /// It did not come back in the time allowed.
    Hung,
    /// The process was killed from outside, as happens when memory runs out.
    Killed,
    /// What the worker said made no sense.
    Garbled,
    /// The file cannot be read.
    Unreadable,
}

impl Fault {
    /// Whether the same file has the same fault the next time. What may have been the machine's fault is not kept.
    pub fn is_lasting(self) -> bool {
        match self {
            Fault::Refused | Fault::Crashed | Fault::Left | Fault::Hung => true,
            Fault::Killed | Fault::Garbled | Fault::Unreadable => false,
        }
    }
}

impl Found {
    /// Whether it holds until the file changes, and so is worth keeping.
    pub fn is_lasting(&self) -> bool {
        match self {
            Found::Plugins(_) => true,
            Found::Broken(broken) => broken.fault.is_lasting(),
        }
    }
}

/// Everything that is known, one entry a plugin file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Catalogue {
    entries: BTreeMap<(PluginFormat, PathBuf), Entry>,
}

/// What is to be changed in a catalogue: for each plugin file its new entry, or none where it is gone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changes(BTreeMap<(PluginFormat, PathBuf), Option<Entry>>);

impl Catalogue {
    /// What is known of a file.
    pub fn get(&self, format: PluginFormat, path: &Path) -> Option<&Entry> {
        self.entries.get(&(format, path.to_owned()))
    }

    /// All entries, by format and path.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    /// Takes over changes. Entries that they do not name stay as they are.
    pub fn apply(&mut self, changes: &Changes) {
        for (key, entry) in &changes.0 {
            match entry {
                Some(entry) => self.entries.insert(key.clone(), entry.clone()),
                None => self.entries.remove(key),
            };
        }
    }
}

impl Changes {
    /// Puts an entry in place of whatever is known of its file.
    pub fn put(&mut self, entry: Entry) {
        self.0.insert((entry.format, entry.path.clone()), Some(entry));
    }

    /// Forgets a file.
    pub fn forget(&mut self, format: PluginFormat, path: &Path) {
        self.0.insert((format, path.to_owned()), None);
    }

    /// Whether nothing is to be changed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<Entry> for Catalogue {
    /// Of several entries for one file, the last counts.
    fn from_iter<I: IntoIterator<Item = Entry>>(entries: I) -> Catalogue {
        Catalogue { entries: entries.into_iter().map(|e| ((e.format, e.path.clone()), e)).collect() }
    }
}

#[cfg(test)]
mod tests;
