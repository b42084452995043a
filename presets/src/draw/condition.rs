//! Conditions: `when: { pickup: bridge, gain: { above: 3 } }`.
//!
//! A map holds where all its fields hold. A field names something known of the item, or something drawn earlier, and says
//! what it must be: a value, a list of values, or a map of comparisons. Three names are words of their own: `any` takes a list
//! of conditions of which one must hold, `all` one of which each must, `not` a condition that must not.

use super::metadata::Datum;
use super::slot::SlotId;
use crate::document::{Place, parse_number};

/// Something that holds or does not.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// Every one of them holds.
    All(Vec<Condition>),
    /// One of them holds.
    Any(Vec<Condition>),
    /// It does not hold.
    Not(Box<Condition>),
    /// Something is as it must be.
    Test {
        /// Its name.
        name: String,
        /// What it is.
        subject: Subject,
        /// What all must be true of it.
        tests: Vec<Test>,
        /// Where the name stands.
        place: Place,
    },
}

/// What a condition is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Something known of the item or file.
    Metadata,
    /// Something drawn earlier.
    Draw(SlotId),
}

/// What must be true of a value.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// It is one of these.
    In(Vec<Operand>),
    /// It is none of these.
    NotIn(Vec<Operand>),
    /// It is a number above this.
    Above(f64),
    /// It is a number below this.
    Below(f64),
    /// It is this number or above.
    AtLeast(f64),
    /// It is this number or below.
    AtMost(f64),
    /// It is known at all, or it is not.
    Given(bool),
}

/// What a value is held against.
#[derive(Clone, Debug, PartialEq)]
pub struct Operand {
    /// As written.
    pub text: String,
    /// The number that it is, if it is one.
    pub number: Option<f64>,
}

/// A value that a condition looks at.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Seen<'v> {
    /// Nothing is known.
    Nothing,
    /// A draw that this chain had no use for: nothing is true of it.
    NotDrawn,
    Number(f64),
    Boolean(bool),
    Text(&'v str),
    /// Several at once, of which one suffices.
    Several(Vec<&'v str>),
}

/// Why a condition cannot be told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConditionError {
    /// The item lacks what the condition asks about.
    #[error(
        "{place}: {name} is not known of this item. Give it to every item, or write {name}: {{ given: true, ... }}."
    )]
    Unknown {
        /// What is asked about.
        name: String,
        /// Where.
        place: Place,
    },
    /// A text is to be compared as a number.
    #[error("{place}: {name} is \"{value}\" of this item, and only a number is above or below another.")]
    NoNumber {
        /// What is asked about.
        name: String,
        /// What it is.
        value: String,
        /// Where.
        place: Place,
    },
    /// The item knows something by the name of a draw.
    #[error("{place}: {name} is a draw of this preset, and something known of this item too. Rename the draw.")]
    Ambiguous {
        /// The name.
        name: String,
        /// Where.
        place: Place,
    },
}

impl ConditionError {
    /// Where the condition stands.
    pub fn place(&self) -> &Place {
        match self {
            ConditionError::Unknown { place, .. }
            | ConditionError::NoNumber { place, .. }
            | ConditionError::Ambiguous { place, .. } => place,
        }
    }
}

impl Condition {
    /// Whether it holds, by what `see` says of each subject that is asked about.
    pub(crate) fn holds<'v>(
        &self,
        see: &dyn Fn(&str, &Subject, &Place) -> Result<Seen<'v>, ConditionError>,
    ) -> Result<bool, ConditionError> {
        match self {
            Condition::All(all) => {
                for one in all {
                    if !one.holds(see)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Condition::Any(any) => {
                for one in any {
                    if one.holds(see)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Condition::Not(one) => Ok(!one.holds(see)?),
            Condition::Test { name, subject, tests, place } => {
                let seen = see(name, subject, place)?;
                // What decides whether there is a value to look at comes first, wherever it stands.
                for test in tests {
                    if let Test::Given(given) = test
                        && *given == matches!(seen, Seen::Nothing | Seen::NotDrawn)
                    {
                        return Ok(false);
                    }
                }
                let mut others = tests.iter().filter(|test| !matches!(test, Test::Given(_))).peekable();
                match seen {
                    _ if others.peek().is_none() => return Ok(true),
                    Seen::Nothing => return Err(ConditionError::Unknown { name: name.clone(), place: place.clone() }),
                    Seen::NotDrawn => return Ok(false),
                    _ => {}
                }
                for test in others {
                    if !test.holds(&seen, name, place)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
        }
    }

    /// Every name that it asks about and what that is.
    pub(crate) fn subjects<'c>(&'c self, found: &mut Vec<(&'c str, &'c Subject, &'c Place)>) {
        match self {
            Condition::All(several) | Condition::Any(several) => several.iter().for_each(|one| one.subjects(found)),
            Condition::Not(one) => one.subjects(found),
            Condition::Test { name, subject, place, .. } => found.push((name, subject, place)),
        }
    }
}

impl Test {
    fn holds(&self, seen: &Seen<'_>, name: &str, place: &Place) -> Result<bool, ConditionError> {
        let number = || match seen {
            Seen::Number(number) => Ok(*number),
            Seen::Text(text) => parse_number(text.trim()).ok_or_else(|| (*text).to_owned()),
            Seen::Boolean(boolean) => Err(boolean.to_string()),
            Seen::Several(texts) => Err(texts.join(", ")),
            Seen::Nothing | Seen::NotDrawn => Err(String::new()),
        };
        let number = || {
            number().map_err(|value| ConditionError::NoNumber { name: name.to_owned(), value, place: place.clone() })
        };
        Ok(match self {
            Test::In(operands) => operands.iter().any(|operand| operand.is(seen)),
            Test::NotIn(operands) => !operands.iter().any(|operand| operand.is(seen)),
            Test::Above(than) => number()? > *than,
            Test::Below(than) => number()? < *than,
            Test::AtLeast(than) => number()? >= *than,
            Test::AtMost(than) => number()? <= *than,
            Test::Given(given) => *given,
        })
    }
}

impl Operand {
    fn is(&self, seen: &Seen<'_>) -> bool {
        match seen {
            Seen::Number(number) => self.number == Some(*number),
            Seen::Boolean(boolean) => self.text == boolean.to_string(),
            Seen::Text(text) => self.text == *text,
            Seen::Several(texts) => texts.iter().any(|text| self.text == *text),
            Seen::Nothing | Seen::NotDrawn => false,
        }
    }
}

impl Datum {
    pub(crate) fn seen(&self) -> Seen<'_> {
        match self {
            Datum::Boolean(boolean) => Seen::Boolean(*boolean),
            Datum::Number(number) => Seen::Number(*number),
            Datum::Text(text) => Seen::Text(text),
        }
    }
}
