//! Linear: one impulse response, and an offset.

use std::sync::Arc;

use super::ModelError;
use super::engine::{Engine, convolve};
use super::fields::Fields;
use super::limits::MOST_CHANNELS;
use super::weights;
use crate::conv::Conv;
use crate::rows::Rows;
use crate::simd::Path;

/// The longest impulse response, in frames.
const MOST_FRAMES: usize = 1 << 20;

/// An impulse response ready to be played.
pub(super) struct Linear {
    pub outputs: usize,
    conv: Conv,
}

impl Linear {
    pub fn read(fields: &Fields, weights: &[f32], place: &str) -> Result<Linear, ModelError> {
        let taps = fields.size("receptive_field", MOST_FRAMES)?;
        let bias = fields.flag("bias")?;
        fields.one_input()?;
        let outputs = fields.size_or("out_channels", MOST_CHANNELS, 1)?;
        // How the reference computes it, which is of no effect on the sound.
        if fields.optional("implementation").is_some() {
            let name = fields.text("implementation")?.to_ascii_lowercase();
            let known = ["auto", "direct", "legacy", "old", "fft", "partitioned_fft", "partitioned-fft"];
            if !known.contains(&name.as_str()) {
                return Err(ModelError::Unsupported { at: fields.at("implementation"), what: "implementation", name });
            }
        }
        weights::check_count(taps + usize::from(bias), weights.len(), place)?;
        let offset = if bias { weights[taps] } else { 0.0 };
        let conv = Conv::new((1, 1, taps, 1), |_, _, tap| weights[taps - 1 - tap], vec![offset], (0, &|_, _| 0.0));
        Ok(Linear { outputs, conv })
    }
}

/// Plays one clip through a [`Linear`].
pub(super) struct Player {
    net: Arc<Linear>,
    path: Path,
    input: Rows,
}

impl Player {
    pub fn new(net: Arc<Linear>, path: Path) -> Player {
        let input = Rows::new(1, net.conv.history());
        Player { net, path, input }
    }
}

impl Engine for Player {
    fn play(&mut self, input: &Rows, output: &mut Rows, frames: usize) {
        self.input.row_mut(0)[..frames].copy_from_slice(&input.row(0)[..frames]);
        convolve(self.path, &self.net.conv, self.input.view(), output.view_mut(), frames);
        // Each input goes to the output of the same number; outputs without one are silent.
        for row in 1..output.count() {
            output.row_mut(row)[..frames].fill(0.0);
        }
        self.input.advance(frames);
    }

    fn clear(&mut self) {
        self.input.clear();
    }

    fn warm_up(&self) -> usize {
        0
    }
}
