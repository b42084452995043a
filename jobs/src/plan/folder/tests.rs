use serde_json::json;

use super::*;
use crate::task::Task;

/// A plan of so many tasks, each with its number for a label; every third costs ten times as much.
fn plan(count: u32) -> Plan {
    let mut estimating = super::super::Estimating::default();
    let task = |number: u32| -> Task {
        let task = serde_json::from_value(json!({
            "number": number,
            "label": number.to_string(),
            "key": format!("key {number}"),
            "audio": { "sample_rate": 48000, "block_size": 512 },
            "render": { "tone": { "input": { "file": "/in.wav" }, "tone": "t", "chain": [] } },
            "outputs": [{
                "path": format!("/out/{number}.wav"),
                "deliver": "mix",
                "format": { "container": "wav", "depth": "24" },
                "length": "match",
            }],
            "sources": [],
        }));
        task.unwrap()
    };
    let tasks: Vec<Task> = (0..count).map(task).collect();
    for task in &tasks {
        estimating.add(task, if task.number % 3 == 0 { 48_000 * 60 } else { 48_000 * 6 }, 1);
    }
    let (estimate, efforts) = estimating.finish();
    let header = Header {
        tonemill: crate::FORMAT_VERSION,
        engine: crate::ENGINE.to_owned(),
        job: "job".to_owned(),
        job_blake3: "00".to_owned(),
        seed: 1,
        collision: Default::default(),
        output_root: "/out".into(),
        tasks: count,
        warnings: Vec::new(),
        estimate: Some(estimate),
        package: None,
        sandbox: Default::default(),
    };
    Plan { header, tasks: Arc::new(tasks.into_iter().collect()), efforts }
}

fn labels(part: &Part) -> Vec<u32> {
    part.range.clone().map(|index| part.plan.tasks.get(index).label.parse().unwrap()).collect()
}

#[test]
fn every_task_is_in_one_part_whatever_the_number_of_parts() {
    let folder = tempfile::tempdir().unwrap();
    for count in [0, 1, 63, 64, 65, 200, 4096, 4097, 9000] {
        let path = folder.path().join(count.to_string());
        let written = PlanFolder::write(&path, &plan(count), &[]).unwrap();
        let read = PlanFolder::open(&path).unwrap();
        assert_eq!(read.index, written.index);
        assert_eq!(*read.whole().unwrap().tasks, *plan(count).tasks);
        for of in [1, 2, 3, 7, 64] {
            let parts = (1..=of).map(|number| read.part(Shard::new(number, of).unwrap()).unwrap());
            let all: Vec<u32> = parts.flat_map(|part| labels(&part)).collect();
            assert_eq!(all, (0..count).collect::<Vec<_>>(), "{count} tasks in {of} parts");
        }
    }
}

#[test]
fn parts_cost_about_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let plan = plan(9000);
    let written = PlanFolder::write(&folder.path().join("p"), &plan, &[]).unwrap();
    let costs: Vec<f64> = plan.efforts.seconds(&[]).collect();
    assert!((written.seconds() - costs.iter().sum::<f64>()).abs() < 1.0);
    for of in [2, 5, 30] {
        let part = |number| costs[written.range(Shard::new(number, of).unwrap())].iter().sum::<f64>();
        let parts: Vec<f64> = (1..=of).map(part).collect();
        let mean = costs.iter().sum::<f64>() / f64::from(of);
        let most = parts.iter().fold(0.0f64, |most, part| most.max((part - mean).abs()));
        // A part may be off by what a task or two at its ends cost, of some 0.62 s.
        assert!(most < 2.0, "{of} parts: {parts:?}");
    }
}

#[test]
fn the_same_plan_may_stand_there_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p");
    let first = PlanFolder::write(&path, &plan(100), &[]).unwrap();
    // What is known of its costs may have changed since.
    let costly = Plan { efforts: Efforts::default(), ..plan(100) };
    assert_eq!(PlanFolder::write(&path, &costly, &[]).unwrap().index, first.index);
    assert_eq!(PlanFolder::open(&path).unwrap().index, first.index);
    let refused = PlanFolder::write(&path, &plan(101), &[]).unwrap_err();
    assert!(matches!(refused, FolderError::Taken(_)), "{refused}");
    assert_eq!(PlanFolder::open(&path).unwrap().header().tasks, 100);
    fs::create_dir(folder.path().join("empty")).unwrap();
    PlanFolder::write(&folder.path().join("empty"), &plan(1), &[]).unwrap();
    fs::create_dir_all(folder.path().join("mine/deep")).unwrap();
    assert!(matches!(PlanFolder::write(&folder.path().join("mine"), &plan(1), &[]), Err(FolderError::Taken(_))));
    let names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 3, "nothing else is left: {names:?}");
}

#[test]
fn a_changed_byte_anywhere_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p");
    PlanFolder::write(&path, &plan(70), &[]).unwrap();
    for file in [INDEX, "chunks/00000.jsonl.zst"] {
        let file = path.join(file);
        let good = fs::read(&file).unwrap();
        for at in (0..good.len()).step_by(7) {
            for change in [1u8, 32, 128] {
                let mut bad = good.clone();
                bad[at] ^= change;
                fs::write(&file, &bad).unwrap();
                let read = PlanFolder::open(&path).and_then(|read| read.whole());
                // Spaces between JSON's parts are nobody's meaning.
                let told =
                    read.as_ref().map_or(true, |read| *read.tasks == *plan(70).tasks && bad[at].is_ascii_whitespace());
                assert!(told, "byte {at} of {}", file.display());
            }
        }
        fs::write(&file, &good[..good.len() / 2]).unwrap();
        assert!(PlanFolder::open(&path).and_then(|read| read.whole()).is_err());
        fs::write(&file, good).unwrap();
    }
    PlanFolder::open(&path).unwrap().whole().unwrap();
}
