//! How many channels a plugin has, and which of its busses carry sound.

use audio::device::{BusInfo, DeviceError, Setup};
use audio::{Buffer, EventBody};

use crate::common::*;

fn counts(busses: &[BusInfo]) -> Vec<(usize, bool)> {
    busses.iter().map(|bus| (bus.channels, bus.main)).collect()
}

#[test]
fn channels_change_where_the_plugin_can_and_stay_where_it_cannot() {
    let mut device = vst3("gain");
    assert_eq!((device.ports().main_inputs(), device.ports().main_outputs()), (2, 2));
    let mono = device.request_channels(Some(1), Some(1));
    assert_eq!((mono.main_inputs(), mono.main_outputs()), (1, 1));
    assert_eq!(device.request_channels(Some(1), Some(2)), mono, "it takes the same count on both sides only");
    assert_eq!(device.request_channels(Some(6), Some(6)), mono);
    assert_eq!(device.request_channels(None, None), mono);
    let input = ramp(1, 200);
    let mut stage = Stage::new(device, 512);
    assert_eq!(stage.effect(&input, &[]).unwrap(), input);
    assert_eq!(stage.device.request_channels(Some(2), Some(2)), mono, "ports are constant while active");
    let mut device = stage.stop();
    assert_eq!(device.request_channels(Some(2), Some(2)).main_inputs(), 2);
    let input = ramp(2, 200);
    assert_eq!(Stage::new(device, 64).effect(&input, &[]).unwrap(), input);
}

#[test]
fn a_plugin_of_one_arrangement_keeps_it_whatever_is_asked_for() {
    for (name, channels) in [("stereo-only", 2), ("single", 1), ("surround-only", 4)] {
        let mut device = vst3(name);
        for asked in [1, 2, 4, 6, 64] {
            let ports = device.request_channels(Some(asked), Some(asked));
            assert_eq!((ports.main_inputs(), ports.main_outputs()), (channels, channels), "{name}, {asked}");
        }
        let input = ramp(channels, 130);
        assert_eq!(Stage::new(device, 64).effect(&input, &[]).unwrap(), input, "{name}");
    }
}

#[test]
fn a_plugin_that_refuses_every_arrangement_is_refused_when_it_is_to_be_activated() {
    let mut device = vst3("refuses-arrangements");
    assert_eq!(device.request_channels(Some(2), Some(2)).main_outputs(), 0);
    let refused = device.activate(Setup { sample_rate: RATE, max_block: 64 }).err();
    let reason = "none of its busses has a channel: it refuses every speaker arrangement";
    assert_eq!(refused, Some(DeviceError::Activate(reason.into())));
}

#[test]
fn a_sidechain_is_on_only_while_a_signal_comes_in_on_it() {
    let (main, side) = (ramp(2, 100), Buffer::from_channels(vec![vec![0.25; 100]; 2]));
    let mut device = vst3("sidechain");
    assert_eq!(counts(&device.ports().inputs), [(2, true), (2, false)]);
    for (used, factor) in [(None, 1.0), (Some(true), 0.75), (Some(false), 1.0), (Some(true), 0.75)] {
        if let Some(used) = used {
            device.use_input(1, used);
        }
        let mut stage = Stage::new(device, 33);
        let output = stage.run(&[main.clone(), side.clone()], 100, &[]).unwrap().remove(0);
        for (from, to) in main.channels().flatten().zip(output.channels().flatten()) {
            assert_eq!(from * factor, *to, "{used:?}");
        }
        device = stage.stop();
    }
}

#[test]
fn every_output_bus_gives_its_own_sound() {
    let device = vst3("multi-out");
    let ports = device.ports();
    assert_eq!((counts(&ports.inputs), counts(&ports.outputs)), (vec![], vec![(2, true), (2, false), (1, false)]));
    assert!(ports.note_input && !ports.note_output);
    let on = at(70, EventBody::NoteOn { channel: 0, key: 60, velocity: 1.0, note: None });
    let off = at(90, EventBody::NoteOff { channel: 0, key: 60, velocity: 0.0, note: None });
    let outputs = Stage::new(device, 64).run(&[], 100, &[on, off]).unwrap();
    for (bus, buffer) in outputs.iter().enumerate() {
        for (channel, samples) in buffer.channels().enumerate() {
            let level = (bus + 1) as f32 / 4.0 + channel as f32 / 8.0;
            for (frame, sample) in samples.iter().enumerate() {
                assert_eq!(*sample, if (70..90).contains(&frame) { level } else { 0.0 }, "bus {bus}, frame {frame}");
            }
        }
    }
}

#[test]
fn a_plugin_for_double_precision_alone_is_given_it() {
    let input = ramp(2, 300);
    let render = |name: &str| {
        let mut device = vst3(name);
        let gain = id(&*device, "Gain");
        device.set_value(gain, -7.3).unwrap();
        Stage::new(device, 64).effect(&input, &[at(130, EventBody::Parameter { id: gain, value: 3.1 })]).unwrap()
    };
    // The fixtures compute in double precision, so that both round once, at the end.
    assert_eq!(render("only64"), render("stereo-only"));
    assert!(render("only64").peak() > 0.5);
}

#[test]
fn a_plugin_that_changes_its_channels_has_them_after_a_restart() {
    let device = vst3("io-change");
    let channels = id(&*device, "Channels");
    let mut stage = Stage::new(device, 64);
    for (value, count) in [(1.0, 1), (0.0, 2), (1.0, 1)] {
        let now = stage.device.ports();
        let input = ramp(now.main_inputs(), 64);
        stage.effect(&input, &[at(5, EventBody::Parameter { id: channels, value })]).unwrap();
        assert_eq!(stage.device.ports(), now, "ports are constant while active");
        assert!(stage.device.pump().restart);
        assert!(!stage.device.pump().restart, "it is asked for once");
        let device = stage.stop();
        assert_eq!(counts(&device.ports().inputs), [(count, true)], "as soon as it is inactive");
        stage = Stage::new(device, 64);
        assert_eq!(counts(&stage.device.ports().outputs), [(count, true)]);
    }
    let mono = ramp(1, 64);
    assert_eq!(stage.effect(&mono, &[]).unwrap(), mono);
    assert!(!stage.device.pump().restart);
}
