//! What a session's files are, measured: placed in time, at other rates, faded, trimmed, described, and as loud as asked.

use std::f64::consts::TAU;
use std::path::Path;
use std::process::Command;

use tonemill_tests::{Place, fixtures, loud, midi, read_wav, real, repository, sine};

const RATE: u32 = 48_000;

fn job(session: &str, output: &str) -> String {
    format!(
        "tonemill: 1\nname: delivered\nsession:\n{session}\noutput:\n  path: \"out/{{name}}.wav\"\n  bits: 32f\n{output}\n"
    )
}

#[test]
fn bars_of_the_jobs_own_tempo_and_meter_place_recordings_notes_and_automation() {
    let place = Place::new();
    let mut tick = vec![0.0; 100];
    tick[7] = 0.5;
    place.wav("tick.wav", RATE, &[tick.clone(), tick]);
    place.wav("long.wav", RATE, &vec![vec![0.5; 9 * 48_000]; 2]);
    // A beat is 480 ticks: notes at beats 0, 7, 8, 9 and 11, each an eighth long.
    let mut notes = Vec::new();
    for wait in [&[0][..], &[0x98, 0x30], &[0x81, 0x70], &[0x81, 0x70], &[0x85, 0x50]] {
        notes.extend([wait, &[0x90, 69, 127, 0x81, 0x70, 0x80, 69, 0]].concat());
    }
    notes.extend([0, 0xff, 0x2f, 0]);
    place.write("a.mid", midi(0, 480, &[&notes]));
    // Two bars of 4/4 at 120 are 4 s; from bar 3 on a beat is a second and a bar three.
    let session = format!(
        "  tempo: [[1.1, 120], [3.1, 60]]
  meter: [[1.1, 4/4], [3.1, 3/4]]
  tracks:
    tick: {{ audio: tick.wav, offset: 4.2 }}
    notes: {{ midi: a.mid, instrument: {{ clap: {0}, id: org.tonemill.fixture.sine }} }}
    later: {{ midi: a.mid, offset: 0.5s, instrument: {{ clap: {0}, id: org.tonemill.fixture.sine }} }}
    level: {{ audio: long.wav, automation: {{ gain: [[1.1, 0 dB, hold], [3.2, -6 dB, hold], [8.5s, 0 dB]] }} }}",
        fixtures().display()
    );
    place.write("job.yaml", job(&session, "  deliver: [tracks]"));
    place.run(&["render", "job.yaml"]).expect(0);
    let track = |name: &str| read_wav(&place.path(&format!("out/track-{name}.wav")))[0].clone();
    assert_eq!(loud(&track("tick")), [8 * 48_000 + 7], "the second beat of bar 4 is at 8 s");
    // Each note's first frame is its crest.
    let onsets = |sound: &[f32]| -> Vec<usize> {
        let silent = |n: usize| (1..=500).all(|back| n < back || sound[n - back].abs() < 1e-6);
        (0..sound.len()).filter(|n| sound[*n].abs() > 0.2 && silent(*n)).collect()
    };
    let seconds = [0.0, 3.5, 4.0, 5.0, 7.0];
    let frames = |offset: f64| seconds.map(|at| ((at + offset) * 48_000.0) as usize);
    assert_eq!(onsets(&track("notes")), frames(0.0));
    assert_eq!(onsets(&track("later")), frames(0.5));
    let level = track("level");
    let half = 0.5 * 10f32.powf(-6.0 / 20.0);
    let steps = [(239_999, 0.5), (240_000, half), (407_999, half), (408_000, 0.5)];
    assert!(
        steps.iter().all(|(n, expected)| (level[*n] - expected).abs() < 1e-7),
        "{:?}",
        steps.map(|(n, _)| level[n])
    );
}

#[test]
fn another_rate_keeps_time_pitch_and_length_and_stands_in_the_header() {
    let place = Place::new();
    place.wav("sine.wav", RATE, &vec![sine(RATE, 1000.0, 0.5, RATE as usize); 2]);
    let mut tick = vec![0.0; RATE as usize];
    tick[24_000] = 0.5;
    place.wav("tick.wav", RATE, &[tick.clone(), tick]);
    let session = "  tracks:\n    sine: { audio: sine.wav }\n    tick: { audio: tick.wav }";
    let output = "  sample_rate: 44100\n  deliver: [tracks, { premaster: { sample_rate: 96000 } }]";
    place.write("job.yaml", job(session, output));
    place.run(&["render", "job.yaml"]).expect(0);
    for (name, rate) in [("track-sine", 44_100u32), ("track-tick", 44_100), ("premaster", 96_000)] {
        let path = place.path(&format!("out/{name}.wav"));
        assert_eq!(hound::WavReader::open(&path).unwrap().spec().sample_rate, rate, "{name}");
        assert_eq!(read_wav(&path)[0].len(), rate as usize, "{name}");
    }
    let got = &read_wav(&place.path("out/track-sine.wav"))[0];
    let wanted = sine(44_100, 1000.0, 0.5, 44_100);
    let worst = (2000..42_000).map(|n| (got[n] - wanted[n]).abs()).fold(0.0, f32::max);
    assert!(worst < 1e-4, "{worst}");
    let tick = &read_wav(&place.path("out/track-tick.wav"))[0];
    let crest = (0..tick.len()).max_by(|a, b| tick[*a].abs().total_cmp(&tick[*b].abs()));
    assert_eq!(crest, Some(22_050));
}

#[test]
fn sound_is_trimmed_faded_and_brought_to_its_level_in_that_place() {
    let place = Place::new();
    let mut take = vec![0.0; 30_000];
    take[5000..25_000].fill(0.25);
    place.wav("take.wav", RATE, &[take.clone(), take]);
    let session = "  tracks: { t: { audio: take.wav } }";
    let output = "  trim: -60 dB\n  fade_in: 100 ms\n  fade_out: 50 ms\n  normalize: { peak: -6 dBFS }\n  deliver: [mix, premaster]";
    place.write("job.yaml", job(session, output));
    place.run(&["render", "job.yaml"]).expect(0);
    let mix = &read_wav(&place.path("out/mix.wav"))[0];
    assert_eq!(mix.len(), 20_000, "only what sounds is left");
    let level = 10f64.powf(-6.0 / 20.0);
    for (frame, part) in
        [(0, 0.0), (1200, 0.25), (2400, 0.5), (4800, 1.0), (10_000, 1.0), (17_599, 1.0), (18_799, 0.5), (19_999, 0.0)]
    {
        let got = f64::from(mix[frame]);
        assert!((got - part * level).abs() < 2e-4, "at {frame}: {got}, not {}", part * level);
    }
    let manifest = place.manifest("out/manifest.jsonl");
    let line = |name: &str| manifest.iter().find(|line| line["path"] == name).unwrap();
    let finished = &line("mix.wav")["file"]["finished"];
    assert_eq!(
        (finished["trimmed_start_frames"].as_u64(), finished["trimmed_end_frames"].as_u64()),
        (Some(5000), Some(5000))
    );
    assert!((finished["gain_db"].as_f64().unwrap() - (20.0 * (level / 0.25).log10())).abs() < 0.01, "{finished}");
    // Parts keep their beginnings and levels, so that they still line up and sum; they fade like the whole.
    let premaster = &read_wav(&place.path("out/premaster.wav"))[0];
    assert_eq!((premaster.len(), premaster[5000], premaster[4999]), (30_000, 0.25, 0.0));
}

#[test]
fn a_broadcast_wave_says_who_made_it_when_it_begins_and_how_loud_it_is() {
    let place = Place::new();
    place.wav("take.wav", RATE, &vec![sine(RATE, 997.0, 0.25, 5 * 48_000); 2]);
    let bext = "  bext: { description: A take, originator: the studio, reference: REF-7, date: 2026-01-31, time: '10:20:30', time_reference: 172800000 }";
    place.write("job.yaml", job("  tracks: { t: { audio: take.wav } }", &format!("{bext}\n  deliver: [mix]")));
    place.run(&["render", "job.yaml"]).expect(0);
    let bytes = std::fs::read(place.path("out/mix.wav")).unwrap();
    let mut at = 12;
    while &bytes[at..at + 4] != b"bext" {
        let length = u32::from_le_bytes(bytes[at + 4..at + 8].try_into().unwrap()) as usize;
        at += 8 + length + length % 2;
        assert!(at + 8 < bytes.len(), "there is no bext chunk");
    }
    let chunk = &bytes[at + 8..];
    let text = |from: usize, length: usize| {
        let text = std::str::from_utf8(&chunk[from..from + length]).unwrap();
        text.trim_end_matches('\0').to_owned()
    };
    let texts = [text(0, 256), text(256, 32), text(288, 32), text(320, 10), text(330, 8)];
    assert_eq!(texts, ["A take", "the studio", "REF-7", "2026-01-31", "10:20:30"]);
    assert_eq!(u64::from_le_bytes(chunk[338..346].try_into().unwrap()), 172_800_000);
    assert_eq!(u16::from_le_bytes(chunk[346..348].try_into().unwrap()), 2, "the version");
    let number = |at: usize| f64::from(i16::from_le_bytes(chunk[at..at + 2].try_into().unwrap())) / 100.0;
    let manifest = place.manifest("out/manifest.jsonl");
    let file = &manifest[0]["file"];
    for (at, name) in
        [(412, "loudness_lufs"), (416, "true_peak_dbtp"), (418, "momentary_lufs"), (420, "short_term_lufs")]
    {
        let measured = file[name].as_f64().unwrap();
        assert!((number(at) - measured).abs() <= 0.0051, "{name}: {} and {measured}", number(at));
    }
    // A sine of 997 Hz at -12 dBFS on both sides has -12 LUFS by definition, and that peak.
    assert!(
        (number(412) + 12.04).abs() < 0.06 && (number(416) + 12.04).abs() < 0.06,
        "{} {}",
        number(412),
        number(416)
    );
    assert_eq!(read_wav(&place.path("out/mix.wav"))[0].len(), 5 * 48_000, "the sound is still where readers look");
}

/// What ffmpeg measures: integrated loudness in LUFS, true peak in dBTP.
fn measured(path: &Path) -> (f64, f64) {
    let filter = "ebur128=peak=true:metadata=1,ametadata=print:file=-";
    let output = Command::new("ffmpeg")
        .args(["-hide_banner", "-nostats", "-i"])
        .arg(path)
        .args(["-af", filter, "-f", "null", "-"])
        .output()
        .expect("ffmpeg starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let last = |name: &str| {
        let mut lines = text.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        lines.next_back().unwrap_or_else(|| panic!("ffmpeg says no {name}")).parse::<f64>().unwrap()
    };
    (last("lavfi.r128.I"), 20.0 * last("lavfi.r128.true_peak").log10())
}

#[test]
fn five_songs_are_as_loud_and_as_high_as_another_measurement_finds_them() {
    let Some(music) = real("TONEMILL_REAL_MUSIC") else { return };
    if Command::new("ffmpeg").arg("-version").output().is_err() {
        eprintln!("skipped: ffmpeg is not installed; scripts/test brings it");
        return;
    }
    let place = Place::new();
    // Song, loudness, ceiling, and whether a limiter may work to reach both.
    let songs = [
        ("5432gone_redfarn", -14.0, -1.0, "limit"),
        ("modern_motion", -9.0, -1.0, "limit"),
        ("keep_on_rolling", -23.0, -2.0, "scale"),
        ("tttheme2", -16.0, -1.5, "limit"),
        ("wood_whistles", -20.0, -3.0, "scale"),
    ];
    for (song, loudness, ceiling, by) in songs {
        let file = music.join(format!("midi/{song}.mid"));
        let session = format!(
            "  tempo: from_midi
  tracks:
    all: {{ midi: {}, instrument: {{ builtin: soundfont }} }}
  master: {{ chain: {}, loudness: {loudness} LUFS, ceiling: {ceiling} dBTP, ceiling_by: {by} }}",
            file.display(),
            repository().join("presets/library/mix/master.yaml").display()
        );
        let text = job(&session, "  bits: 24\n  length: 30 s\n  deliver: [mix]").replace("  bits: 32f\n", "");
        place.write(&format!("{song}.yaml"), text.replace("out/", &format!("{song}/")));
        place.run(&["render", &format!("{song}.yaml")]).expect(0);
        let line = &place.manifest(&format!("{song}/manifest.jsonl"))[0];
        let (own_loudness, own_peak) =
            (line["file"]["loudness_lufs"].as_f64().unwrap(), line["file"]["true_peak_dbtp"].as_f64().unwrap());
        let (their_loudness, their_peak) = measured(&place.path(&format!("{song}/mix.wav")));
        let told = format!(
            "{song}: {own_loudness:.3} LUFS, ffmpeg {their_loudness:.3}; {own_peak:.3} dBTP, ffmpeg {their_peak:.3}"
        );
        println!("{told}");
        assert!((own_loudness - their_loudness).abs() <= 0.1, "{told}");
        assert!((own_peak - their_peak).abs() <= 0.1, "{told}");
        assert!(their_peak <= ceiling + 0.1, "{told}: above the ceiling of {ceiling}");
        // With `scale` a song that is too high stays softer; the limiter is there to be as loud as asked.
        let reached = (their_loudness - loudness).abs() <= 0.1;
        let held_down = by == "scale" && (their_peak - ceiling).abs() <= 0.1 && their_loudness < loudness;
        assert!(reached || held_down, "{told}: not {loudness} LUFS");
    }
}

#[test]
fn a_tone_of_known_power_measures_as_the_standard_says() {
    let place = Place::new();
    let frames = 10 * RATE as usize;
    let tone: Vec<f32> = (0..frames).map(|n| (TAU * 997.0 * n as f64 / f64::from(RATE)).sin() as f32 * 0.1).collect();
    place.wav("tone.wav", RATE, &[tone.clone(), tone]);
    place.write("job.yaml", job("  tracks: { t: { audio: tone.wav } }", "  loudness: -23 LUFS\n  deliver: [mix]"));
    place.run(&["render", "job.yaml"]).expect(0);
    let line = &place.manifest("out/manifest.jsonl")[0];
    assert!((line["file"]["loudness_lufs"].as_f64().unwrap() + 23.0).abs() < 0.01, "{line}");
    // BS.1770: both sides at -23 dBFS peak are -23 LUFS.
    let peak = read_wav(&place.path("out/mix.wav"))[0].iter().fold(0f32, |peak, sample| peak.max(sample.abs()));
    assert!((20.0 * peak.log10() + 23.0).abs() < 0.1, "{peak}");
}
