//! A value of a file with its place, so that whatever is wrong with it is said of a place.

use std::ops::RangeInclusive;

use serde_json::Value;

use crate::ModelError;

/// One value of a JSON file.
pub(super) struct Node<'a> {
    value: &'a Value,
    /// Such as `layers[1].weights[0]`; empty for the whole file.
    at: String,
}

impl<'a> Node<'a> {
    /// The whole file.
    pub fn root(value: &'a Value) -> Self {
        Self { value, at: String::new() }
    }

    fn place(&self) -> String {
        if self.at.is_empty() { "the file".into() } else { self.at.clone() }
    }

    fn under(&self, name: &str) -> String {
        if self.at.is_empty() { name.to_owned() } else { format!("{}.{name}", self.at) }
    }

    /// The value of a field, if it is there and not null.
    pub fn field(&self, name: &str) -> Option<Node<'a>> {
        let value = self.value.get(name).filter(|value| !value.is_null())?;
        Some(Node { value, at: self.under(name) })
    }

    /// The value of a field that must be there.
    pub fn need(&self, name: &str) -> Result<Node<'a>, ModelError> {
        self.field(name).ok_or_else(|| ModelError::Missing { at: self.under(name) })
    }

    /// The elements of a list.
    pub fn list(&self) -> Result<Vec<Node<'a>>, ModelError> {
        let list = self.value.as_array().ok_or_else(|| self.unexpected("a list"))?;
        Ok(list.iter().enumerate().map(|(index, value)| Node { value, at: format!("{}[{index}]", self.at) }).collect())
    }

    /// A text.
    pub fn text(&self) -> Result<&'a str, ModelError> {
        self.value.as_str().ok_or_else(|| self.unexpected("a text"))
    }

    /// An object as it stands.
    pub fn object(&self) -> Result<&'a serde_json::Map<String, Value>, ModelError> {
        self.value.as_object().ok_or_else(|| self.unexpected("an object"))
    }

    /// A whole number of `range`, or a list whose last element is one, as Keras has sizes.
    pub fn count(&self, range: RangeInclusive<usize>) -> Result<usize, ModelError> {
        let value = self.value.as_array().and_then(|list| list.last()).unwrap_or(self.value);
        let count = value.as_u64().and_then(|count| usize::try_from(count).ok());
        count.filter(|count| range.contains(count)).ok_or_else(|| {
            let (least, greatest) = range.into_inner();
            let whole = if least == greatest { least.to_string() } else { format!("{least} to {greatest}") };
            self.unexpected(format!("the whole number {whole}"))
        })
    }

    /// True or false, also as 1 or 0.
    pub fn flag(&self) -> Result<bool, ModelError> {
        match (self.value, self.value.as_u64()) {
            (Value::Bool(on), _) => Ok(*on),
            (_, Some(number @ 0..=1)) => Ok(number == 1),
            _ => Err(self.unexpected("true or false")),
        }
    }

    /// A finite number.
    pub fn number(&self) -> Result<f32, ModelError> {
        let number = self.value.as_f64().ok_or_else(|| self.unexpected("a number"))? as f32;
        if number.is_finite() { Ok(number) } else { Err(ModelError::NonFinite { at: self.place() }) }
    }

    /// A sample rate in Hz, as a number or as digits.
    pub fn sample_rate(&self) -> Result<f64, ModelError> {
        let rate = match self.value {
            Value::String(text) => text.trim().parse().ok(),
            value => value.as_f64(),
        };
        rate.filter(|rate: &f64| (1.0..=10_000_000.0).contains(rate))
            .ok_or_else(|| self.unexpected("a sample rate in Hz"))
    }

    /// Lists within lists, of sizes `shape`, flattened; the last size runs fastest.
    pub fn tensor(&self, shape: &[usize]) -> Result<Vec<f32>, ModelError> {
        let mut numbers = Vec::new();
        self.flatten(shape, &mut numbers)?;
        Ok(numbers)
    }

    fn flatten(&self, shape: &[usize], into: &mut Vec<f32>) -> Result<(), ModelError> {
        let Some((len, inner)) = shape.split_first() else {
            into.push(self.number()?);
            return Ok(());
        };
        let list = self.value.as_array().ok_or_else(|| self.unexpected("a list"))?;
        if list.len() != *len {
            return Err(ModelError::WeightCount { at: self.place(), found: list.len(), expected: *len });
        }
        for (index, value) in list.iter().enumerate() {
            // Places are worded only where they are needed: there is one for each weight.
            match value.as_f64().map(|number| number as f32).filter(|number| inner.is_empty() && number.is_finite()) {
                Some(number) => into.push(number),
                None => Node { value, at: format!("{}[{index}]", self.at) }.flatten(inner, into)?,
            }
        }
        Ok(())
    }

    /// The error for a value that is not what is `expected`.
    pub fn unexpected(&self, expected: impl Into<String>) -> ModelError {
        let found = match self.value {
            Value::Null | Value::Bool(_) | Value::Number(_) => self.value.to_string(),
            Value::String(text) => format!("\"{}\"", shortened(text)),
            Value::Array(list) if list.len() < 9 && list.iter().all(|value| value.is_number() || value.is_null()) => {
                self.value.to_string()
            }
            Value::Array(list) => format!("a list of {}", list.len()),
            Value::Object(_) => "an object".to_owned(),
        };
        ModelError::Unexpected { at: self.place(), found, expected: expected.into() }
    }

    /// The error for a value that is one by itself, and cannot be beside the others.
    pub fn invalid(&self, reason: impl Into<String>) -> ModelError {
        ModelError::Invalid { at: self.place(), reason: reason.into() }
    }

    /// The error for what asks for more than `limit`.
    pub fn too_many(&self, what: &str, count: usize, limit: usize) -> ModelError {
        ModelError::Limit { at: format!("the number of {what} of {}", self.place()), value: count.to_string(), limit }
    }

    /// The error for something known by `name` that is not played here.
    pub fn unsupported(&self, what: &'static str, name: &str) -> ModelError {
        ModelError::Unsupported { at: self.place(), what, name: shortened(name) }
    }
}

/// Enough of a text to recognise it by.
fn shortened(text: &str) -> String {
    text.chars().take(40).collect()
}
