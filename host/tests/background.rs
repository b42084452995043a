//! What a library does on threads of its own as soon as it is open.
#![cfg(target_os = "linux")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use audio::Device;
use audio::device::{DeviceError, DeviceInfo};
use common::*;

/// Lists, has a thread begin to work as the library's own would, and loads; then waits for whatever is at work.
fn wait_after(list: impl Fn() -> Result<Vec<DeviceInfo>, DeviceError>, load: impl Fn() -> Box<dyn Device>) {
    list().unwrap();
    let done = Arc::new(AtomicBool::new(false));
    let tell = done.clone();
    let worker = std::thread::spawn(move || {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_millis(300) {
            std::hint::spin_loop();
        }
        tell.store(true, Ordering::Release);
    });
    let mut device = load();
    device.settle();
    assert!(done.load(Ordering::Acquire), "what began with the list is waited for");
    worker.join().unwrap();
}

#[test]
fn work_that_begins_when_a_clap_file_is_listed_is_waited_for() {
    wait_after(|| tonemill_host::clap::list(&tonemill_fixtures::path()), || fixture("gain"));
}

#[test]
fn work_that_begins_when_a_vst3_file_is_listed_is_waited_for() {
    wait_after(|| tonemill_host::vst3::list(&tonemill_fixtures::path()), || vst3("gain"));
}
