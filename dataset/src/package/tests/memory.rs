//! What a long manifest takes of memory.

use std::io::Write;

use super::*;

/// Bytes that an entry may take at most which has twenty settings and five draws of its own, so that a million of them fit
/// into 6 GB.
const MOST: u64 = 6_000;

/// Writes the manifest of so many files, each with settings of its own. Their sound is one and the same.
fn manifest(bench: &Bench, entries: usize) -> PathBuf {
    bench.wav("di/a.wav", 1);
    let line = bench.take("di/a.wav", "", Some("lead"), 0);
    let sound = bench.path("out/lead/a.wav");
    let mut file = std::io::BufWriter::new(fs::File::create(bench.path("out/manifest.jsonl")).unwrap());
    for number in 0..entries {
        let (take, draw) = (number / 200, number % 200);
        let mut line = line.clone();
        line["path"] = json!(format!("tones/lead number {}/take-{take:04}-{draw:03}.wav", draw / 8));
        line["take"] = json!(format!("take-{take:04}.wav"));
        line["source_group"] = line["take"].clone();
        line["label"] = json!(format!("take-{take:04}, \"lead\""));
        line["key"] = json!(jobs::hash::of_text(&number.to_string()));
        line["draw"] = json!(draw);
        line["metadata"] = json!({ "id": format!("take-{take:04}"), "player": "Ann", "tuning": "E standard" });
        let setting = |id: usize| {
            let value = f64::from(u32::try_from(number * 31 + id).unwrap()) / 7.0;
            json!({ "id": id, "name": format!("Knob {id}"), "value": value, "text": format!("{value:.2} dB") })
        };
        line["devices"][0]["settings"] = (0..20).map(setting).collect();
        let drawn = |n: usize| json!({ "device": "drive", "parameter": format!("Knob {n}"), "value": n as f64 / 3.0 });
        line["drawn"] = (0..5).map(drawn).collect();
        let path = bench.path("out").join(line["path"].as_str().unwrap());
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        if !path.exists() {
            fs::hard_link(&sound, path).unwrap();
        }
        writeln!(file, "{line}").unwrap();
    }
    file.flush().unwrap();
    bench.path("out")
}

/// The most bytes that this process has held at once.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

/// Fails if an entry more takes too much, by what a short and a long manifest take.
fn check(settings: &Settings) {
    let bench = Bench::new();
    let (few, many) = (1_000, 9_000);
    let peak_of = |entries: usize, set: &str| {
        let out = manifest(&bench, entries);
        assert_eq!(package(&out, &bench.path(set), settings).unwrap().entries, entries);
        peak()
    };
    let peaks = (peak_of(few, "few"), peak_of(many, "many"));
    let each = (peaks.1 - peaks.0) / (many - few) as u64;
    println!("{}: {each} bytes an entry", settings.layout.word());
    assert!(each < MOST, "{}: {each} bytes an entry, {peaks:?}", settings.layout.word());
}

#[test]
fn an_entry_of_a_folder_takes_a_few_kilobytes() {
    check(&Settings::new(Layout::Audiofolder));
}

#[test]
fn an_entry_of_a_shard_takes_a_few_kilobytes() {
    check(&Settings { shard_size: Some(ByteSize(100_000)), ..Settings::new(Layout::Webdataset) });
}
