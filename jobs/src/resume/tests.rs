use super::*;
use crate::manifest::{Rendered, RenderedFile, Timings, records};
use crate::plan::Header;
use crate::task::{
    AudioSettings, Container, Deliver, Depth, FileFormat, Finish, Length, Render, Take, Task, ToneRender,
};

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
    };
    Plan { header, tasks: vec![task] }
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
    let task = Task { key: key.into(), ..plan.tasks[0].clone() };
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
    };
    records(&plan.header, &task, &rendered, 1)
}

fn one(plan: &Plan, records: &[Record], started: &[&str], standing: &Shelf) -> Decision {
    let started = started.iter().map(|name| Path::new("/out").join(name)).collect();
    let mut decisions = decide(plan, records, &started, standing);
    assert_eq!(decisions.len(), 1);
    decisions.remove(0)
}

fn own(plan: &Plan) -> Decision {
    let task = &plan.tasks[0];
    Decision::Render { outputs: task.outputs.clone(), annotations: task.annotations.clone() }
}

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
    assert_eq!(one(&plan, &recorded, &[], &shelf(&[])), own(&plan));
    assert_eq!(one(&plan, &recorded, &[], &shelf(&[("a.wav", 10)])), own(&plan));
    assert_eq!(one(&plan, &recorded, &[], &shelf(&[("a.wav", 10), ("b.wav", 9)])), own(&plan));
    let other = made_under(&plan, "other key");
    assert_eq!(one(&plan, &other, &[], &shelf(&[("a.wav", 10), ("b.wav", 10)])), own(&plan));
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
    assert_eq!(one(&plan, &[], &["a.wav"], &shelf(&[("a.wav", 10)])), own(&plan));
}

#[test]
fn overwrite_renders_whatever_stands() {
    let plan = plan(Collision::Overwrite, &["a.wav"]);
    let recorded = made_under(&plan, "key");
    for (records, standing) in [(&recorded[..], shelf(&[("a.wav", 10)])), (&[][..], shelf(&[("a.wav", 3)]))] {
        assert_eq!(one(&plan, records, &[], &standing), own(&plan));
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
    assert_eq!(one(&plan, &[], &["/out/b.wav"], &shelf(&[("b.wav", 10)])), own(&plan));
    assert_eq!(one(&plan, &[], &[], &shelf(&[])), own(&plan));
}

#[test]
fn increment_gives_all_files_of_a_task_one_free_number() {
    let plan = plan(Collision::Increment, &["mix.wav", "stem-2.wav"]);
    let names = |decision: Decision| match decision {
        Decision::Render(outputs) => outputs.iter().map(|o| o.path.display().to_string()).collect::<Vec<_>>(),
        other => panic!("it is rendered: {other:?}"),
    };
    assert_eq!(names(one(&plan, &[], &[], &shelf(&[]))), ["/out/mix.wav", "/out/stem-2.wav"]);
    let standing = shelf(&[("mix.wav", 1), ("stem-2-2.wav", 1)]);
    assert_eq!(names(one(&plan, &[], &[], &standing)), ["/out/mix-3.wav", "/out/stem-2-3.wav"]);
}

#[test]
fn numbered_files_of_two_tasks_never_meet() {
    let mut plan = plan(Collision::Increment, &["a.wav"]);
    let mut second = plan.tasks[0].clone();
    second.outputs[0].path = "/out/a-2.wav".into();
    plan.tasks.push(second);
    let decisions = decide(&plan, &[], &HashSet::new(), &shelf(&[("a.wav", 1), ("a-2.wav", 1)]));
    let path = |decision: &Decision| match decision {
        Decision::Render(outputs) => outputs[0].path.display().to_string(),
        other => panic!("it is rendered: {other:?}"),
    };
    assert_eq!(decisions.iter().map(path).collect::<Vec<_>>(), ["/out/a-3.wav", "/out/a-2-2.wav"]);
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
