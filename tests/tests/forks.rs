//! Chains beside each other, wet and dry, through the real binary.

use tonemill_tests::{Place, fixtures, read_wav, sine};

const RATE: u32 = 48_000;

/// The fixture that is late by `frames` and says `frames + told`.
fn latent(frames: i32, told: i32, more: &str) -> String {
    let path = fixtures().display().to_string();
    format!(
        "{{ clap: {path}, id: org.tonemill.fixture.latency, channels: duplicate, params: {{ Frames: {frames}, Error: {told} }}{more} }}"
    )
}

fn tone_job(place: &Place, chain: &str) -> Vec<Vec<f32>> {
    let output = "{ path: \"out/tone.wav\", bits: 32f, collision: overwrite }";
    let text = format!("tonemill: 1\ninputs: in.wav\ntones: [{{ name: forked, chain: {chain} }}]\noutput: {output}\n");
    place.write("job.yaml", text);
    place.run(&["render", "job.yaml"]).expect(0);
    read_wav(&place.path("out/tone.wav"))
}

#[test]
fn chains_beside_each_other_meet_at_the_frame_and_keep_their_levels() {
    let place = Place::new();
    let mut impulse = vec![0.0; 4800];
    impulse[1000] = 0.5;
    place.wav("in.wav", RATE, &[impulse.clone(), impulse]);
    let late = |frames| latent(frames, 0, "");
    let inner = format!("{{ wet: 50 %, chain: [{}, {{ gain: 0 }}] }}", late(37));
    let chain = format!(
        "[{}, {{ parallel: [{}, {{ chain: [{}, {inner}], gain: -6 dB, invert: true }}], dry: -12 dB }}, {{ gain: 0 }}]",
        late(5),
        late(480),
        late(64),
    );
    let sound = tone_job(&place, &chain);
    let factor = |decibels: f64| 10f64.powf(decibels / 20.0);
    let expected = 0.5 * (1.0 - factor(-6.0) + factor(-12.0));
    for side in &sound {
        let loud: Vec<usize> = (0..side.len()).filter(|n| side[*n].abs() > 1e-7).collect();
        assert_eq!((loud, side.len()), (vec![1000], 4800));
        assert!((f64::from(side[1000]) - expected).abs() < 1e-7, "{} instead of {expected}", side[1000]);
    }
    let line = &place.manifest("out/manifest.jsonl")[0];
    assert_eq!(line["file"]["latency_removed"].as_u64(), Some(5 + 480), "the longest way decides");
    let devices = line["devices"].as_array().unwrap();
    assert_eq!(devices.len(), 6, "every device of every branch is in the manifest: {devices:?}");
}

#[test]
fn a_signal_and_its_inverse_beside_each_other_are_nothing() {
    let place = Place::new();
    place.wav("in.wav", RATE, &[sine(RATE, 441.0, 0.5, 20_000)]);
    let sound = tone_job(
        &place,
        "[{ parallel: [[{ eq: { Peak 1 Gain: 6 } }], { chain: [{ eq: { Peak 1 Gain: 6 } }], invert: true }] }]",
    );
    assert!(sound.iter().flatten().all(|sample| *sample == 0.0));
}

#[test]
fn a_device_in_a_branch_is_keyed_and_automated() {
    let place = Place::new();
    place.wav("pad.wav", RATE, &[vec![0.1; 48_000]]);
    let mut kick = vec![0.0; 48_000];
    kick[24_000..30_000].fill(0.9);
    place.wav("kick.wav", RATE, &[kick]);
    // What is squeezed stands beside a dry part of the same level; the branch is behind a latent device.
    let text = format!(
        "tonemill: 1\nsession:\n  tempo: 120\n  tracks:\n    kick: {{ audio: kick.wav, gain: -120 dB }}\n    pad:\n      audio: pad.wav\n      \
         pan_law: 0 dB\n      tone:\n        - {{ gain: 0 }}\n        - wet: 50 %\n          chain: [{}, {{ compressor: {{ Threshold: -40, Ratio: 20, \
         Attack: 1, Release: 20 }}, sidechain: {{ from: kick, at: pre }} }}, {{ pan: 0 }}]\n      automation:\n        Makeup: [[40000f, 0, hold], [40001f, 6]]\n\
         output: {{ path: \"out/{{name}}.wav\", bits: 32f, deliver: [stems] }}\n",
        latent(300, 0, ""),
    );
    place.write("job.yaml", text);
    place.run(&["render", "job.yaml"]).expect(0);
    let pad = &read_wav(&place.path("out/stem-pad.wav"))[0];
    assert!((pad[23_999] - 0.1).abs() < 1e-4, "{}", pad[23_999]);
    assert!((pad[29_000] - 0.05).abs() < 0.005, "the dry half is left while the key is loud: {}", pad[29_000]);
    assert!((pad[39_999] - 0.1).abs() < 1e-3 && pad[45_000] > 0.145, "{} {}", pad[39_999], pad[45_000]);
}

#[test]
fn presets_stand_beside_each_other_and_mistakes_in_them_are_placed() {
    let place = Place::new();
    place.wav("in.wav", RATE, &[vec![0.25; 1000]]);
    place.write("amps/quiet.yaml", "tonemill: 1\nchain: [{ gain: -6 dB }, cab.yaml]\n");
    place.write("amps/cab.yaml", "tonemill: 1\nchain: [{ gain: 12 dB }]\n");
    let sound = tone_job(&place, "[{ parallel: [amps/quiet.yaml, { chain: [amps/quiet.yaml], factor: 0.5 }] }]");
    let expected = 0.25 * 1.5 * 10f32.powf(6.0 / 20.0);
    assert!(sound[0].iter().all(|sample| (sample - expected).abs() < 1e-6), "{} {expected}", sound[0][500]);
    place.write("amps/cab.yaml", "tonemill: 1\nchain: [{ gian: 12 dB }, quiet.yaml]\n");
    let told = place.run(&["render", "job.yaml"]).expect(2);
    told.says(&["amps/cab.yaml:2:11: this names no device", "stands within itself", "2 mistakes"]);
}

#[test]
fn a_device_that_lies_about_its_latency_is_lined_up_by_what_was_measured() {
    let place = Place::new();
    let mut impulse = vec![0.0; 4800];
    impulse[1000] = 0.5;
    place.wav("in.wav", RATE, &[impulse.clone(), impulse]);
    let wet = |latency: &str| format!("[{{ wet: 50 %, chain: [{}] }}]", latent(480, -100, latency));
    let at = |sound: Vec<Vec<f32>>| (0..4800).filter(|n| sound[0][*n].abs() > 1e-6).collect::<Vec<_>>();
    assert_eq!(at(tone_job(&place, &wet(""))), [1000, 1100]);
    let refused = "has not been measured with these settings at 48000 Hz in blocks of 512. Probe it";
    place.write("tone.yaml", format!("tonemill: 1\nchain: {}\n", wet(", latency: measured")));
    place.run(&["apply", "in.wav", "x.wav", "--tone", "tone.yaml"]).expect(2).says(&[refused]);
    let spec = format!("clap:{}#org.tonemill.fixture.latency@Frames=480,Error=-100", fixtures().display());
    place.run(&["plugins", "probe", &spec]).expect(0);
    assert_eq!(at(tone_job(&place, &wet(", latency: measured"))), [1000]);
}
