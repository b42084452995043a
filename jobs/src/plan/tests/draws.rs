//! Tones that draw.

use std::collections::BTreeMap;

use presets::draw::DrawnValue;
use presets::{Asset, Value};

use super::bench::{Bench, Planned};
use crate::plan::Plan;
use crate::task::{Item, Task};

const JOB: &str = "tonemill: 1\nseed: 425\ninputs: di/{id}.wav\ntones: [tones/*.yaml]\ndraws: 4\noutput: { path: 'out/{tone}/{id}-{draw}.flac' }\n";

/// Two inputs, a plugin, and a tone with this chain.
fn bench(chain: &str) -> Bench {
    let bench = Bench::new();
    bench.wav("di/a.wav", 1, 100);
    bench.wav("di/b.wav", 1, 50);
    bench.write("plugins/Fuzz.clap", "binary");
    bench.write("plugins/Wide.clap", "binary");
    tone(&bench, "drawn", chain);
    bench
}

fn tone(bench: &Bench, name: &str, chain: &str) {
    bench.write(&format!("tones/{name}.yaml"), &format!("tonemill: 1\nchain:\n- {chain}\n"));
}

/// What is told of a tone with this chain.
fn told(chain: &str) -> String {
    bench(chain).plan(JOB).unwrap_err()
}

fn item(task: &Task) -> &Item {
    task.item.as_ref().expect("a tone's task is one of a tone")
}

/// The values of the device at this place in a task's chain, by parameter.
fn settings(task: &Task, device: usize) -> BTreeMap<String, f64> {
    let number = |value: &Value| match value {
        Value::Number(number) => *number,
        Value::Text(text) => panic!("{text} is no number"),
    };
    task.render.devices()[device].params.iter().map(|s| (s.parameter.clone(), number(&s.value))).collect()
}

/// Key and draws of each file.
fn files(bench: &Bench, plan: &Planned) -> BTreeMap<String, (String, Item)> {
    let file = |task: &Task| (bench.below(&task.outputs[0].path), (task.key.clone(), item(task).clone()));
    plan.tasks.iter().map(file).collect()
}

#[test]
fn each_draw_is_a_task_with_values_of_its_own() {
    let bench = bench(
        "{ clap: Fuzz, params: { Drive: { uniform: [20 %, 60 %] }, '#14': 0.5, Tone: { normalised: { uniform: [0.5, 1] } } } }",
    );
    let plan = bench.plan(JOB).unwrap();
    let outputs: Vec<_> = plan.tasks.iter().map(|task| bench.below(&task.outputs[0].path)).collect();
    assert_eq!(outputs[..5], ["a-000", "a-001", "a-002", "a-003", "b-000"].map(|n| format!("out/drawn/{n}.flac")));
    assert_eq!(plan.tasks[6].label, "b, \"drawn\", draw 2");
    let mut seen = Vec::new();
    for (index, task) in plan.tasks.iter().enumerate() {
        let set = settings(task, 0);
        assert_eq!(set.keys().collect::<Vec<_>>(), ["#11", "#12", "#14"], "parameters are ids");
        assert!((0.2..=0.6).contains(&set["#11"]) && (5.0..=10.0).contains(&set["#12"]) && set["#14"] == 0.5);
        assert!(!seen.contains(&set), "values came twice: {set:?}");
        let Item { tone, draw, drawn, metadata, .. } = item(task);
        assert_eq!((tone.as_deref(), *draw), (Some("drawn"), Some(index as u64 % 4)));
        assert_eq!(metadata["id"], if index < 4 { "a" } else { "b" });
        assert_eq!(drawn.iter().map(|d| d.parameter.as_str()).collect::<Vec<_>>(), ["Drive", "Tone"]);
        let DrawnValue::Text(percent) = &drawn[0].value else { panic!("the record keeps the unit: {drawn:?}") };
        let percent: f64 = percent.strip_suffix(" %").unwrap().parse().unwrap();
        assert!((percent - 100.0 * set["#11"]).abs() < 1e-9);
        let DrawnValue::Normalised { normalised } = drawn[1].value else { panic!("{drawn:?}") };
        assert!((normalised - set["#12"] / 10.0).abs() < 1e-12);
        seen.push(set);
    }
    assert_eq!(seen.len(), 8);
    // The device without what is drawn, and once more with what may come.
    assert_eq!(bench.examined.get(), 2);
}

#[test]
fn a_draw_does_not_depend_on_other_inputs_tones_and_draws_or_on_their_order() {
    let bench = bench("{ gain: { uniform: [-6 dB, 3 dB] } }");
    let before = files(&bench, &bench.plan(JOB).unwrap());
    bench.wav("di/0.wav", 1, 70);
    tone(&bench, "also", "{ gain: { uniform: [-6 dB, 3 dB] } }");
    let more = files(&bench, &bench.plan(&JOB.replace("draws: 4", "draws: 7")).unwrap());
    assert_eq!((before.len(), more.len()), (8, 42));
    assert!(before.iter().all(|(path, made)| more[path] == *made));
    let listed = JOB.replace("di/{id}.wav", "[di/b.wav, di/0.wav, di/a.wav]").replace("{id}", "{input}");
    let other = files(&bench, &bench.plan(&listed).unwrap());
    assert!(before.iter().all(|(path, (key, _))| other[path].0 == *key));
    // Tones draw apart, and so do groups.
    let drawn = |path: &str| more[path].1.drawn[0].value.clone();
    assert_ne!(drawn("out/drawn/a-000.flac"), drawn("out/also/a-000.flac"));
    let grouped = files(&bench, &bench.plan(&JOB.replace("di/{id}.wav", "{ x: 'di/{id}.wav' }")).unwrap());
    assert!(before.iter().all(|(path, (key, _))| grouped[path].0 != *key));
    let seeded = files(&bench, &bench.plan(&JOB.replace("425", "426")).unwrap());
    assert!(before.iter().all(|(path, (key, _))| seeded[path].0 != *key));
}

#[test]
fn a_plan_with_draws_reads_as_it_was_written() {
    let bench = bench(
        "{ name: amp, one_of: [{ gain: { uniform: [-6 dB, 3 dB] } }, { clap: Fuzz, params: { Drive: { normal: { mean: 0.5, sd: 0.1, low: 0, high: 1 } } } }] }\n- { gain: 1, probability: 0.5 }",
    );
    let plan = bench.plan(&JOB.replace("draws: 4", "draws: 40")).unwrap();
    let mut bytes = Vec::new();
    plan.plan.write(&mut bytes).unwrap();
    let again = Plan::read(bytes.as_slice()).unwrap();
    assert_eq!(again, plan.plan);
    let mut twice = Vec::new();
    again.write(&mut twice).unwrap();
    assert_eq!(twice, bytes);
    let mut chains: Vec<usize> = plan.tasks.iter().map(|task| task.render.devices().len()).collect();
    chains.sort_unstable();
    chains.dedup();
    assert_eq!(chains, [1, 2], "the second device stands now and then");
}

#[test]
fn what_a_device_does_not_take_is_told_at_its_draw() {
    for (written, message) in [
        (
            "{ gain: { uniform: [-6 dB, 30 dB] } }",
            "3:11: Gain = \"30 dB\" of gain is outside -60..24 (-60 dB to 24 dB).",
        ),
        (
            "{ clap: Fuzz, params: { Tnoe: { uniform: [0, 1] } } }",
            "3:33: Fuzz has no parameter \"Tnoe\". Did you mean \"Tone\"?",
        ),
        (
            "{ clap: Fuzz, params: { Tnoe: { normalised: { uniform: [0, 1] } } } }",
            "3:33: Fuzz has no parameter \"Tnoe\". Did you mean \"Tone\"?",
        ),
        (
            "{ clap: Fuzz, params: { Drive: { choice: [20 %, hot] } } }",
            "3:34: Drive = \"hot\" is nothing that Fuzz can read. Write a number, or a text such as \"0 %\" or \"100 %\".",
        ),
        (
            "{ clap: Fuzz, params: { Level: { int: [0, 1] } } }",
            "3:34: Fuzz has several parameters called \"Level\". Write the id of one instead: \"#14\" or \"#15\".",
        ),
        (
            "{ clap: Fuzz, params: { Meter: { int: [0, 1] } } }",
            "3:34: \"Meter\" of Fuzz only reports and cannot be set. Remove it.",
        ),
        (
            "{ clap: Fuzz, params: { Bypass: { int: [0, 1] } } }",
            "3:35: Bypass of Fuzz is unsafe to draw: it switches the whole device off. Remove the draw, or write force: true beside it.",
        ),
        (
            "{ clap: Fuzz, params: { Tone: 1, '#12': { int: [0, 1] } } }",
            "3:43: #12 of Fuzz is set a second time. Remove one of the two.",
        ),
        (
            "{ one_of: [{ gain: 1, weight: 0 }, { gain: 99, weight: 0 }, { gain: 2 }] }",
            "3:46: Gain = 99 of gain is outside -60..24 (-60 dB to 24 dB). Did you mean 9.9?",
        ),
        (
            "{ gain: 1, when: { pickup: bridge } }",
            "3:22: for di/a.wav: pickup is not known of this item. Give it to every item, or write pickup: { given: true, ... }.",
        ),
        (
            "{ nam: { pool: '../nam/*.nam' } }",
            "3:18: \"../nam/*.nam\" finds no file to draw from. Patterns start at this file's folder.",
        ),
        (
            "{ cabinet: { choice: [../ir.wav] } }",
            "3:14: there is no ir file ir.wav. Paths start at this file's folder.",
        ),
        (
            "{ parallel: [[{ clap: Wide, channels: duplicate }], [{ clap: Wide, channels: duplicate }, { gain: { uniform: [0, 99] } }]] }",
            "3:101: Gain = 99 of gain is outside -60..24 (-60 dB to 24 dB). Did you mean 9.9?",
        ),
    ] {
        assert_eq!(told(written), format!("tones/drawn.yaml:{message}"), "for {written}");
    }
    bench("{ clap: Fuzz, params: { Bypass: { int: [0, 1], force: true } } }").plan(JOB).unwrap();
}

#[test]
fn what_a_job_says_of_its_draws_is_told() {
    let drawn = "{ gain: { uniform: [0, 1] } }";
    for (from, to, message) in [
        (
            "-{draw}",
            "",
            "job.yaml:6:17: several draws would be written to one path. Put {draw} into it: it becomes 000, 001 and so on.",
        ),
        (
            "draws: 4",
            "draws: grid",
            "job.yaml:5:8: draws = grid, and no tone has a grid of several values. Write grid: [1, 2, 5] in a preset, or how often: draws: 8.",
        ),
    ] {
        assert_eq!(bench(drawn).plan(&JOB.replace(from, to)).unwrap_err(), message);
    }
    let grid = "{ gain: { grid: { steps: [0, 20, 0.01] } } }\n- { gain: { grid: { steps: [0, 20, 0.01] } } }";
    assert_eq!(
        bench(grid).plan(&JOB.replace("draws: 4", "draws: grid")).unwrap_err(),
        "job.yaml:5:8: the grids of \"drawn\" have 4004001 combinations; at most 1000000 are drawn. Take larger steps, or write how often: draws: 8."
    );
}

#[test]
fn a_tone_without_draws_is_one_task_and_a_grid_as_many_as_it_has_combinations() {
    let bench =
        bench("{ clap: Fuzz, params: { Drive: { grid: [0.1, 0.2, 0.3] }, Tone: { grid: { steps: [0, 10, 5] } } } }");
    tone(&bench, "plain", "{ gain: 1 }");
    let plan = bench.plan(&JOB.replace("draws: 4", "draws: grid")).unwrap();
    let of = |tone: &str| plan.tasks.iter().filter(|task| item(task).tone.as_deref() == Some(tone)).collect::<Vec<_>>();
    assert_eq!((of("drawn").len(), of("plain").len()), (18, 2));
    let mut pairs: Vec<_> =
        of("drawn")[..9].iter().map(|task| (settings(task, 0)["#11"], settings(task, 0)["#12"])).collect();
    pairs.sort_by(|a, b| a.partial_cmp(b).unwrap());
    pairs.dedup();
    assert_eq!(pairs.len(), 9);
    assert_eq!((item(of("plain")[0]).draw, of("plain")[0].label.as_str()), (None, "a, \"plain\""));
    assert_eq!(bench.below(&of("plain")[1].outputs[0].path), "out/plain/b-000.flac");
    std::fs::remove_file(bench.path("tones/drawn.yaml")).unwrap();
    let plan = bench.plan(JOB).unwrap();
    assert_eq!(
        plan.header.warnings,
        [format!(
            "{}:5:8: no tone draws anything, so each input goes through each tone once.",
            bench.path("job.yaml").display()
        )]
    );
}

#[test]
fn a_task_depends_on_the_file_that_was_drawn_and_on_no_other_of_its_pool() {
    let bench = bench(
        "{ nam: { pool: '../nam/*.nam', where: { gear_type: amp } } }\n- { cabinet: { choice: [../x.wav, ../y.wav] } }",
    );
    let nam = |name: &str, gear: &str, gain: u32| {
        let text = format!(
            r#"{{"architecture": "Linear", "config": {{}}, "metadata": {{"gear_type": "{gear}", "gain": {gain}}}, "weights": [1]}}"#
        );
        bench.write(&format!("nam/{name}.nam"), &text);
    };
    for (name, gear) in [("a", "amp"), ("b", "amp"), ("c", "pedal")] {
        nam(name, gear, 1);
    }
    bench.write("x.wav", "x");
    bench.write("y.wav", "y");
    let plan = bench.plan(&JOB.replace("draws: 4", "draws: 12")).unwrap();
    let mut models = BTreeMap::<String, Vec<usize>>::new();
    for (index, task) in plan.tasks.iter().enumerate() {
        let devices = task.render.devices();
        let file = |device: usize, role: &str| match &devices[device].assets[role] {
            Asset::File(path) => bench.below(path),
            other => panic!("{other:?} is no file"),
        };
        let used = [file(0, "model"), file(1, "ir")];
        let sources: Vec<String> = task.sources[1..].iter().map(|s| bench.below(s.path.as_ref())).collect();
        assert_eq!(sources, used, "the files in use are the files that count");
        assert_eq!(item(task).drawn[0].value, DrawnValue::Text(format!("../{}", used[0])));
        models.entry(used[0].clone()).or_default().push(index);
    }
    assert_eq!(models.keys().collect::<Vec<_>>(), ["nam/a.nam", "nam/b.nam"], "a pedal does not pass");
    nam("b", "amp", 2);
    let after = bench.plan(&JOB.replace("draws: 4", "draws: 12")).unwrap();
    let changed: Vec<usize> = (0..24).filter(|n| plan.tasks[*n].key != after.tasks[*n].key).collect();
    assert_eq!(changed, models["nam/b.nam"]);
    bench.write("nam/d.nam", "{");
    let told = bench.plan(JOB).unwrap_err();
    assert!(
        told.starts_with(
            "tones/drawn.yaml:3:18: tones/../nam/d.nam cannot be drawn from: it is not a Neural Amp Modeler file: "
        ),
        "{told}"
    );
    tone(&bench, "drawn", "{ nam: { pool: '../nam/*.nam', broken: skip } }");
    let warnings = bench.plan(JOB).unwrap().header.warnings;
    assert!(warnings.len() == 1 && warnings[0].contains("nam/d.nam is left out of the pool: "), "{warnings:?}");
}

#[test]
fn captures_decide_what_stands() {
    let bench =
        bench("{ gain: 1, when: { id: a } }\n- { gain: 2, when: { id: { not: a } } }\n- { gain: { uniform: [0, 1] } }");
    let plan = bench.plan(JOB).unwrap();
    let first: Vec<f64> = plan.tasks.iter().map(|task| settings(task, 0)["#0"]).collect();
    assert_eq!(first, [1.0, 1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 2.0]);
}

#[test]
fn chains_beside_each_other_that_do_not_fit_are_told_once_at_their_fork() {
    let fork = "{ parallel: [[{ clap: Spread, channels: downmix }], [{ gain: { uniform: [0, 1] } }]] }";
    let bench = bench(&format!("{{ gain: 0 }}\n- {fork}"));
    bench.write("plugins/Spread.clap", "binary");
    assert_eq!(bench.plan(JOB).unwrap().tasks.len(), 8);
    bench.wav("di/c.wav", 3, 10);
    let message = "chains beside each other in di/c.wav end in 2 channels and in 3 channels; only mono fits all. Let all end in as many, or in one.";
    assert_eq!(bench.plan(JOB).unwrap_err(), format!("tones/drawn.yaml:4:3: {message}"));
}
