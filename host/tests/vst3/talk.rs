//! What a plugin's halves tell each other, and the time that the host gives them.

use audio::device::Setup;
use audio::{Device, Processor};

use crate::common::*;

fn values<const N: usize>(device: &dyn Device, names: [&str; N]) -> [f64; N] {
    names.map(|name| device.value(id(device, name)).unwrap())
}

#[test]
fn messages_arrive_whole_and_are_answered() {
    // It asks when it is connected, and whenever it is shown the component's state.
    let mut device = vst3("messages");
    assert_eq!(values(&*device, ["Sent", "Heard", "Answers"]), [2.0; 3]);
    let state = device.save_state().unwrap();
    device.load_state(&state).unwrap();
    assert_eq!(values(&*device, ["Sent", "Heard", "Answers"]), [3.0; 3]);
}

#[test]
fn messages_from_within_a_block_wait_for_the_pump() {
    let mut stage = Stage::new(vst3("messages-in-process"), 64);
    let heard = |stage: &Stage| values(&*stage.device, ["Heard"])[0];
    stage.effect(&ramp(2, 200), &[]).unwrap();
    assert_eq!(heard(&stage), 0.0);
    stage.device.pump();
    assert_eq!(heard(&stage), 4.0);
    stage.pumped(&ramp(2, 128)).unwrap();
    assert_eq!(heard(&stage), 6.0);
}

#[test]
fn a_processor_works_on_another_thread() {
    for name in ["messages-in-process", "controller-edit", "output-parameter", "only64"] {
        let input = ramp(2, 64);
        let mut device = vst3(name);
        let mut processor = device.activate(Setup { sample_rate: RATE, max_block: 64 }).unwrap();
        let output = std::thread::scope(|scope| scope.spawn(|| one_block(&mut *processor, &input)).join().unwrap());
        assert_eq!(output, input, "{name}");
        device.pump();
        device.deactivate(processor);
    }
}

fn one_block(processor: &mut dyn Processor, input: &audio::Buffer) -> audio::Buffer {
    let (mut inputs, mut outputs) = ([input.clone()], [audio::Buffer::new(2, 64)]);
    let mut block = audio::Block {
        frames: 64,
        inputs: &mut inputs,
        outputs: &mut outputs,
        events: &[],
        produced: &mut Vec::new(),
        transport: &audio::Transport::start(RATE),
    };
    processor.process(&mut block).unwrap();
    outputs[0].clone()
}

#[cfg(unix)]
#[test]
fn timers_run_by_the_time_of_the_music_and_descriptors_while_there_is_something_to_read() {
    let device = vst3("run-loop");
    let [ticks, reads, offers] = ["Ticks", "Reads", "Offers"].map(|name| id(&*device, name));
    // Where there is a run loop: factory, context, handler. The controller is connected twice, both times with all three.
    assert_eq!(values(&*device, ["Controller Offers", "Controller Ticks"]), [7.0, 0.0]);
    // Half of a timer's 20 ms a block.
    let mut stage = Stage::new(device, 480);
    stage.pumped(&ramp(2, 480 * 9)).unwrap();
    let told = |id| stage.reports(id).iter().map(|(_, value)| *value).collect::<Vec<_>>();
    assert_eq!(told(ticks), [0.0, 0.0, 1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 4.0]);
    assert_eq!(told(reads), [0.0, 1.0, 2.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0]);
    // The context of the instance and that of the factory, which has been there before any handler.
    assert_eq!(told(offers), [3.0; 9]);
    assert_eq!(values(&*stage.device, ["Controller Ticks"]), [4.0]);
}

#[test]
fn a_plugin_that_restores_its_state_in_the_background_is_busy_until_it_is_done() {
    let input = ramp(2, 64);
    let hasty = Stage::new(vst3("progress"), 64).effect(&input, &[]).unwrap();
    assert_eq!(hasty.peak(), 0.0, "it holds back its sound until then");

    let mut device = vst3("progress");
    let busy = |device: &mut dyn Device| (0..100).take_while(|_| device.pump().busy).count();
    assert_eq!(busy(&mut *device), 4, "the fifth tick of 10 ms is the last");
    let state = device.save_state().unwrap();
    device.load_state(&state).unwrap();
    assert_eq!(busy(&mut *device), 4, "each state begins anew");
    assert_eq!(Stage::new(device, 64).effect(&input, &[]).unwrap(), input);
}
