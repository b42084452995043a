use serde_json::json;

use super::*;

fn task(number: usize) -> Task {
    serde_json::from_value(json!({
        "number": number,
        "label": format!("take {number}"),
        "key": blake3::hash(&number.to_le_bytes()).to_hex().to_string(),
        "audio": { "sample_rate": 48_000, "block_size": 512 },
        "render": { "tone": { "input": { "file": "/di/take.wav" }, "tone": "crunch", "chain": [] } },
        "outputs": [{
            "path": format!("/out/crunch/take-{number:03}.flac"),
            "deliver": "mix",
            "format": { "container": "flac", "depth": "24" },
            "length": "match",
        }],
        "sources": [{ "role": "input", "path": "/di/take.wav", "blake3": "0".repeat(64) }],
    }))
    .unwrap()
}

#[test]
fn tasks_come_back_as_they_went_in_one_by_one_and_in_any_order() {
    for count in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 7] {
        let wanted: Vec<Task> = (0..count).map(task).collect();
        let tasks: Tasks = wanted.iter().cloned().collect();
        assert_eq!((tasks.len(), tasks.is_empty()), (count, count == 0));
        assert_eq!(tasks.iter().collect::<Vec<_>>(), wanted);
        let jumping = (0..count).map(|index| index * 37 % count);
        assert!(jumping.clone().all(|index| tasks.get(index) == wanted[index]), "of {count}");
        for (outline, task) in tasks.outlines().zip(&wanted) {
            assert_eq!((outline.number, &outline.key, &outline.label), (task.number, &task.key, &task.label));
            assert_eq!(outline.outputs[0].path, task.outputs[0].path);
        }
        let mut lines = Vec::new();
        tasks.write(&mut lines).unwrap();
        let read = Tasks::read_lines(lines.as_slice(), |_, error| io::Error::other(error)).unwrap();
        assert_eq!(read, tasks);
        assert_eq!(read.clone(), tasks);
    }
}

#[test]
fn a_task_costs_little_of_what_its_line_does() {
    let tasks: Tasks = (0..64 * BLOCK).map(task).collect();
    let packed: usize = tasks.packed.iter().map(|block| block.bytes.len()).sum();
    let mut lines = Vec::new();
    tasks.write(&mut lines).unwrap();
    assert!(packed * 5 < lines.len(), "{packed} of {} bytes", lines.len());
}

#[test]
#[should_panic(expected = "there is no task 3 among 3")]
fn a_task_that_is_none_is_not_made_up() {
    (0..3).map(task).collect::<Tasks>().get(3);
}

#[test]
fn a_line_that_is_no_task_is_told_by_its_place() {
    let mut lines = Vec::new();
    (0..2).map(task).collect::<Tasks>().write(&mut lines).unwrap();
    lines.extend(b"{\"number\": 2}\n");
    let told = Tasks::read_lines(lines.as_slice(), |index, error| io::Error::other(format!("{index}: {error}")));
    assert!(told.unwrap_err().to_string().starts_with("2: missing field"));
}

#[test]
fn tasks_that_are_packed_on_many_threads_are_those_that_are_packed_on_one() {
    let complete = |task: &mut Task| task.key = blake3::hash(task.label.as_bytes()).to_hex().to_string();
    for (before, count) in [(0, 5 * BLOCK + 3), (3, BLOCK - 1), (BLOCK, 9 * BLOCK), (0, 0)] {
        let wanted: Tasks = (0..before + count)
            .map(task)
            .enumerate()
            .map(|(index, mut task)| {
                if index >= before {
                    complete(&mut task);
                }
                task
            })
            .collect();
        let mut tasks: Tasks = (0..before).map(task).collect();
        let more: Vec<Task> = (before..before + count).map(task).collect();
        tasks.append(Batch::pack(more, complete));
        assert_eq!(tasks, wanted);
        assert_eq!(tasks.len(), before + count);
    }
}

#[test]
fn each_source_of_many_tasks_comes_once_in_their_order() {
    let with = |number: usize| {
        let source = |path: &str| Source { role: "input".into(), path: path.into(), blake3: path.into() };
        Task { sources: vec![source("/di/all.wav"), source(&format!("/di/{}.wav", 900 - number / 5))], ..task(number) }
    };
    for count in [0, 1, BLOCK, 5 * BLOCK + 7] {
        let tasks: Tasks = (0..count).map(with).collect();
        let mut wanted: Vec<Source> = Vec::new();
        for source in (0..count).flat_map(|number| with(number).sources) {
            if !wanted.contains(&source) {
                wanted.push(source);
            }
        }
        // Those that come with one task are in no order.
        wanted.get_mut(..2).into_iter().for_each(|first| first.sort());
        assert_eq!(tasks.sources(), wanted, "of {count}");
    }
}
