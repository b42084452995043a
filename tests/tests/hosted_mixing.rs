//! Hosted plugins in a session: late ones, such that hear a key, such with several outputs, and what moves them.

use std::f64::consts::TAU;
use std::path::Path;

use tonemill_fixtures::vst3::{bundle, class_id};
use tonemill_tests::{Place, fixtures, midi, read_wav, real, sine};

const RATE: u32 = 48_000;

/// Frames by which ZaMaximX2 is late at 48 kHz.
const LATE: u64 = 480;

fn job(session: &str, deliver: &str) -> String {
    let output = format!("  path: \"out/{{name}}.wav\"\n  bits: 32f\n  collision: overwrite\n  deliver: {deliver}");
    format!("tonemill: 1\nname: hosted\nsession:\n{session}\noutput:\n{output}\n")
}

/// Both sides of a recording with one impulse.
fn impulse(frames: usize, at: usize, height: f32) -> Vec<Vec<f32>> {
    let mut samples = vec![0.0; frames];
    samples[at] = height;
    vec![samples; 2]
}

/// The amplitude of the sine of this frequency in a stretch, by a Hann window.
fn amplitude(stretch: &[f32], frequency: f64) -> f64 {
    let (mut real, mut imaginary) = (0.0, 0.0);
    for (n, sample) in stretch.iter().enumerate() {
        let window = 1.0 - (TAU * n as f64 / stretch.len() as f64).cos();
        let angle = TAU * frequency * n as f64 / f64::from(RATE);
        real += window * f64::from(*sample) * angle.cos();
        imaginary += window * f64::from(*sample) * angle.sin();
    }
    2.0 * f64::hypot(real, imaginary) / stretch.len() as f64
}

fn rms(stretch: &[f32]) -> f64 {
    (stretch.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>() / stretch.len() as f64).sqrt()
}

fn decibels(ratio: f64) -> f64 {
    20.0 * ratio.log10()
}

/// One of the zam plugins as a device of a chain, if it is installed; says so on standard error if not.
fn zam(format: &str, name: &str) -> Option<String> {
    let path = format!("/usr/lib/{format}/{name}.{format}");
    if !Path::new(&path).exists() {
        eprintln!("skipped: {path} is not installed; scripts/test brings zam-plugins");
        return None;
    }
    Some(format!("{format}: {path}"))
}

#[test]
fn branches_sends_and_sidechains_with_a_late_limiter_meet_the_dry_sound_at_one_frame() {
    for format in ["clap", "vst3"] {
        let Some(limiter) = zam(format, "ZaMaximX2") else { return };
        let place = Place::new();
        bundle(&place.path(""), "Fixtures");
        place.wav("tick.wav", RATE, &impulse(9600, 3001, 0.25));
        place.wav("level.wav", RATE, &[vec![0.5; 9600], vec![0.5; 9600]]);
        let ducker = format!("vst3: Fixtures, id: {}", class_id("sidechain"));
        // By the master the tick has come through none, one, two or three limiters. The key of `duck` comes through one,
        // what it turns down through two, one of them behind.
        let session = format!(
            "  tracks:
    dry: {{ audio: tick.wav, sends: {{ echo: {{ gain: 0 dB, at: pre }}, deep: -6 dB }} }}
    late: {{ audio: tick.wav, tone: [{{ {limiter} }}], bus: group }}
    latest: {{ audio: tick.wav, tone: [{{ {limiter} }}, {{ {limiter} }}], gain: -3 dB }}
    level: {{ audio: level.wav, tone: [{{ {limiter} }}], bus: duck }}
  busses:
    group: {{ sends: {{ deep: 0 dB }} }}
    echo: {{ chain: [{{ {limiter} }}] }}
    deep: {{ chain: [{{ {limiter} }}, {{ {limiter} }}] }}
    duck: {{ chain: [{{ {ducker}, sidechain: {{ from: late, at: pre }} }}, {{ {limiter} }}] }}"
        );
        place.write("job.yaml", job(&session, "[premaster, stems, tracks, busses]"));
        place.run(&["render", "job.yaml"]).expect(0);
        let manifest = place.manifest("out/manifest.jsonl");
        for line in &manifest {
            let name = line["path"].as_str().unwrap();
            let sound = read_wav(&place.path("out").join(name));
            assert!(line["stems_differ"].as_f64().unwrap() <= 1e-6, "{}", line["stems_differ"]);
            for side in sound {
                assert_eq!(side.len(), 9600, "{name}");
                // What is steady counts as silence; the limiter's detector settles on it within its first frames.
                let steady = if ["level", "duck", "premaster"].iter().any(|part| name.contains(part)) {
                    side[9599]
                } else {
                    0.0
                };
                let moved: Vec<usize> = (1000..9600).filter(|n| (side[*n] - steady).abs() > 1e-5).collect();
                let expected: &[usize] = if name == "track-level.wav" { &[] } else { &[3001] };
                assert_eq!(moved, expected, "{format}: {name}");
            }
        }
        let removed = |name: &str| {
            let line = manifest.iter().find(|line| line["path"] == name);
            line.unwrap_or_else(|| panic!("there is no {name}"))["file"]["latency_removed"].as_u64().unwrap()
        };
        assert_eq!(removed("track-late.wav"), LATE);
        assert_eq!(removed("track-latest.wav"), 2 * LATE);
        assert_eq!(removed("stem-duck.wav"), 2 * LATE);
        assert_eq!(removed("stem-deep.wav"), 3 * LATE);
        // Behind the ducker a quarter is missing where the key has its impulse of a quarter.
        let duck = &read_wav(&place.path("out/stem-duck.wav"))[0];
        assert!((duck[3000] - 0.5).abs() < 1e-5 && (duck[3001] - 0.375).abs() < 1e-5, "{:?}", &duck[2999..3004]);
    }
}

#[test]
fn a_branch_through_a_late_limiter_cancels_its_dry_twin() {
    let Some(limiter) = zam("clap", "ZaMaximX2") else { return };
    let place = Place::new();
    let take = vec![sine(RATE, 997.0, 0.2, 24_000), sine(RATE, 313.0, 0.2, 24_000)];
    place.wav("take.wav", RATE, &take);
    let session = format!(
        "  tracks:
    dry: {{ audio: take.wav }}
    late: {{ audio: take.wav, tone: [{{ {limiter} }}], invert: true }}"
    );
    place.write("job.yaml", job(&session, "[premaster, tracks]"));
    place.run(&["render", "job.yaml"]).expect(0);
    let peak = |name: &str| {
        let sound = read_wav(&place.path(&format!("out/{name}.wav")));
        sound.iter().flatten().fold(0f32, |peak, sample| peak.max(sample.abs()))
    };
    assert!(peak("track-late") > 0.19, "{}", peak("track-late"));
    // One frame off would leave 0.026; the limiter itself rounds.
    assert!(peak("premaster") < 1e-5, "{}", peak("premaster"));
}

#[test]
fn a_hosted_compressor_turns_a_pad_down_while_its_key_sounds() {
    let Some(compressor) = zam("clap", "ZamCompX2") else { return };
    let place = Place::new();
    place.wav("pad.wav", RATE, &vec![sine(RATE, 440.0, 0.05, 72_000); 2]);
    let mut kick = vec![0.0; 72_000];
    kick[24_000..36_000].copy_from_slice(&sine(RATE, 60.0, 0.9, 12_000));
    place.wav("kick.wav", RATE, &[kick]);
    let settings = "params: { Sidechain: 1, Threshold: -30, Ratio: 20, Attack: 1, Release: 50 }";
    let session = format!(
        "  tracks:
    kick: {{ audio: kick.wav, gain: -120 dB }}
    pad: {{ audio: pad.wav, bus: keyed, sends: {{ alone: 0 dB }} }}
  busses:
    keyed: {{ chain: [{{ {compressor}, {settings}, sidechain: {{ from: kick, at: pre }} }}] }}
    alone: {{ chain: [{{ {compressor}, {settings} }}] }}"
    );
    place.write("job.yaml", job(&session, "[busses]"));
    place.run(&["render", "job.yaml"]).expect(0);
    let level = |name: &str, from: usize| {
        let sound = read_wav(&place.path(&format!("out/bus-{name}.wav")));
        decibels(rms(&sound[0][from..from + 6000]) / (0.05 / 2f64.sqrt()))
    };
    // Before, while, and after its key sounds.
    assert!(level("keyed", 12_000).abs() < 0.1, "{}", level("keyed", 12_000));
    assert!(level("keyed", 29_000) < -10.0, "{}", level("keyed", 29_000));
    assert!(level("keyed", 65_000).abs() < 0.2, "{}", level("keyed", 65_000));
    // The same settings without a key hear silence there.
    assert!(level("alone", 29_000).abs() < 0.1, "{}", level("alone", 29_000));
}

#[test]
fn every_output_of_an_instrument_is_a_track_of_its_own_at_its_frames() {
    let place = Place::new();
    bundle(&place.path(""), "Fixtures");
    // Held from 100 to 300 ms: ticks are milliseconds.
    let notes = [&[100, 0x90, 60, 100][..], &[0x81, 0x48, 0x80, 60, 0], &[0x64, 0xff, 0x2f, 0]].concat();
    place.write("a.mid", midi(0, 500, &[&notes]));
    let session = format!(
        "  tempo: 120
  tracks:
    first: {{ midi: a.mid, instrument: {{ vst3: Fixtures, id: {} }} }}
    second: {{ from: {{ track: first, output: 1 }}, gain: -6 dB, bus: group }}
    third: {{ from: {{ track: first, output: 2 }}, pan: 100 }}
  busses:
    group: {{ chain: [{{ clap: {}, id: org.tonemill.fixture.latency, params: {{ Frames: 333 }} }}] }}",
        class_id("multi-out"),
        fixtures().display()
    );
    place.write("job.yaml", job(&session, "[premaster, stems, tracks]"));
    place.run(&["render", "job.yaml"]).expect(0);
    let six = 10f32.powf(-6.0 / 20.0);
    // Bus b gives (b + 1) / 4, and an eighth more on its second channel; the third is mono and goes to the right.
    let held = [
        ("track-first", [0.25, 0.375]),
        ("track-second", [0.5 * six, 0.625 * six]),
        ("track-third", [0.0, 0.75]),
        ("stem-group", [0.5 * six, 0.625 * six]),
        ("premaster", [0.25 + 0.5 * six, 0.375 + 0.625 * six + 0.75]),
    ];
    for (name, expected) in held {
        let sound = read_wav(&place.path(&format!("out/{name}.wav")));
        for (side, expected) in sound.iter().zip(expected) {
            for (frame, expected) in [(4799, 0.0), (4800, expected), (14_399, expected), (14_400, 0.0)] {
                let got = side[frame];
                assert!((got - expected).abs() < 1e-6, "{name} at {frame}: {got}, not {expected}");
            }
        }
    }
    let manifest = place.manifest("out/manifest.jsonl");
    assert!(manifest.iter().all(|line| line["stems_differ"].as_f64().unwrap() <= 1e-6));
}

#[test]
fn a_real_drum_kit_gives_kick_snare_and_hats_to_tracks_of_their_own() {
    if !Path::new("/usr/lib/lv2/avldrums.lv2/manifest.ttl").exists() {
        eprintln!("skipped: avldrums.lv2 is not installed; scripts/test brings it");
        return;
    }
    let place = Place::new();
    // Kick, snare, and hats at 0.5, 2 and 3.5 s.
    let hit = |key: u8, wait: &[u8]| [wait, &[0x99, key, 110, 10, 0x89, key, 0]].concat();
    let hits = [hit(36, &[0x83, 0x74]), hit(38, &[0x8b, 0x52]), hit(42, &[0x8b, 0x52])].concat();
    place.write("a.mid", midi(0, 500, &[&[&hits[..], &[0x8b, 0x52, 0xff, 0x2f, 0]].concat()]));
    let session = "  tempo: 120
  tracks:
    kick: { midi: a.mid, instrument: { lv2: 'http://gareus.org/oss/lv2/avldrums#BlackPearlMulti' } }
    snare: { from: { track: kick, output: 1 } }
    hats: { from: { track: kick, output: 2 } }";
    place.write("job.yaml", job(session, "[premaster, tracks]"));
    let ran = place.command(&["render", "job.yaml"]).env("LV2_PATH", "/usr/lib/lv2").output().unwrap();
    tonemill_tests::Ran::from(ran).expect(0).says(&["not heard: Tom, Floor Tom, Cymbals"]);
    for (name, at) in [("kick", 0.5), ("snare", 2.0), ("hats", 3.5)] {
        let sound = &read_wav(&place.path(&format!("out/track-{name}.wav")))[0];
        let level = |from: f64| {
            let from = (from * f64::from(RATE)) as usize;
            decibels(rms(&sound[from..from + 4800]).max(1e-9))
        };
        let first = sound.iter().position(|sample| sample.abs() > 1e-3).unwrap_or(0) as f64 / f64::from(RATE);
        assert!((at - 0.001..at + 0.02).contains(&first), "{name} begins at {first} s");
        assert!(level(at) > -50.0, "{name}: {} dB", level(at));
        // Drums are recorded together, so that each is in the others' microphones, much softer.
        for other in [0.5, 2.0, 3.5].into_iter().filter(|other| *other > at) {
            assert!(level(other) < level(at) - 20.0, "{name}: {} dB, and {} dB at {other} s", level(at), level(other));
        }
    }
}

#[test]
fn midi_controllers_move_a_parameter_of_a_hosted_plugin_at_their_frames() {
    let place = Place::new();
    // A long note, controller 74 at 127 from the start, 64 from 250 ms and 0 from 500 ms on, and another channel's.
    let events = [
        &[0, 0xb0, 74, 127, 0, 0x90, 69, 127][..],
        &[0x81, 0x7a, 0xb0, 74, 64, 0, 0xb1, 74, 127],
        &[0x81, 0x7a, 0xb0, 74, 0],
        &[0x81, 0x7a, 0x80, 69, 0, 0, 0xff, 0x2f, 0],
    ];
    place.write("a.mid", midi(0, 500, &[&events.concat()]));
    let session = format!(
        "  tempo: 120
  tracks:
    t:
      midi: {{ file: a.mid, channel: 1 }}
      instrument: {{ clap: {}, id: org.tonemill.fixture.sine }}
      controllers: {{ 74: {{ parameter: Level, range: [-40, -6] }} }}",
        fixtures().display()
    );
    place.write("job.yaml", job(&session, "[tracks]"));
    place.run(&["render", "job.yaml"]).expect(0);
    let sound = &read_wav(&place.path("out/track-t.wav"))[0];
    // 440 Hz at 250 and 500 ms are at a crest: the note is a cosine of a quarter.
    for (frame, level) in [(0, -6.0), (11_999, -6.0), (12_000, -40.0 + 34.0 * 64.0 / 127.0), (24_000, -40.0)] {
        let wave = (TAU * 440.0 * frame as f64 / f64::from(RATE)).cos();
        let expected = 0.25 * 10f64.powf(level / 20.0) * wave;
        let got = f64::from(sound[frame]);
        assert!((got - expected).abs() < 1e-5, "at {frame}: {got}, not {expected}");
    }
}

/// Two notes, each on a channel of its own; the first channel bends up by two semitones from the start, as MPE counts, and
/// back to the middle in the midst.
fn polyphonic_bends(place: &Place) {
    // 8192 + 341 of 8192 * 48: two semitones less a quarter of a cent.
    let events = [
        &[0, 0xb0, 101, 0, 0, 0xb0, 100, 6, 0, 0xb0, 6, 15][..],
        &[0, 0xe1, 0x55, 0x42, 0, 0x91, 69, 127, 0, 0x92, 76, 127],
        &[0x87, 0x68, 0xe1, 0, 0x40],
        &[0x87, 0x68, 0x81, 69, 0, 0, 0x82, 76, 0, 0, 0xff, 0x2f, 0],
    ];
    place.write("mpe.mid", midi(0, 500, &[&events.concat()]));
}

#[test]
fn mpe_bends_one_note_of_a_chord_and_leaves_the_other() {
    let place = Place::new();
    bundle(&place.path(""), "Fixtures");
    polyphonic_bends(&place);
    let session = format!(
        "  tempo: 120
  tracks:
    bent: {{ midi: {{ file: mpe.mid, mpe: true }}, instrument: {{ vst3: Fixtures, id: {0} }} }}",
        class_id("sine")
    );
    place.write("job.yaml", job(&session, "[tracks]"));
    place.run(&["render", "job.yaml"]).expect(0);
    let sound = &read_wav(&place.path("out/track-bent.wav"))[0];
    let (first, second) = (&sound[4800..43_200], &sound[52_800..91_200]);
    let fifth = 440.0 * 2f64.powf(7.0 / 12.0);
    let bent = 440.0 * 2f64.powf(341.0 / 8192.0 * 48.0 / 12.0);
    for (stretch, there, gone) in [(first, bent, 440.0), (second, 440.0, bent)] {
        assert!((amplitude(stretch, there) - 0.25).abs() < 0.002, "{}", amplitude(stretch, there));
        assert!((amplitude(stretch, fifth) - 0.25).abs() < 0.002, "{}", amplitude(stretch, fifth));
        assert!(amplitude(stretch, gone) < 0.001, "{}", amplitude(stretch, gone));
    }
}

#[test]
fn mpe_bends_one_note_of_a_real_synthesizer() {
    let Some(trixie) = real("TONEMILL_REAL_TRIXIE") else { return };
    let place = Place::new();
    let Some(host) = tonemill_tests::Trixie::new(&place) else { return };
    let plugin = trixie.join("root/usr/lib/vst3/noteexpressionsynth.vst3");
    if !plugin.exists() {
        eprintln!("skipped: {} is not there", plugin.display());
        return;
    }
    polyphonic_bends(&place);
    let session = format!(
        "  tempo: 120
  tracks:
    bent: {{ midi: {{ file: mpe.mid, mpe: true }}, instrument: {{ vst3: {0}, id: Note Expression Synth }} }}
    plain: {{ midi: {{ file: mpe.mid, channel: [1, 2, 3] }}, instrument: {{ vst3: {0}, id: Note Expression Synth }} }}",
        plugin.display()
    );
    place.write("job.yaml", job(&session, "[tracks]"));
    host.run(&place, &["render", "job.yaml"]).expect(0);
    let bent = read_wav(&place.path("out/track-bent.wav"));
    let (first, second) = (&bent[0][4800..43_200], &bent[0][52_800..91_200]);
    let (plain, up) = (440.0, 440.0 * 2f64.powf(341.0 / 8192.0 * 48.0 / 12.0));
    let fifth = 440.0 * 2f64.powf(7.0 / 12.0);
    assert!(
        amplitude(first, up) > 10.0 * amplitude(first, plain),
        "{} {}",
        amplitude(first, up),
        amplitude(first, plain)
    );
    assert!(amplitude(second, plain) > 10.0 * amplitude(second, up), "{}", amplitude(second, up));
    let ratio = amplitude(first, fifth) / amplitude(second, fifth);
    assert!((0.5..2.0).contains(&ratio), "the other note stays: {ratio}");
}
