//! Level, pan and routing, as written of tracks, busses and the master alike.

use presets::document::{Collector, Entry, Fields, Kind, Node, decibels};

use super::routing;
use crate::task::{Fader, PanLaw, Send, Strip};

/// Levels that a strip takes, in dB.
pub(super) const GAIN: std::ops::RangeInclusive<f64> = -120.0..=24.0;

/// The pan laws by the level of each side in the middle.
const PAN_LAWS: &[(f64, PanLaw)] =
    &[(-3.0, PanLaw::Minus3), (-4.5, PanLaw::Minus45), (-6.0, PanLaw::Minus6), (0.0, PanLaw::Zero)];

/// Level, pan and routing, of a track or bus alike.
pub(super) fn strip(fields: &Fields<'_>, busses: &[&str], collector: &Collector) -> Strip {
    let bus = fields.text("bus").filter(|name| name.value != routing::MASTER);
    let bus = bus.filter(|name| routing::check_bus(&name.value, &name.place, busses, collector));
    let sends = fields.get("sends").map_or_else(Vec::new, |node| sends(node, busses, collector));
    Strip { fader: fader(fields, collector), bus: bus.map(|b| b.value), sends }
}

/// Level and pan.
pub(super) fn fader(fields: &Fields<'_>, collector: &Collector) -> Fader {
    Fader {
        gain_db: fields.decibels("gain", GAIN).unwrap_or(0.0),
        invert: fields.boolean("invert").unwrap_or(false),
        pan: fields.number("pan", -100.0..=100.0).unwrap_or(0.0),
        pan_law: fields.get("pan_law").and_then(|node| pan_law(node, collector)).unwrap_or_default(),
        ..Fader::default()
    }
}

fn pan_law(node: &Node, collector: &Collector) -> Option<PanLaw> {
    if node.scalar().is_some_and(|s| s.text == "balance") {
        return Some(PanLaw::Zero);
    }
    let level = decibels("pan_law", node, -6.0..=0.0, collector)?;
    let law = PAN_LAWS.iter().find(|(known, _)| *known == level).map(|(_, law)| *law);
    if law.is_none() {
        let message = format!("pan_law = {} is not known", node.shown());
        collector.mistake_with(&node.place, message, "Write -3 dB, -4.5 dB, -6 dB, 0 dB or balance.");
    }
    law
}

fn sends(node: &Node, busses: &[&str], collector: &Collector) -> Vec<Send> {
    let Kind::Map(entries) = &node.kind else {
        let message = format!("sends is {}", node.shown());
        collector.mistake_with(&node.place, message, "It takes levels by bus: sends: { plate: -12 dB }.");
        return Vec::new();
    };
    let mut sends = Vec::new();
    for Entry { key, value } in entries {
        let known = routing::check_bus(&key.value, &key.place, busses, collector);
        let what = format!("the send to {}", key.value);
        let (gain_db, pre_fader) = match &value.kind {
            Kind::Map(_) => {
                let Some(fields) = Fields::of(&what, value, collector) else { continue };
                let gain = fields.decibels("gain", GAIN).unwrap_or(0.0);
                let pre = fields.choice("at", &[("pre", true), ("post", false)]).unwrap_or(false);
                fields.finish();
                (Some(gain), pre)
            }
            _ => (decibels(&what, value, GAIN, collector), false),
        };
        if let Some(gain_db) = gain_db.filter(|_| known) {
            sends.push(Send { bus: key.value.clone(), gain_db, pre_fader, gain: None });
        }
    }
    sends
}
