//! Why a file is not played.

use thiserror::Error;

/// Why bytes do not become a model. `at` is the place within the file, such as `layers[1].weights[0]` or
/// `state_dict.lin.bias`. None of these goes away by trying again.
#[derive(Debug, Error)]
pub enum ModelError {
    /// The file is larger than any model that is played here.
    #[error("the file has {bytes} bytes, more than the {limit} that are read of a model")]
    TooLarge {
        /// Size of the file.
        bytes: usize,
        /// The greatest size that is read.
        limit: usize,
    },
    /// The text breaks JSON's rules; serde_json names line and column. Nesting beyond 128 levels counts as broken.
    #[error("the file is not JSON: {0}")]
    Json(#[source] serde_json::Error),
    /// Python's NaN or Infinity stands where JSON has a number.
    #[error(
        "line {line}, column {column}: not a number (NaN or Infinity). The model did not train properly; export it again"
    )]
    NotANumber {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
    },
    /// A version of the format that is not understood.
    #[error("{at} is \"{version}\"; versions 0.5.0 to 0.7.0 are understood")]
    Version {
        /// Where it stands.
        at: String,
        /// What stands there.
        version: String,
    },
    /// A setting that is not known and might change the sound.
    #[error("{at} is not known, and leaving it out might change the sound")]
    Unknown {
        /// Where it stands, its own name last.
        at: String,
    },
    /// Values that cannot be, or that contradict each other.
    #[error("{at}: {reason}")]
    Invalid {
        /// Where they stand.
        at: String,
        /// What is wrong.
        reason: String,
    },
    /// A size beyond what is played.
    #[error("{at} is {value}, more than the {limit} that is played")]
    Limit {
        /// What is too large.
        at: String,
        /// Its size.
        value: String,
        /// The greatest size that is played.
        limit: usize,
    },
    /// JSON, but of no kind that is known here.
    #[error("the file is JSON, but no model: {0}")]
    NotAModel(String),
    /// Something that every file of the kind has is not there.
    #[error("{at} is missing")]
    Missing {
        /// What is missing.
        at: String,
    },
    /// A value is of the wrong kind or size.
    #[error("{at} is {found}, where {expected} is expected")]
    Unexpected {
        /// Where it stands.
        at: String,
        /// What stands there.
        found: String,
        /// What would do.
        expected: String,
    },
    /// The file asks for something that is not played here, or that nobody knows.
    #[error("{at}: {what} \"{name}\" is not supported")]
    Unsupported {
        /// Where it is asked for.
        at: String,
        /// What sort of thing it is: "layer type", "activation", "architecture".
        what: &'static str,
        /// The file's name for it.
        name: String,
    },
    /// The weights are more or fewer than the model's sizes ask for.
    #[error("{at} holds {found} numbers, where {expected} are expected")]
    WeightCount {
        /// Which weights.
        at: String,
        /// How many the file has.
        found: usize,
        /// How many the sizes ask for.
        expected: usize,
    },
    /// A number is not finite, or too large for 32 bits.
    #[error("{at} is not a finite 32-bit number")]
    NonFinite {
        /// Which number.
        at: String,
    },
}
