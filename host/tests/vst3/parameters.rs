//! Parameters: what they are, how they are worded, and that a value that is set is there.

use audio::EventBody;
use audio::device::{DeviceError, ParameterId};
use presets::vstpreset::VstPreset;
use proptest::prelude::*;

use crate::common::*;

#[test]
fn parameters_carry_plain_ranges_and_flags() {
    let device = vst3("gain");
    let parameters = device.parameters();
    assert_eq!(
        parameters.iter().map(|p| (p.name.as_str(), p.id.0)).collect::<Vec<_>>(),
        [("Gain", 1000), ("Own", 2000)]
    );
    let gain = &parameters[0];
    assert_eq!((gain.minimum, gain.maximum), (-60.0, 24.0));
    assert!((gain.default - 0.0).abs() < 1e-9);
    assert!(gain.flags.automatable && !gain.flags.stepped && !gain.flags.read_only && !gain.flags.hidden);
    assert!(!parameters[1].flags.automatable);
    let sine = vst3("sine").parameters();
    let program = sine.iter().find(|p| p.name == "Program").unwrap();
    assert_eq!((program.minimum, program.maximum, program.flags.stepped), (0.0, 3.0, true));
    let meter = &vst3("output-parameter").parameters()[0];
    assert!(meter.flags.read_only && !meter.flags.automatable);
}

#[test]
fn values_are_worded_and_read_with_and_without_unit_and_never_beyond_the_range() {
    let device = vst3("gain");
    let gain = id(&*device, "Gain");
    assert_eq!(device.text(gain, -6.0).as_deref(), Some("-6.0 dB"));
    for written in ["-12 dB", "-12", " -12.0dB ", "-12 DB"] {
        let read = device.parse(gain, written);
        assert!(read.is_some_and(|value| (value + 12.0).abs() < 1e-9), "{written}: {read:?}");
    }
    for written in ["loud", "", "nan", "inf", "9000 dB", "-61", "a\0b", "12 s"] {
        assert_eq!(device.parse(gain, written), None, "{written:?}");
    }
    let sine = vst3("sine");
    let program = id(&*sine, "Program");
    assert_eq!(sine.text(program, 2.0).as_deref(), Some("Third"));
    assert_eq!((sine.parse(program, "Third"), sine.parse(program, "fourth")), (Some(2.0), Some(3.0)));
    assert_eq!(sine.parse(program, "Fifth"), None);
    let late = vst3("latency-change");
    let frames = id(&*late, "Frames");
    assert_eq!(late.text(frames, 100.0).as_deref(), Some("100 frames"));
    assert_eq!((late.parse(frames, "8192 frames"), late.parse(frames, "8193")), (Some(8192.0), None));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn whatever_text_is_read_the_value_lies_within_the_range(text in ".{0,200}", number in -200.0..200.0f64) {
        let device = vst3("gain");
        let gain = id(&*device, "Gain");
        for written in [text.clone(), format!("{number}{text}"), format!("{number} dB")] {
            if let Some(value) = device.parse(gain, &written) {
                prop_assert!((-60.0..=24.0).contains(&value), "{written:?} is read as {value}");
            }
        }
        let read = device.parse(gain, &format!("{number} dB"));
        prop_assert_eq!(read.is_some(), (-60.0..=24.0).contains(&number));
    }
}

#[test]
fn an_unknown_parameter_is_refused_everywhere() {
    let mut device = vst3("gain");
    for unknown in [ParameterId(7), ParameterId(u32::MAX)] {
        assert_eq!(device.value(unknown), Err(DeviceError::NoSuchParameter(unknown)));
        assert_eq!(device.set_value(unknown, 0.0), Err(DeviceError::NoSuchParameter(unknown)));
        assert_eq!((device.text(unknown, 0.0), device.parse(unknown, "0")), (None, None));
    }
}

#[test]
fn a_value_set_while_inactive_is_there_and_heard_from_the_first_frame() {
    for (name, channels) in [("gain", 2), ("single", 1), ("only64", 2), ("state-empty", 2)] {
        let mut device = vst3(name);
        let gain = id(&*device, "Gain");
        device.set_value(gain, 9.0).unwrap();
        device.set_value(gain, 20.0 * 2f64.log10()).unwrap();
        assert!((device.value(gain).unwrap() - 6.0206).abs() < 1e-4, "{name}");
        let input = ramp(channels, 200);
        let mut stage = Stage::new(device, 64);
        let output = stage.effect(&input, &[]).unwrap();
        for (from, to) in input.channels().flatten().zip(output.channels().flatten()) {
            assert!((from * 2.0 - to).abs() < 1e-6, "{name}");
        }
        // It is kept over a reset and over another activation.
        stage.processor().reset();
        assert_eq!(stage.effect(&input, &[]).unwrap(), output, "{name}");
        assert_eq!(Stage::new(stage.stop(), 32).effect(&input, &[]).unwrap(), output, "{name}");
    }
}

#[test]
fn a_value_set_is_in_a_state_that_is_saved_before_anything_was_processed() {
    let mut device = vst3("gain");
    let (gain, own) = (id(&*device, "Gain"), id(&*device, "Own"));
    device.set_value(gain, -3.5).unwrap();
    device.set_value(own, 0.75).unwrap();
    let at_once = VstPreset::read(&device.save_state().unwrap()).unwrap();
    let mut stage = Stage::new(device, 64);
    stage.effect(&ramp(2, 64), &[]).unwrap();
    let after_a_block = VstPreset::read(&stage.stop().save_state().unwrap()).unwrap();
    assert_eq!((&at_once.component, &at_once.controller), (&after_a_block.component, &after_a_block.controller));
    // The component's half alone says it too.
    let mut other = vst3("gain");
    other.load_state(&at_once.component.unwrap()).unwrap();
    assert!((other.value(gain).unwrap() + 3.5).abs() < 1e-9);
}

#[test]
fn what_a_plugin_reports_is_produced_at_its_frame_and_reaches_its_controller() {
    let device = vst3("output-parameter");
    let meter = id(&*device, "Meter");
    let mut stage = Stage::new(device, 64);
    let mut input = vec![vec![0.0; 150]; 2];
    for (frame, sample) in [(63, 0.5), (64, -0.25), (149, 0.125)] {
        input[0][frame] = sample;
    }
    stage.effect(&audio::Buffer::from_channels(input), &[]).unwrap();
    assert_eq!(stage.reports(meter), [(63, 0.5), (64, 0.25), (149, 0.125)]);
    assert_eq!(stage.device.value(meter), Ok(0.0), "the controller hears of it between blocks");
    stage.device.pump();
    assert_eq!(stage.device.value(meter), Ok(0.125));
}

#[test]
fn automation_reaches_the_controller_with_the_next_pump() {
    let device = vst3("gain");
    let gain = id(&*device, "Gain");
    let mut stage = Stage::new(device, 64);
    let change = |frame, value| at(frame, EventBody::Parameter { id: gain, value });
    stage.effect(&ramp(2, 128), &[change(3, -20.0), change(100, -30.0)]).unwrap();
    stage.device.pump();
    assert!((stage.device.value(gain).unwrap() + 30.0).abs() < 1e-9);
    let mut device = stage.stop();
    let state = device.save_state().unwrap();
    let mut other = vst3("gain");
    other.load_state(&state).unwrap();
    assert!((other.value(gain).unwrap() + 30.0).abs() < 1e-9, "and is in the state");
}

#[test]
fn a_value_that_the_plugin_has_no_number_for_is_as_far_between_the_ends() {
    let mut device = vst3("no-number");
    let (first, second) = (id(&*device, "First"), id(&*device, "Second"));
    device.set_value(second, 0.5).unwrap();
    assert_eq!(device.value(second), Ok(0.5));
    let mut stage = Stage::new(device, 64);
    stage.effect(&ramp(2, 64), &[]).unwrap();
    assert_eq!(stage.reports(first), [(0, 0.5)]);
}
