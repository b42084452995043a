//! Sessions through the real binary: lined up to the frame, automated, keyed, delivered in one pass, song by song.

use std::collections::BTreeMap;
use std::path::Path;

use tonemill_tests::{Place, fixtures, loud, midi, read_wav, repository, sine};

const RATE: u32 = 48_000;

/// The place with a recording of one impulse at a frame.
fn impulse(place: &Place, name: &str, frames: usize, at: usize) {
    let mut samples = vec![0.0; frames];
    samples[at] = 0.5;
    place.wav(name, RATE, &[samples]);
}

fn job(session: &str, output: &str) -> String {
    format!("tonemill: 1\nname: mixed\nsession:\n{session}\noutput:\n{output}\n")
}

const FLOAT: &str = "  path: \"out/{name}.wav\"\n  bits: 32f\n  collision: overwrite\n";

#[test]
fn dry_and_latent_branches_sends_and_sidechains_meet_at_one_frame() {
    let place = Place::new();
    impulse(&place, "a.wav", 4800, 1000);
    impulse(&place, "b.wav", 4800, 1000);
    let latent = format!(
        "{{ clap: {}, id: org.tonemill.fixture.latency, channels: duplicate, params: {{ Frames: 480 }} }}",
        fixtures().display()
    );
    // The bus is late by its device, one track by its own, and the key of the bus by both.
    let session = format!(
        "  tracks:\n    a: {{ audio: a.wav, sends: {{ late: {{ gain: -6 dB, at: pre }} }}, pan: -100 }}\n    \
         b: {{ audio: b.wav, tone: [{latent}], bus: late }}\n  \
         busses:\n    late: {{ chain: [{latent}, {{ compressor: {{ Threshold: 0, Ratio: 1 }}, sidechain: a }}] }}"
    );
    place.write("job.yaml", job(&session, &format!("{FLOAT}  deliver: [mix, premaster, stems, tracks, dry]")));
    place.run(&["render", "job.yaml"]).expect(0);
    for line in place.manifest("out/manifest.jsonl") {
        let path = line["path"].as_str().unwrap();
        let sound = read_wav(&place.path("out").join(path));
        let heard: Vec<usize> = sound.iter().flat_map(|side| loud(side)).collect();
        assert!(!heard.is_empty() && heard.iter().all(|n| *n == 1000), "{path}: {heard:?}");
        assert!(line["stems_differ"].as_f64().unwrap() <= 1e-6);
    }
}

#[test]
fn automation_lands_on_its_frame_whatever_the_blocks_are() {
    let place = Place::new();
    place.wav("dc.wav", RATE, &[vec![0.5; 9600], vec![0.5; 9600]]);
    let session = "  tempo: 120\n  tracks:\n    t:\n      audio: dc.wav\n      tone: [{ gain: 0 dB }]\n      automation:\n        \
                   gain: [[1000f, 0 dB, hold], [3001f, -6 dB]]\n        mute: [[5003f, true], [6007f, false]]\n        \
                   Gain: [[7001f, 0, hold], [7009f, -20]]";
    let mut renders = Vec::new();
    for block in [32, 64, 512, 4096] {
        let text = job(session, FLOAT).replace("name: mixed", &format!("audio: {{ block_size: {block} }}"));
        place.write("job.yaml", text);
        place.run(&["render", "job.yaml"]).expect(0);
        renders.push(read_wav(&place.path("out/mix.wav")));
    }
    let [left, _] = renders[0].as_slice() else { panic!("a mix has two channels") };
    let half = 0.5 * 10f32.powf(-6.0 / 20.0);
    assert_eq!((left[3000], left[5002]), (0.5, half));
    assert!((left[3001] - half).abs() < 1e-7 && left[5003] == 0.0 && left[6006] == 0.0 && left[6007] == half);
    assert_eq!(left[7008], half, "the parameter moves at its frame, not before");
    assert!(left[7009] < half && left[9599] < 0.11 * half, "{} {}", left[7009], left[9599]);
    for other in &renders[1..] {
        assert_eq!(*other, renders[0]);
    }
}

#[test]
fn a_bypassed_track_equals_its_recording_bit_for_bit() {
    let place = Place::new();
    let (left, right) = (sine(RATE, 441.0, 0.7, 5000), sine(RATE, 997.0, 0.3, 5000));
    place.wav("in.wav", RATE, &[left.clone(), right.clone()]);
    place.write("job.yaml", job("  tracks: { t: { audio: in.wav } }", FLOAT));
    place.run(&["render", "job.yaml"]).expect(0);
    assert_eq!(read_wav(&place.path("out/mix.wav")), [left, right]);
}

#[test]
fn pan_laws_and_polarity_have_their_closed_forms() {
    let place = Place::new();
    place.wav("mono.wav", RATE, &[vec![0.5; 100]]);
    for (law, pan, expected) in [
        ("-3 dB", 0.0, [0.5f64.sqrt(), 0.5f64.sqrt()]),
        ("-4.5 dB", 0.0, [0.5f64.powf(0.75), 0.5f64.powf(0.75)]),
        ("-6 dB", 50.0, [0.25, 0.75]),
        ("0 dB", 50.0, [0.5, 1.0]),
        ("balance", -100.0, [1.0, 0.0]),
    ] {
        let track = format!("  tracks: {{ t: {{ audio: mono.wav, pan: {pan}, pan_law: {law}, invert: true }} }}");
        place.write("job.yaml", job(&track, FLOAT));
        place.run(&["render", "job.yaml"]).expect(0);
        for (side, expected) in read_wav(&place.path("out/mix.wav")).iter().zip(expected) {
            assert!((f64::from(side[50]) + 0.5 * expected).abs() < 1e-7, "{law} at {pan}: {}", side[50]);
        }
    }
}

#[test]
fn a_key_turns_down_a_bus_where_it_sounds() {
    let place = Place::new();
    place.wav("pad.wav", RATE, &[vec![0.1; 48_000]]);
    let mut kick = vec![0.0; 48_000];
    kick[24_000..30_000].fill(0.9);
    place.wav("kick.wav", RATE, &[kick]);
    let session = "  tracks:\n    kick: { audio: kick.wav, gain: -120 dB }\n    pad: { audio: pad.wav, bus: band }\n  busses:\n    \
                   band: { chain: [{ compressor: { Threshold: -30, Ratio: 10, Attack: 1, Release: 20 }, \
                   sidechain: { from: kick, at: pre } }] }";
    place.write("job.yaml", job(session, &format!("{FLOAT}  deliver: [stems]")));
    place.run(&["render", "job.yaml"]).expect(0);
    let band = read_wav(&place.path("out/stem-band.wav"));
    let level = |n: usize| 20.0 * (band[0][n] / (0.1 * 0.5f32.sqrt())).log10();
    assert!(level(23_999).abs() < 0.01, "{}", level(23_999));
    assert!(level(29_000) < -20.0, "{}", level(29_000));
    assert!(level(47_000).abs() < 0.1, "{}", level(47_000));
}

#[test]
fn mixes_of_some_tracks_come_in_the_same_pass_and_at_their_loudness() {
    let place = Place::new();
    for (name, frequency) in [("vox", 440.0), ("gtr", 660.0), ("bass", 110.0)] {
        place.wav(&format!("{name}.wav"), 44_100, &[sine(44_100, frequency, 0.2, 4 * 44_100)]);
    }
    let session = "  tracks:\n    vox: { audio: vox.wav, sends: { room: -10 dB } }\n    gtr: { audio: gtr.wav, bus: band }\n    \
                   bass: { audio: bass.wav, bus: band }\n  busses:\n    band:\n    room: { chain: [{ delay: { Mix: 100 } }] }\n  \
                   master: { loudness: -20 LUFS, ceiling: -1 dBTP }";
    let output = format!(
        "{FLOAT}  deliver:\n    - mix\n    - premaster\n    - stems\n    - instrumental: {{ without: vox, premaster: true }}\n    \
         - acappella: {{ only: [vox], premaster: true }}\n    - karaoke: {{ without: [vox], sample_rate: 44100, bits: 16, format: flac, ceiling_by: limit, ceiling: -1 dBTP }}"
    );
    place.write("job.yaml", job(session, &output));
    place.run(&["render", "job.yaml"]).expect(0);
    let lines = place.manifest("out/manifest.jsonl");
    let by_name: BTreeMap<&str, &serde_json::Value> = lines.iter().map(|l| (l["path"].as_str().unwrap(), l)).collect();
    let loudness = |name: &str| by_name[name]["file"]["loudness_lufs"].as_f64().unwrap();
    assert!((loudness("mix.wav") + 20.0).abs() < 0.1 && (loudness("karaoke.flac") + 20.0).abs() < 0.1);
    assert!(by_name["mix.wav"]["file"]["finished"]["gain_db"].as_f64().is_some());
    assert_eq!(by_name["karaoke.flac"]["file"]["frames"], 4 * 44_100);
    let sound = |name: &str| read_wav(&place.path("out").join(name));
    let (all, without, only) = (sound("premaster.wav"), sound("instrumental.wav"), sound("acappella.wav"));
    for ((all, without), only) in all.iter().flatten().zip(without.iter().flatten()).zip(only.iter().flatten()) {
        assert!((all - without - only).abs() <= 1e-6, "{all} is not {without} and {only}");
    }
    let difference = lines.iter().find_map(|line| line["stems_differ"].as_f64()).unwrap();
    assert!(difference <= 1e-6, "{difference}");
}

#[test]
fn one_session_renders_every_song_of_a_folder_and_leaves_out_what_a_song_lacks() {
    let place = Place::new();
    // Two songs: one of program 1 and drums, one of program 33 alone.
    let track = |events: &[u8]| {
        let mut bytes = events.to_vec();
        bytes.extend([0, 0xff, 0x2f, 0]);
        bytes
    };
    let keys = track(&[0, 0xc0, 0, 0, 0x90, 60, 100, 96, 0x80, 60, 64]);
    let drums = track(&[0, 0x99, 36, 100, 96, 0x89, 36, 64]);
    let bass = track(&[0, 0xc1, 32, 0, 0x91, 40, 100, 96, 0x81, 40, 64]);
    place.write("midi/one/first.mid", midi(1, 96, &[&keys, &drums]));
    place.write("midi/two/second.mid", midi(1, 96, &[&bass]));
    let presets = repository().join("presets/library/instruments");
    let instrument = |name: &str| presets.join(name).display().to_string();
    let track = |name: &str, choice: &str, preset: &str| {
        let preset = instrument(preset);
        format!("    {name}: {{ midi: {{ file: \"{{file}}\", {choice} }}, instrument: {preset}, optional: true }}\n")
    };
    let tracks = track("keys", "programs: [1-8]", "piano.yaml")
        + &track("bass", "programs: [33-40]", "finger-bass.yaml")
        + &track("drums", "channel: 10", "drums.yaml");
    let session = format!("  tempo: from_midi\n  tracks:\n{tracks}");
    let text = format!(
        "tonemill: 1\nname: folder\nsongs: \"midi/**/*.mid\"\nsession:\n{session}output:\n  \
         path: \"out/{{folder}}/{{song}}-{{name}}.wav\"\n  deliver: [mix, tracks]\n"
    );
    place.write("job.yaml", text);
    place.run(&["render", "job.yaml"]).expect(0).says(&["left out, with nothing to play: bass", "keys, drums"]);
    let files: Vec<String> = place.sound_files("out").keys().map(|path| path.display().to_string()).collect();
    let expected =
        ["one/first-mix", "one/first-track-drums", "one/first-track-keys", "two/second-mix", "two/second-track-bass"];
    for name in expected {
        assert!(files.iter().any(|file| file.ends_with(&format!("{name}.wav"))), "{name} is not among {files:?}");
    }
    assert_eq!(files.len(), expected.len());
}

#[test]
fn numbers_of_a_list_fill_a_session_and_mistakes_in_it_are_told_where_they_stand() {
    let place = Place::new();
    place.wav("a.wav", RATE, &[vec![0.5; 4800], vec![0.5; 4800]]);
    let text = "tonemill: 1\nname: console\nsongs: { list: songs.json, values: { master: { gain: -6 } } }\nsession:\n  tracks:\n    \
                t: { media: \"{tracks.t}\", gain: \"{gain}\" }\n  master: { gain: \"{master.gain}\" }\noutput:\n  \
                path: \"out/{song}.wav\"\n  bits: 32f\n";
    place.write("job.yaml", text);
    place.write("songs.json", r#"[{ "name": "loud", "tracks": { "t": "a.wav" }, "gain": 0 }, { "name": "soft", "tracks": { "t": "a.wav" }, "gain": "-6 dB" }]"#);
    place.run(&["render", "job.yaml"]).expect(0);
    let level = |name: &str| read_wav(&place.path(&format!("out/{name}.wav")))[0][100];
    let six = 10f32.powf(-6.0 / 20.0);
    assert!((level("loud") - 0.5 * six).abs() < 1e-6 && (level("soft") - 0.5 * six * six).abs() < 1e-6);
    place.write(
        "songs.json",
        r#"[{ "name": "loud", "tracks": { "t": "a.wav" }, "gain": 900 }, { "name": "soft", "gain": 0 }]"#,
    );
    place.run(&["render", "job.yaml"]).expect(2).says(&[
        "songs.json:1:",
        "gain = 900 is outside",
        "song soft has no value {tracks.t}",
    ]);
}

#[test]
fn who_hears_himself_is_refused_with_the_whole_path() {
    let place = Place::new();
    place.wav("a.wav", RATE, &[vec![0.5; 480]]);
    let session = "  tracks:\n    t: { audio: a.wav, bus: one, tone: [{ compressor: , sidechain: two }] }\n  busses:\n    \
                   one: { sends: { two: -6 dB } }\n    two:";
    place.write("job.yaml", job(session, FLOAT));
    place.run(&["render", "job.yaml"]).expect(2).says(&["ring: t -> one -> two -> t"]);
    assert!(!Path::new(&place.path("out")).exists());
}

#[test]
fn notes_of_every_file_follow_the_one_tempo_that_a_session_names() {
    let place = Place::new();
    // Both have a note at the third quarter; what is in front of it is the tempo, in microseconds a quarter.
    let song = |tempo: [u8; 3]| {
        let [a, b, c] = tempo;
        midi(
            0,
            480,
            &[&[0, 0xff, 0x51, 3, a, b, c, 0x87, 0x40, 0x90, 60, 100, 0x83, 0x60, 0x80, 60, 0, 0, 0xff, 0x2f, 0]],
        )
    };
    place.write("slow.mid", song([0x0f, 0x42, 0x40]));
    place.write("fast.mid", song([0x07, 0xa1, 0x20]));
    let track = |name: &str| format!("    {name}: {{ midi: {{ file: {name}.mid }}, instrument: soundfont }}\n");
    let render = |tempo: &str, tracks: &[&str]| {
        let tracks: String = tracks.iter().map(|name| track(name)).collect();
        let session = format!("  tempo: {tempo}\n  tracks:\n{tracks}");
        place.write("job.yaml", job(&session, &format!("{FLOAT}  deliver: [stems]")));
        place.run(&["render", "job.yaml"]).expect(0);
        read_wav(&place.path("out/stem-fast.wav"))
    };
    let together = render("{ midi: slow.mid }", &["slow", "fast"]);
    let onset = |sound: &[Vec<f32>]| loud(&sound[0])[0] as u32;
    assert!((2 * RATE..2 * RATE + RATE / 100).contains(&onset(&together)), "{}", onset(&together));
    assert_eq!(together, render("60", &["fast"]));
    let own = onset(&render("ignore", &["slow", "fast"]));
    assert!((RATE..RATE + RATE / 100).contains(&own), "{own}");
}
