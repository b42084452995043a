//! Which parameters a random draw may touch.

use audio::device::Parameter;
use serde::{Deserialize, Serialize};

/// Why a parameter is never drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Withheld {
    /// It is not for people's eyes.
    Hidden,
    /// It only reports.
    ReadOnly,
    /// It switches the whole device off.
    Bypass,
    /// It has but one value.
    Constant,
    /// It stands for a MIDI controller.
    MidiController,
    /// It chooses a program or a bank of them, which changes all the others.
    Program,
    /// It says what only the host knows: block size or sample rate.
    HostSetting,
}

/// A parameter that is never drawn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct WithheldParameter {
    /// Its id.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// Why.
    pub why: Withheld,
}

/// Why a parameter may not be drawn; `None` of one that may.
pub fn withheld(parameter: &Parameter) -> Option<Withheld> {
    let Parameter { name, minimum, maximum, flags, .. } = parameter;
    let plain: String = name.chars().filter(|c| !matches!(c, ' ' | '_' | '-')).flat_map(char::to_lowercase).collect();
    // DPF's wrappers add "Buffer Size", "Sample Rate" and "Current Program", DPF's and JUCE's a "MIDI CC ..." for every
    // controller of every channel.
    match plain.as_str() {
        _ if flags.read_only => Some(Withheld::ReadOnly),
        _ if flags.bypass => Some(Withheld::Bypass),
        "bypass" => Some(Withheld::Bypass),
        "buffersize" | "blocksize" | "samplerate" => Some(Withheld::HostSetting),
        "currentprogram" | "program" | "programchange" | "bank" | "bankselect" => Some(Withheld::Program),
        midi if is_midi_controller(midi) => Some(Withheld::MidiController),
        _ if flags.hidden => Some(Withheld::Hidden),
        _ if !(minimum < maximum && minimum.is_finite() && maximum.is_finite()) => Some(Withheld::Constant),
        _ => None,
    }
}

/// `midicc0|1`, `midich.1cc7`, `cc74`, `midichannel1pitchbend`, but not `cctoneshape` or `midinote`.
fn is_midi_controller(plain: &str) -> bool {
    let numbered = |rest: &str| rest.starts_with(|c: char| c.is_ascii_digit());
    plain.strip_prefix("midicc").is_some_and(|rest| rest.is_empty() || !rest.starts_with(char::is_alphabetic))
        || plain.strip_prefix("midich").is_some_and(|rest| {
            let rest = rest.strip_prefix("annel").unwrap_or(rest);
            numbered(rest.trim_start_matches('.'))
        })
        || plain.strip_prefix("cc").is_some_and(|rest| !rest.is_empty() && rest.chars().all(|c| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use audio::device::{ParameterFlags, ParameterId};

    use super::*;

    fn parameter(name: &str) -> Parameter {
        let (minimum, maximum, default) = (0.0, 1.0, 0.5);
        let flags = ParameterFlags { automatable: true, ..ParameterFlags::default() };
        Parameter { id: ParameterId(1), name: name.to_owned(), group: String::new(), minimum, maximum, default, flags }
    }

    #[test]
    fn controls_that_people_turn_may_be_drawn() {
        for name in ["Drive", "Sample", "Buffer", "Rate", "CC Tone", "MIDI Note", "Midichlorians", "Program Level", ""]
        {
            assert_eq!(withheld(&parameter(name)), None, "{name}");
        }
        let stepped = ParameterFlags { stepped: true, ..ParameterFlags::default() };
        assert_eq!(withheld(&Parameter { flags: stepped, ..parameter("Mode") }), None);
    }

    #[test]
    fn what_belongs_to_the_host_or_to_midi_is_known_by_name() {
        for (name, why) in [
            ("Buffer Size", Withheld::HostSetting),
            ("Sample Rate", Withheld::HostSetting),
            ("sample_rate", Withheld::HostSetting),
            ("Current Program", Withheld::Program),
            ("Program", Withheld::Program),
            ("Bank", Withheld::Program),
            ("MIDI CC 0|1", Withheld::MidiController),
            ("MIDI CC 74", Withheld::MidiController),
            ("MIDI Ch. 1 CC 7", Withheld::MidiController),
            ("MIDI Channel 16 Pitchbend", Withheld::MidiController),
            ("CC7", Withheld::MidiController),
            ("Bypass", Withheld::Bypass),
        ] {
            assert_eq!(withheld(&parameter(name)), Some(why), "{name}");
        }
    }

    #[test]
    fn what_the_plugin_says_of_a_parameter_counts() {
        let flagged = |flags| withheld(&Parameter { flags, ..parameter("Drive") });
        assert_eq!(flagged(ParameterFlags { hidden: true, ..Default::default() }), Some(Withheld::Hidden));
        assert_eq!(flagged(ParameterFlags { read_only: true, ..Default::default() }), Some(Withheld::ReadOnly));
        assert_eq!(flagged(ParameterFlags { bypass: true, ..Default::default() }), Some(Withheld::Bypass));
        assert_eq!(withheld(&Parameter { maximum: 0.0, ..parameter("Drive") }), Some(Withheld::Constant));
        assert_eq!(withheld(&Parameter { maximum: f64::INFINITY, ..parameter("Drive") }), Some(Withheld::Constant));
    }
}
