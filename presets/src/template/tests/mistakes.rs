//! What is refused, and where the message points.

use super::*;

fn refused(entry: &str) -> String {
    parse(&format!("tonemill: 1\nchain:\n- {entry}\n")).unwrap_err()
}

#[test]
fn every_contradiction_is_told_at_its_place() {
    for (entry, message) in [
        (
            "{ gain: { uniform: [3 dB, -6 dB] } }",
            "3:22: uniform begins at 3 dB and ends at -6 dB, below it. Write -6 dB first, then 3 dB.",
        ),
        (
            "{ gain: { uniform: [3, 3] } }",
            "3:22: uniform draws nothing: both of its ends are 3. Write 3 alone, or other ends.",
        ),
        (
            "{ gain: { uniform: [3 dB, 6] } }",
            "3:29: uniform mixes dB and no unit. Write all of its numbers in the same unit.",
        ),
        (
            "{ gain: { uniform: [3 dB, 6 Hz] } }",
            "3:29: uniform mixes dB and Hz. Write all of its numbers in the same unit.",
        ),
        ("{ gain: { uniform: [3] } }", "3:22: uniform has 1 numbers, and takes 2. Write uniform: [-6 dB, 3 dB]."),
        ("{ gain: { uniform: low } }", "3:22: uniform is \"low\". Write uniform: [-6 dB, 3 dB]."),
        (
            "{ gain: { uniform: [low, 3] } }",
            "3:23: uniform takes numbers, and \"low\" is none. Write a number, with its unit where it has one: -6 dB.",
        ),
        (
            "{ gain: { uniform: [-1e308, 1e308] } }",
            "3:22: uniform reaches too far to be drawn from. Write nearer ends.",
        ),
        (
            "{ gain: { unifrom: [1, 2] }, pan: { unifrom: [1, 2] } }",
            "3:32: gain and pan are two devices in one entry. Write each as an entry of its own.",
        ),
        (
            "{ clap: X, params: { A: { unifrom: [1, 2] } } }",
            "3:29: A is a map that draws nothing. Did you mean \"uniform\"?",
        ),
        (
            "{ clap: X, params: { A: { uniform: [1, 2], step: 1 } } }",
            "3:46: a draw has no field \"step\". Its fields are uniform, force.",
        ),
        (
            "{ clap: X, params: { A: { uniform: [1, 2], int: [1, 2] } } }",
            "3:46: uniform and int are two draws in one. Remove one of the two.",
        ),
        ("{ clap: X, params: { A: { uniform: } } }", "3:29: uniform has no value. Give it one, or remove the line."),
        (
            "{ gain: { log_uniform: [0 Hz, 10 Hz] } }",
            "3:27: log_uniform begins at 0, and only numbers above 0 have a logarithm. Begin above 0, or write uniform.",
        ),
        (
            "{ gain: { log_uniform: [-6 dB, 10 dB] } }",
            "3:27: log_uniform begins at -6, and only numbers above 0 have a logarithm. Decibels are logarithmic already: write uniform.",
        ),
        (
            "{ gain: { normal: { mean: 0, sd: 0, low: -1, high: 1 } } }",
            "3:36: sd = 0 is no width. Write a standard deviation above 0, or the mean alone.",
        ),
        (
            "{ gain: { normal: { mean: 0, sd: 1, low: 8, high: 9 } } }",
            "3:21: hardly anything of a normal distribution with mean 0 and sd 1 lies between 8 and 9. Move the mean into the range, or widen one of the two.",
        ),
        (
            "{ gain: { normal: { mean: 0, sd: 1, low: 2, high: 1 } } }",
            "3:21: normal begins at 2 and ends at 1, below it. Write 1 first, then 2.",
        ),
        (
            "{ gain: { normal: { mean: 0, sd: 1, low: -1 } } }",
            "3:21: a normal distribution needs high. Write normal: { mean: 5, sd: 2, low: 0, high: 10 }.",
        ),
        (
            "{ gain: { int: [1, 2.5] } }",
            "3:22: int draws whole numbers, and 2.5 is none. Write int: [1, 6], or uniform for all numbers.",
        ),
        (
            "{ gain: { steps: [0, 10, 11] } }",
            "3:28: a step of 11 is larger than the range from 0 to 10. Write a smaller step, or another range.",
        ),
        (
            "{ gain: { steps: [0, 10, 3] } }",
            "3:24: steps of 3 from 0 never come to 10. Write 9 as the end, or another step.",
        ),
        ("{ gain: { steps: [0, 10, 0] } }", "3:28: a step of 0 leads nowhere. Write a step above 0."),
        (
            "{ gain: { steps: [0, 10, 1e-9] } }",
            "3:28: 10000000000 steps lie between 0 and 10. Write a larger step, or uniform for all numbers.",
        ),
        ("{ gain: { choice: [] } }", "3:21: choice is empty. List what it draws from: choice: [Clean, Crunch]."),
        (
            "{ gain: { choice: [1, 1] } }",
            "3:25: choice has \"1\" twice. Remove one; what is to come more often takes a weight.",
        ),
        (
            "{ gain: { choice: [1, 2], weights: [1] } }",
            "3:38: there are 1 weights for 2 values. List one weight for each value.",
        ),
        ("{ gain: { choice: [1, 2], weights: [0, 0] } }", "3:38: every weight is 0. Give one value a weight above 0."),
        (
            "{ gain: { choice: [1, 2], weights: [1, -1] } }",
            "3:42: a weight of -1 is below 0. Write 0 for what is never to come.",
        ),
        ("{ gain: { choice: { 1: x } } }", "3:26: \"x\" is not a weight. Write a number: weight: 3."),
        (
            "{ gain: { choice: [{ a: 1 }] } }",
            "3:22: Gain takes one value, and here is a map. Draw the map under draws, and take each value from there: { drawn: NAME.FIELD }.",
        ),
        (
            "{ gain: { choice: [[1]] } }",
            "3:22: Gain cannot come to a list. Write numbers, or texts that the device reads.",
        ),
        (
            "{ gain: { grid: { uniform: [0, 1] } } }",
            "3:30: uniform has no end of values that a grid could walk through. Write grid: { steps: [low, high, step] }, or the values: grid: [1, 2, 5].",
        ),
        ("{ gain: { grid: [] } }", "3:19: grid is empty. List what it draws from: grid: [Clean, Crunch]."),
        ("{ gain: { grid: { grid: [1] } } }", "3:27: this is a grid in a grid. Remove one."),
        (
            "{ gain: { grid: { choice: [1, 2], weights: [1, 2] } } }",
            "3:46: a grid walks through its values evenly, without weights. Remove the weights, or the grid.",
        ),
        (
            "{ gain: { normalised: { uniform: [0, 2] } } }",
            "3:36: uniform reaches from 0 to 2, outside 0..1. Write numbers from 0, the parameter's minimum, to 1, its maximum.",
        ),
        (
            "{ gain: { normalised: { uniform: [0 dB, 1 dB] } } }",
            "3:36: normalised values have no unit, and these are in dB. Write numbers from 0, the parameter's minimum, to 1, its maximum.",
        ),
        (
            "{ gain: { normalised: { choice: [0, 1] } } }",
            "3:35: choice gives no normalised number. Write normalised: { uniform: [0, 1] } or another draw of numbers.",
        ),
        ("{ gain: { normalised: 2 } }", "3:25: normalised = 2 is outside 0..1. Did you mean 0.2?"),
        (
            "{ gain: { pool: '*.wav' } }",
            "3:19: Gain takes a value, and pool gives files. A pool stands where a file is named: as a model, an impulse response, a state, a preset.",
        ),
        (
            "{ cabinet: { uniform: [0, 1] } }",
            "3:25: ir is a file, and uniform draws numbers. Write pool: PATTERN, or choice: [FILE, FILE].",
        ),
        (
            "{ cabinet: { normalised: 0.5 } }",
            "3:28: ir is a file, and normalised gives a number. Write the file's name.",
        ),
        ("{ cabinet: { pool: '*.wav', count: 0 } }", "3:38: count = 0 is outside 1..1000000."),
        (
            "{ cabinet: { pool: '*.wav', broken: ignore } }",
            "3:39: broken = \"ignore\" is not known. Write refuse or skip.",
        ),
        ("{ cabinet: a.wav, ir: { pool: '*.wav' } }", "3:25: ir is set twice. Remove one of the two."),
        (
            "{ gain: { drawn: drive } }",
            "3:20: there is no draw \"drive\" in front of this. Draw it at the top of the preset: draws: { drive: { uniform: [0, 10] } }.",
        ),
    ] {
        assert_eq!(refused(entry), format!("presets/tone.yaml:{message}"), "for {entry}");
    }
}

#[test]
fn every_mistake_of_an_entry_is_told_at_its_place() {
    for (entry, message) in [
        (
            "{ gain: 3, weight: 2 }",
            "3:22: a weight means something only among alternatives. Remove it; how often an entry stands is its probability.",
        ),
        ("{ gain: 3, probability: 2 }", "3:27: probability = 2 is outside 0..1. Did you mean 0.2?"),
        (
            "{ gain: 3, when: bridge }",
            "3:20: when is \"bridge\". Write what must be: { pickup: bridge, gain: { above: 3 } }.",
        ),
        (
            "{ gain: 3, when: {} }",
            "3:20: when asks for nothing. Write what must be: { pickup: bridge, gain: { above: 3 } }.",
        ),
        ("{ gain: 3, when: { a: { abov: 3 } } }", "3:27: \"abov\" is no comparison. Did you mean above?"),
        ("{ gain: 3, when: { a: { above: x } } }", "3:34: \"x\" is not a number. Write a number."),
        (
            "{ gain: 3, when: { any: 3 } }",
            "3:27: any is 3. List conditions: any: [{ pickup: bridge }, { gain: { above: 3 } }].",
        ),
        ("{ gain: 3, bypass: 3 }", "3:22: bypass = 3 is neither true nor false."),
        (
            "{ gain: 3, bypass: {} }",
            "3:22: bypass says neither when nor how often. Write bypass: true, or bypass: { probability: 0.3 }.",
        ),
        (
            "{ gain: 3, name: chain }",
            "3:20: \"chain\" stands for something else in draws. Write another name, without / : . and brackets.",
        ),
        (
            "{ gain: 3, name: a/b }",
            "3:20: \"a/b\" stands for something else in draws. Write another name, without / : . and brackets.",
        ),
        (
            "{ chain: [{ gain: 3, name: a }, { pan: 3, name: a }] }",
            "3:51: \"a\" is the name of another entry. Write another name.",
        ),
        ("{ one_of: [] }", "3:13: one_of is empty. List entries, or remove it."),
        ("{ one_of: gain }", "3:13: one_of is \"gain\". List entries: one_of: [{ gain: -6 dB }, bypass]."),
        ("{ one_of: [eq], count: 2 }", "3:19: an entry has no field \"count\". Its fields are one_of."),
        ("{ one_of: [{ gain: 1, weight: 0 }] }", "3:13: every weight is 0. Give one entry a weight above 0."),
        ("{ one_of: [{ gian: 1 }] }", "3:16: this names no device. Did you mean \"gain\"?"),
        ("{ some_of: [eq, pan] }", "3:3: an entry needs count. Write how many are taken: count: 2, or count: [0, 2]."),
        ("{ some_of: [eq, pan], count: 3 }", "3:32: count = 3 is outside 0..2."),
        ("{ some_of: [eq, pan], count: [2, 1] }", "3:32: count begins at 2 and ends at 1, below it. Write [1, 2]."),
        (
            "{ shuffle: [{ gain: 1, weight: 2 }, eq] }",
            "3:34: all of these stand, so a weight means nothing. Remove it.",
        ),
        ("{ parallel: [] }", "3:15: parallel is empty. List chains: parallel: [crunch.yaml, [{ gain: -6 dB }]]."),
        (
            "{ parallel: [{ chain: [eq], gain: { uniform: [0, 90] } }] }",
            "3:37: gain is not such a level. Draw levels between -120 dB and 24 dB. Options are written as numbers alone.",
        ),
        (
            "{ wet: { uniform: [0 dB, 1 dB] }, chain: [eq] }",
            "3:10: wet is not such a level. Draw shares between 0 % and 100 %. Options are written as numbers alone.",
        ),
        (
            "{ parallel: [{ chain: [eq], gain: 3, factor: 2 }] }",
            "3:40: gain and factor both say how loud the branch is. Remove one of the two.",
        ),
        (
            "{ one_of: [{ name: a, drive: }, bypass], name: amp }\n- { eq: , when: { amp: b } }",
            "4:24: amp is never \"b\". Did you mean \"a\"?",
        ),
        (
            "{ weight: 3 }",
            "3:3: this names no device. Name it with builtin: NAME, clap: PLUGIN, vst3: PLUGIN or lv2: PLUGIN.",
        ),
    ] {
        assert_eq!(refused(entry), format!("presets/tone.yaml:{message}"), "for {entry}");
    }
}

#[test]
fn every_mistake_of_a_named_draw_is_told_at_its_place() {
    for (draws, message) in [
        ("3\nchain: []", "2:8: draws is 3. It takes draws by name: draws: { drive: { uniform: [0, 10] } }."),
        ("{ a: 3 }\nchain: []", "2:13: \"a\" draws nothing. Write how it is drawn: { uniform: [0, 10] }."),
        (
            "{ a: { uniform: [0, 1] } }\nchain: [{ gain: { drawn: b } }]",
            "3:26: there is no draw \"b\" in front of this. Did you mean \"a\"?",
        ),
        (
            "{ a: { uniform: [0, 1] } }\nchain: [{ gain: { drawn: a, to: 3 } }]",
            "3:33: to is 3. Write what its lower and upper end become: to: [0 dB, -12 dB].",
        ),
        (
            "{ a: { uniform: [0, 1] } }\nchain: [{ gain: { drawn: a, to: [0 dB, 1 Hz] } }]",
            "3:40: to mixes dB and Hz. Write all of its numbers in the same unit.",
        ),
        (
            "{ a: { uniform: [0, 1] } }\nchain: [{ cabinet: { drawn: a } }]",
            "3:29: ir is a file, and a draws numbers. Name another draw, or write a value.",
        ),
        (
            "{ a: { choice: [x, y] } }\nchain: [{ gain: { drawn: a, to: { x: 1 } } }]",
            "3:33: to does not say what becomes of \"y\". Write to: { y: VALUE, ... }.",
        ),
        (
            "{ a: { choice: [x, y] } }\nchain: [{ gain: { drawn: a, to: { x: 1, y: 2, z: 3 } } }]",
            "3:47: \"z\" never comes. Remove it.",
        ),
        (
            "{ a: { choice: [{ b: 1 }, { c: 1 }] } }\nchain: [{ gain: { drawn: a.b } }]",
            "3:26: one of the values that are drawn has no field \"b\". Did you mean \"c\"?",
        ),
        (
            "{ a: { choice: [{ b: 1 }, { b: 2 }] } }\nchain: [{ gain: { drawn: a } }]",
            "3:26: a draws several values at once. Write drawn: a.FIELD.",
        ),
        (
            "{ a: { pool: '*.wav' } }\nchain: [{ gain: { drawn: a } }]",
            "3:26: Gain takes a value, and a draws files. Name another draw, or write a value.",
        ),
        (
            "{ a: { uniform: [0 dB, 1 dB] } }\nchain: [{ gain: 1, when: { a: { above: 1 Hz } } }]",
            "3:40: \"1 Hz\" is in Hz, and what it is held against is in dB. Write the number in the same unit.",
        ),
        (
            "{ a: { choice: [x, y] } }\nchain: [{ gain: 1, when: { a: z } }]",
            "3:31: a is never \"z\". Did you mean \"x\"?",
        ),
        (
            "{ a: { drawn: b }, b: { uniform: [0, 1] } }\nchain: []",
            "2:22: there is no draw \"b\" in front of this. Draw it at the top of the preset: draws: { b: { uniform: [0, 10] } }.",
        ),
    ] {
        let refused = parse(&format!("tonemill: 1\ndraws: {draws}\n")).unwrap_err();
        assert_eq!(refused, format!("presets/tone.yaml:{message}"), "for {draws}");
    }
}

#[test]
fn presets_that_name_each_other_in_a_ring_are_refused() {
    let collector = Collector::new();
    let text = "tonemill: 1\nchain: [sub/b.yaml]";
    let document = Document::parse("p/a.yaml", text, &collector).unwrap();
    let mut open = |preset: &crate::document::Located<PathBuf>| {
        let back = if preset.value.ends_with("b.yaml") { "c.yaml" } else { "b.yaml" };
        Document::parse(&preset.value.display().to_string(), format!("tonemill: 1\nchain: [{back}]"), &collector)
    };
    decode(&document.root, Path::new("p/a.yaml"), &mut open, &collector);
    assert_eq!(
        collector.into_mistakes().to_string(),
        "p/sub/c.yaml:2:9: the preset p/sub/b.yaml stands within itself. Write its devices here instead."
    );
}

#[test]
fn damaged_presets_are_refused_or_resolved_without_a_panic() {
    use proptest::prelude::*;
    const WHOLE: &str = "tonemill: 1\ndraws:\n  a: { uniform: [0, 1] }\n  b: { choice: [{ x: 1 }, { x: 2 }], weights: [1, 2] }\nchain:\n- { gain: { drawn: a, to: [-6 dB, 3 dB] }, when: { m: { above: 3 }, any: [{ a: 0.5 }, { not: { n: [x, y] } }] } }\n- one_of:\n  - { weight: 3, nam: { choice: [a.nam, b.nam] }, input: { grid: [1, 2] }, name: amp }\n  - { clap: X, params: { T: { drawn: b.x }, U: { normal: { mean: 1, sd: 2, low: 0, high: 3 } } }, bypass: { probability: 0.5 } }\n- { some_of: [{ pan: { steps: [0, 10, 2] } }, eq, delay], count: [1, 2], shuffle: true }\n- { wet: { log_uniform: [1 %, 30 %] }, chain: [{ shuffle: [gate, { parallel: [drive, { chain: [], gain: { int: [-6, 0] } }] }] }] }\n";
    assert!(parse(WHOLE).is_ok());
    let edits = prop::collection::vec((0..WHOLE.len(), prop::option::of("[ -~]"), 0..6usize), 1..5);
    proptest!(ProptestConfig::with_cases(3000), |(edits in edits, draw: u64)| {
        let mut text = WHOLE.to_owned();
        for (at, new, drop) in edits {
            let at = at.min(text.len());
            text.replace_range(at..(at + drop).min(text.len()), new.as_deref().unwrap_or(""));
        }
        let collector = Collector::new();
        let template = Document::parse("x.yaml", text, &collector)
            .and_then(|d| decode(&d.root, Path::new("x.yaml"), &mut |_| None, &collector));
        prop_assert!(template.is_some() || !collector.is_empty(), "a refusal says why");
        // What was read with mistakes is resolved too, as nothing in it may come to a panic.
        if let Some(mut template) = template {
            template.fill(0, &mut |_| Vec::new(), &Collector::new());
            let metadata: Metadata = [("m".to_owned(), Datum::from(4.0)), ("n".to_owned(), Datum::from("x"))].into();
            let context = DrawContext { seed: 1, item: "x", draw, metadata: &metadata };
            match template.resolve(&context) {
                Ok(resolved) => drop(template.drawn(&resolved)),
                Err(error) => prop_assert!(error.to_string().starts_with("x.yaml:"), "{}", error),
            }
        }
        for mistake in collector.into_mistakes() {
            prop_assert!(mistake.to_string().starts_with("x.yaml"));
        }
    });
}
