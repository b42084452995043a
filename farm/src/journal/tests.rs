//! What is read back of what was written, whole or torn.

use jobs::manifest::Timings;

use super::*;
use crate::report::{Cause, Mishap};

fn rendered() -> Box<Rendered> {
    let warnings = vec!["a \"quoted\" word,\"checksum\":\"0123456789abcdef\"} and a line\nbreak, ü".to_owned()];
    Box::new(Rendered {
        files: vec![],
        devices: vec![],
        stems_differ: None,
        input: None,
        annotations: Vec::new(),
        warnings,
        timings: Timings {
            load: 0.1,
            render: 2.5,
            write: 1e-7,
            process: 7,
            models_parsed: 1,
            inputs_decoded: 1,
            devices_reused: 2,
        },
        strict: Some(jobs::strict::Strict::Full),
        sandbox: Some(jobs::sandbox::Level::Full),
    })
}

fn entries() -> Vec<Entry> {
    let started = |task: u32| Entry::Started {
        task,
        key: format!("key {task}"),
        attempt: 1,
        outputs: vec![format!("/out/{task}.wav").into(), format!("/out/{task} dry.wav").into()],
    };
    let finished = |task: u32| Entry::Finished {
        task,
        label: format!("label {task}"),
        key: format!("key {task}"),
        attempts: 2,
        rendered: rendered(),
    };
    let mishap = Mishap {
        cause: Cause::Left { status: 0 },
        phase: None,
        device: None,
        at_seconds: Some(0.1),
        block: None,
        stderr: vec!["words".into()],
        log: None,
        retryable: true,
    };
    let failed = Entry::Failed {
        report: Box::new(Report {
            task: 1,
            label: "label 1".into(),
            key: "key 1".into(),
            attempt: 1,
            of: 3,
            previous: Some(0),
            retried: true,
            quarantined: false,
            reproduce: None,
            mishap,
        }),
    };
    vec![started(0), finished(0), started(1), failed, started(1), finished(1)]
}

fn write(state: &Path, entries: &[Entry]) -> PathBuf {
    let mut writer = Writer::create(state).unwrap();
    for entry in entries {
        writer.append(entry).unwrap();
    }
    writer.close().unwrap()
}

fn expected(entries: &[Entry]) -> Journal {
    let mut journal = Journal::default();
    for entry in entries {
        journal.add(Path::new("/out/.tonemill"), entry.clone());
    }
    journal
}

#[test]
fn what_was_written_is_read_back() {
    let state = tempfile::tempdir().unwrap();
    write(state.path(), &entries());
    let journal = read_all(state.path()).unwrap();
    assert_eq!(journal, expected(&entries()));
    assert_eq!((journal.finished.len(), journal.failed.len(), journal.started_outputs.len()), (2, 1, 4));
    assert_eq!(journal.finished[1].rendered, *rendered());
}

#[test]
fn a_journal_cut_at_any_byte_loses_no_earlier_line() {
    let state = tempfile::tempdir().unwrap();
    let path = write(state.path(), &entries());
    let whole = std::fs::read(&path).unwrap();
    for cut in 0..whole.len() {
        let mut journal = Journal::default();
        std::fs::write(&path, &whole[..cut]).unwrap();
        journal.take_in(state.path(), &path).unwrap();
        let lines = whole[..cut].iter().filter(|byte| **byte == b'\n').count();
        let is_torn = !whole[..cut].is_empty() && whole[cut - 1] != b'\n';
        assert_eq!(journal.damaged.len(), usize::from(is_torn), "cut at {cut}");
        journal.damaged.clear();
        // The first line says that the run begins.
        assert_eq!(journal, expected(&entries()[..lines.saturating_sub(1)]), "cut at {cut}");
    }
}

#[test]
fn a_flipped_bit_anywhere_damages_its_own_lines_only() {
    let state = tempfile::tempdir().unwrap();
    let path = write(state.path(), &entries());
    let whole = std::fs::read(&path).unwrap();
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        let mut journal = Journal::default();
        std::fs::write(&path, &bytes).unwrap();
        journal.take_in(state.path(), &path).unwrap();
        // A line break that is gone joins two lines; both are lost then, and no third.
        let lost = if whole[at] == b'\n' { 2 } else { 1 };
        let kept = journal.finished.len() + journal.failed.len() + journal.damaged.len();
        assert!(!journal.damaged.is_empty(), "byte {at}");
        assert!(kept + 3 + lost >= entries().len(), "byte {at}: {journal:?}");
        let full = expected(&entries());
        assert!(journal.finished.iter().all(|finished| full.finished.contains(finished)), "byte {at}");
    }
}

#[test]
fn a_journal_of_more_lines_than_are_held_at_once_is_read_in_order_with_every_place() {
    let started = |task: u32| Entry::Started { task, key: format!("key {task}"), attempt: 1, outputs: vec![] };
    for count in [FEW - 1, FEW, AT_ONCE - 1, AT_ONCE, 2 * AT_ONCE + 3] {
        let state = tempfile::tempdir().unwrap();
        // The first line says that the run begins.
        let path = write(state.path(), &(1..count as u32).map(started).collect::<Vec<_>>());
        let mut bytes = std::fs::read(&path).unwrap();
        let lines: Vec<String> =
            bytes.split_inclusive(|byte| *byte == b'\n').map(|l| String::from_utf8_lossy(l).into()).collect();
        let broken = count * 2 / 3;
        let at: usize = lines[..broken].iter().map(String::len).sum();
        bytes[at + 3] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        let (mut read, mut places) = (Vec::new(), Vec::new());
        let damaged = each(&path, |entry, offset, length| {
            places.push((offset as usize, length as usize));
            read.extend(
                Some(entry).and_then(|entry| if let Entry::Started { task, .. } = entry { Some(task) } else { None }),
            );
        })
        .unwrap();
        assert_eq!(damaged, [Damage { path, line: broken + 1 }], "of {count}");
        assert_eq!(read, (1..count as u32).filter(|task| *task != broken as u32).collect::<Vec<_>>(), "of {count}");
        let mut whole = lines.iter().scan(0, |from, line| {
            *from += line.len();
            Some((*from - line.len(), line.len()))
        });
        assert!(places.iter().all(|place| whole.any(|(from, length)| (from, length) == *place)), "of {count}");
    }
}

#[test]
fn a_version_counts_wherever_in_its_line_it_stands() {
    let state = tempfile::tempdir().unwrap();
    let body =
        |version: u32| format!(r#"{{"seq":0,"event":"begun","run":"a","host":"b","pid":1,"version":{version}}}"#);
    let path = state.path().join("journal-1.jsonl");
    std::fs::write(&path, sealed::seal(&body(1))).unwrap();
    let mut entries = 0;
    assert_eq!(each(&path, |_, _, _| entries += 1).unwrap(), []);
    assert_eq!(entries, 1);
    std::fs::write(&path, sealed::seal(&body(2))).unwrap();
    assert!(matches!(read_all(state.path()), Err(JournalError::Newer { version: 2, .. })));
    std::fs::write(&path, sealed::seal(r#"{"version":"1","seq":0}"#)).unwrap();
    assert_eq!(each(&path, |_, _, _| entries += 1).unwrap(), [Damage { path, line: 1 }]);
}

#[test]
fn who_wrote_a_file_into_quarantine_is_known_by_the_path_that_it_was_to_have() {
    let state = tempfile::tempdir().unwrap();
    let folder = state.path().join(jobs::quarantine::STATE);
    std::fs::create_dir(&folder).unwrap();
    let asked = state.path().join("a.wav");
    let started = Entry::Started { task: 0, key: "key".into(), attempt: 1, outputs: vec![asked.clone()] };
    let lies = jobs::quarantine::quarantined(state.path(), &asked);
    let file = jobs::manifest::RenderedFile { path: lies, quarantined: true, ..Default::default() };
    let rendered = Box::new(Rendered { files: vec![file], ..*rendered() });
    let finished = Entry::Finished { task: 0, label: "a".into(), key: "key".into(), attempts: 1, rendered };
    write(&folder, &[started, finished]);
    let journal = read_all(&folder).unwrap();
    assert_eq!(journal.last_writers, BTreeMap::from([(asked, Some(0))]));
}

#[test]
fn each_run_writes_its_own_file_and_all_are_read_in_order() {
    let state = tempfile::tempdir().unwrap();
    let all = entries();
    for entry in &all {
        write(state.path(), std::slice::from_ref(entry));
    }
    for _ in all.len()..11 {
        write(state.path(), &[]);
    }
    let last = write(state.path(), &all[..2]);
    assert_eq!(last.file_name().unwrap(), "journal-12.jsonl");
    let read: Vec<u32> = read_all(state.path()).unwrap().finished.iter().map(|finished| finished.task).collect();
    assert_eq!(read, [0, 1, 0]);
}

#[test]
fn a_folder_without_journals_gives_an_empty_one() {
    let state = tempfile::tempdir().unwrap();
    assert_eq!(read_all(state.path()).unwrap(), Journal::default());
    assert_eq!(read_all(&state.path().join("missing")).unwrap(), Journal::default());
    std::fs::write(state.path().join("journal-x.jsonl"), "no journal").unwrap();
    assert_eq!(read_all(state.path()).unwrap(), Journal::default());
}

#[test]
fn a_newer_journal_is_refused_and_not_skipped() {
    let state = tempfile::tempdir().unwrap();
    let line = sealed::seal(r#"{"version":2,"seq":0,"event":"unheard_of"}"#);
    std::fs::write(state.path().join("journal-1.jsonl"), line).unwrap();
    let refusal = read_all(state.path()).unwrap_err();
    assert!(matches!(refusal, JournalError::Newer { version: 2, .. }), "{refusal}");
}

#[test]
fn each_line_is_one_json_object_with_version_and_number() {
    let state = tempfile::tempdir().unwrap();
    let path = write(state.path(), &entries());
    for (seq, line) in std::fs::read_to_string(path).unwrap().lines().enumerate() {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!((&value["version"], &value["seq"]), (&1.into(), &seq.into()), "{line}");
        assert_eq!(value["checksum"].as_str().unwrap().len(), sealed::SEAL_DIGITS);
    }
}

#[test]
fn a_full_disk_is_reported_and_leaves_no_torn_line() {
    let state = tempfile::tempdir().unwrap();
    // The device that is always full stands in for a disk; it cannot be cut, which is said as well.
    let full = OpenOptions::new().append(true).open("/dev/full").unwrap();
    let mut writer = Writer::begin(state.path().join("journal-1.jsonl"), full).unwrap();
    let problem = writer.append(&entries()[0]).unwrap_err();
    assert!(problem.contains("No space left on device"), "{problem}");
    assert_eq!(writer.append(&entries()[1]).unwrap_err(), problem, "nothing more is written");
    assert_eq!(writer.close().unwrap_err(), problem);
}
