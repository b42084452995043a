//! Parameters that take what is drawn elsewhere: `{ drawn: drive, to: [0 dB, -12 dB] }`.

use std::sync::Arc;

use super::{Reader, Wants};
use crate::Value;
use crate::document::{Fields, Kind, Node, closest, did_you_mean, quoted};
use crate::draw::slot::{Choice, Scale, SlotId, Source, Telling, Values};

impl Reader<'_> {
    pub(super) fn linked(
        &mut self,
        name: &str,
        node: &Node,
        fields: &Fields<'_>,
        wants: Wants,
    ) -> Option<(Source, Values)> {
        let to = fields.get("to");
        let written = crate::document::text("drawn", node, self.collector)?;
        let known = |name: &str| self.names.iter().find(|(known, _)| known == name).map(|(_, slot)| *slot);
        let (from, field) = match (known(&written), written.rsplit_once('.')) {
            (Some(from), _) => (from, None),
            (None, Some((draw, field))) if known(draw).is_some() => (known(draw)?, Some(field)),
            _ => {
                let close = closest(&written, self.names.iter().map(|(name, _)| name.as_str()));
                let help = match close {
                    Some(close) => did_you_mean(&[close]),
                    None => {
                        format!("Draw it at the top of the preset: draws: {{ {written}: {{ uniform: [0, 10] }} }}.")
                    }
                };
                return self.mistake(node, format!("there is no draw {} in front of this", quoted(&written)), help);
            }
        };
        let (telling, values) = match (field, to) {
            (Some(field), None) => (Telling::Options, self.field(node, from, field)?),
            (Some(_), Some(to)) => {
                return self.mistake(to, "a field of a draw is taken as it is".to_owned(), "Remove to.");
            }
            (None, Some(to)) => self.told(from, to)?,
            (None, None) => (Telling::Same, self.slot(from).values.clone()),
        };
        self.fits(name, node, &written, &values, wants)?;
        Some((Source::Linked(from, telling), values))
    }

    /// Whether what a draw gives can stand where it is wanted.
    fn fits(&self, name: &str, node: &Node, written: &str, values: &Values, wants: Wants) -> Option<()> {
        let message = match (values, wants) {
            (Values::Entries(_) | Values::Stands, _) => {
                format!("{written} says which devices stand, which is no value")
            }
            (Values::Options(options), _)
                if wants != Wants::Anything && options.iter().any(|o| o.value().is_none()) =>
            {
                let help = format!("Write drawn: {written}.FIELD.");
                return self.mistake(node, format!("{written} draws several values at once"), help);
            }
            (Values::Pool(_), Wants::Parameter) => format!("{name} takes a value, and {written} draws files"),
            (Values::Numbers { .. }, Wants::File) => format!("{name} is a file, and {written} draws numbers"),
            (Values::Options(options), Wants::File)
                if options.iter().any(|o| !matches!(o, Choice::Value(Value::Text(_)))) =>
            {
                format!("{name} is a file, and {written} draws numbers")
            }
            _ => return Some(()),
        };
        self.mistake(node, message, "Name another draw, or write a value.")
    }

    /// The values under one name of a draw that chooses among maps.
    fn field(&self, node: &Node, from: SlotId, field: &str) -> Option<Values> {
        let Values::Options(options) = &self.slot(from).values else {
            return self.mistake(node, "this draws one value, which has no fields".to_owned(), "Remove the point.");
        };
        let mut values = Vec::new();
        for option in options.iter() {
            let fields = match option {
                Choice::Map(fields) => fields.as_slice(),
                Choice::Value(_) => &[],
            };
            let Some((_, value)) = fields.iter().find(|(name, _)| name == field) else {
                let message = format!("one of the values that are drawn has no field {}", quoted(field));
                let close = closest(field, fields.iter().map(|(name, _)| name.as_str()));
                let help = close.map_or("Give it to each of them.".to_owned(), |close| did_you_mean(&[close]));
                return self.mistake(node, message, help);
            };
            values.push(Choice::Value(value.clone()));
        }
        Some(Values::Options(values.into()))
    }

    /// What stands behind `to`.
    fn told(&self, from: SlotId, to: &Node) -> Option<(Telling, Values)> {
        match (&self.slot(from).values, &to.kind) {
            (Values::Numbers { low, high, .. }, Kind::List(_)) => self.range((*low, *high), to, false),
            (Values::Numbers { low, high, .. }, Kind::Map(entries)) if is_normalised(to) => {
                self.range((*low, *high), &entries[0].value, true)
            }
            (Values::Options(options), Kind::Map(entries)) => {
                let mut values = Vec::new();
                for option in options.iter() {
                    let shown = option.shown();
                    let Some(entry) = entries.iter().find(|entry| entry.key.value == shown) else {
                        let message = format!("to does not say what becomes of {}", quoted(&shown));
                        return self.mistake(to, message, format!("Write to: {{ {shown}: VALUE, ... }}."));
                    };
                    values.push(self.option("to", &entry.value, Wants::Parameter)?);
                }
                if let Some(stray) = entries.iter().find(|e| !options.iter().any(|o| o.shown() == e.key.value)) {
                    let message = format!("{} never comes", quoted(&stray.key.value));
                    self.collector.mistake_with(&stray.key.place, message, "Remove it.");
                    return None;
                }
                Some((Telling::Options, Values::Options(values.into())))
            }
            (Values::Options(_), _) => {
                let help = "Write to: { Clean: 0 dB, Crunch: -6 dB }.";
                self.mistake(to, "this draws one of several values, and to says nothing of each".to_owned(), help)
            }
            (Values::Numbers { .. }, _) => {
                let help = "Write what its lower and upper end become: to: [0 dB, -12 dB].";
                self.mistake(to, format!("to is {}", to.shown()), help)
            }
            _ => self.mistake(to, "what is drawn there cannot be told otherwise".to_owned(), "Remove to."),
        }
    }

    fn range(&self, from: (f64, f64), to: &Node, normalised: bool) -> Option<(Telling, Values)> {
        let example = "Write what its lower and upper end become: to: [0 dB, -12 dB].";
        let Kind::List(items) = &to.kind else { return self.mistake(to, format!("to is {}", to.shown()), example) };
        let [first, second] = items.as_slice() else {
            return self.mistake(to, format!("to has {} numbers, and takes 2", items.len()), example);
        };
        let (numbers, unit) = self.quantities("to", &[("to", first), ("to", second)])?;
        let (a, b) = (numbers[0], numbers[1]);
        let (low, high) = (a.min(b), a.max(b));
        if from.0 == from.1 {
            return self.mistake(to, "what is drawn there is always the same".to_owned(), "Remove to.");
        }
        if !(high - low).is_finite() {
            return self.mistake(to, "to reaches too far".to_owned(), "Write nearer ends.");
        }
        let scale = match (normalised, unit) {
            (true, unit) if unit.is_some() || low < 0.0 || high > 1.0 => {
                let help = "Write numbers from 0, the parameter's minimum, to 1, its maximum.";
                return self.mistake(to, "to is not normalised".to_owned(), help);
            }
            (true, _) => Scale::Normalised,
            (false, Some(unit)) => Scale::Unit(Arc::clone(&unit)),
            (false, None) => Scale::Plain,
        };
        Some((Telling::Range { from, to: (a, b) }, Values::Numbers { low, high, scale }))
    }
}

fn is_normalised(node: &Node) -> bool {
    matches!(node.map(), Some([entry]) if entry.key.value == "normalised")
}
