//! How a plugin's audio ports form busses.
//!
//! The main bus of a direction is the group that the plugin calls its main one, or else all ports that are in no group,
//! or else the first group that is no side chain. Every other group is a bus of its own, and ports that are marked as
//! side chains without being grouped are one together.

use audio::device::{BusInfo, Ports};

use super::plugin::Description;
use super::port::{Direction, Kind, Port};
use super::turtle::Node;

/// The busses, with the ports behind each.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    pub(super) ports: Ports,
    /// The port of each channel of each input bus.
    pub(super) inputs: Vec<Vec<u32>>,
    pub(super) outputs: Vec<Vec<u32>>,
}

/// What holds a bus together.
#[derive(Clone, Debug, PartialEq)]
enum Tie {
    Ungrouped,
    SideChain,
    Group(Node),
}

pub(super) fn layout(plugin: &Description) -> Layout {
    let (inputs, input_infos) = busses(plugin, Direction::Input);
    let (outputs, output_infos) = busses(plugin, Direction::Output);
    let midi = |direction| plugin.ports.iter().any(|port| port.is(Kind::Atom, direction) && port.midi);
    let ports = Ports {
        inputs: input_infos,
        outputs: output_infos,
        note_input: midi(Direction::Input),
        note_output: midi(Direction::Output),
    };
    Layout { ports, inputs, outputs }
}

fn busses(plugin: &Description, direction: Direction) -> (Vec<Vec<u32>>, Vec<BusInfo>) {
    let mut busses: Vec<(Tie, Vec<&Port>)> = Vec::new();
    for port in plugin.ports.iter().filter(|port| port.is(Kind::Audio, direction)) {
        let tie = match &port.group {
            Some(group) => Tie::Group(group.clone()),
            None if port.side_chain => Tie::SideChain,
            None => Tie::Ungrouped,
        };
        match busses.iter_mut().find(|(known, _)| *known == tie) {
            Some((_, ports)) => ports.push(port),
            None => busses.push((tie, vec![port])),
        }
    }
    let named = match direction {
        Direction::Input => &plugin.main_input,
        Direction::Output => &plugin.main_output,
    };
    let is_side = |tie: &Tie, ports: &[&Port]| {
        *tie == Tie::SideChain || ports.iter().all(|port| port.side_chain || port.group_side_chain)
    };
    let named = named.clone().map(Tie::Group).and_then(|named| busses.iter().position(|(tie, _)| *tie == named));
    let main = named
        .or_else(|| busses.iter().position(|(tie, _)| *tie == Tie::Ungrouped))
        .or_else(|| busses.iter().position(|(tie, ports)| !is_side(tie, ports)));
    if let Some(main) = main {
        busses[..=main].rotate_right(1);
    }
    let info = |index: usize, (tie, ports): &(Tie, Vec<&Port>)| {
        let is_main = index == 0 && main.is_some();
        let name = match tie {
            Tie::Group(_) => ports[0].group_name.clone(),
            Tie::SideChain => "Sidechain".to_owned(),
            Tie::Ungrouped => String::new(),
        };
        let name = if name.is_empty() && is_main { "Main".to_owned() } else { name };
        BusInfo { name, channels: ports.len(), main: is_main }
    };
    let infos = busses.iter().enumerate().map(|(index, bus)| info(index, bus)).collect();
    let ports = busses.iter().map(|(_, ports)| ports.iter().map(|port| port.index).collect()).collect();
    (ports, infos)
}
