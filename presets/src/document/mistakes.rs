//! What is wrong with files that people wrote.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;

use super::node::Place;

/// One mistake: where, what, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Where it stands.
    pub place: Place,
    /// What is wrong, naming field and value; no full stop.
    pub message: String,
    /// What to do, in whole sentences: "Did you mean 9.00?"
    pub help: Option<String>,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stop = if self.message.ends_with(['.', '?', '!']) { "" } else { "." };
        write!(f, "{}: {}{stop}", self.place, self.message)?;
        match &self.help {
            Some(help) => write!(f, " {help}"),
            None => Ok(()),
        }
    }
}

/// Every mistake that was found, file by file in the order they were opened, from top to bottom. Shown one a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mistakes(Vec<Mistake>);

impl Mistakes {
    /// All of them.
    pub fn iter(&self) -> std::slice::Iter<'_, Mistake> {
        self.0.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl IntoIterator for Mistakes {
    type Item = Mistake;
    type IntoIter = std::vec::IntoIter<Mistake>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mistake) in self.0.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{mistake}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Mistakes {}

/// Takes mistakes in while reading goes on. Collects behind a shared reference, so that the readers of nested values
/// can hold it at the same time.
#[derive(Clone, Debug, Default)]
pub struct Collector {
    list: RefCell<Vec<Mistake>>,
}

impl Collector {
    /// An empty one.
    pub fn new() -> Collector {
        Collector::default()
    }

    /// Takes a mistake that explains itself.
    pub fn mistake(&self, place: &Place, message: impl Into<String>) {
        self.list.borrow_mut().push(Mistake { place: place.clone(), message: message.into(), help: None });
    }

    /// Takes a mistake with what to do about it; an empty `help` is none.
    pub fn mistake_with(&self, place: &Place, message: impl Into<String>, help: impl Into<String>) {
        let help = Some(help.into()).filter(|h| !h.is_empty());
        self.list.borrow_mut().push(Mistake { place: place.clone(), message: message.into(), help });
    }

    /// Takes mistakes that were found elsewhere.
    pub fn extend(&self, mistakes: Mistakes) {
        self.list.borrow_mut().extend(mistakes.0);
    }

    /// How many there are so far.
    pub fn len(&self) -> usize {
        self.list.borrow().len()
    }

    /// Nothing is wrong so far.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All mistakes in order, each once.
    pub fn into_mistakes(self) -> Mistakes {
        let list = self.list.into_inner();
        let mut files = HashMap::new();
        for mistake in &list {
            let next = files.len();
            files.entry(mistake.place.file.clone()).or_insert(next);
        }
        let mut sorted: Vec<Mistake> = Vec::with_capacity(list.len());
        for mistake in list {
            if !sorted.contains(&mistake) {
                sorted.push(mistake);
            }
        }
        sorted.sort_by_key(|m| (files[&m.place.file], m.place.line, m.place.column));
        Mistakes(sorted)
    }

    /// `value` if nothing is wrong, else all mistakes.
    pub fn finish<T>(self, value: Option<T>) -> Result<T, Mistakes> {
        match value {
            Some(value) if self.is_empty() => Ok(value),
            _ => Err(self.into_mistakes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_reads_as_place_message_and_help() {
        let place = Place { file: "jobs/night.yaml".into(), line: 14, column: 11 };
        let collector = Collector::new();
        collector.mistake_with(&place, "gain_db = 900 is outside -120..24", "Did you mean 9.00?");
        assert_eq!(
            collector.into_mistakes().to_string(),
            "jobs/night.yaml:14:11: gain_db = 900 is outside -120..24. Did you mean 9.00?"
        );
    }

    #[test]
    fn mistakes_come_by_file_then_from_top_to_bottom_and_each_once() {
        let at = |file: &str, line| Place { file: file.into(), line, column: 1 };
        let collector = Collector::new();
        collector.mistake(&at("b.yaml", 9), "late");
        collector.mistake(&at("a.yaml", 1), "other");
        collector.mistake(&at("b.yaml", 2), "early");
        collector.mistake(&at("b.yaml", 9), "late");
        assert_eq!(collector.into_mistakes().to_string(), "b.yaml:2:1: early.\nb.yaml:9:1: late.\na.yaml:1:1: other.");
    }
}
