use serde_json::json;

use super::*;
use crate::bench::entry;

fn entries(metadata: &[(&str, Value)]) -> Vec<Entry> {
    let entry = |(number, (split, value)): (usize, &(&str, Value))| {
        let mut entry = entry(&format!("in{number}"), "tone", split);
        entry.metadata = BTreeMap::from([("bpm".to_owned(), value.clone())]).into();
        entry
    };
    metadata.iter().enumerate().map(entry).collect()
}

fn table(entries: &[Entry]) -> Table<'_> {
    Table::new(entries, |_, entry| vec![("file_name", Some(format!("{}.wav", entry.key)))])
}

fn bpm(table: &Table) -> Vec<Value> {
    table.objects().map(|row| row.get("bpm").cloned().unwrap_or(Value::Null)).collect()
}

fn written(table: &Table, split: Option<&str>, format: MetadataFormat) -> Vec<u8> {
    let mut bytes = Vec::new();
    table.write(split, format, &mut bytes).unwrap();
    bytes
}

#[test]
fn a_column_has_the_narrowest_type_that_holds_all_its_values() {
    let bpm =
        |values: &[Value]| bpm(&table(&entries(&values.iter().map(|v| ("train", v.clone())).collect::<Vec<_>>())));
    assert_eq!(bpm(&[json!(120), json!(90)]), [json!(120), json!(90)]);
    assert_eq!(bpm(&[json!(120), json!(90.5), json!(null)]), [json!(120.0), json!(90.5), json!(null)]);
    assert_eq!(bpm(&[json!(120), json!("fast"), json!(true)]), [json!("120"), json!("fast"), json!("true")]);
    assert_eq!(bpm(&[json!([1, 2]), json!({ "a": 1 })]), [json!("[1,2]"), json!("{\"a\":1}")]);
}

#[test]
fn a_column_without_a_value_is_left_out() {
    let entries = entries(&[("train", json!(null)), ("test", json!(null))]);
    let table = table(&entries);
    assert!(table.columns.iter().all(|column| column.name != "bpm" && column.name != "draw"));
}

#[test]
fn metadata_does_not_hide_what_was_measured() {
    let mut one = entry("a", "tone", "train");
    one.metadata = BTreeMap::from([("seconds".to_owned(), json!("none")), ("player".to_owned(), json!("Ann"))]).into();
    let one = [one];
    let table = Table::new(&one, |_, _| Vec::new());
    let row = table.objects().next().unwrap();
    assert_eq!(
        (&row["seconds"], &row["metadata_seconds"], &row["player"]),
        (&json!(0.1), &json!("none"), &json!("Ann"))
    );
}

#[test]
fn splits_that_readers_would_take_for_different_tables_are_refused() {
    let check = |values: &[(&str, Value)], format| table(&entries(values)).check(format);
    let gap = [("train", json!(120)), ("test", json!(null))];
    let refused = check(&gap, MetadataFormat::Jsonl).unwrap_err().to_string();
    assert!(refused.contains("the column bpm") && refused.contains("--metadata parquet"), "{refused}");
    assert!(check(&gap, MetadataFormat::Csv).is_err());
    assert!(check(&gap, MetadataFormat::Parquet).is_ok());
    // A gap within a split is no trouble in JSON; in CSV it makes whole numbers of one split others.
    let within = [("train", json!(120)), ("train", json!(null)), ("test", json!(90))];
    assert!(check(&within, MetadataFormat::Jsonl).is_ok());
    assert!(check(&within, MetadataFormat::Csv).is_err());
    let digits = [("train", json!("001")), ("test", json!("b2"))];
    assert!(check(&digits, MetadataFormat::Jsonl).is_ok());
    assert!(check(&digits, MetadataFormat::Csv).is_err());
    let dates = [("train", json!("2026-11-23")), ("test", json!("Monday"))];
    assert!(check(&dates, MetadataFormat::Jsonl).is_err());
}

#[test]
fn csv_keeps_what_is_special_in_quotes() {
    let entries = entries(&[("train", json!("a \"b\", c"))]);
    let text = String::from_utf8(written(&table(&entries), None, MetadataFormat::Csv)).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("file_name,id,split,group,input,tone,draws,deliver,") && lines[0].ends_with(",bpm"));
    assert!(lines[1].starts_with("in0-tone.wav,in0-tone,train,"), "{}", lines[1]);
    assert!(lines[1].ends_with("\"a \"\"b\"\", c\""), "{}", lines[1]);
}

#[test]
fn each_split_has_its_rows_and_parquet_its_marks() {
    let entries = entries(&[("train", json!(1)), ("test", json!(2)), ("train", json!(3))]);
    let table = table(&entries);
    let lines = |split| String::from_utf8(written(&table, Some(split), MetadataFormat::Jsonl)).unwrap().lines().count();
    assert_eq!((lines("train"), lines("test"), lines("valid")), (2, 1, 0));
    let parquet = written(&table, Some("train"), MetadataFormat::Parquet);
    assert!(parquet.starts_with(b"PAR1") && parquet.ends_with(b"PAR1"));
    assert_eq!(parquet, written(&table, Some("train"), MetadataFormat::Parquet));
}

#[test]
fn a_row_tells_what_was_drawn_and_what_was_done_to_levels_and_flags() {
    let mut one = entry("a", "tone", "train");
    one.draw = Some(3);
    one.drawn = serde_json::from_value(json!([{ "device": "drive", "parameter": "Drive", "value": 4.5 }])).unwrap();
    one.measured.flags =
        serde_json::from_value(json!([{ "flag": "silent", "peak_dbfs": null, "limit_dbfs": -90.0 }])).unwrap();
    one.measured.offset_frames = Some(-2);
    one.measured.input_gain_db = Some(-3.0);
    one.measured.noise_rms_dbfs = Some(-70.0);
    one.measured.output_gain_db = 1.5;
    let two = [one, entry("b", "tone", "train")];
    let table = Table::new(&two, |_, _| Vec::new());
    let rows: Vec<_> = table.objects().collect();
    let row = &rows[0];
    let parsed = |column: &str| serde_json::from_str::<Value>(row[column].as_str().unwrap()).unwrap();
    assert_eq!(parsed("draws"), json!([{ "device": "drive", "parameter": "Drive", "value": 4.5 }]));
    assert_eq!(parsed("flags")[0]["flag"], "silent");
    let numbers = ["draw", "offset_frames", "input_gain_db", "noise_rms_dbfs", "output_gain_db"].map(|name| &row[name]);
    assert_eq!(numbers, [&json!(3), &json!(-2), &json!(-3.0), &json!(-70.0), &json!(1.5)]);
    // What was not drawn or flagged has empty lists, not gaps.
    assert_eq!((&rows[1]["draws"], &rows[1]["flags"]), (&json!("[]"), &json!("[]")));
}
