//! Real VST3 plugins: Debian 13's, through the real binary, against what they are as CLAP and against what they should do.

use std::collections::BTreeMap;

use tonemill_tests::{Place, Trixie, files_below, read_wav, real};

/// Every plugin of the DPF, Zam and Dragonfly packages that exists as CLAP and VST3, with settings that are heard. Where
/// there are none, the plugin has no parameter that can be set, or it is said why.
const EFFECTS: [(&str, &str); 34] = [
    ("3BandEQ", "Low: -12, Mid: 12, Master: -6"),
    ("3BandSplitter", "Mid: 12, Master: -12"),
    // Its level follows a second input, which has nothing here: it opens at a low threshold only.
    ("AmplitudeImposer", "Depth: 0.5, Thres: 0.1"),
    ("CycleShifter", "New Cycle Vol: 0.75, Input Vol: 0.25"),
    ("DragonflyEarlyReflections", "Dry Level: 25, Wet Level: 75, Size: 35"),
    ("DragonflyHallReverb", "Dry Level: 50, Late Level: 25, Size: 22.5, Decay: 5.05"),
    ("DragonflyPlateReverb", "Wet Level: 75, Predelay: 50, Dampen: 12250"),
    ("DragonflyRoomReverb", "Early Level: 50, Size: 14, Decay: 5.05"),
    ("MVerb", "Damping: 75, Size: 76.25, Mix: 50"),
    ("MaBitcrush", "resolution: 4.75"),
    ("MaFreeverb", "fb2: 0.5, damp: 0.75, spread: 300"),
    ("MaGigaverb", "revtime: 270.025, roomsize: 150.05, dry: 0.25"),
    ("MaPitchshift", "blur: 0.1875, ratio: 3.0625"),
    ("PingPongPan", "Frequency: 50, Width: 50"),
    ("ProM", ""),
    ("SoulForce", "Shape: 0.25, FBack: 0.25"),
    ("ZaMaximX2", "Release: 50.5, Output Ceiling: -7.5, Threshold: -15"),
    ("ZaMultiComp", "Attack1: 25.075, Ratio2: 5.75, Threshold 3: -30, Makeup 1: 22.5"),
    ("ZaMultiCompX2", "Attack1: 25.075, Ratio2: 10.5, Threshold 3: -45, Makeup 1: 22.5"),
    ("ZamAutoSat", ""),
    ("ZamComp", "Ratio: 15.25, Threshold: -40, Makeup: 22.5"),
    ("ZamCompX2", "Ratio: 15.25, Threshold: -20, Makeup: 15"),
    ("ZamDelay", "Time: 100.25, Output Gain: -15, Feedback: 0.5"),
    ("ZamDynamicEQ", "Ratio: 3, Threshold: -20, Target width: 3"),
    // At its defaults it gives NaN, in either format.
    ("ZamEQ2", "Boost/Cut 1: 3, Boost/Cut 2: -3, Boost/Cut L: 2, Boost/Cut H: -2"),
    ("ZamGEQ31", "32Hz: 6, 316Hz: -6, 1257Hz: 6"),
    ("ZamGate", "Threshold: -50, Makeup: 15"),
    ("ZamGateX2", "Threshold: -50, Makeup: -15"),
    ("ZamGrains", "Output Gain: -10, Grain Speed: 5.075"),
    // What it does with a direction depends on when it hears of it: before it is activated, as in CLAP, or after.
    ("ZamHeadX2", ""),
    ("ZamPhono", ""),
    ("ZamTube", "Tube Drive: 8.275, Bass: 2.5, Treble: 7.5"),
    ("ZamVerb", "Wet / Dry: 75"),
    ("glBars", ""),
];
const INSTRUMENTS: [(&str, &str); 2] = [("Kars", ""), ("Nekobi", "Tuning: 3, Cutoff: 60")];

/// A MIDI file of one track at 120 beats a minute: messages with the tick of 1/960 s that each is at.
fn midi(messages: &[(u16, &[u8])]) -> Vec<u8> {
    let mut track = Vec::new();
    let mut last = 0;
    for (tick, bytes) in messages {
        let delta = tick - last;
        last = *tick;
        track.extend([0x80 | (delta >> 7) as u8, delta as u8 & 127]);
        track.extend(*bytes);
    }
    track.extend([0, 0xff, 0x2f, 0]);
    tonemill_tests::midi(0, 480, &[&track])
}

/// The first frame at which any channel is louder than this.
fn onset(channels: &[Vec<f32>], level: f32) -> Option<usize> {
    channels.iter().filter_map(|channel| channel.iter().position(|sample| sample.abs() > level)).min()
}

#[test]
fn thirty_five_of_thirty_six_plugins_give_the_same_bits_as_clap_and_as_vst3() {
    let place = Place::new();
    let (Some(trixie), Some(music)) = (Trixie::new(&place), real("TONEMILL_REAL_MUSIC")) else { return };
    let both = |plugins: &[(&str, &str)], line: &dyn Fn(&str, &str, &str) -> String| -> String {
        let formats = ["clap", "vst3"];
        plugins.iter().flat_map(|(name, params)| formats.map(|format| line(name, format, params))).collect()
    };
    let tones = both(&EFFECTS, &|name, format, params| {
        let device = format!("{{ {format}: {name}.{format}, channels: duplicate, params: {{ {params} }} }}");
        format!("  - {{ name: {name}-{format}, chain: [{device}] }}\n")
    });
    let guitar = music.join("guitar/guit_harmonics.flac");
    let inputs = format!("inputs: {{ di: {{ files: \"{}\" }} }}\n", guitar.display());
    let output = "output: { path: \"out/{tone}.wav\", bits: 32f, length: 2 s }\n";
    place.write("effects.yaml", format!("tonemill: 1\n{inputs}tones:\n{tones}{output}"));
    trixie.run(&place, &["render", "effects.yaml"]).expect(0);
    let song = music.join("midi/5432gone_redfarn.mid");
    let tracks = both(&INSTRUMENTS, &|name, format, params| {
        let midi = format!("{{ file: \"{}\", track: Bass Guitar }}", song.display());
        let device = format!("{{ {format}: {name}.{format}, params: {{ {params} }} }}");
        format!("    {name}-{format}: {{ midi: {midi}, instrument: {device} }}\n")
    });
    let output = "output: { path: \"out/{name}.wav\", bits: 32f, length: 2 s, deliver: [tracks] }\n";
    place.write("instruments.yaml", format!("tonemill: 1\nsession:\n  tracks:\n{tracks}{output}"));
    trixie.run(&place, &["render", "instruments.yaml"]).expect(0);

    let files = place.sound_files("out");
    assert_eq!(files.len(), 72);
    let sound = |name: &str, format: &str| {
        let file = |stem: String| files.get(std::path::Path::new(&stem));
        let found = file(format!("{name}-{format}.wav")).or_else(|| file(format!("track-{name}-{format}.wav")));
        found.unwrap_or_else(|| panic!("{name} as {format}"))
    };
    let names = EFFECTS.iter().chain(&INSTRUMENTS).map(|(name, _)| *name);
    let differing: Vec<&str> = names.filter(|name| sound(name, "clap") != sound(name, "vst3")).collect();
    assert_eq!(differing, ["Kars"], "Kars draws each instance at random");
    let manifest = place.manifest("out/manifest.jsonl");
    let silent: Vec<_> =
        manifest.iter().filter(|line| line["file"]["silent"] == true).map(|line| &line["path"]).collect();
    assert!(silent.is_empty(), "{silent:?}");
}

/// Plugins that tell their latency, or ask for a restart, only after their first block.
const UNSETTLED: [(&str, &str, u64); 5] = [
    ("clap", "lsp-plugins.clap, id: in.lsp-plug.limiter_stereo", 240),
    ("vst3", "lsp-plugins.vst3, id: Limiter Stereo", 240),
    ("vst3", "lsp-plugins.vst3, id: Loudness Compensator Stereo", 4096),
    ("clap", "ZaMaximX2.clap, params: { Threshold: -1 }", 480),
    ("vst3", "ZaMaximX2.vst3, params: { Threshold: -1 }", 480),
];

#[test]
fn plugins_that_know_their_latency_only_after_a_block_lose_nothing_and_are_on_time() {
    let place = Place::new();
    let Some(trixie) = Trixie::new(&place) else { return };
    // Clicks from the very first frame on, too soft for any limiter.
    let mut click = vec![0.0; 24_000];
    for frame in [0, 31, 511, 512, 700, 5000, 12_000] {
        click[frame] = 0.01;
    }
    place.wav("clicks.wav", 48_000, &[click.clone(), click.clone()]);
    let tone = |(index, (format, device, _)): (usize, &(&str, &str, u64))| {
        format!("  - {{ name: t{index}, chain: [{{ {format}: {device} }}] }}\n")
    };
    let tones: String = UNSETTLED.iter().enumerate().map(tone).collect();
    let rest = "inputs: { di: { files: clicks.wav } }\noutput: { path: \"out/{tone}.wav\", bits: 32f }\n";
    place.write("job.yaml", format!("tonemill: 1\ntones:\n{tones}{rest}"));
    let ran = trixie.run(&place, &["render", "job.yaml"]).expect(0);
    assert!(!ran.err.contains("while rendering") && !ran.err.contains("restarted"), "{}", ran.err);
    let manifest = place.manifest("out/manifest.jsonl");
    for (index, (format, device, latency)) in UNSETTLED.iter().enumerate() {
        let name = format!("t{index}.wav");
        let sound = read_wav(&place.path(&format!("out/{name}")));
        let highest = |from: usize, to: usize| {
            let loud = |frame: &usize| sound[0][*frame].abs();
            (from..to).max_by(|a, b| loud(a).total_cmp(&loud(b))).unwrap()
        };
        for (from, click, to) in
            [(0, 0, 16), (16, 31, 100), (600, 700, 1000), (4500, 5000, 5500), (11_000, 12_000, 13_000)]
        {
            assert_eq!(highest(from, to), click, "{format}: {device}");
        }
        // All clicks come out alike, the first one too.
        assert!((sound[0][0] / sound[0][12_000] - 1.0).abs() < 0.01, "{format}: {device}: {}", sound[0][0]);
        let line = manifest.iter().find(|line| line["file"]["path"].as_str().unwrap().ends_with(&name)).unwrap();
        assert_eq!(line["file"]["latency_removed"], *latency, "{format}: {device}");
    }
}

/// The instruments that play the song's first voice, and whether two renders of each are the same.
const PLAYERS: [(&str, &str, bool); 5] = [
    ("piano", "{ vst3: mda-vst3.vst3, id: mda Piano }", true),
    ("epiano", "{ vst3: mda-vst3.vst3, id: 5653544D4441656D646120657069616E }", true),
    ("jx10", "{ vst3: mda-vst3.vst3, id: mda JX10 }", true),
    ("dx10", "{ vst3: mda-vst3.vst3, id: mda DX10 }", true),
    ("expression", "{ vst3: noteexpressionsynth.vst3, id: Note Expression Synth }", false),
];

#[test]
fn the_sdks_instruments_play_a_real_song_where_its_notes_are() {
    let place = Place::new();
    let (Some(trixie), Some(music)) = (Trixie::new(&place), real("TONEMILL_REAL_MUSIC")) else { return };
    let song = music.join("midi/5432gone_redfarn.mid");
    let track = |(name, device, _): &(&str, &str, bool)| {
        let midi = format!("{{ file: \"{}\", track: Alto }}", song.display());
        format!("    {name}: {{ midi: {midi}, instrument: {device}, gain: -12 dB }}\n")
    };
    let tracks: String = PLAYERS.iter().map(track).collect();
    // mda's synthesizers work in slices of 16 frames and lose every note at the end of one (`event.sampleOffset <=
    // data.numSamples` in mdaBaseProcessor.cpp of SDK 3.7). In blocks of 16 frames no note is there.
    let audio = "audio: { sample_rate: 48000, block_size: 16 }";
    for folder in ["one", "two"] {
        let output = format!("output: {{ path: \"{folder}/{{name}}.wav\", bits: 24, length: 4 s, deliver: [tracks] }}");
        place
            .write(&format!("{folder}.yaml"), format!("tonemill: 1\n{audio}\nsession:\n  tracks:\n{tracks}{output}\n"));
        trixie.run(&place, &["render", &format!("{folder}.yaml")]).expect(0);
    }
    // The track begins with a chord in tick 192 of 256 a beat, at 120 beats a minute.
    let first = 18_000;
    for (name, _, repeats) in PLAYERS {
        let file = format!("track-{name}.wav");
        let sound = read_wav(&place.path(&format!("one/{file}")));
        let onset = onset(&sound, 1e-4).unwrap_or_else(|| panic!("{name} is silent"));
        assert!((first..first + 240).contains(&onset), "{name} begins at frame {onset}, its first note at {first}");
        let bytes = |folder: &str| std::fs::read(place.path(&format!("{folder}/{file}"))).unwrap();
        assert!(!repeats || bytes("one") == bytes("two"), "{name} repeats itself");
    }
    for line in place.manifest("one/manifest.jsonl") {
        assert_eq!(line["file"]["silent"], false, "{}", line["path"]);
        assert_eq!(line["file"]["clipped_samples"], 0, "{}", line["path"]);
    }
}

#[test]
fn a_program_is_chosen_by_its_name_or_by_midi_and_heard() {
    let place = Place::new();
    let Some(trixie) = Trixie::new(&place) else { return };
    let notes: [(u16, &[u8]); 2] = [(961, &[0x90, 60, 100]), (1441, &[0x80, 60, 0])];
    place.write("plain.mid", midi(&notes));
    let mut with_program: Vec<(u16, &[u8])> = vec![(480, &[0xc0, 51])];
    with_program.extend(notes);
    place.write("program.mid", midi(&with_program));
    let mut sounds = BTreeMap::new();
    for (name, file, params) in [
        ("default", "plain.mid", ""),
        ("named", "plain.mid", "Factory Presets: Squelchy Frog"),
        ("midi", "program.mid", ""),
    ] {
        // Each in a process of its own, so that nothing goes on from one instance to the next.
        let instrument = format!("{{ vst3: mda-vst3.vst3, id: mda JX10, params: {{ {params} }} }}");
        let track = format!("{{ midi: {file}, instrument: {instrument} }}");
        let output = format!("output: {{ path: \"out/{name}.wav\", bits: 32f, length: 2 s }}");
        let audio = "audio: { sample_rate: 48000, block_size: 16 }";
        place.write(
            "job.yaml",
            format!("tonemill: 1\n{audio}\nsession:\n  tempo: 120\n  tracks:\n    jx: {track}\n{output}\n"),
        );
        trixie.run(&place, &["render", "job.yaml"]).expect(0);
        sounds.insert(name, read_wav(&place.path(&format!("out/{name}.wav"))));
    }
    assert!(sounds["named"] != sounds["default"], "the program is heard");
    assert!(sounds["named"] == sounds["midi"], "its name and its number mean the same");
}

/// Renders one tone a device out of two seconds with a click of both channels, and gives its samples by the tone's name.
fn clicks(place: &Place, trixie: &Trixie, devices: &[(&str, &str)]) -> BTreeMap<String, Vec<Vec<f32>>> {
    let mut click = vec![0.0; 96_000];
    click[4800..4864].fill(0.5);
    place.wav("click.wav", 48_000, &[click.clone(), click]);
    let tone = |(name, device): &(&str, &str)| format!("  - {{ name: {name}, chain: [{{ {device} }}] }}\n");
    let tones: String = devices.iter().map(tone).collect();
    let output = "output: { path: \"out/{tone}.wav\", bits: 32f }\n";
    place.write("job.yaml", format!("tonemill: 1\ninputs: {{ di: {{ files: click.wav }} }}\ntones:\n{tones}{output}"));
    trixie.run(place, &["render", "job.yaml"]).expect(0);
    let files = files_below(&place.path("out")).into_iter().filter(|file| file.extension().is_some_and(|e| e == "wav"));
    files.map(|file| (file.file_stem().unwrap().to_str().unwrap().to_owned(), read_wav(&file))).collect()
}

#[test]
fn the_sdks_examples_do_what_they_show() {
    let place = Place::new();
    let Some(trixie) = Trixie::new(&place) else { return };
    let sounds = clicks(
        &place,
        &trixie,
        &[
            ("program-1", "vst3: programchange.vst3, params: { Bank: Prog 1 }"),
            ("program-50", "vst3: programchange.vst3, params: { Bank: Prog 50 }"),
            ("program-100", "vst3: programchange.vst3, params: { Bank: Prog 100 }"),
            ("bank-1", "vst3: multiple-program-changes.vst3, params: { Bank 1: Prog 128 }"),
            ("prefetchable", "vst3: prefetchable.vst3, params: { Prefetch Mode: Is Not Yet }"),
            ("legacy", "vst3: legacymidiccout.vst3"),
            ("left", "vst3: panner.vst3, channels: downmix, params: { Pan: 0 }"),
            ("centre", "vst3: panner.vst3, channels: downmix, params: { Pan: C }"),
            ("named", "vst3: utf16name.vst3, id: UTF16Name öüäéèê-やあ-مرحبًا"),
            ("gain", "vst3: again.vst3, id: AGain VST3, params: { Gain: -6 dB }"),
        ],
    );
    let peaks = |name: &str| -> Vec<f32> {
        sounds[name].iter().map(|channel| channel.iter().fold(0.0, |most, sample| sample.abs().max(most))).collect()
    };
    let near = |name: &str, wanted: [f32; 2]| {
        let peaks = peaks(name);
        assert!(peaks.iter().zip(wanted).all(|(peak, wanted)| (peak - wanted).abs() < 1e-4), "{name}: {peaks:?}");
    };
    // The program's number is the gain.
    near("program-1", [0.0; 2]);
    near("program-50", [0.5 * 49.0 / 99.0; 2]);
    near("program-100", [0.5; 2]);
    // One of sixteen programs, which add up.
    near("bank-1", [0.5 / 16.0; 2]);
    near("prefetchable", [0.0625; 2]);
    near("legacy", [0.5; 2]);
    near("left", [0.5, 0.0]);
    near("centre", [0.5 * 0.5f32.sqrt(); 2]);
    near("gain", [0.5 * 10f32.powf(-0.3); 2]);
    // It is there to be named, and gives silence.
    near("named", [0.0; 2]);
    let manifest = place.manifest("out/manifest.jsonl");
    let line = manifest.iter().find(|line| line["path"] == "program-50.wav").unwrap();
    assert_eq!(line["devices"][0]["settings"][0]["value"], 49.0);
    assert_eq!(line["devices"][0]["settings"][0]["text"], "Prog 50");
}

#[test]
fn an_echo_follows_the_tempo() {
    let place = Place::new();
    let Some(trixie) = Trixie::new(&place) else { return };
    let mut click = vec![0.0; 96_000];
    click[4800] = 0.5;
    place.wav("click.wav", 48_000, &[click.clone(), click]);
    for (tempo, eighth) in [(120, 12_000), (90, 16_000)] {
        let track = "{ audio: click.wav, tone: [{ vst3: syncdelay.vst3, params: { Delay: 1/8 } }] }";
        let output = format!("output: {{ path: \"out/{tempo}.wav\", bits: 32f, length: match }}");
        place.write(
            "job.yaml",
            format!("tonemill: 1\nsession:\n  tempo: {tempo}\n  tracks:\n    t: {track}\n{output}\n"),
        );
        trixie.run(&place, &["render", "job.yaml"]).expect(0);
        assert_eq!(onset(&read_wav(&place.path(&format!("out/{tempo}.wav"))), 0.1), Some(4800 + eighth), "{tempo}");
    }
}

#[test]
fn a_plugin_that_does_not_load_is_named_with_its_fault_before_anything_renders() {
    let place = Place::new();
    let Some(trixie) = Trixie::new(&place) else { return };
    place.wav("click.wav", 48_000, &vec![vec![0.1; 4800]; 2]);
    let job = |tones: &str| {
        let output = "output: { path: \"out/{tone}.wav\" }";
        place.write(
            "job.yaml",
            format!("tonemill: 1\ninputs: {{ di: {{ files: click.wav }} }}\ntones:\n{tones}{output}\n"),
        );
        trixie.run(&place, &["render", "job.yaml"])
    };
    let healthy = "  - { name: healthy, chain: [{ vst3: adelay.vst3 }] }\n";
    let broken = "  - { name: broken, chain: [{ vst3: dataexchange.vst3 }] }\n";
    let symbol = "_ZN9Steinberg3Vst19WaveformViewManager26createNanoVGViewAndContextEv";
    job(&format!("{healthy}{broken}")).expect(2).says(&[
        "job.yaml:5:",
        "dataexchange.vst3",
        "needs the symbol",
        symbol,
    ]);
    assert!(!place.path("out/healthy.wav").exists(), "nothing is rendered beside a mistake");
    job(healthy).expect(0);
    assert!(place.path("out/healthy.wav").exists());
    // A file of several plugins wants to be told which.
    trixie.run(&place, &["plugins", "show", "vst3:again-sampleaccurate.vst3"]).expect(2).says(&[
        "the file holds 2 plugins",
        "AGain Sample Accurate",
        "Advanced Tutorial",
    ]);
}
