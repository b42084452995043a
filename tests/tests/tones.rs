//! Recordings through chains: alignment, formats, what is rendered again and what is not.

use tonemill_tests::{Place, fixtures, read_wav, sine};

/// A job with one take and the tones given as YAML list items.
fn job(place: &Place, tones: &str, output: &str) {
    let tones = tones.replace("FIXTURE", &fixtures().display().to_string());
    let text =
        format!("tonemill: 1\ninputs:\n  di: {{ files: \"di/{{id}}.wav\" }}\ntones:\n{tones}\noutput: {output}\n");
    place.write("job.yaml", text);
}

const FLOAT: &str = "{ path: \"out/{tone}/{id}.wav\", bits: 32f }";

#[test]
fn a_pass_through_plugin_gives_back_every_sample() {
    let place = Place::new();
    let take = vec![sine(48_000, 440.0, 0.5, 48_000 + 255), sine(48_000, 317.0, 0.4, 48_000 + 255)];
    place.wav("di/take.wav", 48_000, &take);
    job(&place, "  - { name: through, chain: [{ clap: FIXTURE, id: org.tonemill.fixture.passthrough }] }", FLOAT);
    place.run(&["render", "job.yaml"]).expect(0);
    assert_eq!(read_wav(&place.path("out/through/take.wav")), take);
}

#[test]
fn reported_latency_is_removed_and_recorded() {
    let place = Place::new();
    let take = vec![sine(48_000, 440.0, 0.5, 20_000); 2];
    place.wav("di/take.wav", 48_000, &take);
    job(&place, "  - { name: late, chain: [{ clap: FIXTURE, id: org.tonemill.fixture.latency }] }", FLOAT);
    place.run(&["render", "job.yaml"]).expect(0);
    assert_eq!(read_wav(&place.path("out/late/take.wav")), take);
    let manifest = place.manifest("out/manifest.jsonl");
    let removed = manifest[0]["file"]["latency_removed"].as_u64().unwrap();
    assert!(removed > 0);
    assert_eq!(manifest[0]["devices"][0]["latency"], removed);
}

#[test]
fn the_same_job_again_renders_nothing_and_a_change_renders_what_depends_on_it() {
    let place = Place::new();
    place.wav("di/a.wav", 48_000, &[sine(48_000, 440.0, 0.5, 4800)]);
    place.wav("di/b.wav", 48_000, &[sine(48_000, 220.0, 0.5, 4800)]);
    let tones = "  - { name: soft, chain: [{ gain: -6 dB }] }\n  - { name: loud, chain: [{ gain: 3 dB }] }";
    job(&place, tones, FLOAT);
    let events = |place: &Place| -> usize {
        let ran = place.run(&["render", "job.yaml", "--json"]).expect(0);
        let events =
            ran.out.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("events are JSON"));
        events.filter(|event| event["event"] == "finished").count()
    };
    assert_eq!(events(&place), 4);
    let first = place.sound_files("out");
    assert_eq!(events(&place), 0);
    job(&place, &tones.replace("3 dB", "4 dB"), FLOAT);
    assert_eq!(events(&place), 2);
    place.wav("di/b.wav", 48_000, &[sine(48_000, 221.0, 0.5, 4800)]);
    assert_eq!(events(&place), 2);
    std::fs::remove_file(place.path("out/soft/a.wav")).unwrap();
    assert_eq!(events(&place), 1);
    let last = place.sound_files("out");
    assert_eq!(first.keys().collect::<Vec<_>>(), last.keys().collect::<Vec<_>>());
    let same = |name: &str| first[std::path::Path::new(name)] == last[std::path::Path::new(name)];
    assert!(same("soft/a.wav") && !same("loud/a.wav") && !same("soft/b.wav"));
}

#[test]
fn every_line_of_the_manifest_says_what_made_its_file() {
    let place = Place::new();
    place.wav("di/take.wav", 44_100, &[sine(44_100, 440.0, 0.5, 44_100)]);
    let gain = "{ clap: FIXTURE, id: org.tonemill.fixture.gain, params: { Gain: -6 dB }, channels: duplicate }";
    job(&place, &format!("  - {{ name: soft, chain: [{gain}] }}"), "{ path: \"out/{tone}/{id}.flac\", bits: 16 }");
    place.run(&["render", "job.yaml"]).expect(0);
    let manifest = place.manifest("out/manifest.jsonl");
    assert_eq!(manifest.len(), 1);
    let line = &manifest[0];
    assert_eq!(line["tonemill"], 1);
    assert_eq!(line["path"], "soft/take.flac");
    let hash = |path: std::path::PathBuf| blake3::hash(&std::fs::read(path).unwrap()).to_hex().to_string();
    assert_eq!(line["file"]["blake3"], hash(place.path("out/soft/take.flac")));
    let sources = line["sources"].as_array().unwrap();
    let source = |role: &str| sources.iter().find(|s| s["role"] == role).unwrap_or_else(|| panic!("no {role}: {line}"));
    assert_eq!(source("input")["blake3"], hash(place.path("di/take.wav")));
    assert_eq!(source("plugin")["blake3"], hash(fixtures()));
    let device = &line["devices"][0];
    assert_eq!(device["info"]["id"], "org.tonemill.fixture.gain");
    assert!((device["settings"][0]["value"].as_f64().unwrap() + 6.0).abs() < 1e-6);
    assert_eq!(device["settings"][0]["text"], "-6.0 dB");
    assert_eq!(line["file"]["frames"], 48_000);
    let warnings = line["warnings"].to_string();
    assert!(warnings.contains("resampled from 44100 Hz to 48000 Hz"), "{warnings}");
    let peak = line["file"]["peak_dbfs"].as_f64().unwrap();
    assert!((peak + 12.04).abs() < 0.1, "{peak}");
}

#[test]
fn plugins_that_print_do_not_disturb_the_conversation() {
    let place = Place::new();
    place.wav("di/take.wav", 48_000, &vec![sine(48_000, 440.0, 0.5, 4800); 2]);
    job(&place, "  - { name: noisy, chain: [{ clap: FIXTURE, id: org.tonemill.fixture.stdout }] }", FLOAT);
    let ran = place.run(&["render", "job.yaml", "--json"]).expect(0);
    for line in ran.out.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    }
}

#[test]
fn a_mono_take_in_a_stereo_plugin_needs_a_policy() {
    let place = Place::new();
    place.wav("di/take.wav", 48_000, &[sine(48_000, 440.0, 0.5, 4800)]);
    let tone = |policy: &str| {
        format!("  - {{ name: t, chain: [{{ clap: FIXTURE, id: org.tonemill.fixture.passthrough{policy} }}] }}")
    };
    job(&place, &tone(""), FLOAT);
    place.run(&["render", "job.yaml"]).expect(2).says(&["job.yaml:", "duplicate"]);
    assert!(!place.path("out").exists(), "nothing is rendered after bad input");
    job(&place, &tone(", channels: duplicate"), FLOAT);
    place.run(&["render", "job.yaml"]).expect(0);
    assert_eq!(read_wav(&place.path("out/t/take.wav")).len(), 2);
}

#[test]
fn a_stereo_take_in_a_mono_plugin_follows_the_policy() {
    let place = Place::new();
    let take = vec![sine(48_000, 440.0, 0.5, 4800), sine(48_000, 220.0, 0.5, 4800)];
    place.wav("di/take.wav", 48_000, &take);
    for (policy, expected) in [
        ("dual_mono", take.clone()),
        ("downmix", vec![take[0].iter().zip(&take[1]).map(|(l, r)| 0.5 * l + 0.5 * r).collect()]),
    ] {
        let tone = format!(
            "  - {{ name: {policy}, chain: [{{ clap: FIXTURE, id: org.tonemill.fixture.mono-gain, channels: {policy} }}] }}"
        );
        job(&place, &tone, FLOAT);
        place.run(&["render", "job.yaml"]).expect(0);
        let out = read_wav(&place.path(&format!("out/{policy}/take.wav")));
        assert_eq!(out.len(), expected.len(), "{policy}");
        for (got, wanted) in out.iter().flatten().zip(expected.iter().flatten()) {
            assert!((got - wanted).abs() < 1e-6, "{policy}");
        }
    }
}

#[test]
fn a_plugin_that_renders_wrongly_offline_can_be_run_as_in_real_time() {
    let place = Place::new();
    let take = vec![sine(48_000, 440.0, 0.5, 4800), sine(48_000, 220.0, 0.5, 4800)];
    place.wav("di/take.wav", 48_000, &take);
    let tone = |name: &str, mode: &str| {
        let device = "clap: FIXTURE, id: org.tonemill.fixture.realtime-only, channels: dual_mono";
        format!("\n  - {{ name: {name}, chain: [{{ {device}{mode} }}] }}")
    };
    job(&place, &(tone("offline", "") + &tone("realtime", ", mode: realtime")), FLOAT);
    place.run(&["render", "job.yaml"]).expect(0);
    assert!(read_wav(&place.path("out/offline/take.wav")).iter().flatten().all(|sample| *sample == 0.0));
    assert_eq!(read_wav(&place.path("out/realtime/take.wav")), take, "both instances of it are told");
    let modes: Vec<_> = place.manifest("out/manifest.jsonl").iter().map(|l| l["devices"][0]["mode"].clone()).collect();
    assert_eq!(modes, [serde_json::Value::Null, "realtime".into()]);
    let spec =
        format!("clap:{}#org.tonemill.fixture.realtime-only@mode=realtime", tonemill_tests::fixtures().display());
    place
        .run(&["apply", "di/take.wav", "out.wav", "--bits", "32f", "--channels", "dual_mono", "--device", &spec])
        .expect(0);
    assert_eq!(read_wav(&place.path("out.wav")), take);
}

#[test]
fn going_back_to_an_earlier_job_gives_its_sound_again() {
    let place = Place::new();
    place.wav("di/a.wav", 48_000, &[sine(48_000, 440.0, 0.5, 4800)]);
    let render = |level: &str| {
        job(&place, &format!("  - {{ name: t, chain: [{{ gain: {level} }}] }}"), FLOAT);
        place.run(&["render", "job.yaml"]).expect(0);
        let hash = place.manifest("out/manifest.jsonl")[0]["file"]["blake3"].as_str().unwrap().to_owned();
        assert_eq!(hash, blake3::hash(&std::fs::read(place.path("out/t/a.wav")).unwrap()).to_hex().as_str(), "{level}");
        hash
    };
    // The files have one size, so only what the manifest says can tell them apart.
    let first = render("-6 dB");
    assert_ne!(first, render("-12 dB"));
    assert_eq!(first, render("-6 dB"));
}

#[test]
fn two_runs_on_one_output_folder_do_not_mix() {
    let place = Place::new();
    place.wav("di/a.wav", 48_000, &vec![sine(48_000, 440.0, 0.5, 4800); 2]);
    job(&place, "  - { name: slow, chain: [{ clap: FIXTURE, id: org.tonemill.fixture.slow-load }] }", FLOAT);
    let mut first = place.command(&["render", "job.yaml"]).stderr(std::process::Stdio::null()).spawn().unwrap();
    while !place.path("out/.tonemill/lock").exists() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    // The second run is refused while the first holds the folder; planning takes as long as loading, so it may be late.
    let second = place.run(&["render", "job.yaml"]);
    assert!(first.wait().unwrap().success());
    match second.status {
        Some(2) => assert!(second.err.contains("lock"), "{}", second.err),
        Some(0) => assert!(second.err.contains("done already"), "{}", second.err),
        other => panic!("{other:?}: {}", second.err),
    }
    assert_eq!(place.manifest("out/manifest.jsonl").len(), 1);
}

#[test]
fn a_latency_that_is_told_only_after_the_first_block_is_removed_all_the_same() {
    let place = Place::new();
    let take = vec![sine(48_000, 440.0, 0.5, 20_000); 2];
    place.wav("di/take.wav", 48_000, &take);
    let device = |id: &str| format!("{{ clap: FIXTURE, id: org.tonemill.fixture.{id} }}");
    let chain = |ids: &[&str]| ids.iter().map(|id| device(id)).collect::<Vec<_>>().join(", ");
    let tones = format!(
        "  - {{ name: one, chain: [{}] }}\n  - {{ name: two, chain: [{}] }}",
        chain(&["restart"]),
        chain(&["restart", "passthrough", "restart", "latency"])
    );
    job(&place, &tones, FLOAT);
    let ran = place.run(&["render", "job.yaml"]).expect(0);
    assert!(!ran.err.contains("latency") && !ran.err.contains("restart"), "{}", ran.err);
    let manifest = place.manifest("out/manifest.jsonl");
    for (tone, late) in [("one", 64), ("two", 64 + 64 + 256)] {
        assert_eq!(read_wav(&place.path(&format!("out/{tone}/take.wav"))), take, "{tone}");
        let line = manifest.iter().find(|line| line["file"]["path"].as_str().unwrap().contains(tone)).unwrap();
        assert_eq!(line["file"]["latency_removed"], late, "{tone}");
        assert_eq!(line["devices"][0]["latency"], 64, "{tone}");
        assert!(line["devices"][0]["remarks"][0].as_str().unwrap().starts_with("rehearsed"), "{line}");
        assert!(line["devices"][1].get("remarks").is_none(), "{line}");
    }
}
