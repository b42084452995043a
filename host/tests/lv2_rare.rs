//! LV2 plugins that use what few others do.
#![cfg(unix)]

mod common;

use std::path::Path;

use audio::device::{DeviceError, Setup};
use audio::{Buffer, Device, EventBody};
use tonemill_fixtures::lv2 as fixtures;

use common::lv2::*;
use common::{RATE, Stage, at, id, ramp};

/// The name, channels and kind of each bus.
fn busses(busses: &[audio::device::BusInfo]) -> Vec<(&str, usize, bool)> {
    busses.iter().map(|bus| (bus.name.as_str(), bus.channels, bus.main)).collect()
}

/// What a text holds, and whether it can be set.
fn text(device: &dyn Device, name: &str) -> (Option<String>, bool) {
    let texts = device.texts();
    let found = texts.iter().find(|text| text.name == name).unwrap();
    (found.value.clone(), !found.read_only)
}

fn set_text(device: &mut dyn Device, name: &str, value: &str) {
    let id = device.texts().into_iter().find(|text| text.name == name).unwrap().id;
    device.set_text(id, value).unwrap();
}

#[test]
fn a_text_is_told_before_the_first_frame_and_is_what_the_plugin_says() {
    let (_folder, mut device) = fixture("texts");
    assert_eq!((text(&*device, "Title"), text(&*device, "Page")), ((None, true), (None, true)));
    set_text(&mut *device, "Title", "seventeen letters");
    assert_eq!(text(&*device, "Title").0.as_deref(), Some("seventeen letters"));
    let mut stage = Stage::new(device, 64);
    // It was asked before the first block.
    assert_eq!(text(&*stage.device, "Page").0.as_deref(), Some("unsaid"));
    let output = stage.run(&[], 64, &[]).unwrap();
    assert_eq!(constant(&output[0]), 0.17);
    let mut device = stage.stop();
    set_text(&mut *device, "Page", "urn:a:page");
    let mut stage = Stage::new(device, 64);
    assert_eq!(text(&*stage.device, "Page").0.as_deref(), Some("urn:a:page"));
    assert_eq!(constant(&stage.run(&[], 64, &[]).unwrap()[0]), 0.17);
    // Another rate takes another instance, which is told again.
    let device = stage.stop();
    let mut stage = Stage::at_rate(device, audio::SampleRate(44_100), 64);
    assert_eq!(constant(&stage.run(&[], 64, &[]).unwrap()[0]), 0.17);
    let id = id(&*stage.device, "Count");
    assert_eq!(stage.device.set_text(id, "5"), Err(DeviceError::NoSuchParameter(id)));
}

#[test]
fn a_text_travels_in_a_state() {
    let (_folder, mut device) = fixture("texts");
    set_text(&mut *device, "Title", "twelve chars");
    let state = device.save_state().unwrap();
    let (_other, mut other) = fixture("texts");
    other.load_state(&state).unwrap();
    assert_eq!(text(&*other, "Title").0.as_deref(), Some("twelve chars"));
    let mut stage = Stage::new(other, 64);
    assert_eq!(constant(&stage.run(&[], 64, &[]).unwrap()[0]), 0.12);
}

#[test]
fn switches_and_whole_numbers_are_told_in_their_types_and_reports_cannot_be_set() {
    let (_folder, mut device) = fixture("texts");
    let parameters = device.parameters();
    let flags = parameters.iter().map(|p| (p.name.as_str(), p.flags.stepped, p.flags.read_only, p.minimum, p.maximum));
    let expected =
        [("Count", true, false, -3.0, 3.0), ("Loud", true, false, 0.0, 1.0), ("Depth", false, true, 0.0, 9.0)];
    assert_eq!(flags.collect::<Vec<_>>(), expected);
    let (count, loud, depth) = (id(&*device, "Count"), id(&*device, "Loud"), id(&*device, "Depth"));
    assert_eq!((device.text(loud, 1.0).as_deref(), device.parse(loud, "off")), (Some("On"), Some(0.0)));
    assert_eq!(device.set_value(depth, 1.0), Err(DeviceError::NoSuchParameter(depth)));
    device.set_value(count, -2.0).unwrap();
    device.set_value(loud, 1.0).unwrap();
    set_text(&mut *device, "Title", "x");
    let mut stage = Stage::new(device, 64);
    let change = at(64, EventBody::Parameter { id: loud, value: 0.0 });
    let output = stage.run(&[], 128, &[change]).unwrap();
    assert_eq!((output[0].channel(0)[63], output[0].channel(0)[64]), (-2.01, -1.99));
    // It was asked once, and says so.
    assert_eq!(stage.device.value(depth), Ok(1.0));
}

#[test]
fn outputs_of_an_instrument_are_busses_of_their_own() {
    let (_folder, device) = fixture("drums");
    let ports = device.ports();
    let expected = [("Kick", 1, true), ("Snare", 1, false), ("Tom", 2, false), ("Bell", 2, false), ("Front", 1, false)];
    assert_eq!(busses(&ports.outputs), expected);
    let outputs = Stage::new(device, 64).run(&[], 64, &[]).unwrap();
    let levels: Vec<Vec<f32>> = outputs.iter().map(|bus| bus.channels().map(|channel| channel[63]).collect()).collect();
    assert_eq!(levels, [vec![1.0], vec![2.0], vec![3.0, 4.0], vec![5.0, 6.0], vec![7.0]]);
}

#[test]
fn a_group_with_two_pairs_is_two_busses() {
    let (_folder, device) = fixture("split");
    let ports = device.ports();
    assert_eq!(busses(&ports.inputs), [("Front", 2, true)]);
    assert_eq!(busses(&ports.outputs), [("Both", 2, true), ("out 2", 2, false)]);
    let outputs = Stage::new(device, 64).run(&[ramp(2, 64)], 64, &[]).unwrap();
    assert_eq!(outputs, [ramp(2, 64), ramp(2, 64)]);
}

#[test]
fn work_that_leads_to_work_is_all_done_within_its_run() {
    let (_folder, device) = fixture("chain");
    let mut stage = Stage::new(device, 64);
    let output = stage.effect(&ramp(1, 192), &[]).unwrap();
    let starts = [0, 64, 128].map(|frame| output.channel(0)[frame]);
    assert_eq!(starts, [0.0, 222.0, 222.0], "1, 10 and 100, each answered twice");
    assert_eq!(shown(&stage, "ends"), [(64, 1.0), (128, 2.0)], "each run is ended once");
}

#[test]
fn a_plugin_that_wants_whole_blocks_gets_them_whatever_changes() {
    let (_folder, device) = fixture("coarse");
    let changes = [at(10, set("level", &*device, 0.5)), at(70, set("level", &*device, 0.25))];
    let mut stage = Stage::new(device, 64);
    let output = stage.effect(&ramp(1, 128), &changes).unwrap();
    assert_eq!((output.channel(0)[0], output.channel(0)[63], output.channel(0)[64]), (0.5, 0.5, 0.25));
    assert_eq!(shown(&stage, "runs"), [(0, 1.0), (64, 2.0)]);
}

#[test]
fn a_block_of_fixed_length_need_be_no_power_of_two() {
    let (_folder, device) = fixture("fixed-only");
    let input = ramp(1, 350);
    let mut stage = Stage::new(device, 100);
    assert_eq!(stage.device.latency(), 100);
    let output = stage.effect(&input, &[]).unwrap();
    assert_eq!(output.channel(0)[100..], input.channel(0)[..250]);
    assert_eq!(shown(&stage, "length").last(), Some(&(100, 100.0)));
}

#[test]
fn an_option_that_nobody_passes_is_missed_by_its_name() {
    let (_folder, device) = fixture("option");
    assert_eq!(Stage::new(device, 64).effect(&ramp(1, 64), &[]).unwrap(), ramp(1, 64));
    let (_other, bundle) = bundle();
    let words = load(&bundle, "no-option").err().unwrap().to_string();
    let reason = "it requires options that this host does not pass: urn:tonemill:nobody-passes-this";
    assert!(words.ends_with(reason), "{words}");
}

#[test]
fn bounds_that_are_missing_or_no_numbers_are_made_up_for() {
    let (_folder, mut device) = fixture("no-bounds");
    let parameters = device.parameters();
    let of = |name: &str| {
        let parameter = parameters.iter().find(|p| p.name == name).unwrap();
        (parameter.minimum, parameter.maximum, parameter.default, parameter.flags.stepped)
    };
    let (least, most) = (f64::from(f32::MIN), f64::from(f32::MAX));
    assert_eq!(of("free"), (least, most, 0.0, false));
    assert_eq!(of("nan"), (least, 4.0, 0.0, false));
    assert_eq!(of("switch"), (0.0, 1.0, 0.0, true));
    assert_eq!(of("backwards"), (1.0, 5.0, 5.0, false));
    assert_eq!(of("push"), (0.0, 1.0, 0.0, true));
    let free = id(&*device, "free");
    device.set_value(free, -1e30).unwrap();
    assert!(device.set_value(free, f64::NAN).is_err());
    assert_eq!(Stage::new(device, 64).effect(&ramp(1, 64), &[]).unwrap(), ramp(1, 64));
}

/// Takes `lv2_descriptor` from a library, so that `lv2_lib_descriptor` is left.
fn take_away_the_old_way(library: &Path) {
    let mut whole = std::fs::read(library).unwrap();
    let (known, unknown) = (b"\0lv2_descriptor\0", b"\0xxx_descriptor\0");
    let found: Vec<usize> = (0..whole.len() - known.len()).filter(|at| whole[*at..].starts_with(known)).collect();
    assert!(!found.is_empty(), "the library has the function");
    found.iter().for_each(|at| whole[*at..*at + known.len()].copy_from_slice(unknown));
    std::fs::write(library, whole).unwrap();
}

#[test]
fn a_library_with_the_newer_way_to_ask_alone_is_told_its_bundle() {
    let (_folder, bundle) = bundle();
    take_away_the_old_way(&bundle.join(fixtures::BINARY));
    let mut stage = Stage::new(load(&bundle, "gain").unwrap(), 64);
    assert_eq!(stage.device.info().id, fixtures::uri("gain"));
    stage.effect(&ramp(1, 64), &[]).unwrap();
    // Several of one library, one after the other and beside each other.
    let beside = load(&bundle, "latency").unwrap();
    drop(stage.stop());
    assert_eq!(Stage::new(beside, 64).device.latency(), 100);
}

#[test]
fn the_files_that_a_state_refers_to_are_told() {
    let (folder, mut device) = fixture("file");
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    [&one, &two].iter().for_each(|path| std::fs::write(path, [64]).unwrap());
    assert_eq!(device.referenced_files(), [""; 0].map(std::path::PathBuf::from));
    device.set_file("sample", &one).unwrap();
    assert!(device.referenced_files().is_empty(), "whoever set it knows it");
    let state = device.save_state().unwrap();
    let (_other, mut other) = fixture("file");
    other.load_state(&state).unwrap();
    assert_eq!(other.referenced_files(), [one.as_path()]);
    other.set_file("sample", &two).unwrap();
    assert!(other.referenced_files().is_empty(), "another takes its place");
    // A preset is read with the manifest beside it.
    let turtle = "@prefix lv2: <http://lv2plug.in/ns/lv2core#> . @prefix pset: <http://lv2plug.in/ns/ext/presets#> .
        @prefix state: <http://lv2plug.in/ns/ext/state#> . @prefix x: <urn:tonemill:fixture:> .\n";
    let manifest = format!("{turtle} <p.ttl> a pset:Preset ; lv2:appliesTo x:file .");
    std::fs::write(folder.path().join("manifest.ttl"), manifest).unwrap();
    let own = format!("{turtle} <p.ttl> state:state [ x:sample <two> ; x:missing <none> ] .");
    std::fs::write(folder.path().join("p.ttl"), own).unwrap();
    let (_third, mut third) = fixture("file");
    third.load_preset(&folder.path().join("p.ttl")).unwrap();
    assert_eq!(third.referenced_files(), ["manifest.ttl", "none", "two"].map(|name| folder.path().join(name)));
}

#[test]
fn states_are_taken_while_active_instances_of_other_lengths_come_and_go() {
    let (folder, mut device) = fixture("file");
    let sample = folder.path().join("sample");
    std::fs::write(&sample, [128]).unwrap();
    device.set_file("sample", &sample).unwrap();
    let state = device.save_state().unwrap();
    let (_other, mut other) = fixture("file");
    for block in [32, 512, 64] {
        other.load_state(&state).unwrap();
        let processor = other.activate(Setup { sample_rate: RATE, max_block: block }).unwrap();
        other.deactivate(processor);
        let mut stage = Stage::new(other, block);
        assert_eq!(constant(&stage.effect(&Buffer::new(1, 100), &[]).unwrap()), 0.5);
        other = stage.stop();
        assert_eq!(other.save_state().unwrap(), state);
    }
}
