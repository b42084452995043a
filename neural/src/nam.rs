//! `.nam` files of Neural Amp Modeler, versions 0.5.0 to 0.7.0.
//!
//! [`Model::parse`] reads and checks a whole file; [`Model::network`] makes what plays one clip. The reference implementation,
//! NeuralAmpModelerCore, is the specification: what it plays sounds the same here, from the first frame on, and whatever a file
//! has that might change its sound and is not understood is refused by name.

mod activation;
mod clip;
mod container;
mod convnet;
mod engine;
mod fields;
mod json;
mod limits;
mod linear;
mod lstm;
mod metadata;
mod part;
mod wavenet;
mod weights;

use std::sync::Arc;

pub use metadata::Metadata;

use crate::simd::Path;
use crate::{Activations, Control, ModelError, Network};
use json::Json;
use limits::Budget;
use part::Part;

/// A model, parsed and checked. Immutable; clones share all of it.
#[derive(Clone)]
pub struct Model(Arc<Part>);

impl Model {
    /// Reads a file. Memory is bounded by the file's size before any of it is taken.
    ///
    /// Fails with what is wrong and where: no JSON, a version or architecture that is not known, a setting that might change the
    /// sound and is not known, sizes that contradict each other or the number of weights, weights that are not finite, and
    /// networks with other than one input and one output.
    pub fn parse(bytes: &[u8]) -> Result<Model, ModelError> {
        let part = Part::read(&Json::read(bytes)?, "", &Budget::default())?;
        if part.outputs() != 1 {
            let reason = format!("the model has {} outputs; models with one are played", part.outputs());
            return Err(ModelError::Invalid { at: "config".to_owned(), reason });
        }
        Ok(Model(Arc::new(part)))
    }

    /// The version of the file's format, such as "0.5.4".
    pub fn version(&self) -> &str {
        &self.0.version
    }

    /// The kind of network: "WaveNet", "LSTM", "ConvNet", "Linear" or "SlimmableContainer".
    pub fn architecture(&self) -> &'static str {
        self.0.architecture
    }

    /// The sample rate that the model was trained for, in hertz. Files before 0.5.1 or so do not say; such models were trained
    /// at 48,000.
    pub fn sample_rate(&self) -> Option<f64> {
        self.0.sample_rate
    }

    /// What the file says of itself.
    pub fn metadata(&self) -> &Metadata {
        &self.0.metadata
    }

    /// Members at the file's top that mean nothing here, such as notes. Within the configuration there are none: those are
    /// refused.
    pub fn unread(&self) -> &[String] {
        &self.0.unread
    }

    /// What can be set while the network plays: "Size" from 0 to 1 where the file has several sizes, the full one unless set.
    pub fn controls(&self) -> Vec<Control> {
        if !self.0.has_sizes() {
            return Vec::new();
        }
        vec![Control { name: "Size".to_owned(), min: 0.0, max: 1.0, default: 1.0 }]
    }

    /// A network in the state of the first frame: warmed up with silence, as the reference does. Choosing another size while it
    /// plays starts that size warmed up.
    pub fn network(&self, activations: Activations) -> Box<dyn Network> {
        self.network_on(Path::best(), activations)
    }

    /// As [`network`](Self::network), by the instructions of a given path.
    pub fn network_on(&self, path: Path, activations: Activations) -> Box<dyn Network> {
        Box::new(clip::Clip::new(self.0.clone(), path, activations))
    }
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.debug_struct("Model").field("version", &self.version()).field("architecture", &self.architecture()).finish()
    }
}
