//! WaveNet: arrays of layers, each a dilated convolution with the condition mixed in, an activation, and a way to the next
//! layer; all layers of an array hand what their activations give to its head.

mod config;
mod layout;
mod modulate;
mod net;
mod play;
mod slim;

use std::sync::Arc;

use super::engine::Engine;
use super::fields::Fields;
use super::limits::Budget;
use super::{ModelError, Part, weights};
use crate::Activations;
use crate::simd::Path;
use config::Config;
use net::Net;
pub(super) use net::plain;
use slim::Slim;

/// A WaveNet, and what it may be cut down to.
pub(super) struct WaveNet {
    config: Config,
    net: Arc<Net>,
    condition: Option<Box<Part>>,
    slim: Option<Slim>,
}

impl WaveNet {
    pub fn read(
        fields: &Fields,
        weights: Vec<f32>,
        place: &str,
        rate: Option<f64>,
        budget: &Budget,
    ) -> Result<WaveNet, ModelError> {
        let config_place = fields.at("");
        let config_place = config_place.trim_end_matches('.');
        let condition = match fields.optional("condition_dsp") {
            None => None,
            Some(value) => {
                let place = fields.at("condition_dsp");
                let part = Part::read(value, &place, budget)?;
                if part.sample_rate != rate {
                    let reason = "its sample rate is not that of the model around it".to_owned();
                    return Err(ModelError::Invalid { at: format!("{place}.sample_rate"), reason });
                }
                Some(Box::new(part))
            }
        };
        let config = Config::read(fields)?;
        let conditions = condition.as_ref().map(|condition| condition.outputs());
        config.check(conditions, config_place)?;
        budget.take(config_place, config.need())?;
        weights::check_count(config.count(), weights.len(), place)?;
        let slim = Slim::of(&config, &weights, conditions, config_place)?;
        let net = Arc::new(Net::new(&config, &weights));
        Ok(WaveNet { config, net, condition, slim })
    }

    pub fn outputs(&self) -> usize {
        self.net.outputs
    }

    /// Whether a size can be chosen.
    pub fn has_sizes(&self) -> bool {
        self.slim.is_some()
    }

    /// The channels of each array for a size from 0 to 1. Nothing where no size can be chosen.
    pub fn variant(&self, size: f64) -> Vec<usize> {
        self.slim.as_ref().map_or_else(Vec::new, |slim| slim.channels(&self.config, size))
    }

    pub fn engine(&self, variant: &[usize], path: Path, activations: Activations) -> Box<dyn Engine> {
        let net = match &self.slim {
            Some(slim) => slim.net(&self.config, variant, &self.net),
            None => self.net.clone(),
        };
        let condition =
            self.condition.as_ref().map(|part| (part.engine(&part.variant(1.0), path, activations), part.outputs()));
        Box::new(play::Player::new(net, condition, path, activations))
    }
}
