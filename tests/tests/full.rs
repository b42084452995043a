//! A full disk stops a run cleanly: nothing half stands, no plugin is blamed, and the next run goes on.

use tonemill_tests::{Disk, FixtureJob, Place, Random, Tree, journals};

/// Runs that ended for want of room have blamed nobody: no attempt of theirs failed by its device.
fn expect_no_blame(place: &Place, why: &str) {
    let count = journals::count(&place.path("out"));
    let struck = count.of(&["crashed", "left", "hung", "protocol"]);
    assert_eq!(struck, 0, "{why}: {count:?}");
}

fn undisturbed(job: &FixtureJob) -> Tree {
    let place = Place::new();
    job.write(&place);
    place.run(&["render", "job.yaml"]).expect(0);
    Tree::of(&place.path("out"))
}

#[test]
fn a_disk_that_is_full_at_any_moment_stops_the_run_and_more_room_completes_it() {
    // 24 files of 113 KiB.
    let job = FixtureJob { ending: "wav", ..FixtureJob::of_gains(8, 19_200, 3) };
    let clean = undisturbed(&job);
    let mut random = Random::new();
    for round in 0..4 {
        let place = Place::new();
        job.write(&place);
        let kilobytes = 300 + random.below(2000);
        let Some(disk) = Disk::new(place.path("out"), &format!("{kilobytes}k")) else { return };
        let why = format!("round {round}, {kilobytes} KiB");
        let ran = place.run(&["render", "job.yaml", "--workers", "2"]);
        assert_eq!(ran.status, Some(75), "{why}: {}", ran.err);
        ran.says(&["Stopped early: ", "No space left on device"]);
        let tree = Tree::of(disk.path());
        assert!(tree.len() < clean.len(), "{why}");
        tree.expect_part_of(&clean);
        expect_no_blame(&place, &why);
        // As full as before: nothing changes for the worse.
        let again = place.run(&["render", "job.yaml", "--workers", "2"]);
        assert_eq!(again.status, Some(75), "{why}, again: {}", again.err);
        Tree::of(disk.path()).expect_part_of(&clean);
        expect_no_blame(&place, &why);
        disk.resize("40m");
        place.run(&["render", "job.yaml", "--workers", "2"]).expect(0);
        let tree = Tree::of(disk.path());
        tree.expect_same(&clean);
        tree.expect_manifest(disk.path());
    }
}

#[test]
fn a_journal_that_has_no_room_stops_the_run_and_more_room_completes_it() {
    let job = FixtureJob::of_gains(20, 2400, 3);
    let clean = undisturbed(&job);
    for kilobytes in [24, 40, 64] {
        let place = Place::new();
        job.write(&place);
        // Lock, journal, logs and scratch have this disk to themselves; there is room for files.
        let Some(disk) = Disk::new(place.path("out/.tonemill"), &format!("{kilobytes}k")) else { return };
        let out = place.path("out");
        let ran = place.run(&["render", "job.yaml", "--workers", "2"]);
        assert_eq!(ran.status, Some(75), "{kilobytes} KiB: {}", ran.err);
        ran.says(&["Stopped early: the journal cannot be written: "]);
        let tree = Tree::of(&out);
        assert!(tree.len() < clean.len(), "{kilobytes} KiB: {} files", tree.len());
        tree.expect_part_of(&clean);
        expect_no_blame(&place, &format!("{kilobytes} KiB"));
        // No room is no mistake in the job, also where not even a journal can be begun.
        let again = place.run(&["render", "job.yaml", "--workers", "2"]);
        assert_eq!(again.status, Some(75), "{kilobytes} KiB, again: {}", again.err);
        disk.resize("10m");
        place.run(&["render", "job.yaml", "--workers", "2"]).expect(0);
        let tree = Tree::of(&out);
        tree.expect_same(&clean);
        tree.expect_manifest(&out);
    }
}
