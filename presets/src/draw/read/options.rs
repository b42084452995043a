//! Draws that choose one of several values.

use std::sync::Arc;

use super::{Reader, Wants};
use crate::Value;
use crate::document::{Fields, Kind, Node, Place, Scalar, quoted};
use crate::draw::slot::{Choice, Source, Values};

impl Reader<'_> {
    /// `choice: [Clean, Crunch]`, with `weights: [3, 1]` beside it or as `choice: { Clean: 3, Crunch: 1 }`.
    pub(super) fn choice(
        &mut self,
        name: &str,
        node: &Node,
        fields: &Fields<'_>,
        wants: Wants,
        grid: bool,
    ) -> Option<(Source, Values)> {
        let weights = fields.get("weights");
        let Kind::Map(entries) = &node.kind else {
            return self.list(name, "choice", node, weights, wants, grid);
        };
        if let Some(weights) = weights {
            return self.mistake(weights, "the weights stand in choice already".to_owned(), "Remove one of the two.");
        }
        let mut options = Vec::new();
        let mut given = Vec::new();
        for entry in entries {
            let scalar = Scalar { text: entry.key.value.clone(), plain: true };
            options.push((Choice::Value(value(&scalar, wants)), &entry.key.place));
            given.push(self.weight(&entry.value)?);
        }
        self.options("choice", node, options, Some((node, given)), grid)
    }

    pub(super) fn list(
        &mut self,
        name: &str,
        form: &str,
        node: &Node,
        weights: Option<&Node>,
        wants: Wants,
        grid: bool,
    ) -> Option<(Source, Values)> {
        let Kind::List(items) = &node.kind else {
            let help = format!("List what it draws from: {form}: [Clean, Crunch].");
            return self.mistake(node, format!("{form} is {}", node.shown()), help);
        };
        let read: Vec<_> = items.iter().map(|item| self.option(name, item, wants)).collect();
        let read: Vec<Choice> = read.into_iter().collect::<Option<_>>()?;
        let options = read.into_iter().zip(items.iter().map(|item| &item.place)).collect();
        let weights = match weights {
            Some(node) => Some((node, self.weights(node, items.len())?)),
            None => None,
        };
        self.options(form, node, options, weights, grid)
    }

    fn weights(&self, node: &Node, count: usize) -> Option<Vec<f64>> {
        let Kind::List(items) = &node.kind else {
            let help = "List one for each value: weights: [3, 1].";
            return self.mistake(node, format!("weights is {}", node.shown()), help);
        };
        if items.len() != count {
            let message = format!("there are {} weights for {count} values", items.len());
            return self.mistake(node, message, "List one weight for each value.");
        }
        let weights: Vec<_> = items.iter().map(|item| self.weight(item)).collect();
        weights.into_iter().collect()
    }

    /// How often something comes, beside others.
    pub fn weight(&self, node: &Node) -> Option<f64> {
        match node.scalar().and_then(Scalar::number) {
            Some(weight) if (0.0..=1e9).contains(&weight) => Some(weight),
            Some(weight) if weight < 0.0 => {
                self.mistake(node, format!("a weight of {weight} is below 0"), "Write 0 for what is never to come.")
            }
            Some(weight) => {
                self.mistake(node, format!("a weight of {weight} is outside 0..1e9"), "Write a smaller one.")
            }
            None => self.mistake(node, format!("{} is not a weight", node.shown()), "Write a number: weight: 3."),
        }
    }

    fn options(
        &mut self,
        form: &str,
        node: &Node,
        options: Vec<(Choice, &Place)>,
        weights: Option<(&Node, Vec<f64>)>,
        grid: bool,
    ) -> Option<(Source, Values)> {
        if options.is_empty() {
            let help = format!("List what it draws from: {form}: [Clean, Crunch].");
            return self.mistake(node, format!("{form} is empty"), help);
        }
        for (at, (option, place)) in options.iter().enumerate() {
            if options[..at].iter().any(|(earlier, _)| earlier == option) {
                let help = "Remove one; what is to come more often takes a weight.";
                self.collector.mistake_with(place, format!("{form} has {} twice", quoted(&option.shown())), help);
                return None;
            }
        }
        if let (true, Some((node, _))) = (grid, &weights) {
            let help = "Remove the weights, or the grid.";
            return self.mistake(node, "a grid walks through its values evenly, without weights".to_owned(), help);
        }
        let sums = match weights {
            Some((node, weights)) => {
                let sums = running_sums(&weights);
                if sums.last().is_none_or(|sum| *sum <= 0.0) {
                    return self.mistake(node, "every weight is 0".to_owned(), "Give one value a weight above 0.");
                }
                sums
            }
            None => running_sums(&vec![1.0; options.len()]),
        };
        let options: Arc<[Choice]> = options.into_iter().map(|(option, _)| option).collect();
        Some((Source::Choice(sums), Values::Options(options)))
    }

    /// One value that a draw may come to.
    pub(super) fn option(&self, name: &str, node: &Node, wants: Wants) -> Option<Choice> {
        match &node.kind {
            Kind::Scalar(scalar) if scalar.text.is_empty() => {
                self.mistake(node, format!("a value of {name} is empty"), "Write a value, or remove it.")
            }
            Kind::Scalar(scalar) => Some(Choice::Value(value(scalar, wants))),
            Kind::Map(entries) if wants == Wants::Anything && !super::is_draw(entries) => {
                let mut values = Vec::new();
                for entry in entries {
                    let Choice::Value(value) = self.option(&entry.key.value, &entry.value, Wants::Parameter)? else {
                        return None;
                    };
                    values.push((entry.key.value.clone(), value));
                }
                if values.is_empty() {
                    return self.mistake(node, format!("a value of {name} is empty"), "Write a value, or remove it.");
                }
                Some(Choice::Map(values))
            }
            Kind::Map(entries) if !super::is_draw(entries) => {
                let help = "Draw the map under draws, and take each value from there: { drawn: NAME.FIELD }.";
                self.mistake(node, format!("{name} takes one value, and here is a map"), help)
            }
            _ => {
                let help = "Write numbers, or texts that the device reads.";
                self.mistake(node, format!("{name} cannot come to {}", node.shown()), help)
            }
        }
    }
}

fn value(scalar: &Scalar, wants: Wants) -> Value {
    match (wants, scalar.number(), scalar.boolean()) {
        (Wants::File, ..) | (_, None, None) => Value::Text(scalar.text.clone()),
        (_, Some(number), _) => Value::Number(number),
        // Switches are numbers to every plugin format.
        (_, None, Some(on)) => Value::Number(if on { 1.0 } else { 0.0 }),
    }
}

fn running_sums(weights: &[f64]) -> Vec<f64> {
    let sums = weights.iter().scan(0.0, |sum, weight| {
        *sum += weight;
        Some(*sum)
    });
    sums.collect()
}
