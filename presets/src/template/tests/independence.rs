//! What draws depend on, and what they do not.

use std::collections::BTreeMap;

use super::*;
use proptest::prelude::*;

/// A preset of many kinds of draw.
const RICH: &str = "tonemill: 1
draws:
  drive: { uniform: [0, 10] }
chain:
- { gain: { uniform: [-6, 3] } }
- name: amp
  one_of:
  - { weight: 3, clap: A, params: { Drive: { drawn: drive }, Tone: { normal: { mean: 5, sd: 2, low: 0, high: 10 } } } }
  - { clap: B, params: { Drive: { drawn: drive, to: [1, 2] }, Mode: { choice: [a, b, c] } } }
- { some_of: [{ delay: { Time: { log_uniform: [10, 1000] } } }, reverb, compressor], count: [0, 2], shuffle: true }
- { shuffle: [{ pan: { int: [-5, 5] } }, eq], probability: 0.8 }
";

/// What was drawn, by device and parameter.
fn drawn(template: &ToneTemplate, seed: u64, item: &str, draw: u64) -> BTreeMap<(String, String), String> {
    let context = DrawContext { seed, item, draw, metadata: &Metadata::new() };
    let resolved = template.resolve(&context).unwrap();
    let all = template.drawn(&resolved).into_iter();
    all.map(|one| ((one.device, one.parameter), format!("{:?}", one.value))).collect()
}

proptest! {
    #[test]
    fn draws_do_not_depend_on_order_or_on_the_other_items(
        seed: u64,
        items in prop::collection::hash_set("[a-z/ 0-9]{0,12}", 1..8),
        order in any::<prop::sample::Selector>(),
        draws in 1..6u64,
    ) {
        let template = parse(RICH).unwrap();
        let items: Vec<String> = items.into_iter().collect();
        let tasks: Vec<(&String, u64)> = items.iter().flat_map(|item| (0..draws).map(move |draw| (item, draw))).collect();
        let metadata = Metadata::new();
        let resolve = |template: &ToneTemplate, (item, draw): (&String, u64)| {
            template.resolve(&DrawContext { seed, item, draw, metadata: &metadata }).unwrap()
        };
        let all: Vec<Resolved> = tasks.iter().map(|task| resolve(&template, *task)).collect();
        // Backwards, through a template that is read again; and one alone.
        let again = parse(RICH).unwrap();
        for (task, resolved) in tasks.iter().zip(&all).rev() {
            prop_assert_eq!(&resolve(&again, *task), resolved);
        }
        let (index, task) = order.select(tasks.iter().enumerate());
        prop_assert_eq!(&resolve(&parse(RICH).unwrap(), *task), &all[index]);
    }

    #[test]
    fn a_device_more_changes_no_other_draw(seed: u64, place in 0..5usize, draw in 0..100u64) {
        let template = parse(RICH).unwrap();
        let lines: Vec<&str> = RICH.lines().collect();
        let starts: Vec<usize> = (0..lines.len()).filter(|n| lines[*n].starts_with("- ")).chain([lines.len()]).collect();
        let mut more = lines.clone();
        more.insert(starts[place.min(starts.len() - 1)], "- { limiter: { uniform: [-6, 0] } }");
        let with = drawn(&parse(&more.join("\n")).unwrap(), seed, "item", draw);
        for (key, value) in drawn(&template, seed, "item", draw) {
            prop_assert_eq!(with.get(&key), Some(&value), "{:?}", key);
        }
    }

    #[test]
    fn an_alternative_more_changes_only_the_draws_that_it_wins(seed: u64, place in 0..3usize, draw in 0..1000u64) {
        let alternatives = ["{ clap: A, params: { X: { uniform: [0, 1] } } }", "{ weight: 2, clap: B, params: { X: { uniform: [0, 1] } } }"];
        let before = chain(&format!("- one_of: [{}]", alternatives.join(", ")));
        let mut more = alternatives.to_vec();
        more.insert(place, "{ clap: C, params: { X: { uniform: [0, 1] } } }");
        let after = chain(&format!("- one_of: [{}]", more.join(", ")));
        let (before, after) = (drawn(&before, seed, "item", draw), drawn(&after, seed, "item", draw));
        let won = after.keys().any(|(device, _)| device.ends_with("clap:C"));
        prop_assert!(won || before == after, "{:?} became {:?}", before, after);
    }

    #[test]
    fn seed_item_and_draw_each_count(seed: u64, item in "[a-z]{1,8}", draw in 0..1_000_000u64) {
        let template = chain("- { gain: { uniform: [0, 1] } }");
        let one = drawn(&template, seed, &item, draw);
        prop_assert_ne!(&one, &drawn(&template, seed.wrapping_add(1), &item, draw));
        prop_assert_ne!(&one, &drawn(&template, seed, &format!("{item}a"), draw));
        prop_assert_ne!(&one, &drawn(&template, seed, &item, draw + 1));
    }
}

#[test]
fn an_alternative_more_wins_its_share() {
    let before = chain("- one_of: [{ clap: A }, { clap: B }]");
    let after = chain("- one_of: [{ clap: C }, { clap: A }, { clap: B }]");
    let changed = (0..3000).filter(|draw| words(&at(&before, "x", *draw)) != words(&at(&after, "x", *draw))).count();
    // A third of 3000, with a deviation of 26.
    assert!((870..1130).contains(&changed), "{changed}");
}

#[test]
fn a_name_keeps_the_draws_of_a_device_wherever_it_stands() {
    let draws = |text: &str| {
        let template = chain(text);
        drawn(&template, 1, "x", 0)[&("trim".to_owned(), "Gain".to_owned())].clone()
    };
    let first = draws("- { gain: { uniform: [0, 1] }, name: trim }\n- eq");
    assert_eq!(
        first,
        draws("- { gain: { uniform: [0, 1] } }\n- { chain: [{ gain: { uniform: [0, 1] }, name: trim }] }")
    );
    // And a preset's folder says nothing about its draws.
    let collector = Collector::new();
    let text = "tonemill: 1\nchain: [{ cabinet: v30.wav, Level: { uniform: [0, 1] } }]";
    let document = Document::parse("x.yaml", text, &collector).unwrap();
    let [here, there] = ["a/x.yaml", "/far/away/x.yaml"].map(|path| {
        let template = decode(&document.root, Path::new(path), &mut |_| None, &collector).unwrap();
        drawn(&template, 1, "x", 0)
    });
    assert_eq!(here, there);
}

#[test]
fn two_devices_of_one_kind_draw_apart() {
    let template = chain("- { gain: { uniform: [0, 1] } }\n- { gain: { uniform: [0, 1] } }");
    let resolved = at(&template, "x", 0);
    assert_ne!(resolved.outcomes[0].1, resolved.outcomes[1].1);
    let paths: Vec<&str> = template.devices().iter().map(|device| &*device.path).collect();
    assert_eq!(paths, ["builtin:gain", "builtin:gain (2)"]);
}
