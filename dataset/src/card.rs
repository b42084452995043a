//! The data-set card: README.md with the head that Hugging Face reads, and the licences of all assets.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::entry::Entry;
use crate::error::{Left, PackageError};
use crate::gather::DataSet;
use crate::layout::splits;
use crate::leak::short;
use crate::licence::{AssetLicence, UNKNOWN};
use crate::settings::{Layout, Settings};
use crate::split::TEST;
use crate::stage::Stage;

/// Writes README.md, `licences/assets.jsonl` and the notices beside it.
pub(crate) fn write(set: &DataSet, settings: &Settings, stage: &mut Stage) -> Result<(), PackageError> {
    let mut lines = String::new();
    for asset in set.licences.assets() {
        let notice = match &asset.notice {
            Some(path) => {
                let blake3 = jobs::hash::Hashes::default().of(path).map_err(|problem| {
                    PackageError::Stale(vec![crate::error::Stale { path: path.clone(), problem }])
                })?;
                let file = path.file_name().unwrap_or_default().to_string_lossy();
                let name = format!("licences/{}-{file}", &blake3[..8]);
                stage.file(&name, &path.as_path().into(), &blake3.as_str().into())?;
                Some(name)
            }
            None => None,
        };
        let AssetLicence { role, name, blake3, licence, .. } = asset;
        let line = json!({ "role": role, "name": name, "blake3": blake3, "licence": licence, "notice": notice });
        lines += &format!("{line}\n");
    }
    stage.bytes("licences/assets.jsonl", lines.as_bytes())?;
    stage.bytes("README.md", text(set, settings).as_bytes())
}

fn text(set: &DataSet, settings: &Settings) -> String {
    let sections = [counts(set), tones(set, settings), licences(set), origin(set, settings)];
    let title = set.name.split_whitespace().collect::<Vec<_>>().join(" ");
    let sections: Vec<&str> = sections.iter().map(String::as_str).filter(|section| !section.is_empty()).collect();
    format!("{}\n# {title}\n\n{}", head(set, settings), sections.join("\n"))
}

/// The head in YAML. JSON's texts are YAML's.
fn head(set: &DataSet, settings: &Settings) -> String {
    let mut text = format!("---\npretty_name: {}\n", Value::from(set.name.as_str()));
    text += &list("license", &hub_licences(set));
    text += &list("task_categories", &["audio-to-audio".to_owned()]);
    text += &list("tags", &["audio".to_owned(), "tonemill".to_owned()]);
    text += &list("size_categories", &[size(set.entries.len())]);
    let pattern = |split: &str| match settings.layout {
        Layout::Audiofolder => Some(format!("{split}/**")),
        Layout::Webdataset => Some(format!("{split}-*.tar")),
        _ => None,
    };
    let configs: String = splits(set)
        .iter()
        .filter_map(|split| {
            // The Hub's word for it.
            let name = if *split == "valid" { "validation" } else { split };
            Some(format!("  - split: {name}\n    path: {}\n", Value::from(pattern(split)?)))
        })
        .collect();
    if !configs.is_empty() {
        text += &format!("configs:\n- config_name: default\n  data_files:\n{configs}");
    }
    text + "---\n"
}

fn list(name: &str, items: &[String]) -> String {
    let lines: String = items.iter().map(|item| format!("- {}\n", Value::from(item.as_str()))).collect();
    format!("{name}:\n{lines}")
}

/// The licences as the Hub names them.
fn hub_licences(set: &DataSet) -> Vec<String> {
    const KNOWN: [&str; 17] = [
        "mit",
        "apache-2.0",
        "cc0-1.0",
        "cc-by-3.0",
        "cc-by-4.0",
        "cc-by-sa-3.0",
        "cc-by-sa-4.0",
        "cc-by-nc-3.0",
        "cc-by-nc-4.0",
        "cc-by-nd-4.0",
        "cc-by-nc-nd-4.0",
        "cc-by-nc-sa-4.0",
        "bsd-3-clause",
        "unlicense",
        "gpl-2.0",
        "gpl-3.0",
        "unknown",
    ];
    let mut ids = BTreeSet::new();
    for expression in set.licences.all() {
        let bare = expression.replace(['(', ')'], "").replace(" AND ", " OR ");
        for part in bare.split(" OR ") {
            let id = part.trim().to_lowercase();
            let id = id.strip_suffix("-only").or_else(|| id.strip_suffix("-or-later")).unwrap_or(&id);
            ids.insert(if KNOWN.contains(&id) { id.to_owned() } else { "other".to_owned() });
        }
    }
    if ids.is_empty() {
        ids.insert(UNKNOWN.to_owned());
    }
    ids.into_iter().collect()
}

/// The Hub's word for a number of entries.
fn size(entries: usize) -> String {
    let steps = ["1K", "10K", "100K", "1M", "10M", "100M", "1B"];
    let (mut below, mut limit) = (None, 1000);
    for step in steps {
        if entries < limit {
            return below.map_or_else(|| format!("n<{step}"), |below| format!("{below}<n<{step}"));
        }
        below = Some(step);
        limit = limit.saturating_mul(10);
    }
    "n>1B".to_owned()
}

fn hours<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> String {
    let seconds: f64 = entries.into_iter().map(|entry| entry.wet.seconds()).sum();
    format!("{:.3}", seconds / 3600.0)
}

fn counts(set: &DataSet) -> String {
    let mut text = "## What it holds\n\n| split | source groups | files | hours |\n|---|---|---|---|\n".to_owned();
    let row = |name: &str, entries: &[&Entry]| {
        let groups: BTreeSet<&str> = entries.iter().map(|entry| &*entry.group).collect();
        let hours = hours(entries.iter().copied());
        format!("| {name} | {} | {} | {hours} |\n", groups.len(), entries.len())
    };
    for split in splits(set) {
        let of_split: Vec<&Entry> = set.entries.iter().filter(|entry| &*entry.split == split).collect();
        text += &row(split, &of_split);
    }
    text += &row("all", &set.entries.iter().collect::<Vec<_>>());
    let count = |is: fn(&Entry) -> bool| set.entries.iter().filter(|entry| is(entry)).count();
    let with_dry = count(|entry| entry.dry.is_some());
    let (silent, clipped) = (count(|entry| entry.measured.silent), count(|entry| entry.measured.clipped_samples > 0));
    let flagged = count(|entry| !entry.measured.flags.is_empty());
    text += &format!("\nWith their dry sound beside them: {with_dry}. Silent: {silent}. Clipped: {clipped}. ");
    text += &format!("Flagged by the quality gate: {flagged}; the column `flags` says for what.\n");
    if set.left != Left::default() {
        text += &format!("\nLeft out of what was rendered: {}.\n", set.left);
    }
    text
}

fn tones(set: &DataSet, settings: &Settings) -> String {
    let mut counts: BTreeMap<&str, BTreeMap<&str, usize>> = BTreeMap::new();
    for entry in &set.entries {
        if let Some(tone) = &entry.tone {
            *counts.entry(tone).or_default().entry(&entry.split).or_default() += 1;
        }
    }
    if counts.is_empty() {
        return String::new();
    }
    let splits = splits(set);
    let heads: String = splits.iter().map(|split| format!(" {split} |")).collect();
    let mut text = format!("## Tones\n\n| tone |{heads}\n|---|{}\n", "---|".repeat(splits.len()));
    for (tone, by_split) in &counts {
        let numbers: String = splits.iter().map(|split| format!(" {} |", by_split.get(split).unwrap_or(&0))).collect();
        text += &format!("| {} |{numbers}\n", tone.replace('|', "\\|"));
    }
    if !settings.hold_out.is_empty() {
        let held = settings.hold_out.join(", ");
        text += &format!(
            "\nHeld out for {TEST}: {held}. {} of their files, of other sources, are left out.\n",
            set.left.held_back
        );
    }
    text
}

fn licences(set: &DataSet) -> String {
    let mut text = "## Licences\n\n| licence | assets |\n|---|---|\n".to_owned();
    let mut by_licence: BTreeMap<&str, Vec<&AssetLicence>> = BTreeMap::new();
    for asset in set.licences.assets() {
        by_licence.entry(&asset.licence).or_default().push(asset);
    }
    for (licence, assets) in &by_licence {
        let names: BTreeSet<&str> = assets.iter().map(|asset| asset.name.as_str()).collect();
        text += &format!("| {} | {}: {} |\n", licence.replace('|', "\\|"), assets.len(), crate::error::listed(names));
    }
    let makers: BTreeSet<&str> =
        set.entries.iter().flat_map(|entry| &entry.devices.makers).map(String::as_str).collect();
    text += "\n`licences/` has every asset with its hash, and the notices that were found beside them.\n";
    if !makers.is_empty() {
        let makers = makers.into_iter().collect::<Vec<_>>().join(", ");
        text += &format!("\nDevices that the sound went through: {makers}.\n");
    }
    text
}

fn origin(set: &DataSet, settings: &Settings) -> String {
    let joined = |items: &mut dyn Iterator<Item = String>| items.collect::<Vec<_>>().join(", ");
    let engines = joined(&mut set.engines.iter().cloned());
    let jobs = joined(&mut set.jobs.iter().map(|job| format!("`{}...`", short(job))));
    let seeds = joined(&mut set.render_seeds.iter().map(u64::to_string));
    let grouped = match &settings.group_by {
        Some(field) => format!("`{field}`"),
        None => "what the job says of each take, else by the content of its recording".to_owned(),
    };
    format!(
        "## How it was made\n\nRendered by {engines}, seed {seeds}, from the job file with BLAKE3 {jobs}, and packaged by {}:\n\n\
         ```sh\ntonemill render JOB\n{}\n```\n\n\
         JOB is that job file, OUT the folder that it renders into.\n\n\
         A source group is told by {grouped}. Its split follows from BLAKE3 of the split seed, {}, and the group's name \
         ({}), so that groups added later move none of these.\n",
        jobs::ENGINE,
        settings.command(),
        set.seed,
        settings.split
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_the_words_of_the_hub() {
        for (entries, word) in [(0, "n<1K"), (999, "n<1K"), (1000, "1K<n<10K"), (48_000, "10K<n<100K")] {
            assert_eq!(size(entries), word);
        }
        assert_eq!(size(1_000_000_000), "n>1B");
    }
}
