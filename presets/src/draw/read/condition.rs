//! Conditions as people write them.

use super::Reader;
use crate::document::{Collector, Entry, Kind, Node, Scalar, boolean, closest, quoted, split_unit};
use crate::draw::condition::{Condition, Operand, Subject, Test};
use crate::draw::slot::{Choice, Scale, Values};

const EXAMPLE: &str = "Write what must be: { pickup: bridge, gain: { above: 3 } }.";
const TESTS: &[&str] = &["is", "in", "not", "above", "below", "at_least", "at_most", "given"];

impl Reader<'_> {
    /// Reads a condition. It may ask for draws where `draws`, else only for what is known of an item or a file.
    pub fn condition(&self, name: &str, node: &Node, draws: bool) -> Option<Condition> {
        let Kind::Map(entries) = &node.kind else {
            return self.mistake(node, format!("{name} is {}", node.shown()), EXAMPLE);
        };
        if entries.is_empty() {
            return self.mistake(node, format!("{name} asks for nothing"), EXAMPLE);
        }
        let all: Vec<_> = entries.iter().map(|entry| self.field_condition(entry, draws)).collect();
        let mut all: Vec<Condition> = all.into_iter().collect::<Option<_>>()?;
        Some(if all.len() == 1 { all.remove(0) } else { Condition::All(all) })
    }

    fn field_condition(&self, entry: &Entry, draws: bool) -> Option<Condition> {
        let Entry { key, value } = entry;
        match key.value.as_str() {
            "not" => return Some(Condition::Not(Box::new(self.condition("not", value, draws)?))),
            word @ ("any" | "all") => {
                let items = match &value.kind {
                    Kind::List(items) if !items.is_empty() => items,
                    _ => {
                        let help =
                            format!("List conditions: {word}: [{{ pickup: bridge }}, {{ gain: {{ above: 3 }} }}].");
                        return self.mistake(value, format!("{word} is {}", value.shown()), help);
                    }
                };
                let several: Vec<_> = items.iter().map(|item| self.condition(word, item, draws)).collect();
                let several = several.into_iter().collect::<Option<_>>()?;
                return Some(if word == "any" { Condition::Any(several) } else { Condition::All(several) });
            }
            _ => {}
        }
        let drawn = self.names.iter().find(|(name, _)| draws && *name == key.value).map(|(_, slot)| *slot);
        let values = drawn.map(|slot| &self.slot(slot).values);
        let tests = self.tests(&key.value, value, values)?;
        let subject = drawn.map_or(Subject::Metadata, Subject::Draw);
        Some(Condition::Test { name: key.value.clone(), subject, tests, place: key.place.clone() })
    }

    fn tests(&self, name: &str, node: &Node, values: Option<&Values>) -> Option<Vec<Test>> {
        let Kind::Map(entries) = &node.kind else {
            return Some(vec![Test::In(self.operands(name, node, values)?)]);
        };
        if entries.is_empty() {
            return self.mistake(node, format!("{name} asks for nothing"), EXAMPLE);
        }
        let mut tests = Vec::new();
        for Entry { key, value } in entries {
            let test = match key.value.as_str() {
                "is" | "in" => Test::In(self.operands(name, value, values)?),
                "not" => Test::NotIn(self.operands(name, value, values)?),
                "above" => Test::Above(self.than(value, values)?),
                "below" => Test::Below(self.than(value, values)?),
                "at_least" => Test::AtLeast(self.than(value, values)?),
                "at_most" => Test::AtMost(self.than(value, values)?),
                "given" => Test::Given(boolean("given", value, self.collector)?),
                other => return unknown(other, key.place.clone(), self.collector),
            };
            tests.push(test);
        }
        Some(tests)
    }

    fn operands(&self, name: &str, node: &Node, values: Option<&Values>) -> Option<Vec<Operand>> {
        let items = match &node.kind {
            Kind::List(items) => items.as_slice(),
            _ => std::slice::from_ref(node),
        };
        if items.is_empty() {
            return self.mistake(node, format!("{name} can be none of no values"), EXAMPLE);
        }
        let mut operands = Vec::new();
        for item in items {
            let Kind::Scalar(scalar) = &item.kind else {
                return self.mistake(item, format!("{name} is held against {}", item.shown()), EXAMPLE);
            };
            operands.push(self.operand(name, item, scalar, values)?);
        }
        Some(operands)
    }

    fn operand(&self, name: &str, node: &Node, scalar: &Scalar, values: Option<&Values>) -> Option<Operand> {
        let plain = Operand { text: scalar.text.clone(), number: scalar.number() };
        let words: Vec<String> = match values {
            Some(Values::Numbers { .. }) => {
                return Some(Operand { number: Some(self.than(node, values)?), ..plain });
            }
            Some(Values::Options(options)) => {
                if options.iter().any(|o| matches!(o, Choice::Map(_))) {
                    let help = "Name another draw.";
                    return self.mistake(node, format!("{name} draws several values at once"), help);
                }
                options.iter().map(|o| o.shown().into_owned()).collect()
            }
            Some(Values::Entries(words)) => words.to_vec(),
            Some(Values::Pool(_) | Values::Stands) | None => return Some(plain),
        };
        // Numbers are compared as numbers: 1.0 is 1.
        let same = |word: &String| *word == plain.text || plain.number.is_some_and(|n| word.parse() == Ok(n));
        if !words.iter().any(same) {
            let help = match closest(&plain.text, words.iter().map(String::as_str)) {
                Some(close) => format!("Did you mean {}?", quoted(close)),
                None => format!("It may be {}.", words.join(", ")),
            };
            return self.mistake(node, format!("{name} is never {}", quoted(&plain.text)), help);
        }
        Some(plain)
    }

    /// A number that another is above or below, in the unit of the draw.
    fn than(&self, node: &Node, values: Option<&Values>) -> Option<f64> {
        let unit = match values {
            Some(Values::Numbers { scale: Scale::Unit(unit), .. }) => unit,
            _ => "",
        };
        match node.scalar().map(|scalar| split_unit(&scalar.text)) {
            Some((Some(number), written)) if written.is_empty() || written == unit => Some(number),
            Some((Some(_), written)) => {
                let other = if unit.is_empty() { "has no unit".to_owned() } else { format!("is in {unit}") };
                let message = format!("{} is in {written}, and what it is held against {other}", node.shown());
                self.mistake(node, message, "Write the number in the same unit.")
            }
            _ => self.mistake(node, format!("{} is not a number", node.shown()), "Write a number."),
        }
    }
}

fn unknown<T>(word: &str, place: crate::document::Place, collector: &Collector) -> Option<T> {
    let help = match closest(word, TESTS.iter().copied()) {
        Some(close) => format!("Did you mean {close}?"),
        None => format!("Write {}.", TESTS.join(", ")),
    };
    collector.mistake_with(&place, format!("{} is no comparison", quoted(word)), help);
    None
}
