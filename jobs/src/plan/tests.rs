//! Plans of whole jobs, on real files in a folder of their own, with devices out of a table.

mod bench;
mod draws;
mod inputs;
mod mistakes;
mod outputs;
mod stores;

use audio::device::ProcessMode;
use bench::{Bench, FUZZ_CLASS};
use presets::{DeviceSpec, Link, PluginFile, Setting, Value};

use super::*;
use crate::task::{Deliver, Length, Render, Task, Tempo, TrackSource};

const TONES: &str =
    "tonemill: 1\ninputs: di/{id}.wav\ntones: [tones/*.yaml]\noutput: { path: 'out/{tone}/{id}.flac' }\n";
const SESSION: &str = "tonemill: 1
session:
  tracks:
    lead: { midi: { file: song.mid, track: Lead }, instrument: keys.yaml, sends: { hall: -6 dB } }
    gtr: { audio: di/mono.wav, tone: tones/clean.yaml, bus: band }
    vox: { audio: di/stereo.wav, gain: -2 dB }
  busses:
    hall: { chain: [reverb] }
    band:
  master: { chain: [{ gain: -1 }] }
output: { path: 'out/{name}.wav', deliver: [mix, premaster, stems, tracks], length: tail }
";

fn tones_bench() -> Bench {
    let bench = Bench::new();
    bench.wav("di/a.wav", 1, 100);
    bench.wav("di/b.wav", 1, 50);
    bench.write("tones/clean.yaml", "tonemill: 1\nname: Clean tone\nchain: [{ gain: -6 dB }]\n");
    bench.write("tones/loud.yaml", "tonemill: 1\nchain: [{ gain: 6 }, { cabinet: ../ir.wav }]\n");
    bench.write("ir.wav", "impulse");
    bench
}

fn session_bench() -> Bench {
    let bench = Bench::new();
    bench.wav("di/mono.wav", 1, 100);
    bench.wav("di/stereo.wav", 2, 100);
    bench.midi("song.mid", &["Tempo", "Lead"]);
    bench.write("keys.yaml", "tonemill: 1\nchain: [{ soundfont: embedded:basic }]\n");
    bench.write("tones/clean.yaml", "tonemill: 1\nchain: [{ gain: -6 dB }]\n");
    bench
}

#[test]
fn every_input_goes_through_every_tone_tone_by_tone() {
    let bench = tones_bench();
    let plan = bench.plan(TONES).unwrap();
    let labels: Vec<_> = plan.tasks.iter().map(|t| t.label.as_str()).collect();
    assert_eq!(labels, ["a, \"Clean tone\"", "b, \"Clean tone\"", "a, \"loud\"", "b, \"loud\""]);
    let outputs: Vec<_> = plan.tasks.iter().map(|t| bench.below(&t.outputs[0].path)).collect();
    assert_eq!(outputs, ["out/clean/a.flac", "out/clean/b.flac", "out/loud/a.flac", "out/loud/b.flac"]);
    assert_eq!(bench.below(&plan.header.output_root), "out");
    let roles: Vec<_> = plan.tasks[2].sources.iter().map(|s| s.role.as_str()).collect();
    assert_eq!(roles, ["input", "asset"]);
    assert_eq!(plan.tasks[2].sources[1].blake3, crate::hash::of_text("impulse"));
    assert!(plan.header.warnings.is_empty());
}

#[test]
fn a_chain_in_a_plan_forks_where_its_preset_does() {
    let bench = tones_bench();
    bench.write("plugins/Fuzz.clap", "binary");
    let chain = "[{ gain: 1 }, { parallel: [{ clap: Fuzz, channels: downmix, params: { Drive: 40 % } }, ../warm.yaml], dry: 0 }]";
    bench.write("warm.yaml", "tonemill: 1\nchain: [{ wet: 25 %, chain: [{ gain: 3 }] }]\n");
    bench.write("tones/loud.yaml", &format!("tonemill: 1\nchain: {chain}\n"));
    let plan = bench.plan(TONES).unwrap();
    let Render::Tone(tone) = &plan.tasks[2].render else { panic!("a tone is planned") };
    let [_, Link::Parallel { parallel }] = tone.chain.as_slice() else { panic!("the chain forks: {:?}", tone.chain) };
    assert_eq!(parallel.iter().map(|branch| branch.chain.len()).collect::<Vec<_>>(), [0, 1, 1]);
    let devices = plan.tasks[2].render.devices();
    let settings: Vec<&str> = devices.iter().flat_map(|setup| &setup.params).map(|s| s.parameter.as_str()).collect();
    assert_eq!(settings, ["#0", "#11", "#0"], "devices of branches are frozen as all others");
    let again: Task = serde_json::from_str(&serde_json::to_string(&plan.tasks[2]).unwrap()).unwrap();
    assert_eq!(again, plan.tasks[2]);
    bench.write("warm.yaml", "tonemill: 1\nchain: [{ wet: 26 %, chain: [{ gain: 3 }] }]\n");
    assert_ne!(bench.plan(TONES).unwrap().tasks[2].key, plan.tasks[2].key, "levels of branches decide the sound");
}

#[test]
fn a_latency_that_was_measured_is_put_into_the_plan() {
    let bench = tones_bench();
    bench.write("plugins/Fuzz.clap", "binary");
    bench.write("tones/loud.yaml", "tonemill: 1\nchain: [{ clap: Fuzz, latency: measured }]\n");
    let plan = bench.plan(TONES).unwrap();
    assert_eq!(plan.tasks[2].render.devices()[0].latency, Some(100));
    bench.write("tones/loud.yaml", "tonemill: 1\nchain: [{ gain: 0, latency: measured }]\n");
    let told = bench.plan(TONES).unwrap_err();
    assert!(told.contains("loud.yaml:2:29: the latency of gain has not been measured"), "{told}");
}

#[test]
fn a_plan_holds_ids_numbers_and_absolute_paths_only() {
    let bench = tones_bench();
    bench.write("plugins/Fuzz.clap", "binary");
    bench.write("tones/loud.yaml", "tonemill: 1\nchain: [{ clap: Fuzz, params: { Drive: 40 %, Tone: 3 } }]\n");
    let plan = bench.plan(TONES).unwrap();
    let Render::Tone(tone) = &plan.tasks[2].render else { panic!("a tone is planned") };
    assert_eq!(tone.input.file, bench.path("di/a.wav"));
    let plugin = bench.path("plugins/Fuzz.clap").to_str().unwrap().to_owned();
    assert_eq!(
        presets::devices(&tone.chain)[0].device,
        DeviceSpec::Clap(PluginFile { plugin, id: Some("test.fuzz".into()) })
    );
    let number = |id: &str, value| Setting { parameter: id.into(), value: Value::Number(value) };
    assert_eq!(presets::devices(&tone.chain)[0].params, [number("#11", 0.4), number("#12", 3.0)]);
    let Render::Tone(tone) = &plan.tasks[0].render else { panic!("a tone is planned") };
    assert_eq!(presets::devices(&tone.chain)[0].params, [number("#0", -6.0)]);
}

#[test]
fn each_device_is_examined_once_for_each_count_of_channels() {
    let bench = tones_bench();
    bench.wav("di/c.wav", 2, 10);
    bench.plan(TONES).unwrap();
    // Two gains and a cabinet, each for mono and for stereo.
    assert_eq!(bench.examined.get(), 6);
}

#[test]
fn ids_and_names_of_plugins_are_found_by_whoever_lists_plugins() {
    let bench = tones_bench();
    bench.write("plugins/Fuzz.clap", "binary");
    for (written, id) in [
        ("test.fuzz", "test.fuzz"),
        ("Fuzz Face", "test.fuzz"),
        ("Fuzz/Wah", "test.fuzz"),
        ("Fuzz Face, id: Fuzz", "Fuzz"),
    ] {
        bench.write("tones/loud.yaml", &format!("tonemill: 1\nchain: [{{ clap: {written} }}]\n"));
        let plan = bench.plan(TONES).unwrap();
        let Render::Tone(tone) = &plan.tasks[2].render else { panic!("a tone is planned") };
        let plugin = bench.path("plugins/Fuzz.clap").to_str().unwrap().to_owned();
        assert_eq!(
            presets::devices(&tone.chain)[0].device,
            DeviceSpec::Clap(PluginFile { plugin, id: Some(id.into()) }),
            "{written}"
        );
    }
}

#[test]
fn a_vst3_plugin_is_planned_by_name_path_and_class_id() {
    let bench = tones_bench();
    bench.write("plugins/Fuzz.vst3/Contents/x86_64-linux/Fuzz.so", "binary");
    bench.write("plugins/Fuzz.clap", "another");
    let plugin = bench.path("plugins/Fuzz.vst3").to_str().unwrap().to_owned();
    let mut keys = Vec::new();
    for (written, id) in [
        ("Fuzz", "test.fuzz"),
        ("../plugins/Fuzz.vst3", "test.fuzz"),
        ("Fuzz.vst3, id: Fuzz", "Fuzz"),
        (FUZZ_CLASS, FUZZ_CLASS),
        (&FUZZ_CLASS.to_lowercase(), FUZZ_CLASS),
    ] {
        let chain = format!("tonemill: 1\nchain: [{{ vst3: {written}, mode: realtime, params: {{ Drive: 40 % }} }}]\n");
        bench.write("tones/loud.yaml", &chain);
        let plan = bench.plan(TONES).unwrap();
        let Render::Tone(tone) = &plan.tasks[2].render else { panic!("a tone is planned") };
        let setup = presets::devices(&tone.chain)[0];
        let file = PluginFile { plugin: plugin.clone(), id: Some(id.into()) };
        assert_eq!((&setup.device, setup.mode), (&DeviceSpec::Vst3(file), ProcessMode::Realtime), "for {written}");
        assert_eq!(setup.params, [Setting { parameter: "#11".into(), value: Value::Number(0.4) }]);
        let source = plan.tasks[2].sources.iter().find(|s| s.role == "plugin").unwrap();
        assert_eq!(source.path, plugin);
        keys.push(plan.tasks[2].key.clone());
    }
    assert_eq!(keys[0], keys[1], "where it was found does not count");
}

#[test]
fn a_session_gives_one_task_with_all_its_sounds() {
    let bench = session_bench();
    let plan = bench.plan(SESSION).unwrap();
    assert_eq!(plan.tasks.len(), 1);
    let task = &plan.tasks[0];
    let outputs: Vec<_> = task.outputs.iter().map(|o| (bench.below(&o.path), o.deliver.clone())).collect();
    let stem = |name: &str| Deliver::Stem(name.into());
    let expected = [
        ("out/mix.wav", Deliver::Mix),
        ("out/premaster.wav", Deliver::Premaster),
        ("out/stem-lead.wav", stem("lead")),
        ("out/stem-vox.wav", stem("vox")),
        ("out/stem-hall.wav", stem("hall")),
        ("out/stem-band.wav", stem("band")),
        ("out/track-lead.wav", stem("lead")),
        ("out/track-gtr.wav", stem("gtr")),
        ("out/track-vox.wav", stem("vox")),
    ];
    assert_eq!(outputs, expected.map(|(path, deliver)| (path.to_owned(), deliver)));
    assert!(task.outputs.iter().all(|o| o.length == Length::Tail { limit: 10.0, below_db: -90.0 }));
    let Render::Session(session) = &task.render else { panic!("a session is planned") };
    assert_eq!(session.tempo, Tempo::Midi(bench.path("song.mid")));
    let TrackSource::Midi { part, .. } = &session.tracks[0].source else { panic!("lead has notes") };
    assert_eq!(part.tracks, [1]);
}

#[test]
fn muted_tracks_are_left_out_and_give_no_stem() {
    let bench = session_bench();
    let job = SESSION.replace("gain: -2 dB", "mute: true").replace("di/stereo.wav", "missing.wav");
    let plan = bench.plan(&job).unwrap();
    assert!(plan.tasks[0].outputs.iter().all(|o| !bench.below(&o.path).contains("vox")));
    let soloed = bench.plan(&SESSION.replace("gain: -2 dB", "solo: true")).unwrap();
    let Render::Session(session) = &soloed.tasks[0].render else { panic!("a session is planned") };
    assert_eq!(session.tracks.len(), 1);
    assert_eq!(session.tempo, Tempo::Midi(bench.path("song.mid")), "a solo does not change the tempo");
}

#[test]
fn a_mix_in_which_no_track_is_heard_is_a_warning() {
    let warned = |deliver: &str| {
        let job = format!(
            "tonemill: 1\nsession:\n  tracks: {{ a: {{ audio: di/mono.wav, bus: band, sends: {{ hall: -6 }} }} }}\n  \
             busses: {{ band: null, hall: null }}\noutput: {{ path: 'o/{{name}}.wav', deliver: [{{ x: {{ {deliver} }} }}] }}\n"
        );
        session_bench().plan(&job).unwrap().header.warnings
    };
    for silent in ["without: [a]", "only: [hall]", "only: []", "without: [band, hall]"] {
        let warnings = warned(silent);
        assert!(
            warnings.len() == 1 && warnings[0].starts_with("job: no track is heard in x."),
            "{silent}: {warnings:?}"
        );
    }
    for heard in ["without: [hall]", "without: [band]", "only: [band]", "only: [a]"] {
        assert_eq!(warned(heard), [""; 0], "for {heard}");
    }
}

#[test]
fn the_same_job_gives_the_same_bytes_and_reads_as_the_same_plan() {
    for (bench, job) in [(tones_bench(), TONES), (session_bench(), SESSION)] {
        let write = |plan: &bench::Planned| {
            let mut bytes = Vec::new();
            plan.plan.write(&mut bytes).unwrap();
            bytes
        };
        let plan = bench.plan(job).unwrap();
        let bytes = write(&plan);
        assert_eq!(bytes, write(&bench.plan(job).unwrap()));
        assert_eq!(Plan::read(bytes.as_slice()).unwrap(), plan.plan);
        assert_eq!(bytes.iter().filter(|b| **b == b'\n').count(), plan.tasks.len() + 1);
    }
}

#[test]
fn a_damaged_plan_is_refused_with_its_line() {
    let bench = tones_bench();
    let mut bytes = Vec::new();
    bench.plan(TONES).unwrap().plan.write(&mut bytes).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let refuse = |text: &str| Plan::read(text.as_bytes()).unwrap_err().to_string();
    assert!(refuse("").starts_with("line 1 of the plan is damaged: "));
    assert!(refuse(&text[..text.len() - 9]).starts_with("line 5 of the plan is damaged: "));
    let newer = text.replacen("\"tonemill\":1", "\"tonemill\":2", 1);
    assert_eq!(refuse(&newer), "the plan has version 2, this build reads version 1. Make the plan anew");
    let shorter: String = text.lines().take(3).map(|l| format!("{l}\n")).collect();
    assert_eq!(refuse(&shorter), "the plan promises 4 tasks and holds 2. Make the plan anew");
}

#[test]
fn a_key_changes_with_what_decides_the_content_and_with_nothing_else() {
    let bench = tones_bench();
    bench.write("plugins/Fuzz.clap", "binary");
    bench.write("tones/loud.yaml", "tonemill: 1\nchain: [{ clap: Fuzz, state: ../s.bin }, { cabinet: ../ir.wav }]\n");
    bench.write("s.bin", "state");
    let keys = |job: &str| bench.plan(job).unwrap().tasks.into_iter().map(|t| t.key).collect::<Vec<_>>();
    let before = keys(TONES);
    let changed = |job: &str| {
        let after = keys(job);
        (0..4).filter(|n| before[*n] != after[*n]).collect::<Vec<_>>()
    };
    assert!(changed(&TONES.replace("out/", "elsewhere/")).is_empty(), "paths of outputs do not count");
    bench.write("tones/clean.yaml", "tonemill: 1\nname: Other\n# remark\nchain: [{ gain: -6 }]\n");
    assert!(changed(TONES).is_empty(), "names and ways of writing do not count");
    assert_eq!(changed(&TONES.replace("{id}.flac", "{id}.wav")), [0, 1, 2, 3]);
    assert_eq!(changed(&format!("{TONES}audio: {{ block_size: 64 }}\n")), [0, 1, 2, 3]);
    for (file, dependants) in [("s.bin", vec![2, 3]), ("plugins/Fuzz.clap", vec![2, 3]), ("ir.wav", vec![2, 3])] {
        let old = std::fs::read(bench.path(file)).unwrap();
        bench.write(file, "changed");
        assert_eq!(changed(TONES), dependants, "after changing {file}");
        bench.write_bytes(file, &old);
    }
    let loud = std::fs::read_to_string(bench.path("tones/loud.yaml")).unwrap();
    bench.write("tones/loud.yaml", &loud.replace("clap: Fuzz", "clap: Fuzz, mode: offline"));
    assert!(changed(TONES).is_empty(), "offline is what a plugin is without a word");
    bench.write("tones/loud.yaml", &loud.replace("clap: Fuzz", "clap: Fuzz, mode: realtime"));
    assert_eq!(changed(TONES), [2, 3]);
    bench.write("tones/loud.yaml", &loud);
    bench.wav("di/b.wav", 1, 51);
    assert_eq!(changed(TONES), [1, 3]);
    bench.wav("di/b.wav", 1, 50);
    bench.write("tones/clean.yaml", "tonemill: 1\nchain: [{ gain: -7 }]\n");
    assert_eq!(changed(TONES), [0, 1]);
}

#[test]
fn a_key_changes_with_the_binary_of_a_bundle() {
    let bench = tones_bench();
    let binary = "plugins/Fuzz.vst3/Contents/x86_64-linux/Fuzz.so";
    bench.write(binary, "binary");
    bench.write("tones/loud.yaml", "tonemill: 1\nchain: [{ vst3: Fuzz }]\n");
    let keys = || bench.plan(TONES).unwrap().tasks.into_iter().map(|t| t.key).collect::<Vec<_>>();
    let before = keys();
    assert_eq!(keys(), before);
    bench.write(binary, "newer!");
    let after = keys();
    assert_eq!(before[..2], after[..2]);
    assert!(before[2] != after[2] && before[3] != after[3]);
}

#[test]
fn a_moved_job_has_the_same_keys() {
    let keys = |bench: &Bench| bench.plan(SESSION).unwrap().tasks.into_iter().map(|t| t.key).collect::<Vec<_>>();
    let (here, there) = (session_bench(), session_bench());
    assert_ne!(here.path(""), there.path(""));
    assert_eq!(keys(&here), keys(&there));
}

#[test]
fn a_device_that_dies_while_examined_is_a_warning() {
    let bench = tones_bench();
    bench.write("plugins/Crash.clap", "binary");
    bench.write("tones/loud.yaml", "tonemill: 1\nchain: [{ clap: Crash, params: { A: 1 } }, { gain: 1 }]\n");
    let plan = bench.plan(TONES).unwrap();
    assert_eq!(plan.tasks.len(), 4);
    let [warning] = plan.header.warnings.as_slice() else { panic!("one warning: {:?}", plan.header.warnings) };
    assert!(
        warning.ends_with(
            "tones/loud.yaml:2:17: Crash could not be examined: it crashed with SIGSEGV. Its settings are not checked; tasks that use it may fail."
        ),
        "{warning}"
    );
    let Render::Tone(tone) = &plan.tasks[2].render else { panic!("a tone is planned") };
    assert_eq!(
        presets::devices(&tone.chain)[0].params[0].parameter,
        "A",
        "what could not be resolved travels as written"
    );
}

#[test]
fn a_bus_that_nothing_feeds_is_a_warning() {
    let bench = session_bench();
    let plan = bench.plan(&SESSION.replace(", bus: band", "")).unwrap();
    assert_eq!(plan.header.warnings.len(), 1);
    assert!(plan.header.warnings[0].ends_with("job.yaml:9:5: nothing feeds bus band."), "{:?}", plan.header.warnings);
}

#[test]
fn an_output_folder_of_the_command_moves_everything() {
    let bench = tones_bench();
    let moved = bench.path("elsewhere");
    let plan = bench.plan_into(TONES, Some(moved)).unwrap();
    assert_eq!(bench.below(&plan.header.output_root), "elsewhere/out");
    assert_eq!(bench.below(&plan.tasks[0].outputs[0].path), "elsewhere/out/clean/a.flac");
}
