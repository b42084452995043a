//! Blocks after the first allocate nothing.

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use audio::device::Setup;
use audio::{Block, Buffer, EventBody, Transport};
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

#[test]
fn blocks_after_the_first_allocate_nothing() {
    let mut device = fixture("gain");
    let gain = id(&*device, "Gain");
    let mut processor = device.activate(Setup { sample_rate: RATE, max_block: 512 }).unwrap();
    let (mut inputs, mut outputs) = ([ramp(2, 512)], [Buffer::new(2, 512)]);
    let events = [0, 100, 511].map(|frame| at(frame, EventBody::Parameter { id: gain, value: -1.0 }));
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
                events: &events,
                produced: &mut produced,
                transport: &transport,
            };
            processor.process(&mut block).unwrap();
            device.pump();
        }
        ALLOCATIONS.get() - before
    };
    run(1);
    assert_eq!(run(1000), 0);
}
