//! LV2 plugins through the command, with those that misbehave on purpose.

use tonemill_fixtures::lv2;
use tonemill_tests::{Place, read_wav};

#[test]
fn a_plugin_is_found_by_its_uri_by_its_bundle_and_in_a_plan_by_both() {
    let place = Place::new();
    let bundle = lv2::bundle(&place.path("plugins"), "fixtures").canonicalize().unwrap();
    let uri = lv2::uri("gain");
    place.wav("in.wav", 48_000, &[vec![0.5; 1000]]);
    for (number, device) in [
        format!("lv2:{uri}@gain=-6.0206 dB"),
        format!("lv2:plugins/fixtures.lv2#{uri}@gain=-6.0206"),
        "lv2:fixtures#Fixture gain@gain=-6.0206,mode=offline".to_owned(),
    ]
    .iter()
    .enumerate()
    {
        let output = format!("{number}.wav");
        place.run(&["apply", "in.wav", &output, "--bits", "32f", "--device", device]).expect(0);
        let sound = read_wav(&place.path(&output));
        assert!(sound[0].iter().all(|sample| (sample + 0.25).abs() < 1e-5), "{device}: {:?}", &sound[0][..4]);
    }
    let job = format!(
        "tonemill: 1\ninputs: in.wav\ntones: [{{ name: Gain, chain: [{{ lv2: '{uri}', params: {{ gain: Silent }} }}] }}]\noutput: {{ path: 'out/{{tone}}.wav' }}\n"
    );
    place.write("job.yaml", job);
    let plan = place.run(&["plan", "job.yaml"]).expect(0).out;
    let file = format!(r#""device":{{"format":"lv2","plugin":"{}","id":"{uri}"}}"#, bundle.display());
    assert!(plan.contains(&file), "{plan}");
    assert!(plan.contains(r##""parameter":"#2","value":-60.0"##), "{plan}");
    place.run(&["render", "job.yaml"]).expect(0);
    let device = &place.manifest("out/manifest.jsonl")[0];
    assert!(device.to_string().contains(r#""text":"Silent""#), "{device}");
    let list = place.run(&["plugins", "list", "--format", "lv2"]).expect(0).out;
    assert!(list.contains("Fixture echo") && list.contains(&lv2::uri("echo")), "{list}");
}

#[test]
fn an_instrument_that_computes_its_sound_in_the_background_sounds_from_the_first_frame() {
    let place = Place::new();
    lv2::bundle(&place.path("plugins"), "fixtures");
    place.write("notes.mid", tonemill_tests::midi(0, 480, &[b"\0\x90\x3c\x40\x83\x60\x80\x3c\0\0\xff\x2f\0"]));
    let instrument = format!("{{ lv2: '{}', params: {{ voice: 1 }} }}", lv2::uri("background"));
    place.write(
        "job.yaml",
        format!(
            "tonemill: 1\nsession: {{ tracks: {{ one: {{ midi: {{ file: notes.mid }}, instrument: {instrument} }} }} }}\noutput: {{ path: 'out/{{name}}.wav', bits: 32f, deliver: [tracks] }}\n"
        ),
    );
    place.run(&["render", "job.yaml"]).expect(0);
    let line = &place.manifest("out/manifest.jsonl")[0];
    let sound = read_wav(&place.path("out").join(line["path"].as_str().unwrap()));
    assert!(sound[0].len() > 10_000);
    // In the middle of the panorama each side is 3 dB lower.
    let is_computed = |sample: &f32| (sample - 0.75 * 0.5f32.sqrt()).abs() < 1e-6;
    assert!(sound[0].iter().all(is_computed), "it begins with {:?}", &sound[0][..4]);
}

#[test]
fn outputs_of_an_instrument_that_a_track_does_not_take_are_told() {
    let place = Place::new();
    lv2::bundle(&place.path("plugins"), "fixtures");
    place.write("notes.mid", tonemill_tests::midi(0, 480, &[b"\0\x90\x3c\x40\x83\x60\x80\x3c\0\0\xff\x2f\0"]));
    let track = |name: &str| {
        let instrument = format!("{{ lv2: '{}' }}", lv2::uri(name));
        format!("    {name}: {{ midi: {{ file: notes.mid }}, instrument: {instrument} }}\n")
    };
    let tracks = track("drums") + &track("background");
    let output = "output: { path: 'out/{name}.wav', bits: 32f, length: 1 s, deliver: [tracks] }\n";
    place.write("job.yaml", format!("tonemill: 1\nsession:\n  tracks:\n{tracks}{output}"));
    let ran = place.run(&["render", "job.yaml"]).expect(0);
    let told = "drums: Fixture drums: not all of its outputs are heard; not heard: ";
    assert!(ran.err.contains(told) && ran.err.contains("Snare"), "{}", ran.err);
    assert!(!ran.err.contains("background: Fixture background: not all"), "{}", ran.err);
}

#[test]
fn a_file_of_a_plugin_is_relative_to_its_preset_checked_and_in_the_manifest() {
    let place = Place::new();
    lv2::bundle(&place.path("plugins"), "fixtures");
    place.wav("in.wav", 48_000, &[vec![0.5; 1000]]);
    place.write("tones/sound.raw", [128]);
    let tone = |file: &str| {
        format!(
            "tonemill: 1\nname: File\nchain: [{{ lv2: '{}', files: {{ Sample File: {file} }} }}]\n",
            lv2::uri("file")
        )
    };
    place.write("tones/file.yaml", tone("sound.raw"));
    place.write(
        "job.yaml",
        "tonemill: 1\ninputs: in.wav\ntones: tones/file.yaml\noutput: { path: 'out/{tone}.wav', bits: 32f }\n",
    );
    place.run(&["render", "job.yaml"]).expect(0);
    let manifest = &place.manifest("out/manifest.jsonl")[0];
    assert!(
        read_wav(&place.path("out").join(manifest["path"].as_str().unwrap()))[0].iter().all(|sample| *sample == 0.5)
    );
    assert!(manifest.to_string().contains("tones/sound.raw"), "{manifest}");
    place.write("tones/file.yaml", tone("missing.raw"));
    place.run(&["render", "job.yaml"]).expect(2).says(&["tones/file.yaml:3:", "missing.raw"]);
    // A captured preset names the same file.
    let device = format!("lv2:{}@file.Sample File=tones/sound.raw", lv2::uri("file"));
    place.run(&["preset", "capture", &device, "-o", "captured.yaml"]).expect(0);
    place.run(&["apply", "in.wav", "captured.wav", "--bits", "32f", "--tone", "captured.yaml"]).expect(0);
    assert!(read_wav(&place.path("captured.wav"))[0].iter().all(|sample| *sample == 0.5));
}

#[test]
fn a_plugin_that_crashes_or_cannot_be_loaded_costs_no_more_than_its_task() {
    let place = Place::new();
    lv2::bundle(&place.path("plugins"), "fixtures");
    place.wav("in.wav", 48_000, &[vec![0.5; 1000]]);
    let tone = |name: &str| format!("{{ name: {name}, chain: [{{ lv2: '{}' }}] }}", lv2::uri(name));
    let job = |names: &[&str]| {
        let tones: Vec<String> = names.iter().map(|name| tone(name)).collect();
        format!("tonemill: 1\ninputs: in.wav\ntones: [{}]\noutput: {{ path: 'out/{{tone}}.wav' }}\n", tones.join(", "))
    };
    place.write("job.yaml", job(&["gain", "nan"]));
    place.run(&["render", "job.yaml"]).expect(10).says(&["nan", "not finite"]);
    assert!(place.path("out/gain.wav").exists() && !place.path("out/nan.wav").exists());
    for (name, reason) in [
        ("needs", "it requires what this host does not offer: urn:tonemill:nobody-offers-this"),
        ("refuses", "it refuses to be made for 48000 Hz"),
    ] {
        place.write("job.yaml", job(&[name]));
        place.run(&["render", "job.yaml"]).expect(2).says(&[reason]);
    }
    place.write("job.yaml", job(&["crash", "latency"]));
    place.run(&["render", "job.yaml"]).expect(10).says(&["crash"]);
    assert!(place.path("out/latency.wav").exists());
}

#[test]
fn a_text_is_set_among_the_parameters_and_told_in_plan_manifest_and_capture() {
    let place = Place::new();
    lv2::bundle(&place.path("plugins"), "fixtures");
    let uri = lv2::uri("texts");
    let shown = place.run(&["plugins", "show", &format!("lv2:{uri}@title=two words,Count=2")]).expect(0).out;
    let line = |name: &str| {
        shown.lines().find(|line| line.contains(name)).unwrap().split_whitespace().skip(1).collect::<Vec<_>>().join(" ")
    };
    assert_eq!((line("Title"), line("Page")), ("Title \"two words\"".into(), "Page \"unsaid\"".into()));
    assert_eq!(line("Count"), "Count 2 (2) -3 (-3) to 3 (3) stepped");
    let wrong = place.run(&["plugins", "show", &format!("lv2:{uri}@Titel=x")]).expect(2);
    wrong.says(&["has no parameter \"Titel\". Did you mean \"Title\""]);
    place.run(&["preset", "capture", &format!("lv2:{uri}@Title=12.50,Page=urn:a"), "-o", "one.yaml"]).expect(0);
    let preset = std::fs::read_to_string(place.path("one.yaml")).unwrap();
    assert!(preset.contains(": \"12.5\"  # Title") && preset.contains(": \"urn:a\"  # Page"), "{preset}");
    let json: serde_json::Value =
        serde_json::from_str(&place.run(&["preset", "show", "one.yaml", "--json"]).expect(0).out).unwrap();
    let title = &json["devices"][0]["texts"].as_array().unwrap()[1];
    assert_eq!((&title["name"], &title["value"]), (&"Title".into(), &"12.5".into()));
}

#[test]
fn a_file_that_a_state_refers_to_counts_like_one_that_the_preset_names() {
    let place = Place::new();
    lv2::bundle(&place.path("plugins"), "fixtures");
    place.wav("in.wav", 48_000, &[vec![0.5; 1000]]);
    place.write("sound.raw", [64]);
    let uri = lv2::uri("file");
    place.run(&["preset", "capture", &format!("lv2:{uri}@file.sample=sound.raw"), "-o", "captured.yaml"]).expect(0);
    // A preset of the plugin's own kind, with a state that names the file.
    let turtle = "@prefix lv2: <http://lv2plug.in/ns/lv2core#> . @prefix pset: <http://lv2plug.in/ns/ext/presets#> .
        @prefix state: <http://lv2plug.in/ns/ext/state#> . @prefix x: <urn:tonemill:fixture:> .
        <> a pset:Preset ; lv2:appliesTo x:file ; state:state [ x:sample <sound.raw> ] .";
    place.write("own.ttl", turtle);
    let job = |device: &str| {
        format!(
            "tonemill: 1\ninputs: in.wav\ntones: [{{ name: T, chain: [{{ lv2: '{uri}', {device} }}] }}]\noutput: {{ path: 'out/{{tone}}.wav', bits: 32f }}\n"
        )
    };
    for device in ["state: captured.state", "preset: own.ttl"] {
        place.write("sound.raw", [64]);
        place.write("job.yaml", job(device));
        place.run(&["render", "job.yaml"]).expect(0);
        let level = || read_wav(&place.path("out/T.wav"))[0][500];
        let line = place.manifest("out/manifest.jsonl")[0].to_string();
        assert!(line.contains("sound.raw"), "{device}: {line}");
        assert_eq!(level(), 0.25, "{device}");
        place.run(&["render", "job.yaml"]).expect(0).says(&["1 task done already"]);
        place.write("sound.raw", [128]);
        place.run(&["render", "job.yaml"]).expect(0).says(&["1 rendered"]);
        assert_eq!(level(), 0.5, "{device}");
        std::fs::remove_file(place.path("sound.raw")).unwrap();
        place
            .run(&["render", "job.yaml"])
            .says(&["the state of Fixture file refers to ", "sound.raw, and there is no such file"]);
        std::fs::remove_dir_all(place.path("out")).unwrap();
    }
    place.write("sound.raw", [32]);
    let shown = place.run(&["preset", "show", "own.ttl"]).expect(0).out;
    let file = place.path("sound.raw");
    assert!(
        shown.contains("own.ttl (LV2), 1 preset\nwithout a name\n  plugin   urn:tonemill:fixture:file\n  1 property"),
        "{shown}"
    );
    assert!(shown.contains(&format!("urn:tonemill:fixture:sample  Path  {}", file.display())), "{shown}");
    let shown = place.run(&["preset", "show", "captured.state"]).expect(0).out;
    assert!(shown.contains("Fixture file\n  plugin   urn:tonemill:fixture:file\n  3 properties"), "{shown}");
    assert!(shown.contains("  1 file\n    notes/note.txt                       20 bytes"), "{shown}");
    let json = place.run(&["preset", "show", "own.ttl", "--json"]).expect(0).out;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["presets"][0]["properties"][0]["type"], "Path");
    place.write("broken.ttl", "<x> a");
    place.run(&["preset", "show", "broken.ttl"]).expect(2).says(&["broken.ttl is broken"]);
    place.write("empty.ttl", "<x> a <y> .");
    place.run(&["preset", "show", "empty.ttl"]).expect(2).says(&["it holds no LV2 preset (pset:Preset)"]);
    let probed = format!("lv2:{uri}@preset=own.ttl");
    let ran = place.run(&["preset", "capture", &probed, "-o", "again.yaml"]);
    ran.expect(0);
    place.run(&["apply", "in.wav", "again.wav", "--bits", "32f", "--tone", "again.yaml"]).expect(0);
    assert!(read_wav(&place.path("again.wav"))[0].iter().all(|sample| *sample == 0.125));
}
