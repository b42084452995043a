//! From text to the tree.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Tag};

use super::mistakes::Collector;
use super::node::{Entry, Kind, Located, Node, Place, Scalar, quoted};

/// Largest file that is read, in bytes. People write far smaller ones; a recording named by mistake is larger.
const MOST_BYTES: u64 = 16 << 20;
/// Deepest nesting. Everything that walks the tree may recurse to it.
const MOST_DEPTH: usize = 64;
/// Most values that aliases may copy, so that a few lines cannot unfold into gigabytes.
const MOST_COPIES: usize = 100_000;

/// One file as a tree.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// The outermost value.
    pub root: Node,
    /// The bytes of the file, for its hash.
    pub bytes: Vec<u8>,
}

impl Document {
    /// Reads a file. `None` where nothing of it can be used; the collector says why.
    pub fn read(path: &Path, collector: &Collector) -> Option<Document> {
        let name = path.display().to_string();
        let place = Place::file(name.as_str());
        let bytes = match std::fs::metadata(path) {
            Ok(meta) if !meta.is_file() => {
                collector.mistake_with(&place, "this is not a regular file", "Name a YAML or JSON file.");
                return None;
            }
            Ok(meta) if meta.len() > MOST_BYTES => {
                let message = format!("this file has {} bytes, at most {MOST_BYTES} are read", meta.len());
                collector.mistake_with(&place, message, "Name a YAML or JSON file.");
                return None;
            }
            Ok(_) => std::fs::read(path),
            Err(error) => Err(error),
        };
        match bytes {
            Ok(bytes) => Document::parse(&name, bytes, collector),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                collector.mistake_with(&place, "there is no such file", super::did_you_mean(&neighbours(path)));
                None
            }
            Err(error) => {
                collector.mistake_with(&place, format!("it cannot be read: {error}"), "Check its permissions.");
                None
            }
        }
    }

    /// Reads what is in memory already; `name` stands for the file in messages.
    pub fn parse(name: &str, bytes: impl Into<Vec<u8>>, collector: &Collector) -> Option<Document> {
        let bytes = bytes.into();
        let file: Arc<str> = name.into();
        let text = match std::str::from_utf8(&bytes) {
            Ok(text) => text,
            Err(error) => {
                let place = place_of_byte(&file, &bytes, error.valid_up_to());
                collector.mistake_with(&place, "this is not text in UTF-8", "Save the file as UTF-8.");
                return None;
            }
        };
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        // The parser takes NUL for the end, so what follows would be lost without a word.
        if let Some(at) = text.find(|c: char| c.is_control() && !"\n\r\t\u{85}".contains(c)) {
            let place = place_of_byte(&file, text.as_bytes(), at);
            let code = text[at..].chars().next().map_or(0, u32::from);
            collector.mistake_with(&place, format!("a control character (U+{code:04X}) stands here"), "Remove it.");
            return None;
        }
        let text = if is_json(text) { json_as_yaml(text) } else { Cow::Borrowed(text) };
        let root = Builder::new(&file, collector).build(&text)?;
        Some(Document { root, bytes })
    }
}

/// A map or list under construction.
struct Open {
    place: Place,
    anchor: usize,
    kind: OpenKind,
}

enum OpenKind {
    List(Vec<Node>),
    Map { entries: Vec<Entry>, merged: Vec<Entry>, key: Option<Node> },
}

struct Builder<'c> {
    file: Arc<str>,
    collector: &'c Collector,
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    copies: usize,
    root: Option<Node>,
}

impl<'c> Builder<'c> {
    fn new(file: &Arc<str>, collector: &'c Collector) -> Builder<'c> {
        let file = file.clone();
        Builder { file, collector, open: Vec::new(), anchors: HashMap::new(), copies: 0, root: None }
    }

    fn build(mut self, text: &str) -> Option<Node> {
        let mut parser = Parser::new_from_str(text);
        let mut documents = 0;
        while let Some(event) = parser.next_event() {
            let (event, span) = match event {
                Ok(event) => event,
                Err(error) => {
                    self.syntax(text, error.marker(), error.info());
                    return None;
                }
            };
            let place = self.place(&span.start);
            match event {
                Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
                Event::DocumentStart(_) => {
                    documents += 1;
                    if documents > 1 {
                        let message = "a second document begins here";
                        self.collector.mistake_with(&place, message, "Write one document a file.");
                        return None;
                    }
                }
                Event::Alias(anchor) => self.alias(anchor, place)?,
                Event::Scalar(value, style, anchor, tag) => {
                    let plain = style == ScalarStyle::Plain && self.accept_tag(tag.as_deref(), &place);
                    let kind = match value.as_ref() {
                        "" if plain => Kind::Null { written: false },
                        "~" | "null" | "Null" | "NULL" if plain => Kind::Null { written: true },
                        text => Kind::Scalar(Scalar { text: text.to_owned(), plain }),
                    };
                    self.put(Node { place, kind }, anchor)?;
                }
                Event::SequenceStart(anchor, tag) => {
                    self.accept_tag(tag.as_deref(), &place);
                    self.begin(Open { place, anchor, kind: OpenKind::List(Vec::new()) })?;
                }
                Event::MappingStart(anchor, tag) => {
                    self.accept_tag(tag.as_deref(), &place);
                    let kind = OpenKind::Map { entries: Vec::new(), merged: Vec::new(), key: None };
                    self.begin(Open { place, anchor, kind })?;
                }
                Event::SequenceEnd | Event::MappingEnd => {
                    let open = self.open.pop().expect("the parser balances its events");
                    let kind = match open.kind {
                        OpenKind::List(items) => Kind::List(items),
                        OpenKind::Map { mut entries, merged, .. } => {
                            for entry in merged {
                                if !entries.iter().any(|e| e.key.value == entry.key.value) {
                                    entries.push(entry);
                                }
                            }
                            Kind::Map(entries)
                        }
                    };
                    self.put(Node { place: open.place, kind }, open.anchor)?;
                }
            }
        }
        match self.root {
            Some(Node { kind: Kind::Null { .. }, .. }) | None => {
                self.collector.mistake(&Place::file(self.file), "the file is empty");
                None
            }
            root => root,
        }
    }

    fn place(&self, marker: &Marker) -> Place {
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Place { file: self.file.clone(), line: count(marker.line()), column: count(marker.col() + 1) }
    }

    fn begin(&mut self, open: Open) -> Option<()> {
        if self.open.len() == MOST_DEPTH {
            self.collector.mistake(&open.place, format!("values are nested more than {MOST_DEPTH} deep here"));
            return None;
        }
        self.open.push(open);
        Some(())
    }

    fn put(&mut self, node: Node, anchor: usize) -> Option<()> {
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
            self.count_copies(&node)?;
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Some(());
        };
        match &mut open.kind {
            OpenKind::List(items) => items.push(node),
            OpenKind::Map { entries, merged, key } => match key.take() {
                None => *key = Some(node),
                Some(key) => {
                    let (file, collector) = (&self.file, self.collector);
                    put_entry(entries, merged, key, node, file, collector);
                }
            },
        }
        Some(())
    }

    fn alias(&mut self, anchor: usize, place: Place) -> Option<()> {
        let Some(node) = self.anchors.get(&anchor).cloned() else {
            self.collector.mistake(&place, "this alias refers to the value that contains it");
            return None;
        };
        self.count_copies(&node)?;
        self.put(node, 0)
    }

    fn count_copies(&mut self, node: &Node) -> Option<()> {
        self.copies += size(node);
        if self.copies > MOST_COPIES {
            let message = format!("anchors and aliases unfold into more than {MOST_COPIES} values");
            self.collector.mistake(&node.place, message);
            return None;
        }
        Some(())
    }

    /// Whether a tagged scalar keeps its meaning as a number. A tag of somebody's own means nothing here.
    fn accept_tag(&self, tag: Option<&Tag>, place: &Place) -> bool {
        match tag {
            None => true,
            Some(tag) if tag.is_yaml_core_schema() => tag.suffix != "str",
            Some(tag) => {
                self.collector.mistake_with(place, format!("the tag {tag} means nothing here"), "Remove it.");
                true
            }
        }
    }

    fn syntax(&self, text: &str, marker: &Marker, info: &str) {
        let place = self.place(marker);
        let line = text.lines().nth(marker.line().saturating_sub(1)).unwrap_or("");
        let indent = &line[..line.len() - line.trim_start().len()];
        if let Some(tab) = indent.find('\t') {
            let place = Place { column: tab as u32 + 1, ..place };
            self.collector.mistake_with(&place, "a tab stands in the indentation", "Indent with spaces.");
            return;
        }
        let help = match info {
            i if i.contains("mapping values are not allowed") => "Put quotation marks round a text that holds a colon.",
            i if i.contains("quoted scalar") => "Close the quotation marks.",
            i if i.contains("',' or ']'") => "Close the list with ].",
            i if i.contains("',' or '}'") => "Close the map with }.",
            _ => "",
        };
        self.collector.mistake_with(&place, format!("this is not YAML: {info}"), help);
    }
}

fn put_entry(
    entries: &mut Vec<Entry>,
    merged: &mut Vec<Entry>,
    key: Node,
    value: Node,
    file: &Arc<str>,
    collector: &Collector,
) {
    let Kind::Scalar(Scalar { text, plain }) = key.kind else {
        let place = Place { file: file.clone(), ..key.place };
        collector.mistake_with(&place, "a field's name is missing or not a text", "Write it as name: value.");
        return;
    };
    if plain && text == "<<" {
        let maps = match value.kind {
            Kind::List(items) => items,
            kind => vec![Node { place: value.place, kind }],
        };
        for node in maps {
            match node.kind {
                Kind::Map(inner) => merged.extend(inner),
                _ => collector.mistake(&node.place, "<< merges maps, and this is none"),
            }
        }
        return;
    }
    if let Some(first) = entries.iter().find(|e| e.key.value == text) {
        let message = format!("{} stands twice here, first in line {}", quoted(&text), first.key.place.line);
        collector.mistake_with(&key.place, message, "Remove one of the two.");
        return;
    }
    entries.push(Entry { key: Located::new(text, key.place), value });
}

fn size(node: &Node) -> usize {
    1 + match &node.kind {
        Kind::List(items) => items.iter().map(size).sum(),
        Kind::Map(entries) => entries.iter().map(|e| size(&e.value)).sum(),
        _ => 0,
    }
}

fn place_of_byte(file: &Arc<str>, bytes: &[u8], at: usize) -> Place {
    let before = &bytes[..at];
    let line = before.iter().filter(|b| **b == b'\n').count() + 1;
    let start = before.iter().rposition(|b| *b == b'\n').map_or(0, |n| n + 1);
    let column = String::from_utf8_lossy(&before[start..]).chars().count() + 1;
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Place { file: file.clone(), line: count(line), column: count(column) }
}

/// Names in the folder of a missing file that come close to its own.
fn neighbours(path: &Path) -> Vec<String> {
    let Some(wanted) = path.file_name().and_then(|n| n.to_str()) else { return Vec::new() };
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let names: Vec<String> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|e| e.file_name().into_string().ok())
        .collect();
    super::similar(wanted, names.iter().map(String::as_str), 3).into_iter().map(str::to_owned).collect()
}

fn is_json(text: &str) -> bool {
    text.trim_start().starts_with('{') && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

/// What little of JSON is not YAML: tabs between tokens, and characters written as two surrogates.
fn json_as_yaml(text: &str) -> Cow<'_, str> {
    if !text.contains('\t') && !text.contains("\\u") {
        return Cow::Borrowed(text);
    }
    let mut yaml = String::with_capacity(text.len());
    let mut rest = text;
    let mut in_string = false;
    while let Some(c) = rest.chars().next() {
        let mut taken = c.len_utf8();
        match c {
            '\t' if !in_string => yaml.push(' '),
            '\\' => {
                if let Some(character) = surrogates(rest) {
                    taken = 12;
                    yaml.push_str(&format!("\\U{:08X}", u32::from(character)));
                } else {
                    taken = 1 + rest[1..].chars().next().map_or(0, char::len_utf8);
                    yaml.push_str(&rest[..taken]);
                }
            }
            c => {
                in_string ^= c == '"';
                yaml.push(c);
            }
        }
        rest = &rest[taken..];
    }
    Cow::Owned(yaml)
}

fn surrogates(text: &str) -> Option<char> {
    let unit = |from: usize| -> Option<u16> {
        let digits = text.get(from..from + 6)?.strip_prefix("\\u")?;
        u16::from_str_radix(digits, 16).ok()
    };
    char::decode_utf16([unit(0)?, unit(6)?]).next()?.ok().filter(|c| u32::from(*c) > 0xffff)
}

#[cfg(test)]
mod tests;
