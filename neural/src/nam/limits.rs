//! How large a model may be: everything is bounded before memory is taken. Models in circulation stay far below.

use std::cell::Cell;

use super::ModelError;

/// The most channels, conditions or outputs of one layer.
pub(super) const MOST_CHANNELS: usize = 1024;

/// The most taps of one convolution.
pub(super) const MOST_TAPS: usize = 4096;

/// The largest distance of two taps, in frames.
pub(super) const MOST_DILATION: usize = 1 << 20;

/// The most layers of one array, arrays of one network, and models in one container.
pub(super) const MOST_LAYERS: usize = 256;

/// Numbers that all networks of a file may keep once grouped convolutions are filled up with zeros.
pub(super) const MOST_WEIGHTS: usize = 16 << 20;

/// Floats that all networks of a file may keep of the past.
pub(super) const MOST_HISTORY: usize = 32 << 20;

/// Frames that all networks of a file may look back: they are warmed up with as many.
pub(super) const MOST_LOOKBACK: usize = 1 << 21;

/// Refuses a value beyond its limit.
pub(super) fn check(what: &str, place: &str, value: usize, limit: usize) -> Result<(), ModelError> {
    if value <= limit {
        return Ok(());
    }
    Err(ModelError::Limit { at: format!("the {what} of {place}"), value: value.to_string(), limit })
}

/// What one network takes.
#[derive(Clone, Copy, Default)]
pub(super) struct Need {
    /// Numbers once grouped convolutions are filled up with zeros.
    pub weights: usize,
    /// Frames looked back.
    pub lookback: usize,
    /// Floats of the past.
    pub history: usize,
}

/// What the networks of a file take together: those that make conditions and those of other sizes count like the rest.
#[derive(Default)]
pub(super) struct Budget(Cell<Need>);

impl Budget {
    /// Counts what the network at `place` takes; refuses more than a file may take in all.
    pub fn take(&self, place: &str, need: Need) -> Result<(), ModelError> {
        let taken = self.0.get();
        let all = Need {
            weights: taken.weights.saturating_add(need.weights),
            lookback: taken.lookback.saturating_add(need.lookback),
            history: taken.history.saturating_add(need.history),
        };
        self.0.set(all);
        let place = if taken.weights == 0 { place.to_owned() } else { format!("all networks up to {place}") };
        check("number of weights", &place, all.weights, MOST_WEIGHTS)?;
        check("number of frames looked back", &place, all.lookback, MOST_LOOKBACK)?;
        check("memory", &place, all.history, MOST_HISTORY)
    }
}
