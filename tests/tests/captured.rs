//! Devices as files: captured, shown, applied again.

use serde_json::Value;
use tonemill_tests::{Place, Ran, files_below, fixture, fixtures, sine};

/// Names of all files in the place.
fn files(place: &Place) -> Vec<String> {
    let files = files_below(&place.path(""));
    files.iter().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect()
}

fn shown(place: &Place, file: &str) -> Value {
    serde_json::from_str(&place.run(&["preset", "show", "--json", file]).expect(0).out).unwrap()
}

/// Id, name and value of every parameter of the first device.
fn values(shown: &Value) -> Vec<(u64, String, f64)> {
    let parameters = shown["devices"][0]["parameters"].as_array().unwrap().iter();
    let one =
        |p: &Value| (p["id"].as_u64().unwrap(), p["name"].as_str().unwrap().to_owned(), p["value"].as_f64().unwrap());
    parameters.map(one).collect()
}

/// Fails the test unless a capture ended with this status and nothing of it stays.
#[track_caller]
fn leaves_nothing(place: &Place, ran: Ran, before: &[String]) -> Ran {
    assert_eq!(files(place), before, "{}", ran.err);
    ran.expect(2)
}

#[test]
fn a_captured_preset_sounds_like_the_device_it_was_captured_from() {
    let place = Place::new();
    place.wav("take.wav", 48_000, &vec![sine(48_000, 440.0, 0.5, 10_000); 2]);
    let spec = fixture("gain", "Gain=-4.3,Mode=Inverted,#105=2.5");
    place.run(&["preset", "capture", &spec, "-o", "tone.yaml"]).expect(0);
    assert_eq!(files(&place), ["take.wav", "tone.state", "tone.yaml"]);
    place.run(&["apply", "take.wav", "spec.wav", "--bits", "32f", "--device", &spec]).expect(0);
    place.run(&["apply", "take.wav", "plain.wav", "--bits", "32f", "--device", &fixture("gain", "")]).expect(0);
    let wav = |name: &str| std::fs::read(place.path(name)).unwrap();
    assert_ne!(wav("spec.wav"), wav("plain.wav"));
    place.run(&["apply", "take.wav", "preset.wav", "--bits", "32f", "--tone", "tone.yaml"]).expect(0);
    assert_eq!(wav("preset.wav"), wav("spec.wav"));
    // The state alone holds everything, the parameter that is for nobody's eyes included.
    let state = fixture("gain", "state=tone.state");
    place.run(&["apply", "take.wav", "state.wav", "--bits", "32f", "--device", &state]).expect(0);
    assert_eq!(wav("state.wav"), wav("spec.wav"));
    // So do the parameters alone.
    let text = std::fs::read_to_string(place.path("tone.yaml")).unwrap();
    place.write("bare.yaml", text.replace("state: tone.state", ""));
    place.run(&["apply", "take.wav", "bare.wav", "--bits", "32f", "--tone", "bare.yaml"]).expect(0);
    assert_eq!(wav("bare.wav"), wav("spec.wav"));
}

#[test]
fn what_is_captured_again_has_the_same_state() {
    let place = Place::new();
    place.run(&["preset", "capture", &fixture("gain", "Gain=-4.3,Secret=-7"), "-o", "a.yaml"]).expect(0);
    let again = fixture("gain", "state=a.state");
    place.run(&["preset", "capture", &again, "-o", "sub/b.yaml"]).expect(2).says(&["there is no folder sub"]);
    std::fs::create_dir_all(place.path("sub/states")).unwrap();
    place.run(&["preset", "capture", &again, "-o", "sub/b.yaml", "--state", "sub/states/b.bin"]).expect(0);
    let read = |name: &str| std::fs::read(place.path(name)).unwrap();
    assert_eq!(read("a.state"), read("sub/states/b.bin"));
    assert!(String::from_utf8(read("sub/b.yaml")).unwrap().contains("state: states/b.bin\n"));
    place.run(&["preset", "capture", &again, "-o", "sub/c.yaml", "--state", "c.state"]).expect(0);
    assert!(String::from_utf8(read("sub/c.yaml")).unwrap().contains("state: \"../c.state\"\n"));
    assert_eq!(values(&shown(&place, "a.yaml")), values(&shown(&place, "sub/b.yaml")));
    assert_eq!(values(&shown(&place, "a.yaml")), values(&shown(&place, "sub/c.yaml")));
}

#[test]
fn a_captured_preset_is_written_for_people() {
    let place = Place::new();
    let spec = fixture("gain", "Gain=-4.3,channels=dual_mono");
    let ran = place.run(&["preset", "capture", &spec, "-o", "tone.yaml", "--name", "Soft: \"1\""]).expect(0);
    assert_eq!(
        ran.err,
        "tone.yaml: Fixture Gain (org.tonemill.fixture.gain), 4 parameters, its state of 52 bytes in tone.state\n"
    );
    let file = fixtures().canonicalize().unwrap();
    let text = format!(
        "tonemill: 1\nname: \"Soft: \\\"1\\\"\"\nchain:\n  - clap: \"{}\"\n    id: org.tonemill.fixture.gain\n    channels: \
         dual_mono\n    state: tone.state\n    params:\n      Gain: -4.3  # -4.3 dB\n      Mode: 0  # Clean\n      \
         \"#104\": 0  # Trim: 0.0 dB\n      \"#105\": 0  # Trim: 0.0 dB\n",
        file.display()
    );
    assert_eq!(std::fs::read_to_string(place.path("tone.yaml")).unwrap(), text);
}

#[test]
fn a_plugin_that_was_named_without_a_path_stays_so() {
    let place = Place::new();
    std::fs::create_dir(place.path("plugins")).unwrap();
    std::os::unix::fs::symlink(fixtures(), place.path("plugins/Fix.clap")).unwrap();
    let capture = |spec: &str| {
        let mut command = place.command(&["preset", "capture", spec, "--force", "-o", "tone.yaml"]);
        let ran: Ran = command.env("CLAP_PATH", place.path("plugins")).output().unwrap().into();
        ran.expect(0);
        let text = std::fs::read_to_string(place.path("tone.yaml")).unwrap();
        text.lines().filter(|line| line.contains("clap:") || line.contains("id:")).collect::<Vec<_>>().join("\n")
    };
    let id = "    id: org.tonemill.fixture.gain";
    for (spec, name) in [
        ("clap:Fix#org.tonemill.fixture.gain", "Fix"),
        ("clap:Fix.clap#org.tonemill.fixture.gain", "Fix.clap"),
        ("clap:org.tonemill.fixture.gain", "org.tonemill.fixture.gain"),
    ] {
        assert_eq!(capture(spec), format!("  - clap: {name}\n{id}"));
    }
    let path = fixtures().canonicalize().unwrap();
    assert_eq!(
        capture("clap:plugins/Fix.clap#org.tonemill.fixture.gain"),
        format!("  - clap: \"{}\"\n{id}", path.display())
    );
}

#[test]
fn parameters_of_any_name_and_value_come_back() {
    let place = Place::new();
    place.run(&["preset", "capture", &fixture("names", ""), "-o", "names.yaml"]).expect(0);
    let fresh = values(&shown(&place, "names.yaml"));
    let text = std::fs::read_to_string(place.path("names.yaml")).unwrap();
    assert_eq!(text.lines().count(), 7 + 10, "one line a parameter:\n{text}");
    // Every parameter is set to another value, at first one by one.
    let others = ["0.15", "0.25", "0.35", "0.75", "0.1", "0.65", "1e299", "0.123456789012345678", "1", "0.5"];
    let settings: Vec<String> = fresh.iter().zip(others).map(|((id, ..), value)| format!("\\#{id}={value}")).collect();
    place.run(&["preset", "capture", &fixture("names", &settings.join(",")), "-o", "other.yaml"]).expect(0);
    let text = std::fs::read_to_string(place.path("other.yaml")).unwrap();
    place.write("bare.yaml", text.replace("state: other.state", ""));
    let other = shown(&place, "bare.yaml");
    for ((id, name, value), wanted) in values(&other).iter().zip(others) {
        assert_eq!(value.to_bits(), wanted.parse::<f64>().unwrap().to_bits(), "#{id}, {name:?} in\n{text}");
    }
    assert!(other["devices"][0]["parameters"].as_array().unwrap().iter().all(|p| p["set"] == true));
}

#[test]
fn a_device_without_a_state_is_captured_by_its_parameters() {
    let place = Place::new();
    let ran = place.run(&["preset", "capture", &fixture("stateless", "Gain=-3"), "-o", "tone.yaml"]).expect(0);
    ran.says(&["no state"]);
    assert_eq!(files(&place), ["tone.yaml"]);
    let shown = shown(&place, "tone.yaml");
    assert_eq!(values(&shown)[0].2, -3.0);
    // A preset of the plugin's own that was applied is in no state then, so it stays named.
    place.write("own/first.txt", "-9");
    std::fs::create_dir(place.path("tones")).unwrap();
    place.run(&["preset", "capture", &fixture("stateless", "preset=own/first.txt"), "-o", "tones/own.yaml"]).expect(0);
    let text = std::fs::read_to_string(place.path("tones/own.yaml")).unwrap();
    assert!(text.contains("preset: \"../own/first.txt\"\n") && text.contains("Gain: -9 "), "{text}");
    place.run(&["preset", "show", "tones/own.yaml"]).expect(0);
}

#[test]
fn what_the_state_does_not_hold_is_set_by_the_preset() {
    let place = Place::new();
    let ran = place.run(&["preset", "capture", &fixture("stateless", "Secret=-7,Gain=-3"), "-o", "tone.yaml"]);
    assert!(!ran.expect(0).err.contains("warning"));
    let secret = values(&shown(&place, "tone.yaml")).into_iter().find(|(_, name, _)| name == "Secret").unwrap();
    assert_eq!(secret.2, -7.0);
}

#[test]
fn parameters_that_set_others_are_left_to_the_state() {
    let place = Place::new();
    let ran = place.run(&["preset", "capture", &fixture("program", "Program=Two,Level=-5"), "-o", "tone.yaml"]);
    let ran = ran.expect(0).says(&["warning: not all parameters keep their values", "names the state alone"]);
    assert!(!ran.err.contains("comes back"), "{}", ran.err);
    assert!(!std::fs::read_to_string(place.path("tone.yaml")).unwrap().contains("params"));
    let of = |name: &str| values(&shown(&place, name)).into_iter().map(|(.., value)| value).collect::<Vec<_>>();
    assert_eq!(of("tone.yaml"), [-5.0, 1.0]);
    // Without a state there is no way, which is told.
    let ran = place.run(&["preset", "capture", &fixture("program-alone", "Program=Two,Level=-5"), "-o", "alone.yaml"]);
    let ran = ran.expect(0);
    let warnings: Vec<&str> = ran.err.lines().filter(|line| line.starts_with("warning: ")).collect();
    assert_eq!(warnings, ["warning: Level is -5, and comes back as 0 with the preset"]);
    assert_eq!(of("alone.yaml"), [0.0, 1.0]);
}

#[test]
fn a_value_that_the_plugin_itself_would_refuse_is_not_written() {
    let place = Place::new();
    let ran = place.run(&["preset", "capture", &fixture("beyond", ""), "-o", "beyond.yaml"]).expect(0);
    ran.says(&["warning: Beyond is 2, outside its own 0..1, so the preset does not set it\n", "0 parameters"]);
    assert!(!std::fs::read_to_string(place.path("beyond.yaml")).unwrap().contains("Beyond"));
}

#[test]
fn a_plugin_is_shown_with_what_is_wrong_with_its_settings() {
    let place = Place::new();
    let ran = place.run(&["plugins", "show", &fixture("gain", "Gian=3,Gain=-2")]).expect(2);
    assert!(ran.out.contains("-2 (-2.0 dB)"), "{}", ran.out);
    ran.says(&["no parameter \"Gian\""]);
}

#[test]
fn built_in_devices_are_captured_with_their_files() {
    let place = Place::new();
    place.wav("ir/room.wav", 48_000, &[sine(48_000, 440.0, 0.5, 480)]);
    place.run(&["preset", "capture", "builtin:cabinet@ir=ir/room.wav,Level=-3", "-o", "cab.yaml"]).expect(0);
    let text = std::fs::read_to_string(place.path("cab.yaml")).unwrap();
    assert!(text.contains("- builtin: cabinet\n    ir: ir/room.wav\n"), "{text}");
    assert_eq!(shown(&place, "cab.yaml")["devices"][0]["name"], "cabinet");
}

#[test]
fn files_that_stand_already_are_replaced_only_by_force() {
    for taken in ["tone.yaml", "tone.state"] {
        let place = Place::new();
        place.write(taken, "precious");
        let spec = fixture("gain", "Gain=-3");
        let ran = place.run(&["preset", "capture", &spec, "-o", "tone.yaml"]);
        leaves_nothing(&place, ran, &[taken.to_owned()]).says(&[taken, "stands already", "--force"]);
        assert_eq!(std::fs::read(place.path(taken)).unwrap(), b"precious");
        place.run(&["preset", "capture", &spec, "-o", "tone.yaml", "--force"]).expect(0);
        assert_eq!(files(&place), ["tone.state", "tone.yaml"]);
        assert_eq!(values(&shown(&place, "tone.yaml"))[0].2, -3.0);
    }
    let place = Place::new();
    std::fs::create_dir(place.path("tone.state")).unwrap();
    let ran = place.run(&["preset", "capture", &fixture("gain", ""), "-o", "tone.yaml", "--force"]);
    leaves_nothing(&place, ran, &[]).says(&["tone.state is a folder"]);
}

#[test]
fn a_capture_that_fails_says_why_and_leaves_what_stood() {
    let place = Place::new();
    place.write("tone.yaml", "old preset");
    place.write("tone.state", "old state");
    place.write("foreign.state", "latency12345678");
    let before = files(&place);
    for (id, settings, words) in [
        ("crash-on-save", "", &["Fixture Crash On Save", "SIGSEGV", "while saving its state"][..]),
        ("hang-on-save", "", &["Fixture Hang On Save", "did not advance", "while saving its state"]),
        ("error-on-save", "", &["Fixture Error On Save could not save it"]),
        ("crash-on-load", "", &["SIGSEGV", "while loading"]),
        ("gain", "state=foreign.state", &["Fixture Gain could not read its 15 bytes", "another plugin"]),
        ("gain", "state=missing.state", &["missing.state", "No such file"]),
        ("stateless", "state=tone.state", &["Fixture Stateless takes no state"]),
        ("gain", "Gian=3", &["no parameter \"Gian\"", "Did you mean \"Gain\"?"]),
        ("gain", "Gain=300", &["Gain = 300", "outside -60..24"]),
        ("gian", "", &["org.tonemill.fixture.gian", "org.tonemill.fixture.gain"]),
    ] {
        let spec = fixture(id, settings);
        let ran = place.run(&["preset", "capture", &spec, "-o", "tone.yaml", "--force", "--load-timeout", "2"]);
        leaves_nothing(&place, ran, &before).says(words);
        assert_eq!(std::fs::read(place.path("tone.yaml")).unwrap(), b"old preset", "{id}");
        assert_eq!(std::fs::read(place.path("tone.state")).unwrap(), b"old state", "{id}");
    }
}

#[test]
fn arguments_that_cannot_be_are_refused_before_a_plugin_is_loaded() {
    let place = Place::new();
    let crashing = fixture("crash-on-load", "");
    for (arguments, words) in [
        (&["-o", "tone.json"][..], "ending .yaml"),
        (&["-o", "tone.yaml", "--state", "./tone.yaml"], "cannot be both"),
        (&["-o", "tone.yaml", "--name", ""], "--name is empty"),
        (&["-o", "nowhere/tone.yaml"], "there is no folder nowhere"),
    ] {
        let ran = place.run(&[&["preset", "capture", crashing.as_str()], arguments].concat());
        leaves_nothing(&place, ran, &[]).says(&[words]);
    }
}

#[test]
fn a_tone_preset_is_shown_as_its_devices_are() {
    let place = Place::new();
    place.run(&["preset", "capture", &fixture("latency", "Frames=300"), "-o", "late.yaml"]).expect(0);
    let file = fixtures().display().to_string();
    place.write(
        "tones/two.yaml",
        format!(
            "tonemill: 1\nname: Two\nchain:\n  - {{ clap: \"{file}\", id: org.tonemill.fixture.latency, state: ../late.state }}\n  \
             - {{ gain: -6 dB }}\n"
        ),
    );
    let shown = shown(&place, "tones/two.yaml");
    assert_eq!((&shown["name"], shown["devices"].as_array().unwrap().len()), (&Value::from("Two"), 2));
    let (late, gain) = (&shown["devices"][0], &shown["devices"][1]);
    assert_eq!((&late["id"], &late["latency"]), (&"org.tonemill.fixture.latency".into(), &300.into()));
    let state = std::fs::read(place.path("late.state")).unwrap();
    assert_eq!(late["state"]["bytes"], state.len());
    assert_eq!(late["state"]["blake3"], blake3::hash(&state).to_hex().to_string());
    let frames = &late["parameters"][0];
    assert_eq!(
        [&frames["value"], &frames["text"], &frames["set"]],
        [&Value::from(300.0), &"300 frames".into(), &false.into()]
    );
    assert_eq!([&gain["parameters"][0]["value"], &gain["parameters"][0]["set"]], [&Value::from(-6.0), &true.into()]);
    let text = place.run(&["preset", "show", "tones/two.yaml"]).expect(0).out;
    for words in ["Two (tones/two.yaml), 2 devices", "300 (300 frames)", "latency  300 frames", "-6 (-6 dB)", "  set\n"]
    {
        assert!(text.contains(words), "{words} in\n{text}");
    }
    let blake3 = blake3::hash(&state).to_hex().to_string();
    assert!(text.contains(&format!("({} bytes, BLAKE3 {blake3})", state.len())), "{text}");
}

#[test]
fn what_is_wrong_with_a_presets_devices_is_shown_all_in_one_go() {
    let place = Place::new();
    place.write("foreign.state", "another plugin's");
    let file = fixtures().display().to_string();
    place.write(
        "bad.yaml",
        format!(
            "tonemill: 1\nchain:\n  - {{ clap: \"{file}\", id: org.tonemill.fixture.gain, state: foreign.state }}\n  \
             - {{ clap: missing.clap }}\n  - {{ builtin: gain, params: {{ Gian: 3 }} }}\n  \
             - {{ clap: \"{file}\", id: org.tonemill.fixture.crash-on-load }}\n  - {{ gain: 1 dB }}\n"
        ),
    );
    let ran = place.run(&["preset", "show", "bad.yaml"]).expect(2);
    let ran = ran.says(&[
        "bad.yaml:3:",
        "could not read its",
        "bad.yaml:4:",
        "missing.clap",
        "bad.yaml:5:",
        "Gian",
        "bad.yaml:6:",
        "SIGSEGV",
    ]);
    assert!(ran.out.contains("gain (builtin, effect)"), "the others are shown:\n{}", ran.out);
    place.write("broken.yaml", "tonemill: 1\nchain: [{ gain: 900 dB }, { clip: 1 }]\n");
    place.run(&["preset", "show", "broken.yaml"]).expect(2).says(&["broken.yaml:2:"]);
    place.run(&["preset", "show", "none.yaml"]).expect(2).says(&["none.yaml", "No such file"]);
}

/// A `.vstpreset` with these chunks, put together here and not by the code under test.
fn vstpreset(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let data: Vec<u8> = chunks.iter().flat_map(|(_, data)| data.to_vec()).collect();
    let mut bytes = [b"VST3", &1i32.to_le_bytes()[..], b"0123456789ABCDEF0123456789abcdef"].concat();
    bytes.extend((48 + data.len() as i64).to_le_bytes());
    bytes.extend(data);
    bytes.extend([&b"List"[..], &(chunks.len() as i32).to_le_bytes()].concat());
    let mut offset = 48i64;
    for (id, data) in chunks {
        bytes.extend([&id[..], &offset.to_le_bytes(), &(data.len() as i64).to_le_bytes()].concat());
        offset += data.len() as i64;
    }
    bytes
}

#[test]
fn a_vst3_preset_is_shown_without_its_plugin() {
    let place = Place::new();
    let info = b"<?xml version=\"1.0\"?><MetaInfo><Attribute id=\"PlugInName\" value=\"Hall &amp; Co\"/></MetaInfo>";
    let whole = vstpreset(&[(b"Comp", b"state"), (b"Cont", b""), (b"Info", info), (b"Own1", b"xyz")]);
    place.write("hall.vstpreset", &whole);
    let shown = shown(&place, "hall.vstpreset");
    assert_eq!(shown["class"], "0123456789ABCDEF0123456789ABCDEF");
    assert_eq!(shown["plugin_name"], "Hall & Co");
    let chunks = shown["chunks"].as_array().unwrap().iter();
    let chunks: Vec<(&str, u64)> = chunks.map(|c| (c["id"].as_str().unwrap(), c["bytes"].as_u64().unwrap())).collect();
    assert_eq!(chunks, [("Comp", 5), ("Cont", 0), ("Info", info.len() as u64), ("Own1", 3)]);
    let text = place.run(&["preset", "show", "hall.vstpreset"]).expect(0).out;
    for words in ["0123456789ABCDEF0123456789ABCDEF", "Hall & Co", "4 chunks", "component state"] {
        assert!(text.contains(words), "{words} in\n{text}");
    }
    place.write("cut.vstpreset", &whole[..whole.len() - 30]);
    place.run(&["preset", "show", "cut.vstpreset"]).expect(2).says(&[
        "cut.vstpreset: the file is truncated or damaged: its chunk list is said to have 4 entries, and there is room for 2",
    ]);
    place.write("text.vstpreset", "these are words\n");
    place.run(&["preset", "show", "text.vstpreset"]).expect(2).says(&["text.vstpreset", "no VST3 preset"]);
}

#[test]
fn a_raw_state_is_left_to_its_plugin() {
    let place = Place::new();
    place.run(&["preset", "capture", &fixture("gain", ""), "-o", "tone.yaml"]).expect(0);
    let ran = place.run(&["preset", "show", "tone.state"]).expect(2);
    ran.says(&["tone.state", "only that plugin can read it", "state: tone.state"]);
}
