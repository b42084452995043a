//! Which files a pattern means, with captures.
//!
//! `*` and `?` stay within one folder, `**` crosses folders, `[a-z]` is a character of a set, `{wav,flac}` one of
//! several words, and `{id}` captures what stands there. A capture that occurs twice must be the same text twice.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use presets::url::is_url;
use regex_lite::Regex;

use crate::fetch::{FetchError, Fetcher};
use crate::paths;

/// Deepest folder that `**` reaches, so that a ring of links ends.
const MOST_DEPTH: usize = 32;

/// A pattern, ready to match.
#[derive(Clone, Debug)]
pub struct Glob {
    written: String,
    /// The folder in front of the first segment that is a pattern.
    fixed: PathBuf,
    segments: Vec<String>,
    expression: Regex,
    /// The capture of each group of the expression, from group 1.
    groups: Vec<String>,
}

/// A file that a pattern means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    /// Where it is: the pattern's folder with what matched behind it.
    pub path: PathBuf,
    /// What each capture stands for.
    pub captures: BTreeMap<String, String>,
}

/// Why a text is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GlobError {
    /// A bracket or brace is not closed.
    #[error("{0} is not closed")]
    Open(char),
    /// A capture's name is none.
    #[error("{{{0}}} is not a capture: its name takes letters, digits and _")]
    Name(String),
    /// A set of characters makes no sense.
    #[error("[{0}] is not a set of characters")]
    Set(String),
}

impl PartialEq for Glob {
    fn eq(&self, other: &Glob) -> bool {
        self.written == other.written
    }
}

impl Glob {
    /// Reads a pattern.
    pub fn parse(written: &str) -> Result<Glob, GlobError> {
        let all: Vec<&str> = split_segments(written);
        let first = all.iter().position(|s| is_pattern(s)).unwrap_or(all.len().saturating_sub(1));
        let fixed: PathBuf = match all[..first].join("/") {
            root if root.is_empty() && first > 0 => "/".into(),
            folder => folder.into(),
        };
        let segments: Vec<String> = all[first..].iter().map(|s| (*s).to_owned()).collect();
        let mut groups = Vec::new();
        let mut expression = String::from("^");
        for (index, segment) in segments.iter().enumerate() {
            let last = index + 1 == segments.len();
            if segment == "**" {
                expression.push_str(if last { ".*" } else { "(?:.*/)?" });
                continue;
            }
            translate(segment, &mut expression, &mut groups)?;
            if !last {
                expression.push('/');
            }
        }
        expression.push('$');
        let expression = Regex::new(&expression).map_err(|_| GlobError::Set(written.to_owned()))?;
        Ok(Glob { written: written.to_owned(), fixed, segments, expression, groups })
    }

    /// The pattern as written.
    pub fn written(&self) -> &str {
        &self.written
    }

    /// Whether it can mean more than one file.
    pub fn is_pattern(&self) -> bool {
        self.segments.iter().any(|s| is_pattern(s))
    }

    /// The folder that it searches, starting at `base`.
    pub fn folder(&self, base: &Path) -> PathBuf {
        presets::url::join(base, &self.fixed)
    }

    /// The names of its captures, each once.
    pub fn captures(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for name in &self.groups {
            if !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
        names
    }

    /// All files that it means, starting at `base`, sorted. A folder that cannot be read is an error with its path.
    pub fn find(&self, base: &Path, fetcher: &dyn Fetcher) -> Result<Vec<Match>, (PathBuf, std::io::Error)> {
        let folder = self.folder(base);
        if is_url(&folder) {
            return self.find_in_store(&folder, fetcher).map_err(|error| (folder, error.into()));
        }
        if !self.is_pattern() {
            let path = folder.join(self.segments.concat());
            return Ok(if path.exists() { vec![Match { path, captures: BTreeMap::new() }] } else { Vec::new() });
        }
        let across = self.segments.iter().any(|s| s == "**");
        let depth = if across { MOST_DEPTH } else { self.segments.len() - 1 };
        let hidden = self.segments.iter().any(|s| s.starts_with('.'));
        let mut found = Vec::new();
        self.walk(&folder, "", depth, hidden, &mut found)?;
        found.sort_by(|a: &Match, b| a.path.cmp(&b.path));
        Ok(found)
    }

    /// The captures of `path`, if the pattern, starting at `base`, means it. The file need not exist.
    pub fn matches(&self, path: &Path, base: &Path) -> Option<BTreeMap<String, String>> {
        let below = path.strip_prefix(self.folder(base)).ok()?.to_str()?;
        self.capture(&below.replace('\\', "/"))
    }

    /// Likewise in an object store, which has names instead of folders.
    fn find_in_store(&self, folder: &Path, fetcher: &dyn Fetcher) -> Result<Vec<Match>, FetchError> {
        let hidden = self.segments.iter().any(|s| s.starts_with('.'));
        let mut found = Vec::new();
        for path in fetcher.list(folder)? {
            let below = paths::relative(&path, folder);
            if !hidden && below.split('/').any(|name| name.starts_with('.')) {
                continue;
            }
            if let Some(captures) = self.capture(&below) {
                found.push(Match { path, captures });
            }
        }
        found.sort_by(|a: &Match, b| a.path.cmp(&b.path));
        Ok(found)
    }

    fn capture(&self, below: &str) -> Option<BTreeMap<String, String>> {
        let found = self.expression.captures(below)?;
        let mut captures = BTreeMap::new();
        for (name, group) in self.groups.iter().zip(found.iter().skip(1)) {
            let text = group?.as_str().to_owned();
            if captures.insert(name.clone(), text.clone()).is_some_and(|before| before != text) {
                return None;
            }
        }
        Some(captures)
    }

    fn walk(
        &self,
        folder: &Path,
        below: &str,
        depth: usize,
        hidden: bool,
        found: &mut Vec<Match>,
    ) -> Result<(), (PathBuf, std::io::Error)> {
        // The folder of a job that is named without one is written as nothing, which the system does not open.
        let listed = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let entries = match fs::read_dir(listed) {
            Ok(entries) => entries,
            // A missing folder holds nothing; the caller says that nothing was found.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err((folder.to_owned(), error)),
        };
        for entry in entries {
            let entry = entry.map_err(|error| (folder.to_owned(), error))?;
            let name = entry.file_name();
            // A name that is no Unicode cannot be written in a plan.
            let Some(name) = name.to_str() else { continue };
            if name.starts_with('.') && !hidden {
                continue;
            }
            let path = folder.join(name);
            let here = format!("{below}{name}");
            if path.is_dir() {
                if depth > 0 {
                    self.walk(&path, &format!("{here}/"), depth - 1, hidden, found)?;
                }
            } else if let Some(captures) = self.capture(&here) {
                found.push(Match { path, captures });
            }
        }
        Ok(())
    }
}

/// Splits at slashes outside of braces and brackets.
fn split_segments(written: &str) -> Vec<&str> {
    let mut segments = Vec::new();
    let (mut start, mut open) = (0, 0usize);
    for (index, c) in written.char_indices() {
        match c {
            '{' | '[' => open += 1,
            '}' | ']' => open = open.saturating_sub(1),
            '/' if open == 0 => {
                segments.push(&written[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    segments.push(&written[start..]);
    segments
}

fn is_pattern(segment: &str) -> bool {
    segment.contains(['*', '?', '[', '{'])
}

fn translate(segment: &str, expression: &mut String, groups: &mut Vec<String>) -> Result<(), GlobError> {
    let mut rest = segment;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match c {
            '*' => expression.push_str("[^/]*"),
            '?' => expression.push_str("[^/]"),
            '[' => {
                let (set, after) = rest.split_once(']').ok_or(GlobError::Open('['))?;
                let (not, members) = set.strip_prefix('!').map_or(("", set), |members| ("^/", members));
                if members.is_empty() || members.contains(['[', '\\', '^', '&', '~']) {
                    return Err(GlobError::Set(set.to_owned()));
                }
                expression.push_str(&format!("[{not}{members}]"));
                rest = after;
            }
            '{' => {
                let (inner, after) = rest.split_once('}').ok_or(GlobError::Open('{'))?;
                if inner.contains(',') {
                    let words: Vec<String> = inner.split(',').map(regex_lite::escape).collect();
                    expression.push_str(&format!("(?:{})", words.join("|")));
                } else if is_name(inner) {
                    groups.push(inner.to_owned());
                    expression.push_str("([^/]+)");
                } else {
                    return Err(GlobError::Name(inner.to_owned()));
                }
                rest = after;
            }
            c => expression.push_str(&regex_lite::escape(c.encode_utf8(&mut [0; 4]))),
        }
    }
    Ok(())
}

/// Whether a text can name a capture or a placeholder.
pub(crate) fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, b"").unwrap();
        }
        folder
    }

    fn found(pattern: &str, base: &Path) -> Vec<String> {
        let matches = Glob::parse(pattern).unwrap().find(base, &crate::fetch::LocalOnly).unwrap();
        matches.iter().map(|m| m.path.strip_prefix(base).unwrap().to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn a_star_stays_in_its_folder_and_two_cross_folders() {
        let tree = tree(&["a.wav", "b.flac", "in/c.wav", "in/deep/d.wav", ".hidden.wav", "in/.git/e.wav"]);
        assert_eq!(found("*.wav", tree.path()), ["a.wav"]);
        assert_eq!(found("**/*.wav", tree.path()), ["a.wav", "in/c.wav", "in/deep/d.wav"]);
        assert_eq!(found("in/**", tree.path()), ["in/c.wav", "in/deep/d.wav"]);
        assert_eq!(found("*.{wav,flac}", tree.path()), ["a.wav", "b.flac"]);
        assert_eq!(found("[b-z].*", tree.path()), ["b.flac"]);
        assert_eq!(found("[!b-z].*", tree.path()), ["a.wav"]);
        assert_eq!(found("in/c.wav", tree.path()), ["in/c.wav"]);
        assert_eq!(found("missing/*.wav", tree.path()), [""; 0]);
    }

    #[test]
    fn a_pattern_without_a_folder_is_looked_for_where_the_process_is() {
        let found = Glob::parse("Cargo.{kind}").unwrap().find(Path::new(""), &crate::fetch::LocalOnly).unwrap();
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!((found[0].path.as_path(), found[0].captures["kind"].as_str()), (Path::new("Cargo.toml"), "toml"));
    }

    #[test]
    fn captures_carry_what_stands_in_their_place() {
        let tree = tree(&["p1/take_p1.wav", "p2/take_p1.wav"]);
        let matches =
            Glob::parse("{player}/{kind}_{player}.wav").unwrap().find(tree.path(), &crate::fetch::LocalOnly).unwrap();
        assert_eq!(matches.len(), 1, "a capture that occurs twice is the same text twice");
        assert_eq!(matches[0].captures["player"], "p1");
        assert_eq!(matches[0].captures["kind"], "take");
    }

    #[test]
    fn a_path_can_be_matched_before_it_exists() {
        let glob = Glob::parse("/data/DI/{id}.wav").unwrap();
        assert_eq!(glob.matches(Path::new("/data/DI/x.wav"), Path::new("")).unwrap()["id"], "x");
        assert!(glob.matches(Path::new("/data/DI/out/x.wav"), Path::new("")).is_none());
        assert!(glob.matches(Path::new("/data/x.wav"), Path::new("")).is_none());
    }

    #[test]
    fn what_is_no_pattern_says_why() {
        let error = |text: &str| Glob::parse(text).unwrap_err().to_string();
        assert_eq!(error("a/{id"), "{ is not closed");
        assert_eq!(error("a/[x"), "[ is not closed");
        assert_eq!(error("{my id}.wav"), "{my id} is not a capture: its name takes letters, digits and _");
        assert_eq!(error("[z-a].wav"), "[[z-a].wav] is not a set of characters");
    }

    #[test]
    fn no_pattern_makes_it_panic() {
        use proptest::prelude::*;
        proptest!(|(pattern in "[a-c*?\\[\\]{}!/,.\\\\-]{0,16}", path in "[a-c/.]{0,12}")| {
            if let Ok(glob) = Glob::parse(&pattern) {
                let _ = glob.matches(Path::new(&path), Path::new(""));
            }
        });
    }
}
