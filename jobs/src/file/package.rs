//! The data set that is made of what a job has rendered.
//!
//! What layouts there are and what they take is known above this crate: the settings travel as they are written, each
//! with its place, so that whoever knows them can say what is wrong where.

use std::path::PathBuf;

use presets::document::{Collector, Fields, Kind, Located, Node, Place};
use serde_json::{Map, Value};

/// The data set that is made once a job is done whole.
#[derive(Clone, Debug, PartialEq)]
pub struct PackageRules {
    /// Where it is written, from the folder that outputs start from.
    pub to: Located<PathBuf>,
    /// Everything else, in the order written.
    pub settings: Vec<(Located<String>, Located<Value>)>,
    /// Where all of it stands.
    pub place: Place,
}

impl PackageRules {
    /// The settings as one object.
    pub fn object(&self) -> Value {
        let settings = self.settings.iter().map(|(name, value)| (name.value.clone(), value.value.clone()));
        Value::Object(settings.collect::<Map<_, _>>())
    }
}

/// `package: { as: LAYOUT, to: FOLDER, ... }`
pub(super) fn decode(node: &Node, collector: &Collector) -> Option<PackageRules> {
    let fields = Fields::of("package", node, collector)?;
    fields.require("as", "Write as: audiofolder, or another layout of tonemill package.");
    fields.require("to", "Write to: FOLDER, where the data set is to lie.");
    let to = fields.text("to")?;
    let settings = fields.entries().iter().filter(|entry| entry.key.value != "to").map(|entry| {
        let value = Located::new(value(&entry.value), entry.value.place.clone());
        (entry.key.clone(), value)
    });
    let settings = settings.collect();
    Some(PackageRules { to: Located::new(PathBuf::from(to.value), to.place), settings, place: node.place.clone() })
}

/// A node as JSON. What is quoted is a text, whatever it looks like.
fn value(node: &Node) -> Value {
    match &node.kind {
        Kind::Null { .. } => Value::Null,
        Kind::Scalar(scalar) => {
            let whole = scalar.plain.then(|| scalar.text.parse::<u64>().ok()).flatten().map(Value::from);
            let number = || scalar.number().filter(|_| scalar.plain).map(Value::from);
            let boolean = || scalar.boolean().map(Value::from);
            whole.or_else(number).or_else(boolean).unwrap_or_else(|| Value::from(scalar.text.as_str()))
        }
        Kind::List(items) => items.iter().map(value).collect(),
        Kind::Map(entries) => entries.iter().map(|entry| (entry.key.value.clone(), value(&entry.value))).collect(),
    }
}
