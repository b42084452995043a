//! One thing that is drawn, and what came of it.

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::distribution::Distribution;
use super::source::DrawKey;
use crate::Value;
use crate::document::Place;

/// The number of a slot in its template, in the order written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SlotId(pub(crate) usize);

/// One thing that a template draws: a parameter, a file, a named draw, or which entries of a chain stand.
#[derive(Clone, Debug, PartialEq)]
pub struct Slot {
    /// The device or entry that it belongs to, as its draws know it; `draws` for a named draw.
    pub path: Arc<str>,
    /// The parameter, the role of a file, a draw's name, or the kind of an entry: `one_of`, `probability`.
    pub parameter: Arc<str>,
    /// Where the draw stands.
    pub place: Place,
    /// What can come.
    pub values: Values,
    /// Somebody wants it drawn even where that is known to be unsafe: `force: true`.
    pub forced: bool,
    pub(crate) key: DrawKey,
    pub(crate) source: Source,
    pub(crate) grid: Option<Grid>,
}

/// What can come of a draw.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// A number, in this.
    Numbers {
        /// The lowest.
        low: f64,
        /// The highest.
        high: f64,
        /// What the number is in.
        scale: Scale,
    },
    /// One of these.
    Options(Arc<[Choice]>),
    /// A file of this pool, by its number in the template.
    Pool(usize),
    /// Some of these entries of a chain, in words.
    Entries(Arc<[String]>),
    /// That an entry stands, or that it does not.
    Stands,
}

/// What a drawn number is in.
#[derive(Clone, Debug, PartialEq)]
pub enum Scale {
    /// The parameter's own plain value.
    Plain,
    /// This unit, which the device reads as text: `dB`.
    Unit(Arc<str>),
    /// The way from the parameter's minimum, 0, to its maximum, 1.
    Normalised,
}

/// One of several values that a draw chooses from.
#[derive(Clone, Debug, PartialEq)]
pub enum Choice {
    /// A number, or a text that the device reads.
    Value(Value),
    /// Several values under one name each, for parameters that change together.
    Map(Vec<(String, Value)>),
}

/// What came of a draw.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// A number, in the slot's scale.
    Number(f64),
    /// Number so many of the slot's options, or of the files of its pool.
    Pick(usize),
    /// These entries of a group, in the order in which they stand.
    Entries(Vec<u32>),
    /// Whether an entry stands.
    Stands(bool),
}

/// Something that was drawn, in words that need no template: for plans and manifests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Drawn {
    /// The device or entry; `draws` for a named draw.
    pub device: String,
    /// The parameter, or what else was drawn.
    pub parameter: String,
    /// What came.
    pub value: DrawnValue,
}

/// What was drawn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum DrawnValue {
    /// Whether an entry stands.
    Stands(bool),
    /// A plain value.
    Number(f64),
    /// A text, a quantity with its unit, a file.
    Text(String),
    /// A number from 0, the parameter's minimum, to 1, its maximum.
    Normalised {
        /// The number.
        normalised: f64,
    },
    /// Entries of a chain, in the order in which they stand.
    Entries(Vec<String>),
    /// Several values under one name each.
    Map(std::collections::BTreeMap<String, Value>),
}

/// How a slot comes to its outcome.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Source {
    /// The same number each time.
    Fixed(f64),
    Number(Distribution),
    /// An option, by the running sums of the weights.
    Choice(Vec<f64>),
    Pool,
    /// What another slot came to, told otherwise.
    Linked(SlotId, Telling),
    /// Decided where the chain is put together.
    Chain,
}

/// How a linked parameter tells what was drawn.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Telling {
    Same,
    /// The ends of the draw become these.
    Range {
        from: (f64, f64),
        to: (f64, f64),
    },
    /// Option n of the draw is option n here.
    Options,
}

/// A slot that walks through all its values with the draw number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Grid {
    /// How many draws one value lasts.
    pub stride: u64,
    /// How many values there are; 0 until its pool is filled.
    pub count: u64,
}

impl Scale {
    /// A number as the device reads it where its parameter's plain values are not known.
    pub fn value(&self, number: f64) -> Value {
        match self {
            Scale::Plain | Scale::Normalised => Value::Number(number),
            Scale::Unit(unit) => Value::Text(format!("{number} {unit}")),
        }
    }

    /// A number as a record shows it.
    pub(crate) fn drawn(&self, number: f64) -> DrawnValue {
        match self {
            Scale::Normalised => DrawnValue::Normalised { normalised: number },
            scale => scale.value(number).into(),
        }
    }
}

impl From<Value> for DrawnValue {
    fn from(value: Value) -> DrawnValue {
        match value {
            Value::Number(number) => DrawnValue::Number(number),
            Value::Text(text) => DrawnValue::Text(text),
        }
    }
}

impl Choice {
    /// The one value; `None` of several.
    pub fn value(&self) -> Option<&Value> {
        match self {
            Choice::Value(value) => Some(value),
            Choice::Map(_) => None,
        }
    }

    pub(crate) fn drawn(&self) -> DrawnValue {
        match self {
            Choice::Value(value) => value.clone().into(),
            Choice::Map(values) => DrawnValue::Map(values.iter().cloned().collect()),
        }
    }

    /// The value as a message shows it.
    pub(crate) fn shown(&self) -> Cow<'_, str> {
        match self {
            Choice::Value(Value::Text(text)) => text.into(),
            Choice::Value(Value::Number(number)) => number.to_string().into(),
            Choice::Map(_) => "a map".into(),
        }
    }
}

/// A file's name with `/` between folders whatever the system.
fn slashed(path: &Path) -> String {
    let parts: Vec<_> = path.components().map(|part| part.as_os_str().to_string_lossy()).collect();
    let absolute = path.has_root() && parts.first().is_some_and(|first| first == "/");
    if absolute { format!("/{}", parts[1..].join("/")) } else { parts.join("/") }
}

/// Likewise, below a folder where the file is there.
pub(crate) fn below(path: &Path, folder: &Path) -> String {
    slashed(path.strip_prefix(folder).unwrap_or(path))
}
