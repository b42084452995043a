//! What journals say was done, counted.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::files_below;

/// Lines of all journals of an output folder, settled ones and those of shards too.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Count {
    /// Attempts that were begun.
    pub started: usize,
    /// Tasks that were rendered.
    pub finished: usize,
    /// Attempts that failed and were seen to.
    pub failed: usize,
    /// Likewise, by kind of cause, such as `crashed` or `killed_from_outside`.
    pub causes: BTreeMap<String, usize>,
    /// Lines that hold no whole entry.
    pub torn: usize,
}

impl Count {
    /// Attempts that failed of one of these kinds of causes.
    pub fn of(&self, kinds: &[&str]) -> usize {
        kinds.iter().filter_map(|kind| self.causes.get(*kind)).sum()
    }
}

/// Counts the lines of an output folder's journals.
pub fn count(root: &Path) -> Count {
    let mut count = Count::default();
    for path in files_below(&root.join(".tonemill")) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !(name.starts_with("journal") && name.ends_with(".jsonl")) {
            continue;
        }
        let text = String::from_utf8_lossy(&std::fs::read(&path).expect("a journal can be read")).into_owned();
        for line in text.lines() {
            let Ok(line) = serde_json::from_str::<Value>(line) else {
                count.torn += 1;
                continue;
            };
            match line["event"].as_str() {
                Some("started") => count.started += 1,
                Some("finished") => count.finished += 1,
                Some("failed") => {
                    count.failed += 1;
                    let kind = line["report"]["cause"]["kind"].as_str().expect("a report has a cause");
                    *count.causes.entry(kind.to_owned()).or_default() += 1;
                }
                _ => {}
            }
        }
    }
    count
}
