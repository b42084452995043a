//! What a plan's maker is told, word by word.

use super::bench::{Bench, Planned, wav};
use super::{SESSION, TONES, session_bench, tones_bench};

/// The mistakes of `tones/loud.yaml` with this chain, beside a clean tone.
fn chain(chain: &str) -> String {
    let bench = tones_bench();
    for plugin in ["Fuzz", "Wide", "Arm"] {
        bench.write(&format!("plugins/{plugin}.clap"), "binary");
    }
    bench.write("plugins/Fuzz.vst3/Contents/x86_64-linux/Fuzz.so", "binary");
    bench.write("tones/loud.yaml", &format!("tonemill: 1\nchain:\n- {chain}\n"));
    bench.plan(TONES).unwrap_err()
}

#[test]
fn every_mistake_about_a_device_points_at_its_word() {
    for (written, message) in [
        ("{ gain: 900 }", "3:11: Gain = 900 of gain is outside -60..24 (-60 dB to 24 dB). Did you mean 9.00?"),
        (
            "{ clap: Fuzz, params: { Drive: 40 % , Tone: 11 } }",
            "3:47: Tone = 11 of Fuzz is outside 0..10. Did you mean 1.1?",
        ),
        ("{ clap: Fuzz, params: { Tnoe: 1 } }", "3:33: Fuzz has no parameter \"Tnoe\". Did you mean \"Tone\"?"),
        ("{ reverb: { Colour: 1 } }", "3:23: reverb has no parameter \"Colour\". Its parameters are Mix."),
        ("{ cabinet: ../ir.wav, Mix: 1 }", "3:30: cabinet has no parameter \"Mix\". It has no parameters to set."),
        (
            "{ clap: Fuzz, params: { Level: 1 } }",
            "3:34: Fuzz has several parameters called \"Level\". Write the id of one instead: \"#14\" or \"#15\".",
        ),
        ("{ clap: Fuzz, params: { Meter: 1 } }", "3:34: \"Meter\" of Fuzz only reports and cannot be set. Remove it."),
        (
            "{ clap: Fuzz, params: { Drive: hot } }",
            "3:34: Drive = \"hot\" is nothing that Fuzz can read. Write a number, or a text such as \"0 %\" or \"100 %\".",
        ),
        (
            "{ clap: Fuzz, params: { Tone: 1, tone: 2 } }",
            "3:42: tone sets \"Tone\" of Fuzz a second time. Remove one of the two.",
        ),
        (
            "{ clap: Wide }",
            "3:11: Wide takes 2 channels, and the signal of di/a.wav has 1 channel there. Say what to do: channels: duplicate.",
        ),
        (
            "{ soundfont: embedded:basic }",
            "3:5: soundfont cannot stand here, in di/a.wav: it takes no audio; an instrument stands first in the chain of a MIDI track.",
        ),
        (
            "{ clap: Arm }",
            "3:11: Arm cannot be used: the file is built for aarch64, this machine is x86_64. Install the x86_64 build.",
        ),
        ("{ clap: Fuzz, preset: ../ir.wav }", "3:11: Fuzz: it loads no preset files."),
        (
            "{ clap: Fuzz, state: none.bin }",
            "3:24: there is no state file tones/none.bin. Paths start at this file's folder.",
        ),
        ("{ cabinet: ../irr.wav }", "3:14: there is no ir file irr.wav. Did you mean \"ir.wav\"?"),
        ("{ cabinet: ../tones }", "3:14: cannot use tones: it is a folder. Name a file."),
        (
            "{ clap: Fuz }",
            "3:11: no CLAP plugin is called \"Fuz\". Did you mean \"Fuzz\" or \"Fuzz Face\"? Searched plugins; CLAP_PATH adds folders.",
        ),
        ("{ clap: ./Fuzz.clap }", "3:11: there is no CLAP plugin tones/./Fuzz.clap."),
        (
            "{ vst3: Fuz }",
            "3:11: no VST3 plugin is called \"Fuz\". Did you mean \"Fuzz\"? Searched plugins; VST3_PATH adds folders.",
        ),
        ("{ vst3: ./Fuzz.vst3 }", "3:11: there is no VST3 plugin tones/./Fuzz.vst3."),
        (
            "{ clap: ../plugins/Fuzz.vst3 }",
            "3:11: tones/../plugins/Fuzz.vst3 is a VST3 plugin. Write vst3: in front of it.",
        ),
        (
            "{ vst3: 0123456789abcdef0123456789ABCDEF }",
            "3:11: no VST3 plugin has the name or id \"0123456789abcdef0123456789ABCDEF\". List what there is: tonemill plugins list.",
        ),
        ("{ clap: test.fuz }", "3:11: no CLAP plugin has the name or id \"test.fuz\". Did you mean \"test.fuzz\"?"),
        (
            "{ clap: Lost/Found }",
            "3:11: there is no CLAP plugin tones/Lost/Found. 2 files cannot be listed: tonemill plugins list --format clap says why.",
        ),
        (
            "{ clap: test.lost }",
            "3:11: no CLAP plugin has the name or id \"test.lost\". List what there is: tonemill plugins list. 2 files cannot be \
             listed: tonemill plugins list --format clap says why.",
        ),
        (
            "{ clap: test.twice }",
            "3:11: several CLAP plugins are called \"test.twice\": clap:/a.clap#test.twice, clap:/b\\, c.clap#test.twice. Write \
             one of these, in a file as clap: \"/a.clap\" and id: \"test.twice\".",
        ),
    ] {
        assert_eq!(chain(written), format!("tones/loud.yaml:{message}"), "for {written}");
    }
}

#[test]
fn every_mistake_about_an_input_points_at_its_pattern() {
    let whole = wav(1, 100);
    for (content, message) in [
        (&b""[..], "it is empty (0 bytes). Export or copy it again."),
        (
            &whole[..whole.len() - 60],
            "it is truncated: the header promises 100 frames, the file holds 70. Copy or export it again.",
        ),
        (&wav(1, 0), "it holds no audio (0 frames). Export it again."),
    ] {
        let bench = tones_bench();
        bench.write_bytes("di/bad.wav", content);
        let told = bench.plan(TONES).unwrap_err();
        assert_eq!(told, format!("job.yaml:2:9: cannot use di/bad.wav: {message}"));
    }
    let bench = tones_bench();
    bench.midi("di/bad.wav", &["Lead"]);
    let told = bench.plan(TONES).unwrap_err();
    assert!(
        told.starts_with("job.yaml:2:9: cannot use di/bad.wav: it is a MIDI file, whatever its name says."),
        "{told}"
    );
}

#[test]
fn patterns_that_find_nothing_say_what_is_there() {
    let bench = tones_bench();
    let told = |job: &str| bench.plan(job).unwrap_err();
    assert_eq!(
        told(&TONES.replace("{id}.wav", "{id}.flac")),
        "job.yaml:2:9: \"di/{id}.flac\" finds no recording. The folder di has 2 entries, such as a.wav."
    );
    assert_eq!(
        told(&TONES.replace("tones/*", "tone/*")),
        "job.yaml:3:9: \"tone/*.yaml\" finds no preset. There is no folder tone. Patterns start at this file's folder."
    );
    assert_eq!(
        told(&TONES.replace("tones/*.yaml", "tones/claen.yaml")),
        "job.yaml:3:9: there is no preset tones/claen.yaml. Did you mean \"clean.yaml\"?"
    );
    assert_eq!(
        told(&TONES.replace("tones/*.yaml", "revreb")),
        "job.yaml:3:9: there is no preset revreb. Did you mean the device \"builtin:reverb\"?"
    );
}

#[test]
fn outputs_that_harm_something_are_told() {
    let bench = tones_bench();
    let told = |path: &str| bench.plan(&TONES.replace("out/{tone}/{id}.flac", path)).unwrap_err();
    assert_eq!(
        told("out/{id}.flac"),
        "job.yaml:4:17: a, \"Clean tone\" and a, \"loud\" would be written to one path, out/a.flac. \
         Put what tells them apart into the path: {tone}, {input}, {name} or a capture.\n\
         job.yaml:4:17: b, \"Clean tone\" and b, \"loud\" would be written to one path, out/b.flac. \
         Put what tells them apart into the path: {tone}, {input}, {name} or a capture."
    );
    assert!(told("di/{tone}-{id}.wav").starts_with(
        "job.yaml:4:17: di/clean-a.wav would lie among the inputs of \"di/{id}.wav\". Write to another folder."
    ));
    let alone = TONES.replace("tones/*.yaml", "tones/loud.yaml");
    let told = bench.plan(&alone.replace("out/{tone}/{id}.flac", "di/{id}.wav")).unwrap_err();
    assert!(
        told.starts_with("job.yaml:4:17: di/a.wav would be replaced, and it is read. Write to another folder."),
        "{told}"
    );
    bench.write("out/loud/a.flac/x", "");
    let told = bench.plan(TONES).unwrap_err();
    assert_eq!(told, "job.yaml:4:17: out/loud/a.flac is a folder. Change the path, or move the folder away.");
}

#[test]
fn many_mistakes_of_one_kind_are_counted() {
    let bench = tones_bench();
    for n in 0..9 {
        bench.wav(&format!("di/{n}.wav"), 1, 1);
    }
    let told = bench.plan(&TONES.replace("out/{tone}/{id}.flac", "out/{tone}.flac")).unwrap_err();
    assert_eq!(told.lines().count(), 6);
    assert!(told.ends_with("job.yaml:4:17: 15 more outputs share a path."), "{told}");
}

#[test]
fn a_name_that_is_too_long_is_told_before_anything_renders() {
    let bench = tones_bench();
    let long = "x".repeat(300);
    let told = bench.plan(&TONES.replace("{id}.flac", &format!("{long}{{id}}.flac"))).unwrap_err();
    assert!(
        told.contains("has a name of 306 bytes; at most 238 can be written. Shorten the path's last part."),
        "{told}"
    );
}

#[test]
fn a_folder_that_cannot_be_made_is_told() {
    let bench = tones_bench();
    bench.write("out", "a file");
    let told = bench.plan(TONES).unwrap_err();
    assert_eq!(
        told,
        "job.yaml:4:17: cannot write to out: it is not a folder. Change its permissions, or write elsewhere with --out."
    );
}

#[cfg(unix)]
#[test]
fn a_folder_without_permission_is_told_to_whoever_has_none() {
    use std::os::unix::fs::PermissionsExt;
    let bench = tones_bench();
    bench.write("out/keep", "");
    std::fs::set_permissions(bench.path("out"), std::fs::Permissions::from_mode(0o555)).unwrap();
    let planned = bench.plan(TONES);
    // The superuser may write whatever the mode says, and then the plan is right to go on.
    if std::fs::write(bench.path("out/probe"), b"").is_ok() {
        assert!(planned.is_ok());
    } else {
        let told = planned.unwrap_err();
        assert!(told.starts_with("job.yaml:4:17: cannot write to out: permission denied."), "{told}");
    }
    std::fs::set_permissions(bench.path("out"), std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn an_absolute_path_cannot_be_moved() {
    let bench = tones_bench();
    let job = TONES.replace("out/{tone}", "/tmp/{tone}");
    assert_eq!(
        bench.plan(&job).unwrap_err(),
        "job.yaml:4:17: the path is absolute, so --out cannot move it. Make it relative, or leave --out away."
    );
}

#[test]
fn every_mistake_of_a_session_points_at_its_word() {
    for (from, to, message) in [
        (
            "track: Lead",
            "track: Laed",
            "4:44: song.mid: there is no track \"Laed\"; the file has 0 \"Tempo\" (0 notes), 1 \"Lead\" (channel 2, 1 note). Did you mean \"Lead\"?",
        ),
        (
            "track: Lead",
            "track: 7",
            "4:44: song.mid has no track 7. Its tracks are 0 \"Tempo\" (0 notes), 1 \"Lead\" (channel 2, 1 note).",
        ),
        (
            "track: Lead",
            "track: 0",
            "4:44: song.mid has no notes in track 0. Its tracks are 0 \"Tempo\" (0 notes), 1 \"Lead\" (channel 2, 1 note).",
        ),
        (
            "track: Lead",
            "channel: 9",
            "4:46: song.mid has no notes on channel 9. Its tracks are 0 \"Tempo\" (0 notes), 1 \"Lead\" (channel 2, 1 note).",
        ),
        (
            "keys.yaml",
            "tones/clean.yaml",
            "tones/clean.yaml:2:11: gain takes no notes, and track lead is made of notes. Put an instrument first.",
        ),
        ("di/mono.wav", "di/momo.wav", "5:19: there is no recording di/momo.wav. Did you mean \"mono.wav\"?"),
        (
            "di/mono.wav",
            "audio/mono.wav",
            "5:19: there is no recording audio/mono.wav. There is no folder audio either. Paths start at this file's folder.",
        ),
        (
            "tracks:\n",
            "tempo: { midi: no.mid }\n  tracks:\n",
            "3:18: there is no MIDI file no.mid. Paths start at this file's folder.",
        ),
    ] {
        let bench = session_bench();
        let told = bench.plan(&SESSION.replacen(from, to, 1)).unwrap_err();
        let expected = if message.starts_with("tones/") { message.to_owned() } else { format!("job.yaml:{message}") };
        assert_eq!(told, expected, "for {to}");
    }
}

/// What is told of a session of these tracks.
fn told_of(tracks: &str) -> Result<Planned, String> {
    let bench = session_bench();
    bench.wav("di/none.wav", 1, 0);
    bench.midi("tempo.mid", &["Tempo"]);
    bench.write_bytes("never.mid", b"MThd\0\0\0\x06\0\0\0\x01\0\x60MTrk\0\0\0\x08\0\x90\x3c\x40\0\xff\x2f\0");
    bench.plan(&format!("tonemill: 1\nsession:\n  tracks:\n{tracks}output: {{ path: o.wav }}\n"))
}

#[test]
fn what_lies_beyond_a_day_is_told_where_it_is_written() {
    for (track, message) in [
        ("offset: 86401s", "4:38: 86401s is later than a day, the most that is rendered."),
        (
            "offset: 18446744073709551615f",
            "4:38: 18446744073709551615f is later than a day, the most that is rendered.",
        ),
        (
            "automation: { gain: [[0s, 0, linear], [9999999999s, 1]] }",
            "4:69: 9999999999s is later than a day, the most that is rendered.",
        ),
        (
            "offset: 86400s",
            "4:5: what track a plays ends 86400 s into the music, and no more than a day is rendered. Correct its offset, its tempo or its file.",
        ),
    ] {
        let told = told_of(&format!("    a: {{ audio: di/mono.wav, {track} }}\n")).unwrap_err();
        assert_eq!(told, format!("job.yaml:{message}"), "for {track}");
    }
}

#[test]
fn what_a_curve_cannot_do_is_told_at_its_point() {
    for (lanes, message) in [
        (
            "gain: [[1s, 0], [0.5s, 1]]",
            "4:73: point 1 at frame 24000 stands in front of the point before it, at frame 48000. Sort the points.",
        ),
        ("sends.x: [[0s, 0]]", "4:56: there is no send to \"x\" here. Write sends: { x: 0 dB } too."),
        (
            "Gain: [[0s, 1]], 1/Gain: [[1s, 1]]",
            "4:73: \"Gain\" of one device is moved by two curves. Remove one of the two.",
        ),
    ] {
        let track = format!("    a: {{ audio: di/mono.wav, tone: gain, automation: {{ {lanes} }} }}\n");
        assert_eq!(told_of(&track).unwrap_err(), format!("job.yaml:{message}"), "for {lanes}");
    }
}

#[test]
fn what_is_for_another_kind_of_track_is_told() {
    for (track, message) in [
        (
            "audio: di/mono.wav, controllers: { 7: Gain }",
            "4:30: track a has no notes, and so no MIDI controllers. Write automation instead.",
        ),
        (
            "midi: song.mid, instrument: keys.yaml, channels: left",
            "4:49: channels are those of a recording, and track a has none. Of notes, write midi: { file: song.mid, channel: 10 }.",
        ),
        (
            "midi: { file: song.mid, transpose: 127 }, instrument: keys.yaml",
            "4:24: no note of song.mid is left: 1 of them is transposed beyond all keys. Correct transpose or keys.",
        ),
        (
            "midi: { file: song.mid, keys: { 36: 35 }, unmapped: drop }, instrument: keys.yaml",
            "4:24: no note of song.mid is left: 1 of them is not named by keys, and unmapped drops those. Correct transpose or keys.",
        ),
        (
            "midi: { file: song.mid, transpose: 1.5 }, instrument: keys.yaml",
            "4:45: transpose = 1.5 is not a whole number of semitones. Write one such as -12.",
        ),
    ] {
        assert_eq!(
            told_of(&format!("    a: {{ {track} }}\n")).unwrap_err(),
            format!("job.yaml:{message}"),
            "for {track}"
        );
    }
}

#[test]
fn an_optional_track_whose_file_holds_nothing_is_left_out() {
    let with =
        |track: &str| told_of(&format!("    a: {{ audio: di/mono.wav }}\n    b: {{ {track}, optional: true }}\n"));
    for track in ["audio: di/none.wav", "midi: tempo.mid, instrument: keys.yaml", "midi: no.mid, instrument: keys.yaml"]
    {
        let plan = with(track).unwrap();
        assert_eq!(plan.header.warnings, ["job: left out, with nothing to play: b."], "for {track}");
        assert_eq!(plan.tasks[0].outputs.len(), 1);
    }
    assert!(with("audio: job.yaml").unwrap_err().contains("cannot use"), "what is damaged is told all the same");
}

#[test]
fn an_output_that_the_instrument_does_not_have_is_told() {
    let tracks = "    k: { midi: song.mid, instrument: keys.yaml }\n    b: { from: { track: k, output: 7 } }\n";
    assert_eq!(
        told_of(tracks).unwrap_err(),
        "job.yaml:5:5: track b is output 7 of \"k\", and there is none. Its instrument has one output alone."
    );
}

#[test]
fn a_value_that_a_song_lacks_is_told_once() {
    let job = "tonemill: 1\nsongs: [{ name: x }]\nsession: { tracks: { a: { audio: di/mono.wav, gain: '{gain}' } } }\noutput: { path: '{song}.wav' }\n";
    assert_eq!(session_bench().plan(job).unwrap_err(), "job.yaml:3:53: song x has no value {gain}. It has name, song.");
}

#[test]
fn a_session_that_lasts_no_time_is_told() {
    let track = "    a: { midi: never.mid, instrument: keys.yaml }\n";
    assert_eq!(
        told_of(track).unwrap_err(),
        "job.yaml:3:3: job: what its tracks play ends where it begins, which leaves nothing to hear. \
         Say how long it is: output: { length: { tail: 5 s } }."
    );
}

#[test]
fn a_session_without_a_track_is_told_once() {
    let told = session_bench().plan("tonemill: 1\nsession: { tracks: {} }\noutput: { path: o.wav }\n").unwrap_err();
    assert_eq!(told, "job.yaml:2:12: the session has no track. Write tracks: { NAME: { audio: FILE } }.");
}

#[test]
fn a_tempo_that_cannot_be_followed_is_told_at_the_change() {
    let job = "tonemill: 1\nsession:\n  tempo: [[1.1, 120], [3.1, 90], [2.1, 60]]\n  tracks: { a: { audio: di/mono.wav } }\noutput: { path: o.wav }\n";
    let told = session_bench().plan(job).unwrap_err();
    assert!(told.starts_with("job.yaml:3:35: the tempo cannot be followed: the tempo change at 2.1:"), "{told}");
}

#[test]
fn tempo_needs_one_file() {
    let bench = session_bench();
    bench.midi("other.mid", &["A"]);
    let two = "tonemill: 1\nsession:\n  tracks:\n    a: { midi: song.mid, instrument: keys.yaml }\n    b: { midi: other.mid, instrument: keys.yaml }\noutput: { path: o.wav }\n";
    assert_eq!(
        bench.plan(two).unwrap_err(),
        "job.yaml:5:16: the tracks use several MIDI files, song.mid and other.mid. \
         Say which one's tempo counts: tempo: { midi: FILE }, or write a number."
    );
    assert!(bench.plan(&two.replace("session:\n", "session:\n  tempo: 90\n")).is_ok());
    let none =
        "tonemill: 1\nsession:\n  tempo: from_midi\n  tracks: { a: { audio: di/mono.wav } }\noutput: { path: o.wav }\n";
    assert_eq!(
        bench.plan(none).unwrap_err(),
        "job.yaml:3:10: tempo = from_midi, and no track has notes. Write quarter notes a minute, such as tempo: 120."
    );
}

#[test]
fn too_many_channels_for_a_mix_are_told() {
    let bench = session_bench();
    bench.wav("di/stereo.wav", 6, 10);
    assert_eq!(
        bench.plan(SESSION).unwrap_err(),
        "job.yaml:6:5: track vox ends in 6 channels, and a mix takes 1 or 2. Fold it down with a device of its chain."
    );
}

#[test]
fn mistakes_of_job_presets_inputs_and_devices_come_together_and_nothing_stops_at_the_first() {
    let bench = tones_bench();
    bench.write("di/bad.wav", "");
    bench.write("tones/clean.yaml", "tonemill: 1\nchian: []\nchain: [{ gain: 99 }, { clap: Nope }]\n");
    bench.write("tones/loud.yaml", "tonemill: 1\nchain: [{ gian: 1 }]\n");
    let told = bench.plan(&format!("{TONES}sed: 1\n")).unwrap_err();
    let lines: Vec<&str> = told.lines().collect();
    let expected = [
        "job.yaml:2:9: cannot use di/bad.wav: it is empty",
        "job.yaml:5:1: a job has no field \"sed\". Did you mean \"seed\"?",
        "tones/clean.yaml:2:1: a preset has no field \"chian\". Did you mean \"chain\"?",
        "tones/clean.yaml:3:17: Gain = 99 of gain is outside -60..24",
        "tones/clean.yaml:3:31: no CLAP plugin is called \"Nope\".",
        "tones/loud.yaml:2:11: this names no device. Did you mean \"gain\"?",
    ];
    assert_eq!(lines.len(), expected.len(), "{told}");
    for (line, start) in lines.iter().zip(expected) {
        assert!(line.starts_with(start), "{line}");
    }
}

#[test]
fn a_job_with_mistakes_leaves_nothing_behind() {
    let bench = Bench::new();
    bench.write("tones/a.yaml", "tonemill: 1\nchain: []\n");
    assert!(bench.plan(TONES).is_err());
    assert!(!bench.path("out").exists());
}
