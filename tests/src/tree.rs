//! What an output folder holds, as one hash.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::files_below;

/// Every file below an output folder with the hash of its bytes, save the manifest and the state that tonemill keeps for
/// itself. Files under temporary names are among them.
#[derive(Clone, Debug, PartialEq)]
pub struct Tree {
    files: BTreeMap<PathBuf, String>,
}

impl Tree {
    /// What stands there now, while nothing writes there.
    pub fn of(root: &Path) -> Tree {
        let name = |path: &Path| path.strip_prefix(root).expect("it lies below").to_owned();
        let hash = |path: &Path| blake3::hash(&std::fs::read(path).expect("a file can be read")).to_hex().to_string();
        let files = files_below(root).into_iter().map(|path| (name(&path), path));
        let sounds = files.filter(|(name, _)| !name.starts_with(".tonemill") && name != Path::new("manifest.jsonl"));
        Tree { files: sounds.map(|(name, path)| (name, hash(&path))).collect() }
    }

    /// How many files there are.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether there is no file.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Names and contents in one hash.
    pub fn hash(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for (name, hash) in &self.files {
            hasher.update(format!("{}\0{hash}\n", name.display()).as_bytes());
        }
        hasher.finalize().to_hex().to_string()
    }

    /// Fails the test unless both hold the same.
    #[track_caller]
    pub fn expect_same(&self, as_in: &Tree) {
        let differs = |(name, hash): &(&PathBuf, &String)| as_in.files.get(*name) != Some(hash);
        let wrong: Vec<_> = self.files.iter().filter(differs).map(|(name, _)| name).collect();
        let missing: Vec<_> = as_in.files.keys().filter(|name| !self.files.contains_key(*name)).collect();
        assert!(wrong.is_empty() && missing.is_empty(), "other than it should be: {wrong:?}; missing: {missing:?}");
        assert_eq!(self.hash(), as_in.hash());
    }

    /// Fails the test unless every file that stands under its final name is as in the other; some may be missing.
    #[track_caller]
    pub fn expect_part_of(&self, whole: &Tree) {
        let is_final = |name: &Path| name.extension().is_none_or(|extension| extension != "partial");
        for (name, hash) in self.files.iter().filter(|(name, _)| is_final(name)) {
            assert_eq!(Some(hash), whole.files.get(name), "{} stands and is not whole", name.display());
        }
    }

    /// Fails the test unless the manifest names each of these files once, with its hash, and no other.
    #[track_caller]
    pub fn expect_manifest(&self, root: &Path) {
        let text = std::fs::read_to_string(root.join("manifest.jsonl")).expect("there is a manifest");
        let line = |line: &str| -> (PathBuf, String) {
            let line: Value = serde_json::from_str(line).expect("a manifest line is JSON");
            let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("no text in {line}")).to_owned();
            (text(&line["path"]).into(), text(&line["file"]["blake3"]))
        };
        let lines: Vec<(PathBuf, String)> = text.lines().map(line).collect();
        assert_eq!(lines.len(), self.len(), "one line a file");
        for (path, hash) in lines {
            assert_eq!(self.files.get(&path), Some(&hash), "{}", path.display());
        }
    }
}
