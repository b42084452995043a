//! One model of a file: the file's own, one that makes a condition, or one of several sizes.

use std::sync::Arc;

use super::container::Container;
use super::convnet::{self, ConvNet};
use super::engine::Engine;
use super::fields::{Fields, kind, text};
use super::json::Json;
use super::limits::Budget;
use super::linear::{self, Linear};
use super::lstm::{self, Lstm};
use super::metadata::Metadata;
use super::wavenet::WaveNet;
use super::{ModelError, weights};
use crate::simd::Path;
use crate::{Activations, FileKind};

/// One model, parsed and checked.
pub(super) struct Part {
    pub version: String,
    pub architecture: &'static str,
    pub metadata: Metadata,
    pub sample_rate: Option<f64>,
    /// Members beside the known ones.
    pub unread: Vec<String>,
    kind: Kind,
}

enum Kind {
    WaveNet(WaveNet),
    Lstm(Lstm),
    ConvNet(Arc<ConvNet>),
    Linear(Arc<Linear>),
    Container(Container),
}

impl Part {
    pub fn read(value: &Json, place: &str, budget: &Budget) -> Result<Part, ModelError> {
        let fields = match value {
            Json::Object(_) => Fields::of(value, place)?,
            other => return Err(kind(if place.is_empty() { "the file" } else { place }, "an object", other)),
        };
        if place.is_empty() && fields.optional("version").is_none() && fields.is_recurrent_model() {
            return Err(ModelError::OtherKind(FileKind::Recurrent));
        }
        let version = version(fields.required("version")?, &fields.at("version"))?;
        let sample_rate = match fields.optional("sample_rate") {
            Some(value) => sample_rate(value, &fields.at("sample_rate"))?,
            None => None,
        };
        let metadata = Metadata::read(fields.optional("metadata"), &fields.at("metadata"))?;
        let name = fields.text("architecture")?;
        let config = Fields::of(fields.required("config")?, &fields.at("config"))?;
        let place = fields.at("weights");
        let weights = weights::read(fields.required("weights")?, &place)?;
        let (architecture, kind) = match name {
            "WaveNet" => ("WaveNet", Kind::WaveNet(WaveNet::read(&config, weights, &place, sample_rate, budget)?)),
            "LSTM" => ("LSTM", Kind::Lstm(Lstm::read(&config, &weights, &place, sample_rate, budget)?)),
            "ConvNet" => ("ConvNet", Kind::ConvNet(Arc::new(ConvNet::read(&config, &weights, &place, budget)?))),
            "Linear" => ("Linear", Kind::Linear(Arc::new(Linear::read(&config, &weights, &place)?))),
            "SlimmableContainer" => {
                let container = Container::read(&config, &weights, &place, sample_rate, budget)?;
                ("SlimmableContainer", Kind::Container(container))
            }
            other => {
                let (at, name) = (fields.at("architecture"), other.to_owned());
                return Err(ModelError::Unsupported { at, what: "architecture", name });
            }
        };
        config.finish()?;
        Ok(Part { version, architecture, metadata, sample_rate, unread: fields.unread(), kind })
    }

    pub fn outputs(&self) -> usize {
        match &self.kind {
            Kind::WaveNet(net) => net.outputs(),
            Kind::Lstm(net) => net.outputs,
            Kind::ConvNet(net) => net.outputs(),
            Kind::Linear(net) => net.outputs,
            Kind::Container(container) => container.model(0).outputs(),
        }
    }

    /// Whether a size can be chosen.
    pub fn has_sizes(&self) -> bool {
        match &self.kind {
            Kind::WaveNet(net) => net.has_sizes(),
            Kind::Container(container) => container.len() > 1,
            Kind::Lstm(_) | Kind::ConvNet(_) | Kind::Linear(_) => false,
        }
    }

    /// What a size from 0 to 1 chooses: two sizes that choose the same sound the same.
    pub fn variant(&self, size: f64) -> Vec<usize> {
        match &self.kind {
            Kind::WaveNet(net) => net.variant(size),
            Kind::Container(container) => vec![container.index(size)],
            Kind::Lstm(_) | Kind::ConvNet(_) | Kind::Linear(_) => Vec::new(),
        }
    }

    /// A network at work, in the state before its first frame, not warmed up.
    pub fn engine(&self, variant: &[usize], path: Path, activations: Activations) -> Box<dyn Engine> {
        match &self.kind {
            Kind::WaveNet(net) => net.engine(variant, path, activations),
            Kind::Lstm(net) => Box::new(lstm::Player::new(net, path, activations)),
            Kind::ConvNet(net) => Box::new(convnet::Player::new(net.clone(), path, activations)),
            Kind::Linear(net) => Box::new(linear::Player::new(net.clone(), path)),
            // A model within a container is played in full, whatever sizes it may have of its own.
            Kind::Container(container) => {
                let model = container.model(variant[0]);
                model.engine(&model.variant(1.0), path, activations)
            }
        }
    }
}

fn version(value: &Json, place: &str) -> Result<String, ModelError> {
    let version = text(value, place)?;
    let refused = || ModelError::Version { at: place.to_owned(), version: version.to_owned() };
    let mut numbers = version.split('.').map(|part| part.parse::<u32>().ok().filter(|_| part.as_bytes()[0] != b'+'));
    let (major, minor, patch) = (numbers.next().flatten(), numbers.next().flatten(), numbers.next().flatten());
    let (Some(major), Some(minor), Some(patch), None) = (major, minor, patch, numbers.next()) else {
        return Err(refused());
    };
    if !((0, 5, 0)..=(0, 7, 0)).contains(&(major, minor, patch)) {
        return Err(refused());
    }
    Ok(version.to_owned())
}

/// A rate in hertz. The reference's own mark for an unknown one is -1.
fn sample_rate(value: &Json, place: &str) -> Result<Option<f64>, ModelError> {
    match value {
        Json::Number(-1.0) => Ok(None),
        Json::Number(rate) if (1.0..=1e6).contains(rate) => Ok(Some(*rate)),
        other => Err(kind(place, "a sample rate in hertz", other)),
    }
}
