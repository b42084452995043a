//! What a plugin lets be set by message (`patch:writable`): numbers, which are parameters, and files.

use super::names::*;
use super::turtle::{Graph, Node};
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
}

impl ValueType {
    const ALL: [(&str, ValueType); 6] = [
        (ATOM_BOOL, ValueType::Bool),
        (ATOM_INT, ValueType::Int),
        (ATOM_LONG, ValueType::Long),
        (ATOM_FLOAT, ValueType::Float),
        (ATOM_DOUBLE, ValueType::Double),
        (ATOM_PATH, ValueType::Path),
    ];

    pub(super) fn is_number(self) -> bool {
        self != ValueType::Path
    }
}

/// A property that can be set.
#[derive(Clone, Debug)]
pub(super) struct Property {
    pub(super) uri: String,
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

/// The properties that can be set, by URI.
pub(super) fn read(graph: &Graph, plugin: &Node) -> Vec<Property> {
    let mut properties: Vec<Property> = graph.all(plugin, PATCH_WRITABLE).filter_map(|node| one(graph, node)).collect();
    properties.sort_by(|a, b| a.uri.cmp(&b.uri));
    properties.dedup_by(|a, b| a.uri == b.uri);
    properties
}

fn one(graph: &Graph, node: &Node) -> Option<Property> {
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
    let mut property = Property { uri, label: String::new(), kind, minimum, maximum, default, words };
    property.label =
        graph.text(node, LABEL).or_else(|| graph.text(node, NAME)).unwrap_or_else(|| property.short().to_owned());
    Some(property)
}
