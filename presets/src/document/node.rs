//! The tree of a file, with positions.

use std::fmt;
use std::sync::Arc;

/// Where something stands in a file that somebody wrote.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// The file as the reader of a message knows it.
    pub file: Arc<str>,
    /// Line, from 1; 0 where the file as a whole is meant.
    pub line: u32,
    /// Column in characters, from 1; 0 where the file as a whole is meant.
    pub column: u32,
}

impl Place {
    /// A file as a whole.
    pub fn file(name: impl Into<Arc<str>>) -> Place {
        Place { file: name.into(), line: 0, column: 0 }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.file),
            line => write!(f, "{}:{line}:{}", self.file, self.column),
        }
    }
}

/// A value with the place where it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub place: Place,
}

impl<T> Located<T> {
    /// Puts a value at a place.
    pub fn new(value: T, place: Place) -> Located<T> {
        Located { value, place }
    }
}

/// One value of the tree.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Where it begins.
    pub place: Place,
    /// What it is.
    pub kind: Kind,
}

/// The kinds of value. What a scalar means is decided where it is used: `1e3` may be a name.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// No value: `null` or `~` where `written`, else nothing behind the colon.
    Null {
        /// Somebody wrote that there is none.
        written: bool,
    },
    /// A number, a word or a text.
    Scalar(Scalar),
    /// Values in order.
    List(Vec<Node>),
    /// Fields in the order written. Keys are unique.
    Map(Vec<Entry>),
}

/// A number, a word or a text, as written.
#[derive(Clone, Debug, PartialEq)]
pub struct Scalar {
    /// The characters, without quotes.
    pub text: String,
    /// Not quoted, so it may be a number or a truth value.
    pub plain: bool,
}

/// One field of a map.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its name.
    pub key: Located<String>,
    /// What stands behind the colon.
    pub value: Node,
}

impl Node {
    /// The value as a message shows it: a scalar's text, else what kind of value it is.
    pub fn shown(&self) -> String {
        match &self.kind {
            Kind::Null { .. } => "nothing".to_owned(),
            Kind::Scalar(scalar) if scalar.number().is_some() || scalar.boolean().is_some() => scalar.text.clone(),
            Kind::Scalar(scalar) => quoted(&scalar.text),
            Kind::List(_) => "a list".to_owned(),
            Kind::Map(_) => "a map".to_owned(),
        }
    }

    /// The scalar, if it is one.
    pub fn scalar(&self) -> Option<&Scalar> {
        match &self.kind {
            Kind::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    /// The fields, if it is a map.
    pub fn map(&self) -> Option<&[Entry]> {
        match &self.kind {
            Kind::Map(entries) => Some(entries),
            _ => None,
        }
    }
}

impl Scalar {
    /// The finite number that it is, if it is one: `-6`, `+3`, `.5`, `1e3`.
    pub fn number(&self) -> Option<f64> {
        if self.plain { parse_number(&self.text) } else { None }
    }

    /// The truth value that it is, if it is one: `true` or `false`. YAML 1.2 knows no `yes`.
    pub fn boolean(&self) -> Option<bool> {
        match self.text.as_str() {
            "true" | "True" | "TRUE" if self.plain => Some(true),
            "false" | "False" | "FALSE" if self.plain => Some(false),
            _ => None,
        }
    }
}

/// A finite decimal number with nothing around it. Rust's own reader takes words such as `infinity` too.
pub(crate) fn parse_number(text: &str) -> Option<f64> {
    let decimal = text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c))
        && text.chars().all(|c| c.is_ascii_digit() || "+-.eE".contains(c));
    if !decimal {
        return None;
    }
    text.parse().ok().filter(|n: &f64| n.is_finite())
}

/// Text in quotation marks, shortened where nobody would read on.
pub(crate) fn quoted(text: &str) -> String {
    const MOST: usize = 80;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("\"{}...\"", text[..end].escape_debug()),
        None => format!("\"{}\"", text.escape_debug().to_string().replace("\\'", "'").replace("\\\"", "\"")),
    }
}
