//! What a file says of itself, none of which changes its sound.

use serde_json::Value;

use super::ModelError;
use super::fields::{Fields, number};
use super::json::Json;

/// What a file says of itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metadata {
    /// The model's name.
    pub name: Option<String>,
    /// Who made it.
    pub modeled_by: Option<String>,
    /// Such as "amp", "pedal" or "amp_cab".
    pub gear_type: Option<String>,
    /// Who made what was modelled.
    pub gear_make: Option<String>,
    /// What was modelled.
    pub gear_model: Option<String>,
    /// Such as "clean", "crunch" or "hi_gain".
    pub tone_type: Option<String>,
    /// Loudness of the model's output for the trainer's standard input, in decibels.
    pub loudness: Option<f64>,
    /// How much the model compresses, from 0 to 1 or so.
    pub gain: Option<f64>,
    /// The level in dBu of a sine that reaches full scale at the model's input.
    pub input_level_dbu: Option<f64>,
    /// The level in dBu of a sine of full scale at the model's output.
    pub output_level_dbu: Option<f64>,
    /// All of it as the file has it: date, licence, training, and whatever else.
    pub all: Value,
}

impl Metadata {
    pub(super) fn read(value: Option<&Json>, place: &str) -> Result<Metadata, ModelError> {
        let Some(value) = value else { return Ok(Metadata::default()) };
        let fields = Fields::of(value, place)?;
        // Texts of another kind than expected are of no consequence and stay in `all`.
        let text = |name: &str| match fields.optional(name) {
            Some(Json::Text(text)) => Some(text.clone()),
            _ => None,
        };
        // Levels are: a file is calibrated by them.
        let level = |name: &str| fields.optional(name).map(|value| number(value, &fields.at(name))).transpose();
        Ok(Metadata {
            name: text("name"),
            modeled_by: text("modeled_by"),
            gear_type: text("gear_type"),
            gear_make: text("gear_make"),
            gear_model: text("gear_model"),
            tone_type: text("tone_type"),
            loudness: level("loudness")?,
            gain: level("gain")?,
            input_level_dbu: level("input_level_dbu")?,
            output_level_dbu: level("output_level_dbu")?,
            all: value.to_value(),
        })
    }
}
