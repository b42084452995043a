//! Fixtures that take their process with them, each in a process of its own: they do what they promise to the tests of
//! everything above.
#![cfg(unix)]

mod common;

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus, Output};
use std::time::{Duration, Instant};

use audio::Device;
use common::scratch::Scratch;
use common::*;

/// Names the fixture that [`child_process`] loads: its format and its name.
const FIXTURE: &str = "TONEMILL_HOST_TEST_FIXTURE";

fn load(named: &str) -> Box<dyn Device> {
    match named.split_once(' ').expect("a format and a name") {
        ("clap", name) => fixture(name),
        ("vst3", name) => vst3(name),
        ("file", path) => tonemill_host::vst3::load(path.as_ref(), None).unwrap(),
        _ => panic!("{named} has no known format"),
    }
}

#[test]
#[ignore = "started by the other tests as their child process"]
fn child_process() {
    let name = std::env::var(FIXTURE).expect("the parent names the fixture");
    let mut device = load(&name);
    if device.parameters().iter().any(|parameter| parameter.name == "At") {
        device.set_value(id(&*device, "At"), 0.01).unwrap();
    }
    let input = ramp(2, 2000);
    let mut stage = Stage::new(device, 64);
    eprintln!("loaded");
    assert_eq!(stage.effect(&input, &[]).unwrap(), input);
    eprintln!("processed");
    drop(stage.stop());
    eprintln!("destroyed");
}

fn child(name: &str) -> Command {
    let mut command = common::child::child("child_process");
    command.env(FIXTURE, name);
    command
}

fn run(name: &str) -> (ExitStatus, String) {
    let Output { status, stderr, .. } = child(name).output().unwrap();
    (status, String::from_utf8_lossy(&stderr).into_owned())
}

#[test]
fn crashers_end_their_process_at_their_time() {
    const SEGV: i32 = 11;
    const ABRT: i32 = 6;
    // A stack that overflows is a SEGV that the Rust runtime of the host turns into a message and SIGABRT.
    let signals = [
        ("clap crash-on-process", SEGV),
        ("clap abort", ABRT),
        ("clap stack-overflow", ABRT),
        ("vst3 crash-in-process", SEGV),
        ("vst3 abort", ABRT),
    ];
    for (name, signal) in signals {
        let (status, words) = run(name);
        assert!(words.contains("loaded") && !words.contains("processed"), "{name}: {words}");
        assert_eq!(status.signal(), Some(signal), "{name}: {status}");
    }
    let scratch = Scratch::new("crash");
    let bundle = tonemill_fixtures::vst3::bundle(&scratch.0, "crash-on-load");
    let file = format!("file {}", bundle.display());
    for name in ["clap crash-on-load", "vst3 crash-in-initialize", "vst3 state-crash", &file] {
        let (status, words) = run(name);
        assert!(!words.contains("loaded") && status.signal() == Some(SEGV), "{name}: {status}: {words}");
    }
    let (status, words) = run("vst3 crash-in-terminate");
    assert!(words.contains("processed") && !words.contains("destroyed"), "{words}");
    assert_eq!(status.signal(), Some(SEGV), "{status}");
}

#[test]
fn leaving_without_a_word_looks_like_success() {
    let (status, words) = run("clap exit");
    assert!(words.contains("loaded") && !words.contains("processed"), "{words}");
    assert_eq!(status.code(), Some(0));
}

#[test]
fn hangers_hang_where_they_say() {
    let scratch = Scratch::new("hang");
    let bundle = tonemill_fixtures::vst3::bundle(&scratch.0, "hang-on-load");
    let file = format!("file {}", bundle.display());
    let places = [
        ("clap hang-on-load", ""),
        ("clap hang-on-process", "loaded"),
        ("clap hang-on-destroy", "processed"),
        ("vst3 hang-in-initialize", ""),
        ("vst3 endless-edit-state", ""),
        (&file, ""),
        ("vst3 hang-in-process", "loaded"),
        ("vst3 hang-in-terminate", "processed"),
    ];
    let running: Vec<_> = places.iter().map(|(name, _)| child(name).spawn().unwrap()).collect();
    std::thread::sleep(Duration::from_secs(3));
    for ((name, last), mut running) in places.into_iter().zip(running) {
        assert_eq!(running.try_wait().unwrap(), None, "{name} still runs");
        running.kill().unwrap();
        let output = running.wait_with_output().unwrap();
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(words.lines().rfind(|line| !line.starts_with('[')).unwrap_or(""), last, "{name}");
    }
}

#[test]
fn a_flaky_plugin_passes_the_second_time() {
    let scratch = Scratch::new("flaky");
    for (name, marker) in [("clap flaky-crash", "clap"), ("vst3 flaky-crash", "vst3")] {
        let marker = scratch.0.join(marker);
        let attempt = || child(name).env(tonemill_fixtures::ONCE_VARIABLE, &marker).output().unwrap().status;
        assert_eq!(attempt().signal(), Some(11), "{name}");
        assert!(attempt().success(), "{name}");
    }
}

#[test]
fn the_talkative_plugin_fills_standard_output_and_still_sounds() {
    for name in ["clap stdout", "vst3 prints-on-stdout"] {
        let output = child(name).output().unwrap();
        assert!(output.status.success(), "{name}");
        assert!(output.stdout.len() > 1 << 16, "{name}");
        assert!(String::from_utf8_lossy(&output.stdout).contains("rendering frame 1984"), "{name}");
    }
}

#[test]
fn what_a_plugin_logs_is_on_standard_error_under_its_name() {
    let (status, words) = run("clap error");
    assert!(!status.success());
    let line = words.lines().find(|line| line.starts_with("[Fixture Error] error: "));
    assert!(line.is_some_and(|line| line.contains("failing on purpose")), "{words}");
}

#[test]
fn a_slow_plugin_takes_its_time_and_works() {
    let start = Instant::now();
    let (status, _) = run("clap slow-load");
    assert!(status.success() && start.elapsed() >= Duration::from_secs(2));
}

#[test]
fn the_leaking_plugin_grows_with_every_instance() {
    let resident = || {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap()
    };
    if cfg!(target_os = "linux") {
        let before = resident();
        (0..8).for_each(|_| drop(fixture("leak")));
        // 32 MiB, less what was free before.
        assert!(resident() > before + 24 * 1024);
    }
}
