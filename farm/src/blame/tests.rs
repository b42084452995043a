//! What strikes come to, whoever wrote them, in whatever order they are read, whole or torn.

use jobs::task::Task;
use serde_json::{Value, json};

use super::*;
use crate::report::Mishap;

fn accused(plugin: &str, tone: &str) -> Accused {
    let pair = Pair { plugin: format!("hash of {plugin}"), preset: format!("settings of {tone}") };
    Accused { pair, device: format!("{plugin} (/{plugin}.clap)"), name: None, tone: tone.to_owned() }
}

fn strike(number: u64, process: u32, against: &Accused) -> Strike {
    Strike {
        id: format!("strike {number}"),
        at: number,
        process: format!("process {process}"),
        against: against.clone(),
        suspected: false,
        what: "it crashed".into(),
        task: 7,
        label: "a task".into(),
        key: "key".into(),
        reproduce: None,
    }
}

fn strikes(processes: &[u32], against: &Accused) -> Vec<Entry> {
    (1..).zip(processes).map(|(number, process)| Entry::Strike(strike(number, *process, against))).collect()
}

#[test]
fn three_strikes_in_two_processes_quarantine() {
    let bad = accused("bad", "t");
    for (processes, quarantined) in
        [(&[1, 2][..], false), (&[1, 1, 1], false), (&[1, 1, 2], true), (&[1, 2, 3], true), (&[1, 1, 1, 1], false)]
    {
        let ledger = Ledger::of(strikes(processes, &bad));
        assert_eq!(ledger.is_quarantined(&bad.pair), quarantined, "{processes:?}");
        let mut growing = Ledger::default();
        let told: Vec<bool> =
            processes.iter().zip(1..).map(|(process, number)| growing.strike(strike(number, *process, &bad))).collect();
        assert_eq!(told.last(), Some(&quarantined), "{processes:?}");
        assert!(!ledger.is_quarantined(&accused("bad", "changed").pair), "a changed preset starts without strikes");
        assert!(!ledger.is_quarantined(&accused("rebuilt", "t").pair), "another binary starts without strikes");
    }
}

#[test]
fn entries_give_the_same_in_any_order() {
    let (bad, odd) = (accused("bad", "t"), accused("odd", "t"));
    let mut entries = strikes(&[1, 2, 3], &bad);
    entries.push(Entry::Quarantined { id: "q".into(), at: 4, against: bad.clone() });
    let lifted = vec!["strike 1".to_owned(), "strike 2".into(), "strike 3".into(), "q".into()];
    entries.push(Entry::Lifted { id: "l".into(), at: 5, against: bad.clone(), entries: lifted, why: Why::ByHand });
    // A strike that whoever lifted did not know of counts on.
    entries.push(Entry::Strike(Strike { id: "later".into(), ..strike(0, 9, &bad) }));
    entries.push(Entry::Strike(Strike { id: "other".into(), ..strike(2, 9, &odd) }));
    let wanted = Ledger::of(entries.clone());
    assert!(!wanted.is_quarantined(&bad.pair));
    assert_eq!(wanted.standing(&bad.pair).unwrap().strikes.len(), 1);
    for turn in 0..entries.len() {
        entries.rotate_left(turn);
        assert_eq!(Ledger::of(entries.clone()), wanted, "turned by {turn}");
        let mut back = entries.clone();
        back.reverse();
        assert_eq!(Ledger::of(back), wanted);
    }
}

#[test]
fn lifting_names_every_entry_of_one_pair_and_no_other() {
    let (bad, odd) = (accused("bad", "t"), accused("odd", "t"));
    let mut entries = strikes(&[1, 2, 3], &bad);
    entries.push(Entry::Quarantined { id: "q".into(), at: 4, against: bad.clone() });
    entries.push(Entry::Strike(Strike { id: "other".into(), ..strike(2, 9, &odd) }));
    let mut ledger = Ledger::of(entries);
    assert_eq!(ledger.lift(&bad.pair), ["strike 1", "strike 2", "strike 3", "q"]);
    assert!(!ledger.is_quarantined(&bad.pair));
    assert!(ledger.lift(&bad.pair).is_empty());
    assert_eq!(ledger.standings().count(), 1);
}

#[test]
fn state_folders_are_read_as_one_and_a_torn_line_costs_itself_alone() {
    let (folder, bad) = (tempfile::tempdir().unwrap(), accused("bad", "t"));
    let states = [folder.path().join("one"), folder.path().join("two"), folder.path().join("none")];
    for state in &states[..2] {
        std::fs::create_dir(state).unwrap();
    }
    for (entry, state) in strikes(&[1, 2, 3], &bad).iter().zip([&states[0], &states[1], &states[0]]) {
        append(state, entry).unwrap();
    }
    let held = read(&states).unwrap();
    assert!(held.ledger.is_quarantined(&bad.pair));
    assert!(held.damaged.is_empty());
    assert!(!read(&states[..1]).unwrap().ledger.is_quarantined(&bad.pair));

    // Torn in the midst of its third line, and written on.
    let path = states[0].join(FILE_NAME);
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, &text[..text.len() - 20]).unwrap();
    assert!(!read(&states).unwrap().ledger.is_quarantined(&bad.pair));
    append(&states[0], &Entry::Strike(strike(4, 4, &bad))).unwrap();
    let held = read(&states).unwrap();
    assert!(held.ledger.is_quarantined(&bad.pair));
    assert_eq!(held.damaged.iter().map(|damage| damage.line).collect::<Vec<_>>(), [2]);
}

#[test]
fn lines_of_a_newer_version_are_not_guessed_at() {
    let folder = tempfile::tempdir().unwrap();
    let line = crate::sealed::seal(r#"{"version":2,"event":"strike"}"#);
    std::fs::write(folder.path().join(FILE_NAME), line).unwrap();
    let error = read([folder.path()]).unwrap_err().to_string();
    assert!(error.contains("newer version") && error.contains("format 2"), "{error}");
}

fn plugin(name: &str, drive: f64) -> Value {
    let params = json!([{ "parameter": "Drive", "value": drive }]);
    json!({ "device": { "format": "clap", "plugin": format!("/{name}.clap"), "id": name }, "params": params })
}

fn task(tone: &str, chain: Value, sources: &[(&str, &str)], drawn: bool) -> Task {
    let sources: Vec<Value> =
        sources.iter().map(|(path, hash)| json!({ "role": "plugin", "path": path, "blake3": hash })).collect();
    let mut task = json!({
        "number": 0, "label": "l", "key": "k", "audio": { "sample_rate": 1000, "block_size": 64 },
        "render": { "tone": { "input": { "file": "/in.wav" }, "tone": tone, "chain": chain } },
        "outputs": [], "sources": sources,
    });
    if drawn {
        let drawn = json!([{ "device": "amp", "parameter": "Drive", "value": 1.0 }]);
        task["item"] = json!({ "take": "t", "source_group": "t", "drawn": drawn });
    }
    serde_json::from_value(task).unwrap()
}

#[test]
fn a_pair_changes_with_the_binary_the_settings_and_the_name_and_not_with_where_files_lie() {
    let pair = |tone: &str, drive: f64, folder: &str, hash: &str| {
        let mut device = plugin("amp", drive);
        device["device"]["plugin"] = json!(format!("{folder}/amp.clap"));
        let path = format!("{folder}/amp.clap");
        of(&task(tone, json!([device]), &[(&path, hash)], false))[0].pair.clone()
    };
    let first = pair("warm", 0.5, "/plugins", "hash");
    assert_eq!(first.plugin, "hash");
    assert_eq!(pair("warm", 0.5, "/elsewhere", "hash"), first);
    assert_ne!(pair("warm", 0.6, "/plugins", "hash").preset, first.preset);
    assert_ne!(pair("cold", 0.5, "/plugins", "hash").preset, first.preset);
    assert_ne!(pair("warm", 0.5, "/plugins", "rebuilt"), first);
}

#[test]
fn all_draws_of_a_tone_are_one_preset() {
    let pair = |drive: f64, drawn| of(&task("t", json!([plugin("amp", drive)]), &[], drawn))[0].pair.clone();
    assert_eq!(pair(0.1, true), pair(0.9, true));
    assert_ne!(pair(0.1, false), pair(0.9, false));
}

#[test]
fn a_built_in_device_at_work_leaves_suspicion_on_the_plugins_of_its_chain() {
    let gain = json!({ "device": { "format": "builtin", "name": "gain" } });
    let all = |chain: Value| of(&task("t", chain, &[("/amp.clap", "hash")], false));
    let both = all(json!([gain, plugin("amp", 0.5)]));
    let blamed = at_work(both.clone(), Some("gain"), &Names::default());
    assert_eq!(blamed.iter().map(|accused| accused.pair.plugin.as_str()).collect::<Vec<_>>(), ["hash"]);
    assert_eq!(at_work(both, None, &Names::default()), blamed);
    let alone = at_work(all(json!([gain])), Some("gain"), &Names::default());
    assert!(alone[0].pair.plugin.starts_with("builtin:gain "), "{alone:?}");
    assert!(plugins(alone).is_empty());
}

#[test]
fn a_device_is_known_by_the_name_that_it_gives_itself_even_where_that_is_cut() {
    let long = "n".repeat(300);
    let mut names = Names::default();
    for (label, name) in [("amp (/amp.clap)", "The Amp"), ("cab (/cab.clap)", long.as_str())] {
        names.on_phase(Phase::Load, Some(label));
        names.on_phase(Phase::Configure, Some(name));
    }
    let both = of(&task("t", json!([plugin("amp", 0.1), plugin("cab", 0.1)]), &[], false));
    let blamed = |device: &str| {
        let blamed = at_work(both.clone(), Some(device), &names);
        blamed.into_iter().map(|accused| accused.device).collect::<Vec<_>>()
    };
    assert_eq!(blamed("The Amp"), ["amp (/amp.clap)"]);
    assert_eq!(blamed("amp (/amp.clap)"), ["amp (/amp.clap)"]);
    assert_eq!(blamed(&long[..255]), ["cab (/cab.clap)"]);
    assert_eq!(blamed("somebody").len(), 2, "of two plugins either may be meant");
}

#[test]
fn a_plugin_is_meant_by_its_name_id_file_and_hash() {
    let pair = Pair { plugin: "0123456789abcdef".into(), preset: "p".into() };
    let device = "org.x.amp (/plugins/Big Amp.clap)".to_owned();
    let accused = Accused { pair, device, name: Some("The Amp".into()), tone: "t".into() };
    for word in ["the amp", "org.x.amp", "/plugins/Big Amp.clap", "Big Amp.clap", "big amp", "01234567"] {
        assert!(accused.is_plugin(word), "{word}");
    }
    for word in ["amp", "0123456", "12345678", ""] {
        assert!(!accused.is_plugin(word), "{word}");
    }
}

#[test]
fn only_what_a_plugin_can_do_is_a_strike() {
    let mishap = |cause: Cause, phase| Mishap {
        retryable: cause.is_retryable(),
        cause,
        phase,
        device: None,
        at_seconds: None,
        block: None,
        stderr: vec![],
        log: None,
    };
    let hung = || Cause::Hung { seconds: 30.0 };
    assert!(is_strike(&mishap(Cause::Left { status: 0 }, Some(Phase::Load))));
    assert!(is_strike(&mishap(hung(), Some(Phase::Process))));
    assert!(!is_strike(&mishap(hung(), Some(Phase::Write))), "a disk that does not take the file in");
    assert!(!is_strike(&mishap(hung(), None)), "a recording that cannot be read");
    assert!(!is_strike(&mishap(Cause::TooLong { seconds: 9.0 }, Some(Phase::Process))), "it advanced");
}
