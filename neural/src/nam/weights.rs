//! The weights of a file, dealt out in the order in which the trainer wrote them.

use super::ModelError;
use super::fields::kind;
use super::json::Json;

/// One convolution as it lies in the weights: `[group][output][input][tap]`, then a bias for each output.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Piece {
    pub inputs: usize,
    pub outputs: usize,
    pub taps: usize,
    pub groups: usize,
    pub bias: bool,
}

impl Piece {
    /// A convolution without history.
    pub fn flat(inputs: usize, outputs: usize, groups: usize, bias: bool) -> Piece {
        Piece { inputs, outputs, taps: 1, groups, bias }
    }

    /// Numbers in the file.
    pub fn count(&self) -> usize {
        self.dense() / self.groups + if self.bias { self.outputs } else { 0 }
    }

    /// Numbers once every output has a weight for every input.
    pub fn dense(&self) -> usize {
        self.inputs.saturating_mul(self.outputs).saturating_mul(self.taps)
    }

    /// Refuses groups that do not divide the channels.
    pub fn check(&self, place: &str) -> Result<(), ModelError> {
        if self.inputs.is_multiple_of(self.groups) && self.outputs.is_multiple_of(self.groups) {
            return Ok(());
        }
        let Piece { inputs, outputs, groups, .. } = self;
        let reason = format!("{groups} groups do not divide {inputs} inputs and {outputs} outputs");
        Err(ModelError::Invalid { at: place.to_owned(), reason })
    }
}

/// A convolution's weights, zeros where its groups have none.
pub(super) struct Dense {
    pub piece: Piece,
    weights: Vec<f32>,
    pub bias: Vec<f32>,
}

impl Dense {
    pub fn weight(&self, output: usize, input: usize, tap: usize) -> f32 {
        self.weights[(output * self.piece.inputs + input) * self.piece.taps + tap]
    }

    /// Multiplies all that the convolution gives.
    pub fn scale(&mut self, by: f32) {
        self.weights.iter_mut().chain(&mut self.bias).for_each(|weight| *weight *= by);
    }

    /// Multiplies each output by its own factor and adds its own offset.
    pub fn scale_outputs(&mut self, scale: &[f32], offset: &[f32]) {
        let Piece { inputs, taps, .. } = self.piece;
        for (weights, scale) in self.weights.chunks_exact_mut(inputs * taps).zip(scale) {
            weights.iter_mut().for_each(|weight| *weight *= scale);
        }
        for ((bias, scale), offset) in self.bias.iter_mut().zip(scale).zip(offset) {
            *bias = *bias * scale + offset;
        }
    }
}

/// Hands the weights out, piece by piece.
pub(super) struct Reader<'a> {
    rest: &'a [f32],
}

impl<'a> Reader<'a> {
    /// The weights must be as many as all pieces together take.
    pub fn new(weights: &'a [f32]) -> Reader<'a> {
        Reader { rest: weights }
    }

    pub fn floats(&mut self, count: usize) -> &'a [f32] {
        let (taken, rest) = self.rest.split_at(count);
        self.rest = rest;
        taken
    }

    pub fn dense(&mut self, piece: Piece) -> Dense {
        let Piece { inputs, outputs, taps, groups, bias } = piece;
        let mut weights = vec![0.0; piece.dense()];
        let (inputs_each, outputs_each) = (inputs / groups, outputs / groups);
        for output in 0..outputs {
            let first = output / outputs_each * inputs_each;
            let from = (output * inputs + first) * taps;
            weights[from..from + inputs_each * taps].copy_from_slice(self.floats(inputs_each * taps));
        }
        let bias = if bias { self.floats(outputs).to_vec() } else { vec![0.0; outputs] };
        Dense { piece, weights, bias }
    }
}

/// The weights as 32-bit floats, as the reference takes them.
pub(super) fn read(value: &Json, place: &str) -> Result<Vec<f32>, ModelError> {
    let Json::Numbers(numbers) = value else {
        // An array with anything else in it is named by its first such member.
        if let Json::Array(values) = value
            && let Some(index) = values.iter().position(|value| !matches!(value, Json::Number(_)))
        {
            return Err(kind(&format!("{place}[{index}]"), "a number", &values[index]));
        }
        return Err(kind(place, "an array of numbers", value));
    };
    let weights: Vec<f32> = numbers.iter().map(|number| *number as f32).collect();
    match weights.iter().position(|weight| !weight.is_finite()) {
        Some(index) => Err(ModelError::NonFinite { at: format!("{place}[{index}]") }),
        None => Ok(weights),
    }
}

/// Refuses any other number of weights than the network takes.
pub(super) fn check_count(expected: usize, found: usize, place: &str) -> Result<(), ModelError> {
    if expected == found {
        return Ok(());
    }
    Err(ModelError::WeightCount { at: place.to_owned(), expected, found })
}
