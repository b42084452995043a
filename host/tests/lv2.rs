//! LV2 plugins through the device traits.
#![cfg(unix)]

mod common;

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use audio::device::{Block, DeviceError, ParameterId, ProcessError, ProcessMode, Setup};
use audio::{Buffer, Device, EventBody, SampleRate, Transport};
use tonemill_fixtures::lv2 as fixtures;

use common::lv2::*;
use common::{RATE, Stage, at, id, ramp};

fn refusal(bundle: &Path, name: &str) -> String {
    load(bundle, name).err().expect("it is refused").to_string()
}

#[test]
fn a_bundle_is_listed_without_opening_its_library() {
    let (_folder, bundle) = bundle();
    std::fs::write(bundle.join(fixtures::BINARY), "no library").unwrap();
    let infos = tonemill_host::lv2::list(&bundle).unwrap();
    assert_eq!(infos.len(), fixtures::NAMES.len());
    let echo = infos.iter().find(|info| info.id == fixtures::uri("echo")).unwrap();
    let words = (echo.format.as_str(), echo.name.as_str(), echo.vendor.as_str(), echo.version.as_str());
    assert_eq!(words, ("lv2", "Fixture echo", "Somebody", "3.7"));
    std::fs::write(bundle.join("gain.ttl"), "<x> a").unwrap();
    let words = tonemill_host::lv2::list(&bundle).unwrap_err().to_string();
    assert!(words.contains("gain.ttl is broken"), "{words}");
}

#[test]
fn a_plugin_is_chosen_by_uri_or_by_name() {
    let (_folder, bundle) = bundle();
    let by_name = tonemill_host::lv2::load(&bundle, Some("Fixture gain")).unwrap();
    assert_eq!(by_name.info().id, fixtures::uri("gain"));
    let words = tonemill_host::lv2::load(&bundle, None).err().unwrap().to_string();
    assert!(words.contains("holds 30 plugins; name one by its id"), "{words}");
}

#[test]
fn a_control_takes_its_value_at_its_frame_and_reports_come_back() {
    let (_folder, device) = fixture("gain");
    let gain = id(&*device, "gain");
    assert_eq!(device.text(gain, -6.0).as_deref(), Some("-6.0 dB"));
    assert_eq!(device.text(gain, -60.0).as_deref(), Some("Silent"));
    assert_eq!((device.parse(gain, "-6 dB"), device.parse(gain, "silent")), (Some(-6.0), Some(-60.0)));
    let flags = device.parameters().into_iter().map(|p| (p.name, p.flags.bypass, p.flags.read_only));
    let expected = [("gain", false, false), ("enabled", true, false), ("level", false, true)];
    assert_eq!(flags.collect::<Vec<_>>(), expected.map(|(name, bypass, reads)| (name.to_owned(), bypass, reads)));
    let events = [
        at(0, set("enabled", &*device, 1.0)),
        at(100, set("gain", &*device, -60.0)),
        at(150, set("enabled", &*device, 0.0)),
    ];
    let input = ramp(1, 200);
    let mut stage = Stage::new(device, 64);
    let output = stage.effect(&input, &events).unwrap();
    for frame in 0..200 {
        let from = input.channel(0)[frame];
        // It turns the sound over, since it is told that nobody listens.
        let expected = if frame < 100 {
            -from
        } else if frame < 150 {
            0.0 * -from
        } else {
            from
        };
        assert_eq!(output.channel(0)[frame], expected, "frame {frame}");
    }
    assert_eq!(shown(&stage, "level"), [(100, -60.0)]);
    let mut device = stage.stop();
    device.set_mode(ProcessMode::Realtime);
    device.set_value(gain, 0.0).unwrap();
    let enabled = id(&*device, "enabled");
    device.set_value(enabled, 1.0).unwrap();
    assert_eq!(Stage::new(device, 64).effect(&input, &[]).unwrap(), input);
}

#[test]
fn values_out_of_range_and_reports_cannot_be_set() {
    let (_folder, mut device) = fixture("gain");
    let (gain, level) = (id(&*device, "gain"), id(&*device, "level"));
    assert!(matches!(device.set_value(gain, 13.0), Err(DeviceError::OutOfRange { .. })));
    assert_eq!(device.set_value(level, 0.0), Err(DeviceError::NoSuchParameter(level)));
    assert_eq!(device.set_value(ParameterId(77), 0.0), Err(DeviceError::NoSuchParameter(ParameterId(77))));
    assert!(matches!(device.save_state(), Ok(_) | Err(DeviceError::Stateless(_))));
}

#[test]
fn controls_are_described_in_their_own_words() {
    let (_folder, mut device) = fixture("controls");
    let shape = id(&*device, "shape");
    assert_eq!(device.text(shape, 1.0).as_deref(), Some("Saw"));
    assert_eq!(device.parse(shape, "noise"), Some(2.0));
    let of = |device: &dyn Device, name: &str| device.parameters().into_iter().find(|p| p.name == name).unwrap();
    assert!(of(&*device, "shape").flags.stepped && of(&*device, "secret").flags.hidden);
    let cutoff = of(&*device, "cutoff");
    assert_eq!((cutoff.minimum, cutoff.maximum, cutoff.default), (0.0, 24_000.0, 12_000.0));
    assert_eq!(device.text(cutoff.id, 440.0).as_deref(), Some("440 Hz"));
    // At another rate the default is another frequency.
    let setup = Setup { sample_rate: SampleRate(96_000), max_block: 64 };
    let processor = device.activate(setup).unwrap();
    assert_eq!((of(&*device, "cutoff").maximum, device.value(cutoff.id)), (48_000.0, Ok(24_000.0)));
    device.deactivate(processor);
}

#[test]
fn a_latency_that_shows_only_in_a_run_is_known_before_the_first_block() {
    let (_folder, device) = fixture("latency");
    assert_eq!(device.latency(), 0);
    let input = ramp(1, 300);
    let mut stage = Stage::new(device, 64);
    assert_eq!(stage.device.latency(), 100);
    let output = stage.effect(&input, &[]).unwrap();
    assert!(output.channel(0)[..100].iter().all(|sample| *sample == 0.0), "nothing is left of the run before");
    assert_eq!(output.channel(0)[100..], input.channel(0)[..200]);
    assert!(!stage.device.pump().restart);
}

#[test]
fn a_latency_that_changes_is_known_at_once_and_asks_for_one_restart() {
    let (_folder, device) = fixture("varying");
    let mut stage = Stage::new(device, 64);
    assert_eq!((stage.device.latency(), stage.device.pump().restart), (100, false));
    for (frames, asks) in [(30.0, true), (30.0, false), (100.0, true), (7.0, true)] {
        let change = at(0, set("frames", &*stage.device, frames));
        stage.effect(&ramp(1, 64), &[change]).unwrap();
        assert_eq!((stage.device.latency(), stage.device.pump().restart), (frames as u64, asks), "{frames}");
        assert!(!stage.device.pump().restart, "it is asked for once");
    }
    let mut stage = Stage::new(stage.stop(), 64);
    assert_eq!((stage.device.latency(), stage.device.pump().restart), (7, false));
}

#[test]
fn what_a_plugin_draws_when_it_is_made_is_the_same_each_time() {
    let drawn = || {
        let (_folder, device) = fixture("dice");
        constant(&Stage::new(device, 64).effect(&ramp(1, 64), &[]).unwrap())
    };
    let first = drawn();
    assert_eq!([drawn(), drawn()], [first; 2]);
}

#[test]
fn a_plugin_that_refuses_its_file_is_not_active_and_refuses_it_again() {
    let (folder, mut device) = fixture("stubborn");
    let sample = folder.path().join("sample");
    std::fs::write(&sample, [64]).unwrap();
    let setup = Setup { sample_rate: RATE, max_block: 64 };
    let processor = device.activate(setup).unwrap();
    device.deactivate(processor);
    device.set_file("sample", &sample).unwrap();
    let refusal = DeviceError::Activate("it refuses the state (error 1)".into());
    for _ in 0..2 {
        assert_eq!(device.activate(setup).err(), Some(refusal.clone()));
        assert_eq!(device.save_state(), Err(DeviceError::State("it refuses the state (error 1)".into())));
    }
}

#[test]
fn a_state_without_a_setting_brings_its_default() {
    let (folder, mut device) = fixture("file");
    let sample = folder.path().join("sample");
    std::fs::write(&sample, [64]).unwrap();
    device.set_file("sample", &sample).unwrap();
    let mut state: serde_json::Value = serde_json::from_slice(&device.save_state().unwrap()).unwrap();
    let kept = state["properties"].as_array_mut().unwrap();
    let count = kept.len();
    kept.retain(|kept| kept["key"] != "urn:tonemill:fixture:level");
    assert_eq!(kept.len(), count - 1);
    let level = id(&*device, "Level");
    device.set_value(level, 0.5).unwrap();
    let mut stage = Stage::new(device, 64);
    assert_eq!(constant(&stage.effect(&ramp(1, 10), &[]).unwrap()), 0.125);
    let mut device = stage.stop();
    device.load_state(state.to_string().as_bytes()).unwrap();
    assert_eq!(device.value(level), Ok(1.0));
    assert_eq!(constant(&Stage::new(device, 64).effect(&ramp(1, 10), &[]).unwrap()), 0.25);
}

#[test]
fn a_value_can_be_set_again_that_was_read_at_a_bound_written_in_too_many_digits() {
    let (_folder, mut device) = fixture("controls");
    let single = id(&*device, "single");
    let value = device.value(single).unwrap();
    assert_eq!(value, 0.1);
    assert_eq!(device.set_value(single, value), Ok(()));
}

#[test]
fn an_instance_that_was_never_played_is_active_once_before_it_goes() {
    // The fixture aborts this process otherwise.
    let (_folder, mut device) = fixture("gain");
    let other = Setup { sample_rate: SampleRate(44_100), max_block: 64 };
    let processor = device.activate(other).unwrap();
    device.deactivate(processor);
    drop(device);
    drop(fixture("gain"));
}

#[test]
fn a_meter_that_shows_no_number_has_a_value_all_the_same() {
    let (_folder, device) = fixture("latency");
    let mut stage = Stage::new(device, 64);
    stage.effect(&ramp(1, 64), &[]).unwrap();
    assert_eq!(stage.device.value(id(&*stage.device, "infinite")), Ok(0.0));
}

#[cfg(target_os = "linux")]
#[test]
fn what_a_plugin_computes_on_a_thread_of_its_own_is_waited_for_before_it_plays_and_before_it_goes() {
    let threads = || std::fs::read_dir("/proc/self/task").unwrap().count();
    let before = threads();
    let (_folder, device) = fixture("background");
    assert_eq!(threads(), before + 1);
    drop(device);
    assert_eq!(threads(), before, "it is at work no more when its instance goes");

    let (_folder, device) = fixture("background");
    let mut stage = Stage::new(device, 64);
    stage.device.settle();
    assert_eq!(constant(&stage.run(&[], 64, &[]).unwrap()[0]), 0.5);
}

#[test]
fn work_is_done_and_answered_within_its_run_and_each_run_is_ended() {
    let (_folder, device) = fixture("worker");
    let mut stage = Stage::new(device, 50);
    let output = stage.run(&[ramp(1, 250)], 250, &[]).unwrap();
    let starts: Vec<f32> = (0..5).map(|block| output[0].channel(0)[block * 50]).collect();
    assert_eq!(starts, [0.0, 1.0, 3.0, 6.0, 10.0]);
    assert_eq!(shown(&stage, "ends"), [(50, 1.0), (100, 2.0), (150, 3.0), (200, 4.0)]);
}

#[test]
fn a_file_is_loaded_before_the_first_frame_and_by_any_of_its_names() {
    let (folder, mut device) = fixture("file");
    let sample = folder.path().join("a b.raw");
    std::fs::write(&sample, [64]).unwrap();
    assert_eq!(device.file_roles(), ["Sample File"]);
    for role in ["Sample File", "sample_file", "sample", "urn:tonemill:fixture:sample"] {
        device.set_file(role, &sample).unwrap();
    }
    let mut stage = Stage::new(device, 64);
    assert_eq!(constant(&stage.effect(&ramp(1, 10), &[]).unwrap()), 0.25);
    let mut device = stage.stop();
    let words = device.set_file("model", &sample).unwrap_err().to_string();
    assert!(words.ends_with("Fixture file takes no file \"model\". It takes \"Sample File\""), "{words}");
    let words = device.set_file("sample", &folder.path().join("none")).unwrap_err().to_string();
    assert!(words.ends_with("none: there is no such file"), "{words}");
    let (_folder, mut gain) = fixture("gain");
    assert!(gain.set_file("sample", &sample).unwrap_err().to_string().ends_with("Fixture gain takes no files"));
}

#[test]
fn a_number_that_is_set_by_message_is_a_parameter() {
    let (folder, mut device) = fixture("file");
    let sample = folder.path().join("s");
    std::fs::write(&sample, [128]).unwrap();
    device.set_file("sample", &sample).unwrap();
    let level = id(&*device, "Level");
    device.set_value(level, 0.5).unwrap();
    let half = at(20, set("Level", &*device, 2.0));
    let mut stage = Stage::new(device, 10);
    let output = stage.effect(&ramp(1, 40), &[half]).unwrap();
    assert_eq!((output.channel(0)[19], output.channel(0)[20]), (0.25, 1.0));
    assert_eq!(stage.device.value(level), Ok(2.0));
}

#[test]
fn a_state_carries_settings_files_and_what_the_plugin_wrote_itself() {
    let (folder, mut device) = fixture("file");
    let sample = folder.path().join("sample");
    std::fs::write(&sample, [64]).unwrap();
    device.set_file("sample", &sample).unwrap();
    let level = id(&*device, "Level");
    device.set_value(level, 2.0).unwrap();
    let state = device.save_state().unwrap();
    let text = String::from_utf8(state.clone()).unwrap();
    assert!(text.contains(sample.to_str().unwrap()), "the sample keeps its path: {text}");
    // The note began in the plugin's description, and was written to a file of the plugin's own.
    assert!(text.contains("\"notes/note.txt\": \"ZnJvbSB0aGUgZGVzY3JpcHRpb24=\""), "{text}");
    drop(device);

    let (_other, mut other) = fixture("file");
    other.load_state(&state).unwrap();
    assert_eq!(other.value(level), Ok(2.0));
    assert_eq!(other.save_state().unwrap(), state, "before it ever runs");
    // Another rate takes another instance, which knows all of it as well.
    let processor = other.activate(Setup { sample_rate: SampleRate(44_100), max_block: 32 }).unwrap();
    other.deactivate(processor);
    assert_eq!(other.save_state().unwrap(), state);
    let mut stage = Stage::new(other, 64);
    assert_eq!(constant(&stage.effect(&ramp(1, 10), &[]).unwrap()), 0.5);

    let (_third, mut gain) = fixture("gain");
    let words = gain.load_state(&state).unwrap_err().to_string();
    assert!(
        words.contains("saved by \"Fixture file\" (urn:tonemill:fixture:file), and this is \"Fixture gain\""),
        "{words}"
    );
    assert!(gain.load_state(b"{}").unwrap_err().to_string().contains("no LV2 state"));
    assert!(gain.load_state(b"\xff\xfe").unwrap_err().to_string().contains("neither an LV2 state"));
}

#[test]
fn a_preset_in_turtle_sets_controls_and_state() {
    let (folder, mut device) = fixture("file");
    std::fs::write(folder.path().join("s.raw"), [32]).unwrap();
    let preset = folder.path().join("preset.ttl");
    let turtle = |plugin: &str| {
        format!(
            "@prefix lv2: <http://lv2plug.in/ns/lv2core#> . @prefix pset: <http://lv2plug.in/ns/ext/presets#> .
             @prefix state: <http://lv2plug.in/ns/ext/state#> . @prefix x: <urn:tonemill:fixture:> .
             <> a pset:Preset ; lv2:appliesTo x:{plugin} ; state:state [ x:sample <s.raw> ; x:level \"2.0\"^^<http://www.w3.org/2001/XMLSchema#float> ] ;
             lv2:port [ lv2:symbol \"gain\" ; pset:value -12.0 ] ."
        )
    };
    std::fs::write(&preset, turtle("file")).unwrap();
    device.load_preset(&preset).unwrap();
    let mut stage = Stage::new(device, 64);
    assert_eq!(constant(&stage.effect(&ramp(1, 10), &[]).unwrap()), 0.25);

    let (_other, mut gain) = fixture("gain");
    let words = gain.load_preset(&preset).unwrap_err().to_string();
    assert!(words.contains("it is for urn:tonemill:fixture:file, and this is \"Fixture gain\""), "{words}");
    std::fs::write(&preset, turtle("gain")).unwrap();
    gain.load_preset(&preset).unwrap();
    assert_eq!(gain.value(id(&*gain, "gain")), Ok(-12.0));
    let bundle = folder.path().join("presets.lv2");
    std::fs::create_dir(&bundle).unwrap();
    let manifest = "<p> a <http://lv2plug.in/ns/ext/presets#Preset> ; <http://lv2plug.in/ns/lv2core#appliesTo> <urn:tonemill:fixture:gain> ;
        <http://www.w3.org/2000/01/rdf-schema#seeAlso> <p.ttl> .";
    std::fs::write(bundle.join("manifest.ttl"), manifest).unwrap();
    let own = "<p> <http://lv2plug.in/ns/lv2core#port> [ <http://lv2plug.in/ns/lv2core#symbol> \"gain\" ; <http://lv2plug.in/ns/ext/presets#value> 3 ] .";
    std::fs::write(bundle.join("p.ttl"), own).unwrap();
    for path in [bundle.clone(), bundle.join("p.ttl")] {
        let gain_id = id(&*gain, "gain");
        gain.set_value(gain_id, 0.0).unwrap();
        gain.load_preset(&path).unwrap();
        assert_eq!(gain.value(gain_id), Ok(3.0), "{}", path.display());
    }
}

#[test]
fn notes_come_back_at_their_frames_and_the_music_is_told_when_it_changes() {
    let (_folder, device) = fixture("echo");
    assert!(device.ports().note_input && device.ports().note_output);
    let notes = [
        at(3, EventBody::NoteOn { channel: 2, key: 60, velocity: 1.0, note: None }),
        at(70, EventBody::NoteOff { channel: 2, key: 60, velocity: 0.0, note: None }),
        at(71, EventBody::Midi { bytes: [0xc1, 5, 0] }),
        at(72, EventBody::Sysex { bytes: Arc::from([0xf0, 1, 2, 0xf7]) }),
    ];
    let mut stage = Stage::new(device, 64);
    stage.run(&[], 200, &notes).unwrap();
    let back: Vec<_> =
        stage.produced.iter().filter(|event| !matches!(event.body, EventBody::Parameter { .. })).collect();
    assert_eq!(back, notes.iter().collect::<Vec<_>>());
    assert_eq!(shown(&stage, "tempo"), [(0, 120.0)]);
    assert_eq!(shown(&stage, "positions"), [(0, 1.0)], "once is enough while the music just goes on");
    assert_eq!(shown(&stage, "seen"), [(0, 120.0)], "a control that is for the tempo has it");
}

#[test]
fn many_events_make_a_sequence_grow() {
    let (_folder, device) = fixture("echo");
    // 24 bytes each, and the port asks for 100,000.
    let notes: Vec<_> = (0..6000).map(|n| at(n / 100, EventBody::Midi { bytes: [0xb0, 1, (n % 100) as u8] })).collect();
    let mut stage = Stage::new(device, 64);
    stage.run(&[], 64, &notes).unwrap();
    let back: Vec<_> = stage.produced.into_iter().filter(|e| matches!(e.body, EventBody::Midi { .. })).collect();
    assert_eq!(back, notes);
}

#[test]
fn a_plugin_that_needs_blocks_of_one_length_gets_them_whatever_comes() {
    let (_folder, device) = fixture("fixed");
    let input = ramp(1, 500);
    let note = |frame| at(frame, EventBody::Midi { bytes: [0xb0, 1, frame as u8] });
    // 100 is no power of two: it gets 64.
    let mut stage = Stage::new(device, 100);
    assert_eq!(stage.device.latency(), 64);
    let output = stage.effect(&input, &[note(0), note(63), note(64), note(250)]).unwrap();
    assert!(output.channel(0)[..64].iter().all(|sample| *sample == 0.0));
    assert_eq!(output.channel(0)[64..], input.channel(0)[..436]);
    let back: Vec<_> = stage.produced.iter().filter(|e| matches!(e.body, EventBody::Midi { .. })).cloned().collect();
    let late = |frame: u32| at(frame + 64, EventBody::Midi { bytes: [0xb0, 1, frame as u8] });
    assert_eq!(back, [late(0), late(63), late(64), late(250)]);
    assert_eq!(shown(&stage, "length").last(), Some(&(64, 64.0)));
    stage.processor().reset();
    let again = stage.effect(&input, &[]).unwrap();
    assert_eq!(again, output, "a reset forgets what was gathered");
}

#[test]
fn a_side_chain_is_connected_where_a_signal_comes_in() {
    let (_folder, mut device) = fixture("side");
    let busses: Vec<_> = device.ports().inputs.into_iter().map(|bus| (bus.name, bus.channels, bus.main)).collect();
    assert_eq!(busses, [("Main".to_owned(), 1, true), ("Sidechain".to_owned(), 1, false)]);
    for (used, connected) in [(false, 0.0), (true, 1.75)] {
        device.use_input(1, used);
        let mut stage = Stage::new(device, 64);
        let key = Buffer::from_channels(vec![vec![0.75; 64]]);
        let outputs = stage.run(&[ramp(1, 64), key], 64, &[]).unwrap();
        assert_eq!(outputs[0], ramp(1, 64));
        device = stage.stop();
        assert_eq!(device.value(id(&*device, "connected")), Ok(connected));
    }
}

#[test]
fn a_control_signal_stands_at_the_value_of_its_parameter() {
    let (_folder, device) = fixture("cv");
    assert_eq!((device.ports().inputs.len(), device.ports().outputs.len()), (0, 1));
    let change = at(10, set("cv", &*device, 0.5));
    let mut stage = Stage::new(device, 64);
    let output = stage.run(&[], 64, &[change]).unwrap();
    assert_eq!((output[0].channel(0)[9], output[0].channel(0)[10]), (0.25, 0.5));
}

#[test]
fn groups_are_busses_and_the_main_one_comes_first() {
    let (_folder, device) = fixture("groups");
    let busses: Vec<_> = device.ports().inputs.into_iter().map(|bus| (bus.name, bus.channels, bus.main)).collect();
    assert_eq!(busses, [("Front".to_owned(), 2, true), ("Key".to_owned(), 1, false)]);
    let mut stage = Stage::new(device, 64);
    let outputs = stage.run(&[ramp(2, 64), Buffer::from_channels(vec![vec![0.5; 64]])], 64, &[]).unwrap();
    assert_eq!(outputs[0].channel(0), ramp(2, 64).channel(0));
    assert!(outputs[0].channel(1).iter().all(|sample| *sample == 0.5));
}

#[test]
fn nan_is_an_error_at_its_frame() {
    let (_folder, device) = fixture("nan");
    let result = Stage::new(device, 64).effect(&ramp(1, 64), &[]);
    assert_eq!(result, Err(ProcessError::NonFinite { bus: 0, channel: 0, frame: 7 }));
}

#[test]
fn what_cannot_be_loaded_says_why() {
    let (_folder, bundle) = bundle();
    for (name, reason) in [
        ("needs", "it requires what this host does not offer: urn:tonemill:nobody-offers-this"),
        ("refuses", "it refuses to be made for 48000 Hz. What it printed may say why"),
        ("unknown-port", "its port \"odd\" (odd) is of a kind that this host does not know"),
        ("absent", "its library does not hold it, though the manifest says so. It holds urn:tonemill:fixture:gain, "),
        ("nobody", "the file holds no plugin with that id or name."),
    ] {
        let words = refusal(&bundle, name);
        assert!(words.contains(reason), "{name}: {words}");
    }
}

#[test]
fn a_library_that_cannot_be_opened_says_why() {
    let (_folder, bundle) = bundle();
    let library = bundle.join(fixtures::BINARY);
    let whole = std::fs::read(&library).unwrap();
    std::fs::remove_file(&library).unwrap();
    assert!(refusal(&bundle, "gain").contains("fixtures.so is missing. Install the plugin again"));
    std::fs::write(&library, &whole[..whole.len() / 2]).unwrap();
    assert!(refusal(&bundle, "gain").contains("the file is cut short"));
    if cfg!(target_os = "linux") {
        let mut other = whole.clone();
        other[18] = 22;
        std::fs::write(&library, other).unwrap();
        assert!(refusal(&bundle, "gain").contains("the file is built for s390x, this machine is"));
        // A function that no library has, in place of one that the C library has.
        let mut lacking = whole.clone();
        let (known, unknown) = (b"\0realloc\0", b"\0reallox\0");
        let found: Vec<usize> = (0..whole.len() - known.len()).filter(|at| whole[*at..].starts_with(known)).collect();
        assert!(!found.is_empty(), "the library asks for realloc");
        found.iter().for_each(|at| lacking[*at..*at + known.len()].copy_from_slice(unknown));
        std::fs::write(&library, lacking).unwrap();
        let words = refusal(&bundle, "gain");
        assert!(words.contains("the file needs the symbol reallox"), "{words}");
    }
    std::fs::write(&library, whole).unwrap();
    assert!(load(&bundle, "gain").is_ok());
}

#[test]
fn a_folder_that_is_no_bundle_and_a_broken_manifest_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let words = tonemill_host::lv2::list(folder.path()).unwrap_err().to_string();
    assert!(words.contains("it is no LV2 bundle: there is no manifest.ttl in it"), "{words}");
    std::fs::write(
        folder.path().join("manifest.ttl"),
        "@prefix lv2: <http://lv2plug.in/ns/lv2core#> .\n<x> a lv2:Plugin ; .\n<y> lv2:binary\n",
    )
    .unwrap();
    let words = tonemill_host::lv2::list(folder.path()).unwrap_err().to_string();
    assert!(words.contains("manifest.ttl is broken: "), "{words}");
}

#[test]
fn a_manifest_of_any_bytes_is_read_or_refused() {
    use proptest::prelude::*;
    let (_folder, bundle) = bundle();
    let whole = std::fs::read(bundle.join("manifest.ttl")).unwrap();
    let own = std::fs::read(bundle.join("gain.ttl")).unwrap();
    let edits = |length: usize| prop::collection::vec((0..length, prop::option::of(any::<u8>()), 0..40usize), 1..6);
    let damaged = |whole: &[u8], edits: &[(usize, Option<u8>, usize)]| {
        let mut bytes = whole.to_vec();
        for (at, byte, cut) in edits {
            let at = *at % bytes.len().max(1);
            match byte {
                Some(byte) if !bytes.is_empty() => bytes[at] = *byte,
                _ => drop(bytes.drain(at.min(bytes.len())..(at + cut).min(bytes.len()))),
            }
        }
        bytes
    };
    let read = |manifest: &[u8], own: &[u8]| {
        std::fs::write(bundle.join("manifest.ttl"), manifest).unwrap();
        std::fs::write(bundle.join("gain.ttl"), own).unwrap();
        // Whatever comes of it, it is an answer.
        tonemill_host::lv2::list(&bundle).map(|infos| infos.len()).map_err(|e| e.to_string().len())
    };
    proptest!(ProptestConfig::with_cases(200), |(first in edits(whole.len()), second in edits(own.len()), noise in prop::collection::vec(any::<u8>(), 0..200))| {
        prop_assert!(read(&damaged(&whole, &first), &own).is_ok_and(|n| n <= fixtures::NAMES.len()) || read(&damaged(&whole, &first), &own).is_err());
        prop_assert!(read(&whole, &damaged(&own, &second)).is_ok_and(|n| n == fixtures::NAMES.len()) || read(&whole, &damaged(&own, &second)).is_err());
        prop_assert!(read(&noise, &own).is_ok_and(|n| n == 0) || read(&noise, &own).is_err());
    });
}

const FIXTURE: &str = "TONEMILL_HOST_TEST_LV2";

#[test]
#[ignore = "started by another test as its child process"]
fn child_process() {
    let (_folder, device) = fixture(&std::env::var(FIXTURE).expect("the parent names the fixture"));
    eprintln!("loaded");
    Stage::new(device, 64).effect(&ramp(1, 64), &[]).unwrap();
    eprintln!("processed");
}

#[test]
fn crashes_come_when_they_are_promised() {
    use std::os::unix::process::ExitStatusExt;
    for (name, loads) in [("crash", true), ("crash-on-load", false)] {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "child_process", "--ignored", "--nocapture"]).env(FIXTURE, name);
        let output = command.stdin(Stdio::null()).output().unwrap();
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.signal(), words.contains("loaded")), (Some(11), loads), "{name}: {words}");
        assert!(!words.contains("processed"));
    }
}

#[test]
fn a_plugin_is_told_that_the_music_jumps() {
    let (_folder, mut device) = fixture("echo");
    let mut processor = device.activate(Setup { sample_rate: RATE, max_block: 64 }).unwrap();
    let mut transport = Transport::start(RATE);
    let mut produced = Vec::new();
    for (frame, tempo) in [(0, 120.0), (64, 120.0), (128, 90.0), (1000, 90.0), (1064, 90.0)] {
        (transport.frame, transport.tempo) = (frame, tempo);
        let block = &mut Block {
            frames: 64,
            inputs: &mut [],
            outputs: &mut [],
            events: &[],
            produced: &mut produced,
            transport: &transport,
        };
        processor.process(block).unwrap();
        transport.steady_frame += 64;
    }
    assert_eq!(device.value(id(&*device, "positions")), Ok(3.0));
    device.deactivate(processor);
}
