//! What plugins there are: found, kept, searched, and meant by name.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, SystemTime};

use serde_json::Value;
use tonemill_fixtures::vst3;
use tonemill_tests::{Place, Ran, alive_with, files_below, fixtures, sine, tonemill};

const GAIN: &str = "org.tonemill.fixture.gain";

/// Runs the command with `plugins/` for all its plugin folders, so that what this machine has installed in its home
/// stays out as far as can be.
fn run_in(place: &Place, folders: &str, arguments: &[&str]) -> Ran {
    let folders: Vec<PathBuf> = folders.split(' ').map(|name| place.path(name)).collect();
    let folders = std::env::join_paths(folders).unwrap();
    let mut command = place.command(arguments);
    command.env("CLAP_PATH", &folders).env("VST3_PATH", &folders).env("HOME", place.path("nobody"));
    command.output().unwrap().into()
}

fn run(place: &Place, arguments: &[&str]) -> Ran {
    run_in(place, "plugins", arguments)
}

/// A scan, and what it says in JSON.
fn scan(place: &Place, more: &[&str]) -> Value {
    let ran = run(place, &[&["plugins", "scan", "--json"], more].concat()).expect(0);
    serde_json::from_str(&ran.out).unwrap()
}

/// Every row of the list.
fn list(place: &Place, more: &[&str]) -> Vec<Value> {
    let ran = run(place, &[&["plugins", "list", "--json"], more].concat()).expect(0);
    serde_json::from_str(&ran.out).unwrap()
}

fn ids(rows: &[Value]) -> Vec<&str> {
    rows.iter().filter_map(|row| row["info"]["id"].as_str()).collect()
}

/// Puts the fixtures there as a CLAP file of this name.
fn clap(place: &Place, name: &str) -> PathBuf {
    let path = place.path(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::copy(fixtures(), &path).unwrap();
    path
}

/// Puts the fixtures there as a VST3 bundle; its name says what it has and does.
fn bundle(place: &Place, name: &str) -> PathBuf {
    fs::create_dir_all(place.path("plugins")).unwrap();
    vst3::bundle(&place.path("plugins"), name)
}

/// The entry of each file of the place, by its name below it.
fn entries(place: &Place) -> BTreeMap<String, Value> {
    let text = fs::read_to_string(place.cache().join("plugins.json")).unwrap();
    let catalogue: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(catalogue["tonemill"], 1);
    let root = place.path("");
    let name = |entry: &Value| Some(Path::new(entry["path"].as_str()?).strip_prefix(&root).ok()?.display().to_string());
    catalogue["entries"].as_array().unwrap().iter().filter_map(|e| Some((name(e)?, e.clone()))).collect()
}

fn listed_ms(place: &Place) -> BTreeMap<String, u64> {
    entries(place).into_iter().map(|(name, entry)| (name, entry["listed_ms"].as_u64().unwrap())).collect()
}

/// Moves a file's time, as `touch` does.
fn touch(path: &Path, seconds_ago: u64) {
    let time = SystemTime::now() - Duration::from_secs(seconds_ago);
    File::options().append(true).open(path).unwrap().set_modified(time).unwrap();
}

/// A worker program that works, or one in its place that does not. A file that is broken is tried again by another
/// worker, and this machine may have such files, so it is the same program by name.
fn worker(place: &Place, works: bool) -> String {
    let does = if works { format!("exec \"{}\" \"$@\"", tonemill().display()) } else { "exit 7".to_owned() };
    let path = place.write("a-worker", format!("#!/bin/sh\n{does}\n"));
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    path.display().to_string()
}

#[test]
fn every_file_is_a_row_or_an_entry_whatever_it_does_while_it_is_listed() {
    let place = Place::new();
    clap(&place, "plugins/many.clap");
    for name in ["gain", "crash-on-load", "hang-on-load", "null-factory"] {
        bundle(&place, name);
    }
    place.write("plugins/text.clap", "no plugin at all");
    let scanned = scan(&place, &["--scan-timeout", "3", "--workers", "3"]);
    let broken: BTreeMap<&str, (&str, &str)> = scanned["broken"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            let text = |key: &str| row["broken"][key].as_str().unwrap();
            let name = Path::new(row["path"].as_str().unwrap()).file_name().unwrap().to_str().unwrap();
            (name, (text("fault"), text("reason")))
        })
        .collect();
    let fault = |name: &str| broken.get(name).map(|(fault, _)| *fault);
    assert_eq!(fault("crash-on-load.vst3"), Some("crashed"), "{broken:?}");
    assert_eq!(fault("hang-on-load.vst3"), Some("hung"), "{broken:?}");
    assert_eq!(fault("null-factory.vst3"), Some("refused"), "{broken:?}");
    assert_eq!(fault("text.clap"), Some("refused"), "{broken:?}");
    assert!(broken["crash-on-load.vst3"].1.contains("crashed (SIGSEGV) while loading"), "{broken:?}");
    assert!(broken["hang-on-load.vst3"].1.ends_with("Give it longer, if it only is slow: --scan-timeout 12"));
    let entries = entries(&place);
    assert!(entries["plugins/many.clap"]["plugins"].as_array().unwrap().len() > 10);
    assert_eq!(entries["plugins/gain.vst3"]["plugins"][0]["id"], vst3::class_id("gain"));
    assert_eq!(entries["plugins/hang-on-load.vst3"]["broken"]["fault"], "hung");
    let own: Vec<&Value> = entries.values().collect();
    assert_eq!(own.len(), 6);
    // People see the same.
    let ran = run(&place, &["plugins", "scan", "--scan-timeout", "3"]).expect(0);
    let row = |file: &str| ran.out.lines().filter(|line| line.contains(" broken ") && line.contains(file)).count();
    for file in ["crash-on-load.vst3", "hang-on-load.vst3", "null-factory.vst3", "text.clap"] {
        assert_eq!(row(file), 1, "{file}:\n{}", ran.out);
    }
    assert!(ran.out.contains("broken files; 0 listed anew in"), "{}", ran.out);
    assert!(ran.out.contains("--again"), "{}", ran.out);
    let rows = list(&place, &["--scan-timeout", "3", "crash-on-load"]);
    assert_eq!(rows.iter().filter(|row| row["broken"]["fault"] == "crashed").count(), 1);
    assert!(list(&place, &["--scan-timeout", "3", "--effect"]).iter().all(|row| row.get("broken").is_none()));
}

#[test]
fn a_second_scan_starts_no_worker_and_changes_nothing() {
    let place = Place::new();
    clap(&place, "plugins/many.clap");
    bundle(&place, "gain");
    let first = scan(&place, &["--worker", &worker(&place, true)]);
    assert_eq!(first["listed"], first["files"]);
    let (before, catalogue) = (listed_ms(&place), fs::read(place.cache().join("plugins.json")).unwrap());
    let worker = worker(&place, false);
    let second = scan(&place, &["--worker", &worker]);
    assert_eq!(second["listed"], 0);
    assert_eq!((&second["files"], &second["plugins"]), (&first["files"], &first["plugins"]));
    assert_eq!(list(&place, &["--format", "vst3", "--worker", &worker, "fixture", "gain"]).len(), 1);
    // The built-in devices need none either.
    assert!(ids(&list(&place, &["--worker", &worker, "soundfont"])).contains(&"soundfont"));
    assert_eq!(listed_ms(&place), before);
    assert_eq!(fs::read(place.cache().join("plugins.json")).unwrap(), catalogue);
    // That worker is noticed where one is needed.
    run(&place, &["plugins", "scan", "--again", "--worker", &worker]).expect(2).says(&["no worker could be started"]);
    clap(&place, "plugins/new.clap");
    run(&place, &["plugins", "list", "--format", "clap", "--worker", &worker]).expect(2).says(&["status 7"]);
    assert_eq!(listed_ms(&place), before, "what was known is known still");
    let again = scan(&place, &["--again"]);
    assert_eq!(again["listed"], again["files"]);
    assert!(listed_ms(&place)["plugins/many.clap"] > before["plugins/many.clap"]);
}

#[test]
fn only_what_changed_is_listed_again() {
    let place = Place::new();
    let file = clap(&place, "plugins/many.clap");
    let gain = bundle(&place, "gain");
    let binary = files_below(&gain).remove(0);
    scan(&place, &["--worker", &worker(&place, true)]);
    let before = entries(&place);
    // Another time and the same content: the entry learns of the time, and nothing is listed.
    touch(&file, 100);
    touch(&binary, 100);
    assert_eq!(scan(&place, &["--worker", &worker(&place, false)])["listed"], 0);
    let touched = entries(&place);
    for name in ["plugins/many.clap", "plugins/gain.vst3"] {
        assert_ne!(touched[name]["mtime_ns"], before[name]["mtime_ns"]);
        assert_eq!(touched[name]["listed_ms"], before[name]["listed_ms"]);
        assert_eq!(touched[name]["blake3"], before[name]["blake3"]);
    }
    // Another content: that file is listed, and no other.
    let program = worker(&place, true);
    let scan = |place: &Place| scan(place, &["--worker", &program]);
    fs::write(&file, "no plugin any more").unwrap();
    let changed = scan(&place);
    assert_eq!(changed["listed"], 1);
    let broken = changed["broken"].as_array().unwrap();
    assert!(broken.iter().any(|row| row["path"] == file.to_str().unwrap()), "{broken:?}");
    let after = entries(&place);
    assert_eq!(after["plugins/gain.vst3"], touched["plugins/gain.vst3"]);
    assert!(after["plugins/many.clap"]["broken"]["reason"].as_str().unwrap().contains("not a plugin"));
    // Any file of a bundle counts.
    vst3::module_info(&gain);
    assert_eq!(scan(&place)["listed"], 1);
    // What is gone is forgotten, and what only is not searched is not.
    fs::remove_file(&file).unwrap();
    assert_eq!(scan(&place)["listed"], 0);
    assert_eq!(entries(&place).into_keys().collect::<Vec<_>>(), ["plugins/gain.vst3"]);
    run_in(&place, "elsewhere", &["plugins", "scan"]).expect(0);
    assert_eq!(entries(&place).into_keys().collect::<Vec<_>>(), ["plugins/gain.vst3"]);
    assert_eq!(scan(&place)["listed"], 0);
}

#[test]
fn a_file_that_hung_is_tried_again_with_more_time_only() {
    let place = Place::new();
    bundle(&place, "hang-on-load");
    let listed_with = |seconds: &str| {
        scan(&place, &["--format", "vst3", "--scan-timeout", seconds]);
        let entry = &entries(&place)["plugins/hang-on-load.vst3"];
        assert_eq!(entry["broken"]["fault"], "hung");
        entry["listed_ms"].as_u64().unwrap()
    };
    let first = listed_with("1");
    assert_eq!(listed_with("1"), first);
    assert_eq!(listed_with("0.5"), first);
    let more = listed_with("2");
    assert!(more > first);
    assert_eq!(listed_with("1"), more);
}

#[test]
fn a_refused_file_is_tried_again_once_there_is_another_library() {
    let place = Place::new();
    place.write("plugins/torn.clap", "no plugin at all");
    clap(&place, "plugins/many.clap");
    fs::create_dir(place.path("libraries")).unwrap();
    let scan = || {
        let mut command = place.command(&["plugins", "scan", "--format", "clap", "--json"]);
        command.env("CLAP_PATH", place.path("plugins")).env("LD_LIBRARY_PATH", place.path("libraries"));
        let ran = Ran::from(command.output().unwrap()).expect(0);
        (serde_json::from_str::<Value>(&ran.out).unwrap()["listed"].as_u64().unwrap(), listed_ms(&place))
    };
    let (_, first) = scan();
    assert_eq!(scan(), (0, first.clone()));
    place.write("libraries/libnew.so", "");
    let (listed, second) = scan();
    assert!(listed >= 1 && second["plugins/torn.clap"] > first["plugins/torn.clap"], "{first:?} {second:?}");
    assert_eq!(second["plugins/many.clap"], first["plugins/many.clap"], "what is good is not tried again");
    assert_eq!(scan(), (0, second));
}

/// Starts a scan whose second file hangs, and interrupts it there.
fn interrupted(place: &Place, seconds: &str, times: usize) -> Ran {
    for name in ["gain", "hang-on-load", "sine"] {
        bundle(place, name);
    }
    let mut command =
        place.command(&["plugins", "scan", "--format", "vst3", "--workers", "1", "--scan-timeout", seconds]);
    command.env("VST3_PATH", place.path("plugins")).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let mut err = String::new();
    for word in ["gain.vst3: 1 plugin", "stopping: ", "interrupted"].into_iter().take(times + 1) {
        while !err.contains(word) {
            err += &(lines.next().unwrap_or_else(|| panic!("it ended before it said {word:?}: {err}")) + "\n");
        }
        if word != "interrupted" && err.matches("stopping: ").count() < times {
            std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
        }
    }
    err.extend(lines.map(|line| line + "\n"));
    let output = child.wait_with_output().unwrap();
    Ran { err, ..output.into() }
}

#[test]
fn an_interrupted_scan_ends_the_file_that_it_is_at_and_keeps_what_it_found() {
    let place = Place::new();
    interrupted(&place, "2", 1).expect(75).says(&["interrupt again to end at once", "interrupted: 2 of "]);
    let entries = entries(&place);
    assert_eq!(entries.keys().collect::<Vec<_>>(), ["plugins/gain.vst3", "plugins/hang-on-load.vst3"]);
    let ran = run(&place, &["plugins", "scan", "--format", "vst3", "--scan-timeout", "2"]).expect(0);
    assert!(!ran.err.contains("gain.vst3") && ran.err.contains("sine.vst3: 1 plugin"), "{}", ran.err);
}

#[test]
fn a_scan_that_is_interrupted_twice_ends_at_once() {
    let place = Place::new();
    let ran = interrupted(&place, "600", 2).expect(75);
    assert!(ran.err.ends_with("interrupted\n"), "{}", ran.err);
    // Its worker ends with it, as soon as the system gets to that.
    let begun = std::time::Instant::now();
    loop {
        let left = alive_with(place.cache().to_str().unwrap());
        if left.is_empty() {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{left:?} goes on");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn words_and_kinds_choose_among_all_that_there_is() {
    let place = Place::new();
    clap(&place, "plugins/many.clap");
    bundle(&place, "gain");
    place.write("plugins/Torn Fixture.clap", "no plugin at all");
    let clap_format = ["--format", "clap"];
    let found = |words: &[&str]| list(&place, &[&clap_format[..], words].concat());
    let mine = found(&["TONEMILL", "sine"]);
    assert_eq!(ids(&mine), ["org.tonemill.fixture.sine"]);
    assert_eq!(ids(&found(&["fixture.sine"])), ["org.tonemill.fixture.sine"]);
    assert!(ids(&found(&["sine", "many.clap", "--effect"])).is_empty());
    assert_eq!(ids(&found(&["sine", "many.clap", "--instrument"])), ["org.tonemill.fixture.sine"]);
    assert!(ids(&found(&["many.clap", "gain"])).contains(&GAIN));
    let torn = found(&["torn"]);
    assert_eq!((torn.len(), torn[0]["broken"]["fault"].as_str()), (1, Some("refused")));
    assert!(found(&["no such words"]).is_empty());
    // Built-in devices are searched likewise.
    let builtin = list(&place, &["soundfont", "--instrument"]);
    assert!(ids(&builtin).contains(&"soundfont"), "{builtin:?}");
    let ran = run(&place, &["plugins", "list", "--format", "vst3", "fixture gain"]).expect(0);
    assert!(ran.out.ends_with("1 device\n") && ran.out.contains(&vst3::class_id("gain")), "{}", ran.out);
    run(&place, &["plugins", "list", "--effect", "--instrument"]).expect(2);
}

#[test]
fn what_several_files_hold_is_told() {
    let place = Place::new();
    let (one, two) = (clap(&place, "plugins/one.clap"), clap(&place, "plugins/two.clap"));
    bundle(&place, "gain");
    let rows = list(&place, &["--format", "clap", GAIN]);
    let (one, two) = (one.to_str().unwrap(), two.to_str().unwrap());
    assert_eq!(rows.len(), 2);
    for (row, other) in rows.iter().zip([two, one]) {
        assert_eq!(row["also_in"], serde_json::json!([other]));
    }
    let ran = run(&place, &["plugins", "list", "--format", "clap", GAIN]).expect(0);
    let told = format!("2 devices\nclap:{GAIN} is in several files: {one}, {two}\n");
    assert!(ran.out.ends_with(&told), "{}", ran.out);
    // The plugin of another format is another plugin.
    assert!(list(&place, &["--format", "vst3", "fixture gain"])[0].get("also_in").is_none());
}

/// The plugin and id that a plan holds for a device as written.
fn planned(place: &Place, folders: &str, device: &str) -> Result<(String, String), String> {
    place.wav("di/take.wav", 48_000, &vec![sine(48_000, 440.0, 0.5, 4800); 2]);
    let job = format!(
        "tonemill: 1\ninputs: {{ di: {{ files: \"di/{{id}}.wav\" }} }}\ntones: [{{ name: t, chain: [{{ {device} }}] }}]\n\
         output: {{ path: \"out/{{tone}}/{{id}}.wav\" }}\n"
    );
    place.write("job.yaml", job);
    let ran = run_in(place, folders, &["plan", "job.yaml"]);
    if ran.status != Some(0) {
        return Err(ran.expect(2).err);
    }
    let task: Value = serde_json::from_str(ran.out.lines().nth(1).unwrap()).unwrap();
    let device = &task["render"]["tone"]["chain"][0]["device"];
    let text = |key: &str| device[key].as_str().unwrap().to_owned();
    Ok((text("plugin"), text("id")))
}

#[test]
fn a_plugin_is_meant_by_its_id_or_its_name_alone() {
    let place = Place::new();
    let file = clap(&place, "plugins/many.clap").canonicalize().unwrap().display().to_string();
    let bundle = bundle(&place, "all").canonicalize().unwrap().display().to_string();
    let class = vst3::class_id("gain");
    for (device, meant) in [
        (format!("clap: {GAIN}"), (&file, GAIN)),
        ("clap: Fixture Gain".to_owned(), (&file, GAIN)),
        ("clap: fixture gain".to_owned(), (&file, GAIN)),
        ("vst3: \"Fixture Gain\"".to_owned(), (&bundle, &class)),
        (format!("vst3: {}", class.to_lowercase()), (&bundle, &class)),
        (format!("vst3: all, id: {class}"), (&bundle, &class)),
    ] {
        let planned = planned(&place, "plugins", &device);
        assert_eq!(planned, Ok((meant.0.clone(), meant.1.to_owned())), "{device}");
    }
    // The command line means the same.
    let apply = |device: &str, output: &str| {
        run(&place, &["apply", "di/take.wav", output, "--bits", "32f", "--device", device]).expect(0);
        fs::read(place.path(output)).unwrap()
    };
    let path = format!("clap:{file}#{GAIN}@Gain=-6");
    assert_eq!(apply("clap:Fixture Gain@Gain=-6", "name.wav"), apply(&path, "path.wav"));
    let shown = run(&place, &["plugins", "show", "vst3:fixture gain"]).expect(0).out;
    assert!(shown.contains(&class), "{shown}");
    // A preset keeps the name.
    run(&place, &["preset", "capture", "vst3:Fixture Gain", "-o", "tone.yaml"]).expect(0);
    let text = fs::read_to_string(place.path("tone.yaml")).unwrap();
    assert!(text.contains("vst3: Fixture Gain\n") && text.contains(&class), "{text}");
    run(&place, &["preset", "show", "tone.yaml"]).expect(0);
}

#[test]
fn the_first_folder_decides_and_several_of_a_name_in_it_are_an_error_with_all_of_them() {
    let place = Place::new();
    let path = |name: &str| clap(&place, name).canonicalize().unwrap().display().to_string();
    let (own, one, two) = (path("own/own.clap"), path("plugins/one.clap"), path("plugins/two.clap"));
    let found = planned(&place, "own plugins", "clap: Fixture Gain").unwrap();
    assert_eq!(found, (own, GAIN.to_owned()));
    for written in ["Fixture Gain", "FIXTURE gain", GAIN] {
        let error = planned(&place, "plugins own", &format!("clap: {written}")).unwrap_err();
        let told =
            format!("several CLAP plugins are called \"{written}\": clap:{one}#{GAIN}, clap:{two}#{GAIN}. Write one");
        assert!(error.contains(&told), "{error}");
        assert!(error.contains(&format!("clap: \"{one}\" and id: \"{GAIN}\"")), "{error}");
    }
    // What the error says to write is understood.
    let written = format!("clap: \"{two}\", id: \"{GAIN}\"");
    assert_eq!(planned(&place, "plugins own", &written), Ok((two.clone(), GAIN.to_owned())));
    run(&place, &["plugins", "show", &format!("clap:{two}#{GAIN}")]).expect(0);
    // A file of that name goes before all plugins.
    fs::rename(&two, place.path("plugins/Fixture Gain.clap")).unwrap();
    let error = planned(&place, "plugins own", "clap: Fixture Gain").unwrap_err();
    assert!(error.contains("the file holds") && error.contains("plugins; name one by its id"), "{error}");
}

#[test]
fn an_unknown_name_suggests_files_names_and_ids() {
    let place = Place::new();
    clap(&place, "plugins/Fixtures.clap");
    let error = planned(&place, "plugins", "clap: Fixture Sime").unwrap_err();
    assert!(error.contains("no CLAP plugin is called \"Fixture Sime\". Did you mean \"Fixture Sine\""), "{error}");
    let error = planned(&place, "plugins", "clap: Fixtuers").unwrap_err();
    assert!(error.contains("Did you mean \"Fixtures\"?"), "{error}");
    let error = planned(&place, "plugins", "clap: org.tonemill.fixture.sime").unwrap_err();
    assert!(error.contains("Did you mean \"org.tonemill.fixture.sine\""), "{error}");
    // It may be in a file that nobody can list.
    place.write("plugins/torn.clap", "no plugin at all");
    let error = planned(&place, "plugins", "clap: Fixtuers").unwrap_err();
    assert!(error.contains("cannot be listed: tonemill plugins list --format clap says why"), "{error}");
    let error = planned(&place, "plugins", "vst3: Fixture Gain").unwrap_err();
    assert!(error.contains("no VST3 plugin is called \"Fixture Gain\""), "{error}");
}

#[test]
fn a_catalogue_of_no_use_is_told_once_and_written_anew() {
    let place = Place::new();
    clap(&place, "plugins/many.clap");
    let catalogue = place.cache().join("plugins.json");
    for (content, words) in [("{ torn", "is damaged"), ("{\"tonemill\":99,\"entries\":[]}", "has version 99")] {
        fs::write(&catalogue, content).unwrap();
        let ran = run(&place, &["plugins", "list", "--format", "clap", "--json"]).expect(0).says(&[words]);
        assert_eq!(ran.err.matches("warning:").count(), 1, "{}", ran.err);
        assert!(ran.out.contains(GAIN));
        assert!(entries(&place).contains_key("plugins/many.clap"));
        assert_eq!(run(&place, &["plugins", "list", "--format", "clap"]).expect(0).err, "");
    }
}

#[test]
fn a_cache_folder_that_cannot_be_written_is_a_warning() {
    let place = Place::new();
    clap(&place, "plugins/many.clap");
    let file = place.write("in the way", "");
    let mut command = place.command(&["plugins", "show", "clap:Fixture Gain"]);
    command.env("CLAP_PATH", place.path("plugins")).env("TONEMILL_CACHE", file.join("deeper"));
    let ran = Ran::from(command.output().unwrap()).expect(0).says(&["warning: ", "cannot be", "TONEMILL_CACHE"]);
    assert!(ran.out.contains(GAIN), "{}", ran.out);
}

#[test]
fn commands_at_once_lose_nothing_of_what_each_found() {
    let place = Place::new();
    for n in 0..4 {
        clap(&place, &format!("f{n}/many{n}.clap"));
    }
    std::thread::scope(|scope| {
        for n in 0..4 {
            let place = &place;
            scope.spawn(move || run_in(place, &format!("f{n}"), &["plugins", "scan"]).expect(0));
        }
    });
    let names: Vec<String> = entries(&place).into_keys().collect();
    assert_eq!(names, ["f0/many0.clap", "f1/many1.clap", "f2/many2.clap", "f3/many3.clap"]);
    let left: Vec<PathBuf> = files_below(place.cache()).iter().map(|p| p.file_name().unwrap().into()).collect();
    assert_eq!(left, [Path::new("plugins.json"), Path::new("plugins.lock")]);
}
