//! Jobs that end in a data set: dry takes beside the tones, what a job comes to, a full disk, and the package.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tonemill_tests::{Disk, Place, files_below, fixture, read_wav, repository, sine};

const RATE: u32 = 48_000;
/// Frames of a take: half a second, which a loudness target needs 0.4 of.
const FRAMES: usize = 24_000;

/// A folder with two takes and two tones.
fn place() -> Place {
    let place = Place::new();
    for (name, frequency) in [("a", 440.0), ("b", 220.0)] {
        place.wav(&format!("di/{name}.wav"), RATE, &[sine(RATE, frequency, 0.4, FRAMES)]);
    }
    place.write("tones/soft.yaml", "tonemill: 1\nname: Soft\nchain: [{ gain: { uniform: [-9 dB, -3 dB] } }]\n");
    place.write("tones/warm.yaml", "tonemill: 1\nname: Warm\nchain: [{ drive: { Drive: 12 dB } }]\n");
    place
}

/// A job with these fields of `output`, and more at the top.
fn job(place: &Place, output: &str, more: &str) {
    place.write(
        "job.yaml",
        format!(
            "tonemill: 1\nseed: 7\ninputs: {{ di: \"di/{{id}}.wav\" }}\ntones: [\"tones/*.yaml\"]\ndraws: 2\n{more}\noutput: {{ path: \"out/{{tone}}/{{id}}-{{draw}}.wav\", {output} }}\n"
        ),
    );
}

const PACKAGE: &str = "bits: 16, also: [dry], package: { as: audiofolder, to: set, split: { train: 0.5, test: 0.5 } }";

/// Everything below a folder with its bytes.
fn content(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    files_below(folder).into_iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

#[test]
fn a_dry_take_is_the_recording_itself_once_for_all_tones_and_draws() {
    let place = place();
    job(&place, "bits: 32f, loudness: -24 LUFS, also: [dry]", "");
    place.run(&["render", "job.yaml"]).expect(0);
    let lines = place.manifest("out/manifest.jsonl");
    // Two takes: dry, two draws of the one tone, and the other, which draws nothing.
    assert_eq!(lines.len(), 2 * (1 + 2 + 1));
    for id in ["a", "b"] {
        let dry = read_wav(&place.path(&format!("out/dry/{id}-000.wav")));
        assert_eq!(dry, read_wav(&place.path(&format!("di/{id}.wav"))), "{id}");
        let of_take: Vec<&Value> = lines.iter().filter(|line| line["take"] == format!("di:{id}.wav")).collect();
        assert_eq!(of_take.len(), 4);
        let dry: Vec<_> = of_take.iter().filter(|line| line["tone"].is_null()).collect();
        let [dry] = dry.as_slice() else { panic!("{id} has one dry take") };
        assert_eq!(dry["path"], format!("dry/{id}-000.wav"));
        assert_eq!(dry["devices"], json!([]));
        for wet in of_take.iter().filter(|line| !line["tone"].is_null()) {
            assert_eq!(wet["file"]["frames"], dry["file"]["frames"]);
            let loudness = wet["file"]["loudness_lufs"].as_f64().unwrap();
            assert!((loudness + 24.0).abs() < 0.1, "{loudness}");
        }
    }
}

#[test]
fn the_shipped_tones_are_rendered_with_their_dry_take_in_a_format_of_its_own() {
    let place = Place::new();
    let examples = repository().join("jobs/examples");
    let text = std::fs::read_to_string(examples.join("tones.yaml")).unwrap();
    let text = text.replace("../../presets", &repository().join("presets").display().to_string());
    let text = text.replace("data/", &format!("{}/data/", examples.display()));
    let also = "output:\n  also: { dry: { path: 'out/tones/dry/{id}.flac', bits: 16 } }\n";
    place.write("job.yaml", text.replace("output:\n", also));
    place.run(&["render", "job.yaml"]).expect(0);
    let lines = place.manifest("out/tones/manifest.jsonl");
    let dry: Vec<&Value> = lines.iter().filter(|line| line["tone"].is_null()).collect();
    assert_eq!(dry.len(), 1);
    assert_eq!((lines.len(), &dry[0]["path"]), (5, &json!("dry/guitar.flac")));
    assert_eq!(dry[0]["format"], json!({ "container": "flac", "depth": "16" }));
}

#[test]
fn a_plan_and_a_render_say_first_what_they_come_to() {
    let place = place();
    job(&place, "bits: 16, also: [dry]", "");
    let bytes = 8 * (80 + 2 * FRAMES);
    let words = format!(
        "8 tasks: 8 files, 4.0 s of audio, {:.1} kB. Core hours are not known: 2 of 2 devices never probed (tonemill plugins probe).",
        bytes as f64 / 1e3
    );
    let plan = place.run(&["plan", "job.yaml"]).expect(0).says(&[&words]);
    let header: Value = serde_json::from_str(plan.out.lines().next().unwrap()).unwrap();
    assert_eq!((&header["estimate"]["files"], &header["estimate"]["bytes"]), (&json!(8), &json!(bytes)));
    let ran = place.run(&["render", "job.yaml", "--json"]).expect(0);
    assert!(ran.err.starts_with(&words), "{}", ran.err);
    let first: Value = serde_json::from_str(ran.out.lines().next().unwrap()).unwrap();
    assert_eq!(
        (&first["event"], &first["bytes"], &first["devices_unknown"]),
        (&json!("estimate"), &json!(bytes), &json!(2))
    );
    let written: u64 = place.sound_files("out").values().map(|bytes| bytes.len() as u64).sum();
    assert_eq!(written, bytes as u64, "what was reckoned is what was written");
    let last: Value = serde_json::from_str(ran.out.lines().last().unwrap()).unwrap();
    let flagged = place.manifest("out/manifest.jsonl").iter().filter(|line| line["file"]["flags"].is_array()).count();
    assert_eq!((&last["event"], &last["flagged"]["files"]), (&json!("summary"), &json!(flagged)));
    // Nothing is left to start.
    let again = place.run(&["render", "job.yaml"]).expect(0);
    assert!(!again.err.contains("of audio"), "{}", again.err);
}

#[test]
fn core_hours_are_told_once_every_device_was_probed() {
    let place = place();
    job(&place, "bits: 16", "");
    let one = place.run(&["plugins", "probe", "builtin:gain"]).expect(0);
    assert!(one.out.contains("gain"), "{}", one.out);
    place.run(&["plan", "job.yaml", "-o", "plan.jsonl"]).expect(0).says(&["1 of 2 devices never probed"]);
    place.run(&["plugins", "probe", "builtin:drive"]).expect(0);
    place
        .run(&["plan", "job.yaml", "-o", "plan.jsonl"])
        .expect(0)
        .says(&["Its devices take about ", " s of one processor."]);
    // A frozen plan knows it as well.
    place.run(&["render", "plan.jsonl"]).expect(0).says(&["6 tasks: 6 files, 3.0 s of audio", "of one processor."]);
}

#[test]
fn a_job_that_is_done_whole_ends_in_its_data_set_and_a_second_run_leaves_it() {
    let place = place();
    job(&place, PACKAGE, "");
    place
        .run(&["render", "job.yaml"])
        .expect(0)
        .says(&["source group", &format!("Data set: {}\n", place.path("set").display())]);
    let rows: Vec<Value> = ["train", "test"]
        .iter()
        .map(|split| place.path(&format!("set/{split}/metadata.jsonl")))
        .filter(|path| path.exists())
        .flat_map(|path| std::fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect::<Vec<_>>())
        .map(|line| serde_json::from_str(&line).unwrap())
        .collect();
    let wet = rows.iter().filter(|row| row["tone"] == "Soft").count();
    assert_eq!(wet, 4, "two takes and two draws: {rows:?}");
    let before = content(&place.path("set"));
    let again = place.run(&["render", "job.yaml"]).expect(0);
    again.says(&["nothing was rendered", &format!("Data set: {} (as it was)", place.path("set").display())]);
    assert_eq!(content(&place.path("set")), before);
}

#[test]
fn a_data_set_is_made_anew_once_what_it_was_made_of_has_changed() {
    let place = place();
    job(&place, PACKAGE, "");
    place.run(&["render", "job.yaml"]).expect(0);
    place.wav("di/c.wav", RATE, &[sine(RATE, 330.0, 0.4, FRAMES)]);
    place.run(&["render", "job.yaml"]).expect(0).says(&["4 rendered, 8 kept as they were"]);
    let names: Vec<_> = files_below(&place.path("set"));
    assert!(names.iter().any(|name| name.display().to_string().contains("c-000")), "{names:?}");
    // Other settings alone are a reason too.
    job(&place, &PACKAGE.replace("audiofolder", "folders"), "");
    place.run(&["render", "job.yaml"]).expect(0).says(&["nothing was rendered"]);
    assert!(place.path("set/metadata.jsonl").exists());
    let beside: Vec<_> = std::fs::read_dir(place.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(beside.iter().all(|name| !name.to_string_lossy().contains("set.")), "{beside:?}");
}

#[test]
fn a_run_that_was_ended_while_it_put_the_data_set_in_place_is_gone_on_with() {
    let place = place();
    job(&place, PACKAGE, "");
    place.run(&["render", "job.yaml"]).expect(0);
    let before = content(&place.path("set"));
    // It was complete under its other name, and the old one is gone already or never was.
    std::fs::rename(place.path("set"), place.path(".set.tonemill-next")).unwrap();
    place.run(&["render", "job.yaml"]).expect(0).says(&["Data set: "]);
    assert_eq!(content(&place.path("set")), before);
    assert!(!place.path(".set.tonemill-next").exists());
}

#[test]
fn a_folder_that_is_not_the_jobs_own_is_never_replaced() {
    let place = place();
    place.write("set/mine.txt", "mine");
    job(&place, PACKAGE, "");
    place.run(&["render", "job.yaml"]).expect(2).says(&["was not made by this job. Move it away"]);
    assert!(!place.path("out").exists(), "it is told before anything renders");
    std::fs::remove_dir_all(place.path("set")).unwrap();
    place.run(&["render", "job.yaml"]).expect(0);
    place.write("set/mine.txt", "mine");
    place.wav("di/c.wav", RATE, &[sine(RATE, 330.0, 0.4, FRAMES)]);
    place.run(&["render", "job.yaml"]).expect(2).says(&["has been changed since it was made, so it is not replaced"]);
    assert_eq!(std::fs::read(place.path("set/mine.txt")).unwrap(), b"mine");
}

#[test]
fn a_job_with_a_failed_task_makes_no_data_set_and_says_so() {
    let place = place();
    let (plugin, id) = (fixture("crash-on-process", ""), "org.tonemill.fixture.crash-on-process");
    let file = plugin.strip_prefix("clap:").unwrap().split('#').next().unwrap();
    place.write(
        "tones/warm.yaml",
        format!("tonemill: 1\nname: Warm\nchain: [{{ clap: {file}, id: {id}, channels: duplicate }}]\n"),
    );
    job(&place, PACKAGE, "");
    place.run(&["render", "job.yaml"]).expect(10).says(&["No data set: 2 tasks of the job left."]);
    assert!(!place.path("set").exists());
    place.write("tones/warm.yaml", "tonemill: 1\nname: Warm\nchain: [{ drive: { Drive: 12 dB } }]\n");
    place.run(&["render", "job.yaml"]).expect(0).says(&["2 rendered, 6 kept as they were", "Data set: "]);
    assert!(place.path("set/README.md").exists());
}

#[test]
fn mistakes_in_a_package_are_told_at_their_place_before_anything_renders() {
    let place = place();
    for (package, words) in [
        ("{ as: zip, to: set }", "job.yaml:7:62: as of package: unknown variant `zip`, expected one of `audiofolder`"),
        ("{ as: egdb, to: set, shards: 3 }", "job.yaml:7:77: package has no field \"shards\""),
        (
            "{ as: egdb, to: set, split: { train: 0.5 } }",
            "job.yaml:7:84: split of package: the shares of train sum to 0.5, not to 1",
        ),
        (
            "{ as: egdb, to: set, hold_out: [Worm], split: { test: 1 } }",
            "there is no tone \"Worm\" to hold out. Did you mean \"Warm\"?",
        ),
        ("{ as: egdb, to: set, hold_out: [Warm] }", "tones are held out for the split test, and there is none"),
        ("{ as: egdb, to: out }", "the data set would take the place of out"),
    ] {
        job(&place, &format!("package: {package}"), "");
        for command in ["plan", "render"] {
            place.run(&[command, "job.yaml"]).expect(2).says(&[words]);
        }
        assert!(!place.path("out").exists(), "for {package}");
    }
}

#[test]
fn the_schema_of_jobs_says_what_a_package_takes() {
    let place = Place::new();
    let schema: Value = serde_json::from_str(&place.run(&["schema", "job"]).expect(0).out).unwrap();
    let package = &schema["$defs"]["package"];
    for field in ["as", "to", "split", "hold_out", "licence_allow"] {
        assert!(package["properties"][field].is_object(), "{field}: {package}");
    }
    let text = schema.to_string();
    for name in text.split("#/$defs/").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(!schema["$defs"][name].is_null(), "{name} is defined");
    }
    assert!(text.contains("\"webdataset\""));
}

#[test]
fn a_full_disk_stops_a_job_and_the_next_run_goes_on_when_there_is_room() {
    let place = place();
    for n in 0..20 {
        place.wav(&format!("di/take{n:02}.wav"), RATE, &[sine(RATE, 100.0 + f64::from(n), 0.4, FRAMES * 2)]);
    }
    job(&place, PACKAGE, "");
    let whole = {
        place.run(&["render", "job.yaml"]).expect(0);
        let files = place.sound_files("out");
        std::fs::remove_dir_all(place.path("out")).unwrap();
        std::fs::remove_dir_all(place.path("set")).unwrap();
        files
    };
    let Some(disk) = Disk::new(place.path("out"), "3m") else { return };
    let ran = place.run(&["render", "job.yaml", "--workers", "2"]).expect(75);
    ran.says(&[
        "warning: what is left to render needs ",
        &format!("are free for {}", place.path("out").display()),
        "Stopped early: ",
        "No space left on device",
        "No data set: ",
    ]);
    assert!(!place.path("set").exists());
    let standing = place.sound_files("out");
    assert!(!standing.is_empty() && standing.len() < whole.len(), "{} of {}", standing.len(), whole.len());
    for (name, bytes) in &standing {
        assert!(!name.to_string_lossy().contains(".partial"), "{name:?}");
        assert_eq!(Some(bytes), whole.get(name), "{name:?} is whole");
    }
    disk.resize("40m");
    let ran = place.run(&["render", "job.yaml", "--workers", "2"]).expect(0);
    assert!(!ran.err.contains("are free for"), "{}", ran.err);
    ran.says(&[&format!("{} kept as they were", standing.len()), "Data set: "]);
    assert_eq!(place.sound_files("out"), whole);
}

#[test]
fn a_pulse_in_front_of_a_take_tells_how_late_it_comes_and_leaves_the_files_as_they_are() {
    let place = place();
    let job = |quality: &str, folder: &str| {
        format!(
            "tonemill: 1\ninputs: \"di/{{id}}.wav\"\ntones:\n- {{ name: Fuzz, chain: [{{ drive: {{ drive: 30 dB }} }}] }}\n\
             - {{ name: Late, chain: [{{ delay: {{ time: 20 ms, feedback: 0 %, mix: 100 %, high_cut: off }} }}, {{ gain: -3 dB }}] }}\n\
             quality: {quality}\noutput: {{ path: \"{folder}/{{tone}}/{{id}}.wav\", bits: 32f }}\n"
        )
    };
    place.write("with.yaml", job("{ offset: 50 ms, sync: true }", "with"));
    place.write("without.yaml", job("keep", "without"));
    for name in ["with.yaml", "without.yaml"] {
        place.run(&["render", name]).expect(0);
    }
    let lines = place.manifest("with/manifest.jsonl");
    assert_eq!(lines.len(), 4);
    for line in &lines {
        let offset = &line["file"]["offset"];
        let late = if line["tone"] == "Late" { i64::from(RATE) / 50 } else { 0 };
        assert_eq!((&offset["frames"], &offset["inverted"]), (&json!(late), &json!(false)), "{line}");
        assert!(offset["confidence"].as_f64().unwrap() > 0.9, "{line}");
    }
    let (with, without) = (place.sound_files("with"), place.sound_files("without"));
    assert_eq!(with.len(), 4);
    for (name, bytes) in with.iter().filter(|(name, _)| !name.starts_with("fuzz") && !name.starts_with("Fuzz")) {
        assert!(bytes == &without[name], "{name:?} is the same with the pulse");
    }
}
