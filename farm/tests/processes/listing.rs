//! Many plugin files, each listed in a process of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use farm::{Candidate, Listing, ListingError, Looked};
use jobs::catalogue::{Broken, Fault, Found};
use jobs::hash::of_text;
use jobs::message::PluginFormat;
use libtest_mimic::Trial;

use crate::stage::Stage;

pub fn trials() -> Vec<Trial> {
    crate::trials![
        each_file_is_listed_in_a_process_of_its_own,
        a_file_that_crashes_hangs_or_is_refused_costs_only_itself,
        a_file_with_the_content_that_is_known_is_not_asked_about,
        files_that_are_left_when_it_is_stopped_are_not_looked_at,
        a_file_that_cannot_be_read_is_told_without_asking,
        no_file_is_blamed_for_a_worker_that_cannot_start,
        no_files_are_listed_at_once,
    ]
}

/// Makes files of these names, whose contents are their names.
fn candidates(stage: &Stage, names: &[&str]) -> Vec<Candidate> {
    let folder = stage.state().with_file_name("plugins");
    std::fs::create_dir_all(&folder).unwrap();
    let make = |name: &&str| {
        let path = folder.join(name);
        std::fs::write(&path, name).unwrap();
        Candidate { format: PluginFormat::Clap, path, known: None }
    };
    names.iter().map(make).collect()
}

fn listing(stage: &Stage, workers: usize) -> Listing {
    let (command, limit, libraries) = (stage.command().into(), Duration::from_secs(3), "these".to_owned());
    Listing { command, workers, limit, libraries, state: stage.state() }
}

fn list(
    stage: &Stage,
    candidates: &[Candidate],
    workers: usize,
) -> (BTreeMap<usize, Looked>, Result<(), ListingError>) {
    let mut all = BTreeMap::new();
    let ended = farm::list(candidates, &listing(stage, workers), &|| false, &mut |index, looked| {
        assert!(all.insert(index, looked).is_none(), "{index} was told twice");
    });
    (all, ended)
}

/// The name and process of the plugin that was listed.
fn plugin(looked: &Looked) -> (&str, &str) {
    match looked {
        Looked::Listed { found: Found::Plugins(plugins), blake3: Some(_) } => (&plugins[0].name, &plugins[0].id),
        other => panic!("{other:?}"),
    }
}

fn broken(looked: &Looked) -> &Broken {
    match looked {
        Looked::Listed { found: Found::Broken(broken), .. } => broken,
        other => panic!("{other:?}"),
    }
}

fn each_file_is_listed_in_a_process_of_its_own() {
    let stage = Stage::new();
    let names = ["a", "b", "c", "d", "e", "f", "g"];
    let files = candidates(&stage, &names);
    for workers in [1, 3, 50] {
        let (looked, ended) = list(&stage, &files, workers);
        ended.unwrap();
        assert_eq!(looked.values().map(|one| plugin(one).0).collect::<Vec<_>>(), names);
        assert_eq!(looked.values().map(|one| plugin(one).1).collect::<BTreeSet<_>>().len(), names.len());
        for (one, name) in looked.values().zip(names) {
            assert!(matches!(one, Looked::Listed { blake3: Some(hash), .. } if *hash == of_text(name)));
        }
        stage.assert_nothing_is_left();
    }
}

fn a_file_that_crashes_hangs_or_is_refused_costs_only_itself() {
    let stage = Stage::new();
    let files = candidates(&stage, &["a", "crash", "hang", "refuse", "hang after the answer", "b"]);
    let (looked, ended) = list(&stage, &files, 2);
    ended.unwrap();
    assert_eq!(looked.len(), files.len());
    assert_eq!((plugin(&looked[&0]).0, plugin(&looked[&5]).0), ("a", "b"));
    let fault = |index: usize| (broken(&looked[&index]).fault, broken(&looked[&index]).reason.as_str());
    assert_eq!(fault(1), (Fault::Crashed, "the device \"crash\" crashed (SIGSEGV) while loading"));
    assert_eq!(fault(2), (Fault::Hung, "the device \"hang\" did not advance for 3 s while loading"));
    assert_eq!(fault(3), (Fault::Refused, "the fake cannot do this. Ask another."));
    assert!(matches!(&looked[&4], Looked::Listed { found: Found::Plugins(_), .. }), "its answer was good");
    let Broken { worker, limit_seconds, libraries, .. } = broken(&looked[&2]);
    assert_eq!(libraries, "these");
    assert_eq!((worker, *limit_seconds), (&stage.command().program.display().to_string(), 3.0));
    stage.assert_nothing_is_left();
}

fn a_file_with_the_content_that_is_known_is_not_asked_about() {
    let mut stage = Stage::new();
    let mut files = candidates(&stage, &["a", "b"]);
    files[0].known = Some(of_text("a"));
    files[1].known = Some(of_text("something else"));
    let (looked, ended) = list(&stage, &files, 1);
    ended.unwrap();
    assert_eq!(looked[&0], Looked::Unchanged);
    assert_eq!(plugin(&looked[&1]).0, "b");
    stage.habit = "leaves at once";
    let (looked, ended) = list(&stage, &files[..1], 1);
    ended.unwrap();
    assert_eq!(looked[&0], Looked::Unchanged);
}

fn files_that_are_left_when_it_is_stopped_are_not_looked_at() {
    let stage = Stage::new();
    let files = candidates(&stage, &["a", "b", "c"]);
    let stopped = std::sync::atomic::AtomicBool::new(false);
    let mut told = Vec::new();
    farm::list(
        &files,
        &listing(&stage, 1),
        &|| stopped.swap(true, std::sync::atomic::Ordering::Relaxed),
        &mut |index, _| {
            told.push(index);
        },
    )
    .unwrap();
    assert_eq!(told, [0], "the one that was begun is ended");
    stage.assert_nothing_is_left();
}

fn a_file_that_cannot_be_read_is_told_without_asking() {
    use std::os::unix::ffi::OsStrExt;
    let mut stage = Stage::new();
    stage.habit = "leaves at once";
    let mut files = candidates(&stage, &["a"]);
    files[0].path.set_file_name("missing");
    let odd = files[0].path.with_file_name(std::ffi::OsStr::from_bytes(b"\xff.clap"));
    files.push(Candidate { path: odd, ..files[0].clone() });
    let (looked, ended) = list(&stage, &files, 1);
    ended.unwrap();
    for (index, words) in [(0, "No such file"), (1, "not Unicode")] {
        let Broken { fault, reason, .. } = broken(&looked[&index]);
        assert_eq!(*fault, Fault::Unreadable);
        assert!(reason.contains(words), "{reason}");
    }
}

fn no_file_is_blamed_for_a_worker_that_cannot_start() {
    let mut stage = Stage::new();
    stage.habit = "leaves at once";
    let files = candidates(&stage, &["a", "b", "c", "d"]);
    let (looked, ended) = list(&stage, &files, 2);
    assert!(looked.is_empty(), "{looked:?}");
    let words = ended.unwrap_err().to_string();
    assert_eq!(words, "no worker could be started: its process ended with status 7 before it was ready");
    stage.assert_nothing_is_left();
}

fn no_files_are_listed_at_once() {
    let stage = Stage::new();
    let (looked, ended) = list(&stage, &[], 4);
    assert!(looked.is_empty() && ended.is_ok());
}
