use std::fs;
use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::file::Collision;
use crate::manifest::{RenderedFile, Timings};
use crate::plan::Plan;
use crate::task::{
    AudioSettings, Container, Deliver, Depth, FileFormat, Finish, Length, Output, Render, Take, ToneRender,
};

fn format() -> FileFormat {
    FileFormat { container: Container::Wav, depth: Depth::Int24 }
}

fn plan(names: &[&str]) -> Plan {
    let task = |(number, name): (usize, &&str)| Task {
        number: number as u32,
        label: (*name).to_owned(),
        key: format!("key {name}"),
        audio: AudioSettings::standard(),
        render: Render::Tone(ToneRender { input: Take::whole("/in.wav".into()), tone: "t".into(), chain: Vec::new() }),
        outputs: vec![Output {
            path: Path::new("/out").join(name),
            deliver: Deliver::Mix,
            format: format(),
            length: Length::Match,
            sample_rate: None,
            finish: Finish::default(),
            match_dry: None,
            bext: None,
        }],
        sources: Vec::new(),
        item: None,
        annotations: Vec::new(),
        checks: Default::default(),
        run: String::new(),
    };
    let header = Header {
        tonemill: 1,
        engine: crate::ENGINE.into(),
        job: "job".into(),
        job_blake3: "hash".into(),
        seed: 7,
        collision: Collision::Skip,
        output_root: "/out".into(),
        tasks: names.len() as u32,
        warnings: Vec::new(),
        estimate: None,
        package: None,
        sandbox: Default::default(),
    };
    Plan { header, tasks: Arc::new(names.iter().enumerate().map(task).collect()), efforts: Default::default() }
}

fn record(plan: &Plan, task: usize, bytes: u64) -> Record {
    let task = &plan.tasks.get(task);
    let file = RenderedFile {
        path: task.outputs[0].path.clone(),
        bytes,
        blake3: "b".into(),
        frames: 4,
        channels: 1,
        latency_removed: 0,
        loudness_lufs: None,
        peak_dbfs: Some(-1.5),
        true_peak_dbtp: None,
        silent: false,
        clipped_samples: 0,
        ..RenderedFile::default()
    };
    let rendered = Rendered {
        files: vec![file],
        devices: Vec::new(),
        stems_differ: None,
        input: None,
        annotations: Vec::new(),
        warnings: Vec::new(),
        timings: Timings::default(),
        strict: None,
        sandbox: None,
    };
    records(&plan.header, task, &rendered, 1).remove(0)
}

fn put(path: &Path, records: &[Record]) -> Index {
    write(path, |manifest| records.iter().try_for_each(|record| manifest.record(record))).unwrap()
}

#[test]
fn what_is_written_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/manifest.jsonl");
    let plan = plan(&["a.wav", "b/c.wav"]);
    let records = vec![record(&plan, 0, 1), record(&plan, 1, 2)];
    assert_eq!(records[1].path, "b/c.wav", "paths are relative to the manifest's folder");
    assert_eq!(read(&path).unwrap(), Read::default(), "a manifest that does not exist holds nothing");
    put(&path, &records);
    assert_eq!(read(&path).unwrap(), Read { records, torn: false });
    let names: Vec<_> = fs::read_dir(path.parent().unwrap()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names, ["manifest.jsonl"], "nothing is left beside it");
}

#[test]
fn a_file_in_quarantine_is_recorded_by_the_path_that_it_was_to_have() {
    let plan = plan(&["b/a.wav"]);
    let task = &plan.tasks.get(0);
    let root = &plan.header.output_root;
    let lies = quarantine::quarantined(root, &task.outputs[0].path);
    let record = record(&plan, 0, 1);
    let file = RenderedFile { path: lies.clone(), quarantined: true, ..record.file.clone() };
    let rendered = Rendered {
        files: vec![file],
        devices: Vec::new(),
        stems_differ: None,
        input: None,
        annotations: Vec::new(),
        warnings: Vec::new(),
        timings: Timings::default(),
        strict: None,
        sandbox: None,
    };
    let quarantined = records(&plan.header, task, &rendered, 1).remove(0);
    assert_eq!(quarantined.path, "b/a.wav");
    assert_eq!((quarantined.standing(root), quarantined.file.path.clone()), (lies.clone(), lies));
    assert_eq!(record.standing(root), task.outputs[0].path);
}

#[test]
fn a_torn_last_line_costs_only_its_own_record_wherever_it_is_torn() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE_NAME);
    let plan = plan(&["a.wav", "b.wav"]);
    let records = vec![record(&plan, 0, 1), record(&plan, 1, 2)];
    put(&path, &records);
    let whole = fs::read(&path).unwrap();
    let second = whole.iter().position(|b| *b == b'\n').unwrap() + 1;
    for end in second..=whole.len() {
        fs::write(&path, &whole[..end]).unwrap();
        let found = read(&path).unwrap();
        assert_eq!(found.records[0], records[0]);
        // Without its line's end alone, a record is whole.
        let complete = end >= whole.len() - 1;
        assert_eq!(found.records.len(), if complete { 2 } else { 1 }, "torn at {end}");
        assert_eq!(found.torn, !complete && end > second, "torn at {end}");
    }
}

#[test]
fn damage_in_the_middle_and_other_versions_are_told_with_their_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE_NAME);
    let plan = plan(&["a.wav"]);
    put(&path, &[record(&plan, 0, 1)]);
    let whole = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{{\"tonemill\":1}}\n{whole}")).unwrap();
    let message = read(&path).unwrap_err().to_string();
    assert!(message.starts_with("line 1 of ") && message.contains("is damaged: missing field"), "{message}");
    fs::write(&path, format!("{whole}{}", whole.replace("\"tonemill\":1", "\"tonemill\":9"))).unwrap();
    let message = read(&path).unwrap_err().to_string();
    assert!(
        message.starts_with("line 2 of ") && message.contains("has version 9, this build reads version 1"),
        "{message}"
    );
}

#[test]
fn lines_are_where_the_index_says_whether_they_were_made_or_copied() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE_NAME);
    let plan = plan(&["a.wav", "b.wav"]);
    let (first, second) = (record(&plan, 0, 1), record(&plan, 1, 2));
    let index = put(&path, &[first.clone(), second]);
    let line = |index: &Index, at: usize| {
        let place = index.entries[at].at;
        let start = place.offset as usize;
        fs::read(&path).unwrap()[start..start + place.length as usize].to_vec()
    };
    let copied = line(&index, 1);
    let again = write(&path, |manifest| {
        manifest.line(&copied, index.entries[1].clone())?;
        manifest.record(&first)
    });
    let again = again.unwrap();
    assert_eq!(line(&again, 0), copied);
    assert_eq!(serde_json::from_slice::<Record>(&line(&again, 1)).unwrap(), first);
    let mut entries = Vec::new();
    let place = |offset, length| ledger::Place { file: 0, offset, length };
    each_line(&path, |record, offset, length| entries.push(Entry::of_record(&record, place(offset, length)))).unwrap();
    assert_eq!(entries, again.entries);
}
