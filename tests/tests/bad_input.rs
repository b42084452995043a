//! Bad input gets one clear error naming place and remedy, all of it in one go, and nothing is rendered.

use tonemill_tests::{Place, Ran, fixtures, midi, sine};

fn render(place: &Place, inputs: &str, tones: &str, output: &str) -> Ran {
    let tones = tones.replace("FIXTURE", &fixtures().display().to_string());
    place.write("job.yaml", format!("tonemill: 1\ninputs: {inputs}\ntones: {tones}\noutput: {output}\n"));
    let ran = place.run(&["render", "job.yaml"]);
    assert!(!place.path("out").exists(), "nothing is rendered:\n{}", ran.err);
    ran.expect(2)
}

const GAIN: &str = "[{ name: t, chain: [{ gain: 0 dB }] }]";
const OUT: &str = "{ path: \"out/{tone}/{id}.wav\" }";

#[test]
fn recordings_that_cannot_be_read_are_named_together() {
    let place = Place::new();
    let good = place.wav("di/good.wav", 48_000, &[sine(48_000, 440.0, 0.5, 4800)]);
    let bytes = std::fs::read(good).unwrap();
    place.write("di/empty.wav", "");
    place.write("di/truncated.wav", &bytes[..bytes.len() / 2]);
    place.write("di/text.wav", "these are words\n");
    render(&place, "{ di: { files: \"di/{id}.wav\" } }", GAIN, OUT).says(&[
        "empty.wav",
        "truncated.wav",
        "text.wav",
        "job.yaml:2:",
    ]);
}

#[test]
fn inputs_that_match_nothing_are_an_error() {
    render(&Place::new(), "{ di: { files: \"di/{id}.wav\" } }", GAIN, OUT).says(&["di/", "job.yaml:2:"]);
}

#[test]
fn mistakes_in_parameters_are_reported_in_one_go_with_suggestions() {
    let place = Place::new();
    place.wav("di/take.wav", 48_000, &vec![sine(48_000, 440.0, 0.5, 4800); 2]);
    let tones = "\n  - name: t\n    chain:\n      - { clap: FIXTURE, id: org.tonemill.fixture.gain, params: { Gian: 1 } }\n      \
                 - { builtin: compressor, treshold: -20 dB }\n      - { gain: 900 dB }\n      - { builtin: compresor }";
    render(&place, "{ di: { files: \"di/{id}.wav\" } }", tones, OUT).says(&[
        "job.yaml:6:",
        "Gain",
        "job.yaml:7:",
        "Threshold",
        "job.yaml:8:",
        "-120",
        "24",
        "job.yaml:9:",
        "compressor",
    ]);
}

#[test]
fn parameters_of_one_name_are_told_apart_by_id() {
    let place = Place::new();
    place.wav("di/take.wav", 48_000, &vec![sine(48_000, 440.0, 0.5, 4800); 2]);
    let shown =
        place.run(&["plugins", "show", "--json", &format!("clap:{}#org.tonemill.fixture.gain", fixtures().display())]);
    let shown: serde_json::Value = serde_json::from_str(&shown.expect(0).out).unwrap();
    let parameters = shown["parameters"].as_array().unwrap();
    let name = |p: &serde_json::Value| p["parameter"]["name"].as_str().unwrap().to_owned();
    let twins: Vec<_> =
        parameters.iter().filter(|p| parameters.iter().filter(|q| name(q) == name(p)).count() == 2).collect();
    assert_eq!(twins.len(), 2, "the fixture has two parameters of one name");
    let tone = |key: &str| {
        format!(
            "[{{ name: t, chain: [{{ clap: FIXTURE, id: org.tonemill.fixture.gain, params: {{ \"{key}\": {} }} }}] }}]",
            twins[0]["value"]
        )
    };
    let id = twins[0]["parameter"]["id"].to_string();
    render(&place, "{ di: { files: \"di/{id}.wav\" } }", &tone(&name(twins[0])), OUT).says(&[&id]);
    let text = tone(&format!("#{id}")).replace("FIXTURE", &fixtures().display().to_string());
    place.write(
        "job.yaml",
        format!("tonemill: 1\ninputs: {{ di: {{ files: \"di/{{id}}.wav\" }} }}\ntones: {text}\noutput: {OUT}\n"),
    );
    place.run(&["render", "job.yaml"]).expect(0);
}

#[test]
fn plugins_that_are_not_there_or_not_plugins_are_named() {
    let place = Place::new();
    place.wav("di/take.wav", 48_000, &vec![sine(48_000, 440.0, 0.5, 4800); 2]);
    place.write("broken.clap", "no plugin at all");
    // An ELF header for aarch64 and nothing behind it.
    let mut elf = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 183, 0, 1, 0, 0, 0];
    elf.resize(64, 0);
    place.write("foreign.clap", elf);
    let tones = "[{ name: a, chain: [{ clap: missing.clap }] }, { name: b, chain: [{ clap: ./broken.clap }] }, \
                 { name: c, chain: [{ clap: ./foreign.clap }] }, { name: d, chain: [{ clap: FIXTURE, id: org.tonemill.fixture.gian }] }]";
    render(&place, "{ di: { files: \"di/{id}.wav\" } }", tones, OUT).says(&[
        "missing.clap",
        "broken.clap",
        "aarch64",
        "x86_64",
        "org.tonemill.fixture.gain",
    ]);
}

#[test]
fn vst3_plugins_that_are_not_there_are_named_with_what_was_searched_for() {
    let place = Place::new();
    place.wav("di/take.wav", 48_000, &vec![sine(48_000, 440.0, 0.5, 4800); 2]);
    place.write("plugins/Tube.vst3/Contents/x86_64-linux/Tube.so", "no plugin at all");
    let tones = "\n  - { name: a, chain: [{ vst3: Tub }] }\n  - { name: b, chain: [{ vst3: ./plugins/Tuba.vst3 }] }\n  \
                 - { name: c, chain: [{ vst3: 0123456789abcdef0123456789ABCDEF }] }\n  \
                 - { name: d, chain: [{ clap: plugins/Tube.vst3 }] }\n  - { name: e, chain: [{ vst3: Tube, mode: live }] }";
    render(&place, "{ di: { files: \"di/{id}.wav\" } }", tones, OUT).says(&[
        // Others may be installed whose names come close too.
        "job.yaml:4:32: no VST3 plugin is called \"Tub\". Did you mean \"Tube\"",
        "VST3_PATH adds folders",
        "job.yaml:5:32: there is no VST3 plugin ./plugins/Tuba.vst3. Did you mean \"Tube.vst3\"?",
        "job.yaml:6:32: no VST3 plugin has the name or id \"0123456789abcdef0123456789ABCDEF\"",
        "job.yaml:7:32: plugins/Tube.vst3 is a VST3 plugin. Write vst3: in front of it",
        "job.yaml:8:44: mode = \"live\" is not known. Write offline or realtime.",
    ]);
}

#[test]
fn plugins_of_each_format_are_listed_and_those_that_cannot_be_used_are_rows_too() {
    let place = Place::new();
    place.write("broken.clap", "no plugin at all");
    place.write("Broken.vst3/Contents/x86_64-linux/Broken.so", "no plugin at all");
    std::fs::copy(fixtures(), place.path("many.clap")).unwrap();
    let all = place.run(&["plugins", "list"]).expect(0);
    let row = |format: &str, file: &str| {
        let is_row = |line: &&str| line.starts_with(format) && line.contains(" broken ") && line.contains(file);
        all.out.lines().filter(is_row).count()
    };
    assert_eq!((row("clap", "broken.clap"), row("vst3", "Broken.vst3")), (1, 1), "{}", all.out);
    assert!(all.out.contains("org.tonemill.fixture.gain") && all.out.contains("soundfont"), "{}", all.out);
    let listed = |format: &str| -> Vec<serde_json::Value> {
        let ran = place.run(&["plugins", "list", "--json", "--format", format]).expect(0);
        serde_json::from_str(&ran.out).unwrap()
    };
    for format in ["builtin", "clap", "vst3"] {
        let rows = listed(format);
        assert!(!rows.is_empty());
        for row in &rows {
            let told = row["info"]["format"].as_str().or(row["broken"]["format"].as_str());
            assert_eq!(told, Some(format), "{row}");
        }
    }
    let vst3 = listed("vst3");
    let broken = vst3.iter().find(|row| row["path"].as_str().is_some_and(|p| p.ends_with("Broken.vst3"))).unwrap();
    assert!(broken["broken"]["reason"].as_str().is_some_and(|reason| reason.contains("Broken.vst3")), "{broken}");
}

#[test]
fn two_outputs_with_one_path_are_refused() {
    let place = Place::new();
    place.wav("di/a.wav", 48_000, &[sine(48_000, 440.0, 0.5, 4800)]);
    place.wav("di/b.wav", 48_000, &[sine(48_000, 440.0, 0.5, 4800)]);
    render(&place, "{ di: { files: \"di/{id}.wav\" } }", GAIN, "{ path: \"out/{tone}.wav\" }")
        .says(&["out/t.wav", "{input}"]);
}

#[test]
fn output_among_the_inputs_is_refused() {
    let place = Place::new();
    place.wav("di/a.wav", 48_000, &[sine(48_000, 440.0, 0.5, 4800)]);
    render(&place, "{ di: { files: \"di/{id}.wav\" } }", GAIN, "{ path: \"di/{id}-{tone}.wav\" }").says(&["di"]);
    assert_eq!(std::fs::read_dir(place.path("di")).unwrap().count(), 1);
}

#[test]
fn a_file_that_stands_already_is_not_touched() {
    let place = Place::new();
    place.wav("di/a.wav", 48_000, &[sine(48_000, 440.0, 0.5, 4800)]);
    place.write(
        "job.yaml",
        format!("tonemill: 1\ninputs: {{ di: {{ files: \"di/{{id}}.wav\" }} }}\ntones: {GAIN}\noutput: {OUT}\n"),
    );
    place.write("out/t/a.wav", "precious");
    place.run(&["render", "job.yaml"]).expect(2).says(&["a.wav", "overwrite", "increment"]);
    assert_eq!(std::fs::read(place.path("out/t/a.wav")).unwrap(), b"precious");
}

const NOTE: &[u8] = &[0, 0x90, 60, 100, 0x60, 0x80, 60, 0, 0, 0xff, 0x2f, 0];

fn session(place: &Place, song: &[u8]) -> Ran {
    place.write("song.mid", song);
    place.write(
        "job.yaml",
        "tonemill: 1\nsession:\n  tempo: from_midi\n  tracks:\n    piano: { midi: song.mid, instrument: { builtin: soundfont } }\n\
         output: { path: \"out/{name}.wav\", deliver: [mix] }\n",
    );
    place.run(&["render", "job.yaml"])
}

#[test]
fn midi_files_that_hold_no_music_are_named_with_what_is_wrong() {
    let tempo_zero = [&[0, 0xff, 0x51, 3, 0, 0, 0][..], NOTE].concat();
    let no_notes: &[u8] = &[0, 0xff, 0x2f, 0];
    for (what, song) in [
        ("empty", Vec::new()),
        ("text", b"these are words".to_vec()),
        ("no tracks", midi(1, 96, &[])),
        ("no notes", midi(0, 96, &[no_notes])),
        ("tempo zero", midi(0, 96, &[&tempo_zero])),
        ("truncated", midi(0, 96, &[NOTE])[..28].to_vec()),
    ] {
        let place = Place::new();
        let ran = session(&place, &song);
        assert_eq!(ran.status, Some(2), "{what}: {}", ran.err);
        assert!(ran.err.contains("song.mid") && ran.err.contains("job.yaml:5:"), "{what}: {}", ran.err);
        assert!(!place.path("out").exists(), "{what}");
    }
}

#[test]
fn unusual_but_sound_midi_files_play() {
    let running_status: &[u8] = &[0, 0x90, 60, 100, 0x30, 64, 100, 0x30, 60, 0, 0, 64, 0, 0, 0xff, 0x2f, 0];
    let forty: Vec<&[u8]> = vec![NOTE; 40];
    for (what, song) in [
        ("running status", midi(0, 96, &[running_status])),
        ("SMPTE division", midi(0, 0xe728, &[NOTE])),
        ("forty tracks", midi(1, 96, &forty)),
    ] {
        let place = Place::new();
        session(&place, &song).expect(0);
        assert!(place.manifest("out/manifest.jsonl")[0]["file"]["silent"] == false, "{what}");
    }
}

#[test]
fn a_full_disk_stops_the_run_and_says_so() {
    let place = Place::new();
    let Some(disk) = tonemill_tests::Disk::new(place.path("small"), "256k") else { return };
    place.wav("di/a.wav", 48_000, &[sine(48_000, 440.0, 0.5, 480_000)]);
    let output = "{ path: \"small/{id}.wav\" }";
    place.write(
        "job.yaml",
        format!("tonemill: 1\ninputs: {{ di: {{ files: \"di/{{id}}.wav\" }} }}\ntones: {GAIN}\noutput: {output}\n"),
    );
    let ran = place.run(&["render", "job.yaml"]);
    let left = tonemill_tests::files_below(disk.path());
    assert!(matches!(ran.status, Some(10 | 75)), "{:?}", ran.status);
    assert!(ran.err.contains("space") || ran.err.contains("room"), "{}", ran.err);
    assert!(!left.iter().any(|path| path.ends_with("a.wav")), "{left:?}");
}
