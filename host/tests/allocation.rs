//! Blocks after the first allocate nothing.

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use audio::device::Setup;
use audio::{Block, Buffer, Device, Event, EventBody, Expression, Transport};
use common::*;

/// Counts the allocations of each thread, so that the test harness's own do not matter. The fixture library has an
/// allocator of its own.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: everything is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations of a thousand blocks with these events, after some to warm up, while the music jumps and changes its tempo.
fn allocations(mut device: Box<dyn Device>, events: &[Event]) -> u64 {
    let mut processor = device.activate(Setup { sample_rate: RATE, max_block: 512 }).unwrap();
    let ports = device.ports();
    let mut inputs: Vec<Buffer> = ports.inputs.iter().map(|bus| ramp(bus.channels, 512)).collect();
    let mut outputs: Vec<Buffer> = ports.outputs.iter().map(|bus| Buffer::new(bus.channels, 512)).collect();
    let mut produced = Vec::with_capacity(64);
    let mut transport = Transport::start(RATE);
    let mut run = |blocks: u64| {
        let before = ALLOCATIONS.get();
        for block in 0..blocks {
            produced.clear();
            transport.steady_frame += 512;
            // The music goes on, now and then at another tempo or from another place.
            transport.frame += if block % 7 == 3 { 5 } else { 512 };
            transport.tempo = 100.0 + (block % 5) as f64;
            transport.playing = block % 11 != 4;
            let mut block = Block {
                frames: 512,
                inputs: &mut inputs,
                outputs: &mut outputs,
                events,
                produced: &mut produced,
                transport: &transport,
            };
            processor.process(&mut block).unwrap();
            device.pump();
        }
        ALLOCATIONS.get() - before
    };
    run(20);
    let counted = run(1000);
    device.deactivate(processor);
    counted
}

#[test]
fn clap_blocks_after_the_first_allocate_nothing() {
    let device = fixture("gain");
    let gain = id(&*device, "Gain");
    let events = [0, 100, 511].map(|frame| at(frame, EventBody::Parameter { id: gain, value: -1.0 }));
    assert_eq!(allocations(device, &events), 0);
    for name in ["sine", "note-octave", "thread-pool"] {
        assert_eq!(allocations(fixture(name), &notes()), 0, "{name}");
    }
}

#[cfg(unix)]
#[test]
fn lv2_blocks_after_the_first_allocate_nothing() {
    let all = notes();
    for (name, parameter) in [
        ("gain", Some("gain")),
        ("echo", None),
        ("worker", None),
        ("chain", None),
        ("file", Some("Level")),
        ("texts", Some("Count")),
        ("fixed", None),
        ("coarse", Some("level")),
        ("cv", Some("cv")),
        ("drums", None),
        ("side", None),
    ] {
        let (_folder, device) = common::lv2::fixture(name);
        let mut events = all.clone();
        if let Some(parameter) = parameter {
            let id = id(&*device, parameter);
            events.extend([0, 100, 511].map(|frame| at(frame, EventBody::Parameter { id, value: 0.5 })));
            events.sort_by_key(|event| event.frame);
        }
        // What the plugin gives back of a message of any length takes memory of that length.
        if name == "echo" || name == "fixed" {
            events.retain(|event| !matches!(event.body, EventBody::Sysex { .. }));
        }
        assert_eq!(allocations(device, &events), 0, "{name}");
    }
}

#[test]
fn vst3_blocks_after_the_first_allocate_nothing() {
    for name in ["gain", "only64", "controller-edit", "output-parameter", "context", "endless-edit-timer"] {
        let device = vst3(name);
        let settable = device.parameters().into_iter().find(|parameter| !parameter.flags.read_only).map(|p| p.id);
        let change = |(frame, value)| settable.map(|id| at(frame, EventBody::Parameter { id, value }));
        let events: Vec<Event> = [(0, 0.1), (100, 0.9), (511, 0.5)].into_iter().filter_map(change).collect();
        assert_eq!(allocations(device, &events), 0, "{name}");
    }
    let events = notes();
    for name in ["sine", "multi-out", "produces-notes", "legacy-cc", "sysex-in"] {
        assert_eq!(allocations(vst3(name), &events), 0, "{name}");
    }
}

/// Notes and everything else that music is made of.
fn notes() -> Vec<Event> {
    let (channel, key, note) = (0, 60, Some(1));
    let midi = |frame, bytes| at(frame, EventBody::Midi { bytes });
    vec![
        at(0, EventBody::NoteOn { channel, key, velocity: 0.5, note }),
        midi(1, [0xb0, 1, 64]),
        midi(2, [0xe0, 0, 70]),
        midi(3, [0xc0, 2, 0]),
        midi(4, [0xa0, 60, 9]),
        at(5, EventBody::Expression { channel, key, note, expression: Expression::Tuning, value: 0.1 }),
        at(6, EventBody::Sysex { bytes: [0xf0, 0xf7].as_slice().into() }),
        at(500, EventBody::NoteOff { channel, key, velocity: 0.0, note }),
    ]
}
