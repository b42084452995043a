use super::*;
use audio::device::ProcessMode;

use crate::{Asset, Branch, ChannelPolicy, DeviceSpec, Link, PluginFile, Setting, Value};

fn decode_text(text: &str) -> Result<Preset, String> {
    let collector = Collector::new();
    let path = Path::new("library/crunch.yaml");
    let preset =
        Document::parse("library/crunch.yaml", text, &collector).and_then(|d| decode(&d.root, path, &collector));
    // Presets that it names are there, and empty.
    let mut open = |_: &Located<PathBuf>| Some(PlacedPreset { name: String::new(), chain: Vec::new() });
    let preset = preset.and_then(|preset| {
        let chain = expand(preset.chain, &mut Expand { open: &mut open, collector: &collector })?;
        Some(Preset { name: preset.name, chain: links(chain) })
    });
    collector.finish(preset).map_err(|m| m.to_string())
}

fn one_link(entry: &str) -> Result<Link, String> {
    decode_text(&format!("tonemill: 1\nchain:\n- {entry}\n")).map(|mut p| p.chain.remove(0))
}

fn one_device(entry: &str) -> Result<DeviceSetup, String> {
    one_link(entry).map(|link| crate::devices(&[link])[0].clone())
}

fn number(parameter: &str, value: f64) -> Setting {
    Setting { parameter: parameter.to_owned(), value: Value::Number(value) }
}

fn words(parameter: &str, value: &str) -> Setting {
    Setting { parameter: parameter.to_owned(), value: Value::Text(value.to_owned()) }
}

#[test]
fn a_preset_without_a_name_takes_that_of_its_file() {
    assert_eq!(decode_text("tonemill: 1\nchain: []").unwrap().name, "crunch");
    assert_eq!(decode_text("tonemill: 1\nname: 1959\nchain: []").unwrap().name, "1959");
}

#[test]
fn every_way_of_writing_a_built_in_gives_the_same_device() {
    let expected = one_device("{ builtin: gain, Gain: -6 dB }").unwrap();
    assert_eq!(expected.device, DeviceSpec::Builtin { name: "gain".into() });
    assert_eq!(expected.params, [words("Gain", "-6 dB")]);
    for entry in [
        "{ gain: -6 dB }",
        "{ gain: { Gain: -6 dB } }",
        "{ builtin: gain, params: { Gain: -6 dB } }",
        "builtin:gain@Gain=-6 dB",
    ] {
        assert_eq!(one_device(entry).unwrap(), expected, "for {entry}");
    }
    assert_eq!(one_device("reverb").unwrap(), one_device("{ reverb: }").unwrap());
}

#[test]
fn numbers_texts_and_switches_become_values_in_the_order_written() {
    let device =
        one_device("{ drive: { Tone: 1e3, Drive: 4, Mode: hard, Bypass: false }, params: { '#7': '7' } }").unwrap();
    let expected =
        [number("Tone", 1000.0), number("Drive", 4.0), words("Mode", "hard"), number("Bypass", 0.0), words("#7", "7")];
    assert_eq!(device.params, expected);
}

#[test]
fn files_of_a_preset_start_at_its_own_folder() {
    let device = one_device("{ cabinet: ir/v30.wav, Mix: 50 % }").unwrap();
    assert_eq!(device.assets["ir"], Asset::File("library/ir/v30.wav".into()));
    assert_eq!(device.params, [words("Mix", "50 %")]);
    let device = one_device("{ soundfont: embedded:basic, params: { Program: 24 } }").unwrap();
    assert_eq!(device.assets["soundfont"], Asset::Embedded("basic".into()));
    let device = one_device("{ clap: ZamTube, state: tube.bin, preset: /abs/x.preset }").unwrap();
    assert_eq!(device.state, Some("library/tube.bin".into()));
    assert_eq!(device.preset, Some("/abs/x.preset".into()));
}

#[test]
fn a_model_is_a_file_with_the_settings_of_its_device_beside_it() {
    let device = one_device("{ nam: amp.nam, input: calibrated, interface: 12.5 dBu, on_missing: error }").unwrap();
    assert_eq!(device.device, DeviceSpec::Builtin { name: "nam".into() });
    assert_eq!(device.assets["model"], Asset::File("library/amp.nam".into()));
    assert_eq!(
        device.params,
        [words("input", "calibrated"), words("interface", "12.5 dBu"), words("on_missing", "error")]
    );
    assert_eq!(one_device("{ rnn: ts9.json, Drive: 0.5 }").unwrap(), one_device("rnn:ts9.json@Drive=0.5").unwrap());
    assert_eq!(one_device("{ nam: embedded:chump }").unwrap(), one_device("nam:embedded:chump").unwrap());
}

#[test]
fn a_plugin_keeps_its_name_as_written_until_it_is_searched_for() {
    let device =
        one_device("{ clap: multi.clap, id: com.x.y, params: { Tube Drive: 3 }, channels: dual_mono }").unwrap();
    let file = PluginFile { plugin: "multi.clap".into(), id: Some("com.x.y".into()) };
    assert_eq!(device.device, DeviceSpec::Clap(file));
    assert_eq!(device.params, [number("Tube Drive", 3.0)]);
    assert_eq!(device.channels, ChannelPolicy::DualMono);
}

#[test]
fn every_plugin_format_takes_the_same_fields() {
    let fields = "id: mda Piano, params: { Decay: 0.5 }, state: s, channels: duplicate, mode: realtime";
    let clap = one_device(&format!("{{ clap: mda, {fields} }}")).unwrap();
    let vst3 = one_device(&format!("{{ vst3: mda, {fields} }}")).unwrap();
    let file = PluginFile { plugin: "mda".into(), id: Some("mda Piano".into()) };
    assert_eq!(vst3.device, DeviceSpec::Vst3(file.clone()));
    assert_eq!(vst3.mode, ProcessMode::Realtime);
    assert_eq!(clap, DeviceSetup { device: DeviceSpec::Clap(file), ..vst3 });
    assert_eq!(one_device("{ vst3: mda, mode: offline }"), one_device("vst3:mda"));
}

#[test]
fn every_mistake_is_told_at_its_place() {
    for (entry, message) in [
        ("{ gian: 3 }", "3:5: this names no device. Did you mean \"gain\"?"),
        ("{ builtin: revreb }", "3:14: there is no built-in device \"revreb\". Did you mean \"reverb\"?"),
        ("{ vst3: X, parms: {} }", "3:14: a vst3 device has no field \"parms\". Did you mean \"params\"?"),
        ("{ vst3: X, mode: life }", "3:20: mode = \"life\" is not known. Write offline or realtime."),
        (
            "{ clap: X, vst3: Y }",
            "3:14: clap and vst3 are two devices in one entry. Write each as an entry of its own.",
        ),
        (
            "{ gain: 3, mode: realtime }",
            "3:14: mode makes no difference to gain. Built-in devices render the same in each. Remove it.",
        ),
        ("{ }", "3:3: this names no device. Name it with builtin: NAME, clap: PLUGIN, vst3: PLUGIN or lv2: PLUGIN."),
        ("{ nam: x.nam, model: y.nam }", "3:24: model is set twice. Remove one of the two."),
        (
            "{ nam: x.nam, rnn: y.json }",
            "3:17: nam and rnn are two devices in one entry. Write each as an entry of its own.",
        ),
        (
            "{ gain: { uniform: [-6 dB, 3 dB] } }",
            "3:13: uniform draws at random, and nothing is drawn here. Write one constant value; draws are for the tones of a job with inputs.",
        ),
        (
            "{ cabinet: { pool: 'ir/*.wav' } }",
            "3:16: pool draws at random, and nothing is drawn here. Write one constant value; draws are for the tones of a job with inputs.",
        ),
        (
            "{ one_of: [] }",
            "3:5: one_of draws at random, and nothing is drawn here. Write one constant value; draws are for the tones of a job with inputs.",
        ),
        ("{ gain: 3, pan: 2 }", "3:14: gain and pan are two devices in one entry. Write each as an entry of its own."),
        ("{ reverb: 0.5 }", "3:13: reverb = 0.5 sets nothing. Name what it sets: { reverb: { Mix: 30 % } }."),
        ("{ clap: X, parms: {} }", "3:14: a clap device has no field \"parms\". Did you mean \"params\"?"),
        ("{ clap: X, channels: duel_mono }", "3:24: channels = \"duel_mono\" is not known. Did you mean dual_mono?"),
        (
            "{ gain: }\n- distortion",
            "4:3: \"distortion\" is not a device. Write builtin:NAME, clap:PLUGIN, vst3:PLUGIN, lv2:PLUGIN, nam:FILE or rnn:FILE, or a map such as { gain: -6 dB }.",
        ),
        (
            "{ builtin: gain, Gain: [1] }",
            "3:26: Gain is a list. A parameter takes a number, or a text that the device reads.",
        ),
        ("{ gain: 3, Gain: 4 }", "3:20: Gain is set twice. Remove one of the two."),
        ("[]", "3:3: a device is expected here, not a list. Write a map such as { gain: -6 dB }."),
    ] {
        assert_eq!(one_device(entry).unwrap_err(), format!("library/crunch.yaml:{message}"), "for {entry}");
    }
}

#[test]
fn all_mistakes_of_a_file_come_at_once() {
    let message = decode_text("tonemill: 2\nnmae: x\nchain: [{ gian: 3 }, { clap: X, parms: {} }]").unwrap_err();
    assert_eq!(
        message,
        "library/crunch.yaml:1:11: tonemill = 2 is not a version that this build reads. It reads version 1.\n\
         library/crunch.yaml:2:1: a preset has no field \"nmae\". Did you mean \"name\"?\n\
         library/crunch.yaml:3:11: this names no device. Did you mean \"gain\"?\n\
         library/crunch.yaml:3:33: a clap device has no field \"parms\". Did you mean \"params\"?"
    );
    let message = decode_text("name: x").unwrap_err();
    assert_eq!(
        message,
        "library/crunch.yaml:1:1: a preset needs tonemill. Begin the file with tonemill: 1.\n\
         library/crunch.yaml:1:1: a preset needs chain. List its devices: chain: [{ gain: -6 dB }]."
    );
}

#[test]
fn the_schema_takes_what_the_reader_takes() {
    let validator = jsonschema::validator_for(&schema::preset(false)).unwrap();
    let both = |entry: &str| {
        let json = format!(r#"{{"tonemill": 1, "chain": [{entry}]}}"#);
        let reader = decode_text(&json).is_ok();
        (reader, validator.is_valid(&serde_json::from_str(&json).unwrap()))
    };
    for good in [
        r#"{"gain": "-6 dB"}"#,
        r#"{"gain": -6, "channels": "duplicate"}"#,
        r#"{"builtin": "compressor", "gain": 3, "Threshold": "-20 dB"}"#,
        r#"{"cabinet": "a.wav", "Mix": 0.5}"#,
        r#"{"reverb": null}"#,
        r#"{"reverb": {"Mix": 0.5}, "params": {"Size": 2}}"#,
        r#"{"clap": "X", "id": "a.b", "params": {"A": true}, "state": "s", "preset": "p"}"#,
        r#"{"vst3": "X", "id": "mda Piano", "params": {"A": 1}, "mode": "realtime"}"#,
        r#"{"clap": "X", "mode": "offline"}"#,
        r#""reverb""#,
        r#""vst3:X#Y@mode=realtime""#,
        r#""lv2:http://x.org/y#z""#,
        r#"{"lv2": "http://x.org/y#z", "files": {"SoundFont": "a.sf2"}}"#,
        r#""clap:X@A=1""#,
        r#"{"nam": "x.nam", "input": "calibrated", "interface": 12.5, "on_missing": "error"}"#,
        r#""rnn:x.json@Drive=0.5""#,
        r#"{"parallel": ["amps/a.yaml", ["reverb", {"gain": 1}], {"chain": [], "gain": "-6 dB", "invert": true}], "dry": -12}"#,
        r#"{"wet": "30 %", "chain": ["reverb", {"parallel": [{"chain": ["eq"], "factor": 0.5}]}]}"#,
        r#""../cabs/b.yaml""#,
        r#"{"compressor": {"Ratio": 2}, "sidechain": {"from": "vox", "at": "pre", "gain": "-3 dB", "input": 1}}"#,
        r#"{"clap": "X", "sidechain": "vox", "latency": 480}"#,
        r#"{"gain": 1, "latency": "measured"}"#,
    ] {
        assert_eq!(both(good), (true, true), "for {good}");
    }
    for bad in [
        r#"{"gain": {"uniform": [1, 2]}}"#,
        r#"{"one_of": ["eq", "pan"]}"#,
        r#"{"gian": 3}"#,
        r#"{"gain": 1, "pan": 2}"#,
        r#"{"builtin": "x"}"#,
        r#"{"nam": "x.nam", "mode": "offline"}"#,
        r#"{"lv2": "urn:x", "files": "a.sf2"}"#,
        r#"{"gain": 3, "files": {}}"#,
        r#"{"clap": "X", "vst3": "X"}"#,
        r#"{"vst3": "X", "mode": "live"}"#,
        r#"{"vst3": "X", "gain": 3}"#,
        r#"{"gain": 3, "vst3": "X"}"#,
        r#"{"gain": 3, "mode": "realtime"}"#,
        r#"{"builtin": "gain", "mode": "offline"}"#,
        r#"{"clap": "X", "parms": {}}"#,
        r#"{"clap": "X", "channels": "mono"}"#,
        r#"{"reverb": 0.5}"#,
        r#"{"parallel": []}"#,
        r#"{"parallel": ["reverb"], "wet": 3}"#,
        r#"{"parallel": [{"chain": [], "level": 3}]}"#,
        r#"{"clap": "X", "latency": "guessed"}"#,
        r#"{"clap": "X", "sidechain": {"at": "pre"}}"#,
        r#"{"gain": {"uniform": [1]}}"#,
        r#"{"cabinet": {"pool": "*.wav"}, "Mix": [1]}"#,
        r#""distortion""#,
        r#"[]"#,
        r#"3"#,
    ] {
        assert_eq!(both(bad), (false, false), "for {bad}");
    }
}

#[test]
fn damaged_files_are_refused_without_a_panic() {
    use proptest::prelude::*;
    const WHOLE: &str = "tonemill: 1\nname: &n \"a\\u00e4\"\nchain:\n  - { gain: -6 dB }\n  - clap: X\n    params: {A B: 1e3, <<: {c: [1, *n]}}\n  - >\n    text\n";
    let edits = prop::collection::vec((0..WHOLE.len(), prop::option::of(any::<u8>()), 0..8usize), 1..6);
    proptest!(ProptestConfig::with_cases(3000), |(edits in edits)| {
        let mut bytes = WHOLE.as_bytes().to_vec();
        for (at, new, drop) in edits {
            let at = at.min(bytes.len());
            bytes.drain(at..(at + drop).min(bytes.len()));
            bytes.splice(at..at, new);
        }
        let collector = Collector::new();
        let read = Document::parse("x.yaml", bytes, &collector).and_then(|d| decode(&d.root, Path::new("x.yaml"), &collector));
        prop_assert!(read.is_some() || !collector.is_empty(), "a refusal says why");
        for mistake in collector.into_mistakes() {
            prop_assert!(mistake.to_string().starts_with("x.yaml"));
        }
    });
}

#[test]
fn chains_stand_beside_each_other_with_levels_and_the_signal_itself() {
    let gain = |text: &str| Link::from(one_device(&format!("{{ gain: {text} }}")).unwrap());
    let branch = |gain: f64, chain: Vec<Link>| Branch { gain, chain };
    let parallel = |branches| Link::Parallel { parallel: branches };
    let half = audio::Decibels(-6.0).gain();
    let found = one_link(
        "{ parallel: [{ gain: -3 dB }, [reverb, { gain: 1 }], { chain: [reverb], gain: -6 dB, invert: true }, { chain: [], factor: 0.25 }], dry: -6 }",
    );
    let reverb = || Link::from(one_device("reverb").unwrap());
    let expected = parallel(vec![
        branch(half, vec![]),
        branch(1.0, vec![gain("-3 dB")]),
        branch(1.0, vec![reverb(), gain("1")]),
        branch(-half, vec![reverb()]),
        branch(0.25, vec![]),
    ]);
    assert_eq!(found.unwrap(), expected);
    let found = one_link("{ wet: 25 %, chain: [{ parallel: [reverb, [{ wet: 50 %, chain: [{ gain: 2 }] }]] }] }");
    let inner = parallel(vec![branch(0.5, vec![]), branch(0.5, vec![gain("2")])]);
    let inner = parallel(vec![branch(1.0, vec![reverb()]), branch(1.0, vec![inner])]);
    assert_eq!(found.unwrap(), parallel(vec![branch(0.75, vec![]), branch(0.25, vec![inner])]));
}

#[test]
fn what_is_wrong_with_chains_beside_each_other_is_told() {
    for (entry, expected) in [
        ("{ parallel: 3 }", "3:15: parallel is 3. List chains: parallel: [crunch.yaml, [{ gain: -6 dB }]]."),
        ("{ parallel: [] }", "3:15: parallel is empty. List chains, or remove it."),
        ("{ wet: 130 %, chain: [] }", "3:10: wet = 130 % is outside 0..100 %. Did you mean 13.0 %?"),
        ("{ wet: half, chain: [] }", "3:10: wet = \"half\" is not a share. Write a share such as 30 %."),
        (
            "{ chain: [] }",
            "3:3: an entry with a chain needs wet. Write how much of it is heard: { wet: 30 %, chain: [...] }.",
        ),
        (
            "{ parallel: [{ chain: [], gain: 0, factor: 1 }] }",
            "3:38: gain and factor both say how loud the branch is. Remove one of the two.",
        ),
        (
            "{ parallel: [reverb], gain: 3 }",
            "3:25: an entry of parallel chains has no field \"gain\". Its fields are dry, parallel.",
        ),
    ] {
        let told = one_link(entry).unwrap_err();
        assert!(told.contains(expected), "{entry}: {told}");
    }
}

#[test]
fn a_preset_takes_the_chains_of_others_and_none_stands_within_itself() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, chain: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, format!("tonemill: 1\nchain: {chain}\n")).unwrap();
        path
    };
    write("amps/clean.yaml", "[{ gain: 1 }, ../cab.yaml]");
    write("cab.yaml", "[{ gain: 2 }]");
    let both = write("both.yaml", "[{ gain: 0 }, { parallel: [amps/clean.yaml, cab.yaml] }]");
    let preset = load(&both).unwrap();
    let gains: Vec<&Value> = crate::devices(&preset.chain).iter().map(|setup| &setup.params[0].value).collect();
    assert_eq!(gains, [0.0, 1.0, 2.0, 2.0].map(Value::Number).each_ref());
    write("cab.yaml", "[amps/clean.yaml]");
    let told = load(&both).unwrap_err().to_string();
    assert!(told.contains("clean.yaml stands within itself. Write its devices here instead."), "{told}");
}

/// The device and links of a preset may be drawn, so what reads presets with draws and the schema are held together too.
#[test]
fn the_schema_takes_the_draws_that_the_reader_takes() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let both = |rest: &str| {
        let json = format!(r#"{{"tonemill": 1, {rest}}}"#);
        let collector = Collector::new();
        let path = Path::new("x.json");
        let template = Document::parse("x.json", json.as_str(), &collector)
            .and_then(|d| crate::template::decode(&d.root, path, &mut |_| None, &collector));
        let reader = collector.finish(template).is_ok();
        (reader, validator.is_valid(&serde_json::from_str(&json).unwrap()))
    };
    for good in [
        r#"{"gain": {"uniform": ["-6 dB", "3 dB"]}}"#,
        r#"{"gain": {"uniform": [1, 2], "force": true}}"#,
        r#"{"gain": {"Gain": {"int": [1, 6]}}, "probability": 0.5, "name": "trim"}"#,
        r#"{"clap": "X", "params": {"A": {"normal": {"mean": 1, "sd": 1, "low": 0, "high": 2}}}, "when": {"pickup": ["neck"], "a": {"above": 3}}}"#,
        r#"{"clap": "X", "params": {"A": {"choice": {"Clean": 3, "Crunch": 1}}, "B": {"choice": [1, "x"], "weights": [1, 2]}}}"#,
        r#"{"clap": "X", "params": {"A": {"grid": {"steps": [0, 1, 0.5]}}, "B": {"normalised": {"log_uniform": [0.1, 1]}}}, "bypass": {"probability": 0.1}}"#,
        r#"{"nam": {"pool": "*.nam", "where": {"any": [{"gear": "amp"}, {"not": {"year": {"below": 1990}}}]}, "count": 3, "broken": "skip"}}"#,
        r#"{"lv2": "urn:x", "files": {"SF": {"choice": ["a.sf2", "b.sf2"]}}, "state": {"choice": ["a", "b"]}}"#,
        r#"{"one_of": [{"gain": 3, "weight": 2}, "bypass", {"chain": ["eq", "reverb"]}, {"bypass": null, "weight": 3}]}"#,
        r#"{"some_of": ["eq", "pan"], "count": [0, 2], "shuffle": true}"#,
        r#"{"shuffle": ["eq", "reverb"], "probability": 0.5}"#,
        r#"{"wet": {"uniform": ["10 %", "30 %"]}, "chain": ["reverb"], "name": "space"}"#,
        r#"{"parallel": [{"chain": ["eq"], "gain": {"uniform": [-6, 0]}}], "dry": {"steps": [-6, 0, 1]}}"#,
    ] {
        assert_eq!(both(&format!(r#""chain": [{good}]"#)), (true, true), "for {good}");
    }
    for bad in [
        r#"{"gain": {"uniform": [1, 2], "step": 1}}"#,
        r#"{"gain": {"unifrom": [1, 2]}}"#,
        r#"{"gain": {"uniform": 3}}"#,
        r#"{"gain": {"steps": [1, 2]}}"#,
        r#"{"clap": "X", "params": {"A": {"normal": {"mean": 1, "sd": 1}}}}"#,
        r#"{"clap": "X", "params": {"A": {"choice": []}}}"#,
        r#"{"gain": 3, "probability": 2}"#,
        r#"{"gain": 3, "when": {}}"#,
        r#"{"gain": 3, "when": {"a": {"abov": 3}}}"#,
        r#"{"nam": {"pool": "*.nam", "broken": "ignore"}}"#,
        r#"{"one_of": []}"#,
        r#"{"one_of": ["eq"], "count": 2}"#,
        r#"{"some_of": ["eq"]}"#,
        r#"{"one_of": [{"gain": 3, "weight": -1}]}"#,
    ] {
        assert_eq!(both(&format!(r#""chain": [{bad}]"#)), (false, false), "for {bad}");
    }
    let draws = r#""draws": {"a": {"choice": [{"x": 1}, {"x": 2}]}}, "chain": [{"gain": {"drawn": "a.x"}}]"#;
    assert_eq!(both(draws), (true, true));
    assert_eq!(both(r#""draws": {"a": 3}, "chain": []"#), (false, false));
}
