//! Devices that have played one task are used again for the next, where a probe allows that, and nobody can hear it.

use std::path::Path;

use serde_json::Value;
use tonemill_tests::{Place, fixture, fixtures, sine};

const RATE: u32 = 48_000;
const TAKES: u64 = 6;

fn takes(place: &Place, channels: usize) {
    for n in 0..TAKES {
        let take = sine(RATE, 110.0 * (1.0 + n as f64), 0.4, 9_600 + 100 * n as usize);
        place.wav(&format!("di/take{n}.wav"), RATE, &vec![take; channels]);
    }
}

fn job(place: &Place, tones: &str, out: &str) {
    place.write(
        "job.yaml",
        format!(
            "tonemill: 1\ninputs: {{ di: {{ files: \"di/{{id}}.wav\" }} }}\ntones:\n{tones}\
             output: {{ path: \"{out}/{{tone}}/{{id}}.wav\", bits: 32f }}\n"
        ),
    );
}

/// Renders the job in one worker, and gives how many devices of each tone had played before.
fn reused(place: &Place, out: &str, more: &[&str]) -> Vec<(String, u64)> {
    place.run(&[&["render", "job.yaml", "--workers", "1"], more].concat()).expect(0);
    let mut of_tones: Vec<(String, u64)> = Vec::new();
    for line in place.manifest(&format!("{out}/manifest.jsonl")) {
        let (tone, count) = (line["tone"].as_str().unwrap(), line["timings"]["devices_reused"].as_u64().unwrap_or(0));
        match of_tones.iter_mut().find(|(name, _)| name == tone) {
            Some((_, sum)) => *sum += count,
            None => of_tones.push((tone.to_owned(), count)),
        }
    }
    of_tones.sort();
    of_tones
}

fn counts(of: &[(&str, u64)]) -> Vec<(String, u64)> {
    of.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
}

#[test]
fn devices_that_a_probe_has_found_safe_are_used_again_and_sound_as_fresh_ones_do() {
    let place = Place::new();
    takes(&place, 2);
    let bundle = tonemill_fixtures::vst3::bundle(&place.path(""), "Plain");
    let delay = tonemill_fixtures::vst3::class_id("delay");
    let (clap, vst3) = (fixtures(), bundle.display().to_string());
    let tones = format!(
        "  - {{ name: built-in, chain: [{{ builtin: reverb }}, {{ builtin: drive, params: {{ Drive: 12 }} }}] }}\n\
         \x20 - {{ name: clap, chain: [{{ clap: \"{clap}\", id: org.tonemill.fixture.gain, params: {{ Gain: 0.25 }} }}] }}\n\
         \x20 - {{ name: keeps, chain: [{{ clap: \"{clap}\", id: org.tonemill.fixture.keeps-sound }}] }}\n\
         \x20 - {{ name: vst3, chain: [{{ vst3: \"{vst3}\", id: \"{delay}\" }}] }}\n\
         \x20 - {{ name: worn, chain: [{{ clap: \"{clap}\", id: org.tonemill.fixture.worn-by-saving }}] }}\n",
        clap = clap.display(),
    );
    job(&place, &tones, "unknown");
    let none = counts(&[("built-in", 0), ("clap", 0), ("keeps", 0), ("vst3", 0), ("worn", 0)]);
    assert_eq!(reused(&place, "unknown", &[]), none, "nothing is known of any of them");

    let specs = [
        "builtin:reverb".to_owned(),
        "builtin:drive@Drive=12".to_owned(),
        fixture("gain", "Gain=0.25"),
        fixture("keeps-sound", ""),
        fixture("worn-by-saving", ""),
        format!("vst3:{vst3}#{delay}"),
    ];
    let specs: Vec<&str> = specs.iter().map(String::as_str).collect();
    place.run(&[&["plugins", "probe"], &specs[..]].concat()).expect(0);

    let sounds = place.sound_files("unknown");
    assert_eq!(sounds.len() as u64, 5 * TAKES);
    let again = TAKES - 1;
    let all = counts(&[("built-in", 2 * again), ("clap", again), ("keeps", 0), ("vst3", again), ("worn", again)]);
    for (out, more, expected) in [("warm", &[][..], &all), ("fresh", &["--fresh"], &none)] {
        job(&place, &tones, out);
        assert_eq!(reused(&place, out, more), *expected, "{out}");
        assert_eq!(place.sound_files(out), sounds, "{out}");
    }
    // A verdict is about a device as it is set, and about no other.
    job(&place, &tones.replace("0.25", "0.5"), "set-otherwise");
    let otherwise = reused(&place, "set-otherwise", &[]);
    assert_eq!(otherwise[1], ("clap".to_owned(), 0));
    assert_eq!(otherwise[3], ("vst3".to_owned(), again));
}

#[test]
fn a_device_that_breaks_its_verdicts_promise_makes_room_for_a_fresh_one() {
    let place = Place::new();
    for n in 0..12 {
        place.wav(&format!("di/take{n:02}.wav"), RATE, &vec![sine(RATE, 220.0 + f64::from(n), 0.4, 4_800); 2]);
    }
    place.run(&["plugins", "probe", &fixture("tires", "")]).expect(0);
    let clap = fixtures().display().to_string();
    let tones = format!("  - {{ name: tires, chain: [{{ clap: \"{clap}\", id: org.tonemill.fixture.tires }}] }}\n");
    job(&place, &tones, "warm");
    // It takes seven states, and refuses the eighth, that of the ninth task.
    assert_eq!(reused(&place, "warm", &[]), counts(&[("tires", 7 + 3)]));
    let told: Vec<usize> = place
        .manifest("warm/manifest.jsonl")
        .iter()
        .enumerate()
        .filter(|(_, line)| line["warnings"].to_string().contains("it could not be used again"))
        .map(|(n, _)| n)
        .collect();
    assert_eq!(told, [8]);
    job(&place, &tones, "fresh");
    reused(&place, "fresh", &["--fresh"]);
    assert_eq!(place.sound_files("warm"), place.sound_files("fresh"));
}

#[test]
fn a_device_that_is_played_with_other_channels_than_the_probe_played_is_made_anew() {
    let place = Place::new();
    takes(&place, 1);
    let clap = fixtures().display().to_string();
    place.run(&["plugins", "probe", &fixture("gain", ""), "builtin:eq"]).expect(0);
    let tones = format!(
        "  - {{ name: as-asked, chain: [{{ clap: \"{clap}\", id: org.tonemill.fixture.gain }}] }}\n\
         \x20 - {{ name: duplicate, chain: [{{ clap: \"{clap}\", id: org.tonemill.fixture.gain, channels: duplicate }}] }}\n",
    );
    job(&place, &tones, "out");
    // It comes with two channels, and takes one where it is asked to.
    assert_eq!(reused(&place, "out", &[]), counts(&[("as-asked", 0), ("duplicate", TAKES - 1)]));
}

#[test]
fn what_a_session_moves_on_a_device_is_put_back_for_the_next_song() {
    let place = Place::new();
    for (n, id) in ["one", "two", "three"].into_iter().enumerate() {
        let frames = 24_000 + 1_000 * n;
        place.wav(&format!("songs/{id}.wav"), RATE, &vec![sine(RATE, 220.0 * (1.0 + n as f64), 0.4, frames); 2]);
    }
    let clap = fixtures().display().to_string();
    let text = |out: &str| {
        format!(
            "tonemill: 1\nsongs: {{ files: \"songs/{{id}}.wav\" }}\nsession:\n  tracks:\n    gtr:\n      audio: \"songs/{{id}}.wav\"\n      \
             tone: [{{ clap: \"{clap}\", id: org.tonemill.fixture.gain, params: {{ Gain: 0.5 }} }}, {{ builtin: delay }}]\n      \
             automation: {{ Gain: [[0s, 0.5], [0.4s, 1]] }}\n\
             output: {{ path: \"{out}/{{song}}.wav\", bits: 32f, length: {{ tail: 1 s }} }}\n"
        )
    };
    place.run(&["plugins", "probe", &fixture("gain", "Gain=0.5"), "builtin:delay"]).expect(0);
    let mut reused = Vec::new();
    for (out, more) in [("warm", &[][..]), ("fresh", &["--fresh"])] {
        place.write("job.yaml", text(out));
        place.run(&[&["render", "job.yaml", "--workers", "1"], more].concat()).expect(0);
        let manifest = place.manifest(&format!("{out}/manifest.jsonl"));
        reused.push(manifest.iter().map(|line| line["timings"]["devices_reused"].as_u64().unwrap_or(0)).sum::<u64>());
    }
    assert_eq!(reused, [4, 0], "two devices, for all songs but the first");
    assert_eq!(place.sound_files("warm"), place.sound_files("fresh"));
}

#[test]
fn real_plugins_that_are_used_again_sound_as_fresh_ones_do() {
    if !Path::new("/usr/lib/clap/ZamTube.clap").exists() {
        eprintln!("skipped: zam-plugins is not installed; scripts/test brings it");
        return;
    }
    let place = Place::new();
    takes(&place, 1);
    let devices: Vec<String> = ["clap", "vst3"]
        .iter()
        .flat_map(|format| {
            ["ZamDelay", "ZamCompX2", "ZamTube", "ZamGEQ31"].map(|name| format!("{format}:{name}.{format}"))
        })
        .collect();
    let specs: Vec<&str> = devices.iter().map(String::as_str).collect();
    let told = place.run(&[&["plugins", "probe", "--json"], &specs[..]].concat()).expect(0);
    let verdicts: Vec<Value> = serde_json::from_str(&told.out).unwrap();
    let safe: Vec<bool> = verdicts.iter().map(|verdict| verdict["reset_safe"] == true).collect();
    assert!(safe.iter().filter(|safe| **safe).count() >= 2, "some of them are safe: {safe:?}");
    let tones: String = devices
        .iter()
        .zip(0..)
        .map(|(device, n)| {
            let (format, file) = device.split_once(':').unwrap();
            format!("  - {{ name: t{n}, chain: [{{ {format}: {file}, channels: duplicate }}] }}\n")
        })
        .collect();
    job(&place, &tones, "warm");
    let expected: Vec<(String, u64)> =
        safe.iter().zip(0..).map(|(safe, n)| (format!("t{n}"), if *safe { TAKES - 1 } else { 0 })).collect();
    assert_eq!(reused(&place, "warm", &[]), expected);
    job(&place, &tones, "fresh");
    reused(&place, "fresh", &["--fresh"]);
    assert_eq!(place.sound_files("warm"), place.sound_files("fresh"));
}
