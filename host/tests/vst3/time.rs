//! Time: what the plugin is told of it, latency, tail, mode, and what a restart or a reset does.

use audio::device::{DeviceError, ParameterId, ProcessError, ProcessMode, Setup, Tail};
use audio::{Buffer, Device, EventBody, SampleRate};

use crate::common::*;

/// What `context` says under each name, block by block.
fn told(stage: &Stage, name: &str) -> Vec<f64> {
    stage.reports(id(&*stage.device, name)).into_iter().map(|(_, value)| value).collect()
}

#[test]
fn a_plugin_is_told_tempo_meter_position_and_setup() {
    let mut stage = Stage::at_rate(vst3("context"), SampleRate(96_000), 256);
    stage.transport.tempo = 90.0;
    (stage.transport.numerator, stage.transport.denominator) = (7, 8);
    (stage.transport.beat, stage.transport.bar_start, stage.transport.bar) = (10.25, 7.0, 2);
    stage.effect(&ramp(2, 300), &[]).unwrap();
    stage.transport.tempo = 144.5;
    stage.transport.playing = false;
    stage.effect(&ramp(2, 10), &[]).unwrap();
    let rows: [(&str, [f64; 3]); 12] = [
        ("Tempo", [90.0, 90.0, 144.5]),
        ("Numerator", [7.0; 3]),
        ("Denominator", [8.0; 3]),
        ("Bar Position", [7.0; 3]),
        ("Music Position", [10.25; 3]),
        ("Project Time", [0.0, 256.0, 300.0]),
        ("Continuous Time", [0.0, 256.0, 300.0]),
        ("Sample Rate", [96_000.0; 3]),
        ("Frames", [256.0, 44.0, 10.0]),
        ("Bits", [32.0; 3]),
        ("Maximum Frames", [256.0; 3]),
        ("Blocks", [1.0, 2.0, 3.0]),
    ];
    for (name, values) in rows {
        assert_eq!(told(&stage, name), values, "{name}");
    }
    // kPlaying is bit 1; system time, continuous time, music position, bar, tempo and meter are said to be valid.
    let flags: Vec<u32> = told(&stage, "Flags").into_iter().map(|flags| flags as u32).collect();
    let valid = 1 << 8 | 1 << 17 | 1 << 9 | 1 << 11 | 1 << 10 | 1 << 13;
    assert!(flags.iter().all(|flags| flags & valid == valid), "{flags:x?}");
    assert_eq!(flags.iter().map(|flags| flags >> 1 & 1).collect::<Vec<_>>(), [1, 1, 0]);
}

#[test]
fn over_restarts_resets_and_modes_the_plugin_sees_no_rule_broken() {
    const OFFLINE: f64 = 2.0;
    const REALTIME: f64 = 0.0;
    let mut device = vst3("context");
    let notes = [
        at(0, EventBody::NoteOn { channel: 0, key: 60, velocity: 0.5, note: None }),
        at(5, EventBody::NoteOff { channel: 0, key: 60, velocity: 0.5, note: None }),
        at(5, EventBody::Sysex { bytes: [0xf0, 0xf7].as_slice().into() }),
    ];
    for (mode, number) in [(ProcessMode::Offline, OFFLINE), (ProcessMode::Realtime, REALTIME)] {
        device.set_mode(mode);
        for (rate, block) in [(8000, 1), (44_100, 64), (384_000, 1024)] {
            // Each activation begins at frame 0 again, and the system time still grows.
            let mut stage = Stage::at_rate(device, SampleRate(rate), block);
            stage.effect(&ramp(2, 2 * block + 7), &notes).unwrap();
            stage.processor().reset();
            stage.effect(&ramp(2, block), &[]).unwrap();
            assert!(told(&stage, "Mode").iter().all(|told| *told == number));
            let masks: Vec<u32> = told(&stage, "Violations").into_iter().map(|mask| mask as u32).collect();
            let violations: Vec<_> = masks.into_iter().flat_map(tonemill_fixtures::vst3::violations).collect();
            assert!(violations.is_empty(), "{violations:?}");
            device = stage.stop();
        }
    }
}

#[test]
fn latency_is_what_the_plugin_says_while_it_is_active() {
    for (name, latency) in [("copy", 0), ("delay", 100), ("latency-change", 256), ("huge-latency", (1 << 32) - 1)] {
        let device = vst3(name);
        assert_eq!(device.latency(), 0, "{name} is inactive");
        let stage = Stage::new(device, 64);
        assert_eq!(stage.device.latency(), latency, "{name}");
        assert_eq!(stage.stop().latency(), 0, "{name} is inactive again");
    }
    let input = ramp(2, 1000);
    let mut stage = Stage::new(vst3("delay"), 64);
    let output = stage.effect(&input, &[]).unwrap();
    assert_eq!(output.channel(1)[100..], input.channel(1)[..900]);
    stage.processor().reset();
    let output = stage.effect(&input, &[]).unwrap();
    assert!(output.channel(0)[..100].iter().all(|sample| *sample == 0.0), "a reset forgets what was under way");
}

#[test]
fn a_change_of_latency_asks_for_a_restart_once_and_that_brings_it() {
    let device = vst3("latency-change");
    let frames = id(&*device, "Frames");
    let mut stage = Stage::new(device, 64);
    assert!(!stage.device.pump().restart);
    stage.effect(&ramp(2, 64), &[at(10, EventBody::Parameter { id: frames, value: 10.0 })]).unwrap();
    assert!(stage.device.pump().restart);
    assert!(!stage.device.pump().restart, "it is asked for once");
    let mut stage = Stage::new(stage.stop(), 64);
    assert_eq!(stage.device.latency(), 10);
    assert!(!stage.device.pump().restart);
    let input = ramp(2, 100);
    assert_eq!(stage.effect(&input, &[]).unwrap().channel(0)[10..], input.channel(0)[..90]);

    // Set while inactive it is there from the first activation on.
    let mut device = stage.stop();
    device.set_value(frames, 77.0).unwrap();
    let mut stage = Stage::new(device, 64);
    assert_eq!((stage.device.latency(), stage.device.pump().restart), (77, false));
}

#[test]
fn news_of_a_latency_that_is_there_already_ask_for_no_second_restart() {
    let mut stage = Stage::new(vst3("late-news"), 64);
    let input = ramp(2, 64);
    assert!(!stage.device.pump().restart);
    stage.effect(&input, &[]).unwrap();
    assert!(stage.device.pump().restart, "it is late since its first block");
    let mut stage = Stage::new(stage.stop(), 64);
    assert_eq!(stage.device.latency(), 100);
    for block in 2..8 {
        stage.effect(&input, &[]).unwrap();
        assert!(!stage.device.pump().restart, "block {block}");
    }
}

#[test]
fn a_latency_that_only_an_activation_brings_is_believed_when_it_is_announced() {
    let device = vst3("latched-latency");
    let frames = id(&*device, "Frames");
    let mut stage = Stage::new(device, 64);
    let mut latency = 0;
    for value in [10u32, 20, 0] {
        stage.effect(&ramp(2, 64), &[at(10, EventBody::Parameter { id: frames, value: value.into() })]).unwrap();
        assert_eq!((stage.device.latency(), stage.device.pump().restart), (latency, true));
        stage = Stage::new(stage.stop(), 64);
        latency = u64::from(value);
        assert_eq!((stage.device.latency(), stage.device.pump().restart), (latency, false));
    }
}

#[test]
fn a_reset_brings_about_no_change_that_waits_for_a_restart() {
    let device = vst3("latency-change");
    let frames = id(&*device, "Frames");
    let mut stage = Stage::new(device, 64);
    let input = ramp(2, 640);
    stage.effect(&input, &[at(10, EventBody::Parameter { id: frames, value: 10.0 })]).unwrap();
    stage.processor().reset();
    let output = stage.effect(&input, &[]).unwrap();
    assert_eq!(output.channel(0)[256..], input.channel(0)[..384], "it is as late as it said");

    let device = vst3("io-change");
    let channels = id(&*device, "Channels");
    let mut stage = Stage::new(device, 64);
    stage.effect(&input, &[at(10, EventBody::Parameter { id: channels, value: 1.0 })]).unwrap();
    assert!(stage.device.pump().restart);
    stage.processor().reset();
    assert_eq!(stage.effect(&input, &[]).unwrap(), input);
}

#[test]
fn what_a_plugin_says_while_it_is_activated_asks_for_no_restart_unless_it_is_so() {
    let mut stage = Stage::new(vst3("false-alarm"), 64);
    assert!(!stage.device.pump().restart, "after an activation");
    stage.effect(&ramp(2, 64), &[]).unwrap();
    stage.processor().reset();
    assert!(!stage.device.pump().restart, "after a reset");
}

#[test]
fn the_tail_is_what_the_plugin_says() {
    for (name, tail) in
        [("copy", Tail::Frames(0)), ("finite-tail", Tail::Frames(4800)), ("infinite-tail", Tail::Infinite)]
    {
        assert_eq!(Stage::new(vst3(name), 64).processor().tail(), tail, "{name}");
    }
    let mut stage = Stage::new(vst3("finite-tail"), 512);
    let mut click = vec![vec![0.0; 5000]; 2];
    click[0][100] = 0.5;
    let output = stage.effect(&Buffer::from_channels(click), &[]).unwrap();
    let sounding: Vec<_> = (0..5000).filter(|frame| output.channel(0)[*frame] != 0.0).collect();
    assert_eq!(sounding, [100, 4900]);
}

#[test]
fn a_plugin_that_refuses_to_be_offline_says_how_to_use_it() {
    let mut device = vst3("realtime-only");
    let setup = Setup { sample_rate: RATE, max_block: 64 };
    let error = device.activate(setup).err().unwrap().to_string();
    let reason = "it cannot be activated: the plugin refuses to be set up for 48000 Hz and blocks of 64 frames. If it \
                  renders in real time only, set mode: realtime";
    assert_eq!(error, reason);
    device.set_mode(ProcessMode::Realtime);
    let input = ramp(2, 64);
    let mut stage = Stage::new(device, 64);
    assert_eq!(stage.effect(&input, &[]).unwrap(), input);
    assert_eq!(told(&stage, "Mode"), [0.0]);
}

#[test]
fn a_prefetchable_plugin_is_processed_as_any_other() {
    let input = ramp(2, 200);
    assert_eq!(Stage::new(vst3("prefetchable"), 64).effect(&input, &[]).unwrap(), input);
}

#[test]
fn nan_is_found_on_its_frame_and_a_failure_fails_its_block() {
    let set = |name: &str, seconds: f64| -> Box<dyn Device> {
        let mut device = vst3(name);
        let at: ParameterId = id(&*device, "At");
        device.set_value(at, seconds).unwrap();
        device
    };
    let input = ramp(2, 64);
    let mut stage = Stage::new(set("nan", 100.0 / 48_000.0), 64);
    assert_eq!(stage.effect(&input, &[]).unwrap(), input);
    assert_eq!(stage.effect(&input, &[]), Err(ProcessError::NonFinite { bus: 0, channel: 0, frame: 36 }));
    let mut stage = Stage::new(set("process-fails", 64.0 / 48_000.0), 64);
    assert_eq!(stage.effect(&input, &[]).unwrap(), input);
    assert_eq!(stage.effect(&input, &[]), Err(ProcessError::Failed));
}

#[test]
fn a_device_can_be_activated_again_and_not_twice() {
    let input = ramp(2, 300);
    let mut stage = Stage::new(vst3("copy"), 64);
    let again = stage.device.activate(Setup { sample_rate: RATE, max_block: 64 }).err();
    assert_eq!(again, Some(DeviceError::Activate("it is active already".into())));
    stage.effect(&input, &[]).unwrap();
    let mut device = stage.stop();
    for frames in [0, usize::MAX] {
        let refused = device.activate(Setup { sample_rate: RATE, max_block: frames }).err();
        assert_eq!(
            refused,
            Some(DeviceError::Activate(format!("a block of {frames} frames: 1 to 16777216 are allowed")))
        );
    }
    assert_eq!(Stage::new(device, 1).effect(&input, &[]).unwrap(), input);
}
