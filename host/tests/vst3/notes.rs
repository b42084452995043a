//! Notes, and whatever else is said to an instrument or comes out of a plugin.

use audio::{Buffer, Event, EventBody, Expression};

use crate::common::*;

const FRAMES: usize = 2000;

fn on(frame: u32, channel: u8, key: u8, note: Option<u32>) -> Event {
    at(frame, EventBody::NoteOn { channel, key, velocity: 1.0, note })
}

fn off(frame: u32, channel: u8, key: u8, note: Option<u32>) -> Event {
    at(frame, EventBody::NoteOff { channel, key, velocity: 0.0, note })
}

fn midi(frame: u32, bytes: [u8; 3]) -> Event {
    at(frame, EventBody::Midi { bytes })
}

fn expression(frame: u32, note: Option<u32>, expression: Expression, value: f64) -> Event {
    at(frame, EventBody::Expression { channel: 0, key: 69, note, expression, value })
}

fn play_in(block: usize, events: &[Event]) -> Vec<f32> {
    let sound = Stage::new(vst3("sine"), block).run(&[], FRAMES, events).unwrap().remove(0);
    assert_eq!(sound.channel(0), sound.channel(1));
    sound.channel(0).to_vec()
}

fn play(events: &[Event]) -> Vec<f32> {
    play_in(512, events)
}

/// Fails unless the sound is `plain` up to a frame, and as many times as loud from there on.
#[track_caller]
fn louder_from(frame: usize, factor: f32, plain: &[f32], sound: &[f32]) {
    assert_eq!(sound[..frame], plain[..frame]);
    let off = sound[frame..].iter().zip(&plain[frame..]).position(|(got, was)| (got - was * factor).abs() > 1e-6);
    assert_eq!(off, None, "at that many frames after {frame}");
}

#[track_caller]
fn alike(a: &[f32], b: &[f32]) {
    // The same frequency by another way: rounding adds up over the frames.
    assert_eq!(a.iter().zip(b).position(|(a, b)| (a - b).abs() > 1e-4), None);
}

#[test]
fn a_note_sounds_from_its_frame_to_its_end_whatever_the_block_size() {
    let events = [on(100, 0, 69, Some(1)), on(700, 0, 73, None), off(1500, 0, 69, Some(1)), off(1501, 0, 73, None)];
    let sound = play(&events);
    assert!(sound[..100].iter().all(|sample| *sample == 0.0));
    assert!((sound[100] - 0.25).abs() < 1e-6, "the first frame is a cosine's first: {}", sound[100]);
    assert!((sound[700] - sound[699]).abs() > 0.1, "the second note begins");
    assert_ne!(sound[1500], 0.0);
    assert!(sound[1501..].iter().all(|sample| *sample == 0.0));
    for block in [1, 63, 64, 65, FRAMES] {
        assert_eq!(play_in(block, &events), sound, "block size {block}");
    }
}

#[test]
fn the_last_frame_of_a_block_and_of_a_render_can_begin_a_note() {
    let sound = play_in(64, &[on(63, 0, 69, None), off(64, 0, 69, None), on(FRAMES as u32 - 1, 0, 69, None)]);
    let sounding: Vec<usize> = (0..FRAMES).filter(|frame| sound[*frame] != 0.0).collect();
    assert_eq!(sounding, [63, FRAMES - 1]);
}

#[test]
fn controllers_and_pressure_move_the_parameters_that_they_are_mapped_to_at_their_frame() {
    let note = on(0, 0, 69, None);
    let plain = play(std::slice::from_ref(&note));
    louder_from(700, 0.5, &plain, &play(&[note.clone(), midi(700, [0xb0, 1, 127])]));
    louder_from(511, 2.0, &plain, &play(&[note.clone(), midi(511, [0xd0, 127, 0])]));
    let timbre = play(&[note.clone(), midi(700, [0xb0, 74, 127])]);
    assert_eq!(timbre[..700], plain[..700]);
    assert!((timbre[700] - plain[700]).abs() > 1e-3 || (timbre[701] - plain[701]).abs() > 1e-3);
    // Unmapped ones change nothing.
    assert_eq!(play(&[note.clone(), midi(700, [0xb0, 7, 3]), midi(700, [0xb2, 1, 127])]), plain);
}

#[test]
fn bend_of_each_channel_is_its_own() {
    let up = |channel: u8| midi(0, [0xe0 | channel, 127, 127]);
    let (first, second) = (on(0, 0, 69, None), on(0, 1, 69, None));
    alike(&play(&[up(0), first.clone()]), &play(&[on(0, 0, 71, None)]));
    alike(&play(&[up(1), second.clone()]), &play(&[on(0, 0, 71, None)]));
    let plain = play(std::slice::from_ref(&first));
    assert_eq!(play(&[up(1), first.clone()]), plain);
    assert_eq!(play(&[up(0), second.clone()]), plain);
    // The middle is no bend at all.
    assert_eq!(play(&[midi(0, [0xe0, 0, 64]), first.clone()]), plain);
    let later = play(&[first, midi(1000, [0xe0, 127, 127])]);
    assert_eq!(later[..1000], plain[..1000]);
    assert_ne!(later[1001..], plain[1001..]);
}

#[test]
fn pressure_of_one_key_reaches_that_key_alone() {
    let (low, high) = (on(0, 0, 57, None), on(0, 0, 69, None));
    let (of_low, of_high) = (play(std::slice::from_ref(&low)), play(std::slice::from_ref(&high)));
    for pressure in [midi(0, [0xa0, 69, 127]), expression(0, None, Expression::Pressure, 1.0)] {
        let sound = play(&[low.clone(), high.clone(), pressure]);
        let wanted = of_low.iter().zip(&of_high).map(|(low, high)| low + 2.0 * high);
        assert!(sound.iter().zip(wanted).all(|(got, wanted)| (got - wanted).abs() < 1e-5));
    }
}

#[test]
fn an_expression_changes_the_note_of_its_number_alone() {
    // Both are the same key.
    let (first, second) = (on(0, 0, 69, Some(1)), on(0, 0, 69, Some(2)));
    let plain = play(std::slice::from_ref(&first));
    let octave = play(&[on(0, 0, 81, None)]);
    let sum = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a + b).collect::<Vec<_>>();
    let both = |events: &[Event]| play(&[&[first.clone(), second.clone()], events].concat());
    alike(&both(&[expression(0, Some(2), Expression::Tuning, 12.0)]), &sum(&plain, &octave));
    let doubled: Vec<f32> = plain.iter().map(|sample| 2.0 * sample).collect();
    alike(&both(&[expression(0, Some(1), Expression::Volume, 2.0)]), &sum(&plain, &doubled));
    // Without a number VST3 knows no note.
    assert_eq!(both(&[expression(0, None, Expression::Tuning, 12.0)]), both(&[]));
}

#[test]
fn programs_change_by_message_and_by_parameter() {
    let program = id(&*vst3("sine"), "Program");
    let parameter = |value| at(0, EventBody::Parameter { id: program, value });
    let note = on(0, 0, 57, None);
    for index in 0..4u8 {
        let message = play(&[midi(0, [0xc0, index, 0]), note.clone()]);
        assert_eq!(message, play(&[parameter(index.into()), note.clone()]), "program {index}");
        let crossings = message.windows(2).filter(|pair| pair[0] < 0.0 && pair[1] >= 0.0).count();
        // 220 Hz and its multiples over 2000 frames.
        assert_eq!(crossings, [9, 18, 27, 36][usize::from(index)], "program {index}");
    }
    assert_eq!(play(&[midi(0, [0xc0, 4, 0]), note.clone()]), play(std::slice::from_ref(&note)), "there are four");

    let mut device = vst3("sine");
    device.set_value(program, device.parse(program, "Third").unwrap()).unwrap();
    let sound = Stage::new(device, 512).run(&[], FRAMES, std::slice::from_ref(&note)).unwrap().remove(0);
    assert_eq!(sound.channel(0), play(&[parameter(2.0), note]));
}

#[test]
fn system_exclusive_messages_arrive_whole() {
    let device = vst3("sysex-in");
    let names = ["Count", "Bytes", "Last Byte"].map(|name| id(&*device, name));
    let sysex = |frame, bytes: &[u8]| at(frame, EventBody::Sysex { bytes: bytes.into() });
    let long: Vec<u8> = [0xf0].into_iter().chain((0..10_000).map(|n| (n % 128) as u8)).chain([0xf7]).collect();
    let mut stage = Stage::new(device, 64);
    stage.effect(&ramp(2, 128), &[sysex(0, &[0xf0, 0xf7]), sysex(63, &long), sysex(64, &[0xf0, 1, 0xf7])]).unwrap();
    let told = names.map(|id| stage.reports(id).iter().map(|(_, value)| *value).collect::<Vec<_>>());
    assert_eq!(told, [[2.0, 3.0], [10_004.0, 10_007.0], [247.0, 247.0]]);
}

#[test]
fn notes_that_a_plugin_gives_are_produced_at_their_frames() {
    let device = vst3("produces-notes");
    assert!(device.ports().note_input && device.ports().note_output);
    let mut stage = Stage::new(device, 64);
    let note = |key| EventBody::NoteOn { channel: 4, key, velocity: 0.5, note: Some(9) };
    let end = |key| EventBody::NoteOff { channel: 4, key, velocity: 0.25, note: Some(9) };
    stage.effect(&ramp(2, 128), &[at(0, note(60)), at(63, end(60)), at(127, note(61))]).unwrap();
    assert_eq!(stage.produced, [at(0, note(72)), at(63, end(72)), at(127, note(73))]);
}

#[test]
fn controllers_that_a_plugin_gives_the_old_way_are_messages() {
    let mut stage = Stage::new(vst3("legacy-cc"), 64);
    stage.effect(&ramp(2, 128), &[]).unwrap();
    let block = |start: u32, number: u8| [midi(start, [0xb2, 74, number]), midi(start + 63, [0xe2, 0, 96])];
    assert_eq!(stage.produced, [block(0, 0), block(64, 1)].concat());
}

#[test]
fn a_plugin_without_note_input_is_left_alone_with_notes() {
    let input: Buffer = ramp(2, 64);
    let events = [on(0, 0, 60, None), midi(1, [0xb0, 1, 1]), midi(2, [0xc0, 1, 0])];
    let mut stage = Stage::new(vst3("copy"), 64);
    assert_eq!(stage.effect(&input, &events).unwrap(), input);
    assert!(stage.produced.is_empty());
}
