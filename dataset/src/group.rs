//! Which entries never part: their source groups.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::entry::Entry;
use crate::error::{PackageError, listed};
use crate::line::Line;
use crate::shared::Shared;

/// Gives every entry its group: what a field says, else what the job says, else the content of its recordings. Groups that
/// share a recording or MIDI file become one, under the first of their names, since no source may lie in two splits. Gives
/// a warning for these.
pub(crate) fn group(lines: &mut [Line], field: Option<&str>) -> Result<Vec<String>, PackageError> {
    let mut names: Shared<str> = Shared::default();
    if let Some(field) = field {
        let lacking: Vec<&Entry> =
            lines.iter().map(|line| &line.entry).filter(|entry| entry.fact(field).is_none()).collect();
        if let Some(first) = lacking.first() {
            let facts: BTreeSet<&str> =
                lines.iter().flat_map(|line| line.entry.metadata.keys()).map(String::as_str).collect();
            return Err(PackageError::NoGroup {
                field: field.to_owned(),
                entry: first.key.clone(),
                others: lacking.len() - 1,
                known: listed(["input", "folder", "tone"].into_iter().chain(facts)),
            });
        }
    }
    for line in lines.iter_mut() {
        let told = field.and_then(|field| line.entry.fact(field)).map(|group| names.keep(group));
        line.entry.group =
            told.or_else(|| line.source_group.clone()).unwrap_or_else(|| by_content(&line.entry, &mut names));
    }
    Ok(join(lines))
}

/// The group of an entry that nothing else groups: all that it was made of, by content.
fn by_content(entry: &Entry, names: &mut Shared<str>) -> Arc<str> {
    let hashes: Vec<&str> = entry.inputs.keys().map(String::as_str).collect();
    let whole = match hashes.as_slice() {
        [] => entry.task.to_string(),
        [only] => (*only).to_owned(),
        several => jobs::hash::of_text(&several.join(" ")),
    };
    names.keep(whole.chars().take(16).collect::<String>())
}

/// Joins groups that share an input by content.
fn join(lines: &mut [Line]) -> Vec<String> {
    // The groups of each input, then the smallest group that each leads to.
    let mut groups: BTreeMap<&str, BTreeSet<Arc<str>>> = BTreeMap::new();
    for entry in lines.iter().map(|line| &line.entry) {
        for hash in entry.inputs.keys() {
            let of_input = groups.entry(hash).or_default();
            if !of_input.contains(&entry.group) {
                of_input.insert(entry.group.clone());
            }
        }
    }
    let mut leads: BTreeMap<Arc<str>, Arc<str>> = BTreeMap::new();
    for of_input in groups.values().filter(|groups| groups.len() > 1) {
        let firsts: BTreeSet<Arc<str>> = of_input.iter().map(|group| first(&leads, group)).collect();
        let smallest = firsts.first().expect("there are several").clone();
        leads.extend(firsts.into_iter().filter(|other| *other != smallest).map(|other| (other, smallest.clone())));
    }
    if leads.is_empty() {
        return Vec::new();
    }
    let mut joined: BTreeMap<Arc<str>, BTreeSet<Arc<str>>> = BTreeMap::new();
    for line in lines {
        let group = first(&leads, &line.entry.group);
        if group != line.entry.group {
            joined.entry(group.clone()).or_default().insert(std::mem::replace(&mut line.entry.group, group));
        }
    }
    let told = |(group, others): (&Arc<str>, &BTreeSet<Arc<str>>)| {
        format!("{group} with {}", listed(others.iter().map(|other| &**other)))
    };
    let told: Vec<String> = joined.iter().map(told).collect();
    vec![format!(
        "source groups that share a recording or MIDI file by content are one, so that no source is in two splits: {}",
        listed(told.iter().map(String::as_str))
    )]
}

fn first(leads: &BTreeMap<Arc<str>, Arc<str>>, group: &Arc<str>) -> Arc<str> {
    let mut group = group;
    while let Some(next) = leads.get(group) {
        group = next;
    }
    group.clone()
}
