//! Draws of numbers.

use std::sync::Arc;

use super::Reader;
use crate::document::{Fields, Kind, Node, split_unit};
use crate::draw::distribution::Distribution;
use crate::draw::normal::Normal;

/// Less of a normal distribution than this between its ends means that the ends or the mean are a mistake.
const LEAST_MASS: f64 = 1e-3;
/// Whole numbers up to here are exact as plain values.
const MOST_INT: f64 = 9_007_199_254_740_992.0;
/// Most steps between two ends.
const MOST_STEPS: f64 = 1e6;

/// A distribution, and the unit of all its numbers.
pub(super) struct Numbers {
    pub distribution: Distribution,
    pub unit: Option<Arc<str>>,
}

impl Reader<'_> {
    pub(super) fn numbers(&mut self, form: &str, node: &Node) -> Option<Numbers> {
        if form == "normal" {
            return self.normal(node);
        }
        let (count, example) = match form {
            "int" => (2, "int: [1, 6]"),
            "steps" => (3, "steps: [0, 10, 0.5], which are low, high and step"),
            "log_uniform" => (2, "log_uniform: [80 Hz, 8000 Hz]"),
            _ => (2, "uniform: [-6 dB, 3 dB]"),
        };
        let items = match &node.kind {
            Kind::List(items) if items.len() == count => items.as_slice(),
            Kind::List(items) => {
                let message = format!("{form} has {} numbers, and takes {count}", items.len());
                return self.mistake(node, message, format!("Write {example}."));
            }
            _ => return self.mistake(node, format!("{form} is {}", node.shown()), format!("Write {example}.")),
        };
        let named: Vec<(&str, &Node)> = items.iter().map(|item| (form, item)).collect();
        let (numbers, unit) = self.quantities(form, &named)?;
        let (low, high) = (numbers[0], numbers[1]);
        self.ends(form, node, low, high, &unit)?;
        let distribution = match form {
            "uniform" => Distribution::Uniform { low, high },
            "log_uniform" if low <= 0.0 => {
                let help = match &unit {
                    Some(unit) if unit.eq_ignore_ascii_case("db") => "Decibels are logarithmic already: write uniform.",
                    _ => "Begin above 0, or write uniform.",
                };
                let message = format!("log_uniform begins at {low}, and only numbers above 0 have a logarithm");
                return self.mistake(&items[0], message, help);
            }
            "log_uniform" => Distribution::LogUniform { low, high },
            "int" => {
                for (number, item) in numbers.iter().zip(items) {
                    if number.fract() != 0.0 || number.abs() > MOST_INT {
                        let message = format!("int draws whole numbers, and {} is none", item.shown());
                        return self.mistake(item, message, "Write int: [1, 6], or uniform for all numbers.");
                    }
                }
                Distribution::Int { low: low as i64, high: high as i64 }
            }
            _ => self.steps(items, low, high, numbers[2])?,
        };
        Some(Numbers { distribution, unit })
    }

    fn steps(&self, items: &[Node], low: f64, high: f64, step: f64) -> Option<Distribution> {
        if step <= 0.0 {
            return self.mistake(&items[2], format!("a step of {step} leads nowhere"), "Write a step above 0.");
        }
        if step > (high - low) * (1.0 + 1e-9) {
            let message = format!("a step of {step} is larger than the range from {low} to {high}");
            return self.mistake(&items[2], message, "Write a smaller step, or another range.");
        }
        let steps = (high - low) / step;
        let whole = steps.round();
        if whole > MOST_STEPS {
            let message = format!("{whole} steps lie between {low} and {high}");
            return self.mistake(&items[2], message, "Write a larger step, or uniform for all numbers.");
        }
        if (steps - whole).abs() > 1e-6 {
            let last = low + steps.floor() * step;
            let message = format!("steps of {step} from {low} never come to {high}");
            return self.mistake(&items[1], message, format!("Write {last} as the end, or another step."));
        }
        Some(Distribution::Steps { low, high, steps: whole as u32 })
    }

    fn normal(&self, node: &Node) -> Option<Numbers> {
        const EXAMPLE: &str = "Write normal: { mean: 5, sd: 2, low: 0, high: 10 }.";
        if node.map().is_none() {
            return self.mistake(node, format!("normal is {}", node.shown()), EXAMPLE);
        }
        let fields = Fields::of("a normal distribution", node, self.collector)?;
        let nodes = ["mean", "sd", "low", "high"].map(|name| fields.require(name, EXAMPLE).map(|node| (name, node)));
        fields.finish();
        let named: Vec<(&str, &Node)> = nodes.into_iter().collect::<Option<_>>()?;
        let (numbers, unit) = self.quantities("normal", &named)?;
        let [mean, deviation, low, high] = numbers[..] else { return None };
        if deviation <= 0.0 {
            let message = format!("sd = {} is no width", named[1].1.shown());
            return self.mistake(named[1].1, message, "Write a standard deviation above 0, or the mean alone.");
        }
        self.ends("normal", node, low, high, &unit)?;
        let normal = Normal::new(mean, deviation, low, high);
        if normal.mass().is_nan() || normal.mass() < LEAST_MASS {
            let message = format!(
                "hardly anything of a normal distribution with mean {mean} and sd {deviation} lies between {low} and {high}"
            );
            return self.mistake(node, message, "Move the mean into the range, or widen one of the two.");
        }
        Some(Numbers { distribution: Distribution::Normal(normal), unit })
    }

    /// Numbers that all have the same unit, or none.
    pub(super) fn quantities(&self, form: &str, nodes: &[(&str, &Node)]) -> Option<(Vec<f64>, Option<Arc<str>>)> {
        let read: Vec<_> = nodes.iter().map(|(name, node)| self.quantity(name, node)).collect();
        let read: Vec<(f64, &str)> = read.into_iter().collect::<Option<_>>()?;
        let first = read.first()?.1;
        if let Some(at) = read.iter().position(|(_, unit)| *unit != first) {
            let shown = |unit: &str| if unit.is_empty() { "no unit".to_owned() } else { unit.to_owned() };
            let message = format!("{form} mixes {} and {}", shown(first), shown(read[at].1));
            return self.mistake(nodes[at].1, message, "Write all of its numbers in the same unit.");
        }
        Some((read.iter().map(|(number, _)| *number).collect(), Some(first).filter(|u| !u.is_empty()).map(Arc::from)))
    }

    fn quantity<'n>(&self, name: &str, node: &'n Node) -> Option<(f64, &'n str)> {
        const HELP: &str = "Write a number, with its unit where it has one: -6 dB.";
        let Kind::Scalar(scalar) = &node.kind else {
            return self.mistake(node, format!("{name} takes numbers, and here is {}", node.shown()), HELP);
        };
        match split_unit(&scalar.text) {
            (Some(number), unit) if unit.chars().all(|c| c.is_alphabetic() || "%/°".contains(c)) => {
                Some((number, unit))
            }
            _ => self.mistake(node, format!("{name} takes numbers, and {} is none", node.shown()), HELP),
        }
    }

    /// Two ends that leave something between them.
    fn ends(&self, form: &str, node: &Node, low: f64, high: f64, unit: &Option<Arc<str>>) -> Option<()> {
        let shown = |number: f64| unit.as_ref().map_or(number.to_string(), |unit| format!("{number} {unit}"));
        let (from, to) = (shown(low), shown(high));
        if low > high {
            let message = format!("{form} begins at {from} and ends at {to}, below it");
            return self.mistake(node, message, format!("Write {to} first, then {from}."));
        }
        if low == high {
            let message = format!("{form} draws nothing: both of its ends are {from}");
            return self.mistake(node, message, format!("Write {from} alone, or other ends."));
        }
        if !(high - low).is_finite() {
            return self.mistake(node, format!("{form} reaches too far to be drawn from"), "Write nearer ends.");
        }
        Some(())
    }
}
