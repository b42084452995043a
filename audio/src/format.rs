//! How audio files are encoded.

use serde::{Deserialize, Serialize};

/// How a file is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct FileFormat {
    /// The container.
    pub container: Container,
    /// The samples.
    pub depth: Depth,
}

/// A file's container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Container {
    /// RIFF WAVE.
    Wav,
    /// FLAC.
    Flac,
}

/// A file's sample format. Integer samples are dithered (TPDF, one step) where that loses bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub enum Depth {
    /// 16-bit integers.
    #[serde(rename = "16")]
    Int16,
    /// 24-bit integers.
    #[serde(rename = "24")]
    Int24,
    /// 32-bit floating point; WAV only.
    #[serde(rename = "32f")]
    Float32,
}
