//! Takes, their dry sounds, their groups, and what the quality gate said of them.

use proptest::prelude::*;

use super::*;

/// Parts and channels of a recording, and all of it.
const PARTS: [&str; 5] = ["", "@0+480", "@480+320", "#1", "#2"];

/// The lines of some recordings, each with all its parts, dry and through each tone.
fn takes(bench: &Bench, inputs: &[&str], parts: &[&str]) -> Vec<Value> {
    let mut lines = Vec::new();
    for (number, input) in (0..).zip(inputs) {
        let input = format!("di/{input}.wav");
        bench.wav(&input, number);
        for part in parts {
            for tone in [None, Some(TONES[0]), Some(TONES[1])] {
                lines.push(bench.take(&input, part, tone, lines.len() as u32));
            }
        }
    }
    lines
}

fn rows(bench: &Bench, set: &str) -> Vec<Value> {
    json_lines(&fs::read(bench.path(&format!("{set}/metadata.jsonl"))).unwrap())
}

#[test]
fn each_part_and_channel_has_the_dry_take_that_the_job_wrote_of_it() {
    let bench = Bench::new();
    let lines = takes(&bench, &INPUTS[..2], &PARTS);
    let dry: BTreeMap<String, Value> = lines
        .iter()
        .filter(|line| line["tone"].is_null())
        .map(|line| (line["take"].as_str().unwrap().to_owned(), line["file"]["blake3"].clone()))
        .collect();
    assert_eq!(dry.len(), 10);
    let out = bench.manifest(&lines);
    for layout in [Layout::Folders, Layout::Egdb, Layout::Tonetwist] {
        let set = layout.word();
        let summary = package(&out, &bench.path(set), &Settings::new(layout)).unwrap();
        assert_eq!(summary.entries, 2 * 5 * 2, "dry takes are no entries of their own");
        let rows = rows(&bench, set);
        assert_eq!(rows.len(), 20);
        for row in &rows {
            assert_eq!(row["dry_blake3"], dry[row["take"].as_str().unwrap()], "{row}");
            let file = fs::read(bench.path(&format!("{set}/{}", row["dry_file_name"].as_str().unwrap()))).unwrap();
            assert_eq!(blake3::hash(&file).to_hex().to_string(), row["dry_blake3"]);
        }
        assert!(!summary.warnings.iter().any(|warning| warning.contains("dry")), "{:?}", summary.warnings);
    }
    let files = bench.files("egdb");
    for name in ["audio_DI/a.wav", "audio_DI/a-at480.wav", "audio_lead/b-at0.wav", "audio_clean/b-2.wav"] {
        assert!(files.contains(&name.to_owned()), "{name}: {files:?}");
    }
}

#[test]
fn a_part_without_a_dry_take_is_not_paired_with_the_whole_recording() {
    let bench = Bench::new();
    let mut lines: Vec<Value> =
        takes(&bench, &INPUTS[..1], &PARTS).into_iter().filter(|line| !line["tone"].is_null()).collect();
    // What the job says of an input may be called as it likes.
    lines[0]["metadata"] = json!({ "channel": "left", "segment": "chorus" });
    let out = bench.manifest(&lines);
    let summary = package(&out, &bench.path("set"), &Settings::new(Layout::Folders)).unwrap();
    let rows = rows(&bench, "set");
    let with_dry: Vec<&str> =
        rows.iter().filter(|row| !row["dry_blake3"].is_null()).map(|row| row["take"].as_str().unwrap()).collect();
    assert_eq!(with_dry, ["a.wav", "a.wav"]);
    let told = summary.warnings.iter().find(|warning| warning.contains("also: [dry]")).unwrap();
    assert!(told.contains("clean@0+480/a.wav") && !told.contains("clean/a.wav"), "{told}");
    let plain = Settings { dry: false, ..Settings::new(Layout::Folders) };
    let summary = package(&out, &bench.path("wet"), &plain).unwrap();
    assert!(!summary.warnings.iter().any(|warning| warning.contains("also: [dry]")));
}

#[test]
fn a_dry_take_of_another_length_or_rate_is_told() {
    let bench = Bench::new();
    let mut lines = takes(&bench, &INPUTS[..2], &[""]);
    for (line, rate) in [(0, 8000), (3, 4000)] {
        let path = bench.path("out").join(lines[line]["path"].as_str().unwrap());
        let spec = hound::WavSpec { sample_rate: rate, ..hound::WavReader::open(&path).unwrap().spec() };
        let mut writer = hound::WavWriter::create(&path, spec).unwrap();
        (0..700).for_each(|sample: i16| writer.write_sample(sample).unwrap());
        writer.finalize().unwrap();
        lines[line]["file"]["blake3"] = json!(blake3::hash(&fs::read(&path).unwrap()).to_hex().to_string());
    }
    let out = bench.manifest(&lines);
    let told = package(&out, &bench.path("set"), &Settings::new(Layout::Folders)).unwrap().warnings;
    assert!(told.iter().any(|told| told.contains("clean/a.wav (800 and 700 frames)") && !told.contains("b.wav")));
    assert!(told.iter().any(|told| told.contains("4000 Hz") && told.contains("dry/b.wav")), "{told:?}");
}

#[test]
fn takes_of_one_recording_stay_together_and_so_does_what_the_job_groups() {
    let bench = Bench::new();
    let mut lines = takes(&bench, &INPUTS, &PARTS);
    let out = bench.manifest(&lines);
    let set = gather(&out, &settings(Layout::Folders)).unwrap();
    let groups: BTreeSet<&str> = set.entries.iter().map(|entry| &*entry.group).collect();
    assert_eq!(groups.len(), INPUTS.len());
    assert!(groups.contains("a.wav"));
    for line in &mut lines {
        line["source_group"] = json!(if line["label"].as_str().unwrap() < "e" { "Ann" } else { "Bob" });
    }
    bench.manifest(&lines);
    let set = gather(&out, &settings(Layout::Folders)).unwrap();
    let groups: BTreeSet<&str> = set.entries.iter().map(|entry| &*entry.group).collect();
    assert_eq!(groups, BTreeSet::from(["Ann", "Bob"]));
    // What is asked of the package counts before what the job said.
    let asked = Settings { group_by: Some("input".to_owned()), ..settings(Layout::Folders) };
    let set = gather(&out, &asked).unwrap();
    assert_eq!(set.entries.iter().map(|entry| &*entry.group).collect::<BTreeSet<_>>().len(), INPUTS.len());
}

#[test]
fn a_grouping_that_tears_one_recording_apart_is_joined_and_told() {
    let bench = Bench::new();
    let mut lines = bench.lines(&INPUTS, &TONES);
    for (number, line) in lines.iter_mut().enumerate() {
        line["metadata"] = json!({ "number": format!("n{number:02}") });
    }
    let out = bench.manifest(&lines);
    let asked = Settings { group_by: Some("number".to_owned()), ..settings(Layout::Folders) };
    let set = gather(&out, &asked).unwrap();
    let mut splits: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for entry in &set.entries {
        splits.entry(&entry.input).or_default().insert(&entry.split);
        assert!(["n00", "n02", "n04", "n06", "n08", "n10", "n12", "n14"].contains(&&*entry.group), "{}", entry.group);
    }
    assert!(splits.values().all(|splits| splits.len() == 1), "{splits:?}");
    let told = set.warnings.iter().find(|warning| warning.contains("are one")).unwrap();
    assert!(told.contains("n00 with n01, n02 with n03"), "{told}");
}

#[test]
fn copies_of_a_recording_under_other_names_are_one_source() {
    let bench = Bench::new();
    let mut lines = takes(&bench, &["a", "b"], &[""]);
    fs::copy(bench.path("di/a.wav"), bench.path("di/c.wav")).unwrap();
    for tone in TONES {
        lines.push(bench.take("di/c.wav", "", Some(tone), lines.len() as u32));
    }
    let out = bench.manifest(&lines);
    let set = gather(&out, &settings(Layout::Folders)).unwrap();
    let groups: BTreeSet<&str> = set.entries.iter().map(|entry| &*entry.group).collect();
    assert_eq!(groups, BTreeSet::from(["a.wav", "b.wav"]));
    assert!(set.warnings.iter().any(|warning| warning.contains("a.wav with c.wav")), "{:?}", set.warnings);
}

#[test]
fn quarantined_files_are_left_out_and_flagged_ones_are_if_that_is_asked() {
    let bench = Bench::new();
    let mut lines = takes(&bench, &INPUTS[..4], &[""]);
    let flag = json!([{ "flag": "silent", "peak_dbfs": null, "limit_dbfs": -90.0 }]);
    // a: its lead is in quarantine; b: its lead is flagged; c: its dry take is.
    lines[2]["file"]["quarantined"] = json!(true);
    lines[2]["file"]["flags"] = flag.clone();
    fs::remove_file(bench.path("out/lead/a.wav")).unwrap();
    lines[5]["file"]["flags"] = flag.clone();
    lines[6]["file"]["flags"] = flag.clone();
    let out = bench.manifest(&lines);
    let summary = package(&out, &bench.path("all"), &Settings::new(Layout::Audiofolder)).unwrap();
    assert_eq!((summary.entries, summary.flagged), (7, 1));
    assert_eq!((summary.left.quarantined, summary.left.flagged), (1, 0));
    assert!(summary.warnings.iter().any(|told| told.starts_with("1 file is left out") && told.contains("quarantine")));
    let table = json_lines(&fs::read(bench.path("all/train/metadata.jsonl")).unwrap());
    let flags = |id: &str| table.iter().find(|row| row["id"] == id).unwrap()["flags"].as_str().unwrap().to_owned();
    assert_eq!(serde_json::from_str::<Value>(&flags("lead-b")).unwrap(), flag);
    assert_eq!(flags("clean-b"), "[]");
    let card = fs::read_to_string(bench.path("all/README.md")).unwrap();
    assert!(card.contains("Flagged by the quality gate: 1;"), "{card}");
    assert!(card.contains("1 in quarantine"), "{card}");
    let asked = Settings { without_flagged: true, ..Settings::new(Layout::Folders) };
    let summary = package(&out, &bench.path("good"), &asked).unwrap();
    assert_eq!((summary.entries, summary.flagged, summary.left.flagged), (4, 0, 3));
    let ids: Vec<Value> = rows(&bench, "good").iter().map(|row| row["id"].clone()).collect();
    assert_eq!(ids, ["clean-a", "clean-b", "clean-d", "lead-d"]);
    let card = fs::read_to_string(bench.path("good/README.md")).unwrap();
    assert!(card.contains("--without-flagged") && card.contains("3 flagged"), "{card}");
}

#[test]
fn where_nothing_is_left_the_reasons_are_told() {
    let bench = Bench::new();
    let mut lines = takes(&bench, &INPUTS[..1], &[""]);
    for line in &mut lines {
        line["file"]["quarantined"] = json!(true);
    }
    let out = bench.manifest(&lines);
    let error = refused(&bench, &out, &Settings::new(Layout::Folders));
    assert!(error.contains("3 in quarantine"), "{error}");
    bench.manifest(&takes(&bench, &INPUTS[..1], &[""])[..1]);
    let error = refused(&bench, &out, &Settings::new(Layout::Folders));
    assert!(error.contains("dry takes alone"), "{error}");
}

#[test]
fn settings_of_other_layouts_are_refused_before_anything_is_looked_at() {
    let bench = Bench::new();
    let asked = Settings { shard_size: Some(ByteSize(5)), ..Settings::new(Layout::Egdb) };
    let error = refused(&bench, &bench.path("nowhere"), &asked);
    assert!(error.contains("shard_size (--shard-size): only webdataset does"), "{error}");
}

#[test]
fn an_annotation_that_is_not_as_it_was_written_is_named() {
    let bench = Bench::new();
    let mut lines = takes(&bench, &INPUTS[..1], &[""]);
    let notes = bench.write("out/clean/a.mid", "MThd");
    lines[1]["annotations"] = json!([bench.annotation(&notes)]);
    let out = bench.manifest(&lines);
    package(&out, &bench.path("good"), &Settings::new(Layout::Webdataset)).unwrap();
    bench.write("out/clean/a.mid", "other");
    let error = refused(&bench, &out, &Settings::new(Layout::Folders));
    assert!(error.contains("out/clean/a.mid: its content has changed"), "{error}");
}

#[test]
fn the_licence_in_a_models_own_metadata_is_collected_and_held_against_the_list() {
    let bench = Bench::new();
    let mut lines = bench.lines(&INPUTS[..1], &TONES);
    bench.write("di/a.wav.license", "SPDX-License-Identifier: CC0-1.0");
    let model = |name: &str, licence: &str| {
        let text = format!(r#"{{ "version": "0.5.4", "metadata": {{ "license": "{licence}" }}, "weights": [0.5] }}"#);
        let path = bench.write(&format!("nam/{name}"), &text);
        json!({ "role": "asset", "path": path, "blake3": blake3::hash(text.as_bytes()).to_hex().to_string() })
    };
    let free = model("free.nam", "CC-BY-4.0");
    let strict = model("strict.nam", "Not for data sets");
    lines[0]["sources"].as_array_mut().unwrap().push(free);
    lines[1]["sources"].as_array_mut().unwrap().push(strict);
    let out = bench.manifest(&lines);
    let summary = package(&out, &bench.path("all"), &Settings::new(Layout::Folders)).unwrap();
    let licences = ["CC-BY-4.0", "CC0-1.0", "Not for data sets"].map(str::to_owned);
    assert_eq!(summary.licences, BTreeSet::from(licences));
    let table = rows(&bench, "all");
    assert_eq!(table[0]["licence"], "CC-BY-4.0 AND CC0-1.0");
    let allowed = ["CC0-1.0", "CC-BY-4.0"].map(str::to_owned).to_vec();
    let asked = Settings { licence_allow: allowed, ..Settings::new(Layout::Folders) };
    let error = refused(&bench, &out, &asked);
    assert!(error.contains("/nam/strict.nam (asset): Not for data sets"), "{error}");
    assert!(!error.contains("free.nam") && error.contains("--licence-allow"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn splits_never_share_a_group_a_recording_or_a_held_out_tone_and_more_inputs_move_none(
        seed in any::<u64>(),
        first in 2usize..6,
        parts in proptest::sample::subsequence(PARTS.to_vec(), 1..=PARTS.len()),
    ) {
        let bench = Bench::new();
        let lines = takes(&bench, &INPUTS, &parts);
        let asked = Settings { seed: Some(seed), ..settings(Layout::Folders) };
        let held = Settings { hold_out: vec!["lead".to_owned()], ..asked.clone() };
        let each = lines.len() / INPUTS.len();
        let splits_of = |count: usize, what: fn(&crate::Entry) -> Vec<String>| {
            let out = bench.manifest(&lines[..count * each]);
            let mut splits: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
            for entry in gather(&out, &asked).unwrap().entries {
                for what in what(&entry) {
                    splits.entry(what).or_default().insert(entry.split.to_string());
                }
            }
            splits
        };
        let by_group = |entry: &crate::Entry| vec![entry.group.to_string()];
        let by_content = |entry: &crate::Entry| entry.inputs.keys().cloned().collect();
        let (few, all) = (splits_of(first, by_group), splits_of(INPUTS.len(), by_group));
        prop_assert_eq!((few.len(), all.len()), (first, INPUTS.len()));
        prop_assert!(all.values().all(|splits| splits.len() == 1));
        prop_assert!(few.iter().all(|(group, splits)| all[group] == *splits));
        let recordings = splits_of(INPUTS.len(), by_content);
        prop_assert!(recordings.len() == INPUTS.len() && recordings.values().all(|splits| splits.len() == 1));
        match gather(&bench.path("out"), &held) {
            Ok(set) => prop_assert!(
                set.entries.iter().all(|entry| entry.tone.as_deref() != Some("lead") || &*entry.split == "test")
            ),
            Err(error) => prop_assert!(false, "{}", error),
        }
    }
}
