//! Activation functions as files name them.

use super::ModelError;
use super::fields::{Fields, kind, number};
use super::json::Json;
use crate::activation::Activation;

/// Reads an activation: a name, or an object with a type and its parameters.
pub(super) fn read(value: &Json, place: &str) -> Result<Activation, ModelError> {
    match value {
        Json::Text(name) => named(name, None, place),
        Json::Object(_) => {
            let fields = Fields::of(value, place)?;
            let activation = named(fields.text("type")?, Some(&fields), place)?;
            fields.finish()?;
            Ok(activation)
        }
        other => Err(kind(place, "the name of an activation, or an object with its type", other)),
    }
}

fn named(name: &str, fields: Option<&Fields>, place: &str) -> Result<Activation, ModelError> {
    let parameter = |name: &str, default: f32| match fields {
        Some(fields) => finite(fields.number_or(name, f64::from(default))?, &fields.at(name)),
        None => Ok(default),
    };
    Ok(match name {
        "Tanh" => Activation::Tanh,
        "Fasttanh" => Activation::FastTanh,
        "Hardtanh" => {
            // The trainer writes the bounds, and the reference plays -1 and 1 whatever they are.
            for (name, default) in [("min_val", -1.0), ("max_val", 1.0)] {
                let value = parameter(name, default)?;
                if value != default {
                    let name = format!("Hardtanh with {name} = {value}");
                    return Err(ModelError::Unsupported { at: place.to_owned(), what: "activation", name });
                }
            }
            Activation::HardTanh
        }
        "ReLU" => Activation::Relu,
        "LeakyReLU" => Activation::LeakyRelu(parameter("negative_slope", 0.01)?),
        "PReLU" => Activation::PRelu(slopes(fields)?),
        "Sigmoid" => Activation::Sigmoid,
        "SiLU" => Activation::Silu,
        "Hardswish" => Activation::HardSwish,
        // Files have both spellings.
        "LeakyHardtanh" | "LeakyHardTanh" => Activation::LeakyHardTanh {
            min: parameter("min_val", -1.0)?,
            max: parameter("max_val", 1.0)?,
            min_slope: parameter("min_slope", 0.01)?,
            max_slope: parameter("max_slope", 0.01)?,
        },
        "Softsign" => Activation::Softsign,
        other => {
            let name = other.to_owned();
            return Err(ModelError::Unsupported { at: place.to_owned(), what: "activation", name });
        }
    })
}

/// One slope goes before several, as in the reference.
fn slopes(fields: Option<&Fields>) -> Result<Vec<f32>, ModelError> {
    let Some(fields) = fields else { return Ok(vec![0.01]) };
    let (one, several) = (fields.optional("negative_slope"), fields.optional("negative_slopes"));
    if let Some(value) = one {
        let place = fields.at("negative_slope");
        return Ok(vec![finite(number(value, &place)?, &place)?]);
    }
    let place = fields.at("negative_slopes");
    match several {
        None => Ok(vec![0.01]),
        Some(Json::Numbers(slopes)) if !slopes.is_empty() => {
            slopes.iter().enumerate().map(|(i, slope)| finite(*slope, &format!("{place}[{i}]"))).collect()
        }
        Some(other) => Err(kind(&place, "an array of at least one number", other)),
    }
}

fn finite(value: f64, place: &str) -> Result<f32, ModelError> {
    let single = value as f32;
    if single.is_finite() {
        return Ok(single);
    }
    Err(ModelError::NonFinite { at: place.to_owned() })
}
