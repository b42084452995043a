//! One port of a plugin.

use super::names::*;
use super::turtle::{Graph, Node};
use super::words::Words;

/// Which way things go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Input,
    Output,
}

/// What goes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Audio,
    /// A control signal with a value for each frame.
    Cv,
    /// One number a block.
    Control,
    /// Events.
    Atom,
    /// A kind that nobody here knows.
    Unknown,
}

/// A port as the plugin's files describe it.
#[derive(Clone, Debug)]
pub(super) struct Port {
    pub(super) index: u32,
    pub(super) symbol: String,
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) direction: Direction,
    pub(super) minimum: f64,
    pub(super) maximum: f64,
    pub(super) default: f64,
    /// Its bounds and default are multiples of the sample rate.
    pub(super) by_rate: bool,
    pub(super) stepped: bool,
    pub(super) hidden: bool,
    pub(super) automatable: bool,
    /// May be connected to nothing.
    pub(super) optional: bool,
    pub(super) side_chain: bool,
    /// Reports the latency.
    pub(super) latency: bool,
    /// What it is for, where the specification has a name for that.
    pub(super) designation: Option<String>,
    pub(super) group: Option<Node>,
    pub(super) group_name: String,
    /// Its group is the side chain of another.
    pub(super) group_side_chain: bool,
    pub(super) midi: bool,
    pub(super) time: bool,
    pub(super) patch: bool,
    /// Bytes that its buffer must have at least.
    pub(super) minimum_size: usize,
    /// Its values in words.
    pub(super) words: Words,
}

impl Port {
    pub(super) fn is(&self, kind: Kind, direction: Direction) -> bool {
        self.kind == kind && self.direction == direction
    }

    pub(super) fn is_designated(&self, designation: &str) -> bool {
        self.designation.as_deref() == Some(designation)
    }

    /// Whether it is set by the host itself rather than by people.
    pub(super) fn is_the_hosts(&self) -> bool {
        self.latency || self.is_designated(FREE_WHEELING)
    }

    /// Its lowest, highest and default value at a sample rate.
    pub(super) fn range(&self, rate: f64) -> (f64, f64, f64) {
        let factor = if self.by_rate { rate } else { 1.0 };
        (self.minimum * factor, self.maximum * factor, self.default * factor)
    }
}

/// The decimal that a number in single precision was meant as: 0.1, not 0.10000000149.
pub(super) fn exact(value: f32) -> f64 {
    value.to_string().parse().unwrap_or(f64::from(value))
}

/// Reads a port's description.
pub(super) fn read(graph: &Graph, node: &Node) -> Result<Port, String> {
    let index = graph.number(node, INDEX).filter(|n| n.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(n));
    let index = index.ok_or("its files describe a port without an index")? as u32;
    let symbol = graph.text(node, SYMBOL).unwrap_or_else(|| format!("port{index}"));
    let is = |kind| graph.is_a(node, kind);
    let kind = match () {
        () if is(AUDIO_PORT) => Kind::Audio,
        () if is(CV_PORT) => Kind::Cv,
        () if is(CONTROL_PORT) => Kind::Control,
        () if is(ATOM_PORT) => Kind::Atom,
        () => Kind::Unknown,
    };
    let direction = match (is(INPUT), is(OUTPUT)) {
        (true, false) => Direction::Input,
        (false, true) => Direction::Output,
        _ => return Err(format!("its files do not say whether port {index} ({symbol}) is an input or an output")),
    };
    let has = |property| graph.says(node, PORT_PROPERTY, property);
    let supports = |kind| graph.says(node, ATOM_SUPPORTS, kind);
    let designation = graph.one(node, DESIGNATION).and_then(Node::iri).map(str::to_owned);
    let group = graph.one(node, GROUP).cloned();
    let of_group = |predicate| group.as_ref().and_then(|group| graph.text(group, predicate));
    let words = Words::read(graph, node, has(TOGGLED));
    // Where no bounds are given there are none, but for switches.
    let bounds = if has(TOGGLED) { (0.0, 1.0) } else { (f64::from(f32::MIN), f64::from(f32::MAX)) };
    // Controls have single precision: a bound of 0.10000000149 is that of 0.1.
    let given = |predicate| graph.number(node, predicate).map(|number| exact(number as f32));
    let (minimum, maximum) = (given(MINIMUM).unwrap_or(bounds.0), given(MAXIMUM).unwrap_or(bounds.1));
    // A plugin that has its bounds in the wrong order means them the other way round.
    let (minimum, maximum) = (minimum.min(maximum), minimum.max(maximum));
    // What a plugin reports is nothing until it does.
    let least = given(MINIMUM).filter(|_| direction == Direction::Input);
    let default = given(DEFAULT).or(least).unwrap_or(0.0).clamp(minimum, maximum);
    Ok(Port {
        index,
        name: graph.text(node, NAME).unwrap_or_else(|| symbol.clone()),
        symbol,
        kind,
        direction,
        minimum,
        maximum,
        default,
        by_rate: has(SAMPLE_RATE),
        stepped: has(INTEGER) || has(ENUMERATION) || has(TOGGLED),
        hidden: has(NOT_ON_GUI),
        automatable: !has(NOT_AUTOMATIC) && !has(EXPENSIVE),
        optional: has(CONNECTION_OPTIONAL),
        side_chain: has(IS_SIDE_CHAIN) || has(IS_SIDE_CHAIN_OLD),
        latency: direction == Direction::Output
            && kind == Kind::Control
            && (has(REPORTS_LATENCY) || designation.as_deref() == Some(LATENCY)),
        designation,
        group_name: of_group(NAME).or_else(|| of_group(LABEL)).or_else(|| of_group(SYMBOL)).unwrap_or_default(),
        group_side_chain: group.as_ref().is_some_and(|group| graph.one(group, SIDE_CHAIN_OF).is_some()),
        group,
        midi: kind == Kind::Atom && supports(MIDI_EVENT),
        time: kind == Kind::Atom && supports(TIME_POSITION),
        patch: kind == Kind::Atom && supports(PATCH_MESSAGE),
        minimum_size: graph.number(node, MINIMUM_SIZE).map_or(0, |size| size.clamp(0.0, 1e9) as usize),
        words,
    })
}
