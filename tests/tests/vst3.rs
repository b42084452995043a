//! VST3 plugins that mean well and such that do not, through the command.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;
use tonemill_fixtures::vst3::{bundle, class_id};
use tonemill_tests::{Place, Ran, alive_with, midi, read_wav, sine};

const RATE: u32 = 48_000;

/// A stereo take, and beside it the bundle of all fixtures.
fn place() -> (Place, Vec<Vec<f32>>) {
    let place = Place::new();
    let take = vec![sine(RATE, 440.0, 0.5, 9600), sine(RATE, 317.0, 0.4, 9600)];
    place.wav("di/take.wav", RATE, &take);
    bundle(&place.path(""), "Fixtures");
    (place, take)
}

/// A tone of one fixture, with whatever else is said of it.
fn tone(name: &str, fixture: &str, more: &str) -> String {
    format!("  - {{ name: {name}, chain: [{{ vst3: Fixtures, id: {}{more} }}] }}\n", class_id(fixture))
}

fn job(place: &Place, tones: &str) {
    let output = "{ path: \"out/{tone}/{id}.wav\", bits: 32f }";
    let inputs = "{ di: { files: \"di/{id}.wav\" } }";
    place.write("job.yaml", format!("tonemill: 1\ninputs: {inputs}\ntones:\n{tones}output: {output}\n"));
}

fn rendered(place: &Place, tone: &str) -> Vec<Vec<f32>> {
    read_wav(&place.path(&format!("out/{tone}/take.wav")))
}

#[track_caller]
fn close(got: &[Vec<f32>], wanted: &[Vec<f32>]) {
    assert_eq!(got.len(), wanted.len());
    let pairs = || got.iter().flatten().zip(wanted.iter().flatten());
    assert!(pairs().all(|(got, wanted)| (got - wanted).abs() < 1e-6));
}

fn scaled(take: &[Vec<f32>], decibels: f64) -> Vec<Vec<f32>> {
    let factor = 10f64.powf(decibels / 20.0) as f32;
    take.iter().map(|channel| channel.iter().map(|sample| sample * factor).collect()).collect()
}

/// The last report of each failed task, by the name of its tone.
fn reports(ran: &Ran) -> BTreeMap<String, String> {
    let lines = ran.err.lines().filter(|line| line.contains(" stopped: "));
    let named = lines.filter_map(|line| {
        let (_, label) = line.split_once('(')?;
        let (label, _) = label.split_once(") stopped")?;
        // "take, tone" or the other way round.
        let tone =
            label.split([',', ' ', '/']).map(|word| word.trim_matches('"')).find(|word| word.starts_with("bad-"))?;
        Some((tone.to_owned(), line.to_owned()))
    });
    named.collect()
}

#[test]
fn among_plugins_that_die_hang_and_fail_every_healthy_file_is_there_and_each_failure_is_explained() {
    let (place, take) = place();
    let at = ", params: { At: 0.1 s }";
    // What the report says of each besides its name.
    let bad: [(&str, &str, &[&str]); 9] = [
        (
            "crash-in-process",
            at,
            &["the device \"Fixture Crash In Process\" crashed (SIGSEGV) while processing at 0.1 s"],
        ),
        ("abort", at, &["the device \"Fixture Abort\" crashed (SIGABRT) while processing at 0.1 s"]),
        ("hang-in-process", at, &["\"Fixture Hang In Process\" did not advance for 2 s while processing at 0.1 s"]),
        ("nan", at, &["while processing \"Fixture NaN\" at 0.1 s", "not finite"]),
        ("process-fails", at, &["while processing \"Fixture Process Fails\" at 0.1 s", "reported an error"]),
        ("crash-in-initialize", "", &["Fixtures.vst3", "crashed (SIGSEGV) while loading"]),
        ("hang-in-initialize", "", &["Fixtures.vst3", "did not advance for 4 s while loading"]),
        ("endless-edit-state", "", &["Fixtures.vst3", "did not advance for 4 s while loading"]),
        ("state-crash", "", &["Fixtures.vst3", "crashed (SIGSEGV) while loading"]),
    ];
    let healthy = ["copy", "delay", "prints-on-stdout", "crash-in-terminate"];
    let mut tones =
        tone("soft", "gain", ", params: { Gain: -6 dB }") + &tone("double", "only64", ", params: { Gain: -6 }");
    for (index, (name, more, _)) in bad.iter().enumerate() {
        tones += &tone(&format!("bad-{name}"), name, more);
        tones += &healthy.get(index).map_or_else(String::new, |name| tone(name, name, ""));
    }
    job(&place, &tones);
    let marker = format!("TONEMILL_TEST_MARK=vst3-{}", std::process::id());
    let (variable, value) = marker.split_once('=').unwrap();
    let arguments = ["render", "job.yaml", "--workers", "2", "--stall-timeout", "2", "--load-timeout", "4"];
    let ran: Ran = place.command(&arguments).env(variable, value).output().unwrap().into();
    let ran = ran.expect(10);
    assert!(alive_with(&marker).is_empty(), "no process is left");

    for name in healthy {
        assert_eq!(rendered(&place, name), take, "{name}");
    }
    for name in ["soft", "double"] {
        close(&rendered(&place, name), &scaled(&take, -6.0));
    }
    assert_eq!(place.sound_files("out").len(), healthy.len() + 2, "of the others there is nothing");
    assert_eq!(place.manifest("out/manifest.jsonl").len(), healthy.len() + 2);
    let told = reports(&ran);
    assert_eq!(told.len(), bad.len(), "{told:#?}\n{}", ran.err);
    for (name, _, words) in bad {
        let report = &told[&format!("bad-{name}")];
        for word in words {
            assert!(report.contains(word), "{name}: {report} does not say {word:?}");
        }
    }
}

#[test]
fn what_the_plan_can_find_is_reported_in_one_go_before_anything_is_rendered() {
    let (place, _) = place();
    place.write("foreign.bin", "no state of anybody's");
    place.write("other.vstpreset", preset(&class_id("gain"), &picky_state(-6.0)));
    place.write("cut.vstpreset", &preset(&class_id("state-picky"), &picky_state(-6.0))[..60]);
    let tones = [
        tone("a", "state-picky", ", state: foreign.bin"),
        tone("b", "state-picky", ", preset: other.vstpreset"),
        tone("c", "state-picky", ", preset: cut.vstpreset"),
        tone("d", "realtime-only", ""),
        tone("e", "refuses-arrangements", ""),
        tone("f", "initialize-fails", ""),
        tone("g", "null-controller", ""),
        tone("h", "huge-bus-count", ""),
        tone("i", "huge-latency", ""),
        tone("j", "surround-only", ""),
        tone("k", "gain", ", params: { Gian: 1 }"),
        tone("l", "gain", ", params: { Gain: 9000 dB }"),
        tone("m", "output-parameter", ", params: { Meter: 1 }"),
    ];
    job(&place, &tones.concat());
    let ran = place.run(&["render", "job.yaml"]).expect(2);
    assert!(!place.path("out").exists());
    for line in 4..4 + tones.len() {
        assert!(ran.err.contains(&format!("job.yaml:{line}:")), "line {line} is not named:\n{}", ran.err);
    }
    ran.says(&[
        "Fixture State Picky could not read the 21 bytes of its state. Was it saved by another plugin?",
        &format!(
            "it was saved by {}, and this is \"Fixture State Picky\" ({})",
            class_id("gain"),
            class_id("state-picky")
        ),
        "cut.vstpreset",
        "If it renders in real time only, set mode: realtime",
        "it refuses every speaker arrangement",
        "the plugin failed to initialise",
        "that its library does not make",
        "it claims to have 2147483647 busses",
        "it claims a latency of 4294967295 frames, which is 89478 s",
        "takes 4 channels, and the signal",
        "has no parameter \"Gian\". Did you mean \"Gain\"?",
        "-60.0 dB",
    ]);
}

#[test]
fn a_plugin_that_changes_its_channels_costs_its_task_and_no_more() {
    let (place, take) = place();
    let stage = tone("bad-io", "io-change", ", params: { Channels: Mono }") + &tone("fine", "copy", "");
    job(&place, &stage);
    let ran = place.run(&["render", "job.yaml"]).expect(10);
    assert!(ran.err.contains("Fixture Io Change") && !ran.err.contains("please report it"), "{}", ran.err);
    assert!(reports(&ran)["bad-io"].contains("channels from 2 in and 2 out to 1 in and 1 out"), "{}", ran.err);
    assert_eq!(rendered(&place, "fine"), take);
}

#[test]
fn a_crash_that_does_not_come_again_is_cured_and_one_at_the_end_costs_nothing() {
    let (place, take) = place();
    job(&place, &(tone("flaky", "flaky-crash", "") + &tone("hangs", "hang-in-terminate", "")));
    // A plugin may write to the output folder alone.
    let marker = place.path("out/.tonemill/crashed-once");
    let arguments = ["render", "job.yaml", "--stall-timeout", "2", "--load-timeout", "4"];
    let ran: Ran = place.command(&arguments).env("TONEMILL_FIXTURE_ONCE", &marker).output().unwrap().into();
    ran.expect(0);
    assert!(marker.exists(), "it did crash once");
    assert_eq!((rendered(&place, "flaky"), rendered(&place, "hangs")), (take.clone(), take));
}

#[test]
fn a_folder_of_bundles_has_a_row_for_each_whatever_is_wrong_with_it() {
    let place = Place::new();
    let here = format!("{}-linux", std::env::consts::ARCH);
    for name in
        ["gain", "sine", "null-factory", "empty-factory", "no-audio", "entry-fails", "crash-on-load", "hang-on-load"]
    {
        bundle(&place.path("plugins"), name);
    }
    place.write("plugins/text.vst3/Contents/x86_64-linux/text.so", "no plugin at all");
    place.write("plugins/windows.vst3/Contents/x86_64-win/windows.vst3", "MZ");
    let list = |more: &[&str]| -> Ran {
        let arguments = [&["plugins", "list", "--format", "vst3", "--scan-timeout", "4"], more].concat();
        let mut command = place.command(&arguments);
        Ran::from(command.env("VST3_PATH", place.path("plugins")).output().unwrap()).expect(0)
    };
    let rows: Vec<Value> = serde_json::from_str(&list(&["--json"]).out).unwrap();
    let row = |name: &str| -> &Value {
        let file = format!("{name}.vst3");
        // Others may be installed beside.
        let own = |row: &&Value| {
            PathBuf::from(row["path"].as_str().unwrap()).starts_with(place.path("plugins").canonicalize().unwrap())
        };
        let found: Vec<&Value> =
            rows.iter().filter(own).filter(|row| row["path"].as_str().unwrap().ends_with(&file)).collect();
        assert_eq!(found.len(), 1, "{name}: {rows:#?}");
        found[0]
    };
    for (name, id) in [("gain", class_id("gain")), ("sine", class_id("sine"))] {
        assert_eq!(row(name)["info"]["id"], id.as_str());
    }
    for (name, words) in [
        ("null-factory", "GetPluginFactory gives null"),
        ("empty-factory", "lists no plugin"),
        ("no-audio", "lists no audio plugin, only"),
        ("entry-fails", "refused to start"),
        ("crash-on-load", "crashed (SIGSEGV) while loading"),
        ("hang-on-load", "did not advance for 4 s while loading"),
        ("text", "the file is not a plugin"),
        ("windows", here.as_str()),
    ] {
        let reason = row(name)["broken"]["reason"].as_str().unwrap_or_default();
        assert!(reason.contains(words), "{name}: {reason:?}");
    }
    let table = list(&[]).out;
    assert_eq!(table.lines().filter(|line| line.starts_with("vst3     broken ")).count(), 8, "{table}");
    assert!(table.contains(", 8 broken files"), "{table}");
}

#[test]
fn a_plugin_is_shown_by_name_by_path_and_by_its_class_alone() {
    let (place, _) = place();
    let (id, path) = (class_id("gain"), place.path("Fixtures.vst3").display().to_string());
    for spec in [
        "vst3:Fixtures#Fixture Gain".to_owned(),
        format!("vst3:Fixtures.vst3#{}", id.to_lowercase()),
        format!("vst3:{path}#{id}"),
        format!("vst3:{id}"),
    ] {
        let shown: Value =
            serde_json::from_str(&place.run(&["plugins", "show", "--json", &spec]).expect(0).out).unwrap();
        assert_eq!((&shown["info"]["id"], &shown["info"]["format"]), (&id.clone().into(), &"vst3".into()), "{spec}");
        let gain = &shown["parameters"][0];
        assert_eq!(gain["parameter"]["name"], "Gain");
        assert_eq!((&gain["minimum_text"], &gain["maximum_text"]), (&"-60.0 dB".into(), &"24.0 dB".into()));
    }
    place.run(&["plugins", "show", "vst3:Fixtures"]).expect(2).says(&["name one by its id", "Fixture Gain"]);
    place.run(&["plugins", "show", "vst3:Fixtures#Fixture Gane"]).expect(2).says(&["Fixture Gain"]);
    let table = place.run(&["plugins", "show", "vst3:Fixtures#Fixture Delay"]).expect(0).out;
    assert!(table.contains("latency  100 frames"), "{table}");
}

/// What `state-picky` writes for a gain: its mark, then the normalised value.
fn picky_state(decibels: f64) -> Vec<u8> {
    [b"PICKY001".as_slice(), &((decibels + 60.0) / 84.0).to_le_bytes()].concat()
}

/// A preset file with a component's state, written by the format's description.
fn preset(class: &str, component: &[u8]) -> Vec<u8> {
    let list = 48 + component.len() as i64;
    let mut bytes =
        [b"VST3".as_slice(), &1i32.to_le_bytes(), class.as_bytes(), &list.to_le_bytes(), component].concat();
    bytes.extend([b"List".as_slice(), &1i32.to_le_bytes(), b"Comp", &48i64.to_le_bytes()].concat());
    bytes.extend((component.len() as i64).to_le_bytes());
    bytes
}

#[test]
fn a_tone_preset_names_a_state_a_preset_file_values_or_a_state_and_then_values() {
    let (place, take) = place();
    place.write("tones/states/soft.bin", picky_state(-6.0));
    place.write("tones/states/softer.vstpreset", preset(&class_id("state-picky"), &picky_state(-12.0)));
    let file = |name: &str, more: &str| {
        let device = format!("{{ vst3: Fixtures, id: Fixture State Picky{more} }}");
        place.write(&format!("tones/{name}.yaml"), format!("tonemill: 1\nname: {name}\nchain:\n  - {device}\n"));
    };
    file("state", ", state: states/soft.bin");
    file("preset", ", preset: states/softer.vstpreset");
    file("both", ", state: states/soft.bin, preset: states/softer.vstpreset");
    file("then", ", state: states/soft.bin, params: { Gain: -3 dB }");
    file("values", ", params: { Gain: -9 }");
    job(&place, "  - tones/*.yaml\n");
    place.run(&["render", "job.yaml"]).expect(0);
    for (name, decibels) in [("state", -6.0), ("preset", -12.0), ("both", -12.0), ("then", -3.0), ("values", -9.0)] {
        close(&rendered(&place, name), &scaled(&take, decibels));
    }
    let spec = "vst3:Fixtures#Fixture State Picky@preset=tones/states/softer.vstpreset";
    place.run(&["apply", "di/take.wav", "out.wav", "--bits", "32f", "--device", spec]).expect(0);
    close(&read_wav(&place.path("out.wav")), &scaled(&take, -12.0));
}

#[test]
fn the_same_job_gives_the_same_bytes_whoever_renders_it() {
    let (place, _) = place();
    let names = ["gain", "delay", "finite-tail", "only64", "messages-in-process", "run-loop", "progress", "context"];
    job(&place, &names.map(|name| tone(name, name, "")).concat());
    for (folder, workers) in [("first", "1"), ("second", "2")] {
        place.run(&["render", "job.yaml", "--out", folder, "--workers", workers]).expect(0);
    }
    let first = place.sound_files("first/out");
    assert_eq!(first.len(), names.len());
    assert!(first == place.sound_files("second/out"));
}

#[test]
fn latency_is_removed_and_a_tail_is_kept() {
    let (place, take) = place();
    job(
        &place,
        &(tone("late", "latency-change", ", params: { Frames: 1000 frames }") + &tone("tail", "finite-tail", "")),
    );
    let text = std::fs::read_to_string(place.path("job.yaml")).unwrap();
    place.write("job.yaml", text.replace("bits: 32f", "bits: 32f, length: { tail: 3 s }"));
    place.run(&["render", "job.yaml"]).expect(0);
    let late = rendered(&place, "late");
    assert_eq!(late[0][..take[0].len()], take[0]);
    let tail = rendered(&place, "tail");
    assert!(tail[1].len() >= take[1].len() + 4800);
    for (frame, sample) in tail[1].iter().enumerate() {
        let at = |frame: usize| take[1].get(frame).copied().unwrap_or(0.0);
        let wanted = at(frame) + frame.checked_sub(4800).map_or(0.0, at) / 2.0;
        assert!((sample - wanted).abs() < 1e-6, "frame {frame}");
    }
    let manifest = place.manifest("out/manifest.jsonl");
    let removed: Vec<&Value> = manifest.iter().map(|line| &line["file"]["latency_removed"]).collect();
    assert!(removed.contains(&&1000.into()), "{removed:?}");
}

#[test]
fn a_plugin_that_refuses_to_be_offline_renders_in_real_time_mode() {
    let (place, take) = place();
    job(&place, &tone("live", "realtime-only", ", mode: realtime"));
    place.run(&["render", "job.yaml"]).expect(0);
    assert_eq!(rendered(&place, "live"), take);
    assert_eq!(place.manifest("out/manifest.jsonl")[0]["devices"][0]["mode"], "realtime");
}

#[test]
fn an_instrument_plays_a_midi_file_at_its_frames() {
    let (place, _) = place();
    // 96 ticks a beat at 120 beats a minute: a key from the first tick to the 96th, bent upwards at the 48th.
    let track = [0, 0x90, 69, 127, 48, 0xe0, 127, 127, 48, 0x80, 69, 0, 0, 0xff, 0x2f, 0];
    place.write("song.mid", midi(0, 96, &[&track]));
    let instrument = format!("{{ vst3: Fixtures, id: {} }}", class_id("sine"));
    place.write(
        "job.yaml",
        format!(
            "tonemill: 1\nsession:\n  tempo: from_midi\n  tracks:\n    sine: {{ midi: song.mid, instrument: {instrument} }}\n\
             output: {{ path: \"out/{{name}}.wav\", deliver: [mix], bits: 32f }}\n"
        ),
    );
    place.run(&["render", "job.yaml"]).expect(0);
    let files = place.sound_files("out");
    let sound = read_wav(&place.path("out").join(files.keys().next().unwrap()));
    assert_eq!((files.len(), sound.len()), (1, 2));
    let last = sound[0].iter().rposition(|sample| *sample != 0.0);
    assert_eq!((sound[0][0], last), (0.25, Some(23_999)), "it sounds from the first frame to the end of its beat");
    let crossings = |part: &[f32]| part.windows(2).filter(|pair| pair[0] < 0.0 && pair[1] >= 0.0).count();
    // A quarter second each: 440 Hz, then two semitones above.
    assert_eq!((crossings(&sound[0][..12_000]), crossings(&sound[0][12_000..24_000])), (110, 123));
}
