//! `nam`: a model of Neural Amp Modeler, with its gain staging.

mod staging;

use std::sync::Arc;

use audio::device::{DeviceError, Fact, Setup};
use neural::nam;
use presets::Asset;

use crate::asset;
use crate::builtin::{Channels, Engine, Model, Values};
use crate::control::{Control, Unit};
use crate::network::{self, ACTIVATIONS, Cache, RESAMPLE, Start};
use staging::{Missing, Staging};

const OWN: &[Control] = &[
    Control::choice("Input", &["raw", "calibrated"], 0).fixed(),
    Control::new("Interface", Unit::DecibelsUnloaded, -60.0, 60.0, 12.0).fixed(),
    Control::choice("Output", &["raw", "normalized", "calibrated"], 0).fixed(),
    Control::choice("On missing", &["raw", "default", "error"], 0).fixed(),
    RESAMPLE,
    ACTIVATIONS,
];

/// Files before 0.5.1 or so do not say their rate; their trainer knew only this one.
const CUSTOMARY_RATE: f64 = 48_000.0;

static MODELS: Cache<nam::Model> = Cache::new();

/// One model, mono. Unless told otherwise it plays the file's own arithmetic and nothing else: no gain in front, none behind.
/// Gains and the rate are settled when the device is activated; a model's own controls may change at any frame.
pub(crate) struct Nam {
    asset: Asset,
    model: Arc<nam::Model>,
    controls: Vec<Control>,
}

impl Nam {
    pub fn new(asset: Asset) -> Result<Nam, DeviceError> {
        let model = MODELS.get(&asset, |bytes| nam::Model::parse(bytes).map_err(network::advised))?;
        let controls = network::table(OWN, &model.controls());
        Ok(Nam { asset, model, controls })
    }
}

impl Model for Nam {
    fn controls(&self) -> &[Control] {
        &self.controls
    }

    fn channels(&self, _inputs: usize, _outputs: Option<usize>) -> Channels {
        Channels { inputs: 1, outputs: 1 }
    }

    fn engine(&self, setup: Setup, _channels: Channels, values: &Values) -> Result<Box<dyn Engine>, DeviceError> {
        let staging = Staging {
            calibrated_input: values.get(0) >= 1.0,
            interface: values.get(1),
            output: staging::Output::ALL[values.get(2) as usize],
            missing: Missing::ALL[values.get(3) as usize],
        };
        let gains = staging
            .gains(self.model.metadata())
            .map_err(|lack| DeviceError::Activate(format!("{} {lack}", asset::name(&self.asset))))?;
        let mut remarks = gains.remarks;
        if self.model.sample_rate().is_none() {
            remarks.push(format!("no sample_rate in the file: taken as {CUSTOMARY_RATE} Hz, as is customary"));
        }
        let start = Start {
            setup,
            model_rate: self.model.sample_rate().unwrap_or(CUSTOMARY_RATE),
            refuse: values.get(4) >= 1.0,
            input: staging::factor(gains.input),
            output: staging::factor(gains.output),
            controls: OWN.len(),
            remarks,
        };
        let network = self.model.network(network::activations(values, 5));
        network::start(network, self.controls.len() - OWN.len(), values, start)
    }

    fn about(&self) -> Vec<Fact> {
        let about = self.model.metadata();
        let level = |level: Option<f64>| level.map(|level| format!("{level} dBu"));
        let rate = match self.model.sample_rate() {
            Some(rate) => format!("{rate} Hz"),
            None => format!("not stated; taken as {CUSTOMARY_RATE} Hz"),
        };
        let unread = Some(self.model.unread().join(", ")).filter(|names| !names.is_empty());
        let facts = [
            network::fact("model", about.name.as_ref()),
            network::fact("modelled by", about.modeled_by.as_ref()),
            network::fact("gear type", about.gear_type.as_ref()),
            network::fact("gear make", about.gear_make.as_ref()),
            network::fact("gear model", about.gear_model.as_ref()),
            network::fact("tone type", about.tone_type.as_ref()),
            network::fact("architecture", Some(self.model.architecture())),
            network::fact("file version", Some(self.model.version())),
            network::fact("sample rate", Some(rate)),
            network::fact("loudness", about.loudness.map(|loudness| format!("{loudness} dB"))),
            network::fact("gain", about.gain),
            network::fact("input level", level(about.input_level_dbu)),
            network::fact("output level", level(about.output_level_dbu)),
            network::fact("not read", unread),
        ];
        let told = [
            "name",
            "modeled_by",
            "gear_type",
            "gear_make",
            "gear_model",
            "tone_type",
            "loudness",
            "gain",
            "input_level_dbu",
            "output_level_dbu",
        ];
        let others = about.all.as_object().into_iter().flatten();
        facts.into_iter().flatten().chain(network::other_facts(others, &told)).collect()
    }
}
