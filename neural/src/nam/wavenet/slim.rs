//! WaveNets that can be cut down to fewer channels: the first so many of each array stay.

use std::sync::{Arc, Mutex};

use super::super::ModelError;
use super::config::Config;
use super::net::Net;

/// What a WaveNet is cut down from, and the networks that have been asked for.
pub(super) struct Slim {
    weights: Vec<f32>,
    nets: Mutex<Vec<(Vec<usize>, Arc<Net>)>>,
}

impl Slim {
    /// Nothing where the network has one size alone.
    pub fn of(
        config: &Config,
        weights: &[f32],
        conditions: Option<usize>,
        place: &str,
    ) -> Result<Option<Slim>, ModelError> {
        if config.arrays.iter().all(|array| array.allowed.is_none()) {
            return Ok(None);
        }
        if config.head.is_some() {
            let name = "head".to_owned();
            return Err(ModelError::Unsupported { at: format!("{place}.head"), what: "in a slimmable model,", name });
        }
        // The reference plays these in full and cannot cut them down either.
        let whole = config.arrays.iter().any(|array| {
            let groups = [array.groups_input, array.groups_mixin, array.layer1x1.unwrap_or(1)];
            let film_groups = array.films.iter().flatten().any(|film| film.groups != 1);
            let head_groups = array.head1x1.is_some_and(|(_, groups)| groups != 1);
            array.head_taps != 1 || groups != [1; 3] || head_groups || film_groups
        });
        let least: Vec<usize> = config.arrays.iter().map(|array| allowed(array, 0.0)).collect();
        if whole || cut(config, &least).check(conditions, place).is_err() {
            return Ok(None);
        }
        Ok(Some(Slim { weights: weights.to_vec(), nets: Mutex::new(Vec::new()) }))
    }

    /// The channels of each array for a size from 0 to 1.
    pub fn channels(&self, config: &Config, size: f64) -> Vec<usize> {
        config.arrays.iter().map(|array| allowed(array, size)).collect()
    }

    /// The network with so many channels in each array, made once.
    pub fn net(&self, config: &Config, channels: &[usize], full: &Arc<Net>) -> Arc<Net> {
        if config.arrays.iter().map(|array| array.channels).eq(channels.iter().copied()) {
            return full.clone();
        }
        let mut nets = self.nets.lock().expect("nobody panics while cutting");
        if let Some((_, net)) = nets.iter().find(|(made, _)| made == channels) {
            return net.clone();
        }
        let slim = cut(config, channels);
        let net = Arc::new(Net::new(&slim, &slice(config, &slim, &self.weights)));
        nets.push((channels.to_vec(), net.clone()));
        net
    }
}

/// The channels of one array for a size from 0 to 1.
fn allowed(array: &super::config::Array, size: f64) -> usize {
    match &array.allowed {
        Some(allowed) => allowed[((size * allowed.len() as f64) as usize).min(allowed.len() - 1)],
        None => array.channels,
    }
}

/// The configuration with so many channels in each array.
fn cut(config: &Config, channels: &[usize]) -> Config {
    let mut slim = config.clone();
    for (i, array) in slim.arrays.iter_mut().enumerate() {
        let full = array.channels;
        array.channels = channels[i];
        array.bottleneck = match array.layer1x1 {
            Some(_) => (array.bottleneck * channels[i] / full).max(1),
            None => channels[i],
        };
        if i > 0 {
            array.inputs = channels[i - 1];
        }
        if let Some(next) = channels.get(i + 1) {
            array.head_outputs = *next;
        }
    }
    slim
}

/// The weights of the first inputs and outputs of each convolution. Where a convolution gives two halves, for a gate or for
/// scale and shift, the first outputs are taken all the same, as in the reference.
fn slice(config: &Config, slim: &Config, weights: &[f32]) -> Vec<f32> {
    let mut kept = Vec::with_capacity(slim.count());
    let mut rest = weights;
    for (full, slim) in config.pieces().into_iter().zip(slim.pieces()) {
        let (piece, after) = rest.split_at(full.count());
        let (matrix, bias) = piece.split_at(full.dense());
        for output in matrix.chunks_exact(full.inputs * full.taps).take(slim.outputs) {
            kept.extend_from_slice(&output[..slim.inputs * slim.taps]);
        }
        if full.bias {
            kept.extend_from_slice(&bias[..slim.outputs]);
        }
        rest = after;
    }
    kept.extend_from_slice(rest);
    kept
}
