//! A network as data: its layers and what stands around them.

use super::Layer;
use crate::Control;

/// Layers one after the other, from the sound and its controls to one number, with gains and a way past them:
/// `y = (layers(g x, controls) + g x) * output_gain`, where `g` is the input gain and the second term is there if `skip` is.
pub(crate) struct Sequence {
    /// At least one; each takes what the one before gives, the last gives one number.
    pub layers: Vec<Layer>,
    /// Factor before the layers.
    pub input_gain: f32,
    /// Factor after everything.
    pub output_gain: f32,
    /// The layers' input is added to their output.
    pub skip: bool,
    /// What the first layer takes besides the sound.
    pub controls: Vec<Control>,
}

impl Sequence {
    /// `layers` alone, which take sound and `controls`.
    pub fn new(layers: Vec<Layer>, controls: Vec<Control>) -> Self {
        assert_eq!(layers.first().map(Layer::inputs), Some(1 + controls.len()), "the first layer takes what is there");
        assert_eq!(layers.last().map(Layer::outputs), Some(1), "the last layer gives one number");
        for pair in layers.windows(2) {
            assert_eq!(pair[0].outputs(), pair[1].inputs(), "each layer takes what the one before gives");
        }
        Self { layers, input_gain: 1.0, output_gain: 1.0, skip: false, controls }
    }
}

/// The value nearest to `value` that `control` takes.
pub(super) fn within(control: &Control, value: f32) -> f32 {
    // In this order, what is no number becomes the least value.
    value.max(control.min).min(control.max)
}
