//! The example of a data set: clean takes through hosted, neural and built-in amplifiers, each several times.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use tonemill_tests::{Place, files_below, real, repository};

/// The plugins of the example's tones; says so on standard error where they are not installed.
fn plugins_are_there() -> bool {
    let files = ["/usr/lib/clap/ZamTube.clap", "/usr/lib/vst3/ZamTube.vst3", "/usr/lib/lv2/gx_amp.lv2"];
    let missing = files.iter().find(|file| !Path::new(file).exists());
    if let Some(missing) = missing {
        eprintln!("skipped: {missing} is not installed; scripts/test brings it");
    }
    missing.is_none()
}

/// The example in a place of its own, with the fetched takes beside the shipped one.
fn example(place: &Place) {
    let (examples, music) = (repository().join("jobs/examples"), real("TONEMILL_REAL_MUSIC"));
    let takes = files_below(&examples.join("data")).into_iter();
    let fetched = music.map_or_else(Vec::new, |music| files_below(&music.join("guitar")));
    for take in takes.chain(fetched).filter(|path| path.extension().is_some_and(|e| e == "flac")) {
        place.write(
            &format!("data/{}", take.file_name().unwrap().to_str().unwrap()),
            std::fs::read(&take).expect("a take can be read"),
        );
    }
    for tone in files_below(&examples.join("egdb")) {
        let name = tone.file_name().unwrap().to_str().unwrap();
        place.write(&format!("egdb/{name}"), std::fs::read(&tone).expect("a tone can be read"));
    }
    // A chain that keeps the form of what it plays, so that its offset can be told to the frame.
    place.write("egdb/plain.yaml", "tonemill: 1\nname: Plain\nchain: [{ gain: { uniform: [-9 dB, 9 dB] } }]\n");
    place.write("egdb.yaml", std::fs::read(examples.join("egdb.yaml")).expect("the example can be read"));
}

/// The manifest's lines by path, without what a run took and where its files lie.
fn lines(place: &Place, folder: &str) -> BTreeMap<String, Value> {
    let own = place.path(folder).display().to_string();
    let line = |line: Value| {
        let mut line: Value = serde_json::from_str(&line.to_string().replace(&own, "OUT")).expect("it stays JSON");
        let fields = line.as_object_mut().expect("a line is an object");
        fields.remove("timings").expect("a line says what it took");
        (line["path"].as_str().expect("a line has a path").to_owned(), line)
    };
    place.manifest(&format!("{folder}/manifest.jsonl")).into_iter().map(line).collect()
}

/// The lines of a plan behind its header.
fn tasks(place: &Place, plan: &str) -> (Value, Vec<Value>) {
    let text = std::fs::read_to_string(place.path(plan)).expect("there is a plan");
    let mut lines = text.lines().map(|line| serde_json::from_str(line).expect("a plan's lines are JSON"));
    let header = lines.next().expect("a plan has a header");
    (header, lines.collect())
}

/// Writes some lines of a plan as one that renders below another folder.
fn write_plan(place: &Place, name: &str, mut header: Value, tasks: &[&Value], folder: &str) {
    header["tasks"] = tasks.len().into();
    header["package"] = Value::Null;
    let lines = [&header].into_iter().chain(tasks.iter().copied());
    let text: String = lines.map(|line| format!("{line}\n")).collect();
    let from = place.path("out/egdb").display().to_string();
    place.write(name, text.replace(&from, &place.path(folder).display().to_string()));
}

#[test]
fn the_example_gives_aligned_files_of_one_loudness_and_the_same_again_in_any_order() {
    if !plugins_are_there() {
        return;
    }
    let place = Place::new();
    example(&place);
    place.run(&["render", "egdb.yaml", "--workers", "2"]).expect(0).says(&["Data set: "]);
    let first = lines(&place, "out/egdb");
    let takes: Vec<&Value> = first.values().filter(|line| line["tone"].is_null()).collect();
    assert_eq!(first.len(), takes.len() * (1 + 6 * 4), "each take is there dry, and four times through six tones");
    let frames: BTreeMap<&str, u64> =
        takes.iter().map(|line| (line["take"].as_str().unwrap(), line["file"]["frames"].as_u64().unwrap())).collect();
    let mut measured = 0;
    for (path, line) in first.iter().filter(|(_, line)| !line["tone"].is_null()) {
        let file = &line["file"];
        assert_eq!(file["frames"], frames[line["take"].as_str().unwrap()], "{path} is as long as its take");
        let loudness = file["loudness_lufs"].as_f64().unwrap();
        assert!((loudness + 24.0).abs() <= 0.1, "{path} has {loudness} LUFS");
        assert!(file["true_peak_dbtp"].as_f64().unwrap() <= -0.9, "{path} stays under its ceiling");
        // A gain alone gives nothing new, which the gate sees.
        let flags: Vec<&str> = file["flags"].as_array().map_or_else(Vec::new, |flags| {
            flags.iter().map(|flag| flag["flag"].as_str().expect("a flag has a kind")).collect()
        });
        let plain = line["tone"] == "Plain";
        assert_eq!(flags == ["like_dry"], plain, "{path}: {flags:?}");
        assert_eq!(file["quarantined"] == true, plain, "{path}");
        // Where a filter's response is flat round its peak, the frame of the best fit depends on what is played.
        let most = if plain { 0 } else { 2 };
        if ["Plain", "Cabinet"].contains(&line["tone"].as_str().unwrap()) {
            let Value::Object(offset) = &file["offset"] else { panic!("the offset of {path} is measured") };
            assert!(offset["confidence"].as_f64().unwrap() > 0.5, "{path}: {offset:?}");
            assert!(offset["frames"].as_i64().unwrap().abs() <= most, "{path} begins with its take: {offset:?}");
            measured += 1;
        }
    }
    assert_eq!(measured, takes.len() * 2 * 4);

    // Another number of workers, and the tasks in another order.
    place.run(&["plan", "egdb.yaml", "-o", "plan.jsonl"]).expect(0);
    let (header, all) = tasks(&place, "plan.jsonl");
    let mut shuffled: Vec<&Value> = all.iter().collect();
    shuffled.sort_by_key(|task| blake3::hash(task["key"].as_str().unwrap().as_bytes()).to_hex().to_string());
    assert_ne!(shuffled, all.iter().collect::<Vec<_>>());
    write_plan(&place, "shuffled.jsonl", header.clone(), &shuffled, "again");
    place.run(&["render", "shuffled.jsonl", "--workers", "1"]).expect(0);
    let again = lines(&place, "again");
    assert!(again.keys().eq(first.keys()));
    for (path, line) in &again {
        let fields = line.as_object().unwrap();
        let differ: Vec<_> = fields.iter().filter(|(name, value)| first[path][*name] != **value).collect();
        assert!(differ.is_empty() && fields.len() == first[path].as_object().unwrap().len(), "{path}: {differ:?}");
    }
    let sounds = |folder: &str| -> BTreeMap<_, _> {
        let files = place.sound_files(folder).into_iter();
        files.map(|(path, bytes)| (path, blake3::hash(&bytes).to_hex().to_string())).collect()
    };
    assert_eq!(sounds("again"), sounds("out/egdb"));

    // Any line of the plan gives by itself what it gave among all.
    let alone: Vec<&Value> = shuffled.iter().copied().take(3).collect();
    for (number, task) in alone.into_iter().enumerate() {
        let folder = format!("alone-{number}");
        write_plan(&place, "alone.jsonl", header.clone(), &[task], &folder);
        place.run(&["render", "alone.jsonl"]).expect(0);
        let made = lines(&place, &folder);
        assert_eq!(made.len(), 1);
        assert!(made.iter().all(|(path, line)| first[path] == *line), "{:?}", made.keys());
    }
}
