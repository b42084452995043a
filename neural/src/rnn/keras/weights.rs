//! A layer's list of tensors.

use super::super::node::Node;
use crate::ModelError;

/// The tensors of one layer.
pub struct Weights<'a> {
    pub list: Node<'a>,
    pub tensors: Vec<Node<'a>>,
}

impl<'a> Weights<'a> {
    pub fn of(layer: &Node<'a>) -> Result<Self, ModelError> {
        let list = layer.need("weights")?;
        Ok(Self { tensors: list.list()?, list })
    }

    /// Checks that there are `full` tensors, or one less where there is no bias; tells whether there is one.
    pub fn has_bias(&self, full: usize) -> Result<bool, ModelError> {
        if self.tensors.len() + 1 == full || self.tensors.len() == full {
            Ok(self.tensors.len() == full)
        } else {
            Err(self.list.unexpected(format!("a list of {full}, or of {} without biases", full - 1)))
        }
    }

    /// Tensor `index`, of sizes `shape`.
    pub fn tensor(&self, index: usize, shape: &[usize]) -> Result<Vec<f32>, ModelError> {
        self.tensors[index].tensor(shape)
    }
}
