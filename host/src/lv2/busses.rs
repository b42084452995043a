//! How a plugin's audio ports form busses.
//!
//! The main bus of a direction is the group that the plugin calls its main one, or else all ports that are in no group,
//! or else the first group that is no side chain. Every other group is a bus of its own, and ports that are marked as
//! side chains without being grouped are one together.
//!
//! Outputs are divided further where they are meant for several tracks. More than two of an instrument that are in no
//! group, as of a drum kit, are a bus each, or a stereo one where two in a row are the left and right of the same. A
//! group that has several lefts, as Calf's crossovers do, is as many busses.

use audio::device::{BusInfo, Ports};

use super::names::{LEFT, RIGHT};
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
    /// One of several busses that ports without a group make, by its number.
    Track(usize),
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
    if direction == Direction::Output {
        let plays = !plugin.ports.iter().any(|port| port.is(Kind::Audio, Direction::Input) && !port.side_chain);
        busses = busses.into_iter().flat_map(|(tie, ports)| divided(tie, ports, plays)).collect();
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
        .or_else(|| busses.iter().position(|(tie, _)| matches!(tie, Tie::Ungrouped | Tie::Track(_))))
        .or_else(|| busses.iter().position(|(tie, ports)| !is_side(tie, ports)));
    if let Some(main) = main {
        busses[..=main].rotate_right(1);
    }
    let info = |index: usize, (tie, ports): &(Tie, Vec<&Port>)| {
        let is_main = index == 0 && main.is_some();
        let of_ports = || match ports.as_slice() {
            [left, _] => without_side(&left.name).map_or_else(|| left.name.clone(), |(name, _)| name),
            _ => ports[0].name.clone(),
        };
        let name = match tie {
            // The group's name is that of its first bus.
            Tie::Group(_) if busses[..index].iter().any(|(before, _)| before == tie) => of_ports(),
            Tie::Group(_) => ports[0].group_name.clone(),
            Tie::SideChain => "Sidechain".to_owned(),
            Tie::Ungrouped => String::new(),
            Tie::Track(_) => of_ports(),
        };
        let name = if name.is_empty() && is_main { "Main".to_owned() } else { name };
        BusInfo { name, channels: ports.len(), main: is_main }
    };
    let infos = busses.iter().enumerate().map(|(index, bus)| info(index, bus)).collect();
    let ports = busses.iter().map(|(_, ports)| ports.iter().map(|port| port.index).collect()).collect();
    (ports, infos)
}

/// The busses that the output ports of one tie make. `plays` says whether the plugin makes its sound by itself.
fn divided(tie: Tie, ports: Vec<&Port>, plays: bool) -> Vec<(Tie, Vec<&Port>)> {
    match tie {
        Tie::Ungrouped if plays && ports.len() > 2 => {
            let mut busses: Vec<(Tie, Vec<&Port>)> = Vec::new();
            for port in ports {
                match busses.last_mut() {
                    Some((_, bus)) if bus.len() == 1 && are_sides(bus[0], port) => bus.push(port),
                    _ => busses.push((Tie::Track(busses.len()), vec![port])),
                }
            }
            busses
        }
        Tie::Group(_) => {
            let is_left = |port: &&Port| port.is_designated(LEFT);
            if ports.iter().filter(|port| is_left(port)).count() < 2 || !is_left(&ports[0]) {
                return vec![(tie, ports)];
            }
            let starts = |_: &&Port, next: &&Port| !is_left(next);
            ports.chunk_by(starts).map(|bus| (tie.clone(), bus.to_vec())).collect()
        }
        _ => vec![(tie, ports)],
    }
}

/// Whether two ports are the left and the right of the same.
fn are_sides(left: &Port, right: &Port) -> bool {
    if left.is_designated(LEFT) && right.is_designated(RIGHT) {
        return true;
    }
    match (without_side(&left.name), without_side(&right.name)) {
        (Some((left, 'l')), Some((right, 'r'))) => left == right,
        _ => false,
    }
}

/// A name without the word in it that says left or right, and which of them it says: `l` or `r`.
fn without_side(name: &str) -> Option<(String, char)> {
    let words = || name.split([' ', '_', '-']).filter(|word| !word.is_empty());
    let side = |word: &str| match word.to_lowercase().as_str() {
        "l" | "left" => Some('l'),
        "r" | "right" => Some('r'),
        _ => None,
    };
    let mut sides = words().filter_map(side);
    match (sides.next(), sides.next()) {
        (Some(one), None) => Some((words().filter(|word| side(word).is_none()).collect::<Vec<_>>().join(" "), one)),
        _ => None,
    }
}
