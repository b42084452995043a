//! What Turtle files say, as a graph that can be asked.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use oxrdf::{NamedOrBlankNode, Term};
use oxttl::TurtleParser;

/// Something that is said something about, or that is said.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Node {
    /// A name, as an IRI.
    Iri(String),
    /// Something without a name. The number is unique in its graph.
    Blank(usize),
    /// A value.
    Literal(Literal),
}

/// A value with its type.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Literal {
    pub(super) text: String,
    /// The type's IRI.
    pub(super) kind: String,
    pub(super) language: Option<String>,
}

impl Node {
    /// The IRI that it is.
    pub(super) fn iri(&self) -> Option<&str> {
        match self {
            Node::Iri(iri) => Some(iri),
            _ => None,
        }
    }

    /// The number that it is, whatever its type says; finite.
    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Node::Literal(literal) => number(&literal.text),
            _ => None,
        }
    }

    /// The file that it names.
    pub(super) fn file(&self) -> Option<PathBuf> {
        self.iri().and_then(path_of)
    }
}

fn number(text: &str) -> Option<f64> {
    match text {
        "true" => Some(1.0),
        "false" => Some(0.0),
        text => text.parse().ok().filter(|number: &f64| number.is_finite()),
    }
}

/// Statements of one or several files.
#[derive(Default)]
pub(super) struct Graph {
    statements: HashMap<Node, Vec<(String, Node)>>,
    /// The named subjects, in the order that they first appear.
    subjects: Vec<String>,
    read: HashSet<PathBuf>,
    blanks: usize,
}

impl Graph {
    /// Adds what a file says, unless it has been read before. Nothing of a broken file is kept.
    pub(super) fn read(&mut self, path: &Path) -> Result<(), String> {
        if self.read.contains(path) {
            return Ok(());
        }
        let bytes = std::fs::read(path).map_err(|e| format!("{} cannot be read: {e}", path.display()))?;
        self.parse(&bytes, &iri_of(path)).map_err(|e| format!("{} is broken: {e}", path.display()))?;
        self.read.insert(path.to_owned());
        Ok(())
    }

    /// The files that were read.
    pub(super) fn files(&self) -> impl Iterator<Item = &PathBuf> {
        self.read.iter()
    }

    /// Adds what Turtle says; relative names start at `base`.
    pub(super) fn parse(&mut self, turtle: &[u8], base: &str) -> Result<(), String> {
        let parser = TurtleParser::new().with_base_iri(base).map_err(|e| format!("its place {base} is no IRI: {e}"))?;
        let mut triples = Vec::new();
        for triple in parser.for_slice(turtle) {
            triples.push(triple.map_err(|e| e.to_string())?);
        }
        let mut named: HashMap<String, usize> = HashMap::new();
        for triple in triples {
            let mut blank = |id: &str| {
                Node::Blank(*named.entry(id.to_owned()).or_insert_with(|| {
                    self.blanks += 1;
                    self.blanks
                }))
            };
            let subject = match triple.subject {
                NamedOrBlankNode::NamedNode(name) => Node::Iri(name.into_string()),
                NamedOrBlankNode::BlankNode(node) => blank(node.as_str()),
            };
            let object = match triple.object {
                Term::NamedNode(name) => Node::Iri(name.into_string()),
                Term::BlankNode(node) => blank(node.as_str()),
                Term::Literal(literal) => {
                    let kind = literal.datatype().as_str().to_owned();
                    let language = literal.language().map(str::to_owned);
                    Node::Literal(Literal { text: literal.value().to_owned(), kind, language })
                }
            };
            let said = self.statements.entry(subject).or_insert_with_key(|subject| {
                if let Node::Iri(name) = subject {
                    self.subjects.push(name.clone());
                }
                Vec::new()
            });
            let statement = (triple.predicate.into_string(), object);
            // Manifests commonly repeat what the plugin's own file says.
            if !said.contains(&statement) {
                said.push(statement);
            }
        }
        Ok(())
    }

    /// The named subjects of a type, in the order of the files.
    pub(super) fn of_type(&self, kind: &str) -> Vec<&str> {
        let is = |name: &&String| self.is_a(&Node::Iri((*name).clone()), kind);
        self.subjects.iter().filter(is).map(String::as_str).collect()
    }

    /// Whether a subject is said to be of a type.
    pub(super) fn is_a(&self, subject: &Node, kind: &str) -> bool {
        self.says(subject, super::names::TYPE, kind)
    }

    /// Whether this is said, of an object with a name.
    pub(super) fn says(&self, subject: &Node, predicate: &str, object: &str) -> bool {
        self.all(subject, predicate).any(|node| node.iri() == Some(object))
    }

    /// All objects of a predicate.
    pub(super) fn all<'a>(&'a self, subject: &Node, predicate: &'a str) -> impl Iterator<Item = &'a Node> {
        let said = self.statements.get(subject).map_or(&[][..], Vec::as_slice);
        said.iter().filter(move |(said, _)| said == predicate).map(|(_, object)| object)
    }

    /// The first object of a predicate.
    pub(super) fn one<'a>(&'a self, subject: &Node, predicate: &'a str) -> Option<&'a Node> {
        self.all(subject, predicate).next()
    }

    /// Everything that is said of a subject.
    pub(super) fn about(&self, subject: &Node) -> &[(String, Node)] {
        self.statements.get(subject).map_or(&[], Vec::as_slice)
    }

    /// The number behind a predicate.
    pub(super) fn number(&self, subject: &Node, predicate: &str) -> Option<f64> {
        self.all(subject, predicate).find_map(Node::number)
    }

    /// The text behind a predicate; of several languages the one that says none, or English.
    pub(super) fn text(&self, subject: &Node, predicate: &str) -> Option<String> {
        let rank = |literal: &&Literal| match literal.language.as_deref() {
            None => 0,
            Some(language) if language.starts_with("en") => 1,
            Some(_) => 2,
        };
        let literals = self.all(subject, predicate).filter_map(|node| match node {
            Node::Literal(literal) => Some(literal),
            _ => None,
        });
        literals.min_by_key(rank).map(|literal| literal.text.clone())
    }

    /// The items of a list.
    pub(super) fn list(&self, head: &Node) -> Vec<Node> {
        let (mut items, mut at, mut seen) = (Vec::new(), head.clone(), HashSet::new());
        // A list that contains itself ends where it begins again.
        while seen.insert(at.clone()) {
            let Some(item) = self.one(&at, super::names::FIRST) else { break };
            items.push(item.clone());
            let Some(rest) = self.one(&at, super::names::REST) else { break };
            at = rest.clone();
        }
        items
    }
}

/// A path as the IRI of a file.
pub(super) fn iri_of(path: &Path) -> String {
    let mut iri = "file://".to_owned();
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' | b'~' | b'+' => {
                iri.push(*byte as char)
            }
            byte => iri += &format!("%{byte:02X}"),
        }
    }
    iri
}

/// The path that the IRI of a file means.
pub(super) fn path_of(iri: &str) -> Option<PathBuf> {
    let rest = iri.strip_prefix("file://")?;
    let rest = rest.strip_prefix("localhost").unwrap_or(rest);
    let mut bytes = Vec::new();
    let mut left = rest.as_bytes();
    while let Some((&byte, more)) = left.split_first() {
        left = more;
        let hex = left.get(..2).and_then(|two| u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok());
        match hex {
            Some(meant) if byte == b'%' => {
                bytes.push(meant);
                left = &left[2..];
            }
            _ => bytes.push(byte),
        }
    }
    #[cfg(unix)]
    let path = PathBuf::from(<std::ffi::OsString as std::os::unix::ffi::OsStringExt>::from_vec(bytes));
    #[cfg(not(unix))]
    let path = PathBuf::from(String::from_utf8(bytes).ok()?.trim_start_matches('/').to_owned());
    path.is_absolute().then_some(path)
}
