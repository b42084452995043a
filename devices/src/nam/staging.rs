//! The gains in front of a model and behind it.
//!
//! What the fields mean is stated by NeuralAmpModelerCore (dsp.h): a sine of `input_level_dbu` stood at full scale where the
//! model was recorded, and `output_level_dbu` likewise behind it; `loudness` is that of the model's output for the trainer's
//! own signal. How they become gains is what NeuralAmpModelerPlugin does with them.

use neural::nam::Metadata;

/// Where normalized output lies, in decibels.
const TARGET: f64 = -18.0;

/// What a file that does not say is taken to say, where that is asked for: the levels of the trainer's own example of
/// calibration, which the library's example models carry too, and about the loudness of those models.
const CUSTOMARY_INPUT: f64 = 18.3;
const CUSTOMARY_OUTPUT: f64 = 12.3;
const CUSTOMARY_LOUDNESS: f64 = -20.0;

/// How loud a model is to come out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Output {
    Raw,
    Normalized,
    Calibrated,
}

impl Output {
    /// In the order of the control's names.
    pub const ALL: [Output; 3] = [Output::Raw, Output::Normalized, Output::Calibrated];
}

/// What is done where the file does not say what a gain is reckoned from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Missing {
    Raw,
    Default,
    Error,
}

impl Missing {
    /// In the order of the control's names.
    pub const ALL: [Missing; 3] = [Missing::Raw, Missing::Default, Missing::Error];
}

/// What is asked for.
pub(super) struct Staging {
    pub calibrated_input: bool,
    /// The level in dBu of a sine that reaches full scale at the interface.
    pub interface: f64,
    pub output: Output,
    pub missing: Missing,
}

/// Gains in decibels, with a sentence for each that was asked for.
#[derive(Debug)]
pub(super) struct Gains {
    pub input: f64,
    pub output: f64,
    pub remarks: Vec<String>,
}

/// A field that is not there and was to be.
#[derive(Debug, thiserror::Error)]
#[error(
    "has no {field} in its metadata, which {setting} needs, and on_missing: error accepts no substitute. Set {instead}, or on_missing: raw or default"
)]
pub(super) struct Lack {
    field: &'static str,
    setting: &'static str,
    instead: &'static str,
}

impl Staging {
    /// The gains for a model.
    pub fn gains(&self, about: &Metadata) -> Result<Gains, Lack> {
        let interface = self.interface;
        let mut gains = Gains { input: 0.0, output: 0.0, remarks: Vec::new() };
        if self.calibrated_input {
            let field = Field {
                name: "input_level_dbu",
                value: about.input_level_dbu,
                customary: CUSTOMARY_INPUT,
                unit: "dBu",
                setting: "input: calibrated",
                raw: "input: raw",
            };
            if let Some(model) = self.value(&field, &mut gains.remarks)? {
                gains.input = interface - model;
                let gain = words(gains.input);
                gains.remarks.push(format!(
                    "input {gain} dB: the interface's {interface} dBu at full scale against the model's {model} dBu"
                ));
            }
        }
        match self.output {
            Output::Raw => {}
            Output::Normalized => {
                let field = Field {
                    name: "loudness",
                    value: about.loudness,
                    customary: CUSTOMARY_LOUDNESS,
                    unit: "dB",
                    setting: "output: normalized",
                    raw: "output: raw",
                };
                if let Some(loudness) = self.value(&field, &mut gains.remarks)? {
                    gains.output = TARGET - loudness;
                    let gain = words(gains.output);
                    gains
                        .remarks
                        .push(format!("output {gain} dB: to {TARGET} dB from the model's loudness of {loudness} dB"));
                }
            }
            Output::Calibrated => {
                let field = Field {
                    name: "output_level_dbu",
                    value: about.output_level_dbu,
                    customary: CUSTOMARY_OUTPUT,
                    unit: "dBu",
                    setting: "output: calibrated",
                    raw: "output: raw",
                };
                if let Some(model) = self.value(&field, &mut gains.remarks)? {
                    gains.output = model - interface;
                    let gain = words(gains.output);
                    gains.remarks.push(format!(
                        "output {gain} dB: the model's {model} dBu at full scale against the interface's {interface} dBu"
                    ));
                }
            }
        }
        Ok(gains)
    }

    /// What a field says or is taken to say; `None` where the signal stays as it is.
    fn value(&self, field: &Field, remarks: &mut Vec<String>) -> Result<Option<f64>, Lack> {
        if field.value.is_some() {
            return Ok(field.value);
        }
        let Field { name, customary, unit, setting, raw, .. } = *field;
        match self.missing {
            Missing::Raw => {
                remarks.push(format!("no {name} in the file: {}", raw.replace(':', "")));
                Ok(None)
            }
            Missing::Default => {
                remarks.push(format!("no {name} in the file: taken as {customary} {unit}"));
                Ok(Some(customary))
            }
            Missing::Error => Err(Lack { field: name, setting, instead: raw }),
        }
    }
}

/// A field of a file's metadata that a gain is reckoned from.
struct Field {
    name: &'static str,
    value: Option<f64>,
    customary: f64,
    unit: &'static str,
    setting: &'static str,
    raw: &'static str,
}

/// A gain with its sign and without needless zeros.
fn words(decibels: f64) -> String {
    let text = format!("{decibels:+.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "+0".to_owned() } else { text.to_owned() }
}

/// What samples are multiplied with; exactly 1 for 0 dB.
pub(super) fn factor(decibels: f64) -> f64 {
    10.0_f64.powf(decibels / 20.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata() -> Metadata {
        Metadata {
            loudness: Some(-20.5),
            input_level_dbu: Some(18.3),
            output_level_dbu: Some(12.25),
            ..Metadata::default()
        }
    }

    #[test]
    fn levels_of_interface_and_model_become_gains() {
        let mut staging =
            Staging { calibrated_input: true, interface: 12.5, output: Output::Normalized, missing: Missing::Error };
        let gains = staging.gains(&metadata()).unwrap();
        assert!((gains.input - -5.8).abs() < 1e-12 && (gains.output - 2.5).abs() < 1e-12, "{gains:?}");
        assert_eq!(
            gains.remarks,
            [
                "input -5.8 dB: the interface's 12.5 dBu at full scale against the model's 18.3 dBu",
                "output +2.5 dB: to -18 dB from the model's loudness of -20.5 dB",
            ]
        );
        staging.output = Output::Calibrated;
        let gains = staging.gains(&metadata()).unwrap();
        assert!((gains.output - -0.25).abs() < 1e-12, "{gains:?}");
        assert_eq!(
            gains.remarks[1],
            "output -0.25 dB: the model's 12.25 dBu at full scale against the interface's 12.5 dBu"
        );
    }

    #[test]
    fn raw_needs_nothing_and_says_nothing() {
        let staging =
            Staging { calibrated_input: false, interface: 12.0, output: Output::Raw, missing: Missing::Error };
        for about in [metadata(), Metadata::default()] {
            let gains = staging.gains(&about).unwrap();
            assert_eq!((factor(gains.input), factor(gains.output)), (1.0, 1.0));
            assert!(gains.remarks.is_empty());
        }
    }

    #[test]
    fn what_a_file_does_not_say_is_left_out_taken_as_customary_or_refused() {
        let staging = |output, missing| Staging { calibrated_input: true, interface: 12.0, output, missing };
        let raw = staging(Output::Normalized, Missing::Raw).gains(&Metadata::default()).unwrap();
        assert_eq!((raw.input, raw.output), (0.0, 0.0));
        assert_eq!(raw.remarks, ["no input_level_dbu in the file: input raw", "no loudness in the file: output raw"]);
        let customary = staging(Output::Calibrated, Missing::Default).gains(&Metadata::default()).unwrap();
        assert!((customary.input - -6.3).abs() < 1e-12 && (customary.output - 0.3).abs() < 1e-12, "{customary:?}");
        assert_eq!(customary.remarks[0], "no input_level_dbu in the file: taken as 18.3 dBu");
        let about = Metadata { input_level_dbu: Some(12.0), ..Metadata::default() };
        let error = staging(Output::Normalized, Missing::Error).gains(&about).unwrap_err().to_string();
        assert_eq!(
            error,
            "has no loudness in its metadata, which output: normalized needs, and on_missing: error accepts no substitute. \
             Set output: raw, or on_missing: raw or default"
        );
    }
}
