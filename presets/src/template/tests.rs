use super::*;
use crate::document::Document;
use crate::draw::{Datum, Metadata};
use crate::{Link, Setting};

mod independence;
mod mistakes;
mod pools;
mod statistics;

/// Reads a template in `presets/tone.yaml` without other presets.
fn parse(text: &str) -> Result<ToneTemplate, String> {
    let collector = Collector::new();
    let template = Document::parse("presets/tone.yaml", text, &collector)
        .and_then(|d| decode(&d.root, Path::new("presets/tone.yaml"), &mut |_| None, &collector));
    collector.finish(template).map_err(|mistakes| mistakes.to_string())
}

fn chain(entries: &str) -> ToneTemplate {
    parse(&format!("tonemill: 1\nchain:\n{entries}\n")).unwrap()
}

fn at(template: &ToneTemplate, item: &str, draw: u64) -> Resolved {
    template.resolve(&DrawContext { seed: 425, item, draw, metadata: &Metadata::new() }).unwrap()
}

fn of(template: &ToneTemplate, metadata: &[(&str, Datum)], draw: u64) -> Result<Resolved, ResolveError> {
    let metadata = metadata.iter().map(|(name, datum)| ((*name).to_owned(), datum.clone())).collect();
    template.resolve(&DrawContext { seed: 425, item: "take", draw, metadata: &metadata })
}

/// The devices of a chain in words: `gain -6 dB`.
fn words(resolved: &Resolved) -> Vec<String> {
    crate::devices(&resolved.chain).iter().map(|setup| crate::spec::display(setup)).collect()
}

fn value<'r>(resolved: &'r Resolved, parameter: &str) -> &'r Value {
    let devices = crate::devices(&resolved.chain);
    let settings = devices.into_iter().flat_map(|setup| &setup.params);
    let mut found = settings.filter(|setting| setting.parameter == parameter);
    &found.next().unwrap_or_else(|| panic!("{parameter} is not set")).value
}

fn number(resolved: &Resolved, parameter: &str) -> f64 {
    match value(resolved, parameter) {
        Value::Number(number) => *number,
        Value::Text(text) => panic!("{parameter} is {text}"),
    }
}

#[test]
fn a_preset_without_draws_resolves_to_exactly_what_it_is() {
    let library = Path::new(env!("CARGO_MANIFEST_DIR")).join("library/guitar");
    for file in std::fs::read_dir(library).unwrap() {
        let path = file.unwrap().path();
        let collector = Collector::new();
        let template = read(&path, &collector);
        let template = collector.finish(template).unwrap();
        assert!(!template.has_draws() && !template.asks_about_items() && template.combinations() == 1);
        let preset = crate::file::load(&path).unwrap();
        let resolved = at(&template, "x", 7);
        assert_eq!(resolved.devices, (0..template.devices().len()).collect::<Vec<_>>());
        assert!(resolved.outcomes.is_empty() && resolved == at(&template, "y", 0));
        assert_eq!(resolved.preset(template.name.clone()), preset);
    }
    let text = "tonemill: 1\nchain:\n- { parallel: [[{ gain: 3 }], { chain: [reverb], gain: -6 dB, invert: true }], dry: -3 dB }\n- { wet: 30 %, chain: [delay] }\n";
    let collector = Collector::new();
    let document = Document::parse("x.yaml", text, &collector).unwrap();
    let placed = crate::file::decode(&document.root, Path::new("x.yaml"), &collector).unwrap();
    let template = decode(&document.root, Path::new("x.yaml"), &mut |_| None, &collector).unwrap();
    assert!(collector.is_empty());
    let links = crate::file::links(placed.chain.clone());
    assert_eq!(at(&template, "x", 0).chain, links);
    assert_eq!(at(&constant("x", placed.chain), "x", 0).chain, links);
}

#[test]
fn a_number_with_a_unit_is_a_text_until_the_plain_values_are_known() {
    let mut template = chain("- { gain: { uniform: [-6 dB, 3 dB] } }");
    let drawn: Vec<_> = template.drawn_parameters().collect();
    assert_eq!((drawn.len(), drawn[0].device, drawn[0].parameter), (1, 0, "Gain"));
    assert_eq!(drawn[0].extremes, [Value::Text("-6 dB".into()), Value::Text("3 dB".into())]);
    assert_eq!(drawn[0].place.to_string(), "presets/tone.yaml:3:11");
    let slot = drawn[0].slot;
    let resolved = at(&template, "x", 0);
    let Value::Text(text) = value(&resolved, "Gain") else { panic!("{resolved:?}") };
    let level: f64 = text.strip_suffix(" dB").unwrap().parse().unwrap();
    assert!((-6.0..3.0).contains(&level));
    assert_eq!(template.drawn(&resolved)[0].value, DrawnValue::Text(text.clone()));
    // Half a decibel a unit, from 10 up: whatever the device says its plain values are.
    template.set_plain(slot, 10.0, 10.5);
    assert_eq!(number(&at(&template, "x", 0), "Gain"), 10.0 + level * 0.5);
}

#[test]
fn a_normalised_number_waits_for_the_range_of_its_parameter() {
    let mut template =
        chain("- { clap: X, params: { Drive: { normalised: { uniform: [0.5, 1] } }, Mix: { normalised: 0.25 } } }");
    let refused =
        template.resolve(&DrawContext { seed: 0, item: "", draw: 0, metadata: &Metadata::new() }).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "presets/tone.yaml:3:31: Drive is drawn normalised, and its range is not known. Draw it in its own unit, or make its device available for examination."
    );
    let slots: Vec<SlotId> = template.drawn_parameters().map(|drawn| drawn.slot).collect();
    slots.into_iter().for_each(|slot| template.set_plain(slot, 20.0, 40.0));
    let resolved = at(&template, "x", 0);
    assert!((30.0..40.0).contains(&number(&resolved, "Drive")));
    assert_eq!(number(&resolved, "Mix"), 25.0);
    assert_eq!(template.drawn(&resolved)[1].value, DrawnValue::Normalised { normalised: 0.25 });
}

#[test]
fn every_kind_of_draw_gives_what_it_says() {
    let template = chain(
        "- clap: X\n  params:\n    A: { const: 4 }\n    B: { int: [1, 3] }\n    C: { steps: [0, 1, 0.25] }\n    D: { choice: [Clean, Crunch] }\n    E: { choice: { Low: 1, High: 3 } }\n    F: { log_uniform: [80, 8000] }\n    G: { normal: { mean: 5, sd: 2, low: 0, high: 8 } }\n    H: { choice: [2, true, x], weights: [0, 0, 1] }",
    );
    for draw in 0..200 {
        let resolved = at(&template, "x", draw);
        assert_eq!(number(&resolved, "A"), 4.0);
        assert!([1.0, 2.0, 3.0].contains(&number(&resolved, "B")));
        assert_eq!((number(&resolved, "C") * 4.0).fract(), 0.0);
        assert!((80.0..=8000.0).contains(&number(&resolved, "F")) && (0.0..=8.0).contains(&number(&resolved, "G")));
        assert!(matches!(value(&resolved, "D"), Value::Text(text) if text == "Clean" || text == "Crunch"));
        assert!(matches!(value(&resolved, "E"), Value::Text(text) if text == "Low" || text == "High"));
        assert_eq!(*value(&resolved, "H"), Value::Text("x".into()));
        let parameters: Vec<String> = template.drawn(&resolved).into_iter().map(|drawn| drawn.parameter).collect();
        assert_eq!(parameters, ["B", "C", "D", "E", "F", "G", "H"]);
    }
}

#[test]
fn linked_parameters_follow_one_draw() {
    let text = "tonemill: 1\ndraws:\n  drive: { uniform: [0, 10] }\n  same: { drawn: drive }\n  voicing: { choice: [{ Tone: 3, Mode: hard }, { Tone: 8, Mode: soft }] }\n  channel: { choice: [Clean, Crunch] }\nchain:\n- clap: X\n  params:\n    Drive: { drawn: drive }\n    Level: { drawn: same, to: [0 dB, -12 dB] }\n    Mix: { drawn: drive, to: { normalised: [0, 1] } }\n    Tone: { drawn: voicing.Tone }\n    Mode: { drawn: voicing.Mode }\n    Channel: { drawn: channel }\n    Trim: { drawn: channel, to: { Crunch: -6 dB, Clean: 0 dB } }\n";
    let mut template = parse(text).unwrap();
    let mix = template.drawn_parameters().find(|drawn| drawn.parameter == "Mix").unwrap().slot;
    template.set_plain(mix, 0.0, 100.0);
    let mut seen = std::collections::BTreeSet::new();
    for draw in 0..50 {
        let resolved = at(&template, "x", draw);
        let drive = number(&resolved, "Drive");
        let Value::Text(level) = value(&resolved, "Level") else { panic!("a level with its unit") };
        let level: f64 = level.strip_suffix(" dB").unwrap().parse().unwrap();
        assert!((level + 1.2 * drive).abs() < 1e-12 && (number(&resolved, "Mix") - 10.0 * drive).abs() < 1e-12);
        let tone = number(&resolved, "Tone");
        let hard = *value(&resolved, "Mode") == Value::Text("hard".into());
        assert!(tone == 3.0 && hard || tone == 8.0 && !hard);
        let clean = *value(&resolved, "Channel") == Value::Text("Clean".into());
        assert_eq!(*value(&resolved, "Trim"), Value::Text(if clean { "0 dB" } else { "-6 dB" }.into()));
        seen.insert((hard, clean));
    }
    assert_eq!(seen.len(), 4, "what is not linked is drawn apart");
    let level = template.drawn_parameters().find(|drawn| drawn.parameter == "Level").unwrap().extremes;
    assert_eq!(level, [Value::Text("-12 dB".into()), Value::Text("0 dB".into())]);
}

#[test]
fn options_become_the_plain_values_that_the_device_gave_for_them() {
    let mut template = chain("- { clap: X, params: { Mode: { choice: [Clean, Crunch] } } }");
    let slot = template.drawn_parameters().next().unwrap().slot;
    let before: Vec<Value> = (0..20).map(|draw| value(&at(&template, "x", draw), "Mode").clone()).collect();
    template.set_plain_options(slot, vec![Value::Number(0.0), Value::Number(1.0)]);
    for (draw, text) in before.into_iter().enumerate() {
        let resolved = at(&template, "x", draw as u64);
        assert_eq!(number(&resolved, "Mode"), f64::from(u8::from(text == Value::Text("Crunch".into()))));
        assert_eq!(template.drawn(&resolved)[0].value, text.into(), "the record keeps the word");
    }
}

#[test]
fn a_draw_may_be_forced() {
    let template = chain("- { clap: X, params: { A: { uniform: [0, 1], force: true }, B: { uniform: [0, 1] } } }");
    let forced: Vec<bool> = template.drawn_parameters().map(|drawn| drawn.forced).collect();
    assert_eq!(forced, [true, false]);
}

#[test]
fn one_file_that_is_drawn_by_name_stands_wherever_it_is_asked_for() {
    let template = parse("tonemill: 1\ndraws: { ir: { choice: [a.wav, b.wav] } }\nchain:\n- { cabinet: { drawn: ir } }\n- { clap: X, files: { IR: { drawn: ir } }, when: { ir: a.wav } }\n").unwrap();
    let mut lengths = std::collections::BTreeSet::new();
    for draw in 0..40 {
        let resolved = at(&template, "x", draw);
        let devices = crate::devices(&resolved.chain);
        let a = devices[0].assets["ir"] == Asset::File("presets/a.wav".into());
        assert_eq!(devices.len(), 1 + usize::from(a));
        assert!(devices.iter().skip(1).all(|setup| setup.assets["IR"] == devices[0].assets["ir"]));
        lengths.insert(devices.len());
    }
    assert_eq!(lengths.len(), 2);
    assert_eq!(
        of(&template, &[("ir", "x".into())], 0).unwrap_err().to_string(),
        "presets/tone.yaml:5:52: ir is a draw of this preset, and something known of this item too. Rename the draw."
    );
}

#[test]
fn grids_walk_through_every_combination_and_begin_anew() {
    let template = parse(
        "tonemill: 1\ndraws: { tone: { grid: [dark, bright] } }\nchain:\n- { clap: X, params: { Tone: { drawn: tone }, Drive: { grid: { steps: [0, 10, 5] } }, Mix: { uniform: [0, 1] } } }\n- { clap: Y, params: { Level: { grid: [1, 2] } } }\n",
    )
    .unwrap();
    assert_eq!(template.combinations(), 12);
    let combination = |draw| {
        let resolved = at(&template, "x", draw);
        (value(&resolved, "Tone").clone(), number(&resolved, "Drive"), number(&resolved, "Level"))
    };
    let first: Vec<_> = (0..12).map(combination).collect();
    for (index, one) in first.iter().enumerate() {
        assert!(!first[..index].contains(one), "{one:?} came twice");
        assert_eq!(*one, combination(index as u64 + 12));
    }
    assert_eq!(first[1], (Value::Text("dark".into()), 0.0, 2.0), "the last grid goes fastest");
    assert_ne!(number(&at(&template, "x", 0), "Mix"), number(&at(&template, "x", 12), "Mix"));
}

#[test]
fn groups_choose_among_their_entries() {
    let template = chain(
        "- name: amp\n  one_of:\n  - { weight: 3, drive: , name: dirty }\n  - { chain: [{ gain: 1 }, eq] }\n  - { bypass: , weight: 2 }\n  - { reverb: , weight: 0 }\n- { some_of: [delay, reverb, compressor], count: [1, 2] }\n- { shuffle: [{ gain: 7 }, { pan: 3 }] }",
    );
    let mut seen = std::collections::BTreeMap::<String, usize>::new();
    for draw in 0..600 {
        let resolved = at(&template, "x", draw);
        let drawn = template.drawn(&resolved);
        assert_eq!((drawn[0].device.as_str(), drawn[0].parameter.as_str()), ("amp", "one_of"));
        let all = words(&resolved);
        let at = all
            .iter()
            .position(|word| ["builtin:delay", "builtin:reverb", "builtin:compressor"].contains(&word.as_str()))
            .unwrap();
        *seen.entry(format!("amp: {}", all[..at].join(" "))).or_default() += 1;
        *seen.entry(format!("some: {}", all[at..all.len() - 2].join(" "))).or_default() += 1;
        *seen.entry(format!("order: {}", all[all.len() - 2..].join(" "))).or_default() += 1;
    }
    let names: Vec<&str> = seen.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "amp: ",
            "amp: builtin:drive",
            "amp: builtin:gain@Gain=1 builtin:eq",
            "order: builtin:gain@Gain=7 builtin:pan@Pan=3",
            "order: builtin:pan@Pan=3 builtin:gain@Gain=7",
            "some: builtin:compressor",
            "some: builtin:delay",
            "some: builtin:delay builtin:compressor",
            "some: builtin:delay builtin:reverb",
            "some: builtin:reverb",
            "some: builtin:reverb builtin:compressor",
        ]
    );
    // Weights 3, 1 and 2 of 600: 300, 100 and 200, with deviations of 12, 9 and 12.
    let amps = ["amp: builtin:drive", "amp: builtin:gain@Gain=1 builtin:eq", "amp: "].map(|amp| seen[amp]);
    assert!((250..350).contains(&amps[0]) && (60..140).contains(&amps[1]) && (150..250).contains(&amps[2]), "{amps:?}");
}

#[test]
fn an_entry_stands_as_often_and_where_it_says() {
    let template = parse(
        "tonemill: 1\ndraws: { gain: { uniform: [0 dB, 6 dB] } }\nchain:\n- { gain: 0, probability: 0.3 }\n- { eq: , when: { pickup: bridge } }\n- { delay: , when: { gain: { above: 3 dB } } }\n- { reverb: , bypass: true }\n- { pan: 3, bypass: { when: { pickup: [neck, middle] } } }\n- { drive: , when: { any: [{ strings: { at_least: 7 } }, { not: { pickup: neck } }] } }",
    )
    .unwrap();
    let names: Vec<&str> = template.metadata_names().map(|(name, _)| name).collect();
    assert_eq!(names, ["pickup", "pickup", "strings", "pickup"]);
    let mut gains = 0;
    for draw in 0..1000 {
        let item = |pickup: &str, strings: f64| [("pickup", Datum::from(pickup)), ("strings", Datum::from(strings))];
        let bridge = words(&of(&template, &item("bridge", 6.0), draw).unwrap());
        let neck = words(&of(&template, &item("neck", 6.0), draw).unwrap());
        let seven = words(&of(&template, &item("neck", 7.0), draw).unwrap());
        let has = |chain: &[String], name: &str| chain.iter().any(|word| word.starts_with(&format!("builtin:{name}")));
        gains += usize::from(has(&bridge, "gain"));
        assert!(has(&bridge, "eq") && has(&bridge, "pan") && has(&bridge, "drive"));
        assert!(!has(&neck, "eq") && !has(&neck, "pan") && !has(&neck, "drive") && has(&seven, "drive"));
        assert!(!has(&bridge, "reverb"));
        let resolved = of(&template, &item("bridge", 6.0), draw).unwrap();
        let Outcome::Number(level) = resolved.outcomes[0].1 else { panic!("the named draw comes first") };
        assert_eq!(has(&bridge, "delay"), level > 3.0);
    }
    // 300 expected, with a deviation of 15.
    assert!((240..360).contains(&gains), "{gains}");
}

#[test]
fn what_an_item_lacks_is_asked_for_by_name() {
    let template = chain("- { eq: , when: { pickup: bridge } }");
    assert_eq!(
        of(&template, &[], 0).unwrap_err().to_string(),
        "presets/tone.yaml:3:19: pickup is not known of this item. Give it to every item, or write pickup: { given: true, ... }."
    );
    let given = chain(
        "- { eq: , when: { pickup: { is: bridge, given: true } } }\n- { pan: 1, when: { pickup: { given: false } } }",
    );
    assert_eq!(words(&of(&given, &[], 0).unwrap()), ["builtin:pan@Pan=1"]);
    assert_eq!(words(&of(&given, &[("pickup", "bridge".into())], 0).unwrap()), ["builtin:eq"]);
    let compared = chain("- { eq: , when: { tempo: { below: 90 } } }");
    assert_eq!(words(&of(&compared, &[("tempo", "80".into())], 0).unwrap()), ["builtin:eq"]);
    assert_eq!(
        of(&compared, &[("tempo", "slow".into())], 0).unwrap_err().to_string(),
        "presets/tone.yaml:3:19: tempo is \"slow\" of this item, and only a number is above or below another."
    );
    let left = chain("- one_of: [{ eq: , when: { pickup: bridge } }]");
    assert_eq!(
        of(&left, &[("pickup", "neck".into())], 0).unwrap_err().to_string(),
        "presets/tone.yaml:3:3: none of these may stand for this item, since each has a when that does not hold. Add one without, such as bypass."
    );
}

#[test]
fn what_was_chosen_earlier_decides_what_follows() {
    let template =
        chain("- { name: amp, one_of: [{ drive: , name: dirty }, bypass] }\n- { gate: , when: { amp: dirty } }");
    let mut lengths = std::collections::BTreeSet::new();
    for draw in 0..50 {
        lengths.insert(words(&at(&template, "x", draw)));
    }
    assert_eq!(
        lengths.into_iter().collect::<Vec<_>>(),
        [vec![], vec!["builtin:drive".to_owned(), "builtin:gate".to_owned()]]
    );
}

#[test]
fn levels_of_branches_are_drawn_too() {
    let template = chain(
        "- { wet: { uniform: [20 %, 60 %] }, chain: [reverb] }\n- { parallel: [drive, { chain: [eq], gain: { uniform: [-20 dB, 0 dB] }, invert: true }], dry: { int: [-6, -3] } }",
    );
    let resolved = at(&template, "x", 0);
    let Link::Parallel { parallel } = &resolved.chain[0] else { panic!("{resolved:?}") };
    assert!((0.2..0.6).contains(&parallel[1].gain) && (parallel[0].gain + parallel[1].gain - 1.0).abs() < 1e-15);
    let Link::Parallel { parallel } = &resolved.chain[1] else { panic!("{resolved:?}") };
    assert!((0.5..0.71).contains(&parallel[0].gain) && parallel[0].chain.is_empty());
    assert!(parallel[1].gain == 1.0 && (-1.0..-0.1).contains(&parallel[2].gain));
    assert_eq!(resolved.devices, [0, 1, 2]);
    let drawn: Vec<String> =
        template.drawn(&resolved).into_iter().map(|d| format!("{} {}", d.device, d.parameter)).collect();
    assert_eq!(drawn, ["wet wet", "parallel dry", "parallel/2 gain"]);
}

#[test]
fn a_preset_within_a_preset_keeps_its_own_folder_and_draws() {
    let inner = "tonemill: 1\ndraws: { x: { int: [1, 9] } }\nchain:\n- { gain: { drawn: x } }\n- { cabinet: { choice: [a.wav, b.wav] } }";
    let outer = "tonemill: 1\ndraws: { x: { int: [11, 19] } }\nchain:\n- sub/inner.yaml\n- { pan: { drawn: x } }";
    let collector = Collector::new();
    let document = Document::parse("p/outer.yaml", outer, &collector).unwrap();
    let mut open = |preset: &crate::document::Located<PathBuf>| {
        assert_eq!(preset.value, Path::new("p/sub/inner.yaml"));
        Document::parse("p/sub/inner.yaml", inner, &collector)
    };
    let template = decode(&document.root, Path::new("p/outer.yaml"), &mut open, &collector);
    let template = collector.clone().finish(template).unwrap();
    assert_eq!(template.presets, [Path::new("p/sub/inner.yaml")]);
    let resolved = at(&template, "x", 0);
    assert!(number(&resolved, "Gain") < 10.0 && number(&resolved, "Pan") > 10.0);
    let Asset::File(ir) = &crate::devices(&resolved.chain)[1].assets["ir"] else { panic!("{resolved:?}") };
    assert!(ir.starts_with("p/sub"));
}

#[test]
fn an_examined_device_takes_the_place_of_the_one_that_was_read() {
    let mut template = chain("- { clap: X, params: { A: 1, B: { uniform: [0, 1] }, C: x } }");
    let device = &mut template.devices_mut()[0];
    let mut settled = device.settled();
    assert_eq!((settled.setup.params.len(), settled.params.len()), (2, 2));
    settled.setup.params[1] = Setting { parameter: "#3".into(), value: Value::Number(7.0) };
    settled.setup.latency = Some(5);
    device.put_settled(settled.setup);
    let resolved = at(&template, "x", 0);
    let setup = crate::devices(&resolved.chain)[0];
    let names: Vec<&str> = setup.params.iter().map(|setting| setting.parameter.as_str()).collect();
    assert_eq!((names, setup.latency), (vec!["A", "B", "#3"], Some(5)));
    assert!((0.0..1.0).contains(&number(&resolved, "B")));
}
