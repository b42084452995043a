//! Whatever goes into a file is part of its task's key: change it, and exactly what depends on it renders again.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use tonemill_tests::{Place, files_below, fixture, fixtures, midi, repository, sine};

/// Each file of the output with what tells it from one that was written again: every file is made under another name.
fn standing(place: &Place) -> BTreeMap<String, (u64, i64)> {
    let root = place.path("out");
    let files = files_below(&root).into_iter().filter(|path| {
        !path.starts_with(root.join(".tonemill")) && path.extension().is_some_and(|e| e == "wav" || e == "mid")
    });
    let identity = |path: PathBuf| {
        let metadata = std::fs::metadata(&path).unwrap();
        (path.strip_prefix(&root).unwrap().display().to_string(), (metadata.ino(), metadata.mtime_nsec()))
    };
    files.map(identity).collect()
}

/// Renders again, and gives the files that were written.
fn rendered_again(place: &Place, job: &str) -> BTreeSet<String> {
    let before = standing(place);
    place.run(&["render", job]).expect(0);
    let after = standing(place);
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
    after.into_iter().filter(|(name, identity)| before[name] != *identity).map(|(name, _)| name).collect()
}

#[track_caller]
fn expect(place: &Place, job: &str, what: &str, files: &[&str]) {
    let expected: BTreeSet<String> = files.iter().map(|&name| name.to_owned()).collect();
    assert_eq!(rendered_again(place, job), expected, "{what}");
    assert_eq!(rendered_again(place, job), BTreeSet::new(), "{what}: the second time nothing has changed");
}

const TONES: [&str; 6] = ["amp", "cab", "copied", "drawn", "kept", "plain"];

fn tone_job(place: &Place, seed: u32, more: &str, audio: &str) {
    place.write(
        "job.yaml",
        format!(
            "tonemill: 1\nseed: {seed}\n{audio}inputs: {{ di: {{ files: \"di/{{id}}.wav\" }} }}\ntones: [\"tones/*.yaml\"]\n\
             output: {{ path: \"out/{{tone}}/{{id}}.wav\"{more} }}\n"
        ),
    );
}

#[test]
fn each_input_of_a_tone_renders_its_own_dependants_again_and_nothing_else() {
    let place = Place::new();
    let take = |name: &str, level| place.wav(name, 48_000, &vec![sine(48_000, 220.0, level, 9600); 2]);
    take("di/a.wav", 0.5);
    take("di/b.wav", 0.25);
    let response = |level: f32| vec![(0..240).map(|n| level * (-(n as f32) / 40.0).exp()).collect::<Vec<f32>>()];
    place.wav("tones/ir/room.wav", 48_000, &response(0.5));
    let amp = std::fs::read(repository().join("devices/assets/chump.nam")).unwrap();
    let plugin = std::fs::read(fixtures()).unwrap();
    place.write("tones/amp.nam", &amp);
    place.write("tones/copy.clap", &plugin);
    let capture = |gain: &str| {
        let spec = fixture("gain", &format!("Gain={gain}"));
        place.run(&["preset", "capture", &spec, "-o", "captured.yaml", "--force"]).expect(0);
        std::fs::rename(place.path("captured.state"), place.path("tones/kept.state")).unwrap();
    };
    capture("-4");
    let clap = |file: &str, more: &str| format!("{{ clap: \"{file}\", id: org.tonemill.fixture.gain{more} }}");
    let tone = |name: &str, chain: &str| {
        place.write(&format!("tones/{name}.yaml"), format!("tonemill: 1\nname: {name}\nchain: [{chain}]\n"))
    };
    let own = fixtures().display().to_string();
    let plain = |gain: &str| tone("plain", &clap(&own, &format!(", params: {{ Gain: {gain} dB }}")));
    plain("-1");
    tone("amp", "{ nam: amp.nam, channels: dual_mono }");
    tone("cab", "{ cabinet: ir/room.wav }");
    tone("copied", &clap(&place.path("tones/copy.clap").display().to_string(), ""));
    tone("drawn", "{ gain: { uniform: [-12 dB, 0 dB] } }");
    tone("kept", &clap(&own, ", state: kept.state"));
    tone_job(&place, 1, "", "");
    place.run(&["render", "job.yaml"]).expect(0);
    let all: Vec<String> = TONES.iter().flat_map(|tone| ["a", "b"].map(|take| format!("{tone}/{take}.wav"))).collect();
    assert_eq!(standing(&place).into_keys().collect::<Vec<_>>(), all);
    expect(&place, "job.yaml", "nothing", &[]);

    take("di/a.wav", 0.4);
    let of_a: Vec<&str> = all.iter().map(String::as_str).filter(|name| name.ends_with("/a.wav")).collect();
    expect(&place, "job.yaml", "a recording", &of_a);
    plain("-2");
    expect(&place, "job.yaml", "a parameter of a preset", &["plain/a.wav", "plain/b.wav"]);
    place.write("tones/amp.nam", [&amp[..], b"\n"].concat());
    expect(&place, "job.yaml", "a model", &["amp/a.wav", "amp/b.wav"]);
    place.wav("tones/ir/room.wav", 48_000, &response(0.4));
    expect(&place, "job.yaml", "an impulse response", &["cab/a.wav", "cab/b.wav"]);
    place.write("tones/copy.clap", [&plugin[..], b"another build"].concat());
    expect(&place, "job.yaml", "a plugin's binary", &["copied/a.wav", "copied/b.wav"]);
    capture("-5");
    expect(&place, "job.yaml", "a state", &["kept/a.wav", "kept/b.wav"]);
    tone_job(&place, 2, "", "");
    expect(&place, "job.yaml", "the seed", &["drawn/a.wav", "drawn/b.wav"]);
    let whole: Vec<&str> = all.iter().map(String::as_str).collect();
    tone_job(&place, 2, ", bits: 16", "");
    expect(&place, "job.yaml", "the output's format", &whole);
    tone_job(&place, 2, ", bits: 16, length: { tail: 1 s }", "");
    expect(&place, "job.yaml", "the output's length", &whole);
    tone_job(&place, 2, ", bits: 16, length: { tail: 1 s }", "audio: { block_size: 256 }\n");
    expect(&place, "job.yaml", "the block size", &whole);

    // What decides nothing: times, comments, and words for people.
    take("di/a.wav", 0.4);
    place.write("job.yaml", std::fs::read_to_string(place.path("job.yaml")).unwrap() + "# as before\n");
    expect(&place, "job.yaml", "the same bytes again, and a comment", &[]);
}

#[test]
fn each_input_of_a_song_renders_the_songs_that_use_it_again_and_no_other() {
    let place = Place::new();
    let font = std::fs::read(repository().join("devices/assets/tonemill.sf2")).unwrap();
    place.write("font.sf2", &font);
    let notes = |key: u8| midi(0, 96, &[&[0, 0x90, key, 100, 0x60, 0x80, key, 0, 0, 0xff, 0x2f, 0]]);
    place.write("songs/one.mid", notes(60));
    place.write("songs/two.mid", notes(64));
    place.wav("vocal.wav", 48_000, &[sine(48_000, 330.0, 0.25, 9600)]);
    for (name, tracks) in [
        ("one", "notes: { midi: songs/one.mid, instrument: { builtin: soundfont, soundfont: font.sf2 } }"),
        ("two", "notes: { midi: songs/two.mid, instrument: { builtin: soundfont } }\n    vocal: { audio: vocal.wav }"),
    ] {
        let session = format!("session:\n  tempo: 120\n  tracks:\n    {tracks}\n");
        place.write(
            &format!("{name}.yaml"),
            format!("tonemill: 1\n{session}output: {{ path: \"out/{name}/mix.wav\" }}\n"),
        );
        place.run(&["render", &format!("{name}.yaml")]).expect(0);
    }
    type Change<'a> = (&'a str, Box<dyn Fn() + 'a>, &'a [&'a str]);
    let changes: [Change<'_>; 4] = [
        ("a MIDI file", Box::new(|| drop(place.write("songs/one.mid", notes(61)))), &["one/mix.wav"]),
        ("a SoundFont", Box::new(|| drop(place.write("font.sf2", [&font[..], &[0; 2]].concat()))), &["one/mix.wav"]),
        ("another MIDI file", Box::new(|| drop(place.write("songs/two.mid", notes(65)))), &["two/mix.wav"]),
        (
            "a recording",
            Box::new(|| drop(place.wav("vocal.wav", 48_000, &[sine(48_000, 331.0, 0.25, 9600)]))),
            &["two/mix.wav"],
        ),
    ];
    for (what, change, files) in changes {
        change();
        let again: BTreeSet<String> =
            ["one.yaml", "two.yaml"].iter().flat_map(|job| rendered_again(&place, job)).collect();
        assert_eq!(again, files.iter().map(|&name| name.to_owned()).collect::<BTreeSet<_>>(), "{what}");
    }
}
