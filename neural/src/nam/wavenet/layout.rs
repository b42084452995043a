//! Which convolutions a WaveNet has, in the order of their weights.

use super::super::ModelError;
use super::super::limits::Need;
use super::super::weights::Piece;
use super::config::{Array, Config, Gating, Layer};
use crate::rows::Rows;

impl Layer {
    /// Rows before gating, for a given width.
    pub fn gated(&self, bottleneck: usize) -> usize {
        if self.gating == Gating::None { bottleneck } else { 2 * bottleneck }
    }

    /// Frames that the layer looks back.
    pub fn lookback(&self) -> usize {
        (self.taps - 1).saturating_mul(self.dilation)
    }
}

impl Array {
    /// What leads into the first layer.
    pub fn rechannel(&self) -> Piece {
        Piece::flat(self.inputs, self.channels, 1, false)
    }

    pub fn conv(&self, layer: &Layer) -> Piece {
        let outputs = layer.gated(self.bottleneck);
        Piece { inputs: self.channels, outputs, taps: layer.taps, groups: self.groups_input, bias: true }
    }

    pub fn mixin(&self, layer: &Layer) -> Piece {
        Piece::flat(self.conditions, layer.gated(self.bottleneck), self.groups_mixin, false)
    }

    pub fn to_next(&self) -> Option<Piece> {
        self.layer1x1.map(|groups| Piece::flat(self.bottleneck, self.channels, groups, true))
    }

    pub fn to_head(&self) -> Option<Piece> {
        self.head1x1.map(|(outputs, groups)| Piece::flat(self.bottleneck, outputs, groups, true))
    }

    /// The modulations of a layer: from the condition to a scale for each row, and to a shift where there is one.
    pub fn films(&self, layer: &Layer) -> [Option<Piece>; 8] {
        let gated = layer.gated(self.bottleneck);
        let rows =
            [self.channels, gated, self.conditions, gated, gated, self.bottleneck, self.channels, self.head_inputs()];
        std::array::from_fn(|i| {
            let film = self.films[i]?;
            let outputs = if film.shift { 2 * rows[i] } else { rows[i] };
            Some(Piece::flat(self.conditions, outputs, film.groups, true))
        })
    }

    /// What leads from the layers' sum to the next array, or to the output.
    pub fn head(&self) -> Piece {
        let (inputs, outputs) = (self.head_inputs(), self.head_outputs);
        Piece { inputs, outputs, taps: self.head_taps, groups: 1, bias: self.head_bias }
    }
}

impl Config {
    /// The convolutions after all layers.
    pub fn post(&self) -> Vec<Piece> {
        let Some(head) = &self.head else { return Vec::new() };
        let mut inputs = self.arrays[self.arrays.len() - 1].head_outputs;
        let mut pieces = Vec::new();
        for (i, &taps) in head.taps.iter().enumerate() {
            let outputs = if i + 1 == head.taps.len() { head.outputs } else { head.channels };
            pieces.push(Piece { inputs, outputs, taps, groups: 1, bias: true });
            inputs = outputs;
        }
        pieces
    }

    /// All convolutions in the order of their weights. One more number follows them, the scale of the output.
    pub fn pieces(&self) -> Vec<Piece> {
        let mut pieces = Vec::new();
        for array in &self.arrays {
            pieces.push(array.rechannel());
            for layer in &array.layers {
                pieces.extend([array.conv(layer), array.mixin(layer)]);
                pieces.extend(array.to_next().into_iter().chain(array.to_head()));
                pieces.extend(array.films(layer).into_iter().flatten());
            }
            pieces.push(array.head());
        }
        pieces.extend(self.post());
        pieces
    }

    /// Numbers in the file.
    pub fn count(&self) -> usize {
        self.pieces().iter().fold(1, |sum, piece| sum.saturating_add(piece.count()))
    }

    /// Frames that the output depends on, but for the present one.
    pub fn lookback(&self) -> usize {
        let layers = |array: &Array| array.layers.iter().map(Layer::lookback).fold(0, usize::saturating_add);
        let arrays = self
            .arrays
            .iter()
            .map(|array| layers(array).saturating_add((array.head_taps - 1).saturating_mul(array.head_dilation)));
        let post = self.post().into_iter().map(|piece| piece.taps - 1);
        arrays.chain(post).fold(0, usize::saturating_add)
    }

    /// Refuses sizes that do not fit each other.
    pub fn check(&self, condition: Option<usize>, place: &str) -> Result<(), ModelError> {
        let invalid = |place: String, reason: String| Err(ModelError::Invalid { at: place, reason });
        let mut inputs = 1;
        let mut sum: Option<usize> = None;
        for (i, array) in self.arrays.iter().enumerate() {
            let at = |name: &str| format!("{place}.layers[{i}].{name}");
            let conditions = condition.unwrap_or(1);
            if array.inputs != inputs {
                return invalid(
                    at("input_size"),
                    format!("{} inputs do not fit the {inputs} channels before", array.inputs),
                );
            }
            if array.conditions != conditions {
                return invalid(
                    at("condition_size"),
                    format!("{} does not fit a condition of {conditions}", array.conditions),
                );
            }
            if array.layer1x1.is_none() && array.bottleneck != array.channels {
                let reason = format!("without layer1x1 it must be the {} channels", array.channels);
                return invalid(at("bottleneck"), reason);
            }
            for (film, needs, name) in
                [(6, array.layer1x1.is_some(), "layer1x1"), (7, array.head1x1.is_some(), "head1x1")]
            {
                if array.films[film].is_some() && !needs {
                    return invalid(at(super::config::FILMS[film]), format!("there is no {name} for it to act on"));
                }
            }
            // Both are what the reference asks for: the sum of one array's head starts that of the next.
            if let Some(sum) = sum
                && (array.channels != sum || array.head_inputs() != sum)
            {
                let reason = format!(
                    "{} channels and {} rows to the head do not fit the head of {sum} before",
                    array.channels,
                    array.head_inputs()
                );
                return invalid(at("channels"), reason);
            }
            for layer in &array.layers {
                array.conv(layer).check(&at("groups_input"))?;
                array.mixin(layer).check(&at("groups_input_mixin"))?;
                array.to_next().map_or(Ok(()), |piece| piece.check(&at("layer1x1.groups")))?;
                array.to_head().map_or(Ok(()), |piece| piece.check(&at("head1x1.groups")))?;
                for (film, name) in array.films(layer).iter().zip(super::config::FILMS) {
                    film.map_or(Ok(()), |piece| piece.check(&at(&format!("{name}.groups"))))?;
                }
                for (activation, name) in
                    [(&layer.activation, "activation"), (&layer.secondary, "secondary_activation")]
                {
                    if !activation.fits(array.bottleneck) {
                        return invalid(
                            at(name),
                            format!("its slopes are not one for each of {} channels", array.bottleneck),
                        );
                    }
                }
            }
            (inputs, sum) = (array.channels, Some(array.head_outputs));
        }
        if let Some(head) = &self.head
            && let Some(piece) = self.post().iter().find(|piece| !head.activation.fits(piece.inputs))
        {
            let reason = format!("its slopes are not one for each of {} channels", piece.inputs);
            return invalid(format!("{place}.head.activation"), reason);
        }
        Ok(())
    }

    /// What the network takes.
    pub fn need(&self) -> Need {
        let weights = self.pieces().iter().map(Piece::dense).fold(0, usize::saturating_add);
        let mut history = 0usize;
        for array in &self.arrays {
            for layer in &array.layers {
                history = history.saturating_add(Rows::size(array.channels, layer.lookback()));
            }
            history =
                history.saturating_add(Rows::size(array.head_inputs(), (array.head_taps - 1) * array.head_dilation));
        }
        for piece in self.post() {
            history = history.saturating_add(Rows::size(piece.inputs, piece.taps - 1));
        }
        Need { weights, lookback: self.lookback(), history }
    }
}
