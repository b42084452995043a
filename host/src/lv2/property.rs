//! What a plugin lets be set or asked by message (`patch:writable`, `patch:readable`): numbers, which are parameters,
//! texts, and files.

use std::collections::HashSet;

use super::names::*;
use super::turtle::{Graph, Node};
use super::urid::map;
use super::words::Words;

/// The type of a property's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ValueType {
    Bool,
    Int,
    Long,
    Float,
    Double,
    Path,
    Text,
    Uri,
}

impl ValueType {
    const ALL: [(&str, ValueType); 8] = [
        (ATOM_BOOL, ValueType::Bool),
        (ATOM_INT, ValueType::Int),
        (ATOM_LONG, ValueType::Long),
        (ATOM_FLOAT, ValueType::Float),
        (ATOM_DOUBLE, ValueType::Double),
        (ATOM_PATH, ValueType::Path),
        (ATOM_STRING, ValueType::Text),
        (ATOM_URI, ValueType::Uri),
    ];

    pub(super) fn is_number(self) -> bool {
        !matches!(self, ValueType::Path | ValueType::Text | ValueType::Uri)
    }

    pub(super) fn is_text(self) -> bool {
        matches!(self, ValueType::Text | ValueType::Uri)
    }
}

/// A property.
#[derive(Clone, Debug)]
pub(super) struct Property {
    pub(super) uri: String,
    /// The number of the URI.
    pub(super) key: u32,
    /// Can be set; the others only report.
    pub(super) writable: bool,
    pub(super) label: String,
    pub(super) kind: ValueType,
    pub(super) minimum: f64,
    pub(super) maximum: f64,
    pub(super) default: f64,
    pub(super) words: Words,
}

impl Property {
    /// What stands behind the last `#`, `/` or `:` of its URI.
    pub(super) fn short(&self) -> &str {
        self.uri.rsplit(['#', '/', ':']).next().unwrap_or_default()
    }
}

/// The properties that can be set, by URI, and behind them those that only report.
pub(super) fn read(graph: &Graph, plugin: &Node) -> Vec<Property> {
    let all = |predicate, writable| graph.all(plugin, predicate).filter_map(move |node| one(graph, node, writable));
    let mut properties: Vec<Property> = all(PATCH_WRITABLE, true).chain(all(PATCH_READABLE, false)).collect();
    // A property that is both is there twice; the first one, which can be set, stays.
    let mut seen = HashSet::new();
    properties.retain(|property| seen.insert(property.key));
    properties.sort_by(|a, b| (!a.writable, &a.uri).cmp(&(!b.writable, &b.uri)));
    properties
}

fn one(graph: &Graph, node: &Node, writable: bool) -> Option<Property> {
    let uri = node.iri()?.to_owned();
    let kind = graph.all(node, RANGE).find_map(|range| {
        let range = range.iri()?;
        ValueType::ALL.iter().find(|(name, _)| *name == range).map(|(_, kind)| *kind)
    })?;
    let given = |predicate| graph.number(node, predicate);
    let bounds = match kind {
        ValueType::Bool => (0.0, 1.0),
        ValueType::Int => (f64::from(i32::MIN), f64::from(i32::MAX)),
        _ => (f64::from(f32::MIN), f64::from(f32::MAX)),
    };
    let (minimum, maximum) = (given(MINIMUM).unwrap_or(bounds.0), given(MAXIMUM).unwrap_or(bounds.1));
    let (minimum, maximum) = (minimum.min(maximum), minimum.max(maximum));
    let default = given(DEFAULT).or_else(|| given(MINIMUM)).unwrap_or(0.0).clamp(minimum, maximum);
    let words = Words::read(graph, node, kind == ValueType::Bool);
    let key = map(&uri);
    let mut property = Property { uri, key, writable, label: String::new(), kind, minimum, maximum, default, words };
    property.label =
        graph.text(node, LABEL).or_else(|| graph.text(node, NAME)).unwrap_or_else(|| property.short().to_owned());
    Some(property)
}
