//! JSON from outside, read within bounds: numbers in arrays take eight bytes each, and everything else is counted.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};

use super::ModelError;

/// Files larger than this are refused. The largest models in circulation take a few megabytes.
const MOST_BYTES: usize = 64 << 20;

/// More strings, objects, members and arrays than this are refused. Files in circulation have a few thousand.
const MOST_NODES: usize = 1 << 20;

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Json {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    /// An array of numbers alone, and the empty array.
    Numbers(Vec<f64>),
    Array(Vec<Json>),
    /// In the file's order. No name occurs twice.
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Reads a whole file.
    pub fn read(bytes: &[u8]) -> Result<Json, ModelError> {
        if bytes.len() > MOST_BYTES {
            return Err(ModelError::TooLarge { bytes: bytes.len(), limit: MOST_BYTES });
        }
        let nodes = Cell::new(MOST_NODES);
        let mut deserializer = serde_json::Deserializer::from_slice(bytes);
        let value = Node(&nodes).deserialize(&mut deserializer).map_err(|error| ModelError::of_json(bytes, error))?;
        deserializer.end().map_err(|error| ModelError::of_json(bytes, error))?;
        Ok(value)
    }

    /// What kind of value it is, for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Json::Null => "null",
            Json::Bool(_) => "a boolean",
            Json::Number(_) => "a number",
            Json::Text(_) => "a text",
            Json::Numbers(_) | Json::Array(_) => "an array",
            Json::Object(_) => "an object",
        }
    }

    /// As the rest of the world has it.
    pub fn to_value(&self) -> serde_json::Value {
        match self {
            Json::Null => serde_json::Value::Null,
            Json::Bool(value) => (*value).into(),
            Json::Number(value) => number(*value),
            Json::Text(value) => value.as_str().into(),
            Json::Numbers(values) => values.iter().map(|value| number(*value)).collect(),
            Json::Array(values) => values.iter().map(Json::to_value).collect(),
            Json::Object(entries) => serde_json::Value::Object(
                entries.iter().map(|(name, value)| (name.clone(), value.to_value())).collect(),
            ),
        }
    }
}

/// Whole numbers stay whole.
fn number(value: f64) -> serde_json::Value {
    if value.fract() == 0.0 && value.abs() < 9e15 { (value as i64).into() } else { value.into() }
}

/// Reads a value while counting down what may still come.
#[derive(Clone, Copy)]
struct Node<'a>(&'a Cell<usize>);

impl Node<'_> {
    fn count<E: serde::de::Error>(self) -> Result<(), E> {
        let left = self.0.get().checked_sub(1);
        self.0.set(left.ok_or_else(|| E::custom(format_args!("more than {MOST_NODES} values")))?);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Json;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(value as f64))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(value as f64))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(Json::Number(value))
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Json, E> {
        self.count()?;
        Ok(Json::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        self.count()?;
        let mut numbers = Vec::new();
        let other = loop {
            match items.next_element_seed(self)? {
                Some(Json::Number(number)) => numbers.push(number),
                Some(other) => break other,
                None => return Ok(Json::Numbers(numbers)),
            }
        };
        let mut values: Vec<Json> = Vec::new();
        for number in numbers {
            self.count()?;
            values.push(Json::Number(number));
        }
        self.count()?;
        values.push(other);
        while let Some(value) = items.next_element_seed(self)? {
            self.count()?;
            values.push(value);
        }
        Ok(Json::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json, A::Error> {
        self.count()?;
        let mut object: Vec<(String, Json)> = Vec::new();
        // Few objects have many members, so that looking through them is cheap; a set guards against those that do.
        let mut names = std::collections::HashSet::new();
        while let Some(name) = entries.next_key::<String>()? {
            self.count()?;
            if !names.insert(name.clone()) {
                return Err(A::Error::custom(format_args!("\"{name}\" occurs twice")));
            }
            object.push((name, entries.next_value_seed(self)?));
        }
        Ok(Json::Object(object))
    }
}
