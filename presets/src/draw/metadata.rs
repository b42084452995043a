//! What is known of an item or a file.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What is known of an item (a take, a song) or of a file in a pool, by name.
pub type Metadata = BTreeMap<String, Datum>;

/// One thing that is known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Datum {
    /// Yes or no.
    Boolean(bool),
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
}

impl From<f64> for Datum {
    fn from(number: f64) -> Datum {
        Datum::Number(number)
    }
}

impl From<bool> for Datum {
    fn from(boolean: bool) -> Datum {
        Datum::Boolean(boolean)
    }
}

impl From<&str> for Datum {
    fn from(text: &str) -> Datum {
        Datum::Text(text.to_owned())
    }
}
