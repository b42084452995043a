//! Plugins that crash, leave, hang or damage memory: the right one is blamed, quarantined and told of, everything else goes
//! on, and what is held against it is lifted by hand.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;
use tonemill_tests::{Place, Ran, alive_with, fixtures, sine};

fn tone(name: &str, ids: &[&str]) -> String {
    let file = fixtures().display().to_string();
    let device = |id: &&str| format!("{{ clap: \"{file}\", id: org.tonemill.fixture.{id} }}");
    format!("  - {{ name: {name}, chain: [{}] }}\n", ids.iter().map(device).collect::<Vec<_>>().join(", "))
}

/// A job with as many takes of each tone, in a place of its own.
fn place(tones: &[(&str, &[&str])], takes: usize) -> Place {
    let place = Place::new();
    for n in 0..takes {
        place.wav(&format!("di/take{n}.wav"), 48_000, &vec![sine(48_000, 110.0 + n as f64, 0.5, 4800); 2]);
    }
    let tones: String = tones.iter().map(|(name, ids)| tone(name, ids)).collect();
    let output = "{ path: \"out/{tone}/{id}.wav\", bits: 32f }";
    let inputs = "{ di: { files: \"di/{id}.wav\" } }";
    place.write("job.yaml", format!("tonemill: 1\ninputs: {inputs}\ntones:\n{tones}output: {output}\n"));
    place
}

fn render(place: &Place, more: &[&str]) -> Ran {
    let mut arguments = vec!["render", "job.yaml", "--workers", "1", "--stall-timeout", "2"];
    arguments.extend(more);
    place.run(&arguments)
}

fn status(place: &Place) -> Value {
    serde_json::from_str(&place.run(&["status", "out", "--json"]).expect(0).out).expect("the status is JSON")
}

/// What is held against plugins: the preset, whether it is quarantined, the strikes.
fn blame(place: &Place) -> Vec<(String, bool, Vec<Value>)> {
    let status = status(place);
    let standings = status["blame"].as_array().expect("a list").iter().map(|standing| {
        let tone = standing["against"]["tone"].as_str().expect("a name").to_owned();
        (tone, standing["quarantined"].is_u64(), standing["strikes"].as_array().expect("a list").clone())
    });
    let mut standings: Vec<_> = standings.collect();
    standings.sort_by(|a, b| a.0.cmp(&b.0));
    standings
}

fn wavs(place: &Place, tone: &str) -> usize {
    place.sound_files(&format!("out/{tone}")).len()
}

#[test]
fn whatever_kills_its_process_is_quarantined_and_everything_else_is_done() {
    let faults = [
        ("segv", "crash-on-process", "crashed (SIGSEGV) while processing at 0.0 s (block 0)"),
        ("abort", "abort", "crashed (SIGABRT) while processing at 0.0 s (block 0)"),
        ("leaves", "exit", "ended the process with status 0 and no answer while processing at 0.0 s (block 0)"),
        // The signal is the system's or the runtime's.
        ("stack", "stack-overflow", "while processing at 0.0 s (block 0)"),
    ];
    let ids: Vec<[&str; 2]> = faults.iter().map(|(_, id, _)| ["gain", *id]).collect();
    let mut tones: Vec<(&str, &[&str])> = vec![("first", &["gain"])];
    tones.extend(faults.iter().zip(&ids).map(|((name, ..), ids)| (*name, &ids[..])));
    tones.push(("last", &["gain"]));
    let place = place(&tones, 4);
    let ran = render(&place, &[]).expect(10);
    assert_eq!((wavs(&place, "first"), wavs(&place, "last")), (4, 4));
    let blame = blame(&place);
    assert_eq!(blame.len(), 4, "{blame:?}");
    for (name, id, words) in faults {
        assert_eq!(wavs(&place, name), 0);
        let (_, quarantined, strikes) = blame.iter().find(|(tone, ..)| tone == name).expect("it is blamed");
        assert!(quarantined, "{name}: {strikes:?}");
        let mut processes: Vec<&str> = strikes.iter().filter_map(|strike| strike["process"].as_str()).collect();
        processes.dedup();
        assert!(strikes.len() == 3 && processes.len() >= 2, "{name}: {strikes:?}");
        for strike in strikes {
            let device = strike["against"]["device"].as_str().expect("a device");
            assert!(device.contains(&format!("fixture.{id} ")), "the right one of the chain: {strike}");
            assert!(strike["what"].as_str().expect("words").contains(words), "{strike}");
        }
    }
    // The first task of each uses its attempts up, and the others are passed over.
    ran.says(&["quarantined plugin: ", "after 3 strikes", "4 failed, 12 not rendered because of a quarantined plugin"]);
    // A second run skips them, and says so.
    let again =
        render(&place, &[]).expect(10).says(&["not rendered because of a quarantined plugin", "tonemill retry"]);
    assert!(again.err.contains("8 kept as they were"), "{}", again.err);
    let told = place.run(&["status", "out"]).expect(0).out;
    for words in [
        "Quarantined: 4 plugins",
        "8 tasks done, 16 missing",
        "Fixture Abort",
        "to lift it: tonemill retry out --plugin ",
    ] {
        assert!(told.contains(words), "{words}:\n{told}");
    }
}

#[test]
fn hangs_in_loading_and_processing_are_quarantined_while_slow_ones_survive() {
    let tones: [(&str, &[&str]); 4] = [
        ("loads", &["armed-hang-on-load"]),
        ("processes", &["hang-on-process"]),
        ("slow", &["slow"]),
        ("destroys", &["hang-on-destroy"]),
    ];
    let place = place(&tones, 2);
    place.run(&["plan", "job.yaml", "-o", "plan.jsonl"]).expect(0);
    let mut command = place.command(&["render", "plan.jsonl", "--workers", "2"]);
    command.args(["--stall-timeout", "4", "--load-timeout", "15"]).env("TONEMILL_FIXTURE_ARMED", "1");
    Ran::from(command.output().expect("the command starts")).expect(10);
    assert_eq!((wavs(&place, "slow"), wavs(&place, "destroys")), (2, 2), "what hangs in the end is rendered before");
    let blame = blame(&place);
    let names: Vec<(&str, bool)> = blame.iter().map(|(tone, quarantined, _)| (tone.as_str(), *quarantined)).collect();
    assert_eq!(names, [("loads", true), ("processes", true)]);
    for strike in blame.iter().flat_map(|(.., strikes)| strikes) {
        assert!(strike["what"].as_str().expect("words").contains("did not advance for"), "{strike}");
    }
}

#[test]
fn damage_that_kills_the_next_task_is_held_against_the_plugin_that_did_it() {
    let place = place(&[("dirty", &["damages-memory"]), ("victim", &["gain"])], 6);
    render(&place, &[]).expect(10).says(&["suspect: "]);
    assert_eq!(wavs(&place, "victim"), 6, "what was hit is rendered alone");
    let blame = blame(&place);
    let [(tone, quarantined, strikes)] = &blame[..] else { panic!("{blame:?}") };
    assert!(tone == "dirty" && *quarantined, "{blame:?}");
    assert!(strikes.iter().all(|strike| strike["suspected"] == true), "{strikes:?}");
    assert!(wavs(&place, "dirty") < 6);
}

#[test]
fn what_is_lifted_by_hand_is_rendered_again() {
    let place = place(&[("bad", &["gain"]), ("worse", &["abort"])], 1);
    render(&place, &[]).expect(10);
    assert_eq!((wavs(&place, "bad"), wavs(&place, "worse")), (1, 0));
    let err = place.run(&["retry", "out", "--plugin", "nobody"]).expect(2).err;
    assert!(err.contains("nothing is held against that plugin"), "{err}");
    let err = place.run(&["retry", "out", "--preset", "bad"]).expect(2).err;
    assert!(err.contains("nothing is held against that plugin"), "{err}");
    let out = place.run(&["retry", "out", "--plugin", "fixture abort", "--preset", "worse"]).expect(0).out;
    assert!(out.contains("no longer quarantined") && out.contains("`tonemill render`"), "{out}");
    assert!(blame(&place).is_empty());
    let again = render(&place, &[]).expect(10);
    assert!(again.err.contains("attempt 3 of 3"), "it was rendered again:\n{}", again.err);
    assert_eq!(blame(&place).len(), 1);
    place.run(&["retry", "out"]).expect(0);
    let out = place.run(&["retry", "out"]).expect(0).out;
    assert!(out.contains("Nothing is held against any plugin"), "{out}");
}

#[test]
fn a_torn_line_costs_a_warning_and_nothing_else() {
    let place = place(&[("bad", &["abort"])], 2);
    render(&place, &[]).expect(10);
    let path = place.path("out/.tonemill/blame.jsonl");
    let mut text = std::fs::read_to_string(&path).expect("it is there");
    text.push_str("{\"version\":1,\"event\":\"str");
    std::fs::write(&path, text).expect("it can be written");
    render(&place, &[]).expect(10).says(&["is damaged and left out", "not rendered because of a quarantined plugin"]);
    place.run(&["retry", "out"]).expect(0);
    assert!(blame(&place).is_empty(), "the line behind the torn one is whole");
}

#[test]
fn a_kill_from_outside_is_no_strike() {
    let place = place(&[("slow", &["slow"])], 1);
    let marker = format!("TONEMILL_TEST_MARK=blame-{}", std::process::id());
    let (name, value) = marker.split_once('=').expect("it has one");
    let mut command = place.command(&["render", "job.yaml", "--workers", "1"]);
    let mut child = command.env(name, value).stderr(Stdio::null()).spawn().expect("the command starts");
    let started = Instant::now();
    let mut killed = 0;
    while killed < 2 {
        assert!(started.elapsed() < Duration::from_secs(120), "no worker renders");
        // While it renders, its file is under way.
        let partial = tonemill_tests::files_below(&place.path("out/slow"));
        let renders = partial.iter().any(|path| path.extension().is_some_and(|end| end == "partial"));
        let workers: Vec<u32> = alive_with(&marker).into_iter().filter(|pid| *pid != child.id()).collect();
        if let ([worker], true) = (&workers[..], renders) {
            let status = std::process::Command::new("kill").args(["-9", &worker.to_string()]).status();
            assert!(status.expect("kill starts").success());
            killed += 1;
            while alive_with(&marker).contains(worker) {
                std::thread::sleep(Duration::from_millis(2));
            }
            // What it left would be taken for the next one's, which has not begun yet.
            for path in tonemill_tests::files_below(&place.path("out/slow")) {
                std::fs::remove_file(path).expect("it can be removed");
            }
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
    assert!(blame(&place).is_empty());
    assert_eq!(place.manifest("out/manifest.jsonl")[0]["attempts"], 3);
}

/// The plan that a report's command names, and the task.
fn reproduce(place: &Place) -> String {
    let status = status(place);
    let command = status["failed"][0]["reproduce"].as_str().expect("the report names a command").to_owned();
    let task = command.strip_prefix("tonemill render-task ").and_then(|rest| rest.strip_suffix(" --in-process"));
    task.unwrap_or_else(|| panic!("{command}")).to_owned()
}

#[test]
fn the_command_of_a_report_renders_that_task_and_nothing_else() {
    let place = place(&[("fine", &["gain"]), ("bad", &["abort"])], 1);
    let ran = render(&place, &[]).expect(10);
    let task = reproduce(&place);
    assert!(ran.err.contains(&format!("To reproduce it: tonemill render-task {task} --in-process")), "{}", ran.err);
    let here = place.command(&["render-task", &task, "--in-process"]).output().expect("the command starts");
    let signal = std::os::unix::process::ExitStatusExt::signal(&here.status);
    assert_eq!(
        signal,
        Some(6),
        "the plugin takes this very process with it: {}",
        String::from_utf8_lossy(&here.stderr)
    );
    assert!(String::from_utf8_lossy(&here.stderr).contains("Process"), "the last phase is told");
    let beside: Vec<PathBuf> = place.sound_files("out").into_keys().collect();
    assert_eq!(beside, [PathBuf::from("fine/take0.wav")], "the output folder is as it was");
    place.run(&["render-task", &task]).expect(10).says(&["crashed (SIGABRT) while processing at 0.0 s"]);
    place.run(&["render-task", "out/nothing.jsonl#0"]).expect(2).says(&["cannot read"]);
    place.run(&["render-task", "job.yaml"]).expect(2).says(&["PLAN#N"]);
}

#[test]
fn a_task_of_a_plan_is_rendered_alone_in_this_process_and_in_a_worker_alike() {
    let place = place(&[("fine", &["gain"])], 2);
    place.run(&["plan", "job.yaml", "-o", "plan.jsonl"]).expect(0);
    place.run(&["render-task", "plan.jsonl#1", "--in-process"]).expect(0).says(&["without a failure"]);
    place.run(&["render-task", "plan.jsonl#1", "--out", "alone"]).expect(0);
    place.run(&["render-task", "plan.jsonl#1", "--out", "one.wav"]).expect(0);
    place.run(&["render-task", "plan.jsonl#1", "--out", "one.wav"]).expect(2).says(&["stands already"]);
    place.run(&["render-task", "plan.jsonl#7"]).expect(2).says(&["has no task 7; it has 2 tasks"]);
    assert!(!place.path("out").exists(), "nothing is written where the job writes");
    place.run(&["render", "job.yaml"]).expect(0);
    let wanted = std::fs::read(place.path("out/fine/take1.wav")).expect("it is rendered");
    for name in ["out.task-1/fine/take1.wav", "alone/fine/take1.wav", "one.wav"] {
        assert!(std::fs::read(place.path(name)).expect("it is rendered") == wanted, "{name}");
    }
}

#[test]
fn many_failures_on_different_devices_stop_the_run_and_are_held_against_nobody() {
    let tones: [(&str, &[&str]); 4] =
        [("a", &["abort"]), ("b", &["exit"]), ("c", &["crash-on-process"]), ("fine", &["gain"])];
    let place = place(&tones, 1);
    render(&place, &["--max-failures-in-a-row", "7"]).expect(75).says(&[
        "7 attempts in a row failed, on different devices, so this machine seems at fault",
        "give --max-failures-in-a-row 0",
    ]);
    assert!(blame(&place).is_empty());
    assert_eq!(wavs(&place, "fine"), 0);
    render(&place, &["--max-failures-in-a-row", "0"]).expect(10);
    assert_eq!(wavs(&place, "fine"), 1);
}
