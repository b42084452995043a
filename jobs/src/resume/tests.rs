use std::sync::Arc;

use audio::quality::Flag;

use super::*;
use crate::manifest::{AnnotationRecord, Record, Rendered, RenderedFile, Timings, records};
use crate::plan::Header;
use crate::queue::{Left, Queue};
use crate::task::{
    Annotation, AudioSettings, Container, Deliver, Depth, FileFormat, Finish, Length, Output, Render, Take, Task,
    TimeChange, ToneRender,
};
use std::collections::HashMap;

/// Files by path, with their sizes.
#[derive(Default)]
struct Shelf(HashMap<PathBuf, u64>);

impl Standing for Shelf {
    fn size(&self, path: &Path) -> Option<u64> {
        self.0.get(path).copied()
    }
}

fn shelf(files: &[(&str, u64)]) -> Shelf {
    Shelf(files.iter().map(|(name, size)| (Path::new("/out").join(name), *size)).collect())
}

/// A plan of one task with these outputs.
fn plan(collision: Collision, outputs: &[&str]) -> Plan {
    let output = |name: &&str| Output {
        path: Path::new("/out").join(name),
        deliver: Deliver::Mix,
        format: FileFormat { container: Container::Wav, depth: Depth::Int24 },
        length: Length::Match,
        sample_rate: None,
        finish: Finish::default(),
        match_dry: None,
        bext: None,
    };
    let task = Task {
        number: 0,
        label: "t".into(),
        key: "key".into(),
        audio: AudioSettings::standard(),
        render: Render::Tone(ToneRender { input: Take::whole("/in.wav".into()), tone: "t".into(), chain: Vec::new() }),
        outputs: outputs.iter().map(output).collect(),
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
        seed: 0,
        collision,
        output_root: "/out".into(),
        tasks: 1,
        warnings: Vec::new(),
        estimate: None,
        package: None,
        sandbox: Default::default(),
    };
    Plan { header, tasks: Arc::new([task].into_iter().collect()), efforts: Default::default() }
}

/// Records of the plan's files, each of 10 bytes, made under `key`.
fn made_under(plan: &Plan, key: &str) -> Vec<Record> {
    let file = |output: &Output| RenderedFile {
        path: output.path.clone(),
        bytes: 10,
        blake3: String::new(),
        frames: 1,
        channels: 1,
        latency_removed: 0,
        loudness_lufs: None,
        peak_dbfs: None,
        true_peak_dbtp: None,
        silent: true,
        clipped_samples: 0,
        ..RenderedFile::default()
    };
    let task = Task { key: key.into(), ..plan.tasks.get(0) };
    let files = task.outputs.iter().map(file).collect();
    let rendered = Rendered {
        files,
        devices: Vec::new(),
        stems_differ: None,
        input: None,
        annotations: Vec::new(),
        warnings: Vec::new(),
        timings: Timings::default(),
        strict: None,
        sandbox: None,
    };
    records(&plan.header, &task, &rendered, 1)
}

fn one(plan: &Plan, records: &[Record], started: &[&str], standing: &Shelf) -> Decision {
    let mut ledger = Ledger::default();
    records.iter().for_each(|record| ledger.insert(Entry::of_record(record, Default::default())));
    started.iter().for_each(|name| ledger.begin(Name::of(&Path::new("/out").join(name), Path::new("/out"))));
    let mut decisions = decide(plan, &ledger, standing);
    assert_eq!(decisions.len(), 1);
    decisions.remove(0)
}

/// It is rendered into its own files.
const OWN: Decision = Decision::Render(None);

#[test]
fn what_stands_and_was_made_from_the_same_things_is_skipped() {
    let plan = plan(Collision::Skip, &["a.wav", "b.wav"]);
    let recorded = made_under(&plan, "key");
    assert_eq!(one(&plan, &recorded, &[], &shelf(&[("a.wav", 10), ("b.wav", 10)])), Decision::Skip);
}

#[test]
fn what_is_missing_cut_short_or_made_from_other_things_is_rendered_again() {
    let plan = plan(Collision::Skip, &["a.wav", "b.wav"]);
    let recorded = made_under(&plan, "key");
    assert_eq!(one(&plan, &recorded, &[], &shelf(&[])), OWN);
    assert_eq!(one(&plan, &recorded, &[], &shelf(&[("a.wav", 10)])), OWN);
    assert_eq!(one(&plan, &recorded, &[], &shelf(&[("a.wav", 10), ("b.wav", 9)])), OWN);
    let other = made_under(&plan, "other key");
    assert_eq!(one(&plan, &other, &[], &shelf(&[("a.wav", 10), ("b.wav", 10)])), OWN);
}

#[test]
fn a_file_that_this_job_has_not_written_is_never_touched() {
    let plan = plan(Collision::Skip, &["a.wav"]);
    let Decision::Refuse(refusal) = one(&plan, &[], &[], &shelf(&[("a.wav", 10)])) else { panic!("it is refused") };
    assert_eq!(
        refusal.to_string(),
        "/out/a.wav stands already and was not written by this job. Move it away, or choose collision: overwrite or collision: increment"
    );
}

#[test]
fn a_file_that_an_interrupted_run_began_is_ours() {
    let plan = plan(Collision::Skip, &["a.wav"]);
    assert_eq!(one(&plan, &[], &["a.wav"], &shelf(&[("a.wav", 10)])), OWN);
}

#[test]
fn overwrite_renders_whatever_stands() {
    let plan = plan(Collision::Overwrite, &["a.wav"]);
    let recorded = made_under(&plan, "key");
    for (records, standing) in [(&recorded[..], shelf(&[("a.wav", 10)])), (&[][..], shelf(&[("a.wav", 3)]))] {
        assert_eq!(one(&plan, records, &[], &standing), OWN);
    }
}

#[test]
fn error_refuses_whatever_stands_even_our_own() {
    let plan = plan(Collision::Error, &["a.wav", "b.wav"]);
    let recorded = made_under(&plan, "key");
    let path = PathBuf::from("/out/b.wav");
    let decided = one(&plan, &recorded, &[], &shelf(&[("b.wav", 10)]));
    assert_eq!(decided, Decision::Refuse(Refusal::Stands { path }));
    // What an interrupted run of the job has finished or begun is no collision.
    assert_eq!(one(&plan, &recorded, &[], &shelf(&[("a.wav", 10), ("b.wav", 10)])), Decision::Skip);
    assert_eq!(one(&plan, &[], &["/out/b.wav"], &shelf(&[("b.wav", 10)])), OWN);
    assert_eq!(one(&plan, &[], &[], &shelf(&[])), OWN);
}

#[test]
fn increment_gives_all_files_of_a_task_one_free_number() {
    let plan = plan(Collision::Increment, &["mix.wav", "stem-2.wav"]);
    assert_eq!(one(&plan, &[], &[], &shelf(&[])), OWN);
    let standing = shelf(&[("mix.wav", 1), ("stem-2-2.wav", 1)]);
    let decided = one(&plan, &[], &[], &standing);
    assert_eq!(decided, Decision::Render(Some(3)));
    let queue = Queue::new(plan.tasks, vec![Left { index: 0, number: Some(3) }], PathBuf::from("/out").into());
    let names: Vec<_> = queue.get(0).outputs.iter().map(|output| output.path.display().to_string()).collect();
    assert_eq!(names, ["/out/mix-3.wav", "/out/stem-2-3.wav"]);
}

/// A plan of one task, with that task changed.
fn change_task(plan: &mut Plan, change: impl FnOnce(&mut Task)) {
    let mut task = plan.tasks.get(0);
    change(&mut task);
    plan.tasks = Arc::new([task].into_iter().collect());
}

/// A plan of one task that quarantines, and what it gave: one flagged file, in quarantine or not.
fn flagged(policy: FlagPolicy, quarantined: bool) -> (Plan, Vec<Record>) {
    let mut plan = plan(Collision::Skip, &["a.wav"]);
    change_task(&mut plan, |task| task.checks.policy = policy);
    let mut recorded = made_under(&plan, "key");
    recorded[0].file.flags = vec![Flag::Silent { peak_dbfs: None, limit_dbfs: -90.0 }];
    recorded[0].file.quarantined = quarantined;
    (plan, recorded)
}

const QUARANTINED: &str = ".tonemill/quarantine/a.wav";

#[test]
fn a_file_in_quarantine_is_done_as_long_as_the_job_would_put_it_there() {
    for policy in [FlagPolicy::Quarantine, FlagPolicy::Retry] {
        let (plan, recorded) = flagged(policy, true);
        assert_eq!(one(&plan, &recorded, &[], &shelf(&[(QUARANTINED, 10)])), Decision::Skip);
        assert_eq!(one(&plan, &recorded, &[], &shelf(&[(QUARANTINED, 9)])), OWN);
        assert_eq!(one(&plan, &recorded, &[], &shelf(&[])), OWN);
        // Someone has listened to it and moved it to its place.
        assert_eq!(one(&plan, &recorded, &[], &shelf(&[("a.wav", 10)])), Decision::Skip);
    }
    for policy in [FlagPolicy::Keep, FlagPolicy::Fail] {
        let (plan, recorded) = flagged(policy, true);
        assert_eq!(one(&plan, &recorded, &[], &shelf(&[(QUARANTINED, 10)])), OWN, "{policy:?}");
    }
}

#[test]
fn a_flagged_file_under_its_name_is_done_only_where_the_job_keeps_such() {
    let standing = shelf(&[("a.wav", 10)]);
    let (plan, recorded) = flagged(FlagPolicy::Keep, false);
    assert_eq!(one(&plan, &recorded, &[], &standing), Decision::Skip);
    for policy in [FlagPolicy::Retry, FlagPolicy::Quarantine, FlagPolicy::Fail] {
        let (plan, recorded) = flagged(policy, false);
        assert_eq!(one(&plan, &recorded, &[], &standing), OWN, "{policy:?}");
    }
}

/// A plan of one task with an annotation, and what it gave.
fn annotated(collision: Collision) -> (Plan, Vec<Record>) {
    let mut plan = plan(collision, &["a.wav"]);
    let change = TimeChange::none(AudioSettings::standard().sample_rate);
    let annotation = |path: &str| Annotation { source: "/in.mid".into(), path: path.into(), change };
    change_task(&mut plan, |task| task.annotations = vec![annotation("/out/a.mid")]);
    let mut recorded = made_under(&plan, "key");
    let (source, blake3) = ("/in.mid".into(), String::new());
    recorded[0].annotations = vec![AnnotationRecord { path: "a.mid".into(), source, blake3, rewritten: false, change }];
    (plan, recorded)
}

#[test]
fn a_missing_or_new_annotation_renders_its_task_again() {
    let (mut plan, recorded) = annotated(Collision::Skip);
    let standing = shelf(&[("a.wav", 10), ("a.mid", 5)]);
    assert_eq!(one(&plan, &recorded, &[], &standing), Decision::Skip);
    assert_eq!(one(&plan, &recorded, &[], &shelf(&[("a.wav", 10)])), OWN);
    change_task(&mut plan, |task| task.annotations[0].path = "/out/b.mid".into());
    assert_eq!(one(&plan, &recorded, &[], &standing), OWN);
}

#[test]
fn an_annotation_that_is_not_ours_is_never_touched() {
    let (plan, recorded) = annotated(Collision::Skip);
    let path = PathBuf::from("/out/a.mid");
    let standing = shelf(&[("a.mid", 5)]);
    assert_eq!(one(&plan, &[], &[], &standing), Decision::Refuse(Refusal::NotOurs { path }));
    assert_eq!(one(&plan, &[], &["a.wav"], &standing), OWN);
    assert_eq!(one(&plan, &recorded, &[], &standing), OWN);
}

#[test]
fn an_annotation_takes_the_number_of_its_file() {
    let (plan, _) = annotated(Collision::Increment);
    let number = |standing: &Shelf| one(&plan, &[], &[], standing);
    assert_eq!(number(&shelf(&[])), OWN);
    assert_eq!(number(&shelf(&[("a.mid", 1), ("a-2.wav", 1)])), Decision::Render(Some(3)));
    assert_eq!(number(&shelf(&[(QUARANTINED, 1)])), Decision::Render(Some(2)));
    let queue = Queue::new(plan.tasks, vec![Left { index: 0, number: Some(3) }], PathBuf::from("/out").into());
    let paths: Vec<_> = queue.get(0).paths().map(|path| path.display().to_string()).collect();
    assert_eq!(paths, ["/out/a-3.wav", "/out/a-3.mid"]);
}

#[test]
fn numbered_files_of_two_tasks_never_meet() {
    let mut plan = plan(Collision::Increment, &["a.wav"]);
    let mut second = plan.tasks.get(0);
    second.outputs[0].path = "/out/a-2.wav".into();
    Arc::make_mut(&mut plan.tasks).push(&second);
    let decisions = decide(&plan, &Ledger::default(), &shelf(&[("a.wav", 1), ("a-2.wav", 1)]));
    // a-3.wav and a-2-2.wav: a-2.wav is the other task's own.
    assert_eq!(decisions, [Decision::Render(Some(3)), Decision::Render(Some(2))]);
}

#[test]
fn the_disk_sees_files_and_dangling_links() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a");
    fs::write(&file, b"12345").unwrap();
    assert_eq!(Disk.size(&file), Some(5));
    assert_eq!(Disk.size(&folder.path().join("b")), None);
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("nowhere", folder.path().join("link")).unwrap();
        assert!(Disk.size(&folder.path().join("link")).is_some());
    }
}
