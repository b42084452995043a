//! Parameters that a plugin changes of its own accord.

use audio::device::ParameterId;
use audio::{Buffer, Device, EventBody};

use crate::common::*;

const FRAMES: usize = 64;

fn level(stage: &mut Stage) -> f32 {
    let ones = Buffer::from_channels(vec![vec![1.0; FRAMES]; 2]);
    let output = stage.effect(&ones, &[]).unwrap();
    let level = output.channel(0)[0];
    assert!(output.channels().flatten().all(|sample| *sample == level), "the change is there from the first frame on");
    level
}

fn source_and_target(device: &dyn Device) -> (ParameterId, ParameterId) {
    (id(device, "Source"), id(device, "Target"))
}

#[test]
fn an_edit_of_the_controller_is_heard_with_the_next_block() {
    let mut device = vst3("controller-edit");
    let (source, target) = source_and_target(&*device);
    device.set_value(source, 0.5).unwrap();
    assert!(device.pump().parameters);
    let mut stage = Stage::new(device, FRAMES);
    assert_eq!(level(&mut stage), 0.5);
    let change = at(3, EventBody::Parameter { id: source, value: 0.25 });
    stage.effect(&ramp(2, FRAMES), &[change]).unwrap();
    assert!(stage.device.pump().parameters, "its values changed from within");
    assert_eq!(level(&mut stage), 0.25);
    assert!(!stage.device.pump().parameters);
    // It is in the state, too.
    let mut other = vst3("controller-edit");
    other.load_state(&stage.stop().save_state().unwrap()).unwrap();
    assert_eq!(other.value(target), Ok(0.25));
}

#[test]
fn values_that_changed_while_a_state_was_saved_are_told_of_afterwards() {
    let mut device = vst3("param-rescan");
    let (source, target) = source_and_target(&*device);
    device.set_value(source, 0.5).unwrap();
    device.save_state().unwrap();
    assert!(device.pump().parameters);
    assert_eq!(device.value(target), Ok(0.5));
    assert!(!device.pump().parameters);
}

#[test]
fn a_plugin_that_renames_its_parameters_is_read_again() {
    let mut device = vst3("param-rescan");
    let (source, target) = source_and_target(&*device);
    let name = |device: &dyn Device| device.parameters().into_iter().find(|p| p.id == target).unwrap().name;
    device.set_value(source, 0.5).unwrap();
    assert_eq!((name(&*device).as_str(), device.value(target)), ("Target 1", Ok(0.5)));
    assert!(device.pump().parameters && !device.pump().parameters);
    let mut stage = Stage::new(device, FRAMES);
    stage.effect(&ramp(2, FRAMES), &[at(0, EventBody::Parameter { id: source, value: 0.25 })]).unwrap();
    assert_eq!(name(&*stage.device), "Target 1", "not while blocks are processed");
    let requests = stage.device.pump();
    assert!(requests.parameters && !requests.restart);
    assert_eq!((name(&*stage.device).as_str(), stage.device.value(target)), ("Target 2", Ok(0.25)));
}

#[test]
fn after_a_plugin_changed_its_values_automation_starts_from_the_new_ones() {
    let device = vst3("param-rescan");
    let (source, target) = source_and_target(&*device);
    let mut stage = Stage::new(device, FRAMES);
    let change = |frame, id, value| at(frame, EventBody::Parameter { id, value });
    // The value of the target that was sent last is 1, and then the plugin says that it is a half.
    stage.effect(&ramp(2, FRAMES), &[change(0, target, 1.0), change(1, source, 0.5)]).unwrap();
    stage.device.pump();
    let ones = Buffer::from_channels(vec![vec![1.0; FRAMES]; 2]);
    let output = stage.effect(&ones, &[change(32, target, 0.25)]).unwrap();
    // The value in front of the change is repeated one frame before it, where this plugin takes it over.
    assert_eq!(output.channel(0)[30..34], [1.0, 0.5, 0.25, 0.25]);
}

#[test]
fn a_plugin_that_answers_every_change_with_an_edit_comes_to_rest() {
    let mut device = vst3("endless-edit");
    let (source, target) = source_and_target(&*device);
    device.set_value(target, 0.5).unwrap();
    assert_eq!(device.value(target), Ok(0.5), "what was set counts");
    let mut stage = Stage::new(device, FRAMES);
    stage.device.pump();
    assert_eq!(level(&mut stage), 0.5);
    let changes = [source, target].map(|id| at(0, EventBody::Parameter { id, value: 0.25 }));
    stage.effect(&ramp(2, FRAMES), &changes).unwrap();
    assert!(stage.device.pump().parameters);
    assert!((level(&mut stage) - 0.35).abs() < 1e-6, "its answer is heard once");
    for _ in 0..10 {
        assert!(!stage.device.pump().parameters);
        assert!((level(&mut stage) - 0.35).abs() < 1e-6);
    }
}

#[test]
fn a_plugin_that_edits_a_thousand_times_a_tick_is_heard_with_its_last() {
    let mut stage = Stage::new(vst3("endless-edit-timer"), FRAMES);
    assert_eq!(level(&mut stage), 1.0);
    for _ in 0..200 {
        assert!(stage.device.pump().parameters);
        assert_eq!(level(&mut stage), 0.999);
    }
}
