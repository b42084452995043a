//! What every device keeps, whatever it is.

use audio::device::{DeviceError, ParameterId, ProcessError, Setup};
use audio::{Block, Buffer, Device, Event, EventBody, Transport};

use crate::rig::*;

/// Every device with something in it to hear, and an input for it.
pub fn scenes() -> Vec<(Box<dyn Device>, Buffer, Vec<Timed>)> {
    let mut scenes = Vec::new();
    for info in listed() {
        for channels in if info.instrument { [0].as_slice() } else { &[1, 2] } {
            let device = create(&info.id);
            let frames = 6000;
            let input = match channels {
                0 => nothing(frames),
                1 => mono(noise(1, 0.4, frames)),
                _ => stereo(noise(1, 0.4, frames), noise(2, 0.3, frames)),
            };
            let mut events = Vec::new();
            if info.instrument {
                let bend = EventBody::Midi { bytes: [0xe0, 0, 90] };
                let pedal = EventBody::Midi { bytes: [0xb0, 64, 127] };
                let drum = EventBody::NoteOn { channel: 9, key: 42, velocity: 0.7, note: None };
                events.extend([
                    (0, note_on(60, 0.8)),
                    (77, note_on(64, 0.5)),
                    (701, drum),
                    (1033, bend),
                    (1500, pedal),
                    (1999, note_off(60)),
                    (2000, note_on(60, 1.0)),
                    (4001, note_off(64)),
                ]);
            }
            scenes.push((device, input, events));
        }
    }
    scenes
}

/// Adds a change of every automatable parameter, one after the other, at odd frames.
pub fn with_changes(device: &dyn Device, events: &mut Vec<Timed>) {
    let automatable = device.parameters().into_iter().filter(|p| p.flags.automatable);
    for (index, p) in automatable.enumerate() {
        // Programs that the SoundFont does not have are another test's affair.
        let value = if p.name == "Program" { 33.0 } else { p.minimum + 0.37 * (p.maximum - p.minimum) };
        if p.name != "Bank" {
            events.push((201 + 173 * index, EventBody::Parameter { id: p.id, value }));
        }
    }
    events.sort_by_key(|(frame, _)| *frame);
}

#[test]
fn every_listed_device_can_be_made_and_is_called_so() {
    let names: Vec<String> = devices::list().into_iter().map(|info| info.id).collect();
    let expected = [
        "gain",
        "pan",
        "soundfont",
        "cabinet",
        "eq",
        "compressor",
        "gate",
        "delay",
        "drive",
        "reverb",
        "nam",
        "rnn",
        "limiter",
    ];
    assert_eq!(names, expected);
    // An rnn plays a file; all others can do without.
    for info in devices::list().into_iter().filter(|info| info.id != "rnn") {
        assert_eq!(*create(&info.id).info(), info);
        assert_eq!(info.format, "builtin");
    }
}

#[test]
fn an_unknown_name_is_refused_with_what_may_have_been_meant() {
    let error = devices::create("compresor", &Default::default()).err().expect("there is no such device");
    assert_eq!(
        error.to_string(),
        "cannot load builtin:compresor: there is no built-in device of that name; did you mean \"compressor\"? There \
         are: gain, pan, soundfont, cabinet, eq, compressor, gate, delay, drive, reverb, nam, rnn, limiter"
    );
}

#[test]
fn an_asset_that_a_device_has_no_use_for_is_refused() {
    let assets = [("ir".to_owned(), presets::Asset::Embedded("cabinet-4x12".to_owned()))].into();
    let error = devices::create("gain", &assets).err().expect("gain has no assets");
    assert_eq!(
        error.to_string(),
        "cannot load builtin:gain: it has no asset of the role \"ir\"; it works with no files"
    );
    let assets = [("soundfont".to_owned(), presets::Asset::Embedded("tonemill".to_owned()))].into();
    assert!(matches!(devices::create("cabinet", &assets), Err(DeviceError::Load { .. })));
    let assets = [("ir".to_owned(), presets::Asset::Embedded("cabinet-4x10".to_owned()))].into();
    let error = devices::create("cabinet", &assets).err().expect("there is no such asset").to_string();
    assert!(error.contains("did you mean \"cabinet-4x12\"?"), "{error}");
}

#[test]
fn everything_that_is_embedded_has_its_name() {
    for name in devices::embedded::NAMES {
        let start: &[u8] = if *name == "chump" { b"{\"version\"" } else { b"RIFF" };
        assert!(devices::embedded::get(name).is_some_and(|bytes| bytes.starts_with(start)), "{name}");
    }
    assert!(devices::embedded::get("nothing").is_none());
}

#[test]
fn parameters_are_unambiguous_and_read_their_own_texts() {
    for info in listed() {
        let device = create(&info.id);
        let parameters = device.parameters();
        for p in &parameters {
            let plain = |name: &str| name.to_lowercase().replace([' ', '-', '_'], "");
            let same = parameters.iter().filter(|other| plain(&other.name) == plain(&p.name)).count();
            assert_eq!(same, 1, "{} {}", info.id, p.name);
            assert!((p.minimum..=p.maximum).contains(&p.default), "{} {}", info.id, p.name);
            assert_eq!(device.value(p.id), Ok(p.default));
            for part in [0.0, 0.13, 0.5, 0.77, 1.0] {
                let mut value = p.minimum + part * (p.maximum - p.minimum);
                if p.flags.stepped {
                    value = value.round();
                }
                let text = device.text(p.id, value).expect("every parameter has words");
                let read = device.parse(p.id, &text).unwrap_or_else(|| panic!("{text:?} is not read back"));
                // Texts have three decimals, of kilohertz and seconds too.
                assert!((read - value).abs() <= 0.51, "{} {}: {value} is {text:?}, {read}", info.id, p.name);
                assert_eq!(device.text(p.id, read).as_ref(), Some(&text));
            }
        }
    }
}

#[test]
fn values_outside_the_range_are_refused_and_change_nothing() {
    for info in listed() {
        let mut device = create(&info.id);
        for p in device.parameters() {
            for value in [p.minimum - 1.0, p.maximum + 1.0, f64::NAN, f64::INFINITY] {
                let error = device.set_value(p.id, value).expect_err("the value is outside");
                assert!(matches!(error, DeviceError::OutOfRange { .. }), "{error}");
            }
            assert_eq!(device.value(p.id), Ok(p.default));
        }
        let nowhere = ParameterId(1000);
        assert_eq!(device.set_value(nowhere, 0.0), Err(DeviceError::NoSuchParameter(nowhere)));
        assert_eq!(device.value(nowhere), Err(DeviceError::NoSuchParameter(nowhere)));
    }
}

#[test]
fn a_refused_value_names_its_parameter_and_range() {
    let mut gain = create("gain");
    let error = gain.set_value(ParameterId(0), 900.0).expect_err("900 dB is too much");
    assert_eq!(error.to_string(), "Gain = 900 is outside -120..24");
}

#[test]
fn a_saved_state_makes_another_instance_sound_alike() {
    for (mut device, input, mut events) in scenes() {
        for p in device.parameters() {
            if !["Program", "Bank"].contains(&p.name.as_str()) {
                let value = p.minimum + 0.3 * (p.maximum - p.minimum);
                device.set_value(p.id, value).expect("the value is in range");
            }
        }
        events.truncate(4);
        let state = device.save_state().expect("it has a state");
        let mut other = create(&device.info().id);
        other.load_state(&state).expect("it is its own kind of state");
        for p in device.parameters() {
            assert_eq!(other.value(p.id), device.value(p.id));
        }
        assert!(render(&mut *other, &input, &events) == render(&mut *device, &input, &events), "{}", device.info().id);
    }
}

#[test]
fn states_of_others_are_refused_and_change_nothing() {
    let mut gain = made("gain", &[("Gain", "-3 dB")]);
    let refused = [
        ("", "it is no state of a built-in device"),
        ("{\"version\":2,\"device\":\"gain\",\"values\":{}}", "its version is 2, this program reads version 1"),
        ("{\"version\":1,\"device\":\"pan\",\"values\":{}}", "it belongs to pan, not to gain"),
        ("{\"version\":1,\"device\":\"gain\",\"values\":{\"Loudness\":1}}", "gain has no parameter \"Loudness\""),
        ("{\"version\":1,\"device\":\"gain\",\"values\":{\"Gain\":99}}", "Gain = 99 is outside -120..24"),
    ];
    for (state, reason) in refused {
        let error = gain.load_state(state.as_bytes()).expect_err("the state is refused").to_string();
        assert!(error.contains(reason), "{error}");
        assert_eq!(gain.value(ParameterId(0)), Ok(-3.0));
    }
}

#[test]
fn events_with_values_outside_the_range_fail_the_block() {
    let mut gain = create("gain");
    let setup = Setup { sample_rate: RATE, max_block: 8 };
    let mut processor = gain.activate(setup).expect("gain can be activated");
    let body = EventBody::Parameter { id: ParameterId(0), value: 99.0 };
    let mut block = Block {
        frames: 8,
        inputs: &mut [Buffer::new(2, 8)],
        outputs: &mut [Buffer::new(2, 8)],
        events: &[Event { frame: 3, body }],
        produced: &mut Vec::new(),
        transport: &Transport::start(RATE),
    };
    assert_eq!(processor.process(&mut block), Err(ProcessError::Failed));
}
