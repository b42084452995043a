//! The device traits over CLAP, seen through plugins of known behaviour.

mod common;

use audio::device::{DeviceError, ParameterId, ProcessError, ProcessMode, Setup, Tail};
use audio::{Buffer, EventBody};
use common::*;

#[test]
fn listing_a_file_makes_no_instance_and_names_every_plugin() {
    let found = tonemill_host::clap::list(&tonemill_fixtures::path()).unwrap();
    let ids: Vec<&str> = found.iter().map(|info| info.id.strip_prefix(tonemill_fixtures::PREFIX).unwrap()).collect();
    // `crash-on-load` and `hang-on-load` are among them, so no instance was made.
    for id in ["passthrough", "gain", "sine", "crash-on-load", "hang-on-load", "stdout"] {
        assert!(ids.contains(&id), "{id} is missing in {ids:?}");
    }
    let sine = found.iter().find(|info| info.name == "Fixture Sine").unwrap();
    assert_eq!((sine.format.as_str(), sine.vendor.as_str(), sine.instrument), ("clap", "tonemill", true));
    assert_eq!(sine.version, env!("CARGO_PKG_VERSION"));
    assert_eq!(found.iter().filter(|info| info.instrument).count(), 1);
}

#[test]
fn one_of_several_plugins_has_to_be_named() {
    let path = tonemill_fixtures::path();
    let error = tonemill_host::clap::load(&path, None).err().unwrap().to_string();
    assert!(error.starts_with(&format!("cannot load {} (clap): the file holds ", path.display())), "{error}");
    assert!(error.contains("org.tonemill.fixture.gain (\"Fixture Gain\")"), "{error}");
    let error = tonemill_host::clap::load(&path, Some("Fixture Gane")).err().unwrap().to_string();
    assert!(error.contains("no plugin with that id or name"), "{error}");
    assert_eq!(tonemill_host::clap::load(&path, Some("Fixture Gain")).unwrap().info().id, "org.tonemill.fixture.gain");
}

#[test]
fn parameters_carry_range_text_flags_and_group() {
    let device = fixture("gain");
    let parameters = device.parameters();
    let names: Vec<&str> = parameters.iter().map(|parameter| parameter.name.as_str()).collect();
    assert_eq!(names, ["Gain", "Mode", "Secret", "Level", "Trim", "Trim"]);
    let gain = &parameters[0];
    assert_eq!((gain.minimum, gain.maximum, gain.default), (-60.0, 24.0, 0.0));
    assert!(gain.flags.automatable && !gain.flags.stepped && !gain.flags.hidden && !gain.flags.read_only);
    assert!(parameters[1].flags.stepped && parameters[2].flags.hidden && parameters[3].flags.read_only);
    assert_eq!((parameters[4].group.as_str(), parameters[5].group.as_str()), ("Trims/First", "Trims/Second"));
    assert_ne!(parameters[4].id, parameters[5].id);

    assert_eq!(device.text(gain.id, -6.0).as_deref(), Some("-6.0 dB"));
    assert_eq!(device.text(parameters[1].id, 2.0).as_deref(), Some("Muted"));
    assert_eq!(device.text(parameters[1].id, 7.0), None);
    assert_eq!(device.parse(gain.id, "-12 dB"), Some(-12.0));
    assert_eq!(device.parse(parameters[1].id, "inverted"), Some(1.0));
    assert_eq!(device.parse(gain.id, "loud"), None);
    assert_eq!(device.parse(gain.id, "nan"), None);
    assert_eq!(device.parse(gain.id, "a\0b"), None);
}

#[test]
fn a_value_set_while_inactive_is_there_and_heard() {
    let mut device = fixture("gain");
    let gain = id(&*device, "Gain");
    device.set_value(gain, 20.0 * 2f64.log10()).unwrap();
    assert!((device.value(gain).unwrap() - 6.0206).abs() < 1e-4);
    let input = ramp(2, 1000);
    let output = Stage::new(device, 64).effect(&input, &[]).unwrap();
    for (from, to) in input.channels().flatten().zip(output.channels().flatten()) {
        assert!((from * 2.0 - to).abs() < 1e-6);
    }
}

#[test]
fn an_unknown_parameter_is_refused_everywhere() {
    let mut device = fixture("gain");
    let unknown = ParameterId(7);
    assert_eq!(device.value(unknown), Err(DeviceError::NoSuchParameter(unknown)));
    assert_eq!(device.set_value(unknown, 0.0), Err(DeviceError::NoSuchParameter(unknown)));
    assert_eq!((device.text(unknown, 0.0), device.parse(unknown, "0")), (None, None));
    let beyond = ParameterId(u32::MAX);
    assert_eq!(device.value(beyond), Err(DeviceError::NoSuchParameter(beyond)));
}

#[test]
fn a_parameter_event_takes_effect_on_its_very_frame() {
    // The fixture fails if a cookie is not the parameter's own.
    let device = fixture("gain");
    let mode = id(&*device, "Mode");
    let input = ramp(2, 300);
    let flips = [0, 63, 64, 65, 190, 299];
    let flip =
        |(count, frame): (usize, &u32)| at(*frame, EventBody::Parameter { id: mode, value: [1.0, 0.0][count % 2] });
    let events: Vec<_> = flips.iter().enumerate().map(flip).collect();
    let output = Stage::new(device, 64).effect(&input, &events).unwrap();
    for (from, to) in input.channels().zip(output.channels()) {
        for frame in 0..300 {
            let flipped = flips.iter().filter(|flip| **flip as usize <= frame).count() % 2 == 1;
            assert_eq!(to[frame], if flipped { -from[frame] } else { from[frame] }, "frame {frame}");
        }
    }
}

#[test]
fn what_a_plugin_reports_while_processing_is_produced() {
    let device = fixture("gain");
    let level = id(&*device, "Level");
    let mut stage = Stage::new(device, 64);
    stage.effect(&ramp(2, 100), &[]).unwrap();
    let of = |event: &audio::Event| match event.body {
        EventBody::Parameter { id, value } if id == level => (event.frame, value.is_finite()),
        ref other => panic!("unexpected {other:?}"),
    };
    let produced: Vec<_> = stage.produced.iter().map(of).collect();
    assert_eq!(produced, [(63, true), (99, true)]);
}

#[test]
fn a_state_makes_another_instance_equal_and_a_foreign_one_is_refused() {
    let mut device = fixture("gain");
    let (gain, mode) = (id(&*device, "Gain"), id(&*device, "Mode"));
    device.set_value(gain, -3.5).unwrap();
    device.set_value(mode, 1.0).unwrap();
    let state = device.save_state().unwrap();

    let mut other = fixture("gain");
    other.load_state(&state).unwrap();
    assert_eq!((other.value(gain), other.value(mode)), (Ok(-3.5), Ok(1.0)));

    for broken in [&state[..state.len() - 1], b"", b"latency12345678"] {
        let error = other.load_state(broken).unwrap_err().to_string();
        assert!(error.starts_with("the state was refused: Fixture Gain could not read its"), "{error}");
    }
    assert_eq!(other.value(gain), Ok(-3.5), "a refused state changes nothing");
}

#[test]
fn a_preset_file_is_loaded_and_a_bad_one_named() {
    let directory = std::env::temp_dir().join(format!("tonemill-preset-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let (good, bad) = (directory.join("good.txt"), directory.join("bad.txt"));
    std::fs::write(&good, "-4.5\n").unwrap();
    std::fs::write(&bad, "loud\n").unwrap();
    let mut device = fixture("gain");
    device.load_preset(&good).unwrap();
    assert_eq!(device.value(id(&*device, "Gain")), Ok(-4.5));
    let error = device.load_preset(&bad).unwrap_err().to_string();
    assert!(error.contains("bad.txt: "), "{error}");
    let error = device.load_preset(&directory.join("none.txt")).unwrap_err().to_string();
    assert!(error.contains("none.txt: the preset cannot be read"), "{error}");
    std::fs::remove_dir_all(&directory).unwrap();
}

#[test]
fn channels_change_where_the_plugin_can_and_stay_where_it_cannot() {
    let mut device = fixture("gain");
    assert_eq!((device.ports().main_inputs(), device.ports().main_outputs()), (2, 2));
    let ports = device.request_channels(Some(1), Some(1));
    assert_eq!((ports.main_inputs(), ports.main_outputs()), (1, 1));
    assert_eq!(device.request_channels(Some(1), Some(2)), ports, "it takes the same count on both sides only");
    assert_eq!(device.request_channels(Some(6), Some(6)), ports);
    let input = ramp(1, 200);
    let mut stage = Stage::new(device, 512);
    assert_eq!(stage.effect(&input, &[]).unwrap(), input);
    assert_eq!(stage.device.request_channels(Some(2), Some(2)), ports, "ports are constant while active");
    let mut device = stage.stop();
    assert_eq!(device.request_channels(Some(2), Some(2)).main_inputs(), 2);

    let mut mono = fixture("mono-gain");
    assert_eq!(mono.request_channels(Some(2), Some(2)).main_inputs(), 1);
}

#[test]
fn a_note_sounds_from_its_very_frame_whatever_the_block_size() {
    let on = |frame, key, note| at(frame, EventBody::NoteOn { channel: 0, key, velocity: 0.8, note });
    let off = |frame, key, note| at(frame, EventBody::NoteOff { channel: 0, key, velocity: 0.0, note });
    let events = [on(100, 69, Some(1)), on(1000, 73, None), off(3000, 69, Some(1)), off(3001, 73, None)];
    let render = |block| {
        let mut stage = Stage::new(fixture("sine"), block);
        stage.run(&[], 6000, &events).unwrap().remove(0)
    };
    let sound = render(512);
    assert_eq!(sound.channel_count(), 2);
    let left = sound.channel(0);
    assert!(left[..100].iter().all(|sample| *sample == 0.0));
    assert!((left[100] - 0.2).abs() < 1e-6, "the first frame is a cosine's first: {}", left[100]);
    assert!(left[3000..3400].iter().any(|sample| sample.abs() > 1e-3), "it fades");
    assert!(left[3500..].iter().all(|sample| *sample == 0.0), "and ends");
    for block in [1, 63, 64, 65, 4096] {
        assert_eq!(render(block), sound, "block size {block}");
    }
}

#[test]
fn a_bend_reaches_an_instrument_beside_its_notes() {
    let on = at(0, EventBody::NoteOn { channel: 3, key: 57, velocity: 1.0, note: None });
    // All the way up: two semitones.
    let bend = at(0, EventBody::Midi { bytes: [0xe3, 127, 127] });
    let crossings = |events: &[audio::Event]| {
        let sound = Stage::new(fixture("sine"), 512).run(&[], 48_000, events).unwrap().remove(0);
        sound.channel(0).windows(2).filter(|pair| pair[0] < 0.0 && pair[1] >= 0.0).count()
    };
    assert_eq!(crossings(std::slice::from_ref(&on)), 220);
    assert_eq!(crossings(&[bend, on]), 247, "220 Hz times 2^(2/12), nearly");
}

#[test]
fn latency_is_reported_while_active_and_may_be_wrong() {
    let mut device = fixture("latency");
    assert_eq!(device.latency(), 0, "inactive");
    device.set_value(id(&*device, "Frames"), 100.0).unwrap();
    device.set_value(id(&*device, "Error"), 30.0).unwrap();
    let input = ramp(2, 1000);
    let mut stage = Stage::new(device, 64);
    assert_eq!(stage.device.latency(), 130);
    assert_eq!(stage.processor().tail(), Tail::Frames(100));
    let output = stage.effect(&input, &[]).unwrap();
    assert_eq!(output.channel(1)[100..], input.channel(1)[..900]);
    stage.processor().reset();
    let output = stage.effect(&input, &[]).unwrap();
    assert!(output.channel(0)[..100].iter().all(|sample| *sample == 0.0), "a reset forgets what was under way");
}

#[test]
fn side_busses_reach_their_own_ports() {
    let device = fixture("busses");
    let ports = device.ports();
    let channels = |busses: &[audio::device::BusInfo]| busses.iter().map(|b| (b.channels, b.main)).collect::<Vec<_>>();
    assert_eq!(channels(&ports.inputs), [(2, true), (1, false)]);
    assert_eq!(channels(&ports.outputs), [(2, true), (1, false), (4, false)]);
    let (main, side) = (ramp(2, 100), Buffer::from_channels(vec![vec![0.125; 100]]));
    let outputs = Stage::new(device, 33).run(&[main.clone(), side], 100, &[]).unwrap();
    for (from, to) in main.channels().flatten().zip(outputs[0].channels().flatten()) {
        assert_eq!(from + 0.125, *to);
    }
    assert!(outputs[1].channel(0).iter().all(|sample| *sample == 0.25));
    for (index, channel) in outputs[2].channels().enumerate() {
        assert!(channel.iter().all(|sample| *sample == 0.5 + 0.125 * index as f32));
    }
}

#[test]
fn a_plugin_without_audio_ports_gets_whole_blocks_and_gives_notes() {
    let device = fixture("note-octave");
    let ports = device.ports();
    assert!(ports.inputs.is_empty() && ports.outputs.is_empty() && ports.note_input && ports.note_output);
    let note = |key| EventBody::NoteOn { channel: 4, key, velocity: 0.5, note: Some(9) };
    let mut stage = Stage::new(device, 64);
    stage.run(&[], 96, &[at(70, note(60))]).unwrap();
    let block = |frame, frames| at(frame, EventBody::Parameter { id: ParameterId(0), value: frames });
    assert_eq!(stage.produced, [block(63, 64.0), at(70, note(72)), block(95, 32.0)]);
}

#[test]
fn nan_is_found_on_its_frame() {
    let mut device = fixture("nan");
    device.set_value(id(&*device, "At"), 100.0 / 48_000.0).unwrap();
    let input = ramp(2, 64);
    let mut stage = Stage::new(device, 64);
    assert_eq!(stage.effect(&input, &[]).unwrap(), input);
    let error = stage.effect(&input, &[]).unwrap_err();
    assert_eq!(error, ProcessError::NonFinite { bus: 0, channel: 0, frame: 36 });
}

#[test]
fn a_failing_plugin_fails_its_block() {
    let mut device = fixture("error");
    device.set_value(id(&*device, "At"), 0.001).unwrap();
    let mut stage = Stage::new(device, 48);
    let input = ramp(2, 48);
    assert!(stage.effect(&input, &[]).is_ok());
    assert_eq!(stage.effect(&input, &[]).unwrap_err(), ProcessError::Failed);
}

#[test]
fn a_plugin_that_loads_in_the_background_is_busy_until_its_callbacks_have_run() {
    let input = ramp(2, 64);
    let hasty = Stage::new(fixture("busy-callback"), 64).effect(&input, &[]).unwrap();
    assert_eq!(hasty.peak(), 0.0, "it holds back its sound until then");

    let mut device = fixture("busy-callback");
    let pumps = (0..100).take_while(|_| device.pump().busy).count();
    assert_eq!(pumps, 4, "the fifth callback is the last");
    assert_eq!(Stage::new(device, 64).effect(&input, &[]).unwrap(), input);
}

#[cfg(unix)]
#[test]
fn a_watched_descriptor_is_reported_while_there_is_something_to_read() {
    let mut device = fixture("descriptor");
    let calls = id(&*device, "Calls");
    let counted: Vec<f64> = (0..5)
        .map(|_| {
            device.pump();
            device.value(calls).unwrap()
        })
        .collect();
    assert_eq!(counted, [1.0, 2.0, 3.0, 3.0, 3.0]);
}

#[test]
fn a_restart_is_asked_for_once_and_brings_the_new_latency() {
    let input = ramp(2, 64);
    let mut stage = Stage::new(fixture("restart"), 64);
    assert_eq!((stage.device.latency(), stage.device.pump().restart), (0, false));
    assert_eq!(stage.effect(&input, &[]).unwrap(), input);
    assert!(stage.device.pump().restart);
    assert!(!stage.device.pump().restart, "it is asked for once");
    let mut stage = Stage::new(stage.stop(), 64);
    assert_eq!(stage.device.latency(), 64);
    assert_eq!(stage.effect(&input, &[]).unwrap().peak(), 0.0);
    assert_eq!(stage.effect(&input, &[]).unwrap(), input);
    assert!(!stage.device.pump().restart);
}

#[test]
fn the_thread_pool_runs_its_tasks_in_order_and_offline_mode_is_on() {
    let input = ramp(2, 100);
    assert_eq!(Stage::new(fixture("thread-pool"), 64).effect(&input, &[]).unwrap(), input);
}

#[test]
fn the_mode_chosen_last_holds_from_the_next_activation_on() {
    let input = ramp(1, 100);
    let mut device = fixture("realtime-only");
    for (mode, peak) in [(None, 0.0), (Some(ProcessMode::Realtime), input.peak()), (Some(ProcessMode::Offline), 0.0)] {
        mode.into_iter().for_each(|mode| device.set_mode(mode));
        let mut stage = Stage::new(device, 64);
        assert_eq!(stage.effect(&input, &[]).unwrap().peak(), peak, "{mode:?}");
        device = stage.stop();
    }
}

#[test]
fn one_thread_is_never_main_and_audio_thread_at_once() {
    let input = ramp(2, 64);
    let mut device = fixture("thread-check");
    device.pump();
    let mut stage = Stage::new(device, 64);
    assert_eq!(stage.device.latency(), 0);
    stage.processor().reset();
    assert_eq!(stage.effect(&input, &[]).unwrap(), input);
}

#[test]
fn denormals_are_off_inside_the_plugin_and_on_around_it() {
    let output = Stage::new(fixture("denormals"), 64).effect(&ramp(2, 64), &[]).unwrap();
    assert_eq!(output.peak(), 0.0);
    assert!(std::hint::black_box(f32::MIN_POSITIVE) * std::hint::black_box(0.5) > 0.0);
}

#[test]
fn a_device_can_be_activated_again_under_another_setup() {
    let input = ramp(2, 300);
    let mut stage = Stage::new(fixture("passthrough"), 64);
    let error = stage.device.activate(Setup { sample_rate: RATE, max_block: 64 }).err().unwrap();
    assert_eq!(error, DeviceError::Activate("it is active already".into()));
    stage.effect(&input, &[]).unwrap();
    let mut device = stage.stop();
    let error = device.activate(Setup { sample_rate: RATE, max_block: 0 }).err().unwrap();
    assert_eq!(error, DeviceError::Activate("a block of 0 frames: 1 to 16777216 are allowed".into()));
    assert_eq!(Stage::new(device, 1).effect(&input, &[]).unwrap(), input);
}

#[test]
fn a_processor_works_on_another_thread() {
    let input = ramp(2, 64);
    let mut device = fixture("thread-check");
    let mut processor = device.activate(Setup { sample_rate: RATE, max_block: 64 }).unwrap();
    let output = std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let (mut inputs, mut outputs) = ([input.clone()], [Buffer::new(2, 64)]);
            let done = processor.process(&mut audio::Block {
                frames: 64,
                inputs: &mut inputs,
                outputs: &mut outputs,
                events: &[],
                produced: &mut Vec::new(),
                transport: &audio::Transport::start(RATE),
            });
            done.map(|()| outputs)
        });
        thread.join().unwrap()
    });
    assert_eq!(output.unwrap()[0], input);
    device.deactivate(processor);
}

#[test]
fn a_device_that_is_dropped_while_it_processes_takes_nothing_with_it() {
    let input = ramp(2, 64);
    let Stage { device, .. } = Stage::new(fixture("passthrough"), 64);
    drop(device);
    assert_eq!(Stage::new(fixture("passthrough"), 64).effect(&input, &[]).unwrap(), input);
}
