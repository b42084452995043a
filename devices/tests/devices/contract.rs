//! What a render may depend on: the input and the settings, nothing else.

use audio::{Buffer, EventBody, SampleRate};

use crate::common::{scenes, with_changes};
use crate::rig::*;

#[test]
fn the_block_size_leaves_no_trace_in_any_sample() {
    for (mut device, input, mut events) in scenes() {
        with_changes(&*device, &mut events);
        let name = device.info().id.clone();
        let mut with_block = |block| {
            // Changes during a render stay; every render starts from the same values.
            let state = device.save_state().expect("it has a state");
            let output = activate(&mut *device, input.channel_count(), block, RATE).render(&input, &events);
            device.load_state(&state).expect("it is its own state");
            output
        };
        let reference = with_block(512);
        assert!(reference.peak() > 0.0, "{name} is silent");
        for block in [1, 64, 1000, 6000] {
            assert!(with_block(block) == reference, "{name}: block {block} differs from 512");
        }
    }
}

#[test]
fn a_reset_processor_gives_what_a_fresh_one_gives() {
    for (mut device, input, events) in scenes() {
        let mut run = activate(&mut *device, input.channel_count(), 512, RATE);
        let fresh = run.render(&input, &events);
        run.processor.reset();
        assert!(run.render(&input, &events) == fresh, "{}", device.info().id);
    }
}

#[test]
fn a_reset_in_the_middle_of_a_change_leaves_the_new_value() {
    for (mut device, input, events) in scenes() {
        let mut changes = Vec::new();
        with_changes(&*device, &mut changes);
        let mut run = activate(&mut *device, input.channel_count(), 512, RATE);
        run.render(&input, &events);
        // Every parameter changes at the last frame, and has no time to arrive.
        let last: Vec<Timed> = changes.iter().map(|(_, body)| (99, body.clone())).collect();
        run.render(&first(&input, 100), &last);
        run.processor.reset();
        let output = run.render(&input, &events);
        // The device has taken the values over from its processor.
        let expected = render(&mut *device, &input, &events);
        assert!(output == expected, "{}", device.info().id);
    }
}

fn first(buffer: &Buffer, frames: usize) -> Buffer {
    let mut part = buffer.clone();
    part.resize(frames);
    part
}

#[test]
fn what_is_set_at_frame_0_sounds_as_if_it_had_always_been_so() {
    for (mut device, input, notes) in scenes() {
        for p in device.parameters().into_iter().filter(|p| p.flags.automatable && p.name != "Bank") {
            let value = if p.name == "Program" { 27.0 } else { p.minimum + 0.61 * (p.maximum - p.minimum) };
            let state = device.save_state().expect("it has a state");
            let mut events = vec![(0, EventBody::Parameter { id: p.id, value })];
            events.extend(notes.clone());
            let automated = render(&mut *device, &input, &events);
            device.load_state(&state).expect("it is its own state");
            device.set_value(p.id, value).expect("the value is in range");
            let constant = render(&mut *device, &input, &notes);
            device.load_state(&state).expect("it is its own state");
            assert!(automated == constant, "{} {}", device.info().id, p.name);
        }
    }
}

#[test]
fn the_reported_latency_is_the_measured_one() {
    for info in listed().iter().filter(|info| !info.instrument) {
        let values: &[(&str, &str)] = match info.id.as_str() {
            // A gate that never closes and a drive that bends nothing let an impulse through as one.
            "gate" => &[("Range", "0 dB")],
            "drive" => &[("Drive", "0 dB"), ("Shape", "Hard")],
            // The echoes of these are later; the input itself is what must not be.
            "delay" | "reverb" => &[("Mix", "10 %")],
            _ => &[],
        };
        let mut device = made(&info.id, values);
        let mut run = activate(&mut *device, 1, 512, RATE);
        let output = run.render(&mono(impulse(4000)), &[]);
        let samples = output.channel(0);
        if info.id == "cabinet" {
            // Its response starts at once, but its peak comes a little later.
            assert!(run.latency == 0 && samples[0] != 0.0);
            continue;
        }
        let loudest = (0..4000).max_by(|a, b| samples[*a].abs().total_cmp(&samples[*b].abs()));
        assert_eq!(loudest, Some(run.latency as usize), "{}", info.id);
    }
}

#[test]
fn silence_stays_silence() {
    for info in listed().iter().filter(|info| !info.instrument) {
        let mut device = create(&info.id);
        assert_eq!(render(&mut *device, &Buffer::new(2, 3000), &[]).peak(), 0.0, "{}", info.id);
    }
}

#[test]
fn after_its_tail_a_device_is_silent() {
    for info in listed().iter().filter(|info| !info.instrument) {
        let mut device = create(&info.id);
        for (name, text) in [("Mix", "50 %"), ("Low Cut", "60 Hz"), ("Peak 1 Gain", "12 dB"), ("Shape", "Asymmetric")] {
            if device.parameters().iter().any(|p| p.name == name) {
                set(&mut *device, &[(name, text)]);
            }
        }
        let mut run = activate(&mut *device, 2, 512, RATE);
        run.render(&stereo(noise(3, 0.9, 48_000), noise(4, 0.9, 48_000)), &[]);
        run.render(&Buffer::new(2, (run.latency + run.tail_frames()) as usize), &[]);
        let after = run.render(&Buffer::new(2, 48_000), &[]).peak();
        // 114 dB below full scale: tails are reckoned to 120 dB below a sound's level, and a sum of many echoes may
        // stand a little above one.
        assert!(after < 2e-6, "{}: {after} after {} frames", info.id, run.tail_frames());
    }
}

#[test]
fn channels_are_those_asked_for_where_a_device_can() {
    for (name, asked, settled) in [
        ("gain", (Some(1), None), (1, 1)),
        ("gain", (Some(2), None), (2, 2)),
        ("gain", (Some(6), None), (2, 2)),
        ("gain", (Some(1), Some(2)), (1, 1)),
        ("eq", (Some(1), Some(1)), (1, 1)),
        ("pan", (Some(1), None), (1, 2)),
        ("pan", (Some(2), Some(1)), (2, 2)),
        ("reverb", (Some(1), None), (1, 1)),
        ("reverb", (Some(1), Some(2)), (1, 2)),
        ("delay", (Some(1), Some(2)), (1, 2)),
        ("delay", (Some(2), Some(1)), (2, 2)),
        ("cabinet", (Some(1), None), (1, 1)),
        ("soundfont", (Some(2), Some(1)), (0, 2)),
    ] {
        let mut device = create(name);
        let ports = device.request_channels(asked.0, asked.1);
        assert_eq!((ports.main_inputs(), ports.main_outputs()), settled, "{name} {asked:?}");
        assert_eq!(ports, device.ports());
        assert_eq!(ports.note_input, name == "soundfont");
    }
}

#[test]
fn every_device_runs_at_every_common_rate() {
    for rate in [16_000, 22_050, 44_100, 96_000, 192_000] {
        for (mut device, input, events) in scenes() {
            let output = activate(&mut *device, input.channel_count(), 256, SampleRate(rate)).render(&input, &events);
            assert!(output.peak() > 1e-3, "{} at {rate}", device.info().id);
        }
    }
}
