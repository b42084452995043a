//! Takes through tones: parts, channels, levels and noise of what goes in, what comes out held against it, and annotations
//! that follow.
//!
//! The jobs here are plain; what is tried is put into their plans.

use std::path::Path;

use serde_json::{Value, json};
use tonemill_tests::{Place, Ran, fixtures, midi, read_wav};

/// A take with notes that begin suddenly: a plucked tone every quarter of a second, another one on each channel.
fn plucked(rate: u32, frames: usize, channels: usize) -> Vec<Vec<f32>> {
    let sample = |channel: usize, n: usize| {
        let (note, at) = (n / (rate as usize / 4), n % (rate as usize / 4));
        let (t, hertz) = (at as f64 / f64::from(rate), 110.0 * (1.0 + ((7 * note + 3 * channel) % 11) as f64 / 5.0));
        let partial = |k: f64| (std::f64::consts::TAU * hertz * k * t).sin() * (-6.0 * k * t).exp() / k;
        (0.2 * (1..9).map(|k| partial(f64::from(k))).sum::<f64>()) as f32
    };
    (0..channels).map(|channel| (0..frames).map(|n| sample(channel, n)).collect()).collect()
}

const SOFT: &str = "  - { name: soft, chain: [{ gain: -6 dB }] }";

/// Plans a job of the takes below `di/` and gives its lines, the first of which is the header.
fn plan(place: &Place, tones: &str, output: &str) -> Vec<Value> {
    let tones = tones.replace("FIXTURE", &fixtures().display().to_string());
    let job =
        format!("tonemill: 1\ninputs: {{ di: {{ files: \"di/{{id}}.wav\" }} }}\ntones:\n{tones}\noutput: {output}\n");
    place.write("job.yaml", job);
    place.run(&["plan", "job.yaml", "-o", "plain.jsonl"]).expect(0);
    let text = std::fs::read_to_string(place.path("plain.jsonl")).expect("there is a plan");
    text.lines().map(|line| serde_json::from_str(line).expect("plans are JSON")).collect()
}

const FLOAT: &str = "{ path: \"out/{tone}/{id}.wav\", bits: 32f }";

/// Renders a plan.
fn render(place: &Place, lines: &[Value], more: &[&str]) -> Ran {
    let text: Vec<String> = lines.iter().map(Value::to_string).collect();
    place.write("plan.jsonl", text.join("\n") + "\n");
    place.run(&[&["render", "plan.jsonl"], more].concat())
}

fn input(task: &mut Value) -> &mut Value {
    &mut task["render"]["tone"]["input"]
}

/// The same task once more, writing elsewhere.
fn another(lines: &mut Vec<Value>, name: &str) -> usize {
    let mut task = lines[1].clone();
    task["number"] = json!(lines.len() - 1);
    task["key"] = json!(format!("{name}{}", &task["key"].as_str().unwrap()[name.len()..]));
    task["outputs"][0]["path"] = json!(out_of(&lines[0]) + "/" + name + ".wav");
    lines.push(task);
    lines[0]["tasks"] = json!(lines.len() - 1);
    lines.len() - 1
}

fn out_of(header: &Value) -> String {
    header["output_root"].as_str().unwrap().to_owned()
}

/// The manifest's line of a file.
fn line(place: &Place, path: &str) -> Value {
    let lines = place.manifest("out/manifest.jsonl");
    lines.into_iter().find(|line| line["path"] == path).unwrap_or_else(|| panic!("{path} is in the manifest"))
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is a number"))
}

#[test]
fn a_part_and_a_channel_render_to_the_same_part_of_the_whole() {
    let place = Place::new();
    place.wav("di/take.wav", 48_000, &plucked(48_000, 100_000, 2));
    let mut lines = plan(&place, SOFT, FLOAT);
    let part = another(&mut lines, "part");
    input(&mut lines[part])["segment"] = json!({ "start": 30_001, "frames": 20_000 });
    let right = another(&mut lines, "right");
    input(&mut lines[right])["channels"] = json!("right");
    render(&place, &lines, &[]).expect(0);
    let whole = read_wav(&place.path("out/soft/take.wav"));
    let cut = read_wav(&place.path("out/part.wav"));
    for (cut, whole) in cut.iter().zip(&whole) {
        assert_eq!(cut, &whole[30_001..50_001]);
    }
    assert_eq!(read_wav(&place.path("out/right.wav")), [whole[1].clone()]);
    let change = &line(&place, "part.wav")["input"]["change"];
    assert_eq!(*change, json!({ "source_start": 30_001, "frames": 20_000, "rate_in": 48_000, "rate_out": 48_000 }));
    assert_eq!(line(&place, "soft/take.wav")["input"].get("change"), None);
}

#[test]
fn a_part_of_another_rate_has_its_own_frames_again_at_that_rate() {
    let place = Place::new();
    // Rounded twice, one of these lengths would come back with a frame too many.
    for frames in [95_999, 96_000, 96_001, 96_002] {
        place.wav(&format!("di/{frames}.wav"), 96_000, &plucked(96_000, frames, 1));
    }
    let tones = "  - { name: thin, chain: [{ gain: -6 dB }] }";
    let mut lines = plan(&place, tones, "{ path: \"out/{tone}/{id}.wav\", bits: 32f, length: match }");
    for task in &mut lines[1..] {
        task["audio"]["sample_rate"] = json!(22_050);
        task["outputs"][0]["sample_rate"] = json!(96_000);
    }
    render(&place, &lines, &[]).expect(0);
    for frames in [95_999, 96_000, 96_001, 96_002] {
        let file = &line(&place, &format!("thin/{frames}.wav"))["file"];
        assert_eq!(file["frames"], frames);
        assert_eq!(read_wav(&place.path(&format!("out/thin/{frames}.wav")))[0].len(), frames);
    }
}

#[test]
fn a_take_goes_in_at_the_level_and_with_the_noise_asked_for() {
    let place = Place::new();
    place.wav("di/take.wav", 44_100, &plucked(44_100, 132_300, 1));
    let mut lines = plan(&place, SOFT, FLOAT);
    input(&mut lines[1])["level"] = json!({ "target": { "loudness": -20.0 } });
    // Without a chain, what goes in comes out.
    lines[1]["render"]["tone"]["chain"] = json!([]);
    let noisy = another(&mut lines, "noisy");
    input(&mut lines[noisy])["noise"] = json!({ "kind": "white", "level": { "snr": 30.0 }, "seed": 5 });
    render(&place, &lines, &[]).expect(0).says(&["resampled from 44100 Hz to 48000 Hz"]);
    let clean = line(&place, "soft/take.wav");
    for loudness in [&clean["input"]["loudness_lufs"], &clean["file"]["loudness_lufs"]] {
        assert!((number(loudness) + 20.0).abs() < 0.1, "{loudness}");
    }
    assert_ne!(number(&clean["input"]["gain_db"]), 0.0);
    let both = ["out/soft/take.wav", "out/noisy.wav"].map(|name| read_wav(&place.path(name)).remove(0));
    let power = |samples: &[f32]| samples.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / samples.len() as f64;
    let noise: Vec<f32> = both[1].iter().zip(&both[0]).map(|(noisy, clean)| noisy - clean).collect();
    let ratio = 10.0 * (power(&both[0]) / power(&noise)).log10();
    assert!((ratio - 30.0).abs() < 0.1, "the ratio is {ratio} dB");
    let told = number(&line(&place, "noisy.wav")["input"]["noise_rms_dbfs"]);
    assert!((told - 10.0 * power(&noise).log10()).abs() < 0.1, "{told}");
}

#[test]
fn a_silent_take_with_a_target_is_rendered_and_warned_of() {
    let place = Place::new();
    place.wav("di/take.wav", 48_000, &[vec![0.0; 48_000]]);
    let mut lines = plan(&place, SOFT, FLOAT);
    input(&mut lines[1])["level"] = json!({ "target": { "loudness": -20.0 } });
    render(&place, &lines, &[]).expect(0).says(&["a loudness of -20 LUFS was asked for, but it has none"]);
    assert_eq!(line(&place, "soft/take.wav")["input"]["gain_db"], 0.0);
}

#[test]
fn a_wet_file_is_as_loud_as_its_dry_take() {
    let place = Place::new();
    place.wav("di/take.wav", 48_000, &plucked(48_000, 96_000, 1));
    let tones = "  - { name: loud, chain: [{ builtin: drive, drive: 24 dB }] }";
    let mut lines = plan(&place, tones, FLOAT);
    for (by, level) in [("rms", "rms_dbfs"), ("peak", "peak_dbfs"), ("loudness", "loudness_lufs")] {
        let task = another(&mut lines, by);
        lines[task]["outputs"][0]["match_dry"] = json!(by);
        // The dry take counts as it goes in.
        input(&mut lines[task])["level"] = json!({ "gain": -3.0 });
        render(&place, &lines, &[]).expect(0);
        let found = line(&place, &format!("{by}.wav"));
        let (wet, dry) = (number(&found["file"][level]), number(&found["input"][level]));
        assert!((wet - dry).abs() < 0.1, "{by}: {wet} beside {dry}");
        assert_ne!(number(&found["file"]["finished"]["gain_db"]), 0.0);
    }
    // Silence has no level to match.
    place.wav("di/take.wav", 48_000, &[vec![0.0; 48_000]]);
    let mut lines = plan(&place, tones, FLOAT);
    lines[1]["outputs"][0]["match_dry"] = json!("loudness");
    render(&place, &lines, &[]).expect(0).says(&["its level was not matched, since the dry take has no loudness"]);
}

#[test]
fn the_offset_of_a_linear_chain_is_none_and_that_of_a_delay_is_measured() {
    let place = Place::new();
    place.wav("di/take.wav", 48_000, &plucked(48_000, 96_000, 1));
    // An impulse response of which the first 240 frames are silent stays so.
    let mut response = vec![0.0; 300];
    response[240] = 0.5;
    place.wav("late.wav", 48_000, &[response]);
    let tones = "  - { name: linear, chain: [{ eq: { Peak 1 Gain: 3 } }, { gain: -6 dB }] }\n  - { name: late, chain: [{ cabinet: late.wav }] }";
    let mut lines = plan(&place, tones, FLOAT);
    lines[1..].iter_mut().for_each(|task| task["checks"] = json!({ "offset": 480 }));
    let slow = another(&mut lines, "slow");
    lines[slow]["outputs"][0]["sample_rate"] = json!(44_100);
    render(&place, &lines, &[]).expect(0);
    for (path, frames) in [("linear/take.wav", 0), ("slow.wav", 0), ("late/take.wav", 240)] {
        let found = line(&place, path);
        assert_eq!(found["file"]["offset"]["frames"], frames, "{path}: {}", found["file"]);
        assert_eq!(found["file"]["offset"]["inverted"], false);
    }
    place.wav("di/take.wav", 48_000, &[vec![0.0; 48_000]]);
    let mut lines = plan(&place, SOFT, FLOAT);
    lines[1]["checks"] = json!({ "offset": 480 });
    render(&place, &lines, &[]).expect(0).says(&["behind its dry take is unknown: one of the two is silent"]);
}

/// A plan of one tone that mutes and one that only changes the level, under a policy.
fn gated(place: &Place, policy: &str) -> Vec<Value> {
    place.wav("di/take.wav", 48_000, &plucked(48_000, 48_000, 1));
    let tones = "  - { name: mute, chain: [{ gain: -120 dB }] }\n  - { name: same, chain: [{ gain: -1 dB }] }\n  - { name: good, chain: [{ builtin: drive, drive: 24 dB }] }";
    let mut lines = plan(place, tones, FLOAT);
    let gate = json!({
        "silent_below_dbfs": -90.0, "clipped_run_frames": 16, "dc_offset": 0.5, "stuck_seconds": 0.5,
        "shorter_than_seconds": 0.01, "like_dry_below_db": -60.0,
    });
    lines[1..].iter_mut().for_each(|task| task["checks"] = json!({ "gate": gate, "policy": policy }));
    lines
}

/// The names of a file's flags.
fn flags(line: &Value) -> Vec<&str> {
    line["file"]["flags"].as_array().into_iter().flatten().map(|flag| flag["flag"].as_str().unwrap()).collect()
}

/// Files below `out` save the manifest and what tonemill keeps for itself.
fn standing(place: &Place) -> Vec<String> {
    place.sound_files("out").into_keys().map(|name| name.display().to_string()).collect()
}

#[test]
fn flagged_files_that_are_kept_stand_with_their_flags() {
    let place = Place::new();
    let lines = gated(&place, "keep");
    render(&place, &lines, &[]).expect(0);
    assert_eq!(flags(&line(&place, "mute/take.wav")), ["silent"]);
    assert_eq!(flags(&line(&place, "same/take.wav")), ["like_dry"]);
    assert_eq!(flags(&line(&place, "good/take.wav")), [""; 0]);
    assert_eq!(standing(&place), ["good/take.wav", "mute/take.wav", "same/take.wav"]);
}

#[test]
fn flagged_files_fail_where_the_job_says_so_and_leave_nothing() {
    let place = Place::new();
    let lines = gated(&place, "fail");
    render(&place, &lines, &[]).expect(10).says(&["it is silent", "hardly more than its dry input"]);
    assert_eq!(standing(&place), ["good/take.wav"]);
    assert_eq!(place.manifest("out/manifest.jsonl").len(), 1);
    assert_eq!(started(&render(&place, &lines, &["--json"]).expect(10)), 2);
}

/// How many attempts a run began.
fn started(ran: &Ran) -> usize {
    let events = ran.out.lines().map(|line| serde_json::from_str::<Value>(line).expect("events are JSON"));
    events.filter(|event| event["event"] == "started").count()
}

#[test]
fn flagged_files_lie_in_quarantine_with_their_annotations_and_are_not_rendered_again() {
    let place = Place::new();
    place.write("notes.lab", "0.0 0.5 la\n");
    let mut lines = gated(&place, "quarantine");
    let root = out_of(&lines[0]);
    let change = json!({ "source_start": 0, "rate_in": 48_000, "rate_out": 48_000 });
    for (number, tone) in [(1, "mute"), (3, "good")] {
        let path = format!("{root}/{tone}/take.lab");
        lines[number]["annotations"] = json!([{ "source": place.path("notes.lab"), "path": path, "change": change }]);
    }
    let ran = render(&place, &lines, &["--json"]).expect(0);
    assert_eq!(started(&ran), 3);
    assert_eq!(standing(&place), ["good/take.lab", "good/take.wav"]);
    for name in ["mute/take.wav", "mute/take.lab", "same/take.wav"] {
        assert!(place.path("out/.tonemill/quarantine").join(name).is_file(), "{name} lies in quarantine");
    }
    let found = line(&place, "mute/take.wav");
    assert_eq!(found["file"]["quarantined"], true);
    let lies = found["file"]["path"].as_str().unwrap();
    assert_eq!(Path::new(lies), place.path("out/.tonemill/quarantine/mute/take.wav").canonicalize().unwrap());
    assert!(found["warnings"].to_string().contains("it lies in quarantine"), "{}", found["warnings"]);
    assert_eq!(found["annotations"][0]["path"], ".tonemill/quarantine/mute/take.lab");

    let before = std::fs::read(place.path("out/manifest.jsonl")).unwrap();
    render(&place, &lines, &[]).expect(0).says(&["3 tasks done already"]);
    assert_eq!(std::fs::read(place.path("out/manifest.jsonl")).unwrap(), before);

    // Kept after all, it is rendered to its place, and nothing is taken away.
    lines[1]["checks"]["policy"] = json!("keep");
    assert_eq!(started(&render(&place, &lines, &["--json"]).expect(0)), 1);
    assert_eq!(standing(&place), ["good/take.lab", "good/take.wav", "mute/take.lab", "mute/take.wav"]);
    assert!(place.path("out/.tonemill/quarantine/mute/take.wav").is_file());
    assert_eq!(line(&place, "mute/take.wav")["file"].get("quarantined"), None);
}

#[test]
fn what_is_in_quarantine_is_known_though_the_run_wrote_no_manifest() {
    let place = Place::new();
    let lines = gated(&place, "quarantine");
    render(&place, &lines, &[]).expect(0);
    let written = place.manifest("out/manifest.jsonl");
    // As if the command had ended before: the journal is where it was, and there is no manifest.
    let state = place.path("out/.tonemill");
    std::fs::rename(state.join("settled/journal-1.jsonl"), state.join("journal-1.jsonl")).unwrap();
    std::fs::remove_file(place.path("out/manifest.jsonl")).unwrap();
    render(&place, &lines, &[]).expect(0).says(&["3 tasks done already"]);
    assert_eq!(place.manifest("out/manifest.jsonl"), written);
}

#[test]
fn a_flagged_file_is_tried_again_and_quarantined_the_last_time() {
    let place = Place::new();
    let lines = gated(&place, "retry");
    let ran = render(&place, &lines, &["--json"]).expect(0);
    assert_eq!(started(&ran), 3 + 3 + 1);
    assert_eq!(standing(&place), ["good/take.wav"]);
    let found = line(&place, "mute/take.wav");
    assert_eq!((&found["attempts"], &found["file"]["quarantined"]), (&json!(3), &json!(true)));
    render(&place, &lines, &[]).expect(0).says(&["3 tasks done already"]);
}

#[test]
fn an_input_is_decoded_once_for_all_tones_of_a_worker() {
    let place = Place::new();
    place.wav("di/take.wav", 44_100, &plucked(44_100, 44_100, 2));
    let tone = |n: usize| format!("  - {{ name: t{n}, chain: [{{ gain: -{n} dB }}] }}");
    let tones: Vec<String> = (1..=20).map(tone).collect();
    let lines = plan(&place, &tones.join("\n"), FLOAT);
    render(&place, &lines, &["--workers", "1"]).expect(0);
    let manifest = place.manifest("out/manifest.jsonl");
    assert_eq!(manifest.len(), 20);
    let decoded: u64 = manifest.iter().filter_map(|line| line["timings"]["inputs_decoded"].as_u64()).sum();
    assert_eq!(decoded, 1);
    // What is kept sounds as what is read: only the gain differs.
    let [first, last] = ["out/t1/take.wav", "out/t20/take.wav"].map(|name| read_wav(&place.path(name)));
    let gain = 10f32.powf(-19.0 / 20.0);
    let most = first[0].iter().zip(&last[0]).map(|(a, b)| (a * gain - b).abs()).fold(0.0, f32::max);
    assert!(most < 1e-6, "{most}");
    assert!(manifest.iter().all(|line| line["warnings"].to_string().contains("resampled from 44100 Hz")));
}

#[test]
fn annotations_follow_the_cut_and_a_missing_one_is_written_again() {
    let place = Place::new();
    place.wav("di/take.wav", 48_000, &plucked(48_000, 96_000, 1));
    place.write("take.lab", "0.25 0.75 early\n1.0 1.5 late\n");
    // 480 ticks a quarter at 120 bpm: a note from 1 s to 1.25 s.
    place.write("take.mid", midi(0, 480, &[b"\x87\x40\x90\x3c\x50\x81\x70\x80\x3c\x00\x00\xff\x2f\x00"]));
    let mut lines = plan(&place, SOFT, FLOAT);
    let root = out_of(&lines[0]);
    let part = json!({ "start": 24_000, "frames": 48_000 });
    input(&mut lines[1])["segment"] = part;
    let change = json!({ "source_start": 24_000, "frames": 48_000, "rate_in": 48_000, "rate_out": 48_000 });
    let annotation = |extension: &str| {
        let source = place.path(&format!("take.{extension}"));
        json!({ "source": source, "path": format!("{root}/notes/take.{extension}"), "change": change })
    };
    lines[1]["annotations"] = json!([annotation("lab"), annotation("mid")]);
    render(&place, &lines, &[]).expect(0);
    let labels = std::fs::read_to_string(place.path("out/notes/take.lab")).unwrap();
    let words: Vec<&str> = labels.split_whitespace().collect();
    let seconds = |word: &str| word.parse::<f64>().unwrap();
    assert_eq!((words[2], words[5], words.len()), ("early", "late", 6));
    for (word, expected) in [(words[0], 0.0), (words[1], 0.25), (words[3], 0.5), (words[4], 1.0)] {
        assert!((seconds(word) - expected).abs() < 1e-6, "{labels}");
    }
    let notes = tonemill_tests::smf::notes(&std::fs::read(place.path("out/notes/take.mid")).unwrap());
    assert_eq!(notes.len(), 1);
    assert!((notes[0].seconds - 0.5).abs() < 1e-3 && (notes[0].end - 0.75).abs() < 1e-3, "{notes:?}");
    let found = line(&place, "soft/take.wav");
    let hash = |name: &str| blake3::hash(&std::fs::read(place.path(name)).unwrap()).to_hex().to_string();
    assert_eq!(found["annotations"][0]["path"], "notes/take.lab");
    assert_eq!(found["annotations"][0]["blake3"], hash("out/notes/take.lab"));
    assert_eq!((&found["annotations"][0]["rewritten"], &found["annotations"][0]["change"]), (&json!(true), &change));

    render(&place, &lines, &[]).expect(0).says(&["1 task done already"]);
    std::fs::remove_file(place.path("out/notes/take.mid")).unwrap();
    assert_eq!(started(&render(&place, &lines, &["--json"]).expect(0)), 1);
    assert!(place.path("out/notes/take.mid").is_file());
}

#[test]
fn an_annotation_that_cannot_follow_costs_its_task_before_any_file_stands() {
    let place = Place::new();
    place.wav("di/take.wav", 48_000, &plucked(48_000, 48_000, 1));
    place.write("take.gp5", "FICHIER GUITAR PRO v5.10");
    let mut lines = plan(&place, SOFT, FLOAT);
    let path = out_of(&lines[0]) + "/soft/take.gp5";
    let change = json!({ "source_start": 1, "frames": 100, "rate_in": 48_000, "rate_out": 48_000 });
    lines[1]["annotations"] = json!([{ "source": place.path("take.gp5"), "path": path, "change": change }]);
    render(&place, &lines, &[]).expect(10).says(&["take.gp5", "Guitar Pro"]);
    assert_eq!(standing(&place), [""; 0]);
    lines[1]["annotations"][0]["change"] = json!({ "source_start": 0, "rate_in": 48_000, "rate_out": 48_000 });
    render(&place, &lines, &[]).expect(0);
    assert_eq!(standing(&place), ["soft/take.gp5", "soft/take.wav"]);
}

#[test]
fn takes_render_to_the_same_bytes_for_any_number_of_workers() {
    let place = Place::new();
    for take in ["a", "b"] {
        place.wav(&format!("di/{take}.wav"), 44_100, &plucked(44_100, 40_000, 2));
    }
    place.write("notes.lab", "0.0 0.5 la\n");
    let tones = "  - { name: soft, chain: [{ gain: -6 dB }] }\n  - { name: loud, chain: [{ builtin: drive, drive: 24 dB }] }\n  - { name: mute, chain: [{ gain: -120 dB }] }";
    let output = "{ path: \"out/{tone}/{id}.flac\", bits: 24, length: match }";
    let mut lines = plan(&place, tones, output);
    let root = out_of(&lines[0]);
    for (number, task) in lines[1..].iter_mut().enumerate() {
        let kind = if number % 2 == 0 { "white" } else { "pink" };
        let take = input(task);
        take["segment"] = json!({ "start": 4_410, "frames": 22_050 });
        take["channels"] = json!("mono");
        take["level"] = json!({ "target": { "rms": -22.0 } });
        take["noise"] = json!({ "kind": kind, "level": { "snr": 40.0 }, "seed": 9 });
        task["outputs"][0]["match_dry"] = json!("loudness");
        task["checks"] = json!({ "gate": { "like_dry_below_db": null }, "policy": "quarantine", "offset": 100 });
        let path = format!("{root}/{number}.lab");
        let change = json!({ "source_start": 4_410, "frames": 22_050, "rate_in": 44_100, "rate_out": 48_000 });
        task["annotations"] = json!([{ "source": place.path("notes.lab"), "path": path, "change": change }]);
    }
    let run = |workers: &str| {
        let _ = std::fs::remove_dir_all(place.path("out"));
        render(&place, &lines, &["--workers", workers]).expect(0);
        let quarantined = place.sound_files("out/.tonemill/quarantine");
        let mut manifest = place.manifest("out/manifest.jsonl");
        manifest.iter_mut().for_each(|line| line["timings"] = Value::Null);
        (place.sound_files("out"), quarantined, manifest)
    };
    let one = run("1");
    assert_eq!((one.0.len(), one.1.len(), one.2.len()), (8, 4, 6));
    assert!(one.2.iter().all(|line| line["file"]["frames"] == 24_000));
    assert_eq!(run("2"), one);
}
