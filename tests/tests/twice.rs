//! Two runs of one part of a plan at the same time: what is rendered twice is the same twice, or told.

use std::process::{Child, Command, Stdio};

use tonemill_tests::{FixtureJob, Marker, Place, Ran, Tree, Watcher, end_of, fixture_tone, journals, wait_for_mark};

fn planned(job: &FixtureJob) -> Place {
    let place = Place::new();
    job.write(&place);
    place.run(&["plan", "job.yaml", "-o", "plan"]).expect(0);
    place
}

fn start(marker: &Marker, command: &mut Command) -> Child {
    marker.put_on(command);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the command starts")
}

/// Has one run decide what is to be done, another one do it all, and then the first one too. Gives what that one said.
fn render_twice(place: &Place) -> String {
    let mark = place.write("struck/.keep", "").with_file_name("mark");
    let marker = Marker::new("twice");
    let mut command = place.command(&["run", "plan", "--shard", "1/1", "--workers", "2"]);
    command.env("TONEMILL_FAILPOINT", "journal.line.before=farm:1").env("TONEMILL_FAILPOINT_MARK", &mark);
    marker.put_on(&mut command);
    let mut late = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the command starts");
    wait_for_mark(&mark, &mut late);
    place.run(&["run", "plan", "--shard", "1/1", "--workers", "2"]).expect(0);
    std::fs::remove_file(&mark).unwrap();
    let ran = Ran::from(late.wait_with_output().expect("a child can be waited for")).expect(0);
    marker.wait_until_all_are_gone();
    ran.err
}

#[test]
fn what_two_runs_of_one_part_render_twice_has_the_same_bytes() {
    let job = FixtureJob::of_gains(4, 9600, 3);
    let place = planned(&job);
    let out = place.path("out");
    let watcher = Watcher::new(out.clone());
    let told = render_twice(&place);
    assert!(!told.contains("not deterministic"), "{told}");
    assert_eq!(journals::count(&out).finished, 24, "all was rendered twice");
    let twice = Tree::of(&out);
    place.run(&["merge", "plan"]).expect(0);
    twice.expect_manifest(&out);
    place.run(&["verify", "plan"]).expect(0);
    assert_eq!(watcher.finish().incomplete, Vec::<String>::new());
    let once = Place::new();
    job.write(&once);
    once.run(&["render", "job.yaml"]).expect(0);
    twice.expect_same(&Tree::of(&once.path("out")));
}

#[test]
fn two_runs_that_begin_at_once_are_harmless() {
    let job = FixtureJob::of_gains(8, 24_000, 3);
    let place = planned(&job);
    let out = place.path("out");
    let watcher = Watcher::new(out.clone());
    let marker = Marker::new("at-once");
    let run = || start(&marker, &mut place.command(&["run", "plan", "--shard", "1/1", "--workers", "2"]));
    let mut both = [run(), run()];
    for child in &mut both {
        assert_eq!(end_of(child).code(), Some(0));
    }
    marker.wait_until_all_are_gone();
    place.run(&["merge", "plan"]).expect(0);
    let tree = Tree::of(&out);
    assert_eq!(tree.len(), 24);
    tree.expect_manifest(&out);
    place.run(&["verify", "plan"]).expect(0);
    assert_eq!(watcher.finish().incomplete, Vec::<String>::new());
    let count = journals::count(&out);
    assert!((24..=48).contains(&count.finished) && count.failed == 0, "{count:?}");
}

#[test]
fn a_plugin_that_sounds_otherwise_in_another_process_is_told_when_its_files_come_twice() {
    let tones = fixture_tone("fickle", "each-process", "") + &fixture_tone("firm", "gain", "");
    // Of equal length, so that only their content tells them apart.
    let job = FixtureJob { tones, ending: "wav", ..FixtureJob::of_gains(2, 9600, 0) };
    let place = planned(&job);
    let told = render_twice(&place);
    let words = "2 files came out differently when rendered twice: their plugins are not deterministic";
    assert!(told.contains(words), "{told}");
    // The manifest tells of what stands.
    Tree::of(&place.path("out")).expect_manifest(&place.path("out"));
    place.run(&["verify", "plan"]).expect(0);
}
