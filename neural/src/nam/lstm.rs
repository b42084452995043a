//! LSTM: cells one upon another, and a mixture of the last one's state.

use super::ModelError;
use super::engine::Engine;
use super::fields::Fields;
use super::limits::{Budget, MOST_CHANNELS, MOST_LAYERS, Need};
use super::weights::{self, Reader};
use crate::Activations;
use crate::cell::{BLOCK, Dense, Layer, Layers};
use crate::rows::Rows;
use crate::simd::Path;

/// Units are padded to whole registers of every instruction set.
const PAD: usize = 16;

/// An LSTM ready to be played.
pub(super) struct Lstm {
    pub outputs: usize,
    /// The cells, then the head.
    layers: Vec<Layer>,
    /// Half a second, as the reference has it; next to nothing where the rate is not known.
    warm_up: usize,
}

impl Lstm {
    pub fn read(
        fields: &Fields,
        weights: &[f32],
        place: &str,
        rate: Option<f64>,
        budget: &Budget,
    ) -> Result<Lstm, ModelError> {
        let layers = fields.size("num_layers", MOST_LAYERS)?;
        fields.one_input()?;
        fields.size("input_size", 1)?;
        let hidden = fields.size("hidden_size", MOST_CHANNELS)?;
        let outputs = fields.size_or("out_channels", MOST_CHANNELS, 1)?;
        let sizes = (0..layers).map(|layer| if layer == 0 { 1 } else { hidden });
        let count = |inputs| crate::cell::Lstm::count(inputs, hidden);
        let padded = hidden.next_multiple_of(PAD);
        let memory = sizes.clone().map(|inputs| 4 * padded * (inputs + hidden)).sum();
        budget.take(&fields.at("hidden_size"), Need { weights: memory, ..Need::default() })?;
        let cells: usize = sizes.clone().map(count).sum();
        weights::check_count(cells + outputs * hidden + outputs, weights.len(), place)?;
        let mut reader = Reader::new(weights);
        let cell = |inputs| Layer::Lstm(crate::cell::Lstm::new(inputs, hidden, reader.floats(count(inputs))));
        let mut layers: Vec<Layer> = sizes.map(cell).collect();
        let matrix = reader.floats(outputs * hidden).to_vec();
        layers.push(Layer::Dense(Dense { inputs: hidden, matrix, bias: reader.floats(outputs).to_vec() }));
        let warm_up = rate.map_or(1, |rate| ((0.5 * rate) as usize).max(1));
        Ok(Lstm { outputs, layers, warm_up })
    }
}

/// Plays one clip through an [`Lstm`].
pub(super) struct Player {
    layers: Layers,
    outputs: usize,
    warm_up: usize,
}

impl Player {
    pub fn new(net: &Lstm, path: Path, activations: Activations) -> Player {
        let layers = Layers::new(path, &net.layers, activations);
        Player { layers, outputs: net.outputs, warm_up: net.warm_up }
    }
}

impl Engine for Player {
    fn play(&mut self, input: &Rows, output: &mut Rows, frames: usize) {
        for first in (0..frames).step_by(BLOCK) {
            let fill = |frame: usize, row: &mut [f32]| row[0] = input.row(0)[first + frame];
            let outputs = self.outputs;
            self.layers.block(BLOCK.min(frames - first), fill, |frame, row| {
                for (channel, value) in row[..outputs].iter().enumerate() {
                    output.row_mut(channel)[first + frame] = *value;
                }
            });
        }
    }

    fn clear(&mut self) {
        self.layers.reset();
    }

    fn warm_up(&self) -> usize {
        self.warm_up
    }
}
