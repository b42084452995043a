//! Finished renders as data sets, read back by the tools that they are for.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tonemill_tests::{Place, real, repository, sine};

/// Takes that the shipped tones can be tried on in no time.
const TAKES: usize = 8;

/// Files that are rendered: of each take one of each tone, and one more of the tone that draws.
const FILES: usize = 5 * TAKES;

/// Renders some takes at the job's rate through two of the shipped tones, a plain one and one that draws.
fn render(place: &Place) {
    for take in 0..TAKES {
        let frequency = 110.0 * 1.1f64.powi(i32::try_from(take).unwrap());
        place.wav(&format!("di/take{take}.wav"), 48_000, &[sine(48_000, frequency, 0.5, 24_000)]);
    }
    place.write("di/LICENSE", "SPDX-License-Identifier: CC0-1.0\n");
    let library = repository().join("presets/library/guitar");
    let job = format!(
        "tonemill: 1\nseed: 425\ninputs: \"di/{{id}}.wav\"\ndraws: 2\ntones:\n\
         - \"{0}/clean.yaml\"\n- \"{0}/crunch.yaml\"\n- {{ name: Plain, chain: [{{ gain: -6 dB }}] }}\n\
         - {{ name: Loose, chain: [{{ drive: {{ drive: {{ uniform: [3 dB, 12 dB] }} }} }}] }}\n\
         output: {{ path: \"out/{{tone}}/{{id}}-{{draw}}.flac\", bits: 24, length: match }}\n",
        library.display()
    );
    place.write("job.yaml", job);
    place.run(&["render", "job.yaml"]).expect(0);
}

fn package(place: &Place, layout: &str, more: &[&str]) {
    let split = ["--split", "train=0.5,valid=0.25,test=0.25", "--seed", "9"];
    let arguments = [&["package", "out", "--as", layout, "--to", layout], &split[..], more].concat();
    place.run(&arguments).expect(0).says(&["train: ", "Licences: CC0-1.0"]);
}

/// What Python's readers find in a data set; `None` where they cannot be had.
fn read(place: &Place, kind: &str) -> Option<Value> {
    let python = real("TONEMILL_REAL_PYTHON")?.join("bin/python");
    let mut command = Command::new(python);
    command.arg(repository().join("tests/python/read_data_set.py")).arg(kind).arg(place.path(kind));
    command.env("HF_HOME", place.path("hub")).env("HF_HUB_OFFLINE", "1").env("HF_DATASETS_OFFLINE", "1");
    command.env("HF_DATASETS_DISABLE_PROGRESS_BARS", "1");
    let output = command.output().expect("Python starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).expect("the script prints JSON"))
}

/// What soundfile should say of each rendered and recorded file, by its BLAKE3.
fn shapes(place: &Place) -> BTreeMap<String, Value> {
    let mut shapes = BTreeMap::new();
    for line in place.manifest("out/manifest.jsonl") {
        let shape = json!([line["file"]["frames"], line["file"]["channels"], 48_000]);
        shapes.insert(line["file"]["blake3"].as_str().unwrap().to_owned(), shape);
        let dry = line["sources"].as_array().unwrap().iter().find(|source| source["role"] == "input").unwrap();
        shapes.insert(dry["blake3"].as_str().unwrap().to_owned(), json!([24_000, 1, 48_000]));
    }
    shapes
}

/// Fails unless the rows of all splits are every render once, with the sounds that they name.
fn check(place: &Place, splits: &Value, about: impl Fn(&Value) -> Value, sound: impl Fn(&Value, &str) -> Value) {
    let shapes = shapes(place);
    let (mut seen, mut groups) = (BTreeSet::new(), BTreeMap::new());
    for (split, rows) in splits.as_object().unwrap() {
        for row in rows.as_array().unwrap() {
            let told = about(row);
            for kind in ["wet", "dry"] {
                let (sound, hash) = (sound(row, kind), told[format!("{kind}_blake3")].as_str().unwrap());
                assert_eq!(json!([sound["frames"], sound["channels"], sound["rate"]]), shapes[hash], "{row}");
            }
            assert!(seen.insert(told["id"].as_str().unwrap().to_owned()), "{row} is there twice");
            let group = told["group"].as_str().unwrap().to_owned();
            assert_eq!(groups.entry(group).or_insert(split), &split, "{row}: its group is in another split too");
            assert_eq!(told["frames"], 24_000);
        }
    }
    assert_eq!((seen.len(), groups.len()), (FILES, TAKES));
}

#[test]
fn the_datasets_package_loads_an_audiofolder_with_its_splits() {
    let place = Place::new();
    render(&place);
    package(&place, "audiofolder", &[]);
    let Some(found) = read(&place, "audiofolder") else { return };
    for way in ["by_name", "by_card"] {
        let splits: BTreeSet<&str> = found[way].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(splits, BTreeSet::from(["test", "train", "validation"]), "{way}");
        check(&place, &found[way], Value::clone, |row, kind| row[kind].clone());
        let row = &found[way]["train"][0];
        assert_eq!(row["licence"], "CC0-1.0");
        assert!(row["loudness_lufs"].is_number() && row["tone"].is_string(), "{row}");
        for row in found[way].as_object().unwrap().values().flat_map(|rows| rows.as_array().unwrap()) {
            drawn(row);
        }
    }
}

/// Fails unless a row tells what was drawn, and only where something was.
fn drawn(row: &Value) {
    let draws: Value = serde_json::from_str(row["draws"].as_str().unwrap()).unwrap();
    if row["tone"] == "Loose" {
        let value = draws[0]["value"].to_string();
        assert!(value.contains(|c: char| c.is_ascii_digit()) && row["draw"].is_number(), "{row}");
        assert_eq!(draws.as_array().unwrap().len(), 1, "{row}");
        assert!(row["parameters"].as_str().unwrap().contains("drive/Drive"), "{row}");
    } else {
        assert!(draws == json!([]) && row["draw"].is_null(), "{row}");
    }
    assert_eq!(row["metadata_id"], row["input"], "{row}");
    assert_eq!(row["output_gain_db"], 0.0, "{row}");
    // A gain alone leaves nothing but the dry take.
    let flags = row["flags"].as_str().unwrap();
    assert_eq!((flags == "[]", flags.contains("like_dry")), (row["tone"] != "Plain", row["tone"] == "Plain"), "{row}");
}

/// Lays a dry take and notes beside what was rendered, and puts them into the manifest as a job does that writes them.
fn add_dry_takes_and_notes(place: &Place) -> BTreeMap<String, String> {
    let mut lines = place.manifest("out/manifest.jsonl");
    let hash = |name: &str| blake3::hash(&std::fs::read(place.path(name)).unwrap()).to_hex().to_string();
    let mut dry = BTreeMap::new();
    for line in &mut lines {
        let path = line["path"].as_str().unwrap().to_owned();
        let notes = format!("{}.mid", path.strip_suffix(".flac").unwrap());
        // A note for every file, another in each.
        place.write(&format!("out/{notes}"), format!("MThd of {path}"));
        let change = json!({ "source_start": 0, "rate_in": 48_000, "rate_out": 48_000 });
        line["annotations"] = json!([{
            "path": notes, "source": "/midi/a.mid", "blake3": hash(&format!("out/{notes}")), "rewritten": false,
            "change": change
        }]);
    }
    for take in 0..TAKES {
        let name = format!("dry/take{take}.wav");
        // Not as the recording is, so that the two are told apart.
        place.wav(&format!("out/{name}"), 48_000, &[sine(48_000, 100.0 + take as f64, 0.25, 24_000)]);
        let of_take = |line: &&Value| line["tone"] == "Plain" && line["metadata"]["id"] == format!("take{take}");
        let mut line = lines.iter().find(of_take).unwrap().clone();
        dry.insert(line["take"].as_str().unwrap().to_owned(), hash(&format!("out/{name}")));
        line.as_object_mut().unwrap().remove("tone");
        line["path"] = json!(name);
        line["devices"] = json!([]);
        line["annotations"] = json!([]);
        line["file"]["channels"] = json!(1);
        line["file"]["blake3"] = json!(hash(&format!("out/{name}")));
        lines.push(line);
    }
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    place.write("out/manifest.jsonl", text);
    dry
}

#[test]
fn dry_takes_and_notes_that_a_job_wrote_reach_every_reader() {
    let place = Place::new();
    render(&place);
    let dry = add_dry_takes_and_notes(&place);
    let is_of_take = |row: &Value| {
        drawn(row);
        assert_eq!(row["dry_blake3"], dry[row["take"].as_str().unwrap()], "{row}");
    };
    package(&place, "audiofolder", &["--metadata", "parquet"]);
    package(&place, "webdataset", &[]);
    package(&place, "parquet", &[]);
    if let Some(found) = read(&place, "audiofolder") {
        for way in ["by_name", "by_card"] {
            check(&place, &found[way], Value::clone, |row, kind| row[kind].clone());
            found[way].as_object().unwrap().values().flat_map(|rows| rows.as_array().unwrap()).for_each(is_of_take);
        }
    }
    if let Some(found) = read(&place, "webdataset") {
        let sound = |row: &Value, kind: &str| row[if kind == "wet" { "wet.flac" } else { "dry.wav" }].clone();
        check(&place, &found["samples"], |row| row["json"].clone(), sound);
        for row in found["samples"].as_object().unwrap().values().flat_map(|rows| rows.as_array().unwrap()) {
            is_of_take(&row["json"]);
            assert!(row["mid"]["bytes"].as_u64().unwrap() > 8, "{row}");
        }
    }
    if let Some(found) = read(&place, "parquet") {
        for row in found["rows"].as_array().unwrap() {
            is_of_take(row);
            let notes: Value = serde_json::from_str(row["annotations"].as_str().unwrap()).unwrap();
            let notes =
                std::fs::read_to_string(place.path(&format!("parquet/{}", notes[0].as_str().unwrap()))).unwrap();
            assert_eq!(notes, format!("MThd of {}.flac", row["id"].as_str().unwrap().replacen('-', "/", 1)), "{row}");
        }
    }
}

#[test]
fn the_datasets_package_loads_every_kind_of_table_alike() {
    if real("TONEMILL_REAL_PYTHON").is_none() {
        return;
    }
    let mut found = Vec::new();
    for kind in ["jsonl", "csv", "parquet"] {
        let place = Place::new();
        render(&place);
        package(&place, "audiofolder", &["--metadata", kind]);
        assert!(place.path(&format!("audiofolder/train/metadata.{kind}")).exists());
        found.push(read(&place, "audiofolder").expect("it is there"));
    }
    assert_eq!(found[0], found[2], "JSON lines and Parquet");
    assert_alike(&found[0], &found[1], "JSON lines and CSV");
}

/// Fails unless two values are the same, numbers to the last digits but one: pandas reads CSV that exactly and no further.
#[track_caller]
fn assert_alike(one: &Value, other: &Value, place: &str) {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            let (one, other) = (one.as_f64().unwrap(), other.as_f64().unwrap());
            assert!((one - other).abs() <= 1e-12 * one.abs(), "{place}: {one} and {other}");
        }
        (Value::Array(one), Value::Array(other)) => {
            assert_eq!(one.len(), other.len(), "{place}");
            one.iter().zip(other).for_each(|(one, other)| assert_alike(one, other, place));
        }
        (Value::Object(one), Value::Object(other)) => {
            assert_eq!(one.keys().collect::<Vec<_>>(), other.keys().collect::<Vec<_>>(), "{place}");
            one.iter().for_each(|(name, one)| assert_alike(one, &other[name], &format!("{place}, {name}")));
        }
        _ => assert_eq!(one, other, "{place}"),
    }
}

#[test]
fn the_webdataset_and_datasets_packages_read_every_sample_of_every_shard() {
    let place = Place::new();
    render(&place);
    // A sample has about 40 kB.
    package(&place, "webdataset", &["--shard-size", "150kB"]);
    let Some(read) = read(&place, "webdataset") else { return };
    let found = &read["samples"];
    // Hugging Face makes columns of what is in the first samples, which are all of one tone.
    let rows: u64 = read["rows"].as_object().unwrap().values().map(|rows| rows.as_u64().unwrap()).sum();
    assert_eq!(rows, FILES as u64, "{}", read["rows"]);
    check(
        &place,
        found,
        |row| row["json"].clone(),
        |row, kind| row[if kind == "wet" { "wet.flac" } else { "dry.wav" }].clone(),
    );
    let rows: Vec<&Value> = found.as_object().unwrap().values().flat_map(|rows| rows.as_array().unwrap()).collect();
    let shards: BTreeSet<&str> = rows.iter().map(|row| row["shard"].as_str().unwrap()).collect();
    assert!(shards.contains("train-000000.tar") && shards.contains("train-000001.tar"), "{shards:?}");
    let plain = rows.iter().find(|row| row["json"]["tone"] == "Plain").unwrap();
    assert_eq!(plain["json"]["parameters"], "{\"gain/Gain\":-6.0}", "{plain}");
}

#[test]
fn pyarrow_reads_the_parquet_table_with_its_types() {
    let place = Place::new();
    render(&place);
    package(&place, "parquet", &[]);
    let Some(found) = read(&place, "parquet") else { return };
    for (column, kind) in [("frames", "int64"), ("seconds", "double"), ("silent", "bool"), ("tone", "string")] {
        assert_eq!(found["types"][column], kind, "{column}");
    }
    let mut splits: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for row in found["rows"].as_array().unwrap() {
        splits.entry(row["split"].as_str().unwrap().to_owned()).or_default().push(row.clone());
    }
    check(&place, &json!(splits), Value::clone, |row, kind| row[kind].clone());
}

#[test]
fn a_data_set_does_not_depend_on_the_order_or_number_of_workers() {
    let contents: Vec<_> = ["1", "3"]
        .iter()
        .map(|workers| {
            let place = Place::new();
            render(&place);
            // All again, by another number of workers: lines come in another order.
            std::fs::remove_dir_all(place.path("out")).unwrap();
            place.run(&["render", "job.yaml", "--workers", workers]).expect(0);
            for layout in ["audiofolder", "webdataset", "egdb"] {
                package(&place, layout, &[]);
            }
            ["audiofolder", "webdataset", "egdb"].map(|layout| place.sound_files(layout))
        })
        .collect();
    for (one, other) in contents[0].iter().zip(&contents[1]) {
        assert_eq!(one.keys().collect::<Vec<_>>(), other.keys().collect::<Vec<_>>());
        let differing: Vec<_> =
            one.iter().filter(|(name, bytes)| other[*name] != **bytes).map(|(name, _)| name).collect();
        assert_eq!(differing, Vec::<&std::path::PathBuf>::new());
    }
}

#[test]
fn egdb_takes_flac_apart_into_wav_and_leaves_the_render_as_it_was() {
    let place = Place::new();
    render(&place);
    let before = place.sound_files("out");
    package(&place, "egdb", &[]);
    let files = place.sound_files("egdb");
    for name in
        ["audio_DI/take0.wav", "audio_Plain/take7.wav", "audio_Loose-1/take3.wav", "README.md", "licences/assets.jsonl"]
    {
        assert!(files.contains_key(Path::new(name)), "{name}: {:?}", files.keys());
    }
    assert_eq!(place.sound_files("out"), before);
}

#[test]
fn a_tone_that_is_held_out_is_in_test_alone() {
    let place = Place::new();
    render(&place);
    package(&place, "folders", &["--hold-out", "Plain"]);
    let rows = place.manifest("folders/metadata.jsonl");
    let of = |tone: &str, split: &str| rows.iter().filter(|row| row["tone"] == tone && row["split"] == split).count();
    assert!(of("Plain", "test") > 0 && of("Plain", "test") == of("Clean", "test"), "{rows:?}");
    assert_eq!(of("Plain", "train") + of("Plain", "valid"), 0);
    assert_eq!(of("Clean", "train") + of("Clean", "valid") + of("Clean", "test"), TAKES);
}

#[test]
fn a_session_becomes_a_song_of_slakh() {
    let place = Place::new();
    for (name, frequency) in [("bass", 55.0), ("keys", 440.0)] {
        place.wav(&format!("di/{name}.wav"), 48_000, &[sine(48_000, frequency, 0.3, 24_000)]);
    }
    let tracks = "bass: { audio: di/bass.wav }, keys: { audio: di/keys.wav, gain: -6 dB }";
    let output = "{ path: \"out/{name}.wav\", deliver: [mix, stems] }";
    place.write("job.yaml", format!("tonemill: 1\nsession: {{ tracks: {{ {tracks} }} }}\noutput: {output}\n"));
    place.run(&["render", "job.yaml"]).expect(0);
    place.run(&["package", "out", "--as", "slakh", "--to", "set"]).expect(0).says(&["nothing states its licence"]);
    let (out, set) = (place.sound_files("out"), place.sound_files("set"));
    let rendered = |stem: &str| out.iter().find(|(name, _)| name.to_str().unwrap().contains(stem)).unwrap().1;
    for (name, stem) in [("mix", "mix"), ("stems/S00", "bass"), ("stems/S01", "keys")] {
        assert_eq!(&set[Path::new(&format!("train/Track00001/{name}.wav"))], rendered(stem), "{name}");
    }
    let yaml = std::fs::read_to_string(place.path("set/train/Track00001/metadata.yaml")).unwrap();
    assert!(yaml.contains("  S01:\n    audio_rendered: true\n    inst_class: \"keys\""), "{yaml}");
}

#[test]
fn each_mistake_is_told_once_and_leaves_nothing() {
    let place = Place::new();
    render(&place);
    place.write("full/mine.txt", "");
    for (arguments, words) in [
        (&["nowhere", "--as", "folders", "--to", "set"][..], "nowhere holds no finished render"),
        (&["out", "--as", "folders", "--to", "full"], "is there already and not empty"),
        (&["out", "--as", "folders", "--to", "set", "--split", "train=0.5"], "sum to 0.5, not to 1"),
        (&["out", "--as", "folders", "--to", "set", "--hold-out", "Plain"], "the split test"),
        (&["out", "--as", "folders", "--to", "set", "--group-by", "player"], "player tells no group of"),
        (&["out", "--as", "folders", "--to", "set", "--licence-allow", "MIT"], "take0.wav (input): CC0-1.0"),
        (&["out", "--as", "webdataset", "--to", "set", "--shard-size", "big"], "\"big\" is no size"),
        (&["out", "--as", "zip", "--to", "set"], "possible values"),
        (
            &["out", "--as", "egdb", "--to", "set", "--template", "{key}"],
            "egdb takes no template (--template): only folders",
        ),
        (&["out", "--as", "folders", "--to", "set", "--metadata", "jsonl"], "only audiofolder does"),
        (&["out", "--as", "audiofolder", "--to", "set", "--shard-size", "1GB"], "only webdataset does"),
        (&["out", "--as", "slakh", "--to", "set"], "deliver: [mix, stems]"),
    ] {
        let arguments = [&["package"], arguments].concat();
        let ran = place.run(&arguments).expect(2).says(&[words]);
        assert_eq!(ran.out, "");
        assert!(!place.path("set").exists() && !place.path("set.partial").exists(), "{words}");
    }
    std::fs::write(place.path("out/Plain/take3-000.flac"), "other").unwrap();
    let ran = place.run(&["package", "out", "--as", "folders", "--to", "set"]).expect(2);
    assert!(ran.err.contains("out/Plain/take3-000.flac: its content has changed"), "{}", ran.err);
    assert!(!ran.err.contains("take4"), "{}", ran.err);
}

#[test]
fn the_shipped_example_becomes_a_data_set_under_the_licence_of_its_recording() {
    let place = Place::new();
    let job = repository().join("jobs/examples/tones.yaml");
    place.run(&["render", job.to_str().unwrap()]).expect(0);
    let ran = place.run(&["package", "out/tones", "--as", "audiofolder", "--to", "set", "--json"]).expect(0);
    let summary: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((&summary["entries"], &summary["splits"]["train"]["groups"]), (&json!(4), &json!(1)));
    let licences: BTreeSet<&str> =
        summary["licences"].as_array().unwrap().iter().map(|l| l.as_str().unwrap()).collect();
    assert!(licences.contains("CC0-1.0") && !licences.contains("unknown"), "{licences:?}");
    // The example renders at 48 kHz what was recorded at 44.1.
    assert!(ran.err.contains("44100 Hz") && ran.err.contains("48000 Hz"), "{}", ran.err);
}
