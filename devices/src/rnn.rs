//! `rnn`: a recurrent effect with knobs, of RTNeural, AIDA-X, Proteus or GuitarML.

use std::sync::Arc;

use audio::device::{DeviceError, Fact, Setup};
use neural::rnn::{self, Kind};
use presets::Asset;

use crate::builtin::{Channels, Engine, Model, Values};
use crate::control::Control;
use crate::network::{self, ACTIVATIONS, Cache, RESAMPLE, Start};

const OWN: &[Control] = &[RESAMPLE, ACTIVATIONS];

static MODELS: Cache<rnn::Model> = Cache::new();

/// One model, mono. The file's own gains are part of it. Knobs may turn at any frame; the rest is settled when the device is
/// activated.
pub(crate) struct Rnn {
    model: Arc<rnn::Model>,
    controls: Vec<Control>,
}

impl Rnn {
    pub fn new(asset: &Asset) -> Result<Rnn, DeviceError> {
        let model = MODELS.get(asset, |bytes| rnn::Model::parse(bytes).map_err(network::advised))?;
        let controls = network::table(OWN, model.controls());
        Ok(Rnn { model, controls })
    }
}

impl Model for Rnn {
    fn controls(&self) -> &[Control] {
        &self.controls
    }

    fn channels(&self, _inputs: usize, _outputs: Option<usize>) -> Channels {
        Channels { inputs: 1, outputs: 1 }
    }

    fn plays_apart(&self) -> bool {
        true
    }

    fn engine(&self, setup: Setup, channels: Channels, values: &Values) -> Result<Box<dyn Engine>, DeviceError> {
        let session = setup.sample_rate;
        let mut remarks = Vec::new();
        if self.model.sample_rate().is_none() {
            remarks.push(format!("no sample rate in the file: played at the session's {} Hz", session.0));
        }
        let start = Start {
            setup,
            model_rate: self.model.sample_rate().unwrap_or(session.hz()),
            refuse: values.get(0) >= 1.0,
            input: 1.0,
            output: 1.0,
            controls: OWN.len(),
            remarks,
        };
        let (activations, count) = (network::activations(values, 1), self.controls.len() - OWN.len());
        let network = || self.model.network(activations);
        match channels.outputs {
            1 => network::start(network(), count, values, start),
            _ if start.is_resampled() => network::start_each([network(), network()], count, values, start),
            _ => Ok(network::start_pair(self.model.batch(activations, 2), count, values, start)),
        }
    }

    fn about(&self) -> Vec<Fact> {
        let kind = match self.model.kind() {
            Kind::RtNeural => "RTNeural or AIDA-X",
            Kind::GuitarMl => "GuitarML or Proteus",
        };
        let rate = match self.model.sample_rate() {
            Some(rate) => format!("{rate} Hz"),
            None => "not stated; taken as the session's".to_owned(),
        };
        let facts = [
            network::fact("model", self.model.name()),
            network::fact("file of", Some(kind)),
            network::fact("architecture", Some(self.model.architecture())),
            network::fact("sample rate", Some(rate)),
        ];
        let told = ["name", "samplerate", "sample_rate"];
        facts.into_iter().flatten().chain(network::other_facts(self.model.metadata(), &told)).collect()
    }
}
