//! States, and the files that they come in.

use audio::device::DeviceError;
use audio::{Buffer, Device};
use presets::vstpreset::VstPreset;
use proptest::prelude::*;
use tonemill_fixtures::vst3::{bundle, class_id, module_info};

use crate::common::scratch::Scratch;
use crate::common::*;

fn gain_of(device: &dyn Device) -> f64 {
    device.value(id(device, "Gain")).unwrap()
}

fn at_gain(name: &str, decibels: f64) -> Box<dyn Device> {
    let mut device = vst3(name);
    let gain = id(&*device, "Gain");
    device.set_value(gain, decibels).unwrap();
    device
}

/// The gain that a device sounds with, in decibels: some controllers do not follow their component's state.
fn heard(device: &mut Box<dyn Device>) -> f64 {
    let mut stage = Stage::new(std::mem::replace(device, vst3("copy")), 64);
    let channels = stage.device.ports().main_inputs();
    let output = stage.effect(&Buffer::from_channels(vec![vec![1.0; 64]; channels]), &[]).unwrap();
    *device = stage.stop();
    assert!(output.channels().flatten().all(|sample| *sample == output.channel(0)[0]));
    // Samples have single precision.
    (20e6 * f64::from(output.channel(0)[0]).log10()).round() / 1e6
}

#[track_caller]
fn close(a: f64, b: f64) {
    assert!((a - b).abs() < 1e-9, "{a} is not {b}");
}

#[test]
fn a_state_makes_another_instance_equal_in_both_halves() {
    for name in ["gain", "single", "only64", "state-short-reads"] {
        let mut device = at_gain(name, -3.5);
        let own = device.parameters().into_iter().find(|parameter| parameter.name == "Own").map(|p| p.id);
        own.into_iter().for_each(|own| device.set_value(own, 0.75).unwrap());
        let state = device.save_state().unwrap();
        assert_eq!(device.save_state().as_ref(), Ok(&state), "{name}: saving changes nothing");
        let mut other = vst3(name);
        other.load_state(&state).unwrap();
        own.into_iter().for_each(|own| close(other.value(own).unwrap(), 0.75));
        assert_eq!(other.save_state(), Ok(state), "{name}");
        assert_eq!((heard(&mut other), heard(&mut device)), (-3.5, -3.5), "{name}");
    }
}

#[test]
fn a_state_takes_the_place_of_values_set_before_and_values_set_after_it_count() {
    let state = at_gain("gain", -3.5).save_state().unwrap();
    let mut device = at_gain("gain", 12.0);
    device.load_state(&state).unwrap();
    close(gain_of(&*device), -3.5);
    let (input, quiet) = (ramp(2, 64), at_gain("gain", -3.5));
    let expected = Stage::new(quiet, 64).effect(&input, &[]).unwrap();
    let mut stage = Stage::new(device, 64);
    assert_eq!(stage.effect(&input, &[]).unwrap(), expected);
    let mut device = stage.stop();
    device.load_state(&state).unwrap();
    let gain = id(&*device, "Gain");
    device.set_value(gain, 0.0).unwrap();
    assert_eq!(Stage::new(device, 64).effect(&input, &[]).unwrap(), input);
}

#[test]
fn a_state_is_a_preset_file_with_the_plugins_own_class_and_name() {
    let state = at_gain("gain", -3.5).save_state().unwrap();
    let preset = VstPreset::read(&state).unwrap();
    assert_eq!((preset.class.clone(), preset.plugin_name()), (class_id("gain"), Some("Fixture Gain".into())));
    // Kept apart: the component's half does not know what is the controller's own.
    let (component, controller) = (preset.component.unwrap(), preset.controller.unwrap());
    assert_ne!(component, controller);

    // The component's half by itself is accepted as well, and as a preset file without the other half.
    let mut device = vst3("gain");
    device.load_state(&component).unwrap();
    close(gain_of(&*device), -3.5);
    let half = VstPreset { class: class_id("gain"), component: Some(component), ..VstPreset::default() };
    let mut device = vst3("gain");
    device.load_state(&half.write()).unwrap();
    close(gain_of(&*device), -3.5);
    let program = VstPreset { component: None, program: Some(vec![1]), ..half };
    assert!(matches!(device.load_state(&program.write()), Err(DeviceError::State(_))), "a program is no state");
}

#[test]
fn a_plugin_without_state_says_so() {
    let error = vst3("state-empty").save_state().unwrap_err();
    assert_eq!(error, DeviceError::Stateless("Fixture State Empty".into()));
}

#[test]
fn another_plugins_preset_is_refused_with_both_names() {
    let foreign = at_gain("gain", 1.0).save_state().unwrap();
    let mut device = at_gain("state-picky", -3.5);
    let error = device.load_state(&foreign).unwrap_err().to_string();
    let (gain, picky) = (class_id("gain"), class_id("state-picky"));
    let reason = format!("it was saved by \"Fixture Gain\" ({gain}), and this is \"Fixture State Picky\" ({picky})");
    assert_eq!(error, format!("the state was refused: {reason}"));
    assert_eq!(heard(&mut device), -3.5);
}

#[test]
fn a_state_that_is_refused_by_a_plugin_that_is_in_it_anyway_is_taken() {
    let mut device = vst3("state-refused");
    let state = device.save_state().unwrap();
    assert_eq!(device.load_state(&state), Ok(()));
    assert!(device.load_state(b"another").unwrap_err().to_string().contains("could not read the 7 bytes"));
}

#[test]
fn bytes_that_the_plugin_refuses_are_an_error_and_change_nothing() {
    let mut device = at_gain("state-picky", -3.5);
    let whole = device.save_state().unwrap();
    let foreign = VstPreset::read(&at_gain("gain", 1.0).save_state().unwrap()).unwrap().component.unwrap();
    for refused in [&b""[..], b"latency12345678", &foreign] {
        let error = device.load_state(refused).unwrap_err().to_string();
        let bytes = refused.len();
        let reason = format!(
            "Fixture State Picky could not read the {bytes} bytes of its state. Was it saved by another plugin?"
        );
        assert_eq!(error, format!("the state was refused: {reason}"));
    }
    for length in 0..whole.len() {
        assert!(device.load_state(&whole[..length]).is_err(), "{length} bytes of {}", whole.len());
    }
    assert_eq!(heard(&mut device), -3.5);
    device.load_state(&whole).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn damaged_states_are_refused_or_harmless(
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        noise in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut device = at_gain("state-picky", -3.5);
        let mut bytes = device.save_state().unwrap();
        flips.iter().for_each(|(index, value)| { let at = index.index(bytes.len()); bytes[at] = *value; });
        for state in [bytes, noise] {
            // Bytes within the gain itself may have been struck: then it is another. Where the controller refuses its
            // half, the component has taken its own already.
            let refused = device.load_state(&state).err().map(|error| error.to_string());
            if refused.is_some_and(|reason| !reason.contains("controller's state")) {
                prop_assert_eq!(heard(&mut device), -3.5);
            }
            let value = gain_of(&*device);
            prop_assert!((-60.0..=24.0).contains(&value), "{}", value);
            prop_assert!(!device.save_state().unwrap().is_empty());
            let gain = id(&*device, "Gain");
            device.set_value(gain, -3.5).unwrap();
        }
    }
}

#[test]
fn a_bundle_says_which_older_plugins_states_its_own_takes() {
    let scratch = Scratch::new("compatibility");
    let path = bundle(&scratch.0, "gain");
    let info = module_info(&path);
    let text = std::fs::read_to_string(&info).unwrap();
    // As the SDK writes it, in the form with dashes that some write by hand.
    let (old, new) = ("0123ABCD-0123-ABCD-0123-ABCD0123ABCD", class_id("gain"));
    let compatibility =
        format!("  \"Compatibility\": [\n    {{ \"New\": \"{new}\", \"Old\": [ \"{old}\", ], }},\n  ],\n}}\n");
    let (body, _) = text.rsplit_once('}').unwrap();
    std::fs::write(&info, format!("{body}{compatibility}")).unwrap();
    let mut device = tonemill_host::vst3::load(&path, None).unwrap();
    let state = at_gain("gain", -3.5).save_state().unwrap();
    let of_class = |class: &str| VstPreset { class: class.into(), ..VstPreset::read(&state).unwrap() }.write();
    device.load_state(&of_class(&old.replace('-', ""))).unwrap();
    close(gain_of(&*device), -3.5);
    assert!(device.load_state(&of_class("0123ABCD0123ABCD0123ABCD0123ABCE")).is_err());

    // Elsewhere the same class is a stranger.
    assert!(vst3("gain").load_state(&of_class(&old.replace('-', ""))).is_err());
}

#[test]
fn a_broken_moduleinfo_keeps_no_plugin_from_loading() {
    let scratch = Scratch::new("moduleinfo");
    let path = bundle(&scratch.0, "copy");
    let info = module_info(&path);
    let text = std::fs::read(&info).unwrap();
    std::fs::write(&info, &text[..text.len() / 2]).unwrap();
    assert_eq!(tonemill_host::vst3::list(&path).unwrap().len(), 1);
    tonemill_host::vst3::load(&path, None).unwrap();
}

#[test]
fn a_preset_file_is_loaded_and_a_bad_one_named() {
    let scratch = Scratch::new("preset");
    let state = at_gain("gain", -3.5).save_state().unwrap();
    let component = VstPreset::read(&state).unwrap().component.unwrap();
    let good = scratch.file("good.vstpreset", &state);
    let cut = scratch.file("cut.vstpreset", &state[..state.len() - 1]);
    let raw = scratch.file("raw.bin", &component);
    let mut device = vst3("gain");
    device.load_preset(&good).unwrap();
    close(gain_of(&*device), -3.5);
    let mut refusal = |path: &std::path::Path| device.load_preset(path).unwrap_err().to_string();
    for (path, reason) in [
        (&cut, "damaged"),
        (&raw, "it is no VST3 preset file. Name a raw state under state instead"),
        (&scratch.0.join("none.vstpreset"), "the preset cannot be read"),
    ] {
        let error = refusal(path);
        assert!(error.contains(&path.display().to_string()) && error.contains(reason), "{error}");
    }
    let error = vst3("copy").load_preset(&good).unwrap_err().to_string();
    assert!(error.contains("good.vstpreset: it was saved by \"Fixture Gain\""), "{error}");
}
