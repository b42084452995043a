//! Files that a draw chooses from.
//!
//! This crate opens no files: whoever plans lists what a pattern finds, with what is known of each file, and the pool
//! keeps those that pass. What is kept depends on the files alone, never on the order of the listing.

use std::path::PathBuf;

use super::condition::{Condition, Seen, Subject};
use super::metadata::Metadata;
use super::slot::{Choice, below};
use super::source::{DrawKey, Random, TaskKey};
use crate::document::{Collector, Place};

/// `{ pool: "nam/**/*.nam", where: { gear_type: amp }, count: 20, broken: skip }`.
#[derive(Clone, Debug, PartialEq)]
pub struct Pool {
    /// The pattern as written.
    pub pattern: String,
    /// The folder that it starts from.
    pub folder: PathBuf,
    /// What must be known of a file.
    pub filter: Option<Condition>,
    /// How many files to keep; all where it is left out.
    pub count: Option<usize>,
    /// What becomes of a file that cannot be used.
    pub broken: Broken,
    /// Where it stands.
    pub place: Place,
    /// The files that are drawn from, by name; empty until the template is given a listing.
    pub files: Vec<PoolFile>,
}

/// What becomes of a file that cannot be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Broken {
    /// It is a mistake.
    #[default]
    Refuse,
    /// It is left out, with a warning.
    Skip,
}

/// A file that a pattern found.
#[derive(Clone, Debug, PartialEq)]
pub struct PoolFile {
    /// Where it is.
    pub path: PathBuf,
    /// What is known of it, for filters.
    pub metadata: Metadata,
    /// Why it cannot be used, if so.
    pub broken: Option<String>,
}

impl Pool {
    /// Takes what the pattern found. Gives a warning for each file that is left out because it cannot be used; where
    /// that is a mistake, or where nothing is left, the collector is told.
    pub(crate) fn fill(&mut self, seed: u64, mut found: Vec<PoolFile>, collector: &Collector) -> Vec<String> {
        let mut warnings = Vec::new();
        let count = found.len();
        found.sort_by_cached_key(|file| below(&file.path, &self.folder));
        found.dedup_by(|second, first| second.path == first.path);
        found.retain(|file| match &file.broken {
            None => true,
            Some(reason) if self.broken == Broken::Skip => {
                warnings.push(format!("{}: {} is left out of the pool: {reason}", self.place, file.path.display()));
                false
            }
            Some(reason) => {
                let message = format!("{} cannot be drawn from: {reason}", file.path.display());
                collector.mistake_with(&self.place, message, "Remove the file, or write broken: skip beside the pool.");
                false
            }
        });
        let usable = found.len();
        found.retain(|file| self.passes(file, collector));
        let written = &self.pattern;
        match (count, usable, found.len(), self.count) {
            (0, ..) => {
                let help = "Patterns start at this file's folder.";
                collector.mistake_with(&self.place, format!("\"{written}\" finds no file to draw from"), help);
            }
            (_, 0, ..) if self.broken == Broken::Skip => {
                let message = format!("\"{written}\" finds {count} files, and none of them can be used");
                collector.mistake_with(&self.place, message, "Put others there, or name another pattern.");
            }
            (_, 1.., 0, _) => {
                let message = format!("\"{written}\" finds {count} files, and none passes the filter");
                collector.mistake_with(&self.place, message, "Change what where asks for.");
            }
            (_, _, passing, Some(wanted)) if wanted > passing && passing == usable && usable == count => {
                let message = format!("count = {wanted} is more than the {passing} files that \"{written}\" finds");
                collector.mistake_with(&self.place, message, "Write a smaller count.");
            }
            (_, _, passing, Some(wanted)) if wanted > passing && passing > 0 => {
                let message = format!("count = {wanted} is more than the {passing} files that are left of {count}");
                collector.mistake_with(&self.place, message, "Write a smaller count, or change what where asks for.");
            }
            _ => {}
        }
        if let Some(wanted) = self.count.filter(|wanted| *wanted < found.len()) {
            // Each file has a place of its own in the order, so that a file more moves one other at most.
            let task = TaskKey::new(seed, "", 0);
            let rank = |file: &PoolFile| {
                let name = below(&file.path, &self.folder);
                (Random::new(task, DrawKey::new(&self.pattern, &name)).word(0), name)
            };
            found.sort_by_cached_key(rank);
            found.truncate(wanted);
            found.sort_by_cached_key(|file| below(&file.path, &self.folder));
        }
        self.files = found;
        warnings
    }

    /// Whether a file passes the filter. One that lacks what is asked for does not.
    fn passes(&self, file: &PoolFile, collector: &Collector) -> bool {
        let Some(filter) = &self.filter else { return true };
        let see = |name: &str, _: &Subject, _: &Place| {
            Ok(file.metadata.get(name).map_or(Seen::NotDrawn, |datum| datum.seen()))
        };
        filter.holds(&see).unwrap_or_else(|error| {
            let message = format!("{}: {error}", file.path.display());
            collector.mistake_with(&self.place, message, "Change what where asks for.");
            false
        })
    }

    /// A file as a record shows it: below the pattern's folder.
    pub(crate) fn shown(&self, index: usize) -> String {
        self.files.get(index).map_or_else(String::new, |file| below(&file.path, &self.folder))
    }
}

/// Whether a choice is a text, which names a file.
pub(crate) fn file_name(choice: &Choice) -> Option<&str> {
    match choice {
        Choice::Value(crate::Value::Text(text)) => Some(text),
        _ => None,
    }
}
