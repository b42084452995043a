//! Real plugins and real music, from package archives.

use std::path::Path;

use tonemill_tests::{Place, Ran, Trixie, read_wav, real};

const SONG: &str = r#"tonemill: 1
session:
  tempo: from_midi
  tracks:
    alto: { midi: { file: SONG, track: Alto }, instrument: { builtin: soundfont, params: { Program: 48 } }, pan: 20, sends: { plate: -10 dB } }
    piano: { midi: { file: SONG, track: Piano }, instrument: { builtin: soundfont, params: { Program: 0 } }, pan: -20, sends: { plate: -14 dB } }
    bass:
      midi: { file: SONG, track: Bass Guitar }
      instrument:
        - { clap: Nekobi.clap }
        - { clap: ZamTube.clap, channels: downmix }
    drums: { midi: { file: SONG, track: Drum Kit }, instrument: { builtin: soundfont, params: { Drums: on } }, bus: band }
  busses:
    band: { chain: [{ clap: ZamCompX2.clap }] }
    plate: { chain: [{ clap: DragonflyPlateReverb.clap, params: { Dry Level: 0, Wet Level: 100 } }] }
  master: { gain: -6 dB }
output: { path: "out/{name}.wav", bits: 32f, length: { tail: 5 s }, deliver: [mix, premaster, stems] }
"#;

#[test]
fn a_real_song_renders_through_hosted_instruments_and_effects_and_its_stems_sum_to_the_premaster() {
    let place = Place::new();
    let (Some(trixie), Some(music)) = (Trixie::new(&place), real("TONEMILL_REAL_MUSIC")) else { return };
    let song = music.join("midi/5432gone_redfarn.mid");
    place.write("song.yaml", SONG.replace("SONG", &song.display().to_string()));
    trixie.run(&place, &["render", "song.yaml"]).expect(0);

    let manifest = place.manifest("out/manifest.jsonl");
    let names: Vec<&str> = manifest.iter().map(|line| line["path"].as_str().unwrap()).collect();
    assert_eq!(names.len(), 7, "{names:?}");
    for line in &manifest {
        assert_eq!(line["file"]["silent"], false, "{}", line["path"]);
        assert_eq!(line["file"]["clipped_samples"], 0, "{}", line["path"]);
        assert_eq!(line["file"]["frames"], manifest[0]["file"]["frames"], "{} is as long as the mix", line["path"]);
    }
    let premaster = read_wav(&place.path("out/premaster.wav"));
    let mut sum = vec![vec![0f64; premaster[0].len()]; 2];
    for name in names.iter().filter(|name| ["alto", "piano", "bass", "band", "plate"].iter().any(|s| name.contains(s)))
    {
        for (to, from) in sum.iter_mut().zip(read_wav(&place.path(&format!("out/{name}")))) {
            to.iter_mut().zip(from).for_each(|(to, from)| *to += f64::from(from));
        }
    }
    let worst = sum.iter().flatten().zip(premaster.iter().flatten()).map(|(a, b)| (a - f64::from(*b)).abs());
    let worst = worst.fold(0.0, f64::max);
    assert!(worst <= 1e-6, "the stems miss the premaster by {worst}");
}

#[test]
fn every_native_zam_plugin_renders_and_repeats_itself() {
    if !Path::new("/usr/lib/clap/ZamTube.clap").exists() {
        eprintln!("skipped: zam-plugins is not installed; scripts/test brings it");
        return;
    }
    let place = Place::new();
    place.wav("di/take.wav", 48_000, &vec![tonemill_tests::sine(48_000, 220.0, 0.25, 24_000); 2]);
    let tones: String = ["ZamTube", "ZamComp", "ZamDelay", "ZamVerb", "ZamEQ2", "ZamGateX2", "ZamAutoSat"]
        .iter()
        .map(|name| format!("  - {{ name: {name}, chain: [{{ clap: {name}.clap, channels: dual_mono }}] }}\n"))
        .collect();
    let output = |folder: &str| format!("output: {{ path: \"{folder}/{{tone}}.wav\", bits: 32f }}\n");
    for folder in ["one", "two"] {
        let text =
            format!("tonemill: 1\ninputs: {{ di: {{ files: di/take.wav }} }}\ntones:\n{tones}{}", output(folder));
        place.write(&format!("{folder}.yaml"), text);
        let ran: Ran = place
            .command(&["render", &format!("{folder}.yaml")])
            .env("CLAP_PATH", "/usr/lib/clap")
            .output()
            .unwrap()
            .into();
        ran.expect(0);
    }
    let (one, two) = (place.sound_files("one"), place.sound_files("two"));
    assert_eq!(one.len(), 7);
    assert!(one == two, "the same renders give the same bytes");
}
