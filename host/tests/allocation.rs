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

/// Allocations of a thousand blocks with these events, after some to warm up.
fn allocations(mut device: Box<dyn Device>, events: &[Event]) -> u64 {
    let mut processor = device.activate(Setup { sample_rate: RATE, max_block: 512 }).unwrap();
    let ports = device.ports();
    let mut inputs: Vec<Buffer> = ports.inputs.iter().map(|bus| ramp(bus.channels, 512)).collect();
    let mut outputs: Vec<Buffer> = ports.outputs.iter().map(|bus| Buffer::new(bus.channels, 512)).collect();
    let mut produced = Vec::with_capacity(64);
    let mut transport = Transport::start(RATE);
    let mut run = |blocks: u64| {
        let before = ALLOCATIONS.get();
        for _ in 0..blocks {
            produced.clear();
            transport.steady_frame += 512;
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
    run(3);
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
    let (channel, key, note) = (0, 60, Some(1));
    let midi = |frame, bytes| at(frame, EventBody::Midi { bytes });
    let events = [
        at(0, EventBody::NoteOn { channel, key, velocity: 0.5, note }),
        midi(1, [0xb0, 1, 64]),
        midi(2, [0xe0, 0, 70]),
        midi(3, [0xc0, 2, 0]),
        midi(4, [0xa0, 60, 9]),
        at(5, EventBody::Expression { channel, key, note, expression: Expression::Tuning, value: 0.1 }),
        at(6, EventBody::Sysex { bytes: [0xf0, 0xf7].as_slice().into() }),
        at(500, EventBody::NoteOff { channel, key, velocity: 0.0, note }),
    ];
    for name in ["sine", "multi-out", "produces-notes", "legacy-cc", "sysex-in"] {
        assert_eq!(allocations(vst3(name), &events), 0, "{name}");
    }
}
