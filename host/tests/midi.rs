//! Whatever MIDI can say, as plugins of all formats hear it: nothing is lost, and everything is at its frame and in order.

mod common;

use std::collections::HashMap;

use audio::{Device, Event, EventBody, Expression};
use common::*;

const FRAMES: usize = 1024;

fn midi(frame: u32, bytes: [u8; 3]) -> Event {
    at(frame, EventBody::Midi { bytes })
}

fn note(frame: u32, key: u8, number: Option<u32>) -> [Event; 2] {
    let (channel, velocity) = (1, 64.0 / 127.0);
    let release = 100.0 / 127.0;
    [
        at(frame, EventBody::NoteOn { channel, key, velocity, note: number }),
        at(frame + 200, EventBody::NoteOff { channel, key, velocity: release, note: number }),
    ]
}

/// Channel messages of every kind: pressure, programs and banks, numbers of fourteen bits, registered and unregistered
/// parameters one upon the other, bends at both ends, and modes.
fn messages() -> Vec<Event> {
    let mut all = vec![
        // A bank and a program in it, all at once.
        midi(0, [0xb0, 0, 1]),
        midi(0, [0xb0, 32, 2]),
        midi(0, [0xc0, 5, 0]),
        // Modulation of fourteen bits; then its fine part alone; then both, where the fine one was used first.
        midi(70, [0xb0, 1, 64]),
        midi(70, [0xb0, 33, 127]),
        midi(130, [0xb1, 33, 3]),
        midi(140, [0xb1, 1, 2]),
        midi(511, [0xd0, 99, 0]),
        midi(512, [0xe0, 0, 0]),
        midi(513, [0xe1, 127, 127]),
        midi(514, [0xe1, 0, 64]),
        midi(515, [0xb0, 64, 127]),
        // Twice the same is twice.
        midi(516, [0xb0, 96, 0]),
        midi(530, [0xb0, 96, 0]),
        midi(1023, [0xb0, 123, 0]),
    ];
    for (frame, parameter, data) in [(200, 0, 12), (300, 1, 64)] {
        all.extend([[0xb0, 101, 0], [0xb0, 100, parameter], [0xb0, 6, data], [0xb0, 38, 0]].map(|b| midi(frame, b)));
    }
    all.extend([[0xb0, 99, 1], [0xb0, 98, 8], [0xb0, 6, 77]].map(|bytes| midi(400, bytes)));
    all.sort_by_key(|event| event.frame);
    all
}

fn with_notes(mut events: Vec<Event>, number: Option<u32>) -> Vec<Event> {
    events.extend(note(63, 60, number));
    events.extend(note(64, 60, number.map(|number| number + 1)));
    events.push(at(100, EventBody::Sysex { bytes: [0xf0, 0x7e, 1, 0xf7].as_slice().into() }));
    events.sort_by_key(|event| event.frame);
    events
}

/// What comes back of it, with the parameters' own reports left out.
fn heard(device: Box<dyn Device>, block: usize, events: &[Event]) -> Vec<Event> {
    let mut stage = Stage::new(device, block);
    let inputs: Vec<_> = stage.device.ports().inputs.iter().map(|bus| ramp(bus.channels, FRAMES)).collect();
    stage.run(&inputs, FRAMES, events).unwrap();
    stage.produced.into_iter().filter(|event| !matches!(event.body, EventBody::Parameter { .. })).collect()
}

const BLOCKS: [usize; 5] = [32, 64, 100, 512, 4096];

#[test]
fn a_clap_plugin_hears_all_of_midi_in_order_whatever_it_speaks() {
    for block in BLOCKS {
        let numbered = with_notes(messages(), Some(7));
        assert_eq!(heard(fixture("mirror"), block, &numbered), numbered, "block {block}");
        let plain = with_notes(messages(), None);
        assert_eq!(heard(fixture("mirror-midi"), block, &plain), plain, "block {block}");
        let notes: Vec<Event> = note(63, 60, Some(7)).into();
        assert_eq!(heard(fixture("mirror-clap"), block, &notes), notes, "block {block}");
    }
}

#[test]
fn a_clap_plugin_without_midi_hears_the_pressure_of_a_key_as_an_expression() {
    let pressure = midi(5, [0xa1, 60, 127]);
    let value = 1.0;
    let expression = EventBody::Expression { channel: 1, key: 60, note: None, expression: Expression::Pressure, value };
    assert_eq!(heard(fixture("mirror-clap"), 64, std::slice::from_ref(&pressure)), [at(5, expression)]);
    assert_eq!(heard(fixture("mirror"), 64, std::slice::from_ref(&pressure)), [pressure]);
}

#[test]
fn expressions_of_two_notes_of_one_key_reach_each_its_own() {
    let kinds = [
        (Expression::Tuning, -1.5),
        (Expression::Pressure, 0.25),
        (Expression::Brightness, 0.75),
        (Expression::Volume, 1.25),
        (Expression::Pan, 0.125),
    ];
    let mut events: Vec<Event> = [note(0, 60, Some(3)), note(0, 60, Some(4))].concat();
    for (n, (expression, value)) in kinds.into_iter().enumerate() {
        let number = 3 + n as u32 % 2;
        let body = EventBody::Expression { channel: 1, key: 60, note: Some(number), expression, value };
        events.push(at(10 * n as u32 + 7, body));
    }
    events.sort_by_key(|event| event.frame);
    for block in BLOCKS {
        assert_eq!(heard(fixture("mirror"), block, &events), events, "block {block}");
        assert_eq!(heard(fixture("mirror-clap"), block, &events), events, "block {block}");
    }
}

/// Channel messages without those that repeat what their controller has already. VST3 has levels be held up to the frame
/// before they change, so that nothing slides; that is nothing new. An increment is.
fn news(events: &[Event]) -> Vec<Event> {
    let mut levels = HashMap::new();
    let is_new = |event: &&Event| {
        let EventBody::Midi { bytes } = event.body else { return false };
        let number = if bytes[0] & 0xf0 == 0xb0 { bytes[1] } else { 0 };
        levels.insert((bytes[0], number), bytes) != Some(bytes) || number == 96
    };
    events.iter().filter(is_new).cloned().collect()
}

/// Notes and system exclusive messages, with velocities as they are in MIDI: VST3 has them in single precision.
fn others(events: &[Event]) -> Vec<String> {
    let other = |event: &Event| match &event.body {
        EventBody::Midi { .. } => None,
        EventBody::NoteOn { channel, key, velocity, note } => {
            Some(format!("{}: on {channel} {key} {} {note:?}", event.frame, (velocity * 127.0).round()))
        }
        EventBody::NoteOff { channel, key, velocity, note } => {
            Some(format!("{}: off {channel} {key} {} {note:?}", event.frame, (velocity * 127.0).round()))
        }
        body => Some(format!("{}: {body:?}", event.frame)),
    };
    events.iter().filter_map(other).collect()
}

#[test]
fn a_vst3_plugin_hears_all_of_midi_in_order() {
    for block in BLOCKS {
        let events = with_notes(messages(), Some(7));
        let back = heard(vst3("midi-mirror"), block, &events);
        assert_eq!(others(&back), others(&events), "block {block}");
        assert_eq!(others(&back).len(), 5);
        assert_eq!(news(&back), news(&events), "block {block}");
    }
}

#[test]
fn parameters_that_follow_each_other_at_one_instant_are_a_frame_apart_in_vst3_and_none_is_lost() {
    // A bend range, and the null parameter behind it, as songs begin.
    let bytes = [[0xb0, 101, 0], [0xb0, 100, 0], [0xb0, 6, 12], [0xb0, 101, 127], [0xb0, 100, 127]];
    for (start, block) in [(0, 512), (63, 64), (1, 1)] {
        let events = bytes.map(|bytes| midi(start, bytes));
        let back = heard(vst3("midi-mirror"), block, &events);
        assert_eq!(back[..3], events[..3], "block {block}");
        assert_eq!(back[3..], bytes[3..].iter().map(|bytes| midi(start + 1, *bytes)).collect::<Vec<_>>());
    }
}

#[cfg(unix)]
#[test]
fn an_lv2_plugin_hears_all_of_midi_in_order() {
    for block in BLOCKS {
        let (_folder, device) = common::lv2::fixture("echo");
        let events = with_notes(messages(), None);
        assert_eq!(heard(device, block, &events), events, "block {block}");
    }
}
