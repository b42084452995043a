//! What a plugin's Turtle says about it.

use audio::device::DeviceInfo;

use super::names::*;
use super::port::{self, Direction, Kind, Port};
use super::property::{self, Property};
use super::turtle::{Graph, Node};

/// Most ports of one plugin; more is a mistake in a file.
const MOST_PORTS: usize = 4096;

/// A plugin as its files describe it.
#[derive(Clone, Debug)]
pub(super) struct Description {
    pub(super) info: DeviceInfo,
    /// Features that it cannot do without.
    pub(super) required: Vec<String>,
    /// Options that it cannot do without.
    pub(super) required_options: Vec<String>,
    /// Its ports; each stands at its index.
    pub(super) ports: Vec<Port>,
    /// What can be set by message.
    pub(super) properties: Vec<Property>,
    /// The group of the main input, if it is said.
    pub(super) main_input: Option<Node>,
    /// The group of the main output, if it is said.
    pub(super) main_output: Option<Node>,
}

/// Reads what the graph says about a plugin. Fails with words if it contradicts itself.
pub(super) fn describe(graph: &Graph, uri: &str) -> Result<Description, String> {
    let subject = Node::Iri(uri.to_owned());
    let ports = ports(graph, &subject)?;
    let has = |kind: Kind, direction: Direction| ports.iter().any(|p| p.kind == kind && p.direction == direction);
    let midi_in = ports.iter().any(|p| p.direction == Direction::Input && p.midi);
    let silent = !has(Kind::Audio, Direction::Input) && has(Kind::Audio, Direction::Output);
    let version = |predicate| graph.number(&subject, predicate).map_or(0, |number| number as i64);
    let (minor, micro) = (version(MINOR_VERSION), version(MICRO_VERSION));
    let has_version = [MINOR_VERSION, MICRO_VERSION].iter().any(|p| graph.one(&subject, p).is_some());
    let info = DeviceInfo {
        format: "lv2".to_owned(),
        id: uri.to_owned(),
        name: graph.text(&subject, DOAP_NAME).ok_or("its files do not say what it is called (doap:name)")?,
        vendor: vendor(graph, &subject).unwrap_or_default(),
        version: if has_version { format!("{minor}.{micro}") } else { String::new() },
        instrument: graph.is_a(&subject, INSTRUMENT) || (midi_in && silent),
    };
    let named = |predicate| -> Vec<String> {
        let mut named: Vec<String> = graph.all(&subject, predicate).filter_map(Node::iri).map(str::to_owned).collect();
        named.sort();
        named
    };
    let group = |predicate| graph.one(&subject, predicate).cloned();
    Ok(Description {
        info,
        required: named(REQUIRED_FEATURE),
        required_options: named(REQUIRED_OPTION),
        properties: property::read(graph, &subject),
        main_input: group(MAIN_INPUT),
        main_output: group(MAIN_OUTPUT),
        ports,
    })
}

fn vendor(graph: &Graph, subject: &Node) -> Option<String> {
    let project = graph.one(subject, PROJECT);
    let of = |subject: &Node| {
        let people = graph.all(subject, DOAP_MAINTAINER).chain(graph.all(subject, DOAP_DEVELOPER));
        people.filter_map(|person| graph.text(person, FOAF_NAME)).next()
    };
    of(subject).or_else(|| of(project?))
}

fn ports(graph: &Graph, subject: &Node) -> Result<Vec<Port>, String> {
    let mut ports = Vec::new();
    for node in graph.all(subject, PORT) {
        ports.push(port::read(graph, node)?);
        if ports.len() > MOST_PORTS {
            return Err(format!("its files describe more than {MOST_PORTS} ports"));
        }
    }
    ports.sort_by_key(|port| port.index);
    // A wrong count would lead the plugin to use a port that was never connected.
    match ports.iter().enumerate().find(|(index, port)| port.index as usize != *index) {
        None => Ok(ports),
        Some((index, port)) if (port.index as usize) < index => {
            Err(format!("its files describe port {} more than once", port.index))
        }
        Some((index, _)) => Err(format!("its files describe no port {index}, though there are higher ones")),
    }
}
