//! Plugins that misbehave, and processes that die: everything else goes on, and nothing is lost.

use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::time::{Duration, Instant};

use tonemill_tests::{Place, alive_with, fixture_tone as tone, sine};

fn job(place: &Place, name: &str, tones: &str) {
    let output = "{ path: \"out/{tone}/{id}.wav\", bits: 32f }";
    let text =
        format!("tonemill: 1\ninputs: {{ di: {{ files: \"di/{{id}}.wav\" }} }}\ntones:\n{tones}output: {output}\n");
    place.write(name, text);
}

fn takes(place: &Place, count: usize, frames: usize) {
    for n in 0..count {
        place.wav(&format!("di/take{n:03}.wav"), 48_000, &vec![sine(48_000, 110.0 + n as f64, 0.5, frames); 2]);
    }
}

#[test]
fn among_two_hundred_tasks_only_the_crashers_and_hangers_fail() {
    let place = Place::new();
    takes(&place, 20, 4800);
    let mut tones = String::new();
    let healthy = ["h0", "h1", "h2", "h3", "h4"];
    for (n, name) in healthy.iter().enumerate() {
        tones += &tone(name, "gain", &format!(", params: {{ Gain: -{n} dB }}"));
    }
    tones += &tone("segv", "crash-on-process", "");
    tones += &tone("abort", "abort", "");
    tones += &tone("leaves", "exit", "");
    tones += &tone("nan", "nan", "");
    tones += &tone("hangs", "hang-on-process", "");
    job(&place, "job.yaml", &tones);
    let ran = place.run(&["render", "job.yaml", "--workers", "2", "--stall-timeout", "1"]).expect(10);
    for name in healthy {
        for n in 0..20 {
            assert!(place.path(&format!("out/{name}/take{n:03}.wav")).exists(), "{name}, take {n}");
        }
    }
    for name in ["segv", "abort", "leaves", "nan", "hangs"] {
        assert!(place.sound_files(&format!("out/{name}")).is_empty(), "{name}");
        let explained = ran.err.lines().filter(|line| line.contains(name) && line.contains("stopped:")).count();
        let quarantined = format!("with the preset \"{name}\": ");
        // What is no crash is told of each task; what is, until it is quarantined.
        let passed =
            ran.err.lines().find(|line| line.starts_with("Quarantined plugin: ") && line.contains(&quarantined));
        assert!(explained >= if name == "nan" { 20 } else { 1 }, "{name}:\n{}", ran.err);
        assert_eq!(passed.is_some(), name != "nan", "{name}:\n{}", ran.err);
    }
    for words in ["SIGSEGV", "SIGABRT", "not finite", "status 0", "did not advance for 1 s"] {
        assert!(ran.err.contains(words), "{words}:\n{}", ran.err);
    }
    let manifest = place.manifest("out/manifest.jsonl");
    assert_eq!(manifest.len(), 100);
}

#[test]
fn a_hang_is_ended_while_slow_loading_survives() {
    let place = Place::new();
    takes(&place, 2, 4800);
    let mut tones = tone("slow", "slow-load", "");
    tones += &tone("hangs", "hang-on-process", "");
    tones += &tone("fine", "gain", "");
    job(&place, "job.yaml", &tones);
    let ran = place.run(&["render", "job.yaml", "--stall-timeout", "3"]).expect(10);
    assert_eq!(place.sound_files("out").len(), 4);
    let told = ran.err.lines().filter(|line| line.contains("hangs") && line.contains("stopped:")).count();
    assert!(told >= 1, "{}", ran.err);
}

#[test]
fn a_plugin_that_hangs_while_it_is_destroyed_costs_no_output() {
    let place = Place::new();
    takes(&place, 2, 4800);
    job(&place, "job.yaml", &(tone("t", "hang-on-destroy", "") + &tone("fine", "gain", "")));
    place.run(&["render", "job.yaml", "--stall-timeout", "2", "--load-timeout", "5"]).expect(0);
    assert_eq!(place.sound_files("out").len(), 4);
}

#[test]
fn a_crash_that_does_not_come_again_is_cured_by_the_retry() {
    let place = Place::new();
    takes(&place, 1, 4800);
    job(&place, "job.yaml", &tone("t", "flaky-crash", ""));
    // A plugin may write to the output folder alone.
    let marker = place.path("out/.tonemill/crashed-once");
    let mut command = place.command(&["render", "job.yaml"]);
    let output = command.env("TONEMILL_FIXTURE_ONCE", &marker).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(marker.exists(), "it did crash once");
    assert_eq!(place.manifest("out/manifest.jsonl")[0]["attempts"], 2);
}

fn long_job(place: &Place) {
    takes(place, 12, 48_000 * 8);
    let tones: String =
        (0..3).map(|n| tone(&format!("t{n}"), "gain", &format!(", params: {{ Gain: -{n} dB }}"))).collect();
    job(place, "job.yaml", &tones);
}

fn wait_for_end(child: &mut std::process::Child) -> std::process::ExitStatus {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        assert!(started.elapsed() < Duration::from_secs(300), "the command does not end");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn no_process_left(marker: &str) {
    let started = Instant::now();
    while !alive_with(marker).is_empty() {
        assert!(started.elapsed() < Duration::from_secs(60), "orphans: {:?}", alive_with(marker));
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// How many files stand in the output folder. They are not read: a job that is running renames its files.
fn finished_files(place: &Place) -> usize {
    let files = tonemill_tests::files_below(&place.path("out"));
    let own = place.path("out/.tonemill");
    let finished = |path: &&std::path::PathBuf| !path.starts_with(&own) && path.extension().is_some_and(|e| e == "wav");
    files.iter().filter(finished).count()
}

#[test]
fn the_first_interrupt_drains_and_the_same_command_goes_on() {
    let place = Place::new();
    long_job(&place);
    let marker = format!("TONEMILL_TEST_MARK=drain-{}", std::process::id());
    let (name, value) = marker.split_once('=').unwrap();
    let mut child = place
        .command(&["render", "job.yaml", "--workers", "2"])
        .env(name, value)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while finished_files(&place) < 2 {
        assert!(child.try_wait().unwrap().is_none(), "the job ended before it could be interrupted");
        std::thread::sleep(Duration::from_millis(5));
    }
    std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert_eq!(wait_for_end(&mut child).code(), Some(75));
    no_process_left(&marker);
    let done = place.sound_files("out");
    assert!(done.keys().all(|p| p.extension().is_some_and(|e| e == "wav")), "no half file is left: {:?}", done.keys());
    let manifest = place.manifest("out/manifest.jsonl");
    assert_eq!(manifest.len(), done.len());
    place.run(&["render", "job.yaml"]).expect(0);
    assert_eq!(place.sound_files("out").len(), 36);
}

#[test]
fn the_second_interrupt_ends_at_once_without_orphans() {
    let place = Place::new();
    takes(&place, 2, 4800);
    job(&place, "job.yaml", &tone("hangs", "hang-on-process", ""));
    let marker = format!("TONEMILL_TEST_MARK=second-{}", std::process::id());
    let (name, value) = marker.split_once('=').unwrap();
    let mut command = place.command(&["render", "job.yaml", "--workers", "2", "--stall-timeout", "1000"]);
    let mut child = command.env(name, value).stderr(Stdio::null()).spawn().unwrap();
    let interrupt = || std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    while !place.path("out/hangs").exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
    interrupt();
    std::thread::sleep(Duration::from_millis(300));
    interrupt();
    let status = wait_for_end(&mut child);
    assert!(status.code() == Some(75) || status.signal() == Some(2), "{status:?}");
    no_process_left(&marker);
}
