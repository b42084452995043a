//! How a device's channels meet the signal's. Planner and worker share these rules, so what is planned is what happens.
//!
//! First the device is asked for channels ([`request`]); then, with what it settled on, [`plan_step`] says what is done.

pub use audio::device::Adaptation;
use audio::device::Ports;
use presets::ChannelPolicy;

/// Channels to ask a device for; `None` leaves a direction as the device has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// Of the main input.
    pub inputs: Option<usize>,
    /// Of the main output.
    pub outputs: Option<usize>,
}

/// One device of a chain, as far as channels go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// What is done in front of it.
    pub adaptation: Adaptation,
    /// Channels of the signal behind it.
    pub channels: usize,
}

/// Why a device cannot stand at its place in a chain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChannelError {
    /// It gives no sound.
    #[error("it has no main output, so nothing would be heard behind it")]
    NoOutput,
    /// It takes no sound, and there is some.
    #[error("it takes no audio; an instrument stands first in the chain of a MIDI track")]
    NoInput,
    /// The counts differ, and no policy was chosen that fits.
    #[error("the signal has {signal} and it takes {}", channels(*.device))]
    Mismatch {
        /// Channels of the signal, in words.
        signal: String,
        /// Channels of its main input.
        device: usize,
        /// Policies that would fit.
        possible: Vec<ChannelPolicy>,
    },
}

/// Whether a device may stand first in the chain of a track that is made of notes: it takes them, or it takes nothing at
/// all and sounds by itself, as test generators do.
pub fn may_begin(ports: &Ports) -> bool {
    ports.note_input || ports.main_inputs() == 0
}

/// What to ask a device for, given the channels of the signal in front of it; 0 for the notes of an instrument.
pub fn request(signal: usize, policy: ChannelPolicy) -> Request {
    match (signal, policy) {
        // Instruments are stereo where they can be.
        (0, _) => Request { inputs: None, outputs: Some(2) },
        (1, ChannelPolicy::Duplicate) => Request { inputs: Some(2), outputs: Some(2) },
        (2.., ChannelPolicy::DualMono | ChannelPolicy::Downmix) => Request { inputs: Some(1), outputs: Some(1) },
        (n, _) => Request { inputs: Some(n), outputs: Some(n) },
    }
}

/// What is done at a device that settled on `inputs` and `outputs` main channels.
pub fn plan_step(signal: usize, inputs: usize, outputs: usize, policy: ChannelPolicy) -> Result<Step, ChannelError> {
    let step = |adaptation, channels| Ok(Step { adaptation, channels });
    match (signal, inputs, outputs, policy) {
        (_, _, 0, _) => Err(ChannelError::NoOutput),
        // In front of an instrument there are notes only; an audio input that it may have gets silence.
        (0, _, out, _) => step(Adaptation::AsIs, out),
        (_, 0, _, _) => Err(ChannelError::NoInput),
        (signal, inputs, out, _) if signal == inputs => step(Adaptation::AsIs, out),
        (1, 2, out, ChannelPolicy::Duplicate) => step(Adaptation::Duplicate, out),
        (2.., 1, 1, ChannelPolicy::DualMono) => step(Adaptation::DualMono, signal),
        (2.., 1, out, ChannelPolicy::Downmix) => step(Adaptation::Downmix, out),
        (signal, inputs, out, _) => {
            let possible = match (signal, inputs, out) {
                (1, 2, _) => vec![ChannelPolicy::Duplicate],
                (2.., 1, 1) => vec![ChannelPolicy::DualMono, ChannelPolicy::Downmix],
                (2.., 1, _) => vec![ChannelPolicy::Downmix],
                _ => Vec::new(),
            };
            Err(ChannelError::Mismatch { signal: channels(signal), device: inputs, possible })
        }
    }
}

/// A count of channels in words: "1 channel".
pub fn channels(count: usize) -> String {
    if count == 1 { "1 channel".to_owned() } else { format!("{count} channels") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ChannelPolicy::{Downmix, DualMono, Duplicate, Error};

    #[test]
    fn equal_counts_pass_under_every_policy() {
        for policy in [Error, Duplicate, DualMono, Downmix] {
            for n in 1..=8 {
                assert_eq!(plan_step(n, n, n, policy), Ok(Step { adaptation: Adaptation::AsIs, channels: n }));
            }
        }
    }

    #[test]
    fn different_counts_pass_only_under_the_policy_that_was_chosen() {
        let step = |adaptation, channels| Ok(Step { adaptation, channels });
        assert_eq!(plan_step(1, 2, 2, Duplicate), step(Adaptation::Duplicate, 2));
        assert_eq!(plan_step(2, 1, 1, DualMono), step(Adaptation::DualMono, 2));
        assert_eq!(plan_step(2, 1, 1, Downmix), step(Adaptation::Downmix, 1));
        assert_eq!(plan_step(2, 1, 2, Downmix), step(Adaptation::Downmix, 2));
        for (signal, inputs, outputs, policy) in
            [(1, 2, 2, Error), (1, 2, 2, Downmix), (2, 1, 1, Duplicate), (2, 1, 2, DualMono), (6, 2, 2, Downmix)]
        {
            assert!(plan_step(signal, inputs, outputs, policy).is_err());
        }
    }

    #[test]
    fn a_refusal_names_the_policies_that_would_fit() {
        let Err(ChannelError::Mismatch { possible, .. }) = plan_step(2, 1, 1, Error) else { panic!("it is refused") };
        assert_eq!(possible, [DualMono, Downmix]);
        let error = plan_step(6, 2, 2, Error).unwrap_err();
        assert_eq!(error.to_string(), "the signal has 6 channels and it takes 2 channels");
    }

    #[test]
    fn a_policy_that_is_named_as_possible_is_possible() {
        for (signal, inputs, outputs) in (1..5).flat_map(|s| (1..5).flat_map(move |i| (1..3).map(move |o| (s, i, o)))) {
            if let Err(ChannelError::Mismatch { possible, .. }) = plan_step(signal, inputs, outputs, Error) {
                for policy in possible {
                    assert!(plan_step(signal, inputs, outputs, policy).is_ok());
                }
            }
        }
    }

    #[test]
    fn instruments_stand_in_front_of_everything_and_give_sound() {
        assert_eq!(plan_step(0, 0, 2, Error), Ok(Step { adaptation: Adaptation::AsIs, channels: 2 }));
        assert_eq!(plan_step(2, 0, 2, Error), Err(ChannelError::NoInput));
        assert_eq!(plan_step(0, 0, 0, Error), Err(ChannelError::NoOutput));
    }
}
