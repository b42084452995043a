//! ConvNet: convolutions of two taps one after another, each normalised and activated, and a mixture of the last one's rows.

use std::sync::Arc;

use super::engine::{Engine, convolve};
use super::fields::Fields;
use super::limits::{Budget, MOST_CHANNELS, MOST_DILATION, MOST_LAYERS, Need};
use super::wavenet::plain;
use super::weights::{self, Piece, Reader};
use super::{ModelError, activation};
use crate::Activations;
use crate::activation::Activation;
use crate::conv::{Conv, Pass};
use crate::rows::Rows;
use crate::simd::Path;

/// A ConvNet ready to be played.
pub(super) struct ConvNet {
    blocks: Vec<Conv>,
    head: Conv,
    activation: Activation,
}

impl ConvNet {
    pub fn read(fields: &Fields, weights: &[f32], place: &str, budget: &Budget) -> Result<ConvNet, ModelError> {
        let channels = fields.size("channels", MOST_CHANNELS)?;
        let dilations = fields.sizes("dilations", MOST_DILATION, MOST_LAYERS)?;
        let batchnorm = fields.flag("batchnorm")?;
        let activation = activation::read(fields.required("activation")?, &fields.at("activation"))?;
        let groups = fields.size_or("groups", MOST_CHANNELS, 1)?;
        fields.one_input()?;
        let outputs = fields.size_or("out_channels", MOST_CHANNELS, 1)?;
        if !activation.fits(channels) {
            let reason = format!("its slopes are not one for each of {channels} channels");
            return Err(ModelError::Invalid { at: fields.at("activation"), reason });
        }
        let piece = |i: usize| {
            let inputs = if i == 0 { 1 } else { channels };
            Piece { inputs, outputs: channels, taps: 2, groups, bias: !batchnorm }
        };
        let head = Piece::flat(channels, outputs, 1, true);
        let (mut count, mut dense, mut history) = (head.count(), head.dense(), 0usize);
        for (i, dilation) in dilations.iter().enumerate() {
            piece(i).check(&fields.at("groups"))?;
            // A mean, a variance, a scale and an offset for each channel, and one small number for all.
            count = count.saturating_add(piece(i).count() + if batchnorm { 4 * channels + 1 } else { 0 });
            dense = dense.saturating_add(piece(i).dense());
            history = history.saturating_add(Rows::size(piece(i).inputs, *dilation));
        }
        let config = fields.at("");
        let config = config.trim_end_matches('.');
        budget.take(config, Need { weights: dense, lookback: dilations.iter().sum(), history })?;
        weights::check_count(count, weights.len(), place)?;
        let mut reader = Reader::new(weights);
        let mut blocks = Vec::with_capacity(dilations.len());
        for (i, dilation) in dilations.iter().enumerate() {
            let mut dense = reader.dense(piece(i));
            if batchnorm {
                let (scale, offset) = normalisation(&mut reader, channels);
                if !scale.iter().chain(&offset).all(|value| value.is_finite()) {
                    let reason = format!("the normalisation of block {i} is not finite");
                    return Err(ModelError::Invalid { at: place.to_owned(), reason });
                }
                dense.scale_outputs(&scale, &offset);
            }
            blocks.push(plain(&dense, *dilation));
        }
        Ok(ConvNet { blocks, head: plain(&reader.dense(head), 1), activation })
    }

    pub fn outputs(&self) -> usize {
        self.head.outputs()
    }
}

/// What a normalisation multiplies each channel by, and what it then adds.
fn normalisation(reader: &mut Reader, channels: usize) -> (Vec<f32>, Vec<f32>) {
    let (mean, variance) = (reader.floats(channels), reader.floats(channels));
    let (scale, offset) = (reader.floats(channels), reader.floats(channels));
    let least = reader.floats(1)[0];
    let scale: Vec<f32> =
        scale.iter().zip(variance).map(|(scale, variance)| scale / (least + variance).sqrt()).collect();
    let offset = offset.iter().zip(&scale).zip(mean).map(|((offset, scale), mean)| offset - scale * mean).collect();
    (scale, offset)
}

/// Plays one clip through a [`ConvNet`].
pub(super) struct Player {
    net: Arc<ConvNet>,
    path: Path,
    activation: Activation,
    /// What goes into each block.
    inputs: Vec<Rows>,
    last: Rows,
}

impl Player {
    pub fn new(net: Arc<ConvNet>, path: Path, activations: Activations) -> Player {
        let inputs = net.blocks.iter().map(|conv| Rows::new(conv.inputs(), conv.history())).collect();
        let last = Rows::new(net.head.inputs(), 0);
        let activation = net.activation.under(activations);
        Player { net, path, activation, inputs, last }
    }
}

impl Engine for Player {
    fn play(&mut self, input: &Rows, output: &mut Rows, frames: usize) {
        let first = &mut self.inputs[0];
        for row in 0..first.count() {
            first.row_mut(row)[..frames].copy_from_slice(&input.row(row)[..frames]);
        }
        for (i, conv) in self.net.blocks.iter().enumerate() {
            let (source, next) = self.inputs[i..].split_first_mut().expect("an input for each block");
            self.path.run(Pass {
                conv,
                source: source.view(),
                mixed: None,
                residual: None,
                target: next.first_mut().unwrap_or(&mut self.last).view_mut(),
                activation: &self.activation,
                sum: None,
                frames,
            });
        }
        convolve(self.path, &self.net.head, self.last.view(), output.view_mut(), frames);
        self.inputs.iter_mut().for_each(|rows| rows.advance(frames));
    }

    fn clear(&mut self) {
        self.inputs.iter_mut().for_each(Rows::clear);
    }

    fn warm_up(&self) -> usize {
        1 + self.net.blocks.iter().map(Conv::history).sum::<usize>()
    }
}
