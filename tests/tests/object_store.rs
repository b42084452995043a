//! Inputs, assets and outputs in an object store.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use tonemill_tests::s3::{Server, Slowly, tonemill_with_object_stores};
use tonemill_tests::{Place, Ran, files_below, repository, sine};

const RATE: u32 = 48_000;

/// A server with two buckets, and the command that can use it.
struct Bench {
    server: Server,
    program: PathBuf,
    place: Place,
}

impl Bench {
    fn new() -> Option<Bench> {
        let (program, server) = (tonemill_with_object_stores()?, Server::start()?);
        server.bucket("takes");
        server.bucket("renders");
        Some(Bench { server, program, place: Place::new() })
    }

    /// Puts the files below a folder of the place into the bucket `takes`.
    fn upload(&self, folder: &str) {
        let root = self.place.path("");
        for path in files_below(&self.place.path(folder)) {
            let key = path.strip_prefix(&root).unwrap().to_str().unwrap();
            self.server.put(&format!("takes/{key}"), std::fs::read(&path).unwrap());
        }
    }

    fn run_at(&self, place: &Place, endpoint: &str, arguments: &[&str]) -> Ran {
        self.server.command(&self.program, place, endpoint, arguments).output().expect("the command starts").into()
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        self.run_at(&self.place, &self.server.endpoint(), arguments)
    }

    fn manifest(&self, prefix: &str) -> Vec<serde_json::Value> {
        let text =
            self.server.get(&format!("renders/{prefix}/manifest.jsonl")).expect("the manifest lies beside the outputs");
        let text = String::from_utf8(text).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// Two takes with a note beside each, a cabinet and an amp.
fn material(place: &Place) {
    for (n, id) in ["one", "two"].into_iter().enumerate() {
        place.wav(&format!("di/{id}.wav"), RATE, &[sine(RATE, 110.0 * (1.0 + n as f64), 0.4, 24_000)]);
        place.write(&format!("di/{id}.lab"), format!("0.0 0.3 {id}\n"));
    }
    let response = (0..480).map(|n| (n as f32).sin() * (-(n as f32) / 60.0).exp()).collect();
    place.wav("ir/room.wav", RATE, &[response]);
    std::fs::copy(repository().join("devices/assets/chump.nam"), place.path("ir/chump.nam")).unwrap();
}

/// The same job on files below `from`, written below `to`.
fn job(from: &str, to: &str, more: &str) -> String {
    format!(
        "tonemill: 1
seed: 3
inputs:
  di: {{ files: \"{from}di/{{id}}.wav\", annotations: \"{from}di/{{id}}.lab\", noise: {{ kind: white, snr: 40 dB }} }}
tones:
- {{ name: room, chain: [{{ gain: {{ uniform: [-6 dB, -3 dB] }} }}, {{ cabinet: \"{from}ir/room.wav\" }}] }}
- {{ name: amp, chain: [{{ nam: \"{from}ir/chump.nam\" }}] }}
output: {{ path: \"{to}/{{tone}}/{{id}}.wav\", bits: 24{more} }}
"
    )
}

fn bytes_in(folder: &Path) -> u64 {
    ["content", "partial"]
        .iter()
        .flat_map(|name| files_below(&folder.join("objects").join(name)))
        .filter_map(|path| Some(path.metadata().ok()?.len()))
        .sum()
}

#[test]
fn a_job_in_a_store_gives_the_bytes_and_keys_of_the_same_job_on_disk_and_then_rests() {
    let Some(bench) = Bench::new() else { return };
    let Bench { server, place, .. } = &bench;
    material(place);
    for folder in ["di", "ir"] {
        bench.upload(folder);
    }
    place.write("local.yaml", job("", "local", ""));
    place.write("job.yaml", job("s3://takes/", "s3://renders/set", ""));
    bench.run(&["render", "local.yaml", "--workers", "2"]).expect(0);
    bench.run(&["render", "job.yaml", "--workers", "2"]).expect(0).says(&["s3://renders/set/manifest.jsonl"]);

    let expected = place.sound_files("local");
    assert_eq!(expected.len(), 8, "four sounds, each with what belongs to its take");
    assert_eq!(server.sound_files("renders", "set/"), expected);
    let (local, stored) = (place.manifest("local/manifest.jsonl"), bench.manifest("set"));
    assert_eq!(stored.len(), 4);
    for (local, stored) in local.iter().zip(&stored) {
        for field in ["path", "key", "take", "tone", "drawn", "label"] {
            assert_eq!(local[field], stored[field], "{field}");
        }
        assert_eq!(local["file"]["blake3"], stored["file"]["blake3"]);
        let sources = stored["sources"].as_array().unwrap();
        assert!(
            sources.iter().all(|source| source["path"].as_str().unwrap().starts_with("s3://takes/")),
            "{sources:?}"
        );
        assert!(stored["file"]["path"].as_str().unwrap().starts_with("s3://renders/set/"), "{stored}");
        assert!(stored["annotations"][0]["source"].as_str().unwrap().starts_with("s3://takes/di/"), "{stored}");
    }
    let here = files_below(&place.path(".tonemill"));
    assert!(here.iter().all(|path| path.extension().is_none_or(|e| e != "wav")), "nothing stays in staging: {here:?}");
    assert!(!place.path("s3:").exists(), "no folder is called like a store");

    bench.run(&["render", "job.yaml"]).expect(0).says(&["4 tasks done already; nothing was rendered."]);
    // Another machine knows what stands from the bucket alone.
    let elsewhere = Place::new();
    elsewhere.write("job.yaml", job("s3://takes/", "s3://renders/set", ""));
    let ran = bench.run_at(&elsewhere, &server.endpoint(), &["render", "job.yaml"]);
    ran.expect(0).says(&["4 tasks done already; nothing was rendered."]);
}

#[test]
fn what_changes_in_the_bucket_renders_exactly_its_dependants_again() {
    let Some(bench) = Bench::new() else { return };
    let Bench { server, place, .. } = &bench;
    material(place);
    for folder in ["di", "ir"] {
        bench.upload(folder);
    }
    place.write("job.yaml", job("s3://takes/", "s3://renders/set", ""));
    bench.run(&["render", "job.yaml"]).expect(0);
    let before = server.sound_files("renders", "set/");
    let kept = |words: &str| {
        let ran = bench.run(&["render", "job.yaml", "--json"]).expect(0);
        let finished = ran.out.lines().filter(|line| line.contains("\"event\":\"finished\"")).count();
        assert_eq!(format!("{finished} rendered"), words, "{}", ran.out);
    };
    // An input: both its tones.
    place.wav("di/two.wav", RATE, &[sine(RATE, 330.0, 0.3, 24_000)]);
    bench.upload("di");
    kept("2 rendered");
    let after = server.sound_files("renders", "set/");
    let changed: Vec<_> =
        after.iter().filter(|(name, bytes)| before.get(*name) != Some(*bytes)).map(|(n, _)| n).collect();
    assert_eq!(changed, [Path::new("amp/two.wav"), Path::new("room/two.wav")]);
    // An asset: both takes of its tone.
    place.wav("ir/room.wav", RATE, &[vec![0.0, 0.5, 0.25]]);
    bench.upload("ir");
    kept("2 rendered");
    // An output that somebody took away.
    server.remove("renders/set/amp/one.wav");
    kept("1 rendered");
    kept("0 rendered");
    assert_eq!(server.sound_files("renders", "set/").len(), 8);
}

#[test]
fn a_plan_that_was_made_here_runs_elsewhere_and_sees_what_changed_since() {
    let Some(bench) = Bench::new() else { return };
    let Bench { server, place, .. } = &bench;
    material(place);
    for folder in ["di", "ir"] {
        bench.upload(folder);
    }
    place.write("job.yaml", job("s3://takes/", "s3://renders/set", ""));
    bench.run(&["plan", "job.yaml", "-o", "plan.jsonl"]).expect(0);
    let plan = std::fs::read_to_string(place.path("plan.jsonl")).unwrap();
    assert!(!plan.contains(place.cache().to_str().unwrap()), "no path of this machine's cache");
    let elsewhere = Place::new();
    elsewhere.write("plan.jsonl", &plan);
    let endpoint = server.endpoint();
    bench.run_at(&elsewhere, &endpoint, &["render", "plan.jsonl", "--state", "kept"]).expect(0);
    assert_eq!(server.sound_files("renders", "set/").len(), 8);
    assert!(elsewhere.path("kept/manifest.jsonl").exists() && !elsewhere.path(".tonemill").exists());

    server.remove("renders/set/room/one.wav");
    server.put("takes/di/one.wav", "another take");
    let third = Place::new();
    third.write("plan.jsonl", &plan);
    let ran = bench.run_at(&third, &endpoint, &["render", "plan.jsonl"]);
    ran.expect(10).says(&["s3://takes/di/one.wav is not what it was when the plan was made. Plan again"]);
    assert_eq!(server.get("renders/set/room/one.wav"), None);
}

#[test]
fn a_farm_that_is_killed_while_it_uploads_leaves_no_half_object_and_the_next_run_completes() {
    let Some(bench) = Bench::new() else { return };
    let Bench { server, place, program } = &bench;
    // Files larger than what is put with one request, and smaller ones.
    for (id, seconds) in [("long", 100), ("short", 4)] {
        place.wav(&format!("di/{id}.wav"), RATE, &[sine(RATE, 220.0, 0.4, RATE as usize * seconds)]);
    }
    bench.upload("di");
    let text = |to: &str| {
        format!(
            "tonemill: 1\ninputs: {{ di: {{ files: \"s3://takes/di/{{id}}.wav\" }} }}\n\
             tones: [{{ name: a, chain: [{{ gain: -3 dB }}] }}, {{ name: b, chain: [{{ gain: -6 dB }}] }}]\n\
             output: {{ path: \"{to}/{{tone}}/{{id}}.wav\", bits: 32f }}\n"
        )
    };
    place.write("local.yaml", text("local"));
    place.write("job.yaml", text("s3://renders/set"));
    bench.run(&["render", "local.yaml"]).expect(0);
    let whole = place.sound_files("local");
    assert_eq!(whole.len(), 4);
    assert!(whole.values().any(|bytes| bytes.len() > 16 << 20), "one is put in parts");

    let mut killed_within = 0;
    for round in 0..6u64 {
        let slowly = Slowly::before(server, 6 << 20);
        let mut child = server
            .command(program, place, &slowly.endpoint(), &["render", "job.yaml", "--workers", "2"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Each round ends at another place of what is sent: within a file, between parts, or after some objects.
        let (until, started) = ((round + 1) * (4 << 20), Instant::now());
        while slowly.sent() < until && child.try_wait().unwrap().is_none() {
            assert!(started.elapsed() < Duration::from_secs(300), "nothing is sent");
            std::thread::sleep(Duration::from_millis(5));
        }
        killed_within += u32::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
        for (name, bytes) in server.sound_files("renders", "set/") {
            assert!(whole[&name] == bytes, "{} is not whole after round {round}", name.display());
        }
    }
    assert!(killed_within >= 2, "the farm was killed while it was at work");
    bench.run(&["render", "job.yaml"]).expect(0);
    assert!(server.sound_files("renders", "set/") == whole);
    bench.run(&["render", "job.yaml"]).expect(0).says(&["4 tasks done already"]);
    let left: Vec<_> = files_below(&place.path(".tonemill"))
        .into_iter()
        .filter(|p| p.extension().is_some_and(|e| e == "wav"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn the_cache_stays_below_its_bound_and_what_is_larger_is_told() {
    let Some(bench) = Bench::new() else { return };
    let Bench { server, place, program } = &bench;
    for n in 0..30 {
        place.wav(&format!("di/t{n:02}.wav"), RATE, &[sine(RATE, 110.0 + f64::from(n), 0.4, 12_000)]);
    }
    bench.upload("di");
    let one = std::fs::metadata(place.path("di/t00.wav")).unwrap().len();
    place.write(
        "job.yaml",
        "tonemill: 1\ninputs: { di: { files: \"s3://takes/di/{id}.wav\" } }\n\
         tones: [{ name: a, chain: [{ gain: -3 dB }] }]\noutput: { path: \"s3://renders/set/{id}.wav\" }\n",
    );
    let bound = one * 8;
    let size = bound.to_string();
    let arguments = ["render", "job.yaml", "--workers", "2", "--cache-size", &size];
    let mut child = server
        .command(program, place, &server.endpoint(), &arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (mut most, started) = (0, Instant::now());
    let status = loop {
        most = most.max(bytes_in(place.cache()));
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        assert!(started.elapsed() < Duration::from_secs(300), "the command does not end");
        std::thread::sleep(Duration::from_millis(1));
    };
    assert!(status.success());
    assert!(most <= bound && most > bound / 2, "{most} of {bound} bytes");
    assert_eq!(server.sound_files("renders", "set/").len(), 30);

    // What is there already is not thrown away for a smaller bound before something is added.
    std::fs::remove_dir_all(place.cache().join("objects")).unwrap();
    let ran = bench.run(&["plan", "job.yaml", "--cache-size", &(one - 1).to_string()]).expect(2);
    ran.says(&["job.yaml:2:24", &format!("has {one} bytes, and the cache may hold {}", one - 1), "--cache-size"]);
}

#[test]
fn what_cannot_be_had_is_told_with_its_place_and_what_to_do() {
    let Some(bench) = Bench::new() else { return };
    let Bench { server, place, .. } = &bench;
    material(place);
    for folder in ["di", "ir"] {
        bench.upload(folder);
    }
    let plan = |from: &str, to: &str| {
        place.write("job.yaml", job(from, to, ""));
        bench.run(&["render", "job.yaml"]).expect(2)
    };
    plan("s3://none/", "s3://renders/set").says(&["job.yaml:4:", "there is no bucket s3://none"]);
    plan("s3://takes/", "s3://none/set").says(&["there is no bucket s3://none"]);
    server.remove("takes/ir/room.wav");
    plan("s3://takes/", "s3://renders/set").says(&["job.yaml:6:", "there is no object s3://takes/ir/room.wav"]);
    plan("s3://takes/nowhere/", "s3://renders/set").says(&["job.yaml:4:", "finds no recording"]);
    place.write("job.yaml", job("s3://takes/", "s3://renders/set", ", package: { as: folders, to: set }"));
    bench.run(&["plan", "job.yaml"]).expect(2).says(&["a data set is made of files on this machine"]);

    bench.upload("ir");
    place.write("job.yaml", job("s3://takes/", "s3://renders/set", ""));
    // What somebody else put is not replaced.
    server.put("renders/set/room/one.wav", "somebody's");
    bench.run(&["render", "job.yaml"]).expect(2).says(&["s3://renders/set/room/one.wav stands already"]);
    server.remove("renders/set/room/one.wav");
    bench.run(&["plan", "job.yaml", "-o", "plan.jsonl"]).expect(0);

    server.refuse_everybody();
    let denied = ["access is denied", "AWS_ACCESS_KEY_ID"];
    bench.run(&["render", "job.yaml"]).expect(2).says(&denied).says(&["job.yaml:4:"]);
    bench.run(&["render", "plan.jsonl"]).expect(2).says(&denied);
}

#[test]
fn a_plan_folder_reads_from_a_store_and_refuses_to_write_there() {
    let Some(bench) = Bench::new() else { return };
    let Bench { server, place, .. } = &bench;
    material(place);
    for folder in ["di", "ir"] {
        bench.upload(folder);
    }
    place.write("local.yaml", job("", "local", ""));
    bench.run(&["render", "local.yaml"]).expect(0);
    place.write("job.yaml", job("s3://takes/", "out", ""));
    bench.run(&["plan", "job.yaml", "-o", "parts"]).expect(0);
    // Nothing of the planning is there any more: each part fetches what it needs.
    std::fs::remove_dir_all(place.cache().join("objects")).unwrap();
    for part in ["1/2", "2/2"] {
        bench.run(&["run", "parts", "--shard", part]).expect(0);
    }
    bench.run(&["merge", "parts"]).expect(0);
    assert_eq!(place.sound_files("out"), place.sound_files("local"));
    bench.run(&["run", "parts"]).expect(0).says(&["4 tasks done already"]);

    // What its task reads is brought for a task alone too, and its files go to a folder.
    place.write("stored.yaml", job("s3://takes/", "s3://renders/set", ""));
    bench.run(&["plan", "stored.yaml", "-o", "stored.jsonl"]).expect(0);
    for (folder, how) in [("here", Some("--in-process")), ("there", None)] {
        let arguments = ["render-task", "stored.jsonl#0", "--out", folder];
        bench.run(&[&arguments[..], how.as_slice()].concat()).expect(0);
        let (name, sound) = place.sound_files(folder).into_iter().find(|(name, _)| name.ends_with("one.wav")).unwrap();
        assert_eq!(place.sound_files("local")[&name], sound);
    }
    assert_eq!(server.keys("renders", ""), Vec::<String>::new());

    let refused = ["whose outputs lie in an object store, s3://renders/set", "tonemill render JOB"];
    bench.run(&["plan", "stored.yaml", "-o", "stored"]).expect(2).says(&refused);
    assert!(!place.path("stored").exists());
}

#[test]
fn what_was_rendered_into_a_store_is_told_where_it_was_rendered() {
    let Some(bench) = Bench::new() else { return };
    let Bench { server, place, .. } = &bench;
    material(place);
    for folder in ["di", "ir"] {
        bench.upload(folder);
    }
    place.write("job.yaml", job("s3://takes/", "s3://renders/set", ""));
    bench.run(&["status", "s3://renders/set"]).expect(2).says(&["s3://renders/set is known here only from runs in"]);
    bench.run(&["render", "job.yaml"]).expect(0);
    assert!(bench.run(&["status", "s3://renders/set"]).expect(0).out.contains("4 tasks done, 0 missing"));
    assert!(bench.run(&["retry", "s3://renders/set/"]).expect(0).out.contains("Nothing is held against any plugin"));
    assert_eq!(server.sound_files("renders", "set/").len(), 8);
}

#[test]
fn a_store_that_is_not_there_is_told() {
    let Some(bench) = Bench::new() else { return };
    bench.place.write("job.yaml", job("s3://takes/", "s3://renders/set", ""));
    let ran = bench.run_at(&bench.place, "http://127.0.0.1:1", &["plan", "job.yaml"]).expect(2);
    ran.says(&["job.yaml:4:", "the store cannot be reached", "Check the network and the endpoint"]);
}

#[test]
fn a_build_without_object_stores_says_at_each_name_what_to_build() {
    let place = Place::new();
    material(&place);
    place.write("job.yaml", job("", "s3://renders/set", ""));
    let ran = place.run(&["render", "job.yaml"]).expect(2);
    ran.says(&[
        "job.yaml:8:17: cannot write to s3://renders/set",
        "cargo feature object-store",
        "1 mistake; nothing was rendered",
    ]);
    place.write("job.yaml", job("s3://takes/", "out", ""));
    place.run(&["plan", "job.yaml"]).expect(2).says(&["job.yaml:4:16", "cargo feature object-store"]);
    assert!(!place.path("s3:").exists() && !place.path(".tonemill").exists());
}
