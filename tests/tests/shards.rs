//! Plan folders: parts of a plan render beside each other, and come together as if one had rendered it.

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tonemill_tests::{Place, files_below, fixtures, sine};

/// Most time that anything here may take before it counts as hung.
const GUARD: Duration = Duration::from_secs(120);

/// Takes through two tones with draws: 24 tasks.
fn job(place: &Place) {
    for n in 0..4 {
        place.wav(&format!("di/{n}.wav"), 48_000, &[sine(48_000, 110.0 + f64::from(n), 0.5, 4800)]);
    }
    place.write(
        "job.yaml",
        "tonemill: 1\nseed: 7\ninputs: { di: { files: \"di/{id}.wav\" } }\ntones:\n\
         \x20 - { name: soft, chain: [{ builtin: gain, Gain: { uniform: [-12, 0] } }] }\n\
         \x20 - { name: hard, chain: [{ builtin: drive, Drive: { uniform: [3, 18] } }] }\n\
         draws: 3\noutput: { path: \"out/{tone}/{id}-{draw}.wav\" }\n",
    );
}

/// What of a manifest's lines is the same whoever rendered them.
fn facts(place: &Place) -> Vec<Value> {
    let mut lines = place.manifest("out/manifest.jsonl");
    for line in &mut lines {
        line.as_object_mut().expect("a record is an object").remove("timings");
    }
    lines
}

/// Files below the output folder under temporary names.
fn half_files(place: &Place) -> usize {
    files_below(&place.path("out")).iter().filter(|path| path.extension().is_some_and(|e| e == "partial")).count()
}

/// Attempts that all journals of the output tell of.
fn attempts(place: &Place) -> usize {
    let journals = files_below(&place.path("out/.tonemill"));
    let journals = journals.iter().filter(|path| path.extension().is_some_and(|e| e == "jsonl"));
    let text: String = journals.map(|path| std::fs::read_to_string(path).expect("a journal can be read")).collect();
    text.matches("\"event\":\"started\"").count()
}

#[test]
fn parts_render_what_the_whole_does_and_merge_into_its_manifest() {
    let place = Place::new();
    job(&place);
    place.run(&["render", "job.yaml"]).expect(0);
    let (sounds, whole) = (place.sound_files("out"), facts(&place));
    std::fs::rename(place.path("out"), place.path("undisturbed")).unwrap();

    place.run(&["plan", "job.yaml", "-o", "plan"]).expect(0).says(&["24 tasks"]);
    // The same job gives the same plan, which may stand there.
    place.run(&["plan", "job.yaml", "-o", "plan"]).expect(0);
    let parts = ["2/3", "1/3", "3/3"];
    let mut running: Vec<Child> = Vec::new();
    for part in parts {
        let mut run = place.command(&["run", "plan", "--shard", part, "--workers", "1"]);
        running.push(run.stderr(Stdio::null()).spawn().unwrap());
    }
    for mut run in running {
        assert!(run.wait().unwrap().success());
    }
    assert!(!place.path("out/manifest.jsonl").exists(), "parts do not write to what they share");
    let status = place.run(&["status", "plan", "--json"]).expect(0);
    let status: Value = serde_json::from_str(&status.out).unwrap();
    assert_eq!((&status["done"], &status["missing"]), (&24.into(), &Value::Array(Vec::new())));
    place.run(&["merge", "plan"]).expect(0).says(&["24 done, 0 missing"]);
    assert_eq!(place.sound_files("out"), sounds);
    assert_eq!(facts(&place), whole);
    place.run(&["verify", "plan"]).expect(0).says(&["24 files: 24 whole"]);

    assert_eq!(attempts(&place), 24);
    place.run(&["run", "plan", "--shard", "2/3"]).expect(0).says(&["nothing was rendered"]);
    place.run(&["render", "job.yaml"]).expect(0).says(&["24 tasks done already"]);
    assert_eq!(attempts(&place), 24);
}

#[test]
fn exactly_what_is_missing_is_told_and_rendered_again() {
    let place = Place::new();
    job(&place);
    place.run(&["plan", "job.yaml", "-o", "plan"]).expect(0);
    // Nobody has begun.
    place.run(&["status", "plan"]).expect(75);
    place.command(&["run", "plan"]).env("TONEMILL_SHARDS", "2").env("JOB_COMPLETION_INDEX", "1").output().unwrap();
    let status: Value = serde_json::from_str(&place.run(&["status", "plan", "--json"]).expect(75).out).unwrap();
    let missing: Vec<u64> =
        status["missing"].as_array().unwrap().iter().map(|task| task["number"].as_u64().unwrap()).collect();
    assert_eq!(missing, (0..12).collect::<Vec<_>>());
    place.run(&["merge", "plan"]).expect(75).says(&["12 done, 12 missing"]);
    // All of it at once ends with the manifest.
    place.run(&["run", "plan"]).expect(0).says(&["part 1/1: 12 tasks to render", "24 done, 0 missing"]);
    let gone = place.path("out/hard/2-001.wav");
    let content = std::fs::read(&gone).unwrap();
    std::fs::remove_file(&gone).unwrap();
    let told = place.run(&["status", "plan"]).expect(75);
    assert!(told.out.contains("23 done, 1 missing"), "{}", told.out);
    place.run(&["verify", "plan"]).expect(10).says(&["hard/2-001.wav: cannot be read"]);
    place.run(&["run", "plan"]).expect(0).says(&["part 1/1: 1 task to render"]);
    assert_eq!(std::fs::read(&gone).unwrap(), content);
    assert_eq!(attempts(&place), 25);
}

#[test]
fn a_file_that_is_not_what_was_written_is_found() {
    let place = Place::new();
    job(&place);
    place.run(&["render", "job.yaml"]).expect(0);
    place.run(&["verify", "out"]).expect(0);
    let path = place.path("out/soft/0-000.wav");
    let good = std::fs::read(&path).unwrap();
    let mut flipped = good.clone();
    *flipped.last_mut().unwrap() ^= 1;
    for bad in [&flipped[..], &good[..good.len() - 1], &[]] {
        std::fs::write(&path, bad).unwrap();
        place
            .run(&["verify", "out"])
            .expect(10)
            .says(&["soft/0-000.wav: its content is not what was written", "23 whole"]);
    }
    std::fs::write(&path, good).unwrap();
    let report: Value = serde_json::from_str(&place.run(&["verify", "out", "--json"]).expect(0).out).unwrap();
    assert_eq!((&report["files"], &report["wrong"]), (&24.into(), &Value::Array(Vec::new())));
}

#[test]
fn a_plan_folder_is_refused_once_anything_about_it_has_changed() {
    let place = Place::new();
    job(&place);
    place.run(&["run", "plan"]).expect(2).says(&["plan is no plan folder", "tonemill plan JOB -o plan"]);
    place.run(&["plan", "job.yaml", "-o", "plan"]).expect(0);
    place.run(&["run", "plan", "--shard", "4/3"]).expect(2).says(&["give I/N"]);
    let take = std::fs::read(place.path("di/1.wav")).unwrap();
    place.wav("di/1.wav", 48_000, &[sine(48_000, 220.0, 0.5, 4800)]);
    place.run(&["run", "plan"]).expect(2).says(&["di/1.wav has changed since plan was made"]);
    assert!(place.sound_files("out").is_empty());
    std::fs::write(place.path("di/1.wav"), take).unwrap();
    let job = std::fs::read_to_string(place.path("job.yaml")).unwrap();
    place.write("job.yaml", job.replace("seed: 7", "seed: 8"));
    place.run(&["plan", "job.yaml", "-o", "plan"]).expect(2).says(&["stands already and is not this plan"]);
    let chunk = place.path("plan/chunks/00000.jsonl.zst");
    let mut bytes = std::fs::read(&chunk).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    std::fs::write(&chunk, bytes).unwrap();
    place.run(&["run", "plan"]).expect(2).says(&["00000.jsonl.zst is damaged", "Make the plan anew"]);
}

/// Tasks that hang: a run of them stays until it is told to go.
fn hanging(place: &Place) {
    let file = fixtures().display().to_string();
    place.wav("di/a.wav", 48_000, &vec![sine(48_000, 110.0, 0.5, 4800); 2]);
    let tones = format!(
        "  - {{ name: a-soft, chain: [{{ builtin: gain, Gain: -3 }}] }}\n  \
         - {{ name: hangs, chain: [{{ clap: \"{file}\", id: org.tonemill.fixture.hang-on-process }}] }}\n"
    );
    let output = "output: { path: \"out/{tone}/{id}.wav\" }\n";
    place.write(
        "job.yaml",
        format!("tonemill: 1\ninputs: {{ di: {{ files: \"di/{{id}}.wav\" }} }}\ntones:\n{tones}{output}"),
    );
    place.run(&["plan", "job.yaml", "-o", "plan"]).expect(0);
}

/// A run of the plan, once it has a half-written file.
fn at_work(place: &Place) -> Child {
    let mut run =
        place.command(&["run", "plan", "--workers", "1", "--drain", "0.1"]).stderr(Stdio::piped()).spawn().unwrap();
    let begun = Instant::now();
    while half_files(place) == 0 || !place.path("out/a-soft/a.wav").exists() {
        assert!(begun.elapsed() < GUARD && run.try_wait().unwrap().is_none(), "it does not get to work");
        std::thread::sleep(Duration::from_millis(10));
    }
    run
}

fn signal(run: &Child, name: &str) {
    let sent = std::process::Command::new("kill").arg(format!("-{name}")).arg(run.id().to_string()).status();
    assert!(sent.unwrap().success());
}

#[test]
fn time_that_is_almost_up_ends_a_part_which_goes_on_later() {
    let place = Place::new();
    hanging(&place);
    let run = at_work(&place);
    signal(&run, "USR1");
    let ended = run.wait_with_output().unwrap();
    let words = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(75), "{words}");
    assert!(words.contains("the time for this run is almost up"), "{words}");
    assert_eq!(half_files(&place), 0);
    let told = place.run(&["status", "plan"]).expect(75);
    assert!(told.out.contains("1 done, 1 missing"), "{}", told.out);
}

#[test]
fn what_a_killed_part_leaves_is_swept_and_its_finished_files_count() {
    let place = Place::new();
    hanging(&place);
    let mut run = at_work(&place);
    run.kill().unwrap();
    assert_eq!(run.wait().unwrap().signal(), Some(9));
    assert_eq!(half_files(&place), 1);
    let before = std::fs::metadata(place.path("out/a-soft/a.wav")).unwrap().modified().unwrap();
    // The one that hangs is given up soon, and all else is known from the dead run's journal.
    place.run(&["run", "plan", "--stall-timeout", "0.3"]).expect(10).says(&["part 1/1: 1 task to render"]);
    assert_eq!(half_files(&place), 0);
    assert_eq!(std::fs::metadata(place.path("out/a-soft/a.wav")).unwrap().modified().unwrap(), before);
    assert_eq!(place.manifest("out/manifest.jsonl").len(), 1);
    let told = place.run(&["status", "plan"]).expect(10);
    place.run(&["merge", "plan"]).expect(10).says(&["1 done, 1 missing"]);
    assert!(told.out.contains("1 of them failed") && told.out.contains("did not advance"), "{}", told.out);
    let left: BTreeSet<String> = names(&place.path("out/.tonemill/runs"));
    assert!(left.is_empty(), "what is merged is settled: {left:?}");
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}
