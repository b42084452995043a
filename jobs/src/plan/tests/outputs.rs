//! What a job writes beside its tones, and what it comes to.

use super::bench::Planned;
use super::*;
use crate::task::{FlagPolicy, Gate, MatchBy};

const DRY: &str = "tonemill: 1\ninputs: { di: 'di/{id}.wav' }\ntones: [tones/*.yaml]\noutput: { path: 'out/{tone}/{id}-{draw}.flac', loudness: -24 LUFS, also: [dry] }\n";

fn job(rest: &str) -> String {
    format!("tonemill: 1\ninputs: {{ di: 'di/{{id}}.wav' }}\ntones: [tones/*.yaml]\n{rest}\n")
}

#[test]
fn each_take_is_written_dry_once_and_is_found_by_its_wet_ones() {
    let bench = tones_bench();
    bench.write("tones/loud.yaml", "tonemill: 1\nchain: [{ gain: { uniform: [-6, 6] } }]\n");
    let plan = bench.plan(&format!("{DRY}draws: 3\n")).unwrap();
    let (dry, wet): (Vec<&Task>, Vec<&Task>) =
        plan.tasks.iter().partition(|task| task.item.as_ref().unwrap().tone.is_none());
    let paths: Vec<_> = dry.iter().map(|task| bench.below(&task.outputs[0].path)).collect();
    assert_eq!(paths, ["out/dry/a-000.flac", "out/dry/b-000.flac"]);
    assert_eq!(wet.len(), 2 * (1 + 3));
    for task in &wet {
        let take = &task.item.as_ref().unwrap().take;
        let beside: Vec<_> = dry.iter().filter(|dry| dry.item.as_ref().unwrap().take == *take).collect();
        let [beside] = beside.as_slice() else { panic!("{take} has one dry take") };
        let (Render::Tone(wet), Render::Tone(dry)) = (&task.render, &beside.render) else {
            panic!("takes are planned")
        };
        assert_eq!(wet.input, dry.input);
        assert_eq!((dry.chain.len(), dry.tone.as_str()), (0, ""));
        let (one, other) = (task.item.as_ref().unwrap(), beside.item.as_ref().unwrap());
        assert_eq!((&one.source_group, &one.metadata), (&other.source_group, &other.metadata));
    }
    assert_eq!(dry[0].label, "a, dry");
    assert_eq!((dry[0].outputs[0].finish.target, dry[0].outputs[0].match_dry), (None, None));
    assert_eq!(dry[0].sources.iter().map(|source| source.role.as_str()).collect::<Vec<_>>(), ["input"]);
    assert!(wet.iter().all(|task| task.outputs[0].finish.target.is_some()));
}

#[test]
fn dry_takes_change_no_wet_one() {
    let bench = tones_bench();
    let with = bench.plan(DRY).unwrap();
    let without = bench.plan(&DRY.replace(", also: [dry]", "")).unwrap();
    let keys = |plan: &Planned| plan.tasks.iter().map(|task| task.key.clone()).collect::<Vec<_>>();
    assert_eq!(keys(&with)[2..], keys(&without));
}

#[test]
fn a_dry_take_is_as_long_as_the_recording_where_tones_ring_on() {
    let bench = tones_bench();
    let of = |length: &str| {
        let plan = bench.plan(&DRY.replace("loudness: -24 LUFS", &format!("length: {length}"))).unwrap();
        (plan.tasks[0].outputs[0].length, plan.tasks[2].outputs[0].length)
    };
    assert_eq!(of("{ tail: 3 s }"), (Length::Match, Length::Tail { limit: 3.0, below_db: -90.0 }));
    assert_eq!(of("2 s"), (Length::Seconds(2.0), Length::Seconds(2.0)));
}

#[test]
fn a_tone_that_is_called_dry_is_no_dry_take() {
    let bench = tones_bench();
    bench.write("tones/dry.yaml", "tonemill: 1\nchain: [{ gain: 0 }]\n");
    let told = bench.plan(DRY).unwrap_err();
    let words = "a, dry and a, \"dry\" would be written to one path, out/dry/a-000.flac.";
    assert!(told.contains(words), "{told}");
}

#[test]
fn every_task_has_the_checks_of_its_job_and_a_dry_take_is_not_held_against_itself() {
    let bench = tones_bench();
    let plan = bench.plan(&format!("{DRY}quality: {{ policy: quarantine, offset: 10 ms }}\n")).unwrap();
    let checks: Vec<_> = plan.tasks.iter().map(|task| &task.checks).collect();
    assert!(checks.iter().all(|checks| checks.policy == FlagPolicy::Quarantine));
    assert_eq!((checks[0].offset, checks[2].offset), (None, Some(480)));
    let gate = Gate { like_dry_below_db: None, ..Gate::default() };
    assert_eq!((checks[0].gate.as_ref(), checks[2].gate.as_ref()), (Some(&gate), Some(&Gate::default())));
    let off = bench.plan(&format!("{DRY}quality: off\n")).unwrap();
    assert!(off.tasks.iter().all(|task| task.checks.is_nothing()));
    assert_ne!(off.tasks[2].key, plan.tasks[2].key, "what is looked at decides what becomes of a file");
}

#[test]
fn what_is_matched_to_its_dry_take_says_by_what() {
    let bench = tones_bench();
    let plan = bench.plan(&DRY.replace("loudness: -24 LUFS", "match: { dry: peak }, ceiling: -1 dBTP")).unwrap();
    let output = &plan.tasks[2].outputs[0];
    assert_eq!((output.match_dry, output.finish.target), (Some(MatchBy::Peak), None));
    assert!(output.finish.ceiling.is_some());
    assert_eq!((plan.tasks[0].outputs[0].match_dry, plan.tasks[0].outputs[0].finish.ceiling), (None, None));
}

#[test]
fn a_plan_says_what_it_comes_to() {
    let bench = tones_bench();
    bench.wav("di/c.wav", 2, 1000);
    let plan =
        bench.plan(&job("output: { path: 'out/{tone}/{id}.wav', bits: 16, also: { dry: 'dry/{id}.wav' } }")).unwrap();
    let estimate = plan.header.estimate.as_ref().unwrap();
    // Three takes of 100, 50 and 1000 frames, the last in stereo: dry and through two tones.
    assert_eq!(estimate.files, 9);
    assert!((estimate.seconds - 3.0 * 1150.0 / 48_000.0).abs() < 1e-12);
    assert_eq!(estimate.bytes, 3 * (3 * 80 + 2 * (100 + 50 + 2 * 1000)));
    assert!(!estimate.compressed && !estimate.at_most);
    // Through both gains, which are one device, and through the cabinet, which is another.
    let seconds: Vec<_> = estimate.devices.iter().map(|device| (device.seconds * 48_000.0).round()).collect();
    assert_eq!(seconds, [2.0 * 1150.0, 1150.0]);
    let mut text = Vec::new();
    plan.plan.write(&mut text).unwrap();
    assert_eq!(Plan::read(text.as_slice()).unwrap(), plan.plan);
}

#[test]
fn a_session_is_reckoned_in_stereo_to_the_end_of_what_it_plays() {
    let bench = session_bench();
    let plan = bench
        .plan(&SESSION.replace("length: tail", "bits: 16").replace("[mix, premaster, stems, tracks]", "mix"))
        .unwrap();
    let estimate = plan.header.estimate.unwrap();
    assert_eq!(estimate.files, 1);
    // A quarter note at 120 a minute outlasts the recordings.
    assert!((estimate.seconds - 0.5).abs() < 1e-9, "{}", estimate.seconds);
    assert_eq!(estimate.bytes, 80 + 24_000 * 4);
}

#[test]
fn a_data_set_lies_beside_what_is_rendered() {
    let bench = tones_bench();
    let of = |to: &str| {
        bench.plan(&job(&format!("output: {{ path: 'out/{{tone}}/{{id}}.wav', package: {{ as: egdb, to: {to} }} }}")))
    };
    let package = of("sets/one").unwrap().header.package.unwrap();
    assert_eq!(package.to, bench.path("sets/one"));
    assert_eq!(package.settings, serde_json::json!({ "as": "egdb" }));
    for to in ["out", "."] {
        let told = of(to).unwrap_err();
        assert!(told.contains("job.yaml:4:65: the data set would take the place of out"), "{told}");
    }
}

#[test]
fn another_policy_asks_for_no_other_sound_and_another_limit_does() {
    let bench = tones_bench();
    let keys = |quality: &str| {
        let plan =
            bench.plan(&job(&format!("quality: {quality}\noutput: {{ path: 'out/{{tone}}/{{id}}.flac' }}"))).unwrap();
        plan.tasks.iter().map(|task| task.key.clone()).collect::<Vec<_>>()
    };
    assert_eq!(keys("keep"), keys("quarantine"));
    assert_eq!(keys("keep"), keys("{ policy: fail }"));
    assert_ne!(keys("keep"), keys("{ silent_below: -60 dB }"));
    assert_ne!(keys("keep"), keys("off"));
}
