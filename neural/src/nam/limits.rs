//! How large a model may be: everything is bounded before memory is taken. Models in circulation stay far below.

use super::ModelError;

/// The most channels, conditions or outputs of one layer.
pub(super) const MOST_CHANNELS: usize = 1024;

/// The most taps of one convolution.
pub(super) const MOST_TAPS: usize = 4096;

/// The largest distance of two taps, in frames.
pub(super) const MOST_DILATION: usize = 1 << 20;

/// The most layers of one array, arrays of one network, and models in one container.
pub(super) const MOST_LAYERS: usize = 256;

/// Numbers that a model may keep once grouped convolutions are filled up with zeros.
pub(super) const MOST_WEIGHTS: usize = 16 << 20;

/// Floats that one network may keep of the past.
pub(super) const MOST_HISTORY: usize = 32 << 20;

/// Frames that a network may look back in all: it is warmed up with as many.
pub(super) const MOST_LOOKBACK: usize = 1 << 21;

/// Refuses a value beyond its limit.
pub(super) fn check(what: &str, place: &str, value: usize, limit: usize) -> Result<(), ModelError> {
    if value <= limit {
        return Ok(());
    }
    Err(ModelError::Limit { at: format!("the {what} of {place}"), value: value.to_string(), limit })
}
