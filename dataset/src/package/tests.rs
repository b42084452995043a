use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::*;
use crate::bench::Bench;
use crate::settings::{ByteSize, Layout, MetadataFormat};
use crate::split::Shares;

const INPUTS: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];
const TONES: [&str; 2] = ["clean", "lead"];

fn settings(layout: Layout) -> Settings {
    Settings { split: "train=0.5,valid=0.25,test=0.25".parse().unwrap(), seed: Some(3), ..Settings::new(layout) }
}

fn refused(bench: &Bench, out: &Path, settings: &Settings) -> String {
    let error = package(out, &bench.path("set"), settings).unwrap_err().to_string();
    assert!(!bench.path("set").exists() && !bench.path("set.partial").exists(), "{error}");
    error
}

fn json_lines(bytes: &[u8]) -> Vec<Value> {
    let lines = std::str::from_utf8(bytes).unwrap().lines();
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn every_layout_is_the_same_to_the_byte_from_lines_in_another_order() {
    let bench = Bench::new();
    let mut lines = bench.lines(&INPUTS, &TONES);
    let out = bench.manifest(&lines);
    let layouts = Layout::ALL.into_iter().filter(|layout| *layout != Layout::Slakh);
    for layout in layouts.clone() {
        package(&out, &bench.path(&format!("one-{}", layout.word())), &settings(layout)).unwrap();
    }
    lines.reverse();
    bench.manifest(&lines);
    for layout in layouts {
        let summary = package(&out, &bench.path(&format!("two-{}", layout.word())), &settings(layout)).unwrap();
        assert_eq!(summary.entries, 16);
        let of = |run: &str| bench.content(&format!("{run}-{}", layout.word()));
        let (one, two) = (of("one"), of("two"));
        assert_eq!(one.keys().collect::<Vec<_>>(), two.keys().collect::<Vec<_>>(), "{layout:?}");
        let differing: Vec<_> =
            one.iter().filter(|(name, bytes)| two[*name] != **bytes).map(|(name, _)| name).collect();
        assert_eq!(differing, [""; 0], "{layout:?}");
    }
}

#[test]
fn an_audiofolder_names_the_files_of_each_row() {
    let bench = Bench::new();
    let out = bench.render(&INPUTS, &TONES);
    let summary = package(&out, &bench.path("set"), &settings(Layout::Audiofolder)).unwrap();
    assert_eq!(summary.splits.values().map(|count| count.groups).sum::<usize>(), 8);
    let mut rows = 0;
    for split in summary.splits.keys() {
        let folder = bench.path("set").join(split);
        for row in json_lines(&fs::read(folder.join("metadata.jsonl")).unwrap()) {
            let file = |column: &str| fs::read(folder.join(row[column].as_str().unwrap())).unwrap();
            let hash = |column: &str| Value::from(blake3::hash(&file(column)).to_hex().to_string());
            assert_eq!(hash("wet_file_name"), row["wet_blake3"]);
            assert_eq!(hash("dry_file_name"), row["dry_blake3"]);
            assert_eq!(
                file("dry_file_name"),
                fs::read(bench.path(&format!("di/{}.wav", row["input"].as_str().unwrap()))).unwrap()
            );
            assert_eq!(row["split"], split.as_str());
            let drive: Value = serde_json::from_str(row["parameters"].as_str().unwrap()).unwrap();
            assert!(drive["drive/Drive"].is_number(), "{row}");
            rows += 1;
        }
    }
    assert_eq!(rows, 16);
    // Two tones of one take share its dry file.
    let dry = bench.files("set").into_iter().filter(|name| name.contains("/dry/")).count();
    assert_eq!(dry, 8);
}

#[test]
fn metadata_can_be_csv_or_parquet() {
    let bench = Bench::new();
    let out = bench.render(&INPUTS[..2], &TONES);
    for format in [MetadataFormat::Csv, MetadataFormat::Parquet] {
        let settings = Settings { metadata: Some(format), ..Settings::new(Layout::Audiofolder) };
        let name = format!("set-{}", format.word());
        package(&out, &bench.path(&name), &settings).unwrap();
        assert!(bench.path(&format!("{name}/train/metadata.{}", format.word())).exists());
    }
}

#[test]
fn shards_hold_whole_samples_in_order_and_no_trace_of_when_or_who() {
    let bench = Bench::new();
    let out = bench.render(&INPUTS, &TONES);
    // A sample has two sounds of 1,644 bytes and about 1,000 bytes of JSON, each in blocks with a header: 7 kB or so.
    let settings = Settings { shard_size: Some(ByteSize(20_000)), ..Settings::new(Layout::Webdataset) };
    package(&out, &bench.path("set"), &settings).unwrap();
    let shards: Vec<String> = bench.files("set").into_iter().filter(|name| name.ends_with(".tar")).collect();
    assert!(shards.len() > 3, "{shards:?}");
    let mut names = Vec::new();
    for (number, shard) in shards.iter().enumerate() {
        assert_eq!(*shard, format!("train-{number:06}.tar"));
        let path = bench.path("set").join(shard);
        assert!(path.metadata().unwrap().len() <= 20_000);
        let mut archive = tar::Archive::new(fs::File::open(path).unwrap());
        let mut keys = Vec::new();
        for part in archive.entries().unwrap() {
            let part = part.unwrap();
            let header = part.header();
            assert_eq!((header.mtime().unwrap(), header.uid().unwrap(), header.gid().unwrap()), (0, 0, 0));
            assert_eq!(header.mode().unwrap(), 0o644);
            let name = part.path().unwrap().to_str().unwrap().to_owned();
            keys.push(name.split('.').next().unwrap().to_owned());
            names.push(name);
        }
        keys.dedup();
        assert_eq!(
            keys.len() * 3,
            keys.iter().map(|key| names.iter().filter(|n| n.starts_with(&format!("{key}."))).count()).sum::<usize>()
        );
    }
    assert_eq!(names.len(), 16 * 3);
    assert!(names.is_sorted(), "{names:?}");
    assert_eq!(names[..3], ["clean-a.dry.wav", "clean-a.json", "clean-a.wet.wav"]);
}

#[test]
fn a_sample_larger_than_a_shard_has_one_of_its_own() {
    let bench = Bench::new();
    let out = bench.render(&INPUTS[..3], &TONES[..1]);
    let settings = Settings { shard_size: Some(ByteSize(1)), ..Settings::new(Layout::Webdataset) };
    package(&out, &bench.path("set"), &settings).unwrap();
    assert_eq!(bench.files("set").iter().filter(|name| name.ends_with(".tar")).count(), 3);
}

#[test]
fn egdb_has_a_folder_for_each_tone_and_the_clip_in_each() {
    let bench = Bench::new();
    let mut lines = bench.lines(&INPUTS[..2], &TONES);
    let label = bench.write("out/labels/a.mid", "MThd");
    for (number, line) in lines.iter_mut().enumerate() {
        line["annotations"] = if number < 2 { json!([bench.annotation(&label)]) } else { json!([]) };
        line["draw"] = json!(0);
    }
    let out = bench.manifest(&lines);
    let summary = package(&out, &bench.path("set"), &Settings::new(Layout::Egdb)).unwrap();
    let files = bench.files("set");
    for name in ["audio_DI/a.wav", "audio_clean/a.wav", "audio_lead/b.wav", "audio_label/a.midi", "split_train.txt"] {
        assert!(files.iter().any(|file| file == name), "{name}: {files:?}");
    }
    assert_eq!(fs::read_to_string(bench.path("set/split_train.txt")).unwrap(), "a\nb\n");
    assert!(summary.warnings.iter().any(|warning| warning.contains("MIDI label") && warning.ends_with(": b")));
}

#[test]
fn several_draws_of_a_tone_are_several_tones_of_egdb() {
    let bench = Bench::new();
    let mut lines = bench.lines(&INPUTS[..1], &["clean"]);
    lines[0]["draw"] = json!(0);
    let mut again = bench.line("di/a.wav", "clean-again", 9);
    again["tone"] = json!("clean");
    again["draw"] = json!(1);
    lines.push(again);
    let out = bench.manifest(&lines);
    package(&out, &bench.path("set"), &Settings::new(Layout::Egdb)).unwrap();
    let files = bench.files("set");
    assert!(files.contains(&"audio_clean-0/a.wav".to_owned()) && files.contains(&"audio_clean-1/a.wav".to_owned()));
}

#[test]
fn flac_becomes_wav_with_the_same_samples_where_a_layout_has_no_other() {
    let bench = Bench::new();
    let lines = bench.lines(&INPUTS[..1], &TONES[..1]);
    let flac = Path::new(env!("CARGO_MANIFEST_DIR")).join("../jobs/examples/data/guitar.flac");
    let mut line = lines[0].clone();
    let blake3 = blake3::hash(&fs::read(&flac).unwrap()).to_hex().to_string();
    line["sources"] = json!([{ "role": "input", "path": flac, "blake3": blake3 }]);
    let out = bench.manifest(&[line]);
    let summary = package(&out, &bench.path("set"), &Settings::new(Layout::Tonetwist)).unwrap();
    let wav = bench.path("set/dry/trainval/guitar.input.wav");
    let (flac, wav) = (audio::read::read(&flac).unwrap(), audio::read::read(&wav).unwrap());
    assert_eq!(flac, wav);
    assert!(bench.path("set/clean/trainval/D0/D0.guitar.target.wav").exists());
    let rates = summary.warnings.iter().any(|warning| warning.contains("44100 Hz") && warning.contains("8000 Hz"));
    assert!(rates, "{:?}", summary.warnings);
}

#[test]
fn musicongen_finds_its_tags_and_lists() {
    let bench = Bench::new();
    let mut lines = bench.lines(&INPUTS[..1], &TONES[..1]);
    let chords = bench.write("out/chords/a.lab", "0 1 C");
    lines[0]["metadata"] = json!({ "bpm": 120.0, "key": "E minor", "keywords": ["clean", "guitar"] });
    lines[0]["annotations"] = json!([bench.annotation(&chords)]);
    let out = bench.manifest(&lines);
    let summary = package(&out, &bench.path("set"), &Settings::new(Layout::Musicongen)).unwrap();
    let tags: Value =
        serde_json::from_slice(&fs::read(bench.path("set/clip/train/clean-a/tags.json")).unwrap()).unwrap();
    assert_eq!(
        (&tags["bpm"], &tags["key"], &tags["keywords"]),
        (&json!(120.0), &json!("E minor"), &json!("clean, guitar"))
    );
    assert_eq!((&tags["duration"], &tags["sample_rate"], &tags["title"]), (&json!(0.1), &json!(8000), &json!("a")));
    let list = json_lines(&fs::read(bench.path("set/egs/train/data.jsonl")).unwrap());
    assert_eq!(list.len(), 1);
    assert_eq!(list[0]["path"], "clip/train/clean-a/no_vocal.wav");
    assert!((list[0]["amplitude"].as_f64().unwrap() - 0.0075).abs() < 1e-4, "{}", list[0]);
    assert!(list[0]["weight"].is_null() && list[0]["info_path"].is_null());
    assert!(bench.path("set/clip/train/clean-a/chord.lab").exists());
    assert_eq!(summary.warnings.iter().filter(|warning| warning.contains("beats.npy")).count(), 1);
    assert!(!summary.warnings.iter().any(|warning| warning.contains("chord.lab")));
}

#[test]
fn slakh_has_a_folder_for_each_song_with_its_stems() {
    let bench = Bench::new();
    let mut lines = Vec::new();
    for (seed, song) in (0..).zip(["one", "two"]) {
        let midi = bench.write(&format!("{song}.mid"), song);
        bench.wav("di/x.wav", 1);
        for (part, deliver) in (0..).zip([json!("mix"), json!({ "stem": "bass" }), json!({ "stem": "keys" })]) {
            let mut line = bench.line("di/x.wav", &format!("{song}-{part}"), 10 * seed + part);
            line["label"] = json!(song);
            line["key"] = json!(format!("key of {song}"));
            line["deliver"] = deliver;
            line["devices"][0]["place"] = json!("keys");
            line["devices"][0]["info"]["instrument"] = json!(true);
            let blake3 = blake3::hash(song.as_bytes()).to_hex().to_string();
            line["sources"] = json!([{ "role": "midi", "path": midi, "blake3": blake3 }]);
            lines.push(line);
        }
    }
    let out = bench.manifest(&lines);
    package(&out, &bench.path("set"), &Settings::new(Layout::Slakh)).unwrap();
    let files = bench.files("set");
    let of_song = ["all_src.mid", "metadata.yaml", "mix.wav", "stems/S00.wav", "stems/S01.wav"];
    for (track, file) in ["Track00001", "Track00002"].iter().flat_map(|track| of_song.iter().map(move |f| (track, f))) {
        assert!(files.contains(&format!("train/{track}/{file}")), "{track}/{file}: {files:?}");
    }
    let yaml = fs::read_to_string(bench.path("set/train/Track00001/metadata.yaml")).unwrap();
    assert!(yaml.contains("  S00:\n    audio_rendered: true\n    inst_class: \"bass\""), "{yaml}");
    assert!(yaml.contains("inst_class: \"keys\"") && yaml.contains("plugin_name: \"drive\""), "{yaml}");
    let tones = bench.render(&INPUTS[..1], &TONES[..1]);
    let error = package(&tones, &bench.path("other"), &Settings::new(Layout::Slakh)).unwrap_err().to_string();
    assert!(error.contains("songs with a mix and stems"), "{error}");
}

#[test]
fn a_template_says_where_files_lie_and_what_is_wrong_with_it_is_told() {
    let bench = Bench::new();
    let out = bench.render(&INPUTS[..2], &TONES);
    let with = |template: &str| Settings { template: Some(template.to_owned()), ..Settings::new(Layout::Folders) };
    for (template, words) in [
        ("{tone", "brace"),
        ("../{kind}/{key}", "leads out"),
        ("/{kind}/{key}", "leads out"),
        ("{tone}/{input}", "tell wet from dry"),
        ("{kind}/{player}/{key}", "{player}"),
        ("{kind}/{tone}", "would both be"),
    ] {
        let error = refused(&bench, &out, &with(template));
        assert!(error.contains(words), "{template}: {error}");
    }
    package(&out, &bench.path("set"), &with("{split}/{kind}s/{key}")).unwrap();
    let files = bench.files("set");
    assert!(files.contains(&"train/wets/clean-a.wav".to_owned()) && files.contains(&"train/drys/a.wav".to_owned()));
    let rows = json_lines(&fs::read(bench.path("set/metadata.jsonl")).unwrap());
    assert_eq!(rows[0]["wet_file_name"], "train/wets/clean-a.wav");
}

#[test]
fn dry_files_are_those_that_the_job_wrote_where_it_did() {
    let bench = Bench::new();
    let mut lines = bench.lines(&INPUTS[..1], &TONES[..1]);
    let mut dry = bench.line("di/a.wav", "dry", 5);
    dry["key"] = lines[0]["key"].clone();
    dry["label"] = lines[0]["label"].clone();
    dry["deliver"] = json!({ "dry": "di" });
    let hash = dry["file"]["blake3"].clone();
    lines.push(dry);
    let out = bench.manifest(&lines);
    let summary = package(&out, &bench.path("set"), &Settings::new(Layout::Folders)).unwrap();
    assert_eq!(summary.entries, 1);
    assert_eq!(json_lines(&fs::read(bench.path("set/metadata.jsonl")).unwrap())[0]["dry_blake3"], hash);
}

#[test]
fn files_that_changed_since_are_named() {
    let bench = Bench::new();
    let out = bench.render(&INPUTS[..2], &TONES);
    bench.wav("di/a.wav", 99);
    let error = refused(&bench, &out, &Settings::new(Layout::Folders));
    assert!(error.contains("di/a.wav") && error.contains("--no-dry"), "{error}");
    package(&out, &bench.path("wet"), &Settings { dry: false, ..Settings::new(Layout::Folders) }).unwrap();
    fs::remove_file(bench.path("out/lead/b.wav")).unwrap();
    let error = refused(&bench, &out, &Settings::new(Layout::Folders));
    assert!(error.contains("out/lead/b.wav") && !error.contains("out/clean"), "{error}");
    let error = refused(&bench, &bench.path("di"), &Settings::new(Layout::Folders));
    assert!(error.contains("no finished render"), "{error}");
}

#[test]
fn what_a_line_tells_in_another_form_is_refused_and_not_passed_over() {
    let bench = Bench::new();
    let mut lines = bench.lines(&INPUTS[..2], &TONES);
    lines[2]["metadata"] = json!(["player", "Ann"]);
    let out = bench.manifest(&lines);
    let error = refused(&bench, &out, &Settings::new(Layout::Folders));
    assert!(error.contains("line 3 of"), "{error}");
}

#[test]
fn a_torn_last_line_is_left_out_and_told() {
    let bench = Bench::new();
    let out = bench.render(&INPUTS[..2], &TONES);
    let manifest = fs::read(out.join("manifest.jsonl")).unwrap();
    fs::write(out.join("manifest.jsonl"), &manifest[..manifest.len() - 10]).unwrap();
    let summary = package(&out, &bench.path("set"), &Settings::new(Layout::Folders)).unwrap();
    assert_eq!(summary.entries, 3);
    assert!(summary.warnings.iter().any(|warning| warning.contains("torn")), "{:?}", summary.warnings);
}

#[test]
fn a_held_out_tone_is_in_test_alone_and_leaks_no_source() {
    let bench = Bench::new();
    let out = bench.render(&INPUTS, &TONES);
    let asked = Settings { hold_out: vec!["lead".to_owned()], ..settings(Layout::Folders) };
    let summary = package(&out, &bench.path("set"), &asked).unwrap();
    let rows = json_lines(&fs::read(bench.path("set/metadata.jsonl")).unwrap());
    let in_test = |tone: &str| rows.iter().filter(|row| row["tone"] == tone && row["split"] == "test").count();
    assert!(in_test("lead") > 0);
    assert_eq!(rows.iter().filter(|row| row["tone"] == "lead").count(), in_test("lead"));
    assert_eq!(in_test("lead"), in_test("clean"));
    assert_eq!(summary.left.held_back + rows.len(), 16);
    assert!(summary.left.held_back > 0 && summary.warnings.iter().any(|warning| warning.contains("held-out")));
    let card = fs::read_to_string(bench.path("set/README.md")).unwrap();
    assert!(card.contains("Held out for test: lead"), "{card}");
    let wrong = |hold_out: &str, split: &str| {
        let split: Shares = split.parse().unwrap();
        let asked = Settings { hold_out: vec![hold_out.to_owned()], split, ..Settings::new(Layout::Folders) };
        package(&out, &bench.path("no"), &asked).unwrap_err().to_string()
    };
    assert!(wrong("leed", "train=0.5,test=0.5").contains("clean, lead"));
    assert!(wrong("lead", "train=1").contains("the split test"));
}

#[test]
fn groups_by_a_field_keep_together_what_it_joins() {
    let bench = Bench::new();
    let mut lines = bench.lines(&INPUTS, &TONES);
    for line in &mut lines {
        let player = if line["label"].as_str().unwrap() < "e" { "Ann" } else { "Bob" };
        line["metadata"] = json!({ "player": player });
    }
    let out = bench.manifest(&lines);
    let asked = Settings { group_by: Some("player".to_owned()), ..settings(Layout::Folders) };
    let summary = package(&out, &bench.path("set"), &asked).unwrap();
    assert_eq!(summary.splits.values().map(|count| count.groups).sum::<usize>(), 2);
    lines[3]["metadata"] = json!({});
    bench.manifest(&lines);
    let error = package(&out, &bench.path("no"), &asked).unwrap_err().to_string();
    assert!(error.contains("player") && error.contains("lead-b") && error.contains("input, folder, tone"), "{error}");
}

#[test]
fn licences_are_told_and_an_allow_list_names_what_it_refuses() {
    let bench = Bench::new();
    let out = bench.render(&INPUTS[..2], &TONES);
    let plain = Settings::new(Layout::Folders);
    let summary = package(&out, &bench.path("unknown"), &plain).unwrap();
    assert_eq!(summary.licences, BTreeSet::from(["unknown".to_owned()]));
    assert_eq!(summary.warnings.iter().filter(|warning| warning.contains("states its licence")).count(), 2);
    bench.write("di/a-NOTICE.txt", "Creative Commons Attribution 4.0");
    let allow = |ids: &[&str]| Settings {
        licence_allow: ids.iter().map(|id| (*id).to_owned()).collect(),
        ..Settings::new(Layout::Folders)
    };
    let error = refused(&bench, &out, &allow(&["CC-BY-4.0"]));
    assert!(error.starts_with("1 asset stands under licences that are not allowed (CC-BY-4.0):"), "{error}");
    assert!(error.contains("/di/b.wav (input): unknown") && !error.contains("a.wav"), "{error}");
    assert!(error.contains("--licence-allow") && error.contains("NAME.license"), "{error}");
    package(&out, &bench.path("set"), &allow(&["cc-by-4.0", "unknown"])).unwrap();
    let card = fs::read_to_string(bench.path("set/README.md")).unwrap();
    assert!(card.contains("license:\n- \"cc-by-4.0\"\n- \"unknown\"\n"), "{card}");
    let files = bench.files("set");
    assert!(files.iter().any(|name| name.starts_with("licences/") && name.ends_with("-a-NOTICE.txt")), "{files:?}");
}

#[test]
fn a_card_tells_what_is_in_it_and_how_it_was_made() {
    let bench = Bench::new();
    let out = bench.render(&INPUTS, &TONES);
    package(&out, &bench.path("set"), &Settings { name: Some("My set".to_owned()), ..settings(Layout::Audiofolder) })
        .unwrap();
    let card = fs::read_to_string(bench.path("set/README.md")).unwrap();
    assert!(card.starts_with("---\npretty_name: \"My set\"\nlicense:\n"), "{card}");
    for words in [
        "- split: validation\n    path: \"valid/**\"",
        "| all | 8 | 16 | 0.000 |",
        "| clean |",
        "tonemill test, seed 7",
        "tonemill package OUT --as audiofolder --to DIR --name 'My set' --split test=0.25,train=0.5,valid=0.25 --seed 3",
    ] {
        assert!(card.contains(words), "{words}: {card}");
    }
    let place = bench.path("").to_str().unwrap().to_owned();
    for (name, bytes) in bench.content("set") {
        assert!(!String::from_utf8_lossy(&bytes).contains(&place), "{name} tells where it was made");
    }
}

#[test]
fn renders_of_several_seeds_need_one_for_the_splits() {
    let bench = Bench::new();
    let mut lines = bench.lines(&INPUTS[..2], &TONES[..1]);
    lines[1]["seed"] = json!(8);
    let out = bench.manifest(&lines);
    assert!(refused(&bench, &out, &Settings::new(Layout::Folders)).contains("7, 8"));
    package(&out, &bench.path("set"), &Settings { seed: Some(1), ..Settings::new(Layout::Folders) }).unwrap();
}

#[test]
fn paths_that_give_one_key_are_told_apart() {
    let bench = Bench::new();
    bench.wav("di/a.wav", 1);
    let mut one = bench.line("di/a.wav", "x-y", 0);
    let mut two = bench.line("di/a.wav", "x", 1);
    let moved = |line: &mut Value, path: &str| {
        let old: PathBuf = bench.path("out").join(line["path"].as_str().unwrap());
        fs::create_dir_all(bench.path("out").join(path).parent().unwrap()).unwrap();
        fs::rename(old, bench.path("out").join(path)).unwrap();
        line["path"] = json!(path);
    };
    moved(&mut one, "x-y/a.wav");
    moved(&mut two, "x/y-a.wav");
    let out = bench.manifest(&[one, two]);
    package(&out, &bench.path("set"), &Settings::new(Layout::Webdataset)).unwrap();
    let rows = gather(&out, &Settings::new(Layout::Webdataset)).unwrap().entries;
    assert!(rows[0].key.starts_with("x-y-a-") && rows[0].key != rows[1].key, "{} {}", rows[0].key, rows[1].key);
}

#[cfg(target_os = "linux")]
mod memory;
mod takes;
