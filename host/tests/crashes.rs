//! Fixtures that take their process with them, each in a process of its own: they do what they promise to the tests of
//! everything above.
#![cfg(unix)]

mod common;

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use common::*;

/// Names the fixture that [`child_process`] loads.
const FIXTURE: &str = "TONEMILL_HOST_TEST_FIXTURE";

#[test]
#[ignore = "started by the other tests as their child process"]
fn child_process() {
    let name = std::env::var(FIXTURE).expect("the parent names the fixture");
    let mut device = fixture(&name);
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
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child_process", "--ignored", "--nocapture"]).env(FIXTURE, name);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
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
    for (name, signal) in [("crash-on-process", SEGV), ("abort", ABRT), ("stack-overflow", ABRT)] {
        let (status, words) = run(name);
        assert!(words.contains("loaded") && !words.contains("processed"), "{name}: {words}");
        assert_eq!(status.signal(), Some(signal), "{name}: {status}");
    }
    let (status, words) = run("crash-on-load");
    assert!(!words.contains("loaded") && status.signal() == Some(SEGV), "{status}: {words}");
}

#[test]
fn leaving_without_a_word_looks_like_success() {
    let (status, words) = run("exit");
    assert!(words.contains("loaded") && !words.contains("processed"), "{words}");
    assert_eq!(status.code(), Some(0));
}

#[test]
fn hangers_hang_where_they_say() {
    for (name, last) in [("hang-on-load", ""), ("hang-on-process", "loaded"), ("hang-on-destroy", "processed")] {
        let mut command = child(name);
        let mut running = command.spawn().unwrap();
        std::thread::sleep(Duration::from_secs(2));
        assert_eq!(running.try_wait().unwrap(), None, "{name} still runs");
        running.kill().unwrap();
        let output = running.wait_with_output().unwrap();
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(words.lines().rfind(|line| !line.starts_with('[')).unwrap_or(""), last, "{name}");
    }
}

#[test]
fn a_flaky_plugin_passes_the_second_time() {
    let marker = std::env::temp_dir().join(format!("tonemill-once-{}", std::process::id()));
    let attempt = || child("flaky-crash").env(tonemill_fixtures::ONCE_VARIABLE, &marker).output().unwrap().status;
    assert_eq!(attempt().signal(), Some(11));
    assert!(attempt().success());
    std::fs::remove_file(marker).unwrap();
}

#[test]
fn the_talkative_plugin_fills_standard_output_and_still_sounds() {
    let output = child("stdout").output().unwrap();
    assert!(output.status.success());
    assert!(output.stdout.len() > 1 << 16);
    assert!(String::from_utf8_lossy(&output.stdout).contains("rendering frame 1984"));
}

#[test]
fn what_a_plugin_logs_is_on_standard_error_under_its_name() {
    let (status, words) = run("error");
    assert!(!status.success());
    let line = words.lines().find(|line| line.starts_with("[Fixture Error] error: "));
    assert!(line.is_some_and(|line| line.contains("failing on purpose")), "{words}");
}

#[test]
fn a_slow_plugin_takes_its_time_and_works() {
    let start = Instant::now();
    let (status, _) = run("slow-load");
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
