//! How far a worker process goes so that plugins give the same sound in every process.
//!
//! Plugins read memory that they never wrote, order things by address, draw from a generator that nobody seeded. The
//! measures here take the difference out of all of that. Two others, seeding the C library's generator before each
//! instance and flushing denormal numbers, always hold.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The variable that is set to `off` where worker processes shall run as the system starts them.
pub const VARIABLE: &str = "TONEMILL_STRICT";

/// What makes the processes alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Fresh memory always holds zeros.
    ZeroedMemory,
    /// Memory lies at the same addresses in each process.
    FixedAddresses,
    /// Denormal numbers are flushed to zero while plugins process.
    Denormals,
}

/// Which of the measures a worker has taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Strict {
    /// All of them.
    Full,
    /// All but these: the system has none of the kind, or refuses it.
    Partial {
        /// What is missing.
        missing: Vec<Measure>,
    },
    /// None: they were switched off.
    Off,
}

impl Strict {
    /// The level that is reached with these missing.
    pub fn without(missing: Vec<Measure>) -> Strict {
        if missing.is_empty() { Strict::Full } else { Strict::Partial { missing } }
    }
}

impl fmt::Display for Strict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Strict::Full => f.write_str("full"),
            Strict::Off => f.write_str("off"),
            Strict::Partial { missing } => {
                let word = |measure: &Measure| match measure {
                    Measure::ZeroedMemory => "zero-filled memory",
                    Measure::FixedAddresses => "fixed addresses",
                    Measure::Denormals => "flushed denormals",
                };
                write!(f, "partial, without {}", missing.iter().map(word).collect::<Vec<_>>().join(" and "))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_says_what_is_missing() {
        assert_eq!(Strict::without(vec![]), Strict::Full);
        let partial = Strict::without(vec![Measure::ZeroedMemory, Measure::FixedAddresses]);
        assert_eq!(partial.to_string(), "partial, without zero-filled memory and fixed addresses");
        let json = r#"{"partial":{"missing":["zeroed_memory","fixed_addresses"]}}"#;
        assert_eq!(serde_json::to_string(&partial).unwrap(), json);
        assert_eq!(serde_json::from_str::<Strict>(json).unwrap(), partial);
        assert_eq!(serde_json::to_string(&Strict::Full).unwrap(), r#""full""#);
    }
}
