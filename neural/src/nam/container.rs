//! SlimmableContainer: the same amp in several sizes, of which one is chosen.

use super::fields::{Fields, items, number};
use super::limits::{self, Budget, MOST_LAYERS};
use super::{ModelError, Part, weights};

/// Several models, each for sizes below a bound.
pub(super) struct Container {
    /// The bound and the model, ascending.
    models: Vec<(f64, Part)>,
}

impl Container {
    pub fn read(
        fields: &Fields,
        weights: &[f32],
        place: &str,
        rate: Option<f64>,
        budget: &Budget,
    ) -> Result<Container, ModelError> {
        weights::check_count(0, weights.len(), place)?;
        let list = fields.at("submodels");
        let values = items(fields.required("submodels")?, &list)?;
        limits::check("length", &list, values.len(), MOST_LAYERS)?;
        let mut models: Vec<(f64, Part)> = Vec::with_capacity(values.len());
        for (value, place) in &values {
            let fields = Fields::of(value, place)?;
            let bound = number(fields.required("max_value")?, &fields.at("max_value"))?;
            if models.last().is_some_and(|(before, _)| bound <= *before) {
                let reason = format!("{bound} is not above the one before");
                return Err(ModelError::Invalid { at: fields.at("max_value"), reason });
            }
            let part = Part::read(fields.required("model")?, &fields.at("model"), budget)?;
            if let (Some(own), Some(rate)) = (part.sample_rate, rate)
                && own != rate
            {
                let reason = format!("{own} is not the {rate} of the model around it");
                return Err(ModelError::Invalid { at: fields.at("model.sample_rate"), reason });
            }
            fields.finish()?;
            models.push((bound, part));
        }
        let invalid = |reason: &str| Err(ModelError::Invalid { at: list.clone(), reason: reason.to_owned() });
        match models.last() {
            None => return invalid("there are no models"),
            Some((bound, _)) if *bound < 1.0 => return invalid("no model is for sizes up to 1"),
            Some(_) => {}
        }
        if models.iter().any(|(_, part)| part.outputs() != models[0].1.outputs()) {
            return invalid("the models have different numbers of outputs");
        }
        Ok(Container { models })
    }

    /// Which model is for a size from 0 to 1.
    pub fn index(&self, size: f64) -> usize {
        self.models.iter().position(|(bound, _)| size < *bound).unwrap_or(self.models.len() - 1)
    }

    pub fn len(&self) -> usize {
        self.models.len()
    }

    pub fn model(&self, index: usize) -> &Part {
        &self.models[index].1
    }
}
