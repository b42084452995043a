//! The whole life of every fixture that comes through it, under the eyes of the fixtures.

use std::process::Command;

use audio::device::{DeviceInfo, ProcessMode};
use audio::{Buffer, Device, Event, EventBody, Expression, SampleRate};
use tonemill_fixtures::vst3::{VIOLATION, class_id};

use crate::common::*;

/// Those that do not come through. Each has a test of its own, here or in `crashes`.
const OTHERS: [&str; 10] = [
    "crash-in-initialize",
    "hang-in-initialize",
    "initialize-fails",
    "state-crash",
    "endless-edit-state",
    "null-controller",
    "huge-bus-count",
    "refuses-arrangements",
    "crash-in-terminate",
    "hang-in-terminate",
];

fn load(info: &DeviceInfo) -> Box<dyn Device> {
    let mut device = tonemill_host::vst3::load(&tonemill_fixtures::path(), Some(&info.id)).unwrap();
    if let Some(time) = device.parameters().iter().find(|parameter| parameter.name == "At") {
        device.set_value(time.id, time.maximum).unwrap();
    }
    if info.id == class_id("realtime-only") {
        device.set_mode(ProcessMode::Realtime);
    }
    while device.pump().busy {}
    device
}

/// Something of everything that can be said, on first, last and other frames.
fn events(device: &dyn Device, frames: u32) -> Vec<Event> {
    let (channel, key, note) = (0, 60, Some(3));
    let expression = |expression, value| EventBody::Expression { channel, key, note, expression, value };
    let mut events = Vec::new();
    for frame in [0, frames / 2, frames - 1] {
        events.push(at(frame, EventBody::NoteOn { channel, key, velocity: 0.5, note }));
        events.push(at(frame, expression(Expression::Tuning, 0.5)));
        events.push(at(frame, expression(Expression::Pressure, 0.5)));
        for bytes in [[0xb0, 1, 99], [0xb5, 64, 127], [0xe1, 0, 99], [0xd0, 50, 0], [0xc0, 2, 0], [0xa0, 60, 9]] {
            events.push(at(frame, EventBody::Midi { bytes }));
        }
        events.push(at(frame, EventBody::Sysex { bytes: [0xf0, 1, 0xf7].as_slice().into() }));
        for parameter in device.parameters().iter().filter(|p| p.flags.automatable && p.name != "At") {
            let value =
                parameter.minimum + (parameter.maximum - parameter.minimum) * f64::from(frame) / f64::from(frames);
            events.push(at(frame, EventBody::Parameter { id: parameter.id, value }));
        }
        events.push(at(frame, EventBody::NoteOff { channel, key, velocity: 0.0, note }));
    }
    events.sort_by_key(|event| event.frame);
    events
}

fn render(mut device: Box<dyn Device>, rate: u32, block: usize) -> Box<dyn Device> {
    for _ in 0..3 {
        let mut stage = Stage::at_rate(device, SampleRate(rate), block);
        let ports = stage.device.ports();
        let frames = 2 * block + block / 2 + 1;
        let inputs: Vec<Buffer> = ports.inputs.iter().map(|bus| ramp(bus.channels, frames)).collect();
        let events = events(&*stage.device, frames as u32);
        let outputs = stage.run(&inputs, frames, &events).unwrap();
        assert!(outputs.iter().all(|buffer| buffer.channels().flatten().all(|sample| sample.is_finite())));
        stage.device.pump();
        stage.processor().reset();
        stage.processor().tail();
        stage.run(&inputs, frames, &[]).unwrap();
        stage.device.latency();
        device = stage.stop();
        device.pump();
    }
    device
}

#[test]
fn every_plugin_that_means_well_lives_its_whole_life() {
    let others = OTHERS.map(class_id);
    let all = tonemill_host::vst3::list(&tonemill_fixtures::path()).unwrap();
    let healthy: Vec<&DeviceInfo> = all.iter().filter(|info| !others.contains(&info.id)).collect();
    assert_eq!(healthy.len(), all.len() - OTHERS.len());
    for info in healthy {
        println!("{}", info.name);
        let mut device = load(info);
        for (rate, block) in [(44_100, 64), (8000, 1), (192_000, 1024)] {
            device = render(device, rate, block);
        }
        for channels in [1, 2, 4] {
            device.request_channels(Some(channels), Some(channels));
            device = render(device, 48_000, 100);
        }
        device.use_input(1, true);
        if info.id != class_id("state-empty") {
            let state = device.save_state().unwrap();
            let mut other = load(info);
            other.load_state(&state).unwrap();
            assert_eq!(other.save_state(), Ok(state), "{}", info.name);
            while other.pump().busy {}
            // One goes while it is active.
            drop(Stage::at_rate(other, RATE, 64).device);
        }
        drop(render(device, 48_000, 512));
    }
}

#[test]
fn a_device_that_is_dropped_while_it_processes_takes_nothing_with_it() {
    let input = ramp(2, 64);
    let Stage { device, .. } = Stage::new(vst3("copy"), 64);
    drop(device);
    assert_eq!(Stage::new(vst3("copy"), 64).effect(&input, &[]).unwrap(), input);
}

/// Halves of instances in the loaded library that are not released.
fn alive() -> usize {
    // SAFETY: the library is loaded already and has run its initialisers; the function is of this type and takes nothing.
    unsafe {
        let library = libloading::Library::new(tonemill_fixtures::path()).unwrap();
        library.get::<extern "C" fn() -> usize>(b"tonemill_fixtures_alive").unwrap()()
    }
}

#[test]
fn an_instance_is_released_whole_when_its_device_goes() {
    let kept = vst3("copy");
    // Other tests of this process may have instances, but none meanwhile where each test has a process of its own.
    let before = alive();
    for name in ["copy", "single", "sine", "run-loop", "messages", "latency-change"] {
        let device = vst3(name);
        assert!(alive() > before, "{name}");
        drop(Stage::new(device, 64).stop());
        assert_eq!(alive(), before, "{name}, once active");
        drop(vst3(name));
        assert_eq!(alive(), before, "{name}, never active");
        {
            let stage = Stage::new(vst3(name), 64);
            // Its processor goes after it.
            drop(stage.device);
        }
        assert_eq!(alive(), before, "{name}, while active");
    }
    for name in ["null-controller", "initialize-fails"] {
        assert!(try_vst3(name).is_err());
        assert_eq!(alive(), before, "{name}");
    }
    drop(kept);
}

/// Runs all tests of this program once more, in one process that is listened to. The fixtures say there what a host must
/// not do.
#[test]
fn in_none_of_these_tests_does_the_host_break_a_rule_of_vst3() {
    let mut again = Command::new(std::env::current_exe().unwrap());
    let own = "life::in_none_of_these_tests_does_the_host_break_a_rule_of_vst3";
    let ran = again.args(["--skip", own, "--test-threads=1", "--nocapture"]).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{}\n{said}", String::from_utf8_lossy(&ran.stdout));
    let broken: Vec<&str> = said.lines().filter(|line| line.contains(VIOLATION)).collect();
    assert!(broken.is_empty(), "{broken:#?}");
}
