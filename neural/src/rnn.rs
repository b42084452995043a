//! Recurrent effects with knobs: RTNeural and AIDA-X JSON, Proteus and GuitarML JSON.
//!
//! Both kinds of file have no field that names them; they are told apart by what every file of each kind has. RTNeural's are
//! Keras networks layer by layer (`in_shape`, `layers`), to which AIDA-X adds gains, a skip connection and metadata.
//! GuitarML's and Proteus' are a PyTorch module's sizes and tensors (`model_data`, `state_dict`).
//!
//! The networks take the sound and, where they were trained with them, the positions of knobs: [`Model::controls`]. They
//! start from silence without history, as those programs start them.

mod keras;
mod node;
mod torch;

use serde_json::Value;

use crate::cell::{self, Sequence};
use crate::simd::Path;
use crate::{Activations, Control, FileKind, ModelError, Network};
use node::Node;

pub use crate::cell::Batch;

/// The largest file that is read; models of this kind have up to a few megabytes.
const LARGEST_FILE: usize = 16 << 20;
/// Most numbers between two layers, and most knobs and one.
const WIDEST: usize = 1024;

/// A parsed file: immutable, checked whole, to be shared by all its networks.
pub struct Model {
    kind: Kind,
    name: Option<String>,
    sample_rate: Option<f64>,
    metadata: serde_json::Map<String, Value>,
    architecture: String,
    sequence: Sequence,
}

/// What kind of file a model comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A Keras network layer by layer, for RTNeural or AIDA-X.
    RtNeural,
    /// A PyTorch `SimpleRNN`, for Proteus and other GuitarML programs.
    GuitarMl,
}

impl Model {
    /// Reads a file. What the format knows and this does not play is refused by name; so is whatever would make the result
    /// doubtful: missing weights, superfluous weights, weights that are no numbers.
    pub fn parse(bytes: &[u8]) -> Result<Self, ModelError> {
        if bytes.len() > LARGEST_FILE {
            return Err(ModelError::TooLarge { bytes: bytes.len(), limit: LARGEST_FILE });
        }
        let value: Value = serde_json::from_slice(bytes).map_err(|error| ModelError::of_json(bytes, error))?;
        let root = Node::root(&value);
        if root.field("model_data").is_some() || root.field("state_dict").is_some() {
            torch::read(&root)
        } else if root.field("in_shape").is_some() || root.field("layers").is_some() {
            keras::read(&root)
        } else if value.as_object().is_some_and(|file| file.keys().any(|name| FileKind::of_member(name).is_some())) {
            // The members of recurrent models are ruled out.
            Err(ModelError::OtherKind(FileKind::Nam))
        } else {
            Err(ModelError::NotAModel(
                "it has neither \"layers\" (RTNeural, AIDA-X) nor \"state_dict\" (Proteus, GuitarML)".into(),
            ))
        }
    }

    /// What kind of file it was.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The model's name, where the file has one.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The rate that the model was trained at, where the file tells it.
    pub fn sample_rate(&self) -> Option<f64> {
        self.sample_rate
    }

    /// What the file tells about itself, as it stands there; may be empty.
    pub fn metadata(&self) -> &serde_json::Map<String, Value> {
        &self.metadata
    }

    /// The layers in short, such as `LSTM 40, Dense 1`.
    pub fn architecture(&self) -> &str {
        &self.architecture
    }

    /// The knobs, in the order of [`Network::set_control`].
    pub fn controls(&self) -> &[Control] {
        &self.sequence.controls
    }

    /// A network at work on one clip.
    pub fn network(&self, activations: Activations) -> Box<dyn Network> {
        self.network_on(Path::best(), activations)
    }

    /// A network that uses the vectors of `path`.
    pub fn network_on(&self, path: Path, activations: Activations) -> Box<dyn Network> {
        cell::network(path, &self.sequence, activations)
    }

    /// The network at work on `clips` clips at once. Groups of 16 are fastest with AVX-512,
    /// pairs otherwise.
    pub fn batch(&self, activations: Activations, clips: usize) -> Batch {
        self.batch_on(Path::best(), activations, clips)
    }

    /// A batch that uses the vectors of `path`.
    pub fn batch_on(&self, path: Path, activations: Activations, clips: usize) -> Batch {
        cell::batch(path, &self.sequence, activations, clips)
    }
}

/// A knob as the hosts of both kinds of file have them.
fn knob(name: String, default: f32) -> Control {
    Control { name, min: 0.0, max: 1.0, default }
}
