//! Devices measured by the command, and what their verdicts are used for.

use std::collections::BTreeMap;

use serde_json::Value;
use tonemill_tests::{Place, Ran, files_below, fixture, fixtures, sine};

/// Probes devices and gives their verdicts in the same order.
fn probe(place: &Place, specs: &[String], status: i32) -> Vec<Value> {
    let mut arguments = vec!["plugins", "probe", "--json"];
    arguments.extend(specs.iter().map(String::as_str));
    let ran = place.run(&arguments).expect(status);
    serde_json::from_str(&ran.out).unwrap()
}

/// Files of verdicts in the place's cache.
fn kept(place: &Place) -> Vec<std::path::PathBuf> {
    files_below(&place.cache().join("verdicts"))
}

#[test]
fn each_finding_is_told_of_the_plugin_that_shows_it_and_of_no_other() {
    let place = Place::new();
    let ids = [
        "gain",
        "each-instance",
        "each-process",
        "keeps-sound",
        "fading",
        "worn-by-saving",
        "block-size",
        "forgetful",
        "runaway",
        "threads",
        "stdout",
        "leak",
        "nan",
        "latency",
        "stateless",
        "sine",
        "note-octave",
    ];
    let specs: Vec<String> = ids.iter().map(|id| fixture(id, "")).collect();
    let verdicts = probe(&place, &specs, 0);
    let by_id: BTreeMap<&str, &Value> = ids.iter().copied().zip(&verdicts).collect();
    for (id, verdict) in &by_id {
        assert_eq!(verdict["device"]["id"], format!("org.tonemill.fixture.{id}"));
        assert_eq!(verdict["loads"], true, "{id}: {verdict:#}");
        assert_eq!(verdict["mishaps"], Value::Null, "{id}: {verdict:#}");
    }
    // Which claims hold, for all of them at once: what makes a device stand out must not show in the others.
    let those =
        |claim: &dyn Fn(&Value) -> bool| -> Vec<&str> { ids.iter().copied().filter(|id| claim(by_id[id])).collect() };
    assert_eq!(those(&|v| v["equal_in_process"] == false), ["each-instance"]);
    assert_eq!(those(&|v| v["equal_in_processes"] == false), ["each-process"]);
    // What is worn by saving is never saved itself.
    assert_eq!(those(&|v| v["reset_safe"] == false), ["each-instance", "each-process", "keeps-sound", "fading"]);
    assert_eq!(those(&|v| v["blocks"]["equal"] == false), ["block-size"]);
    assert_eq!(those(&|v| v["blocks"]["equal"] == Value::Null), ["each-process"]);
    assert_eq!(those(&|v| v["state"]["equal_sound"] == false), ["forgetful"]);
    assert_eq!(those(&|v| v["state"]["equal_bytes"] == false), [""; 0]);
    assert_eq!(those(&|v| v["state"]["bytes"] == Value::Null), ["stateless"]);
    assert_eq!(those(&|v| v["runaway"] == true), ["runaway"]);
    assert_eq!(those(&|v| v["prints_bytes"].as_u64().unwrap() > 0), ["stdout"]);
    assert_eq!(those(&|v| v["threads"].as_u64().unwrap() > 0), ["threads"]);
    assert_eq!(those(&|v| v["memory"]["leak_bytes"].as_u64().unwrap() > 1 << 20), ["leak"]);
    assert_eq!(those(&|v| v["fault"] != Value::Null), ["nan"]);
    assert_eq!(those(&|v| v["sounds"] == Value::Null), ["note-octave"]);
    assert_eq!(those(&|v| v["notes_given"].as_u64().unwrap() > 0), ["note-octave"]);
    assert_eq!(those(&|v| v["instrument"] == true), ["sine"]);
    assert_eq!(those(&|v| v["strict"] != by_id["gain"]["strict"]), [""; 0]);

    assert_eq!(by_id["threads"]["threads"], 2);
    assert_eq!(by_id["nan"]["fault"]["not_finite"]["at_seconds"], 0.0);
    let difference = by_id["block-size"]["blocks"]["difference_db"].as_f64().unwrap();
    // Between blocks of 64 and 1000 frames: 0.0936 of the sound, whose peak the shortest sets.
    assert!((-21.0..-19.0).contains(&difference), "{difference}");
    let latency = |id: &str| by_id[id]["latency"].clone();
    assert_eq!(latency("latency")["reported"], 256);
    assert!((latency("latency")["measured"]["frames"]["frames"].as_f64().unwrap() - 256.0).abs() < 0.05);
    assert_eq!((latency("latency")["right"].clone(), latency("gain")["right"].clone()), (true.into(), true.into()));
    assert_eq!(latency("sine")["measured"], "nothing_goes_in");
    let gain = &by_id["gain"]["parameters"];
    assert_eq!((&gain["count"], &gain["drawable"]), (&6.into(), &4.into()));
    assert_eq!(gain["withheld"][0]["why"], "hidden");
    let layouts = serde_json::json!([{ "inputs": 1, "outputs": 1 }, { "inputs": 2, "outputs": 2 }]);
    assert_eq!(by_id["gain"]["layouts"], layouts);
    assert_eq!(by_id["sine"]["layouts"], serde_json::json!([{ "inputs": 0, "outputs": 2 }]));
    let tail = by_id["sine"]["tail"]["seconds"].as_f64().unwrap();
    assert!((0.0..0.01).contains(&tail), "{tail}");
    assert_eq!(kept(&place).len(), ids.len());
}

#[test]
fn plugins_of_another_format_are_measured_alike() {
    let place = Place::new();
    let bundle = tonemill_fixtures::vst3::bundle(&place.path(""), "Plain");
    let ids = ["delay", "finite-tail", "infinite-tail"];
    let spec = |id: &&str| format!("vst3:{}#{}", bundle.display(), tonemill_fixtures::vst3::class_id(id));
    let verdicts = probe(&place, &ids.iter().map(spec).collect::<Vec<_>>(), 0);
    let latency = |at: usize| &verdicts[at]["latency"];
    assert_eq!((&latency(0)["reported"], &latency(0)["right"]), (&100.into(), &true.into()));
    assert!((latency(0)["measured"]["frames"]["frames"].as_f64().unwrap() - 100.0).abs() < 0.05);
    let tail = |at: usize| &verdicts[at]["tail"];
    assert_eq!(tail(1)["reported"]["seconds"], 0.1);
    let measured = tail(1)["seconds"].as_f64().unwrap();
    assert!((0.09..=0.1).contains(&measured), "{measured}");
    assert_eq!(tail(2)["reported"], "infinite");
    for verdict in &verdicts {
        assert_eq!((&verdict["equal_in_processes"], &verdict["reset_safe"]), (&true.into(), &true.into()));
    }
    // One that claims a day of latency is refused before anything can be measured.
    let huge = place.run(&["plugins", "probe", &spec(&"huge-latency")]).expect(10);
    assert!(huge.out.contains("it claims a latency of 4294967295 frames"), "{}", huge.out);
}

#[test]
fn a_wrong_latency_is_measured_and_told_before_a_render() {
    let place = Place::new();
    place.wav("take.wav", 48_000, &vec![sine(48_000, 440.0, 0.5, 4_800); 2]);
    let spec = fixture("latency", "Frames=100,Error=28");
    let verdict = probe(&place, std::slice::from_ref(&spec), 0).remove(0);
    assert_eq!((&verdict["latency"]["reported"], &verdict["latency"]["right"]), (&128.into(), &false.into()));
    let apply = |spec: &str| place.run(&["apply", "take.wav", "out.wav", "--device", spec]).expect(0);
    apply(&spec).says(&["warning: Fixture Latency reports a latency of 128 frames and comes 100.0 frames late"]);
    // With other settings it is another matter, of which nothing is known.
    assert!(!apply(&fixture("latency", "Frames=100,Error=27")).err.contains("reports a latency"));
}

#[test]
fn a_plugin_that_dies_is_a_row_with_what_it_died_of() {
    let place = Place::new();
    let ids = ["crash-on-load", "crash-on-process", "crash-on-save", "hang-on-process", "gain"];
    let mut arguments = vec!["plugins", "probe", "--stall-timeout", "1"];
    let specs: Vec<String> = ids.iter().map(|id| fixture(id, "")).collect();
    arguments.extend(specs.iter().map(String::as_str));
    let ran = place.run(&arguments).expect(10);
    let row = |name: &str| ran.out.lines().find(|line| line.contains(name)).unwrap_or_else(|| panic!("{}", ran.out));
    assert!(row("crash-on-load").contains("crashes"), "{}", ran.out);
    assert!(row("crash-on-process").contains("crashes"), "{}", ran.out);
    assert!(row("hang-on-process").contains("crashes"), "{}", ran.out);
    assert!(row("Crash On Save").contains("died while playing it again after a reset; died while carrying its state"));
    assert!(row("Fixture Gain").trim_end().ends_with("kB"), "{}", ran.out);
    assert!(ran.out.ends_with("5 devices, 4 of them broken or crashing\n"), "{}", ran.out);
    // The verdict is stored all the same.
    let shown: Vec<Value> = probe(&place, &specs[2..3], 10);
    assert_eq!(shown[0]["mishaps"][0]["phase"], "save");
    assert_eq!(shown[0]["equal_in_processes"], true);
}

#[test]
fn a_verdict_is_measured_once_until_the_plugin_changes() {
    let place = Place::new();
    let plugin = place.path("plugins/own.clap");
    std::fs::create_dir(place.path("plugins")).unwrap();
    std::fs::copy(fixtures(), &plugin).unwrap();
    let spec = format!("clap:{}#org.tonemill.fixture.gain", plugin.display());
    let stamp = |place: &Place| kept(place).iter().map(|p| p.metadata().unwrap().modified().unwrap()).max().unwrap();
    let first = probe(&place, std::slice::from_ref(&spec), 0);
    let before = stamp(&place);
    assert_eq!(probe(&place, std::slice::from_ref(&spec), 0), first);
    assert_eq!(stamp(&place), before, "nothing was measured again");
    place.run(&["plugins", "probe", "--again", &spec]).expect(0);
    assert!(stamp(&place) > before);
    let shown = |place: &Place| place.run(&["plugins", "show", &spec]).expect(0).out;
    assert!(shown(&place).contains("probed   deterministic: yes, reset-safe: yes, latency reported/measured: 0/0"));

    // A byte behind the end of a library changes nothing but the file.
    let mut bytes = std::fs::read(&plugin).unwrap();
    bytes.push(0);
    std::fs::remove_file(&plugin).unwrap();
    std::fs::write(&plugin, bytes).unwrap();
    assert!(!shown(&place).contains("probed"));
    probe(&place, std::slice::from_ref(&spec), 0);
    assert_eq!(kept(&place).len(), 2);
    assert!(shown(&place).contains("probed"));
}

#[test]
fn damaged_verdicts_are_left_out_with_one_warning() {
    let place = Place::new();
    let spec = fixture("passthrough", "");
    probe(&place, std::slice::from_ref(&spec), 0);
    let verdict = kept(&place).remove(0);
    std::fs::write(&verdict, "{\"tonemill\": 1").unwrap();
    place.run(&["plugins", "probe", &spec]).expect(0).says(&["warning: ", "cannot be read as a verdict"]);
    assert!(!place.run(&["plugins", "probe", &spec]).expect(0).err.contains("warning"));
    assert_eq!(kept(&place), [verdict]);
}

const JOB: &str = "tonemill: 1\ninputs: { di: { files: take.wav } }\ntones:\n  - { name: a, chain: [{ clap: PLUGIN, \
                   id: org.tonemill.fixture.ID }, { gain: -1 }] }\noutput: { path: \"out/{tone}.wav\" }\n";

fn render(place: &Place, id: &str, more: &[&str]) -> Ran {
    place.write("job.yaml", JOB.replace("PLUGIN", &fixtures().display().to_string()).replace("ID", id));
    place.run(&[&["render", "job.yaml"], more].concat())
}

#[test]
fn strict_renders_only_what_probing_has_shown_to_be_deterministic() {
    let place = Place::new();
    place.wav("take.wav", 48_000, &vec![sine(48_000, 440.0, 0.5, 4_800); 2]);
    let refused = render(&place, "gain", &["--strict"]).expect(2);
    refused.says(&["#org.tonemill.fixture.gain was never probed", "tonemill plugins probe '", "nothing was rendered"]);
    assert!(!place.path("out").exists());
    let spec = fixture("gain", "");
    place.run(&["apply", "take.wav", "x.wav", "--strict", "--device", &spec]).expect(2).says(&["never probed"]);
    assert!(!place.path("x.wav").exists());

    // Without a folder to look for verdicts in, there are none.
    let mut homeless = place.command(&["apply", "take.wav", "x.wav", "--strict", "--device", &spec]);
    homeless.env_remove("TONEMILL_CACHE").env_remove("XDG_CACHE_HOME").env_remove("HOME");
    Ran::from(homeless.output().unwrap()).expect(2).says(&["never probed"]);

    probe(&place, &[spec, fixture("each-process", ""), fixture("each-instance", "")], 0);
    render(&place, "gain", &["--strict"]).expect(0);
    let line = place.manifest("out/manifest.jsonl").remove(0);
    let verdict = &line["devices"][0]["verdict"];
    assert_eq!((&verdict["deterministic"], &verdict["reset_safe"]), (&true.into(), &true.into()));
    assert!(verdict["true_latency"].as_f64().unwrap().abs() < 0.05, "{verdict}");
    assert_eq!(line["devices"][1]["verdict"], Value::Null, "what is built in needs none");
    assert_ne!(line["strict"], Value::Null);

    for (id, name) in [("each-process", "Fixture Each Process"), ("each-instance", "Fixture Each Instance")] {
        let words = format!("{name} is not deterministic");
        render(&place, id, &["--strict"]).expect(2).says(&[&words, "nothing was rendered"]);
        render(&place, id, &[]).expect(0).says(&[&format!("warning: {words}")]);
    }
    let line = place.manifest("out/manifest.jsonl").remove(0);
    assert_eq!(line["devices"][0]["verdict"]["deterministic"], false);
}

#[test]
fn a_worker_is_made_like_every_other_unless_that_is_switched_off() {
    let place = Place::new();
    let level = |off: bool| {
        let mut command = place.command(&["plugins", "probe", "--json", "--again", "builtin:gain"]);
        if off {
            command.env("TONEMILL_STRICT", "off");
        }
        let ran: Ran = command.output().unwrap().into();
        serde_json::from_str::<Value>(&ran.expect(0).out).unwrap()[0]["strict"].clone()
    };
    assert_eq!(level(true), "off");
    // A container may forbid fixed addresses; fresh memory is ours to fill.
    let reached = level(false);
    let without_addresses = serde_json::json!({ "partial": { "missing": ["fixed_addresses"] } });
    assert!(reached == "full" || reached == without_addresses, "{reached}");
}

#[test]
fn one_device_is_told_in_full_and_built_in_ones_are_devices_too() {
    let place = Place::new();
    let told = place.run(&["plugins", "probe", "builtin:drive"]).expect(0).out;
    for words in ["drive (builtin)", "latency", "48 frames reported", "reset-safe             yes", "safe to draw"] {
        assert!(told.contains(words), "{words}: {told}");
    }
    place.run(&["plugins", "probe"]).expect(2).says(&["SPEC"]);
    place.run(&["plugins", "probe", "builtin:drive", "--all"]).expect(2);
    place.run(&["plugins", "probe", "clap:nowhere"]).expect(2).says(&["nowhere"]);
    let schema: Value = serde_json::from_str(&place.run(&["schema", "verdict"]).expect(0).out).unwrap();
    assert_eq!(schema["title"], "Verdict");
}
