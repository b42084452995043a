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
    #[error(
        "the file is not JSON, as models are: {0}. It may be damaged, or of another kind; export or download it again"
    )]
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
    /// A model, but of the other module's kind.
    #[error("the file is {0}")]
    OtherKind(FileKind),
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

/// What sort of file a model comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// [`nam`](crate::nam) reads it.
    Nam,
    /// [`rnn`](crate::rnn) reads it.
    Recurrent,
}

impl FileKind {
    /// The kind of a file with some member at its top, where that tells.
    pub(crate) fn of_member(name: &str) -> Option<FileKind> {
        match name {
            "architecture" => Some(FileKind::Nam),
            "in_shape" | "layers" | "model_data" | "state_dict" => Some(FileKind::Recurrent),
            _ => None,
        }
    }
}

impl std::fmt::Display for FileKind {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(match self {
            FileKind::Nam => "a model of Neural Amp Modeler (.nam)",
            FileKind::Recurrent => "a recurrent model (RTNeural, AIDA-X, GuitarML or Proteus)",
        })
    }
}

impl ModelError {
    /// What is wrong with a text that is no JSON. Python writes numbers that are none as bare words, which JSON does not have.
    pub(crate) fn of_json(bytes: &[u8], error: serde_json::Error) -> ModelError {
        let line = bytes.split(|byte| *byte == b'\n').nth(error.line().saturating_sub(1)).unwrap_or_default();
        let rest = &line[error.column().saturating_sub(1).min(line.len())..];
        // The position is that of the letter that cannot be, which of "-Infinity" is the second.
        let word = ["NaN", "Infinity", "nan", "inf"].iter().any(|word| rest.starts_with(word.as_bytes()));
        if word && error.is_syntax() {
            return ModelError::NotANumber { line: error.line(), column: error.column() };
        }
        ModelError::Json(error)
    }
}
