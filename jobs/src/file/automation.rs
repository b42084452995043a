//! What moves while the music plays: curves by hand, and parameters that follow MIDI controllers.

use presets::Value;
use presets::document::{
    Collector, Entry, Fields, Kind, Located, Node, Place, boolean, choice, decibels, number, whole,
};
use score::{Controller, Position, Shape};

use super::strip::GAIN;

const SHAPES: &[(&str, Shape)] =
    &[("hold", Shape::Hold), ("linear", Shape::Linear), ("exponential", Shape::Exponential)];

/// What a lane moves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LaneTarget {
    /// The strip's level; values are factors.
    Gain,
    /// The strip's pan, -100 to 100.
    Pan,
    /// 1 where it is heard, 0 where it is muted.
    Mute,
    /// The level of the send to this bus; values are factors.
    Send(String),
    /// A parameter of one of the chain's devices.
    Parameter(ParameterName),
}

/// A parameter as people name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterName {
    /// The device: its name, or its position in the chain from 1. The first that has such a parameter where left out.
    pub device: Option<String>,
    /// The parameter's name, or its id behind `#`.
    pub parameter: String,
}

impl ParameterName {
    fn parse(text: &str) -> ParameterName {
        match text.split_once('/') {
            Some((device, parameter)) if !device.is_empty() && !parameter.is_empty() => {
                ParameterName { device: Some(device.trim().to_owned()), parameter: parameter.trim().to_owned() }
            }
            _ => ParameterName { device: None, parameter: text.to_owned() },
        }
    }
}

/// A curve, as written.
#[derive(Clone, Debug, PartialEq)]
pub struct LaneForm {
    /// What it moves.
    pub target: LaneTarget,
    /// Where it begins.
    pub place: Place,
    /// Its points in the order written.
    pub points: Vec<PointForm>,
}

/// A point of a curve, as written.
#[derive(Clone, Debug, PartialEq)]
pub struct PointForm {
    /// When.
    pub at: Located<Position>,
    /// Its value; a text only of a parameter.
    pub value: Located<Value>,
    /// How the curve runs from here to the next point.
    pub shape: Shape,
}

/// A parameter that follows a MIDI controller, as written.
#[derive(Clone, Debug, PartialEq)]
pub struct ControllerForm {
    /// The controller.
    pub controller: Controller,
    /// Its channel, from 0; that of the notes where left out.
    pub channel: Option<u8>,
    /// What it moves.
    pub parameter: Located<ParameterName>,
    /// The values at its ends; the parameter's own range where left out.
    pub range: Option<(f64, f64)>,
    /// By equal factors.
    pub exponential: bool,
}

/// Reads `automation`. `busses` are those that the strip sends to.
pub(super) fn lanes(fields: &Fields<'_>, sends: &[&str], collector: &Collector) -> Vec<LaneForm> {
    let Some(node) = fields.get("automation") else { return Vec::new() };
    let Kind::Map(entries) = &node.kind else {
        let help = "Write automation: { gain: [[1.1, 0 dB], [9.1, -6 dB]] }.";
        collector.mistake_with(&node.place, format!("automation is {}", node.shown()), help);
        return Vec::new();
    };
    entries.iter().filter_map(|entry| lane(entry, sends, collector)).collect()
}

fn lane(entry: &Entry, sends: &[&str], collector: &Collector) -> Option<LaneForm> {
    let Entry { key, value } = entry;
    let target = match key.value.as_str() {
        "gain" => LaneTarget::Gain,
        "pan" => LaneTarget::Pan,
        "mute" => LaneTarget::Mute,
        name => match name.strip_prefix("sends.") {
            Some(bus) if sends.contains(&bus) => LaneTarget::Send(bus.to_owned()),
            Some(bus) => {
                let message = format!("there is no send to \"{bus}\" here");
                collector.mistake_with(&key.place, message, format!("Write sends: {{ {bus}: 0 dB }} too."));
                return None;
            }
            None => LaneTarget::Parameter(ParameterName::parse(name)),
        },
    };
    let points = match &value.kind {
        Kind::List(items) if !items.is_empty() => items,
        _ => {
            let message = format!("automation of {} is {}", key.value, value.shown());
            collector.mistake_with(&value.place, message, "List its points: [[1.1, 0 dB], [9.1, -6 dB, linear]].");
            return None;
        }
    };
    let read: Vec<_> = points.iter().filter_map(|node| point(&key.value, &target, node, collector)).collect();
    (read.len() == points.len()).then(|| LaneForm { target, place: key.place.clone(), points: read })
}

/// `[position, value]`, `[position, value, shape]`, or a map of `at`, `value` and `shape`.
fn point(name: &str, target: &LaneTarget, node: &Node, collector: &Collector) -> Option<PointForm> {
    let (at, value, shape) = match &node.kind {
        Kind::List(items) => match items.as_slice() {
            [at, value] => (at, value, None),
            [at, value, shape] => (at, value, Some(shape)),
            _ => return not_a_point(name, node, collector),
        },
        Kind::Map(_) => {
            let fields = Fields::of("a point", node, collector)?;
            let at = fields.require("at", "Write { at: 9.1, value: -6 dB }.");
            let value = fields.require("value", "Write { at: 9.1, value: -6 dB }.");
            let shape = fields.get("shape");
            fields.finish();
            (at?, value?, shape)
        }
        _ => return not_a_point(name, node, collector),
    };
    let position = position("a point", at, collector);
    let shape = match (shape, target) {
        (Some(node), _) => choice("shape", node, SHAPES, collector)?,
        // What is switched, is switched: between two points there is nothing.
        (None, LaneTarget::Mute) => Shape::Hold,
        (None, _) => Shape::Linear,
    };
    let read = match target {
        LaneTarget::Gain | LaneTarget::Send(_) => factor(name, value, collector).map(Value::Number),
        LaneTarget::Pan => number(name, value, -100.0..=100.0, collector).map(Value::Number),
        LaneTarget::Mute => boolean(name, value, collector).map(|muted| Value::Number(f64::from(u8::from(!muted)))),
        LaneTarget::Parameter(_) => match value.scalar() {
            Some(scalar) => Some(scalar.number().map_or_else(|| Value::Text(scalar.text.clone()), Value::Number)),
            None => return not_a_point(name, node, collector),
        },
    };
    Some(PointForm { at: position?, value: Located::new(read?, value.place.clone()), shape })
}

fn not_a_point<T>(name: &str, node: &Node, collector: &Collector) -> Option<T> {
    let message = format!("a point of {name} is {}", node.shown());
    collector.mistake_with(&node.place, message, "Write [position, value] or [position, value, shape].");
    None
}

/// A level as a factor; `-inf dB` is silence.
fn factor(name: &str, node: &Node, collector: &Collector) -> Option<f64> {
    let written = node.scalar().map(|s| s.text.trim().to_ascii_lowercase());
    if written.is_some_and(|text| matches!(text.as_str(), "-inf" | "-inf db")) {
        return Some(0.0);
    }
    decibels(name, node, GAIN, collector).map(|db| audio::Decibels(db).gain())
}

/// A place in the music.
pub(super) fn position(name: &str, node: &Node, collector: &Collector) -> Option<Located<Position>> {
    let Some(scalar) = node.scalar() else {
        let message = format!("{name} stands at {}", node.shown());
        collector.mistake_with(&node.place, message, "Write a position such as 9.1, 32b or 12.5 s.");
        return None;
    };
    match scalar.text.parse::<Position>() {
        Ok(position) => Some(Located::new(position, node.place.clone())),
        Err(error) => {
            collector.mistake(&node.place, format!("{name}: {error}"));
            None
        }
    }
}

/// Reads `controllers`.
pub(super) fn controllers(fields: &Fields<'_>, collector: &Collector) -> Vec<ControllerForm> {
    let Some(node) = fields.get("controllers") else { return Vec::new() };
    let Kind::Map(entries) = &node.kind else {
        let help = "Write controllers: { 74: Cutoff }.";
        collector.mistake_with(&node.place, format!("controllers is {}", node.shown()), help);
        return Vec::new();
    };
    entries.iter().filter_map(|entry| controller(entry, collector)).collect()
}

fn controller(Entry { key, value }: &Entry, collector: &Collector) -> Option<ControllerForm> {
    let controller = match key.value.as_str() {
        "bend" => Controller::Bend,
        "pressure" => Controller::Pressure,
        number => match number.parse().ok().filter(|number| *number < 128u8) {
            Some(number) => Controller::Control(number),
            None => {
                let message = format!("\"{}\" is no MIDI controller", key.value);
                collector.mistake_with(&key.place, message, "Write a number from 0 to 127, bend or pressure.");
                return None;
            }
        },
    };
    let name = |node: &Node| {
        let text = presets::document::text("parameter", node, collector)?;
        Some(Located::new(ParameterName::parse(&text), node.place.clone()))
    };
    if !matches!(value.kind, Kind::Map(_)) {
        let parameter = name(value)?;
        return Some(ControllerForm { controller, channel: None, parameter, range: None, exponential: false });
    }
    let fields = Fields::of("a controller", value, collector)?;
    let parameter = fields.require("parameter", "Write { parameter: Cutoff }.").and_then(name);
    let range = fields.get("range").and_then(|node| range(node, collector));
    let exponential = fields.choice("shape", &[("linear", false), ("exponential", true)]).unwrap_or(false);
    let channel = fields.whole("channel", 1..=16).map(|channel| channel as u8 - 1);
    // Both halves of a controller of 14 bits.
    let fine = fields.boolean("fine").unwrap_or(false);
    fields.finish();
    let controller = match controller {
        Controller::Control(number) if fine && number < 32 => Controller::Fine(number),
        _ if fine => {
            let message = format!("{} has no fine half", key.value);
            collector.mistake_with(&key.place, message, "Controllers 0 to 31 have one.");
            return None;
        }
        controller => controller,
    };
    Some(ControllerForm { controller, channel, parameter: parameter?, range, exponential })
}

fn range(node: &Node, collector: &Collector) -> Option<(f64, f64)> {
    match &node.kind {
        Kind::List(items) if items.len() == 2 => {
            let end = |node| number("range", node, f64::MIN..=f64::MAX, collector);
            Some((end(&items[0])?, end(&items[1])?))
        }
        _ => {
            let message = format!("range is {}", node.shown());
            collector.mistake_with(&node.place, message, "Write its two ends: range: [200, 8000].");
            None
        }
    }
}

/// A meter as musicians write it: 6/8.
pub(super) fn meter(node: &Node, collector: &Collector) -> Option<(u16, u16)> {
    let text = node.scalar().map_or("", |s| s.text.as_str());
    let read = text.split_once('/').and_then(|(n, d)| Some((n.trim().parse().ok()?, d.trim().parse().ok()?)));
    let meter = read.filter(|(n, d): &(u16, u16)| (1..=64).contains(n) && d.is_power_of_two() && *d <= 64);
    if meter.is_none() {
        let message = format!("{} is no meter", node.shown());
        collector.mistake_with(&node.place, message, "Write beats in a bar and what a beat is: 4/4, 6/8.");
    }
    meter
}

/// Which bus of a device a number names, from 1.
pub(super) fn bus_number(name: &str, node: &Node, collector: &Collector) -> Option<usize> {
    whole(name, node, 1..=255, collector).map(|bus| bus as usize)
}
