//! Under which licences the assets of a data set stand.
//!
//! A file says so itself (`.nam` metadata), or a file beside it does: `NAME.EXT.license` as REUSE has it, a notice by its
//! name, or the folder's LICENSE, NOTICE, COPYING or COPYRIGHT. The job's metadata (`licence` or `license`) speaks for
//! the recording. Texts are known by an SPDX tag or by what the common licences call themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

mod words;

pub use words::recognise;

/// What stands for a licence that nobody states.
pub const UNKNOWN: &str = "unknown";

/// One asset with its licence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssetLicence {
    /// The asset's part: `input`, `midi`, `asset`.
    pub role: String,
    /// The asset's name for people.
    pub name: String,
    /// Where it was found, for people at this machine; no data set tells it.
    pub path: PathBuf,
    /// BLAKE3 in hex.
    pub blake3: String,
    /// An SPDX expression, or [`UNKNOWN`].
    pub licence: String,
    /// The file that says so, where it is another than the asset.
    pub notice: Option<PathBuf>,
}

/// The asset's licence, from what the job says of it, itself and the files beside it.
pub(crate) fn of(role: &str, path: &Path, blake3: &str, metadata: &BTreeMap<String, Value>) -> AssetLicence {
    let name = path.file_name().map_or_else(|| path.display().to_string(), |n| n.to_string_lossy().into_owned());
    let asset = |licence: String, notice| AssetLicence {
        role: role.to_owned(),
        name: name.clone(),
        path: path.to_owned(),
        blake3: blake3.to_owned(),
        licence,
        notice,
    };
    if let Some(embedded) = path.to_str().and_then(|path| path.strip_prefix("embedded:")) {
        // What comes with the program stands under its licences, save the sounds that were cut from another's.
        let licence = if embedded == "tonemill" { "MIT" } else { "MIT OR Apache-2.0" };
        return asset(licence.to_owned(), None);
    }
    let said = (role == "input").then(|| stated(metadata)).flatten();
    if let Some(licence) = said.or_else(|| within(path)) {
        return asset(licence, beside(path).into_iter().next());
    }
    let notices = beside(path);
    match notices.iter().find_map(|notice| Some((recognise(&fs::read_to_string(notice).ok()?)?, notice.clone()))) {
        Some((licence, notice)) => asset(licence, Some(notice)),
        None => asset(UNKNOWN.to_owned(), notices.into_iter().next()),
    }
}

fn stated(fields: &BTreeMap<String, Value>) -> Option<String> {
    let text = ["licence", "license"].iter().find_map(|name| fields.get(*name)?.as_str());
    text.map(str::trim).filter(|text| !text.is_empty()).map(|text| recognise(text).unwrap_or_else(|| text.to_owned()))
}

/// What a `.nam` file's metadata says.
fn within(path: &Path) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Model {
        #[serde(default)]
        metadata: Option<BTreeMap<String, Value>>,
    }
    if crate::entry::extension(path) != "nam" {
        return None;
    }
    let model: Model = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    stated(&model.metadata?)
}

/// The files beside an asset that may tell its licence, those of its own name first.
fn beside(path: &Path) -> Vec<PathBuf> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let stem = crate::entry::stem(path).to_lowercase();
    let mut found: Vec<(u8, PathBuf)> = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let other = entry.file_name().to_string_lossy().to_lowercase();
        let bare = other.rsplit_once('.').filter(|(_, e)| ["txt", "md", "rst"].contains(e)).map_or(&*other, |(b, _)| b);
        let of_stem = bare.strip_prefix(&stem).and_then(|rest| rest.strip_prefix(['-', '_', '.', ' ']));
        let rank = if other == format!("{name}.license") {
            0
        } else if of_stem.is_some_and(is_notice) {
            1
        } else if is_notice(bare) {
            2
        } else {
            continue;
        };
        if entry.path().is_file() {
            found.push((rank, entry.path()));
        }
    }
    found.sort();
    found.into_iter().map(|(_, path)| path).collect()
}

fn is_notice(name: &str) -> bool {
    let words = ["license", "licence", "notice", "copying", "copyright"];
    words.iter().any(|word| name.strip_prefix(word).is_some_and(|rest| !rest.starts_with(char::is_alphanumeric)))
}

/// Whether a licence expression leaves a choice in which every part is allowed.
pub fn is_allowed(expression: &str, allowed: &[String]) -> bool {
    let known = |licence: &str| allowed.iter().any(|allowed| allowed.eq_ignore_ascii_case(licence.trim()));
    let expression = expression.trim();
    // A whole text may be listed as it is, be it no expression.
    known(expression) || {
        let bare = expression.replace(['(', ')'], "");
        bare.split(" AND ").all(|part| part.split(" OR ").any(known))
    }
}

/// The assets of a data set, each content once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Licences(BTreeMap<(String, String), AssetLicence>);

impl Licences {
    pub(crate) fn known(&self, role: &str, blake3: &str) -> Option<&AssetLicence> {
        self.0.get(&(blake3.to_owned(), role.to_owned()))
    }

    pub(crate) fn add(&mut self, asset: AssetLicence) {
        self.0.insert((asset.blake3.clone(), asset.role.clone()), asset);
    }

    /// The assets in the order of their names.
    pub fn assets(&self) -> Vec<&AssetLicence> {
        let mut assets: Vec<_> = self.0.values().collect();
        assets.sort_by_key(|asset| (&asset.role, &asset.name, &asset.blake3));
        assets
    }

    /// The licences, each once.
    pub fn all(&self) -> BTreeSet<&str> {
        self.0.values().map(|asset| asset.licence.as_str()).collect()
    }

    /// The assets whose licence nobody states.
    pub fn unknown(&self) -> Vec<&AssetLicence> {
        self.assets().into_iter().filter(|asset| asset.licence == UNKNOWN).collect()
    }

    /// The assets that an allow list leaves out.
    pub fn refused(&self, allowed: &[String]) -> Vec<&AssetLicence> {
        self.assets().into_iter().filter(|asset| !is_allowed(&asset.licence, allowed)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_is_allowed_where_one_of_it_is_and_a_sum_where_all_are() {
        let allowed = |expression: &str| is_allowed(expression, &["mit".into(), "CC0-1.0".into()]);
        assert!(allowed("MIT") && allowed("MIT OR GPL-3.0-only") && allowed("CC0-1.0 AND (MIT OR Apache-2.0)"));
        assert!(!allowed("Apache-2.0") && !allowed("MIT AND GPL-3.0-only") && !allowed(UNKNOWN));
        assert!(is_allowed(UNKNOWN, &["unknown".into()]));
        assert!(is_allowed("my own AND yours", &["My own AND yours".into()]));
    }

    #[test]
    fn the_nearest_word_on_an_asset_counts() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        let path = folder.path().join("amp.nam");
        let none = BTreeMap::new();
        let licence = || of("asset", &path, "00", &none);
        write("amp.nam", r#"{ "weights": [1, 2], "metadata": { "name": "amp" } }"#);
        assert_eq!(licence().licence, UNKNOWN);
        assert_eq!(licence().notice, None);
        assert_eq!(licence().path, path);
        write("licensed.txt", "MIT License");
        assert_eq!(licence().licence, UNKNOWN, "a name that only begins like one is none");
        write("LICENSE", "Ask me first");
        assert_eq!(licence().licence, UNKNOWN);
        assert_eq!(licence().notice, Some(folder.path().join("LICENSE")), "the text that nobody knows is kept");
        write("NOTICE.txt", "Apache License");
        assert_eq!(licence().licence, "Apache-2.0");
        write("amp-NOTICE.txt", "MIT License");
        assert_eq!(licence().licence, "MIT");
        write("amp.nam.license", "SPDX-License-Identifier: CC-BY-4.0");
        assert_eq!(licence().licence, "CC-BY-4.0");
        write("amp.nam", r#"{ "metadata": { "license": "CC0" } }"#);
        assert_eq!(licence().licence, "CC0-1.0");
        let job = BTreeMap::from([("licence".to_owned(), Value::from("Ours"))]);
        assert_eq!(of("input", &path, "00", &job).licence, "Ours");
        assert_eq!(of("asset", &path, "00", &job).licence, "CC0-1.0", "a job speaks for its recordings");
    }

    #[test]
    fn what_comes_with_the_program_has_its_licences() {
        let none = BTreeMap::new();
        assert_eq!(of("asset", Path::new("embedded:chump"), "00", &none).licence, "MIT OR Apache-2.0");
        assert_eq!(of("asset", Path::new("embedded:tonemill"), "00", &none).licence, "MIT");
    }
}
