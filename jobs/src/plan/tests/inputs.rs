//! From recordings to takes: lists, files beside recordings, channels, parts, and what follows them.

use std::collections::BTreeMap;

use audio::SampleRate;
use serde_json::json;

use super::bench::Bench;
use crate::plan::Plan;
use crate::task::{
    ChannelPick, Item, NoiseKind, NoiseLevel, Render, Segment, Take, TakeLevel, TakeNoise, Task, TimeChange,
};

/// Two recordings of a second, lists of them, and a tone that draws.
fn bench() -> Bench {
    let bench = Bench::new();
    bench.wav("di/a.wav", 1, 48_000);
    bench.wav("di/b.wav", 1, 24_000);
    bench.write("takes.csv", "file,id,player\ndi/a.wav,01,p 1\ndi/b.wav,02,p/2\n");
    bench.write("tone.yaml", "tonemill: 1\nname: Loud\nchain: [{ gain: { uniform: [0, 6] } }]\n");
    for id in ["a", "b"] {
        bench.write(&format!("meta/{id}.json"), "{ \"tempo\": 120, \"tags\": [\"x\"], \"none\": null }");
        bench.write(&format!("lab/{id}.lab"), "0.0 0.3 x\n0.3 1.0 y\n");
        bench.write(&format!("beats/{id}.txt"), "0.0 1\n0.125 2\n0.25 1\n0.375 2\n0.5 1\n0.625 2\n");
    }
    bench
}

/// A job with one group of inputs and this output path.
fn job(group: &str, output: &str) -> String {
    format!("tonemill: 1\nseed: 7\ninputs: {{ di: {{ {group} }} }}\ntones: [tone.yaml]\noutput: {{ path: {output} }}\n")
}

const FILES: &str = "files: 'di/{id}.wav'";

fn item(task: &Task) -> &Item {
    task.item.as_ref().expect("a take's task is one of a take")
}

fn take(task: &Task) -> &Take {
    match &task.render {
        Render::Tone(tone) => &tone.input,
        Render::Session(_) => panic!("a take goes through a tone"),
    }
}

fn takes(plan: &Plan) -> Vec<&str> {
    plan.tasks.iter().map(|task| item(task).take.as_str()).collect()
}

fn outputs(bench: &Bench, plan: &Plan) -> Vec<String> {
    plan.tasks.iter().map(|task| bench.below(&task.outputs[0].path)).collect()
}

fn segments(plan: &Plan) -> Vec<Option<(u64, u64)>> {
    plan.tasks.iter().map(|task| take(task).segment.map(|part| (part.start, part.frames))).collect()
}

/// What was drawn of each take.
fn draws(plan: &Plan) -> BTreeMap<String, String> {
    plan.tasks.iter().map(|task| (item(task).take.clone(), format!("{:?}", item(task).drawn))).collect()
}

#[test]
fn a_list_gives_takes_in_parts_with_what_is_known_of_them_and_what_follows_them() {
    let bench = bench();
    let group = "list: takes.csv, metadata: 'meta/{input}.json', annotations: 'lab/{input}.lab', group_by: player, \
                 segments: { length: 500 ms, hop: 250 ms }";
    let plan = bench.plan(&job(group, "'out/{player}/{id}-{tempo}-{segment}.flac', sample_rate: 24000")).unwrap();
    assert_eq!(
        outputs(&bench, &plan),
        ["out/p 1/01-120-000.flac", "out/p 1/01-120-001.flac", "out/p 1/01-120-002.flac", "out/p_2/02-120-000.flac"]
    );
    assert_eq!(
        takes(&plan),
        ["di:di/a.wav@0+24000", "di:di/a.wav@12000+24000", "di:di/a.wav@24000+24000", "di:di/b.wav@0+24000"]
    );
    assert_eq!(segments(&plan)[1..], [Some((12_000, 24_000)), Some((24_000, 24_000)), None], "all of b is one part");
    let task = &plan.tasks[1];
    let Item { source_group, metadata, .. } = item(task);
    assert_eq!(source_group, "p 1");
    let known = json!({ "group": "di", "id": "01", "player": "p 1", "tempo": 120, "tags": ["x"], "segment": 1 });
    assert_eq!(json!(metadata), known);
    assert_eq!(task.label, "a (segment 001), \"Loud\"");
    let [annotation] = task.annotations.as_slice() else { panic!("a label file follows: {task:?}") };
    assert_eq!(bench.below(&annotation.source), "lab/a.lab");
    assert_eq!(bench.below(&annotation.path), "out/p 1/01-120-001.lab");
    let (rate_in, rate_out) = (SampleRate(48_000), SampleRate(24_000));
    assert_eq!(annotation.change, TimeChange { source_start: 12_000, frames: Some(24_000), rate_in, rate_out });
    assert!(task.sources.iter().any(|source| source.role == "annotation" && source.path.ends_with("lab/a.lab")));
    assert_eq!(plan.tasks[3].annotations[0].change, TimeChange { source_start: 0, frames: None, rate_in, rate_out });
}

#[test]
fn channels_are_takes_of_their_own_and_stay_in_one_group() {
    let bench = bench();
    bench.wav("hex/x.wav", 6, 1_000);
    bench.write("midi/x-sum.txt", "0.1\n");
    (1..=6).for_each(|string| bench.write(&format!("midi/x-{string}.txt"), "0.1\n"));
    let group = "files: 'hex/{id}.wav', channels: [sum, each], annotations: 'midi/{id}-{channel}.txt'";
    let plan = bench.plan(&job(group, "'out/{id}-{channel}.flac'")).unwrap();
    let names: Vec<String> = ["sum", "1", "2", "3", "4", "5", "6"].map(|name| format!("out/x-{name}.flac")).into();
    assert_eq!(outputs(&bench, &plan), names);
    assert_eq!(takes(&plan)[..3], ["di:x.wav#sum", "di:x.wav#ch1", "di:x.wav#ch2"]);
    assert_eq!(take(&plan.tasks[0]).channels, ChannelPick::Mono);
    assert_eq!(take(&plan.tasks[6]).channels, ChannelPick::Channel(5));
    assert_eq!(item(&plan.tasks[6]).metadata["channel"], "6");
    assert_eq!(bench.below(&plan.tasks[6].annotations[0].source), "midi/x-6.txt");
    assert!(plan.tasks.iter().all(|task| item(task).source_group == "di:x.wav"));
    assert_eq!(bench.plan(&job(group, "'{id}.flac'")).unwrap_err().lines().count(), 1);
    for (channels, message) in [
        (
            "7",
            "3:50: channels = 7, and hex/x.wav has 6 channels. Write a channel that each recording of the group has, or each.",
        ),
        ("[2, each]", "3:50: channels names 2 of hex/x.wav twice. Remove one; each names all by number."),
    ] {
        let told = bench.plan(&job(&format!("files: 'hex/{{id}}.wav', channels: {channels}"), "'{channel}.wav'"));
        assert_eq!(told.unwrap_err(), format!("job.yaml:{message}"));
    }
}

#[test]
fn silence_is_cut_before_parts_are() {
    let bench = bench();
    // The recording counts up, and -60 dBFS is 32.8 of it.
    bench.wav("di/c.wav", 1, 100);
    let only = "files: di/c.wav";
    let plan = bench.plan(&job(&format!("{only}, trim: -60 dB, annotations: lab/a.lab"), "o.wav")).unwrap();
    assert_eq!((segments(&plan), takes(&plan)), (vec![Some((33, 67))], vec!["di:c.wav"]));
    assert_eq!(plan.tasks[0].annotations[0].change.source_start, 33);
    let parts = "trim: true, segments: { length: 1 ms, last: drop }";
    let plan = bench.plan(&job(&format!("{only}, {parts}"), "'{segment}.wav'")).unwrap();
    assert_eq!((segments(&plan), takes(&plan)), (vec![Some((33, 48))], vec!["di:c.wav@33+48"]));
    bench.wav("di/c.wav", 1, 20);
    assert_eq!(
        bench.plan(&job(&format!("{only}, trim: true"), "o.wav")).unwrap_err(),
        "job.yaml:3:40: no sound of di/c.wav counts above -60 dB, so nothing of it is left. Lower trim, or take the recording out of the inputs."
    );
}

#[test]
fn parts_of_beats_and_bars_begin_where_the_annotation_says() {
    let bench = bench();
    let of = |segments: &str| {
        let group = format!("{FILES}, segments: {{ {segments}, of: 'beats/{{id}}.txt', last: drop }}");
        bench.plan(&job(&group, "'{id}-{segment}.wav'"))
    };
    let bars = of("bars: 1").unwrap();
    assert_eq!(segments(&bars)[..3], [Some((0, 12_000)), Some((12_000, 12_000)), Some((24_000, 12_000))]);
    assert_eq!(of("beats: 3").unwrap().tasks.len(), 3, "two in a, of which each has three beats, and one in b");
    bench.write("beats/b.txt", "0.0\n0.125\n0.25\n");
    assert_eq!(
        of("bars: 1").unwrap_err(),
        "job.yaml:3:49: the annotation beats/b.txt does not say which of its beats begin a bar. Number the beats of each bar from 1, or cut by beats."
    );
    std::fs::remove_file(bench.path("beats/b.txt")).unwrap();
    assert_eq!(
        of("beats: 1").unwrap_err(),
        "job.yaml:3:49: di/b.wav has no beats: there is no file beats/b.txt. Did you mean \"a.txt\"?"
    );
}

#[test]
fn recordings_that_are_too_short_for_a_part_are_told() {
    let bench = bench();
    let of = |length: &str| {
        bench.plan(&job(&format!("{FILES}, segments: {{ length: {length}, last: drop }}"), "'{id}-{segment}.wav'"))
    };
    let plan = of("0.75 s").unwrap();
    assert_eq!(takes(&plan), ["di:a.wav@0+36000"]);
    let place = format!("{}:3:49", bench.path("job.yaml").display());
    let [warning] = plan.header.warnings.as_slice() else { panic!("{:?}", plan.header.warnings) };
    assert!(
        warning.starts_with(&place)
            && warning.ends_with("di/b.wav gives no segment: segments of 0.75 s do not fit into it.")
    );
    assert!(of("5 s").unwrap_err().contains("no recording gives a segment, such as"));
}

#[test]
fn levels_and_noise_are_in_the_plan_and_noise_is_that_of_its_take() {
    let bench = bench();
    let group = format!(
        "{FILES}, level: {{ calibrate: {{ from: 12 dBu, to: 18.5 dBu }} }}, noise: {{ kind: white, snr: 40 dB }}"
    );
    let text = job(&group, "'{id}-{draw}.wav'").replace("tones:", "draws: 2\ntones:");
    let plan = bench.plan(&text).unwrap();
    assert!(plan.tasks.iter().all(|task| take(task).level == Some(TakeLevel::Gain(-6.5))));
    let noise: Vec<TakeNoise> = plan.tasks.iter().map(|task| take(task).noise.unwrap()).collect();
    assert_eq!((noise[0].kind, noise[0].level), (NoiseKind::White, NoiseLevel::Snr(40.0)));
    assert_eq!(noise[0], noise[1], "both draws of a take have its noise");
    assert_ne!(noise[0].seed, noise[2].seed);
    let other = bench.plan(&text.replace("seed: 7", "seed: 8")).unwrap();
    assert_ne!(take(&other.tasks[0]).noise.unwrap().seed, noise[0].seed);
}

#[test]
fn what_is_played_of_a_recording_changes_no_draw_of_the_whole() {
    let bench = bench();
    let plan = |group: &str, path: &str| draws(&bench.plan(&job(group, path)).unwrap());
    let plain = plan(FILES, "'{id}.wav'");
    let more = format!(
        "{FILES}, metadata: 'meta/{{id}}.json', trim: true, level: {{ gain: 1 }}, annotations: 'lab/{{id}}.lab'"
    );
    assert_eq!(plan(&more, "'{id}.wav'"), plain);
    let parts =
        plan(&format!("{FILES}, channels: [all, 1], segments: {{ length: 100 ms }}"), "'{id}-{channel}-{segment}.wav'");
    assert_eq!(parts.len(), 30);
    let mut values: Vec<&String> = parts.values().chain(plain.values()).collect();
    values.sort();
    values.dedup();
    assert_eq!(values.len(), 32, "each part draws for itself");
}

#[test]
fn annotations_of_one_extension_have_names_of_their_own() {
    let bench = bench();
    let group = format!("{FILES}, annotations: ['lab/{{id}}.lab', 'beats/{{id}}.txt', 'more/{{id}}.TXT']");
    ["a", "b"].iter().for_each(|id| bench.write(&format!("more/{id}.TXT"), "0.5\n"));
    let at = |output: &str| {
        let text = job(&group, output).replace("tones:", "draws: 2\ntones:");
        bench.plan(&text).map(|plan| {
            let files = plan.tasks[1].annotations.iter().map(|annotation| bench.below(&annotation.path));
            files.collect::<Vec<_>>()
        })
    };
    assert_eq!(at("'out/{id}.x-{draw}.flac'").unwrap(), ["out/a.x-001.lab", "out/a.x-001.txt", "out/a.x-001.2.TXT"]);
    assert_eq!(
        at("'out/{id}-{draw}.flac', annotations: 'notes/{id}{ext}'").unwrap(),
        ["notes/a.lab", "notes/a.txt", "notes/a.2.TXT"],
        "all draws of a take may share them"
    );
    assert_eq!(at("'out/{id}-{draw}.flac', annotations: off").unwrap(), [""; 0]);
    assert_eq!(
        at("'out/{id}-{draw}.flac', annotations: 'notes/x{ext}'").unwrap_err().lines().next().unwrap(),
        "job.yaml:6:17: a, \"Loud\", draw 1 and b, \"Loud\", draw 0 would be written to one path, notes/x.lab. \
         Put what tells them apart into the path: {tone}, {input}, {name} or a capture."
    );
    assert_eq!(
        at("'out/{id}-{draw}.flac', annotations: '{group}/../lab/{id}{ext}'").unwrap_err().lines().next().unwrap(),
        "job.yaml:6:17: lab/a.lab would be replaced, and it is read. Write to another folder."
    );
    assert!(
        at("'out/{id}-{draw}.flac', trim: true").unwrap_err().contains("its annotations would not fit it any more")
    );
}

#[test]
fn what_cannot_follow_a_part_is_told_before_anything_renders() {
    let bench = bench();
    ["a", "b"].iter().for_each(|id| bench.write(&format!("tabs/{id}.gp5"), "FICHIER GUITAR PRO v5.00"));
    let group = format!("{FILES}, annotations: 'tabs/{{id}}.gp5'");
    assert!(bench.plan(&job(&group, "'{id}.wav'")).is_ok(), "whole takes have copies");
    let told =
        bench.plan(&job(&format!("{group}, segments: {{ length: 100 ms }}"), "'{id}-{segment}.wav'")).unwrap_err();
    let lines: Vec<&str> = told.lines().collect();
    assert!(
        lines.len() == 2 && lines[0].starts_with("job.yaml:3:52: the annotation tabs/a.gp5 is a Guitar Pro file"),
        "{told}"
    );
}

#[test]
fn every_mistake_of_inputs_names_the_recording_and_the_file() {
    for (group, path, message) in [
        ("list: tkes.csv", "'{id}.wav'", "job.yaml:3:23: there is no list tkes.csv. Did you mean \"takes.csv\"?"),
        ("list: takes.csv", "'{idd}.wav'", "job.yaml:5:17: nothing fills {idd} in the path. Did you mean {id}?"),
        (
            "list: takes.csv, metadata: 'meta/{id}.json'",
            "'{id}.wav'",
            "job.yaml:3:44: di/a.wav has no metadata meta/01.json. Did you mean \"a.json\" or \"b.json\"?",
        ),
        (
            "list: takes.csv, annotations: 'lab/{inptu}.lab'",
            "'{id}.wav'",
            "job.yaml:3:47: di/a.wav: nothing fills {inptu} in annotations. Did you mean {input}?",
        ),
        (
            "files: 'di/{id}.wav', annotations: 'labs/{id}.lab'",
            "'{id}.wav'",
            "job.yaml:3:52: di/a.wav has no annotation labs/a.lab. There is no folder labs either. Paths start at the job's folder.",
        ),
        (
            "list: takes.csv, group_by: band",
            "'{id}.wav'",
            "job.yaml:3:44: group_by = \"band\", and di/a.wav does not say its band. Known are group, id, player.",
        ),
        (
            "files: 'di/{id}.wav', metadata: 'list.json'",
            "'{id}.wav'",
            "list.json: this metadata is a list, and no object with fields. Write an object: {\"player\": \"p1\"}.",
        ),
        (
            "files: 'di/{id}.wav', metadata: 'bad.json'",
            "'{id}.wav'",
            "bad.json:2:1: this metadata is no JSON: expected value. Write an object: {\"player\": \"p1\"}.",
        ),
        (
            "list: missing.csv",
            "'{input}.wav'",
            "missing.csv:2:1: there is no recording di/c.wav. Did you mean \"a.wav\" or \"b.wav\"?",
        ),
        (
            "list: twice.jsonl",
            "'{input}.wav'",
            "twice.jsonl:3:1: di/a.wav is named a second time in its group. Remove one of its lines.",
        ),
        ("list: path.csv", "'{input}.wav'", "path.csv:1:1: the list has no column file; its columns are path."),
        (
            "list: part.jsonl",
            "'{take}.wav'",
            "job.yaml:5:17: nothing fills {take} in the path for di:di/b.wav. Say take of every recording, as a text or a number.",
        ),
        (
            "list: named.csv",
            "'{name}.wav'",
            "job.yaml:5:17: {name} in the path is a placeholder of its own, and known of recordings too. Give the column or field another name.",
        ),
        (
            "files: 'di/{id}.wav', segments: { length: 100 ms }",
            "'{id}.wav'",
            "job.yaml:5:17: several segments of a recording would be written to one path. Put {segment} into it: it becomes 000, 001 and so on.",
        ),
        (
            "files: ['di/*.wav', 'other/*.wav']",
            "'{input}.wav'",
            "job.yaml:3:37: di/a.wav and other/a.wav would be one take, \"di:a.wav\". Find both with one pattern, or give each a group: inputs: { a: \"a/*.wav\", b: \"b/*.wav\" }.",
        ),
        (
            "files: ['di/*.wav', 'di/a*.wav']",
            "'{input}.wav'",
            "job.yaml:3:37: di/a.wav is named a second time in its group. Let one pattern find it.",
        ),
    ] {
        let bench = bench();
        bench.wav("other/a.wav", 1, 10);
        bench.write("list.json", "[1]");
        bench.write("bad.json", "{ \"a\":\n}");
        bench.write("missing.csv", "file\ndi/c.wav\n");
        bench.write("twice.jsonl", "{\"file\": \"di/a.wav\"}\n\n{\"file\": \"./di/../di/a.wav\"}\n");
        bench.write("path.csv", "path\ndi/a.wav\n");
        bench.write("part.jsonl", "{\"file\": \"di/a.wav\", \"take\": 1}\n{\"file\": \"di/b.wav\"}\n");
        bench.write("named.csv", "file,name\ndi/a.wav,x\n");
        let told = bench.plan(&job(group, path)).unwrap_err();
        assert!(told.lines().next().unwrap().starts_with(message), "for {group}: {told}");
    }
}

#[test]
fn of_a_thousand_missing_recordings_a_few_are_told_one_by_one() {
    let bench = bench();
    let rows: String = (0..1_000).map(|n| format!("no/{n}.wav\n")).collect();
    bench.write("takes.csv", &format!("file\n{rows}"));
    let told = bench.plan(&job("list: takes.csv", "'{input}.wav'")).unwrap_err();
    assert_eq!(told.lines().count(), 6, "{told}");
    assert!(told.contains("job.yaml:3:11: 995 more recordings cannot be used."), "{told}");
}

#[test]
fn metadata_that_says_otherwise_than_the_list_gives_way_and_is_told() {
    let bench = bench();
    bench.write("meta/a.json", "{ \"id\": \"x\", \"player\": \"p 1\" }");
    let plan = bench.plan(&job("list: takes.csv, metadata: 'meta/{input}.json'", "'{id}.wav'")).unwrap();
    assert_eq!(item(&plan.tasks[0]).metadata["id"], "01");
    let [warning] = plan.header.warnings.as_slice() else { panic!("{:?}", plan.header.warnings) };
    assert!(warning.ends_with("metadata says otherwise of id than the path or the list, which count."), "{warning}");
}

#[test]
fn rows_change_no_draw_of_other_rows_and_parts_of_a_recording_share_their_group() {
    use proptest::prelude::*;
    let bench = bench();
    (0..6).for_each(|n| bench.wav(&format!("di/{n}.wav"), 2, 1_000 + 100 * n));
    let group = "list: rows.jsonl, channels: each, segments: { length: 10 ms }";
    let text = job(group, "'{input}-{channel}-{segment}.wav'");
    let plan = |rows: &[usize]| {
        let line = |n: &usize| format!("{{\"file\": \"di/{n}.wav\", \"place\": {n}}}\n");
        bench.write("rows.jsonl", &rows.iter().map(line).collect::<String>());
        bench.plan(&text).unwrap()
    };
    let all = plan(&[0, 1, 2, 3, 4, 5]);
    let (of_all, keys): (_, BTreeMap<_, _>) =
        (draws(&all), all.tasks.iter().map(|task| (item(task).take.clone(), task.key.clone())).collect());
    for task in &all.tasks {
        let recording = item(task).take.split('#').next().unwrap();
        assert_eq!(item(task).source_group, recording);
    }
    let subset = prop::sample::subsequence(vec![0usize, 1, 2, 3, 4, 5], 1..6).prop_shuffle();
    proptest!(ProptestConfig::with_cases(24), |(rows in subset)| {
        let some = plan(&rows);
        prop_assert!(!some.tasks.is_empty());
        for (task, (take, drawn)) in some.tasks.iter().map(|task| (task, (&item(task).take, &item(task).drawn))) {
            prop_assert_eq!(&of_all[take], &format!("{:?}", drawn));
            prop_assert_eq!(&keys[take], &task.key);
        }
    });
}

#[test]
fn a_segment_that_is_padded_lasts_beyond_its_recording() {
    let bench = bench();
    let group = format!("{FILES}, segments: {{ length: 0.75 s, last: pad }}");
    let plan = bench.plan(&job(&group, "'{id}-{segment}.wav'")).unwrap();
    assert_eq!(segments(&plan), [Some((0, 36_000)), Some((36_000, 36_000)), Some((0, 36_000))]);
    let part = Segment { start: 36_000, frames: 36_000 };
    assert_eq!(take(&plan.tasks[1]).segment, Some(part));
}
