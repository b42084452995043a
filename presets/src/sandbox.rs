//! What the processes that load plugins may touch beside what they need anyway: paths that a preset or a job grants.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::document::{Collector, Fields, Kind, Node};

/// Files and folders that may be touched; a folder stands for everything below it. Absolute and free of links, for it
/// is where a file really lies that decides.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grants {
    /// What may be read.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub read: BTreeSet<PathBuf>,
    /// Folders that may be read and written.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub write: BTreeSet<PathBuf>,
}

impl Grants {
    /// Whether nothing is granted.
    pub fn is_empty(&self) -> bool {
        self.read.is_empty() && self.write.is_empty()
    }

    /// Lets a file or folder be read.
    pub fn let_read(&mut self, path: PathBuf) {
        insert(&mut self.read, path);
    }

    /// Lets a folder be read and written.
    pub fn let_write(&mut self, folder: PathBuf) {
        insert(&mut self.write, folder);
    }

    /// Adds what others grant.
    pub fn extend(&mut self, other: &Grants) {
        other.read.iter().for_each(|path| self.let_read(path.clone()));
        other.write.iter().for_each(|path| self.let_write(path.clone()));
    }

    /// Whether everything that others grant is granted here too.
    pub fn cover(&self, other: &Grants) -> bool {
        let reads = |path: &PathBuf| covers(&self.read, path) || covers(&self.write, path);
        other.read.iter().all(reads) && other.write.iter().all(|path| covers(&self.write, path))
    }
}

fn covers(paths: &BTreeSet<PathBuf>, path: &Path) -> bool {
    path.ancestors().any(|above| paths.contains(above))
}

/// Puts a path in, unless one above it is there already, in place of those below it.
fn insert(paths: &mut BTreeSet<PathBuf>, path: PathBuf) {
    if covers(paths, &path) {
        return;
    }
    // Paths are ordered by their parts, so that all below one stand right behind it.
    let behind = paths.range((Bound::Excluded(path.clone()), Bound::Unbounded));
    let below: Vec<PathBuf> = behind.take_while(|other| other.starts_with(&path)).cloned().collect();
    for other in below {
        paths.remove(&other);
    }
    paths.insert(path);
}

/// Takes the field `sandbox` of a preset or a job: `sandbox: { read: [...], write: [...] }`. Paths start at `folder`.
pub fn decode(fields: &Fields<'_>, folder: &Path, collector: &Collector) -> Grants {
    let mut grants = Grants::default();
    let Some(node) = fields.get("sandbox") else { return grants };
    let Some(fields) = Fields::of("sandbox", node, collector) else { return grants };
    for node in fields.get("read").into_iter().flat_map(items) {
        if let Some(path) = there("read", node, folder, collector) {
            grants.let_read(path);
        }
    }
    for node in fields.get("write").into_iter().flat_map(items) {
        match there("write", node, folder, collector) {
            Some(path) if path.is_dir() => grants.let_write(path),
            Some(path) => {
                let message = format!("{} is no folder", path.display());
                collector.mistake_with(&node.place, message, "What may be written is named by its folder.");
            }
            None => {}
        }
    }
    fields.finish();
    grants
}

/// The items of a list, or one alone.
fn items(node: &Node) -> &[Node] {
    match &node.kind {
        Kind::List(items) => items,
        _ => std::slice::from_ref(node),
    }
}

/// A path that must be there, free of links.
fn there(field: &str, node: &Node, folder: &Path, collector: &Collector) -> Option<PathBuf> {
    let Some(text) = node.scalar().map(|scalar| scalar.text.as_str()).filter(|text| !text.is_empty()) else {
        let message = format!("{field} is {} here", node.shown());
        collector.mistake_with(&node.place, message, "It takes paths of files and folders.");
        return None;
    };
    let path = folder.join(text);
    match path.canonicalize() {
        Ok(path) if path.to_str().is_some() => Some(path),
        Ok(path) => {
            let message = format!("{} cannot be granted: its name is not Unicode", path.display());
            collector.mistake_with(&node.place, message, "Rename it.");
            None
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let message = format!("there is no file or folder {}", path.display());
            collector.mistake_with(&node.place, message, "Paths start at this file's folder.");
            None
        }
        Err(error) => {
            collector.mistake(&node.place, format!("{} cannot be granted: {error}", path.display()));
            None
        }
    }
}

/// The JSON Schema of that field.
pub fn schema() -> Value {
    let paths = |about: &str| {
        json!({
            "description": about,
            "anyOf": [
                { "type": "string", "minLength": 1 },
                { "type": "array", "items": { "type": "string", "minLength": 1 } },
            ],
        })
    };
    json!({
        "description": "What plugins may touch beside the files that are named elsewhere. Paths are relative to this file.",
        "type": "object",
        "properties": {
            "read": paths("Files and folders that may be read."),
            "write": paths("Folders that may be read and written."),
        },
        "additionalProperties": false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Document;

    fn grants(read: &[&str], write: &[&str]) -> Grants {
        let mut grants = Grants::default();
        read.iter().for_each(|path| grants.let_read(path.into()));
        write.iter().for_each(|path| grants.let_write(path.into()));
        grants
    }

    #[test]
    fn a_folder_stands_for_all_below_it() {
        let all = grants(&["/a/b", "/a-b", "/a/c/d", "/a", "/a/e"], &[]);
        assert_eq!(all.read.iter().collect::<Vec<_>>(), [Path::new("/a"), Path::new("/a-b")]);
        assert!(all.cover(&grants(&["/a/x/y", "/a-b"], &[])));
        assert!(!all.cover(&grants(&["/a-c"], &[])));
        assert!(!all.cover(&grants(&[], &["/a/x"])));
        assert!(grants(&[], &["/a"]).cover(&grants(&["/a/b"], &["/a/c"])));
    }

    fn decoded(folder: &Path, text: &str) -> Result<Grants, String> {
        let collector = Collector::new();
        let document = Document::parse("x.yaml", text.to_owned(), &collector).unwrap();
        let fields = Fields::of("a preset", &document.root, &collector).unwrap();
        let grants = decode(&fields, folder, &collector);
        fields.finish();
        collector.finish(Some(grants)).map_err(|mistakes| mistakes.to_string())
    }

    #[test]
    fn what_is_granted_starts_at_the_files_folder_and_must_be_there() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        std::fs::create_dir(root.join("samples")).unwrap();
        std::fs::write(root.join("one.wav"), "").unwrap();
        let read = decoded(&root, "sandbox: { read: [samples, one.wav], write: samples }").unwrap();
        let samples = root.join("samples");
        assert_eq!(
            read,
            grants(&[samples.to_str().unwrap(), root.join("one.wav").to_str().unwrap()], &[samples.to_str().unwrap()])
        );
        let cases = [
            ("sandbox: { read: [none] }", "x.yaml:1:19: there is no file or folder"),
            ("sandbox: { write: one.wav }", "x.yaml:1:19: "),
            ("sandbox: { write: one.wav }", "is no folder"),
            ("sandbox: { raed: [samples] }", "x.yaml:1:12: sandbox has no field \"raed\". Did you mean"),
            ("sandbox: samples", "x.yaml:1:10: sandbox is "),
            ("sandbox: { read: { a: b } }", "x.yaml:1:18: read is "),
        ];
        for (text, words) in cases {
            let told = decoded(&root, text).unwrap_err();
            assert!(told.contains(words), "{text}: {told}");
        }
    }
}
