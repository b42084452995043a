//! The members of a JSON object, each read by name, and an error for those that nothing has read.

use std::borrow::Cow;
use std::cell::RefCell;

use super::ModelError;
use super::json::Json;
use crate::FileKind;

/// An object being read. A member that is null counts as absent, as the trainer writes what is switched off.
pub(super) struct Fields<'a> {
    place: String,
    entries: &'a [(String, Json)],
    read: RefCell<Vec<bool>>,
}

impl<'a> Fields<'a> {
    pub fn of(value: &'a Json, place: &str) -> Result<Fields<'a>, ModelError> {
        let Json::Object(entries) = value else { return Err(kind(place, "an object", value)) };
        Ok(Fields { place: place.to_owned(), entries, read: RefCell::new(vec![false; entries.len()]) })
    }

    /// Where a member stands, for messages.
    pub fn at(&self, name: &str) -> String {
        if self.place.is_empty() { name.to_owned() } else { format!("{}.{name}", self.place) }
    }

    /// Whether the members are those of a recurrent model's file.
    pub fn is_recurrent_model(&self) -> bool {
        self.entries.iter().any(|(name, _)| FileKind::of_member(name) == Some(FileKind::Recurrent))
    }

    pub fn optional(&self, name: &str) -> Option<&'a Json> {
        let index = self.entries.iter().position(|(entry, _)| entry == name)?;
        self.read.borrow_mut()[index] = true;
        Some(&self.entries[index].1).filter(|value| **value != Json::Null)
    }

    pub fn required(&self, name: &str) -> Result<&'a Json, ModelError> {
        self.optional(name).ok_or_else(|| ModelError::Missing { at: self.at(name) })
    }

    pub fn text(&self, name: &str) -> Result<&'a str, ModelError> {
        text(self.required(name)?, &self.at(name))
    }

    /// A whole number from 1 to `limit`.
    pub fn size(&self, name: &str, limit: usize) -> Result<usize, ModelError> {
        size(self.required(name)?, &self.at(name), limit)
    }

    /// A whole number from 1 to `limit`, or the default where there is none.
    pub fn size_or(&self, name: &str, limit: usize, default: usize) -> Result<usize, ModelError> {
        self.optional(name).map_or(Ok(default), |value| size(value, &self.at(name), limit))
    }

    /// Refuses more than one channel of input, which no network of a file has whose own is one.
    pub fn one_input(&self) -> Result<(), ModelError> {
        self.size_or("in_channels", 1, 1).map(drop)
    }

    pub fn flag(&self, name: &str) -> Result<bool, ModelError> {
        flag(self.required(name)?, &self.at(name))
    }

    pub fn flag_or(&self, name: &str, default: bool) -> Result<bool, ModelError> {
        self.optional(name).map_or(Ok(default), |value| flag(value, &self.at(name)))
    }

    pub fn number_or(&self, name: &str, default: f64) -> Result<f64, ModelError> {
        self.optional(name).map_or(Ok(default), |value| number(value, &self.at(name)))
    }

    /// Sizes from 1 to `limit`, at least one of them and at most `most`.
    pub fn sizes(&self, name: &str, limit: usize, most: usize) -> Result<Vec<usize>, ModelError> {
        let (value, place) = (self.required(name)?, self.at(name));
        let Json::Numbers(numbers) = value else { return Err(kind(&place, "an array of whole numbers", value)) };
        if numbers.is_empty() {
            return Err(ModelError::Invalid { at: place, reason: "it is empty".to_owned() });
        }
        if numbers.len() > most {
            return Err(ModelError::Limit {
                at: format!("the length of {place}"),
                value: numbers.len().to_string(),
                limit: most,
            });
        }
        numbers.iter().enumerate().map(|(i, n)| size(&Json::Number(*n), &format!("{place}[{i}]"), limit)).collect()
    }

    /// Members that nothing has read.
    pub fn unread(&self) -> Vec<String> {
        let read = self.read.borrow();
        self.entries.iter().zip(read.iter()).filter(|(_, read)| !**read).map(|((name, _), _)| self.at(name)).collect()
    }

    /// Refuses the first member that nothing has read.
    pub fn finish(self) -> Result<(), ModelError> {
        match self.unread().into_iter().next() {
            Some(place) => Err(ModelError::Unknown { at: place }),
            None => Ok(()),
        }
    }
}

pub(super) fn kind(place: &str, expected: &'static str, value: &Json) -> ModelError {
    let found = match value {
        Json::Number(number) => number.to_string(),
        Json::Bool(value) => value.to_string(),
        other => other.kind().to_owned(),
    };
    ModelError::Unexpected { at: place.to_owned(), expected: expected.to_owned(), found }
}

pub(super) fn text<'a>(value: &'a Json, place: &str) -> Result<&'a str, ModelError> {
    match value {
        Json::Text(text) => Ok(text),
        other => Err(kind(place, "a text", other)),
    }
}

pub(super) fn number(value: &Json, place: &str) -> Result<f64, ModelError> {
    match value {
        Json::Number(number) if number.is_finite() => Ok(*number),
        other => Err(kind(place, "a number", other)),
    }
}

pub(super) fn flag(value: &Json, place: &str) -> Result<bool, ModelError> {
    match value {
        Json::Bool(flag) => Ok(*flag),
        other => Err(kind(place, "true or false", other)),
    }
}

fn size(value: &Json, place: &str, limit: usize) -> Result<usize, ModelError> {
    match value {
        Json::Number(number) if number.fract() == 0.0 && *number >= 1.0 => {
            if *number > limit as f64 {
                return Err(ModelError::Limit { at: place.to_owned(), value: number.to_string(), limit });
            }
            Ok(*number as usize)
        }
        other => Err(kind(place, "a whole number from 1 up", other)),
    }
}

/// The values of an array, whatever they are, each with its place.
pub(super) fn items<'a>(value: &'a Json, place: &str) -> Result<Vec<(Cow<'a, Json>, String)>, ModelError> {
    let values: Vec<Cow<Json>> = match value {
        Json::Numbers(numbers) => numbers.iter().map(|number| Cow::Owned(Json::Number(*number))).collect(),
        Json::Array(values) => values.iter().map(Cow::Borrowed).collect(),
        other => return Err(kind(place, "an array", other)),
    };
    Ok(values.into_iter().enumerate().map(|(i, value)| (value, format!("{place}[{i}]"))).collect())
}
